/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bond_port.c: follow the table.
 *
 * Most bonds send everything through one member most of the time:
 * active-backup always, and every mode with one link left.  The control thread
 * sees that in the table and says so in `sole`, and then a burst costs one
 * more call and a sum of lengths: no hash, no sorting.  The word may be behind
 * the table for as long as bond_port_update() takes; what leaves meanwhile
 * leaves as it did before.
 *
 * Otherwise each frame is hashed once.  Bursts whose frames all have one
 * member, a single busy flow, are handed on as they are.
 */
#include "vswitch/bond_port.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/drop.h"
#include "vswitch/offload.h"

#define SPREAD (BOND_NONE - 1) /* `sole`: more than one member */
#define TX_MAX OFFLOAD_SEGS_MAX /* frames of one call */

static_assert(TX_MAX >= BURST_MAX, "a burst is one call");
static_assert(TX_MAX <= UINT8_MAX, "a frame's index is a byte");

/* One worker's. */
struct lane {
	struct bond_member_counters member[BOND_MEMBERS_MAX];
	uint64_t bytes[BOND_BUCKETS]; /* offered, while buckets spread */
	uint32_t used;		      /* members sent to since tx_flush */
} __attribute__((aligned(64)));

struct bond_port {
	struct port port; /* first */
	const struct bond_table *table;
	_Atomic(struct port *) member[BOND_MEMBERS_MAX];
	_Atomic uint8_t sole; /* takes every bucket; or BOND_NONE, SPREAD */
	unsigned lanes;
	/* control */
	struct bond_member_counters before[BOND_MEMBERS_MAX];
	uint64_t bytes_before[BOND_BUCKETS];
	struct lane lane[];
};

#define NOBODY BOND_MEMBERS_MAX /* what is no member, sorted */

/* The frames of one call by member, as indexes in their order. */
struct sorted {
	uint32_t members; /* bit a member that has some */
	uint8_t count[NOBODY + 1];
	uint8_t frame[NOBODY + 1][TX_MAX];
};

static struct bond_port *bond_of(struct port *p)
{
	return (struct bond_port *)p;
}

/* ---- workers ------------------------------------------------------------- */

static unsigned refuse(unsigned n, uint8_t why[])
{
	memset(why, DROP_NO_LINK, n);
	return 0;
}

static void count_tx(struct bond_member_counters *ctr, struct frame *const f[],
		     unsigned n, unsigned sent, const uint8_t why[])
{
	uint64_t bytes = 0;
	unsigned i;

	for (i = 0; i < n; i++)
		if (sent == n || !why[i])
			bytes += f[i]->len;
	ctr->tx_frames += sent;
	ctr->tx_bytes += bytes;
	ctr->tx_lost += n - sent;
}

static unsigned send_through(struct bond_port *bp, unsigned q, unsigned slot,
			     struct frame *const f[], unsigned n,
			     uint8_t why[])
{
	struct lane *lane = &bp->lane[q];
	struct port *m;
	unsigned sent;

	if (slot >= BOND_MEMBERS_MAX)
		return refuse(n, why);
	m = atomic_load_explicit(&bp->member[slot], memory_order_acquire);
	if (!m || !m->link || !m->tx_queues) {
		lane->member[slot].tx_lost += n;
		return refuse(n, why);
	}
	sent = m->ops->tx(m, q % m->tx_queues, f, n, why);
	lane->used |= 1u << slot;
	count_tx(&lane->member[slot], f, n, sent, why);
	return sent;
}

/* A list a member: which one a frame goes to is not a branch to mispredict. */
static void sort(struct bond_port *bp, struct lane *lane,
		 struct frame *const f[], unsigned n, struct sorted *to)
{
	unsigned i, bucket = 0, member = NOBODY;

	to->members = 0;
	memset(to->count, 0, sizeof(to->count));
	for (i = 0; i < n; i++) {
		if (!i || !f[i - 1]->more) {
			bucket = bond_bucket(bp->table, f[i]->hdr,
					     f[i]->hdr_len);
			member = atomic_load_explicit(
				&bp->table->member_of[bucket],
				memory_order_relaxed);
			if (member > NOBODY)
				member = NOBODY;
			to->members |= 1u << member;
		}
		lane->bytes[bucket] += f[i]->len;
		to->frame[member][to->count[member]++] = i;
	}
}

/* One member's share of a call. */
static unsigned send_share(struct bond_port *bp, unsigned q, unsigned slot,
			   const struct sorted *to, struct frame *const f[],
			   uint8_t why[])
{
	const uint8_t *mine = to->frame[slot];
	struct frame *share[TX_MAX];
	unsigned i, sent, n = to->count[slot];
	uint8_t fate[TX_MAX];

	for (i = 0; i < n; i++)
		share[i] = f[mine[i]];
	sent = send_through(bp, q, slot, share, n, fate);
	for (i = 0; i < n; i++)
		why[mine[i]] = fate[i];
	return sent;
}

static unsigned bond_tx(struct port *p, unsigned q, struct frame *const f[],
			unsigned n, uint8_t why[])
{
	struct bond_port *bp = bond_of(p);
	unsigned slot, sent = 0;
	struct sorted to;

	assert(n && n <= TX_MAX && q < bp->lanes);
	slot = atomic_load_explicit(&bp->sole, memory_order_relaxed);
	if (slot != SPREAD)
		return send_through(bp, q, slot, f, n, why);
	sort(bp, &bp->lane[q], f, n, &to);
	for (; to.members; to.members &= to.members - 1) {
		slot = (unsigned)__builtin_ctz(to.members);
		if (to.count[slot] == n)
			return send_through(bp, q, slot, f, n, why);
		sent += send_share(bp, q, slot, &to, f, why);
	}
	return sent;
}

