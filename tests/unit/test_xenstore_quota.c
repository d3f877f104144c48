/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_xenstore_quota.c: each quota lets pass what it says and nothing more,
 * none counts for domain 0, all counts return to what they were, and writes
 * cost credit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/suite.h"
#include "tests/lib/xenstore_talk.h"

#define SAYS(said, expected) CU_ASSERT_STRING_EQUAL(said, expected)

static struct talk t;
static struct xenstore_facts at_first;

static struct xenstore_facts facts(void)
{
	struct xenstore_facts f;

	xenstore_facts(t.xs, 1, &f);
	return f;
}

static void begin(void)
{
	talk_init(&t, NULL);
	at_first = facts();
}

/* Nothing of the guest's is left that was not there at first. */
static void end(void)
{
	struct xenstore_facts f = facts();

	CU_ASSERT_EQUAL(f.nodes, at_first.nodes);
	CU_ASSERT_EQUAL(f.watches, 0);
	CU_ASSERT_EQUAL(f.transactions, 0);
	CU_ASSERT_EQUAL(f.outstanding, 0);
	CU_ASSERT_EQUAL(f.memory_bytes, at_first.memory_bytes);
	CU_ASSERT_TRUE(talk_is_sound(&t));
	talk_fini(&t);
}

static const char *numbered(const char *format, unsigned i)
{
	static char text[128];

	snprintf(text, sizeof(text), format, i, i);
	return text;
}

/* Node number i: ten folders are enough for a thousand. */
static const char *node(unsigned i)
{
	static char text[64];

	snprintf(text, sizeof(text), "data/%u/%u", i / 100, i);
	return text;
}

static void a_guest_owns_1000_nodes_and_not_1001(void)
{
	unsigned i = 0;

	begin();
	while (facts().nodes < 1000)
		SAYS(talk_write(&t, t.guest, 0, node(i++), "v"), "OK");
	SAYS(talk_write(&t, t.guest, 0, node(i), "v"), "ENOSPC");
	SAYS(talk(&t, t.guest, XS_MKDIR, 0, node(i)), "ENOSPC");
	SAYS(talk_write(&t, t.guest, 0, node(0), "still"), "OK");
	SAYS(talk(&t, t.guest, XS_RM, 0, node(0)), "OK");
	SAYS(talk(&t, t.guest, XS_MKDIR, 0, "data/x/y"), "ENOSPC");
	SAYS(talk(&t, t.guest, XS_MKDIR, 0, "data/x"), "OK");
	SAYS(talk(&t, t.guest, XS_MKDIR, 0, "data/y"), "ENOSPC");
	SAYS(talk_write(&t, t.control, 0, "/local/domain/1/data/0", ""), "OK");
	CU_ASSERT_EQUAL(facts().quota_refusals, 4);
	for (i = 0; i < 10; i++)
		SAYS(talk(&t, t.guest, XS_RM, 0, numbered("data/%u", i)), "OK");
	SAYS(talk(&t, t.guest, XS_RM, 0, "data/x"), "OK");
	end();
}

static void a_transaction_cannot_get_past_the_quota_of_nodes(void)
{
	unsigned i = 0;
	uint32_t one, two;

	begin();
	while (facts().nodes < 999)
		talk_write(&t, t.guest, 0, node(i++), "");
	talk(&t, t.control, XS_MKDIR, 0, "/local/domain/1/other");
	talk_args(&t, t.control, XS_SET_PERMS, 0,
		  "/local/domain/1/other|n0|b1");
	one = talk_start(&t, t.guest);
	two = talk_start(&t, t.guest);
	SAYS(talk(&t, t.guest, XS_MKDIR, one, "data/one"), "OK");
	SAYS(talk(&t, t.guest, XS_MKDIR, one, "data/more"), "ENOSPC");
	SAYS(talk_end(&t, t.guest, one, true), "ENOMEM"); /* it has failed */
	one = talk_start(&t, t.guest);
	SAYS(talk(&t, t.guest, XS_MKDIR, one, "data/one"), "OK");
	SAYS(talk(&t, t.guest, XS_MKDIR, two, "other/two"), "OK");
	SAYS(talk_end(&t, t.guest, one, true), "OK");
	SAYS(talk_end(&t, t.guest, two, true), "ENOSPC");
	CU_ASSERT_EQUAL(facts().nodes, 1000);
	for (i = 0; i < 10; i++)
		talk(&t, t.guest, XS_RM, 0, numbered("data/%u", i));
	talk(&t, t.guest, XS_RM, 0, "data/one");
	end();
}

