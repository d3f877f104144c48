/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_protect_nft.h: the part of netd_protect.h that nftables does.
 */
#ifndef CAUSEWAY_NETD_PROTECT_NFT_H
#define CAUSEWAY_NETD_PROTECT_NFT_H

struct nl_addr;

/*
 * Put table `inet causeway-ipsec` for these networks in the place of the one
 * that is there, in one transaction; count 0: none.  0 or -errno.
 */
int netd_protect_nft(const char *tun, struct nl_addr *const *nets,
		     unsigned count);

#endif
