/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_bond_share.c: few buckets move, and only where it is of use; then
 * random members and loads (argv[1]: how many rounds).
 */
#include "vlan/bond_share.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/packet.h"
#include "tests/lib/suite.h"

static unsigned long rounds = 20000;
static uint8_t of[BOND_BUCKETS], before[BOND_BUCKETS];

static void start_with(uint16_t members)
{
	memset(of, BOND_NONE, sizeof(of));
	bond_share_assign(of, members, members, members);
	memcpy(before, of, sizeof(of));
}

static unsigned count(unsigned member)
{
	unsigned b, n = 0;

	for (b = 0; b < BOND_BUCKETS; b++)
		n += of[b] == member;
	return n;
}

static unsigned moved(void)
{
	unsigned b, n = 0;

	for (b = 0; b < BOND_BUCKETS; b++)
		n += of[b] != before[b];
	return n;
}

static void members_start_with_equal_shares(void)
{
	start_with(0x07);
	CU_ASSERT_EQUAL(count(0), 86);
	CU_ASSERT_EQUAL(count(1), 85);
	CU_ASSERT_EQUAL(count(2), 85);
}

static void a_loss_moves_only_what_the_lost_one_had(void)
{
	unsigned b;

	start_with(0x0f);
	bond_share_assign(of, 0x0d, 0x0d, 0);
	CU_ASSERT_EQUAL(moved(), 64);
	for (b = 0; b < BOND_BUCKETS; b++)
		CU_ASSERT(before[b] == 1 || of[b] == before[b]);
	CU_ASSERT(count(0) >= 85 && count(2) >= 85 && count(3) >= 85);
}

static void a_gain_moves_only_the_share_of_the_new_one(void)
{
	unsigned b;

	start_with(0x07);
	bond_share_assign(of, 0x0f, 0x0f, 0x08);
	CU_ASSERT_EQUAL(moved(), 64);
	CU_ASSERT_EQUAL(count(3), 64);
	for (b = 0; b < BOND_BUCKETS; b++)
		CU_ASSERT(of[b] == 3 || of[b] == before[b]);
	CU_ASSERT(count(0) == 64 && count(1) == 64 && count(2) == 64);
}

static void who_may_keep_but_not_take_stays_as_it_is(void)
{
	start_with(0x03);
	bond_share_assign(of, 0x03, 0x02, 0);
	CU_ASSERT_EQUAL(moved(), 0);
	bond_share_assign(of, 0x07, 0x06, 0x04);
	CU_ASSERT_EQUAL(count(2), 85);
}

static void without_takers_buckets_are_nobodys(void)
{
	start_with(0x03);
	bond_share_assign(of, 0, 0, 0);
	CU_ASSERT_EQUAL(count(BOND_NONE), BOND_BUCKETS);
}

static void nothing_new_moves_nothing(void)
{
	start_with(0x03);
	of[0] = of[2] = of[4] = 1; /* as evening out may have left it */
	memcpy(before, of, sizeof(of));
	bond_share_assign(of, 0x03, 0x03, 0);
	CU_ASSERT_EQUAL(moved(), 0);
}

#define MB 1000000ull

static const struct even_case {
	const char *name;
	uint64_t even[4], odd[4]; /* loads of the first buckets of 0 and 1 */
	unsigned moves;
} even_cases[] = {
	{ "nothing", { 0 }, { 0 }, 0 },
	{ "balanced", { 9 * MB, 9 * MB }, { 9 * MB, 9 * MB }, 0 },
	{ "one heavy bucket stays", { 90 * MB }, { 0 }, 0 },
	{ "a heavy and a light one: neither helps enough",
	  { 90 * MB, 1 * MB },
	  { 0 },
	  0 },
	{ "many small ones add up",
	  { 4 * MB, 4 * MB, 4 * MB, 4 * MB },
	  { 0 },
	  2 },
	{ "two of a kind", { 9 * MB, 9 * MB }, { 0 }, 1 },
	{ "less than it is worth", { MB / 4, MB / 4 }, { 0 }, 0 },
	{ "3 percent", { 50 * MB, MB }, { 50 * MB }, 0 },
	{ "the best of four",
	  { 30 * MB, 10 * MB, 6 * MB, 4 * MB },
	  { 30 * MB },
	  1 },
	{ "from the other", { 0 }, { 5 * MB, 5 * MB, 5 * MB, 5 * MB }, 2 },
};

