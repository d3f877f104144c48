/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_bond_hash.c: what decides on a frame's bucket and what must not, and
 * how evenly addresses and flows spread (argv[1]: how many, in thousands).
 */
#include "vlan/bond.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/packet.h"
#include "tests/lib/suite.h"

#define DST "02:00:00:00:00:02"
#define SRC "02:00:00:00:00:01"

static unsigned long thousands = 100;
static struct bond_table by_mac, by_flow = { .hash_flow = true };

struct flow {
	const char *dst, *src;
	uint32_t tag[3]; /* outermost first, 0: none */
	const char *ip_dst;
	uint8_t proto;
	uint16_t sport;
	uint16_t fragment; /* IPv4: flags and offset */
	unsigned cut;      /* bytes that are there, 0: all */
};

static const struct flow plain = { DST, SRC, { 0 }, "10.0.0.2", 6, 1000, 0, 0 };

static void build(struct packet *p, const struct flow *f)
{
	bool v6 = strchr(f->ip_dst, ':');
	int i;

	packet_eth(p, f->dst, f->src, v6 ? 0x86dd : 0x0800);
	if (v6)
		packet_ipv6(p, "fd00::1", f->ip_dst, f->proto, 64, 20);
	else
		packet_ipv4(p, "10.0.0.1", f->ip_dst, f->proto, 20);
	p->bytes[14 + 6] |= v6 ? 0 : f->fragment >> 8;
	p->bytes[14 + 7] |= v6 ? 0 : f->fragment;
	packet_put16(p, f->sport);
	packet_put16(p, 443);
	packet_zero(p, 16);
	for (i = 2; i >= 0; i--)
		if (f->tag[i])
			packet_tag(p, f->tag[i] >> 16, f->tag[i]);
	if (f->cut)
		p->len = f->cut;
}

static unsigned bucket(const struct bond_table *table, const struct flow *f)
{
	struct packet p;
	unsigned b;

	build(&p, f);
	b = bond_bucket(table, p.bytes, p.len);
	CU_ASSERT_FATAL(b < BOND_BUCKETS);
	return b;
}

/* Two different flows may share a bucket; 16 variants of one never do. */
static bool matters(const struct bond_table *table, struct flow f,
		    void (*vary)(struct flow *f, unsigned i))
{
	unsigned first = bucket(table, &f), i;

	for (i = 1; i < 16; i++) {
		vary(&f, i);
		if (bucket(table, &f) != first)
			return true;
	}
	return false;
}

static void vary_src(struct flow *f, unsigned i)
{
	static char mac[18];

	snprintf(mac, sizeof(mac), "02:00:00:00:01:%02x", i);
	f->src = mac;
}

static void vary_dst(struct flow *f, unsigned i)
{
	static char mac[18];

	snprintf(mac, sizeof(mac), "02:00:00:00:01:%02x", i);
	f->dst = mac;
}

static void vary_vid(struct flow *f, unsigned i)
{
	f->tag[0] = 0x81000000u | i;
}

static void vary_pcp(struct flow *f, unsigned i)
{
	f->tag[0] = 0x81000000u | i << 12 | 7;
}

static void vary_inner_vid(struct flow *f, unsigned i)
{
	f->tag[1] = 0x81000000u | i;
}

static void vary_ip(struct flow *f, unsigned i)
{
	static char ip[24];

	snprintf(ip, sizeof(ip),
		 strchr(f->ip_dst, ':') ? "fd00::%u" : "10.0.1.%u", i);
	f->ip_dst = ip;
}

static void vary_port(struct flow *f, unsigned i)
{
	f->sport = 1000 + i;
}

static void vary_proto(struct flow *f, unsigned i)
{
	f->proto = 100 + i;
}

static void macs_hash_only_source_and_vlan(void)
{
	CU_ASSERT(matters(&by_mac, plain, vary_src));
	CU_ASSERT(matters(&by_mac, plain, vary_vid));
	CU_ASSERT_FALSE(matters(&by_mac, plain, vary_dst));
	CU_ASSERT_FALSE(matters(&by_mac, plain, vary_ip));
	CU_ASSERT_FALSE(matters(&by_mac, plain, vary_port));
}

