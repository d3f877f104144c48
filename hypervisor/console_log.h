/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * console_log.h: a domain's console history on disk: raw bytes in a bounded
 * number of files of bounded size, NAME.log and older NAME.log.1, .2, ...
 *
 * Writing never fails for the caller: what the disk does not take is counted,
 * and a line says so when it takes something again.  Nothing is synced: a
 * history is worth no stall.  One thread.
 */
#ifndef CAUSEWAY_CONSOLE_LOG_H
#define CAUSEWAY_CONSOLE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_LOG_NAME_MAX 64
#define CONSOLE_LOG_FILES_MAX 100
#define CONSOLE_LOG_KEEP 32 /* histories of domains nobody names any more */

struct console_log;

struct console_log_conf {
	int dir_fd;	     /* of the folder; borrowed, outlives the log */
	uint32_t file_bytes; /* a file is full with so many, at least 4096 */
	unsigned files;	     /* 1 to CONSOLE_LOG_FILES_MAX */
};

struct console_log_facts {
	uint64_t bytes; /* written since it was opened */
	uint64_t lost;	/* not written */
	int error;	/* -errno of the last failure, 0 after a success */
};

/*
 * Continue the history `name` (letters, digits, '-', '_'; at most
 * CONSOLE_LOG_NAME_MAX - 1).  0, -EINVAL or -ENOMEM; trouble with files is
 * not an error here, but loss.
 */
int console_log_new(struct console_log **out, const char *name,
		    const struct console_log_conf *conf);
void console_log_free(struct console_log *log);

void console_log_write(struct console_log *log, const void *data, size_t len);
/*
 * The newest bytes, at most `max`, to `to`; from the start of a line when
 * older ones are left out.  Returns their number.
 */
size_t console_log_tail(const struct console_log *log, char *to, size_t max);
void console_log_facts(const struct console_log *log,
		       struct console_log_facts *f);

/*
 * Of the histories in the folder that `named` does not know, remove all but
 * the CONSOLE_LOG_KEEP last written ones.  How many went, or -errno.
 */
int console_log_prune(int dir_fd, bool (*named)(void *ctx, const char *name),
		      void *ctx);

#endif
