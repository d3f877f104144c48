/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_offload.c: segments and checksums against a slow reference.
 *
 * The reference never looks at the module's idea of a header: it flattens
 * what came out, finds the headers at the places where the test has put them,
 * and adds bytes up one by one.
 */
#include <CUnit/Basic.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "vswitch/offload.h"

#define FLAT_MAX (FRAME_LEN_MAX + 64)
#define PROPERTY_ROUNDS 1500

/* What to build. */
struct recipe {
	bool v6, udp;
	unsigned tags;	 /* in the frame as received */
	unsigned retags; /* put on by us */
	unsigned ext;	 /* bytes of IP options or extension headers */
	unsigned opt;	 /* bytes of TCP options */
	uint32_t payload;
	uint8_t gso;
	uint16_t gso_size;
	uint8_t flags;
	uint32_t hdr_extra; /* payload bytes in the private header */
	unsigned pieces;
};

struct sample {
	struct frame f;
	struct frame_seg segs[FRAME_SEGS_MAX];
	uint8_t flat[FLAT_MAX]; /* the frame as built, before retagging */
	unsigned l3, l4, end;	/* in flat */
	unsigned grown;		/* bytes of our tags */
};

static struct sample smp;
static struct offload_scratch scratch;
static uint64_t rnd_state = 88172645463325252u;

static uint32_t rnd(uint32_t below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return below ? (uint32_t)(rnd_state >> 20) % below : 0;
}

static void be16(uint8_t *p, uint32_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static uint32_t rd16(const uint8_t *p)
{
	return p[0] * 256u + p[1];
}

static uint32_t rd32(const uint8_t *p)
{
	return rd16(p) << 16 | rd16(p + 2);
}

/* The reference sum: big endian words, byte by byte, never folded early. */
static uint64_t slow_sum(const uint8_t *p, uint32_t len)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < len; i++)
		sum += i & 1 ? p[i] : p[i] * 256u;
	return sum;
}

static uint32_t slow_fold(uint64_t sum)
{
	while (sum > 0xffff)
		sum = sum % 0x10000 + sum / 0x10000;
	return (uint32_t)sum;
}

static uint64_t slow_pseudo(const uint8_t *ip, uint8_t proto, uint32_t len)
{
	bool v6 = ip[0] >> 4 == 6;

	return slow_sum(ip + (v6 ? 8 : 12), v6 ? 32 : 8) + proto + len;
}

static unsigned build_l3(const struct recipe *r, uint8_t *p, uint32_t l4_len)
{
	uint8_t proto = r->udp ? IPPROTO_UDP : IPPROTO_TCP;
	unsigned i, hlen = (r->v6 ? 40 : 20) + r->ext;

	for (i = 0; i < hlen; i++)
		p[i] = rnd(256);
	if (r->v6) {
		p[0] = 0x60;
		be16(p + 4, l4_len + r->ext);
		p[6] = r->ext ? IPPROTO_DSTOPTS : proto;
		if (r->ext) {
			p[40] = proto;
			p[41] = r->ext / 8 - 1;
		}
		return hlen;
	}
	p[0] = 0x40 | hlen / 4;
	be16(p + 2, l4_len + hlen);
	be16(p + 6, 0x4000);
	p[9] = proto;
	be16(p + 10, 0);
	be16(p + 10, ~slow_fold(slow_sum(p, hlen)));
	return hlen;
}

static unsigned build_l4(const struct recipe *r, uint8_t *p, uint32_t l4_len)
{
	unsigned i, hlen = r->udp ? 8 : 20 + r->opt;

	for (i = 0; i < hlen; i++)
		p[i] = rnd(256);
	if (r->udp) {
		be16(p + 4, l4_len);
		return hlen;
	}
	p[12] = hlen / 4 << 4;
	p[13] = r->flags;
	return hlen;
}

