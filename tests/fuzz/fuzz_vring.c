/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_vring.c: a driver that does anything to its rings and its memory.
 *
 * Input is a header of four bytes (modes, ring size, position, budget), then
 * a row of steps, each an opcode and its arguments; a step that the input
 * cannot pay for ends the run.  Addresses come as 16 bits: most lie in guest
 * memory, some just beside it.
 *
 * vring.c is compiled in here, so that each descriptor it translates can be
 * counted: what one call looks at is bounded whatever the guest wrote.  Rings,
 * buffers and log are heap blocks of exactly their size, so that ASan sees an
 * access one byte beside them.
 */
#include <stdlib.h>
#include <string.h>

#include "netback/guest_mem.h"

static unsigned looked; /* descriptors translated in this call */

static inline uint8_t *counted_at(const struct guest_mem *mem, uint64_t gpa,
				  uint64_t bytes)
{
	looked++;
	return guest_mem_at(mem, gpa, bytes);
}

#define guest_mem_at counted_at
#include "netback/vring.c" /* NOLINT(bugprone-suspicious-include) */
#undef guest_mem_at

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RING_GPA  0x31370000ull
#define RING_UVA  0x7f0000000000ull
#define BUF_GPA	  0x40001ull /* odd: alignment must not be taken for granted */
#define BUF_UVA	  0x7f0000100001ull
#define BUF_BYTES 40000u
#define STEPS_MAX 600
#define TX_MAX	  40

/* What one call may look at: a peek, indirect tables, chains, the last one. */
#define RX_LOOK_BOUND (2 * BURST_MAX + RX_WALK_MAX + FRAME_SEGS_MAX + 3)
#define TX_LOOK_BOUND \
	(BURST_MAX + TX_WALK_MAX + TX_PIECES_MAX + TX_HEADS_MAX + 1)

enum mode {
	MERGEABLE = 1,
	EVENT_IDX = 2,
	INDIRECT = 4,
	LOG = 8,
	LOG_RING = 16,
	SHORT_HDR = 32,
};

struct input {
	const uint8_t *at, *end;
};

static struct {
	uint8_t *rings, *bufs;
	size_t ring_bytes, avail_at, used_at;
	struct guest_mem mem;
	struct guest_log log;
	struct vring vr;
	bool aliased; /* buffers may lie in the rings */
} g;

static struct burst burst;
static struct frame tx_frames[TX_MAX];
static uint8_t noise[FRAME_LEN_MAX];

/* Our own invariants. */
static void holds(bool it)
{
	if (!it)
		abort();
}

/* n bytes of input, little endian; 0 beyond the end. */
static uint64_t take(struct input *in, unsigned n)
{
	uint64_t v = 0;
	unsigned i;

	for (i = 0; i < n && in->at < in->end; i++)
		v |= (uint64_t)*in->at++ << (8 * i);
	return v;
}

/* ---- the guest ------------------------------------------------------------ */

static void memory_make(uint16_t ring_size)
{
	g.avail_at = 16 * (size_t)ring_size;
	g.used_at = (g.avail_at + 6 + 2 * (size_t)ring_size + 3) & ~(size_t)3;
	g.ring_bytes = g.used_at + 6 + 8 * (size_t)ring_size;
	g.rings = calloc(1, g.ring_bytes);
	g.bufs = calloc(1, BUF_BYTES);
	g.log.bytes = (BUF_GPA + BUF_BYTES) / GUEST_PAGE_BYTES / 8;
	g.log.bits = calloc(1, g.log.bytes);
	g.mem.count = 2;
	g.mem.region[0] = (struct guest_region){ .gpa = RING_GPA,
						 .uva = RING_UVA,
						 .bytes = g.ring_bytes,
						 .hva = g.rings };
	g.mem.region[1] = (struct guest_region){ .gpa = BUF_GPA,
						 .uva = BUF_UVA,
						 .bytes = BUF_BYTES,
						 .hva = g.bufs };
}

static void memory_free(void)
{
	free(g.rings);
	free(g.bufs);
	free(g.log.bits);
}

static void ring_make(uint8_t mode, uint16_t ring_size, uint16_t position)
{
	vring_init(&g.vr);
	g.vr.size = ring_size;
	g.vr.mergeable = mode & MERGEABLE;
	g.vr.net_hdr_len = (mode & SHORT_HDR) && !g.vr.mergeable ? 10 : 12;
	g.vr.event_idx = mode & EVENT_IDX;
	g.vr.indirect = mode & INDIRECT;
	g.vr.log = mode & LOG ? &g.log : NULL;
	g.vr.log_ring = mode & LOG_RING;
	g.vr.used_gpa = RING_GPA + g.used_at;
	holds(!vring_map(&g.vr, &g.mem, RING_UVA, RING_UVA + g.avail_at,
			 RING_UVA + g.used_at));
	g.aliased = false;
	g.vr.last_avail = g.vr.last_used = position;
	g.vr.avail[1] = g.vr.used[1] = position;
	g.vr.ready = true;
}

