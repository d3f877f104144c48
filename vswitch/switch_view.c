/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_view.c: a view holds copies of everything it needs from the
 * configuration, so that either may be freed without the other.  Small
 * allocations, many of them, all freed by switch_view_free().
 */
#include "vswitch/switch_view.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const enum port_vlan_mode vlan_modes[] = {
	[CONF_VLAN_ACCESS] = PORT_VLAN_ACCESS,
	[CONF_VLAN_TRUNK] = PORT_VLAN_TRUNK,
	[CONF_VLAN_NATIVE_UNTAGGED] = PORT_VLAN_NATIVE_UNTAGGED,
	[CONF_VLAN_NATIVE_TAGGED] = PORT_VLAN_NATIVE_TAGGED,
	[CONF_VLAN_TUNNEL] = PORT_VLAN_TUNNEL,
};

static const enum guard_mode guard_modes[] = {
	[CONF_LOCK_UNLOCKED] = GUARD_UNLOCKED,
	[CONF_LOCK_LOCKED] = GUARD_LOCKED,
	[CONF_LOCK_DISABLED] = GUARD_DISABLED,
};

static int view_error(struct switch_conf_errors *errs,
		      const struct conf_port *conf, const char *why)
{
	struct switch_conf_error *e = &errs->error[0];

	if (!errs->count) {
		errs->count = 1;
		snprintf(e->path, sizeof(e->path), "ports[%u]", conf->place);
		snprintf(e->value, sizeof(e->value), "%s", conf->name);
		snprintf(e->expected, sizeof(e->expected), "%s", why);
	}
	return -EINVAL;
}

static bool is_trunk(const struct conf_port *conf)
{
	return conf->vlan_mode == CONF_VLAN_TRUNK ||
	       conf->vlan_mode == CONF_VLAN_NATIVE_UNTAGGED ||
	       conf->vlan_mode == CONF_VLAN_NATIVE_TAGGED;
}

/* ---- VLANs -------------------------------------------------------------- */

static void make_trunk(struct port_vlan_conf *vc, const struct switch_conf *sc,
		       const struct conf_port *conf)
{
	unsigned i;

	for (i = 0; i < conf->carries_count; i++) {
		uint16_t vlan = sc->networks[conf->carries[i]].vlan;

		if (vlan)
			vid_set_add(&vc->vids, vlan);
	}
	if (conf->native == CONF_NONE)
		return;
	vc->pvid = sc->networks[conf->native].vlan;
	if (vc->mode == PORT_VLAN_TRUNK) /* an uplink's untagged network */
		vc->mode = PORT_VLAN_NATIVE_UNTAGGED;
}

static int make_vlan(struct bport *bp, const struct switch_conf *sc,
		     const struct conf_port *conf,
		     struct switch_conf_errors *errs)
{
	struct port_vlan_conf vc = { .mode = vlan_modes[conf->vlan_mode],
				     .tpid = conf->tpid,
				     .listener = conf->promiscuous };
	const char *why = NULL;
	unsigned i;

	if (conf->vlan_mode == CONF_VLAN_TUNNEL)
		for (i = 0; i <= TAG_VID_MAX; i++)
			if (conf->cvlans[i / 64] >> (i % 64) & 1)
				vid_set_add(&vc.vids, i);
	bp->segment = SEGMENT_NONE;
	if (!is_trunk(conf)) {
		if (conf->network != CONF_NONE) {
			bp->segment = sc->networks[conf->network].segment;
			vc.pvid = sc->networks[conf->network].vlan;
		}
	} else if (!conf->carries_count) {
		vc.mode = PORT_VLAN_ACCESS; /* of no network: all refused */
	} else {
		make_trunk(&vc, sc, conf);
	}
	if (port_vlan_init(&bp->vlan, &vc, &why) < 0)
		return view_error(errs, conf, why);
	return 0;
}

/* VID to segment, where a port carries more than one network. */
static int make_segments(struct bport *bp, const struct switch_conf *sc,
			 const struct conf_port *conf)
{
	uint16_t *map;
	unsigned i;

	bp->segment_of_vid = NULL;
	if (!is_trunk(conf) || !conf->carries_count)
		return 0;
	map = malloc(4096 * sizeof(*map));
	if (!map)
		return -ENOMEM;
	memset(map, 0xff, 4096 * sizeof(*map)); /* SEGMENT_NONE */
	for (i = 0; i < conf->carries_count; i++)
		map[sc->networks[conf->carries[i]].vlan] =
			sc->networks[conf->carries[i]].segment;
	bp->segment_of_vid = map;
	return 0;
}

