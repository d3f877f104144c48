/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.h: one line a call to standard error.
 *
 * For control threads only: every call is a system call and may block.  Data
 * path threads count instead.  Any control thread may call anything here.
 *
 * Lines carry "<N>" in front (sd-daemon(3)) when standard error is the
 * journal, else the program's name and the level; before them the time (UTC)
 * when CAUSEWAY_LOG_TIME is in the environment of log_init().  Control
 * characters, which a guest may have put into a name, are printed as \xNN: one
 * call is one line.
 */
#ifndef CAUSEWAY_LOG_H
#define CAUSEWAY_LOG_H

#include <stdbool.h>
#include <stdint.h>

/* syslog(3)'s numbers, so that the journal understands them. */
enum log_level {
	LOG_LEVEL_ERR = 3,
	LOG_LEVEL_WARN = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

#define LOG_LINE_MAX 1024	/* longer lines end in "..." */
#define LOG_LIMIT_MS 5000	/* log_limited(): one line a key in this time */

/* Name lines after `name` (kept, not copied); print `max` and graver. */
void log_init(const char *name, enum log_level max);
/* "err", "warn", "info", "debug" to a level: 0 or -EINVAL. */
int log_parse_level(const char *word, enum log_level *level);
enum log_level log_level(void);

#define log_err(...) log_write(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * At most one line each LOG_LIMIT_MS for this call site and `key` (a port's
 * id, a uid; 0 if the site alone is enough).  The next line that passes says
 * how many were held back.
 */
#define log_limited(level, key, ...)                                          \
	do {                                                                  \
		static const char log_site_;                                  \
		unsigned log_held_;                                           \
		if (log_allow(&log_site_, (key), &log_held_))                 \
			log_write_held((level), log_held_, __VA_ARGS__);      \
	} while (0)

void log_write(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void log_write_held(enum log_level level, unsigned held, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* May (site, key) speak now?  *held: lines refused since it last could. */
bool log_allow(const void *site, uint64_t key, unsigned *held);

/* For tests: take lines and the clock (milliseconds); NULL restores. */
void log_test_hooks(void (*sink)(const char *line), uint64_t (*now_ms)(void));

#endif
