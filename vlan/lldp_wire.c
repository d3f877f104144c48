/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lldp_wire.c: an LLDPDU is a list of TLVs of 7 bits of type and 9 of length.
 *
 * Chassis, port and time to live come first, in this order and once, and End
 * comes last.  An error in these makes the whole frame worthless; an error in
 * one of the others costs that one.  Text from the wire is for people and for
 * JSON: what is not printable ASCII becomes a question mark, and ids that are
 * not text become hexadecimal.
 */
#include "vlan/lldp_wire.h"

#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>

#define ETHERTYPE      0x88cc
#define HEADER_BYTES   14
#define FRAME_MIN      60
#define FRAME_OVERHEAD 18  /* MACs, type, FCS: 802.3 79.3.4 counts them */
#define TEXT_BYTES     255 /* 8.5.5 to 8.5.7 */
#define ID_BYTES       255

enum tlv {
	TLV_END,
	TLV_CHASSIS,
	TLV_PORT,
	TLV_TTL,
	TLV_PORT_DESCRIPTION,
	TLV_SYSTEM_NAME,
	TLV_SYSTEM_DESCRIPTION,
	TLV_CAPABILITIES,
	TLV_MANAGEMENT,
	TLV_ORGANIZATION = 127,
};

enum { CHASSIS_MAC = 4, CHASSIS_NETWORK = 5 };
enum { PORT_MAC = 3, PORT_NETWORK = 4, PORT_IFNAME = 5 };
enum { FAMILY_IPV4 = 1, FAMILY_IPV6 = 2 }; /* IANA address families */

#define CAPABILITY_BRIDGE 0x0004

#define OUI_8021            0x0080c2
#define OUI_8023            0x00120f
#define ORG(oui, subtype)   ((uint32_t)(oui) << 8 | (subtype))
#define ORG_PVID            ORG(OUI_8021, 1)
#define ORG_AGGREGATION     ORG(OUI_8021, 7)
#define ORG_AGGREGATION_OLD ORG(OUI_8023, 3) /* before 802.1AX-2008 */
#define ORG_FRAME_MAX       ORG(OUI_8023, 4)

#define AGGREGATION_CAPABLE 0x01
#define AGGREGATION_ENABLED 0x02

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static uint16_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

/* --- to bytes ----------------------------------------------------------- */

struct out {
	uint8_t *frame;
	size_t len; /* what we say never comes near LLDP_FRAME_MAX */
};

static void put(struct out *o, const void *bytes, size_t len)
{
	memcpy(o->frame + o->len, bytes, len);
	o->len += len;
}

static void put8(struct out *o, uint8_t v)
{
	o->frame[o->len++] = v;
}

static void put16(struct out *o, uint16_t v)
{
	put8(o, v >> 8);
	put8(o, v);
}

static void put32(struct out *o, uint32_t v)
{
	put16(o, v >> 16);
	put16(o, v);
}

static void put_tlv(struct out *o, enum tlv type, size_t len)
{
	put16(o, type << 9 | len);
}

static void put_text(struct out *o, enum tlv type, const char *text, size_t max)
{
	size_t len = strnlen(text, max);

	if (len > TEXT_BYTES)
		len = TEXT_BYTES;
	if (!len)
		return;
	put_tlv(o, type, len);
	put(o, text, len);
}

/* Chassis, port, time to live. */
static void put_mandatory(struct out *o, const struct lldp_local *local,
			  uint16_t ttl_s)
{
	size_t len = strnlen(local->port, sizeof(local->port));

	put_tlv(o, TLV_CHASSIS, 1 + 6);
	put8(o, CHASSIS_MAC);
	put(o, local->chassis, 6);
	put_tlv(o, TLV_PORT, 1 + (len ? len : 6));
	put8(o, len ? PORT_IFNAME : PORT_MAC);
	if (len)
		put(o, local->port, len);
	else
		put(o, local->mac, 6);
	put_tlv(o, TLV_TTL, 2);
	put16(o, ttl_s);
}

static void put_organization(struct out *o, uint32_t what, size_t len)
{
	put_tlv(o, TLV_ORGANIZATION, 4 + len);
	put32(o, what);
}

