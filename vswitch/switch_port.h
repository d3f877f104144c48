/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_port.h: from a port's configuration to a device and back.
 * Part of switch.c's work; control thread only.
 */
#ifndef CAUSEWAY_SWITCH_PORT_H
#define CAUSEWAY_SWITCH_PORT_H

#include <stddef.h>

#include "vswitch/switch.h"

#define WHY_MAX sizeof(((struct sw_port *)NULL)->waiting)

/* A port with an id, and no device yet.  0, -ENOSPC or -ENOMEM. */
int sw_port_new(struct sw *sw, const struct conf_port *conf,
		struct sw_port **out);
void sw_port_free(struct sw *sw, struct sw_port *sp); /* closes it, too */

/*
 * Connect, listen, or have netd open the interface.  On failure `why` says
 * what to do, and the port waits.
 */
int sw_port_open(struct sw_port *sp, const struct conf_port *conf, char *why,
		 size_t size);
void sw_port_close(struct sw_port *sp);
/* Does the host itself speak through this port, with the device's address? */
bool sw_port_is_host(const struct conf_port *conf);
/* Is its other side a kernel interface, which netd opens? */
bool sw_port_is_netds(const struct sw_port *sp);
void sw_port_set_rates(struct sw *sw, struct sw_port *sp,
		       const struct conf_port *conf);

#endif
