/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_vring: a hand-made guest drives netback/vring.c: its memory is one
 * buffer, its ring is filled in entry by entry, rightly and wrongly.
 */
#include <poll.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/eventfd.h>

#include "base/drop.h"
#include "base/port.h"
#include "netback/doorbell.h"
#include "netback/vring.h"
#include "tests/lib/suite.h"

#define MEM_BYTES (1 << 20)
#define GPA 0x100000ull
#define UVA 0x7f0000000000ull
#define RING 64
#define DATA 0x10000 /* offset where buffers begin */

enum { F_NEXT = 1, F_WRITE = 2, F_INDIRECT = 4 };

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static struct {
	uint8_t *bytes;
	struct guest_mem mem;
	struct vring vr;
	struct desc *desc;
	uint16_t *avail;
	struct {
		uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} ring[RING];
		uint16_t avail_event;
	} *used;
} g;

static struct burst burst;

static void setup(void)
{
	free(g.bytes);
	memset(&g, 0, sizeof(g));
	g.bytes = aligned_alloc(4096, MEM_BYTES);
	memset(g.bytes, 0, MEM_BYTES);
	g.mem.count = 1;
	g.mem.region[0] = (struct guest_region){ .gpa = GPA, .uva = UVA,
						 .bytes = MEM_BYTES,
						 .hva = g.bytes };
	g.desc = (struct desc *)g.bytes;
	g.avail = (uint16_t *)(g.bytes + 0x2000);
	g.used = (void *)(g.bytes + 0x4000);
	vring_init(&g.vr);
	g.vr.size = RING;
	g.vr.net_hdr_len = 12;
	g.vr.indirect = true;
	CU_ASSERT_EQUAL_FATAL(
		vring_map(&g.vr, &g.mem, UVA, UVA + 0x2000, UVA + 0x4000), 0);
	g.vr.ready = true;
	burst_reset(&burst, BURST_BYTES_MAX);
}

static void put_desc(unsigned i, uint64_t off, uint32_t len, uint16_t flags,
		     uint16_t next)
{
	g.desc[i] = (struct desc){ GPA + off, len, flags, next };
}

static void offer(uint16_t head)
{
	g.avail[2 + g.avail[1] % RING] = head;
	g.avail[1]++;
}

static void fill(uint8_t *to, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		to[i] = i * 7 + 1;
}

/* All bytes of a frame in order, header then segments. */
static unsigned flatten(const struct frame *f, uint8_t *to)
{
	unsigned i, n = f->hdr_len;

	memcpy(to, f->hdr, n);
	for (i = 0; i < f->seg_count; i++) {
		memcpy(to + n, f->segs[i].data, f->segs[i].len);
		n += f->segs[i].len;
	}
	return n;
}

/* ---- the guest transmits ------------------------------------------------ */

static void rx_takes_a_frame_and_returns_its_buffer(void)
{
	uint8_t seen[2048];

	setup();
	fill(g.bytes + DATA + 12, 1514);
	put_desc(5, DATA, 12 + 1514, 0, 0);
	offer(5);
	CU_ASSERT_EQUAL(vring_rx(&g.vr, &burst), 1);
	CU_ASSERT_EQUAL(burst.frames[0].verdict, DROP_NONE);
	CU_ASSERT_EQUAL(burst.frames[0].hdr_len, FRAME_HDR_MAX);
	CU_ASSERT_EQUAL(flatten(&burst.frames[0], seen), 1514);
	CU_ASSERT_EQUAL(memcmp(seen, g.bytes + DATA + 12, 1514), 0);
	CU_ASSERT_EQUAL(g.used->idx, 0);
	vring_rx_done(&g.vr, &burst);
	CU_ASSERT_EQUAL(g.used->idx, 1);
	CU_ASSERT_EQUAL(g.used->ring[0].id, 5);
	CU_ASSERT_EQUAL(g.used->ring[0].len, 0);
}

