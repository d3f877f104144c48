/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * espd_rpc.h: espd's facts over JSON-RPC: status, peers, sas, counters.
 * Nothing can be changed here, and no key is told.
 */
#ifndef CAUSEWAY_ESPD_RPC_H
#define CAUSEWAY_ESPD_RPC_H

#include <sys/types.h>

#include "ipsec-migrate/espd_iked.h"
#include "ipsec-migrate/espd_peers.h"
#include "ipsec-migrate/espd_worker.h"

struct event_base;

struct espd_rpc {
	struct worker *worker;
	struct peers *peers;
	struct iked_link *iked;
	const char *tun;
	struct rpc_server *server;
};

/* Listen; before rights are given up.  0 or -errno. */
int espd_rpc_start(struct espd_rpc *r, struct event_base *base,
		   const char *path, uid_t uid, gid_t group);
void espd_rpc_stop(struct espd_rpc *r);

#endif
