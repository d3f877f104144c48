/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * supervise_status.c: a few lines, "word value" each, in one write.
 *
 * The lock is a POSIX record lock: F_GETLK names its holder, and it goes with
 * the process however that ends.  A reader who meets a write in the middle
 * finds no "end" and looks again.
 */
#include "base/supervise_status.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX 512
#define READ_TRIES 100

uint64_t supervise_start_ticks(pid_t pid)
{
	char path[64], text[1024], state = 'Z';
	uint64_t ticks = 0;
	const char *after;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* the name before may hold anything, parentheses too */
	after = strrchr(text, ')');
	if (!after ||
	    sscanf(after, ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			  "%*s %*s %*s %*s %*s %*s %*s %" SCNu64,
		   &state, &ticks) != 2 || state == 'Z')
		return 0;
	return ticks;
}

int supervise_status_take(const char *path, pid_t *holder)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc;

	*holder = 0;
	if (fd < 0)
		return -errno;
	if (!fcntl(fd, F_SETLK, &lock))
		return fd;
	rc = errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
	if (rc == -EBUSY && !fcntl(fd, F_GETLK, &lock) &&
	    lock.l_type != F_UNLCK)
		*holder = lock.l_pid;
	close(fd);
	return rc;
}

void supervise_status_write(int fd, const struct supervise_status *s)
{
	char text[TEXT_MAX];
	ssize_t unused;
	int n;

	n = snprintf(text, sizeof(text),
		     "pid %d\nstart_ticks %" PRIu64 "\nsince_ms %" PRIu64
		     "\nrestarts %u\ndegraded %d\nended %s\nend\n",
		     (int)s->pid, s->start_ticks, s->since_ms, s->restarts,
		     s->degraded, s->ended);
	/* what a longer text has left behind comes after "end" */
	unused = pwrite(fd, text, n, 0);
	(void)unused; /* status is not worth dying for */
}

static bool parse(char *text, struct supervise_status *s)
{
	char *end = strstr(text, "\nend\n");
	int at = 0, pid, degraded;

	if (!end)
		return false;
	*end = '\0';
	if (sscanf(text, "pid %d\nstart_ticks %" SCNu64 "\nsince_ms %" SCNu64
			 "\nrestarts %u\ndegraded %d\nended%n",
		   &pid, &s->start_ticks, &s->since_ms, &s->restarts,
		   &degraded, &at) != 5 || !at)
		return false;
	s->pid = pid;
	s->degraded = degraded;
	snprintf(s->ended, sizeof(s->ended), "%s",
		 text[at] == ' ' ? text + at + 1 : "");
	return true;
}

static bool read_once(int fd, struct supervise_status *s)
{
	char text[TEXT_MAX];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return false;
	text[n] = '\0';
	return parse(text, s);
}

int supervise_status_read(const char *path, struct supervise_status *out)
{
	const struct timespec pause = { 0, 1000000 };
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool ok = false;
	int i;

	memset(out, 0, sizeof(*out));
	if (fd < 0)
		return -errno;
	/* just made, or being written: its turn comes in a moment */
	for (i = 0; !ok && i < READ_TRIES; i++) {
		ok = read_once(fd, out);
		if (!ok)
			nanosleep(&pause, NULL);
	}
	if (!fcntl(fd, F_GETLK, &lock) && lock.l_type != F_UNLCK)
		out->supervisor = lock.l_pid;
	close(fd);
	if (out->pid && (!out->start_ticks ||
			 supervise_start_ticks(out->pid) != out->start_ticks))
		out->pid = 0;
	return ok ? 0 : -EINVAL;
}
