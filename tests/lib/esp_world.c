/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * esp_world.c: see esp_world.h.
 */
#include "tests/lib/esp_world.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#include <openssl/evp.h>

static void prefix16(struct selector_end *e, uint8_t a, uint8_t b,
		     unsigned len)
{
	memset(e, 0, sizeof(*e));
	e->port_hi = UINT16_MAX;
	e->lo[0] = e->hi[0] = a;
	e->lo[1] = e->hi[1] = b;
	memset(e->hi + 2, 0xff, len - 2);
}

struct selector world_selector(uint8_t family)
{
	struct selector s = { .family = family };
	unsigned len = family == 6 ? 16 : 4;

	prefix16(&s.local, family == 6 ? 0xfd : 10, 1, len);
	prefix16(&s.remote, family == 6 ? 0xfd : 10, 2, len);
	return s;
}

struct sa_conf world_conf(void)
{
	struct sa_conf c = {
		.spi = WORLD_SPI, .peer = WORLD_PEER, .group = WORLD_GROUP,
		.alg = CIPHER_AES_GCM_256, .key_len = 36, .esn = true,
		.replay_window = 4096, .selector_count = 2,
	};
	struct sockaddr_in *a = (struct sockaddr_in *)&c.path.local;
	unsigned i;

	for (i = 0; i < c.key_len; i++)
		c.key[i] = (uint8_t)(i * 7 + 1);
	a->sin_family = AF_INET;
	a->sin_addr.s_addr = htonl(0xc0000201);
	a->sin_port = htons(4500);
	c.path.remote = c.path.local;
	((struct sockaddr_in *)&c.path.remote)->sin_addr.s_addr =
		htonl(0xc0000202);
	c.path.udp = true;
	c.path.mtu = 1500;
	c.selectors[0] = world_selector(4);
	c.selectors[1] = world_selector(6);
	return c;
}

struct sa_conf world_mirror(const struct sa_conf *conf)
{
	struct sa_conf m = *conf;
	unsigned i;

	m.inbound = true;
	m.path.local = conf->path.remote;
	m.path.remote = conf->path.local;
	for (i = 0; i < m.selector_count; i++) {
		m.selectors[i].local = conf->selectors[i].remote;
		m.selectors[i].remote = conf->selectors[i].local;
	}
	return m;
}

void esp_world_make(struct esp_world *w, const struct sa_conf *conf)
{
	struct sa_conf mirror = world_mirror(conf);
	unsigned i;

	memset(w, 0, sizeof(*w));
	w->conf = *conf;
	assert(!sa_table_new(&w->out_table, 64));
	assert(!sa_table_new(&w->in_table, 64));
	assert(!policy_set_new(&w->policies, 64));
	assert(!esp_out_new(&w->out));
	esp_in_init(&w->in);
	assert(!sa_add(w->out_table, conf, 0, &w->out_sa));
	assert(!sa_add(w->in_table, &mirror, 0, &w->in_sa));
	for (i = 0; i < conf->selector_count; i++)
		assert(!policy_add(w->policies, &conf->selectors[i],
				   conf->group));
	assert(!policy_bind(w->policies, w->out_sa, NULL));
}

void esp_world_free(struct esp_world *w)
{
	policy_set_free(w->policies);
	esp_out_free(w->out);
	sa_table_free(w->out_table);
	sa_table_free(w->in_table);
}

unsigned esp_world_packets(const struct esp_world *w, struct esp_pkt pkt[],
			   unsigned max)
{
	unsigned i, n = 0;
	uint32_t at, len;

	for (i = 0; i < w->out->sends; i++) {
		const struct esp_send *s = &w->out->send[i];

		for (at = 0; at < s->len && n < max; at += len) {
			len = s->len - at < s->seg ? s->len - at : s->seg;
			pkt[n++] = (struct esp_pkt){
				.data = s->data + at, .len = len,
				.ecn = s->tos & 3,
			};
		}
	}
	return n;
}

static const EVP_CIPHER *evp(enum cipher_alg alg)
{
	return alg == CIPHER_AES_GCM_128   ? EVP_aes_128_gcm()
	       : alg == CIPHER_AES_GCM_256 ? EVP_aes_256_gcm()
					   : EVP_chacha20_poly1305();
}

static void put64(uint8_t *p, uint64_t v)
{
	unsigned i;

	for (i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

uint32_t world_seal_raw(const struct sa_conf *conf, uint64_t seq,
			const uint8_t iv[8], const uint8_t *plain,
			uint32_t len, uint8_t *to)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t aad[12], nonce[12], whole[8];
	int n, aad_len = conf->esn ? 12 : 8;

	put64(whole, seq);
	put64(aad, (uint64_t)conf->spi << 32);
	if (conf->esn)
		memcpy(aad + 4, whole, 8);
	else
		memcpy(aad + 4, whole + 4, 4);
	memcpy(nonce, conf->key + conf->key_len - 4, 4);
	memcpy(nonce + 4, iv, 8);
	memcpy(to, aad, 4);
	memcpy(to + 4, whole + 4, 4);
	memcpy(to + 8, iv, 8);
	EVP_EncryptInit_ex(ctx, evp(conf->alg), NULL, conf->key, nonce);
	EVP_EncryptUpdate(ctx, NULL, &n, aad, aad_len);
	EVP_EncryptUpdate(ctx, to + 16, &n, plain, (int)len);
	EVP_EncryptFinal_ex(ctx, to + 16 + n, &n);
	EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, to + 16 + len);
	EVP_CIPHER_CTX_free(ctx);
	return 16 + len + 16;
}

uint32_t world_seal(const struct sa_conf *conf, uint64_t seq,
		    const uint8_t *inner, uint32_t len, uint8_t next_header,
		    uint8_t *to)
{
	static uint8_t plain[70000];
	uint8_t iv[8], pad = 0;

	memcpy(plain, inner, len);
	while ((len + 2) % 4)
		plain[len++] = ++pad;
	plain[len++] = pad;
	plain[len++] = next_header;
	put64(iv, seq);
	return world_seal_raw(conf, seq, iv, plain, len, to);
}
