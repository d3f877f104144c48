/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_rpc.c: the server against raw bytes, and the client against it.
 *
 * Most tests hold the far end of a socketpair and turn the loop by hand, so
 * nothing waits for a clock.  The client blocks, so its tests run the server
 * in a thread.
 */
#include <CUnit/Basic.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/log.h"
#include "base/rpc.h"

static struct {
	struct event_base *base;
	struct rpc_server *srv;
	struct rpc_request *kept;
	struct rpc_conn *conn; /* of the last request */
	unsigned handled;
	unsigned closed;
	bool admit;
	char dir[64];
	char path[96];
} t;

static void quiet(const char *line)
{
	(void)line;
}

static unsigned open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* --- the server's methods ----------------------------------------------- */

static void do_echo(struct rpc_request *req, void *ctx)
{
	t.handled++;
	t.conn = req->conn;
	rpc_reply(req, json_incref(req->params));
}

static void do_later(struct rpc_request *req, void *ctx)
{
	t.handled++;
	t.kept = req;
}

static void do_fd(struct rpc_request *req, void *ctx)
{
	int fd = rpc_take_fd(req, 0);

	t.handled++;
	rpc_reply_fds(req, NULL, &fd, 1);
}

static void do_huge(struct rpc_request *req, void *ctx)
{
	size_t n = json_integer_value(json_object_get(req->params, "n"));
	char *text = malloc(n + 1);

	memset(text, 'x', n);
	text[n] = '\0';
	rpc_reply(req, json_string(text));
	free(text);
}

static void do_notify(struct rpc_request *req, void *ctx)
{
	rpc_notify(req->conn, "note", json_pack("{s:i}", "n", 1));
	rpc_notify(req->conn, "note", json_pack("{s:i}", "n", 2));
	rpc_reply(req, NULL);
}

static void do_refuse(struct rpc_request *req, void *ctx)
{
	rpc_refuse(req, RPC_REFUSED, "a.b[0]", "17", "1 to 16", "too many: %d",
		   17);
}

static void do_hang_up(struct rpc_request *req, void *ctx)
{
	struct rpc_conn *conn = req->conn;

	rpc_reply(req, NULL);
	rpc_conn_close(conn);
}

static void do_stop(struct rpc_request *req, void *ctx)
{
	rpc_reply(req, NULL);
	event_base_loopexit(t.base, NULL);
}

static const struct rpc_method methods[] = {
	{ "echo", do_echo, 0, 0 },
	{ "later", do_later, 0, 0 },
	{ "fd", do_fd, 0, 1 },
	{ "huge", do_huge, 0, 0 },
	{ "notify", do_notify, 0, 0 },
	{ "refuse", do_refuse, 0, 0 },
	{ "hang_up", do_hang_up, 0, 0 },
	{ "stop", do_stop, RPC_ADMIN, 0 },
	{ NULL, NULL, 0, 0 },
};

static bool admit(const struct rpc_peer *peer, void *ctx)
{
	return t.admit;
}

static void on_close(struct rpc_conn *conn, void *user, void *ctx)
{
	t.closed++;
}

static void server_start(const char *path, unsigned deadline_ms)
{
	struct rpc_server_conf conf = RPC_SERVER_CONF_INIT;

	t.base = event_base_new();
	t.handled = t.closed = 0;
	t.kept = NULL;
	t.admit = true;
	conf.path = path;
	conf.methods = methods;
	conf.admit = admit;
	conf.on_close = on_close;
	conf.deadline_ms = deadline_ms;
	CU_ASSERT_EQUAL_FATAL(rpc_server_new(&t.srv, t.base, &conf), 0);
}

static void server_stop(void)
{
	rpc_server_free(t.srv);
	event_base_free(t.base);
}

static void pump(void)
{
	for (int i = 0; i < 8; i++)
		event_base_loop(t.base, EVLOOP_NONBLOCK);
}

static int dial(void)
{
	int fds[2];

	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);
	CU_ASSERT_EQUAL(rpc_server_adopt_take(t.srv, fds[0]), 0);
	return fds[1];
}

static void say(int fd, const char *text)
{
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	pump();
}

/* What waits at our end, as text; "" when nothing, "<eof>" when closed. */
static const char *hear(int fd)
{
	static char buf[65536];
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return "<eof>";
	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

static void say_with_fds(int fd, const char *text, unsigned n)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(64 * sizeof(int))];
	} u = { .buf = "" };
	struct iovec iov = { (void *)text, strlen(text) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &u,
			      .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	for (unsigned i = 0; i < n; i++)
		((int *)CMSG_DATA(c))[i] = STDIN_FILENO;
	CU_ASSERT_EQUAL(sendmsg(fd, &msg, 0), (ssize_t)strlen(text));
	pump();
}

