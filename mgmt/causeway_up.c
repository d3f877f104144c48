/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * causeway_up.c: `up`, `apply` and `check`.
 *
 * The file is valid before anything is started.  Then each daemon in turn: one
 * that runs as the site wants it is left alone, one that runs otherwise is
 * started anew, and all must answer.  Last the states are handed over, the
 * switch's first, since hypervisord asks the switch for its domains' ports.
 *
 * If something fails, what was started is stopped again, unless it replaced
 * what ran before: a host that was up stays up.  So a second `up` finds
 * nothing to do, and one that was killed halfway is completed by the next.
 */
#include "mgmt/causeway.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/daemon.h"

struct up {
	struct cw *cw;
	const struct site *site;
	bool started[SITE_DAEMONS]; /* nothing ran before: to be undone */
	json_t *daemons, *actions;  /* for --json */
};

static void say(const struct up *u, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void say(const struct up *u, const char *fmt, ...)
{
	va_list ap;

	if (u->cw->json)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	fflush(stdout);
}

/* --- folders -------------------------------------------------------------- */

static int make_dir(const struct cw *cw, const char *base, const char *name,
		    mode_t mode, uid_t uid, gid_t gid)
{
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), "%.3900s%s%s", base, name ? "/" : "",
		 name ? name : "");
	rc = daemon_make_dir(path, mode, uid, gid);
	return rc ? cw_fail(cw, CW_FILE, "%s: %s", path, strerror(-rc)) :
		    CW_DONE;
}

/* A user that is not there stops everything before it has begun. */
static int check_users(const struct up *u)
{
	uid_t uid;
	gid_t gid;
	int d;

	for (d = 0; d < SITE_DAEMONS; d++) {
		const char *user = site_user(u->site, d);

		if (!user || !site_has(u->site, d) ||
		    !daemon_lookup_user(user, &uid, &gid))
			continue;
		return cw_fail(u->cw, CW_REFUSED,
			       "there is no user %s for %s; create it: "
			       "useradd --system --no-create-home %s",
			       user, site_daemon_name(d), user);
	}
	return CW_DONE;
}

/* So is a program; systemd's units know where theirs are. */
static int check_programs(const struct up *u)
{
	char path[PATH_MAX];

	for (int d = 0; d < SITE_DAEMONS; d++)
		if (!u->cw->launch.systemd && site_has(u->site, d) &&
		    launch_find_program(site_daemon_program(d), path))
			return cw_fail(u->cw, CW_REFUSED,
				       "there is no program %s; install it, or "
				       "name its folder in CAUSEWAY_PROGRAMS",
				       site_daemon_program(d));
	return CW_DONE;
}

/* The switch's group makes and enters what is shared with it. */
static int make_folders(const struct up *u)
{
	const struct site_paths *p = &u->site->paths;
	uid_t uid;
	gid_t gid;
	int code = check_users(u);

	if (!code)
		code = check_programs(u);
	if (code)
		return code;
	daemon_lookup_user(site_user(u->site, SITE_SWITCHD), &uid, &gid);
	code = make_dir(u->cw, p->run, NULL, 01775, 0, gid);
	if (!code)
		code = make_dir(u->cw, p->run, "vif", 0710, 0, gid);
	if (!code)
		code = make_dir(u->cw, p->state, NULL, 0755, 0, 0);
	if (!code)
		code = make_dir(u->cw, p->log, NULL, 0755, 0, 0);
	return code;
}

/* --- daemons -------------------------------------------------------------- */

static double seconds_since(const struct timespec *began)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - began->tv_sec +
	       (now.tv_nsec - began->tv_nsec) / 1e9;
}

static void tell_daemon(struct up *u, enum site_daemon d, const char *what,
			const struct launch_facts *f, double took_s)
{
	json_array_append_new(u->daemons,
			      json_pack("{s:s, s:s, s:i}", "name",
					site_daemon_name(d), "done", what,
					"pid", (int)f->pid));
	say(u, "%-12s %s, pid %d", site_daemon_name(d), what, (int)f->pid);
	say(u, took_s > 0 ? ", %.1f s\n" : "\n", took_s);
}

