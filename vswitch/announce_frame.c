/* SPDX-License-Identifier: GPL-2.0-or-later */
/* announce_frame.c: three fixed forms, written byte by byte. */
#include "vswitch/announce_frame.h"

#include <string.h>

#define FRAME_MIN 60
#define TYPE_ARP 0x0806
#define TYPE_RARP 0x8035
#define TYPE_IPV6 0x86dd
#define OP_ARP_REQUEST 1
#define OP_RARP_REQUEST 3
#define NA_BYTES 32 /* with the target's link-layer address */
#define NA_ROUTER 0x80
#define NA_OVERRIDE 0x20

static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };
static const uint8_t all_nodes[16] = { 0xff, 0x02, [15] = 1 };

static uint8_t *put16(uint8_t *to, unsigned value)
{
	to[0] = value >> 8;
	to[1] = value & 0xff;
	return to + 2;
}

static uint8_t *put(uint8_t *to, const void *bytes, size_t len)
{
	memcpy(to, bytes, len);
	return to + len;
}

static uint8_t *begin(uint8_t *frame, const struct announce_tag *tag,
		      const uint8_t to[6], const uint8_t from[6],
		      unsigned type)
{
	uint8_t *at;

	memset(frame, 0, ANNOUNCE_FRAME_MAX);
	at = put(frame, to, 6);
	at = put(at, from, 6);
	if (tag->vid) {
		at = put16(at, tag->tpid);
		at = put16(at, tag->vid);
	}
	return put16(at, type);
}

/* A frame that loses its tag on the way must still be long enough. */
static size_t end(const uint8_t *frame, const uint8_t *at,
		  const struct announce_tag *tag)
{
	size_t len = (size_t)(at - frame), min = FRAME_MIN;

	if (tag->vid)
		min += 4;
	return len < min ? min : len;
}

/* RFC 826's form of both protocols; addresses of IPv4. */
static size_t resolution(uint8_t *frame, const struct announce_tag *tag,
			 const uint8_t mac[6], unsigned type, unsigned op,
			 const uint8_t target[6], struct in_addr addr)
{
	uint8_t *at = begin(frame, tag, broadcast, mac, type);

	at = put16(at, 1); /* Ethernet */
	at = put16(at, 0x0800);
	at = put16(at, 6 << 8 | 4);
	at = put16(at, op);
	at = put(at, mac, 6);
	at = put(at, &addr, 4);
	at = put(at, target, 6);
	at = put(at, &addr, 4);
	return end(frame, at, tag);
}

size_t announce_rarp(uint8_t frame[ANNOUNCE_FRAME_MAX],
		     const struct announce_tag *tag, const uint8_t mac[6])
{
	const struct in_addr none = { 0 };

	return resolution(frame, tag, mac, TYPE_RARP, OP_RARP_REQUEST, mac,
			  none);
}

size_t announce_arp(uint8_t frame[ANNOUNCE_FRAME_MAX],
		    const struct announce_tag *tag, const uint8_t mac[6],
		    struct in_addr addr)
{
	static const uint8_t nobody[6];

	return resolution(frame, tag, mac, TYPE_ARP, OP_ARP_REQUEST, nobody,
			  addr);
}

static uint32_t sum(uint32_t s, const uint8_t *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len; i += 2)
		s += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	return s;
}

/* RFC 4443 2.3: `icmp` with its checksum 0, behind an IPv6 header. */
static unsigned icmp6_checksum(const uint8_t *ip6, const uint8_t *icmp)
{
	uint32_t s = sum(NA_BYTES + IPPROTO_ICMPV6, ip6 + 8, 32);

	s = sum(s, icmp, NA_BYTES);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return ~s & 0xffff;
}

size_t announce_na(uint8_t frame[ANNOUNCE_FRAME_MAX],
		   const struct announce_tag *tag, const uint8_t mac[6],
		   const struct in6_addr *addr, bool router)
{
	uint8_t *ip6 = begin(frame, tag, all_nodes_mac, mac, TYPE_IPV6);
	uint8_t *icmp = ip6 + 40, *at;

	ip6[0] = 0x60;
	put16(ip6 + 4, NA_BYTES);
	ip6[6] = IPPROTO_ICMPV6;
	ip6[7] = 255; /* RFC 4861 7.1.2 */
	put(ip6 + 8, addr, 16);
	put(ip6 + 24, all_nodes, 16);
	icmp[0] = 136;
	icmp[4] = NA_OVERRIDE | (router ? NA_ROUTER : 0);
	at = put(icmp + 8, addr, 16);
	*at++ = 2; /* target's link-layer address */
	*at++ = 1;
	at = put(at, mac, 6);
	put16(icmp + 2, icmp6_checksum(ip6, icmp));
	return end(frame, at, tag);
}
