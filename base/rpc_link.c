/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rpc_link.c: rpc.h's client side on a loop.
 *
 * Calls go out in order, each with its own buffer and its own deadline.  When
 * the connection ends, every call that waits is told so, from the loop's next
 * turn on if the end is found amid a call of ours.  Answers carry ids, so an
 * answer to a forgotten call finds nobody and is dropped.
 */
#include "base/rpc_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/queue.h>
#include <sys/un.h>

#include "base/rpc_wire.h"

struct call {
	TAILQ_ENTRY(call) next;
	json_int_t id;
	char *line; /* NULL: it is out */
	size_t len, off;
	int fd; /* ours, -1: none */
	uint64_t deadline_ms;
	rpc_link_fn fn;
	void *arg;
};

struct rpc_link {
	struct rpc_link_conf conf;
	char *path;
	int fd; /* -1: not connected */
	struct rpc_inbox in;
	struct event *readable;
	struct event *writable;
	struct event *timer; /* to connect again, or the next deadline */
	unsigned retry_ms;
	json_int_t last_id;
	TAILQ_HEAD(, call) calls; /* in the order of their deadlines */
	unsigned call_count;
	bool told_up;
	char why[128];
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void wake_in(struct rpc_link *l, uint64_t ms)
{
	const struct timeval tv = { .tv_sec = ms / 1000,
				    .tv_usec = ms % 1000 * 1000 };

	event_add(l->timer, &tv);
}

/* --- calls ------------------------------------------------------------- */

static void call_free(struct rpc_link *l, struct call *c)
{
	TAILQ_REMOVE(&l->calls, c, next);
	l->call_count--;
	if (c->fd >= 0)
		close(c->fd);
	free(c->line);
	free(c);
}

static void call_end(struct rpc_link *l, struct call *c, const json_t *result,
		     const struct rpc_error *err)
{
	rpc_link_fn fn = c->fn;
	void *arg = c->arg;

	call_free(l, c);
	if (fn)
		fn(result, err, arg);
}

static struct call *call_find(struct rpc_link *l, json_int_t id)
{
	struct call *c;

