/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lacp_world.c: the next thing that happens, until time is up. */
#include "tests/lib/lacp_world.h"

#include <stdlib.h>
#include <string.h>

static void need(struct world *w, bool holds, const char *what)
{
	if (!holds && !w->broken)
		w->broken = what;
}

/* ---- what must hold ---- */

static void check_pair(struct world *w, const struct lacp_facts *a,
		       const struct lacp_facts *b)
{
	need(w, !memcmp(a->partner.system, b->partner.system, 6),
	     "two partners distribute");
	need(w, a->partner.key == b->partner.key, "two partner keys");
	need(w, a->actor.key == b->actor.key, "two keys of ours");
}

static void check_node(struct world *w, unsigned node)
{
	const struct lacp *lacp = w->nodes[node].lacp;
	struct lacp_facts first = { 0 }, f;
	bool any = false;
	unsigned i;

	for (i = 0; i < LACP_MEMBERS_MAX; i++) {
		if (!lacp_member_facts(lacp, i, &f)) {
			need(w, !lacp_collecting(lacp, i), "no such member");
			continue;
		}
		need(w, !lacp_distributing(lacp, i) || lacp_collecting(lacp, i),
		     "distributes but does not collect");
		need(w,
		     !lacp_collecting(lacp, i) ||
			     w->nodes[node].members[i].link,
		     "collects without a link");
		need(w,
		     !lacp_collecting(lacp, i) || f.receive == LACP_RX_CURRENT,
		     "collects from a partner that is not current");
		need(w, f.mux < LACP_MUX_ATTACHED || f.selected,
		     "attached without being selected");
		need(w, memcmp(f.partner.system, w->nodes[node].conf.system, 6),
		     "its own partner");
		if (!lacp_distributing(lacp, i))
			continue;
		if (any)
			check_pair(w, &first, &f);
		first = f;
		any = true;
	}
}

static void check(struct world *w)
{
	unsigned i;

	for (i = 0; i < WORLD_NODES; i++)
		if (w->nodes[i].lacp)
			check_node(w, i);
}

static void note_sent(struct world *w, struct world_member *m)
{
	uint64_t *third_last = &m->sent_at[m->sent % 3];

	need(w, m->sent < 3 || w->now - *third_last >= 1000,
	     "four LACPDUs in a second");
	*third_last = w->now;
	m->sent++;
}

/* ---- frames ---- */

struct sender {
	struct world *w;
	unsigned node;
};

static void fly(struct world *w, unsigned wire, unsigned from,
		const uint8_t *frame)
{
	struct world_wire *x = &w->wires[wire];
	struct world_frame *f = &w->flight[w->flying];

	if (!x->up || x->silent[from] || packet_random(&w->rng, 100) < x->loss)
		return;
	if (w->flying == WORLD_FLIGHT) {
		need(w, false, "too many frames on the wires");
		return;
	}
	f->at = w->now + WORLD_DELAY_MS;
	f->to = x->end[!from];
	f->wire = wire;
	memcpy(f->bytes, frame, LACP_FRAME_LEN);
	w->flying++;
}

static void take(void *ctx, unsigned member, const uint8_t *frame, size_t len)
{
	struct sender *s = ctx;
	struct world *w = s->w;
	struct world_member *m = &w->nodes[s->node].members[member];
	unsigned i, end;

	need(w, len == LACP_FRAME_LEN, "frame length");
	need(w, !memcmp(frame + 6, m->conf.mac, 6), "source address");
	if (frame[14] == 1)
		note_sent(w, m);
	for (i = 0; i < w->wire_count; i++)
		for (end = 0; end < 2; end++)
			if (w->wires[i].end[end].node == s->node &&
			    w->wires[i].end[end].member == member) {
				fly(w, i, end, frame);
				break; /* a plug that loops has both */
			}
}

static void run(struct world *w, unsigned node)
{
	struct sender s = { w, node };

	w->nodes[node].run_at = lacp_run(w->nodes[node].lacp, w->now, take, &s);
	need(w, w->nodes[node].run_at > w->now, "due again at once");
}

static void arrive(struct world *w, unsigned i)
{
	struct world_frame f = w->flight[i];
	struct world_node *n = &w->nodes[f.to.node];

	w->flying--;
	memmove(&w->flight[i], &w->flight[i + 1], (w->flying - i) * sizeof(f));
	if (!w->wires[f.wire].up || !n->members[f.to.member].present)
		return;
	n->members[f.to.member].heard_at = w->now;
	need(w,
	     lacp_input(n->lacp, f.to.member, f.bytes, sizeof(f.bytes), w->now),
	     "a frame of ours is malformed");
	run(w, f.to.node);
}

static uint64_t next_thing(const struct world *w)
{
	uint64_t next = UINT64_MAX;
	unsigned i;

	for (i = 0; i < WORLD_NODES; i++)
		if (w->nodes[i].lacp && w->nodes[i].run_at < next)
			next = w->nodes[i].run_at;
	for (i = 0; i < w->flying; i++)
		if (w->flight[i].at < next)
			next = w->flight[i].at;
	return next;
}

