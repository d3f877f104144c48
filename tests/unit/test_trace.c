/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_trace.c: the method `trace`, asked about a fake switch.  The test
 * stands in for switch.c and for the RPC server; what the answer says is what
 * test_bridge_property has shown to happen.
 */
#include "vswitch/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/drop.h"
#include "tests/lib/suite.h"
#include "tests/lib/switch_talk.h"
#include "vswitch/switch.h"

static struct fake_switch *fs;
static struct sw sw;
static json_t *answer;
static int refused; /* the error's code */

/* ---- standing in ---- */

const struct bridge_view *switch_view(const struct sw *s)
{
	return atomic_load(&s->bridge.view);
}

struct sw_port *switch_find_port(const struct sw *s, const char *name)
{
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++)
		if (s->ports[i] && !strcmp(s->ports[i]->name, name))
			return s->ports[i];
	return NULL;
}

void rpc_reply(struct rpc_request *req, json_t *result)
{
	answer = result;
}

void rpc_refuse(struct rpc_request *req, int code, const char *path,
		const char *value, const char *hint, const char *fmt, ...)
{
	refused = code;
}

static void add_port(const char *name, uint16_t id)
{
	struct sw_port *sp = calloc(1, sizeof(*sp));

	snprintf(sp->name, sizeof(sp->name), "%s", name);
	sp->id = id;
	sw.ports[id] = sp;
}

static void set_up(const char *text)
{
	unsigned i;

	fs = fake_switch_new(text);
	memset(&sw, 0, sizeof(sw));
	sw.running = fs->conf;
	sw.bridge.fdb = fs->br.fdb;
	sw.bridge.mcast = fs->br.mcast;
	sw.bridge.tsc_per_ms = fs->br.tsc_per_ms;
	sw.bridge.tick = fs->br.tick;
	atomic_store(&sw.bridge.view, atomic_load(&fs->br.view));
	for (i = 0; i < fs->count; i++)
		add_port(fs->port[i]->port.name, fs->port[i]->port.id);
}

static void tear_down(void)
{
	unsigned i;

	for (i = 0; i < PORT_ID_MAX; i++)
		free(sw.ports[i]);
	json_decref(answer);
	answer = NULL;
	fake_switch_free(fs);
}

/* ---- asking ---- */

