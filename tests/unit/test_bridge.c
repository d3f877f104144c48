/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_bridge.c: who gets a frame, who does not, with which tags, and under
 * which name it is dropped.  The real bridge, view and tables over fake ports.
 */
#include "tests/lib/fake_switch.h"
#include "tests/lib/suite.h"
#include "tests/lib/switch_talk.h"

/* Two guests with MACs, one without, the host, and the outside on VLAN 10. */
#define PLAIN                                                                 \
	FAKE_NETS(FAKE_NET("n", 10, ",'uplink':'up'"))                        \
	FAKE_PORTS(FAKE_GUEST("a", "'network':'n','mac':'" MAC_A "'") ","     \
		   FAKE_GUEST("b", "'network':'n','mac':'" MAC_B "'") ","     \
		   FAKE_GUEST("free", "'network':'n','mac_limit':2") ","      \
		   FAKE_HOST("host", "'network':'n'") ","                     \
		   FAKE_UPLINK("up"))

static const struct packet *outside(const struct packet *p)
{
	return tagged(p, 0x8100, 10);
}

/* ---- unicast, broadcast ---- */

static void known_unicast_goes_to_its_port_only(void)
{
	struct fake_switch *fs = fake_switch_new(PLAIN);

	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_B, MAC_A), "b"));
	CU_ASSERT_TRUE(sends_to(fs, "b", frame(MAC_A, MAC_B), "a"));
	CU_ASSERT_TRUE(sends_to(fs, "host", frame(MAC_A, MAC_NEW), "a"));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_NEW, MAC_A), "host"));
	fake_switch_free(fs);
}

static void frame_arrives_byte_for_byte(void)
{
	struct fake_switch *fs = fake_switch_new(PLAIN);
	struct packet p;
	unsigned i;

	packet_eth(&p, MAC_B, MAC_A, ETH_TEST);
	for (i = 0; i < 1400; i++)
		packet_put8(&p, i * 7);
	fake_switch_port(fs, "a")->hdr_max = 60;
	fake_switch_port(fs, "a")->seg_bytes = 333;
	fake_switch_send(fs, "a", &p);
	CU_ASSERT_TRUE(fake_frame_is(
		fake_port_sent(fake_switch_port(fs, "b"), 0), &p));
	fake_switch_free(fs);
}

static void unknown_unicast_reaches_uplink_and_host_but_no_guest(void)
{
	struct fake_switch *fs = fake_switch_new(PLAIN);

	CU_ASSERT_TRUE(
		sends_to(fs, "a", frame(MAC_NEW, MAC_A), "up host"));
	fake_switch_free(fs);
}

static void unknown_unicast_reaches_guests_that_ask_for_it(void)
{
	struct fake_switch *fs = fake_switch_new(
		FAKE_NETS(FAKE_NET("n", 10, "") ","
			  FAKE_NET("all", 20, ",'flood_unknown':true"))
		FAKE_PORTS(
			FAKE_GUEST("a", "'network':'n'") ","
			FAKE_GUEST("b", "'network':'n'") ","
			FAKE_GUEST("w", "'network':'n','flood_unknown':true")
			"," FAKE_GUEST("x", "'network':'all'") ","
			FAKE_GUEST("y", "'network':'all'") ","
			FAKE_GUEST("tr", "'trunk':['n','all']")));

	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_NEW, MAC_A), "w"));
	CU_ASSERT_TRUE(sends_to(fs, "x", frame(MAC_NEW, MAC_A), "y tr"));
	fake_switch_free(fs);
}

static void nobody_wants_it_is_counted_as_no_dest(void)
{
	struct fake_switch *fs = fake_switch_new(
		FAKE_NETS(FAKE_NET("n", 10, ""))
		FAKE_PORTS(FAKE_GUEST("a", "'network':'n'") ","
			   FAKE_GUEST("b", "'network':'n'")));

	CU_ASSERT_TRUE(drops_as(fs, "a", frame(MAC_NEW, MAC_A), DROP_NO_DEST));
	fake_switch_free(fs);
}

static void broadcast_reaches_all_members_but_the_sender(void)
{
	struct fake_switch *fs = fake_switch_new(PLAIN);

	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_ALL, MAC_A),
				"b free host up"));
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "a")->copies, 3);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "a")->rx_bytes, 64);
	CU_ASSERT_TRUE(sends_to(fs, "up",
				tagged(frame(MAC_ALL, MAC_OUT), 0x8100, 10),
				"a b free host"));
	fake_switch_free(fs);
}