#define REQ(id, method, params)                                               \
	"{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"method\":\"" method            \
	"\",\"params\":" params "}\n"

/* --- messages ----------------------------------------------------------- */

static void request_is_answered_with_its_id(void)
{
	int fd;

	server_start(NULL, 0);
	fd = dial();
	say(fd, REQ("seven", "echo", "{\"a\":1}"));
	CU_ASSERT_STRING_EQUAL(hear(fd), "{\"jsonrpc\":\"2.0\",\"id\":\"seven\","
					 "\"result\":{\"a\":1}}\n");
	close(fd);
	pump();
	CU_ASSERT_EQUAL(t.closed, 1);
	CU_ASSERT_EQUAL(rpc_server_conn_count(t.srv), 0);
	server_stop();
}

static void notification_is_handled_and_not_answered(void)
{
	int fd;

	server_start(NULL, 0);
	fd = dial();
	say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}\n");
	CU_ASSERT_EQUAL(t.handled, 1);
	CU_ASSERT_STRING_EQUAL(hear(fd), "");
	close(fd);
	server_stop();
}

static void request_of_a_client_that_hung_up_is_not_carried_out(void)
{
	const char *one = REQ(1, "echo", "{}");
	ssize_t n = strlen(one);
	int fd;

	server_start(NULL, 0);
	fd = dial();
	CU_ASSERT_EQUAL(write(fd, one, n), n);
	close(fd);
	pump();
	CU_ASSERT_EQUAL(t.handled, 0);
	CU_ASSERT_EQUAL(t.closed, 1);
	fd = dial(); /* one that only has nothing more to say */
	CU_ASSERT_EQUAL(write(fd, one, n), n);
	shutdown(fd, SHUT_WR);
	pump();
	CU_ASSERT_EQUAL(t.handled, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(fd), "result"));
	close(fd);
	server_stop();
}

static void message_may_come_byte_by_byte_or_many_at_once(void)
{
	const char *one = REQ(1, "echo", "{}");
	int fd;

	server_start(NULL, 0);
	fd = dial();
	for (const char *p = one; *p; p++) {
		CU_ASSERT_EQUAL(t.handled, 0);
		CU_ASSERT_EQUAL(write(fd, p, 1), 1);
		pump();
	}
	CU_ASSERT_EQUAL(t.handled, 1);
	say(fd, REQ(2, "echo", "{}") REQ(3, "echo", "{}") REQ(4, "echo", "{}"));
	CU_ASSERT_EQUAL(t.handled, 4);
	close(fd);
	server_stop();
}

static void bad_json_is_refused_and_the_connection_goes_on(void)
{
	static const struct {
		const char *text;
		const char *code;
	} cases[] = {
		{ "{\n", "-32700" },
		{ "\n", "-32700" },
		{ "\xff\xfe\n", "-32700" },
		{ "{\"a\":1,\"a\":2}\n", "-32700" },
		{ "[]\n", "-32600" },
		{ "{\"jsonrpc\":\"1.0\",\"method\":\"echo\"}\n", "-32600" },
		{ "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"echo\"}\n",
		  "-32600" },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}\n", "-32600" },
		{ REQ(1, "echo", "[1]"), "-32602" },
		{ REQ(1, "nothing", "{}"), "-32601" },
	};
	int fd;

	server_start(NULL, 0);
	fd = dial();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		say(fd, cases[i].text);
		CU_ASSERT_PTR_NOT_NULL(strstr(hear(fd), cases[i].code));
	}
	say(fd, REQ(9, "echo", "{}"));
	CU_ASSERT_EQUAL(t.handled, 1);
	close(fd);
	server_stop();
}

static void nesting_and_number_of_values_are_bounded(void)
{
	size_t n = RPC_VALUES_MAX + 2;
	char *text = malloc(2 * n + 2);
	int fd;

	server_start(NULL, 0);
	fd = dial();
	memset(text, '[', 100);
	strcpy(text + 100, "\n");
	say(fd, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(fd), "levels"));
	for (size_t i = 0; i < n; i++)
		memcpy(text + 2 * i, "1,", 2);
	text[0] = '[';
	strcpy(text + 2 * n, "\n");
	for (size_t off = 0; off < 2 * n + 1;) {
		ssize_t w = write(fd, text + off, 2 * n + 1 - off);

		off += w > 0 ? w : 0;
		pump();
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(fd), "values"));
	free(text);
	close(fd);
	server_stop();
}

