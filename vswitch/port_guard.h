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
#include "vswitch/guard_ranges.h"

enum guard_mode {
	GUARD_UNLOCKED,
	GUARD_LOCKED,
	GUARD_DISABLED,
};

/* Link protocols; a network's mask says which of them may pass. */
enum guard_link {
	GUARD_LINK_STP = 1 << 0,  /* STP, RSTP, MSTP (802.1D, 802.1Q) */
	GUARD_LINK_LACP = 1 << 1, /* slow protocols: LACP, marker, OAM */
	GUARD_LINK_LLDP = 1 << 2,
	GUARD_LINK_PAUSE = 1 << 3, /* 802.3x pause, PFC, MAC control */
	GUARD_LINK_EAPOL = 1 << 4, /* 802.1X, MACsec key agreement */
	GUARD_LINK_PTP = 1 << 5,   /* peer delay, to 01:80:c2:00:00:0e */
	GUARD_LINK_MRP = 1 << 6,   /* MVRP, MMRP, GVRP */
	GUARD_LINK_CISCO = 1 << 7, /* CDP, VTP, DTP, UDLD, PAgP, PVST+ */
	GUARD_LINK_OTHER = 1 << 8, /* the rest of 01:80:c2:00:00:00 to :3f */
};

#define GUARD_LINK_ALL 0x1ff

struct guard_conf {
	enum guard_mode mode;
	uint8_t mac[6]; /* the port's own; used when locked */
	const struct guard_prefix *allowed; /* both families, any order */
	unsigned allowed_count;
	uint32_t link_allowed; /* GUARD_LINK_* */
	bool dhcp_server;      /* may answer DHCP clients, relay */
	bool router;           /* may send RA, redirect, queries */
};

/* Compiled, one cache line; ranges follow in the same allocation. */
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
	const struct guard_range *range6;
} __attribute__((aligned(64)));

static_assert(sizeof(struct guard) == 64, "a guard is one line");

/* "unlocked", "locked", "disabled" */
const char *guard_mode_name(enum guard_mode mode);
int guard_mode_parse(const char *name, enum guard_mode *mode);

/*
 * Compile.  0, -EINVAL (a locked port's MAC is multicast or zero, a bad
 * prefix, more than GUARD_PREFIXES_MAX of a family, an unknown mode or mask)
 * or -ENOMEM.  Nothing of conf is kept.
 */
int guard_new(struct guard **out, const struct guard_conf *conf);
void guard_free(struct guard *g); /* NULL does nothing */

/* All cases in full; guard_check() shortcuts to it. */
enum drop guard_judge(const struct guard *g, const struct frame *f);

/* Bytes the shortcut looks at: Ethernet, IPv4 without options, ports. */
#define GUARD_FAST_LEN (ETH_HLEN_MIN + 20 + 8)

/*
 * Is it plain traffic: unicast, right source MAC and IPv4 source, no options,
 * no fragment, ICMP, TCP or UDP, no DHCP port?  False means "look closer".
 */
static inline bool guard_plain(const struct guard *g, const struct frame *f)
{
	static const uint8_t mac_mask[8] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff
	};
	const uint32_t protos = 1u << 1 | 1u << 6 | 1u << 17;
	const uint8_t *h = f->hdr;
	uint64_t word, macs;
	uint32_t src;

	if (f->hdr_len < GUARD_FAST_LEN)
		return false;
	memcpy(&word, h + 6, sizeof(word));
	memcpy(&macs, mac_mask, sizeof(macs));
	memcpy(&src, h + 26, sizeof(src));
	return (word & g->fast_mask) == g->fast_want && word & macs &&
	       !(h[0] & 1) && h[14] == 0x45 && !(frame_be16(f, 20) & 0x3fff) &&
	       h[23] < 32 && protos >> h[23] & 1 &&
	       ntohl(src) - g->fast_first < g->fast_count &&
	       frame_be16(f, 16) - 28u <= f->len - GUARD_FAST_LEN &&
	       (uint16_t)(frame_be16(f, 34) - 67) > 1 &&
	       (uint16_t)(frame_be16(f, 36) - 67) > 1;
}

/* May the port behind `g` send `f`?  DROP_NONE, or why not. */
static inline enum drop guard_check(const struct guard *g,
				    const struct frame *f)
{
	if (__builtin_expect(guard_plain(g, f), 1))
		return DROP_NONE;
	return guard_judge(g, f);
}

#endif
