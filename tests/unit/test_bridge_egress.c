/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_bridge_egress.c: in what form a frame leaves: tags, size, rate,
 * checksums and segments.
 */
#include <stdlib.h>

#include "tests/lib/suite.h"
#include "tests/lib/switch_talk.h"

/* ---- VLANs ---- */

#define MAC_T "02:00:00:00:00:1a"

/* Every kind of port on VLAN 10, some on 20; a tunnel through 30. */
#define VLANS                                                                 \
	"'settings':{'mac_move_hold_ms':0},"                                  \
	FAKE_NETS(FAKE_NET("n10", 10, ",'uplink':'up'") ","                   \
		  FAKE_NET("n20", 20, ",'uplink':'up'") ","                   \
		  FAKE_NET("n30", 30, ",'uplink':'up'") ","                   \
		  FAKE_NET("n0", 0, ",'uplink':'up'"))                        \
	FAKE_PORTS(                                                           \
		FAKE_GUEST("acc", "'network':'n10'") ","                      \
		FAKE_GUEST("acc20", "'network':'n20'") ","                    \
		FAKE_GUEST("acc0", "'network':'n0'") ","                      \
		FAKE_GUEST("tr", "'trunk':['n10','n20']") ","                 \
		FAKE_GUEST("nu", "'trunk':['n20'],'native':'n10',"            \
				 "'vlan_mode':'native-untagged'") ","         \
		FAKE_GUEST("nt", "'trunk':['n20'],'native':'n10',"            \
				 "'vlan_mode':'native-tagged'") ","           \
		FAKE_GUEST("tun", "'network':'n30','vlan_mode':'tunnel'") "," \
		FAKE_GUEST("acc30", "'network':'n30'") ","                    \
		FAKE_UPLINK("up"))

#define C(vid)	  0x8100, vid
#define S(vid)	  0x88a8, vid

static const struct packet *all(void)
{
	return frame(MAC_ALL, MAC_T);
}

static const struct packet *outside(void)
{
	return frame(MAC_ALL, MAC_OUT);
}

static void each_port_gets_the_tags_it_wants(void)
{
	struct fake_switch *fs = fake_switch_new(VLANS);
	const struct packet *plain = all(), *v10 = tagged(plain, C(10));

	CU_ASSERT_TRUE(sends_to(fs, "acc", plain, "tr nu nt up"));
	CU_ASSERT_TRUE(arrives_as(fs, "acc", plain, "tr", v10));
	CU_ASSERT_TRUE(arrives_as(fs, "acc", plain, "nu", plain));
	CU_ASSERT_TRUE(arrives_as(fs, "acc", plain, "nt", v10));
	CU_ASSERT_TRUE(arrives_as(fs, "acc", plain, "up", v10));
	CU_ASSERT_TRUE(arrives_as(fs, "acc20", plain, "nu",
				  tagged(plain, C(20))));
	CU_ASSERT_TRUE(arrives_as(fs, "acc0", plain, "up", plain));
	fake_switch_free(fs);
}

static void tag_chooses_the_network(void)
{
	struct fake_switch *fs = fake_switch_new(VLANS);
	const struct packet *plain = all();

	CU_ASSERT_TRUE(sends_to(fs, "tr", tagged(plain, C(10)),
				"acc nu nt up"));
	CU_ASSERT_TRUE(arrives_as(fs, "tr", tagged(plain, C(10)), "acc",
				  plain));
	CU_ASSERT_TRUE(arrives_as(fs, "tr", tagged(plain, C(20)), "acc20",
				  plain));
	CU_ASSERT_TRUE(sends_to(fs, "up", tagged(outside(), C(20)),
				"acc20 tr nu nt"));
	CU_ASSERT_TRUE(arrives_as(fs, "up", outside(), "acc0",
				  outside()));
	CU_ASSERT_TRUE(arrives_as(fs, "nu", plain, "acc", plain));
	CU_ASSERT_TRUE(arrives_as(fs, "nt", plain, "acc", plain));
	CU_ASSERT_TRUE(arrives_as(fs, "nt", tagged(plain, C(10)), "acc",
				  plain));
	fake_switch_free(fs);
}

