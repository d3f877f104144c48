/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard_ipv4.c: IPv4 sources, DHCP and group queries.
 *
 * Fragments: every fragment shows the source, so all are judged by it.  Ports
 * stand in the first 8 bytes behind the header and fragments are cut at
 * multiples of 8, so a first fragment always shows them; one that does not is
 * a forgery and dropped.  Later fragments cannot bring new ports: where
 * overlap is accepted at all, offset 0 needs another first fragment, judged
 * like the first.
 */
#include <netinet/in.h>

#include "vswitch/guard_view.h"

#define DHCP_SERVER_PORT 67
#define DHCP_CLIENT_PORT 68
#define BOOTP_SEEN       34 /* op to the end of the Ethernet chaddr */

#define IGMP_QUERY              0x11
#define IGMP_ROUTER_ADVERT      0x30 /* RFC 4286 */
#define IGMP_ROUTER_TERMINATION 0x32

/* What of the header decides. */
struct ipv4 {
	uint32_t src, dst;
	uint8_t proto;
	bool first; /* offset 0: the payload's first bytes are here */
	bool more;
};

/*
 * A client's message: BOOTREQUEST from this port's own hardware, not relayed.
 * The options (82 among them) are payload and not looked at.
 */
static enum drop judge_bootp(const struct guard *g, const struct guard_view *v)
{
	static const uint8_t fixed[3] = { 1, 1, 6 }; /* op, htype, hlen */
	const uint8_t *bootp = v->p + 8;

	if (v->have < 8 + BOOTP_SEEN)
		return DROP_UNPARSED;
	if (memcmp(bootp, fixed, sizeof(fixed)) ||
	    guard_addr4(bootp + 24) || /* giaddr */
	    memcmp(bootp + 28, g->mac, sizeof(g->mac)))
		return DROP_DHCP_GUARD;
	return DROP_NONE;
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
	if (sport == DHCP_SERVER_PORT || dport == DHCP_CLIENT_PORT)
		return DROP_DHCP_GUARD;
	if (guard_locked(g) && dport == DHCP_SERVER_PORT)
		return judge_bootp(g, v);
	return DROP_NONE;
}

/* A locked port without address: it may ask for one (RFC 2131 4.1). */
static enum drop judge_no_source(const struct guard *g, const struct ipv4 *ip,
				 const struct guard_view *l4)
{
	if (ip->proto != IPPROTO_UDP || !ip->first || ip->more ||
	    ip->dst != INADDR_BROADCAST)
		return DROP_SPOOF_IPV4;
	if (l4->have < 8)
		return DROP_UNPARSED;
	if (guard_be16(l4->p) != DHCP_CLIENT_PORT ||
	    guard_be16(l4->p + 2) != DHCP_SERVER_PORT)
		return DROP_SPOOF_IPV4;
	return judge_bootp(g, l4);
}

/* Queries and multicast router discovery are a router's. */
static enum drop judge_igmp(const struct guard *g, const struct guard_view *v)
{
	if (g->router)
		return DROP_NONE;
	if (!v->have)
		return DROP_UNPARSED;
	if (v->p[0] == IGMP_QUERY || (v->p[0] >= IGMP_ROUTER_ADVERT &&
				      v->p[0] <= IGMP_ROUTER_TERMINATION))
		return DROP_RA_GUARD;
	return DROP_NONE;
}

/* Header in order (RFC 791)?  Then *v is the payload. */
static bool parse(struct guard_view *v, struct ipv4 *ip)
{
	unsigned header, total, frag;

	if (v->have < 20 || v->p[0] >> 4 != 4)
		return false;
	header = (v->p[0] & 15) * 4;
	total = v->gso ? v->len : guard_be16(v->p + 2);
	if (header < 20 || header > v->have || total < header || total > v->len)
		return false;
	frag = guard_be16(v->p + 6);
	*ip = (struct ipv4){
		.src = guard_addr4(v->p + 12),
		.dst = guard_addr4(v->p + 16),
		.proto = v->p[9],
		.first = !(frag & 0x1fff),
		.more = frag & 0x2000,
	};
	guard_view_clip(v, total);
	guard_view_skip(v, header);
	return true;
}

enum drop guard_judge_ipv4(const struct guard *g, struct guard_view v)
{
	struct ipv4 ip;

	if (!parse(&v, &ip))
		return DROP_UNPARSED;
	if (guard_locked(g)) {
		if (!ip.src)
			return judge_no_source(g, &ip, &v);
		if (!guard_allows_ipv4(g, ip.src))
			return DROP_SPOOF_IPV4;
		/* 6to4 and its kind: anyone's IPv6 source inside */
		if (ip.proto == IPPROTO_IPIP || ip.proto == IPPROTO_IPV6)
			return DROP_NOT_ALLOWED;
		if (ip.proto == IPPROTO_TCP && ip.first && ip.more &&
		    v.len < 20)
			return DROP_UNPARSED; /* RFC 1858 3 */
	}
	if (!ip.first)
		return DROP_NONE;
	if (ip.proto == IPPROTO_UDP)
		return judge_udp(g, &v);
	if (ip.proto == IPPROTO_IGMP)
		return judge_igmp(g, &v);
	return DROP_NONE;
}
