/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fdb.c: the forwarding table's writers.
 *
 * Every key has two buckets of four slots, chosen by a hash with a random
 * seed.  An entry goes to its first bucket while that has room, because then
 * a lookup touches one cache line; else to its second; else entries are
 * shifted to their other bucket, at most three deep, to make room.  The first
 * address is refused when the table is some 95 % full, and 98 % fill it, so it
 * need not be larger, and colder, than what is asked of it.
 *
 * What keeps lock-free readers right:
 *
 *  - A slot changes hands as: key 0, value, key.  Each store is a release, so
 *    a reader that saw the new value sees the old key gone.
 *  - An entry shifts as: copy, count the shift, clear the original.  A reader
 *    that looked at both places at the wrong moments sees the count and looks
 *    again.
 *  - A move to another port is one store of one word.
 *
 * Nothing is freed while the table lives, so readers need no grace period.
 * But port ids outlive ports: whoever removes a port makes workers stop
 * learning on it, waits until they have passed a quiescent point, flushes it
 * here and only then reuses the id.
 */
#include "vswitch/fdb.h"

#include <assert.h>
#include <errno.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/port.h"
#include "vswitch/writer_lock.h"

#define HUGE_BYTES    (2ul << 20)
#define CHUNK_BUCKETS 64 /* aged under one taking of the lock */
#define PATHS         (2 * (1 + 4 + 16 + 64)) /* looked at to make room, 3 deep */

static_assert(sizeof(struct fdb_bucket) == 64, "a bucket is a cache line");

struct port_facts {
	_Atomic uint32_t learned, quota;
	_Atomic uint64_t added, moves, held, foreign, over_quota, full;
};

/* One mapping: this, then the buckets. */
struct table {
	struct fdb pub;
	struct writer_lock lock;
	_Atomic uint32_t count;
	uint32_t age_next; /* bucket; control thread only */
	uint32_t quota;
	_Atomic uint16_t hold;
	size_t map_bytes;
	struct port_facts ports[PORT_ID_MAX];
	struct fdb_bucket buckets[];
};

/* A slot of the table, or of no table when b is NULL. */
struct place {
	struct fdb_bucket *b;
	unsigned slot;
};

/* Which entries a sweep takes away. */
struct rule {
	bool (*match)(const struct rule *r, uint64_t key, uint32_t where,
		      uint16_t seen);
	uint16_t now, max_age;
	bool statics;
	bool (*stale)(const void *ctx, const struct fdb_entry *e);
	const void *ctx;
};

static struct table *table_of(struct fdb *fdb)
{
	return (struct table *)fdb;
}

static const struct table *table_of_const(const struct fdb *fdb)
{
	return (const struct table *)fdb;
}

static enum fdb_class class_of(uint32_t where)
{
	return where >> 12 & 0xf;
}

static uint16_t port_of(uint32_t where)
{
	return where >> 16;
}

static uint16_t segment_of(uint64_t key)
{
	return key >> 48;
}