/* The virtio header and the frame cut at every place into three buffers. */
static void rx_joins_headers_split_anywhere(void)
{
	const unsigned total = 12 + 300;
	unsigned a, b;
	uint8_t want[400], seen[400];

	fill(want, 300);
	for (a = 1; a < total - 1; a += 3) {
		for (b = a + 1; b < total; b += 29) {
			setup();
			memset(g.bytes + DATA, 0, 12);
			memcpy(g.bytes + DATA + 12, want, 300);
			/* three places far apart */
			memmove(g.bytes + DATA + 0x2000, g.bytes + DATA + a,
				b - a);
			memmove(g.bytes + DATA + 0x4000, g.bytes + DATA + b,
				total - b);
			memset(g.bytes + DATA + a, 0xee, total - a);
			put_desc(0, DATA, a, F_NEXT, 1);
			put_desc(1, DATA + 0x2000, b - a, F_NEXT, 2);
			put_desc(2, DATA + 0x4000, total - b, 0, 0);
			offer(0);
			CU_ASSERT_EQUAL(vring_rx(&g.vr, &burst), 1);
			CU_ASSERT_EQUAL(burst.frames[0].verdict, DROP_NONE);
			CU_ASSERT_EQUAL(flatten(&burst.frames[0], seen), 300);
			CU_ASSERT_EQUAL(memcmp(seen, want, 300), 0);
		}
	}
}

static void rx_follows_an_indirect_table(void)
{
	struct desc *t;

	setup();
	t = (struct desc *)(g.bytes + 0x8000);
	t[0] = (struct desc){ GPA + DATA, 12, F_NEXT, 1 };
	t[1] = (struct desc){ GPA + DATA + 0x1000, 60, 0, 0 };
	put_desc(3, 0x8000, 32, F_INDIRECT, 0);
	offer(3);
	CU_ASSERT_EQUAL(vring_rx(&g.vr, &burst), 1);
	CU_ASSERT_EQUAL(burst.frames[0].verdict, DROP_NONE);
	CU_ASSERT_EQUAL(burst.frames[0].len, 60);
	vring_rx_done(&g.vr, &burst);
	CU_ASSERT_EQUAL(g.used->ring[0].id, 3);
}

/* Each case sets up descriptor 0; the chain must be refused and returned. */
static void bad_self_loop(void)
{
	put_desc(0, DATA, 100, F_NEXT, 0);
}

static void bad_next_beyond_ring(void)
{
	put_desc(0, DATA, 100, F_NEXT, RING);
}

static void bad_writable(void)
{
	put_desc(0, DATA, 100, F_WRITE, 0);
}

static void bad_address(void)
{
	put_desc(0, MEM_BYTES - 10, 100, 0, 0);
}

static void bad_huge_length(void)
{
	put_desc(0, DATA, 0xffffffff, 0, 0);
}

static void bad_only_virtio_header(void)
{
	put_desc(0, DATA, 12, 0, 0);
}

static void bad_half_virtio_header(void)
{
	put_desc(0, DATA, 5, 0, 0);
}

static void bad_empty(void)
{
	put_desc(0, DATA, 0, 0, 0);
}

static void bad_indirect_in_indirect(void)
{
	struct desc *t = (struct desc *)(g.bytes + 0x8000);

	t[0] = (struct desc){ GPA + 0x8000, 16, F_INDIRECT, 0 };
	put_desc(0, 0x8000, 16, F_INDIRECT, 0);
}

static void bad_indirect_then_next(void)
{
	put_desc(0, 0x8000, 16, F_INDIRECT | F_NEXT, 1);
}

static void bad_indirect_length(void)
{
	put_desc(0, 0x8000, 17, F_INDIRECT, 0);
}

static void bad_indirect_outside(void)
{
	put_desc(0, MEM_BYTES - 16, 64, F_INDIRECT, 0);
}

