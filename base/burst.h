/*
 * burst.h: frames on their way through the switch.
 *
 * A frame's first bytes (up to FRAME_HDR_MAX) are copied once into private
 * memory, because guests rewrite theirs while we look.  Everything that is
 * parsed, judged or changed lives there.  The rest, the payload, stays where
 * it was received (guest memory, a packet ring) and is copied once, straight
 * into the egress ring.  Payload bytes may change under our hands: never
 * parse them, never trust them.
 *
 * Ownership: a burst belongs to one worker.  Payload segments are valid from
 * port rx() until the same port's rx_done(); deliveries happen in between.
 *
 * Tags: bridge_classify() takes off the tags that chose the segment, so a
 * frame is "canonical" between classify and deliver; frame_retag() gives it
 * the tags that one egress port wants, in place, as often as needed.
 */
#ifndef CAUSEWAY_BURST_H
#define CAUSEWAY_BURST_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>

#define BURST_MAX 32		   /* frames */
#define BURST_BYTES_MAX (128 << 10) /* soft: the frame that crosses it is the last */
#define BURST_SEGS_MAX 1024	   /* payload segments of one burst */
#define FRAME_SEGS_MAX 256	   /* payload segments of one frame */
#define FRAME_HDR_MAX 128	   /* private header bytes on receive */
#define FRAME_HDR_ROOM 64	   /* headroom before them: tags */
#define FRAME_TAGS_MAX 2
#define FRAME_LEN_MAX (65535 + 14 + 8)

#define ETH_MACS_LEN 12
#define ETH_HLEN_MIN 14

enum frame_csum {
	FRAME_CSUM_NONE = 0,	/* nothing known: forward as it is */
	FRAME_CSUM_PARTIAL = 1, /* virtio NEEDS_CSUM: csum_start/offset hold */
	FRAME_CSUM_VALID = 2,	/* checked by whoever sent it */
};

enum frame_gso {
	FRAME_GSO_NONE = 0,
	FRAME_GSO_TCP4 = 1, /* = VIRTIO_NET_HDR_GSO_TCPV4 */
	FRAME_GSO_UDP = 3,  /* = VIRTIO_NET_HDR_GSO_UDP (UFO, fragments) */
	FRAME_GSO_TCP6 = 4, /* = VIRTIO_NET_HDR_GSO_TCPV6 */
	FRAME_GSO_UDP_L4 = 5,
};

struct frame_seg {
	const uint8_t *data;
	uint32_t len;
};

struct frame {
	uint8_t *hdr;		      /* first byte of the frame, private */
	const struct frame_seg *segs; /* payload behind the header */
	uint32_t len;		      /* whole frame: hdr_len + sum of segs */
	uint16_t hdr_len;	      /* private bytes at hdr */
	uint16_t seg_count;
	uint8_t csum;		      /* enum frame_csum */
	uint8_t gso;		      /* enum frame_gso */
	uint8_t gso_ecn;	      /* TCP ECN: CWR only on the first segment */
	uint8_t more;		      /* next frame of a tx() call belongs to
				       * the same original: all or none */
	uint16_t gso_size;	      /* payload bytes per segment */
	uint16_t csum_start;	      /* bytes from hdr; follows retagging */
	uint16_t csum_offset;	      /* bytes from csum_start */
	uint8_t tags;		      /* tags frame_retag() has put on */
	uint8_t verdict;	      /* enum drop, set by classify */
	uint16_t segment;	      /* broadcast domain, set by classify */
	uint16_t out;		      /* egress port id or FRAME_OUT_* */
	uint16_t tci;		      /* PCP and DEI of the tag taken off */
	uint16_t head;		      /* receive ring's own handle */
	uint32_t tag[FRAME_TAGS_MAX]; /* TPID << 16 | TCI, outermost first */

	uint8_t room[FRAME_HDR_ROOM] __attribute__((aligned(64)));
	uint8_t bytes[FRAME_HDR_MAX];
};

static_assert(offsetof(struct frame, room) == 64, "metadata is one line");

/* frame.out beyond port ids: who of the segment's members gets it */
#define FRAME_OUT_FLOOD 0xffff	 /* everyone: broadcast, plain multicast */
#define FRAME_OUT_UNKNOWN 0xfffe /* those who want unknown unicast */
#define FRAME_OUT_GROUP 0xfffd	 /* listeners of a snooped group */
#define FRAME_OUT_ROUTERS 0xfffc /* multicast routers: IGMP, MLD reports */

struct burst {
	unsigned count;
	unsigned seg_used;    /* of segs[] */
	uint32_t bytes;	      /* sum of frame lengths */
	uint32_t byte_budget; /* rx() stops once bytes >= byte_budget */
	struct frame frames[BURST_MAX];
	struct frame_seg segs[BURST_SEGS_MAX];
};

static inline void burst_reset(struct burst *b, uint32_t byte_budget)
{
	b->count = 0;
	b->seg_used = 0;
	b->bytes = 0;
	b->byte_budget = byte_budget;
}

/* Ready a frame for receive: empty, hdr at bytes[], no offload, no tags. */
static inline void frame_init(struct frame *f)
{
	memset(f, 0, offsetof(struct frame, room));
	f->hdr = f->bytes;
}

/* 16 bits in network order at an offset the caller has checked. */
static inline uint16_t frame_be16(const struct frame *f, unsigned at)
{
	uint16_t v;

	memcpy(&v, f->hdr + at, sizeof(v));
	return ntohs(v);
}

/* Copy the first `max` bytes to one piece of memory; returns how many. */
static inline uint32_t frame_linearise(const struct frame *f, uint8_t *to,
				       uint32_t max)
{
	uint32_t n = f->hdr_len < max ? f->hdr_len : max, part;
	unsigned i;

	memcpy(to, f->hdr, n);
	for (i = 0; i < f->seg_count && n < max; i++) {
		part = f->segs[i].len < max - n ? f->segs[i].len : max - n;
		memcpy(to + n, f->segs[i].data, part);
		n += part;
	}
	return n;
}

/*
 * Take off `n` tags (0 to 2) that the sender put on.  The caller has checked
 * that the header holds them.
 */
static inline void frame_strip(struct frame *f, unsigned n)
{
	uint8_t *to = f->hdr + 4 * n;

	if (!n)
		return;
	memmove(to, f->hdr, ETH_MACS_LEN);
	f->hdr = to;
	f->hdr_len -= 4 * n;
	f->len -= 4 * n;
	f->csum_start -= 4 * n;
}

/*
 * Make the tags in front of the canonical frame exactly tag[0..n), outermost
 * first.  Costs nothing when they are already so.
 */
static inline void frame_retag(struct frame *f, unsigned n,
			       const uint32_t tag[FRAME_TAGS_MAX])
{
	uint8_t macs[ETH_MACS_LEN];
	int grow = 4 * ((int)n - (int)f->tags);
	unsigned i;

	if (!n && !f->tags)
		return;
	memcpy(macs, f->hdr, sizeof(macs));
	f->hdr -= grow;
	memcpy(f->hdr, macs, sizeof(macs));
	for (i = 0; i < n; i++) {
		uint32_t t = htonl(tag[i]);

		memcpy(f->hdr + ETH_MACS_LEN + 4 * i, &t, sizeof(t));
		f->tag[i] = tag[i];
	}
	f->tags = n;
	f->hdr_len += grow;
	f->len += grow;
	f->csum_start += grow;
}

#endif
