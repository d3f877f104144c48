/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_gratuitous.c: which frames announce where their sender is.
 */
#include <stdio.h>

#include "tests/lib/packet.h"
#include "tests/lib/suite.h"
#include "vswitch/gratuitous.h"

#define ALL "ffffffffffff "
#define SELF "0200000000 0a "
#define OTHER "0200000000 0b "
#define NODES "333300000001 "
#define IP "0a000001 "
#define IP2 "0a000002 "
#define ARP ALL SELF "0806 0001 0800 0604 "
#define RARP ALL SELF "8035 0001 0800 0604 "
#define LINK_LOCAL "fe80000000000000 00000000000000 "
#define NA(dst, hops, type, code, flags)                                      \
	dst SELF "86dd 60000000 0018 3a" hops LINK_LOCAL "01"                 \
		"ff02000000000000 0000000000000001" type code "0000" flags    \
		"000000" LINK_LOCAL "01"

static const struct {
	const char *what, *hex;
	bool announces;
} cases[] = {
	{ "ARP request for itself", ARP "0001" SELF IP "000000000000" IP,
	  true },
	{ "ARP reply from itself", ARP "0002" SELF IP ALL IP, true },
	{ "ARP request for another", ARP "0001" SELF IP "000000000000" IP2,
	  false },
	{ "ARP of a third", ARP "0001" OTHER IP "000000000000" IP, false },
	{ "ARP of an operation nobody knows", ARP "0008" SELF IP SELF IP,
	  false },
	{ "ARP to one host",
	  OTHER SELF "0806 0001 0800 0604 0002" SELF IP SELF IP, false },
	{ "ARP for another hardware",
	  ALL SELF "0806 0006 0800 0604 0001" SELF IP SELF IP, false },
	{ "ARP cut short", ARP "0001" SELF IP "000000000000 0a0000", false },
	{ "RARP of QEMU", RARP "0003" SELF "00000000" SELF "00000000", true },
	{ "RARP for another", RARP "0003" SELF "00000000" OTHER "00000000",
	  false },
	{ "RARP reply", RARP "0004" SELF IP SELF IP, false },
	{ "unsolicited NA", NA(NODES, "ff", "88", "00", "20"), true },
	{ "solicited NA", NA(NODES, "ff", "88", "00", "60"), false },
	{ "NA from beyond a router", NA(NODES, "40", "88", "00", "20"),
	  false },
	{ "NA of another code", NA(NODES, "ff", "88", "01", "20"), false },
	{ "NA to one host", NA(OTHER, "ff", "88", "00", "20"), false },
	{ "NS", NA(NODES, "ff", "87", "00", "00"), false },
	{ "nothing", "", false },
	{ "a header", ALL SELF "0806", false },
	{ "other traffic", ALL SELF "0800 4500", false },
};

static void only_announcements_are_taken_for_such(void)
{
	struct packet_frame pf;
	struct packet p;
	unsigned i;
	bool right;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		p.len = 0;
		packet_put_hex(&p, cases[i].hex);
		right = gratuitous_is(packet_frame(&p, &pf, FRAME_HDR_MAX)) ==
			cases[i].announces;
		if (!right)
			printf("\n%s\n", cases[i].what);
		CU_ASSERT_TRUE(right);
	}
}

static void announcement_must_be_whole(void)
{
	struct packet_frame pf;
	struct packet p;
	unsigned i, len;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		p.len = 0;
		packet_put_hex(&p, cases[i].hex);
		for (len = 0; len < p.len; len++)
			CU_ASSERT_FALSE(
				gratuitous_is(packet_frame(&p, &pf, len)));
	}
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(only_announcements_are_taken_for_such),
		SUITE_TEST(announcement_must_be_whole),
	};

	return suite_run("gratuitous", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
