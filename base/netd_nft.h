/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_nft.h: keeps the host's stack from seeing what a device receives, by a
 * chain of table `netdev causeway` with policy drop.  Packet sockets still
 * get every frame: they are served before the ingress hook.
 *
 *	nft list table netdev causeway
 */
#ifndef CAUSEWAY_NETD_NFT_H
#define CAUSEWAY_NETD_NFT_H

/*
 * Drop all that the device receives; replaces an older chain for that name.
 * 0 or -errno (-EOPNOTSUPP, -ENOENT: a kernel without it).
 */
int netd_nft_block(const char *ifname);
/* Remove the device's chain (0 when there is none), and a table left empty. */
int netd_nft_unblock(const char *ifname);

#endif
