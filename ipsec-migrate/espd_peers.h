/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * espd_peers.h: the peers that iked has named, and what the kernel and netd
 * have to do for them: protection of their networks, sockets of our addresses.
 *
 * Control thread.
 */
#ifndef CAUSEWAY_ESPD_PEERS_H
#define CAUSEWAY_ESPD_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/netd_client.h"
#include "ipsec-migrate/espd_worker.h"
#include "ipsec-migrate/ike_msg.h"

#define PEERS_MAX 1024

struct event_base;

struct peers_conf {
	const char *netd;     /* its socket */
	const char *tun;      /* name of the TUN */
	uint32_t tun_mtu;
	const char *addresses[NETD_ADDRESSES_MAX]; /* the host's, on the TUN */
	unsigned address_count;
	/*
	 * An IKE datagram; local's port tells by which socket.  `m` and data
	 * are of use until it returns.
	 */
	void (*on_ike)(const struct udp_msg *m, uint16_t port,
		       const uint8_t *data, uint32_t len, void *arg);
	void *arg;
};

struct peers;

int peers_new(struct peers **out, struct event_base *base, struct worker *w,
	      const struct peers_conf *conf);
void peers_free(struct peers *p); /* NULL does nothing */

/* The TUN by netd: *fd is the caller's.  0 or -errno, which is logged. */
int peers_open_tun(struct peers *p, int *fd, bool *uso);

/* PEER: one more of those that PEERS_END will be about.  0 or -errno. */
int peers_stage(struct peers *p, const struct ike_msg_peer *peer);
void peers_stage_clear(struct peers *p);
/*
 * PEERS_END: these and no others, and the kernel protects their networks.
 * Sockets that cannot be had now are asked for again every second.
 */
int peers_commit(struct peers *p);

/* NULL: no such peer. */
const struct ike_msg_peer *peers_find(const struct peers *p, uint32_t number);
const struct ike_msg_peer *peers_at(const struct peers *p, unsigned i);
unsigned peers_count(const struct peers *p);

/* 0 or -errno: an IKE datagram, by port 500 or 4500 (with the marker). */
int peers_send_ike(struct peers *p, const struct ike_msg_datagram *d);

/* About netd and the sockets, for people; the caller's. */
json_t *peers_describe(const struct peers *p);

#endif