static void giant_message_ends_its_connection_only(void)
{
	static char block[65536];
	int fd, other;
	size_t sent = 0;

	server_start(NULL, 0);
	fd = dial();
	other = dial();
	memset(block, 'x', sizeof(block));
	while (sent <= RPC_MESSAGE_MAX + sizeof(block)) {
		ssize_t n = send(fd, block, sizeof(block), MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			break;
		sent += n > 0 ? n : 0;
		pump();
	}
	CU_ASSERT(sent <= RPC_MESSAGE_MAX + 4 * sizeof(block));
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(fd), "longer than"));
	CU_ASSERT_STRING_EQUAL(hear(fd), "<eof>");
	say(other, REQ(1, "echo", "{}"));
	CU_ASSERT_EQUAL(t.handled, 1);
	close(fd);
	close(other);
	server_stop();
}

static void half_message_is_cut_off_at_its_deadline(void)
{
	int fd, silent, idle;

	server_start(NULL, 5);
	idle = dial();
	say(idle, REQ(1, "echo", "{}"));
	hear(idle);
	silent = dial();
	fd = dial();
	say(fd, "{\"jsonrpc\":");
	while (t.closed < 2)
		event_base_loop(t.base, EVLOOP_ONCE);
	CU_ASSERT_STRING_EQUAL(hear(fd), "<eof>");
	CU_ASSERT_STRING_EQUAL(hear(silent), "<eof>");
	/* One that has spoken may be silent for as long as it likes. */
	CU_ASSERT_STRING_EQUAL(hear(idle), "");
	CU_ASSERT_EQUAL(rpc_server_conn_count(t.srv), 1);
	close(fd);
	close(silent);
	close(idle);
	server_stop();
}

/* --- descriptors -------------------------------------------------------- */

static void descriptors_come_and_go(void)
{
	unsigned before = open_fds();
	int fd;

	server_start(NULL, 0);
	fd = dial();
	say_with_fds(fd, REQ(1, "fd", "{}"), 1);
	CU_ASSERT_EQUAL(t.handled, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(fd), "\"result\":null"));
	close(fd);
	server_stop();
	CU_ASSERT_EQUAL(open_fds(), before);
}

static void wrong_number_of_descriptors_is_refused_without_leak(void)
{
	unsigned before;
	int fd;

	server_start(NULL, 0);
	fd = dial();
	before = open_fds();
	for (int i = 0; i < 1000; i++) {
		say_with_fds(fd, REQ(1, "echo", "{}"), 1);
		say_with_fds(fd, REQ(2, "fd", "{}"), 2);
		say_with_fds(fd, REQ(3, "fd", "{}"), 40);
		say_with_fds(fd, "garbage\n", 3);
		hear(fd);
	}
	say(fd, REQ(4, "fd", "{}"));
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(fd), "takes 1 descriptors"));
	CU_ASSERT_EQUAL(t.handled, 0);
	CU_ASSERT_EQUAL(open_fds(), before);
	/* With half a message, then gone. */
	say_with_fds(fd, "{", 5);
	close(fd);
	pump();
	CU_ASSERT_EQUAL(open_fds(), before - 2);
	server_stop();
}

static void descriptors_belong_to_the_message_they_came_with(void)
{
	int fd;

	server_start(NULL, 0);
	fd = dial();
	say(fd, REQ(1, "echo", "{}") "{\"jsonrpc\":\"2.0\",");
	say_with_fds(fd, "\"id\":2,\"method\":\"fd\"}\n", 1);
	CU_ASSERT_EQUAL(t.handled, 2);
	CU_ASSERT_PTR_NULL(strstr(hear(fd), "error"));
	close(fd);
	server_stop();
}

/* --- slow and gone clients ---------------------------------------------- */

static void client_that_does_not_read_is_not_read_either(void)
{
	const char *ask = REQ(1, "huge", "{\"n\":300000}");
	unsigned answers = 0;
	ssize_t n = 0;
	char *buf = malloc(1 << 20);
	int fd;

	server_start(NULL, 0);
	fd = dial();
	for (int i = 0; i < 20; i++)
		say(fd, ask);
	while (answers < 20) {
		n = read(fd, buf, 1 << 20);
		for (ssize_t i = 0; i < n; i++)
			answers += buf[i] == '\n';
		pump();
		if (n == 0)
			break;
	}
	CU_ASSERT_EQUAL(answers, 20);
	free(buf);
	close(fd);
	server_stop();
}