static void bump(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Count an entry in (by = 1) or out (by = -1). */
static void account(struct table *t, uint32_t where, int by)
{
	t->count += by;
	if (class_of(where) != FDB_STATIC)
		t->ports[port_of(where)].learned += by;
}

/* Fill an empty slot. */
static void fill(struct place p, uint64_t key, uint32_t where, uint16_t seen,
		 uint16_t moved)
{
	atomic_store_explicit(&p.b->where[p.slot], where, memory_order_release);
	atomic_store_explicit(&p.b->seen[p.slot], seen, memory_order_relaxed);
	atomic_store_explicit(&p.b->moved[p.slot], moved, memory_order_relaxed);
	atomic_store_explicit(&p.b->key[p.slot], key, memory_order_release);
}

static void clear(struct place p)
{
	atomic_store_explicit(&p.b->key[p.slot], 0, memory_order_release);
}

static void forget(struct table *t, struct place p)
{
	account(t, p.b->where[p.slot], -1);
	clear(p);
}

static struct place slot_with(struct fdb_bucket *b, uint64_t key)
{
	unsigned i;

	for (i = 0; i < FDB_SLOTS; i++)
		if (atomic_load_explicit(&b->key[i], memory_order_relaxed) ==
		    key)
			return (struct place){ b, i };
	return (struct place){ NULL, 0 };
}

static struct place find(const struct table *t, uint64_t key, uint64_t hash)
{
	struct place p = slot_with(fdb_first(&t->pub, hash), key);

	return p.b ? p : slot_with(fdb_second(&t->pub, hash), key);
}

static struct fdb_bucket *other_bucket(const struct table *t,
				       const struct fdb_bucket *b, uint64_t key)
{
	uint64_t hash = fdb_hash(&t->pub, key);
	struct fdb_bucket *first = fdb_first(&t->pub, hash);

	return first == b ? fdb_second(&t->pub, hash) : first;
}

static void shift(struct table *t, struct place from, struct place to)
{
	fill(to, from.b->key[from.slot], from.b->where[from.slot],
	     from.b->seen[from.slot], from.b->moved[from.slot]);
	atomic_fetch_add_explicit(&t->pub.shifts, 1, memory_order_release);
	clear(from);
}

/*
 * A step of the search for room: `b` is where the entry in `slot` of the
 * parent's bucket could go.
 */
struct step {
	struct fdb_bucket *b;
	int parent; /* -1: one of the two buckets we want room in */
	unsigned slot;
};

/*
 * Shift entries along the path that ends at a free slot; what that frees.
 * A path may cross itself three deep, and then find another entry in a slot
 * than the search did; one that must not go where it should ends the attempt,
 * with every entry so far in a rightful place.
 */
static struct place shift_along(struct table *t, const struct step steps[],
				int at, struct place room)
{
	while (steps[at].parent >= 0) {
		int up = steps[at].parent;
		struct place from = { steps[up].b, steps[at].slot };
		uint64_t key = from.b->key[from.slot];

		if (!key || other_bucket(t, from.b, key) != room.b)
			return (struct place){ NULL, 0 };
		shift(t, from, room);
		room = from;
		at = up;
	}
	return room;
}

/* Breadth first, so the path is the shortest. */
static struct place make_room(struct table *t, uint64_t hash)
{
	struct step steps[PATHS];
	int at, used = 2;
	unsigned i;

	steps[0] = (struct step){ fdb_first(&t->pub, hash), -1, 0 };
	steps[1] = (struct step){ fdb_second(&t->pub, hash), -1, 0 };
	for (at = 0; at < used; at++) {
		struct fdb_bucket *b = steps[at].b;
		struct place room = slot_with(b, 0);

		if (room.b)
			return shift_along(t, steps, at, room);
		for (i = 0; i < FDB_SLOTS && used < PATHS; i++) {
			struct fdb_bucket *o = other_bucket(t, b, b->key[i]);

			if (o != b)
				steps[used++] = (struct step){ o, at, i };
		}
	}
	return (struct place){ NULL, 0 };
}

static bool insert(struct table *t, uint64_t key, uint64_t hash, uint32_t where,
		   uint16_t seen, uint16_t moved)
{
	struct place p = make_room(t, hash);

	if (!p.b)
		return false;
	fill(p, key, where, seen, moved);
	account(t, where, 1);
	return true;
}

static void prefer_node(void *map, size_t bytes, int node)
{
	unsigned long mask = 1ul << node;

	/* Advice: where it fails, memory of any node does as well. */
	(void)syscall(SYS_mbind, map, bytes, MPOL_PREFERRED, &mask,
		      sizeof(mask) * 8, 0);
}

static size_t table_bytes(uint32_t buckets)
{
	size_t bytes = sizeof(struct table) +
		       (size_t)buckets * sizeof(struct fdb_bucket);

	return (bytes + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
}

/* Zeroed, aligned so that a huge page fits, on the wanted node if possible. */
static void *map_table(size_t bytes, int node)
{
	size_t room = bytes + HUGE_BYTES;
	uint8_t *map = mmap(NULL, room, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (map == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)map & (HUGE_BYTES - 1);
	if (before)
		munmap(map, before);
	munmap(map + before + bytes, room - before - bytes);
	map += before;
	madvise(map, bytes, MADV_HUGEPAGE);
	if (node >= 0 && node < 64)
		prefer_node(map, bytes, node);
	return map;
}

/* Odd multiplier, so that no key bit is lost. */
static int take_seed(struct fdb *fdb, uint64_t seed)
{
	ssize_t n = sizeof(fdb->seed);

	if (seed) {
		fdb->seed[0] = seed * 0x9e3779b97f4a7c15;
		fdb->seed[1] = ~seed * 0xd1342543de82ef95;
	} else {
		n = getrandom(fdb->seed, sizeof(fdb->seed), 0);
	}
	fdb->seed[1] |= 1;
	return n == sizeof(fdb->seed) ? 0 : -ENOMEM;
}

int fdb_new(struct fdb **out, const struct fdb_conf *conf)
{
	uint32_t buckets = 1;
	struct table *t;
	size_t bytes;
	unsigned i;

	if (!conf->capacity || conf->capacity > FDB_CAPACITY_MAX ||
	    conf->hold > INT16_MAX)
		return -EINVAL;
	while (buckets * FDB_SLOTS < conf->capacity)
		buckets *= 2;
	bytes = table_bytes(buckets);
	t = map_table(bytes, conf->numa_node);
	if (!t)
		return -ENOMEM;
	t->map_bytes = bytes;
	t->pub.buckets = t->buckets;
	t->pub.mask = buckets - 1;
	t->hold = conf->hold;
	t->quota = conf->quota;
	for (i = 0; i < PORT_ID_MAX; i++)
		t->ports[i].quota = conf->quota;
	if (take_seed(&t->pub, conf->seed) < 0) {
		fdb_free(&t->pub);
		return -ENOMEM;
	}
	*out = &t->pub;
	return 0;
}

void fdb_free(struct fdb *fdb)
{
	if (fdb)
		munmap(fdb, table_of(fdb)->map_bytes);
}

/* `moved` such that the first move of a new address is not held. */
static enum fdb_learned add(struct table *t, uint64_t key, uint64_t hash,
			    uint32_t where, uint16_t tick)
{
	struct port_facts *facts = &t->ports[port_of(where)];

	if (facts->learned >= facts->quota) {
		bump(&facts->over_quota);
		return FDB_QUOTA;
	}
	if (!insert(t, key, hash, where, tick, tick - t->hold)) {
		bump(&facts->full);
		return FDB_FULL;
	}
	bump(&facts->added);
	return FDB_ADDED;
}

/* Does the entry's rank or, against an uplink, its use keep it in place? */
static bool stays(const struct table *t, struct place p, enum fdb_class class,
		  uint16_t tick)
{
	enum fdb_class has = class_of(p.b->where[p.slot]);
	uint16_t silent = tick - p.b->seen[p.slot];

	if (has != FDB_GUEST || class == FDB_GUEST)
		return has > (class & ~FDB_ANNOUNCED);
	return !(class & FDB_ANNOUNCED) || silent <= t->hold;
}

/* May the entry go to the port of `where`, by rank, hold time and quota? */
static enum fdb_learned judge_move(const struct table *t, struct place p,
				   enum fdb_class class, uint32_t where,
				   uint16_t tick)
{
	const struct port_facts *facts = &t->ports[port_of(where)];
	uint16_t since = tick - p.b->moved[p.slot];

	if (stays(t, p, class, tick))
		return FDB_FOREIGN;
	if (since < t->hold)
		return FDB_HELD;
	return facts->learned >= facts->quota ? FDB_QUOTA : FDB_MOVED;
}

static void count_move(struct port_facts *facts, enum fdb_learned verdict)
{
	switch (verdict) {
	case FDB_FOREIGN:
		bump(&facts->foreign);
		break;
	case FDB_HELD:
		bump(&facts->held);
		break;
	case FDB_QUOTA:
		bump(&facts->over_quota);
		break;
	default:
		bump(&facts->moves);
	}
}

static enum fdb_learned refresh(struct table *t, struct place p,
				enum fdb_class class, uint32_t where,
				uint16_t tick)
{
	uint32_t old = p.b->where[p.slot];
	enum fdb_learned verdict = FDB_KNOWN;

	if (port_of(old) != port_of(where)) {
		verdict = judge_move(t, p, class, where, tick);
		count_move(&t->ports[port_of(where)], verdict);
		if (verdict != FDB_MOVED)
			return verdict;
		account(t, old, -1);
		atomic_store_explicit(&p.b->where[p.slot], where,
				      memory_order_release);
		account(t, where, 1);
		p.b->moved[p.slot] = tick;
	}
	atomic_store_explicit(&p.b->seen[p.slot], tick, memory_order_relaxed);
	return verdict;
}

static uint32_t where_is(uint16_t port, enum fdb_class class, uint64_t hash)
{
	return (uint32_t)port << 16 | (class & ~(uint32_t)FDB_ANNOUNCED) << 12 |
	       fdb_tag(hash);
}

enum fdb_learned fdb_learn(struct fdb *fdb, uint64_t key, uint16_t port,
			   enum fdb_class class, uint16_t tick)
{
	uint64_t hash = fdb_hash(fdb, key);
	uint32_t where = where_is(port, class, hash);
	struct table *t = table_of(fdb);
	enum fdb_learned verdict;
	struct place p;

	assert(port < PORT_ID_MAX);
	assert(class == FDB_GUEST || (class & ~FDB_ANNOUNCED) == FDB_UPLINK);
	if (!key)
		return FDB_FOREIGN; /* nobody's */
	if (!writer_try_lock(&t->lock))
		return FDB_DEFERRED;
	p = find(t, key, hash);
	verdict = p.b ? refresh(t, p, class, where, tick)
		      : add(t, key, hash, where, tick);
	writer_unlock(&t->lock);
	return verdict;
}

enum fdb_learned fdb_foresee(const struct fdb *fdb, uint64_t key,
			     uint16_t port, enum fdb_class class, uint16_t tick)
{
	struct table *t = table_of((struct fdb *)(uintptr_t)fdb);
	uint64_t hash = fdb_hash(fdb, key);
	struct place p = find(t, key, hash);

	if (!key)
		return FDB_FOREIGN;
	if (p.b && port_of(p.b->where[p.slot]) == port)
		return FDB_KNOWN;
	if (p.b)
		return judge_move(t, p, class, where_is(port, class, hash),
				  tick);
	return t->ports[port].learned >= t->ports[port].quota ? FDB_QUOTA
							      : FDB_ADDED;
}

/* A learned entry in one of the two buckets, to be evicted for a static. */
static struct place victim(const struct table *t, uint64_t hash)
{
	struct fdb_bucket *both[] = { fdb_first(&t->pub, hash),
				      fdb_second(&t->pub, hash) };
	unsigned n, i;

	for (n = 0; n < 2; n++)
		for (i = 0; i < FDB_SLOTS; i++)
			if (class_of(both[n]->where[i]) != FDB_STATIC)
				return (struct place){ both[n], i };
	return (struct place){ NULL, 0 };
}

static int insert_static(struct table *t, uint64_t key, uint64_t hash,
			 uint32_t where)
{
	struct place p;

	if (insert(t, key, hash, where, 0, 0))
		return 0;
	p = victim(t, hash);
	if (!p.b)
		return -ENOSPC;
	forget(t, p);
	fill(p, key, where, 0, 0);
	account(t, where, 1);
	return 0;
}

/* Under the lock. */
static int pin(struct table *t, uint64_t key, uint16_t port)
{
	uint64_t hash = fdb_hash(&t->pub, key);
	uint32_t where = where_is(port, FDB_STATIC, hash), old;
	struct place p = find(t, key, hash);

	if (!p.b)
		return insert_static(t, key, hash, where);
	old = p.b->where[p.slot];
	if (old == where)
		return 0;
	if (class_of(old) == FDB_STATIC)
		return -EEXIST;
	account(t, old, -1);
	atomic_store_explicit(&p.b->where[p.slot], where, memory_order_release);
	account(t, where, 1);
	return 0;
}

static uint32_t sweep_bucket(struct table *t, struct fdb_bucket *b,
			     const struct rule *r)
{
	uint32_t gone = 0;
	unsigned i;

	for (i = 0; i < FDB_SLOTS; i++) {
		uint32_t where = b->where[i];

		if (!b->key[i] ||
		    (class_of(where) == FDB_STATIC && !r->statics) ||
		    !r->match(r, b->key[i], where, b->seen[i]))
			continue;
		forget(t, (struct place){ b, i });
		gone++;
	}
	return gone;
}

/* Apply a rule to n buckets from `first` on, under the lock. */
static uint32_t sweep(struct table *t, uint32_t first, uint32_t n,
		      const struct rule *r)
{
	uint32_t gone = 0, i;

	for (i = 0; i < n; i++)
		gone += sweep_bucket(t, &t->buckets[(first + i) & t->pub.mask],
				     r);
	return gone;
}

static struct fdb_entry entry_of(uint64_t key, uint32_t where, uint16_t seen)
{
	struct fdb_entry e = { .segment = segment_of(key),
			       .port = port_of(where),
			       .class = class_of(where),
			       .seen = seen };

	memcpy(e.mac, &key, sizeof(e.mac));
	return e;
}

static bool match_stale(const struct rule *r, uint64_t key, uint32_t where,
			uint16_t seen)
{
	struct fdb_entry e = entry_of(key, where, seen);

	return r->stale(r->ctx, &e);
}

/* Signed: a worker's tick may be ahead of the control thread's. */
static bool match_old(const struct rule *r, uint64_t key, uint32_t where,
		      uint16_t seen)
{
	return (int16_t)(r->now - seen) > r->max_age;
}

int fdb_set_static(struct fdb *fdb, uint64_t key, uint16_t port)
{
	struct table *t = table_of(fdb);
	int rc;

	if (!key)
		return -EINVAL;
	writer_lock(&t->lock);
	rc = pin(t, key, port);
	writer_unlock(&t->lock);
	return rc;
}

bool fdb_del(struct fdb *fdb, uint64_t key)
{
	struct table *t = table_of(fdb);
	struct place p;

	if (!key)
		return false;
	writer_lock(&t->lock);
	p = find(t, key, fdb_hash(fdb, key));
	if (p.b)
		forget(t, p);
	writer_unlock(&t->lock);
	return p.b != NULL;
}

/*
 * The whole table at once: with the lock given up in between, an entry could
 * shift past the sweep, to the port that gets this one's id.
 */
uint32_t fdb_sweep(struct fdb *fdb,
		   bool (*stale)(const void *ctx, const struct fdb_entry *e),
		   const void *ctx)
{
	struct rule r = { .match = match_stale, .statics = true,
			  .stale = stale, .ctx = ctx };
	struct table *t = table_of(fdb);
	uint32_t gone;

	writer_lock(&t->lock);
	gone = sweep(t, 0, fdb_buckets(fdb), &r);
	writer_unlock(&t->lock);
	return gone;
}

uint32_t fdb_age(struct fdb *fdb, uint16_t now, uint32_t max_age,
		 uint32_t buckets)
{
	struct rule r = { .match = match_old, .now = now };
	struct table *t = table_of(fdb);
	uint32_t gone = 0, n;

	r.max_age = max_age < FDB_AGE_MAX ? max_age : FDB_AGE_MAX;
	if (!buckets || buckets > fdb_buckets(fdb))
		buckets = fdb_buckets(fdb);
	for (; buckets; buckets -= n) {
		n = buckets < CHUNK_BUCKETS ? buckets : CHUNK_BUCKETS;
		writer_lock(&t->lock);
		gone += sweep(t, t->age_next, n, &r);
		writer_unlock(&t->lock);
		t->age_next = (t->age_next + n) & fdb->mask;
	}
	return gone;
}

void fdb_set_hold(struct fdb *fdb, uint16_t ticks)
{
	assert(ticks <= INT16_MAX);
	table_of(fdb)->hold = ticks;
}

void fdb_set_quota(struct fdb *fdb, uint16_t port, uint32_t quota)
{
	assert(port < PORT_ID_MAX);
	table_of(fdb)->ports[port].quota = quota;
}

void fdb_reset_port(struct fdb *fdb, uint16_t port)
{
	struct table *t = table_of(fdb);
	struct port_facts *facts = &t->ports[port];

	assert(port < PORT_ID_MAX);
	facts->quota = t->quota;
	facts->added = 0;
	facts->moves = 0;
	facts->held = 0;
	facts->foreign = 0;
	facts->over_quota = 0;
	facts->full = 0;
}

static void tell(uint64_t key, const struct fdb_hit *hit,
		 void (*cb)(void *ctx, const struct fdb_entry *e), void *ctx)
{
	struct fdb_entry e = entry_of(key, where_is(hit->port, hit->class, 0),
				      *hit->seen);

	cb(ctx, &e);
}

void fdb_each(const struct fdb *fdb,
	      void (*cb)(void *ctx, const struct fdb_entry *e), void *ctx)
{
	struct fdb_hit hit;
	uint32_t b;
	unsigned i;

	for (b = 0; b <= fdb->mask; b++)
		for (i = 0; i < FDB_SLOTS; i++) {
			uint64_t key = fdb->buckets[b].key[i];

			if (key && fdb_probe(&fdb->buckets[b], key,
					     fdb_hash(fdb, key), &hit))
				tell(key, &hit, cb, ctx);
		}
}

void fdb_port_stats(const struct fdb *fdb, uint16_t port,
		    struct fdb_port_stats *out)
{
	const struct port_facts *facts = &table_of_const(fdb)->ports[port];

	assert(port < PORT_ID_MAX);
	out->learned = facts->learned;
	out->quota = facts->quota;
	out->added = facts->added;
	out->moves = facts->moves;
	out->held = facts->held;
	out->foreign = facts->foreign;
	out->over_quota = facts->over_quota;
	out->full = facts->full;
}

uint32_t fdb_count(const struct fdb *fdb)
{
	return table_of_const(fdb)->count;
}

uint32_t fdb_buckets(const struct fdb *fdb)
{
	return fdb->mask + 1;
}
