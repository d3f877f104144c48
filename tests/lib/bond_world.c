/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bond_world.c: frames arrive at once, and whoever has got one is run again.
 */
#include "tests/lib/bond_world.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#define START_MS  1000000
#define STEPS_MAX 1000 /* at one moment: somebody spins */

static void to_partner(void *ctx, unsigned member, const uint8_t *frame,
		       size_t len)
{
	struct world *w = ctx;
	const struct world_wire *wire = &w->wire[member];

	if (!wire->up || wire->silent || wire->partner < 0)
		return;
	lacp_input(w->partner[wire->partner], member, frame, len, w->now);
	w->partner_due[wire->partner] = w->now;
}

static void to_bond(void *ctx, unsigned member, const uint8_t *frame,
		    size_t len)
{
	struct world *w = ctx;
	const struct world_wire *wire = &w->wire[member];

	if (!wire->up || wire->silent)
		return;
	bond_slow_input(w->bond, member, frame, len, w->now);
	w->due = w->now;
}

void world_init(struct world *w, const struct bond_conf *conf)
{
	struct lacp_conf lacp = { .system = { 2, 0, 0, 0, 0, 0xf0 } };
	unsigned i;

	*w = (struct world){ .conf = *conf, .now = START_MS };
	CU_ASSERT_EQUAL_FATAL(bond_new(&w->bond, conf, w->now), 0);
	w->table = bond_table(w->bond);
	for (i = 0; i < WORLD_PARTNERS; i++) {
		lacp.system[5]++;
		lacp.fast = i == 0;
		CU_ASSERT_EQUAL_FATAL(lacp_new(&w->partner[i], &lacp), 0);
	}
	for (i = 0; i < BOND_MEMBERS_MAX; i++)
		w->wire[i].partner = -1;
	world_pass(w, 0);
}

void world_fini(struct world *w)
{
	unsigned i;

	bond_free(w->bond);
	for (i = 0; i < WORLD_PARTNERS; i++)
		lacp_free(w->partner[i]);
}

void world_start(struct world *w, enum bond_mode mode, unsigned n)
{
	struct bond_conf conf;
	unsigned i;

	bond_conf_default(&conf);
	conf.mode = mode;
	conf.lacp = (struct lacp_conf){ .system = { 2, 0, 0, 0, 0, 1 } };
	world_init(w, &conf);
	for (i = 0; i < n; i++) {
		world_member(w, i);
		world_link(w, i, true);
	}
	world_pass(w, 60000);
	world_forget(w);
}

static void partner_member(struct world *w, unsigned i)
{
	const struct lacp_member_conf conf = {
		.mac = { 2, 0, 0, 0, 2, i },
		.port = 100 + i,
		.key = 9,
	};
	struct world_wire *wire = &w->wire[i];

	if (wire->partner < 0)
		return;
	lacp_member_set(w->partner[wire->partner], i, &conf, w->now);
	lacp_member_link(w->partner[wire->partner], i, wire->up, 1000, w->now);
	w->partner_due[wire->partner] = w->now;
}

void world_member(struct world *w, unsigned i)
{
	const struct lacp_member_conf conf = {
		.mac = { 2, 0, 0, 0, 1, i },
		.port = 1 + i,
		.key = 1,
	};
	char name[8];

	snprintf(name, sizeof(name), "eth%u", i % 10);
	bond_member_set(w->bond, i, name, &conf, w->now);
	w->due = w->now;
	world_pass(w, 0);
}

void world_remove(struct world *w, unsigned i)
{
	bond_member_remove(w->bond, i, w->now);
	w->wire[i].up = false;
	partner_member(w, i);
	w->due = w->now;
	world_pass(w, 0);
}

void world_link(struct world *w, unsigned i, bool up)
{
	w->wire[i].up = up;
	bond_member_link(w->bond, i, up, 1000, w->now);
	partner_member(w, i);
	w->due = w->now;
	world_pass(w, 0);
}

void world_connect(struct world *w, unsigned i, int partner)
{
	struct world_wire *wire = &w->wire[i];

	if (wire->partner >= 0)
		lacp_member_remove(w->partner[wire->partner], i, w->now);
	wire->partner = partner;
	partner_member(w, i);
	world_pass(w, 0);
}

void world_silence(struct world *w, unsigned i, bool silent)
{
	w->wire[i].silent = silent;
}

void world_reconfigure(struct world *w)
{
	CU_ASSERT_EQUAL(bond_reconfigure(w->bond, &w->conf, w->now), 0);
	w->due = w->now;
	world_pass(w, 0);
}

int world_set_active(struct world *w, unsigned i)
{
	int rc = bond_set_active(w->bond, i, w->now);

	w->due = w->now;
	world_pass(w, 0);
	return rc;
}

static void take_events(struct world *w)
{
	struct bond_event e;

	while (bond_next_event(w->bond, &e)) {
		CU_ASSERT(e.why[0] != '\0');
		CU_ASSERT(e.at_ms <= w->now);
		if (w->event_count < WORLD_EVENTS)
			w->events[w->event_count++] = e;
	}
}

static void run_partners(struct world *w)
{
	unsigned i;

	for (i = 0; i < WORLD_PARTNERS; i++) {
		if (w->partner_due[i] > w->now)
			continue;
		w->partner_due[i] = lacp_run(w->partner[i], w->now, to_bond, w);
	}
}

