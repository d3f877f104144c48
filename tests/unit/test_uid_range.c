/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User ids of domains: nobody gets one that somebody has, be it a domain or a
 * process that nobody remembers.  /proc is a folder of the test's own.
 */
#include "hypervisor/uid_range.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "tests/lib/suite.h"

#define FIRST 200000

static char proc[64];

static void add_process(unsigned pid, const char *uids)
{
	char path[128];
	FILE *to;

	snprintf(path, sizeof(path), "%s/%u", proc, pid);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%u/status", proc, pid);
	to = fopen(path, "w");
	fprintf(to, "Name:\tqemu\nUmask:\t0022\nState:\tZ (zombie)\n");
	if (uids)
		fprintf(to, "Uid:\t%s\nGid:\t0\t0\t0\t0\n", uids);
	fclose(to);
}

static void end_process(unsigned pid)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%u/status", proc, pid);
	unlink(path);
}

static struct uid_range *range(unsigned count)
{
	struct uid_range *r;

	CU_ASSERT_EQUAL_FATAL(uid_range_new(&r, FIRST, FIRST + count - 1,
					    proc), 0);
	return r;
}

static void takes(struct uid_range *r, uid_t expected)
{
	uid_t uid = 0;
	char text[128];

	CU_ASSERT_EQUAL(uid_range_take(r, &uid, text, sizeof(text)), 0);
	CU_ASSERT_EQUAL(uid, expected);
}

static void ids_are_given_out_in_turn(void)
{
	struct uid_range *r = range(3);

	takes(r, FIRST);
	takes(r, FIRST + 1);
	uid_range_give(r, FIRST);
	takes(r, FIRST + 2);
	takes(r, FIRST);
	CU_ASSERT_EQUAL(uid_range_held(r), 3);
	uid_range_give(r, FIRST + 1);
	uid_range_give(r, FIRST + 1);
	CU_ASSERT_EQUAL(uid_range_held(r), 2);
	takes(r, FIRST + 1);
	uid_range_free(r);
}

static void a_range_used_up_says_by_whom(void)
{
	struct uid_range *r = range(2);
	char text[128];
	uid_t uid;

	add_process(10, "200001\t200001\t200001\t200001");
	takes(r, FIRST);
	CU_ASSERT_EQUAL(uid_range_take(r, &uid, text, sizeof(text)), -ENOSPC);
	CU_ASSERT_STRING_EQUAL(text, "all 2 uids from 200000 to 200001 are in "
			       "use: 1 by domains, 1 by other processes");
	end_process(10);
	takes(r, FIRST + 1);
	uid_range_free(r);
}

static void any_of_a_process_s_four_uids_counts(void)
{
	struct uid_range *r = range(6);

	add_process(1, "0\t0\t0\t0");
	add_process(20, "200000\t0\t0\t0");
	add_process(21, "0\t200001\t0\t0");
	add_process(22, "0\t0\t200002\t0");
	add_process(23, "0\t0\t0\t200003");
	add_process(24, "199999\t200006\t4294967295\t0");
	takes(r, FIRST + 4);
	takes(r, FIRST + 5);
	end_process(1);
	end_process(20);
	end_process(21);
	end_process(22);
	end_process(23);
	end_process(24);
	takes(r, FIRST);
	uid_range_free(r);
}

static void what_cannot_be_read_gives_nothing(void)
{
	struct uid_range *r = range(2);
	char text[128];
	uid_t uid;

	add_process(30, NULL);
	CU_ASSERT_EQUAL(uid_range_take(r, &uid, text, sizeof(text)), -EPROTO);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "cannot be read"));
	end_process(30);
	uid_range_free(r);
	CU_ASSERT_EQUAL(uid_range_new(&r, FIRST, FIRST, "/nowhere/proc"), 0);
	CU_ASSERT_EQUAL(uid_range_take(r, &uid, text, sizeof(text)), -ENOENT);
	uid_range_free(r);
}

static void what_a_found_domain_has_is_not_given_out(void)
{
	struct uid_range *r = range(2);
	char text[128];
	uid_t uid;

	CU_ASSERT_EQUAL(uid_range_claim(r, FIRST), 0);
	CU_ASSERT_EQUAL(uid_range_claim(r, FIRST), -EBUSY);
	CU_ASSERT_EQUAL(uid_range_claim(r, 300000), 0); /* of an older range */
	takes(r, FIRST + 1);
	CU_ASSERT_EQUAL(uid_range_take(r, &uid, text, sizeof(text)), -ENOSPC);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "2 by domains"));
	uid_range_free(r);
}

static void another_range_leaves_what_is_held(void)
{
	struct uid_range *r = range(2);

	takes(r, FIRST);
	CU_ASSERT_EQUAL(uid_range_set(r, 300000, 300000), 0);
	takes(r, 300000);
	CU_ASSERT_EQUAL(uid_range_set(r, FIRST, FIRST + 1), 0);
	takes(r, FIRST + 1);
	CU_ASSERT_EQUAL(uid_range_set(r, 5, 4), -EINVAL);
	CU_ASSERT_EQUAL(uid_range_set(r, 0, 4), -EINVAL);
	CU_ASSERT_EQUAL(uid_range_held(r), 3);
	uid_range_free(r);
}

static void more_than_can_be_held_is_refused(void)
{
	struct uid_range *r = range(UID_RANGE_HELD_MAX + 10);
	char text[128];
	unsigned i;
	uid_t uid;

	for (i = 0; i < UID_RANGE_HELD_MAX; i++)
		CU_ASSERT_EQUAL(uid_range_take(r, &uid, text, sizeof(text)),
				0);
	CU_ASSERT_EQUAL(uid_range_take(r, &uid, text, sizeof(text)), -ENOSPC);
	CU_ASSERT_EQUAL(uid_range_claim(r, 7), -ENOSPC);
	uid_range_free(r);
}

static void the_real_proc_can_be_read(void)
{
	struct uid_range *r;
	char text[128];
	uid_t uid = 0;

	CU_ASSERT_EQUAL(uid_range_new(&r, FIRST, FIRST + 1000, "/proc"), 0);
	CU_ASSERT_EQUAL(uid_range_take(r, &uid, text, sizeof(text)), 0);
	CU_ASSERT(uid >= FIRST);
	uid_range_free(r);
	uid_range_free(NULL);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(ids_are_given_out_in_turn),
		SUITE_TEST(a_range_used_up_says_by_whom),
		SUITE_TEST(any_of_a_process_s_four_uids_counts),
		SUITE_TEST(what_cannot_be_read_gives_nothing),
		SUITE_TEST(what_a_found_domain_has_is_not_given_out),
		SUITE_TEST(another_range_leaves_what_is_held),
		SUITE_TEST(more_than_can_be_held_is_refused),
		SUITE_TEST(the_real_proc_can_be_read),
	};
	char command[128];
	int failed;

	strcpy(proc, "/tmp/cw-proc-XXXXXX");
	if (!mkdtemp(proc))
		return 1;
	failed = suite_run("uid_range", tests,
			   sizeof(tests) / sizeof(tests[0]));
	snprintf(command, sizeof(command), "rm -rf %s", proc);
	return system(command) || failed;
}
