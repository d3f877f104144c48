/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * csum.h: the Internet checksum (RFC 1071), made for whole segments.
 *
 * Sums are 64 bits wide, over 16 bit words as they lie in memory, and folded
 * at the end; so they add up, as long as every part but the last has an even
 * length.  Pure.
 */
#ifndef CAUSEWAY_CSUM_H
#define CAUSEWAY_CSUM_H

#include <stddef.h>
#include <stdint.h>

/* The sum of `len` bytes added to `sum`. */
uint64_t csum_add(uint64_t sum, const void *data, size_t len);
/* The same, and copies them. */
uint64_t csum_copy(uint64_t sum, void *to, const void *from, size_t len);

/* Folded to 16 bits, in memory order; not inverted. */
static inline uint16_t csum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/*
 * The pseudo header of an IPv4 or IPv6 packet (`pkt` is its first byte) for
 * an upper layer of `proto` that is `l4_len` bytes long.
 */
uint64_t csum_pseudo(const uint8_t *pkt, uint8_t proto, uint32_t l4_len);

#endif
