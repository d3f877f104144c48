/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_qemu_log.c: which of QEMU's lines are worth reading. */
#include "hypervisor/qemu_log.h"

#include "tests/lib/suite.h"

static void what_works_is_no_news(void)
{
	CU_ASSERT(qemu_log_is_chatter(
		"/usr/bin/qemu-system-x86_64: info: QEMU waiting for "
		"connection on: disconnected:unix:fd=7,server=on"));
	CU_ASSERT(qemu_log_is_chatter(
		"qemu-system-x86_64: -chardev {\"id\": \"v0\"}: info: QEMU "
		"waiting for connection on: disconnected:unix:,server=on"));
	CU_ASSERT(qemu_log_is_chatter(
		"qemu-system-x86_64: warning: TCG doesn't support requested "
		"feature: CPUID.01H:ECX.pcid [bit 17]"));
}

static void what_does_not_is_a_reason(void)
{
	static const char *const lines[] = {
		"",
		"info",
		("qemu-system-x86_64: -netdev vhost-user,id=v0: you are "
		 "asking more queues than supported: 1"),
		"qemu-system-x86_64: load of migration failed: info: no",
		"qemu-system-x86_64: warning: something else",
		"Segmentation fault",
	};

	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		CU_ASSERT(!qemu_log_is_chatter(lines[i]));
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(what_works_is_no_news),
		SUITE_TEST(what_does_not_is_a_reason),
	};

	return suite_run("qemu_log", tests, sizeof(tests) / sizeof(tests[0]));
}
