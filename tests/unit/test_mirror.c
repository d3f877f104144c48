/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_mirror.c: which frames a mirror wants, and what its rings do with
 * them: nothing torn, nothing out of order, losses counted.
 */
#include "vswitch/mirror.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "tests/lib/packet.h"
#include "tests/lib/suite.h"

#define HZ 1000000000u

static struct mirror_conf conf_of(unsigned snaplen)
{
	return (struct mirror_conf){ .session = 1,
				     .directions = MIRROR_IN,
				     .to = MIRROR_TO_RING,
				     .snaplen = snaplen,
				     .workers = 1,
				     .tsc_hz = HZ,
				     .now = HZ };
}

static struct mirror *mirror_with(const struct mirror_conf *conf)
{
	struct mirror *m;

	CU_ASSERT_EQUAL_FATAL(mirror_new(&m, conf), 0);
	return m;
}

static struct mirror *mirror_plain(unsigned snaplen)
{
	struct mirror_conf conf = conf_of(snaplen);

	return mirror_with(&conf);
}

/* Does it want a frame of this type and length?  *bytes of it. */
static bool wants(struct mirror *m, uint64_t now, uint16_t type, unsigned len,
		  uint32_t *bytes)
{
	static uint8_t scratch[MIRROR_SNAPLEN_MAX];
	struct packet p;
	struct packet_frame pf;
	bool yes;

	packet_eth(&p, "02:00:00:00:00:01", "02:00:00:00:00:02", type);
	packet_zero(&p, len - 14);
	if (len > 200)
		p.bytes[200] = 0x77;
	yes = mirror_wants(m, 0, now, packet_frame(&p, &pf, 60), scratch,
			   bytes);
	if (yes)
		CU_ASSERT_EQUAL(memcmp(scratch, p.bytes, *bytes), 0);
	return yes;
}

/* ---- choosing ---- */

static void impossible_mirrors_are_refused(void)
{
	const struct bpf_insn endless[] = {
		{ 0x05, 0, 0, 0xffffffff }, /* ja to itself */
		{ 0x06, 0, 0, 65535 },
	};
	struct mirror_conf conf = conf_of(0);
	struct mirror *m;

	CU_ASSERT_EQUAL(mirror_new(&m, &conf), -EINVAL);
	conf.snaplen = MIRROR_SNAPLEN_MAX + 1;
	CU_ASSERT_EQUAL(mirror_new(&m, &conf), -EINVAL);
	conf = conf_of(100);
	conf.workers = MIRROR_WORKERS_MAX + 1;
	CU_ASSERT_EQUAL(mirror_new(&m, &conf), -EINVAL);
	conf = conf_of(100);
	conf.filter = endless;
	conf.filter_count = 2;
	CU_ASSERT_EQUAL(mirror_new(&m, &conf), -EINVAL);
	CU_ASSERT_PTR_NULL(m);
	mirror_free(NULL);
}

static void without_a_filter_it_wants_everything(void)
{
	struct mirror *m = mirror_plain(65535);
	uint32_t bytes;

	CU_ASSERT_TRUE(wants(m, HZ, 0x0800, 64, &bytes));
	CU_ASSERT_EQUAL(bytes, 64);
	CU_ASSERT_TRUE(wants(m, HZ, 0x0806, 1514, &bytes));
	CU_ASSERT_EQUAL(bytes, 1514);
	mirror_free(m);
}

static void snaplen_cuts(void)
{
	struct mirror *m = mirror_plain(96);
	uint32_t bytes;

	CU_ASSERT_TRUE(wants(m, HZ, 0x0800, 95, &bytes) && bytes == 95);
	CU_ASSERT_TRUE(wants(m, HZ, 0x0800, 1000, &bytes) && bytes == 96);
	mirror_free(m);
}

static void filter_chooses(void)
{
	const struct bpf_insn arp[] = {
		{ 0x28, 0, 0, 12 },	/* ldh [12] */
		{ 0x15, 0, 1, 0x0806 }, /* jeq #0x806 */
		{ 0x06, 0, 0, 65535 },
		{ 0x06, 0, 0, 0 },
	};
	struct mirror_conf conf = conf_of(65535);
	struct mirror *m;
	uint32_t bytes;

	conf.filter = arp;
	conf.filter_count = 4;
	m = mirror_with(&conf);
	CU_ASSERT_TRUE(wants(m, HZ, 0x0806, 64, &bytes));
	CU_ASSERT_FALSE(wants(m, HZ, 0x0800, 64, &bytes));
	CU_ASSERT_EQUAL(m->ctr[0].dropped, 0);
	mirror_free(m);
}

