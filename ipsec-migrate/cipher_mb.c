/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cipher_mb.c: intel-ipsec-mb, by its direct calls: GCM of one packet of a
 * kilobyte fills the CPU's vector units by itself.
 *
 * One manager (which is a table of functions for this CPU) for all; it is
 * never written after it is made.  The library's answer for a machine that
 * cannot is a manager without functions.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>

#include "ipsec-migrate/cipher_impl.h"

struct state {
	struct gcm_key_data key; /* aligned: see state_new() */
	struct gcm_context_data ctx;
	struct chacha20_poly1305_context_data chacha;
	uint8_t chacha_key[32];
	aes_gcm_enc_dec_t gcm_seal, gcm_open; /* NULL: it is the other one */
};

static IMB_MGR *mgr; /* NULL: not here */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_manager(void)
{
	IMB_ARCH arch = IMB_ARCH_NONE;
	IMB_MGR *m = alloc_mb_mgr(0);

	if (!m)
		return;
	init_mb_mgr_auto(m, &arch);
	if (arch == IMB_ARCH_NONE || arch == IMB_ARCH_NOAESNI ||
	    !m->gcm128_enc || !m->gcm256_enc || !m->chacha20_poly1305_init) {
		free_mb_mgr(m);
		return;
	}
	mgr = m;
}

static void state_free(void *arg)
{
	explicit_bzero(arg, sizeof(struct state));
	free(arg);
}

static int state_new(void **out, enum cipher_alg alg, const uint8_t *key)
{
	struct state *s;

	pthread_once(&once, make_manager);
	if (!mgr)
		return -ENOTSUP;
	if (posix_memalign((void **)&s, 64, sizeof(*s)))
		return -ENOMEM;
	memset(s, 0, sizeof(*s));
	switch (alg) {
	case CIPHER_AES_GCM_128:
		IMB_AES128_GCM_PRE(mgr, key, &s->key);
		s->gcm_seal = mgr->gcm128_enc;
		s->gcm_open = mgr->gcm128_dec;
		break;
	case CIPHER_AES_GCM_256:
		IMB_AES256_GCM_PRE(mgr, key, &s->key);
		s->gcm_seal = mgr->gcm256_enc;
		s->gcm_open = mgr->gcm256_dec;
		break;
	default:
		memcpy(s->chacha_key, key, sizeof(s->chacha_key));
	}
	*out = s;
	return 0;
}

static void chacha(struct state *s, const struct cipher_op *o,
		   const uint8_t *nonce, bool seal, uint8_t *icv)
{
	IMB_CHACHA20_POLY1305_INIT(mgr, s->chacha_key, &s->chacha, nonce,
				   o->aad, o->aad_len);
	if (seal)
		IMB_CHACHA20_POLY1305_ENC_UPDATE(mgr, s->chacha_key,
						 &s->chacha, o->data, o->data,
						 o->len);
	else
		IMB_CHACHA20_POLY1305_DEC_UPDATE(mgr, s->chacha_key,
						 &s->chacha, o->data, o->data,
						 o->len);
	IMB_CHACHA20_POLY1305_ENC_FINALIZE(mgr, &s->chacha, icv,
					   CIPHER_ICV_LEN);
}

static void seal(void *arg, const uint8_t salt[CIPHER_SALT_LEN],
		 struct cipher_op op[], unsigned n)
{
	uint8_t nonce[CIPHER_NONCE_LEN];
	struct state *s = arg;
	unsigned i;

	for (i = 0; i < n; i++) {
		const struct cipher_op *o = &op[i];

		cipher_nonce(nonce, salt, o->iv);
		if (s->gcm_seal)
			s->gcm_seal(&s->key, &s->ctx, o->data, o->data, o->len,
				    nonce, o->aad, o->aad_len, o->icv,
				    CIPHER_ICV_LEN);
		else
			chacha(s, o, nonce, true, o->icv);
	}
}

static void open_(void *arg, const uint8_t salt[CIPHER_SALT_LEN],
		  struct cipher_op op[], unsigned n)
{
	uint8_t nonce[CIPHER_NONCE_LEN], icv[CIPHER_ICV_LEN];
	struct state *s = arg;
	unsigned i;

	for (i = 0; i < n; i++) {
		struct cipher_op *o = &op[i];

		cipher_nonce(nonce, salt, o->iv);
		if (s->gcm_open)
			s->gcm_open(&s->key, &s->ctx, o->data, o->data, o->len,
				    nonce, o->aad, o->aad_len, icv,
				    CIPHER_ICV_LEN);
		else
			chacha(s, o, nonce, false, icv);
		o->ok = !CRYPTO_memcmp(icv, o->icv, CIPHER_ICV_LEN);
	}
}

const struct cipher_impl cipher_mb = {
	"ipsec-mb", state_new, state_free, seal, open_,
};
