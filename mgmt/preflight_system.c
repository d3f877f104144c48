/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * preflight_system.c: users, programs, disk space, and the site itself.
 */
#include "mgmt/preflight.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/statvfs.h>

#include "base/daemon.h"
#include "mgmt/run_program.h"

#define DISK_MIB 256 /* for states, logs and histories */

/* --- users ---------------------------------------------------------------- */

/* Of the site, or those that a site has by default. */
static const char *user_of(const struct preflight *p, enum site_daemon d)
{
	static const struct site defaults;

	return site_user(p->site ? p->site : &defaults, d);
}

static void check_users(struct preflight *p)
{
	char missing[512] = "", fix[640];
	size_t n = 0;
	uid_t uid;
	gid_t gid;

	for (int d = 0; d < SITE_DAEMONS; d++) {
		const char *user = user_of(p, d);

		if (user && daemon_lookup_user(user, &uid, &gid))
			n += snprintf(missing + n, sizeof(missing) - n,
				      "%s%s", n ? " " : "", user);
	}
	snprintf(fix, sizeof(fix),
		 "systemd-sysusers, or: for u in %s; do useradd --system "
		 "--no-create-home $u; done", missing);
	if (n)
		finding(p, FINDING_MISSING, "users", fix,
			"Users that the daemons become do not exist: %s.",
			missing);
	else
		finding(p, FINDING_OK, "users", "",
			"The users that the daemons become exist.");
}

/* Somebody of this machine within the domains' range could enter them. */
static void check_uids(struct preflight *p)
{
	const char *range = p->site ? cw_text(p->site->hypervisor_state,
					      "uids") : "";
	unsigned long first, last;
	struct passwd *pw, *found = NULL;

	if (sscanf(range, "%lu-%lu", &first, &last) != 2)
		return;
	setpwent();
	while (!found && (pw = getpwent()))
		if ((pw->pw_uid >= first && pw->pw_uid <= last) ||
		    (pw->pw_gid >= first && pw->pw_gid <= last))
			found = pw;
	if (found)
		finding(p, FINDING_MISSING, "uids",
			"choose another range in \"uids\"",
			"The user %s is within the domains' range of ids, %s.",
			found->pw_name, range);
	else
		finding(p, FINDING_OK, "uids", "",
			"The domains' ids, %s, are nobody's here.", range);
	endpwent();
}

/* --- programs ------------------------------------------------------------- */

static void check_daemons(struct preflight *p)
{
	char missing[512] = "", path[PATH_MAX];
	size_t n = 0;

	for (int d = 0; d < SITE_DAEMONS; d++)
		if ((!p->site || site_has(p->site, d)) &&
		    launch_find_program(site_daemon_program(d), path))
			n += snprintf(missing + n, sizeof(missing) - n,
				      "%s%s", n ? ", " : "",
				      site_daemon_program(d));
	if (n)
		finding(p, FINDING_MISSING, "programs",
			"install all of Causeway into one folder, or name it "
			"in CAUSEWAY_PROGRAMS", "Not installed: %s.", missing);
	else
		finding(p, FINDING_OK, "programs", "",
			"All daemons are installed.");
}

static void check_qemu(struct preflight *p)
{
	static const char *const argv[] = { "qemu-system-x86_64", "--version",
					    NULL };
	char text[256];

	if (p->site && !p->site->hypervisor_state)
		return;
	if (run_program(argv, false, text, sizeof(text))) {
		finding(p, FINDING_MISSING, "qemu",
			"apt-get install --no-install-recommends "
			"qemu-system-x86 qemu-utils",
			"There is no QEMU: domains cannot run.");
		return;
	}
	text[strcspn(text, "\n")] = '\0';
	finding(p, FINDING_OK, "qemu", "", "%.150s is installed.", text);
}

static void check_init(struct preflight *p)
{
	if (p->cw->launch.systemd)
		finding(p, FINDING_OK, "init", "",
			"systemd starts the daemons, and starts them again.");
	else
		finding(p, FINDING_OK, "init", "",
			"causeway-supervise starts the daemons again; after a "
			"reboot `causeway up` starts them.");
}

/* --- the site ------------------------------------------------------------- */

/* The folder, or the nearest that exists above it. */
static long free_mib(const char *folder)
{
	char at[PATH_MAX], *slash;
	struct statvfs fs;

	snprintf(at, sizeof(at), "%s", folder);
	while (access(at, F_OK) && (slash = strrchr(at, '/')) && slash != at)
		*slash = '\0';
	if (statvfs(at, &fs))
		return -1;
	return (unsigned long long)fs.f_bavail * fs.f_frsize >> 20;
}

static void check_disk(struct preflight *p)
{
	const char *const folders[] = { p->cw->paths.state,
					p->cw->paths.log };
	long least = -1, mib;
	int at = 0;

	for (int i = 0; i < 2; i++) {
		mib = free_mib(folders[i]);
		if (least < 0 || mib < least) {
			least = mib;
			at = i;
		}
	}
	if (least >= DISK_MIB)
		finding(p, FINDING_OK, "disk", "",
			"%ld MiB are free for states and logs.", least);
	else
		finding(p, FINDING_WITHOUT, "disk",
			"free some space, or move it to a larger disk",
			"%ld MiB are free in %s; %d are well.", least,
			folders[at], DISK_MIB);
}

static void check_site(struct preflight *p)
{
	if (p->site)
		finding(p, FINDING_OK, "site", "", "%s is valid.",
			p->cw->paths.file);
	else if (access(p->cw->paths.file, F_OK))
		finding(p, FINDING_WITHOUT, "site",
			"write it; causeway-site.json(5) has one to begin "
			"with", "There is no %s yet.", p->cw->paths.file);
	else
		finding(p, FINDING_MISSING, "site", "causeway check",
			"%s is not valid, or not for you to read.",
			p->cw->paths.file);
}

void preflight_system(struct preflight *p)
{
	check_users(p);
	check_uids(p);
	check_daemons(p);
	check_qemu(p);
	check_init(p);
	check_disk(p);
	check_site(p);
}
