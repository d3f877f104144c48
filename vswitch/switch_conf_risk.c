/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_conf_risk.c: would this change cut the host off?
 *
 * A host port is how the host itself (its management, its storage) reaches
 * the world: through its networks, their uplink, and the uplink's members.
 * What changes on that way may end the connection over which the change was
 * made.  Changes that leave the way as it is (rates, LLDP, other networks on
 * the same uplink) are none.
 */
#include "vswitch/switch_conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GONE (~0u)
/* An uplink's "vlan" is mostly another network that comes or goes. */
#define UPLINK_RISK                                                           \
	(CONF_PART_MTU | CONF_PART_RECREATE | CONF_PART_BOND | CONF_PART_LINK)
#define HOST_RISK                                                             \
	(UPLINK_RISK | CONF_PART_VLAN | CONF_PART_POLICY)

struct risk {
	const struct switch_conf *running;
	uint32_t *ports; /* by running index: enum conf_part, or GONE */
	uint32_t *networks;
};

static bool uplink_at_risk(const struct risk *r, int32_t uplink)
{
	const struct conf_port *p;
	unsigned k;

	if (uplink == CONF_NONE)
		return false;
	p = &r->running->ports[uplink];
	if (r->ports[uplink] & UPLINK_RISK)
		return true;
	for (k = 0; k < p->bonding.member_count; k++)
		if (r->ports[p->bonding.members[k].port] & UPLINK_RISK)
			return true;
	return false;
}

static bool at_risk(const struct risk *r, uint32_t port)
{
	const struct conf_port *p = &r->running->ports[port];
	const struct conf_network *net;
	bool outside = false;
	uint32_t i;

	for (i = 0; i < p->carries_count; i++) {
		net = &r->running->networks[p->carries[i]];
		if (net->uplink == CONF_NONE)
			continue;
		outside = true;
		if ((r->networks[p->carries[i]] & CONF_PART_VLAN) ||
		    uplink_at_risk(r, net->uplink))
			return true;
	}
	return outside && (r->ports[port] & HOST_RISK);
}

static void mark(struct risk *r, const struct switch_conf *wanted,
		 const struct switch_conf_action *a)
{
	uint32_t parts = a->verb == CONF_REMOVE ? GONE : a->parts;

	if (a->before == CONF_NONE)
		return;
	if (a->object == CONF_NETWORK)
		r->networks[a->before] |= parts;
	if (a->object != CONF_PORT)
		return;
	r->ports[a->before] |= parts;
	if (a->after != CONF_NONE &&
	    wanted->ports[a->after].tpid != r->running->ports[a->before].tpid)
		r->ports[a->before] |= CONF_PART_LINK;
}

/* Who takes a port of the host away knows that it goes. */
static bool stays(const struct risk *r, const struct switch_conf *wanted,
		  uint32_t port)
{
	const struct conf_port *p = &r->running->ports[port];
	int32_t i = switch_conf_find_port(wanted, p->name);

	return i != CONF_NONE && p->role == CONF_HOST &&
	       wanted->ports[i].role == CONF_HOST;
}

static int collect(const struct risk *r, const struct switch_conf *wanted,
		   int32_t *ports)
{
	uint32_t i;
	int n = 0;

	for (i = 0; i < r->running->port_count; i++)
		if (stays(r, wanted, i) && at_risk(r, i))
			ports[n++] = i;
	return n;
}

int switch_conf_cuts_host(const struct switch_conf *running,
			  const struct switch_conf *wanted, int32_t **ports)
{
	struct risk r = { .running = running };
	struct switch_conf_plan plan;
	int n = -ENOMEM;
	uint32_t i;

	*ports = calloc(running->port_count + 1, sizeof(**ports));
	r.ports = calloc(running->port_count + 1, sizeof(*r.ports));
	r.networks = calloc(running->network_count + 1, sizeof(*r.networks));
	if (!*ports || !r.ports || !r.networks ||
	    switch_conf_diff(running, wanted, &plan) < 0)
		goto free_marks;
	for (i = 0; i < plan.count; i++)
		mark(&r, wanted, &plan.actions[i]);
	n = collect(&r, wanted, *ports);
	switch_conf_plan_fini(&plan);
free_marks:
	if (n < 0) {
		free(*ports);
		*ports = NULL;
	}
	free(r.ports);
	free(r.networks);
	return n;
}
