/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail_cgroup.c: make, limit, read and remove cgroups.
 *
 * A jail's cgroup is a handful of folders: one in each hierarchy that has a
 * controller of ours, or a single one with v2.  `folders` lists each once, the
 * index by controller says which one to use.  Everything goes by path: a few
 * writes at a start are nothing, and a descriptor kept for each would be many
 * for a host of a thousand domains.
 */
#include "hypervisor/jail_cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/rpc.h"
#include "hypervisor/jail.h"

#define MOUNTINFO_MAX (4u << 20)
#define PROCS_MAX (256u << 10) /* more processes than a pids limit allows */

struct folder {
	char path[JAIL_CGROUP_PATH_MAX];
	bool v2;
};

struct jail_cgroups {
	struct folder folders[JAIL_CONTROLLERS];
	unsigned count;
	int index[JAIL_CONTROLLERS]; /* into folders; -1: nowhere */
};

struct jail_cgroup {
	struct jail_cgroups at; /* as above, one name deeper */
};

static const char *const names[JAIL_CONTROLLERS] = { "memory", "cpu", "pids",
						     "cpuacct" };

/* --- small files ---------------------------------------------------------- */

static int write_text(const char *dir, const char *file, const char *text)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	n = n < 0 ? -errno : 0;
	close(fd);
	return (int)n;
}

/* Files of /proc and cgroups have no size: read until nothing comes. */
static int read_up_to(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (len < size - 1 && n > 0) {
		n = read(fd, text + len, size - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	n = n < 0 ? -errno : 0;
	close(fd);
	text[len] = '\0';
	return (int)n;
}

static int read_text(const char *dir, const char *file, char *text,
		     size_t size)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return read_up_to(path, text, size);
}

static bool exists(const char *dir, const char *file)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return !access(path, F_OK);
}

/* --- v2: controllers must be handed down ---------------------------------- */

/* Only we ourselves are in the way: move into a cgroup beside the folder. */
static int step_aside(const char *parent, const char *folder,
		      struct rpc_error *err)
{
	char procs[256], path[JAIL_CGROUP_PATH_MAX + 16], self[32];
	int rc = read_text(parent, "cgroup.procs", procs, sizeof(procs));

	snprintf(self, sizeof(self), "%d\n", (int)getpid());
	if (rc || strcmp(procs, self))
		return rpc_error_set(
			err, RPC_FAILED, NULL, NULL,
			"start it in a cgroup of its own (systemd: "
			"Delegate=yes), or name another folder",
			"other processes are in the cgroup %s, so it cannot "
			"have limited ones in it", parent);
	snprintf(path, sizeof(path), "%s.daemon", folder);
	if (mkdir(path, 0755) && errno != EEXIST)
		rc = -errno;
	if (!rc)
		rc = write_text(path, "cgroup.procs", "0");
	if (rc)
		rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL,
			      "cannot move to the cgroup %s: %s", path,
			      strerror(-rc));
	return rc;
}

/* Let what is in `dir` have a controller; `folder` is to be made there. */
static int hand_down(const char *dir, const char *folder,
		     const char *controller, struct rpc_error *err)
{
	char text[32];
	int rc;

	snprintf(text, sizeof(text), "+%s", controller);
	rc = write_text(dir, "cgroup.subtree_control", text);
	if (rc == -EBUSY) {
		rc = step_aside(dir, folder, err);
		if (rc)
			return rc;
		rc = write_text(dir, "cgroup.subtree_control", text);
	}
	if (rc)
		rpc_error_set(err, RPC_FAILED, NULL, NULL,
			      rc == -ENOENT ? "it has to be handed down from "
					      "the cgroup above (systemd: "
					      "Delegate=yes)" :
					      NULL,
			      "the cgroup %s has no controller %s to hand "
			      "down: %s", dir, controller, strerror(-rc));
	return rc;
}

/* --- the folder of all ---------------------------------------------------- */

/*
 * mkdir, with those above it; v2 hands the controller down on the way (NULL:
 * none).
 */
