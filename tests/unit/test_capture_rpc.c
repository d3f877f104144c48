/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_capture_rpc.c: what a session may ask for, and what is refused, each
 * with the parameter that is wrong.  The test stands in for switch.c and for
 * the RPC server.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "tests/lib/suite.h"
#include "tests/lib/switch_talk.h"
#include "vswitch/capture_session.h"

static struct sw sw;
static struct sw_port ports[8];
static json_t *answer;
static struct rpc_error error; /* of the last request */
static unsigned answers;

/* ---- standing in ---- */

struct sw_port *switch_find_port(const struct sw *s, const char *name)
{
	unsigned i;

	for (i = 0; i < 8; i++)
		if (!strcmp(ports[i].name, name))
			return &ports[i];
	return NULL;
}

int switch_review(struct sw *s)
{
	return 0;
}

void rpc_reply(struct rpc_request *req, json_t *result)
{
	json_decref(answer);
	answer = result;
	answers++;
}

void rpc_reply_error(struct rpc_request *req, const struct rpc_error *e)
{
	error = *e;
	answers++;
}

int rpc_error_json(struct rpc_error *e, int code, const char *path,
		   const json_t *value, const char *hint, const char *fmt, ...)
{
	va_list ap;

	e->code = code;
	snprintf(e->path, sizeof(e->path), "%s", path);
	snprintf(e->hint, sizeof(e->hint), "%s", hint);
	va_start(ap, fmt);
	vsnprintf(e->message, sizeof(e->message), fmt, ap);
	va_end(ap);
	return -1;
}

void rpc_refuse(struct rpc_request *req, int code, const char *path,
		const char *value, const char *hint, const char *fmt, ...)
{
	error.code = code;
	answers++;
}

int rpc_take_fd(struct rpc_request *req, unsigned i)
{
	return open("/dev/null", O_WRONLY | O_CLOEXEC);
}

int rpc_notify(struct rpc_conn *conn, const char *method, json_t *params)
{
	json_decref(params);
	return 0;
}

/* ---- asking ---- */

#define CONF                                                                  \
	FAKE_NETS(FAKE_NET("n", 10, ",'uplink':'up'") ","                     \
		  FAKE_NET("m", 20, ",'uplink':'up'"))                        \
	FAKE_PORTS(FAKE_GUEST("a", "'network':'n'") ","                       \
		   FAKE_GUEST("b", "'network':'n'") ","                       \
		   FAKE_GUEST("ids", "'network':'n'") ","                     \
		   FAKE_GUEST("far", "'network':'m'") ","                     \
		   FAKE_GUEST("late", "'network':'n'") ","                    \
		   FAKE_UPLINK("up"))

static void begin(void)
{
	static const char *const names[] = { "a", "b", "ids", "far", "up" };
	unsigned i;

	memset(ports, 0, sizeof(ports));
	for (i = 0; i < 5; i++) {
		snprintf(ports[i].name, sizeof(ports[i].name), "%s", names[i]);
		ports[i].id = 10 + i;
	}
	sw.running = fake_conf(CONF);
	sw.tsc_hz = FAKE_HZ;
	sw.workers.count = 1;
	sw.base = event_base_new();
	CU_ASSERT_EQUAL_FATAL(capture_init(&sw), 0);
}

static void end(void)
{
	capture_fini(&sw);
	event_base_free(sw.base);
	switch_conf_free(sw.running);
	json_decref(answer);
	answer = NULL;
}

