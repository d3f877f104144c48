/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch.c: make the running switch follow the desired one.
 *
 * The order within switch_apply() is what keeps policy ahead of traffic:
 *
 *	prepare   open what new ports need, build the new view
 *	leave     queues of ports that go are taken from the workers
 *	publish   the new view; sync: from here on nobody uses the old one
 *	forget    addresses of what went or moved; learn the configured ones
 *	free      old ports, old view
 *	enter     queues of new ports are given to workers
 *
 * A port's id is not used again before the sync after its removal, so a stale
 * address can at worst lead to an id that has no port.
 */
#include "vswitch/switch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <x86intrin.h>

#include "base/daemon.h"
#include "base/log.h"
#include "base/netd_client.h"
#include "vswitch/balance.h"
#include "vswitch/capture.h"
#include "vswitch/switch_view.h"

#define WHY_MAX sizeof(((struct sw_port *)NULL)->waiting)

const struct bridge_view *switch_view(const struct sw *sw)
{
	return atomic_load(&sw->bridge.view);
}

struct sw_port *switch_find_port(const struct sw *sw, const char *name)
{
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++)
		if (sw->ports[i] && !strcmp(sw->ports[i]->name, name))
			return sw->ports[i];
	return NULL;
}

const struct conf_port *switch_port_conf(const struct sw *sw,
					 const struct sw_port *sp)
{
	int32_t i = switch_conf_find_port(sw->running, sp->name);

	return i == CONF_NONE ? NULL : &sw->running->ports[i];
}

void switch_port_counters(const struct sw *sw, const struct sw_port *sp,
			  struct port_counters *sum)
{
	unsigned w, i;

	memset(sum, 0, sizeof(*sum));
	for (w = 0; w < sw->workers.count; w++) {
		const struct port_counters *c = &sp->state->ctr[w];

		sum->rx_frames += c->rx_frames;
		sum->rx_bytes += c->rx_bytes;
		sum->tx_frames += c->tx_frames;
		sum->tx_bytes += c->tx_bytes;
		sum->copies += c->copies;
		sum->segments += c->segments;
		sum->learn_deferred += c->learn_deferred;
		for (i = 0; i < DROP_COUNT; i++)
			sum->drops[i] += c->drops[i];
	}
}

/* ---- queues ---------------------------------------------------------------- */

static void list_workers(const struct sw *sw, struct balance_worker list[])
{
	unsigned i;

	for (i = 0; i < sw->workers.count; i++) {
		const struct worker *w = sw->workers.worker[i];

		list[i].busy_cycles = w->stats.busy_cycles - w->busy_before;
		list[i].node = w->node;
	}
}

/* Make the port's rxqs match what it offers now. */
static void port_fit_queues(struct sw *sw, struct sw_port *sp,
			    unsigned load[])
{
	unsigned want = sp->port ? sp->port->rx_queues : 0;
	struct balance_worker workers[WORKERS_MAX];

	list_workers(sw, workers);
	while (sp->rxq_count < want) {
		struct rxq *rq = calloc(1, sizeof(*rq));

		if (!rq)
			return; /* the next replan tries again */
		rq->port = sp->port;
		rq->q = sp->rxq_count;
		rq->worker = balance_place(workers, sw->workers.count, load,
					   sp->port->numa_node);
		load[rq->worker]++;
		sp->rxq[sp->rxq_count++] = rq;
	}
}

/* Publish who polls what.  Frees rxqs that a port no longer has. */
static void replan(struct sw *sw)
{
	struct rxq **list = calloc(PORT_ID_MAX * 2, sizeof(*list));
	unsigned load[WORKERS_MAX] = { 0 };
	unsigned i, q, n = 0;

	if (!list)
		return;
	for (i = 0; i < PORT_ID_MAX; i++)
		for (q = 0; sw->ports[i] && q < sw->ports[i]->rxq_count; q++)
			load[sw->ports[i]->rxq[q]->worker]++;
	for (i = 0; i < PORT_ID_MAX; i++) {
		struct sw_port *sp = sw->ports[i];
		unsigned have;

		if (!sp || !sp->port)
			continue;
		port_fit_queues(sw, sp, load);
		have = sp->port->rx_queues < sp->rxq_count
			       ? sp->port->rx_queues
			       : sp->rxq_count;
		for (q = 0; q < have && n < PORT_ID_MAX * 2; q++)
			list[n++] = sp->rxq[q];
	}
	if (workers_set_queues(&sw->workers, list, n) < 0)
		log_err("out of memory while assigning queues");
	free(list);
}

