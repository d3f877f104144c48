/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchd_rpc.c: the switch in JSON.
 *
 * Everything here runs on the control thread and may allocate.  Counters are
 * read while workers write them; each number is whole, a sum of several may
 * be a burst apart.
 */
#include "vswitch/switchd_rpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <x86intrin.h>

#include "base/daemon.h"
#include "base/log.h"
#include "base/rpc.h"
#include "vswitch/capture.h"
#include "vswitch/switch_nic.h"
#include "vswitch/switchd_bond_rpc.h"
#include "vswitch/switchd_state_rpc.h"
#include "vswitch/trace.h"

static struct rpc_server *server;

/* ---- ports ------------------------------------------------------------------ */

static json_t *drops_json(const struct port_counters *c)
{
	json_t *drops = json_object();
	unsigned i;

	for (i = 1; i < DROP_COUNT; i++)
		if (c->drops[i])
			json_object_set_new(drops, drop_name(i),
					    json_integer(c->drops[i]));
	return drops;
}

static json_t *counters_json(const struct port_counters *c)
{
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "rx_frames",
		(json_int_t)c->rx_frames, "rx_bytes", (json_int_t)c->rx_bytes,
		"tx_frames", (json_int_t)c->tx_frames, "tx_bytes",
		(json_int_t)c->tx_bytes, "generated", (json_int_t)c->generated,
		"copies", (json_int_t)c->copies,
		"segments", (json_int_t)c->segments, "learn_deferred",
		(json_int_t)c->learn_deferred, "drops", drops_json(c));
}

static void add_mac(json_t *o, const struct conf_port *conf)
{
	char mac[18];

	if (!conf->has_mac)
		return;
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x",
		 conf->mac[0], conf->mac[1], conf->mac[2], conf->mac[3],
		 conf->mac[4], conf->mac[5]);
	json_object_set_new(o, "mac", json_string(mac));
}

static json_t *networks_json(const struct switch_conf *sc,
			     const struct conf_port *conf)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < conf->carries_count; i++)
		json_array_append_new(
			list,
			json_string(sc->networks[conf->carries[i]].name));
	return list;
}

static void add_vif(json_t *o, const struct sw_port *sp)
{
	struct vif_facts f;
	json_t *rings;
	unsigned i;

	vif_facts(sp->vif, &f);
	json_object_set_new(o, "state", json_string(f.state_name));
	json_object_set_new(o, "features", json_string(f.feature_names));
	json_object_set_new(o, "queues", json_integer(f.queues));
	json_object_set_new(o, "memory_bytes", json_integer(f.memory_bytes));
	json_object_set_new(o, "sealed", json_boolean(f.sealed));
	json_object_set_new(o, "logging", json_boolean(f.logging));
	json_object_set_new(o, "connections", json_integer(f.connections));
	json_object_set_new(o, "refusals", json_integer(f.refusals));
	json_object_set_new(o, "last_error", json_string(f.last_error));
	json_object_set_new(o, "peer_uid", json_integer(f.peer_uid));
	json_object_set_new(o, "peer_pid", json_integer(f.peer_pid));
	rings = json_array();
	for (i = 0; i < 2 * f.queues; i++)
		json_array_append_new(
			rings, json_pack("{s:b, s:i, s:I, s:I}", "ready",
					 f.ring[i].ready, "size",
					 f.ring[i].size, "kicks",
					 (json_int_t)f.ring[i].kicks,
					 "bad_chains",
					 (json_int_t)f.ring[i].bad_chains));
	json_object_set_new(o, "rings", rings);
}

static json_t *nic_json(const struct sw_port *sp)
{
	struct nic_port_facts f;

	nic_port_facts(switch_nic_port(sp->nic), &f);
	return json_pack("{s:s, s:I, s:b, s:b, s:b, s:b, s:b, s:I, s:I, s:I, "
			 "s:I, s:I}",
			 "driver", f.driver, "speed_mbps",
			 (json_int_t)f.speed_mbps, "full_duplex", f.full_duplex,
			 "link_interrupts", f.link_interrupts, "rx_interrupts",
			 f.rx_interrupts, "control_queue", f.control_queue,
			 "tags_fit", f.tags_fit, "rx_missed",
			 (json_int_t)f.rx_missed, "rx_errors",
			 (json_int_t)f.rx_errors, "rx_no_memory",
			 (json_int_t)f.rx_no_memory, "tx_errors",
			 (json_int_t)f.tx_errors, "control_lost",
			 (json_int_t)f.control_lost);
}

