/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bridge_gen.h: random switches and random frames for them.
 *
 * A few networks, two to eight ports of all roles, VLAN modes and policies;
 * MTUs small, so that size matters often.  Frames come from few addresses,
 * with few VLAN ids, so that they meet.
 */
#ifndef CAUSEWAY_BRIDGE_GEN_H
#define CAUSEWAY_BRIDGE_GEN_H

#include <stdbool.h>

#include "tests/lib/packet.h"

#define BRIDGE_GEN_TEXT 8192

/* A configuration as fake_switch_new() takes it; always valid. */
void bridge_gen_conf(struct packet_rng *rng, bool snooping,
		     char text[BRIDGE_GEN_TEXT]);

/* A frame for a port that expects tags, or not: likely, not surely, with one. */
void bridge_gen_frame(struct packet_rng *rng, bool trunk, struct packet *p);

#endif
