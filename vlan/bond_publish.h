/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bond_publish.h: what bond.c has decided, written into the table that workers
 * read meanwhile.  Part of bond.c's work.
 */
#ifndef CAUSEWAY_BOND_PUBLISH_H
#define CAUSEWAY_BOND_PUBLISH_H

#include "vlan/bond.h"

/* What the table shall say. */
struct bond_words {
	uint16_t accept, accept_flood;
	bool refuse_moved, hash_flow;
	bool has_homes; /* only_home, once moved buckets have been announced */
	uint32_t basis;
	const uint8_t *of; /* [BOND_BUCKETS]: members, or all BOND_NONE */
};

/* What waits until copies in other members' queues are gone. */
enum bond_handover {
	BOND_HANDOVER_NONE,
	BOND_HANDOVER_FLOODS, /* what fans out */
	BOND_HANDOVER_ALL,    /* unicast, too */
};

struct bond_publisher {
	uint64_t until_ms; /* only what these allow, too, is allowed */
	uint16_t accept, accept_flood;
	bool refuse_moved;
	uint64_t at_home_ms; /* all addresses are where they have been sent */
};

/* Before any worker knows the table. */
void bond_publish_init(struct bond_table *table, uint32_t basis);
/* Returns whether buckets have moved, and which. */
bool bond_publish(struct bond_publisher *pub, struct bond_table *table,
		  const struct bond_words *words, enum bond_handover handover,
		  uint64_t now_ms, uint64_t moved[BOND_BUCKETS / 64]);
/* When bond_publish() shall be called again; UINT64_MAX: not by itself. */
uint64_t bond_publish_due(const struct bond_publisher *pub, uint64_t now_ms);

#endif
