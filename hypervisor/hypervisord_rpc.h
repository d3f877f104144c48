/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hypervisord_rpc.h: the hypervisor in JSON; docs/rpc.md is the manual.
 */
#ifndef CAUSEWAY_HYPERVISORD_RPC_H
#define CAUSEWAY_HYPERVISORD_RPC_H

#include <jansson.h>

struct event_base;
struct host;

/*
 * Serve on `path`.  `group` (or NULL): its members may look, not act.  The
 * host is given afterwards, before the loop runs.  0 or -errno, said.
 */
int hypervisord_rpc_start(struct event_base *base, const char *path,
			  const char *group);
void hypervisord_rpc_serve(struct host *host);
void hypervisord_rpc_stop(void);
/* To those who have subscribed; fits struct host_options. */
void hypervisord_rpc_event(const json_t *event, void *ctx);

#endif
