/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_switch_view.c: what workers see is what was configured.
 */
#include "tests/lib/suite.h"
#include "tests/lib/switch_talk.h"

static const struct bport *bport(const struct fake_switch *fs,
				 const char *name)
{
	return fake_switch_bport(fs, name);
}

static uint16_t id_of(const struct fake_switch *fs, const char *name)
{
	return fake_switch_port(fs, name)->port.id;
}

static bool lists(const struct fake_switch *fs, const uint16_t *ids,
		  unsigned count, const char *name)
{
	unsigned i, n = 0;

	for (i = 0; i < count; i++)
		n += ids[i] == id_of(fs, name);
	return n == 1;
}

#define MIXED                                                                 \
	FAKE_NETS(FAKE_NET("n10", 10, ",'uplink':'up','mtu':1400") ","        \
		  FAKE_NET("n20", 20, ",'uplink':'up',"                       \
				      "'igmp_snooping':false,"                \
				      "'flood_unknown':true") ","             \
		  FAKE_NET("n0", 0, ",'uplink':'up'"))                        \
	FAKE_PORTS(                                                           \
		FAKE_GUEST("acc", "'network':'n10'") ","                      \
		FAKE_GUEST("tr", "'trunk':['n10','n20']") ","                 \
		FAKE_GUEST("nat", "'trunk':['n20'],'native':'n10'") ","       \
		FAKE_GUEST("ids", "'network':'n20','promiscuous':true,"       \
				  "'inject':false,'include_refused':true")    \
		"," FAKE_GUEST("odd", "'network':'n20','isolated':true,"      \
				      "'flood_unknown':true,"                 \
				      "'router':true,"                        \
				      "'rate_from_guest_bps':1000,"           \
				      "'rate_to_guest_bps':1000,"             \
				      "'storm_pps':0")                        \
		"," FAKE_GUEST("locked", "'network':'n20','mac':'" MAC_A      \
					 "','locking_mode':'locked'") ","     \
		FAKE_GUEST("off", "'network':'n20',"                          \
				  "'locking_mode':'disabled'") ","            \
		FAKE_GUEST("tun", "'network':'n20','vlan_mode':'tunnel'") "," \
		FAKE_HOST("host", "'network':'n20'") ","                      \
		FAKE_UPLINK("up"))

static void members_are_the_ports_that_carry_a_network(void)
{
	struct fake_switch *fs = fake_switch_new(MIXED);
	const struct segment *n10 = &fake_switch_look(fs)->segments[0];
	const struct segment *n0 = &fake_switch_look(fs)->segments[2];

	CU_ASSERT_EQUAL(fake_switch_look(fs)->segment_count, 3);
	CU_ASSERT_EQUAL(n10->member_count, 4);
	CU_ASSERT_TRUE(lists(fs, n10->members, 4, "acc"));
	CU_ASSERT_TRUE(lists(fs, n10->members, 4, "tr"));
	CU_ASSERT_TRUE(lists(fs, n10->members, 4, "nat"));
	CU_ASSERT_TRUE(lists(fs, n10->members, 4, "up"));
	CU_ASSERT_EQUAL(n0->member_count, 1);
	fake_switch_free(fs);
}

static void segments_have_what_their_network_says(void)
{
	struct fake_switch *fs = fake_switch_new(MIXED);
	const struct segment *n10 = &fake_switch_look(fs)->segments[0];
	const struct segment *n20 = &fake_switch_look(fs)->segments[1];

	CU_ASSERT_EQUAL(n10->vid, 10);
	CU_ASSERT_TRUE(n10->snooping && !n10->floods_unknown);
	CU_ASSERT_TRUE(!n20->snooping && n20->floods_unknown);
	CU_ASSERT_EQUAL(n10->listener_count, 0);
	CU_ASSERT_EQUAL(n20->listener_count, 1);
	CU_ASSERT_TRUE(lists(fs, n20->listeners, 1, "ids"));
	CU_ASSERT_TRUE(fake_switch_look(fs)->has_listeners);
	CU_ASSERT_FALSE(fake_switch_look(fs)->has_taps);
	fake_switch_free(fs);
}

