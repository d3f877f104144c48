/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_bond.c: active-backup and balance-slb: links, delays, the active
 * member, buckets, what the table lets in, and events.
 */
#include "vlan/bond.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/bond_world.h"
#include "tests/lib/packet.h"
#include "tests/lib/suite.h"

#define UP          31000 /* the default delays */
#define DOWN        200
#define SWITCHOVERS 3000

static struct world w;

static void defaults_are_xenservers(void)
{
	struct bond_conf conf;

	bond_conf_default(&conf);
	CU_ASSERT_EQUAL(conf.mode, BOND_BALANCE_SLB);
	CU_ASSERT_EQUAL(conf.updelay_ms, 31000);
	CU_ASSERT_EQUAL(conf.downdelay_ms, 200);
	CU_ASSERT_EQUAL(conf.rebalance_interval_ms, 1800000);
	CU_ASSERT_EQUAL(conf.primary, -1);
	CU_ASSERT_EQUAL(conf.hash, BOND_TCPUDP_PORTS);
	CU_ASSERT(conf.fallback_ab);
	CU_ASSERT_FALSE(conf.lacp.fast);
}

static void bad_configurations_are_refused(void)
{
	struct bond_conf good, bad;
	struct bond *bond = NULL;

	bond_conf_default(&good);
	bad = good;
	bad.primary = BOND_MEMBERS_MAX;
	CU_ASSERT_EQUAL(bond_new(&bond, &bad, 0), -EINVAL);
	bad = good;
	bad.mode = BOND_LACP; /* without a system */
	CU_ASSERT_EQUAL(bond_new(&bond, &bad, 0), -EINVAL);
	bad = good;
	memset(bad.name, 'x', sizeof(bad.name));
	CU_ASSERT_EQUAL(bond_new(&bond, &bad, 0), -EINVAL);
	CU_ASSERT_EQUAL_FATAL(bond_new(&bond, &good, 0), 0);
	CU_ASSERT_EQUAL(bond_reconfigure(bond, &bad, 0), -EINVAL);
	bond_free(bond);
	bond_free(NULL);
}

static void a_bond_without_members_carries_nothing(void)
{
	struct bond_conf conf;

	bond_conf_default(&conf);
	world_init(&w, &conf);
	CU_ASSERT_FALSE(w.table->up);
	CU_ASSERT_EQUAL(world_accept(&w), 0);
	CU_ASSERT_EQUAL(world_active(&w), -1);
	CU_ASSERT_EQUAL(w.due, UINT64_MAX);
	CU_ASSERT_FALSE(bond_member_facts(w.bond, 0, w.now,
					  &(struct bond_member_facts){ 0 }));
	CU_ASSERT_EQUAL(w.event_count, 0);
	world_fini(&w);
}

static void links_that_are_found_up_need_no_delay(void)
{
	struct bond_conf conf;
	unsigned i;

	bond_conf_default(&conf);
	world_init(&w, &conf);
	for (i = 0; i < 3; i++) {
		world_member(&w, i);
		world_link(&w, i, true);
		CU_ASSERT(world_enabled(&w, i));
	}
	CU_ASSERT_EQUAL(world_active(&w), 0);
	CU_ASSERT_EQUAL(world_count(&w, BOND_MEMBER_UP, NULL), 3);
	CU_ASSERT_EQUAL(world_count(&w, BOND_ACTIVE, NULL), 1);
	CU_ASSERT_EQUAL(world_facts(&w).failovers, 0);
	world_fini(&w);
}

/* ---- links and delays, in both modes ---- */

enum op { LINK_UP, LINK_DOWN, PASS, REMOVE, ADD };

struct step {
	enum op op;
	unsigned arg; /* member or ms */
	int active;
	uint16_t enabled;
};

#define STEPS 12

