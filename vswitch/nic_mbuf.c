/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nic_mbuf.c: what the two descriptions of a packet have to say to each other.
 *
 * VLAN stripping and insertion are left alone.  The tag is in the private
 * header that is copied anyway: to put it there costs nothing, to carry it
 * beside the frame would cost a branch a frame on both sides, and drivers
 * differ in what they strip of two tags.
 *
 * A checksum that the NIC has found good spares the guest the sum over the
 * payload, but only where the NIC speaks of the outermost one.  A NIC that has
 * found it bad changes nothing: the receiver will see.  "None" is what
 * paravirtual devices say: sent by a neighbour on the same host who left it
 * open, so it is ours to finish.
 *
 * DPDK wants the sum of the pseudo header in the checksum field, without the
 * length for TSO; a guest's virtio driver leaves it there with the length.  It
 * is always written anew: what a guest wrote need not be true.
 */
#include "vswitch/nic_mbuf.h"

#include <netinet/in.h>

#include <rte_ip.h>

#include "base/drop.h"

#define TAGS_MAX 4
#define TCP_HLEN 20
#define TCP_AT_DOFF 12
#define TCP_AT_CSUM 16
#define UDP_HLEN 8
#define UDP_AT_CSUM 6

/* ---- headers --------------------------------------------------------------- */

struct headers {
	uint16_t l2, l3, l4; /* lengths */
	bool v6;
	bool tcp; /* else UDP */
};

static uint16_t skip_tags(const struct frame *f, uint16_t *l2)
{
	unsigned at = ETH_MACS_LEN, tags;
	uint16_t type = 0;

	for (tags = 0; tags <= TAGS_MAX; tags++, at += 4) {
		if (at + 2 > f->hdr_len)
			return 0;
		type = frame_be16(f, at);
		if (type != 0x8100 && type != 0x88a8 && type != 0x9100)
			break;
	}
	*l2 = at + 2;
	return type;
}

/* The protocol behind IP, or 0: a fragment, an extension, cut short. */
static uint8_t skip_ip(const struct frame *f, uint16_t type, struct headers *h)
{
	const uint8_t *ip = f->hdr + h->l2;

	h->v6 = type == 0x86dd;
	if (h->v6) {
		h->l3 = 40;
		return h->l2 + 40u <= f->hdr_len && ip[0] >> 4 == 6 ? ip[6] : 0;
	}
	if (type != 0x0800 || h->l2 + 20u > f->hdr_len || ip[0] >> 4 != 4)
		return 0;
	h->l3 = (ip[0] & 15) * 4;
	if (h->l3 < 20 || (frame_be16(f, h->l2 + 6) & 0x3fff))
		return 0;
	return ip[9];
}

/* TCP or UDP with all of its headers in the private bytes? */
static bool find_headers(const struct frame *f, struct headers *h)
{
	uint16_t type = skip_tags(f, &h->l2);
	uint8_t proto = skip_ip(f, type, h);
	unsigned at = h->l2 + h->l3;

	h->tcp = proto == IPPROTO_TCP;
	if (h->tcp) {
		if (at + TCP_HLEN > f->hdr_len)
			return false;
		h->l4 = (f->hdr[at + TCP_AT_DOFF] >> 4) * 4;
		return h->l4 >= TCP_HLEN && at + h->l4 <= f->hdr_len;
	}
	h->l4 = UDP_HLEN;
	return proto == IPPROTO_UDP && at + UDP_HLEN <= f->hdr_len;
}

/* ---- in ------------------------------------------------------------------------ */

static void checksum_from(struct frame *f, const struct rte_mbuf *m)
{
	uint64_t said = m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
	struct headers h = { 0 };

	if (said == RTE_MBUF_F_RX_L4_CKSUM_GOOD) {
		if (!(m->packet_type & RTE_PTYPE_TUNNEL_MASK))
			f->csum = FRAME_CSUM_VALID;
	} else if (said == RTE_MBUF_F_RX_L4_CKSUM_NONE && find_headers(f, &h)) {
		f->csum = FRAME_CSUM_PARTIAL;
		f->csum_start = h.l2 + h.l3;
		f->csum_offset = h.tcp ? TCP_AT_CSUM : UDP_AT_CSUM;
	}
}

/* Reference what lies behind the private bytes. */
static void attach_payload(struct burst *b, struct frame *f, uint32_t skip,
			   const struct rte_mbuf *m)
{
	f->segs = &b->segs[b->seg_used];
	for (; m; m = m->next) {
		uint32_t len = m->data_len;

		if (len <= skip) {
			skip -= len;
			continue;
		}
		b->segs[b->seg_used++] = (struct frame_seg){
			rte_pktmbuf_mtod(m, const uint8_t *) + skip,
			len - skip
		};
		f->seg_count++;
		skip = 0;
	}
}

static void copy_header(struct frame *f, const struct rte_mbuf *m)
{
	f->hdr_len = m->pkt_len < FRAME_HDR_MAX ? m->pkt_len : FRAME_HDR_MAX;
	if (m->data_len >= f->hdr_len) {
		memcpy(f->hdr, rte_pktmbuf_mtod(m, const void *), f->hdr_len);
		return;
	}
	for (uint32_t at = 0, n; at < f->hdr_len; at += n, m = m->next) {
		n = f->hdr_len - at;
		if (n > m->data_len)
			n = m->data_len;
		memcpy(f->hdr + at, rte_pktmbuf_mtod(m, const void *), n);
	}
}

