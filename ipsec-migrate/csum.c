/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * csum.c: the plain loop, over words of 32 bits in four independent sums,
 * which compilers turn into vectors.
 */
#include "ipsec-migrate/csum.h"

#include <string.h>

#define BLOCK 64

static uint64_t add_tail(uint64_t sum, const uint8_t *p, size_t len)
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

uint64_t csum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t lane[BLOCK / 4] = { 0 };
	uint32_t word[BLOCK / 4];
	unsigned i;

	for (; len >= BLOCK; p += BLOCK, len -= BLOCK) {
		memcpy(word, p, BLOCK);
		for (i = 0; i < BLOCK / 4; i++)
			lane[i] += word[i];
	}
	for (i = 0; i < BLOCK / 4; i++)
		sum += lane[i];
	return add_tail(sum, p, len);
}

uint64_t csum_copy(uint64_t sum, void *to, const void *from, size_t len)
{
	memcpy(to, from, len);
	return csum_add(sum, to, len);
}

uint64_t csum_pseudo(const uint8_t *pkt, uint8_t proto, uint32_t l4_len)
{
	const uint8_t tail[8] = { l4_len >> 24, l4_len >> 16, l4_len >> 8,
				  l4_len, 0, 0, 0, proto };
	uint64_t sum = csum_add(0, tail, sizeof(tail));

	return pkt[0] >> 4 == 4 ? csum_add(sum, pkt + 12, 8)
				: csum_add(sum, pkt + 8, 32);
}
