/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * launch.h: start, watch and end the daemons of a site.
 *
 * Two ways: each under a causeway-supervise of its own, which is found again
 * by its status file (run/supervise/NAME), or as systemd's units, which is for
 * the machine's own site only.  All that is known of a daemon is asked anew
 * each time; nothing here remembers.
 *
 * Functions that can fail return 0 or -errno and say why in *err.
 */
#ifndef CAUSEWAY_LAUNCH_H
#define CAUSEWAY_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/types.h>

#include "base/rpc.h"
#include "mgmt/site.h"

#define LAUNCH_READY_MS 30000 /* for a daemon to answer */
#define LAUNCH_STOP_MS 15000  /* for a daemon to end when told so */

enum launch_state {
	LAUNCH_STOPPED,
	LAUNCH_RUNNING,
	LAUNCH_STARTING, /* supervised, and just now without a process */
	LAUNCH_DEGRADED, /* keeps dying */
	LAUNCH_ORPHAN,	 /* runs, and nobody starts it again */
};

struct launch {
	const struct site_paths *paths;
	bool systemd;
};

struct launch_facts {
	enum launch_state state;
	pid_t supervisor; /* 0: none, or systemd */
	pid_t pid;
	uint64_t uptime_ms;
	unsigned restarts;
	bool answers; /* its socket does */
	char ended[128]; /* how it last died, or "" */
};

/* "running" ... */
const char *launch_state_word(enum launch_state state);

/* Is this machine's init systemd, with our units? */
bool launch_has_systemd(void);

void launch_look(const struct launch *l, enum site_daemon d,
		 struct launch_facts *out);
/* Does it run with the options (and in the namespace) of this site? */
bool launch_is_current(const struct launch *l, const struct site *site,
		       enum site_daemon d, const struct launch_facts *facts);
/* Begin; the folders are there.  An orphan is ended first. */
int launch_start(const struct launch *l, const struct site *site,
		 enum site_daemon d, struct rpc_error *err);
/* Until it answers; gives up as soon as it keeps dying. */
int launch_await(const struct launch *l, enum site_daemon d,
		 struct launch_facts *facts, struct rpc_error *err);
/* Until it and its supervisor are gone: told first, then killed. */
int launch_stop(const struct launch *l, enum site_daemon d,
		struct rpc_error *err);
/* Enter the network namespace of a process, or of that name: 0 or -errno. */
int launch_enter_netns(pid_t pid, const char *name);
/* Where a program of ours is: 0 or -ENOENT. */
int launch_find_program(const char *name, char path[PATH_MAX]);

/* --- how systemd does it (launch_systemd.c) ----------------------------- */

void systemd_look(enum site_daemon d, struct launch_facts *out);
bool systemd_is_current(const struct site *site, enum site_daemon d);
int systemd_start(const struct site *site, enum site_daemon d,
		  struct rpc_error *err);
int systemd_stop(enum site_daemon d, struct rpc_error *err);

#endif
