/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cipher.c: chooses the back end, keeps the salt.
 */
#include "ipsec-migrate/cipher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipsec-migrate/cipher_impl.h"

struct cipher {
	const struct cipher_impl *impl;
	void *state;
	enum cipher_alg alg;
	uint8_t salt[CIPHER_SALT_LEN];
};

static const struct {
	const char *name;
	size_t key_len;
} algs[CIPHER_ALG_COUNT] = {
	[CIPHER_AES_GCM_128] = { "AES-GCM-128", 16 },
	[CIPHER_AES_GCM_256] = { "AES-GCM-256", 32 },
	[CIPHER_CHACHA20_POLY1305] = { "ChaCha20-Poly1305", 32 },
};

size_t cipher_key_len(enum cipher_alg alg)
{
	return alg < CIPHER_ALG_COUNT ? algs[alg].key_len + CIPHER_SALT_LEN
				      : 0;
}

const char *cipher_alg_name(enum cipher_alg alg)
{
	return alg < CIPHER_ALG_COUNT ? algs[alg].name : "none";
}

void cipher_nonce(uint8_t nonce[CIPHER_NONCE_LEN],
		  const uint8_t salt[CIPHER_SALT_LEN], const uint8_t *iv)
{
	memcpy(nonce, salt, CIPHER_SALT_LEN);
	memcpy(nonce + CIPHER_SALT_LEN, iv, CIPHER_IV_LEN);
}

static int new_state(struct cipher *c, enum cipher_backend backend,
		     const uint8_t *key)
{
	int rc = -ENOTSUP;

	c->impl = &cipher_mb;
	if (backend != CIPHER_OPENSSL)
		rc = c->impl->new(&c->state, c->alg, key);
	if (rc != -ENOTSUP || backend == CIPHER_IPSEC_MB)
		return rc;
	c->impl = &cipher_openssl;
	return c->impl->new(&c->state, c->alg, key);
}

int cipher_new(struct cipher **out, enum cipher_alg alg,
	       enum cipher_backend backend, const uint8_t *key, size_t len)
{
	struct cipher *c;
	int rc;

	if (alg >= CIPHER_ALG_COUNT || len != cipher_key_len(alg))
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->alg = alg;
	memcpy(c->salt, key + algs[alg].key_len, CIPHER_SALT_LEN);
	rc = new_state(c, backend, key);
	if (rc < 0) {
		free(c);
		return rc;
	}
	*out = c;
	return 0;
}

void cipher_free(struct cipher *c)
{
	if (!c)
		return;
	c->impl->free(c->state);
	explicit_bzero(c, sizeof(*c));
	free(c);
}

enum cipher_alg cipher_alg(const struct cipher *c)
{
	return c->alg;
}

const char *cipher_backend_name(const struct cipher *c)
{
	return c->impl->name;
}

void cipher_seal(struct cipher *c, struct cipher_op op[], unsigned n)
{
	c->impl->seal(c->state, c->salt, op, n);
}

void cipher_open(struct cipher *c, struct cipher_op op[], unsigned n)
{
	c->impl->open(c->state, c->salt, op, n);
}
