/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lldp.h: link layer discovery, IEEE 802.1AB-2016: what we say on one uplink,
 * and the neighbours that one uplink has heard.
 *
 * Pure: time and frames in, frames and neighbours out.  Frames from the wire
 * are hostile: bounded memory, text made printable, malformed ones counted.
 * Threads: one.  Time: monotonic milliseconds of the caller's.
 */
#ifndef CAUSEWAY_LLDP_H
#define CAUSEWAY_LLDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LLDP_FRAME_MAX 1500
#define LLDP_NEIGHBOURS_MAX 8 /* of one uplink; the oldest gives way */
#define LLDP_TEXT_MAX 256
#define LLDP_TX_INTERVAL_MS 30000
/* The first four after a link came up or somebody new was heard. */
#define LLDP_TX_FAST_MS 1000
#define LLDP_TTL_S 121

struct lldp_local {
	uint8_t chassis[6];	/* MAC: chassis id */
	uint8_t mac[6];		/* of the port: source address */
	char port[64];		/* interface name: port id and description */
	char system_name[LLDP_TEXT_MAX];
	char system_description[LLDP_TEXT_MAX];
	uint16_t pvid;		/* 802.1 port VLAN id; 0: none */
	uint32_t mtu;		/* 802.3 maximum frame size; 0: not said */
	bool aggregated;	/* link aggregation TLV: member of a bond */
	bool aggregation_capable;
	uint32_t aggregate_id;
};

struct lldp_neighbour {
	char chassis[LLDP_TEXT_MAX]; /* printable, by subtype */
	uint8_t chassis_type;
	char port[LLDP_TEXT_MAX];
	uint8_t port_type;
	char port_description[LLDP_TEXT_MAX];
	char system_name[LLDP_TEXT_MAX];
	char system_description[LLDP_TEXT_MAX];
	char management[64]; /* first address, or "" */
	uint16_t capabilities, enabled; /* 8.5.8 */
	uint16_t pvid;
	bool aggregated;
	uint16_t ttl_s;
	uint64_t heard_ms, until_ms;
};

struct lldp_facts {
	uint64_t tx, rx, rx_bad, aged_out, too_many;
	uint64_t rx_bad_tlvs; /* passed over in frames that were right */
};

struct lldp;

/* 0 or -ENOMEM.  tx, rx: whether to speak, whether to listen. */
int lldp_new(struct lldp **out, const struct lldp_local *local, bool tx,
	     bool rx, uint64_t now_ms);
void lldp_free(struct lldp *lldp); /* NULL does nothing */
/* Says goodbye under the old name, when that changes or tx ends. */
void lldp_reconfigure(struct lldp *lldp, const struct lldp_local *local,
		      bool tx, bool rx, uint64_t now_ms);
/* A new one starts without link.  One that goes down takes its neighbours. */
void lldp_link(struct lldp *lldp, bool up, uint64_t now_ms);
/*
 * From the destination MAC on, without VLAN tags.  False: malformed or not
 * LLDP.  Run lldp_run() after it.
 */
bool lldp_input(struct lldp *lldp, const uint8_t *frame, size_t len,
		uint64_t now_ms);
/* As lacp_run(): sends what is due, forgets who is silent. */
uint64_t lldp_run(struct lldp *lldp, uint64_t now_ms,
		  void (*send)(void *ctx, const uint8_t *frame, size_t len),
		  void *ctx);
/* The last words: a frame with TTL 0 (9.2.5.6).  Returns its length. */
size_t lldp_shutdown_frame(const struct lldp *lldp,
			   uint8_t frame[LLDP_FRAME_MAX]);

unsigned lldp_neighbour_count(const struct lldp *lldp);
/* In the order in which they were first heard; NULL: none such. */
const struct lldp_neighbour *lldp_neighbour(const struct lldp *lldp,
					    unsigned i);
void lldp_facts(const struct lldp *lldp, struct lldp_facts *facts);

#endif
