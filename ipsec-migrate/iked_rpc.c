/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iked_rpc.c: causeway-iked's socket.
 *
 * Root acts, members of --group may look.  Everything that acts is logged with
 * who asked.  No answer has a key or a secret in it: there is no call for one.
 */
#include "ipsec-migrate/iked_rpc.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/daemon.h"
#include "base/log.h"
#include "base/rpc.h"
#include "ipsec-migrate/charon_sas.h"

static struct rpc_server *server;

static char subscribed; /* a connection's user, if it wants events */

/* ---- who ----------------------------------------------------------------- */

static bool may_act(struct rpc_request *req)
{
	if (req->peer->uid == 0 || req->peer->uid == geteuid())
		return true;
	log_warn("refused: %s, asked by uid %u, pid %d", req->method,
		 req->peer->uid, (int)req->peer->pid);
	rpc_refuse(req, RPC_DENIED, NULL, NULL, "run it as root",
		   "only root may change peers");
	return false;
}

static void audit(const struct rpc_request *req, const char *what)
{
	log_info("%s %s, asked by uid %u, pid %d", req->method, what,
		 req->peer->uid, (int)req->peer->pid);
}

/* ---- state --------------------------------------------------------------- */

static void refuse_state(struct rpc_request *req,
			 const struct ipsec_conf_errors *errs, int rc)
{
	const struct ipsec_conf_error *e = &errs->error[0];

	if (!errs->count)
		rpc_refuse(req, RPC_FAILED, NULL, NULL, NULL,
			   "state not applied: %s", strerror(-rc));
	else
		rpc_refuse(req, RPC_REFUSED, e->path, e->value, e->expected,
			   "state refused%s",
			   errs->count > 1 ? " (first of several errors)" :
					     "");
}

static void add_action(const char *action, void *arg)
{
	json_array_append_new(arg, json_string(action));
}

static void apply(struct rpc_request *req, struct iked *d,
		  struct ipsec_conf *conf)
{
	bool force = json_is_true(json_object_get(req->params, "force"));
	struct ipsec_conf_errors errs = { .count = 0 };
	json_t *actions = json_array();
	char what[128];
	int rc;

	snprintf(what, sizeof(what), "generation %" PRIu64 " of %s",
		 conf->generation, conf->owner);
	audit(req, what);
	rc = iked_apply(d, conf, force, &errs, add_action, actions);
	if (rc) {
		ipsec_conf_free(conf);
		json_decref(actions);
		refuse_state(req, &errs, rc);
		return;
	}
	rpc_reply(req, json_pack("{s:s, s:I, s:o, s:b}", "owner", conf->owner,
				 "generation", (json_int_t)conf->generation,
				 "actions", actions, "protected", d->ready));
}

static void state_apply(struct rpc_request *req, void *ctx)
{
	json_t *state = json_object_get(req->params, "state");
	struct ipsec_conf_errors errs = { .count = 0 };
	struct ipsec_conf *conf;
	int rc;

	if (!may_act(req))
		return;
	if (!json_is_object(state)) {
		rpc_refuse(req, RPC_INVALID_PARAMS, "state", NULL,
			   "the whole desired state as an object",
			   "no state given");
		return;
	}
	rc = ipsec_conf_from_json(&conf, state, &errs);
	if (rc)
		refuse_state(req, &errs, rc);
	else
		apply(req, ctx, conf);
}

static void state_get(struct rpc_request *req, void *ctx)
{
	struct iked *d = ctx;
	json_t *state = ipsec_conf_to_json(d->conf);

	if (!d->conf->owner[0])
		json_object_set_new(state, "owner", json_string(""));
	rpc_reply(req, state);
}

/* ---- peers --------------------------------------------------------------- */

static struct iked_peer *which(struct rpc_request *req, struct iked *d)
{
	const char *name = json_string_value(
		json_object_get(req->params, "peer"));
	struct iked_peer *p = name ? iked_find(d, name) : NULL;

	if (!name)
		rpc_refuse(req, RPC_INVALID_PARAMS, "peer", NULL,
			   "a peer's name", "no peer given");
	else if (!p)
		rpc_refuse(req, RPC_NOT_FOUND, "peer", name,
			   "see ipsec.status", "there is no peer %s", name);
	return p;
}

