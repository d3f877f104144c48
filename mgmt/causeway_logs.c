/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * causeway_logs.c: `logs`.  Under systemd they are the journal's.  Ours are a
 * file a daemon; each line begins with its time, so those of several are put
 * in order by sorting.  A line without a time (an assertion's) belongs to the
 * one before it.
 */
#include "mgmt/causeway.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>

#define TAIL_MAX (1u << 20) /* bytes read of the end of a file */
#define LINES_DEFAULT 50
#define FOLLOW_MS 200

struct log_file {
	int fd; /* -1: there is none */
	off_t at; /* read up to here */
};

struct line {
	const char *text; /* up to its line feed */
	const char *time; /* of the line whose time it has */
	size_t order;	  /* within all that was read: keeps sorting stable */
};

struct lines {
	size_t count, room;
	struct line *line;
};

static bool has_time(const char *line)
{
	return isdigit((unsigned char)line[0]) &&
	       strnlen(line, 25) == 25 && line[10] == 'T' && line[23] == 'Z';
}

/* Control characters may be a guest's doing (its name, its words). */
static void print_line(const char *text)
{
	for (; *text && *text != '\n'; text++)
		putchar((unsigned char)*text >= ' ' || *text == '\t' ? *text :
								       '?');
	putchar('\n');
}

/* --- the end of files ----------------------------------------------------- */

static char *read_tail(struct log_file *f)
{
	struct stat st;
	off_t from;
	char *text;
	ssize_t n;

	if (f->fd < 0 || fstat(f->fd, &st))
		return NULL;
	from = st.st_size > TAIL_MAX ? st.st_size - TAIL_MAX : 0;
	text = malloc(TAIL_MAX + 1);
	n = text ? pread(f->fd, text, TAIL_MAX, from) : -1;
	if (n < 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	f->at = from + n;
	if (from) /* a line that is cut is none */
		memmove(text, text + strcspn(text, "\n"),
			strlen(text) - strcspn(text, "\n") + 1);
	return text;
}

static void add_line(struct lines *all, const char *text, const char *time)
{
	if (all->count == all->room) {
		size_t room = all->room ? all->room * 2 : 1024;
		struct line *more = realloc(all->line, room * sizeof(*more));

		if (!more)
			return; /* the others are better than none */
		all->line = more;
		all->room = room;
	}
	all->line[all->count] = (struct line){ text, time, all->count };
	all->count++;
}

static void add_lines(struct lines *all, const char *text)
{
	const char *time = "";

	while (text && *text) {
		const char *end = strchr(text, '\n');

		if (has_time(text))
			time = text;
		if (*text != '\n')
			add_line(all, text, time);
		text = end ? end + 1 : NULL;
	}
}

static int by_time(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	int rc = strncmp(x->time, y->time, 24);

	return rc ? rc : x->order < y->order ? -1 : 1;
}

static void print_tails(struct log_file files[SITE_DAEMONS], unsigned count)
{
	struct lines all = { 0 };
	char *texts[SITE_DAEMONS];
	size_t i;
	int d;

	for (d = 0; d < SITE_DAEMONS; d++) {
		texts[d] = read_tail(&files[d]);
		add_lines(&all, texts[d]);
	}
	if (all.count)
		qsort(all.line, all.count, sizeof(all.line[0]), by_time);
	for (i = all.count > count ? all.count - count : 0; i < all.count; i++)
		print_line(all.line[i].text);
	for (d = 0; d < SITE_DAEMONS; d++)
		free(texts[d]);
	free(all.line);
}

/* --- following ------------------------------------------------------------ */

/* What has come since; whole lines only. */
static void print_new(struct log_file *f)
{
	char text[16384], *line, *end;
	struct stat st;
	ssize_t n;

	if (f->fd < 0 || fstat(f->fd, &st))
		return;
	if (st.st_size < f->at) /* it was begun anew */
		f->at = 0;
	n = pread(f->fd, text, sizeof(text) - 1, f->at);
	if (n <= 0)
		return;
	text[n] = '\0';
	for (line = text; (end = memchr(line, '\n', text + n - line));
	     line = end + 1)
		print_line(line);
	/* a line that fills all of it is printed in parts */
	if (line == text && n == sizeof(text) - 1) {
		print_line(text);
		line = text + n;
	}
	f->at += line - text;
}

static void follow(struct log_file files[SITE_DAEMONS])
{
	const struct timespec pause = { 0, FOLLOW_MS * 1000000l };

	while (!ferror(stdout)) {
		for (int d = 0; d < SITE_DAEMONS; d++)
			print_new(&files[d]);
		fflush(stdout);
		nanosleep(&pause, NULL);
	}
}

/* --- the journal ---------------------------------------------------------- */

static int journal(const struct cw *cw, enum site_daemon one)
{
	const char *argv[2 * SITE_DAEMONS + 8] = { "journalctl", "--no-pager",
						   "--output=short-iso" };
	char lines[16];
	unsigned n = 3;
	int d;

	snprintf(lines, sizeof(lines), "%u", cw->lines);
	argv[n++] = "--lines";
	argv[n++] = lines;
	if (cw->follow)
		argv[n++] = "--follow";
	for (d = 0; d < SITE_DAEMONS; d++) {
		if (one != SITE_DAEMONS && d != (int)one)
			continue;
		argv[n++] = "--unit";
		argv[n++] = site_daemon_program(d);
	}
	argv[n] = NULL;
	execvp(argv[0], (char *const *)argv);
	return cw_fail(cw, CW_FILE, "journalctl: %s", strerror(errno));
}

int cw_logs(struct cw *cw)
{
	enum site_daemon one = SITE_DAEMONS;
	struct log_file files[SITE_DAEMONS];
	char path[PATH_MAX];
	unsigned found = 0;
	int d;

	if (!cw->lines)
		cw->lines = LINES_DEFAULT;
	if (cw->argc)
		one = site_daemon_find(cw->argv[0]);
	if (cw->argc && one == SITE_DAEMONS)
		return cw_fail(cw, CW_USAGE,
			       "%s: netd, switchd, xenstored, consoled or "
			       "hypervisord", cw->argv[0]);
	if (cw->launch.systemd)
		return journal(cw, one);
	for (d = 0; d < SITE_DAEMONS; d++) {
		files[d] = (struct log_file){ .fd = -1 };
		if (one != SITE_DAEMONS && d != (int)one)
			continue;
		snprintf(path, sizeof(path), "%.4000s/%s.log", cw->paths.log,
			 site_daemon_name(d));
		files[d].fd = open(path, O_RDONLY | O_CLOEXEC);
		found += files[d].fd >= 0;
	}
	if (!found)
		return cw_fail(cw, CW_FILE, "%s: no log%s", cw->paths.log,
			       geteuid() ? " that you may read" : "");
	print_tails(files, cw->lines);
	fflush(stdout);
	if (cw->follow)
		follow(files);
	for (d = 0; d < SITE_DAEMONS; d++)
		if (files[d].fd >= 0)
			close(files[d].fd);
	return CW_DONE;
}