/* Most of 16 bits lie in the buffers; high ones in the rings or nowhere. */
static uint64_t address(uint16_t v)
{
	if (v < 0xf000)
		return BUF_GPA + v % (BUF_BYTES + 8);
	g.aliased = true;
	return RING_GPA - 8 + v % (g.ring_bytes + 64);
}

static struct vring_desc desc_take(struct input *in)
{
	struct vring_desc d = { .addr = address(take(in, 2)) };

	d.len = take(in, 2);
	d.flags = take(in, 1);
	d.next = take(in, 1);
	if (d.flags & 0x80)
		d.addr += take(in, 4) << 32;
	if (d.flags & 0x40)
		d.len += take(in, 2) << 16;
	if (d.flags & 0x20)
		d.next = take(in, 2);
	d.flags &= 0x1f;
	return d;
}

static void write_desc(struct input *in)
{
	unsigned i = take(in, 1) & (g.vr.size - 1);

	g.vr.desc[i] = desc_take(in);
}

/* An entry of an indirect table, anywhere in the buffers. */
static void write_table(struct input *in)
{
	size_t at = take(in, 2) % (BUF_BYTES - sizeof(struct vring_desc));
	struct vring_desc d = desc_take(in);

	memcpy(g.bufs + at, &d, sizeof(d));
}

static void write_bytes(struct input *in)
{
	size_t at = take(in, 2) % BUF_BYTES;
	unsigned i, n = take(in, 1) & 31;

	for (i = 0; i < n && at + i < BUF_BYTES; i++)
		g.bufs[at + i] = take(in, 1);
}

static void offer(struct input *in)
{
	uint16_t idx = g.vr.avail[1];

	g.vr.avail[2 + (idx & (g.vr.size - 1))] = take(in, 1);
	g.vr.avail[1] = idx + 1;
}

/* The whole ring of descriptors, one after another, many at once. */
static void offer_many(struct input *in)
{
	unsigned i, n = take(in, 1) % (g.vr.size + 1u);
	uint16_t idx = g.vr.avail[1];

	for (i = 0; i < n; i++, idx++)
		g.vr.avail[2 + (idx & (g.vr.size - 1))] = idx & (g.vr.size - 1);
	g.vr.avail[1] = idx;
}

/* ---- what must hold --------------------------------------------------------- */

static bool in_guest(const uint8_t *at, uint32_t len)
{
	return (at >= g.bufs && at + len <= g.bufs + BUF_BYTES) ||
	       (at >= g.rings && at + len <= g.rings + g.ring_bytes);
}

static void frame_holds(const struct frame *f)
{
	uint32_t sum = f->hdr_len;
	unsigned i;

	holds(f->head < g.vr.size);
	holds(f->hdr_len <= FRAME_HDR_MAX && f->len <= FRAME_LEN_MAX);
	holds(f->verdict == DROP_NONE || f->verdict == DROP_BAD_CHAIN ||
	      f->verdict == DROP_BAD_OFFLOAD);
	holds((f->verdict == DROP_BAD_CHAIN) == !f->len);
	for (i = 0; i < f->seg_count; i++) {
		holds(in_guest(f->segs[i].data, f->segs[i].len));
		holds(f->segs[i].len);
		sum += f->segs[i].len;
	}
	holds(sum == f->len);
	holds(f->segs == NULL || (f->segs >= burst.segs &&
				  f->segs + f->seg_count <=
					  burst.segs + BURST_SEGS_MAX));
	if (f->verdict == DROP_NONE && f->csum == FRAME_CSUM_PARTIAL)
		holds(f->csum_start + f->csum_offset + 2u <= f->len);
	if (f->verdict == DROP_NONE && f->gso)
		holds(f->gso_size && f->csum == FRAME_CSUM_PARTIAL);
}

/* The used pair written `n` before the end, as a driver reads it. */
static struct vring_used_pair used_pair(uint16_t at)
{
	struct vring_used_pair pair;

	memcpy(&pair, g.vr.used + 2 + 4 * (at & (g.vr.size - 1)),
	       sizeof(pair));
	return pair;
}

