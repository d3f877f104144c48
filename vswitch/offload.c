/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * offload.c: software checksums and segmentation.
 *
 * A frame is a private header and payload by reference.  Headers are parsed
 * and changed in private memory only; payload is read once, for its sum, and
 * copied by the egress port.  A guest that changes its payload in between
 * sends a wrong checksum and hurts itself.
 *
 * The bytes behind the headers that happen to lie in the private part are
 * payload like any other: `struct cursor` walks over both.
 *
 * Sums are the Internet checksum's (RFC 1071): added as native words of any
 * width, folded at the end; a block that starts at an odd offset counts with
 * its bytes swapped.
 */
#include "vswitch/offload.h"

#include <netinet/in.h>

#define TAGS_MAX 4 /* put on by us or sent by a guest, all together */
#define ROOM_BYTES (FRAME_HDR_ROOM + FRAME_HDR_MAX)

#define IP4_HLEN 20
#define IP4_AT_LEN 2
#define IP4_AT_ID 4
#define IP4_AT_FRAG 6
#define IP4_AT_PROTO 9
#define IP4_AT_CSUM 10
#define IP4_AT_ADDRS 12
#define IP4_MF 0x2000
#define IP4_FRAG_MASK 0x3fff /* offset and MF */
#define IP6_HLEN 40
#define IP6_AT_LEN 4
#define IP6_AT_NEXT 6
#define IP6_AT_ADDRS 8
#define IP6_FRAG_HLEN 8
#define TCP_HLEN 20
#define TCP_AT_SEQ 4
#define TCP_AT_DOFF 12
#define TCP_AT_FLAGS 13
#define TCP_AT_CSUM 16
#define TCP_FIN_PSH 0x09
#define TCP_CWR 0x80
#define UDP_HLEN 8
#define UDP_AT_LEN 4
#define UDP_AT_CSUM 6

/* Where the headers are, in bytes from hdr. */
struct layout {
	uint16_t l3;
	uint16_t l4;
	uint16_t end; /* of the TCP or UDP header */
	uint8_t proto;
	bool v6;
};

/* A place in the payload. */
struct cursor {
	struct frame_seg now;	     /* what is left of the current piece */
	const struct frame_seg *seg; /* the next one */
	unsigned segs_left;
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

/* Fold to 16 bits, still in native order. */
static uint16_t sum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* Sum of one block, folded; 8 bytes an add-with-carry. */
static uint16_t sum_block(const uint8_t *p, uint32_t len)
{
	uint64_t sum = 0, carry = 0, word;

	for (; len >= 32; p += 32, len -= 32) {
		uint64_t w[4];

		memcpy(w, p, sizeof(w));
		carry += __builtin_add_overflow(sum, w[0], &sum);
		carry += __builtin_add_overflow(sum, w[1], &sum);
		carry += __builtin_add_overflow(sum, w[2], &sum);
		carry += __builtin_add_overflow(sum, w[3], &sum);
	}
	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, sizeof(word));
		carry += __builtin_add_overflow(sum, word, &sum);
	}
	word = 0;
	memcpy(&word, p, len);
	carry += __builtin_add_overflow(sum, word, &sum);
	return sum_fold((sum & 0xffffffff) + (sum >> 32) + carry);
}

/* Add a block that starts `at` bytes into what is summed. */
static uint64_t sum_add(uint64_t sum, uint32_t at, const uint8_t *p,
			uint32_t len)
{
	uint16_t block = sum_block(p, len);

	return sum + (at & 1 ? __builtin_bswap16(block) : block);
}

static uint64_t sum_segs(uint64_t sum, uint32_t at,
			 const struct frame_seg *seg, unsigned count)
{
	for (; count; count--, seg++) {
		sum = sum_add(sum, at, seg->data, seg->len);
		at += seg->len;
	}
	return sum;
}

/* Write the checksum; 0 means "none" in UDP and equals 0xffff elsewhere. */
static void sum_store(uint8_t *field, uint64_t sum)
{
	uint16_t v = (uint16_t)~sum_fold(sum);

	if (!v)
		v = 0xffff;
	memcpy(field, &v, sizeof(v));
}

