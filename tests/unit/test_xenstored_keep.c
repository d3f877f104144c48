/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tree's journal: whole steps or nothing, wherever the process was killed
 * and whatever has happened to the file since.
 */
#include "hypervisor/xenstored_keep.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>
#include <sys/stat.h>

#include "base/log.h"
#include "tests/lib/suite.h"

static char dir[] = "/tmp/test_xenstored_keep.XXXXXX";
static char path[64], new_path[80];

static struct keep *fresh(void)
{
	struct keep *keep;

	unlink(path);
	CU_ASSERT_FATAL(!keep_new(&keep, path));
	CU_ASSERT_FATAL(!keep_snapshot_begin(keep));
	CU_ASSERT_FATAL(!keep_snapshot_end(keep, 0));
	return keep;
}

static void put(struct keep *keep, uint8_t type, const char *text)
{
	const struct keep_item item = { type, { { text, strlen(text) },
						{ NULL, 0 },
						{ "\0x", 2 } } };

	keep_put(keep, &item);
}

/* What is read back, as text: types and first fields, one after another. */
struct reader {
	char text[4096];
	int stop_at; /* this item is refused */
	int seen;
};

static int read_item(const struct keep_item *item, void *ctx)
{
	struct reader *r = ctx;
	size_t at = strlen(r->text);

	CU_ASSERT(item->field[1].len == 0);
	CU_ASSERT(item->field[2].len == 2);
	CU_ASSERT(!memcmp(item->field[2].data, "\0x", 2));
	snprintf(r->text + at, sizeof(r->text) - at, "%u%.*s ", item->type,
		 (int)item->field[0].len, (const char *)item->field[0].data);
	return ++r->seen == r->stop_at ? -EPERM : 0;
}

static int load(struct reader *r)
{
	memset(r, 0, sizeof(*r));
	return keep_load(path, read_item, r);
}

static void steps_come_back_in_order(void)
{
	struct keep *keep = fresh();
	struct reader r;

	put(keep, 1, "/a");
	CU_ASSERT(keep_pending(keep));
	CU_ASSERT(keep_step(keep) == 0);
	CU_ASSERT(!keep_pending(keep));
	put(keep, 2, "/b");
	put(keep, 3, "");
	CU_ASSERT(keep_step(keep) == 0);
	put(keep, 4, "/not whole");
	keep_free(keep);
	CU_ASSERT(load(&r) == 0);
	CU_ASSERT_STRING_EQUAL(r.text, "1/a 2/b 3 ");
}

static void an_empty_step_writes_nothing(void)
{
	struct keep *keep = fresh();
	uint64_t before = keep_bytes(keep);

	CU_ASSERT(keep_step(keep) == 0);
	CU_ASSERT(keep_bytes(keep) == before);
	keep_free(keep);
}

static void no_journal_is_no_tree(void)
{
	struct reader r;

	unlink(path);
	CU_ASSERT(load(&r) == -ENOENT);
}

static void a_reader_that_refuses_ends_the_reading(void)
{
	struct keep *keep = fresh();
	struct reader r = { .stop_at = 2 };

	put(keep, 1, "/a");
	put(keep, 1, "/b");
	put(keep, 1, "/c");
	keep_step(keep);
	keep_free(keep);
	CU_ASSERT(keep_load(path, read_item, &r) == -EPERM);
	CU_ASSERT_STRING_EQUAL(r.text, "1/a 1/b ");
}

static void three_steps(void)
{
	struct keep *keep = fresh();

	put(keep, 1, "/one");
	put(keep, 1, "/two");
	keep_step(keep);
	put(keep, 2, "/three");
	keep_step(keep);
	put(keep, 3, "/four");
	keep_step(keep);
	keep_free(keep);
}

/* What a journal of three_steps() may be after an accident: some of the first
 * steps, whole. */
static void is_whole_steps(const char *text)
{
	CU_ASSERT(!strcmp(text, "") || !strcmp(text, "1/one 1/two ") ||
		  !strcmp(text, "1/one 1/two 2/three ") ||
		  !strcmp(text, "1/one 1/two 2/three 3/four "));
}

static size_t file_size(void)
{
	struct stat st;

	CU_ASSERT_FATAL(!stat(path, &st));
	return st.st_size;
}

static void cut_anywhere_it_is_some_whole_steps(void)
{
	struct reader r;
	size_t size;
	int rc;

	three_steps();
	size = file_size();
	for (size_t len = 0; len <= size; len++) {
		three_steps();
		CU_ASSERT_FATAL(!truncate(path, len));
		rc = load(&r);
		CU_ASSERT(rc == 0 || (rc == -EBADMSG && !r.text[0]));
		is_whole_steps(r.text);
	}
	CU_ASSERT_STRING_EQUAL(r.text, "1/one 1/two 2/three 3/four ");
}

static void with_any_byte_changed_it_is_some_whole_steps(void)
{
	struct reader r;
	size_t size;

	three_steps();
	size = file_size();
	for (size_t at = 0; at < size; at++) {
		FILE *f;
		int c;

		three_steps();
		f = fopen(path, "r+");
		CU_ASSERT_FATAL(f != NULL);
		fseek(f, at, SEEK_SET);
		c = fgetc(f);
		fseek(f, at, SEEK_SET);
		fputc(c ^ 0x40, f);
		fclose(f);
		load(&r);
		is_whole_steps(r.text);
		CU_ASSERT(strcmp(r.text, "1/one 1/two 2/three 3/four "));
	}
}

