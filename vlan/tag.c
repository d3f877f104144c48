/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tag.c: the whole stack of tags, for whoever has to look beneath all of
 * them (the guard's slow path, tools).  The data path's single tag is inline
 * in tag.h.
 */
#include "vlan/tag.h"

unsigned tag_parse(const struct frame *f, unsigned max, struct tag_stack *out)
{
	unsigned n;

	assert(max <= TAG_STACK_MAX);
	*out = (struct tag_stack){ .type_at = ETH_MACS_LEN };
	if (f->hdr_len < ETH_HLEN_MIN) {
		out->truncated = true;
		return 0;
	}
	out->type = frame_be16(f, ETH_MACS_LEN);
	for (n = 0; n < max && tag_is_tpid(out->type); n++) {
		if (!tag_whole(f, n)) {
			out->truncated = true;
			out->type = 0;
			break;
		}
		out->tag[n] = (uint32_t)out->type << 16 | tag_tci(f, n);
		out->type = tag_next_type(f, n);
		out->type_at += TAG_LEN;
	}
	out->count = n;
	return n;
}
