/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_bridge_bond.c: a bond in the switch: what is taken from its members,
 * what leaves through which, and that nobody gets a frame twice.  BD-01,
 * BD-06, BD-07 of the fault table.
 */
#include <stdlib.h>

#include "tests/lib/suite.h"
#include "tests/lib/switch_talk.h"

#define C(vid) 0x8100, vid

#define BONDED                                                                \
	FAKE_NETS(FAKE_NET("n", 10, ",'uplink':'bond0'") ","                  \
		  FAKE_NET("m", 20, ",'uplink':'bond0'"))                     \
	FAKE_PORTS(FAKE_UPLINK("e0") "," FAKE_UPLINK("e1") ","                \
		   FAKE_BOND("bond0", "'e0','e1'") ","                        \
		   FAKE_GUEST("a", "'network':'n','mac':'" MAC_A "'") ","     \
		   FAKE_GUEST("free", "'network':'n'") ","                    \
		   FAKE_GUEST("c", "'network':'m','mac':'" MAC_C "'"))

#define TWO_BONDS                                                             \
	FAKE_NETS(FAKE_NET("n", 10, ",'uplink':'bond0'") ","                  \
		  FAKE_NET("m", 10, ",'uplink':'bond1'"))                     \
	FAKE_PORTS(FAKE_BOND("bond0", "'e0','e1'") ","                        \
		   FAKE_BOND("bond1", "'f0','f1'") "," FAKE_UPLINK("e0") ","  \
		   FAKE_UPLINK("f0") "," FAKE_UPLINK("e1") ","                \
		   FAKE_UPLINK("f1") ","                                      \
		   FAKE_GUEST("a", "'network':'n','mac':'" MAC_A "'") ","     \
		   FAKE_GUEST("c", "'network':'m','mac':'" MAC_C "'"))

static uint16_t id_of(const struct fake_switch *fs, const char *name)
{
	return fake_switch_port(fs, name)->port.id;
}

static const struct packet *outside(const char *dst, const char *src)
{
	return tagged(frame(dst, src), C(10));
}

/* ---- into the switch ---- */

static void frames_of_every_member_come_from_the_bond(void)
{
	struct fake_switch *fs = fake_switch_new(BONDED);
	struct fdb_hit hit;
	uint8_t mac[6];

	CU_ASSERT_TRUE(sends_to(fs, "e0", outside(MAC_A, MAC_OUT), "a"));
	CU_ASSERT_TRUE(sends_to(fs, "e1", outside(MAC_A, MAC_OUT), "a"));
	CU_ASSERT_TRUE(sends_to(fs, "e1", outside(MAC_A, MAC_NEW), "a"));
	packet_mac(MAC_NEW, mac);
	CU_ASSERT_TRUE(fdb_lookup(fs->br.fdb, fdb_key(0, mac), &hit));
	CU_ASSERT_EQUAL(hit.port, id_of(fs, "bond0"));
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "bond0")->rx_frames, 3);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "e1")->rx_frames, 0);
	fake_switch_free(fs);
}

static void group_frames_are_taken_from_one_member(void)
{
	struct fake_switch *fs = fake_switch_new(BONDED);
	const struct packet *p = outside(MAC_ALL, MAC_OUT);

	CU_ASSERT_TRUE(sends_to(fs, "e0", p, "a free"));
	CU_ASSERT_TRUE(lost_at(fs, "e1", p, "bond0", DROP_BOND_DUPLICATE));
	p = outside(MAC_MCAST, MAC_OUT);
	CU_ASSERT_TRUE(sends_to(fs, "e0", p, "a free"));
	CU_ASSERT_TRUE(lost_at(fs, "e1", p, "bond0", DROP_BOND_DUPLICATE));
	fake_switch_bond(fs, "bond0")->table.accept_flood = 2;
	CU_ASSERT_TRUE(lost_at(fs, "e0", p, "bond0", DROP_BOND_DUPLICATE));
	CU_ASSERT_TRUE(sends_to(fs, "e1", p, "a free"));
	fake_switch_free(fs);
}

