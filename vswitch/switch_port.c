/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_port.c: vhost-user ports connect by themselves and report changes;
 * tap and packet ports are opened by netd, once; NICs are there since the
 * start (switch_nic.c); bonds are switch_bond.c's.
 */
#include "vswitch/switch_port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <x86intrin.h>

#include "base/log.h"
#include "base/netd_client.h"
#include "vswitch/switch_announce.h"
#include "vswitch/switch_bond.h"
#include "vswitch/switch_held.h"
#include "vswitch/switch_netd.h"
#include "vswitch/switch_nic.h"
#include "vswitch/switch_queues.h"
#include "vswitch/switch_uplink.h"

/* ---- what a vif asks of us --------------------------------------------------
 */

static void vif_host_quiesce(void *ctx)
{
	struct sw_port *sp = ctx;

	workers_release(&sp->sw->workers, sp->rxq, sp->rxq_count);
}

static void vif_host_changed(void *ctx, struct vif *vif)
{
	struct sw_port *sp = ctx;

	sw_queues_changed(sp->sw);
	switch_query_guest(sp);
}

static void vif_host_log(void *ctx, struct vif *vif, const char *line)
{
	struct sw_port *sp = ctx;

	log_info("port %s: %s", sp->name, line);
}

static void vif_host_announce(void *ctx, struct vif *vif, const uint8_t mac[6])
{
	switch_announce_guest(ctx, mac);
}

/* We can make the socket, but not its folder. */
static void say_socket(const char *socket, int rc, char *why, size_t size)
{
	int folder = strrchr(socket, '/') - socket;

	if (rc == -ENOENT)
		snprintf(why, size, "%s: make the folder: install -d -o %u "
			 "%.*s", strerror(-rc), geteuid(), folder, socket);
	else if (rc == -EACCES)
		snprintf(why, size, "%s: uid %u cannot make a socket in %.*s; "
			 "choose a folder made by: install -d -o %u FOLDER",
			 strerror(-rc), geteuid(), folder, socket, geteuid());
	else
		snprintf(why, size, "%s: %s", socket, strerror(-rc));
}

static int open_vif(struct sw_port *sp, const struct conf_port *conf, char *why,
		    size_t size)
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
				 .announce = vif_host_announce,
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
		say_socket(conf->socket, rc, why, size);
		return rc;
	}
	sp->port = vif_port(sp->vif);
	sp->port->id = sp->id;
	return 0;
}

/* ---- host interfaces ---- */

bool sw_port_is_host(const struct conf_port *conf)
{
	return conf->type == CONF_TAP && conf->role == CONF_HOST;
}

bool sw_port_is_netds(const struct sw_port *sp)
{
	return sp->type == CONF_TAP || sp->type == CONF_PACKET;
}

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

static int open_fds(struct sw_port *sp, const struct conf_port *conf,
		    struct host_port_conf *hc, struct netd_link *link,
		    struct rpc_error *err)
{
	struct netd_packet_conf pc = { .ifname = conf->interface,
				       .mtu = conf->mtu,
				       .want_tags = true,
				       .force = sp->sw->has_gateway };
	struct netd_client *netd;
	int rc = switch_netd_open(sp->sw, &netd, err);

	if (rc < 0)
		return rc;
	if (conf->type == CONF_TAP)
		rc = netd_tap_open(netd, conf->interface, conf->mtu,
				   conf->queues, hc->fds, link, err);
	else
		rc = netd_packet_open(netd, &pc, &hc->fds[0], link, err);
	switch_netd_close(sp->sw, netd);
	if (rc < 0 && !err->code) /* it may have done it, or be about to */
		switch_held_doubt(sp->sw);
	hc->offload = host_offload(conf, link->offload);
	return rc;
}

static void take_link(struct sw_port *sp, const struct conf_port *conf,
		      const struct netd_link *link)
{
	sp->ifindex = link->ifindex;
	sp->speed_mbps = link->speed_mbps;
	sp->link_mtu = link->mtu;
	sp->full_duplex = link->duplex != NETD_DUPLEX_HALF;
	memcpy(sp->mac, link->mac, sizeof(sp->mac));
	if (sw_port_is_host(conf))
		memcpy(sp->host_mac, link->mac, sizeof(sp->host_mac));
	/* a tap has one as long as we hold it */
	if (sp->type == CONF_PACKET)
		sp->port->link = link->up && link->carrier;
}

static int open_host_port(struct sw_port *sp, const struct conf_port *conf,
			  char *why, size_t size)
{
	struct host_port_conf hc = {
		.name = conf->name,
		.kind = conf->type == CONF_TAP ? HOST_PORT_TAP
					       : HOST_PORT_PACKET,
		.queues = conf->type == CONF_TAP ? conf->queues : 1,
		.mtu = conf->mtu
	};
	struct netd_link link = { .offload = 0 };
	struct rpc_error err;
	unsigned i;
	int rc;

	rc = open_fds(sp, conf, &hc, &link, &err);
	if (rc < 0) {
		if (!strcmp(err.path, "mtu"))
			sp->blamed = "mtu";
		if (!strcmp(err.path, "force")) /* the state has another way */
			snprintf(err.hint, sizeof(err.hint),
				 "give a tap of the host a \"gateway\" in the "
				 "same state, or move the route");
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
	take_link(sp, conf, &link);
	return 0;
}

/* ---- ports ---- */

static int free_id(const struct sw *sw)
{
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++)
		if (!sw->ports[i])
			return i;
	return -ENOSPC;
}

void sw_port_set_rates(struct sw *sw, struct sw_port *sp,
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

void sw_port_close(struct sw_port *sp)
{
	switch_uplink_close(sp);
	vif_free(sp->vif);
	host_port_free(sp->hp);
	switch_nic_close(sp->nic);
	sp->nic = NULL;
	switch_bond_free(sp->bond);
	sp->vif = NULL;
	sp->hp = NULL;
	sp->bond = NULL;
	sp->port = NULL;
}

void sw_port_free(struct sw *sw, struct sw_port *sp)
{
	sw_port_close(sp);
	sw->ports[sp->id] = NULL;
	free(sp->state);
	free(sp);
}

int sw_port_open(struct sw_port *sp, const struct conf_port *conf, char *why,
		 size_t size)
{
	int rc;

	sp->blamed = NULL;
	if (conf->type == CONF_VHOST_USER)
		rc = open_vif(sp, conf, why, size);
	else if (conf->type == CONF_NIC)
		rc = switch_nic_open(sp, conf, why, size);
	else if (conf->type == CONF_BOND)
		rc = switch_bond_open(sp, conf, why, size);
	else
		rc = open_host_port(sp, conf, why, size);
	if (rc < 0)
		snprintf(sp->waiting, sizeof(sp->waiting), "%s", why);
	else
		sp->waiting[0] = '\0';
	return rc;
}

int sw_port_new(struct sw *sw, const struct conf_port *conf,
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
	sw_port_set_rates(sw, sp, conf);
	sw->ports[id] = sp;
	*out = sp;
	return 0;

fail:
	free(sp);
	return id < 0 ? id : -ENOMEM;
}
