/* SPDX-License-Identifier: GPL-2.0-or-later */
/* frame_gen.c: see frame_gen.h. */
#include "tests/lib/frame_gen.h"

#include <arpa/inet.h>

#define PICK(rng, list)                                                        \
	(list)[packet_random(rng, sizeof(list) / sizeof((list)[0]))]

static const char *const macs[] = {
	FRAME_GEN_MAC,       FRAME_GEN_MAC,       FRAME_GEN_MAC,
	FRAME_GEN_MAC,       FRAME_GEN_MAC,       FRAME_GEN_MAC,
	FRAME_GEN_MAC,       FRAME_GEN_MAC,       FRAME_GEN_MAC,
	FRAME_GEN_MAC,       FRAME_GEN_MAC,       FRAME_GEN_MAC,
	"02:00:00:00:00:02", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff",
	"03:00:00:00:00:01",
};
static const char *const dsts[] = {
	"02:00:00:00:00:02", "02:00:00:00:00:02", "02:00:00:00:00:02",
	"02:00:00:00:00:02", "ff:ff:ff:ff:ff:ff", "ff:ff:ff:ff:ff:ff",
	"33:33:00:00:00:01", "33:33:ff:00:00:01", "01:00:5e:00:00:01",
	"01:80:c2:00:00:00", "01:00:0c:cc:cc:cd", "01:80:c2:00:01:00",
};
static const char *const v4[] = {
	FRAME_GEN_IPV4, FRAME_GEN_IPV4, FRAME_GEN_IPV4,    FRAME_GEN_IPV4,
	"10.0.1.77",    "10.0.1.255",   "10.0.2.1",        "10.0.0.2",
	"0.0.0.0",      "0.0.0.0",      "255.255.255.255", "224.0.0.1",
	"127.0.0.1",
};
static const char *const v6[] = {
	FRAME_GEN_IPV6,
	FRAME_GEN_IPV6,
	FRAME_GEN_IPV6,
	FRAME_GEN_LINK_LOCAL,
	FRAME_GEN_LINK_LOCAL,
	"2001:db8:1::99",
	"2001:db8:2::1",
	"fe80::2",
	"::",
	"::",
	"::1",
	"ff02::1",
	"ff02::2",
	"ff02::16",
	"ff02::1:ff00:1",
	"::ffff:10.0.0.1",
	"2002:a00:1::1",
};
static const uint16_t ports[] = { 1024, 80,  67,  67, 68,  68,   546,
				  546,  547, 547, 53, 443, 65535 };

static bool chance(struct packet_rng *rng, unsigned one_in)
{
	return packet_random(rng, one_in) == 0;
}

static void put_mac(struct packet *p, const char *text)
{
	uint8_t mac[6];

	packet_mac(text, mac);
	packet_put(p, mac, 6);
}

static void patch16(struct packet *p, unsigned at, uint16_t v)
{
	v = htons(v);
	memcpy(p->bytes + at, &v, 2);
}

static void gen_arp(struct packet_rng *rng, struct packet *p)
{
	packet_put16(p, chance(rng, 16) ? 6 : 1);
	packet_put16(p, chance(rng, 16) ? 0x86dd : 0x0800);
	packet_put8(p, chance(rng, 16) ? 7 : 6);
	packet_put8(p, chance(rng, 16) ? 16 : 4);
	packet_put16(p, 1 + packet_random(rng, chance(rng, 8) ? 10 : 3));
	put_mac(p, PICK(rng, macs));
	packet_put_ip(p, PICK(rng, v4));
	put_mac(p, PICK(rng, macs));
	packet_put_ip(p, PICK(rng, v4));
}

static void gen_rarp(struct packet_rng *rng, struct packet *p)
{
	packet_put_hex(p, "0001 0800 06 04 00");
	packet_put8(p, chance(rng, 4) ? 4 : 3);
	put_mac(p, PICK(rng, macs));
	packet_put_ip(p, chance(rng, 4) ? PICK(rng, v4) : "0.0.0.0");
	put_mac(p, PICK(rng, macs));
	packet_put_ip(p, chance(rng, 4) ? PICK(rng, v4) : "0.0.0.0");
}

