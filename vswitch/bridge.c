/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bridge.c: classify a burst, then deliver it.
 *
 * Classify runs over the burst twice: first everything that needs only the
 * frame and the port (tags, guard), which also starts the loads of the
 * forwarding table's lines; then the table.  Deliver sorts the burst by
 * egress port, keeping the order of arrival within each, and hands each port
 * one call.  A flooded frame appears in several lists; it is copied out of
 * its one place as often as needed, with the tags that each port wants.
 *
 * Promiscuous ports come last: whatever they cost, the frames they watch have
 * left already, and a byte budget bounds it.
 */
#include "vswitch/bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vswitch/bond_port.h"
#include "vswitch/bridge_tap.h"
#include "vswitch/gratuitous.h"

/* What the second pass needs of the first. */
struct keys {
	uint64_t dst[BURST_MAX], dst_hash[BURST_MAX];
	uint64_t src[BURST_MAX], src_hash[BURST_MAX];
};

static inline bool is_multicast(const struct frame *f)
{
	return f->hdr[0] & 1;
}

static inline bool is_broadcast(const struct frame *f)
{
	uint64_t mac = 0;

	memcpy(&mac, f->hdr, 6);
	return mac == 0xffffffffffffull;
}

/* ---- classify ------------------------------------------------------------ */

/* A refused frame may still be shown to somebody: as plain bytes. */
static enum drop refuse_offload(struct frame *f, enum drop why)
{
	f->csum = FRAME_CSUM_NONE;
	f->gso = FRAME_GSO_NONE;
	f->gso_ecn = 0;
	return why;
}

/* Everything that only the frame and the port decide. */
static inline enum drop admit(const struct bport *in, struct frame *f)
{
	unsigned strip;
	uint16_t vid;
	enum drop why;

	if (f->len < ETH_HLEN_MIN)
		return DROP_RUNT;
	why = port_vlan_admit(&in->vlan, f, &vid, &strip, &f->tci);
	if (why)
		return why;
	f->segment = in->segment_of_vid ? in->segment_of_vid[vid]
					: in->segment;
	if (f->segment == SEGMENT_NONE)
		return DROP_VLAN;
	frame_strip(f, strip);
	if ((f->csum | f->gso) && !offload_validate(f))
		return refuse_offload(f, DROP_BAD_OFFLOAD);
	if (bridge_wire_len(f) > in->frame_max)
		return refuse_offload(f, DROP_GIANT);
	return guard_check(in->guard, f);
}

static inline void judge_early(struct bridge_worker *bw, const struct bport *in,
			       struct burst *b, struct keys *k)
{
	const struct fdb *fdb = bw->br->fdb;
	unsigned i;

	for (i = 0; i < b->count; i++) {
		struct frame *f = &b->frames[i];

		f->segment = SEGMENT_NONE;
		if (!f->verdict)
			f->verdict = admit(in, f);
		if (f->verdict)
			continue;
		if (!is_multicast(f)) {
			k->dst[i] = fdb_key(f->segment, f->hdr);
			k->dst_hash[i] = fdb_prefetch(fdb, k->dst[i]);
		}
		if (in->flags & BPORT_LEARN) {
			k->src[i] = fdb_key(f->segment, f->hdr + 6);
			k->src_hash[i] = fdb_prefetch(fdb, k->src[i]);
		}
	}
}

/* Learn it, if it is this burst's turn and not a trace. */
static enum fdb_learned try_learn(struct bridge_worker *bw,
				  const struct bport *in, uint64_t key,
				  enum fdb_class class, unsigned *budget)
{
	uint16_t tick = atomic_load_explicit(&bw->br->tick,
					     memory_order_relaxed);
	enum fdb_learned got = FDB_DEFERRED;

	if (!bw->dry && *budget) {
		--*budget;
		got = fdb_learn(bw->br->fdb, key, in->id, class, tick);
	}
	if (got != FDB_DEFERRED)
		return got;
	if (!bw->dry)
		in->state->ctr[bw->index].learn_deferred++;
	return fdb_foresee(bw->br->fdb, key, in->id, class, tick);
}

