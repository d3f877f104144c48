/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bridge_tap.h: shows frames of a burst to the mirrors that watch its ports
 * and networks.  Part of bridge.c's work, on the same worker.
 */
#ifndef CAUSEWAY_BRIDGE_TAP_H
#define CAUSEWAY_BRIDGE_TAP_H

#include "vswitch/bridge.h"

/* Frames received on `in`, when they have been delivered. */
void bridge_tap_in(struct bridge_worker *bw, const struct bridge_view *v,
		   const struct bport *in, struct burst *b);
/* Frames just handed to `out`, with its tags on. */
void bridge_tap_out(struct bridge_worker *bw, const struct bridge_view *v,
		    const struct bport *out, struct frame *const f[],
		    unsigned n);

#endif
