/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host.c: the set of domains and the state they follow.
 *
 * A new state is checked, compared, put on disk and only then in force: when
 * the disk is full nothing has changed.  What it changes is not carried out
 * action by action.  Each domain is given its new wishes and walks there by
 * itself (domain.c, plug.c), so what has to wait for something else waits,
 * and what fails is tried again.  The list of actions is the answer to who
 * has asked, and says where power has changed: only that starts or stops.
 *
 * A domain that is no longer wanted is shut down as its policy says and
 * forgotten when it is down.  Domains are freed from the loop, never from
 * within a call.
 */
#include "hypervisor/host.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/daemon.h"
#include "base/log.h"
#include "base/rpc.h"
#include "hypervisor/accounting.h"
#include "hypervisor/host_agent.h"
#include "hypervisor/host_domain.h"
#include "hypervisor/jail.h"
#include "hypervisor/kvm_probe.h"
#include "hypervisor/switch_gate.h"
#include "hypervisor/uid_range.h"
#include "hypervisor/xenstore_client.h"

uint64_t host_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

/* --- domains ----------------------------------------------------------- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	host_send(arg, DOMAIN_EV_TIME, NULL);
}

static struct host_domain *domain_new(struct host *h, const char *uuid)
{
	struct host_domain *hd = calloc(1, sizeof(*hd));

	if (!hd)
		return NULL;
	hd->timer = event_new(h->opt.base, -1, 0, on_timer, hd);
	if (!hd->timer) {
		free(hd);
		return NULL;
	}
	hd->host = h;
	hd->save_fd = -1;
	hd->sync_fd = -1;
	snprintf(hd->uuid, sizeof(hd->uuid), "%s", uuid);
	snprintf(hd->name, sizeof(hd->name), "%s", uuid);
	domain_init(&hd->life, host_now_ms());
	host_slots_init(hd);
	TAILQ_INIT(&hd->waiters);
	TAILQ_INSERT_TAIL(&h->domains, hd, next);
	return hd;
}

static void waiter_end(struct host_waiter *w, const char *failed)
{
	TAILQ_REMOVE(&w->hd->waiters, w, next);
	w->fn(w->hd, failed, w->arg);
	event_free(w->timer);
	free(w);
}

static void domain_free(struct host_domain *hd)
{
	struct host *h = hd->host;

	while (!TAILQ_EMPTY(&hd->waiters))
		waiter_end(TAILQ_FIRST(&hd->waiters), "it is gone");
	switch_gate_stop(h->gate, hd);
	for (unsigned i = 0; i < DCONF_VIFS_MAX; i++)
		switch_gate_stop(h->gate, &hd->vifs[i]);
	host_save_abort(hd);
	host_agent_gone(hd);
	accounting_detach(hd->usage);
	engine_free(hd->engine);
	event_free(hd->timer);
	domain_record_fini(&hd->rec);
	TAILQ_REMOVE(&h->domains, hd, next);
	free(hd);
}

struct host_domain *host_find_uuid(struct host *h, const char *uuid)
{
	struct host_domain *hd;

	TAILQ_FOREACH(hd, &h->domains, next)
		if (!strcmp(hd->uuid, uuid))
			return hd;
	return NULL;
}

struct host_domain *host_find(struct host *h, const char *name)
{
	struct host_domain *hd = host_find_uuid(h, name);

	if (hd)
		return hd;
	TAILQ_FOREACH(hd, &h->domains, next)
		if (!strcmp(hd->name, name))
			return hd;
	return NULL;
}

void host_each(struct host *h, void (*fn)(struct host_domain *hd, void *arg),
	       void *arg)
{
	struct host_domain *hd, *after;

	for (hd = TAILQ_FIRST(&h->domains); hd; hd = after) {
		after = TAILQ_NEXT(hd, next);
		fn(hd, arg);
	}
}

const char *host_domain_name(const struct host_domain *hd)
{
	return hd->name;
}

/* --- the end of those not wanted --------------------------------------- */

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct host *h = arg;
	struct host_domain *hd, *after;

	if (h->refused[0])
		return; /* what is wanted is not known */
	for (hd = TAILQ_FIRST(&h->domains); hd; hd = after) {
		after = TAILQ_NEXT(hd, next);
		if (hd->want || hd->lost || !domain_is_down(&hd->life) ||
		    hd->life.goal != DOMAIN_BE_HALTED ||
		    hd->store != HOST_STORE_DONE)
			continue;
		log_info("%s: forgotten", hd->name);
		host_forget(hd);
		domain_free(hd);
	}
}