static void gen_bootp(struct packet_rng *rng, struct packet *p)
{
	packet_put8(p, chance(rng, 8) ? 2 : 1);
	packet_put8(p, chance(rng, 16) ? 6 : 1);
	packet_put8(p, chance(rng, 16) ? 16 : 6);
	packet_zero(p, 21);
	packet_put32(p, chance(rng, 8)); /* giaddr */
	put_mac(p, PICK(rng, macs));
	packet_zero(p, packet_random(rng, 250));
}

static void gen_udp(struct packet_rng *rng, struct packet *p)
{
	uint16_t sport = PICK(rng, ports), dport = PICK(rng, ports);

	packet_udp(p, sport, dport, 20);
	if (dport == 67)
		gen_bootp(rng, p);
	else
		packet_put8(p, packet_random(rng, 14)); /* DHCPv6 type */
	packet_zero(p, packet_random(rng, 40));
}

static void gen_l4(struct packet_rng *rng, struct packet *p, uint8_t proto)
{
	static const uint8_t igmp[] = { 0x11, 0x16, 0x22, 0x30, 0x17 };

	if (proto == 17)
		gen_udp(rng, p);
	else if (proto == 2)
		packet_put8(p, PICK(rng, igmp));
	if (proto != 17 || chance(rng, 2))
		packet_zero(p, packet_random(rng, 40));
}

static void gen_ipv4(struct packet_rng *rng, struct packet *p)
{
	static const uint8_t protos[] = { 6, 17, 17, 17, 1, 2, 4, 41, 47, 0 };
	uint8_t proto = PICK(rng, protos);
	unsigned ip = p->len, options = 0, len;

	packet_ipv4(p, PICK(rng, v4), PICK(rng, v4), proto, 0);
	if (chance(rng, 4)) /* the client's first message */
		memset(p->bytes + ip + 12, 0, 4);
	if (chance(rng, 3))
		memset(p->bytes + ip + 16, 0xff, 4);
	if (chance(rng, 6))
		options = packet_random(rng, 11);
	packet_zero(p, options * 4);
	p->bytes[ip] = 0x45 + options;
	if (chance(rng, 6))
		patch16(p, ip + 6,
			packet_random(rng, 4) << 13 | packet_random(rng, 3));
	if (chance(rng, 16))
		p->bytes[ip] = packet_random(rng, 256);
	gen_l4(rng, p, proto);
	len = p->len - ip;
	if (chance(rng, 8))
		len = packet_random(rng, len + 3);
	patch16(p, ip + 2, len);
}

static void gen_nd_options(struct packet_rng *rng, struct packet *p)
{
	unsigned n = packet_random(rng, 3);

	while (n--) {
		packet_put8(p, 1 + packet_random(rng, chance(rng, 3) ? 14 : 2));
		packet_put8(p, chance(rng, 8) ? packet_random(rng, 4) : 1);
		put_mac(p, PICK(rng, macs));
	}
}

static void gen_icmp6(struct packet_rng *rng, struct packet *p, unsigned ip)
{
	static const uint8_t types[] = { 128, 129, 130, 131, 132, 133, 134,
					 135, 135, 135, 136, 136, 136, 137,
					 138, 141, 143, 143, 146, 147, 151,
					 152, 153, 1,   2 };
	uint8_t type = PICK(rng, types);
	unsigned at = p->len;

	if (type >= 133 && type <= 137 && !chance(rng, 8))
		p->bytes[ip + 7] = 255;
	if ((type == 131 || type == 143) && !chance(rng, 4))
		p->bytes[ip + 7] = 1;
	packet_put8(p, type);
	packet_put8(p, chance(rng, 16));
	packet_zero(p, type == 134 ? 14 : 6);
	if (type >= 135 && type <= 137)
		packet_put_ip(p, PICK(rng, v6));
	if (type == 137)
		packet_put_ip(p, PICK(rng, v6));
	if (type == 135 && chance(rng, 2)) { /* to the solicited node */
		memset(p->bytes + ip + 24, 0, 16);
		p->bytes[ip + 24] = 0xff;
		p->bytes[ip + 25] = 2;
		p->bytes[ip + 35] = 1;
		p->bytes[ip + 36] = 0xff;
		memcpy(p->bytes + ip + 37, p->bytes + at + 21, 3);
	}
	if (!chance(rng, 3))
		gen_nd_options(rng, p);
}

