/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_tables.c: what is kept of the tables when the configuration changes.
 *
 * A network keeps its segment number while it lives (switch_conf_number()) and
 * a port its id, so an entry stays right as long as its port is in its network.
 * One pass over the forwarding table takes away the others:
 *
 *	the port or the network has gone, or they have parted
 *	learned by a port that may use no address but its own any more
 *	learned from outside, and the network is now another VLAN there
 *
 * Everything else, configured addresses above all, is there all the time:
 * a frame never finds nobody because of a change that is none of its business.
 *
 * The host's own address at a tap is as good as configured: no guest, unlocked
 * or not, may take it.
 */
#include "vswitch/switch_tables.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* ---- set-up -------------------------------------------------------------- */

/*
 * Workers replace what other workers may be reading.  It is piled up here,
 * and freed once a second, after a sync.
 */
static void defer_free(void *ctx, void (*fn)(void *p), void *p)
{
	struct sw_garbage *g = malloc(sizeof(*g));
	struct sw *sw = ctx;

	if (!g)
		return; /* lost, but nobody reads freed memory */
	g->free = fn;
	g->p = p;
	g->next = atomic_load(&sw->garbage);
	while (!atomic_compare_exchange_weak(&sw->garbage, &g->next, g))
		;
}

static int new_fdb(struct sw *sw, const struct conf_settings *settings)
{
	struct fdb_conf fc = FDB_CONF_DEFAULT;
	struct fdb *fdb;
	int rc;

	fc.capacity = settings->fdb_entries;
	fc.hold = (settings->mac_move_hold_ms + 999) / 1000;
	rc = fdb_new(&fdb, &fc);
	if (rc < 0)
		return rc;
	fdb_free(sw->bridge.fdb);
	sw->bridge.fdb = fdb;
	return 0;
}

static int new_mcast(struct sw *sw, const struct conf_settings *settings)
{
	struct mcast_conf mc = { MCAST_CONF_DEFAULT,
				 .defer_free = defer_free, .ctx = sw };
	struct mcast *mcast;
	int rc;

	mc.groups = settings->mcast_groups;
	rc = mcast_new(&mcast, &mc);
	if (rc < 0)
		return rc;
	mcast_free(sw->bridge.mcast);
	sw->bridge.mcast = mcast;
	return 0;
}

int switch_tables_new(struct sw *sw, const struct conf_settings *settings)
{
	int rc = new_fdb(sw, settings);

	return rc ? rc : new_mcast(sw, settings);
}

/* ---- addresses ----------------------------------------------------------- */

/* What decides about an entry, by its port's id and its segment's number. */
struct stale {
	const struct switch_conf *wanted;
	const struct conf_port *port[PORT_ID_MAX]; /* NULL: gone */
	bool relimited[PORT_ID_MAX];		   /* may have fewer */
	int32_t network[CONF_SEGMENTS_MAX];	   /* index, or CONF_NONE */
	bool retagged[CONF_SEGMENTS_MAX];
};

static bool carries(const struct conf_port *port, int32_t network)
{
	unsigned lo = 0, hi = port->carries_count;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (port->carries[mid] < network)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < port->carries_count && port->carries[lo] == network;
}

static bool is_stale(const void *ctx, const struct fdb_entry *e)
{
	const struct stale *s = ctx;
	const struct conf_port *port = s->port[e->port];

	assert(e->segment < CONF_SEGMENTS_MAX);
	if (!port || s->network[e->segment] == CONF_NONE ||
	    !carries(port, s->network[e->segment]) ||
	    port->locking == CONF_LOCK_DISABLED)
		return true;
	if (e->class == FDB_STATIC)
		return false;
	return port->locking == CONF_LOCK_LOCKED || s->relimited[e->port] ||
	       (e->class == FDB_UPLINK && s->retagged[e->segment]);
}

static struct stale *stale_new(const struct sw *sw,
			       const struct switch_conf *wanted)
{
	struct stale *s = calloc(1, sizeof(*s));
	unsigned i;

	if (!s)
		return NULL;
	s->wanted = wanted;
	for (i = 0; i < CONF_SEGMENTS_MAX; i++)
		s->network[i] = CONF_NONE;
	for (i = 0; i < wanted->network_count; i++)
		s->network[wanted->networks[i].segment] = i;
	for (i = 0; i < PORT_ID_MAX; i++) {
		int32_t k = sw->ports[i] ? switch_conf_find_port(
						   wanted, sw->ports[i]->name)
					 : CONF_NONE;

		if (k != CONF_NONE)
			s->port[i] = &wanted->ports[k];
	}
	return s;
}

static void stale_compare(struct stale *s, const struct switch_conf *running)
{
	unsigned i;

	for (i = 0; i < s->wanted->network_count; i++) {
		const struct conf_network *n = &s->wanted->networks[i];
		int32_t k = switch_conf_find_network(running, n->name);

		if (k != CONF_NONE)
			s->retagged[n->segment] =
				n->vlan != running->networks[k].vlan;
	}
	for (i = 0; i < PORT_ID_MAX; i++) {
		int32_t k = s->port[i] ? switch_conf_find_port(
						 running, s->port[i]->name)
				       : CONF_NONE;

		if (k != CONF_NONE)
			s->relimited[i] = s->port[i]->mac_limit <
					  running->ports[k].mac_limit;
	}
}

static bool is_any(const void *ctx, const struct fdb_entry *e)
{
	return true;
}

