/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * udp.c: recvmmsg() with UDP_GRO, sendmmsg() with UDP_SEGMENT, the error
 * queue.
 *
 * Raw sockets have neither; there each packet of a send is one message.
 */
#include "ipsec-migrate/udp.h"

#include <errno.h>
#include <stdlib.h>

#include <linux/errqueue.h>
#include <linux/udp.h>
#include <netinet/in.h>

#include "ipsec-migrate/bytes.h"

#define CONTROL_BYTES 128
#define TX_MSGS	      64

#ifndef UDP_GRO /* linux/udp.h has it since 5.0 */
#define UDP_GRO 104
#endif

union control {
	struct cmsghdr align;
	uint8_t bytes[CONTROL_BYTES];
};

struct udp_rx {
	struct mmsghdr hdr[UDP_RX_MSGS];
	struct iovec iov[UDP_RX_MSGS];
	union control control[UDP_RX_MSGS];
	struct udp_msg msg[UDP_RX_MSGS];
	uint8_t *bytes;
};

struct udp_tx {
	struct mmsghdr hdr[TX_MSGS];
	struct iovec iov[TX_MSGS];
	union control control[TX_MSGS];
};

/* --- receiving ------------------------------------------------------------ */

int udp_rx_new(struct udp_rx **out)
{
	struct udp_rx *rx = calloc(1, sizeof(*rx));

	if (!rx)
		return -ENOMEM;
	if (posix_memalign((void **)&rx->bytes, 4096,
			   UDP_RX_MSGS * UDP_MSG_BYTES)) {
		free(rx);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < UDP_RX_MSGS; i++) {
		rx->iov[i] = (struct iovec){ rx->bytes + i * UDP_MSG_BYTES,
					     UDP_MSG_BYTES };
		rx->hdr[i].msg_hdr = (struct msghdr){
			.msg_name = &rx->msg[i].from,
			.msg_iov = &rx->iov[i],
			.msg_iovlen = 1,
			.msg_control = &rx->control[i],
		};
	}
	*out = rx;
	return 0;
}

void udp_rx_free(struct udp_rx *rx)
{
	if (!rx)
		return;
	free(rx->bytes);
	free(rx);
}

static void set_to4(struct udp_msg *m, const struct in_pktinfo *info)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&m->to;

	*in = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_addr = info->ipi_addr };
}

static void set_to6(struct udp_msg *m, const struct in6_pktinfo *info)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&m->to;

	*in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
				      .sin6_addr = info->ipi6_addr };
}

static void read_control(struct udp_msg *m, struct msghdr *hdr)
{
	struct cmsghdr *c;
	int value = 0;

	for (c = CMSG_FIRSTHDR(hdr); c; c = CMSG_NXTHDR(hdr, c)) {
		const void *data = CMSG_DATA(c);

		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&value, data, sizeof(value));
			m->seg = (uint16_t)value;
		} else if (c->cmsg_level == IPPROTO_IP) {
			if (c->cmsg_type == IP_TOS)
				m->tos = *(const uint8_t *)data;
			else if (c->cmsg_type == IP_PKTINFO)
				set_to4(m, data);
		} else if (c->cmsg_level == IPPROTO_IPV6) {
			if (c->cmsg_type == IPV6_TCLASS)
				memcpy(&value, data, sizeof(value)),
					m->tos = (uint8_t)value;
			else if (c->cmsg_type == IPV6_PKTINFO)
				set_to6(m, data);
		}
	}
}

/* IPv4's raw sockets give the IP header, too; IPv6's do not. */
static void strip_ip(struct udp_msg *m)
{
	uint32_t len = m->len && m->from.ss_family == AF_INET
			       ? 4u * (m->data[0] & 15)
			       : 0;

	if (len > m->len)
		len = m->len;
	m->data += len;
	m->len -= len;
	m->seg = (uint16_t)m->len;
}

unsigned udp_recv(struct udp_rx *rx, const struct udp_sock *s,
		  struct udp_msg **msgs)
{
	int n;

	for (unsigned i = 0; i < UDP_RX_MSGS; i++) {
		rx->hdr[i].msg_hdr.msg_namelen = sizeof(rx->msg[i].from);
		rx->hdr[i].msg_hdr.msg_controllen = CONTROL_BYTES;
	}
	n = recvmmsg(s->fd, rx->hdr, UDP_RX_MSGS, MSG_DONTWAIT, NULL);
	if (n < 0)
		return 0;
	for (int i = 0; i < n; i++) {
		struct udp_msg *m = &rx->msg[i];

		m->data = rx->iov[i].iov_base;
		m->len = rx->hdr[i].msg_len;
		m->seg = 0;
		m->tos = 0;
		m->to.ss_family = AF_UNSPEC;
		read_control(m, &rx->hdr[i].msg_hdr);
		if (s->raw)
			strip_ip(m);
		if (!m->seg || m->seg > m->len)
			m->seg = (uint16_t)(m->len > 65535 ? 65535 : m->len);
	}
	*msgs = rx->msg;
	return (unsigned)n;
}

/* --- sending -------------------------------------------------------------- */

