/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_ethtool.h: what a device's driver says about its link.
 */
#ifndef CAUSEWAY_NETD_ETHTOOL_H
#define CAUSEWAY_NETD_ETHTOOL_H

#include <stdint.h>

#include "base/netd_client.h"

/* 0 and NETD_DUPLEX_UNKNOWN when there is no link, or no driver that knows. */
void netd_ethtool_link(const char *ifname, uint32_t *speed_mbps,
		       enum netd_duplex *duplex);

#endif
