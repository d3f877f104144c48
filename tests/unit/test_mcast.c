/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_mcast.c: IGMP and MLD frames by table, then snooping on a made-up
 * clock.  FR-21 of the fault table: join floods, leaves, forged queries.
 */
#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "tests/lib/packet.h"
#include "tests/lib/suite.h"
#include "vswitch/mcast.h"
#include "vswitch/mcast_wire.h"

#define SEG 10
#define UP  1 /* uplink */
#define G1  11
#define G2  12
#define RT  13 /* a guest configured as router */

static uint16_t ports[PORT_ID_MAX];

/* ---- frames ---- */

static uint16_t checksum(const uint8_t *p, unsigned len, uint32_t sum)
{
	for (; len > 1; p += 2, len -= 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	if (len)
		sum += (uint32_t)p[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static void set16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

/* Ethernet and IPv4 around an IGMP message given in hex, both sums right. */
static void igmp(struct packet *p, const char *src, const char *dst,
		 const char *hex)
{
	struct packet body = { .len = 0 };
	uint8_t *mac = p->bytes, *ip = p->bytes + 14;

	packet_put_hex(&body, hex);
	set16(body.bytes + 2, 0);
	set16(body.bytes + 2, checksum(body.bytes, body.len, 0));
	packet_eth(p, "01:00:5e:00:00:00", "02:00:00:00:00:01", 0x0800);
	packet_ipv4(p, src, dst, 2, body.len);
	packet_put(p, body.bytes, body.len);
	memcpy(mac + 3, ip + 17, 3);
	mac[3] &= 0x7f;
	ip[8] = 1;
	set16(ip + 10, 0);
	set16(ip + 10, checksum(ip, 20, 0));
}

/* The sum of the ICMPv6 message that begins `at` there. */
static void mld_sum(struct packet *p, unsigned at)
{
	uint8_t *icmp = p->bytes + at;
	unsigned len = p->len - at;
	uint16_t pseudo = (uint16_t)~checksum(p->bytes + 22, 32, len + 58);

	set16(icmp + 2, 0);
	set16(icmp + 2, checksum(icmp, len, pseudo));
}

/* Ethernet, IPv6, hop-by-hop with router alert around an MLD message. */
static void mld(struct packet *p, const char *src, const char *dst,
		const char *hex)
{
	struct packet body = { .len = 0 };

	packet_put_hex(&body, hex);
	packet_eth(p, "33:33:00:00:00:00", "02:00:00:00:00:01", 0x86dd);
	packet_ipv6(p, src, dst, 0, 1, body.len + 8);
	packet_put_hex(p, "3a 00 05 02 00 00 01 00");
	packet_put(p, body.bytes, body.len);
	memcpy(p->bytes + 2, p->bytes + 14 + 36, 4);
	mld_sum(p, 62);
}

/* 239.1.x.y as v2 report or leave; ff0e::x:y as MLDv1 */
static void igmp_v2(struct packet *p, uint8_t type, uint8_t x, uint8_t y)
{
	char dst[32], hex[64];

	snprintf(dst, sizeof(dst), "239.1.%u.%u", x, y);
	snprintf(hex, sizeof(hex), "%02x00 0000 ef01%02x%02x", type, x, y);
	igmp(p, "10.0.0.1", type == 0x17 ? "224.0.0.2" : dst, hex);
}

static void mld_v1(struct packet *p, uint8_t type, uint8_t y)
{
	char dst[32], hex[96];

	snprintf(dst, sizeof(dst), "ff0e::1:%x", y);
	snprintf(hex, sizeof(hex),
		 "%02x00 0000 0000 0000 ff0e 0000000000000000 0000 0001 00%02x",
		 type, y);
	mld(p, "fe80::1", dst, hex);
}

static enum mcast_kind kind_of(const struct packet *p)
{
	struct mcast_message msg;

	mcast_wire_parse(p->bytes, p->len, &msg);
	return msg.kind;
}

/* ---- the wire ---- */

struct wire_case {
	const char *what, *src, *hex;
	enum mcast_kind kind;
	unsigned joins, leaves; /* of a report */
};

static const struct wire_case igmp_cases[] = {
	{ "v1 report", "10.0.0.1", "1200 0000 ef010203", MCAST_REPORT, 1, 0 },
	{ "v2 report", "10.0.0.1", "1600 0000 ef010203", MCAST_REPORT, 1, 0 },
	{ "v2 leave", "10.0.0.1", "1700 0000 ef010203", MCAST_REPORT, 0, 1 },
	{ "report of a unicast address", "10.0.0.1", "1600 0000 0a000001",
	  MCAST_BROKEN, 0, 0 },
	{ "v2 general query", "10.0.0.1", "1164 0000 00000000", MCAST_QUERY, 0,
	  0 },
	{ "v2 group query", "10.0.0.1", "110a 0000 ef010203", MCAST_QUERY, 0,
	  0 },
	{ "query of a unicast address", "10.0.0.1", "110a 0000 0a000001",
	  MCAST_BROKEN, 0, 0 },
	{ "v3 query", "10.0.0.1", "1164 0000 00000000 027d 0000", MCAST_QUERY,
	  0, 0 },
	{ "PIMv1", "10.0.0.1", "1400 0000 00000000", MCAST_OTHER, 0, 0 },
	{ "v3: is exclude {}", "10.0.0.1",
	  "2200 0000 0000 0001 0200 0000 ef010203", MCAST_REPORT, 1, 0 },
	{ "v3: is include {}", "10.0.0.1",
	  "2200 0000 0000 0001 0100 0000 ef010203", MCAST_REPORT, 0, 0 },
	{ "v3: is include {a}", "10.0.0.1",
	  "2200 0000 0000 0001 0100 0001 ef010203 0a000001", MCAST_REPORT, 1,
	  0 },
	{ "v3: to include {}", "10.0.0.1",
	  "2200 0000 0000 0001 0300 0000 ef010203", MCAST_REPORT, 0, 1 },
	{ "v3: to include {a}", "10.0.0.1",
	  "2200 0000 0000 0001 0300 0001 ef010203 0a000001", MCAST_REPORT, 1,
	  0 },
	{ "v3: to exclude {}", "10.0.0.1",
	  "2200 0000 0000 0001 0400 0000 ef010203", MCAST_REPORT, 1, 0 },
	{ "v3: allow {a}, block {b}", "10.0.0.1",
	  "2200 0000 0000 0002 0500 0001 ef010203 0a000001"
	  "0600 0001 ef010203 0a000002",
	  MCAST_REPORT, 1, 0 },
	{ "v3: auxiliary data is stepped over", "10.0.0.1",
	  "2200 0000 0000 0002 0401 0000 ef010203 deadbeef"
	  "0400 0000 ef010204",
	  MCAST_REPORT, 2, 0 },
	{ "v3: no records", "10.0.0.1", "2200 0000 0000 0000", MCAST_REPORT, 0,
	  0 },
	{ "v3: fewer records than said", "10.0.0.1",
	  "2200 0000 0000 0002 0400 0000 ef010203", MCAST_BROKEN, 0, 0 },
	{ "v3: fewer sources than said", "10.0.0.1",
	  "2200 0000 0000 0001 0400 0002 ef010203 0a000001", MCAST_BROKEN, 0,
	  0 },
	{ "v3: 65535 sources", "10.0.0.1",
	  "2200 0000 0000 0001 04ff ffff ef010203", MCAST_BROKEN, 0, 0 },
	{ "v3: unknown record type", "10.0.0.1",
	  "2200 0000 0000 0001 0900 0000 ef010203", MCAST_REPORT, 0, 0 },
};

static void check_case(const struct wire_case *c, const struct packet *p)
{
	unsigned joins = 0, leaves = 0, i;
	struct mcast_message msg;

	mcast_wire_parse(p->bytes, p->len, &msg);
	for (i = 0; i < msg.count; i++)
		*(msg.record[i].join ? &joins : &leaves) += 1;
	if (msg.kind != c->kind || (msg.kind == MCAST_REPORT &&
				    (joins != c->joins || leaves != c->leaves)))
		CU_FAIL(c->what);
}

static void igmp_frames_are_read_as_the_rfcs_say(void)
{
	struct packet p;
	unsigned i;

	for (i = 0; i < sizeof(igmp_cases) / sizeof(*igmp_cases); i++) {
		igmp(&p, igmp_cases[i].src, "224.0.0.22", igmp_cases[i].hex);
		check_case(&igmp_cases[i], &p);
	}
}

/* A good report, with one byte changed or cut off. */
static void broken_igmp_frames_are_refused(void)
{
	static const struct {
		unsigned at;
		uint8_t xor ;
		bool resum; /* the IP header sum is made right again */
	} cases[] = {
		{ 14, 0x10, true },  /* version 5 */
		{ 14, 0x01, true },  /* header of 16 bytes */
		{ 14, 0x08, true },  /* header longer than the packet */
		{ 17, 0x40, true },  /* longer than the frame */
		{ 17, 0x1c, true },  /* shorter than an IGMP header */
		{ 20, 0x20, true },  /* first fragment */
		{ 21, 0x01, true },  /* later fragment */
		{ 24, 0x01, false }, /* IP header sum */
		{ 36, 0x01, false }, /* IGMP sum */
		{ 41, 0x01, false }, /* the group, not the sum */
	};
	struct packet p;
	unsigned i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		igmp_v2(&p, 0x16, 2, 3);
		CU_ASSERT_EQUAL(kind_of(&p), MCAST_REPORT);
		p.bytes[cases[i].at] ^= cases[i].xor ;
		if (cases[i].resum) {
			set16(p.bytes + 24, 0);
			set16(p.bytes + 24, checksum(p.bytes + 14, 20, 0));
		}
		CU_ASSERT_EQUAL(kind_of(&p), MCAST_BROKEN);
	}
	for (igmp_v2(&p, 0x16, 2, 3); p.len > 34; p.len--)
		;
	CU_ASSERT_EQUAL(kind_of(&p), MCAST_BROKEN);
	p.len--;
	CU_ASSERT_EQUAL(kind_of(&p), MCAST_OTHER);
}

static void padding_behind_an_igmp_message_is_ignored(void)
{
	struct packet p;

	igmp_v2(&p, 0x16, 2, 3);
	packet_put_hex(&p, "ffff ffff ffff ffff ffff ffff ffff ffff ff");
	CU_ASSERT_EQUAL(kind_of(&p), MCAST_REPORT);
}

#define GROUP6 "ff0e 0000 0000 0000 0000 0000 0001 0002"

static const struct wire_case mld_cases[] = {
	{ "v1 report", "fe80::1", "8300 0000 0000 0000" GROUP6, MCAST_REPORT, 1,
	  0 },
	{ "v1 report during DAD", "::", "8300 0000 0000 0000" GROUP6,
	  MCAST_REPORT, 1, 0 },
	{ "v1 done", "fe80::1", "8400 0000 0000 0000" GROUP6, MCAST_REPORT, 0,
	  1 },
	{ "report from a global address", "2001:db8::1",
	  "8300 0000 0000 0000" GROUP6, MCAST_BROKEN, 0, 0 },
	{ "report cut short", "fe80::1", "8300 0000 0000 0000 ff0e",
	  MCAST_BROKEN, 0, 0 },
	{ "group that is none", "fe80::1",
	  "8300 0000 0000 0000 fe800000000000000000000000000001", MCAST_BROKEN,
	  0, 0 },
	{ "query", "fe80::1",
	  "8200 0000 03e8 0000 00000000000000000000000000000000", MCAST_QUERY,
	  0, 0 },
	{ "query from nobody",
	  "::", "8200 0000 03e8 0000 00000000000000000000000000000000",
	  MCAST_BROKEN, 0, 0 },
	{ "v2: to exclude {}", "fe80::1",
	  "8f00 0000 0000 0001 0400 0000" GROUP6, MCAST_REPORT, 1, 0 },
	{ "v2: to include {}", "fe80::1",
	  "8f00 0000 0000 0001 0300 0000" GROUP6, MCAST_REPORT, 0, 1 },
	{ "v2: allow {a}", "fe80::1",
	  "8f00 0000 0000 0001 0500 0001" GROUP6
	  "20010db8000000000000000000000001",
	  MCAST_REPORT, 1, 0 },
	{ "v2: fewer sources than said", "fe80::1",
	  "8f00 0000 0000 0001 0500 0002" GROUP6
	  "20010db8000000000000000000000001",
	  MCAST_BROKEN, 0, 0 },
	{ "echo request", "fe80::1", "8000 0000 0000 0000", MCAST_OTHER, 0, 0 },
};

static void mld_frames_are_read_as_the_rfcs_say(void)
{
	struct packet p;
	unsigned i;

	for (i = 0; i < sizeof(mld_cases) / sizeof(*mld_cases); i++) {
		mld(&p, mld_cases[i].src, "ff02::16", mld_cases[i].hex);
		check_case(&mld_cases[i], &p);
	}
}

static void mld_that_a_router_could_not_have_sent_is_refused(void)
{
	static const char body[] =
		"8200 0000 03e8 0000 00000000000000000000000000000000";
	struct packet p, q;

	mld(&p, "fe80::1", "ff02::1", body);
	p.bytes[14 + 7] = 255; /* hop limit */
	CU_ASSERT_EQUAL(kind_of(&p), MCAST_BROKEN);

	mld(&p, "fe80::1", "ff02::1", body);
	p.bytes[65] ^= 1; /* sum */
	CU_ASSERT_EQUAL(kind_of(&p), MCAST_BROKEN);

	packet_eth(&q, "33:33:00:00:00:01", "02:00:00:00:00:01", 0x86dd);
	packet_ipv6(&q, "fe80::1", "ff02::1", 58, 1, 24);
	packet_put_hex(&q, body); /* no router alert */
	mld_sum(&q, 54);
	CU_ASSERT_EQUAL(kind_of(&q), MCAST_BROKEN);

	packet_eth(&q, "33:33:00:00:00:01", "02:00:00:00:00:01", 0x86dd);
	packet_ipv6(&q, "fe80::1", "ff02::1", 0, 1, 40);
	packet_put_hex(&q, "3c 00 05 02 00 00 01 00"); /* hidden behind */
	packet_put_hex(&q, "3a 00 01 04 00 00 00 00"); /* more options */
	packet_put_hex(&q, body);
	mld_sum(&q, 70);
	CU_ASSERT_EQUAL(kind_of(&q), MCAST_BROKEN);
}

static void other_traffic_is_not_wanted(void)
{
	struct packet_frame pf;
	struct packet p;

	packet_eth(&p, "01:00:5e:01:02:03", "02:00:00:00:00:01", 0x0800);
	packet_ipv4(&p, "10.0.0.1", "239.1.2.3", 17, 8);
	packet_udp(&p, 1, 2, 0);
	CU_ASSERT_FALSE(mcast_wants(packet_frame(&p, &pf, FRAME_HDR_MAX)));
	packet_eth(&p, "ff:ff:ff:ff:ff:ff", "02:00:00:00:00:01", 0x0806);
	CU_ASSERT_FALSE(mcast_wants(packet_frame(&p, &pf, FRAME_HDR_MAX)));
	igmp_v2(&p, 0x16, 2, 3);
	CU_ASSERT_TRUE(mcast_wants(packet_frame(&p, &pf, FRAME_HDR_MAX)));
	mld_v1(&p, 131, 2);
	CU_ASSERT_TRUE(mcast_wants(packet_frame(&p, &pf, FRAME_HDR_MAX)));
}

static void our_own_queries_are_good_ones(void)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };
	struct mcast_message msg;
	uint8_t buf[MCAST_QUERY_MAX];
	unsigned n, ipv6;

	for (ipv6 = 0; ipv6 < 2; ipv6++) {
		n = mcast_query(buf, ipv6, mac);
		mcast_wire_parse(buf, n, &msg);
		CU_ASSERT_EQUAL(msg.kind, MCAST_QUERY);
		CU_ASSERT_TRUE(msg.general);
		CU_ASSERT_EQUAL(msg.response_ms, 1000);
		CU_ASSERT_EQUAL(msg.elected, ipv6);
	}
}

