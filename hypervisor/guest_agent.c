/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_agent.c: a list of questions, asked one after the other.
 *
 * Every agent since QEMU 0.14 knows some of them; a refusal is no answer and
 * the next is asked.  There are no ids to rely on: after the sync, the first
 * thing said is the answer.
 *
 * Callbacks may free the agent: each handler ends with the callback it makes.
 */
#include "hypervisor/guest_agent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <jansson.h>
#include <sys/random.h>

#include "base/rpc_wire.h"
#include "hypervisor/json_lines.h"

#define ANSWER_MS 3000
#define STRAYS_MAX 64 /* lines before the sync's answer */
#define DELIMITER '\xff'

enum phase { IDLE, SYNC, FACTS, SHUTDOWN, DEAD };

struct guest_agent {
	struct guest_agent_conf conf;
	struct json_lines *lines;
	struct event *deadline;
	enum phase phase;
	bool to_shut_down; /* after the sync */
	unsigned question; /* of FACTS */
	unsigned strays;
	json_int_t sync;
	struct guest_agent_facts facts;
};

/* --- what it says ---------------------------------------------------- */

static void take_text(char *to, size_t room, const json_t *object,
		      const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	size_t n;

	if (!text)
		return;
	n = strnlen(text, room - 1);
	while (n && (text[n] & 0xc0) == 0x80)
		n--; /* not within a character, of up to four bytes */
	memcpy(to, text, n);
	to[n] = '\0';
}

static void take_info(struct guest_agent_facts *f, const json_t *value)
{
	take_text(f->version, sizeof(f->version), value, "version");
}

static void take_os(struct guest_agent_facts *f, const json_t *value)
{
	take_text(f->os_name, sizeof(f->os_name), value, "pretty-name");
	take_text(f->os_distro, sizeof(f->os_distro), value, "id");
	take_text(f->os_version, sizeof(f->os_version), value, "version-id");
	take_text(f->os_uname, sizeof(f->os_uname), value, "kernel-release");
}

static void take_host_name(struct guest_agent_facts *f, const json_t *value)
{
	take_text(f->host_name, sizeof(f->host_name), value, "host-name");
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
	unsigned b[6];
	char more;

	if (!text || strlen(text) != 17 ||
	    sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2],
		   &b[3], &b[4], &b[5], &more) != 6)
		return false;
	for (int i = 0; i < 6; i++)
		mac[i] = b[i];
	return true;
}

static void take_address(struct guest_agent_nic *nic, const json_t *entry)
{
	const char *text =
		json_string_value(json_object_get(entry, "ip-address"));
	struct in6_addr any;
	int family;

	if (!text || nic->address_count == GUEST_AGENT_ADDRESSES_MAX)
		return;
	family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(family, text, &any) != 1)
		return;
	/* As we write it, not as it does. */
	inet_ntop(family, &any, nic->addresses[nic->address_count++],
		  GUEST_AGENT_ADDRESS_MAX);
}

static void take_nic(struct guest_agent_facts *f, const json_t *entry)
{
	const char *mac = json_string_value(
		json_object_get(entry, "hardware-address"));
	const json_t *addresses = json_object_get(entry, "ip-addresses");
	struct guest_agent_nic *nic = &f->nics[f->nic_count];
	static const uint8_t none[6];

	if (f->nic_count == GUEST_AGENT_NICS_MAX ||
	    !parse_mac(mac, nic->mac) || !memcmp(nic->mac, none, 6))
		return;
	f->nic_count++;
	take_text(nic->name, sizeof(nic->name), entry, "name");
	for (size_t i = 0; i < json_array_size(addresses); i++)
		take_address(nic, json_array_get(addresses, i));
}

static void take_nics(struct guest_agent_facts *f, const json_t *value)
{
	for (size_t i = 0; i < json_array_size(value); i++)
		take_nic(f, json_array_get(value, i));
}

static const struct {
	const char *name;
	void (*take)(struct guest_agent_facts *f, const json_t *value);
} questions[] = {
	{ "guest-info", take_info },
	{ "guest-get-osinfo", take_os },
	{ "guest-get-host-name", take_host_name },
	{ "guest-network-get-interfaces", take_nics },
};

#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))

/* --- talk ------------------------------------------------------------ */

/* A question is over; the connection too, if it failed. */
static void answer(struct guest_agent *a, int rc)
{
	bool shutdown = a->to_shut_down;

	event_del(a->deadline);
	a->phase = rc && rc != -EREMOTEIO ? DEAD : IDLE;
	if (shutdown && a->conf.on_shutdown)
		a->conf.on_shutdown(rc, a->conf.ctx);
	else if (!shutdown && a->conf.on_facts)
		a->conf.on_facts(rc, &a->facts, a->conf.ctx);
}

static void wait_for_answer(struct guest_agent *a)
{
	struct timeval wait = { a->conf.answer_ms / 1000,
				a->conf.answer_ms % 1000 * 1000 };

	event_add(a->deadline, &wait);
}

