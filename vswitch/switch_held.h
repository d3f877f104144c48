/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_held.h: kernel interfaces that netd holds for this switch, and that
 * no port has any more, are given back to the host.
 *
 * Nobody keeps a list of them here: it would not survive a kill, and not know
 * whether netd has done what it had no time to say.  netd's own list does and
 * knows, and is compared with the configuration.
 *
 * Part of switch.c's work; control thread only.
 */
#ifndef CAUSEWAY_SWITCH_HELD_H
#define CAUSEWAY_SWITCH_HELD_H

#include "vswitch/switch.h"

/*
 * Give back what no port of `conf` has.  Descriptors of it are closed by then.
 * When netd does not answer that is done later, with what runs then; and while
 * the state on disk cannot be used, because nobody knows what that one has.
 */
void switch_held_settle(struct sw *sw, const struct switch_conf *conf);
/*
 * At start, and when netd did not say whether it has done what it was asked
 * for: it is settled later.
 */
void switch_held_doubt(struct sw *sw);
/* Once a second. */
void switch_held_tick(struct sw *sw);

#endif
