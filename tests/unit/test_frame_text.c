/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames in words: what comes out is compared with bytes written by hand, and
 * checksums with a sum of their own.
 */
#include "vswitch/frame_text.h"

#include <string.h>

#include "tests/lib/packet.h"
#include "tests/lib/suite.h"

static const uint8_t own[6] = { 2, 0, 0, 0, 0, 0x0a };
static uint8_t out[FRAME_TEXT_MAX];
static char err[512];

static int build(const char *text)
{
	err[0] = '\0';
	return frame_text_build(text, own, out, err, sizeof(err));
}

static bool is(const char *text, const char *hex)
{
	struct packet p = { .len = 0 };
	int len = build(text), i;

	packet_put_hex(&p, hex);
	if (len == (int)p.len && !memcmp(out, p.bytes, len))
		return true;
	printf("\n  %s (%s)\n  ", text, err);
	for (i = 0; i < len; i++)
		printf("%02x", out[i]);
	printf("\n");
	return false;
}

/* One's complement sum of 16-bit words; 0xffff when a checksum in it holds. */
static unsigned sum(const uint8_t *data, unsigned len, unsigned start)
{
	unsigned i, s = start;

	for (i = 0; i < len; i++)
		s += i & 1 ? data[i] : data[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static void a_frame_needs_nothing_but_eth(void)
{
	CU_ASSERT(is("eth", "ffffffffffff 02000000000a 88b5"));
	CU_ASSERT(is("eth dst=02:00:00:00:00:0b src=02:00:00:00:00:0c "
		     "type=0x0800",
		     "02000000000b 02000000000c 0800"));
	CU_ASSERT(is("eth / pad=20",
		     "ffffffffffff 02000000000a 88b5 000000000000"));
	CU_ASSERT(is("eth / hex=c0ffee",
		     "ffffffffffff 02000000000a 88b5 c0ffee"));
}

static void tags_come_in_the_order_of_words(void)
{
	CU_ASSERT(is("eth vlan=10 dst=02:00:00:00:00:0b",
		     "02000000000b 02000000000a 8100 000a 88b5"));
	CU_ASSERT(is("eth vlan=10 vlan=20 / arp",
		     "ffffffffffff 02000000000a 8100 000a 8100 0014 0806"
		     "0001 0800 06 04 0001 02000000000a 00000000"
		     "000000000000 00000000"));
	CU_ASSERT(is("eth / vlan id=4094 pcp=7 dei=1 tpid=0x88a8 / vlan id=1",
		     "ffffffffffff 02000000000a 88a8 fffe 8100 0001 88b5"));
}

static void arp_is_filled_in(void)
{
	CU_ASSERT(is("eth / arp op=reply spa=10.0.0.1 tha=02:00:00:00:00:0b "
		     "tpa=10.0.0.2",
		     "ffffffffffff 02000000000a 0806 0001 0800 06 04 0002"
		     "02000000000a 0a000001 02000000000b 0a000002"));
}

static void ipv4_headers_and_checksums_hold(void)
{
	int len = build("eth / ip src=10.0.0.1 dst=10.0.0.2 / udp sport=53 "
			"dport=1024 / hex=010203");

	CU_ASSERT(len == 14 + 20 + 8 + 3);
	CU_ASSERT(out[14] == 0x45 && out[17] == 31 && out[23] == 17);
	CU_ASSERT(sum(out + 14, 20, 0) == 0xffff);
	CU_ASSERT(out[35] == 53 && out[39] == 11);
	CU_ASSERT(sum(out + 26, 19, 17 + 11) == 0xffff);
	len = build("eth / ip src=1.2.3.4 dst=5.6.7.8 ttl=1 mf=1 frag=2 / "
		    "tcp flags=SA sport=1 dport=2 / pad=100");
	CU_ASSERT(len == 100 && out[17] == 40);
	CU_ASSERT(out[20] == 0x20 && out[21] == 2 && out[22] == 1);
	CU_ASSERT(out[47] == 0x12);
	CU_ASSERT(sum(out + 26, 28, 6 + 20) == 0xffff);
	len = build("eth / ip src=1.2.3.4 dst=5.6.7.8 / icmp type=echo id=7");
	CU_ASSERT(len == 42 && out[34] == 8 && out[39] == 7);
	CU_ASSERT(sum(out + 34, 8, 0) == 0xffff);
}

static void ipv6_neighbour_discovery_has_its_option(void)
{
	int len = build("eth / ip6 src=fe80::1 dst=ff02::1:ff00:2 / icmp6 "
			"type=ns target=fe80::2 lladdr=02:00:00:00:00:0a");

	CU_ASSERT(len == 14 + 40 + 32);
	CU_ASSERT(out[12] == 0x86 && out[19] == 32 && out[20] == 58);
	CU_ASSERT(out[21] == 255 && out[54] == 135);
	CU_ASSERT(out[78] == 1 && out[79] == 1 && out[85] == 0x0a);
	CU_ASSERT(sum(out + 22, 64, 58 + 32) == 0xffff);
	len = build("eth / ip6 src=:: dst=ff02::1:ff00:2 / icmp6 type=ns "
		    "target=fe80::2");
	CU_ASSERT(len == 14 + 40 + 24 && out[19] == 24);
	CU_ASSERT(build("eth / ip6 / icmp6") == 14 + 40 + 8);
	CU_ASSERT(build("eth / ip6 / icmp6 type=ra") == 14 + 40 + 16);
}

static void dhcp_has_its_type_and_address(void)
{
	int len = build("eth / ip src=0.0.0.0 dst=255.255.255.255 / "
			"udp sport=68 dport=67 / dhcp type=request");

	CU_ASSERT(len == 14 + 20 + 8 + 244);
	CU_ASSERT(out[42] == 1 && out[42 + 28] == 2 && out[42 + 33] == 0x0a);
	CU_ASSERT(out[42 + 240] == 53 && out[42 + 242] == 3);
}

static void what_is_given_is_kept_though_it_is_wrong(void)
{
	build("eth type=0x1234 / ip len=1 csum=0xabcd proto=200 / udp len=7 "
	      "csum=1");
	CU_ASSERT(out[12] == 0x12 && out[17] == 1 && out[23] == 200);
	CU_ASSERT(out[24] == 0xab && out[25] == 0xcd);
	CU_ASSERT(out[39] == 7 && out[40] == 0 && out[41] == 1);
}

static void mistakes_are_named(void)
{
	static const char *const cases[][2] = {
		{ "", "begin with eth" },
		{ "ip", "begin with eth" },
		{ "/ ip", "begin with eth" },
		{ "eth / eth", "eth once" },
		{ "eth / ipx", "no such layer" },
		{ "eth colour=red", "eth has no colour; it has dst src" },
		{ "eth dst=02:00", "eth dst=02:00: expected MAC address such as" },
		{ "eth vlan=5000", "vlan=5000" },
		{ "eth / ip src=10.0.0.300", "ip src=10.0.0.300: expected IPv4" },
		{ "eth / ip ttl=256", "ip ttl=256: expected number 0 to 255 (0xff)" },
		{ "eth / tcp flags=SX", "tcp flags=SX: expected letters of F S R" },
		{ "eth / arp op=ask", "op=ask: expected one of request reply, or a" },
		{ "eth / ip6 src=::g", "ip6 src=::g: expected IPv6" },
		{ "eth ip", "key=value" },
		{ "eth / hex=abc", "hexadecimal" },
		{ "eth / pad=10000", "pad=10000" },
	};
	unsigned i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool ok = build(cases[i][0]) == -1 &&
			  strstr(err, cases[i][1]);

		if (!ok)
			printf("\n  \"%s\": %s\n", cases[i][0], err);
		CU_ASSERT(ok);
	}
	CU_ASSERT(frame_text_build("eth", NULL, out, err, sizeof(err)) == -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(err, "src=MAC"));
	CU_ASSERT(frame_text_build("eth src=02:00:00:00:00:01", NULL, out,
				   err, sizeof(err)) == 14);
}

static void long_descriptions_stay_within_bounds(void)
{
	char text[3 * FRAME_TEXT_MAX];
	unsigned i;
	size_t at = sprintf(text, "eth / hex=");

	for (i = 0; i < FRAME_TEXT_MAX; i++)
		at += sprintf(text + at, "00");
	CU_ASSERT(build(text) == -1);
	at = sprintf(text, "eth");
	for (i = 0; i < 40; i++)
		at += sprintf(text + at, " / vlan");
	CU_ASSERT(build(text) == -1);
}

static void hexadecimal_may_have_blanks_and_colons(void)
{
	CU_ASSERT(frame_text_hex("02:00 00\n0A", out, err, sizeof(err)) == 4);
	CU_ASSERT(out[3] == 0x0a);
	CU_ASSERT(frame_text_hex("0g", out, err, sizeof(err)) == -1);
	CU_ASSERT(frame_text_hex("012", out, err, sizeof(err)) == -1);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(a_frame_needs_nothing_but_eth),
		SUITE_TEST(tags_come_in_the_order_of_words),
		SUITE_TEST(arp_is_filled_in),
		SUITE_TEST(ipv4_headers_and_checksums_hold),
		SUITE_TEST(ipv6_neighbour_discovery_has_its_option),
		SUITE_TEST(dhcp_has_its_type_and_address),
		SUITE_TEST(what_is_given_is_kept_though_it_is_wrong),
		SUITE_TEST(mistakes_are_named),
		SUITE_TEST(long_descriptions_stay_within_bounds),
		SUITE_TEST(hexadecimal_may_have_blanks_and_colons),
	};

	return suite_run("frame_text", tests, sizeof(tests) / sizeof(tests[0]));
}
