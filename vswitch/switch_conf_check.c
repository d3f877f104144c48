/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_conf_check.c: what the objects of one value say about each other.
 *
 * First references are resolved and defaults that come from elsewhere filled
 * in (uplinks, effective locking, MTUs), then everything that cannot all be
 * true is refused.  Each check is a pass over the value of its own: sorting
 * instead of comparing each with each keeps 4,000 ports at milliseconds.
 */
#include "vswitch/switch_conf_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct check {
	struct switch_conf *conf;
	struct switch_conf_errors *errs;
	bool no_memory;
};

#define WHERE_LEN 64
#define NAMED_LEN (CONF_SOCKET_MAX + 2)

static const char *port_path(char *to, uint32_t port, const char *key)
{
	snprintf(to, WHERE_LEN, "ports[%u].%s", port, key);
	return to;
}

static const char *network_path(char *to, uint32_t network, const char *key)
{
	snprintf(to, WHERE_LEN, "networks[%u].%s", network, key);
	return to;
}

static const char *quoted(char *to, const char *name)
{
	snprintf(to, NAMED_LEN, "\"%s\"", name);
	return to;
}

static void resolve_uplink(struct check *c, uint32_t i)
{
	struct conf_network *net = &c->conf->networks[i];
	char path[WHERE_LEN], value[NAMED_LEN];

	if (!net->uplink_name[0])
		return;
	net->uplink = switch_conf_find_port(c->conf, net->uplink_name);
	network_path(path, i, "uplink");
	quoted(value, net->uplink_name);
	if (net->uplink == CONF_NONE) {
		conf_error(c->errs, path, value, "name of a port in ports");
	} else if (c->conf->ports[net->uplink].role != CONF_UPLINK) {
		conf_error(c->errs, path, value,
			   "name of a port with role uplink");
		net->uplink = CONF_NONE;
	} else if (c->conf->ports[net->uplink].bond != CONF_NONE) {
		conf_error(c->errs, path, value,
			   "\"%s\", the bond whose member this port is",
			   c->conf->ports[c->conf->ports[net->uplink].bond]
				   .name);
		net->uplink = CONF_NONE;
	}
}

static struct conf_port *uplink_of(struct check *c, uint32_t network)
{
	int32_t uplink = c->conf->networks[network].uplink;

	return uplink == CONF_NONE ? NULL : &c->conf->ports[uplink];
}

/* An uplink carries every network that names it; untagged is its native. */
static void resolve_uplinks(struct check *c)
{
	struct conf_port *p;
	uint32_t i;

	for (i = 0; i < c->conf->network_count; i++) {
		resolve_uplink(c, i);
		p = uplink_of(c, i);
		if (p)
			p->carries_count++;
	}
	for (i = 0; i < c->conf->port_count; i++) {
		p = &c->conf->ports[i];
		if (p->role != CONF_UPLINK)
			continue;
		p->carries = calloc(p->carries_count + 1, sizeof(*p->carries));
		p->carries_count = 0;
		if (!p->carries)
			c->no_memory = true;
	}
	for (i = 0; i < c->conf->network_count && !c->no_memory; i++) {
		p = uplink_of(c, i);
		if (!p)
			continue;
		p->carries[p->carries_count++] = i;
		if (!c->conf->networks[i].vlan)
			p->native = i;
	}
}

/* Disabled as soon as one network says so: fail closed. */
static void resolve_locking(struct check *c, struct conf_port *p)
{
	uint32_t i;

	p->locking = p->locking_mode;
	if (p->locking_mode != CONF_LOCK_NETWORK_DEFAULT)
		return;
	p->locking = CONF_LOCK_UNLOCKED;
	if (p->role == CONF_UPLINK)
		return;
	for (i = 0; i < p->carries_count; i++)
		if (c->conf->networks[p->carries[i]].default_locking ==
		    CONF_LOCK_DISABLED)
			p->locking = CONF_LOCK_DISABLED;
}

static void resolve_mtu(struct check *c, uint32_t i)
{
	struct conf_port *p = &c->conf->ports[i];
	const struct conf_network *net, *most = NULL;
	char path[WHERE_LEN], value[16];
	uint32_t k;

	for (k = 0; k < p->carries_count; k++) {
		net = &c->conf->networks[p->carries[k]];
		if (!most || net->mtu > most->mtu)
			most = net;
	}
	if (!p->mtu && p->bond != CONF_NONE)
		p->mtu = c->conf->ports[p->bond].mtu;
	if (!p->mtu)
		p->mtu = most ? most->mtu : 1500;
	if (!most || p->mtu >= most->mtu)
		return;
	snprintf(value, sizeof(value), "%u", p->mtu);
	conf_error(c->errs, port_path(path, i, "mtu"), value,
		   "at least %u, the MTU of network %s", most->mtu, most->name);
}

