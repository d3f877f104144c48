/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_watch.c: a packet socket outlives its interface and then says nothing
 * for ever, so a port learns from netd's link events that it is dead.  An
 * interface is the same one as long as its index is.
 */
#include "vswitch/switch_watch.h"

#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "base/log.h"
#include "base/netd_client.h"
#include "vswitch/switch_bond.h"
#include "vswitch/switch_netd.h"
#include "vswitch/switch_port.h"
#include "vswitch/switch_queues.h"
#include "vswitch/switch_tables.h"
#include "vswitch/switch_uplink.h"

static void lose(struct sw *sw, struct sw_port *sp, const char *why)
{
	static const uint8_t none[6];
	struct port *was = sp->port;

	switch_bond_lost(sw, sp);
	sw_queues_leave(sw, &sp, 1); /* clears sp->port */
	if (switch_review(sw) < 0) {
		sp->port = was; /* no memory: it stays, mute */
		return;
	}
	sw_port_close(sp);
	switch_tables_host_mac(sw, sp, none);
	snprintf(sp->waiting, sizeof(sp->waiting), "%s", why);
	log_warn("port %s waits: %s", sp->name, sp->waiting);
}

static void lose_gone(struct sw *sw, struct sw_port *sp, const char *ifname)
{
	char why[WHY_MAX];

	snprintf(why, sizeof(why),
		 "interface %s is gone; the port comes back with it", ifname);
	lose(sw, sp, why);
}

/*
 * The host has it again, by causeway-netd --release-all: what comes in there
 * would be seen by both.  An event may be older than our own taking.
 */
static bool is_given_back(struct sw *sw, const struct netd_link *event)
{
	struct netd_client *netd;
	struct netd_link now;
	struct rpc_error err;
	int rc;

	if (event->taken || switch_netd_open(sw, &netd, &err) < 0)
		return false;
	rc = netd_link_get(netd, event->ifname, &now, &err);
	switch_netd_close(sw, netd);
	return !rc && !now.taken;
}

static void on_link(struct sw *sw, const struct netd_link *link)
{
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++) {
		struct sw_port *sp = sw->ports[i];
		const struct conf_port *conf =
			sp && sp->hp ? switch_port_conf(sw, sp) : NULL;

		bool named, same;

		if (!conf)
			continue;
		named = !strcmp(conf->interface, link->ifname);
		same = link->ifindex == sp->ifindex;
		if (!named && !same)
			continue;
		if (!link->present || !named || !same) { /* or renamed */
			lose_gone(sw, sp, conf->interface);
			continue;
		}
		if (conf->type == CONF_PACKET && is_given_back(sw, link)) {
			lose(sw, sp, "the host has been given the interface "
				     "back; it is taken again");
			continue;
		}
		if (sw_port_is_host(conf) &&
		    memcmp(sp->host_mac, link->mac, 6) != 0)
			switch_tables_host_mac(sw, sp, link->mac);
		switch_uplink_link(sp, link);
	}
}

static void stop(struct sw *sw)
{
	if (sw->watch_event)
		event_free(sw->watch_event);
	netd_client_close(sw->watch);
	sw->watch_event = NULL;
	sw->watch = NULL;
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct sw *sw = ctx;
	struct netd_link link;
	int rc;

	while ((rc = netd_client_next(sw->watch, &link)) > 0)
		on_link(sw, &link);
	if (rc < 0)
		stop(sw); /* netd has gone; the next second tries again */
}

/* What may have happened while nobody listened. */
static void look_at_all(struct sw *sw, struct netd_client *netd)
{
	struct netd_link link;
	struct rpc_error err;
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++) {
		struct sw_port *sp = sw->ports[i];
		const struct conf_port *conf =
			sp && sp->hp ? switch_port_conf(sw, sp) : NULL;

		if (!conf)
			continue;
		if (netd_link_get(netd, conf->interface, &link, &err) == 0)
			on_link(sw, &link);
		else if (err.code == RPC_NOT_FOUND)
			lose_gone(sw, sp, conf->interface);
	}
}

static bool has_host_ports(const struct sw *sw)
{
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++)
		if (sw->ports[i] && sw_port_is_netds(sw->ports[i]))
			return true;
	return false;
}

void switch_watch(struct sw *sw)
{
	struct netd_client *netd;
	struct rpc_error err;

	if (sw->watch || !has_host_ports(sw) ||
	    switch_netd_open(sw, &netd, &err) < 0)
		return;
	look_at_all(sw, netd);
	if (netd_link_watch(netd, &err) < 0) {
		switch_netd_close(sw, netd);
		return;
	}
	sw->watch = netd;
	sw->watch_event = event_new(sw->base, netd_client_fd(netd),
				    EV_READ | EV_PERSIST, on_readable, sw);
	if (!sw->watch_event)
		return stop(sw);
	event_add(sw->watch_event, NULL);
	on_readable(-1, 0, sw); /* what came with the answer */
}

void switch_watch_fini(struct sw *sw)
{
	stop(sw);
}
