/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_inner_gro.c: packets into frames and, by the oracle, back again. */
#include "ipsec-migrate/inner_gro.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/inner_packet.h"
#include "tests/lib/suite.h"

#define SLOT 2048

static uint8_t room[INNER_GRO_MAX][SLOT]; /* with headroom */
static uint8_t orig[INNER_GRO_MAX][SLOT];
static uint32_t lens[INNER_GRO_MAX];
static unsigned packets;
static struct inner_gro gro;
static struct iovec iov[INNER_GRO_MAX];

static void begin(void)
{
	packets = 0;
	inner_gro_init(&gro, true);
}

/* The last packet's bytes, before it is added. */
static uint8_t *next_packet(const struct inner_packet *p)
{
	uint8_t *pkt = room[packets] + INNER_GRO_HEADROOM;

	lens[packets] = inner_packet_make(p, pkt);
	return pkt;
}

static void add_next(void)
{
	uint8_t *pkt = room[packets] + INNER_GRO_HEADROOM;
	struct inner in;

	memcpy(orig[packets], pkt, lens[packets]);
	CU_ASSERT_FATAL(inner_parse(&in, pkt, lens[packets]));
	packets++;
	inner_gro_add(&gro, &in, pkt);
}

static void add(const struct inner_packet *p)
{
	next_packet(p);
	add_next();
}

/* A frame in one piece, as write() gives it to the TUN. */
static uint32_t flat(unsigned i, uint8_t *to)
{
	unsigned n = inner_gro_finish(&gro, i, iov), k;
	uint32_t len = 0;

	for (k = 0; k < n; k++) {
		memcpy(to + len, iov[k].iov_base, iov[k].iov_len);
		len += (uint32_t)iov[k].iov_len;
	}
	return len;
}

/* --- each packet comes back, each flow in order --------------------------- */

struct back {
	unsigned seen; /* packets that came back */
	bool came[INNER_GRO_MAX];
};

static bool same_flow(unsigned a, unsigned b)
{
	struct inner x, y;

	inner_parse(&x, orig[a], lens[a]);
	inner_parse(&y, orig[b], lens[b]);
	return inner_same_flow(&x.flow, &y.flow);
}

/* PSH is the last segment's of a frame: that is where it was. */
static void came_back(void *arg, const uint8_t *pkt, uint32_t len)
{
	struct back *b = arg;
	unsigned i, k;

	for (i = 0; i < packets; i++)
		if (!b->came[i] && lens[i] == len && !memcmp(orig[i], pkt, len))
			break;
	CU_ASSERT_FATAL(i < packets);
	for (k = 0; k < i; k++)
		CU_ASSERT(b->came[k] || !same_flow(i, k));
	b->came[i] = true;
	b->seen++;
}

static void all_come_back(void)
{
	static uint8_t whole[INNER_FRAME_MAX + 100];
	struct back b = { 0 };
	unsigned i;

	for (i = 0; i < gro.frames; i++) {
		uint32_t len = flat(i, whole);

		CU_ASSERT(len <= INNER_FRAME_MAX);
		inner_packet_segments(whole, len, came_back, &b);
	}
	CU_ASSERT_EQUAL(b.seen, packets);
	inner_gro_reset(&gro);
}

/* Segments n..m of a stream of 1000 bytes each. */
static struct inner_packet nth(uint8_t family, unsigned n)
{
	struct inner_packet p = inner_packet_tcp(family, 1000);

	p.seq += 1000 * n;
	p.id = (uint16_t)(p.id + n);
	p.first = (uint8_t)n;
	return p;
}

static void a_streams_segments_become_one_frame(void)
{
	static const uint8_t families[] = { 4, 6 };
	unsigned i, n;

	for (i = 0; i < 2; i++) {
		struct inner_packet p;

		begin();
		for (n = 0; n < 40; n++) {
			p = nth(families[i], n);
			add(&p);
		}
		CU_ASSERT_EQUAL(gro.frames, 1);
		all_come_back();
	}
}