static void standby_member_is_not_heard(void)
{
	struct fake_switch *fs = fake_switch_new(BONDED);
	struct fake_bond *fb = fake_switch_bond(fs, "bond0");
	const struct packet *p = outside(MAC_A, MAC_OUT);

	fb->table.accept = 1;
	CU_ASSERT_TRUE(lost_at(fs, "e1", p, "bond0", DROP_BOND_STANDBY));
	CU_ASSERT_TRUE(lost_at(fs, "e1", outside(MAC_ALL, MAC_OUT), "bond0",
			       DROP_BOND_STANDBY));
	CU_ASSERT_EQUAL(fdb_count(fs->br.fdb), 2); /* those of a and c */
	fb->table.accept = fb->table.accept_flood = 2; /* failover */
	CU_ASSERT_TRUE(lost_at(fs, "e0", p, "bond0", DROP_BOND_STANDBY));
	CU_ASSERT_TRUE(sends_to(fs, "e1", p, "a"));
	fake_switch_free(fs);
}

static void flooded_unicast_is_taken_at_its_buckets_home(void)
{
	struct fake_switch *fs = fake_switch_new(BONDED);
	struct fake_bond *fb = fake_switch_bond(fs, "bond0");
	const struct packet *p = outside(MAC_A, MAC_OUT);
	unsigned home;
	uint8_t mac[6];

	packet_mac(MAC_A, mac);
	fb->table.only_home = true;
	home = bond_bucket_of_mac(&fb->table, mac, 10) % 2;
	CU_ASSERT_TRUE(sends_to(fs, home ? "e1" : "e0", p, "a"));
	CU_ASSERT_TRUE(lost_at(fs, home ? "e0" : "e1", p, "bond0",
			       DROP_BOND_DUPLICATE));
	fake_switch_bond_sole(fs, "bond0", !home);
	CU_ASSERT_TRUE(sends_to(fs, home ? "e0" : "e1", p, "a"));
	fake_switch_free(fs);
}

static void runts_of_members_are_runts(void)
{
	struct fake_switch *fs = fake_switch_new(BONDED);
	struct packet p = *outside(MAC_ALL, MAC_OUT);

	fake_switch_bond(fs, "bond0")->table.only_home = true;
	for (p.len = 0; p.len < 14; p.len++)
		CU_ASSERT_TRUE(lost_at(fs, "e1", &p, "bond0", DROP_RUNT));
	fake_switch_free(fs);
}

static void frame_never_leaves_where_its_bond_got_it(void)
{
	struct fake_switch *fs = fake_switch_new(BONDED);

	CU_ASSERT_TRUE(sends_to(fs, "e1", outside(MAC_A, MAC_OUT), "a"));
	CU_ASSERT_TRUE(lost_at(fs, "e0", outside(MAC_OUT, MAC_NEW), "bond0",
			       DROP_HAIRPIN));
	CU_ASSERT_TRUE(lost_at(fs, "e0", outside(MAC_NEW2, MAC_NEW), "bond0",
			       DROP_NO_DEST));
	fake_switch_free(fs);
}

/* An uplink becomes a member: until tables follow, they name its old self. */
static void address_known_behind_a_member_leads_nowhere(void)
{
	struct fake_switch *fs = fake_switch_new(BONDED);
	uint8_t mac[6];

	packet_mac(MAC_NEW, mac);
	fdb_learn(fs->br.fdb, fdb_key(0, mac), id_of(fs, "e1"), FDB_UPLINK,
		  fs->br.tick);
	CU_ASSERT_TRUE(drops_as(fs, "a", frame(MAC_NEW, MAC_A), DROP_NO_DEST));
	CU_ASSERT_TRUE(lost_at(fs, "e0", outside(MAC_NEW, MAC_OUT), "bond0",
			       DROP_NO_DEST));
	fake_switch_free(fs);
}

/* BD-06: what we sent through one member comes back through the other. */
static void own_frames_that_come_back_are_foreign(void)
{
	struct fake_switch *fs = fake_switch_new(BONDED);
	struct fake_bond *fb = fake_switch_bond(fs, "bond0");
	const struct packet *back = outside(MAC_ALL, MAC_NEW);

	fb->table.refuse_moved = true;
	fake_switch_bond_sole(fs, "bond0", 1);
	CU_ASSERT_TRUE(sends_to(fs, "free", frame(MAC_ALL, MAC_NEW),
				"a e1"));
	CU_ASSERT_TRUE(lost_at(fs, "e0", back, "bond0", DROP_FOREIGN_MAC));
	back = outside(MAC_ALL, MAC_A);
	CU_ASSERT_TRUE(lost_at(fs, "e0", back, "bond0", DROP_FOREIGN_MAC));
	fake_switch_free(fs);
}

