/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fdb.h: (segment, MAC) to port.
 *
 * Readers are the workers: fdb_lookup() and fdb_source() take no lock and
 * never miss an address that is in the table, whatever a writer does
 * meanwhile.  They write one field, an entry's coarse last-seen tick, and only
 * when it differs.
 *
 * Writers (fdb_learn() on a worker, everything under "control") serialise on
 * one lock.  A worker only tries it: when it is busy the address stays unknown
 * for now (FDB_DEFERRED).  How many addresses a burst may try is the caller's
 * bound.  The control functions wait for it; ageing holds it for 64 buckets
 * at a time, a sweep for one pass over the table.
 *
 * Who may have an address: static (configured) > uplink > guest.  But an
 * uplink does not get what a guest uses for the asking: such a frame is the
 * guest's own that came back, or somebody else's under its name.  It gets it
 * once it says that the address has moved away (FDB_ANNOUNCED) and the guest
 * has been silent for longer than the hold time, or when it has aged.  A port's
 * learned entries are bounded by its quota, and a full table refuses; nobody's
 * learned entry is evicted for another learned one.
 *
 * Ticks count whatever the caller likes (switchd: seconds), 16 bits, compared
 * modulo 2^16: the hold time stays below 32768, and no entry gets older than
 * FDB_AGE_MAX.
 *
 * One burst, on a worker:
 *
 *	for each frame:	hash[i] = fdb_prefetch(fdb, key[i]);
 *	for each frame:	fdb_lookup_hash(fdb, key[i], hash[i], &hit);
 */
#ifndef CAUSEWAY_FDB_H
#define CAUSEWAY_FDB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FDB_CAPACITY     65536 /* entries, default */
#define FDB_CAPACITY_MAX (1 << 22)
#define FDB_QUOTA_GUEST  32    /* learned entries of an unlocked guest port */
#define FDB_QUOTA_UPLINK 49152 /* leaves guests a quarter of the table */
#define FDB_HOLD_TICKS   2     /* between two moves of one address */
#define FDB_AGE_TICKS    300   /* without a frame: forgotten (802.1Q 8.8.3) */
#define FDB_AGE_MAX      32000
#define FDB_SLOTS        4      /* entries of a bucket */

/* Who says so; a higher class wins an address. */
enum fdb_class {
	FDB_NONE = 0,
	FDB_GUEST,  /* learned on a guest or host port */
	FDB_UPLINK, /* learned on an uplink */
	FDB_STATIC, /* configured */
	/* or'ed to FDB_UPLINK for fdb_learn(): the frame is an announcement */
	FDB_ANNOUNCED = 8,
};

enum fdb_learned {
	FDB_KNOWN,    /* was there already */
	FDB_ADDED,    /* new */
	FDB_MOVED,    /* was behind another port */
	FDB_DEFERRED, /* the lock was busy: not now */
	FDB_FULL,     /* no room in the table */
	FDB_QUOTA,    /* no room in the port's quota */
	FDB_HELD,     /* moved a moment ago: stays where it is */
	FDB_FOREIGN,  /* another port has it, by rank or by use */
};

/* One cache line.  Key 0 is an empty slot; see fdb.c for the write order. */
struct fdb_bucket {
	_Atomic uint64_t key[FDB_SLOTS];
	_Atomic uint32_t where[FDB_SLOTS]; /* port, class, 12 bits of hash */
	_Atomic uint16_t seen[FDB_SLOTS];  /* tick of the last frame */
	_Atomic uint16_t moved[FDB_SLOTS]; /* tick of the last move */
} __attribute__((aligned(64)));

/* What readers need of the table; the rest is private to fdb.c. */
struct fdb {
	struct fdb_bucket *buckets;
	uint64_t seed[2];
	uint32_t mask;              /* buckets - 1 */
	_Atomic uint32_t shifts;    /* entries that changed their bucket */
};

struct fdb_hit {
	uint16_t port;
	uint8_t class; /* enum fdb_class */
	_Atomic uint16_t *seen;
};

struct fdb_conf {
	uint32_t capacity; /* rounded up to a power of two */
	uint32_t quota;    /* of every port until fdb_set_quota() */
	uint16_t hold;     /* ticks between two moves of an address */
	int numa_node;     /* preferred; -1: any */
	uint64_t seed;     /* 0: random (tests fix it) */
};

