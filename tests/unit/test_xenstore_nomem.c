/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_xenstore_nomem.c: every allocation of every kind of request fails once.
 * The answer is ENOMEM, nothing has happened and nothing is counted wrongly,
 * and the same request succeeds when there is memory again.
 *
 * The linker has malloc() and its kin come here first (--wrap).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/suite.h"
#include "tests/lib/xenstore_talk.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static unsigned countdown; /* allocations until one fails; 0: none does */
static bool has_failed;

static bool fails(void)
{
	if (!countdown || --countdown)
		return false;
	has_failed = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

static struct talk t;

/* All there is, as one string of bytes. */
struct dump {
	char bytes[16384];
	size_t len;
};

static int add(void *ctx, const struct xenstore_record *rec)
{
	struct dump *d = ctx;

	for (unsigned i = 0; i < 3; i++) {
		CU_ASSERT_FATAL(d->len + rec->field[i].len < sizeof(d->bytes));
		memcpy(d->bytes + d->len, rec->field[i].data,
		       rec->field[i].len);
		d->len += rec->field[i].len;
		d->bytes[d->len++] = '|';
	}
	return 0;
}

static void save(struct dump *d)
{
	d->len = 0;
	CU_ASSERT_FATAL(!xenstore_save(t.xs, add, d));
}

/* Something of everything; a transaction is open, so that nodes are shared. */
static uint32_t begin(void)
{
	uint32_t tx;

	talk_init(&t, NULL);
	talk_write(&t, t.guest, 0, "data/a/b", "v");
	talk_write(&t, t.guest, 0, "data/a/c", "w");
	talk_args(&t, t.guest, XS_WATCH, 0, "data|t");
	tx = talk_start(&t, t.guest);
	talk(&t, t.guest, XS_RM, tx, "data/a");
	talk_write(&t, t.guest, tx, "data/a/d/e", "x");
	talk_args(&t, t.guest, XS_SET_PERMS, tx, "data|n1|r2");
	return tx;
}

/* With the n-th allocation failing; false: it does not have so many. */
static bool fails_well(bool guest, uint32_t type, bool in_tx, const char *args,
		       unsigned n)
{
	static struct dump before, after;
	struct xenstore_conn *conn;
	uint32_t tx = begin();

	tx = in_tx ? tx : 0;
	conn = guest ? t.guest : t.control;
	save(&before);
	countdown = n;
	has_failed = false;
	talk_args(&t, conn, type, tx, args);
	countdown = 0;
	if (has_failed && strcmp(t.reply, "OK")) {
		CU_ASSERT_STRING_EQUAL(t.reply, "ENOMEM");
		save(&after);
		CU_ASSERT_TRUE(before.len == after.len &&
			       !memcmp(before.bytes, after.bytes, after.len));
		if (type != XS_TRANSACTION_END) /* it is gone */
			CU_ASSERT_STRING_NOT_EQUAL(
				talk_args(&t, conn, type, tx, args), "ENOMEM");
	}
	CU_ASSERT_TRUE(talk_is_sound(&t));
	talk_fini(&t);
	return has_failed;
}

static void a_request_without_memory_has_not_been(void)
{
	static const struct {
		bool guest;
		uint32_t type;
		bool in_tx;
		const char *args;
	} cases[] = {
		{ true, XS_WRITE, false, "data/a/b|new" },
		{ true, XS_WRITE, false, "data/n/e/w|new" },
		{ true, XS_WRITE, true, "data/a/b|new" },
		{ true, XS_WRITE, true, "data/n/e/w|new" },
		{ true, XS_MKDIR, false, "data/a/x/y/z" },
		{ true, XS_RM, false, "data/a" },
		{ true, XS_RM, true, "data/a/d" },
		{ true, XS_SET_PERMS, false, "data/a|n1|r2|r3" },
		{ true, XS_SET_PERMS, true, "data/a|n1|r2|r3" },
		{ false, XS_SET_PERMS, false, "/local/domain/1/data/a/b|n9" },
		{ true, XS_WATCH, false, "data/a|u" },
		{ true, XS_TRANSACTION_START, false, "" },
		{ true, XS_TRANSACTION_END, true, "T" },
		{ true, XS_READ, true, "data/none" },
		{ false, XS_INTRODUCE, false, "8|0|0" },
		{ true, XS_READ, false, "data/a/b" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned n = 1;

		while (fails_well(cases[i].guest, cases[i].type, cases[i].in_tx,
				  cases[i].args, n))
			n++;
		CU_ASSERT_TRUE(n > 1 || cases[i].type == XS_READ);
	}
}

static void a_release_without_memory_can_be_tried_again(void)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		begin();
		countdown = n;
		has_failed = false;
		talk(&t, t.control, XS_RELEASE, 0, "1");
		countdown = 0;
		failed = has_failed;
		if (strcmp(t.reply, "OK"))
			CU_ASSERT_STRING_EQUAL(talk(&t, t.control, XS_RELEASE,
						    0, "1"),
					       "OK");
		CU_ASSERT_TRUE(talk_is_sound(&t));
		CU_ASSERT_STRING_EQUAL(talk(&t, t.control, XS_DIRECTORY, 0,
					    "/local/domain/1"),
				       "");
		talk_fini(&t);
	}
}

static void a_store_or_connection_without_memory_is_none(void)
{
	struct xenstore_out nobody = { NULL, NULL, NULL, NULL };
	struct xenstore_conn *conn;
	struct xenstore *xs;
	unsigned n = 0;
	int rc;

	do {
		countdown = ++n;
		rc = xenstore_new(&xs, NULL, &nobody);
		CU_ASSERT_TRUE(!rc || rc == -ENOMEM);
	} while (rc);
	countdown = n = 0;
	do {
		countdown = ++n;
		rc = xenstore_open(xs, &conn, 3, 1, 0);
		CU_ASSERT_TRUE(!rc || rc == -ENOMEM);
	} while (rc);
	countdown = 0;
	CU_ASSERT_TRUE(n > 1);
	xenstore_free(xs);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(a_request_without_memory_has_not_been),
		SUITE_TEST(a_release_without_memory_can_be_tried_again),
		SUITE_TEST(a_store_or_connection_without_memory_is_none),
	};

	return suite_run("xenstore_nomem", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
