/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch.c: make the running switch follow the desired one.
 *
 * The order within switch_apply() is what keeps policy ahead of traffic:
 *
 *	prepare   open what new ports need, set up the kernel's interfaces
 *		  (switch_link.h), build the new view
 *	leave     queues of ports that go are taken from the workers; bonds
 *		  do without members that go
 *	publish   the new view; sync: from here on nobody uses the old one
 *	forget    addresses of what went or moved; learn the configured ones
 *	free      old ports, old view
 *	enter     bonds get their members; queues of new ports are given to
 *		  workers
 *
 * Neither a port's id nor a network's segment number is used again before the
 * sync after its removal, so a stale address can at worst lead to an id that
 * has no port.
 */
#include "vswitch/switch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <x86intrin.h>

#include "base/daemon.h"
#include "base/log.h"
#include "vswitch/capture.h"
#include "vswitch/switch_bond.h"
#include "vswitch/switch_held.h"
#include "vswitch/switch_link.h"
#include "vswitch/switch_netd.h"
#include "vswitch/switch_nic.h"
#include "vswitch/switch_port.h"
#include "vswitch/switch_queues.h"
#include "vswitch/switch_tables.h"
#include "vswitch/switch_uplink.h"
#include "vswitch/switch_view.h"
#include "vswitch/switch_watch.h"

/* How long a change waits for a worker, in watchdog_ms and at least. */
#define PATIENCE_PER_WATCHDOG 10
#define PATIENCE_MIN_MS	      5000

const struct bridge_view *switch_view(const struct sw *sw)
{
	return atomic_load(&sw->bridge.view);
}

struct sw_port *switch_find_port(const struct sw *sw, const char *name)
{
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++)
		if (sw->ports[i] && !sw->ports[i]->coming &&
		    !strcmp(sw->ports[i]->name, name))
			return sw->ports[i];
	return NULL;
}

const struct conf_port *switch_port_conf(const struct sw *sw,
					 const struct sw_port *sp)
{
	int32_t i = switch_conf_find_port(sw->running, sp->name);

	return sp->coming || i == CONF_NONE ? NULL : &sw->running->ports[i];
}

static void counters_add(struct port_counters *sum,
			 const struct port_counters *c)
{
	unsigned i;

	sum->rx_frames += c->rx_frames;
	sum->rx_bytes += c->rx_bytes;
	sum->tx_frames += c->tx_frames;
	sum->tx_bytes += c->tx_bytes;
	sum->generated += c->generated;
	sum->copies += c->copies;
	sum->segments += c->segments;
	sum->learn_deferred += c->learn_deferred;
	for (i = 0; i < DROP_COUNT; i++)
		sum->drops[i] += c->drops[i];
}

void switch_port_counters(const struct sw *sw, const struct sw_port *sp,
			  struct port_counters *sum)
{
	unsigned w;

	*sum = sp->said;
	for (w = 0; w < sw->workers.count; w++)
		counters_add(sum, &sp->state->ctr[w]);
}

void switch_total_counters(const struct sw *sw, struct port_counters *sum)
{
	struct port_counters c;
	unsigned i;

	*sum = sw->past;
	for (i = 0; i < PORT_ID_MAX; i++) {
		if (!sw->ports[i])
			continue;
		switch_port_counters(sw, sw->ports[i], &c);
		counters_add(sum, &c);
	}
}

/* What switch_tables.c has piled up. */
static void collect_garbage(struct sw *sw)
{
	struct sw_garbage *g = atomic_exchange(&sw->garbage, NULL);

	if (g)
		workers_sync(&sw->workers);
	while (g) {
		struct sw_garbage *next = g->next;

		g->free(g->p);
		free(g);
		g = next;
	}
}

/* ---- apply ----------------------------------------------------------------------- */

/* Everything of one switch_apply() that must be undone or finished. */
struct change {
	struct switch_conf *wanted;
	struct switch_conf_plan plan;
	struct switch_conf_errors *errs;
	unsigned flags; /* enum switch_apply_flags */
	unsigned new_count, old_count;
	struct sw_port **fresh; /* made by prepare */
	struct sw_port **gone;
	struct bridge_view *view;
	void (*said)(void *ctx, const char *action);
	void *ctx;
};