static void on_replan(evutil_socket_t fd, short what, void *ctx)
{
	replan(ctx);
}

/* Once a second: give a queue of a worker that is short of time away. */
static void rebalance(struct sw *sw)
{
	struct balance_queue *queues = calloc(PORT_ID_MAX * 2,
					      sizeof(*queues));
	struct rxq **list = calloc(PORT_ID_MAX * 2, sizeof(*list));
	struct balance_worker workers[WORKERS_MAX];
	struct balance_move move;
	unsigned i, q, n = 0;

	list_workers(sw, workers);
	for (i = 0; queues && list && i < PORT_ID_MAX; i++) {
		struct sw_port *sp = sw->ports[i];

		for (q = 0; sp && q < sp->rxq_count && n < PORT_ID_MAX * 2;
		     q++, n++) {
			list[n] = sp->rxq[q];
			queues[n].cycles = list[n]->cycles -
					   list[n]->cycles_before;
			queues[n].worker = list[n]->worker;
			queues[n].node = sp->port ? sp->port->numa_node : -1;
			list[n]->cycles_before = list[n]->cycles;
		}
	}
	for (i = 0; i < sw->workers.count; i++)
		sw->workers.worker[i]->busy_before =
			sw->workers.worker[i]->stats.busy_cycles;
	if (n && balance_pick(workers, sw->workers.count, queues, n,
			      sw->tsc_hz, &move)) {
		log_info("queue %u of port %s moves from worker %u to %u",
			 list[move.queue]->q, list[move.queue]->port->name,
			 list[move.queue]->worker, move.to);
		list[move.queue]->worker = move.to;
		replan(sw);
	}
	free(queues);
	free(list);
}

static void want_replan(struct sw *sw)
{
	event_active(sw->replan, EV_TIMEOUT, 0);
}

/* Take the queues of ports that go from the workers for good. */
static void ports_leave(struct sw *sw, struct sw_port *gone[], unsigned n)
{
	unsigned i, q;

	for (i = 0; i < n; i++)
		gone[i]->port = NULL; /* replan() passes it over */
	if (n)
		replan(sw);
	for (i = 0; i < n; i++) {
		for (q = 0; q < gone[i]->rxq_count; q++)
			free(gone[i]->rxq[q]);
		gone[i]->rxq_count = 0;
	}
}

/* ---- what a vif asks of us -------------------------------------------------- */

static void vif_host_quiesce(void *ctx)
{
	struct sw_port *sp = ctx;

	workers_release(&sp->sw->workers, sp->rxq, sp->rxq_count);
}

static void vif_host_changed(void *ctx, struct vif *vif)
{
	struct sw_port *sp = ctx;

	want_replan(sp->sw);
}

static void vif_host_log(void *ctx, struct vif *vif, const char *line)
{
	struct sw_port *sp = ctx;

	log_info("port %s: %s", sp->name, line);
}

static int open_vif(struct sw_port *sp, const struct conf_port *conf,
		    char *why, size_t size)
{
	struct vif_conf vc = { .server = conf->server,
			       .trusted = conf->trusted,
			       .peer_uid = conf->peer_uid,
			       .queues = conf->queues,
			       .mtu = conf->mtu };
	struct vif_host host = { .base = sp->sw->base,
				 .quiesce = vif_host_quiesce,
				 .changed = vif_host_changed,
				 .log = vif_host_log,
				 .ctx = sp };
	int rc;

	snprintf(vc.name, sizeof(vc.name), "%s", conf->name);
	memcpy(vc.socket, conf->socket, sizeof(vc.socket));
	if (conf->csum)
		vc.offload |= PORT_TX_CSUM;
	if (conf->csum && conf->tso)
		vc.offload |= PORT_TX_TSO4 | PORT_TX_TSO6 | PORT_TX_TSO_ECN;
	rc = vif_new(&sp->vif, &vc, &host);
	if (rc < 0) {
		snprintf(why, size, "%s: %s", conf->socket, strerror(-rc));
		return rc;
	}
	sp->port = vif_port(sp->vif);
	sp->port->id = sp->id;
	return 0;
}

