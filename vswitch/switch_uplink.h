/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_uplink.h: the control sockets of uplinks and of bonds' members
 * (uplink_control.h), opened, told and closed as ports live.
 *
 * Part of switch.c's work.  Threads: control thread only.
 */
#ifndef CAUSEWAY_SWITCH_UPLINK_H
#define CAUSEWAY_SWITCH_UPLINK_H

#include <stddef.h>
#include <stdint.h>

#include "vswitch/switch.h"

struct netd_link;

/* What this host is called in LLDP; before the jail, which has no uname(). */
void switch_uplinks_init(struct sw *sw);
/*
 * Every port that wants a control socket has one and says what sw->running
 * wants said; no other port has one.  What netd refuses is tried again with
 * the next call: call it once a second, too.
 */
void switch_uplinks_refresh(struct sw *sw);
/* Before its port is closed.  Does nothing without one. */
void switch_uplink_close(struct sw_port *sp);
/* netd says so of a port's interface. */
void switch_uplink_link(struct sw_port *sp, const struct netd_link *link);
/*
 * Has its carrier gone, though netd has not said so yet?  News that one is
 * back can wait for netd.
 */
void switch_uplink_look(struct sw_port *sp);
/* The port's link or speed is another one: tells its bond, and LLDP. */
void switch_uplink_changed(struct sw_port *sp);

/*
 * Out of an uplink past the workers: through its own socket or, for a bond,
 * that of the member whose turn it is.  A whole frame, tags included.  0,
 * -EAGAIN (later) or -errno.
 */
int switch_uplink_send(struct sw_port *up, const uint8_t *frame, size_t len);

#endif
