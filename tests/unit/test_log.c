/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_log.c: lines and the rate limit, with a clock of our own. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

static char last[LOG_LINE_MAX + 64];
static unsigned lines;
static uint64_t clock_ms;

static void sink(const char *line)
{
	snprintf(last, sizeof(last), "%s", line);
	lines++;
}

static uint64_t now(void)
{
	return clock_ms;
}

static void start(void)
{
	log_init("test", LOG_LEVEL_INFO);
	log_test_hooks(sink, now);
	lines = 0;
	last[0] = '\0';
	clock_ms += 1000000;
}

static void line_has_name_and_level(void)
{
	start();
	log_warn("port %d", 7);
	CU_ASSERT_STRING_EQUAL(last, "test: warn: port 7");
	log_debug("not said");
	CU_ASSERT_EQUAL(lines, 1);
}

static void control_characters_cannot_fake_a_line(void)
{
	start();
	log_info("name %s", "a\n<3>evil\x1b[31m\x7f");
	CU_ASSERT_STRING_EQUAL(last, "test: info: name a\\x0a<3>evil\\x1b[31m"
				     "\\x7f");
}

static void long_line_is_cut_and_says_so(void)
{
	char text[4000];

	start();
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	CU_ASSERT(strlen(last) < sizeof(last));
	CU_ASSERT_STRING_EQUAL(last + strlen(last) - 3, "...");
	memset(text, '\n', sizeof(text) - 1);
	log_info("%s", text);
	CU_ASSERT(strlen(last) < sizeof(last));
}

static void say(uint64_t key)
{
	log_limited(LOG_LEVEL_INFO, key, "key %d", (int)key);
}

static void limited_line_comes_once_in_its_time(void)
{
	start();
	for (int i = 0; i < 10; i++)
		say(1);
	CU_ASSERT_EQUAL(lines, 1);
	clock_ms += LOG_LIMIT_MS;
	say(1);
	CU_ASSERT_STRING_EQUAL(last, "test: info: key 1 (9 more like this)");
	clock_ms += LOG_LIMIT_MS;
	say(1);
	CU_ASSERT_STRING_EQUAL(last, "test: info: key 1");
}

static void keys_and_sites_have_limits_of_their_own(void)
{
	start();
	say(1);
	say(2);
	CU_ASSERT_EQUAL(lines, 2);
	log_limited(LOG_LEVEL_INFO, 1, "elsewhere");
	CU_ASSERT_EQUAL(lines, 3);
}

static void flood_of_keys_uses_no_more_memory(void)
{
	start();
	for (uint64_t key = 0; key < 100000; key++)
		say(key);
	CU_ASSERT(lines > 0);
	say(99999);
	CU_ASSERT_STRING_EQUAL(last, "test: info: key 99999");
}

static void level_words_are_understood(void)
{
	enum log_level level;

	CU_ASSERT_EQUAL(log_parse_level("debug", &level), 0);
	CU_ASSERT_EQUAL(level, LOG_LEVEL_DEBUG);
	CU_ASSERT(log_parse_level("loud", &level) < 0);
}

int main(void)
{
	static const CU_TestInfo tests[] = {
#define T(fn) { #fn, fn }
		T(line_has_name_and_level),
		T(control_characters_cannot_fake_a_line),
		T(long_line_is_cut_and_says_so),
		T(limited_line_comes_once_in_its_time),
		T(keys_and_sites_have_limits_of_their_own),
		T(flood_of_keys_uses_no_more_memory),
		T(level_words_are_understood),
#undef T
		CU_TEST_INFO_NULL,
	};
	unsigned failures;
	CU_pSuite suite;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	suite = CU_add_suite("log", NULL, NULL);
	for (const CU_TestInfo *i = tests; i->pName; i++)
		CU_add_test(suite, i->pName, i->pTestFunc);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures ? 1 : 0;
}
