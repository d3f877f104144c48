/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guard_reference.c: see guard_reference.h. */
#include "tests/lib/guard_reference.h"

#include <netinet/in.h>

struct reader {
	const struct guard_conf *c;
	const uint8_t *bytes;
	unsigned seen; /* private bytes */
	unsigned len;  /* of the frame */
	unsigned end;  /* of the layer: what follows is padding */
	bool gso;
	bool blind; /* wanted a byte it could not have */
};

static unsigned u8(struct reader *r, unsigned at)
{
	if (at >= r->seen || at >= r->end) {
		r->blind = true;
		return 0;
	}
	return r->bytes[at];
}

static unsigned u16(struct reader *r, unsigned at)
{
	return u8(r, at) * 256 + u8(r, at + 1);
}

static void touch(struct reader *r, unsigned at, unsigned n)
{
	while (n--)
		u8(r, at + n);
}

static bool all_bytes(struct reader *r, unsigned at, unsigned n, unsigned v)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (u8(r, at + i) != v)
			return false;
	return true;
}

static bool own_mac(struct reader *r, unsigned at)
{
	unsigned i;

	for (i = 0; i < 6; i++)
		if (u8(r, at + i) != r->c->mac[i])
			return false;
	return true;
}

static bool locked(const struct reader *r)
{
	return r->c->mode == GUARD_LOCKED;
}

/* Bit by bit. */
static bool covers(struct reader *r, const struct guard_prefix *p, unsigned at)
{
	unsigned i;

	for (i = 0; i < p->bits; i++) {
		unsigned mask = 128u >> i % 8;

		if ((u8(r, at + i / 8) & mask) != (p->addr[i / 8] & mask))
			return false;
	}
	return true;
}

static bool listed(struct reader *r, int family, unsigned at)
{
	unsigned i;

	for (i = 0; i < r->c->allowed_count; i++)
		if (r->c->allowed[i].family == family &&
		    covers(r, &r->c->allowed[i], at))
			return true;
	return false;
}

static bool ipv4_allowed(struct reader *r, unsigned at)
{
	unsigned a = u8(r, at);

	if (a == 0 || a == 127 || (a >= 224 && a <= 239))
		return false;
	if (all_bytes(r, at, 4, 255))
		return false;
	return listed(r, AF_INET, at);
}

static bool ipv6_is_martian(struct reader *r, unsigned at)
{
	if (u8(r, at) == 0xff)
		return true;
	if (all_bytes(r, at, 15, 0) && u8(r, at + 15) <= 1)
		return true;
	return all_bytes(r, at, 10, 0) && all_bytes(r, at + 10, 2, 255);
}

/*
 * A list with some usable address switches IPv6 on.  The first address of a
 * prefix, its last, or the one two further: if all three are martian, so are
 * the others.
 */
static bool usable_ipv6(const struct guard_prefix *p)
{
	uint8_t a[3][16];
	unsigned i, usable = 0;

	for (i = 0; i < 128; i++) {
		uint8_t bit = 128u >> i % 8;
		uint8_t net = i < p->bits ? p->addr[i / 8] & bit : 0;

		if (i % 8 == 0)
			a[0][i / 8] = a[1][i / 8] = a[2][i / 8] = 0;
		a[0][i / 8] |= net;
		a[1][i / 8] |= i < p->bits ? net : bit;
		a[2][i / 8] |= i == 126 && i >= p->bits ? bit : net;
	}
	for (i = 0; i < 3; i++) {
		struct reader r = { .bytes = a[i], .seen = 16, .end = 16 };

		usable += !ipv6_is_martian(&r, 0);
	}
	return usable;
}

static bool has_ipv6(const struct guard_conf *c)
{
	unsigned i;

	for (i = 0; i < c->allowed_count; i++)
		if (c->allowed[i].family == AF_INET6 &&
		    usable_ipv6(&c->allowed[i]))
			return true;
	return false;
}

