/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hypervisord_rpc.c: desired state in, commands in, facts out.
 *
 * Root acts, members of --group may look.  Everything that acts is logged
 * with who asked: uid, pid and what for.
 *
 * A command is answered at once, or, with `wait_s`, when the domain has come
 * to rest: then a start that does not work is an error with its reason.
 */
#include "hypervisor/hypervisord_rpc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/daemon.h"
#include "base/log.h"
#include "base/rpc.h"
#include "hypervisor/domain_conf.h"
#include "hypervisor/domain_conf_json.h"
#include "hypervisor/host.h"

#define WAIT_MAX_S 600

static struct rpc_server *server;
static struct host *host;

static char subscribed; /* a connection's user, if it wants events */

/* --- who --------------------------------------------------------------- */

static bool may_act(struct rpc_request *req)
{
	if (req->peer->uid == 0 || req->peer->uid == geteuid())
		return true;
	log_warn("refused: %s, asked by uid %u, pid %d", req->method,
		 req->peer->uid, (int)req->peer->pid);
	rpc_refuse(req, RPC_DENIED, NULL, NULL, "run it as root",
		   "only root may change domains");
	return false;
}

static void audit(const struct rpc_request *req, const char *what)
{
	const char *why = json_string_value(
		json_object_get(req->params, "why"));

	log_info("%s %s, asked by uid %u, pid %d%s%s", req->method, what,
		 req->peer->uid, (int)req->peer->pid, why ? ": " : "",
		 why ? why : "");
}

/* --- state ------------------------------------------------------------- */

static void refuse_state(struct rpc_request *req,
			 const struct domain_conf_errors *errs, int rc)
{
	const struct domain_conf_error *e = &errs->error[0];

	if (!errs->count)
		rpc_refuse(req, RPC_FAILED, NULL, NULL, NULL,
			   "state not applied: %s", strerror(-rc));
	else
		rpc_refuse(req, RPC_REFUSED, e->path, e->value, e->expected,
			   "state refused%s",
			   errs->count > 1 ? " (first of several errors)" :
					     "");
}

static void say_text(const char *text, void *arg)
{
	json_array_append_new(arg, json_string(text));
}

static void state_apply(struct rpc_request *req, void *ctx)
{
	json_t *state = json_object_get(req->params, "state");
	bool force = json_is_true(json_object_get(req->params, "force"));
	struct domain_conf_errors errs = { 0 };
	struct domain_conf *conf = NULL;
	json_t *actions, *problems;
	char what[128];
	int rc;

	if (!may_act(req))
		return;
	if (!json_is_object(state)) {
		rpc_refuse(req, RPC_INVALID_PARAMS, "state", NULL,
			   "the whole desired state as an object",
			   "no state given");
		return;
	}
	rc = domain_conf_from_json(&conf, state, &errs);
	if (rc < 0) {
		refuse_state(req, &errs, rc);
		return;
	}
	snprintf(what, sizeof(what), "generation %" PRIu64 " of %s",
		 conf->generation, conf->owner);
	audit(req, what);
	actions = json_array();
	rc = host_apply(host, conf, force, &errs, say_text, actions);
	if (rc < 0) {
		domain_conf_free(conf);
		json_decref(actions);
		refuse_state(req, &errs, rc);
		return;
	}
	problems = json_array();
	host_problems(host, say_text, problems);
	rpc_reply(req, json_pack("{s:s, s:I, s:o, s:o}", "owner", conf->owner,
				 "generation", (json_int_t)conf->generation,
				 "actions", actions, "problems", problems));
}

static void state_get(struct rpc_request *req, void *ctx)
{
	json_t *state = domain_conf_to_json(host_state(host));

	if (state)
		rpc_reply(req, state);
	else
		rpc_refuse(req, RPC_INTERNAL_ERROR, NULL, NULL, NULL,
			   "out of memory");
}

static void state_saved(struct rpc_request *req, void *ctx)
{
	const char *why = host_refused(host);

	rpc_reply(req, why[0] ? json_pack("{s:{s:s}}", "refused", "why", why) :
				json_pack("{s:n}", "refused"));
}

