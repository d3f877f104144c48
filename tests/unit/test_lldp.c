/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_lldp.c: what we say, byte by byte; what hostile neighbours may say;
 * when we speak and whom we remember, on a clock of our own.
 */
#include "vlan/lldp.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/packet.h"
#include "tests/lib/suite.h"
#include "vlan/lldp_wire.h"

#define GROUP "01:80:c2:00:00:0e"
#define THEM "02:00:00:00:00:99"
#define FOREVER UINT64_MAX

/* The mandatory three: chassis MAC ..:99, port "p1", 120 s. */
#define HEAD "02 07 04 020000000099  04 03 05 7031  06 02 0078"
#define END " 0000"

static const struct lldp_local us = {
	.chassis = { 0x02, 0, 0, 0, 0, 0xc0 },
	.mac = { 0x02, 0, 0, 0, 0, 0x01 },
	.port = "eth0",
	.system_name = "host",
};

struct sent {
	unsigned count;
	size_t len;
	uint8_t frame[LLDP_FRAME_MAX]; /* the last one */
};

static void on_send(void *ctx, const uint8_t *frame, size_t len)
{
	struct sent *s = ctx;

	s->count++;
	s->len = len;
	memcpy(s->frame, frame, len);
}

static struct packet frame_of(const char *hex)
{
	struct packet p;

	packet_eth(&p, GROUP, THEM, 0x88cc);
	packet_put_hex(&p, hex);
	return p;
}

static bool parse(const char *hex, struct lldp_message *m)
{
	struct packet p = frame_of(hex);

	return lldp_wire_parse(p.bytes, p.len, m);
}

static struct lldp *new_lldp(void)
{
	struct lldp *lldp;

	CU_ASSERT_FATAL(!lldp_new(&lldp, &us, true, true, 0));
	return lldp;
}

static void hear(struct lldp *lldp, const char *hex, uint64_t now_ms)
{
	struct packet p = frame_of(hex);

	CU_ASSERT_TRUE(lldp_input(lldp, p.bytes, p.len, now_ms));
}

/* Neighbour number i, which says `ttl_s`. */
static void hear_number(struct lldp *lldp, unsigned i, unsigned ttl_s,
			uint64_t now_ms)
{
	char hex[128];

	snprintf(hex, sizeof(hex),
		 "0207 04 0200000000%02x 0403 05 7031 0602 %04x 0000", i,
		 ttl_s);
	hear(lldp, hex, now_ms);
}

static struct lldp_facts facts_of(const struct lldp *lldp)
{
	struct lldp_facts f;

	lldp_facts(lldp, &f);
	return f;
}

/* --- what we say ---------------------------------------------------------- */

static void build_says_everything_in_the_order_of_the_standard(void)
{
	static const char expected[] =
		"0180c200000e 020000000001 88cc"
		"02 07 04 0200000000c0" /* chassis: MAC */
		"04 05 05 65746830"	/* port: interface name eth0 */
		"06 02 0079"		/* 121 s */
		"08 04 65746830"	/* port description */
		"0a 04 686f7374"	/* system name */
		"0c 02 4357"		/* system description */
		"0e 04 0004 0004"	/* a bridge, and one that works */
		"fe 06 0080c2 01 000a"	/* port VLAN 10 */
		"fe 09 0080c2 07 03 00000007" /* aggregated in 7 */
		"fe 06 00120f 04 05ee" /* 1500 + 18 */
		"0000";
	struct lldp_local local = us;
	uint8_t frame[LLDP_FRAME_MAX];
	struct packet p = { .len = 0 };

	strcpy(local.system_description, "CW");
	local.pvid = 10;
	local.mtu = 1500;
	local.aggregated = local.aggregation_capable = true;
	local.aggregate_id = 7;
	packet_put_hex(&p, expected);
	CU_ASSERT_EQUAL(lldp_wire_build(&local, 121, frame), p.len);
	CU_ASSERT_FALSE(memcmp(frame, p.bytes, p.len));
}

