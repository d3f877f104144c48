/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_esp_in.c: what a peer that has the key may send.
 *
 * The cipher here leaves data as it is and finds every ICV right, so that the
 * fuzzer writes the inside.  It takes the place of cipher.c at link time: the
 * product has no such cipher.
 *
 * Input: packets, each with a byte for ECN and SA, two of length, and from
 * the sequence number on.
 */
#include <stdlib.h>
#include <string.h>

#include "ipsec-migrate/bytes.h"
#include "ipsec-migrate/esp_in.h"
#include "ipsec-migrate/inner_gro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- the cipher ----------------------------------------------------------- */

struct cipher {
	int none;
};

size_t cipher_key_len(enum cipher_alg alg)
{
	return 0;
}

int cipher_new(struct cipher **out, enum cipher_alg alg,
	       enum cipher_backend backend, const uint8_t *key, size_t len)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -1;
}

void cipher_free(struct cipher *c)
{
	free(c);
}

void cipher_seal(struct cipher *c, struct cipher_op op[], unsigned n)
{
	abort();
}

void cipher_open(struct cipher *c, struct cipher_op op[], unsigned n)
{
	while (n--)
		op[n].ok = true;
}

enum cipher_alg cipher_alg(const struct cipher *c)
{
	return CIPHER_AES_GCM_256;
}

const char *cipher_backend_name(const struct cipher *c)
{
	return "none";
}

const char *cipher_alg_name(enum cipher_alg alg)
{
	return "none";
}

/* --- the SAs -------------------------------------------------------------- */

#define SPI 0x1000

/* Everything of IPv4; or 10.0.0.0/8 both ways, which random ones miss. */
static struct sa_table *make_table(void)
{
	struct sa_conf c = { .spi = SPI, .inbound = true, .esn = true,
			     .replay_window = 64, .selector_count = 2 };
	struct sa_table *t;
	struct sa *sa;
	unsigned i;

	if (sa_table_new(&t, 4))
		abort();
	c.path.local.ss_family = c.path.remote.ss_family = AF_INET;
	c.path.mtu = 1500;
	for (i = 0; i < 2; i++) {
		struct selector *s = &c.selectors[i];
		unsigned len = i ? 16 : 4;

		s->family = i ? 6 : 4;
		memset(s->local.hi, 0xff, len);
		memset(s->remote.hi, 0xff, len);
		s->local.port_hi = s->remote.port_hi = UINT16_MAX;
	}
	if (sa_add(t, &c, 0, &sa))
		abort();
	c.spi++;
	c.esn = false;
	c.hard.packets = 20;
	for (i = 0; i < 2; i++) {
		c.selectors[i].local.lo[0] = c.selectors[i].local.hi[0] = 10;
		c.selectors[i].remote.lo[0] = c.selectors[i].remote.hi[0] = 10;
	}
	if (sa_add(t, &c, 0, &sa))
		abort();
	return t;
}

/* --- packets -------------------------------------------------------------- */

/* Exactly as long as it is, so that the sanitizer sees its end. */
static size_t next(const uint8_t *data, size_t size, struct esp_pkt *p)
{
	size_t len = data[1] | (size_t)data[2] << 8;

	len = len < size - 3 ? len : size - 3;
	p->ecn = data[0] & 3;
	p->len = (uint32_t)len + 4;
	p->data = malloc(p->len);
	put_be32(p->data, SPI + (data[0] >> 2 & 3));
	memcpy(p->data + 4, data + 3, len);
	return 3 + len;
}

/* What the TUN would be given must be one whole packet, of its own length. */
static void write_frame(struct inner_gro *g, unsigned i, unsigned *pieces)
{
	static uint8_t whole[INNER_FRAME_MAX];
	struct iovec iov[INNER_GRO_MAX];
	unsigned n = inner_gro_finish(g, i, iov), k;
	size_t len = 0;
	struct inner in;

	for (k = 0; k < n; k++) {
		if (iov[k].iov_len > sizeof(whole) - len)
			abort();
		memcpy(whole + len, iov[k].iov_base, iov[k].iov_len);
		len += iov[k].iov_len;
	}
	len -= INNER_VNET_LEN;
	if (!inner_parse(&in, whole + INNER_VNET_LEN, (uint32_t)len) ||
	    in.len != len)
		abort();
	*pieces += n;
}

static void write_frames(struct inner_gro *g)
{
	unsigned i, pieces = 0;

	for (i = 0; i < g->frames; i++)
		write_frame(g, i, &pieces);
	if (pieces != g->packets)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct inner_gro gro;
	static struct esp_in in;
	struct sa_table *t = make_table();
	struct esp_pkt pkt[ESP_IN_BURST];
	uint8_t *begins[ESP_IN_BURST];
	unsigned n = 0, i, passed;
	size_t at = 0;

	while (n < ESP_IN_BURST && size - at > 3) {
		at += next(data + at, size - at, &pkt[n]);
		begins[n] = pkt[n].data;
		n++;
	}
	inner_gro_init(&gro, true);
	passed = esp_in_burst(&in, t, pkt, n, 0);
	for (i = 0; i < n; i++) {
		if (pkt[i].why)
			continue;
		if (pkt[i].len != pkt[i].in.len)
			abort();
		inner_gro_add(&gro, &pkt[i].in, pkt[i].data);
		passed--;
	}
	if (passed)
		abort();
	write_frames(&gro);
	for (i = 0; i < n; i++)
		free(begins[i]);
	sa_table_free(t);
	return 0;
}
