/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * accounting.c: see accounting.h.
 *
 * Where a number is depends on the host: cgroup v2 has all in one folder, v1
 * has a hierarchy for each controller, and hosts mix them.  accounting_new()
 * finds for each controller its mount; accounting_attach() finds the
 * process's folder in it.  A folder that is the root's, or ours too, counts
 * others' work: then the number is taken from /proc, which knows this one
 * process, and for a domain that is all.
 */
#include "hypervisor/accounting.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#define TEXT_MAX 8192	   /* of a file that is read */
#define RESCAN_SAMPLES 12  /* threads are looked for anew */
#define THREADS_MAX 512	   /* looked at */
#define NO_LIMIT (UINT64_C(1) << 60)

enum controller { CPU, CPUACCT, MEMORY, BLKIO, CONTROLLERS };

static const char *const controller_names[] = { "cpu", "cpuacct", "memory",
						"blkio" };

struct hierarchy {
	bool v2;
	char mount[PATH_MAX]; /* "": none */
	char root[PATH_MAX];  /* which of its folders is mounted there */
	char own[PATH_MAX];   /* which one we are in */
};

struct accounting {
	char root[PATH_MAX];
	struct hierarchy h[CONTROLLERS]; /* v2: the same for all */
	uint64_t tick_ns;
	uint64_t page_bytes;
};

struct thread {
	pid_t tid;
	unsigned vcpu;
};

struct accounting_domain {
	const struct accounting *a;
	pid_t pid;
	uint64_t start_time;
	char dir[CONTROLLERS][PATH_MAX]; /* "": use /proc */
	bool v2[CONTROLLERS];
	unsigned samples;
	unsigned thread_count;
	struct thread threads[ACCOUNTING_VCPUS_MAX];
	struct accounting_sample last;
};

/* ---- small files -------------------------------------------------------- */

/* A text with a NUL: its length or -errno. */
static ssize_t read_path(const char *path, char text[TEXT_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, TEXT_MAX - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n >= 0)
		text[n] = '\0';
	return n;
}

__attribute__((format(printf, 2, 3))) static ssize_t
read_file(char text[TEXT_MAX], const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return n < (int)sizeof(path) ? read_path(path, text) : -ENAMETOOLONG;
}

/* The number after `key` and a blank at the beginning of a line; or 0. */
static uint64_t value_of(const char *text, const char *key)
{
	size_t len = strlen(key);

	while (text) {
		if (!strncmp(text, key, len) &&
		    (text[len] == ' ' || text[len] == ':'))
			return strtoull(text + len + 1, NULL, 10);
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return 0;
}

/* A file of a controller's folder that holds one number; 0: none, "max". */
static uint64_t number_in(const struct accounting_domain *d, enum controller c,
			  const char *file)
{
	char text[TEXT_MAX];

	if (read_file(text, "%s/%s", d->dir[c], file) < 0)
		return 0;
	return strtoull(text, NULL, 10);
}

/* ---- where things are --------------------------------------------------- */

/* Is `word` one of the comma-separated words? */
static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	while (*words) {
		size_t n = strcspn(words, ", \n");

		if (n == len && !strncmp(words, word, n))
			return true;
		words += n;
		if (*words != ',')
			return false;
		words++;
	}
	return false;
}

static void take_mount(struct hierarchy *h, bool v2, const char *root,
		       const char *mount)
{
	if (h->mount[0])
		return;
	h->v2 = v2;
	snprintf(h->root, sizeof(h->root), "%s", strcmp(root, "/") ? root : "");
	snprintf(h->mount, sizeof(h->mount), "%s", mount);
}

