/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_ethtool.c: SIOCETHTOOL, which any socket will do for; a netlink one,
 * since the jail has those.
 *
 * Features are set by the commands of their own that ethtool -K uses too: one
 * of them stands for all variants of its feature that the device has.  A
 * driver may take an order and not follow it, so what counts is what is read
 * back.  Features depend on each other (without tx there is no tso); the table
 * is in an order in which each may come back after those that it needs.
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

#include "base/log.h"

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

/* --- features ----------------------------------------------------------- */

static const struct {
	enum netd_setting bit;
	uint32_t get, set;
	uint32_t flag; /* of ETHTOOL_GFLAGS; 0: the value is 0 or 1 */
} features[] = {
	{ NETD_RX, ETHTOOL_GRXCSUM, ETHTOOL_SRXCSUM, 0 },
	{ NETD_TX, ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM, 0 },
	{ NETD_SG, ETHTOOL_GSG, ETHTOOL_SSG, 0 },
	{ NETD_TSO, ETHTOOL_GTSO, ETHTOOL_STSO, 0 },
	{ NETD_UFO, ETHTOOL_GUFO, ETHTOOL_SUFO, 0 },
	{ NETD_GSO, ETHTOOL_GGSO, ETHTOOL_SGSO, 0 },
	{ NETD_GRO, ETHTOOL_GGRO, ETHTOOL_SGRO, 0 },
	{ NETD_LRO, ETHTOOL_GFLAGS, ETHTOOL_SFLAGS, ETH_FLAG_LRO },
};

#define FEATURE_COUNT (sizeof(features) / sizeof(features[0]))

static int feature_get(const char *ifname, size_t i, bool *on)
{
	struct ethtool_value v = { .cmd = features[i].get };
	int rc = ethtool(ifname, &v);

	*on = features[i].flag ? v.data & features[i].flag : v.data;
	return rc;
}

static int feature_write(const char *ifname, size_t i, bool on)
{
	struct ethtool_value v = { .cmd = features[i].get };
	int rc;

	if (features[i].flag) {
		rc = ethtool(ifname, &v);
		if (rc)
			return rc;
		v.data = on ? v.data | features[i].flag
			    : v.data & ~features[i].flag;
	} else {
		v.data = on;
	}
	v.cmd = features[i].set;
	return ethtool(ifname, &v);
}

static bool feature_set(const char *ifname, size_t i, bool on)
{
	bool is;

	if (!feature_get(ifname, i, &is) && is == on)
		return true;
	return !feature_write(ifname, i, on) && !feature_get(ifname, i, &is) &&
	       is == on;
}

/* Those of `want` that the device does not do. */
static uint32_t features_apply(const char *ifname,
			       const struct netd_ethtool *want)
{
	uint32_t missing = 0;

	for (size_t i = 0; i < FEATURE_COUNT; i++) {
		uint32_t bit = features[i].bit;

		if (want->given & bit &&
		    !feature_set(ifname, i, want->on & bit))
			missing |= bit;
	}
	return missing;
}

/* --- the link ---------------------------------------------------------------
 */

#define LINK_SETTINGS (NETD_AUTONEG | NETD_SPEED | NETD_DUPLEX | NETD_ADVERTISE)

/* Twisted pair, where negotiating about fewer modes is worth something. */
static const struct {
	uint8_t bit; /* ETHTOOL_LINK_MODE_*_BIT */
	enum netd_duplex duplex;
	uint32_t speed_mbps;
} modes[] = {
	{ ETHTOOL_LINK_MODE_10baseT_Half_BIT, NETD_DUPLEX_HALF, 10 },
	{ ETHTOOL_LINK_MODE_10baseT_Full_BIT, NETD_DUPLEX_FULL, 10 },
	{ ETHTOOL_LINK_MODE_100baseT_Half_BIT, NETD_DUPLEX_HALF, 100 },
	{ ETHTOOL_LINK_MODE_100baseT_Full_BIT, NETD_DUPLEX_FULL, 100 },
	{ ETHTOOL_LINK_MODE_1000baseT_Half_BIT, NETD_DUPLEX_HALF, 1000 },
	{ ETHTOOL_LINK_MODE_1000baseT_Full_BIT, NETD_DUPLEX_FULL, 1000 },
	{ ETHTOOL_LINK_MODE_2500baseT_Full_BIT, NETD_DUPLEX_FULL, 2500 },
	{ ETHTOOL_LINK_MODE_5000baseT_Full_BIT, NETD_DUPLEX_FULL, 5000 },
	{ ETHTOOL_LINK_MODE_10000baseT_Full_BIT, NETD_DUPLEX_FULL, 10000 },
};

