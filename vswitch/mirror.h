/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror.h: copies of chosen frames, for a capture or for another port.
 *
 * A mirror says which frames (direction, filter, at most so many bits a
 * second) and where they go: into a capture ring that the control thread
 * empties, or to a port.  Ports and networks that are watched carry a list of
 * mirrors, their taps, as part of the view (bridge.h).  What is copied is what
 * a wire at that place would show: tags as on the port; of a network, none.
 *
 * Copies are made after the frames they show have been delivered, within the
 * byte budget of a burst, and are lossy: whatever does not fit is counted and
 * forgotten.  Copies are never copied again.
 *
 * Threads: a mirror is made by the control thread and immutable while in a
 * view, but for its counters and rings (one a worker, one writer, one
 * reader) and its bucket.
 */
#ifndef CAUSEWAY_MIRROR_H
#define CAUSEWAY_MIRROR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <pcap/pcap.h>

#include "base/burst.h"
#include "vswitch/mirror_filter.h"
#include "vswitch/rate.h"

#define MIRROR_WORKERS_MAX 16
#define MIRROR_RING_BYTES (1u << 20) /* a worker and capture */
#define MIRROR_SNAPLEN_MAX 65535
#define MIRROR_TO_RING 0xffff

enum mirror_direction {
	MIRROR_IN = 1 << 0,  /* from the port into the switch */
	MIRROR_OUT = 1 << 1, /* from the switch to the port */
};

/* What a capture ring holds before each frame's bytes. */
struct mirror_record {
	uint32_t bytes;	   /* of the frame, that follow; padded to 8 */
	uint32_t wire_len; /* before snaplen */
	uint64_t tsc;
	uint16_t port;	   /* where it was seen */
	uint8_t direction; /* one of enum mirror_direction */
	uint8_t verdict;   /* enum drop: MIRROR_IN only */
	uint32_t reserved;
};

/* Single writer (a worker), single reader (the control thread). */
struct mirror_ring {
	_Atomic uint64_t head __attribute__((aligned(64))); /* written */
	_Atomic uint64_t tail __attribute__((aligned(64))); /* read */
	uint8_t bytes[MIRROR_RING_BYTES] __attribute__((aligned(64)));
};

struct mirror_counters {
	uint64_t packets, bytes, dropped;
} __attribute__((aligned(64)));

struct mirror {
	uint32_t session;
	uint8_t directions; /* enum mirror_direction */
	uint16_t to;	    /* port id, or MIRROR_TO_RING */
	uint32_t snaplen;
	struct rate rate;
	unsigned filter_count; /* 0: everything */
	struct bpf_insn *filter;
	unsigned workers;
	struct mirror_ring *ring[MIRROR_WORKERS_MAX];
	struct mirror_counters ctr[MIRROR_WORKERS_MAX];
};

/* Immutable; part of a view. */
struct mirror_taps {
	unsigned count;
	struct mirror *mirror[];
};

struct mirror_conf {
	uint32_t session;
	uint8_t directions;
	uint16_t to;
	uint32_t snaplen;  /* 1 to MIRROR_SNAPLEN_MAX */
	uint64_t rate_bps; /* 0: unlimited */
	unsigned filter_count;
	const struct bpf_insn *filter; /* classic BPF over Ethernet */
	unsigned workers;
	uint64_t tsc_hz, now;
};

/* 0, -EINVAL (mirror_filter_check() refuses the filter, snaplen) or -ENOMEM. */
int mirror_new(struct mirror **out, const struct mirror_conf *conf);
void mirror_free(struct mirror *m); /* NULL does nothing; in no view */
/* Sum over workers. */
void mirror_count(const struct mirror *m, struct mirror_counters *sum);

/*
 * Does the mirror want this frame, as it stands now?  Charges its bucket and
 * counts it as dropped if that is empty.  `scratch` takes the frame's bytes in
 * one piece, up to snaplen (MIRROR_SNAPLEN_MAX room); *bytes says how many.
 */
bool mirror_wants(struct mirror *m, unsigned worker, uint64_t now,
		  const struct frame *f, uint8_t *scratch, uint32_t *bytes);

/* Put a wanted frame into the ring; counts. */
void mirror_record(struct mirror *m, unsigned worker,
		   const struct mirror_record *rec, const uint8_t *bytes);

/*
 * Next record of one worker's ring, or NULL; valid until mirror_ring_pop().
 * Control thread.
 */
const struct mirror_record *mirror_ring_peek(const struct mirror *m,
					     unsigned worker,
					     const uint8_t **bytes);
void mirror_ring_pop(struct mirror *m, unsigned worker);

#endif
