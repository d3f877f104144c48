/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon.c: see the order of calls in daemon.h.
 *
 * Signals are blocked before the first thread starts and read from a
 * signalfd, so no handler ever runs, in no thread.  Rights go in one place:
 * daemon_drop() empties every capability set, the bounding set included, and
 * daemon_seccomp() comes last, when all threads exist and all files are open.
 */
#include "base/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cap-ng.h>
#include <event2/event.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/log.h"

static struct {
	struct event_base *base;
	struct event *event;
	int fd;
	void (*on_stop)(void *);
	void (*on_hup)(void *);
	void *arg;
	bool stopping;
} signals = { .fd = -1 };

static struct {
	int notify_fd; /* connected to $NOTIFY_SOCKET */
	int pipe_fd;   /* $CAUSEWAY_READY_FD */
} ready = { -1, -1 };

/* --- signals ---------------------------------------------------------- */

static void stop_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
}

void daemon_block_signals(void)
{
	sigset_t set;

	stop_set(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void on_signal(evutil_socket_t fd, short what, void *unused)
{
	struct signalfd_siginfo si;

	while (read(fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGHUP) {
			if (signals.on_hup)
				signals.on_hup(signals.arg);
			continue;
		}
		if (signals.stopping) {
			event_base_loopbreak(signals.base);
			return;
		}
		signals.stopping = true;
		log_info("stopping: %s from pid %u",
			 strsignal((int)si.ssi_signo), si.ssi_pid);
		if (signals.on_stop)
			signals.on_stop(signals.arg);
		event_base_loopexit(signals.base, NULL);
	}
}

int daemon_stop_on_signals(struct event_base *base, void (*on_stop)(void *),
			   void (*on_hup)(void *), void *arg)
{
	sigset_t set;

	stop_set(&set);
	signals.base = base;
	signals.on_stop = on_stop;
	signals.on_hup = on_hup;
	signals.arg = arg;
	signals.stopping = false;
	signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals.fd < 0)
		return -errno;
	signals.event = event_new(base, signals.fd, EV_READ | EV_PERSIST,
				  on_signal, NULL);
	if (!signals.event || event_add(signals.event, NULL)) {
		daemon_signals_free();
		return -ENOMEM;
	}
	return 0;
}

void daemon_signals_free(void)
{
	if (signals.event)
		event_free(signals.event);
	if (signals.fd >= 0)
		close(signals.fd);
	signals.event = NULL;
	signals.fd = -1;
}

/* --- ready ------------------------------------------------------------ */

static int notify_connect(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int fd;

	if ((path[0] != '/' && path[0] != '@') || len >= sizeof(sun.sun_path))
		return -1;
	memcpy(sun.sun_path, path, len);
	if (path[0] == '@')
		sun.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	len += offsetof(struct sockaddr_un, sun_path);
	if (connect(fd, (struct sockaddr *)&sun, len)) {
		close(fd);
		return -1;
	}
	return fd;
}

void daemon_ready_prepare(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	const char *num = getenv("CAUSEWAY_READY_FD");

	if (path) {
		ready.notify_fd = notify_connect(path);
		if (ready.notify_fd < 0)
			log_warn("NOTIFY_SOCKET=%s: cannot connect", path);
	}
	if (num) {
		ready.pipe_fd = atoi(num);
		if (fcntl(ready.pipe_fd, F_SETFD, FD_CLOEXEC)) {
			log_warn("CAUSEWAY_READY_FD=%s is not open", num);
			ready.pipe_fd = -1;
		}
	}
}

static void notify(int fd, const char *text)
{
	/* Nobody may read it: not being heard is not our failure. */
	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		log_debug("notify: %s", strerror(errno));
}

void daemon_ready(void)
{
	notify(ready.notify_fd, "READY=1");
	notify(ready.pipe_fd, "READY=1\n");
}

void daemon_status(const char *text)
{
	char line[256];

	snprintf(line, sizeof(line), "STATUS=%s", text);
	notify(ready.notify_fd, line);
}

/* --- rights ----------------------------------------------------------- */

static int parse_id(const char *s, char end, unsigned *id, const char **rest)
{
	char *stop;
	unsigned long v;

	errno = 0;
	v = strtoul(s, &stop, 10);
	/* UINT_MAX means "leave it" to the kernel: never an id. */
	if (stop == s || *stop != end || errno || v >= UINT_MAX)
		return -EINVAL;
	*id = v;
	*rest = stop + (end ? 1 : 0);
	return 0;
}

int daemon_lookup_user(const char *spec, uid_t *uid, gid_t *gid)
{
	const char *rest;
	struct passwd *pw;

	if (spec[0] < '0' || spec[0] > '9') {
		pw = getpwnam(spec);
		if (!pw)
			return -ENOENT;
		*uid = pw->pw_uid;
		*gid = pw->pw_gid;
		return 0;
	}
	if (!parse_id(spec, ':', uid, &rest))
		return parse_id(rest, '\0', gid, &rest);
	if (parse_id(spec, '\0', uid, &rest))
		return -EINVAL;
	pw = getpwuid(*uid);
	*gid = pw ? pw->pw_gid : *uid;
	return 0;
}

int daemon_lookup_group(const char *spec, gid_t *gid)
{
	const char *rest;
	struct group *gr;

	if (spec[0] >= '0' && spec[0] <= '9')
		return parse_id(spec, '\0', gid, &rest);
	gr = getgrnam(spec);
	if (!gr)
		return -ENOENT;
	*gid = gr->gr_gid;
	return 0;
}

/* The bounding set only shrinks with CAP_SETPCAP, which we may not have. */
static int drop_bounding(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) && errno != EPERM)
			return -errno;
	return 0;
}