/* --- coming to rest ---------------------------------------------------- */

static void on_waited(evutil_socket_t fd, short what, void *arg)
{
	waiter_end(arg, NULL);
}

int host_when_at_rest(struct host_domain *hd, unsigned wait_ms,
		      host_rest_fn fn, void *arg)
{
	const struct timeval tv = { .tv_sec = wait_ms / 1000,
				    .tv_usec = wait_ms % 1000 * 1000 };
	struct host_waiter *w;
	const char *failed;

	if (host_is_at_rest(hd, &failed)) {
		fn(hd, failed, arg);
		return 0;
	}
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->timer = event_new(hd->host->opt.base, -1, 0, on_waited, w);
	if (!w->timer) {
		free(w);
		return -ENOMEM;
	}
	w->hd = hd;
	w->fn = fn;
	w->arg = arg;
	event_add(w->timer, &tv);
	TAILQ_INSERT_TAIL(&hd->waiters, w, next);
	return 0;
}

static void end_waiters(struct host_domain *hd)
{
	const char *failed;

	if (TAILQ_EMPTY(&hd->waiters) || !host_is_at_rest(hd, &failed))
		return;
	while (!TAILQ_EMPTY(&hd->waiters))
		waiter_end(TAILQ_FIRST(&hd->waiters), failed);
}

/* --- what shows on the outside ----------------------------------------- */

/* 0 is never. */
static uint64_t earlier(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

static void set_timer(struct host_domain *hd)
{
	uint64_t due = earlier(hd->life.due_ms, host_slots_due(hd));
	uint64_t now = host_now_ms(), ms;
	struct timeval tv;

	due = earlier(due, hd->store_ms);
	due = earlier(due, hd->agent_ms);
	event_del(hd->timer);
	if (!due)
		return;
	ms = due > now ? due - now : 0;
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	event_add(hd->timer, &tv);
}

static void tell(struct host_domain *hd)
{
	const struct domain *life = &hd->life;
	char now[sizeof(hd->told)];
	json_t *event;

	snprintf(now, sizeof(now), "%s %s", domain_state_word(life->state),
		 domain_reason_word(life->reason));
	if (!strcmp(now, hd->told))
		return;
	memcpy(hd->told, now, sizeof(now));
	log_info("%s: %s%s%s", hd->name, domain_state_word(life->state),
		 life->why[0] ? ": " : "", life->why);
	if (!hd->host->opt.on_event)
		return;
	event = host_domain_json(hd, false);
	hd->host->opt.on_event(event, hd->host->opt.ctx);
	json_decref(event);
}

void host_settle(struct host_domain *hd)
{
	host_keep(hd);
	host_slots_review(hd);
	host_store_review(hd);
	hd->agent_ms = host_agent_review(hd);
	tell(hd);
	set_timer(hd);
	end_waiters(hd);
	if (!hd->want)
		event_active(hd->host->sweeper, EV_TIMEOUT, 0);
}

/* --- commands ---------------------------------------------------------- */

static const char *const command_words[] = {
	"start", "shut down", "reboot", "kill", "reset",
	"pause", "resume",    "suspend",
};

int host_command(struct host_domain *hd, enum domain_event command,
		 struct rpc_error *err)
{
	const char *why = hd->lost ? "its record on disk is damaged; see the "
				     "log" :
			  !hd->want && command == DOMAIN_EV_START
				  ? "it is no longer in the state"
				  : domain_may(&hd->life, command);

	if (why)
		return rpc_error_set(err, RPC_REFUSED, NULL, NULL, NULL,
				     "cannot %s domain %s: %s",
				     command_words[command], hd->name, why);
	host_send(hd, command, NULL);
	return 0;
}

int host_confirm(struct host_domain *hd, uint64_t epoch, struct rpc_error *err)
{
	char text[DOMAIN_KEEP_TEXT_MAX];
	int rc = domain_record_confirm(&hd->rec, epoch, hd->host->boot_id,
				       text, sizeof(text));

	if (rc < 0) {
		rpc_error_set(err, RPC_REFUSED, "epoch", NULL, NULL, "%s",
			      text);
		return rc;
	}
	rc = host_keep(hd);
	if (rc < 0) {
		rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL,
			      "the confirmation cannot be kept: %s",
			      strerror(-rc));
		return rc;
	}
	host_review_rules(hd);
	if (hd->rules.owned)
		host_send(hd, DOMAIN_EV_OWNED, NULL);
	return 0;
}

