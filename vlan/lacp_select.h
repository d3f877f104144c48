/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lacp_select.h: which of the aggregations that could be is the one in use.
 * Pure; vlan/lacp.c asks, and gives its members SELECTED or STANDBY (802.1AX
 * 6.4.14) by the answer.
 *
 * We have one aggregator, so members that lead to two partners, or differ in
 * key or speed, are several aggregations of which one carries traffic.  It
 * should be the one with most members, and must not change lightly: each
 * change costs the traffic of some seconds.
 *
 * Chosen anew, when none is in use, by: members whose partner speaks and has
 * not refused for long (`good`), members in sync at the partner, members at
 * all, then the smaller identifier of the aggregation.
 *
 * What is in use stays until
 *	it has no good member and another aggregation has,
 *	another has more members *in sync* than this has good ones,
 *	or, the partner having had time, it has no member in sync while another
 *	has, towards a system whose identifier is below ours: both ends could
 *	wait for each other for ever on different links, so the lesser end
 *	follows (6.7.1 gives the choice to the same one).
 */
#ifndef CAUSEWAY_LACP_SELECT_H
#define CAUSEWAY_LACP_SELECT_H

#include <stdbool.h>
#include <stdint.h>

/* Identifies an aggregation (6.3.6).  A port that is individual has its own. */
struct lacp_lag {
	uint16_t system_priority; /* the partner's */
	uint8_t system[6];
	uint16_t partner_key;
	uint16_t key;
	uint32_t speed_mbps;
	uint16_t individual; /* our port, when it can only be alone; or 0 */
};

struct lacp_candidate {
	bool present; /* it has a link and a partner */
	bool good;
	bool in_sync;
	bool partner_rules; /* the partner's system is below ours */
	struct lacp_lag lag;
};

bool lacp_lag_same(const struct lacp_lag *a, const struct lacp_lag *b);

/*
 * The candidate whose aggregation shall be in use, -1: none is present.
 * `used` is the present one or NULL; settled: it has been for long enough that
 * its partner must have answered.
 */
int lacp_select(const struct lacp_candidate *candidates, unsigned count,
		const struct lacp_lag *used, bool settled);

#endif
