/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * espd_rpc.c: SAs are copied in the worker's thread, into room made before,
 * and put into words here.
 */
#include "ipsec-migrate/espd_rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rpc.h"

/* What may be told of an SA. */
struct sa_fact {
	uint32_t spi, peer, group;
	bool inbound, esn, held, udp, soft_due, hard_due;
	enum cipher_alg alg;
	const char *backend;
	struct sockaddr_storage local, remote;
	uint32_t mtu, inner_mtu;
	uint64_t seq, age_ms, left_ms, idle_ms;
	struct sa_stats stats;
};

struct sa_facts {
	struct sa_fact *fact;
	unsigned count;
};

/* --- status --------------------------------------------------------------- */

static void count_sas(struct worker *w, void *arg)
{
	*(uint32_t *)arg = sa_count(worker_engine(w)->sas);
}

static void do_status(struct rpc_request *req, void *ctx)
{
	struct espd_rpc *r = ctx;
	uint32_t sas;

	worker_call(r->worker, count_sas, &sas);
	rpc_reply(req, json_pack("{s:s, s:i, s:s, s:I, s:I, s:o, s:o}",
				 "version", CAUSEWAY_VERSION, "pid",
				 (int)getpid(), "tun", r->tun, "peers",
				 (json_int_t)peers_count(r->peers), "sas",
				 (json_int_t)sas, "iked",
				 iked_link_describe(r->iked), "outer",
				 peers_describe(r->peers)));
}

/* --- peers ---------------------------------------------------------------- */

static json_t *networks_json(const struct ike_msg_network net[])
{
	json_t *list = json_array();
	struct ike_msg_addr a = { .family = 0 };
	struct sockaddr_storage ss;
	char text[64];

	for (unsigned i = 0; i < IKE_MSG_NETWORKS_MAX && net[i].family; i++) {
		a.family = net[i].family;
		memcpy(a.addr, net[i].addr, sizeof(a.addr));
		ike_msg_to_sockaddr(&a, &ss);
		json_array_append_new(list,
				      json_sprintf("%s/%u",
						   udp_text(&ss, text),
						   net[i].prefix));
	}
	return list;
}

static json_t *address_json(const struct ike_msg_addr *a)
{
	struct sockaddr_storage ss;
	char text[64];

	if (!a->family)
		return json_string("any");
	ike_msg_to_sockaddr(a, &ss);
	udp_set_port(&ss, 0);
	return json_string(udp_text(&ss, text));
}

static void do_peers(struct rpc_request *req, void *ctx)
{
	struct espd_rpc *r = ctx;
	json_t *list = json_array();

	for (unsigned i = 0; i < peers_count(r->peers); i++) {
		const struct ike_msg_peer *p = peers_at(r->peers, i);

		json_array_append_new(
			list,
			json_pack("{s:I, s:s, s:o, s:o, s:o, s:o}", "peer",
				  (json_int_t)p->peer, "name", p->name,
				  "local", address_json(&p->local), "remote",
				  address_json(&p->remote), "local_networks",
				  networks_json(p->local_net),
				  "remote_networks",
				  networks_json(p->remote_net)));
	}
	rpc_reply(req, json_pack("{s:o}", "peers", list));
}

/* --- SAs ------------------------------------------------------------------ */

static void fill_fact(const struct engine *e, const struct sa *sa,
		      uint64_t now_ms, struct sa_fact *f)
{
	*f = (struct sa_fact){
		.spi = sa->spi,
		.peer = sa->peer,
		.group = engine_group_of(e, sa->group),
		.inbound = sa->inbound,
		.esn = sa->esn,
		.held = engine_sa(sa)->held,
		.udp = sa->path.udp,
		.soft_due = sa->soft_due,
		.hard_due = sa->hard_due,
		.alg = cipher_alg(sa->cipher),
		.backend = cipher_backend_name(sa->cipher),
		.local = sa->path.local,
		.remote = sa->path.remote,
		.mtu = sa->path.mtu,
		.inner_mtu = sa->inner_mtu,
		.seq = sa->inbound ? sa->replay.top : sa->seq,
		.age_ms = now_ms - sa->added_ms,
		.left_ms = sa->hard.ms == UINT64_MAX ? UINT64_MAX
			   : sa->hard.ms > now_ms    ? sa->hard.ms - now_ms
						     : 0,
		.idle_ms = sa->stats.packets ? now_ms - sa->stats.used_ms
					     : UINT64_MAX,
		.stats = sa->stats,
	};
}

static void copy_sas(struct worker *w, void *arg)
{
	const struct engine *e = worker_engine(w);
	struct sa_facts *facts = arg;
	struct sa *sa = NULL;

	facts->count = 0;
	while ((sa = sa_next(e->sas, sa)) && facts->count < ENGINE_SAS_MAX)
		fill_fact(e, sa, worker_now_ms(w),
			  &facts->fact[facts->count++]);
}

