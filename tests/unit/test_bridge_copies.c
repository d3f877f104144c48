/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_bridge_copies.c: what listening ports, captures and mirrors see, and
 * what they cost others.  PM of the fault table.
 */
#include <stdlib.h>

#include "tests/lib/suite.h"
#include "tests/lib/switch_talk.h"

#define C(vid) 0x8100, vid

/* `ids` keys make the listener; `wide` listens on both networks. */
#define LISTENING(ids)                                                        \
	FAKE_NETS(FAKE_NET("n", 10, ",'uplink':'up'") ","                     \
		  FAKE_NET("m", 20, ",'uplink':'up'"))                        \
	FAKE_PORTS(FAKE_GUEST("a", "'network':'n','mac':'" MAC_A "'") ","     \
		   FAKE_GUEST("b", "'network':'n','mac':'" MAC_B "'") ","     \
		   FAKE_GUEST("other", "'network':'m','mac':'" MAC_C "'")     \
		   "," FAKE_GUEST("ids", "'network':'n','mac':'" MAC_D "',"   \
					 "'promiscuous':true" ids) ","        \
		   FAKE_UPLINK("up"))

#define WIDE                                                                  \
	FAKE_NETS(FAKE_NET("n", 10, ",'uplink':'up'") ","                     \
		  FAKE_NET("m", 20, ",'uplink':'up'"))                        \
	FAKE_PORTS(FAKE_GUEST("a", "'network':'n','mac':'" MAC_A "'") ","     \
		   FAKE_GUEST("b", "'network':'n','mac':'" MAC_B "'") ","     \
		   FAKE_GUEST("c", "'network':'m','mac':'" MAC_C "'") ","     \
		   FAKE_GUEST("d", "'network':'m','mac':'" MAC_D "'") ","     \
		   FAKE_GUEST("wide", "'trunk':['n','m'],"                    \
				      "'promiscuous':true") ","               \
		   FAKE_GUEST("ids", "'network':'n','promiscuous':true") ","  \
		   FAKE_UPLINK("up"))

/* ---- promiscuous ports ---- */

static void listener_gets_a_copy_of_what_others_say(void)
{
	struct fake_switch *fs = fake_switch_new(LISTENING(""));
	const struct packet *p = frame(MAC_B, MAC_A);

	CU_ASSERT_TRUE(sends_to(fs, "a", p, "b ids"));
	CU_ASSERT_TRUE(arrives_as(fs, "a", p, "ids", p));
	CU_ASSERT_TRUE(sends_to(fs, "b", frame(MAC_A, MAC_B), "a ids"));
	CU_ASSERT_TRUE(sends_to(fs, "up", tagged(frame(MAC_A, MAC_OUT), C(10)),
				"a ids"));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_OUT, MAC_A), "up ids"));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_NEW, MAC_A), "up ids"));
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "a")->copies, 4);
	fake_switch_free(fs);
}

static void listener_gets_what_is_meant_for_it_once(void)
{
	struct fake_switch *fs =
		fake_switch_new(LISTENING(",'flood_unknown':true"));

	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_D, MAC_A), "ids"));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_ALL, MAC_A), "b up ids"));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_MCAST, MAC_A),
				"b up ids"));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_NEW, MAC_A), "up ids"));
	fake_switch_free(fs);
}

static void listener_does_not_hear_itself(void)
{
	struct fake_switch *fs = fake_switch_new(LISTENING(""));

	CU_ASSERT_TRUE(sends_to(fs, "ids", frame(MAC_A, MAC_D), "a"));
	CU_ASSERT_TRUE(sends_to(fs, "ids", frame(MAC_ALL, MAC_D), "a b up"));
	fake_switch_free(fs);
}

static void listener_that_may_not_send_is_refused(void)
{
	struct fake_switch *fs = fake_switch_new(LISTENING(",'inject':false"));

	CU_ASSERT_TRUE(drops_as(fs, "ids", frame(MAC_A, MAC_D), DROP_INJECT));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_B, MAC_A), "b ids"));
	fake_switch_free(fs);
}

