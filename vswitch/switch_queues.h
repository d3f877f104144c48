/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_queues.h: which worker polls which receive queue of which port.
 * Part of switch.c's work; control thread only.
 */
#ifndef CAUSEWAY_SWITCH_QUEUES_H
#define CAUSEWAY_SWITCH_QUEUES_H

#include <event2/util.h>

#include "vswitch/switch.h"

/* Give every queue that ports offer now to a worker; the rest are left. */
void sw_queues_replan(struct sw *sw);
/* The same, in the event loop's next turn; `on_change` is its callback. */
void sw_queues_changed(struct sw *sw);
void sw_queues_on_change(evutil_socket_t fd, short what, void *ctx);
/* Take the queues of ports that go from the workers for good. */
void sw_queues_leave(struct sw *sw, struct sw_port *gone[], unsigned n);
/* Once a second: give a queue of a worker that is short of time away. */
void sw_queues_rebalance(struct sw *sw);

#endif