static void frame_to_its_own_port_is_a_hairpin(void)
{
	struct fake_switch *fs = fake_switch_new(PLAIN);

	CU_ASSERT_TRUE(drops_as(fs, "a", frame(MAC_A, MAC_A), DROP_HAIRPIN));
	fake_switch_free(fs);
}

static void runts_are_counted(void)
{
	struct fake_switch *fs = fake_switch_new(PLAIN);
	struct packet p = *frame(MAC_B, MAC_A);

	p.len = 13;
	CU_ASSERT_TRUE(drops_as(fs, "a", &p, DROP_RUNT));
	p.len = 14;
	CU_ASSERT_TRUE(sends_to(fs, "a", &p, "b"));
	fake_switch_free(fs);
}

static void what_a_port_could_not_read_is_counted_once(void)
{
	struct fake_frame bad = { .verdict = DROP_BAD_CHAIN };
	struct fake_switch *fs = fake_switch_new(PLAIN);

	fake_port_push_frame(fake_switch_port(fs, "a"), 0, "", 0, &bad);
	fake_switch_run(fs);
	CU_ASSERT_TRUE(only(fs, ""));
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "a")->drops[DROP_BAD_CHAIN], 1);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "a")->rx_frames, 1);
	CU_ASSERT_TRUE(fake_switch_balanced(fs));
	fake_switch_free(fs);
}

static void networks_are_separate_even_with_one_vlan_id(void)
{
	struct fake_switch *fs = fake_switch_new(
		FAKE_NETS(FAKE_NET("n", 0, "") "," FAKE_NET("m", 0, ""))
		FAKE_PORTS(
			FAKE_GUEST("a", "'network':'n','mac':'" MAC_A "'") ","
			FAKE_GUEST("b", "'network':'n','mac':'" MAC_B "'") ","
			FAKE_GUEST("c", "'network':'m','mac':'" MAC_C "'") ","
			FAKE_GUEST("d", "'network':'m','mac':'" MAC_A "'")));

	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_ALL, MAC_A), "b"));
	CU_ASSERT_TRUE(drops_as(fs, "a", frame(MAC_C, MAC_A), DROP_NO_DEST));
	CU_ASSERT_TRUE(sends_to(fs, "c", frame(MAC_A, MAC_C), "d"));
	CU_ASSERT_TRUE(sends_to(fs, "d", frame(MAC_ALL, MAC_A), "c"));
	fake_switch_free(fs);
}

/*
 * A view is published before the tables follow it: networks may have been
 * renumbered, ports moved, and nothing may cross meanwhile.
 */
static void stale_tables_lead_into_no_other_network(void)
{
	const char *const before =
		FAKE_NETS(FAKE_NET("n", 0, "") "," FAKE_NET("m", 0, ""))
		FAKE_PORTS(
			FAKE_GUEST("a", "'network':'n','mac':'" MAC_A "'") ","
			FAKE_GUEST("b", "'network':'n','mac':'" MAC_B "'") ","
			FAKE_GUEST("c", "'network':'m','mac':'" MAC_C "'"));
	const char *const after =
		FAKE_NETS(FAKE_NET("m", 0, "") "," FAKE_NET("n", 0, ""))
		FAKE_PORTS(
			FAKE_GUEST("a", "'network':'n','mac':'" MAC_A "'") ","
			FAKE_GUEST("b", "'network':'n','mac':'" MAC_B "'") ","
			FAKE_GUEST("c", "'network':'m','mac':'" MAC_C "'"));
	struct fake_switch *fs = fake_switch_new(before);

	fake_switch_view(fs, after);
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_C, MAC_A), ""));
	CU_ASSERT_TRUE(sends_to(fs, "c", frame(MAC_A, MAC_C), ""));
	fake_switch_tables(fs);
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_B, MAC_A), "b"));
	fake_switch_free(fs);
}

/* ---- isolation ---- */

#define ISOLATED                                                              \
	FAKE_NETS(FAKE_NET("n", 10, ",'uplink':'up','igmp_snooping':false"))  \
	FAKE_PORTS(FAKE_GUEST("i1", "'network':'n','mac':'" MAC_A "',"        \
				    "'isolated':true") ","                    \
		   FAKE_GUEST("i2", "'network':'n','mac':'" MAC_B "',"        \
				    "'isolated':true,'flood_unknown':true")   \
		   "," FAKE_GUEST("open", "'network':'n','mac':'" MAC_C "'")  \
		   "," FAKE_HOST("host", "'network':'n'") ","                 \
		   FAKE_UPLINK("up"))

