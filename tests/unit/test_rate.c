/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_rate.c: token buckets on a made-up TSC.
 *
 * "Any window" needs no list of windows: the most that any window ending now
 * has had above its rate is worst = max(0, worst - rate * dt) + bits.
 */
#include <CUnit/Basic.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "vswitch/rate.h"

#define HZ        UINT64_C(3000000000)
#define FRAME_MAX 65557u

static uint32_t rnd(uint64_t *s)
{
	*s = *s * 6364136223846793005u + 1442695040888963407u;
	return *s >> 33;
}

static void rate_without_limit_lets_everything_pass(void)
{
	struct rate r;

	rate_init_bits(&r, 0, 0, HZ, 0);
	rate_refill(&r, 5);
	CU_ASSERT_TRUE(rate_take(&r, UINT32_MAX));
	CU_ASSERT_TRUE(rate_take(&r, UINT32_MAX));
	CU_ASSERT_EQUAL(rate_reserve(&r, 1000), 1000);
	rate_settle(&r, 1000, 5000);
	CU_ASSERT_EQUAL(rate_wait(&r, 5), 0);
}

static void rate_default_burst_is_20_ms_or_64_kb(void)
{
	static const struct {
		uint64_t bps, bytes;
	} cases[] = {
		{ 1000, 65536 },
		{ 1000000, 65536 },
		{ 1000000000, 2500000 },
		{ UINT64_C(100000000000), (UINT64_C(1) << 61) / (8 * HZ) },
	};
	struct rate r;
	unsigned i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		rate_init_bits(&r, cases[i].bps, 0, HZ, 0);
		CU_ASSERT_EQUAL((uint64_t)(r.full / r.unit), cases[i].bytes);
	}
}

static void rate_lets_one_frame_overdraw(void)
{
	struct rate r;

	rate_init_bits(&r, 8000000, 1500, HZ, 0); /* 1 MB/s */
	CU_ASSERT_TRUE(rate_take(&r, 1000));
	CU_ASSERT_TRUE(rate_take(&r, 60500)); /* 500 were left */
	CU_ASSERT_FALSE(rate_take(&r, 1));
	rate_refill(&r, HZ / 1000 * 60); /* the debt of 60000 bytes: 60 ms */
	CU_ASSERT_FALSE(rate_take(&r, 1));
	rate_refill(&r, HZ / 1000 * 60 + HZ / 1000000 + 1);
	CU_ASSERT_TRUE(rate_take(&r, 1));
}

static void rate_debt_is_paid_by_a_long_silence(void)
{
	struct rate r;

	rate_init_bits(&r, 8000000, 1500, HZ, 0);
	CU_ASSERT_TRUE(rate_take(&r, 65557));
	rate_refill(&r, 10 * HZ);
	CU_ASSERT_EQUAL(rate_reserve(&r, 100000), 1500);
}

static void rate_credit_stops_at_the_burst(void)
{
	struct rate r;

	rate_init_bits(&r, 8000000, 1500, HZ, 0);
	rate_refill(&r, HZ * 1000);
	CU_ASSERT_EQUAL(rate_reserve(&r, 100000), 1500);
	CU_ASSERT_EQUAL(rate_reserve(&r, 100000), 0);
	rate_settle(&r, 1500, 0);
	rate_settle(&r, 1500, 0);
	CU_ASSERT_EQUAL(rate_reserve(&r, 100000), 1500);
}

static void rate_says_how_long_to_wait(void)
{
	uint64_t now = 77, wait;
	struct rate r;

	rate_init_bits(&r, 12345678, 1500, HZ, now);
	CU_ASSERT_EQUAL(rate_wait(&r, now), 0);
	while (rate_take(&r, 1514))
		;
	wait = rate_wait(&r, now);
	rate_refill(&r, now + wait - 1);
	CU_ASSERT_FALSE(rate_take(&r, 1));
	rate_refill(&r, now + wait);
	CU_ASSERT_TRUE(rate_take(&r, 1));
}

