/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_parts.h: what the parts of a store share.  Private to
 * hypervisor/xenstore*.c and their tests.
 *
 *	xenstore.c		the store, its connections and domains
 *	xenstore_request.c	requests: each type's rules
 *	xenstore_edit.c		changes of a tree, with the quotas
 *	xenstore_tx.c		transactions
 *	xenstore_watch.c	watches and events
 *	xenstore_record.c	records out and in
 *	xenstore_check.c	counts everything anew
 */
#ifndef CAUSEWAY_XENSTORE_PARTS_H
#define CAUSEWAY_XENSTORE_PARTS_H

#include <errno.h>

#include "hypervisor/xenstore_tree.h"

struct xenstore_watch {
	struct xenstore_watch *next;
	uint32_t prefix; /* bytes of path that the client does not see */
	uint32_t path_len, token_len;
	char *path;  /* canonical */
	char *token;
};

/* What a transaction has read or changed at one path. */
struct xenstore_access {
	uint64_t generation; /* when the transaction began; 0: not there */
	uint64_t below;
	bool changed;
	bool removed; /* with all below, whatever came after */
	bool event;
	bool grafted; /* at the commit: all that is below came with it */
	bool covered; /* came with one that was grafted */
	uint32_t path_len;
	char path[];
};

struct xenstore_tx {
	struct xenstore_tx *next;
	uint32_t id;
	bool failed; /* some request of it did not fit: cannot be committed */
	bool lost;   /* stands for one from before a restart: the same */
	struct xenstore_node *base; /* the tree as it was at the start */
	struct xenstore_node *top;  /* as the transaction sees it */
	int64_t nodes;		    /* of its domain, more than outside */
	struct xenstore_access **access; /* sorted by path */
	uint32_t count, room;
};

struct xenstore_conn {
	struct xenstore *xs;
	struct xenstore_conn *next, **prev;
	struct xenstore_account *account;
	uint64_t key;
	void *user;
	struct xenstore_watch *watches, **last_watch;
	struct xenstore_tx *txs;
	uint32_t incarnation; /* restarts survived */
	uint32_t next_tx;
	int64_t queued, queued_bytes;
};

struct xenstore {
	struct xenstore_accounts accounts;
	struct xenstore_out out;
	struct xenstore_node *top;
	uint64_t generation; /* the newest that was given */
	uint32_t cost;	     /* nodes made and removed by a request */
	struct xenstore_conn *conns, **last_conn;
	char reply[XENSTORE_PAYLOAD_MAX];
	uint32_t reply_len;
};

/* A tree that a request sees or changes: the store's or its transaction's. */
struct xenstore_view {
	struct xenstore *xs;
	struct xenstore_conn *conn; /* on whose behalf; NULL: our own */
	struct xenstore_tx *tx;	    /* NULL: outside */
};

static inline struct xenstore_node **
xenstore_view_top(const struct xenstore_view *view)
{
	return view->tx ? &view->tx->top : &view->xs->top;
}

static inline bool xenstore_conn_is_privileged(const struct xenstore_conn *conn)
{
	return !conn || !conn->account->domid;
}

/* May this domain take so many bytes more?  0 or -ENOMEM. */
static inline int xenstore_conn_room(const struct xenstore_conn *conn,
				     size_t bytes)
{
	if (xenstore_conn_is_privileged(conn) ||
	    conn->account->memory_bytes + bytes <=
		    conn->xs->accounts.quota.memory_hard)
		return 0;
	return -ENOMEM;
}

/* --- xenstore_edit.c: all paths canonical; 0 or -errno ------------------ */

/* Notes, in a transaction, that the path was read.  -ENOSPC, -ENOMEM. */
int xenstore_edit_read(const struct xenstore_view *view, const char *path);
/* Parents are made; -EACCES: there is no parent at all (of a special path). */
int xenstore_edit_write(const struct xenstore_view *view, const char *path,
			const void *value, uint32_t len);
