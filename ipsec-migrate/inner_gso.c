/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inner_gso.c: the kernel's own rules of segmentation (tcp_gso_segment(),
 * __udp_gso_segment(), inet_gso_segment()): the sequence number and the IPv4
 * identification count on, FIN and PSH are the last segment's, CWR the first's.
 */
#include "ipsec-migrate/inner_gso.h"

#include <netinet/in.h>

#include "ipsec-migrate/bytes.h"
#include "ipsec-migrate/csum.h"

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

#define TCP_CHECK_AT 16
#define UDP_CHECK_AT 6

#define IPV4_MF 0x2000

/* --- what the virtio-net header says ------------------------------------ */

static bool take_csum(struct inner_gso *g, const struct virtio_net_hdr *vnet)
{
	if (!(vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return true;
	g->csum = true;
	g->csum_start = vnet->csum_start;
	g->csum_offset = vnet->csum_offset;
	return g->csum_start >= g->in.l4_off &&
	       (uint32_t)g->csum_start + g->csum_offset + 2 <= g->in.len;
}

/* The kernel leaves a GSO frame's checksum to us, at its proper place. */
static bool csum_is_at(const struct inner_gso *g, uint16_t offset)
{
	return g->csum && g->csum_start == g->in.l4_off &&
	       g->csum_offset == offset;
}

static bool take_tcp(struct inner_gso *g, uint8_t family)
{
	uint32_t tcp_len;

	if (g->in.flow.family != family || g->in.fragment ||
	    g->in.flow.proto != IPPROTO_TCP || !csum_is_at(g, TCP_CHECK_AT))
		return false;
	tcp_len = (g->pkt[g->in.l4_off + 12] >> 4) * 4u;
	if (tcp_len < 20 || g->in.l4_off + tcp_len > g->in.len)
		return false;
	g->kind = INNER_GSO_TCP;
	g->hdr_len = (uint16_t)(g->in.l4_off + tcp_len);
	return true;
}

static bool take_udp(struct inner_gso *g)
{
	if (g->in.fragment || g->in.flow.proto != IPPROTO_UDP ||
	    !csum_is_at(g, UDP_CHECK_AT))
		return false;
	g->kind = INNER_GSO_UDP;
	g->hdr_len = (uint16_t)(g->in.l4_off + 8);
	return true;
}

static bool take_gso(struct inner_gso *g, const struct virtio_net_hdr *vnet)
{
	bool fits;

	switch (vnet->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE: return true;
	case VIRTIO_NET_HDR_GSO_TCPV4: fits = take_tcp(g, 4); break;
	case VIRTIO_NET_HDR_GSO_TCPV6: fits = take_tcp(g, 6); break;
	case INNER_VNET_GSO_UDP_L4: fits = take_udp(g); break;
	default: return false;
	}
	if (!fits || !vnet->gso_size || g->hdr_len > g->in.len)
		return false;
	g->size = vnet->gso_size;
	g->payload = g->in.len - g->hdr_len;
	g->pseudo = csum_pseudo(g->pkt, g->in.flow.proto, 0);
	return g->payload != 0;
}

enum esp_drop inner_gso_init(struct inner_gso *g, uint8_t *frame,
			     uint32_t len)
{
	struct virtio_net_hdr vnet;

	if (len < INNER_VNET_LEN)
		return ESP_DROP_BAD_VNET;
	memset(g, 0, sizeof(*g));
	memcpy(&vnet, frame, INNER_VNET_LEN);
	g->pkt = frame + INNER_VNET_LEN;
	if (!inner_parse(&g->in, g->pkt, len - (uint32_t)INNER_VNET_LEN))
		return ESP_DROP_BAD_INNER;
	g->size = g->payload = g->in.len;
	if (!take_csum(g, &vnet) || !take_gso(g, &vnet))
		return ESP_DROP_BAD_VNET;
	g->count = (g->payload + g->size - 1) / g->size;
	return ESP_DROP_NONE;
}

/* --- how it is cut ------------------------------------------------------- */

/* Sum from csum_start on, in which the field itself holds the pseudo header. */
static void finish_csum(const struct inner_gso *g, uint8_t *pkt, uint64_t sum)
{
	uint16_t csum = (uint16_t)~csum_fold(sum);

	put_raw16(pkt + g->csum_start + g->csum_offset, csum ? csum : 0xffff);
}

/* IPv4 without DF.  Its checksum, if left to us, is of all fragments. */
static enum esp_drop cut_to_fragments(struct inner_gso *g, uint32_t mtu)
{
	uint32_t hdr_len = (g->pkt[0] & 15) * 4u;

	uint32_t offset = (get_be16(g->pkt + 6) & 0x1fff) * 8u;

	if (g->in.df || mtu < hdr_len + 8 || offset + g->in.len > INNER_LEN_MAX)
		return ESP_DROP_TOO_BIG;
	if (g->csum)
		finish_csum(g, g->pkt, csum_add(0, g->pkt + g->csum_start,
						g->in.len - g->csum_start));
	g->csum = false;
	g->kind = INNER_GSO_FRAG;
	g->hdr_len = (uint16_t)hdr_len;
	g->payload = g->in.len - hdr_len;
	g->size = (mtu - hdr_len) & ~7u;
	return ESP_DROP_NONE;
}

enum esp_drop inner_gso_fit(struct inner_gso *g, uint32_t mtu)
{
	enum esp_drop why = ESP_DROP_NONE;

	if (inner_gso_len(g, 0) > mtu) {
		if (g->kind == INNER_GSO_NONE)
			why = cut_to_fragments(g, mtu);
		else if (g->kind == INNER_GSO_TCP && mtu >= g->hdr_len + 8u)
			g->size = mtu - g->hdr_len;
		else
			why = ESP_DROP_TOO_BIG;
		g->count = (g->payload + g->size - 1) / g->size;
	}
	if (!why && g->count > INNER_SEGS_MAX)
		why = ESP_DROP_TOO_MANY;
	return why;
}

/* --- copies -------------------------------------------------------------- */

/* Header checksum of an IPv4 header whose field is anything. */
static void ipv4_csum(uint8_t *ip)
{
	put_raw16(ip + 10, 0);
	put_raw16(ip + 10, (uint16_t)~csum_fold(csum_add(0, ip,
							 (ip[0] & 15) * 4u)));
}

static void patch_ip(const struct inner_gso *g, uint32_t i, uint8_t *ip,
		     uint32_t len)
{
	if (g->in.flow.family == 6) {
		put_be16(ip + 4, (uint16_t)(len - 40));
		return;
	}
	put_be16(ip + 2, (uint16_t)len);
	put_be16(ip + 4, (uint16_t)(get_be16(ip + 4) + i));
	ipv4_csum(ip);
}

static void patch_tcp(const struct inner_gso *g, uint32_t i, uint8_t *tcp)
{
	put_be32(tcp + 4, get_be32(tcp + 4) + i * g->size);
	if (i)
		tcp[13] &= (uint8_t)~TCP_CWR;
	if (i + 1 < g->count)
		tcp[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
}

/* A segment of TCP or UDP; its headers are of even length. */
static void copy_segment(const struct inner_gso *g, uint32_t i, uint8_t *to,
			 uint32_t len)
{
	uint32_t l4_len = len - g->in.l4_off;
	uint8_t *l4 = to + g->in.l4_off;
	uint64_t sum;

	memcpy(to, g->pkt, g->hdr_len);
	patch_ip(g, i, to, len);
	if (g->kind == INNER_GSO_TCP)
		patch_tcp(g, i, l4);
	else
		put_be16(l4 + 4, (uint16_t)l4_len);
	put_raw16(l4 + g->csum_offset, 0);
	sum = csum_add(g->pseudo + htobe16((uint16_t)l4_len), l4,
		       g->hdr_len - g->in.l4_off);
	sum = csum_copy(sum, to + g->hdr_len,
			g->pkt + g->hdr_len + (size_t)i * g->size,
			len - g->hdr_len);
	finish_csum(g, to, sum);
}

/* Options that are only for the first fragment become NOPs (RFC 791 3.1). */
static void blank_options(uint8_t *ip)
{
	uint32_t end = (ip[0] & 15) * 4u, at = 20, n;

	while (at < end && ip[at] != 0) {
		n = ip[at] == 1 ? 1 : at + 1 < end ? ip[at + 1] : 0;
		if (!n || (n == 1 && ip[at] != 1) || n > end - at)
			return;
		if (!(ip[at] & 0x80))
			memset(ip + at, 1, n);
		at += n;
	}
}

static void copy_fragment(const struct inner_gso *g, uint32_t i, uint8_t *to,
			  uint32_t len)
{
	uint16_t where = get_be16(g->pkt + 6);

	memcpy(to, g->pkt, g->hdr_len);
	memcpy(to + g->hdr_len, g->pkt + g->hdr_len + (size_t)i * g->size,
	       len - g->hdr_len);
	put_be16(to + 2, (uint16_t)len);
	where = (uint16_t)(where + i * (g->size / 8));
	if (i + 1 < g->count)
		where |= IPV4_MF;
	put_be16(to + 6, where);
	if (i)
		blank_options(to);
	ipv4_csum(to);
}

static void copy_whole(const struct inner_gso *g, uint8_t *to)
{
	if (!g->csum) {
		memcpy(to, g->pkt, g->in.len);
		return;
	}
	memcpy(to, g->pkt, g->csum_start);
	finish_csum(g, to, csum_copy(0, to + g->csum_start,
				     g->pkt + g->csum_start,
				     g->in.len - g->csum_start));
}

void inner_gso_copy(const struct inner_gso *g, uint32_t i, uint8_t *to)
{
	uint32_t len = inner_gso_len(g, i);

	switch (g->kind) {
	case INNER_GSO_NONE: copy_whole(g, to); break;
	case INNER_GSO_FRAG: copy_fragment(g, i, to, len); break;
	case INNER_GSO_TCP:
	case INNER_GSO_UDP: copy_segment(g, i, to, len); break;
	}
}
