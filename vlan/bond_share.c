/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bond_share.c: who takes over, and who gives to whom.
 *
 * Assignment goes by number of buckets, as nothing is known of the load to
 * come; only what has to move does, so n members that become n - 1 move 256/n
 * buckets, and back.  What bond_share_even() has made uneven by number stays
 * so until a member comes or goes.
 *
 * Evening out is Open vSwitch's idea: take the two members furthest apart, and
 * move the bucket that brings them nearest.  A bucket whose load alone makes
 * the difference stays: it would only take the difference along.  Whether it
 * was worth it is asked of all moves together, not, as there, of each: many
 * small buckets add up.
 */
#include "vlan/bond_share.h"

#include <string.h>

#define MEMBER(i) (1u << (i))

static bool has(uint16_t set, unsigned member)
{
	return member < BOND_MEMBERS_MAX && set & MEMBER(member);
}

static void count(const uint8_t of[BOND_BUCKETS], uint16_t keep,
		  unsigned n[BOND_MEMBERS_MAX])
{
	unsigned b, i;

	for (i = 0; i < BOND_MEMBERS_MAX; i++)
		n[i] = 0;
	for (b = 0; b < BOND_BUCKETS; b++)
		if (has(keep, of[b]))
			n[of[b]]++;
}

static unsigned poorest(const unsigned n[BOND_MEMBERS_MAX], uint16_t take)
{
	unsigned i, best = BOND_NONE;

	for (i = 0; i < BOND_MEMBERS_MAX; i++)
		if (has(take, i) && (best == BOND_NONE || n[i] < n[best]))
			best = i;
	return best;
}

static unsigned richest(const unsigned n[BOND_MEMBERS_MAX])
{
	unsigned i, best = 0;

	for (i = 1; i < BOND_MEMBERS_MAX; i++)
		if (n[i] > n[best])
			best = i;
	return best;
}

static unsigned last_of(const uint8_t of[BOND_BUCKETS], unsigned member)
{
	unsigned b = BOND_BUCKETS;

	while (b-- > 0)
		if (of[b] == member)
			break;
	return b;
}

/* As large a share as an equal one among all who have some. */
static void fill(uint8_t of[BOND_BUCKETS], unsigned n[BOND_MEMBERS_MAX],
		 unsigned member)
{
	unsigned from;

	for (;;) {
		from = richest(n);
		if (n[from] < n[member] + 2)
			return;
		of[last_of(of, from)] = member;
		n[from]--;
		n[member]++;
	}
}

static unsigned equal_share(uint16_t keep)
{
	return BOND_BUCKETS / __builtin_popcount(keep);
}

void bond_share_assign(uint8_t of[BOND_BUCKETS], uint16_t keep, uint16_t take,
		       uint16_t fresh)
{
	unsigned n[BOND_MEMBERS_MAX], b, i;

	count(of, keep, n);
	for (b = 0; b < BOND_BUCKETS; b++) {
		if (has(keep, of[b]))
			continue;
		of[b] = poorest(n, take);
		if (of[b] != BOND_NONE)
			n[of[b]]++;
	}
	for (i = 0; i < BOND_MEMBERS_MAX; i++)
		if (has(take & fresh, i) && n[i] < equal_share(keep))
			fill(of, n, i);
}

struct loads {
	uint64_t bytes[BOND_MEMBERS_MAX];
	uint16_t givers; /* that still may have something to give */
	unsigned from, to;
};

static bool furthest_apart(struct loads *l, uint16_t take)
{
	unsigned i;

	l->from = l->to = BOND_NONE;
	for (i = 0; i < BOND_MEMBERS_MAX; i++) {
		if (has(l->givers, i) &&
		    (l->from == BOND_NONE || l->bytes[i] > l->bytes[l->from]))
			l->from = i;
		if (has(take, i) &&
		    (l->to == BOND_NONE || l->bytes[i] < l->bytes[l->to]))
			l->to = i;
	}
	return l->from != BOND_NONE && l->bytes[l->from] > l->bytes[l->to];
}

/* How much nearer a bucket of that load brings two that are `gap` apart. */
static uint64_t gain(uint64_t load, uint64_t gap)
{
	if (load >= gap)
		return 0;
	return load < gap - load ? load : gap - load;
}

/* The bucket of `from` that gains most, or BOND_BUCKETS. */
static unsigned best_bucket(const uint8_t of[BOND_BUCKETS],
			    const uint64_t bytes[BOND_BUCKETS],
			    const struct loads *l)
{
	uint64_t gap = l->bytes[l->from] - l->bytes[l->to], g;
	uint64_t most = l->bytes[l->from] / (2 * BOND_BUCKETS);
	unsigned b, best = BOND_BUCKETS;

	for (b = 0; b < BOND_BUCKETS; b++) {
		g = of[b] == l->from ? gain(bytes[b], gap) : 0;
		if (g > most) {
			most = g;
			best = b;
		}
	}
	return best;
}

static unsigned even_out(uint8_t of[BOND_BUCKETS],
			 const uint64_t bytes[BOND_BUCKETS], uint16_t take,
			 struct loads *l, uint64_t least_bytes)
{
	unsigned b, moves = 0;
	uint64_t gap;

	while (moves < BOND_SHARE_MOVES_MAX && furthest_apart(l, take)) {
		gap = l->bytes[l->from] - l->bytes[l->to];
		if (gap < least_bytes || gap < l->bytes[l->to] >> 5)
			break;
		b = best_bucket(of, bytes, l);
		if (b == BOND_BUCKETS) {
			l->givers &= ~MEMBER(l->from);
			continue;
		}
		of[b] = l->to;
		l->bytes[l->from] -= bytes[b];
		l->bytes[l->to] += bytes[b];
		moves++;
	}
	return moves;
}

static uint64_t distance(struct loads *l, uint16_t take)
{
	l->givers = take;
	return furthest_apart(l, take) ? l->bytes[l->from] - l->bytes[l->to]
				       : 0;
}

unsigned bond_share_even(uint8_t of[BOND_BUCKETS],
			 const uint64_t bytes[BOND_BUCKETS], uint16_t take,
			 uint64_t least_bytes)
{
	uint8_t evened[BOND_BUCKETS];
	struct loads l = { .givers = 0 };
	uint64_t apart;
	unsigned b, moves;

	memcpy(evened, of, sizeof(evened));
	for (b = 0; b < BOND_BUCKETS; b++)
		if (has(take, of[b]))
			l.bytes[of[b]] += bytes[b];
	apart = distance(&l, take);
	moves = even_out(evened, bytes, take, &l, least_bytes);
	if (distance(&l, take) > apart - apart / 10)
		return 0;
	memcpy(of, evened, sizeof(evened));
	return moves;
}
