/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_link.c: a port's keys as netd's verbs, and netd's refusals as errors
 * that name the key.
 *
 * netd's verbs take the whole each time and do nothing where it is right
 * already.  So one order does for a port that comes, one that changes, and one
 * that failed: everything is set, always.
 */
#include "vswitch/switch_link.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>

#include "base/log.h"
#include "base/netd_client.h"
#include "vswitch/switch_netd.h"
#include "vswitch/switch_port.h"

#define ADDRESS_TEXT_MAX (INET6_ADDRSTRLEN + 4) /* and "/128" */

/* ---- errors ------------------------------------------------------------------ */

static struct switch_conf_error *next_error(struct switch_conf_errors *errs)
{
	unsigned i = errs->count < CONF_ERRORS_MAX ? errs->count++
						   : CONF_ERRORS_MAX - 1;

	memset(&errs->error[i], 0, sizeof(errs->error[i]));
	return &errs->error[i];
}

/* netd's name of what is wrong, as a key of a port. */
static const char *key_of(const struct rpc_error *err)
{
	static const char *const same[] = { "mtu", "addresses", "gateway",
					    "mac" };
	unsigned i;

	if (!strcmp(err->path, "ipv6_gateway"))
		return "gateway6";
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		if (!strcmp(err->path, same[i]))
			return same[i];
	return "interface";
}

static void key_value(const struct conf_port *conf, const char *key,
		      const struct rpc_error *err, char *text, size_t size)
{
	if (!strcmp(key, "mtu"))
		snprintf(text, size, "%u", conf->mtu);
	else if (!strcmp(key, "gateway"))
		inet_ntop(AF_INET, &conf->gateway, text, size);
	else if (!strcmp(key, "gateway6"))
		inet_ntop(AF_INET6, &conf->gateway6, text, size);
	else if (!strcmp(key, "addresses"))
		snprintf(text, size, "%.100s", err->value);
	else
		snprintf(text, size, "%s", conf->interface);
}

static void refused(struct switch_conf_errors *errs,
		    const struct conf_port *conf, const struct rpc_error *err)
{
	struct switch_conf_error *e = next_error(errs);
	const char *key = key_of(err);

	snprintf(e->path, sizeof(e->path), "ports[%u].%s", conf->place, key);
	key_value(conf, key, err, e->value, sizeof(e->value));
	snprintf(e->expected, sizeof(e->expected), "%.120s%s%.130s",
		 err->message, err->hint[0] ? ": " : "", err->hint);
}

/* ---- MTU, promiscuity, ethtool ------------------------------------------------- */

static int set_link(struct netd_client *netd, const struct conf_port *conf,
		    struct netd_link *link, struct rpc_error *err)
{
	struct netd_link_conf lc = { .ifname = conf->interface,
				     .mtu = conf->mtu,
				     .want_tags = true,
				     .promiscuous = conf->nic_promiscuous };

	return netd_link_set(netd, &lc, link, err);
}

static struct netd_ethtool ethtool_of(const struct conf_port *conf)
{
	static const struct {
		uint32_t bit;
		size_t at;
	} toggles[] = {
		{ NETD_RX, offsetof(struct conf_ethtool, rx) },
		{ NETD_TX, offsetof(struct conf_ethtool, tx) },
		{ NETD_SG, offsetof(struct conf_ethtool, sg) },
		{ NETD_TSO, offsetof(struct conf_ethtool, tso) },
		{ NETD_UFO, offsetof(struct conf_ethtool, ufo) },
		{ NETD_GSO, offsetof(struct conf_ethtool, gso) },
		{ NETD_GRO, offsetof(struct conf_ethtool, gro) },
		{ NETD_LRO, offsetof(struct conf_ethtool, lro) },
		{ NETD_AUTONEG, offsetof(struct conf_ethtool, autoneg) },
	};
	const struct conf_ethtool *e = &conf->ethtool;
	struct netd_ethtool want = { .speed_mbps = e->speed,
				     .advertise = e->advertise };
	unsigned i;