/* ---- host interfaces --------------------------------------------------------- */

/* What both the kernel and the configuration want to be left undone. */
static uint32_t host_offload(const struct conf_port *conf, uint32_t kernel)
{
	static const uint32_t tso[][2] = {
		{ NETD_TSO4, PORT_TX_TSO4 },
		{ NETD_TSO6, PORT_TX_TSO6 },
		{ NETD_TSO_ECN, PORT_TX_TSO_ECN },
		{ NETD_USO, PORT_TX_USO },
	};
	uint32_t offload = 0;
	unsigned i;

	if (!conf->csum || !(kernel & NETD_CSUM))
		return 0;
	for (i = 0; conf->tso && i < 4; i++)
		if (kernel & tso[i][0])
			offload |= tso[i][1];
	return offload | PORT_TX_CSUM;
}

static int open_fds(struct sw *sw, const struct conf_port *conf,
		    struct host_port_conf *hc, struct rpc_error *err)
{
	struct netd_packet_conf pc = { .ifname = conf->interface,
				       .mtu = conf->mtu,
				       .want_tags = true };
	struct netd_client *netd;
	struct netd_link link = { .offload = 0 };
	int rc = netd_client_open(&netd, sw->netd_path, err);

	if (rc < 0)
		return rc;
	if (conf->type == CONF_TAP)
		rc = netd_tap_open(netd, conf->interface, conf->mtu,
				   conf->queues, hc->fds, &link, err);
	else
		rc = netd_packet_open(netd, &pc, &hc->fds[0], &link, err);
	netd_client_close(netd);
	hc->offload = host_offload(conf, link.offload);
	return rc;
}

static void release_interface(struct sw *sw, const char *ifname)
{
	struct netd_client *netd;
	struct rpc_error err;

	if (netd_client_open(&netd, sw->netd_path, &err) < 0) {
		log_warn("cannot give back %s: %s", ifname, err.message);
		return;
	}
	if (netd_release(netd, ifname, &err) < 0)
		log_warn("cannot give back %s: %s", ifname, err.message);
	netd_client_close(netd);
}

static int open_host_port(struct sw_port *sp, const struct conf_port *conf,
			  char *why, size_t size)
{
	struct host_port_conf hc = { .name = conf->name,
				     .kind = conf->type == CONF_TAP
						     ? HOST_PORT_TAP
						     : HOST_PORT_PACKET,
				     .queues = conf->type == CONF_TAP
						       ? conf->queues
						       : 1,
				     .mtu = conf->mtu };
	struct rpc_error err;
	unsigned i;
	int rc;

	rc = open_fds(sp->sw, conf, &hc, &err);
	if (rc < 0) {
		snprintf(why, size, "%.120s%s%.120s", err.message,
			 err.hint[0] ? ": " : "", err.hint);
		return rc;
	}
	rc = host_port_new(&sp->hp, &hc);
	if (rc < 0) {
		snprintf(why, size, "%s: %s", conf->interface, strerror(-rc));
		for (i = 0; i < hc.queues; i++)
			close(hc.fds[i]);
		return rc;
	}
	sp->port = host_port_port(sp->hp);
	sp->port->id = sp->id;
	return 0;
}

/* ---- ports --------------------------------------------------------------------- */

static int free_id(const struct sw *sw)
{
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++)
		if (!sw->ports[i])
			return i;
	return -ENOSPC;
}

static void set_rates(struct sw *sw, struct sw_port *sp,
		      const struct conf_port *conf)
{
	const uint64_t pps[STORM_KINDS] = { conf->storm_pps, conf->storm_pps,
					    conf->storm_pps };
	struct port_state *st = sp->state;
	uint64_t now = __rdtsc();

	rate_init_bits(&st->from_guest, conf->rate_from_guest_bps, 0,
		       sw->tsc_hz, now);
	rate_init_bits(&st->to_guest, conf->rate_to_guest_bps, 0, sw->tsc_hz,
		       now);
	storm_init(&st->storm, pps, sw->tsc_hz, now);
}

