/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_talk.h: a store to talk to in few words: requests as strings,
 * replies and events as text.
 */
#ifndef CAUSEWAY_XENSTORE_TALK_H
#define CAUSEWAY_XENSTORE_TALK_H

#include "hypervisor/xenstore.h"

#define TALK_TEXT_MAX 8192

struct talk {
	struct xenstore *xs;
	struct xenstore_conn *control; /* domain 0 */
	struct xenstore_conn *guest;   /* domain 1 */
	uint64_t now_ms;
	char reply[TALK_TEXT_MAX];
	char heard[TALK_TEXT_MAX]; /* events, "domid:path=token" */
	unsigned long events, records;
	unsigned long events_at_reply; /* how many were before it */
	struct xenstore_conn *cause; /* of the last event */
};

/* With both connections, domain 1 introduced, /local/domain/1 readable to it
 * and /local/domain/1/data its own.  quota NULL: the defaults. */
void talk_init(struct talk *t, const struct xenstore_quota *quota);
void talk_fini(struct talk *t);
/*
 * The store is killed, and a new one has its records.  The guest's connection
 * is back by its key, 1; all others are gone, and the control domain has a new
 * one.  The first error of a record, or 0.
 */
int talk_restart(struct talk *t);

/*
 * One request.  Returns the reply, with its NULs as '|' and without the last
 * one, or the error's name.
 */
const char *talk_bytes(struct talk *t, struct xenstore_conn *conn,
		       uint32_t type, uint32_t tx, const void *payload,
		       size_t len);
/* With one string and its NUL. */
const char *talk(struct talk *t, struct xenstore_conn *conn, uint32_t type,
		 uint32_t tx, const char *arg);
/* With several: each | of "a|b|c" is a NUL. */
const char *talk_args(struct talk *t, struct xenstore_conn *conn, uint32_t type,
		      uint32_t tx, const char *args);
/* WRITE. */
const char *talk_write(struct talk *t, struct xenstore_conn *conn, uint32_t tx,
		       const char *path, const char *value);
/* A transaction's id. */
uint32_t talk_start(struct talk *t, struct xenstore_conn *conn);
const char *talk_end(struct talk *t, struct xenstore_conn *conn, uint32_t tx,
		     bool commit);
/* Events since the last call. */
const char *talk_heard(struct talk *t);
/* Nothing is counted wrongly. */
bool talk_is_sound(struct talk *t);

#endif
