/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_program.c: fork, exec, read to the end.
 */
#include "mgmt/run_program.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <sys/wait.h>

static int spawn(const char *const argv[], bool errors, int to, pid_t *pid)
{
	posix_spawn_file_actions_t fa;
	int rc = posix_spawn_file_actions_init(&fa);

	if (rc)
		return -rc;
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, to, 1);
	if (errors)
		posix_spawn_file_actions_adddup2(&fa, to, 2);
	rc = posix_spawnp(pid, argv[0], &fa, NULL, (char *const *)argv,
			  environ);
	posix_spawn_file_actions_destroy(&fa);
	return -rc;
}

/* To the end, even of what there is no room for: nobody is to be stopped. */
static void read_all(int fd, char *text, size_t room)
{
	char spare[512];
	size_t have = 0;
	ssize_t n;

	do {
		bool full = have + 1 >= room;

		n = read(fd, full ? spare : text + have,
			 full ? sizeof(spare) : room - 1 - have);
		if (n > 0 && !full)
			have += n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (room)
		text[have] = '\0';
}

int run_program(const char *const argv[], bool errors, char *text, size_t room)
{
	int fds[2], status, rc;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	rc = spawn(argv, errors, fds[1], &pid);
	close(fds[1]);
	if (!rc)
		read_all(fds[0], text, room);
	close(fds[0]);
	if (rc)
		return rc;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}
