/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_switch_netd.c: a netd that lives, hangs, comes back and goes.  The test
 * stands in for netd: a client is one end of a socket pair.
 */
#include "vswitch/switch_netd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/socket.h>

#include "tests/lib/suite.h"

struct netd_client {
	int fd, far;
	bool timed_out;
};

static struct sw sw;
static enum { LIVES, HANGS, GONE, REFUSES } netd;
static struct netd_client *last; /* that was opened */
static unsigned opened, closed, waited_ms;

int netd_client_open(struct netd_client **out, const char *path,
		     struct rpc_error *err)
{
	struct netd_client *c;
	int pair[2];

	if (netd == GONE)
		return -ECONNREFUSED;
	c = calloc(1, sizeof(*c));
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_FATAL(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	c->fd = pair[0];
	c->far = pair[1];
	opened++;
	*out = last = c;
	return 0;
}

void netd_client_close(struct netd_client *c)
{
	if (!c)
		return;
	close(c->fd);
	close(c->far);
	closed++;
	free(c);
}

int netd_client_fd(const struct netd_client *c)
{
	return c->fd;
}

bool netd_client_timed_out(const struct netd_client *c)
{
	return c->timed_out;
}

int netd_ping(struct netd_client *c, int timeout_ms, struct rpc_error *err)
{
	if (netd == REFUSES)
		return -EREMOTEIO;
	if (netd == LIVES)
		return 0;
	waited_ms += timeout_ms;
	c->timed_out = true;
	return -ETIMEDOUT;
}

static void begin(void)
{
	memset(&sw, 0, sizeof(sw));
	sw.base = event_base_new();
	netd = LIVES;
	opened = closed = waited_ms = 0;
}

static void end(void)
{
	switch_netd_fini(&sw);
	event_base_free(sw.base);
	CU_ASSERT_EQUAL(opened, closed);
}

static int converse(void)
{
	struct netd_client *c;
	struct rpc_error err;
	int rc = switch_netd_open(&sw, &c, &err);

	if (!rc)
		switch_netd_close(&sw, c);
	if (rc == -ETIMEDOUT)
		CU_ASSERT(strstr(err.message, "does not answer") != NULL);
	return rc;
}

/* What libevent has to say, without waiting. */
static void turn(void)
{
	event_base_loop(sw.base, EVLOOP_NONBLOCK);
}

static void netd_that_lives_is_asked(void)
{
	begin();
	CU_ASSERT_EQUAL(converse(), 0);
	CU_ASSERT_EQUAL(converse(), 0);
	netd = REFUSES; /* which is an answer */
	CU_ASSERT_EQUAL(converse(), 0);
	netd = GONE;
	CU_ASSERT_EQUAL(converse(), -ECONNREFUSED);
	CU_ASSERT_EQUAL(waited_ms, 0);
	end();
}

static void netd_that_hangs_is_waited_for_once(void)
{
	unsigned i;

	begin();
	netd = HANGS;
	for (i = 0; i < 100; i++) {
		CU_ASSERT_EQUAL(converse(), -ETIMEDOUT);
		turn();
	}
	CU_ASSERT_EQUAL(waited_ms, SWITCH_NETD_WAIT_MS);
	CU_ASSERT_EQUAL(opened, 1);
	end();
}

static void netd_that_answers_at_last_is_asked_again(void)
{
	begin();
	netd = HANGS;
	CU_ASSERT_EQUAL(converse(), -ETIMEDOUT);
	netd = LIVES;
	CU_ASSERT_EQUAL(converse(), -ETIMEDOUT);
	CU_ASSERT_EQUAL(write(last->far, "x", 1), 1);
	turn();
	CU_ASSERT_EQUAL(converse(), 0);
	end();
}

static void netd_that_dies_of_it_is_asked_again(void)
{
	begin();
	netd = HANGS;
	CU_ASSERT_EQUAL(converse(), -ETIMEDOUT);
	netd = GONE;
	shutdown(last->far, SHUT_RDWR);
	turn();
	CU_ASSERT_EQUAL(converse(), -ECONNREFUSED);
	netd = LIVES;
	CU_ASSERT_EQUAL(converse(), 0);
	end();
}

static void call_that_is_given_up_is_hung_up_and_waited_for_no_more(void)
{
	struct netd_client *c;
	struct rpc_error err;

	begin();
	CU_ASSERT_EQUAL_FATAL(switch_netd_open(&sw, &c, &err), 0);
	netd = HANGS;
	c->timed_out = true;
	switch_netd_close(&sw, c);
	CU_ASSERT_EQUAL(closed, 1);
	CU_ASSERT_EQUAL(converse(), -ETIMEDOUT);
	CU_ASSERT_EQUAL(waited_ms, 0);
	netd = LIVES;
	CU_ASSERT_EQUAL(write(last->far, "x", 1), 1);
	turn();
	CU_ASSERT_EQUAL(converse(), 0);
	end();
}

static void netd_that_was_only_slow_is_asked_at_once(void)
{
	struct netd_client *c;
	struct rpc_error err;

	begin();
	CU_ASSERT_EQUAL_FATAL(switch_netd_open(&sw, &c, &err), 0);
	c->timed_out = true;
	switch_netd_close(&sw, c);
	CU_ASSERT_EQUAL(converse(), 0);
	end();
}

static const struct suite_test tests[] = {
	SUITE_TEST(netd_that_lives_is_asked),
	SUITE_TEST(netd_that_hangs_is_waited_for_once),
	SUITE_TEST(netd_that_answers_at_last_is_asked_again),
	SUITE_TEST(netd_that_dies_of_it_is_asked_again),
	SUITE_TEST(call_that_is_given_up_is_hung_up_and_waited_for_no_more),
	SUITE_TEST(netd_that_was_only_slow_is_asked_at_once),
};

int main(void)
{
	return suite_run("switch_netd", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