static const char *const type_names[] = { "vhost-user", "tap", "packet",
					  "bond", "nic" };
static const char *const role_names[] = { "guest", "host", "uplink" };
static const char *const mode_names[] = { "access", "trunk",
					  "native-untagged", "native-tagged",
					  "tunnel" };
static const char *const lock_names[] = { "network_default", "unlocked",
					  "locked", "disabled" };

static json_t *port_json(const struct sw *sw, const struct sw_port *sp)
{
	const struct conf_port *conf = switch_port_conf(sw, sp);
	struct port_counters c;
	const char *key, *end;
	json_t *o, *workers;
	unsigned q;

	switch_port_counters(sw, sp, &c);
	o = json_pack("{s:s, s:i, s:s, s:b, s:o}", "name", sp->name, "id",
		      sp->id, "type", type_names[sp->type], "link",
		      sp->port && sp->port->link, "counters",
		      counters_json(&c));
	if (conf) {
		add_mac(o, conf);
		json_object_set_new(o, "role",
				    json_string(role_names[conf->role]));
		json_object_set_new(o, "vlan_mode",
				    json_string(mode_names[conf->vlan_mode]));
		json_object_set_new(o, "networks",
				    networks_json(sw->running, conf));
		json_object_set_new(o, "locking",
				    json_string(lock_names[conf->locking]));
		json_object_set_new(o, "promiscuous",
				    json_boolean(conf->promiscuous));
		json_object_set_new(o, "isolated",
				    json_boolean(conf->isolated));
		json_object_set_new(o, "mtu", json_integer(conf->mtu));
		if (sp->vif)
			json_object_set_new(o, "queues_max",
					    json_integer(conf->queues));
		end = switch_conf_port_end(conf, &key);
		if (*end)
			json_object_set_new(o, key, json_string(end));
	}
	workers = json_array();
	for (q = 0; q < sp->rxq_count; q++)
		json_array_append_new(workers,
				      json_integer(sp->rxq[q]->worker));
	json_object_set_new(o, "queue_workers", workers);
	if (sp->nic)
		json_object_set_new(o, "nic", nic_json(sp));
	if (sp->vif)
		add_vif(o, sp);
	else
		json_object_set_new(o, "state",
				    json_string(sp->port ? "up" : "waiting"));
	if (sp->waiting[0] || sp->link_why[0])
		json_object_set_new(o, "last_error",
				    json_string(sp->waiting[0] ? sp->waiting
							       : sp->link_why));
	return o;
}

/* A part of a long list: those after the first `skip`, at most `limit`. */
struct page {
	json_t *list;
	uint64_t skip, limit, seen;
};

static struct page page_of(const struct rpc_request *req)
{
	json_t *skip = json_object_get(req->params, "skip");
	json_t *limit = json_object_get(req->params, "limit");
	struct page p = { .list = json_array(), .limit = UINT64_MAX };

	if (json_is_integer(skip) && json_integer_value(skip) > 0)
		p.skip = json_integer_value(skip);
	if (json_is_integer(limit) && json_integer_value(limit) > 0)
		p.limit = json_integer_value(limit);
	return p;
}

/* Is the next entry on this page?  Counts it. */
static bool page_has_next(struct page *p)
{
	uint64_t at = p->seen++;

	return at >= p->skip && at - p->skip < p->limit;
}

static bool page_more(const struct page *p)
{
	return p->seen > p->skip && p->seen - p->skip > p->limit;
}

static void ports_list(struct rpc_request *req, void *ctx)
{
	struct page page = page_of(req);
	struct sw *sw = ctx;
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++)
		if (sw->ports[i] && page_has_next(&page))
			json_array_append_new(page.list,
					      port_json(sw, sw->ports[i]));
	rpc_reply(req, json_pack("{s:o, s:b}", "ports", page.list, "more",
				 page_more(&page)));
}

