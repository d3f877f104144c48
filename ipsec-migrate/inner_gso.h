/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inner_gso.h: a frame from the TUN as the packets that it stands for.
 *
 * A frame is a virtio-net header and an IP packet of up to 64 KB, which the
 * kernel left to be cut into segments and to be given its checksums
 * (TSO, USO).  Here it is judged, and measured; then each segment is copied
 * to where it shall be encrypted, and summed in the same pass.
 *
 * TCP is cut smaller than asked for if the path wants it; a datagram of
 * IPv4 that may be fragmented is.
 *
 * Pure; the virtio-net header is as the TUN has it by default: 10 bytes, in
 * the host's byte order.
 */
#ifndef CAUSEWAY_INNER_GSO_H
#define CAUSEWAY_INNER_GSO_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_net.h>

#include "ipsec-migrate/esp_drop.h"
#include "ipsec-migrate/inner.h"

#define INNER_VNET_LEN	sizeof(struct virtio_net_hdr)
#define INNER_FRAME_MAX (INNER_VNET_LEN + INNER_LEN_MAX)

/* VIRTIO_NET_HDR_GSO_UDP_L4, which linux/virtio_net.h has since 6.2. */
#define INNER_VNET_GSO_UDP_L4 5

/* Segments one frame may become: MSS 48, the kernel's least, gives 1365. */
#define INNER_SEGS_MAX 2048

enum inner_gso_kind {
	INNER_GSO_NONE, /* one packet */
	INNER_GSO_TCP,
	INNER_GSO_UDP,	/* datagrams of one size */
	INNER_GSO_FRAG, /* IPv4 fragments */
};

struct inner_gso {
	struct inner in;
	uint8_t *pkt;
	enum inner_gso_kind kind;
	bool csum; /* complete the one at csum_start + csum_offset */
	uint16_t csum_start, csum_offset;
	uint16_t hdr_len; /* of a segment; its own copy each */
	uint32_t size;	  /* payload bytes of each but the last */
	uint32_t payload; /* of all */
	uint32_t count;	  /* of segments */
	uint64_t pseudo;  /* the part of a checksum that all share */
};

/*
 * Judge a frame of `len` bytes.  ESP_DROP_NONE; BAD_INNER, or BAD_VNET: the
 * fields contradict the packet.  The frame must stay until the last segment
 * is copied.
 */
enum esp_drop inner_gso_init(struct inner_gso *g, uint8_t *frame,
			     uint32_t len);

/*
 * Cut so that no segment is longer than `mtu`.  ESP_DROP_NONE, TOO_MANY, or
 * TOO_BIG: it must not be cut; tell its sender (inner_mtu.h).
 */
enum esp_drop inner_gso_fit(struct inner_gso *g, uint32_t mtu);

/* Of segment i, headers included.  All but the last have the same. */
static inline uint32_t inner_gso_len(const struct inner_gso *g, uint32_t i)
{
	return g->hdr_len + (i + 1 < g->count ? g->size
					      : g->payload - i * g->size);
}

/* All bytes of all segments. */
static inline uint64_t inner_gso_total(const struct inner_gso *g)
{
	return (uint64_t)g->count * g->hdr_len + g->payload;
}

/* Segment i, whole and with its checksums, to `to`. */
void inner_gso_copy(const struct inner_gso *g, uint32_t i, uint8_t *to);

#endif