static void bad_indirect_later(void)
{
	put_desc(0, DATA, 100, F_NEXT, 1);
	put_desc(1, 0x8000, 16, F_INDIRECT, 0);
}

static void bad_long_chain(void)
{
	struct desc *t = (struct desc *)(g.bytes + 0x20000);
	unsigned i;

	for (i = 0; i < 1000; i++)
		t[i] = (struct desc){ GPA + DATA, 20, F_NEXT, i + 1 };
	t[1000] = (struct desc){ GPA + DATA, 20, 0, 0 };
	put_desc(0, 0x20000, 1001 * 16, F_INDIRECT, 0);
}

static void bad_too_many_bytes(void)
{
	put_desc(0, DATA, 60000, F_NEXT, 1);
	put_desc(1, DATA, 60000, 0, 0);
}

static void rx_refuses_bad_chains_and_goes_on(void)
{
	static void (*const cases[])(void) = {
		bad_self_loop, bad_next_beyond_ring, bad_writable,
		bad_address, bad_huge_length, bad_only_virtio_header,
		bad_half_virtio_header, bad_empty, bad_indirect_in_indirect,
		bad_indirect_then_next, bad_indirect_length,
		bad_indirect_outside, bad_indirect_later, bad_long_chain,
		bad_too_many_bytes,
	};
	unsigned i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setup();
		cases[i]();
		put_desc(9, DATA, 12 + 60, 0, 0);
		offer(0);
		offer(9);
		CU_ASSERT_EQUAL(vring_rx(&g.vr, &burst), 2);
		CU_ASSERT_EQUAL(burst.frames[0].verdict, DROP_BAD_CHAIN);
		CU_ASSERT_EQUAL(burst.frames[0].len, 0);
		CU_ASSERT_EQUAL(burst.frames[1].verdict, DROP_NONE);
		vring_rx_done(&g.vr, &burst);
		CU_ASSERT_EQUAL(g.used->idx, 2);
		CU_ASSERT_EQUAL(g.used->ring[0].id, 0);
		CU_ASSERT_EQUAL(g.used->ring[1].id, 9);
		CU_ASSERT_EQUAL(g.vr.bad_chains, 1);
		CU_ASSERT_FALSE(g.vr.broken);
	}
}

static void rx_breaks_a_ring_whose_index_jumps(void)
{
	setup();
	g.avail[1] = RING + 1;
	CU_ASSERT_EQUAL(vring_rx(&g.vr, &burst), 0);
	CU_ASSERT_TRUE(g.vr.broken);
	setup();
	g.avail[1] = 65535; /* backwards */
	CU_ASSERT_EQUAL(vring_rx(&g.vr, &burst), 0);
	CU_ASSERT_TRUE(g.vr.broken);
}

static void rx_breaks_a_ring_with_an_impossible_head(void)
{
	setup();
	put_desc(1, DATA, 12 + 60, 0, 0);
	offer(1);
	offer(RING);
	CU_ASSERT_EQUAL(vring_rx(&g.vr, &burst), 1); /* the good one first */
	CU_ASSERT_FALSE(g.vr.broken);
	vring_rx_done(&g.vr, &burst);
	burst_reset(&burst, BURST_BYTES_MAX);
	CU_ASSERT_EQUAL(vring_rx(&g.vr, &burst), 0);
	CU_ASSERT_TRUE(g.vr.broken);
}

static void rx_stops_at_the_byte_budget(void)
{
	unsigned i;

	setup();
	for (i = 0; i < 10; i++) {
		put_desc(i, DATA, 12 + 1000, 0, 0);
		offer(i);
	}
	burst_reset(&burst, 2500); /* the third frame crosses it */
	CU_ASSERT_EQUAL(vring_rx(&g.vr, &burst), 3);
	vring_rx_done(&g.vr, &burst);
	burst_reset(&burst, BURST_BYTES_MAX);
	CU_ASSERT_EQUAL(vring_rx(&g.vr, &burst), 7);
}

