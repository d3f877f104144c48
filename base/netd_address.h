/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_address.h: the host's own interface on a tap: its MAC, its addresses
 * and its default gateways, as one value that replaces what was there.
 *
 * Whose device it may be done to is the caller's business (netd_take.h).  One
 * thread.  0 or -errno with words in *err.
 */
#ifndef CAUSEWAY_NETD_ADDRESS_H
#define CAUSEWAY_NETD_ADDRESS_H

#include "base/netd_client.h"
#include "base/netd_rtnl.h"
#include "base/rpc.h"

/*
 * Check all of it, then make it so.  What is right already is not touched;
 * link-local IPv6 addresses and what router advertisements brought stay.
 * Neighbours are told of addresses that are new.
 * Refused (-EINVAL, nothing changed): what is no address of a host, a gateway
 * that none of the addresses reaches, a default route of the same metric
 * through another device.
 */
int netd_address_set(struct netd_rtnl *rt, uint32_t ifindex,
		     const struct netd_tap_conf *conf, struct rpc_error *err);

#endif
