/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bond_link.c: delays, and when they do not run.
 *
 * Time without carrier adds up over short returns of it, or a link that comes
 * and goes within downdelay would keep its frames for ever; a carrier that
 * lasts for FORGET_FLAPS times downdelay makes that forgotten.
 *
 * Who is usable without carrier (its downdelay runs) is so only beside one
 * that is usable and up.  When the last such goes, all delays end: those
 * without carrier are given up, and of those that wait for updelay the one
 * that has waited longest is taken.
 */
#include "vlan/bond_link.h"

#define FORGET_FLAPS 10

/* When `usable` will follow `up`. */
static uint64_t follows_at(const struct bond_link *link,
			   const struct bond_conf *conf)
{
	uint64_t down = conf->downdelay_ms;

	if (link->up)
		return link->changed_ms + conf->updelay_ms;
	return link->changed_ms +
	       (down > link->down_ms ? down - link->down_ms : 0);
}

static void comes(struct bond_link *link, const struct bond_conf *conf,
		  uint64_t now)
{
	if (link->usable && now >= follows_at(link, conf))
		link->usable = false;
	link->down_ms += now - link->changed_ms;
}

static void goes(struct bond_link *link, const struct bond_conf *conf,
		 uint64_t now)
{
	uint64_t forget = (uint64_t)conf->downdelay_ms * FORGET_FLAPS;

	if (now - link->changed_ms >= forget)
		link->down_ms = 0;
}

void bond_link_report(struct bond_link *link, const struct bond_conf *conf,
		      bool up, bool late, uint64_t now_ms)
{
	if (!link->reported) {
		link->reported = true;
		link->usable = up && !late;
	} else if (up == link->up) {
		return;
	} else if (up) {
		comes(link, conf, now_ms);
	} else {
		goes(link, conf, now_ms);
	}
	link->up = up;
	link->changed_ms = now_ms;
}

static void last_hope(struct bond_link links[BOND_MEMBERS_MAX],
		      const struct bond_conf *conf)
{
	struct bond_link *link, *best = NULL;
	unsigned i;

	for (i = 0; i < BOND_MEMBERS_MAX; i++) {
		link = &links[i];
		link->usable = false;
		if (link->up &&
		    (!best || follows_at(link, conf) < follows_at(best, conf)))
			best = link;
	}
	if (!best)
		return;
	best->usable = best->hope = true;
	best->down_ms = 0;
}

void bond_link_settle(struct bond_link links[BOND_MEMBERS_MAX],
		      const struct bond_conf *conf, uint64_t now_ms)
{
	struct bond_link *link;
	bool some = false;
	unsigned i;

	for (i = 0; i < BOND_MEMBERS_MAX; i++) {
		link = &links[i];
		if (now_ms >= bond_link_due(link, conf)) {
			link->usable = link->up;
			link->hope = false;
			link->down_ms = 0;
		}
		some |= link->usable && link->up;
	}
	if (!some)
		last_hope(links, conf);
}

uint64_t bond_link_due(const struct bond_link *link,
		       const struct bond_conf *conf)
{
	return link->usable == link->up ? UINT64_MAX : follows_at(link, conf);
}
