/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bond_publish.c: words that change one by one while frames flow.
 *
 * Workers may see a change of one word before or after that of another.  So
 *
 *	who takes what fans out is one word: it never names two members where
 *	one is meant;
 *	where that goes from one living member to another (by hand, a primary
 *	that is back), and where the mode changes, there is a moment in which
 *	only what both states allow is allowed: a copy that waits in the other
 *	member's queue must not be taken after its twin;
 *	rights are taken before they are given, so that a member never has
 *	more than both states give it;
 *	a member may receive before buckets come to it, as answers do;
 *	what is refused in addition (refuse_moved) is so first and last, but
 *	what relies on the place of a bucket (only_home) ends before buckets
 *	move, and begins when all have been announced for a while;
 *	each bucket's word has a member at all times, as long as there is one;
 *	`up` says so after the first has, and no longer before the last goes.
 */
#include "vlan/bond_publish.h"

#include <string.h>

#define HANDOVER_MS 10    /* longer than frames wait in a queue */
#define AT_HOME_MS  10000 /* announcements are repeated for as long */

/* Release: what is stored in an order becomes visible in that order. */
#define put(word, value)                                                       \
	atomic_store_explicit(word, value, memory_order_release)
#define get(word) atomic_load_explicit(word, memory_order_relaxed)

void bond_publish_init(struct bond_table *table, uint32_t basis)
{
	memset(table->member_of, BOND_NONE, BOND_BUCKETS);
	atomic_init(&table->basis, basis);
}

static void begin_handover(struct bond_publisher *pub,
			   const struct bond_table *table,
			   enum bond_handover handover, uint64_t now)
{
	if (handover == BOND_HANDOVER_NONE)
		return;
	pub->until_ms = now + HANDOVER_MS;
	pub->accept = UINT16_MAX;
	if (handover == BOND_HANDOVER_ALL)
		pub->accept = get(&table->accept);
	pub->accept_flood = get(&table->accept_flood);
	pub->refuse_moved = get(&table->refuse_moved);
}

static void apply_handover(const struct bond_publisher *pub,
			   struct bond_words *w, uint64_t now)
{
	if (now >= pub->until_ms)
		return;
	w->accept &= pub->accept;
	w->accept_flood &= pub->accept_flood;
	w->refuse_moved |= pub->refuse_moved;
}

/* All of them, if frames will be in others.  Under LACP nobody asks. */
static bool find_moved(const struct bond_table *table,
		       const struct bond_words *w,
		       uint64_t moved[BOND_BUCKETS / 64])
{
	bool all = get(&table->basis) != w->basis;
	bool any = false;
	unsigned b;

	memset(moved, 0, BOND_BUCKETS / 8);
	for (b = 0; b < BOND_BUCKETS; b++) {
		if (!all && w->of[b] == get(&table->member_of[b]))
			continue;
		moved[b / 64] |= 1ull << b % 64;
		any = true;
	}
	return any;
}

static void store(struct bond_table *t, const struct bond_words *w,
		  bool only_home)
{
	bool up = w->of[0] != BOND_NONE;
	unsigned b;

	if (w->refuse_moved)
		put(&t->refuse_moved, true);
	if (!only_home)
		put(&t->only_home, false);
	if (!up)
		put(&t->up, false);
	put(&t->accept_flood, get(&t->accept_flood) & w->accept_flood);
	put(&t->accept, get(&t->accept) & w->accept);
	put(&t->accept, w->accept);
	put(&t->accept_flood, w->accept_flood);
	put(&t->basis, w->basis);
	put(&t->hash_flow, w->hash_flow);
	for (b = 0; b < BOND_BUCKETS; b++)
		put(&t->member_of[b], w->of[b]);
	put(&t->up, up);
	put(&t->only_home, only_home);
	put(&t->refuse_moved, w->refuse_moved);
}

bool bond_publish(struct bond_publisher *pub, struct bond_table *table,
		  const struct bond_words *words, enum bond_handover handover,
		  uint64_t now_ms, uint64_t moved[BOND_BUCKETS / 64])
{
	struct bond_words w = *words;
	bool any = find_moved(table, &w, moved);

	if (!w.has_homes)
		pub->at_home_ms = UINT64_MAX;
	else if (any || pub->at_home_ms == UINT64_MAX)
		pub->at_home_ms = now_ms + AT_HOME_MS;
	begin_handover(pub, table, handover, now_ms);
	apply_handover(pub, &w, now_ms);
	store(table, &w, now_ms >= pub->at_home_ms);
	return any;
}

uint64_t bond_publish_due(const struct bond_publisher *pub, uint64_t now_ms)
{
	uint64_t next = UINT64_MAX;

	if (pub->until_ms > now_ms)
		next = pub->until_ms;
	if (pub->at_home_ms > now_ms && pub->at_home_ms < next)
		next = pub->at_home_ms;
	return next;
}