/* Nothing if it is there. */
int xenstore_edit_mkdir(const struct xenstore_view *view, const char *path);
/* It is there, and has a parent. */
int xenstore_edit_rm(const struct xenstore_view *view, const char *path);
/* It is there. */
int xenstore_edit_set_perms(const struct xenstore_view *view, const char *path,
			    const struct xenstore_perm *perms, uint32_t count);
/*
 * Work out, in *top, a change that a transaction made; `of`: the node there
 * (NULL: removed).  Where nothing was before, it is grafted with all below it.
 * Counts are left pending.
 */
int xenstore_edit_merge(struct xenstore *xs, struct xenstore_node **top,
			struct xenstore_access *access,
			struct xenstore_node *of);
/* Make the accounts' pending counts true, or forget them. */
void xenstore_edit_settle(struct xenstore *xs, bool keep);

/* --- xenstore_tx.c ------------------------------------------------------ */

/* 0, -ENOSPC or -ENOMEM. */
int xenstore_tx_start(struct xenstore_conn *conn, struct xenstore_tx **out);
/* NULL: there is none of that id. */
struct xenstore_tx *xenstore_tx_find(struct xenstore_conn *conn, uint32_t id);
void xenstore_tx_abort(struct xenstore_conn *conn, struct xenstore_tx *tx);
void xenstore_tx_abort_all(struct xenstore_conn *conn);
/* The transaction is gone whatever this returns: 0, -EAGAIN, -ENOSPC (quota
 * of nodes), -ENOMEM (also if it had failed before). */
int xenstore_tx_commit(struct xenstore_conn *conn, struct xenstore_tx *tx);
/*
 * What it noted of this path, made if need be: 0, -ENOSPC, -ENOMEM.  `was`:
 * the node there at the start.
 */
int xenstore_tx_access(struct xenstore_conn *conn, struct xenstore_tx *tx,
		       const char *path, size_t len,
		       const struct xenstore_node *was,
		       struct xenstore_access **out);
/* Bytes that so many new entries with paths of this length take. */
size_t xenstore_tx_access_cost(size_t path_len);

/* --- xenstore_watch.c --------------------------------------------------- */

/* 0, -EEXIST, -E2BIG, -ENOMEM. */
int xenstore_watch_add(struct xenstore_conn *conn, const char *path,
		       uint32_t prefix, const char *token,
		       struct xenstore_watch **out);
int xenstore_watch_remove(struct xenstore_conn *conn, const char *path,
			  const char *token); /* 0 or -ENOENT */
void xenstore_watch_remove_all(struct xenstore_conn *conn);
/* Once, for this watch: it is set. */
void xenstore_watch_first(struct xenstore_conn *conn,
			  const struct xenstore_watch *watch);
/*
 * Tell whom it concerns that `path` has changed.  `before`: the tree before,
 * NULL if permissions and existence are as they were.  `removed`: all that was
 * there and below.
 */
void xenstore_watch_fire(struct xenstore *xs, struct xenstore_conn *cause,
			 struct xenstore_node *before, const char *path,
			 bool removed);
/* A special event: those who watch exactly this. */
void xenstore_watch_special(struct xenstore *xs, const char *name);

/* --- xenstore_record.c -------------------------------------------------- */

void xenstore_record_node(struct xenstore *xs, const char *path,
			  const struct xenstore_node *node);
void xenstore_record_rm(struct xenstore *xs, const char *path);
void xenstore_record_domain(struct xenstore *xs,
			    const struct xenstore_account *account);
void xenstore_record_released(struct xenstore *xs, unsigned domid);
void xenstore_record_conn(struct xenstore *xs,
			  const struct xenstore_conn *conn);
void xenstore_record_closed(struct xenstore *xs,
			    const struct xenstore_conn *conn);
void xenstore_record_watch(struct xenstore *xs,
			   const struct xenstore_conn *conn,
			   const struct xenstore_watch *watch, bool set);

/* --- xenstore_request.c ------------------------------------------------- */

/* To xs->reply and reply_len: 0 or -errno. */
int xenstore_request_serve(struct xenstore_conn *conn,
			   const struct xenstore_message *msg, uint64_t now_ms,
			   struct xenstore_watch **first);

#endif