/* ---- snooping ---- */

static struct {
	unsigned count;
	void *p[100000];
} graveyard;

static void bury(void *ctx, void (*fn)(void *p), void *p)
{
	CU_ASSERT_FATAL(graveyard.count < 100000);
	graveyard.p[graveyard.count++] = p;
}

static void empty_graveyard(void)
{
	while (graveyard.count)
		free(graveyard.p[--graveyard.count]);
}

static struct mcast *snooper(uint32_t groups, enum mcast_unregistered how)
{
	struct mcast_conf conf = { MCAST_CONF_DEFAULT, .defer_free = bury,
				   .seed = 42 };
	struct mcast *m = NULL;

	conf.groups = groups;
	CU_ASSERT_EQUAL_FATAL(mcast_new(&m, &conf), 0);
	mcast_set_segment(m, SEG, true, how, UP);
	return m;
}

static void done(struct mcast *m)
{
	mcast_free(m);
	empty_graveyard();
}

static enum mcast_verdict input(struct mcast *m, uint16_t port,
				const struct packet *p, uint32_t now)
{
	enum mcast_role role = port == UP   ? MCAST_UPLINK
			       : port == RT ? MCAST_ROUTER
					    : MCAST_GUEST;

	return mcast_input(m, SEG, port, role, p->bytes, p->len, now);
}

