/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_take.h: what causeway-netd has taken from the host or created, and how
 * it was before.
 *
 * One record a device, kept as DIR/<ifname>.json from before the first change
 * until after the last one is undone.  So a netd that was killed anywhere in
 * between, and started again, can still give back what was taken.
 *
 * One thread.  Functions return 0 or -errno; with an rpc_error, -errno comes
 * with words and advice in it.
 */
#ifndef CAUSEWAY_NETD_TAKE_H
#define CAUSEWAY_NETD_TAKE_H

#include <stdbool.h>

#include <jansson.h>
#include <sys/types.h>

#include "base/netd_client.h"
#include "base/netd_rtnl.h"
#include "base/rpc.h"

struct netd_take;

/* Reads the records in dir, which exists.  -EWOULDBLOCK: another has it. */
int netd_take_open(struct netd_take **out, const char *dir,
		   struct netd_rtnl *rt);
void netd_take_close(struct netd_take *take);

/*
 * Take a device from the host's stack for this user, or see to it that it
 * still is, with the MTU that is asked for.  *dev: the device as it is then.
 */
int netd_take_device(struct netd_take *take,
		     const struct netd_packet_conf *conf, uid_t uid,
		     struct netd_device *dev, struct rpc_error *err);

/* Is there a tap or TUN of this name, made by us?  Another is an error. */
int netd_take_find_tap(struct netd_take *take, const char *name, bool *exists,
		       struct rpc_error *err);
/* Remember a tap or TUN that was made, or opened again, for this user. */
int netd_take_add_tap(struct netd_take *take, const char *name,
		      uint32_t ifindex, bool tun, uid_t uid,
		      struct rpc_error *err);

/*
 * Ethtool's settings of a device that is taken or a tap of ours, over those
 * that it came with; *unsupported: those of want->given that it does not do.
 */
int netd_take_ethtool(struct netd_take *take, const char *ifname,
		      const struct netd_ethtool *want, uint32_t *unsupported,
		      struct rpc_error *err);

/*
 * MTU and promiscuity of a device that is taken or a tap of ours; *dev: the
 * device as it is then.
 */
int netd_take_set(struct netd_take *take, const struct netd_link_conf *conf,
		  struct netd_device *dev, struct rpc_error *err);

/*
 * Has somebody been given addresses on this tap of ours?  Remember that, or
 * that they went again; 0 or -errno.
 */
bool netd_take_is_addressed(const struct netd_take *take, const char *name);
int netd_take_set_addressed(struct netd_take *take, const char *name,
			    bool addressed);

/* Put back how it was, or delete our tap.  Not ours: 0. */
int netd_take_release(struct netd_take *take, const char *ifname,
		      struct rpc_error *err);
/*
 * All of them, taps first: a default route that a tap has could not be another
 * device's.  Returns how many failed, which is logged.
 */
unsigned netd_take_release_all(struct netd_take *take);

/* Is this device taken (taps and TUNs are not)? */
bool netd_take_holds(const struct netd_take *take, const struct netd_link *l);
/*
 * Names of the taps, or else the devices, that this user asked for last; the
 * caller's.  TUNs are in neither list: nobody finds out by it what to release.
 */
json_t *netd_take_names(const struct netd_take *take, uid_t uid, bool taps);
/* The records as an object, name to record; the caller's. */
json_t *netd_take_dump(const struct netd_take *take);
/* Tap or TUN. */
bool netd_take_is_tap(const json_t *record);

#endif
