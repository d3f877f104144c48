/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_ethtool.h: what a device's driver says about its link, and the settings
 * that ethtool(8) changes.
 *
 * One thread.  Devices are named, as SIOCETHTOOL wants it.
 */
#ifndef CAUSEWAY_NETD_ETHTOOL_H
#define CAUSEWAY_NETD_ETHTOOL_H

#include <stdint.h>

#include <jansson.h>

#include "base/netd_client.h"

/* 0 and NETD_DUPLEX_UNKNOWN when there is no link, or no driver that knows. */
void netd_ethtool_link(const char *ifname, uint32_t *speed_mbps,
		       enum netd_duplex *duplex);

/* What is set now, as an object for the calls below; the caller's. */
json_t *netd_ethtool_save(const char *ifname);

/*
 * Make a device that was taken be as `want` says, and where it says nothing as
 * `saved`, but without LRO: what that merges cannot be forwarded.  What is so
 * already is not touched; a link that is set anew goes down for seconds.
 * Returns those of want->given that the device does not do.
 */
uint32_t netd_ethtool_apply(const char *ifname, const struct netd_ethtool *want,
			    const json_t *saved);
/* As it was, with LRO if that was on. */
void netd_ethtool_restore(const char *ifname, const json_t *saved);

#endif
