/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_agent.c: see host_agent.h.
 *
 * The question that goes before is store.watch of data/updated: that watch is
 * needed anyway, may be asked for again, and when there is no such tree the
 * answer says so.
 */
#include "hypervisor/host_agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/rpc_link.h"
#include "hypervisor/guest_facts.h"
#include "hypervisor/guest_info.h"
#include "hypervisor/guest_talk.h"
#include "hypervisor/host_domain.h"
#include "hypervisor/json_lines.h"
#include "hypervisor/xenstore_client.h"

#define CALL_MS 2000

struct host_agent {
	struct host_domain *hd;
	struct guest_talk *talk;
	uint64_t talk_ms; /* when it wants to be reviewed; 0: not */
	struct guest_info_nodes last; /* what we have written of it */
	bool known;	/* ...and that this is all of it */
	bool to_write;	/* the agent has spoken since */
	bool to_read;
	bool asking; /* xenstored */
	uint64_t next_ms; /* not before */
	json_t *facts;	  /* NULL: not known now */
	uint64_t facts_ms;
};

/* --- into the store and back ----------------------------------------------- */

static int write_facts(struct host_agent *a, const struct guest_agent_facts *f,
		       struct rpc_error *err)
{
	const struct host_domain *hd = a->hd;
	struct guest_info_nodes now = GUEST_INFO_NODES_INIT;
	struct guest_info_agent said;

	guest_info_agent_from(&said, f);
	if (hd->has_facts) {
		said.memory_total_kib = hd->facts.guest_total_bytes >> 10;
		said.memory_free_kib = hd->facts.guest_available_bytes >> 10;
	}
	guest_info_agent(hd->want, &said, guest_info_add, &now);
	return guest_info_publish(hd->host->store, hd->uuid, &a->last, &now,
				  err);
}

static int publish(struct host_agent *a, struct rpc_error *err)
{
	const struct host_domain *hd = a->hd;
	const struct guest_agent_facts *f;
	uint64_t at;
	int rc = 0;

	f = guest_talk_heard(a->talk, &at);
	if (!a->to_write || !f || !hd->want)
		return 0;
	if (!a->known)
		rc = guest_info_recall(hd->host->store, hd->uuid, &a->last,
				       err);
	if (!rc)
		rc = write_facts(a, f, err);
	a->known = !rc;
	a->to_write = rc != 0;
	return rc;
}

static void forget_facts(struct host_agent *a)
{
	json_decref(a->facts);
	a->facts = NULL;
}

/* A guest that says too much is not to fill the answer about all of them. */
static void bound(json_t *facts)
{
	static const char *const most[] = { "other", "networks", "os_version",
					    "PV_drivers_version" };

	for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
		if (json_dumpb(facts, NULL, 0, JSON_COMPACT) <=
		    HOST_AGENT_FACTS_MAX)
			return;
		json_object_set_new(facts, most[i], json_object());
		json_object_set_new(facts, "cut", json_true());
	}
}

static int read_back(struct host_agent *a, struct rpc_error *err)
{
	json_t *facts;
	int rc;

	if (!a->to_read)
		return 0;
	forget_facts(a);
	rc = guest_facts_read(a->hd->host->store, a->hd->uuid, &facts, err);
	if (rc)
		return rc;
	bound(facts);
	a->facts = facts;
	a->facts_ms = host_now_ms();
	a->to_read = false;
	return 0;
}

/* The watch tells of changes; there is no tree: it is to be made. */
static void make_tree(struct host_agent *a)
{
	a->known = false;
	forget_facts(a);
	if (a->hd->store == HOST_STORE_DONE)
		a->hd->store = HOST_STORE_LOOK;
}

static void on_answer(const json_t *result, const struct rpc_error *refused,
		      void *arg)
{
	struct host_agent *a = arg;
	struct rpc_error err = { .code = 0 };
	uint64_t pause = HOST_AGENT_PAUSE_MS;
	int rc = 0;

	a->asking = false;
	if (result) {
		rc = publish(a, &err);
		if (!rc)
			rc = read_back(a, &err);
	} else if (refused->code == RPC_NOT_FOUND) {
		make_tree(a);
	}
	if (rc < 0) {
		log_limited(LOG_LEVEL_WARN, 0, "%s: the guest's part of the "
			    "store: %s", a->hd->name, err.message);
		pause = HOST_AGENT_FAILED_MS;
	}
	a->next_ms = host_now_ms() + pause;
	host_settle(a->hd);
}

/* When to call next; 0: no need. */
static uint64_t ask_store(struct host_agent *a)
{
	struct host *h = a->hd->host;
	json_t *params;

	/* on_up, a tree that is made: both come back here */
	if (a->asking || !(a->to_write || a->to_read) ||
	    a->hd->store != HOST_STORE_DONE || !rpc_link_is_up(h->trees))
		return 0;
	if (host_now_ms() < a->next_ms)
		return a->next_ms;
	params = json_pack("{s:s, s:s}", "uuid", a->hd->uuid, "path",
			   GUEST_INFO_UPDATED);
	a->asking = !rpc_link_call(h->trees, "store.watch", params, -1,
				   on_answer, a);
	if (!a->asking)
		a->next_ms = host_now_ms() + HOST_AGENT_PAUSE_MS;
	return a->asking ? 0 : a->next_ms;
}

