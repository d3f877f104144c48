/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * port_guard.h: what one port may send.
 *
 * A guard is compiled once from a port's configuration and immutable from
 * then on; workers share it under the switch's RCU.  guard_check() judges one
 * canonical frame (the tags that chose the segment are off) by its private
 * header bytes alone.  It has no side effects and needs no lock.
 *
 * Every port:	    source MAC neither multicast nor zero; link protocols only
 *		    as the network allows (GUARD_LINK_*); no DHCP server and no
 *		    router messages unless the port is configured to be one.
 * Locked ports:    also only their own MAC; ARP, IPv4, IPv6 and neighbour
 *		    discovery only with allowed addresses; nothing else.
 * Disabled ports:  nothing.
 *
 * docs/isolation.md has the table.  MAC limits, other ports' MACs, storms
 * and rates need state and are the bridge's.
 */
#ifndef CAUSEWAY_PORT_GUARD_H
#define CAUSEWAY_PORT_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/burst.h"
#include "base/drop.h"

enum guard_mode {
	GUARD_UNLOCKED,
	GUARD_LOCKED,
	GUARD_DISABLED,
};

/* Link protocols; a network's mask says which of them may pass. */
enum guard_link {
	GUARD_LINK_STP = 1 << 0,   /* STP, RSTP, MSTP (802.1D, 802.1Q) */
	GUARD_LINK_LACP = 1 << 1,  /* slow protocols: LACP, marker, OAM */
	GUARD_LINK_LLDP = 1 << 2,
	GUARD_LINK_PAUSE = 1 << 3, /* 802.3x pause, PFC, MAC control */
	GUARD_LINK_EAPOL = 1 << 4, /* 802.1X, MACsec key agreement */
	GUARD_LINK_PTP = 1 << 5,   /* peer delay, to 01:80:c2:00:00:0e */
	GUARD_LINK_MRP = 1 << 6,   /* MVRP, MMRP, GVRP */
	GUARD_LINK_CISCO = 1 << 7, /* CDP, VTP, DTP, UDLD, PAgP, PVST+ */
	GUARD_LINK_OTHER = 1 << 8, /* the rest of 01:80:c2:00:00:00 to :3f */
};

#define GUARD_LINK_ALL 0x1ff
#define GUARD_PREFIXES_MAX 256 /* a family and port */

/* One entry of ipv4_allowed or ipv6_allowed. */
struct guard_prefix {
	uint8_t family;	  /* AF_INET or AF_INET6 */
	uint8_t bits;	  /* 0..32 or 0..128 */
	uint8_t addr[16]; /* network order; bits beyond the prefix ignored */
};

struct guard_conf {
	enum guard_mode mode;
	uint8_t mac[6]; /* the port's own; used when locked */
	const struct guard_prefix *allowed; /* both families, any order */
	unsigned allowed_count;
	uint32_t link_allowed;		    /* GUARD_LINK_* */
	bool dhcp_server;		    /* may answer DHCP clients, relay */
	bool router;			    /* may send RA, redirect, queries */
};

struct guard_range4 {
	uint32_t first, last; /* host order */
};

struct guard_range6 {
	unsigned __int128 first, last; /* host order */
};

/* Compiled; the first part is what the fast path reads: one cache line. */
struct guard {
	uint64_t fast_mask; /* over source MAC and EtherType, as loaded */
	uint64_t fast_want;
	uint32_t fast_first; /* IPv4 sources, host order */
	uint32_t fast_count;

	uint8_t mode; /* enum guard_mode */
	bool dhcp_server;
	bool router;
	uint8_t mac[6];
	uint16_t link_allowed;
	uint16_t range4_count;
	uint16_t range6_count;
	const struct guard_range4 *range4; /* ascending, disjoint */
	const struct guard_range6 *range6;
};

/* "unlocked", "locked", "disabled" */
const char *guard_mode_name(enum guard_mode mode);
int guard_mode_parse(const char *name, enum guard_mode *mode);

/*
 * "10.0.0.1", "10.0.0.0/24", "2001:db8::/64" into *out; 0 or -EINVAL.  Host
 * bits behind the prefix are cleared.
 */
int guard_prefix_parse(const char *text, struct guard_prefix *out);

/*
 * Compile.  0, -EINVAL (a locked port's MAC is multicast or zero, a prefix
 * out of range, more than GUARD_PREFIXES_MAX) or -ENOMEM.  Nothing of conf is
 * kept.
 */
int guard_new(struct guard **out, const struct guard_conf *conf);
void guard_free(struct guard *g); /* NULL does nothing */

/* All cases in full; guard_check() shortcuts to it. */
enum drop guard_judge(const struct guard *g, const struct frame *f);

/* May the port behind `g` send `f`?  DROP_NONE, or why not. */
static inline enum drop guard_check(const struct guard *g,
				    const struct frame *f)
{
	return guard_judge(g, f);
}

#endif
