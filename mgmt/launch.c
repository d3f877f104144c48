/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * launch.c: daemons under supervisors of our own.
 *
 * A supervisor is found by the lock it holds on its status file, so a pid that
 * the kernel has given to somebody else is never taken for it, and what is
 * signalled is held by a pidfd first and looked at again then.
 *
 * A daemon ends when its supervisor is killed.  One that did not (it hung, say)
 * is an orphan: nobody would start it again, and it is replaced at the next
 * start.
 */
#include "mgmt/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/pidfd.h>
#include <sys/stat.h>

#include "base/daemon.h"
#include "base/supervise_status.h"

#define LOOK_MS 20	/* between two looks at one that starts */
#define ASK_MS 2000	/* for an answer on a socket */
#define DEATHS_MAX 3	/* of one that starts */
#define CMDLINE_MAX 8192

static const char *const state_words[] = {
	[LAUNCH_STOPPED] = "stopped",	[LAUNCH_RUNNING] = "running",
	[LAUNCH_STARTING] = "starting", [LAUNCH_DEGRADED] = "degraded",
	[LAUNCH_ORPHAN] = "orphan",
};

const char *launch_state_word(enum launch_state state)
{
	return state_words[state];
}

static uint64_t now_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void pause_ms(unsigned ms)
{
	const struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

static void status_path(const struct launch *l, enum site_daemon d,
			char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%.4000s/supervise/%s", l->paths->run,
		 site_daemon_name(d));
}

/* --- looking -------------------------------------------------------------- */

/*
 * Any answer will do, even that there is no such method: it comes from the
 * daemon's loop.
 */
static bool ask(const struct launch *l, enum site_daemon d)
{
	struct rpc_client *c;
	struct rpc_error err;
	char path[PATH_MAX];
	int rc;

	site_socket(l->paths, d, path);
	if (rpc_client_open(&c, path, &err))
		return false;
	rc = rpc_call(c, "version", NULL, NULL, ASK_MS, NULL, &err);
	rpc_client_close(c);
	return !rc || rc == -EREMOTEIO;
}

static enum launch_state judge(const struct supervise_status *s)
{
	if (!s->supervisor)
		return s->pid ? LAUNCH_ORPHAN : LAUNCH_STOPPED;
	if (s->degraded)
		return LAUNCH_DEGRADED;
	return s->pid ? LAUNCH_RUNNING : LAUNCH_STARTING;
}

static void look(const struct launch *l, enum site_daemon d,
		 struct launch_facts *out)
{
	struct supervise_status s;
	char path[PATH_MAX];

	status_path(l, d, path);
	if (supervise_status_read(path, &s) && !s.supervisor)
		return;
	out->state = judge(&s);
	out->supervisor = s.supervisor;
	out->pid = s.pid;
	out->restarts = s.restarts;
	if (s.pid)
		out->uptime_ms = now_ms(CLOCK_BOOTTIME) - s.since_ms;
	snprintf(out->ended, sizeof(out->ended), "%s", s.ended);
}

void launch_look(const struct launch *l, enum site_daemon d,
		 struct launch_facts *out)
{
	memset(out, 0, sizeof(*out));
	if (l->systemd)
		systemd_look(d, out);
	else
		look(l, d, out);
	out->answers = ask(l, d);
}

/* --- command lines -------------------------------------------------------- */

/* Folder of the program that runs now. */
static bool own_folder(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	if (n < 0)
		return false;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return true;
}

/* Beside us, as installed, or where a build has it. */
int launch_find_program(const char *name, char path[PATH_MAX])
{
	static const char *const beside[] = { ".", "../base", "../vswitch",
					      "../hypervisor" };
	const char *given = getenv("CAUSEWAY_PROGRAMS");
	char folder[PATH_MAX], at[PATH_MAX];
	size_t i;

	if (given) {
		snprintf(at, PATH_MAX, "%.4000s/%.64s", given, name);
		if (!access(at, X_OK) && realpath(at, path))
			return 0;
	}
	if (!own_folder(folder))
		return -ENOENT;
	for (i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		snprintf(at, PATH_MAX, "%.3900s/%s/%.64s", folder, beside[i],
			 name);
		if (!access(at, X_OK) && realpath(at, path))
			return 0;
	}
	return -ENOENT;
}

static int need_program(const char *name, char path[PATH_MAX],
			struct rpc_error *err)
{
	int rc = launch_find_program(name, path);

	if (rc)
		rpc_error_set(err, RPC_FAILED, NULL, NULL,
			      "install it, or name its folder in "
			      "CAUSEWAY_PROGRAMS",
			      "there is no program %s", name);
	return rc;
}

/* causeway-supervise and all behind it. */
struct command {
	char supervise[PATH_MAX], program[PATH_MAX];
	char status[PATH_MAX], log[PATH_MAX];
	struct site_args args;
	const char *argv[SITE_ARGS_MAX + 16];
};

