/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_switch_held.c: what is given back, and when netd is asked.  The test
 * stands in for netd.
 */
#include "vswitch/switch_held.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/fake_switch.h"
#include "tests/lib/suite.h"
#include "vswitch/switch_netd.h"

#define HELD_MAX 4

static struct netd_held holds[HELD_MAX];
static unsigned holds_count;
static char released[64]; /* since the last look */
static int connecting;	  /* what that returns */
static unsigned asked;
static bool refuses;

static struct sw sw;

int switch_netd_open(struct sw *s, struct netd_client **out,
		     struct rpc_error *err)
{
	*out = NULL;
	asked++;
	if (connecting)
		rpc_error_set(err, 0, NULL, NULL, NULL, "netd is away");
	return connecting;
}

void switch_netd_close(struct sw *s, struct netd_client *c)
{
}

int netd_held(struct netd_client *c, struct netd_held **list, unsigned *count,
	      struct rpc_error *err)
{
	*list = calloc(HELD_MAX, sizeof(**list));
	memcpy(*list, holds, sizeof(holds));
	*count = holds_count;
	return 0;
}

int netd_release(struct netd_client *c, const char *ifname,
		 struct rpc_error *err)
{
	strcat(strcat(released, released[0] ? " " : ""), ifname);
	if (!refuses)
		return 0;
	rpc_error_set(err, RPC_REFUSED, "ifname", ifname, NULL, "no");
	return -EREMOTEIO;
}

static void hold(const char *ifname, bool tap)
{
	strcpy(holds[holds_count].ifname, ifname);
	holds[holds_count++].tap = tap;
}

/* netd holds the taps t1 and t2 and the interface e1. */
static void begin(const char *ports)
{
	memset(&sw, 0, sizeof(sw));
	holds_count = 0;
	hold("t1", true);
	hold("t2", true);
	hold("e1", false);
	connecting = 0;
	asked = 0;
	refuses = false;
	released[0] = '\0';
	sw.running = fake_conf(ports);
	CU_ASSERT_PTR_NOT_NULL_FATAL(sw.running);
}

static void end(void)
{
	switch_conf_free(sw.running);
}

static void gave_back(const char *names)
{
	CU_ASSERT_STRING_EQUAL(released, names);
	released[0] = '\0';
}

#define N    FAKE_NETS(FAKE_NET("n", 0, ""))
#define NONE N FAKE_PORTS("")

static void what_no_port_has_is_given_back(void)
{
	begin(N FAKE_PORTS(FAKE_HOST("t1", "'network':'n'")));
	switch_held_settle(&sw, sw.running);
	gave_back("t2 e1");
	switch_held_tick(&sw);
	CU_ASSERT_EQUAL(asked, 1);
	end();
}

static void what_ports_have_stays(void)
{
	begin(N FAKE_PORTS(FAKE_HOST("t1", "'network':'n'") ","
			   FAKE_HOST("t2", "'network':'n'") ","
			   FAKE_UPLINK("e1")));
	switch_held_settle(&sw, sw.running);
	gave_back("");
	end();
}

static void a_tap_is_no_interface_of_its_name(void)
{
	begin(N FAKE_PORTS(FAKE_HOST("e1", "'network':'n'") ","
			   FAKE_UPLINK("t1")));
	switch_held_settle(&sw, sw.running);
	gave_back("t1 t2 e1");
	end();
}

static void without_netd_it_is_tried_every_second(void)
{
	begin(NONE);
	connecting = -ECONNREFUSED;
	switch_held_settle(&sw, sw.running);
	switch_held_tick(&sw);
	CU_ASSERT_EQUAL(asked, 2);
	connecting = 0;
	switch_held_tick(&sw);
	gave_back("t1 t2 e1");
	switch_held_tick(&sw);
	CU_ASSERT_EQUAL(asked, 3);
	end();
}

static void a_refusal_keeps_nothing_else_from_being_given_back(void)
{
	begin(NONE);
	refuses = true;
	switch_held_settle(&sw, sw.running);
	gave_back("t1 t2 e1");
	switch_held_tick(&sw);
	CU_ASSERT_EQUAL(asked, 1);
	end();
}

static void doubt_is_settled_within_a_second(void)
{
	begin(NONE);
	switch_held_doubt(&sw);
	gave_back("");
	switch_held_tick(&sw);
	gave_back("t1 t2 e1");
	end();
}

static void everything_stays_until_a_refused_state_is_replaced(void)
{
	begin(NONE);
	strcpy(sw.refused, "why");
	switch_held_settle(&sw, sw.running);
	switch_held_tick(&sw);
	gave_back("");
	CU_ASSERT_EQUAL(asked, 0);
	sw.refused[0] = '\0';
	switch_held_tick(&sw);
	gave_back("t1 t2 e1");
	end();
}

static const struct suite_test tests[] = {
	SUITE_TEST(what_no_port_has_is_given_back),
	SUITE_TEST(what_ports_have_stays),
	SUITE_TEST(a_tap_is_no_interface_of_its_name),
	SUITE_TEST(without_netd_it_is_tried_every_second),
	SUITE_TEST(a_refusal_keeps_nothing_else_from_being_given_back),
	SUITE_TEST(doubt_is_settled_within_a_second),
	SUITE_TEST(everything_stays_until_a_refused_state_is_replaced),
};

int main(void)
{
	return suite_run("switch_held", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