/* Pseudo header: addresses, protocol, length of L4 header and payload. */
static uint64_t sum_pseudo(const uint8_t *hdr, const struct layout *at,
			   uint32_t l4_len)
{
	uint32_t tail = htonl(at->proto + (l4_len & 0xffff));
	uint64_t sum = htonl(l4_len & 0xffff0000u);

	sum += tail;
	if (at->v6)
		return sum_add(sum, 0, hdr + at->l3 + IP6_AT_ADDRS, 32);
	return sum_add(sum, 0, hdr + at->l3 + IP4_AT_ADDRS, 8);
}

static bool is_tag(uint16_t tpid)
{
	return tpid == 0x8100 || tpid == 0x88a8 || tpid == 0x9100;
}

/* Find L3; the ethertype, or 0. */
static uint16_t parse_eth(const struct frame *f, struct layout *at)
{
	unsigned type_at = ETH_MACS_LEN, tags;
	uint16_t type = 0;

	for (tags = 0; tags <= TAGS_MAX; tags++, type_at += 4) {
		if (type_at + 2 > f->hdr_len)
			return 0;
		type = frame_be16(f, type_at);
		if (!is_tag(type))
			break;
	}
	at->l3 = (uint16_t)(type_at + 2);
	return type;
}

static bool parse_ip4(const struct frame *f, struct layout *at)
{
	const uint8_t *ip = f->hdr + at->l3;
	unsigned ihl;

	if (at->l3 + IP4_HLEN > f->hdr_len || ip[0] >> 4 != 4)
		return false;
	ihl = (ip[0] & 15) * 4;
	if (ihl < IP4_HLEN || at->l3 + ihl > f->hdr_len)
		return false;
	if (get16(ip + IP4_AT_FRAG) & IP4_FRAG_MASK)
		return false;
	at->v6 = false;
	at->proto = ip[IP4_AT_PROTO];
	at->l4 = (uint16_t)(at->l3 + ihl);
	return true;
}

/* Fragments and AH cannot be segmented: they end here as unknown. */
static bool parse_ip6(const struct frame *f, struct layout *at)
{
	unsigned pos = at->l3 + IP6_HLEN;
	uint8_t next;

	if (pos > f->hdr_len || f->hdr[at->l3] >> 4 != 6)
		return false;
	next = f->hdr[at->l3 + IP6_AT_NEXT];
	while (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING ||
	       next == IPPROTO_DSTOPTS) {
		if (pos + 8 > f->hdr_len)
			return false;
		next = f->hdr[pos];
		pos += (f->hdr[pos + 1] + 1) * 8;
	}
	at->v6 = true;
	at->proto = next;
	at->l4 = (uint16_t)pos;
	return true;
}

static bool parse_l4(const struct frame *f, struct layout *at)
{
	unsigned len;

	if (at->proto == IPPROTO_UDP) {
		len = UDP_HLEN;
	} else if (at->proto == IPPROTO_TCP) {
		if (at->l4 + TCP_HLEN > f->hdr_len)
			return false;
		len = (f->hdr[at->l4 + TCP_AT_DOFF] >> 4) * 4;
		if (len < TCP_HLEN)
			return false;
	} else {
		return false;
	}
	at->end = (uint16_t)(at->l4 + len);
	return at->end <= f->hdr_len;
}

static bool parse(const struct frame *f, struct layout *at)
{
	uint16_t type = parse_eth(f, at);

	if (type == 0x0800)
		return parse_ip4(f, at) && parse_l4(f, at);
	if (type == 0x86dd)
		return parse_ip6(f, at) && parse_l4(f, at);
	return false;
}

