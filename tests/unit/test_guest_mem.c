/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_guest_mem.c: memory tables, the dirty log, and memory that goes away. */
#include "netback/guest_mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/suite.h"

#define MB (1ull << 20)

static int memory(uint64_t bytes, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0 ||
	    (seals && fcntl(fd, F_ADD_SEALS, seals) < 0))
		abort();
	return fd;
}

static int sealed_memory(uint64_t bytes)
{
	return memory(bytes, F_SEAL_SHRINK | F_SEAL_GROW);
}

static unsigned open_fds(void)
{
	unsigned n = 0;
	int fd;

	for (fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void addresses_translate_whole_ranges_only(void)
{
	const struct guest_region_desc d[] = {
		{ .gpa = 0, .bytes = MB, .uva = 0x7f0000000000, .offset = 0 },
		{ .gpa = 4 * MB, .bytes = MB, .uva = 0x7f0000200000,
		  .offset = MB + 4096 },
	};
	int fd = sealed_memory(3 * MB), fds[] = { fd, fd };
	struct guest_mem *m;
	uint8_t byte;

	CU_ASSERT_EQUAL_FATAL(guest_mem_new(&m, 2, d, fds, true), 0);
	CU_ASSERT_PTR_NOT_NULL(guest_mem_at(m, 0, MB));
	CU_ASSERT_PTR_NULL(guest_mem_at(m, 0, MB + 1));
	CU_ASSERT_PTR_NULL(guest_mem_at(m, 1, MB));
	CU_ASSERT_PTR_NULL(guest_mem_at(m, MB, 1));
	CU_ASSERT_PTR_NULL(guest_mem_at(m, UINT64_MAX, 2));
	CU_ASSERT_PTR_NULL(guest_mem_at(m, 0, UINT64_MAX));
	CU_ASSERT_PTR_EQUAL(guest_mem_at(m, 4 * MB + 7, 1),
			    guest_mem_at_uva(m, 0x7f0000200007, 1));
	*guest_mem_at(m, 4 * MB, 1) = 0x5a;
	CU_ASSERT_EQUAL(pread(fd, &byte, 1, MB + 4096), 1);
	CU_ASSERT_EQUAL(byte, 0x5a);
	guest_mem_free(m);
	close(fd);
}

/* VU-02 */
static void tables_that_make_no_sense_are_refused(void)
{
	static const struct {
		unsigned count;
		struct guest_region_desc d[2];
	} bad[] = {
		{ 0, { { 0 } } },
		{ 9, { { 0 } } },
		{ 255, { { 0 } } },
		{ 1, { { .gpa = 0, .bytes = 0, .uva = MB } } },
		{ 1, { { .gpa = 0, .bytes = 2 * MB } } },
		{ 1, { { .gpa = 0, .bytes = MB, .offset = 1 } } },
		{ 1, { { .gpa = 0, .bytes = MB, .offset = UINT64_MAX } } },
		{ 1, { { .gpa = UINT64_MAX - 4095, .bytes = MB } } },
		{ 1, { { .uva = UINT64_MAX - 4095, .bytes = MB } } },
		{ 1, { { .bytes = UINT64_MAX } } },
		{ 1, { { .bytes = 1ull << 62 } } },
		{ 2, { { .gpa = 0, .bytes = MB, .uva = 0 },
		       { .gpa = MB - 1, .bytes = 4096, .uva = 8 * MB } } },
		{ 2, { { .gpa = 0, .bytes = MB, .uva = 0 },
		       { .gpa = 8 * MB, .bytes = 4096, .uva = MB - 1 } } },
	};
	int fd = sealed_memory(MB), fds[256];
	unsigned i, before = open_fds();
	struct guest_mem *m;

	for (i = 0; i < 256; i++)
		fds[i] = fd;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_EQUAL(guest_mem_new(&m, bad[i].count, bad[i].d, fds,
					      true),
				-EINVAL);
		CU_ASSERT_PTR_NULL(m);
	}
	CU_ASSERT_EQUAL(open_fds(), before);
	close(fd);
}

static void files_that_are_no_memory_are_refused(void)
{
	const struct guest_region_desc d = { .bytes = 4096 };
	struct guest_mem *m;
	int fds[4], i, sv[2];

	fds[0] = open("/", O_RDONLY | O_DIRECTORY);
	fds[1] = open("/dev/zero", O_RDWR);
	CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	fds[2] = sv[0];
	fds[3] = sv[1];
	for (i = 0; i < 4; i++) {
		CU_ASSERT_TRUE(guest_mem_new(&m, 1, &d, &fds[i], false) < 0);
		CU_ASSERT_PTR_NULL(m);
		CU_ASSERT_EQUAL(guest_mem_new(&m, 1, &d, &fds[i], true),
				-EPERM);
		close(fds[i]);
	}
	CU_ASSERT_EQUAL(guest_mem_new(&m, 1, &d, fds, false), -EBADF);
}

static void memory_must_be_sealed_unless_trusted(void)
{
	const struct guest_region_desc d = { .bytes = MB };
	int open_end = memory(MB, 0), grown = memory(MB, F_SEAL_GROW);
	int read_only = memory(MB, F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE);
	struct guest_mem *m;

	CU_ASSERT_EQUAL(guest_mem_new(&m, 1, &d, &open_end, true), -EPERM);
	CU_ASSERT_EQUAL(guest_mem_new(&m, 1, &d, &grown, true), -EPERM);
	CU_ASSERT_EQUAL(guest_mem_new(&m, 1, &d, &read_only, true), -EINVAL);
	CU_ASSERT_EQUAL(guest_mem_new(&m, 1, &d, &open_end, false), 0);
	guest_mem_free(m);
	close(open_end);
	close(grown);
	close(read_only);
}

static void the_dirty_log_has_a_bit_a_page(void)
{
	const struct guest_region_desc d = { .gpa = 0, .bytes = MB };
	int fd = sealed_memory(MB), log_fd = memory(8192, 0);
	struct guest_mem *m;
	struct guest_log *log;
	uint8_t bits[32];

	CU_ASSERT_EQUAL_FATAL(guest_mem_new(&m, 1, &d, &fd, true), 0);
	CU_ASSERT_EQUAL(guest_log_new(&log, log_fd, 31, 0, m), -EINVAL);
	CU_ASSERT_EQUAL(guest_log_new(&log, log_fd, 8193, 0, m), -EINVAL);
	CU_ASSERT_EQUAL(guest_log_new(&log, log_fd, 4096, UINT64_MAX, m),
			-EINVAL);
	CU_ASSERT_EQUAL_FATAL(guest_log_new(&log, log_fd, 32, 100, m), 0);
	guest_log_dirty(log, 4095, 2);
	guest_log_dirty(log, 9 * 4096, 1);
	guest_log_dirty(log, 100 * MB, 4096); /* beyond: ignored */
	guest_log_dirty(log, 20 * 4096, 0);
	CU_ASSERT_EQUAL(pread(log_fd, bits, sizeof(bits), 100), 32);
	CU_ASSERT_EQUAL(bits[0], 0x03);
	CU_ASSERT_EQUAL(bits[1], 0x02);
	CU_ASSERT_EQUAL(bits[2], 0x00);
	guest_log_free(log);
	guest_mem_free(m);
	close(fd);
	close(log_fd);
}

static void *poke_all_pages(void *arg)
{
	struct guest_mem *m = arg;
	uint64_t gpa;

	for (gpa = 0; gpa < MB; gpa += 4096)
		*(volatile uint8_t *)guest_mem_at(m, gpa, 1) = 1;
	return NULL;
}

/* VU-03; another guest's memory stays what it is */
static void memory_cut_off_costs_a_flag_not_the_process(void)
{
	const struct guest_region_desc d = { .bytes = MB };
	int fd = memory(MB, 0), other_fd = sealed_memory(MB);
	struct guest_mem *m, *other;
	pthread_t thread;

	CU_ASSERT_EQUAL_FATAL(guest_mem_catch_sigbus(), 0);
	CU_ASSERT_EQUAL_FATAL(guest_mem_new(&m, 1, &d, &fd, false), 0);
	CU_ASSERT_EQUAL_FATAL(guest_mem_new(&other, 1, &d, &other_fd, true),
			      0);
	*guest_mem_at(other, 5, 1) = 42;
	CU_ASSERT_EQUAL(ftruncate(fd, 4096), 0);
	CU_ASSERT_EQUAL(pthread_create(&thread, NULL, poke_all_pages, m), 0);
	poke_all_pages(m);
	pthread_join(thread, NULL);
	CU_ASSERT_TRUE(atomic_load(&m->fault));
	CU_ASSERT_FALSE(atomic_load(&other->fault));
	CU_ASSERT_EQUAL(*guest_mem_at(other, 5, 1), 42);
	guest_mem_free(m);
	guest_mem_free(other);
	close(fd);
	close(other_fd);
}

/* A bus error that is not a guest's fault must stay one. */
static void foreign_bus_errors_still_kill(void)
{
	int fd = memory(4096, 0), status;
	volatile uint8_t *p =
		mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	pid_t pid;

	CU_ASSERT_EQUAL(guest_mem_catch_sigbus(), 0);
	CU_ASSERT_EQUAL(ftruncate(fd, 0), 0);
	pid = fork();
	if (!pid) {
		freopen("/dev/null", "w", stderr);
		_exit(*p);
	}
	waitpid(pid, &status, 0);
	/* a sanitizer's own handler exits instead */
	CU_ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status));
	close(fd);
	munmap((void *)p, 4096);
}

