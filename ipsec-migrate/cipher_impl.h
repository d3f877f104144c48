/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cipher_impl.h: what a back end of cipher.c has; nobody else includes it.
 */
#ifndef CAUSEWAY_CIPHER_IMPL_H
#define CAUSEWAY_CIPHER_IMPL_H

#include "ipsec-migrate/cipher.h"

struct cipher_impl {
	const char *name;
	/* 0, -ENOTSUP or -ENOMEM; key without salt */
	int (*new)(void **state, enum cipher_alg alg, const uint8_t *key);
	void (*free)(void *state);
	void (*seal)(void *state, const uint8_t salt[CIPHER_SALT_LEN],
		     struct cipher_op op[], unsigned n);
	void (*open)(void *state, const uint8_t salt[CIPHER_SALT_LEN],
		     struct cipher_op op[], unsigned n);
};

#define CIPHER_NONCE_LEN (CIPHER_SALT_LEN + CIPHER_IV_LEN)

void cipher_nonce(uint8_t nonce[CIPHER_NONCE_LEN],
		  const uint8_t salt[CIPHER_SALT_LEN], const uint8_t *iv);

extern const struct cipher_impl cipher_mb, cipher_openssl;

#endif