static void a_lone_packet_is_left_as_it_is(void)
{
	struct inner_packet p = nth(4, 0);
	static uint8_t whole[SLOT];
	uint32_t len;

	begin();
	add(&p);
	len = flat(0, whole);
	CU_ASSERT_EQUAL(len, lens[0] + INNER_VNET_LEN);
	CU_ASSERT(!memcmp(whole, "\0\0\0\0\0\0\0\0\0\0", INNER_VNET_LEN));
	CU_ASSERT(!memcmp(whole + INNER_VNET_LEN, orig[0], lens[0]));
}

/* All that must not be merged, one difference at a time. */
static void what_differs_is_not_merged(void)
{
	struct inner_packet p;
	unsigned v4;

#define APART(change)                                                         \
	do {                                                                  \
		begin();                                                      \
		p = nth(v4 ? 4 : 6, 0);                                       \
		add(&p);                                                      \
		p = nth(v4 ? 4 : 6, 1);                                       \
		change;                                                       \
		add(&p);                                                      \
		CU_ASSERT_EQUAL(gro.frames, 2);                               \
		all_come_back();                                              \
	} while (0)

	for (v4 = 0; v4 < 2; v4++) {
		APART(p.seq++);
		APART(p.seq -= 1000);
		APART(p.ack++);
		APART(p.window++);
		APART(p.flags |= 0x40); /* ECE */
		APART(p.flags |= 0x80); /* CWR */
		APART(p.flags |= 0x01);
		APART(p.flags |= 0x20);
		APART(p.flags = 0x04);
		APART(p.flags = 0);
		APART(p.options = 8);
		APART(p.tos = 1);
		APART(p.tos = 0x40);
		APART(p.ttl--);
		APART(p.payload++);
		APART(p.payload = 0);
		APART(p.sport++);
		APART(p.src++);
		if (!v4)
			continue;
		APART(p.id++);
		APART(p.df = false);
	}
#undef APART
}

static void wrong_checksums_are_not_merged_away(void)
{
	struct inner_packet p;
	unsigned i;

	for (i = 0; i < 2; i++) { /* of the first, of the second */
		begin();
		p = nth(4, 0);
		next_packet(&p)[60] ^= !i;
		add_next();
		p = nth(4, 1);
		next_packet(&p)[60] ^= i;
		add_next();
		CU_ASSERT_EQUAL(gro.frames, 2);
	}
}

static void options_must_be_the_same(void)
{
	struct inner_packet p;
	uint8_t *pkt;

	begin();
	p = nth(4, 0);
	add(&p);
	p = nth(4, 1);
	pkt = next_packet(&p);
	pkt[47] += 3; /* of the timestamps; and the sum stays right */
	pkt[51] -= 3;
	CU_ASSERT(packet_sums_right(pkt, lens[1]));
	add_next();
	CU_ASSERT_EQUAL(gro.frames, 2);
}

static void psh_and_short_ones_end_a_frame(void)
{
	struct inner_packet p;
	static uint8_t whole[8192];
	unsigned n;

	begin();
	for (n = 0; n < 6; n++) {
		p = nth(4, n);
		if (n == 2)
			p.flags |= PACKET_PSH;
		add(&p);
	}
	CU_ASSERT_EQUAL(gro.frames, 2);
	flat(0, whole);
	CU_ASSERT(whole[INNER_VNET_LEN + 33] & PACKET_PSH);
	all_come_back();

	begin();
	for (n = 0; n < 6; n++) {
		p = nth(4, n);
		if (n == 2)
			p.payload = 999;
		if (n > 2)
			p.seq--;
		add(&p);
	}
	CU_ASSERT_EQUAL(gro.frames, 2);
	all_come_back();
}

static void a_fixed_id_is_a_pattern_too(void)
{
	struct inner_packet p;
	unsigned n;

	begin();
	for (n = 0; n < 5; n++) {
		p = nth(4, n);
		p.id = 0;
		next_packet(&p);
		add_next();
	}
	CU_ASSERT_EQUAL(gro.frames, 1);
	begin();
	for (n = 0; n < 5; n++) {
		p = nth(4, n);
		p.id = n < 3 ? 0 : 1;
		add(&p);
	}
	CU_ASSERT_EQUAL(gro.frames, 2);
	begin();
	for (n = 0; n < 5; n++) {
		p = nth(4, n);
		p.df = false;
		p.id = 0;
		add(&p);
	}
	CU_ASSERT_EQUAL(gro.frames, 5); /* it must not repeat without DF */
}