static void flags_follow_role_and_policy(void)
{
	struct fake_switch *fs = fake_switch_new(MIXED);

	CU_ASSERT_EQUAL(bport(fs, "acc")->flags, BPORT_LEARN | BPORT_STORM);
	CU_ASSERT_EQUAL(bport(fs, "ids")->flags,
			BPORT_LEARN | BPORT_STORM | BPORT_LISTEN |
				BPORT_LISTEN_REFUSED | BPORT_SILENT);
	CU_ASSERT_EQUAL(bport(fs, "odd")->flags,
			BPORT_LEARN | BPORT_ISOLATED | BPORT_UNKNOWN |
				BPORT_ROUTER | BPORT_RATE_FROM |
				BPORT_RATE_TO);
	CU_ASSERT_EQUAL(bport(fs, "locked")->flags, BPORT_STORM);
	CU_ASSERT_EQUAL(bport(fs, "off")->flags,
			BPORT_DISABLED | BPORT_LEARN | BPORT_STORM);
	CU_ASSERT_EQUAL(bport(fs, "host")->flags,
			BPORT_LEARN | BPORT_UNKNOWN | BPORT_ROUTER);
	CU_ASSERT_EQUAL(bport(fs, "up")->flags,
			BPORT_LEARN | BPORT_UNKNOWN | BPORT_ROUTER |
				BPORT_UPLINK);
	fake_switch_free(fs);
}

static void vlans_lead_to_their_segments(void)
{
	struct fake_switch *fs = fake_switch_new(MIXED);
	const uint16_t *up = bport(fs, "up")->segment_of_vid;
	const uint16_t *tr = bport(fs, "tr")->segment_of_vid;
	unsigned vid, n = 0;

	CU_ASSERT_EQUAL(bport(fs, "acc")->segment, 0);
	CU_ASSERT_PTR_NULL(bport(fs, "acc")->segment_of_vid);
	CU_ASSERT_PTR_NULL(bport(fs, "tun")->segment_of_vid);
	CU_ASSERT_EQUAL(bport(fs, "tr")->segment, SEGMENT_NONE);
	CU_ASSERT_TRUE(up && up[0] == 2 && up[10] == 0 && up[20] == 1);
	CU_ASSERT_TRUE(tr && tr[0] == SEGMENT_NONE && tr[20] == 1);
	for (vid = 0; vid < 4096; vid++)
		n += up[vid] != SEGMENT_NONE;
	CU_ASSERT_EQUAL(n, 3);
	CU_ASSERT_EQUAL(bport(fs, "up")->vlan.mode, PORT_VLAN_NATIVE_UNTAGGED);
	CU_ASSERT_EQUAL(bport(fs, "nat")->vlan.pvid, 10);
	fake_switch_free(fs);
}

static void longest_frame_follows_mtu_and_tags(void)
{
	struct fake_switch *fs = fake_switch_new(MIXED);

	CU_ASSERT_EQUAL(bport(fs, "acc")->frame_max, 1400 + 14);
	CU_ASSERT_EQUAL(bport(fs, "acc")->egress_max, 1400 + 14);
	CU_ASSERT_EQUAL(bport(fs, "ids")->frame_max, 1500 + 14);
	CU_ASSERT_EQUAL(bport(fs, "ids")->egress_max, 1500 + 14 + 8);
	CU_ASSERT_EQUAL(bport(fs, "tr")->frame_max, 1500 + 14 + 8);
	CU_ASSERT_EQUAL(bport(fs, "tr")->egress_max, 1500 + 14 + 8);
	CU_ASSERT_EQUAL(bport(fs, "tun")->frame_max, 1500 + 14 + 8);
	CU_ASSERT_EQUAL(bport(fs, "up")->frame_max, 1500 + 14 + 8);
	fake_switch_free(fs);
}

/* A port whose network is gone carries nothing: fail closed. */
static void port_without_a_network_sends_and_gets_nothing(void)
{
	struct fake_switch *fs = fake_switch_new(
		FAKE_NETS(FAKE_NET("n", 10, ""))
		FAKE_PORTS(FAKE_GUEST("a", "'network':'n'") ","
			   FAKE_GUEST("b", "'network':'n'") ","
			   FAKE_UPLINK("up")));

	/* an uplink that no network names */
	CU_ASSERT_TRUE(drops_as(fs, "up", frame(MAC_ALL, MAC_OUT),
				DROP_VLAN));
	CU_ASSERT_TRUE(drops_as(fs, "up",
				tagged(frame(MAC_ALL, MAC_OUT), 0x8100, 10),
				DROP_VLAN));
	CU_ASSERT_TRUE(sends_to(fs, "a", frame(MAC_ALL, MAC_A), "b"));
	fake_switch_free(fs);
}

static void ports_not_there_yet_are_left_out(void)
{
	struct switch_conf *conf = fake_conf(MIXED);
	struct view_parts parts = { .conf = conf };
	struct switch_conf_errors errs = { 0 };
	struct bridge_view *view;
	unsigned i, n = 0;

	CU_ASSERT_EQUAL_FATAL(switch_view_new(&view, &parts, &errs), 0);
	for (i = 0; i < PORT_ID_MAX; i++)
		n += view->ports[i] != NULL;
	CU_ASSERT_EQUAL(n, 0);
	CU_ASSERT_EQUAL(view->segments[0].member_count, 0);
	switch_view_free(view);
	switch_conf_free(conf);
}