/* Bonds first: what a member's own default is, its bond says. */
static void resolve_mtus(struct check *c)
{
	uint32_t i;

	for (i = 0; i < c->conf->port_count; i++)
		if (c->conf->ports[i].bond == CONF_NONE)
			resolve_mtu(c, i);
	for (i = 0; i < c->conf->port_count; i++)
		if (c->conf->ports[i].bond != CONF_NONE)
			resolve_mtu(c, i);
}

static void check_port(struct check *c, uint32_t i)
{
	const struct conf_port *p = &c->conf->ports[i];
	char path[WHERE_LEN];

	if (p->locking_mode == CONF_LOCK_LOCKED && !p->has_mac)
		conf_error(c->errs, port_path(path, i, "mac"), NULL,
			   "the port's own MAC address: locking_mode is locked");
	if (p->include_refused && !p->promiscuous)
		conf_error(c->errs, port_path(path, i, "include_refused"),
			   "true", "false, or promiscuous: true");
	if (!p->inject && !p->promiscuous)
		conf_error(c->errs, port_path(path, i, "inject"), "false",
			   "true, or promiscuous: true");
	if (p->tso && !p->csum)
		conf_error(c->errs, port_path(path, i, "offload.tso"), "true",
			   "false, or offload.csum: true");
}

/* Which network of one port owns a VLAN; `stamp` says for which port. */
struct vlan_owner {
	uint32_t stamp;
	uint32_t network;
};

/* A VLAN twice on one uplink is the later network's fault. */
static void clash_uplink(struct check *c, const struct conf_port *p,
			 uint32_t network, uint32_t other)
{
	const struct conf_network *net = &c->conf->networks[network];
	char path[WHERE_LEN], value[16];

	snprintf(value, sizeof(value), "%u", net->vlan);
	conf_error(c->errs, network_path(path, network, "vlan"), value,
		   "a VLAN that is free on uplink %s; network %s has it",
		   p->name, c->conf->networks[other].name);
}

static void clash_trunk(struct check *c, uint32_t port, uint32_t network,
			uint32_t other)
{
	const struct conf_network *net = &c->conf->networks[network];
	char path[WHERE_LEN], value[NAMED_LEN];

	conf_error(c->errs, port_path(path, port, "trunk"),
		   quoted(value, net->name),
		   "networks of different VLANs; %s has VLAN %u too",
		   c->conf->networks[other].name, net->vlan);
}

/* Frames of VLAN 0 have no tag that could tell them from others. */
static void check_tagless(struct check *c, uint32_t port, uint32_t network)
{
	const struct conf_port *p = &c->conf->ports[port];
	const struct conf_network *net = &c->conf->networks[network];
	char path[WHERE_LEN], value[NAMED_LEN];

	if (net->vlan || p->role == CONF_UPLINK)
		return;
	quoted(value, net->name);
	if ((int32_t)network != p->native)
		conf_error(c->errs, port_path(path, port, "trunk"), value,
			   "networks of VLAN 1 to 4094; the untagged one is "
			   "\"native\"");
	else if (p->vlan_mode == CONF_VLAN_NATIVE_TAGGED)
		conf_error(c->errs, port_path(path, port, "native"), value,
			   "a network of VLAN 1 to 4094: vlan_mode is "
			   "native-tagged");
}

static void check_vlans(struct check *c, uint32_t port,
			struct vlan_owner *owners)
{
	const struct conf_port *p = &c->conf->ports[port];
	struct vlan_owner *o;
	uint32_t i, network;

	if (p->vlan_mode == CONF_VLAN_ACCESS ||
	    p->vlan_mode == CONF_VLAN_TUNNEL)
		return;
	for (i = 0; i < p->carries_count; i++) {
		network = p->carries[i];
		check_tagless(c, port, network);
		o = &owners[c->conf->networks[network].vlan];
		if (o->stamp != port + 1) {
			o->stamp = port + 1;
			o->network = network;
		} else if (p->role == CONF_UPLINK) {
			clash_uplink(c, p, network, o->network);
		} else {
			clash_trunk(c, port, network, o->network);
		}
	}
}

static void check_all_vlans(struct check *c)
{
	struct vlan_owner *owners = calloc(4096, sizeof(*owners));
	uint32_t i;

	if (!owners) {
		c->no_memory = true;
		return;
	}
	for (i = 0; i < c->conf->port_count; i++)
		check_vlans(c, i, owners);
	free(owners);
}

int conf_claim_order(const struct conf_claim *a, const struct conf_claim *b)
{
	if (a->network != b->network)
		return a->network < b->network ? -1 : 1;
	return memcmp(a->mac, b->mac, sizeof(a->mac));
}

