/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bridge_model.c: see bridge_model.h. */
#include "tests/lib/bridge_model.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/lib/guard_reference.h"

void bridge_model_init(struct bridge_model *m, const struct switch_conf *conf,
		       uint16_t tick)
{
	unsigned i;

	memset(m, 0, sizeof(*m));
	m->conf = conf;
	m->tick = tick;
	m->hold = (conf->settings.mac_move_hold_ms + 999) / 1000;
	assert(conf->port_count <= MODEL_PORTS_MAX);
	for (i = 0; i < conf->port_count; i++)
		m->link[i] = true;
}

const char *bridge_model_verdict_name(enum model_verdict v)
{
	static const char *const name[MODEL_VERDICTS] = {
		"forward", "runt",     "vlan",	  "giant",
		"guard",   "foreign",  "limit",	  "disabled",
		"inject",  "hairpin",  "isolated", "no_dest",
	};

	return name[v];
}

/* ---- tags ---- */

static unsigned be16(const struct packet *p, unsigned at)
{
	return p->bytes[at] * 256u + p->bytes[at + 1];
}

static bool is_tag(unsigned type)
{
	return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

static bool starts_with_tag(const struct packet *p)
{
	return is_tag(be16(p, 12));
}

/* A tag, and a type behind it, are all there. */
static bool tag_is_whole(const struct packet *p)
{
	return p->len >= 18;
}

static bool second_tag(const struct packet *p)
{
	return is_tag(be16(p, 16));
}

static void take_tag_off(struct packet *p)
{
	memmove(p->bytes + 12, p->bytes + 16, p->len - 16);
	p->len -= 4;
}

/* ---- ports and networks ---- */

static bool carries(const struct conf_port *c, int network)
{
	unsigned i;

	for (i = 0; i < c->carries_count; i++)
		if (c->carries[i] == network)
			return true;
	return false;
}

static int network_with_vlan(const struct switch_conf *conf,
			     const struct conf_port *c, unsigned vid)
{
	unsigned i;

	for (i = 0; i < c->carries_count; i++)
		if (conf->networks[c->carries[i]].vlan == vid)
			return c->carries[i];
	return CONF_NONE;
}

static bool cvlan_listed(const struct conf_port *c, unsigned vid)
{
	return c->cvlans[vid / 64] >> vid % 64 & 1;
}

static bool filters_cvlans(const struct conf_port *c)
{
	unsigned vid;

	for (vid = 0; vid < 4096; vid++)
		if (cvlan_listed(c, vid))
			return true;
	return false;
}

/* May a tunnel carry the customer's frame, in either direction? */
static bool tunnel_takes(const struct conf_port *c, const struct packet *p)
{
	unsigned vid = 0;

	if (starts_with_tag(p)) {
		if (!tag_is_whole(p))
			return false;
		vid = be16(p, 14) & 0xfff;
		if (vid == 4095)
			return false;
		if (filters_cvlans(c) &&
		    (be16(p, 12) != 0x8100 || (!vid && second_tag(p))))
			return false;
	}
	return !filters_cvlans(c) || cvlan_listed(c, vid);
}

/* Untagged frames of this port belong to: */
static int untagged_network(const struct conf_port *c)
{
	if (c->vlan_mode == CONF_VLAN_ACCESS)
		return c->network;
	return c->native; /* trunks; an uplink's network of VLAN 0 */
}

/*
 * The network a frame belongs to, or CONF_NONE.  Takes off the tag that says
 * so; *pcp gets its priority.
 */
static int network_of(const struct switch_conf *conf, const struct conf_port *c,
		      struct packet *p, unsigned *pcp)
{
	unsigned vid;
	int network;

	*pcp = 0;
	if (starts_with_tag(p)) {
		if (!tag_is_whole(p) || (second_tag(p) && p->len < 22))
			return CONF_NONE;
	}
	if (c->vlan_mode == CONF_VLAN_TUNNEL)
		return tunnel_takes(c, p) ? c->network : CONF_NONE;
	if (!starts_with_tag(p))
		return untagged_network(c);
	if (be16(p, 12) != (c->tpid ? c->tpid : 0x8100))
		return CONF_NONE;
	vid = be16(p, 14) & 0xfff;
	if (!vid && second_tag(p))
		return CONF_NONE;
	if (!vid)
		network = untagged_network(c);
	else if (c->vlan_mode == CONF_VLAN_ACCESS)
		network = CONF_NONE;
	else
		network = network_with_vlan(conf, c, vid);
	if (network != CONF_NONE) {
		*pcp = be16(p, 14) & 0xf000;
		take_tag_off(p);
	}
	return network;
}

/* In what form it leaves there; false: it must not. */
static bool egress_form(const struct switch_conf *conf,
			const struct conf_port *c, int network, unsigned pcp,
			struct packet *p)
{
	bool bare = c->vlan_mode == CONF_VLAN_ACCESS ||
		    (c->vlan_mode != CONF_VLAN_NATIVE_TAGGED &&
		     network == c->native);

	if (c->vlan_mode == CONF_VLAN_TUNNEL)
		return tunnel_takes(c, p);
	if (bare)
		return c->promiscuous || !starts_with_tag(p);
	packet_tag(p, c->tpid ? c->tpid : 0x8100,
		   conf->networks[network].vlan | pcp);
	return true;
}

/* From the port; to it also, but for inner tags that listeners are shown. */
static unsigned longest(const struct conf_port *c)
{
	return c->mtu + 14 + (c->vlan_mode == CONF_VLAN_ACCESS ? 0 : 8);
}

/* ---- who may send ---- */

static bool guard_allows(const struct conf_port *c, const struct packet *p)
{
	struct guard_prefix allowed[4];
	struct guard_conf gc = { .mode = c->locking == CONF_LOCK_LOCKED
						 ? GUARD_LOCKED
						 : GUARD_UNLOCKED,
				 .allowed = allowed,
				 .dhcp_server = c->role != CONF_GUEST,
				 .router = c->role != CONF_GUEST };
	unsigned i;

	memset(allowed, 0, sizeof(allowed));
	for (i = 0; i < c->ipv4_count; i++) {
		allowed[i].family = AF_INET;
		allowed[i].bits = c->ipv4_allowed[i].len;
		memcpy(allowed[i].addr, &c->ipv4_allowed[i].addr, 4);
	}
	gc.allowed_count = i;
	memcpy(gc.mac, c->mac, 6);
	return guard_reference_allows(&gc, p->bytes,
				      p->len < FRAME_HDR_MAX ? p->len
							     : FRAME_HDR_MAX,
				      p->len, false);
}

/* ---- addresses ---- */

/* The port this address is configured for in a network. */
static int owner_of(const struct bridge_model *m, int network,
		    const uint8_t *mac)
{
	unsigned i;

	for (i = 0; i < m->conf->port_count; i++) {
		const struct conf_port *c = &m->conf->ports[i];

		if (c->has_mac && c->locking != CONF_LOCK_DISABLED &&
		    carries(c, network) && !memcmp(c->mac, mac, 6))
			return i;
	}
	return CONF_NONE;
}

static struct model_mac *learned_at(struct bridge_model *m, int network,
				    const uint8_t *mac)
{
	unsigned i;

	for (i = 0; i < m->mac_count; i++)
		if (m->mac[i].network == network &&
		    !memcmp(m->mac[i].mac, mac, 6))
			return &m->mac[i];
	return NULL;
}

static bool at_limit(const struct bridge_model *m, int port)
{
	const struct conf_port *c = &m->conf->ports[port];
	unsigned i, n = 0;

	if (c->role == CONF_UPLINK)
		return false;
	for (i = 0; i < m->mac_count; i++)
		n += m->mac[i].port == port;
	return n >= c->mac_limit;
}

/* An ARP packet to all by which its sender says where it is. */
static bool announces(const struct packet *p)
{
	const uint8_t *b = p->bytes;

	return p->len >= 42 && b[0] & 1 && be16(p, 12) == 0x0806 &&
	       be16(p, 14) == 1 && be16(p, 16) == 0x0800 &&
	       be16(p, 18) == 0x0604 && (be16(p, 20) == 1 ||
					 be16(p, 20) == 2) &&
	       !memcmp(b + 22, b + 6, 6) && !memcmp(b + 28, b + 38, 4);
}

static enum model_verdict judge_move(struct bridge_model *m,
				     struct model_mac *e, int in,
				     const struct packet *p)
{
	bool uplink = m->conf->ports[in].role == CONF_UPLINK;
	uint16_t since = m->tick - e->moved, silent = m->tick - e->seen;

	if (e->uplink && !uplink)
		return MODEL_FOREIGN;
	if (uplink && !(announces(p) && silent > m->hold))
		return MODEL_FOREIGN;
	if (since < m->hold)
		return uplink ? MODEL_FORWARD : MODEL_FOREIGN;
	if (at_limit(m, in))
		return MODEL_MAC_LIMIT;
	e->port = in;
	e->uplink = uplink;
	e->seen = e->moved = m->tick;
	return MODEL_FORWARD;
}

static enum model_verdict judge_source(struct bridge_model *m, int in,
				       int network, const struct packet *p)
{
	const uint8_t *mac = p->bytes + 6;
	const struct conf_port *c = &m->conf->ports[in];
	int owner = owner_of(m, network, mac);
	struct model_mac *e;

	if (c->locking == CONF_LOCK_LOCKED || owner == in)
		return MODEL_FORWARD;
	if (owner != CONF_NONE)
		return MODEL_FOREIGN;
	e = learned_at(m, network, mac);
	if (e && e->port != in)
		return judge_move(m, e, in, p);
	if (e) {
		e->seen = m->tick;
		return MODEL_FORWARD;
	}
	if (at_limit(m, in))
		return MODEL_MAC_LIMIT;
	assert(m->mac_count < MODEL_MACS_MAX);
	e = &m->mac[m->mac_count++];
	e->network = network;
	memcpy(e->mac, mac, 6);
	e->port = in;
	e->uplink = c->role == CONF_UPLINK;
	e->seen = m->tick;
	e->moved = m->tick - m->hold;
	return MODEL_FORWARD;
}

/* ---- who gets it ---- */

static bool both_isolated(const struct bridge_model *m, int a, int b)
{
	return m->conf->ports[a].isolated && m->conf->ports[b].isolated;
}

static bool may_get(const struct bridge_model *m, int in, int out, int network)
{
	return out != in && carries(&m->conf->ports[out], network) &&
	       m->conf->ports[out].locking != CONF_LOCK_DISABLED;
}

static bool wants_unknown(const struct bridge_model *m, int out, int network)
{
	return m->conf->ports[out].role != CONF_GUEST ||
	       m->conf->ports[out].flood_unknown ||
	       m->conf->networks[network].flood_unknown;
}

static void deliver(const struct bridge_model *m, int out, int network,
		    unsigned pcp, const struct packet *p,
		    struct model_delivery *d)
{
	const struct conf_port *c = &m->conf->ports[out];

	d->bytes = *p;
	if (!m->link[out])
		d->fate = MODEL_NO_LINK;
	else if (p->len > (c->promiscuous ? c->mtu + 14u + 8u : longest(c)))
		d->fate = MODEL_TOO_LONG;
	else if (!egress_form(m->conf, c, network, pcp, &d->bytes))
		d->fate = MODEL_BARE_TAG;
	else
		d->fate = MODEL_SENT;
}

/* Marks the ports; says so if there are none. */
static enum model_verdict find_ports(struct bridge_model *m, int in,
				     int network, const struct packet *p,
				     bool gets[])
{
	bool many = p->bytes[0] & 1;
	const struct model_mac *e = NULL;
	int to = CONF_NONE, i;
	unsigned n = 0;

	if (!many) {
		to = owner_of(m, network, p->bytes);
		e = learned_at(m, network, p->bytes);
	}
	if (to == CONF_NONE && e)
		to = e->port;
	if (to == in)
		return MODEL_HAIRPIN;
	if (to != CONF_NONE && both_isolated(m, in, to))
		return MODEL_ISOLATED;
	for (i = 0; i < (int)m->conf->port_count; i++) {
		gets[i] = may_get(m, in, i, network) &&
			  !both_isolated(m, in, i) &&
			  (to != CONF_NONE ? i == to
			   : many	   ? true
					   : wants_unknown(m, i, network));
		n += gets[i];
	}
	return n ? MODEL_FORWARD : MODEL_NO_DEST;
}

static void copy_to_listeners(const struct bridge_model *m, int in,
			      int network, unsigned pcp,
			      const struct packet *p, struct model_result *r)
{
	bool admitted = r->verdict == MODEL_FORWARD ||
			r->verdict >= MODEL_HAIRPIN;
	int i;

	for (i = 0; i < (int)m->conf->port_count; i++) {
		const struct conf_port *c = &m->conf->ports[i];

		if (!c->promiscuous || r->at[i].fate != MODEL_NOTHING ||
		    !may_get(m, in, i, network) ||
		    (!admitted && !c->include_refused))
			continue;
		deliver(m, i, network, pcp, p, &r->at[i]);
		r->at[i].copy = true;
	}
}

static enum model_verdict judge(struct bridge_model *m, int in, int network,
				const struct packet *p, bool gets[])
{
	enum model_verdict v;

	if (p->len > longest(&m->conf->ports[in]))
		return MODEL_GIANT;
	if (!guard_allows(&m->conf->ports[in], p))
		return MODEL_GUARD;
	v = judge_source(m, in, network, p);
	return v ? v : find_ports(m, in, network, p, gets);
}

void bridge_model_frame(struct bridge_model *m, int in, const struct packet *p,
			struct model_result *r)
{
	const struct conf_port *c = &m->conf->ports[in];
	bool gets[MODEL_PORTS_MAX] = { false };
	struct packet canonical = *p;
	unsigned i, pcp;
	int network;

	for (i = 0; i < MODEL_PORTS_MAX; i++) {
		r->at[i].fate = MODEL_NOTHING;
		r->at[i].copy = false;
	}
	r->verdict = c->locking == CONF_LOCK_DISABLED	? MODEL_DISABLED
		     : c->promiscuous && !c->inject	? MODEL_INJECT
		     : p->len < 14			? MODEL_RUNT
							: MODEL_FORWARD;
	if (r->verdict)
		return;
	network = network_of(m->conf, c, &canonical, &pcp);
	if (network == CONF_NONE) {
		r->verdict = MODEL_VLAN;
		return;
	}
	r->verdict = judge(m, in, network, &canonical, gets);
	for (i = 0; i < m->conf->port_count && !r->verdict; i++)
		if (gets[i])
			deliver(m, i, network, pcp, &canonical, &r->at[i]);
	copy_to_listeners(m, in, network, pcp, &canonical, r);
}