static char *hex(const uint8_t *bytes, unsigned n)
{
	static char text[2 * 20000 + 1];
	unsigned i;

	text[0] = '\0';
	for (i = 0; i < n; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
	return text;
}

static void ask_text(const char *port, const char *frame_text)
{
	struct rpc_request req = { .method = "trace" };

	json_decref(answer);
	answer = NULL;
	refused = 0;
	req.params = json_pack("{s:s*, s:s*}", "port", port, "frame",
			       frame_text);
	trace_rpc(&req, &sw);
	json_decref(req.params);
}

static void ask(const char *port, const struct packet *p)
{
	ask_text(port, hex(p->bytes, p->len));
	CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
}

static bool says(const char *key, const char *value)
{
	const char *v = json_string_value(json_object_get(answer, key));

	return v && !strcmp(v, value);
}

/* Delivery to a port: its fate, and its bytes unless dropped. */
static bool delivers(const char *port, const char *why, const struct packet *p)
{
	json_t *list = json_object_get(answer, "deliveries"), *d;
	size_t i;

	json_array_foreach(list, i, d) {
		const char *bytes =
			json_string_value(json_object_get(d, "frame"));

		if (strcmp(json_string_value(json_object_get(d, "port")),
			   port))
			continue;
		if (strcmp(json_string_value(json_object_get(d, "why")), why))
			return false;
		return p ? bytes && !strcmp(bytes, hex(p->bytes, p->len))
			 : !bytes;
	}
	return false;
}

static size_t count(const char *key)
{
	return json_array_size(json_object_get(answer, key));
}

static bool steps_mention(const char *text)
{
	json_t *steps = json_object_get(answer, "steps"), *line;
	size_t i;

	json_array_foreach(steps, i, line)
		if (strstr(json_string_value(line), text))
			return true;
	return false;
}

#define TRACED                                                                \
	FAKE_NETS(FAKE_NET("n", 10, ",'uplink':'up'"))                        \
	FAKE_PORTS(FAKE_GUEST("a", "'network':'n','mac':'" MAC_A "'") ","     \
		   FAKE_GUEST("b", "'network':'n','mac':'" MAC_B "'") ","     \
		   FAKE_GUEST("free", "'network':'n'") ","                    \
		   FAKE_GUEST("ids", "'network':'n','promiscuous':true") ","  \
		   FAKE_UPLINK("up"))

/* ---- answers ---- */

static void unicast_is_shown_with_its_bytes(void)
{
	set_up(TRACED);
	ask("a", frame(MAC_B, MAC_A));
	CU_ASSERT_TRUE(says("verdict", "none") && says("network", "n") &&
		       says("out", "unicast"));
	CU_ASSERT_EQUAL(count("deliveries"), 1);
	CU_ASSERT_TRUE(delivers("b", "none", frame(MAC_B, MAC_A)));
	CU_ASSERT_EQUAL(count("copies"), 1);
	CU_ASSERT_TRUE(steps_mention("copy to promiscuous port ids"));
	tear_down();
}

static void flood_is_shown_as_each_port_would_get_it(void)
{
	const struct packet *p = frame_of(MAC_ALL, MAC_A, 300);

	set_up(TRACED);
	ask("a", p);
	CU_ASSERT_TRUE(says("out", "flood"));
	CU_ASSERT_EQUAL(count("deliveries"), 4);
	CU_ASSERT_TRUE(delivers("b", "none", p));
	CU_ASSERT_TRUE(delivers("up", "none", tagged(p, 0x8100, 10)));
	CU_ASSERT_EQUAL(count("copies"), 0); /* ids gets it anyway */
	tear_down();
}

static void drop_is_named_and_explained(void)
{
	set_up(TRACED);
	ask("free", frame(MAC_A, MAC_B));
	CU_ASSERT_TRUE(says("verdict", "foreign_mac") && says("out", "none"));
	CU_ASSERT_TRUE(says("help", drop_help(DROP_FOREIGN_MAC)));
	CU_ASSERT_EQUAL(count("deliveries"), 0);
	CU_ASSERT_TRUE(steps_mention("refused: foreign_mac"));
	ask("up", tagged(frame(MAC_A, MAC_OUT), 0x8100, 11));
	CU_ASSERT_TRUE(says("verdict", "vlan"));
	CU_ASSERT_TRUE(json_is_null(json_object_get(answer, "network")));
	tear_down();
}

static void frame_that_nobody_wants_is_no_dest(void)
{
	set_up(FAKE_NETS(FAKE_NET("n", 10, ""))
	       FAKE_PORTS(FAKE_GUEST("a", "'network':'n'") ","
			  FAKE_GUEST("b", "'network':'n'")));
	ask("a", frame(MAC_NEW, MAC_A));
	CU_ASSERT_TRUE(says("verdict", "no_dest"));
	tear_down();
}

static void loss_at_the_egress_is_named(void)
{
	set_up(TRACED);
	fake_switch_port(fs, "b")->port.link = false;
	ask("a", frame(MAC_B, MAC_A));
	CU_ASSERT_TRUE(says("verdict", "none"));
	CU_ASSERT_TRUE(delivers("b", "no_link", NULL));
	tear_down();
}

static void copy_is_named_only_where_it_arrives(void)
{
	const struct packet *in = tagged(frame(MAC_A, MAC_OUT), 0x8100, 20);

	set_up(TRACED);
	ask("up", tagged(in, 0x8100, 10));
	CU_ASSERT_TRUE(delivers("a", "egress_vlan", NULL));
	CU_ASSERT_EQUAL(count("copies"), 1);
	CU_ASSERT_TRUE(steps_mention("copy to promiscuous port ids"));
	fake_switch_port(fs, "ids")->port.link = false;
	ask("up", tagged(in, 0x8100, 10));
	CU_ASSERT_EQUAL(count("copies"), 0);
	CU_ASSERT_TRUE(steps_mention("copy to promiscuous port ids: "));
	tear_down();
}

static void report_goes_to_routers(void)
{
	struct packet p;

	set_up(TRACED);
	packet_eth(&p, MAC_MCAST, MAC_B, ETH_IPV4);
	packet_put_hex(&p, "4500001c 00000000 0102 beda 0a000002 ef010203"
			   "1600 f8fa ef010203");
	ask("b", &p);
	CU_ASSERT_TRUE(says("verdict", "none"));
	CU_ASSERT_TRUE(steps_mention("to multicast routers only"));
	CU_ASSERT_EQUAL(count("deliveries"), 1);
	CU_ASSERT_TRUE(delivers("up", "none", tagged(&p, 0x8100, 10)));
	tear_down();
}

static void trace_leaves_nothing_behind(void)
{
	struct port_counters none = { 0 };
	unsigned i, known;

	set_up(TRACED);
	known = fdb_count(fs->br.fdb);
	ask("free", frame(MAC_ALL, MAC_NEW));
	CU_ASSERT_EQUAL(fdb_count(fs->br.fdb), known);
	CU_ASSERT_TRUE(only(fs, ""));
	for (i = 0; i < fs->count; i++)
		CU_ASSERT_EQUAL(memcmp(&fs->state[i]->ctr[0], &none,
				       sizeof(none)),
				0);
	tear_down();
}

/* ---- questions that are none ---- */

static void unknown_port_is_refused(void)
{
	set_up(TRACED);
	ask_text("zebra", "00");
	CU_ASSERT_EQUAL(refused, RPC_NOT_FOUND);
	ask_text(NULL, "00");
	CU_ASSERT_EQUAL(refused, RPC_NOT_FOUND);
	add_port("late", 4000);
	ask_text("late", "00");
	CU_ASSERT_EQUAL(refused, RPC_REFUSED);
	tear_down();
}

static void frame_that_is_no_hexadecimal_is_refused(void)
{
	static const char *const bad[] = { "", "0", "0g", "00 0", "xyz",
					   "ffffffffffff 0200000000 0" };
	static uint8_t zeros[9217];
	unsigned i;

	set_up(TRACED);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ask_text("a", bad[i]);
		CU_ASSERT_EQUAL(refused, RPC_INVALID_PARAMS);
	}
	ask_text("a", NULL);
	CU_ASSERT_EQUAL(refused, RPC_INVALID_PARAMS);
	ask_text("a", hex(zeros, 9217));
	CU_ASSERT_EQUAL(refused, RPC_INVALID_PARAMS);
	ask_text("a", hex(zeros, 9216));
	CU_ASSERT_EQUAL(refused, 0);
	tear_down();
}

static void blanks_and_colons_are_fine(void)
{
	set_up(TRACED);
	ask_text("a", "FF:ff:ff ff:ff:ff 02:00:00:00:00:0a 88b5");
	CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
	CU_ASSERT_TRUE(says("verdict", "none"));
	tear_down();
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(unicast_is_shown_with_its_bytes),
		SUITE_TEST(flood_is_shown_as_each_port_would_get_it),
		SUITE_TEST(drop_is_named_and_explained),
		SUITE_TEST(frame_that_nobody_wants_is_no_dest),
		SUITE_TEST(loss_at_the_egress_is_named),
		SUITE_TEST(copy_is_named_only_where_it_arrives),
		SUITE_TEST(report_goes_to_routers),
		SUITE_TEST(trace_leaves_nothing_behind),
		SUITE_TEST(unknown_port_is_refused),
		SUITE_TEST(frame_that_is_no_hexadecimal_is_refused),
		SUITE_TEST(blanks_and_colons_are_fine),
	};

	return suite_run("trace", tests, sizeof(tests) / sizeof(tests[0]));
}
