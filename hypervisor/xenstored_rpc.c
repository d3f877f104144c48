/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstored_rpc.c: the trees in JSON.
 *
 * Requests become Xen's own, made by domain 0, so that there is one way into
 * the store.  A client's watches in a tree hang on a connection to that store
 * which is the client's; the token of each is its path.
 */
#include "hypervisor/xenstored_rpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <jansson.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/rpc.h"
#include "hypervisor/xenstored_conn.h"
#include "hypervisor/xenstored_keep.h"

#define AGAIN_MS 200 /* then a client that was slow is told again */
#define PERMS_TEXT_MAX 256

/* What one client watches in one tree. */
struct watcher {
	struct xenstored_sink sink;
	TAILQ_ENTRY(watcher) next;
	struct rpc_conn *client;
	struct xenstored_tree *tree;
	struct xenstore_conn *store;
	bool lost; /* events that the client had no room for */
};

static struct rpc_server *server;
static TAILQ_HEAD(, watcher) watchers = TAILQ_HEAD_INITIALIZER(watchers);
static struct event *again;

/* ---- parameters ---------------------------------------------------------- */

/* The tree that the request names, or NULL: refused. */
static struct xenstored_tree *tree_of(struct rpc_request *req,
				      struct xenstored *xd)
{
	const char *uuid =
		json_string_value(json_object_get(req->params, "uuid"));
	struct xenstored_tree *tree = uuid ? xenstored_tree_find(xd, uuid) :
					     NULL;

	if (tree)
		return tree;
	if (!uuid || !xenstored_uuid_ok(uuid))
		rpc_refuse(req, RPC_INVALID_PARAMS, "uuid", uuid,
			   "a VM's uuid in lower case", "no uuid");
	else
		rpc_refuse(req, RPC_NOT_FOUND, "uuid", uuid,
			   "store.create makes it", "there is no such tree");
	return NULL;
}

static const char *path_of(struct rpc_request *req)
{
	json_t *path = json_object_get(req->params, "path");
	const char *text = json_string_value(path);

	if (text && (*text == '/' || *text == '@'))
		return text;
	rpc_refuse(req, RPC_INVALID_PARAMS, "path", text,
		   "an absolute path, such as /local/domain/1", "no path");
	return NULL;
}

static void refuse_errno(struct rpc_request *req, const char *path, int rc)
{
	rpc_refuse(req, rc == -ENOENT ? RPC_NOT_FOUND : RPC_REFUSED, "path",
		   path, NULL, "%s: %s", path, strerror(-rc));
}

/* ---- the store ----------------------------------------------------------- */

/* path, NUL, then rest[0..rest_len) as the payload. */
static int call(struct xenstore_conn *conn, enum xenstore_type type,
		uint32_t tx_id, const char *path, const void *rest,
		size_t rest_len, char *reply, size_t *len)
{
	char payload[XENSTORE_PAYLOAD_MAX];
	size_t path_len = strlen(path) + 1;

	if (path_len + rest_len > sizeof(payload))
		return -E2BIG;
	memcpy(payload, path, path_len);
	if (rest_len)
		memcpy(payload + path_len, rest, rest_len);
	return xenstore_call(conn, type, tx_id, payload, path_len + rest_len,
			     reply, len, xenstored_now_ms());
}

static int tx_begin(struct xenstored_tree *tree, uint32_t *tx_id)
{
	char reply[XENSTORE_PAYLOAD_MAX];
	size_t len;
	int rc = call(tree->self, XS_TRANSACTION_START, 0, "", NULL, 0, reply,
		      &len);

	return rc ? rc : xenstore_wire_number(reply, UINT32_MAX, tx_id);
}

static int tx_end(struct xenstored_tree *tree, uint32_t tx_id, bool commit)
{
	return call(tree->self, XS_TRANSACTION_END, tx_id, commit ? "T" : "F",
		    NULL, 0, NULL, NULL);
}

/* "n0,r1" to "n0" NUL "r1" NUL */
static int set_perms(struct xenstored_tree *tree, uint32_t tx_id,
		     const char *path, const char *text)
{
	char perms[PERMS_TEXT_MAX];
	size_t len = strlen(text);

	if (!len || len >= sizeof(perms))
		return -EINVAL;
	memcpy(perms, text, len + 1);
	for (size_t i = 0; i < len; i++)
		if (perms[i] == ',')
			perms[i] = '\0';
	return call(tree->self, XS_SET_PERMS, tx_id, path, perms, len + 1,
		    NULL, NULL);
}

