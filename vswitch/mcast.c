/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mcast.c: who has joined what.
 *
 * Membership is kept by IP group: one `member` for each (segment, group,
 * port), in a hash table of a fixed pool.  Frames are forwarded by MAC group,
 * and 32 IPv4 groups (or 2^80 IPv6 ones) share one.  So members are hashed by
 * (segment, MAC group, port): a port is in the MAC group's set while that
 * chain holds any member of its.  What readers see is the set: an immutable
 * sorted array of ports, found through a forwarding table whose "ports" are
 * indexes of sets.  A set names its key, because between a reader's lookup
 * and its load the index may have been given to another group.
 *
 * Routers: a port where a query was seen lately; and with one, the uplink.
 * Memberships mean something only while somebody asks for them, so without a
 * querier in the segment (of that IP version) everything is flooded.  A new
 * querier's first answers take as long as it says; until then, too.
 *
 * Uplinks do not join: they get all groups anyway.
 *
 * Writers hold the lock.  Replaced sets go to defer_free().
 */
#include "vswitch/mcast.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "vswitch/fdb.h"
#include "vswitch/mcast_wire.h"
#include "vswitch/writer_lock.h"

#define MEMBERS_PER_GROUP 16 /* on average; sizes the pool */
#define GROUPS_MAX        32768
#define SEGMENTS          65536
#define QUERIERS          8   /* slot 0 is the uplink's */
#define AGE_CHUNK         256 /* members looked at under one taking of the lock */
#define NIL               UINT32_MAX /* end of a chain */

static_assert(MCAST_QUERY_MAX >= 90, "mcast_wire_query() fits");
static_assert(MCAST_FRAME_MAX == MCAST_WIRE_MAX, "one limit");

struct set {
	uint64_t key; /* segment and MAC group; 0 for routers */
	unsigned count;
	uint16_t port[]; /* ascending */
};

struct member {
	uint64_t key;
	uint32_t next; /* in its chain, or in the free list */
	uint32_t until_ms;
	uint16_t port;
	bool used;
	uint8_t group[16];
};

struct querier {
	bool used;
	uint16_t port;
	uint32_t ready_ms; /* members have answered it by then */
	uint32_t until_ms;
};

/* Zeroes: not snooping. */
struct segment {
	_Atomic bool snoop;
	_Atomic uint16_t uplink;
	uint8_t unregistered;
	_Atomic bool contain; /* unregistered groups: not to all */
	uint32_t groups;
	struct querier querier[2][QUERIERS]; /* IPv4, IPv6 */
	struct set *_Atomic routers[2];      /* NULL: flood */
};

struct mcast {
	struct mcast_conf conf;
	struct fdb *index; /* (segment, MAC group) to index of sets[] */
	struct set *_Atomic *sets;
	uint16_t *free_sets; /* a stack */
	uint32_t free_set_count;

	struct member *members;
	uint32_t member_max;
	_Atomic uint32_t member_high; /* used at most so far */
	uint32_t member_count, free_member, age_next;
	uint32_t *chains;
	uint32_t chain_mask;
	uint32_t joined[PORT_ID_MAX]; /* members of each port */

	struct segment *segments;
	uint32_t segment_high; /* first one never configured */
	struct writer_lock lock;
	_Atomic uint64_t reports, leaves, queries, bad, spoofed, deferred;
	_Atomic uint64_t over_port, over_table;
};

static bool past(uint32_t now, uint32_t when)
{
	return (int32_t)(now - when) >= 0;
}

