/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_bond.c: the clock, the links and the partners of each bond.
 *
 * Whatever happens to a bond, run() follows: it lets the bond decide, so that
 * the table that workers read is right; tells what it decided; and sets the
 * timer to when the bond wants to be run again.  A failover is over, as far as
 * we can, when run() has returned from bond_run(): before logs, announcements
 * or a new view.
 *
 * Slots are numbers that workers and LACP partners know members by, so a
 * member keeps its slot while it is attached, whatever becomes of its place in
 * the configuration.
 */
#include "vswitch/switch_bond.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/log.h"
#include "vswitch/bond_port.h"
#include "vswitch/clock_ms.h"
#include "vswitch/switch_announce.h"
#include "vswitch/switch_port.h"
#include "vswitch/switch_uplink.h"
#include "vswitch/uplink_control.h"

struct sw_bond {
	struct sw_port *sp;
	struct bond *bond;
	struct bond_port *bp;
	struct bond_conf conf;
	struct sw_port *member[BOND_MEMBERS_MAX]; /* by slot */
	struct lacp_member_conf lacp[BOND_MEMBERS_MAX];
	struct event *timer;
	struct event *look; /* at carriers, every miimon */
	uint32_t look_ms;
	struct announcer *announcer;
	struct switch_bond_event events[SWITCH_BOND_EVENTS];
	unsigned event_count; /* ever */
	bool has_system; /* conf.lacp.system is a member's or configured */
};

/* ---- what a bond decides ------------------------------------------------- */

static const char *member_name(const struct sw_bond *sb, unsigned slot)
{
	if (slot >= BOND_MEMBERS_MAX || !sb->member[slot])
		return "";
	return sb->member[slot]->name;
}

static void tell(struct sw_bond *sb, const struct bond_event *e)
{
	static const char *const words[] = {
		[BOND_MEMBER_UP] = "may carry traffic",
		[BOND_MEMBER_DOWN] = "carries no traffic",
		[BOND_ACTIVE] = "is the active member",
		[BOND_MOVED] = "traffic moved",
		[BOND_NEGOTIATED] = "LACP has a partner",
		[BOND_LOST_PARTNER] = "LACP has lost its partner",
		[BOND_ALL_DOWN] = "no member is left",
	};
	const char *name = member_name(sb, e->member);

	/* a flapping cable must not fill the disk */
	log_limited(e->kind == BOND_ALL_DOWN ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
		    (uint64_t)sb->sp->id << 8 | e->kind << 4 | (e->member & 15),
		    "bond %s: %s%s%s%s%s", sb->sp->name, name,
		    name[0] ? " " : "", words[e->kind], e->why[0] ? ": " : "",
		    e->why);
}

static void keep(struct sw_bond *sb, const struct bond_event *e)
{
	struct switch_bond_event *to =
		&sb->events[sb->event_count++ % SWITCH_BOND_EVENTS];

	to->event = *e;
	snprintf(to->member, sizeof(to->member), "%s",
		 member_name(sb, e->member));
}

/*
 * Who has to hear of it?  A partner treats an aggregation as one link: within
 * it nothing moves that a switch outside could see.
 */
static void announce(struct sw_bond *sb, const struct bond_event *e)
{
	struct bond_facts f;

	if (e->kind == BOND_ACTIVE || e->kind == BOND_NEGOTIATED) {
		announcer_moved(sb->announcer, NULL);
		return;
	}
	if (e->kind != BOND_MOVED)
		return;
	bond_facts(sb->bond, clock_ms(), &f);
	if (!f.negotiated)
		announcer_moved(sb->announcer, e->buckets);
}

static void take_events(struct sw_bond *sb)
{
	struct bond_event e;

	while (bond_next_event(sb->bond, &e)) {
		keep(sb, &e);
		announce(sb, &e);
		tell(sb, &e);
	}
}

