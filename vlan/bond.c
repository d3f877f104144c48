/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bond.c: who carries what.
 *
 * Everything that happens is noted (link, LACP, an order by hand), and
 * bond_run() decides anew from what is noted, in steps:
 *
 *	bond_link_settle	which links count: carrier, less the delays
 *	find_partner		does LACP rule, or what replaces it?
 *	enable_members		usable, or what LACP distributes through
 *	choose_active		one of them, unless LACP rules
 *	share_buckets		all to the active one, or among the enabled
 *	publish			into the table, word by word
 *
 * One of three rules (enum rule) is in force.  LACP's is what lacp.c says,
 * without delays of ours, while there is an aggregation; while there is none,
 * lacp-fallback-ab makes it active-backup.
 */
#include "vlan/bond.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vlan/bond_link.h"
#include "vlan/bond_publish.h"
#include "vlan/bond_share.h"

#define EVENTS_MAX   64
#define WORTH_PER_MS 125 /* bytes: 1 Mbit/s, or no bucket moves */
#define STARTING_MS  2000 /* members found meanwhile are there from the start */
#define MEMBER(i)    (1u << (i))

/* While another mode is in force. */
static const struct lacp_conf lacp_off = { .system = { 2, 0, 0, 0, 0, 1 } };

enum rule {
	RULE_NONE, /* LACP without partner: nothing goes */
	RULE_ONE,  /* active-backup */
	RULE_SLB,
	RULE_LACP,
};

struct member {
	bool present;
	uint32_t speed_mbps;
	struct lacp_member_conf lacp;
	char name[BOND_NAME_MAX];
};

struct bond {
	struct bond_table table;
	struct bond_conf conf;
	struct lacp *lacp; /* has members while mode is lacp */
	struct member members[BOND_MEMBERS_MAX];
	struct bond_link links[BOND_MEMBERS_MAX];
	enum rule rule;
	bool aggregated;    /* LACP has something to rule */
	uint16_t enabled;   /* bits */
	uint16_t left;      /* gone since the last decision, with link */
	uint16_t sharing;   /* have, or may have, buckets */
	int active, before; /* member or -1; the one before */
	int by_hand;
	char lost[96]; /* why there is no active member */
	uint8_t of[BOND_BUCKETS];
	uint64_t load[BOND_BUCKETS];
	struct bond_publisher publisher;
	uint64_t began_ms;
	uint64_t rebalanced_ms;
	uint64_t failovers;
	struct bond_event last_failover;
	struct bond_event events[EVENTS_MAX];
	unsigned event_first, event_count;
};

static bool has(uint16_t set, int member)
{
	return member >= 0 && set & MEMBER(member);
}

/* ---- configuration ---- */

void bond_conf_default(struct bond_conf *conf)
{
	*conf = (struct bond_conf){
		.mode = BOND_BALANCE_SLB,
		.updelay_ms = 31000,
		.downdelay_ms = 200,
		.rebalance_interval_ms = 1800000,
		.primary = -1,
		.hash = BOND_TCPUDP_PORTS,
		.fallback_ab = true,
	};
}

static bool system_valid(const uint8_t system[6])
{
	static const uint8_t zero[6];

	return memcmp(system, zero, 6) != 0 && !(system[0] & 1);
}

static bool conf_valid(const struct bond_conf *conf)
{
	return conf->mode <= BOND_LACP && conf->hash <= BOND_SRC_MAC &&
	       conf->primary >= -1 && conf->primary < BOND_MEMBERS_MAX &&
	       memchr(conf->name, 0, sizeof(conf->name)) &&
	       (conf->mode != BOND_LACP || system_valid(conf->lacp.system));
}

