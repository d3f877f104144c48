/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail_proc.h: a process by its descriptor: is it the one we mean, has it
 * ended, and how.
 */
#ifndef CAUSEWAY_JAIL_PROC_H
#define CAUSEWAY_JAIL_PROC_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/types.h>

/* The start time in the text of /proc/PID/stat (pure): 0 or -EINVAL. */
int jail_proc_parse(const char *stat, uint64_t *start_time);
/* 0, or -ESRCH if there is no such process. */
int jail_proc_start(pid_t pid, uint64_t *start_time);
/* A descriptor of it, or -errno. */
int jail_proc_open(pid_t pid);
int jail_proc_kill(int pidfd); /* SIGKILL; gone already is fine */
bool jail_proc_ended(int pidfd);

/* Wait up to timeout_ms for its end: 0 or -ETIMEDOUT. */
int jail_proc_wait(int pidfd, int timeout_ms);
/*
 * How it ended: 1 with *status as of wait(2), which also lets go of it if it
 * is our child; 0 if that cannot be known; -EAGAIN while it runs.
 */
int jail_proc_status(int pidfd, int *status);

#endif
