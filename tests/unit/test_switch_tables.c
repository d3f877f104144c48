/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_switch_tables.c: which addresses and groups outlive a change.
 * The test stands in for switch.c.
 */
#include "vswitch/switch_tables.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/fake_switch.h"
#include "tests/lib/packet.h"
#include "tests/lib/suite.h"

static struct sw sw;
static struct sw_port ports[8]; /* each id once: see switch.c */
static unsigned used;

struct sw_port *switch_find_port(const struct sw *s, const char *name)
{
	unsigned i;

	for (i = 0; i < 8; i++)
		if (s->ports[i] && !strcmp(s->ports[i]->name, name))
			return s->ports[i];
	return NULL;
}

const struct conf_port *switch_port_conf(const struct sw *s,
					 const struct sw_port *sp)
{
	int32_t i = switch_conf_find_port(s->running, sp->name);

	return i == CONF_NONE ? NULL : &s->running->ports[i];
}

static void move_ports(const struct switch_conf *conf)
{
	unsigned i, k;

	for (i = 0; i < 8; i++)
		if (sw.ports[i] &&
		    switch_conf_find_port(conf, sw.ports[i]->name) == CONF_NONE)
			sw.ports[i] = NULL;
	for (k = 0; k < conf->port_count; k++) {
		if (switch_find_port(&sw, conf->ports[k].name))
			continue;
		CU_ASSERT_FATAL(used < 8);
		ports[used].id = used;
		strcpy(ports[used].name, conf->ports[k].name);
		sw.ports[used] = &ports[used];
		used++;
	}
}

/* What switch.c does about it. */
static void become(const char *text)
{
	struct switch_conf *conf = fake_conf(text);
	struct switch_conf_plan plan;

	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	switch_conf_diff(sw.running, conf, &plan);
	switch_conf_number(conf, sw.running);
	move_ports(conf);
	switch_tables_follow(&sw, conf, &plan);
	switch_conf_plan_fini(&plan);
	switch_conf_free(sw.running);
	sw.running = conf;
}

static void begin(const char *text)
{
	memset(&sw, 0, sizeof(sw));
	memset(ports, 0, sizeof(ports));
	used = 0;
	sw.running = switch_conf_empty();
	CU_ASSERT_EQUAL_FATAL(
		switch_tables_new(&sw, &sw.running->settings), 0);
	become(text);
}

static void end(void)
{
	struct sw_garbage *g;

	while ((g = sw.garbage)) {
		sw.garbage = g->next;
		g->free(g->p);
		free(g);
	}
	switch_conf_free(sw.running);
	mcast_free(sw.bridge.mcast);
	fdb_free(sw.bridge.fdb);
}

static uint16_t segment_of(const char *network)
{
	int32_t i = switch_conf_find_network(sw.running, network);

	return i == CONF_NONE ? SEGMENT_NONE : sw.running->networks[i].segment;
}

static uint64_t key(const char *network, uint8_t last)
{
	const uint8_t mac[6] = { 2, 0, 0, 0, 0, last };

	return fdb_key(segment_of(network), mac);
}

static void learn(const char *network, uint8_t last, const char *port)
{
	CU_ASSERT_EQUAL(fdb_learn(sw.bridge.fdb, key(network, last),
				  switch_find_port(&sw, port)->id,
				  strcmp(port, "up") ? FDB_GUEST : FDB_UPLINK,
				  0),
			FDB_ADDED);
}

static bool has(const char *network, uint8_t last, const char *port)
{
	struct fdb_hit hit;

	return fdb_lookup(sw.bridge.fdb, key(network, last), &hit) &&
	       hit.port == switch_find_port(&sw, port)->id;
}

#define A_AND_UP                                                              \
	FAKE_GUEST("a", "'network':'n','mac':'02:00:00:00:00:0a'") ","        \
	FAKE_GUEST("b", "'network':'n'") "," FAKE_UPLINK("up")

static void addresses_stay_while_networks_come_and_go(void)
{
	unsigned i;

	begin(FAKE_NETS(FAKE_NET("x", 1, "") ","
			FAKE_NET("n", 2, ",'uplink':'up'")) FAKE_PORTS(A_AND_UP));
	learn("n", 1, "b");
	learn("n", 2, "up");
	for (i = 0; i < 3; i++) {
		uint16_t before = segment_of("n");

		become(FAKE_NETS(FAKE_NET("n", 2, ",'uplink':'up'") ","
				 FAKE_NET("y", 3, ",'uplink':'up'"))
		       FAKE_PORTS(A_AND_UP));
		CU_ASSERT_TRUE(has("n", 0x0a, "a") && has("n", 1, "b") &&
			       has("n", 2, "up"));
		become(FAKE_NETS(FAKE_NET("z", 4, "") "," FAKE_NET("x", 1, "")
				 "," FAKE_NET("n", 2, ",'uplink':'up'"))
		       FAKE_PORTS(A_AND_UP));
		CU_ASSERT_TRUE(has("n", 0x0a, "a") && has("n", 1, "b") &&
			       has("n", 2, "up"));
		CU_ASSERT_EQUAL(segment_of("n"), before);
	}
	end();
}

