/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp.h: QEMU's machine protocol, our side of it: commands that are answered
 * some time, events that come by themselves, descriptors that go along.
 *
 * The peer is a QEMU that its guest may have taken over (json_lines.h bounds
 * what it can send).  Answers are matched to commands by an id of ours; one
 * that nobody waits for, or that came too late, is counted and dropped.  A
 * text that is not JSON, not an object, or not of the protocol ends the
 * connection.
 *
 * Every command gets exactly one answer: the peer's, or one of ours when its
 * time is over, the connection ends (before on_closed) or qmp_free() is
 * called.  Commands are sent at once, in order; only those that carry a
 * descriptor wait for the one before them to be answered, because QEMU keeps
 * no more than one descriptor for the command that will fetch it.
 *
 * Everything of one connection happens on the thread of its libevent loop.
 */
#ifndef CAUSEWAY_QMP_H
#define CAUSEWAY_QMP_H

#include <stdint.h>

#include <jansson.h>

struct event_base;
struct qmp;

#define QMP_LINE_MAX (64u << 10) /* bytes of an answer or event */
#define QMP_CALLS_MAX 128	 /* unanswered commands */
#define QMP_TEXT_MAX 256

struct qmp_conf {
	struct event_base *base;
	unsigned greeting_ms; /* for the greeting; 0: no limit */
	/* It has greeted and takes commands. */
	void (*on_ready)(void *ctx);
	/* data is borrowed, an object, {} if none came. */
	void (*on_event)(const char *name, const json_t *data, void *ctx);
	/* It has ended; the last call.  Here or later: qmp_free(). */
	void (*on_closed)(const char *why, void *ctx);
	void *ctx;
};

struct qmp_reply {
	int rc; /* 0, -EREMOTEIO refused, -ETIMEDOUT, -EPIPE, -ECANCELED */
	const json_t *value; /* of "return", borrowed; NULL if rc is not 0 */
	const char *text;    /* why, printable; "" if rc is 0 */
};

typedef void qmp_reply_fn(const struct qmp_reply *reply, void *arg);

/*
 * Speak on fd, a connected socket, owned from here and closed on failure.
 * conf is copied.  0 or -ENOMEM.
 */
int qmp_new_take(struct qmp **out, const struct qmp_conf *conf, int fd);
/* Legal in every callback.  Unanswered commands are (-ECANCELED). */
void qmp_free(struct qmp *q);

/*
 * Send a command.  args (NULL: none) and fd (-1: none) are taken, whatever is
 * returned: 0; -ENOTCONN before on_ready or after the end; -EBUSY:
 * QMP_CALLS_MAX wait already; -ENOBUFS, -ENOMEM.  fn comes from the loop (or
 * out of qmp_free()), never out of this call.
 */
int qmp_command_take(struct qmp *q, const char *name, json_t *args, int fd,
		     unsigned timeout_ms, qmp_reply_fn *fn, void *arg);

/* What was not understood or came for nobody, so far. */
uint64_t qmp_strays(const struct qmp *q);

#endif