	for (i = 0; i < sizeof(toggles) / sizeof(toggles[0]); i++) {
		uint8_t toggle = *((const uint8_t *)e + toggles[i].at);

		if (toggle != CONF_AS_IT_IS)
			want.given |= toggles[i].bit;
		if (toggle == CONF_TOGGLE_ON)
			want.on |= toggles[i].bit;
	}
	if (e->speed)
		want.given |= NETD_SPEED;
	if (e->advertise)
		want.given |= NETD_ADVERTISE;
	if (e->duplex != CONF_DUPLEX_AS_IT_IS)
		want.given |= NETD_DUPLEX;
	want.duplex = e->duplex == CONF_DUPLEX_HALF ? NETD_DUPLEX_HALF
						    : NETD_DUPLEX_FULL;
	return want;
}

static void setting_value(const struct netd_ethtool *want, uint32_t bit,
			  char *text, size_t size)
{
	if (bit & NETD_SWITCHES)
		snprintf(text, size, "\"%s\"", want->on & bit ? "on" : "off");
	else if (bit == NETD_DUPLEX)
		snprintf(text, size, "\"%s\"",
			 want->duplex == NETD_DUPLEX_HALF ? "half" : "full");
	else
		snprintf(text, size, "%u", bit == NETD_SPEED
						   ? want->speed_mbps
						   : want->advertise);
}

static int not_done(struct switch_conf_errors *errs,
		    const struct conf_port *conf,
		    const struct netd_ethtool *want, uint32_t unsupported)
{
	uint32_t bit;

	for (bit = 1; netd_setting_name(bit); bit <<= 1) {
		struct switch_conf_error *e;

		if (!(unsupported & bit))
			continue;
		e = next_error(errs);
		snprintf(e->path, sizeof(e->path), "ports[%u].ethtool.%s",
			 conf->place, netd_setting_name(bit));
		setting_value(want, bit, e->value, sizeof(e->value));
		snprintf(e->expected, sizeof(e->expected),
			 "what the device does: %s refuses this, so leave the "
			 "key out (ethtool -k %s; ethtool %s)",
			 conf->interface, conf->interface, conf->interface);
	}
	return unsupported ? -EOPNOTSUPP : 0;
}

static int set_ethtool(struct netd_client *netd, const struct conf_port *conf,
		       struct switch_conf_errors *errs, struct rpc_error *err)
{
	struct netd_ethtool want = ethtool_of(conf);
	uint32_t unsupported;
	int rc = netd_link_ethtool(netd, conf->interface, &want, &unsupported,
				   err);

	return rc ? rc : not_done(errs, conf, &want, unsupported);
}

/* ---- addresses ----------------------------------------------------------------- */

static bool has_gateway(const struct conf_port *conf, int family)
{
	static const struct in6_addr none;

	return family == AF_INET
		       ? conf->gateway.s_addr != 0
		       : memcmp(&conf->gateway6, &none, sizeof(none)) != 0;
}

static int set_addresses(struct netd_client *netd,
			 const struct conf_port *conf, struct netd_link *link,
			 struct rpc_error *err)
{
	char text[CONF_ADDRESSES_MAX][ADDRESS_TEXT_MAX];
	char gateway[2][INET6_ADDRSTRLEN];
	const char *list[CONF_ADDRESSES_MAX];
	struct netd_tap_conf tc = { .name = conf->interface,
				    .mac = conf->has_mac ? conf->mac : NULL,
				    .addresses = list,
				    .address_count = conf->address_count };
	unsigned i;

	for (i = 0; i < conf->address_count; i++) {
		const struct conf_address *a = &conf->addresses[i];
		char ip[INET6_ADDRSTRLEN];

		inet_ntop(a->family, &a->addr, ip, sizeof(ip));
		snprintf(text[i], sizeof(text[i]), "%s/%u", ip, a->len);
		list[i] = text[i];
	}
	if (has_gateway(conf, AF_INET))
		tc.gateway = inet_ntop(AF_INET, &conf->gateway, gateway[0],
				       sizeof(gateway[0]));
	if (has_gateway(conf, AF_INET6))
		tc.ipv6_gateway = inet_ntop(AF_INET6, &conf->gateway6,
					    gateway[1], sizeof(gateway[1]));
	return netd_tap_configure(netd, &tc, link, err);
}

