/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_switch_link.c: what netd is asked for, and what becomes of refusals.
 * The test stands in for netd and for switch.c.
 */
#include "vswitch/switch_link.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/netd_client.h"
#include "tests/lib/fake_switch.h"
#include "tests/lib/suite.h"
#include "vswitch/switch_netd.h"
#include "vswitch/switch_port.h"

#define PORTS 4

static struct sw sw;
static struct sw_port ports[PORTS];

/* ---- netd ---- */

static char said[2048];	    /* orders since the last look */
static bool away;	    /* netd */
static const char *refused; /* text of the order that is refused */
static const char *blamed;  /* key of netd's that is */
static uint32_t lacking;    /* settings that the device does not do */

static int order(struct rpc_error *err, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (refused && strstr(text, refused)) {
		rpc_error_set(err, RPC_REFUSED, blamed, "bad", "do better",
			      "no");
		return -EREMOTEIO;
	}
	strcat(strcat(said, said[0] ? "; " : ""), text);
	return 0;
}

int switch_netd_open(struct sw *s, struct netd_client **out,
		     struct rpc_error *err)
{
	*out = NULL;
	if (away)
		rpc_error_set(err, 0, NULL, NULL, NULL, "netd is away");
	return away ? -ECONNREFUSED : 0;
}

void switch_netd_close(struct sw *s, struct netd_client *c)
{
}

int netd_link_set(struct netd_client *c, const struct netd_link_conf *conf,
		  struct netd_link *link, struct rpc_error *err)
{
	memset(link, 0, sizeof(*link));
	return order(err, "%s mtu %u%s", conf->ifname, conf->mtu,
		     conf->promiscuous ? " promiscuous" : "");
}

const char *netd_setting_name(enum netd_setting bit)
{
	static const char *const names[NETD_SETTING_COUNT] = {
		"rx",  "tx",  "sg",	 "tso",	  "ufo",    "gso",
		"gro", "lro", "autoneg", "speed", "duplex", "advertise",
	};
	unsigned i;

	for (i = 0; i < NETD_SETTING_COUNT; i++)
		if ((uint32_t)bit == 1u << i)
			return names[i];
	return NULL;
}

int netd_link_ethtool(struct netd_client *c, const char *ifname,
		      const struct netd_ethtool *want, uint32_t *unsupported,
		      struct rpc_error *err)
{
	*unsupported = want->given & lacking;
	return order(err, "%s given %#x on %#x speed %u", ifname, want->given,
		     want->on, want->speed_mbps);
}

int netd_tap_configure(struct netd_client *c, const struct netd_tap_conf *conf,
		       struct netd_link *link, struct rpc_error *err)
{
	memset(link, 0, sizeof(*link));
	link->mac[5] = conf->mac ? conf->mac[5] : 0x99;
	return order(err, "%s has %s via %s and %s", conf->name,
		     conf->address_count ? conf->addresses[0] : "nothing",
		     conf->gateway ? conf->gateway : "none",
		     conf->ipv6_gateway ? conf->ipv6_gateway : "none");
}

/* ---- the switch ---- */

struct sw_port *switch_find_port(const struct sw *s, const char *name)
{
	unsigned i;

