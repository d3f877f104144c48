/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore.h: the store of one VM: a tree of nodes, with permissions,
 * transactions, watches and quotas, that answers Xen's protocol.
 *
 * Pure: requests and a clock in; replies and events out.  No I/O, no thread,
 * no global: a process may hold any number of stores that know nothing of one
 * another.  The same requests at the same times lead to the same store.
 *
 * Domain 0 is privileged: all may be read and written, no quota counts.  Any
 * other domain (the guest is 1) is hostile: whatever it sends is answered
 * within the quotas, and costs no more than they say.
 *
 * Ownership: the store owns its connections; a connection owns its watches
 * and transactions.  Time is a monotonic count of milliseconds.
 */
#ifndef CAUSEWAY_XENSTORE_H
#define CAUSEWAY_XENSTORE_H

#include "hypervisor/xenstore_wire.h"

struct xenstore;
struct xenstore_conn;

/* Per domain other than 0; names and defaults are Xen's (docs/xenstore.md). */
struct xenstore_quota {
	uint32_t nodes;		    /* owned */
	uint32_t watches;
	uint32_t transactions;	    /* open at once */
	uint32_t transaction_nodes; /* read or changed by one transaction */
	uint32_t node_size;	    /* 8 a permission, names below, value */
	uint32_t node_permissions;
	uint32_t path_max;	    /* below /local/domain/N/, or absolute */
	uint32_t outstanding;	    /* not taken, of one connection */
	uint32_t memory_soft;	    /* bytes; reported */
	uint32_t memory_hard;	    /* bytes; refused */
	/* A request that writes costs a credit, or one for each node that it
	 * makes or removes. */
	uint32_t write_rate;	    /* credits a second, of all domains */
	uint32_t write_burst;	    /* credits a domain may save */
	uint32_t write_reserve;	    /* credits saved for all */
	uint32_t write_new_domains; /* that may start in debt to the reserve */
};

extern const struct xenstore_quota xenstore_quota_defaults;

/*
 * A change of what outlives a restart, as a type and strings of bytes: what to
 * write into a journal, and to hand to xenstore_restore().
 */
enum xenstore_record_type {
	XENSTORE_RECORD_NODE = 1, /* path, "n0" NUL "r1" NUL, value */
	XENSTORE_RECORD_RM,	  /* path */
	XENSTORE_RECORD_DOMAIN,	  /* "domid", "target" or "" */
	XENSTORE_RECORD_RELEASED, /* "domid" */
	XENSTORE_RECORD_CONN,	  /* "key", "domid", "incarnation" */
	XENSTORE_RECORD_CLOSED,	  /* "key" */
	XENSTORE_RECORD_WATCH,	  /* "key", path as the client gave it, token */
	XENSTORE_RECORD_UNWATCH,  /* the same */
};

struct xenstore_record {
	uint8_t type; /* enum xenstore_record_type */
	struct {
		const void *data;
		uint32_t len;
	} field[3];
};

/*
 * Where messages go: the order of the calls is their order on the wire.  What
 * they point to is valid during the call only, and the call may not enter the
 * store except by xenstore_queued() and the functions that take a const
 * pointer.
 */
struct xenstore_out {
	/* May be NULL.  Before the reply and the events; a request's records
	 * belong together. */
	void (*record)(void *ctx, const struct xenstore_record *rec);
	void (*reply)(void *ctx, struct xenstore_conn *conn,
		      const struct xenstore_message *msg);
	/* `cause`: whose request it was; NULL: nobody's. */
	void (*event)(void *ctx, struct xenstore_conn *to,
		      struct xenstore_conn *cause,
		      const struct xenstore_message *msg);
	void *ctx;
};

/* With /tool/xenstored and the special nodes.  quota NULL: the defaults.  0 or
 * -ENOMEM. */
int xenstore_new(struct xenstore **out, const struct xenstore_quota *quota,
		 const struct xenstore_out *to);
void xenstore_free(struct xenstore *xs); /* NULL does nothing */

/*
 * A connection that acts as domid, and cannot become another.  `key` is the
 * caller's name for it, unique, by which it outlives a restart; 0: it does
 * not.  0, -EEXIST (the key is taken), -EINVAL (no such domid) or -ENOMEM.
 */
int xenstore_open(struct xenstore *xs, struct xenstore_conn **out,
		  unsigned domid, uint64_t key, uint64_t now_ms);