static bool gso_fits_headers(const struct frame *f, const struct layout *at)
{
	switch (f->gso) {
	case FRAME_GSO_TCP4:
		return at->proto == IPPROTO_TCP && !at->v6;
	case FRAME_GSO_TCP6:
		return at->proto == IPPROTO_TCP && at->v6;
	case FRAME_GSO_UDP:
		return at->proto == IPPROTO_UDP && !f->gso_ecn &&
		       (!at->v6 || at->l4 == at->l3 + IP6_HLEN);
	case FRAME_GSO_UDP_L4:
		return at->proto == IPPROTO_UDP && !f->gso_ecn;
	default:
		return false;
	}
}

/* Bytes that are cut (of a UFO datagram the UDP header is one of them). */
static uint32_t gso_bytes(const struct frame *f, const struct layout *at)
{
	return f->len - (f->gso == FRAME_GSO_UDP ? at->l4 : at->end);
}

/* Fragments but the last carry a multiple of 8 bytes. */
static uint32_t gso_step(const struct frame *f)
{
	return f->gso == FRAME_GSO_UDP ? f->gso_size & ~7u : f->gso_size;
}

/* How many segments; 0 when not allowed. */
static unsigned gso_count(const struct frame *f, const struct layout *at)
{
	uint32_t step = gso_step(f), bytes = gso_bytes(f, at);
	uint32_t n;

	if (!step)
		return 0;
	n = (bytes + step - 1) / step;
	if (n > OFFLOAD_SEGS_MAX)
		return 0;
	return n ? n : 1;
}

/* Everything about a GSO frame that can be wrong. */
static bool gso_valid(const struct frame *f, struct layout *at)
{
	unsigned field;

	if (f->csum != FRAME_CSUM_PARTIAL || f->len < f->hdr_len ||
	    f->len > FRAME_LEN_MAX || !parse(f, at) || !gso_fits_headers(f, at))
		return false;
	field = at->proto == IPPROTO_TCP ? TCP_AT_CSUM : UDP_AT_CSUM;
	return f->csum_start == at->l4 && f->csum_offset == field &&
	       gso_count(f, at);
}

bool offload_validate(const struct frame *f)
{
	struct layout at;

	if (f->gso != FRAME_GSO_NONE)
		return gso_valid(f, &at);
	if (f->gso_ecn)
		return false;
	if (f->csum != FRAME_CSUM_PARTIAL)
		return f->csum == FRAME_CSUM_NONE ||
		       f->csum == FRAME_CSUM_VALID;
	return f->csum_start >= ETH_HLEN_MIN &&
	       (uint32_t)f->csum_start + f->csum_offset + 2 <= f->len;
}

enum drop offload_checksum(struct frame *f)
{
	uint32_t start = f->csum_start, head;
	uint64_t sum;

	if (f->csum != FRAME_CSUM_PARTIAL)
		return DROP_NONE;
	if (start < ETH_HLEN_MIN || start + f->csum_offset + 2 > f->hdr_len)
		return DROP_GSO;
	head = f->hdr_len - start;
	sum = sum_add(0, 0, f->hdr + start, head);
	sum = sum_segs(sum, head, f->segs, f->seg_count);
	sum_store(f->hdr + start + f->csum_offset, sum);
	f->csum = FRAME_CSUM_NONE;
	return DROP_NONE;
}

static void cursor_init(struct cursor *c, const struct frame *f, uint32_t from)
{
	c->now.data = f->hdr + from;
	c->now.len = f->hdr_len - from;
	c->seg = f->segs;
	c->segs_left = f->seg_count;
}

/* Reference the next `bytes` in seg[]; how many it took, 0 if too short. */
static unsigned cursor_take(struct cursor *c, uint32_t bytes,
			    struct frame_seg *seg)
{
	unsigned n = 0;

	while (bytes) {
		uint32_t len;

		while (!c->now.len) {
			if (!c->segs_left)
				return 0;
			c->now = *c->seg++;
			c->segs_left--;
		}
		len = c->now.len < bytes ? c->now.len : bytes;
		seg[n].data = c->now.data;
		seg[n++].len = len;
		c->now.data += len;
		c->now.len -= len;
		bytes -= len;
	}
	return n;
}

