/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_link.h: the kernel's side of tap and packet ports: MTU, promiscuity,
 * ethtool's settings, and the host's addresses and gateways on its taps are
 * what the configuration says.  netd does it.
 *
 * A change is made while the whole can still be refused, and undone if
 * something else refuses it.  What fails later (at boot, when an interface
 * comes back) stays with the port in `link_why` and is tried again every
 * second, but for settings that the device does not do.
 *
 * Part of switch.c's work; control thread only.
 */
#ifndef CAUSEWAY_SWITCH_LINK_H
#define CAUSEWAY_SWITCH_LINK_H

#include "vswitch/switch.h"

/*
 * After each opening: netd says nothing about how the interface was before.
 * 0, or -errno and an error for each key that is not in force.  Other types
 * of ports have no such side: 0.
 */
int switch_link_open(struct sw_port *sp, const struct conf_port *conf,
		     struct switch_conf_errors *errs);
/* The same, for when there is nobody to refuse it to. */
void switch_link_try(struct sw_port *sp, const struct conf_port *conf);

/* Does the host have a default route by one of its taps? */
bool switch_link_has_gateway(const struct switch_conf *conf);

/*
 * Before switch_link_open() for ports that come: those that shall not have the
 * host's default route any more give it up, since netd refuses a second one.
 * With `boot` it is only tried.
 */
int switch_link_yield(struct sw *sw, const struct switch_conf *wanted,
		      bool boot, struct switch_conf_errors *errs);
/*
 * Interfaces that stay, perhaps with another port; with `boot` failures are
 * for later, and 0 is returned.
 */
int switch_link_change(struct sw *sw, const struct switch_conf *wanted,
		       const struct switch_conf_plan *plan, bool boot,
		       struct switch_conf_errors *errs);
/* Ports that the two above have touched become what sw->running says. */
void switch_link_undo(struct sw *sw);
/*
 * There is nothing to undo any more: sw->running is what was wanted, and
 * switch_link_retry() does what had to wait for that.
 */
void switch_link_done(struct sw *sw);

/* Then, and once a second. */
void switch_link_retry(struct sw *sw);

#endif
