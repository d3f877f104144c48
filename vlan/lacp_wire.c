/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lacp_wire.c: the two PDUs, field by field.
 *
 *	LACPDU				marker PDU
 *	14 subtype 1, 15 version	14 subtype 2, 15 version
 *	16 actor TLV, 20 bytes		16 marker TLV, 16 bytes
 *	36 partner TLV, 20 bytes	32 terminator
 *	56 collector TLV, 16 bytes	34 reserved
 *	72 terminator, 74 reserved
 *
 * Both end at 124.  Version 2 puts further TLVs where version 1 has its
 * terminator and may be longer; nothing behind the collector TLV is read.
 */
#include "vlan/lacp_wire.h"

#include <stdbool.h>
#include <string.h>

#define SUBTYPE_LACP   1
#define SUBTYPE_MARKER 2
#define SUBTYPE_OAM    3  /* 802.3 clause 57 */
#define SUBTYPE_OSSP   10 /* 802.3 annex 57B */

#define AT_TYPE      12
#define AT_SUBTYPE   14
#define AT_VERSION   15
#define AT_ACTOR     16
#define AT_PARTNER   36
#define AT_COLLECTOR 56
#define AT_MARKER    16

#define TLV_ACTOR           1
#define TLV_PARTNER         2
#define TLV_COLLECTOR       3
#define TLV_MARKER          1
#define TLV_MARKER_RESPONSE 2

#define INFO_LEN      20
#define COLLECTOR_LEN 16
#define MARKER_LEN    16

static const uint8_t slow_mac[6] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x02 };

static uint16_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static void get_info(const uint8_t *tlv, struct lacp_info *info)
{
	info->system_priority = get16(tlv + 2);
	memcpy(info->system, tlv + 4, 6);
	info->key = get16(tlv + 10);
	info->port_priority = get16(tlv + 12);
	info->port = get16(tlv + 14);
	info->state = tlv[16];
}

static void put_info(uint8_t *tlv, uint8_t type, const struct lacp_info *info)
{
	tlv[0] = type;
	tlv[1] = INFO_LEN;
	put16(tlv + 2, info->system_priority);
	memcpy(tlv + 4, info->system, 6);
	put16(tlv + 10, info->key);
	put16(tlv + 12, info->port_priority);
	put16(tlv + 14, info->port);
	tlv[16] = info->state;
}

static enum lacp_wire_kind parse_pdu(const uint8_t *frame,
				     struct lacp_message *out)
{
	static const uint8_t nobody[6];

	if (frame[AT_ACTOR + 1] != INFO_LEN ||
	    frame[AT_PARTNER + 1] != INFO_LEN ||
	    frame[AT_COLLECTOR + 1] != COLLECTOR_LEN)
		return LACP_WIRE_BAD;
	get_info(frame + AT_ACTOR, &out->actor);
	get_info(frame + AT_PARTNER, &out->partner);
	if (!memcmp(out->actor.system, nobody, 6))
		return LACP_WIRE_BAD;
	return LACP_WIRE_PDU;
}

static enum lacp_wire_kind parse_marker(const uint8_t *frame,
					struct lacp_message *out)
{
	const uint8_t *tlv = frame + AT_MARKER;

	if (tlv[1] != MARKER_LEN)
		return LACP_WIRE_BAD;
	out->marker.port = get16(tlv + 2);
	memcpy(out->marker.system, tlv + 4, 6);
	out->marker.transaction =
		(uint32_t)get16(tlv + 10) << 16 | get16(tlv + 12);
	switch (tlv[0]) {
	case TLV_MARKER:
		return LACP_WIRE_MARKER;
	case TLV_MARKER_RESPONSE:
		return LACP_WIRE_MARKER_RESPONSE;
	default:
		return LACP_WIRE_BAD;
	}
}

/* OAM may be shorter than our PDUs: decided before their length is. */
static enum lacp_wire_kind parse(const uint8_t *frame, size_t len,
				 struct lacp_message *out)
{
	if (len < AT_SUBTYPE + 1 || get16(frame + AT_TYPE) != 0x8809)
		return LACP_WIRE_OTHER;
	if (frame[AT_SUBTYPE] == SUBTYPE_OAM ||
	    frame[AT_SUBTYPE] == SUBTYPE_OSSP)
		return LACP_WIRE_OTHER;
	if (len < LACP_FRAME_LEN || memcmp(frame, slow_mac, 6) ||
	    (frame[6] & 1)) /* 802.3 57A.3: always that group address */
		return LACP_WIRE_BAD;
	if (frame[AT_SUBTYPE] == SUBTYPE_LACP)
		return parse_pdu(frame, out);
	if (frame[AT_SUBTYPE] == SUBTYPE_MARKER)
		return parse_marker(frame, out);
	return LACP_WIRE_BAD;
}

enum lacp_wire_kind lacp_wire_parse(const uint8_t *frame, size_t len,
				    struct lacp_message *out)
{
	*out = (struct lacp_message){ .kind = LACP_WIRE_OTHER };
	out->kind = parse(frame, len, out);
	return out->kind;
}

static void start(uint8_t frame[LACP_FRAME_LEN], const uint8_t source[6],
		  uint8_t subtype)
{
	memset(frame, 0, LACP_FRAME_LEN);
	memcpy(frame, slow_mac, 6);
	memcpy(frame + 6, source, 6);
	put16(frame + AT_TYPE, 0x8809);
	frame[AT_SUBTYPE] = subtype;
	frame[AT_VERSION] = 1;
}

void lacp_wire_pdu(uint8_t frame[LACP_FRAME_LEN], const uint8_t source[6],
		   const struct lacp_info *actor,
		   const struct lacp_info *partner)
{
	start(frame, source, SUBTYPE_LACP);
	put_info(frame + AT_ACTOR, TLV_ACTOR, actor);
	put_info(frame + AT_PARTNER, TLV_PARTNER, partner);
	frame[AT_COLLECTOR] = TLV_COLLECTOR; /* its delay: we hold no frames */
	frame[AT_COLLECTOR + 1] = COLLECTOR_LEN;
}

void lacp_wire_marker_response(uint8_t frame[LACP_FRAME_LEN],
			       const uint8_t source[6],
			       const struct lacp_marker *marker)
{
	uint8_t *tlv = frame + AT_MARKER;

	start(frame, source, SUBTYPE_MARKER);
	tlv[0] = TLV_MARKER_RESPONSE;
	tlv[1] = MARKER_LEN;
	put16(tlv + 2, marker->port);
	memcpy(tlv + 4, marker->system, 6);
	put16(tlv + 10, marker->transaction >> 16);
	put16(tlv + 12, marker->transaction);
}
