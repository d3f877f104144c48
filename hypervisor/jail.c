/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail.c: start jails, find them again, end them.
 *
 * Starting.  All that can be prepared is prepared here, where errors have
 * words and memory can be allocated: the tree's plan, the filter, the cgroup
 * with its limits, mounts of images, the numbers of descriptors.  Then one
 * clone3() into new namespaces, and the child takes its steps
 * (jail_child.c).  It reports by a pipe that closes itself upon execution:
 * end of file after "ready" is success, anything else a failure with the step
 * that failed.
 *
 * What must be undone is then a process (killed and waited for) and a cgroup.
 * Mounts, the pid namespace and all else go with the process.
 */
#include "hypervisor/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/rpc.h"
#include "hypervisor/jail_cgroup.h"
#include "hypervisor/jail_child.h"
#include "hypervisor/jail_image.h"
#include "hypervisor/jail_proc.h"
#include "hypervisor/jail_seccomp.h"

#define SPAWN_TIMEOUT_MS 5000
#define SWEEP_TIMEOUT_MS 1000

static struct jail_cgroups *cgroups; /* NULL before jail_init() */

int jail_init(const char *cgroup, struct rpc_error *err)
{
	return jail_cgroups_open(&cgroups, cgroup, err);
}

void jail_fini(void)
{
	jail_cgroups_close(cgroups);
	cgroups = NULL;
	jail_tree_forget();
	jail_seccomp_forget();
}

/* --- what is asked for ---------------------------------------------------- */

static int refuse(struct rpc_error *err, const char *what)
{
	return rpc_error_set(err, RPC_REFUSED, NULL, NULL, NULL,
			     "a jail cannot have %s", what);
}

/* It becomes a folder's name, beside files of the kernel's. */
static bool is_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.-";

	return name && *name && *name != '.' && strlen(name) < JAIL_NAME_MAX &&
	       name[strspn(name, letters)] == '\0';
}

static bool is_inside(const char *as)
{
	return as && as[0] == '/' && as[1] && as[1] != '/' &&
	       !strstr(as, "..") && strlen(as) < JAIL_CGROUP_PATH_MAX;
}

static int check(const struct jail_spec *spec, struct rpc_error *err)
{
	const struct jail_limits *l = &spec->limits;

	if (!is_name(spec->name))
		return refuse(err, "such a name");
	if (!spec->uid || !spec->gid || spec->uid == (uid_t)-1 ||
	    spec->gid == (gid_t)-1)
		return refuse(err, "root's uid or gid");
	if (!spec->argv || !spec->argv[0] || spec->argv[0][0] != '/')
		return refuse(err, "a program without an absolute path");
	if (spec->image_count > JAIL_IMAGES_MAX)
		return refuse(err, "so many images");
	for (unsigned i = 0; i < spec->image_count; i++) {
		if (!is_inside(spec->images[i].as))
			return refuse(err, "an image of such a path");
	}
	if (l->cpu_weight > 10000)
		return refuse(err, "a CPU weight above 10000");
	if (spec->oom_score_adj < -1000 || spec->oom_score_adj > 1000)
		return refuse(err, "such an oom_score_adj");
	return 0;
}

/* --- start ---------------------------------------------------------------- */

static void close_all(int *fds, unsigned count)
{
	while (count--)
		close(fds[count]);
}

static int mount_images(struct jail_child *c, struct rpc_error *err)
{
	const struct jail_spec *spec = c->spec;

	for (unsigned i = 0; i < spec->image_count; i++) {
		int fd = jail_image_mount(&spec->images[i], spec->uid,
					  spec->gid, err);

		if (fd < 0) {
			close_all(c->image_mounts, i);
			return fd;
		}
		c->image_mounts[i] = fd;
	}
	return 0;
}

/* A cgroup with its limits, and the doors to it. */
static int make_cgroup(struct jail_child *c, struct jail_cgroup **out,
		       struct rpc_error *err)
{
	struct jail_cgroup *cg;
	int rc = jail_cgroup_new(&cg, cgroups, c->spec->name, err);

	if (rc)
		return rc;
	rc = jail_cgroup_limit(cg, &c->spec->limits, err);
	if (!rc) {
		rc = jail_cgroup_doors(cg, c->doors);
		if (rc < 0)
			rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL,
				      "cannot open the cgroup %s: %s",
				      c->spec->name, strerror(-rc));
	}
	if (rc < 0) {
		jail_cgroup_remove(cg);
		jail_cgroup_free(cg);
		return rc;
	}
	c->door_count = (unsigned)rc;
	*out = cg;
	return 0;
}

static int start_child(struct jail_child *c, int *pidfd, pid_t *pid)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_NEWNS | CLONE_NEWNET |
			 CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID,
		.pidfd = (uint64_t)(uintptr_t)pidfd,
		.exit_signal = SIGCHLD,
	};
	long rc = syscall(SYS_clone3, &args, sizeof(args));

	if (!rc)
		jail_child_run(c);
	if (rc < 0)
		return -errno;
	*pid = (pid_t)rc;
	return 0;
}