/* *at: the path at which it went wrong. */
static int write_all(struct xenstored_tree *tree, uint32_t tx_id,
		     json_t *values, json_t *perms, const char **at)
{
	json_t *value;
	int rc = 0;

	json_object_foreach(values, *at, value) {
		if (!json_is_string(value))
			return -EINVAL;
		rc = call(tree->self, XS_WRITE, tx_id, *at,
			  json_string_value(value), json_string_length(value),
			  NULL, NULL);
		if (rc)
			return rc;
	}
	json_object_foreach(perms, *at, value) {
		if (!json_is_string(value))
			return -EINVAL;
		rc = set_perms(tree, tx_id, *at, json_string_value(value));
		if (rc)
			return rc;
	}
	return 0;
}

static void on_write(struct rpc_request *req, void *ctx)
{
	struct xenstored_tree *tree = tree_of(req, ctx);
	json_t *values = json_object_get(req->params, "values");
	json_t *perms = json_object_get(req->params, "perms");
	const char *at = "/";
	uint32_t tx_id;
	int rc;

	if (!tree)
		return;
	if (!json_is_object(values) || (perms && !json_is_object(perms))) {
		rpc_refuse(req, RPC_INVALID_PARAMS, "values", NULL,
			   "{\"uuid\": ..., \"values\": {\"/path\": \"text\"}, "
			   "\"perms\": {\"/path\": \"n0,r1\"}}",
			   "values and perms are objects of strings");
		return;
	}
	rc = tx_begin(tree, &tx_id);
	if (!rc) {
		rc = write_all(tree, tx_id, values, perms, &at);
		if (rc)
			tx_end(tree, tx_id, false);
		else
			rc = tx_end(tree, tx_id, true);
	}
	xenstored_tree_end_turn(tree);
	if (rc)
		refuse_errno(req, at, rc);
	else
		rpc_reply(req, json_object());
}

static void add_value(json_t *o, const char *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char hex[2 * XENSTORE_PAYLOAD_MAX + 1];
	json_t *text = memchr(data, 0, len) ? NULL : json_stringn(data, len);

	if (text) {
		json_object_set_new(o, "value", text);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digits[(uint8_t)data[i] >> 4];
		hex[2 * i + 1] = digits[data[i] & 15];
	}
	json_object_set_new(o, "hex", json_stringn(hex, 2 * len));
}

/* strings, each with its NUL */
static json_t *strings_json(const char *data, size_t len)
{
	json_t *list = json_array();
	const char *end = data + len;

	for (; data < end; data += strlen(data) + 1)
		json_array_append_new(list, json_string(data));
	return list;
}

static void add_perms(json_t *o, char *data, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++)
		if (!data[i])
			data[i] = ',';
	json_object_set_new(o, "perms", json_stringn(data, len ? len - 1 : 0));
}

static void on_read(struct rpc_request *req, void *ctx)
{
	struct xenstored_tree *tree = tree_of(req, ctx);
	const char *path = tree ? path_of(req) : NULL;
	char reply[XENSTORE_PAYLOAD_MAX];
	json_t *o;
	size_t len;
	int rc;

	if (!path)
		return;
	rc = call(tree->self, XS_READ, 0, path, NULL, 0, reply, &len);
	if (rc) {
		refuse_errno(req, path, rc);
		return;
	}
	o = json_object();
	add_value(o, reply, len);
	if (!call(tree->self, XS_GET_PERMS, 0, path, NULL, 0, reply, &len))
		add_perms(o, reply, len);
	if (!call(tree->self, XS_DIRECTORY, 0, path, NULL, 0, reply, &len))
		json_object_set_new(o, "children", strings_json(reply, len));
	xenstored_tree_end_turn(tree);
	rpc_reply(req, o);
}

static void on_rm(struct rpc_request *req, void *ctx)
{
	struct xenstored_tree *tree = tree_of(req, ctx);
	const char *path = tree ? path_of(req) : NULL;
	int rc;

	if (!path)
		return;
	rc = call(tree->self, XS_RM, 0, path, NULL, 0, NULL, NULL);
	xenstored_tree_end_turn(tree);
	if (rc)
		refuse_errno(req, path, rc);
	else
		rpc_reply(req, json_object());
}

/* ---- trees --------------------------------------------------------------- */

static void refuse_create(struct rpc_request *req, const char *uuid, int rc)
{
	if (rc == -ENFILE)
		rpc_refuse(req, RPC_BUSY, "uuid", uuid, NULL,
			   "there are %u trees", XENSTORED_TREES_MAX);
	else
		rpc_refuse(req, RPC_FAILED, "uuid", uuid,
			   "see the log of causeway-xenstored",
			   "the tree cannot be made: %s", strerror(-rc));
}

