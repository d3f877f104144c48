/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * causeway_status.c: the host at a glance.  Everything is asked, nothing is
 * remembered; a daemon that does not answer leaves its part out and says so in
 * its own line.
 */
#include "mgmt/causeway.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vswitch/text_table.h"

struct host {
	struct launch_facts daemons[SITE_DAEMONS];
	json_t *ports, *bonds, *domains; /* NULL: nobody answered */
};

static bool is_well(const struct launch_facts *f)
{
	return f->state == LAUNCH_RUNNING && f->answers;
}

/* Without a file that can be read, what every host has. */
static bool is_wanted(const struct site *site, const struct host *h, int d)
{
	return h->daemons[d].state != LAUNCH_STOPPED ||
	       (site ? site_has(site, d) : d <= SITE_SWITCHD);
}

static void look(struct cw *cw, struct host *h)
{
	for (int d = 0; d < SITE_DAEMONS; d++)
		launch_look(&cw->launch, d, &h->daemons[d]);
	if (h->daemons[SITE_SWITCHD].answers) {
		h->ports = cw_ask(cw, SITE_SWITCHD, "ports.list", NULL);
		h->bonds = cw_ask(cw, SITE_SWITCHD, "bonds.list", NULL);
	}
	if (h->daemons[SITE_HYPERVISORD].answers)
		h->domains = cw_ask(cw, SITE_HYPERVISORD, "domains.list",
				    NULL);
}

static void forget(struct host *h)
{
	json_decref(h->ports);
	json_decref(h->bonds);
	json_decref(h->domains);
}

/* --- as text -------------------------------------------------------------- */

static const char *remark(const struct launch_facts *f)
{
	static char text[192];

	text[0] = '\0';
	if (f->state == LAUNCH_ORPHAN)
		snprintf(text, sizeof(text), "nobody starts it again if it "
			 "dies; `causeway up` mends that");
	else if (f->state != LAUNCH_STOPPED && f->pid && !f->answers)
		snprintf(text, sizeof(text), "does not answer");
	else if (f->state != LAUNCH_STOPPED && f->ended[0])
		snprintf(text, sizeof(text), "last %s", f->ended);
	return text;
}

static void print_daemons(const struct host *h, const struct site *site)
{
	struct text_table t;
	int d;

	text_table_init(&t, "DAEMON;STATE;>PID;>UPTIME;>RESTARTS;");
	for (d = 0; d < SITE_DAEMONS; d++) {
		const struct launch_facts *f = &h->daemons[d];

		if (!is_wanted(site, h, d))
			continue;
		text_table_cell(&t, "%s", site_daemon_name(d));
		text_table_cell(&t, "%s", launch_state_word(f->state));
		text_table_cell(&t, f->pid ? "%d" : "-", (int)f->pid);
		text_table_cell(&t, "%s", f->pid ? cw_duration(f->uptime_ms) :
						   "-");
		text_table_cell(&t, "%u", f->restarts);
		text_table_cell(&t, "%s", remark(f));
	}
	text_table_print(&t, stdout);
	text_table_fini(&t);
}

/* "3 ports, 2 with a link; waiting: web (no such socket), db" */
static void print_ports(const json_t *answer)
{
	json_t *ports = json_object_get(answer, "ports"), *p;
	unsigned linked = 0, told = 0;
	size_t i;

	if (!answer)
		return;
	json_array_foreach(ports, i, p)
		linked += json_is_true(json_object_get(p, "link"));
	printf("\nports: %zu, with a link %u\n", json_array_size(ports),
	       linked);
	json_array_foreach(ports, i, p) {
		if (json_is_true(json_object_get(p, "link")) || told++ >= 8)
			continue;
		printf("  %s: %s%s%s\n", cw_text(p, "name"),
		       cw_text(p, "state"),
		       cw_text(p, "last_error")[0] ? ", " : "",
		       cw_text(p, "last_error"));
	}
	if (told > 8)
		printf("  and %u more; `switchctl ports` has all\n", told - 8);
}

static void print_bonds(const json_t *answer)
{
	json_t *bond;
	size_t i;

	json_array_foreach(json_object_get(answer, "bonds"), i, bond) {
		const char *active = cw_text(bond, "active");

		printf("%sbond %s: %s, %s%s%s\n", i ? "" : "\n",
		       cw_text(bond, "name"), cw_text(bond, "mode"),
		       json_is_true(json_object_get(bond, "up")) ? "up" :
								   "down",
		       active[0] ? ", active " : "", active);
	}
}

static void print_domains(const json_t *answer)
{
	json_t *list = json_object_get(answer, "domains"), *d;
	size_t i;

	if (!answer)
		return;
	printf("\ndomains: %zu\n", json_array_size(list));
	json_array_foreach(list, i, d)
		printf("  %s: %s%s%s%s%s\n", cw_text(d, "name"),
		       cw_text(d, "state"), cw_text(d, "why")[0] ? ", " : "",
		       cw_text(d, "why"), cw_text(d, "problem")[0] ? ", " : "",
		       cw_text(d, "problem"));
}

/* --- as JSON -------------------------------------------------------------- */

static json_t *daemon_json(const struct launch_facts *f, int d)
{
	return json_pack("{s:s, s:s, s:i, s:i, s:I, s:i, s:b, s:b, s:s}",
			 "name", site_daemon_name(d), "state",
			 launch_state_word(f->state), "pid", (int)f->pid,
			 "supervisor", (int)f->supervisor, "uptime_ms",
			 (json_int_t)f->uptime_ms, "restarts",
			 (int)f->restarts, "degraded",
			 f->state == LAUNCH_DEGRADED, "answers", f->answers,
			 "ended", f->ended);
}

static json_t *part(const json_t *answer, const char *key)
{
	json_t *list = json_object_get(answer, key);

	return list ? json_incref(list) : json_null();
}

static int print_json(const struct host *h, const struct cw *cw, bool well)
{
	json_t *daemons = json_array();

	for (int d = 0; d < SITE_DAEMONS; d++)
		json_array_append_new(daemons,
				      daemon_json(&h->daemons[d], d));
	return cw_print_json(json_pack(
		"{s:s, s:b, s:b, s:o, s:o, s:o, s:o}", "site", cw->paths.file,
		"systemd", cw->launch.systemd, "well", well, "daemons",
		daemons, "ports", part(h->ports, "ports"), "bonds",
		part(h->bonds, "bonds"), "domains",
		part(h->domains, "domains")));
}

int cw_status(struct cw *cw)
{
	struct site_errors errs = { 0 };
	struct host h = { .ports = NULL };
	struct site *site = NULL;
	bool well = true;
	int d, code = CW_DONE;

	if (geteuid() && !cw->launch.systemd)
		return cw_fail(cw, CW_REFUSED,
			       "only root sees how a host is; try sudo");
	site_load(&cw->paths, &site, &errs); /* may be broken meanwhile */
	look(cw, &h);
	for (d = 0; d < SITE_DAEMONS; d++)
		if (is_wanted(site, &h, d) && !is_well(&h.daemons[d]))
			well = false;
	if (cw->json) {
		code = print_json(&h, cw, well);
	} else {
		print_daemons(&h, site);
		print_ports(h.ports);
		print_bonds(h.bonds);
		print_domains(h.domains);
		if (!site)
			printf("\n%s is not valid now: `causeway check` says "
			       "why\n", cw->paths.file);
	}
	forget(&h);
	site_free(site);
	return code ? code : well ? CW_DONE : CW_UNREACHABLE;
}
