/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_host_memory.c: room for domains, under limits and without. */
#include "hypervisor/host_memory.h"

#include <errno.h>

#include "tests/lib/suite.h"

#define GIB (1ull << 30)

static const char meminfo[] = "MemTotal:       8388608 kB\n"
			      "MemFree:         100000 kB\n"
			      "MemAvailable:   4194304 kB\n";

static void what_the_kernel_says_is_available_is_free(void)
{
	struct host_memory m;

	CU_ASSERT_EQUAL(host_memory_parse(&m, meminfo), 0);
	CU_ASSERT_EQUAL(m.total_bytes, 8 * GIB);
	CU_ASSERT_EQUAL(m.free_bytes, 4 * GIB);
	CU_ASSERT(!m.limited);
	CU_ASSERT_EQUAL(host_memory_parse(&m, "MemTotal: 5 kB\n"), -EINVAL);
	CU_ASSERT_EQUAL(host_memory_parse(&m, ""), -EINVAL);
}

static void a_limit_counts_when_it_leaves_less(void)
{
	struct host_memory m;

	host_memory_parse(&m, meminfo);
	host_memory_limit(&m, 6 * GIB, 1 * GIB);
	CU_ASSERT_EQUAL(m.free_bytes, 4 * GIB);
	CU_ASSERT_EQUAL(m.total_bytes, 6 * GIB);
	CU_ASSERT(!m.limited);
	host_memory_limit(&m, 3 * GIB, 1 * GIB);
	CU_ASSERT_EQUAL(m.free_bytes, 2 * GIB);
	CU_ASSERT(m.limited);
	host_memory_limit(&m, 1 * GIB, 2 * GIB);
	CU_ASSERT_EQUAL(m.free_bytes, 0);
}

static void this_machine_has_memory(void)
{
	struct host_memory m;

	CU_ASSERT_EQUAL(host_memory_read(&m), 0);
	CU_ASSERT(m.free_bytes > 0 && m.free_bytes <= m.total_bytes);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(what_the_kernel_says_is_available_is_free),
		SUITE_TEST(a_limit_counts_when_it_leaves_less),
		SUITE_TEST(this_machine_has_memory),
	};

	return suite_run("host_memory", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
