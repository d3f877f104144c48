/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_announce.h: telling the outside where local addresses are now: when
 * a bond sends them through another member, and when a guest has moved here;
 * and asking such a guest what it listens to.
 *
 * Local addresses are those of the forwarding table that are not learned from
 * outside, in every network that the uplink carries: guests' and the host's.
 * A locked port's single addresses are announced by ARP and neighbour
 * advertisement, everything else by RARP, each with its network's tag, and
 * through the member that its traffic takes from now on.
 *
 * Bounded: ANNOUNCE_CHUNK frames at once, then as many every ANNOUNCE_PACE_MS,
 * each address ANNOUNCE_ROUNDS times.  What happens meanwhile begins anew.
 *
 * Part of switch.c's work.  Threads: control thread only.
 */
#ifndef CAUSEWAY_SWITCH_ANNOUNCE_H
#define CAUSEWAY_SWITCH_ANNOUNCE_H

#include <stdint.h>

#include "vlan/bond.h"
#include "vswitch/switch.h"

#define ANNOUNCE_CHUNK 256
#define ANNOUNCE_PACE_MS 10
#define ANNOUNCE_ROUNDS 2 /* the first frames may have been lost on the way */
#define ANNOUNCE_AGAIN_MS 500
#define ANNOUNCE_ADDRESSES_MAX 16384
#define ANNOUNCE_IPS_MAX 16 /* of one port: one would do for switches */
#define ANNOUNCE_GUEST_MS 20 /* between two requests of one guest */

struct announcer;

struct announcer_facts {
	uint64_t sent;
	uint64_t failed; /* no member could, or the socket would not */
	uint64_t beyond; /* addresses beyond ANNOUNCE_ADDRESSES_MAX */
	unsigned left;	 /* addresses of this round still to come */
};

/* For one bond.  0 or -ENOMEM. */
int announcer_new(struct announcer **out, struct sw_port *bond);
void announcer_free(struct announcer *a); /* NULL does nothing */
/* The addresses of these buckets have moved (NULL: all of them). */
void announcer_moved(struct announcer *a,
		     const uint64_t buckets[BOND_BUCKETS / 64]);
/* Networks, tags or ports are other ones: what is left to say is, too. */
void announcer_reconsider(struct announcer *a);
void announcer_facts(const struct announcer *a, struct announcer_facts *facts);

/*
 * A guest asks, through its vhost-user peer, that `mac` be announced in all
 * its networks.  Only what it may send is said in its name.
 */
void switch_announce_guest(struct sw_port *sp, const uint8_t mac[6]);
/*
 * Call when something about a guest's port has changed: where its link has
 * come up it is asked for its multicast groups, in its snooping networks.
 */
void switch_query_guest(struct sw_port *sp);

#endif
