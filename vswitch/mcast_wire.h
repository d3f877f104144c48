/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mcast_wire.h: IGMP (RFC 1112, 2236, 3376) and MLD (RFC 2710, 3810) frames,
 * read into a plain value and, for queries, written.  Pure.
 *
 * Sources of IGMPv3 and MLDv2 are checked and then ignored: the switch knows
 * members of groups, not of channels.
 */
#ifndef CAUSEWAY_MCAST_WIRE_H
#define CAUSEWAY_MCAST_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#define MCAST_WIRE_MAX     1514 /* bytes looked at */
#define MCAST_WIRE_RECORDS 184  /* that many fit: (1514 - 42) / 8 */

enum mcast_kind {
	MCAST_OTHER, /* nothing we follow */
	MCAST_BROKEN,
	MCAST_QUERY,
	MCAST_REPORT, /* joins and leaves */
};

struct mcast_record {
	bool join; /* else leave */
	uint8_t group[16];
};

struct mcast_message {
	enum mcast_kind kind;
	bool ipv6;
	/* queries */
	bool general;         /* else about `group` */
	bool elected;         /* has a source address: a real querier */
	uint32_t response_ms; /* members answer within this */
	uint8_t group[16];    /* IPv4 as ::ffff:a.b.c.d */
	/* reports */
	unsigned count;
	struct mcast_record record[MCAST_WIRE_RECORDS];
};

/*
 * Does an untagged frame that begins with these bytes claim to be IGMP or
 * MLD?  Sees through hop-by-hop, routing and destination options.
 */
bool mcast_wire_claims(const uint8_t *bytes, unsigned len);

/* The whole frame, or its first MCAST_WIRE_MAX bytes; sets out->kind. */
void mcast_wire_parse(const uint8_t *bytes, unsigned len,
		      struct mcast_message *out);

/* The MAC address of a group (RFC 1112 6.4, RFC 2464 7). */
void mcast_wire_mac(const uint8_t group[16], uint8_t mac[6]);

/* See mcast_query(). */
unsigned mcast_wire_query(uint8_t *buf, bool ipv6, const uint8_t src_mac[6]);

#endif