static void split(struct sample *s, const struct recipe *r, uint32_t len)
{
	uint32_t hdr = s->end + r->hdr_extra, at;
	unsigned i;

	if (hdr > len)
		hdr = len;
	if (hdr > FRAME_HDR_MAX)
		hdr = FRAME_HDR_MAX;
	memcpy(s->f.hdr, s->flat, hdr);
	s->f.hdr_len = hdr;
	s->f.len = len;
	s->f.segs = s->segs;
	for (i = 0, at = hdr; at < len; i++) {
		uint32_t n = 1 + rnd(2 * (len - hdr) / r->pieces);

		if (n > len - at || i + 1 == r->pieces)
			n = len - at;
		s->segs[i].data = s->flat + at;
		s->segs[i].len = n;
		at += n;
	}
	s->f.seg_count = i;
}

/* A frame as a driver would hand it over: partial checksum, GSO fields. */
static void build(struct sample *s, const struct recipe *r)
{
	static const uint16_t tpid[] = { 0x88a8, 0x8100, 0x9100 };
	static const uint32_t tag[2] = { 0x88a80123, 0x81000456 };
	uint32_t l4_len = r->payload + (r->udp ? 8 : 20 + r->opt), i;
	uint8_t *l4;

	frame_init(&s->f);
	for (i = 0; i < 12; i++)
		s->flat[i] = rnd(256);
	for (i = 0; i < r->tags; i++)
		be16(s->flat + 12 + 4 * i, tpid[rnd(3)]);
	be16(s->flat + 12 + 4 * i, r->v6 ? 0x86dd : 0x0800);
	s->l3 = 14 + 4 * i;
	s->l4 = s->l3 + build_l3(r, s->flat + s->l3, l4_len);
	l4 = s->flat + s->l4;
	s->end = s->l4 + build_l4(r, l4, l4_len);
	for (i = 0; i < r->payload; i++)
		s->flat[s->end + i] = rnd(256);
	s->f.csum = FRAME_CSUM_PARTIAL;
	s->f.csum_start = s->l4;
	s->f.csum_offset = r->udp ? 6 : 16;
	be16(l4 + s->f.csum_offset,
	     slow_fold(slow_pseudo(s->flat + s->l3,
				   r->udp ? IPPROTO_UDP : IPPROTO_TCP,
				   l4_len)));
	s->f.gso = r->gso;
	s->f.gso_size = r->gso_size;
	split(s, r, s->end + r->payload);
	s->grown = 4 * r->retags;
	frame_retag(&s->f, r->retags, tag);
}

static uint32_t flatten(const struct frame *f, uint8_t *to)
{
	uint32_t at = f->hdr_len;
	unsigned i;

	memcpy(to, f->hdr, f->hdr_len);
	for (i = 0; i < f->seg_count; i++) {
		memcpy(to + at, f->segs[i].data, f->segs[i].len);
		at += f->segs[i].len;
	}
	return at;
}

