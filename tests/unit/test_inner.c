/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_inner.c: parsing inner packets, checksums, selectors. */
#include "ipsec-migrate/inner.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipsec-migrate/csum.h"
#include "ipsec-migrate/esp.h"
#include "ipsec-migrate/esp_drop.h"
#include "ipsec-migrate/selector.h"
#include "tests/lib/esp_world.h"
#include "tests/lib/inner_packet.h"
#include "tests/lib/suite.h"

static uint8_t pkt[INNER_LEN_MAX];

static void packets_are_parsed_to_their_ports(void)
{
	static const uint8_t families[] = { 4, 6 };
	struct inner in;
	unsigned i;

	for (i = 0; i < 2; i++) {
		struct inner_packet p = inner_packet_tcp(families[i], 100);
		uint32_t len = inner_packet_make(&p, pkt);

		CU_ASSERT(inner_parse(&in, pkt, len));
		CU_ASSERT_EQUAL(in.len, len);
		CU_ASSERT_EQUAL(in.flow.family, families[i]);
		CU_ASSERT_EQUAL(in.flow.proto, IPPROTO_TCP);
		CU_ASSERT_EQUAL(in.flow.sport, 40000);
		CU_ASSERT_EQUAL(in.flow.dport, 5001);
		CU_ASSERT(in.flow.has_ports && in.df && !in.fragment);
		CU_ASSERT_EQUAL(in.l4_off, i ? 40 : 20);
		CU_ASSERT(inner_parse(&in, pkt, len + 9));
		CU_ASSERT_EQUAL(in.len, len);
	}
}

static void icmp_has_its_type_for_ports(void)
{
	struct inner_packet p = inner_packet_tcp(4, 10);
	struct inner in;

	p.proto = IPPROTO_ICMP;
	CU_ASSERT(inner_parse(&in, pkt, inner_packet_make(&p, pkt)));
	CU_ASSERT_EQUAL(in.flow.sport, 8 << 8);
	CU_ASSERT_EQUAL(in.flow.dport, 8 << 8);
}

/* An exact copy of each beginning, so that a reader too far is found out. */
static void truncated_packets_are_refused(void)
{
	static const uint8_t families[] = { 4, 6 };
	struct inner in;
	uint32_t n, len;
	unsigned i;

	for (i = 0; i < 2; i++) {
		struct inner_packet p = inner_packet_tcp(families[i], 10);

		len = inner_packet_make(&p, pkt);
		for (n = 0; n < len; n++) {
			uint8_t *exact = malloc(n ? n : 1);

			memcpy(exact, pkt, n);
			CU_ASSERT_FALSE(inner_parse(&in, exact, n));
			free(exact);
		}
	}
}

static void later_fragments_have_no_ports(void)
{
	struct inner_packet p = inner_packet_tcp(4, 100);
	uint32_t len = inner_packet_make(&p, pkt);
	struct inner in;

	pkt[6] = 0x20; /* more fragments: the first */
	CU_ASSERT(inner_parse(&in, pkt, len));
	CU_ASSERT(in.fragment && in.flow.has_ports && !in.df);
	pkt[7] = 1;
	CU_ASSERT(inner_parse(&in, pkt, len));
	CU_ASSERT(in.fragment && !in.flow.has_ports);
	CU_ASSERT_EQUAL(in.flow.sport, 0);
}

/* Puts extension headers of 8 bytes before the payload. */
static uint32_t with_extensions(const uint8_t *next, unsigned n)
{
	struct inner_packet p = inner_packet_tcp(6, 20);
	static uint8_t old[256];
	uint32_t len = inner_packet_make(&p, old);
	unsigned i;

	memcpy(pkt, old, 40);
	memset(pkt + 40, 0, 8 * n);
	memcpy(pkt + 40 + 8 * n, old + 40, len - 40);
	pkt[6] = n ? next[0] : old[6];
	for (i = 0; i < n; i++)
		pkt[40 + 8 * i] = i + 1 < n ? next[i + 1] : IPPROTO_TCP;
	pkt[5] = (uint8_t)(len - 40 + 8 * n);
	return len + 8 * n;
}