static void a_guest_has_128_watches_and_not_129(void)
{
	begin();
	for (unsigned i = 0; i < 128; i++)
		SAYS(talk_args(&t, t.guest, XS_WATCH, 0,
			       numbered("data/%u|t%u", i)),
		     "OK");
	SAYS(talk_args(&t, t.guest, XS_WATCH, 0, "data|one-more"), "E2BIG");
	CU_ASSERT_EQUAL(facts().quota_refusals, 1);
	SAYS(talk_args(&t, t.guest, XS_UNWATCH, 0, "data/7|t7"), "OK");
	SAYS(talk_args(&t, t.guest, XS_WATCH, 0, "data|one-more"), "OK");
	SAYS(talk_args(&t, t.guest, XS_WATCH, 0, "data|another"), "E2BIG");
	SAYS(talk(&t, t.guest, XS_RESET_WATCHES, 0, ""), "OK");
	end();
}

static void a_guest_has_10_transactions_and_not_11(void)
{
	uint32_t tx[10];

	begin();
	for (unsigned i = 0; i < 10; i++)
		tx[i] = talk_start(&t, t.guest);
	SAYS(talk(&t, t.guest, XS_TRANSACTION_START, 0, ""), "ENOSPC");
	SAYS(talk_end(&t, t.guest, tx[3], false), "OK");
	tx[3] = talk_start(&t, t.guest);
	SAYS(talk(&t, t.guest, XS_TRANSACTION_START, 0, ""), "ENOSPC");
	for (unsigned i = 0; i < 10; i++)
		SAYS(talk_end(&t, t.guest, tx[i], i % 2), "OK");
	end();
}

static void a_transaction_touches_1024_nodes_and_not_1025(void)
{
	uint32_t tx;

	begin();
	tx = talk_start(&t, t.guest);
	for (unsigned i = 0; i < 1024; i++)
		SAYS(talk(&t, t.guest, XS_READ, tx, numbered("data/%u", i)),
		     "ENOENT");
	SAYS(talk(&t, t.guest, XS_READ, tx, "data/1024"), "ENOSPC");
	SAYS(talk(&t, t.guest, XS_READ, tx, "data/0"), "ENOENT");
	SAYS(talk_end(&t, t.guest, tx, true), "ENOMEM");
	tx = talk_start(&t, t.guest);
	for (unsigned i = 0; i < 1024; i++)
		talk(&t, t.guest, XS_READ, tx, numbered("data/%u", i));
	SAYS(talk_end(&t, t.guest, tx, true), "OK");
	end();
}

static const char *of_length(char c, size_t len)
{
	static char text[4096];

	memset(text, c, len);
	text[len] = '\0';
	return text;
}

static void a_node_has_2048_bytes_and_not_2049(void)
{
	begin();
	/* One permission is 8 of them. */
	SAYS(talk_write(&t, t.guest, 0, "data/v", of_length('v', 2040)), "OK");
	SAYS(talk_write(&t, t.guest, 0, "data/v", of_length('v', 2041)),
	     "ENOSPC");
	SAYS(talk_write(&t, t.guest, 0, "data/w", of_length('v', 2041)),
	     "ENOSPC");
	SAYS(talk_args(&t, t.guest, XS_SET_PERMS, 0, "data/v|n1|r2"), "ENOSPC");
	SAYS(talk(&t, t.guest, XS_MKDIR, 0, "data/v/x"), "ENOSPC");
	SAYS(talk_write(&t, t.guest, 0, "data/v", of_length('v', 2038)), "OK");
	SAYS(talk(&t, t.guest, XS_MKDIR, 0, "data/v/xy"), "ENOSPC");
	SAYS(talk(&t, t.guest, XS_MKDIR, 0, "data/v/x"), "OK");
	SAYS(talk(&t, t.guest, XS_RM, 0, "data/v"), "OK");
	end();
}

