/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * causeway_down.c: `down`.
 *
 * Domains first, in the words of the desired state: hypervisord gets the value
 * it has, with every domain's "power" halted.  So it shuts them down as it
 * always does, in the time that each is given, and the next `up`, whose file
 * says "running", is a change that starts them.  What does not shut down is
 * killed, and named.
 *
 * Then, unless only the domains were meant (a machine that shuts down has its
 * own idea of stopping daemons), the daemons, the last that came first.
 * Interfaces that were taken from the host are given back at the end.  The
 * site file is not needed: a host with a broken one can be stopped.
 */
#include "mgmt/causeway.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mgmt/run_program.h"

#define TELL_S 5 /* between two lines about whom we wait for */
#define SLACK_S 10 /* beyond the domains' own times */

static bool is_off(const json_t *domain)
{
	const char *state = cw_text(domain, "state");

	return !strcmp(state, "halted") || !strcmp(state, "suspended") ||
	       !strcmp(state, "crashed");
}

/* Names of those that run; "" none. */
static unsigned running(const json_t *facts, char *names, size_t room)
{
	json_t *domain;
	unsigned count = 0;
	size_t i, n = 0;

	names[0] = '\0';
	json_array_foreach(json_object_get(facts, "domains"), i, domain) {
		if (is_off(domain))
			continue;
		if (n < room)
			n += snprintf(names + n, room - n, "%s%s",
				      count ? ", " : "",
				      cw_text(domain, "name"));
		count++;
	}
	return count;
}

/* The value with all off; *wait_s: the longest that one may take. */
static int halt_all(struct cw *cw, unsigned *wait_s)
{
	json_t *state, *domain, *result;
	size_t i;
	int code = cw_call(cw, SITE_HYPERVISORD, "state.get", NULL, &state);

	if (code)
		return code;
	*wait_s = 0;
	json_array_foreach(json_object_get(state, "domains"), i, domain) {
		unsigned s = cw_number(domain, "shutdown_timeout_s");

		*wait_s = s > *wait_s ? s : *wait_s;
		if (strcmp(cw_text(domain, "power"), "suspended") != 0)
			json_object_set_new(domain, "power",
					    json_string("halted"));
	}
	*wait_s += SLACK_S;
	if (!cw_text(state, "owner")[0]) { /* it never got any */
		json_decref(state);
		return CW_DONE;
	}
	code = cw_call(cw, SITE_HYPERVISORD, "state.apply",
		       json_pack("{s:o}", "state", state), &result);
	json_decref(result);
	return code;
}

static void kill_rest(struct cw *cw, const json_t *facts)
{
	json_t *domain;
	size_t i;

	json_array_foreach(json_object_get(facts, "domains"), i, domain) {
		if (is_off(domain))
			continue;
		fprintf(stderr, "causeway: %s did not shut down in time; "
				"killed\n", cw_text(domain, "name"));
		json_decref(cw_ask(cw, SITE_HYPERVISORD, "domain.kill",
				   json_pack("{s:s}", "uuid",
					     cw_text(domain, "uuid"))));
	}
}

/* Wait up to wait_s for all to be off: true if they are. */
static bool await_off(struct cw *cw, unsigned wait_s, bool tell)
{
	const struct timespec pause = { 0, 100000000 };
	time_t began = time(NULL), said = began, now;
	char names[256];
	json_t *facts;
	unsigned count;

	for (;;) {
		facts = cw_ask(cw, SITE_HYPERVISORD, "domains.list", NULL);
		count = running(facts, names, sizeof(names));
		now = time(NULL);
		if (!count || now - began >= (time_t)wait_s)
			break;
		if (tell && !cw->json && now - said >= TELL_S) {
			printf("%s: shutting down, %ld s so far\n", names,
			       (long)(now - began));
			fflush(stdout);
			said = now;
		}
		json_decref(facts);
		nanosleep(&pause, NULL);
	}
	if (count && tell)
		kill_rest(cw, facts);
	json_decref(facts);
	return !count;
}