static void extension_headers_are_walked(void)
{
	static const uint8_t some[] = { 0, 60, 43, 60 };
	static const uint8_t many[] = { 60, 60, 60, 60, 60, 60, 60, 60, 60 };
	static const uint8_t frag[] = { 44 };
	struct inner in;
	uint32_t len = with_extensions(some, 4);

	CU_ASSERT(inner_parse(&in, pkt, len));
	CU_ASSERT_EQUAL(in.flow.proto, IPPROTO_TCP);
	CU_ASSERT_EQUAL(in.flow.dport, 5001);
	CU_ASSERT_EQUAL(in.l4_off, 72);
	CU_ASSERT(inner_parse(&in, pkt, with_extensions(many, 8)));
	CU_ASSERT_FALSE(inner_parse(&in, pkt, with_extensions(many, 9)));

	len = with_extensions(frag, 1);
	CU_ASSERT(inner_parse(&in, pkt, len));
	CU_ASSERT_FALSE(in.fragment); /* an atomic one */
	pkt[43] = 8;
	CU_ASSERT(inner_parse(&in, pkt, len));
	CU_ASSERT(in.fragment && !in.flow.has_ports);
	CU_ASSERT_EQUAL(in.flow.proto, IPPROTO_TCP);
	pkt[41] = 255; /* a fragment header has no length */
	CU_ASSERT(inner_parse(&in, pkt, len));

	len = with_extensions(some, 4);
	pkt[41] = 255; /* longer than the packet */
	CU_ASSERT_FALSE(inner_parse(&in, pkt, len));
}

static void hashes_differ_where_flows_do(void)
{
	struct inner_packet p = inner_packet_tcp(4, 0);
	unsigned seen[64] = { 0 }, i;
	struct inner in;

	for (i = 0; i < 6400; i++) {
		p.sport = (uint16_t)(1024 + i);
		inner_parse(&in, pkt, inner_packet_make(&p, pkt));
		seen[inner_hash(&in.flow) % 64]++;
		CU_ASSERT_EQUAL(inner_hash(&in.flow), inner_hash(&in.flow));
	}
	for (i = 0; i < 64; i++)
		CU_ASSERT(seen[i] > 50 && seen[i] < 160);
}

static uint16_t swap(uint16_t v)
{
	return (uint16_t)(v << 8 | v >> 8);
}

/* Every length and alignment against bytes added one by one. */
static void sums_are_as_those_of_single_bytes(void)
{
	static uint8_t from[4200], to[4200];
	uint32_t i, len;

	srand(3);
	for (i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)rand();
	memset(from + 3000, 0xff, 1000);
	for (len = 0; len < 4100; len += len < 300 ? 1 : 37) {
		unsigned off = len % 8;
		uint16_t want = packet_sum(0, from + off, len);

		CU_ASSERT_EQUAL(swap(csum_fold(csum_add(0, from + off, len))),
				want);
		memset(to, 0xaa, sizeof(to));
		CU_ASSERT_EQUAL(swap(csum_fold(csum_copy(0, to + off / 2,
							 from + off, len))),
				want);
		CU_ASSERT(!memcmp(to + off / 2, from + off, len));
		CU_ASSERT_EQUAL(to[off / 2 + len], 0xaa);
	}
}

static void lengths_follow_from_the_path(void)
{
	static const struct {
		uint32_t mtu, family, udp, inner;
	} cases[] = {
		{ 1500, 4, 1, 1438 }, { 1500, 4, 0, 1446 },
		{ 1500, 6, 1, 1418 }, { 1500, 6, 0, 1426 },
		{ 9000, 4, 1, 8938 }, { 1280, 6, 1, 1198 },
		{ 64, 4, 1, 2 },      { 63, 4, 1, 0 },
		{ 0, 6, 0, 0 },
	};
	unsigned i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t outer = (cases[i].family == 6 ? 40 : 20) +
				 8 * cases[i].udp;
		uint32_t inner = esp_inner_mtu(cases[i].mtu,
					       (uint8_t)cases[i].family,
					       cases[i].udp);

		CU_ASSERT_EQUAL(inner, cases[i].inner);
		if (!inner)
			continue;
		CU_ASSERT(outer + esp_len(inner) <= cases[i].mtu);
		CU_ASSERT(outer + esp_len(inner + 1) > cases[i].mtu);
	}
}

static void selectors_match_what_is_in_both_ranges(void)
{
	struct selector s = world_selector(4);
	struct inner_packet p = inner_packet_tcp(4, 0);
	struct inner in;

	inner_parse(&in, pkt, inner_packet_make(&p, pkt));
	CU_ASSERT(selector_valid(&s));
	CU_ASSERT(selector_match_out(&s, &in.flow));
	CU_ASSERT_FALSE(selector_match_in(&s, &in.flow));
	s.proto = IPPROTO_UDP;
	CU_ASSERT_FALSE(selector_match_out(&s, &in.flow));
	s.proto = IPPROTO_TCP;
	s.remote.port_lo = s.remote.port_hi = 5001;
	CU_ASSERT(selector_match_out(&s, &in.flow));
	s.remote.port_lo = s.remote.port_hi = 5002;
	CU_ASSERT_FALSE(selector_match_out(&s, &in.flow));
	s.remote.port_lo = 5000;
	CU_ASSERT(selector_match_out(&s, &in.flow));
	in.flow.has_ports = false; /* RFC 4301 4.4.1.1: OPAQUE */
	CU_ASSERT_FALSE(selector_match_out(&s, &in.flow));
	s.remote.port_lo = 0;
	s.remote.port_hi = UINT16_MAX;
	CU_ASSERT(selector_match_out(&s, &in.flow));
	in.flow.src[1] = 9;
	CU_ASSERT_FALSE(selector_match_out(&s, &in.flow));
}

