/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packet.c: see packet.h. */
#include "tests/lib/packet.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void packet_put(struct packet *p, const void *bytes, unsigned n)
{
	if (n > PACKET_MAX - p->len)
		n = PACKET_MAX - p->len;
	memcpy(p->bytes + p->len, bytes, n);
	p->len += n;
}

void packet_zero(struct packet *p, unsigned n)
{
	while (n--)
		packet_put8(p, 0);
}

void packet_put8(struct packet *p, uint8_t v)
{
	packet_put(p, &v, 1);
}

void packet_put16(struct packet *p, uint16_t v)
{
	v = htons(v);
	packet_put(p, &v, 2);
}

void packet_put32(struct packet *p, uint32_t v)
{
	v = htonl(v);
	packet_put(p, &v, 4);
}

void packet_put_hex(struct packet *p, const char *hex)
{
	unsigned v;
	int used;

	while (sscanf(hex, " %2x%n", &v, &used) == 1) {
		packet_put8(p, v);
		hex += used;
	}
}

void packet_put_ip(struct packet *p, const char *text)
{
	uint8_t addr[16];

	if (inet_pton(AF_INET, text, addr) == 1) {
		packet_put(p, addr, 4);
	} else {
		int ok = inet_pton(AF_INET6, text, addr);

		assert(ok == 1);
		packet_put(p, addr, 16);
	}
}

void packet_mac(const char *text, uint8_t mac[6])
{
	unsigned v[6], i;
	int n = sscanf(text, "%x:%x:%x:%x:%x:%x", &v[0], &v[1], &v[2], &v[3],
		       &v[4], &v[5]);

	assert(n == 6);
	for (i = 0; i < 6; i++)
		mac[i] = v[i];
}

void packet_eth(struct packet *p, const char *dst, const char *src,
		uint16_t type)
{
	p->len = ETH_MACS_LEN;
	packet_mac(dst, p->bytes);
	packet_mac(src, p->bytes + 6);
	packet_put16(p, type);
}

void packet_tag(struct packet *p, uint16_t tpid, uint16_t tci)
{
	uint8_t *at = p->bytes + ETH_MACS_LEN;

	assert(p->len >= ETH_MACS_LEN && p->len + 4 <= PACKET_MAX);
	memmove(at + 4, at, p->len - ETH_MACS_LEN);
	tpid = htons(tpid);
	tci = htons(tci);
	memcpy(at, &tpid, 2);
	memcpy(at + 2, &tci, 2);
	p->len += 4;
}

void packet_ipv4(struct packet *p, const char *src, const char *dst,
		 uint8_t proto, uint16_t payload)
{
	packet_put16(p, 0x4500);
	packet_put16(p, 20 + payload);
	packet_put32(p, 0); /* id, fragment */
	packet_put8(p, 64);
	packet_put8(p, proto);
	packet_put16(p, 0);
	packet_put_ip(p, src);
	packet_put_ip(p, dst);
}

void packet_ipv6(struct packet *p, const char *src, const char *dst,
		 uint8_t next, uint8_t hops, uint16_t payload)
{
	packet_put32(p, 6u << 28);
	packet_put16(p, payload);
	packet_put8(p, next);
	packet_put8(p, hops);
	packet_put_ip(p, src);
	packet_put_ip(p, dst);
}

void packet_udp(struct packet *p, uint16_t sport, uint16_t dport,
		uint16_t payload)
{
	packet_put16(p, sport);
	packet_put16(p, dport);
	packet_put16(p, 8 + payload);
	packet_put16(p, 0);
}

struct frame *packet_frame(const struct packet *p, struct packet_frame *pf,
			   unsigned hdr_len)
{
	struct frame *f = &pf->f;

	if (hdr_len > FRAME_HDR_MAX)
		hdr_len = FRAME_HDR_MAX;
	if (hdr_len > p->len)
		hdr_len = p->len;
	frame_init(f);
	memcpy(f->hdr, p->bytes, hdr_len);
	f->hdr_len = hdr_len;
	f->len = p->len;
	pf->seg.data = p->bytes + hdr_len;
	pf->seg.len = p->len - hdr_len;
	f->segs = &pf->seg;
	f->seg_count = pf->seg.len > 0;
	return f;
}

void packet_from_frame(struct packet *p, const struct frame *f)
{
	unsigned i;

	p->len = 0;
	packet_put(p, f->hdr, f->hdr_len);
	for (i = 0; i < f->seg_count; i++)
		packet_put(p, f->segs[i].data, f->segs[i].len);
}

uint32_t packet_random(struct packet_rng *rng, uint32_t below)
{
	uint64_t x = rng->state ? rng->state : 1;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	rng->state = x;
	return (uint32_t)((x * UINT64_C(0x2545f4914f6cdd1d)) >> 32) % below;
}
