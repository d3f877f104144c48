/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_held.c: what netd holds minus what the configuration names.
 */
#include "vswitch/switch_held.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "vswitch/switch_netd.h"

static bool is_wanted(const struct switch_conf *conf,
		      const struct netd_held *held)
{
	unsigned i;

	for (i = 0; i < conf->port_count; i++)
		if (!strcmp(conf->ports[i].interface, held->ifname) &&
		    (conf->ports[i].type == CONF_TAP) == held->tap)
			return true;
	return false;
}

/*
 * 0, or -errno: netd does not answer.  What it refuses it would refuse again;
 * `causeway-netd --release-all` is what then helps.
 */
static int answered(int rc, const struct rpc_error *err, const char *what)
{
	if (rc < 0)
		log_warn("giving back %s: %s", what, err->message);
	return rc < 0 && !err->code ? rc : 0;
}

static int release_others(struct netd_client *netd,
			  const struct switch_conf *conf)
{
	struct rpc_error err = { 0 };
	struct netd_held *held;
	unsigned i, count;
	int rc = netd_held(netd, &held, &count, &err);

	if (rc < 0)
		return answered(rc, &err, "interfaces");
	for (i = 0; i < count && !rc; i++) {
		if (is_wanted(conf, &held[i]))
			continue;
		log_info("%s belongs to no port: given back", held[i].ifname);
		rc = answered(netd_release(netd, held[i].ifname, &err), &err,
			      held[i].ifname);
	}
	free(held);
	return rc;
}

static int settle(struct sw *sw, const struct switch_conf *conf)
{
	struct netd_client *netd;
	struct rpc_error err;
	int rc = switch_netd_open(sw, &netd, &err);

	if (rc < 0)
		return rc;
	rc = release_others(netd, conf);
	switch_netd_close(sw, netd);
	return rc;
}

void switch_held_doubt(struct sw *sw)
{
	sw->held_doubt = true;
}

void switch_held_settle(struct sw *sw, const struct switch_conf *conf)
{
	sw->held_doubt = sw->refused[0] || settle(sw, conf) < 0;
}

void switch_held_tick(struct sw *sw)
{
	if (sw->held_doubt)
		switch_held_settle(sw, sw->running);
}