static void vlans_a_port_does_not_carry_are_refused(void)
{
	struct fake_switch *fs = fake_switch_new(VLANS);

	CU_ASSERT_TRUE(drops_as(fs, "acc", tagged(all(), C(10)), DROP_VLAN));
	CU_ASSERT_TRUE(drops_as(fs, "acc", tagged(all(), C(20)), DROP_VLAN));
	CU_ASSERT_TRUE(drops_as(fs, "tr", all(), DROP_VLAN));
	CU_ASSERT_TRUE(drops_as(fs, "tr", tagged(all(), C(30)), DROP_VLAN));
	CU_ASSERT_TRUE(drops_as(fs, "tr", tagged(all(), C(4095)), DROP_VLAN));
	CU_ASSERT_TRUE(drops_as(fs, "tr", tagged(all(), S(10)), DROP_VLAN));
	CU_ASSERT_TRUE(drops_as(fs, "up", tagged(all(), C(11)), DROP_VLAN));
	fake_switch_free(fs);
}

static void priority_is_kept_from_tag_to_tag(void)
{
	struct fake_switch *fs = fake_switch_new(VLANS);
	const struct packet *plain = all();

	CU_ASSERT_TRUE(arrives_as(fs, "tr", tagged(plain, C(0xb00a)), "up",
				  tagged(plain, C(0xb00a))));
	CU_ASSERT_TRUE(arrives_as(fs, "up", tagged(outside(), C(0x5014)),
				  "nt", tagged(outside(), C(0x5014))));
	CU_ASSERT_TRUE(arrives_as(fs, "acc", tagged(plain, C(0xe000)), "up",
				  tagged(plain, C(0xe00a))));
	CU_ASSERT_TRUE(arrives_as(fs, "tr", tagged(plain, C(0xe00a)), "acc",
				  plain));
	fake_switch_free(fs);
}

static void tunnel_carries_customers_frames_whole(void)
{
	struct fake_switch *fs = fake_switch_new(VLANS);
	const struct packet *plain = all(), *c10 = tagged(plain, C(0x600a)),
			    *cc = tagged(c10, C(77));

	CU_ASSERT_TRUE(arrives_as(fs, "tun", plain, "up",
				  tagged(plain, C(30))));
	CU_ASSERT_TRUE(arrives_as(fs, "tun", c10, "up", tagged(c10, C(30))));
	CU_ASSERT_TRUE(arrives_as(fs, "tun", cc, "up", tagged(cc, C(30))));
	CU_ASSERT_TRUE(arrives_as(fs, "up",
				  tagged(tagged(outside(), C(10)), C(30)),
				  "tun", tagged(outside(), C(10))));
	CU_ASSERT_TRUE(arrives_as(fs, "tun", plain, "acc30", plain));
	fake_switch_free(fs);
}

static void inner_tag_never_becomes_the_outer_one(void)
{
	struct fake_switch *fs = fake_switch_new(VLANS);
	const struct packet *in20 = tagged(all(), C(20));
	const struct packet *hop = tagged(in20, C(10));

	/* trunks get it under their own tag; where it would be bare, nobody */
	CU_ASSERT_TRUE(sends_to(fs, "tr", hop, "nt up"));
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "acc")->drops[DROP_EGRESS_VLAN],
			1);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "nu")->drops[DROP_EGRESS_VLAN],
			1);
	CU_ASSERT_TRUE(arrives_as(fs, "tr", hop, "up", hop));
	hop = tagged(tagged(outside(), C(20)), C(10));
	CU_ASSERT_TRUE(arrives_as(fs, "up", hop, "nt", hop));
	/* out of the tunnel */
	CU_ASSERT_TRUE(sends_to(fs, "tun", in20, "up"));
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "acc30")->drops[DROP_EGRESS_VLAN],
			1);
	/* a priority tag hides nothing */
	CU_ASSERT_TRUE(drops_as(fs, "acc", tagged(in20, C(0)), DROP_VLAN));
	CU_ASSERT_TRUE(drops_as(fs, "nu", tagged(in20, C(0)), DROP_VLAN));
	/* nor does another TPID */
	CU_ASSERT_TRUE(drops_as(fs, "acc", tagged(all(), S(20)), DROP_VLAN));
	CU_ASSERT_TRUE(drops_as(fs, "acc", tagged(all(), 0x9100, 20),
				DROP_VLAN));
	fake_switch_free(fs);
}