static int change_error(struct change *c, const struct conf_port *conf,
			const char *blamed, const char *why)
{
	struct switch_conf_error *e = &c->errs->error[0];
	const char *key, *end = switch_conf_port_end(conf, &key);
	char mtu[16];

	snprintf(mtu, sizeof(mtu), "%u", conf->mtu);
	if (blamed) {
		key = blamed;
		end = mtu;
	}

	c->errs->count = 1;
	snprintf(e->path, sizeof(e->path), "ports[%u].%s", conf->place, key);
	snprintf(e->value, sizeof(e->value), "%s", end);
	snprintf(e->expected, sizeof(e->expected), "%s", why);
	return -EIO;
}

/* Does a port that goes have the socket, interface or device as yet? */
static bool is_held(const struct sw *sw, const struct change *c,
		    const struct conf_port *conf)
{
	const char *end = switch_conf_port_end(conf, NULL);
	unsigned i;

	for (i = 0; end[0] && i < c->old_count; i++) {
		const struct conf_port *old = switch_port_conf(sw, c->gone[i]);

		if (old && !strcmp(switch_conf_port_end(old, NULL), end))
			return true;
	}
	return false;
}

/*
 * A new port, or what takes an old one's place: made, and opened before that
 * one goes, unless it holds the same socket, interface or device.  That a
 * device is there can be said before.
 */
static int prepare_port(struct sw *sw, struct change *c,
			const struct conf_port *conf)
{
	bool boot = c->flags & SWITCH_BOOT;
	struct sw_port *sp;
	char why[WHY_MAX];
	int rc = sw_port_new(sw, conf, &sp);

	if (rc < 0)
		return change_error(c, conf, NULL, "memory for a port");
	sp->coming = true;
	c->fresh[c->new_count++] = sp;
	if (conf->type == CONF_NIC && !boot &&
	    switch_nic_check(conf, why, sizeof(why)) < 0)
		return change_error(c, conf, NULL, why);
	if (is_held(sw, c, conf))
		return 0;
	rc = sw_port_open(sp, conf, why, sizeof(why));
	if (rc < 0 && !boot)
		return change_error(c, conf, sp->blamed, why);
	if (rc < 0)
		log_warn("port %s waits: %s", sp->name, why);
	return 0;
}

/*
 * Once all are open: the default route that a tap of the host gets may be that
 * of an interface that is taken from it.
 */
static int prepare_links(struct change *c)
{
	unsigned i;
	int rc = 0;

	for (i = 0; i < c->new_count && !rc; i++) {
		struct sw_port *sp = c->fresh[i];
		int32_t k = switch_conf_find_port(c->wanted, sp->name);

		if (!sp->hp || k == CONF_NONE)
			continue;
		if (c->flags & SWITCH_BOOT)
			switch_link_try(sp, &c->wanted->ports[k]);
		else
			rc = switch_link_open(sp, &c->wanted->ports[k],
					      c->errs);
	}
	return rc;
}

static int prepare_ports(struct sw *sw, struct change *c)
{
	unsigned i;
	int rc = 0;

	for (i = 0; i < c->plan.count && !rc; i++) {
		const struct switch_conf_action *a = &c->plan.actions[i];
		struct sw_port *sp;

		if (a->object != CONF_PORT)
			continue;
		if (a->verb == CONF_REMOVE) {
			sp = switch_find_port(
				sw, sw->running->ports[a->before].name);
			if (sp)
				c->gone[c->old_count++] = sp;
		}
		if (a->verb == CONF_ADD)
			rc = prepare_port(sw, c, &c->wanted->ports[a->after]);
	}
	return rc ? rc : prepare_links(c);
}

static bool is_gone(const struct change *c, const struct sw_port *sp)
{
	unsigned i;

	for (i = 0; i < c->old_count; i++)
		if (c->gone[i] == sp)
			return true;
	return false;
}

/* What a view of `wanted` is made of, beside taps. */
struct parts {
	struct view_port port[PORT_ID_MAX];
	struct view_member member[PORT_ID_MAX];
	unsigned ports, members;
};

/*
 * A member of a bond is seen as its bond, or, while it is not attached, by
 * nobody.
 */
static void add_member(const struct sw *sw, const struct change *c,
		       const struct sw_port *sp, struct parts *parts)
{
	struct view_member *m = &parts->member[parts->members];
	const struct sw_port *bond;
	unsigned slot;

	if (!switch_bond_slot(sw, c->wanted, sp, &bond, &slot) ||
	    (c->gone && is_gone(c, bond)))
		return;
	m->table = switch_bond_table(bond->bond);
	m->id = sp->id;
	m->bond = bond->id;
	m->slot = slot;
	parts->members++;
}

