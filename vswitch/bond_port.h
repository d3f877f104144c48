/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bond_port.h: a port whose frames leave through up to eight others.
 *
 * vlan/bond.h decides which member takes which bucket and writes it into its
 * table; here workers follow the table.  tx() sorts a burst by member, keeps
 * the order within each, and calls each member's tx() once.  Frames that are
 * one original (`more`) stay together.  A frame whose bucket has no member, or
 * a member without link, ends as DROP_NO_LINK.
 *
 * Nothing is received here: a member's own queues are polled, and the view
 * shows the bond's bport in the member's place (struct bport.bond).  Only
 * counting is done for them.
 *
 * Threads: tx, tx_flush and bond_port_count_rx() on workers; queue q belongs
 * to worker q alone, and so do the counters of lane q.  Everything else on the
 * control thread.  Members are replaced by one pointer store: the old one may
 * go after the next workers_sync().
 */
#ifndef CAUSEWAY_BOND_PORT_H
#define CAUSEWAY_BOND_PORT_H

#include <stdint.h>

#include "base/port.h"
#include "vlan/bond.h"

struct bond_port;

/* What went through one member.  Frames before segmentation by a peer. */
struct bond_member_counters {
	uint64_t tx_frames, tx_bytes;
	uint64_t tx_lost; /* not taken: no link, ring full, ... */
	uint64_t rx_frames, rx_bytes; /* refused ones included */
};

/* 0, -EINVAL (workers: 1 to PORT_QUEUES_MAX) or -ENOMEM.  Borrows the table. */
int bond_port_new(struct bond_port **out, const char *name,
		  const struct bond_table *table, unsigned workers);
void bond_port_free(struct bond_port *bp); /* NULL does nothing */

/* The port to hand to the switch; lives as long as bp. */
struct port *bond_port_port(struct bond_port *bp);

/*
 * Member `slot` sends through this port from now on, or through none.  Its
 * counters begin anew.
 */
void bond_port_set_member(struct bond_port *bp, unsigned slot,
			  struct port *member);

/*
 * Take over what changed: call after every bond_run(), and when a member's
 * offloads or link have.  The port's link is the bond's; its offloads and its
 * MTU are what all members have in common.
 */
void bond_port_update(struct bond_port *bp);

/*
 * Bytes offered to each bucket since the last call, for bond_rebalance().
 * While one member takes all of them nothing is counted: there is nothing to
 * balance.
 */
void bond_port_loads(struct bond_port *bp, uint64_t bytes[BOND_BUCKETS]);

/* Since the member was set; all workers'. */
void bond_port_member_counters(const struct bond_port *bp, unsigned slot,
			       struct bond_member_counters *sum);

/* Worker: a burst came in through member `slot` of this bond. */
void bond_port_count_rx(struct port *bond, unsigned worker, unsigned slot,
			uint64_t frames, uint64_t bytes);

#endif