/* ---- guards ------------------------------------------------------------- */

static uint32_t link_allowed(const struct switch_conf *sc,
			     const struct conf_port *conf)
{
	static const uint32_t guard_bit[][2] = {
		{ CONF_LINK_STP, GUARD_LINK_STP },
		{ CONF_LINK_PAUSE, GUARD_LINK_PAUSE },
		{ CONF_LINK_LACP, GUARD_LINK_LACP },
		{ CONF_LINK_EAPOL, GUARD_LINK_EAPOL },
		{ CONF_LINK_LLDP, GUARD_LINK_LLDP },
		{ CONF_LINK_CDP, GUARD_LINK_CISCO },
		{ CONF_LINK_OTHER,
		  GUARD_LINK_OTHER | GUARD_LINK_PTP | GUARD_LINK_MRP },
	};
	uint32_t all = ~0u, allowed = 0;
	unsigned i;

	/* a trunk speaks for all its networks: the strictest decides */
	for (i = 0; i < conf->carries_count; i++)
		all &= sc->networks[conf->carries[i]].link_protocols;
	if (!conf->carries_count)
		all = 0;
	for (i = 0; i < sizeof(guard_bit) / sizeof(guard_bit[0]); i++)
		if (all & guard_bit[i][0])
			allowed |= guard_bit[i][1];
	/* what a link's two ends say to each other ends at the uplink */
	if (conf->role == CONF_UPLINK)
		allowed &= ~(uint32_t)(GUARD_LINK_LACP | GUARD_LINK_LLDP);
	return allowed;
}

static int make_guard(struct guard **out, const struct switch_conf *sc,
		      const struct conf_port *conf,
		      struct switch_conf_errors *errs)
{
	struct guard_prefix list[2 * CONF_PREFIXES_MAX];
	struct guard_conf gc = { .mode = guard_modes[conf->locking],
				 .allowed = list,
				 .link_allowed = link_allowed(sc, conf),
				 .dhcp_server = conf->dhcp_server,
				 .router = conf->router };
	unsigned i, n = 0;
	int rc;

	memset(list, 0, sizeof(list));
	for (i = 0; i < conf->ipv4_count; i++, n++) {
		list[n].family = AF_INET;
		list[n].bits = conf->ipv4_allowed[i].len;
		memcpy(list[n].addr, &conf->ipv4_allowed[i].addr, 4);
	}
	for (i = 0; i < conf->ipv6_count; i++, n++) {
		list[n].family = AF_INET6;
		list[n].bits = conf->ipv6_allowed[i].len;
		memcpy(list[n].addr, &conf->ipv6_allowed[i].addr, 16);
	}
	gc.allowed_count = n;
	memcpy(gc.mac, conf->mac, 6);
	/* the outside and the host may hold routers and DHCP servers */
	if (conf->role != CONF_GUEST)
		gc.dhcp_server = gc.router = true;
	rc = guard_new(out, &gc);
	return rc == -EINVAL ? view_error(errs, conf,
					  "a MAC and prefixes a port can be "
					  "locked to")
			     : rc;
}

/* ---- ports ---------------------------------------------------------------- */

static uint32_t make_flags(const struct conf_port *conf)
{
	uint32_t flags = 0;

	if (conf->locking == CONF_LOCK_DISABLED)
		flags |= BPORT_DISABLED;
	if (conf->locking != CONF_LOCK_LOCKED)
		flags |= BPORT_LEARN;
	if (conf->role == CONF_UPLINK)
		flags |= BPORT_UPLINK;
	if (conf->role != CONF_GUEST || conf->flood_unknown)
		flags |= BPORT_UNKNOWN;
	if (conf->role != CONF_GUEST || conf->router)
		flags |= BPORT_ROUTER;
	if (conf->isolated)
		flags |= BPORT_ISOLATED;
	if (conf->promiscuous)
		flags |= BPORT_LISTEN;
	if (conf->promiscuous && conf->include_refused)
		flags |= BPORT_LISTEN_REFUSED;
	if (conf->promiscuous && !conf->inject)
		flags |= BPORT_SILENT;
	if (conf->rate_from_guest_bps)
		flags |= BPORT_RATE_FROM;
	if (conf->rate_to_guest_bps)
		flags |= BPORT_RATE_TO;
	if (conf->storm_pps)
		flags |= BPORT_STORM;
	return flags;
}