static void a_snapshot_takes_the_journals_place(void)
{
	struct keep *keep = fresh();
	struct reader r;

	put(keep, 1, "/old");
	keep_step(keep);
	CU_ASSERT(keep_snapshot_begin(keep) == 0);
	put(keep, 1, "/all");
	CU_ASSERT(keep_snapshot_end(keep, 0) == 0);
	put(keep, 2, "/more");
	keep_step(keep);
	keep_free(keep);
	CU_ASSERT(load(&r) == 0);
	CU_ASSERT_STRING_EQUAL(r.text, "1/all 2/more ");
	CU_ASSERT(access(new_path, F_OK) < 0);
}

static void killed_in_a_snapshot_the_old_journal_is_in_force(void)
{
	struct keep *keep = fresh();
	struct reader r;

	put(keep, 1, "/old");
	keep_step(keep);
	CU_ASSERT(keep_snapshot_begin(keep) == 0);
	put(keep, 1, "/half");
	keep_free(keep);
	CU_ASSERT(load(&r) == 0);
	CU_ASSERT_STRING_EQUAL(r.text, "1/old ");
}

static void a_snapshot_given_up_leaves_the_old_journal(void)
{
	struct keep *keep = fresh();
	struct reader r;

	put(keep, 1, "/old");
	keep_step(keep);
	CU_ASSERT(keep_snapshot_begin(keep) == 0);
	put(keep, 1, "/half");
	CU_ASSERT(keep_snapshot_end(keep, -ENOMEM) == -ENOMEM);
	CU_ASSERT(keep_broken(keep));
	keep_free(keep);
	CU_ASSERT(load(&r) == 0);
	CU_ASSERT_STRING_EQUAL(r.text, "1/old ");
}

static void a_long_journal_wants_a_snapshot(void)
{
	struct keep *keep = fresh();
	static char big[65536];
	unsigned steps = 0;

	memset(big, 'x', sizeof(big) - 1);
	while (!keep_wants_snapshot(keep) && steps < 1000) {
		put(keep, 1, big);
		keep_step(keep);
		steps++;
	}
	CU_ASSERT(steps > 10 && steps < 20);
	keep_snapshot_begin(keep);
	put(keep, 1, big);
	keep_snapshot_end(keep, 0);
	CU_ASSERT(!keep_wants_snapshot(keep));
	CU_ASSERT(keep_bytes(keep) < 2 * sizeof(big));
	keep_free(keep);
}

static void a_step_too_long_is_left_to_a_snapshot(void)
{
	struct keep *keep = fresh();
	char *big = malloc(KEEP_RECORD_MAX + 1);

	memset(big, 'x', KEEP_RECORD_MAX);
	big[KEEP_RECORD_MAX] = '\0';
	put(keep, 1, big);
	CU_ASSERT(keep_step(keep) == -EFBIG);
	CU_ASSERT(keep_wants_snapshot(keep));
	free(big);
	keep_free(keep);
}

/* A full file system, as far as this process can have one. */
static void limit_files(rlim_t bytes)
{
	struct rlimit rl;

	getrlimit(RLIMIT_FSIZE, &rl);
	rl.rlim_cur = bytes;
	setrlimit(RLIMIT_FSIZE, &rl);
}

static void a_full_disk_breaks_it_until_a_snapshot_fits(void)
{
	struct keep *keep = fresh();
	struct reader r;

	put(keep, 1, "/old");
	keep_step(keep);
	limit_files(keep_bytes(keep) + 5);
	put(keep, 1, "/lost");
	CU_ASSERT(keep_step(keep) == -EFBIG);
	CU_ASSERT(keep_broken(keep));
	put(keep, 1, "/lost too");
	CU_ASSERT(keep_step(keep) < 0);
	CU_ASSERT(keep_snapshot_begin(keep) == 0);
	put(keep, 1, "/a path that is too long for the room there is");
	CU_ASSERT(keep_snapshot_end(keep, 0) < 0);
	CU_ASSERT(keep_wants_snapshot(keep));
	CU_ASSERT(load(&r) == 0);
	CU_ASSERT_STRING_EQUAL(r.text, "1/old ");
	limit_files(RLIM_INFINITY);
	CU_ASSERT(keep_snapshot_begin(keep) == 0);
	put(keep, 1, "/all");
	CU_ASSERT(keep_snapshot_end(keep, 0) == 0);
	CU_ASSERT(!keep_broken(keep));
	keep_free(keep);
	CU_ASSERT(load(&r) == 0);
	CU_ASSERT_STRING_EQUAL(r.text, "1/all ");
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(steps_come_back_in_order),
		SUITE_TEST(an_empty_step_writes_nothing),
		SUITE_TEST(no_journal_is_no_tree),
		SUITE_TEST(a_reader_that_refuses_ends_the_reading),
		SUITE_TEST(cut_anywhere_it_is_some_whole_steps),
		SUITE_TEST(with_any_byte_changed_it_is_some_whole_steps),
		SUITE_TEST(a_snapshot_takes_the_journals_place),
		SUITE_TEST(killed_in_a_snapshot_the_old_journal_is_in_force),
		SUITE_TEST(a_snapshot_given_up_leaves_the_old_journal),
		SUITE_TEST(a_long_journal_wants_a_snapshot),
		SUITE_TEST(a_step_too_long_is_left_to_a_snapshot),
		SUITE_TEST(a_full_disk_breaks_it_until_a_snapshot_fits),
	};
	int rc;

	log_init("test", LOG_LEVEL_ERR); /* what is cut off is warned of */
	signal(SIGXFSZ, SIG_IGN);
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/journal", dir);
	snprintf(new_path, sizeof(new_path), "%s.new", path);
	rc = suite_run("xenstored_keep", tests,
		       sizeof(tests) / sizeof(tests[0]));
	unlink(path);
	unlink(new_path);
	rmdir(dir);
	return rc;
}
