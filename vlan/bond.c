/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bond.c: who carries what.
 *
 * Everything that happens is noted (link, LACP, an order by hand), and
 * bond_run() decides anew from what is noted, in steps:
 *
 *	settle_links	which links count as usable: carrier, less the delays
 *	find_partner	does LACP rule, or what replaces it
 *	enable_members	usable, or what LACP distributes through
 *	choose_active	one of them, unless LACP rules
 *	share_buckets	all to the active one, or among the enabled
 *	publish		into the table, word by word
 *
 * Delays.  A link must be up for updelay before it is used, as the switch
 * behind it may not yet forward, and down for downdelay before it is given up.
 * Neither is of use when no other member could serve, so neither runs then:
 * that some enabled member has a carrier is an invariant whenever any member
 * has one.  Time without carrier adds up over short returns of it, or a link
 * that comes and goes within downdelay would keep its frames for ever.
 *
 * The rule.  One of three (enum rule) is in force.  LACP's is what lacp.c says,
 * without delays of ours, while there is an aggregation; while there is none,
 * lacp-fallback-ab makes it active-backup.
 *
 * The table.  Workers read its words while they change, and may see a change
 * of one word before or after that of another.  So
 *
 *	who takes what fans out is one word: it never names two members;
 *	where it goes from one living member to another (by hand, a primary
 *	that is back), and where the rule changes, there is a moment in which
 *	only what both states allow is allowed: a copy that waits in the other
 *	member's queue must not be taken after its twin;
 *	rights are taken before they are given, so that a member never has
 *	more than both states give it;
 *	a member may receive before buckets come to it, as answers do;
 *	what is refused in addition (refuse_moved) is so first and last, but
 *	what relies on the place of a bucket (only_home) ends before buckets
 *	move, and begins when all have been announced for a while;
 *	each bucket's word has a member at all times, as long as there is one.
 */
#include "vlan/bond.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vlan/bond_share.h"

#define EVENTS_MAX   64
#define FORGET_FLAPS 10    /* times downdelay */
#define HANDOVER_MS  10    /* longer than frames wait in a queue */
#define AT_HOME_MS   10000 /* announcements are repeated for as long */
#define WORTH_PER_MS 125   /* bytes: 1 Mbit/s, or no bucket moves */
#define MEMBER(i)    (1u << (i))
#define SYSTEM_NONE                                                            \
	{                                                                      \
		0x02, 0, 0, 0, 0, 1                                            \
	} /* while LACP is off */

enum rule {
	RULE_NONE, /* LACP without partner: nothing goes */
	RULE_ONE,  /* active-backup */
	RULE_SLB,
	RULE_LACP,
};

struct member {
	bool present;
	bool reported; /* its link has been */
	bool link;
	bool usable; /* link, less the delays */
	bool hope;   /* usable before its time: nobody else was */
	uint32_t speed_mbps;
	uint64_t changed_ms; /* link */
	uint64_t down_ms;    /* without carrier, see FORGET_FLAPS */
	struct lacp_member_conf lacp;
	char name[BOND_NAME_MAX];
};

/* For how long only what both the old and the new state allow is allowed. */
struct handover {
	uint64_t until_ms;
	uint16_t accept, accept_flood;
	bool refuse_moved;
};

struct bond {
	struct bond_table table;
	struct bond_conf conf;
	struct lacp *lacp; /* has members while mode is lacp */
	struct member members[BOND_MEMBERS_MAX];
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
	struct handover handover;
	uint64_t at_home_ms;
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
	struct lacp_conf lacp = { .system = SYSTEM_NONE };
	struct bond *bond;
	int rc;

	if (!conf_valid(conf))
		return -EINVAL;
	bond = calloc(1, sizeof(*bond));
	if (!bond)
		return -ENOMEM;
	rc = lacp_new(&bond->lacp,
		      conf->mode == BOND_LACP ? &conf->lacp : &lacp);
	if (rc < 0) {
		free(bond);
		return rc;
	}
	bond->conf = *conf;
	bond->active = bond->before = bond->by_hand = -1;
	bond->rebalanced_ms = now_ms;
	memset(bond->of, BOND_NONE, sizeof(bond->of));
	memset(bond->table.member_of, BOND_NONE, BOND_BUCKETS);
	atomic_init(&bond->table.basis, conf->hash_basis);
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
	lacp_member_link(bond->lacp, i, m->link, m->speed_mbps, now);
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
		*m = (struct member){ .present = true, .changed_ms = now_ms };
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
		because(e, "%s left the bond", m->name);
		count_loss(bond, member, e);
	}
	if (m->link)
		bond->left |= MEMBER(member);
	if (bond->by_hand == (int)member)
		bond->by_hand = -1;
	m->present = m->link = m->usable = false;
}

/* When its link will count, or no longer count. */
static uint64_t due(const struct bond *bond, const struct member *m)
{
	uint64_t down = bond->conf.downdelay_ms;

	if (m->link)
		return m->changed_ms + bond->conf.updelay_ms;
	return m->changed_ms + (down > m->down_ms ? down - m->down_ms : 0);
}