static bool ipv6_allowed(struct reader *r, unsigned at)
{
	const uint8_t *m = r->c->mac;
	const uint8_t own[16] = { 0xfe, 0x80, 0,        0,    0,    0,
				  0,    0,    m[0] ^ 2, m[1], m[2], 0xff,
				  0xfe, m[3], m[4],     m[5] };
	unsigned i;

	for (i = 0; i < 16 && u8(r, at + i) == own[i]; i++)
		;
	if (i == 16 && has_ipv6(r->c))
		return true;
	return !ipv6_is_martian(r, at) && listed(r, AF_INET6, at);
}

static bool arp(struct reader *r, unsigned at)
{
	if (!locked(r))
		return true;
	touch(r, at, 28);
	if (u16(r, at) != 1 || u16(r, at + 2) != 0x0800 || u8(r, at + 4) != 6 ||
	    u8(r, at + 5) != 4)
		return false;
	if (!own_mac(r, at + 8))
		return false;
	if (all_bytes(r, at + 14, 4, 0))
		return u16(r, at + 6) == 1;
	return (u16(r, at + 6) == 1 || u16(r, at + 6) == 2) &&
	       ipv4_allowed(r, at + 14);
}

static bool rarp(struct reader *r, unsigned at)
{
	if (!locked(r))
		return true;
	return u16(r, at) == 1 && u16(r, at + 2) == 0x0800 &&
	       u8(r, at + 4) == 6 && u8(r, at + 5) == 4 &&
	       u16(r, at + 6) == 3 && own_mac(r, at + 8) &&
	       all_bytes(r, at + 14, 4, 0) && own_mac(r, at + 18) &&
	       all_bytes(r, at + 24, 4, 0);
}

static bool dhcp_request(struct reader *r, unsigned udp)
{
	unsigned bootp = udp + 8;

	touch(r, bootp, 34);
	return u8(r, bootp) == 1 && u8(r, bootp + 1) == 1 &&
	       u8(r, bootp + 2) == 6 && all_bytes(r, bootp + 24, 4, 0) &&
	       own_mac(r, bootp + 28);
}

static bool udp_over_ipv4(struct reader *r, unsigned at)
{
	touch(r, at, 8);
	if (r->c->dhcp_server)
		return true;
	if (u16(r, at) == 67 || u16(r, at + 2) == 68)
		return false;
	if (locked(r) && u16(r, at + 2) == 67)
		return dhcp_request(r, at);
	return true;
}

static bool igmp(struct reader *r, unsigned at)
{
	unsigned type;

	if (r->c->router)
		return true;
	type = u8(r, at);
	return type != 0x11 && type != 0x30 && type != 0x31 && type != 0x32;
}

static bool ipv4(struct reader *r, unsigned at)
{
	unsigned header, total, offset, proto, l4;
	bool more;

	touch(r, at, 20);
	header = u8(r, at) % 16 * 4;
	total = r->gso ? r->len - at : u16(r, at + 2);
	if (r->blind || u8(r, at) / 16 != 4 || header < 20)
		return false;
	if (total < header || at + total > r->len || at + header > r->seen)
		return false;
	r->end = at + total;
	offset = u16(r, at + 6) % 8192;
	more = u16(r, at + 6) / 8192 % 2;
	proto = u8(r, at + 9);
	l4 = at + header;
	if (locked(r) && all_bytes(r, at + 12, 4, 0))
		return proto == 17 && offset == 0 && !more &&
		       all_bytes(r, at + 16, 4, 255) && u16(r, l4) == 68 &&
		       u16(r, l4 + 2) == 67 && dhcp_request(r, l4);
	if (locked(r) && !ipv4_allowed(r, at + 12))
		return false;
	if (locked(r) && (proto == 4 || proto == 41))
		return false;
	if (offset)
		return true;
	if (locked(r) && proto == 6 && more && total - header < 20)
		return false;
	if (proto == 17)
		return udp_over_ipv4(r, l4);
	return proto != 2 || igmp(r, l4);
}

static bool udp_over_ipv6(struct reader *r, unsigned at)
{
	unsigned message;

	touch(r, at, 8);
	if (r->c->dhcp_server)
		return true;
	if (u16(r, at) == 547 || u16(r, at + 2) == 546)
		return false;
	if (!locked(r) || u16(r, at + 2) != 547)
		return true;
	message = u8(r, at + 8);
	return message == 1 || (message >= 3 && message <= 6) || message == 8 ||
	       message == 9 || message == 11;
}