/* Count what differs instead of asserting per byte: one assert a frame. */
#define MUST(cond)                                                            \
	do {                                                                  \
		if (!(cond)) {                                                \
			fprintf(stderr, "%s:%d: %s\n", __func__, __LINE__,    \
				#cond);                                       \
			return false;                                         \
		}                                                             \
	} while (0)

static bool ip_right(const uint8_t *ip, uint32_t len, const uint8_t *was,
		     unsigned hlen, unsigned i)
{
	if (was[0] >> 4 == 6) {
		MUST(rd16(ip + 4) == len - 40);
		MUST(!memcmp(ip + 6, was + 6, hlen - 6));
		return true;
	}
	MUST(rd16(ip + 2) == len);
	MUST(rd16(ip + 4) == ((rd16(was + 4) + i) & 0xffff));
	MUST(slow_fold(slow_sum(ip, hlen)) == 0xffff);
	MUST(!memcmp(ip + 6, was + 6, 4));
	MUST(!memcmp(ip + 12, was + 12, hlen - 12));
	return true;
}

static bool tcp_right(const uint8_t *tcp, const uint8_t *was, uint32_t from,
		      bool first, bool last)
{
	uint8_t flags = was[13];

	if (!first)
		flags &= 0x7f;
	if (!last)
		flags &= 0xf6;
	MUST(rd32(tcp + 4) == rd32(was + 4) + from);
	MUST(tcp[13] == flags);
	MUST(!memcmp(tcp, was, 4) && !memcmp(tcp + 8, was + 8, 5));
	MUST(!memcmp(tcp + 14, was + 14, 2) && !memcmp(tcp + 18, was + 18, 2));
	return true;
}

static bool segment_right(const struct sample *s, const struct recipe *r,
			  const struct frame *o, unsigned i, unsigned n,
			  uint32_t from)
{
	static uint8_t got[FLAT_MAX];
	uint32_t len = flatten(o, got), part = r->payload - from;
	unsigned g = s->grown, hlen = s->end - s->l4;
	const uint8_t *ip = got + s->l3 + g, *l4 = got + s->l4 + g;

	if (part > r->gso_size)
		part = r->gso_size;
	MUST(len == o->len && len == s->end + g + part);
	MUST(o->more == (i + 1 < n) && !o->gso && o->csum == FRAME_CSUM_NONE);
	MUST(o->tags == s->f.tags);
	MUST(!memcmp(got, s->f.hdr, s->l3 + g));
	MUST(ip_right(ip, len - s->l3 - g, s->flat + s->l3, s->l4 - s->l3, i));
	MUST(!memcmp(got + s->end + g, s->flat + s->end + from, part));
	if (r->udp)
		MUST(rd16(l4 + 4) == 8 + part && rd16(l4 + 6));
	else
		MUST(tcp_right(l4, s->flat + s->l4, from, !i, i + 1 == n));
	MUST(slow_fold(slow_pseudo(ip, r->udp ? 17 : 6, hlen + part) +
		       slow_sum(l4, hlen + part)) == 0xffff);
	return true;
}

static bool cut_right(struct sample *s, const struct recipe *r)
{
	struct frame *out[OFFLOAD_SEGS_MAX];
	uint32_t from = 0;
	int n, i, want = (r->payload + r->gso_size - 1) / r->gso_size;

	build(s, r);
	MUST(offload_validate(&s->f));
	n = offload_segment(&s->f, &scratch, out, OFFLOAD_SEGS_MAX);
	MUST(n == (want ? want : 1));
	for (i = 0; i < n; i++, from += r->gso_size)
		MUST(segment_right(s, r, out[i], i, n, from));
	return true;
}

static struct recipe random_recipe(void)
{
	struct recipe r = { .pieces = 1 + rnd(40) };

	r.v6 = rnd(2);
	r.udp = rnd(3) == 0;
	r.tags = rnd(3);
	r.retags = rnd(3);
	r.ext = rnd(4) ? 0 : r.v6 ? 8 : 4 * rnd(6);
	r.opt = r.udp ? 0 : 4 * rnd(6);
	r.gso_size = 1 + rnd(rnd(2) ? 64 : 9000);
	r.payload = rnd(r.gso_size * OFFLOAD_SEGS_MAX + 1);
	if (r.payload > 65000)
		r.payload = rnd(65000);
	if (r.payload > r.gso_size * OFFLOAD_SEGS_MAX)
		r.payload = r.gso_size * OFFLOAD_SEGS_MAX;
	r.gso = r.udp  ? FRAME_GSO_UDP_L4 :
		r.v6   ? FRAME_GSO_TCP6 :
			 FRAME_GSO_TCP4;
	r.flags = rnd(256);
	r.hdr_extra = rnd(80);
	return r;
}

static void segments_of_any_frame_are_right(void)
{
	unsigned i, bad = 0;

	for (i = 0; i < PROPERTY_ROUNDS && !bad; i++) {
		struct recipe r = random_recipe();

		bad += !cut_right(&smp, &r);
	}
	CU_ASSERT_EQUAL(bad, 0);
}

static void a_64_kb_frame_becomes_full_segments_and_a_rest(void)
{
	struct recipe r = { .payload = 65000, .gso_size = 1448, .opt = 12,
			    .gso = FRAME_GSO_TCP4, .flags = 0x18,
			    .hdr_extra = 62, .pieces = 16 };

	CU_ASSERT(cut_right(&smp, &r));
}

static void a_frame_of_one_segment_gets_its_checksum(void)
{
	struct recipe r = { .payload = 100, .gso_size = 1448,
			    .gso = FRAME_GSO_TCP4, .flags = 0x99,
			    .hdr_extra = 200, .pieces = 1 };

	CU_ASSERT(cut_right(&smp, &r));
	r.payload = 0;
	CU_ASSERT(cut_right(&smp, &r));
}

/* Put fragments together again; the datagram must be whole and valid. */
static bool fragments_right(struct sample *s, const struct recipe *r)
{
	static uint8_t got[FLAT_MAX], whole[FLAT_MAX];
	struct frame *out[OFFLOAD_SEGS_MAX];
	uint32_t at = 0, len;
	int n, i;

	build(s, r);
	MUST(offload_validate(&s->f));
	n = offload_segment(&s->f, &scratch, out, OFFLOAD_SEGS_MAX);
	MUST(n >= 1);
	for (i = 0; i < n; i++) {
		const uint8_t *ip = got + s->l3 + s->grown;
		unsigned hlen = s->l4 - s->l3, word;

		len = flatten(out[i], got) - s->l3 - s->grown;
		MUST(out[i]->more == (i + 1 < n));
		MUST(len + s->l3 + s->grown == out[i]->len);
		if (r->v6) {
			MUST(rd16(ip + 4) == len - 40 && ip[6] == 44);
			MUST(ip[40] == 17);
			hlen = 48;
			word = rd16(ip + 42);
			MUST((word & 1) == (i + 1 < n) && !(word & 6));
			word &= 0xfff8;
		} else {
			MUST(rd16(ip + 2) == len);
			MUST(rd16(ip + 4) == rd16(s->flat + s->l3 + 4));
			MUST(slow_fold(slow_sum(ip, hlen)) == 0xffff);
			word = rd16(ip + 6);
			MUST(!(word & 0x2000) == (i + 1 == n));
			word = (word & 0x1fff) * 8;
		}
		MUST(word == at && len - hlen <= r->gso_size);
		memcpy(whole + at, ip + hlen, len - hlen);
		at += len - hlen;
	}
	MUST(at == r->payload + 8 && rd16(whole + 4) == at);
	MUST(!memcmp(whole + 8, s->flat + s->end, r->payload));
	MUST(slow_fold(slow_pseudo(s->flat + s->l3, 17, at) +
		       slow_sum(whole, at)) == 0xffff);
	return true;
}

static void udp_fragments_make_the_datagram_again(void)
{
	unsigned i, bad = 0;

	for (i = 0; i < PROPERTY_ROUNDS && !bad; i++) {
		struct recipe r = random_recipe();

		r.udp = true;
		r.opt = 0;
		r.gso = FRAME_GSO_UDP;
		r.gso_size = 8 + rnd(3000);
		r.payload = rnd(r.gso_size * 60);
		if (r.payload > 65000)
			r.payload = 65000;
		if (r.v6)
			r.ext = 0;
		bad += !fragments_right(&smp, &r);
	}
	CU_ASSERT_EQUAL(bad, 0);
}

static void partial_checksum_is_completed(void)
{
	unsigned i, bad = 0;

	for (i = 0; i < PROPERTY_ROUNDS && !bad; i++) {
		static uint8_t got[FLAT_MAX];
		struct recipe r = random_recipe();
		uint32_t len;
		unsigned l4;

		r.gso = FRAME_GSO_NONE;
		r.gso_size = 0;
		r.payload = rnd(9000);
		build(&smp, &r);
		l4 = smp.l4 + smp.grown;
		bad += !offload_validate(&smp.f);
		bad += offload_checksum(&smp.f) != DROP_NONE;
		bad += smp.f.csum != FRAME_CSUM_NONE;
		len = flatten(&smp.f, got) - l4;
		bad += slow_fold(slow_pseudo(got + smp.l3 + smp.grown,
					     r.udp ? 17 : 6, len) +
				 slow_sum(got + l4, len)) != 0xffff;
		bad += !rd16(got + l4 + (r.udp ? 6 : 16));
	}
	CU_ASSERT_EQUAL(bad, 0);
}

static void a_sum_of_zero_is_written_as_all_ones(void)
{
	struct recipe r = { .udp = true, .payload = 2, .hdr_extra = 2,
			    .pieces = 1 };
	uint32_t rest;

	build(&smp, &r);
	smp.f.hdr[smp.end] = smp.f.hdr[smp.end + 1] = 0;
	rest = slow_fold(slow_sum(smp.f.hdr + smp.l4, 10));
	be16(smp.f.hdr + smp.end, 0xffff - rest); /* the sum is now ffff */
	CU_ASSERT_EQUAL(offload_checksum(&smp.f), DROP_NONE);
	CU_ASSERT_EQUAL(rd16(smp.f.hdr + smp.l4 + 6), 0xffff);
}

static void a_checksum_field_in_the_payload_is_refused_at_egress(void)
{
	struct recipe r = { .payload = 500, .pieces = 3 };

	build(&smp, &r);
	smp.f.csum_start = 200;
	smp.f.csum_offset = 16;
	CU_ASSERT_TRUE(offload_validate(&smp.f));
	CU_ASSERT_EQUAL(offload_checksum(&smp.f), DROP_GSO);
	smp.f.csum_start = smp.f.hdr_len - 17; /* half in, half out */
	CU_ASSERT_EQUAL(offload_checksum(&smp.f), DROP_GSO);
	smp.f.csum_start = 0xffff;
	smp.f.csum_offset = 0xffff;
	CU_ASSERT_EQUAL(offload_checksum(&smp.f), DROP_GSO);
}

/* One field of a good frame made bad. */
enum field { GSO, GSO_SIZE, CSUM, START, OFFSET, ECN, BYTE, HDR_LEN };

struct hostile {
	const char *what;
	bool v6, udp;
	uint8_t gso;
	enum field field;
	unsigned at; /* BYTE: from hdr of an untagged frame */
	uint32_t value;
};

static const struct hostile hostile[] = {
	{ "TCPv6 GSO on IPv4", 0, 0, 1, GSO, 0, FRAME_GSO_TCP6 },
	{ "TCPv4 GSO on IPv6", 1, 0, 4, GSO, 0, FRAME_GSO_TCP4 },
	{ "UDP GSO on TCP", 0, 0, 1, GSO, 0, FRAME_GSO_UDP_L4 },
	{ "UFO on TCP", 0, 0, 1, GSO, 0, FRAME_GSO_UDP },
	{ "TCP GSO on UDP", 0, 1, 5, GSO, 0, FRAME_GSO_TCP4 },
	{ "unknown GSO type", 0, 0, 1, GSO, 0, 2 },
	{ "GSO type out of range", 0, 0, 1, GSO, 0, 0x7f },
	{ "ECN on UDP", 0, 1, 5, ECN, 0, 1 },
	{ "segments of no size", 0, 0, 1, GSO_SIZE, 0, 0 },
	{ "segments of one byte", 0, 0, 1, GSO_SIZE, 0, 1 },
	{ "one segment too many", 0, 0, 1, GSO_SIZE, 0, 70 },
	{ "UFO fragments below 8 bytes", 0, 1, 3, GSO_SIZE, 0, 7 },
	{ "GSO without checksum", 0, 0, 1, CSUM, 0, FRAME_CSUM_NONE },
	{ "GSO with a valid checksum", 0, 0, 1, CSUM, 0, FRAME_CSUM_VALID },
	{ "checksum starts elsewhere", 0, 0, 1, START, 0, 35 },
	{ "checksum starts at 0", 0, 0, 1, START, 0, 0 },
	{ "checksum starts far behind", 0, 0, 1, START, 0, 0xffff },
	{ "checksum field elsewhere", 0, 0, 1, OFFSET, 0, 6 },
	{ "checksum field far behind", 0, 0, 1, OFFSET, 0, 0xffff },
	{ "UDP with TCP's field", 0, 1, 5, OFFSET, 0, 16 },
	{ "not IP", 0, 0, 1, BYTE, 12, 0x86 },
	{ "IPv4 version 5", 0, 0, 1, BYTE, 14, 0x55 },
	{ "IPv4 header of 16 bytes", 0, 0, 1, BYTE, 14, 0x44 },
	{ "IPv4 header longer than there is", 0, 0, 1, BYTE, 14, 0x4f },
	{ "IPv4 fragment", 0, 0, 1, BYTE, 20, 0x20 },
	{ "IPv4 later fragment", 0, 0, 1, BYTE, 21, 1 },
	{ "ICMP", 0, 0, 1, BYTE, 23, 1 },
	{ "TCP header of 16 bytes", 0, 0, 1, BYTE, 46, 0x40 },
	{ "TCP header longer than there is", 0, 0, 1, BYTE, 46, 0xf0 },
	{ "IPv6 version 4", 1, 0, 4, BYTE, 14, 0x40 },
	{ "IPv6 fragment", 1, 0, 4, BYTE, 20, 44 },
	{ "IPv6 authentication header", 1, 0, 4, BYTE, 20, 51 },
	{ "IPv6 extensions without end", 1, 0, 4, BYTE, 20, 0 },
	{ "five tags", 0, 0, 1, BYTE, 12, 0x100 },
	{ "Ethernet header cut", 0, 0, 1, HDR_LEN, 0, 13 },
	{ "IPv4 header cut", 0, 0, 1, HDR_LEN, 0, 33 },
	{ "TCP header cut", 0, 0, 1, HDR_LEN, 0, 53 },
	{ "IPv6 header cut", 1, 0, 4, HDR_LEN, 0, 53 },
	{ "UDP header cut", 0, 1, 5, HDR_LEN, 0, 41 },
};

static void spoil(struct frame *f, const struct hostile *h)
{
	unsigned i;

	switch (h->field) {
	case GSO:
		f->gso = h->value;
		break;
	case GSO_SIZE:
		f->gso_size = h->value;
		break;
	case CSUM:
		f->csum = h->value;
		break;
	case START:
		f->csum_start = h->value;
		break;
	case OFFSET:
		f->csum_offset = h->value;
		break;
	case ECN:
		f->gso_ecn = h->value;
		break;
	case HDR_LEN:
		f->hdr_len = h->value;
		break;
	case BYTE:
		f->hdr[h->at] = h->value;
		for (i = 0; h->value == 0x100 && i < 5; i++)
			be16(f->hdr + h->at + 4 * i, 0x8100);
		break;
	}
}

static void impossible_offload_fields_are_refused(void)
{
	struct frame *out[OFFLOAD_SEGS_MAX];
	unsigned i;

	for (i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		const struct hostile *h = &hostile[i];
		struct recipe r = { .v6 = h->v6, .udp = h->udp, .gso = h->gso,
				    .payload = 9000, .gso_size = 1000,
				    .pieces = 4 };
		int n;

		build(&smp, &r);
		CU_ASSERT_TRUE(offload_validate(&smp.f));
		spoil(&smp.f, h);
		n = offload_segment(&smp.f, &scratch, out, OFFLOAD_SEGS_MAX);
		if (offload_validate(&smp.f) || n != -DROP_GSO) {
			fprintf(stderr, "accepted: %s\n", h->what);
			CU_FAIL("accepted");
		}
	}
}

static void partial_alone_must_stay_inside_the_frame(void)
{
	struct recipe r = { .payload = 100, .pieces = 1 };

	build(&smp, &r);
	CU_ASSERT_TRUE(offload_validate(&smp.f));
	smp.f.csum_start = 13;
	CU_ASSERT_FALSE(offload_validate(&smp.f));
	smp.f.csum_start = smp.f.len - 18;
	CU_ASSERT_TRUE(offload_validate(&smp.f));
	smp.f.csum_start++;
	CU_ASSERT_FALSE(offload_validate(&smp.f));
	smp.f.csum_start = 0xffff;
	smp.f.csum_offset = 0xffff;
	CU_ASSERT_FALSE(offload_validate(&smp.f));
}

static void more_segments_than_the_caller_takes_are_refused(void)
{
	struct frame *out[4];
	struct recipe r = { .payload = 500, .gso_size = 100, .pieces = 2,
			    .gso = FRAME_GSO_TCP4 };

	build(&smp, &r);
	CU_ASSERT_EQUAL(offload_segment(&smp.f, &scratch, out, 4), -DROP_GSO);
	r.payload = 400;
	build(&smp, &r);
	CU_ASSERT_EQUAL(offload_segment(&smp.f, &scratch, out, 4), 4);
}

static void payload_that_is_not_there_is_refused(void)
{
	struct frame *out[OFFLOAD_SEGS_MAX];
	struct recipe r = { .payload = 5000, .gso_size = 100, .pieces = 1,
			    .gso = FRAME_GSO_TCP4 };

	build(&smp, &r);
	smp.f.seg_count = 0; /* len says otherwise */
	CU_ASSERT_EQUAL(offload_segment(&smp.f, &scratch, out, 128),
			-DROP_GSO);
}

static void a_port_is_asked_only_for_what_it_lacks(void)
{
	uint32_t all = PORT_TX_CSUM | PORT_TX_TSO4 | PORT_TX_TSO6 |
		       PORT_TX_TSO_ECN | PORT_TX_UFO | PORT_TX_USO;
	struct frame f;

	frame_init(&f);
	CU_ASSERT_FALSE(offload_needed(&f, 0));
	f.csum = FRAME_CSUM_VALID;
	CU_ASSERT_FALSE(offload_needed(&f, 0));
	f.csum = FRAME_CSUM_PARTIAL;
	CU_ASSERT_TRUE(offload_needed(&f, all & ~PORT_TX_CSUM));
	CU_ASSERT_FALSE(offload_needed(&f, PORT_TX_CSUM));
	f.gso = FRAME_GSO_TCP4;
	CU_ASSERT_TRUE(offload_needed(&f, all & ~PORT_TX_TSO4));
	CU_ASSERT_FALSE(offload_needed(&f, PORT_TX_TSO4 | PORT_TX_CSUM));
	f.gso = FRAME_GSO_TCP6;
	f.gso_ecn = 1;
	CU_ASSERT_TRUE(offload_needed(&f, all & ~PORT_TX_TSO_ECN));
	CU_ASSERT_FALSE(offload_needed(&f, all));
	f.gso_ecn = 0;
	f.gso = FRAME_GSO_UDP;
	CU_ASSERT_TRUE(offload_needed(&f, all & ~PORT_TX_UFO));
	f.gso = FRAME_GSO_UDP_L4;
	CU_ASSERT_TRUE(offload_needed(&f, all & ~PORT_TX_USO));
}

#define TEST(fn) { #fn, fn }

int main(void)
{
	CU_TestInfo tests[] = {
		TEST(segments_of_any_frame_are_right),
		TEST(a_64_kb_frame_becomes_full_segments_and_a_rest),
		TEST(a_frame_of_one_segment_gets_its_checksum),
		TEST(udp_fragments_make_the_datagram_again),
		TEST(partial_checksum_is_completed),
		TEST(a_sum_of_zero_is_written_as_all_ones),
		TEST(a_checksum_field_in_the_payload_is_refused_at_egress),
		TEST(impossible_offload_fields_are_refused),
		TEST(partial_alone_must_stay_inside_the_frame),
		TEST(more_segments_than_the_caller_takes_are_refused),
		TEST(payload_that_is_not_there_is_refused),
		TEST(a_port_is_asked_only_for_what_it_lacks),
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "offload", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};
	unsigned failed;

	CU_initialize_registry();
	CU_register_suites(suites);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
