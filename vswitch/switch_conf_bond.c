/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_conf_bond.c: what bonds and their members say about each other.
 *
 * A bond names its members; a member learns here whose it is.  What the bond
 * does for its members (carry networks, limit storms, write tags) must not be
 * said at the member, because nobody would do it.  An error at a member is
 * told at the bond when the bond could name another port, and at the member
 * when the member's own keys contradict it.
 */
#include "vswitch/switch_conf_keys.h"

#include <string.h>

#define WHERE_LEN 64
#define NAMED_LEN (CONF_NAME_MAX + 2)

static const char *member_path(char *to, uint32_t bond, unsigned member)
{
	snprintf(to, WHERE_LEN, "ports[%u].members[%u]", bond, member);
	return to;
}

static const char *port_path(char *to, uint32_t port, const char *key)
{
	snprintf(to, WHERE_LEN, "ports[%u].%s", port, key);
	return to;
}

static const char *quoted(char *to, const char *name)
{
	snprintf(to, NAMED_LEN, "\"%s\"", name);
	return to;
}

/* What a member should be and is not, or NULL. */
static const char *unfit(const struct conf_port *p)
{
	if (p->type != CONF_PACKET && p->type != CONF_NIC)
		return "name of a port of type packet or nic";
	if (p->role != CONF_UPLINK)
		return "name of a port with role uplink";
	return NULL;
}

static void resolve_member(struct switch_conf *conf,
			   struct switch_conf_errors *errs, uint32_t bond,
			   unsigned k)
{
	struct conf_member *m = &conf->ports[bond].bonding.members[k];
	char path[WHERE_LEN], value[NAMED_LEN];
	struct conf_port *p;
	const char *other;

	member_path(path, bond, k);
	quoted(value, m->name);
	m->port = switch_conf_find_port(conf, m->name);
	if (m->port == CONF_NONE) {
		conf_error(errs, path, value, "name of a port in ports");
		return;
	}
	p = &conf->ports[m->port];
	other = unfit(p);
	if (other) {
		conf_error(errs, path, value, "%s", other);
	} else if (p->bond == (int32_t)bond) {
		conf_error(errs, path, value, "each member once");
	} else if (p->bond != CONF_NONE) {
		conf_error(errs, path, value,
			   "a port that is free; bond %s has this one",
			   conf->ports[p->bond].name);
	} else {
		p->bond = bond;
		p->member = k;
	}
}

static void resolve_primary(struct switch_conf *conf,
			    struct switch_conf_errors *errs, uint32_t bond)
{
	struct conf_bond *b = &conf->ports[bond].bonding;
	char path[WHERE_LEN], value[NAMED_LEN];
	unsigned k;

	for (k = 0; k < b->member_count; k++)
		if (!strcmp(b->members[k].name, b->primary_name))
			b->primary = k;
	if (b->primary_name[0] && b->primary < 0)
		conf_error(errs, port_path(path, bond, "primary"),
			   quoted(value, b->primary_name),
			   "name of one of the bond's members");
}

/* Two names of one key: what is given counts, and must not be two values. */
static void resolve_key(struct switch_conf *conf,
			struct switch_conf_errors *errs, uint32_t bond)
{
	struct conf_bond *b = &conf->ports[bond].bonding;
	char path[WHERE_LEN], value[16];

	b->lacp_key = 1;
	if (b->lacp_actor_key)
		b->lacp_key = b->lacp_actor_key;
	if (b->lacp_aggregation_key)
		b->lacp_key = b->lacp_aggregation_key;
	if (!b->lacp_actor_key || b->lacp_actor_key == b->lacp_key)
		return;
	snprintf(value, sizeof(value), "%u", b->lacp_actor_key);
	conf_error(errs, port_path(path, bond, "lacp-actor-key"), value,
		   "%u, the lacp-aggregation-key, or only one of them",
		   b->lacp_key);
}

void conf_resolve_bonds(struct switch_conf *conf,
			struct switch_conf_errors *errs)
{
	uint32_t i;
	unsigned k;

	for (i = 0; i < conf->port_count; i++) {
		conf->ports[i].bond = CONF_NONE;
		conf->ports[i].bonding.primary = -1;
	}
	for (i = 0; i < conf->port_count; i++) {
		if (conf->ports[i].type != CONF_BOND)
			continue;
		for (k = 0; k < conf->ports[i].bonding.member_count; k++)
			resolve_member(conf, errs, i, k);
		resolve_primary(conf, errs, i);
		resolve_key(conf, errs, i);
	}
}

static void check_member(const struct switch_conf *conf,
			 struct switch_conf_errors *errs, uint32_t i)
{
	const struct conf_port *p = &conf->ports[i];
	const struct conf_port *bond = &conf->ports[p->bond];
	char path[WHERE_LEN], value[24];

	if (p->mtu < bond->mtu) {
		snprintf(value, sizeof(value), "%u", p->mtu);
		conf_error(errs, port_path(path, i, "mtu"), value,
			   "at least %u, the MTU of bond %s", bond->mtu,
			   bond->name);
	}
	if (p->storm_pps) {
		snprintf(value, sizeof(value), "%llu",
			 (unsigned long long)p->storm_pps);
		conf_error(errs, port_path(path, i, "storm_pps"), value,
			   "0: frames count at bond %s", bond->name);
	}
	if (p->tpid != 0x8100) {
		snprintf(value, sizeof(value), "\"0x%04x\"", p->tpid);
		conf_error(errs, port_path(path, i, "tpid"), value,
			   "no such key: tags are those of bond %s",
			   bond->name);
	}
}

/* The MAC address that a bond's LACP names itself by, as far as written. */
static const uint8_t *system_of(const struct conf_port *p)
{
	static const uint8_t none[6];

	return memcmp(p->bonding.lacp_system, none, 6) ? p->bonding.lacp_system
						       : p->mac;
}

static bool one_system(const struct conf_port *a, const struct conf_port *b)
{
	static const uint8_t none[6];

	return memcmp(system_of(a), none, 6) &&
	       !memcmp(system_of(a), system_of(b), 6);
}

/* Bonds of one system and key would be one aggregation to the partner. */
static void check_keys(const struct switch_conf *conf,
		       struct switch_conf_errors *errs, uint32_t i)
{
	const struct conf_port *p = &conf->ports[i], *q;
	char path[WHERE_LEN], value[16];
	uint32_t k;

	for (k = 0; k < i; k++) {
		q = &conf->ports[k];
		if (q->type != CONF_BOND || q->bonding.mode != BOND_LACP ||
		    q->bonding.lacp_key != p->bonding.lacp_key ||
		    !one_system(p, q))
			continue;
		snprintf(value, sizeof(value), "%u", p->bonding.lacp_key);
		conf_error(errs, port_path(path, i, "lacp-aggregation-key"),
			   value, "a key of its own in this lacp-system; bond "
			   "%s has it", q->name);
		return;
	}
}

void conf_check_bonds(const struct switch_conf *conf,
		      struct switch_conf_errors *errs)
{
	const struct conf_port *p;
	uint32_t i;

	for (i = 0; i < conf->port_count; i++) {
		p = &conf->ports[i];
		if (p->bond != CONF_NONE)
			check_member(conf, errs, i);
		if (p->type == CONF_BOND && p->bonding.mode == BOND_LACP)
			check_keys(conf, errs, i);
	}
}
