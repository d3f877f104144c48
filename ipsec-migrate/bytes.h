/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bytes.h: numbers in network order at addresses of any alignment.
 */
#ifndef CAUSEWAY_BYTES_H
#define CAUSEWAY_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get_be32(const uint8_t *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return be32toh(n);
}

static inline void put_be16(uint8_t *p, uint16_t n)
{
	n = htobe16(n);
	memcpy(p, &n, sizeof(n));
}

static inline void put_be32(uint8_t *p, uint32_t n)
{
	n = htobe32(n);
	memcpy(p, &n, sizeof(n));
}

static inline void put_be64(uint8_t *p, uint64_t n)
{
	n = htobe64(n);
	memcpy(p, &n, sizeof(n));
}

/* As it is: for sums of csum.h, which are in memory order. */
static inline void put_raw16(uint8_t *p, uint16_t n)
{
	memcpy(p, &n, sizeof(n));
}

#endif