static void tag_cut_off_by_the_frames_end_is_refused(void)
{
	struct fake_switch *fs = fake_switch_new(VLANS);
	struct packet p = *tagged(all(), C(10));

	p.len = 17;
	CU_ASSERT_TRUE(drops_as(fs, "tr", &p, DROP_VLAN));
	p.len = 18;
	CU_ASSERT_TRUE(sends_to(fs, "tr", &p, "acc nu nt up"));
	fake_switch_free(fs);
}

static void provider_trunk_writes_its_own_tpid(void)
{
	struct fake_switch *fs = fake_switch_new(
		FAKE_NETS(FAKE_NET("n10", 10, ""))
		FAKE_PORTS(FAKE_GUEST("acc", "'network':'n10'") ","
			   FAKE_GUEST("s", "'trunk':['n10'],"
					   "'tpid':'0x88a8'") ","
			   FAKE_GUEST("c", "'trunk':['n10']")));
	const struct packet *plain = all();

	CU_ASSERT_TRUE(arrives_as(fs, "acc", plain, "s",
				  tagged(plain, S(10))));
	CU_ASSERT_TRUE(arrives_as(fs, "s", tagged(plain, S(0x700a)), "c",
				  tagged(plain, C(0x700a))));
	CU_ASSERT_TRUE(drops_as(fs, "s", tagged(plain, C(10)), DROP_VLAN));
	fake_switch_free(fs);
}

/* ---- size ---- */

static void frames_beyond_the_mtu_are_giants(void)
{
	struct fake_switch *fs = fake_switch_new(VLANS);

	CU_ASSERT_TRUE(sends_to(fs, "acc", frame_of(MAC_ALL, MAC_T, 1514),
				"tr nu nt up"));
	CU_ASSERT_TRUE(drops_as(fs, "acc", frame_of(MAC_ALL, MAC_T, 1515),
				DROP_GIANT));
	CU_ASSERT_TRUE(sends_to(
		fs, "tr", tagged(frame_of(MAC_ALL, MAC_T, 1514), C(20)),
		"acc20 nu nt up"));
	fake_switch_free(fs);
}

static void egress_with_a_smaller_mtu_drops_and_says_so(void)
{
	struct fake_switch *fs = fake_switch_new(
		FAKE_NETS(FAKE_NET("n", 10, ""))
		FAKE_PORTS(FAKE_GUEST("big", "'network':'n','mtu':1900") ","
			   FAKE_GUEST("small", "'network':'n','mac':'" MAC_B
					       "'")));

	CU_ASSERT_TRUE(lost_at(fs, "big", frame_of(MAC_B, MAC_T, 1515),
			       "small", DROP_EGRESS_MTU));
	CU_ASSERT_TRUE(sends_to(fs, "big", frame_of(MAC_B, MAC_T, 1514),
				"small"));
	fake_switch_free(fs);
}

/* ---- link, room, rate ---- */

#define PAIR(keys)                                                            \
	FAKE_NETS(FAKE_NET("n", 10, ""))                                      \
	FAKE_PORTS(FAKE_GUEST("a", "'network':'n','mac':'" MAC_A "'") ","     \
		   FAKE_GUEST("b", "'network':'n','mac':'" MAC_B "'" keys)    \
		   "," FAKE_GUEST("c", "'network':'n','mac':'" MAC_C "'"))

static void port_without_link_counts_what_it_would_have_got(void)
{
	struct fake_switch *fs = fake_switch_new(PAIR(""));

	fake_switch_port(fs, "b")->port.link = false;
	CU_ASSERT_TRUE(lost_at(fs, "a", frame(MAC_B, MAC_A), "b",
			       DROP_NO_LINK));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_ALL, MAC_A), "c"));
	fake_switch_free(fs);
}

static void full_ring_costs_only_its_own_port(void)
{
	struct fake_switch *fs = fake_switch_new(PAIR(""));
	unsigned i;

	fake_switch_port(fs, "b")->room = 3;
	for (i = 0; i < 10; i++)
		fake_port_push(fake_switch_port(fs, "a"), 0,
			       frame(MAC_ALL, MAC_A));
	fake_switch_run(fs);
	CU_ASSERT_EQUAL(fake_switch_got(fs, "b"), 3);
	CU_ASSERT_EQUAL(fake_switch_got(fs, "c"), 10);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "b")->drops[DROP_RING_FULL], 7);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "b")->tx_frames, 3);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "b")->tx_bytes, 3 * 64);
	CU_ASSERT_TRUE(fake_switch_balanced(fs));
	fake_switch_free(fs);
}