static void list_parts(const struct sw *sw, const struct change *c,
		       struct parts *parts)
{
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++) {
		struct sw_port *sp = sw->ports[i];
		struct view_port *vp = &parts->port[parts->ports];
		int32_t k;

		if (!sp || !sp->port || (c->gone && is_gone(c, sp)))
			continue;
		k = switch_conf_find_port(c->wanted, sp->name);
		if (k == CONF_NONE)
			continue;
		if (c->wanted->ports[k].bond != CONF_NONE) {
			add_member(sw, c, sp, parts);
			continue;
		}
		vp->conf = &c->wanted->ports[k];
		vp->port = sp->port;
		vp->state = sp->state;
		vp->id = sp->id;
		parts->ports++;
	}
}

/* The view of `wanted` over the ports that will be there. */
static int make_view(struct sw *sw, struct change *c)
{
	struct parts *list = calloc(1, sizeof(*list));
	struct view_parts parts = { .conf = c->wanted };
	int rc;

	if (!list)
		return -ENOMEM;
	list_parts(sw, c, list);
	parts.ports = list->port;
	parts.port_count = list->ports;
	parts.members = list->member;
	parts.member_count = list->members;
	rc = capture_taps(sw, c->wanted, &parts.taps, &parts.tap_count);
	if (!rc)
		rc = switch_view_new(&c->view, &parts, c->errs);
	free((void *)parts.taps);
	free(list);
	return rc;
}

/* Publish c->view; the old one is free to go when this returns. */
static void publish(struct sw *sw, struct change *c)
{
	struct bridge_view *old = atomic_exchange(&sw->bridge.view, c->view);

	c->view = NULL;
	workers_sync(&sw->workers);
	switch_view_free(old);
}

static void remove_port(struct sw *sw, struct sw_port *sp)
{
	struct port_counters last;

	switch_port_counters(sw, sp, &last);
	counters_add(&sw->past, &last);
	fdb_reset_port(sw->bridge.fdb, sp->id);
	mcast_flush_port(sw->bridge.mcast, sp->id);
	sw_port_free(sw, sp);
}

static void remove_gone(struct sw *sw, struct change *c)
{
	bool netds = false;
	unsigned i;

	for (i = 0; i < c->old_count; i++) {
		netds |= sw_port_is_netds(c->gone[i]);
		remove_port(sw, c->gone[i]);
	}
	if (netds)
		switch_held_settle(sw, c->wanted);
}

static void say(struct change *c, const char *action)
{
	log_info("%s", action);
	if (c->said)
		c->said(c->ctx, action);
}

static void say_waits(struct change *c, const struct sw_port *sp)
{
	char text[sizeof(sp->name) + WHY_MAX + 16];

	snprintf(text, sizeof(text), "port %s waits: %s", sp->name,
		 sp->waiting);
	say(c, text);
}

static void arrive(struct change *c)
{
	unsigned i;

	for (i = 0; i < c->new_count; i++)
		c->fresh[i]->coming = false;
}

/*
 * Ports whose predecessor had to go first.  There is no way back by now, so
 * what fails can only be said.
 */
static void open_recreated(struct sw *sw, struct change *c)
{
	char why[WHY_MAX];
	unsigned i;

	for (i = 0; i < c->new_count; i++) {
		struct sw_port *sp = c->fresh[i];
		int32_t k = switch_conf_find_port(c->wanted, sp->name);

		if (sp->port || sp->waiting[0] || k == CONF_NONE)
			continue;
		if (sw_port_open(sp, &c->wanted->ports[k], why, sizeof(why)) < 0)
			say_waits(c, sp);
		else
			sp->link_retry = true; /* with all of them open */
	}
}

/* Of taps that were opened after the tables had followed. */
static void pin_host_macs(struct sw *sw, struct change *c)
{
	unsigned i;

	for (i = 0; i < c->new_count; i++)
		switch_tables_host_mac(sw, c->fresh[i], c->fresh[i]->host_mac);
}

static void change_rates(struct sw *sw, struct change *c)
{
	unsigned i;

	for (i = 0; i < c->plan.count; i++) {
		const struct switch_conf_action *a = &c->plan.actions[i];
		struct sw_port *sp;

		if (a->object != CONF_PORT || a->verb != CONF_CHANGE ||
		    !(a->parts & CONF_PART_RATE))
			continue;
		sp = switch_find_port(sw, c->wanted->ports[a->after].name);
		if (sp)
			sw_port_set_rates(sw, sp, &c->wanted->ports[a->after]);
	}
}