static bool is_router_message(unsigned type)
{
	return type == 130 || type == 134 || type == 137 || type == 138 ||
	       type == 146 || type == 147 || type == 151 || type == 152 ||
	       type == 153;
}

static bool nd_options(struct reader *r, unsigned at, bool nowhere)
{
	unsigned type, size;

	while (at < r->end) {
		type = u8(r, at);
		size = u8(r, at + 1) * 8;
		if (r->blind || size == 0 || at + size > r->end)
			return false;
		if (type == 1 || type == 2) {
			touch(r, at, 8);
			if (size != 8 || nowhere || !own_mac(r, at + 2))
				return false;
		}
		at += size;
	}
	return true;
}

static bool neighbour_discovery(struct reader *r, unsigned ip, unsigned at,
				bool nowhere, bool fragment)
{
	static const unsigned fixed[4] = { 8, 16, 24, 24 }; /* RS RA NS NA */
	unsigned type = u8(r, at), target = at + 8, i;

	if (u8(r, ip + 7) != 255 || u8(r, at + 1) != 0 || fragment)
		return false;
	touch(r, at, fixed[type - 133]);
	if (r->blind)
		return false;
	if (type == 133 && nowhere &&
	    !(u16(r, ip + 24) == 0xff02 && all_bytes(r, ip + 26, 13, 0) &&
	      u8(r, ip + 39) == 2))
		return false;
	if (type == 134 && nowhere)
		return false;
	if (type == 135 && nowhere) {
		if (!ipv6_allowed(r, target))
			return false;
		if (u16(r, ip + 24) != 0xff02 || !all_bytes(r, ip + 26, 9, 0) ||
		    u8(r, ip + 35) != 1 || u8(r, ip + 36) != 0xff)
			return false;
		for (i = 13; i < 16; i++)
			if (u8(r, ip + 24 + i) != u8(r, target + i))
				return false;
	}
	if (type == 136 && (nowhere || !ipv6_allowed(r, target)))
		return false;
	return nd_options(r, at + fixed[type - 133], nowhere);
}

static bool icmpv6(struct reader *r, unsigned ip, unsigned at, bool nowhere,
		   bool fragment)
{
	unsigned type;

	touch(r, at, 4);
	type = u8(r, at);
	if (!r->c->router && is_router_message(type))
		return false;
	if (!locked(r))
		return true;
	if (type >= 133 && type <= 136)
		return neighbour_discovery(r, ip, at, nowhere, fragment);
	if (type == 141 || type == 142)
		return false;
	if (!nowhere)
		return true;
	return (type == 131 || type == 132 || type == 143) &&
	       u8(r, ip + 7) == 1 && u8(r, ip + 24) == 0xff;
}

static bool ipv6(struct reader *r, unsigned ip)
{
	unsigned next, at = ip + 40, headers = 0, offset = 0;
	bool fragment = false, more = false, nowhere;

	touch(r, ip, 40);
	if (r->blind || u8(r, ip) / 16 != 6)
		return false;
	if (!r->gso) {
		if (at + u16(r, ip + 4) > r->len)
			return false;
		r->end = at + u16(r, ip + 4);
	}
	nowhere = all_bytes(r, ip + 8, 16, 0);
	if (locked(r) && !has_ipv6(r->c))
		return false;
	if (locked(r) && !nowhere && !ipv6_allowed(r, ip + 8))
		return false;

	next = u8(r, ip + 6);
	while (offset == 0 &&
	       (next == 0 || next == 43 || next == 44 || next == 51 ||
		next == 60 || next == 135 || next == 139 || next == 140)) {
		unsigned size = (u8(r, at + 1) + 1) * 8;

		if (++headers > 8)
			return false;
		touch(r, at, 8);
		if (next == 51)
			size = (u8(r, at + 1) + 2) * 4;
		if (next == 44) {
			size = 8;
			fragment = true;
			offset = u16(r, at + 2) / 8;
			more = more || u8(r, at + 3) % 2;
		}
		touch(r, at, size);
		if (r->blind)
			return false;
		next = u8(r, at);
		at += size;
	}
	if (offset == 0 && next == 58)
		return icmpv6(r, ip, at, nowhere, fragment);
	if (locked(r) && (nowhere || next == 4 || next == 41))
		return false;
	if (offset)
		return true;
	if (locked(r) && next == 6 && more && r->end - at < 20)
		return false;
	return next != 17 || udp_over_ipv6(r, at);
}

