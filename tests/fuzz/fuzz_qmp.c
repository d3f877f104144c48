/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_qmp.c: a QEMU that says anything.  The input is what it writes, after
 * a greeting if its first byte is odd; commands wait for answers meanwhile.
 * Each must have exactly one, and the connection must end with its socket.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/socket.h>

#include "hypervisor/qmp.h"

#define COMMANDS 4
#define GREETING "{\"QMP\":{}}\n{\"return\":{},\"id\":1}\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct qmp *qmp;
static unsigned asked, answers;
static bool closed;

static void on_reply(const struct qmp_reply *reply, void *arg)
{
	assert(reply->text && !*(const char *)arg);
	answers++;
}

static void on_ready(void *ctx)
{
	for (int i = 0; i < COMMANDS; i++)
		if (!qmp_command_take(qmp, "query-status", NULL,
				      i % 2 ? dup(0) : -1, 0, on_reply, ""))
			asked++;
}

static void on_event(const char *name, const json_t *data, void *ctx)
{
	assert(json_is_object(data) && strlen(name) <= QMP_LINE_MAX);
	if (!strcmp(name, "ASK"))
		on_ready(ctx);
}

static void on_closed(const char *why, void *ctx)
{
	assert(*why && !closed);
	closed = true;
}

static void talk(struct event_base *base, const uint8_t *data, size_t size)
{
	struct qmp_conf conf = { .base = base,
				 .on_ready = on_ready,
				 .on_event = on_event,
				 .on_closed = on_closed };
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds))
		abort();
	if (qmp_new_take(&qmp, &conf, fds[0]))
		abort();
	if (size && data[0] % 2)
		assert(write(fds[1], GREETING, strlen(GREETING)) > 0);
	for (size_t off = 1; off < size && !closed;) {
		size_t part = size - off < 4096 ? size - off : 4096;
		ssize_t n = send(fds[1], data + off, part, MSG_NOSIGNAL);

		off += n > 0 ? (size_t)n : 0;
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	close(fds[1]);
	for (int i = 0; i < 8 && !closed; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct event_base *base = event_base_new();

	if (size > 64 << 10) /* below the pace, so that nothing rests */
		size = 64 << 10;
	asked = 0;
	answers = 0;
	closed = false;
	talk(base, data, size);
	assert(closed);
	assert(answers == asked);
	qmp_free(qmp);
	event_base_free(base);
	return 0;
}