static void link_up(struct bond *bond, struct member *m, uint64_t now)
{
	if (m->usable && now >= due(bond, m))
		m->usable = false;
	m->down_ms += now - m->changed_ms;
}

static void link_down(struct bond *bond, struct member *m, uint64_t now)
{
	uint64_t forget = (uint64_t)bond->conf.downdelay_ms * FORGET_FLAPS;

	if (now - m->changed_ms >= forget)
		m->down_ms = 0;
}

void bond_member_link(struct bond *bond, unsigned member, bool up,
		      uint32_t speed_mbps, uint64_t now_ms)
{
	struct member *m = &bond->members[member];

	if (!m->present)
		return;
	m->speed_mbps = speed_mbps;
	if (!m->reported) {
		m->reported = true;
		m->usable = m->link = up;
		m->changed_ms = now_ms;
	} else if (up != m->link) {
		if (up)
			link_up(bond, m, now_ms);
		else
			link_down(bond, m, now_ms);
		m->link = up;
		m->changed_ms = now_ms;
	}
	if (runs_lacp(bond))
		lacp_member_link(bond->lacp, member, up, speed_mbps, now_ms);
}

int bond_set_active(struct bond *bond, unsigned member, uint64_t now_ms)
{
	if (member >= BOND_MEMBERS_MAX || !has(bond->enabled, member) ||
	    !bond->members[member].link || bond->active < 0)
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
		if (bond->members[i].present && is(bond, i))
			set |= MEMBER(i);
	return set;
}

static bool is_linked(const struct bond *bond, unsigned i)
{
	return bond->members[i].link;
}

static bool is_usable(const struct bond *bond, unsigned i)
{
	return bond->members[i].usable;
}

static bool is_distributing(const struct bond *bond, unsigned i)
{
	return bond->members[i].link && lacp_distributing(bond->lacp, i);
}

static bool is_collecting(const struct bond *bond, unsigned i)
{
	return bond->members[i].link && lacp_collecting(bond->lacp, i);
}

/* No usable member has a carrier: the delays do no good now. */
static void last_hope(struct bond *bond)
{
	struct member *m, *best = NULL;
	unsigned i;

	for (i = 0; i < BOND_MEMBERS_MAX; i++) {
		m = &bond->members[i];
		m->usable = false;
		if (m->link && (!best || due(bond, m) < due(bond, best)))
			best = m;
	}
	if (best) {
		best->usable = best->hope = true;
		best->down_ms = 0;
	}
}

static void settle_links(struct bond *bond, uint64_t now)
{
	struct member *m;
	unsigned i;

	for (i = 0; i < BOND_MEMBERS_MAX; i++) {
		m = &bond->members[i];
		if (m->usable == m->link || now < due(bond, m))
			continue;
		m->usable = m->link;
		m->hope = false;
		m->down_ms = 0;
	}
	if (!(members_with(bond, is_usable) & members_with(bond, is_linked)))
		last_hope(bond);
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
	const struct member *m = &bond->members[i];

	if (!m->link)
		because(e, "%s lost its carrier", m->name);
	else if (bond->rule == RULE_LACP)
		because(e, "LACP does not distribute through %s", m->name);
	else if (bond->rule == RULE_NONE)
		because(e, "%s has no LACP partner", m->name);
	else
		because(e, "%s has no steady carrier", m->name);
}

