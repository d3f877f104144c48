/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_lines.c: bytes in until there is a line, lines out when there is room.
 *
 * A turn of the loop reads once, at most READ_BYTES, and hands over the lines
 * that are complete; others get their turn between.  The pace needs no clock:
 * after JSON_LINES_PACE_BYTES, however long they took, reading rests for
 * JSON_LINES_PACE_MS, which a peer that behaves does not notice.
 *
 * Lifetime.  on_line may free the connection while its lines are being handed
 * over: the struct then stays, marked, until that loop has seen the mark.
 */
#include "hypervisor/json_lines.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "base/rpc_wire.h"

#define READ_BYTES (16u << 10)

struct out_line {
	TAILQ_ENTRY(out_line) link;
	char *data;
	size_t len;
	size_t off;
	int fd;
};

struct json_lines {
	struct json_lines_conf conf;
	int fd;
	struct event *read_event;
	struct event *write_event;
	struct event *pace_event;
	char *buf;
	size_t len;
	size_t cap;
	size_t scanned;	 /* no line ends before this */
	size_t unpaced;	 /* bytes since the last rest */
	TAILQ_HEAD(, out_line) out;
	size_t out_bytes;
	const char *broken; /* why sending failed */
	bool closed;
	bool in_read;
	bool freed;
};

/* --- the end --------------------------------------------------------- */

static void out_free(struct out_line *o)
{
	if (o->fd >= 0)
		close(o->fd);
	free(o->data);
	free(o);
}

static void lines_destroy(struct json_lines *l)
{
	struct out_line *o;

	while ((o = TAILQ_FIRST(&l->out))) {
		TAILQ_REMOVE(&l->out, o, link);
		out_free(o);
	}
	if (l->read_event)
		event_free(l->read_event);
	if (l->write_event)
		event_free(l->write_event);
	if (l->pace_event)
		event_free(l->pace_event);
	if (l->fd >= 0)
		close(l->fd);
	free(l->buf);
	free(l);
}

void json_lines_free(struct json_lines *l)
{
	if (!l)
		return;
	l->freed = true;
	if (!l->in_read)
		lines_destroy(l);
}

static void lines_shut(struct json_lines *l, const char *why)
{
	l->closed = true;
	event_del(l->read_event);
	event_del(l->write_event);
	event_del(l->pace_event);
	l->conf.on_closed(why, l->conf.ctx);
}

/* --- in -------------------------------------------------------------- */

static bool buffer_room(struct json_lines *l)
{
	size_t cap = l->len + READ_BYTES;
	char *buf;

	if (l->cap >= cap)
		return true;
	buf = realloc(l->buf, cap);
	if (!buf)
		return false;
	l->buf = buf;
	l->cap = cap;
	return true;
}

/* What is left of the buffer behind the lines that were handed over. */
static void buffer_keep(struct json_lines *l, size_t from)
{
	l->len -= from;
	memmove(l->buf, l->buf + from, l->len);
	l->scanned = l->len;
	if (!l->len) {
		free(l->buf);
		l->buf = NULL;
		l->cap = 0;
	}
}

/* Hands over complete lines; false: one is too long. */
static bool hand_over(struct json_lines *l)
{
	size_t from = 0;
	char *end;

	while (!l->freed &&
	       (end = memchr(l->buf + l->scanned, '\n', l->len - l->scanned))) {
		size_t len = end - (l->buf + from);

		if (len > l->conf.line_max)
			return false;
		l->scanned = end - l->buf + 1;
		l->conf.on_line(l->buf + from, len, l->conf.ctx);
		from = l->scanned;
	}
	if (!l->freed)
		buffer_keep(l, from);
	return l->len <= l->conf.line_max;
}

static void pace(struct json_lines *l, size_t got)
{
	struct timeval rest = { .tv_usec = JSON_LINES_PACE_MS * 1000 };

	l->unpaced += got;
	if (l->unpaced < JSON_LINES_PACE_BYTES)
		return;
	l->unpaced = 0;
	event_del(l->read_event);
	event_add(l->pace_event, &rest);
}

