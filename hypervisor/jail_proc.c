/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail_proc.c: see jail_proc.h.
 *
 * A child of ours says how it ended when we wait for it.  One that an earlier
 * hypervisord started is init's child; init has its status.  Linux 6.15 and
 * later still tells us by the descriptor (PIDFD_GET_INFO), others do not.
 */
#include "hypervisor/jail_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* linux/pidfd.h of Linux 6.15; Debian's headers are older. */
struct pidfd_info_v0 {
	uint64_t mask;
	uint64_t cgroupid;
	uint32_t ids[11];
	int32_t exit_code;
};

#define INFO_EXIT (1u << 3)
#define REAPED_MS 50
#define GET_INFO _IOWR(0xff, 11, struct pidfd_info_v0)

/* The command's name, in parentheses, may have anything in it. */
int jail_proc_parse(const char *stat, uint64_t *start_time)
{
	const char *p = strrchr(stat, ')');
	char *end;

	for (unsigned field = 3; p && field <= 22; field++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	if (!p || *p < '0' || *p > '9')
		return -EINVAL;
	*start_time = strtoull(p, &end, 10);
	return *end == ' ' ? 0 : -EINVAL;
}

int jail_proc_start(pid_t pid, uint64_t *start_time)
{
	char path[64], text[1024];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ESRCH;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -ESRCH;
	text[n] = '\0';
	return jail_proc_parse(text, start_time) ? -ESRCH : 0;
}

int jail_proc_open(pid_t pid)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : (int)fd;
}

int jail_proc_kill(int pidfd)
{
	if (!syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) ||
	    errno == ESRCH)
		return 0;
	return -errno;
}

int jail_proc_wait(int pidfd, int timeout_ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int n;

	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	return n > 0 ? 0 : -ETIMEDOUT;
}

bool jail_proc_ended(int pidfd)
{
	return !jail_proc_wait(pidfd, 0);
}

/* siginfo's idea of a status as wait's. */
static int as_status(const siginfo_t *info)
{
	switch (info->si_code) {
	case CLD_EXITED:
		return info->si_status << 8;
	case CLD_DUMPED:
		return info->si_status | 0x80;
	default:
		return info->si_status;
	}
}

/*
 * The kernel tells when init has waited for it, which it does at once; POLLHUP
 * says so.
 */
static int ask_pidfd(int pidfd, int *status)
{
	struct pidfd_info_v0 info = { .mask = 0 };
	struct pollfd p = { .fd = pidfd };

	if (ioctl(pidfd, GET_INFO, &info))
		return 0; /* an older kernel */
	poll(&p, 1, REAPED_MS);
	info.mask = INFO_EXIT;
	if (ioctl(pidfd, GET_INFO, &info) || !(info.mask & INFO_EXIT))
		return 0;
	*status = info.exit_code;
	return 1;
}

int jail_proc_status(int pidfd, int *status)
{
	siginfo_t si = { .si_pid = 0 };

	if (!jail_proc_ended(pidfd))
		return -EAGAIN;
	if (!waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED | WNOHANG) &&
	    si.si_pid) {
		*status = as_status(&si);
		return 1;
	}
	return ask_pidfd(pidfd, status);
}
