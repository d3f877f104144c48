/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bond_world.h: a bond with a clock and switches that speak LACP.
 *
 * Each member's wire ends at one of the partners (another system each) or at
 * a switch without LACP.  Time passes in world_until(), which runs everybody
 * when they asked to be run, and compares the bond's table with what its facts
 * say after every step (world_check()).  Events are kept in order.
 */
#ifndef CAUSEWAY_BOND_WORLD_H
#define CAUSEWAY_BOND_WORLD_H

#include "vlan/bond.h"

#define WORLD_PARTNERS 2
#define WORLD_EVENTS   256

struct world_wire {
	int partner; /* or -1 */
	bool silent; /* carrier, but no frame comes through */
	bool up;
};

struct world {
	struct bond *bond;
	const struct bond_table *table;
	struct bond_conf conf;
	uint64_t now, due;
	struct lacp *partner[WORLD_PARTNERS];
	uint64_t partner_due[WORLD_PARTNERS];
	struct world_wire wire[BOND_MEMBERS_MAX];
	struct bond_event events[WORLD_EVENTS]; /* since world_forget() */
	unsigned event_count;
};

/* A bond without members; the time is 1000000 ms. */
void world_init(struct world *w, const struct bond_conf *conf);
void world_fini(struct world *w);
/* `n` members "eth0", ... with carrier, without LACP at the other end. */
void world_start(struct world *w, enum bond_mode mode, unsigned n);

void world_member(struct world *w, unsigned i);
void world_remove(struct world *w, unsigned i);
void world_link(struct world *w, unsigned i, bool up);
/* The other end of a wire; `partner` may be -1. */
void world_connect(struct world *w, unsigned i, int partner);
void world_silence(struct world *w, unsigned i, bool silent);
/* From w->conf. */
void world_reconfigure(struct world *w);
/* Returns what bond_set_active() does. */
int world_set_active(struct world *w, unsigned i);

/* Let `ms` pass. */
void world_pass(struct world *w, uint64_t ms);

void world_check(struct world *w);
void world_forget(struct world *w);
/* How many events of a kind there were; the last of them in *e. */
unsigned world_count(const struct world *w, enum bond_event_kind kind,
		     struct bond_event *e);

int world_active(const struct world *w);
struct bond_facts world_facts(const struct world *w);
struct bond_member_facts world_member_facts(const struct world *w, unsigned i);
bool world_enabled(const struct world *w, unsigned i);
unsigned world_buckets(const struct world *w, unsigned i);
uint16_t world_accept(const struct world *w);
uint16_t world_accept_flood(const struct world *w);

#endif
