/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_lacp.c: LACP systems against each other on a made-up clock, and one
 * alone against PDUs written by hand.  BD-03, BD-04 and FR-17 of the fault
 * table.  test_lacp_wire.c has the bytes, test_lacp_property.c what happens at
 * random.
 */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/lacp_world.h"
#include "tests/lib/suite.h"
#include "vlan/lacp_wire.h"

#define A 0 /* nodes */
#define B 1
#define C 2

static struct world w;

/* ---- what is asked of a world ---- */

static void start(void)
{
	world_init(&w, 1);
	world_node(&w, A, 0xa, 100);
	world_node(&w, B, 0xb, 200);
	world_node(&w, C, 0xc, 200);
}

static void finish(void)
{
	CU_ASSERT_PTR_NULL(w.broken);
	if (w.broken)
		printf("\n%s", w.broken);
	world_fini(&w);
}

static void expect(unsigned node, unsigned distributing)
{
	CU_ASSERT_EQUAL(world_distributing(&w, node), distributing);
}

/* Until it is so; returns how long that took, or UINT64_MAX. */
static uint64_t until(unsigned node, unsigned distributing, uint64_t at_most)
{
	uint64_t from = w.now;

	while (world_distributing(&w, node) != distributing) {
		if (w.now - from >= at_most)
			return UINT64_MAX;
		world_pass(&w, 10);
	}
	return w.now - from;
}

static uint8_t state(unsigned node, unsigned member)
{
	return world_facts(&w, node, member).actor.state;
}

/* A and B over two wires, running. */
static void two_links(void)
{
	start();
	world_wire(&w, A, 0, B, 0);
	world_wire(&w, A, 1, B, 1);
	world_pass(&w, 5000);
	expect(A, 3);
	expect(B, 3);
}

/* ---- two ends agree ---- */

static void two_ends_use_all_links_within_three_seconds(void)
{
	struct lacp_facts f;

	start();
	world_wire(&w, A, 0, B, 0);
	world_wire(&w, A, 1, B, 1);
	world_pass(&w, LACP_WAIT_MS - 10);
	expect(A, 0);
	CU_ASSERT(until(A, 3, 1100) <= 1100); /* the third PDU may wait */
	CU_ASSERT(until(B, 3, 1000) <= 1000);
	f = world_facts(&w, A, 1);
	CU_ASSERT_EQUAL(f.receive, LACP_RX_CURRENT);
	CU_ASSERT_EQUAL(f.mux, LACP_MUX_DISTRIBUTING);
	CU_ASSERT(f.selected && !f.actor_churn && !f.partner_churn);
	CU_ASSERT_EQUAL(f.partner.system[5], 0xb);
	CU_ASSERT_EQUAL(f.partner.port, 2);
	CU_ASSERT_EQUAL(f.actor.state, 0x3f);
	CU_ASSERT(lacp_negotiated(w.nodes[A].lacp));
	world_pass(&w, 600000);
	expect(A, 3);
	CU_ASSERT_EQUAL(world_facts(&w, A, 1).expired, 0);
	finish();
}

static void first_pdu_leaves_when_the_link_comes(void)
{
	start();
	world_wire(&w, A, 0, B, 0);
	CU_ASSERT_EQUAL(world_facts(&w, A, 0).tx_pdus, 1);
	finish();
}

static void slow_ends_speak_each_half_minute(void)
{
	uint64_t sent;

	start();
	w.nodes[A].conf.fast = w.nodes[B].conf.fast = false;
	world_reconfigure(&w, A);
	world_reconfigure(&w, B);
	world_wire(&w, A, 0, B, 0);
	world_pass(&w, 60000);
	expect(A, 1);
	sent = world_facts(&w, A, 0).tx_pdus;
	world_pass(&w, 300000);
	CU_ASSERT_EQUAL(world_facts(&w, A, 0).tx_pdus, sent + 10);
	expect(A, 1);
	finish();
}