static void listener_never_sees_another_network(void)
{
	struct fake_switch *fs = fake_switch_new(
		LISTENING(",'include_refused':true"));

	CU_ASSERT_TRUE(sends_to(fs, "other", frame(MAC_NEW, MAC_C), "up"));
	CU_ASSERT_TRUE(sends_to(fs, "other", frame(MAC_ALL, MAC_C), "up"));
	CU_ASSERT_TRUE(sends_to(fs, "up", tagged(frame(MAC_C, MAC_OUT), C(20)),
				"other"));
	CU_ASSERT_TRUE(drops_as(fs, "other", frame(MAC_ALL, MAC_MCAST),
				DROP_BAD_SRC));
	fake_switch_free(fs);
}

static void refused_frames_are_copied_only_on_request(void)
{
	struct fake_switch *plain = fake_switch_new(LISTENING(""));
	struct fake_switch *nosy = fake_switch_new(
		LISTENING(",'include_refused':true"));
	const struct packet *spoofed = frame(MAC_B, MAC_MCAST);

	CU_ASSERT_TRUE(sends_to(plain, "a", spoofed, ""));
	CU_ASSERT_TRUE(sends_to(nosy, "a", spoofed, "ids"));
	CU_ASSERT_EQUAL(fake_switch_ctr(nosy, "a")->drops[DROP_BAD_SRC], 1);
	/* of an unknown VLAN: in no network, so nobody's to hear */
	CU_ASSERT_TRUE(sends_to(nosy, "up",
				tagged(frame(MAC_A, MAC_OUT), C(11)), ""));
	fake_switch_free(plain);
	fake_switch_free(nosy);
}

/* Admitted, only nobody wanted them. */
static void frames_without_a_destination_are_copied(void)
{
	struct fake_switch *fs = fake_switch_new(
		FAKE_NETS(FAKE_NET("n", 10, ""))
		FAKE_PORTS(FAKE_GUEST("a", "'network':'n','mac':'" MAC_A
					   "','isolated':true") ","
			   FAKE_GUEST("b", "'network':'n','mac':'" MAC_B
					   "','isolated':true") ","
			   FAKE_GUEST("ids", "'network':'n',"
					     "'promiscuous':true")));

	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_NEW, MAC_A), "ids"));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_A, MAC_A), "ids"));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_B, MAC_A), "ids"));
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "a")->drops[DROP_NO_DEST], 1);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "a")->drops[DROP_HAIRPIN], 1);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "a")->drops[DROP_ISOLATED], 1);
	fake_switch_free(fs);
}

static void copy_has_the_tags_of_the_listeners_port(void)
{
	struct fake_switch *fs = fake_switch_new(WIDE);
	const struct packet *p = frame(MAC_B, MAC_A), *q = frame(MAC_D, MAC_C);

	CU_ASSERT_TRUE(sends_to(fs, "a", p, "b wide ids"));
	CU_ASSERT_TRUE(sends_to(fs, "c", q, "d wide"));
	CU_ASSERT_TRUE(arrives_as(fs, "a", p, "wide", tagged(p, C(10))));
	CU_ASSERT_TRUE(arrives_as(fs, "c", q, "wide", tagged(q, C(20))));
	CU_ASSERT_TRUE(arrives_as(fs, "a", p, "b", p));
	fake_switch_free(fs);
}

/* Tagged twice: others must not get it bare, for it would name its VLAN. */
static void listener_gets_frames_that_start_with_a_tag(void)
{
	struct fake_switch *fs = fake_switch_new(
		FAKE_NETS(FAKE_NET("n", 10, ",'uplink':'up'"))
		FAKE_PORTS(FAKE_GUEST("tr", "'trunk':['n']") ","
			   FAKE_GUEST("b", "'network':'n','mac':'" MAC_B "'")
			   "," FAKE_GUEST("ids", "'network':'n','mac':'" MAC_D
						 "','promiscuous':true") ","
			   FAKE_UPLINK("up")));
	const struct packet *in, *hop;
	unsigned i;

	/* a copy, a flooded frame and one to itself, long ones too */
	for (i = 0; i < 2; i++) {
		in = tagged(frame_of(MAC_OUT, MAC_A, i ? 1514 : 64), C(20));
		hop = tagged(in, C(10));
		CU_ASSERT_TRUE(sends_to(fs, "tr", hop, "up ids"));
		CU_ASSERT_TRUE(arrives_as(fs, "tr", hop, "ids", in));
		in = tagged(frame_of(MAC_ALL, MAC_OUT, i ? 1514 : 64), C(20));
		hop = tagged(in, C(10));
		CU_ASSERT_TRUE(sends_to(fs, "up", hop, "tr ids"));
		CU_ASSERT_TRUE(arrives_as(fs, "up", hop, "ids", in));
		in = tagged(frame_of(MAC_D, MAC_A, i ? 1514 : 64), C(20));
		hop = tagged(in, C(10));
		CU_ASSERT_TRUE(arrives_as(fs, "tr", hop, "ids", in));
	}
	in = tagged(frame(MAC_B, MAC_A), C(20));
	CU_ASSERT_TRUE(sends_to(fs, "tr", tagged(in, C(10)), "ids"));
	CU_ASSERT_TRUE(fake_switch_ctr(fs, "b")->drops[DROP_EGRESS_VLAN] > 0);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "ids")->drops[DROP_EGRESS_VLAN],
			0);
	fake_switch_free(fs);
}