/* The GUARD_LINK_* bit of a link protocol, or 0. */
static unsigned link_bit(struct reader *r, unsigned type)
{
	unsigned last = u8(r, 5);

	if (type == 0x8808)
		return GUARD_LINK_PAUSE;
	if (type == 0x8809)
		return GUARD_LINK_LACP;
	if (type == 0x88cc)
		return GUARD_LINK_LLDP;
	if (type == 0x888e)
		return GUARD_LINK_EAPOL;
	if (type == 0x88f5 || type == 0x88f6)
		return GUARD_LINK_MRP;
	if (u8(r, 0) == 0x01 && u8(r, 1) == 0x00 && u8(r, 2) == 0x0c)
		return GUARD_LINK_CISCO;
	if (u16(r, 0) != 0x0180 || u8(r, 2) != 0xc2 || u16(r, 3) != 0)
		return 0;
	if (last > 0x3f || (last >= 0x11 && last <= 0x1f))
		return 0;
	if (type == 0x88f7)
		return GUARD_LINK_PTP;
	if (last == 0x00 || last == 0x08)
		return GUARD_LINK_STP;
	if (last == 0x01)
		return GUARD_LINK_PAUSE;
	if (last == 0x02)
		return GUARD_LINK_LACP;
	if (last == 0x03)
		return GUARD_LINK_EAPOL;
	if (last == 0x0d || (last >= 0x20 && last <= 0x2f))
		return GUARD_LINK_MRP;
	return last == 0x0e ? GUARD_LINK_LLDP : GUARD_LINK_OTHER;
}

static bool is_tag(unsigned type)
{
	return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

static bool is_snap(struct reader *r, unsigned at)
{
	return u16(r, at) == 0xaaaa && u8(r, at + 2) == 3 &&
	       u16(r, at + 3) == 0 &&
	       (u8(r, at + 5) == 0 || u8(r, at + 5) == 0xf8);
}

static bool frame_allowed(struct reader *r)
{
	unsigned at = 12, tags, type, link;
	bool snap = false;

	if (r->c->mode == GUARD_DISABLED)
		return false;
	if (u8(r, 6) % 2 || all_bytes(r, 6, 6, 0))
		return false;
	if (locked(r) && !own_mac(r, 6))
		return false;
	type = u16(r, at);
	for (tags = 0; tags < 2 && is_tag(type); tags++) {
		at += 4;
		type = u16(r, at);
	}
	if (r->blind)
		return false;
	at += 2;
	if (type < 0x600 && at + 8 > r->seen && r->seen < r->len)
		return false;
	if (type < 0x600 && at + 8 <= r->seen && is_snap(r, at)) {
		snap = true;
		type = u16(r, at + 6);
		at += 8;
	}
	link = link_bit(r, type);
	if (link && !(r->c->link_allowed & link))
		return false;
	if (locked(r) && snap)
		return false;
	if (!locked(r) && r->c->dhcp_server && r->c->router)
		return true;
	switch (type) {
	case 0x0800:
		return ipv4(r, at);
	case 0x86dd:
		return ipv6(r, at);
	case 0x0806:
		return arp(r, at);
	case 0x8035:
		return rarp(r, at);
	}
	return !locked(r) || link;
}

bool guard_reference_allows(const struct guard_conf *conf, const uint8_t *bytes,
			    unsigned seen, unsigned len, bool gso)
{
	struct reader r = { conf, bytes, seen, len, len, gso, false };

	return frame_allowed(&r) && !r.blind;
}
