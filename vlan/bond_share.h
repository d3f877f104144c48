/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bond_share.h: how members share the buckets of a bond.
 *
 * Every bucket that moves may put a frame in front of an older one, and has
 * its addresses announced: so as few as possible move.  Pure; a map of
 * buckets to members (or BOND_NONE) is changed in place.  Members are bits.
 */
#ifndef CAUSEWAY_BOND_SHARE_H
#define CAUSEWAY_BOND_SHARE_H

#include <stdint.h>

#include "vlan/bond.h"

#define BOND_SHARE_MOVES_MAX 32 /* of one bond_share_even() */

/*
 * Members of `keep` keep what they have; all other buckets go to those of
 * `take` (within keep) that have fewest.  Members of `fresh` (within take) are
 * then given an equal share by those who have most.  Without takers, buckets
 * of nobody in `keep` become BOND_NONE.
 */
void bond_share_assign(uint8_t of[BOND_BUCKETS], uint16_t keep, uint16_t take,
		       uint16_t fresh);

/*
 * Move buckets from the busiest to the least busy of `take`, if that brings
 * the two nearer by a tenth of their distance or more, and while the distance
 * is at least `least_bytes` and 3 % of the smaller load.  Returns how many.
 */
unsigned bond_share_even(uint8_t of[BOND_BUCKETS],
			 const uint64_t bytes[BOND_BUCKETS], uint16_t take,
			 uint64_t least_bytes);

#endif