static void notes_to_a_slow_client_are_lost_not_kept(void)
{
	int fd, lost = 0;

	server_start(NULL, 0);
	fd = dial();
	say(fd, REQ(1, "echo", "{}"));
	for (int i = 0; i < 100000 && !lost; i++)
		lost = rpc_notify(t.conn, "note",
				  json_pack("{s:s}", "text",
					    "0123456789012345678901234567"));
	CU_ASSERT_EQUAL(lost, -ENOBUFS);
	close(fd);
	pump();
	CU_ASSERT_EQUAL(t.closed, 1);
	server_stop();
}

static void disconnect_in_mid_reply_frees_everything(void)
{
	unsigned before = open_fds();
	int fd;

	server_start(NULL, 0);
	fd = dial();
	say(fd, REQ(1, "huge", "{\"n\":3000000}"));
	hear(fd);
	close(fd);
	pump();
	CU_ASSERT_EQUAL(t.closed, 1);
	server_stop();
	CU_ASSERT_EQUAL(open_fds(), before);
}

static void answer_larger_than_a_message_becomes_an_error(void)
{
	int fd;

	server_start(NULL, 0);
	fd = dial();
	say(fd, REQ(1, "huge", "{\"n\":5000000}"));
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(fd), "-32603"));
	close(fd);
	server_stop();
}

static void late_answer_reaches_an_open_connection(void)
{
	int fd;

	server_start(NULL, 0);
	fd = dial();
	say(fd, REQ(5, "later", "{}"));
	CU_ASSERT_STRING_EQUAL(hear(fd), "");
	rpc_reply(t.kept, json_true());
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(fd), "\"id\":5,\"result\":true"));
	close(fd);
	server_stop();
}

static void late_answer_to_a_closed_connection_is_dropped(void)
{
	struct rpc_conn *conn;
	int fd;

	server_start(NULL, 0);
	fd = dial();
	say(fd, REQ(5, "later", "{}"));
	close(fd);
	pump();
	CU_ASSERT_EQUAL(t.closed, 1);
	conn = t.kept->conn;
	CU_ASSERT_EQUAL(rpc_notify(conn, "note", NULL), -ENOBUFS);
	rpc_reply(t.kept, json_true());
	server_stop();
}

static void unanswered_requests_of_a_connection_are_bounded(void)
{
	struct rpc_request *kept[RPC_PENDING_MAX + 8];
	unsigned n = 0;
	int fd;

	server_start(NULL, 0);
	fd = dial();
	for (unsigned i = 0; i < RPC_PENDING_MAX + 8; i++) {
		say(fd, REQ(1, "later", "{}"));
		if (t.handled > n)
			kept[n++] = t.kept;
	}
	CU_ASSERT_EQUAL(n, RPC_PENDING_MAX);
	for (unsigned i = 0; i < n; i++) {
		unsigned handled = t.handled;

		rpc_reply(kept[i], NULL);
		pump();
		if (t.handled > handled && n < RPC_PENDING_MAX + 8)
			kept[n++] = t.kept;
	}
	CU_ASSERT_EQUAL(t.handled, RPC_PENDING_MAX + 8);
	close(fd);
	server_stop();
}

static void handler_may_close_its_connection(void)
{
	int fd;

	server_start(NULL, 0);
	fd = dial();
	say(fd, REQ(1, "hang_up", "{}") REQ(2, "echo", "{}"));
	CU_ASSERT_EQUAL(t.handled, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(fd), "result"));
	CU_ASSERT_STRING_EQUAL(hear(fd), "<eof>");
	close(fd);
	server_stop();
}

/* --- the door ----------------------------------------------------------- */

static void peer_that_is_not_admitted_is_told_so(void)
{
	int fds[2];

	server_start(NULL, 0);
	t.admit = false;
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds);
	CU_ASSERT_EQUAL(rpc_server_adopt_take(t.srv, fds[0]), -EACCES);
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(fds[1]), "-32001"));
	CU_ASSERT_STRING_EQUAL(hear(fds[1]), "<eof>");
	close(fds[1]);
	server_stop();
}

