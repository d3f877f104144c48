/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_conf_address.c: IPv4 and IPv6 addresses and prefixes of the state.
 *
 * Addresses are bytes in network order, 4 or 16 by their family.
 */
#include "vswitch/switch_conf_keys.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

static uint8_t max_len(int family)
{
	return family == AF_INET ? 32 : 128;
}

/* "addr" or "addr/len" in two; false when len is no number up to max. */
static bool split(const char *s, char *addr, size_t size, uint8_t *len,
		  uint8_t max)
{
	size_t n = strcspn(s, "/");
	unsigned v = 0;

	if (n >= size)
		return false;
	memcpy(addr, s, n);
	addr[n] = '\0';
	*len = max;
	if (!s[n])
		return true;
	s += n + 1;
	if (!*s || strlen(s) > 3)
		return false;
	for (; *s; s++) {
		if (!isdigit((unsigned char)*s))
			return false;
		v = v * 10 + (*s - '0');
	}
	*len = v;
	return v <= max;
}

bool conf_prefix_read(int family, const char *s, void *addr, uint8_t *len)
{
	char text[INET6_ADDRSTRLEN];

	return s && split(s, text, sizeof(text), len, max_len(family)) &&
	       inet_pton(family, text, addr) == 1;
}

void conf_prefix_text(int family, const void *addr, uint8_t len,
		      char text[CONF_PREFIX_TEXT])
{
	size_t n;

	inet_ntop(family, addr, text, CONF_PREFIX_TEXT);
	n = strlen(text);
	if (len < max_len(family))
		snprintf(text + n, CONF_PREFIX_TEXT - n, "/%u", len);
}

/* The bits of byte `i` that belong to the host. */
static uint8_t host_mask(unsigned i, uint8_t len)
{
	unsigned keep = len > 8 * i ? len - 8 * i : 0;

	return keep < 8 ? 0xff >> keep : 0;
}

void conf_prefix_mask(int family, void *addr, uint8_t len)
{
	uint8_t *at = addr;
	unsigned i;

	for (i = 0; i < max_len(family) / 8u; i++)
		at[i] &= ~host_mask(i, len);
}

bool conf_prefix_has(int family, const void *prefix, uint8_t len,
		     const void *addr)
{
	const uint8_t *a = prefix, *b = addr;
	unsigned i;

	for (i = 0; i < max_len(family) / 8u; i++)
		if ((a[i] ^ b[i]) & (uint8_t)~host_mask(i, len))
			return false;
	return true;
}

enum conf_host_bits conf_host_bits(int family, const void *addr, uint8_t len)
{
	const uint8_t *a = addr;
	bool zeros = true, ones = true;
	unsigned i;

	for (i = 0; i < max_len(family) / 8u; i++) {
		zeros &= !(a[i] & host_mask(i, len));
		ones &= (a[i] & host_mask(i, len)) == host_mask(i, len);
	}
	if (len == max_len(family) || (!zeros && !ones))
		return CONF_HOST_BITS_SOME;
	return zeros ? CONF_HOST_BITS_ZERO : CONF_HOST_BITS_ONES;
}

/* RFC 1122 3.2.1.3, RFC 4291 2.5 and 2.7; port_guard has the same. */
bool conf_prefix_is_martian(int family, const void *addr, uint8_t len)
{
	static const struct {
		int family;
		uint8_t addr[16], len;
	} martians[] = {
		{ AF_INET, { 0 }, 8 },
		{ AF_INET, { 127 }, 8 },
		{ AF_INET, { 224 }, 4 },
		{ AF_INET, { 255, 255, 255, 255 }, 32 },
		{ AF_INET6, { 0 }, 127 }, /* :: and ::1 */
		{ AF_INET6, { [10] = 0xff, [11] = 0xff }, 96 },
		{ AF_INET6, { 0xff }, 8 },
	};
	unsigned i;

	for (i = 0; i < sizeof(martians) / sizeof(martians[0]); i++)
		if (martians[i].family == family && martians[i].len <= len &&
		    conf_prefix_has(family, martians[i].addr, martians[i].len,
				    addr))
			return true;
	return false;
}
