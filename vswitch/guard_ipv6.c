/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard_ipv6.c: IPv6 sources, neighbour discovery, routers and DHCPv6.
 *
 * The upper-layer header may hide behind extension headers and a fragment
 * header (RFC 7113).  The chain is walked within the private bytes, at most
 * CHAIN_MAX headers; a chain that does not end there is dropped, on unlocked
 * ports too.  RFC 7112 forbids first fragments without the whole chain, so
 * the same rule stops those; later fragments pass, they cannot be put together
 * without a first one.
 */
#include <netinet/in.h>

#include "vswitch/guard_view.h"

#define CHAIN_MAX 8

#define NH_HOP_BY_HOP  0
#define NH_IPIP        4
#define NH_TCP         6
#define NH_UDP         17
#define NH_IPV6        41
#define NH_ROUTING     43
#define NH_FRAGMENT    44
#define NH_AUTH        51
#define NH_ICMPV6      58
#define NH_DESTINATION 60
#define NH_MOBILITY    135
#define NH_HIP         139
#define NH_SHIM6       140

#define DHCP6_CLIENT_PORT 546
#define DHCP6_SERVER_PORT 547

enum icmp6_type {
	MLD_QUERY = 130,
	MLD_REPORT = 131,
	MLD_DONE = 132,
	ND_RS = 133,
	ND_RA = 134,
	ND_NS = 135,
	ND_NA = 136,
	ND_REDIRECT = 137,
	ROUTER_RENUMBERING = 138,
	INVERSE_NS = 141,
	INVERSE_NA = 142,
	MLD2_REPORT = 143,
	HOME_AGENT_SOLICIT = 146, /* as XenServer's rules have it */
	MOBILE_PREFIX_ADVERT = 147,
	MRD_ADVERT = 151, /* RFC 4286 */
	MRD_SOLICIT = 152,
	MRD_TERMINATION = 153,
};

struct ipv6 {
	const uint8_t *src, *dst;
	bool no_source; /* :: */
	uint8_t hops;
	uint8_t next;
	bool fragment; /* there is a fragment header */
	bool first;    /* its offset is 0 */
	bool more;
};

static bool is_zero(const uint8_t addr[16])
{
	static const uint8_t zero[16];

	return !memcmp(addr, zero, sizeof(zero));
}

/*
 * Step over the extension header at v.  1: done; 0: it is none, the chain
 * ends; -1: cut off.
 */
static int skip_extension(struct guard_view *v, struct ipv6 *ip)
{
	unsigned unit = 8, extra = 1, size;

	switch (ip->next) {
	case NH_AUTH:
		unit = 4;
		extra = 2;
		break;
	case NH_HOP_BY_HOP:
	case NH_ROUTING:
	case NH_DESTINATION:
	case NH_MOBILITY:
	case NH_HIP:
	case NH_SHIM6:
	case NH_FRAGMENT:
		break;
	default:
		return 0;
	}
	if (v->have < 8)
		return -1;
	size = (v->p[1] + extra) * unit;
	if (ip->next == NH_FRAGMENT) {
		size = 8;
		ip->fragment = true;
		ip->first = !(guard_be16(v->p + 2) & 0xfff8);
		ip->more = ip->more || v->p[3] & 1;
	}
	if (size > v->have)
		return -1;
	ip->next = v->p[0];
	guard_view_skip(v, size);
	return 1;
}

/* To the upper-layer header, or to the payload of a later fragment. */
static bool walk_chain(struct guard_view *v, struct ipv6 *ip)
{
	unsigned n;
	int step;

	for (n = 0; (step = skip_extension(v, ip)) > 0; n++) {
		if (n == CHAIN_MAX)
			return false;
		if (!ip->first)
			return true;
	}
	return step == 0;
}

static bool parse(struct guard_view *v, struct ipv6 *ip)
{
	unsigned total;

	if (v->have < 40 || v->p[0] >> 4 != 6)
		return false;
	total = v->gso ? v->len : 40u + guard_be16(v->p + 4);
	if (total > v->len)
		return false;
	*ip = (struct ipv6){
		.src = v->p + 8,
		.dst = v->p + 24,
		.no_source = is_zero(v->p + 8),
		.hops = v->p[7],
		.next = v->p[6],
		.first = true,
	};
	guard_view_clip(v, total);
	guard_view_skip(v, 40);
	return true;
}

static bool router_message(uint8_t type)
{
	switch (type) {
	case MLD_QUERY:
	case ND_RA:
	case ND_REDIRECT:
	case ROUTER_RENUMBERING:
	case HOME_AGENT_SOLICIT:
	case MOBILE_PREFIX_ADVERT:
	case MRD_ADVERT:
	case MRD_SOLICIT:
	case MRD_TERMINATION:
		return true;
	}
	return false;
}

/*
 * Options from `at` on (RFC 4861 4.6): every link-layer address must be the
 * port's own.  A message without source address must not have any.
 */
static enum drop judge_nd_options(const struct guard *g,
				  const struct guard_view *v, unsigned at,
				  bool no_source)
{
	unsigned size;

	for (; at < v->len; at += size) {
		if (at + 2 > v->have)
			return DROP_UNPARSED;
		size = v->p[at + 1] * 8;
		if (!size || at + size > v->len)
			return DROP_UNPARSED;
		if (v->p[at] != 1 && v->p[at] != 2)
			continue;
		if (at + 8 > v->have)
			return DROP_UNPARSED;
		if (size != 8 || no_source ||
		    memcmp(v->p + at + 2, g->mac, sizeof(g->mac)))
			return DROP_SPOOF_ND;
	}
	return DROP_NONE;
}

