/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * packet.h: frames for tests, written one field after the other.
 *
 * A packet is plain bytes; packet_frame() presents it the way a port's rx()
 * does, with `hdr_len` bytes private and the rest in one payload segment.
 * The frame borrows the packet.
 */
#ifndef CAUSEWAY_PACKET_H
#define CAUSEWAY_PACKET_H

#include <stdint.h>

#include "base/burst.h"

#define PACKET_MAX 2048

struct packet {
	unsigned len;
	uint8_t bytes[PACKET_MAX];
};

struct packet_frame {
	struct frame f;
	struct frame_seg seg;
};

/* Append; numbers in network order.  What does not fit is cut off. */
void packet_put(struct packet *p, const void *bytes, unsigned n);
void packet_zero(struct packet *p, unsigned n);
void packet_put8(struct packet *p, uint8_t v);
void packet_put16(struct packet *p, uint16_t v);
void packet_put32(struct packet *p, uint32_t v);
/* "02 00 0a" as bytes; blanks are skipped. */
void packet_put_hex(struct packet *p, const char *hex);
void packet_put_ip(struct packet *p, const char *text); /* either family */

/* Start anew with an Ethernet header; MACs as "02:00:00:00:00:01". */
void packet_eth(struct packet *p, const char *dst, const char *src,
		uint16_t type);
/* Push a tag behind the MAC addresses, outside of those already there. */
void packet_tag(struct packet *p, uint16_t tpid, uint16_t tci);

/* Append an IPv4 header (20 bytes) or IPv6 header for `payload` bytes. */
void packet_ipv4(struct packet *p, const char *src, const char *dst,
		 uint8_t proto, uint16_t payload);
void packet_ipv6(struct packet *p, const char *src, const char *dst,
		 uint8_t next, uint8_t hops, uint16_t payload);
void packet_udp(struct packet *p, uint16_t sport, uint16_t dport,
		uint16_t payload);

/* Present as a received frame with min(len, hdr_len) private bytes. */
struct frame *packet_frame(const struct packet *p, struct packet_frame *pf,
			   unsigned hdr_len);

/* The bytes of a frame, tags included, back as a packet. */
void packet_from_frame(struct packet *p, const struct frame *f);

void packet_mac(const char *text, uint8_t mac[6]);

/* Deterministic random numbers (xorshift64*); a seed of 0 is taken as 1. */
struct packet_rng {
	uint64_t state;
};

uint32_t packet_random(struct packet_rng *rng, uint32_t below);

#endif
