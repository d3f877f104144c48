/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_bond_property.c: bonds to which anything happens, in any order (argv[1]:
 * how many events).  world_check() holds after every run; besides,
 *
 *	a bucket changes its member only with a reason: a member has come or
 *	gone, the active one is another, loads were handed in, the mode or
 *	the rule is another;
 *	when peace comes, everybody with a carrier serves, and a bond in
 *	active-backup or SLB has lost nothing for good.
 */
#include "vlan/bond.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/bond_world.h"
#include "tests/lib/packet.h"
#include "tests/lib/suite.h"

#define EVENTS_A_BOND 200

static unsigned long events = 100000;
static struct world w;
static struct packet_rng rng = { 17 };

/* All that may give a bucket a reason to move. */
struct reasons {
	bool enabled[BOND_MEMBERS_MAX];
	int active;
	bool negotiated;
	enum bond_mode mode;
};

static struct reasons reasons(void)
{
	struct reasons r;
	struct bond_member_facts m;
	unsigned i;

	memset(&r, 0, sizeof(r)); /* compared as bytes */
	for (i = 0; i < BOND_MEMBERS_MAX; i++)
		r.enabled[i] =
			bond_member_facts(w.bond, i, w.now, &m) && m.enabled;
	r.active = world_active(&w);
	r.negotiated = world_facts(&w).negotiated;
	r.mode = w.conf.mode;
	return r;
}

static void hand_in_loads(void)
{
	uint64_t bytes[BOND_BUCKETS];
	unsigned b;

	for (b = 0; b < BOND_BUCKETS; b++)
		bytes[b] = 1u << packet_random(&rng, 32);
	bond_rebalance(w.bond, bytes, w.now);
	w.due = w.now;
}

static void change_configuration(void)
{
	static const uint32_t times[] = { 0, 1, 50, 200, 31000 };

	switch (packet_random(&rng, 6)) {
	case 0:
		w.conf.mode = packet_random(&rng, 3);
		break;
	case 1:
		w.conf.updelay_ms = times[packet_random(&rng, 5)];
		w.conf.downdelay_ms = times[packet_random(&rng, 5)];
		break;
	case 2:
		w.conf.primary = (int)packet_random(&rng, 9) - 1;
		break;
	case 3:
		w.conf.hash_basis = packet_random(&rng, 3);
		break;
	case 4:
		w.conf.fallback_ab = !w.conf.fallback_ab;
		break;
	default:
		w.conf.hash = packet_random(&rng, 2);
		w.conf.lacp.fast = packet_random(&rng, 2);
		w.conf.rebalance_interval_ms = times[packet_random(&rng, 5)];
	}
	world_reconfigure(&w);
}

/* Returns whether buckets may move without another reason. */
static bool something_happens(void)
{
	unsigned i = packet_random(&rng, 4);

	switch (packet_random(&rng, 12)) {
	case 0:
		world_member(&w, i);
		return true;
	case 1:
		world_remove(&w, i);
		return true;
	case 2:
		world_connect(&w, i, (int)packet_random(&rng, 3) - 1);
		return false;
	case 3:
		world_silence(&w, i, packet_random(&rng, 2));
		return false;
	case 4:
		world_set_active(&w, i);
		return false;
	case 5:
		hand_in_loads();
		world_pass(&w, 0);
		return true;
	case 6:
		change_configuration();
		return false;
	default:
		world_link(&w, i, packet_random(&rng, 3));
		return false;
	}
}

static void check_reasons(bool may_move, const struct reasons *before,
			  const uint8_t of[BOND_BUCKETS])
{
	struct reasons now = reasons();

	if (may_move || memcmp(&now, before, sizeof(now)) != 0)
		return;
	CU_ASSERT_FATAL(
		!memcmp(of, (const void *)w.table->member_of, BOND_BUCKETS));
}

/* Between two runs more may have happened than is seen before and after. */
static void pass_in_steps(void)
{
	uint64_t ms = 1u << packet_random(&rng, 17), step;
	uint8_t of[BOND_BUCKETS];
	struct reasons before;

	while (ms) {
		before = reasons();
		memcpy(of, (const void *)w.table->member_of, sizeof(of));
		step = w.due - w.now < ms ? w.due - w.now : ms;
		world_pass(&w, step);
		check_reasons(step > 1, &before, of);
		ms -= step;
	}
}

static void peace_comes(void)
{
	unsigned i;

	for (i = 0; i < 4; i++) {
		world_silence(&w, i, false);
		world_connect(&w, i, 0);
		world_member(&w, i);
		world_link(&w, i, true);
	}
	w.conf.fallback_ab = true;
	world_reconfigure(&w);
	world_pass(&w, 200000);
	for (i = 0; i < 4; i++)
		CU_ASSERT_FATAL(world_enabled(&w, i));
	CU_ASSERT_FATAL(world_facts(&w).negotiated ==
			(w.conf.mode == BOND_LACP));
	if (w.conf.mode != BOND_ACTIVE_BACKUP)
		for (i = 0; i < 4; i++)
			CU_ASSERT_FATAL(world_buckets(&w, i) > 0);
}

static void whatever_happens_the_promises_hold(void)
{
	uint8_t of[BOND_BUCKETS];
	struct reasons before;
	unsigned long n;
	bool may_move;

	for (n = 0; n < events; n++) {
		if (n % EVENTS_A_BOND == 0)
			world_start(&w, packet_random(&rng, 3),
				    packet_random(&rng, 4));
		before = reasons();
		memcpy(of, (const void *)w.table->member_of, sizeof(of));
		may_move = something_happens();
		check_reasons(may_move, &before, of);
		if (packet_random(&rng, 2))
			pass_in_steps();
		world_forget(&w);
		if (n % EVENTS_A_BOND != EVENTS_A_BOND - 1)
			continue;
		peace_comes();
		world_fini(&w);
	}
}

int main(int argc, char **argv)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(whatever_happens_the_promises_hold),
	};

	events = suite_rounds(argc, argv, events) / EVENTS_A_BOND *
		 EVENTS_A_BOND;
	return suite_run("bond_property", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
