/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_cipher.c: published vectors, and both back ends against each other. */
#include "ipsec-migrate/cipher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/suite.h"

static const enum cipher_backend backends[] = { CIPHER_IPSEC_MB,
						CIPHER_OPENSSL };

struct vector {
	enum cipher_alg alg;
	const char *key, *salt, *iv, *aad, *plain, *cipher, *icv;
};

/*
 * McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 3 and
 * 15 (those with AAD have 20 bytes of it, ESP never has); RFC 8439 2.8.2.
 */
static const struct vector vectors[] = {
	{ CIPHER_AES_GCM_128, "feffe9928665731c6d6a8f9467308308", "cafebabe",
	  "facedbaddecaf888", "",
	  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
	  "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
	  "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985",
	  "4d5c2af327cd64a62cf35abd2ba6fab4" },
	{ CIPHER_AES_GCM_256,
	  "feffe9928665731c6d6a8f9467308308"
	  "feffe9928665731c6d6a8f9467308308",
	  "cafebabe", "facedbaddecaf888", "",
	  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
	  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
	  "b094dac5d93471bdec1a502270e3cc6c" },
	{ CIPHER_CHACHA20_POLY1305,
	  "808182838485868788898a8b8c8d8e8f"
	  "909192939495969798999a9b9c9d9e9f",
	  "07000000", "4041424344454647", "50515253c0c1c2c3c4c5c6c7",
	  "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
	  "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
	  "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
	  "637265656e20776f756c642062652069742e",
	  "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
	  "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
	  "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
	  "3ff4def08e4b7a9de576d26586cec64b6116",
	  "1ae10b594f09e26a7e902ecbd0600691" },
};

#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

static size_t unhex(uint8_t *to, const char *hex)
{
	size_t n = strlen(hex) / 2, i;
	unsigned byte;

	for (i = 0; i < n; i++) {
		sscanf(hex + 2 * i, "%2x", &byte);
		to[i] = (uint8_t)byte;
	}
	return n;
}

static struct cipher *make(enum cipher_alg alg, enum cipher_backend backend,
			   const char *key, const char *salt)
{
	uint8_t bytes[CIPHER_KEY_MAX];
	struct cipher *c = NULL;
	size_t n = unhex(bytes, key);

	n += unhex(bytes + n, salt);
	CU_ASSERT_EQUAL_FATAL(cipher_new(&c, alg, backend, bytes, n), 0);
	return c;
}

struct packet {
	uint8_t data[2048], iv[CIPHER_IV_LEN], icv[CIPHER_ICV_LEN];
	struct cipher_op op;
};

static void packet_of(struct packet *p, const struct vector *v)
{
	p->op = (struct cipher_op){ .data = p->data, .iv = p->iv,
				    .icv = p->icv };
	p->op.len = unhex(p->data, v->plain);
	p->op.aad_len = unhex(p->op.aad, v->aad);
	unhex(p->iv, v->iv);
}

static void check_vector(const struct vector *v, enum cipher_backend backend)
{
	struct cipher *c = make(v->alg, backend, v->key, v->salt);
	uint8_t want[2048], icv[CIPHER_ICV_LEN];
	struct packet p;

	packet_of(&p, v);
	unhex(want, v->cipher);
	unhex(icv, v->icv);
	cipher_seal(c, &p.op, 1);
	CU_ASSERT_EQUAL(memcmp(p.data, want, p.op.len), 0);
	CU_ASSERT_EQUAL(memcmp(p.icv, icv, sizeof(icv)), 0);
	cipher_open(c, &p.op, 1);
	unhex(want, v->plain);
	CU_ASSERT(p.op.ok);
	CU_ASSERT_EQUAL(memcmp(p.data, want, p.op.len), 0);
	cipher_free(c);
}

static void published_vectors_come_out_of_both(void)
{
	unsigned i, k;

	for (i = 0; i < VECTORS; i++)
		for (k = 0; k < 2; k++)
			check_vector(&vectors[i], backends[k]);
}

static void fill(uint8_t *p, size_t n)
{
	while (n--)
		*p++ = (uint8_t)rand();
}

