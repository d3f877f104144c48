/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_replay.c: the window against a list of all that came. */
#include "ipsec-migrate/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/suite.h"

static struct replay start(uint32_t window, bool esn, uint64_t top)
{
	struct replay r;

	CU_ASSERT_EQUAL_FATAL(replay_init(&r, window, esn), 0);
	if (top)
		CU_ASSERT(replay_accept(&r, top));
	return r;
}

/* What a receiver does with the lower half of a number. */
static bool take(struct replay *r, uint32_t low)
{
	uint64_t seq = replay_seq(r, low);

	return replay_fresh(r, seq) && replay_accept(r, seq);
}

static void windows_are_multiples_of_64(void)
{
	static const struct {
		uint32_t window;
		int rc;
	} cases[] = {
		{ 0, -EINVAL },	  { 1, -EINVAL },    { 63, -EINVAL },
		{ 64, 0 },	  { 65, -EINVAL },   { 1024, 0 },
		{ 4096, 0 },	  { 4160, -EINVAL }, { UINT32_MAX, -EINVAL },
	};
	struct replay r;
	unsigned i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CU_ASSERT_EQUAL(replay_init(&r, cases[i].window, true),
				cases[i].rc);
}

static void each_number_is_taken_once(void)
{
	struct replay r = start(64, true, 0);
	uint32_t n;

	CU_ASSERT_FALSE(take(&r, 0));
	for (n = 1; n < 1000; n++) {
		CU_ASSERT(take(&r, n));
		CU_ASSERT_FALSE(take(&r, n));
	}
}

static void the_windows_edge_is_exact(void)
{
	uint32_t window;

	for (window = 64; window <= 4096; window *= 4) {
		struct replay r = start(window, true, 10000);

		CU_ASSERT(take(&r, 10000 - window + 1));
		CU_ASSERT_FALSE(replay_fresh(&r, 10000 - window));
		CU_ASSERT(take(&r, 10001));
		CU_ASSERT_FALSE(replay_fresh(&r, 10001 - window));
	}
}

static void far_jumps_forget_what_was(void)
{
	struct replay r = start(4096, true, 100);

	CU_ASSERT(take(&r, 100 + (1u << 30)));
	CU_ASSERT_FALSE(replay_fresh(&r, 100));
	CU_ASSERT(take(&r, 99 + (1u << 30)));
	CU_ASSERT_FALSE(take(&r, 99 + (1u << 30)));
}

static void without_esn_numbers_end(void)
{
	struct replay r = start(64, false, UINT32_MAX);

	CU_ASSERT_FALSE(take(&r, UINT32_MAX));
	CU_ASSERT_FALSE(take(&r, 1)); /* the counter must not cycle */
	CU_ASSERT_FALSE(replay_fresh(&r, 1ULL << 32));
	CU_ASSERT(take(&r, UINT32_MAX - 63));
	CU_ASSERT_FALSE(take(&r, UINT32_MAX - 64));
}

/* RFC 4303 appendix A2.2, both cases and both sides of each border. */
static void the_upper_half_is_inferred(void)
{
	static const struct {
		uint64_t top;
		uint32_t low;
		uint64_t seq;
	} cases[] = {
		/* A: the window is within one subspace */
		{ 0x500001000, 0x1001, 0x500001001 },
		{ 0x500001000, 0x1000 - 63, 0x500001000 - 63 },
		{ 0x500001000, 0x1000 - 64, 0x600001000 - 64 },
		{ 0x500001000, 0, 0x600000000 },
		{ 0x500001000, 0xffffffff, 0x5ffffffff },
		{ 0x50000003f, 0, 0x500000000 },
		/* B: it spans two */
		{ 0x50000003e, 0xffffffff, 0x4ffffffff },
		{ 0x50000003e, 0, 0x500000000 },
		{ 0x500000000, 0xffffffc1, 0x4ffffffc1 },
		{ 0x500000000, 0xffffffc0, 0x5ffffffc0 },
		{ 0x500000000, 1, 0x500000001 },
		/* there is nothing below the first */
		{ 0x3e, 0xffffffff, 0xffffffff },
	};
	unsigned i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct replay r = start(64, true, cases[i].top);

		CU_ASSERT_EQUAL(replay_seq(&r, cases[i].low), cases[i].seq);
	}
}

static void the_lower_half_wraps_without_loss(void)
{
	struct replay r = start(4096, true, 0x1ffffff00);
	uint64_t n;

	for (n = 0x1ffffff01; n < 0x200000100; n++)
		CU_ASSERT(take(&r, (uint32_t)n));
	CU_ASSERT_EQUAL(r.top, 0x2000000ff);
	CU_ASSERT_FALSE(take(&r, 0xffffff01));
	CU_ASSERT(take(&r, 0xfffffe00)); /* late, from before */
}

/* The slow, obvious window: all that ever came. */
#define EVER 20000

struct model {
	uint64_t top, window, came[EVER];
	unsigned count;
};

static bool model_accept(struct model *m, uint64_t seq)
{
	unsigned i;

	if (!seq || seq + m->window <= m->top)
		return false;
	for (i = 0; i < m->count; i++)
		if (m->came[i] == seq)
			return false;
	m->came[m->count++] = seq;
	if (seq > m->top)
		m->top = seq;
	return true;
}

static uint64_t near(uint64_t top, uint64_t window)
{
	switch (rand() % 8) {
	case 0: return top + rand() % 10000;
	case 1: return top > 5000 ? top - rand() % 5000 : 1;
	case 2: return top + window - 1 + rand() % 3;
	default:
		return top > window ? top - rand() % window + rand() % 64
				    : 1 + (uint64_t)rand() % 100;
	}
}

static void it_decides_as_a_list_of_all_does(void)
{
	static struct model m;
	uint32_t window;
	unsigned i;

	for (window = 64; window <= 4096; window += 64 * 21) {
		struct replay r = start(window, true, 0);

		srand(window);
		memset(&m, 0, sizeof(m));
		m.window = window;
		for (i = 0; i < EVER / 4; i++) {
			uint64_t seq = near(m.top, window);

			CU_ASSERT_EQUAL(replay_accept(&r, seq),
					model_accept(&m, seq));
			CU_ASSERT_EQUAL(r.top, m.top);
		}
	}
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(windows_are_multiples_of_64),
		SUITE_TEST(each_number_is_taken_once),
		SUITE_TEST(the_windows_edge_is_exact),
		SUITE_TEST(far_jumps_forget_what_was),
		SUITE_TEST(without_esn_numbers_end),
		SUITE_TEST(the_upper_half_is_inferred),
		SUITE_TEST(the_lower_half_wraps_without_loss),
		SUITE_TEST(it_decides_as_a_list_of_all_does),
	};

	return suite_run("replay", tests, sizeof(tests) / sizeof(tests[0]));
}