static void ip4_finish(uint8_t *ip, unsigned ihl, uint32_t len)
{
	put16(ip + IP4_AT_LEN, len);
	put16(ip + IP4_AT_CSUM, 0);
	sum_store(ip + IP4_AT_CSUM, sum_add(0, 0, ip, ihl));
}

/* What changes in the headers of segment i of n, `from` bytes into it all. */
static void tcp_fix(uint8_t *tcp, uint32_t from, bool first, bool last)
{
	put32(tcp + TCP_AT_SEQ, get32(tcp + TCP_AT_SEQ) + from);
	if (!first)
		tcp[TCP_AT_FLAGS] &= (uint8_t)~TCP_CWR;
	if (!last)
		tcp[TCP_AT_FLAGS] &= (uint8_t)~TCP_FIN_PSH;
}

/* Lengths, IP identification and L4 checksum of a TCP or USO segment. */
static void segment_fix(struct frame *o, const struct layout *at, unsigned i)
{
	uint8_t *ip = o->hdr + at->l3, *l4 = o->hdr + at->l4;
	uint32_t l4_len = o->len - at->l4, head = at->end - at->l4;
	unsigned field = TCP_AT_CSUM;
	uint64_t sum;

	if (at->v6) {
		put16(ip + IP6_AT_LEN, o->len - at->l3 - IP6_HLEN);
	} else {
		put16(ip + IP4_AT_ID, get16(ip + IP4_AT_ID) + i);
		ip4_finish(ip, at->l4 - at->l3, o->len - at->l3);
	}
	if (at->proto == IPPROTO_UDP) {
		field = UDP_AT_CSUM;
		put16(l4 + UDP_AT_LEN, l4_len);
	}
	put16(l4 + field, 0);
	sum = sum_pseudo(o->hdr, at, l4_len);
	sum = sum_add(sum, 0, l4, head);
	sum = sum_segs(sum, head, o->segs, o->seg_count);
	sum_store(l4 + field, sum);
}

/* A new frame whose hdr_len bytes begin with the first `copy` of f's. */
static void frame_begin(struct frame *o, const struct frame *f,
			unsigned hdr_len, unsigned copy)
{
	memcpy(o, f, offsetof(struct frame, room));
	o->hdr = (uint8_t *)o + sizeof(*o) - hdr_len;
	memcpy(o->hdr, f->hdr, copy);
	o->hdr_len = (uint16_t)hdr_len;
	o->csum = FRAME_CSUM_NONE;
	o->gso = FRAME_GSO_NONE;
	o->gso_ecn = 0;
	o->gso_size = 0;
	o->csum_start = 0;
	o->csum_offset = 0;
}

static_assert(offsetof(struct frame, bytes) + FRAME_HDR_MAX ==
		      sizeof(struct frame),
	      "headers may end where the frame ends");

static int segment_l4(const struct frame *f, const struct layout *at,
		      struct offload_scratch *s, struct frame *out[],
		      unsigned n)
{
	uint32_t total = gso_bytes(f, at), step = gso_step(f), from = 0;
	struct frame_seg *seg = s->segs;
	struct cursor c;
	unsigned i;

	cursor_init(&c, f, at->end);
	for (i = 0; i < n; i++, from += step) {
		uint32_t len = total - from < step ? total - from : step;
		struct frame *o = out[i] = &s->frames[i];

		frame_begin(o, f, at->end, at->end);
		o->segs = seg;
		o->seg_count = (uint16_t)cursor_take(&c, len, seg);
		if (len && !o->seg_count)
			return -DROP_GSO;
		seg += o->seg_count;
		o->len = at->end + len;
		o->more = i + 1 < n;
		if (at->proto == IPPROTO_TCP)
			tcp_fix(o->hdr + at->l4, from, !i, i + 1 == n);
		segment_fix(o, at, i);
	}
	return (int)n;
}