static const struct delay_case {
	const char *name;
	uint32_t updelay, downdelay;
	int primary;
	struct step steps[STEPS]; /* from eth0 active, eth1 enabled */
} delay_cases[] = {
	{ "a lost active member is replaced after downdelay (BD-01)",
	  UP,
	  DOWN,
	  -1,
	  { { LINK_DOWN, 0, 0, 3 },
	    { PASS, DOWN - 1, 0, 3 },
	    { PASS, 1, 1, 2 } } },
	{ "without downdelay at once", UP, 0, -1, { { LINK_DOWN, 0, 1, 2 } } },
	{ "a link that returns within downdelay stays",
	  UP,
	  DOWN,
	  -1,
	  { { LINK_DOWN, 0, 0, 3 },
	    { PASS, DOWN - 1, 0, 3 },
	    { LINK_UP, 0, 0, 3 },
	    { PASS, 100000, 0, 3 } } },
	{ "a link that is back waits for updelay, and does not take over",
	  UP,
	  DOWN,
	  -1,
	  { { LINK_DOWN, 0, 0, 3 },
	    { PASS, DOWN, 1, 2 },
	    { LINK_UP, 0, 1, 2 },
	    { PASS, UP - 1, 1, 2 },
	    { PASS, 1, 1, 3 } } },
	{ "a primary takes over after updelay",
	  UP,
	  DOWN,
	  0,
	  { { LINK_DOWN, 0, 0, 3 },
	    { PASS, DOWN, 1, 2 },
	    { LINK_UP, 0, 1, 2 },
	    { PASS, UP - 1, 1, 2 },
	    { PASS, 1, 0, 3 } } },
	{ "updelay begins anew when the link is lost again",
	  UP,
	  0,
	  0,
	  { { LINK_DOWN, 0, 1, 2 },
	    { LINK_UP, 0, 1, 2 },
	    { PASS, UP - 1, 1, 2 },
	    { LINK_DOWN, 0, 1, 2 },
	    { LINK_UP, 0, 1, 2 },
	    { PASS, UP - 1, 1, 2 },
	    { PASS, 1, 0, 3 } } },
	{ "the last link is given up without delay, and taken so",
	  UP,
	  DOWN,
	  -1,
	  { { LINK_DOWN, 1, 0, 3 },
	    { PASS, DOWN, 0, 1 },
	    { LINK_DOWN, 0, -1, 0 },
	    { PASS, 5000, -1, 0 },
	    { LINK_UP, 1, 1, 2 },
	    { LINK_UP, 0, 1, 2 },
	    { PASS, UP, 1, 3 } } },
	{ "both links lost at once: nobody waits for downdelay",
	  UP,
	  DOWN,
	  -1,
	  { { LINK_DOWN, 0, 0, 3 },
	    { LINK_DOWN, 1, -1, 0 },
	    { LINK_UP, 0, 0, 1 } } },
	{ "who waits for updelay is taken when the last other one goes",
	  UP,
	  DOWN,
	  -1,
	  { { LINK_DOWN, 1, 0, 3 },
	    { PASS, DOWN, 0, 1 },
	    { LINK_UP, 1, 0, 1 },
	    { PASS, 100, 0, 1 },
	    { LINK_DOWN, 0, 1, 2 } } },
	{ "a member in downdelay does not hold up one that waits",
	  UP,
	  DOWN,
	  -1,
	  { { LINK_DOWN, 1, 0, 3 },
	    { PASS, DOWN, 0, 1 },
	    { LINK_UP, 1, 0, 1 },
	    { LINK_DOWN, 0, 1, 2 },
	    { LINK_UP, 0, 1, 2 } } },
	{ "a member that leaves is replaced at once, and comes back with updelay",
	  UP,
	  DOWN,
	  -1,
	  { { PASS, 2000, 0, 3 },
	    { REMOVE, 0, 1, 2 },
	    { ADD, 0, 1, 2 },
	    { LINK_UP, 0, 1, 2 },
	    { PASS, UP - 1, 1, 2 },
	    { PASS, 1, 1, 3 },
	    { REMOVE, 1, 0, 1 },
	    { REMOVE, 0, -1, 0 },
	    { ADD, 1, -1, 0 },
	    { LINK_DOWN, 1, -1, 0 },
	    { LINK_UP, 1, 1, 2 } } },
	{ "a third member joins with updelay",
	  UP,
	  DOWN,
	  -1,
	  { { ADD, 2, 0, 3 },
	    { LINK_DOWN, 2, 0, 3 },
	    { LINK_UP, 2, 0, 3 },
	    { PASS, UP - 1, 0, 3 },
	    { PASS, 1, 0, 7 } } },
	{ "of two that wait, the one that has waited longer is taken",
	  UP,
	  DOWN,
	  -1,
	  { { ADD, 2, 0, 3 },
	    { LINK_DOWN, 2, 0, 3 },
	    { LINK_UP, 2, 0, 3 },
	    { LINK_DOWN, 1, 0, 3 },
	    { PASS, DOWN, 0, 1 },
	    { LINK_UP, 1, 0, 1 },
	    { LINK_DOWN, 0, 2, 4 } } },
	{ "an absence that was dealt with is not held against a link",
	  100,
	  DOWN,
	  -1,
	  { { LINK_DOWN, 1, 0, 3 },
	    { PASS, DOWN, 0, 1 },
	    { LINK_UP, 1, 0, 1 },
	    { PASS, 100, 0, 3 },
	    { LINK_DOWN, 1, 0, 3 },
	    { PASS, DOWN - 1, 0, 3 } } },
	{ "nor that of the last hope",
	  100,
	  DOWN,
	  -1,
	  { { LINK_DOWN, 1, 0, 3 },
	    { PASS, DOWN, 0, 1 },
	    { LINK_DOWN, 0, -1, 0 },
	    { PASS, 1000, -1, 0 },
	    { LINK_UP, 0, 0, 1 },
	    { LINK_UP, 1, 0, 1 },
	    { PASS, 100, 0, 3 },
	    { LINK_DOWN, 0, 0, 3 },
	    { PASS, DOWN - 1, 0, 3 } } },
};

