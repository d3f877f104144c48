/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest agent's client against agents made of a socketpair. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <jansson.h>
#include <sys/socket.h>

#include "hypervisor/guest_agent.h"
#include "tests/lib/suite.h"

static struct event_base *base;
static struct guest_agent *agent;
static int peer;
static unsigned facts_count, shutdown_count;
static int last_rc;
static struct guest_agent_facts last;
static char closed[128];
static bool free_in_callback;

static void maybe_free(void)
{
	if (!free_in_callback)
		return;
	guest_agent_free(agent);
	agent = NULL;
}

static void on_facts(int rc, const struct guest_agent_facts *facts, void *ctx)
{
	facts_count++;
	last_rc = rc;
	last = *facts;
	maybe_free();
}

static void on_shutdown(int rc, void *ctx)
{
	shutdown_count++;
	last_rc = rc;
	maybe_free();
}

static void on_closed(const char *why, void *ctx)
{
	snprintf(closed, sizeof(closed), "%s", why);
	maybe_free();
}

static void turn(void)
{
	for (int i = 0; i < 10; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void say(const char *text)
{
	CU_ASSERT(send(peer, text, strlen(text), MSG_NOSIGNAL) ==
		  (ssize_t)strlen(text));
	turn();
}

static const char *hear(void)
{
	static char buf[8192];
	ssize_t n = recv(peer, buf, sizeof(buf) - 1, MSG_DONTWAIT);

	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

static void open_agent(unsigned answer_ms)
{
	struct guest_agent_conf conf = { .answer_ms = answer_ms,
					 .on_facts = on_facts,
					 .on_shutdown = on_shutdown,
					 .on_closed = on_closed };
	int fds[2];

	base = event_base_new();
	conf.base = base;
	CU_ASSERT_FATAL(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	peer = fds[1];
	facts_count = 0;
	shutdown_count = 0;
	last_rc = 1;
	closed[0] = '\0';
	free_in_callback = false;
	CU_ASSERT_FATAL(!guest_agent_new_take(&agent, &conf, fds[0]));
}

static void close_agent(void)
{
	guest_agent_free(agent);
	agent = NULL;
	close(peer);
	event_base_free(base);
}

/* What the sync wants back. */
static long sync_number(void)
{
	const char *said = hear();
	const char *id = strstr(said, "\"id\":");

	CU_ASSERT_EQUAL(said[0], '\xff');
	CU_ASSERT_PTR_NOT_NULL_FATAL(id);
	return strtol(id + 5, NULL, 10);
}

static void sync_agent(void)
{
	char text[64];

	snprintf(text, sizeof(text), "\xff{\"return\": %ld}\n", sync_number());
	say(text);
}

static void asked(void)
{
	CU_ASSERT_EQUAL(guest_agent_ask(agent), 0);
	CU_ASSERT_EQUAL(guest_agent_ask(agent), -EBUSY);
	sync_agent();
}

static void facts_are_collected(void)
{
	open_agent(10000);
	asked();
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(), "guest-info"));
	say("{\"return\": {\"version\": \"7.2.22\"}}\n");
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(), "guest-get-osinfo"));
	say("{\"return\": {\"pretty-name\": \"Debian 12\", \"id\": \"debian\","
	    "\"version-id\": \"12\", \"kernel-release\": \"6.1.0\"}}\n");
	say("{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"\"}}\n");
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(), "guest-network"));
	say("{\"return\": [{\"name\": \"lo\", \"hardware-address\": "
	    "\"00:00:00:00:00:00\", \"ip-addresses\": []}, {\"name\": \"eth0\","
	    "\"hardware-address\": \"02:00:00:00:0A:01\", \"ip-addresses\": ["
	    "{\"ip-address\": \"10.0.0.1\", \"prefix\": 24},"
	    "{\"ip-address\": \"FE80::1\", \"prefix\": 64}]}]}\n");
	CU_ASSERT_EQUAL(last_rc, 0);
	CU_ASSERT_STRING_EQUAL(last.version, "7.2.22");
	CU_ASSERT_STRING_EQUAL(last.os_name, "Debian 12");
	CU_ASSERT_STRING_EQUAL(last.os_distro, "debian");
	CU_ASSERT_STRING_EQUAL(last.os_version, "12");
	CU_ASSERT_STRING_EQUAL(last.os_uname, "6.1.0");
	CU_ASSERT_STRING_EQUAL(last.host_name, "");
	CU_ASSERT_EQUAL(last.nic_count, 1);
	CU_ASSERT_STRING_EQUAL(last.nics[0].name, "eth0");
	CU_ASSERT_EQUAL(last.nics[0].mac[4], 0x0a);
	CU_ASSERT_EQUAL(last.nics[0].address_count, 2);
	CU_ASSERT_STRING_EQUAL(last.nics[0].addresses[1], "fe80::1");
	CU_ASSERT_EQUAL(guest_agent_ask(agent), 0); /* again */
	close_agent();
}

