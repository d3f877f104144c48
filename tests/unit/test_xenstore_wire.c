/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_xenstore_wire.c: Xen's messages and what is in them, byte by byte.
 */
#include "hypervisor/xenstore_wire.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/suite.h"

static const struct xenstore_message read_a = {
	.type = XS_READ, .req_id = 7, .tx_id = 9, .len = 3, .payload = "/a",
};

static void a_message_is_built_and_taken_whole(void)
{
	char bytes[XENSTORE_MESSAGE_MAX + 1];
	struct xenstore_message msg;
	static const uint32_t head[] = { 2, 7, 9, 3 };

	CU_ASSERT_EQUAL(xenstore_wire_build(bytes, &read_a), 19);
	CU_ASSERT_FALSE(memcmp(bytes, head, 16));
	CU_ASSERT_FALSE(memcmp(bytes + 16, "/a", 3));
	CU_ASSERT_EQUAL(xenstore_wire_take(bytes, sizeof(bytes), &msg), 19);
	CU_ASSERT_TRUE(msg.type == XS_READ && msg.req_id == 7 &&
		       msg.tx_id == 9 && msg.len == 3);
	CU_ASSERT_PTR_EQUAL(msg.payload, bytes + 16);
}

static void a_message_that_is_not_all_there_is_waited_for(void)
{
	char bytes[XENSTORE_MESSAGE_MAX];
	struct xenstore_message msg;

	xenstore_wire_build(bytes, &read_a);
	for (size_t len = 0; len < 19; len++)
		CU_ASSERT_EQUAL(xenstore_wire_take(bytes, len, &msg), 0);
}

static void a_payload_has_4096_bytes_and_not_4097(void)
{
	static char bytes[XENSTORE_MESSAGE_MAX + 1];
	uint32_t lengths[] = { 4097, 65536, 0x80000000, UINT32_MAX };
	struct xenstore_message msg;
	uint32_t len = 4096;

	memcpy(bytes + 12, &len, 4);
	CU_ASSERT_EQUAL(xenstore_wire_take(bytes, sizeof(bytes), &msg), 4112);
	for (unsigned i = 0; i < 4; i++) {
		memcpy(bytes + 12, &lengths[i], 4);
		CU_ASSERT_EQUAL(xenstore_wire_take(bytes, 16, &msg), -EMSGSIZE);
	}
	CU_ASSERT_EQUAL(xenstore_wire_take(bytes, 15, &msg), 0);
}

static struct xenstore_message payload(const char *bytes, size_t len)
{
	return (struct xenstore_message){ .len = len, .payload = bytes };
}

static void strings_are_counted_and_what_follows_is_ignored(void)
{
	struct xenstore_message msg = payload("a\0\0bc\0rest", 10);
	const char *s[2];

	CU_ASSERT_EQUAL(xenstore_wire_strings(&msg, s, 2), 3);
	CU_ASSERT_STRING_EQUAL(s[0], "a");
	CU_ASSERT_STRING_EQUAL(s[1], "");
	msg = payload("none", 4);
	CU_ASSERT_EQUAL(xenstore_wire_strings(&msg, s, 2), 0);
	msg = payload(NULL, 0);
	CU_ASSERT_EQUAL(xenstore_wire_strings(&msg, s, 2), 0);
}

static void one_string_ends_where_the_payload_does(void)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool is;
	} cases[] = {
		{ "", 0, false },  { "", 1, true },	{ "a", 1, false },
		{ "a", 2, true },  { "a\0b", 3, false }, { "a\0b", 4, false },
		{ "a\0", 3, false },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct xenstore_message msg = payload(cases[i].bytes,
						      cases[i].len);

		CU_ASSERT_EQUAL(xenstore_wire_is_one_string(&msg), cases[i].is);
	}
}

static void numbers_are_digits_within_their_limit(void)
{
	static const char *const bad[] = { "",	  " 1", "1 ", "+1",
					   "-1",  "0x1", "65536",
					   "99999999999999999999999" };
	uint32_t n;

	CU_ASSERT_FALSE(xenstore_wire_number("0", 65535, &n) || n);
	CU_ASSERT_TRUE(!xenstore_wire_number("65535", 65535, &n) && n == 65535);
	CU_ASSERT_TRUE(!xenstore_wire_number("4294967295", UINT32_MAX, &n) &&
		       n == UINT32_MAX);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(xenstore_wire_number(bad[i], 65535, &n),
				-EINVAL);
}

static void permissions_are_a_letter_and_a_domain(void)
{
	static const char *const good[] = { "n0", "r1", "w77", "b65535" };
	static const char *const bad[] = { "", "r", "x1", "R1", "r-1", "r65536",
					   "rr1", "1r" };
	char text[XENSTORE_PERM_TEXT_MAX];
	struct xenstore_perm perm;

	for (unsigned i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(xenstore_wire_perm_parse(good[i], &perm), 0);
		CU_ASSERT_EQUAL(perm.bits, i);
		CU_ASSERT_EQUAL(xenstore_wire_perm_text(perm, text),
				strlen(good[i]));
		CU_ASSERT_STRING_EQUAL(text, good[i]);
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(xenstore_wire_perm_parse(bad[i], &perm),
				-EINVAL);
}

static void errors_and_types_have_xens_names(void)
{
	CU_ASSERT_STRING_EQUAL(xenstore_wire_error_name(-E2BIG), "E2BIG");
	CU_ASSERT_STRING_EQUAL(xenstore_wire_error_name(EAGAIN), "EAGAIN");
	CU_ASSERT_STRING_EQUAL(xenstore_wire_error_name(EPIPE), "EINVAL");
	CU_ASSERT_EQUAL(xenstore_wire_error_number("ENOENT", 7), ENOENT);
	CU_ASSERT_EQUAL(xenstore_wire_error_number("ENOENT", 6), ENOENT);
	CU_ASSERT_EQUAL(xenstore_wire_error_number("ENOEN", 5), EIO);
	CU_ASSERT_EQUAL(xenstore_wire_error_number("", 0), EIO);
	CU_ASSERT_STRING_EQUAL(xenstore_wire_type_name(XS_RM), "RM");
	CU_ASSERT_STRING_EQUAL(xenstore_wire_type_name(20), "unknown");
	CU_ASSERT_STRING_EQUAL(xenstore_wire_type_name(UINT32_MAX), "unknown");
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(a_message_is_built_and_taken_whole),
		SUITE_TEST(a_message_that_is_not_all_there_is_waited_for),
		SUITE_TEST(a_payload_has_4096_bytes_and_not_4097),
		SUITE_TEST(strings_are_counted_and_what_follows_is_ignored),
		SUITE_TEST(one_string_ends_where_the_payload_does),
		SUITE_TEST(numbers_are_digits_within_their_limit),
		SUITE_TEST(permissions_are_a_letter_and_a_domain),
		SUITE_TEST(errors_and_types_have_xens_names),
	};

	return suite_run("xenstore_wire", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