/* All that is due at this very time. */
static void settle(struct world *w)
{
	unsigned i;

	for (i = 0; i < w->flying;) {
		if (w->flight[i].at <= w->now) {
			arrive(w, i);
			i = 0;
		} else {
			i++;
		}
	}
	for (i = 0; i < WORLD_NODES; i++)
		if (w->nodes[i].lacp && w->nodes[i].run_at <= w->now)
			run(w, i);
	check(w);
}

void world_pass(struct world *w, uint64_t ms)
{
	uint64_t until = w->now + ms, next;

	while ((next = next_thing(w)) <= until) {
		w->now = next > w->now ? next : w->now;
		settle(w);
	}
	w->now = until;
}

/* ---- building ---- */

void world_init(struct world *w, uint64_t seed)
{
	*w = (struct world){ .now = 1000000, .rng = { seed ? seed : 1 } };
}

void world_fini(struct world *w)
{
	unsigned i;

	for (i = 0; i < WORLD_NODES; i++)
		lacp_free(w->nodes[i].lacp);
}

void world_node(struct world *w, unsigned node, uint8_t id, uint16_t priority)
{
	struct world_node *n = &w->nodes[node];

	n->conf = (struct lacp_conf){ .system = { 2, 0, 0, 0, 0, id },
				      .system_priority = priority,
				      .fast = true };
	if (lacp_new(&n->lacp, &n->conf))
		abort();
	n->run_at = w->now;
}

void world_restart(struct world *w, unsigned node)
{
	struct world_node *n = &w->nodes[node];
	unsigned i, end;

	lacp_free(n->lacp);
	if (lacp_new(&n->lacp, &n->conf))
		abort();
	for (i = 0; i < LACP_MEMBERS_MAX; i++) {
		n->members[i].sent = 0;
		if (n->members[i].present)
			lacp_member_set(n->lacp, i, &n->members[i].conf,
					w->now);
	}
	for (i = 0; i < w->wire_count; i++)
		for (end = 0; end < 2; end++) {
			struct world_end *e = &w->wires[i].end[end];

			if (e->node == node && w->wires[i].up)
				lacp_member_link(n->lacp, e->member, true,
						 w->wires[i].speed_mbps,
						 w->now);
		}
	run(w, node);
}

void world_reconfigure(struct world *w, unsigned node)
{
	lacp_reconfigure(w->nodes[node].lacp, &w->nodes[node].conf, w->now);
	run(w, node);
	check(w);
}

void world_member(struct world *w, unsigned node, unsigned member, uint16_t key)
{
	struct world_node *n = &w->nodes[node];
	struct world_member *m = &n->members[member];

	m->present = true;
	m->conf = (struct lacp_member_conf){ .port = member + 1, .key = key };
	memcpy(m->conf.mac, n->conf.system, 6);
	m->conf.mac[4] = member + 1;
	lacp_member_set(n->lacp, member, &m->conf, w->now);
	run(w, node);
	check(w);
}

void world_remove(struct world *w, unsigned node, unsigned member)
{
	w->nodes[node].members[member] = (struct world_member){ 0 };
	lacp_member_remove(w->nodes[node].lacp, member, w->now);
	run(w, node);
	check(w);
}

unsigned world_wire(struct world *w, unsigned a, unsigned am, unsigned b,
		    unsigned bm)
{
	unsigned wire;

	if (!w->nodes[a].members[am].present)
		world_member(w, a, am, 1);
	if (!w->nodes[b].members[bm].present)
		world_member(w, b, bm, 1);
	wire = w->wire_count++;
	w->wires[wire] = (struct world_wire){ .end = { { a, am }, { b, bm } } };
	world_link(w, wire, true, 10000);
	return wire;
}

void world_link(struct world *w, unsigned wire, bool up, uint32_t speed_mbps)
{
	struct world_wire *x = &w->wires[wire];
	unsigned end;

	x->up = up;
	x->speed_mbps = speed_mbps;
	for (end = 0; end < 2; end++) {
		const struct world_end *e = &x->end[end];

		w->nodes[e->node].members[e->member].link = up;
		lacp_member_link(w->nodes[e->node].lacp, e->member, up,
				 speed_mbps, w->now);
	}
	for (end = 0; end < 2; end++)
		run(w, x->end[end].node);
	check(w);
}

struct lacp_facts world_facts(const struct world *w, unsigned node,
			      unsigned member)
{
	struct lacp_facts f = { 0 };

	lacp_member_facts(w->nodes[node].lacp, member, &f);
	return f;
}

unsigned world_distributing(const struct world *w, unsigned node)
{
	unsigned i, bits = 0;

	for (i = 0; i < LACP_MEMBERS_MAX; i++)
		bits |= lacp_distributing(w->nodes[node].lacp, i) << i;
	return bits;
}