/*
 * As what a port claims a source.  In a balance-slb bond an announcement may
 * well be ours, come back through another member.
 */
static enum fdb_class claim(const struct bport *in, const struct frame *f)
{
	if (!(in->flags & BPORT_UPLINK))
		return FDB_GUEST;
	if (in->bond && atomic_load_explicit(&in->bond->refuse_moved,
					     memory_order_relaxed))
		return FDB_UPLINK;
	return gratuitous_is(f) ? FDB_UPLINK | FDB_ANNOUNCED : FDB_UPLINK;
}

/*
 * A source that the table does not know behind this port.  One that is not
 * learned now is judged all the same, or a burst of made-up addresses would
 * pass a limit that one of them does not.
 */
static enum drop learn(struct bridge_worker *bw, const struct bport *in,
		       const struct frame *f, uint64_t key, unsigned *budget)
{
	bool uplink = in->flags & BPORT_UPLINK;

	switch (try_learn(bw, in, key, claim(in, f), budget)) {
	case FDB_FOREIGN:
		return DROP_FOREIGN_MAC;
	case FDB_QUOTA:
		return uplink ? DROP_NONE : DROP_MAC_LIMIT;
	case FDB_HELD:
		return uplink ? DROP_NONE : DROP_FOREIGN_MAC;
	default:
		/* to itself: so the table will say, or would */
		return memcmp(f->hdr, f->hdr + 6, 6) ? DROP_NONE : DROP_HAIRPIN;
	}
}

static inline enum drop check_source(struct bridge_worker *bw,
				     const struct bport *in,
				     const struct frame *f, uint64_t key,
				     uint64_t hash, unsigned *budget)
{
	uint16_t tick = atomic_load_explicit(&bw->br->tick,
					     memory_order_relaxed);

	switch (fdb_source(bw->br->fdb, key, hash, in->id, tick)) {
	case FDB_SRC_KNOWN:
		return DROP_NONE;
	case FDB_SRC_FOREIGN:
		return DROP_FOREIGN_MAC;
	default:
		return learn(bw, in, f, key, budget);
	}
}

/* Storm limits apply to what fans out. */
static inline enum drop check_storm(struct bridge_worker *bw,
				    const struct bport *in,
				    enum storm_kind kind)
{
	if (!(in->flags & BPORT_STORM) || bw->dry)
		return DROP_NONE;
	return storm_take(&in->state->storm, kind, bw->now) ? DROP_NONE
							    : DROP_STORM;
}

/* Milliseconds of the TSC, modulo 2^32, for what ages. */
static inline uint32_t now_ms(const struct bridge_worker *bw)
{
	return bw->now / bw->br->tsc_per_ms;
}

/* An IGMP or MLD frame: learn from it, and say where it may go. */
static enum drop snoop(struct bridge_worker *bw, const struct bport *in,
		       struct frame *f)
{
	enum mcast_role role = in->flags & BPORT_UPLINK	  ? MCAST_UPLINK
			       : in->flags & BPORT_ROUTER ? MCAST_ROUTER
							  : MCAST_GUEST;
	uint8_t bytes[MCAST_FRAME_MAX];
	enum mcast_verdict said;
	unsigned n;

	if (!bw->snoop_budget) {
		f->out = FRAME_OUT_FLOOD;
		return DROP_NONE;
	}
	bw->snoop_budget--;
	n = frame_linearise(f, bytes, sizeof(bytes));
	if (bw->dry)
		said = mcast_foresee(bw->br->mcast, f->segment, role, bytes,
				     n);
	else
		said = mcast_input(bw->br->mcast, f->segment, in->id, role,
				   bytes, n, now_ms(bw));
	switch (said) {
	case MCAST_TO_ALL:
		f->out = FRAME_OUT_FLOOD;
		return DROP_NONE;
	case MCAST_TO_ROUTERS:
		f->out = FRAME_OUT_ROUTERS;
		return DROP_NONE;
	case MCAST_SPOOFED:
		return DROP_NOT_ALLOWED;
	case MCAST_BAD:
		return DROP_UNPARSED;
	default:
		return DROP_NONE;
	}
}