static void flows_hash_addresses_and_ports(void)
{
	struct flow v6 = plain;

	v6.ip_dst = "fd00::2";
	CU_ASSERT(matters(&by_flow, plain, vary_src));
	CU_ASSERT(matters(&by_flow, plain, vary_dst));
	CU_ASSERT(matters(&by_flow, plain, vary_vid));
	CU_ASSERT(matters(&by_flow, plain, vary_ip));
	CU_ASSERT(matters(&by_flow, plain, vary_port));
	CU_ASSERT(matters(&by_flow, plain, vary_proto));
	CU_ASSERT(matters(&by_flow, v6, vary_ip));
	CU_ASSERT(matters(&by_flow, v6, vary_port));
}

static void priorities_do_not_move_a_flow(void)
{
	struct flow f = plain;

	f.tag[0] = 0x81000007;
	CU_ASSERT_FALSE(matters(&by_mac, f, vary_pcp));
	CU_ASSERT_FALSE(matters(&by_flow, f, vary_pcp));
}

static void fragments_hash_without_ports(void)
{
	struct flow first = plain, later = plain, v6 = plain;

	first.fragment = 0x2000;
	later.fragment = 0x00b9;
	v6.ip_dst = "fd00::2";
	v6.proto = 44;
	CU_ASSERT_EQUAL(bucket(&by_flow, &first), bucket(&by_flow, &later));
	CU_ASSERT_FALSE(matters(&by_flow, first, vary_port));
	CU_ASSERT_FALSE(matters(&by_flow, later, vary_port));
	CU_ASSERT_FALSE(matters(&by_flow, v6, vary_port));
	CU_ASSERT(matters(&by_flow, later, vary_ip));
	first.fragment = 0x4000; /* DF is no fragment */
	CU_ASSERT(matters(&by_flow, first, vary_port));
}

static void flows_are_found_beneath_tags(void)
{
	struct flow f = plain;

	f.tag[0] = 0x88a80005;
	f.tag[1] = 0x81000007;
	CU_ASSERT(matters(&by_flow, f, vary_ip));
	CU_ASSERT(matters(&by_flow, f, vary_port));
	CU_ASSERT_FALSE(matters(&by_mac, f, vary_inner_vid));
	f.tag[2] = 0x91000009;
	CU_ASSERT(matters(&by_flow, f, vary_port));
}

static void options_do_not_hide_ports(void)
{
	struct packet p;
	unsigned a, b, i;

	build(&p, &plain);
	p.bytes[14] = 0x46; /* one word of options: ports are 4 further */
	a = bond_bucket(&by_flow, p.bytes, p.len);
	for (i = 0, b = a; i < 16 && a == b; i++) {
		p.bytes[14 + 24] = i;
		b = bond_bucket(&by_flow, p.bytes, p.len);
	}
	CU_ASSERT_NOT_EQUAL(a, b);
}

static void an_address_is_in_the_bucket_of_its_frames(void)
{
	struct flow f = plain;
	uint8_t mac[6];

	packet_mac(SRC, mac);
	CU_ASSERT_EQUAL(bond_bucket_of_mac(&by_mac, mac, 0),
			bucket(&by_mac, &f));
	f.tag[0] = 0x8100e007;
	CU_ASSERT_EQUAL(bond_bucket_of_mac(&by_mac, mac, 7),
			bucket(&by_mac, &f));
	f.tag[0] = 0x88a80fff;
	f.tag[1] = 0x81000008;
	CU_ASSERT_EQUAL(bond_bucket_of_mac(&by_mac, mac, 0xfff),
			bucket(&by_mac, &f));
	CU_ASSERT_EQUAL(bond_bucket_of_mac(&by_flow, mac, 0xfff),
			bucket(&by_mac, &f));
}

static void the_basis_shuffles_all_buckets(void)
{
	struct bond_table other = { .basis = 1 };
	struct packet_rng rng = { 1 };
	unsigned i, k, same = 0;
	uint8_t mac[6];

	for (i = 0; i < 10000; i++) {
		for (k = 0; k < 6; k++)
			mac[k] = packet_random(&rng, 256);
		same += bond_bucket_of_mac(&by_mac, mac, 1) ==
			bond_bucket_of_mac(&other, mac, 1);
	}
	CU_ASSERT(same < 80); /* 39 expected */
}