static void port_close(struct sw_port *sp)
{
	vif_free(sp->vif);
	host_port_free(sp->hp);
	sp->vif = NULL;
	sp->hp = NULL;
	sp->port = NULL;
}

static void port_free(struct sw *sw, struct sw_port *sp)
{
	port_close(sp);
	sw->ports[sp->id] = NULL;
	free(sp->state);
	free(sp);
}

static int port_open(struct sw_port *sp, const struct conf_port *conf,
		     char *why, size_t size)
{
	int rc = conf->type == CONF_VHOST_USER
			 ? open_vif(sp, conf, why, size)
			 : open_host_port(sp, conf, why, size);

	if (rc < 0)
		snprintf(sp->waiting, sizeof(sp->waiting), "%s", why);
	else
		sp->waiting[0] = '\0';
	return rc;
}

static int port_new(struct sw *sw, const struct conf_port *conf,
		    struct sw_port **out)
{
	struct sw_port *sp = calloc(1, sizeof(*sp));
	int id = free_id(sw);

	if (!sp || id < 0)
		goto fail;
	sp->state = aligned_alloc(64, sizeof(*sp->state));
	if (!sp->state)
		goto fail;
	memset(sp->state, 0, sizeof(*sp->state));
	memcpy(sp->name, conf->name, sizeof(sp->name));
	sp->id = id;
	sp->type = conf->type;
	sp->sw = sw;
	set_rates(sw, sp, conf);
	sw->ports[id] = sp;
	*out = sp;
	return 0;

fail:
	free(sp);
	return id < 0 ? id : -ENOMEM;
}

/* ---- addresses ------------------------------------------------------------------ */

static void set_statics(struct sw *sw, const struct sw_port *sp,
			const struct conf_port *conf)
{
	unsigned i;

	fdb_set_quota(sw->bridge.fdb, sp->id,
		      conf->role == CONF_UPLINK ? FDB_QUOTA_UPLINK
						: conf->mac_limit);
	if (!conf->has_mac || conf->locking == CONF_LOCK_DISABLED)
		return;
	for (i = 0; i < conf->carries_count; i++) {
		uint64_t key = fdb_key(conf->carries[i], conf->mac);

		if (fdb_set_static(sw->bridge.fdb, key, sp->id) < 0)
			log_warn("port %s: its MAC does not fit the "
				 "forwarding table; raise "
				 "settings.fdb_entries",
				 sp->name);
	}
}

/*
 * Segments are numbered by their place in the configuration: when networks
 * come or go, every address is another one.
 */
static bool segments_moved(const struct switch_conf *a,
			   const struct switch_conf *b)
{
	uint32_t i;

	if (a->network_count != b->network_count)
		return true;
	for (i = 0; i < a->network_count; i++)
		if (strcmp(a->networks[i].name, b->networks[i].name))
			return true;
	return false;
}

/* Which networks snoop, and where their routers are. */
static void refresh_groups(struct sw *sw, const struct switch_conf *wanted)
{
	uint32_t i;

	for (i = 0; i < wanted->network_count; i++) {
		const struct conf_network *n = &wanted->networks[i];
		struct sw_port *up =
			n->uplink == CONF_NONE
				? NULL
				: switch_find_port(
					  sw, wanted->ports[n->uplink].name);

		mcast_set_segment(sw->bridge.mcast, i, n->igmp_snooping,
				  MCAST_AUTO, up ? up->id : MCAST_NO_PORT);
	}
}