static void on_paced(evutil_socket_t fd, short what, void *arg)
{
	struct json_lines *l = arg;

	event_add(l->read_event, NULL);
}

/* One read and what comes of it; NULL, or why this was the last. */
static const char *read_once(struct json_lines *l)
{
	ssize_t n;

	if (!buffer_room(l))
		return "no memory";
	/* recv(), not recvmsg(): passed descriptors are closed unseen. */
	n = recv(l->fd, l->buf + l->len, READ_BYTES, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? NULL :
							   strerror(errno);
	if (!n)
		return "the other side closed the connection";
	l->len += n;
	pace(l, n);
	return hand_over(l) ? NULL : "a line is too long";
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct json_lines *l = arg;
	const char *why;

	l->in_read = true;
	why = read_once(l);
	l->in_read = false;
	if (l->freed)
		lines_destroy(l);
	else if (why)
		lines_shut(l, why);
}

/* --- out ------------------------------------------------------------- */

static void lines_flush(struct json_lines *l)
{
	struct out_line *o;
	int rc;

	while ((o = TAILQ_FIRST(&l->out))) {
		rc = rpc_wire_send(l->fd, o->data, o->len, &o->off, &o->fd,
				   o->fd >= 0);
		if (rc == -EAGAIN) {
			event_add(l->write_event, NULL);
			return;
		}
		if (rc) {
			l->broken = strerror(-rc);
			event_active(l->write_event, EV_WRITE, 0);
			return;
		}
		l->out_bytes -= o->len;
		TAILQ_REMOVE(&l->out, o, link);
		out_free(o);
	}
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct json_lines *l = arg;

	if (l->broken)
		lines_shut(l, l->broken);
	else
		lines_flush(l);
}

/* Takes data and fd. */
static int send_data(struct json_lines *l, char *data, size_t len, int fd)
{
	struct out_line *o = NULL;
	int rc = -EPIPE;

	if (l->closed || l->broken)
		goto drop;
	rc = -ENOBUFS;
	if (l->out_bytes + len > JSON_LINES_BACKLOG_MAX)
		goto drop;
	rc = -ENOMEM;
	o = calloc(1, sizeof(*o));
	if (!o)
		goto drop;
	*o = (struct out_line){ .data = data, .len = len, .fd = fd };
	TAILQ_INSERT_TAIL(&l->out, o, link);
	l->out_bytes += len;
	if (TAILQ_FIRST(&l->out) == o)
		lines_flush(l);
	return 0;
drop:
	if (fd >= 0)
		close(fd);
	free(data);
	return rc;
}

int json_lines_send_take(struct json_lines *l, json_t *msg, int fd)
{
	size_t len;
	char *data = rpc_wire_format(msg, &len);

	if (!data) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	return send_data(l, data, len, fd);
}

int json_lines_send_text(struct json_lines *l, const char *text, size_t len)
{
	char *data = malloc(len);

	if (!data)
		return -ENOMEM;
	memcpy(data, text, len);
	return send_data(l, data, len, -1);
}

/* --- beginnings ------------------------------------------------------ */

int json_lines_new_take(struct json_lines **out,
			const struct json_lines_conf *conf, int fd)
{
	struct json_lines *l = calloc(1, sizeof(*l));

	if (!l) {
		close(fd);
		return -ENOMEM;
	}
	assert(conf->line_max && conf->line_max <= JSON_LINES_MAX);
	l->conf = *conf;
	l->fd = fd;
	TAILQ_INIT(&l->out);
	l->read_event = event_new(conf->base, fd, EV_READ | EV_PERSIST,
				  on_readable, l);
	l->write_event = event_new(conf->base, fd, EV_WRITE, on_writable, l);
	l->pace_event = event_new(conf->base, -1, 0, on_paced, l);
	if (!l->read_event || !l->write_event || !l->pace_event ||
	    event_add(l->read_event, NULL)) {
		lines_destroy(l);
		return -ENOMEM;
	}
	*out = l;
	return 0;
}

void json_lines_printable(char *to, size_t room, const char *text)
{
	size_t i;

	for (i = 0; i + 1 < room && text[i]; i++)
		to[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	if (room)
		to[i] = '\0';
}