	TAILQ_FOREACH(c, &l->calls, next)
		if (c->id == id && !c->line)
			return c;
	return NULL;
}

/* --- the connection ---------------------------------------------------- */

static void disconnect(struct rpc_link *l, const char *why)
{
	struct rpc_error err;
	bool was_up = l->told_up;

	snprintf(l->why, sizeof(l->why), "%s", why);
	rpc_error_set(&err, 0, NULL, NULL, NULL, "%s: %s", l->path, l->why);
	event_del(l->readable);
	event_del(l->writable);
	close(l->fd);
	l->fd = -1;
	l->told_up = false;
	rpc_inbox_clear(&l->in);
	wake_in(l, l->retry_ms);
	/* calls that callbacks make now are refused: the link is down */
	while (!TAILQ_EMPTY(&l->calls))
		call_end(l, TAILQ_FIRST(&l->calls), NULL, &err);
	if (was_up && l->conf.on_down)
		l->conf.on_down(l->why, l->conf.ctx);
}

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

static int make_socket(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, rc;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* a full backlog is EAGAIN, and no reason to wait for it here */
	if (!connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static int add_events(struct rpc_link *l)
{
	if (event_assign(l->readable, l->conf.base, l->fd,
			 EV_READ | EV_PERSIST, on_readable, l) ||
	    event_assign(l->writable, l->conf.base, l->fd, EV_WRITE,
			 on_writable, l) ||
	    event_add(l->readable, NULL))
		return -ENOMEM;
	return 0;
}

static void try_connect(struct rpc_link *l)
{
	int rc = make_socket(l->path);

	if (rc >= 0) {
		l->fd = rc;
		rc = add_events(l);
		if (rc < 0) {
			close(l->fd);
			l->fd = -1;
		}
	}
	if (rc < 0) {
		snprintf(l->why, sizeof(l->why), "%s", strerror(-rc));
		l->retry_ms *= 2;
		if (l->retry_ms > RPC_LINK_RETRY_MAX_MS)
			l->retry_ms = RPC_LINK_RETRY_MAX_MS;
		wake_in(l, l->retry_ms);
		return;
	}
	l->retry_ms = RPC_LINK_RETRY_MIN_MS;
	l->told_up = true;
	if (l->conf.on_up)
		l->conf.on_up(l->conf.ctx);
}

/* --- out --------------------------------------------------------------- */

/* False: the connection has ended. */
static bool flush(struct rpc_link *l)
{
	struct call *c;

	TAILQ_FOREACH(c, &l->calls, next) {
		int rc;

		if (!c->line)
			continue;
		rc = rpc_wire_send(l->fd, c->line, c->len, &c->off, &c->fd,
				   c->fd >= 0);
		if (rc == -EAGAIN) {
			event_add(l->writable, NULL);
			return true;
		}
		if (rc < 0)
			return false;
		free(c->line);
		c->line = NULL;
		if (c->fd >= 0)
			close(c->fd);
		c->fd = -1;
	}
	return true;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct rpc_link *l = arg;

	if (!flush(l))
		disconnect(l, "the connection is broken");
}

/* --- in ---------------------------------------------------------------- */

static void take_answer(struct rpc_link *l, const json_t *msg)
{
	const json_t *error = json_object_get(msg, "error");
	struct rpc_error err;
	struct call *c = call_find(
		l, json_integer_value(json_object_get(msg, "id")));

	if (!c)
		return;
	if (error)
		rpc_error_from_json(&err, error);
	call_end(l, c, error ? NULL : json_object_get(msg, "result"), &err);
}

static void take_message(struct rpc_link *l, const json_t *msg)
{
	const char *method = json_string_value(json_object_get(msg, "method"));

	if (!method)
		take_answer(l, msg);
	else if (l->conf.on_note)
		l->conf.on_note(method, json_object_get(msg, "params"),
				l->conf.ctx);
}

/* Whole messages in the inbox; false: nonsense. */
static bool take_lines(struct rpc_link *l)
{
	struct rpc_error ignored;
	struct rpc_line line;
	int fds[RPC_FDS_MAX];

	while (l->fd >= 0 && rpc_inbox_line(&l->in, &line)) {
		bool excess;
		unsigned n = rpc_inbox_take_fds(&l->in, &line, fds, &excess);
		json_t *msg = rpc_wire_parse(line.text, line.len, &ignored);

		rpc_close_fds(fds, n);
		rpc_inbox_consume(&l->in, &line);
		if (!msg)
			return false;
		take_message(l, msg);
		json_decref(msg);
	}
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct rpc_link *l = arg;
	int rc = rpc_inbox_recv(&l->in, l->fd);

	if (rc == -EAGAIN)
		return;
	if (rc > 0 && take_lines(l))
		return;
	disconnect(l, !rc ? "the daemon has closed the connection" :
		       rc > 0 ? "the daemon does not speak JSON-RPC" :
				strerror(-rc));
}

/* --- time -------------------------------------------------------------- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct rpc_link *l = arg;
	const struct call *first = TAILQ_FIRST(&l->calls);
	uint64_t now = now_ms();

	if (l->fd < 0)
		try_connect(l);
	else if (first && now >= first->deadline_ms)
		disconnect(l, "the daemon does not answer");
	else if (first)
		wake_in(l, first->deadline_ms - now);
}

/* --- interface --------------------------------------------------------- */

int rpc_link_new(struct rpc_link **out, const struct rpc_link_conf *conf)
{
	struct rpc_link *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->conf = *conf;
	l->fd = -1;
	l->retry_ms = RPC_LINK_RETRY_MIN_MS;
	TAILQ_INIT(&l->calls);
	snprintf(l->why, sizeof(l->why), "not connected yet");
	l->path = strdup(conf->path);
	l->readable = event_new(conf->base, -1, 0, on_readable, l);
	l->writable = event_new(conf->base, -1, 0, on_writable, l);
	l->timer = event_new(conf->base, -1, 0, on_timer, l);
	if (!l->path || !l->readable || !l->writable || !l->timer) {
		rpc_link_free(l);
		return -ENOMEM;
	}
	wake_in(l, 0);
	*out = l;
	return 0;
}

void rpc_link_free(struct rpc_link *l)
{
	if (!l)
		return;
	while (!TAILQ_EMPTY(&l->calls))
		call_free(l, TAILQ_FIRST(&l->calls));
	if (l->readable)
		event_free(l->readable);
	if (l->writable)
		event_free(l->writable);
	if (l->timer)
		event_free(l->timer);
	if (l->fd >= 0)
		close(l->fd);
	rpc_inbox_clear(&l->in);
	free(l->path);
	free(l);
}

bool rpc_link_is_up(const struct rpc_link *l)
{
	return l->fd >= 0;
}

const char *rpc_link_why(const struct rpc_link *l)
{
	return l->fd >= 0 ? "" : l->why;
}

static struct call *call_new(struct rpc_link *l, const char *method,
			     json_t *params, int fd)
{
	struct call *c = calloc(1, sizeof(*c));
	json_t *msg = json_object();

	if (!c) {
		json_decref(params);
		json_decref(msg);
		return NULL;
	}
	c->id = ++l->last_id;
	json_object_set_new(msg, "jsonrpc", json_string("2.0"));
	json_object_set_new(msg, "id", json_integer(c->id));
	json_object_set_new(msg, "method", json_string(method));
	json_object_set_new(msg, "params", params ? params : json_object());
	c->line = rpc_wire_format(msg, &c->len);
	c->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (!c->line || (fd >= 0 && c->fd < 0)) {
		if (c->fd >= 0)
			close(c->fd);
		free(c->line);
		free(c);
		return NULL;
	}
	return c;
}

int rpc_link_call(struct rpc_link *l, const char *method, json_t *params,
		  int fd, rpc_link_fn fn, void *arg)
{
	struct call *c;

	if (l->fd < 0 || l->call_count == RPC_LINK_CALLS_MAX) {
		json_decref(params);
		return l->fd < 0 ? -ENOTCONN : -EBUSY;
	}
	c = call_new(l, method, params, fd);
	if (!c)
		return -ENOMEM;
	c->fn = fn;
	c->arg = arg;
	c->deadline_ms = now_ms() + l->conf.call_ms;
	if (TAILQ_EMPTY(&l->calls))
		wake_in(l, l->conf.call_ms);
	TAILQ_INSERT_TAIL(&l->calls, c, next);
	l->call_count++;
	event_add(l->writable, NULL); /* sent from the loop: no callback here */
	return 0;
}

void rpc_link_forget(struct rpc_link *l, const void *arg)
{
	struct call *c;

	TAILQ_FOREACH(c, &l->calls, next)
		if (c->arg == arg)
			c->fn = NULL;
}