static void refresh_addresses(struct sw *sw, const struct switch_conf *wanted,
			      const struct switch_conf_plan *plan)
{
	bool all = segments_moved(sw->running, wanted);
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++)
		if (sw->ports[i] && all)
			fdb_flush_port(sw->bridge.fdb, i, true);
	for (i = 0; i < sw->running->network_count && all; i++)
		mcast_flush_segment(sw->bridge.mcast, i);
	for (i = 0; i < plan->count && !all; i++) {
		const struct switch_conf_action *a = &plan->actions[i];
		struct sw_port *sp;

		if (a->object != CONF_PORT || a->verb == CONF_REMOVE ||
		    !(a->parts & (CONF_PART_VLAN | CONF_PART_POLICY)))
			continue;
		sp = switch_find_port(sw, wanted->ports[a->after].name);
		if (!sp)
			continue;
		fdb_flush_port(sw->bridge.fdb, sp->id, true);
		mcast_flush_port(sw->bridge.mcast, sp->id);
	}
	for (i = 0; i < PORT_ID_MAX; i++) {
		int32_t c = sw->ports[i] ? switch_conf_find_port(
						   wanted, sw->ports[i]->name)
					 : CONF_NONE;

		if (c != CONF_NONE)
			set_statics(sw, sw->ports[i], &wanted->ports[c]);
	}
}

/* ---- memory that workers let go of -------------------------------------------------- */

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
	bool boot;
	unsigned new_count, old_count;
	struct sw_port **fresh; /* made by prepare */
	struct sw_port **gone;
	struct bridge_view *view;
};

static int change_error(struct change *c, const struct conf_port *conf,
			const char *why)
{
	struct switch_conf_error *e = &c->errs->error[0];

	c->errs->count = 1;
	snprintf(e->path, sizeof(e->path), "ports[%s].%s", conf->name,
		 conf->type == CONF_VHOST_USER ? "socket" : "interface");
	snprintf(e->value, sizeof(e->value), "%s",
		 conf->type == CONF_VHOST_USER ? conf->socket
					       : conf->interface);
	snprintf(e->expected, sizeof(e->expected), "%s", why);
	return -EIO;
}

static bool is_recreated(const struct change *c, const char *name)
{
	unsigned i;

	for (i = 0; i < c->plan.count; i++) {
		const struct switch_conf_action *a = &c->plan.actions[i];

		if (a->object == CONF_PORT && a->verb == CONF_ADD &&
		    (a->parts & CONF_PART_RECREATE) &&
		    !strcmp(c->wanted->ports[a->after].name, name))
			return true;
	}
	return false;
}

/*
 * New ports: made, and opened unless an old port that goes holds the same
 * socket or interface.
 */
static int prepare_ports(struct sw *sw, struct change *c)
{
	char why[WHY_MAX];
	unsigned i;
	int rc;

	for (i = 0; i < c->plan.count; i++) {
		const struct switch_conf_action *a = &c->plan.actions[i];
		const struct conf_port *conf;
		struct sw_port *sp;

		if (a->object != CONF_PORT)
			continue;
		if (a->verb == CONF_REMOVE) {
			sp = switch_find_port(
				sw, sw->running->ports[a->before].name);
			if (sp)
				c->gone[c->old_count++] = sp;
		}
		if (a->verb != CONF_ADD)
			continue;
		conf = &c->wanted->ports[a->after];
		rc = port_new(sw, conf, &sp);
		if (rc < 0)
			return change_error(c, conf, "memory for a port");
		c->fresh[c->new_count++] = sp;
		if (is_recreated(c, conf->name))
			continue;
		rc = port_open(sp, conf, why, sizeof(why));
		if (rc < 0 && !c->boot)
			return change_error(c, conf, why);
		if (rc < 0)
			log_warn("port %s waits: %s", sp->name, why);
	}
	return 0;
}

static bool is_gone(const struct change *c, const struct sw_port *sp)
{
	unsigned i;

	for (i = 0; i < c->old_count; i++)
		if (c->gone[i] == sp)
			return true;
	return false;
}