static void names_of_children_count_in_a_nodes_size(void)
{
	unsigned i;

	begin();
	talk(&t, t.guest, XS_MKDIR, 0, "data/d");
	for (i = 0; i < 204; i++) /* 10 bytes each, of 2040 */
		SAYS(talk(&t, t.guest, XS_MKDIR, 0,
			  numbered("data/d/%09u", i)),
		     "OK");
	SAYS(talk(&t, t.guest, XS_MKDIR, 0, "data/d/x"), "ENOSPC");
	SAYS(talk(&t, t.guest, XS_RM, 0, numbered("data/d/%09u", 5)), "OK");
	SAYS(talk(&t, t.guest, XS_MKDIR, 0, numbered("data/d/%010u", 5)),
	     "ENOSPC");
	SAYS(talk(&t, t.guest, XS_MKDIR, 0, numbered("data/d/%09u", 5)), "OK");
	SAYS(talk(&t, t.guest, XS_RM, 0, "data/d"), "OK");
	end();
}

static void a_node_has_5_permissions_and_not_6(void)
{
	begin();
	talk(&t, t.guest, XS_MKDIR, 0, "data/p");
	SAYS(talk_args(&t, t.guest, XS_SET_PERMS, 0, "data/p|n1|r2|r3|r4|r5"),
	     "OK");
	SAYS(talk_args(&t, t.guest, XS_SET_PERMS, 0,
		       "data/p|n1|r2|r3|r4|r5|r6"),
	     "ENOSPC");
	SAYS(talk(&t, t.guest, XS_RM, 0, "data/p"), "OK");
	end();
}

static void nothing_is_too_much_for_domain_0(void)
{
	struct xenstore_facts f;
	uint32_t tx;

	begin();
	tx = talk_start(&t, t.control);
	for (unsigned i = 0; i < 20; i++)
		talk_start(&t, t.control);
	for (unsigned i = 0; i < 2000; i++) {
		SAYS(talk(&t, t.control, XS_MKDIR, tx, numbered("/n/%u", i)),
		     "OK");
		SAYS(talk_args(&t, t.control, XS_WATCH, 0,
			       numbered("/n|%u", i)),
		     "OK");
	}
	SAYS(talk_write(&t, t.control, tx, "/v", of_length('v', 4000)), "OK");
	SAYS(talk_args(&t, t.control, XS_SET_PERMS, tx,
		       "/v|n0|r1|r2|r3|r4|r5|r6|r7"),
	     "OK");
	SAYS(talk_end(&t, t.control, tx, true), "OK");
	xenstore_facts(t.xs, 0, &f);
	CU_ASSERT_TRUE(f.nodes > 2000 && f.watches == 2000);
	CU_ASSERT_EQUAL(xenstore_wait_ms(t.control, 0), 0);
	SAYS(talk(&t, t.control, XS_RM, 0, "/n"), "OK");
	end();
}

/* --- memory ------------------------------------------------------------- */

/* Old versions of large values, kept by open transactions. */
static void fill_memory(void)
{
	for (unsigned tx = 0; tx < 10; tx++) {
		talk_start(&t, t.guest);
		for (unsigned i = 0; i < 300; i++)
			talk_write(&t, t.guest, 0, node(i),
				   of_length('a' + tx, 2000));
	}
}

