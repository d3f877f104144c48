/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP against a peer made of a socketpair: what a QEMU says, and what one
 * that was taken over may say.  Time passes only where a test makes a limit
 * of one millisecond.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "hypervisor/json_lines.h"
#include "hypervisor/qmp.h"
#include "tests/lib/suite.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n"

static struct event_base *base;
static struct qmp *qmp;
static int peer;
static bool ready;
static unsigned events;
static char last_event[64];
static char closed[256];
static bool free_in_callback;

struct seen {
	unsigned answers;
	int rc;
	char text[256];
	json_int_t number;
};

static void on_ready(void *ctx)
{
	ready = true;
}

static void on_event(const char *name, const json_t *data, void *ctx)
{
	CU_ASSERT(json_is_object(data));
	events++;
	snprintf(last_event, sizeof(last_event), "%s", name);
	if (free_in_callback) {
		qmp_free(qmp);
		qmp = NULL;
	}
}

static void on_closed(const char *why, void *ctx)
{
	snprintf(closed, sizeof(closed), "%s", why);
	if (free_in_callback) {
		qmp_free(qmp);
		qmp = NULL;
	}
}

static void on_reply(const struct qmp_reply *reply, void *arg)
{
	struct seen *seen = arg;

	seen->answers++;
	seen->rc = reply->rc;
	snprintf(seen->text, sizeof(seen->text), "%s", reply->text);
	seen->number = json_integer_value(json_object_get(reply->value, "n"));
	if (free_in_callback) {
		qmp_free(qmp);
		qmp = NULL;
	}
}

static void turn(void)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void say(const char *text)
{
	CU_ASSERT(write(peer, text, strlen(text)) == (ssize_t)strlen(text));
	turn();
}

/* What our side has said since, with one descriptor if there was one. */
static const char *hear(int *fd)
{
	static char buf[65536];
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { buf, sizeof(buf) - 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(peer, &msg, MSG_DONTWAIT);

	if (fd) {
		*fd = -1;
		if (n > 0 && CMSG_FIRSTHDR(&msg))
			memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)),
			       sizeof(*fd));
	}
	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

static void open_qmp(unsigned greeting_ms)
{
	struct qmp_conf conf = { .greeting_ms = greeting_ms,
				 .on_ready = on_ready,
				 .on_event = on_event,
				 .on_closed = on_closed };
	int fds[2];

	base = event_base_new();
	conf.base = base;
	CU_ASSERT_FATAL(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	peer = fds[1];
	ready = false;
	free_in_callback = false;
	events = 0;
	closed[0] = '\0';
	CU_ASSERT_FATAL(!qmp_new_take(&qmp, &conf, fds[0]));
}

static void open_ready(void)
{
	open_qmp(0);
	say(GREETING);
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(NULL), "qmp_capabilities"));
	say("{\"return\": {}, \"id\": 1}\r\n");
	CU_ASSERT_TRUE_FATAL(ready);
}

static void close_qmp(void)
{
	qmp_free(qmp);
	qmp = NULL;
	if (peer >= 0)
		close(peer);
	turn();
	event_base_free(base);
}

static void greets_and_negotiates(void)
{
	open_qmp(0);
	CU_ASSERT_EQUAL(qmp_command_take(qmp, "stop", NULL, -1, 0, on_reply,
					 NULL),
			-ENOTCONN);
	say("{\"QMP\": {}}\r\n");
	CU_ASSERT_FALSE(ready);
	say("{\"event\": \"RESUME\"}\r\n"); /* before our time */
	CU_ASSERT_EQUAL(events, 0);
	say("{\"return\": {}, \"id\": 1}\r\n");
	CU_ASSERT_TRUE(ready);
	close_qmp();
}