static void each_end_speaks_as_often_as_the_other_asks(void)
{
	uint64_t from_a, from_b;

	start();
	w.nodes[B].conf.fast = false; /* asks A for few, is asked for many */
	world_reconfigure(&w, B);
	world_wire(&w, A, 0, B, 0);
	world_pass(&w, 60000);
	from_a = world_facts(&w, A, 0).tx_pdus;
	from_b = world_facts(&w, B, 0).tx_pdus;
	world_pass(&w, 60000);
	CU_ASSERT_EQUAL(world_facts(&w, A, 0).tx_pdus, from_a + 2);
	CU_ASSERT_EQUAL(world_facts(&w, B, 0).tx_pdus, from_b + 60);
	finish();
}

static void two_passive_ends_stay_silent(void)
{
	start();
	w.nodes[A].conf.passive = w.nodes[B].conf.passive = true;
	world_reconfigure(&w, A);
	world_reconfigure(&w, B);
	world_wire(&w, A, 0, B, 0);
	world_pass(&w, 100000);
	CU_ASSERT_EQUAL(world_facts(&w, A, 0).tx_pdus, 0);
	CU_ASSERT(!lacp_negotiated(w.nodes[A].lacp));
	expect(A, 0);
	finish();
}

static void passive_end_answers_an_active_one(void)
{
	start();
	w.nodes[A].conf.passive = true;
	world_reconfigure(&w, A);
	world_wire(&w, A, 0, B, 0);
	world_pass(&w, 5000);
	expect(A, 1);
	expect(B, 1);
	finish();
}

static void lossy_wires_still_carry(void)
{
	start();
	w.wires[world_wire(&w, A, 0, B, 0)].loss = 30;
	w.wires[world_wire(&w, A, 1, B, 1)].loss = 30;
	CU_ASSERT(until(A, 3, 30000) <= 30000);
	CU_ASSERT(until(B, 3, 30000) <= 30000);
	finish();
}

/* ---- silence (BD-03) ---- */

/* One direction of wire 0 vanishes: how long is A (or B) fooled? */
static uint64_t fooled(unsigned silent_end, unsigned node)
{
	w.wires[0].silent[silent_end] = true;
	while (lacp_distributing(w.nodes[node].lacp, 0)) {
		world_pass(&w, 1);
		if (w.now - w.nodes[node].members[0].heard_at > 200000)
			break;
	}
	return w.now - w.nodes[node].members[0].heard_at;
}

static void short_timeout_notices_silence_in_three_seconds(void)
{
	two_links();
	CU_ASSERT(fooled(1, A) <= 3200);
	CU_ASSERT(!lacp_collecting(w.nodes[A].lacp, 0));
	expect(A, 2);
	CU_ASSERT_EQUAL(world_facts(&w, A, 0).expired, 1);
	/* and tells the end that still hears */
	world_pass(&w, 10);
	expect(B, 2);
	CU_ASSERT(state(A, 0) & LACP_EXPIRED);
	world_pass(&w, 3000);
	CU_ASSERT_EQUAL(world_facts(&w, A, 0).receive, LACP_RX_DEFAULTED);
	CU_ASSERT(state(A, 0) & LACP_DEFAULTED);
	w.wires[0].silent[1] = false;
	CU_ASSERT(until(A, 3, 5000) <= 5000);
	finish();
}

static void long_timeout_notices_silence_in_ninety_seconds(void)
{
	uint64_t t;

	start();
	w.nodes[A].conf.fast = w.nodes[B].conf.fast = false;
	world_reconfigure(&w, A);
	world_reconfigure(&w, B);
	world_wire(&w, A, 0, B, 0);
	world_pass(&w, 40000);
	expect(A, 1);
	t = fooled(1, A);
	CU_ASSERT(t >= 90000 && t <= 90200);
	finish();
}

static void lost_pdus_below_three_change_nothing(void)
{
	two_links();
	w.wires[0].silent[0] = w.wires[0].silent[1] = true;
	world_pass(&w, 1900);
	w.wires[0].silent[0] = w.wires[0].silent[1] = false;
	world_pass(&w, 5000);
	expect(A, 3);
	CU_ASSERT_EQUAL(world_facts(&w, A, 0).expired, 0);
	finish();
}

