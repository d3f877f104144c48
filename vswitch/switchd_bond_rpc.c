/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchd_bond_rpc.c: facts of bonds and uplinks as JSON.  Numbers are as
 * vlan/bond.h and its like have them, names are XenServer's and the
 * standard's.
 */
#include "vswitch/switchd_bond_rpc.h"

#include <stdio.h>

#include <jansson.h>

#include "vswitch/bond_port.h"
#include "vswitch/clock_ms.h"
#include "vswitch/switch.h"
#include "vswitch/switch_announce.h"
#include "vswitch/switch_bond.h"
#include "vswitch/uplink_control.h"

static const char *const mode_names[] = {
	[BOND_BALANCE_SLB] = "balance-slb",
	[BOND_ACTIVE_BACKUP] = "active-backup",
	[BOND_LACP] = "lacp",
};

static const char *const hash_names[] = {
	[BOND_TCPUDP_PORTS] = "tcpudp_ports",
	[BOND_SRC_MAC] = "src_mac",
};

static const char *const event_names[] = {
	[BOND_MEMBER_UP] = "member up",
	[BOND_MEMBER_DOWN] = "member down",
	[BOND_ACTIVE] = "active",
	[BOND_MOVED] = "moved",
	[BOND_NEGOTIATED] = "negotiated",
	[BOND_LOST_PARTNER] = "partner lost",
	[BOND_ALL_DOWN] = "all down",
};

static const char *const receive_names[] = {
	[LACP_RX_DISABLED] = "disabled",
	[LACP_RX_EXPIRED] = "expired",
	[LACP_RX_DEFAULTED] = "defaulted",
	[LACP_RX_CURRENT] = "current",
};

static const char *const mux_names[] = {
	[LACP_MUX_DETACHED] = "detached",
	[LACP_MUX_WAITING] = "waiting",
	[LACP_MUX_ATTACHED] = "attached",
	[LACP_MUX_COLLECTING] = "collecting",
	[LACP_MUX_DISTRIBUTING] = "distributing",
};

static json_t *mac_json(const uint8_t mac[6])
{
	return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
			    mac[2], mac[3], mac[4], mac[5]);
}

static json_t *name_or_null(const char *name)
{
	return name && name[0] ? json_string(name) : json_null();
}

/* ---- LACP ------------------------------------------------------------------ */

static json_t *state_json(uint8_t state)
{
	static const char *const names[] = {
		"activity", "timeout",	    "aggregation", "sync",
		"collecting", "distributing", "defaulted",	 "expired",
	};
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < 8; i++)
		if (state >> i & 1)
			json_array_append_new(list, json_string(names[i]));
	return list;
}

static json_t *info_json(const struct lacp_info *info)
{
	return json_pack("{s:i, s:o, s:i, s:i, s:i, s:o}", "system_priority",
			 info->system_priority, "system",
			 mac_json(info->system), "key", info->key,
			 "port_priority", info->port_priority, "port",
			 info->port, "state", state_json(info->state));
}

/* Of one member; null without LACP. */
static json_t *lacp_json(const struct bond *bond, unsigned slot)
{
	const struct lacp *lacp = bond_lacp(bond);
	struct lacp_facts f;

	if (!lacp || !lacp_member_facts(lacp, slot, &f))
		return json_null();
	return json_pack(
		"{s:o, s:o, s:s, s:s, s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:I, "
		"s:I, s:I}",
		"actor", info_json(&f.actor), "partner", info_json(&f.partner),
		"receive", receive_names[f.receive], "mux", mux_names[f.mux],
		"selected", f.selected, "actor_churn", f.actor_churn,
		"partner_churn", f.partner_churn, "rx_pdus",
		(json_int_t)f.rx_pdus, "tx_pdus", (json_int_t)f.tx_pdus,
		"rx_markers", (json_int_t)f.rx_markers, "tx_marker_responses",
		(json_int_t)f.tx_marker_responses, "rx_bad",
		(json_int_t)f.rx_bad, "rx_own", (json_int_t)f.rx_own, "expired",
		(json_int_t)f.expired);
}

static json_t *lacp_conf_json(const struct bond_conf *bc)
{
	if (bc->mode != BOND_LACP)
		return json_null();
	return json_pack("{s:b, s:s, s:o, s:i, s:b}", "active",
			 !bc->lacp.passive, "time",
			 bc->lacp.fast ? "fast" : "slow", "system",
			 mac_json(bc->lacp.system), "system_priority",
			 bc->lacp.system_priority, "fallback_ab",
			 bc->fallback_ab);
}

