/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail_cgroup.h: what bounds a jail: memory, CPU time, number of threads.
 *
 * A controller lives in a v1 hierarchy of its own or in the one v2 hierarchy;
 * a machine may have any mixture.  For each controller we take the hierarchy
 * that has it, make our folder there once, and in it one cgroup a jail.  Which
 * files then hold which values is all that differs, and it is one table.
 *
 * The limits: memory without swap (a guest's memory does not go to the host's
 * disk, and its limit is its limit); over it the kernel ends this jail and no
 * other.  CPU by weight and, if asked, by a ceiling.  A number of threads.
 *
 * With v2 a cgroup that has children with controllers cannot have processes.
 * If it is only we who are in the way, we move aside, into "<folder>.daemon".
 */
#ifndef CAUSEWAY_JAIL_CGROUP_H
#define CAUSEWAY_JAIL_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

struct rpc_error;
struct jail_limits;
struct jail_usage;

/* CPUACCT is a controller of its own with v1 only. */
enum jail_controller {
	JAIL_MEMORY,
	JAIL_CPU,
	JAIL_PIDS,
	JAIL_CPUACCT,
	JAIL_CONTROLLERS
};

#define JAIL_CGROUP_PATH_MAX 512

/* --- pure ----------------------------------------------------------------- */

/* Where a controller's hierarchy is, and we in it. */
struct jail_hierarchy {
	bool found;
	bool v2;
	char root[JAIL_CGROUP_PATH_MAX]; /* folder of the mount */
	char own[JAIL_CGROUP_PATH_MAX];	 /* folder of the cgroup we are in */
};

/*
 * From the texts of /proc/self/mountinfo and /proc/self/cgroup: the v1
 * hierarchy of each controller, or the v2 one.  Whether v2 has the controller
 * is not known from these.
 */
void jail_hierarchies_parse(struct jail_hierarchy out[JAIL_CONTROLLERS],
			    const char *mountinfo, const char *cgroup);

/* A file of a cgroup and what to write to it. */
struct jail_value {
	const char *file;
	char text[48];
	bool optional; /* the kernel may not have it or not take it now */
};

#define JAIL_VALUES_MAX 5

/* The values for one controller, in order; returns how many. */
unsigned jail_values(struct jail_value out[JAIL_VALUES_MAX],
		     enum jail_controller controller, bool v2,
		     const struct jail_limits *limits);

/* The number after `key ` at the start of a line of text. */
bool jail_field(const char *text, const char *key, uint64_t *value);

/* --- the folder of all ---------------------------------------------------- */

struct jail_cgroups;

/* Find the hierarchies and make our folder in each; jail_init() says more. */
int jail_cgroups_open(struct jail_cgroups **out, const char *folder,
		      struct rpc_error *err);
/* Removes the folders that are empty; NULL does nothing. */
void jail_cgroups_close(struct jail_cgroups *all);
/* Call fn for each cgroup in our folders, each name once. */
void jail_cgroups_each(struct jail_cgroups *all,
		       void (*fn)(const char *name, void *arg), void *arg);

/* --- one jail's ----------------------------------------------------------- */

struct jail_cgroup;

/* -EEXIST: one of that name has processes; an empty one is replaced. */
int jail_cgroup_new(struct jail_cgroup **out, const struct jail_cgroups *all,
		    const char *name, struct rpc_error *err);
/* The one of that name, whether it exists or not: 0 or -ENOMEM. */
int jail_cgroup_find(struct jail_cgroup **out, const struct jail_cgroups *all,
		     const char *name);
/* Forgets it; the cgroup stays. */
void jail_cgroup_free(struct jail_cgroup *cg);
int jail_cgroup_limit(const struct jail_cgroup *cg,
		      const struct jail_limits *limits, struct rpc_error *err);
/*
 * Descriptors of cgroup.procs: who writes "0" to each is in.  Returns how
 * many, or -errno; close them.
 */
int jail_cgroup_doors(const struct jail_cgroup *cg,
		      int fds[JAIL_CONTROLLERS]);
/* Is that process in it? */
bool jail_cgroup_has(const struct jail_cgroup *cg, pid_t pid);
/* SIGKILL to all that are in it now. */
void jail_cgroup_kill(const struct jail_cgroup *cg);
/* Remove it; gone already is fine.  -EBUSY: someone is in it. */
int jail_cgroup_remove(const struct jail_cgroup *cg);
int jail_cgroup_usage(const struct jail_cgroup *cg, struct jail_usage *usage);

#endif