static int make_command(const struct launch *l, const struct site *site,
			enum site_daemon d, struct command *c,
			struct rpc_error *err)
{
	unsigned n = 0, i;

	memset(c, 0, sizeof(*c));
	if (need_program("causeway-supervise", c->supervise, err) ||
	    need_program(site_daemon_program(d), c->program, err))
		return -ENOENT;
	if (site_args(site, d, true, &c->args)) {
		site_args_fini(&c->args);
		rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL,
			      "out of memory");
		return -ENOMEM;
	}
	status_path(l, d, c->status);
	snprintf(c->log, PATH_MAX, "%.4000s/%s.log", l->paths->log,
		 site_daemon_name(d));
	c->argv[n++] = c->supervise;
	c->argv[n++] = "--name";
	c->argv[n++] = site_daemon_name(d);
	c->argv[n++] = "--status";
	c->argv[n++] = c->status;
	c->argv[n++] = "--log";
	c->argv[n++] = c->log;
	c->argv[n++] = "--";
	c->argv[n++] = c->program;
	for (i = 0; i < c->args.count; i++)
		c->argv[n++] = c->args.arg[i];
	return 0;
}

/* The words of a running process's command line, NUL behind each. */
static ssize_t read_cmdline(pid_t pid, char text[CMDLINE_MAX])
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, CMDLINE_MAX);
	close(fd);
	return n;
}

static bool same_words(const char *text, ssize_t len, const char *const argv[])
{
	const char *at = text, *end = text + len;

	for (; *argv; argv++) {
		size_t n = strlen(*argv) + 1;

		if (at + n > end || memcmp(at, *argv, n) != 0)
			return false;
		at += n;
	}
	return at == end;
}

static bool same_netns(pid_t pid, const char *name)
{
	struct stat theirs, wanted;
	char path[PATH_MAX];

	if (!name[0])
		return true;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	if (stat(path, &theirs))
		return false;
	snprintf(path, sizeof(path), "/run/netns/%s", name);
	return !stat(path, &wanted) && wanted.st_ino == theirs.st_ino &&
	       wanted.st_dev == theirs.st_dev;
}

bool launch_is_current(const struct launch *l, const struct site *site,
		       enum site_daemon d, const struct launch_facts *facts)
{
	char text[CMDLINE_MAX];
	struct rpc_error err;
	struct command c;
	bool same;

	if (l->systemd)
		return systemd_is_current(site, d);
	if (!facts->supervisor || make_command(l, site, d, &c, &err))
		return false;
	same = same_words(text, read_cmdline(facts->supervisor, text),
			  c.argv) &&
	       same_netns(facts->supervisor, site->netns);
	site_args_fini(&c.args);
	return same;
}

/* --- starting ------------------------------------------------------------- */

int launch_enter_netns(pid_t pid, const char *name)
{
	char path[PATH_MAX];
	int fd, rc;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	else
		snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = setns(fd, CLONE_NEWNET) ? -errno : 0;
	close(fd);
	return rc;
}

/*
 * The caller's environment is not the daemon's: a site comes up the same way
 * whoever brings it up.  Ours, and the sanitizers', are meant for it.
 */
static char **make_environment(void)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char stamped[] = "CAUSEWAY_LOG_TIME=1";
	static char *env[64];
	unsigned n = 0;
	char **e;

	env[n++] = path;
	env[n++] = stamped;
	for (e = environ; *e && n < 63; e++)
		if (!strncmp(*e, "CAUSEWAY_", 9) || !strncmp(*e, "ASAN_", 5) ||
		    !strncmp(*e, "UBSAN_", 6))
			env[n++] = *e;
	env[n] = NULL;
	return env;
}

/* In the child; what fails is said on the caller's standard error. */
static void become_supervisor(const struct site *site,
			      const struct command *c)
{
	char **env = make_environment();
	sigset_t none;
	int fd, rc = 0;

	setsid();
	if (site->netns[0])
		rc = launch_enter_netns(0, site->netns);
	if (rc) {
		fprintf(stderr, "causeway: network namespace %s: %s\n",
			site->netns, strerror(-rc));
		_exit(1);
	}
	fd = open("/dev/null", O_RDONLY);
	if (fd >= 0)
		dup2(fd, STDIN_FILENO);
	close_range(3, ~0u, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	umask(022);
	if (chdir("/") == 0)
		execve(c->argv[0], (char *const *)c->argv, env);
	_exit(127);
}

static int fork_supervisor(const struct site *site, const struct command *c,
			   struct rpc_error *err)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		become_supervisor(site, c);
	if (pid > 0)
		return 0;
	rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL, "fork: %s",
		      strerror(errno));
	return -EAGAIN;
}