static void nobody_is_negotiated_when_all_are_silent(void)
{
	two_links();
	w.wires[0].silent[1] = w.wires[1].silent[1] = true;
	world_pass(&w, 3200);
	CU_ASSERT(!lacp_negotiated(w.nodes[A].lacp));
	expect(A, 0);
	finish();
}

/* ---- links, restarts, changes ---- */

static void member_without_link_is_gone_at_once(void)
{
	two_links();
	world_link(&w, 1, false, 0);
	expect(A, 1);
	expect(B, 1);
	CU_ASSERT_EQUAL(world_facts(&w, A, 1).receive, LACP_RX_DISABLED);
	world_pass(&w, 5000);
	world_link(&w, 1, true, 10000);
	CU_ASSERT(until(A, 3, 3000) <= 3000);
	finish();
}

static void link_lost_at_one_end_only_stops_the_other(void)
{
	two_links();
	lacp_member_link(w.nodes[A].lacp, 0, false, 0, w.now);
	CU_ASSERT(!lacp_collecting(w.nodes[A].lacp, 0)); /* before the run */
	w.wires[0].silent[0] = true;
	world_pass(&w, 3200);
	expect(B, 2);
	finish();
}

static void restarted_partner_is_taken_back(void)
{
	two_links();
	world_restart(&w, B);
	world_pass(&w, 100);
	expect(A, 0); /* it says that it is out of sync: no black hole */
	CU_ASSERT(until(A, 3, 4000) <= 4000);
	CU_ASSERT(until(B, 3, 4000) <= 4000);
	finish();
}

static void partner_that_changes_its_system_is_another(void)
{
	two_links();
	w.nodes[B].conf.system[5] = 0x1b;
	world_reconfigure(&w, B);
	world_pass(&w, 100);
	expect(A, 0);
	CU_ASSERT(until(A, 3, 10000) <= 10000);
	CU_ASSERT_EQUAL(world_facts(&w, A, 0).partner.system[5], 0x1b);
	finish();
}

static void our_priority_changes_without_losing_the_partner(void)
{
	two_links();
	w.nodes[A].conf.system_priority = 7;
	world_reconfigure(&w, A);
	CU_ASSERT_EQUAL(world_facts(&w, A, 0).receive, LACP_RX_CURRENT);
	CU_ASSERT_EQUAL(world_facts(&w, A, 0).partner.system[5], 0xb);
	world_pass(&w, 10);
	expect(B, 0);
	CU_ASSERT(until(B, 3, 10000) <= 10000);
	CU_ASSERT(until(A, 3, 10000) <= 10000);
	CU_ASSERT_EQUAL(world_facts(&w, B, 0).partner.system_priority, 7);
	finish();
}

static void timeout_changes_in_place(void)
{
	two_links();
	w.nodes[A].conf.fast = false;
	world_reconfigure(&w, A);
	world_pass(&w, 60000);
	expect(A, 3);
	w.nodes[A].conf.fast = true;
	world_reconfigure(&w, A);
	world_pass(&w, 2000);
	expect(A, 3);
	CU_ASSERT_EQUAL(world_facts(&w, A, 0).expired, 0);
	CU_ASSERT(fooled(1, A) <= 3200);
	finish();
}

static void members_come_and_go(void)
{
	two_links();
	world_wire(&w, A, 2, B, 2);
	world_pass(&w, 100);
	expect(A, 3); /* those there are not disturbed */
	CU_ASSERT(until(A, 7, 5000) <= 5000);
	world_remove(&w, A, 0);
	expect(A, 6);
	world_pass(&w, 3200);
	expect(B, 6);
	finish();
}

static void moved_cable_leaves_no_partner_behind(void)
{
	start();
	world_wire(&w, A, 0, B, 0);
	world_pass(&w, 5000);
	world_link(&w, 0, false, 0);
	CU_ASSERT_EQUAL(world_facts(&w, A, 0).partner.system[5], 0xb);
	world_wire(&w, A, 1, B, 0);
	world_pass(&w, 1000);
	CU_ASSERT_EQUAL(world_facts(&w, A, 0).partner.system[5], 0);
	CU_ASSERT(until(A, 2, 5000) <= 5000);
	finish();
}

