/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bridge.h: what happens to a burst between receive and transmit.
 *
 * The configuration that workers see is one immutable value, the view:
 * ports by id, segments by index.  A change is a new view, published by one
 * pointer store; a worker reads the pointer once a burst, so each frame is
 * judged by the old configuration or by the new one, never by a mixture.
 * What must outlive a change (counters, credit) is in struct port_state.
 *
 *	bridge_classify()  one verdict, one segment, one destination a frame
 *	bridge_deliver()   copies to egress ports, then to listeners
 *
 * Threads: a bridge_worker belongs to one worker.  The view and everything in
 * it is read-only for workers.  port_state is written by workers, each in its
 * own counter block; the buckets by the worker that owns the port's queue
 * (from the guest) or under the egress ring's serialisation (to the guest).
 */
#ifndef CAUSEWAY_BRIDGE_H
#define CAUSEWAY_BRIDGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/burst.h"
#include "base/drop.h"
#include "base/port.h"
#include "vlan/bond.h"
#include "vlan/port_vlan.h"
#include "vswitch/fdb.h"
#include "vswitch/mcast.h"
#include "vswitch/mirror.h"
#include "vswitch/offload.h"
#include "vswitch/port_guard.h"
#include "vswitch/rate.h"

#define WORKERS_MAX 16
#define SEGMENT_NONE 0xffff
#define LEARN_PER_BURST 8 /* new addresses a burst may try to insert */
#define SNOOP_PER_BURST 8 /* IGMP and MLD frames a burst may have judged */

/* One writer: a worker.  Readers see values that are a burst old at most. */
struct port_counters {
	uint64_t rx_frames, rx_bytes;
	uint64_t tx_frames, tx_bytes;
	uint64_t generated;	/* by the switch itself, for this port */
	uint64_t copies;	/* deliveries of its frames beyond the first */
	uint64_t segments;	/* made from GSO frames on the way out */
	uint64_t learn_deferred;
	uint64_t drops[DROP_COUNT];
} __attribute__((aligned(64)));

/* What a port keeps over policy changes. */
struct port_state {
	struct rate from_guest, to_guest;
	_Atomic uint64_t deaf_until; /* TSC: a listener's ring was full */
	struct storm storm;
	struct port_counters ctr[WORKERS_MAX];
};

enum bport_flag {
	BPORT_LEARN = 1 << 0,	     /* sources are looked up and learned */
	BPORT_UPLINK = 1 << 1,	     /* learned addresses have class UPLINK */
	BPORT_ISOLATED = 1 << 2,     /* no frame to another isolated port */
	BPORT_UNKNOWN = 1 << 3,	     /* gets unknown unicast */
	BPORT_LISTEN = 1 << 4,	     /* gets a copy of everything admitted */
	BPORT_LISTEN_REFUSED = 1 << 5,
	BPORT_SILENT = 1 << 6,	     /* may not send: DROP_INJECT */
	BPORT_RATE_FROM = 1 << 7,
	BPORT_RATE_TO = 1 << 8,
	BPORT_STORM = 1 << 9,
	BPORT_DISABLED = 1 << 10,
	BPORT_ROUTER = 1 << 11,	     /* may send IGMP and MLD queries */
};

/* One port as one view sees it. */
struct bport {
	struct port *port;
	struct port_state *state;
	const struct guard *guard;
	const uint16_t *segment_of_vid; /* trunks: [4096]; else NULL */
	const struct mirror_taps *taps; /* NULL: nobody looks */
	uint32_t flags;
	uint32_t frame_max; /* bytes of a canonical frame without GSO, */
	uint32_t egress_max; /* from the port, and to it */
	uint16_t id;
	uint16_t segment; /* of access and tunnel ports */
	struct port_vlan vlan;
	/*
	 * A member of a bond: this is its bond's bport (port, id, state, ...)
	 * in the member's place, for what the member receives.  Nothing is
	 * sent to it.
	 */
	const struct bond_table *bond; /* else NULL */
	uint8_t member;
};

