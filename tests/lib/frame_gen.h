/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frame_gen.h: random frames, most of them nearly right: what a guest of MAC
 * FRAME_GEN_MAC with the addresses below might send, with single fields
 * forged, headers nested, bytes mutated.  For property tests and benches.
 */
#ifndef CAUSEWAY_FRAME_GEN_H
#define CAUSEWAY_FRAME_GEN_H

#include "tests/lib/packet.h"

#define FRAME_GEN_MAC        "02:00:00:00:00:01"
#define FRAME_GEN_IPV4       "10.0.0.1"
#define FRAME_GEN_NET4       "10.0.1.0/24"
#define FRAME_GEN_IPV6       "2001:db8::1"
#define FRAME_GEN_NET6       "2001:db8:1::/64"
#define FRAME_GEN_LINK_LOCAL "fe80::ff:fe00:1" /* EUI-64 of the MAC */

/* Replace *p by the next frame of the sequence. */
void frame_gen(struct packet_rng *rng, struct packet *p);

#endif