int launch_start(const struct launch *l, const struct site *site,
		 enum site_daemon d, struct rpc_error *err)
{
	struct launch_facts facts;
	struct command c;
	int rc;

	if (l->systemd)
		return systemd_start(site, d, err);
	launch_look(l, d, &facts);
	if (facts.state == LAUNCH_STOPPED && facts.answers) {
		char path[PATH_MAX];

		site_socket(l->paths, d, path);
		rpc_error_set(err, RPC_FAILED, NULL, NULL,
			      "end that one first: `ss -xlp` says who it is",
			      "%s: a %s that we have not started answers", path,
			      site_daemon_name(d));
		return -EADDRINUSE;
	}
	rc = make_command(l, site, d, &c, err);
	if (rc)
		return rc;
	rc = facts.state == LAUNCH_ORPHAN ? launch_stop(l, d, err) : 0;
	if (!rc && !facts.supervisor)
		unlink(c.status); /* what another life has left there */
	if (!rc)
		rc = fork_supervisor(site, &c, err);
	site_args_fini(&c.args);
	return rc;
}

/* Has it begun at all?  Its supervisor needs a moment to take its file. */
static bool keeps_dying(const struct launch_facts *f, bool systemd,
			uint64_t waited_ms)
{
	if (systemd)
		return f->state == LAUNCH_DEGRADED ||
		       f->state == LAUNCH_STOPPED;
	return f->restarts >= DEATHS_MAX ||
	       (!f->supervisor && waited_ms > 1000);
}

int launch_await(const struct launch *l, enum site_daemon d,
		 struct launch_facts *facts, struct rpc_error *err)
{
	static const char hint[] = "`causeway logs` has more";
	uint64_t began = now_ms(CLOCK_MONOTONIC), waited;

	for (;;) {
		launch_look(l, d, facts);
		waited = now_ms(CLOCK_MONOTONIC) - began;
		if (facts->answers && facts->pid)
			return 0;
		if (keeps_dying(facts, l->systemd, waited) ||
		    waited > LAUNCH_READY_MS)
			break;
		pause_ms(LOOK_MS);
	}
	if (waited > LAUNCH_READY_MS)
		rpc_error_set(err, RPC_FAILED, NULL, NULL, hint,
			      "%s does not answer within %d s",
			      site_daemon_name(d), LAUNCH_READY_MS / 1000);
	else
		rpc_error_set(err, RPC_FAILED, NULL, NULL, hint,
			      "%s does not come up%s%s", site_daemon_name(d),
			      facts->ended[0] ? ": it " : "", facts->ended);
	return -ETIMEDOUT;
}

/* --- ending --------------------------------------------------------------- */

static bool gone_within(int pidfd, unsigned ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, ms) > 0;
}

/* Tell it, wait, kill it.  `known` says whether the pidfd is of the right. */
static int end_process(pid_t pid, bool (*known)(const struct launch *,
						enum site_daemon, pid_t),
		       const struct launch *l, enum site_daemon d)
{
	int fd = pidfd_open(pid, 0), rc = 0;

	if (fd < 0)
		return errno == ESRCH ? 0 : -errno;
	if (known(l, d, pid)) {
		pidfd_send_signal(fd, SIGTERM, NULL, 0);
		pidfd_send_signal(fd, SIGCONT, NULL, 0); /* if it stands */
		if (!gone_within(fd, LAUNCH_STOP_MS)) {
			pidfd_send_signal(fd, SIGKILL, NULL, 0);
			rc = gone_within(fd, 1000) ? 0 : -ETIMEDOUT;
		}
	}
	close(fd);
	return rc;
}

static bool is_supervisor(const struct launch *l, enum site_daemon d,
			  pid_t pid)
{
	struct launch_facts f = { 0 };

	look(l, d, &f);
	return f.supervisor == pid;
}

static bool is_daemon(const struct launch *l, enum site_daemon d, pid_t pid)
{
	struct launch_facts f = { 0 };

	look(l, d, &f);
	return f.pid == pid;
}

int launch_stop(const struct launch *l, enum site_daemon d,
		struct rpc_error *err)
{
	struct launch_facts f = { 0 };
	int rc = 0;

	if (l->systemd)
		return systemd_stop(d, err);
	look(l, d, &f);
	if (f.supervisor)
		rc = end_process(f.supervisor, is_supervisor, l, d);
	look(l, d, &f); /* a supervisor that was killed has left it */
	if (!rc && f.pid)
		rc = end_process(f.pid, is_daemon, l, d);
	if (rc)
		rpc_error_set(err, RPC_FAILED, NULL, NULL,
			      "see its process state in `ps`",
			      "%s does not end: %s", site_daemon_name(d),
			      strerror(-rc));
	return rc;
}