static void rx_refuses_offload_fields_beyond_the_frame(void)
{
	setup();
	g.bytes[DATA] = 1; /* NEEDS_CSUM */
	g.bytes[DATA + 6] = 59; /* csum_start */
	g.bytes[DATA + 8] = 6;
	put_desc(0, DATA, 12 + 60, 0, 0);
	offer(0);
	vring_rx(&g.vr, &burst);
	CU_ASSERT_EQUAL(burst.frames[0].verdict, DROP_BAD_OFFLOAD);
	setup();
	g.bytes[DATA + 1] = 1; /* TSO without checksum */
	g.bytes[DATA + 4] = 100;
	put_desc(0, DATA, 12 + 60, 0, 0);
	offer(0);
	vring_rx(&g.vr, &burst);
	CU_ASSERT_EQUAL(burst.frames[0].verdict, DROP_BAD_OFFLOAD);
}

/* ---- the guest receives --------------------------------------------------- */

static struct frame tx_frame[40];
static struct frame *tx_list[40];
static uint8_t why[40];
static uint8_t payload[70000];
static struct frame_seg tx_seg[40];

static struct frame *make(unsigned i, uint32_t len)
{
	struct frame *f = &tx_frame[i];

	frame_init(f);
	f->len = len;
	f->hdr_len = len < FRAME_HDR_MAX ? len : FRAME_HDR_MAX;
	fill(payload, sizeof(payload));
	memcpy(f->bytes, payload, f->hdr_len);
	if (len > f->hdr_len) {
		tx_seg[i].data = payload + f->hdr_len;
		tx_seg[i].len = len - f->hdr_len;
		f->segs = &tx_seg[i];
		f->seg_count = 1;
	}
	tx_list[i] = f;
	return f;
}

static void tx_fills_one_buffer(void)
{
	setup();
	put_desc(7, DATA, 2048, F_WRITE, 0);
	offer(7);
	make(0, 1514);
	CU_ASSERT_EQUAL(vring_tx(&g.vr, tx_list, 1, why), 1);
	CU_ASSERT_EQUAL(why[0], DROP_NONE);
	CU_ASSERT_EQUAL(g.used->idx, 1);
	CU_ASSERT_EQUAL(g.used->ring[0].id, 7);
	CU_ASSERT_EQUAL(g.used->ring[0].len, 12 + 1514);
	CU_ASSERT_EQUAL(g.bytes[DATA + 10], 1); /* num_buffers */
	CU_ASSERT_EQUAL(memcmp(g.bytes + DATA + 12, payload, 1514), 0);
}

static void tx_spreads_over_a_chain(void)
{
	setup();
	put_desc(0, DATA, 12, F_WRITE | F_NEXT, 1);
	put_desc(1, DATA + 0x1000, 1000, F_WRITE | F_NEXT, 2);
	put_desc(2, DATA + 0x2000, 1000, F_WRITE, 0);
	offer(0);
	make(0, 1514);
	CU_ASSERT_EQUAL(vring_tx(&g.vr, tx_list, 1, why), 1);
	CU_ASSERT_EQUAL(memcmp(g.bytes + DATA + 0x1000, payload, 1000), 0);
	CU_ASSERT_EQUAL(
		memcmp(g.bytes + DATA + 0x2000, payload + 1000, 514), 0);
	CU_ASSERT_EQUAL(g.used->ring[0].len, 12 + 1514);
}

static void tx_merges_buffers(void)
{
	unsigned i;

	setup();
	g.vr.mergeable = true;
	for (i = 0; i < 5; i++) {
		put_desc(i, DATA + i * 0x1000, 1000, F_WRITE, 0);
		offer(i);
	}
	make(0, 3500);
	CU_ASSERT_EQUAL(vring_tx(&g.vr, tx_list, 1, why), 1);
	CU_ASSERT_EQUAL(g.used->idx, 4);
	CU_ASSERT_EQUAL(g.bytes[DATA + 10], 4); /* num_buffers */
	CU_ASSERT_EQUAL(g.used->ring[0].len, 1000);
	CU_ASSERT_EQUAL(g.used->ring[3].len, 512);
	CU_ASSERT_EQUAL(memcmp(g.bytes + DATA + 12, payload, 988), 0);
	CU_ASSERT_EQUAL(
		memcmp(g.bytes + DATA + 0x1000, payload + 988, 1000), 0);
}