static void rate_stale_clocks_earn_nothing(void)
{
	struct rate r;

	rate_init_bits(&r, 8000000, 1500, HZ, HZ);
	CU_ASSERT_TRUE(rate_take(&r, 1500));
	rate_refill(&r, HZ - 1000);
	CU_ASSERT_FALSE(rate_take(&r, 1));
	rate_refill(&r, HZ);
	CU_ASSERT_FALSE(rate_take(&r, 1));
}

static void rate_goes_on_when_the_tsc_is_set_back(void)
{
	struct rate r;

	rate_init_bits(&r, 8000000, 1500, HZ, 1000 * HZ);
	CU_ASSERT_TRUE(rate_take(&r, 1500));
	rate_refill(&r, HZ);
	CU_ASSERT_FALSE(rate_take(&r, 1));
	rate_refill(&r, 2 * HZ);
	CU_ASSERT_TRUE(rate_take(&r, 1));
}

/* Extremes: nothing overflows, and nothing is let through that should not. */
static void rate_extremes_do_not_overflow(void)
{
	static const uint64_t bps[] = { 1, 1000, 400000000000u, UINT64_MAX };
	static const uint64_t burst[] = { 1, 65536, UINT64_MAX };
	static const uint64_t hz[] = { 1000000, HZ, 10000000000u };
	unsigned i, j, k;
	struct rate r;

	for (i = 0; i < 4; i++)
		for (j = 0; j < 3; j++)
			for (k = 0; k < 3; k++) {
				rate_init_bits(&r, bps[i], burst[j], hz[k], 0);
				CU_ASSERT_TRUE(r.full > 0);
				rate_refill(&r, UINT64_MAX / 2 - 1);
				CU_ASSERT_EQUAL(r.credit, r.full);
				CU_ASSERT_TRUE(rate_take(&r, FRAME_MAX));
				rate_refill(&r, UINT64_MAX / 2);
				CU_ASSERT_TRUE(r.credit <= r.full);
			}
}

struct meter {
	double rate; /* bits a tick */
	double worst, sum;
	uint64_t last;
};

static void meter_note(struct meter *m, uint64_t now, uint32_t bytes)
{
	m->worst -= m->rate * (double)(now - m->last);
	m->worst = (m->worst > 0 ? m->worst : 0) + 8.0 * bytes;
	m->sum += 8.0 * bytes;
	m->last = now;
}

/* What a bucket admits of frames offered at random; both ways of asking. */
static void run(uint64_t bps, uint32_t burst, uint64_t *s, bool reserve,
		bool greedy)
{
	struct meter m = { .rate = (double)bps / HZ };
	uint64_t now = rnd(s), start = now;
	struct rate r;
	unsigned i;

	rate_init_bits(&r, bps, burst, HZ, now);
	m.last = now;
	for (i = 0; i < 20000; i++) {
		uint32_t most = rnd(s) % 4 ? 1454 : 65400;
		uint32_t len = 60 + rnd(s) % most, got;

		now += greedy ? rnd(s) % 3000 : (uint64_t)rnd(s) % 3000000;
		rate_refill(&r, now);
		if (reserve) {
			got = rate_reserve(&r, 131072);
			rate_settle(&r, got, got ? len : 0);
		} else {
			got = rate_take(&r, len);
		}
		if (got)
			meter_note(&m, now, len);
		if (m.worst > 8.0 * (burst + FRAME_MAX) * (1 + 1e-9))
			break;
	}
	CU_ASSERT_EQUAL(i, 20000);
	/* offered far more, and no refill overflows: it gets all it may have */
	if (greedy && burst > m.rate * 3000)
		CU_ASSERT_TRUE(m.sum >=
			       m.rate * (double)(now - start) * (1 - 1e-6));
}

static void rate_never_exceeds_rate_and_burst_over_any_window(void)
{
	const char *env = getenv("SEED");
	uint64_t seed = env ? strtoull(env, NULL, 0) : 20240607, s = seed;
	unsigned i;

	printf(" SEED=%llu ", (unsigned long long)seed);
	for (i = 0; i < 200; i++) {
		uint64_t bps = UINT64_C(1) << rnd(&s) % 34;
		uint32_t burst = 1u << rnd(&s) % 22;

		bps += rnd(&s) % 1000000;
		burst += rnd(&s) % burst;
		run(bps, burst, &s, i & 1, i & 2);
	}
}

