/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inner_packet.c: plain and slow.
 */
#include "tests/lib/inner_packet.h"

#include <netinet/in.h>
#include <string.h>

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

struct inner_packet inner_packet_tcp(uint8_t family, uint32_t payload)
{
	return (struct inner_packet){
		.family = family, .proto = IPPROTO_TCP, .src = 1, .dst = 2,
		.ttl = 64, .sport = 40000, .dport = 5001,
		.id = 7, .window = 500, .df = true,
		.seq = 1000, .ack = 77, .flags = PACKET_ACK, .options = 12,
		.payload = payload,
	};
}

struct inner_packet inner_packet_udp(uint8_t family, uint32_t payload)
{
	struct inner_packet p = inner_packet_tcp(family, payload);

	p.proto = IPPROTO_UDP;
	return p;
}

uint16_t packet_sum(uint32_t sum, const uint8_t *p, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++) {
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

static bool is_v6(const uint8_t *pkt)
{
	return pkt[0] >> 4 == 6;
}

static uint32_t ip_len(const uint8_t *pkt)
{
	return is_v6(pkt) ? 40 : (pkt[0] & 15) * 4u;
}

static uint8_t proto_of(const uint8_t *pkt)
{
	return pkt[is_v6(pkt) ? 6 : 9];
}

static uint16_t pseudo(const uint8_t *pkt, uint32_t l4_len)
{
	uint32_t sum = proto_of(pkt) + l4_len;

	sum = (sum & 0xffff) + (sum >> 16);
	return is_v6(pkt) ? packet_sum(sum, pkt + 8, 32)
			  : packet_sum(sum, pkt + 12, 8);
}

/* Where the checksum of the upper layer is; 0: it has none. */
static uint32_t check_at(const uint8_t *pkt)
{
	switch (proto_of(pkt)) {
	case IPPROTO_TCP: return ip_len(pkt) + 16;
	case IPPROTO_UDP: return ip_len(pkt) + 6;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6: return ip_len(pkt) + 2;
	default: return 0;
	}
}

static void finish(uint8_t *pkt, uint32_t len, bool partial)
{
	uint32_t at = check_at(pkt), hdr = ip_len(pkt);
	uint16_t sum;

	if (!is_v6(pkt)) {
		put16(pkt + 10, 0);
		put16(pkt + 10, (uint16_t)~packet_sum(0, pkt, hdr));
	}
	if (!at)
		return;
	put16(pkt + at, 0);
	sum = proto_of(pkt) == IPPROTO_ICMP ? 0 : pseudo(pkt, len - hdr);
	if (!partial) {
		sum = (uint16_t)~packet_sum(sum, pkt + hdr, len - hdr);
		if (!sum)
			sum = 0xffff;
	}
	put16(pkt + at, sum);
}

bool packet_sums_right(const uint8_t *pkt, uint32_t len)
{
	uint32_t hdr = ip_len(pkt);
	uint16_t sum = proto_of(pkt) == IPPROTO_ICMP ? 0
						     : pseudo(pkt, len - hdr);

	if (!is_v6(pkt) && packet_sum(0, pkt, hdr) != 0xffff)
		return false;
	return packet_sum(sum, pkt + hdr, len - hdr) == 0xffff;
}

static uint32_t put_ip(const struct inner_packet *p, uint8_t *to, uint32_t l4)
{
	if (p->family == 6) {
		put32(to, 6u << 28 | (uint32_t)p->tos << 20 | 0x12345);
		put16(to + 4, l4);
		to[6] = p->proto;
		to[7] = p->ttl;
		to[8] = to[24] = 0xfd;
		to[9] = 1;
		to[25] = 2;
		to[23] = p->src;
		to[39] = p->dst;
		return 40;
	}
	to[0] = 0x45;
	to[1] = p->tos;
	put16(to + 2, 20 + l4);
	put16(to + 4, p->id);
	put16(to + 6, p->df ? 0x4000 : 0);
	to[8] = p->ttl;
	to[9] = p->proto;
	to[12] = to[16] = 10;
	to[13] = 1;
	to[17] = 2;
	to[15] = p->src;
	to[19] = p->dst;
	return 20;
}

static uint32_t put_l4(const struct inner_packet *p, uint8_t *to)
{
	if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP) {
		to[0] = 8; /* echo, as ICMP has it */
		return 8;
	}
	put16(to, p->sport);
	put16(to + 2, p->dport);
	if (p->proto == IPPROTO_UDP) {
		put16(to + 4, 8 + p->payload);
		return 8;
	}
	put32(to + 4, p->seq);
	put32(to + 8, p->ack);
	to[12] = (uint8_t)((20 + p->options) / 4 << 4);
	to[13] = p->flags;
	put16(to + 14, p->window);
	memset(to + 20, 1, p->options);
	if (p->options == 12)
		memcpy(to + 20, "\1\1\10\12\0\0\1\2\0\0\3\4", 12);
	return 20u + p->options;
}