/* The switch speaks for silent guests when buckets move. */
static void own_announcements_that_come_back_move_nothing(void)
{
	struct fake_switch *fs = fake_switch_new(BONDED);
	struct fake_bond *fb = fake_switch_bond(fs, "bond0");
	const struct packet *p = tagged(announcement(MAC_NEW), C(10));

	CU_ASSERT_TRUE(sends_to(fs, "free", frame(MAC_A, MAC_NEW), "a"));
	fake_switch_wait(fs, 100);
	fb->table.refuse_moved = true;
	CU_ASSERT_TRUE(lost_at(fs, "e0", p, "bond0", DROP_FOREIGN_MAC));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_NEW, MAC_A), "free"));
	fb->table.refuse_moved = false; /* not balance-slb: it did move */
	CU_ASSERT_TRUE(sends_to(fs, "e0", p, "a free"));
	fake_switch_free(fs);
}

/* ---- out of it ---- */

static void frame_leaves_through_its_buckets_member(void)
{
	struct fake_switch *fs = fake_switch_new(BONDED);
	const struct packet *p = outside(MAC_OUT, MAC_A);
	unsigned home;

	home = bond_bucket(&fake_switch_bond(fs, "bond0")->table, p->bytes,
			   p->len) % 2;
	CU_ASSERT_TRUE(arrives_as(fs, "a", frame(MAC_OUT, MAC_A),
				  home ? "e1" : "e0", p));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_OUT, MAC_A),
				home ? "e1" : "e0"));
	fake_switch_free(fs);
}

static void broadcast_leaves_once(void)
{
	struct fake_switch *fs = fake_switch_new(BONDED);

	fake_switch_bond_sole(fs, "bond0", 1);
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_ALL, MAC_A), "free e1"));
	fake_switch_bond_sole(fs, "bond0", 0);
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_ALL, MAC_A), "free e0"));
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "bond0")->tx_frames, 2);
	fake_switch_free(fs);
}

static void bond_without_a_member_has_no_link(void)
{
	struct fake_switch *fs = fake_switch_new(BONDED);
	struct fake_bond *fb = fake_switch_bond(fs, "bond0");
	const struct packet *p = frame(MAC_OUT, MAC_A);

	fake_switch_bond_sole(fs, "bond0", BOND_NONE);
	CU_ASSERT_TRUE(lost_at(fs, "a", p, "bond0", DROP_NO_LINK));
	fb->table.up = false;
	bond_port_update(fb->port);
	CU_ASSERT_FALSE(bond_port_port(fb->port)->link);
	CU_ASSERT_TRUE(lost_at(fs, "a", p, "bond0", DROP_NO_LINK));
	fb->table.up = true;
	fake_switch_bond_sole(fs, "bond0", 1);
	CU_ASSERT_TRUE(sends_to(fs, "a", p, "e1"));
	fake_switch_free(fs);
}

/* The carrier is gone and downdelay not over, or the ring is full. */
static void what_a_member_does_not_take_is_counted_at_the_bond(void)
{
	struct fake_switch *fs = fake_switch_new(BONDED);
	const struct packet *p = frame(MAC_OUT, MAC_A);

	fake_switch_bond_sole(fs, "bond0", 0);
	fake_switch_port(fs, "e0")->port.link = false;
	CU_ASSERT_TRUE(lost_at(fs, "a", p, "bond0", DROP_NO_LINK));
	fake_switch_port(fs, "e0")->port.link = true;
	fake_switch_port(fs, "e0")->room = 0;
	CU_ASSERT_TRUE(lost_at(fs, "a", p, "bond0", DROP_RING_FULL));
	fake_switch_free(fs);
}

static void big_frame_is_cut_for_the_weakest_member(void)
{
	struct fake_switch *fs = fake_switch_new(BONDED);
	struct fake_frame like = { .csum = FRAME_CSUM_PARTIAL,
				   .gso = FRAME_GSO_TCP4,
				   .gso_size = 1000,
				   .csum_start = 34,
				   .csum_offset = 16 };
	struct packet p;
	unsigned i, n;

	packet_eth(&p, MAC_OUT, MAC_A, ETH_IPV4);
	packet_ipv4(&p, "10.0.0.1", "10.0.0.2", 6, 20 + 1500);
	packet_put_hex(&p, "0400 0500 00000001 00000002 5010 1000 0000 0000");
	packet_zero(&p, 1500);
	for (i = 0; i < 2; i++) {
		struct fake_port *e = fake_switch_port(fs, i ? "e1" : "e0");

		e->port.offload = i ? PORT_TX_CSUM : ~0u;
		bond_port_update(fake_switch_bond(fs, "bond0")->port);
		fake_port_push_frame(fake_switch_port(fs, "a"), 0, p.bytes,
				     p.len, &like);
		fake_switch_run(fs);
		n = fake_switch_got(fs, "e0") + fake_switch_got(fs, "e1");
		CU_ASSERT_EQUAL(n, i ? 2 : 1);
		CU_ASSERT_TRUE(!i || !fake_switch_got(fs, "e0") ||
			       !fake_switch_got(fs, "e1"));
		CU_ASSERT_TRUE(fake_switch_balanced(fs));
		fake_switch_clear(fs);
	}
	fake_switch_free(fs);
}