int host_measure_dirty(struct host_domain *hd, unsigned seconds,
		       struct rpc_error *err)
{
	int rc = hd->engine ? engine_dirty_rate(hd->engine, seconds) : -ESRCH;

	if (rc < 0)
		rpc_error_set(err, RPC_REFUSED, NULL, NULL, NULL,
			      "domain %s: %s", hd->name,
			      rc == -ESRCH ? "it does not run" :
					     strerror(-rc));
	return rc;
}

/* --- a new state ------------------------------------------------------- */

/* To the power that the state asks for, now that it has changed. */
static void change_power(struct host_domain *hd)
{
	struct domain *life = &hd->life;

	switch (hd->want->power) {
	case DCONF_RUNNING:
		host_send(hd, life->saved || life->process ? DOMAIN_EV_RESUME :
							     DOMAIN_EV_START,
			  NULL);
		break;
	case DCONF_PAUSED:
		if (!life->process)
			host_send(hd, life->saved ? DOMAIN_EV_RESUME :
						    DOMAIN_EV_START, NULL);
		host_send(hd, DOMAIN_EV_PAUSE, NULL);
		break;
	case DCONF_SUSPENDED:
		host_send(hd, DOMAIN_EV_SUSPEND, NULL);
		break;
	default:
		host_send(hd, life->state == DOMAIN_SUSPENDED ?
				      DOMAIN_EV_KILL : DOMAIN_EV_SHUTDOWN,
			  NULL);
		break;
	}
}

static void no_longer_wanted(struct host_domain *hd)
{
	hd->want = NULL;
	if (domain_is_down(&hd->life))
		host_send(hd, DOMAIN_EV_KILL, NULL);
	else
		host_send(hd, DOMAIN_EV_SHUTDOWN, NULL);
	host_settle(hd);
}

/* Each domain's wishes are those of the state in force. */
static void attach(struct host *h)
{
	struct host_domain *hd;

	TAILQ_FOREACH(hd, &h->domains, next) {
		int32_t i = domain_conf_find(h->state, hd->uuid);

		hd->want = i == DCONF_NONE ? NULL : &h->state->domains[i];
		if (hd->want)
			memcpy(hd->name, hd->want->name, sizeof(hd->name));
		host_review_rules(hd);
	}
}

static void act(struct host *h, const struct domain_conf_action *a)
{
	const struct dconf_domain *want =
		a->after == DCONF_NONE ? NULL : &h->state->domains[a->after];
	struct host_domain *hd = want ? host_find_uuid(h, want->uuid) : NULL;

	if (!hd)
		return;
	if (a->object == DCONF_DOMAIN && a->verb == DCONF_CHANGE) {
		if (hd->life.process)
			hd->stale |= a->parts & DCONF_PARTS_PENDING;
		host_review_rules(hd);
	} else if (a->object == DCONF_POWER ||
		   (a->object == DCONF_DOMAIN && a->verb == DCONF_ADD &&
		    want->power != DCONF_HALTED)) {
		change_power(hd);
	}
}