/* ---- what does not belong together (BD-03) ---- */

static void two_partners_never_share_the_aggregation(void)
{
	start();
	world_wire(&w, A, 0, B, 0);
	world_wire(&w, A, 1, C, 0);
	world_pass(&w, 10000);
	expect(A, 1);
	expect(B, 1);
	expect(C, 0);
	CU_ASSERT(!world_facts(&w, A, 1).selected);
	CU_ASSERT(!(state(A, 1) & LACP_SYNC));
	world_pass(&w, 100000);
	expect(A, 1); /* stable */
	CU_ASSERT(world_facts(&w, A, 1).actor_churn);
	CU_ASSERT(world_facts(&w, C, 0).partner_churn);
	finish();
}

static void standby_takes_over_and_keeps_it(void)
{
	start();
	world_wire(&w, A, 0, B, 0);
	world_wire(&w, A, 1, C, 0);
	world_pass(&w, 10000);
	w.wires[0].silent[1] = true;
	CU_ASSERT(until(A, 2, 3500) <= 3500); /* does not wait twice */
	expect(B, 0);
	w.wires[0].silent[1] = false;
	world_pass(&w, 100000);
	expect(A, 2);
	world_link(&w, 1, false, 0);
	CU_ASSERT(until(A, 1, 1000) <= 1000);
	finish();
}

static void partner_of_more_members_wins(void)
{
	start();
	world_wire(&w, A, 0, B, 0);
	world_pass(&w, 10000);
	expect(A, 1);
	world_wire(&w, A, 1, C, 0);
	world_wire(&w, A, 2, C, 1);
	CU_ASSERT(until(A, 6, 6000) <= 6000);
	world_pass(&w, 100000);
	expect(A, 6);
	world_link(&w, 1, false, 0); /* a tie changes nothing */
	world_pass(&w, 100000);
	expect(A, 4);
	finish();
}

static void better_priority_wins_when_they_come_together(void)
{
	unsigned b, c;

	start();
	w.nodes[C].conf.system_priority = 50;
	world_reconfigure(&w, C);
	b = world_wire(&w, A, 0, B, 0);
	c = world_wire(&w, A, 1, C, 0);
	w.wires[b].silent[0] = w.wires[b].silent[1] = true;
	w.wires[c].silent[0] = w.wires[c].silent[1] = true;
	world_pass(&w, 10000);
	CU_ASSERT(!lacp_negotiated(w.nodes[A].lacp));
	w.wires[b].silent[0] = w.wires[b].silent[1] = false;
	w.wires[c].silent[0] = w.wires[c].silent[1] = false;
	world_pass(&w, 20000);
	CU_ASSERT_EQUAL(
		world_distributing(&w, A) & (world_distributing(&w, A) - 1), 0);
	CU_ASSERT(world_distributing(&w, A));
	finish();
}

static void keys_are_not_mixed(void)
{
	start();
	world_member(&w, A, 0, 1);
	world_member(&w, A, 1, 2);
	world_wire(&w, A, 0, B, 0);
	world_wire(&w, A, 1, B, 1);
	world_pass(&w, 20000);
	expect(A, 1);
	world_member(&w, A, 1, 1);
	CU_ASSERT(until(A, 3, 6000) <= 6000);
	finish();
}

static void speeds_are_not_mixed(void)
{
	two_links();
	world_link(&w, 1, true, 1000);
	world_pass(&w, 20000);
	expect(A, 1);
	expect(B, 1);
	world_link(&w, 1, true, 10000);
	CU_ASSERT(until(A, 3, 6000) <= 6000);
	finish();
}

/*
 * A's keys part its links, B's cut across: each end begins with another link.
 * A has the lesser identifier and stays, B follows.
 */
