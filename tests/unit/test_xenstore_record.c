/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_xenstore_record.c: a store that is killed and comes back from its
 * records, and records that make no sense.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/suite.h"
#include "tests/lib/xenstore_talk.h"

#define SAYS(said, expected) CU_ASSERT_STRING_EQUAL(said, expected)

static struct talk t;

static void begin(void)
{
	talk_init(&t, NULL);
	talk_heard(&t);
}

static void end(void)
{
	CU_ASSERT_TRUE(talk_is_sound(&t));
	talk_fini(&t);
}

static void restart(void)
{
	CU_ASSERT_EQUAL(talk_restart(&t), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(t.guest);
	CU_ASSERT_EQUAL(xenstore_conn_key(t.guest), 1);
	CU_ASSERT_EQUAL(xenstore_conn_domid(t.guest), 1);
	CU_ASSERT_TRUE(talk_is_sound(&t));
}

static void nodes_and_permissions_outlive_a_restart(void)
{
	struct xenstore_facts before, after;

	begin();
	talk_bytes(&t, t.guest, XS_WRITE, 0, "data/v\0a\0b", 10);
	talk_args(&t, t.guest, XS_SET_PERMS, 0, "data/v|n1|r2|b3");
	talk_args(&t, t.control, XS_SET_PERMS, 0, "@releaseDomain|n0|r1");
	talk_args(&t, t.control, XS_INTRODUCE, 0, "2|0|0");
	talk_args(&t, t.control, XS_SET_TARGET, 0, "2|1");
	talk(&t, t.control, XS_RM, 0, "/tool");
	xenstore_facts(t.xs, 1, &before);
	restart();
	xenstore_facts(t.xs, 1, &after);
	CU_ASSERT_EQUAL(before.nodes, after.nodes);
	CU_ASSERT_EQUAL(before.memory_bytes, after.memory_bytes);
	CU_ASSERT_TRUE(after.introduced);
	SAYS(talk(&t, t.guest, XS_READ, 0, "data/v"), "a|b");
	SAYS(talk(&t, t.guest, XS_GET_PERMS, 0, "data/v"), "n1|r2|b3");
	SAYS(talk(&t, t.guest, XS_GET_PERMS, 0, "@releaseDomain"), "n0|r1");
	SAYS(talk(&t, t.control, XS_READ, 0, "/tool"), "ENOENT");
	SAYS(talk(&t, t.control, XS_IS_DOMAIN_INTRODUCED, 0, "2"), "T");
	end();
}

static void watches_fire_after_a_restart_as_before(void)
{
	begin();
	talk_args(&t, t.guest, XS_WATCH, 0, "data|rel");
	talk_args(&t, t.guest, XS_WATCH, 0, "/local/domain/1/data|abs");
	talk_args(&t, t.control, XS_WATCH, 0, "/|lost with its connection");
	talk_heard(&t);
	restart();
	SAYS(talk_heard(&t), ""); /* nothing has changed */
	talk_write(&t, t.guest, 0, "data/x", "");
	SAYS(talk_heard(&t), "1:data/x=rel 1:/local/domain/1/data/x=abs");
	SAYS(talk_args(&t, t.guest, XS_WATCH, 0, "data|rel"), "EEXIST");
	SAYS(talk_args(&t, t.guest, XS_UNWATCH, 0, "data|rel"), "OK");
	restart();
	SAYS(talk_args(&t, t.guest, XS_UNWATCH, 0, "data|rel"), "ENOENT");
	end();
}

static void a_transaction_lost_in_a_restart_ends_in_eagain(void)
{
	uint32_t tx, next;

	begin();
	tx = talk_start(&t, t.guest);
	talk_write(&t, t.guest, tx, "data/a", "1");
	restart();
	SAYS(talk_write(&t, t.guest, tx, "data/b", "2"), "OK");
	SAYS(talk(&t, t.guest, XS_READ, tx, "data/b"), "2");
	next = talk_start(&t, t.guest);
	CU_ASSERT_NOT_EQUAL(next, tx);
	SAYS(talk_end(&t, t.guest, tx, true), "EAGAIN");
	SAYS(talk(&t, t.guest, XS_DIRECTORY, 0, "data"), "");
	SAYS(talk_write(&t, t.guest, next, "data/c", "3"), "OK");
	SAYS(talk_end(&t, t.guest, next, true), "OK");
	SAYS(talk_end(&t, t.guest, next, true), "ENOENT");
	SAYS(talk(&t, t.guest, XS_READ, next + 1, "data"), "ENOENT");
	end();
}

static void a_lost_transaction_can_be_given_up(void)
{
	uint32_t tx;

	begin();
	tx = talk_start(&t, t.guest);
	restart();
	restart(); /* still the same for its client */
	SAYS(talk_end(&t, t.guest, tx, false), "OK");
	end();
}

static void lost_transactions_are_limited_like_others(void)
{
	struct xenstore_facts facts;

	begin();
	restart();
	for (unsigned i = 0; i < 10; i++)
		SAYS(talk(&t, t.guest, XS_READ, 0x77000000 + i, "data"), "");
	SAYS(talk(&t, t.guest, XS_READ, 0x77000010, "data"), "ENOENT");
	SAYS(talk(&t, t.guest, XS_TRANSACTION_START, 0, ""), "ENOSPC");
	SAYS(talk(&t, t.guest, XS_RESET_WATCHES, 0, ""), "OK");
	xenstore_facts(t.xs, 1, &facts);
	CU_ASSERT_EQUAL(facts.transactions, 0);
	end();
}

static void each_change_makes_records_and_reading_none(void)
{
	static const struct {
		uint32_t type;
		const char *args;
		unsigned records;
	} cases[] = {
		{ XS_READ, "data", 0 },
		{ XS_WRITE, "data/a/b|v", 2 },
		{ XS_WRITE, "data/a/b|w", 1 },
		{ XS_MKDIR, "data/a/b", 0 },
		{ XS_SET_PERMS, "data/a|r1", 1 },
		{ XS_WATCH, "data|t", 1 },
		{ XS_UNWATCH, "data|t", 1 },
		{ XS_RM, "data/a", 1 },
		{ XS_RM, "data/a", 0 },
		{ XS_TRANSACTION_START, "", 0 },
		{ XS_GET_PERMS, "data", 0 },
	};

	begin();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned long before = t.records;

		talk_args(&t, t.guest, cases[i].type, 0, cases[i].args);
		CU_ASSERT_EQUAL(t.records - before, cases[i].records);
	}
	end();
}