static void listeners_hear_each_other_once(void)
{
	struct fake_switch *fs = fake_switch_new(WIDE);

	CU_ASSERT_TRUE(sends_to(fs, "ids", frame(MAC_A, MAC_NEW), "a wide"));
	CU_ASSERT_TRUE(sends_to(fs, "wide",
				tagged(frame(MAC_A, MAC_NEW2), C(10)),
				"a ids"));
	CU_ASSERT_TRUE(sends_to(fs, "wide",
				tagged(frame(MAC_C, MAC_NEW2), C(20)), "c"));
	fake_switch_free(fs);
}

static void push_many(struct fake_switch *fs, const char *from,
		      const struct packet *p, unsigned n)
{
	while (n--)
		fake_port_push(fake_switch_port(fs, from), 0, p);
	fake_switch_run(fs);
}

static void copies_of_a_burst_have_a_budget(void)
{
	struct fake_switch *fs = fake_switch_new(
		"'settings':{'mirror_bytes_per_burst':200}," LISTENING(""));

	push_many(fs, "a", frame(MAC_B, MAC_A), 10);
	CU_ASSERT_EQUAL(fake_switch_got(fs, "b"), 10);
	CU_ASSERT_EQUAL(fake_switch_got(fs, "ids"), 3);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "ids")->drops[DROP_EGRESS_RATE],
			7);
	CU_ASSERT_TRUE(fake_switch_balanced(fs));
	fake_switch_clear(fs);
	/* what it is a member of does not count */
	push_many(fs, "a", frame(MAC_ALL, MAC_A), 10);
	CU_ASSERT_EQUAL(fake_switch_got(fs, "ids"), 10);
	fake_switch_free(fs);
}

static void stalled_listener_costs_others_nothing(void)
{
	struct fake_switch *fs = fake_switch_new(LISTENING(""));

	fake_switch_port(fs, "ids")->room = 0;
	push_many(fs, "a", frame(MAC_B, MAC_A), 100);
	CU_ASSERT_EQUAL(fake_switch_got(fs, "b"), 100);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "b")->tx_frames, 100);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "ids")->drops[DROP_RING_FULL],
			100);
	CU_ASSERT_TRUE(fake_switch_balanced(fs));
	fake_switch_free(fs);
}

static void copies_are_made_after_delivery(void)
{
	struct fake_switch *fs = fake_switch_new(LISTENING(""));

	push_many(fs, "a", frame(MAC_B, MAC_A), BURST_MAX);
	CU_ASSERT_EQUAL_FATAL(fake_switch_got(fs, "b"), BURST_MAX);
	CU_ASSERT_TRUE(
		fake_port_sent(fake_switch_port(fs, "b"), BURST_MAX - 1)
			->serial <
		fake_port_sent(fake_switch_port(fs, "ids"), 0)->serial);
	fake_switch_free(fs);
}

/* Offload fields that lied must not reach a guest with the copy. */
static void copy_of_a_refused_frame_has_no_offload(void)
{
	struct fake_switch *fs = fake_switch_new(
		LISTENING(",'include_refused':true"));
	const struct fake_frame bad = { .csum = FRAME_CSUM_PARTIAL,
					.csum_start = 60000 };
	const struct packet *p = frame(MAC_B, MAC_A);
	const struct fake_frame *ff;

	fake_port_push_frame(fake_switch_port(fs, "a"), 0, p->bytes, p->len,
			     &bad);
	fake_switch_run(fs);
	ff = fake_port_sent(fake_switch_port(fs, "ids"), 0);
	CU_ASSERT_TRUE(fake_frame_is(ff, p));
	CU_ASSERT_TRUE(ff && ff->csum == FRAME_CSUM_NONE);
	CU_ASSERT_EQUAL(fake_switch_got(fs, "b"), 0);
	CU_ASSERT_TRUE(fake_switch_balanced(fs));
	fake_switch_free(fs);
}