static void addresses_of_a_removed_network_go(void)
{
	begin(FAKE_NETS(FAKE_NET("n", 2, ",'uplink':'up'") ","
			FAKE_NET("m", 3, ",'uplink':'up'")) FAKE_PORTS(A_AND_UP));
	learn("m", 1, "up");
	learn("n", 1, "up");
	CU_ASSERT_EQUAL(fdb_count(sw.bridge.fdb), 3);
	become(FAKE_NETS(FAKE_NET("n", 2, ",'uplink':'up'"))
	       FAKE_PORTS(A_AND_UP));
	CU_ASSERT_EQUAL(fdb_count(sw.bridge.fdb), 2);
	CU_ASSERT_TRUE(has("n", 1, "up"));
	end();
}

/* Else what a worker is still doing would be done to the newcomer. */
static void number_of_a_removed_network_is_not_given_at_once(void)
{
	uint16_t freed;

	begin(FAKE_NETS(FAKE_NET("m", 3, "") "," FAKE_NET("n", 2, ""))
	      FAKE_PORTS(FAKE_GUEST("b", "'network':'n'")));
	freed = segment_of("m");
	become(FAKE_NETS(FAKE_NET("o", 4, "") "," FAKE_NET("n", 2, ""))
	       FAKE_PORTS(FAKE_GUEST("b", "'network':'n'")));
	CU_ASSERT_NOT_EQUAL(segment_of("o"), freed);
	CU_ASSERT_NOT_EQUAL(segment_of("o"), segment_of("n"));
	become(FAKE_NETS(FAKE_NET("p", 5, "") "," FAKE_NET("o", 4, "") ","
			 FAKE_NET("n", 2, ""))
	       FAKE_PORTS(FAKE_GUEST("b", "'network':'n'")));
	CU_ASSERT_EQUAL(segment_of("p"), freed);
	end();
}

static void another_tag_makes_the_outside_another_one(void)
{
	begin(FAKE_NETS(FAKE_NET("n", 2, ",'uplink':'up'"))
	      FAKE_PORTS(A_AND_UP));
	learn("n", 1, "b");
	learn("n", 2, "up");
	become(FAKE_NETS(FAKE_NET("n", 3, ",'uplink':'up'"))
	       FAKE_PORTS(A_AND_UP));
	CU_ASSERT_TRUE(has("n", 0x0a, "a") && has("n", 1, "b"));
	CU_ASSERT_FALSE(has("n", 2, "up"));
	end();
}

static void port_takes_its_addresses_with_it(void)
{
	begin(FAKE_NETS(FAKE_NET("n", 2, "") "," FAKE_NET("m", 3, ""))
	      FAKE_PORTS(A_AND_UP));
	learn("n", 1, "b");
	become(FAKE_NETS(FAKE_NET("n", 2, "") "," FAKE_NET("m", 3, ""))
	       FAKE_PORTS(FAKE_GUEST("a", "'network':'m',"
					  "'mac':'02:00:00:00:00:0a'") ","
			  FAKE_GUEST("c", "'network':'n'")));
	CU_ASSERT_TRUE(has("m", 0x0a, "a"));
	CU_ASSERT_EQUAL(fdb_count(sw.bridge.fdb), 1);
	end();
}

static void policy(const char *keys)
{
	char text[512];

	snprintf(text, sizeof(text),
		 FAKE_NETS(FAKE_NET("n", 2, ""))
		 FAKE_PORTS(FAKE_GUEST("a", "'network':'n',"
					    "'mac':'02:00:00:00:00:0a'%s")),
		 keys);
	become(text);
}

static void learned_addresses_go_when_they_may_not_be_used(void)
{
	begin(FAKE_NETS(FAKE_NET("n", 2, "")) FAKE_PORTS(
		FAKE_GUEST("a", "'network':'n','mac':'02:00:00:00:00:0a'")));
	learn("n", 1, "a");
	policy(",'isolated':true");
	CU_ASSERT_TRUE(has("n", 1, "a"));
	policy(",'mac_limit':1");
	CU_ASSERT_TRUE(has("n", 0x0a, "a") && !has("n", 1, "a"));
	learn("n", 1, "a");
	policy(",'mac_limit':1,'locking_mode':'locked'");
	CU_ASSERT_TRUE(has("n", 0x0a, "a") && !has("n", 1, "a"));
	policy(",'locking_mode':'disabled'");
	CU_ASSERT_EQUAL(fdb_count(sw.bridge.fdb), 0);
	policy("");
	CU_ASSERT_TRUE(has("n", 0x0a, "a"));
	end();
}