int bond_new(struct bond **out, const struct bond_conf *conf, uint64_t now_ms)
{
	struct bond *bond;
	int rc;

	if (!conf_valid(conf))
		return -EINVAL;
	bond = calloc(1, sizeof(*bond));
	if (!bond)
		return -ENOMEM;
	rc = lacp_new(&bond->lacp,
		      conf->mode == BOND_LACP ? &conf->lacp : &lacp_off);
	if (rc < 0) {
		free(bond);
		return rc;
	}
	bond->conf = *conf;
	bond->active = bond->before = bond->by_hand = -1;
	bond->began_ms = bond->rebalanced_ms = now_ms;
	memset(bond->of, BOND_NONE, sizeof(bond->of));
	bond_publish_init(&bond->table, conf->hash_basis);
	*out = bond;
	return 0;
}

void bond_free(struct bond *bond)
{
	if (!bond)
		return;
	lacp_free(bond->lacp);
	free(bond);
}

static bool runs_lacp(const struct bond *bond)
{
	return bond->conf.mode == BOND_LACP;
}

static void lacp_join(struct bond *bond, unsigned i, uint64_t now)
{
	const struct member *m = &bond->members[i];

	lacp_member_set(bond->lacp, i, &m->lacp, now);
	lacp_member_link(bond->lacp, i, bond->links[i].up, m->speed_mbps, now);
}

/* The mode is another, and one of both is lacp. */
static void lacp_switch(struct bond *bond, uint64_t now)
{
	unsigned i;

	bond->aggregated = false;
	for (i = 0; i < BOND_MEMBERS_MAX; i++) {
		if (!bond->members[i].present)
			continue;
		if (runs_lacp(bond))
			lacp_join(bond, i, now);
		else
			lacp_member_remove(bond->lacp, i, now);
	}
}

int bond_reconfigure(struct bond *bond, const struct bond_conf *conf,
		     uint64_t now_ms)
{
	bool ran = runs_lacp(bond);

	if (!conf_valid(conf))
		return -EINVAL;
	if (conf->primary != bond->conf.primary)
		bond->by_hand = -1;
	bond->conf = *conf;
	if (runs_lacp(bond))
		lacp_reconfigure(bond->lacp, &conf->lacp, now_ms);
	if (runs_lacp(bond) != ran)
		lacp_switch(bond, now_ms);
	return 0;
}

struct bond_table *bond_table(struct bond *bond)
{
	return &bond->table;
}

/* ---- events ---- */

/* The oldest goes when there are too many: the newest says what is. */
static struct bond_event *event(struct bond *bond, enum bond_event_kind kind,
				int member, uint64_t now)
{
	struct bond_event *e;

	if (bond->event_count == EVENTS_MAX) {
		bond->event_first = (bond->event_first + 1) % EVENTS_MAX;
		bond->event_count--;
	}
	e = &bond->events[(bond->event_first + bond->event_count++) %
			  EVENTS_MAX];
	*e = (struct bond_event){
		.kind = kind,
		.member = member < 0 ? BOND_NONE : member,
		.at_ms = now,
	};
	return e;
}

static void __attribute__((format(printf, 2, 3)))
because(struct bond_event *e, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(e->why, sizeof(e->why), format, ap);
	va_end(ap);
}

static void failover(struct bond *bond, const struct bond_event *e)
{
	bond->failovers++;
	bond->last_failover = *e;
}

bool bond_next_event(struct bond *bond, struct bond_event *out)
{
	if (!bond->event_count)
		return false;
	*out = bond->events[bond->event_first];
	bond->event_first = (bond->event_first + 1) % EVENTS_MAX;
	bond->event_count--;
	return true;
}

/* ---- what happens to members ---- */

void bond_member_set(struct bond *bond, unsigned member, const char *name,
		     const struct lacp_member_conf *lacp, uint64_t now_ms)
{
	struct member *m = &bond->members[member];

	if (!m->present)
		*m = (struct member){ .present = true };
	m->lacp = *lacp;
	snprintf(m->name, sizeof(m->name), "%s", name);
	if (runs_lacp(bond))
		lacp_join(bond, member, now_ms);
}