static void every_truncation_has_a_bucket(void)
{
	struct flow f = plain;
	unsigned cut;
	struct packet p;
	uint8_t *exact;

	f.tag[0] = 0x88a80005;
	f.tag[1] = 0x81000007;
	build(&p, &f);
	for (cut = 0; cut <= p.len; cut++) {
		exact = malloc(cut + !cut); /* for the sanitizer */
		memcpy(exact, p.bytes, cut);
		CU_ASSERT(bond_bucket(&by_flow, exact, cut) < BOND_BUCKETS);
		CU_ASSERT(bond_bucket(&by_mac, exact, cut) < BOND_BUCKETS);
		free(exact);
	}
}

/* Chi square of 256 buckets: 255 expected, deviation 23. */
static double unevenness(const unsigned count[BOND_BUCKETS], double n)
{
	double sum = 0, d;
	unsigned i;

	for (i = 0; i < BOND_BUCKETS; i++) {
		d = count[i] - n / BOND_BUCKETS;
		sum += d * d / (n / BOND_BUCKETS);
	}
	return sum;
}

static void random_addresses_spread_evenly(void)
{
	unsigned count[BOND_BUCKETS] = { 0 }, k;
	struct packet_rng rng = { 7 };
	unsigned long i, n = thousands * 1000;
	uint8_t mac[6];

	for (i = 0; i < n; i++) {
		for (k = 0; k < 6; k++)
			mac[k] = packet_random(&rng, 256);
		count[bond_bucket_of_mac(&by_mac, mac,
					 packet_random(&rng, 4095))]++;
	}
	CU_ASSERT(unevenness(count, n) < 255 + 6 * 23);
}

/* As a host makes them: one prefix and a counter, and VLANs in a row. */
static void counted_addresses_and_vlans_spread_evenly(void)
{
	unsigned by_counter[BOND_BUCKETS] = { 0 }, i;
	unsigned by_vid[BOND_BUCKETS] = { 0 };
	uint8_t mac[6] = { 0x02, 0x16, 0x3e };

	for (i = 0; i < 4096; i++) {
		mac[4] = i >> 8;
		mac[5] = i;
		by_counter[bond_bucket_of_mac(&by_mac, mac, 10)]++;
	}
	for (i = 0; i < 4096; i++)
		by_vid[bond_bucket_of_mac(&by_mac, mac, i)]++;
	CU_ASSERT(unevenness(by_counter, 4096) < 255 + 6 * 23);
	CU_ASSERT(unevenness(by_vid, 4096) < 255 + 6 * 23);
}

static void flows_spread_evenly(void)
{
	unsigned count[BOND_BUCKETS] = { 0 }, ports[BOND_BUCKETS] = { 0 };
	struct packet_rng rng = { 9 };
	unsigned long i, n = thousands * 1000;
	struct packet p;

	build(&p, &plain);
	for (i = 0; i < n; i++) {
		p.bytes[14 + 15] = packet_random(&rng, 256);
		p.bytes[14 + 19] = packet_random(&rng, 256);
		p.bytes[14 + 20] = packet_random(&rng, 256);
		p.bytes[14 + 21] = packet_random(&rng, 256);
		count[bond_bucket(&by_flow, p.bytes, p.len)]++;
	}
	for (i = 0; i < 65536; i++) { /* one pair of hosts */
		p.bytes[14 + 20] = i >> 8;
		p.bytes[14 + 21] = i;
		ports[bond_bucket(&by_flow, p.bytes, p.len)]++;
	}
	CU_ASSERT(unevenness(count, n) < 255 + 6 * 23);
	CU_ASSERT(unevenness(ports, 65536) < 255 + 6 * 23);
}

int main(int argc, char **argv)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(macs_hash_only_source_and_vlan),
		SUITE_TEST(flows_hash_addresses_and_ports),
		SUITE_TEST(priorities_do_not_move_a_flow),
		SUITE_TEST(fragments_hash_without_ports),
		SUITE_TEST(flows_are_found_beneath_tags),
		SUITE_TEST(options_do_not_hide_ports),
		SUITE_TEST(an_address_is_in_the_bucket_of_its_frames),
		SUITE_TEST(the_basis_shuffles_all_buckets),
		SUITE_TEST(every_truncation_has_a_bucket),
		SUITE_TEST(random_addresses_spread_evenly),
		SUITE_TEST(counted_addresses_and_vlans_spread_evenly),
		SUITE_TEST(flows_spread_evenly),
	};

	thousands = suite_rounds(argc, argv, thousands);
	return suite_run("bond_hash", tests, sizeof(tests) / sizeof(tests[0]));
}