/* Every length up to a frame's, both AADs: sealed by one, opened by other. */
static void what_one_seals_the_other_opens(void)
{
	uint8_t key[CIPHER_KEY_MAX], plain[2048];
	struct cipher *c[2];
	struct packet p;
	unsigned alg, len, k;

	srand(1);
	for (alg = 0; alg < CIPHER_ALG_COUNT; alg++) {
		fill(key, sizeof(key));
		for (k = 0; k < 2; k++)
			CU_ASSERT_EQUAL_FATAL(
				cipher_new(&c[k], alg, backends[k], key,
					   cipher_key_len(alg)), 0);
		for (len = 0; len <= 1600; len++) {
			fill(plain, len);
			fill(p.iv, sizeof(p.iv));
			memcpy(p.data, plain, len);
			p.op = (struct cipher_op){ .data = p.data, .len = len,
						   .aad_len = len & 1 ? 8 : 12,
						   .iv = p.iv, .icv = p.icv };
			fill(p.op.aad, sizeof(p.op.aad));
			cipher_seal(c[len / 2 & 1], &p.op, 1);
			cipher_open(c[!(len / 2 & 1)], &p.op, 1);
			CU_ASSERT(p.op.ok);
			CU_ASSERT_EQUAL(memcmp(p.data, plain, len), 0);
		}
		cipher_free(c[0]);
		cipher_free(c[1]);
	}
}

/* One bit at a time of data, AAD, IV and ICV. */
static void a_flipped_bit_is_found(void)
{
	struct packet p;
	struct cipher *c;
	unsigned i, k, bit;

	for (i = 0; i < VECTORS; i++) {
		for (k = 0; k < 2; k++) {
			const struct vector *v = &vectors[i];
			uint8_t *parts[4] = { p.data, p.op.aad, p.iv, p.icv };
			unsigned lens[4], part, sealed;

			c = make(v->alg, backends[k], v->key, v->salt);
			packet_of(&p, v);
			lens[0] = p.op.len;
			lens[1] = p.op.aad_len;
			lens[2] = sizeof(p.iv);
			lens[3] = sizeof(p.icv);
			for (part = 0; part < 4; part++) {
				for (bit = 0; bit < lens[part] * 8; bit++) {
					packet_of(&p, v);
					cipher_seal(c, &p.op, 1);
					sealed = p.op.len;
					parts[part][bit / 8] ^= 1 << bit % 8;
					p.op.ok = true;
					cipher_open(c, &p.op, 1);
					CU_ASSERT_FALSE(p.op.ok);
					CU_ASSERT_EQUAL(p.op.len, sealed);
				}
			}
			cipher_free(c);
		}
	}
}

static void a_burst_is_as_many_singles(void)
{
	static struct packet p[CIPHER_BURST_MAX], single;
	struct cipher_op ops[CIPHER_BURST_MAX];
	const struct vector *v = &vectors[1];
	struct cipher *c;
	unsigned i, k;

	for (k = 0; k < 2; k++) {
		c = make(v->alg, backends[k], v->key, v->salt);
		for (i = 0; i < CIPHER_BURST_MAX; i++) {
			packet_of(&p[i], v);
			p[i].iv[0] = i;
			ops[i] = p[i].op;
		}
		cipher_seal(c, ops, CIPHER_BURST_MAX);
		for (i = 0; i < CIPHER_BURST_MAX; i++) {
			packet_of(&single, v);
			single.iv[0] = i;
			cipher_seal(c, &single.op, 1);
			CU_ASSERT_EQUAL(memcmp(single.data, p[i].data,
					       single.op.len), 0);
			CU_ASSERT_EQUAL(memcmp(single.icv, p[i].icv,
					       CIPHER_ICV_LEN), 0);
		}
		p[7].icv[3] ^= 1;
		cipher_open(c, ops, CIPHER_BURST_MAX);
		for (i = 0; i < CIPHER_BURST_MAX; i++)
			CU_ASSERT_EQUAL(ops[i].ok, i != 7);
		cipher_free(c);
	}
}

static void wrong_keys_are_refused(void)
{
	static const uint8_t key[CIPHER_KEY_MAX + 1];
	struct cipher *c;
	unsigned alg, len;

	for (alg = 0; alg <= CIPHER_ALG_COUNT; alg++)
		for (len = 0; len <= sizeof(key); len++)
			if (!len || len != cipher_key_len(alg))
				CU_ASSERT_EQUAL(cipher_new(&c, alg, CIPHER_BEST,
							   key, len), -EINVAL);
	cipher_free(NULL);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(published_vectors_come_out_of_both),
		SUITE_TEST(what_one_seals_the_other_opens),
		SUITE_TEST(a_flipped_bit_is_found),
		SUITE_TEST(a_burst_is_as_many_singles),
		SUITE_TEST(wrong_keys_are_refused),
	};

	return suite_run("cipher", tests, sizeof(tests) / sizeof(tests[0]));
}
