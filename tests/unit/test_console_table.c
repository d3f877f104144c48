/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_console_table.c: from one value of consoles.set to the next. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/rpc.h"
#include "hypervisor/console_table.h"
#include "tests/lib/suite.h"

#define UUID_A "aaaaaaaa-0000-4000-8000-000000000001"
#define UUID_B "bbbbbbbb-0000-4000-8000-000000000002"

static char folder[] = "/tmp/causeway-console-table.XXXXXX";
static char serial[CONSOLE_PATH_MAX];
static struct event_base *base;
static struct console_table *table;
static struct rpc_error err;

static uint64_t fake_now(void)
{
	return 1000;
}

static void begin(void)
{
	struct console_table_conf conf = {
		.base = base, .now_ms = fake_now,
		.log = { open(folder, O_RDONLY | O_DIRECTORY), 4096, 2 }
	};

	CU_ASSERT_FATAL(conf.log.dir_fd >= 0);
	CU_ASSERT_FATAL(!console_table_new(&table, &conf));
}

static void end(void)
{
	console_table_free(table);
}

static int set(const struct console_want *want, size_t count)
{
	memset(&err, 0, sizeof(err));
	return console_table_set(table, want, count, &err);
}

static int listen_at(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(sun.sun_path, path);
	CU_ASSERT_FATAL(!bind(fd, (struct sockaddr *)&sun, sizeof(sun)));
	CU_ASSERT_FATAL(!listen(fd, 4));
	return fd;
}

static void consoles_are_found_by_uuid_and_name(void)
{
	const struct console_want want[] = {
		{ UUID_A, "web", NULL, true },
		{ "BBBBBBBB-0000-4000-8000-000000000002", "db", NULL, false },
	};
	struct console *c;

	begin();
	CU_ASSERT(!set(want, 2));
	CU_ASSERT_EQUAL(console_table_count(table), 2);
	c = console_table_find(table, "web");
	CU_ASSERT_FATAL(c != NULL);
	CU_ASSERT_STRING_EQUAL(c->uuid, UUID_A);
	CU_ASSERT(c->vnc);
	CU_ASSERT_PTR_EQUAL(console_table_find(table, UUID_A), c);
	CU_ASSERT_STRING_EQUAL(console_table_find(table, UUID_B)->name, "db");
	CU_ASSERT_STRING_EQUAL(console_table_at(table, 1)->uuid, UUID_B);
	CU_ASSERT_PTR_NULL(console_table_find(table, "none"));
	CU_ASSERT_PTR_NULL(console_table_at(table, 2));
	end();
}

static void what_stays_is_not_disturbed(void)
{
	const struct console_want before[] = {
		{ UUID_A, "web", serial, false }, { UUID_B, "db", NULL, false }
	};
	const struct console_want after[] = {
		{ UUID_A, "renamed", serial, true }
	};
	struct console_relay_facts f;
	struct console *c;
	int fd = listen_at(serial);

	begin();
	CU_ASSERT(!set(before, 2));
	c = console_table_find(table, "web");
	CU_ASSERT(!set(after, 1));
	CU_ASSERT_PTR_EQUAL(console_table_find(table, "renamed"), c);
	CU_ASSERT(c->vnc);
	CU_ASSERT_PTR_NULL(console_table_find(table, "web"));
	CU_ASSERT_PTR_NULL(console_table_find(table, UUID_B));
	console_relay_facts(c->relay, &f);
	CU_ASSERT(f.connected && f.connects == 1);
	end();
	close(fd);
	unlink(serial);
}

static void a_wrong_value_changes_nothing(void)
{
	static char longer[200];
	const struct {
		struct console_want want;
		const char *path;
	} cases[] = {
		{ { "not-a-uuid", "x", NULL, 0 }, "consoles[1].uuid" },
		{ { "", "x", NULL, 0 }, "consoles[1].uuid" },
		{ { UUID_B "0", "x", NULL, 0 }, "consoles[1].uuid" },
		{ { UUID_A, "x", NULL, 0 }, "consoles[1].uuid" },
		{ { UUID_B, "", NULL, 0 }, "consoles[1].name" },
		{ { UUID_B, "a\nb", NULL, 0 }, "consoles[1].name" },
		{ { UUID_B, "web", NULL, 0 }, "consoles[1].name" },
		{ { UUID_B, "x", "here", 0 }, "consoles[1].serial" },
		{ { UUID_B, "x", longer, 0 }, "consoles[1].serial" },
	};
	struct console_want want[2] = { { UUID_A, "web", NULL, false } };
	size_t i;

	memset(longer, '/', sizeof(longer) - 1);
	begin();
	CU_ASSERT(!set(want, 1));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		want[1] = cases[i].want;
		CU_ASSERT(set(want, 2) < 0);
		CU_ASSERT_STRING_EQUAL(err.path, cases[i].path);
		CU_ASSERT_EQUAL(console_table_count(table), 1);
	}
	CU_ASSERT(console_table_find(table, "web") != NULL);
	end();
}

static void there_is_a_limit_to_consoles(void)
{
	static struct console_want want[CONSOLES_MAX + 1];
	static char uuids[CONSOLES_MAX + 1][40];
	size_t i;

	for (i = 0; i <= CONSOLES_MAX; i++) {
		snprintf(uuids[i], sizeof(uuids[i]),
			 "cccccccc-0000-4000-8000-%012zu", i);
		want[i] = (struct console_want){ uuids[i], uuids[i], NULL, 0 };
	}
	begin();
	CU_ASSERT(set(want, CONSOLES_MAX + 1) < 0);
	CU_ASSERT_EQUAL(console_table_count(table), 0);
	CU_ASSERT(!set(want, 100));
	CU_ASSERT(!set(want, 0));
	CU_ASSERT_EQUAL(console_table_count(table), 0);
	end();
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(consoles_are_found_by_uuid_and_name),
		SUITE_TEST(what_stays_is_not_disturbed),
		SUITE_TEST(a_wrong_value_changes_nothing),
		SUITE_TEST(there_is_a_limit_to_consoles),
	};
	char command[100];
	int rc;

	if (!mkdtemp(folder))
		return 1;
	snprintf(serial, sizeof(serial), "%s/serial.sock", folder);
	base = event_base_new();
	rc = suite_run("console_table", tests,
		       sizeof(tests) / sizeof(tests[0]));
	event_base_free(base);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) ? 1 : rc;
}