/* --- domains ----------------------------------------------------------- */

static struct host_domain *which(struct rpc_request *req)
{
	const char *name = json_string_value(
		json_object_get(req->params, "uuid"));
	struct host_domain *hd;

	if (!name)
		name = json_string_value(json_object_get(req->params, "name"));
	hd = name ? host_find(host, name) : NULL;
	if (!name)
		rpc_refuse(req, RPC_INVALID_PARAMS, "uuid", NULL,
			   "a domain's uuid or name", "no domain given");
	else if (!hd)
		rpc_refuse(req, RPC_NOT_FOUND,
			   domain_conf_is_uuid(name) ? "uuid" : "name", name,
			   "see `causeway vm list`", "there is no domain %s",
			   name);
	return hd;
}

static void add_domain(struct host_domain *hd, void *arg)
{
	json_array_append_new(arg, host_domain_json(hd, false));
}

static void add_facts(struct host_domain *hd, void *arg)
{
	json_array_append_new(arg, host_domain_json(hd, true));
}

static void domains_list(struct rpc_request *req, void *ctx)
{
	json_t *list = json_array();

	host_each(host, add_domain, list);
	rpc_reply(req, json_pack("{s:o}", "domains", list));
}

static void domain_get(struct rpc_request *req, void *ctx)
{
	struct host_domain *hd = which(req);

	if (hd)
		rpc_reply(req, host_domain_json(hd, true));
}

static void facts_get(struct rpc_request *req, void *ctx)
{
	json_t *list = json_array();

	host_each(host, add_facts, list);
	rpc_reply(req, json_pack("{s:o, s:o}", "host", host_json(host),
				 "domains", list));
}

/* --- commands ---------------------------------------------------------- */

static void on_rest(struct host_domain *hd, const char *failed, void *arg)
{
	struct rpc_request *req = arg;

	if (failed)
		rpc_refuse(req, RPC_FAILED, NULL, NULL, NULL, "%s: %s",
			   host_domain_name(hd), failed);
	else
		rpc_reply(req, host_domain_json(hd, false));
}

/* How long to wait before answering; false: refused. */
static bool wait_asked(struct rpc_request *req, unsigned *ms)
{
	json_t *wait = json_object_get(req->params, "wait_s");
	json_int_t s = json_integer_value(wait);

	*ms = 0;
	if (!wait || json_is_null(wait))
		return true;
	if (json_is_integer(wait) && s >= 0 && s <= WAIT_MAX_S) {
		*ms = s * 1000;
		return true;
	}
	rpc_refuse(req, RPC_INVALID_PARAMS, "wait_s", NULL, "0 to 600 seconds",
		   "no such time");
	return false;
}

static void command(struct rpc_request *req, enum domain_event what)
{
	struct rpc_error err = { .code = 0 };
	struct host_domain *hd;
	unsigned wait_ms;

	if (!may_act(req))
		return;
	hd = which(req);
	if (!hd || !wait_asked(req, &wait_ms))
		return;
	audit(req, host_domain_name(hd));
	if (host_command(hd, what, &err) < 0) {
		rpc_reply_error(req, &err);
		return;
	}
	if (host_when_at_rest(hd, wait_ms, on_rest, req) < 0)
		rpc_reply(req, host_domain_json(hd, false));
}

static void domain_start(struct rpc_request *req, void *ctx)
{
	command(req, DOMAIN_EV_START);
}

static void domain_shutdown(struct rpc_request *req, void *ctx)
{
	command(req, DOMAIN_EV_SHUTDOWN);
}

static void domain_reboot(struct rpc_request *req, void *ctx)
{
	command(req, DOMAIN_EV_REBOOT);
}

static void domain_reset(struct rpc_request *req, void *ctx)
{
	command(req, DOMAIN_EV_RESET);
}

static void domain_kill(struct rpc_request *req, void *ctx)
{
	command(req, DOMAIN_EV_KILL);
}

static void domain_pause(struct rpc_request *req, void *ctx)
{
	command(req, DOMAIN_EV_PAUSE);
}

static void domain_resume(struct rpc_request *req, void *ctx)
{
	command(req, DOMAIN_EV_RESUME);
}

