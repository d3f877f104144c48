/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * selector.h: which inner packets a policy or an SA is for: one local and one
 * remote range of addresses and ports (RFC 7296 3.13.1, RFC 4301 4.4.1.1).
 *
 * Pure.
 */
#ifndef CAUSEWAY_SELECTOR_H
#define CAUSEWAY_SELECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "ipsec-migrate/inner.h"

struct selector_end {
	uint8_t lo[16], hi[16];	   /* IPv4: the first four, zeros behind */
	uint16_t port_lo, port_hi; /* 0..65535: any */
};

struct selector {
	uint8_t family; /* 4 or 6 */
	uint8_t proto;	/* 0: any */
	struct selector_end local, remote;
};

/* Ranges in order, zeros behind IPv4 addresses, ports only with a proto. */
bool selector_valid(const struct selector *s);
bool selector_same(const struct selector *a, const struct selector *b);

/*
 * Outward the source is local, inward the destination is.  Packets without
 * ports (fragments too) match only selectors that take any port.
 */
bool selector_match_out(const struct selector *s, const struct inner_flow *f);
bool selector_match_in(const struct selector *s, const struct inner_flow *f);

/* Is all of `part` within `whole`?  What a peer may narrow to. */
bool selector_within(const struct selector *part,
		     const struct selector *whole);

/* Bits that all addresses of an end have in common, from the left. */
unsigned selector_prefix(const struct selector_end *end, uint8_t family);

#endif
