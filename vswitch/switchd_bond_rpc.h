/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchd_bond_rpc.h: bonds, uplinks and their neighbours in JSON, as
 * docs/rpc.md says.  ctx is the switch.
 */
#ifndef CAUSEWAY_SWITCHD_BOND_RPC_H
#define CAUSEWAY_SWITCHD_BOND_RPC_H

#include "base/rpc.h"

void bond_rpc_list(struct rpc_request *req, void *ctx);
void bond_rpc_set_active(struct rpc_request *req, void *ctx);
void uplink_rpc_list(struct rpc_request *req, void *ctx);
void lldp_rpc_list(struct rpc_request *req, void *ctx);

#endif