/* Even where it would fit: a GSO frame of sizes that were refused is none. */
static void copy_of_a_giant_is_no_gso_frame(void)
{
	struct fake_switch *fs = fake_switch_new(
		LISTENING(",'include_refused':true,'mtu':1900"));
	const struct fake_frame like = { .csum = FRAME_CSUM_PARTIAL,
					 .csum_start = 34,
					 .csum_offset = 16,
					 .gso = FRAME_GSO_TCP4,
					 .gso_size = 1700 };
	const struct fake_frame *ff;
	struct packet p;

	packet_eth(&p, MAC_B, MAC_A, ETH_IPV4);
	packet_ipv4(&p, "10.0.0.1", "10.0.0.2", 6, 1800);
	packet_put_hex(&p, "04d2 0050 00000001 00000002 5010 2000 0000 0000");
	packet_zero(&p, 1780);
	fake_port_push_frame(fake_switch_port(fs, "a"), 0, p.bytes, p.len,
			     &like);
	fake_switch_run(fs);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "a")->drops[DROP_GIANT], 1);
	ff = fake_port_sent(fake_switch_port(fs, "ids"), 0);
	CU_ASSERT_TRUE(ff && !ff->gso && ff->csum == FRAME_CSUM_NONE);
	fake_switch_free(fs);
}

/* ---- captures and mirrors ---- */

#define WATCHED                                                               \
	FAKE_NETS(FAKE_NET("n", 10, ",'uplink':'up','igmp_snooping':false"))  \
	FAKE_PORTS(FAKE_GUEST("a", "'network':'n','mac':'" MAC_A "'") ","     \
		   FAKE_GUEST("b", "'network':'n','mac':'" MAC_B "'") ","     \
		   FAKE_GUEST("c", "'network':'n','mac':'" MAC_C "'") ","     \
		   FAKE_GUEST("d", "'network':'n','mac':'" MAC_D "'") ","     \
		   FAKE_GUEST("ids", "'network':'n','promiscuous':true,"      \
				     "'inject':false") ","                    \
		   FAKE_UPLINK("up"))

/* Watch a port (or, NULL, the network); `to` a port or NULL: a ring. */
static struct mirror *watch(struct fake_switch *fs, const char *port,
			    const char *to, unsigned directions,
			    unsigned snaplen)
{
	struct mirror_conf mc = {
		.session = 1,
		.directions = directions,
		.to = to ? fake_switch_port(fs, to)->port.id : MIRROR_TO_RING,
		.snaplen = snaplen,
		.workers = 1,
		.tsc_hz = FAKE_HZ,
		.now = fs->bw->now,
	};
	struct view_tap *tap = &fs->tap[fs->tap_count++];

	tap->port = port ? fake_switch_port(fs, port)->port.id : CONF_NONE;
	tap->segment = port ? CONF_NONE : 0;
	CU_ASSERT_EQUAL_FATAL(mirror_new(&tap->mirror, &mc), 0);
	fake_switch_review(fs);
	return tap->mirror;
}

static void done(struct fake_switch *fs)
{
	struct mirror *m[FAKE_TAPS_MAX];
	unsigned i, n = fs->tap_count;

	for (i = 0; i < n; i++)
		m[i] = fs->tap[i].mirror;
	fake_switch_free(fs);
	for (i = 0; i < n; i++)
		mirror_free(m[i]);
}

/* The next record is of these bytes, seen there; takes it. */
static bool shows(struct fake_switch *fs, struct mirror *m,
		  const struct packet *p, const char *port,
		  enum mirror_direction direction)
{
	const struct mirror_record *rec;
	const uint8_t *bytes;
	bool right;

	rec = mirror_ring_peek(m, 0, &bytes);
	right = rec && rec->bytes == p->len && rec->wire_len == p->len &&
		!memcmp(bytes, p->bytes, p->len) &&
		rec->port == fake_switch_port(fs, port)->port.id &&
		rec->direction == direction && rec->tsc == fs->bw->now;
	if (rec)
		mirror_ring_pop(m, 0);
	return right;
}