static void answers_are_matched_by_id(void)
{
	struct seen a = { 0 }, b = { 0 };

	open_ready();
	CU_ASSERT_EQUAL(qmp_command_take(qmp, "query-a", json_object(), -1, 0,
					 on_reply, &a), 0);
	CU_ASSERT_EQUAL(qmp_command_take(qmp, "query-b", NULL, -1, 0, on_reply,
					 &b), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(NULL), "\"execute\":\"query-b\""));
	say("{\"return\": {\"n\": 33}, \"id\": 3}\r\n");
	CU_ASSERT_EQUAL(a.answers, 0);
	CU_ASSERT_EQUAL(b.number, 33);
	say("{\"error\": {\"class\": \"GenericError\", \"desc\": "
	    "\"no\\n\\u001bway\"}, \"id\": 2}\r\n");
	CU_ASSERT_EQUAL(a.rc, -EREMOTEIO);
	CU_ASSERT_STRING_EQUAL(a.text, "no??way");
	say("{\"return\": {\"n\": 4}, \"id\": 3}\r\n"); /* said twice */
	CU_ASSERT_EQUAL(b.answers, 1);
	CU_ASSERT_EQUAL(qmp_strays(qmp), 1);
	close_qmp();
}

static void what_is_not_known_to_qemu_is_no_nonsense(void)
{
	struct seen a = { 0 };

	open_ready();
	qmp_command_take(qmp, "query-a", NULL, -1, 0, on_reply, &a);
	hear(NULL);
	say("{\"return\": {\"n\": 18446744073709551615, \"s\": "
	    "\"\\\"18446744073709551615\"}, \"id\": 2}\r\n");
	CU_ASSERT_EQUAL(a.answers, 1);
	CU_ASSERT_EQUAL(a.number, -1);
	close_qmp();
}

static void a_guest_may_say_any_number(void)
{
	static const struct {
		const char *text;
		json_int_t number;
	} cases[] = {
		{ "9223372036854775807", INT64_MAX },
		{ "-9223372036854775807", -INT64_MAX },
		{ "9223372036854775808", -1 },
		{ "9999999999999999999", -1 },
		{ "10000000000000000000", -1 },
		{ "-9223372036854775809", -1 },
		{ "-18446744073709551615", -1 },
		{ "340282366920938463463374607431768211455", -1 },
		{ "7, \"x\": 0.12345678901234567890123", 7 },
		{ "7, \"x\": -1.2345678901234567890e-19", 7 },
		{ "7, \"x\": [9999999999999999999,18446744073709551615]", 7 },
	};
	char line[256];

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen a = { 0 };

		open_ready();
		qmp_command_take(qmp, "query-a", NULL, -1, 0, on_reply, &a);
		snprintf(line, sizeof(line),
			 "{\"return\": {\"n\": %s}, \"id\": 2}\r\n",
			 cases[i].text);
		say(line);
		CU_ASSERT_EQUAL(a.answers, 1);
		CU_ASSERT_EQUAL(a.rc, 0);
		CU_ASSERT_EQUAL(a.number, cases[i].number);
		CU_ASSERT_STRING_EQUAL(closed, "");
		close_qmp();
	}
}

static void events_come_between_answers(void)
{
	struct seen a = { 0 };

	open_ready();
	qmp_command_take(qmp, "cont", NULL, -1, 0, on_reply, &a);
	say("{\"event\": \"RESUME\", \"data\": 7}\r\n{\"return\": {}, "
	    "\"id\": 2}\r\n{\"event\": \"ST");
	CU_ASSERT_EQUAL(events, 1);
	CU_ASSERT_EQUAL(a.answers, 1);
	say("OP\"}\r\n");
	CU_ASSERT_STRING_EQUAL(last_event, "STOP");
	close_qmp();
}

static void one_descriptor_is_under_way_at_a_time(void)
{
	struct seen a = { 0 }, b = { 0 }, c = { 0 };
	int fd;

	open_ready();
	qmp_command_take(qmp, "getfd", NULL, dup(0), 0, on_reply, &a);
	qmp_command_take(qmp, "add-fd", NULL, dup(0), 0, on_reply, &b);
	qmp_command_take(qmp, "stop", NULL, -1, 0, on_reply, &c);
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(&fd), "getfd"));
	CU_ASSERT(fd >= 0);
	close(fd);
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(&fd), "stop"));
	CU_ASSERT_EQUAL(fd, -1);
	say("{\"return\": {\"n\": 1}, \"id\": 3}\r\n"); /* not yet asked */
	CU_ASSERT_EQUAL(b.answers, 0);
	say("{\"return\": {}, \"id\": 2}\r\n");
	CU_ASSERT_EQUAL(a.answers, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(&fd), "add-fd"));
	CU_ASSERT(fd >= 0);
	close(fd);
	say("{\"return\": {}, \"id\": 3}\r\n");
	CU_ASSERT_EQUAL(b.answers, 1);
	close_qmp();
	CU_ASSERT_EQUAL(c.rc, -ECANCELED);
}

