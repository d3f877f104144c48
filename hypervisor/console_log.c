/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * console_log.c: see console_log.h.
 *
 * The current file is open for appending.  A write that would make it longer
 * than file_bytes is split: the file is filled, all files are renamed one
 * older, the oldest goes, and the rest starts a new one.  With a full disk the
 * next rotation is what frees space, so it must need none: it only renames
 * and unlinks.  A file that cannot be made is tried again with each write.
 *
 * The folder belongs to the daemon's own user; still, files are opened without
 * following links.
 */
#include "hypervisor/console_log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#define FILE_BYTES_MIN 4096
#define PATH_BYTES (CONSOLE_LOG_NAME_MAX + 16)
#define PRUNE_MAX 4096 /* histories looked at */

struct console_log {
	struct console_log_conf conf;
	char name[CONSOLE_LOG_NAME_MAX];
	int fd; /* -1: could not be opened */
	uint64_t size;
	uint64_t unsaid; /* lost since the last line that said so */
	struct console_log_facts facts;
};

static void file_name(const char *name, unsigned age, char to[PATH_BYTES])
{
	if (age)
		snprintf(to, PATH_BYTES, "%s.log.%u", name, age);
	else
		snprintf(to, PATH_BYTES, "%s.log", name);
}

/* ---- writing ------------------------------------------------------------ */

static int open_current(struct console_log *log)
{
	char path[PATH_BYTES];
	struct stat st;

	file_name(log->name, 0, path);
	log->fd = openat(log->conf.dir_fd, path,
			 O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW |
				 O_NONBLOCK | O_CLOEXEC,
			 0600);
	if (log->fd < 0)
		return -errno;
	if (fstat(log->fd, &st) || !S_ISREG(st.st_mode)) {
		close(log->fd);
		log->fd = -1;
		return -EINVAL;
	}
	log->size = st.st_size;
	return 0;
}

/* All files become one older.  Where that fails the current one stays. */
static int rotate(struct console_log *log)
{
	char from[PATH_BYTES], to[PATH_BYTES];
	unsigned age;

	file_name(log->name, log->conf.files - 1, to);
	if (unlinkat(log->conf.dir_fd, to, 0) && errno != ENOENT)
		return -errno;
	for (age = log->conf.files - 1; age; age--) {
		file_name(log->name, age - 1, from);
		file_name(log->name, age, to);
		if (renameat(log->conf.dir_fd, from, log->conf.dir_fd, to) &&
		    errno != ENOENT)
			return -errno;
	}
	close(log->fd);
	log->fd = -1;
	return open_current(log);
}

/* A file with room: 0 or -errno. */
static int make_room(struct console_log *log)
{
	int rc = log->fd < 0 ? open_current(log) : 0;

	if (!rc && log->size >= log->conf.file_bytes)
		rc = rotate(log);
	return rc;
}

/* As much as the current file holds: bytes written, or -errno. */
static ssize_t write_some(struct console_log *log, const char *data, size_t len)
{
	uint64_t room;
	ssize_t n;
	int rc = make_room(log);

	if (rc)
		return rc;
	room = log->conf.file_bytes - log->size;
	n = write(log->fd, data, len < room ? len : room);
	if (n < 0)
		return -errno;
	log->size += n;
	log->facts.bytes += n;
	return n ? n : -ENOSPC;
}

static size_t write_all(struct console_log *log, const char *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write_some(log, data + done, len - done);

		log->facts.error = n < 0 ? (int)n : 0;
		if (n < 0)
			break;
		done += n;
	}
	return done;
}

/* Before the first bytes after a gap. */
static void say_what_is_missing(struct console_log *log)
{
	char line[80];
	int len = snprintf(line, sizeof(line),
			   "\r\n[causeway: %llu bytes were not kept]\r\n",
			   (unsigned long long)log->unsaid);

	if (write_all(log, line, len) == (size_t)len)
		log->unsaid = 0;
}

void console_log_write(struct console_log *log, const void *data, size_t len)
{
	size_t done = 0;

	if (log->unsaid)
		say_what_is_missing(log);
	if (!log->unsaid)
		done = write_all(log, data, len);
	log->facts.lost += len - done;
	log->unsaid += len - done;
}

/* ---- reading ------------------------------------------------------------ */

