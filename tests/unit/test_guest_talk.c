/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a guest agent is asked; agents are socketpairs, time is a number. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/socket.h>

#include "hypervisor/guest_talk.h"
#include "tests/lib/suite.h"

static struct event_base *base;
static struct guest_talk *talk;
static uint64_t time_ms;
static int peer = -1; /* the agent's end; -1: nobody listens */
static int connect_rc;
static unsigned connects, asks, heards, turns;
static bool free_in_turn;

static uint64_t now_ms(void *ctx)
{
	return time_ms;
}

static int connect_agent(void *ctx)
{
	int fds[2];

	connects++;
	if (connect_rc)
		return connect_rc;
	if (peer >= 0)
		close(peer);
	CU_ASSERT_FATAL(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	peer = fds[1];
	return fds[0];
}

static void on_ask(void *ctx)
{
	asks++;
}

static void on_turn(bool heard, void *ctx)
{
	turns++;
	heards += heard;
	if (free_in_turn) {
		guest_talk_free(talk);
		talk = NULL;
	}
}

static void begin(void)
{
	struct guest_talk_conf conf = { .now_ms = now_ms,
					.connect = connect_agent,
					.on_ask = on_ask,
					.on_turn = on_turn };

	base = event_base_new();
	conf.base = base;
	time_ms = 1000000;
	connect_rc = 0;
	connects = asks = heards = turns = 0;
	free_in_turn = false;
	CU_ASSERT_FATAL(!guest_talk_new(&talk, &conf));
}

static void end(void)
{
	guest_talk_free(talk);
	if (peer >= 0)
		close(peer);
	peer = -1;
	event_base_free(base);
}

static void loop(void)
{
	for (int i = 0; i < 10; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void say(const char *text, size_t len)
{
	CU_ASSERT_EQUAL(send(peer, text, len, MSG_NOSIGNAL), (ssize_t)len);
	loop();
}

/* The agent answers the sync, then every question with these words. */
static void agent_says(const char *answer)
{
	char buf[4096], text[64];
	const char *id;
	ssize_t n;

	loop();
	n = recv(peer, buf, sizeof(buf) - 1, MSG_DONTWAIT);
	CU_ASSERT_FATAL(n > 0);
	buf[n] = '\0';
	id = strstr(buf, "\"id\":");
	CU_ASSERT_PTR_NOT_NULL_FATAL(id);
	snprintf(text, sizeof(text), "\xff{\"return\": %ld}\n",
		 strtol(id + 5, NULL, 10));
	say(text, strlen(text));
	for (int i = 0; i < 4 && talk && recv(peer, buf, sizeof(buf),
					      MSG_DONTWAIT) > 0; i++)
		say(answer, strlen(answer));
}

/* Review when it is due. */
static void pass(uint64_t due)
{
	CU_ASSERT(due > time_ms);
	time_ms = due;
	guest_talk_review(talk, true);
}

static void one_that_answers_is_asked_every_ten_seconds(void)
{
	uint64_t at, due;

	begin();
	due = guest_talk_review(talk, true);
	CU_ASSERT_EQUAL(due, time_ms + GUEST_TALK_PAUSE_MIN_MS);
	CU_ASSERT_EQUAL(connects, 0);
	pass(due);
	CU_ASSERT_EQUAL(asks, 1);
	CU_ASSERT_EQUAL(guest_talk_review(talk, true), 0);
	agent_says("{\"return\": {\"version\": \"7.2\", "
		   "\"host-name\": \"web\"}}\n");
	CU_ASSERT_EQUAL(heards, 1);
	CU_ASSERT_EQUAL(guest_talk_state(talk), GUEST_TALK_ANSWERS);
	CU_ASSERT_STRING_EQUAL(guest_talk_heard(talk, &at)->host_name, "web");
	CU_ASSERT_EQUAL(at, time_ms);
	due = guest_talk_review(talk, true);
	CU_ASSERT_EQUAL(due, time_ms + GUEST_TALK_REFRESH_MS);
	pass(due);
	CU_ASSERT_EQUAL(asks, 2);
	CU_ASSERT_EQUAL(connects, 1);
	end();
}

static void one_that_is_absent_is_looked_for_ever_more_rarely(void)
{
	uint64_t pause = GUEST_TALK_PAUSE_MIN_MS, due;

	begin();
	connect_rc = -ECONNREFUSED;
	due = guest_talk_review(talk, true);
	for (int i = 0; i < 12; i++) {
		CU_ASSERT_EQUAL(due, time_ms + pause);
		time_ms = due;
		due = guest_talk_review(talk, true);
		if (i)
			pause *= 2;
		if (pause > GUEST_TALK_PAUSE_MAX_MS)
			pause = GUEST_TALK_PAUSE_MAX_MS;
	}
	CU_ASSERT_EQUAL(pause, GUEST_TALK_PAUSE_MAX_MS);
	CU_ASSERT_EQUAL(connects, 12);
	CU_ASSERT_EQUAL(guest_talk_state(talk), GUEST_TALK_ABSENT);
	end();
}

static void what_a_silent_one_said_is_kept(void)
{
	uint64_t at, heard;

	begin();
	pass(guest_talk_review(talk, true));
	agent_says("{\"return\": {\"host-name\": \"web\"}}\n");
	heard = time_ms;
	pass(guest_talk_review(talk, true));
	close(peer);
	peer = -1;
	loop();
	CU_ASSERT_EQUAL(turns, 2);
	CU_ASSERT_EQUAL(guest_talk_state(talk), GUEST_TALK_SILENT);
	CU_ASSERT_STRING_EQUAL(guest_talk_heard(talk, &at)->host_name, "web");
	CU_ASSERT_EQUAL(at, heard);
	pass(guest_talk_review(talk, true));
	CU_ASSERT_EQUAL(connects, 2);
	agent_says("{\"return\": {\"host-name\": \"db\"}}\n");
	CU_ASSERT_EQUAL(guest_talk_state(talk), GUEST_TALK_ANSWERS);
	CU_ASSERT_STRING_EQUAL(guest_talk_heard(talk, &at)->host_name, "db");
	end();
}

static void one_that_talks_nonsense_is_as_good_as_absent(void)
{
	uint64_t due, last = 0;

	begin();
	due = guest_talk_review(talk, true);
	for (int i = 0; i < 10; i++) {
		pass(due);
		agent_says("nonsense\n");
		due = guest_talk_review(talk, true);
		CU_ASSERT(due - time_ms >= last);
		last = due - time_ms;
	}
	CU_ASSERT_EQUAL(last, GUEST_TALK_PAUSE_MAX_MS);
	CU_ASSERT_EQUAL(heards, 0);
	CU_ASSERT_PTR_NULL(guest_talk_heard(talk, &due));
	end();
}

static void a_guest_that_stands_still_is_not_asked(void)
{
	uint64_t due;

	begin();
	connect_rc = -ECONNREFUSED;
	due = guest_talk_review(talk, true);
	for (int i = 0; i < 8; i++)
		pass(due), due = guest_talk_review(talk, true);
	CU_ASSERT_EQUAL(due, time_ms + GUEST_TALK_PAUSE_MAX_MS);
	CU_ASSERT_EQUAL(guest_talk_review(talk, false), 0);
	time_ms += 1000000;
	CU_ASSERT_EQUAL(guest_talk_review(talk, false), 0);
	CU_ASSERT_EQUAL(connects, 8);
	/* it may be another one now */
	CU_ASSERT_EQUAL(guest_talk_review(talk, true),
			time_ms + GUEST_TALK_PAUSE_MIN_MS);
	end();
}

static void a_change_is_asked_for_soon(void)
{
	uint64_t due;

	begin();
	due = guest_talk_review(talk, true);
	guest_talk_soon(talk);
	CU_ASSERT_EQUAL(guest_talk_review(talk, true), due);
	pass(due);
	agent_says("{\"return\": {}}\n");
	guest_talk_soon(talk);
	CU_ASSERT_EQUAL(guest_talk_review(talk, true),
			time_ms + GUEST_TALK_SOON_MS);
	end();
}

static void it_may_be_freed_when_a_turn_is_over(void)
{
	begin();
	free_in_turn = true;
	pass(guest_talk_review(talk, true));
	agent_says("nonsense\n");
	CU_ASSERT_PTR_NULL(talk);
	end();

	begin();
	free_in_turn = true;
	pass(guest_talk_review(talk, true));
	close(peer);
	peer = -1;
	loop();
	CU_ASSERT_PTR_NULL(talk);
	end();
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(one_that_answers_is_asked_every_ten_seconds),
		SUITE_TEST(one_that_is_absent_is_looked_for_ever_more_rarely),
		SUITE_TEST(what_a_silent_one_said_is_kept),
		SUITE_TEST(one_that_talks_nonsense_is_as_good_as_absent),
		SUITE_TEST(a_guest_that_stands_still_is_not_asked),
		SUITE_TEST(a_change_is_asked_for_soon),
		SUITE_TEST(it_may_be_freed_when_a_turn_is_over),
	};

	return suite_run("guest_talk", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