/* A line of proc(5)'s mountinfo. */
static void read_mount(struct accounting *a, char *line, bool want_v2)
{
	char root[PATH_MAX], mount[PATH_MAX], type[32], options[256];
	char *dash = strstr(line, " - ");
	int i;

	if (!dash || sscanf(line, "%*s %*s %*s %4095s %4095s", root,
			    mount) != 2 ||
	    sscanf(dash + 3, "%31s %*s %255s", type, options) != 2)
		return;
	if (want_v2 && !strcmp(type, "cgroup2"))
		for (i = 0; i < CONTROLLERS; i++)
			take_mount(&a->h[i], true, root, mount);
	if (!want_v2 && !strcmp(type, "cgroup"))
		for (i = 0; i < CONTROLLERS; i++)
			if (has_word(options, controller_names[i]))
				take_mount(&a->h[i], false, root, mount);
}

/* v1 first: a controller that it has is not in v2. */
static int find_mounts(struct accounting *a, bool v2)
{
	char path[PATH_MAX + 32];
	char *line = NULL;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/self/mountinfo", a->root);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (getline(&line, &size, f) > 0)
		read_mount(a, line, v2);
	free(line);
	fclose(f);
	return 0;
}

/* Is a line "N:WORDS:PATH" of /proc/PID/cgroup that of this hierarchy? */
static bool is_line_of(const char *line, const struct hierarchy *h,
		       enum controller c)
{
	char words[128];

	if (h->v2)
		return !strncmp(line, "0::", 3);
	return sscanf(line, "%*u:%127[^:\n]", words) == 1 &&
	       has_word(words, controller_names[c]);
}

static bool find_folder(const char *text, const struct hierarchy *h,
			enum controller c, char path[PATH_MAX])
{
	const char *line = text;

	while (*line) {
		size_t len = strcspn(line, "\n");
		const char *folder = strchr(line, ':');

		folder = folder ? strchr(folder + 1, ':') : NULL;
		if (folder && folder < line + len && is_line_of(line, h, c)) {
			snprintf(path, PATH_MAX, "%.*s",
				 (int)(line + len - folder - 1), folder + 1);
			return true;
		}
		line += len + (line[len] == '\n');
	}
	return false;
}

static void find_own(struct accounting *a)
{
	char text[TEXT_MAX];
	int i;

	if (read_file(text, "%s/proc/self/cgroup", a->root) < 0)
		return;
	for (i = 0; i < CONTROLLERS; i++)
		find_folder(text, &a->h[i], i, a->h[i].own);
}

int accounting_new(struct accounting **out, const char *root)
{
	struct accounting *a = calloc(1, sizeof(*a));
	int rc;

	if (!a)
		return -ENOMEM;
	snprintf(a->root, sizeof(a->root), "%s", root);
	a->tick_ns = UINT64_C(1000000000) / sysconf(_SC_CLK_TCK);
	a->page_bytes = sysconf(_SC_PAGESIZE);
	rc = find_mounts(a, false);
	if (!rc)
		rc = find_mounts(a, true);
	if (rc) {
		free(a);
		return rc;
	}
	find_own(a);
	*out = a;
	return 0;
}

void accounting_free(struct accounting *a)
{
	free(a);
}

/* ---- one process -------------------------------------------------------- */

/* What proc(5)'s stat says, as far as it is wanted here. */
struct stat_text {
	uint64_t cpu_ticks, start_time, pages;
};

static bool parse_stat(const char *text, struct stat_text *st)
{
	const char *p = strrchr(text, ')'); /* the name may hold anything */
	unsigned long long user, system, start;
	long pages;

	if (!p || sscanf(p + 1,
			 " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu "
			 "%llu %*d %*d %*d %*d %*d %*d %llu %*u %ld",
			 &user, &system, &start, &pages) != 4)
		return false;
	*st = (struct stat_text){ user + system, start,
				  pages > 0 ? (uint64_t)pages : 0 };
	return true;
}

/* 0, or -ESRCH: it is gone, and the pid perhaps another's. */
static int read_stat(const struct accounting_domain *d, struct stat_text *st)
{
	char text[TEXT_MAX];

	if (read_file(text, "%s/proc/%d/stat", d->a->root, (int)d->pid) < 0 ||
	    !parse_stat(text, st) || st->start_time != d->start_time)
		return -ESRCH;
	return 0;
}

