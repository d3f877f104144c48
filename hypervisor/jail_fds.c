/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail_fds.c: see jail_fds.h.
 */
#include "hypervisor/jail_fds.h"

#include <stdlib.h>

#include "base/rpc.h"

static int by_place(const void *a, const void *b)
{
	return ((const struct jail_fd *)a)->as -
	       ((const struct jail_fd *)b)->as;
}

static void find_gaps(struct jail_fd_plan *plan)
{
	unsigned next = 0;

	plan->gap_count = 0;
	for (unsigned i = 0; i < plan->move_count; i++) {
		unsigned as = (unsigned)plan->moves[i].as;

		if (as > next)
			plan->gaps[plan->gap_count++] =
				(struct jail_fd_gap){ next, as - 1 };
		next = as + 1;
	}
	if (next < JAIL_FDS_FLOOR)
		plan->gaps[plan->gap_count++] =
			(struct jail_fd_gap){ next, JAIL_FDS_FLOOR - 1 };
}

int jail_fd_plan(struct jail_fd_plan *plan, const struct jail_fd *fds,
		 unsigned count, struct rpc_error *err)
{
	bool taken[JAIL_FD_AS_MAX] = { false };

	if (count > JAIL_FDS_MAX)
		return rpc_error_set(err, RPC_REFUSED, NULL, NULL, NULL,
				     "%u descriptors, at most %d can be passed",
				     count, JAIL_FDS_MAX);
	plan->move_count = 0;
	for (unsigned i = 0; i < count; i++) {
		int as = fds[i].as;

		if (as < 0 || as >= JAIL_FD_AS_MAX || fds[i].fd < 0 ||
		    taken[as])
			return rpc_error_set(err, RPC_REFUSED, NULL, NULL,
					     NULL,
					     "descriptor %d cannot be number "
					     "%d", fds[i].fd, as);
		taken[as] = true;
		plan->moves[plan->move_count++] = fds[i];
	}
	for (int as = 0; as < 3; as++) {
		if (!taken[as])
			plan->moves[plan->move_count++] =
				(struct jail_fd){ JAIL_FDS_NULL, as };
	}
	qsort(plan->moves, plan->move_count, sizeof(plan->moves[0]), by_place);
	find_gaps(plan);
	return 0;
}
