/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_suspend.c: a suspended guest is one file, <state>/suspended/<uuid>.
 *
 * It is written under another name and gets its own only when all of it is on
 * the disk: a file of that name is always a whole guest.  Bringing it to the
 * disk takes as long as it takes, and nothing here may wait, so a child does
 * that, whose end is awaited like any other event.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/log.h"
#include "hypervisor/host_domain.h"

#define SAVED_PATH_MAX (PATH_MAX + DCONF_UUID_TEXT + 8)
#define MORE_THAN_MEMORY (64ull << 20) /* devices, and room for others */

static void saved_path(const struct host_domain *hd, const char *end,
		       char path[SAVED_PATH_MAX])
{
	snprintf(path, SAVED_PATH_MAX, "%s/%s%s", hd->host->suspend_dir,
		 hd->uuid, end);
}

bool host_has_saved(const struct host_domain *hd)
{
	char path[SAVED_PATH_MAX];

	saved_path(hd, "", path);
	return !access(path, F_OK);
}

int host_open_saved(const struct host_domain *hd)
{
	char path[SAVED_PATH_MAX];
	int fd;

	saved_path(hd, "", path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

void host_saved_words(const struct host_domain *hd, const char *why,
		      char *text, size_t size)
{
	char path[SAVED_PATH_MAX];

	saved_path(hd, "", path);
	snprintf(text, size, "%.120s: %s", path,
		 why[0] ? why : "its process has ended");
}

void host_drop_saved(struct host_domain *hd)
{
	char path[SAVED_PATH_MAX];

	saved_path(hd, "", path);
	if (unlink(path) < 0 && errno != ENOENT)
		log_err("%s: %s: %s", hd->name, path, strerror(errno));
}

/* --- writing ----------------------------------------------------------- */

static int has_room(const struct host_domain *hd, char *why, size_t size)
{
	uint64_t need = ((uint64_t)hd->rec.memory_mib << 20) +
			MORE_THAN_MEMORY;
	struct statvfs fs;
	uint64_t room;

	if (statvfs(hd->host->suspend_dir, &fs) < 0) {
		snprintf(why, size, "%.150s: %s", hd->host->suspend_dir,
			 strerror(errno));
		return -errno;
	}
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (room >= need)
		return 0;
	snprintf(why, size, "%llu MiB are free in %.120s, and up to %llu MiB "
			    "are needed",
		 (unsigned long long)room >> 20, hd->host->suspend_dir,
		 (unsigned long long)need >> 20);
	return -ENOSPC;
}

int host_save(struct host_domain *hd, char *why, size_t size)
{
	char path[SAVED_PATH_MAX];
	int rc = has_room(hd, why, size);

	if (rc < 0)
		return rc;
	saved_path(hd, ".part", path);
	hd->save_fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC |
				 O_NOFOLLOW, 0600);
	if (hd->save_fd < 0) {
		rc = -errno;
		snprintf(why, size, "%.150s: %s", path, strerror(-rc));
		return rc;
	}
	rc = hd->engine ? engine_save(hd->engine, hd->save_fd) : -ESRCH;
	if (rc < 0) {
		snprintf(why, size, "its engine will not: %s", strerror(-rc));
		host_save_abort(hd);
	}
	return rc;
}

static void forget_child(struct host_domain *hd)
{
	if (hd->synced)
		event_free(hd->synced);
	hd->synced = NULL;
	if (hd->sync_fd >= 0)
		close(hd->sync_fd);
	hd->sync_fd = -1;
	hd->sync_pid = 0;
}

void host_save_abort(struct host_domain *hd)
{
	char path[SAVED_PATH_MAX];

	if (hd->save_fd < 0)
		return;
	if (hd->sync_pid > 0) {
		kill(hd->sync_pid, SIGKILL);
		waitpid(hd->sync_pid, NULL, 0);
	}
	forget_child(hd);
	close(hd->save_fd);
	hd->save_fd = -1;
	saved_path(hd, ".part", path);
	unlink(path);
}

/* --- to the disk ------------------------------------------------------- */

static int sync_dir(const struct host_domain *hd)
{
	int fd = open(hd->host->suspend_dir,
		      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	rc = fsync(fd) ? -errno : 0;
	close(fd);
	return rc;
}

static int give_name(struct host_domain *hd)
{
	char part[SAVED_PATH_MAX], path[SAVED_PATH_MAX];

	saved_path(hd, ".part", part);
	saved_path(hd, "", path);
	if (rename(part, path) < 0)
		return -errno;
	return sync_dir(hd);
}

static void on_synced(evutil_socket_t fd, short what, void *arg)
{
	struct host_domain *hd = arg;
	int status = -1, rc;

	if (waitpid(hd->sync_pid, &status, WNOHANG) != hd->sync_pid)
		return;
	forget_child(hd);
	rc = !WIFEXITED(status) ? -EIO : -WEXITSTATUS(status);
	if (!rc)
		rc = give_name(hd);
	if (rc < 0) {
		host_save_abort(hd);
		host_drop_saved(hd); /* named, but perhaps not for long */
		host_send(hd, DOMAIN_EV_SAVE_FAILED, strerror(-rc));
		return;
	}
	close(hd->save_fd);
	hd->save_fd = -1;
	host_send(hd, DOMAIN_EV_SAVED, NULL);
}

/* The child does one thing and may take its time. */
static int sync_in_child(struct host_domain *hd)
{
	pid_t pid = fork();

	if (!pid)
		_exit(fsync(hd->save_fd) ? errno & 0x7f : 0);
	if (pid < 0)
		return -errno;
	hd->sync_pid = pid;
	hd->sync_fd = syscall(SYS_pidfd_open, pid, 0);
	hd->synced = hd->sync_fd < 0 ? NULL :
				       event_new(hd->host->opt.base,
						 hd->sync_fd, EV_READ,
						 on_synced, hd);
	return hd->synced && !event_add(hd->synced, NULL) ? 0 : -ENOMEM;
}

void host_saved(struct host_domain *hd)
{
	int rc;

	if (hd->save_fd < 0)
		return;
	rc = sync_in_child(hd);
	if (!rc)
		return;
	host_save_abort(hd);
	host_send(hd, DOMAIN_EV_SAVE_FAILED, strerror(-rc));
}
