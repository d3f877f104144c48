/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_tap.h: from a tap or TUN that was made to one that is ours, lasts, is
 * up and has addresses.  0 or -errno with words.
 */
#ifndef CAUSEWAY_NETD_TAP_H
#define CAUSEWAY_NETD_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/types.h>

#include "base/netd_rtnl.h"
#include "base/netd_take.h"

struct netd_tap_made {
	const char *name;
	uint32_t mtu; /* 0: as it is */
	uid_t uid;    /* whose it is */
	bool tun;
};

/* fd: a descriptor of it.  *dev: the device as it is then. */
int netd_tap_adopt(struct netd_rtnl *rt, struct netd_take *take,
		   const struct netd_tap_made *p, int fd,
		   struct netd_device *dev, struct rpc_error *err);

int netd_tap_address(struct netd_rtnl *rt, struct netd_take *take,
		     const struct netd_tap_conf *conf,
		     struct netd_device *dev, struct rpc_error *err);

#endif