/* Next report: 1, 0 at the end of file, or -errno. */
static int next_report(int fd, struct jail_report *r)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;
	int ready;

	do
		ready = poll(&p, 1, SPAWN_TIMEOUT_MS);
	while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		return ready ? -errno : -ETIMEDOUT;
	n = read(fd, r, sizeof(*r));
	if (n == (ssize_t)sizeof(*r))
		return 1;
	return n ? -EIO : 0;
}

/* Words for a child that ended or hung without saying why. */
static int died(struct jail_process *p, const char *program, int rc,
		struct rpc_error *err)
{
	struct jail_end end = { .known = false };

	if (rc != -ETIMEDOUT && !jail_proc_wait(p->pidfd, SPAWN_TIMEOUT_MS))
		jail_ended(p, &end);
	rpc_error_set(err, RPC_FAILED, NULL, NULL,
		      end.out_of_memory ? "give it more memory" : NULL,
		      "cannot start %s in its jail: it %s", program,
		      rc == -ETIMEDOUT ? "did not get that far in time" :
		      *end.text	       ? end.text :
					 "ended");
	return end.out_of_memory ? -ENOMEM : rc;
}

/* Until the program has been executed, or has not. */
static int await_exec(const struct jail_child *c, int fd,
		      struct jail_process *p, struct rpc_error *err)
{
	const char *program = c->spec->argv[0];
	struct jail_report r = { 0 };
	const char *object;
	int rc = next_report(fd, &r);

	if (rc == 1 && r.step < 0) {
		rc = next_report(fd, &r);
		if (!rc)
			return 0;
	}
	if (rc < 1)
		return died(p, program, rc ? rc : -EIO, err);
	object = jail_child_object(c, &r);
	rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL,
		      "cannot start %s in its jail: cannot %s%s%s: %s",
		      program, jail_child_step(r.step), object ? " " : "",
		      object ? object : "", strerror(r.error));
	return r.error ? -r.error : -EIO;
}

static void end_child(struct jail_process *p)
{
	int status;

	jail_proc_kill(p->pidfd);
	jail_proc_wait(p->pidfd, SPAWN_TIMEOUT_MS);
	jail_proc_status(p->pidfd, &status);
	close(p->pidfd);
}

static int run_child(struct jail_child *c, struct jail_process *p,
		     struct rpc_error *err)
{
	int pipe_fds[2], rc;

	if (pipe2(pipe_fds, O_CLOEXEC)) {
		rc = -errno;
		goto no_words;
	}
	c->report_fd = pipe_fds[1];
	rc = start_child(c, &p->pidfd, &p->pid);
	close(pipe_fds[1]);
	if (!rc) {
		rc = jail_proc_start(p->pid, &p->start_time);
		if (!rc)
			rc = await_exec(c, pipe_fds[0], p, err);
		if (rc)
			end_child(p);
		close(pipe_fds[0]);
		return rc;
	}
	close(pipe_fds[0]);
no_words:
	rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL,
		      "cannot start a process for %s: %s", c->spec->name,
		      strerror(-rc));
	return rc;
}

/* The kernel may need a moment to be done with a process. */
static void remove_soon(const struct jail_cgroup *cg, int timeout_ms)
{
	while (jail_cgroup_remove(cg) == -EBUSY && timeout_ms-- > 0)
		poll(NULL, 0, 1);
}

static int spawn_prepared(struct jail_child *c, struct jail_process *out,
			  struct rpc_error *err)
{
	struct jail_process p = JAIL_PROCESS_NONE;
	int rc = make_cgroup(c, &p.cgroup, err);

	if (rc)
		return rc;
	rc = mount_images(c, err);
	if (!rc) {
		snprintf(p.name, sizeof(p.name), "%s", c->spec->name);
		rc = run_child(c, &p, err);
		close_all(c->image_mounts, c->spec->image_count);
	}
	close_all(c->doors, c->door_count);
	if (!rc) {
		*out = p;
		return 0;
	}
	remove_soon(p.cgroup, SWEEP_TIMEOUT_MS);
	jail_cgroup_free(p.cgroup);
	return rc;
}

int jail_spawn(const struct jail_spec *spec, struct jail_process *out,
	       struct rpc_error *err)
{
	struct jail_fd_plan fds;
	struct jail_tree tree;
	struct jail_child c = { .spec = spec, .tree = &tree, .fds = &fds };
	int rc;

	memset(err, 0, sizeof(*err));
	rc = check(spec, err);
	if (!rc)
		rc = jail_fd_plan(&fds, spec->fds, spec->fd_count, err);
	if (rc)
		return rc;
	c.filter = jail_seccomp(spec->calls, spec->kvm, err);
	if (!c.filter)
		return -ENOMEM;
	rc = jail_tree_plan(&tree, spec->argv[0], spec->files, err);
	if (rc)
		return rc;
	rc = spawn_prepared(&c, out, err);
	jail_tree_free(&tree);
	return rc;
}