static void isolated_ports_do_not_reach_each_other(void)
{
	struct fake_switch *fs = fake_switch_new(ISOLATED);

	CU_ASSERT_TRUE(drops_as(fs, "i1", frame(MAC_B, MAC_A),
				DROP_ISOLATED));
	CU_ASSERT_TRUE(sends_to(fs, "i1", frame(MAC_ALL, MAC_A),
				"open host up"));
	CU_ASSERT_TRUE(sends_to(fs, "i1", frame(MAC_MCAST, MAC_A),
				"open host up"));
	CU_ASSERT_TRUE(sends_to(fs, "i1", frame(MAC_NEW, MAC_A), "host up"));
	fake_switch_free(fs);
}

static void isolated_ports_reach_uplink_host_and_others(void)
{
	struct fake_switch *fs = fake_switch_new(ISOLATED);

	CU_ASSERT_TRUE(sends_to(fs, "i1", frame(MAC_C, MAC_A), "open"));
	CU_ASSERT_TRUE(sends_to(fs, "open", frame(MAC_A, MAC_C), "i1"));
	CU_ASSERT_TRUE(sends_to(fs, "up",
				tagged(frame(MAC_B, MAC_OUT), 0x8100, 10),
				"i2"));
	CU_ASSERT_TRUE(sends_to(fs, "i1", frame(MAC_OUT, MAC_A), "up"));
	CU_ASSERT_TRUE(sends_to(fs, "host", frame(MAC_NEW, MAC_D),
				"up i2"));
	CU_ASSERT_TRUE(sends_to(fs, "i1", frame(MAC_D, MAC_A), "host"));
	fake_switch_free(fs);
}

/* ---- addresses ---- */

static void source_is_learned_on_unlocked_ports_and_uplinks(void)
{
	struct fake_switch *fs = fake_switch_new(PLAIN);

	CU_ASSERT_TRUE(sends_to(fs, "free", frame(MAC_A, MAC_NEW), "a"));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_NEW, MAC_A), "free"));
	CU_ASSERT_TRUE(sends_to(fs, "up",
				tagged(frame(MAC_A, MAC_OUT), 0x8100, 10),
				"a"));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_OUT, MAC_A), "up"));
	fake_switch_free(fs);
}

static void address_of_a_dropped_frame_is_not_learned(void)
{
	struct fake_switch *fs = fake_switch_new(PLAIN);

	CU_ASSERT_TRUE(drops_as(fs, "free",
				tagged(frame(MAC_A, MAC_NEW), 0x8100, 11),
				DROP_VLAN));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_NEW, MAC_A), "host up"));
	fake_switch_free(fs);
}

static void guest_uses_no_more_addresses_than_its_limit(void)
{
	struct fake_switch *fs = fake_switch_new(PLAIN);

	CU_ASSERT_TRUE(sends_to(fs, "free", frame(MAC_A, MAC_NEW), "a"));
	CU_ASSERT_TRUE(sends_to(fs, "free", frame(MAC_A, MAC_NEW2), "a"));
	CU_ASSERT_TRUE(drops_as(fs, "free", frame(MAC_A, MAC_D),
				DROP_MAC_LIMIT));
	CU_ASSERT_TRUE(sends_to(fs, "free", frame(MAC_A, MAC_NEW), "a"));
	fake_switch_free(fs);
}

static void guest_never_takes_another_ports_address(void)
{
	struct fake_switch *fs = fake_switch_new(PLAIN);

	/* configured */
	CU_ASSERT_TRUE(drops_as(fs, "free", frame(MAC_A, MAC_B),
				DROP_FOREIGN_MAC));
	CU_ASSERT_TRUE(drops_as(fs, "a", frame(MAC_ALL, MAC_B),
				DROP_FOREIGN_MAC));
	/* learned on the uplink */
	fake_switch_send(fs, "up", tagged(frame(MAC_A, MAC_OUT), 0x8100, 10));
	fake_switch_clear(fs);
	CU_ASSERT_TRUE(drops_as(fs, "free", frame(MAC_A, MAC_OUT),
				DROP_FOREIGN_MAC));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_B, MAC_A), "b"));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_OUT, MAC_A), "up"));
	fake_switch_free(fs);
}

