/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstored_tree.h: the trees of causeway-xenstored, one a VM: the store, its
 * journal, its two sockets, whoever is connected.
 *
 * Folder <uuid>/ below the run folder, which is the current one, holds
 *
 *	socket	 for the control domain (root): speaks as domain 0
 *	guest	 for the guest: speaks as domain 1; for the uid of the VM's
 *		 process, and root
 *	journal	 see xenstored_keep.h
 *
 * A turn is what one client makes us do at once.  Whoever has entered a tree's
 * store ends the turn with xenstored_tree_end_turn(): first the journal is
 * written, then replies and events go out.  So what a client was told is kept.
 *
 * One thread.
 */
#ifndef CAUSEWAY_XENSTORED_TREE_H
#define CAUSEWAY_XENSTORED_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/queue.h>
#include <sys/types.h>

#include "hypervisor/xenstore.h"

#define XENSTORED_UUID_LEN 36
#define XENSTORED_TREES_MAX 4096
#define XENSTORED_GUEST 1 /* the domid of every guest in its own tree */

/*
 * Priorities in the loop.  RPC has the middle one, which is libevent's default,
 * and so is on a par with control clients.  After each callback of a guest's
 * the others are looked for first.
 */
enum xenstored_priority {
	XENSTORED_CONTROL = 1,
	XENSTORED_GUESTS,
	XENSTORED_PRIORITIES,
};

struct event;
struct event_base;
struct keep;
struct xenstored_conn;

/* Who is at the other end of a store's connection (its user pointer). */
struct xenstored_sink {
	void (*reply)(struct xenstored_sink *to,
		      const struct xenstore_message *msg);
	void (*event)(struct xenstored_sink *to,
		      const struct xenstore_message *msg);
};

struct xenstored_tree {
	TAILQ_ENTRY(xenstored_tree) next;
	struct xenstored *xd;
	char uuid[XENSTORED_UUID_LEN + 1];
	uid_t uid; /* of the VM's process; 0: none but root's */
	struct xenstore *store;
	struct xenstore_conn *self;  /* domain 0: us */
	struct xenstore_conn *relay; /* domain 1, restored; NULL: never seen */
	struct keep *keep;
	uint64_t next_snapshot_ms; /* not before, when one has failed */
	int control_fd, guest_fd;
	struct event *control_event, *guest_event;
	struct event *pause; /* then the guest's socket is listened to again */
	TAILQ_HEAD(, xenstored_conn) conns;
	TAILQ_HEAD(, xenstored_conn) dirty; /* something to send, or to end */
	unsigned control_count, guest_count;
};

struct xenstored {
	struct event_base *base;
	struct event *tick; /* tries again what has failed */
	char boot_id[64];
	TAILQ_HEAD(, xenstored_tree) trees;
	unsigned tree_count;
};

uint64_t xenstored_now_ms(void);

/*
 * base has XENSTORED_PRIORITIES.  Takes up again every tree of this boot that
 * the current folder holds, and removes what is left of others.  0 or -errno.
 */
int xenstored_trees_load(struct xenstored *xd);
/* Connections and sockets go, journals stay. */
void xenstored_trees_free(struct xenstored *xd);

/* Lower case hexadecimal, 8-4-4-4-12. */
bool xenstored_uuid_ok(const char *uuid);
struct xenstored_tree *xenstored_tree_find(struct xenstored *xd,
					   const char *uuid);
/* 0, -ENFILE: too many trees, or another -errno.  The uuid is new. */
int xenstored_tree_create(struct xenstored *xd, const char *uuid, uid_t uid,
			  struct xenstored_tree **out);
/* For whom the guest's socket is from now on; he who is connected stays. */
void xenstored_tree_set_uid(struct xenstored_tree *tree, uid_t uid);
/* With connections, files and all. */
void xenstored_tree_destroy(struct xenstored_tree *tree);

void xenstored_tree_end_turn(struct xenstored_tree *tree);

#endif
