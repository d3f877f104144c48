/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lacp_wire.h: LACPDUs and marker PDUs as bytes (802.1AX-2014 6.4.2, 6.5.3).
 * Pure.  What arrives is hostile.
 */
#ifndef CAUSEWAY_LACP_WIRE_H
#define CAUSEWAY_LACP_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "vlan/lacp.h"

enum lacp_wire_kind {
	LACP_WIRE_OTHER, /* not a slow protocol of ours: OAM, OSSP, ... */
	LACP_WIRE_BAD,   /* malformed */
	LACP_WIRE_PDU,
	LACP_WIRE_MARKER,
	LACP_WIRE_MARKER_RESPONSE,
};

struct lacp_marker {
	uint16_t port;
	uint8_t system[6];
	uint32_t transaction;
};

struct lacp_message {
	enum lacp_wire_kind kind;
	struct lacp_info actor, partner; /* of LACP_WIRE_PDU */
	struct lacp_marker marker;       /* of the two marker kinds */
};

/*
 * A frame from the destination MAC on.  As 6.4.12 demands, version, TLV types
 * and reserved bytes of an LACPDU are not looked at; its length and those of
 * its TLVs, which it permits to check, must be right.  An actor without system
 * is malformed: it has no identity.  Returns out->kind.
 */
enum lacp_wire_kind lacp_wire_parse(const uint8_t *frame, size_t len,
				    struct lacp_message *out);

void lacp_wire_pdu(uint8_t frame[LACP_FRAME_LEN], const uint8_t source[6],
		   const struct lacp_info *actor,
		   const struct lacp_info *partner);
void lacp_wire_marker_response(uint8_t frame[LACP_FRAME_LEN],
			       const uint8_t source[6],
			       const struct lacp_marker *marker);

#endif