static int say(struct guest_agent *a, const char *command, json_t *args)
{
	json_t *msg = json_pack("{s:s}", "execute", command);

	if (args)
		json_object_set_new(msg, "arguments", args);
	wait_for_answer(a);
	return json_lines_send_take(a->lines, msg, -1);
}

static void ask_next(struct guest_agent *a)
{
	if (a->question == QUESTIONS)
		answer(a, 0);
	else if (say(a, questions[a->question].name, NULL))
		answer(a, -EPROTO); /* it does not even listen */
}

static void on_synced(struct guest_agent *a)
{
	a->phase = a->to_shut_down ? SHUTDOWN : FACTS;
	if (!a->to_shut_down)
		ask_next(a);
	else if (say(a, "guest-shutdown",
		     json_pack("{s:s}", "mode", "powerdown")))
		answer(a, -EPROTO);
}

/* Before the sync's answer anything may come. */
static void on_sync_line(struct guest_agent *a, const json_t *msg,
			 bool delimited)
{
	const json_t *value = json_object_get(msg, "return");

	if (delimited && json_is_integer(value) &&
	    json_integer_value(value) == a->sync)
		on_synced(a);
	else if (++a->strays > STRAYS_MAX)
		answer(a, -EPROTO);
}

static void on_fact(struct guest_agent *a, const json_t *msg)
{
	const json_t *value = json_object_get(msg, "return");

	if (value)
		questions[a->question].take(&a->facts, value);
	else if (!json_object_get(msg, "error")) {
		answer(a, -EPROTO);
		return;
	}
	a->question++;
	ask_next(a);
}

static void on_line(const char *text, size_t len, void *ctx)
{
	const char *delimiter = memrchr(text, DELIMITER, len);
	struct guest_agent *a = ctx;
	struct rpc_error err;
	json_t *msg;

	if (a->phase == IDLE || a->phase == DEAD)
		return; /* nobody asked */
	if (delimiter) {
		len -= delimiter + 1 - text;
		text = delimiter + 1;
	}
	msg = rpc_wire_parse(text, len, &err);
	if (a->phase == SYNC)
		on_sync_line(a, msg, delimiter);
	else if (!json_is_object(msg))
		answer(a, -EPROTO);
	else if (a->phase == FACTS)
		on_fact(a, msg);
	else
		answer(a, json_object_get(msg, "error") ? -EREMOTEIO : 0);
	json_decref(msg);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct guest_agent *a = arg;

	/* One that shuts down says nothing. */
	answer(a, a->phase == SHUTDOWN ? 0 : -ETIMEDOUT);
}

static void on_lines_closed(const char *why, void *ctx)
{
	struct guest_agent *a = ctx;

	event_del(a->deadline);
	a->phase = DEAD;
	a->conf.on_closed(why, a->conf.ctx);
}

static int begin(struct guest_agent *a, bool to_shut_down)
{
	/* Ends whatever the agent's parser is in the middle of. */
	static const char flush[] = { DELIMITER };
	int rc;

	if (a->phase == DEAD)
		return -EPIPE;
	if (a->phase != IDLE)
		return -EBUSY;
	a->to_shut_down = to_shut_down;
	a->question = 0;
	a->strays = 0;
	memset(&a->facts, 0, sizeof(a->facts));
	rc = json_lines_send_text(a->lines, flush, sizeof(flush));
	if (!rc)
		rc = say(a, "guest-sync-delimited",
			 json_pack("{s:I}", "id", ++a->sync));
	if (!rc)
		a->phase = SYNC;
	else
		event_del(a->deadline);
	return rc;
}

int guest_agent_ask(struct guest_agent *a)
{
	return begin(a, false);
}

int guest_agent_shutdown(struct guest_agent *a)
{
	return begin(a, true);
}

/* --- beginnings and ends --------------------------------------------- */

int guest_agent_new_take(struct guest_agent **out,
			 const struct guest_agent_conf *conf, int fd)
{
	struct json_lines_conf lines = { .base = conf->base,
					 .line_max = GUEST_AGENT_LINE_MAX,
					 .on_line = on_line,
					 .on_closed = on_lines_closed };
	struct guest_agent *a = calloc(1, sizeof(*a));
	uint32_t number = 0;

	if (!a)
		goto close_fd;
	a->conf = *conf;
	if (!a->conf.answer_ms)
		a->conf.answer_ms = ANSWER_MS;
	/* Not what somebody before us may have said. */
	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
		number = getpid();
	a->sync = number;
	a->deadline = event_new(conf->base, -1, 0, on_deadline, a);
	if (!a->deadline)
		goto free_agent;
	lines.ctx = a;
	if (!json_lines_new_take(&a->lines, &lines, fd)) {
		*out = a;
		return 0;
	}
	event_free(a->deadline);
	free(a);
	return -ENOMEM;
free_agent:
	free(a);
close_fd:
	close(fd);
	return -ENOMEM;
}

void guest_agent_free(struct guest_agent *a)
{
	if (!a)
		return;
	json_lines_free(a->lines);
	event_free(a->deadline);
	free(a);
}