static int make_folders(const char *base, const char *rest,
			const char *controller,
			char path[JAIL_CGROUP_PATH_MAX], struct rpc_error *err)
{
	size_t len = snprintf(path, JAIL_CGROUP_PATH_MAX, "%s", base);
	int rc = 0;

	while (!rc && *rest) {
		size_t n = strcspn(rest, "/");
		char parent[JAIL_CGROUP_PATH_MAX];

		memcpy(parent, path, len + 1);
		path[len] = '/';
		memcpy(path + len + 1, rest, n);
		len += 1 + n;
		path[len] = '\0';
		rest += n + (rest[n] == '/');
		if (controller)
			rc = hand_down(parent, path, controller, err);
		if (rc)
			return rc;
		if (mkdir(path, 0755) && errno != EEXIST) {
			rc = -errno;
			rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL,
				      "cannot make the cgroup %s: %s", path,
				      strerror(-rc));
		}
	}
	return !rc && controller ? hand_down(path, path, controller, err) : rc;
}

/* A controller's hierarchy into all->folders, unless it is there already. */
static int add_hierarchy(struct jail_cgroups *all, unsigned controller,
			 const struct jail_hierarchy *h, const char *folder,
			 struct rpc_error *err)
{
	const char *base = *folder == '/' ? h->root : h->own;
	const char *rest = folder + (*folder == '/');
	struct folder *f = &all->folders[all->count];
	int rc;

	if (strlen(base) + strlen(rest) + 2 + JAIL_NAME_MAX >=
	    JAIL_CGROUP_PATH_MAX)
		return rpc_error_set(err, RPC_REFUSED, NULL, NULL, NULL,
				     "the cgroup %s/%s has too long a path",
				     base, rest);
	rc = make_folders(base, rest,
			  h->v2 && controller != JAIL_CPUACCT ?
				  names[controller] :
				  NULL,
			  f->path, err);
	if (rc)
		return rc;
	f->v2 = h->v2;
	all->index[controller] = (int)all->count;
	for (unsigned i = 0; i < all->count; i++) {
		if (!strcmp(all->folders[i].path, f->path))
			all->index[controller] = (int)i;
	}
	all->count += all->index[controller] == (int)all->count;
	return 0;
}

static int find_hierarchies(struct jail_hierarchy h[JAIL_CONTROLLERS],
			    struct rpc_error *err)
{
	char *mounts = malloc(MOUNTINFO_MAX);
	char *own = malloc(PROCS_MAX);
	int rc = -ENOMEM;

	if (mounts && own)
		rc = read_up_to("/proc/self/mountinfo", mounts, MOUNTINFO_MAX);
	if (!rc)
		rc = read_up_to("/proc/self/cgroup", own, PROCS_MAX);
	if (rc)
		rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL,
			      "cannot learn where cgroups are: %s",
			      strerror(-rc));
	else
		jail_hierarchies_parse(h, mounts, own);
	free(mounts);
	free(own);
	return rc;
}

static bool usable_name(const char *folder)
{
	const char *rest = folder + (*folder == '/');

	return *rest && *rest != '/' && !strstr(folder, "..") &&
	       !strstr(rest, "//") && strlen(rest) < 128;
}

int jail_cgroups_open(struct jail_cgroups **out, const char *folder,
		      struct rpc_error *err)
{
	struct jail_hierarchy h[JAIL_CONTROLLERS];
	struct jail_cgroups *all;
	int rc;

	if (!usable_name(folder))
		return rpc_error_set(err, RPC_REFUSED, NULL, folder, NULL,
				     "not a folder for cgroups");
	rc = find_hierarchies(h, err);
	all = rc ? NULL : calloc(1, sizeof(*all));
	if (!all)
		return rc ? rc : -ENOMEM;
	for (unsigned c = 0; c < JAIL_CONTROLLERS; c++)
		all->index[c] = -1;
	for (unsigned c = 0; c < JAIL_CONTROLLERS && !rc; c++) {
		if (h[c].found)
			rc = add_hierarchy(all, c, &h[c], folder, err);
		else if (c != JAIL_CPUACCT)
			rc = rpc_error_set(
				err, RPC_FAILED, NULL, NULL,
				"mount cgroup2 on /sys/fs/cgroup",
				"no cgroup hierarchy with the controller %s "
				"is mounted", names[c]);
	}
	if (rc)
		jail_cgroups_close(all);
	else
		*out = all;
	return rc;
}

