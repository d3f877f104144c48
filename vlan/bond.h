/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bond.h: several uplinks as one, in the three modes that XenServer knows.
 *
 * Two halves.  The bond decides, on the control thread, from links, LACP and
 * load, with time passed in: pure.  Its table is what workers read of the
 * decisions: single words, written one by one while frames flow, so that a
 * failover is a few stores and needs no new view.
 *
 *	active-backup	one member at a time, both ways
 *	balance-slb	bucket of (source MAC, VLAN); the switch knows nothing,
 *			so what fans out is taken from the active member only,
 *			and frames that we sent are not taken back
 *	lacp		802.1AX; bucket of the flow or of the source MAC
 *
 * A frame leaves through member_of[its bucket].  Buckets move when a member
 * comes or goes and, every rebalance interval, to even out the load.
 *
 * docs/bonds.md says which mode to choose.
 */
#ifndef CAUSEWAY_BOND_H
#define CAUSEWAY_BOND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vlan/lacp.h"

#define BOND_MEMBERS_MAX LACP_MEMBERS_MAX
#define BOND_BUCKETS     256
#define BOND_NONE        0xff /* no member */
#define BOND_NAME_MAX    64

enum bond_mode { BOND_BALANCE_SLB, BOND_ACTIVE_BACKUP, BOND_LACP };
enum bond_hash { BOND_TCPUDP_PORTS, BOND_SRC_MAC }; /* lacp's choice */

/* XenServer's names and defaults; times in ms. */
struct bond_conf {
	char name[BOND_NAME_MAX];
	enum bond_mode mode;
	uint32_t updelay_ms;            /* 31000 */
	uint32_t downdelay_ms;          /* 200; carrier lost, summed up until
					 * it stays for ten times as long */
	uint32_t rebalance_interval_ms; /* 1800000; 0: never */
	int primary;                    /* member preferred as active, or -1 */
	enum bond_hash hash;            /* hashing-algorithm */
	bool fallback_ab;               /* lacp-fallback-ab, default true */
	struct lacp_conf lacp;
	uint32_t hash_basis;
};

/*
 * What workers read; written by the control thread, relaxed.  Each word is
 * safe beside any older or newer state of the others; use bond_takes() and
 * bond_bucket().
 */
struct bond_table {
	_Atomic uint16_t accept;       /* bit a member: its frames are taken */
	_Atomic uint16_t accept_flood; /* and those to group addresses */
	_Atomic bool refuse_moved;     /* SLB: a source that is known behind
					* another port is our own frame that
					* came back (see docs/bonds.md) */
	_Atomic bool only_home;        /* SLB: unicast is taken only where its
					* own bucket leaves */
	_Atomic bool hash_flow;        /* L3 and L4 too, not only MAC, VLAN */
	_Atomic bool up;               /* some member can send */
	_Atomic uint32_t basis;
	_Atomic uint8_t member_of[BOND_BUCKETS]; /* or BOND_NONE */
};

enum bond_event_kind {
	BOND_MEMBER_UP, /* may carry traffic from now on */
	BOND_MEMBER_DOWN,
	BOND_ACTIVE,     /* another active member: announce all addresses */
	BOND_MOVED,      /* buckets moved: announce those of their addresses */
	BOND_NEGOTIATED, /* LACP has a partner and aggregates with it:
			  * announce all addresses */
	BOND_LOST_PARTNER, /* aggregates no member any more */
	BOND_ALL_DOWN,
};

struct bond_event {
	enum bond_event_kind kind;
	uint8_t member; /* or BOND_NONE */
	uint64_t at_ms;
	uint64_t buckets[BOND_BUCKETS / 64]; /* BOND_MOVED: which */
	char why[96];                        /* "eth0 lost its carrier" */
};

struct bond_member_facts {
	char name[BOND_NAME_MAX];
	bool link;    /* carrier as last reported */
	bool enabled; /* may carry traffic */
	bool active;
	uint64_t delay_left_ms; /* of updelay or downdelay, 0: none runs */
	unsigned buckets;
	uint64_t load_bytes; /* of the last interval */
	uint32_t speed_mbps;
};

struct bond_facts {
	int active;      /* member, or -1 */
	bool negotiated; /* LACP aggregates with a partner */
	bool fallback;   /* while it does not, runs as active-backup */
	uint64_t rebalance_in_ms;
	uint64_t failovers;
	struct bond_event last_failover; /* BOND_ACTIVE, or BOND_MEMBER_DOWN
					  * of one that others replaced;
					  * at_ms 0: none */
};

struct bond;