static void no_answer_is_an_answer_in_time(void)
{
	struct seen a = { 0 }, b = { 0 };

	open_ready();
	qmp_command_take(qmp, "getfd", NULL, dup(0), 1, on_reply, &a);
	qmp_command_take(qmp, "add-fd", NULL, dup(0), 0, on_reply, &b);
	event_base_loop(base, EVLOOP_ONCE);
	CU_ASSERT_EQUAL(a.rc, -ETIMEDOUT);
	hear(NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(NULL), "add-fd"));
	say("{\"return\": {}, \"id\": 2}\r\n");
	CU_ASSERT_EQUAL(a.answers, 1);
	CU_ASSERT_EQUAL(qmp_strays(qmp), 1);
	close_qmp();
	CU_ASSERT_EQUAL(b.rc, -ECANCELED);
}

static void no_greeting_in_time_is_the_end(void)
{
	open_qmp(1);
	event_base_loop(base, EVLOOP_ONCE);
	CU_ASSERT_STRING_EQUAL(closed, "it does not greet in time");
	close_qmp();
}

static void the_end_answers_what_waits(void)
{
	struct seen a = { 0 };

	open_ready();
	qmp_command_take(qmp, "stop", NULL, -1, 0, on_reply, &a);
	hear(NULL);
	close(peer);
	peer = -1;
	turn();
	CU_ASSERT_EQUAL(a.rc, -EPIPE);
	CU_ASSERT_STRING_EQUAL(closed,
			       "the other side closed the connection");
	CU_ASSERT_EQUAL(qmp_command_take(qmp, "stop", NULL, -1, 0, on_reply,
					 &a),
			-ENOTCONN);
	close_qmp();
}

static void callbacks_may_free(void)
{
	static const char *const causes[] = {
		"{\"event\": \"STOP\"}\r\n{\"event\": \"STOP\"}\r\n",
		"{\"return\": {}, \"id\": 2}\r\n{\"return\": {}, \"id\": 3}\n",
		"nonsense\r\nnonsense\r\n",
	};

	for (unsigned i = 0; i < 3; i++) {
		struct seen a = { 0 };

		open_ready();
		qmp_command_take(qmp, "stop", NULL, -1, 0, on_reply, &a);
		qmp_command_take(qmp, "cont", NULL, -1, 0, on_reply, &a);
		free_in_callback = true;
		say(causes[i]);
		CU_ASSERT_PTR_NULL(qmp);
		CU_ASSERT_EQUAL(a.answers, 2);
		close_qmp();
	}
}

static void commands_are_bounded(void)
{
	struct seen a = { 0 };

	open_ready();
	for (int i = 0; i < QMP_CALLS_MAX; i++)
		CU_ASSERT_EQUAL(qmp_command_take(qmp, "stop", NULL, -1, 0,
						 on_reply, &a), 0);
	CU_ASSERT_EQUAL(qmp_command_take(qmp, "stop", json_object(), dup(0), 0,
					 on_reply, &a), -EBUSY);
	close_qmp();
	CU_ASSERT_EQUAL(a.answers, QMP_CALLS_MAX);
}

/* A connection that is ready; then this; and it is closed, or goes on. */
static const struct {
	const char *what;
	const char *text;
	bool ends;
} bad_cases[] = {
	{ "nothing", "\n", true },
	{ "not JSON", "hello\n", true },
	{ "half of an object", "{\"return\": \n", true },
	{ "an array", "[{\"return\": {}}]\n", true },
	{ "a number", "7\n", true },
	{ "an object of no kind", "{\"id\": 2}\n", true },
	{ "NUL bytes in a name", "{\"event\": \"\\u0000\"}\n", true },
	{ "one key twice", "{\"return\": 1, \"return\": 2}\n", true },
	{ "no UTF-8", "{\"event\": \"\xff\xfe\"}\n", true },
	{ "a second greeting", GREETING, true },
	{ "an event that is no text", "{\"event\": 5, \"return\": 1}\n",
	  false },
	{ "an id that is a text", "{\"return\": {}, \"id\": \"2\"}\n", false },
	{ "an id that is no whole number", "{\"return\": 1, \"id\": 2.0}\n",
	  false },
	{ "a negative id", "{\"return\": {}, \"id\": -2}\n", false },
	{ "an id of the future", "{\"return\": {}, \"id\": 99}\n", false },
	{ "no id", "{\"error\": {\"desc\": \"parse error\"}}\n", false },
	{ "an error that is a number", "{\"error\": 3, \"id\": 2}\n", false },
	{ "an error that is empty", "{\"error\": {}, \"id\": 2}\n", false },
	{ "a value that is an array", "{\"return\": [], \"id\": 2}\n", false },
	{ "data that is a text", "{\"event\": \"E\", \"data\": \"x\"}\n",
	  false },
};