/* ---- members ------------------------------------------------------------------ */

static int slot_of(const struct sw_bond *sb, const struct sw_port *member)
{
	unsigned i;

	for (i = 0; i < BOND_MEMBERS_MAX; i++)
		if (member && switch_bond_member(sb, i) == member)
			return (int)i;
	return -1;
}

static void add_attached(json_t *o, const struct sw_bond *sb, unsigned slot,
			 uint64_t now)
{
	struct bond_member_counters c;
	struct bond_member_facts f;

	if (!bond_member_facts(switch_bond(sb), slot, now, &f))
		return;
	bond_port_member_counters(switch_bond_port(sb), slot, &c);
	json_object_update_new(
		o, json_pack("{s:b, s:b, s:b, s:I, s:I, s:i, s:I, s:o, s:I, "
			     "s:I, s:I, s:I, s:I}",
			     "link", f.link, "enabled", f.enabled, "active",
			     f.active, "speed_mbps", (json_int_t)f.speed_mbps,
			     "delay_left_ms", (json_int_t)f.delay_left_ms,
			     "buckets", (int)f.buckets, "load_bytes",
			     (json_int_t)f.load_bytes, "lacp",
			     lacp_json(switch_bond(sb), slot), "tx_frames",
			     (json_int_t)c.tx_frames, "tx_bytes",
			     (json_int_t)c.tx_bytes, "tx_lost",
			     (json_int_t)c.tx_lost, "rx_frames",
			     (json_int_t)c.rx_frames, "rx_bytes",
			     (json_int_t)c.rx_bytes));
}

static json_t *member_json(const struct sw *sw, const struct sw_bond *sb,
			   const struct conf_member *cm, uint64_t now)
{
	const struct sw_port *sp = switch_find_port(sw, cm->name);
	const struct conf_port *conf = &sw->running->ports[cm->port];
	int slot = slot_of(sb, sp);
	json_t *o = json_pack("{s:s, s:s, s:i, s:s, s:b, s:b, s:b}", "name",
			      cm->name, "interface",
			      switch_conf_port_end(conf, NULL), "slot", slot,
			      "waiting", sp ? sp->waiting : "", "link", false,
			      "enabled", false, "active", false);

	if (slot >= 0)
		add_attached(o, sb, (unsigned)slot, now);
	return o;
}

static json_t *members_json(const struct sw *sw, const struct sw_bond *sb,
			    const struct conf_bond *cb, uint64_t now)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < cb->member_count; i++)
		json_array_append_new(list, member_json(sw, sb,
							&cb->members[i], now));
	return list;
}

/* ---- bonds ---------------------------------------------------------------------- */

static json_t *buckets_json(const struct sw_bond *sb)
{
	const struct bond_table *t = switch_bond_table(sb);
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < BOND_BUCKETS; i++) {
		unsigned slot = atomic_load(&t->member_of[i]);

		json_array_append_new(list, json_integer(slot == BOND_NONE
								 ? -1
								 : (int)slot));
	}
	return list;
}

static json_t *events_json(const struct sw_bond *sb, uint64_t now)
{
	const struct switch_bond_event *e;
	json_t *list = json_array();
	unsigned i;

	for (i = 0; (e = switch_bond_event(sb, i)); i++)
		json_array_append_new(
			list,
			json_pack("{s:I, s:s, s:o, s:s}", "age_ms",
				  (json_int_t)(now - e->event.at_ms), "kind",
				  event_names[e->event.kind], "member",
				  name_or_null(e->member), "why",
				  e->event.why));
	return list;
}

static const char *slot_name(const struct sw_bond *sb, int slot)
{
	const struct sw_port *sp =
		slot >= 0 && slot < BOND_MEMBERS_MAX
			? switch_bond_member(sb, (unsigned)slot)
			: NULL;

	return sp ? sp->name : NULL;
}

static json_t *failover_json(const struct sw_bond *sb,
			     const struct bond_facts *f, uint64_t now)
{
	if (!f->last_failover.at_ms)
		return json_null();
	return json_pack("{s:I, s:o, s:s}", "age_ms",
			 (json_int_t)(now - f->last_failover.at_ms), "member",
			 name_or_null(slot_name(sb, f->last_failover.member)),
			 "why", f->last_failover.why);
}