static int claim_order(const void *a, const void *b)
{
	const struct conf_claim *x = a, *y = b;
	int order = conf_claim_order(x, y);

	return order ? order : x->port - y->port;
}

int conf_claims_init(struct conf_claims *c, const struct switch_conf *conf)
{
	size_t total = 0;
	uint32_t i, k;

	for (i = 0; i < conf->port_count; i++)
		total += conf->ports[i].carries_count;
	c->count = 0;
	c->claims = calloc(total + 1, sizeof(*c->claims));
	if (!c->claims)
		return -ENOMEM;
	for (i = 0; i < conf->port_count; i++) {
		const struct conf_port *p = &conf->ports[i];

		for (k = 0; p->has_mac && k < p->carries_count; k++) {
			struct conf_claim *to = &c->claims[c->count++];

			to->network = p->carries[k];
			memcpy(to->mac, p->mac, sizeof(to->mac));
			to->port = i;
		}
	}
	qsort(c->claims, c->count, sizeof(*c->claims), claim_order);
	return 0;
}

void conf_claims_fini(struct conf_claims *c)
{
	free(c->claims);
	c->claims = NULL;
	c->count = 0;
}

static void check_macs(struct check *c)
{
	char path[WHERE_LEN], value[24];
	struct conf_claims claims;
	const uint8_t *m;
	size_t i;

	if (conf_claims_init(&claims, c->conf) < 0) {
		c->no_memory = true;
		return;
	}
	for (i = 1; i < claims.count; i++) {
		const struct conf_claim *a = &claims.claims[i - 1];
		const struct conf_claim *b = &claims.claims[i];

		if (conf_claim_order(a, b))
			continue;
		m = b->mac;
		snprintf(value, sizeof(value),
			 "\"%02x:%02x:%02x:%02x:%02x:%02x\"", m[0], m[1], m[2],
			 m[3], m[4], m[5]);
		conf_error(c->errs, port_path(path, b->port, "mac"), value,
			   "an address of its own in network %s; port %s has "
			   "this one", c->conf->networks[b->network].name,
			   c->conf->ports[a->port].name);
	}
	conf_claims_fini(&claims);
}

/* No two ports at one socket or interface. */
static void check_ends(struct check *c, size_t offset, const char *key)
{
	const char *base = (const char *)c->conf->ports + offset;
	size_t size = sizeof(*c->conf->ports);
	char path[WHERE_LEN], value[NAMED_LEN];
	uint16_t *index;
	uint32_t i;

	if (conf_index_names(&index, base, c->conf->port_count, size) < 0) {
		c->no_memory = true;
		return;
	}
	for (i = 1; i < c->conf->port_count; i++) {
		const char *end = base + index[i] * size;

		if (!*end || strcmp(end, base + index[i - 1] * size))
			continue;
		conf_error(c->errs, port_path(path, index[i], key),
			   quoted(value, end), "one of its own; port %s has it",
			   c->conf->ports[index[i - 1]].name);
	}
	free(index);
}

struct name_table {
	const char *objects;
	size_t size;
};

static int order_names(const void *a, const void *b, void *arg)
{
	const struct name_table *t = arg;
	const uint16_t *x = a, *y = b;
	int order = strcmp(t->objects + *x * t->size,
			   t->objects + *y * t->size);

	return order ? order : *x - *y;
}

int conf_index_names(uint16_t **index, const void *objects, uint32_t count,
		     size_t size)
{
	struct name_table t = { .objects = objects, .size = size };
	uint32_t i;

	*index = calloc(count + 1, sizeof(**index));
	if (!*index)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		(*index)[i] = i;
	qsort_r(*index, count, sizeof(**index), order_names, &t);
	return 0;
}

int conf_check(struct switch_conf *conf, struct switch_conf_errors *errs)
{
	struct check c = { .conf = conf, .errs = errs };
	uint32_t i;

	conf_resolve_bonds(conf, errs);
	resolve_uplinks(&c);
	if (c.no_memory)
		return -ENOMEM;
	for (i = 0; i < conf->port_count; i++) {
		resolve_locking(&c, &conf->ports[i]);
		check_port(&c, i);
	}
	if (conf_check_hosts(conf, errs) < 0)
		return -ENOMEM;
	resolve_mtus(&c);
	conf_check_bonds(conf, errs);
	check_all_vlans(&c);
	check_macs(&c);
	if (conf->port_count) {
		check_ends(&c, offsetof(struct conf_port, socket), "socket");
		check_ends(&c, offsetof(struct conf_port, interface),
			   "interface");
		check_ends(&c, offsetof(struct conf_port, device), "device");
	}
	if (c.no_memory)
		return -ENOMEM;
	return errs->count ? -EINVAL : 0;
}