static enum drop find_multicast(struct bridge_worker *bw,
				const struct bridge_view *v,
				const struct bport *in, struct frame *f)
{
	bool broadcast = is_broadcast(f);
	enum drop why = DROP_NONE;

	f->out = FRAME_OUT_FLOOD;
	if (!broadcast && v->segments[f->segment].snooping) {
		f->out = FRAME_OUT_GROUP;
		if (mcast_wants(f))
			why = snoop(bw, in, f);
	}
	if (why)
		return why;
	return check_storm(bw, in,
			   broadcast ? STORM_BROADCAST : STORM_MULTICAST);
}

/*
 * Is the port in the segment, by this view?  Tables may still say so of a port
 * that has left it, was given another's id or has joined a bond, and is
 * reached through that only: they follow a new view.
 */
static inline bool is_member(const struct bridge_view *v,
			     const struct bport *p, uint16_t segment)
{
	uint16_t vid = v->segments[segment].vid;

	return !p->bond && segment == (p->segment_of_vid
					       ? p->segment_of_vid[vid]
					       : p->segment);
}

static inline enum drop find_unicast(struct bridge_worker *bw,
				     const struct bridge_view *v,
				     const struct bport *in, struct frame *f,
				     uint64_t key, uint64_t hash)
{
	const struct bport *out;
	struct fdb_hit hit;

	if (!fdb_lookup_hash(bw->br->fdb, key, hash, &hit)) {
		f->out = FRAME_OUT_UNKNOWN;
		return check_storm(bw, in, STORM_UNKNOWN);
	}
	out = v->ports[hit.port];
	f->out = hit.port;
	if (hit.port == in->id)
		return DROP_HAIRPIN;
	if (!out || !is_member(v, out, f->segment) ||
	    (out->flags & BPORT_DISABLED))
		return DROP_NO_DEST;
	if (in->flags & out->flags & BPORT_ISOLATED)
		return DROP_ISOLATED;
	return DROP_NONE;
}

static inline void judge_late(struct bridge_worker *bw,
			      const struct bridge_view *v,
			      const struct bport *in, struct burst *b,
			      const struct keys *k)
{
	unsigned i, budget = LEARN_PER_BURST;

	for (i = 0; i < b->count; i++) {
		struct frame *f = &b->frames[i];

		if (f->verdict)
			continue;
		if (in->flags & BPORT_LEARN) {
			f->verdict = check_source(bw, in, f, k->src[i],
						  k->src_hash[i], &budget);
			if (f->verdict)
				continue;
		}
		if (is_multicast(f))
			f->verdict = find_multicast(bw, v, in, f);
		else
			f->verdict = find_unicast(bw, v, in, f, k->dst[i],
						  k->dst_hash[i]);
	}
}

static void refuse_all(struct burst *b, enum drop why)
{
	unsigned i;

	for (i = 0; i < b->count; i++) {
		b->frames[i].segment = SEGMENT_NONE;
		if (!b->frames[i].verdict)
			b->frames[i].verdict = why;
	}
}

/* The VID of the outermost tag as it came from the wire; 0: none. */
static uint16_t outer_vid(const struct frame *f)
{
	return tag_present(f) && tag_whole(f, 0) ? tag_vid(tag_tci(f, 0)) : 0;
}

/*
 * What a bond takes of a member's frames: none of one that stands by; and of
 * those that a switch sends to several members, one.  The others are no frames
 * of the bond: neither listeners nor captures see them.  False: none is left.
 */