static int make_port(struct bport **out, const struct switch_conf *sc,
		     const struct view_port *vp,
		     struct switch_conf_errors *errs)
{
	struct bport *bp = calloc(1, sizeof(*bp));
	struct guard *guard = NULL;
	int rc;

	if (!bp)
		return -ENOMEM;
	*out = bp;
	bp->port = vp->port;
	bp->state = vp->state;
	bp->id = vp->id;
	bp->flags = make_flags(vp->conf);
	/* inner tags of trunks and tunnels are part of the canonical frame */
	bp->egress_max = vp->conf->mtu + 14 + 8;
	bp->frame_max = vp->conf->mtu + 14 +
			(vp->conf->vlan_mode == CONF_VLAN_ACCESS ? 0 : 8);
	if (!vp->conf->promiscuous) /* which gets what others' trunks sent */
		bp->egress_max = bp->frame_max;
	rc = make_vlan(bp, sc, vp->conf, errs);
	if (!rc)
		rc = make_segments(bp, sc, vp->conf);
	if (!rc)
		rc = make_guard(&guard, sc, vp->conf, errs);
	bp->guard = guard;
	return rc;
}

/* ---- segments --------------------------------------------------------------- */

/* The segment of the k-th network that a port carries. */
static struct segment *segment_at(struct bridge_view *view,
				  const struct switch_conf *sc,
				  const struct conf_port *port, unsigned k)
{
	return &view->segments[sc->networks[port->carries[k]].segment];
}

static int members_count(struct bridge_view *view, const struct switch_conf *sc,
			 const struct view_port ports[], unsigned n)
{
	unsigned i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < ports[i].conf->carries_count; k++) {
			struct segment *seg =
				segment_at(view, sc, ports[i].conf, k);

			seg->member_count++;
			seg->listener_count += ports[i].conf->promiscuous;
		}
		view->has_listeners |= ports[i].conf->promiscuous;
	}
	for (i = 0; i < view->segment_count; i++) {
		struct segment *seg = &view->segments[i];

		seg->members = calloc(seg->member_count + 1, 2);
		seg->listeners = calloc(seg->listener_count + 1, 2);
		if (!seg->members || !seg->listeners)
			return -ENOMEM;
		seg->member_count = seg->listener_count = 0;
	}
	return 0;
}

static int make_members(struct bridge_view *view, const struct switch_conf *sc,
			const struct view_port ports[], unsigned n)
{
	unsigned i, k;
	int rc = members_count(view, sc, ports, n);

	if (rc < 0)
		return rc;
	for (i = 0; i < n; i++) {
		for (k = 0; k < ports[i].conf->carries_count; k++) {
			struct segment *seg =
				segment_at(view, sc, ports[i].conf, k);
			uint16_t *members = (uint16_t *)seg->members;
			uint16_t *listeners = (uint16_t *)seg->listeners;

			members[seg->member_count++] = ports[i].id;
			if (ports[i].conf->promiscuous)
				listeners[seg->listener_count++] =
					ports[i].id;
		}
	}
	return 0;
}

/* ---- taps --------------------------------------------------------------------- */

static bool tap_is_at(const struct view_tap *t, int32_t port, int32_t segment)
{
	return port != CONF_NONE ? t->port == port : t->segment == segment;
}

/* The mirrors that watch one place; *out stays NULL when there are none. */
static int make_taps(const struct mirror_taps **out,
		     const struct view_parts *parts, int32_t port,
		     int32_t segment)
{
	struct mirror_taps *taps;
	unsigned i, n = 0;

	for (i = 0; i < parts->tap_count; i++)
		n += tap_is_at(&parts->taps[i], port, segment);
	if (!n)
		return 0;
	taps = calloc(1, sizeof(*taps) + n * sizeof(struct mirror *));
	if (!taps)
		return -ENOMEM;
	for (i = 0; i < parts->tap_count; i++)
		if (tap_is_at(&parts->taps[i], port, segment))
			taps->mirror[taps->count++] = parts->taps[i].mirror;
	*out = taps;
	return 0;
}

