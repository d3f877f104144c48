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
/*
 * Give a kernel interface back to the host: now, or as soon as netd answers, if
 * no port has it again by then.
 */
void sw_port_release_interface(struct sw *sw, const char *ifname);
/* Once a second: what is still to be given back. */
void sw_port_release_owed(struct sw *sw);
void sw_port_forget_owed(struct sw *sw); /* at the end */
/* Has a port of that configuration this interface? */
bool sw_port_uses(const struct switch_conf *conf, const char *ifname);

void sw_port_set_rates(struct sw *sw, struct sw_port *sp,
		       const struct conf_port *conf);

#endif
