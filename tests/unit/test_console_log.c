/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_console_log.c: histories in a folder of the test's own.  A full disk
 * is a limit on the size of files.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>
#include <sys/stat.h>

#include "hypervisor/console_log.h"
#include "tests/lib/suite.h"

#define FILE_BYTES 4096

static char folder[] = "/tmp/causeway-console-log.XXXXXX";
static int dir_fd;
static char out[8 * FILE_BYTES];

static struct console_log *open_log(const char *name, unsigned files)
{
	struct console_log_conf conf = { dir_fd, FILE_BYTES, files };
	struct console_log *log = NULL;

	CU_ASSERT_EQUAL_FATAL(console_log_new(&log, name, &conf), 0);
	return log;
}

/* Lines "line 000001\n", 12 bytes each. */
static void write_lines(struct console_log *log, unsigned from, unsigned to)
{
	char line[16];

	for (; from < to; from++) {
		snprintf(line, sizeof(line), "line %06u\n", from % 1000000);
		console_log_write(log, line, 12);
	}
}

static long size_of(const char *file)
{
	struct stat st;

	return fstatat(dir_fd, file, &st, 0) ? -1 : (long)st.st_size;
}

static bool none_is_named(void *ctx, const char *name)
{
	return ctx && !strcmp(ctx, name);
}

static void the_newest_bytes_come_back(void)
{
	struct console_log *log = open_log("a", 2);

	CU_ASSERT_EQUAL(console_log_tail(log, out, sizeof(out)), 0);
	console_log_write(log, "login: ", 7);
	CU_ASSERT_EQUAL(console_log_tail(log, out, sizeof(out)), 7);
	CU_ASSERT(!memcmp(out, "login: ", 7));
	console_log_write(log, "root\r\n# ", 8);
	CU_ASSERT_EQUAL(console_log_tail(log, out, sizeof(out)), 15);
	CU_ASSERT(!memcmp(out, "login: root\r\n# ", 15));
	console_log_free(log);
}

static void a_part_begins_at_a_line(void)
{
	struct console_log *log = open_log("b", 2);

	write_lines(log, 0, 10);
	CU_ASSERT_EQUAL(console_log_tail(log, out, 30), 24);
	CU_ASSERT(!memcmp(out, "line 000008\nline 000009\n", 24));
	console_log_write(log, "a long line without an end", 26);
	CU_ASSERT_EQUAL(console_log_tail(log, out, 10), 10);
	CU_ASSERT(!memcmp(out, "out an end", 10));
	console_log_free(log);
}

static void the_oldest_file_goes_when_the_newest_is_full(void)
{
	struct console_log *log = open_log("c", 3);
	size_t n;

	write_lines(log, 0, 5000);
	CU_ASSERT_EQUAL(size_of("c.log.1"), FILE_BYTES);
	CU_ASSERT_EQUAL(size_of("c.log.2"), FILE_BYTES);
	CU_ASSERT_EQUAL(size_of("c.log.3"), -1);
	CU_ASSERT(size_of("c.log") <= FILE_BYTES);
	n = console_log_tail(log, out, sizeof(out));
	CU_ASSERT(n > 2 * FILE_BYTES && n <= 3 * FILE_BYTES);
	CU_ASSERT(!memcmp(out + n - 12, "line 004999\n", 12));
	n = console_log_tail(log, out, FILE_BYTES + 12);
	CU_ASSERT(n > FILE_BYTES && n <= FILE_BYTES + 12 && n % 12 == 0);
	console_log_free(log);
}

static void one_file_is_a_history_too(void)
{
	struct console_log *log = open_log("d", 1);

	write_lines(log, 0, 1000);
	CU_ASSERT(size_of("d.log") <= FILE_BYTES);
	CU_ASSERT_EQUAL(size_of("d.log.1"), -1);
	CU_ASSERT(console_log_tail(log, out, sizeof(out)) > 0);
	console_log_free(log);
}

static void it_continues_what_was_there(void)
{
	struct console_log *log = open_log("e", 2);

	console_log_write(log, "before\n", 7);
	console_log_free(log);
	log = open_log("e", 2);
	console_log_write(log, "after\n", 6);
	CU_ASSERT_EQUAL(console_log_tail(log, out, sizeof(out)), 13);
	CU_ASSERT(!memcmp(out, "before\nafter\n", 13));
	console_log_free(log);
}

static void a_write_larger_than_all_files_keeps_its_end(void)
{
	static char big[10 * FILE_BYTES];
	struct console_log *log = open_log("f", 2);
	struct console_log_facts f;

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = 'y';
	console_log_write(log, big, sizeof(big));
	console_log_facts(log, &f);
	CU_ASSERT_EQUAL(f.bytes, sizeof(big));
	CU_ASSERT_EQUAL(f.lost, 0);
	CU_ASSERT_EQUAL(console_log_tail(log, out, 1), 1);
	CU_ASSERT_EQUAL(out[0], 'y');
	CU_ASSERT_EQUAL(console_log_tail(log, out, sizeof(out)),
			2 * FILE_BYTES);
	console_log_free(log);
}

static void limit_file_size(rlim_t bytes)
{
	struct rlimit r;

	getrlimit(RLIMIT_FSIZE, &r);
	r.rlim_cur = bytes;
	setrlimit(RLIMIT_FSIZE, &r);
}

