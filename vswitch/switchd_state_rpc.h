/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchd_state_rpc.h: the methods state.* (docs/rpc.md), and the clock of a
 * state on trial (switch_trial.h).
 *
 * Threads: control thread.
 */
#ifndef CAUSEWAY_SWITCHD_STATE_RPC_H
#define CAUSEWAY_SWITCHD_STATE_RPC_H

#include "base/rpc.h"

struct sw;

/* 0 or -ENOMEM. */
int state_rpc_init(struct sw *sw);
void state_rpc_fini(void);

/* Handlers; ctx is the struct sw. */
void state_rpc_apply(struct rpc_request *req, void *ctx);
void state_rpc_get(struct rpc_request *req, void *ctx);
void state_rpc_saved(struct rpc_request *req, void *ctx);
void state_rpc_trial(struct rpc_request *req, void *ctx);
void state_rpc_confirm(struct rpc_request *req, void *ctx);
void state_rpc_revert(struct rpc_request *req, void *ctx);

#endif