static void senseless_selectors_are_refused(void)
{
	struct selector s = world_selector(4);

	s.family = 5;
	CU_ASSERT_FALSE(selector_valid(&s));
	s = world_selector(4);
	s.local.hi[0] = 9;
	CU_ASSERT_FALSE(selector_valid(&s));
	s = world_selector(4);
	s.remote.hi[5] = 1;
	CU_ASSERT_FALSE(selector_valid(&s));
	s = world_selector(6);
	s.remote.port_hi = 80; /* of which protocol? */
	CU_ASSERT_FALSE(selector_valid(&s));
	s.proto = IPPROTO_TCP;
	CU_ASSERT(selector_valid(&s));
	s.remote.port_lo = 81;
	CU_ASSERT_FALSE(selector_valid(&s));
}

/* IK-19 */
static void narrower_selectors_are_within_wider_ones(void)
{
	struct selector wide = world_selector(4), s = wide;

	CU_ASSERT(selector_within(&s, &wide));
	s.local.lo[3] = s.local.hi[3] = 7;
	s.local.lo[2] = s.local.hi[2] = 0;
	CU_ASSERT(selector_within(&s, &wide));
	CU_ASSERT_FALSE(selector_within(&wide, &s));
	s.proto = IPPROTO_TCP;
	s.remote.port_hi = 80;
	CU_ASSERT(selector_within(&s, &wide));
	wide.proto = IPPROTO_TCP;
	s.proto = 0;
	CU_ASSERT_FALSE(selector_within(&s, &wide));
	s = world_selector(4);
	wide = world_selector(4);
	s.remote.hi[1] = 3;
	CU_ASSERT_FALSE(selector_within(&s, &wide));
	s = world_selector(6);
	CU_ASSERT_FALSE(selector_within(&s, &wide));
}

static void prefixes_are_what_ranges_share(void)
{
	struct selector s = world_selector(4);

	CU_ASSERT_EQUAL(selector_prefix(&s.local, 4), 16);
	s.local.hi[1] = 2;
	CU_ASSERT_EQUAL(selector_prefix(&s.local, 4), 14);
	memcpy(s.local.hi, s.local.lo, 16);
	CU_ASSERT_EQUAL(selector_prefix(&s.local, 4), 32);
	CU_ASSERT_EQUAL(selector_prefix(&s.local, 6), 128);
}

/* And docs/ipsec.md the same ones. */
static void every_drop_has_its_words(void)
{
	static char page[1 << 16], row[256];
	FILE *in = fopen(SOURCE_ROOT "/docs/ipsec.md", "r");
	int i;

	CU_ASSERT_PTR_NOT_NULL_FATAL(in);
	page[fread(page, 1, sizeof(page) - 1, in)] = 0;
	fclose(in);
	for (i = 1; i < ESP_DROP_COUNT; i++) {
		snprintf(row, sizeof(row), "| `%s` | %s |\n",
			 esp_drop_name(i), esp_drop_help(i));
		CU_ASSERT_PTR_NOT_NULL(strstr(page, row));
	}
	CU_ASSERT_STRING_EQUAL(esp_drop_name(ESP_DROP_REPLAY), "replay");
	CU_ASSERT_STRING_EQUAL(esp_drop_name(ESP_DROP_COUNT), "unknown");
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(packets_are_parsed_to_their_ports),
		SUITE_TEST(icmp_has_its_type_for_ports),
		SUITE_TEST(truncated_packets_are_refused),
		SUITE_TEST(later_fragments_have_no_ports),
		SUITE_TEST(extension_headers_are_walked),
		SUITE_TEST(hashes_differ_where_flows_do),
		SUITE_TEST(sums_are_as_those_of_single_bytes),
		SUITE_TEST(lengths_follow_from_the_path),
		SUITE_TEST(selectors_match_what_is_in_both_ranges),
		SUITE_TEST(senseless_selectors_are_refused),
		SUITE_TEST(narrower_selectors_are_within_wider_ones),
		SUITE_TEST(prefixes_are_what_ranges_share),
		SUITE_TEST(every_drop_has_its_words),
	};

	return suite_run("inner", tests, sizeof(tests) / sizeof(tests[0]));
}