static enum mcast_verdict join(struct mcast *m, uint16_t port, uint8_t y,
			       uint32_t now)
{
	struct packet p;

	igmp_v2(&p, 0x16, 2, y);
	return input(m, port, &p, now);
}

static enum mcast_verdict leave(struct mcast *m, uint16_t port, uint8_t y,
				uint32_t now)
{
	struct packet p;

	igmp_v2(&p, 0x17, 2, y);
	return input(m, port, &p, now);
}

static enum mcast_verdict query(struct mcast *m, uint16_t port, uint32_t now)
{
	struct packet p;

	igmp(&p, "10.0.0.254", "224.0.0.1", "110a 0000 00000000"); /* 1 s */
	return input(m, port, &p, now);
}

/* A querier on the uplink at time 0, heeded from 1000 on. */
static struct mcast *snooper_with_querier(uint32_t groups,
					  enum mcast_unregistered how)
{
	struct mcast *m = snooper(groups, how);

	query(m, UP, 0);
	mcast_age(m, 1000, 0);
	return m;
}

/* Are the ports for 239.1.2.y exactly these?  "all" is -1. */
static bool goes_to(struct mcast *m, uint8_t y, int n, const uint16_t *want)
{
	const uint8_t mac[6] = { 1, 0, 0x5e, 1, 2, y };
	int got = mcast_ports(m, SEG, mac, ports);

	return got == n &&
	       (n <= 0 || !memcmp(ports, want, (unsigned)n * sizeof(*want)));
}

