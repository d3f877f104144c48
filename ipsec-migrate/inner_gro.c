/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inner_gro.c: tcp_gro_receive() and udp_gro_receive(), and inet's, without
 * their lists: a burst's frames are an array, in which a packet looks back for
 * the last frame of its own flow.
 *
 * Checksums are verified when there is something to merge; a packet that goes
 * out alone is left to the kernel, which does it as well.
 */
#include "ipsec-migrate/inner_gro.h"

#include <netinet/in.h>

#include "ipsec-migrate/bytes.h"
#include "ipsec-migrate/csum.h"

/* How many frames back a packet looks; so many flows can be interleaved. */
#define LOOK_BACK 8

#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_ECE 0x40

#define TCP_CHECK_AT 16
#define UDP_CHECK_AT 6

void inner_gro_init(struct inner_gro *g, bool udp)
{
	g->udp = udp;
	inner_gro_reset(g);
}

void inner_gro_reset(struct inner_gro *g)
{
	g->packets = 0;
	g->frames = 0;
}

/*
 * The length of all headers of a packet that may be merged with others, with
 * something behind them; 0: it may not.
 */
static uint16_t mergeable(const struct inner_gro *g, const struct inner *in,
			  const uint8_t *pkt)
{
	uint32_t hdr_len = in->l4_off + 8u;

	if (in->fragment || !in->flow.has_ports ||
	    in->l4_off != (in->flow.family == 4 ? 20 : 40))
		return 0;
	if (in->flow.proto == IPPROTO_TCP && in->len >= in->l4_off + 20u) {
		const uint8_t *tcp = pkt + in->l4_off;

		hdr_len = in->l4_off + (tcp[12] >> 4) * 4u;
		if (hdr_len < in->l4_off + 20u ||
		    (tcp[13] & ~(TCP_PSH | TCP_ECE)) != TCP_ACK)
			return 0;
	} else if (in->flow.proto == IPPROTO_UDP && g->udp &&
		   in->len >= hdr_len) {
		const uint8_t *udp = pkt + in->l4_off;

		if (get_be16(udp + 4) != in->len - in->l4_off ||
		    !get_be16(udp + UDP_CHECK_AT))
			return 0;
	} else {
		return 0;
	}
	return in->len > hdr_len ? (uint16_t)hdr_len : 0;
}

/* All of the IP header that must not differ within a frame. */
static bool same_ip(struct inner_gro_frame *f, const uint8_t *pkt)
{
	const uint8_t *first = f->pkt;
	uint16_t id, id_first;

	if (f->flow.family == 6)
		return !memcmp(first, pkt, 4) && first[7] == pkt[7];
	if (first[1] != pkt[1] || first[8] != pkt[8] ||
	    memcmp(first + 6, pkt + 6, 2))
		return false;
	id = get_be16(pkt + 4);
	id_first = get_be16(first + 4);
	/* With DF it means nothing (RFC 6864), and some leave it fixed. */
	if (f->count == 1)
		f->id_fixed = id == id_first && (first[6] & 0x40);
	return id == (uint16_t)(id_first + (f->id_fixed ? 0 : f->count));
}

/* Acknowledgement, flags but PSH, window, options. */
static bool same_tcp(const struct inner_gro_frame *f, const uint8_t *pkt)
{
	const uint8_t *a = f->pkt + f->l4_off, *b = pkt + f->l4_off;

	return get_be32(b + 4) == f->next_seq && !memcmp(a + 8, b + 8, 5) &&
	       !((a[13] ^ b[13]) & ~TCP_PSH) && !memcmp(a + 14, b + 14, 2) &&
	       !memcmp(a + 20, b + 20, f->hdr_len - f->l4_off - 20u);
}

static bool csum_right(const uint8_t *pkt, uint8_t proto, uint32_t l4_off,
		       uint32_t len)
{
	uint64_t sum = csum_pseudo(pkt, proto, len - l4_off);

	return csum_fold(csum_add(sum, pkt + l4_off, len - l4_off)) == 0xffff;
}

static bool checksums_right(struct inner_gro_frame *f, const uint8_t *pkt,
			    uint32_t len)
{
	if (f->count == 1)
		f->checked = csum_right(f->pkt, f->flow.proto, f->l4_off,
					f->len);
	return f->checked && csum_right(pkt, f->flow.proto, f->l4_off, len);
}

static bool fits(struct inner_gro_frame *f, const struct inner *in,
		 const uint8_t *pkt, uint16_t hdr_len)
{
	uint32_t payload = in->len - hdr_len;

	return f->open && hdr_len == f->hdr_len && payload <= f->size &&
	       f->len + payload <= INNER_LEN_MAX && same_ip(f, pkt) &&
	       (in->flow.proto != IPPROTO_TCP || same_tcp(f, pkt)) &&
	       checksums_right(f, pkt, in->len);
}

static bool has_psh(const struct inner_gro_frame *f, const uint8_t *pkt)
{
	return f->flow.proto == IPPROTO_TCP &&
	       (pkt[f->l4_off + 13] & TCP_PSH);
}