/* A string literal as a field, without its NUL. */
#define FIELD(text) { text, sizeof(text) - 1 }

static void records_that_make_no_sense_are_refused(void)
{
	static const struct xenstore_record bad[] = {
		{ 0, { FIELD("/a"), FIELD("n0\0"), FIELD("") } },
		{ 99, { FIELD("/a"), FIELD("n0\0"), FIELD("") } },
		{ XENSTORE_RECORD_NODE, { FIELD("/a"), FIELD(""), FIELD("") } },
		{ XENSTORE_RECORD_NODE,
		  { FIELD("/a"), FIELD("n0"), FIELD("") } },
		{ XENSTORE_RECORD_NODE,
		  { FIELD("/a"), FIELD("x0\0"), FIELD("") } },
		{ XENSTORE_RECORD_NODE,
		  { FIELD("/a\0b"), FIELD("n0\0"), FIELD("") } },
		{ XENSTORE_RECORD_NODE,
		  { FIELD("a"), FIELD("n0\0"), FIELD("") } },
		{ XENSTORE_RECORD_NODE,
		  { FIELD("/none/a"), FIELD("n0\0"), FIELD("") } },
		{ XENSTORE_RECORD_NODE,
		  { FIELD("@none"), FIELD("n0\0"), FIELD("") } },
		{ XENSTORE_RECORD_RM, { FIELD("/"), FIELD(""), FIELD("") } },
		{ XENSTORE_RECORD_RM,
		  { FIELD("@releaseDomain"), FIELD(""), FIELD("") } },
		{ XENSTORE_RECORD_RM,
		  { FIELD("/none/a"), FIELD(""), FIELD("") } },
		{ XENSTORE_RECORD_DOMAIN,
		  { FIELD("0"), FIELD(""), FIELD("") } },
		{ XENSTORE_RECORD_DOMAIN,
		  { FIELD("x"), FIELD(""), FIELD("") } },
		{ XENSTORE_RECORD_DOMAIN,
		  { FIELD("1"), FIELD("65536"), FIELD("") } },
		{ XENSTORE_RECORD_RELEASED,
		  { FIELD("9"), FIELD(""), FIELD("") } },
		{ XENSTORE_RECORD_CONN,
		  { FIELD("0"), FIELD("1"), FIELD("0") } },
		{ XENSTORE_RECORD_CONN,
		  { FIELD("5"), FIELD("70000"), FIELD("0") } },
		{ XENSTORE_RECORD_CONN,
		  { FIELD("5"), FIELD("1"), FIELD("") } },
		{ XENSTORE_RECORD_CLOSED,
		  { FIELD("9"), FIELD(""), FIELD("") } },
		{ XENSTORE_RECORD_WATCH,
		  { FIELD("9"), FIELD("/a"), FIELD("t") } },
		{ XENSTORE_RECORD_UNWATCH,
		  { FIELD("9"), FIELD("/a"), FIELD("t") } },
	};
	struct xenstore_out nobody = { NULL, NULL, NULL, NULL };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_FATAL(!xenstore_new(&t.xs, NULL, &nobody));
		CU_ASSERT_EQUAL(xenstore_restore(t.xs, &bad[i]), -EINVAL);
		CU_ASSERT_TRUE(talk_is_sound(&t));
		xenstore_free(t.xs);
	}
}