	for (i = 0; i < PORTS; i++)
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

bool sw_port_is_host(const struct conf_port *conf)
{
	return conf->type == CONF_TAP && conf->role == CONF_HOST;
}

/* All ports of the text, open. */
static void begin(const char *text)
{
	unsigned i;

	memset(&sw, 0, sizeof(sw));
	memset(ports, 0, sizeof(ports));
	away = false;
	refused = blamed = NULL;
	lacking = 0;
	sw.running = fake_conf(text);
	CU_ASSERT_FATAL(sw.running && sw.running->port_count <= PORTS);
	for (i = 0; i < sw.running->port_count; i++) {
		strcpy(ports[i].name, sw.running->ports[i].name);
		ports[i].sw = &sw;
		ports[i].hp = (struct host_port *)&ports[i]; /* not NULL */
		sw.ports[i] = &ports[i];
	}
	said[0] = '\0';
}

static void end(void)
{
	switch_conf_free(sw.running);
}

static void hears(const char *text)
{
	if (strcmp(said, text) != 0)
		printf("\nsaid   %s\nwanted %s\n", said, text);
	CU_ASSERT_STRING_EQUAL(said, text);
	said[0] = '\0';
}

/* What switch_apply() does; the wanted value runs if it succeeds. */
static int become(const char *text, bool boot, struct switch_conf_errors *errs)
{
	struct switch_conf *wanted = fake_conf(text);
	struct switch_conf_plan plan;
	int rc;

	CU_ASSERT_PTR_NOT_NULL_FATAL(wanted);
	memset(errs, 0, sizeof(*errs));
	switch_conf_diff(sw.running, wanted, &plan);
	rc = switch_link_yield(&sw, wanted, boot, errs);
	if (!rc)
		rc = switch_link_change(&sw, wanted, &plan, boot, errs);
	switch_conf_plan_fini(&plan);
	if (rc) {
		strcat(said, " - ");
		switch_link_undo(&sw);
		switch_conf_free(wanted);
		return rc;
	}
	switch_conf_free(sw.running);
	sw.running = wanted;
	switch_link_done(&sw);
	return 0;
}

#define N FAKE_NETS(FAKE_NET("n", 0, ""))
#define ETH(name, keys)                                                       \
	"{'name':'" name "','type':'packet','interface':'" name "'" keys "}"
#define HOST(name, keys)                                                      \
	"{'name':'" name "','type':'tap','interface':'" name "',"            \
	"'network':'n'" keys "}"

#define ADDR_1 ",'addresses':['10.0.0.1/24','fd00::1/64']"
#define ADDR_2 ",'addresses':['10.0.0.2/24']"

static void all_of_an_interface_is_set_when_it_is_opened(void)
{
	struct switch_conf_errors errs = { 0 };

	begin(N FAKE_PORTS(ETH("e", ",'mtu':9000,'nic_promiscuous':true,"
			       "'ethtool':{'gro':'off','tx':'on',"
			       "'speed':100,'duplex':'half'}") ","
		HOST("h", ADDR_1 ",'gateway':'10.0.0.254',"
		     "'gateway6':'fe80::1','mac':'02:00:00:00:00:0a'") ","
		HOST("g", ",'role':'guest'")));
	CU_ASSERT_EQUAL(switch_link_open(&ports[0], &sw.running->ports[0],
					 &errs), 0);
	hears("e mtu 9000 promiscuous; e given 0x642 on 0x2 speed 100");
	CU_ASSERT_EQUAL(switch_link_open(&ports[1], &sw.running->ports[1],
					 &errs), 0);
	hears("h mtu 1500; h has 10.0.0.1/24 via 10.0.0.254 and fe80::1");
	CU_ASSERT_EQUAL(ports[1].host_mac[5], 0x0a);
	CU_ASSERT_EQUAL(switch_link_open(&ports[2], &sw.running->ports[2],
					 &errs), 0);
	hears("g mtu 1500");
	CU_ASSERT_EQUAL(errs.count, 0);
	end();
}

static void setting_that_the_device_does_not_do_is_refused_by_name(void)
{
	struct switch_conf_errors errs;

	begin(N FAKE_PORTS(ETH("e", "")));
	lacking = NETD_LRO | NETD_SPEED;
	CU_ASSERT_EQUAL(become(N FAKE_PORTS(ETH("e",
		",'ethtool':{'lro':'on','gro':'on','speed':10}")), false,
		&errs), -EOPNOTSUPP);
	CU_ASSERT_EQUAL_FATAL(errs.count, 2);
	CU_ASSERT_STRING_EQUAL(errs.error[0].path, "ports[0].ethtool.lro");
	CU_ASSERT_STRING_EQUAL(errs.error[0].value, "\"on\"");
	CU_ASSERT_STRING_EQUAL(errs.error[1].path, "ports[0].ethtool.speed");
	CU_ASSERT_STRING_EQUAL(errs.error[1].value, "10");
	hears("e mtu 1500; e given 0x2c0 on 0xc0 speed 10 - ; "
	      "e mtu 1500; e given 0 on 0 speed 0");
	end();
}

static void refusal_names_the_key_of_the_port(void)
{
	static const struct {
		const char *netd, *refused, *path, *value;
	} cases[] = {
		{ "mtu", "mtu", "ports[0].mtu", "1500" },
		{ "gateway", "has", "ports[0].gateway", "10.0.0.254" },
		{ "ipv6_gateway", "has", "ports[0].gateway6", "fe80::1" },
		{ "addresses", "has", "ports[0].addresses", "bad" },
		{ "name", "has", "ports[0].interface", "h" },
	};
	struct switch_conf_errors errs;
	unsigned i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(N FAKE_PORTS(HOST("h", "")));
		refused = cases[i].refused;
		blamed = cases[i].netd;
		CU_ASSERT(become(N FAKE_PORTS(HOST("h", ADDR_1
			",'gateway':'10.0.0.254','gateway6':'fe80::1'")),
			false, &errs) < 0);
		CU_ASSERT_EQUAL(errs.count, 1);
		CU_ASSERT_STRING_EQUAL(errs.error[0].path, cases[i].path);
		CU_ASSERT_STRING_EQUAL(errs.error[0].expected,
				       "no: do better");
		CU_ASSERT(strstr(errs.error[0].value, cases[i].value) != NULL);
		end();
	}
}