static void append(struct inner_gro *g, struct inner_gro_frame *f,
		   const struct inner *in, uint8_t *pkt)
{
	uint32_t payload = in->len - f->hdr_len;
	uint16_t at = (uint16_t)g->packets++;

	g->piece[at] = (struct inner_gro_piece){
		.data = pkt + f->hdr_len,
		.len = payload,
	};
	g->piece[f->last].next = at;
	f->last = at;
	f->len += payload;
	f->next_seq += payload;
	f->count++;
	if (has_psh(f, pkt)) {
		f->pkt[f->l4_off + 13] |= TCP_PSH;
		f->open = false;
	}
	if (payload < f->size)
		f->open = false;
}

static void begin(struct inner_gro *g, const struct inner *in, uint8_t *pkt,
		  uint32_t hash, uint16_t hdr_len)
{
	struct inner_gro_frame *f = &g->frame[g->frames];
	uint16_t at = (uint16_t)g->packets++;

	g->piece[at] = (struct inner_gro_piece){ .data = pkt, .len = in->len };
	g->first[g->frames++] = at;
	f->flow = in->flow;
	f->pkt = pkt;
	f->hash = hash;
	f->len = in->len;
	f->hdr_len = hdr_len;
	f->l4_off = in->l4_off;
	f->size = (uint16_t)(in->len - hdr_len);
	f->count = 1;
	f->last = at;
	f->open = hdr_len && !has_psh(f, pkt);
	if (f->open && in->flow.proto == IPPROTO_TCP)
		f->next_seq = get_be32(pkt + in->l4_off + 4) + f->size;
}

/* The flow's last frame; NULL: none that is not far back. */
static struct inner_gro_frame *find(struct inner_gro *g,
				    const struct inner_flow *flow,
				    uint32_t hash)
{
	unsigned i, n = 0;

	for (i = g->frames; i && n < LOOK_BACK; n++) {
		struct inner_gro_frame *f = &g->frame[--i];

		if (f->hash == hash && inner_same_flow(&f->flow, flow))
			return f;
	}
	return NULL;
}

void inner_gro_add(struct inner_gro *g, const struct inner *in, uint8_t *pkt)
{
	uint32_t hash = inner_hash(&in->flow);
	struct inner_gro_frame *f = find(g, &in->flow, hash);
	uint16_t hdr_len = mergeable(g, in, pkt);

	/* Else it begins one, behind which nothing is added to the old one. */
	if (f && hdr_len && fits(f, in, pkt, hdr_len))
		append(g, f, in, pkt);
	else
		begin(g, in, pkt, hash, hdr_len);
}

/* --- frames -------------------------------------------------------------- */

static void finish_ip(const struct inner_gro_frame *f)
{
	uint8_t *ip = f->pkt;

	if (f->flow.family == 6) {
		put_be16(ip + 4, (uint16_t)(f->len - 40));
		return;
	}
	put_be16(ip + 2, (uint16_t)f->len);
	put_raw16(ip + 10, 0);
	put_raw16(ip + 10, (uint16_t)~csum_fold(csum_add(0, ip, 20)));
}

/* The checksum is left to whoever takes the frame apart. */
static void finish_merged(const struct inner_gro_frame *f,
			  struct virtio_net_hdr *vnet)
{
	bool tcp = f->flow.proto == IPPROTO_TCP, v4 = f->flow.family == 4;
	uint8_t *l4 = f->pkt + f->l4_off;
	uint16_t l4_len = (uint16_t)(f->len - f->l4_off);

	finish_ip(f);
	if (!tcp)
		put_be16(l4 + 4, l4_len);
	vnet->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	vnet->gso_type = !tcp ? INNER_VNET_GSO_UDP_L4
			 : v4 ? VIRTIO_NET_HDR_GSO_TCPV4
			      : VIRTIO_NET_HDR_GSO_TCPV6;
	vnet->hdr_len = f->hdr_len;
	vnet->gso_size = f->size;
	vnet->csum_start = f->l4_off;
	vnet->csum_offset = tcp ? TCP_CHECK_AT : UDP_CHECK_AT;
	put_raw16(l4 + vnet->csum_offset,
		  csum_fold(csum_pseudo(f->pkt, f->flow.proto, l4_len)));
}

unsigned inner_gro_finish(struct inner_gro *g, unsigned i,
			  struct iovec iov[INNER_GRO_MAX])
{
	const struct inner_gro_frame *f = &g->frame[i];
	struct virtio_net_hdr vnet = { 0 };
	unsigned at = g->first[i], n = 1;

	if (f->count > 1)
		finish_merged(f, &vnet);
	memcpy(f->pkt - INNER_VNET_LEN, &vnet, INNER_VNET_LEN);
	iov[0].iov_base = f->pkt - INNER_VNET_LEN;
	iov[0].iov_len = INNER_VNET_LEN + g->piece[at].len;
	while ((at = g->piece[at].next)) {
		iov[n].iov_base = g->piece[at].data;
		iov[n++].iov_len = g->piece[at].len;
	}
	return n;
}
