/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cipher.h: the authenticated ciphers of ESP, each keyed for one SA.
 *
 * AES-GCM with a 16 byte ICV (RFC 4106) and ChaCha20-Poly1305 (RFC 7634).
 * Keys come as IKE makes them: the cipher's key, then a salt of 4 bytes; the
 * nonce is salt and the packet's 8 byte IV.
 *
 * Two back ends do the same: intel-ipsec-mb, which is the faster one, and
 * OpenSSL, which is everywhere.  Which one is chosen when a cipher is made.
 *
 * Bursts, because a look at the key and at the CPU's abilities is then made
 * once.  In place.  A cipher belongs to one thread at a time; keys are wiped
 * with it.
 */
#ifndef CAUSEWAY_CIPHER_H
#define CAUSEWAY_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CIPHER_ICV_LEN	 16
#define CIPHER_IV_LEN	 8
#define CIPHER_SALT_LEN	 4
#define CIPHER_KEY_MAX	 (32 + CIPHER_SALT_LEN)
#define CIPHER_AAD_MAX	 12 /* SPI and an extended sequence number */
#define CIPHER_BURST_MAX 64

enum cipher_alg {
	CIPHER_AES_GCM_128,
	CIPHER_AES_GCM_256,
	CIPHER_CHACHA20_POLY1305,
	CIPHER_ALG_COUNT
};

enum cipher_backend {
	CIPHER_BEST, /* ipsec-mb if this machine has what it needs */
	CIPHER_IPSEC_MB,
	CIPHER_OPENSSL,
};

struct cipher;

/* One packet's part that is encrypted, in place. */
struct cipher_op {
	uint8_t *data;
	uint32_t len;
	uint8_t aad_len; /* 8, or 12 with ESN */
	bool ok;	 /* cipher_open(): the ICV was right */
	uint8_t aad[CIPHER_AAD_MAX];
	const uint8_t *iv; /* CIPHER_IV_LEN bytes */
	uint8_t *icv;	   /* written by seal, compared by open */
};

/* With the salt: 20, 36, 36. */
size_t cipher_key_len(enum cipher_alg alg);

/*
 * 0; -EINVAL: not that key length; -ENOTSUP: this back end cannot, here;
 * -ENOMEM.
 */
int cipher_new(struct cipher **out, enum cipher_alg alg,
	       enum cipher_backend backend, const uint8_t *key, size_t len);
void cipher_free(struct cipher *c); /* NULL does nothing */

enum cipher_alg cipher_alg(const struct cipher *c);
const char *cipher_backend_name(const struct cipher *c);
const char *cipher_alg_name(enum cipher_alg alg);

/* Encrypt up to CIPHER_BURST_MAX, and write their ICVs. */
void cipher_seal(struct cipher *c, struct cipher_op op[], unsigned n);
/*
 * Decrypt; `ok` says of each whether it is genuine.  Data of one that is not
 * is worth nothing and must not be looked at.
 */
void cipher_open(struct cipher *c, struct cipher_op op[], unsigned n);

#endif
