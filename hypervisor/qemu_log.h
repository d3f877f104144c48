/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu_log.h: what a QEMU writes to its standard error, line by line.
 *
 * It is a FIFO that QEMU itself holds open for reading too.  So it never
 * fills a disk, never blocks QEMU (a full one loses what comes later), and
 * keeps the last 64 KiB of what was said while nobody listened: whoever comes
 * back reads it then.  A flood is read at a pace.
 */
#ifndef CAUSEWAY_QEMU_LOG_H
#define CAUSEWAY_QEMU_LOG_H

#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct qemu_log;

#define QEMU_LOG_LINE_MAX 256 /* with its NUL; more of a line is dropped */

/* A new FIFO at path: a descriptor for QEMU, or -errno. */
int qemu_log_make(const char *path);
/*
 * Listen.  on_line gets printable text, from the loop or out of
 * qemu_log_drain().  0 or -errno.
 */
int qemu_log_open(struct qemu_log **out, struct event_base *base,
		  const char *path,
		  void (*on_line)(const char *line, void *ctx), void *ctx);
/* Read what is there now.  True: it had been full, so something is lost. */
bool qemu_log_drain(struct qemu_log *log);
void qemu_log_free(struct qemu_log *log);
/* Is this line, as on_line gets it, said of what works, and no news? */
bool qemu_log_is_chatter(const char *line);

#endif
