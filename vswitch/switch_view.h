/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_view.h: from configuration and ports to the value workers see.
 *
 * Pure but for memory: nothing here publishes, opens or waits.
 */
#ifndef CAUSEWAY_SWITCH_VIEW_H
#define CAUSEWAY_SWITCH_VIEW_H

#include "vswitch/bridge.h"
#include "vswitch/switch_conf.h"

/* A port that shall appear in a view. */
struct view_port {
	const struct conf_port *conf;
	struct port *port;
	struct port_state *state;
	uint16_t id;
};

/*
 * A member of a bond, which is one of the ports.  What arrives at `id` arrives
 * at the bond.  The table outlives the view.
 */
struct view_member {
	const struct bond_table *table;
	uint16_t id;
	uint16_t bond; /* its id */
	uint8_t slot;
};

/* A mirror and one place that it watches; the other place is CONF_NONE. */
struct view_tap {
	struct mirror *mirror;
	int32_t port;	 /* id */
	int32_t segment; /* number */
};

/* What a view is made of.  Everything is borrowed; mirrors must outlive it. */
struct view_parts {
	const struct switch_conf *conf;
	const struct view_port *ports;
	const struct view_member *members; /* not among the ports */
	const struct view_tap *taps;
	unsigned port_count, member_count, tap_count;
};

/* 0, -EINVAL with words in *errs, or -ENOMEM. */
int switch_view_new(struct bridge_view **out, const struct view_parts *parts,
		    struct switch_conf_errors *errs);
/* With everything in it; ports and states are not its own. */
void switch_view_free(struct bridge_view *view);

#endif