static json_t *bond_json(const struct sw *sw, const struct sw_port *sp,
			 const struct conf_port *conf)
{
	const struct sw_bond *sb = sp->bond;
	const struct bond_conf *bc = switch_bond_conf(sb);
	uint64_t now = clock_ms();
	struct announcer_facts af;
	struct bond_facts f;
	json_t *o;

	bond_facts(switch_bond(sb), now, &f);
	announcer_facts(switch_bond_announcer(sb), &af);
	o = json_pack("{s:s, s:s, s:b, s:o, s:b, s:b, s:s, s:I, s:I, s:I, s:I}",
		      "name", sp->name, "mode", mode_names[bc->mode], "up",
		      atomic_load(&switch_bond_table(sb)->up), "active",
		      name_or_null(slot_name(sb, f.active)), "negotiated",
		      f.negotiated, "fallback", f.fallback, "hash",
		      bc->mode == BOND_LACP ? hash_names[bc->hash]
					    : hash_names[BOND_SRC_MAC],
		      "hash_basis", (json_int_t)bc->hash_basis, "updelay_ms",
		      (json_int_t)bc->updelay_ms, "downdelay_ms",
		      (json_int_t)bc->downdelay_ms, "rebalance_interval_ms",
		      (json_int_t)bc->rebalance_interval_ms);
	json_object_set_new(o, "rebalance_in_ms",
			    f.rebalance_in_ms == UINT64_MAX
				    ? json_null()
				    : json_integer((json_int_t)
							   f.rebalance_in_ms));
	json_object_set_new(o, "failovers", json_integer((json_int_t)
								 f.failovers));
	json_object_set_new(o, "last_failover", failover_json(sb, &f, now));
	json_object_set_new(o, "lacp", lacp_conf_json(bc));
	json_object_set_new(o, "members",
			    members_json(sw, sb, &conf->bonding, now));
	json_object_set_new(o, "buckets", buckets_json(sb));
	json_object_set_new(o, "announced", json_integer((json_int_t)af.sent));
	json_object_set_new(o, "announce_left", json_integer(af.left));
	json_object_set_new(o, "events", events_json(sb, now));
	return o;
}

void bond_rpc_list(struct rpc_request *req, void *ctx)
{
	json_t *list = json_array();
	struct sw *sw = ctx;
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++) {
		const struct sw_port *sp = sw->ports[i];
		const struct conf_port *conf =
			sp && sp->bond ? switch_port_conf(sw, sp) : NULL;

		if (conf)
			json_array_append_new(list, bond_json(sw, sp, conf));
	}
	rpc_reply(req, json_pack("{s:o}", "bonds", list));
}

/* ---- by hand ---------------------------------------------------------------------- */

/* The port that a parameter names, or NULL when the request is answered. */
static struct sw_port *port_param(struct rpc_request *req,
				  const struct sw *sw, const char *key)
{
	const char *name =
		json_string_value(json_object_get(req->params, key));
	struct sw_port *sp = name ? switch_find_port(sw, name) : NULL;

	if (!sp)
		rpc_refuse(req, RPC_NOT_FOUND, key, name,
			   "see `switchctl bond`", "no such %s", key);
	return sp;
}

void bond_rpc_set_active(struct rpc_request *req, void *ctx)
{
	struct sw *sw = ctx;
	struct sw_port *bond = port_param(req, sw, "bond"), *member;

	if (!bond)
		return;
	if (!bond->bond) {
		rpc_refuse(req, RPC_NOT_FOUND, "bond", bond->name,
			   "see `switchctl bond`", "not a bond");
		return;
	}
	member = port_param(req, sw, "member");
	if (!member)
		return;
	if (switch_bond_set_active(bond->bond, member) < 0)
		rpc_refuse(req, RPC_REFUSED, "member", member->name,
			   "an enabled member of a bond with an active one",
			   "it cannot be the active member");
	else
		rpc_reply(req, json_object());
}

/* ---- uplinks ------------------------------------------------------------------------- */