static void tx_drops_what_does_not_fit_and_keeps_the_buffer(void)
{
	setup();
	put_desc(0, DATA, 1, F_WRITE, 0);
	offer(0);
	make(0, 60);
	CU_ASSERT_EQUAL(vring_tx(&g.vr, tx_list, 1, why), 0);
	CU_ASSERT_EQUAL(why[0], DROP_NO_BUFFER);
	CU_ASSERT_EQUAL(g.used->idx, 0);
	CU_ASSERT_FALSE(g.vr.broken);
}

static void tx_says_ring_full(void)
{
	setup();
	put_desc(0, DATA, 2048, F_WRITE, 0);
	offer(0);
	make(0, 60);
	make(1, 60);
	CU_ASSERT_EQUAL(vring_tx(&g.vr, tx_list, 2, why), 1);
	CU_ASSERT_EQUAL(why[0], DROP_NONE);
	CU_ASSERT_EQUAL(why[1], DROP_RING_FULL);
}

static void tx_breaks_a_ring_with_readable_buffers(void)
{
	setup();
	put_desc(0, DATA, 2048, 0, 0);
	offer(0);
	make(0, 60);
	CU_ASSERT_EQUAL(vring_tx(&g.vr, tx_list, 1, why), 0);
	CU_ASSERT_EQUAL(why[0], DROP_BAD_RING);
	CU_ASSERT_TRUE(g.vr.broken);
}

static void tx_takes_a_group_whole_or_not_at_all(void)
{
	unsigned i;

	setup();
	for (i = 0; i < 4; i++) {
		put_desc(i, DATA + i * 0x1000, 2048, F_WRITE, 0);
		offer(i);
	}
	for (i = 0; i < 5; i++)
		make(i, 100);
	/* 0 alone, 1..4 together: three buffers are left for four */
	for (i = 1; i < 4; i++)
		tx_frame[i].more = 1;
	CU_ASSERT_EQUAL(vring_tx(&g.vr, tx_list, 5, why), 1);
	CU_ASSERT_EQUAL(g.used->idx, 1);
	CU_ASSERT_EQUAL(why[0], DROP_NONE);
	for (i = 1; i < 5; i++)
		CU_ASSERT_EQUAL(why[i], DROP_RING_FULL);
	make(1, 100); /* a single one still fits */
	CU_ASSERT_EQUAL(vring_tx(&g.vr, &tx_list[1], 1, why), 1);
	CU_ASSERT_EQUAL(g.used->idx, 2);
}

static void tx_marks_what_it_writes_dirty(void)
{
	uint8_t bits[(GPA + MEM_BYTES) / 4096 / 8];
	struct guest_log log = { .bits = bits, .bytes = sizeof(bits) };
	uint64_t page = (GPA + DATA) / 4096;

	setup();
	memset(bits, 0, sizeof(bits));
	g.vr.log = &log;
	g.vr.log_ring = true;
	g.vr.used_gpa = GPA + 0x4000;
	put_desc(0, DATA, 2048, F_WRITE, 0);
	offer(0);
	make(0, 60);
	CU_ASSERT_EQUAL(vring_tx(&g.vr, tx_list, 1, why), 1);
	CU_ASSERT_TRUE(bits[page / 8] >> page % 8 & 1);
	page = (GPA + 0x4000) / 4096;
	CU_ASSERT_TRUE(bits[page / 8] >> page % 8 & 1);
}

/* ---- notification ------------------------------------------------------------ */

