/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_gate.c: one round of questions serves all who want to know.
 *
 * A round is ports.list, page by page, since a switch may have thousands of
 * ports; at its end each question is looked up in the whole list.  The next
 * round begins a while after the last one has ended, so there is never more
 * than one on its way.
 */
#include "hypervisor/switch_gate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <sys/queue.h>

#include "base/rpc_link.h"

#define PAGE 500

struct port {
	char *name;
	char *socket;
	uint8_t mac[6];
	uint32_t mtu;
	unsigned queues;
};

struct question {
	TAILQ_ENTRY(question) next;
	struct port ports[SWITCH_GATE_PORTS_MAX];
	unsigned count;
	switch_gate_fn fn;
	void *arg;
	char why[SWITCH_GATE_WHY_MAX]; /* as told last */
	bool looked_at;		       /* in this round */
};

struct switch_gate {
	struct rpc_link *link;
	struct event *timer; /* the next round */
	TAILQ_HEAD(, question) questions;
	json_t *list; /* of the round on its way; NULL: none */
};

static void next_round_in(struct switch_gate *gate, unsigned ms)
{
	const struct timeval tv = { .tv_sec = ms / 1000,
				    .tv_usec = ms % 1000 * 1000 };

	event_add(gate->timer, &tv);
}

static void question_free(struct switch_gate *gate, struct question *q)
{
	TAILQ_REMOVE(&gate->questions, q, next);
	for (unsigned i = 0; i < q->count; i++) {
		free(q->ports[i].name);
		free(q->ports[i].socket);
	}
	free(q);
}

/* --- what the switch says ---------------------------------------------- */

static const json_t *find_port(const json_t *ports, const char *name)
{
	const json_t *port;
	size_t i;

	json_array_foreach((json_t *)ports, i, port) {
		const char *its = json_string_value(
			json_object_get(port, "name"));

		if (its && !strcmp(its, name))
			return port;
	}
	return NULL;
}

static bool is_mac(const json_t *text, const uint8_t *mac)
{
	char want[18];

	snprintf(want, sizeof(want), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
		 mac[1], mac[2], mac[3], mac[4], mac[5]);
	return !strcmp(json_string_value(text), want);
}

/* Has the port less of it than is wanted?  One that does not say has not. */
static bool has_less(const json_t *port, const char *key, uint32_t want,
		     json_int_t *has)
{
	const json_t *value = json_object_get(port, key);

	*has = json_integer_value(value);
	return json_is_integer(value) && *has < want;
}

/* The switch would send a guest away that asks for more. */
static bool is_enough(const json_t *port, const struct switch_gate_port *want,
		      char *why, size_t size)
{
	json_int_t has;

	if (has_less(port, "queues_max", want->queues, &has))
		snprintf(why, size, "the VIF's queues are %u, and the switch's "
				    "port %s has %lld", want->queues,
			 want->name, (long long)has);
	else if (has_less(port, "mtu", want->mtu, &has))
		snprintf(why, size, "the VIF's mtu is %u, and that of the "
				    "switch's port %s is %lld", want->mtu,
			 want->name, (long long)has);
	else
		return true;
	return false;
}

bool switch_gate_check(const json_t *ports,
		       const struct switch_gate_port *want, char *why,
		       size_t size)
{
	const json_t *port = find_port(ports, want->name);
	const json_t *mac = json_object_get(port, "mac");
	const char *path = json_string_value(json_object_get(port, "socket"));

	if (!port)
		snprintf(why, size, "the switch has no port %s yet",
			 want->name);
	else if (!path)
		snprintf(why, size, "the switch's port %s is not one of a "
				    "guest: it has no socket", want->name);
	else if (strcmp(path, want->socket))
		snprintf(why, size, "the switch's port %s is on the socket "
				    "%.80s, not on %.80s",
			 want->name, path, want->socket);
	else if (json_is_string(mac) && !is_mac(mac, want->mac))
		snprintf(why, size, "the switch's port %s has another MAC "
				    "address: %.20s", want->name,
			 json_string_value(mac));
	else
		return is_enough(port, want, why, size);
	return false;
}

/* --- rounds ------------------------------------------------------------ */

static bool is_ready(const struct question *q, const json_t *list, char *why)
{
	for (unsigned i = 0; i < q->count; i++) {
		const struct switch_gate_port want = {
			q->ports[i].name, q->ports[i].socket, q->ports[i].mac,
			q->ports[i].mtu, q->ports[i].queues
		};

		if (!switch_gate_check(list, &want, why, SWITCH_GATE_WHY_MAX))
			return false;
	}
	return true;
}

/* Frees the question when it is answered. */
static void tell(struct switch_gate *gate, struct question *q, bool ready,
		 const char *why)
{
	switch_gate_fn fn = q->fn;
	void *arg = q->arg;

	if (ready) {
		question_free(gate, q);
		fn(true, "", arg);
	} else if (strcmp(q->why, why)) {
		snprintf(q->why, sizeof(q->why), "%s", why);
		fn(false, why, arg);
	}
}

static struct question *next_question(struct switch_gate *gate)
{
	struct question *q;

