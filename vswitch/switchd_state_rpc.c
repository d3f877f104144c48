/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchd_state_rpc.c: apply a state, for good or on trial, and say which one
 * runs.
 *
 * A state on trial is not on disk: switch_keep() puts it there when it is
 * confirmed.  Going back is an apply like any other, with the state before;
 * devices that are missing by then do not keep it from being in force.
 */
#include "vswitch/switchd_state_rpc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/log.h"
#include "vswitch/switch.h"
#include "vswitch/switch_trial.h"

#define RETRY_MS 1000 /* going back did not work: again soon */

static struct switch_trial trial;
static struct event *deadline;

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

static void wake_in(uint64_t ms)
{
	const struct timeval tv = { .tv_sec = ms / 1000,
				    .tv_usec = ms % 1000 * 1000 };

	event_add(deadline, &tv);
}

/* --- refusals ----------------------------------------------------------- */

static void refuse_state(struct rpc_request *req,
			 const struct switch_conf_errors *errs, int rc)
{
	const struct switch_conf_error *e = &errs->error[0];

	if (!errs->count) {
		rpc_refuse(req, RPC_FAILED, NULL, NULL, NULL,
			   "state not applied: %s", strerror(-rc));
		return;
	}
	if (rc == -EIO) { /* a device would not come: that is why */
		rpc_refuse(req, RPC_FAILED, e->path, e->value, NULL,
			   "state not applied: %s", e->expected);
		return;
	}
	rpc_refuse(req, rc == -EBUSY ? RPC_BUSY : RPC_REFUSED, e->path,
		   e->value, e->expected, "state refused%s",
		   errs->count > 1 ? " (first of several errors)" : "");
}

/* --group may look at traffic, not decide who may talk. */
static bool may_change(struct rpc_request *req)
{
	if (req->peer->uid == 0 || req->peer->uid == geteuid())
		return true;
	rpc_refuse(req, RPC_DENIED, NULL, NULL, "run it as root",
		   "only root may change the switch");
	return false;
}

/* --- going back --------------------------------------------------------- */

static void add_action(void *ctx, const char *action)
{
	json_array_append_new(ctx, json_string(action));
}

/* The state before again; when that fails, once more in a while. */
static int go_back(struct sw *sw, const char *why, json_t *actions)
{
	struct switch_conf *before = switch_trial_take(&trial);
	struct switch_conf_errors errs = { 0 };
	int rc;

	log_warn("generation %" PRIu64 " of %s %s: back to generation %" PRIu64
		 " of %s", sw->running->generation, sw->running->owner, why,
		 before->generation, before->owner[0] ? before->owner
						      : "nobody");
	rc = switch_apply(sw, before, SWITCH_FORCE | SWITCH_BOOT, &errs,
			  add_action, actions);
	if (!rc) {
		event_del(deadline);
		return 0;
	}
	log_err("not gone back: %s %s",
		errs.count ? errs.error[0].path : strerror(-rc),
		errs.count ? errs.error[0].value : "");
	switch_trial_begin(&trial, before, 0, now_ms());
	wake_in(RETRY_MS);
	return rc;
}

static void on_deadline(evutil_socket_t fd, short what, void *ctx)
{
	json_t *actions = json_array();
	uint64_t left_ms;

	if (switch_trial_left(&trial, now_ms(), &left_ms)) {
		if (left_ms)
			wake_in(left_ms);
		else
			go_back(ctx, "was not confirmed in time", actions);
	}
	json_decref(actions);
}

/* --- methods ------------------------------------------------------------ */

/* What the request asks for; false: refused. */
static bool trial_asked(struct rpc_request *req, unsigned *seconds)
{
	json_t *within = json_object_get(req->params, "confirm_within_s");
	json_int_t s = json_integer_value(within);
	char value[32];

	*seconds = 0;
	if (!within || json_is_null(within))
		return true;
	if (json_is_integer(within) && s >= 0 && s <= SWITCH_TRIAL_MAX_S) {
		*seconds = s;
		return true;
	}
	snprintf(value, sizeof(value), "%lld", (long long)s);
	rpc_refuse(req, RPC_INVALID_PARAMS, "confirm_within_s", value,
		   "1 to 3600 seconds; 0: for good", "no such time");
	return false;
}

static int read_state(struct rpc_request *req, struct switch_conf **conf,
		      struct switch_conf_errors *errs)
{
	json_t *state = json_object_get(req->params, "state");
	char *text = NULL;
	int rc;

	if (json_is_object(state))
		text = json_dumps(state, JSON_COMPACT);
	if (!text) {
		rpc_refuse(req, RPC_INVALID_PARAMS, "state", NULL,
			   "the whole desired state as an object",
			   "no state given");
		return -EINVAL;
	}
	rc = switch_conf_parse(conf, text, strlen(text), errs);
	free(text);
	if (rc < 0)
		refuse_state(req, errs, rc);
	return rc;
}

