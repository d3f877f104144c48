/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * port_vlan.c: compiling a port's VLAN configuration, and the cases that the
 * inline functions leave to us: frames that start with a tag, and tunnels.
 *
 * Compiled, every mode comes down to one set: the outermost VIDs a frame may
 * show, 0 meaning untagged or priority-tagged.  4095 is never in it.
 */
#include "vlan/port_vlan.h"

#include <errno.h>

static const char *const mode_names[] = {
	[PORT_VLAN_ACCESS] = "access",
	[PORT_VLAN_TRUNK] = "trunk",
	[PORT_VLAN_NATIVE_UNTAGGED] = "native-untagged",
	[PORT_VLAN_NATIVE_TAGGED] = "native-tagged",
	[PORT_VLAN_TUNNEL] = "dot1q-tunnel",
};

#define MODE_COUNT (sizeof(mode_names) / sizeof(mode_names[0]))

static const char *conf_error(const struct port_vlan_conf *conf);

const char *port_vlan_mode_name(enum port_vlan_mode mode)
{
	return (unsigned)mode < MODE_COUNT ? mode_names[mode] : "unknown";
}

int port_vlan_mode_parse(const char *name, enum port_vlan_mode *mode)
{
	unsigned i;

	for (i = 0; i < MODE_COUNT; i++) {
		if (!strcmp(name, mode_names[i])) {
			*mode = i;
			return 0;
		}
	}
	return -EINVAL;
}

int port_vlan_init(struct port_vlan *pv, const struct port_vlan_conf *conf,
		   const char **why)
{
	const char *error = conf_error(conf);

	if (why)
		*why = error;
	if (error)
		return -EINVAL;
	*pv = (struct port_vlan){
		.mode = conf->mode,
		.pvid = conf->pvid,
		.tpid = conf->tpid ? conf->tpid : TAG_TPID_8021Q,
		.listener = conf->listener,
		.vids = conf->vids,
	};
	if (conf->mode == PORT_VLAN_TUNNEL) {
		pv->filters_cvids = !vid_set_empty(&conf->vids);
		if (!pv->filters_cvids)
			vid_set_add_range(&pv->vids, 0, TAG_VID_MAX);
		return 0;
	}
	if (conf->mode != PORT_VLAN_TRUNK)
		vid_set_add(&pv->vids, 0);
	if (conf->mode != PORT_VLAN_ACCESS || conf->accept_pvid)
		vid_set_add(&pv->vids, conf->pvid);
	if (conf->mode == PORT_VLAN_TRUNK)
		pv->vids.bits[0] &= ~UINT64_C(1); /* pvid 0 means none */
	return 0;
}

/*
 * Does a tunnel port carry this customer frame?  `n` tags in front of it are
 * ours.  Beneath a priority tag no VID is hidden when VIDs are filtered.
 */
static bool tunnel_takes(const struct port_vlan *pv, const struct frame *f,
			 unsigned n)
{
	uint16_t type = frame_be16(f, ETH_MACS_LEN + TAG_LEN * n);
	uint16_t vid = 0;

	if (tag_is_tpid(type)) {
		if (!tag_whole(f, n))
			return false;
		vid = tag_vid(tag_tci(f, n));
		if (pv->filters_cvids &&
		    (type != TAG_TPID_8021Q ||
		     (!vid && tag_is_tpid(tag_next_type(f, n)))))
			return false;
	}
	return vid_set_has(&pv->vids, vid);
}

enum drop port_vlan_admit_tagged(const struct port_vlan *pv,
				 const struct frame *f, uint16_t *vid,
				 unsigned *strip, uint16_t *pcp)
{
	uint16_t tci, v;

	*vid = pv->pvid;
	*strip = 0;
	*pcp = 0;
	if (!tag_whole(f, 0))
		return DROP_VLAN;
	if (tag_is_tpid(tag_next_type(f, 0)) && !tag_whole(f, 1))
		return DROP_VLAN;
	if (pv->mode == PORT_VLAN_TUNNEL)
		return tunnel_takes(pv, f, 0) ? DROP_NONE : DROP_VLAN;

	tci = tag_tci(f, 0);
	v = tag_vid(tci);
	if (frame_be16(f, ETH_MACS_LEN) != pv->tpid ||
	    !vid_set_has(&pv->vids, v))
		return DROP_VLAN;
	if ((!v || pv->mode == PORT_VLAN_ACCESS) &&
	    tag_is_tpid(tag_next_type(f, 0)))
		return DROP_VLAN;
	if (v)
		*vid = v;
	*strip = 1;
	*pcp = tci & TAG_PCP_MASK;
	return DROP_NONE;
}

bool port_vlan_tunnel_carries(const struct port_vlan *pv, const struct frame *f)
{
	return tunnel_takes(pv, f, f->tags);
}

/* What is wrong with a configuration, or NULL. */
static const char *conf_error(const struct port_vlan_conf *conf)
{
	bool listed = !vid_set_empty(&conf->vids);

	if ((unsigned)conf->mode >= MODE_COUNT)
		return "mode: access, trunk, native-untagged, native-tagged "
		       "or dot1q-tunnel";
	if (conf->pvid > TAG_VID_MAX)
		return "pvid: 0 (no VLAN id) to 4094";
	if (conf->tpid && !tag_is_tpid(conf->tpid))
		return "tpid: 0x8100, 0x88a8 or 0x9100";
	if (vid_set_has(&conf->vids, TAG_VID_MASK))
		return "vids: 4095 is reserved (802.1Q), use 1 to 4094";
	if (conf->accept_pvid &&
	    (conf->mode != PORT_VLAN_ACCESS || !conf->pvid))
		return "accept_pvid: only on an access port with a pvid";

	switch (conf->mode) {
	case PORT_VLAN_ACCESS:
		if (listed)
			return "vids: an access port has only its pvid";
		break;
	case PORT_VLAN_TRUNK:
		if (conf->pvid)
			return "pvid: none on a trunk; use native-untagged or "
			       "native-tagged";
		if (!listed)
			return "vids: a trunk needs at least one of 1 to 4094";
		break;
	case PORT_VLAN_NATIVE_TAGGED:
		if (!conf->pvid)
			return "pvid: native-tagged needs 1 to 4094";
		break;
	case PORT_VLAN_NATIVE_UNTAGGED:
	case PORT_VLAN_TUNNEL:
		break;
	}
	if (conf->mode != PORT_VLAN_TUNNEL && vid_set_has(&conf->vids, 0))
		return "vids: 1 to 4094; untagged frames belong to the native "
		       "VLAN";
	return NULL;
}