static void what_was_for_others_is_dropped(void)
{
	char text[128];
	long id;

	open_agent(10000);
	CU_ASSERT_EQUAL(guest_agent_ask(agent), 0);
	id = sync_number();
	say("{\"error\": {\"desc\": \"Invalid JSON syntax\"}}\n");
	say("{\"return\": {}}\nhello\n\xff{\"return\": 7}\n");
	snprintf(text, sizeof(text), "{\"return\": %ld}\n", id);
	say(text); /* without the delimiter it may be an echo */
	CU_ASSERT_EQUAL(strlen(hear()), 0);
	snprintf(text, sizeof(text), "{\"half\xff{\"return\": %ld}\n", id);
	say(text);
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(), "guest-info"));
	close_agent();
}

static void nobody_there_is_found_out_in_time(void)
{
	open_agent(1);
	CU_ASSERT_EQUAL(guest_agent_ask(agent), 0);
	event_base_loop(base, EVLOOP_ONCE);
	CU_ASSERT_EQUAL(facts_count, 1);
	CU_ASSERT_EQUAL(last_rc, -ETIMEDOUT);
	CU_ASSERT_EQUAL(guest_agent_ask(agent), -EPIPE);
	close_agent();
}

static void shutdown_without_a_word_is_one(void)
{
	open_agent(50);
	CU_ASSERT_EQUAL(guest_agent_shutdown(agent), 0);
	sync_agent();
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(), "guest-shutdown"));
	CU_ASSERT_EQUAL(shutdown_count, 0);
	event_base_loop(base, EVLOOP_ONCE);
	CU_ASSERT_EQUAL(shutdown_count, 1);
	CU_ASSERT_EQUAL(last_rc, 0);
	CU_ASSERT_EQUAL(guest_agent_shutdown(agent), 0);
	sync_agent();
	say("{\"error\": {\"desc\": \"no\"}}\n");
	CU_ASSERT_EQUAL(last_rc, -EREMOTEIO);
	CU_ASSERT_EQUAL(facts_count, 0);
	close_agent();
}

/* Answers to the last question, and how many NICs and addresses they are. */
static const struct {
	const char *what, *text;
	int rc;
	unsigned nics, addresses;
} bad_cases[] = {
	{ "not JSON", "nonsense\n", -EPROTO, 0, 0 },
	{ "an array", "[]\n", -EPROTO, 0, 0 },
	{ "no answer", "{\"x\": 1}\n", -EPROTO, 0, 0 },
	{ "an object instead of a list", "{\"return\": {}}\n", 0, 0, 0 },
	{ "a number", "{\"return\": 5}\n", 0, 0, 0 },
	{ "a list of numbers", "{\"return\": [1, null, \"x\"]}\n", 0, 0, 0 },
	{ "no MAC", "{\"return\": [{\"name\": \"eth0\"}]}\n", 0, 0, 0 },
	{ "a MAC too long", "{\"return\": [{\"hardware-address\": "
	  "\"02:00:00:00:00:011\"}]}\n", 0, 0, 0 },
	{ "a MAC of letters", "{\"return\": [{\"hardware-address\": "
	  "\"zz:00:00:00:00:01\"}]}\n", 0, 0, 0 },
	{ "addresses that are none",
	  "{\"return\": [{\"hardware-address\": \"02:00:00:00:00:01\", "
	  "\"ip-addresses\": [{\"ip-address\": \"10.0.0.300\"}, "
	  "{\"ip-address\": \"::g\"}, {\"ip-address\": 7}, 7, "
	  "{\"ip-address\": \"10.0.0.1/24\"}]}]}\n", 0, 1, 0 },
};