static void do_step(const struct step *s)
{
	switch (s->op) {
	case LINK_UP:
	case LINK_DOWN:
		world_link(&w, s->arg, s->op == LINK_UP);
		break;
	case PASS:
		world_pass(&w, s->arg);
		break;
	case REMOVE:
		world_remove(&w, s->arg);
		break;
	case ADD:
		world_member(&w, s->arg);
		break;
	}
}

static uint16_t enabled(void)
{
	struct bond_member_facts m;
	uint16_t set = 0;
	unsigned i;

	for (i = 0; i < BOND_MEMBERS_MAX; i++)
		if (bond_member_facts(w.bond, i, w.now, &m) && m.enabled)
			set |= 1u << i;
	return set;
}

static void play(const struct delay_case *c, enum bond_mode mode)
{
	const struct step *s;

	world_start(&w, mode, 2);
	w.conf.updelay_ms = c->updelay;
	w.conf.downdelay_ms = c->downdelay;
	w.conf.primary = c->primary;
	world_reconfigure(&w);
	for (s = c->steps; s < c->steps + STEPS && (s->op || s->enabled); s++) {
		do_step(s);
		if (world_active(&w) == s->active && enabled() == s->enabled)
			continue;
		printf("%s, mode %d, step %d: active %d, enabled %x\n", c->name,
		       mode, (int)(s - c->steps), world_active(&w), enabled());
		CU_FAIL("see above");
		break;
	}
	world_fini(&w);
}

static void delays_run_only_while_others_serve(void)
{
	unsigned i;

	for (i = 0; i < sizeof(delay_cases) / sizeof(delay_cases[0]); i++) {
		play(&delay_cases[i], BOND_ACTIVE_BACKUP);
		play(&delay_cases[i], BOND_BALANCE_SLB);
	}
}

/* BD-02: 50 ms without, 50 ms with a carrier, and downdelay 200 ms. */
static void a_flapping_member_is_left_once(void)
{
	unsigned i;

	world_start(&w, BOND_BALANCE_SLB, 2);
	for (i = 0; i < 100; i++) {
		world_link(&w, 0, false);
		world_pass(&w, 50);
		CU_ASSERT(i < 3 || !world_enabled(&w, 0));
		world_link(&w, 0, true);
		world_pass(&w, 50);
	}
	CU_ASSERT_EQUAL(world_count(&w, BOND_ACTIVE, NULL), 1);
	CU_ASSERT_EQUAL(world_count(&w, BOND_MEMBER_DOWN, NULL), 1);
	CU_ASSERT_EQUAL(world_count(&w, BOND_MEMBER_UP, NULL), 0);
	CU_ASSERT_EQUAL(world_facts(&w).failovers, 1);
	world_pass(&w, UP);
	CU_ASSERT(world_enabled(&w, 0));
	CU_ASSERT_EQUAL(world_active(&w), 1);
	world_fini(&w);
}

/* The caller was busy: downdelay is over when the link is back. */
static void a_late_run_does_not_save_a_link(void)
{
	world_start(&w, BOND_ACTIVE_BACKUP, 2);
	bond_member_link(w.bond, 0, false, 0, w.now);
	bond_member_link(w.bond, 0, true, 1000, w.now + DOWN);
	bond_run(w.bond, w.now + DOWN, NULL, NULL);
	CU_ASSERT_FALSE(world_enabled(&w, 0));
	CU_ASSERT_EQUAL(world_active(&w), 1);
	world_fini(&w);
}

