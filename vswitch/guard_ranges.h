/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard_ranges.h: lists of allowed addresses as ascending, disjoint ranges.
 *
 * Prefixes overlap and come in any order; a guard wants to find an address in
 * a few steps, and never wants to allow a source that no host may have
 * (multicast, loopback, ...), whatever the prefix around it.  So prefixes
 * become ranges once, when the port is configured.
 *
 * Both families are 128-bit numbers in host order here; IPv4 uses the low 32.
 */
#ifndef CAUSEWAY_GUARD_RANGES_H
#define CAUSEWAY_GUARD_RANGES_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef unsigned __int128 guard_addr;

/* One entry of ipv4_allowed or ipv6_allowed. */
struct guard_prefix {
	uint8_t family;   /* AF_INET or AF_INET6 */
	uint8_t bits;     /* 0..32 or 0..128 */
	uint8_t addr[16]; /* network order; bits beyond the prefix ignored */
};

struct guard_range {
	guard_addr first, last;
};

struct guard_range4 {
	uint32_t first, last;
};

#define GUARD_PREFIXES_MAX 256                      /* in one list */
#define GUARD_RANGES_MAX   (GUARD_PREFIXES_MAX + 8) /* after compiling */

/*
 * "10.0.0.1", "10.0.0.0/24", "2001:db8::/64" into *out; 0 or -EINVAL.  Host
 * bits behind the prefix are cleared, as XenAPI's back ends do.
 */
int guard_prefix_parse(const char *text, struct guard_prefix *out);

/*
 * The prefixes of one family among `n`, without martian sources, into out[]
 * (GUARD_RANGES_MAX).  The number of ranges, or -EINVAL: unknown family, bits
 * out of range, more than GUARD_PREFIXES_MAX.
 */
int guard_ranges_compile(struct guard_range out[], int family,
			 const struct guard_prefix prefix[], unsigned n);

/* Add [first, last] to n ranges; returns how many they are then. */
int guard_ranges_add(struct guard_range r[], int n, guard_addr first,
		     guard_addr last);

/* Addresses in network order, anywhere in a frame, as numbers. */
static inline uint32_t guard_addr4(const uint8_t *p)
{
	uint32_t a;

	memcpy(&a, p, sizeof(a));
	return be32toh(a);
}

static inline guard_addr guard_addr6(const uint8_t *p)
{
	uint64_t high, low;

	memcpy(&high, p, sizeof(high));
	memcpy(&low, p + 8, sizeof(low));
	return (guard_addr)be64toh(high) << 64 | be64toh(low);
}

#endif
