/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_client.c: a blocking rpc client that comes back.
 *
 * What is to be watched is kept here and told to each xenstored anew; the
 * events that this brings are what a change during its absence would have
 * brought.  Notifications that arrive while a call waits for its answer are
 * kept by rpc_client, whose descriptor does not show them: so each call asks
 * the loop to look for them.
 */
#include "hypervisor/xenstore_client.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>
#include <sys/queue.h>

#include "base/log.h"

#define RETRY_MS 100 /* between attempts to connect, when there are watches */

struct watched {
	TAILQ_ENTRY(watched) next;
	char *uuid;
	char *path;
	bool told; /* to the xenstored that we are connected to */
};

struct xenstore_client {
	char *path;
	struct rpc_client *rpc; /* NULL: not connected */
	uint64_t silent_until;
	TAILQ_HEAD(, watched) watches;
	struct event_base *base; /* NULL: no events */
	struct event *readable;	 /* of rpc's descriptor */
	struct event *retry;
	xenstore_event_fn on_event;
	void *ctx;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static struct watched *find(struct xenstore_client *c, const char *uuid,
			    const char *path)
{
	struct watched *w;

	TAILQ_FOREACH(w, &c->watches, next)
		if (!strcmp(w->uuid, uuid) && !strcmp(w->path, path))
			return w;
	return NULL;
}

static void forget(struct xenstore_client *c, struct watched *w)
{
	TAILQ_REMOVE(&c->watches, w, next);
	free(w->uuid);
	free(w->path);
	free(w);
}

static void forget_tree(struct xenstore_client *c, const char *uuid)
{
	struct watched *w = TAILQ_FIRST(&c->watches);

	while (w) {
		struct watched *next = TAILQ_NEXT(w, next);

		if (!strcmp(w->uuid, uuid))
			forget(c, w);
		w = next;
	}
}

/* ---- the connection ---------------------------------------------------- */

static void try_later(struct xenstore_client *c)
{
	const struct timeval tv = { .tv_usec = RETRY_MS * 1000 };

	if (c->retry && !TAILQ_EMPTY(&c->watches))
		event_add(c->retry, &tv);
}

static void hang_up(struct xenstore_client *c)
{
	struct watched *w;

	if (c->readable)
		event_free(c->readable);
	c->readable = NULL;
	rpc_client_close(c->rpc);
	c->rpc = NULL;
	TAILQ_FOREACH(w, &c->watches, next)
		w->told = false;
	try_later(c);
}

static void tell(struct xenstore_client *c, json_t *params)
{
	const char *uuid = NULL, *watch = NULL, *path = NULL;

	if (!json_unpack(params, "{s:s, s:s, s:s}", "uuid", &uuid, "watch",
			 &watch, "path", &path) &&
	    find(c, uuid, watch))
		c->on_event(uuid, watch, path, c->ctx);
}

/* The handler may call us, and a call may find the connection lost. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct xenstore_client *c = arg;
	char *method;
	json_t *params;
	int rc = 0;

	while (c->rpc &&
	       (rc = rpc_client_next(c->rpc, 0, &method, &params)) > 0) {
		if (!strcmp(method, "store.event"))
			tell(c, params);
		free(method);
		json_decref(params);
	}
	if (rc < 0 && c->rpc)
		hang_up(c);
}

static int listen_for_events(struct xenstore_client *c)
{
	if (!c->base)
		return 0;
	c->readable = event_new(c->base, rpc_client_fd(c->rpc),
				EV_READ | EV_PERSIST, on_readable, c);
	return c->readable && !event_add(c->readable, NULL) ? 0 : -ENOMEM;
}

static int tell_watch(struct xenstore_client *c, struct watched *w,
		      struct rpc_error *err)
{
	json_t *params = json_pack("{s:s, s:s}", "uuid", w->uuid, "path",
				   w->path);
	int rc = rpc_call(c->rpc, "store.watch", params, NULL,
			  XENSTORE_TIMEOUT_MS, NULL, err);

	w->told = !rc;
	return rc;
}

/* One that is refused now names a tree that is no more. */
static int tell_watches(struct xenstore_client *c, struct rpc_error *err)
{
	struct watched *w = TAILQ_FIRST(&c->watches);

	while (w) {
		struct watched *next = TAILQ_NEXT(w, next);
		int rc = w->told ? 0 : tell_watch(c, w, err);

		if (rc == -EREMOTEIO)
			forget(c, w);
		else if (rc)
			return rc;
		w = next;
	}
	return 0;
}

static int connected(struct xenstore_client *c, struct rpc_error *err)
{
	int rc;

	if (now_ms() < c->silent_until) {
		rpc_error_set(err, 0, NULL, NULL,
			      "it is stopped, or busy for long; kill -9 makes "
			      "its supervisor start another",
			      "causeway-xenstored does not answer");
		return -ETIMEDOUT;
	}
	if (c->rpc)
		return 0;
	rc = rpc_client_open(&c->rpc, c->path, err);
	if (rc) {
		try_later(c);
		return rc;
	}
	rc = listen_for_events(c);
	return rc ? rc : tell_watches(c, err);
}

/* The connection is of no more use: what comes next begins another. */
static void lost(struct xenstore_client *c, int rc)
{
	if (rc == -ETIMEDOUT && now_ms() >= c->silent_until) {
		c->silent_until = now_ms() + XENSTORE_SILENT_MS;
		log_warn("causeway-xenstored does not answer; what needs it "
			 "has to wait");
	}
	if (c->rpc)
		hang_up(c);
}

static int call_once(struct xenstore_client *c, const char *method,
		     json_t *params, json_t **result, struct rpc_error *err)
{
	int rc = connected(c, err);

	if (!rc)
		rc = rpc_call(c->rpc, method, json_incref(params), NULL,
			      XENSTORE_TIMEOUT_MS, result, err);
	if (rc && rc != -EREMOTEIO)
		lost(c, rc);
	else if (c->readable)
		event_active(c->readable, EV_READ, 0);
	return rc;
}

/*
 * A connection that was lost since the last call shows only now: once more,
 * for every verb may be said twice.  params is taken.
 */
static int call(struct xenstore_client *c, const char *method, json_t *params,
		json_t **result, struct rpc_error *err)
{
	bool fresh = !c->rpc;
	int rc;

	if (!params)
		return -ENOMEM;
	rc = call_once(c, method, params, result, err);
	if (!fresh && (rc == -EPIPE || rc == -ECONNRESET))
		rc = call_once(c, method, params, result, err);
	json_decref(params);
	return rc;
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct xenstore_client *c = arg;
	struct rpc_error err;
	int rc = connected(c, &err);

	if (rc)
		lost(c, rc);
	if (rc)
		try_later(c);
	else
		event_active(c->readable, EV_READ, 0);
}

/* ---- what the header says ----------------------------------------------- */

int xenstore_client_new(struct xenstore_client **out, const char *path,
			struct event_base *base, xenstore_event_fn on_event,
			void *ctx)
{
	struct xenstore_client *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	TAILQ_INIT(&c->watches);
	c->base = base;
	c->on_event = on_event;
	c->ctx = ctx;
	c->path = strdup(path ? path : XENSTORED_SOCKET);
	if (base)
		c->retry = event_new(base, -1, 0, on_retry, c);
	if (!c->path || (base && !c->retry)) {
		xenstore_client_free(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

void xenstore_client_free(struct xenstore_client *c)
{
	if (!c)
		return;
	while (!TAILQ_EMPTY(&c->watches))
		forget(c, TAILQ_FIRST(&c->watches));
	if (c->rpc)
		hang_up(c);
	if (c->retry)
		event_free(c->retry);
	free(c->path);
	free(c);
}

int xenstore_client_create(struct xenstore_client *c, const char *uuid,
			   uid_t uid, bool *created, struct rpc_error *err)
{
	json_t *result = NULL;
	int rc = call(c, "store.create",
		      json_pack("{s:s, s:I}", "uuid", uuid, "uid",
				(json_int_t)uid),
		      &result, err);

	if (!rc && created)
		*created = json_is_true(json_object_get(result, "created"));
	json_decref(result);
	return rc;
}

int xenstore_client_destroy(struct xenstore_client *c, const char *uuid,
			    struct rpc_error *err)
{
	int rc = call(c, "store.destroy", json_pack("{s:s}", "uuid", uuid),
		      NULL, err);

	if (rc == -EREMOTEIO && err->code == RPC_NOT_FOUND)
		rc = 0;
	if (!rc)
		forget_tree(c, uuid);
	return rc;
}

int xenstore_client_write(struct xenstore_client *c, const char *uuid,
			  json_t *values, json_t *perms,
			  struct rpc_error *err)
{
	return call(c, "store.write",
		    json_pack("{s:s, s:o, s:o*}", "uuid", uuid, "values",
			      values, "perms", perms),
		    NULL, err);
}

int xenstore_client_read(struct xenstore_client *c, const char *uuid,
			 const char *path, json_t **out, struct rpc_error *err)
{
	return call(c, "store.read",
		    json_pack("{s:s, s:s}", "uuid", uuid, "path", path), out,
		    err);
}

int xenstore_client_rm(struct xenstore_client *c, const char *uuid,
		       const char *path, struct rpc_error *err)
{
	int rc = call(c, "store.rm",
		      json_pack("{s:s, s:s}", "uuid", uuid, "path", path),
		      NULL, err);

	return rc == -EREMOTEIO && err->code == RPC_NOT_FOUND ? 0 : rc;
}

static struct watched *remember(struct xenstore_client *c, const char *uuid,
				const char *path)
{
	struct watched *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->uuid = strdup(uuid);
	w->path = strdup(path);
	TAILQ_INSERT_TAIL(&c->watches, w, next);
	if (w->uuid && w->path)
		return w;
	forget(c, w);
	return NULL;
}

int xenstore_client_watch(struct xenstore_client *c, const char *uuid,
			  const char *path, struct rpc_error *err)
{
	struct watched *w;
	int rc;

	if (find(c, uuid, path))
		return -EEXIST;
	rc = connected(c, err);
	w = remember(c, uuid, path);
	if (!w)
		return -ENOMEM;
	if (!rc)
		rc = tell_watch(c, w, err);
	if (rc == -EREMOTEIO) {
		forget(c, w);
		return rc;
	}
	if (rc)
		lost(c, rc);
	else
		event_active(c->readable, EV_READ, 0);
	return 0;
}

int xenstore_client_unwatch(struct xenstore_client *c, const char *uuid,
			    const char *path, struct rpc_error *err)
{
	struct watched *w = find(c, uuid, path);

	if (!w)
		return -ENOENT;
	forget(c, w);
	return call(c, "store.unwatch",
		    json_pack("{s:s, s:s}", "uuid", uuid, "path", path), NULL,
		    err);
}

int xenstore_client_stats(struct xenstore_client *c, json_t **out,
			  struct rpc_error *err)
{
	return call(c, "store.stats", json_object(), out, err);
}