static void view_outlives_its_configuration(void)
{
	struct fake_switch *fs = fake_switch_new(MIXED);

	switch_conf_free(fs->conf);
	fs->conf = switch_conf_empty();
	CU_ASSERT_TRUE(sends_to(fs, "acc", frame(MAC_ALL, MAC_B),
				"tr nat up"));
	fake_switch_free(fs);
}

static void strictest_network_decides_on_link_protocols(void)
{
	struct fake_switch *fs = fake_switch_new(
		FAKE_NETS(FAKE_NET("n10", 10, ",'link_protocols':"
					      "['stp','lldp']") ","
			  FAKE_NET("n20", 20, ",'link_protocols':['lldp']"))
		FAKE_PORTS(FAKE_GUEST("a", "'network':'n10'") ","
			   FAKE_GUEST("tr", "'trunk':['n10','n20']")));

	CU_ASSERT_EQUAL(bport(fs, "a")->guard->link_allowed,
			GUARD_LINK_STP | GUARD_LINK_LLDP);
	CU_ASSERT_EQUAL(bport(fs, "tr")->guard->link_allowed,
			GUARD_LINK_LLDP);
	fake_switch_free(fs);
}

static void uplinks_let_no_slow_protocol_and_no_lldp_in(void)
{
	struct fake_switch *fs = fake_switch_new(
		FAKE_NETS(FAKE_NET("n10", 10, ",'uplink':'up',"
					      "'link_protocols':['stp','lacp',"
					      "'lldp','eapol']"))
		FAKE_PORTS(FAKE_GUEST("a", "'network':'n10'") ","
			   FAKE_UPLINK("up")));

	CU_ASSERT_EQUAL(bport(fs, "up")->guard->link_allowed,
			GUARD_LINK_STP | GUARD_LINK_EAPOL);
	CU_ASSERT_EQUAL(bport(fs, "a")->guard->link_allowed,
			GUARD_LINK_STP | GUARD_LINK_EAPOL | GUARD_LINK_LACP |
				GUARD_LINK_LLDP);
	fake_switch_free(fs);
}

static void only_guests_are_kept_from_serving_dhcp_and_routing(void)
{
	struct fake_switch *fs = fake_switch_new(MIXED);

	CU_ASSERT_FALSE(bport(fs, "acc")->guard->dhcp_server ||
			bport(fs, "acc")->guard->router);
	CU_ASSERT_TRUE(bport(fs, "odd")->guard->router);
	CU_ASSERT_TRUE(bport(fs, "host")->guard->dhcp_server &&
		       bport(fs, "host")->guard->router);
	CU_ASSERT_TRUE(bport(fs, "up")->guard->dhcp_server &&
		       bport(fs, "up")->guard->router);
	fake_switch_free(fs);
}

static void taps_stand_where_they_were_put(void)
{
	struct fake_switch *fs = fake_switch_new(MIXED);
	struct mirror dummy[2];

	fs->tap[0] = (struct view_tap){ &dummy[0], id_of(fs, "acc"),
					CONF_NONE };
	fs->tap[1] = (struct view_tap){ &dummy[1], CONF_NONE, 1 };
	fs->tap[2] = (struct view_tap){ &dummy[1], id_of(fs, "acc"),
					CONF_NONE };
	fs->tap_count = 3;
	fake_switch_review(fs);
	CU_ASSERT_TRUE(fake_switch_look(fs)->has_taps);
	CU_ASSERT_PTR_NOT_NULL_FATAL(bport(fs, "acc")->taps);
	CU_ASSERT_EQUAL(bport(fs, "acc")->taps->count, 2);
	CU_ASSERT_PTR_EQUAL(bport(fs, "acc")->taps->mirror[0], &dummy[0]);
	CU_ASSERT_PTR_NULL(bport(fs, "tr")->taps);
	CU_ASSERT_PTR_NULL(fake_switch_look(fs)->segments[0].taps);
	CU_ASSERT_PTR_NOT_NULL(fake_switch_look(fs)->segments[1].taps);
	fake_switch_free(fs);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(members_are_the_ports_that_carry_a_network),
		SUITE_TEST(segments_have_what_their_network_says),
		SUITE_TEST(flags_follow_role_and_policy),
		SUITE_TEST(vlans_lead_to_their_segments),
		SUITE_TEST(longest_frame_follows_mtu_and_tags),
		SUITE_TEST(port_without_a_network_sends_and_gets_nothing),
		SUITE_TEST(ports_not_there_yet_are_left_out),
		SUITE_TEST(view_outlives_its_configuration),
		SUITE_TEST(strictest_network_decides_on_link_protocols),
		SUITE_TEST(uplinks_let_no_slow_protocol_and_no_lldp_in),
		SUITE_TEST(only_guests_are_kept_from_serving_dhcp_and_routing),
		SUITE_TEST(taps_stand_where_they_were_put),
	};

	return suite_run("switch view", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
