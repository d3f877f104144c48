/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.c: a line is put together in a buffer on the stack and leaves in one
 * write(2), so lines of several threads never mix and nothing is allocated.
 *
 * The limiter is a small table, hashed by (call site, key), each slot holding
 * the time until which that pair stays silent.  A pair that finds its slots
 * taken by others still silent takes over the oldest: a flood of keys costs
 * some repetition in the log, never memory.
 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_SLOTS 256
#define LIMIT_PROBES 4

struct limit {
	const void *site;
	uint64_t key;
	uint64_t silent_until_ms;
	unsigned held;
};

static struct {
	const char *name;
	enum log_level max;
	bool journal;
	bool stamped;
	void (*sink)(const char *line);
	uint64_t (*now_ms)(void);
	pthread_mutex_t lock; /* of slots */
	struct limit slots[LIMIT_SLOTS];
} log_state = {
	.name = "causeway",
	.max = LOG_LEVEL_INFO,
	.lock = PTHREAD_MUTEX_INITIALIZER,
};

static const struct {
	const char *word;
	enum log_level level;
} levels[] = {
	{ "err", LOG_LEVEL_ERR },
	{ "warn", LOG_LEVEL_WARN },
	{ "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },
};

static const char *level_word(enum log_level level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (levels[i].level == level)
			return levels[i].word;
	return "?";
}

void log_init(const char *name, enum log_level max)
{
	log_state.name = name;
	log_state.max = max;
	log_state.journal = getenv("JOURNAL_STREAM") && !isatty(STDERR_FILENO);
	log_state.stamped = getenv("CAUSEWAY_LOG_TIME") && !log_state.journal;
	if (log_state.stamped)
		tzset(); /* gmtime_r() would read its file in the jail */
}

int log_parse_level(const char *word, enum log_level *level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(levels[i].word, word))
			continue;
		*level = levels[i].level;
		return 0;
	}
	return -EINVAL;
}

enum log_level log_level(void)
{
	return log_state.max;
}

/* Copies text, control characters as \xNN, up to room - 1 bytes. */
static size_t copy_printable(char *to, size_t room, const char *text)
{
	size_t n = 0;

	for (; *text && n + 5 < room; text++) {
		unsigned char c = *text;

		if (c >= 0x20 && c != 0x7f)
			to[n++] = c;
		else
			n += snprintf(to + n, room - n, "\\x%02x", c);
	}
	to[n] = '\0';
	return n;
}

/* "2026-11-22T23:35:33.123Z ": sorts as text, whoever wrote it. */
static size_t put_time(char *to, size_t room)
{
	struct timespec ts;
	struct tm tm;
	size_t n;

	if (!log_state.stamped)
		return 0;
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(to, room, "%Y-%m-%dT%H:%M:%S", &tm);
	return n + snprintf(to + n, room - n, ".%03ldZ ",
			    ts.tv_nsec / 1000000);
}

static void emit(enum log_level level, const char *text)
{
	char line[LOG_LINE_MAX + 128];
	size_t n = put_time(line, 64);
	ssize_t unused;

	if (log_state.journal)
		n = snprintf(line, 64, "<%d>", level);
	else
		n += snprintf(line + n, 64, "%.40s: %s: ", log_state.name,
			      level_word(level));
	n += copy_printable(line + n, sizeof(line) - 1 - n, text);
	if (log_state.sink) {
		log_state.sink(line);
		return;
	}
	line[n++] = '\n';
	unused = write(STDERR_FILENO, line, n);
	(void)unused; /* nowhere to complain */
}

static void format_line(char text[LOG_LINE_MAX], const char *fmt, va_list ap)
{
	int n = vsnprintf(text, LOG_LINE_MAX, fmt, ap);

	if (n >= LOG_LINE_MAX)
		memcpy(text + LOG_LINE_MAX - 4, "...", 4);
	if (n < 0)
		text[0] = '\0';
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char text[LOG_LINE_MAX];
	va_list ap;

	if (level > log_state.max)
		return;
	va_start(ap, fmt);
	format_line(text, fmt, ap);
	va_end(ap);
	emit(level, text);
}

void log_write_held(enum log_level level, unsigned held, const char *fmt, ...)
{
	char text[LOG_LINE_MAX], more[LOG_LINE_MAX];
	va_list ap;

	if (level > log_state.max)
		return;
	va_start(ap, fmt);
	format_line(text, fmt, ap);
	va_end(ap);
	if (held)
		snprintf(more, sizeof(more), "%.960s (%u more like this)", text,
			 held);
	emit(level, held ? more : text);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	if (log_state.now_ms)
		return log_state.now_ms();
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The pair's slot, or the one whose silence ends first. */
static struct limit *find_slot(const void *site, uint64_t key)
{
	uint64_t h = ((uintptr_t)site ^ key * 0x9e3779b97f4a7c15ull) *
		     0xbf58476d1ce4e5b9ull;
	struct limit *best = NULL;

	for (unsigned i = 0; i < LIMIT_PROBES; i++) {
		struct limit *l =
			&log_state.slots[((h >> 32) + i) % LIMIT_SLOTS];

		if (l->site == site && l->key == key)
			return l;
		if (!best || l->silent_until_ms < best->silent_until_ms)
			best = l;
	}
	*best = (struct limit){ .site = site, .key = key };
	return best;
}

bool log_allow(const void *site, uint64_t key, unsigned *held)
{
	uint64_t now = now_ms();
	struct limit *l;
	bool allowed;

	pthread_mutex_lock(&log_state.lock);
	l = find_slot(site, key);
	allowed = now >= l->silent_until_ms;
	if (allowed) {
		*held = l->held;
		l->held = 0;
		l->silent_until_ms = now + LOG_LIMIT_MS;
	} else {
		l->held++;
	}
	pthread_mutex_unlock(&log_state.lock);
	return allowed;
}

void log_test_hooks(void (*sink)(const char *line), uint64_t (*clock_ms)(void))
{
	log_state.sink = sink;
	log_state.now_ms = clock_ms;
}
