/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_protect_nft.c: the rules, put together by hand (netd_nfnl.h).
 *
 *	chain out (postrouting)	to a network, not by the TUN: drop
 *	chain in (input)	from a network, not by the TUN: drop,
 *				but ESP and UDP to ports 500 and 4500
 *	chain forward		from a network, not by the TUN: drop
 *
 * Devices are compared by name, so that the rules hold for a TUN that is made
 * anew, and for none.  Each network's rule counts.
 */
#include "base/netd_protect_nft.h"

#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netlink/addr.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "base/netd_nfnl.h"
#include "base/netd_protect.h"

#define TABLE "causeway-ipsec"
#define PRIORITY (-10) /* before chains that rewrite source addresses */

/* --- a rule and what is in it --------------------------------------------- */

struct rule {
	struct nl_msg *msg;
	struct nlattr *exprs;
};

struct expr {
	struct nlattr *elem, *data;
};

static struct rule rule_begin(struct netd_nfnl *b, const char *chain)
{
	struct rule r = { netd_nfnl_message(b, NFT_MSG_NEWRULE,
					    NLM_F_CREATE | NLM_F_APPEND),
			  NULL };

	if (!r.msg)
		return r;
	nla_put_string(r.msg, NFTA_RULE_TABLE, TABLE);
	nla_put_string(r.msg, NFTA_RULE_CHAIN, chain);
	r.exprs = nla_nest_start(r.msg, NFTA_RULE_EXPRESSIONS);
	return r;
}

static struct expr expr_begin(struct nl_msg *msg, const char *name)
{
	struct expr e;

	e.elem = nla_nest_start(msg, NFTA_LIST_ELEM);
	nla_put_string(msg, NFTA_EXPR_NAME, name);
	e.data = nla_nest_start(msg, NFTA_EXPR_DATA);
	return e;
}

static void expr_end(struct nl_msg *msg, struct expr e)
{
	/* Empty ones too: libnl drops those unless told. */
	nla_nest_end_keep_empty(msg, e.data);
	nla_nest_end(msg, e.elem);
}

static void put_number(struct nl_msg *msg, int type, uint32_t value)
{
	nla_put_u32(msg, type, htonl(value));
}

static void put_value(struct nl_msg *msg, int type, const void *data, int len)
{
	struct nlattr *nest = nla_nest_start(msg, type);

	nla_put(msg, NFTA_DATA_VALUE, len, data);
	nla_nest_end(msg, nest);
}

static void add_meta(struct nl_msg *msg, enum nft_meta_keys key)
{
	struct expr e = expr_begin(msg, "meta");

	put_number(msg, NFTA_META_DREG, NFT_REG_1);
	put_number(msg, NFTA_META_KEY, key);
	expr_end(msg, e);
}

static void add_equal(struct nl_msg *msg, const void *data, int len)
{
	struct expr e = expr_begin(msg, "cmp");

	put_number(msg, NFTA_CMP_SREG, NFT_REG_1);
	put_number(msg, NFTA_CMP_OP, NFT_CMP_EQ);
	put_value(msg, NFTA_CMP_DATA, data, len);
	expr_end(msg, e);
}

