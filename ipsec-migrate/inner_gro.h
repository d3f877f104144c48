/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inner_gro.h: decrypted packets back into few big frames for the TUN.
 *
 * Consecutive segments of one TCP flow (and equal datagrams of one UDP flow)
 * become one frame with a virtio-net header that says how to take it apart
 * again: nothing is copied, a frame is a list of pieces for one writev().
 * Merging follows the kernel's rules, so that nobody behind us can tell (the
 * same headers but for what counts on; PSH, FIN or a shorter one ends it), and
 * nothing is merged whose checksum is wrong.
 *
 * Packets of one flow stay in order.  Pure: a struct inner_gro is a scratch
 * pad of one thread, for one burst.
 */
#ifndef CAUSEWAY_INNER_GRO_H
#define CAUSEWAY_INNER_GRO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "ipsec-migrate/inner.h"
#include "ipsec-migrate/inner_gso.h"

#define INNER_GRO_MAX 256 /* packets until inner_gro_reset() */

/* Writable bytes before each packet, for the virtio-net header. */
#define INNER_GRO_HEADROOM INNER_VNET_LEN

struct inner_gro_frame {
	struct inner in; /* of its first packet */
	uint32_t hash;
	uint8_t *pkt;
	uint32_t len;	    /* all of it */
	uint32_t next_seq;  /* TCP */
	uint16_t size;	    /* payload of each */
	uint16_t hdr_len;   /* all headers */
	uint16_t count;	    /* of packets */
	uint16_t ip_id;	    /* of the first */
	uint16_t last;	    /* its last packet's place in pieces */
	uint8_t id_fixed;   /* of packets with DF: id stays, or counts on */
	bool open;
};

struct inner_gro_piece {
	uint8_t *data;
	uint32_t len;
	uint16_t next; /* 0: it is the last */
};

struct inner_gro {
	bool udp; /* the TUN takes INNER_VNET_GSO_UDP_L4 */
	unsigned packets, frames;
	struct inner_gro_frame frame[INNER_GRO_MAX];
	struct inner_gro_piece piece[INNER_GRO_MAX];
};

void inner_gro_init(struct inner_gro *g, bool udp);
/* The frames have been written. */
void inner_gro_reset(struct inner_gro *g);
static inline bool inner_gro_full(const struct inner_gro *g)
{
	return g->packets == INNER_GRO_MAX;
}

/*
 * One more packet; not when full.  It is the caller's, must stay until
 * inner_gro_reset(), and its headers will be written to.
 */
void inner_gro_add(struct inner_gro *g, const struct inner *in, uint8_t *pkt);

/*
 * Frame i of g->frames, for one writev(): puts the headers right, fills
 * iov[] and returns how many (at most INNER_GRO_MAX).  Once for each frame.
 */
unsigned inner_gro_finish(struct inner_gro *g, unsigned i,
			  struct iovec iov[INNER_GRO_MAX]);

#endif
