/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When iked begins with a peer, and begins anew.
 */
#include "ipsec-migrate/charon_keep.h"

#include <string.h>

#include "tests/lib/suite.h"

#define NOW 1000000

static struct iconf_peer peer;
static struct charon_keep keep;

static void begin(enum iconf_start start, uint32_t streams, const char *us,
		  const char *them)
{
	memset(&peer, 0, sizeof(peer));
	peer.start = start;
	peer.streams = streams;
	strcpy(peer.local_id, us);
	strcpy(peer.remote_id, them);
	charon_keep_init(&keep, &peer, NOW);
}

static void the_first_begins_at_once_and_the_second_waits(void)
{
	begin(ICONF_START_ALWAYS, 1, "a", "b");
	CU_ASSERT_EQUAL(charon_keep_due(&keep, 0, 0, NOW), 1);
	begin(ICONF_START_ALWAYS, 1, "b", "a");
	CU_ASSERT_EQUAL(charon_keep_due(&keep, 0, 0, NOW), 0);
	CU_ASSERT_EQUAL(charon_keep_due(&keep, 0, 1, NOW + KEEP_WAIT_MS), 0);
	CU_ASSERT_EQUAL(charon_keep_due(&keep, 0, 0, NOW + KEEP_WAIT_MS), 1);
}

static void just_one_of_two_ends_is_second(void)
{
	static const char *const names[] = { "a", "b", "192.0.2.1",
					     "192.0.2.9", "x y" };

	for (int i = 0; i < 5; i++)
		for (int k = 0; k < 5; k++) {
			bool one, other;

			if (i == k)
				continue;
			begin(ICONF_START_ALWAYS, 1, names[i], names[k]);
			one = charon_keep_is_second(&peer);
			begin(ICONF_START_ALWAYS, 1, names[k], names[i]);
			other = charon_keep_is_second(&peer);
			CU_ASSERT_NOT_EQUAL(one, other);
		}
	begin(ICONF_START_ALWAYS, 1, "", "a");
	CU_ASSERT_FALSE(charon_keep_is_second(&peer));
}

static void pauses_grow_up_to_a_bound(void)
{
	uint64_t now = NOW, last = NOW, gap = 0;
	unsigned tries = 0;

	begin(ICONF_START_ALWAYS, 1, "a", "b");
	for (; now < NOW + 600000; now += 1000)
		if (charon_keep_due(&keep, 0, 0, now)) {
			CU_ASSERT(!tries || now - last >= gap);
			gap = now - last;
			last = now;
			tries++;
		}
	CU_ASSERT(gap <= 2 * KEEP_PAUSE_MAX_MS);
	CU_ASSERT(tries > 10 && tries < 40);
}

static void streams_follow_the_first(void)
{
	begin(ICONF_START_ALWAYS, 4, "a", "b");
	CU_ASSERT_EQUAL(charon_keep_due(&keep, 0, 0, NOW), 1);
	CU_ASSERT_EQUAL(charon_keep_due(&keep, 0, 1, NOW + 10), 0);
	charon_keep_grown(&keep, NOW + 100);
	CU_ASSERT_EQUAL(charon_keep_due(&keep, 1, 0, NOW + 100), 3);
	CU_ASSERT_EQUAL(charon_keep_due(&keep, 2, 0, NOW + 101), 0);
	CU_ASSERT_EQUAL(charon_keep_due(&keep, 4, 0, NOW + 9000), 0);
}

static void who_responds_or_waits_for_a_packet_does_not_begin(void)
{
	begin(ICONF_START_RESPOND, 1, "a", "b");
	CU_ASSERT_EQUAL(charon_keep_due(&keep, 0, 0, NOW + 99999), 0);
	CU_ASSERT_FALSE(keep.trapped);
	begin(ICONF_START_ON_DEMAND, 1, "a", "b");
	CU_ASSERT_EQUAL(charon_keep_due(&keep, 0, 0, NOW + 99999), 0);
	CU_ASSERT_TRUE(keep.trapped);
}

static void down_by_hand_stays_down_until_up(void)
{
	begin(ICONF_START_ALWAYS, 1, "a", "b");
	charon_keep_down(&keep);
	charon_keep_lost(&keep, NOW);
	CU_ASSERT_EQUAL(charon_keep_due(&keep, 0, 0, NOW + 99999), 0);
	charon_keep_up(&keep, NOW + 100000);
	CU_ASSERT_EQUAL(charon_keep_due(&keep, 0, 0, NOW + 100000), 1);
}

static void what_is_lost_is_begun_anew(void)
{
	begin(ICONF_START_ALWAYS, 1, "a", "b");
	CU_ASSERT_EQUAL(charon_keep_due(&keep, 1, 0, NOW), 0);
	charon_keep_lost(&keep, NOW + 5000);
	CU_ASSERT_EQUAL(charon_keep_due(&keep, 0, 0, NOW + 5000), 1);
	begin(ICONF_START_ON_DEMAND, 1, "a", "b");
	charon_keep_up(&keep, NOW);
	CU_ASSERT_EQUAL(charon_keep_due(&keep, 0, 0, NOW), 1);
	charon_keep_lost(&keep, NOW + 5000);
	CU_ASSERT_EQUAL(charon_keep_due(&keep, 0, 0, NOW + 99999), 0);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(the_first_begins_at_once_and_the_second_waits),
		SUITE_TEST(just_one_of_two_ends_is_second),
		SUITE_TEST(pauses_grow_up_to_a_bound),
		SUITE_TEST(streams_follow_the_first),
		SUITE_TEST(who_responds_or_waits_for_a_packet_does_not_begin),
		SUITE_TEST(down_by_hand_stays_down_until_up),
		SUITE_TEST(what_is_lost_is_begun_anew),
	};

	return suite_run("charon_keep", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
