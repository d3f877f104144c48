/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uid_range.c: see uid_range.h.
 *
 * Who runs under which uid is read from every process's status, all four of
 * its uids: only the kernel knows of processes that nobody here remembers.
 * Giving an id out is rare, so reading all of /proc once each time will do.
 */
#include "hypervisor/uid_range.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATUS_BYTES 1024 /* of a process's status, with Uid: among them */

struct uid_range {
	uid_t first;
	uid_t last;
	uid_t next; /* where the next search begins */
	const char *proc;
	unsigned held_count;
	uid_t held[UID_RANGE_HELD_MAX];
};

/* Uids of the range that processes have, sorted. */
struct alive {
	uid_t *uids;
	size_t count, room;
};

int uid_range_new(struct uid_range **out, uid_t first, uid_t last,
		  const char *proc)
{
	struct uid_range *r = calloc(1, sizeof(*r));
	int rc;

	*out = NULL;
	if (!r)
		return -ENOMEM;
	r->proc = proc;
	rc = uid_range_set(r, first, last);
	if (rc) {
		free(r);
		return rc;
	}
	*out = r;
	return 0;
}

void uid_range_free(struct uid_range *r)
{
	free(r);
}

int uid_range_set(struct uid_range *r, uid_t first, uid_t last)
{
	if (!first || last < first || last == (uid_t)-1)
		return -EINVAL;
	r->first = first;
	r->last = last;
	if (r->next < first || r->next > last)
		r->next = first;
	return 0;
}

static bool is_held(const struct uid_range *r, uid_t uid)
{
	unsigned i;

	for (i = 0; i < r->held_count; i++)
		if (r->held[i] == uid)
			return true;
	return false;
}

/* --- processes ------------------------------------------------------------ */

static int alive_add(struct alive *a, uid_t uid)
{
	uid_t *more;

	if (a->count == a->room) {
		a->room = a->room ? 2 * a->room : 64;
		more = reallocarray(a->uids, a->room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		a->uids = more;
	}
	a->uids[a->count++] = uid;
	return 0;
}

static int status_add(const struct uid_range *r, struct alive *a,
		      const char *status)
{
	const char *line = strstr(status, "\nUid:");
	unsigned long uid[4];
	unsigned i;
	int rc = 0;

	if (!line || sscanf(line, "\nUid: %lu %lu %lu %lu", &uid[0], &uid[1],
			    &uid[2], &uid[3]) != 4)
		return -EPROTO;
	for (i = 0; i < 4 && !rc; i++)
		if (uid[i] >= r->first && uid[i] <= r->last)
			rc = alive_add(a, uid[i]);
	return rc;
}

/* A process that has ended since its name was read is no process. */
static int process_add(const struct uid_range *r, struct alive *a, int proc,
		       const char *pid)
{
	char name[300], status[STATUS_BYTES];
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "%s/status", pid);
	fd = openat(proc, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ESRCH ? 0 : -errno;
	n = read(fd, status, sizeof(status) - 1);
	close(fd);
	if (n < 0)
		return errno == ESRCH ? 0 : -errno;
	status[n] = '\0';
	return status_add(r, a, status);
}

static int order_uid(const void *a, const void *b)
{
	uid_t x = *(const uid_t *)a, y = *(const uid_t *)b;

	return (x > y) - (x < y);
}

static int alive_read(const struct uid_range *r, struct alive *a)
{
	DIR *dir = opendir(r->proc);
	struct dirent *e;
	int rc = 0;

	if (!dir)
		return -errno;
	while (!rc && (e = readdir(dir)))
		if (isdigit((unsigned char)e->d_name[0]))
			rc = process_add(r, a, dirfd(dir), e->d_name);
	closedir(dir);
	if (a->count)
		qsort(a->uids, a->count, sizeof(*a->uids), order_uid);
	return rc;
}

static bool is_alive(const struct alive *a, uid_t uid)
{
	return a->count &&
	       bsearch(&uid, a->uids, a->count, sizeof(uid), order_uid);
}

/* --- giving out ----------------------------------------------------------- */

static uid_t after(const struct uid_range *r, uid_t uid)
{
	return uid == r->last ? r->first : uid + 1;
}

/* Why there is none: whom to ask. */
static void put_used_up(const struct uid_range *r, char *text, size_t size)
{
	unsigned long all = (unsigned long)r->last - r->first + 1, held = 0;
	unsigned i;

	for (i = 0; i < r->held_count; i++)
		held += r->held[i] >= r->first && r->held[i] <= r->last;
	snprintf(text, size, "all %lu uids from %u to %u are in use: %lu by "
		 "domains, %lu by other processes", all, r->first, r->last,
		 held, all - held);
}

/* The first free one from `next` on; 0: none. */
static uid_t find_free(const struct uid_range *r, const struct alive *a)
{
	uid_t uid = r->next;

	do {
		if (!is_held(r, uid) && !is_alive(a, uid))
			return uid;
		uid = after(r, uid);
	} while (uid != r->next);
	return 0;
}

int uid_range_take(struct uid_range *r, uid_t *uid, char *text, size_t size)
{
	struct alive a = { .uids = NULL };
	uid_t found = 0;
	int rc = alive_read(r, &a);

	if (!rc)
		found = find_free(r, &a);
	free(a.uids);
	if (rc) {
		snprintf(text, size, "who has which uid cannot be read from "
			 "%s: %s", r->proc, strerror(-rc));
		return rc;
	}
	if (!found) {
		put_used_up(r, text, size);
		return -ENOSPC;
	}
	if (r->held_count == UID_RANGE_HELD_MAX) {
		snprintf(text, size, "%u uids are in use, which is the limit",
			 r->held_count);
		return -ENOSPC;
	}
	r->held[r->held_count++] = found;
	r->next = after(r, found);
	*uid = found;
	return 0;
}

int uid_range_claim(struct uid_range *r, uid_t uid)
{
	if (is_held(r, uid))
		return -EBUSY;
	if (r->held_count == UID_RANGE_HELD_MAX)
		return -ENOSPC;
	r->held[r->held_count++] = uid;
	return 0;
}

void uid_range_give(struct uid_range *r, uid_t uid)
{
	unsigned i;

	for (i = 0; i < r->held_count; i++)
		if (r->held[i] == uid) {
			r->held[i] = r->held[--r->held_count];
			return;
		}
}

unsigned uid_range_held(const struct uid_range *r)
{
	return r->held_count;
}