int udp_tx_new(struct udp_tx **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void udp_tx_free(struct udp_tx *tx)
{
	free(tx);
}

/* One more control message behind those that are there. */
static void put(struct msghdr *hdr, int level, int type, const void *data,
		size_t len)
{
	struct cmsghdr *c = (struct cmsghdr *)((uint8_t *)hdr->msg_control +
					       hdr->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	hdr->msg_controllen += CMSG_SPACE(len);
}

static void put_from(struct msghdr *hdr, const struct sockaddr_storage *from)
{
	if (from->ss_family == AF_INET) {
		const struct in_pktinfo info = {
			.ipi_spec_dst =
				((const struct sockaddr_in *)from)->sin_addr,
		};

		put(hdr, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else {
		const struct in6_pktinfo info = {
			.ipi6_addr =
				((const struct sockaddr_in6 *)from)->sin6_addr,
		};

		put(hdr, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
}

static void put_tos(struct msghdr *hdr, uint8_t tos, bool v4)
{
	int value = tos;

	if (tos)
		put(hdr, v4 ? IPPROTO_IP : IPPROTO_IPV6,
		    v4 ? IP_TOS : IPV6_TCLASS, &value, sizeof(value));
}

static void address(struct msghdr *hdr, const struct udp_sock *s,
		    const struct esp_send *send)
{
	struct sa_path *path = &send->sa->path;

	hdr->msg_name = &path->remote;
	hdr->msg_namelen = udp_addr_len(&path->remote);
	hdr->msg_controllen = 0;
	put_tos(hdr, send->tos, path->remote.ss_family == AF_INET);
	if (s->any)
		put_from(hdr, &path->local);
}

static unsigned send_merged(struct udp_tx *tx, const struct udp_sock *s,
			    const struct esp_send send[], unsigned n, int *rc)
{
	int sent;

	if (n > TX_MSGS)
		n = TX_MSGS;
	for (unsigned i = 0; i < n; i++) {
		struct msghdr *hdr = &tx->hdr[i].msg_hdr;

		tx->iov[i] = (struct iovec){ send[i].data, send[i].len };
		hdr->msg_iov = &tx->iov[i];
		hdr->msg_iovlen = 1;
		hdr->msg_control = &tx->control[i];
		address(hdr, s, &send[i]);
		if (send[i].len > send[i].seg)
			put(hdr, IPPROTO_UDP, UDP_SEGMENT, &send[i].seg,
			    sizeof(send[i].seg));
	}
	sent = sendmmsg(s->fd, tx->hdr, n, MSG_DONTWAIT);
	*rc = sent < 0 ? -errno : 0;
	return sent < 0 ? 0 : (unsigned)sent;
}

/* The packets of one send, each a message. */
static int send_split(struct udp_tx *tx, const struct udp_sock *s,
		      const struct esp_send *send)
{
	uint32_t at = 0;
	unsigned n = 0;

	for (; at < send->len && n < TX_MSGS; at += send->seg, n++) {
		struct msghdr *hdr = &tx->hdr[n].msg_hdr;
		uint32_t left = send->len - at;

		tx->iov[n] = (struct iovec){
			send->data + at, left < send->seg ? left : send->seg
		};
		hdr->msg_iov = &tx->iov[n];
		hdr->msg_iovlen = 1;
		hdr->msg_control = &tx->control[n];
		address(hdr, s, send);
	}
	return sendmmsg(s->fd, tx->hdr, n, MSG_DONTWAIT) < 0 ? -errno : 0;
}

unsigned udp_send(struct udp_tx *tx, const struct udp_sock *s,
		  const struct esp_send send[], unsigned n, int *rc)
{
	unsigned done = 0;

	*rc = 0;
	if (!s->raw) {
		while (done < n && !*rc)
			done += send_merged(tx, s, send + done, n - done, rc);
		return done;
	}
	for (; done < n; done++) {
		*rc = send_split(tx, s, &send[done]);
		if (*rc)
			break;
	}
	return done;
}

int udp_send_one(const struct udp_sock *s, const struct sockaddr_storage *from,
		 const struct sockaddr_storage *to, const void *head,
		 size_t head_len, const void *data, size_t len)
{
	struct iovec iov[2] = { { (void *)head, head_len },
				{ (void *)data, len } };
	union control control;
	struct msghdr hdr = {
		.msg_name = (void *)to,
		.msg_namelen = udp_addr_len(to),
		.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = &control,
	};

	if (s->any && from->ss_family == to->ss_family && !udp_is_any(from))
		put_from(&hdr, from);
	return sendmsg(s->fd, &hdr, MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* --- errors --------------------------------------------------------------- */

static uint32_t mtu_of(struct msghdr *hdr, bool *local)
{
	struct sock_extended_err e;
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(hdr); c; c = CMSG_NXTHDR(hdr, c)) {
		bool v4 = c->cmsg_level == IPPROTO_IP &&
			  c->cmsg_type == IP_RECVERR;
		bool v6 = c->cmsg_level == IPPROTO_IPV6 &&
			  c->cmsg_type == IPV6_RECVERR;

		if (!v4 && !v6)
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof(e));
		*local = e.ee_origin == SO_EE_ORIGIN_LOCAL;
		return e.ee_errno == EMSGSIZE ? e.ee_info : 0;
	}
	return 0;
}

bool udp_error_next(const struct udp_sock *s, struct udp_error *e)
{
	uint8_t packet[128];
	struct iovec iov = { packet, sizeof(packet) };
	uint8_t control[512] __attribute__((aligned(8)));
	struct msghdr hdr = {
		.msg_name = &e->to,
		.msg_namelen = sizeof(e->to),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	memset(e, 0, sizeof(*e));
	n = recvmsg(s->fd, &hdr, MSG_ERRQUEUE | MSG_DONTWAIT);
	if (n < 0)
		return false;
	e->mtu = mtu_of(&hdr, &e->local);
	if (n >= 8 && !e->local) {
		e->spi = get_be32(packet);
		e->seq = get_be32(packet + 4);
	}
	return true;
}