#define GOES_TO(m, y, ...)                                                     \
	goes_to(m, y, sizeof((uint16_t[]){ __VA_ARGS__ }) / 2,                 \
		(uint16_t[]){ __VA_ARGS__ })
#define GOES_TO_ALL(m, y) goes_to(m, y, -1, NULL)

static void without_a_querier_everything_is_flooded(void)
{
	struct mcast *m = snooper(64, MCAST_AUTO);

	CU_ASSERT_TRUE(GOES_TO_ALL(m, 1));
	CU_ASSERT_EQUAL(join(m, G1, 1, 0), MCAST_TO_ROUTERS);
	CU_ASSERT_TRUE(GOES_TO_ALL(m, 1));
	done(m);
}

static void with_a_querier_groups_go_to_members_and_routers(void)
{
	struct mcast *m = snooper_with_querier(64, MCAST_AUTO);

	join(m, G2, 1, 1000);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP, G2));
	join(m, G1, 1, 1000);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP, G1, G2));
	CU_ASSERT_TRUE(GOES_TO(m, 2, UP));
	done(m);
}

static void a_new_querier_is_heeded_once_members_have_answered(void)
{
	struct mcast *m = snooper(64, MCAST_AUTO);

	CU_ASSERT_EQUAL(query(m, UP, 0), MCAST_TO_ALL);
	mcast_age(m, 999, 0);
	CU_ASSERT_TRUE(GOES_TO_ALL(m, 1));
	mcast_age(m, 1000, 0);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP));
	done(m);
}

static void a_lost_querier_means_flooding_again(void)
{
	struct mcast *m = snooper_with_querier(64, MCAST_AUTO);

	query(m, UP, 100000);
	mcast_age(m, 100000 + MCAST_QUERIER_MS - 1, 0);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP));
	mcast_age(m, 100000 + MCAST_QUERIER_MS, 0);
	CU_ASSERT_TRUE(GOES_TO_ALL(m, 1));
	done(m);
}

static void each_ip_version_needs_a_querier_of_its_own(void)
{
	static const uint8_t mac6[6] = { 0x33, 0x33, 0, 1, 0, 2 };
	struct mcast *m = snooper_with_querier(64, MCAST_AUTO);
	struct packet p;

	CU_ASSERT_EQUAL(mcast_ports(m, SEG, mac6, ports), -1);
	mld(&p, "fe80::1", "ff02::1",
	    "8200 0000 03e8 0000 00000000000000000000000000000000");
	CU_ASSERT_EQUAL(input(m, UP, &p, 2000), MCAST_TO_ALL);
	mld_v1(&p, 131, 2);
	CU_ASSERT_EQUAL(input(m, G1, &p, 2500), MCAST_TO_ROUTERS);
	mcast_age(m, 3000, 0);
	CU_ASSERT_EQUAL(mcast_ports(m, SEG, mac6, ports), 2);
	CU_ASSERT_TRUE(ports[0] == UP && ports[1] == G1);
	done(m);
}