/*
 * Its folder below the mount; "" when it counts others too.  A process in a
 * folder that is not below what is mounted shows as "/.." and the like.
 */
static void find_dir(struct accounting_domain *d, const char *text,
		     enum controller c)
{
	const struct hierarchy *h = &d->a->h[c];
	size_t len = strlen(h->root);
	char folder[PATH_MAX];

	d->v2[c] = h->v2;
	if (!h->mount[0] || !find_folder(text, h, c, folder) ||
	    !strcmp(folder, "/") || !strcmp(folder, h->own) ||
	    strstr(folder, ".."))
		return;
	if (strncmp(folder, h->root, len) || (len && folder[len] != '/'))
		len = 0;
	if (snprintf(d->dir[c], PATH_MAX, "%s%s%s", d->a->root, h->mount,
		     folder + len) >= PATH_MAX)
		d->dir[c][0] = '\0';
}

/* v2 shows no memory.current where that controller is not enabled. */
static void check_dir(struct accounting_domain *d, enum controller c,
		      const char *v1_file, const char *v2_file)
{
	char path[PATH_MAX];

	if (d->dir[c][0] &&
	    (snprintf(path, sizeof(path), "%s/%s", d->dir[c],
		      d->v2[c] ? v2_file : v1_file) >= (int)sizeof(path) ||
	     access(path, R_OK)))
		d->dir[c][0] = '\0';
}

int accounting_attach(struct accounting_domain **out,
		      const struct accounting *a, pid_t pid,
		      uint64_t start_time)
{
	struct accounting_domain *d = calloc(1, sizeof(*d));
	struct stat_text st;
	char text[TEXT_MAX];
	int i;

	if (!d)
		return -ENOMEM;
	d->a = a;
	d->pid = pid;
	d->start_time = start_time;
	if (read_stat(d, &st)) {
		free(d);
		return -ESRCH;
	}
	if (read_file(text, "%s/proc/%d/cgroup", a->root, (int)pid) > 0)
		for (i = 0; i < CONTROLLERS; i++)
			find_dir(d, text, i);
	check_dir(d, CPU, "cpu.stat", "cpu.stat");
	check_dir(d, CPUACCT, "cpuacct.usage", "cpu.stat");
	check_dir(d, MEMORY, "memory.usage_in_bytes", "memory.current");
	check_dir(d, BLKIO, "blkio.throttle.io_service_bytes", "io.stat");
	*out = d;
	return 0;
}

void accounting_detach(struct accounting_domain *d)
{
	free(d);
}

/* ---- a sample ----------------------------------------------------------- */

static void sample_cpu(const struct accounting_domain *d,
		       const struct stat_text *st, struct accounting_sample *s)
{
	char text[TEXT_MAX] = "";
	uint64_t ns = st->cpu_ticks * d->a->tick_ns;

	if (d->dir[CPU][0])
		read_file(text, "%s/cpu.stat", d->dir[CPU]);
	s->throttled_ns = d->v2[CPU] ? value_of(text, "throttled_usec") * 1000
				     : value_of(text, "throttled_time");
	if (d->dir[CPUACCT][0])
		ns = d->v2[CPUACCT] ? value_of(text, "usage_usec") * 1000
				    : number_in(d, CPUACCT, "cpuacct.usage");
	s->cpu_ns = ns;
}

static uint64_t limit_of(uint64_t bytes)
{
	return bytes < NO_LIMIT ? bytes : 0;
}

static void sample_memory(const struct accounting_domain *d,
			  const struct stat_text *st,
			  struct accounting_sample *s)
{
	bool v2 = d->v2[MEMORY];
	char text[TEXT_MAX] = "";