static void why_up(const struct bond *bond, unsigned i, struct bond_event *e,
		   uint64_t now)
{
	const struct member *m = &bond->members[i];

	if (bond->rule == RULE_LACP)
		because(e, "LACP distributes through %s", m->name);
	else if (m->hope)
		because(e, "no other member than %s has a carrier", m->name);
	else
		because(e, "%s has had a carrier for %llu ms", m->name,
			(unsigned long long)(now - m->changed_ms));
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

/* ---- the table ---- */

/* What the table shall say beside buckets. */
struct words {
	uint16_t accept, accept_flood;
	bool refuse_moved, hash_flow, up;
};

/* Release: what is stored in an order becomes visible in that order. */
#define put(word, value)                                                       \
	atomic_store_explicit(word, value, memory_order_release)
#define get(word) atomic_load_explicit(word, memory_order_relaxed)

static struct words words_of(const struct bond *bond)
{
	uint16_t active = bond->active < 0 ? 0 : MEMBER(bond->active);
	struct words w = { .up = bond->of[0] != BOND_NONE };

	switch (bond->rule) {
	case RULE_NONE:
		break;
	case RULE_ONE:
		w.accept = w.accept_flood = active;
		break;
	case RULE_SLB:
		w.accept = bond->enabled;
		w.accept_flood = active;
		w.refuse_moved = true;
		break;
	case RULE_LACP:
		w.accept = members_with(bond, is_collecting);
		w.accept_flood = w.accept;
		w.hash_flow = bond->conf.hash == BOND_TCPUDP_PORTS;
		break;
	}
	return w;
}

static void hand_over(struct bond *bond, uint16_t accept, uint16_t flood,
		      uint64_t now)
{
	bond->handover = (struct handover){
		.until_ms = now + HANDOVER_MS,
		.accept = accept,
		.accept_flood = flood,
		.refuse_moved = get(&bond->table.refuse_moved),
	};
}

/*
 * Between two that live, floods pause; a dead one's copies come no more, and
 * its successor starts at once.  Members that LACP adds to others get what
 * nobody got before.
 */
static void begin_handover(struct bond *bond, const struct words *w,
			   enum rule was, uint64_t now)
{
	uint16_t alive = members_with(bond, is_linked) | bond->left;
	uint16_t flood = get(&bond->table.accept_flood);

	if (!(flood & alive))
		return;
	if (was != bond->rule)
		hand_over(bond,
			  was == RULE_SLB || bond->rule == RULE_SLB
				  ? get(&bond->table.accept)
				  : UINT16_MAX,
			  flood, now);
	else if (w->accept_flood & ~flood &&
		 (bond->rule != RULE_LACP || !(w->accept_flood & flood)))
		hand_over(bond, UINT16_MAX, flood, now);
}

static void apply_handover(const struct bond *bond, struct words *w,
			   uint64_t now)
{
	const struct handover *h = &bond->handover;

	if (now >= h->until_ms)
		return;
	w->accept &= h->accept;
	w->accept_flood &= h->accept_flood;
	w->refuse_moved |= h->refuse_moved;
}

/* Which buckets will leave elsewhere: all of them, if they are others. */
static bool find_moved(const struct bond *bond, const struct words *w,
		       uint64_t moved[BOND_BUCKETS / 64])
{
	const struct bond_table *t = &bond->table;
	bool all, any = false;
	unsigned b;

	all = get(&t->basis) != bond->conf.hash_basis ||
	      get(&t->hash_flow) != w->hash_flow;
	for (b = 0; b < BOND_BUCKETS; b++) {
		if (!all && bond->of[b] == get(&t->member_of[b]))
			continue;
		moved[b / 64] |= 1ull << b % 64;
		any = true;
	}
	return any;
}

static void store(struct bond *bond, const struct words *w, bool only_home)
{
	struct bond_table *t = &bond->table;
	unsigned b;

	if (w->refuse_moved)
		put(&t->refuse_moved, true);
	if (!only_home)
		put(&t->only_home, false);
	if (!w->up)
		put(&t->up, false);
	put(&t->accept_flood, get(&t->accept_flood) & w->accept_flood);
	put(&t->accept, get(&t->accept) & w->accept);
	put(&t->accept, w->accept);
	put(&t->accept_flood, w->accept_flood);
	put(&t->basis, bond->conf.hash_basis);
	put(&t->hash_flow, w->hash_flow);
	for (b = 0; b < BOND_BUCKETS; b++)
		put(&t->member_of[b], bond->of[b]);
	put(&t->up, w->up);
	put(&t->only_home, only_home);
	put(&t->refuse_moved, w->refuse_moved);
}

/*
 * What to announce is asked for unless `announced`, and not under LACP, where
 * the partner sees one port.
 */
static void publish(struct bond *bond, enum rule was, bool announced,
		    uint64_t now)
{
	uint64_t moved[BOND_BUCKETS / 64] = { 0 };
	struct words w = words_of(bond);
	struct bond_event *e;
	bool any;

	begin_handover(bond, &w, was, now);
	apply_handover(bond, &w, now);
	any = find_moved(bond, &w, moved);
	if (any)
		bond->at_home_ms = now + AT_HOME_MS;
	store(bond, &w, bond->rule == RULE_SLB && now >= bond->at_home_ms);
	bond->left = 0;
	if (!any || announced || !w.up || bond->rule == RULE_LACP)
		return;
	e = event(bond, BOND_MOVED, -1, now);
	memcpy(e->buckets, moved, sizeof(moved));
	because(e, "buckets were shared out anew");
}

static void decide(struct bond *bond, uint64_t now)
{
	bool was_up = get(&bond->table.up), announced;
	enum rule was = bond->rule;

	settle_links(bond, now);
	find_partner(bond, now);
	bond->rule = rule_of(bond);
	enable_members(bond, now);
	announced = choose_active(bond, now);
	share_buckets(bond, now);
	publish(bond, was, announced, now);
	if (was_up && !get(&bond->table.up))
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
	const struct member *m;
	unsigned i;

	if (runs_lacp(bond))
		next = lacp_run(bond->lacp, now_ms, send, ctx);
	decide(bond, now_ms);
	for (i = 0; i < BOND_MEMBERS_MAX; i++) {
		m = &bond->members[i];
		if (m->usable != m->link)
			next = sooner(next, due(bond, m), now_ms);
	}
	next = sooner(next, bond->handover.until_ms, now_ms);
	if (bond->rule == RULE_SLB)
		next = sooner(next, bond->at_home_ms, now_ms);
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
	unsigned b;

	if (!m->present)
		return false;
	*facts = (struct bond_member_facts){
		.link = m->link,
		.enabled = has(bond->enabled, member),
		.active = bond->active == (int)member,
		.speed_mbps = m->speed_mbps,
	};
	if (m->usable != m->link && bond->rule != RULE_LACP)
		facts->delay_left_ms = left_until(due(bond, m), now_ms);
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