static void filter_sees_beyond_the_snaplen(void)
{
	const struct bpf_insn at_200[] = {
		{ 0x30, 0, 0, 200 }, /* ldb [200] */
		{ 0x15, 0, 1, 0x77 },
		{ 0x06, 0, 0, 65535 },
		{ 0x06, 0, 0, 0 },
	};
	struct mirror_conf conf = conf_of(64);
	struct mirror *m;
	uint32_t bytes;

	conf.filter = at_200;
	conf.filter_count = 4;
	m = mirror_with(&conf);
	CU_ASSERT_TRUE(wants(m, HZ, 0x0800, 300, &bytes) && bytes == 64);
	/* a load beyond the frame's end is no match, and no harm */
	CU_ASSERT_FALSE(wants(m, HZ, 0x0800, 150, &bytes));
	mirror_free(m);
}

static void rate_is_held_and_losses_counted(void)
{
	struct mirror_conf conf = conf_of(65535);
	struct mirror *m;
	uint32_t bytes;
	unsigned i;

	conf.rate_bps = 8000000; /* 64 KB at once, 1 KB a millisecond */
	m = mirror_with(&conf);
	for (i = 0; i < 66; i++)
		CU_ASSERT_TRUE(wants(m, HZ, 0x0800, 1000, &bytes));
	CU_ASSERT_FALSE(wants(m, HZ, 0x0800, 1000, &bytes));
	CU_ASSERT_EQUAL(m->ctr[0].dropped, 1);
	CU_ASSERT_TRUE(wants(m, HZ + HZ / 1000, 0x0800, 1000, &bytes));
	CU_ASSERT_FALSE(wants(m, HZ + HZ / 1000, 0x0800, 1000, &bytes));
	mirror_free(m);
}

/* ---- the ring ---- */

/* Record number n: its length and bytes follow from n. */
static uint32_t length_of(unsigned n)
{
	struct packet_rng rng = { n + 1 };

	return packet_random(&rng, 3000);
}

static void record(struct mirror *m, unsigned n)
{
	static uint8_t bytes[3000];
	struct mirror_record rec = { .bytes = length_of(n),
				     .wire_len = n,
				     .tsc = n,
				     .port = n % 7,
				     .direction = MIRROR_IN };

	memset(bytes, n, rec.bytes);
	mirror_record(m, 0, &rec, bytes);
}

/* The oldest record is number n, whole. */
static bool next_is(const struct mirror *m, unsigned n)
{
	const struct mirror_record *rec;
	const uint8_t *bytes;
	uint32_t i;

	rec = mirror_ring_peek(m, 0, &bytes);
	if (!rec || rec->tsc != n || rec->bytes != length_of(n) ||
	    rec->wire_len != n || rec->port != n % 7)
		return false;
	for (i = 0; i < rec->bytes; i++)
		if (bytes[i] != (uint8_t)n)
			return false;
	return true;
}

static void records_come_back_in_order_over_many_laps(void)
{
	struct mirror *m = mirror_plain(65535);
	struct packet_rng rng = { 1 };
	unsigned in = 0, out = 0;
	const uint8_t *bytes;
	bool right = true;

	while (in < 20000 && right) {
		unsigned n = packet_random(&rng, 300);

		for (; n; n--)
			record(m, in++);
		while (out < in && right) {
			right = next_is(m, out++);
			mirror_ring_pop(m, 0);
		}
	}
	CU_ASSERT_TRUE(right);
	CU_ASSERT_EQUAL(m->ctr[0].dropped, 0);
	CU_ASSERT_PTR_NULL(mirror_ring_peek(m, 0, &bytes));
	CU_ASSERT_EQUAL(m->ctr[0].packets, in);
	mirror_free(m);
}