static void ends_that_chose_differently_agree(void)
{
	start();
	world_member(&w, A, 0, 1);
	world_member(&w, A, 1, 2);
	world_wire(&w, A, 0, B, 0);
	w.flying = 0;
	w.wires[0].silent[0] = true;
	world_pass(&w, 1100); /* A hears of the first link, B of the second */
	world_wire(&w, A, 1, B, 1);
	world_pass(&w, 50);
	CU_ASSERT(world_facts(&w, A, 0).selected);
	CU_ASSERT(world_facts(&w, B, 1).selected);
	w.wires[0].silent[0] = false;
	CU_ASSERT(until(A, 1, 15000) <= 15000);
	CU_ASSERT(until(B, 1, 1000) <= 1000);
	finish();
}

static void plug_that_loops_has_no_partner(void)
{
	start();
	world_wire(&w, A, 0, A, 0);
	world_pass(&w, 100000);
	expect(A, 0);
	CU_ASSERT(world_facts(&w, A, 0).rx_own > 10);
	CU_ASSERT_EQUAL(world_facts(&w, A, 0).receive, LACP_RX_DEFAULTED);
	CU_ASSERT(!lacp_negotiated(w.nodes[A].lacp));
	finish();
}

static void cable_between_two_members_is_no_partner(void)
{
	start();
	world_wire(&w, A, 0, B, 0);
	world_wire(&w, A, 1, A, 2);
	world_pass(&w, 100000);
	expect(A, 1);
	CU_ASSERT(world_facts(&w, A, 1).rx_own && world_facts(&w, A, 2).rx_own);
	finish();
}

/* ---- one system alone, its partner written by hand ---- */

struct puppet {
	struct lacp *lacp;
	unsigned member;       /* on whose wire it is */
	struct lacp_info self; /* what it says of itself */
	struct lacp_info seen; /* what it says of us */
	uint64_t now, due;
	unsigned pdus, responses;
	uint8_t last[LACP_FRAME_LEN];
};

static void puppet_heard(void *ctx, unsigned member, const uint8_t *frame,
			 size_t len)
{
	struct puppet *p = ctx;

	if (frame[14] == 1)
		p->pdus++;
	else
		p->responses++;
	memcpy(p->last, frame, len);
}

static void puppet_run(struct puppet *p, uint64_t now)
{
	p->now = now;
	p->due = lacp_run(p->lacp, now, puppet_heard, p);
}

static void puppet_pass(struct puppet *p, uint64_t ms)
{
	uint64_t end = p->now + ms;

	while (p->due <= end)
		puppet_run(p, p->due > p->now ? p->due : p->now);
	p->now = end;
}

/* Says what it has to, knowing us as we are; `state` of its own. */
static void puppet_says(struct puppet *p, uint8_t its_state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 9, 9 };
	uint8_t frame[LACP_FRAME_LEN];
	struct lacp_facts f;

	CU_ASSERT(lacp_member_facts(p->lacp, 0, &f));
	p->self.state = its_state;
	p->seen.state = f.actor.state;
	lacp_wire_pdu(frame, mac, &p->self, &p->seen);
	CU_ASSERT(lacp_input(p->lacp, p->member, frame, sizeof(frame), p->now));
	puppet_run(p, p->now);
}

static struct lacp_facts puppet_facts(const struct puppet *p)
{
	struct lacp_facts f = { 0 };

	lacp_member_facts(p->lacp, 0, &f);
	return f;
}

static void puppet_start(struct puppet *p)
{
	const struct lacp_conf conf = { .system = { 2, 0, 0, 0, 0, 1 },
					.fast = true };
	const struct lacp_member_conf member = { .port = 1, .key = 5 };

	*p = (struct puppet){
		.self = { 10, { 2, 0, 0, 0, 0, 2 }, 7, 20, 30, 0 },
		.seen = { 65534, { 2, 0, 0, 0, 0, 1 }, 5, 32768, 1, 0 },
		.now = 1000,
	};
	CU_ASSERT_EQUAL_FATAL(lacp_new(&p->lacp, &conf), 0);
	lacp_member_set(p->lacp, 0, &member, p->now);
	lacp_member_link(p->lacp, 0, true, 10000, p->now);
	puppet_run(p, p->now);
}

