/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_capture.c: what sessions watch when the switch changes under them.
 * The test stands in for switch.c.
 */
#include "vswitch/capture.h"

#include <stdlib.h>

#include <event2/event.h>

#include "tests/lib/suite.h"
#include "tests/lib/switch_talk.h"
#include "vswitch/capture_session.h"

static struct sw sw;
static struct sw_port port_a, port_ids;

struct sw_port *switch_find_port(const struct sw *s, const char *name)
{
	if (!strcmp(name, "a"))
		return &port_a;
	return strcmp(name, "ids") ? NULL : &port_ids;
}

int switch_review(struct sw *s)
{
	return 0;
}

/* ids in `net`, watching (or not) network n, or port a of it. */
static struct switch_conf *conf_with(const char *net)
{
	char text[512];

	snprintf(text, sizeof(text),
		 FAKE_NETS(FAKE_NET("n", 10, "") "," FAKE_NET("m", 20, ""))
		 FAKE_PORTS(FAKE_GUEST("a", "'network':'n'") ","
			    FAKE_GUEST("ids", "%s")), net);
	return fake_conf(text);
}

#define IDS_IN_N "'network':'n'"
#define IDS_IN_M "'network':'m'"
#define IDS_IN_BOTH "'trunk':['n','m']"

static struct session *session_new(const char *to, bool network,
				   const char *place)
{
	struct mirror_conf mc = { .to = to ? 7 : MIRROR_TO_RING,
				  .snaplen = 100,
				  .workers = 1,
				  .tsc_hz = FAKE_HZ };
	struct session *s = calloc(1, sizeof(*s));

	s->fd = to ? -1 : 0;
	snprintf(s->to, sizeof(s->to), "%s", to ? to : "");
	s->place_count = 1;
	s->place[0].network = network;
	snprintf(s->place[0].name, CONF_NAME_MAX, "%s", place);
	CU_ASSERT_EQUAL_FATAL(mirror_new(&s->mirror, &mc), 0);
	port_a.id = 3;
	port_ids.id = 7;
	captures.session[0] = s;
	return s;
}

static void session_gone(void)
{
	struct session *s = captures.session[0];

	captures.session[0] = NULL;
	if (s)
		mirror_free(s->mirror);
	free(s);
}

/* How many places are watched once ids is there. */
static unsigned watched(const char *net, struct view_tap *tap)
{
	struct switch_conf *conf = conf_with(net);
	const struct view_tap *taps;
	unsigned count = 99;

	CU_ASSERT_EQUAL_FATAL(capture_taps(&sw, conf, &taps, &count), 0);
	if (tap && count)
		*tap = taps[0];
	free((void *)taps);
	switch_conf_free(conf);
	return count;
}

static void capture_follows_names(void)
{
	struct view_tap tap;

	session_new(NULL, false, "a");
	CU_ASSERT_EQUAL(watched(IDS_IN_N, &tap), 1);
	CU_ASSERT_EQUAL(tap.port, 3);
	CU_ASSERT_EQUAL(tap.segment, CONF_NONE);
	session_gone();
	session_new(NULL, true, "m");
	CU_ASSERT_EQUAL(watched(IDS_IN_N, &tap), 1);
	CU_ASSERT_EQUAL(tap.segment, 1);
	session_gone();
	session_new(NULL, true, "gone");
	CU_ASSERT_EQUAL(watched(IDS_IN_N, &tap), 0);
	session_gone();
}

static void mirror_stops_when_its_port_leaves_the_network(void)
{
	session_new("ids", true, "n");
	CU_ASSERT_EQUAL(watched(IDS_IN_N, NULL), 1);
	CU_ASSERT_EQUAL(watched(IDS_IN_BOTH, NULL), 1);
	CU_ASSERT_EQUAL(watched(IDS_IN_M, NULL), 0);
	session_gone();
	session_new("ids", false, "a");
	CU_ASSERT_EQUAL(watched(IDS_IN_BOTH, NULL), 1);
	CU_ASSERT_EQUAL(watched(IDS_IN_M, NULL), 0);
	session_gone();
}

static void mirror_across_networks_was_asked_for_by_name(void)
{
	session_new("ids", true, "n")->other_network = true;
	CU_ASSERT_EQUAL(watched(IDS_IN_M, NULL), 1);
	session_gone();
}

/* Ids are given to other ports: the mirror must not feed one of those. */
static void mirror_does_not_follow_its_ports_id(void)
{
	session_new("ids", true, "n");
	port_ids.id = 8; /* another port of that name */
	CU_ASSERT_EQUAL(watched(IDS_IN_N, NULL), 0);
	session_gone();
	session_new("other", true, "n")->other_network = true;
	CU_ASSERT_EQUAL(watched(IDS_IN_N, NULL), 0);
	session_gone();
}

static void begin(void)
{
	sw.running = conf_with(IDS_IN_N);
	sw.base = event_base_new();
	CU_ASSERT_EQUAL_FATAL(capture_init(&sw), 0);
}

static void end(void)
{
	capture_fini(&sw);
	event_base_free(sw.base);
	switch_conf_free(sw.running);
}

/* Does the session, which has time, end when it is looked at? */
static bool ends(void)
{
	captures.session[0]->expires_tsc = UINT64_MAX;
	capture_schedule(&sw);
	event_active(captures.drain, EV_TIMEOUT, 0);
	event_base_loop(sw.base, EVLOOP_NONBLOCK);
	return !captures.session[0];
}

static void mirror_without_a_destination_ends(void)
{
	begin();
	session_new("ids", true, "n");
	CU_ASSERT_FALSE(ends());
	port_ids.id = 8;
	CU_ASSERT_TRUE(ends());
	end();
}

static void session_ends_when_all_that_it_watches_has_gone(void)
{
	struct session *s;

	begin();
	s = session_new("ids", false, "a");
	s->place_count = 2;
	strcpy(s->place[1].name, "gone");
	CU_ASSERT_FALSE(ends());
	strcpy(s->place[0].name, "gone, too");
	CU_ASSERT_TRUE(ends());
	end();
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(capture_follows_names),
		SUITE_TEST(mirror_stops_when_its_port_leaves_the_network),
		SUITE_TEST(mirror_across_networks_was_asked_for_by_name),
		SUITE_TEST(mirror_does_not_follow_its_ports_id),
		SUITE_TEST(mirror_without_a_destination_ends),
		SUITE_TEST(session_ends_when_all_that_it_watches_has_gone),
	};

	return suite_run("capture", tests, sizeof(tests) / sizeof(tests[0]));
}
