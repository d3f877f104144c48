/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_lines.h: a connection on which both sides send JSON texts, one a line,
 * and we may pass descriptors along.  What qmp.h and guest_agent.h stand on.
 *
 * The peer is hostile.  A line longer than line_max ends the connection; what
 * it sends faster than JSON_LINES_PACE_BYTES each JSON_LINES_PACE_MS is left
 * in the socket until then, so it can keep nobody busy but itself; what we
 * have to say waits, up to JSON_LINES_BACKLOG_MAX bytes, for it to read.
 * Descriptors that it sends are not taken.
 *
 * Everything of one connection happens on the thread of its libevent loop.
 */
#ifndef CAUSEWAY_JSON_LINES_H
#define CAUSEWAY_JSON_LINES_H

#include <stddef.h>

#include <jansson.h>

struct event_base;
struct json_lines;

#define JSON_LINES_MAX (256u << 10)	   /* bytes of a line, at most */
#define JSON_LINES_BACKLOG_MAX (256u << 10) /* unsent bytes */
#define JSON_LINES_PACE_BYTES (128u << 10)
#define JSON_LINES_PACE_MS 100

struct json_lines_conf {
	struct event_base *base;
	size_t line_max; /* bytes, up to JSON_LINES_MAX */
	/* A line without its end, not yet looked at; valid for the call. */
	void (*on_line)(const char *text, size_t len, void *ctx);
	/* It has ended; nothing comes after this.  Free it here or later. */
	void (*on_closed)(const char *why, void *ctx);
	void *ctx;
};

/*
 * Speak on fd, a connected stream socket, owned from here and closed on
 * failure.  conf is copied.  0 or -ENOMEM.
 */
int json_lines_new_take(struct json_lines **out,
			const struct json_lines_conf *conf, int fd);
/* Legal in both callbacks; neither is called again. */
void json_lines_free(struct json_lines *lines);

/*
 * Send msg, which is taken, with fd (-1: none), which is taken as well.
 * 0, -EPIPE after the end, -ENOBUFS when the peer does not read, -ENOMEM.
 * An error of the socket itself is told by on_closed, from the loop.
 */
int json_lines_send_take(struct json_lines *lines, json_t *msg, int fd);
/* The same with bytes, which go as they are. */
int json_lines_send_text(struct json_lines *lines, const char *text,
			 size_t len);

/*
 * Words of a stranger for a log or a person: what is not printable ASCII
 * becomes '?', what does not fit is cut.
 */
void json_lines_printable(char *to, size_t room, const char *text);

#endif
