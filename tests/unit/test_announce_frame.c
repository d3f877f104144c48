/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_announce_frame.c: what we say in a guest's name is what its own guard
 * would let it say, and well-formed to the last byte.
 */
#include "vswitch/announce_frame.h"

#include <string.h>

#include <arpa/inet.h>

#include "base/drop.h"
#include "tests/lib/suite.h"
#include "vswitch/port_guard.h"

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 0xa1 };
static const uint8_t other[6] = { 2, 0, 0, 0, 0, 0xa2 };
static const struct announce_tag untagged = { .tpid = 0x8100 };
static const struct announce_tag tagged = { .tpid = 0x88a8, .vid = 4094 };
static uint8_t bytes[ANNOUNCE_FRAME_MAX];

/* A guest locked to 10.0.0.1 and fd00::1. */
static struct guard *locked(const uint8_t own[6])
{
	struct guard_prefix list[2] = { { .family = AF_INET, .bits = 32 },
					{ .family = AF_INET6, .bits = 128 } };
	struct guard_conf conf = { .mode = GUARD_LOCKED,
				   .allowed = list,
				   .allowed_count = 2 };
	struct guard *g = NULL;

	inet_pton(AF_INET, "10.0.0.1", list[0].addr);
	inet_pton(AF_INET6, "fd00::1", list[1].addr);
	memcpy(conf.mac, own, 6);
	CU_ASSERT_EQUAL_FATAL(guard_new(&g, &conf), 0);
	return g;
}

static enum drop judge(const uint8_t own[6], size_t len)
{
	struct guard *g = locked(own);
	struct frame f;
	enum drop d;

	frame_init(&f);
	memcpy(f.bytes, bytes, len);
	f.len = f.hdr_len = (uint16_t)len;
	d = guard_check(g, &f);
	guard_free(g);
	return d;
}

static size_t arp(const struct announce_tag *tag, const char *text)
{
	struct in_addr addr;

	inet_pton(AF_INET, text, &addr);
	return announce_arp(bytes, tag, mac, addr);
}

static size_t na(const struct announce_tag *tag, const char *text, bool router)
{
	struct in6_addr addr;

	inet_pton(AF_INET6, text, &addr);
	return announce_na(bytes, tag, mac, &addr, router);
}

static void a_locked_guest_may_say_what_is_said_for_it(void)
{
	CU_ASSERT_EQUAL(judge(mac, announce_rarp(bytes, &untagged, mac)),
			DROP_NONE);
	CU_ASSERT_EQUAL(judge(mac, arp(&untagged, "10.0.0.1")), DROP_NONE);
	CU_ASSERT_EQUAL(judge(mac, na(&untagged, "fd00::1", false)),
			DROP_NONE);
}

static void another_guest_may_not(void)
{
	CU_ASSERT_NOT_EQUAL(judge(other, announce_rarp(bytes, &untagged, mac)),
			    DROP_NONE);
	CU_ASSERT_NOT_EQUAL(judge(mac, arp(&untagged, "10.0.0.2")), DROP_NONE);
	CU_ASSERT_NOT_EQUAL(judge(mac, na(&untagged, "fd00::2", false)),
			    DROP_NONE);
}

static void frames_are_as_long_as_ethernet_wants(void)
{
	CU_ASSERT_EQUAL(announce_rarp(bytes, &untagged, mac), 60);
	CU_ASSERT_EQUAL(announce_rarp(bytes, &tagged, mac), 64);
	CU_ASSERT_EQUAL(arp(&untagged, "10.0.0.1"), 60);
	CU_ASSERT_EQUAL(na(&untagged, "fd00::1", false), 14 + 40 + 32);
	CU_ASSERT_EQUAL(na(&tagged, "fd00::1", false), 18 + 40 + 32);
}

static void a_tag_stands_behind_the_addresses(void)
{
	static const uint8_t want[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					2,    0,    0,	  0,	0,    0xa1,
					0x88, 0xa8, 0x0f, 0xfe, 0x80, 0x35,
					0,    1,    8,	  0,	6,    4,
					0,    3,    2,	  0,	0,    0,
					0,    0xa1, 0,	  0,	0,    0,
					2,    0,    0,	  0,	0,    0xa1 };

	announce_rarp(bytes, &tagged, mac);
	CU_ASSERT_FALSE(memcmp(bytes, want, sizeof(want)));
}

/* The sum over pseudo header and message, checksum included, is all ones. */
static unsigned whole_sum(const uint8_t *ip6)
{
	uint32_t s = 32 + 58;
	unsigned i;

	for (i = 8; i < 72; i += 2)
		s += (uint32_t)(ip6[i] << 8 | ip6[i + 1]);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static void advertisements_have_their_checksum_and_flags(void)
{
	na(&tagged, "fd00::1", false);
	CU_ASSERT_EQUAL(whole_sum(bytes + 18), 0xffff);
	CU_ASSERT_EQUAL(bytes[18 + 40 + 4], 0x20); /* override */
	na(&untagged, "2001:db8::ffff:1", true);
	CU_ASSERT_EQUAL(whole_sum(bytes + 14), 0xffff);
	CU_ASSERT_EQUAL(bytes[14 + 40 + 4], 0xa0); /* and router */
	CU_ASSERT_EQUAL(bytes[14 + 7], 255);	   /* hop limit */
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(a_locked_guest_may_say_what_is_said_for_it),
		SUITE_TEST(another_guest_may_not),
		SUITE_TEST(frames_are_as_long_as_ethernet_wants),
		SUITE_TEST(a_tag_stands_behind_the_addresses),
		SUITE_TEST(advertisements_have_their_checksum_and_flags),
	};

	return suite_run("announce_frame", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
