/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_switch_gate.c: a VIF waits for its port, and nothing else waits for
 * the switch.  The switch is an rpc_server in the same loop, so that rpc_link
 * is tested along the way.
 */
#include "hypervisor/switch_gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"
#include "base/rpc.h"
#include "base/rpc_link.h"
#include "tests/lib/suite.h"

static struct event_base *base;
static struct rpc_server *server;
static char path[64];
static json_t *ports;	 /* what the switch has */
static unsigned asked;	 /* ports.list */
static unsigned told;	 /* on_gate */
static bool ready;
static char why[256];
static bool silent;	 /* the switch hangs: */
static struct rpc_request *waiting;

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
static const struct switch_gate_port web = { "web", "/run/web.sock", mac,
					       1500, 2 };

/* --- the switch -------------------------------------------------------- */

static void list(struct rpc_request *req, void *ctx)
{
	json_int_t skip = json_integer_value(
		json_object_get(req->params, "skip"));
	json_t *page = json_array();
	size_t n = json_array_size(ports);

	asked++;
	if (silent) {
		waiting = req;
		json_decref(page);
		return;
	}
	/* one a page: whoever asks has to turn them */
	if ((size_t)skip < n)
		json_array_append(page, json_array_get(ports, skip));
	rpc_reply(req, json_pack("{s:o, s:b}", "ports", page, "more",
				 (size_t)skip + 1 < n));
}

static const struct rpc_method methods[] = {
	{ "ports.list", list, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static void open_switch(void)
{
	static struct rpc_server_conf conf = RPC_SERVER_CONF_INIT;

	conf.path = path;
	conf.methods = methods;
	CU_ASSERT_EQUAL_FATAL(rpc_server_new(&server, base, &conf), 0);
}

static void close_switch(void)
{
	rpc_server_free(server);
	server = NULL;
}

static void add_port(const char *name, const char *socket, const char *text)
{
	json_array_append_new(ports, json_pack("{s:s, s:s, s:s}", "name", name,
					       "socket", socket, "mac", text));
}

static void on_gate(bool is_ready, const char *text, void *arg)
{
	told++;
	ready = is_ready;
	snprintf(why, sizeof(why), "%s", text);
	event_base_loopbreak(base);
}

static void stop_loop(evutil_socket_t fd, short what, void *arg)
{
	event_base_loopbreak(base);
}

/* Until something is told, or ms are over. */
static void run(unsigned ms)
{
	const struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
	struct event *ev = evtimer_new(base, stop_loop, NULL);

	event_add(ev, &tv);
	event_base_dispatch(base);
	event_free(ev);
}

static struct switch_gate *begin(void)
{
	struct switch_gate *gate;

	base = event_base_new();
	ports = json_array();
	asked = told = 0;
	ready = silent = false;
	why[0] = '\0';
	snprintf(path, sizeof(path), "/tmp/test-switch-gate-%d", getpid());
	CU_ASSERT_EQUAL_FATAL(switch_gate_new(&gate, base, path), 0);
	return gate;
}

static void end(struct switch_gate *gate)
{
	switch_gate_free(gate);
	if (server)
		close_switch();
	json_decref(ports);
	event_base_free(base);
}

/* --- tests ------------------------------------------------------------- */

static void nothing_to_ask_is_ready_without_a_switch(void)
{
	struct switch_gate *gate = begin();

	switch_gate_ask(gate, NULL, 0, on_gate, &told);
	CU_ASSERT_EQUAL(told, 0); /* not before the loop's turn */
	run(2000);
	CU_ASSERT(ready);
	end(gate);
}

static void a_port_in_force_is_ready(void)
{
	struct switch_gate *gate = begin();

	open_switch();
	add_port("other", "/run/other.sock", "02:00:00:00:00:09");
	add_port("web", "/run/web.sock", "02:00:00:00:00:01");
	switch_gate_ask(gate, &web, 1, on_gate, &told);
	CU_ASSERT_EQUAL(switch_gate_ask(gate, &web, 1, on_gate, &told),
			-EEXIST);
	while (!ready && told < 5)
		run(2000);
	CU_ASSERT(ready);
	CU_ASSERT(asked >= 2); /* both pages */
	asked = 0;
	run(600);
	CU_ASSERT_EQUAL(asked, 0); /* nobody wants to know any more */
	end(gate);
}

static void a_switch_that_is_down_is_waited_for(void)
{
	struct switch_gate *gate = begin();

	switch_gate_ask(gate, &web, 1, on_gate, &told);
	run(2000);
	CU_ASSERT(!ready);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "the switch cannot be asked"));
	open_switch();
	told = 0;
	while (!ready && told < 5) {
		run(2000);
		if (strstr(why, "has no port web yet"))
			add_port("web", "/run/web.sock", "02:00:00:00:00:01");
	}
	CU_ASSERT(ready);
	end(gate);
}