bool nic_mbuf_to_frame(struct burst *b, struct rte_mbuf *m)
{
	struct frame *f = &b->frames[b->count];

	if (m->nb_segs <= FRAME_SEGS_MAX &&
	    b->seg_used + m->nb_segs > BURST_SEGS_MAX)
		return false;
	frame_init(f);
	b->count++;
	if (m->nb_segs > FRAME_SEGS_MAX || m->pkt_len > FRAME_LEN_MAX) {
		f->verdict = DROP_GIANT;
		return true;
	}
	copy_header(f, m);
	f->len = m->pkt_len;
	if (f->len > f->hdr_len)
		attach_payload(b, f, f->hdr_len, m);
	checksum_from(f, m);
	b->bytes += f->len;
	return true;
}

/* ---- out ----------------------------------------------------------------------- */

bool nic_mbuf_offload(const struct frame *f, bool ip_sum,
		      struct nic_offload *todo)
{
	struct headers h = { 0 };

	todo->flags = 0;
	if (f->csum != FRAME_CSUM_PARTIAL)
		return true;
	if (!find_headers(f, &h) || f->csum_start != h.l2 + h.l3 ||
	    f->csum_offset != (h.tcp ? TCP_AT_CSUM : UDP_AT_CSUM))
		return false;
	todo->l2 = h.l2;
	todo->l3 = h.l3;
	todo->l4 = h.l4;
	todo->flags = h.v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
	todo->flags |= h.tcp ? RTE_MBUF_F_TX_TCP_CKSUM
			     : RTE_MBUF_F_TX_UDP_CKSUM;
	if (!f->gso || f->len - h.l2 - h.l3 - h.l4 <= f->gso_size)
		return true; /* also one segment that says it is many */
	if (!h.tcp || f->gso_size < NIC_TSO_MIN)
		return false;
	todo->flags |= RTE_MBUF_F_TX_TCP_SEG;
	if (!h.v6 && ip_sum)
		todo->flags |= RTE_MBUF_F_TX_IP_CKSUM;
	return true;
}

static void set_offload(struct rte_mbuf *m, const struct frame *f,
			const struct nic_offload *todo)
{
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, todo->l2);
	uint16_t sum;

	m->ol_flags |= todo->flags;
	m->l2_len = todo->l2;
	m->l3_len = todo->l3;
	m->l4_len = todo->l4;
	if (todo->flags & RTE_MBUF_F_TX_TCP_SEG)
		m->tso_segsz = f->gso_size;
	if (todo->flags & RTE_MBUF_F_TX_IP_CKSUM)
		memset(ip + 10, 0, 2);
	if (todo->flags & RTE_MBUF_F_TX_IPV4)
		sum = rte_ipv4_phdr_cksum((void *)ip, todo->flags);
	else
		sum = rte_ipv6_phdr_cksum((void *)ip, todo->flags);
	memcpy(ip + todo->l3 + f->csum_offset, &sum, sizeof(sum));
}

/* Where the next byte goes. */
struct cursor {
	struct rte_mbuf **chain; /* the current one */
	uint16_t room;		 /* of each */
};

static void put(struct cursor *to, const uint8_t *from, uint32_t len)
{
	while (len) {
		struct rte_mbuf *m = *to->chain;
		uint32_t n = to->room - m->data_len;

		if (!n) {
			to->chain++;
			continue;
		}
		if (n > len)
			n = len;
		memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len),
		       from, n);
		m->data_len += n;
		from += n;
		len -= n;
	}
}

static void put_frame(struct cursor *to, const struct frame *f)
{
	static const uint8_t zeros[NIC_FRAME_MIN];
	unsigned i;

	put(to, f->hdr, f->hdr_len);
	for (i = 0; i < f->seg_count; i++)
		put(to, f->segs[i].data, f->segs[i].len);
	if (f->len < NIC_FRAME_MIN)
		put(to, zeros, NIC_FRAME_MIN - f->len);
}

struct rte_mbuf *nic_mbuf_from_frame(const struct frame *f,
				     const struct nic_offload *todo,
				     struct rte_mempool *pool, unsigned segs)
{
	uint16_t room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;
	uint32_t len = f->len < NIC_FRAME_MIN ? NIC_FRAME_MIN : f->len;
	uint32_t need = (len + room - 1) / room, i;
	struct rte_mbuf *chain[NIC_TX_SEGS_MAX];
	struct cursor to = { .chain = chain, .room = room };

	if (need > segs || rte_pktmbuf_alloc_bulk(pool, chain, need) < 0)
		return NULL;
	put_frame(&to, f);
	for (i = 1; i < need; i++)
		chain[i - 1]->next = chain[i];
	chain[0]->nb_segs = need;
	chain[0]->pkt_len = len;
	if (todo->flags)
		set_offload(chain[0], f, todo);
	return chain[0];
}