static int set_caps(uint64_t keep)
{
	capng_clear(CAPNG_SELECT_CAPS);
	for (unsigned cap = 0; cap < 64; cap++)
		if (keep & (1ull << cap))
			capng_update(CAPNG_ADD,
				     CAPNG_EFFECTIVE | CAPNG_PERMITTED, cap);
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

static int set_ids(uid_t uid, gid_t gid)
{
	if (uid == (uid_t)-1)
		return 0;
	if (geteuid() == 0 && setgroups(0, NULL))
		return -errno;
	if (setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return -errno;
	return 0;
}

/* The kernel forgets it when ids change; our supervisor relies on it. */
static int keep_parent_death_signal(int sig, pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, sig, 0, 0, 0))
		return -errno;
	if (sig && getppid() != parent)
		raise(sig);
	return 0;
}

int daemon_drop(uid_t uid, gid_t gid, uint64_t keep_caps)
{
	pid_t parent = getppid();
	int death_signal = 0;
	int rc = drop_bounding();

	if (rc)
		return rc;
	prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (prctl(PR_SET_KEEPCAPS, keep_caps != 0, 0, 0, 0))
		return -errno;
	rc = set_ids(uid, gid);
	if (rc)
		return rc;
	rc = set_caps(keep_caps);
	if (rc)
		return rc;
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return keep_parent_death_signal(death_signal, parent);
}

int daemon_rlimits(unsigned nofile, bool core)
{
	struct rlimit files = { nofile, nofile };
	struct rlimit none = { 0, 0 };
	struct rlimit now;

	if (!core && setrlimit(RLIMIT_CORE, &none))
		return -errno;
	if (!setrlimit(RLIMIT_NOFILE, &files))
		return 0;
	/* Without rights the hard limit is the most there is. */
	if (getrlimit(RLIMIT_NOFILE, &now))
		return -errno;
	if (now.rlim_max < nofile)
		log_warn("%llu open files at most; %u were asked for",
			 (unsigned long long)now.rlim_max, nofile);
	now.rlim_cur = now.rlim_max < nofile ? now.rlim_max : nofile;
	return setrlimit(RLIMIT_NOFILE, &now) ? -errno : 0;
}

/* What glibc, libevent and any loop over open descriptors need. */
static const int common_calls[] = {
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(gettid),
	SCMP_SYS(getpid), SCMP_SYS(geteuid), SCMP_SYS(getegid),
	SCMP_SYS(tgkill), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(exit),
	SCMP_SYS(exit_group), SCMP_SYS(set_robust_list), SCMP_SYS(rseq),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(gettimeofday), SCMP_SYS(nanosleep), SCMP_SYS(getrandom),
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev),
	SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(close),
	SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
	SCMP_SYS(fcntl), SCMP_SYS(poll), SCMP_SYS(ppoll),
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait2), SCMP_SYS(timerfd_settime),
	SCMP_SYS(eventfd2), SCMP_SYS(accept4), SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendto),
	SCMP_SYS(recvmmsg), SCMP_SYS(sendmmsg), SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(shutdown),
};

static int allow_all(scmp_filter_ctx ctx, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);

		/* A call this kernel or architecture does not have: skip. */
		if (rc && rc != -EDOM && rc != -EEXIST)
			return rc;
	}
	return 0;
}