/* A disabled port is not attached: its guest sees no carrier. */
static void set_links(struct sw *sw, const struct switch_conf *wanted)
{
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++) {
		struct sw_port *sp = sw->ports[i];
		int32_t k = sp && sp->vif ? switch_conf_find_port(wanted,
								  sp->name)
					  : CONF_NONE;

		if (k != CONF_NONE)
			vif_set_link(sp->vif, wanted->ports[k].locking !=
						      CONF_LOCK_DISABLED);
	}
}

static void use_settings(struct sw *sw, const struct switch_conf *conf)
{
	atomic_store(&sw->workers.poll_cycles,
		     sw->tsc_hz / 1000000 * conf->settings.poll_us);
	/* long after the watchdog has said so */
	sw->workers.patience_ms = PATIENCE_PER_WATCHDOG *
				  conf->settings.watchdog_ms;
	if (sw->workers.patience_ms < PATIENCE_MIN_MS)
		sw->workers.patience_ms = PATIENCE_MIN_MS;
}

/*
 * Keep the state that is about to be in force: a change that would not survive
 * a restart is not made.
 */
static int keep(struct sw *sw, const struct switch_conf *conf,
		struct switch_conf_errors *errs)
{
	struct switch_conf_error *e = &errs->error[0];
	char *text;
	int rc;

	if (!sw->state_path)
		return 0;
	text = switch_conf_save(conf);
	rc = text ? daemon_save_file(sw->state_path, text, strlen(text), 0600)
		  : -ENOMEM;
	free(text);
	if (!rc) {
		sw->refused[0] = '\0';
		return 0;
	}
	errs->count = 1;
	snprintf(e->path, sizeof(e->path), "--state-dir");
	snprintf(e->value, sizeof(e->value), "%.100s: %s", sw->state_path,
		 strerror(-rc));
	snprintf(e->expected, sizeof(e->expected),
		 "a folder the switch can write, with room; a state that a "
		 "restart would lose is not taken");
	return rc;
}

int switch_keep(struct sw *sw, struct switch_conf_errors *errs)
{
	return keep(sw, sw->running, errs);
}

/* Nothing can fail any more. */
static void commit(struct sw *sw, struct change *c)
{
	sw_queues_leave(sw, c->gone, c->old_count);
	switch_bonds_leave(sw, c->wanted);
	publish(sw, c);
	/* First, so that a recreated port finds its address free, and its
	 * predecessor's id is nobody's. */
	remove_gone(sw, c);
	arrive(c);
	switch_tables_follow(sw, c->wanted, &c->plan);
	change_rates(sw, c);
	use_settings(sw, c->wanted);
	open_recreated(sw, c);
	set_links(sw, c->wanted);
	switch_conf_free(sw->running);
	sw->running = c->wanted;
	switch_link_done(sw);
	switch_link_retry(sw);
	pin_host_macs(sw, c);
	sw->applied++;
	switch_uplinks_refresh(sw);
	switch_bonds_enter(sw);
}

static void undo(struct sw *sw, struct change *c)
{
	bool netds = false;
	unsigned i;

	switch_view_free(c->view);
	for (i = 0; i < c->new_count; i++) {
		netds |= sw_port_is_netds(c->fresh[i]);
		sw_port_free(sw, c->fresh[i]);
	}
	if (netds && c->flags & SWITCH_BOOT)
		switch_held_doubt(sw); /* it is not settled what shall run */
	else if (netds)
		switch_held_settle(sw, sw->running);
	sw->has_gateway = switch_link_has_gateway(sw->running);
	switch_link_undo(sw);
}

static void tell(struct sw *sw, struct change *c)
{
	char text[256];
	unsigned i;

	for (i = 0; i < c->plan.count; i++) {
		switch_conf_action_text(sw->running, c->wanted,
					&c->plan.actions[i], text,
					sizeof(text));
		say(c, text);
	}
}

int switch_review(struct sw *sw)
{
	struct switch_conf_errors errs = { 0 };
	struct change c = { .wanted = sw->running, .errs = &errs };

	int rc = make_view(sw, &c);

	if (rc < 0) {
		log_err("out of memory for a new view; the old one stays");
		return rc;
	}
	publish(sw, &c);
	sw_queues_replan(sw);
	return 0;
}

