/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail_fds.h: which descriptor becomes which number in a jail, and which
 * numbers must be closed.  Pure.
 *
 * Descriptors are renumbered in two moves, since a number may be both wanted
 * and in use: all are copied to numbers from JAIL_FDS_FLOOR on, from there to
 * their places; what lies between the places is closed, and all from the floor
 * on closes itself when the program is executed.
 */
#ifndef CAUSEWAY_JAIL_FDS_H
#define CAUSEWAY_JAIL_FDS_H

#include "hypervisor/jail.h"

#define JAIL_FDS_FLOOR JAIL_FD_AS_MAX
#define JAIL_FDS_NULL (-1) /* as a source: /dev/null */

struct jail_fd_gap {
	unsigned first, last; /* both included */
};

struct jail_fd_plan {
	struct jail_fd moves[JAIL_FDS_MAX + 3]; /* by place */
	unsigned move_count;
	struct jail_fd_gap gaps[JAIL_FDS_MAX + 4];
	unsigned gap_count;
};

/* 0; -EINVAL with words: a place outside, or taken twice, or no descriptor. */
int jail_fd_plan(struct jail_fd_plan *plan, const struct jail_fd *fds,
		 unsigned count, struct rpc_error *err);

#endif
