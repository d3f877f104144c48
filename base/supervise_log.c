/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * supervise_log.c: the command has the file open and writes to it itself, so
 * a log goes on when the supervisor is dead, and nobody waits for anybody.
 * Thus it cannot be renamed when it is full: it is copied and cut.  A line
 * written between the two is lost.
 */
#include "base/supervise_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <limits.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

int supervise_log_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
			      O_NOFOLLOW, 0640);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static int copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
			       O_NOFOLLOW, 0640);
	ssize_t n = -1;

	if (in >= 0 && out >= 0)
		while ((n = sendfile(out, in, NULL, 1 << 20)) > 0)
			;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return n < 0 ? -1 : 0;
}

/* With the disk full there is no copy, and it is cut nevertheless. */
void supervise_log_bound(const char *path)
{
	char older[PATH_MAX];
	struct stat st;
	int unused;

	if (fstat(STDERR_FILENO, &st) || st.st_size <= SUPERVISE_LOG_MAX ||
	    snprintf(older, sizeof(older), "%s.1", path) >=
		    (int)sizeof(older))
		return;
	if (copy_file(path, older))
		unlink(older);
	unused = ftruncate(STDERR_FILENO, 0);
	(void)unused; /* the next look tries again */
}