/* Its share goes to others; there is no event for another active member. */
static void count_loss(struct bond *bond, unsigned i,
		       const struct bond_event *e)
{
	if ((int)i == bond->active)
		memcpy(bond->lost, e->why, sizeof(bond->lost));
	else if (has(bond->sharing, i) && bond->enabled)
		failover(bond, e);
}

void bond_member_remove(struct bond *bond, unsigned member, uint64_t now_ms)
{
	struct member *m = &bond->members[member];
	struct bond_event *e;

	if (!m->present)
		return;
	if (runs_lacp(bond))
		lacp_member_remove(bond->lacp, member, now_ms);
	if (has(bond->enabled, member)) {
		bond->enabled &= ~MEMBER(member);
		e = event(bond, BOND_MEMBER_DOWN, member, now_ms);
		because(e, "%s is gone", m->name);
		count_loss(bond, member, e);
	}
	if (bond->links[member].up)
		bond->left |= MEMBER(member);
	m->present = false;
	bond->links[member] = (struct bond_link){ .up = false };
}

void bond_member_link(struct bond *bond, unsigned member, bool up,
		      uint32_t speed_mbps, uint64_t now_ms)
{
	bool late = bond->enabled && now_ms - bond->began_ms >= STARTING_MS;

	if (!bond->members[member].present)
		return;
	bond->members[member].speed_mbps = speed_mbps;
	bond_link_report(&bond->links[member], &bond->conf, up, late, now_ms);
	if (runs_lacp(bond))
		lacp_member_link(bond->lacp, member, up, speed_mbps, now_ms);
}

int bond_set_active(struct bond *bond, unsigned member, uint64_t now_ms)
{
	if (member >= BOND_MEMBERS_MAX || !has(bond->enabled, member) ||
	    !bond->links[member].up || bond->active < 0)
		return -EINVAL;
	bond->by_hand = member;
	return 0;
}

bool bond_slow_input(struct bond *bond, unsigned member, const uint8_t *frame,
		     size_t len, uint64_t now_ms)
{
	return runs_lacp(bond) && bond->members[member].present &&
	       lacp_input(bond->lacp, member, frame, len, now_ms);
}

/* ---- deciding ---- */

static uint16_t members_with(const struct bond *bond,
			     bool (*is)(const struct bond *bond, unsigned i))
{
	uint16_t set = 0;
	unsigned i;

	for (i = 0; i < BOND_MEMBERS_MAX; i++)
		if (is(bond, i))
			set |= MEMBER(i);
	return set;
}

static bool is_linked(const struct bond *bond, unsigned i)
{
	return bond->links[i].up;
}

static bool is_usable(const struct bond *bond, unsigned i)
{
	return bond->links[i].usable;
}

static bool is_distributing(const struct bond *bond, unsigned i)
{
	return bond->links[i].up && lacp_distributing(bond->lacp, i);
}

static bool is_collecting(const struct bond *bond, unsigned i)
{
	return bond->links[i].up && lacp_collecting(bond->lacp, i);
}

static enum rule rule_of(const struct bond *bond)
{
	switch (bond->conf.mode) {
	case BOND_ACTIVE_BACKUP:
		return RULE_ONE;
	case BOND_BALANCE_SLB:
		return RULE_SLB;
	case BOND_LACP:
		break;
	}
	if (bond->aggregated)
		return RULE_LACP;
	return bond->conf.fallback_ab ? RULE_ONE : RULE_NONE;
}

/*
 * The fallback goes on until LACP carries frames both ways, and is back when
 * it no longer does, whatever the partner says: one member can do no harm.
 */