/* The whole datagram's UDP checksum: fragments carry it unchanged. */
static uint16_t ufo_checksum(const struct frame *f, const struct layout *at)
{
	uint32_t l4_len = f->len - at->l4, head = f->hdr_len - at->l4;
	uint8_t udp[UDP_HLEN], field[2];
	uint64_t sum = sum_pseudo(f->hdr, at, l4_len);

	memcpy(udp, f->hdr + at->l4, sizeof(udp));
	put16(udp + UDP_AT_LEN, l4_len);
	put16(udp + UDP_AT_CSUM, 0);
	sum = sum_add(sum, 0, udp, UDP_HLEN);
	sum = sum_add(sum, 0, f->hdr + at->end, head - UDP_HLEN);
	sum = sum_segs(sum, head, f->segs, f->seg_count);
	sum_store(field, sum);
	return get16(field);
}

/* RFC 791 3.2 */
static void fragment_ip4(struct frame *o, const struct layout *at,
			 uint32_t from, bool last)
{
	uint8_t *ip = o->hdr + at->l3;
	uint16_t flags = get16(ip + IP4_AT_FRAG) & (uint16_t)~IP4_FRAG_MASK;

	put16(ip + IP4_AT_FRAG, flags | (last ? 0 : IP4_MF) | from / 8);
	ip4_finish(ip, at->l4 - at->l3, o->len - at->l3);
}

/* RFC 8200 4.5: the fragment header takes the place behind the IPv6 one. */
static void fragment_ip6(struct frame *o, const struct layout *at,
			 uint32_t from, bool last, uint32_t id)
{
	uint8_t *ip = o->hdr + at->l3, *frag = ip + IP6_HLEN;

	put16(ip + IP6_AT_LEN, o->len - at->l3 - IP6_HLEN);
	ip[IP6_AT_NEXT] = IPPROTO_FRAGMENT;
	frag[0] = IPPROTO_UDP;
	frag[1] = 0;
	put16(frag + 2, from | !last);
	put32(frag + 4, id);
}

/*
 * UFO.  The first fragment's private part holds the UDP header as well: a
 * copy, because it differs from the original in length and checksum.
 */
static int segment_ufo(const struct frame *f, const struct layout *at,
		       struct offload_scratch *s, struct frame *out[],
		       unsigned n)
{
	uint32_t total = gso_bytes(f, at), step = gso_step(f), from = 0;
	unsigned head = at->l4 + (at->v6 ? IP6_FRAG_HLEN : 0), i;
	uint32_t id = (uint32_t)ufo_checksum(f, at) << 16 | ++s->ident;
	struct frame_seg *seg = s->segs;
	struct cursor c;

	cursor_init(&c, f, at->end);
	for (i = 0; i < n; i++, from += step) {
		uint32_t len = total - from < step ? total - from : step;
		unsigned own = i ? 0 : UDP_HLEN;
		struct frame *o = out[i] = &s->frames[i];

		frame_begin(o, f, head + own, at->l4);
		o->segs = seg;
		o->seg_count = (uint16_t)cursor_take(&c, len - own, seg);
		if (len > own && !o->seg_count)
			return -DROP_GSO;
		seg += o->seg_count;
		o->len = head + len;
		o->more = i + 1 < n;
		if (own) {
			uint8_t *udp = o->hdr + head;

			memcpy(udp, f->hdr + at->l4, UDP_HLEN);
			put16(udp + UDP_AT_LEN, total);
			put16(udp + UDP_AT_CSUM, id >> 16);
		}
		if (at->v6)
			fragment_ip6(o, at, from, i + 1 == n, id);
		else
			fragment_ip4(o, at, from, i + 1 == n);
	}
	return (int)n;
}

int offload_segment(const struct frame *f, struct offload_scratch *s,
		    struct frame *out[], unsigned max)
{
	struct layout at;
	unsigned n;

	if (!gso_valid(f, &at) || at.end + IP6_FRAG_HLEN > ROOM_BYTES)
		return -DROP_GSO;
	n = gso_count(f, &at);
	if (n > max)
		return -DROP_GSO;
	if (f->gso == FRAME_GSO_UDP)
		return segment_ufo(f, &at, s, out, n);
	return segment_l4(f, &at, s, out, n);
}