static void build_leaves_out_what_is_not_said(void)
{
	static const struct lldp_local bare = { .mac = { 2, 0, 0, 0, 0, 1 } };
	uint8_t frame[LLDP_FRAME_MAX];
	struct lldp_message m;
	size_t len = lldp_wire_build(&bare, 121, frame);

	CU_ASSERT_EQUAL(len, 60); /* the shortest that Ethernet carries */
	CU_ASSERT_TRUE(lldp_wire_parse(frame, len, &m));
	CU_ASSERT_STRING_EQUAL(m.says.port, "02:00:00:00:00:01");
	CU_ASSERT_EQUAL(m.says.port_type, 3);
	CU_ASSERT_EQUAL(m.says.pvid, 0);
	CU_ASSERT_FALSE(m.says.aggregated);
	CU_ASSERT_STRING_EQUAL(m.says.system_name, "");
}

static void build_fits_the_longest_texts_and_comes_back_the_same(void)
{
	struct lldp_local local = us;
	uint8_t frame[LLDP_FRAME_MAX];
	struct lldp_message m;
	size_t len;

	memset(local.port, 'p', sizeof(local.port) - 1);
	memset(local.system_name, 'n', LLDP_TEXT_MAX - 1);
	memset(local.system_description, 'd', LLDP_TEXT_MAX - 1);
	local.mtu = 65535;
	local.pvid = 4094;
	local.aggregated = true;
	len = lldp_wire_build(&local, 121, frame);
	CU_ASSERT_TRUE(len < LLDP_FRAME_MAX);
	CU_ASSERT_TRUE(lldp_wire_parse(frame, len, &m));
	CU_ASSERT_EQUAL(m.bad_tlvs, 0);
	CU_ASSERT_STRING_EQUAL(m.says.port, local.port);
	CU_ASSERT_STRING_EQUAL(m.says.port_description, local.port);
	CU_ASSERT_STRING_EQUAL(m.says.system_name, local.system_name);
	CU_ASSERT_STRING_EQUAL(m.says.system_description,
			       local.system_description);
	CU_ASSERT_EQUAL(m.says.pvid, 4094);
	CU_ASSERT_TRUE(m.says.aggregated);
	CU_ASSERT_EQUAL(m.says.capabilities, 4);
	CU_ASSERT_EQUAL(m.says.enabled, 4);
}

static void shutdown_frame_has_only_who_and_no_time_left(void)
{
	struct lldp *lldp = new_lldp();
	uint8_t frame[LLDP_FRAME_MAX];
	struct packet p = { .len = 0 };

	packet_put_hex(&p, "0180c200000e 020000000001 88cc"
			   "02 07 04 0200000000c0 04 05 05 65746830"
			   "06 02 0000 0000");
	CU_ASSERT_EQUAL(lldp_shutdown_frame(lldp, frame), 60);
	CU_ASSERT_FALSE(memcmp(frame, p.bytes, p.len));
	for (unsigned i = p.len; i < 60; i++)
		CU_ASSERT_EQUAL(frame[i], 0);
	lldp_free(lldp);
}

/* --- what others say ------------------------------------------------------ */

static void parse_reads_what_a_switch_says(void)
{
	struct lldp_message m;

	CU_ASSERT_TRUE(parse(
		HEAD "08 05 506f727431 0a 02 7377 0c 03 4f5300"
		"0e 04 0014 0004"
		"10 0c 05 01 c0000201 02 00000003 00"	  /* 192.0.2.1 */
		"10 0c 05 01 c0000202 02 00000003 00"	  /* another */
		"fe 06 0080c2 01 0064 fe 09 0080c2 07 03 00000001"
		"fe 04 aabbcc 01 fe 09 00120f 01 03 6c11 001e"
		"14 02 0000" END, &m));
	CU_ASSERT_EQUAL(m.bad_tlvs, 0);
	CU_ASSERT_STRING_EQUAL(m.says.chassis, "02:00:00:00:00:99");
	CU_ASSERT_EQUAL(m.says.chassis_type, 4);
	CU_ASSERT_STRING_EQUAL(m.says.port, "p1");
	CU_ASSERT_EQUAL(m.says.port_type, 5);
	CU_ASSERT_EQUAL(m.says.ttl_s, 120);
	CU_ASSERT_STRING_EQUAL(m.says.port_description, "Port1");
	CU_ASSERT_STRING_EQUAL(m.says.system_name, "sw");
	CU_ASSERT_STRING_EQUAL(m.says.system_description, "OS");
	CU_ASSERT_EQUAL(m.says.capabilities, 0x14);
	CU_ASSERT_EQUAL(m.says.enabled, 0x04);
	CU_ASSERT_STRING_EQUAL(m.says.management, "192.0.2.1");
	CU_ASSERT_EQUAL(m.says.pvid, 100);
	CU_ASSERT_TRUE(m.says.aggregated);
}