static bool accept_member(const struct bport *in, struct burst *b)
{
	const struct bond_table *t = in->bond;
	unsigned bit = 1u << in->member, i;

	if (!(atomic_load_explicit(&t->accept, memory_order_relaxed) & bit)) {
		refuse_all(b, DROP_BOND_STANDBY);
		return false;
	}
	if ((atomic_load_explicit(&t->accept_flood, memory_order_relaxed) &
	     bit) &&
	    !atomic_load_explicit(&t->only_home, memory_order_relaxed))
		return true;
	for (i = 0; i < b->count; i++) {
		struct frame *f = &b->frames[i];

		if (!f->verdict && f->hdr_len >= ETH_HLEN_MIN &&
		    !bond_takes(t, in->member, f->hdr, outer_vid(f)))
			f->verdict = DROP_BOND_DUPLICATE;
	}
	return true;
}

void bridge_classify(struct bridge_worker *bw, const struct bridge_view *v,
		     const struct bport *in, struct burst *b)
{
	struct keys k;

	if (in->flags & (BPORT_DISABLED | BPORT_SILENT)) {
		refuse_all(b, in->flags & BPORT_DISABLED ? DROP_DISABLED
							 : DROP_INJECT);
		return;
	}
	if (in->bond && !accept_member(in, b))
		return;
	bw->snoop_budget = SNOOP_PER_BURST;
	judge_early(bw, in, b, &k);
	judge_late(bw, v, in, b, &k);
}

/* ---- who gets it ----------------------------------------------------------- */

/* The candidates for a frame that fans out; `ids` may be bw->ids. */
static unsigned candidates(struct bridge_worker *bw,
			   const struct bridge_view *v, const struct frame *f,
			   const uint16_t **ids)
{
	const struct segment *seg = &v->segments[f->segment];
	int n = -1;

	if (f->out == FRAME_OUT_GROUP)
		n = mcast_ports(bw->br->mcast, f->segment, f->hdr, bw->ids);
	else if (f->out == FRAME_OUT_ROUTERS)
		n = mcast_router_ports(bw->br->mcast, f->segment, bw->ids);
	*ids = n < 0 ? seg->members : bw->ids;
	return n < 0 ? seg->member_count : (unsigned)n;
}

/* Does a frame that fans out go to this candidate? */
static inline bool reaches(const struct bridge_view *v, const struct bport *in,
			   const struct bport *out, const struct frame *f)
{
	if (!out || out->id == in->id || !is_member(v, out, f->segment) ||
	    (in->flags & out->flags & BPORT_ISOLATED) ||
	    (out->flags & BPORT_DISABLED))
		return false;
	return f->out != FRAME_OUT_UNKNOWN || (out->flags & BPORT_UNKNOWN) ||
	       v->segments[f->segment].floods_unknown;
}

unsigned bridge_destinations(struct bridge_worker *bw,
			     const struct bridge_view *v,
			     const struct bport *in, struct frame *f,
			     uint16_t ids[], unsigned max)
{
	const uint16_t *all;
	unsigned i, n = 0, count;

	if (f->verdict || !max)
		return 0;
	if (f->out < PORT_ID_MAX) {
		ids[0] = f->out;
		return 1;
	}
	count = candidates(bw, v, f, &all);
	for (i = 0; i < count && n < max; i++)
		if (reaches(v, in, v->ports[all[i]], f))
			ids[n++] = all[i];
	return n;
}

static bool delivered_to(struct bridge_worker *bw,
			 const struct bridge_view *v, const struct bport *in,
			 const struct bport *out, const struct frame *f)
{
	const uint16_t *all;
	unsigned i, count;

	if (f->verdict)
		return false;
	if (f->out < PORT_ID_MAX)
		return f->out == out->id;
	if (!reaches(v, in, out, f))
		return false;
	count = candidates(bw, v, f, &all);
	for (i = 0; i < count; i++)
		if (all[i] == out->id)
			return true;
	return false;
}

/* ---- deliver ----------------------------------------------------------------- */

static inline void dest_add(struct bridge_worker *bw, uint16_t port,
			    struct frame *f)
{
	struct bridge_dest *d;

	if (!bw->slot_of[port]) {
		d = &bw->dest[bw->dest_count++];
		bw->slot_of[port] = bw->dest_count;
		d->port = port;
		d->count = 0;
	}
	d = &bw->dest[bw->slot_of[port] - 1];
	d->frames[d->count++] = f;
}