static void forget_addresses(struct sw *sw, const struct switch_conf *wanted)
{
	struct stale *s = stale_new(sw, wanted);

	if (s)
		stale_compare(s, sw->running);
	fdb_sweep(sw->bridge.fdb, s ? is_stale : is_any, s);
	free(s);
}

/* In every network of the port; `what`: whose it is. */
static void set_static(struct sw *sw, const struct sw_port *sp,
		       const struct switch_conf *conf,
		       const struct conf_port *port, const uint8_t mac[6],
		       const char *what)
{
	unsigned i;
	int rc = 0;

	for (i = 0; i < port->carries_count && rc >= 0; i++) {
		uint16_t segment = conf->networks[port->carries[i]].segment;

		rc = fdb_set_static(sw->bridge.fdb, fdb_key(segment, mac),
				    sp->id);
	}
	if (rc < 0)
		log_warn("port %s: %s: %s", sp->name, what,
			 rc == -EEXIST ? "another port is configured with it"
				       : "it does not fit the forwarding "
					 "table; raise settings.fdb_entries");
}

static bool has_host_mac(const struct sw_port *sp)
{
	static const uint8_t none[6];

	return memcmp(sp->host_mac, none, 6) != 0;
}

static void set_statics(struct sw *sw, const struct sw_port *sp,
			const struct switch_conf *conf,
			const struct conf_port *port)
{
	fdb_set_quota(sw->bridge.fdb, sp->id,
		      port->role == CONF_UPLINK ? FDB_QUOTA_UPLINK
						: port->mac_limit);
	if (port->locking == CONF_LOCK_DISABLED)
		return;
	if (port->has_mac)
		set_static(sw, sp, conf, port, port->mac, "its MAC");
	if (has_host_mac(sp))
		set_static(sw, sp, conf, port, sp->host_mac, "the host's MAC");
}

static void forget_host_mac(struct sw *sw, const struct sw_port *sp,
			    const struct conf_port *port)
{
	const struct conf_network *nets = sw->running->networks;
	struct fdb_hit hit;
	unsigned i;

	if (port->has_mac && !memcmp(port->mac, sp->host_mac, 6))
		return; /* configured as well */
	for (i = 0; i < port->carries_count; i++) {
		uint64_t key = fdb_key(nets[port->carries[i]].segment,
				       sp->host_mac);

		if (fdb_lookup(sw->bridge.fdb, key, &hit) &&
		    hit.port == sp->id)
			fdb_del(sw->bridge.fdb, key);
	}
}

void switch_tables_host_mac(struct sw *sw, struct sw_port *sp,
			    const uint8_t mac[6])
{
	const struct conf_port *port = switch_port_conf(sw, sp);

	if (port && memcmp(sp->host_mac, mac, 6) != 0)
		forget_host_mac(sw, sp, port);
	memcpy(sp->host_mac, mac, 6);
	if (port)
		set_statics(sw, sp, sw->running, port);
}

/* ---- groups -------------------------------------------------------------- */

/* Of the networks that the port carries no more, but that are still there. */
static void leave_groups(struct sw *sw, const struct switch_conf *wanted,
			 const struct switch_conf_action *a)
{
	const struct conf_port *before = &sw->running->ports[a->before];
	const struct conf_port *after = &wanted->ports[a->after];
	const struct sw_port *sp = switch_find_port(sw, after->name);
	unsigned i;

	for (i = 0; sp && i < before->carries_count; i++) {
		const struct conf_network *n =
			&sw->running->networks[before->carries[i]];
		int32_t now = switch_conf_find_network(wanted, n->name);

		if (now != CONF_NONE && !carries(after, now))
			mcast_leave(sw->bridge.mcast, n->segment, sp->id);
	}
}

static void forget_groups(struct sw *sw, const struct switch_conf *wanted,
			  const struct switch_conf_plan *plan)
{
	unsigned i;

	for (i = 0; i < plan->count; i++) {
		const struct switch_conf_action *a = &plan->actions[i];

		if (a->object == CONF_NETWORK && a->verb == CONF_REMOVE)
			mcast_flush_segment(
				sw->bridge.mcast,
				sw->running->networks[a->before].segment);
		if (a->object == CONF_PORT && a->verb == CONF_CHANGE &&
		    (a->parts & CONF_PART_VLAN))
			leave_groups(sw, wanted, a);
	}
}

/* Which networks snoop, and where their routers are. */
static void set_groups(struct sw *sw, const struct switch_conf *wanted)
{
	uint32_t i;

	for (i = 0; i < wanted->network_count; i++) {
		const struct conf_network *n = &wanted->networks[i];
		struct sw_port *up =
			n->uplink == CONF_NONE
				? NULL
				: switch_find_port(
					  sw, wanted->ports[n->uplink].name);

		mcast_set_segment(sw->bridge.mcast, n->segment,
				  n->igmp_snooping, MCAST_AUTO,
				  up ? up->id : MCAST_NO_PORT);
	}
}

void switch_tables_follow(struct sw *sw, const struct switch_conf *wanted,
			  const struct switch_conf_plan *plan)
{
	unsigned i;

	forget_addresses(sw, wanted);
	for (i = 0; i < PORT_ID_MAX; i++) {
		int32_t c = sw->ports[i] ? switch_conf_find_port(
						   wanted, sw->ports[i]->name)
					 : CONF_NONE;

		if (c != CONF_NONE)
			set_statics(sw, sw->ports[i], wanted,
				    &wanted->ports[c]);
	}
	forget_groups(sw, wanted, plan);
	set_groups(sw, wanted);
}
