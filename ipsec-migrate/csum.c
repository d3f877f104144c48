/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * csum.c: one loop over vectors of 64 bit words, of which the lower and the
 * upper halves are added up apart, so that nothing is ever carried; compiled
 * twice, for vectors of 16 bytes and, where the CPU has AVX2, of 32.  Which
 * one to take is asked at each call: one load and a branch.
 */
#include "ipsec-migrate/csum.h"

#include <stdbool.h>
#include <string.h>

static inline uint64_t add_tail(uint64_t sum, const uint8_t *p, size_t len)
{
	uint32_t word;

	for (; len >= 4; p += 4, len -= 4) {
		memcpy(&word, p, 4);
		sum += word;
	}
	word = 0;
	memcpy(&word, p, len);
	return sum + word;
}

/*
 * Whole vectors of `bytes` bytes; whoever calls it does the rest.  `to` is
 * NULL or where they go.
 */
#define DEFINE_ADD(name, bytes, attributes)                                   \
	attributes static uint64_t name(uint64_t sum, uint8_t *to,            \
					const uint8_t *p, size_t len)         \
	{                                                                     \
		typedef uint64_t vec __attribute__((vector_size(bytes)));     \
		vec low = { 0 }, high = { 0 }, v;                             \
		unsigned i;                                                   \
                                                                              \
		for (; len >= (bytes); p += (bytes), len -= (bytes)) {        \
			memcpy(&v, p, (bytes));                               \
			low += v & UINT32_MAX;                                \
			high += v >> 32;                                      \
			if (to) {                                             \
				memcpy(to, &v, (bytes));                      \
				to += (bytes);                                \
			}                                                     \
		}                                                             \
		low += high;                                                  \
		for (i = 0; i < (bytes) / 8; i++)                             \
			sum += low[i];                                        \
		return sum;                                                   \
	}

DEFINE_ADD(add16, 16, )

#ifdef __x86_64__
DEFINE_ADD(add32, 32, __attribute__((target("avx2"))))

static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}
#else
#define add32 add16

static bool has_avx2(void)
{
	return false;
}
#endif

static uint64_t add(uint64_t sum, uint8_t *to, const uint8_t *p, size_t len)
{
	size_t whole = len & ~(size_t)31;

	if (whole)
		sum = has_avx2() ? add32(sum, to, p, whole)
				 : add16(sum, to, p, whole);
	if (to)
		memcpy(to + whole, p + whole, len - whole);
	return add_tail(sum, p + whole, len - whole);
}

uint64_t csum_add(uint64_t sum, const void *data, size_t len)
{
	return add(sum, NULL, data, len);
}

uint64_t csum_copy(uint64_t sum, void *to, const void *from, size_t len)
{
	return add(sum, to, from, len);
}

uint64_t csum_pseudo(const uint8_t *pkt, uint8_t proto, uint32_t l4_len)
{
	const uint8_t tail[8] = { l4_len >> 24, l4_len >> 16, l4_len >> 8,
				  l4_len, 0, 0, 0, proto };
	uint64_t sum = add_tail(0, tail, sizeof(tail));

	return pkt[0] >> 4 == 4 ? add_tail(sum, pkt + 12, 8)
				: add_tail(sum, pkt + 8, 32);
}