static inline void dest_reset(struct bridge_worker *bw)
{
	unsigned i;

	for (i = 0; i < bw->dest_count; i++)
		bw->slot_of[bw->dest[i].port] = 0;
	bw->dest_count = 0;
}

/* Returns to how many ports. */
static unsigned flood(struct bridge_worker *bw, const struct bridge_view *v,
		      const struct bport *in, struct frame *f)
{
	const uint16_t *all;
	unsigned i, n = 0, count = candidates(bw, v, f, &all);

	for (i = 0; i < count; i++) {
		if (!reaches(v, in, v->ports[all[i]], f))
			continue;
		dest_add(bw, all[i], f);
		n++;
	}
	return n;
}

/* Hand frames to the port and count what became of each. */
static void transmit(struct bridge_worker *bw, const struct bport *out,
		     struct frame *const f[], unsigned n)
{
	struct port_counters *ctr = &out->state->ctr[bw->index];
	struct port *p = out->port;
	uint8_t why[BURST_MAX];
	unsigned i, sent;
	uint64_t bytes = 0;

	sent = p->ops->tx(p, bw->index % p->tx_queues, f, n, why);
	for (i = 0; i < n; i++) {
		if (sent != n && why[i])
			ctr->drops[why[i]]++;
		else
			bytes += f[i]->len;
	}
	ctr->tx_frames += sent;
	ctr->tx_bytes += bytes;
}

/* A frame that the port cannot take as it is; counted as one frame. */
static void transmit_segments(struct bridge_worker *bw,
			      const struct bport *out, struct frame *f)
{
	struct port_counters *ctr = &out->state->ctr[bw->index];
	struct frame *seg[OFFLOAD_SEGS_MAX];
	uint8_t why[OFFLOAD_SEGS_MAX];
	struct port *p = out->port;
	int n = offload_segment(f, &bw->scratch, seg, OFFLOAD_SEGS_MAX);

	if (n < 0) {
		ctr->drops[-n]++;
		return;
	}
	p->ops->tx(p, bw->index % p->tx_queues, seg, n, why);
	if (why[0]) {
		ctr->drops[why[0]]++;
		return;
	}
	ctr->tx_frames++;
	ctr->tx_bytes += f->len;
	ctr->segments += n;
}

enum drop bridge_egress_check(struct bridge_worker *bw,
			      const struct bridge_view *v,
			      const struct bport *out, struct frame *f)
{
	uint32_t tag[FRAME_TAGS_MAX];
	int n;

	if (bridge_wire_len(f) > out->egress_max)
		return DROP_EGRESS_MTU;
	n = port_vlan_egress(&out->vlan, v->segments[f->segment].vid, f->tci,
			     f, tag);
	if (n < 0)
		return DROP_EGRESS_VLAN;
	frame_retag(f, n, tag);
	if ((out->flags & BPORT_RATE_TO) && !bw->dry &&
	    !rate_take(&out->state->to_guest, f->len))
		return DROP_EGRESS_RATE;
	return DROP_NONE;
}

void bridge_emit(struct bridge_worker *bw, const struct bport *out,
		 struct frame *const f[], unsigned n)
{
	uint32_t offload = out->port->offload;
	struct frame *kept[BURST_MAX];
	unsigned i, k = 0;

	for (i = 0; i < n; i++) {
		enum drop why = DROP_NONE;

		if ((f[i]->csum | f[i]->gso) &&
		    offload_needed(f[i], offload)) {
			if (f[i]->gso) {
				if (k)
					transmit(bw, out, kept, k);
				k = 0;
				transmit_segments(bw, out, f[i]);
				continue;
			}
			why = offload_checksum(f[i]);
		}
		if (why)
			out->state->ctr[bw->index].drops[why]++;
		else
			kept[k++] = f[i];
	}
	if (k)
		transmit(bw, out, kept, k);
	out->port->ops->tx_flush(out->port, bw->index % out->port->tx_queues);
}

