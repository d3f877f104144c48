/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cipher_openssl.c: OpenSSL's EVP.  The key is set once; what a packet costs
 * besides its bytes is setting the nonce, and OpenSSL's many calls.
 */
#include <errno.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "ipsec-migrate/cipher_impl.h"

struct state {
	EVP_CIPHER_CTX *seal, *open;
};

static const EVP_CIPHER *evp_of(enum cipher_alg alg)
{
	switch (alg) {
	case CIPHER_AES_GCM_128: return EVP_aes_128_gcm();
	case CIPHER_AES_GCM_256: return EVP_aes_256_gcm();
	case CIPHER_CHACHA20_POLY1305: return EVP_chacha20_poly1305();
	case CIPHER_ALG_COUNT: break;
	}
	return NULL;
}

static void state_free(void *arg)
{
	struct state *s = arg;

	EVP_CIPHER_CTX_free(s->seal); /* wipes */
	EVP_CIPHER_CTX_free(s->open);
	free(s);
}

static int state_new(void **out, enum cipher_alg alg, const uint8_t *key)
{
	const EVP_CIPHER *evp = evp_of(alg);
	struct state *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->seal = EVP_CIPHER_CTX_new();
	s->open = EVP_CIPHER_CTX_new();
	if (!s->seal || !s->open) {
		state_free(s);
		return -ENOMEM;
	}
	/* Both have nonces of 12 bytes by default. */
	if (EVP_EncryptInit_ex(s->seal, evp, NULL, key, NULL) != 1 ||
	    EVP_DecryptInit_ex(s->open, evp, NULL, key, NULL) != 1) {
		state_free(s);
		return -ENOTSUP;
	}
	*out = s;
	return 0;
}

static void seal(void *arg, const uint8_t salt[CIPHER_SALT_LEN],
		 struct cipher_op op[], unsigned n)
{
	struct state *s = arg;
	uint8_t nonce[CIPHER_NONCE_LEN];
	unsigned i;
	int len;

	for (i = 0; i < n; i++) {
		cipher_nonce(nonce, salt, op[i].iv);
		EVP_EncryptInit_ex(s->seal, NULL, NULL, NULL, nonce);
		EVP_EncryptUpdate(s->seal, NULL, &len, op[i].aad,
				  op[i].aad_len);
		EVP_EncryptUpdate(s->seal, op[i].data, &len, op[i].data,
				  (int)op[i].len);
		EVP_EncryptFinal_ex(s->seal, op[i].data + len, &len);
		EVP_CIPHER_CTX_ctrl(s->seal, EVP_CTRL_AEAD_GET_TAG,
				    CIPHER_ICV_LEN, op[i].icv);
	}
}

static void open_(void *arg, const uint8_t salt[CIPHER_SALT_LEN],
		  struct cipher_op op[], unsigned n)
{
	struct state *s = arg;
	uint8_t nonce[CIPHER_NONCE_LEN];
	unsigned i;
	int len;

	for (i = 0; i < n; i++) {
		cipher_nonce(nonce, salt, op[i].iv);
		EVP_DecryptInit_ex(s->open, NULL, NULL, NULL, nonce);
		EVP_DecryptUpdate(s->open, NULL, &len, op[i].aad,
				  op[i].aad_len);
		EVP_DecryptUpdate(s->open, op[i].data, &len, op[i].data,
				  (int)op[i].len);
		EVP_CIPHER_CTX_ctrl(s->open, EVP_CTRL_AEAD_SET_TAG,
				    CIPHER_ICV_LEN, op[i].icv);
		op[i].ok = EVP_DecryptFinal_ex(s->open, op[i].data + len,
					       &len) == 1;
	}
}

const struct cipher_impl cipher_openssl = {
	"OpenSSL", state_new, state_free, seal, open_,
};