static void add_payload(struct nl_msg *msg, enum nft_payload_bases base,
			uint32_t offset, uint32_t len)
{
	struct expr e = expr_begin(msg, "payload");

	put_number(msg, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_number(msg, NFTA_PAYLOAD_BASE, base);
	put_number(msg, NFTA_PAYLOAD_OFFSET, offset);
	put_number(msg, NFTA_PAYLOAD_LEN, len);
	expr_end(msg, e);
}

static void add_mask(struct nl_msg *msg, const uint8_t *mask, uint32_t len)
{
	static const uint8_t zero[16];
	struct expr e = expr_begin(msg, "bitwise");

	put_number(msg, NFTA_BITWISE_SREG, NFT_REG_1);
	put_number(msg, NFTA_BITWISE_DREG, NFT_REG_1);
	put_number(msg, NFTA_BITWISE_LEN, len);
	put_value(msg, NFTA_BITWISE_MASK, mask, len);
	put_value(msg, NFTA_BITWISE_XOR, zero, len);
	expr_end(msg, e);
}

static void add_counter(struct nl_msg *msg)
{
	expr_end(msg, expr_begin(msg, "counter"));
}

static void rule_end(struct netd_nfnl *b, struct rule r, int verdict)
{
	struct nlattr *data, *code;
	struct expr e;

	if (r.msg) {
		e = expr_begin(r.msg, "immediate");
		put_number(r.msg, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
		data = nla_nest_start(r.msg, NFTA_IMMEDIATE_DATA);
		code = nla_nest_start(r.msg, NFTA_DATA_VERDICT);
		put_number(r.msg, NFTA_VERDICT_CODE, verdict);
		nla_nest_end(r.msg, code);
		nla_nest_end(r.msg, data);
		expr_end(r.msg, e);
		nla_nest_end(r.msg, r.exprs);
	}
	netd_nfnl_add(b, r.msg);
}

/* --- the rules ------------------------------------------------------------ */

/* What goes through this device is let pass. */
static void accept_device(struct netd_nfnl *b, const char *chain,
			  enum nft_meta_keys key, const char *name)
{
	struct rule r = rule_begin(b, chain);
	char padded[IFNAMSIZ] = "";

	if (r.msg) {
		snprintf(padded, sizeof(padded), "%s", name);
		add_meta(r.msg, key);
		add_equal(r.msg, padded, sizeof(padded));
	}
	rule_end(b, r, NF_ACCEPT);
}

/* What the channel's own sockets send. */
static void accept_mark(struct netd_nfnl *b, const char *chain)
{
	const uint32_t mark = NETD_PROTECT_MARK;
	struct rule r = rule_begin(b, chain);

	if (r.msg) {
		add_meta(r.msg, NFT_META_MARK);
		add_equal(r.msg, &mark, sizeof(mark));
	}
	rule_end(b, r, NF_ACCEPT);
}

/* port 0: any, or none. */
static void accept_proto(struct netd_nfnl *b, const char *chain,
			 uint8_t proto, uint16_t port)
{
	const uint16_t wire = htons(port);
	struct rule r = rule_begin(b, chain);

	if (r.msg) {
		add_meta(r.msg, NFT_META_L4PROTO);
		add_equal(r.msg, &proto, sizeof(proto));
		if (port) { /* of the destination */
			add_payload(r.msg, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
			add_equal(r.msg, &wire, sizeof(wire));
		}
	}
	rule_end(b, r, NF_ACCEPT);
}

static void drop_network(struct netd_nfnl *b, const char *chain,
			 struct nl_addr *net, bool source)
{
	bool v4 = nl_addr_get_family(net) == AF_INET;
	uint8_t family = v4 ? NFPROTO_IPV4 : NFPROTO_IPV6, mask[16] = { 0 };
	unsigned len = v4 ? 4 : 16, bits = nl_addr_get_prefixlen(net);
	struct rule r = rule_begin(b, chain);

	for (unsigned i = 0; i < bits; i++)
		mask[i / 8] |= 0x80 >> i % 8;
	if (r.msg) {
		add_meta(r.msg, NFT_META_NFPROTO);
		add_equal(r.msg, &family, sizeof(family));
		add_payload(r.msg, NFT_PAYLOAD_NETWORK_HEADER,
			    v4 ? (source ? 12 : 16) : (source ? 8 : 24), len);
		add_mask(r.msg, mask, len);
		add_equal(r.msg, nl_addr_get_binary_addr(net), len);
		add_counter(r.msg);
	}
	rule_end(b, r, NF_DROP);
}

/* --- the table ------------------------------------------------------------ */

static void add_table(struct netd_nfnl *b, uint8_t type)
{
	struct nl_msg *msg = netd_nfnl_message(
		b, type, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0);

	if (msg)
		nla_put_string(msg, NFTA_TABLE_NAME, TABLE);
	netd_nfnl_add(b, msg);
}

static void add_chain(struct netd_nfnl *b, const char *chain, uint32_t hook)
{
	struct nl_msg *msg = netd_nfnl_message(b, NFT_MSG_NEWCHAIN,
					       NLM_F_CREATE);
	struct nlattr *nest;

	if (msg) {
		nla_put_string(msg, NFTA_CHAIN_TABLE, TABLE);
		nla_put_string(msg, NFTA_CHAIN_NAME, chain);
		nla_put_string(msg, NFTA_CHAIN_TYPE, "filter");
		nest = nla_nest_start(msg, NFTA_CHAIN_HOOK);
		put_number(msg, NFTA_HOOK_HOOKNUM, hook);
		put_number(msg, NFTA_HOOK_PRIORITY, PRIORITY);
		nla_nest_end(msg, nest);
	}
	netd_nfnl_add(b, msg);
}

static void add_out(struct netd_nfnl *b, const char *tun,
		    struct nl_addr *const *nets, unsigned count)
{
	add_chain(b, "out", NF_INET_POST_ROUTING);
	accept_device(b, "out", NFT_META_OIFNAME, tun);
	accept_device(b, "out", NFT_META_OIFNAME, "lo");
	accept_mark(b, "out");
	for (unsigned i = 0; i < count; i++)
		drop_network(b, "out", nets[i], false);
}

static void add_in(struct netd_nfnl *b, const char *tun,
		   struct nl_addr *const *nets, unsigned count)
{
	add_chain(b, "in", NF_INET_LOCAL_IN);
	accept_device(b, "in", NFT_META_IIFNAME, tun);
	accept_device(b, "in", NFT_META_IIFNAME, "lo");
	accept_proto(b, "in", IPPROTO_ESP, 0);
	accept_proto(b, "in", IPPROTO_UDP, 500);
	accept_proto(b, "in", IPPROTO_UDP, 4500);
	for (unsigned i = 0; i < count; i++)
		drop_network(b, "in", nets[i], true);
}

static void add_forward(struct netd_nfnl *b, const char *tun,
			struct nl_addr *const *nets, unsigned count)
{
	add_chain(b, "forward", NF_INET_FORWARD);
	accept_device(b, "forward", NFT_META_IIFNAME, tun);
	for (unsigned i = 0; i < count; i++)
		drop_network(b, "forward", nets[i], true);
}

int netd_protect_nft(const char *tun, struct nl_addr *const *nets,
		     unsigned count)
{
	struct netd_nfnl b;

	netd_nfnl_begin(&b, NFPROTO_INET);
	/* Made, so that there is one to delete. */
	add_table(&b, NFT_MSG_NEWTABLE);
	add_table(&b, NFT_MSG_DELTABLE);
	if (count) {
		add_table(&b, NFT_MSG_NEWTABLE);
		add_out(&b, tun, nets, count);
		add_in(&b, tun, nets, count);
		add_forward(&b, tun, nets, count);
	}
	return netd_nfnl_commit(&b);
}