/* ---- one port ------------------------------------------------------------------ */

static int set_all(struct sw_port *sp, const struct conf_port *conf,
		   struct netd_link *link, struct switch_conf_errors *errs)
{
	struct netd_client *netd;
	struct rpc_error err;
	int rc = switch_netd_open(sp->sw, &netd, &err);

	if (rc < 0) {
		refused(errs, conf, &err);
		return -EIO;
	}
	rc = set_link(netd, conf, link, &err);
	if (!rc && conf->type == CONF_PACKET)
		rc = set_ethtool(netd, conf, errs, &err);
	if (!rc && sw_port_is_host(conf))
		rc = set_addresses(netd, conf, link, &err);
	if (rc && rc != -EOPNOTSUPP)
		refused(errs, conf, &err);
	switch_netd_close(sp->sw, netd);
	return rc == -ETIMEDOUT ? -EIO : rc; /* not the state's fault */
}

static void settle(struct sw_port *sp, int rc,
		   const struct switch_conf_errors *errs)
{
	const struct switch_conf_error *e = &errs->error[0];
	char why[sizeof(sp->link_why)];

	sp->link_retry = rc && rc != -EOPNOTSUPP;
	if (!rc) {
		if (sp->link_why[0])
			log_info("port %s: its interface is set now",
				 sp->name);
		sp->link_why[0] = '\0';
		return;
	}
	snprintf(why, sizeof(why), "%.90s is %.50s: %.200s", e->path,
		 e->value, e->expected);
	if (strcmp(why, sp->link_why) != 0)
		log_warn("port %s: %s", sp->name, why);
	memcpy(sp->link_why, why, sizeof(why));
}

int switch_link_open(struct sw_port *sp, const struct conf_port *conf,
		     struct switch_conf_errors *errs)
{
	struct netd_link link;
	int rc;

	if (!sp->hp)
		return 0;
	rc = set_all(sp, conf, &link, errs);
	if (!rc && sw_port_is_host(conf))
		memcpy(sp->host_mac, link.mac, sizeof(sp->host_mac));
	return rc;
}

void switch_link_try(struct sw_port *sp, const struct conf_port *conf)
{
	struct switch_conf_errors errs = { 0 };

	settle(sp, switch_link_open(sp, conf, &errs), &errs);
}

bool switch_link_has_gateway(const struct switch_conf *conf)
{
	uint32_t i;

	for (i = 0; i < conf->port_count; i++)
		if (has_gateway(&conf->ports[i], AF_INET) ||
		    has_gateway(&conf->ports[i], AF_INET6))
			return true;
	return false;
}

/* ---- all ports ----------------------------------------------------------------- */

static bool another_has_gateway(const struct switch_conf *wanted,
				const char *interface, int family)
{
	uint32_t i;

	for (i = 0; i < wanted->port_count; i++)
		if (has_gateway(&wanted->ports[i], family) &&
		    strcmp(wanted->ports[i].interface, interface) != 0)
			return true;
	return false;
}

static int give_up_gateways(struct sw_port *sp, const struct conf_port *conf,
			    const struct switch_conf *wanted,
			    struct switch_conf_errors *errs)
{
	struct conf_port less = *conf; /* addresses stay the original's */
	struct netd_link link;

	if (has_gateway(conf, AF_INET) &&
	    another_has_gateway(wanted, conf->interface, AF_INET))
		memset(&less.gateway, 0, sizeof(less.gateway));
	if (has_gateway(conf, AF_INET6) &&
	    another_has_gateway(wanted, conf->interface, AF_INET6))
		memset(&less.gateway6, 0, sizeof(less.gateway6));
	if (has_gateway(conf, AF_INET) == has_gateway(&less, AF_INET) &&
	    has_gateway(conf, AF_INET6) == has_gateway(&less, AF_INET6))
		return 0;
	sp->link_touched = true;
	return set_all(sp, &less, &link, errs);
}