static void put_optional(struct out *o, const struct lldp_local *local)
{
	put_text(o, TLV_PORT_DESCRIPTION, local->port, sizeof(local->port));
	put_text(o, TLV_SYSTEM_NAME, local->system_name,
		 sizeof(local->system_name));
	put_text(o, TLV_SYSTEM_DESCRIPTION, local->system_description,
		 sizeof(local->system_description));
	put_tlv(o, TLV_CAPABILITIES, 4);
	put16(o, CAPABILITY_BRIDGE);
	put16(o, CAPABILITY_BRIDGE);
	if (local->pvid) {
		put_organization(o, ORG_PVID, 2);
		put16(o, local->pvid);
	}
	if (local->aggregated || local->aggregation_capable) {
		put_organization(o, ORG_AGGREGATION, 5);
		put8(o, AGGREGATION_CAPABLE |
				(local->aggregated ? AGGREGATION_ENABLED : 0));
		put32(o, local->aggregated ? local->aggregate_id : 0);
	}
	if (local->mtu) {
		put_organization(o, ORG_FRAME_MAX, 2);
		put16(o, local->mtu < UINT16_MAX - FRAME_OVERHEAD
				 ? local->mtu + FRAME_OVERHEAD
				 : UINT16_MAX);
	}
}

size_t lldp_wire_build(const struct lldp_local *local, uint16_t ttl_s,
		       uint8_t frame[LLDP_FRAME_MAX])
{
	/* Nearest bridge: no other device passes it on (7.1). */
	static const uint8_t group[6] = { 0x01, 0x80, 0xc2, 0, 0, 0x0e };
	struct out o = { .frame = frame };

	put(&o, group, 6);
	put(&o, local->mac, 6);
	put16(&o, ETHERTYPE);
	put_mandatory(&o, local, ttl_s);
	if (ttl_s)
		put_optional(&o, local);
	put_tlv(&o, TLV_END, 0);
	while (o.len < FRAME_MIN)
		put8(&o, 0);
	return o.len;
}

/* --- to text -------------------------------------------------------------- */

static bool is_printable(uint8_t c)
{
	return c >= 0x20 && c < 0x7f;
}

static void to_text(char out[LLDP_TEXT_MAX], const uint8_t *p, size_t len)
{
	size_t n = 0;

	for (; n < len && n < LLDP_TEXT_MAX - 1; n++)
		out[n] = is_printable(p[n]) ? p[n] : '?';
	/* Some switches end their text with a NUL or a newline. */
	while (n && out[n - 1] == '?' && !is_printable(p[n - 1]) &&
	       (!p[n - 1] || p[n - 1] == '\n' || p[n - 1] == '\r'))
		n--;
	out[n] = '\0';
}

static void to_hex(char out[LLDP_TEXT_MAX], const uint8_t *p, size_t len)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < len && n + 3 < LLDP_TEXT_MAX; i++)
		n += snprintf(out + n, LLDP_TEXT_MAX - n, i ? ":%02x" : "%02x",
			      p[i]);
}

static bool to_address(char *out, size_t size, uint8_t family, const uint8_t *p,
		       size_t len)
{
	if (family == FAMILY_IPV4 && len == 4)
		return inet_ntop(AF_INET, p, out, size);
	if (family == FAMILY_IPV6 && len == 16)
		return inet_ntop(AF_INET6, p, out, size);
	return false;
}

/* A chassis or port id without its subtype; len >= 1. */
static void to_id(char out[LLDP_TEXT_MAX], bool mac, bool network,
		  const uint8_t *p, size_t len)
{
	bool text = true;

	if (network && to_address(out, LLDP_TEXT_MAX, p[0], p + 1, len - 1))
		return;
	for (size_t i = 0; i < len; i++)
		text = text && is_printable(p[i]);
	if (text && !mac && !network)
		to_text(out, p, len);
	else
		to_hex(out, p, len);
}

/* --- from bytes -------------------------------------------------------------
 */

struct tlv_in {
	enum tlv type;
	size_t len;
	const uint8_t *p;
};

struct in {
	const uint8_t *p;
	size_t left;
};

/* The next one; false: there is none, or it is cut off. */
static bool next_tlv(struct in *in, struct tlv_in *t)
{
	uint16_t head;

	if (in->left < 2)
		return false;
	head = get16(in->p);
	t->type = head >> 9;
	t->len = head & 0x1ff;
	t->p = in->p + 2;
	if (t->len > in->left - 2)
		return false;
	in->p += 2 + t->len;
	in->left -= 2 + t->len;
	return true;
}

static bool take_id(struct in *in, enum tlv type, struct lldp_message *m,
		    struct tlv_in *t)
{
	if (!next_tlv(in, t) || t->type != type || t->len < 2 ||
	    t->len > 1 + ID_BYTES)
		return false;
	m->msap[m->msap_len++] = t->len;
	memcpy(m->msap + m->msap_len, t->p, t->len);
	m->msap_len += t->len;
	return true;
}

