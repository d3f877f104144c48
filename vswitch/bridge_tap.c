/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bridge_tap.c: copies for captures and ad hoc mirrors.
 *
 * A frame on its way has the tags of whichever port it left by last.  Before
 * it is shown it gets those of the place that is watched.  A copy to another
 * port is a frame of its own, flat, so nothing it needs (truncation, offload)
 * touches the original.
 */
#include "vswitch/bridge_tap.h"

#include <string.h>

/* Make a frame of its own from the bytes in bw->tap_bytes. */
static void flat_frame(struct bridge_worker *bw, const struct frame *f,
		       uint32_t bytes, struct frame *copy,
		       struct frame_seg *rest)
{
	uint32_t head = bytes < FRAME_HDR_MAX ? bytes : FRAME_HDR_MAX;

	frame_init(copy);
	memcpy(copy->hdr, bw->tap_bytes, head);
	copy->hdr_len = head;
	copy->len = bytes;
	if (bytes > head) {
		rest->data = bw->tap_bytes + head;
		rest->len = bytes - head;
		copy->segs = rest;
		copy->seg_count = 1;
	}
	if (bytes < f->len)
		return; /* cut short: no offload makes sense any more */
	if (f->verdict && !offload_validate(f))
		return; /* refused before anybody looked at it */
	copy->csum = f->csum;
	copy->csum_start = f->csum_start;
	copy->csum_offset = f->csum_offset;
	copy->gso = f->gso;
	copy->gso_ecn = f->gso_ecn;
	copy->gso_size = f->gso_size;
}

/*
 * May the port be sent this copy of `f`?  Its guest's link is what it would be
 * for any other frame: up, of its MTU (tags that are shown come on top) and of
 * its rate.
 */
static bool takes(struct bridge_worker *bw, const struct bport *out,
		  const struct frame *f, const struct frame *copy)
{
	if (bridge_wire_len(copy) > out->egress_max + 4u * f->tags)
		return false;
	if (!(out->flags & BPORT_RATE_TO))
		return true;
	rate_refill(&out->state->to_guest, bw->now);
	return rate_take(&out->state->to_guest, copy->len);
}

/* Counted as a copy that the switch made, and then by its fate. */
static void copy_to_port(struct bridge_worker *bw, const struct bridge_view *v,
			 struct mirror *m, const struct frame *f,
			 uint32_t bytes)
{
	const struct bport *out = v->ports[m->to];
	struct mirror_counters *ctr = &m->ctr[bw->index];
	struct frame copy, *list = &copy;
	struct frame_seg rest;

	if (!out || out->bond || (out->flags & BPORT_DISABLED) ||
	    !out->port->link || !out->port->tx_queues) {
		ctr->dropped++;
		return;
	}
	flat_frame(bw, f, bytes, &copy, &rest);
	if (!takes(bw, out, f, &copy)) {
		ctr->dropped++;
		return;
	}
	out->state->ctr[bw->index].copies++;
	ctr->packets++;
	ctr->bytes += bytes;
	bridge_emit(bw, out, &list, 1);
}

static void show(struct bridge_worker *bw, const struct bridge_view *v,
		 const struct mirror_taps *taps, const struct frame *f,
		 uint16_t port, enum mirror_direction direction)
{
	unsigned i;

	for (i = 0; i < taps->count; i++) {
		struct mirror *m = taps->mirror[i];
		struct mirror_record rec = { .wire_len = f->len,
					     .tsc = bw->now,
					     .port = port,
					     .direction = direction,
					     .verdict = f->verdict };

		if (!(m->directions & direction) || m->to == port ||
		    !mirror_wants(m, bw->index, bw->now, f, bw->tap_bytes,
				  &rec.bytes))
			continue;
		if (m->to == MIRROR_TO_RING)
			mirror_record(m, bw->index, &rec, bw->tap_bytes);
		else
			copy_to_port(bw, v, m, f, rec.bytes);
	}
}

/* The tags it came with: those of its port, if any were taken off. */
static void tags_of_port(const struct bridge_view *v, const struct bport *in,
			 struct frame *f)
{
	uint32_t tag[FRAME_TAGS_MAX];
	int n;

	if (f->segment == SEGMENT_NONE)
		return;
	n = port_vlan_egress(&in->vlan, v->segments[f->segment].vid, f->tci, f,
			     tag);
	frame_retag(f, n > 0 ? n : 0, tag);
}

/* A frame beside those that a bond takes: the other copy is shown. */
static bool is_beside(const struct frame *f)
{
	return f->verdict == DROP_BOND_STANDBY ||
	       f->verdict == DROP_BOND_DUPLICATE;
}

void bridge_tap_in(struct bridge_worker *bw, const struct bridge_view *v,
		   const struct bport *in, struct burst *b)
{
	uint32_t budget = v->listen_budget;
	unsigned i;

	for (i = 0; i < b->count; i++) {
		struct frame *f = &b->frames[i];
		const struct mirror_taps *net = NULL;

		if (f->segment != SEGMENT_NONE &&
		    (!f->verdict || f->verdict >= DROP_HAIRPIN))
			net = v->segments[f->segment].taps;
		if (!f->len || (!in->taps && !net) || f->len > budget ||
		    is_beside(f))
			continue;
		budget -= f->len;
		if (in->taps) {
			tags_of_port(v, in, f);
			show(bw, v, in->taps, f, in->id, MIRROR_IN);
		}
		if (net) {
			frame_retag(f, 0, NULL);
			show(bw, v, net, f, in->id, MIRROR_IN);
		}
	}
}

void bridge_tap_out(struct bridge_worker *bw, const struct bridge_view *v,
		    const struct bport *out, struct frame *const f[],
		    unsigned n)
{
	uint32_t budget = v->listen_budget;
	unsigned i;

	for (i = 0; i < n && f[i]->len <= budget; i++) {
		budget -= f[i]->len;
		show(bw, v, out->taps, f[i], out->id, MIRROR_OUT);
	}
}
