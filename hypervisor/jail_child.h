/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail_child.h: what the new process does between its start and the execution
 * of its program.  It has a copy of our memory and maybe of locks that other
 * threads held, so it makes system calls only, on what was prepared for it.
 */
#ifndef CAUSEWAY_JAIL_CHILD_H
#define CAUSEWAY_JAIL_CHILD_H

#include <linux/filter.h>

#include "hypervisor/jail.h"
#include "hypervisor/jail_cgroup.h"
#include "hypervisor/jail_fds.h"
#include "hypervisor/jail_tree.h"

struct jail_child {
	const struct jail_spec *spec;
	const struct jail_tree *tree;
	const struct jail_fd_plan *fds;
	const struct sock_fprog *filter;
	int image_mounts[JAIL_IMAGES_MAX]; /* detached mounts */
	int doors[JAIL_CONTROLLERS];	   /* cgroup.procs of its cgroups */
	unsigned door_count;
	int report_fd; /* where struct jail_report goes */
	/* The child's own. */
	int root_fd;
	int null_fd;
};

/* Written when all is ready for execve, and when a step fails. */
struct jail_report {
	int step; /* -1: ready */
	int error;
	unsigned index; /* which file, image, ... */
};

_Noreturn void jail_child_run(struct jail_child *c);

/* For messages: "show" and what, or NULL. */
const char *jail_child_step(int step);
const char *jail_child_object(const struct jail_child *c,
			      const struct jail_report *report);

#endif
