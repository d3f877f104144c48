/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace.h: what would happen to one frame, asked of the data path itself.
 */
#ifndef CAUSEWAY_TRACE_H
#define CAUSEWAY_TRACE_H

#include "base/rpc.h"

/* The method `trace` of docs/rpc.md; ctx is the switch. */
void trace_rpc(struct rpc_request *req, void *ctx);

#endif
