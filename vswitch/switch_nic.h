/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_nic.h: NIC ports on the control thread: opened, their links followed,
 * their link protocols carried to and fro.
 *
 * Part of switch.c's work; control thread only.
 */
#ifndef CAUSEWAY_SWITCH_NIC_H
#define CAUSEWAY_SWITCH_NIC_H

#include <stddef.h>

#include "vswitch/nic_port.h"
#include "vswitch/switch.h"

struct sw_nic;

/* Is there such a device, and does it take the MTU?  0, or -errno and why. */
int switch_nic_check(const struct conf_port *conf, char *why, size_t size);
/* 0 with sp->nic and sp->port set, or -errno and what to do. */
int switch_nic_open(struct sw_port *sp, const struct conf_port *conf,
		    char *why, size_t size);
void switch_nic_close(struct sw_nic *sn); /* NULL does nothing */

struct nic_port *switch_nic_port(const struct sw_nic *sn);

/*
 * The link's own protocols as a datagram socket, as netd_control_open() gives
 * one for a packet port: what is read is a slow protocols or LLDP frame, what
 * is written goes out.  Once a port; the caller closes it.  -errno.
 */
int switch_nic_control(struct sw_nic *sn);

#endif
