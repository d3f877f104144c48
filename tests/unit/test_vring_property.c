/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_vring_property: random drivers that keep the rules, against a model of
 * a device that does one byte at a time; and one that rewrites everything
 * while we look.
 *
 * The model works on a shadow of the guest's memory.  After each step the two
 * memories must be equal byte for byte, rings and all: so nothing was written
 * where nothing should be, and the dirty log must name the pages written, and
 * no others.
 *
 *	test_vring_property [ROUNDS]
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/drop.h"
#include "netback/vring.h"
#include "tests/lib/suite.h"

#define GPA	  0x100000ull
#define UVA	  0x7f0000000000ull
#define MEM_BYTES (2u << 20)
#define RINGS	  0x8000u /* bytes before the first buffer */
#define AVAIL_AT  0x4000u
#define USED_AT	  0x6000u
#define RING_MAX  256
#define FRAME_BIG 20000u
#define FRAMES	  40
#define PAGES	  ((GPA + MEM_BYTES) / GUEST_PAGE_BYTES)

enum { F_NEXT = 1, F_WRITE = 2, F_INDIRECT = 4 };

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct used_pair {
	uint32_t id, len;
};

static unsigned long rounds;
static uint64_t dice;

static struct {
	uint8_t *bytes, *shadow;
	uint8_t log_bits[PAGES / 8 + 1], shadow_bits[PAGES / 8 + 1];
	struct guest_mem mem;
	struct guest_log log;
	struct vring vr;
	uint16_t size, avail, used; /* the driver's; the model's */
	unsigned next_desc;	    /* descriptors are used in turn */
	uint32_t next_buf;
	bool log_all;
} g;

static struct burst burst;

/* xorshift64: the same numbers every time */
static uint32_t roll(uint32_t below)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return below ? (uint32_t)(dice >> 20) % below : 0;
}

/* ---- the driver ------------------------------------------------------------ */

static struct desc *descs(void)
{
	return (struct desc *)g.bytes;
}

static uint16_t *avail(void)
{
	return (uint16_t *)(g.bytes + AVAIL_AT);
}

static void setup(uint64_t seed)
{
	dice = seed * 0x9e3779b97f4a7c15ull + 1;
	roll(1);
	memset(g.bytes, 0, RINGS);
	memset(g.log_bits, 0, sizeof(g.log_bits));
	memset(g.shadow_bits, 0, sizeof(g.shadow_bits));
	g.mem = (struct guest_mem){ .count = 1 };
	g.mem.region[0] = (struct guest_region){ .gpa = GPA,
						 .uva = UVA,
						 .bytes = MEM_BYTES,
						 .hva = g.bytes };
	g.log = (struct guest_log){ .bits = g.log_bits,
				    .bytes = sizeof(g.log_bits) };
	vring_init(&g.vr);
	g.size = g.vr.size = (uint16_t)(1u << (3 + roll(6)));
	g.vr.indirect = true;
	g.vr.mergeable = roll(2);
	g.vr.net_hdr_len = g.vr.mergeable || roll(2) ? 12 : 10;
	g.vr.event_idx = roll(2);
	g.log_all = roll(3) == 0;
	g.vr.log = g.log_all ? &g.log : NULL;
	g.vr.log_ring = g.log_all;
	g.vr.used_gpa = GPA + USED_AT;
	CU_ASSERT_EQUAL_FATAL(vring_map(&g.vr, &g.mem, UVA, UVA + AVAIL_AT,
					UVA + USED_AT),
			      0);
	g.avail = g.used = (uint16_t)roll(65536);
	g.vr.last_avail = g.vr.last_used = g.used;
	avail()[1] = g.avail;
	memcpy(g.bytes + USED_AT + 2, &g.used, 2);
	g.vr.ready = true;
	g.next_desc = 0;
	g.next_buf = RINGS;
}

/* Bytes of guest memory that nobody uses yet. */
static uint32_t buffer(uint32_t n)
{
	uint32_t at = g.next_buf + roll(64);

	if (at + n > MEM_BYTES)
		at = RINGS + roll(64);
	g.next_buf = at + n;
	return at;
}

static void publish(uint16_t head)
{
	avail()[2 + (g.avail++ & (g.size - 1))] = head;
	avail()[1] = g.avail;
}