#define TALKS (LACP_ACTIVITY | LACP_TIMEOUT)

/* Half a second each, so that it is never taken for silent. */
static void puppet_keeps_saying(struct puppet *p, uint8_t its_state,
				uint64_t ms)
{
	uint64_t t;

	for (t = 0; t < ms; t += 500) {
		puppet_says(p, its_state);
		puppet_pass(p, 500);
	}
}

static void collects_only_what_the_partner_has_in_sync(void)
{
	struct puppet p;

	puppet_start(&p);
	puppet_keeps_saying(&p, TALKS | LACP_AGGREGATION, 5000);
	CU_ASSERT_EQUAL(puppet_facts(&p).mux, LACP_MUX_ATTACHED);
	puppet_says(&p, TALKS | LACP_AGGREGATION | LACP_SYNC);
	CU_ASSERT_EQUAL(puppet_facts(&p).mux, LACP_MUX_COLLECTING);
	CU_ASSERT(lacp_collecting(p.lacp, 0) && !lacp_distributing(p.lacp, 0));
	puppet_says(&p, TALKS | LACP_AGGREGATION | LACP_SYNC | LACP_COLLECTING);
	CU_ASSERT(lacp_distributing(p.lacp, 0));
	puppet_says(&p, TALKS | LACP_AGGREGATION);
	CU_ASSERT_EQUAL(puppet_facts(&p).mux, LACP_MUX_ATTACHED);
	lacp_free(p.lacp);
}

static void another_partner_begins_from_the_start(void)
{
	const uint8_t all =
		TALKS | LACP_AGGREGATION | LACP_SYNC | LACP_COLLECTING;
	struct puppet p;

	puppet_start(&p);
	puppet_keeps_saying(&p, all, 5000);
	CU_ASSERT(lacp_distributing(p.lacp, 0));
	p.self.system[5] = 3;
	puppet_says(&p, all);
	CU_ASSERT_EQUAL(puppet_facts(&p).mux, LACP_MUX_WAITING);
	puppet_keeps_saying(&p, all, 2500);
	CU_ASSERT(lacp_distributing(p.lacp, 0));
	lacp_free(p.lacp);
}

/* FR-17: that someone knows our partner's identity does not make it him. */
static void sync_with_another_port_is_not_sync_with_us(void)
{
	struct puppet p;

	puppet_start(&p);
	p.seen.port = 99;
	puppet_keeps_saying(
		&p, TALKS | LACP_AGGREGATION | LACP_SYNC | LACP_COLLECTING,
		5000);
	CU_ASSERT_EQUAL(puppet_facts(&p).mux, LACP_MUX_ATTACHED);
	p.seen.port = 1;
	p.seen.system[5] = 77;
	puppet_keeps_saying(
		&p, TALKS | LACP_AGGREGATION | LACP_SYNC | LACP_COLLECTING,
		5000);
	CU_ASSERT_EQUAL(puppet_facts(&p).mux, LACP_MUX_ATTACHED);
	lacp_free(p.lacp);
}

static void individual_partner_is_used_alone(void)
{
	const struct lacp_member_conf second = { .port = 2, .key = 5 };
	struct puppet p;
	unsigned i;

	puppet_start(&p);
	lacp_member_set(p.lacp, 1, &second, p.now);
	lacp_member_link(p.lacp, 1, true, 10000, p.now);
	memset(&p.seen, 0, sizeof(p.seen)); /* it need not know us */
	for (i = 0; i < 20; i++) {
		p.member = i & 1;
		p.self.port = i & 1; /* two individual ports of one system */
		puppet_keeps_saying(&p, TALKS | LACP_SYNC | LACP_COLLECTING,
				    500);
	}
	CU_ASSERT(lacp_distributing(p.lacp, 0));
	CU_ASSERT(!lacp_collecting(p.lacp, 1));
	lacp_free(p.lacp);
}