static void a_full_disk_is_counted_and_said(void)
{
	struct console_log *log = open_log("g", 2);
	struct console_log_facts f;
	size_t n;

	limit_file_size(1200);
	write_lines(log, 0, 150);
	console_log_facts(log, &f);
	CU_ASSERT_EQUAL(f.bytes, 1200);
	CU_ASSERT_EQUAL(f.lost, 600);
	CU_ASSERT(f.error < 0);
	limit_file_size(RLIM_INFINITY);
	console_log_write(log, "again\n", 6);
	console_log_facts(log, &f);
	CU_ASSERT_EQUAL(f.error, 0);
	CU_ASSERT_EQUAL(f.lost, 600);
	n = console_log_tail(log, out, sizeof(out) - 1);
	out[n] = '\0';
	CU_ASSERT_PTR_NOT_NULL(strstr(out, "\r\n[causeway: 600 bytes were not "
					   "kept]\r\nagain\n"));
	console_log_free(log);
}

static void a_file_that_cannot_be_made_is_tried_again(void)
{
	struct console_log *log;
	struct console_log_facts f;

	mkdirat(dir_fd, "h.log", 0700);
	log = open_log("h", 2);
	console_log_write(log, "lost\n", 5);
	console_log_facts(log, &f);
	CU_ASSERT_EQUAL(f.lost, 5);
	CU_ASSERT(f.error < 0);
	unlinkat(dir_fd, "h.log", AT_REMOVEDIR);
	console_log_write(log, "kept\n", 5);
	console_log_facts(log, &f);
	CU_ASSERT_EQUAL(f.lost, 5);
	CU_ASSERT_EQUAL(f.error, 0);
	console_log_free(log);
}

static void links_are_not_followed(void)
{
	struct console_log *log;
	struct console_log_facts f;

	CU_ASSERT_EQUAL(symlinkat("elsewhere", dir_fd, "i.log"), 0);
	log = open_log("i", 2);
	console_log_write(log, "x", 1);
	console_log_facts(log, &f);
	CU_ASSERT_EQUAL(f.lost, 1);
	CU_ASSERT_EQUAL(size_of("elsewhere"), -1);
	console_log_free(log);
	unlinkat(dir_fd, "i.log", 0);
}

static void names_and_sizes_are_checked(void)
{
	static const char *const names[] = { "", "..", "a/b", "a b", "a.log" };
	struct console_log_conf conf = { dir_fd, FILE_BYTES, 2 };
	struct console_log *log;
	char name[CONSOLE_LOG_NAME_MAX + 1];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CU_ASSERT(console_log_new(&log, names[i], &conf) < 0);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CU_ASSERT(console_log_new(&log, name, &conf) < 0);
	conf.files = 0;
	CU_ASSERT(console_log_new(&log, "ok", &conf) < 0);
	conf.files = 2;
	conf.file_bytes = 1;
	CU_ASSERT(console_log_new(&log, "ok", &conf) < 0);
}

static void make_history(const char *file, time_t written)
{
	struct timespec times[2] = { { .tv_sec = written },
				     { .tv_sec = written } };
	int fd = openat(dir_fd, file, O_WRONLY | O_CREAT, 0600);

	CU_ASSERT_FATAL(fd >= 0);
	futimens(fd, times);
	close(fd);
}

static void old_histories_of_nobody_are_removed(void)
{
	char file[32];
	unsigned i;

	for (i = 0; i < 100; i++) {
		snprintf(file, sizeof(file), "p%u.log", i);
		make_history(file, 1000000 + i);
	}
	make_history("p3.log.1", 5);
	make_history("named.log", 1);
	make_history("other.txt", 1);
	/* newer than the p's are those that other tests have left */
	CU_ASSERT(console_log_prune(dir_fd, none_is_named, "named") >= 68);
	CU_ASSERT_EQUAL(size_of("named.log"), 0);
	CU_ASSERT_EQUAL(size_of("other.txt"), 0);
	CU_ASSERT_EQUAL(size_of("p3.log"), -1);
	CU_ASSERT_EQUAL(size_of("p3.log.1"), -1);
	CU_ASSERT_EQUAL(size_of("p67.log"), -1);
	CU_ASSERT_EQUAL(size_of("p99.log"), 0);
	CU_ASSERT_EQUAL(console_log_prune(dir_fd, none_is_named, "named"), 0);
}

static void remove_folder(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command))
		fprintf(stderr, "%s is left behind\n", folder);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(the_newest_bytes_come_back),
		SUITE_TEST(a_part_begins_at_a_line),
		SUITE_TEST(the_oldest_file_goes_when_the_newest_is_full),
		SUITE_TEST(one_file_is_a_history_too),
		SUITE_TEST(it_continues_what_was_there),
		SUITE_TEST(a_write_larger_than_all_files_keeps_its_end),
		SUITE_TEST(a_full_disk_is_counted_and_said),
		SUITE_TEST(a_file_that_cannot_be_made_is_tried_again),
		SUITE_TEST(links_are_not_followed),
		SUITE_TEST(names_and_sizes_are_checked),
		SUITE_TEST(old_histories_of_nobody_are_removed),
	};
	int rc;

	signal(SIGXFSZ, SIG_IGN);
	if (!mkdtemp(folder))
		return 1;
	dir_fd = open(folder, O_RDONLY | O_DIRECTORY);
	rc = suite_run("console_log", tests, sizeof(tests) / sizeof(tests[0]));
	remove_folder();
	return rc;
}