static void refusal_of_the_device_keeps_its_name(void)
{
	struct fake_switch *fs = fake_switch_new(PAIR(""));

	fake_switch_port(fs, "b")->refuse = DROP_BAD_RING;
	CU_ASSERT_TRUE(lost_at(fs, "a", frame(MAC_B, MAC_A), "b",
			       DROP_BAD_RING));
	fake_switch_free(fs);
}

static void each_egress_is_called_once_a_burst(void)
{
	struct fake_switch *fs = fake_switch_new(PAIR(""));
	unsigned i;

	for (i = 0; i < BURST_MAX; i++)
		fake_port_push(fake_switch_port(fs, "a"), 0,
			       frame(i % 2 ? MAC_B : MAC_C, MAC_A));
	fake_switch_run(fs);
	CU_ASSERT_EQUAL(fake_switch_port(fs, "b")->flushes, 1);
	CU_ASSERT_EQUAL(fake_switch_port(fs, "c")->flushes, 1);
	CU_ASSERT_EQUAL(fake_switch_got(fs, "b"), BURST_MAX / 2);
	fake_switch_free(fs);
}

static void order_of_arrival_is_kept(void)
{
	struct fake_switch *fs = fake_switch_new(PAIR(""));
	struct fake_port *b = fake_switch_port(fs, "b");
	struct packet p = *frame(MAC_B, MAC_A);
	unsigned i;

	for (i = 0; i < 3 * BURST_MAX; i++) {
		packet_mac(i % 5 ? MAC_B : MAC_ALL, p.bytes);
		p.bytes[30] = i;
		fake_port_push(fake_switch_port(fs, "a"), 0, &p);
	}
	fake_switch_run(fs);
	CU_ASSERT_EQUAL_FATAL(b->sent.count, 3 * BURST_MAX);
	for (i = 0; i < 3 * BURST_MAX; i++)
		CU_ASSERT_EQUAL(fake_port_sent(b, i)->bytes[30], i);
	fake_switch_free(fs);
}

/* 8 Mbit/s: a burst of 64 KB, then 1 KB a millisecond. */
static void rate_to_a_guest_is_held(void)
{
	struct fake_switch *fs =
		fake_switch_new(PAIR(",'rate_to_guest_bps':8000000"));
	const struct packet *p = frame_of(MAC_B, MAC_A, 1000);
	unsigned i;

	for (i = 0; i < 66; i++)
		CU_ASSERT_TRUE(sends_to(fs, "a", p, "b"));
	CU_ASSERT_TRUE(lost_at(fs, "a", p, "b", DROP_EGRESS_RATE));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_C, MAC_A), "c"));
	fs->bw->now += FAKE_HZ / 1000;
	CU_ASSERT_TRUE(sends_to(fs, "a", p, "b"));
	CU_ASSERT_TRUE(lost_at(fs, "a", p, "b", DROP_EGRESS_RATE));
	fake_switch_free(fs);
}

/* ---- checksums and segments ---- */

#define TSO_HEAD 54 /* Ethernet, IPv4, TCP */
#define TSO_MSS	 1448

/* A TCP frame of `payload` bytes; checksum partial, gso if asked for. */
struct tso {
	uint32_t len;
	uint8_t bytes[TSO_HEAD + 65000];
	struct fake_frame like; /* ends in bytes[]: must be last */
};

