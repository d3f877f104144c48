/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_nft.c: four nftables messages, put together by hand.
 *
 * nftables takes a transaction: messages between BATCH_BEGIN and BATCH_END in
 * one send, applied all or not at all before the send returns.  The answers
 * wait in the socket by then.  Running nft(8) for this would need fork and
 * exec, which netd's jail does not have.
 */
#include "base/netd_nft.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <net/if.h>
#include <sys/socket.h>

#define TABLE "causeway"
#define BATCH_BYTES 4096

struct batch {
	char buf[BATCH_BYTES];
	size_t len;
	uint32_t seq;
};

static void chain_name(char name[static IFNAMSIZ + 8], const char *ifname)
{
	snprintf(name, IFNAMSIZ + 8, "take-%s", ifname);
}

static struct nl_msg *message(uint16_t type, uint16_t flags, uint8_t family,
			      uint16_t res_id)
{
	struct nfgenmsg gen = { .nfgen_family = family,
				.version = NFNETLINK_V0,
				.res_id = htons(res_id) };
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);

	if (msg && nlmsg_append(msg, &gen, sizeof(gen), NLMSG_ALIGNTO)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* Copy a message behind the others; it is taken.  false: no memory. */
static bool batch_add(struct batch *b, struct nl_msg *msg)
{
	struct nlmsghdr *h = msg ? nlmsg_hdr(msg) : NULL;
	bool fits = h && b->len + NLMSG_ALIGN(h->nlmsg_len) <= sizeof(b->buf);

	if (fits) {
		h->nlmsg_seq = b->seq++;
		memcpy(b->buf + b->len, h, h->nlmsg_len);
		b->len += NLMSG_ALIGN(h->nlmsg_len);
	}
	nlmsg_free(msg);
	return fits;
}

static bool add_begin(struct batch *b)
{
	return batch_add(b, message(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC,
				    NFNL_SUBSYS_NFTABLES));
}

static bool add_end(struct batch *b)
{
	return batch_add(b, message(NFNL_MSG_BATCH_END, 0, AF_UNSPEC,
				    NFNL_SUBSYS_NFTABLES));
}

static struct nl_msg *nft_message(uint8_t type, uint16_t flags)
{
	return message(NFNL_SUBSYS_NFTABLES << 8 | type, flags | NLM_F_ACK,
		       NFPROTO_NETDEV, 0);
}

static bool add_table(struct batch *b)
{
	struct nl_msg *msg = nft_message(NFT_MSG_NEWTABLE, NLM_F_CREATE);

	if (msg)
		nla_put_string(msg, NFTA_TABLE_NAME, TABLE);
	return batch_add(b, msg);
}

static bool add_del_chain(struct batch *b, const char *chain)
{
	struct nl_msg *msg = nft_message(NFT_MSG_DELCHAIN, 0);

	if (msg) {
		nla_put_string(msg, NFTA_CHAIN_TABLE, TABLE);
		nla_put_string(msg, NFTA_CHAIN_NAME, chain);
	}
	return batch_add(b, msg);
}

/* Only if it is empty: somebody's rules may be in there. */
static bool add_del_table(struct batch *b)
{
	struct nl_msg *msg = nft_message(NFT_MSG_DELTABLE, NLM_F_NONREC);

	if (msg)
		nla_put_string(msg, NFTA_TABLE_NAME, TABLE);
	return batch_add(b, msg);
}

static bool add_chain(struct batch *b, const char *chain, const char *ifname)
{
	struct nl_msg *msg = nft_message(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	struct nlattr *hook;

	if (!msg)
		return false;
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
	return batch_add(b, msg);
}

/* The first error among the answers that wait. */
static int read_answers(int fd)
{
	char buf[8192];
	int rc = 0;
	int n;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		struct nlmsghdr *h = (struct nlmsghdr *)buf;

		for (; nlmsg_ok(h, n); h = nlmsg_next(h, &n)) {
			struct nlmsgerr *e = nlmsg_data(h);

			if (h->nlmsg_type == NLMSG_ERROR &&
			    nlmsg_datalen(h) >= (int)sizeof(e->error) &&
			    e->error && !rc)
				rc = e->error;
		}
	}
	return rc;
}

static int batch_commit(const struct batch *b)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
			NETLINK_NETFILTER);
	int rc;

	if (fd < 0)
		return -errno;
	if (sendto(fd, b->buf, b->len, 0, (struct sockaddr *)&kernel,
		   sizeof(kernel)) < 0)
		rc = -errno;
	else
		rc = read_answers(fd);
	close(fd);
	return rc;
}

static int block(const char *ifname, bool replace)
{
	struct batch b = { .seq = 1 };
	char chain[IFNAMSIZ + 8];

	chain_name(chain, ifname);
	if (!add_begin(&b) || !add_table(&b) ||
	    (replace && !add_del_chain(&b, chain)) ||
	    !add_chain(&b, chain, ifname) || !add_end(&b))
		return -ENOMEM;
	return batch_commit(&b);
}

int netd_nft_block(const char *ifname)
{
	int rc = block(ifname, true);

	return rc == -ENOENT ? block(ifname, false) : rc;
}

static void remove_empty_table(void)
{
	struct batch b = { .seq = 1 };

	/* -EBUSY: other devices' chains are in it.  It may stay. */
	if (add_begin(&b) && add_del_table(&b) && add_end(&b))
		batch_commit(&b);
}

int netd_nft_unblock(const char *ifname)
{
	struct batch b = { .seq = 1 };
	char chain[IFNAMSIZ + 8];
	int rc;

	chain_name(chain, ifname);
	if (!add_begin(&b) || !add_del_chain(&b, chain) || !add_end(&b))
		return -ENOMEM;
	rc = batch_commit(&b);
	remove_empty_table();
	return rc == -ENOENT ? 0 : rc;
}