static void send_slow(void *ctx, unsigned slot, const uint8_t *frame,
		      size_t len)
{
	struct sw_bond *sb = ctx;

	if (sb->member[slot] && sb->member[slot]->control)
		uplink_control_send(sb->member[slot]->control, frame, len);
}

static void set_timer(struct sw_bond *sb, uint64_t due, uint64_t now)
{
	struct timeval tv = clock_ms_until(due, now);

	if (due == UINT64_MAX)
		event_del(sb->timer);
	else
		event_add(sb->timer, &tv);
}

static uint64_t decide(struct sw_bond *sb, uint64_t now)
{
	uint64_t due = bond_run(sb->bond, now, send_slow, sb);

	bond_port_update(sb->bp);
	return due;
}

static void run(struct sw_bond *sb)
{
	uint64_t bytes[BOND_BUCKETS];
	uint64_t now = clock_ms();
	uint64_t due = decide(sb, now);

	if (bond_wants_loads(sb->bond, now)) {
		bond_port_loads(sb->bp, bytes);
		bond_rebalance(sb->bond, bytes, now);
		due = decide(sb, now);
	}
	take_events(sb);
	set_timer(sb, due, now);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	run(ctx);
}

/* ---- configuration ---------------------------------------------------------- */

/* The slot of a port that is attached, or -1. */
static int slot_of(const struct sw_bond *sb, const struct sw_port *member)
{
	unsigned i;

	for (i = 0; i < BOND_MEMBERS_MAX; i++)
		if (sb->member[i] == member)
			return (int)i;
	return -1;
}

static int primary_of(const struct sw_bond *sb, const struct conf_bond *cb)
{
	unsigned i;

	for (i = 0; i < BOND_MEMBERS_MAX && cb->primary >= 0; i++)
		if (sb->member[i] && !strcmp(sb->member[i]->name,
					     cb->members[cb->primary].name))
			return (int)i;
	return -1;
}

/*
 * LACP's name for us: configured, or the MAC of the first member that is
 * there, and then for as long as the bond lives, because a new name makes
 * every partner start over.  Until then one that nobody is told.
 */
static void choose_system(struct sw_bond *sb, const struct conf_port *conf,
			  uint8_t system[6])
{
	static const uint8_t nobody[6] = { 2, 0, 0, 0, 0, 1 }, none[6];
	const uint8_t *written = memcmp(conf->bonding.lacp_system, none, 6)
					 ? conf->bonding.lacp_system
					 : conf->mac;
	unsigned i;

	if (memcmp(written, none, 6) != 0) {
		memcpy(system, written, 6);
		sb->has_system = false; /* should the key go again */
		return;
	}
	memcpy(system, sb->has_system ? sb->conf.lacp.system : nobody, 6);
	for (i = 0; i < BOND_MEMBERS_MAX && !sb->has_system; i++) {
		if (!sb->member[i] || sb->member[i]->mac[0] & 1 ||
		    !memcmp(sb->member[i]->mac, none, 6))
			continue;
		memcpy(system, sb->member[i]->mac, 6);
		sb->has_system = true;
	}
}

static void make_conf(struct sw_bond *sb, const struct conf_port *conf,
		      struct bond_conf *bc)
{
	const struct conf_bond *cb = &conf->bonding;

	memset(bc, 0, sizeof(*bc));
	bond_conf_default(bc);
	snprintf(bc->name, sizeof(bc->name), "%s", conf->name);
	bc->mode = cb->mode;
	bc->hash = cb->hash;
	bc->updelay_ms = cb->updelay_ms;
	bc->downdelay_ms = cb->downdelay_ms;
	bc->rebalance_interval_ms = cb->rebalance_interval_ms;
	bc->primary = primary_of(sb, cb);
	bc->fallback_ab = cb->lacp_fallback_ab;
	bc->lacp.fast = cb->lacp_fast;
	bc->lacp.system_priority = cb->lacp_system_priority;
	choose_system(sb, conf, bc->lacp.system);
}

