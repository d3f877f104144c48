/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * announce_frame.h: frames that say where an address lives, made in the name
 * of its owner, so that switches outside learn the way to it at once.
 *
 * Pure.  Frames are whole, padded to Ethernet's least, without FCS.
 */
#ifndef CAUSEWAY_ANNOUNCE_FRAME_H
#define CAUSEWAY_ANNOUNCE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#define ANNOUNCE_FRAME_MAX 96

/* Where the frame goes: `vid` 0 leaves it untagged. */
struct announce_tag {
	uint16_t tpid;
	uint16_t vid;
};

/* All return the frame's length. */

/* RARP request of nobody (RFC 903), as QEMU sends: switches learn from it. */
size_t announce_rarp(uint8_t frame[ANNOUNCE_FRAME_MAX],
		     const struct announce_tag *tag, const uint8_t mac[6]);
/* ARP announcement (RFC 5227 3): a request for its own address. */
size_t announce_arp(uint8_t frame[ANNOUNCE_FRAME_MAX],
		    const struct announce_tag *tag, const uint8_t mac[6],
		    struct in_addr addr);
/* Unsolicited neighbour advertisement (RFC 4861 7.2.6), with override. */
size_t announce_na(uint8_t frame[ANNOUNCE_FRAME_MAX],
		   const struct announce_tag *tag, const uint8_t mac[6],
		   const struct in6_addr *addr, bool router);

#endif