static int change_init(struct sw *sw, struct change *c)
{
	int rc = switch_conf_diff(sw->running, c->wanted, &c->plan);

	switch_conf_number(c->wanted, sw->running);
	if (rc < 0)
		return rc;
	c->fresh = calloc(c->plan.count + 1, sizeof(struct sw_port *));
	c->gone = calloc(c->plan.count + 1, sizeof(struct sw_port *));
	return c->fresh && c->gone ? 0 : -ENOMEM;
}

static void change_fini(struct change *c)
{
	switch_conf_plan_fini(&c->plan);
	free(c->fresh);
	free(c->gone);
}

/*
 * The tables' sizes are fixed while they are in use; before the first state
 * no port can have used them.
 */
static int fit_tables(struct sw *sw, struct change *c)
{
	struct switch_conf_error *e = &c->errs->error[0];
	struct switch_conf_error text = {
		.path = "settings",
		.value = "fdb_entries, mcast_groups",
		.expected = "the sizes the switch began with; to change them, "
			    "stop it, remove its state file, start it, apply"
	};

	if (sw->running->settings.fdb_entries ==
		    c->wanted->settings.fdb_entries &&
	    sw->running->settings.mcast_groups ==
		    c->wanted->settings.mcast_groups)
		return 0;
	if (!sw->applied)
		return switch_tables_new(sw, &c->wanted->settings);
	*e = text;
	c->errs->count = 1;
	return -EINVAL;
}

int switch_apply(struct sw *sw, struct switch_conf *wanted, unsigned flags,
		 struct switch_conf_errors *errs,
		 void (*said)(void *ctx, const char *action), void *ctx)
{
	struct change c = { .wanted = wanted, .errs = errs, .flags = flags,
			    .said = said, .ctx = ctx };
	int rc = switch_conf_may_replace(sw->running, wanted,
					 flags & SWITCH_FORCE, errs);

	if (rc < 0)
		return rc;
	rc = change_init(sw, &c);
	if (!rc)
		rc = fit_tables(sw, &c);
	if (!rc)
		sw->has_gateway = switch_link_has_gateway(wanted);
	if (!rc)
		rc = switch_link_yield(sw, wanted, flags & SWITCH_BOOT, errs);
	if (!rc)
		rc = prepare_ports(sw, &c);
	if (!rc)
		rc = switch_link_change(sw, wanted, &c.plan,
					flags & SWITCH_BOOT, errs);
	if (!rc)
		rc = make_view(sw, &c);
	if (!rc && !(flags & (SWITCH_BOOT | SWITCH_TRIAL)))
		rc = keep(sw, wanted, errs);
	if (rc < 0) {
		undo(sw, &c);
		change_fini(&c);
		return rc;
	}
	tell(sw, &c);
	commit(sw, &c);
	switch_review(sw);
	switch_watch(sw);
	change_fini(&c);
	return 0;
}

/*
 * The file itself stays until another state is kept, so that the next start
 * says the same; the copy is for whoever wants to know what was in it.
 */
static void put_aside(const struct sw *sw, const char *text, size_t len)
{
	char path[4096 + sizeof(SWITCH_BAD)];
	int rc;

	snprintf(path, sizeof(path), "%s" SWITCH_BAD, sw->state_path);
	rc = daemon_save_file(path, text, len, 0600);
	if (rc < 0)
		log_warn("%s: %s", path, strerror(-rc));
}

static void say_refused(struct sw *sw, int rc,
			const struct switch_conf_errors *errs)
{
	const struct switch_conf_error *e = &errs->error[0];

	if (errs->count)
		snprintf(sw->refused, sizeof(sw->refused),
			 "%.200s: %s%s%s, expected %s", sw->state_path, e->path,
			 e->path[0] ? " is " : "", e->value, e->expected);
	else
		snprintf(sw->refused, sizeof(sw->refused), "%.200s: %s",
			 sw->state_path, strerror(-rc));
	log_err("the saved state is not used: %s", sw->refused);
}

static int load_text(struct sw *sw, const char *text, size_t len,
		     struct switch_conf_errors *errs)
{
	struct switch_conf *conf;
	int rc = switch_conf_parse(&conf, text, len, errs);

	if (rc < 0)
		return rc;
	rc = switch_apply(sw, conf, SWITCH_FORCE | SWITCH_BOOT, errs, NULL,
			  NULL);
	if (rc < 0)
		switch_conf_free(conf);
	return rc;
}

