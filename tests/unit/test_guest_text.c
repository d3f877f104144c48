/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_guest_text.c: what may be shown, and how the rest looks. */
#include <string.h>

#include "hypervisor/guest_text.h"
#include "tests/lib/suite.h"

struct text_case {
	const char *from;
	size_t len; /* 0: a text */
	const char *to;
};

static void check(const struct text_case *cases, size_t count)
{
	char to[256];
	size_t i;

	for (i = 0; i < count; i++) {
		const struct text_case *c = &cases[i];
		size_t len = c->len ? c->len : strlen(c->from);

		CU_ASSERT_EQUAL(guest_text(c->from, len, to), strlen(c->to));
		CU_ASSERT_STRING_EQUAL(to, c->to);
	}
}

static void text_stays_as_it_is(void)
{
	static const struct text_case cases[] = {
		{ "", 0, "" },
		{ "login: root\n\tok~", 0, "login: root\n\tok~" },
		{ "Gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x90\xa7", 0,
		  "Gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x90\xa7" },
	};

	check(cases, sizeof(cases) / sizeof(cases[0]));
}

static void control_characters_are_written_out(void)
{
	static const struct text_case cases[] = {
		{ "\x1b[31mred\x1b[0m", 0, "^[[31mred^[[0m" },
		{ "\x1b]0;title\x07", 0, "^[]0;title^G" },
		{ "a\0b", 3, "a^@b" },
		{ "\x7f\x08\x1f", 0, "^?^H^_" },
		{ "\xc2\x9b" "31m", 0, "\\xc2\\x9b31m" }, /* C1: CSI */
		{ "\x9b" "31m", 0, "\\x9b31m" },
	};

	check(cases, sizeof(cases) / sizeof(cases[0]));
}

static void returns_before_newlines_go(void)
{
	static const struct text_case cases[] = {
		{ "a\r\nb\r\n", 0, "a\nb\n" },
		{ "10%\r20%\r\r\n", 0, "10%^M20%^M\n" },
		{ "end\r", 0, "end^M" },
	};

	check(cases, sizeof(cases) / sizeof(cases[0]));
}

static void what_is_no_utf8_is_shown_in_hex(void)
{
	static const struct text_case cases[] = {
		{ "\xc3", 0, "\\xc3" }, /* cut */
		{ "\xe2\x82", 0, "\\xe2\\x82" },
		{ "\xc0\xaf", 0, "\\xc0\\xaf" }, /* overlong / */
		{ "\xe0\x80\x80", 0, "\\xe0\\x80\\x80" },
		{ "\xed\xa0\x80", 0, "\\xed\\xa0\\x80" }, /* surrogate */
		{ "\xf4\x90\x80\x80", 0, "\\xf4\\x90\\x80\\x80" },
		{ "\xff\xfe", 0, "\\xff\\xfe" },
		{ "\xc3(\xc3\xa9", 0, "\\xc3(\xc3\xa9" },
	};

	check(cases, sizeof(cases) / sizeof(cases[0]));
}

static void a_line_is_short_and_plain(void)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{ "Debian", "Debian" },
		{ "a\r\nb\x1b[1m\x7f", "a??b?[1m?" },
		{ "\xff\xc2\x9b", "???" },
		{ "12345678901", "123456789" },
		{ "12345678\xe2\x82\xac", "12345678" },
		{ "123456\xe2\x82\xac" "9", "123456\xe2\x82\xac" },
	};
	char to[10];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL(guest_text_line(cases[i].from,
						strlen(cases[i].from), to,
						sizeof(to)),
				strlen(cases[i].to));
		CU_ASSERT_STRING_EQUAL(to, cases[i].to);
	}
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(text_stays_as_it_is),
		SUITE_TEST(control_characters_are_written_out),
		SUITE_TEST(returns_before_newlines_go),
		SUITE_TEST(what_is_no_utf8_is_shown_in_hex),
		SUITE_TEST(a_line_is_short_and_plain),
	};

	return suite_run("guest_text", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
