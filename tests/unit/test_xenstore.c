/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_xenstore.c: nodes, permissions, transactions and watches of a store, as
 * its clients see them.
 */
#include <errno.h>
#include <stdio.h>
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

static void what_is_written_is_read_and_listed(void)
{
	begin();
	SAYS(talk_write(&t, t.control, 0, "/a/b/c", "value"), "OK");
	SAYS(talk(&t, t.control, XS_READ, 0, "/a/b/c"), "value");
	SAYS(talk(&t, t.control, XS_READ, 0, "/a/b"), "");
	SAYS(talk_write(&t, t.control, 0, "/a/b/a", ""), "OK");
	SAYS(talk(&t, t.control, XS_DIRECTORY, 0, "/a/b"), "a|c");
	SAYS(talk(&t, t.control, XS_RM, 0, "/a"), "OK");
	SAYS(talk(&t, t.control, XS_READ, 0, "/a/b/c"), "ENOENT");
	SAYS(talk(&t, t.control, XS_DIRECTORY, 0, "/"), "local|tool");
	end();
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(what_is_written_is_read_and_listed),
	};

	return suite_run("xenstore", tests, sizeof(tests) / sizeof(tests[0]));
}