static json_t *ms_json(uint64_t ms)
{
	return ms == UINT64_MAX ? json_null() : json_integer((json_int_t)ms);
}

static json_t *sa_json(const struct sa_fact *f)
{
	char local[64], remote[64];

	return json_pack(
		"{s:o, s:I, s:I, s:s, s:s, s:s, s:b, s:b, s:b, s:s, s:s, s:I, "
		"s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:b}",
		"spi", json_sprintf("0x%08x", f->spi), "peer",
		(json_int_t)f->peer, "group", (json_int_t)f->group,
		"direction", f->inbound ? "in" : "out", "cipher",
		cipher_alg_name(f->alg), "backend", f->backend, "esn", f->esn,
		"udp", f->udp, "held", f->held, "local",
		udp_text(&f->local, local), "remote",
		udp_text(&f->remote, remote), "mtu", (json_int_t)f->mtu,
		"inner_mtu", (json_int_t)f->inner_mtu, "sequence",
		(json_int_t)f->seq, "packets", (json_int_t)f->stats.packets,
		"bytes", (json_int_t)f->stats.bytes, "auth_failed",
		(json_int_t)f->stats.auth_failed, "replayed",
		(json_int_t)f->stats.replayed, "dropped",
		(json_int_t)f->stats.dropped, "age_ms", ms_json(f->age_ms),
		"left_ms", ms_json(f->left_ms), "idle_ms",
		ms_json(f->idle_ms), "expired", f->hard_due);
}

static void do_sas(struct rpc_request *req, void *ctx)
{
	struct espd_rpc *r = ctx;
	struct sa_facts facts;
	json_t *list;

	facts.fact = calloc(ENGINE_SAS_MAX, sizeof(*facts.fact));
	if (!facts.fact) {
		rpc_refuse(req, RPC_INTERNAL_ERROR, NULL, NULL, NULL,
			   "out of memory");
		return;
	}
	worker_call(r->worker, copy_sas, &facts);
	list = json_array();
	for (unsigned i = 0; i < facts.count; i++)
		json_array_append_new(list, sa_json(&facts.fact[i]));
	free(facts.fact);
	rpc_reply(req, json_pack("{s:o}", "sas", list));
}

/* --- counters ------------------------------------------------------------- */

static json_t *number(const _Atomic uint64_t *counter)
{
	return json_integer((json_int_t)atomic_load(counter));
}

static json_t *drops_json(const struct worker_stats *s)
{
	json_t *o = json_object();

	for (unsigned i = ESP_DROP_NONE + 1; i < ESP_DROP_COUNT; i++)
		json_object_set_new(o, esp_drop_name(i), number(&s->drops[i]));
	return o;
}

static void do_counters(struct rpc_request *req, void *ctx)
{
	struct espd_rpc *r = ctx;
	const struct worker_stats *s = worker_stats(r->worker);
	const struct {
		const char *name;
		const _Atomic uint64_t *at;
	} table[] = {
		{ "tun_frames", &s->tun_frames },
		{ "tun_bytes", &s->tun_bytes },
		{ "host_frames", &s->host_frames },
		{ "host_bytes", &s->host_bytes },
		{ "host_refused", &s->host_refused },
		{ "sent", &s->sent },
		{ "sends", &s->sends },
		{ "send_full", &s->send_full },
		{ "send_failed", &s->send_failed },
		{ "no_socket", &s->no_socket },
		{ "received", &s->received },
		{ "receives", &s->receives },
		{ "too_big_replies", &s->replies },
		{ "too_big_replies_held", &s->replies_held },
		{ "keepalives", &s->keepalives },
		{ "runts", &s->runts },
		{ "ike_by_esp_socket", &s->ike },
		{ "ike_lost", &s->ike_lost },
		{ "mappings", &s->mappings },
		{ "path_mtu_found", &s->mtu_found },
	};
	json_t *o = json_object();

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		json_object_set_new(o, table[i].name, number(table[i].at));
	json_object_set_new(o, "drops", drops_json(s));
	rpc_reply(req, o);
}

static const struct rpc_method methods[] = {
	{ "status", do_status, 0, 0 },
	{ "peers", do_peers, 0, 0 },
	{ "sas", do_sas, 0, 0 },
	{ "counters", do_counters, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

int espd_rpc_start(struct espd_rpc *r, struct event_base *base,
		   const char *path, uid_t uid, gid_t group)
{
	struct rpc_server_conf conf = RPC_SERVER_CONF_INIT;
	int rc;

	conf.path = path;
	conf.mode = group == (gid_t)-1 ? 0600 : 0660;
	conf.uid = uid;
	conf.gid = group;
	conf.methods = methods;
	conf.ctx = r;
	rc = rpc_server_new(&r->server, base, &conf);
	if (rc)
		log_err("%s: %s%s", path, strerror(-rc),
			rc == -EADDRINUSE ? " (is another espd running?)" : "");
	return rc;
}

void espd_rpc_stop(struct espd_rpc *r)
{
	rpc_server_free(r->server);
}