#define FDB_CONF_DEFAULT                                                       \
	{                                                                      \
		.capacity = FDB_CAPACITY, .quota = FDB_QUOTA_GUEST,            \
		.hold = FDB_HOLD_TICKS, .numa_node = -1,                       \
	}

/* Facts of one port. */
struct fdb_port_stats {
	uint32_t learned; /* entries now */
	uint32_t quota;
	uint64_t added;
	uint64_t moves; /* addresses that came here from another port */
	uint64_t held;  /* moves refused by the hold time: a loop shows here */
	uint64_t foreign; /* addresses refused because another port has them */
	uint64_t over_quota;
	uint64_t full;
};

struct fdb_entry {
	uint16_t segment;
	uint8_t mac[6];
	uint16_t port;
	uint8_t class;
	uint16_t seen;
};

/* 0, -EINVAL (capacity, hold) or -ENOMEM.  Needs no EAL. */
int fdb_new(struct fdb **out, const struct fdb_conf *conf);
void fdb_free(struct fdb *fdb); /* NULL does nothing; no reader is left */

/*
 * Worker: insert or move an address seen on `port`.  class: guest, uplink,
 * uplink with FDB_ANNOUNCED.
 */
enum fdb_learned fdb_learn(struct fdb *fdb, uint64_t key, uint16_t port,
			   enum fdb_class class, uint16_t tick);

/*
 * What fdb_learn() would say: for traces, and for addresses that a burst has no
 * turn left for.  Takes no lock, counts nothing, does not know of FDB_FULL; an
 * entry that is just then moved may seem new.
 */
enum fdb_learned fdb_foresee(const struct fdb *fdb, uint64_t key,
			     uint16_t port, enum fdb_class class,
			     uint16_t tick);

/* Control. */

/*
 * Configure an address.  Replaces a learned entry and, where there is no room,
 * evicts one.  0, -EEXIST (static on another port), -ENOSPC (statics
 * fill its place), -EINVAL (key 0).
 */
int fdb_set_static(struct fdb *fdb, uint64_t key, uint16_t port);
bool fdb_del(struct fdb *fdb, uint64_t key); /* was it there? */

/*
 * Forget every entry, configured ones as well, that is stale: so says the
 * caller.  One pass, under the lock.  Returns how many went.
 */
uint32_t fdb_sweep(struct fdb *fdb,
		   bool (*stale)(const void *ctx, const struct fdb_entry *e),
		   const void *ctx);

/*
 * Look at the next `buckets` buckets (0: all) and forget learned entries not
 * seen for more than max_age ticks (more than FDB_AGE_MAX counts as that).
 * Returns how many went.  Call it so that the whole table is visited at least
 * every 700 ticks.
 */
uint32_t fdb_age(struct fdb *fdb, uint16_t now, uint32_t max_age,
		 uint32_t buckets);

void fdb_set_hold(struct fdb *fdb, uint16_t ticks); /* below 32768 */
/* Lowering a quota below what is learned forgets nothing. */
void fdb_set_quota(struct fdb *fdb, uint16_t port, uint32_t quota);
/* A port id is given to another port: its counters start anew. */
void fdb_reset_port(struct fdb *fdb, uint16_t port);

/*
 * Call cb with every entry, without the lock: an entry that changes its
 * bucket meanwhile may come twice or not at all.
 */
void fdb_each(const struct fdb *fdb,
	      void (*cb)(void *ctx, const struct fdb_entry *e), void *ctx);
void fdb_port_stats(const struct fdb *fdb, uint16_t port,
		    struct fdb_port_stats *out);
uint32_t fdb_count(const struct fdb *fdb);   /* entries */
uint32_t fdb_buckets(const struct fdb *fdb); /* for fdb_age() */

/* Data path. */

/* Two loads put together: six bytes copied into a word would be read back
 * before they are stored, a stall of a dozen cycles. */
static inline uint64_t fdb_key(uint16_t segment, const uint8_t mac[6])
{
	uint32_t first;
	uint16_t last;

	memcpy(&first, mac, sizeof(first));
	memcpy(&last, mac + 4, sizeof(last));
	return first | (uint64_t)last << 32 | (uint64_t)segment << 48;
}

/*
 * Two multiplies of 64 x 64 bits, folded; one alone leaves addresses in a row
 * unevenly spread.  Not a CRC: there which keys collide does not depend on the
 * seed, and a guest could choose addresses that all do.
 */