/* The view of `wanted` over the ports that will be there. */
static int make_view(struct sw *sw, struct change *c)
{
	struct view_port *vp = calloc(PORT_ID_MAX, sizeof(*vp));
	struct view_parts parts = { .conf = c->wanted };
	unsigned i, n = 0;
	int rc;

	if (!vp)
		return -ENOMEM;
	for (i = 0; i < PORT_ID_MAX; i++) {
		struct sw_port *sp = sw->ports[i];
		int32_t k;

		if (!sp || !sp->port || (c->gone && is_gone(c, sp)))
			continue;
		k = switch_conf_find_port(c->wanted, sp->name);
		if (k == CONF_NONE)
			continue;
		vp[n].conf = &c->wanted->ports[k];
		vp[n].port = sp->port;
		vp[n].state = sp->state;
		vp[n++].id = sp->id;
	}
	parts.ports = vp;
	parts.port_count = n;
	rc = capture_taps(sw, c->wanted, &parts.taps, &parts.tap_count);
	if (!rc)
		rc = switch_view_new(&c->view, &parts, c->errs);
	free((void *)parts.taps);
	free(vp);
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

static void remove_gone(struct sw *sw, struct change *c)
{
	unsigned i;

	for (i = 0; i < c->old_count; i++) {
		struct sw_port *sp = c->gone[i];
		const struct conf_port *conf = switch_port_conf(sw, sp);
		bool kept = is_recreated(c, sp->name);

		fdb_flush_port(sw->bridge.fdb, sp->id, true);
		fdb_reset_port(sw->bridge.fdb, sp->id);
		mcast_flush_port(sw->bridge.mcast, sp->id);
		if (conf && conf->type != CONF_VHOST_USER && !kept) {
			port_close(sp);
			release_interface(sw, conf->interface);
		}
		port_free(sw, sp);
	}
}

/* Ports whose predecessor had to go first. */
static void open_recreated(struct sw *sw, struct change *c)
{
	char why[WHY_MAX];
	unsigned i;

	for (i = 0; i < c->new_count; i++) {
		struct sw_port *sp = c->fresh[i];
		int32_t k = switch_conf_find_port(c->wanted, sp->name);

		if (sp->port || sp->waiting[0] || k == CONF_NONE)
			continue;
		if (port_open(sp, &c->wanted->ports[k], why, sizeof(why)) < 0)
			log_warn("port %s waits: %s", sp->name, why);
	}
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
			set_rates(sw, sp, &c->wanted->ports[a->after]);
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
}

static void save_state(struct sw *sw)
{
	char *text;
	int rc;

	if (!sw->state_path)
		return;
	text = switch_conf_save(sw->running);
	rc = text ? daemon_save_file(sw->state_path, text, strlen(text), 0600)
		  : -ENOMEM;
	if (rc < 0)
		log_err("cannot keep the state in %s: %s; it runs, but a "
			"restart will not find it",
			sw->state_path, strerror(-rc));
	free(text);
}

/* Nothing can fail any more. */
static void commit(struct sw *sw, struct change *c)
{
	ports_leave(sw, c->gone, c->old_count);
	publish(sw, c);
	/* First, so that a recreated port finds its address free. */
	remove_gone(sw, c);
	refresh_addresses(sw, c->wanted, &c->plan);
	refresh_groups(sw, c->wanted);
	change_rates(sw, c);
	use_settings(sw, c->wanted);
	open_recreated(sw, c);
	set_links(sw, c->wanted);
	switch_conf_free(sw->running);
	sw->running = c->wanted;
	sw->applied++;
}

static void undo(struct sw *sw, struct change *c)
{
	unsigned i;

	switch_view_free(c->view);
	for (i = 0; i < c->new_count; i++) {
		int32_t k = switch_conf_find_port(c->wanted,
						  c->fresh[i]->name);
		bool host = c->fresh[i]->hp;

		port_close(c->fresh[i]);
		if (host && k != CONF_NONE)
			release_interface(sw, c->wanted->ports[k].interface);
		port_free(sw, c->fresh[i]);
	}
}

static void tell(struct sw *sw, struct change *c,
		 void (*said)(void *ctx, const char *action), void *ctx)
{
	char text[256];
	unsigned i;

	for (i = 0; i < c->plan.count; i++) {
		switch_conf_action_text(sw->running, c->wanted,
					&c->plan.actions[i], text,
					sizeof(text));
		log_info("%s", text);
		if (said)
			said(ctx, text);
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
	replan(sw);
	return 0;
}

static int change_init(struct sw *sw, struct change *c)
{
	int rc = switch_conf_diff(sw->running, c->wanted, &c->plan);

	if (rc < 0)
		return rc;
	c->fresh = calloc(c->plan.count + 1, sizeof(*c->fresh));
	c->gone = calloc(c->plan.count + 1, sizeof(*c->gone));
	return c->fresh && c->gone ? 0 : -ENOMEM;
}

static void change_fini(struct change *c)
{
	switch_conf_plan_fini(&c->plan);
	free(c->fresh);
	free(c->gone);
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

static int new_tables(struct sw *sw, const struct conf_settings *settings)
{
	int rc = new_fdb(sw, settings);

	return rc ? rc : new_mcast(sw, settings);
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
		return new_tables(sw, &c->wanted->settings);
	*e = text;
	c->errs->count = 1;
	return -EINVAL;
}

int switch_apply(struct sw *sw, struct switch_conf *wanted, bool force,
		 bool boot, struct switch_conf_errors *errs,
		 void (*said)(void *ctx, const char *action), void *ctx)
{
	struct change c = { .wanted = wanted, .errs = errs, .boot = boot };
	int rc = switch_conf_may_replace(sw->running, wanted, force, errs);

	if (rc < 0)
		return rc;
	rc = change_init(sw, &c);
	if (!rc)
		rc = fit_tables(sw, &c);
	if (!rc)
		rc = prepare_ports(sw, &c);
	if (!rc)
		rc = make_view(sw, &c);
	if (rc < 0) {
		undo(sw, &c);
		change_fini(&c);
		return rc;
	}
	tell(sw, &c, said, ctx);
	commit(sw, &c);
	switch_review(sw);
	change_fini(&c);
	if (!boot)
		save_state(sw);
	return 0;
}

int switch_load(struct sw *sw)
{
	struct switch_conf_errors errs = { 0 };
	struct switch_conf *conf;
	size_t len;
	char *text;
	int rc;

	if (!sw->state_path)
		return -ENOENT;
	rc = daemon_read_file(sw->state_path, CONF_TEXT_MAX, &text, &len);
	if (rc < 0)
		return rc;
	rc = switch_conf_parse(&conf, text, len, &errs);
	free(text);
	if (!rc)
		rc = switch_apply(sw, conf, true, true, &errs, NULL, NULL);
	else
		conf = NULL;
	if (rc < 0) {
		switch_conf_free(conf);
		if (errs.count)
			log_err("%s: %s is %s, expected %s", sw->state_path,
				errs.error[0].path, errs.error[0].value,
				errs.error[0].expected);
	}
	return rc;
}

/* ---- once a second ------------------------------------------------------------------ */

/* Ports whose device was missing: try again. */
static void repair(struct sw *sw)
{
	bool came = false;
	char why[WHY_MAX];
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++) {
		struct sw_port *sp = sw->ports[i];
		const struct conf_port *conf;

		if (!sp || sp->port || !sp->waiting[0])
			continue;
		conf = switch_port_conf(sw, sp);
		if (!conf || port_open(sp, conf, why, sizeof(why)) < 0)
			continue;
		log_info("port %s: %s is there now", sp->name,
			 conf->type == CONF_VHOST_USER ? conf->socket
						       : conf->interface);
		came = true;
	}
	if (came)
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
	repair(sw);
	if (sw->workers.count > 1)
		rebalance(sw);
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
	rc = new_tables(sw, &sw->running->settings);
	if (!rc)
		rc = switch_view_new(&empty, &parts, &errs);
	if (rc < 0)
		return rc;
	atomic_store(&sw->bridge.view, empty);
	sw->replan = event_new(sw->base, -1, 0, on_replan, sw);
	sw->second = event_new(sw->base, -1, EV_PERSIST, on_second, sw);
	if (!sw->replan || !sw->second)
		return -ENOMEM;
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
	if (sw->replan)
		event_free(sw->replan);
	if (sw->second)
		event_free(sw->second);
	for (i = 0; i < PORT_ID_MAX; i++)
		if (sw->ports[i])
			port_free(sw, sw->ports[i]);
	switch_view_free(atomic_load(&sw->bridge.view));
	switch_conf_free(sw->running);
	collect_garbage(sw);
	mcast_free(sw->bridge.mcast);
	fdb_free(sw->bridge.fdb);
}