static void on_create(struct rpc_request *req, void *ctx)
{
	json_t *uid = json_object_get(req->params, "uid");
	const char *uuid =
		json_string_value(json_object_get(req->params, "uuid"));
	json_int_t id = uid ? json_integer_value(uid) : 0;
	struct xenstored_tree *tree;
	bool created;
	int rc = 0;

	if (!uuid || !xenstored_uuid_ok(uuid) ||
	    (uid && !json_is_integer(uid)) || id < 0 || id >= UINT32_MAX) {
		rpc_refuse(req, RPC_INVALID_PARAMS, NULL, NULL,
			   "{\"uuid\": a VM's in lower case, \"uid\": of its "
			   "process}", "no uuid, or no uid");
		return;
	}
	tree = xenstored_tree_find(ctx, uuid);
	created = !tree;
	if (tree)
		xenstored_tree_set_uid(tree, id);
	else
		rc = xenstored_tree_create(ctx, uuid, id, &tree);
	if (rc)
		refuse_create(req, uuid, rc);
	else
		rpc_reply(req, json_pack("{s:b}", "created", created));
}

static void watcher_free(struct watcher *w)
{
	TAILQ_REMOVE(&watchers, w, next);
	xenstore_close(w->store);
	free(w);
}

static void forget_watchers(struct xenstored_tree *tree,
			    const struct rpc_conn *client)
{
	struct watcher *w = TAILQ_FIRST(&watchers);

	while (w) {
		struct watcher *next = TAILQ_NEXT(w, next);

		if (w->tree == tree || w->client == client)
			watcher_free(w);
		w = next;
	}
}

static void on_destroy(struct rpc_request *req, void *ctx)
{
	struct xenstored_tree *tree = tree_of(req, ctx);

	if (!tree)
		return;
	forget_watchers(tree, NULL);
	xenstored_tree_destroy(tree);
	rpc_reply(req, json_object());
}

static void on_list(struct rpc_request *req, void *ctx)
{
	struct xenstored *xd = ctx;
	struct xenstored_tree *tree;
	json_t *list = json_array();

	TAILQ_FOREACH(tree, &xd->trees, next)
		json_array_append_new(list, json_string(tree->uuid));
	rpc_reply(req, json_pack("{s:o}", "trees", list));
}

static json_t *domain_json(const struct xenstored_tree *tree, unsigned domid)
{
	struct xenstore_facts f;

	xenstore_facts(tree->store, domid, &f);
	return json_pack(
		"{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:I, s:I}",
		"introduced", f.introduced, "nodes", (json_int_t)f.nodes,
		"watches", (json_int_t)f.watches, "transactions",
		(json_int_t)f.transactions, "connections",
		(json_int_t)f.connections, "outstanding",
		(json_int_t)f.outstanding, "memory_bytes",
		(json_int_t)f.memory_bytes, "memory_peak_bytes",
		(json_int_t)f.memory_peak_bytes, "requests",
		(json_int_t)f.requests, "errors", (json_int_t)f.errors,
		"quota_refusals", (json_int_t)f.quota_refusals, "conflicts",
		(json_int_t)f.conflicts, "events", (json_int_t)f.events,
		"soft_exceeded", (json_int_t)f.soft_exceeded);
}

static json_t *tree_json(const struct xenstored_tree *tree)
{
	return json_pack("{s:s, s:I, s:b, s:b, s:I, s:i, s:i, s:o, s:o}",
			 "uuid", tree->uuid, "uid", (json_int_t)tree->uid,
			 "relay", xenstored_conn_has_relay(tree), "kept",
			 !keep_broken(tree->keep), "journal_bytes",
			 (json_int_t)keep_bytes(tree->keep),
			 "control_connections", tree->control_count,
			 "guest_connections", tree->guest_count, "control",
			 domain_json(tree, 0), "guest",
			 domain_json(tree, XENSTORED_GUEST));
}

/* Of one tree, if one is named. */
static void on_stats(struct rpc_request *req, void *ctx)
{
	bool one = json_object_get(req->params, "uuid");
	struct xenstored_tree *tree = one ? tree_of(req, ctx) : NULL;
	struct xenstored *xd = ctx;
	json_t *list;

	if (one && !tree)
		return;
	list = json_array();
	if (one)
		json_array_append_new(list, tree_json(tree));
	else
		TAILQ_FOREACH(tree, &xd->trees, next)
			json_array_append_new(list, tree_json(tree));
	rpc_reply(req, json_pack("{s:o}", "trees", list));
}

/* ---- watches ------------------------------------------------------------- */

