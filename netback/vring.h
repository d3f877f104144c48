/*
 * vring.h: the device side of a split virtqueue (virtio 1.2 section 2.7),
 * carrying virtio-net frames.
 *
 * The guest may change every shared byte at every moment: each index and
 * descriptor is copied once, checked, and only the copy is used.  A chain
 * that breaks the rules is returned unused and counted; an index that does
 * (more than `size` entries ahead) marks the ring `broken`, which stops it
 * until the driver sets it up anew.  Buffers are returned in order.
 *
 * The control thread fills a vring in while no worker can see it (see
 * base/port.h), then sets `ready`.
 */
#ifndef CAUSEWAY_VRING_H
#define CAUSEWAY_VRING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/burst.h"
#include "netback/guest_mem.h"

#define VRING_SIZE_MAX 32768
#define VRING_SIZE_WANTED 1024

struct vring_desc; /* wire layouts, in vring.c */

struct vring {
	/* set by the control thread */
	const struct guest_mem *mem;
	struct guest_log *log; /* NULL when not logging */
	struct vring_desc *desc;
	uint16_t *avail; /* flags, idx, ring[size], used_event */
	uint16_t *used;	 /* flags, idx, ring[size] of {id,len}, avail_event */
	uint64_t used_gpa;   /* for the log: log_guest_addr of SET_VRING_ADDR */
	uint16_t size;	     /* power of two, at most VRING_SIZE_MAX */
	uint8_t net_hdr_len; /* 10, or 12 with MRG_RXBUF or VERSION_1 */
	bool mergeable;
	bool event_idx;
	bool indirect;
	bool csum_ok;	/* tx to guest: guest takes partial checksums */
	bool ready;	/* started and enabled: workers may touch the ring */
	bool log_ring;	/* VHOST_VRING_F_LOG: used ring writes are logged */
	int call_fd;	/* -1: none (polling driver) */
	int kick_fd;	/* -1: none */
	const char *name; /* for messages */

	/* owned by the worker while ready */
	uint16_t last_avail; /* next entry to take */
	uint16_t signalled_used; /* between two that are written in turn and
				  * read together: no failed forwarding */
	uint16_t last_used;  /* next entry to write; = used->idx at rest */
	bool signalled_valid;
	bool kicks_off;	     /* we asked the driver not to kick */
	bool kick_pending;   /* tx_flush has something to signal */
	bool broken;
	atomic_flag tx_lock;

	/* facts for `switchctl ports`, written by the worker */
	uint64_t kicks_sent;
	uint64_t bad_chains;
};

void vring_init(struct vring *vr); /* zero, no fds, nothing attached */

/*
 * Point the ring at guest memory.  0, -EINVAL (not power of two, unaligned,
 * outside one region, overlapping).  Does not set ready.
 */
int vring_map(struct vring *vr, const struct guest_mem *mem, uint64_t desc_uva,
	      uint64_t avail_uva, uint64_t used_uva);

/* What the used ring says is the next entry to give back; it is mapped. */
uint16_t vring_used_index(const struct vring *vr);

/* Guest transmits: see port_ops.rx and rx_done. */
unsigned vring_rx(struct vring *vr, struct burst *b);
void vring_rx_done(struct vring *vr, struct burst *b);

/* Guest receives: see port_ops.tx.  Serialises callers. */
unsigned vring_tx(struct vring *vr, struct frame *const f[], unsigned n,
		  uint8_t why[]);

/*
 * Signal the driver if it asked for it; once a round.  See doorbell.h for what
 * keeps this from waiting; where that is not to be had, the switch's watchdog
 * interrupts it, and the ring is broken from then on.
 */
void vring_flush(struct vring *vr);

/* See port_ops.rx_arm / rx_disarm.  Disarming takes the kick. */
bool vring_arm(struct vring *vr);
void vring_disarm(struct vring *vr);

#endif