/* Duplicate address detection asks the target's own solicited-node group. */
static bool asks_solicited_node(const struct ipv6 *ip, const uint8_t *target)
{
	static const uint8_t group[13] = { 0xff, 2, 0, 0, 0, 0,   0,
					   0,    0, 0, 0, 1, 0xff };

	return !memcmp(ip->dst, group, sizeof(group)) &&
	       !memcmp(ip->dst + 13, target + 13, 3);
}

static bool all_routers(const uint8_t dst[16])
{
	static const uint8_t group[16] = { 0xff, 2, [15] = 2 };

	return !memcmp(dst, group, sizeof(group));
}

/* Neighbour discovery of a locked port; its source is allowed or ::. */
static enum drop judge_nd(const struct guard *g, const struct guard_view *v,
			  const struct ipv6 *ip)
{
	uint8_t type = v->p[0];
	unsigned fixed = type == ND_RS ? 8 : type == ND_RA ? 16 : 24;
	const uint8_t *target = v->p + 8;

	/* RFC 4861 7.1: from this link only; RFC 6980: never in fragments */
	if (ip->hops != 255 || v->p[1] != 0 || ip->fragment)
		return DROP_SPOOF_ND;
	if (v->have < fixed)
		return DROP_UNPARSED;
	switch (type) {
	case ND_RS:
		if (ip->no_source && !all_routers(ip->dst))
			return DROP_SPOOF_ND;
		break;
	case ND_NS:
		if (ip->no_source && (!guard_allows_ipv6(g, target) ||
				      !asks_solicited_node(ip, target)))
			return DROP_SPOOF_ND;
		break;
	case ND_NA:
		if (ip->no_source || !guard_allows_ipv6(g, target))
			return DROP_SPOOF_ND;
		break;
	default:
		if (ip->no_source)
			return DROP_SPOOF_ND;
	}
	return judge_nd_options(g, v, fixed, ip->no_source);
}

static enum drop judge_icmp6(const struct guard *g, const struct guard_view *v,
			     const struct ipv6 *ip)
{
	if (v->have < 4)
		return DROP_UNPARSED;
	if (!g->router && router_message(v->p[0]))
		return DROP_RA_GUARD;
	if (!guard_locked(g))
		return DROP_NONE;
	switch (v->p[0]) {
	case ND_RS:
	case ND_RA:
	case ND_NS:
	case ND_NA:
		return judge_nd(g, v, ip);
	case INVERSE_NS:
	case INVERSE_NA:
		return DROP_SPOOF_ND;
	case MLD_REPORT:
	case MLD_DONE:
	case MLD2_REPORT: /* before an address is there: RFC 3590 */
		if (ip->no_source && ip->hops == 1 && ip->dst[0] == 0xff)
			return DROP_NONE;
		break;
	}
	return ip->no_source ? DROP_SPOOF_IPV6 : DROP_NONE;
}

/* SOLICIT, REQUEST ... INFORMATION-REQUEST: RFC 8415 7.3 */
static bool dhcp6_from_client(uint8_t message)
{
	const unsigned client = 1u << 1 | 1u << 3 | 1u << 4 | 1u << 5 |
				1u << 6 | 1u << 8 | 1u << 9 | 1u << 11;

	return message < 32 && client >> message & 1;
}

static enum drop judge_udp(const struct guard *g, const struct guard_view *v)
{
	uint16_t sport, dport;

	if (v->have < 8)
		return DROP_UNPARSED;
	if (g->dhcp_server)
		return DROP_NONE;
	sport = guard_be16(v->p);
	dport = guard_be16(v->p + 2);
	if (sport == DHCP6_SERVER_PORT || dport == DHCP6_CLIENT_PORT)
		return DROP_DHCP_GUARD;
	if (!guard_locked(g) || dport != DHCP6_SERVER_PORT)
		return DROP_NONE;
	if (v->have < 9)
		return DROP_UNPARSED;
	return dhcp6_from_client(v->p[8]) ? DROP_NONE : DROP_DHCP_GUARD;
}

enum drop guard_judge_ipv6(const struct guard *g, struct guard_view v)
{
	bool locked = guard_locked(g);
	struct ipv6 ip;

	if (!parse(&v, &ip))
		return DROP_UNPARSED;
	if (locked && (!g->range6_count ||
		       (!ip.no_source && !guard_allows_ipv6(g, ip.src))))
		return DROP_SPOOF_IPV6;
	if (!walk_chain(&v, &ip))
		return DROP_UNPARSED;
	if (ip.first && ip.next == NH_ICMPV6)
		return judge_icmp6(g, &v, &ip);
	if (locked && ip.no_source)
		return DROP_SPOOF_IPV6;
	if (locked && (ip.next == NH_IPIP || ip.next == NH_IPV6))
		return DROP_NOT_ALLOWED;
	if (!ip.first)
		return DROP_NONE;
	if (ip.next == NH_UDP)
		return judge_udp(g, &v);
	if (locked && ip.next == NH_TCP && ip.more && v.len < 20)
		return DROP_UNPARSED;
	return DROP_NONE;
}