static int stop_domains(struct cw *cw)
{
	struct launch_facts f;
	unsigned wait_s;
	int code;

	launch_look(&cw->launch, SITE_HYPERVISORD, &f);
	if (f.state == LAUNCH_STOPPED)
		return CW_DONE;
	code = halt_all(cw, &wait_s);
	if (code)
		return cw_fail(cw, code,
			       "domains could not be shut down; --keep-domains "
			       "stops without that");
	if (cw->timeout_s)
		wait_s = cw->timeout_s;
	if (await_off(cw, wait_s, true) || await_off(cw, SLACK_S, false))
		return CW_DONE;
	return cw_fail(cw, CW_REFUSED, "domains are left that cannot be "
				       "killed; nothing else was stopped");
}

/* Where netd was: devices are to be given back there. */
static void enter_netns_of(struct cw *cw)
{
	struct launch_facts f;

	launch_look(&cw->launch, SITE_NETD, &f);
	if (f.pid && !cw->launch.systemd)
		launch_enter_netns(f.pid, NULL);
}

static int give_back(struct cw *cw)
{
	char program[PATH_MAX], socket[PATH_MAX], state[PATH_MAX], text[512];
	const char *const argv[] = { program, "--release-all", "--socket",
				     socket, "--state", state, NULL };

	site_socket(&cw->paths, SITE_NETD, socket);
	snprintf(state, sizeof(state), "%.4000s/netd", cw->paths.run);
	if (access(state, F_OK)) /* it never took anything */
		return CW_DONE;
	if (launch_find_program(site_daemon_program(SITE_NETD), program) ||
	    run_program(argv, true, text, sizeof(text))) {
		text[strcspn(text, "\n")] = '\0';
		return cw_fail(cw, CW_REFUSED,
			       "interfaces were not given back: %.150s",
			       text);
	}
	return CW_DONE;
}

/*
 * Daemons with users of their own cannot remove their names from run/, which
 * is root's, and a killed one removes nothing.  Another's stays.
 */
static void remove_socket(struct cw *cw, enum site_daemon d)
{
	struct launch_facts f;
	char path[PATH_MAX];

	launch_look(&cw->launch, d, &f);
	if (f.state != LAUNCH_STOPPED || f.answers)
		return;
	site_socket(&cw->paths, d, path);
	unlink(path);
}

static int stop_daemons(struct cw *cw, json_t *stopped)
{
	struct launch_facts f;
	struct rpc_error err = { 0 };
	int code = CW_DONE, d;

	for (d = SITE_DAEMONS - 1; d >= 0; d--) {
		launch_look(&cw->launch, d, &f);
		if (f.state == LAUNCH_STOPPED) {
			remove_socket(cw, d);
			continue;
		}
		if (launch_stop(&cw->launch, d, &err)) {
			code = cw_say_error(cw, CW_UNREACHABLE, &err);
			continue;
		}
		remove_socket(cw, d);
		json_array_append_new(stopped,
				      json_string(site_daemon_name(d)));
		if (!cw->json)
			printf("%-12s stopped\n", site_daemon_name(d));
	}
	return code;
}

int cw_down(struct cw *cw)
{
	json_t *stopped;
	int code = cw_take_site(cw);

	if (!code && cw->keep_domains && cw->only_domains)
		code = cw_fail(cw, CW_USAGE, "--keep-domains or "
					     "--only-domains, not both");
	if (!code && !cw->keep_domains)
		code = stop_domains(cw);
	if (code || cw->only_domains)
		return code;
	stopped = json_array();
	enter_netns_of(cw);
	code = stop_daemons(cw, stopped);
	if (!code)
		code = give_back(cw);
	if (!cw->json && !json_array_size(stopped))
		printf("nothing was running\n");
	if (cw->json && !code)
		return cw_print_json(json_pack("{s:o}", "stopped", stopped));
	json_decref(stopped);
	return code;
}