static void rare_flaps_are_forgotten(void)
{
	unsigned i;

	world_start(&w, BOND_ACTIVE_BACKUP, 2);
	for (i = 0; i < 20; i++) {
		world_link(&w, 0, false);
		world_pass(&w, DOWN - 1);
		world_link(&w, 0, true);
		world_pass(&w, 10 * DOWN);
	}
	CU_ASSERT_EQUAL(world_active(&w), 0);
	CU_ASSERT_EQUAL(w.event_count, 0);
	world_fini(&w);
}

static void facts_tell_what_delay_is_left(void)
{
	world_start(&w, BOND_ACTIVE_BACKUP, 2);
	world_link(&w, 0, false);
	world_pass(&w, 50);
	CU_ASSERT_EQUAL(world_member_facts(&w, 0).delay_left_ms, DOWN - 50);
	world_pass(&w, DOWN);
	CU_ASSERT_EQUAL(world_member_facts(&w, 0).delay_left_ms, 0);
	world_link(&w, 0, true);
	world_pass(&w, 1000);
	CU_ASSERT_EQUAL(world_member_facts(&w, 0).delay_left_ms, UP - 1000);
	w.conf.updelay_ms = 2000; /* holds for the delay that runs */
	world_reconfigure(&w);
	CU_ASSERT_EQUAL(world_member_facts(&w, 0).delay_left_ms, 1000);
	world_pass(&w, 1000);
	CU_ASSERT(world_enabled(&w, 0));
	CU_ASSERT_STRING_EQUAL(world_member_facts(&w, 0).name, "eth0");
	CU_ASSERT_EQUAL(world_member_facts(&w, 0).speed_mbps, 1000);
	world_fini(&w);
}

/* ---- the active member ---- */

static void a_failover_says_why(void)
{
	struct bond_event e = { 0 };
	struct bond_facts f;

	world_start(&w, BOND_ACTIVE_BACKUP, 2);
	world_link(&w, 0, false);
	world_pass(&w, DOWN);
	CU_ASSERT_EQUAL(world_count(&w, BOND_MEMBER_DOWN, &e), 1);
	CU_ASSERT_EQUAL(e.member, 0);
	CU_ASSERT_EQUAL(world_count(&w, BOND_ACTIVE, &e), 1);
	CU_ASSERT_EQUAL(e.member, 1);
	CU_ASSERT_STRING_EQUAL(e.why, "eth0 lost its carrier");
	CU_ASSERT_EQUAL(world_count(&w, BOND_MOVED, NULL), 0);
	f = world_facts(&w);
	CU_ASSERT_EQUAL(f.failovers, 1);
	CU_ASSERT_EQUAL(f.last_failover.at_ms, w.now);
	CU_ASSERT_STRING_EQUAL(f.last_failover.why, e.why);
	world_link(&w, 1, false);
	CU_ASSERT_EQUAL(world_count(&w, BOND_ALL_DOWN, NULL), 1);
	world_link(&w, 1, true); /* all addresses are announced again */
	CU_ASSERT_EQUAL(world_count(&w, BOND_ACTIVE, &e), 2);
	CU_ASSERT_EQUAL(world_facts(&w).failovers, 1);
	world_fini(&w);
}

static void losing_a_backup_is_no_failover(void)
{
	world_start(&w, BOND_ACTIVE_BACKUP, 2);
	world_link(&w, 1, false);
	world_pass(&w, DOWN);
	CU_ASSERT_EQUAL(world_count(&w, BOND_MEMBER_DOWN, NULL), 1);
	CU_ASSERT_EQUAL(world_facts(&w).failovers, 0);
	world_fini(&w);
}

static void an_order_by_hand_holds_against_the_primary(void)
{
	world_start(&w, BOND_ACTIVE_BACKUP, 3);
	w.conf.primary = 2;
	world_reconfigure(&w);
	CU_ASSERT_EQUAL(world_active(&w), 2);
	CU_ASSERT_EQUAL(world_set_active(&w, 1), 0);
	CU_ASSERT_EQUAL(world_active(&w), 1);
	world_pass(&w, 100000);
	CU_ASSERT_EQUAL(world_active(&w), 1);
	world_link(&w, 1, false);
	world_pass(&w, DOWN);
	CU_ASSERT_EQUAL(world_active(&w), 2);
	CU_ASSERT_EQUAL(world_set_active(&w, 0), 0);
	w.conf.primary = 0;
	world_reconfigure(&w);
	w.conf.primary = 2; /* a new primary is a newer order */
	world_reconfigure(&w);
	CU_ASSERT_EQUAL(world_active(&w), 2);
	CU_ASSERT_EQUAL(world_set_active(&w, 1), -EINVAL);
	CU_ASSERT_EQUAL(world_set_active(&w, 5), -EINVAL);
	CU_ASSERT_EQUAL(world_set_active(&w, 99), -EINVAL);
	world_fini(&w);
}