/* A folder with jails in it cannot be removed; an empty one is nobody's. */
void jail_cgroups_close(struct jail_cgroups *all)
{
	for (unsigned i = 0; all && i < all->count; i++)
		rmdir(all->folders[i].path);
	free(all);
}

/* Was it seen in a hierarchy before this one? */
static bool seen_before(const struct jail_cgroups *all, unsigned i,
			const char *name)
{
	while (i--) {
		if (exists(all->folders[i].path, name))
			return true;
	}
	return false;
}

void jail_cgroups_each(struct jail_cgroups *all,
		       void (*fn)(const char *name, void *arg), void *arg)
{
	for (unsigned i = 0; i < all->count; i++) {
		DIR *dir = opendir(all->folders[i].path);
		struct dirent *e;

		while (dir && (e = readdir(dir))) {
			if (e->d_type == DT_DIR && e->d_name[0] != '.' &&
			    !seen_before(all, i, e->d_name))
				fn(e->d_name, arg);
		}
		if (dir)
			closedir(dir);
	}
}

/* --- one jail's ----------------------------------------------------------- */

int jail_cgroup_find(struct jail_cgroup **out, const struct jail_cgroups *all,
		     const char *name)
{
	struct jail_cgroup *cg = calloc(1, sizeof(*cg));

	if (!cg)
		return -ENOMEM;
	cg->at = *all;
	for (unsigned i = 0; i < all->count; i++) {
		char *path = cg->at.folders[i].path;
		size_t len = strlen(path);

		/* jail_cgroups_open() has left room for it. */
		snprintf(path + len, JAIL_CGROUP_PATH_MAX - len, "/%s", name);
	}
	*out = cg;
	return 0;
}

void jail_cgroup_free(struct jail_cgroup *cg)
{
	free(cg);
}

int jail_cgroup_remove(const struct jail_cgroup *cg)
{
	int rc = 0;

	for (unsigned i = 0; i < cg->at.count; i++) {
		if (rmdir(cg->at.folders[i].path) && errno != ENOENT)
			rc = -errno;
	}
	return rc;
}

static int make_all(const struct jail_cgroup *cg, const char **where)
{
	for (unsigned i = 0; i < cg->at.count; i++) {
		*where = cg->at.folders[i].path;
		if (mkdir(*where, 0755))
			return -errno;
	}
	return 0;
}

int jail_cgroup_new(struct jail_cgroup **out, const struct jail_cgroups *all,
		    const char *name, struct rpc_error *err)
{
	const char *where = "";
	struct jail_cgroup *cg;
	int rc = jail_cgroup_find(&cg, all, name);

	if (rc)
		return rc;
	rc = jail_cgroup_remove(cg);
	if (rc == -EBUSY) {
		rc = -EEXIST;
		rpc_error_set(err, RPC_BUSY, NULL, NULL, NULL,
			      "processes of another %s still run", name);
		goto free_cg;
	}
	rc = make_all(cg, &where);
	if (!rc) {
		*out = cg;
		return 0;
	}
	rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL,
		      "cannot make the cgroup %s: %s", where, strerror(-rc));
	jail_cgroup_remove(cg);
free_cg:
	jail_cgroup_free(cg);
	return rc;
}

static int limit_one(const char *dir, const struct jail_value *v,
		     struct rpc_error *err)
{
	int rc = write_text(dir, v->file, v->text);

	if (!rc || v->optional)
		return 0;
	rpc_error_set(err, RPC_FAILED, NULL, v->text,
		      rc == -EBUSY ? "it uses more than that now" : NULL,
		      "cannot set %s/%s: %s", dir, v->file, strerror(-rc));
	return rc;
}

int jail_cgroup_limit(const struct jail_cgroup *cg,
		      const struct jail_limits *limits, struct rpc_error *err)
{
	int rc = 0;

	for (unsigned c = 0; c < JAIL_CONTROLLERS; c++) {
		struct jail_value values[JAIL_VALUES_MAX];
		const struct folder *f;
		unsigned n;

		if (cg->at.index[c] < 0)
			continue;
		f = &cg->at.folders[cg->at.index[c]];
		n = jail_values(values, c, f->v2, limits);
		for (unsigned i = 0; i < n && !rc; i++)
			rc = limit_one(f->path, &values[i], err);
	}
	return rc;
}

