/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mcast_wire.c: IGMP and MLD frames.
 *
 * A frame is checked whole before anything of it is believed: lengths of all
 * records, both checksums, and for MLD the hop limit, the link-local source
 * and the place of the header (RFC 3810 5, 6.2).  What claims to be IGMP or
 * MLD and fails is MCAST_BROKEN, so that nothing passes here that a guest's
 * own stack might read more generously.
 */
#include "vswitch/mcast_wire.h"

#include <string.h>

#define ETH         14
#define IP4_MIN     20
#define IP6         40
#define PROTO_IGMP  2
#define PROTO_ICMP6 58
#define EXT_MAX     8 /* extension headers followed */

enum {
	IGMP_QUERY = 0x11,
	IGMP_V1_REPORT = 0x12,
	IGMP_V2_REPORT = 0x16,
	IGMP_V2_LEAVE = 0x17,
	IGMP_V3_REPORT = 0x22,
	MLD_QUERY = 130,
	MLD_V1_REPORT = 131,
	MLD_V1_DONE = 132,
	MLD_V2_REPORT = 143,
};

/* Record types of IGMPv3 (RFC 3376 4.2.12); MLDv2's are the same. */
enum {
	MODE_IS_INCLUDE = 1,
	MODE_IS_EXCLUDE,
	CHANGE_TO_INCLUDE,
	CHANGE_TO_EXCLUDE,
	ALLOW_NEW_SOURCES,
	BLOCK_OLD_SOURCES,
};

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = v >> 8;
	p[1] = v;
}

