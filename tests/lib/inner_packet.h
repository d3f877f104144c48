/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inner_packet.h: IP packets and TUN frames for tests, made field by field.
 * Checksums are made byte by byte, by nothing of what is tested.
 */
#ifndef CAUSEWAY_INNER_PACKET_H
#define CAUSEWAY_INNER_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_net.h>

#include "ipsec-migrate/inner_gso.h"

#define PACKET_SYN 0x02
#define PACKET_PSH 0x08
#define PACKET_ACK 0x10

/* From 10.1.0.<src> or fd01::<src> to 10.2.0.<dst> or fd02::<dst>. */
struct inner_packet {
	uint8_t family, proto; /* 0: IPv4, TCP */
	uint8_t src, dst, tos, ttl;
	uint16_t sport, dport, id, window;
	bool df;
	uint32_t seq, ack;
	uint8_t flags, options; /* TCP; options: bytes of timestamps or NOPs */
	uint32_t payload;	/* bytes, counting up from first */
	uint8_t first;
};

/* A TCP packet with a payload, flags ACK, and everything a flow has. */
struct inner_packet inner_packet_tcp(uint8_t family, uint32_t payload);
struct inner_packet inner_packet_udp(uint8_t family, uint32_t payload);

/* Writes it with right checksums and returns its length. */
uint32_t inner_packet_make(const struct inner_packet *p, uint8_t *to);
/*
 * The same as a TUN frame, checksum left to be done; cut by gso_size if not 0.
 */
uint32_t inner_packet_frame(const struct inner_packet *p, uint16_t gso_size,
			    uint8_t *to);

/* Big-endian 16 bit sum of the whole, folded: 0xffff if all is right. */
uint16_t packet_sum(uint32_t sum, const uint8_t *p, uint32_t len);
/* Are all checksums of this packet right?  TCP, UDP, ICMP; IPv4, IPv6. */
bool packet_sums_right(const uint8_t *pkt, uint32_t len);

/*
 * The oracle: segments of a frame, one after the other and slowly, by the
 * rules as the RFCs have them.  Calls back with each.  0: not a valid frame.
 */
unsigned inner_packet_segments(const uint8_t *frame, uint32_t len,
			       void (*each)(void *arg, const uint8_t *pkt,
					    uint32_t len),
			       void *arg);

#endif
