/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bond_link.h: which members' links count, given updelay and downdelay.
 *
 * A link must be up for updelay before it is used, as the switch behind it may
 * not yet forward, and down for downdelay before it is given up.  Neither is
 * of use when no other member could serve, so neither runs then.  Pure; part
 * of bond.c's work.
 */
#ifndef CAUSEWAY_BOND_LINK_H
#define CAUSEWAY_BOND_LINK_H

#include "vlan/bond.h"

/* All zero: no member, or one of which nothing was reported. */
struct bond_link {
	bool reported;
	bool up;
	bool usable;         /* up, less the delays */
	bool hope;           /* usable before its time: nobody else was */
	uint64_t changed_ms; /* up */
	uint64_t down_ms;    /* spent without carrier, of downdelay */
};

/*
 * Carrier as it is now.  The first report takes effect without delay, unless
 * the member came late: beside others that carry traffic, which it must not
 * take before the switch behind it forwards.
 */
void bond_link_report(struct bond_link *link, const struct bond_conf *conf,
		      bool up, bool late, uint64_t now_ms);

/*
 * End the delays that are over, and all that do no good.  Afterwards some
 * usable link is up, if any is.
 */
void bond_link_settle(struct bond_link links[BOND_MEMBERS_MAX],
		      const struct bond_conf *conf, uint64_t now_ms);

/* When the delay that runs ends; UINT64_MAX: none runs. */
uint64_t bond_link_due(const struct bond_link *link,
		       const struct bond_conf *conf);

#endif
