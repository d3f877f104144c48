/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_tables.h: the forwarding table and the multicast groups follow the
 * configuration.
 *
 * Threads: control thread only.
 */
#ifndef CAUSEWAY_SWITCH_TABLES_H
#define CAUSEWAY_SWITCH_TABLES_H

#include "vswitch/switch.h"

/* Tables of the sizes in `settings` for those there are; 0 or -errno. */
int switch_tables_new(struct sw *sw, const struct conf_settings *settings);

/*
 * The view of `wanted` is out, the one of sw->running out of use, and ports
 * that went are no more in sw->ports: forget what `wanted` does not say any
 * more, and only that; learn the addresses that it configures.
 */
void switch_tables_follow(struct sw *sw, const struct switch_conf *wanted,
			  const struct switch_conf_plan *plan);

/*
 * The host has this address at a tap now (zero: none any more): nobody else in
 * the tap's networks may use it.  Between two changes of the configuration; one
 * takes sp->host_mac as it finds it.
 */
void switch_tables_host_mac(struct sw *sw, struct sw_port *sp,
			    const uint8_t mac[6]);

#endif