/* The masks: supported, advertised, the partner's. */
static uint32_t *advertised(union link_settings *link)
{
	return link->s.link_mode_masks + link->s.link_mode_masks_nwords;
}

/* ethtool's number has the first 32 modes. */
static void advertise_mask(union link_settings *link, uint32_t mask)
{
	memset(advertised(link), 0,
	       link->s.link_mode_masks_nwords * sizeof(uint32_t));
	advertised(link)[0] = mask;
}

/* A mask means something where modes are negotiated, of those there are. */
static bool may_advertise(const union link_settings *link, uint32_t mask)
{
	return link->s.autoneg == AUTONEG_ENABLE &&
	       link->s.link_mode_masks_nwords > 0 &&
	       !(mask & ~link->s.link_mode_masks[0]);
}

/*
 * Advertise what fits the speed and duplex that are wanted, as ethtool -s does
 * when the link is negotiated.  Other media's modes: as it was.
 */
static void advertise(union link_settings *link,
		      const struct netd_ethtool *want)
{
	uint32_t fit[LINK_MODE_WORDS_MAX] = { 0 };
	bool any = false;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		uint32_t bit = 1u << modes[i].bit % 32;
		unsigned word = modes[i].bit / 32;

		if ((want->given & NETD_SPEED &&
		     want->speed_mbps != modes[i].speed_mbps) ||
		    (want->given & NETD_DUPLEX &&
		     want->duplex != modes[i].duplex) ||
		    word >= (unsigned)link->s.link_mode_masks_nwords ||
		    !(link->s.link_mode_masks[word] & bit))
			continue;
		fit[word] |= bit;
		any = true;
	}
	if (any)
		memcpy(advertised(link), fit,
		       link->s.link_mode_masks_nwords * sizeof(fit[0]));
}

static void read_modes(const json_t *saved, union link_settings *link)
{
	const json_t *list = json_object_get(saved, "advertised");
	uint32_t *words = advertised(link);

	if (json_array_size(list) != (size_t)link->s.link_mode_masks_nwords)
		return;
	for (int i = 0; i < link->s.link_mode_masks_nwords; i++)
		words[i] = json_integer_value(json_array_get(list, i));
}

static bool same_link(union link_settings *a, union link_settings *b)
{
	if (a->s.autoneg != b->s.autoneg)
		return false;
	/* What was negotiated is a result, not a setting. */
	if (a->s.autoneg == AUTONEG_DISABLE)
		return a->s.speed == b->s.speed && a->s.duplex == b->s.duplex;
	return !memcmp(advertised(a), advertised(b),
		       a->s.link_mode_masks_nwords * sizeof(uint32_t));
}

/*
 * `want` has what was saved in it, too; `given`: what somebody asked for.
 * -EDOM: not with this mask.
 */
static int link_apply(const char *ifname, const struct netd_ethtool *want,
		      uint32_t given, const json_t *saved)
{
	union link_settings link, old;
	int rc = link_settings_get(ifname, &link);

	if (rc)
		return rc;
	old = link;
	if (want->given & NETD_AUTONEG)
		link.s.autoneg = want->on & NETD_AUTONEG ? AUTONEG_ENABLE
							 : AUTONEG_DISABLE;
	if (want->given & NETD_SPEED)
		link.s.speed = want->speed_mbps;
	if (want->given & NETD_DUPLEX)
		link.s.duplex = want->duplex == NETD_DUPLEX_HALF ? DUPLEX_HALF
								 : DUPLEX_FULL;
	read_modes(saved, &link);
	if (given & NETD_ADVERTISE && !may_advertise(&link, want->advertise))
		return -EDOM;
	if (given & NETD_ADVERTISE)
		advertise_mask(&link, want->advertise);
	else if (given & (NETD_SPEED | NETD_DUPLEX))
		advertise(&link, want);
	if (same_link(&link, &old))
		return 0;
	link.s.cmd = ETHTOOL_SLINKSETTINGS;
	return ethtool(ifname, &link);
}