static void a_dead_members_successor_takes_floods_at_once(void)
{
	world_start(&w, BOND_ACTIVE_BACKUP, 2);
	w.conf.downdelay_ms = 0;
	world_reconfigure(&w);
	world_link(&w, 0, false);
	CU_ASSERT_EQUAL(world_accept(&w), 2);
	CU_ASSERT_EQUAL(world_accept_flood(&w), 2);
	world_fini(&w);
}

static void between_two_that_live_floods_pause(void)
{
	world_start(&w, BOND_ACTIVE_BACKUP, 2);
	CU_ASSERT_EQUAL(world_set_active(&w, 1), 0);
	CU_ASSERT_EQUAL(world_accept(&w), 2);
	CU_ASSERT_EQUAL(world_accept_flood(&w), 0);
	world_pass(&w, 9);
	CU_ASSERT_EQUAL(world_accept_flood(&w), 0);
	world_pass(&w, 1);
	CU_ASSERT_EQUAL(world_accept_flood(&w), 2);
	world_remove(&w, 1); /* its wire may still deliver */
	CU_ASSERT_EQUAL(world_accept_flood(&w), 0);
	world_pass(&w, 10);
	CU_ASSERT_EQUAL(world_accept_flood(&w), 1);
	world_fini(&w);
}

/*
 * A switch sends each broadcast to all members; in our queues each copy waits
 * for a time of its own.  However the active member changes, one is taken at
 * most, and one while nothing changes.
 */
static void a_broadcast_is_never_taken_twice(void)
{
	struct packet_rng rng = { 5 };
	unsigned round, i, delay[3], taken, ms;

	world_start(&w, BOND_BALANCE_SLB, 3);
	for (round = 0; round < SWITCHOVERS; round++) {
		for (i = 0; i < 3; i++)
			delay[i] = packet_random(&rng, 10);
		for (ms = 0, taken = 0; ms < 10; ms++) {
			if (ms == round % 10 && round % 3)
				world_set_active(&w, packet_random(&rng, 3));
			for (i = 0; i < 3; i++)
				taken += delay[i] == ms &&
					 world_accept_flood(&w) >> i & 1;
			world_pass(&w, 1);
		}
		CU_ASSERT_FATAL(taken <= 1);
		world_pass(&w, round % 7);
	}
	world_fini(&w);
}

/* ---- buckets ---- */

static void active_backup_sends_all_through_the_active_member(void)
{
	world_start(&w, BOND_ACTIVE_BACKUP, 3);
	CU_ASSERT_EQUAL(world_buckets(&w, 0), BOND_BUCKETS);
	CU_ASSERT_EQUAL(world_accept(&w), 1);
	CU_ASSERT_EQUAL(world_accept_flood(&w), 1);
	CU_ASSERT_FALSE(w.table->refuse_moved);
	CU_ASSERT_EQUAL(world_facts(&w).rebalance_in_ms, UINT64_MAX);
	world_fini(&w);
}

static unsigned in_event(const struct bond_event *e)
{
	unsigned i, n = 0;

	for (i = 0; i < BOND_BUCKETS / 64; i++)
		n += __builtin_popcountll(e->buckets[i]);
	return n;
}