/* The last bytes of one file to the end of a buffer: how many. */
static size_t read_end(const struct console_log *log, unsigned age, char *end,
		       size_t max)
{
	char path[PATH_BYTES];
	struct stat st;
	ssize_t n = 0;
	size_t want;
	int fd;

	file_name(log->name, age, path);
	fd = openat(log->conf.dir_fd, path,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0) {
		want = (uint64_t)st.st_size < max ? (size_t)st.st_size : max;
		n = pread(fd, end - want, want, st.st_size - want);
		if (n != (ssize_t)want) /* it is ours: the disk fails */
			n = 0;
	}
	close(fd);
	return n;
}

size_t console_log_tail(const struct console_log *log, char *to, size_t max)
{
	size_t len = 0, skip = 0;
	const char *line;
	unsigned age;

	for (age = 0; age < log->conf.files && len < max; age++)
		len += read_end(log, age, to + max - len, max - len);
	if (len == max && max) {
		line = memchr(to, '\n', max);
		skip = line ? (size_t)(line + 1 - to) : 0;
	}
	memmove(to, to + max - len + skip, len - skip);
	return len - skip;
}

void console_log_facts(const struct console_log *log,
		       struct console_log_facts *f)
{
	*f = log->facts;
}

/* ---- life --------------------------------------------------------------- */

static bool name_is_valid(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

	return len && !name[len] && len < CONSOLE_LOG_NAME_MAX;
}

int console_log_new(struct console_log **out, const char *name,
		    const struct console_log_conf *conf)
{
	struct console_log *log;

	if (!name_is_valid(name) || conf->file_bytes < FILE_BYTES_MIN ||
	    !conf->files || conf->files > CONSOLE_LOG_FILES_MAX)
		return -EINVAL;
	log = calloc(1, sizeof(*log));
	if (!log)
		return -ENOMEM;
	log->conf = *conf;
	strcpy(log->name, name);
	log->fd = -1;
	log->facts.error = open_current(log);
	*out = log;
	return 0;
}

void console_log_free(struct console_log *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		close(log->fd);
	free(log);
}

/* ---- histories of domains that are gone --------------------------------- */

struct left_over {
	char name[CONSOLE_LOG_NAME_MAX];
	struct timespec written;
};

static int newer_first(const void *a, const void *b)
{
	const struct timespec *x = &((const struct left_over *)a)->written;
	const struct timespec *y = &((const struct left_over *)b)->written;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? 1 : -1;
	return (x->tv_nsec < y->tv_nsec) - (x->tv_nsec > y->tv_nsec);
}

/* "NAME.log" of a valid name to NAME. */
static bool is_history(const char *file, char name[CONSOLE_LOG_NAME_MAX])
{
	size_t len = strlen(file);

	if (len < 5 || len - 4 >= CONSOLE_LOG_NAME_MAX ||
	    strcmp(file + len - 4, ".log"))
		return false;
	memcpy(name, file, len - 4);
	name[len - 4] = '\0';
	return name_is_valid(name);
}

static size_t find_left_overs(DIR *dir, struct left_over *list,
			      bool (*named)(void *, const char *), void *ctx)
{
	struct dirent *de;
	struct stat st;
	size_t n = 0;

	while (n < PRUNE_MAX && (de = readdir(dir))) {
		if (!is_history(de->d_name, list[n].name) ||
		    named(ctx, list[n].name) ||
		    fstatat(dirfd(dir), de->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		list[n++].written = st.st_mtim;
	}
	return n;
}

/* Oldest files first: the last to go is the one by which it is found. */
static void remove_history(int dir_fd, const char *name)
{
	char path[PATH_BYTES];
	unsigned age;

	for (age = CONSOLE_LOG_FILES_MAX; age--;) {
		file_name(name, age, path);
		unlinkat(dir_fd, path, 0);
	}
}

int console_log_prune(int dir_fd, bool (*named)(void *ctx, const char *name),
		      void *ctx)
{
	struct left_over *list = calloc(PRUNE_MAX, sizeof(*list));
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int rc = 0;
	size_t n, i;

	if (!list || !dir) {
		rc = list ? -errno : -ENOMEM;
		goto out;
	}
	n = find_left_overs(dir, list, named, ctx);
	qsort(list, n, sizeof(*list), newer_first);
	for (i = CONSOLE_LOG_KEEP; i < n; i++, rc++)
		remove_history(dir_fd, list[i].name);
out:
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	free(list);
	return rc;
}
