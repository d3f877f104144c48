/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tag.h: VLAN tags at the head of a frame (802.1Q 9.3 to 9.6).
 *
 * A tag is four bytes behind the MAC addresses: a TPID where an EtherType
 * would stand, and a TCI (PCP 3 bits, DEI 1, VID 12).  Three TPIDs count as
 * tags everywhere in Causeway: 0x8100 (C-tag), 0x88a8 (S-tag of 802.1ad) and
 * 0x9100 (S-tag of older QinQ equipment).  Which of them a port speaks is
 * port_vlan's business; that a frame "starts with a tag" means any of them,
 * so that no foreign TPID is ever taken for harmless payload.
 *
 * Only private header bytes are read.  A frame that announces a tag which
 * its private bytes do not hold is truncated, and never judged further.
 */
#ifndef CAUSEWAY_TAG_H
#define CAUSEWAY_TAG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/burst.h"

#define TAG_TPID_8021Q  0x8100
#define TAG_TPID_8021AD 0x88a8
#define TAG_TPID_9100   0x9100

#define TAG_LEN       4
#define TAG_VID_MASK  0x0fff
#define TAG_PCP_MASK  0xf000 /* PCP and DEI: what a TCI carries beside VID */
#define TAG_VID_MAX   4094   /* 4095 is reserved, never on a wire */
#define TAG_STACK_MAX 8      /* tags that tag_parse() can report */

struct tag_stack {
	unsigned count;   /* tags seen, outermost first */
	bool truncated;   /* another tag, or the EtherType, is cut off */
	uint16_t type;    /* EtherType behind the tags; 0 if truncated */
	uint16_t type_at; /* its offset; the L3 header follows at + 2 */
	uint32_t tag[TAG_STACK_MAX]; /* TPID << 16 | TCI */
};

/* May `type` at the place of an EtherType announce a tag? */
static inline bool tag_is_tpid(uint16_t type)
{
	return type == TAG_TPID_8021Q || type == TAG_TPID_8021AD ||
	       type == TAG_TPID_9100;
}

static inline uint16_t tag_vid(uint16_t tci)
{
	return tci & TAG_VID_MASK;
}

/* The form frame_retag() takes. */
static inline uint32_t tag_make(uint16_t tpid, uint16_t pcp, uint16_t vid)
{
	return (uint32_t)tpid << 16 | (pcp & TAG_PCP_MASK) | tag_vid(vid);
}

/* Does the frame start with a tag?  It must hold an Ethernet header. */
static inline bool tag_present(const struct frame *f)
{
	return tag_is_tpid(frame_be16(f, ETH_MACS_LEN));
}

/* Does its canonical form, beneath the tags of frame_retag()? */
static inline bool tag_beneath(const struct frame *f)
{
	return tag_is_tpid(frame_be16(f, ETH_MACS_LEN + TAG_LEN * f->tags));
}

/*
 * Is the frame's `n`th tag (from 0) whole, with an EtherType behind it?
 * Says nothing on whether it is a tag.
 */
static inline bool tag_whole(const struct frame *f, unsigned n)
{
	return f->hdr_len >= ETH_HLEN_MIN + TAG_LEN * (n + 1);
}

/* TCI of the `n`th tag, and what stands behind it; tag_whole() holds. */
static inline uint16_t tag_tci(const struct frame *f, unsigned n)
{
	return frame_be16(f, ETH_MACS_LEN + TAG_LEN * n + 2);
}

static inline uint16_t tag_next_type(const struct frame *f, unsigned n)
{
	return frame_be16(f, ETH_MACS_LEN + TAG_LEN * (n + 1));
}

/*
 * Parse up to `max` (at most TAG_STACK_MAX) tags.  If more follow, count is
 * `max` and type is the next TPID.  Returns out->count.
 */
unsigned tag_parse(const struct frame *f, unsigned max, struct tag_stack *out);

#endif
