/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_tap.c: what becomes of a tap or TUN after its descriptors were opened.
 */
#include "base/netd_tap.h"

#include <string.h>

#include "base/log.h"
#include "base/netd_address.h"
#include "base/netd_open.h"

/*
 * From made to ours: remembered first, then made to last, so that what lasts
 * is always remembered.
 */
int netd_tap_adopt(struct netd_rtnl *rt, struct netd_take *take,
		   const struct netd_tap_made *p, int fd,
		   struct netd_device *dev, struct rpc_error *err)
{
	int rc = netd_rtnl_find(rt, p->name, dev);

	if (!rc)
		rc = netd_take_add_tap(take, p->name, dev->link.ifindex,
				       p->tun, p->uid, err);
	if (rc)
		return rc;
	rc = netd_open_tap_persist(fd);
	if (!rc && p->mtu && p->mtu != dev->link.mtu)
		rc = netd_rtnl_set_mtu(rt, dev->link.ifindex, p->mtu);
	if (!rc && !dev->link.up)
		rc = netd_rtnl_set_up(rt, dev->link.ifindex, true);
	if (!rc)
		rc = netd_rtnl_find(rt, p->name, dev);
	if (rc)
		rpc_error_set(err, RPC_FAILED, "name", p->name,
			      "mtu 68 to 65521", "%s: setting up: %s", p->name,
			      strerror(-rc));
	return rc;
}

/*
 * What is given is remembered as given before it is, and as gone after it has
 * gone, so that nothing stays that nobody remembers.
 */
int netd_tap_address(struct netd_rtnl *rt, struct netd_take *take,
		     const struct netd_tap_conf *conf,
		     struct netd_device *dev, struct rpc_error *err)
{
	bool any = conf->mac || conf->address_count || conf->gateway ||
		   conf->ipv6_gateway;
	int rc = 0;

	if (!any && !netd_take_is_addressed(take, conf->name))
		return 0;
	if (any)
		rc = netd_take_set_addressed(take, conf->name, true);
	if (rc)
		return rpc_error_set(err, RPC_FAILED, "name", conf->name,
				     "is there room in /run?",
				     "saving its state: %s", strerror(-rc));
	rc = netd_address_set(rt, dev->link.ifindex, conf, err);
	if (!rc && !any)
		netd_take_set_addressed(take, conf->name, false);
	if (!rc)
		log_info("tap %s: %u addresses", conf->name,
			 conf->address_count);
	return rc;
}
