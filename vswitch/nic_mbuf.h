/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nic_mbuf.h: a frame out of an mbuf, an mbuf out of a frame.
 *
 * Pure but for the mempool.  In: the first bytes are copied, the rest is
 * referenced, so the mbuf must live until the burst is done.  Out: everything
 * is copied, because payload belongs to a guest that gets it back at once.
 */
#ifndef CAUSEWAY_NIC_MBUF_H
#define CAUSEWAY_NIC_MBUF_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/burst.h"

#define NIC_FRAME_MIN 60 /* shorter ones are padded, with zeros */
#define NIC_TX_SEGS_MAX 40

/* Below this a NIC gains nothing by TSO, and some refuse it. */
#define NIC_TSO_MIN 256

/* What a NIC is asked to do for one frame. */
struct nic_offload {
	uint64_t flags; /* RTE_MBUF_F_TX_* */
	uint16_t l2, l3, l4; /* lengths of headers, tags in l2 */
};

/*
 * Append the frame in `m` to the burst.  False: no room for its segments, it
 * is for the next burst.  The caller keeps `m` until rx_done().
 */
bool nic_mbuf_to_frame(struct burst *b, struct rte_mbuf *m);

/*
 * Can a NIC finish what the frame leaves open: the checksum of TCP or UDP
 * right behind IPv4 or a plain IPv6 header, TSO of TCP?  True with *todo, also
 * when there is nothing to do.  `ip_sum`: it also finishes the IPv4 header's
 * checksum of segments when asked to; else it does so unasked.
 */
bool nic_mbuf_offload(const struct frame *f, bool ip_sum,
		      struct nic_offload *todo);

/*
 * Copy a frame into mbufs of `pool`, at most `segs` (NIC_TX_SEGS_MAX); NULL
 * when the pool has none left or it is too long for them.
 */
struct rte_mbuf *nic_mbuf_from_frame(const struct frame *f,
				     const struct nic_offload *todo,
				     struct rte_mempool *pool, unsigned segs);

#endif