static void bump(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static uint64_t key_of(uint16_t segment, const uint8_t group[16])
{
	uint8_t mac[6];

	mcast_wire_mac(group, mac);
	return fdb_key(segment, mac);
}

static uint16_t segment_of(uint64_t key)
{
	return key >> 48;
}

/* See mcast_ports(): no membership is kept of these. */
static bool always_all(const uint8_t mac[6])
{
	if (mac[0] == 0x33 && mac[1] == 0x33)
		return mac[2] == 0xff || !(mac[2] | mac[3] | mac[4]);
	return mac[0] != 1 || mac[1] || mac[2] != 0x5e || !(mac[3] | mac[4]);
}

static bool contains(const uint16_t *ports, unsigned n, uint16_t port)
{
	while (n--)
		if (ports[n] == port)
			return true;
	return false;
}

/* ---- sets of ports ---- */

/* Where the set of a MAC group is published; NULL: nobody has joined. */
static struct set *_Atomic *slot_of(const struct mcast *m, uint64_t key)
{
	struct fdb_hit hit;

	return fdb_lookup(m->index, key, &hit) ? &m->sets[hit.port] : NULL;
}

static struct set *set_of(const struct mcast *m, uint64_t key)
{
	struct set *_Atomic *slot = slot_of(m, key);
	struct set *set;

	if (!slot)
		return NULL;
	set = atomic_load_explicit(slot, memory_order_acquire);
	return set && set->key == key ? set : NULL;
}

static struct set *set_alloc(uint64_t key, unsigned count)
{
	struct set *set = malloc(sizeof(*set) + count * sizeof(*set->port));

	if (set) {
		set->key = key;
		set->count = count;
	}
	return set;
}

static void publish(struct mcast *m, struct set *_Atomic *at, struct set *next)
{
	struct set *old =
		atomic_exchange_explicit(at, next, memory_order_acq_rel);

	if (old)
		m->conf.defer_free(m->conf.ctx, free, old);
}

/* A copy with `port` in addition; NULL: no memory. */
static struct set *set_with(const struct set *old, uint64_t key, uint16_t port)
{
	unsigned n = old ? old->count : 0, i = 0;
	struct set *set = set_alloc(key, n + 1);

	if (!set)
		return NULL;
	for (; i < n && old->port[i] < port; i++)
		set->port[i] = old->port[i];
	set->port[i] = port;
	for (; i < n; i++)
		set->port[i + 1] = old->port[i];
	return set;
}

static struct set *set_without(const struct set *old, uint16_t port)
{
	struct set *set = set_alloc(old->key, old->count - 1);
	unsigned i, n = 0;

	if (!set)
		return NULL;
	for (i = 0; i < old->count; i++)
		if (old->port[i] != port)
			set->port[n++] = old->port[i];
	return set;
}

/* The first member of a MAC group: give it a set. */
static bool set_open(struct mcast *m, struct segment *seg, uint64_t key,
		     uint16_t port)
{
	struct set *set;
	uint16_t at;

	if (!m->free_set_count || seg->groups >= m->conf.groups_per_segment)
		return false;
	set = set_with(NULL, key, port);
	if (!set)
		return false;
	at = m->free_sets[m->free_set_count - 1];
	if (fdb_set_static(m->index, key, at) < 0) {
		free(set);
		return false;
	}
	m->free_set_count--;
	seg->groups++;
	publish(m, &m->sets[at], set);
	return true;
}

/* The last member has gone. */
static void set_close(struct mcast *m, uint64_t key)
{
	struct set *_Atomic *slot = slot_of(m, key);

	fdb_del(m->index, key);
	publish(m, slot, NULL);
	m->free_sets[m->free_set_count++] = slot - m->sets;
	m->segments[segment_of(key)].groups--;
}

static bool set_add(struct mcast *m, struct segment *seg, uint64_t key,
		    uint16_t port)
{
	const struct set *old = set_of(m, key);
	struct set *set;

	if (!old)
		return set_open(m, seg, key, port);
	if (contains(old->port, old->count, port))
		return true; /* see set_remove() */
	set = set_with(old, key, port);
	if (set)
		publish(m, slot_of(m, key), set);
	return set != NULL;
}

/* Without memory for the smaller copy the port just stays in. */
static void set_remove(struct mcast *m, uint64_t key, uint16_t port)
{
	const struct set *old = set_of(m, key);
	struct set *set;

	if (!old)
		return;
	if (old->count == 1) {
		set_close(m, key);
		return;
	}
	set = set_without(old, port);
	if (set)
		publish(m, slot_of(m, key), set);
}

/* ---- members ---- */

static uint32_t *chain_of(const struct mcast *m, uint64_t key, uint16_t port)
{
	uint64_t h =
		fdb_hash(m->index, key + port * UINT64_C(0x9e3779b97f4a7c15));

	return &m->chains[h & m->chain_mask];
}

/* `group` NULL: any member of the port in the MAC group. */
static struct member *member_find(const struct mcast *m, uint64_t key,
				  uint16_t port, const uint8_t *group)
{
	uint32_t at = *chain_of(m, key, port);

	for (; at != NIL; at = m->members[at].next) {
		struct member *e = &m->members[at];

		if (e->key == key && e->port == port &&
		    (!group || !memcmp(e->group, group, 16)))
			return e;
	}
	return NULL;
}

static struct member *member_alloc(struct mcast *m)
{
	uint32_t at = m->free_member;

	if (at != NIL)
		m->free_member = m->members[at].next;
	else if (m->member_high < m->member_max)
		at = m->member_high++;
	else
		return NULL;
	m->member_count++;
	return &m->members[at];
}

static void member_release(struct mcast *m, struct member *e)
{
	e->used = false;
	e->next = m->free_member;
	m->free_member = e - m->members;
	m->member_count--;
}

static void member_drop(struct mcast *m, struct member *e)
{
	uint32_t *link = chain_of(m, e->key, e->port);
	uint32_t self = e - m->members;

	while (*link != self)
		link = &m->members[*link].next;
	*link = e->next;
	m->joined[e->port]--;
	if (!member_find(m, e->key, e->port, NULL))
		set_remove(m, e->key, e->port);
	member_release(m, e);
}

static void member_add(struct mcast *m, struct segment *seg, uint64_t key,
		       uint16_t port, const uint8_t group[16], uint32_t until)
{
	uint32_t *chain = chain_of(m, key, port);
	struct member *e;

	if (m->joined[port] >= m->conf.groups_per_port) {
		bump(&m->over_port);
		return;
	}
	e = member_alloc(m);
	if (!e ||
	    (!member_find(m, key, port, NULL) && !set_add(m, seg, key, port))) {
		bump(&m->over_table);
		if (e)
			member_release(m, e);
		return;
	}
	*e = (struct member){ .key = key,
			      .port = port,
			      .used = true,
			      .until_ms = until,
			      .next = *chain };
	memcpy(e->group, group, 16);
	*chain = e - m->members;
	m->joined[port]++;
}

static void shorten(struct member *e, uint32_t until)
{
	if (e && past(e->until_ms, until))
		e->until_ms = until;
}

/* ---- queriers ---- */

/* Ports with a live querier; *any and *ready: is there one, and heeded? */
static unsigned live_queriers(const struct segment *seg, unsigned family,
			      uint32_t now, uint16_t *out, bool *ready)
{
	unsigned i, n = 0;

	*ready = false;
	for (i = 0; i < QUERIERS; i++) {
		const struct querier *q = &seg->querier[family][i];

		if (!q->used || past(now, q->until_ms))
			continue;
		*ready |= past(now, q->ready_ms);
		out[n++] = q->port;
	}
	return n;
}

static int by_number(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* What the routers of a segment and family should be now; NULL: flood. */
static int wanted_routers(const struct segment *seg, unsigned family,
			  uint32_t now, struct set **out)
{
	uint16_t ports[QUERIERS + 1], uplink = seg->uplink;
	bool ready;
	unsigned n = live_queriers(seg, family, now, ports, &ready);

	*out = NULL;
	if (!seg->snoop || (!ready && seg->unregistered != MCAST_ROUTERS))
		return 0;
	if (uplink != MCAST_NO_PORT && !contains(ports, n, uplink))
		ports[n++] = uplink;
	*out = set_alloc(0, n);
	if (!*out)
		return -ENOMEM;
	qsort(ports, n, sizeof(*ports), by_number);
	memcpy((*out)->port, ports, n * sizeof(*ports));
	return 0;
}

static bool same_set(const struct set *a, const struct set *b)
{
	if (!a || !b)
		return a == b;
	return a->count == b->count &&
	       !memcmp(a->port, b->port, a->count * sizeof(*a->port));
}

static void update_routers(struct mcast *m, struct segment *seg,
			   unsigned family, uint32_t now)
{
	struct set *want;

	if (wanted_routers(seg, family, now, &want) < 0)
		return; /* the next call tries again */
	if (same_set(want, seg->routers[family]))
		free(want);
	else
		publish(m, &seg->routers[family], want);
}

static struct querier *querier_slot(struct segment *seg, unsigned family,
				    uint16_t port, uint32_t now)
{
	struct querier *q = seg->querier[family];
	unsigned i;

	if (port == seg->uplink)
		return &q[0];
	for (i = 1; i < QUERIERS; i++)
		if (q[i].used && q[i].port == port)
			return &q[i];
	for (i = 1; i < QUERIERS; i++)
		if (!q[i].used || past(now, q[i].until_ms))
			return &q[i];
	return NULL;
}

static void note_querier(struct mcast *m, struct segment *seg, unsigned family,
			 uint16_t port, uint32_t response_ms, uint32_t now)
{
	struct querier *q = querier_slot(seg, family, port, now);

	if (!q)
		return;
	if (!q->used || past(now, q->until_ms))
		q->ready_ms = now + response_ms;
	q->used = true;
	q->port = port;
	q->until_ms = now + MCAST_QUERIER_MS;
	update_routers(m, seg, family, now);
}

/* Members that do not answer a query about their group have gone. */
static void ask_members(struct mcast *m, uint16_t segment,
			const uint8_t group[16], uint32_t now)
{
	uint64_t key = key_of(segment, group);
	const struct set *set = set_of(m, key);
	unsigned i;

	for (i = 0; set && i < set->count; i++)
		shorten(member_find(m, key, set->port[i], group),
			now + MCAST_LAST_MEMBER_MS);
}

/* ---- messages ---- */

static void take_query(struct mcast *m, uint16_t segment, uint16_t port,
		       const struct mcast_message *msg, uint32_t now)
{
	struct segment *seg = &m->segments[segment];

	bump(&m->queries);
	if (msg->elected)
		note_querier(m, seg, msg->ipv6, port, msg->response_ms, now);
	if (!msg->general)
		ask_members(m, segment, msg->group, now);
}

static void take_record(struct mcast *m, uint16_t segment, uint16_t port,
			const struct mcast_record *r, uint32_t now)
{
	struct member *e;
	uint8_t mac[6];
	uint64_t key;

	mcast_wire_mac(r->group, mac);
	if (always_all(mac))
		return;
	key = fdb_key(segment, mac);
	e = member_find(m, key, port, r->group);
	bump(r->join ? &m->reports : &m->leaves);
	if (!r->join)
		shorten(e, now + MCAST_LAST_MEMBER_MS);
	else if (e)
		e->until_ms = now + MCAST_MEMBER_MS;
	else
		member_add(m, &m->segments[segment], key, port, r->group,
			   now + MCAST_MEMBER_MS);
}

static void take_report(struct mcast *m, uint16_t segment, uint16_t port,
			const struct mcast_message *msg, uint32_t now)
{
	unsigned i;

	for (i = 0; i < msg->count; i++)
		take_record(m, segment, port, &msg->record[i], now);
}

/* Learn from a message, unless another writer is at it. */
static void learn(struct mcast *m, uint16_t segment, uint16_t port,
		  const struct mcast_message *msg, uint32_t now)
{
	if (!writer_try_lock(&m->lock)) {
		bump(&m->deferred);
		return;
	}
	if (msg->kind == MCAST_QUERY)
		take_query(m, segment, port, msg, now);
	else
		take_report(m, segment, port, msg, now);
	writer_unlock(&m->lock);
}

bool mcast_wants(const struct frame *f)
{
	return mcast_wire_claims(f->hdr, f->hdr_len);
}

/* Sent to one station, it is none of ours; but no forged query reaches it. */
static enum mcast_verdict judge(const struct mcast *m, uint16_t segment,
				enum mcast_role role, const uint8_t *bytes,
				unsigned len, struct mcast_message *msg)
{
	if (!atomic_load_explicit(&m->segments[segment].snoop,
				  memory_order_relaxed))
		return MCAST_PASS;
	mcast_wire_parse(bytes, len, msg);
	if (msg->kind == MCAST_OTHER)
		return MCAST_PASS;
	if (msg->kind == MCAST_BROKEN)
		return MCAST_BAD;
	if (msg->kind == MCAST_QUERY && role == MCAST_GUEST)
		return MCAST_SPOOFED;
	if (!(bytes[0] & 1))
		return MCAST_PASS;
	return msg->kind == MCAST_QUERY ? MCAST_TO_ALL : MCAST_TO_ROUTERS;
}

enum mcast_verdict mcast_input(struct mcast *m, uint16_t segment, uint16_t port,
			       enum mcast_role role, const uint8_t *bytes,
			       unsigned len, uint32_t now_ms)
{
	struct mcast_message msg;
	enum mcast_verdict verdict;

	assert(port < PORT_ID_MAX);
	verdict = judge(m, segment, role, bytes, len, &msg);
	if (verdict == MCAST_BAD)
		bump(&m->bad);
	else if (verdict == MCAST_SPOOFED)
		bump(&m->spoofed);
	else if (verdict == MCAST_TO_ALL ||
		 (verdict == MCAST_TO_ROUTERS && role != MCAST_UPLINK))
		learn(m, segment, port, &msg, now_ms);
	return verdict;
}

enum mcast_verdict mcast_foresee(const struct mcast *m, uint16_t segment,
				 enum mcast_role role, const uint8_t *bytes,
				 unsigned len)
{
	struct mcast_message msg;

	return judge(m, segment, role, bytes, len, &msg);
}

/* ---- data path ---- */

/* Two ascending arrays into one, without doubles. */
static unsigned merge(const uint16_t *a, unsigned an, const uint16_t *b,
		      unsigned bn, uint16_t *out)
{
	unsigned i = 0, j = 0, n = 0;

	while (i < an && j < bn) {
		uint16_t low = a[i] < b[j] ? a[i] : b[j];

		i += a[i] == low;
		j += b[j] == low;
		out[n++] = low;
	}
	while (i < an)
		out[n++] = a[i++];
	while (j < bn)
		out[n++] = b[j++];
	return n;
}

int mcast_ports(const struct mcast *m, uint16_t segment, const uint8_t mac[6],
		uint16_t out[PORT_ID_MAX])
{
	const struct segment *seg = &m->segments[segment];
	const struct set *routers, *set;

	if (always_all(mac))
		return -1;
	routers = atomic_load_explicit(&seg->routers[mac[0] == 0x33],
				       memory_order_acquire);
	if (!routers)
		return -1;
	set = set_of(m, fdb_key(segment, mac));
	if (!set && !atomic_load_explicit(&seg->contain, memory_order_relaxed))
		return -1;
	return (int)merge(set ? set->port : NULL, set ? set->count : 0,
			  routers->port, routers->count, out);
}

unsigned mcast_router_ports(const struct mcast *m, uint16_t segment,
			    uint16_t out[PORT_ID_MAX])
{
	const struct segment *seg = &m->segments[segment];
	const struct set *r4, *r6;

	r4 = atomic_load_explicit(&seg->routers[0], memory_order_acquire);
	r6 = atomic_load_explicit(&seg->routers[1], memory_order_acquire);
	if (r4 || r6)
		return merge(r4 ? r4->port : NULL, r4 ? r4->count : 0,
			     r6 ? r6->port : NULL, r6 ? r6->count : 0, out);
	out[0] = atomic_load_explicit(&seg->uplink, memory_order_relaxed);
	return seg->snoop && out[0] != MCAST_NO_PORT;
}

/* ---- control ---- */

/* Under the lock; -1 matches everything. */
static void drop_members(struct mcast *m, int segment, int port)
{
	uint32_t i;

	for (i = 0; i < m->member_high; i++) {
		struct member *e = &m->members[i];

		if (e->used && (port < 0 || e->port == port) &&
		    (segment < 0 || segment_of(e->key) == segment))
			member_drop(m, e);
	}
}

static void forget_segment(struct mcast *m, uint16_t segment)
{
	struct segment *seg = &m->segments[segment];

	memset(seg->querier, 0, sizeof(seg->querier));
	update_routers(m, seg, 0, 0); /* no querier, so no time matters */
	update_routers(m, seg, 1, 0);
	drop_members(m, segment, -1);
}

/* If it was the only querier, mcast_age() finds out. */
static void forget_querier(struct mcast *m, struct segment *seg,
			   unsigned family, uint16_t port)
{
	const struct set *old = seg->routers[family];
	struct set *set;
	unsigned i;

	for (i = 0; i < QUERIERS; i++)
		if (seg->querier[family][i].port == port)
			seg->querier[family][i].used = false;
	if (!old || !contains(old->port, old->count, port))
		return;
	set = set_without(old, port);
	if (set)
		publish(m, &seg->routers[family], set);
}

void mcast_flush_segment(struct mcast *m, uint16_t segment)
{
	writer_lock(&m->lock);
	forget_segment(m, segment);
	writer_unlock(&m->lock);
}

void mcast_flush_port(struct mcast *m, uint16_t port)
{
	uint32_t i;

	writer_lock(&m->lock);
	for (i = 0; i < m->segment_high; i++) {
		forget_querier(m, &m->segments[i], 0, port);
		forget_querier(m, &m->segments[i], 1, port);
	}
	drop_members(m, -1, port);
	writer_unlock(&m->lock);
}

void mcast_leave(struct mcast *m, uint16_t segment, uint16_t port)
{
	writer_lock(&m->lock);
	forget_querier(m, &m->segments[segment], 0, port);
	forget_querier(m, &m->segments[segment], 1, port);
	drop_members(m, segment, port);
	writer_unlock(&m->lock);
}

void mcast_set_segment(struct mcast *m, uint16_t segment, bool snoop,
		       enum mcast_unregistered unregistered, uint16_t uplink)
{
	struct segment *seg = &m->segments[segment];
	bool anew;

	writer_lock(&m->lock);
	anew = seg->snoop != snoop || seg->uplink != uplink;
	seg->unregistered = unregistered;
	seg->contain = unregistered != MCAST_FLOOD;
	seg->uplink = uplink;
	seg->snoop = snoop;
	if (segment >= m->segment_high)
		m->segment_high = segment + 1u;
	if (anew)
		forget_segment(m, segment);
	writer_unlock(&m->lock);
}

static uint32_t expire(struct mcast *m, uint32_t first, uint32_t n,
		       uint32_t now)
{
	uint32_t i, gone = 0;

	for (i = first; i < first + n; i++) {
		struct member *e = &m->members[i];

		if (!e->used || !past(now, e->until_ms))
			continue;
		member_drop(m, e);
		gone++;
	}
	return gone;
}

static void age_routers(struct mcast *m, uint32_t now)
{
	uint32_t i;

	for (i = 0; i < m->segment_high; i++) {
		if (!m->segments[i].snoop)
			continue;
		writer_lock(&m->lock);
		update_routers(m, &m->segments[i], 0, now);
		update_routers(m, &m->segments[i], 1, now);
		writer_unlock(&m->lock);
	}
}

uint32_t mcast_age(struct mcast *m, uint32_t now_ms, uint32_t records)
{
	uint32_t high = m->member_high, n, gone = 0;

	age_routers(m, now_ms);
	if (!records || records > high)
		records = high;
	for (; records; records -= n) {
		if (m->age_next >= high)
			m->age_next = 0;
		n = high - m->age_next;
		n = n < AGE_CHUNK ? n : AGE_CHUNK;
		n = n < records ? n : records;
		writer_lock(&m->lock);
		gone += expire(m, m->age_next, n, now_ms);
		writer_unlock(&m->lock);
		m->age_next += n;
	}
	return gone;
}

unsigned mcast_query(uint8_t buf[MCAST_QUERY_MAX], bool ipv6,
		     const uint8_t src_mac[6])
{
	return mcast_wire_query(buf, ipv6, src_mac);
}

void mcast_each(struct mcast *m, uint32_t now_ms,
		void (*cb)(void *ctx, const struct mcast_member *e), void *ctx)
{
	uint32_t i;

	writer_lock(&m->lock);
	for (i = 0; i < m->member_high; i++) {
		const struct member *e = &m->members[i];
		struct mcast_member out = { .segment = segment_of(e->key),
					    .port = e->port };

		if (!e->used || past(now_ms, e->until_ms))
			continue;
		memcpy(out.group, e->group, sizeof(out.group));
		out.left_ms = e->until_ms - now_ms;
		cb(ctx, &out);
	}
	writer_unlock(&m->lock);
}

void mcast_get_stats(const struct mcast *m, struct mcast_stats *out)
{
	out->reports = m->reports;
	out->leaves = m->leaves;
	out->queries = m->queries;
	out->bad = m->bad;
	out->spoofed = m->spoofed;
	out->deferred = m->deferred;
	out->over_port = m->over_port;
	out->over_table = m->over_table;
	out->groups = m->conf.groups - m->free_set_count;
	out->members = m->member_count;
}

/* ---- life ---- */

static int new_index(struct mcast *m)
{
	struct fdb_conf conf = FDB_CONF_DEFAULT;

	conf.capacity = 2 * m->conf.groups;
	conf.seed = m->conf.seed;
	return fdb_new(&m->index, &conf);
}

static int new_tables(struct mcast *m)
{
	uint32_t chains = 1, i;

	m->member_max = m->conf.groups * MEMBERS_PER_GROUP;
	while (chains < m->member_max)
		chains *= 2;
	m->chain_mask = chains - 1;
	m->free_member = NIL;
	m->sets = calloc(m->conf.groups, sizeof(*m->sets));
	m->free_sets = calloc(m->conf.groups, sizeof(*m->free_sets));
	m->members = calloc(m->member_max, sizeof(*m->members));
	m->chains = calloc(chains, sizeof(*m->chains));
	m->segments = calloc(SEGMENTS, sizeof(*m->segments));
	if (!m->sets || !m->free_sets || !m->members || !m->chains ||
	    !m->segments)
		return -ENOMEM;
	for (i = 0; i < chains; i++)
		m->chains[i] = NIL;
	for (i = 0; i < m->conf.groups; i++)
		m->free_sets[i] = m->conf.groups - 1 - i;
	m->free_set_count = m->conf.groups;
	return 0;
}

int mcast_new(struct mcast **out, const struct mcast_conf *conf)
{
	struct mcast *m;
	int rc;

	if (!conf->defer_free || !conf->groups || conf->groups > GROUPS_MAX ||
	    !conf->groups_per_segment || !conf->groups_per_port)
		return -EINVAL;
	m = aligned_alloc(64, sizeof(*m));
	if (!m)
		return -ENOMEM;
	memset(m, 0, sizeof(*m));
	m->conf = *conf;
	rc = new_index(m);
	if (!rc)
		rc = new_tables(m);
	if (rc < 0) {
		mcast_free(m);
		return rc;
	}
	*out = m;
	return 0;
}

void mcast_free(struct mcast *m)
{
	uint32_t i;

	if (!m)
		return;
	for (i = 0; m->sets && i < m->conf.groups; i++)
		free(m->sets[i]);
	for (i = 0; m->segments && i < m->segment_high; i++) {
		free(m->segments[i].routers[0]);
		free(m->segments[i].routers[1]);
	}
	fdb_free(m->index);
	free(m->sets);
	free(m->free_sets);
	free(m->members);
	free(m->chains);
	free(m->segments);
	free(m);
}