static void domain_suspend(struct rpc_request *req, void *ctx)
{
	command(req, DOMAIN_EV_SUSPEND);
}

static void domain_confirm(struct rpc_request *req, void *ctx)
{
	json_t *epoch = json_object_get(req->params, "epoch");
	struct rpc_error err = { .code = 0 };
	struct host_domain *hd;

	if (!may_act(req))
		return;
	hd = which(req);
	if (!hd)
		return;
	if (!json_is_integer(epoch) || json_integer_value(epoch) < 0) {
		rpc_refuse(req, RPC_INVALID_PARAMS, "epoch", NULL,
			   "the epoch in which it is this host's",
			   "no epoch given");
		return;
	}
	audit(req, host_domain_name(hd));
	if (host_confirm(hd, json_integer_value(epoch), &err) < 0)
		rpc_reply_error(req, &err);
	else
		rpc_reply(req, host_domain_json(hd, false));
}

static void domain_measure_dirty(struct rpc_request *req, void *ctx)
{
	json_t *seconds = json_object_get(req->params, "seconds");
	json_int_t s = seconds ? json_integer_value(seconds) : 1;
	struct rpc_error err = { .code = 0 };
	struct host_domain *hd;

	if (!may_act(req))
		return;
	hd = which(req);
	if (!hd)
		return;
	if (s < 1 || s > 60) {
		rpc_refuse(req, RPC_INVALID_PARAMS, "seconds", NULL,
			   "1 to 60 seconds", "no such time");
		return;
	}
	audit(req, host_domain_name(hd));
	if (host_measure_dirty(hd, s, &err) < 0)
		rpc_reply_error(req, &err);
	else
		rpc_reply(req, json_object());
}

/* --- events ------------------------------------------------------------ */

static void events_subscribe(struct rpc_request *req, void *ctx)
{
	rpc_conn_set_user(req->conn, &subscribed);
	rpc_reply(req, json_object());
}

static void notify(struct rpc_conn *conn, void *arg)
{
	if (rpc_conn_user(conn) == &subscribed)
		rpc_notify(conn, "domain.event", json_incref(arg));
}

void hypervisord_rpc_event(const json_t *event, void *ctx)
{
	if (server)
		rpc_server_each(server, notify, (json_t *)event);
}

static void version(struct rpc_request *req, void *ctx)
{
	rpc_reply(req, json_pack("{s:s, s:i}", "version", CAUSEWAY_VERSION,
				 "pid", getpid()));
}

static const struct rpc_method methods[] = {
	{ "state.apply", state_apply, 0, 0 },
	{ "state.get", state_get, 0, 0 },
	{ "state.saved", state_saved, 0, 0 },
	{ "domains.list", domains_list, 0, 0 },
	{ "domain.get", domain_get, 0, 0 },
	{ "domain.start", domain_start, 0, 0 },
	{ "domain.shutdown", domain_shutdown, 0, 0 },
	{ "domain.reboot", domain_reboot, 0, 0 },
	{ "domain.reset", domain_reset, 0, 0 },
	{ "domain.kill", domain_kill, 0, 0 },
	{ "domain.pause", domain_pause, 0, 0 },
	{ "domain.resume", domain_resume, 0, 0 },
	{ "domain.suspend", domain_suspend, 0, 0 },
	{ "domain.confirm", domain_confirm, 0, 0 },
	{ "domain.measure_dirty", domain_measure_dirty, 0, 0 },
	{ "facts.get", facts_get, 0, 0 },
	{ "events.subscribe", events_subscribe, 0, 0 },
	{ "version", version, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

int hypervisord_rpc_start(struct event_base *base, const char *path,
			  const char *group)
{
	static struct rpc_server_conf conf = RPC_SERVER_CONF_INIT;
	int rc = 0;

	conf.path = path;
	conf.mode = group ? 0660 : 0600;
	conf.methods = methods;
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

void hypervisord_rpc_serve(struct host *h)
{
	host = h;
}

void hypervisord_rpc_stop(void)
{
	if (server)
		rpc_server_free(server);
	server = NULL;
}
