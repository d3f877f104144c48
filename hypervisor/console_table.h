/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * console_table.h: all consoles of the host: their names, relays and
 * histories, as hypervisord wants them.  Runs on the event loop's thread.
 */
#ifndef CAUSEWAY_CONSOLE_TABLE_H
#define CAUSEWAY_CONSOLE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hypervisor/console_log.h"
#include "hypervisor/console_relay.h"

#define CONSOLES_MAX 1024
#define CONSOLE_UUID_LEN 36
#define CONSOLE_NAME_MAX 256 /* with its NUL */

struct rpc_error;
struct console_table;

struct console {
	struct console_table *table;
	char uuid[CONSOLE_UUID_LEN + 1]; /* lower case */
	char name[CONSOLE_NAME_MAX];
	bool vnc;
	struct console_relay *relay;
	struct console_log *log;
};

/* What is wanted; texts are borrowed. */
struct console_want {
	const char *uuid, *name;
	const char *serial; /* path, or NULL */
	bool vnc;
};

struct console_table_conf {
	struct event_base *base;
	uint64_t (*now_ms)(void);
	struct console_log_conf log;
};

int console_table_new(struct console_table **out,
		      const struct console_table_conf *conf);
void console_table_free(struct console_table *t);

/*
 * These and no others.  All or nothing: 0, -EINVAL with words in *err, or
 * -ENOMEM.
 */
int console_table_set(struct console_table *t, const struct console_want *want,
		      size_t count, struct rpc_error *err);

/* By uuid or, if there is none, by name; NULL. */
struct console *console_table_find(const struct console_table *t,
				   const char *key);
size_t console_table_count(const struct console_table *t);
/* In the order they were wanted in; NULL beyond the last. */
struct console *console_table_at(const struct console_table *t, size_t i);

#endif