static void an_acknowledgement_is_not_overtaken(void)
{
	struct inner_packet p;

	begin();
	p = nth(4, 0);
	add(&p);
	p = nth(4, 1);
	p.payload = 0;
	add(&p);
	p = nth(4, 1);
	add(&p);
	CU_ASSERT_EQUAL(gro.frames, 3);
	all_come_back();
}

static void flows_that_interleave_are_merged_each(void)
{
	struct inner_packet p;
	unsigned n, k;

	begin();
	for (n = 0; n < 10; n++) {
		for (k = 0; k < 6; k++) {
			p = nth(4, n);
			p.sport = (uint16_t)(p.sport + k);
			add(&p);
		}
	}
	CU_ASSERT_EQUAL(gro.frames, 6);
	all_come_back();
}

static void a_frame_ends_at_64_kilobytes(void)
{
	struct inner_packet p;
	unsigned n;

	begin();
	for (n = 0; n < 140; n++) {
		p = nth(6, n);
		add(&p);
	}
	CU_ASSERT_EQUAL(gro.frames, 3);
	all_come_back();
}

static void datagrams_are_merged_if_the_tun_takes_them(void)
{
	struct inner_packet p;
	unsigned n, udp;

	for (udp = 0; udp < 2; udp++) {
		begin();
		gro.udp = udp;
		for (n = 0; n < 8; n++) {
			p = inner_packet_udp(n & 1 ? 6 : 4, 700);
			p.id = (uint16_t)(7 + n / 2);
			p.first = (uint8_t)n;
			add(&p);
		}
		CU_ASSERT_EQUAL(gro.frames, udp ? 2 : 8);
		all_come_back();
	}
}

static void full_is_said(void)
{
	struct inner_packet p = inner_packet_udp(4, 10);
	unsigned n;

	begin();
	gro.udp = false;
	for (n = 0; n < INNER_GRO_MAX; n++) {
		CU_ASSERT_FALSE(inner_gro_full(&gro));
		add(&p);
	}
	CU_ASSERT(inner_gro_full(&gro));
	all_come_back();
	CU_ASSERT_FALSE(inner_gro_full(&gro));
}

/* Bursts of a few flows with all kinds of disturbance. */
static void random_bursts_come_back_whole(void)
{
	struct inner_packet flows[4], p;
	unsigned round, n, i;

	srand(9);
	for (round = 0; round < 400; round++) {
		begin();
		for (i = 0; i < 4; i++) {
			flows[i] = inner_packet_tcp(i & 1 ? 6 : 4,
						    100 + rand() % 1000);
			flows[i].sport = (uint16_t)i;
			flows[i].tos = (uint8_t)(rand() & 2);
		}
		for (n = 0; n < 64; n++) {
			i = rand() % 4;
			p = flows[i];
			p.first = (uint8_t)rand();
			if (rand() % 16 == 0)
				p.flags |= 1 << rand() % 8;
			if (rand() % 16 == 0)
				p.payload = rand() % p.payload;
			if (rand() % 30 == 0)
				p.seq += rand() % 3;
			if (rand() % 30 == 0)
				p.proto = IPPROTO_UDP;
			add(&p);
			flows[i].seq = p.seq + p.payload;
			flows[i].id++;
		}
		CU_ASSERT(gro.frames <= 64);
		all_come_back();
	}
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(a_streams_segments_become_one_frame),
		SUITE_TEST(a_lone_packet_is_left_as_it_is),
		SUITE_TEST(what_differs_is_not_merged),
		SUITE_TEST(wrong_checksums_are_not_merged_away),
		SUITE_TEST(options_must_be_the_same),
		SUITE_TEST(psh_and_short_ones_end_a_frame),
		SUITE_TEST(a_fixed_id_is_a_pattern_too),
		SUITE_TEST(an_acknowledgement_is_not_overtaken),
		SUITE_TEST(flows_that_interleave_are_merged_each),
		SUITE_TEST(a_frame_ends_at_64_kilobytes),
		SUITE_TEST(datagrams_are_merged_if_the_tun_takes_them),
		SUITE_TEST(full_is_said),
		SUITE_TEST(random_bursts_come_back_whole),
	};

	return suite_run("inner_gro", tests, sizeof(tests) / sizeof(tests[0]));
}