static void full_ring_loses_the_new_and_keeps_the_old(void)
{
	struct mirror *m = mirror_plain(65535);
	unsigned i, kept;
	bool right = true;

	for (i = 0; i < 2000; i++)
		record(m, i);
	kept = m->ctr[0].packets;
	CU_ASSERT_TRUE(kept > 600 && kept < 2000);
	CU_ASSERT_EQUAL(m->ctr[0].dropped, 2000 - kept);
	/* not all that came later was too long: what fits, fits */
	for (i = 0; i < 300 && right; i++) {
		right = next_is(m, i);
		mirror_ring_pop(m, 0);
	}
	CU_ASSERT_TRUE(right);
	record(m, 5000);
	CU_ASSERT_EQUAL(m->ctr[0].packets, kept + 1);
	mirror_free(m);
}

static void ring_can_be_filled_to_the_last_byte(void)
{
	enum { EACH = 4096, COUNT = MIRROR_RING_BYTES / EACH };
	struct mirror_record rec = {
		.bytes = EACH - sizeof(struct mirror_record)
	};
	static uint8_t bytes[EACH];
	struct mirror *m = mirror_plain(65535);
	unsigned i, lap;

	for (lap = 0; lap < 3; lap++) {
		for (i = 0; i < COUNT; i++)
			mirror_record(m, 0, &rec, bytes);
		CU_ASSERT_EQUAL(m->ctr[0].dropped, lap);
		mirror_record(m, 0, &rec, bytes);
		CU_ASSERT_EQUAL(m->ctr[0].dropped, lap + 1);
		for (i = 0; i < COUNT; i++)
			mirror_ring_pop(m, 0);
	}
	CU_ASSERT_EQUAL(m->ctr[0].packets, 3 * COUNT);
	mirror_free(m);
}

static void counters_are_summed_over_workers(void)
{
	struct mirror_conf conf = conf_of(65535);
	struct mirror_record rec = { .bytes = 10 };
	struct mirror_counters sum;
	struct mirror *m;

	conf.workers = 3;
	m = mirror_with(&conf);
	mirror_record(m, 0, &rec, (const uint8_t *)"0123456789");
	mirror_record(m, 2, &rec, (const uint8_t *)"0123456789");
	m->ctr[1].dropped = 5;
	mirror_count(m, &sum);
	CU_ASSERT_EQUAL(sum.packets, 2);
	CU_ASSERT_EQUAL(sum.bytes, 20);
	CU_ASSERT_EQUAL(sum.dropped, 5);
	mirror_free(m);
}

#define THREADED 50000

static void *writer_body(void *arg)
{
	struct mirror *m = arg;
	unsigned i;

	for (i = 0; i < THREADED; i++) {
		uint64_t lost = m->ctr[0].dropped;

		record(m, i);
		while (m->ctr[0].dropped != lost) {
			lost = m->ctr[0].dropped;
			sched_yield();
			record(m, i);
		}
	}
	return NULL;
}

static void reader_on_another_thread_sees_whole_records(void)
{
	struct mirror *m = mirror_plain(65535);
	const uint8_t *bytes;
	pthread_t writer;
	unsigned i = 0;
	bool right = true;

	CU_ASSERT_EQUAL_FATAL(pthread_create(&writer, NULL, writer_body, m),
			      0);
	while (i < THREADED) {
		if (!mirror_ring_peek(m, 0, &bytes)) {
			sched_yield();
			continue;
		}
		right &= next_is(m, i++);
		mirror_ring_pop(m, 0);
	}
	pthread_join(writer, NULL);
	CU_ASSERT_TRUE(right);
	mirror_free(m);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(impossible_mirrors_are_refused),
		SUITE_TEST(without_a_filter_it_wants_everything),
		SUITE_TEST(snaplen_cuts),
		SUITE_TEST(filter_chooses),
		SUITE_TEST(filter_sees_beyond_the_snaplen),
		SUITE_TEST(rate_is_held_and_losses_counted),
		SUITE_TEST(records_come_back_in_order_over_many_laps),
		SUITE_TEST(full_ring_loses_the_new_and_keeps_the_old),
		SUITE_TEST(ring_can_be_filled_to_the_last_byte),
		SUITE_TEST(counters_are_summed_over_workers),
		SUITE_TEST(reader_on_another_thread_sees_whole_records),
	};

	return suite_run("mirror", tests, sizeof(tests) / sizeof(tests[0]));
}
