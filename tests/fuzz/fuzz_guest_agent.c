/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_guest_agent.c: a guest agent that says anything.
 *
 * The first byte says whether our sync is answered (1), whether the agent is
 * asked to shut down (2), and whether each callback frees it (4).  The rest is
 * what it says, in parts that end with a NUL: to each part a question.  A
 * question has one answer at most, none before the sync's; facts are texts
 * and addresses that are what they say, however the guest wrote them.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <jansson.h>
#include <sys/socket.h>

#include "hypervisor/guest_agent.h"

enum { SYNCS = 1, SHUTS_DOWN = 2, FREES = 4 };

#define NEVER_MS 1000000
#define PARTS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct event_base *base;
static struct guest_agent *agent;
static int peer;
static unsigned flags;
static bool under_way, failed, closed;

/* What is no UTF-8 is no JSON text. */
static void check_text(const char *text, size_t room)
{
	json_t *string;

	assert(strnlen(text, room) < room);
	string = json_string(text);
	assert(string);
	json_decref(string);
}

static void check_nic(const struct guest_agent_nic *nic)
{
	static const uint8_t none[6];
	struct in6_addr any;

	check_text(nic->name, sizeof(nic->name));
	assert(memcmp(nic->mac, none, sizeof(none)));
	assert(nic->address_count <= GUEST_AGENT_ADDRESSES_MAX);
	for (unsigned i = 0; i < nic->address_count; i++) {
		const char *text = nic->addresses[i];
		int family = strchr(text, ':') ? AF_INET6 : AF_INET;

		assert(inet_pton(family, text, &any) == 1);
	}
}

static void check_facts(const struct guest_agent_facts *f)
{
	check_text(f->version, sizeof(f->version));
	check_text(f->os_name, sizeof(f->os_name));
	check_text(f->os_distro, sizeof(f->os_distro));
	check_text(f->os_version, sizeof(f->os_version));
	check_text(f->os_uname, sizeof(f->os_uname));
	check_text(f->host_name, sizeof(f->host_name));
	assert(f->nic_count <= GUEST_AGENT_NICS_MAX);
	for (unsigned i = 0; i < f->nic_count; i++)
		check_nic(&f->nics[i]);
}

static void maybe_free(void)
{
	if (!(flags & FREES))
		return;
	guest_agent_free(agent);
	agent = NULL;
}

static void answered(int rc)
{
	assert(under_way && !closed);
	under_way = false;
	failed = rc == -EPROTO;
	maybe_free();
}

static void on_facts(int rc, const struct guest_agent_facts *facts, void *ctx)
{
	assert(!(flags & SHUTS_DOWN));
	assert(!rc || rc == -EPROTO);
	check_facts(facts);
	answered(rc);
}

static void on_shutdown(int rc, void *ctx)
{
	assert(flags & SHUTS_DOWN);
	assert(!rc || rc == -EPROTO || rc == -EREMOTEIO);
	answered(rc);
}

static void on_closed(const char *why, void *ctx)
{
	assert(*why && !closed);
	closed = true;
	maybe_free();
}

static void turn(void)
{
	for (int i = 0; i < 4 && !closed; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void say(const char *text, size_t len)
{
	while (len && agent && !closed) {
		size_t part = len < 4096 ? len : 4096;
		ssize_t n = send(peer, text, part, MSG_NOSIGNAL);

		text += n > 0 ? n : 0;
		len -= n > 0 ? n : 0;
		turn();
	}
}

static int ask(void)
{
	return flags & SHUTS_DOWN ? guest_agent_shutdown(agent) :
				    guest_agent_ask(agent);
}

/* What we say, up to now. */
static const char *hear(void)
{
	static char said[4096];
	ssize_t n = recv(peer, said, sizeof(said) - 1, MSG_DONTWAIT);

	said[n > 0 ? n : 0] = '\0';
	return said;
}

static void begin(void)
{
	char text[64];
	const char *id;

	hear();
	if (under_way || failed) {
		assert(ask() == (failed ? -EPIPE : -EBUSY));
		return;
	}
	assert(!ask());
	under_way = true;
	turn();
	id = strstr(hear(), "\"id\":");
	assert(id);
	if (!(flags & SYNCS))
		return;
	snprintf(text, sizeof(text), "\xff{\"return\": %ld}\n",
		 strtol(id + 5, NULL, 10));
	say(text, strlen(text));
}

static void talk(const char *text, size_t len)
{
	for (int i = 0; i < PARTS_MAX && len && agent && !closed; i++) {
		const char *end = memchr(text, '\0', len);
		size_t n = end ? (size_t)(end - text) : len;

		begin();
		say(text, n);
		n += !!end;
		text += n;
		len -= n;
	}
}

static void open_agent(void)
{
	struct guest_agent_conf conf = { .base = base,
					 .answer_ms = NEVER_MS,
					 .on_facts = on_facts,
					 .on_shutdown = on_shutdown,
					 .on_closed = on_closed };
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) ||
	    guest_agent_new_take(&agent, &conf, fds[0]))
		abort();
	peer = fds[1];
	under_way = false;
	failed = false;
	closed = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (size > 64 << 10) /* below the pace, so that nothing rests */
		size = 64 << 10;
	flags = data[0];
	base = event_base_new();
	open_agent();
	talk((const char *)data + 1, size - 1);
	close(peer);
	if (agent)
		turn();
	assert(closed || !agent);
	guest_agent_free(agent);
	agent = NULL;
	event_base_free(base);
	return 0;
}
