/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inner_mtu.c: two ICMP messages and one TCP option.
 */
#include "ipsec-migrate/inner_mtu.h"

#include <netinet/in.h>

#include "ipsec-migrate/bytes.h"
#include "ipsec-migrate/csum.h"

#define TTL 64

/* ICMPv4 repeats at most this much (RFC 1812 4.3.2.3), ICMPv6 this. */
#define REPLY4_MAX 576
#define REPLY6_MAX 1280
#define IPV6_MTU_MIN 1280

#define TCP_SYN	    0x02
#define TCPOPT_END  0
#define TCPOPT_NOP  1
#define TCPOPT_MSS  2

static bool is_zero(const uint8_t *p, size_t n)
{
	while (n && !*p)
		p++, n--;
	return !n;
}

/* RFC 1122 3.2.2: not about errors, not to many, not to nobody. */
static bool reply_allowed4(const struct inner *in, const uint8_t *pkt)
{
	const uint8_t *src = in->flow.src, *dst = in->flow.dst;

	if (!in->df || (get_be16(pkt + 6) & 0x1fff))
		return false;
	if (!src[0] || src[0] == 127 || src[0] >= 224 || dst[0] >= 224)
		return false;
	return in->flow.proto != IPPROTO_ICMP || !in->flow.has_ports ||
	       (in->flow.sport >> 8) == 8 || (in->flow.sport >> 8) == 0;
}

/* RFC 4443 2.4 (e); "packet too big" may answer multicast, from one host. */
static bool reply_allowed6(const struct inner *in)
{
	const uint8_t *src = in->flow.src;

	if (src[0] == 0xff || is_zero(src, 15))
		return false;
	return in->flow.proto != IPPROTO_ICMPV6 ||
	       (in->flow.has_ports && in->flow.sport >> 8 >= 128);
}

static uint32_t repeated(const struct inner *in, uint32_t max, uint32_t hdrs)
{
	return in->len < max - hdrs ? in->len : max - hdrs;
}

static uint32_t reply4(const struct inner *in, const uint8_t *pkt,
		       uint32_t mtu, uint8_t *to)
{
	uint32_t copied = repeated(in, REPLY4_MAX, 28), len = 28 + copied;

	memset(to, 0, 28);
	to[0] = 0x45;
	put_be16(to + 2, (uint16_t)len);
	to[8] = TTL;
	to[9] = IPPROTO_ICMP;
	memcpy(to + 12, in->flow.dst, 4);
	memcpy(to + 16, in->flow.src, 4);
	put_raw16(to + 10, (uint16_t)~csum_fold(csum_add(0, to, 20)));
	to[20] = 3;
	to[21] = 4;
	put_be16(to + 26, (uint16_t)mtu);
	memcpy(to + 28, pkt, copied);
	put_raw16(to + 22, (uint16_t)~csum_fold(csum_add(0, to + 20,
							 8 + copied)));
	return len;
}

static uint32_t reply6(const struct inner *in, const uint8_t *pkt,
		       uint32_t mtu, uint8_t *to)
{
	uint32_t copied = repeated(in, REPLY6_MAX, 48), len = 48 + copied;
	uint64_t sum;

	memset(to, 0, 48);
	to[0] = 0x60;
	put_be16(to + 4, (uint16_t)(8 + copied));
	to[6] = IPPROTO_ICMPV6;
	to[7] = TTL;
	memcpy(to + 8, in->flow.dst, 16);
	memcpy(to + 24, in->flow.src, 16);
	to[40] = 2;
	put_be32(to + 44, mtu < IPV6_MTU_MIN ? IPV6_MTU_MIN : mtu);
	memcpy(to + 48, pkt, copied);
	sum = csum_pseudo(to, IPPROTO_ICMPV6, 8 + copied);
	put_raw16(to + 42, (uint16_t)~csum_fold(csum_add(sum, to + 40,
							 8 + copied)));
	return len;
}

uint32_t inner_mtu_reply(const struct inner *in, const uint8_t *pkt,
			 uint32_t mtu, uint8_t reply[INNER_MTU_REPLY_MAX])
{
	if (in->flow.family == 4)
		return reply_allowed4(in, pkt) ? reply4(in, pkt, mtu, reply)
					       : 0;
	return reply_allowed6(in) ? reply6(in, pkt, mtu, reply) : 0;
}

/* The MSS option's value, or NULL. */
static uint8_t *find_mss(uint8_t *tcp, uint32_t tcp_len)
{
	uint32_t at = 20, n;

	while (at < tcp_len && tcp[at] != TCPOPT_END) {
		if (tcp[at] == TCPOPT_NOP) {
			at++;
			continue;
		}
		n = at + 1 < tcp_len ? tcp[at + 1] : 0;
		if (n < 2 || n > tcp_len - at)
			return NULL;
		if (tcp[at] == TCPOPT_MSS)
			return n == 4 ? tcp + at + 2 : NULL;
		at += n;
	}
	return NULL;
}

/*
 * RFC 1624, one byte after the other, because the option may begin at an odd
 * place and so lie across two words of the sum.
 */
static void csum_replace(uint8_t *check, const uint8_t *tcp, uint8_t *at,
			 uint8_t value)
{
	bool low = (at - tcp) & 1;
	uint32_t sum = (uint16_t)~get_be16(check);

	sum += (uint16_t)~(low ? *at : *at << 8);
	sum += low ? value : (uint32_t)value << 8;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put_be16(check, (uint16_t)~sum);
	*at = value;
}

bool inner_mtu_clamp(const struct inner *in, uint8_t *pkt, uint32_t mtu,
		     bool partial)
{
	uint32_t headers = (in->flow.family == 4 ? 20 : 40) + 20;
	uint8_t *tcp = pkt + in->l4_off, *mss;
	uint32_t tcp_len, most;

	if (in->flow.proto != IPPROTO_TCP || in->fragment ||
	    in->len < in->l4_off + 20u || !(tcp[13] & TCP_SYN) ||
	    mtu <= headers)
		return false;
	tcp_len = (tcp[12] >> 4) * 4u;
	if (tcp_len < 20 || in->l4_off + tcp_len > in->len)
		return false;
	mss = find_mss(tcp, tcp_len);
	most = mtu - headers;
	if (!mss || get_be16(mss) <= most)
		return false;
	if (partial) {
		put_be16(mss, (uint16_t)most);
	} else {
		csum_replace(tcp + 16, tcp, mss, (uint8_t)(most >> 8));
		csum_replace(tcp + 16, tcp, mss + 1, (uint8_t)most);
	}
	return true;
}