static void make_lacp(const struct sw_bond *sb, const struct sw_port *member,
		      const struct conf_port *conf,
		      struct lacp_member_conf *lacp)
{
	memset(lacp, 0, sizeof(*lacp));
	memcpy(lacp->mac, member->mac, 6);
	lacp->port = member->id + 1;
	lacp->key = conf->bonding.lacp_key ? conf->bonding.lacp_key
					   : sb->sp->id + 1;
}

static bool same_conf(const struct bond_conf *a, const struct bond_conf *b)
{
	return a->mode == b->mode && a->updelay_ms == b->updelay_ms &&
	       a->downdelay_ms == b->downdelay_ms &&
	       a->rebalance_interval_ms == b->rebalance_interval_ms &&
	       a->primary == b->primary && a->hash == b->hash &&
	       a->fallback_ab == b->fallback_ab &&
	       a->hash_basis == b->hash_basis &&
	       a->lacp.fast == b->lacp.fast &&
	       a->lacp.system_priority == b->lacp.system_priority &&
	       !memcmp(a->lacp.system, b->lacp.system, 6);
}

/* Only what differs: partners hear of each time. */
static void configure(struct sw_bond *sb, const struct conf_port *conf)
{
	struct bond_conf bc;

	make_conf(sb, conf, &bc);
	if (same_conf(&bc, &sb->conf))
		return;
	sb->conf = bc;
	bond_reconfigure(sb->bond, &bc, clock_ms());
}

/*
 * Carriers come as events, within a millisecond; but when the kernel has had
 * one just before, it keeps the next for up to a second (linkwatch), and a
 * switch that dies takes several.
 */
static void on_look(evutil_socket_t fd, short what, void *ctx)
{
	struct sw_bond *sb = ctx;
	unsigned i;

	for (i = 0; i < BOND_MEMBERS_MAX; i++)
		if (sb->member[i])
			switch_uplink_look(sb->member[i]);
}

static void set_look(struct sw_bond *sb, uint32_t ms)
{
	const struct timeval tv = { .tv_sec = ms / 1000,
				    .tv_usec = ms % 1000 * 1000 };

	if (ms == sb->look_ms)
		return;
	sb->look_ms = ms;
	if (ms)
		event_add(sb->look, &tv);
	else
		event_del(sb->look);
}

/* ---- members ------------------------------------------------------------------ */

/* Its place in the configuration if that is free, so that people find it. */
static int free_slot(const struct sw_bond *sb, unsigned place)
{
	unsigned i;

	if (place < BOND_MEMBERS_MAX && !sb->member[place])
		return (int)place;
	for (i = 0; i < BOND_MEMBERS_MAX; i++)
		if (!sb->member[i])
			return (int)i;
	return -1; /* never: there are as many as members may be */
}

/* Told again when what it says in LACP has changed. */
static void attach(struct sw_bond *sb, unsigned slot,
		   const struct conf_port *conf)
{
	struct sw_port *sp = sb->member[slot];
	struct lacp_member_conf *was = &sb->lacp[slot], lacp;

	make_lacp(sb, sp, conf, &lacp);
	if (was->port == lacp.port && was->key == lacp.key &&
	    !memcmp(was->mac, lacp.mac, 6))
		return;
	sb->lacp[slot] = lacp;
	bond_port_set_member(sb->bp, slot, sp->port);
	bond_member_set(sb->bond, slot, sp->name, &lacp, clock_ms());
	bond_member_link(sb->bond, slot, sp->port->link, sp->speed_mbps,
			 clock_ms());
}

/*
 * Nothing is sent to it from here on, but a worker may be about to: the
 * caller syncs before the port goes.
 */
static void detach(struct sw_bond *sb, unsigned slot)
{
	bond_member_remove(sb->bond, slot, clock_ms());
	run(sb);
	bond_port_set_member(sb->bp, slot, NULL);
	sb->member[slot] = NULL;
	memset(&sb->lacp[slot], 0, sizeof(sb->lacp[slot]));
}

