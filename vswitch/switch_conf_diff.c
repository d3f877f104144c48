/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_conf_diff.c: from what runs to what is wanted, deletions first.
 *
 * Step one marks, for each wanted network and port that also runs, which
 * parts differ.  Step two spreads marks: what changes at a network is seen by
 * the ports that carry it.  Step three writes the actions down in the order
 * that switch_conf.h promises.
 *
 * A kept port may take over a network's MAC address that another kept port
 * gives up in the same change.  In place, the order of the two changes would
 * decide whether both hold it for a moment; so the taker is removed and added
 * again, which puts its claim after every release.
 */
#include "vswitch/switch_conf_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct diff {
	const struct switch_conf *running;
	const struct switch_conf *wanted;
	int32_t *old_port;	 /* by wanted index */
	int32_t *old_network;
	int32_t *new_network; /* by running index */
	uint32_t *port_parts; /* by wanted index */
	uint32_t *network_parts;
	struct conf_claims claims; /* of running */
};

static uint32_t table_parts(const struct conf_key *key, const void *a,
			    const void *b)
{
	uint32_t parts = 0;

	for (; key->name; key++) {
		if (key->sub)
			parts |= table_parts(key->sub, a, b);
		else if (!conf_key_equal(key, a, b))
			parts |= key->part;
	}
	return parts;
}

static int32_t translate(const struct diff *d, int32_t network)
{
	return network == CONF_NONE ? CONF_NONE : d->new_network[network];
}

/* Same networks?  Order may differ between values, so mark and compare. */
static bool same_carries(const struct diff *d, const struct conf_port *a,
			 const struct conf_port *b)
{
	uint8_t seen[CONF_NETWORKS_MAX / 8] = { 0 };
	uint32_t i;

	if (a->carries_count != b->carries_count ||
	    translate(d, a->native) != b->native)
		return false;
	for (i = 0; i < b->carries_count; i++)
		seen[b->carries[i] / 8] |= 1 << (b->carries[i] % 8);
	for (i = 0; i < a->carries_count; i++) {
		int32_t net = translate(d, a->carries[i]);

		if (net == CONF_NONE || !(seen[net / 8] & (1 << (net % 8))))
			return false;
	}
	return true;
}

/*
 * Marks that networks pass on to the ports that carry them.  The network's
 * own MTU does not: what a port makes of it is in the port's MTU.
 */
static uint32_t inherited_parts(const struct diff *d,
				const struct conf_port *p)
{
	uint32_t i, parts = 0;

	for (i = 0; i < p->carries_count; i++)
		parts |= d->network_parts[p->carries[i]];
	return parts & (CONF_PART_VLAN | CONF_PART_POLICY);
}