static void sends_no_more_than_three_pdus_a_second(void)
{
	struct puppet p;
	unsigned i;

	puppet_start(&p);
	puppet_pass(&p, 1500);
	p.pdus = 0;
	for (i = 0; i < 100; i++) { /* each asks for an answer */
		p.seen.key = i + 100;
		puppet_says(&p, TALKS | LACP_AGGREGATION);
		puppet_pass(&p, 9);
	}
	CU_ASSERT_EQUAL(p.pdus, 3);
	puppet_pass(&p, 200);
	CU_ASSERT(p.pdus > 3); /* late, not lost */
	lacp_free(p.lacp);
}

static void speaks_at_once_when_asked_for_more(void)
{
	struct puppet p;

	puppet_start(&p);
	puppet_keeps_saying(&p, LACP_ACTIVITY | LACP_AGGREGATION, 15000);
	p.pdus = 0;
	puppet_keeps_saying(&p, LACP_ACTIVITY | LACP_AGGREGATION, 10000);
	CU_ASSERT_EQUAL(p.pdus, 0);
	puppet_says(&p, TALKS | LACP_AGGREGATION);
	CU_ASSERT_EQUAL(p.pdus, 1);
	puppet_pass(&p, 2000);
	CU_ASSERT_EQUAL(p.pdus, 3);
	lacp_free(p.lacp);
}

static void partner_that_refuses_for_a_minute_churns(void)
{
	struct puppet p;

	puppet_start(&p);
	puppet_keeps_saying(&p, TALKS | LACP_AGGREGATION, 59000);
	CU_ASSERT(!puppet_facts(&p).partner_churn);
	puppet_keeps_saying(&p, TALKS | LACP_AGGREGATION, 2000);
	CU_ASSERT(puppet_facts(&p).partner_churn);
	CU_ASSERT(!puppet_facts(&p).actor_churn);
	puppet_says(&p, TALKS | LACP_AGGREGATION | LACP_SYNC);
	CU_ASSERT(!puppet_facts(&p).partner_churn);
	lacp_free(p.lacp);
}

static void new_partner_has_a_minute_of_its_own(void)
{
	struct puppet p;

	puppet_start(&p);
	puppet_pass(&p, 70000);
	CU_ASSERT(puppet_facts(&p).partner_churn);
	puppet_keeps_saying(&p, TALKS | LACP_AGGREGATION, 59000);
	CU_ASSERT(!puppet_facts(&p).partner_churn);
	lacp_free(p.lacp);
}

static void without_partner_the_actor_churns(void)
{
	struct puppet p;

	puppet_start(&p);
	puppet_pass(&p, LACP_CHURN_MS - 1);
	CU_ASSERT(!puppet_facts(&p).actor_churn);
	puppet_pass(&p, 1);
	CU_ASSERT(puppet_facts(&p).actor_churn);
	lacp_member_link(p.lacp, 0, false, 0, p.now);
	puppet_run(&p, p.now);
	CU_ASSERT(!puppet_facts(&p).actor_churn);
	CU_ASSERT_EQUAL(p.due, UINT64_MAX); /* nothing to wait for */
	lacp_free(p.lacp);
}

static void lone_member_asks_every_second(void)
{
	struct puppet p;

	puppet_start(&p);
	puppet_pass(&p, 10000);
	p.pdus = 0;
	puppet_pass(&p, 10000);
	CU_ASSERT_EQUAL(p.pdus, 10);
	lacp_free(p.lacp);
}