static void egress(struct bridge_worker *bw, const struct bridge_view *v,
		   const struct bridge_dest *d)
{
	const struct bport *out = v->ports[d->port];
	struct port_counters *ctr = &out->state->ctr[bw->index];
	struct frame *kept[BURST_MAX];
	unsigned i, n = 0;

	if (!out->port->link || !out->port->tx_queues) {
		ctr->drops[DROP_NO_LINK] += d->count;
		return;
	}
	if (out->flags & BPORT_RATE_TO)
		rate_refill(&out->state->to_guest, bw->now);
	for (i = 0; i < d->count; i++) {
		enum drop why = bridge_egress_check(bw, v, out, d->frames[i]);

		if (why)
			ctr->drops[why]++;
		else
			kept[n++] = d->frames[i];
	}
	if (n)
		bridge_emit(bw, out, kept, n);
	if (n && out->taps)
		bridge_tap_out(bw, v, out, kept, n);
}

static void egress_all(struct bridge_worker *bw, const struct bridge_view *v)
{
	unsigned i;

	for (i = 0; i < bw->dest_count; i++)
		egress(bw, v, &bw->dest[i]);
	dest_reset(bw);
}

bool bridge_hears(struct bridge_worker *bw, const struct bridge_view *v,
		  const struct bport *in, const struct bport *ear,
		  const struct frame *f)
{
	if (ear->id == in->id || !f->len || (ear->flags & BPORT_DISABLED))
		return false;
	if (f->verdict && f->verdict < DROP_HAIRPIN &&
	    !(ear->flags & BPORT_LISTEN_REFUSED))
		return false;
	return !delivered_to(bw, v, in, ear, f);
}

/*
 * A listener that took nothing of a whole burst because its ring was full is
 * not asked again for a millisecond.  Meanwhile what it misses is counted by
 * the burst: watching must not cost the watched.
 */
static enum drop deafness(const struct bridge_worker *bw,
			  const struct bport *ear)
{
	if (!ear->port->link || !ear->port->tx_queues)
		return DROP_NO_LINK;
	if (bw->now < atomic_load_explicit(&ear->state->deaf_until,
					   memory_order_relaxed))
		return DROP_RING_FULL;
	return DROP_NONE;
}

/* Does nobody listen who could hear?  Only ports of one segment can tell. */
static bool all_deaf(const struct bridge_worker *bw,
		     const struct bridge_view *v, const struct bport *in)
{
	const struct segment *seg;
	unsigned i;

	if (in->segment_of_vid || in->segment == SEGMENT_NONE)
		return false;
	seg = &v->segments[in->segment];
	for (i = 0; i < seg->listener_count; i++) {
		const struct bport *ear = v->ports[seg->listeners[i]];

		if (ear->id != in->id &&
		    ((ear->flags & (BPORT_LISTEN_REFUSED | BPORT_DISABLED)) ||
		     !deafness(bw, ear)))
			return false;
	}
	return true;
}

/* Count what deaf listeners miss; before deliveries are made. */
static unsigned count_missed(struct bridge_worker *bw,
			     const struct bridge_view *v,
			     const struct bport *in)
{
	const struct segment *seg = &v->segments[in->segment];
	unsigned i, n = 0;

	for (i = 0; i < seg->listener_count; i++) {
		const struct bport *ear = v->ports[seg->listeners[i]];
		unsigned slot = bw->slot_of[ear->id];
		unsigned missed = bw->admitted;
		enum drop why;

		if (ear->id == in->id)
			continue;
		if (slot) /* sent to it anyway */
			missed -= bw->dest[slot - 1].count;
		why = deafness(bw, ear);
		if (!why) /* its link has just come */
			why = DROP_RING_FULL;
		ear->state->ctr[bw->index].drops[why] += missed;
		n += missed;
	}
	return n;
}