/* Takes `conf` when it returns 0. */
static int apply(struct sw *sw, struct switch_conf *conf, bool force,
		 unsigned seconds, struct switch_conf_errors *errs,
		 json_t *actions)
{
	unsigned flags = (force ? SWITCH_FORCE : 0) |
			 (seconds ? SWITCH_TRIAL : 0);
	struct switch_conf *before = NULL;
	int rc = switch_trial_admit(&trial, seconds, now_ms(), errs);

	if (rc < 0)
		return rc;
	if (seconds) {
		before = switch_trial_copy(sw->running);
		if (!before)
			return -ENOMEM;
	}
	rc = switch_apply(sw, conf, flags, errs, add_action, actions);
	if (rc < 0 || !seconds) {
		switch_conf_free(before);
		return rc;
	}
	log_info("generation %" PRIu64 " of %s is on trial for %u s",
		 conf->generation, conf->owner, seconds);
	switch_trial_begin(&trial, before, seconds, now_ms());
	wake_in(seconds * 1000ull);
	return 0;
}

static json_t *which_json(const struct switch_conf *conf)
{
	return json_pack("{s:s, s:I}", "owner", conf->owner, "generation",
			 (json_int_t)conf->generation);
}

void state_rpc_apply(struct rpc_request *req, void *ctx)
{
	bool force = json_is_true(json_object_get(req->params, "force"));
	struct switch_conf_errors errs = { 0 };
	struct switch_conf *conf = NULL;
	struct sw *sw = ctx;
	json_t *actions, *result;
	unsigned seconds;
	int rc;

	if (!may_change(req) || !trial_asked(req, &seconds) ||
	    read_state(req, &conf, &errs) < 0)
		return;
	actions = json_array();
	rc = apply(sw, conf, force, seconds, &errs, actions);
	if (rc < 0) {
		switch_conf_free(conf);
		json_decref(actions);
		refuse_state(req, &errs, rc);
		return;
	}
	result = which_json(sw->running);
	json_object_set_new(result, "actions", actions);
	if (seconds)
		json_object_set_new(result, "confirm_within_s",
				    json_integer(seconds));
	rpc_reply(req, result);
}

void state_rpc_get(struct rpc_request *req, void *ctx)
{
	struct sw *sw = ctx;
	char *text = switch_conf_save(sw->running);
	json_t *state = text ? json_loads(text, 0, NULL) : NULL;

	free(text);
	if (!state)
		rpc_refuse(req, RPC_INTERNAL_ERROR, NULL, NULL, NULL,
			   "out of memory");
	else
		rpc_reply(req, state);
}

void state_rpc_saved(struct rpc_request *req, void *ctx)
{
	const struct sw *sw = ctx;

	if (!sw->refused[0])
		rpc_reply(req, json_pack("{s:n}", "refused"));
	else
		rpc_reply(req, json_pack("{s:{s:s, s:o}}", "refused", "why",
					 sw->refused, "copy",
					 json_sprintf("%s" SWITCH_BAD,
						      sw->state_path)));
}

void state_rpc_trial(struct rpc_request *req, void *ctx)
{
	uint64_t left_ms;

	if (!switch_trial_left(&trial, now_ms(), &left_ms)) {
		rpc_reply(req, json_pack("{s:n}", "trial"));
		return;
	}
	rpc_reply(req, json_pack("{s:{s:I, s:o}}", "trial", "left_ms",
				 (json_int_t)left_ms, "before",
				 which_json(trial.before)));
}

static bool is_on_trial(struct rpc_request *req)
{
	if (trial.before)
		return true;
	rpc_refuse(req, RPC_REFUSED, NULL, NULL,
		   "switchctl apply --confirm-within SECONDS FILE",
		   "nothing is on trial");
	return false;
}

void state_rpc_confirm(struct rpc_request *req, void *ctx)
{
	struct switch_conf_errors errs = { 0 };
	struct sw *sw = ctx;
	int rc;

	if (!may_change(req) || !is_on_trial(req))
		return;
	rc = switch_keep(sw, &errs);
	if (rc < 0) {
		refuse_state(req, &errs, rc);
		return;
	}
	event_del(deadline);
	switch_trial_confirm(&trial);
	log_info("generation %" PRIu64 " of %s is confirmed",
		 sw->running->generation, sw->running->owner);
	rpc_reply(req, which_json(sw->running));
}

void state_rpc_revert(struct rpc_request *req, void *ctx)
{
	json_t *actions, *result;
	struct sw *sw = ctx;
	int rc;

	if (!may_change(req) || !is_on_trial(req))
		return;
	actions = json_array();
	rc = go_back(sw, "is taken back", actions);
	if (rc < 0) {
		json_decref(actions);
		rpc_refuse(req, RPC_FAILED, NULL, NULL,
			   "it is tried again every second; see the log",
			   "not gone back: %s", strerror(-rc));
		return;
	}
	result = which_json(sw->running);
	json_object_set_new(result, "actions", actions);
	rpc_reply(req, result);
}

int state_rpc_init(struct sw *sw)
{
	deadline = event_new(sw->base, -1, 0, on_deadline, sw);
	return deadline ? 0 : -ENOMEM;
}

void state_rpc_fini(void)
{
	if (deadline)
		event_free(deadline);
	deadline = NULL;
	switch_trial_confirm(&trial);
}
