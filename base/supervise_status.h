/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * supervise_status.h: what causeway-supervise says of itself in a file, and
 * how others read it.
 *
 * The supervisor holds a lock on the file as long as it lives, so nobody is
 * supervised twice, and a reader learns from the kernel which process it is:
 * a pid in a file could be anybody's by now.  The command's pid comes with the
 * time it was started, for the same reason.
 */
#ifndef CAUSEWAY_SUPERVISE_STATUS_H
#define CAUSEWAY_SUPERVISE_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/types.h>

struct supervise_status {
	pid_t supervisor; /* holds the file now; 0: nobody */
	pid_t pid;	  /* of the command; 0: it does not run */
	uint64_t start_ticks; /* of pid: /proc/PID/stat's starttime */
	uint64_t since_ms; /* CLOCK_BOOTTIME when that was started */
	unsigned restarts;
	bool degraded;
	char ended[128]; /* how it last ended, or "" */
};

/*
 * Make the file ours until we end: a descriptor, or -errno; -EBUSY with
 * *holder when another supervisor has it.  Closing any descriptor of the file
 * in this process gives it up.
 */
int supervise_status_take(const char *path, pid_t *holder);
/* Replace what it says; `supervisor` is not written. */
void supervise_status_write(int fd, const struct supervise_status *s);

/*
 * 0 or -errno; -ENOENT: never supervised.  A command whose process is gone, or
 * whose pid is somebody else's by now, has pid 0.
 */
int supervise_status_read(const char *path, struct supervise_status *out);

/* /proc/PID/stat's starttime; 0: no such process, or it is a zombie. */
uint64_t supervise_start_ticks(pid_t pid);

#endif
