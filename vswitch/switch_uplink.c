/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_uplink.c: which ports speak for themselves, and what they say.
 *
 * A port's control socket follows three things that change at different
 * times: the desired state (is it an uplink?  does it speak LLDP?), its
 * interface (is it there?), and netd (does it answer?).  So there is no place
 * that opens one; there is one function that looks at every port and makes
 * what is wanted so.
 */
#include "vswitch/switch_uplink.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/utsname.h>

#include "base/log.h"
#include "base/netd_client.h"
#include "vswitch/switch_bond.h"
#include "vswitch/switch_netd.h"
#include "vswitch/switch_nic.h"
#include "vswitch/uplink_control.h"

/* ---- what is said ----------------------------------------------------------- */

void switch_uplinks_init(struct sw *sw)
{
	struct utsname u;

	if (uname(&u) < 0)
		return;
	snprintf(sw->system_name, sizeof(sw->system_name), "%s", u.nodename);
	snprintf(sw->system_description, sizeof(sw->system_description),
		 "Causeway " CAUSEWAY_VERSION " on %s %s", u.sysname,
		 u.release);
}

static void describe(const struct sw *sw, const struct sw_port *sp,
		     const struct conf_port *conf, struct lldp_local *local)
{
	const struct sw_port *bond;
	unsigned slot;

	memset(local, 0, sizeof(*local));
	memcpy(local->chassis, sw->chassis, 6);
	memcpy(local->mac, sp->mac, 6);
	snprintf(local->port, sizeof(local->port), "%s",
		 sp->nic ? sp->name : conf->interface);
	snprintf(local->system_name, sizeof(local->system_name), "%s",
		 sw->system_name);
	snprintf(local->system_description, sizeof(local->system_description),
		 "%s", sw->system_description);
	if (conf->native != CONF_NONE)
		local->pvid = sw->running->networks[conf->native].vlan;
	local->mtu = conf->mtu;
	local->aggregation_capable = conf->bond != CONF_NONE;
	if (!switch_bond_slot(sw, sw->running, sp, &bond, &slot))
		return;
	local->aggregated = switch_bond_aggregates(bond->bond, slot);
	local->aggregate_id = local->aggregated ? bond->id + 1u : 0;
}

/* ---- sockets ---------------------------------------------------------------- */

static bool wants_control(const struct sw_port *sp,
			  const struct conf_port *conf)
{
	return ((sp->hp && conf->type == CONF_PACKET) || sp->nic) &&
	       (conf->role == CONF_UPLINK || conf->bond != CONF_NONE);
}

static void on_slow(void *ctx, const uint8_t *frame, size_t len)
{
	struct sw_port *sp = ctx;

	switch_bond_slow(sp->sw, sp, frame, len);
}

/*
 * netd's socket, or, for a NIC of our own, one end of a pair.  `netd` is
 * opened at its first use.
 */
static int open_socket(struct sw *sw, struct sw_port *sp,
		       const struct conf_port *conf, struct netd_client **netd)
{
	struct netd_link link;
	struct rpc_error err;
	int fd;

	if (sp->nic)
		return switch_nic_control(sp->nic);
	if ((*netd || !switch_netd_open(sw, netd, &err)) &&
	    !netd_control_open(*netd, conf->interface, &fd, &link, &err))
		return fd;
	log_limited(LOG_LEVEL_WARN, sp->id,
		    "port %s: no LACP and no LLDP: %s", sp->name, err.message);
	return -EAGAIN;
}

static void open_control(struct sw *sw, struct sw_port *sp,
			 const struct conf_port *conf,
			 struct netd_client **netd)
{
	struct uplink_conf uc = { .base = sw->base,
				  .lldp_tx = conf->lldp & CONF_LLDP_TX,
				  .lldp_rx = conf->lldp & CONF_LLDP_RX,
				  .slow = on_slow,
				  .ctx = sp };
	static const uint8_t none[6];

	if (!sp->nic)
		memcpy(uc.ifname, conf->interface, sizeof(uc.ifname));
	uc.fd = open_socket(sw, sp, conf, netd);
	if (uc.fd < 0)
		return;
	if (!memcmp(sw->chassis, none, 6))
		memcpy(sw->chassis, sp->mac, 6);
	describe(sw, sp, conf, &uc.lldp);
	if (uplink_control_new(&sp->control, &uc) < 0) {
		close(uc.fd);
		return;
	}
	uplink_control_link(sp->control, sp->port->link);
}

void switch_uplink_close(struct sw_port *sp)
{
	uplink_control_free(sp->control);
	sp->control = NULL;
}

/* Tell LLDP what has changed; it keeps quiet when nothing has. */
static void refresh(struct sw *sw, struct sw_port *sp,
		    const struct conf_port *conf)
{
	struct lldp_local local;

	describe(sw, sp, conf, &local);
	uplink_control_lldp(sp->control, &local, conf->lldp & CONF_LLDP_TX,
			    conf->lldp & CONF_LLDP_RX);
}

void switch_uplinks_refresh(struct sw *sw)
{
	struct netd_client *netd = NULL;
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++) {
		struct sw_port *sp = sw->ports[i];
		const struct conf_port *conf =
			sp && (sp->hp || sp->nic) ? switch_port_conf(sw, sp)
						  : NULL;

		if (!conf)
			continue;
		if (!wants_control(sp, conf)) {
			switch_uplink_close(sp);
		} else if (sp->control) {
			refresh(sw, sp, conf);
		} else {
			open_control(sw, sp, conf, &netd);
		}
	}
	switch_netd_close(sw, netd);
}

/* ---- links -------------------------------------------------------------------- */

void switch_uplink_link(struct sw_port *sp, const struct netd_link *link)
{
	bool up = link->up && link->carrier;

	memcpy(sp->mac, link->mac, sizeof(sp->mac));
	sp->link_mtu = link->mtu;
	if (sp->port->link == up && sp->speed_mbps == link->speed_mbps)
		return;
	sp->speed_mbps = link->speed_mbps;
	sp->full_duplex = link->duplex != NETD_DUPLEX_HALF;
	if (sp->port->link != up)
		log_info("port %s: %s has %s carrier", sp->name, link->ifname,
			 up ? "a" : "no");
	sp->port->link = up;
	switch_uplink_changed(sp);
}

void switch_uplink_look(struct sw_port *sp)
{
	if (!sp->control || !sp->port || !sp->port->link ||
	    uplink_control_carrier(sp->control))
		return;
	log_info("port %s: has no carrier any more", sp->name);
	sp->port->link = false;
	switch_uplink_changed(sp);
}

void switch_uplink_changed(struct sw_port *sp)
{
	switch_bond_link(sp->sw, sp); /* first: traffic waits for it */
	if (sp->control)
		uplink_control_link(sp->control, sp->port->link);
}

/* ---- sending -------------------------------------------------------------------- */

int switch_uplink_send(struct sw_port *up, const uint8_t *frame, size_t len)
{
	if (up->bond)
		up = switch_bond_way_out(up->bond, frame, len);
	if (!up || !up->control || !up->port || !up->port->link)
		return -ENETDOWN;
	return uplink_control_send(up->control, frame, len);
}