/* --- find again ----------------------------------------------------------- */

static bool is_ours(pid_t pid, uint64_t start_time,
		    const struct jail_cgroup *cg)
{
	uint64_t seen;

	return !jail_proc_start(pid, &seen) && seen == start_time &&
	       jail_cgroup_has(cg, pid);
}

int jail_adopt(const char *name, pid_t pid, uint64_t start_time,
	       struct jail_process *out, struct rpc_error *err)
{
	struct jail_process p = { .pid = pid, .start_time = start_time };
	int rc;

	if (!is_name(name) || pid <= 0)
		return refuse(err, "such a name or pid");
	rc = jail_cgroup_find(&p.cgroup, cgroups, name);
	if (rc)
		return rc;
	snprintf(p.name, sizeof(p.name), "%s", name);
	/* First the descriptor, then is it the right one: never another's. */
	p.pidfd = jail_proc_open(pid);
	if (p.pidfd >= 0 && is_ours(pid, start_time, p.cgroup) &&
	    !jail_proc_ended(p.pidfd)) {
		*out = p;
		return 0;
	}
	if (p.pidfd >= 0)
		close(p.pidfd);
	jail_cgroup_kill(p.cgroup);
	remove_soon(p.cgroup, SWEEP_TIMEOUT_MS);
	jail_cgroup_free(p.cgroup);
	rpc_error_set(err, RPC_NOT_FOUND, NULL, NULL, NULL,
		      "process %d of %s has ended", (int)pid, name);
	return -ESRCH;
}

/* --- what becomes of it --------------------------------------------------- */

int jail_kill(struct jail_process *p)
{
	return jail_proc_kill(p->pidfd);
}

int jail_set_limits(struct jail_process *p, const struct jail_limits *limits,
		    struct rpc_error *err)
{
	return jail_cgroup_limit(p->cgroup, limits, err);
}

int jail_usage(const struct jail_process *p, struct jail_usage *usage)
{
	return jail_cgroup_usage(p->cgroup, usage);
}

static void describe(struct jail_end *end)
{
	size_t size = sizeof(end->text);

	if (end->out_of_memory)
		snprintf(end->text, size, "was killed: over its memory limit");
	else if (!end->known)
		snprintf(end->text, size, "ended; nobody saw how");
	else if (end->bad_call)
		snprintf(end->text, size,
			 "was killed: it made a forbidden system call");
	else if (end->signalled)
		snprintf(end->text, size, "was killed by signal %d (%s)",
			 end->status, strsignal(end->status));
	else
		snprintf(end->text, size, "ended with status %d", end->status);
}

int jail_ended(struct jail_process *p, struct jail_end *end)
{
	struct jail_usage usage;
	int status = 0;
	int rc = jail_proc_status(p->pidfd, &status);

	if (rc < 0)
		return rc;
	memset(end, 0, sizeof(*end));
	end->known = rc;
	end->signalled = rc && WIFSIGNALED(status);
	end->status = end->signalled ? WTERMSIG(status) : WEXITSTATUS(status);
	end->bad_call = end->signalled && end->status == SIGSYS;
	if (!jail_cgroup_usage(p->cgroup, &usage) && usage.oom_kills)
		end->out_of_memory = !end->known || (end->signalled &&
						     end->status == SIGKILL);
	describe(end);
	return 0;
}

int jail_gone(struct jail_process *p)
{
	static const struct jail_process none = JAIL_PROCESS_NONE;
	int rc = jail_cgroup_remove(p->cgroup);

	if (rc)
		return rc;
	jail_leave(p);
	*p = none;
	return 0;
}

void jail_leave(struct jail_process *p)
{
	static const struct jail_process none = JAIL_PROCESS_NONE;

	if (p->pidfd >= 0)
		close(p->pidfd);
	jail_cgroup_free(p->cgroup);
	*p = none;
}

struct sweep {
	bool (*known)(const char *name, void *arg);
	void *arg;
	unsigned removed;
};

static void sweep_one(const char *name, void *arg)
{
	struct sweep *s = arg;
	struct jail_cgroup *cg;

	if (!is_name(name) || s->known(name, s->arg) ||
	    jail_cgroup_find(&cg, cgroups, name))
		return;
	jail_cgroup_kill(cg);
	remove_soon(cg, SWEEP_TIMEOUT_MS);
	jail_cgroup_free(cg);
	s->removed++;
}

unsigned jail_sweep(bool (*known)(const char *name, void *arg), void *arg)
{
	struct sweep s = { .known = known, .arg = arg };

	jail_cgroups_each(cgroups, sweep_one, &s);
	return s.removed;
}