/* Cut `n` bytes into pieces, some of them empty; returns how many. */
static unsigned cut(uint32_t n, uint32_t piece[], unsigned max)
{
	unsigned i = 0;

	while (i < max - 1 && n && roll(4)) {
		piece[i] = roll(5) ? roll(n + 1) : 0;
		n -= piece[i++];
	}
	piece[i++] = n;
	return i;
}

/*
 * A chain over those pieces, in the ring or in a table of its own; at[] says
 * where each lies.  Returns the number of ring entries it took, 0 if there is
 * no room.
 */
static unsigned chain(const uint32_t piece[], unsigned n, uint32_t at[],
		      uint16_t flags, unsigned room)
{
	bool table = n > 1 && roll(3) == 0;
	unsigned i, head = g.next_desc, need = table ? 1 : n;
	struct desc *d = descs();
	uint32_t table_at = 0;

	if (need > room)
		return 0;
	for (i = 0; i < n; i++)
		at[i] = buffer(piece[i]);
	if (table) {
		table_at = (buffer(16 * n + 16) + 15) & ~15u;
		d[head % g.size] = (struct desc){ GPA + table_at, 16 * n,
						  F_INDIRECT, 0 };
		d = (struct desc *)(g.bytes + table_at);
	}
	for (i = 0; i < n; i++) {
		unsigned slot = table ? i : (head + i) % g.size;
		unsigned next = table ? i + 1 : (head + i + 1) % g.size;

		d[slot] = (struct desc){ GPA + at[i], piece[i],
					 flags | (i + 1 < n ? F_NEXT : 0),
					 i + 1 < n ? (uint16_t)next : 0 };
	}
	publish((uint16_t)(head % g.size));
	g.next_desc += need;
	return need;
}

/* ---- the model -------------------------------------------------------------- */

static void shadow_dirty(uint32_t at, uint32_t n)
{
	uint64_t page;

	if (!g.log_all || !n)
		return;
	for (page = (GPA + at) / GUEST_PAGE_BYTES;
	     page <= (GPA + at + n - 1) / GUEST_PAGE_BYTES; page++)
		g.shadow_bits[page / 8] |= (uint8_t)(1u << (page % 8));
}

static void shadow_write(uint32_t at, const void *from, uint32_t n)
{
	memcpy(g.shadow + at, from, n);
	shadow_dirty(at, n);
}

static void shadow_used(uint16_t head, uint32_t len)
{
	struct used_pair pair = { head, len };

	shadow_write(USED_AT + 4 + 8 * (g.used++ & (g.size - 1u)), &pair,
		     sizeof(pair));
}

static void memories_are_equal(void)
{
	CU_ASSERT_EQUAL(memcmp(g.bytes, g.shadow, MEM_BYTES), 0);
	CU_ASSERT_EQUAL(memcmp(g.log_bits, g.shadow_bits, sizeof(g.log_bits)),
			0);
}

/* ---- the guest transmits ------------------------------------------------------ */

struct sent {
	uint16_t head;
	uint32_t len;
	uint8_t bytes[FRAME_BIG];
};

static struct sent sent[FRAMES];

/* Write header and frame into the pieces of a chain. */
static void pieces_fill(const uint32_t piece[], const uint32_t at[], unsigned n,
			const uint8_t *frame)
{
	uint32_t done = 0, k;
	unsigned i;

	for (i = 0; i < n; i++)
		for (k = 0; k < piece[i]; k++, done++)
			g.bytes[at[i] + k] =
				done < g.vr.net_hdr_len
					? 0
					: frame[done - g.vr.net_hdr_len];
}

static bool driver_sends(struct sent *s, unsigned *room)
{
	uint32_t piece[12], at[12], i;
	unsigned n, took;

	s->len = 1 + roll(roll(4) ? 1600 : FRAME_BIG - 1);
	for (i = 0; i < s->len; i++)
		s->bytes[i] = (uint8_t)roll(256);
	n = cut(s->len + g.vr.net_hdr_len, piece, 12);
	s->head = (uint16_t)(g.next_desc % g.size);
	took = chain(piece, n, at, 0, *room);
	*room -= took;
	if (took)
		pieces_fill(piece, at, n, s->bytes);
	return took;
}

static void frame_is(const struct frame *f, const struct sent *s)
{
	static uint8_t flat[FRAME_BIG];

	CU_ASSERT_EQUAL(f->verdict, DROP_NONE);
	CU_ASSERT_EQUAL(f->head, s->head);
	CU_ASSERT_EQUAL(f->len, s->len);
	CU_ASSERT_EQUAL(f->hdr_len,
			s->len < FRAME_HDR_MAX ? s->len : FRAME_HDR_MAX);
	CU_ASSERT_EQUAL(frame_linearise(f, flat, sizeof(flat)), s->len);
	CU_ASSERT_EQUAL(memcmp(flat, s->bytes, s->len), 0);
}