static void memory_is_limited_snapshots_included(void)
{
	struct xenstore_facts f;

	begin();
	fill_memory();
	f = facts();
	CU_ASSERT_TRUE(f.memory_bytes <= 2560 << 10);
	CU_ASSERT_TRUE(f.memory_bytes > 2500 << 10);
	CU_ASSERT_TRUE(f.soft_exceeded == 1);
	CU_ASSERT_TRUE(f.quota_refusals > 1000);
	SAYS(talk_write(&t, t.guest, 0, "data/x", of_length('x', 2000)),
	     "ENOMEM");
	CU_ASSERT_TRUE(talk_is_sound(&t));
	SAYS(talk_write(&t, t.control, 0, "/local/domain/1/data/c",
			of_length('x', 2000)),
	     "OK");
	/* What gives memory back is always possible. */
	SAYS(talk(&t, t.guest, XS_RM, 0, "data/0"), "OK");
	SAYS(talk(&t, t.guest, XS_RESET_WATCHES, 0, ""), "OK");
	SAYS(talk_write(&t, t.guest, 0, "data/x", of_length('x', 2000)), "OK");
	for (unsigned i = 0; i < 10; i++)
		talk(&t, t.guest, XS_RM, 0, numbered("data/%u", i));
	talk(&t, t.guest, XS_RM, 0, "data/c");
	talk(&t, t.guest, XS_RM, 0, "data/x");
	end();
}

static void what_is_queued_counts_until_it_was_taken(void)
{
	begin();
	CU_ASSERT_EQUAL(xenstore_wait_ms(t.guest, 0), 0);
	xenstore_queued(t.guest, 19, 100);
	CU_ASSERT_EQUAL(xenstore_wait_ms(t.guest, 0), 0);
	xenstore_queued(t.guest, 1, 100);
	CU_ASSERT_EQUAL(xenstore_wait_ms(t.guest, 0), UINT64_MAX);
	CU_ASSERT_EQUAL(facts().outstanding, 20);
	CU_ASSERT_EQUAL(facts().memory_bytes, at_first.memory_bytes + 200);
	xenstore_queued(t.guest, -1, -100);
	CU_ASSERT_EQUAL(xenstore_wait_ms(t.guest, 0), 0);
	xenstore_queued(t.guest, 0, 3 << 20);
	CU_ASSERT_EQUAL(xenstore_wait_ms(t.guest, 0), UINT64_MAX);
	SAYS(talk_args(&t, t.guest, XS_WATCH, 0, "data|t"), "ENOMEM");
	xenstore_queued(t.guest, -19, -100 - (3 << 20));
	end();
}

static void a_closed_connection_leaves_nothing(void)
{
	struct xenstore_conn *other;

	begin();
	CU_ASSERT_FATAL(!xenstore_open(t.xs, &other, 1, 0, 0));
	talk_args(&t, other, XS_WATCH, 0, "data|t");
	talk_write(&t, other, talk_start(&t, other), "data/x", "v");
	xenstore_queued(other, 5, 500);
	CU_ASSERT_EQUAL(facts().transactions, 1);
	xenstore_close(other);
	end();
}

/* --- credit ------------------------------------------------------------- */

/* Writes each millisecond as often as allowed, ten times at most; returns how
 * many there were. */
static unsigned flood(unsigned ms)
{
	unsigned writes = 0;

	for (unsigned i = 0; i < ms; i++, t.now_ms++)
		for (unsigned n = 0; n < 10; n++) {
			if (xenstore_wait_ms(t.guest, t.now_ms))
				break;
			talk_write(&t, t.guest, 0, "data/flood", "x");
			writes++;
		}
	return writes;
}

static void a_flood_of_writes_gets_the_rate_and_its_savings(void)
{
	unsigned writes;

	begin();
	writes = flood(10000);
	CU_ASSERT_TRUE(writes >= 2000 && writes <= 2000 + 10 + 1);
	t.now_ms += 60000; /* saves 10, and 1000 in the reserve */
	writes = flood(1000);
	CU_ASSERT_TRUE(writes >= 1200 && writes <= 200 + 1010 + 1);
	CU_ASSERT_EQUAL(flood(1000), 200);
	talk(&t, t.control, XS_RM, 0, "/local/domain/1/data/flood");
	end();
}

