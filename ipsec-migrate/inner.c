/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inner.c: IPv4 and IPv6 headers up to the ports.
 */
#include "ipsec-migrate/inner.h"

#include <netinet/in.h>

#include "ipsec-migrate/bytes.h"

#define EXT_HEADERS_MAX 8

/* Ports, if they are all there; else the packet has none to be asked for. */
static void parse_ports(struct inner *in, const uint8_t *pkt)
{
	const uint8_t *l4 = pkt + in->l4_off;
	uint32_t left = in->len - in->l4_off;

	switch (in->flow.proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		if (left < 4)
			return;
		in->flow.sport = get_be16(l4);
		in->flow.dport = get_be16(l4 + 2);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (left < 2)
			return;
		in->flow.sport = in->flow.dport = get_be16(l4);
		break;
	default: return;
	}
	in->flow.has_ports = true;
}

static bool parse_ipv4(struct inner *in, const uint8_t *pkt, uint32_t len)
{
	uint16_t frag;

	if (len < 20)
		return false;
	in->l4_off = (uint16_t)((pkt[0] & 15) * 4);
	in->len = get_be16(pkt + 2);
	if (in->l4_off < 20 || in->len < in->l4_off || in->len > len)
		return false;
	frag = get_be16(pkt + 6);
	in->tos = pkt[1];
	in->df = frag & 0x4000;
	in->fragment = frag & 0x3fff;
	in->flow.family = 4;
	in->flow.proto = pkt[9];
	memcpy(in->flow.src, pkt + 12, 4);
	memcpy(in->flow.dst, pkt + 16, 4);
	if (!(frag & 0x1fff))
		parse_ports(in, pkt);
	return true;
}

/*
 * From the fixed header to the upper layer (RFC 8200 4).  False: not whole,
 * or too many.  *first: ports follow.
 */
static bool walk_extensions(struct inner *in, const uint8_t *pkt, bool *first)
{
	uint32_t at = 40;
	uint8_t next = pkt[6];
	unsigned n;

	*first = true;
	for (n = 0; n <= EXT_HEADERS_MAX; n++) {
		const uint8_t *ext = pkt + at;
		uint32_t ext_len;

		in->flow.proto = next;
		in->l4_off = (uint16_t)at;
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING &&
		    next != IPPROTO_DSTOPTS && next != IPPROTO_FRAGMENT)
			return true;
		if (in->len - at < 8)
			return false;
		ext_len = next == IPPROTO_FRAGMENT ? 8 : (ext[1] + 1u) * 8;
		if (in->len - at < ext_len)
			return false;
		at += ext_len;
		if (next == IPPROTO_FRAGMENT) {
			in->fragment = get_be16(ext + 2) & 0xfff9;
			if (get_be16(ext + 2) & 0xfff8) {
				*first = false; /* data follows, no header */
				in->flow.proto = ext[0];
				in->l4_off = (uint16_t)at;
				return true;
			}
		}
		next = ext[0];
	}
	return false;
}

static bool parse_ipv6(struct inner *in, const uint8_t *pkt, uint32_t len)
{
	bool first;

	if (len < 40)
		return false;
	in->len = 40u + get_be16(pkt + 4);
	if (in->len > len || in->len > INNER_LEN_MAX)
		return false;
	in->tos = (uint8_t)(pkt[0] << 4 | pkt[1] >> 4);
	in->df = true;
	in->flow.family = 6;
	memcpy(in->flow.src, pkt + 8, 16);
	memcpy(in->flow.dst, pkt + 24, 16);
	if (!walk_extensions(in, pkt, &first))
		return false;
	if (first)
		parse_ports(in, pkt);
	return true;
}

bool inner_parse(struct inner *in, const uint8_t *pkt, uint32_t len)
{
	memset(in, 0, sizeof(*in));
	if (!len)
		return false;
	switch (pkt[0] >> 4) {
	case 4: return parse_ipv4(in, pkt, len);
	case 6: return parse_ipv6(in, pkt, len);
	default: return false;
	}
}

uint32_t inner_hash(const struct inner_flow *flow)
{
	uint64_t words[sizeof(*flow) / 8], h = 0x9e3779b97f4a7c15;
	unsigned i;

	_Static_assert(sizeof(*flow) == 40, "five words, no hole");
	memcpy(words, flow, sizeof(words));
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		h = (h ^ words[i]) * 0xff51afd7ed558ccd;
		h ^= h >> 32;
	}
	return (uint32_t)h;
}
