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
 * Segment i of the view is network i of `conf`.  0, -EINVAL with words in
 * *errs, or -ENOMEM.
 */
int switch_view_new(struct bridge_view **out, const struct switch_conf *conf,
		    const struct view_port ports[], unsigned n,
		    struct switch_conf_errors *errs);
/* With everything in it; ports and states are not its own. */
void switch_view_free(struct bridge_view *view);

#endif
