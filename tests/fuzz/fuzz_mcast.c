/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_mcast.c: IGMP and MLD snooping on hostile frames.
 *
 * An input is a run of records: a byte of port (low 4 bits), role (2 bits),
 * "make the sums right" (1 bit), a byte of time to pass in seconds, two bytes
 * of length, the frame.  After each, what readers are told must be sorted,
 * within the ports there are, and within the caps.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vswitch/mcast.h"
#include "vswitch/mcast_wire.h"

#define SEG      3
#define GROUPS   16
#define PER_PORT 8

static struct mcast *m;

static void free_now(void *ctx, void (*fn)(void *p), void *p)
{
	fn(p);
}

static void need(bool holds)
{
	if (!holds)
		abort();
}

static uint16_t sum16(const uint8_t *p, unsigned len, uint32_t sum)
{
	for (; len > 1; p += 2, len -= 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	if (len)
		sum += (uint32_t)p[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

/* Sums that no mutation would hit, where there is a header to hold them. */
static void fix4(uint8_t *b, unsigned len)
{
	unsigned hlen = (b[14] & 0xfu) * 4, total = b[16] << 8 | b[17];

	if (hlen < 20 || total < hlen + 8 || total > len - 14)
		return;
	put16(b + 24, 0);
	put16(b + 24, sum16(b + 14, hlen, 0));
	b += 14 + hlen;
	put16(b + 2, 0);
	put16(b + 2, sum16(b, total - hlen, 0));
}

static void fix6(uint8_t *b, unsigned len)
{
	unsigned total = b[18] << 8 | b[19], at;
	uint16_t pseudo;

	if (len < 64 || total < 16 || total > len - 54)
		return;
	at = 54 + (b[55] + 1u) * 8;
	if (at + 8 > 54 + total)
		return;
	pseudo = (uint16_t)~sum16(b + 22, 32, 54 + total - at + 58);
	put16(b + at + 2, 0);
	put16(b + at + 2, sum16(b + at, 54 + total - at, pseudo));
}

static void fix_sums(uint8_t *b, unsigned len)
{
	if (len < 42)
		return;
	if (b[12] == 8 && b[13] == 0)
		fix4(b, len);
	else if (b[12] == 0x86 && b[13] == 0xdd)
		fix6(b, len);
}

static void check(const uint8_t *mac)
{
	static uint16_t ports[PORT_ID_MAX];
	struct mcast_stats s;
	int i, n = mcast_ports(m, SEG, mac, ports);

	for (i = 0; i < n; i++)
		need(ports[i] < 16 && (!i || ports[i] > ports[i - 1]));
	mcast_get_stats(m, &s);
	need(s.groups <= GROUPS && s.members <= 16 * PER_PORT &&
	     s.groups <= s.members);
}

static void one_frame(uint8_t flags, uint8_t *frame, unsigned len, uint32_t now)
{
	struct mcast_message msg;
	unsigned i;

	if (flags & 0x40)
		fix_sums(frame, len);
	mcast_wire_parse(frame, len, &msg);
	need(msg.count <= MCAST_WIRE_RECORDS);
	need(msg.kind == MCAST_OTHER || mcast_wire_claims(frame, len));
	if (len)
		mcast_input(m, SEG, flags & 0xf, (flags >> 4 & 3) % 3, frame,
			    len, now);
	for (i = 0; msg.kind == MCAST_REPORT && i < msg.count; i++) {
		uint8_t mac[6];

		mcast_wire_mac(msg.record[i].group, mac);
		check(mac);
	}
}

static void start(void)
{
	struct mcast_conf conf = { .groups = GROUPS,
				   .groups_per_segment = GROUPS,
				   .groups_per_port = PER_PORT,
				   .defer_free = free_now,
				   .seed = 1 };

	need(mcast_new(&m, &conf) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mcast_stats s;
	uint32_t now = 0;

	if (!m)
		start();
	mcast_set_segment(m, SEG, true, size & 1 ? MCAST_ROUTERS : MCAST_AUTO,
			  0);
	while (size >= 4) {
		unsigned len = data[2] << 8 | data[3];
		uint8_t *frame;

		len = len < size - 4 ? len : size - 4;
		frame = malloc(len ? len : 1); /* so that ASan sees the end */
		need(frame);
		memcpy(frame, data + 4, len);
		now += data[1] * 1000;
		mcast_age(m, now, 0);
		one_frame(data[0], frame, len, now);
		free(frame);
		data += 4 + len;
		size -= 4 + len;
	}
	mcast_flush_segment(m, SEG);
	mcast_get_stats(m, &s);
	need(!s.groups && !s.members);
	return 0;
}