/* Receive all that was sent, in as many bursts as it takes. */
static void device_receives(unsigned count)
{
	unsigned done = 0, i, n;

	while (done < count) {
		burst_reset(&burst, BURST_BYTES_MAX);
		n = vring_rx(&g.vr, &burst);
		CU_ASSERT_TRUE_FATAL(n > 0 && n <= count - done);
		for (i = 0; i < n; i++)
			frame_is(&burst.frames[i], &sent[done + i]);
		memories_are_equal();
		vring_rx_done(&g.vr, &burst);
		for (i = 0; i < n; i++)
			shadow_used(sent[done + i].head, 0);
		shadow_write(USED_AT + 2, &g.used, 2);
		memories_are_equal();
		done += n;
	}
	burst_reset(&burst, BURST_BYTES_MAX);
	CU_ASSERT_EQUAL(vring_rx(&g.vr, &burst), 0);
}

static void any_valid_chain_is_received_as_it_was_sent(void)
{
	unsigned long r;
	unsigned lap, n, room;

	for (r = 0; r < rounds; r++) {
		setup(r);
		for (lap = 0; lap < 4; lap++) {
			room = g.size;
			for (n = 0; n < FRAMES && room; n++)
				if (!driver_sends(&sent[n], &room))
					break;
			memcpy(g.shadow, g.bytes, MEM_BYTES);
			device_receives(n);
		}
		CU_ASSERT_FALSE(g.vr.broken);
		CU_ASSERT_EQUAL(g.vr.bad_chains, 0);
	}
}

/* ---- the guest receives --------------------------------------------------------- */

struct posted {
	uint16_t head;
	unsigned n;
	uint32_t piece[12], at[12], bytes;
};

static struct posted posted[RING_MAX];
static unsigned posted_count, posted_taken;
static struct frame frames[FRAMES];
static struct frame_seg segs[FRAMES][3];
static uint8_t content[FRAMES][FRAME_BIG];

static void driver_posts(void)
{
	unsigned room = g.size, took;

	posted_count = posted_taken = 0;
	while (room) {
		struct posted *p = &posted[posted_count];

		p->bytes = g.vr.mergeable ? 200 + roll(3000)
					  : FRAME_BIG + 12 + roll(100);
		if (g.next_buf + p->bytes + 4096 > MEM_BYTES)
			break; /* buffers must not overlap */
		p->n = cut(p->bytes, p->piece, 12);
		p->head = (uint16_t)(g.next_desc % g.size);
		took = chain(p->piece, p->n, p->at, F_WRITE, room);
		if (!took)
			break;
		room -= took;
		posted_count++;
	}
}

static void frame_make(unsigned i)
{
	uint32_t len = 14 + roll(roll(4) ? 1500 : FRAME_BIG - 14), k, cut_at;
	struct frame *f = &frames[i];

	for (k = 0; k < len; k++)
		content[i][k] = (uint8_t)roll(256);
	frame_init(f);
	f->len = len;
	f->hdr_len = (uint16_t)(len < FRAME_HDR_MAX ? len : FRAME_HDR_MAX);
	memcpy(f->bytes, content[i], f->hdr_len);
	cut_at = f->hdr_len + roll(len - f->hdr_len + 1);
	segs[i][0] = (struct frame_seg){ content[i] + f->hdr_len,
					 cut_at - f->hdr_len };
	segs[i][1] = (struct frame_seg){ content[i] + cut_at, len - cut_at };
	f->segs = segs[i];
	f->seg_count = len > f->hdr_len ? 2 : 0;
	f->csum = (uint8_t)roll(3);
	f->csum_start = 34;
	f->csum_offset = 6;
	f->more = roll(4) == 0;
}

/* Buffers that a frame takes; 0: there are not enough. */
static unsigned model_buffers(unsigned from, uint32_t need)
{
	uint32_t have = 0;
	unsigned n = 0;

	while (have < need) {
		if (from + n == posted_count || (n && !g.vr.mergeable))
			return 0;
		have += posted[from + n++].bytes;
	}
	return n;
}

