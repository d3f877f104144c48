/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_ipsec.h: the verbs for causeway-espd, which has a socket of its own
 * with these and no others: tun.open, udp.bind, esp.open, protect.set, status.
 */
#ifndef CAUSEWAY_NETD_IPSEC_H
#define CAUSEWAY_NETD_IPSEC_H

#include <sys/types.h>

#include "base/netd_protect.h"
#include "base/netd_take.h"
#include "base/rpc.h"

struct netd_ipsec {
	struct netd_rtnl *rt;
	struct netd_take *take;
	struct netd_protect *protect;
	uid_t uid; /* who may ask besides root; (uid_t)-1: nobody */
};

/* Their ctx: struct netd_ipsec. */
extern const struct rpc_method netd_ipsec_methods[];

#endif