static void find_partner(struct bond *bond, uint64_t now)
{
	uint16_t carry = 0;

	if (runs_lacp(bond))
		carry = members_with(bond, bond->conf.fallback_ab
						   ? is_distributing
						   : is_collecting);
	if (bond->aggregated == !!carry)
		return;
	bond->aggregated = carry;
	if (carry)
		because(event(bond, BOND_NEGOTIATED, -1, now),
			"LACP aggregates with its partner");
	else
		because(event(bond, BOND_LOST_PARTNER, -1, now),
			"LACP aggregates no member");
}

static void why_down(const struct bond *bond, unsigned i, struct bond_event *e)
{
	const char *name = bond->members[i].name;

	if (!bond->links[i].up)
		because(e, "%s lost its carrier", name);
	else if (bond->rule == RULE_LACP)
		because(e, "LACP does not distribute through %s", name);
	else if (bond->rule == RULE_NONE)
		because(e, "%s has no LACP partner", name);
	else
		because(e, "%s has no steady carrier", name);
}

static void why_up(const struct bond *bond, unsigned i, struct bond_event *e,
		   uint64_t now)
{
	const struct bond_link *link = &bond->links[i];
	const char *name = bond->members[i].name;

	if (bond->rule == RULE_LACP)
		because(e, "LACP distributes through %s", name);
	else if (link->hope)
		because(e, "no other member than %s could carry it", name);
	else if (now == link->changed_ms)
		because(e, "%s has a carrier", name);
	else
		because(e, "%s has had a carrier for %llu ms", name,
			(unsigned long long)(now - link->changed_ms));
}

static uint16_t may_carry(const struct bond *bond)
{
	switch (bond->rule) {
	case RULE_ONE:
	case RULE_SLB:
		return members_with(bond, is_usable);
	case RULE_LACP:
		return members_with(bond, is_distributing);
	case RULE_NONE:
		break;
	}
	return 0;
}

static void enable_members(struct bond *bond, uint64_t now)
{
	uint16_t wanted = may_carry(bond), was = bond->enabled;
	struct bond_event *e;
	unsigned i;

	bond->enabled = wanted;
	for (i = 0; i < BOND_MEMBERS_MAX; i++) {
		if (!has(was & ~wanted, i))
			continue;
		e = event(bond, BOND_MEMBER_DOWN, i, now);
		why_down(bond, i, e);
		count_loss(bond, i, e);
	}
	for (i = 0; i < BOND_MEMBERS_MAX; i++)
		if (has(wanted & ~was, i))
			why_up(bond, i, event(bond, BOND_MEMBER_UP, i, now),
			       now);
}

static int best_active(struct bond *bond)
{
	uint16_t able = bond->enabled & members_with(bond, is_linked);

	if (bond->rule != RULE_ONE && bond->rule != RULE_SLB)
		return -1;
	if (!has(bond->enabled, bond->by_hand))
		bond->by_hand = -1;
	if (has(able, bond->by_hand))
		return bond->by_hand;
	if (bond->by_hand < 0 && has(able, bond->conf.primary))
		return bond->conf.primary;
	if (has(bond->enabled, bond->active))
		return bond->active;
	return __builtin_ffs(able) - 1;
}

static void why_active(const struct bond *bond, int best, bool replaces,
		       struct bond_event *e)
{
	const char *name = bond->members[best].name;

	if (replaces && bond->lost[0])
		because(e, "%s", bond->lost);
	else if (best == bond->by_hand)
		because(e, "%s was chosen by hand", name);
	else if (best == bond->conf.primary)
		because(e, "%s is the primary", name);
	else if (runs_lacp(bond))
		because(e, "without LACP partner %s serves alone", name);
	else
		because(e, "%s is the first that may carry traffic", name);
}

/* Returns whether there is an event that has all addresses announced. */
static bool choose_active(struct bond *bond, uint64_t now)
{
	int best = best_active(bond), was = bond->active;
	struct bond_event *e;

	bond->active = best;
	if (bond->rule == RULE_LACP)
		bond->lost[0] = '\0';
	if (best < 0 || (best == was && !bond->lost[0]))
		return false;
	e = event(bond, BOND_ACTIVE, best, now);
	why_active(bond, best, bond->before >= 0 && bond->before != best, e);
	if (bond->before >= 0 && bond->before != best)
		failover(bond, e);
	bond->before = best;
	bond->lost[0] = '\0';
	return true;
}

