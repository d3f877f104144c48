/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * espd_worker.h: the thread that moves packets.
 *
 *	TUN -> policy, SA, seal -> sendmmsg() with UDP_SEGMENT
 *	recvmmsg() with UDP_GRO -> open, check -> merge -> TUN
 *
 * It owns the SAs, the policies and the TUN; nobody else touches them.  The
 * control thread has things done there (worker_call()), between two bursts.
 * IKE has its own sockets, which the control thread reads; IKE that comes by
 * the worker's nevertheless (merged with ESP) goes on to iked from here.
 */
#ifndef CAUSEWAY_ESPD_WORKER_H
#define CAUSEWAY_ESPD_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ipsec-migrate/cipher.h"
#include "ipsec-migrate/esp_drop.h"
#include "ipsec-migrate/espd_engine.h"
#include "ipsec-migrate/udp.h"

#define WORKER_SOCKS_MAX 32

/* Each only grows; anybody may read them. */
struct worker_stats {
	_Atomic uint64_t tun_frames, tun_bytes;	 /* from the host */
	_Atomic uint64_t host_frames, host_bytes; /* to the host */
	_Atomic uint64_t sent, received;	 /* ESP packets */
	_Atomic uint64_t sends, receives; /* messages that carried them */
	_Atomic uint64_t send_full, send_failed, no_socket; /* packets */
	_Atomic uint64_t host_refused; /* frames that the TUN would not take */
	_Atomic uint64_t replies, replies_held; /* "packet too big" */
	_Atomic uint64_t keepalives, runts, ike, ike_lost, mappings, mtu_found;
	_Atomic uint64_t drops[ESP_DROP_COUNT];
};

struct worker;

struct worker_conf {
	enum cipher_backend backend;
	int core; /* -1: any */
};

int worker_new(struct worker **out, const struct worker_conf *conf);
/* Begin, with what netd made; tun is taken.  uso: the TUN takes it. */
int worker_start(struct worker *w, int tun, bool uso);
void worker_free(struct worker *w); /* ends the thread; NULL does nothing */

/* fn in the worker's thread; returns when it has returned. */
void worker_call(struct worker *w, void (*fn)(struct worker *w, void *arg),
		 void *arg);

/* --- for fn of worker_call() ---------------------------------------------- */

struct engine *worker_engine(struct worker *w);
uint64_t worker_now_ms(const struct worker *w);
/* The UDP or the raw socket of that address; taken.  0, -ENOSPC, -EEXIST. */
int worker_add_sock(struct worker *w, const struct sockaddr_storage *local,
		    const struct udp_sock *s);
/* By which socket an SA sends; again when its path has changed. */
void worker_route_sa(struct worker *w, struct sa *sa);
/* Another TUN in the place of one that went; taken. */
void worker_set_tun(struct worker *w, int tun);
/* Where events and stray IKE go; -1: nowhere.  Not taken. */
void worker_set_iked(struct worker *w, int fd);
/* Open what came by another socket than the worker's. */
void worker_take_esp(struct worker *w, struct udp_msg *m, uint8_t *pkt,
		     uint32_t len);

/* --- for anybody ---------------------------------------------------------- */

const struct worker_stats *worker_stats(const struct worker *w);
/* The TUN has gone (somebody deleted it). */
bool worker_tun_lost(const struct worker *w);
/* True once: the connection to iked does not take events any more. */
bool worker_iked_stuck(struct worker *w);

#endif