/* Its place in the view is its number, the same as long as it lives. */
struct segment {
	uint16_t network; /* in the configuration; SEGMENT_NONE: nobody's */
	uint16_t vid;	  /* its tag on trunks; 0: untagged */
	bool snooping;
	bool floods_unknown; /* unknown unicast to every member */
	uint16_t member_count, listener_count;
	const uint16_t *members;   /* port ids */
	const uint16_t *listeners; /* port ids with BPORT_LISTEN */
	const struct mirror_taps *taps;
};

struct bridge_view {
	uint64_t generation;
	bool has_listeners; /* somewhere */
	bool has_taps;
	uint32_t listen_budget; /* bytes of copies per burst, each kind */
	uint16_t segment_count;
	struct segment *segments;
	const struct bport *ports[PORT_ID_MAX]; /* NULL: no such port */
};

struct bridge {
	struct fdb *fdb;
	struct mcast *mcast;
	uint64_t tsc_per_ms;
	_Atomic uint16_t tick; /* seconds, for ageing */
	_Atomic(struct bridge_view *) view;
};

/* Deliveries to one port, in the order of arrival. */
struct bridge_dest {
	uint16_t port;
	uint16_t count;
	struct frame *frames[BURST_MAX];
};

struct bridge_worker {
	struct bridge *br;
	unsigned index;	/* which port_counters are mine */
	bool dry;	/* trace: judge, but learn, count and charge nothing */
	uint64_t now;	/* TSC of this burst */
	unsigned snoop_budget;
	unsigned admitted; /* frames of this burst that listeners may hear */
	uint16_t ids[PORT_ID_MAX]; /* members of a group */
	unsigned dest_count;
	uint16_t slot_of[PORT_ID_MAX]; /* index + 1 in dest[], 0: none */
	struct bridge_dest *dest;      /* [PORT_ID_MAX] */
	uint8_t *tap_bytes; /* MIRROR_SNAPLEN_MAX */
	struct offload_scratch scratch;
};

/*
 * Bytes of the canonical frame, or of the largest one that it will be cut
 * into.  Valid offload fields only.
 */
static inline uint32_t bridge_wire_len(const struct frame *f)
{
	uint32_t l4 = 0;

	if (!f->gso)
		return f->len - 4u * f->tags;
	if (f->gso == FRAME_GSO_TCP4 || f->gso == FRAME_GSO_TCP6)
		l4 = (f->hdr[f->csum_start + 12] >> 4) * 4u;
	else if (f->gso == FRAME_GSO_UDP_L4)
		l4 = 8;
	return f->csum_start - 4u * f->tags + l4 + f->gso_size;
}

int bridge_worker_init(struct bridge_worker *bw, struct bridge *br,
		       unsigned index);
void bridge_worker_fini(struct bridge_worker *bw);

/* Sets verdict, segment and out of every frame; strips the segment's tags. */
void bridge_classify(struct bridge_worker *bw, const struct bridge_view *v,
		     const struct bport *in, struct burst *b);
/* Copies out what was forwarded and counts everything. */
void bridge_deliver(struct bridge_worker *bw, const struct bridge_view *v,
		    const struct bport *in, struct burst *b);

/*
 * One delivery: may the frame leave there, and with which tags?  Puts the
 * tags on.
 */
enum drop bridge_egress_check(struct bridge_worker *bw,
			      const struct bridge_view *v,
			      const struct bport *out, struct frame *f);
/* Hand frames to a port that has link, doing what it cannot; counts them. */
void bridge_emit(struct bridge_worker *bw, const struct bport *out,
		 struct frame *const f[], unsigned n);

/* Does a promiscuous port get a copy of this classified frame? */
bool bridge_hears(struct bridge_worker *bw, const struct bridge_view *v,
		  const struct bport *in, const struct bport *ear,
		  const struct frame *f);

/*
 * The ports that one classified frame goes to, as bridge_deliver() would do
 * it: writes up to `max` ids, returns their number.  For traces and tests.
 */
unsigned bridge_destinations(struct bridge_worker *bw,
			     const struct bridge_view *v,
			     const struct bport *in, struct frame *f,
			     uint16_t ids[], unsigned max);

#endif