/* Its watches and transactions go with it.  NULL does nothing. */
void xenstore_close(struct xenstore_conn *conn);
/* For the caller's own use; NULL at first. */
void xenstore_conn_set_user(struct xenstore_conn *conn, void *user);
void *xenstore_conn_user(const struct xenstore_conn *conn);
unsigned xenstore_conn_domid(const struct xenstore_conn *conn);
uint64_t xenstore_conn_key(const struct xenstore_conn *conn);
/* All of them, e.g. after xenstore_restore(): the first (of NULL), the next. */
struct xenstore_conn *xenstore_conn_next(const struct xenstore *xs,
					 const struct xenstore_conn *after);

/*
 * One request: exactly one reply, and the events of what it changed.  Whether
 * the domain may speak now is the caller's question: xenstore_wait_ms().
 */
void xenstore_request(struct xenstore_conn *conn,
		      const struct xenstore_message *msg, uint64_t now_ms);
/*
 * The same as a call, for requests of our own: 0 or -errno; the reply's
 * payload goes to reply[XENSTORE_PAYLOAD_MAX], its length to *len (both may
 * be NULL).
 */
int xenstore_call(struct xenstore_conn *conn, enum xenstore_type type,
		  uint32_t tx_id, const void *payload, size_t payload_len,
		  char *reply, size_t *len, uint64_t now_ms);

/*
 * One event for each of its watches, as when it was set: for a client that may
 * have missed some.
 */
void xenstore_fire(struct xenstore_conn *conn);

/*
 * What waits to be taken by this connection's client: count and bytes, added
 * when queued, subtracted when sent.  An event queued for others on behalf of
 * this connection's request may count here as well (bytes 0).
 */
void xenstore_queued(struct xenstore_conn *conn, int messages, long bytes);
/*
 * How long this connection's next request has to wait: 0: not at all;
 * UINT64_MAX: until something that is queued has been taken; otherwise until
 * there is credit for a write.  Always 0 for domain 0.
 */
uint64_t xenstore_wait_ms(struct xenstore_conn *conn, uint64_t now_ms);

/*
 * The domain is there (event @introduceDomain) or gone (@releaseDomain).  Gone
 * means: what it owns and what is below, its entries in others' permissions,
 * its watches, transactions, credit, target; a later domain of this id
 * inherits nothing.  Its connections stay, empty, until closed.  0, -EINVAL
 * (domain 0 or none), -ENOENT (not introduced) or -ENOMEM (try again).
 */
int xenstore_introduce(struct xenstore *xs, unsigned domid, uint64_t now_ms);
int xenstore_release(struct xenstore *xs, unsigned domid);

struct xenstore_facts {
	bool introduced;
	uint32_t nodes, watches, transactions;
	uint32_t connections;
	uint32_t outstanding;	 /* messages queued */
	uint64_t memory_bytes;	 /* nodes, snapshots, watches, queues */
	uint64_t memory_peak_bytes;
	uint64_t requests, errors;
	uint64_t quota_refusals; /* ENOSPC, E2BIG, ENOMEM */
	uint64_t conflicts;	 /* commits that got EAGAIN */
	uint64_t events;	 /* sent to this domain */
	uint64_t soft_exceeded;	 /* times memory_soft was crossed */
	int64_t write_credit;	 /* in thousandths */
};

/* All zero for a domain that the store does not know. */
void xenstore_facts(const struct xenstore *xs, unsigned domid,
		    struct xenstore_facts *facts);

/*
 * The whole store as records, parents before their children: what a store that
 * is handed them by xenstore_restore() needs to be the same.  Left out are
 * transactions, what is queued, credit, and connections with key 0.  The first
 * error of `put` ends it and is returned.
 */
int xenstore_save(const struct xenstore *xs,
		  int (*put)(void *ctx, const struct xenstore_record *rec),
		  void *ctx);
/*
 * One record, of xenstore_save() or of out.record, into a new store that has
 * served no request yet; tells nobody.  0, -EINVAL (no such record, or it does
 * not fit what is there), -ENOMEM.
 *
 * A connection comes back with its watches, found by its key, and waits for
 * its client: its transactions are lost, and the client need not know.  A
 * request that names one is served in a new one that cannot be committed, so
 * that its end is EAGAIN, after which every client starts over.
 */
int xenstore_restore(struct xenstore *xs, const struct xenstore_record *rec);

/*
 * Counts everything anew and compares; false: the store is wrong, and `why`
 * says how.  For tests and for CONTROL check.
 */
bool xenstore_check(const struct xenstore *xs, char *why, size_t size);

#endif
