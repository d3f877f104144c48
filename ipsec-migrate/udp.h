/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * udp.h: the outer side: sockets that netd has made (netd_udp_bind(),
 * netd_esp_open()), in batches.
 *
 * What comes is what the kernel merged (UDP_GRO): many packets of one sender
 * and size, one behind the other, in one buffer.  Port 4500 carries ESP, IKE
 * behind a marker of four zero bytes, and keepalives (RFC 3948 2); merging
 * does not ask which, so each packet of a buffer is told by itself.
 *
 * One thread each.
 */
#ifndef CAUSEWAY_UDP_H
#define CAUSEWAY_UDP_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <sys/socket.h>

#include "ipsec-migrate/esp_out.h"

#define UDP_RX_MSGS   8
#define UDP_MSG_BYTES 65536
#define UDP_IKE_PORT  500
#define UDP_NATT_PORT 4500
#define UDP_MARKER_LEN 4

struct udp_sock {
	int fd; /* -1: there is none */
	bool raw; /* IP protocol 50 */
	bool any; /* bound to no address: each packet says from which */
};

struct udp_msg {
	uint8_t *data;
	uint32_t len;
	uint16_t seg; /* of each packet but the last; never 0 */
	uint8_t tos;
	struct sockaddr_storage from, to; /* to: without port */
};

struct udp_rx;

int udp_rx_new(struct udp_rx **out); /* 0 or -ENOMEM */
void udp_rx_free(struct udp_rx *rx); /* NULL does nothing */
/*
 * What waits, at most UDP_RX_MSGS, in (*msgs)[]; valid until the next call.
 * How many.  On a raw socket IP headers are off already.
 */
unsigned udp_recv(struct udp_rx *rx, const struct udp_sock *s,
		  struct udp_msg **msgs);

enum udp_kind { UDP_ESP, UDP_IKE, UDP_KEEPALIVE, UDP_RUNT };

/* Of a packet at port 4500.  ESP cannot have SPI 0. */
static inline enum udp_kind udp_kind(const uint8_t *p, uint32_t len)
{
	uint32_t spi;

	if (len <= UDP_MARKER_LEN)
		return len == 1 && p[0] == 0xff ? UDP_KEEPALIVE : UDP_RUNT;
	memcpy(&spi, p, sizeof(spi));
	return spi ? UDP_ESP : UDP_IKE;
}

struct udp_tx;

int udp_tx_new(struct udp_tx **out);
void udp_tx_free(struct udp_tx *tx);
/*
 * Sends by one socket.  Returns how many went; if not all, *rc says why the
 * next one did not: -EAGAIN (full) or another -errno (it alone).
 */
unsigned udp_send(struct udp_tx *tx, const struct udp_sock *s,
		  const struct esp_send send[], unsigned n, int *rc);
/* One datagram in two parts (`head` may be empty).  0 or -errno. */
int udp_send_one(const struct udp_sock *s, const struct sockaddr_storage *from,
		 const struct sockaddr_storage *to, const void *head,
		 size_t head_len, const void *data, size_t len);

/* What ICMP or our own link had to say about a packet that was sent. */
struct udp_error {
	uint32_t mtu; /* it was longer than this; 0: something else */
	bool local;   /* our own kernel says so, and does not show the packet */
	uint32_t spi, seq; /* of that packet; 0, 0: not known */
	struct sockaddr_storage to;
};

/* True: *e is the next one in the socket's error queue. */
bool udp_error_next(const struct udp_sock *s, struct udp_error *e);

static inline socklen_t udp_addr_len(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? 16 : 28;
}

uint16_t udp_port(const struct sockaddr_storage *a);
void udp_set_port(struct sockaddr_storage *a, uint16_t port);
bool udp_same_addr(const struct sockaddr_storage *a,
		   const struct sockaddr_storage *b);
static inline bool udp_same(const struct sockaddr_storage *a,
			    const struct sockaddr_storage *b)
{
	return udp_same_addr(a, b) && udp_port(a) == udp_port(b);
}
/* 0.0.0.0 or :: */
bool udp_is_any(const struct sockaddr_storage *a);
/* "192.0.2.1:4500", "[2001:db8::1]:4500"; without port 0. */
const char *udp_text(const struct sockaddr_storage *a, char text[64]);

#endif