static int stop_at_third(void *ctx, const struct xenstore_record *rec)
{
	unsigned *n = ctx;

	return ++*n == 3 ? -EIO : 0;
}

static void saving_ends_with_the_first_error(void)
{
	unsigned n = 0;

	begin();
	CU_ASSERT_EQUAL(xenstore_save(t.xs, stop_at_third, &n), -EIO);
	CU_ASSERT_EQUAL(n, 3);
	end();
}

static void keys_are_unique_and_0_is_none(void)
{
	struct xenstore_conn *conn;

	begin();
	CU_ASSERT_EQUAL(xenstore_open(t.xs, &conn, 1, 1, 0), -EEXIST);
	CU_ASSERT_EQUAL(xenstore_open(t.xs, &conn, 65536, 2, 0), -EINVAL);
	CU_ASSERT_EQUAL(xenstore_open(t.xs, &conn, 1, 0, 0), 0);
	CU_ASSERT_EQUAL(xenstore_open(t.xs, &conn, 1, 0, 0), 0);
	xenstore_close(t.guest);
	CU_ASSERT_EQUAL(xenstore_open(t.xs, &t.guest, 1, 1, 0), 0);
	xenstore_close(NULL);
	end();
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(nodes_and_permissions_outlive_a_restart),
		SUITE_TEST(watches_fire_after_a_restart_as_before),
		SUITE_TEST(a_transaction_lost_in_a_restart_ends_in_eagain),
		SUITE_TEST(a_lost_transaction_can_be_given_up),
		SUITE_TEST(lost_transactions_are_limited_like_others),
		SUITE_TEST(each_change_makes_records_and_reading_none),
		SUITE_TEST(records_that_make_no_sense_are_refused),
		SUITE_TEST(saving_ends_with_the_first_error),
		SUITE_TEST(keys_are_unique_and_0_is_none),
	};

	return suite_run("xenstore_record", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
