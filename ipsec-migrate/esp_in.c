/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * esp_in.c: three passes over a burst: who may be opened, opening them, who
 * may pass.
 */
#include "ipsec-migrate/esp_in.h"

#include <netinet/in.h>

#include "ipsec-migrate/bytes.h"
#include "ipsec-migrate/csum.h"

#define ECN_ECT1 1
#define ECN_ECT0 2
#define ECN_CE	 3

void esp_in_init(struct esp_in *in)
{
	memset(in, 0, sizeof(*in));
}

/* --- before the cipher --------------------------------------------------- */

static enum esp_drop admit(struct esp_pkt *p, const struct sa_table *t,
			   struct sa *last, uint64_t now_ms)
{
	uint32_t spi;

	p->sa = NULL;
	p->newest = false;
	if (p->len < ESP_LEN_MIN)
		return ESP_DROP_RUNT;
	spi = get_be32(p->data);
	p->sa = last && last->spi == spi ? last : sa_find_in(t, spi);
	if (!p->sa)
		return ESP_DROP_UNKNOWN_SPI;
	if (sa_expired(p->sa, now_ms))
		return ESP_DROP_IN_EXPIRED;
	p->seq = replay_seq(&p->sa->replay, get_be32(p->data + 4));
	if (!replay_fresh(&p->sa->replay, p->seq))
		return ESP_DROP_REPLAY;
	return ESP_DROP_NONE;
}

static void make_op(const struct esp_pkt *p, struct cipher_op *op)
{
	op->data = p->data + ESP_HDR_LEN;
	op->len = p->len - ESP_HDR_LEN - ESP_ICV_LEN;
	op->iv = p->data + 8;
	op->icv = p->data + p->len - ESP_ICV_LEN;
	memcpy(op->aad, p->data, 8);
	op->aad_len = 8;
	if (p->sa->esn) {
		put_be64(op->aad + 4, p->seq);
		op->aad_len = 12;
	}
}

/*
 * Open packets [i, n) as long as they are one SA's, and say where that ends;
 * packets dropped before lie in between.
 */
static unsigned open_run(struct esp_in *in, struct esp_pkt pkt[], unsigned i,
			 unsigned n)
{
	struct sa *sa = pkt[i].sa;
	unsigned begin = i, ops = 0, k;

	for (; i < n && (pkt[i].why || pkt[i].sa == sa); i++)
		if (!pkt[i].why)
			make_op(&pkt[i], &in->ops[ops++]);
	cipher_open(sa->cipher, in->ops, ops);
	ops = 0;
	for (k = begin; k < i; k++)
		if (!pkt[k].why && !in->ops[ops++].ok)
			pkt[k].why = ESP_DROP_AUTH;
	return i;
}

/* --- after it ------------------------------------------------------------ */

/* 1, 2, 3... (RFC 4303 2.4); leaves the inner packet.  False: it is not so. */
static bool strip(struct esp_pkt *p, uint8_t *next_header)
{
	uint32_t len = p->len - ESP_HDR_LEN - ESP_ICV_LEN - ESP_TRAILER_LEN;
	uint8_t *data = p->data + ESP_HDR_LEN;
	uint32_t pad = data[len], i;

	*next_header = data[len + 1];
	if (pad > len)
		return false;
	for (i = 0; i < pad; i++)
		if (data[len - pad + i] != i + 1)
			return false;
	p->data = data;
	p->len = len - pad;
	return true;
}

/* What is behind the packet's own end is padding too (RFC 4303 2.7). */
static enum esp_drop take_inner(struct esp_pkt *p, uint8_t next_header)
{
	uint8_t family;

	switch (next_header) {
	case IPPROTO_IPIP: family = 4; break;
	case IPPROTO_IPV6: family = 6; break;
	case IPPROTO_NONE: return ESP_DROP_DUMMY;
	default: return ESP_DROP_NEXT_HEADER;
	}
	if (!inner_parse(&p->in, p->data, p->len) ||
	    p->in.flow.family != family)
		return ESP_DROP_IN_INNER;
	p->len = p->in.len;
	if (!sa_admits(p->sa, &p->in.flow))
		return ESP_DROP_SELECTOR;
	return ESP_DROP_NONE;
}

static void set_ecn(struct esp_pkt *p, uint8_t ecn)
{
	uint8_t *ip = p->data;
	uint32_t sum;

	if (p->in.flow.family == 6) {
		ip[1] = (uint8_t)((ip[1] & 0xcf) | ecn << 4);
	} else { /* RFC 1624 */
		sum = (uint16_t)~get_be16(ip + 10);
		sum += (uint16_t)~get_be16(ip);
		ip[1] = (uint8_t)((ip[1] & 0xfc) | ecn);
		sum += get_be16(ip);
		sum = (sum & 0xffff) + (sum >> 16);
		sum = (sum & 0xffff) + (sum >> 16);
		put_be16(ip + 10, (uint16_t)~sum);
	}
	p->in.tos = (uint8_t)((p->in.tos & 0xfc) | ecn);
}

/* RFC 6040 4.2, figure 4. */
static enum esp_drop merge_ecn(struct esp_pkt *p)
{
	uint8_t inner = p->in.tos & 3;

	if (p->ecn == ECN_CE && !inner)
		return ESP_DROP_ECN;
	if (p->ecn == ECN_CE && inner != ECN_CE)
		set_ecn(p, ECN_CE);
	else if (p->ecn == ECN_ECT1 && inner == ECN_ECT0)
		set_ecn(p, ECN_ECT1);
	return ESP_DROP_NONE;
}

static enum esp_drop pass(struct esp_pkt *p, uint64_t now_ms)
{
	struct sa *sa = p->sa;
	uint8_t next_header;
	enum esp_drop why;

	if (!replay_fresh(&sa->replay, p->seq))
		return ESP_DROP_REPLAY; /* twice in this burst */
	p->newest = p->seq > sa->replay.top;
	replay_accept(&sa->replay, p->seq);
	if (!strip(p, &next_header))
		return ESP_DROP_PADDING;
	if (!sa_take(sa, 1, p->len, now_ms, NULL))
		return ESP_DROP_IN_EXPIRED;
	why = take_inner(p, next_header);
	return why ? why : merge_ecn(p);
}

static void count(struct esp_in *in, const struct esp_pkt *p)
{
	in->drops[p->why]++;
	if (!p->sa)
		return;
	p->sa->stats.dropped++;
	if (p->why == ESP_DROP_AUTH)
		p->sa->stats.auth_failed++;
	else if (p->why == ESP_DROP_REPLAY)
		p->sa->stats.replayed++;
}

unsigned esp_in_burst(struct esp_in *in, const struct sa_table *t,
		      struct esp_pkt pkt[], unsigned n, uint64_t now_ms)
{
	struct sa *last = NULL;
	unsigned i, passed = 0;

	for (i = 0; i < n; i++) {
		pkt[i].why = admit(&pkt[i], t, last, now_ms);
		last = pkt[i].sa ? pkt[i].sa : last;
	}
	for (i = 0; i < n;)
		i = pkt[i].why ? i + 1 : open_run(in, pkt, i, n);
	for (i = 0; i < n; i++) {
		if (!pkt[i].why)
			pkt[i].why = pass(&pkt[i], now_ms);
		if (pkt[i].why)
			count(in, &pkt[i]);
		else
			passed++;
	}
	return passed;
}