static void receive(uint32_t budget)
{
	uint16_t used = g.vr.last_used, from = g.vr.last_avail;
	uint16_t waiting = g.vr.avail[1] - from;
	unsigned i, n;

	burst_reset(&burst, budget);
	looked = 0;
	n = vring_rx(&g.vr, &burst);
	holds(looked <= RX_LOOK_BOUND);
	holds(n == burst.count && n <= BURST_MAX && n <= waiting);
	holds(!n || waiting <= g.vr.size);
	holds(burst.seg_used <= BURST_SEGS_MAX);
	holds(n < 2 || burst.bytes - burst.frames[n - 1].len < budget);
	holds((uint16_t)(g.vr.last_avail - from) == n);
	holds(g.vr.last_used == used);
	for (i = 0; i < n; i++)
		frame_holds(&burst.frames[i]);
	vring_rx_done(&g.vr, &burst);
	holds((uint16_t)(g.vr.last_used - used) == n);
	for (i = 0; i < n; i++)
		holds(used_pair(used + i).id == burst.frames[i].head &&
		      !used_pair(used + i).len);
	holds(!n || g.vr.used[1] == g.vr.last_used);
}

/* A frame whose payload lies in our memory, cut in two. */
static void frame_make(struct input *in, struct frame *f,
		       struct frame_seg seg[2])
{
	uint32_t len = ETH_HLEN_MIN + take(in, 2) % 65400, rest;

	frame_init(f);
	f->len = len;
	f->hdr_len = len < FRAME_HDR_MAX ? len : FRAME_HDR_MAX;
	rest = len - f->hdr_len;
	if (rest) {
		seg[0] = (struct frame_seg){ noise, rest / 2 };
		seg[1] = (struct frame_seg){ noise + rest / 2, rest - rest / 2 };
		f->segs = seg;
		f->seg_count = 2;
	}
	f->csum = take(in, 1) % 3;
	f->more = take(in, 1) & 1;
}

/* Frames of a row linked by `more` share one fate. */
static void fates_hold(struct frame *const f[], const uint8_t why[], unsigned n,
		       unsigned sent, uint64_t *bytes)
{
	unsigned i, done = 0;

	for (i = 0; i < n; i++) {
		holds(!why[i] || why[i] >= DROP_FIRST_EGRESS);
		holds(!f[i]->more || i + 1 == n || why[i] == why[i + 1]);
		if (why[i])
			continue;
		done++;
		*bytes += g.vr.net_hdr_len + f[i]->len;
	}
	holds(done == sent);
}

static void transmit(struct input *in)
{
	unsigned i, n = 1 + take(in, 1) % TX_MAX, sent;
	uint16_t used = g.vr.last_used, from = g.vr.last_avail;
	uint16_t waiting = g.vr.avail[1] - from, moved;
	struct frame_seg seg[TX_MAX][2];
	struct frame *f[TX_MAX];
	uint8_t why[TX_MAX];
	uint64_t bytes = 0, told = 0;

	for (i = 0; i < n; i++) {
		f[i] = &tx_frames[i];
		frame_make(in, f[i], seg[i]);
	}
	looked = 0;
	sent = vring_tx(&g.vr, f, n, why);
	holds(looked <= TX_LOOK_BOUND);
	fates_hold(f, why, n, sent, &bytes);
	moved = g.vr.last_used - used;
	holds((uint16_t)(g.vr.last_avail - from) == moved);
	holds(moved >= sent && (!moved || moved <= waiting));
	holds(!moved || waiting <= g.vr.size);
	for (i = 0; i < moved; i++)
		told += used_pair(used + i).len;
	holds(told == bytes || g.aliased);
}

/* ---- steps ------------------------------------------------------------------- */

static void step(struct input *in, uint32_t budget)
{
	switch (take(in, 1) % 12) {
	case 0: write_desc(in); break;
	case 1: write_table(in); break;
	case 2: write_bytes(in); break;
	case 3: offer(in); break;
	case 4: offer_many(in); break;
	case 5: g.vr.avail[1] = take(in, 2); break;
	case 6: g.vr.avail[0] = take(in, 1); break;
	case 7: receive(budget); break;
	case 8: transmit(in); break;
	case 9: vring_flush(&g.vr); break;
	case 10: vring_arm(&g.vr); break;
	case 11: vring_disarm(&g.vr); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	uint8_t mode = take(&in, 1);
	uint16_t ring_size = 1u << take(&in, 1) % 9;
	uint16_t position = take(&in, 1) ? 0 : 0xfff0;
	uint32_t budget = take(&in, 1) << 9;
	unsigned i;

	memory_make(ring_size);
	ring_make(mode, ring_size, position);
	for (i = 0; i < STEPS_MAX && in.at < in.end; i++)
		step(&in, budget);
	memory_free();
	return 0;
}
