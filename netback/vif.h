/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vif.h: a guest's network interface over vhost-user, as a port.
 *
 * One vif is one socket, at most one peer (QEMU, testpmd, ...) on it, and up
 * to PORT_QUEUES_MAX pairs of rings.  Queue q of the port receives from the
 * guest's transmit ring 2q+1 and sends to its receive ring 2q.
 *
 * Client mode connects at once and then tries again every 10 to 50 ms: the
 * peer listens.  Server mode listens, and serves one peer at a time.  A peer
 * that breaks the protocol, whose guest breaks a ring, or whose memory goes
 * away loses its connection; the vif tries again a second later.  Nothing a
 * peer does reaches further than its own vif.
 *
 * Threads: all functions here belong to the control thread, the one that runs
 * `base`.  Workers see a vif only through vif_port() and base/port.h.
 */
#ifndef CAUSEWAY_VIF_H
#define CAUSEWAY_VIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/port.h"

struct event_base;
struct vif;

/* Instead of a uid: root and our own (switch_conf's default), anybody. */
#define VIF_PEER_OURS (-1)
#define VIF_PEER_ANY (-2)

struct vif_conf {
	char name[PORT_NAME_MAX];
	char socket[108]; /* sun_path */
	bool server;	  /* we listen */
	bool trusted;	  /* guest memory need not be a sealed memfd */
	int64_t peer_uid; /* the only uid served, or VIF_PEER_* */
	uint16_t queues;  /* pairs offered, 1 to PORT_QUEUES_MAX */
	uint16_t mtu;
	uint32_t offload; /* enum port_offload: csum and TSO, both ways */
};

/* What a vif needs from whoever holds it; `log` and `announce` may be NULL. */
struct vif_host {
	struct event_base *base;
	/* returns once no worker can still use what it saw before the call */
	void (*quiesce)(void *ctx);
	/*
	 * Queues, link or offload of the port, or its rx_fd()s, changed: plan
	 * anew.  Where something goes away, this is called before it does:
	 * descriptors still are open and memory still is mapped, and quiesce()
	 * follows.
	 */
	void (*changed)(void *ctx, struct vif *vif);
	/* one line for people, not ended; the same line is not repeated */
	void (*log)(void *ctx, struct vif *vif, const char *line);
	/* the guest has moved here: tell the network where this MAC lives */
	void (*announce)(void *ctx, struct vif *vif, const uint8_t mac[6]);
	void *ctx;
};

enum vif_state {
	VIF_DOWN,	 /* link taken down: no peer is wanted */
	VIF_CONNECTING,	 /* client: nobody answers yet */
	VIF_LISTENING,	 /* server: nobody has come yet */
	VIF_NEGOTIATING, /* a peer is there, its driver is not */
	VIF_UP,		 /* rings run */
	VIF_REFUSED,	 /* the peer was sent away; see last_error */
};

struct vif_facts {
	enum vif_state state;
	const char *state_name; /* "up" */
	uint64_t features;	/* negotiated, as bits and as names */
	char feature_names[512];
	unsigned queues; /* pairs that run */
	unsigned regions;
	uint64_t memory_bytes;
	bool sealed;  /* memory cannot be taken from under us */
	bool logging; /* dirty pages are logged: it migrates */
	struct vif_ring_facts {
		bool ready;
		uint16_t size;
		uint64_t kicks; /* notifications sent to the guest */
		uint64_t bad_chains;
	} ring[2 * PORT_QUEUES_MAX];
	uint64_t connections; /* accepted or made, since vif_new() */
	uint64_t refusals;    /* of them ended by us */
	char last_error[192]; /* in plain words; "" if none yet */
	int64_t peer_uid;     /* -1 without a peer */
	int64_t peer_pid;
};

/*
 * A new vif, already connecting or listening.  `conf` and `host` are copied.
 * 0, -EINVAL (conf), -EADDRINUSE (server: somebody listens there), -ENOTSOCK
 * (server: another kind of file is there), or what socket calls return.
 */
int vif_new(struct vif **out, const struct vif_conf *conf,
	    const struct vif_host *host);
/* Unpublished by the caller first.  A server's socket file is removed. */
void vif_free(struct vif *vif); /* NULL does nothing */

struct port *vif_port(struct vif *vif); /* lives as long as the vif */

/*
 * Vhost-user cannot tell a guest "no carrier"; losing the connection can, and
 * QEMU does so.  Down: the peer is sent away and none is let in.
 */
void vif_set_link(struct vif *vif, bool up);

void vif_facts(const struct vif *vif, struct vif_facts *facts);

/*
 * What a shared timer does for each vif ten times a second: ends connections
 * whose guest broke a ring or lost its memory, or whose peer stopped half way
 * through a message.  Public for tests, which bring their own clock.
 */
void vif_check(struct vif *vif, uint64_t now_ms);

#endif