static void run_bond(struct world *w)
{
	if (w->due > w->now)
		return;
	w->due = bond_run(w->bond, w->now, to_partner, w);
	CU_ASSERT_FATAL(w->due > w->now);
	take_events(w);
	world_check(w);
}

static uint64_t next_due(const struct world *w)
{
	uint64_t next = w->due;
	unsigned i;

	for (i = 0; i < WORLD_PARTNERS; i++)
		if (w->partner_due[i] < next)
			next = w->partner_due[i];
	return next;
}

void world_pass(struct world *w, uint64_t ms)
{
	uint64_t until = w->now + ms, next;
	unsigned steps = 0;

	while ((next = next_due(w)) <= until) {
		if (next > w->now) {
			w->now = next;
			steps = 0;
		}
		CU_ASSERT_FATAL(steps++ < STEPS_MAX);
		run_partners(w);
		run_bond(w);
	}
	w->now = until;
}

/* ---- what must hold after every run ---- */

static uint16_t bit(int member)
{
	return member < 0 ? 0 : 1u << member;
}

struct summary {
	uint16_t present, linked, enabled, bucketed;
	bool some_none;
};

static struct summary summarise(const struct world *w)
{
	struct summary s = { 0 };
	struct bond_member_facts m;
	unsigned i;
	uint8_t of;

	for (i = 0; i < BOND_MEMBERS_MAX; i++) {
		if (!bond_member_facts(w->bond, i, w->now, &m))
			continue;
		s.present |= bit(i);
		s.linked |= m.link ? bit(i) : 0;
		s.enabled |= m.enabled ? bit(i) : 0;
		CU_ASSERT_FATAL(m.active == (world_active(w) == (int)i));
	}
	for (i = 0; i < BOND_BUCKETS; i++) {
		of = w->table->member_of[i];
		s.some_none |= of == BOND_NONE;
		s.bucketed |= of == BOND_NONE ? 0 : bit(of);
	}
	return s;
}

/* Active-backup and SLB, and what replaces LACP. */
static void check_unaggregated(struct world *w, const struct summary *s)
{
	uint16_t active = bit(world_active(w));
	bool slb = w->conf.mode == BOND_BALANCE_SLB;

	CU_ASSERT_FATAL(!(s->linked && !(s->enabled & s->linked)));
	CU_ASSERT_FATAL(!active == !s->enabled);
	CU_ASSERT_FATAL(!(active & ~s->enabled));
	CU_ASSERT_FATAL(!(world_accept_flood(w) & ~active));
	CU_ASSERT_FATAL(!w->table->hash_flow);
	if (slb) {
		CU_ASSERT_FATAL(w->table->refuse_moved);
		CU_ASSERT_FATAL(!(world_accept(w) & ~s->enabled));
	} else {
		CU_ASSERT_FATAL(!(world_accept(w) & ~active));
		CU_ASSERT_FATAL(!(s->bucketed & ~active));
		CU_ASSERT_FATAL(!w->table->only_home);
	}
}

static void check_lacp(struct world *w)
{
	const struct lacp *lacp = bond_lacp(w->bond);
	unsigned i;

	for (i = 0; i < BOND_MEMBERS_MAX; i++)
		if (world_accept(w) >> i & 1)
			CU_ASSERT_FATAL(lacp_collecting(lacp, i));
	CU_ASSERT_FATAL(world_active(w) < 0);
	CU_ASSERT_FATAL(!w->table->only_home);
}

void world_check(struct world *w)
{
	struct summary s = summarise(w);
	struct bond_facts f = world_facts(w);

	CU_ASSERT_FATAL(!(s.enabled & ~s.present));
	CU_ASSERT_FATAL(!(s.bucketed & ~s.enabled));
	CU_ASSERT_FATAL(s.some_none == !s.enabled);
	CU_ASSERT_FATAL(w->table->up == !s.some_none);
	CU_ASSERT_FATAL(!(world_accept_flood(w) & ~world_accept(w)));
	CU_ASSERT_FATAL(w->table->basis == w->conf.hash_basis);
	if (w->conf.mode != BOND_LACP || f.fallback)
		check_unaggregated(w, &s);
	else if (f.negotiated)
		check_lacp(w);
	else
		CU_ASSERT_FATAL(!s.enabled && !world_accept(w));
}

/* ---- looking at it ---- */

void world_forget(struct world *w)
{
	w->event_count = 0;
}

unsigned world_count(const struct world *w, enum bond_event_kind kind,
		     struct bond_event *e)
{
	unsigned i, n = 0;

	for (i = 0; i < w->event_count; i++) {
		if (w->events[i].kind != kind)
			continue;
		n++;
		if (e)
			*e = w->events[i];
	}
	return n;
}

struct bond_facts world_facts(const struct world *w)
{
	struct bond_facts f;

	bond_facts(w->bond, w->now, &f);
	return f;
}

int world_active(const struct world *w)
{
	return world_facts(w).active;
}

struct bond_member_facts world_member_facts(const struct world *w, unsigned i)
{
	struct bond_member_facts m = { 0 };

	CU_ASSERT_FATAL(bond_member_facts(w->bond, i, w->now, &m));
	return m;
}

bool world_enabled(const struct world *w, unsigned i)
{
	return world_member_facts(w, i).enabled;
}

unsigned world_buckets(const struct world *w, unsigned i)
{
	return world_member_facts(w, i).buckets;
}

uint16_t world_accept(const struct world *w)
{
	return w->table->accept;
}

uint16_t world_accept_flood(const struct world *w)
{
	return w->table->accept_flood;
}
