/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * site_daemon.c: the daemons of a site, and what each is told at its start.
 * The only place that knows their options.
 */
#include "mgmt/site.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *user;
} daemons[SITE_DAEMONS] = {
	[SITE_NETD] = { "netd", NULL },
	[SITE_SWITCHD] = { "switchd", "causeway-switch" },
	[SITE_XENSTORED] = { "xenstored", "causeway-store" },
	[SITE_CONSOLED] = { "consoled", "causeway-console" },
	[SITE_HYPERVISORD] = { "hypervisord", NULL },
};

static const char *const programs[SITE_DAEMONS] = {
	[SITE_NETD] = "causeway-netd",
	[SITE_SWITCHD] = "causeway-switchd",
	[SITE_XENSTORED] = "causeway-xenstored",
	[SITE_CONSOLED] = "causeway-consoled",
	[SITE_HYPERVISORD] = "causeway-hypervisord",
};

const char *site_daemon_name(enum site_daemon d)
{
	return daemons[d].name;
}

const char *site_daemon_program(enum site_daemon d)
{
	return programs[d];
}

enum site_daemon site_daemon_find(const char *name)
{
	int d;

	for (d = 0; d < SITE_DAEMONS; d++)
		if (!strcmp(name, daemons[d].name) ||
		    !strcmp(name, programs[d]))
			break;
	return d;
}

const char *site_user(const struct site *site, enum site_daemon d)
{
	return site->options[d].user[0] ? site->options[d].user :
					  daemons[d].user;
}

bool site_has(const struct site *site, enum site_daemon d)
{
	return d <= SITE_SWITCHD || site->hypervisor_state;
}

void site_socket(const struct site_paths *paths, enum site_daemon d,
		 char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%.4000s/%s.sock", paths->run,
		 daemons[d].name);
}

/* --- command lines -------------------------------------------------------- */

/* Option and value, the value put together; nothing for an empty one. */
static int add(struct site_args *a, const char *option, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int add(struct site_args *a, const char *option, const char *fmt, ...)
{
	char value[PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	if (!value[0])
		return 0;
	if (a->count + 2 > SITE_ARGS_MAX)
		return -ENOMEM;
	a->arg[a->count] = strdup(option);
	a->arg[a->count + 1] = strdup(value);
	a->count += 2;
	return a->arg[a->count - 2] && a->arg[a->count - 1] ? 0 : -ENOMEM;
}

static int add_socket(struct site_args *a, const char *option,
		      const struct site *site, enum site_daemon d)
{
	char path[PATH_MAX];

	site_socket(&site->paths, d, path);
	return add(a, option, "%s", path);
}

static int add_hypervisord(const struct site *site, struct site_args *a)
{
	int rc = add(a, "--run-dir", "%s", site->paths.run);

	rc |= add(a, "--state-dir", "%s/hypervisord", site->paths.state);
	rc |= add_socket(a, "--switchd", site, SITE_SWITCHD);
	rc |= add_socket(a, "--xenstored", site, SITE_XENSTORED);
	rc |= add_socket(a, "--consoled", site, SITE_CONSOLED);
	return rc;
}

static int add_paths(const struct site *site, enum site_daemon d,
		     struct site_args *a)
{
	const struct site_paths *p = &site->paths;
	int rc = add_socket(a, "--socket", site, d);

	switch (d) {
	case SITE_NETD:
		rc |= add(a, "--state", "%s/netd", p->run);
		break;
	case SITE_SWITCHD:
		rc |= add_socket(a, "--netd", site, SITE_NETD);
		rc |= add(a, "--state-dir", "%s/switchd", p->state);
		break;
	case SITE_XENSTORED:
		rc |= add(a, "--run-dir", "%s/xenstore", p->run);
		break;
	case SITE_CONSOLED:
		rc |= add(a, "--log-dir", "%s/console", p->log);
		break;
	case SITE_HYPERVISORD:
		rc |= add_hypervisord(site, a);
		break;
	case SITE_DAEMONS:
		break;
	}
	return rc;
}

/* Whom a daemon works with, where that is not who it is by default. */
static int add_others(const struct site *site, enum site_daemon d, bool paths,
		      struct site_args *a)
{
	const char *sw = site->options[SITE_SWITCHD].user;
	const char *console = site->options[SITE_CONSOLED].user;
	int rc = 0;

	if (paths) {
		sw = site_user(site, SITE_SWITCHD);
		console = site_user(site, SITE_CONSOLED);
	}
	if (d == SITE_NETD)
		rc = add(a, "--allow-user", "%s", sw);
	if (d == SITE_HYPERVISORD)
		rc = add(a, "--switch-user", "%s", sw) |
		     add(a, "--console-user", "%s", console);
	return rc;
}

int site_args(const struct site *site, enum site_daemon d, bool paths,
	      struct site_args *out)
{
	const struct site_options *o = &site->options[d];
	const char *user = paths ? site_user(site, d) : o->user;
	unsigned i;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = paths ? add_paths(site, d, out) : 0;
	rc |= add_others(site, d, paths, out);
	rc |= add(out, "--user", "%s", user ? user : "");
	rc |= add(out, "--group", "%s", o->group);
	rc |= add(out, "--cores", "%s", o->cores);
	for (i = 0; i < o->device_count; i++)
		rc |= add(out, "--device", "%s", o->devices[i]);
	rc |= add(out, "--log-level", "%s", o->log_level);
	return rc ? -ENOMEM : 0;
}

void site_args_fini(struct site_args *args)
{
	for (unsigned i = 0; i < args->count; i++)
		free(args->arg[i]);
	memset(args, 0, sizeof(*args));
}
