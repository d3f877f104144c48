/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail_cgroup_parse.c: the texts of /proc that say where cgroups are, and the
 * values that go into their files.  Pure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/jail.h"
#include "hypervisor/jail_cgroup.h"

#define PERIOD_US 100000 /* the kernel's default */
#define FIELDS_MAX 64	 /* of a line of mountinfo */

static const char *const names[JAIL_CONTROLLERS] = {
	[JAIL_MEMORY] = "memory",
	[JAIL_CPU] = "cpu",
	[JAIL_PIDS] = "pids",
	[JAIL_CPUACCT] = "cpuacct",
};

/* Is `word` one of the comma-separated words of list? */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += len) {
		if ((p == list || p[-1] == ',') &&
		    (p[len] == ',' || !p[len]))
			return true;
	}
	return false;
}

/* Next line of *text into line, cut to size; false at the end. */
static bool next_line(const char **text, char *line, size_t size)
{
	size_t len = strcspn(*text, "\n");
	size_t kept = len < size ? len : size - 1;

	if (!**text)
		return false;
	memcpy(line, *text, kept);
	line[kept] = '\0';
	*text += len + ((*text)[len] == '\n');
	return true;
}

/* mountinfo writes blanks as \040 and so on. */
static void unescape(char *text)
{
	char *to = text;

	for (char *p = text; *p; p++) {
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] &&
		    p[3]) {
			*to++ = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 +
				       p[3] - '0');
			p += 3;
		} else {
			*to++ = *p;
		}
	}
	*to = '\0';
}

/*
 * The cgroup's path as /proc/self/cgroup has it is one of the whole
 * hierarchy; the mount may show a part of it only, from `shown` on.  If we
 * are not in that part (a cgroup namespace), its top is as near as we get.
 */
static void own_folder(struct jail_hierarchy *h, const char *shown,
		       const char *path)
{
	size_t len = strcmp(shown, "/") ? strlen(shown) : 0;

	if (strncmp(path, shown, len) || (path[len] && path[len] != '/') ||
	    !strncmp(path, "/..", 3))
		path = "";
	else
		path += len;
	if (!strcmp(path, "/"))
		path = "";
	if ((size_t)snprintf(h->own, sizeof(h->own), "%s%s", h->root, path) >=
	    sizeof(h->own))
		h->found = false;
}

/*
 * The path of the cgroup we are in; `controller` NULL: in the v2 hierarchy.
 * Lines are ID:CONTROLLER,CONTROLLER:PATH, v2's is 0::PATH.
 */
static bool own_path(const char *cgroup, const char *controller, char *path,
		     size_t size)
{
	char line[JAIL_CGROUP_PATH_MAX];

	while (next_line(&cgroup, line, sizeof(line))) {
		char *list = strchr(line, ':');
		char *tail = list ? strchr(++list, ':') : NULL;

		if (!tail)
			continue;
		*tail++ = '\0';
		if (controller ? !has_word(list, controller) : *list != '\0')
			continue;
		return (size_t)snprintf(path, size, "%s", tail) < size;
	}
	return false;
}

struct mount {
	const char *shown; /* which part of the file system */
	char *where;
	bool v2;
	const char *options;
};

/* ID PARENT DEVICE ROOT WHERE OPTIONS [TAG...] - TYPE SOURCE OPTIONS */
static bool cgroup_mount(char *line, struct mount *m)
{
	char *field[FIELDS_MAX];
	unsigned n = 0, dash = 6;
	char *save = NULL;

	for (char *p = strtok_r(line, " ", &save); p && n < FIELDS_MAX;
	     p = strtok_r(NULL, " ", &save))
		field[n++] = p;
	while (dash < n && strcmp(field[dash], "-"))
		dash++;
	if (dash + 3 >= n || strncmp(field[dash + 1], "cgroup", 6))
		return false;
	m->shown = field[3];
	m->where = field[4];
	m->v2 = !strcmp(field[dash + 1], "cgroup2");
	m->options = field[dash + 3];
	unescape(m->where);
	unescape(field[3]);
	return m->v2 || !strcmp(field[dash + 1], "cgroup");
}

