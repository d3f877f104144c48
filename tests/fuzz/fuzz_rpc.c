/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_rpc.c: a client of hostile bytes and descriptors.
 *
 * The first byte of the input says in how many pieces the rest is sent (low
 * three bits) and how many descriptors go with the first (high bits).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct event_base *base;
static struct rpc_server *srv;

static void do_echo(struct rpc_request *req, void *ctx)
{
	rpc_notify(req->conn, "note", json_incref(req->params));
	rpc_reply(req, json_incref(req->params));
}

static void do_fd(struct rpc_request *req, void *ctx)
{
	close(rpc_take_fd(req, 0));
	rpc_reply(req, NULL);
}

static void do_refuse(struct rpc_request *req, void *ctx)
{
	struct rpc_error e;

	rpc_error_json(&e, RPC_REFUSED, "params", req->params, "h", "refused");
	rpc_reply_error(req, &e);
}

static const struct rpc_method methods[] = {
	{ "e", do_echo, 0, 0 },
	{ "f", do_fd, 0, 1 },
	{ "r", do_refuse, RPC_ADMIN | RPC_FDS_OPTIONAL, 2 },
	{ NULL, NULL, 0, 0 },
};

static void quiet(const char *line)
{
	(void)line;
}

static void start(void)
{
	struct rpc_server_conf conf = RPC_SERVER_CONF_INIT;

	log_test_hooks(quiet, NULL);
	base = event_base_new();
	conf.methods = methods;
	if (rpc_server_new(&srv, base, &conf))
		abort();
}

static void send_piece(int fd, const uint8_t *data, size_t len, unsigned fds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(32 * sizeof(int))];
	} u = { .buf = "" };
	struct iovec iov = { (void *)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fds) {
		struct cmsghdr *c = &u.align;

		msg.msg_control = &u;
		msg.msg_controllen = CMSG_SPACE(fds * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fds * sizeof(int));
		for (unsigned i = 0; i < fds; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &(int){ 2 },
			       sizeof(int));
	}
	sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void turn(void)
{
	for (int i = 0; i < 4; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned pieces, fds;
	int pair[2];

	if (!size)
		return 0;
	if (!base)
		start();
	pieces = 1 + (data[0] & 7);
	fds = data[0] >> 3;
	data++;
	size--;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) ||
	    rpc_server_adopt_take(srv, pair[0]))
		abort();
	for (unsigned i = 0; i < pieces; i++) {
		size_t from = size * i / pieces;

		if (size * (i + 1) / pieces > from)
			send_piece(pair[1], data + from,
				   size * (i + 1) / pieces - from,
				   i ? 0 : fds);
		turn();
	}
	close(pair[1]);
	turn();
	if (rpc_server_conn_count(srv))
		abort();
	return 0;
}