/* FR-18: a loop outside, or somebody who uses a local name. */
static void local_address_from_outside_is_foreign(void)
{
	struct fake_switch *fs = fake_switch_new(PLAIN);
	static const char *const local[] = { MAC_A, MAC_NEW, MAC_NEW2 };
	unsigned i;

	CU_ASSERT_TRUE(sends_to(fs, "free", frame(MAC_A, MAC_NEW), "a"));
	CU_ASSERT_TRUE(sends_to(fs, "host", frame(MAC_A, MAC_NEW2), "a"));
	for (i = 0; i < 3; i++) {
		CU_ASSERT_TRUE(drops_as(fs, "up",
					outside(frame(MAC_B, local[i])),
					DROP_FOREIGN_MAC));
		CU_ASSERT_TRUE(drops_as(fs, "up",
					outside(frame(MAC_ALL, local[i])),
					DROP_FOREIGN_MAC));
		CU_ASSERT_TRUE(drops_as(fs, "up",
					outside(announcement(local[i])),
					DROP_FOREIGN_MAC));
	}
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_NEW, MAC_A), "free"));
	fake_switch_free(fs);
}

static void silent_address_moves_outside_when_announced(void)
{
	struct fake_switch *fs = fake_switch_new(PLAIN);

	CU_ASSERT_TRUE(sends_to(fs, "free", frame(MAC_A, MAC_NEW), "a"));
	fake_switch_wait(fs, 1);
	CU_ASSERT_TRUE(drops_as(fs, "up", outside(announcement(MAC_NEW)),
				DROP_FOREIGN_MAC));
	CU_ASSERT_TRUE(sends_to(fs, "free", frame(MAC_A, MAC_NEW), "a"));
	fake_switch_wait(fs, 2);
	CU_ASSERT_TRUE(drops_as(fs, "up", outside(frame(MAC_A, MAC_NEW)),
				DROP_FOREIGN_MAC));
	CU_ASSERT_TRUE(sends_to(fs, "up", outside(announcement(MAC_NEW)),
				"a b free host"));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_NEW, MAC_A), "up"));
	CU_ASSERT_TRUE(sends_to(fs, "up", outside(frame(MAC_A, MAC_NEW)),
				"a"));
	/* never one that is configured */
	fake_switch_wait(fs, 100);
	CU_ASSERT_TRUE(drops_as(fs, "up", outside(announcement(MAC_A)),
				DROP_FOREIGN_MAC));
	fake_switch_free(fs);
}

static void locked_guest_uses_only_its_own_address(void)
{
	struct fake_switch *fs = fake_switch_new(
		FAKE_NETS(FAKE_NET("n", 10, ""))
		FAKE_PORTS(FAKE_GUEST("a", "'network':'n','mac':'" MAC_A
					   "','locking_mode':'locked',"
					   "'ipv4_allowed':['10.0.0.1']") ","
			   FAKE_GUEST("b", "'network':'n','mac':'" MAC_B
					   "'")));
	struct packet p;

	packet_eth(&p, MAC_B, MAC_A, ETH_IPV4);
	packet_ipv4(&p, "10.0.0.1", "10.0.0.2", 17, 8);
	packet_udp(&p, 1000, 2000, 8);
	CU_ASSERT_TRUE(sends_to(fs, "a", &p, "b"));
	packet_mac(MAC_NEW, p.bytes + 6);
	CU_ASSERT_TRUE(drops_as(fs, "a", &p, DROP_SPOOF_MAC));
	packet_mac(MAC_A, p.bytes + 6);
	p.bytes[29] = 9;
	CU_ASSERT_TRUE(drops_as(fs, "a", &p, DROP_SPOOF_IPV4));
	CU_ASSERT_TRUE(drops_as(fs, "a", frame(MAC_B, MAC_A),
				DROP_NOT_ALLOWED));
	fake_switch_free(fs);
}

static void outside_may_not_use_a_local_guests_address(void)
{
	struct fake_switch *fs = fake_switch_new(PLAIN);

	CU_ASSERT_TRUE(drops_as(fs, "up",
				tagged(frame(MAC_B, MAC_A), 0x8100, 10),
				DROP_FOREIGN_MAC));
	CU_ASSERT_TRUE(sends_to(fs, "b", frame(MAC_A, MAC_B), "a"));
	fake_switch_free(fs);
}

static void address_moves_between_guests_after_the_hold_time(void)
{
	struct fake_switch *fs = fake_switch_new(PLAIN);

	fake_switch_send(fs, "host", frame(MAC_A, MAC_NEW));
	fake_switch_clear(fs);
	CU_ASSERT_TRUE(sends_to(fs, "free", frame(MAC_A, MAC_NEW), "a"));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_NEW, MAC_A), "free"));
	/* back at once: a loop, or an attack */
	CU_ASSERT_TRUE(drops_as(fs, "host", frame(MAC_A, MAC_NEW),
				DROP_FOREIGN_MAC));
	fake_switch_wait(fs, 2);
	CU_ASSERT_TRUE(sends_to(fs, "host", frame(MAC_A, MAC_NEW), "a"));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_NEW, MAC_A), "host"));
	fake_switch_free(fs);
}