static void a_port_that_is_not_right_is_told_in_words(void)
{
	static const struct {
		const char *socket, *mac, *word;
	} cases[] = {
		{ "/run/web2.sock", "02:00:00:00:00:01", "/run/web2.sock" },
		{ "/run/web.sock", "02:00:00:00:00:02", "MAC" },
	};
	char text[256];

	for (unsigned i = 0; i < 2; i++) {
		ports = json_array();
		add_port("web", cases[i].socket, cases[i].mac);
		CU_ASSERT(!switch_gate_check(ports, &web, text, sizeof(text)));
		CU_ASSERT_PTR_NOT_NULL(strstr(text, cases[i].word));
		json_decref(ports);
	}
	/* a port without an address of its own takes any */
	ports = json_pack("[{s:s, s:s}]", "name", "web", "socket",
			  "/run/web.sock");
	CU_ASSERT(switch_gate_check(ports, &web, text, sizeof(text)));
	json_decref(ports);
}

static void a_port_with_less_than_the_vif_is_told_in_words(void)
{
	static const struct {
		int queues, mtu;
		const char *words; /* "": it is enough */
	} cases[] = {
		{ 2, 1500, "" },
		{ 8, 9000, "" },
		{ 1, 1500, "the VIF's queues are 2, and the switch's port web "
			   "has 1" },
		{ 2, 1499, "the VIF's mtu is 1500, and that of the switch's "
			   "port web is 1499" },
	};
	char text[256];

	for (unsigned i = 0; i < 4; i++) {
		text[0] = '\0';
		ports = json_pack("[{s:s, s:s, s:i, s:i}]", "name", "web",
				  "socket", "/run/web.sock", "queues_max",
				  cases[i].queues, "mtu", cases[i].mtu);
		CU_ASSERT_EQUAL(switch_gate_check(ports, &web, text,
						  sizeof(text)),
				!cases[i].words[0]);
		CU_ASSERT_STRING_EQUAL(text, cases[i].words);
		json_decref(ports);
	}
}

static void a_switch_that_hangs_costs_nothing_but_its_answer(void)
{
	struct switch_gate *gate = begin();

	open_switch();
	silent = true;
	add_port("web", "/run/web.sock", "02:00:00:00:00:01");
	switch_gate_ask(gate, &web, 1, on_gate, &told);
	run(100);
	told = 0;
	run(SWITCH_GATE_ANSWER_MS + 1000);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "does not answer"));
	silent = false;
	rpc_reply(waiting, json_object()); /* to nobody */
	told = 0;
	while (!ready && told < 5)
		run(2000);
	CU_ASSERT(ready);
	end(gate);
}

static void a_question_that_is_stopped_is_not_answered(void)
{
	struct switch_gate *gate = begin();

	open_switch();
	switch_gate_ask(gate, &web, 1, on_gate, &told);
	switch_gate_stop(gate, &told);
	add_port("web", "/run/web.sock", "02:00:00:00:00:01");
	run(500);
	CU_ASSERT_EQUAL(told, 0);
	end(gate);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(nothing_to_ask_is_ready_without_a_switch),
		SUITE_TEST(a_port_in_force_is_ready),
		SUITE_TEST(a_switch_that_is_down_is_waited_for),
		SUITE_TEST(a_port_that_is_not_right_is_told_in_words),
		SUITE_TEST(a_port_with_less_than_the_vif_is_told_in_words),
		SUITE_TEST(a_switch_that_hangs_costs_nothing_but_its_answer),
		SUITE_TEST(a_question_that_is_stopped_is_not_answered),
	};

	return suite_run("switch_gate", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