static void signals_only_when_asked(void)
{
	uint64_t n;

	setup();
	g.vr.call_fd = eventfd(0, EFD_NONBLOCK);
	g.avail[0] = 1; /* no interrupt */
	put_desc(0, DATA, 2048, F_WRITE, 0);
	offer(0);
	offer(0);
	make(0, 60);
	vring_tx(&g.vr, tx_list, 1, why);
	vring_flush(&g.vr);
	CU_ASSERT_TRUE(read(g.vr.call_fd, &n, 8) < 0);
	g.avail[0] = 0;
	vring_tx(&g.vr, tx_list, 1, why);
	vring_flush(&g.vr);
	CU_ASSERT_EQUAL(read(g.vr.call_fd, &n, 8), 8);
	vring_flush(&g.vr); /* nothing new */
	CU_ASSERT_TRUE(read(g.vr.call_fd, &n, 8) < 0);
	close(g.vr.call_fd);
}

static void signals_at_the_used_event(void)
{
	unsigned i;
	uint64_t n;

	setup();
	g.vr.call_fd = eventfd(0, EFD_NONBLOCK);
	g.vr.event_idx = true;
	g.vr.signalled_valid = true;
	g.avail[2 + RING] = 2; /* used_event: after the third */
	put_desc(0, DATA, 2048, F_WRITE, 0);
	make(0, 60);
	for (i = 0; i < 4; i++) {
		offer(0);
		vring_tx(&g.vr, tx_list, 1, why);
		vring_flush(&g.vr);
		CU_ASSERT_EQUAL(read(g.vr.call_fd, &n, 8), i == 2 ? 8 : -1);
	}
	close(g.vr.call_fd);
}

/* The peer shares the eventfd: it is full, and not O_NONBLOCK any more. */
static void a_call_never_waits_for_the_peer(void)
{
	const uint64_t most = ~0ull - 1;
	unsigned i;

	setup();
	CU_ASSERT_EQUAL_FATAL(doorbell_init(), 0);
	g.vr.call_fd = eventfd(0, 0);
	CU_ASSERT_EQUAL(write(g.vr.call_fd, &most, sizeof(most)), 8);
	put_desc(0, DATA, 2048, F_WRITE, 0);
	make(0, 60);
	alarm(10);
	for (i = 0; i < 2000; i++) {
		offer(0);
		CU_ASSERT_EQUAL(vring_tx(&g.vr, tx_list, 1, why), 1);
		vring_flush(&g.vr);
	}
	alarm(0);
	CU_ASSERT_FALSE(g.vr.broken);
	CU_ASSERT_EQUAL(g.vr.kicks_sent, 2000);
	close(g.vr.call_fd);
}

static void a_call_to_what_is_no_eventfd_breaks_the_ring(void)
{
	setup();
	g.vr.call_fd = open("/dev/null", O_WRONLY);
	put_desc(0, DATA, 2048, F_WRITE, 0);
	offer(0);
	make(0, 60);
	vring_tx(&g.vr, tx_list, 1, why);
	vring_flush(&g.vr);
	CU_ASSERT_TRUE(g.vr.broken);
	close(g.vr.call_fd);
}

static void arming_sees_what_came_meanwhile(void)
{
	setup();
	vring_disarm(&g.vr);
	CU_ASSERT_EQUAL(g.used->flags, 1);
	CU_ASSERT_TRUE(vring_arm(&g.vr));
	CU_ASSERT_EQUAL(g.used->flags, 0);
	put_desc(0, DATA, 72, 0, 0);
	offer(0);
	CU_ASSERT_FALSE(vring_arm(&g.vr));
	g.vr.event_idx = true;
	vring_rx(&g.vr, &burst);
	CU_ASSERT_TRUE(vring_arm(&g.vr));
	CU_ASSERT_EQUAL(g.used->avail_event, 1);
}