int switch_load(struct sw *sw)
{
	struct switch_conf_errors errs = { 0 };
	size_t len;
	char *text;
	int rc;

	switch_held_doubt(sw); /* of a switch before us */
	if (!sw->state_path)
		return -ENOENT;
	rc = daemon_read_file(sw->state_path, CONF_TEXT_MAX, &text, &len);
	if (rc == -ENOENT)
		return rc;
	if (!rc) {
		rc = load_text(sw, text, len, &errs);
		if (rc < 0)
			put_aside(sw, text, len);
		free(text);
	}
	if (rc < 0)
		say_refused(sw, rc, &errs);
	return rc;
}

/* ---- once a second ------------------------------------------------------------------ */

/* Ports whose device was missing: try again. */
static bool repair(struct sw *sw)
{
	bool came = false;
	char why[WHY_MAX];
	unsigned i;
	int rc;

	for (i = 0; i < PORT_ID_MAX; i++) {
		struct sw_port *sp = sw->ports[i];
		const struct conf_port *conf;

		if (!sp || sp->port || !sp->waiting[0])
			continue;
		conf = switch_port_conf(sw, sp);
		rc = conf ? sw_port_open(sp, conf, why, sizeof(why)) : -ENOENT;
		if (rc == -ETIMEDOUT)
			break; /* netd is silent */
		if (rc < 0)
			continue;
		log_info("port %s: %s is there now", sp->name,
			 switch_conf_port_end(conf, NULL));
		switch_link_try(sp, conf);
		switch_tables_host_mac(sw, sp, sp->host_mac);
		came = true;
	}
	return came;
}

/* Ports, and members of bonds, that were waiting for something. */
static void retry(struct sw *sw)
{
	bool came = repair(sw);

	switch_link_retry(sw);
	switch_uplinks_refresh(sw);
	if (switch_bonds_enter(sw) || came)
		switch_review(sw);
}

static void on_second(evutil_socket_t fd, short what, void *ctx)
{
	struct sw *sw = ctx;
	uint16_t tick = atomic_load(&sw->bridge.tick) + 1;
	uint32_t share = fdb_buckets(sw->bridge.fdb) / 16 + 1;

	atomic_store(&sw->bridge.tick, tick);
	fdb_age(sw->bridge.fdb, tick, sw->running->settings.ageing_s, share);
	mcast_age(sw->bridge.mcast, __rdtsc() / sw->bridge.tsc_per_ms, 0);
	collect_garbage(sw);
	switch_watch(sw);
	switch_held_tick(sw);
	retry(sw);
	if (sw->workers.count > 1)
		sw_queues_rebalance(sw);
}

/* ---- set-up --------------------------------------------------------------------------- */

int switch_init(struct sw *sw)
{
	const struct timeval second = { .tv_sec = 1 };
	struct view_parts parts = { 0 };
	struct bridge_view *empty = NULL;
	struct switch_conf_errors errs = { 0 };
	int rc;

	sw->running = switch_conf_empty();
	if (!sw->running)
		return -ENOMEM;
	parts.conf = sw->running;
	sw->bridge.tsc_per_ms = sw->tsc_hz / 1000;
	rc = switch_tables_new(sw, &sw->running->settings);
	if (!rc)
		rc = switch_view_new(&empty, &parts, &errs);
	if (rc < 0)
		return rc;
	atomic_store(&sw->bridge.view, empty);
	sw->replan = event_new(sw->base, -1, 0, sw_queues_on_change, sw);
	sw->second = event_new(sw->base, -1, EV_PERSIST, on_second, sw);
	if (!sw->replan || !sw->second)
		return -ENOMEM;
	switch_uplinks_init(sw);
	rc = capture_init(sw);
	if (rc < 0)
		return rc;
	event_add(sw->second, &second);
	return 0;
}

void switch_fini(struct sw *sw)
{
	unsigned i;

	capture_fini(sw);
	switch_watch_fini(sw);
	switch_netd_fini(sw);
	if (sw->replan)
		event_free(sw->replan);
	if (sw->second)
		event_free(sw->second);
	for (i = 0; i < PORT_ID_MAX; i++)
		if (sw->ports[i])
			sw_port_free(sw, sw->ports[i]);
	switch_view_free(atomic_load(&sw->bridge.view));
	switch_conf_free(sw->running);
	collect_garbage(sw);
	mcast_free(sw->bridge.mcast);
	fdb_free(sw->bridge.fdb);
}
