/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchd_rpc.h: what switchd answers; docs/rpc.md is its contract.
 */
#ifndef CAUSEWAY_SWITCHD_RPC_H
#define CAUSEWAY_SWITCHD_RPC_H

#include <sys/types.h>

#include "vswitch/switch.h"

/*
 * Listen at `path`.  `group` (may be NULL): its members may capture and
 * mirror.  Requests are served once the event loop runs.  0 or -errno.
 */
int switchd_rpc_start(struct sw *sw, const char *path, const char *group,
		      uid_t owner);
void switchd_rpc_stop(void);

#endif
