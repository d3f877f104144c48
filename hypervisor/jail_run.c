/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail_run.c: a tool in a jail, from its start to its end.
 *
 * Its input is a file in memory, so that nobody waits for it to be read.  Its
 * output is a pipe, read until it closes, is full, or time is up.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/mman.h>

#include "base/rpc.h"
#include "hypervisor/jail.h"
#include "hypervisor/jail_proc.h"

#define GONE_MS 1000 /* for the kernel, after a kill */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int input_file(const char *text)
{
	int fd = memfd_create("input", MFD_CLOEXEC);
	size_t len = text ? strlen(text) : 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET)) {
		close(fd);
		return -EIO;
	}
	return fd;
}

/* True when there is no more to come. */
static bool read_more(int fd, struct jail_run *run)
{
	size_t room = run->output_max - run->output_len;
	char more;
	ssize_t n = room ? read(fd, run->output + run->output_len, room) :
			   read(fd, &more, 1);

	if (n < 0)
		return errno != EINTR;
	run->cut = !room && n;
	run->output_len += room ? (size_t)n : 0;
	return !n || run->cut;
}

static void read_output(int fd, struct jail_run *run, int64_t until_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	bool done = false;

	while (!done) {
		int64_t left = until_ms - now_ms();
		int n = poll(&p, 1, left > 0 ? (int)left : 0);

		if (n > 0)
			done = read_more(fd, run);
		else if (!n)
			done = run->timed_out = true;
	}
	run->output[run->output_len] = '\0';
}

/* It has closed its output, or is over a limit; now see it end. */
static void see_end(struct jail_process *p, struct jail_run *run,
		    int64_t until_ms)
{
	int64_t left = until_ms - now_ms();

	if (run->timed_out || run->cut ||
	    jail_proc_wait(p->pidfd, left > 0 ? (int)left : 0)) {
		run->timed_out |= !run->cut;
		jail_kill(p);
	}
	jail_proc_wait(p->pidfd, GONE_MS);
	jail_ended(p, &run->end);
	for (int i = 0; i < GONE_MS && jail_gone(p) == -EBUSY; i++)
		poll(NULL, 0, 1);
	jail_leave(p); /* if even that was not enough */
}

static int run_with(const struct jail_spec *spec, struct jail_run *run,
		    int input, struct rpc_error *err)
{
	struct jail_fd fds[JAIL_FDS_MAX];
	struct jail_spec all = *spec;
	struct jail_process p;
	int64_t until_ms;
	int out[2], rc;

	if (pipe2(out, O_CLOEXEC))
		return -errno;
	for (unsigned i = 0; i < spec->fd_count; i++)
		fds[i] = spec->fds[i];
	fds[all.fd_count++] = (struct jail_fd){ input, 0 };
	fds[all.fd_count++] = (struct jail_fd){ out[1], 1 };
	fds[all.fd_count++] = (struct jail_fd){ out[1], 2 };
	all.fds = fds;
	rc = jail_spawn(&all, &p, err);
	close(out[1]);
	if (!rc) {
		until_ms = now_ms() + run->timeout_ms;
		read_output(out[0], run, until_ms);
		see_end(&p, run, until_ms);
	}
	close(out[0]);
	return rc;
}

int jail_run(const struct jail_spec *spec, struct jail_run *run,
	     struct rpc_error *err)
{
	int input, rc;

	if (spec->fd_count > JAIL_FDS_MAX - 3)
		return rpc_error_set(err, RPC_REFUSED, NULL, NULL, NULL,
				     "too many descriptors");
	memset(&run->end, 0, sizeof(run->end));
	run->timed_out = false;
	run->cut = false;
	run->output_len = 0;
	run->output = malloc(run->output_max + 1);
	input = input_file(run->input);
	rc = !run->output ? -ENOMEM : input < 0 ? input : 0;
	if (rc)
		rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL,
			      "cannot start a tool: %s", strerror(-rc));
	else
		rc = run_with(spec, run, input, err);
	if (input >= 0)
		close(input);
	if (rc) {
		free(run->output);
		run->output = NULL;
	}
	return rc;
}
