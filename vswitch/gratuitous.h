/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gratuitous.h: does a frame say "this address is here now", unasked?
 *
 * So do hosts and hypervisors when a machine, or a bond's traffic, has moved:
 *
 *	ARP	request or reply, sender and target IPv4 address the same
 *	RARP	request for its own address (QEMU, Open vSwitch)
 *	NA	unsolicited neighbour advertisement, to all nodes
 *
 * each to a group, with the frame's source MAC as the sender's.  Pure; looks
 * at a canonical frame's private bytes.
 */
#ifndef CAUSEWAY_GRATUITOUS_H
#define CAUSEWAY_GRATUITOUS_H

#include <stdbool.h>

#include "base/burst.h"

bool gratuitous_is(const struct frame *f);

#endif
