/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard_view.h: private to the guard's own files: a window on one layer of a
 * frame, and who judges what lies in it.
 *
 * `have` bytes at p are private and may be read; the layer is `len` bytes long
 * in the frame.  have <= len always.  A judge that needs more than `have`
 * answers DROP_UNPARSED: payload is never read (base/burst.h).
 */
#ifndef CAUSEWAY_GUARD_VIEW_H
#define CAUSEWAY_GUARD_VIEW_H

#include "vswitch/port_guard.h"

struct guard_view {
	const uint8_t *p;
	unsigned have;
	unsigned len;
	bool gso; /* lengths in IP headers are not yet those on the wire */
};

static inline uint16_t guard_be16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static inline bool guard_locked(const struct guard *g)
{
	return g->mode == GUARD_LOCKED;
}

/* Go on behind n bytes; n <= have. */
static inline void guard_view_skip(struct guard_view *v, unsigned n)
{
	v->p += n;
	v->have -= n;
	v->len -= n;
}

/* The layer ends after len bytes, whatever padding follows; len <= v->len. */
static inline void guard_view_clip(struct guard_view *v, unsigned len)
{
	v->len = len;
	if (v->have > len)
		v->have = len;
}

/* Both for locked ports; the second knows the port's own link-local too. */
bool guard_allows_ipv4(const struct guard *g, uint32_t addr);
bool guard_allows_ipv6(const struct guard *g, const uint8_t addr[16]);

/* `v` starts at the IP header. */
enum drop guard_judge_ipv4(const struct guard *g, struct guard_view v);
enum drop guard_judge_ipv6(const struct guard *g, struct guard_view v);

#endif
