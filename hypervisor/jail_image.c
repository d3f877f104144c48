/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail_image.c: see jail_image.h.
 *
 * Who opens a file by name is asked for its permission bits, and an image
 * belongs to root or whoever made it.  Changing its owner would outlive the
 * jail, so the mount does it: an id-mapped mount shows the owner as another.
 * The mapping is taken from a user namespace, which exists only with a process
 * in it; so there is one, for as long as it takes to open the namespace.
 */
#include "hypervisor/jail_image.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/rpc.h"

static int write_map(pid_t pid, const char *file, unsigned from, unsigned to)
{
	char path[64], text[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	snprintf(text, sizeof(text), "%u %u 1", from, to);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	n = n < 0 ? -errno : 0;
	close(fd);
	return (int)n;
}

static int open_userns(pid_t pid, const struct stat *st, uid_t uid, gid_t gid)
{
	char path[64];
	int rc = write_map(pid, "uid_map", st->st_uid, uid);
	int fd;

	if (!rc)
		rc = write_map(pid, "gid_map", st->st_gid, gid);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Until killed. */
static void __attribute__((noreturn)) sleep_on(void)
{
	for (;;)
		pause();
}

/* A user namespace that maps the file's owner to the jail's; or -errno. */
static int make_userns(const struct stat *st, uid_t uid, gid_t gid)
{
	struct clone_args args = {
		.flags = CLONE_NEWUSER,
		.exit_signal = SIGCHLD,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));
	int fd;

	if (pid < 0)
		return -errno;
	if (!pid)
		sleep_on();
	fd = open_userns((pid_t)pid, st, uid, gid);
	kill((pid_t)pid, SIGKILL);
	while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd;
}

static int set_attributes(int fd, const struct jail_image *image, int userns)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			    MOUNT_ATTR_NOEXEC |
			    (image->writable ? 0 : MOUNT_ATTR_RDONLY) |
			    (userns < 0 ? 0 : MOUNT_ATTR_IDMAP),
		.propagation = MS_PRIVATE,
		.userns_fd = userns < 0 ? 0 : (uint64_t)userns,
	};

	return mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) ?
		       -errno :
		       0;
}

static int prepare(int fd, const struct jail_image *image, uid_t uid,
		   gid_t gid)
{
	struct stat st;
	int userns = -1;
	int rc;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_uid != uid)
		userns = make_userns(&st, uid, gid);
	rc = set_attributes(fd, image, userns);
	/* A file system without such mounts: then its mode decides. */
	if (rc && userns >= 0)
		rc = set_attributes(fd, image, -1);
	if (userns >= 0)
		close(userns);
	return rc;
}

int jail_image_mount(const struct jail_image *image, uid_t uid, gid_t gid,
		     struct rpc_error *err)
{
	int fd = open_tree(image->fd, "",
			   AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	int rc = fd < 0 ? -errno : prepare(fd, image, uid, gid);

	if (!rc)
		return fd;
	if (fd >= 0)
		close(fd);
	rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL,
		      "cannot show a file as %s: %s", image->as, strerror(-rc));
	return rc;
}
