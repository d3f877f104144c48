/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guard_ranges.c: see guard_ranges.h. */
#include "vswitch/guard_ranges.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define V4(a, b, c, d) ((guard_addr)(a) << 24 | (b) << 16 | (c) << 8 | (d))
#define HIGH(x)        ((guard_addr)(x) << 64) /* upper 64 bits */

/* Sources no host may use on a link (RFC 1122 3.2.1.3). */
static const struct guard_range martian4[] = {
	{ V4(0u, 0, 0, 0), V4(0u, 255, 255, 255) },
	{ V4(127u, 0, 0, 0), V4(127u, 255, 255, 255) },
	{ V4(224u, 0, 0, 0), V4(239u, 255, 255, 255) },
	{ V4(255u, 255, 255, 255), V4(255u, 255, 255, 255) },
};

/* Unspecified, loopback, IPv4-mapped, multicast (RFC 4291 2.5, 2.7). */
static const struct guard_range martian6[] = {
	{ 0, 1 },
	{ (guard_addr)0xffff << 32, ((guard_addr)0x10000 << 32) - 1 },
	{ HIGH(UINT64_C(0xff) << 56), ~(guard_addr)0 },
};

int guard_prefix_parse(const char *text, struct guard_prefix *out)
{
	char addr[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	unsigned long bits, max, i;
	char *end;

	if (n >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, n);
	addr[n] = '\0';
	*out = (struct guard_prefix){ .family = AF_INET };
	if (inet_pton(AF_INET, addr, out->addr) != 1) {
		out->family = AF_INET6;
		if (inet_pton(AF_INET6, addr, out->addr) != 1)
			return -EINVAL;
	}
	max = out->family == AF_INET ? 32 : 128;
	bits = max;
	if (slash) {
		if (slash[1] < '0' || slash[1] > '9')
			return -EINVAL;
		bits = strtoul(slash + 1, &end, 10);
		if (*end || bits > max)
			return -EINVAL;
	}
	out->bits = bits;
	for (i = bits; i < max; i++)
		out->addr[i / 8] &= ~(0x80 >> i % 8);
	return 0;
}

int guard_ranges_add(struct guard_range r[], int n, guard_addr first,
		     guard_addr last)
{
	int at = 0, end;

	while (at < n && r[at].last < first)
		at++;
	for (end = at; end < n && r[end].first <= last; end++) {
		if (r[end].first < first)
			first = r[end].first;
		if (r[end].last > last)
			last = r[end].last;
	}
	memmove(&r[at + 1], &r[end], (n - end) * sizeof(*r));
	r[at] = (struct guard_range){ first, last };
	return n + 1 - (end - at);
}

static int ranges_remove(struct guard_range r[], int n,
			 const struct guard_range *hole)
{
	int i, out = 0;
	struct guard_range old[GUARD_RANGES_MAX];

	memcpy(old, r, n * sizeof(*r));
	for (i = 0; i < n; i++) {
		if (old[i].last < hole->first || old[i].first > hole->last) {
			r[out++] = old[i];
			continue;
		}
		if (old[i].first < hole->first)
			r[out++] = (struct guard_range){ old[i].first,
							 hole->first - 1 };
		if (old[i].last > hole->last)
			r[out++] = (struct guard_range){ hole->last + 1,
							 old[i].last };
	}
	return out;
}

int guard_ranges_compile(struct guard_range out[], int family,
			 const struct guard_prefix prefix[], unsigned n)
{
	const struct guard_range *martian =
		family == AF_INET ? martian4 : martian6;
	unsigned martians = family == AF_INET
				    ? sizeof(martian4) / sizeof(*martian4)
				    : sizeof(martian6) / sizeof(*martian6);
	unsigned width = family == AF_INET ? 32 : 128, i, taken = 0;
	int count = 0;

	for (i = 0; i < n; i++) {
		const struct guard_prefix *p = &prefix[i];
		guard_addr first, host;

		if (p->family != AF_INET && p->family != AF_INET6)
			return -EINVAL;
		if (p->family != family)
			continue;
		if (p->bits > width || ++taken > GUARD_PREFIXES_MAX)
			return -EINVAL;
		host = p->bits == 0 ? ~(guard_addr)0 >> (128 - width)
				    : ((guard_addr)1 << (width - p->bits)) - 1;
		first = (family == AF_INET ? guard_addr4(p->addr)
					   : guard_addr6(p->addr)) &
			~host;
		count = guard_ranges_add(out, count, first, first | host);
	}
	for (i = 0; i < martians; i++)
		count = ranges_remove(out, count, &martian[i]);
	return count;
}