static void unregistered_groups_follow_the_configuration(void)
{
	struct mcast *m = snooper_with_querier(64, MCAST_FLOOD);

	join(m, G1, 1, 1000);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP, G1));
	CU_ASSERT_TRUE(GOES_TO_ALL(m, 2));
	done(m);

	m = snooper(64, MCAST_ROUTERS); /* no querier */
	join(m, G1, 1, 1000);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP, G1));
	CU_ASSERT_TRUE(GOES_TO(m, 2, UP));
	done(m);
}

static void a_guest_is_no_querier(void)
{
	struct mcast *m = snooper(64, MCAST_AUTO);
	struct mcast_stats s;

	CU_ASSERT_EQUAL(query(m, G1, 0), MCAST_SPOOFED);
	mcast_age(m, 20000, 0);
	CU_ASSERT_TRUE(GOES_TO_ALL(m, 1));
	mcast_get_stats(m, &s);
	CU_ASSERT_EQUAL(s.spoofed, 1);
	CU_ASSERT_EQUAL(s.queries, 0);
	done(m);
}

static void a_forged_query_to_one_station_is_dropped_as_well(void)
{
	struct mcast *m = snooper(64, MCAST_AUTO);
	struct packet p;

	igmp(&p, "10.0.0.9", "10.0.0.1", "1164 0000 00000000");
	memcpy(p.bytes, "\x02\x00\x00\x00\x00\x02", 6);
	CU_ASSERT_EQUAL(input(m, G1, &p, 0), MCAST_SPOOFED);
	CU_ASSERT_EQUAL(input(m, UP, &p, 0), MCAST_PASS);
	mcast_age(m, 20000, 0);
	CU_ASSERT_TRUE(GOES_TO_ALL(m, 1));
	done(m);
}

static void a_guest_that_is_a_router_may_be_the_querier(void)
{
	struct mcast *m = snooper(64, MCAST_AUTO);

	CU_ASSERT_EQUAL(query(m, RT, 0), MCAST_TO_ALL);
	mcast_age(m, 1000, 0);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP, RT));
	CU_ASSERT_EQUAL(mcast_router_ports(m, SEG, ports), 2);
	done(m);
}

static void a_query_without_source_makes_no_querier(void)
{
	struct mcast *m = snooper(64, MCAST_AUTO);
	struct packet p;

	igmp(&p, "0.0.0.0", "224.0.0.1", "110a 0000 00000000");
	CU_ASSERT_EQUAL(input(m, UP, &p, 0), MCAST_TO_ALL);
	mcast_age(m, 20000, 0);
	CU_ASSERT_TRUE(GOES_TO_ALL(m, 1));
	done(m);
}

static void reports_go_to_the_uplink_even_without_a_querier(void)
{
	struct mcast *m = snooper(64, MCAST_AUTO);

	CU_ASSERT_EQUAL(mcast_router_ports(m, SEG, ports), 1);
	CU_ASSERT_EQUAL(ports[0], UP);
	mcast_set_segment(m, SEG, true, MCAST_AUTO, MCAST_NO_PORT);
	CU_ASSERT_EQUAL(mcast_router_ports(m, SEG, ports), 0);
	done(m);
}

static void members_expire_unless_they_report_again(void)
{
	struct mcast *m = snooper_with_querier(64, MCAST_AUTO);
	uint32_t t = 1000 + MCAST_MEMBER_MS;

	join(m, G1, 1, 1000);
	join(m, G2, 1, 1000);
	query(m, UP, 100000);
	join(m, G2, 1, 101000);
	query(m, UP, 200000);
	CU_ASSERT_EQUAL(mcast_age(m, t - 1, 0), 0);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP, G1, G2));
	CU_ASSERT_EQUAL(mcast_age(m, t, 0), 1);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP, G2));
	done(m);
}

static void the_clock_may_wrap(void)
{
	struct mcast *m = snooper(64, MCAST_AUTO);

	query(m, UP, UINT32_MAX - 500);
	mcast_age(m, 600, 0);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP));
	join(m, G1, 1, UINT32_MAX - 100);
	mcast_age(m, 600, 0);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP, G1));
	query(m, UP, MCAST_MEMBER_MS - 1000);
	CU_ASSERT_EQUAL(mcast_age(m, MCAST_MEMBER_MS, 0), 1);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP));
	done(m);
}

static void a_leave_counts_after_the_last_member_query(void)
{
	struct mcast *m = snooper_with_querier(64, MCAST_AUTO);

	join(m, G1, 1, 1000);
	CU_ASSERT_EQUAL(leave(m, G1, 1, 2000), MCAST_TO_ROUTERS);
	mcast_age(m, 3999, 0);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP, G1));
	mcast_age(m, 4000, 0);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP));
	done(m);
}

static void a_leave_does_not_prolong(void)
{
	struct mcast *m = snooper_with_querier(64, MCAST_AUTO);

	join(m, G1, 1, 1000);
	query(m, UP, 200000);
	leave(m, G1, 1, 1000 + MCAST_MEMBER_MS - 1);
	CU_ASSERT_EQUAL(mcast_age(m, 1000 + MCAST_MEMBER_MS, 0), 1);
	done(m);
}