/* Domains that are new, and those that are wanted again. */
static int add_domains(struct host *h, const struct domain_conf *wanted)
{
	for (uint32_t i = 0; i < wanted->domain_count; i++) {
		const struct dconf_domain *want = &wanted->domains[i];
		struct host_domain *hd = host_find_uuid(h, want->uuid);

		if (hd)
			continue;
		hd = domain_new(h, want->uuid);
		if (!hd)
			return -ENOMEM;
		memcpy(hd->name, want->name, sizeof(hd->name));
		host_recall(hd, true);
	}
	return 0;
}

/* Put it on disk: after this it is in force. */
static int keep_state(struct host *h, const struct domain_conf *state)
{
	char *text = domain_conf_save(state);
	int rc;

	if (!text)
		return -ENOMEM;
	rc = daemon_save_file(h->state_path, text, strlen(text), 0600);
	free(text);
	return rc;
}

static void say_actions(struct host *h, const struct domain_conf *before,
			const struct domain_conf_plan *plan,
			void (*say)(const char *, void *), void *arg)
{
	char text[512];

	for (uint32_t i = 0; i < plan->count; i++) {
		const struct domain_conf_action *a = &plan->actions[i];
		int32_t at = a->before;
		const struct host_domain *hd =
			at == DCONF_NONE ?
				NULL :
				host_find_uuid(h, before->domains[at].uuid);

		domain_conf_action_text(before, h->state, a,
					hd && hd->life.process, text,
					sizeof(text));
		log_info("%s", text);
		say(text, arg);
	}
}

/* `before` is still there: what is no longer wanted is named by it. */
static void become(struct host *h, const struct domain_conf_plan *plan)
{
	struct host_domain *hd;

	attach(h);
	uid_range_set(h->uids, h->state->uid_first, h->state->uid_last);
	TAILQ_FOREACH(hd, &h->domains, next)
		if (!hd->want)
			no_longer_wanted(hd);
	for (uint32_t i = 0; i < plan->count; i++)
		act(h, &plan->actions[i]);
	TAILQ_FOREACH(hd, &h->domains, next) {
		host_look_again(hd);
		host_slots_retry(hd);
		host_settle(hd);
	}
	host_console_changed(h);
}

int host_apply(struct host *h, struct domain_conf *wanted, bool force,
	       struct domain_conf_errors *errs,
	       void (*say)(const char *action, void *arg), void *arg)
{
	struct domain_conf *before = h->state;
	struct domain_conf_plan plan = { .count = 0 };
	int rc = domain_conf_may_replace(before, wanted, force, errs);

	if (!rc)
		rc = domain_conf_diff(before, wanted, &plan);
	if (rc < 0)
		return rc;
	rc = keep_state(h, wanted);
	if (!rc)
		rc = add_domains(h, wanted);
	if (!rc) {
		h->refused[0] = '\0';
		h->state = wanted;
		say_actions(h, before, &plan, say, arg);
		become(h, &plan);
		domain_conf_free(before);
	}
	domain_conf_plan_fini(&plan);
	return rc;
}

void host_problems(struct host *h, void (*say)(const char *text, void *arg),
		   void *arg)
{
	char problem[HOST_PROBLEM_MAX];
	char text[HOST_PROBLEM_MAX + DCONF_NAME_MAX + 2];
	const struct host_domain *hd;

	TAILQ_FOREACH(hd, &h->domains, next) {
		host_slots_problem(hd, problem, sizeof(problem));
		if (!problem[0])
			continue;
		snprintf(text, sizeof(text), "%s: %s", hd->name, problem);
		say(text, arg);
	}
}

const struct domain_conf *host_state(const struct host *h)
{
	return h->state;
}

const char *host_refused(const struct host *h)
{
	return h->refused;
}

/* --- start ------------------------------------------------------------- */

