/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_bond.h: the bonds of a running switch, on the control thread.
 *
 * vlan/bond.h decides, bond_port.h carries frames; here they are given what
 * they need: members as their interfaces come and go, link events, slow
 * protocols frames, a clock, loads.  What they decide is told on: to the log,
 * to whoever asks (switchd_bond_rpc.c), and to the network
 * (switch_announce.h).
 *
 * A bond is a port like any other (struct sw_port of type CONF_BOND).  Its
 * members are ports, too, that carry nothing of their own.  A member has a
 * slot, its number within the bond, from the moment it is attached (its
 * interface is open) until it is detached.
 *
 * Part of switch.c's work.  Threads: control thread only.
 */
#ifndef CAUSEWAY_SWITCH_BOND_H
#define CAUSEWAY_SWITCH_BOND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vlan/bond.h"
#include "vswitch/switch.h"

#define SWITCH_BOND_EVENTS 32 /* the last ones are kept */

struct announcer;
struct bond_port;

struct switch_bond_event {
	struct bond_event event;
	char member[CONF_NAME_MAX]; /* who had its slot; "" */
};

/* ---- in the order of switch_apply() ---- */

/* prepare: a bond without members, unknown to workers.  0 or -errno and why. */
int switch_bond_open(struct sw_port *sp, const struct conf_port *conf,
		     char *why, size_t size);
/* free: no view has it any more.  NULL does nothing. */
void switch_bond_free(struct sw_bond *sb);
/*
 * leave: members that `wanted` does not have (or that are about to go) carry
 * nothing from now on; workers may use them until the next sync.
 */
void switch_bonds_leave(struct sw *sw, const struct switch_conf *wanted);
/*
 * enter: properties as in sw->running, and every member that is there, with
 * its control socket, and is not yet attached.  True if one came: then the
 * caller reviews the view.
 */
bool switch_bonds_enter(struct sw *sw);

/* ---- as interfaces live ---- */

/*
 * The bond and slot that `sp` is attached to and shall be in `conf`; false:
 * none (a view shows it to nobody then, if it is a member in `conf`).
 */
bool switch_bond_slot(const struct sw *sw, const struct switch_conf *conf,
		      const struct sw_port *sp, const struct sw_port **bond,
		      unsigned *slot);
/* A port's interface has gone: its bond does without at once. */
void switch_bond_lost(struct sw *sw, struct sw_port *member);
/* The port's link or speed is another one. */
void switch_bond_link(struct sw *sw, struct sw_port *member);
/* A slow protocols frame has come in; from its destination MAC on. */
void switch_bond_slow(struct sw *sw, struct sw_port *member,
		      const uint8_t *frame, size_t len);
/* The member that this frame leaves through, or NULL. */
struct sw_port *switch_bond_way_out(const struct sw_bond *sb,
				    const uint8_t *frame, size_t len);
/* Is that member part of a negotiated aggregation? */
bool switch_bond_aggregates(const struct sw_bond *sb, unsigned slot);

/* ---- facts ---- */

const struct bond *switch_bond(const struct sw_bond *sb);
const struct bond_table *switch_bond_table(const struct sw_bond *sb);
const struct bond_conf *switch_bond_conf(const struct sw_bond *sb);
/* By slot, NULL: nobody has it. */
struct sw_port *switch_bond_member(const struct sw_bond *sb, unsigned slot);
/* The events of the past, the newest first; NULL: no more. */
const struct switch_bond_event *switch_bond_event(const struct sw_bond *sb,
						  unsigned i);
/* 0, or -EINVAL: that member may not carry traffic. */
int switch_bond_set_active(struct sw_bond *sb, struct sw_port *member);
struct bond_port *switch_bond_port(const struct sw_bond *sb);
const struct announcer *switch_bond_announcer(const struct sw_bond *sb);

#endif