static void bad_words_end_it_or_are_counted(void)
{
	for (size_t i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
		struct seen a = { 0 };

		open_ready();
		qmp_command_take(qmp, "stop", NULL, -1, 0, on_reply, &a);
		say(bad_cases[i].text);
		CU_ASSERT_EQUAL(closed[0] != '\0', bad_cases[i].ends);
		if ((closed[0] != '\0') != bad_cases[i].ends)
			printf("case: %s\n", bad_cases[i].what);
		close_qmp();
		CU_ASSERT_EQUAL(a.answers, 1);
	}
}

/* Write as much as the socket takes, over and over. */
static size_t pour(const char *what, size_t len, unsigned turns)
{
	size_t total = 0;

	fcntl(peer, F_SETFL, O_NONBLOCK);
	for (unsigned i = 0; i < turns; i++) {
		ssize_t n = send(peer, what, len, MSG_NOSIGNAL);

		if (n > 0)
			total += n;
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	return total;
}

static void a_line_without_end_is_the_end(void)
{
	char part[4096];

	memset(part, 'x', sizeof(part));
	open_ready();
	pour(part, sizeof(part), 64);
	CU_ASSERT_STRING_EQUAL(closed, "a line is too long");
	close_qmp();
}

static void a_flood_is_read_at_a_pace(void)
{
	static char flood[20 * 800];
	size_t len = 0;
	struct timespec began, ended;
	double rests;

	for (int i = 0; i < 800; i++)
		len += sprintf(flood + len, "{\"event\": \"E\"}\n");
	open_ready();
	clock_gettime(CLOCK_MONOTONIC, &began);
	pour(flood, len, 2000);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	rests = (ended.tv_sec - began.tv_sec +
		 (ended.tv_nsec - began.tv_nsec) / 1e9) * 1000 /
		JSON_LINES_PACE_MS;
	CU_ASSERT(events <=
		  (rests + 1) * (JSON_LINES_PACE_BYTES + (16 << 10)) / 15);
	CU_ASSERT(events > 4000);
	CU_ASSERT_STRING_EQUAL(closed, "");
	close_qmp();
}

static void one_who_does_not_read_is_not_waited_for(void)
{
	char words[4000];
	struct seen a = { 0 };
	int rc = 0;

	memset(words, 'w', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	open_ready();
	for (int i = 0; i < QMP_CALLS_MAX && !rc; i++)
		rc = qmp_command_take(qmp, "x", json_pack("{s:s}", "w", words),
				      -1, 0, on_reply, &a);
	CU_ASSERT(rc == -ENOBUFS || rc == -EBUSY || rc == 0);
	close_qmp();
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(greets_and_negotiates),
		SUITE_TEST(answers_are_matched_by_id),
		SUITE_TEST(what_is_not_known_to_qemu_is_no_nonsense),
		SUITE_TEST(a_guest_may_say_any_number),
		SUITE_TEST(events_come_between_answers),
		SUITE_TEST(one_descriptor_is_under_way_at_a_time),
		SUITE_TEST(no_answer_is_an_answer_in_time),
		SUITE_TEST(no_greeting_in_time_is_the_end),
		SUITE_TEST(the_end_answers_what_waits),
		SUITE_TEST(callbacks_may_free),
		SUITE_TEST(commands_are_bounded),
		SUITE_TEST(bad_words_end_it_or_are_counted),
		SUITE_TEST(a_line_without_end_is_the_end),
		SUITE_TEST(a_flood_is_read_at_a_pace),
		SUITE_TEST(one_who_does_not_read_is_not_waited_for),
	};

	return suite_run("qmp", tests, sizeof(tests) / sizeof(tests[0]));
}