static json_t *control_json(const struct sw_port *sp)
{
	struct uplink_facts f;

	if (!sp->control)
		return json_null();
	uplink_control_facts(sp->control, &f);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "rx_slow",
			 (json_int_t)f.rx_slow, "rx_lldp",
			 (json_int_t)f.rx_lldp, "rx_other",
			 (json_int_t)f.rx_other, "rx_limited",
			 (json_int_t)f.rx_limited, "tx", (json_int_t)f.tx,
			 "tx_full", (json_int_t)f.tx_full, "tx_failed",
			 (json_int_t)f.tx_failed);
}

static bool is_uplink(const struct conf_port *conf)
{
	return conf && conf->type != CONF_BOND &&
	       (conf->role == CONF_UPLINK || conf->bond != CONF_NONE);
}

static json_t *uplink_json(const struct sw *sw, const struct sw_port *sp,
			   const struct conf_port *conf)
{
	const char *bond = conf->bond == CONF_NONE
				   ? NULL
				   : sw->running->ports[conf->bond].name;

	return json_pack("{s:s, s:s, s:o, s:b, s:I, s:b, s:o, s:i, s:s, s:o}",
			 "port", sp->name, "interface",
			 switch_conf_port_end(conf, NULL), "bond",
			 name_or_null(bond), "link",
			 sp->port && sp->port->link, "speed_mbps",
			 (json_int_t)sp->speed_mbps, "full_duplex",
			 sp->full_duplex, "mac", mac_json(sp->mac), "mtu",
			 (int)conf->mtu, "link_mtu", (int)sp->link_mtu, "waiting", sp->waiting, "control",
			 control_json(sp));
}

void uplink_rpc_list(struct rpc_request *req, void *ctx)
{
	json_t *list = json_array();
	struct sw *sw = ctx;
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++) {
		const struct sw_port *sp = sw->ports[i];
		const struct conf_port *conf =
			sp ? switch_port_conf(sw, sp) : NULL;

		if (is_uplink(conf))
			json_array_append_new(list, uplink_json(sw, sp, conf));
	}
	rpc_reply(req, json_pack("{s:o}", "uplinks", list));
}

/* ---- LLDP ------------------------------------------------------------------------------ */

static json_t *neighbour_json(const struct lldp_neighbour *n, uint64_t now)
{
	return json_pack(
		"{s:s, s:i, s:s, s:i, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:b, "
		"s:i, s:I, s:I}",
		"chassis", n->chassis, "chassis_type", n->chassis_type, "port",
		n->port, "port_type", n->port_type, "port_description",
		n->port_description, "system_name", n->system_name,
		"system_description", n->system_description, "management",
		n->management, "capabilities", n->capabilities, "enabled",
		n->enabled, "pvid", n->pvid, "aggregated", n->aggregated,
		"ttl_s", n->ttl_s, "age_ms", (json_int_t)(now - n->heard_ms),
		"left_ms",
		(json_int_t)(n->until_ms > now ? n->until_ms - now : 0));
}

static json_t *lldp_json(const struct sw_port *sp, const struct conf_port *conf)
{
	const struct lldp *lldp = uplink_control_neighbours(sp->control);
	json_t *list = json_array();
	uint64_t now = clock_ms();
	struct uplink_facts f;
	unsigned i;

	uplink_control_facts(sp->control, &f);
	for (i = 0; i < lldp_neighbour_count(lldp); i++)
		json_array_append_new(
			list, neighbour_json(lldp_neighbour(lldp, i), now));
	return json_pack(
		"{s:s, s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "port",
		sp->name, "interface", switch_conf_port_end(conf, NULL), "tx",
		f.lldp_tx, "rx", f.lldp_rx, "tx_frames", (json_int_t)f.lldp.tx, "rx_frames",
		(json_int_t)f.lldp.rx, "rx_bad", (json_int_t)f.lldp.rx_bad,
		"rx_bad_tlvs", (json_int_t)f.lldp.rx_bad_tlvs, "aged_out", (json_int_t)f.lldp.aged_out, "too_many",
		(json_int_t)f.lldp.too_many, "neighbours", list);
}

void lldp_rpc_list(struct rpc_request *req, void *ctx)
{
	json_t *list = json_array();
	struct sw *sw = ctx;
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++) {
		const struct sw_port *sp = sw->ports[i];
		const struct conf_port *conf =
			sp && sp->control ? switch_port_conf(sw, sp) : NULL;

		if (conf)
			json_array_append_new(list, lldp_json(sp, conf));
	}
	rpc_reply(req, json_pack("{s:o}", "uplinks", list));
}
