/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_memory.c: MemAvailable, and what cgroup limits leave of it.
 *
 * Domains' cgroups lie beneath the one that hypervisord is in, or beneath the
 * root; a limit on hypervisord's own holds for them in the first case and is
 * believed in both: a host whose management is limited is a small host.  File
 * pages count as used in a cgroup, so what is free there is less than what
 * there is: on the safe side.
 */
#include "hypervisor/host_memory.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool find_kib(const char *text, const char *key, uint64_t *bytes)
{
	const char *at = strstr(text, key);
	uint64_t kib;

	if (!at || sscanf(at + strlen(key), ": %" SCNu64 " kB", &kib) != 1)
		return false;
	*bytes = kib << 10;
	return true;
}

int host_memory_parse(struct host_memory *m, const char *text)
{
	m->limited = false;
	if (!find_kib(text, "MemTotal", &m->total_bytes) ||
	    !find_kib(text, "MemAvailable", &m->free_bytes))
		return -EINVAL;
	return 0;
}

void host_memory_limit(struct host_memory *m, uint64_t limit, uint64_t used)
{
	uint64_t left = limit > used ? limit - used : 0;

	if (limit < m->total_bytes)
		m->total_bytes = limit;
	if (left >= m->free_bytes)
		return;
	m->free_bytes = left;
	m->limited = true;
}

/* A whole small file; "" if there is none. */
static void read_text(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, size - 1, f) : 0;

	text[n] = '\0';
	if (f)
		fclose(f);
}

static bool read_number(const char *dir, const char *file, uint64_t *value)
{
	char path[PATH_MAX + 128], text[64];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	read_text(path, text, sizeof(text));
	return sscanf(text, "%" SCNu64, value) == 1; /* "max" is none */
}

/* The cgroup we are in and all above it; both kinds of hierarchy. */
static void apply_limits(struct host_memory *m, const char *root,
			 const char *group, const char *limit_file,
			 const char *used_file)
{
	char dir[PATH_MAX + 64];
	uint64_t limit, used;
	char *slash;

	snprintf(dir, sizeof(dir), "%s%s", root, group);
	while (strlen(dir) > strlen(root)) {
		if (read_number(dir, limit_file, &limit) &&
		    read_number(dir, used_file, &used))
			host_memory_limit(m, limit, used);
		slash = strrchr(dir, '/');
		*slash = '\0';
	}
}

static void apply_cgroups(struct host_memory *m)
{
	char text[4096], *line, *save = NULL;

	read_text("/proc/self/cgroup", text, sizeof(text));
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(line, "0::", 3))
			apply_limits(m, "/sys/fs/cgroup", line + 3,
				     "memory.max", "memory.current");
		else if (strstr(line, ":memory:"))
			apply_limits(m, "/sys/fs/cgroup/memory",
				     strstr(line, ":memory:") + 8,
				     "memory.limit_in_bytes",
				     "memory.usage_in_bytes");
	}
}

int host_memory_read(struct host_memory *m)
{
	char text[8192];
	int rc;

	read_text("/proc/meminfo", text, sizeof(text));
	rc = host_memory_parse(m, text);
	if (!rc)
		apply_cgroups(m);
	return rc;
}