/* Or an empty ring would wake its worker for ever; and never wait for one. */
static void disarming_takes_the_kick(void)
{
	const uint64_t one = 1;
	struct pollfd p = { .events = POLLIN };

	setup();
	p.fd = g.vr.kick_fd = eventfd(0, 0); /* a blocking one */
	CU_ASSERT_TRUE(vring_arm(&g.vr));
	CU_ASSERT_EQUAL(write(p.fd, &one, 8), 8);
	CU_ASSERT_EQUAL(poll(&p, 1, 0), 1);
	vring_disarm(&g.vr);
	CU_ASSERT_EQUAL(poll(&p, 1, 0), 0);
	CU_ASSERT_TRUE(vring_arm(&g.vr));
	vring_disarm(&g.vr);
	close(p.fd);
}

/* ---- set-up ------------------------------------------------------------------ */

static void map_refuses_rings_outside_memory(void)
{
	static const uint64_t bad[][3] = {
		{ UVA + MEM_BYTES - 16, UVA + 0x2000, UVA + 0x4000 },
		{ UVA, UVA + MEM_BYTES - 4, UVA + 0x4000 },
		{ UVA, UVA + 0x2000, UVA + MEM_BYTES - 8 },
		{ UVA - 16, UVA + 0x2000, UVA + 0x4000 },
		{ UVA + 8, UVA + 0x2000, UVA + 0x4000 },
		{ UVA, UVA + 0x2001, UVA + 0x4000 },
		{ UVA, UVA + 0x2000, UVA + 0x4002 },
		{ UVA, UVA + 16, UVA + 0x4000 },
		{ UVA, UVA + 0x2000, UVA + 0x2000 },
		{ ~15ull, UVA + 0x2000, UVA + 0x4000 },
	};
	static const uint16_t sizes[] = { 0, 3, 48, 32769, 65535 };
	unsigned i;

	setup();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_TRUE(vring_map(&g.vr, &g.mem, bad[i][0], bad[i][1],
					 bad[i][2]) < 0);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		g.vr.size = sizes[i];
		CU_ASSERT_TRUE(vring_map(&g.vr, &g.mem, UVA, UVA + 0x2000,
					 UVA + 0x4000) < 0);
	}
}

static const struct suite_test tests[] = {
	SUITE_TEST(rx_takes_a_frame_and_returns_its_buffer),
	SUITE_TEST(rx_joins_headers_split_anywhere),
	SUITE_TEST(rx_follows_an_indirect_table),
	SUITE_TEST(rx_refuses_bad_chains_and_goes_on),
	SUITE_TEST(rx_breaks_a_ring_whose_index_jumps),
	SUITE_TEST(rx_breaks_a_ring_with_an_impossible_head),
	SUITE_TEST(rx_stops_at_the_byte_budget),
	SUITE_TEST(rx_refuses_offload_fields_beyond_the_frame),
	SUITE_TEST(tx_fills_one_buffer),
	SUITE_TEST(tx_spreads_over_a_chain),
	SUITE_TEST(tx_merges_buffers),
	SUITE_TEST(tx_drops_what_does_not_fit_and_keeps_the_buffer),
	SUITE_TEST(tx_says_ring_full),
	SUITE_TEST(tx_breaks_a_ring_with_readable_buffers),
	SUITE_TEST(tx_takes_a_group_whole_or_not_at_all),
	SUITE_TEST(tx_marks_what_it_writes_dirty),
	SUITE_TEST(signals_only_when_asked),
	SUITE_TEST(signals_at_the_used_event),
	SUITE_TEST(a_call_never_waits_for_the_peer),
	SUITE_TEST(a_call_to_what_is_no_eventfd_breaks_the_ring),
	SUITE_TEST(arming_sees_what_came_meanwhile),
	SUITE_TEST(disarming_takes_the_kick),
	SUITE_TEST(map_refuses_rings_outside_memory),
};

int main(void)
{
	int rc = suite_run("vring", tests, sizeof(tests) / sizeof(tests[0]));

	free(g.bytes);
	return rc;
}