/* The first mount of a hierarchy counts; v1 goes before v2. */
static void note(struct jail_hierarchy *h, const struct mount *m,
		 const char *controller, const char *cgroup)
{
	char path[JAIL_CGROUP_PATH_MAX];

	if (h->found && (m->v2 || !h->v2))
		return;
	if (!m->v2 && !has_word(m->options, controller))
		return;
	if (!own_path(cgroup, m->v2 ? NULL : controller, path, sizeof(path)))
		return;
	if ((size_t)snprintf(h->root, sizeof(h->root), "%s", m->where) >=
	    sizeof(h->root))
		return;
	h->found = true;
	h->v2 = m->v2;
	own_folder(h, m->shown, path);
}

void jail_hierarchies_parse(struct jail_hierarchy out[JAIL_CONTROLLERS],
			    const char *mountinfo, const char *cgroup)
{
	char line[2048];
	struct mount m;

	memset(out, 0, sizeof(out[0]) * JAIL_CONTROLLERS);
	while (next_line(&mountinfo, line, sizeof(line))) {
		if (!cgroup_mount(line, &m))
			continue;
		for (unsigned c = 0; c < JAIL_CONTROLLERS; c++)
			note(&out[c], &m, names[c], cgroup);
	}
}

/* --- values --------------------------------------------------------------- */

struct list {
	struct jail_value *values;
	unsigned count;
};

static void add(struct list *l, const char *file, bool optional,
		const char *none, uint64_t number)
{
	struct jail_value *v = &l->values[l->count++];

	v->file = file;
	v->optional = optional;
	if (none && !number)
		snprintf(v->text, sizeof(v->text), "%s", none);
	else
		snprintf(v->text, sizeof(v->text), "%llu",
			 (unsigned long long)number);
}

/*
 * v1 refuses a memory limit above the one of memory and swap together, and
 * that one below the first: so the second goes first, in case the limit is
 * raised, and last, in case it is lowered.
 */
static void memory_v1(struct list *l, uint64_t bytes)
{
	add(l, "memory.memsw.limit_in_bytes", true, "-1", bytes);
	add(l, "memory.limit_in_bytes", false, "-1", bytes);
	add(l, "memory.memsw.limit_in_bytes", true, "-1", bytes);
	add(l, "memory.swappiness", true, NULL, 0);
}

static void memory_v2(struct list *l, uint64_t bytes)
{
	add(l, "memory.max", false, "max", bytes);
	add(l, "memory.swap.max", true, NULL, 0);
	add(l, "memory.oom.group", true, NULL, 1);
}

/* v2's weights are 1 to 10000 about 100, v1's shares are about 1024. */
static void cpu_v1(struct list *l, unsigned weight, unsigned percent)
{
	uint64_t shares = (uint64_t)weight * 1024 / 100;

	add(l, "cpu.shares", false, NULL, shares < 2 ? 2 : shares);
	add(l, "cpu.cfs_period_us", false, NULL, PERIOD_US);
	add(l, "cpu.cfs_quota_us", false, "-1",
	    (uint64_t)percent * PERIOD_US / 100);
}

static void cpu_v2(struct list *l, unsigned weight, unsigned percent)
{
	struct jail_value *v;

	add(l, "cpu.weight", false, NULL, weight);
	add(l, "cpu.max", false, NULL, 0);
	v = &l->values[l->count - 1];
	if (percent)
		snprintf(v->text, sizeof(v->text), "%llu %d",
			 (unsigned long long)percent * PERIOD_US / 100,
			 PERIOD_US);
	else
		snprintf(v->text, sizeof(v->text), "max %d", PERIOD_US);
}

unsigned jail_values(struct jail_value out[JAIL_VALUES_MAX],
		     enum jail_controller controller, bool v2,
		     const struct jail_limits *limits)
{
	struct list l = { .values = out };
	unsigned weight = limits->cpu_weight ? limits->cpu_weight : 100;

	if (controller == JAIL_MEMORY && v2)
		memory_v2(&l, limits->memory_bytes);
	else if (controller == JAIL_MEMORY)
		memory_v1(&l, limits->memory_bytes);
	else if (controller == JAIL_CPU && v2)
		cpu_v2(&l, weight, limits->cpu_percent);
	else if (controller == JAIL_CPU)
		cpu_v1(&l, weight, limits->cpu_percent);
	else if (controller == JAIL_PIDS)
		add(&l, "pids.max", false, "max", limits->pids);
	return l.count;
}

bool jail_field(const char *text, const char *key, uint64_t *value)
{
	size_t len = strlen(key);

	for (const char *p = text; p && *p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, key, len) || p[len] != ' ')
			continue;
		*value = strtoull(p + len + 1, NULL, 10);
		return true;
	}
	return false;
}