/* The last lines of its log say it best; systemctl has its own words. */
static void show_log(const struct up *u, enum site_daemon d)
{
	struct cw cw = *u->cw;
	char *name = (char *)site_daemon_name(d);

	if (cw.json || cw.launch.systemd)
		return;
	cw.argc = 1;
	cw.argv = &name;
	cw.lines = 5;
	cw_logs(&cw);
}

static int start(struct up *u, enum site_daemon d, const char *what)
{
	struct launch_facts f;
	struct timespec began;
	struct rpc_error err = { 0 };
	int rc;

	clock_gettime(CLOCK_MONOTONIC, &began);
	rc = launch_start(&u->cw->launch, u->site, d, &err);
	if (!rc)
		rc = launch_await(&u->cw->launch, d, &f, &err);
	if (!rc) {
		tell_daemon(u, d, what, &f, seconds_since(&began));
		return CW_DONE;
	}
	if (rc == -ETIMEDOUT || rc == -EIO)
		show_log(u, d);
	return cw_say_error(u->cw, CW_UNREACHABLE, &err);
}

static int restart(struct up *u, enum site_daemon d)
{
	struct rpc_error err = { 0 };

	if (launch_stop(&u->cw->launch, d, &err))
		return cw_say_error(u->cw, CW_UNREACHABLE, &err);
	return start(u, d, "started anew, its options have changed");
}

/*
 * Make it run as the site says.  One that is being started by its supervisor
 * just now, or keeps dying, is waited for: it may come.
 */
static int raise(struct up *u, enum site_daemon d)
{
	struct launch_facts f;
	struct rpc_error err = { 0 };

	launch_look(&u->cw->launch, d, &f);
	if (f.state == LAUNCH_STOPPED) {
		u->started[d] = true;
		return start(u, d, "started");
	}
	if (f.state == LAUNCH_ORPHAN)
		return start(u, d, "started anew, nobody looked after it");
	if (!launch_is_current(&u->cw->launch, u->site, d, &f))
		return restart(u, d);
	if (launch_await(&u->cw->launch, d, &f, &err)) {
		show_log(u, d);
		return cw_say_error(u->cw, CW_UNREACHABLE, &err);
	}
	tell_daemon(u, d, "runs", &f, 0);
	return CW_DONE;
}

/*
 * Its domains would go on, and nobody would know of them: first they must be
 * given up by their owner.
 */
static int check_left(struct up *u)
{
	struct launch_facts f;

	if (site_has(u->site, SITE_HYPERVISORD))
		return CW_DONE;
	launch_look(&u->cw->launch, SITE_HYPERVISORD, &f);
	if (f.state == LAUNCH_STOPPED)
		return CW_DONE;
	return cw_fail(u->cw, CW_REFUSED,
		       "hypervisord runs, and the site has no \"hypervisor\" "
		       "any more; give it no domains, or `causeway down` "
		       "first");
}

static int raise_all(struct up *u)
{
	int code = check_left(u), d;

	for (d = 0; !code && d < SITE_DAEMONS; d++)
		if (site_has(u->site, d))
			code = raise(u, d);
	return code;
}

/* --- states --------------------------------------------------------------- */

/* Who refuses, and the place as it is in the file. */
static void name_part(struct rpc_error *e, enum site_daemon d,
		      const char *part)
{
	struct rpc_error was = *e;

	snprintf(e->message, sizeof(e->message), "%s: %.200s",
		 site_daemon_name(d), was.message);
	if (was.path[0] && strcmp(was.path, "owner") != 0 &&
	    strcmp(was.path, "generation") != 0)
		snprintf(e->path, sizeof(e->path), "%s.%.240s", part,
			 was.path);
}

static int hand_over(struct up *u, enum site_daemon d, json_t *state)
{
	json_t *result, *actions, *problems, *action;
	size_t i;
	struct rpc_error err;
	int rc;

	rc = cw_try(u->cw, d, "state.apply",
		    json_pack("{s:O, s:b}", "state", state, "force",
			      u->cw->force), CW_CALL_MS, &result, &err);
	if (rc == -EREMOTEIO)
		name_part(&err, d, d == SITE_SWITCHD ? "switch" :
						       "hypervisor");
	if (rc)
		return cw_say_failed_call(u->cw, d, rc, &err);
	actions = json_object_get(result, "actions");
	json_array_foreach(actions, i, action)
		say(u, "  %s\n", json_string_value(action));
	json_array_extend(u->actions, actions);
	problems = json_object_get(result, "problems");
	json_array_foreach(problems, i, action)
		fprintf(stderr, "causeway: %s\n", json_string_value(action));
	json_decref(result);
	return CW_DONE;
}

