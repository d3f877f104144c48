/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xenstore_talk.c: requests and replies as text. */
#include "tests/lib/xenstore_talk.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_reply(void *ctx, struct xenstore_conn *conn,
		     const struct xenstore_message *msg)
{
	struct talk *t = ctx;
	size_t len = msg->len;

	t->events_at_reply = t->events;
	memcpy(t->reply, msg->payload, len);
	if (len && !t->reply[len - 1])
		len--;
	for (size_t i = 0; i < len; i++)
		if (!t->reply[i])
			t->reply[i] = '|';
	t->reply[len] = '\0';
}

static void on_event(void *ctx, struct xenstore_conn *to,
		     struct xenstore_conn *cause,
		     const struct xenstore_message *msg)
{
	const char *token = msg->payload + strlen(msg->payload) + 1;
	struct talk *t = ctx;
	size_t len = strlen(t->heard);

	t->events++;
	t->cause = cause;
	snprintf(t->heard + len, sizeof(t->heard) - len, "%s%u:%.100s=%.100s",
		 len ? " " : "", xenstore_conn_domid(to), msg->payload, token);
}

static void on_record(void *ctx, const struct xenstore_record *rec)
{
	struct talk *t = ctx;

	t->records++;
}

void talk_init(struct talk *t, const struct xenstore_quota *quota)
{
	struct xenstore_out out = { on_record, on_reply, on_event, t };

	memset(t, 0, sizeof(*t));
	if (xenstore_new(&t->xs, quota, &out) ||
	    xenstore_open(t->xs, &t->control, 0, 0, 0) ||
	    xenstore_introduce(t->xs, 1, 0) ||
	    xenstore_open(t->xs, &t->guest, 1, 1, 0))
		abort();
	talk(t, t->control, XS_MKDIR, 0, "/local/domain/1/data");
	talk_args(t, t->control, XS_SET_PERMS, 0, "/local/domain/1|n0|r1");
	talk_args(t, t->control, XS_SET_PERMS, 0, "/local/domain/1/data|n1");
}

void talk_fini(struct talk *t)
{
	xenstore_free(t->xs);
}

static int restore_into(void *ctx, const struct xenstore_record *rec)
{
	return xenstore_restore(ctx, rec);
}

int talk_restart(struct talk *t)
{
	struct xenstore_out out = { on_record, on_reply, on_event, t };
	struct xenstore *old = t->xs;
	int rc;

	if (xenstore_new(&t->xs, NULL, &out))
		abort();
	rc = xenstore_save(old, restore_into, t->xs);
	xenstore_free(old);
	t->guest = xenstore_conn_next(t->xs, NULL);
	if (xenstore_open(t->xs, &t->control, 0, 0, 0))
		abort();
	return rc;
}

const char *talk_bytes(struct talk *t, struct xenstore_conn *conn,
		       uint32_t type, uint32_t tx, const void *payload,
		       size_t len)
{
	struct xenstore_message msg = { type, 7, tx, len, payload };

	strcpy(t->reply, "no reply");
	xenstore_request(conn, &msg, t->now_ms);
	return t->reply;
}

const char *talk(struct talk *t, struct xenstore_conn *conn, uint32_t type,
		 uint32_t tx, const char *arg)
{
	return talk_bytes(t, conn, type, tx, arg, strlen(arg) + 1);
}

const char *talk_args(struct talk *t, struct xenstore_conn *conn, uint32_t type,
		      uint32_t tx, const char *args)
{
	char payload[XENSTORE_PAYLOAD_MAX + 1];
	size_t len = strlen(args);

	assert(len < sizeof(payload));
	memcpy(payload, args, len + 1);
	for (size_t i = 0; i < len; i++)
		if (payload[i] == '|')
			payload[i] = '\0';
	return talk_bytes(t, conn, type, tx, payload, len + 1);
}

const char *talk_write(struct talk *t, struct xenstore_conn *conn, uint32_t tx,
		       const char *path, const char *value)
{
	char payload[XENSTORE_PAYLOAD_MAX + 1];
	size_t len = strlen(path) + 1;

	assert(len + strlen(value) < sizeof(payload));
	strcpy(payload, path);
	strcpy(payload + len, value);
	return talk_bytes(t, conn, XS_WRITE, tx, payload, len + strlen(value));
}

uint32_t talk_start(struct talk *t, struct xenstore_conn *conn)
{
	return strtoul(talk(t, conn, XS_TRANSACTION_START, 0, ""), NULL, 10);
}

const char *talk_end(struct talk *t, struct xenstore_conn *conn, uint32_t tx,
		     bool commit)
{
	return talk(t, conn, XS_TRANSACTION_END, tx, commit ? "T" : "F");
}

const char *talk_heard(struct talk *t)
{
	static char last[TALK_TEXT_MAX];

	strcpy(last, t->heard);
	t->heard[0] = '\0';
	return last;
}

bool talk_is_sound(struct talk *t)
{
	char why[256];

	if (xenstore_check(t->xs, why, sizeof(why)))
		return true;
	fprintf(stderr, "%s\n", why);
	return false;
}
