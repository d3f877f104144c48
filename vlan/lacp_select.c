/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lacp_select.c: tally each aggregation, compare; see lacp_select.h. */
#include "vlan/lacp_select.h"

#include <string.h>

struct tally {
	unsigned good, in_sync, members;
	bool partner_rules;
};

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int lag_compare(const struct lacp_lag *a, const struct lacp_lag *b)
{
	int c = COMPARE(a->system_priority, b->system_priority);

	c = c ? c : memcmp(a->system, b->system, 6);
	c = c ? c : COMPARE(a->partner_key, b->partner_key);
	c = c ? c : COMPARE(a->key, b->key);
	c = c ? c : -COMPARE(a->speed_mbps, b->speed_mbps); /* faster first */
	return c ? c : COMPARE(a->individual, b->individual);
}

bool lacp_lag_same(const struct lacp_lag *a, const struct lacp_lag *b)
{
	return !lag_compare(a, b);
}

static struct tally count_members(const struct lacp_candidate *candidates,
				  unsigned count, const struct lacp_lag *lag)
{
	struct tally t = { 0 };
	unsigned i;

	for (i = 0; i < count; i++) {
		const struct lacp_candidate *c = &candidates[i];

		if (!c->present || !lacp_lag_same(&c->lag, lag))
			continue;
		t.members++;
		t.good += c->good;
		t.in_sync += c->in_sync;
		t.partner_rules = c->partner_rules;
	}
	return t;
}

/* Is it worth leaving what is in use for `other`? */
static bool replaces(const struct tally *other, const struct tally *used,
		     bool settled)
{
	if (!used->members)
		return true;
	if (!used->good)
		return other->good;
	if (other->in_sync > used->good)
		return true;
	return settled && !used->in_sync && other->in_sync &&
	       other->partner_rules;
}

static int compare(const struct tally *a, const struct lacp_lag *a_lag,
		   const struct tally *b, const struct lacp_lag *b_lag)
{
	int c = COMPARE(a->good, b->good);

	c = c ? c : COMPARE(a->in_sync, b->in_sync);
	c = c ? c : COMPARE(a->members, b->members);
	return c ? c : -lag_compare(a_lag, b_lag);
}

int lacp_select(const struct lacp_candidate *candidates, unsigned count,
		const struct lacp_lag *used, bool settled)
{
	struct tally in_use = { 0 }, best_tally = { 0 };
	int best = -1, stay = -1;
	unsigned i;

	if (used)
		in_use = count_members(candidates, count, used);
	for (i = 0; i < count; i++) {
		const struct lacp_candidate *c = &candidates[i];
		struct tally t;

		if (!c->present)
			continue;
		if (used && lacp_lag_same(&c->lag, used)) {
			stay = i;
			continue;
		}
		t = count_members(candidates, count, &c->lag);
		if (!replaces(&t, &in_use, settled))
			continue;
		if (best < 0 || compare(&t, &c->lag, &best_tally,
					&candidates[best].lag) > 0) {
			best = i;
			best_tally = t;
		}
	}
	return best >= 0 ? best : stay;
}