/* --- all settings ------------------------------------------------------------
 */

json_t *netd_ethtool_save(const char *ifname)
{
	json_t *saved = json_object(), *words;
	union link_settings link;
	bool on;

	for (size_t i = 0; i < FEATURE_COUNT; i++)
		if (!feature_get(ifname, i, &on))
			json_object_set_new(saved,
					    netd_setting_name(features[i].bit),
					    json_boolean(on));
	if (link_settings_get(ifname, &link))
		return saved;
	json_object_set_new(saved, "autoneg",
			    json_boolean(link.s.autoneg == AUTONEG_ENABLE));
	if (link.s.speed && link.s.speed != (uint32_t)SPEED_UNKNOWN)
		json_object_set_new(saved, "speed", json_integer(link.s.speed));
	if (link.s.duplex == DUPLEX_HALF || link.s.duplex == DUPLEX_FULL)
		json_object_set_new(saved, "duplex",
				    json_string(link.s.duplex == DUPLEX_FULL
							? "full"
							: "half"));
	words = json_array();
	for (int i = 0; i < link.s.link_mode_masks_nwords; i++)
		json_array_append_new(words,
				      json_integer(advertised(&link)[i]));
	json_object_set_new(saved, "advertised", words);
	return saved;
}

static void add_flag(struct netd_ethtool *all, uint32_t bit, const json_t *v)
{
	if (!json_is_boolean(v) || all->given & bit)
		return;
	all->given |= bit;
	if (json_is_true(v))
		all->on |= bit;
}

/* What is not given yet becomes what was saved. */
static void add_saved(struct netd_ethtool *all, const json_t *saved)
{
	uint32_t link = all->given & LINK_SETTINGS;
	const char *duplex =
		json_string_value(json_object_get(saved, "duplex"));
	uint32_t speed = json_integer_value(json_object_get(saved, "speed"));

	for (size_t i = 0; i < FEATURE_COUNT; i++)
		add_flag(all, features[i].bit,
			 json_object_get(saved,
					 netd_setting_name(features[i].bit)));
	add_flag(all, NETD_AUTONEG, json_object_get(saved, "autoneg"));
	/* With one of them asked for, the others would contradict it. */
	if (link & (NETD_SPEED | NETD_DUPLEX) || all->on & NETD_AUTONEG)
		return;
	if (speed) {
		all->given |= NETD_SPEED;
		all->speed_mbps = speed;
	}
	if (duplex) {
		all->given |= NETD_DUPLEX;
		all->duplex = strcmp(duplex, "half") ? NETD_DUPLEX_FULL
						     : NETD_DUPLEX_HALF;
	}
}

static uint32_t apply_all(const char *ifname, const struct netd_ethtool *all,
			  uint32_t given, const json_t *saved)
{
	uint32_t missing = features_apply(ifname, all);
	int rc = link_apply(ifname, all, given, saved);

	if (rc && rc != -EOPNOTSUPP && rc != -EDOM)
		log_warn("%s: link settings: %s", ifname, strerror(-rc));
	if (rc)
		missing |= rc == -EDOM ? NETD_ADVERTISE : LINK_SETTINGS;
	return missing;
}

uint32_t netd_ethtool_apply(const char *ifname, const struct netd_ethtool *want,
			    const json_t *saved)
{
	struct netd_ethtool all = *want;

	if (!(all.given & NETD_LRO)) {
		all.given |= NETD_LRO;
		all.on &= ~NETD_LRO;
	}
	add_saved(&all, saved);
	return apply_all(ifname, &all, want->given, saved) & want->given;
}

void netd_ethtool_restore(const char *ifname, const json_t *saved)
{
	struct netd_ethtool all = { .given = 0 };

	if (!saved)
		return;
	add_saved(&all, saved);
	apply_all(ifname, &all, 0, saved);
}