static int hand_over_all(struct up *u)
{
	int code = hand_over(u, SITE_SWITCHD, u->site->switch_state);

	if (!code && u->site->hypervisor_state)
		code = hand_over(u, SITE_HYPERVISORD,
				 u->site->hypervisor_state);
	if (!code)
		say(u, "generation %llu of %s is in force, %zu action%s\n",
		    (unsigned long long)u->site->generation, u->site->owner,
		    json_array_size(u->actions),
		    json_array_size(u->actions) == 1 ? "" : "s");
	return code;
}

/* --- the verbs ------------------------------------------------------------ */

/* What came of nothing goes back to nothing, in the other order. */
static void undo(struct up *u)
{
	struct rpc_error err;
	int d;

	for (d = SITE_DAEMONS - 1; d >= 0; d--)
		if (u->started[d] &&
		    !launch_stop(&u->cw->launch, d, &err))
			fprintf(stderr, "causeway: %s stopped again\n",
				site_daemon_name(d));
}

static int finish(struct up *u, int code)
{
	if (!code && u->cw->json)
		return cw_print_json(json_pack(
			"{s:s, s:I, s:o, s:o}", "owner", u->site->owner,
			"generation", (json_int_t)u->site->generation,
			"daemons", u->daemons, "actions", u->actions));
	json_decref(u->daemons);
	json_decref(u->actions);
	return code;
}

/*
 * A domain that runs, be it that hypervisord found it or started it by the
 * state that it had, is not cut off because a later step failed.
 */
static bool may_undo(struct up *u)
{
	json_t *facts, *domain;
	bool any = false;
	size_t i;

	if (!u->started[SITE_HYPERVISORD])
		return true;
	facts = cw_ask(u->cw, SITE_HYPERVISORD, "domains.list", NULL);
	json_array_foreach(json_object_get(facts, "domains"), i, domain)
		any |= cw_number(domain, "pid") > 0;
	json_decref(facts);
	if (any)
		fputs("causeway: domains run; what was started is left as it "
		      "is\n", stderr);
	return !any;
}

static int run(struct cw *cw, int (*first)(struct up *))
{
	struct up u = { .cw = cw };
	struct site *site;
	int code = cw_load_site(cw, &site);

	if (code)
		return code;
	u.site = site;
	u.daemons = json_array();
	u.actions = json_array();
	code = cw_take_site(cw);
	if (!code)
		code = make_folders(&u);
	if (!code)
		code = first(&u);
	if (!code)
		code = hand_over_all(&u);
	if (code && may_undo(&u))
		undo(&u);
	code = finish(&u, code);
	site_free(site);
	return code;
}

/* What has other options is started anew; what does not run stays so. */
static int apply_options(struct up *u)
{
	struct launch_facts f;
	int code = check_left(u), d;

	for (d = 0; !code && d < SITE_DAEMONS; d++) {
		if (!site_has(u->site, d))
			continue;
		launch_look(&u->cw->launch, d, &f);
		if (f.state == LAUNCH_STOPPED)
			code = cw_fail(u->cw, CW_UNREACHABLE,
				       "%s does not run; `causeway up` starts "
				       "what is missing", site_daemon_name(d));
		else
			code = raise(u, d);
	}
	return code;
}

int cw_up(struct cw *cw)
{
	return run(cw, raise_all);
}

int cw_apply(struct cw *cw)
{
	return run(cw, apply_options);
}

int cw_check(struct cw *cw)
{
	struct site *site;
	int code = cw_load_site(cw, &site);

	if (code)
		return code;
	if (cw->json)
		code = cw_print_json(json_pack(
			"{s:s, s:I, s:O, s:O?}", "owner", site->owner,
			"generation", (json_int_t)site->generation, "switch",
			site->switch_state, "hypervisor",
			site->hypervisor_state));
	else
		printf("%s is valid: generation %llu of %s\n",
		       cw->paths.file, (unsigned long long)site->generation,
		       site->owner);
	site_free(site);
	return code;
}
