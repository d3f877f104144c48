/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bond_hash.c: the bucket of a frame.
 *
 * Whatever must stay in order has to be in one bucket: all frames of a source
 * MAC and VLAN, or, when flows are hashed, of a flow.  So only what is the
 * same in every frame of a flow may be mixed in:
 *
 *	source MAC, outermost VID	always
 *	destination MAC			flows
 *	IPv4, IPv6 addresses, protocol	flows
 *	TCP, UDP ports			flows, of packets that are whole: the
 *					first fragment has ports and the
 *					others have not
 *
 * PCP and DEI are not: they differ within a flow.  Nor are IPv6 flow labels:
 * Linux changes them when a connection does not get through.
 *
 * 64 bits are mixed in by one multiplication; the last step brings every bit
 * to the top, where the bucket is taken from.  It is not keyed against guests
 * who choose their addresses: all that one could gain is a full member.
 */
#include "vlan/bond.h"

#include <string.h>

#include "vlan/tag.h"

#define TYPE_IPV4      0x0800
#define TYPE_IPV6      0x86dd
#define IPV4_HLEN      20
#define IPV6_HLEN      40
#define IPV4_FRAGMENTS 0x3fff /* MF and offset */
#define PROTO_TCP      6
#define PROTO_UDP      17
#define MIX_1          0x9e3779b97f4a7c15ull
#define MIX_2          0xd6e8feb86659fd93ull

static uint16_t be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t load32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static uint64_t load64(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static uint64_t load_mac(const uint8_t *mac)
{
	return (uint64_t)be16(mac) << 32 | load32(mac + 2);
}

static uint64_t mix(uint64_t hash, uint64_t with)
{
	hash = (hash ^ with) * MIX_1;
	return hash ^ hash >> 32;
}

static unsigned bucket_of(uint64_t hash)
{
	return hash * MIX_2 >> 56;
}

static uint64_t hash_source(const struct bond_table *table,
			    const uint8_t mac[6], uint16_t vid)
{
	uint64_t basis =
		atomic_load_explicit(&table->basis, memory_order_relaxed);

	return mix(basis * MIX_2, load_mac(mac) << 12 | vid);
}

static bool has_ports(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP;
}

static uint64_t mix_ports(uint64_t hash, const uint8_t *hdr, unsigned len,
			  unsigned at)
{
	return at + 4 <= len ? mix(hash, load32(hdr + at)) : hash;
}

static uint64_t mix_ipv4(uint64_t hash, const uint8_t *hdr, unsigned len,
			 unsigned at)
{
	const uint8_t *ip = hdr + at;

	if (at + IPV4_HLEN > len)
		return hash;
	hash = mix(hash, load64(ip + 12));
	if (!has_ports(ip[9]) || be16(ip + 6) & IPV4_FRAGMENTS)
		return mix(hash, ip[9]);
	return mix_ports(hash, hdr, len, at + 4 * (ip[0] & 0xf));
}

/* Fragments have an extension header, so no ports. */
static uint64_t mix_ipv6(uint64_t hash, const uint8_t *hdr, unsigned len,
			 unsigned at)
{
	const uint8_t *ip = hdr + at;
	unsigned i;

	if (at + IPV6_HLEN > len)
		return hash;
	for (i = 8; i < IPV6_HLEN; i += 8)
		hash = mix(hash, load64(ip + i));
	if (!has_ports(ip[6]))
		return hash;
	return mix_ports(hash, hdr, len, at + IPV6_HLEN);
}

static uint64_t mix_flow(uint64_t hash, const uint8_t *hdr, unsigned len,
			 unsigned at)
{
	hash = mix(hash, load_mac(hdr));
	switch (be16(hdr + at - 2)) {
	case TYPE_IPV4:
		return mix_ipv4(hash, hdr, len, at);
	case TYPE_IPV6:
		return mix_ipv6(hash, hdr, len, at);
	default:
		return hash;
	}
}

unsigned bond_bucket_of_mac(const struct bond_table *table,
			    const uint8_t mac[6], uint16_t vid)
{
	return bucket_of(hash_source(table, mac, vid));
}

unsigned bond_bucket(const struct bond_table *table, const uint8_t *hdr,
		     unsigned len)
{
	unsigned at = ETH_HLEN_MIN;
	uint16_t vid = 0;
	uint64_t hash;

	if (len < ETH_HLEN_MIN)
		return 0;
	if (tag_is_tpid(be16(hdr + at - 2)) && at + TAG_LEN <= len) {
		vid = tag_vid(be16(hdr + at));
		at += TAG_LEN;
	}
	hash = hash_source(table, hdr + 6, vid);
	if (!atomic_load_explicit(&table->hash_flow, memory_order_relaxed))
		return bucket_of(hash);
	while (tag_is_tpid(be16(hdr + at - 2)) && at + TAG_LEN <= len)
		at += TAG_LEN;
	return bucket_of(mix_flow(hash, hdr, len, at));
}
