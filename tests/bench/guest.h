/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest.h: the network card of a made-up guest, seen from its driver.
 *
 * A guest is one piece of shared memory, a receive and a transmit split ring
 * in it, and a vhost-user connection over which a switch is told of both.  It
 * is the load generator's hand: everything on the packet path is inline, a
 * buffer is never copied, and what was received last is sent first, as a
 * forwarding guest does it.  It believes the switch; a hostile one could crash
 * the generator and nothing else.
 *
 * Features: VERSION_1 and MRG_RXBUF, single-descriptor buffers, no event
 * index, no interrupts wanted.  Completions may come in any order.
 *
 * One thread uses a guest at a time.
 */
#ifndef CAUSEWAY_BENCH_GUEST_H
#define CAUSEWAY_BENCH_GUEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

#define GUEST_HDR_LEN 12      /* struct virtio_net_hdr_mrg_rxbuf */
#define GUEST_FRAME_AT 128    /* frame in its buffer; the header ends there */
#define GUEST_BUF_BYTES 2368  /* 37 lines: odd, so that sets are spread */
#define GUEST_FRAME_MAX (GUEST_BUF_BYTES - GUEST_FRAME_AT)
#define GUEST_RING_MAX 1024
#define GUEST_BUFS_MAX (2 * GUEST_RING_MAX + 64)

struct guest_conf {
	const char *path; /* socket; NULL: none (null device) */
	bool listen;	  /* we listen as QEMU does; else we connect */
	bool huge;	  /* 2 MB pages behind the memory */
	unsigned ring;	  /* descriptors a ring: a power of two */
};

struct guest_ring {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t mask;
	uint16_t avail_idx; /* next to publish */
	uint16_t used_idx;  /* next to look at */
	uint16_t slot_head, slot_tail;
	uint16_t slot[GUEST_RING_MAX]; /* free descriptors, first in first out */
	uint16_t buf[GUEST_RING_MAX];  /* descriptor to buffer */
	int kick_fd, call_fd;
};

struct guest {
	struct guest_conf conf;
	struct guest_ring rx, tx;
	uint8_t *mem, *bufs;
	size_t bytes;
	int mem_fd, fd, listen_fd;
	unsigned free_count;
	uint16_t free[GUEST_BUFS_MAX]; /* buffers in no ring: a stack */
	uint64_t kicks;
};

/*
 * Make the memory and both rings, fill the receive ring, connect (or wait for
 * the switch to) and negotiate, all within timeout_ms.  0 or -errno.
 */
int guest_open(struct guest **out, const struct guest_conf *conf,
	       unsigned timeout_ms);
void guest_close(struct guest *g); /* NULL does nothing */

/* Has the switch hung up? */
bool guest_lost(struct guest *g);
/*
 * One try at a new connection; the rings go on at their used index, as QEMU
 * does it after a crash of its back end.  0, -EAGAIN (nobody there) or -errno.
 */
int guest_reconnect(struct guest *g);

/*
 * A device that does nothing: completes what a transmits into b's receive
 * buffers and the other way round, moving one cache line a frame, until told
 * to stop.  Shows what the generator could do at most.
 */
void guest_null_run(struct guest *a, struct guest *b, const atomic_bool *stop);

static inline uint8_t *guest_frame(const struct guest *g, unsigned buf)
{
	return g->bufs + (size_t)buf * GUEST_BUF_BYTES + GUEST_FRAME_AT;
}

/* Put a buffer into a ring; publish with guest_publish(). */
static inline void guest_post(struct guest *g, struct guest_ring *r,
			      uint16_t buf, uint32_t frame_bytes,
			      uint16_t flags)
{
	uint16_t slot = r->slot[r->slot_head++ & r->mask];
	struct vring_desc *d = &r->desc[slot];

	r->buf[slot] = buf;
	d->addr = (uint64_t)(guest_frame(g, buf) - GUEST_HDR_LEN - g->mem);
	d->len = frame_bytes + GUEST_HDR_LEN;
	d->flags = flags;
	r->avail->ring[r->avail_idx++ & r->mask] = slot;
}

/* Let the switch see what was posted; kick it if it sleeps. */
void guest_kick(struct guest *g, struct guest_ring *r);

static inline void guest_publish(struct guest *g, struct guest_ring *r)
{
	__atomic_store_n(&r->avail->idx, r->avail_idx, __ATOMIC_RELEASE);
	atomic_thread_fence(memory_order_seq_cst);
	if (!(*(volatile uint16_t *)&r->used->flags & VRING_USED_F_NO_NOTIFY))
		guest_kick(g, r);
}

/* How many completions wait in a ring. */
static inline unsigned guest_done(struct guest_ring *r)
{
	return (uint16_t)(__atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE) -
			  r->used_idx);
}

/* Take the next completion (there must be one): its buffer, its length. */
static inline uint16_t guest_take(struct guest_ring *r, uint32_t *len)
{
	const struct vring_used_elem *e =
		&r->used->ring[r->used_idx++ & r->mask];
	uint16_t slot = (uint16_t)e->id & r->mask;

	*len = e->len;
	r->slot[r->slot_tail++ & r->mask] = slot;
	return r->buf[slot];
}

static inline unsigned guest_slots(const struct guest_ring *r)
{
	return (uint16_t)(r->slot_tail - r->slot_head);
}

/* Transmitted buffers come back to the free stack. */
static inline void guest_reclaim(struct guest *g)
{
	unsigned n = guest_done(&g->tx);
	uint32_t len;

	while (n--)
		g->free[g->free_count++] = guest_take(&g->tx, &len);
}

#endif