	if (!d->dir[MEMORY][0]) {
		s->memory_bytes = st->pages * d->a->page_bytes;
		return;
	}
	s->memory_bytes = number_in(d, MEMORY, v2 ? "memory.current"
						  : "memory.usage_in_bytes");
	s->memory_peak_bytes = number_in(d, MEMORY,
					 v2 ? "memory.peak"
					    : "memory.max_usage_in_bytes");
	s->memory_limit_bytes = limit_of(number_in(
		d, MEMORY, v2 ? "memory.max" : "memory.limit_in_bytes"));
	read_file(text, "%s/%s", d->dir[MEMORY],
		  v2 ? "memory.events" : "memory.oom_control");
	s->oom_kills = value_of(text, "oom_kill");
}

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 ..." of each device. */
static void sum_io_stat(const char *text, struct accounting_sample *s)
{
	static const char *const keys[] = { "rbytes=", "wbytes=", "rios=",
					    "wios=" };
	uint64_t *const to[] = { &s->read_bytes, &s->write_bytes, &s->reads,
				 &s->writes };
	const char *p;
	int i;

	for (i = 0; i < 4; i++)
		for (p = text; (p = strstr(p, keys[i]));)
			if (p > text && p[-1] == ' ')
				*to[i] += strtoull(p += strlen(keys[i]), NULL,
						   10);
			else
				p++;
}