static void a_burst_learns_a_bounded_number_of_addresses(void)
{
	struct fake_switch *fs = fake_switch_new(PLAIN);
	struct packet p = *frame(MAC_A, MAC_OUT);
	unsigned i;

	packet_tag(&p, 0x8100, 10);
	for (i = 0; i < BURST_MAX; i++) {
		p.bytes[11] = i;
		fake_port_push(fake_switch_port(fs, "up"), 0, &p);
	}
	fake_switch_run(fs);
	CU_ASSERT_EQUAL(fake_switch_got(fs, "a"), BURST_MAX);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "up")->learn_deferred,
			BURST_MAX - LEARN_PER_BURST);
	CU_ASSERT_EQUAL(fdb_count(fs->br.fdb), 2 + LEARN_PER_BURST);
	fake_switch_free(fs);
}

static void guest_at_its_limit_gains_nothing_by_a_burst(void)
{
	struct fake_switch *fs = fake_switch_new(PLAIN);
	struct packet p = *frame(MAC_A, MAC_NEW);
	unsigned i;

	for (i = 0; i < BURST_MAX; i++) {
		p.bytes[10] = i;
		fake_port_push(fake_switch_port(fs, "free"), 0, &p);
	}
	fake_switch_run(fs);
	CU_ASSERT_EQUAL(fake_switch_got(fs, "a"), 2);
	CU_ASSERT_EQUAL(fake_switch_ctr(fs, "free")->drops[DROP_MAC_LIMIT],
			BURST_MAX - 2);
	fake_switch_free(fs);
}

static void multicast_and_zero_sources_are_dropped(void)
{
	struct fake_switch *fs = fake_switch_new(PLAIN);

	CU_ASSERT_TRUE(drops_as(fs, "free", frame(MAC_A, MAC_MCAST),
				DROP_BAD_SRC));
	CU_ASSERT_TRUE(drops_as(fs, "free", frame(MAC_A, "00:00:00:00:00:00"),
				DROP_BAD_SRC));
	CU_ASSERT_TRUE(drops_as(fs, "up",
				tagged(frame(MAC_A, MAC_ALL), 0x8100, 10),
				DROP_BAD_SRC));
	fake_switch_free(fs);
}

static void link_protocols_of_guests_are_dropped(void)
{
	struct fake_switch *fs = fake_switch_new(PLAIN);

	CU_ASSERT_TRUE(drops_as(fs, "a", frame("01:80:c2:00:00:00", MAC_A),
				DROP_LINK_PROTO));
	CU_ASSERT_TRUE(drops_as(fs, "a", frame("01:80:c2:00:00:0e", MAC_A),
				DROP_LINK_PROTO));
	fake_switch_free(fs);
}

static void disabled_port_sends_and_gets_nothing(void)
{
	struct fake_switch *fs = fake_switch_new(
		FAKE_NETS(FAKE_NET("n", 10, ""))
		FAKE_PORTS(FAKE_GUEST("a", "'network':'n','mac':'" MAC_A "'")
			   "," FAKE_GUEST("off", "'network':'n','mac':'" MAC_B
						 "','locking_mode':'disabled',"
						 "'flood_unknown':true,"
						 "'promiscuous':true")
			   "," FAKE_GUEST("c", "'network':'n'")));

	CU_ASSERT_TRUE(drops_as(fs, "off", frame(MAC_A, MAC_B),
				DROP_DISABLED));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_ALL, MAC_A), "c"));
	CU_ASSERT_TRUE(drops_as(fs, "a", frame(MAC_B, MAC_A), DROP_NO_DEST));
	fake_switch_free(fs);
}

static void learned_address_is_dead_once_its_port_is_disabled(void)
{
	const char *const text =
		FAKE_NETS(FAKE_NET("n", 10, ""))
		FAKE_PORTS(FAKE_GUEST("a", "'network':'n'") ","
			   FAKE_GUEST("b", "'network':'n'"));
	struct fake_switch *fs = fake_switch_new(text);

	fake_switch_send(fs, "b", frame(MAC_NEW, MAC_B));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_B, MAC_A), "b"));
	fake_switch_view(
		fs, FAKE_NETS(FAKE_NET("n", 10, ""))
		FAKE_PORTS(FAKE_GUEST("a", "'network':'n'") ","
			   FAKE_GUEST("b", "'network':'n',"
					   "'locking_mode':'disabled'")));
	CU_ASSERT_TRUE(drops_as(fs, "a", frame(MAC_B, MAC_A), DROP_NO_DEST));
	fake_switch_free(fs);
}