/* ---- counters ---------------------------------------------------------------- */

static json_t *worker_json(const struct sw *sw, const struct worker *w)
{
	const struct worker_stats *s = &w->stats;
	json_t *sizes = json_array();
	double busy = (double)s->busy_cycles;
	uint64_t idle = worker_idle_cycles(w, __rdtsc());
	double all = busy + (double)idle;
	unsigned i;

	for (i = 0; i <= BURST_MAX; i++)
		json_array_append_new(sizes, json_integer(s->burst_size[i]));
	return json_pack(
		"{s:i, s:i, s:i, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, "
		"s:o}",
		"worker", w->index, "core", w->core, "tid", w->tid, "asleep",
		atomic_load(&w->asleep), "busy_cycles",
		(json_int_t)s->busy_cycles, "idle_cycles",
		(json_int_t)idle, "frames", (json_int_t)s->frames,
		"bursts", (json_int_t)s->bursts, "naps", (json_int_t)s->naps,
		"sleeps", (json_int_t)s->sleeps, "busy_share",
		all > 0 ? busy / all : 0.0, "cycles_per_frame",
		s->frames ? busy / (double)s->frames : 0.0, "burst_sizes",
		sizes);
}

static void stats_get(struct rpc_request *req, void *ctx)
{
	struct sw *sw = ctx;
	struct port_counters total, c;
	json_t *ports = json_array(), *workers = json_array();
	unsigned i;

	switch_total_counters(sw, &total);
	for (i = 0; i < PORT_ID_MAX; i++) {
		struct sw_port *sp = sw->ports[i];
		json_t *o;

		if (!sp)
			continue;
		switch_port_counters(sw, sp, &c);
		o = counters_json(&c);
		json_object_set_new(o, "name", json_string(sp->name));
		json_array_append_new(ports, o);
	}
	for (i = 0; i < sw->workers.count; i++)
		json_array_append_new(workers,
				      worker_json(sw, sw->workers.worker[i]));
	rpc_reply(req, json_pack("{s:I, s:o, s:o, s:o}", "tsc_hz",
				 (json_int_t)sw->tsc_hz, "total",
				 counters_json(&total), "ports", ports,
				 "workers", workers));
}

static void drops_get(struct rpc_request *req, void *ctx)
{
	struct sw *sw = ctx;
	json_t *list = json_array();
	struct port_counters c;
	unsigned i, r;

	for (i = 0; i < PORT_ID_MAX; i++) {
		if (!sw->ports[i])
			continue;
		switch_port_counters(sw, sw->ports[i], &c);
		for (r = 1; r < DROP_COUNT; r++)
			if (c.drops[r])
				json_array_append_new(
					list,
					json_pack("{s:s, s:s, s:s, s:I, s:s}",
						  "port", sw->ports[i]->name,
						  "side",
						  r < DROP_FIRST_EGRESS
							  ? "ingress"
							  : "egress",
						  "reason", drop_name(r),
						  "frames",
						  (json_int_t)c.drops[r],
						  "help", drop_help(r)));
	}
	rpc_reply(req, json_pack("{s:o}", "drops", list));
}

/* ---- forwarding table ---------------------------------------------------------- */

struct fdb_listing {
	const struct sw *sw;
	struct page page;
	int32_t network; /* CONF_NONE: all */
};

static void add_entry(void *ctx, const struct fdb_entry *e)
{
	static const char *const class[] = { "none", "guest", "uplink",
					     "static" };
	struct fdb_listing *l = ctx;
	const struct bridge_view *v = switch_view(l->sw);
	const struct sw_port *sp = l->sw->ports[e->port];
	uint16_t network = e->segment < v->segment_count
				   ? v->segments[e->segment].network
				   : SEGMENT_NONE;
	char mac[18];

	if (l->network != CONF_NONE && network != l->network)
		return;
	if (network == SEGMENT_NONE || !sp || !page_has_next(&l->page))
		return;
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", e->mac[0],
		 e->mac[1], e->mac[2], e->mac[3], e->mac[4], e->mac[5]);
	json_array_append_new(
		l->page.list,
		json_pack("{s:s, s:s, s:s, s:s, s:i}", "network",
			  l->sw->running->networks[network].name, "mac",
			  mac, "port", sp->name, "class", class[e->class & 3],
			  "age_s",
			  e->class == FDB_STATIC
				  ? 0
				  : (uint16_t)(atomic_load(
						       &l->sw->bridge.tick) -
					       e->seen)));
}