/* One answer; begun: its session ends at once. */
static bool begins(void (*method)(struct rpc_request *, void *),
		   const char *params)
{
	struct rpc_peer peer = { .uid = 0 };
	struct rpc_request req = { .peer = &peer };
	char text[512], *c;

	snprintf(text, sizeof(text), "{%s}", params);
	for (c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	req.params = json_loads(text, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(req.params);
	memset(&error, 0, sizeof(error));
	answers = 0;
	method(&req, &sw);
	json_decref(req.params);
	CU_ASSERT_EQUAL(answers, 1);
	CU_ASSERT_EQUAL(!error.code, captures.session[0] != NULL);
	if (captures.session[0])
		json_decref(capture_session_end(&sw, 0, "test", false));
	return !error.code;
}

static bool mirror(const char *params)
{
	return begins(mirror_rpc_add, params);
}

static bool capture(const char *params)
{
	return begins(capture_rpc_start, params);
}

/* Refused, and the error is this parameter's. */
static bool wrong(bool begun, const char *key)
{
	if (!begun && !strcmp(error.path, key) && *error.hint)
		return true;
	printf("\nnot %s: %s: %s (%s)\n", key, error.path, error.message,
	       error.hint);
	return false;
}

#define WHY      "'why':'x',"
#define A_TO_IDS WHY "'ports':['a'],'to':'ids'"

/* ---- tests ---- */

static void what_makes_sense_begins(void)
{
	begin();
	CU_ASSERT_TRUE(mirror(A_TO_IDS));
	CU_ASSERT_TRUE(mirror(WHY "'ports':['a','b'],'to':'ids',"
				  "'direction':'out','keep':true,"
				  "'snaplen':96,'rate_bps':1000,"
				  "'duration_s':5,'filter':[],"
				  "'filter_text':''"));
	CU_ASSERT_TRUE(mirror(WHY "'networks':['n'],'to':'ids',"
				  "'direction':'in'"));
	CU_ASSERT_TRUE(capture(WHY "'port':'a','direction':'out'"));
	CU_ASSERT_TRUE(capture(WHY "'network':'n'"));
	CU_ASSERT_TRUE(mirror(A_TO_IDS ",'filter':[[6,0,0,65535]]"));
	end();
}

static void destination_is_none_of_the_sources(void)
{
	begin();
	CU_ASSERT_TRUE(wrong(mirror(WHY "'ports':['ids'],'to':'ids'"), "to"));
	CU_ASSERT_TRUE(
		wrong(mirror(WHY "'ports':['a','ids','b'],'to':'ids'"), "to"));
	CU_ASSERT_TRUE(wrong(mirror(WHY "'ports':['ids'],'to':'ids',"
					"'other_network':true"),
			     "to"));
	CU_ASSERT_STRING_EQUAL(error.message,
			       "to is one of the ports it watches");
	end();
}

static void destination_is_a_port_that_is_there(void)
{
	begin();
	CU_ASSERT_TRUE(wrong(mirror(WHY "'ports':['a'],'to':'zebra'"), "to"));
	CU_ASSERT_TRUE(wrong(mirror(WHY "'ports':['a'],'to':'late'"), "to"));
	CU_ASSERT_TRUE(wrong(mirror(WHY "'ports':['a'],'to':5"), "to"));
	CU_ASSERT_TRUE(wrong(mirror(WHY "'ports':['a']"), "to"));
	end();
}

static void copies_across_are_asked_for_by_name(void)
{
	begin();
	CU_ASSERT_TRUE(wrong(mirror(WHY "'ports':['a'],'to':'far'"), "to"));
	CU_ASSERT_TRUE(mirror(WHY "'ports':['a'],'to':'far',"
				  "'other_network':true"));
	CU_ASSERT_TRUE(wrong(mirror(WHY "'ports':['a'],'to':'up'"), "to"));
	CU_ASSERT_TRUE(mirror(WHY "'ports':['a'],'to':'up',"
				  "'other_network':true"));
	end();
}

static void watched_places_are_there_once(void)
{
	begin();
	CU_ASSERT_TRUE(
		wrong(mirror(WHY "'ports':['a','a'],'to':'ids'"), "ports"));
	CU_ASSERT_TRUE(wrong(mirror(WHY "'networks':['n','n'],'to':'ids'"),
			     "networks"));
	CU_ASSERT_TRUE(
		wrong(mirror(WHY "'ports':['zebra'],'to':'ids'"), "ports"));
	CU_ASSERT_TRUE(wrong(mirror(WHY "'ports':5,'to':'ids'"), "ports"));
	CU_ASSERT_TRUE(wrong(mirror(WHY "'ports':[5],'to':'ids'"), "ports"));
	CU_ASSERT_TRUE(wrong(mirror(WHY "'ports':[],'to':'ids'"), "ports"));
	CU_ASSERT_TRUE(wrong(capture(WHY "'port':true"), "port"));
	CU_ASSERT_TRUE(wrong(capture("'why':'x'"), "port"));
	end();
}

static void network_shows_only_what_comes_in(void)
{
	begin();
	CU_ASSERT_TRUE(wrong(mirror(WHY "'networks':['n'],'to':'ids',"
					"'direction':'out'"),
			     "direction"));
	CU_ASSERT_TRUE(wrong(capture(WHY "'network':'n','direction':'out'"),
			     "direction"));
	end();
}

static void what_is_misspelt_is_not_passed_over(void)
{
	static const struct {
		const char *params, *key;
	} bad[] = {
		{ ",'port':'a'", "port" },
		{ ",'filters':[]", "filters" },
		{ ",'to ids':1", "to ids" },
		{ ",'a_name_that_is_much_longer_than_any_of_ours':1",
		  "a_name_that_is_much_longer_than_any_of_ours" },
		{ ",'':1", "" },
		{ ",'filter':'tcp'", "filter" },
		{ ",'filter':{}", "filter" },
		{ ",'filter':[[6,0,0,1,0]]", "filter" },
		{ ",'filter':[[6,0,0]]", "filter" },
		{ ",'filter':[[6,0,0,4294967296]]", "filter" },
		{ ",'filter':[[5,0,0,4294967295],[6,0,0,1]]", "filter" },
		{ ",'filter_text':7", "filter_text" },
		{ ",'direction':1", "direction" },
		{ ",'direction':'up'", "direction" },
		{ ",'keep':1", "keep" },
		{ ",'other_network':'yes'", "other_network" },
		{ ",'snaplen':13", "snaplen" },
		{ ",'duration_s':0", "duration_s" },
		{ ",'rate_bps':-1", "rate_bps" },
		{ ",'why':''", "why" },
	};
	char text[256];
	unsigned i;

	begin();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), A_TO_IDS "%s", bad[i].params);
		CU_ASSERT_TRUE(wrong(mirror(text), bad[i].key));
	}
	CU_ASSERT_TRUE(wrong(capture(WHY "'port':'a','to':'ids'"), "to"));
	end();
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(what_makes_sense_begins),
		SUITE_TEST(destination_is_none_of_the_sources),
		SUITE_TEST(destination_is_a_port_that_is_there),
		SUITE_TEST(copies_across_are_asked_for_by_name),
		SUITE_TEST(watched_places_are_there_once),
		SUITE_TEST(network_shows_only_what_comes_in),
		SUITE_TEST(what_is_misspelt_is_not_passed_over),
	};

	return suite_run("capture rpc", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