static void tell_again(void)
{
	const struct timeval tv = { .tv_usec = AGAIN_MS * 1000 };

	if (!event_pending(again, EV_TIMEOUT, NULL))
		event_add(again, &tv);
}

/* The payload: what has changed, NUL, the token: the watch's path, NUL. */
static void on_event(struct xenstored_sink *to,
		     const struct xenstore_message *msg)
{
	struct watcher *w = (struct watcher *)to;
	const char *strings[2];
	json_t *params;

	if (w->lost || xenstore_wire_strings(msg, strings, 2) < 2)
		return;
	params = json_pack("{s:s, s:s, s:s}", "uuid", w->tree->uuid, "watch",
			   strings[1], "path", strings[0]);
	if (params && !rpc_notify(w->client, "store.event", params))
		return;
	w->lost = true;
	tell_again();
}

/* Requests of its own bring answers by xenstore_call(). */
static void on_reply(struct xenstored_sink *to,
		     const struct xenstore_message *msg)
{
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct watcher *w;

	TAILQ_FOREACH(w, &watchers, next) {
		if (!w->lost)
			continue;
		w->lost = false;
		xenstore_fire(w->store);
	}
}

static struct watcher *watcher_find(const struct xenstored_tree *tree,
				    const struct rpc_conn *client)
{
	struct watcher *w;

	TAILQ_FOREACH(w, &watchers, next)
		if (w->tree == tree && w->client == client)
			return w;
	return NULL;
}

static struct watcher *watcher_of(struct xenstored_tree *tree,
				  struct rpc_conn *client)
{
	struct watcher *w = watcher_find(tree, client);

	if (w)
		return w;
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->sink = (struct xenstored_sink){ on_reply, on_event };
	w->client = client;
	w->tree = tree;
	if (xenstore_open(tree->store, &w->store, 0, 0, xenstored_now_ms())) {
		free(w);
		return NULL;
	}
	xenstore_conn_set_user(w->store, &w->sink);
	TAILQ_INSERT_TAIL(&watchers, w, next);
	return w;
}

static void watch(struct rpc_request *req, struct xenstored *xd,
		  enum xenstore_type type)
{
	struct xenstored_tree *tree = tree_of(req, xd);
	const char *path = tree ? path_of(req) : NULL;
	struct watcher *w;
	int rc = -ENOMEM;

	if (!path)
		return;
	w = watcher_of(tree, req->conn);
	if (w)
		rc = call(w->store, type, 0, path, path, strlen(path) + 1,
			  NULL, NULL);
	xenstored_tree_end_turn(tree);
	/* Both may be asked for twice: the client may have lost our answer. */
	if (rc == -EEXIST || (rc == -ENOENT && type == XS_UNWATCH))
		rc = 0;
	if (rc)
		refuse_errno(req, path, rc);
	else
		rpc_reply(req, json_object());
}

static void on_watch(struct rpc_request *req, void *ctx)
{
	watch(req, ctx, XS_WATCH);
}

static void on_unwatch(struct rpc_request *req, void *ctx)
{
	watch(req, ctx, XS_UNWATCH);
}

/* ---- the server ---------------------------------------------------------- */

static const struct rpc_method methods[] = {
	{ "store.create", on_create, 0, 0 },
	{ "store.destroy", on_destroy, 0, 0 },
	{ "store.list", on_list, 0, 0 },
	{ "store.write", on_write, 0, 0 },
	{ "store.read", on_read, 0, 0 },
	{ "store.rm", on_rm, 0, 0 },
	{ "store.watch", on_watch, 0, 0 },
	{ "store.unwatch", on_unwatch, 0, 0 },
	{ "store.stats", on_stats, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static bool admit(const struct rpc_peer *peer, void *ctx)
{
	return peer->uid == 0;
}

static void on_close(struct rpc_conn *conn, void *user, void *ctx)
{
	forget_watchers(NULL, conn);
}

int xenstored_rpc_start(struct xenstored *xd, const char *path, uid_t owner)
{
	static struct rpc_server_conf conf = RPC_SERVER_CONF_INIT;
	int rc = -ENOMEM;

	conf.path = path;
	conf.mode = 0600;
	conf.uid = owner;
	conf.methods = methods;
	conf.ctx = xd;
	conf.admit = admit;
	conf.on_close = on_close;
	again = event_new(xd->base, -1, 0, on_again, NULL);
	if (again)
		rc = rpc_server_new(&server, xd->base, &conf);
	if (rc < 0)
		log_err("%s: %s", path, strerror(-rc));
	return rc;
}

void xenstored_rpc_stop(void)
{
	if (server)
		rpc_server_free(server);
	server = NULL;
	if (again)
		event_free(again);
	again = NULL;
}
