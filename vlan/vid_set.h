/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vid_set.h: a set of VLAN ids, one bit each.  A plain value: copy it, compare
 * it with memcmp.
 */
#ifndef CAUSEWAY_VID_SET_H
#define CAUSEWAY_VID_SET_H

#include <stdbool.h>
#include <stdint.h>

#define VID_SET_SIZE 4096

struct vid_set {
	uint64_t bits[VID_SET_SIZE / 64];
};

/* vid is below VID_SET_SIZE in all of them. */
static inline bool vid_set_has(const struct vid_set *s, uint16_t vid)
{
	return s->bits[vid / 64] >> (vid % 64) & 1;
}

static inline void vid_set_add(struct vid_set *s, uint16_t vid)
{
	s->bits[vid / 64] |= UINT64_C(1) << (vid % 64);
}

static inline void vid_set_add_range(struct vid_set *s, uint16_t first,
				     uint16_t last)
{
	for (; first <= last; first++)
		vid_set_add(s, first);
}

static inline bool vid_set_empty(const struct vid_set *s)
{
	unsigned i;

	for (i = 0; i < VID_SET_SIZE / 64; i++)
		if (s->bits[i])
			return false;
	return true;
}

#endif