static void the_time_to_wait_is_the_time_of_the_next_credit(void)
{
	uint64_t wait;

	begin();
	flood(100);
	while (!xenstore_wait_ms(t.guest, t.now_ms))
		talk(&t, t.guest, XS_RM, 0, "data/none");
	wait = xenstore_wait_ms(t.guest, t.now_ms);
	CU_ASSERT_TRUE(wait > 0 && wait <= 5);
	CU_ASSERT_EQUAL(xenstore_wait_ms(t.guest, t.now_ms + wait - 1), 1);
	CU_ASSERT_EQUAL(xenstore_wait_ms(t.guest, t.now_ms + wait), 0);
	talk(&t, t.control, XS_RM, 0, "/local/domain/1/data/flood");
	end();
}

static void reading_costs_no_credit_and_writing_in_vain_does(void)
{
	struct xenstore_facts f;
	int64_t before;

	begin();
	before = facts().write_credit;
	talk(&t, t.guest, XS_READ, 0, "data");
	talk(&t, t.guest, XS_DIRECTORY, 0, "data");
	talk_args(&t, t.guest, XS_WATCH, 0, "data|t");
	talk(&t, t.guest, XS_RESET_WATCHES, 0, "");
	CU_ASSERT_EQUAL(facts().write_credit, before);
	talk_write(&t, t.guest, 0, "/tool/x", "");
	talk(&t, t.guest, XS_RM, 0, "data/none");
	f = facts();
	CU_ASSERT_EQUAL(f.write_credit, before - 2000);
	CU_ASSERT_EQUAL(f.errors, 1);
	end();
}

static void a_request_pays_for_each_node_it_makes_or_removes(void)
{
	int64_t before;
	uint32_t tx;

	begin();
	before = facts().write_credit;
	talk(&t, t.guest, XS_MKDIR, 0, "data/a/b/c");
	CU_ASSERT_EQUAL(facts().write_credit, before - 3000);
	talk(&t, t.guest, XS_RM, 0, "data/a");
	CU_ASSERT_EQUAL(facts().write_credit, before - 6000);
	tx = talk_start(&t, t.guest);
	talk(&t, t.guest, XS_MKDIR, tx, "data/a/b/c");
	talk_end(&t, t.guest, tx, true);
	CU_ASSERT_EQUAL(facts().write_credit, before - 10000);
	talk(&t, t.control, XS_RM, 0, "/local/domain/1/data/a");
	CU_ASSERT_EQUAL(facts().write_credit, before - 10000);
	end();
}

static void domains_share_the_rate(void)
{
	struct xenstore_conn *other;
	unsigned writes;

	begin();
	flood(1000);
	CU_ASSERT_FATAL(!xenstore_open(t.xs, &other, 2, 0, t.now_ms));
	writes = flood(1000);
	/* Half of 200; what the other does not use comes later. */
	CU_ASSERT_TRUE(writes >= 95 && writes <= 101);
	xenstore_close(other);
	CU_ASSERT_TRUE(flood(1000) >= 195);
	talk(&t, t.control, XS_RM, 0, "/local/domain/1/data/flood");
	end();
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(a_guest_owns_1000_nodes_and_not_1001),
		SUITE_TEST(a_transaction_cannot_get_past_the_quota_of_nodes),
		SUITE_TEST(a_guest_has_128_watches_and_not_129),
		SUITE_TEST(a_guest_has_10_transactions_and_not_11),
		SUITE_TEST(a_transaction_touches_1024_nodes_and_not_1025),
		SUITE_TEST(a_node_has_2048_bytes_and_not_2049),
		SUITE_TEST(names_of_children_count_in_a_nodes_size),
		SUITE_TEST(a_node_has_5_permissions_and_not_6),
		SUITE_TEST(nothing_is_too_much_for_domain_0),
		SUITE_TEST(memory_is_limited_snapshots_included),
		SUITE_TEST(what_is_queued_counts_until_it_was_taken),
		SUITE_TEST(a_closed_connection_leaves_nothing),
		SUITE_TEST(a_flood_of_writes_gets_the_rate_and_its_savings),
		SUITE_TEST(the_time_to_wait_is_the_time_of_the_next_credit),
		SUITE_TEST(reading_costs_no_credit_and_writing_in_vain_does),
		SUITE_TEST(a_request_pays_for_each_node_it_makes_or_removes),
		SUITE_TEST(domains_share_the_rate),
	};

	return suite_run("xenstore_quota", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
