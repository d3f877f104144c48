/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * esp_out.c: judge, count, copy, seal; in bursts small enough that what was
 * copied is still in the first level cache when it is encrypted.
 */
#include "ipsec-migrate/esp_out.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "ipsec-migrate/bytes.h"

#define SEAL_BURST 16

int esp_out_new(struct esp_out **out)
{
	struct esp_out *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	if (posix_memalign((void **)&o->buf, 64, ESP_OUT_BYTES)) {
		free(o);
		return -ENOMEM;
	}
	o->clamp_mss = true;
	*out = o;
	return 0;
}

void esp_out_free(struct esp_out *o)
{
	if (!o)
		return;
	free(o->buf);
	free(o);
}

void esp_out_reset(struct esp_out *o)
{
	o->used = 0;
	o->sends = 0;
}

/* --- where it goes ------------------------------------------------------- */

/* May one more packet of this length follow in the same send? */
static bool joins(const struct esp_send *s, const struct sa *sa, uint32_t len,
		  uint8_t tos)
{
	return s->sa == sa && s->tos == tos && len <= s->seg &&
	       s->len == (uint32_t)s->seg * s->count &&
	       s->count < ESP_SEND_SEGS && s->len + len <= ESP_SEND_BYTES;
}

/* Room for a packet of `len` bytes; esp_out_frame() has seen that it fits. */
static uint8_t *next_packet(struct esp_out *o, struct sa *sa, uint32_t len,
			    uint8_t tos)
{
	struct esp_send *s = &o->send[o->sends ? o->sends - 1 : 0];
	uint8_t *at = o->buf + o->used;

	if (!o->sends || !joins(s, sa, len, tos)) {
		s = &o->send[o->sends++];
		*s = (struct esp_send){
			.sa = sa, .data = at, .seg = (uint16_t)len, .tos = tos,
		};
	}
	s->len += len;
	s->count++;
	o->used += len;
	return at;
}

/* Do all its packets fit?  Sends: one more for a join that does not come. */
static bool has_room(const struct esp_out *o, const struct inner_gso *g)
{
	uint32_t seg = esp_len(inner_gso_len(g, 0));
	uint32_t per_send = ESP_SEND_BYTES / seg, sends;

	if (per_send > ESP_SEND_SEGS)
		per_send = ESP_SEND_SEGS;
	sends = g->count / per_send + 2;
	return o->used + (uint64_t)seg * g->count <= ESP_OUT_BYTES &&
	       o->sends + sends <= ESP_OUT_SENDS_MAX;
}

/* RFC 6040 4.1, normal mode: ECN as inside.  DSCP only if asked to. */
static uint8_t outer_tos(const struct sa *sa, const struct inner *in)
{
	return sa->copy_dscp ? in->tos : in->tos & 3;
}

/* --- packets ------------------------------------------------------------- */

/* Everything but the inner packet: header, padding, trailer, AAD. */
static void frame_packet(const struct sa *sa, uint64_t seq, uint8_t *esp,
			 uint32_t inner_len, uint8_t family,
			 struct cipher_op *op)
{
	uint32_t pad = -(inner_len + ESP_TRAILER_LEN) & 3, i;
	uint8_t *end = esp + ESP_HDR_LEN + inner_len;

	put_be32(esp, sa->spi);
	put_be32(esp + 4, (uint32_t)seq);
	put_be64(esp + 8, seq);
	for (i = 1; i <= pad; i++)
		*end++ = (uint8_t)i;
	*end++ = (uint8_t)pad;
	*end++ = family == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;

	op->data = esp + ESP_HDR_LEN;
	op->len = inner_len + pad + ESP_TRAILER_LEN;
	op->iv = esp + 8;
	op->icv = end;
	memcpy(op->aad, esp, 8);
	op->aad_len = 8;
	if (sa->esn) { /* RFC 4106 5: all 64 bits of it */
		put_be64(op->aad + 4, seq);
		op->aad_len = 12;
	}
}

static void seal(struct esp_out *o, struct sa *sa, const struct inner_gso *g,
		 uint64_t seq)
{
	uint8_t tos = outer_tos(sa, &g->in);
	uint32_t i, n = 0;

	for (i = 0; i < g->count; i++) {
		uint32_t len = inner_gso_len(g, i);
		uint8_t *esp = next_packet(o, sa, esp_len(len), tos);

		inner_gso_copy(g, i, esp + ESP_HDR_LEN);
		frame_packet(sa, seq + i, esp, len, g->in.flow.family,
			     &o->ops[n++]);
		if (n == SEAL_BURST || i + 1 == g->count) {
			cipher_seal(sa->cipher, o->ops, n);
			n = 0;
		}
	}
}

/* --- verdicts ------------------------------------------------------------ */

static enum esp_out_verdict drop(struct esp_out *o, enum esp_drop why)
{
	o->why = why;
	o->drops[why]++;
	return ESP_OUT_DROPPED;
}

static enum esp_out_verdict drop_of(struct esp_out *o, struct sa *sa,
				    enum esp_drop why)
{
	sa->stats.dropped++;
	return drop(o, why);
}

static enum esp_out_verdict too_big(struct esp_out *o, struct sa *sa,
				    const struct inner_gso *g)
{
	uint8_t *reply = o->reply + INNER_VNET_LEN;
	uint32_t len = inner_mtu_reply(&g->in, g->pkt, sa->inner_mtu, reply);

	drop_of(o, sa, ESP_DROP_TOO_BIG);
	if (!len)
		return ESP_OUT_DROPPED;
	memset(o->reply, 0, INNER_VNET_LEN);
	o->reply_len = (uint32_t)INNER_VNET_LEN + len;
	return ESP_OUT_REPLY;
}

static enum esp_out_verdict send_by(struct esp_out *o, struct sa *sa,
				    struct inner_gso *g, uint64_t now_ms)
{
	enum esp_drop why = inner_gso_fit(g, sa->inner_mtu);
	uint64_t seq;

	if (why == ESP_DROP_TOO_BIG)
		return too_big(o, sa, g);
	if (!why && !has_room(o, g)) {
		if (o->sends)
			return ESP_OUT_FULL;
		why = ESP_DROP_TOO_MANY;
	}
	if (!why && !sa_take(sa, g->count, inner_gso_total(g), now_ms, &seq))
		why = ESP_DROP_OUT_EXPIRED;
	if (why)
		return drop_of(o, sa, why);
	seal(o, sa, g, seq);
	return ESP_OUT_SEALED;
}

enum esp_out_verdict esp_out_frame(struct esp_out *o, struct policy_set *ps,
				   uint8_t *frame, uint32_t len,
				   uint64_t now_ms)
{
	struct inner_gso g;
	enum esp_drop why = inner_gso_init(&g, frame, len);
	struct sa *sa = NULL;

	if (!why)
		sa = policy_find(ps, &g.in.flow, &why, &o->group);
	if (!sa)
		return drop(o, why);
	if (o->clamp_mss)
		inner_mtu_clamp(&g.in, g.pkt, sa->inner_mtu, g.csum);
	return send_by(o, sa, &g, now_ms);
}