static void evening_out_moves_what_is_worth_it(void)
{
	uint64_t bytes[BOND_BUCKETS];
	const struct even_case *c;
	unsigned i, k;

	for (i = 0; i < sizeof(even_cases) / sizeof(even_cases[0]); i++) {
		c = &even_cases[i];
		start_with(0x03);
		memset(bytes, 0, sizeof(bytes));
		for (k = 0; k < 4; k++) {
			bytes[2 * k] = c->even[k];
			bytes[2 * k + 1] = c->odd[k];
		}
		k = bond_share_even(of, bytes, 0x03, MB);
		if (k != c->moves || moved() != k) {
			CU_FAIL(c->name);
			printf("%s: %u moves\n", c->name, k);
		}
		CU_ASSERT_EQUAL(bond_share_even(of, bytes, 0x03, MB), 0);
	}
}

static void evening_out_is_bounded(void)
{
	uint64_t bytes[BOND_BUCKETS];
	unsigned b;

	start_with(0x01);
	for (b = 0; b < BOND_BUCKETS; b++)
		bytes[b] = MB;
	CU_ASSERT_EQUAL(bond_share_even(of, bytes, 0xff, MB),
			BOND_SHARE_MOVES_MAX);
	CU_ASSERT_EQUAL(moved(), BOND_SHARE_MOVES_MAX);
}

static uint64_t spread(const uint64_t bytes[BOND_BUCKETS], uint16_t take)
{
	uint64_t sum[BOND_MEMBERS_MAX] = { 0 }, low = UINT64_MAX, high = 0;
	unsigned i;

	for (i = 0; i < BOND_BUCKETS; i++)
		sum[of[i]] += bytes[i];
	for (i = 0; i < BOND_MEMBERS_MAX; i++) {
		if (!(take >> i & 1))
			continue;
		low = sum[i] < low ? sum[i] : low;
		high = sum[i] > high ? sum[i] : high;
	}
	return high - low;
}

static void random_members_keep_the_promises(void)
{
	struct packet_rng rng = { 3 };
	uint64_t bytes[BOND_BUCKETS], was;
	uint16_t members = 0x03, next;
	unsigned long r;
	unsigned b, n;

	start_with(members);
	for (r = 0; r < rounds; r++) {
		next = 1 + packet_random(&rng, 255);
		memcpy(before, of, sizeof(of));
		bond_share_assign(of, next, next, next & ~members);
		for (b = 0; b < BOND_BUCKETS; b++) {
			CU_ASSERT_FATAL(next >> of[b] & 1);
			/* moved: its member is gone, or a new one took it */
			CU_ASSERT_FATAL(of[b] == before[b] ||
					!(next >> before[b] & 1) ||
					!(members >> of[b] & 1));
			bytes[b] = packet_random(&rng, 1 << (b % 20));
		}
		members = next;
		memcpy(before, of, sizeof(of));
		was = spread(bytes, members);
		n = bond_share_even(of, bytes, members, 1000);
		CU_ASSERT_FATAL(n <= BOND_SHARE_MOVES_MAX && moved() <= n);
		CU_ASSERT_FATAL(spread(bytes, members) <= was);
	}
}

int main(int argc, char **argv)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(members_start_with_equal_shares),
		SUITE_TEST(a_loss_moves_only_what_the_lost_one_had),
		SUITE_TEST(a_gain_moves_only_the_share_of_the_new_one),
		SUITE_TEST(who_may_keep_but_not_take_stays_as_it_is),
		SUITE_TEST(without_takers_buckets_are_nobodys),
		SUITE_TEST(nothing_new_moves_nothing),
		SUITE_TEST(evening_out_moves_what_is_worth_it),
		SUITE_TEST(evening_out_is_bounded),
		SUITE_TEST(random_members_keep_the_promises),
	};

	rounds = suite_rounds(argc, argv, rounds);
	return suite_run("bond_share", tests, sizeof(tests) / sizeof(tests[0]));
}