/* "8:0 Read 1", "8:0 Write 2", ..., "Total 3". */
static void sum_blkio(const char *text, uint64_t *reads, uint64_t *writes)
{
	const char *line = text;
	unsigned long long n;
	char what[16];

	while (line) {
		if (sscanf(line, "%*u:%*u %15s %llu", what, &n) == 2) {
			*reads += strcmp(what, "Read") ? 0 : n;
			*writes += strcmp(what, "Write") ? 0 : n;
		}
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
}

static void sample_block(const struct accounting_domain *d,
			 struct accounting_sample *s)
{
	const char *dir = d->dir[BLKIO];
	char text[TEXT_MAX];

	if (!dir[0]) {
		if (read_file(text, "%s/proc/%d/io", d->a->root,
			      (int)d->pid) > 0) {
			s->read_bytes = value_of(text, "read_bytes");
			s->write_bytes = value_of(text, "write_bytes");
		}
	} else if (d->v2[BLKIO]) {
		if (read_file(text, "%s/io.stat", dir) > 0)
			sum_io_stat(text, s);
	} else {
		if (read_file(text, "%s/blkio.throttle.io_service_bytes",
			      dir) > 0)
			sum_blkio(text, &s->read_bytes, &s->write_bytes);
		if (read_file(text, "%s/blkio.throttle.io_serviced", dir) > 0)
			sum_blkio(text, &s->reads, &s->writes);
	}
}

/* "CPU 3/KVM\n", "CPU 0/TCG\n": its number, or -1. */
static int vcpu_of(const char *name)
{
	unsigned n;
	char rest;

	if (sscanf(name, "CPU %3u%c", &n, &rest) != 2 || rest != '/' ||
	    n >= ACCOUNTING_VCPUS_MAX)
		return -1;
	return (int)n;
}

static void scan_threads(struct accounting_domain *d)
{
	char path[PATH_MAX + 32], text[TEXT_MAX];
	struct dirent *de;
	unsigned seen = 0;
	DIR *dir;

	d->thread_count = 0;
	snprintf(path, sizeof(path), "%s/proc/%d/task", d->a->root,
		 (int)d->pid);
	dir = opendir(path);
	while (dir && seen++ < THREADS_MAX &&
	       d->thread_count < ACCOUNTING_VCPUS_MAX && (de = readdir(dir))) {
		int vcpu;

		if (!isdigit((unsigned char)de->d_name[0]) ||
		    read_file(text, "%s/%.16s/comm", path, de->d_name) < 0)
			continue;
		vcpu = vcpu_of(text);
		if (vcpu >= 0)
			d->threads[d->thread_count++] = (struct thread){
				atoi(de->d_name), vcpu
			};
	}
	if (dir)
		closedir(dir);
}

/* Time on a CPU: exact where the kernel keeps it, else in ticks. */
static bool thread_ns(const struct accounting_domain *d, pid_t tid,
		      uint64_t *ns)
{
	char text[TEXT_MAX];
	struct stat_text st;

	if (read_file(text, "%s/proc/%d/task/%d/schedstat", d->a->root,
		      (int)d->pid, (int)tid) > 0) {
		*ns = strtoull(text, NULL, 10);
		return true;
	}
	if (read_file(text, "%s/proc/%d/task/%d/stat", d->a->root, (int)d->pid,
		      (int)tid) < 0 || !parse_stat(text, &st))
		return false;
	*ns = st.cpu_ticks * d->a->tick_ns;
	return true;
}

static bool read_threads(const struct accounting_domain *d,
			 struct accounting_sample *s)
{
	unsigned i;

	memset(s->vcpu_ns, 0, sizeof(s->vcpu_ns));
	s->vcpu_count = 0;
	for (i = 0; i < d->thread_count; i++) {
		unsigned vcpu = d->threads[i].vcpu;

		if (!thread_ns(d, d->threads[i].tid, &s->vcpu_ns[vcpu]))
			return false;
		if (vcpu >= s->vcpu_count)
			s->vcpu_count = vcpu + 1;
	}
	return true;
}

static void sample_threads(struct accounting_domain *d,
			   struct accounting_sample *s)
{
	if (d->samples % RESCAN_SAMPLES == 0)
		scan_threads(d);
	if (read_threads(d, s))
		return;
	scan_threads(d); /* one has gone */
	read_threads(d, s);
}

static double share_since(const struct accounting_sample *last,
			  const struct accounting_sample *s)
{
	if (!last->at_ns || s->at_ns <= last->at_ns ||
	    s->cpu_ns < last->cpu_ns)
		return 0;
	return (double)(s->cpu_ns - last->cpu_ns) /
	       (double)(s->at_ns - last->at_ns);
}

int accounting_sample(struct accounting_domain *d, uint64_t boot_ns,
		      struct accounting_sample *s)
{
	struct stat_text st;
	uint64_t started;

	if (read_stat(d, &st))
		return -ESRCH;
	memset(s, 0, sizeof(*s));
	s->at_ns = boot_ns;
	started = st.start_time * d->a->tick_ns;
	s->runtime_ms = boot_ns > started ? (boot_ns - started) / 1000000 : 0;
	sample_cpu(d, &st, s);
	sample_memory(d, &st, s);
	sample_block(d, s);
	sample_threads(d, s);
	s->cpu_share = share_since(&d->last, s);
	d->samples++;
	d->last = *s;
	return 0;
}

json_t *accounting_json(const struct accounting_sample *s)
{
	json_t *vcpus = json_array();
	unsigned i;

	for (i = 0; i < s->vcpu_count; i++)
		json_array_append_new(vcpus,
				      json_integer((json_int_t)s->vcpu_ns[i]));
	return json_pack(
		"{s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:o}",
		"runtime_ms", (json_int_t)s->runtime_ms, "cpu_ns",
		(json_int_t)s->cpu_ns, "throttled_ns",
		(json_int_t)s->throttled_ns, "cpu_share", s->cpu_share,
		"memory_bytes", (json_int_t)s->memory_bytes,
		"memory_peak_bytes", (json_int_t)s->memory_peak_bytes,
		"memory_limit_bytes", (json_int_t)s->memory_limit_bytes,
		"oom_kills", (json_int_t)s->oom_kills, "read_bytes",
		(json_int_t)s->read_bytes, "write_bytes",
		(json_int_t)s->write_bytes, "reads", (json_int_t)s->reads,
		"writes", (json_int_t)s->writes, "vcpu_ns", vcpus);
}
