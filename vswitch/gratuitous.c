/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gratuitous.c: see gratuitous.h. */
#include "vswitch/gratuitous.h"

#define TYPE_ARP  0x0806
#define TYPE_RARP 0x8035
#define TYPE_IPV6 0x86dd

#define ARP_LEN	     28 /* Ethernet and IPv4 */
#define RARP_REQUEST 3

#define IPV6_HLEN     40
#define NA_LEN	      24 /* without options */
#define PROTO_ICMPV6  58
#define ICMPV6_NA     136
#define NA_SOLICITED  0x40
#define HOP_LIMIT_MAX 255 /* RFC 4861 7.1.2: not from beyond a router */

static const uint8_t *payload(const struct frame *f)
{
	return f->hdr + ETH_HLEN_MIN;
}

/* For Ethernet and IPv4, and the sender's MAC is the frame's source? */
static bool is_arp_of_sender(const struct frame *f)
{
	static const uint8_t head[] = { 0, 1, 0x08, 0, 6, 4 };

	return f->hdr_len >= ETH_HLEN_MIN + ARP_LEN &&
	       !memcmp(payload(f), head, sizeof(head)) &&
	       !memcmp(payload(f) + 8, f->hdr + 6, 6);
}

static bool is_gratuitous_arp(const struct frame *f)
{
	const uint8_t *arp = payload(f);
	uint16_t op;

	if (!is_arp_of_sender(f))
		return false;
	op = frame_be16(f, ETH_HLEN_MIN + 6);
	return (op == 1 || op == 2) && !memcmp(arp + 14, arp + 24, 4);
}

static bool is_rarp_announcement(const struct frame *f)
{
	return is_arp_of_sender(f) &&
	       frame_be16(f, ETH_HLEN_MIN + 6) == RARP_REQUEST &&
	       !memcmp(payload(f) + 18, f->hdr + 6, 6);
}

static bool is_unsolicited_na(const struct frame *f)
{
	const uint8_t *ip = payload(f), *na = ip + IPV6_HLEN;

	if (f->hdr_len < ETH_HLEN_MIN + IPV6_HLEN + NA_LEN)
		return false;
	return ip[0] >> 4 == 6 && ip[6] == PROTO_ICMPV6 &&
	       ip[7] == HOP_LIMIT_MAX && na[0] == ICMPV6_NA && !na[1] &&
	       !(na[4] & NA_SOLICITED);
}

bool gratuitous_is(const struct frame *f)
{
	if (f->hdr_len < ETH_HLEN_MIN || !(f->hdr[0] & 1))
		return false;
	switch (frame_be16(f, ETH_MACS_LEN)) {
	case TYPE_ARP:
		return is_gratuitous_arp(f);
	case TYPE_RARP:
		return is_rarp_announcement(f);
	case TYPE_IPV6:
		return is_unsolicited_na(f);
	default:
		return false;
	}
}