static int make_dirs(struct host *h, struct rpc_error *err)
{
	const struct host_options *o = &h->opt;
	const struct {
		const char *base, *name;
		mode_t mode;
		uid_t uid;
		gid_t gid;
	} dirs[] = {
		/* the switch passes through, to sockets that it may name */
		{ o->run_dir, "vif", 0710, 0, o->switch_gid },
		{ o->run_dir, "domain", 0700, 0, 0 },
		{ o->run_dir, "serial", 0711, 0, 0 },
		{ o->state_dir, "domains", 0700, 0, 0 },
		{ o->state_dir, "suspended", 0700, 0, 0 },
	};
	char path[PATH_MAX];

	for (unsigned i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		int rc;

		snprintf(path, sizeof(path), "%s/%s", dirs[i].base,
			 dirs[i].name);
		rc = daemon_make_dir(path, dirs[i].mode, dirs[i].uid,
				     dirs[i].gid);
		if (rc < 0) {
			rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL,
				      "%s: %s", path, strerror(-rc));
			return rc;
		}
	}
	return 0;
}

/*
 * A state that cannot be used is put aside.  What runs runs on: nobody knows
 * whether it is wanted until there is another state.
 */
static void refuse_saved(struct host *h, const char *why)
{
	char bad[PATH_MAX + 8];

	snprintf(bad, sizeof(bad), "%s.bad", h->state_path);
	snprintf(h->refused, sizeof(h->refused), "%.400s", why);
	log_err("saved state is not used: %s: %s", h->state_path, why);
	if (rename(h->state_path, bad) < 0)
		log_err("%s: %s", bad, strerror(errno));
}

static struct domain_conf *load_state(struct host *h)
{
	struct domain_conf_errors errs = { 0 };
	struct domain_conf *state = NULL;
	char *text, why[600];
	size_t len;
	int rc = daemon_read_file(h->state_path, DCONF_TEXT_MAX, &text, &len);

	if (rc == -ENOENT)
		return domain_conf_empty();
	if (rc < 0) {
		refuse_saved(h, strerror(-rc));
		return domain_conf_empty();
	}
	rc = domain_conf_parse(&state, text, len, &errs);
	free(text);
	if (!rc)
		return state;
	snprintf(why, sizeof(why), "%s: %s, expected %s", errs.error[0].path,
		 errs.error[0].value, errs.error[0].expected);
	refuse_saved(h, errs.count ? why : strerror(-rc));
	return domain_conf_empty();
}

/*
 * A record without a wish: it was being shut down, or the state is lost.  Its
 * process, if there is one, is not left alone.
 */
static void recall_unwanted(const char *uuid, struct domain_record *r,
			    const struct domain_conf_error *err, void *arg)
{
	struct host *h = arg;
	struct host_domain *hd;

	if (err || host_find_uuid(h, uuid))
		return; /* those that are wanted are recalled by name */
	hd = domain_new(h, uuid);
	if (!hd)
		return;
	snprintf(hd->name, sizeof(hd->name), "%s", r->name);
	host_recall(hd, false);
}

static bool is_known_jail(const char *name, void *arg)
{
	struct host *h = arg;
	struct host_domain *hd;

	TAILQ_FOREACH(hd, &h->domains, next)
		if (!strcmp(hd->uuid, name)) /* an engine's jail is named so */
			return hd->lost || hd->rec.pid;
	return false;
}

/* What an earlier one of us has left: taken over, or begun anew. */
static void take_over(struct host_domain *hd, void *unused)
{
	struct domain_actions acts = { 0 };
	uint64_t now = host_now_ms();

	if (hd->lost || (!hd->want && !hd->rec.pid && hd->host->refused[0]))
		return;
	host_review_rules(hd);
	if (hd->rec.boot_id[0] && strcmp(hd->rec.boot_id, hd->host->boot_id)) {
		if (hd->rec.pid)
			host_release(hd);
		domain_host_rebooted(&hd->life, &hd->rules, now, &acts);
	} else if (hd->rec.pid) {
		domain_adopt(&hd->life, now, &acts);
	} else {
		domain_resume_life(&hd->life, &hd->rules, now, &acts);
	}
	host_carry_out(hd, &acts);
	if (!hd->want && !hd->host->refused[0])
		no_longer_wanted(hd);
}