static void refused_change_is_undone_at_all_it_has_touched(void)
{
	struct switch_conf_errors errs;

	begin(N FAKE_PORTS(ETH("e", "") "," HOST("h", ADDR_1) ","
			   HOST("i", "")));
	refused = "10.0.0.2";
	CU_ASSERT(become(N FAKE_PORTS(ETH("e", ",'mtu':9000") ","
				      HOST("h", ADDR_2) "," HOST("i", "")),
			 false, &errs) < 0);
	hears("e mtu 9000; e given 0 on 0 speed 0; h mtu 1500 - ; "
	      "e mtu 1500; e given 0 on 0 speed 0; "
	      "h mtu 1500; h has 10.0.0.1/24 via none and none");
	switch_link_retry(&sw);
	hears("");
	end();
}

static void default_route_is_given_up_before_another_gets_it(void)
{
	struct switch_conf_errors errs;

	begin(N FAKE_PORTS(
		HOST("h", ADDR_1 ",'gateway':'10.0.0.254'") ","
		HOST("i", ADDR_2)));
	CU_ASSERT_EQUAL(become(N FAKE_PORTS(
		HOST("i", ADDR_2 ",'gateway':'10.0.0.254'") ","
		HOST("h", ADDR_1)), false, &errs), 0);
	hears("h mtu 1500; h has 10.0.0.1/24 via none and none; "
	      "i mtu 1500; i has 10.0.0.2/24 via 10.0.0.254 and none; "
	      "h mtu 1500; h has 10.0.0.1/24 via none and none");
	CU_ASSERT_EQUAL(become(N FAKE_PORTS(
		HOST("i", ADDR_2 ",'gateway':'10.0.0.253'") ","
		HOST("h", ADDR_1)), false, &errs), 0);
	hears("i mtu 1500; i has 10.0.0.2/24 via 10.0.0.253 and none");
	end();
}

static void interface_that_gets_another_port_is_set_for_it_before(void)
{
	struct switch_conf_errors errs;

	begin(N FAKE_PORTS(ETH("e", "")));
	CU_ASSERT_EQUAL(become(N FAKE_PORTS(
		"{'name':'up','type':'packet','interface':'e',"
		"'ethtool':{'gro':'off'}}"), false, &errs), 0);
	hears("e mtu 1500; e given 0x40 on 0 speed 0");
	end();
}

