/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lldp_wire.h: LLDPDUs as bytes (802.1AB-2016 clause 8).  Pure.  What arrives
 * is hostile.
 */
#ifndef CAUSEWAY_LLDP_WIRE_H
#define CAUSEWAY_LLDP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vlan/lldp.h"

/* Chassis and port, each: subtype, length, up to 255 bytes. */
#define LLDP_MSAP_MAX (2 * (2 + 255))

struct lldp_message {
	struct lldp_neighbour says; /* all but the times */
	unsigned bad_tlvs;	    /* passed over: malformed or repeated */
	/* Who says it, to be compared as bytes. */
	size_t msap_len;
	uint8_t msap[LLDP_MSAP_MAX];
};

/*
 * A whole frame that says this; with ttl_s 0, only who falls silent (8.5.4).
 * Returns its length, 60 or more.
 */
size_t lldp_wire_build(const struct lldp_local *local, uint16_t ttl_s,
		       uint8_t frame[LLDP_FRAME_MAX]);

/*
 * A frame from the destination MAC on.  False: to be discarded as a whole
 * (9.2.7.7).  TLVs that are not known are passed over.  A missing End Of
 * LLDPDU is tolerated if the frame ends where a TLV does.
 */
bool lldp_wire_parse(const uint8_t *frame, size_t len,
		     struct lldp_message *out);

#endif
