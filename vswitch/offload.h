/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * offload.h: do in software what an egress port cannot.
 *
 * Checksums and segmentation are metadata that travel with a frame from
 * ingress to egress (base/burst.h).  Where the egress lacks the feature, the
 * bridge calls here just before tx().  Pure: no I/O, no state, no allocation.
 *
 * The bridge calls offload_validate() once when a frame comes in; the other
 * functions check again what they rely on, because retagging and forwarding
 * lie in between.
 */
#ifndef CAUSEWAY_OFFLOAD_H
#define CAUSEWAY_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/burst.h"
#include "base/drop.h"
#include "base/port.h"

/* Segments one frame may become: what a guest can make us amplify. */
#define OFFLOAD_SEGS_MAX 128

/* Where segments live until tx() has returned: one per worker, zeroed once. */
struct offload_scratch {
	uint16_t ident; /* of the last IPv6 datagram cut into fragments */
	struct frame frames[OFFLOAD_SEGS_MAX];
	struct frame_seg segs[OFFLOAD_SEGS_MAX + FRAME_SEGS_MAX + 1];
};

/*
 * Ingress: are the offload fields of a frame just received possible, and do
 * they agree with its headers?  Call when csum is PARTIAL or gso is set.
 * Looks at the private header only.  False: DROP_BAD_OFFLOAD.
 *
 * GSO needs PARTIAL pointing at the TCP or UDP checksum, the headers whole in
 * the private part, a gso_size of at least 1 and at most OFFLOAD_SEGS_MAX
 * segments.  PARTIAL alone may point anywhere behind the Ethernet header
 * (guests tunnel), as long as the field lies inside the frame.
 */
bool offload_validate(const struct frame *f);

/* Does a port with these PORT_TX_* bits need one of the functions below? */
static inline bool offload_needed(const struct frame *f, uint32_t port_offload)
{
	static const uint8_t need[8] = {
		[FRAME_GSO_TCP4] = PORT_TX_TSO4 | PORT_TX_CSUM,
		[FRAME_GSO_UDP] = PORT_TX_UFO | PORT_TX_CSUM,
		[FRAME_GSO_TCP6] = PORT_TX_TSO6 | PORT_TX_CSUM,
		[FRAME_GSO_UDP_L4] = PORT_TX_USO | PORT_TX_CSUM,
	};
	uint32_t want = need[f->gso & 7];

	if (f->csum == FRAME_CSUM_PARTIAL)
		want |= PORT_TX_CSUM;
	if (f->gso_ecn)
		want |= PORT_TX_TSO_ECN;
	return (want & ~port_offload) != 0;
}

/*
 * Complete a PARTIAL checksum in the private header; csum is NONE afterwards.
 * Not for GSO frames.  DROP_NONE, or DROP_GSO (an egress reason) when the
 * field does not lie in the private header.
 */
enum drop offload_checksum(struct frame *f);

/*
 * Cut a GSO frame into out[0..n), in order, every one with its own private
 * header and finished checksums, payload by reference into `f`, linked by
 * `more` so that tx() takes all or none.  `f` is unchanged and must stay as
 * it is until tx() has returned.  TCP over IPv4 and IPv6, UDP_L4; UFO becomes
 * IPv4 or IPv6 fragments.  Returns n (at least 1, at most `max` and
 * OFFLOAD_SEGS_MAX), or -DROP_GSO.
 */
int offload_segment(const struct frame *f, struct offload_scratch *s,
		    struct frame *out[], unsigned max);

#endif