static int load(struct host *h)
{
	h->state = load_state(h);
	if (!h->state)
		return -ENOMEM;
	for (uint32_t i = 0; i < h->state->domain_count; i++) {
		struct host_domain *hd =
			domain_new(h, h->state->domains[i].uuid);

		if (!hd)
			return -ENOMEM;
		hd->want = &h->state->domains[i];
		memcpy(hd->name, hd->want->name, sizeof(hd->name));
		host_recall(hd, false);
	}
	domain_keep_each(h->keep_dir, recall_unwanted, h);
	uid_range_set(h->uids, h->state->uid_first, h->state->uid_last);
	return 0;
}

static void probe_kvm(struct host *h)
{
	struct kvm_probe probe;
	char keep[PATH_MAX];
	struct kvm_probe_conf conf = { .keep = keep };

	snprintf(keep, sizeof(keep), "%s/kvm", h->opt.run_dir);
	kvm_probe(&conf, &probe);
	h->kvm = kvm_probe_is_usable(&probe);
	h->kvm_no_xsave = probe.xsetbv_lost;
	snprintf(h->kvm_why, sizeof(h->kvm_why), "%s", probe.reason);
	log_info("KVM is %s: %s", kvm_verdict_word(probe.verdict),
		 probe.reason);
}

static int make_parts(struct host *h)
{
	int rc = uid_range_new(&h->uids, DCONF_UID_MIN, DCONF_UID_MIN,
			       "/proc");

	if (!rc)
		rc = switch_gate_new(&h->gate, h->opt.base, h->opt.switchd);
	if (!rc)
		rc = xenstore_client_new(&h->store, h->opt.xenstored, NULL,
					 NULL, NULL);
	if (!rc)
		rc = host_agent_init(h);
	if (!rc)
		rc = host_console_init(h);
	if (!rc)
		rc = domain_keep_boot_id(h->boot_id);
	if (!rc && accounting_new(&h->accounting, "") < 0)
		log_warn("what domains use cannot be counted here");
	h->sweeper = event_new(h->opt.base, -1, 0, on_sweep, h);
	return rc ? rc : h->sweeper ? 0 : -ENOMEM;
}

int host_new(struct host **out, const struct host_options *options,
	     struct rpc_error *err)
{
	struct host *h = calloc(1, sizeof(*h));
	int rc;

	if (!h)
		return -ENOMEM;
	h->opt = *options;
	TAILQ_INIT(&h->domains);
	snprintf(h->state_path, sizeof(h->state_path), "%s/state.json",
		 options->state_dir);
	snprintf(h->keep_dir, sizeof(h->keep_dir), "%s/domains",
		 options->state_dir);
	snprintf(h->suspend_dir, sizeof(h->suspend_dir), "%s/suspended",
		 options->state_dir);
	rc = make_dirs(h, err);
	if (!rc) {
		rc = make_parts(h);
		if (!rc)
			rc = load(h);
		if (rc < 0)
			rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL, "%s",
				      strerror(-rc));
	}
	if (rc < 0) {
		host_free(h);
		return rc;
	}
	probe_kvm(h);
	/* those that were started and not yet recorded */
	jail_sweep(is_known_jail, h);
	host_each(h, take_over, NULL);
	host_console_changed(h);
	*out = h;
	return 0;
}

void host_free(struct host *h)
{
	if (!h)
		return;
	while (!TAILQ_EMPTY(&h->domains))
		domain_free(TAILQ_FIRST(&h->domains));
	host_console_fini(h);
	host_agent_fini(h);
	xenstore_client_free(h->store);
	switch_gate_free(h->gate);
	uid_range_free(h->uids);
	accounting_free(h->accounting);
	if (h->sweeper)
		event_free(h->sweeper);
	domain_conf_free(h->state);
	free(h);
}