static bool take_mandatory(struct in *in, struct lldp_message *m)
{
	struct lldp_neighbour *n = &m->says;
	struct tlv_in t;

	if (!take_id(in, TLV_CHASSIS, m, &t))
		return false;
	n->chassis_type = t.p[0];
	to_id(n->chassis, t.p[0] == CHASSIS_MAC, t.p[0] == CHASSIS_NETWORK,
	      t.p + 1, t.len - 1);
	if (!take_id(in, TLV_PORT, m, &t))
		return false;
	n->port_type = t.p[0];
	to_id(n->port, t.p[0] == PORT_MAC, t.p[0] == PORT_NETWORK, t.p + 1,
	      t.len - 1);
	if (!next_tlv(in, &t) || t.type != TLV_TTL || t.len < 2)
		return false;
	n->ttl_s = get16(t.p);
	return true;
}

static bool take_text(char out[LLDP_TEXT_MAX], const struct tlv_in *t)
{
	if (t->len > TEXT_BYTES)
		return false;
	to_text(out, t->p, t->len);
	return true;
}

/*
 * 8.5.9: length of what follows up to the address's end, family, address,
 * interface numbering and number, length of an OID, OID.  The OID is of no
 * use to us, so one that is cut off costs nothing.
 */
static bool take_management(struct lldp_neighbour *n, const struct tlv_in *t)
{
	char text[LLDP_TEXT_MAX];
	size_t len;

	if (t->len < 9)
		return false;
	len = t->p[0];
	if (len < 2 || len > 32 || 1 + len + 6 > t->len)
		return false;
	if (n->management[0]) /* the first counts; more may come */
		return true;
	if (!to_address(n->management, sizeof(n->management), t->p[1], t->p + 2,
			len - 1)) {
		to_hex(text, t->p + 2, len - 1);
		snprintf(n->management, sizeof(n->management), "%.63s", text);
	}
	return true;
}

static bool take_organization(struct lldp_neighbour *n, const struct tlv_in *t)
{
	if (t->len < 4)
		return false;
	switch (get32(t->p)) {
	case ORG_PVID:
		if (t->len < 4 + 2)
			return false;
		n->pvid = get16(t->p + 4);
		return true;
	case ORG_AGGREGATION:
	case ORG_AGGREGATION_OLD:
		if (t->len < 4 + 5)
			return false;
		n->aggregated = t->p[4] & AGGREGATION_ENABLED;
		return true;
	default:
		return true;
	}
}

static bool take_optional(struct lldp_neighbour *n, const struct tlv_in *t)
{
	switch (t->type) {
	case TLV_PORT_DESCRIPTION:
		return take_text(n->port_description, t);
	case TLV_SYSTEM_NAME:
		return take_text(n->system_name, t);
	case TLV_SYSTEM_DESCRIPTION:
		return take_text(n->system_description, t);
	case TLV_CAPABILITIES:
		if (t->len < 4)
			return false;
		n->capabilities = get16(t->p);
		n->enabled = get16(t->p + 2);
		return true;
	case TLV_MANAGEMENT:
		return take_management(n, t);
	case TLV_ORGANIZATION:
		return take_organization(n, t);
	default:
		return true;
	}
}

/* All up to the end; false: the frame is malformed. */
static bool take_rest(struct in *in, struct lldp_message *m)
{
	uint32_t seen = 0; /* types that come once at most */
	struct tlv_in t;

	while (in->left) {
		if (!next_tlv(in, &t) ||
		    (t.type >= TLV_CHASSIS && t.type <= TLV_TTL))
			return false;
		if (t.type == TLV_END)
			return !t.len; /* behind it is padding */
		if (t.type <= TLV_CAPABILITIES && seen & 1u << t.type)
			m->bad_tlvs++;
		else if (!take_optional(&m->says, &t))
			m->bad_tlvs++;
		if (t.type <= TLV_CAPABILITIES)
			seen |= 1u << t.type;
	}
	return true;
}

/* 01:80:c2:00:00:0e, :03 and :00 (7.1). */
static bool is_for_us(const uint8_t *dst)
{
	return !memcmp(dst, "\x01\x80\xc2\x00\x00", 5) &&
	       (dst[5] == 0x0e || dst[5] == 0x03 || dst[5] == 0x00);
}

bool lldp_wire_parse(const uint8_t *frame, size_t len, struct lldp_message *out)
{
	struct in in;

	memset(out, 0, sizeof(*out));
	if (len < HEADER_BYTES || !is_for_us(frame) ||
	    get16(frame + 12) != ETHERTYPE)
		return false;
	in = (struct in){ frame + HEADER_BYTES, len - HEADER_BYTES };
	return take_mandatory(&in, out) && take_rest(&in, out);
}