/* ---- two bonds ---- */

static void two_bonds_do_not_mix(void)
{
	struct fake_switch *fs = fake_switch_new(TWO_BONDS);

	fake_switch_bond_sole(fs, "bond0", 1);
	fake_switch_bond_sole(fs, "bond1", 0);
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_ALL, MAC_A), "e1"));
	CU_ASSERT_TRUE(sends_to(fs, "c", frame(MAC_ALL, MAC_C), "f0"));
	CU_ASSERT_TRUE(sends_to(fs, "e1", outside(MAC_A, MAC_OUT), "a"));
	CU_ASSERT_TRUE(sends_to(fs, "f1", outside(MAC_C, MAC_OUT), "c"));
	CU_ASSERT_TRUE(lost_at(fs, "f0", outside(MAC_A, MAC_OUT), "bond1",
			       DROP_NO_DEST));
	fake_switch_bond(fs, "bond0")->table.accept = 0;
	CU_ASSERT_TRUE(lost_at(fs, "e0", outside(MAC_A, MAC_OUT), "bond0",
			       DROP_BOND_STANDBY));
	CU_ASSERT_TRUE(sends_to(fs, "f0", outside(MAC_C, MAC_OUT), "c"));
	fake_switch_free(fs);
}

/* ---- counting and watching ---- */

static void members_count_what_they_bring(void)
{
	struct fake_switch *fs = fake_switch_new(BONDED);
	struct fake_bond *fb = fake_switch_bond(fs, "bond0");
	struct bond_member_counters c;
	unsigned i;

	fb->table.accept = 1;
	for (i = 0; i < 5; i++)
		fake_switch_send(fs, i < 3 ? "e0" : "e1",
				 outside(MAC_A, MAC_OUT));
	bond_port_member_counters(fb->port, 0, &c);
	CU_ASSERT_EQUAL(c.rx_frames, 3);
	bond_port_member_counters(fb->port, 1, &c);
	CU_ASSERT_EQUAL(c.rx_frames, 2); /* though it stands by */
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "bond0")->rx_frames, 5);
	CU_ASSERT_EQUAL(c.rx_bytes, 2 * 68); /* as they came */
	fake_switch_free(fs);
}

static struct mirror *watch(struct fake_switch *fs, const char *port)
{
	struct mirror_conf mc = { .directions = MIRROR_IN | MIRROR_OUT,
				  .to = MIRROR_TO_RING,
				  .snaplen = 2000,
				  .workers = 1,
				  .tsc_hz = FAKE_HZ };
	struct mirror *m;

	CU_ASSERT_EQUAL_FATAL(mirror_new(&m, &mc), 0);
	fs->tap[fs->tap_count++] = (struct view_tap){
		m, port ? id_of(fs, port) : CONF_NONE, port ? CONF_NONE : 0
	};
	fake_switch_review(fs);
	return m;
}

static uint64_t seen(const struct mirror *m)
{
	struct mirror_counters sum;

	mirror_count(m, &sum);
	return sum.packets;
}

static void mirrors_see_a_bonds_frames_once(void)
{
	struct fake_switch *fs = fake_switch_new(BONDED);
	struct mirror *bond = watch(fs, "bond0"), *net = watch(fs, NULL);
	const struct packet *p = outside(MAC_ALL, MAC_OUT);

	fake_switch_send(fs, "e0", p);
	fake_switch_send(fs, "e1", p); /* the other copy */
	CU_ASSERT_EQUAL(seen(bond), 1);
	CU_ASSERT_EQUAL(seen(net), 1);
	fake_switch_send(fs, "e1", outside(MAC_A, MAC_OUT));
	fake_switch_send(fs, "a", frame(MAC_ALL, MAC_A));
	CU_ASSERT_EQUAL(seen(bond), 3);
	CU_ASSERT_EQUAL(seen(net), 3);
	fake_switch_bond(fs, "bond0")->table.accept = 1;
	fake_switch_send(fs, "e1", outside(MAC_A, MAC_OUT));
	CU_ASSERT_EQUAL(seen(bond), 3);
	fs->tap_count = 0;
	fake_switch_review(fs);
	mirror_free(bond);
	mirror_free(net);
	fake_switch_free(fs);
}