static void tables_come_and_go_without_trace(void)
{
	const struct guest_region_desc d[] = {
		{ .gpa = 0, .bytes = MB, .uva = 0 },
		{ .gpa = 2 * MB, .bytes = MB, .uva = 2 * MB, .offset = MB },
	};
	int fd = sealed_memory(2 * MB), fds[] = { fd, fd };
	struct guest_mem *m[64];
	unsigned i, round, before = open_fds();

	for (round = 0; round < 100; round++) {
		for (i = 0; i < 64; i++)
			CU_ASSERT_EQUAL_FATAL(
				guest_mem_new(&m[i], 2, d, fds, true), 0);
		for (i = 0; i < 64; i++)
			guest_mem_free(m[(i * 7 + round) % 64]);
	}
	CU_ASSERT_EQUAL(open_fds(), before);
	close(fd);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(addresses_translate_whole_ranges_only),
		SUITE_TEST(tables_that_make_no_sense_are_refused),
		SUITE_TEST(files_that_are_no_memory_are_refused),
		SUITE_TEST(memory_must_be_sealed_unless_trusted),
		SUITE_TEST(the_dirty_log_has_a_bit_a_page),
		SUITE_TEST(memory_cut_off_costs_a_flag_not_the_process),
		SUITE_TEST(foreign_bus_errors_still_kill),
		SUITE_TEST(tables_come_and_go_without_trace),
	};

	return suite_run("guest_mem", tests, sizeof(tests) / sizeof(tests[0]));
}
