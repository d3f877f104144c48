/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * launch_systemd.c: daemons as units.  systemd has the command lines; what the
 * site file adds to one goes into a file that its unit reads, as OPTIONS.
 */
#include "mgmt/launch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/daemon.h"
#include "mgmt/run_program.h"

#define OPTIONS_FOLDER "/var/lib/causeway/options"
#define TEXT_MAX 4096

static void unit_of(enum site_daemon d, char unit[SITE_NAME_MAX])
{
	snprintf(unit, SITE_NAME_MAX, "%s.service", site_daemon_program(d));
}

static int systemctl(const char *verb, enum site_daemon d, char *text,
		     size_t room)
{
	char unit[SITE_NAME_MAX];
	const char *const argv[] = { "systemctl", verb, unit, NULL };

	unit_of(d, unit);
	return run_program(argv, true, text, room);
}

/* The machine runs it, and our units are there. */
bool launch_has_systemd(void)
{
	char text[TEXT_MAX];

	return !access("/run/systemd/system", F_OK) &&
	       !systemctl("cat", SITE_NETD, text, sizeof(text));
}

/* --- looking -------------------------------------------------------------- */

static const char *property(const char *text, const char *key)
{
	static char value[128];
	const char *at = text;
	size_t n = strlen(key);

	value[0] = '\0';
	while (at && strncmp(at, key, n) != 0) {
		at = strchr(at, '\n');
		at += at ? 1 : 0;
	}
	if (at)
		snprintf(value, sizeof(value), "%.*s",
			 (int)strcspn(at + n, "\n"), at + n);
	return value;
}

static enum launch_state state_of(const char *word, unsigned restarts)
{
	if (!strcmp(word, "active"))
		return LAUNCH_RUNNING;
	if (!strcmp(word, "activating"))
		return restarts > 2 ? LAUNCH_DEGRADED : LAUNCH_STARTING;
	return strcmp(word, "failed") ? LAUNCH_STOPPED : LAUNCH_DEGRADED;
}

void systemd_look(enum site_daemon d, struct launch_facts *out)
{
	char unit[SITE_NAME_MAX], text[TEXT_MAX];
	const char *const argv[] = {
		"systemctl", "show", "--property",
		"ActiveState,MainPID,NRestarts,Result,"
		"ExecMainStartTimestampMonotonic",
		unit, NULL
	};
	struct timespec ts;
	uint64_t since_us;

	unit_of(d, unit);
	if (run_program(argv, false, text, sizeof(text)))
		return;
	out->pid = atoi(property(text, "MainPID="));
	out->restarts = strtoul(property(text, "NRestarts="), NULL, 10);
	since_us = strtoull(property(text,
				     "ExecMainStartTimestampMonotonic="),
			    NULL, 10);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	if (out->pid)
		out->uptime_ms = (uint64_t)ts.tv_sec * 1000 +
				 ts.tv_nsec / 1000000 - since_us / 1000;
	snprintf(out->ended, sizeof(out->ended), "%s",
		 property(text, "Result="));
	if (!strcmp(out->ended, "success"))
		out->ended[0] = '\0';
	out->state = state_of(property(text, "ActiveState="), out->restarts);
}

/* --- options -------------------------------------------------------------- */

static void options_path(enum site_daemon d, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, OPTIONS_FOLDER "/%s", site_daemon_name(d));
}

/* OPTIONS=--cores 1: no word has a space or a quote in it (site_parse.c). */
static int options_text(const struct site *site, enum site_daemon d,
			char text[TEXT_MAX])
{
	struct site_args args;
	int rc = site_args(site, d, false, &args);
	size_t n = snprintf(text, TEXT_MAX, "OPTIONS=");
	unsigned i;

	for (i = 0; !rc && i < args.count && n < TEXT_MAX; i++)
		n += snprintf(text + n, TEXT_MAX - n, "%s%s", i ? " " : "",
			      args.arg[i]);
	if (!rc && n < TEXT_MAX)
		n += snprintf(text + n, TEXT_MAX - n, "\n");
	site_args_fini(&args);
	return rc || n >= TEXT_MAX ? -ENOMEM : 0;
}

bool systemd_is_current(const struct site *site, enum site_daemon d)
{
	char path[PATH_MAX], wanted[TEXT_MAX], *kept;
	size_t len;
	bool same;

	options_path(d, path);
	if (options_text(site, d, wanted))
		return false;
	if (daemon_read_file(path, TEXT_MAX, &kept, &len))
		return !strcmp(wanted, "OPTIONS=\n");
	same = !strcmp(kept, wanted);
	free(kept);
	return same;
}

static int save_options(const struct site *site, enum site_daemon d)
{
	char path[PATH_MAX], text[TEXT_MAX];
	int rc = options_text(site, d, text);

	if (!rc)
		rc = daemon_make_dir(OPTIONS_FOLDER, 0755, (uid_t)-1,
				     (gid_t)-1);
	options_path(d, path);
	return rc ? rc : daemon_save_file(path, text, strlen(text), 0644);
}

/* --- starting and ending -------------------------------------------------- */

static int refuse(struct rpc_error *err, enum site_daemon d, char *text)
{
	text[strcspn(text, "\n")] = '\0';
	rpc_error_set(err, RPC_FAILED, NULL, NULL,
		      "`causeway logs` says more, and so does systemctl "
		      "status", "%s: %s", site_daemon_name(d),
		      text[0] ? text : "systemctl refuses");
	return -EIO;
}

int systemd_start(const struct site *site, enum site_daemon d,
		  struct rpc_error *err)
{
	char text[TEXT_MAX];
	int rc = save_options(site, d);

	if (rc) {
		rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL, "%s: %s",
			      OPTIONS_FOLDER, strerror(-rc));
		return rc;
	}
	return systemctl("restart", d, text, sizeof(text)) ?
		       refuse(err, d, text) : 0;
}

int systemd_stop(enum site_daemon d, struct rpc_error *err)
{
	char text[TEXT_MAX];

	return systemctl("stop", d, text, sizeof(text)) ?
		       refuse(err, d, text) : 0;
}