static void connections_are_bounded(void)
{
	int fds[RPC_CONNS_MAX][2], extra[2];

	server_start(NULL, 0);
	for (int i = 0; i < RPC_CONNS_MAX; i++) {
		socketpair(AF_UNIX, SOCK_STREAM, 0, fds[i]);
		CU_ASSERT_EQUAL(rpc_server_adopt_take(t.srv, fds[i][0]), 0);
	}
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, extra);
	CU_ASSERT_EQUAL(rpc_server_adopt_take(t.srv, extra[0]), -EMFILE);
	CU_ASSERT_PTR_NOT_NULL(strstr(hear(extra[1]), "-32002"));
	close(extra[1]);
	for (int i = 0; i < RPC_CONNS_MAX; i++)
		close(fds[i][1]);
	server_stop();
	CU_ASSERT_EQUAL(t.closed, RPC_CONNS_MAX);
}

static void group_membership_is_primary_or_supplementary(void)
{
	struct rpc_peer peer = { .gid = 5, .group_count = 2,
				 .groups = { 7, 9 } };

	CU_ASSERT_TRUE(rpc_peer_in_group(&peer, 5));
	CU_ASSERT_TRUE(rpc_peer_in_group(&peer, 9));
	CU_ASSERT_FALSE(rpc_peer_in_group(&peer, 8));
	peer.gid = (gid_t)-1;
	CU_ASSERT_FALSE(rpc_peer_in_group(&peer, (gid_t)-1));
}