static bool is_member(const struct switch_conf *conf, const char *bond,
		      const char *member)
{
	int32_t m = switch_conf_find_port(conf, member);

	return m != CONF_NONE && conf->ports[m].bond != CONF_NONE &&
	       !strcmp(conf->ports[conf->ports[m].bond].name, bond);
}

static void leave(struct sw_bond *sb, const struct switch_conf *wanted)
{
	unsigned i;

	for (i = 0; i < BOND_MEMBERS_MAX; i++) {
		struct sw_port *sp = sb->member[i];

		if (sp && (!sp->port ||
			   !is_member(wanted, sb->sp->name, sp->name)))
			detach(sb, i);
	}
}

/* It goes as a whole: workers forget it with the view. */
static void retire(struct sw_bond *sb)
{
	event_del(sb->timer);
	event_del(sb->look);
	memset(sb->member, 0, sizeof(sb->member));
}

void switch_bonds_leave(struct sw *sw, const struct switch_conf *wanted)
{
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++) {
		struct sw_port *sp = sw->ports[i];

		if (!sp || !sp->bond)
			continue;
		if (sp->port)
			leave(sp->bond, wanted);
		else
			retire(sp->bond);
	}
}

/* Did a member come? */
static bool enter(struct sw_bond *sb, const struct conf_port *conf)
{
	const struct conf_bond *cb = &conf->bonding;
	bool came = false;
	unsigned i;

	for (i = 0; i < cb->member_count; i++) {
		struct sw_port *sp = switch_find_port(sb->sp->sw,
						      cb->members[i].name);
		int slot;

		if (!sp || !sp->port || !sp->control || slot_of(sb, sp) >= 0)
			continue;
		slot = free_slot(sb, i);
		if (slot < 0)
			continue;
		sb->member[slot] = sp;
		came = true;
	}
	configure(sb, conf);
	set_look(sb, cb->miimon_ms);
	for (i = 0; i < BOND_MEMBERS_MAX; i++)
		if (sb->member[i])
			attach(sb, i, conf);
	announcer_reconsider(sb->announcer);
	run(sb);
	return came;
}

bool switch_bonds_enter(struct sw *sw)
{
	bool came = false;
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++) {
		struct sw_port *sp = sw->ports[i];
		const struct conf_port *conf =
			sp && sp->bond ? switch_port_conf(sw, sp) : NULL;

		if (conf)
			came |= enter(sp->bond, conf);
	}
	return came;
}

/* ---- as interfaces live ------------------------------------------------------------ */

/* Whose member is it, and where? */
static struct sw_bond *bond_of(const struct sw *sw, const struct sw_port *sp,
			       unsigned *slot)
{
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++) {
		struct sw_port *b = sw->ports[i];
		int at = b && b->bond ? slot_of(b->bond, sp) : -1;

		if (at < 0)
			continue;
		*slot = (unsigned)at;
		return b->bond;
	}
	return NULL;
}

bool switch_bond_slot(const struct sw *sw, const struct switch_conf *conf,
		      const struct sw_port *sp, const struct sw_port **bond,
		      unsigned *slot)
{
	const struct sw_bond *sb = bond_of(sw, sp, slot);

	if (!sb || !is_member(conf, sb->sp->name, sp->name))
		return false;
	*bond = sb->sp;
	return true;
}

void switch_bond_lost(struct sw *sw, struct sw_port *member)
{
	unsigned slot;
	struct sw_bond *sb = bond_of(sw, member, &slot);

	if (sb)
		detach(sb, slot);
}

void switch_bond_link(struct sw *sw, struct sw_port *member)
{
	unsigned slot;
	struct sw_bond *sb = bond_of(sw, member, &slot);

	if (!sb)
		return;
	bond_member_link(sb->bond, slot, member->port->link,
			 member->speed_mbps, clock_ms());
	run(sb);
}

