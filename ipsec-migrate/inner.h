/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inner.h: what a packet inside the channel is: whose flow, how long, where
 * its upper layer begins.
 *
 * Pure.  Every byte comes from someone else: the host's guests outward, the
 * peer's inward.  Nothing behind `len` is read.
 */
#ifndef CAUSEWAY_INNER_H
#define CAUSEWAY_INNER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define INNER_LEN_MAX 65535

/*
 * What selectors, the flow cache and the choice among several SAs look at.
 * Compared and hashed as five words: no hole in it, IPv4 addresses in the
 * first four bytes of their fields and zeros behind.
 */
struct inner_flow {
	uint8_t src[16], dst[16];
	/*
	 * Host order.  ICMP: type << 8 | code in both (RFC 4301 4.4.1.1).
	 * 0 if !has_ports.
	 */
	uint16_t sport, dport;
	uint8_t proto;	   /* of the upper layer, behind extension headers */
	uint8_t family;	   /* 4 or 6 */
	uint8_t has_ports; /* false: other protocol, or not first fragment */
	uint8_t zero;
};

struct inner {
	struct inner_flow flow;
	uint32_t len;	 /* by its own header; what is behind is padding */
	uint16_t l4_off; /* of the upper layer, or of the fragment's data */
	uint8_t tos;	 /* DSCP and ECN */
	bool fragment;	 /* first, middle or last */
	bool df;	 /* IPv4: don't fragment; IPv6: always */
};

/*
 * False: no IPv4 or IPv6 packet with whole headers in these `len` bytes.
 * IPv6 extension headers are walked, eight at most; jumbograms are refused.
 */
bool inner_parse(struct inner *in, const uint8_t *pkt, uint32_t len);

static inline bool inner_same_flow(const struct inner_flow *a,
				   const struct inner_flow *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* Mixes all of it; the same on every machine (no secret in it). */
uint32_t inner_hash(const struct inner_flow *flow);

#endif
