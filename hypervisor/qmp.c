/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp.c: the greeting, then a list of commands that wait for an answer.
 *
 * Callbacks may free the connection.  Each handler therefore ends with the
 * callback it makes, or holds the struct by `busy` over a loop of them; the
 * last hold frees it.
 */
#include "hypervisor/qmp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/queue.h>

#include "base/rpc_wire.h"
#include "hypervisor/json_lines.h"

#define LARGEST "9223372036854775807" /* INT64_MAX */

struct call {
	TAILQ_ENTRY(call) link;
	struct qmp *q;
	uint64_t id;
	qmp_reply_fn *fn;
	void *arg;
	struct event *deadline;
	bool with_fd;
	json_t *unsent; /* waits for another descriptor's turn */
	int fd;
};

enum phase { GREETING, NEGOTIATING, READY, CLOSED };

struct qmp {
	struct qmp_conf conf;
	struct json_lines *lines;
	struct event *deadline; /* of the greeting */
	enum phase phase;
	TAILQ_HEAD(, call) calls;
	unsigned call_count;
	struct call *fd_turn; /* its descriptor is being fetched */
	uint64_t last_id;
	uint64_t strays;
	unsigned busy;
	bool freed;
};

/* --- lifetime -------------------------------------------------------- */

static void call_free(struct call *c)
{
	if (c->deadline)
		event_free(c->deadline);
	json_decref(c->unsent);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

static void qmp_put(struct qmp *q)
{
	if (q->busy || !q->freed)
		return;
	json_lines_free(q->lines);
	if (q->deadline)
		event_free(q->deadline);
	free(q);
}

static void fd_turn_next(struct qmp *q);

/* One answer, the last of this call. */
static void call_finish(struct call *c, int rc, const json_t *value,
			const char *text)
{
	struct qmp_reply reply = { rc, value, text };
	struct qmp *q = c->q;

	TAILQ_REMOVE(&q->calls, c, link);
	q->call_count--;
	if (q->fd_turn == c) {
		q->fd_turn = NULL;
		fd_turn_next(q);
	}
	q->busy++;
	c->fn(&reply, c->arg);
	q->busy--;
	call_free(c);
	qmp_put(q);
}

static void finish_all(struct qmp *q, int rc, const char *text)
{
	struct call *c;

	q->busy++;
	while ((c = TAILQ_FIRST(&q->calls)))
		call_finish(c, rc, NULL, text);
	q->busy--;
}

void qmp_free(struct qmp *q)
{
	if (!q || q->freed)
		return;
	q->phase = CLOSED;
	q->freed = true;
	finish_all(q, -ECANCELED, "the connection was given up");
	qmp_put(q);
}

static void qmp_shut(struct qmp *q, const char *why)
{
	if (q->phase == CLOSED)
		return;
	q->phase = CLOSED;
	json_lines_free(q->lines);
	q->lines = NULL;
	event_del(q->deadline);
	q->busy++;
	finish_all(q, -EPIPE, why);
	if (!q->freed)
		q->conf.on_closed(why, q->conf.ctx);
	q->busy--;
	qmp_put(q);
}

/* --- commands -------------------------------------------------------- */

static int call_send(struct call *c, json_t *msg, int fd)
{
	struct qmp *q = c->q;

	if (!c->with_fd)
		return json_lines_send_take(q->lines, msg, -1);
	if (q->fd_turn) {
		c->unsent = msg;
		c->fd = fd;
		return 0;
	}
	q->fd_turn = c;
	return json_lines_send_take(q->lines, msg, fd);
}

/* A descriptor was fetched, or its time is over: the next one's turn. */
static void fd_turn_next(struct qmp *q)
{
	struct call *c;

	TAILQ_FOREACH(c, &q->calls, link)
		if (c->unsent)
			break;
	if (!c || q->phase != READY)
		return;
	q->fd_turn = c;
	/* If this fails the call waits for its time-out or for the end. */
	json_lines_send_take(q->lines, c->unsent, c->fd);
	c->unsent = NULL;
	c->fd = -1;
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct call *c = arg;

	call_finish(c, -ETIMEDOUT, NULL, "no answer in time");
}

static struct call *call_new(struct qmp *q, qmp_reply_fn *fn, void *arg)
{
	struct call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->q = q;
	c->fn = fn;
	c->arg = arg;
	c->fd = -1;
	c->id = ++q->last_id;
	c->deadline = event_new(q->conf.base, -1, 0, on_deadline, c);
	if (!c->deadline) {
		free(c);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&q->calls, c, link);
	q->call_count++;
	return c;
}

static void call_forget(struct call *c)
{
	struct qmp *q = c->q;

	TAILQ_REMOVE(&q->calls, c, link);
	q->call_count--;
	if (q->fd_turn == c)
		q->fd_turn = NULL;
	call_free(c);
}

static json_t *command_json(const char *name, json_t *args, uint64_t id)
{
	json_t *msg = json_object();

	json_object_set_new(msg, "execute", json_string(name));
	if (args)
		json_object_set_new(msg, "arguments", args);
	json_object_set_new(msg, "id", json_integer(id));
	return msg;
}

static int command_start(struct qmp *q, const char *name, json_t *args, int fd,
			 unsigned timeout_ms, qmp_reply_fn *fn, void *arg)
{
	struct timeval wait = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };
	struct call *c = call_new(q, fn, arg);
	int rc;

	if (!c) {
		json_decref(args);
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	c->with_fd = fd >= 0;
	if (timeout_ms)
		event_add(c->deadline, &wait);
	rc = call_send(c, command_json(name, args, c->id), fd);
	if (rc)
		call_forget(c);
	return rc;
}

int qmp_command_take(struct qmp *q, const char *name, json_t *args, int fd,
		     unsigned timeout_ms, qmp_reply_fn *fn, void *arg)
{
	int rc = 0;

	if (q->phase != READY)
		rc = -ENOTCONN;
	else if (q->call_count >= QMP_CALLS_MAX)
		rc = -EBUSY;
	if (!rc)
		return command_start(q, name, args, fd, timeout_ms, fn, arg);
	json_decref(args);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* --- what comes in --------------------------------------------------- */

static void on_negotiated(const struct qmp_reply *reply, void *arg)
{
	struct qmp *q = arg;

	if (reply->rc == -EREMOTEIO) {
		qmp_shut(q, "it refuses to negotiate");
	} else if (!reply->rc) {
		q->phase = READY;
		event_del(q->deadline);
		q->conf.on_ready(q->conf.ctx);
	}
}

static void on_greeting(struct qmp *q, const json_t *msg)
{
	if (!json_is_object(json_object_get(msg, "QMP"))) {
		qmp_shut(q, "it does not greet as QEMU does");
		return;
	}
	q->phase = NEGOTIATING;
	if (command_start(q, "qmp_capabilities", NULL, -1, 0, on_negotiated, q))
		qmp_shut(q, "no memory");
}

static struct call *find_call(struct qmp *q, const json_t *id)
{
	struct call *c;

	if (!json_is_integer(id))
		return NULL;
	TAILQ_FOREACH(c, &q->calls, link)
		if (!c->unsent && (json_int_t)c->id == json_integer_value(id))
			return c;
	return NULL;
}

static void on_error(struct call *c, const json_t *error)
{
	const char *desc = json_string_value(json_object_get(error, "desc"));
	char text[QMP_TEXT_MAX];

	json_lines_printable(text, sizeof(text),
			     desc ? desc : "refused without a reason");
	call_finish(c, -EREMOTEIO, NULL, text);
}

static void on_answer(struct qmp *q, const json_t *msg)
{
	const json_t *value = json_object_get(msg, "return");
	const json_t *error = json_object_get(msg, "error");
	struct call *c = find_call(q, json_object_get(msg, "id"));

	if (!c)
		q->strays++;
	else if (error)
		on_error(c, error);
	else
		call_finish(c, 0, value, "");
}

static void on_event(struct qmp *q, const char *name, json_t *msg)
{
	json_t *data = json_object_get(msg, "data");

	if (q->phase != READY) {
		q->strays++; /* of before our time */
		return;
	}
	data = json_is_object(data) ? json_incref(data) : json_object();
	q->conf.on_event(name, data, q->conf.ctx);
	json_decref(data);
}

static void on_message(struct qmp *q, json_t *msg)
{
	const char *event = json_string_value(json_object_get(msg, "event"));

	if (q->phase == GREETING)
		on_greeting(q, msg);
	else if (event)
		on_event(q, event, msg);
	else if (json_object_get(msg, "return") ||
		 json_object_get(msg, "error"))
		on_answer(q, msg);
	else
		qmp_shut(q, "it says what is no answer and no event");
}

/* Is it a whole number of 64 bits with a sign?  Reals are a parser's. */
static bool number_fits(const char *text, size_t len)
{
	size_t sign = text[0] == '-';

	if (memchr(text, '.', len) || memchr(text, 'e', len) ||
	    memchr(text, 'E', len))
		return true;
	len -= sign;
	return len < sizeof(LARGEST) - 1 ||
	       (len == sizeof(LARGEST) - 1 &&
		memcmp(text + sign, LARGEST, len) <= 0);
}

/*
 * QEMU's numbers have 64 bits and no sign: "not known" is 2^64 - 1, and in
 * what a balloon driver says of its guest each may be anything.  What is no
 * integer to a JSON parser becomes -1, outside of strings.
 */
static void tame_numbers(char *text, size_t len)
{
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		size_t n = 0;

		if (in_string && text[i] == '\\') {
			i++;
			continue;
		}
		if (text[i] == '"')
			in_string = !in_string;
		if (!in_string && strchr("-0123456789", text[i]))
			while (i + n < len && text[i + n] &&
			       strchr("+-.0123456789eE", text[i + n]))
				n++;
		if (n && !number_fits(text + i, n)) {
			memset(text + i, ' ', n);
			memcpy(text + i, "-1", 2);
		}
		i += n ? n - 1 : 0;
	}
}

static json_t *parse(const char *text, size_t len)
{
	struct rpc_error err;
	char *tame = malloc(len);
	json_t *msg;

	if (!tame)
		return NULL;
	memcpy(tame, text, len);
	tame_numbers(tame, len);
	msg = rpc_wire_parse(tame, len, &err);
	free(tame);
	return msg;
}

static void on_line(const char *text, size_t len, void *ctx)
{
	struct qmp *q = ctx;
	json_t *msg = parse(text, len);

	q->busy++;
	if (json_is_object(msg))
		on_message(q, msg);
	else
		qmp_shut(q, "what it says is not a JSON object");
	json_decref(msg);
	q->busy--;
	qmp_put(q);
}

static void on_lines_closed(const char *why, void *ctx)
{
	qmp_shut(ctx, why);
}

static void on_no_greeting(evutil_socket_t fd, short what, void *arg)
{
	qmp_shut(arg, "it does not greet in time");
}

/* --- beginnings ------------------------------------------------------ */

int qmp_new_take(struct qmp **out, const struct qmp_conf *conf, int fd)
{
	struct timeval wait = { conf->greeting_ms / 1000,
				conf->greeting_ms % 1000 * 1000 };
	struct json_lines_conf lines = { .base = conf->base,
					 .line_max = QMP_LINE_MAX,
					 .on_line = on_line,
					 .on_closed = on_lines_closed };
	struct qmp *q = calloc(1, sizeof(*q));

	if (!q)
		goto close_fd;
	q->conf = *conf;
	TAILQ_INIT(&q->calls);
	q->deadline = event_new(conf->base, -1, 0, on_no_greeting, q);
	if (!q->deadline)
		goto free_q;
	lines.ctx = q;
	if (json_lines_new_take(&q->lines, &lines, fd))
		goto free_deadline;
	if (conf->greeting_ms)
		event_add(q->deadline, &wait);
	*out = q;
	return 0;
free_deadline:
	event_free(q->deadline);
	free(q);
	return -ENOMEM;
free_q:
	free(q);
close_fd:
	close(fd);
	return -ENOMEM;
}

uint64_t qmp_strays(const struct qmp *q)
{
	return q->strays;
}
