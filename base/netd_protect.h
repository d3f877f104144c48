/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_protect.h: networks that must be reached through the IPsec channel or
 * not at all.  What sees to that is the kernel's, and stays when all of
 * Causeway is gone:
 *
 *	a routing table of our own, asked before the others, with a route to
 *	each network through the channel's TUN, and behind it, at a worse
 *	metric, one that says unreachable: the TUN may go;
 *	table `inet causeway-ipsec` of nftables, which drops what leaves for a
 *	network by another device, or comes from one by another, but IKE and
 *	ESP to this host.
 *
 * The channel's own sockets have a mark that leads past both.
 *
 *	ip rule; ip route show table 4500; nft list table inet causeway-ipsec
 *
 * The set is remembered in DIR/protect, and put in place again at start.
 */
#ifndef CAUSEWAY_NETD_PROTECT_H
#define CAUSEWAY_NETD_PROTECT_H

#include <stdint.h>

#include <jansson.h>

#include "base/netd_client.h"
#include "base/netd_rtnl.h"
#include "base/rpc.h"

#define NETD_PROTECT_TABLE 4500 /* routes, and where its rule stands */
#define NETD_PROTECT_MARK  0xc4e50000u

struct netd_protect;

/* What is remembered is put in place.  0 or -errno. */
int netd_protect_open(struct netd_protect **out, const char *dir,
		      struct netd_rtnl *rt);
void netd_protect_close(struct netd_protect *p); /* NULL does nothing */

/*
 * The whole set; without networks nothing is left.  All texts are checked
 * first; nothing is open for a moment while one set follows another.  0 or
 * -errno with words; what was protected before still is then.
 */
int netd_protect_apply(struct netd_protect *p,
		       const struct netd_protection *conf,
		       struct rpc_error *err);
/* The TUN is there again: its routes, too. */
void netd_protect_restore(struct netd_protect *p);
/* {"tun", "networks"} or null; the caller's. */
json_t *netd_protect_dump(const struct netd_protect *p);

#endif