static void another_member_behind_the_port_keeps_the_group(void)
{
	struct mcast *m = snooper_with_querier(64, MCAST_AUTO);

	join(m, G1, 1, 1000);
	leave(m, G1, 1, 2000);
	join(m, G1, 1, 2500); /* answers the querier's query of the group */
	mcast_age(m, 5000, 0);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP, G1));
	done(m);
}

static void leave_of_one_port_does_not_touch_another(void)
{
	struct mcast *m = snooper_with_querier(64, MCAST_AUTO);

	join(m, G1, 1, 1000);
	leave(m, G2, 1, 2000);
	mcast_age(m, 5000, 0);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP, G1));
	done(m);
}

static void a_group_query_ends_members_that_do_not_answer(void)
{
	struct mcast *m = snooper_with_querier(64, MCAST_AUTO);
	struct packet p;

	join(m, G1, 1, 1000);
	join(m, G2, 1, 1000);
	igmp(&p, "10.0.0.254", "239.1.2.1", "110a 0000 ef010201");
	CU_ASSERT_EQUAL(input(m, UP, &p, 2000), MCAST_TO_ALL);
	join(m, G2, 1, 2500);
	mcast_age(m, 4000, 0);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP, G2));
	done(m);
}

/* 239.1.2.1 and 224.129.2.1 share 01:00:5e:01:02:01. */
static void groups_that_share_a_mac_do_not_end_each_other(void)
{
	struct mcast *m = snooper_with_querier(64, MCAST_AUTO);
	struct mcast_stats s;
	struct packet p;

	join(m, G1, 1, 1000);
	igmp(&p, "10.0.0.1", "224.129.2.1", "1600 0000 e0810201");
	input(m, G1, &p, 1000);
	mcast_get_stats(m, &s);
	CU_ASSERT_EQUAL(s.groups, 1);
	CU_ASSERT_EQUAL(s.members, 2);
	leave(m, G1, 1, 2000);
	mcast_age(m, 5000, 0);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP, G1));
	done(m);
}

static void link_local_groups_are_always_flooded(void)
{
	static const uint8_t macs[][6] = {
		{ 1, 0, 0x5e, 0, 0, 251 },     /* mDNS */
		{ 1, 0, 0x5e, 0, 0, 5 },       /* OSPF */
		{ 0x33, 0x33, 0, 0, 0, 1 },    /* all nodes */
		{ 0x33, 0x33, 0, 0, 0, 0xfb }, /* mDNS */
		{ 0x33, 0x33, 0xff, 1, 2, 3 }, /* solicited-node */
		{ 1, 0x80, 0xc2, 0, 0, 0 },    /* no IP */
		{ 1, 0, 0x5f, 1, 2, 3 },
		{ 0x33, 0x34, 1, 1, 2, 3 },
		{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	};
	struct mcast *m = snooper(64, MCAST_ROUTERS);
	struct mcast_stats s;
	struct packet p;
	unsigned i;

	for (i = 0; i < sizeof(macs) / sizeof(*macs); i++)
		CU_ASSERT_EQUAL(mcast_ports(m, SEG, macs[i], ports), -1);
	igmp(&p, "10.0.0.1", "224.0.0.251", "1600 0000 e00000fb");
	CU_ASSERT_EQUAL(input(m, G1, &p, 0), MCAST_TO_ROUTERS);
	mcast_get_stats(m, &s);
	CU_ASSERT_EQUAL(s.members, 0);
	done(m);
}

static void a_join_flood_ends_at_the_ports_cap(void)
{
	struct mcast *m = snooper_with_querier(4096, MCAST_AUTO);
	struct mcast_stats s;
	struct packet p;
	unsigned i;

	join(m, G2, 7, 1000);
	for (i = 0; i < 10000; i++) {
		igmp_v2(&p, 0x16, 3 + i / 256, i % 256);
		CU_ASSERT_EQUAL(input(m, G1, &p, 1000), MCAST_TO_ROUTERS);
	}
	mcast_get_stats(m, &s);
	CU_ASSERT_EQUAL(s.members, MCAST_GROUPS_PER_PORT + 1);
	CU_ASSERT_EQUAL(s.over_port, 10000 - MCAST_GROUPS_PER_PORT);
	CU_ASSERT_TRUE(GOES_TO(m, 7, UP, G2));
	join(m, G2, 8, 1000);
	CU_ASSERT_TRUE(GOES_TO(m, 8, UP, G2));
	done(m);
}

static void a_full_table_refuses_new_groups_not_new_members(void)
{
	struct mcast *m = snooper_with_querier(8, MCAST_AUTO);
	struct mcast_stats s;
	unsigned i;

	for (i = 1; i <= 20; i++)
		join(m, G1, i, 1000);
	mcast_get_stats(m, &s);
	CU_ASSERT_EQUAL(s.groups, 8);
	CU_ASSERT_EQUAL(s.members, 8);
	CU_ASSERT_EQUAL(s.over_table, 12);
	join(m, G2, 1, 1000);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP, G1, G2));
	mcast_flush_port(m, G1);
	join(m, G2, 20, 2000);
	CU_ASSERT_TRUE(GOES_TO(m, 20, UP, G2));
	done(m);
}

