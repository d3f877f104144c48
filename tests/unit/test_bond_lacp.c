/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_bond_lacp.c: bonds in mode lacp, with partners, without, and between:
 * who may send and receive, and what takes the place of LACP.
 */
#include "vlan/bond.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/bond_world.h"
#include "tests/lib/suite.h"

#define DOWN 200

static struct world w;

/* Two members with carrier at `partner`, one minute later. */
static void start(int partner, bool fallback)
{
	unsigned i;

	world_start(&w, BOND_LACP, 0);
	w.conf.fallback_ab = fallback;
	w.conf.lacp.fast = true;
	world_reconfigure(&w);
	for (i = 0; i < 2; i++) {
		world_connect(&w, i, partner);
		world_member(&w, i);
		world_link(&w, i, true);
	}
	world_pass(&w, 60000);
	CU_ASSERT_EQUAL(world_facts(&w).negotiated, partner >= 0);
	if (partner >= 0)
		CU_ASSERT_EQUAL(world_count(&w, BOND_NEGOTIATED, NULL), 1);
	world_forget(&w);
}

static void partners_aggregate_both_members(void)
{
	start(0, true);
	CU_ASSERT_EQUAL(world_accept(&w), 3);
	CU_ASSERT_EQUAL(world_accept_flood(&w), 3);
	CU_ASSERT(w.table->hash_flow);
	CU_ASSERT_FALSE(w.table->refuse_moved);
	CU_ASSERT_FALSE(world_facts(&w).fallback);
	CU_ASSERT_EQUAL(world_active(&w), -1);
	CU_ASSERT_EQUAL(world_buckets(&w, 0), 128);
	CU_ASSERT_EQUAL(world_set_active(&w, 0), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(bond_lacp(w.bond));
	world_fini(&w);
}

static void source_addresses_are_hashed_when_asked_for(void)
{
	start(0, true);
	w.conf.hash = BOND_SRC_MAC;
	world_reconfigure(&w);
	CU_ASSERT_FALSE(w.table->hash_flow);
	CU_ASSERT_FALSE(w.table->only_home);
	CU_ASSERT_EQUAL(world_buckets(&w, 0), 128);
	CU_ASSERT(world_facts(&w).negotiated);
	world_fini(&w);
}

/* BD-05 */
static void without_a_partner_one_member_serves_or_none(void)
{
	start(-1, true);
	CU_ASSERT(world_facts(&w).fallback);
	CU_ASSERT_FALSE(world_facts(&w).negotiated);
	CU_ASSERT_EQUAL(world_active(&w), 0);
	CU_ASSERT_EQUAL(world_accept(&w), 1);
	CU_ASSERT_EQUAL(world_buckets(&w, 0), BOND_BUCKETS);
	CU_ASSERT_FALSE(w.table->hash_flow);
	w.conf.fallback_ab = false;
	world_reconfigure(&w);
	CU_ASSERT_FALSE(world_facts(&w).fallback);
	CU_ASSERT_EQUAL(world_accept(&w), 0);
	CU_ASSERT_FALSE(w.table->up);
	CU_ASSERT_EQUAL(world_count(&w, BOND_ALL_DOWN, NULL), 1);
	w.conf.fallback_ab = true;
	world_reconfigure(&w);
	CU_ASSERT_EQUAL(world_active(&w), 0);
	world_fini(&w);
}

static void the_fallback_fails_over_with_delays(void)
{
	start(-1, true);
	world_link(&w, 0, false);
	world_pass(&w, DOWN - 1);
	CU_ASSERT_EQUAL(world_active(&w), 0);
	world_pass(&w, 1);
	CU_ASSERT_EQUAL(world_active(&w), 1);
	CU_ASSERT_EQUAL(world_count(&w, BOND_ACTIVE, NULL), 1);
	world_fini(&w);
}

/* While the machines wait for each other, frames go on. */
static void the_fallback_serves_until_a_member_collects(void)
{
	unsigned ms;

	start(-1, true);
	world_connect(&w, 0, 0);
	world_connect(&w, 1, 0);
	for (ms = 0; ms < 5000 && !world_facts(&w).negotiated; ms++) {
		CU_ASSERT(w.table->up);
		CU_ASSERT_EQUAL(world_accept_flood(&w), 1);
		world_pass(&w, 1);
	}
	CU_ASSERT(w.table->up);
	world_pass(&w, 5000);
	CU_ASSERT_EQUAL(world_accept(&w), 3);
	CU_ASSERT_EQUAL(world_count(&w, BOND_ALL_DOWN, NULL), 0);
	CU_ASSERT_EQUAL(world_count(&w, BOND_MEMBER_DOWN, NULL), 0);
	world_fini(&w);
}

/* LACP has no delays of ours: the switch beyond knows of the loss as well. */
static void a_lost_link_is_replaced_at_once(void)
{
	struct bond_facts f;

	start(0, true);
	world_link(&w, 0, false);
	CU_ASSERT_EQUAL(world_accept(&w), 2);
	CU_ASSERT_EQUAL(world_buckets(&w, 1), BOND_BUCKETS);
	f = world_facts(&w);
	CU_ASSERT_EQUAL(f.failovers, 1);
	CU_ASSERT_EQUAL(f.last_failover.kind, BOND_MEMBER_DOWN);
	CU_ASSERT_STRING_EQUAL(f.last_failover.why, "eth0 lost its carrier");
	CU_ASSERT_EQUAL(world_count(&w, BOND_MOVED, NULL), 0);
	world_link(&w, 0, true);
	world_pass(&w, 5000); /* far less than updelay */
	CU_ASSERT_EQUAL(world_accept(&w), 3);
	CU_ASSERT_EQUAL(world_buckets(&w, 0), 128);
	world_fini(&w);
}

/* BD-03 */
static void a_silent_member_leaves_within_the_short_timeout(void)
{
	unsigned ms;

	start(0, true);
	world_silence(&w, 0, true);
	for (ms = 0; ms < 5000 && world_enabled(&w, 0); ms++)
		world_pass(&w, 1);
	CU_ASSERT(ms <= 3200);
	CU_ASSERT_EQUAL(world_accept(&w), 2);
	CU_ASSERT_EQUAL(world_buckets(&w, 1), BOND_BUCKETS);
	world_pass(&w, 10000);
	world_silence(&w, 0, false);
	world_pass(&w, 10000);
	CU_ASSERT_EQUAL(world_accept(&w), 3);
	world_fini(&w);
}

static void a_partner_that_falls_silent_leaves_the_fallback(void)
{
	struct bond_event e = { 0 };

	start(0, true);
	world_silence(&w, 0, true);
	world_silence(&w, 1, true);
	world_pass(&w, 10000);
	CU_ASSERT(world_facts(&w).fallback);
	CU_ASSERT(world_active(&w) >= 0);
	CU_ASSERT_EQUAL(world_count(&w, BOND_LOST_PARTNER, NULL), 1);
	CU_ASSERT_EQUAL(world_count(&w, BOND_ACTIVE, &e), 1);
	world_silence(&w, 0, false);
	world_silence(&w, 1, false);
	world_pass(&w, 10000);
	CU_ASSERT(world_facts(&w).negotiated);
	CU_ASSERT_EQUAL(world_count(&w, BOND_NEGOTIATED, NULL), 1);
	CU_ASSERT_EQUAL(world_accept(&w), 3);
	world_fini(&w);
}

static void members_at_two_switches_never_carry_together(void)
{
	start(0, true);
	world_connect(&w, 1, 1);
	world_pass(&w, 100000);
	CU_ASSERT_EQUAL(world_accept(&w), 1);
	CU_ASSERT_EQUAL(world_buckets(&w, 0), BOND_BUCKETS);
	world_link(&w, 0, false);
	world_pass(&w, 10000);
	CU_ASSERT_EQUAL(world_accept(&w), 2);
	CU_ASSERT_EQUAL(world_accept_flood(&w), 2);
	CU_ASSERT_EQUAL(world_buckets(&w, 1), BOND_BUCKETS);
	world_fini(&w);
}

/* eth0's switch has no LACP and eth1's has, until it falls silent. */
static void the_fallback_says_why_it_is_back(void)
{
	struct bond_event e = { 0 };

	start(-1, true);
	world_connect(&w, 1, 0);
	world_pass(&w, 10000);
	CU_ASSERT_EQUAL(world_accept(&w), 2);
	CU_ASSERT_EQUAL(world_count(&w, BOND_ACTIVE, NULL), 0);
	world_link(&w, 0, false);
	world_silence(&w, 1, true);
	world_pass(&w, 10000);
	CU_ASSERT_EQUAL(world_active(&w), 1);
	CU_ASSERT_EQUAL(world_count(&w, BOND_ACTIVE, &e), 1);
	CU_ASSERT_STRING_EQUAL(e.why, "without LACP partner eth1 serves alone");
	world_fini(&w);
}

static void all_links_lost_and_back(void)
{
	start(0, true);
	world_link(&w, 0, false);
	world_link(&w, 1, false);
	CU_ASSERT_FALSE(w.table->up);
	CU_ASSERT_EQUAL(world_accept(&w), 0);
	CU_ASSERT_EQUAL(world_count(&w, BOND_ALL_DOWN, NULL), 1);
	world_pass(&w, 10000);
	world_link(&w, 1, true);
	world_link(&w, 0, true);
	CU_ASSERT(w.table->up); /* the fallback's */
	world_pass(&w, 5000);
	CU_ASSERT_EQUAL(world_accept(&w), 3);
	world_fini(&w);
}

/* BD-04 */
static void nonsense_is_refused_and_changes_nothing(void)
{
	uint8_t frame[LACP_FRAME_LEN] = { 1, 0x80, 0xc2, 0,    0, 2, 2, 0, 0,
					  0, 0,    1,    0x88, 9, 1, 1, 1, 19 };

	start(0, true);
	CU_ASSERT_FALSE(bond_slow_input(w.bond, 0, frame, 20, w.now));
	CU_ASSERT_FALSE(bond_slow_input(w.bond, 0, frame, 124, w.now));
	CU_ASSERT_FALSE(bond_slow_input(w.bond, 7, frame, 124, w.now));
	world_pass(&w, 1000);
	CU_ASSERT_EQUAL(world_accept(&w), 3);
	world_fini(&w);
}

static void other_modes_take_no_slow_protocols(void)
{
	uint8_t frame[LACP_FRAME_LEN] = { 0 };

	world_start(&w, BOND_BALANCE_SLB, 2);
	CU_ASSERT_FALSE(bond_slow_input(w.bond, 0, frame, 124, w.now));
	CU_ASSERT_PTR_NULL(bond_lacp(w.bond));
	world_fini(&w);
}

static void slb_becomes_lacp_and_slb_again(void)
{
	unsigned i;

	world_start(&w, BOND_BALANCE_SLB, 2);
	for (i = 0; i < 2; i++)
		world_connect(&w, i, 0);
	w.conf.mode = BOND_LACP;
	w.conf.lacp.fast = true;
	world_reconfigure(&w);
	CU_ASSERT(w.table->up);
	CU_ASSERT_EQUAL(world_accept_flood(&w), 1);
	world_pass(&w, 10000);
	CU_ASSERT(world_facts(&w).negotiated);
	CU_ASSERT_EQUAL(world_accept(&w), 3);
	w.conf.mode = BOND_BALANCE_SLB;
	world_reconfigure(&w);
	CU_ASSERT(w.table->up);
	CU_ASSERT(w.table->refuse_moved);
	CU_ASSERT_EQUAL(world_active(&w), 0);
	CU_ASSERT_EQUAL(world_count(&w, BOND_ALL_DOWN, NULL), 0);
	world_fini(&w);
}

static void members_join_and_leave_an_aggregation(void)
{
	start(0, true);
	world_connect(&w, 2, 0);
	world_member(&w, 2);
	world_link(&w, 2, true);
	world_pass(&w, 5000);
	CU_ASSERT_EQUAL(world_accept(&w), 7);
	CU_ASSERT_EQUAL(world_buckets(&w, 2), 85);
	world_remove(&w, 0);
	CU_ASSERT_EQUAL(world_accept(&w), 6);
	CU_ASSERT_EQUAL(world_buckets(&w, 1) + world_buckets(&w, 2),
			BOND_BUCKETS);
	world_fini(&w);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(partners_aggregate_both_members),
		SUITE_TEST(source_addresses_are_hashed_when_asked_for),
		SUITE_TEST(without_a_partner_one_member_serves_or_none),
		SUITE_TEST(the_fallback_fails_over_with_delays),
		SUITE_TEST(the_fallback_serves_until_a_member_collects),
		SUITE_TEST(a_lost_link_is_replaced_at_once),
		SUITE_TEST(a_silent_member_leaves_within_the_short_timeout),
		SUITE_TEST(a_partner_that_falls_silent_leaves_the_fallback),
		SUITE_TEST(members_at_two_switches_never_carry_together),
		SUITE_TEST(the_fallback_says_why_it_is_back),
		SUITE_TEST(all_links_lost_and_back),
		SUITE_TEST(nonsense_is_refused_and_changes_nothing),
		SUITE_TEST(other_modes_take_no_slow_protocols),
		SUITE_TEST(slb_becomes_lacp_and_slb_again),
		SUITE_TEST(members_join_and_leave_an_aggregation),
	};

	return suite_run("bond_lacp", tests, sizeof(tests) / sizeof(tests[0]));
}