static bool shows_nothing(const struct mirror *m)
{
	const uint8_t *bytes;

	return !mirror_ring_peek(m, 0, &bytes);
}

static void capture_at_a_port_sees_both_directions(void)
{
	struct fake_switch *fs = fake_switch_new(WATCHED);
	struct mirror *m = watch(fs, "a", NULL, MIRROR_IN | MIRROR_OUT,
				 MIRROR_SNAPLEN_MAX);
	struct mirror *in = watch(fs, "a", NULL, MIRROR_IN,
				  MIRROR_SNAPLEN_MAX);
	struct mirror *out = watch(fs, "a", NULL, MIRROR_OUT,
				   MIRROR_SNAPLEN_MAX);

	fake_switch_send(fs, "a", frame(MAC_B, MAC_A));
	fake_switch_send(fs, "b", frame(MAC_A, MAC_B));
	fake_switch_send(fs, "b", frame(MAC_C, MAC_B));
	CU_ASSERT_TRUE(shows(fs, m, frame(MAC_B, MAC_A), "a", MIRROR_IN));
	CU_ASSERT_TRUE(shows(fs, m, frame(MAC_A, MAC_B), "a", MIRROR_OUT));
	CU_ASSERT_TRUE(shows_nothing(m));
	CU_ASSERT_TRUE(shows(fs, in, frame(MAC_B, MAC_A), "a", MIRROR_IN));
	CU_ASSERT_TRUE(shows_nothing(in));
	CU_ASSERT_TRUE(shows(fs, out, frame(MAC_A, MAC_B), "a", MIRROR_OUT));
	CU_ASSERT_TRUE(shows_nothing(out));
	done(fs);
}

static void capture_shows_the_tags_of_the_place(void)
{
	struct fake_switch *fs = fake_switch_new(WATCHED);
	struct mirror *up = watch(fs, "up", NULL, MIRROR_IN | MIRROR_OUT,
				  MIRROR_SNAPLEN_MAX);
	struct mirror *net = watch(fs, NULL, NULL, MIRROR_IN | MIRROR_OUT,
				   MIRROR_SNAPLEN_MAX);
	const struct packet *p = frame(MAC_ALL, MAC_A);
	const struct packet *q = frame(MAC_A, MAC_OUT);

	fake_switch_send(fs, "a", p);
	fake_switch_send(fs, "up", tagged(q, C(0x600a)));
	CU_ASSERT_TRUE(shows(fs, up, tagged(p, C(10)), "up", MIRROR_OUT));
	CU_ASSERT_TRUE(shows(fs, up, tagged(q, C(0x600a)), "up", MIRROR_IN));
	CU_ASSERT_TRUE(shows_nothing(up));
	/* a network: each frame once, where it came in */
	CU_ASSERT_TRUE(shows(fs, net, p, "a", MIRROR_IN));
	CU_ASSERT_TRUE(shows(fs, net, q, "up", MIRROR_IN));
	CU_ASSERT_TRUE(shows_nothing(net));
	done(fs);
}

static void capture_at_a_port_names_refused_frames(void)
{
	struct fake_switch *fs = fake_switch_new(WATCHED);
	struct mirror *port = watch(fs, "a", NULL, MIRROR_IN, 65535);
	struct mirror *net = watch(fs, NULL, NULL, MIRROR_IN, 65535);
	const struct packet *p = tagged(frame(MAC_B, MAC_A), C(11));
	const struct mirror_record *rec;
	const uint8_t *bytes;

	fake_switch_send(fs, "a", p);
	rec = mirror_ring_peek(port, 0, &bytes);
	CU_ASSERT_TRUE(rec && rec->verdict == DROP_VLAN);
	CU_ASSERT_TRUE(shows(fs, port, p, "a", MIRROR_IN));
	CU_ASSERT_TRUE(shows_nothing(net));
	done(fs);
}

static void capture_at_a_listener_shows_its_copies(void)
{
	struct fake_switch *fs = fake_switch_new(WATCHED);
	struct mirror *m = watch(fs, "ids", NULL, MIRROR_OUT, 65535);

	fake_switch_send(fs, "a", frame(MAC_B, MAC_A));
	CU_ASSERT_TRUE(shows(fs, m, frame(MAC_B, MAC_A), "ids", MIRROR_OUT));
	CU_ASSERT_TRUE(shows_nothing(m));
	done(fs);
}