/* One frame, byte by byte, into the shadow's buffers from `from` on. */
static void model_write(const struct frame *f, const uint8_t *bytes,
			unsigned from, unsigned buffers)
{
	uint32_t need = g.vr.net_hdr_len + f->len, done = 0, k;
	uint8_t header[12] = { 0 };
	unsigned b, i;

	if (f->csum == FRAME_CSUM_PARTIAL) {
		header[0] = 1;
		header[6] = 34;
		header[8] = 6;
	} else if (f->csum == FRAME_CSUM_VALID) {
		header[0] = 2;
	}
	header[10] = (uint8_t)buffers;
	for (b = from; b < from + buffers; b++) {
		uint32_t before = done;

		for (i = 0; i < posted[b].n; i++)
			for (k = 0; k < posted[b].piece[i] && done < need;
			     k++, done++)
				shadow_write(
					posted[b].at[i] + k,
					done < g.vr.net_hdr_len
						? &header[done]
						: &bytes[done -
							 g.vr.net_hdr_len],
					1);
		shadow_used(posted[b].head, done - before);
	}
}

/*
 * What should become of frames [i, end), all or none.  Where the last does not
 * fit, the others have been written to buffers and used entries that are the
 * device's to scribble on: they are taken back by not being published.
 */
static bool model_group(unsigned i, unsigned end)
{
	unsigned taken = posted_taken, n;
	uint16_t used = g.used;

	for (; i < end; i++) {
		n = model_buffers(posted_taken,
				  g.vr.net_hdr_len + frames[i].len);
		if (!n) {
			posted_taken = taken;
			g.used = used;
			return false;
		}
		model_write(&frames[i], content[i], posted_taken, n);
		posted_taken += n;
	}
	return true;
}

static void device_sends(unsigned n)
{
	struct frame *list[FRAMES] = { NULL };
	uint8_t why[FRAMES] = { 0 };
	bool fits;
	unsigned i, k, end, good = 0, count;
	uint16_t used_before = g.used;

	for (i = 0; i < n; i++)
		list[i] = &frames[i];
	count = vring_tx(&g.vr, list, n, why);
	for (i = 0; i < n; i = end) {
		for (end = i + 1; end < n && frames[end - 1].more;)
			end++;
		fits = model_group(i, end);
		for (k = i; k < end; k++) {
			good += fits;
			CU_ASSERT_EQUAL(!why[k], fits);
		}
	}
	CU_ASSERT_EQUAL(count, good);
	if (g.used != used_before)
		shadow_write(USED_AT + 2, &g.used, 2);
	memories_are_equal();
}

static void any_frame_arrives_as_the_model_writes_it(void)
{
	unsigned long r;
	unsigned i, n;

	for (r = 0; r < rounds; r++) {
		setup(r + 1000000);
		driver_posts();
		memcpy(g.shadow, g.bytes, MEM_BYTES);
		while (posted_taken < posted_count) {
			unsigned before = posted_taken;

			n = 1 + roll(FRAMES);
			for (i = 0; i < n; i++)
				frame_make(i);
			device_sends(n);
			if (posted_taken == before)
				break;
		}
		CU_ASSERT_FALSE(g.vr.broken);
	}
}

/* ---- a guest that changes its mind ------------------------------------------------ */

#define TORN	  0x10000u /* where its frame lies */
#define TORN_MOST 1000000  /* bursts, if one verdict does not come */

static atomic_bool torn_begun, torn_stop;

/* Flip all that a check could be fooled by, as fast as it goes. */
static void *rewrite(void *arg)
{
	volatile struct desc *d = (volatile struct desc *)g.bytes;
	volatile uint8_t *frame = g.bytes + TORN;
	unsigned i, k;

	for (i = 0; !atomic_load(&torn_stop); i++) {
		d[0].addr = i % 3 ? GPA + TORN : GPA + MEM_BYTES - 8;
		d[0].len = i % 5 ? 212 : 0xfffffff0;
		d[0].flags = i % 7 ? 0 : F_NEXT;
		d[0].next = (uint16_t)(i % 2 ? 1 : 60000);
		d[1].len = i % 2 ? 20 : 0xffffffff;
		d[1].flags = i % 4 ? 0 : i % 3 ? F_NEXT : F_INDIRECT;
		frame[0] = i % 2; /* NEEDS_CSUM */
		frame[1] = i % 3 ? 0 : 1;
		frame[4] = (uint8_t)(i % 2);
		frame[6] = (uint8_t)(i % 2 ? 34 : 255);
		frame[7] = (uint8_t)(i % 5 ? 0 : 255);
		for (k = 12; k < 12 + 60; k++)
			frame[k] = (uint8_t)i;
		if (i == 100)
			atomic_store(&torn_begun, true);
	}
	return NULL;
}