static void stale_socket_is_replaced_a_live_one_is_not(void)
{
	struct rpc_server_conf conf = RPC_SERVER_CONF_INIT;
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct rpc_server *second;
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(sun.sun_path, t.path);
	CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	server_start(t.path, 0);
	CU_ASSERT_EQUAL(stat(t.path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
	conf.path = t.path;
	conf.methods = methods;
	CU_ASSERT_EQUAL(rpc_server_new(&second, t.base, &conf), -EADDRINUSE);
	server_stop();
	CU_ASSERT_EQUAL(stat(t.path, &st), -1);
	fd = open(t.path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	t.base = event_base_new();
	CU_ASSERT_EQUAL(rpc_server_new(&second, t.base, &conf), -EEXIST);
	event_base_free(t.base);
	unlink(t.path);
}

/* --- the client --------------------------------------------------------- */

static void *serve(void *unused)
{
	event_base_dispatch(t.base);
	return NULL;
}

static struct rpc_client *client_start(pthread_t *thread)
{
	struct rpc_client *c = NULL;
	struct rpc_error e;

	server_start(t.path, 0);
	pthread_create(thread, NULL, serve, NULL);
	CU_ASSERT_EQUAL_FATAL(rpc_client_open(&c, t.path, &e), 0);
	return c;
}

static void client_stop(struct rpc_client *c, pthread_t thread)
{
	struct rpc_error e;

	CU_ASSERT_EQUAL(rpc_call(c, "stop", NULL, NULL, 5000, NULL, &e), 0);
	pthread_join(thread, NULL);
	rpc_client_close(c);
	server_stop();
}

static void client_gets_results_and_refusals(void)
{
	pthread_t thread;
	struct rpc_client *c = client_start(&thread);
	struct rpc_error e;
	json_t *result;

	CU_ASSERT_EQUAL(rpc_call(c, "echo", json_pack("{s:i}", "x", 4), NULL,
				 5000, &result, &e), 0);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(result, "x")), 4);
	json_decref(result);
	CU_ASSERT_EQUAL(rpc_call(c, "refuse", NULL, NULL, 5000, &result, &e),
			-EREMOTEIO);
	CU_ASSERT_EQUAL(e.code, RPC_REFUSED);
	CU_ASSERT_STRING_EQUAL(e.message, "too many: 17");
	CU_ASSERT_STRING_EQUAL(e.path, "a.b[0]");
	CU_ASSERT_STRING_EQUAL(e.value, "17");
	CU_ASSERT_STRING_EQUAL(e.hint, "1 to 16");
	client_stop(c, thread);
}

static void client_passes_descriptors_both_ways(void)
{
	pthread_t thread;
	struct rpc_client *c = client_start(&thread);
	struct rpc_fds fds = { .send = (int[]){ STDOUT_FILENO },
			       .send_count = 1 };
	struct stat a, b;
	struct rpc_error e;

	CU_ASSERT_EQUAL(rpc_call(c, "fd", NULL, &fds, 5000, NULL, &e), 0);
	CU_ASSERT_EQUAL_FATAL(fds.received_count, 1);
	fstat(STDOUT_FILENO, &a);
	fstat(fds.received[0], &b);
	CU_ASSERT_EQUAL(a.st_ino, b.st_ino);
	close(fds.received[0]);
	client_stop(c, thread);
}

static void client_keeps_notes_that_come_before_an_answer(void)
{
	pthread_t thread;
	struct rpc_client *c = client_start(&thread);
	struct rpc_error e;
	json_t *params;
	char *method;

	CU_ASSERT_EQUAL(rpc_call(c, "notify", NULL, NULL, 5000, NULL, &e), 0);
	for (int i = 1; i <= 2; i++) {
		CU_ASSERT_EQUAL_FATAL(rpc_client_next(c, 0, &method, &params),
				      1);
		CU_ASSERT_STRING_EQUAL(method, "note");
		CU_ASSERT_EQUAL(json_integer_value(
					json_object_get(params, "n")), i);
		free(method);
		json_decref(params);
	}
	CU_ASSERT_EQUAL(rpc_client_next(c, 0, &method, &params), 0);
	client_stop(c, thread);
}

static void client_gives_up_at_its_deadline(void)
{
	pthread_t thread;
	struct rpc_client *c = client_start(&thread), *other;
	struct rpc_error e;

	CU_ASSERT_EQUAL(rpc_call(c, "later", NULL, NULL, 1, NULL, &e),
			-ETIMEDOUT);
	CU_ASSERT_EQUAL(e.code, 0);
	CU_ASSERT_EQUAL(rpc_call(c, "echo", NULL, NULL, 1, NULL, &e), -EPIPE);
	rpc_client_close(c);
	CU_ASSERT_EQUAL_FATAL(rpc_client_open(&other, t.path, &e), 0);
	CU_ASSERT_EQUAL(rpc_call(other, "stop", NULL, NULL, 5000, NULL, &e), 0);
	pthread_join(thread, NULL);
	rpc_client_close(other);
	if (t.kept)
		rpc_reply(t.kept, NULL);
	server_stop();
}

static void client_says_who_is_not_there(void)
{
	struct rpc_client *c;
	struct rpc_error e;

	CU_ASSERT_EQUAL(rpc_client_open(&c, "/nowhere/at/all", &e), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(e.message, "/nowhere/at/all"));
	CU_ASSERT_STRING_NOT_EQUAL(e.hint, "");
}

static const CU_TestInfo tests[] = {
#define T(fn) { #fn, fn }
	T(request_is_answered_with_its_id),
	T(notification_is_handled_and_not_answered),
	T(request_of_a_client_that_hung_up_is_not_carried_out),
	T(message_may_come_byte_by_byte_or_many_at_once),
	T(bad_json_is_refused_and_the_connection_goes_on),
	T(nesting_and_number_of_values_are_bounded),
	T(giant_message_ends_its_connection_only),
	T(half_message_is_cut_off_at_its_deadline),
	T(descriptors_come_and_go),
	T(wrong_number_of_descriptors_is_refused_without_leak),
	T(descriptors_belong_to_the_message_they_came_with),
	T(client_that_does_not_read_is_not_read_either),
	T(notes_to_a_slow_client_are_lost_not_kept),
	T(disconnect_in_mid_reply_frees_everything),
	T(answer_larger_than_a_message_becomes_an_error),
	T(late_answer_reaches_an_open_connection),
	T(late_answer_to_a_closed_connection_is_dropped),
	T(unanswered_requests_of_a_connection_are_bounded),
	T(handler_may_close_its_connection),
	T(peer_that_is_not_admitted_is_told_so),
	T(connections_are_bounded),
	T(group_membership_is_primary_or_supplementary),
	T(stale_socket_is_replaced_a_live_one_is_not),
	T(client_gets_results_and_refusals),
	T(client_passes_descriptors_both_ways),
	T(client_keeps_notes_that_come_before_an_answer),
	T(client_gives_up_at_its_deadline),
	T(client_says_who_is_not_there),
#undef T
	CU_TEST_INFO_NULL,
};

int main(void)
{
	CU_pSuite suite;
	unsigned failures;

	strcpy(t.dir, "/tmp/causeway-test-rpc-XXXXXX");
	if (!mkdtemp(t.dir) || CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	snprintf(t.path, sizeof(t.path), "%s/s", t.dir);
	log_test_hooks(quiet, NULL);
	suite = CU_add_suite("rpc", NULL, NULL);
	for (const CU_TestInfo *i = tests; i->pName; i++)
		CU_add_test(suite, i->pName, i->pTestFunc);
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	rmdir(t.dir);
	libevent_global_shutdown();
	return failures ? 1 : 0;
}