static void capture_cuts_at_snaplen(void)
{
	struct fake_switch *fs = fake_switch_new(WATCHED);
	struct mirror *m = watch(fs, "a", NULL, MIRROR_IN, 100);
	const struct packet *p = frame_of(MAC_B, MAC_A, 1000);
	const struct mirror_record *rec;
	const uint8_t *bytes;

	fake_switch_send(fs, "a", p);
	rec = mirror_ring_peek(m, 0, &bytes);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rec);
	CU_ASSERT_EQUAL(rec->bytes, 100);
	CU_ASSERT_EQUAL(rec->wire_len, 1000);
	CU_ASSERT_EQUAL(memcmp(bytes, p->bytes, 100), 0);
	done(fs);
}

static void mirror_copies_to_its_port(void)
{
	struct fake_switch *fs = fake_switch_new(WATCHED);
	struct mirror *m = watch(fs, "a", "d", MIRROR_IN | MIRROR_OUT, 65535);
	struct mirror_counters ctr;

	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_B, MAC_A), "b d ids"));
	CU_ASSERT_TRUE(sends_to(fs, "b", frame(MAC_A, MAC_B), "a d ids"));
	CU_ASSERT_TRUE(sends_to(fs, "b", frame(MAC_C, MAC_B), "c ids"));
	mirror_count(m, &ctr);
	CU_ASSERT_EQUAL(ctr.packets, 2);
	CU_ASSERT_EQUAL(ctr.bytes, 128);
	done(fs);
}

static void mirrored_copies_are_not_mirrored_again(void)
{
	struct fake_switch *fs = fake_switch_new(WATCHED);

	watch(fs, "a", "c", MIRROR_IN | MIRROR_OUT, 65535);
	watch(fs, "c", "a", MIRROR_IN | MIRROR_OUT, 65535);
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_B, MAC_A), "b c ids"));
	CU_ASSERT_TRUE(sends_to(fs, "c", frame(MAC_B, MAC_C), "b a ids"));
	done(fs);
}

static void mirror_of_a_network_spares_its_own_port(void)
{
	struct fake_switch *fs = fake_switch_new(WATCHED);

	watch(fs, NULL, "d", MIRROR_IN, 65535);
	CU_ASSERT_TRUE(sends_to(fs, "d", frame(MAC_A, MAC_D), "a ids"));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_B, MAC_A), "b d ids"));
	done(fs);
}

static void mirror_to_a_dead_port_counts_its_losses(void)
{
	struct fake_switch *fs = fake_switch_new(WATCHED);
	struct mirror *m = watch(fs, "a", "d", MIRROR_IN, 65535);
	struct mirror_counters ctr;

	fake_switch_port(fs, "d")->port.link = false;
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_B, MAC_A), "b ids"));
	fake_switch_port(fs, "d")->port.link = true;
	fake_switch_port(fs, "d")->room = 0;
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_B, MAC_A), "b ids"));
	mirror_count(m, &ctr);
	CU_ASSERT_EQUAL(ctr.dropped, 1);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "d")->drops[DROP_RING_FULL], 1);
	CU_ASSERT_TRUE(fake_switch_balanced(fs));
	done(fs);
}

/* d alone in a network of short frames, with these keys. */
#define SHORT(keys)                                                           \
	FAKE_NETS(FAKE_NET("n", 10, "") "," FAKE_NET("m", 20, ",'mtu':600"))  \
	FAKE_PORTS(FAKE_GUEST("a", "'network':'n','mac':'" MAC_A "'") ","     \
		   FAKE_GUEST("b", "'network':'n','mac':'" MAC_B "'") ","     \
		   FAKE_GUEST("d", "'network':'m'" keys))