/* A port that gets copies joins a bond: they do not go out there. */
static void mirror_to_a_member_copies_nothing(void)
{
	struct fake_switch *fs = fake_switch_new(BONDED);
	struct mirror *m = watch(fs, "a");
	struct mirror_counters sum;

	m->to = id_of(fs, "e1");
	CU_ASSERT_TRUE(sends_to(fs, "free", frame(MAC_A, MAC_NEW), "a"));
	mirror_count(m, &sum);
	CU_ASSERT_EQUAL(sum.packets, 0);
	CU_ASSERT_EQUAL(sum.dropped, 1);
	fs->tap_count = 0;
	fake_switch_review(fs);
	mirror_free(m);
	fake_switch_free(fs);
}

static void listeners_hear_a_bonds_frames_once(void)
{
	struct fake_switch *fs = fake_switch_new(
		FAKE_NETS(FAKE_NET("n", 10, ",'uplink':'bond0'"))
		FAKE_PORTS(FAKE_UPLINK("e0") "," FAKE_UPLINK("e1") ","
			   FAKE_BOND("bond0", "'e0','e1'") ","
			   FAKE_GUEST("a", "'network':'n','mac':'" MAC_A
					   "'") ","
			   FAKE_GUEST("ids", "'network':'n','mac':'" MAC_D
					     "','promiscuous':true,"
					     "'include_refused':true")));

	CU_ASSERT_TRUE(sends_to(fs, "e1", outside(MAC_A, MAC_OUT), "a ids"));
	CU_ASSERT_TRUE(sends_to(fs, "e0", outside(MAC_ALL, MAC_OUT), "a ids"));
	CU_ASSERT_TRUE(lost_at(fs, "e1", outside(MAC_ALL, MAC_OUT), "bond0",
			       DROP_BOND_DUPLICATE));
	fake_switch_bond(fs, "bond0")->table.accept = 1;
	CU_ASSERT_TRUE(lost_at(fs, "e1", outside(MAC_A, MAC_OUT), "bond0",
			       DROP_BOND_STANDBY));
	fake_switch_bond_sole(fs, "bond0", 1);
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_OUT, MAC_A), "e1 ids"));
	fake_switch_free(fs);
}

/* ---- anything, in any order ---- */

#define NUMBERED 64 /* frames of one round */

/* Frame `n`, whose bytes 20 and 21 say so. */
static struct packet numbered(const char *dst, const char *src, unsigned n)
{
	struct packet p = *frame(dst, src);

	p.bytes[20] = n;
	p.bytes[21] = 0xa5;
	return p;
}

/* A member fails or comes back, buckets move, others are taken from. */
static void change(struct fake_switch *fs, struct packet_rng *rng)
{
	struct fake_bond *fb = fake_switch_bond(fs, "bond0");
	unsigned slot = packet_random(rng, 2), i;

	fake_switch_port(fs, "e0")->port.link = packet_random(rng, 4);
	fb->table.accept = packet_random(rng, 4);
	fb->table.accept_flood = packet_random(rng, 8) ? 1 << slot : 0;
	fb->table.only_home = packet_random(rng, 2);
	fb->table.hash_flow = packet_random(rng, 2);
	if (packet_random(rng, 2))
		fake_switch_bond_sole(fs, "bond0", slot);
	for (i = packet_random(rng, BOND_BUCKETS); i; i--)
		fb->table.member_of[i] = packet_random(rng, 2);
	bond_port_update(fb->port);
}

/* From guests; and from outside, where a switch sends it to both members. */
static void push_round(struct fake_switch *fs, struct packet_rng *rng)
{
	static const char *const to[] = { MAC_ALL, MAC_OUT, MAC_A, MAC_NEW,
					  MAC_MCAST };
	static const char *const from[] = { MAC_OUT, MAC_A, MAC_NEW, MAC_NEW };
	unsigned i;

	for (i = 0; i < NUMBERED; i++) {
		const char *dst = to[packet_random(rng, 5)];
		struct packet p = numbered(dst, from[i % 4], i);

		if (i % 4) {
			fake_port_push(fake_switch_port(fs, i % 4 == 1
								? "a"
								: "free"),
				       0, &p);
			continue;
		}
		packet_tag(&p, C(10));
		fake_port_push(fake_switch_port(fs, "e0"), 0, &p);
		fake_port_push(fake_switch_port(fs, "e1"), 0, &p);
	}
}

