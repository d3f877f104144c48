/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * site_host.c: does the site fit this machine?
 *
 * A file may be valid and yet name a user, a processor, a NIC or a network
 * namespace that is not here: `up` would get halfway and stop.  And the ids
 * must keep apart what docs/trust.md says is apart: daemons are nobody but
 * themselves, and no domain's process gets the id of one.
 */
#include "mgmt/site_parts.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/daemon.h"

struct host_check {
	const struct site *site;
	struct site_errors *errs, *warnings;
	uid_t uid[SITE_DAEMONS]; /* who each becomes; 0: root, or unknown */
};

/* --- users and groups ----------------------------------------------------- */

static void place(char at[64], enum site_daemon d, const char *key)
{
	snprintf(at, 64, "daemons.%s.%s", site_daemon_name(d), key);
}

/*
 * One that the file names must be there; a default one is created when
 * Causeway is installed, and `up` says so if it was not.
 */
static void check_user(struct host_check *c, enum site_daemon d)
{
	const char *user = site_user(c->site, d);
	bool named = c->site->options[d].user[0];
	struct site_errors *to = named ? c->errs : c->warnings;
	char at[64];
	uid_t uid;
	gid_t gid;
	int rc;

	if (!user || !site_has(c->site, d))
		return;
	place(at, d, "user");
	rc = daemon_lookup_user(user, &uid, &gid);
	if (rc == -ENOENT)
		site_error_add(to, at, user, "a user that exists; create it: "
			       "useradd --system --no-create-home %s", user);
	else if (rc)
		site_error_add(c->errs, at, user, "a user's name, or UID:GID");
	else if (!uid || !gid)
		site_error_add(c->errs, at, user, "neither root nor root's "
			       "group: it needs no right of theirs");
	else
		c->uid[d] = uid;
}

/* Who shares an id may signal, trace and impersonate the other. */
static void check_apart(struct host_check *c, enum site_daemon d)
{
	char at[64];

	for (int k = 0; k < (int)d; k++) {
		if (!c->uid[d] || c->uid[k] != c->uid[d])
			continue;
		place(at, d, "user");
		site_error_add(c->errs, at, site_user(c->site, d),
			       "a user of its own; %s has it",
			       site_daemon_name(k));
		return;
	}
}

static void check_group(struct host_check *c, enum site_daemon d)
{
	const char *group = c->site->options[d].group;
	char at[64];
	gid_t gid;

	if (!group[0] || !daemon_lookup_group(group, &gid))
		return;
	place(at, d, "group");
	site_error_add(c->errs, at, group, "a group that exists; create it: "
		       "groupadd --system %s", group);
}

static void check_uids(struct host_check *c)
{
	const char *range = json_string_value(
		json_object_get(c->site->hypervisor_state, "uids"));
	unsigned long first, last;

	if (!range || sscanf(range, "%lu-%lu", &first, &last) != 2)
		return;
	for (int d = 0; d < SITE_DAEMONS; d++)
		if (c->uid[d] >= first && c->uid[d] <= last && c->uid[d])
			site_error_add(c->errs, "hypervisor.uids", range,
				       "ids that are nobody's; %s is %u",
				       site_daemon_name(d), c->uid[d]);
}

/* --- what the machine has ------------------------------------------------- */

static void check_netns(struct host_check *c)
{
	char path[128];

	if (!c->site->netns[0])
		return;
	snprintf(path, sizeof(path), "/run/netns/%s", c->site->netns);
	if (access(path, F_OK))
		site_error_add(c->errs, "netns", c->site->netns,
			       "one that exists; create it: ip netns add %s",
			       c->site->netns);
}

/* A pinned caller does not count: switchd may go to any of its cores. */
static bool has_core(unsigned core)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u", core);
	return !access(path, F_OK);
}

static void check_cores(struct host_check *c)
{
	const char *text = c->site->options[SITE_SWITCHD].cores;
	cpu_set_t cores;
	char at[64];

	if (!text[0] || site_cores(text, &cores))
		return;
	place(at, SITE_SWITCHD, "cores");
	for (unsigned i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &cores) || has_core(i))
			continue;
		site_error_add(c->errs, at, text,
			       "processors of this machine, 0 to %ld",
			       sysconf(_SC_NPROCESSORS_CONF) - 1);
		return;
	}
}

static void check_devices(struct host_check *c)
{
	const struct site_options *o = &c->site->options[SITE_SWITCHD];
	char at[64], path[64];

	for (unsigned i = 0; i < o->device_count; i++) {
		if (strncmp(o->devices[i], "pci:", 4) != 0)
			continue;
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.12s",
			 o->devices[i] + 4);
		if (!access(path, F_OK))
			continue;
		snprintf(at, sizeof(at), "daemons.switchd.devices[%u]", i);
		site_error_add(c->errs, at, o->devices[i],
			       "a NIC of this machine; `lspci -D` names them");
	}
}

/* It may be mounted later. */
static void check_roots(struct host_check *c)
{
	const json_t *roots = json_object_get(c->site->hypervisor_state,
					      "storage_roots");
	struct stat st;
	char at[64];

	for (size_t i = 0; i < json_array_size(roots); i++) {
		const char *root = json_string_value(json_array_get(roots, i));

		if (!root || (!stat(root, &st) && S_ISDIR(st.st_mode)))
			continue;
		snprintf(at, sizeof(at), "hypervisor.storage_roots[%zu]", i);
		site_error_add(c->warnings, at, root,
			       "a folder that exists; until then no domain "
			       "with something in it starts");
	}
}

int site_check_host(const struct site *site, struct site_errors *errs,
		    struct site_errors *warnings)
{
	struct host_check c = { .site = site, .errs = errs,
				.warnings = warnings };

	for (int d = 0; d < SITE_DAEMONS; d++) {
		check_user(&c, d);
		check_apart(&c, d);
		check_group(&c, d);
	}
	check_uids(&c);
	check_netns(&c);
	check_cores(&c);
	check_devices(&c);
	check_roots(&c);
	return errs->count ? -EINVAL : 0;
}