/* ---- storms ---- */

static void storm_of_one_kind_leaves_the_others_alone(void)
{
	struct fake_switch *fs = fake_switch_new(
		FAKE_NETS(FAKE_NET("n", 10, ",'igmp_snooping':false"))
		FAKE_PORTS(FAKE_GUEST("a", "'network':'n','storm_pps':1000")
			   "," FAKE_GUEST("b", "'network':'n','mac':'" MAC_B
					       "','flood_unknown':true")));
	unsigned i;

	for (i = 0; i < RATE_BURST_FRAMES; i++)
		CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_ALL, MAC_A), "b"));
	CU_ASSERT_TRUE(drops_as(fs, "a", frame(MAC_ALL, MAC_A), DROP_STORM));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_MCAST, MAC_A), "b"));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_NEW, MAC_A), "b"));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_B, MAC_A), "b"));
	fs->bw->now += FAKE_HZ / 1000;
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_ALL, MAC_A), "b"));
	CU_ASSERT_TRUE(drops_as(fs, "a", frame(MAC_ALL, MAC_A), DROP_STORM));
	fake_switch_free(fs);
}

/* ---- groups ---- */

#define GROUP	  "239.1.2.3"
#define GROUP_MAC "01:00:5e:01:02:03"

#define SNOOPING                                                              \
	FAKE_NETS(FAKE_NET("n", 10, ",'uplink':'up'"))                        \
	FAKE_PORTS(FAKE_GUEST("a", "'network':'n','mac':'" MAC_A "'") ","     \
		   FAKE_GUEST("b", "'network':'n','mac':'" MAC_B "'") ","     \
		   FAKE_GUEST("c", "'network':'n','mac':'" MAC_C "'") ","     \
		   FAKE_UPLINK("up"))

static uint32_t sum16(const uint8_t *p, unsigned n, uint32_t sum)
{
	for (; n > 1; p += 2, n -= 2)
		sum += p[0] << 8 | p[1];
	return n ? sum + (p[0] << 8) : sum;
}

static void sum_put(uint8_t *at, uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	at[0] = ~sum >> 8;
	at[1] = ~sum;
}

/* IGMPv2 to `mac`; a query's `code` is in tenths of a second. */
static const struct packet *igmp(const char *mac, const char *src,
				 const char *from, uint8_t type, uint8_t code,
				 const char *group)
{
	static struct packet p;
	uint8_t *ip = p.bytes + 14;

	packet_eth(&p, mac, src, ETH_IPV4);
	packet_ipv4(&p, from, type == 0x11 ? "224.0.0.1" : GROUP, 2, 8);
	packet_put8(&p, type);
	packet_put8(&p, code);
	packet_put16(&p, 0);
	packet_put_ip(&p, group);
	sum_put(ip + 22, sum16(ip + 20, 8, 0));
	ip[8] = 1;
	ip[10] = ip[11] = 0;
	sum_put(ip + 10, sum16(ip, 20, 0));
	return &p;
}

/* The uplink's router asks, and the time to answer passes. */
static void querier_speaks(struct fake_switch *fs)
{
	fake_switch_send(fs, "up",
			 tagged(igmp("01:00:5e:00:00:01", MAC_OUT, "10.0.0.9",
				     0x11, 10, "0.0.0.0"),
				0x8100, 10));
	fake_switch_wait(fs, 2);
	fake_switch_clear(fs);
}

static void group_floods_while_nobody_asks_for_members(void)
{
	struct fake_switch *fs = fake_switch_new(SNOOPING);

	CU_ASSERT_TRUE(sends_to(fs, "a", frame(GROUP_MAC, MAC_A), "b c up"));
	fake_switch_free(fs);
}

static void query_reaches_everybody(void)
{
	struct fake_switch *fs = fake_switch_new(SNOOPING);

	CU_ASSERT_TRUE(sends_to(
		fs, "up",
		tagged(igmp("01:00:5e:00:00:01", MAC_OUT, "10.0.0.9", 0x11, 10,
			    "0.0.0.0"),
		       0x8100, 10),
		"a b c"));
	fake_switch_free(fs);
}