/* Defaults as written above; name and lacp.system stay empty. */
void bond_conf_default(struct bond_conf *conf);
/* 0, -EINVAL or -ENOMEM. */
int bond_new(struct bond **out, const struct bond_conf *conf, uint64_t now_ms);
void bond_free(struct bond *bond); /* NULL does nothing; no worker reads it */
/*
 * Live: keeps members, partners and, where the mode allows, buckets.  0 or
 * -EINVAL: nothing changed.
 */
int bond_reconfigure(struct bond *bond, const struct bond_conf *conf,
		     uint64_t now_ms);
/* Lives as long as the bond. */
struct bond_table *bond_table(struct bond *bond);

/* member < BOND_MEMBERS_MAX; a new one starts without link. */
void bond_member_set(struct bond *bond, unsigned member, const char *name,
		     const struct lacp_member_conf *lacp, uint64_t now_ms);
void bond_member_remove(struct bond *bond, unsigned member, uint64_t now_ms);
/*
 * Carrier, speed in Mb/s or 0.  A member whose link goes down is replaced
 * after downdelay; the last one, and one that replaces nobody, without delay.
 * The first report is of the state found: if up, without updelay, unless other
 * members carry traffic already.
 */
void bond_member_link(struct bond *bond, unsigned member, bool up,
		      uint32_t speed_mbps, uint64_t now_ms);
/*
 * By hand (switchctl bond set-active); holds against `primary` until that
 * member is lost.  0, or -EINVAL: not enabled, or LACP has no active member.
 */
int bond_set_active(struct bond *bond, unsigned member, uint64_t now_ms);

/* A slow protocols frame; see lacp_input(). */
bool bond_slow_input(struct bond *bond, unsigned member, const uint8_t *frame,
		     size_t len, uint64_t now_ms);

/*
 * Run what is due and bring the table up to date.  `send` takes slow protocols
 * frames.  Call after every call above and at the time that it returns.
 */
uint64_t bond_run(struct bond *bond, uint64_t now_ms,
		  void (*send)(void *ctx, unsigned member, const uint8_t *frame,
			       size_t len),
		  void *ctx);
/* The oldest event not yet taken; false: none.  Up to 64 are kept. */
bool bond_next_event(struct bond *bond, struct bond_event *event);

/*
 * Rebalancing: is it time?  Then hand over the bytes each bucket has sent
 * since the last time; it moves as few buckets as even the load out by a
 * useful amount (balance-slb and lacp).  bond_run() asks to be called when it
 * becomes time, but not again and again if nobody does.
 */
bool bond_wants_loads(const struct bond *bond, uint64_t now_ms);
void bond_rebalance(struct bond *bond, const uint64_t bytes[BOND_BUCKETS],
		    uint64_t now_ms);

/*
 * Which bucket an address of a VLAN (of the outermost tag, 0: none) is in,
 * when flows are not hashed.
 */
unsigned bond_bucket_of_mac(const struct bond_table *table,
			    const uint8_t mac[6], uint16_t vid);
/*
 * The bucket of a frame as it leaves: `hdr` its first `len` bytes from the
 * destination MAC on, tags included (MAC and VLAN always; with hash_flow also
 * IPv4, IPv6 addresses and TCP, UDP ports; fragments without ports).  For
 * workers: no branch on anything but the frame and the table.
 */
unsigned bond_bucket(const struct bond_table *table, const uint8_t *hdr,
		     unsigned len);

/*
 * Is a frame to `dst`, which came from this member's wire with this VID in its
 * outermost tag (0: none), taken?  What SLB needs to know of its source
 * (refuse_moved) is the caller's.
 */
static inline bool bond_takes(const struct bond_table *table, unsigned member,
			      const uint8_t dst[6], uint16_t vid)
{
	const memory_order any = memory_order_relaxed;
	unsigned bucket;

	if (dst[0] & 1)
		return atomic_load_explicit(&table->accept_flood, any) >>
			       member &
		       1;
	if (!(atomic_load_explicit(&table->accept, any) >> member & 1))
		return false;
	if (!atomic_load_explicit(&table->only_home, any))
		return true;
	bucket = bond_bucket_of_mac(table, dst, vid);
	return atomic_load_explicit(&table->member_of[bucket], any) == member;
}

void bond_facts(const struct bond *bond, uint64_t now_ms,
		struct bond_facts *facts);
/* False when there is no such member. */
bool bond_member_facts(const struct bond *bond, unsigned member,
		       uint64_t now_ms, struct bond_member_facts *facts);
/* NULL unless the mode is lacp. */
const struct lacp *bond_lacp(const struct bond *bond);

#endif
