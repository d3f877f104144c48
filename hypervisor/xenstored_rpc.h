/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstored_rpc.h: causeway-xenstored over JSON-RPC, for hypervisord: trees
 * are made and taken down here, and read, written and watched as domain 0.
 * Methods and their values: docs/xenstore.md.
 */
#ifndef CAUSEWAY_XENSTORED_RPC_H
#define CAUSEWAY_XENSTORED_RPC_H

#include <sys/types.h>

#include "hypervisor/xenstored_tree.h"

/* Bind the socket, which `owner` and root may use: 0 or -errno, logged. */
int xenstored_rpc_start(struct xenstored *xd, const char *path, uid_t owner);
void xenstored_rpc_stop(void);

#endif
