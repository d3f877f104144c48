/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uplink_control.h: what one uplink interface says and hears for itself:
 * slow protocols (LACP, marker), LLDP, and the announcements of addresses.
 *
 * netd opens a packet socket for it whose filter lets through slow protocols
 * and LLDP and nothing else, so that these frames wait in no queue with
 * traffic: they are neither lost nor late when the workers have too much to
 * do.  What is sent through it may be any frame.
 *
 * Threads: control thread only, from `base`'s loop.  Nothing blocks: what the
 * socket does not take is counted and lost, as on a wire.
 */
#ifndef CAUSEWAY_UPLINK_CONTROL_H
#define CAUSEWAY_UPLINK_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vlan/lldp.h"

struct event_base;
struct uplink_control;

struct uplink_conf {
	struct event_base *base;
	int fd;		/* the filtered packet socket */
	char ifname[16]; /* of the interface; "": a NIC of our own */
	struct lldp_local lldp;
	bool lldp_tx, lldp_rx;
	/* a slow protocols frame, from its destination MAC on; hostile */
	void (*slow)(void *ctx, const uint8_t *frame, size_t len);
	void *ctx;
};

struct uplink_facts {
	uint64_t rx_slow, rx_lldp;
	uint64_t rx_other; /* past the filter all the same: ignored */
	uint64_t rx_limited; /* times that reading paused: it said too much */
	uint64_t tx;
	uint64_t tx_full;   /* the socket took no more: lost */
	uint64_t tx_failed; /* of other reasons: no link, no interface */
	bool lldp_tx, lldp_rx;
	struct lldp_facts lldp;
};

/* Takes conf->fd over when 0 is returned; else -ENOMEM. */
int uplink_control_new(struct uplink_control **out,
		       const struct uplink_conf *conf);
/* Says goodbye to LLDP neighbours first.  NULL does nothing. */
void uplink_control_free(struct uplink_control *uc);
/* What LLDP says, and whether. */
void uplink_control_lldp(struct uplink_control *uc,
			 const struct lldp_local *local, bool tx, bool rx);
void uplink_control_link(struct uplink_control *uc, bool up);
/*
 * Has the interface a carrier at this moment?  News of it may be late: the
 * kernel holds them back for up to a second when there were others just
 * before.  True if one cannot know.
 */
bool uplink_control_carrier(const struct uplink_control *uc);
/* A whole frame, tags included: 0, -EAGAIN (full: counted) or -errno. */
int uplink_control_send(struct uplink_control *uc, const uint8_t *frame,
			size_t len);

void uplink_control_facts(const struct uplink_control *uc,
			  struct uplink_facts *facts);
const struct lldp *uplink_control_neighbours(const struct uplink_control *uc);

#endif
