/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_console_relay.c: a domain that is a listening socket of the test,
 * clients that are socket pairs, and a clock that stands still.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "hypervisor/console_relay.h"
#include "tests/lib/suite.h"

#define BIG (300u << 10)

static char folder[] = "/tmp/causeway-console-relay.XXXXXX";
static char path[CONSOLE_PATH_MAX];
static struct event_base *base;
static struct console_relay *relay;
static uint64_t now;
static char heard[2 * BIG]; /* on_output */
static size_t heard_len;
static unsigned comings, goings, gone;
static struct console_client_facts last_gone;
static int listener = -1, domain = -1;
static char bytes[2 * BIG]; /* what a client or the domain has read */

static uint64_t fake_now(void)
{
	return now;
}

static void on_output(void *ctx, const char *data, size_t len)
{
	if (heard_len + len <= sizeof(heard))
		memcpy(heard + heard_len, data, len);
	heard_len += len;
}

static void on_connection(void *ctx, bool connected)
{
	comings += connected;
	goings += !connected;
}

static void on_gone(void *ctx, const struct console_client_facts *f)
{
	gone++;
	last_gone = *f;
}

/* ---- a world ------------------------------------------------------------ */

static void pump(void)
{
	unsigned i;

	for (i = 0; i < 8; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

/* Let time pass; the relay sees each step. */
static void pass(uint64_t ms)
{
	now += ms;
	console_relay_run(relay);
	pump();
}

static void listen_again(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	strcpy(sun.sun_path, path);
	unlink(path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CU_ASSERT_FATAL(!bind(listener, (struct sockaddr *)&sun, sizeof(sun)));
	CU_ASSERT_FATAL(!listen(listener, 1));
}

static void accept_relay(void)
{
	domain = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	CU_ASSERT_FATAL(domain >= 0);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void begin_without_domain(void)
{
	struct console_relay_conf conf = {
		.now_ms = fake_now, .on_output = on_output,
		.on_connection = on_connection, .on_client_gone = on_gone
	};

	base = event_base_new();
	conf.base = base;
	now = 1000;
	heard_len = comings = goings = gone = 0;
	CU_ASSERT_FATAL(!console_relay_new(&relay, &conf));
}

static void begin(void)
{
	begin_without_domain();
	listen_again();
	CU_ASSERT(!console_relay_set_path(relay, path));
	accept_relay();
}

static void end(void)
{
	console_relay_free(relay);
	close_fd(&domain);
	close_fd(&listener);
	unlink(path);
	event_base_free(base);
}

static const struct console_who alice = { 1001, 11 }, bob = { 1002, 22 };

/* A client's own end; -1 if it was refused. */
static int join(enum console_mode mode, const struct console_who *who,
		const char *first, bool *types)
{
	int pair[2];
	bool ignored;

	CU_ASSERT_FATAL(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
				    pair));
	if (!console_relay_add_take(relay, pair[0], mode, who,
				    first ? strdup(first) : NULL,
				    first ? strlen(first) : 0,
				    types ? types : &ignored))
		return pair[1];
	close(pair[1]);
	return -1;
}

/* All there is to read, as text in `bytes`. */
static const char *read_all(int fd)
{
	size_t len = 0;
	ssize_t n;

	pump();
	while (len < sizeof(bytes) - 1 &&
	       (n = recv(fd, bytes + len, sizeof(bytes) - 1 - len, 0)) > 0) {
		len += n;
		pump();
	}
	bytes[len] = '\0';
	return bytes;
}

static void say(int fd, const char *text)
{
	CU_ASSERT_EQUAL(send(fd, text, strlen(text), MSG_NOSIGNAL),
			(ssize_t)strlen(text));
	pump();
}

/* The guest writes as much as it can of len bytes. */
static size_t flood(size_t len)
{
	static char block[4096];
	size_t done = 0;

	memset(block, 'f', sizeof(block));
	while (done < len) {
		size_t want = len - done < sizeof(block) ? len - done
							 : sizeof(block);
		ssize_t n = send(domain, block, want, MSG_NOSIGNAL);

		if (n > 0)
			done += n;
		else
			break;
	}
	return done;
}

static struct console_relay_facts facts(void)
{
	struct console_relay_facts f;

	console_relay_facts(relay, &f);
	return f;
}

/* ---- output ------------------------------------------------------------- */

static void all_clients_read_what_the_guest_says(void)
{
	int a, b;

	begin();
	a = join(CONSOLE_SHARE, &alice, NULL, NULL);
	b = join(CONSOLE_WATCH, &bob, NULL, NULL);
	say(domain, "login: ");
	CU_ASSERT_STRING_EQUAL(read_all(a), "login: ");
	CU_ASSERT_STRING_EQUAL(read_all(b), "login: ");
	CU_ASSERT(heard_len == 7 && !memcmp(heard, "login: ", 7));
	CU_ASSERT_EQUAL(facts().clients, 2);
	close(a);
	close(b);
	pump();
	CU_ASSERT_EQUAL(facts().clients, 0);
	CU_ASSERT_EQUAL(gone, 2);
	end();
}

static void a_client_reads_its_history_first(void)
{
	int a;

	begin();
	say(domain, "before");
	a = join(CONSOLE_SHARE, &alice, "history\n", NULL);
	say(domain, "after");
	CU_ASSERT_STRING_EQUAL(read_all(a), "history\nafter");
	close(a);
	end();
}

static void without_clients_output_is_kept_all_the_same(void)
{
	begin();
	say(domain, "panic");
	CU_ASSERT(heard_len == 5 && !memcmp(heard, "panic", 5));
	CU_ASSERT_EQUAL(facts().output_bytes, 5);
	end();
}

/* One that never reads: the other one and the history get all of it. */
static void a_slow_client_harms_nobody(void)
{
	size_t seen = 0, said = 0;
	int slow, quick, small = 4096;
	unsigned i;

	begin();
	slow = join(CONSOLE_SHARE, &alice, NULL, NULL);
	setsockopt(slow, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	quick = join(CONSOLE_WATCH, &bob, NULL, NULL);
	for (i = 0; i < 128; i++) {
		said += flood(8192);
		pass(20);
		seen += strlen(read_all(quick));
	}
	CU_ASSERT_EQUAL(said, 128 * 8192);
	CU_ASSERT_EQUAL(seen, said);
	CU_ASSERT_EQUAL(heard_len, said);
	read_all(slow);
	CU_ASSERT_PTR_NOT_NULL(strstr(bytes, " bytes skipped]\r\n"));
	CU_ASSERT(facts().skipped_bytes > 0);
	say(domain, "still here");
	CU_ASSERT_STRING_EQUAL(read_all(slow), "still here");
	close(slow);
	close(quick);
	end();
}

static void a_guest_that_floods_is_read_at_its_rate(void)
{
	uint64_t before;
	unsigned i;

	begin();
	for (i = 0; i < 8; i++) {
		flood(BIG);
		pump();
	}
	CU_ASSERT(heard_len <= CONSOLE_RATE_BURST);
	CU_ASSERT(heard_len > CONSOLE_RATE_BURST - 8192);
	before = heard_len;
	pass(19);
	CU_ASSERT_EQUAL(heard_len, before);
	pass(21);
	CU_ASSERT(heard_len - before > 30000 && heard_len - before < 50000);
	end();
}

/* ---- input -------------------------------------------------------------- */

static void one_types_and_others_look_on(void)
{
	bool a_types, b_types;
	int a, b;

	begin();
	a = join(CONSOLE_SHARE, &alice, NULL, &a_types);
	b = join(CONSOLE_SHARE, &bob, NULL, &b_types);
	CU_ASSERT(a_types && !b_types);
	CU_ASSERT_EQUAL(facts().typist.uid, 1001);
	say(a, "ls\n");
	say(b, "rm\n");
	say(b, "rm\n");
	CU_ASSERT_STRING_EQUAL(read_all(domain), "ls\n");
	CU_ASSERT_STRING_EQUAL(read_all(b),
			       "\r\n[causeway: uid 1001 (pid 11) types here; "
			       "you look on]\r\n");
	close(a);
	pump();
	CU_ASSERT_EQUAL(last_gone.typed, 3);
	CU_ASSERT_STRING_EQUAL(read_all(b),
			       "\r\n[causeway: you type now]\r\n");
	say(b, "pwd\n");
	CU_ASSERT_STRING_EQUAL(read_all(domain), "pwd\n");
	close(b);
	end();
}

static void typing_can_be_taken_over(void)
{
	bool types;
	int a, b;

	begin();
	a = join(CONSOLE_SHARE, &alice, NULL, NULL);
	b = join(CONSOLE_TAKE, &bob, NULL, &types);
	CU_ASSERT(types);
	CU_ASSERT_STRING_EQUAL(read_all(a),
			       "\r\n[causeway: uid 1002 (pid 22) types now; "
			       "you look on]\r\n");
	say(a, "x");
	say(b, "y");
	CU_ASSERT_STRING_EQUAL(read_all(domain), "y");
	close(b);
	pump();
	say(a, "z");
	CU_ASSERT_STRING_EQUAL(read_all(domain), "z");
	close(a);
	end();
}

static void who_watches_never_types(void)
{
	bool types;
	int a;

	begin();
	a = join(CONSOLE_WATCH, &alice, NULL, &types);
	CU_ASSERT(!types && !facts().has_typist);
	say(a, "x");
	CU_ASSERT_STRING_EQUAL(read_all(domain), "");
	CU_ASSERT_PTR_NOT_NULL(strstr(read_all(a), "you only look on"));
	close(a);
	end();
}

/* The typist waits in its own socket; the guest gets it in its own time. */
static void a_guest_that_does_not_read_makes_the_typist_wait(void)
{
	static char block[4096];
	size_t typed = 0, got = 0;
	ssize_t n;
	int a;

	begin();
	memset(block, 't', sizeof(block));
	a = join(CONSOLE_SHARE, &alice, NULL, NULL);
	while ((n = send(a, block, sizeof(block), MSG_NOSIGNAL)) > 0) {
		typed += n;
		pump();
	}
	CU_ASSERT(errno == EAGAIN && typed > sizeof(block));
	say(domain, "busy");
	CU_ASSERT_STRING_EQUAL(read_all(a), "busy");
	while ((n = strlen(read_all(domain))) > 0)
		got += n;
	CU_ASSERT_EQUAL(got, typed);
	close(a);
	end();
}

static void a_typist_that_goes_while_waiting_is_noticed(void)
{
	static char block[4096];
	int a, b;

	begin();
	a = join(CONSOLE_SHARE, &alice, NULL, NULL);
	b = join(CONSOLE_SHARE, &bob, NULL, NULL);
	while (send(a, block, sizeof(block), MSG_NOSIGNAL) > 0)
		pump();
	close(a);
	pump();
	CU_ASSERT_EQUAL(facts().clients, 2);
	pass(1000);
	CU_ASSERT_EQUAL(facts().clients, 1);
	CU_ASSERT_EQUAL(facts().typist.uid, 1002);
	close(b);
	end();
}

static void a_client_that_closes_half_goes_on_reading(void)
{
	int a;

	begin();
	a = join(CONSOLE_SHARE, &alice, NULL, NULL);
	say(a, "halt\n");
	shutdown(a, SHUT_WR);
	pump();
	CU_ASSERT(!facts().has_typist);
	CU_ASSERT_STRING_EQUAL(read_all(domain), "halt\n");
	say(domain, "halting");
	CU_ASSERT_STRING_EQUAL(read_all(a), "halting");
	close(a);
	pass(1000);
	CU_ASSERT_EQUAL(facts().clients, 0);
	end();
}

/* ---- domains that come and go ------------------------------------------- */

static void it_connects_again_when_the_domain_restarts(void)
{
	int a;

	begin();
	a = join(CONSOLE_SHARE, &alice, NULL, NULL);
	pass(2000);
	close_fd(&domain);
	close_fd(&listener);
	pump();
	CU_ASSERT(!facts().connected && goings == 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(read_all(a), "has closed its console"));
	say(a, "dropped");
	CU_ASSERT_PTR_NOT_NULL(strstr(read_all(a), "input is dropped"));
	pass(50);
	CU_ASSERT(facts().error == -ECONNREFUSED);
	listen_again();
	pass(CONSOLE_RETRY_MAX_MS);
	accept_relay();
	CU_ASSERT(facts().connected && facts().connects == 2 && comings == 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(read_all(a), "connected to"));
	say(a, "root\n");
	CU_ASSERT_STRING_EQUAL(read_all(domain), "root\n");
	close(a);
	end();
}

static void it_tries_less_and_less_often(void)
{
	unsigned tries = 0;
	int error;

	begin_without_domain();
	CU_ASSERT(!console_relay_set_path(relay, path));
	for (error = -ENOENT; now < 61000; pass(10)) {
		if (facts().error != error)
			continue;
		tries++;
		/* the next try finds something else */
		error = error == -ENOENT ? -ECONNREFUSED : -ENOENT;
		if (error == -ENOENT) {
			unlink(path);
		} else {
			listen_again();
			close_fd(&listener);
		}
	}
	CU_ASSERT(tries >= 15 && tries <= 25);
	listen_again();
	CU_ASSERT(!console_relay_set_path(relay, path)); /* at once */
	CU_ASSERT(facts().connected);
	end();
}

static void a_domain_that_hangs_up_is_not_called_in_a_loop(void)
{
	unsigned connects = 0;

	begin_without_domain();
	listen_again();
	CU_ASSERT(!console_relay_set_path(relay, path));
	for (; now < 31000; pass(10)) {
		domain = accept4(listener, NULL, NULL, 0);
		connects += domain >= 0;
		close_fd(&domain);
	}
	CU_ASSERT(connects >= 8 && connects <= 20);
	end();
}

static void output_before_the_first_accept_is_not_lost(void)
{
	begin_without_domain();
	listen_again();
	CU_ASSERT(!console_relay_set_path(relay, path));
	CU_ASSERT(facts().connected); /* in the backlog */
	accept_relay();
	say(domain, "SeaBIOS");
	CU_ASSERT(heard_len == 7 && !memcmp(heard, "SeaBIOS", 7));
	end();
}

static void without_a_path_nothing_is_tried(void)
{
	char longer[200];

	begin();
	CU_ASSERT(!console_relay_set_path(relay, NULL));
	CU_ASSERT(!facts().connected && !facts().has_path);
	CU_ASSERT_STRING_EQUAL(read_all(domain), "");
	pass(100000);
	CU_ASSERT_EQUAL(facts().connects, 1);
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	CU_ASSERT_EQUAL(console_relay_set_path(relay, longer), -ENAMETOOLONG);
	end();
}

static void there_is_a_limit_to_clients(void)
{
	int fds[CONSOLE_CLIENTS_MAX];
	unsigned i;

	begin();
	for (i = 0; i < CONSOLE_CLIENTS_MAX; i++) {
		fds[i] = join(CONSOLE_SHARE, &alice, "h", NULL);
		CU_ASSERT(fds[i] >= 0);
	}
	CU_ASSERT_EQUAL(join(CONSOLE_TAKE, &bob, "h", NULL), -1);
	close(fds[3]);
	pump();
	fds[3] = join(CONSOLE_SHARE, &bob, "h", NULL);
	CU_ASSERT(fds[3] >= 0);
	for (i = 0; i < CONSOLE_CLIENTS_MAX; i++)
		close(fds[i]);
	end();
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(all_clients_read_what_the_guest_says),
		SUITE_TEST(a_client_reads_its_history_first),
		SUITE_TEST(without_clients_output_is_kept_all_the_same),
		SUITE_TEST(a_slow_client_harms_nobody),
		SUITE_TEST(a_guest_that_floods_is_read_at_its_rate),
		SUITE_TEST(one_types_and_others_look_on),
		SUITE_TEST(typing_can_be_taken_over),
		SUITE_TEST(who_watches_never_types),
		SUITE_TEST(a_guest_that_does_not_read_makes_the_typist_wait),
		SUITE_TEST(a_typist_that_goes_while_waiting_is_noticed),
		SUITE_TEST(a_client_that_closes_half_goes_on_reading),
		SUITE_TEST(it_connects_again_when_the_domain_restarts),
		SUITE_TEST(it_tries_less_and_less_often),
		SUITE_TEST(a_domain_that_hangs_up_is_not_called_in_a_loop),
		SUITE_TEST(output_before_the_first_accept_is_not_lost),
		SUITE_TEST(without_a_path_nothing_is_tried),
		SUITE_TEST(there_is_a_limit_to_clients),
	};
	int rc;

	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/serial.sock", folder);
	rc = suite_run("console_relay", tests,
		       sizeof(tests) / sizeof(tests[0]));
	rmdir(folder);
	return rc;
}