static void what_fails_with_nobody_to_refuse_is_tried_again(void)
{
	struct switch_conf_errors errs;

	begin(N FAKE_PORTS(HOST("h", "")));
	away = true;
	CU_ASSERT_EQUAL(become(N FAKE_PORTS(HOST("h", ADDR_1)), true, &errs),
			0);
	CU_ASSERT(strstr(ports[0].link_why, "netd is away") != NULL);
	switch_link_retry(&sw);
	hears("");
	away = false;
	switch_link_retry(&sw);
	hears("h mtu 1500; h has 10.0.0.1/24 via none and none");
	CU_ASSERT_EQUAL(ports[0].link_why[0], '\0');
	switch_link_retry(&sw);
	hears("");
	end();
}

static void what_the_device_does_not_do_is_said_and_not_tried_again(void)
{
	struct switch_conf_errors errs;

	begin(N FAKE_PORTS(ETH("e", "")));
	lacking = NETD_LRO;
	CU_ASSERT_EQUAL(become(N FAKE_PORTS(ETH("e",
		",'ethtool':{'lro':'on'}")), true, &errs), 0);
	hears("e mtu 1500; e given 0x80 on 0x80 speed 0");
	CU_ASSERT(strstr(ports[0].link_why, "ethtool.lro") != NULL);
	switch_link_retry(&sw);
	hears("");
	end();
}

static void mtu_grows_before_and_shrinks_after(void)
{
	struct switch_conf_errors errs;

	begin(N FAKE_PORTS(HOST("g", "") "," HOST("h", ",'mtu':9000")));
	CU_ASSERT_EQUAL(become(N FAKE_PORTS(HOST("g", ",'mtu':9000") ","
		HOST("h", "")), false, &errs), 0);
	hears("g mtu 9000; g has nothing via none and none; "
	      "h mtu 9000; h has nothing via none and none");
	switch_link_retry(&sw);
	hears("h mtu 1500; h has nothing via none and none");
	refused = "h mtu";
	blamed = "mtu";
	CU_ASSERT(become(N FAKE_PORTS(HOST("g", "") ","
		HOST("h", ",'mtu':9000")), false, &errs) < 0);
	refused = NULL;
	CU_ASSERT_STRING_EQUAL(errs.error[0].value, "9000");
	hears("g mtu 9000; g has nothing via none and none - ; "
	      "g mtu 9000; g has nothing via none and none");
	switch_link_retry(&sw);
	hears("h mtu 1500; h has nothing via none and none");
	end();
}

static void only_changes_of_the_interface_are_netds_business(void)
{
	struct switch_conf_errors errs;

	begin(N FAKE_PORTS(ETH("e", "") "," HOST("h", ADDR_1)));
	CU_ASSERT_EQUAL(become(N FAKE_PORTS(ETH("e", ",'storm_pps':7") ","
		HOST("h", ADDR_1 ",'isolated':true")), false, &errs), 0);
	hears("");
	CU_ASSERT_EQUAL(become(N FAKE_PORTS(ETH("e", "") ","
		HOST("h", ADDR_1 ",'mac':'02:00:00:00:00:0b'")), false,
		&errs), 0);
	hears("h mtu 1500; h has 10.0.0.1/24 via none and none");
	end();
}

static const struct suite_test tests[] = {
	SUITE_TEST(all_of_an_interface_is_set_when_it_is_opened),
	SUITE_TEST(setting_that_the_device_does_not_do_is_refused_by_name),
	SUITE_TEST(refusal_names_the_key_of_the_port),
	SUITE_TEST(refused_change_is_undone_at_all_it_has_touched),
	SUITE_TEST(default_route_is_given_up_before_another_gets_it),
	SUITE_TEST(interface_that_gets_another_port_is_set_for_it_before),
	SUITE_TEST(what_fails_with_nobody_to_refuse_is_tried_again),
	SUITE_TEST(what_the_device_does_not_do_is_said_and_not_tried_again),
	SUITE_TEST(mtu_grows_before_and_shrinks_after),
	SUITE_TEST(only_changes_of_the_interface_are_netds_business),
};

int main(void)
{
	return suite_run("switch_link", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