static void ipsec_status(struct rpc_request *req, void *ctx)
{
	bool one = json_object_get(req->params, "peer");
	struct iked *d = ctx;
	struct iked_peer *p;
	json_t *list;

	p = one ? which(req, d) : NULL;
	if (one && !p)
		return;
	list = json_array();
	if (one)
		json_array_append_new(list, iked_peer_json(d, p, true));
	else
		TAILQ_FOREACH(p, &d->peers, next)
			json_array_append_new(list,
					      iked_peer_json(d, p, true));
	rpc_reply(req, json_pack("{s:b, s:b, s:o}", "espd",
				 espd_link_is_up(d->link), "protected",
				 d->ready, "peers", list));
}

/* The peer to act on, or NULL: refused. */
static struct iked_peer *act_on(struct rpc_request *req, struct iked *d)
{
	struct iked_peer *p = may_act(req) ? which(req, d) : NULL;

	if (p)
		audit(req, p->conf->name);
	return p;
}

static void ipsec_up(struct rpc_request *req, void *ctx)
{
	struct iked_peer *p = act_on(req, ctx);

	if (!p)
		return;
	if (!p->conf->remote[0]) {
		rpc_refuse(req, RPC_REFUSED, "peer", p->conf->name,
			   "it begins; we do not know where it is",
			   "its address may be any");
		return;
	}
	iked_up(ctx, p);
	rpc_reply(req, iked_peer_json(ctx, p, false));
}

static void ipsec_down(struct rpc_request *req, void *ctx)
{
	struct iked_peer *p = act_on(req, ctx);

	if (!p)
		return;
	iked_down(ctx, p);
	rpc_reply(req, iked_peer_json(ctx, p, false));
}

static void ipsec_rekey(struct rpc_request *req, void *ctx)
{
	bool ike = json_is_true(json_object_get(req->params, "ike"));
	struct iked_peer *p = act_on(req, ctx);

	if (!p)
		return;
	rpc_reply(req, json_pack("{s:i}", "rekeying",
				 (int)charon_sas_rekey(p->conf->name, ike)));
}

/* ---- events -------------------------------------------------------------- */

static void events_subscribe(struct rpc_request *req, void *ctx)
{
	rpc_conn_set_user(req->conn, &subscribed);
	rpc_reply(req, json_object());
}

static void notify(struct rpc_conn *conn, void *arg)
{
	if (rpc_conn_user(conn) == &subscribed)
		rpc_notify(conn, "ipsec.event", json_incref(arg));
}

void iked_rpc_event(const struct charon_event *ev)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:I}", "event",
			      charon_event_name(ev->kind), "peer", ev->peer,
			      "error", ev->error, "text", ev->text, "time",
			      (json_int_t)time(NULL));

	if (server && o)
		rpc_server_each(server, notify, o);
	json_decref(o);
}

/* ---- the server ---------------------------------------------------------- */

static void version(struct rpc_request *req, void *ctx)
{
	rpc_reply(req, json_pack("{s:s, s:i}", "version", CAUSEWAY_VERSION,
				 "pid", getpid()));
}

static const struct rpc_method methods[] = {
	{ "state.apply", state_apply, 0, 0 },
	{ "state.get", state_get, 0, 0 },
	{ "ipsec.status", ipsec_status, 0, 0 },
	{ "ipsec.up", ipsec_up, 0, 0 },
	{ "ipsec.down", ipsec_down, 0, 0 },
	{ "ipsec.rekey", ipsec_rekey, 0, 0 },
	{ "events.subscribe", events_subscribe, 0, 0 },
	{ "version", version, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

int iked_rpc_start(struct event_base *base, const char *path, uid_t uid,
		   const char *group, struct iked *d)
{
	static struct rpc_server_conf conf = RPC_SERVER_CONF_INIT;
	int rc = 0;

	conf.path = path;
	conf.mode = group ? 0660 : 0600;
	conf.uid = uid;
	conf.methods = methods;
	conf.ctx = d;
	if (group) {
		rc = daemon_lookup_group(group, &conf.gid);
		if (rc < 0) {
			log_err("group %s: %s", group, strerror(-rc));
			return rc;
		}
	}
	rc = rpc_server_new(&server, base, &conf);
	if (rc < 0)
		log_err("%s: %s", path, strerror(-rc));
	return rc;
}

void iked_rpc_stop(void)
{
	if (server)
		rpc_server_free(server);
	server = NULL;
}
