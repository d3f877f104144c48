/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvm_probe.c: ask in a child, keep the answer.
 *
 * The child runs the guest (kvm_probe_run.c) and writes the answer into a
 * pipe.  It is killed when the time is up.  A device that holds it in the
 * kernel even then costs us a process that cannot die, and no more time.
 *
 * What is kept is a few lines of text, "boot" first: verdicts are those of one
 * boot, since a new kernel or another machine may know better.  A time-out is
 * not kept: it may have been the machine that was busy.
 */
#include "hypervisor/kvm_probe_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_BYTES 40
#define KEPT_MAX 512
#define REAP_MS 100 /* for a killed child to go */

static const char *const words[] = {
	[KVM_ABSENT] = "absent",     [KVM_DENIED] = "denied",
	[KVM_UNUSABLE] = "unusable", [KVM_SLOW] = "slow",
	[KVM_USABLE] = "usable",
};

const char *kvm_verdict_word(enum kvm_verdict verdict)
{
	return words[verdict];
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- what is kept --------------------------------------------------------- */

/* Up to room - 1 bytes of a file, without the last line feed; false: none. */
static bool read_text(int fd, char *text, size_t room)
{
	ssize_t n = fd < 0 ? -1 : read(fd, text, room - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	if (text[n - 1] == '\n')
		text[n - 1] = '\0';
	return true;
}

static bool boot_id(char id[BOOT_ID_BYTES])
{
	int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	bool ok = read_text(fd, id, BOOT_ID_BYTES);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Nobody else could have put it there, or changed it. */
static bool is_ours(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) &&
	       st.st_uid == geteuid() && !(st.st_mode & 022);
}

static bool parse_kept(const char *text, const char *id, struct kvm_probe *out)
{
	char boot[BOOT_ID_BYTES], word[16];
	int at = 0, lost = 0;

	if (sscanf(text, "boot %39s\nverdict %15s\ninsn_ns %lf\nexit_ns %lf\n"
			 "took_ms %u\nxsetbv_lost %d\nreason %n",
		   boot, word, &out->insn_ns, &out->exit_ns, &out->took_ms,
		   &lost, &at) != 6 || !at || strcmp(boot, id) != 0)
		return false;
	out->xsetbv_lost = lost;
	snprintf(out->reason, sizeof(out->reason), "%s", text + at);
	for (int v = KVM_UNUSABLE; v <= KVM_USABLE; v++) {
		out->verdict = v;
		if (!strcmp(word, words[v]))
			return true;
	}
	return false;
}

static bool load_kept(const char *path, struct kvm_probe *out)
{
	char text[KEPT_MAX], id[BOOT_ID_BYTES];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool ok = fd >= 0 && is_ours(fd) &&
		  read_text(fd, text, sizeof(text)) && boot_id(id) &&
		  parse_kept(text, id, out);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* It is only a memory: what cannot be kept is asked again. */
static void keep(const char *path, const struct kvm_probe *p)
{
	char text[KEPT_MAX], temp[4096], id[BOOT_ID_BYTES];
	int fd, n;

	n = snprintf(temp, sizeof(temp), "%s.%d", path, (int)getpid());
	if (n >= (int)sizeof(temp) || !boot_id(id))
		return;
	n = snprintf(text, sizeof(text),
		     "boot %s\nverdict %s\ninsn_ns %.2f\nexit_ns %.0f\n"
		     "took_ms %u\nxsetbv_lost %d\nreason %s\n",
		     id, words[p->verdict], p->insn_ns, p->exit_ns,
		     p->took_ms, p->xsetbv_lost, p->reason);
	unlink(temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	if (write(fd, text, n) != n || rename(temp, path) < 0)
		unlink(temp);
	close(fd);
}

/* --- the child ------------------------------------------------------------ */

/* Alone with the device and the pipe, and gone when the caller is. */
static void child(int kvm, int pipe_fd, pid_t parent)
{
	const struct rlimit no_core = { 0, 0 };
	struct kvm_probe p = { .verdict = KVM_UNUSABLE };

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(1);
	setrlimit(RLIMIT_CORE, &no_core);
	if (dup2(kvm, 0) < 0 || dup2(pipe_fd, 1) < 0 ||
	    syscall(SYS_close_range, 2, ~0u, 0) < 0)
		_exit(1);
	kvm_probe_run(0, &p);
	_exit(write(1, &p, sizeof(p)) != sizeof(p));
}

/* Wait for the answer: true if a whole one came in time. */
static bool await(int pipe_fd, unsigned limit_ms, struct kvm_probe *out)
{
	struct pollfd p = { .fd = pipe_fd, .events = POLLIN };
	long end = now_ms() + limit_ms, left = limit_ms;
	int rc;

	do {
		rc = poll(&p, 1, left);
		left = end - now_ms();
	} while (rc < 0 && errno == EINTR && left > 0);
	return rc > 0 && read(pipe_fd, out, sizeof(*out)) == sizeof(*out);
}

/* How it ended, or -1: killed, and not gone yet. */
static int bury(pid_t pid)
{
	const struct timespec pause = { 0, 1000000 };
	long end = now_ms() + REAP_MS;
	int status;
	pid_t rc;

	kill(pid, SIGKILL);
	while ((rc = waitpid(pid, &status, WNOHANG)) == 0 && now_ms() < end)
		nanosleep(&pause, NULL);
	return rc == pid ? status : rc < 0 ? 0 : -1;
}

static bool cannot_ask(struct kvm_probe *out)
{
	snprintf(out->reason, sizeof(out->reason), "cannot be asked: %s",
		 strerror(errno));
	return false;
}

static bool ask_in_child(int kvm, unsigned limit_ms, struct kvm_probe *out)
{
	pid_t self = getpid(), pid;
	long began = now_ms();
	bool answered;
	int fds[2];

	out->verdict = KVM_UNUSABLE;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return cannot_ask(out);
	pid = fork();
	if (pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return cannot_ask(out);
	}
	if (!pid)
		child(kvm, fds[1], self);
	close(fds[1]);
	answered = await(fds[0], limit_ms, out);
	close(fds[0]);
	out->took_ms = now_ms() - began;
	if (bury(pid) < 0)
		snprintf(out->reason, sizeof(out->reason),
			 "it holds a process that cannot be killed");
	else if (!answered && out->took_ms >= limit_ms)
		snprintf(out->reason, sizeof(out->reason),
			 "a small guest does not come to its end in %u ms",
			 limit_ms);
	else if (!answered)
		snprintf(out->reason, sizeof(out->reason),
			 "a small guest kills its monitor");
	return answered;
}

/* --- the verdict ---------------------------------------------------------- */

/* It ran, or ran into something: is an instruction what it should be? */
static bool runs(unsigned insn_ns_max, struct kvm_probe *p)
{
	char why[sizeof(p->reason)];

	snprintf(why, sizeof(why), "%s", p->reason);
	if (why[0] && p->insn_ns > insn_ns_max)
		snprintf(p->reason, sizeof(p->reason),
			 "%.120s; and an instruction takes %.0f ns", why,
			 p->insn_ns);
	else if (p->insn_ns > insn_ns_max)
		snprintf(p->reason, sizeof(p->reason),
			 "an instruction of a kernel takes %.0f ns, which is "
			 "emulation", p->insn_ns);
	return !p->reason[0];
}

static void judge(const struct kvm_probe_conf *conf, struct kvm_probe *p)
{
	unsigned exit_max = conf->exit_ns_max ? conf->exit_ns_max :
						KVM_PROBE_EXIT_NS_MAX;
	bool slow = p->exit_ns > exit_max;

	p->verdict = KVM_UNUSABLE;
	if (!runs(conf->insn_ns_max ? conf->insn_ns_max :
				      KVM_PROBE_INSN_NS_MAX, p))
		return;
	p->verdict = slow || p->xsetbv_lost ? KVM_SLOW : KVM_USABLE;
	snprintf(p->reason, sizeof(p->reason),
		 "it runs a kernel; an exit takes %.1f us%s%s",
		 p->exit_ns / 1000,
		 slow ? ", as where KVM itself runs in a guest" : "",
		 p->xsetbv_lost ? "; guests' xsetbv is lost, so they must "
				  "have no XSAVE" : "");
}

static bool ask(const struct kvm_probe_conf *conf, struct kvm_probe *out)
{
	const char *device = conf->device ? conf->device : "/dev/kvm";
	int kvm = open(device, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	bool answered;

	if (kvm < 0) {
		bool denied = errno == EACCES || errno == EPERM;

		out->verdict = denied ? KVM_DENIED : KVM_ABSENT;
		snprintf(out->reason, sizeof(out->reason), "%.100s: %s",
			 device, strerror(errno));
		return false;
	}
	answered = ask_in_child(kvm, conf->limit_ms ? conf->limit_ms :
						      KVM_PROBE_LIMIT_MS, out);
	close(kvm);
	if (answered)
		judge(conf, out);
	return answered;
}

void kvm_probe(const struct kvm_probe_conf *conf, struct kvm_probe *out)
{
	static const struct kvm_probe_conf defaults;

	if (!conf)
		conf = &defaults;
	memset(out, 0, sizeof(*out));
	if (conf->keep && !conf->again && load_kept(conf->keep, out))
		return;
	memset(out, 0, sizeof(*out));
	if (ask(conf, out) && conf->keep)
		keep(conf->keep, out);
}