static void group_reaches_members_and_routers_only(void)
{
	struct fake_switch *fs = fake_switch_new(SNOOPING);

	querier_speaks(fs);
	fake_switch_send(fs, "b", igmp(GROUP_MAC, MAC_B, "10.0.0.2", 0x16, 0,
				       GROUP));
	fake_switch_clear(fs);
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(GROUP_MAC, MAC_A), "b up"));
	CU_ASSERT_TRUE(sends_to(fs, "b", frame(GROUP_MAC, MAC_B), "up"));
	CU_ASSERT_TRUE(sends_to(fs, "up",
				tagged(frame(GROUP_MAC, MAC_OUT), 0x8100, 10),
				"b"));
	/* neighbours must find each other, members or not */
	CU_ASSERT_TRUE(sends_to(fs, "a", frame("33:33:ff:00:00:0b", MAC_A),
				"b c up"));
	fake_switch_free(fs);
}

static void report_reaches_routers_only(void)
{
	struct fake_switch *fs = fake_switch_new(SNOOPING);

	querier_speaks(fs);
	CU_ASSERT_TRUE(sends_to(fs, "b",
				igmp(GROUP_MAC, MAC_B, "10.0.0.2", 0x16, 0,
				     GROUP),
				"up"));
	fake_switch_free(fs);
}

static void unknown_igmp_travels_like_other_multicast(void)
{
	struct fake_switch *fs = fake_switch_new(SNOOPING);

	querier_speaks(fs);
	fake_switch_send(fs, "b", igmp(GROUP_MAC, MAC_B, "10.0.0.2", 0x16, 0,
				       GROUP));
	fake_switch_clear(fs);
	CU_ASSERT_TRUE(sends_to(fs, "a",
				igmp(GROUP_MAC, MAC_A, "10.0.0.1", 0x13, 0,
				     GROUP),
				"b up"));
	fake_switch_free(fs);
}

static void query_of_a_guest_is_dropped(void)
{
	struct fake_switch *fs = fake_switch_new(SNOOPING);

	CU_ASSERT_TRUE(drops_as(fs, "a",
				igmp("01:00:5e:00:00:01", MAC_A, "10.0.0.1",
				     0x11, 10, "0.0.0.0"),
				DROP_RA_GUARD));
	fake_switch_free(fs);
}

static void igmp_with_a_wrong_checksum_is_dropped(void)
{
	struct fake_switch *fs = fake_switch_new(SNOOPING);
	struct packet p = *igmp(GROUP_MAC, MAC_B, "10.0.0.2", 0x16, 0, GROUP);

	p.bytes[36] ^= 1;
	CU_ASSERT_TRUE(drops_as(fs, "b", &p, DROP_UNPARSED));
	fake_switch_free(fs);
}

/* RFC 2710 report behind the hop-by-hop header with router alert. */
static const struct packet *mld_report(const char *mac, const char *src,
				       const char *from, const char *group)
{
	static struct packet p;
	uint8_t *icmp = p.bytes + 14 + 40 + 8;

	packet_eth(&p, mac, src, 0x86dd);
	packet_ipv6(&p, from, group, 0, 1, 8 + 24);
	packet_put_hex(&p, "3a 00 05 02 00 00 01 00 83 00 00 00 00 00 00 00");
	packet_put_ip(&p, group);
	sum_put(icmp + 2, sum16(icmp, 24, sum16(p.bytes + 22, 32, 58 + 24)));
	return &p;
}

static void mld_report_is_heard_like_igmp(void)
{
	const char *const g = "ff0e::1:2:3", *const g_mac = "33:33:00:02:00:03";
	struct fake_switch *fs = fake_switch_new(SNOOPING);
	static const uint8_t out_mac[6] = { 2, 0, 0, 0, 0x0e, 1 };
	struct packet q = { .len = 0 };

	q.len = mcast_query(q.bytes, true, out_mac);
	fake_switch_send(fs, "up", tagged(&q, 0x8100, 10));
	fake_switch_wait(fs, 20);
	fake_switch_clear(fs);
	CU_ASSERT_TRUE(sends_to(fs, "b",
				mld_report(g_mac, MAC_B, "fe80::b", g), "up"));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(g_mac, MAC_A), "b up"));
	fake_switch_free(fs);
}