int jail_cgroup_doors(const struct jail_cgroup *cg,
		      int fds[JAIL_CONTROLLERS])
{
	char path[PATH_MAX];
	int n = 0;

	for (unsigned i = 0; i < cg->at.count; i++) {
		snprintf(path, sizeof(path), "%s/cgroup.procs",
			 cg->at.folders[i].path);
		fds[n] = open(path, O_WRONLY | O_CLOEXEC);
		if (fds[n] < 0) {
			int rc = -errno;

			while (n--)
				close(fds[n]);
			return rc;
		}
		n++;
	}
	return n;
}

/* Call fn for each process of one folder. */
static void each_pid(const char *dir, void (*fn)(pid_t pid, void *arg),
		     void *arg)
{
	char *text = malloc(PROCS_MAX);
	char *p = text;

	if (!text || read_text(dir, "cgroup.procs", text, PROCS_MAX))
		goto out;
	while (*p) {
		long pid = strtol(p, &p, 10);

		if (pid > 0)
			fn((pid_t)pid, arg);
		p += *p == '\n';
	}
out:
	free(text);
}

struct seek {
	pid_t pid;
	bool found;
};

static void compare(pid_t pid, void *arg)
{
	struct seek *s = arg;

	s->found |= pid == s->pid;
}

bool jail_cgroup_has(const struct jail_cgroup *cg, pid_t pid)
{
	struct seek s = { .pid = pid };

	for (unsigned i = 0; i < cg->at.count && !s.found; i++)
		each_pid(cg->at.folders[i].path, compare, &s);
	return s.found;
}

static void kill_one(pid_t pid, void *arg)
{
	kill(pid, SIGKILL);
}

/*
 * v2 does it in one go (Linux 5.14).  Elsewhere one by one: in a jail that
 * is enough, as the end of process 1 ends all of its pid namespace.
 */
void jail_cgroup_kill(const struct jail_cgroup *cg)
{
	for (unsigned i = 0; i < cg->at.count; i++) {
		const struct folder *f = &cg->at.folders[i];

		if (!f->v2 || write_text(f->path, "cgroup.kill", "1"))
			each_pid(f->path, kill_one, NULL);
	}
}

/* --- facts ---------------------------------------------------------------- */

/* A file that holds one number; 0 if it is not there. */
static uint64_t number(const struct folder *f, const char *file)
{
	char text[64];

	return read_text(f->path, file, text, sizeof(text)) ?
		       0 :
		       strtoull(text, NULL, 10);
}

static uint64_t field(const struct folder *f, const char *file,
		      const char *key)
{
	char text[1024];
	uint64_t value = 0;

	if (!read_text(f->path, file, text, sizeof(text)))
		jail_field(text, key, &value);
	return value;
}

static void memory_usage(const struct folder *f, struct jail_usage *u)
{
	u->memory_bytes = number(f, f->v2 ? "memory.current" :
					    "memory.usage_in_bytes");
	u->memory_peak_bytes = number(f, f->v2 ? "memory.peak" :
						 "memory.max_usage_in_bytes");
	u->oom_kills = (unsigned)field(f, f->v2 ? "memory.events" :
						  "memory.oom_control",
				       "oom_kill");
}

static void cpu_usage(const struct folder *f, struct jail_usage *u)
{
	if (f->v2) {
		u->cpu_ns = field(f, "cpu.stat", "usage_usec") * 1000;
		u->throttled_ns = field(f, "cpu.stat", "throttled_usec") * 1000;
	} else {
		u->throttled_ns = field(f, "cpu.stat", "throttled_time");
	}
}

int jail_cgroup_usage(const struct jail_cgroup *cg, struct jail_usage *usage)
{
	const struct jail_cgroups *at = &cg->at;
	const struct folder *memory = &at->folders[at->index[JAIL_MEMORY]];
	int acct = at->index[JAIL_CPUACCT];

	memset(usage, 0, sizeof(*usage));
	if (access(memory->path, F_OK))
		return -errno;
	memory_usage(memory, usage);
	cpu_usage(&at->folders[at->index[JAIL_CPU]], usage);
	usage->pids = (unsigned)number(&at->folders[at->index[JAIL_PIDS]],
				       "pids.current");
	if (acct >= 0 && !at->folders[acct].v2)
		usage->cpu_ns = number(&at->folders[acct], "cpuacct.usage");
	return 0;
}