static uint32_t make(const struct inner_packet *p, uint8_t *to, bool partial)
{
	uint32_t l4 = p->proto == IPPROTO_TCP ? 20u + p->options : 8, at, i;

	memset(to, 0, 40 + l4);
	at = put_ip(p, to, l4 + p->payload);
	at += put_l4(p, to + at);
	for (i = 0; i < p->payload; i++)
		to[at + i] = (uint8_t)(p->first + i + (i >> 8) * 3);
	finish(to, at + p->payload, partial);
	return at + p->payload;
}

uint32_t inner_packet_make(const struct inner_packet *p, uint8_t *to)
{
	return make(p, to, false);
}

uint32_t inner_packet_frame(const struct inner_packet *p, uint16_t gso_size,
			    uint8_t *to)
{
	uint32_t len = make(p, to + INNER_VNET_LEN, true);
	uint32_t hdr = p->family == 6 ? 40 : 20;
	bool tcp = p->proto == IPPROTO_TCP;
	struct virtio_net_hdr vnet = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = (uint16_t)hdr,
		.csum_offset = tcp ? 16 : 6,
		.gso_size = gso_size,
	};

	if (gso_size) {
		vnet.gso_type = !tcp ? INNER_VNET_GSO_UDP_L4
				: p->family == 6 ? VIRTIO_NET_HDR_GSO_TCPV6
						 : VIRTIO_NET_HDR_GSO_TCPV4;
		vnet.hdr_len = (uint16_t)(hdr + (tcp ? 20 + p->options : 8));
	}
	memcpy(to, &vnet, sizeof(vnet));
	return (uint32_t)INNER_VNET_LEN + len;
}

/* One segment of `gso` payload bytes at most, of a packet as it stands. */
static uint32_t segment(const uint8_t *pkt, uint32_t len, uint32_t hdr,
			uint32_t i, uint32_t gso, uint8_t *to)
{
	uint32_t ip = ip_len(pkt), at = hdr + i * gso;
	uint32_t n = len - at < gso ? len - at : gso;
	bool last = at + n == len;

	memcpy(to, pkt, hdr);
	memcpy(to + hdr, pkt + at, n);
	if (is_v6(pkt)) {
		put16(to + 4, hdr + n - 40);
	} else {
		put16(to + 2, hdr + n);
		put16(to + 4, get16(pkt + 4) + i);
	}
	if (proto_of(pkt) == IPPROTO_UDP) {
		put16(to + ip + 4, 8 + n);
	} else {
		put32(to + ip + 4, get32(pkt + ip + 4) + i * gso);
		if (i)
			to[ip + 13] &= 0x7f; /* CWR */
		if (!last)
			to[ip + 13] &= 0xf6; /* FIN, PSH */
	}
	finish(to, hdr + n, false);
	return hdr + n;
}

unsigned inner_packet_segments(const uint8_t *frame, uint32_t len,
			       void (*each)(void *arg, const uint8_t *pkt,
					    uint32_t len),
			       void *arg)
{
	static uint8_t one[INNER_LEN_MAX];
	const uint8_t *pkt = frame + INNER_VNET_LEN;
	struct virtio_net_hdr vnet;
	uint32_t hdr, i, n;

	memcpy(&vnet, frame, sizeof(vnet));
	len -= (uint32_t)INNER_VNET_LEN;
	if (!vnet.gso_type) {
		memcpy(one, pkt, len);
		if (vnet.flags)
			finish(one, len, false);
		each(arg, one, len);
		return 1;
	}
	hdr = ip_len(pkt);
	hdr += proto_of(pkt) == IPPROTO_UDP ? 8 : (pkt[hdr + 12] >> 4) * 4u;
	for (i = 0; hdr + i * vnet.gso_size < len; i++) {
		n = segment(pkt, len, hdr, i, vnet.gso_size, one);
		each(arg, one, n);
	}
	return i;
}