/* egress_all() for copies; finds out who is deaf. */
static void egress_copies(struct bridge_worker *bw,
			  const struct bridge_view *v)
{
	unsigned i;

	for (i = 0; i < bw->dest_count; i++) {
		const struct bport *ear = v->ports[bw->dest[i].port];
		struct port_counters *ctr = &ear->state->ctr[bw->index];
		uint64_t sent = ctr->tx_frames;
		uint64_t full = ctr->drops[DROP_RING_FULL];

		egress(bw, v, &bw->dest[i]);
		if (ctr->tx_frames == sent &&
		    ctr->drops[DROP_RING_FULL] != full)
			atomic_store_explicit(&ear->state->deaf_until,
					      bw->now + bw->br->tsc_per_ms,
					      memory_order_relaxed);
	}
	dest_reset(bw);
}

/* Copies for promiscuous ports; returns how many were made or dropped. */
static unsigned copy_to_listeners(struct bridge_worker *bw,
				  const struct bridge_view *v,
				  const struct bport *in, struct burst *b)
{
	uint32_t budget = v->listen_budget;
	unsigned i, j, n = 0;

	for (i = 0; i < b->count; i++) {
		struct frame *f = &b->frames[i];
		const struct segment *seg;

		if (f->segment == SEGMENT_NONE || !f->len)
			continue;
		seg = &v->segments[f->segment];
		for (j = 0; j < seg->listener_count; j++) {
			const struct bport *ear = v->ports[seg->listeners[j]];

			if (!bridge_hears(bw, v, in, ear, f))
				continue;
			n++;
			if (f->len > budget) {
				ear->state->ctr[bw->index]
					.drops[DROP_EGRESS_RATE]++;
				continue;
			}
			budget -= f->len;
			dest_add(bw, ear->id, f);
		}
	}
	egress_copies(bw, v);
	return n;
}

/* Count each frame once, by verdict, and send it on its way. */
static unsigned dispatch(struct bridge_worker *bw, const struct bridge_view *v,
			 const struct bport *in, struct burst *b)
{
	struct port_counters *ctr = &in->state->ctr[bw->index];
	unsigned i, forwarded = 0, copies = 0, heard = 0;
	uint64_t bytes = 0;

	for (i = 0; i < b->count; i++) {
		struct frame *f = &b->frames[i];

		bytes += f->len;
		if (!f->verdict) {
			unsigned n = 1;

			if (f->out < PORT_ID_MAX)
				dest_add(bw, f->out, f);
			else
				n = flood(bw, v, in, f);
			if (n) {
				forwarded++;
				copies += n;
				continue;
			}
			f->verdict = DROP_NO_DEST;
		}
		ctr->drops[f->verdict]++;
		heard += f->verdict >= DROP_HAIRPIN;
	}
	bw->admitted = forwarded + heard;
	ctr->rx_frames += b->count;
	ctr->rx_bytes += bytes;
	if (in->bond)
		bond_port_count_rx(in->port, bw->index, in->member, b->count,
				   bytes);
	return copies - forwarded;
}

void bridge_deliver(struct bridge_worker *bw, const struct bridge_view *v,
		    const struct bport *in, struct burst *b)
{
	unsigned extra = dispatch(bw, v, in, b);
	bool deaf = v->has_listeners && all_deaf(bw, v, in);

	if (deaf)
		extra += count_missed(bw, v, in);
	if (bw->dest_count)
		egress_all(bw, v);
	if (v->has_listeners && !deaf)
		extra += copy_to_listeners(bw, v, in, b);
	if (v->has_taps)
		bridge_tap_in(bw, v, in, b);
	in->state->ctr[bw->index].copies += extra;
}

/* ---- set-up -------------------------------------------------------------------- */

int bridge_worker_init(struct bridge_worker *bw, struct bridge *br,
		       unsigned index)
{
	memset(bw, 0, sizeof(*bw));
	bw->br = br;
	bw->index = index;
	bw->dest = calloc(PORT_ID_MAX, sizeof(*bw->dest));
	bw->tap_bytes = malloc(MIRROR_SNAPLEN_MAX + 1);
	return bw->dest && bw->tap_bytes ? 0 : -ENOMEM;
}

void bridge_worker_fini(struct bridge_worker *bw)
{
	free(bw->dest);
	free(bw->tap_bytes);
}