static uint32_t sum16(const uint8_t *p, uint32_t n, uint32_t sum)
{
	for (; n > 1; p += 2, n -= 2) {
		sum += p[0] << 8 | p[1];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	if (n)
		sum += p[0] << 8;
	return (sum & 0xffff) + (sum >> 16);
}

static struct tso *tso_new(const char *dst, uint32_t payload, uint16_t mss)
{
	struct tso *t = calloc(1, sizeof(*t));
	uint8_t *ip = t->bytes + 14, *tcp = ip + 20;
	uint32_t i, total = 40 + payload;
	struct packet p;

	packet_eth(&p, dst, MAC_A, ETH_IPV4);
	packet_ipv4(&p, "10.0.0.1", "10.0.0.2", 6, 20);
	packet_put_hex(&p, "04d2 0050 00000001 00000002 5010 2000 0000 0000");
	memcpy(t->bytes, p.bytes, p.len);
	ip[2] = total >> 8;
	ip[3] = total;
	ip[10] = ip[11] = 0;
	i = ~sum16(ip, 20, 0);
	ip[10] = i >> 8;
	ip[11] = i;
	for (i = 0; i < payload; i++)
		t->bytes[TSO_HEAD + i] = i * 11 + (i >> 8);
	i = sum16(ip + 12, 8, 6 + 20 + payload); /* pseudo header */
	tcp[16] = i >> 8;
	tcp[17] = i;
	t->len = TSO_HEAD + payload;
	t->like.csum = FRAME_CSUM_PARTIAL;
	t->like.csum_start = 34;
	t->like.csum_offset = 16;
	t->like.gso = mss ? FRAME_GSO_TCP4 : FRAME_GSO_NONE;
	t->like.gso_size = mss;
	return t;
}

static void tso_send(struct fake_switch *fs, struct tso *t)
{
	fake_port_push_frame(fake_switch_port(fs, "a"), 0, t->bytes, t->len,
			     &t->like);
	fake_switch_run(fs);
}

/* IPv4 and TCP checksums of a finished frame behind `tags` bytes of tags. */
static bool sums_right(const struct fake_frame *ff, unsigned tags)
{
	const uint8_t *ip = ff->bytes + 14 + tags;
	uint32_t len = ff->len - 14 - tags;

	return sum16(ip, 20, 0) == 0xffff &&
	       (uint32_t)(ip[2] << 8 | ip[3]) == len &&
	       sum16(ip + 20, len - 20, sum16(ip + 12, 8, 6 + len - 20)) ==
		       0xffff;
}

static void frame_with_offload_passes_whole_where_it_may(void)
{
	struct fake_switch *fs = fake_switch_new(PAIR(""));
	struct tso *t = tso_new(MAC_B, 60000, TSO_MSS);
	const struct fake_frame *ff;

	tso_send(fs, t);
	ff = fake_port_sent(fake_switch_port(fs, "b"), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ff);
	CU_ASSERT_EQUAL(ff->len, t->len);
	CU_ASSERT_EQUAL(memcmp(ff->bytes, t->bytes, t->len), 0);
	CU_ASSERT_EQUAL(ff->gso, FRAME_GSO_TCP4);
	CU_ASSERT_EQUAL(ff->gso_size, TSO_MSS);
	CU_ASSERT_EQUAL(ff->csum, FRAME_CSUM_PARTIAL);
	CU_ASSERT_EQUAL(ff->csum_start, 34);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "b")->segments, 0);
	free(t);
	fake_switch_free(fs);
}

static bool segments_right(struct fake_port *fp, const struct tso *t,
			   unsigned tags)
{
	const struct fake_frame *ff = fp->sent.first;
	uint32_t at = 0;

	for (; ff; ff = ff->next) {
		uint32_t n = ff->len - TSO_HEAD - tags;

		if (!sums_right(ff, tags) || ff->gso ||
		    ff->csum == FRAME_CSUM_PARTIAL || n > TSO_MSS ||
		    memcmp(ff->bytes + TSO_HEAD + tags,
			   t->bytes + TSO_HEAD + at, n))
			return false;
		at += n;
	}
	return at == t->len - TSO_HEAD;
}

static void egress_without_tso_gets_finished_segments(void)
{
	struct fake_switch *fs = fake_switch_new(PAIR(""));
	struct fake_port *b = fake_switch_port(fs, "b");
	struct tso *t = tso_new(MAC_B, 10000, TSO_MSS);

	b->port.offload = PORT_TX_CSUM;
	tso_send(fs, t);
	CU_ASSERT_EQUAL(b->sent.count, 7);
	CU_ASSERT_TRUE(segments_right(b, t, 0));
	/* one frame in the books, segments apart */
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "b")->tx_frames, 1);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "b")->tx_bytes, t->len);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "b")->segments, 7);
	CU_ASSERT_TRUE(fake_switch_balanced(fs));
	free(t);
	fake_switch_free(fs);
}

