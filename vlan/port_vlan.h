/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * port_vlan.h: what VLANs mean on one port (802.1Q clause 6.9, 802.1ad).
 *
 * On ingress port_vlan_admit() says which VLAN a frame belongs to and how
 * many tags said so; the caller takes those off with frame_strip().  What is
 * left is the frame's canonical form.  On egress port_vlan_egress() says which
 * tags to put in front of the canonical form, or that the port does not carry
 * it.  The bridge maps (port, VID) to a segment; VID 0 stands for the one
 * segment of a port that has no VLAN id at all.
 *
 * mode             untagged, VID 0    tagged VID v           leaves
 * ACCESS           pvid               refused (1)            untagged
 * TRUNK            refused            v if allowed           tagged
 * NATIVE_UNTAGGED  pvid               v if allowed or pvid   pvid untagged
 * NATIVE_TAGGED    pvid               v if allowed or pvid   tagged
 * TUNNEL           pvid (2)           pvid (2), tag kept     as it came
 *
 * (1) admitted if v = pvid and accept_pvid is set.
 * (2) if `vids` is not empty: only C-tags (0x8100) of these VIDs, and
 *     untagged frames if 0 is among them; checked in both directions.
 *
 * Except on tunnel ports, a tag counts only with the port's own TPID; a frame
 * that starts with another one is refused, never taken for untagged.
 *
 * Hopping.  A canonical frame may itself start with a tag: what a tunnel
 * or a trunk carries inside its outer tag.  Such a frame leaves only with an
 * outer tag in front of it, or through a tunnel port, where the inner tag is
 * the customer's own.  Where it would leave untagged (access ports, native
 * VLAN) it is not carried, because the next switch would take the inner tag,
 * chosen by the sender, for the frame's VLAN.  For the same reason a priority
 * tag (VID 0) in front of another tag is refused on ingress.  The README
 * compares this with Open vSwitch.
 *
 * A listener is where a network ends, with nobody behind it to hop to: it gets
 * such frames bare, too.
 *
 * A struct port_vlan is a plain value, immutable while workers see it.
 */
#ifndef CAUSEWAY_PORT_VLAN_H
#define CAUSEWAY_PORT_VLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/burst.h"
#include "base/drop.h"
#include "vlan/tag.h"
#include "vlan/vid_set.h"

enum port_vlan_mode {
	PORT_VLAN_ACCESS,
	PORT_VLAN_TRUNK,
	PORT_VLAN_NATIVE_UNTAGGED,
	PORT_VLAN_NATIVE_TAGGED,
	PORT_VLAN_TUNNEL,
};

/* What a port is configured to be; zeroed, it is an access port of VID 0. */
struct port_vlan_conf {
	enum port_vlan_mode mode;
	uint16_t pvid;       /* 0..4094; TRUNK: must be 0; see port_vlan_init */
	uint16_t tpid;       /* outer tag read and written; 0 means 0x8100 */
	bool accept_pvid;    /* ACCESS: frames tagged with pvid, too */
	bool listener;	     /* what starts with a tag may leave untagged */
	struct vid_set vids; /* TRUNK, NATIVE: allowed; TUNNEL: C-VIDs */
};

/* Compiled.  Read it, do not change it. */
struct port_vlan {
	uint8_t mode;
	bool filters_cvids; /* TUNNEL: vids was not empty */
	bool listener;
	uint16_t pvid;
	uint16_t tpid;
	struct vid_set vids; /* admitted outermost VIDs; 0: no VID at all */
};

/* "access", "trunk", "native-untagged", "native-tagged", "dot1q-tunnel". */
const char *port_vlan_mode_name(enum port_vlan_mode mode);
int port_vlan_mode_parse(const char *name, enum port_vlan_mode *mode);

/*
 * Check and compile.  0, or -EINVAL with *why saying which field is wrong and
 * what would be valid (static text; why may be NULL).  Refused: 4095; a TRUNK
 * with pvid or without VIDs; VID 0 in the list of TRUNK or NATIVE; pvid 0 with
 * NATIVE_TAGGED (nothing to write into the tag); a list on ACCESS; an unknown
 * TPID; accept_pvid elsewhere than on ACCESS with a pvid.
 */
int port_vlan_init(struct port_vlan *pv, const struct port_vlan_conf *conf,
		   const char **why);

/* All cases in full; the inline functions below shortcut to it. */
enum drop port_vlan_admit_tagged(const struct port_vlan *pv,
				 const struct frame *f, uint16_t *vid,
				 unsigned *strip, uint16_t *pcp);
bool port_vlan_tunnel_carries(const struct port_vlan *pv,
			      const struct frame *f);

/* Does this port take part in VLAN `vid` (0..4094)?  For flood lists. */
static inline bool port_vlan_carries(const struct port_vlan *pv, uint16_t vid)
{
	if (vid == pv->pvid)
		return pv->mode != PORT_VLAN_TRUNK; /* which has none */
	return vid && pv->mode != PORT_VLAN_TUNNEL &&
	       vid_set_has(&pv->vids, vid);
}

/*
 * Which VLAN does a received frame belong to?  DROP_NONE with *vid, *strip
 * (tags to take off, 0 or 1) and *pcp (PCP and DEI of that tag, or 0; goes
 * into frame.tci); or DROP_VLAN, or DROP_RUNT without an Ethernet header.
 * After frame_strip() the frame still holds a whole Ethernet header.
 */
static inline enum drop port_vlan_admit(const struct port_vlan *pv,
					const struct frame *f, uint16_t *vid,
					unsigned *strip, uint16_t *pcp)
{
	if (f->hdr_len < ETH_HLEN_MIN)
		return DROP_RUNT;
	if (tag_present(f))
		return port_vlan_admit_tagged(pv, f, vid, strip, pcp);
	*vid = pv->pvid;
	*strip = 0;
	*pcp = 0;
	return vid_set_has(&pv->vids, 0) ? DROP_NONE : DROP_VLAN;
}

/*
 * Tags for the canonical frame `f` of VLAN `vid` on its way out of this port:
 * their number, written to tag[] for frame_retag(), or -1: not carried.
 * `pcp` is frame.tci.  Tags that frame_retag() put on for another port are
 * looked through.
 */
static inline int port_vlan_egress(const struct port_vlan *pv, uint16_t vid,
				   uint16_t pcp, const struct frame *f,
				   uint32_t tag[FRAME_TAGS_MAX])
{
	if (!port_vlan_carries(pv, vid))
		return -1;
	if (pv->mode == PORT_VLAN_TUNNEL)
		return port_vlan_tunnel_carries(pv, f) ? 0 : -1;
	if (pv->mode == PORT_VLAN_ACCESS ||
	    (pv->mode == PORT_VLAN_NATIVE_UNTAGGED && vid == pv->pvid))
		return tag_beneath(f) && !pv->listener ? -1 : 0;
	tag[0] = tag_make(pv->tpid, pcp, vid);
	return 1;
}

#endif