static void slb_shares_buckets_and_says_which_moved(void)
{
	struct bond_event e = { 0 };
	uint8_t before[BOND_BUCKETS];
	unsigned b;

	world_start(&w, BOND_BALANCE_SLB, 3);
	CU_ASSERT_EQUAL(world_accept(&w), 7);
	CU_ASSERT_EQUAL(world_accept_flood(&w), 1);
	CU_ASSERT_EQUAL(world_buckets(&w, 1), 86);
	memcpy(before, (const void *)w.table->member_of, sizeof(before));
	world_link(&w, 1, false);
	world_pass(&w, DOWN);
	CU_ASSERT_EQUAL(world_count(&w, BOND_ACTIVE, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(world_count(&w, BOND_MOVED, &e), 1);
	CU_ASSERT_EQUAL(in_event(&e), 86);
	CU_ASSERT_EQUAL(world_facts(&w).failovers, 1);
	for (b = 0; b < BOND_BUCKETS; b++)
		CU_ASSERT_EQUAL(e.buckets[b / 64] >> b % 64 & 1,
				before[b] == 1);
	world_fini(&w);
}

static void another_active_member_moves_no_bucket_of_slb(void)
{
	uint8_t before[BOND_BUCKETS];

	world_start(&w, BOND_BALANCE_SLB, 2);
	memcpy(before, (const void *)w.table->member_of, sizeof(before));
	CU_ASSERT_EQUAL(world_set_active(&w, 1), 0);
	CU_ASSERT_EQUAL(world_accept(&w), 3);
	CU_ASSERT_EQUAL(memcmp(before, (const void *)w.table->member_of,
			       sizeof(before)),
			0);
	world_fini(&w);
}

static void load(uint64_t bytes[BOND_BUCKETS], unsigned member, uint64_t each)
{
	unsigned b;

	for (b = 0; b < BOND_BUCKETS; b++)
		bytes[b] = w.table->member_of[b] == member ? each : 0;
}

static void slb_evens_out_the_load(void)
{
	uint64_t bytes[BOND_BUCKETS];
	struct bond_event e = { 0 };

	world_start(&w, BOND_BALANCE_SLB, 2);
	CU_ASSERT_EQUAL(world_facts(&w).rebalance_in_ms, 1800000 - 60000);
	CU_ASSERT_FALSE(bond_wants_loads(w.bond, w.now));
	world_pass(&w, 1800000 - 60000);
	CU_ASSERT(bond_wants_loads(w.bond, w.now));
	CU_ASSERT_EQUAL(w.due, UINT64_MAX); /* told once */
	load(bytes, 0, 10000000);
	bond_rebalance(w.bond, bytes, w.now);
	world_pass(&w, 0);
	world_check(&w);
	CU_ASSERT_FALSE(bond_wants_loads(w.bond, w.now));
	CU_ASSERT_EQUAL(world_facts(&w).rebalance_in_ms, 1800000);
	CU_ASSERT_EQUAL(world_buckets(&w, 0), 128 - 32);
	CU_ASSERT_EQUAL(world_member_facts(&w, 1).load_bytes, 320000000);
	CU_ASSERT(bond_next_event(w.bond, &e));
	CU_ASSERT_EQUAL(e.kind, BOND_MOVED);
	CU_ASSERT_EQUAL(in_event(&e), 32);
	world_fini(&w);
}

static void loads_are_counted_from_when_there_is_a_choice(void)
{
	world_start(&w, BOND_BALANCE_SLB, 1);
	CU_ASSERT_EQUAL(world_facts(&w).rebalance_in_ms, UINT64_MAX);
	world_pass(&w, 5000000);
	world_member(&w, 1);
	world_link(&w, 1, true);
	world_pass(&w, w.conf.updelay_ms);
	CU_ASSERT_EQUAL(world_facts(&w).rebalance_in_ms, 1800000);
	world_fini(&w);
}

static void little_load_moves_nothing(void)
{
	uint64_t bytes[BOND_BUCKETS];

	world_start(&w, BOND_BALANCE_SLB, 2);
	world_pass(&w, 1800000);
	load(bytes, 0, 100000); /* 12.8 MB in half an hour */
	bond_rebalance(w.bond, bytes, w.now);
	CU_ASSERT_EQUAL(world_buckets(&w, 0), 128);
	world_fini(&w);
}

/* BD-11 */
static void interval_and_basis_change_live(void)
{
	struct bond_event e = { 0 };

	world_start(&w, BOND_BALANCE_SLB, 2);
	w.conf.rebalance_interval_ms = 70000;
	world_reconfigure(&w);
	CU_ASSERT_EQUAL(world_facts(&w).rebalance_in_ms, 10000);
	w.conf.rebalance_interval_ms = 0;
	world_reconfigure(&w);
	CU_ASSERT_EQUAL(world_facts(&w).rebalance_in_ms, UINT64_MAX);
	CU_ASSERT_FALSE(bond_wants_loads(w.bond, w.now + 10000000));
	CU_ASSERT_EQUAL(w.event_count, 0);
	CU_ASSERT(w.table->only_home);
	w.conf.hash_basis = 7;
	world_reconfigure(&w);
	CU_ASSERT_EQUAL(w.table->basis, 7);
	CU_ASSERT_FALSE(w.table->only_home);
	CU_ASSERT_EQUAL(world_count(&w, BOND_MOVED, &e), 1);
	CU_ASSERT_EQUAL(in_event(&e), BOND_BUCKETS);
	CU_ASSERT_EQUAL(world_buckets(&w, 0), 128);
	world_fini(&w);
}

/* ---- receive ---- */

static unsigned takers(const uint8_t dst[6], uint16_t vid)
{
	unsigned i, n = 0;

	for (i = 0; i < BOND_MEMBERS_MAX; i++)
		n += bond_takes(w.table, i, dst, vid);
	return n;
}

/*
 * A switch that does not know an address sends its frames to every member;
 * one that does, to the member where it hears the address: its bucket's.
 */
static void slb_takes_flooded_unicast_once(void)
{
	struct packet_rng rng = { 11 };
	uint8_t mac[6] = { 2 };
	unsigned i, k, home;
	uint16_t vid;

	world_start(&w, BOND_BALANCE_SLB, 3);
	for (i = 0; i < 1000; i++) {
		for (k = 1; k < 6; k++)
			mac[k] = packet_random(&rng, 256);
		vid = packet_random(&rng, 4095);
		home = w.table->member_of[bond_bucket_of_mac(w.table, mac,
							     vid)];
		CU_ASSERT(bond_takes(w.table, home, mac, vid));
		CU_ASSERT_EQUAL(takers(mac, vid), 1);
		mac[0] = 3; /* group address */
		CU_ASSERT_EQUAL(takers(mac, vid), 1);
		CU_ASSERT(bond_takes(w.table, world_active(&w), mac, vid));
		mac[0] = 2;
	}
	world_fini(&w);
}

static void slb_takes_unicast_everywhere_until_moves_are_known(void)
{
	uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };

	world_start(&w, BOND_BALANCE_SLB, 3);
	world_link(&w, 2, false);
	world_pass(&w, DOWN);
	CU_ASSERT_EQUAL(takers(mac, 0), 2);
	world_pass(&w, 9999);
	CU_ASSERT_EQUAL(takers(mac, 0), 2);
	world_pass(&w, 1);
	CU_ASSERT_EQUAL(takers(mac, 0), 1);
	world_fini(&w);
}

static void active_backup_takes_only_from_the_active_member(void)
{
	uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };

	world_start(&w, BOND_ACTIVE_BACKUP, 3);
	CU_ASSERT(bond_takes(w.table, 0, mac, 0));
	CU_ASSERT_EQUAL(takers(mac, 0), 1);
	mac[0] = 0xff;
	CU_ASSERT(bond_takes(w.table, 0, mac, 0));
	CU_ASSERT_EQUAL(takers(mac, 0), 1);
	world_fini(&w);
}