static void bond_tx_flush(struct port *p, unsigned q)
{
	struct bond_port *bp = bond_of(p);
	uint32_t used = bp->lane[q].used;

	bp->lane[q].used = 0;
	for (; used; used &= used - 1) {
		struct port *m = atomic_load_explicit(
			&bp->member[__builtin_ctz(used)],
			memory_order_acquire);

		if (m && m->tx_queues)
			m->ops->tx_flush(m, q % m->tx_queues);
	}
}

void bond_port_count_rx(struct port *bond, unsigned worker, unsigned slot,
			uint64_t frames, uint64_t bytes)
{
	struct bond_port *bp = bond_of(bond);
	struct bond_member_counters *ctr = &bp->lane[worker].member[slot];

	assert(worker < bp->lanes && slot < BOND_MEMBERS_MAX);
	ctr->rx_frames += frames;
	ctr->rx_bytes += bytes;
}

/* ---- a port without receive queues --------------------------------------- */

static unsigned bond_rx(struct port *p, unsigned q, struct burst *b)
{
	return b->count;
}

static void bond_rx_done(struct port *p, unsigned q, struct burst *b)
{
}

static int bond_rx_fd(struct port *p, unsigned q)
{
	return -1;
}

static bool bond_rx_arm(struct port *p, unsigned q)
{
	return false;
}

static void bond_rx_disarm(struct port *p, unsigned q)
{
}

static const struct port_ops bond_ops = {
	.kind = "bond",
	.rx = bond_rx,
	.rx_done = bond_rx_done,
	.tx = bond_tx,
	.tx_flush = bond_tx_flush,
	.rx_fd = bond_rx_fd,
	.rx_arm = bond_rx_arm,
	.rx_disarm = bond_rx_disarm,
};

/* ---- control ------------------------------------------------------------- */

int bond_port_new(struct bond_port **out, const char *name,
		  const struct bond_table *table, unsigned workers)
{
	size_t bytes = sizeof(struct bond_port) +
		       workers * sizeof(struct lane);
	struct bond_port *bp;

	if (!workers || workers > PORT_QUEUES_MAX)
		return -EINVAL;
	bp = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	if (!bp)
		return -ENOMEM;
	memset(bp, 0, bytes);
	bp->port.ops = &bond_ops;
	bp->port.tx_queues = workers;
	bp->port.numa_node = -1;
	snprintf(bp->port.name, sizeof(bp->port.name), "%s", name);
	bp->table = table;
	bp->lanes = workers;
	bond_port_update(bp);
	*out = bp;
	return 0;
}

void bond_port_free(struct bond_port *bp)
{
	free(bp);
}

struct port *bond_port_port(struct bond_port *bp)
{
	return &bp->port;
}

static void sum_member(const struct bond_port *bp, unsigned slot,
		       struct bond_member_counters *sum)
{
	unsigned i;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < bp->lanes; i++) {
		const struct bond_member_counters *c =
			&bp->lane[i].member[slot];

		sum->tx_frames += c->tx_frames;
		sum->tx_bytes += c->tx_bytes;
		sum->tx_lost += c->tx_lost;
		sum->rx_frames += c->rx_frames;
		sum->rx_bytes += c->rx_bytes;
	}
}

void bond_port_member_counters(const struct bond_port *bp, unsigned slot,
			       struct bond_member_counters *sum)
{
	const struct bond_member_counters *before = &bp->before[slot];

	assert(slot < BOND_MEMBERS_MAX);
	sum_member(bp, slot, sum);
	sum->tx_frames -= before->tx_frames;
	sum->tx_bytes -= before->tx_bytes;
	sum->tx_lost -= before->tx_lost;
	sum->rx_frames -= before->rx_frames;
	sum->rx_bytes -= before->rx_bytes;
}

void bond_port_set_member(struct bond_port *bp, unsigned slot,
			  struct port *member)
{
	assert(slot < BOND_MEMBERS_MAX);
	if (member)
		sum_member(bp, slot, &bp->before[slot]);
	atomic_store_explicit(&bp->member[slot], member, memory_order_release);
	bond_port_update(bp);
}

/* The member that every bucket leads to, or SPREAD. */
static unsigned sole_member(const struct bond_table *table)
{
	unsigned i, first = atomic_load_explicit(&table->member_of[0],
						 memory_order_relaxed);

	for (i = 1; i < BOND_BUCKETS; i++)
		if (atomic_load_explicit(&table->member_of[i],
					 memory_order_relaxed) != first)
			return SPREAD;
	return first;
}

void bond_port_update(struct bond_port *bp)
{
	uint32_t offload = ~0u;
	uint16_t mtu = UINT16_MAX;
	unsigned i, n = 0;

	for (i = 0; i < BOND_MEMBERS_MAX; i++) {
		const struct port *m = bp->member[i];

		if (!m)
			continue;
		n++;
		offload &= m->offload;
		if (m->mtu < mtu)
			mtu = m->mtu;
	}
	bp->port.offload = n ? offload : 0;
	bp->port.mtu = n ? mtu : 0;
	bp->port.link = n && atomic_load_explicit(&bp->table->up,
						  memory_order_relaxed);
	atomic_store_explicit(&bp->sole, sole_member(bp->table),
			      memory_order_relaxed);
}

void bond_port_loads(struct bond_port *bp, uint64_t bytes[BOND_BUCKETS])
{
	unsigned i, k;

	for (i = 0; i < BOND_BUCKETS; i++) {
		uint64_t sum = 0;

		for (k = 0; k < bp->lanes; k++)
			sum += bp->lane[k].bytes[i];
		bytes[i] = sum - bp->bytes_before[i];
		bp->bytes_before[i] = sum;
	}
}