/* Members are forgotten only after the view that moves them away. */
static void stale_members_lead_into_no_other_network(void)
{
	struct fake_switch *fs = fake_switch_new(
		FAKE_NETS(FAKE_NET("n", 10, ",'uplink':'up'") ","
			  FAKE_NET("m", 10, ""))
		FAKE_PORTS(FAKE_GUEST("a", "'network':'n'") ","
			   FAKE_GUEST("b", "'network':'n'") ","
			   FAKE_UPLINK("up")));

	querier_speaks(fs);
	fake_switch_send(fs, "b", igmp(GROUP_MAC, MAC_B, "10.0.0.2", 0x16, 0,
				       GROUP));
	fake_switch_clear(fs);
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(GROUP_MAC, MAC_A), "b up"));
	fake_switch_view(
		fs, FAKE_NETS(FAKE_NET("n", 10, ",'uplink':'up'") ","
			      FAKE_NET("m", 10, ""))
		FAKE_PORTS(FAKE_GUEST("a", "'network':'n'") ","
			   FAKE_GUEST("b", "'network':'m'") ","
			   FAKE_UPLINK("up")));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(GROUP_MAC, MAC_A), "up"));
	fake_switch_free(fs);
}

static void a_burst_has_a_bounded_number_of_reports_judged(void)
{
	struct fake_switch *fs = fake_switch_new(SNOOPING);
	const struct packet *p;
	unsigned i;

	querier_speaks(fs);
	p = igmp(GROUP_MAC, MAC_B, "10.0.0.2", 0x16, 0, GROUP);
	for (i = 0; i < SNOOP_PER_BURST + 2; i++)
		fake_port_push(fake_switch_port(fs, "b"), 0, p);
	fake_switch_run(fs);
	CU_ASSERT_EQUAL(fake_switch_got(fs, "up"), SNOOP_PER_BURST + 2);
	CU_ASSERT_EQUAL(fake_switch_got(fs, "a"), 2);
	fake_switch_free(fs);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(known_unicast_goes_to_its_port_only),
		SUITE_TEST(frame_arrives_byte_for_byte),
		SUITE_TEST(unknown_unicast_reaches_uplink_and_host_but_no_guest),
		SUITE_TEST(unknown_unicast_reaches_guests_that_ask_for_it),
		SUITE_TEST(nobody_wants_it_is_counted_as_no_dest),
		SUITE_TEST(broadcast_reaches_all_members_but_the_sender),
		SUITE_TEST(frame_to_its_own_port_is_a_hairpin),
		SUITE_TEST(runts_are_counted),
		SUITE_TEST(what_a_port_could_not_read_is_counted_once),
		SUITE_TEST(networks_are_separate_even_with_one_vlan_id),
		SUITE_TEST(stale_tables_lead_into_no_other_network),
		SUITE_TEST(isolated_ports_do_not_reach_each_other),
		SUITE_TEST(isolated_ports_reach_uplink_host_and_others),
		SUITE_TEST(source_is_learned_on_unlocked_ports_and_uplinks),
		SUITE_TEST(address_of_a_dropped_frame_is_not_learned),
		SUITE_TEST(guest_uses_no_more_addresses_than_its_limit),
		SUITE_TEST(guest_never_takes_another_ports_address),
		SUITE_TEST(local_address_from_outside_is_foreign),
		SUITE_TEST(silent_address_moves_outside_when_announced),
		SUITE_TEST(locked_guest_uses_only_its_own_address),
		SUITE_TEST(outside_may_not_use_a_local_guests_address),
		SUITE_TEST(address_moves_between_guests_after_the_hold_time),
		SUITE_TEST(a_burst_learns_a_bounded_number_of_addresses),
		SUITE_TEST(guest_at_its_limit_gains_nothing_by_a_burst),
		SUITE_TEST(multicast_and_zero_sources_are_dropped),
		SUITE_TEST(link_protocols_of_guests_are_dropped),
		SUITE_TEST(disabled_port_sends_and_gets_nothing),
		SUITE_TEST(learned_address_is_dead_once_its_port_is_disabled),
		SUITE_TEST(storm_of_one_kind_leaves_the_others_alone),
		SUITE_TEST(group_floods_while_nobody_asks_for_members),
		SUITE_TEST(query_reaches_everybody),
		SUITE_TEST(group_reaches_members_and_routers_only),
		SUITE_TEST(report_reaches_routers_only),
		SUITE_TEST(unknown_igmp_travels_like_other_multicast),
		SUITE_TEST(query_of_a_guest_is_dropped),
		SUITE_TEST(igmp_with_a_wrong_checksum_is_dropped),
		SUITE_TEST(mld_report_is_heard_like_igmp),
		SUITE_TEST(stale_members_lead_into_no_other_network),
		SUITE_TEST(a_burst_has_a_bounded_number_of_reports_judged),
	};

	return suite_run("bridge", tests, sizeof(tests) / sizeof(tests[0]));
}