static void bad_words_are_no_facts(void)
{
	for (size_t i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
		open_agent(10000);
		asked();
		say("{\"return\": 3}\n");
		say("{\"return\": [\"id\"]}\n");
		say("{\"return\": {\"host-name\": 8}}\n");
		say(bad_cases[i].text);
		CU_ASSERT_EQUAL(facts_count, 1);
		CU_ASSERT_EQUAL(last_rc, bad_cases[i].rc);
		CU_ASSERT_EQUAL(last.nic_count, bad_cases[i].nics);
		CU_ASSERT_EQUAL(last.nics[0].address_count,
				bad_cases[i].addresses);
		if (last_rc != bad_cases[i].rc)
			printf("case: %s\n", bad_cases[i].what);
		close_agent();
	}
}

static void more_than_fits_is_cut(void)
{
	static char text[100000];
	size_t n;

	open_agent(10000);
	asked();
	n = sprintf(text, "{\"return\": {\"version\": \"ab");
	for (int i = 0; i < 1000; i++) /* three bytes */
		n += sprintf(text + n, "\xe2\x82\xac");
	sprintf(text + n, "\"}}\n");
	say(text);
	n = sprintf(text, "{\"return\": {\"pretty-name\": \"");
	for (int i = 0; i < 1000; i++)
		n += sprintf(text + n, "\xc3\xa4");
	sprintf(text + n, "\"}}\n");
	say(text);
	say("{\"return\": {}}\n");
	n = sprintf(text, "{\"return\": [");
	for (int i = 0; i < 100; i++) {
		n += sprintf(text + n, "%s{\"hardware-address\": "
				       "\"02:00:00:00:00:%02x\", "
				       "\"ip-addresses\": [", i ? "," : "", i);
		for (int k = 0; k < 40; k++)
			n += sprintf(text + n, "%s{\"ip-address\":\"::1\"}",
				     k ? "," : "");
		n += sprintf(text + n, "]}");
	}
	sprintf(text + n, "]}\n");
	say(text);
	CU_ASSERT_EQUAL(last_rc, 0);
	/* Whole characters only. */
	CU_ASSERT_EQUAL(strlen(last.version), 62);
	CU_ASSERT_EQUAL(strlen(last.os_name), GUEST_AGENT_TEXT_MAX - 2);
	CU_ASSERT_EQUAL(last.nic_count, GUEST_AGENT_NICS_MAX);
	CU_ASSERT_EQUAL(last.nics[3].address_count, GUEST_AGENT_ADDRESSES_MAX);
	close_agent();
}

static void one_who_never_syncs_is_given_up(void)
{
	open_agent(10000);
	CU_ASSERT_EQUAL(guest_agent_ask(agent), 0);
	for (int i = 0; i < 65; i++)
		say("{\"return\": {}}\n");
	CU_ASSERT_EQUAL(last_rc, -EPROTO);
	CU_ASSERT_EQUAL(facts_count, 1);
	close_agent();
}

static void callbacks_may_free(void)
{
	open_agent(10000);
	asked();
	free_in_callback = true;
	say("nonsense\nnonsense\n");
	CU_ASSERT_PTR_NULL(agent);
	close_agent();

	open_agent(10000);
	free_in_callback = true;
	shutdown(peer, SHUT_RDWR);
	turn();
	CU_ASSERT_PTR_NULL(agent);
	CU_ASSERT_NOT_EQUAL(closed[0], '\0');
	close_agent();
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(facts_are_collected),
		SUITE_TEST(what_was_for_others_is_dropped),
		SUITE_TEST(nobody_there_is_found_out_in_time),
		SUITE_TEST(shutdown_without_a_word_is_one),
		SUITE_TEST(bad_words_are_no_facts),
		SUITE_TEST(more_than_fits_is_cut),
		SUITE_TEST(one_who_never_syncs_is_given_up),
		SUITE_TEST(callbacks_may_free),
	};

	return suite_run("guest_agent", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