	TAILQ_FOREACH(q, &gate->questions, next)
		if (!q->looked_at)
			return q;
	return NULL;
}

/* Callbacks may stop this or any other question, and ask new ones. */
static void tell_all(struct switch_gate *gate, const json_t *list,
		     const char *no_list)
{
	char why[SWITCH_GATE_WHY_MAX];
	struct question *q;

	TAILQ_FOREACH(q, &gate->questions, next)
		q->looked_at = false;
	while ((q = next_question(gate))) {
		bool ready = !q->count;

		q->looked_at = true;
		snprintf(why, sizeof(why), "%s", no_list ? no_list : "");
		if (list && !ready)
			ready = is_ready(q, list, why);
		tell(gate, q, ready, why);
	}
	if (!TAILQ_EMPTY(&gate->questions))
		next_round_in(gate, SWITCH_GATE_ASK_MS);
}

static void end_round(struct switch_gate *gate, const char *no_list)
{
	json_t *list = gate->list;

	gate->list = NULL;
	tell_all(gate, no_list ? NULL : list, no_list);
	json_decref(list);
}

static void ask_page(struct switch_gate *gate);

static void on_page(const json_t *result, const struct rpc_error *err,
		    void *arg)
{
	const json_t *ports = json_object_get(result, "ports");
	struct switch_gate *gate = arg;
	char why[SWITCH_GATE_WHY_MAX];

	if (!json_is_array(ports)) {
		snprintf(why, sizeof(why), "the switch cannot be asked: %.200s",
			 result ? "it does not list its ports" :
				  err->message);
		end_round(gate, why);
		return;
	}
	json_array_extend(gate->list, (json_t *)ports);
	if (json_is_true(json_object_get(result, "more")) &&
	    json_array_size(ports))
		ask_page(gate);
	else
		end_round(gate, NULL);
}

static void ask_page(struct switch_gate *gate)
{
	json_t *params = json_pack("{s:I, s:i}", "skip",
				   (json_int_t)json_array_size(gate->list),
				   "limit", PAGE);
	char why[SWITCH_GATE_WHY_MAX];
	int rc = rpc_link_call(gate->link, "ports.list", params, -1, on_page,
			       gate);

	if (!rc)
		return;
	snprintf(why, sizeof(why), "the switch cannot be asked: %s",
		 rc == -ENOTCONN ? rpc_link_why(gate->link) : strerror(-rc));
	end_round(gate, why);
}

static void on_timer(int fd, short what, void *arg)
{
	struct switch_gate *gate = arg;

	if (gate->list || TAILQ_EMPTY(&gate->questions))
		return;
	gate->list = json_array();
	ask_page(gate);
}

static void on_up(void *ctx)
{
	on_timer(-1, 0, ctx);
}

/* --- interface --------------------------------------------------------- */

int switch_gate_new(struct switch_gate **out, struct event_base *base,
		    const char *path)
{
	struct switch_gate *gate = calloc(1, sizeof(*gate));
	const struct rpc_link_conf conf = {
		.base = base,
		.path = path,
		.call_ms = SWITCH_GATE_ANSWER_MS,
		.on_up = on_up,
		.ctx = gate,
	};

	if (!gate)
		return -ENOMEM;
	TAILQ_INIT(&gate->questions);
	gate->timer = event_new(base, -1, 0, on_timer, gate);
	if (!gate->timer || rpc_link_new(&gate->link, &conf) < 0) {
		switch_gate_free(gate);
		return -ENOMEM;
	}
	*out = gate;
	return 0;
}

void switch_gate_free(struct switch_gate *gate)
{
	if (!gate)
		return;
	while (!TAILQ_EMPTY(&gate->questions))
		question_free(gate, TAILQ_FIRST(&gate->questions));
	rpc_link_free(gate->link);
	if (gate->timer)
		event_free(gate->timer);
	json_decref(gate->list);
	free(gate);
}

static struct question *find(struct switch_gate *gate, const void *arg)
{
	struct question *q;

	TAILQ_FOREACH(q, &gate->questions, next)
		if (q->arg == arg)
			return q;
	return NULL;
}

int switch_gate_ask(struct switch_gate *gate,
		    const struct switch_gate_port *ports, unsigned count,
		    switch_gate_fn fn, void *arg)
{
	struct question *q;

	if (find(gate, arg))
		return -EEXIST;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->fn = fn;
	q->arg = arg;
	TAILQ_INSERT_TAIL(&gate->questions, q, next);
	for (unsigned i = 0; i < count; i++) {
		struct port *p = &q->ports[q->count++];

		p->name = strdup(ports[i].name);
		p->socket = strdup(ports[i].socket);
		memcpy(p->mac, ports[i].mac, sizeof(p->mac));
		p->mtu = ports[i].mtu;
		p->queues = ports[i].queues;
		if (!p->name || !p->socket) {
			question_free(gate, q);
			return -ENOMEM;
		}
	}
	next_round_in(gate, 0);
	return 0;
}

void switch_gate_stop(struct switch_gate *gate, const void *arg)
{
	struct question *q = find(gate, arg);

	if (q)
		question_free(gate, q);
}