/* ---- changing the mode ---- */

static void the_mode_changes_live(void)
{
	world_start(&w, BOND_ACTIVE_BACKUP, 2);
	CU_ASSERT_EQUAL(world_set_active(&w, 1), 0);
	world_pass(&w, 100);
	w.conf.mode = BOND_BALANCE_SLB;
	world_reconfigure(&w);
	CU_ASSERT_EQUAL(world_active(&w), 1);
	CU_ASSERT(w.table->refuse_moved);
	CU_ASSERT_EQUAL(world_accept(&w), 2); /* eth0 only when all know */
	CU_ASSERT_EQUAL(world_buckets(&w, 0), 128);
	world_pass(&w, 10);
	CU_ASSERT_EQUAL(world_accept(&w), 3);
	CU_ASSERT_EQUAL(world_count(&w, BOND_MOVED, NULL), 1);
	w.conf.mode = BOND_ACTIVE_BACKUP;
	world_reconfigure(&w);
	CU_ASSERT_EQUAL(world_accept(&w), 2);
	CU_ASSERT(w.table->refuse_moved); /* what waits in eth0's queue */
	CU_ASSERT_EQUAL(world_buckets(&w, 1), BOND_BUCKETS);
	CU_ASSERT_EQUAL(world_count(&w, BOND_MOVED, NULL), 2);
	world_pass(&w, 10);
	CU_ASSERT_FALSE(w.table->refuse_moved);
	world_fini(&w);
}

static void addresses_are_at_home_after_a_change_to_slb(void)
{
	world_start(&w, BOND_ACTIVE_BACKUP, 1); /* no bucket will move */
	w.conf.mode = BOND_BALANCE_SLB;
	world_reconfigure(&w);
	CU_ASSERT_FALSE(w.table->only_home);
	world_pass(&w, 10000);
	CU_ASSERT(w.table->only_home);
	world_fini(&w);
}