/* One's complement sum (RFC 1071), folded; 0xffff over what is intact. */
static uint16_t sum16(const uint8_t *p, unsigned len, uint32_t sum)
{
	for (; len > 1; p += 2, len -= 2)
		sum += be16(p);
	if (len)
		sum += (uint32_t)p[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t pseudo6(const uint8_t *ip, unsigned len)
{
	return sum16(ip + 8, 32, len + PROTO_ICMP6);
}

/*
 * The ICMPv6 header behind extension headers: its offset, or 0.  *plain says
 * that there was one hop-by-hop header before it and nothing else.
 */
static unsigned find_icmp6(const uint8_t *b, unsigned len, bool *plain)
{
	unsigned at = ETH + IP6, n;
	uint8_t next;

	if (len < at)
		return 0;
	next = b[ETH + 6];
	*plain = next == 0;
	for (n = 0; n < EXT_MAX && len >= at + 8; n++) {
		if (next == PROTO_ICMP6) {
			*plain = *plain && n == 1;
			return at;
		}
		if (next != 0 && next != 43 && next != 60)
			return 0;
		next = b[at];
		at += (b[at + 1] + 1u) * 8;
	}
	return 0;
}

static bool is_mld(uint8_t type)
{
	return (type >= MLD_QUERY && type <= MLD_V1_DONE) ||
	       type == MLD_V2_REPORT;
}

bool mcast_wire_claims(const uint8_t *b, unsigned len)
{
	unsigned at;
	bool plain;

	if (len < ETH + IP4_MIN)
		return false;
	if (be16(b + 12) == 0x0800)
		return b[ETH + 9] == PROTO_IGMP;
	if (be16(b + 12) != 0x86dd)
		return false;
	at = find_icmp6(b, len, &plain);
	return at && is_mld(b[at]);
}

void mcast_wire_mac(const uint8_t group[16], uint8_t mac[6])
{
	if (group[0] == 0xff) {
		mac[0] = mac[1] = 0x33;
		memcpy(mac + 2, group + 12, 4);
		return;
	}
	mac[0] = 0x01;
	mac[1] = 0x00;
	mac[2] = 0x5e;
	mac[3] = group[13] & 0x7f;
	memcpy(mac + 4, group + 14, 2);
}

/* An address of either family as 16 bytes. */
static void take_group(uint8_t to[16], const uint8_t *from, bool ipv6)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (ipv6) {
		memcpy(to, from, 16);
		return;
	}
	memcpy(to, mapped, sizeof(mapped));
	memcpy(to + 12, from, 4);
}

static bool is_multicast(const uint8_t group[16], bool ipv6)
{
	return ipv6 ? group[0] == 0xff : group[12] >> 4 == 0xe;
}

static bool add_record(struct mcast_message *out, const uint8_t *group,
		       bool join)
{
	struct mcast_record *r = &out->record[out->count];

	if (out->count == MCAST_WIRE_RECORDS)
		return false;
	take_group(r->group, group, out->ipv6);
	r->join = join;
	out->count++;
	return is_multicast(r->group, out->ipv6);
}

/* What a record of IGMPv3 or MLDv2 means to one who ignores sources. */
static bool add_typed(struct mcast_message *out, const uint8_t *group,
		      uint8_t type, unsigned sources)
{
	switch (type) {
	case MODE_IS_EXCLUDE:
	case CHANGE_TO_EXCLUDE:
	case ALLOW_NEW_SOURCES:
		return add_record(out, group, true);
	case MODE_IS_INCLUDE:
		return !sources || add_record(out, group, true);
	case CHANGE_TO_INCLUDE:
		return add_record(out, group, sources > 0);
	default: /* BLOCK_OLD_SOURCES, and types to come (RFC 3376 4.2.12) */
		return true;
	}
}

/* Both protocols: 8 bytes, the last two the count; then records. */
static bool parse_records(struct mcast_message *out, const uint8_t *p,
			  unsigned len)
{
	unsigned n = be16(p + 6), alen = out->ipv6 ? 16 : 4, at = 8;

	for (; n; n--) {
		unsigned sources, size;

		if (len - at < 4 + alen)
			return false;
		sources = be16(p + at + 2);
		size = 4 + alen + sources * alen + p[at + 1] * 4u;
		if (len - at < size ||
		    !add_typed(out, p + at + 4, p[at], sources))
			return false;
		at += size;
	}
	return true;
}

static bool is_zero(const uint8_t *p, unsigned len)
{
	while (len--)
		if (*p++)
			return false;
	return true;
}

static bool parse_query(struct mcast_message *out, const uint8_t *group,
			uint32_t response_ms, const uint8_t *src)
{
	unsigned alen = out->ipv6 ? 16 : 4;

	out->kind = MCAST_QUERY;
	out->general = is_zero(group, alen);
	out->elected = !is_zero(src, alen);
	out->response_ms = response_ms < 25000 ? response_ms : 25000;
	take_group(out->group, group, out->ipv6);
	return out->general || is_multicast(out->group, out->ipv6);
}

/* Max Resp Code (RFC 3376 4.1.1); version 1 has none and means 10 s. */
static uint32_t igmp_response_ms(uint8_t code, unsigned len)
{
	if (!code)
		return len >= 12 ? 0 : 10000;
	if (code < 128 || len < 12)
		return code * 100u;
	return (((code & 0xfu) | 0x10u) << (((code >> 4) & 7u) + 3)) * 100u;
}

static bool parse_igmp(struct mcast_message *out, const uint8_t *ip,
		       const uint8_t *p, unsigned len)
{
	out->kind = MCAST_REPORT;
	switch (p[0]) {
	case IGMP_QUERY:
		return parse_query(out, p + 4, igmp_response_ms(p[1], len),
				   ip + 12);
	case IGMP_V1_REPORT:
	case IGMP_V2_REPORT:
	case IGMP_V2_LEAVE:
		return add_record(out, p + 4, p[0] != IGMP_V2_LEAVE);
	case IGMP_V3_REPORT:
		return parse_records(out, p, len);
	default: /* PIMv1, DVMRP, mtrace */
		out->kind = MCAST_OTHER;
		return true;
	}
}

static bool parse_ip4(struct mcast_message *out, const uint8_t *b, unsigned len)
{
	const uint8_t *ip = b + ETH;
	unsigned hlen = (ip[0] & 0xfu) * 4, total = be16(ip + 2);

	if (ip[0] >> 4 != 4 || hlen < IP4_MIN || total < hlen + 8 ||
	    total > len - ETH || (be16(ip + 6) & 0x3fff) ||
	    sum16(ip, hlen, 0) != 0xffff ||
	    sum16(ip + hlen, total - hlen, 0) != 0xffff)
		return false;
	return parse_igmp(out, ip, ip + hlen, total - hlen);
}

static bool parse_mld(struct mcast_message *out, const uint8_t *ip,
		      const uint8_t *p, unsigned len)
{
	if (p[0] == MLD_V2_REPORT) {
		out->kind = MCAST_REPORT;
		return parse_records(out, p, len);
	}
	if (len < 24)
		return false;
	if (p[0] == MLD_QUERY)
		return parse_query(out, p + 8, be16(p + 4), ip + 8) &&
		       out->elected;
	out->kind = MCAST_REPORT;
	return add_record(out, p + 8, p[0] == MLD_V1_REPORT);
}

/* fe80::/10, or the unspecified address of a host without one yet */
static bool link_local_source(const uint8_t *ip)
{
	return (ip[8] == 0xfe && (ip[9] & 0xc0) == 0x80) || is_zero(ip + 8, 16);
}

static bool parse_ip6(struct mcast_message *out, const uint8_t *b, unsigned len)
{
	const uint8_t *ip = b + ETH;
	unsigned total = be16(ip + 4) + IP6, at;
	bool plain;

	out->ipv6 = true;
	if (total > len - ETH)
		return false;
	len = ETH + total;
	at = find_icmp6(b, len, &plain);
	if (!at || !plain || ip[0] >> 4 != 6 || ip[7] != 1 ||
	    !link_local_source(ip) ||
	    sum16(b + at, len - at, pseudo6(ip, len - at)) != 0xffff)
		return false;
	return parse_mld(out, ip, b + at, len - at);
}

void mcast_wire_parse(const uint8_t *bytes, unsigned len,
		      struct mcast_message *out)
{
	bool good;

	out->kind = MCAST_OTHER;
	out->ipv6 = false;
	out->count = 0;
	if (len > MCAST_WIRE_MAX)
		len = MCAST_WIRE_MAX;
	if (!mcast_wire_claims(bytes, len))
		return;
	good = be16(bytes + 12) == 0x0800 ? parse_ip4(out, bytes, len)
					  : parse_ip6(out, bytes, len);
	if (!good)
		out->kind = MCAST_BROKEN;
}

/* clang-format off */
static const uint8_t template4[60] = {
	0x01, 0x00, 0x5e, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x08, 0x00,
	/* IPv4, 24 + 12 bytes, TTL 1, IGMP, 0.0.0.0 to 224.0.0.1 */
	0x46, 0xc0, 0, 36, 0, 0, 0x40, 0, 1, PROTO_IGMP, 0, 0,
	0, 0, 0, 0, 224, 0, 0, 1, 0x94, 4, 0, 0, /* router alert */
	/* query, answer within 1 s, all groups, QRV 2, QQIC 125 */
	IGMP_QUERY, 10, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0,
};

static const uint8_t template6[90] = {
	0x33, 0x33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x86, 0xdd,
	/* IPv6, 8 + 28 bytes, hop limit 1, fe80:: to ff02::1 */
	0x60, 0, 0, 0, 0, 36, 0, 1,
	0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	PROTO_ICMP6, 0, 5, 2, 0, 0, 1, 0, /* router alert: MLD */
	/* query, answer within 1,000 ms, all groups, QRV 2, QQIC 125 */
	MLD_QUERY, 0, 0, 0, 0x03, 0xe8, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0,
};
/* clang-format on */

static unsigned query4(uint8_t *b, const uint8_t src_mac[6])
{
	memcpy(b, template4, sizeof(template4));
	memcpy(b + 6, src_mac, 6);
	put16(b + ETH + 10, 0xffff - sum16(b + ETH, 24, 0));
	put16(b + ETH + 26, 0xffff - sum16(b + ETH + 24, 12, 0));
	return sizeof(template4);
}

static unsigned query6(uint8_t *b, const uint8_t src_mac[6])
{
	uint8_t *id = b + ETH + 16; /* modified EUI-64 of the MAC address */

	memcpy(b, template6, sizeof(template6));
	memcpy(b + 6, src_mac, 6);
	memcpy(id, src_mac, 3);
	memcpy(id + 5, src_mac + 3, 3);
	id[0] ^= 2;
	id[3] = 0xff;
	id[4] = 0xfe;
	put16(b + 64, 0xffff - sum16(b + 62, 28, pseudo6(b + ETH, 28)));
	return sizeof(template6);
}

unsigned mcast_wire_query(uint8_t *buf, bool ipv6, const uint8_t src_mac[6])
{
	return ipv6 ? query6(buf, src_mac) : query4(buf, src_mac);
}