static bool spreads(const struct bond *bond)
{
	return bond->rule == RULE_SLB || bond->rule == RULE_LACP;
}

static void share_buckets(struct bond *bond, uint64_t now)
{
	uint16_t keep = bond->enabled;
	uint16_t take = keep & members_with(bond, is_linked);

	if (!spreads(bond)) /* in downdelay it takes all the same */
		keep = take = bond->active < 0 ? 0 : MEMBER(bond->active);
	if (__builtin_popcount(bond->sharing) < 2)
		bond->rebalanced_ms = now; /* no loads are known yet */
	bond_share_assign(bond->of, keep, take, keep & ~bond->sharing & take);
	bond->sharing = keep;
}

static struct bond_words words_of(const struct bond *bond)
{
	uint16_t active = bond->active < 0 ? 0 : MEMBER(bond->active);
	struct bond_words w = { .basis = bond->conf.hash_basis,
				.of = bond->of };

	switch (bond->rule) {
	case RULE_NONE:
		break;
	case RULE_ONE:
		w.accept = w.accept_flood = active;
		break;
	case RULE_SLB:
		w.accept = bond->enabled;
		w.accept_flood = active;
		w.refuse_moved = w.has_homes = true;
		break;
	case RULE_LACP:
		w.accept = members_with(bond, is_collecting);
		w.accept_flood = w.accept;
		w.hash_flow = bond->conf.hash == BOND_TCPUDP_PORTS;
		break;
	}
	return w;
}

/*
 * A dead member's copies come no more: its successor starts at once.  Members
 * that LACP adds to others get what nobody got before.
 */
static enum bond_handover handover(const struct bond *bond,
				   const struct bond_words *w, enum rule was)
{
	uint16_t alive = members_with(bond, is_linked) | bond->left;
	uint16_t flood = atomic_load(&bond->table.accept_flood);

	if (!(flood & alive))
		return BOND_HANDOVER_NONE;
	if (was != bond->rule)
		return was == RULE_SLB || bond->rule == RULE_SLB
			       ? BOND_HANDOVER_ALL
			       : BOND_HANDOVER_FLOODS;
	if (bond->rule == RULE_LACP && w->accept_flood & flood)
		return BOND_HANDOVER_NONE;
	return w->accept_flood & ~flood ? BOND_HANDOVER_FLOODS
					: BOND_HANDOVER_NONE;
}

/*
 * What to announce is asked for unless `announced`, and not under LACP, where
 * the partner sees one port.
 */
static void publish(struct bond *bond, enum rule was, bool announced,
		    uint64_t now)
{
	struct bond_words w = words_of(bond);
	uint64_t moved[BOND_BUCKETS / 64];
	struct bond_event *e;
	bool any;

	any = bond_publish(&bond->publisher, &bond->table, &w,
			   handover(bond, &w, was), now, moved);
	bond->left = 0;
	if (!any || announced || !bond->sharing || bond->rule == RULE_LACP)
		return;
	e = event(bond, BOND_MOVED, -1, now);
	memcpy(e->buckets, moved, sizeof(moved));
	because(e, "buckets were shared out anew");
}

static void decide(struct bond *bond, uint64_t now)
{
	bool was_up = bond->sharing, announced;
	enum rule was = bond->rule;

	bond_link_settle(bond->links, &bond->conf, now);
	find_partner(bond, now);
	bond->rule = rule_of(bond);
	enable_members(bond, now);
	announced = choose_active(bond, now);
	share_buckets(bond, now);
	publish(bond, was, announced, now);
	if (was_up && !bond->sharing)
		because(event(bond, BOND_ALL_DOWN, -1, now),
			"no member may carry traffic");
}