/* No memory that can be written and run, nor be made so. */
static int allow_data_memory(scmp_filter_ctx ctx)
{
	const int calls[] = { SCMP_SYS(mmap), SCMP_SYS(mprotect) };

	for (size_t i = 0; i < 2; i++) {
		int rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 1,
					  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC,
						  0));
		if (rc)
			return rc;
	}
	return 0;
}

static int load_filter(scmp_filter_ctx ctx, const int *allowed, size_t n,
		       int (*extra)(scmp_filter_ctx, void *), void *arg)
{
	int rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);

	if (!rc)
		rc = allow_all(ctx, common_calls,
			       sizeof(common_calls) / sizeof(common_calls[0]));
	if (!rc)
		rc = allow_data_memory(ctx);
	if (!rc)
		rc = allow_all(ctx, allowed, n);
	if (!rc && extra)
		rc = extra(ctx, arg);
	return rc ? rc : seccomp_load(ctx);
}

int daemon_seccomp(const int *allowed, size_t n,
		   int (*extra)(scmp_filter_ctx ctx, void *arg), void *arg)
{
	const char *how = getenv("CAUSEWAY_SECCOMP");
	uint32_t action = SCMP_ACT_KILL_PROCESS;
	scmp_filter_ctx ctx;
	int rc;

	if (how && !strcmp(how, "off")) {
		log_warn("CAUSEWAY_SECCOMP=off: system calls are not confined");
		return 0;
	}
	if (how && !strcmp(how, "log")) {
		log_warn("CAUSEWAY_SECCOMP=log: system calls not confined");
		action = SCMP_ACT_LOG;
	}
	ctx = seccomp_init(action);
	if (!ctx)
		return -ENOMEM;
	rc = load_filter(ctx, allowed, n, extra, arg);
	seccomp_release(ctx);
	return rc;
}

/* --- files ------------------------------------------------------------ */

static int make_parents(const char *path)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(part))
		return -ENAMETOOLONG;
	for (size_t i = 1; i < len; i++) {
		if (path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return -errno;
	}
	return 0;
}

int daemon_make_dir(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	int rc = make_parents(path);
	int fd;

	if (rc)
		return rc;
	if (mkdir(path, mode) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if ((uid != (uid_t)-1 && fchown(fd, uid, gid)) || fchmod(fd, mode))
		rc = -errno;
	close(fd);
	return rc;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= n;
	}
	return 0;
}

static int write_file(const char *path, const void *data, size_t len,
		      mode_t mode)
{
	int rc;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
			      O_NOFOLLOW, mode);

	if (fd < 0)
		return -errno;
	rc = fchmod(fd, mode) ? -errno : write_all(fd, data, len);
	if (!rc && fsync(fd))
		rc = -errno;
	close(fd);
	return rc;
}

static int sync_parent(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int rc = 0;
	int fd;

	if (slash)
		snprintf(dir, sizeof(dir), "%.*s",
			 slash == path ? 1 : (int)(slash - path), path);
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd))
		rc = -errno;
	close(fd);
	return rc;
}

int daemon_save_file(const char *path, const void *data, size_t len,
		     mode_t mode)
{
	char tmp[PATH_MAX];
	int rc;

	if (snprintf(tmp, sizeof(tmp), "%s.new", path) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	rc = write_file(tmp, data, len, mode);
	if (!rc && rename(tmp, path))
		rc = -errno;
	if (rc) {
		unlink(tmp);
		return rc;
	}
	return sync_parent(path);
}

static int read_up_to(int fd, char *to, size_t max, size_t *len)
{
	*len = 0;
	while (*len < max) {
		ssize_t n = read(fd, to + *len, max - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return 0;
		*len += n;
	}
	return -EFBIG;
}

static int read_open_file(int fd, size_t max, char **data, size_t *len)
{
	struct stat st;
	char *buf;
	int rc;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size > max)
		return -EFBIG;
	/* One byte more than allowed shows a file that grew; one for NUL. */
	buf = malloc(max + 2);
	if (!buf)
		return -ENOMEM;
	rc = read_up_to(fd, buf, max + 1, len);
	if (rc) {
		free(buf);
		return rc;
	}
	buf[*len] = '\0';
	*data = buf;
	return 0;
}

int daemon_read_file(const char *path, size_t max, char **data, size_t *len)
{
	/* Not blocking: somebody may have put a FIFO there. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc;

	if (fd < 0)
		return -errno;
	rc = read_open_file(fd, max, data, len);
	close(fd);
	return rc;
}
