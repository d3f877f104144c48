/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_nfnl.h: nftables messages as one transaction: applied all or not at
 * all, before netd_nfnl_commit() returns.
 */
#ifndef CAUSEWAY_NETD_NFNL_H
#define CAUSEWAY_NETD_NFNL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nl_msg;

struct netd_nfnl {
	char *buf;
	size_t len, size;
	uint32_t seq;
	uint8_t family; /* NFPROTO_... of its tables */
	bool no_memory;
};

void netd_nfnl_begin(struct netd_nfnl *b, uint8_t family);
/* NFT_MSG_... with NLM_F_...; NULL when there is no memory for it. */
struct nl_msg *netd_nfnl_message(const struct netd_nfnl *b, uint8_t type,
				 uint16_t flags);
/* Behind the others; it is taken.  NULL spoils the transaction. */
void netd_nfnl_add(struct netd_nfnl *b, struct nl_msg *msg);
/* 0 or -errno: the first error; frees all of it. */
int netd_nfnl_commit(struct netd_nfnl *b);

#endif
