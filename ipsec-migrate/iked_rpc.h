/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iked_rpc.h: causeway-iked's socket: desired state in, commands in, facts and
 * events out (docs/rpc.md).  Main thread; one server a process.
 */
#ifndef CAUSEWAY_IKED_RPC_H
#define CAUSEWAY_IKED_RPC_H

#include <sys/types.h>

#include "ipsec-migrate/iked.h"

struct event_base;

/*
 * Listen at `path`; members of `group` (NULL: nobody) may look besides root
 * and our own user `uid`.  0 or -errno.
 */
int iked_rpc_start(struct event_base *base, const char *path, uid_t uid,
		   const char *group, struct iked *d);
void iked_rpc_stop(void);
/* Tell those who have asked for events. */
void iked_rpc_event(const struct charon_event *ev);

#endif
