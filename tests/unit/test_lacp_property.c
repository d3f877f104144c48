/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_lacp_property.c: three systems, wires between them at random, and all
 * that can happen to them at random.  What must hold at every step is in
 * lacp_world; once the world is left alone, both ends of each wire must think
 * the same of it, somebody must talk to somebody, and nothing may change any
 * more.
 *
 * argv[1]: worlds to try.
 */
#include <CUnit/CUnit.h>
#include <stdio.h>

#include "tests/lib/lacp_world.h"
#include "tests/lib/suite.h"

#define NODES      3
#define WIRES      7
#define EVENTS     30
#define SETTLED_MS 400000
#define STABLE_MS  300000

static unsigned long worlds;
static struct world w;

static unsigned below(unsigned n)
{
	return packet_random(&w.rng, n);
}

static uint16_t some_key(void)
{
	return below(4) ? 1 : 2;
}

static uint32_t some_speed(void)
{
	return below(4) ? 10000 : 1000;
}

static void some_conf(unsigned node)
{
	struct lacp_conf *conf = &w.nodes[node].conf;

	conf->fast = below(2);
	conf->passive = node && below(4) == 0; /* never all */
	conf->system_priority = 1 + below(3);
	if (below(4) == 0)
		conf->system[4] ^= 1;
	world_reconfigure(&w, node);
}

static void some_member(void)
{
	unsigned x = below(w.wire_count), end = below(2);
	struct world_end *e = &w.wires[x].end[end];

	if (below(3) == 0)
		world_remove(&w, e->node, e->member);
	else
		world_member(&w, e->node, e->member, some_key());
	world_link(&w, x, w.wires[x].up, w.wires[x].speed_mbps);
}

static void event(void)
{
	struct world_wire *x = &w.wires[below(w.wire_count)];

	switch (below(8)) {
	case 0:
	case 1:
		world_link(&w, x - w.wires, !x->up, some_speed());
		break;
	case 2:
		x->silent[below(2)] ^= true;
		break;
	case 3:
		x->loss = below(2) ? below(60) : 0;
		break;
	case 4:
		world_restart(&w, below(NODES));
		break;
	case 5:
		some_conf(below(NODES));
		break;
	default:
		some_member();
	}
	world_pass(&w, below(3) ? below(3000) : below(60000));
}

static void build(uint64_t seed)
{
	unsigned next[NODES] = { 0 }, i, n = 1 + seed % WIRES;

	world_init(&w, seed);
	for (i = 0; i < NODES; i++) {
		world_node(&w, i, 0xa + i, 1);
		some_conf(i);
	}
	for (i = 0; i < n; i++) {
		unsigned a = below(NODES);
		unsigned b = below(8) ? (a + 1 + below(NODES - 1)) % NODES : a;
		unsigned am = next[a]++;
		unsigned bm = next[b]++;

		if (am < LACP_MEMBERS_MAX && bm < LACP_MEMBERS_MAX)
			world_wire(&w, a, am, b, bm);
	}
}

/* All well again; what is configured stays as chance left it. */
static void heal(void)
{
	unsigned i, end;

	for (i = 0; i < w.wire_count; i++) {
		struct world_wire *x = &w.wires[i];

		x->silent[0] = x->silent[1] = false;
		x->loss = 0;
		for (end = 0; end < 2; end++)
			if (!w.nodes[x->end[end].node]
				     .members[x->end[end].member]
				     .present)
				world_member(&w, x->end[end].node,
					     x->end[end].member, some_key());
		world_link(&w, i, true, x->speed_mbps);
	}
	w.nodes[0].conf.passive = false;
	world_reconfigure(&w, 0);
	world_pass(&w, SETTLED_MS);
}

/* Do both ends use this wire (1), neither (0), or only one (-1)? */
static int wire_use(const struct world_wire *x)
{
	bool a = lacp_distributing(w.nodes[x->end[0].node].lacp,
				   x->end[0].member);
	bool b = lacp_distributing(w.nodes[x->end[1].node].lacp,
				   x->end[1].member);

	return a == b ? a : -1;
}

static bool may_talk(const struct world_wire *x)
{
	const struct world_node *a = &w.nodes[x->end[0].node];
	const struct world_node *b = &w.nodes[x->end[1].node];

	return a != b && !(a->conf.passive && b->conf.passive);
}

static const char *verdict(void)
{
	unsigned i, before[NODES], used = 0, usable = 0;

	for (i = 0; i < w.wire_count; i++) {
		if (wire_use(&w.wires[i]) < 0)
			return "the ends of a wire disagree";
		used += wire_use(&w.wires[i]);
		usable += may_talk(&w.wires[i]);
	}
	if (usable && !used)
		return "nobody talks";
	for (i = 0; i < NODES; i++)
		before[i] = world_distributing(&w, i);
	world_pass(&w, STABLE_MS);
	for (i = 0; i < NODES; i++)
		if (world_distributing(&w, i) != before[i])
			return "no rest";
	return NULL;
}

static void random_worlds_come_to_rest(void)
{
	uint64_t seed;
	unsigned i;

	for (seed = 1; seed <= worlds; seed++) {
		const char *wrong;

		build(seed);
		for (i = 0; i < EVENTS; i++)
			event();
		heal();
		wrong = verdict();
		if (w.broken || wrong) {
			printf("\nseed %lu: %s", (unsigned long)seed,
			       w.broken ? w.broken : wrong);
		}
		CU_ASSERT(!w.broken && !wrong);
		world_fini(&w);
	}
}

static const struct suite_test tests[] = {
	SUITE_TEST(random_worlds_come_to_rest),
};

int main(int argc, char **argv)
{
	worlds = suite_rounds(argc, argv, 300);
	return suite_run("lacp_property", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