static void rate_frames_a_second_are_counted_as_frames(void)
{
	uint64_t now = 0, passed = 0;
	struct rate r;

	rate_init_frames(&r, 1000, 100, HZ, now);
	for (; now < 10 * HZ; now += HZ / 50000) {
		rate_refill(&r, now);
		passed += rate_take(&r, 1);
	}
	CU_ASSERT_TRUE(passed >= 10000 + 99 && passed <= 10000 + 101);
}

/* FR-09 */
static void storm_limits_each_kind_by_itself(void)
{
	static const uint64_t pps[STORM_KINDS] = { 100, 0, 1000 };
	unsigned n[STORM_KINDS] = { 0 }, i, k;
	struct storm s;

	storm_init(&s, pps, HZ, 0);
	for (i = 0; i < 10000; i++)
		for (k = 0; k < STORM_KINDS; k++)
			n[k] += storm_take(&s, k, HZ / 10000 * i);
	CU_ASSERT_TRUE(n[STORM_BROADCAST] >= 131 && n[STORM_BROADCAST] <= 133);
	CU_ASSERT_EQUAL(n[STORM_MULTICAST], 10000);
	CU_ASSERT_TRUE(n[STORM_UNKNOWN] >= 1030 && n[STORM_UNKNOWN] <= 1033);
}

/* Two workers, one bucket; each has a clock of its own, at most 1 ms apart. */
struct shared {
	struct rate r;
	_Atomic uint64_t clock, bytes;
};

#define SHARED_STEPS 300000

static void *shared_worker(void *arg)
{
	struct shared *sh = arg;
	uint32_t got, used;
	uint64_t s = 5;
	unsigned i;

	for (i = 0; i < SHARED_STEPS; i++) {
		rate_refill(&sh->r, atomic_fetch_add(&sh->clock, 500));
		if (i & 1) {
			sh->bytes += rate_take(&sh->r, 1514) ? 1514 : 0;
			continue;
		}
		got = rate_reserve(&sh->r, 131072);
		used = !got || rnd(&s) % 2 ? 0 : 1514;
		rate_settle(&sh->r, got, used);
		sh->bytes += used;
	}
	return NULL;
}

static void rate_holds_when_two_workers_share_a_bucket(void)
{
	struct shared sh = { .clock = 0 };
	double allowed;
	pthread_t t[2];
	unsigned i;

	rate_init_bits(&sh.r, 1000000000, 65536, HZ, 0);
	for (i = 0; i < 2; i++)
		CU_ASSERT_EQUAL_FATAL(
			pthread_create(&t[i], NULL, shared_worker, &sh), 0);
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	allowed = 1e9 / 8 / HZ * (double)sh.clock;
	CU_ASSERT_TRUE(sh.bytes <= allowed + 65536 + 2 * 1514);
	CU_ASSERT_TRUE(sh.bytes >= allowed * 0.9);
}

int main(void)
{
	CU_pSuite s;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	s = CU_add_suite("rate", NULL, NULL);
	CU_ADD_TEST(s, rate_without_limit_lets_everything_pass);
	CU_ADD_TEST(s, rate_default_burst_is_20_ms_or_64_kb);
	CU_ADD_TEST(s, rate_lets_one_frame_overdraw);
	CU_ADD_TEST(s, rate_debt_is_paid_by_a_long_silence);
	CU_ADD_TEST(s, rate_credit_stops_at_the_burst);
	CU_ADD_TEST(s, rate_says_how_long_to_wait);
	CU_ADD_TEST(s, rate_stale_clocks_earn_nothing);
	CU_ADD_TEST(s, rate_goes_on_when_the_tsc_is_set_back);
	CU_ADD_TEST(s, rate_extremes_do_not_overflow);
	CU_ADD_TEST(s, rate_never_exceeds_rate_and_burst_over_any_window);
	CU_ADD_TEST(s, rate_frames_a_second_are_counted_as_frames);
	CU_ADD_TEST(s, storm_limits_each_kind_by_itself);
	CU_ADD_TEST(s, rate_holds_when_two_workers_share_a_bucket);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	return CU_get_number_of_failures() ? 1 : 0;
}