static void flooded_gso_frame_suits_every_egress(void)
{
	struct fake_switch *fs = fake_switch_new(
		FAKE_NETS(FAKE_NET("n", 10, ",'uplink':'up'"))
		FAKE_PORTS(FAKE_GUEST("a", "'network':'n'") ","
			   FAKE_GUEST("none", "'network':'n'") ","
			   FAKE_GUEST("all", "'network':'n'") ","
			   FAKE_UPLINK("up")));
	struct tso *t = tso_new(MAC_ALL, 5000, TSO_MSS);

	fake_switch_port(fs, "none")->port.offload = 0;
	fake_switch_port(fs, "up")->port.offload = 0;
	tso_send(fs, t);
	CU_ASSERT_EQUAL(fake_switch_got(fs, "all"), 1);
	CU_ASSERT_TRUE(segments_right(fake_switch_port(fs, "none"), t, 0));
	CU_ASSERT_TRUE(segments_right(fake_switch_port(fs, "up"), t, 4));
	CU_ASSERT_TRUE(fake_switch_balanced(fs));
	free(t);
	fake_switch_free(fs);
}

static void gso_frame_is_dropped_whole_when_the_ring_lacks_room(void)
{
	struct fake_switch *fs = fake_switch_new(PAIR(""));
	struct fake_port *b = fake_switch_port(fs, "b");
	struct tso *t = tso_new(MAC_B, 10000, TSO_MSS);

	b->port.offload = 0;
	b->room = 6;
	tso_send(fs, t);
	CU_ASSERT_EQUAL(b->sent.count, 0);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "b")->drops[DROP_RING_FULL], 1);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "b")->tx_frames, 0);
	b->room = 7;
	tso_send(fs, t);
	CU_ASSERT_EQUAL(b->sent.count, 7);
	CU_ASSERT_TRUE(fake_switch_balanced(fs));
	free(t);
	fake_switch_free(fs);
}

static void order_is_kept_around_a_segmented_frame(void)
{
	struct fake_switch *fs = fake_switch_new(PAIR(""));
	struct fake_port *a = fake_switch_port(fs, "a");
	struct fake_port *b = fake_switch_port(fs, "b");
	struct tso *t = tso_new(MAC_B, 3000, TSO_MSS);

	b->port.offload = 0;
	fake_port_push(a, 0, frame(MAC_B, MAC_A));
	fake_port_push_frame(a, 0, t->bytes, t->len, &t->like);
	fake_port_push(a, 0, frame_of(MAC_B, MAC_A, 70));
	fake_switch_run(fs);
	CU_ASSERT_EQUAL_FATAL(b->sent.count, 5);
	CU_ASSERT_EQUAL(fake_port_sent(b, 0)->len, 64);
	CU_ASSERT_EQUAL(fake_port_sent(b, 1)->len, TSO_HEAD + TSO_MSS);
	CU_ASSERT_EQUAL(fake_port_sent(b, 4)->len, 70);
	free(t);
	fake_switch_free(fs);
}

static void checksum_is_completed_for_an_egress_that_lacks_it(void)
{
	struct fake_switch *fs = fake_switch_new(PAIR(""));
	struct tso *t = tso_new(MAC_ALL, 777, 0);
	const struct fake_frame *ff;

	fake_switch_port(fs, "b")->port.offload = 0;
	tso_send(fs, t);
	ff = fake_port_sent(fake_switch_port(fs, "b"), 0);
	CU_ASSERT_TRUE(ff && sums_right(ff, 0) &&
		       ff->csum != FRAME_CSUM_PARTIAL);
	/* whoever comes after it gets it in one state or the other */
	ff = fake_port_sent(fake_switch_port(fs, "c"), 0);
	CU_ASSERT_TRUE(ff && (ff->csum == FRAME_CSUM_PARTIAL ||
			      sums_right(ff, 0)));
	free(t);
	fake_switch_free(fs);
}