/* ---- the view ----------------------------------------------------------------- */

/* Numbers that no network has are segments without members. */
static int alloc_segments(struct bridge_view *view,
			  const struct switch_conf *conf)
{
	unsigned i;

	for (i = 0; i < conf->network_count; i++)
		if (conf->networks[i].segment >= view->segment_count)
			view->segment_count = conf->networks[i].segment + 1;
	view->segments = calloc(view->segment_count + 1,
				sizeof(*view->segments));
	if (!view->segments)
		return -ENOMEM;
	for (i = 0; i < view->segment_count; i++)
		view->segments[i].network = SEGMENT_NONE;
	return 0;
}

static int make_segments_of(struct bridge_view *view,
			    const struct view_parts *parts)
{
	const struct switch_conf *conf = parts->conf;
	unsigned i;
	int rc = alloc_segments(view, conf);

	for (i = 0; i < conf->network_count && !rc; i++) {
		const struct conf_network *net = &conf->networks[i];
		struct segment *seg = &view->segments[net->segment];

		seg->network = i;
		seg->vid = net->vlan;
		seg->snooping = net->igmp_snooping;
		seg->floods_unknown = net->flood_unknown;
		rc = make_taps(&seg->taps, parts, CONF_NONE, net->segment);
	}
	return rc ? rc : make_members(view, conf, parts->ports,
				      parts->port_count);
}

static int make_ports_of(struct bridge_view *view,
			 const struct view_parts *parts,
			 struct switch_conf_errors *errs)
{
	unsigned i;
	int rc = 0;

	for (i = 0; i < parts->port_count && !rc; i++) {
		uint16_t id = parts->ports[i].id;
		struct bport *bp = NULL;

		rc = make_port(&bp, parts->conf, &parts->ports[i], errs);
		view->ports[id] = bp;
		if (!rc)
			rc = make_taps(&bp->taps, parts, id, CONF_NONE);
	}
	return rc;
}

/* The bond's port once more, in the member's place. */
static int make_member(struct bridge_view *view, const struct view_member *vm)
{
	struct bport *bp = malloc(sizeof(*bp));

	if (!bp)
		return -ENOMEM;
	assert(view->ports[vm->bond] && !view->ports[vm->id]);
	*bp = *view->ports[vm->bond];
	bp->bond = vm->table;
	bp->member = vm->slot;
	view->ports[vm->id] = bp;
	return 0;
}

static int make_members_of_bonds(struct bridge_view *view,
				 const struct view_parts *parts)
{
	unsigned i;
	int rc = 0;

	for (i = 0; i < parts->member_count && !rc; i++)
		rc = make_member(view, &parts->members[i]);
	return rc;
}

int switch_view_new(struct bridge_view **out, const struct view_parts *parts,
		    struct switch_conf_errors *errs)
{
	struct bridge_view *view = calloc(1, sizeof(*view));
	int rc;

	*out = NULL;
	if (!view)
		return -ENOMEM;
	view->generation = parts->conf->generation;
	view->listen_budget = parts->conf->settings.mirror_bytes_per_burst;
	view->has_taps = parts->tap_count;
	rc = make_segments_of(view, parts);
	if (!rc)
		rc = make_ports_of(view, parts, errs);
	if (!rc)
		rc = make_members_of_bonds(view, parts);
	if (rc < 0)
		switch_view_free(view);
	else
		*out = view;
	return rc;
}

void switch_view_free(struct bridge_view *view)
{
	unsigned i;

	if (!view)
		return;
	for (i = 0; i < PORT_ID_MAX; i++) {
		struct bport *bp = (struct bport *)view->ports[i];

		if (bp && !bp->bond) {
			guard_free((struct guard *)bp->guard);
			free((void *)bp->segment_of_vid);
			free((void *)bp->taps);
		}
		free(bp);
	}
	for (i = 0; view->segments && i < view->segment_count; i++) {
		free((void *)view->segments[i].members);
		free((void *)view->segments[i].listeners);
		free((void *)view->segments[i].taps);
	}
	free(view->segments);
	free(view);
}