static void the_cap_of_a_segment_leaves_room_for_others(void)
{
	struct mcast_conf conf = { MCAST_CONF_DEFAULT, .defer_free = bury };
	struct mcast_stats s;
	struct mcast *m;
	struct packet p;
	unsigned i;

	conf.groups = 16;
	conf.groups_per_segment = 4;
	CU_ASSERT_EQUAL_FATAL(mcast_new(&m, &conf), 0);
	mcast_set_segment(m, SEG, true, MCAST_AUTO, UP);
	mcast_set_segment(m, SEG + 1, true, MCAST_AUTO, UP);
	for (i = 1; i <= 20; i++)
		join(m, G1, i, 0);
	mcast_get_stats(m, &s);
	CU_ASSERT_EQUAL(s.groups, 4);
	igmp_v2(&p, 0x16, 2, 1);
	mcast_input(m, SEG + 1, G2, MCAST_GUEST, p.bytes, p.len, 0);
	mcast_get_stats(m, &s);
	CU_ASSERT_EQUAL(s.groups, 5);
	mcast_flush_port(m, G1);
	for (i = 1; i <= 20; i++)
		join(m, G1, i, 0);
	mcast_get_stats(m, &s);
	CU_ASSERT_EQUAL(s.groups, 5);
	done(m);
}

static void a_port_that_goes_takes_its_groups_along(void)
{
	struct mcast *m = snooper_with_querier(64, MCAST_AUTO);
	struct mcast_stats s;

	join(m, G1, 1, 1000);
	join(m, G2, 1, 1000);
	join(m, G1, 2, 1000);
	mcast_flush_port(m, G1);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP, G2));
	CU_ASSERT_TRUE(GOES_TO(m, 2, UP));
	mcast_flush_port(m, UP);
	mcast_age(m, 1001, 0);
	CU_ASSERT_TRUE(GOES_TO_ALL(m, 1));
	mcast_flush_segment(m, SEG);
	mcast_get_stats(m, &s);
	CU_ASSERT_EQUAL(s.groups, 0);
	CU_ASSERT_EQUAL(s.members, 0);
	done(m);
}

static void a_port_that_leaves_a_segment_keeps_its_groups_elsewhere(void)
{
	struct mcast *m = snooper_with_querier(64, MCAST_AUTO);
	struct mcast_stats s;
	struct packet p;

	mcast_set_segment(m, SEG + 1, true, MCAST_AUTO, UP);
	igmp_v2(&p, 0x16, 2, 1);
	mcast_input(m, SEG + 1, G1, MCAST_GUEST, p.bytes, p.len, 1000);
	join(m, G1, 1, 1000);
	join(m, G2, 1, 1000);
	mcast_leave(m, SEG, G1);
	CU_ASSERT_TRUE(GOES_TO(m, 1, UP, G2));
	mcast_get_stats(m, &s);
	CU_ASSERT_EQUAL(s.members, 2);
	mcast_leave(m, SEG, UP);
	mcast_age(m, 1001, 0);
	CU_ASSERT_TRUE(GOES_TO_ALL(m, 1));
	done(m);
}

static void snooping_off_forgets_and_floods(void)
{
	struct mcast *m = snooper_with_querier(64, MCAST_AUTO);
	struct mcast_stats s;

	join(m, G1, 1, 1000);
	mcast_set_segment(m, SEG, false, MCAST_AUTO, UP);
	CU_ASSERT_TRUE(GOES_TO_ALL(m, 1));
	CU_ASSERT_EQUAL(join(m, G1, 1, 1000), MCAST_PASS);
	mcast_get_stats(m, &s);
	CU_ASSERT_EQUAL(s.members, 0);
	done(m);
}

static void list_one(void *ctx, const struct mcast_member *e)
{
	unsigned *n = ctx;

	CU_ASSERT_EQUAL(e->segment, SEG);
	CU_ASSERT_EQUAL(e->port, G1);
	CU_ASSERT_EQUAL(e->group[12], 239);
	CU_ASSERT_EQUAL(e->left_ms, MCAST_MEMBER_MS - 500);
	(*n)++;
}

static void members_can_be_listed(void)
{
	struct mcast *m = snooper(64, MCAST_AUTO);
	unsigned n = 0;

	join(m, G1, 1, 1000);
	join(m, G1, 2, 1000);
	mcast_each(m, 1500, list_one, &n);
	CU_ASSERT_EQUAL(n, 2);
	done(m);
}

/*
 * Joins, leaves, ageing and flushes at random; then what readers are told
 * must be what the members listed say.
 */
static bool shown[256][32];

static void show(void *ctx, const struct mcast_member *e)
{
	shown[e->group[15]][e->port] = true;
}

static bool agrees(struct mcast *m, uint32_t now)
{
	unsigned y;
	int i, n;

	memset(shown, 0, sizeof(shown));
	mcast_each(m, now, show, NULL);
	for (y = 0; y < 40; y++) {
		const uint8_t mac[6] = { 1, 0, 0x5e, 1, 2, y };

		n = mcast_ports(m, SEG, mac, ports);
		if (n < 1 || ports[0] != UP)
			return false;
		for (i = 1; i < n; i++) {
			if (ports[i] <= ports[i - 1] || !shown[y][ports[i]])
				return false;
			shown[y][ports[i]] = false;
		}
		for (i = 0; i < 32; i++)
			if (shown[y][i])
				return false;
	}
	return true;
}

static void sets_are_what_the_members_say(void)
{
	struct mcast *m = snooper(32, MCAST_ROUTERS);
	struct packet_rng rng = { 7 };
	uint32_t now = 0;
	unsigned i;

	for (i = 0; i < 100000; i++) {
		unsigned op = packet_random(&rng, 100);
		uint16_t port = 2 + packet_random(&rng, 28);
		uint8_t y = packet_random(&rng, 40);

		now += packet_random(&rng, 100);
		if (op < 60)
			join(m, port, y, now);
		else if (op < 98)
			leave(m, port, y, now);
		else if (op < 99)
			mcast_flush_port(m, port);
		mcast_age(m, now, 0);
		if (i % 100 == 0 && !agrees(m, now))
			break;
		if (i % 1000 == 0)
			empty_graveyard();
	}
	CU_ASSERT_EQUAL(i, 100000);
	done(m);
}