static bool claim_held(const struct diff *d, const struct conf_claim *want,
		       uint32_t by_other_than)
{
	size_t lo = 0, hi = d->claims.count, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (conf_claim_order(&d->claims.claims[mid], want) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < d->claims.count &&
	       !conf_claim_order(&d->claims.claims[lo], want) &&
	       d->claims.claims[lo].port != by_other_than;
}

/* Does the port claim an address that another one holds as yet? */
static bool takes_over(const struct diff *d, uint32_t port)
{
	const struct conf_port *p = &d->wanted->ports[port];
	struct conf_claim want = { .port = 0 };
	uint32_t i;

	memcpy(want.mac, p->mac, sizeof(want.mac));
	for (i = 0; p->has_mac && i < p->carries_count; i++) {
		int32_t old = d->old_network[p->carries[i]];

		want.network = old;
		if (old != CONF_NONE &&
		    claim_held(d, &want, d->old_port[port]))
			return true;
	}
	return false;
}

static bool same_membership(const struct diff *d, const struct conf_port *a,
			    const struct conf_port *b)
{
	if (a->bond == CONF_NONE || b->bond == CONF_NONE)
		return a->bond == b->bond;
	return a->member == b->member &&
	       !strcmp(d->running->ports[a->bond].name,
		       d->wanted->ports[b->bond].name);
}

/*
 * A bond that was one before has nothing to re-create, but takes its members
 * anew when they were.  Members' marks are there already: see mark().
 */
static uint32_t bond_parts(const struct diff *d, uint32_t i, uint32_t parts)
{
	const struct conf_port *p = &d->wanted->ports[i];
	unsigned k;

	if (d->running->ports[d->old_port[i]].type != CONF_BOND)
		return parts;
	if (parts & CONF_PART_RECREATE)
		parts = (parts & ~CONF_PART_RECREATE) | CONF_PART_BOND;
	for (k = 0; k < p->bonding.member_count; k++)
		if (d->port_parts[p->bonding.members[k].port] &
		    CONF_PART_RECREATE)
			parts |= CONF_PART_BOND;
	return parts;
}

static uint32_t port_parts(const struct diff *d, uint32_t i)
{
	const struct conf_port *b = &d->wanted->ports[i];
	const struct conf_port *a = &d->running->ports[d->old_port[i]];
	uint32_t parts = table_parts(conf_port_keys, a, b);

	if (b->type == CONF_BOND)
		parts = bond_parts(d, i, parts);
	if (!same_membership(d, a, b))
		parts |= CONF_PART_BOND;
	if (a->locking != b->locking)
		parts |= CONF_PART_POLICY;
	if (!same_carries(d, a, b))
		parts |= CONF_PART_VLAN;
	parts |= inherited_parts(d, b);
	/* its receive buffers are as long as its frames */
	if (b->type == CONF_NIC && (parts & CONF_PART_MTU))
		parts |= CONF_PART_RECREATE;
	if (takes_over(d, i))
		parts |= CONF_PART_RECREATE;
	return parts & CONF_PART_RECREATE ? CONF_PART_RECREATE : parts;
}

static void match(struct diff *d)
{
	uint32_t i;

	for (i = 0; i < d->running->network_count; i++)
		d->new_network[i] = switch_conf_find_network(
			d->wanted, d->running->networks[i].name);
	for (i = 0; i < d->wanted->network_count; i++)
		d->old_network[i] = switch_conf_find_network(
			d->running, d->wanted->networks[i].name);
	for (i = 0; i < d->wanted->port_count; i++)
		d->old_port[i] = switch_conf_find_port(
			d->running, d->wanted->ports[i].name);
}

static void mark_ports(struct diff *d, bool bonds)
{
	uint32_t i;

	for (i = 0; i < d->wanted->port_count; i++)
		if (d->old_port[i] != CONF_NONE &&
		    (d->wanted->ports[i].type == CONF_BOND) == bonds)
			d->port_parts[i] = port_parts(d, i);
}

static void mark(struct diff *d)
{
	uint32_t i;

	for (i = 0; i < d->wanted->network_count; i++)
		if (d->old_network[i] != CONF_NONE)
			d->network_parts[i] = table_parts(
				conf_network_keys,
				&d->running->networks[d->old_network[i]],
				&d->wanted->networks[i]);
	mark_ports(d, false);
	mark_ports(d, true);
}

static void add(struct switch_conf_plan *plan, enum conf_verb verb,
		enum conf_object object, uint32_t parts, int32_t before,
		int32_t after)
{
	plan->actions[plan->count++] = (struct switch_conf_action){
		.verb = verb, .object = object, .parts = parts,
		.before = before, .after = after,
	};
}

static void plan_port_removals(const struct diff *d,
			       struct switch_conf_plan *plan, bool bonds)
{
	uint32_t i;
	int32_t now;

	for (i = 0; i < d->running->port_count; i++) {
		if ((d->running->ports[i].type == CONF_BOND) != bonds)
			continue;
		now = switch_conf_find_port(d->wanted,
					    d->running->ports[i].name);
		if (now == CONF_NONE)
			add(plan, CONF_REMOVE, CONF_PORT, 0, i, CONF_NONE);
		else if (d->port_parts[now] & CONF_PART_RECREATE)
			add(plan, CONF_REMOVE, CONF_PORT, CONF_PART_RECREATE,
			    i, CONF_NONE);
	}
}

static void plan_removals(const struct diff *d, struct switch_conf_plan *plan)
{
	uint32_t i;

	plan_port_removals(d, plan, true);
	plan_port_removals(d, plan, false);
	for (i = 0; i < d->running->network_count; i++)
		if (d->new_network[i] == CONF_NONE)
			add(plan, CONF_REMOVE, CONF_NETWORK, 0, i, CONF_NONE);
}

static void plan_networks(const struct diff *d, struct switch_conf_plan *plan)
{
	uint32_t i, parts;

	parts = table_parts(conf_settings_keys, &d->running->settings,
			    &d->wanted->settings);
	if (parts)
		add(plan, CONF_CHANGE, CONF_SETTINGS, parts, CONF_NONE,
		    CONF_NONE);
	for (i = 0; i < d->wanted->network_count; i++)
		if (d->network_parts[i])
			add(plan, CONF_CHANGE, CONF_NETWORK,
			    d->network_parts[i], d->old_network[i], i);
	for (i = 0; i < d->wanted->network_count; i++)
		if (d->old_network[i] == CONF_NONE)
			add(plan, CONF_ADD, CONF_NETWORK, 0, CONF_NONE, i);
}

static void plan_ports(const struct diff *d, struct switch_conf_plan *plan,
		       bool bonds)
{
	uint32_t i, parts;

	for (i = 0; i < d->wanted->port_count; i++) {
		parts = d->port_parts[i];
		if ((d->wanted->ports[i].type == CONF_BOND) == bonds &&
		    parts && !(parts & CONF_PART_RECREATE))
			add(plan, CONF_CHANGE, CONF_PORT, parts,
			    d->old_port[i], i);
	}
	for (i = 0; i < d->wanted->port_count; i++) {
		parts = d->port_parts[i] & CONF_PART_RECREATE;
		if ((d->wanted->ports[i].type == CONF_BOND) == bonds &&
		    (parts || d->old_port[i] == CONF_NONE))
			add(plan, CONF_ADD, CONF_PORT, parts, CONF_NONE, i);
	}
}

static void diff_fini(struct diff *d)
{
	free(d->old_port);
	free(d->old_network);
	free(d->new_network);
	free(d->port_parts);
	free(d->network_parts);
	conf_claims_fini(&d->claims);
}

static int diff_init(struct diff *d, const struct switch_conf *running,
		     const struct switch_conf *wanted)
{
	size_t ports = wanted->port_count + 1;
	size_t networks = wanted->network_count + 1;

	*d = (struct diff){ .running = running, .wanted = wanted };
	d->old_port = calloc(ports, sizeof(*d->old_port));
	d->port_parts = calloc(ports, sizeof(*d->port_parts));
	d->old_network = calloc(networks, sizeof(*d->old_network));
	d->network_parts = calloc(networks, sizeof(*d->network_parts));
	d->new_network = calloc(running->network_count + 1,
				sizeof(*d->new_network));
	if (d->old_port && d->port_parts && d->old_network &&
	    d->network_parts && d->new_network &&
	    !conf_claims_init(&d->claims, running))
		return 0;
	diff_fini(d);
	return -ENOMEM;
}

int switch_conf_diff(const struct switch_conf *running,
		     const struct switch_conf *wanted,
		     struct switch_conf_plan *plan)
{
	/* At worst every old object goes and every new one comes. */
	size_t most = 1 + running->port_count + running->network_count +
		      wanted->port_count + wanted->network_count;
	struct diff d;

	*plan = (struct switch_conf_plan){ .count = 0 };
	if (diff_init(&d, running, wanted) < 0)
		return -ENOMEM;
	plan->actions = calloc(most, sizeof(*plan->actions));
	if (plan->actions) {
		match(&d);
		mark(&d);
		plan_removals(&d, plan);
		plan_networks(&d, plan);
		plan_ports(&d, plan, false);
		plan_ports(&d, plan, true);
	}
	diff_fini(&d);
	return plan->actions ? 0 : -ENOMEM;
}

void switch_conf_plan_fini(struct switch_conf_plan *plan)
{
	free(plan->actions);
	plan->actions = NULL;
	plan->count = 0;
}

static const char *object_name(const struct switch_conf *running,
			       const struct switch_conf *wanted,
			       const struct switch_conf_action *a)
{
	const struct switch_conf *conf = running;
	int32_t i = a->before;

	if (a->after != CONF_NONE) {
		conf = wanted;
		i = a->after;
	}
	if (a->object == CONF_NETWORK)
		return conf->networks[i].name;
	if (a->object == CONF_PORT)
		return conf->ports[i].name;
	return "";
}

void switch_conf_action_text(const struct switch_conf *running,
			     const struct switch_conf *wanted,
			     const struct switch_conf_action *action,
			     char *text, size_t size)
{
	static const char *const verbs[] = { "remove", "change", "add" };
	static const char *const objects[] = { "settings", "network ",
					       "port " };
	static const char *const parts[] = { "policy", "vlan", "rate", "mtu",
					     "tables", "times", "re-create",
					     "bond", "link", "lldp" };
	const char *lead = ": ";
	size_t at;
	unsigned i;

	at = snprintf(text, size, "%s %s%s", verbs[action->verb],
		      objects[action->object],
		      object_name(running, wanted, action));
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!(action->parts & (1u << i)) || at >= size)
			continue;
		at += snprintf(text + at, size - at, "%s%s", lead, parts[i]);
		lead = ", ";
	}
}