void switch_bond_slow(struct sw *sw, struct sw_port *member,
		      const uint8_t *frame, size_t len)
{
	unsigned slot;
	struct sw_bond *sb = bond_of(sw, member, &slot);

	if (!sb)
		return;
	bond_slow_input(sb->bond, slot, frame, len, clock_ms());
	run(sb);
}

struct sw_port *switch_bond_way_out(const struct sw_bond *sb,
				    const uint8_t *frame, size_t len)
{
	const struct bond_table *t = bond_table(sb->bond);
	unsigned slot = atomic_load(&t->member_of[bond_bucket(t, frame, len)]);

	return slot < BOND_MEMBERS_MAX ? sb->member[slot] : NULL;
}

bool switch_bond_aggregates(const struct sw_bond *sb, unsigned slot)
{
	const struct lacp *lacp = bond_lacp(sb->bond);

	return lacp && lacp_distributing(lacp, slot);
}

/* ---- set-up --------------------------------------------------------------------------- */

int switch_bond_open(struct sw_port *sp, const struct conf_port *conf,
		     char *why, size_t size)
{
	struct sw_bond *sb = calloc(1, sizeof(*sb));
	int rc = -ENOMEM;

	if (!sb)
		goto fail;
	sb->sp = sp;
	make_conf(sb, conf, &sb->conf);
	rc = bond_new(&sb->bond, &sb->conf, clock_ms());
	if (!rc)
		rc = bond_port_new(&sb->bp, conf->name, bond_table(sb->bond),
				   sp->sw->workers.count);
	if (!rc)
		rc = announcer_new(&sb->announcer, sp);
	sb->timer = evtimer_new(sp->sw->base, on_timer, sb);
	sb->look = event_new(sp->sw->base, -1, EV_PERSIST, on_look, sb);
	if (!rc && (!sb->timer || !sb->look))
		rc = -ENOMEM;
	if (rc < 0)
		goto fail;
	sp->bond = sb;
	sp->port = bond_port_port(sb->bp);
	sp->port->id = sp->id;
	return 0;

fail:
	switch_bond_free(sb);
	snprintf(why, size, "bond %s: %s", conf->name, strerror(-rc));
	return rc;
}

void switch_bond_free(struct sw_bond *sb)
{
	if (!sb)
		return;
	if (sb->timer)
		event_free(sb->timer);
	if (sb->look)
		event_free(sb->look);
	announcer_free(sb->announcer);
	bond_port_free(sb->bp);
	bond_free(sb->bond);
	free(sb);
}

/* ---- facts ------------------------------------------------------------------------------ */

const struct bond *switch_bond(const struct sw_bond *sb)
{
	return sb->bond;
}

const struct bond_table *switch_bond_table(const struct sw_bond *sb)
{
	return bond_table(sb->bond);
}

struct bond_port *switch_bond_port(const struct sw_bond *sb)
{
	return sb->bp;
}

const struct announcer *switch_bond_announcer(const struct sw_bond *sb)
{
	return sb->announcer;
}

const struct bond_conf *switch_bond_conf(const struct sw_bond *sb)
{
	return &sb->conf;
}

struct sw_port *switch_bond_member(const struct sw_bond *sb, unsigned slot)
{
	return sb->member[slot];
}

const struct switch_bond_event *switch_bond_event(const struct sw_bond *sb,
						  unsigned i)
{
	if (i >= sb->event_count || i >= SWITCH_BOND_EVENTS)
		return NULL;
	return &sb->events[(sb->event_count - 1 - i) % SWITCH_BOND_EVENTS];
}

int switch_bond_set_active(struct sw_bond *sb, struct sw_port *member)
{
	int slot = slot_of(sb, member);
	int rc = slot < 0 ? -EINVAL
			  : bond_set_active(sb->bond, (unsigned)slot,
					    clock_ms());

	run(sb);
	return rc;
}