static void markers_are_answered_within_reason(void)
{
	struct lacp_marker marker = { 9, { 2, 0, 0, 0, 0, 2 }, 0x01020304 };
	static const uint8_t mac[6] = { 2, 0, 0, 0, 9, 9 };
	uint8_t frame[LACP_FRAME_LEN];
	struct puppet p;
	unsigned i;

	puppet_start(&p);
	puppet_pass(&p, 4500);
	for (i = 0; i < 100; i++) {
		lacp_wire_marker_response(frame, mac, &marker);
		CU_ASSERT(lacp_input(p.lacp, 0, frame, sizeof(frame), p.now));
		puppet_run(&p, p.now);
		CU_ASSERT_EQUAL(p.responses, i < 5 ? i : 5);
		frame[16] = 1; /* the question */
		CU_ASSERT(lacp_input(p.lacp, 0, frame, sizeof(frame), p.now));
		puppet_run(&p, p.now);
		CU_ASSERT_EQUAL(p.responses, i < 5 ? i + 1 : 5);
	}
	frame[16] = 2;
	memset(frame + 6, 0, 6); /* from our member's (unset) address */
	CU_ASSERT_EQUAL(memcmp(p.last, frame, sizeof(frame)), 0);
	CU_ASSERT_EQUAL(puppet_facts(&p).rx_markers, 100);
	CU_ASSERT_EQUAL(puppet_facts(&p).tx_marker_responses, 5);
	lacp_free(p.lacp);
}

static void refuses_a_system_that_is_none(void)
{
	struct lacp_conf conf = { .fast = true };
	struct lacp *lacp;

	CU_ASSERT_EQUAL(lacp_new(&lacp, &conf), -EINVAL);
	CU_ASSERT_PTR_NULL(lacp);
	conf.system[0] = 1;
	CU_ASSERT_EQUAL(lacp_new(&lacp, &conf), -EINVAL);
	lacp_free(NULL);
}

static const struct suite_test tests[] = {
	SUITE_TEST(two_ends_use_all_links_within_three_seconds),
	SUITE_TEST(first_pdu_leaves_when_the_link_comes),
	SUITE_TEST(slow_ends_speak_each_half_minute),
	SUITE_TEST(each_end_speaks_as_often_as_the_other_asks),
	SUITE_TEST(two_passive_ends_stay_silent),
	SUITE_TEST(passive_end_answers_an_active_one),
	SUITE_TEST(lossy_wires_still_carry),
	SUITE_TEST(short_timeout_notices_silence_in_three_seconds),
	SUITE_TEST(long_timeout_notices_silence_in_ninety_seconds),
	SUITE_TEST(lost_pdus_below_three_change_nothing),
	SUITE_TEST(nobody_is_negotiated_when_all_are_silent),
	SUITE_TEST(member_without_link_is_gone_at_once),
	SUITE_TEST(link_lost_at_one_end_only_stops_the_other),
	SUITE_TEST(restarted_partner_is_taken_back),
	SUITE_TEST(partner_that_changes_its_system_is_another),
	SUITE_TEST(our_priority_changes_without_losing_the_partner),
	SUITE_TEST(timeout_changes_in_place),
	SUITE_TEST(members_come_and_go),
	SUITE_TEST(moved_cable_leaves_no_partner_behind),
	SUITE_TEST(two_partners_never_share_the_aggregation),
	SUITE_TEST(standby_takes_over_and_keeps_it),
	SUITE_TEST(partner_of_more_members_wins),
	SUITE_TEST(better_priority_wins_when_they_come_together),
	SUITE_TEST(keys_are_not_mixed),
	SUITE_TEST(speeds_are_not_mixed),
	SUITE_TEST(ends_that_chose_differently_agree),
	SUITE_TEST(plug_that_loops_has_no_partner),
	SUITE_TEST(cable_between_two_members_is_no_partner),
	SUITE_TEST(collects_only_what_the_partner_has_in_sync),
	SUITE_TEST(another_partner_begins_from_the_start),
	SUITE_TEST(sync_with_another_port_is_not_sync_with_us),
	SUITE_TEST(individual_partner_is_used_alone),
	SUITE_TEST(sends_no_more_than_three_pdus_a_second),
	SUITE_TEST(speaks_at_once_when_asked_for_more),
	SUITE_TEST(partner_that_refuses_for_a_minute_churns),
	SUITE_TEST(new_partner_has_a_minute_of_its_own),
	SUITE_TEST(without_partner_the_actor_churns),
	SUITE_TEST(lone_member_asks_every_second),
	SUITE_TEST(markers_are_answered_within_reason),
	SUITE_TEST(refuses_a_system_that_is_none),
};

int main(void)
{
	return suite_run("lacp", tests, sizeof(tests) / sizeof(tests[0]));
}
