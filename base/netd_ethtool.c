/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_ethtool.c: SIOCETHTOOL, which any socket will do for; a netlink one,
 * since the jail has those.
 */
#include "base/netd_ethtool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define LINK_MODE_WORDS_MAX 127 /* link_mode_masks_nwords is an __s8 */

/* The kernel wants to be told how long its masks are before it fills them. */
union link_settings {
	struct ethtool_link_settings s;
	uint8_t bytes[sizeof(struct ethtool_link_settings) +
		      3 * LINK_MODE_WORDS_MAX * sizeof(uint32_t)];
};

/* `command` starts with the command's number. */
static int ethtool(const char *ifname, void *command)
{
	struct ifreq ifr = { .ifr_data = command };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int rc = 0;

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	if (ioctl(fd, SIOCETHTOOL, &ifr))
		rc = -errno;
	close(fd);
	return rc;
}

static int link_settings_get(const char *ifname, union link_settings *link)
{
	int8_t words;
	int rc;

	memset(link, 0, sizeof(*link));
	link->s.cmd = ETHTOOL_GLINKSETTINGS;
	rc = ethtool(ifname, link);
	if (rc)
		return rc;
	words = -link->s.link_mode_masks_nwords;
	if (words <= 0)
		return -EOPNOTSUPP;
	memset(link, 0, sizeof(*link));
	link->s.cmd = ETHTOOL_GLINKSETTINGS;
	link->s.link_mode_masks_nwords = words;
	return ethtool(ifname, link);
}

void netd_ethtool_link(const char *ifname, uint32_t *speed_mbps,
		       enum netd_duplex *duplex)
{
	union link_settings link;

	*speed_mbps = 0;
	*duplex = NETD_DUPLEX_UNKNOWN;
	if (link_settings_get(ifname, &link))
		return;
	if (link.s.speed != (uint32_t)SPEED_UNKNOWN)
		*speed_mbps = link.s.speed;
	if (link.s.duplex == DUPLEX_FULL)
		*duplex = NETD_DUPLEX_FULL;
	else if (link.s.duplex == DUPLEX_HALF)
		*duplex = NETD_DUPLEX_HALF;
}
