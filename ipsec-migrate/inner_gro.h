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
	struct inner_flow flow;
	uint8_t *pkt;	   /* its first packet */
	uint32_t hash;	   /* of the flow */
	uint32_t len;	   /* of all */
	uint32_t next_seq; /* TCP */
	uint16_t hdr_len;
	uint16_t l4_off;
	uint16_t size;	/* payload of each packet but the last */
	uint16_t count; /* of packets */
	uint16_t last;	/* its last packet, in piece[] */
	bool open;	/* one more may be added */
	bool checked;	/* the first one's checksum is right */
	bool id_fixed;	/* IPv4, known from two on: all have one ID */
};

/* piece[0] is always a first one, so that 0 can mean "no next". */
struct inner_gro_piece {
	uint8_t *data; /* the payload; of a first one all of the packet */
	uint32_t len;
	uint16_t next;
};

struct inner_gro {
	bool udp; /* the TUN takes INNER_VNET_GSO_UDP_L4 */
	unsigned packets, frames;
	struct inner_gro_frame frame[INNER_GRO_MAX];
	uint16_t first[INNER_GRO_MAX]; /* of each frame, in piece[] */
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