static uint64_t rebalance_due(const struct bond *bond)
{
	uint64_t interval = bond->conf.rebalance_interval_ms;

	if (!interval || !spreads(bond) ||
	    __builtin_popcount(bond->sharing) < 2)
		return UINT64_MAX;
	return bond->rebalanced_ms + interval;
}

/* `b`, if it lies ahead and before `a`. */
static uint64_t sooner(uint64_t a, uint64_t b, uint64_t now)
{
	return b > now && b < a ? b : a;
}

uint64_t bond_run(struct bond *bond, uint64_t now_ms,
		  void (*send)(void *ctx, unsigned member, const uint8_t *frame,
			       size_t len),
		  void *ctx)
{
	uint64_t next = UINT64_MAX;
	unsigned i;

	if (runs_lacp(bond))
		next = lacp_run(bond->lacp, now_ms, send, ctx);
	decide(bond, now_ms);
	for (i = 0; i < BOND_MEMBERS_MAX; i++)
		next = sooner(next, bond_link_due(&bond->links[i], &bond->conf),
			      now_ms);
	next = sooner(next, bond_publish_due(&bond->publisher, now_ms), now_ms);
	return sooner(next, rebalance_due(bond), now_ms);
}

/* ---- load ---- */

bool bond_wants_loads(const struct bond *bond, uint64_t now_ms)
{
	return now_ms >= rebalance_due(bond);
}

void bond_rebalance(struct bond *bond, const uint64_t bytes[BOND_BUCKETS],
		    uint64_t now_ms)
{
	uint64_t worth = (now_ms - bond->rebalanced_ms) * WORTH_PER_MS;
	uint16_t take = bond->sharing & members_with(bond, is_linked);

	memcpy(bond->load, bytes, sizeof(bond->load));
	bond->rebalanced_ms = now_ms;
	if (!spreads(bond))
		return;
	bond_share_even(bond->of, bytes, take, worth);
	decide(bond, now_ms);
}

/* ---- facts ---- */

static uint64_t left_until(uint64_t at, uint64_t now)
{
	return at > now ? at - now : 0;
}

void bond_facts(const struct bond *bond, uint64_t now_ms,
		struct bond_facts *facts)
{
	uint64_t rebalance = rebalance_due(bond);

	*facts = (struct bond_facts){
		.active = bond->active,
		.negotiated = bond->aggregated,
		.fallback = runs_lacp(bond) && bond->rule == RULE_ONE,
		.rebalance_in_ms = rebalance == UINT64_MAX
					   ? UINT64_MAX
					   : left_until(rebalance, now_ms),
		.failovers = bond->failovers,
		.last_failover = bond->last_failover,
	};
}

bool bond_member_facts(const struct bond *bond, unsigned member,
		       uint64_t now_ms, struct bond_member_facts *facts)
{
	const struct member *m = &bond->members[member];
	uint64_t due = bond_link_due(&bond->links[member], &bond->conf);
	unsigned b;

	if (!m->present)
		return false;
	*facts = (struct bond_member_facts){
		.link = bond->links[member].up,
		.enabled = has(bond->enabled, member),
		.active = bond->active == (int)member,
		.speed_mbps = m->speed_mbps,
	};
	if (due != UINT64_MAX && bond->rule != RULE_LACP)
		facts->delay_left_ms = left_until(due, now_ms);
	memcpy(facts->name, m->name, sizeof(facts->name));
	for (b = 0; b < BOND_BUCKETS; b++) {
		if (bond->of[b] != member)
			continue;
		facts->buckets++;
		facts->load_bytes += bond->load[b];
	}
	return true;
}

const struct lacp *bond_lacp(const struct bond *bond)
{
	return runs_lacp(bond) ? bond->lacp : NULL;
}