/* The port reports 239.1.0.1 (IGMPv2). */
static void join(const char *network, const char *port)
{
	struct packet p;

	packet_eth(&p, "01:00:5e:01:00:01", "02:00:00:00:00:01", 0x0800);
	packet_put_hex(&p, "4500 001c 0000 0000 4002 81dd 0a000001 ef010001");
	packet_put_hex(&p, "1600 fafc ef01 0001");
	CU_ASSERT_EQUAL(mcast_input(sw.bridge.mcast, segment_of(network),
				    switch_find_port(&sw, port)->id,
				    MCAST_GUEST, p.bytes, p.len, 0),
			MCAST_TO_ROUTERS);
}

static uint32_t members(void)
{
	struct mcast_stats s;

	mcast_get_stats(sw.bridge.mcast, &s);
	return s.members;
}

#define TRUNK(list, keys)                                                     \
	FAKE_NETS(FAKE_NET("n", 2, "") "," FAKE_NET("m", 3, ""))              \
	FAKE_PORTS(FAKE_GUEST("a", "'trunk':[" list "]" keys))

static void groups_stay_until_the_port_leaves_the_network(void)
{
	begin(TRUNK("'n','m'", ""));
	join("n", "a");
	join("m", "a");
	become(TRUNK("'n','m'", ",'isolated':true"));
	become(FAKE_NETS(FAKE_NET("m", 4, "") "," FAKE_NET("n", 2, ""))
	       FAKE_PORTS(FAKE_GUEST("a", "'trunk':['n','m']")));
	CU_ASSERT_EQUAL(members(), 2);
	become(TRUNK("'m'", ""));
	CU_ASSERT_EQUAL(members(), 1);
	become(FAKE_NETS(FAKE_NET("n", 2, ""))
	       FAKE_PORTS(FAKE_GUEST("a", "'trunk':['n']")));
	CU_ASSERT_EQUAL(members(), 0);
	end();
}

static void host_has(const char *port, uint8_t last)
{
	const uint8_t mac[6] = { last ? 2 : 0, 0, 0, 0, 0, last };

	switch_tables_host_mac(&sw, switch_find_port(&sw, port), mac);
}

static bool is_foreign(const char *network, uint8_t last, const char *port)
{
	uint64_t k = key(network, last);

	return fdb_source(sw.bridge.fdb, k, fdb_hash(sw.bridge.fdb, k),
			  switch_find_port(&sw, port)->id, 0) ==
	       FDB_SRC_FOREIGN;
}

#define HOST_IN(list)                                                         \
	FAKE_NETS(FAKE_NET("n", 2, "") "," FAKE_NET("m", 3, ""))              \
	FAKE_PORTS(FAKE_HOST("h", "'trunk':[" list "],"                       \
			     "'mac':'02:00:00:00:00:0a'") ","                 \
		   FAKE_GUEST("g", "'trunk':['n','m']"))

static void hosts_address_at_a_tap_is_the_hosts(void)
{
	begin(HOST_IN("'n','m'"));
	learn("n", 7, "g"); /* a guest was there first */
	host_has("h", 7);
	CU_ASSERT_TRUE(is_foreign("n", 7, "g") && is_foreign("m", 7, "g"));
	CU_ASSERT_TRUE(has("n", 7, "h") && has("n", 0x0a, "h"));
	become(HOST_IN("'n'"));
	CU_ASSERT_TRUE(is_foreign("n", 7, "g") && !is_foreign("m", 7, "g"));
	host_has("h", 8); /* ip link set address */
	CU_ASSERT_TRUE(is_foreign("n", 8, "g") && !is_foreign("n", 7, "g"));
	host_has("h", 0x0a); /* the one that is configured */
	host_has("h", 0); /* the tap has gone */
	CU_ASSERT_TRUE(is_foreign("n", 0x0a, "g") && !is_foreign("n", 8, "g"));
	end();
}

static void host_does_not_take_an_address_of_a_guest(void)
{
	begin(FAKE_NETS(FAKE_NET("n", 2, "")) FAKE_PORTS(
		FAKE_HOST("h", "'network':'n'") ","
		FAKE_GUEST("g", "'network':'n','mac':'02:00:00:00:00:0a'")));
	host_has("h", 0x0a);
	CU_ASSERT_TRUE(has("n", 0x0a, "g"));
	host_has("h", 0);
	CU_ASSERT_TRUE(has("n", 0x0a, "g"));
	end();
}

static const struct suite_test tests[] = {
	SUITE_TEST(addresses_stay_while_networks_come_and_go),
	SUITE_TEST(addresses_of_a_removed_network_go),
	SUITE_TEST(number_of_a_removed_network_is_not_given_at_once),
	SUITE_TEST(another_tag_makes_the_outside_another_one),
	SUITE_TEST(port_takes_its_addresses_with_it),
	SUITE_TEST(learned_addresses_go_when_they_may_not_be_used),
	SUITE_TEST(hosts_address_at_a_tap_is_the_hosts),
	SUITE_TEST(host_does_not_take_an_address_of_a_guest),
	SUITE_TEST(groups_stay_until_the_port_leaves_the_network),
};

int main(void)
{
	return suite_run("switch_tables", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
