/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lacp.h: link aggregation control, IEEE 802.1AX-2014 clause 6, for the
 * members of one bond (one aggregator of ours).
 *
 * Pure: time and PDUs in, PDUs and states out.  Each member has the receive,
 * periodic, selection, mux, transmit and churn machines of clause 6.4, and the
 * marker responder of 6.5.  Members whose partner differs from that of the
 * aggregation in use stand by: links to two switches never aggregate.
 *
 * Time is a monotonic millisecond count of the caller's, passed to each call.
 * Threads: one, the caller's.  Nothing here fails for want of memory after
 * lacp_new().
 */
#ifndef CAUSEWAY_LACP_H
#define CAUSEWAY_LACP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LACP_MEMBERS_MAX 8
#define LACP_FRAME_LEN 124 /* without FCS: both PDUs of slow protocols */
#define LACP_FAST_MS 1000
#define LACP_SLOW_MS 30000
#define LACP_TIMEOUTS 3 /* periods without a PDU: expired (6.4.12) */
#define LACP_WAIT_MS 2000   /* wait_while: Aggregate_Wait_Time (6.4.4) */
#define LACP_CHURN_MS 60000 /* Churn_Detection_Time */

/* Bits of an actor or partner state octet (6.4.2.3). */
enum lacp_state_bit {
	LACP_ACTIVITY = 1 << 0,
	LACP_TIMEOUT = 1 << 1, /* short */
	LACP_AGGREGATION = 1 << 2,
	LACP_SYNC = 1 << 3,
	LACP_COLLECTING = 1 << 4,
	LACP_DISTRIBUTING = 1 << 5,
	LACP_DEFAULTED = 1 << 6,
	LACP_EXPIRED = 1 << 7,
};

/* What one side says of itself about one port. */
struct lacp_info {
	uint16_t system_priority;
	uint8_t system[6];
	uint16_t key;
	uint16_t port_priority;
	uint16_t port;
	uint8_t state; /* enum lacp_state_bit */
};

struct lacp_conf {
	uint8_t system[6];	  /* MAC that identifies us */
	uint16_t system_priority; /* 65534 when 0 */
	bool passive;		  /* speak only when spoken to */
	bool fast;		  /* ask the partner for a PDU a second */
};

struct lacp_member_conf {
	uint8_t mac[6];		/* source of its PDUs */
	uint16_t port;		/* 1 to 65535, unique in the system */
	uint16_t port_priority; /* 32768 when 0 */
	uint16_t key;		/* members aggregate within one key */
};

enum lacp_receive { /* the receive machine, for people */
	LACP_RX_DISABLED, /* no link */
	LACP_RX_EXPIRED,
	LACP_RX_DEFAULTED, /* no partner */
	LACP_RX_CURRENT,
};

enum lacp_mux {
	LACP_MUX_DETACHED,
	LACP_MUX_WAITING,
	LACP_MUX_ATTACHED,
	LACP_MUX_COLLECTING,
	LACP_MUX_DISTRIBUTING,
};

struct lacp_facts {
	struct lacp_info actor, partner;
	enum lacp_receive receive;
	enum lacp_mux mux;
	bool selected;	     /* in the aggregation that is in use */
	bool actor_churn, partner_churn;
	uint64_t rx_pdus, tx_pdus;
	uint64_t rx_markers, tx_marker_responses;
	uint64_t rx_bad;     /* malformed: counted, ignored */
	uint64_t rx_own;     /* from our own system: a loop; ignored */
	uint64_t expired;    /* times the partner went silent */
};

struct lacp;

/* 0, -EINVAL (system zero or multicast) or -ENOMEM. */
int lacp_new(struct lacp **out, const struct lacp_conf *conf);
void lacp_free(struct lacp *lacp); /* NULL does nothing */
/* In place: members keep their partner unless `system` changes. */
void lacp_reconfigure(struct lacp *lacp, const struct lacp_conf *conf,
		      uint64_t now_ms);

/* member < LACP_MEMBERS_MAX.  A new one starts without link. */
void lacp_member_set(struct lacp *lacp, unsigned member,
		     const struct lacp_member_conf *conf, uint64_t now_ms);
void lacp_member_remove(struct lacp *lacp, unsigned member, uint64_t now_ms);
/* speed in Mb/s (0: unknown): members of other speeds do not aggregate. */
void lacp_member_link(struct lacp *lacp, unsigned member, bool up,
		      uint32_t speed_mbps, uint64_t now_ms);

/*
 * A slow protocols frame from this member's wire, from its destination MAC on,
 * without VLAN tags; hostile.  Returns false when it was malformed, or is not
 * LACP or marker.
 */
bool lacp_input(struct lacp *lacp, unsigned member, const uint8_t *frame,
		size_t len, uint64_t now_ms);

/*
 * Run every timer that is due, then send what is wanted: `send` gets whole
 * frames of LACP_FRAME_LEN bytes.  Call after every call above, and at the
 * time that it returns (UINT64_MAX: only when something happens).  A caller
 * that comes late feeds what has arrived first, or a partner that spoke in
 * time is taken for silent.
 */
uint64_t lacp_run(struct lacp *lacp, uint64_t now_ms,
		  void (*send)(void *ctx, unsigned member,
			       const uint8_t *frame, size_t len),
		  void *ctx);

/* Has some member a partner that is current? */
bool lacp_negotiated(const struct lacp *lacp);
bool lacp_collecting(const struct lacp *lacp, unsigned member);
bool lacp_distributing(const struct lacp *lacp, unsigned member);
/* False when there is no such member. */
bool lacp_member_facts(const struct lacp *lacp, unsigned member,
		       struct lacp_facts *facts);

#endif
