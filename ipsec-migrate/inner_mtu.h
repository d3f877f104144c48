/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inner_mtu.h: how senders behind the TUN learn what passes the channel.
 *
 * Pure.
 */
#ifndef CAUSEWAY_INNER_MTU_H
#define CAUSEWAY_INNER_MTU_H

#include <stdbool.h>
#include <stdint.h>

#include "ipsec-migrate/inner.h"

/* The longest reply: with 576 or 1280 bytes of IP packet. */
#define INNER_MTU_REPLY_MAX 1280

/*
 * "Fragmentation needed" (RFC 792, RFC 1191) or "packet too big" (RFC 4443
 * 3.2) for the sender of `pkt`, which is longer than `mtu`; complete IP
 * packet in reply[], to be written to the TUN.  The caller limits their rate.
 *
 * Its source is the packet's destination: an address that the sender's host
 * routes to the TUN, so that no reverse path filter stops it, and none of ours
 * has to be configured.
 *
 * Returns its length; 0: none must be sent (about ICMP errors, fragments but
 * the first, to or from no single host; RFC 1122 3.2.2, RFC 4443 2.4).
 */
uint32_t inner_mtu_reply(const struct inner *in, const uint8_t *pkt,
			 uint32_t mtu, uint8_t reply[INNER_MTU_REPLY_MAX]);

/*
 * If it is a TCP SYN that offers a bigger MSS than `mtu` takes: lower it, in
 * place, and put the checksum right (if `partial`, it is not complete yet and
 * stays as it is).  True if changed.
 */
bool inner_mtu_clamp(const struct inner *in, uint8_t *pkt, uint32_t mtu,
		     bool partial);

#endif