/*
 * Of what one port was sent: how often each frame; and is what one address
 * sends to another in order?  (Groups and single hosts may be reached through
 * different members.)
 */
static bool in_order(const struct fake_port *fp, unsigned tags, unsigned seen[])
{
	const struct fake_frame *ff;
	int last[4][256];

	memset(last, 0xff, sizeof(last)); /* -1 */
	for (ff = fp->sent.first; ff; ff = ff->next) {
		unsigned n = ff->bytes[20 + 4 * tags];
		int *of = &last[n % 4 > 1 ? 2 : n % 4][ff->bytes[5]];

		if ((int)n <= *of)
			return false;
		*of = n;
		seen[n]++;
	}
	return true;
}

static bool once_at_most(const unsigned seen[])
{
	unsigned i;

	for (i = 0; i < NUMBERED; i++)
		if (seen[i] > 1)
			return false;
	return true;
}

static bool round_is_right(struct fake_switch *fs)
{
	unsigned out[NUMBERED] = { 0 }, in[NUMBERED] = { 0 }, i;

	if (!in_order(fake_switch_port(fs, "e0"), 1, out) ||
	    !in_order(fake_switch_port(fs, "e1"), 1, out) ||
	    !in_order(fake_switch_port(fs, "a"), 0, in))
		return false;
	for (i = 0; i < NUMBERED; i += 4)
		if (out[i])
			return false; /* from the bond to the bond */
	return once_at_most(out) && once_at_most(in) &&
	       fake_switch_balanced(fs);
}

static void whatever_fails_nothing_comes_twice_or_out_of_order(void)
{
	struct fake_switch *fs = fake_switch_new(BONDED);
	struct packet_rng rng = { 7 };
	uint64_t sent;
	unsigned i;

	fake_switch_bond(fs, "bond0")->table.refuse_moved = true;
	for (i = 0; i < 3000; i++) {
		change(fs, &rng);
		/* as a bond does: flooded unicast has one way in */
		fake_switch_bond(fs, "bond0")->table.only_home |=
			fake_switch_bond(fs, "bond0")->table.accept == 3;
		push_round(fs, &rng);
		fake_switch_run(fs);
		if (!round_is_right(fs))
			break;
		fake_switch_clear(fs);
		fake_switch_wait(fs, packet_random(&rng, 2));
	}
	CU_ASSERT_EQUAL(i, 3000);
	sent = fake_switch_ctr(fs, "bond0")->tx_frames;
	CU_ASSERT_TRUE(sent > 3000 * 10);
	CU_ASSERT_TRUE(fake_switch_ctr(fs, "a")->tx_frames > 3000 * 2);
	fake_switch_free(fs);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(frames_of_every_member_come_from_the_bond),
		SUITE_TEST(group_frames_are_taken_from_one_member),
		SUITE_TEST(standby_member_is_not_heard),
		SUITE_TEST(flooded_unicast_is_taken_at_its_buckets_home),
		SUITE_TEST(runts_of_members_are_runts),
		SUITE_TEST(frame_never_leaves_where_its_bond_got_it),
		SUITE_TEST(address_known_behind_a_member_leads_nowhere),
		SUITE_TEST(own_frames_that_come_back_are_foreign),
		SUITE_TEST(own_announcements_that_come_back_move_nothing),
		SUITE_TEST(frame_leaves_through_its_buckets_member),
		SUITE_TEST(broadcast_leaves_once),
		SUITE_TEST(bond_without_a_member_has_no_link),
		SUITE_TEST(what_a_member_does_not_take_is_counted_at_the_bond),
		SUITE_TEST(big_frame_is_cut_for_the_weakest_member),
		SUITE_TEST(two_bonds_do_not_mix),
		SUITE_TEST(members_count_what_they_bring),
		SUITE_TEST(mirrors_see_a_bonds_frames_once),
		SUITE_TEST(mirror_to_a_member_copies_nothing),
		SUITE_TEST(listeners_hear_a_bonds_frames_once),
		SUITE_TEST(whatever_fails_nothing_comes_twice_or_out_of_order),
	};

	return suite_run("bridge bond", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
