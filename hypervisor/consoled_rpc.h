/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * consoled_rpc.h: the verbs of causeway-consoled (docs/console.md).
 */
#ifndef CAUSEWAY_CONSOLED_RPC_H
#define CAUSEWAY_CONSOLED_RPC_H

#include <sys/types.h>

struct event_base;
struct console_table;

/*
 * Serve on `path`; `owner` ((uid_t)-1: as it is) owns the socket, members of
 * `group` (may be NULL) may open consoles.  Once a process.  0 or -errno; says
 * by itself what is wrong.
 */
int consoled_rpc_start(struct event_base *base, struct console_table *table,
		       const char *path, const char *group, uid_t owner);
void consoled_rpc_stop(void);

#endif