/* An extension header; *next is where its own number goes. */
static void gen_extension(struct packet_rng *rng, struct packet *p,
			  unsigned *next)
{
	static const uint8_t kinds[] = { 0,  60, 43,  44,  44,
					 44, 51, 135, 139, 140 };
	uint8_t kind = PICK(rng, kinds);
	unsigned units = chance(rng, 3) ? packet_random(rng, 4) : 0;

	p->bytes[*next] = kind;
	*next = p->len;
	packet_put8(p, 59);
	packet_put8(p, kind == 51 ? units * 2 : units);
	if (kind == 44) {
		packet_put16(p, chance(rng, 3) ? packet_random(rng, 32) : 0);
		packet_zero(p, 4);
	} else {
		packet_zero(p, 6 + units * 8);
	}
}

static void gen_ipv6(struct packet_rng *rng, struct packet *p)
{
	static const uint8_t nexts[] = { 58, 58, 58, 58, 58, 17, 17, 17,
					 6,  6,  4,  41, 59, 50, 132 };
	uint8_t last = PICK(rng, nexts);
	unsigned ip = p->len, next = ip + 6, n = 0, len;

	packet_ipv6(p, PICK(rng, v6), PICK(rng, v6), last, 64, 0);
	if (chance(rng, 3))
		n = packet_random(rng, chance(rng, 4) ? 12 : 3);
	while (n--)
		gen_extension(rng, p, &next);
	p->bytes[next] = last;
	if (last == 58)
		gen_icmp6(rng, p, ip);
	else
		gen_l4(rng, p, last);
	len = p->len - ip - 40;
	if (chance(rng, 8))
		len = packet_random(rng, len + 3);
	patch16(p, ip + 4, len);
}

static void gen_other(struct packet_rng *rng, struct packet *p)
{
	static const char *const llc[] = { "4242 03", "aaaa 03 000000",
					   "aaaa 03 0000f8", "aaaa 03 00000c",
					   "e0e0 03" };
	static const uint16_t types[] = { 0x8808, 0x8809, 0x88cc, 0x888e,
					  0x88f5, 0x88f6, 0x88f7, 0x8847,
					  0x0842, 0x05ff, 0x0600, 0x8137 };

	if (chance(rng, 2)) {
		patch16(p, 12, PICK(rng, types));
	} else {
		patch16(p, 12, packet_random(rng, 0x600));
		packet_put_hex(p, PICK(rng, llc));
	}
	if (chance(rng, 3)) {
		packet_put16(p, 0x86dd);
		gen_ipv6(rng, p);
	} else if (chance(rng, 2)) {
		packet_put16(p, 0x0800);
		gen_ipv4(rng, p);
	}
	packet_zero(p, packet_random(rng, 50));
}

/* Some bytes anywhere, a cut, padding. */
static void mutate(struct packet_rng *rng, struct packet *p)
{
	unsigned n = 1 + packet_random(rng, 3);

	while (n--)
		p->bytes[packet_random(rng, p->len)] = packet_random(rng, 256);
	if (chance(rng, 2))
		p->len = packet_random(rng, p->len + 1);
	else
		packet_zero(p, packet_random(rng, 30));
}

void frame_gen(struct packet_rng *rng, struct packet *p)
{
	static const uint16_t tpids[] = { 0x8100, 0x88a8, 0x9100 };
	unsigned kind = packet_random(rng, 16);
	unsigned tags = chance(rng, 6) ? packet_random(rng, 4) : 0;

	packet_eth(p, PICK(rng, dsts), PICK(rng, macs), 0x0800);
	if (p->bytes[0] == 0x01 && chance(rng, 2))
		p->bytes[5] = packet_random(rng, 256);
	if (kind < 2) {
		patch16(p, 12, 0x0806);
		gen_arp(rng, p);
	} else if (kind < 3) {
		patch16(p, 12, 0x8035);
		gen_rarp(rng, p);
	} else if (kind < 8) {
		gen_ipv4(rng, p);
	} else if (kind < 14) {
		patch16(p, 12, 0x86dd);
		gen_ipv6(rng, p);
	} else {
		gen_other(rng, p);
	}
	while (tags--)
		packet_tag(p, PICK(rng, tpids), packet_random(rng, 65536));
	if (chance(rng, 5))
		mutate(rng, p);
}