static void checksum_start_follows_the_tags(void)
{
	struct fake_switch *fs = fake_switch_new(
		FAKE_NETS(FAKE_NET("n", 10, ",'uplink':'up'"))
		FAKE_PORTS(FAKE_GUEST("a", "'network':'n'") ","
			   FAKE_UPLINK("up")));
	struct tso *t = tso_new(MAC_OUT, 777, 0);
	const struct fake_frame *ff;

	tso_send(fs, t);
	ff = fake_port_sent(fake_switch_port(fs, "up"), 0);
	CU_ASSERT_TRUE(ff && ff->csum == FRAME_CSUM_PARTIAL &&
		       ff->csum_start == 38);
	free(t);
	fake_switch_free(fs);
}

static void impossible_offload_fields_are_refused(void)
{
	struct fake_switch *fs = fake_switch_new(PAIR(""));
	struct tso *t = tso_new(MAC_B, 777, 0);

	t->like.csum_start = 60000;
	tso_send(fs, t);
	t->like.csum_start = 34;
	t->like.gso = FRAME_GSO_TCP6;
	t->like.gso_size = 100;
	tso_send(fs, t);
	CU_ASSERT_TRUE(only(fs, ""));
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "a")->drops[DROP_BAD_OFFLOAD], 2);
	free(t);
	fake_switch_free(fs);
}

static void segments_beyond_the_mtu_are_giants(void)
{
	struct fake_switch *fs = fake_switch_new(PAIR(""));
	struct tso *t = tso_new(MAC_B, 20000, 1460);

	tso_send(fs, t);
	CU_ASSERT_TRUE(only(fs, "b"));
	t->like.gso_size = 1461;
	tso_send(fs, t);
	CU_ASSERT_TRUE(only(fs, ""));
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "a")->drops[DROP_GIANT], 1);
	free(t);
	fake_switch_free(fs);
}

static void segments_beyond_the_egress_mtu_are_dropped_there(void)
{
	struct fake_switch *fs = fake_switch_new(
		FAKE_NETS(FAKE_NET("n", 10, ""))
		FAKE_PORTS(FAKE_GUEST("a", "'network':'n','mtu':9000") ","
			   FAKE_GUEST("b", "'network':'n','mac':'" MAC_B
					   "'")));
	struct tso *t = tso_new(MAC_B, 20000, 8960);

	tso_send(fs, t);
	CU_ASSERT_TRUE(only(fs, ""));
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "b")->drops[DROP_EGRESS_MTU], 1);
	CU_ASSERT_TRUE(fake_switch_balanced(fs));
	free(t);
	fake_switch_free(fs);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(each_port_gets_the_tags_it_wants),
		SUITE_TEST(tag_chooses_the_network),
		SUITE_TEST(vlans_a_port_does_not_carry_are_refused),
		SUITE_TEST(priority_is_kept_from_tag_to_tag),
		SUITE_TEST(tunnel_carries_customers_frames_whole),
		SUITE_TEST(inner_tag_never_becomes_the_outer_one),
		SUITE_TEST(tag_cut_off_by_the_frames_end_is_refused),
		SUITE_TEST(provider_trunk_writes_its_own_tpid),
		SUITE_TEST(frames_beyond_the_mtu_are_giants),
		SUITE_TEST(egress_with_a_smaller_mtu_drops_and_says_so),
		SUITE_TEST(port_without_link_counts_what_it_would_have_got),
		SUITE_TEST(full_ring_costs_only_its_own_port),
		SUITE_TEST(refusal_of_the_device_keeps_its_name),
		SUITE_TEST(each_egress_is_called_once_a_burst),
		SUITE_TEST(order_of_arrival_is_kept),
		SUITE_TEST(rate_to_a_guest_is_held),
		SUITE_TEST(frame_with_offload_passes_whole_where_it_may),
		SUITE_TEST(egress_without_tso_gets_finished_segments),
		SUITE_TEST(flooded_gso_frame_suits_every_egress),
		SUITE_TEST(gso_frame_is_dropped_whole_when_the_ring_lacks_room),
		SUITE_TEST(order_is_kept_around_a_segmented_frame),
		SUITE_TEST(checksum_is_completed_for_an_egress_that_lacks_it),
		SUITE_TEST(checksum_start_follows_the_tags),
		SUITE_TEST(impossible_offload_fields_are_refused),
		SUITE_TEST(segments_beyond_the_mtu_are_giants),
		SUITE_TEST(segments_beyond_the_egress_mtu_are_dropped_there),
	};

	return suite_run("bridge egress", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
