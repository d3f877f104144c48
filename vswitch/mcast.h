/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mcast.h: which ports of a segment want a multicast frame: IGMP v1 to v3 and
 * MLD v1 and v2 snooping (RFC 4541).
 *
 * Data path: mcast_ports() answers without a lock.  It follows pointers that
 * writers replace; a replaced object is handed to defer_free(), and must live
 * until every worker that may be reading has passed a quiescent point.
 *
 * Slow path: mcast_wants() says from a frame's private bytes whether it is
 * IGMP or MLD; if so the caller copies the frame into one piece of memory (at
 * most MCAST_FRAME_MAX bytes, the rest of longer ones is not a report we
 * follow) and calls mcast_input(), on any worker.  How many a burst may have
 * is the caller's bound.  Everything is allocated beforehand except the
 * arrays of ports that are published, at most 4 bytes a port each.
 *
 * Times are milliseconds of any coarse clock, compared modulo 2^32.
 */
#ifndef CAUSEWAY_MCAST_H
#define CAUSEWAY_MCAST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/burst.h"
#include "base/port.h"

#define MCAST_FRAME_MAX          1514
#define MCAST_GROUPS             4096 /* MAC groups, whole switch */
#define MCAST_GROUPS_PER_SEGMENT 1024
#define MCAST_GROUPS_PER_PORT    64     /* IP groups */
#define MCAST_MEMBER_MS          260000 /* 2 * 125 s + 10 s (RFC 3376 8.4) */
#define MCAST_QUERIER_MS         255000 /* 2 * 125 s + 5 s (RFC 3376 8.5) */
#define MCAST_LAST_MEMBER_MS     2000   /* 2 * 1 s (RFC 3376 8.8, 8.9) */
#define MCAST_NO_PORT            0xffff
#define MCAST_QUERY_MAX          96 /* bytes of mcast_query() */

enum mcast_role {
	MCAST_GUEST,  /* may join; its queries are dropped */
	MCAST_ROUTER, /* a guest that may send queries */
	MCAST_UPLINK, /* gets every group; may send queries */
};

/* Where frames of groups go that nobody has joined. */
enum mcast_unregistered {
	MCAST_AUTO,    /* to routers once a querier is known, else to all */
	MCAST_FLOOD,   /* to all */
	MCAST_ROUTERS, /* to routers, querier or not */
};

/* What to do with an IGMP or MLD frame. */
enum mcast_verdict {
	MCAST_PASS,       /* neither, or of no interest: as other multicast */
	MCAST_TO_ALL,     /* query: flood it */
	MCAST_TO_ROUTERS, /* report, leave: mcast_router_ports() only */
	MCAST_SPOOFED,    /* query of a guest: drop (DROP_NOT_ALLOWED) */
	MCAST_BAD,        /* checksum or format: drop (DROP_UNPARSED) */
};

struct mcast;

struct mcast_conf {
	uint32_t groups;
	uint32_t groups_per_segment;
	uint32_t groups_per_port;
	/*
	 * Call fn(p) once no reader can still see p.  Called by whoever
	 * changes something, with the module's lock held.
	 */
	void (*defer_free)(void *ctx, void (*fn)(void *p), void *p);
	void *ctx;
	uint64_t seed; /* 0: random (tests fix it) */
};

#define MCAST_CONF_DEFAULT                                                     \
	.groups = MCAST_GROUPS,                                                \
	.groups_per_segment = MCAST_GROUPS_PER_SEGMENT,                        \
	.groups_per_port = MCAST_GROUPS_PER_PORT

struct mcast_stats {
	uint64_t reports, leaves, queries;
	uint64_t bad, spoofed;
	uint64_t deferred;   /* the lock was busy: frame not looked at */
	uint64_t over_port;  /* joins refused by a port's cap */
	uint64_t over_table; /* by the segment's, or the switch's */
	uint32_t groups;     /* MAC groups now */
	uint32_t members;    /* (IP group, port) now */
};

struct mcast_member {
	uint16_t segment, port;
	uint8_t group[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint32_t left_ms;
};

/* 0, -EINVAL (no defer_free, a cap of 0) or -ENOMEM. */
int mcast_new(struct mcast **out, const struct mcast_conf *conf);
void mcast_free(struct mcast *m); /* NULL does nothing; no reader is left */

/* Control. */

/*
 * Snoop on a segment, or (snoop = false) flood all its multicast.  `uplink`
 * is always treated as a port with a router behind it.  Forgets what was
 * known of the segment if snooping ends or the uplink changes.
 */
void mcast_set_segment(struct mcast *m, uint16_t segment, bool snoop,
		       enum mcast_unregistered unregistered, uint16_t uplink);
void mcast_flush_segment(struct mcast *m, uint16_t segment);
void mcast_flush_port(struct mcast *m, uint16_t port);
/* The port is no more in that segment. */
void mcast_leave(struct mcast *m, uint16_t segment, uint16_t port);

/*
 * Expire members and queriers.  Call it some times a second; looks at the
 * next `records` members (0: all) and returns how many went.
 */
uint32_t mcast_age(struct mcast *m, uint32_t now_ms, uint32_t records);

/*
 * A general query (IGMPv3 or MLDv2, from 0.0.0.0 or fe80::) as a frame, for
 * a port that has just appeared, so that a guest that migrated here reports
 * its groups now and not up to two minutes later (RFC 4541 2.1.1).  Returns
 * its bytes, at most MCAST_QUERY_MAX.
 */
unsigned mcast_query(uint8_t buf[MCAST_QUERY_MAX], bool ipv6,
		     const uint8_t src_mac[6]);

void mcast_each(struct mcast *m, uint32_t now_ms,
		void (*cb)(void *ctx, const struct mcast_member *e), void *ctx);
void mcast_get_stats(const struct mcast *m, struct mcast_stats *out);

/* Data path. */

/* Is a canonical (untagged) frame IGMP or MLD? */
bool mcast_wants(const struct frame *f);

/* Judge such a frame, and learn from it. */
enum mcast_verdict mcast_input(struct mcast *m, uint16_t segment, uint16_t port,
			       enum mcast_role role, const uint8_t *bytes,
			       unsigned len, uint32_t now_ms);

/* What mcast_input() would say, without learning or counting; for traces. */
enum mcast_verdict mcast_foresee(const struct mcast *m, uint16_t segment,
				 enum mcast_role role, const uint8_t *bytes,
				 unsigned len);

/*
 * The ports that want a frame to `mac`, ascending, each once; the ingress
 * port may be among them.  -1: all ports of the segment.
 *
 * Always all: broadcast, what is not 01:00:5e or 33:33, and what would break
 * neighbours if a report got lost: 01:00:5e:00:00:xx (224.0.0.x),
 * 33:33:00:00:00:xx (ff02::1 and its like), 33:33:ff:xx:xx:xx
 * (solicited-node).
 */
int mcast_ports(const struct mcast *m, uint16_t segment, const uint8_t mac[6],
		uint16_t out[PORT_ID_MAX]);

/* The uplink and ports where a query was seen lately; ascending. */
unsigned mcast_router_ports(const struct mcast *m, uint16_t segment,
			    uint16_t out[PORT_ID_MAX]);

#endif
