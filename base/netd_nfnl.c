/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_nfnl.c: nftables takes messages between BATCH_BEGIN and BATCH_END in
 * one send.  By the time that returns all is done, and what went wrong waits
 * in the socket; nothing else does, since no message asks for an answer.
 */
#include "base/netd_nfnl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#define SEND_BYTES (4 << 20) /* most that a transaction may have */

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

struct nl_msg *netd_nfnl_message(const struct netd_nfnl *b, uint8_t type,
				 uint16_t flags)
{
	return message(NFNL_SUBSYS_NFTABLES << 8 | type, flags, b->family, 0);
}

static bool make_room(struct netd_nfnl *b, size_t bytes)
{
	size_t size = b->size ? b->size : 4096;
	char *buf;

	while (size < b->len + bytes)
		size *= 2;
	if (size == b->size)
		return true;
	buf = realloc(b->buf, size);
	if (!buf)
		return false;
	b->buf = buf;
	b->size = size;
	return true;
}

void netd_nfnl_add(struct netd_nfnl *b, struct nl_msg *msg)
{
	struct nlmsghdr *h = msg ? nlmsg_hdr(msg) : NULL;

	if (h && make_room(b, NLMSG_ALIGN(h->nlmsg_len))) {
		h->nlmsg_seq = b->seq++;
		memset(b->buf + b->len, 0, NLMSG_ALIGN(h->nlmsg_len));
		memcpy(b->buf + b->len, h, h->nlmsg_len);
		b->len += NLMSG_ALIGN(h->nlmsg_len);
	} else {
		b->no_memory = true;
	}
	nlmsg_free(msg);
}

void netd_nfnl_begin(struct netd_nfnl *b, uint8_t family)
{
	*b = (struct netd_nfnl){ .seq = 1, .family = family };
	netd_nfnl_add(b, message(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC,
				 NFNL_SUBSYS_NFTABLES));
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
	/* More errors than fit: it has failed, whatever the first one was. */
	if (n < 0 && errno == ENOBUFS && !rc)
		rc = -EIO;
	return rc;
}

static int send_all(const struct netd_nfnl *b)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int bytes = SEND_BYTES, rc;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
			NETLINK_NETFILTER);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes,
		       sizeof(bytes)) ||
	    sendto(fd, b->buf, b->len, 0, (struct sockaddr *)&kernel,
		   sizeof(kernel)) < 0)
		rc = -errno;
	else
		rc = read_answers(fd);
	close(fd);
	return rc;
}

int netd_nfnl_commit(struct netd_nfnl *b)
{
	int rc;

	netd_nfnl_add(b, message(NFNL_MSG_BATCH_END, 0, AF_UNSPEC,
				 NFNL_SUBSYS_NFTABLES));
	rc = b->no_memory ? -ENOMEM : send_all(b);
	free(b->buf);
	b->buf = NULL;
	return rc;
}