static void mirror_sends_a_port_nothing_that_it_does_not_take(void)
{
	struct fake_switch *fs = fake_switch_new(SHORT(""));
	struct mirror *m = watch(fs, "a", "d", MIRROR_IN, 65535);
	struct mirror *cut = watch(fs, "a", "d", MIRROR_IN, 100);
	struct mirror_counters ctr;

	fake_switch_send(fs, "a", frame_of(MAC_B, MAC_A, 615));
	CU_ASSERT_EQUAL(fake_switch_got(fs, "d"), 1);
	fake_switch_send(fs, "a", frame_of(MAC_B, MAC_A, 614));
	CU_ASSERT_EQUAL(fake_switch_got(fs, "d"), 3);
	mirror_count(m, &ctr);
	CU_ASSERT_TRUE(ctr.packets == 1 && ctr.dropped == 1);
	mirror_count(cut, &ctr);
	CU_ASSERT_TRUE(ctr.packets == 2 && ctr.dropped == 0);
	fake_switch_view(fs, SHORT(",'locking_mode':'disabled'"));
	fake_switch_send(fs, "a", frame_of(MAC_B, MAC_A, 100));
	CU_ASSERT_EQUAL(fake_switch_got(fs, "d"), 3);
	mirror_count(m, &ctr);
	CU_ASSERT_EQUAL(ctr.dropped, 2);
	CU_ASSERT_TRUE(fake_switch_balanced(fs));
	done(fs);
}

static void mirrors_of_a_burst_have_a_budget(void)
{
	struct fake_switch *fs = fake_switch_new(
		"'settings':{'mirror_bytes_per_burst':200}," WATCHED);
	struct mirror *m = watch(fs, "a", NULL, MIRROR_IN, 65535);
	unsigned n = 0;

	push_many(fs, "a", frame(MAC_B, MAC_A), 10);
	while (!shows_nothing(m)) {
		mirror_ring_pop(m, 0);
		n++;
	}
	CU_ASSERT_EQUAL(n, 3);
	CU_ASSERT_EQUAL(fake_switch_got(fs, "b"), 10);
	done(fs);
}

/* The payload may lie in pieces, and the header be longer than the copy's. */
static void mirrored_frame_arrives_byte_for_byte(void)
{
	struct fake_switch *fs = fake_switch_new(WATCHED);
	struct packet p;
	unsigned i;

	packet_eth(&p, MAC_A, MAC_OUT, ETH_TEST);
	for (i = 0; i < 1400; i++)
		packet_put8(&p, i * 7);
	watch(fs, "up", "d", MIRROR_IN, 65535);
	fake_switch_port(fs, "up")->seg_bytes = 300;
	CU_ASSERT_TRUE(arrives_as(fs, "up", tagged(&p, C(10)), "d",
				  tagged(&p, C(10))));
	done(fs);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(listener_gets_a_copy_of_what_others_say),
		SUITE_TEST(listener_gets_what_is_meant_for_it_once),
		SUITE_TEST(listener_does_not_hear_itself),
		SUITE_TEST(listener_that_may_not_send_is_refused),
		SUITE_TEST(listener_never_sees_another_network),
		SUITE_TEST(refused_frames_are_copied_only_on_request),
		SUITE_TEST(frames_without_a_destination_are_copied),
		SUITE_TEST(copy_has_the_tags_of_the_listeners_port),
		SUITE_TEST(listener_gets_frames_that_start_with_a_tag),
		SUITE_TEST(listeners_hear_each_other_once),
		SUITE_TEST(copies_of_a_burst_have_a_budget),
		SUITE_TEST(stalled_listener_costs_others_nothing),
		SUITE_TEST(copies_are_made_after_delivery),
		SUITE_TEST(copy_of_a_refused_frame_has_no_offload),
		SUITE_TEST(copy_of_a_giant_is_no_gso_frame),
		SUITE_TEST(capture_at_a_port_sees_both_directions),
		SUITE_TEST(capture_shows_the_tags_of_the_place),
		SUITE_TEST(capture_at_a_port_names_refused_frames),
		SUITE_TEST(capture_at_a_listener_shows_its_copies),
		SUITE_TEST(capture_cuts_at_snaplen),
		SUITE_TEST(mirror_copies_to_its_port),
		SUITE_TEST(mirrored_copies_are_not_mirrored_again),
		SUITE_TEST(mirror_of_a_network_spares_its_own_port),
		SUITE_TEST(mirror_to_a_dead_port_counts_its_losses),
		SUITE_TEST(mirror_sends_a_port_nothing_that_it_does_not_take),
		SUITE_TEST(mirrors_of_a_burst_have_a_budget),
		SUITE_TEST(mirrored_frame_arrives_byte_for_byte),
	};

	return suite_run("bridge copies", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