static void torn_frame_holds(const struct frame *f)
{
	uint32_t sum = f->hdr_len;
	unsigned i;

	if (f->verdict == DROP_BAD_CHAIN) {
		CU_ASSERT_EQUAL(f->len, 0);
		return;
	}
	for (i = 0; i < f->seg_count; i++) {
		CU_ASSERT_TRUE(f->segs[i].data >= g.bytes &&
			       f->segs[i].data + f->segs[i].len <=
				       g.bytes + MEM_BYTES);
		sum += f->segs[i].len;
	}
	CU_ASSERT_EQUAL(sum, f->len);
	/* buffer 0, then 1, then 0 again, as often as it had the patience */
	CU_ASSERT_TRUE((f->len + 12) % 232 == 212 || (f->len + 12) % 232 == 0);
	if (f->verdict == DROP_BAD_OFFLOAD)
		return;
	if (f->csum == FRAME_CSUM_PARTIAL)
		CU_ASSERT_TRUE(f->csum_start + f->csum_offset + 2u <= f->len);
	if (f->gso)
		CU_ASSERT_TRUE(f->gso_size && f->csum == FRAME_CSUM_PARTIAL);
}

static bool seen_both(const unsigned verdicts[])
{
	return verdicts[DROP_NONE] && verdicts[DROP_BAD_CHAIN];
}

static void what_was_checked_is_what_is_used(void)
{
	uint8_t seen[BURST_MAX][FRAME_HDR_MAX];
	struct frame meta[BURST_MAX];
	unsigned verdicts[DROP_COUNT] = { 0 };
	unsigned long r;
	pthread_t thread;
	unsigned i, n;

	setup(1);
	g.vr.log = NULL;
	g.vr.net_hdr_len = 12;
	descs()[1] = (struct desc){ GPA + TORN + 0x1000, 20, 0, 0 };
	atomic_store(&torn_stop, false);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, rewrite, NULL), 0);
	while (!atomic_load(&torn_begun))
		sched_yield();
	for (r = 0; r < rounds * 50 || (r < TORN_MOST && !seen_both(verdicts));
	     r++) {
		if (r % 64 == 0)
			sched_yield(); /* there may be one core only */
		for (i = 0; i < 8; i++)
			publish(0);
		burst_reset(&burst, BURST_BYTES_MAX);
		n = vring_rx(&g.vr, &burst);
		CU_ASSERT_EQUAL(n, 8);
		for (i = 0; i < n; i++) {
			memcpy(seen[i], burst.frames[i].hdr,
			       burst.frames[i].hdr_len);
			memcpy(&meta[i], &burst.frames[i],
			       offsetof(struct frame, room));
		}
		vring_rx_done(&g.vr, &burst);
		for (i = 0; i < n; i++) {
			torn_frame_holds(&burst.frames[i]);
			verdicts[burst.frames[i].verdict]++;
			/* what is private stays as it is */
			CU_ASSERT_EQUAL(memcmp(seen[i], burst.frames[i].hdr,
					       burst.frames[i].hdr_len),
					0);
			CU_ASSERT_EQUAL(memcmp(&meta[i], &burst.frames[i],
					       offsetof(struct frame, room)),
					0);
		}
	}
	atomic_store(&torn_stop, true);
	pthread_join(thread, NULL);
	CU_ASSERT_FALSE(g.vr.broken);
	CU_ASSERT_TRUE(seen_both(verdicts));
}

int main(int argc, char **argv)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(any_valid_chain_is_received_as_it_was_sent),
		SUITE_TEST(any_frame_arrives_as_the_model_writes_it),
		SUITE_TEST(what_was_checked_is_what_is_used),
	};
	int rc = EXIT_FAILURE;

	rounds = suite_rounds(argc, argv, 200);
	g.bytes = aligned_alloc(4096, MEM_BYTES);
	g.shadow = malloc(MEM_BYTES);
	if (g.bytes && g.shadow)
		rc = suite_run("vring_property", tests,
			       sizeof(tests) / sizeof(tests[0]));
	free(g.bytes);
	free(g.shadow);
	return rc;
}