/* --- what the link says ---------------------------------------------------- */

/* Another xenstored, or the same: it knows no watch of ours. */
static void on_up_each(struct host_domain *hd, void *unused)
{
	if (!hd->agent)
		return;
	hd->agent->to_read = true;
	hd->agent->next_ms = 0;
	host_settle(hd);
}

static void on_up(void *ctx)
{
	host_each(ctx, on_up_each, NULL);
}

/* What stands in the store cannot be told now. */
static void on_down_each(struct host_domain *hd, void *unused)
{
	if (hd->agent)
		forget_facts(hd->agent);
}

static void on_down(const char *why, void *ctx)
{
	host_each(ctx, on_down_each, NULL);
}

static void on_note(const char *method, const json_t *params, void *ctx)
{
	const char *uuid = json_string_value(json_object_get(params, "uuid"));
	struct host_domain *hd = uuid ? host_find_uuid(ctx, uuid) : NULL;

	if (!hd || !hd->agent || hd->agent->to_read ||
	    strcmp(method, "store.event"))
		return;
	hd->agent->to_read = true;
	host_settle(hd);
}

/* --- the agent ------------------------------------------------------------- */

static uint64_t talk_now(void *ctx)
{
	return host_now_ms();
}

static int talk_connect(void *ctx)
{
	const struct host_agent *a = ctx;

	return a->hd->engine ? engine_agent_fd(a->hd->engine) : -ENOTCONN;
}

/* Memory is not the agent's to say, but its driver's: ask both. */
static void talk_ask(void *ctx)
{
	const struct host_agent *a = ctx;

	engine_facts(a->hd->engine);
}

static void talk_turn(bool heard, void *ctx)
{
	struct host_agent *a = ctx;

	if (heard)
		a->to_write = a->to_read = true;
	host_settle(a->hd);
}

static int talk_new(struct host_agent *a)
{
	const struct guest_talk_conf conf = {
		.base = a->hd->host->opt.base,
		.now_ms = talk_now,
		.connect = talk_connect,
		.on_ask = talk_ask,
		.on_turn = talk_turn,
		.ctx = a,
	};

	return guest_talk_new(&a->talk, &conf);
}

/* --- interface ------------------------------------------------------------- */

void host_agent_started(struct host_domain *hd, bool adopted)
{
	struct host_agent *a;

	host_agent_gone(hd);
	a = calloc(1, sizeof(*a));
	if (!a)
		return;
	a->hd = hd;
	a->known = !adopted; /* there was nothing before */
	a->to_read = true;
	if (talk_new(a)) {
		free(a);
		return;
	}
	a->last = (struct guest_info_nodes)GUEST_INFO_NODES_INIT;
	hd->agent = a;
}

void host_agent_gone(struct host_domain *hd)
{
	struct host_agent *a = hd->agent;

	if (!a)
		return;
	hd->agent = NULL;
	rpc_link_forget(hd->host->trees, a);
	guest_talk_free(a->talk);
	guest_info_nodes_free(&a->last);
	json_decref(a->facts);
	free(a);
}

void host_agent_vif(struct host_domain *hd)
{
	if (hd->agent)
		guest_talk_soon(hd->agent->talk);
}

uint64_t host_agent_review(struct host_domain *hd)
{
	struct host_agent *a = hd->agent;
	bool running = hd->engine && hd->life.state == DOMAIN_RUNNING;
	uint64_t talk, store;

	if (!a)
		return 0;
	talk = guest_talk_review(a->talk, running);
	store = ask_store(a);
	return !talk || (store && store < talk) ? store : talk;
}

static void add_age(json_t *o, const char *key, bool known, uint64_t at_ms)
{
	json_object_set_new(o, key, known ?
			    json_integer((json_int_t)(host_now_ms() - at_ms)) :
			    json_null());
}

json_t *host_agent_json(struct host_domain *hd)
{
	struct host_agent *a = hd->agent;
	const struct guest_agent_facts *f;
	char version[sizeof(f->version)];
	uint64_t at;
	json_t *o;

	if (!a)
		return json_null();
	if (!a->facts || host_now_ms() - a->facts_ms > HOST_AGENT_OLD_MS)
		a->to_read = true; /* for who asks the next time */
	ask_store(a);
	f = guest_talk_heard(a->talk, &at);
	json_lines_printable(version, sizeof(version), f ? f->version : "");
	o = json_pack("{s:s, s:s, s:O?}", "agent",
		      guest_talk_word(guest_talk_state(a->talk)),
		      "agent_version", version, "facts", a->facts);
	add_age(o, "agent_age_ms", f != NULL, at);
	add_age(o, "facts_age_ms", a->facts != NULL, a->facts_ms);
	return o;
}

int host_agent_init(struct host *h)
{
	const struct rpc_link_conf conf = {
		.base = h->opt.base,
		.path = h->opt.xenstored,
		.call_ms = CALL_MS,
		.on_up = on_up,
		.on_down = on_down,
		.on_note = on_note,
		.ctx = h,
	};

	return rpc_link_new(&h->trees, &conf);
}

void host_agent_fini(struct host *h)
{
	rpc_link_free(h->trees);
	h->trees = NULL;
}