static void parse_makes_ids_readable_by_their_kind(void)
{
	static const struct {
		const char *chassis, *port, *chassis_text, *port_text;
	} cases[] = {
		{ "02 03 07 6162", "04 03 07 6364", "ab", "cd" },
		{ "02 06 05 01 c0000201", "04 12 04 02 "
		  "20010db8000000000000000000000001",
		  "192.0.2.1", "2001:db8::1" },
		/* a network address that is none, a MAC of four bytes */
		{ "02 05 05 01 c00002", "04 05 03 41424344", "01:c0:00:02",
		  "41:42:43:44" },
		{ "02 02 05 01", "04 02 04 ff", "01", "ff" },
		/* not text: hexadecimal; reserved subtypes are accepted */
		{ "02 04 06 610a62", "04 04 07 ff0001", "61:0a:62",
		  "ff:00:01" },
		{ "02 03 00 6162", "04 03 ff 6162", "ab", "ab" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lldp_message m;
		char hex[512];

		snprintf(hex, sizeof(hex), "%s %s 0602 0078 0000",
			 cases[i].chassis, cases[i].port);
		CU_ASSERT_TRUE(parse(hex, &m));
		CU_ASSERT_STRING_EQUAL(m.says.chassis, cases[i].chassis_text);
		CU_ASSERT_STRING_EQUAL(m.says.port, cases[i].port_text);
	}
}

/* Neither terminals nor JSON are to suffer from a neighbour's name. */
static void parse_makes_text_printable(void)
{
	struct lldp_message m;

	CU_ASSERT_TRUE(parse(HEAD "0a 08 611b5b6d00c3a462"
				  "0c 04 620d0a00" END, &m));
	CU_ASSERT_STRING_EQUAL(m.says.system_name, "a?[m???b");
	CU_ASSERT_STRING_EQUAL(m.says.system_description, "b");
}

static void parse_passes_over_what_is_wrong_in_one_tlv(void)
{
	static const struct {
		const char *tlvs;
		unsigned bad;
	} cases[] = {
		{ "0e 02 0004", 1 },			/* capabilities */
		{ "0e 05 0004 0004 00", 0 },		/* of the future */
		{ "fe 03 0080c2", 1 },			/* no subtype */
		{ "fe 05 0080c2 01 00", 1 },		/* half a PVID */
		{ "fe 08 0080c2 07 03 000000", 1 },	/* aggregation */
		{ "fe 08 00120f 03 03 000000", 1 },
		{ "fe 00", 1 },
		{ "10 00", 1 },
		{ "10 01 05", 1 },			/* management */
		{ "10 0c 01 01 c0000201 02 00000003 00", 1 },
		{ "10 0c 21 01 c0000201 02 00000003 00", 1 },
		{ "10 0c 06 01 c0000201 02 00000003 00", 1 },
		{ "10 0b 05 01 c0000201 02 00000003", 1 },
		{ "0a 01 61 0a 01 62 0a 01 63", 2 },	/* the first name */
		{ "0a 00", 0 },
		{ "12 00 7e 03 010203 fc 00", 0 },	/* reserved types */
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lldp_message m;
		char hex[512];

		snprintf(hex, sizeof(hex), "%s %s 0000", HEAD, cases[i].tlvs);
		CU_ASSERT_TRUE(parse(hex, &m));
		CU_ASSERT_EQUAL(m.bad_tlvs, cases[i].bad);
		CU_ASSERT_STRING_EQUAL(m.says.management, "");
		CU_ASSERT_EQUAL(m.says.pvid, 0);
		CU_ASSERT_TRUE(!m.says.system_name[0] ||
			       !strcmp(m.says.system_name, "a"));
	}
}

static void parse_passes_over_a_text_of_more_than_255_bytes(void)
{
	struct packet p = frame_of(HEAD "0b 00");
	struct lldp_message m;

	packet_zero(&p, 256);
	packet_put_hex(&p, "08 01 70 0000");
	CU_ASSERT_TRUE(lldp_wire_parse(p.bytes, p.len, &m));
	CU_ASSERT_EQUAL(m.bad_tlvs, 1);
	CU_ASSERT_STRING_EQUAL(m.says.port_description, "p");
}

static void parse_discards_malformed_frames_whole(void)
{
	static const char *const cases[] = {
		"",
		"02",
		"0000",
		HEAD "08",			   /* half a TLV head */
		HEAD "08 02 41",		   /* cut off */
		HEAD "09 ff 41",		   /* 511 bytes, of which 1 */
		HEAD "00 02 0000",		   /* End with a length */
		HEAD "02 07 04 020000000099" END,  /* mandatory ones twice */
		HEAD "04 03 05 7031" END,
		HEAD "06 02 0078" END,
		"04 03 05 7031 02 07 04 020000000099 06 02 0078" END, /* order */
		"02 07 04 020000000099 06 02 0078 04 03 05 7031" END,
		"0a 01 61" HEAD END,
		"02 07 04 020000000099 04 03 05 7031" END, /* no TTL */
		"02 07 04 020000000099 06 02 0078" END,	   /* no port */
		"04 03 05 7031 06 02 0078" END,		   /* no chassis */
		"02 01 04 04 03 05 7031 06 02 0078" END,   /* ids of nothing */
		"02 00 04 03 05 7031 06 02 0078" END,
		"02 07 04 020000000099 04 01 05 06 02 0078" END,
		"02 07 04 020000000099 04 03 05 7031 06 01 78" END,
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lldp_message m;

		CU_ASSERT_FALSE(parse(cases[i], &m));
	}
}

static void parse_discards_ids_of_more_than_255_bytes(void)
{
	for (unsigned len = 254; len <= 257; len++) {
		struct packet p = frame_of("");
		struct lldp_message m;

		for (unsigned type = 1; type <= 2; type++) {
			packet_put16(&p, type << 9 | (1 + len));
			packet_put8(&p, 7);
			packet_zero(&p, len);
		}
		packet_put_hex(&p, "06 02 0078 0000");
		CU_ASSERT_EQUAL(lldp_wire_parse(p.bytes, p.len, &m),
				len <= 255);
	}
}

/* Cut at every byte: well-formed only where a TLV ends (8.5.1). */
static void parse_takes_a_frame_without_end_only_at_a_boundary(void)
{
	struct packet p = frame_of(HEAD "0a 02 7377 0e 04 0004 0004 0000 ffff");
	static const unsigned ends[] = { 32, 36, 42, 44, 45, 46 };
	struct lldp_message m;
	unsigned i, k = 0;

	for (i = 0; i <= p.len; i++) {
		bool end = k < 6 && ends[k] == i;

		k += end;
		CU_ASSERT_EQUAL(lldp_wire_parse(p.bytes, i, &m), end);
	}
	CU_ASSERT_EQUAL(k, 6);
}

static void parse_wants_a_group_address_and_the_ethertype(void)
{
	static const struct {
		const char *dst;
		uint16_t type;
		bool ok;
	} cases[] = {
		{ "01:80:c2:00:00:0e", 0x88cc, true },
		{ "01:80:c2:00:00:03", 0x88cc, true },
		{ "01:80:c2:00:00:00", 0x88cc, true },
		{ "01:80:c2:00:00:02", 0x88cc, false },
		{ "02:00:00:00:00:01", 0x88cc, false },
		{ "01:80:c2:00:00:0e", 0x8809, false },
		{ "01:80:c2:00:00:0e", 0x8100, false },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lldp_message m;
		struct packet p;

		packet_eth(&p, cases[i].dst, THEM, cases[i].type);
		packet_put_hex(&p, HEAD END);
		CU_ASSERT_EQUAL(lldp_wire_parse(p.bytes, p.len, &m),
				cases[i].ok);
	}
}

/* --- when we speak -------------------------------------------------------- */

static void speaks_at_once_then_fast_then_slowly(void)
{
	static const uint64_t due[] = { 5000, 6000, 7000, 8000, 38000, 68000 };
	struct lldp *lldp = new_lldp();
	struct sent s = { .count = 0 };

	CU_ASSERT_EQUAL(lldp_run(lldp, 100, on_send, &s), FOREVER);
	CU_ASSERT_EQUAL(s.count, 0); /* no link */
	lldp_link(lldp, true, 5000);
	for (unsigned i = 0; i + 1 < sizeof(due) / sizeof(due[0]); i++) {
		CU_ASSERT_EQUAL(lldp_run(lldp, due[i], on_send, &s),
				due[i + 1]);
		CU_ASSERT_EQUAL(s.count, i + 1);
		CU_ASSERT_EQUAL(lldp_run(lldp, due[i + 1] - 1, on_send, &s),
				due[i + 1]);
		CU_ASSERT_EQUAL(s.count, i + 1);
	}
	CU_ASSERT_EQUAL(facts_of(lldp).tx, 5);
	lldp_link(lldp, false, 40000);
	CU_ASSERT_EQUAL(lldp_run(lldp, 99000, on_send, &s), FOREVER);
	CU_ASSERT_EQUAL(s.count, 5);
	lldp_free(lldp);
}

static void a_flapping_link_does_not_make_it_talk_more(void)
{
	struct lldp *lldp = new_lldp();
	struct sent s = { .count = 0 };

	for (uint64_t t = 0; t < 10000; t += 10) {
		lldp_link(lldp, true, t);
		lldp_run(lldp, t, on_send, &s);
		lldp_link(lldp, false, t + 5);
	}
	CU_ASSERT_EQUAL(s.count, 10);
	lldp_free(lldp);
}

static void a_new_neighbour_hears_from_us_soon(void)
{
	struct lldp *lldp = new_lldp();
	struct sent s = { .count = 0 };
	uint64_t t = 0;

	lldp_link(lldp, true, 0);
	while (t < 10000)
		t = lldp_run(lldp, t, on_send, &s);
	CU_ASSERT_EQUAL(t, 33000);
	hear_number(lldp, 1, 120, 20000);
	CU_ASSERT_EQUAL(lldp_run(lldp, 20000, on_send, &s), 21000);
	CU_ASSERT_EQUAL(s.count, 5);
	/* Inventing more of them gets one frame a second. */
	for (t = 20000; t < 30000; t += 10) {
		hear_number(lldp, t / 10 % 200, 120, t);
		lldp_run(lldp, t, on_send, &s);
	}
	CU_ASSERT_EQUAL(s.count, 5 + 9);
	CU_ASSERT_EQUAL(lldp_neighbour_count(lldp), LLDP_NEIGHBOURS_MAX);
	lldp_free(lldp);
}

static void says_goodbye_under_the_old_name(void)
{
	struct lldp *lldp = new_lldp();
	struct lldp_local other = us;
	struct lldp_message m;
	struct sent s = { .count = 0 };

	lldp_link(lldp, true, 0);
	lldp_run(lldp, 0, on_send, &s);
	strcpy(other.system_name, "renamed"); /* the same chassis and port */
	lldp_reconfigure(lldp, &other, true, true, 100);
	CU_ASSERT_EQUAL(lldp_run(lldp, 100, on_send, &s), 1000);
	CU_ASSERT_EQUAL(s.count, 1);
	lldp_run(lldp, 1000, on_send, &s);
	CU_ASSERT_TRUE(lldp_wire_parse(s.frame, s.len, &m));
	CU_ASSERT_STRING_EQUAL(m.says.system_name, "renamed");

	strcpy(other.port, "eth9");
	lldp_reconfigure(lldp, &other, true, true, 1100);
	lldp_run(lldp, 1100, on_send, &s);
	CU_ASSERT_EQUAL(s.count, 3);
	CU_ASSERT_TRUE(lldp_wire_parse(s.frame, s.len, &m));
	CU_ASSERT_STRING_EQUAL(m.says.port, "eth0");
	CU_ASSERT_EQUAL(m.says.ttl_s, 0);
	lldp_run(lldp, 2000, on_send, &s);
	CU_ASSERT_TRUE(lldp_wire_parse(s.frame, s.len, &m));
	CU_ASSERT_STRING_EQUAL(m.says.port, "eth9");

	lldp_reconfigure(lldp, &other, false, true, 2100);
	CU_ASSERT_EQUAL(lldp_run(lldp, 2100, on_send, &s), FOREVER);
	CU_ASSERT_EQUAL(s.count, 5);
	CU_ASSERT_TRUE(lldp_wire_parse(s.frame, s.len, &m));
	CU_ASSERT_EQUAL(m.says.ttl_s, 0);
	lldp_free(lldp);
}

static void a_new_configuration_that_says_the_same_sends_nothing(void)
{
	struct lldp *lldp = new_lldp();
	struct sent s = { .count = 0 };
	uint64_t t = 0;

	lldp_link(lldp, true, 0);
	while (t < 10000)
		t = lldp_run(lldp, t, on_send, &s);
	lldp_reconfigure(lldp, &us, true, true, 12000);
	CU_ASSERT_EQUAL(lldp_run(lldp, 12000, on_send, &s), t);
	CU_ASSERT_EQUAL(s.count, 4);
	lldp_free(lldp);
}

/* --- whom we remember ----------------------------------------------------- */

static void a_neighbour_is_forgotten_when_its_time_is_over(void)
{
	struct lldp *lldp = new_lldp();
	const struct lldp_neighbour *n;
	struct sent s = { .count = 0 };

	hear_number(lldp, 1, 120, 1000);
	hear_number(lldp, 2, 60, 1000);
	hear_number(lldp, 1, 120, 31000);
	CU_ASSERT_EQUAL_FATAL(lldp_neighbour_count(lldp), 2);
	n = lldp_neighbour(lldp, 0);
	CU_ASSERT_STRING_EQUAL(n->chassis, "02:00:00:00:00:01");
	CU_ASSERT_EQUAL(n->heard_ms, 31000);
	CU_ASSERT_EQUAL(n->until_ms, 151000);
	CU_ASSERT_PTR_NULL(lldp_neighbour(lldp, 2));
	CU_ASSERT_EQUAL(lldp_run(lldp, 60999, on_send, &s), 61000);
	CU_ASSERT_EQUAL(lldp_neighbour_count(lldp), 2);
	CU_ASSERT_EQUAL(lldp_run(lldp, 61000, on_send, &s), 151000);
	CU_ASSERT_EQUAL(lldp_neighbour_count(lldp), 1);
	CU_ASSERT_EQUAL(lldp_run(lldp, 151000, on_send, &s), FOREVER);
	CU_ASSERT_EQUAL(lldp_neighbour_count(lldp), 0);
	CU_ASSERT_EQUAL(facts_of(lldp).aged_out, 2);
	CU_ASSERT_EQUAL(facts_of(lldp).rx, 3);
	lldp_free(lldp);
}

static void a_neighbour_that_says_goodbye_is_forgotten(void)
{
	struct lldp *lldp = new_lldp();

	hear_number(lldp, 1, 120, 1000);
	hear_number(lldp, 2, 120, 1000);
	hear_number(lldp, 3, 0, 1000); /* never heard of */
	hear_number(lldp, 1, 0, 1000);
	CU_ASSERT_EQUAL_FATAL(lldp_neighbour_count(lldp), 1);
	CU_ASSERT_STRING_EQUAL(lldp_neighbour(lldp, 0)->chassis,
			       "02:00:00:00:00:02");
	CU_ASSERT_EQUAL(facts_of(lldp).aged_out, 0);
	lldp_link(lldp, true, 2000);
	lldp_link(lldp, false, 3000);
	CU_ASSERT_EQUAL(lldp_neighbour_count(lldp), 0);
	lldp_free(lldp);
}

/* Ids that look alike in text are different neighbours all the same. */
static void neighbours_are_told_apart_by_bytes(void)
{
	struct lldp *lldp = new_lldp();

	hear(lldp, "02 03 07 6162 04 03 07 6364 0602 0078 0000", 0);
	hear(lldp, "02 03 06 6162 04 03 07 6364 0602 0078 0000", 0);
	hear(lldp, "02 03 07 6162 04 03 05 6364 0602 0078 0000", 0);
	hear(lldp, "02 04 07 616263 04 02 07 64 0602 0078 0000", 0);
	CU_ASSERT_EQUAL(lldp_neighbour_count(lldp), 4);
	lldp_free(lldp);
}

static void of_too_many_neighbours_the_oldest_gives_way(void)
{
	struct lldp *lldp = new_lldp();
	unsigned i;

	for (i = 0; i < LLDP_NEIGHBOURS_MAX; i++)
		hear_number(lldp, i, 120, i);
	hear_number(lldp, 0, 120, 50);
	hear_number(lldp, 100, 120, 51);
	CU_ASSERT_EQUAL(lldp_neighbour_count(lldp), LLDP_NEIGHBOURS_MAX);
	CU_ASSERT_STRING_EQUAL(lldp_neighbour(lldp, 0)->chassis,
			       "02:00:00:00:00:00");
	CU_ASSERT_STRING_EQUAL(lldp_neighbour(lldp, 1)->chassis,
			       "02:00:00:00:00:02");
	CU_ASSERT_STRING_EQUAL(
		lldp_neighbour(lldp, LLDP_NEIGHBOURS_MAX - 1)->chassis,
		"02:00:00:00:00:64");
	CU_ASSERT_EQUAL(facts_of(lldp).too_many, 1);
	lldp_free(lldp);
}

static void bad_frames_are_counted_and_change_nothing(void)
{
	struct lldp *lldp = new_lldp();
	struct packet bad = frame_of(HEAD "08 02 41");

	hear_number(lldp, 0x99, 120, 0);
	hear(lldp, HEAD "fe 00" END, 0);
	CU_ASSERT_FALSE(lldp_input(lldp, bad.bytes, bad.len, 10));
	CU_ASSERT_EQUAL(facts_of(lldp).rx_bad, 1);
	CU_ASSERT_EQUAL(facts_of(lldp).rx, 2);
	CU_ASSERT_EQUAL(facts_of(lldp).rx_bad_tlvs, 1);
	CU_ASSERT_EQUAL(lldp_neighbour(lldp, 0)->heard_ms, 0);
	lldp_free(lldp);
}

static void one_that_does_not_listen_hears_nothing(void)
{
	struct lldp *lldp = new_lldp();

	hear_number(lldp, 1, 120, 0);
	lldp_reconfigure(lldp, &us, true, false, 10);
	CU_ASSERT_EQUAL(lldp_neighbour_count(lldp), 0);
	hear_number(lldp, 1, 120, 20);
	CU_ASSERT_EQUAL(lldp_neighbour_count(lldp), 0);
	CU_ASSERT_EQUAL(facts_of(lldp).rx, 1);
	lldp_free(lldp);
}

static const struct suite_test tests[] = {
	SUITE_TEST(build_says_everything_in_the_order_of_the_standard),
	SUITE_TEST(build_leaves_out_what_is_not_said),
	SUITE_TEST(build_fits_the_longest_texts_and_comes_back_the_same),
	SUITE_TEST(shutdown_frame_has_only_who_and_no_time_left),
	SUITE_TEST(parse_reads_what_a_switch_says),
	SUITE_TEST(parse_makes_ids_readable_by_their_kind),
	SUITE_TEST(parse_makes_text_printable),
	SUITE_TEST(parse_passes_over_what_is_wrong_in_one_tlv),
	SUITE_TEST(parse_passes_over_a_text_of_more_than_255_bytes),
	SUITE_TEST(parse_discards_malformed_frames_whole),
	SUITE_TEST(parse_discards_ids_of_more_than_255_bytes),
	SUITE_TEST(parse_takes_a_frame_without_end_only_at_a_boundary),
	SUITE_TEST(parse_wants_a_group_address_and_the_ethertype),
	SUITE_TEST(speaks_at_once_then_fast_then_slowly),
	SUITE_TEST(a_flapping_link_does_not_make_it_talk_more),
	SUITE_TEST(a_new_neighbour_hears_from_us_soon),
	SUITE_TEST(says_goodbye_under_the_old_name),
	SUITE_TEST(a_new_configuration_that_says_the_same_sends_nothing),
	SUITE_TEST(a_neighbour_is_forgotten_when_its_time_is_over),
	SUITE_TEST(a_neighbour_that_says_goodbye_is_forgotten),
	SUITE_TEST(neighbours_are_told_apart_by_bytes),
	SUITE_TEST(of_too_many_neighbours_the_oldest_gives_way),
	SUITE_TEST(bad_frames_are_counted_and_change_nothing),
	SUITE_TEST(one_that_does_not_listen_hears_nothing),
};

int main(void)
{
	return suite_run("lldp", tests, sizeof(tests) / sizeof(tests[0]));
}