static void fdb_list(struct rpc_request *req, void *ctx)
{
	const char *name = json_string_value(
		json_object_get(req->params, "network"));
	struct fdb_listing l = { .sw = ctx, .network = CONF_NONE };

	if (name) {
		l.network = switch_conf_find_network(l.sw->running, name);
		if (l.network == CONF_NONE) {
			rpc_refuse(req, RPC_NOT_FOUND, "network", name,
				   "see `switchctl show`",
				   "no such network");
			return;
		}
	}
	l.page = page_of(req);
	fdb_each(l.sw->bridge.fdb, add_entry, &l);
	rpc_reply(req, json_pack("{s:o, s:I, s:b}", "entries", l.page.list,
				 "count",
				 (json_int_t)fdb_count(l.sw->bridge.fdb),
				 "more", page_more(&l.page)));
}

static void version(struct rpc_request *req, void *ctx)
{
	rpc_reply(req, json_pack("{s:s, s:i}", "version", CAUSEWAY_VERSION,
				 "pid", getpid()));
}

static const struct rpc_method methods[] = {
	{ "state.apply", state_rpc_apply, 0, 0 },
	{ "state.get", state_rpc_get, 0, 0 },
	{ "state.saved", state_rpc_saved, 0, 0 },
	{ "state.trial", state_rpc_trial, 0, 0 },
	{ "state.confirm", state_rpc_confirm, 0, 0 },
	{ "state.revert", state_rpc_revert, 0, 0 },
	{ "ports.list", ports_list, 0, 0 },
	{ "stats.get", stats_get, 0, 0 },
	{ "drops.get", drops_get, 0, 0 },
	{ "fdb.list", fdb_list, 0, 0 },
	{ "bonds.list", bond_rpc_list, 0, 0 },
	{ "bonds.set_active", bond_rpc_set_active, RPC_ADMIN, 0 },
	{ "uplinks.list", uplink_rpc_list, 0, 0 },
	{ "lldp.list", lldp_rpc_list, 0, 0 },
	{ "version", version, 0, 0 },
	{ "capture.start", capture_rpc_start, RPC_ADMIN, 1 },
	{ "capture.stop", capture_rpc_stop, RPC_ADMIN, 0 },
	{ "mirror.add", mirror_rpc_add, RPC_ADMIN, 0 },
	{ "mirror.list", mirror_rpc_list, 0, 0 },
	{ "mirror.del", mirror_rpc_del, RPC_ADMIN, 0 },
	{ "trace", trace_rpc, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static void on_close(struct rpc_conn *conn, void *user, void *ctx)
{
	capture_conn_closed(ctx, conn);
}

int switchd_rpc_start(struct sw *sw, const char *path, const char *group,
		      uid_t owner)
{
	static struct rpc_server_conf conf = RPC_SERVER_CONF_INIT;
	int rc = 0;

	conf.path = path;
	conf.mode = group ? 0660 : 0600;
	conf.uid = owner;
	conf.methods = methods;
	conf.ctx = sw;
	conf.on_close = on_close;
	if (group) {
		rc = daemon_lookup_group(group, &conf.admin_gid);
		conf.gid = conf.admin_gid;
		if (rc < 0) {
			log_err("group %s: %s", group, strerror(-rc));
			return rc;
		}
	}
	rc = state_rpc_init(sw);
	if (!rc)
		rc = rpc_server_new(&server, sw->base, &conf);
	if (rc < 0)
		log_err("%s: %s", path, strerror(-rc));
	return rc;
}

void switchd_rpc_stop(void)
{
	if (server)
		rpc_server_free(server);
	server = NULL;
	state_rpc_fini();
}