/*
 * Readers beside writers.  Group y is only ever joined by ports y and y + 20,
 * so a set found under a wrong key shows.  Nothing is freed meanwhile: that
 * is the caller's part of the bargain (ASan would see a use of it).
 */
static struct mcast *shared;
static _Atomic bool stop;
static _Atomic unsigned wrong, reads;

static void *reader(void *arg)
{
	struct packet_rng rng = { 3 };
	uint16_t mine[PORT_ID_MAX];

	while (!stop) {
		uint8_t y = packet_random(&rng, 20);
		const uint8_t mac[6] = { 1, 0, 0x5e, 1, 2, y };
		int i, n = mcast_ports(shared, SEG, mac, mine);

		wrong += n < 0;
		for (i = 0; i < n; i++)
			wrong += mine[i] != 1000 && mine[i] != y &&
				 mine[i] != y + 20;
		reads++;
	}
	return NULL;
}

static void readers_never_see_another_groups_members(void)
{
	struct packet_rng rng = { 5 };
	pthread_t thread;
	unsigned i;

	shared =
		snooper(4, MCAST_ROUTERS); /* indexes are reused all the time */
	mcast_set_segment(shared, SEG, true, MCAST_ROUTERS, 1000);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, reader, NULL), 0);
	for (i = 0; i < 20000 || reads < 1000; i++) {
		uint8_t y = packet_random(&rng, 20);

		if (packet_random(&rng, 2))
			join(shared, y + 20 * packet_random(&rng, 2), y, 0);
		else
			mcast_flush_port(shared,
					 y + 20 * packet_random(&rng, 2));
		if (graveyard.count > 90000)
			break;
	}
	stop = true;
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(wrong, 0);
	done(shared);
}

static void impossible_configurations_are_refused(void)
{
	struct mcast_conf conf = { MCAST_CONF_DEFAULT };
	struct mcast *m;

	CU_ASSERT_EQUAL(mcast_new(&m, &conf), -EINVAL);
	conf.defer_free = bury;
	conf.groups = 0;
	CU_ASSERT_EQUAL(mcast_new(&m, &conf), -EINVAL);
	conf.groups = 1 << 20;
	CU_ASSERT_EQUAL(mcast_new(&m, &conf), -EINVAL);
	mcast_free(NULL);
}

static const struct suite_test tests[] = {
	SUITE_TEST(igmp_frames_are_read_as_the_rfcs_say),
	SUITE_TEST(broken_igmp_frames_are_refused),
	SUITE_TEST(padding_behind_an_igmp_message_is_ignored),
	SUITE_TEST(mld_frames_are_read_as_the_rfcs_say),
	SUITE_TEST(mld_that_a_router_could_not_have_sent_is_refused),
	SUITE_TEST(other_traffic_is_not_wanted),
	SUITE_TEST(our_own_queries_are_good_ones),
	SUITE_TEST(without_a_querier_everything_is_flooded),
	SUITE_TEST(with_a_querier_groups_go_to_members_and_routers),
	SUITE_TEST(a_new_querier_is_heeded_once_members_have_answered),
	SUITE_TEST(a_lost_querier_means_flooding_again),
	SUITE_TEST(each_ip_version_needs_a_querier_of_its_own),
	SUITE_TEST(unregistered_groups_follow_the_configuration),
	SUITE_TEST(a_guest_is_no_querier),
	SUITE_TEST(a_forged_query_to_one_station_is_dropped_as_well),
	SUITE_TEST(a_guest_that_is_a_router_may_be_the_querier),
	SUITE_TEST(a_query_without_source_makes_no_querier),
	SUITE_TEST(reports_go_to_the_uplink_even_without_a_querier),
	SUITE_TEST(members_expire_unless_they_report_again),
	SUITE_TEST(the_clock_may_wrap),
	SUITE_TEST(a_leave_counts_after_the_last_member_query),
	SUITE_TEST(a_leave_does_not_prolong),
	SUITE_TEST(another_member_behind_the_port_keeps_the_group),
	SUITE_TEST(leave_of_one_port_does_not_touch_another),
	SUITE_TEST(a_group_query_ends_members_that_do_not_answer),
	SUITE_TEST(groups_that_share_a_mac_do_not_end_each_other),
	SUITE_TEST(link_local_groups_are_always_flooded),
	SUITE_TEST(a_join_flood_ends_at_the_ports_cap),
	SUITE_TEST(a_full_table_refuses_new_groups_not_new_members),
	SUITE_TEST(the_cap_of_a_segment_leaves_room_for_others),
	SUITE_TEST(a_port_that_goes_takes_its_groups_along),
	SUITE_TEST(a_port_that_leaves_a_segment_keeps_its_groups_elsewhere),
	SUITE_TEST(snooping_off_forgets_and_floods),
	SUITE_TEST(members_can_be_listed),
	SUITE_TEST(sets_are_what_the_members_say),
	SUITE_TEST(readers_never_see_another_groups_members),
	SUITE_TEST(impossible_configurations_are_refused),
};

int main(void)
{
	return suite_run("mcast", tests, sizeof(tests) / sizeof(*tests));
}