static inline uint64_t fdb_hash(const struct fdb *fdb, uint64_t key)
{
	unsigned __int128 m =
		(unsigned __int128)(key ^ fdb->seed[0]) * fdb->seed[1];

	m = (unsigned __int128)((uint64_t)m ^ fdb->seed[0]) *
	    ((uint64_t)(m >> 64) ^ fdb->seed[1]);
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline struct fdb_bucket *fdb_first(const struct fdb *fdb, uint64_t hash)
{
	return &fdb->buckets[hash & fdb->mask];
}

static inline struct fdb_bucket *fdb_second(const struct fdb *fdb,
					    uint64_t hash)
{
	return &fdb->buckets[(hash >> 24) & fdb->mask];
}

/* `where`: port in 31..16, class in 15..12, top bits of the hash below. */
static inline uint32_t fdb_tag(uint64_t hash)
{
	return hash >> 52;
}

/* Start the load of a key's bucket; returns its hash. */
static inline uint64_t fdb_prefetch(const struct fdb *fdb, uint64_t key)
{
	uint64_t hash = fdb_hash(fdb, key);

	__builtin_prefetch(fdb_first(fdb, hash));
	return hash;
}

/*
 * Without branches on the slot, which is random.  The key is read again after
 * the value; should the slot have changed hands twice in between, the hash
 * bits in the value tell.
 */
static inline bool fdb_probe(struct fdb_bucket *b, uint64_t key, uint64_t hash,
			     struct fdb_hit *hit)
{
	unsigned match = 0, i;
	uint32_t where;

	for (i = 0; i < FDB_SLOTS; i++)
		match |= (unsigned)(atomic_load_explicit(
					    &b->key[i], memory_order_acquire) ==
				    key)
			 << i;
	if (!match)
		return false;
	i = (unsigned)__builtin_ctz(match);
	where = atomic_load_explicit(&b->where[i], memory_order_acquire);
	if (atomic_load_explicit(&b->key[i], memory_order_relaxed) != key ||
	    (where & 0xfff) != fdb_tag(hash))
		return false;
	hit->port = where >> 16;
	hit->class = where >> 12 & 0xf;
	hit->seen = &b->seen[i];
	return true;
}

/*
 * A miss counts only if no entry changed its bucket meanwhile: it may have
 * gone from the second, before we looked there, to the first, after we did.
 */
static inline bool fdb_lookup_hash(const struct fdb *fdb, uint64_t key,
				   uint64_t hash, struct fdb_hit *hit)
{
	uint32_t shifts, again;

	if (!key)
		return false;
	again = atomic_load_explicit(&fdb->shifts, memory_order_acquire);
	do {
		shifts = again;
		if (fdb_probe(fdb_first(fdb, hash), key, hash, hit) ||
		    fdb_probe(fdb_second(fdb, hash), key, hash, hit))
			return true;
		again = atomic_load_explicit(&fdb->shifts,
					     memory_order_acquire);
	} while (shifts != again);
	return false;
}

static inline bool fdb_lookup(const struct fdb *fdb, uint64_t key,
			      struct fdb_hit *hit)
{
	return fdb_lookup_hash(fdb, key, fdb_hash(fdb, key), hit);
}

enum fdb_source {
	FDB_SRC_KNOWN,   /* behind this port; tick refreshed */
	FDB_SRC_LEARN,   /* new or moved: fdb_learn() decides */
	FDB_SRC_FOREIGN, /* configured on another port: DROP_FOREIGN_MAC */
};

/*
 * Judge the source of a frame received on `port`.  Call it for every port
 * that is not locked to one address, uplinks included: a local guest's address
 * from outside is as foreign.
 */
static inline enum fdb_source fdb_source(const struct fdb *fdb, uint64_t key,
					 uint64_t hash, uint16_t port,
					 uint16_t tick)
{
	struct fdb_hit hit;
	bool found = fdb_lookup_hash(fdb, key, hash, &hit);

	if (found && hit.port == port) {
		if (atomic_load_explicit(hit.seen, memory_order_relaxed) !=
		    tick)
			atomic_store_explicit(hit.seen, tick,
					      memory_order_relaxed);
		return FDB_SRC_KNOWN;
	}
	if (found && hit.class == FDB_STATIC)
		return FDB_SRC_FOREIGN;
	return FDB_SRC_LEARN;
}

#endif
