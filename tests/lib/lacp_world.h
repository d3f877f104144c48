/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lacp_world.h: LACP systems on wires that delay, lose and break, with a clock
 * of their own.
 *
 * After every step these must hold, or world->broken says what did not:
 * members that distribute at once have one partner, key and speed; a member
 * that distributes collects, one that collects has a link; nobody sends more
 * than three LACPDUs in a second on one member.
 */
#ifndef CAUSEWAY_LACP_WORLD_H
#define CAUSEWAY_LACP_WORLD_H

#include "tests/lib/packet.h"
#include "vlan/lacp.h"

#define WORLD_NODES    4
#define WORLD_WIRES    16
#define WORLD_FLIGHT   256
#define WORLD_DELAY_MS 1

struct world_end {
	unsigned node, member;
};

struct world_wire {
	struct world_end end[2];
	bool up;
	bool silent[2]; /* frames from end i vanish */
	unsigned loss;  /* percent, both ways */
	uint32_t speed_mbps;
};

struct world_member {
	bool present, link;
	struct lacp_member_conf conf;
	uint64_t sent_at[3]; /* the last LACPDUs */
	unsigned sent;
	uint64_t heard_at; /* the last frame that came in */
};

struct world_node {
	struct lacp *lacp;
	struct lacp_conf conf;
	struct world_member members[LACP_MEMBERS_MAX];
	uint64_t run_at;
};

struct world_frame {
	uint64_t at;
	struct world_end to;
	unsigned wire;
	uint8_t bytes[LACP_FRAME_LEN];
};

struct world {
	uint64_t now;
	struct world_node nodes[WORLD_NODES];
	struct world_wire wires[WORLD_WIRES];
	unsigned wire_count;
	struct world_frame flight[WORLD_FLIGHT];
	unsigned flying;
	struct packet_rng rng;
	const char *broken; /* the first thing that was */
};

void world_init(struct world *w, uint64_t seed);
void world_fini(struct world *w);
/* A system 02:00:00:00:00:<id>, without members; fast. */
void world_node(struct world *w, unsigned node, uint8_t id, uint16_t priority);
/* Again from nothing, as its process would, with the same configuration. */
void world_restart(struct world *w, unsigned node);
/* Change nodes[node].conf, then say so. */
void world_reconfigure(struct world *w, unsigned node);
/* With key 1; port is member + 1. */
void world_member(struct world *w, unsigned node, unsigned member,
		  uint16_t key);
/* Its wires stay, and lead nowhere until it is there again. */
void world_remove(struct world *w, unsigned node, unsigned member);
/* Two members (made if they are not there) and a link of 10 Gb/s, up. */
unsigned world_wire(struct world *w, unsigned a, unsigned am, unsigned b,
		    unsigned bm);
void world_link(struct world *w, unsigned wire, bool up, uint32_t speed_mbps);
void world_pass(struct world *w, uint64_t ms);

struct lacp_facts world_facts(const struct world *w, unsigned node,
			      unsigned member);
/* Bit i: member i distributes. */
unsigned world_distributing(const struct world *w, unsigned node);

#endif