static void events_are_bounded_and_the_newest_kept(void)
{
	struct bond_event e;
	unsigned i, n = 0;

	world_start(&w, BOND_ACTIVE_BACKUP, 2);
	for (i = 0; i < 100; i++) {
		bond_set_active(w.bond, !(i & 1), w.now + i);
		bond_run(w.bond, w.now + i, NULL, NULL);
	}
	while (bond_next_event(w.bond, &e)) {
		CU_ASSERT_EQUAL(e.at_ms, w.now + 36 + n);
		n++;
	}
	CU_ASSERT_EQUAL(n, 64);
	world_fini(&w);
}

/* ---- a worker that looks all the time ---- */

static atomic_bool stop;
static atomic_ulong looks, wrongs;

/* eth3 always has a carrier, so there is always a member. */
static void *look(void *arg)
{
	const struct bond_table *t = arg;
	unsigned b = 0;

	while (!stop) {
		if (__builtin_popcount(t->accept_flood) > 1 || !t->up ||
		    !t->refuse_moved || !t->accept)
			wrongs++;
		if (t->member_of[b++ % BOND_BUCKETS] > 3)
			wrongs++;
		looks++;
	}
	return NULL;
}

static void a_worker_never_sees_two_flooded_or_a_bucket_unmapped(void)
{
	struct packet_rng rng = { 13 };
	pthread_t worker;
	unsigned i;

	world_start(&w, BOND_BALANCE_SLB, 4);
	w.conf.updelay_ms = 20;
	w.conf.downdelay_ms = 5;
	world_reconfigure(&w);
	stop = false;
	CU_ASSERT_EQUAL_FATAL(
		pthread_create(&worker, NULL, look, (void *)w.table), 0);
	while (!looks)
		;
	for (i = 0; i < SWITCHOVERS; i++) {
		world_link(&w, packet_random(&rng, 3), packet_random(&rng, 2));
		world_set_active(&w, packet_random(&rng, 4));
		world_pass(&w, packet_random(&rng, 20));
		world_forget(&w);
	}
	stop = true;
	pthread_join(worker, NULL);
	CU_ASSERT_EQUAL(wrongs, 0);
	world_fini(&w);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(defaults_are_xenservers),
		SUITE_TEST(bad_configurations_are_refused),
		SUITE_TEST(a_bond_without_members_carries_nothing),
		SUITE_TEST(links_that_are_found_up_need_no_delay),
		SUITE_TEST(delays_run_only_while_others_serve),
		SUITE_TEST(a_flapping_member_is_left_once),
		SUITE_TEST(a_late_run_does_not_save_a_link),
		SUITE_TEST(rare_flaps_are_forgotten),
		SUITE_TEST(facts_tell_what_delay_is_left),
		SUITE_TEST(a_failover_says_why),
		SUITE_TEST(losing_a_backup_is_no_failover),
		SUITE_TEST(an_order_by_hand_holds_against_the_primary),
		SUITE_TEST(a_dead_members_successor_takes_floods_at_once),
		SUITE_TEST(between_two_that_live_floods_pause),
		SUITE_TEST(a_broadcast_is_never_taken_twice),
		SUITE_TEST(active_backup_sends_all_through_the_active_member),
		SUITE_TEST(slb_shares_buckets_and_says_which_moved),
		SUITE_TEST(another_active_member_moves_no_bucket_of_slb),
		SUITE_TEST(slb_evens_out_the_load),
		SUITE_TEST(loads_are_counted_from_when_there_is_a_choice),
		SUITE_TEST(little_load_moves_nothing),
		SUITE_TEST(interval_and_basis_change_live),
		SUITE_TEST(slb_takes_flooded_unicast_once),
		SUITE_TEST(slb_takes_unicast_everywhere_until_moves_are_known),
		SUITE_TEST(active_backup_takes_only_from_the_active_member),
		SUITE_TEST(the_mode_changes_live),
		SUITE_TEST(addresses_are_at_home_after_a_change_to_slb),
		SUITE_TEST(events_are_bounded_and_the_newest_kept),
		SUITE_TEST(
			a_worker_never_sees_two_flooded_or_a_bucket_unmapped),
	};

	return suite_run("bond", tests, sizeof(tests) / sizeof(tests[0]));
}