int switch_link_yield(struct sw *sw, const struct switch_conf *wanted,
		      bool boot, struct switch_conf_errors *errs)
{
	struct switch_conf_errors ignored = { 0 };
	unsigned i;
	int rc = 0;

	for (i = 0; i < PORT_ID_MAX && !rc; i++) {
		struct sw_port *sp = sw->ports[i];
		const struct conf_port *conf =
			sp && sp->hp ? switch_port_conf(sw, sp) : NULL;

		if (conf && sw_port_is_host(conf))
			rc = give_up_gateways(sp, conf, wanted,
					      boot ? &ignored : errs);
		if (boot)
			rc = 0;
	}
	return rc;
}

static bool is_touched(const struct conf_port *old,
		       const struct conf_port *conf, uint32_t parts)
{
	if (parts & (CONF_PART_LINK | CONF_PART_MTU))
		return true;
	return sw_port_is_host(conf) &&
	       (old->has_mac != conf->has_mac ||
		memcmp(old->mac, conf->mac, sizeof(conf->mac)) != 0);
}

/*
 * A larger MTU must be there before frames of that length are; a smaller one
 * comes when the change cannot be refused any more, with what is to be retried,
 * so that a refusal loses no frame.
 */
static int change_one(struct sw_port *sp, const struct conf_port *old,
		      const struct conf_port *conf, bool boot,
		      struct switch_conf_errors *errs)
{
	struct switch_conf_errors failed = { 0 };
	struct conf_port now = *conf; /* addresses stay the original's */
	struct netd_link link;
	int rc;

	if (now.mtu < old->mtu)
		now.mtu = old->mtu;
	sp->link_touched = true;
	/* A new MAC becomes known like any other: by netd's event. */
	rc = set_all(sp, &now, &link, boot ? &failed : errs);
	if (!rc || boot)
		settle(sp, rc, &failed);
	if (now.mtu != conf->mtu)
		sp->link_retry = true;
	return boot ? 0 : rc;
}

/* Who has the interface now: the port itself, or one that hands it over. */
static struct sw_port *holder(const struct sw *sw,
			      const struct conf_port *conf,
			      const struct conf_port **old)
{
	unsigned i;

	for (i = 0; conf->interface[0] && i < PORT_ID_MAX; i++) {
		struct sw_port *sp = sw->ports[i];

		*old = sp && sp->hp ? switch_port_conf(sw, sp) : NULL;
		if (*old && (*old)->type == conf->type &&
		    !strcmp((*old)->interface, conf->interface))
			return sp;
	}
	return NULL;
}

int switch_link_change(struct sw *sw, const struct switch_conf *wanted,
		       const struct switch_conf_plan *plan, bool boot,
		       struct switch_conf_errors *errs)
{
	unsigned i;
	int rc = 0;

	for (i = 0; i < plan->count && !rc; i++) {
		const struct switch_conf_action *a = &plan->actions[i];
		const struct conf_port *conf, *old;
		struct sw_port *sp;

		if (a->object != CONF_PORT || a->after == CONF_NONE)
			continue;
		conf = &wanted->ports[a->after];
		sp = holder(sw, conf, &old);
		if (sp && (a->verb == CONF_ADD ||
			   is_touched(old, conf, a->parts)))
			rc = change_one(sp, old, conf, boot, errs);
	}
	return rc;
}

static void set_again(struct sw *sw, struct sw_port *sp)
{
	const struct conf_port *conf = switch_port_conf(sw, sp);
	struct switch_conf_errors errs = { 0 };
	struct netd_link link;

	if (conf && sp->hp)
		settle(sp, set_all(sp, conf, &link, &errs), &errs);
}

void switch_link_undo(struct sw *sw)
{
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++)
		if (sw->ports[i] && sw->ports[i]->link_touched)
			set_again(sw, sw->ports[i]);
	switch_link_done(sw);
}

void switch_link_done(struct sw *sw)
{
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++)
		if (sw->ports[i])
			sw->ports[i]->link_touched = false;
}

void switch_link_retry(struct sw *sw)
{
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++)
		if (sw->ports[i] && sw->ports[i]->link_retry)
			set_again(sw, sw->ports[i]);
}
