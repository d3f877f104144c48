/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_nft.c: four nftables messages, put together by hand: running nft(8)
 * would need fork and exec, which netd's jail does not have.
 */
#include "base/netd_nft.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <net/if.h>

#include "base/netd_nfnl.h"

#define TABLE "causeway"

static void chain_name(char name[static IFNAMSIZ + 8], const char *ifname)
{
	snprintf(name, IFNAMSIZ + 8, "take-%s", ifname);
}

static void add_table(struct netd_nfnl *b)
{
	struct nl_msg *msg = netd_nfnl_message(b, NFT_MSG_NEWTABLE,
					       NLM_F_CREATE);

	if (msg)
		nla_put_string(msg, NFTA_TABLE_NAME, TABLE);
	netd_nfnl_add(b, msg);
}

static void add_del_chain(struct netd_nfnl *b, const char *chain)
{
	struct nl_msg *msg = netd_nfnl_message(b, NFT_MSG_DELCHAIN, 0);

	if (msg) {
		nla_put_string(msg, NFTA_CHAIN_TABLE, TABLE);
		nla_put_string(msg, NFTA_CHAIN_NAME, chain);
	}
	netd_nfnl_add(b, msg);
}

/* Only if it is empty: somebody's rules may be in there. */
static void add_del_table(struct netd_nfnl *b)
{
	struct nl_msg *msg = netd_nfnl_message(b, NFT_MSG_DELTABLE,
					       NLM_F_NONREC);

	if (msg)
		nla_put_string(msg, NFTA_TABLE_NAME, TABLE);
	netd_nfnl_add(b, msg);
}

static void add_chain(struct netd_nfnl *b, const char *chain,
		      const char *ifname)
{
	struct nl_msg *msg = netd_nfnl_message(b, NFT_MSG_NEWCHAIN,
					       NLM_F_CREATE);
	struct nlattr *hook;

	if (!msg) {
		netd_nfnl_add(b, NULL);
		return;
	}
	nla_put_string(msg, NFTA_CHAIN_TABLE, TABLE);
	nla_put_string(msg, NFTA_CHAIN_NAME, chain);
	nla_put_string(msg, NFTA_CHAIN_TYPE, "filter");
	nla_put_u32(msg, NFTA_CHAIN_POLICY, htonl(NF_DROP));
	hook = nla_nest_start(msg, NFTA_CHAIN_HOOK);
	nla_put_u32(msg, NFTA_HOOK_HOOKNUM, htonl(NF_NETDEV_INGRESS));
	/* Before everybody else's chains: what is dropped costs nothing. */
	nla_put_u32(msg, NFTA_HOOK_PRIORITY, htonl(-500));
	nla_put_string(msg, NFTA_HOOK_DEV, ifname);
	nla_nest_end(msg, hook);
	netd_nfnl_add(b, msg);
}

static int block(const char *ifname, bool replace)
{
	struct netd_nfnl b;
	char chain[IFNAMSIZ + 8];

	chain_name(chain, ifname);
	netd_nfnl_begin(&b, NFPROTO_NETDEV);
	add_table(&b);
	if (replace)
		add_del_chain(&b, chain);
	add_chain(&b, chain, ifname);
	return netd_nfnl_commit(&b);
}

int netd_nft_block(const char *ifname)
{
	int rc = block(ifname, true);

	return rc == -ENOENT ? block(ifname, false) : rc;
}

static void remove_empty_table(void)
{
	struct netd_nfnl b;

	/* -EBUSY: other devices' chains are in it.  It may stay. */
	netd_nfnl_begin(&b, NFPROTO_NETDEV);
	add_del_table(&b);
	netd_nfnl_commit(&b);
}

int netd_nft_unblock(const char *ifname)
{
	struct netd_nfnl b;
	char chain[IFNAMSIZ + 8];
	int rc;

	chain_name(chain, ifname);
	netd_nfnl_begin(&b, NFPROTO_NETDEV);
	add_del_chain(&b, chain);
	rc = netd_nfnl_commit(&b);
	remove_empty_table();
	return rc == -ENOENT ? 0 : rc;
}
