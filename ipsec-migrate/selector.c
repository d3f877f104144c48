/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * selector.c: ranges of addresses compared as numbers, big endian as they are.
 */
#include "ipsec-migrate/selector.h"

#include <string.h>

static bool end_valid(const struct selector_end *e, uint8_t family)
{
	static const uint8_t zeros[12];

	if (memcmp(e->lo, e->hi, 16) > 0 || e->port_lo > e->port_hi)
		return false;
	return family == 6 || (!memcmp(e->lo + 4, zeros, 12) &&
			       !memcmp(e->hi + 4, zeros, 12));
}

static bool any_port(const struct selector_end *e)
{
	return e->port_lo == 0 && e->port_hi == UINT16_MAX;
}

bool selector_valid(const struct selector *s)
{
	if (s->family != 4 && s->family != 6)
		return false;
	if (!s->proto && (!any_port(&s->local) || !any_port(&s->remote)))
		return false;
	return end_valid(&s->local, s->family) &&
	       end_valid(&s->remote, s->family);
}

static bool end_same(const struct selector_end *a,
		     const struct selector_end *b)
{
	return !memcmp(a->lo, b->lo, 16) && !memcmp(a->hi, b->hi, 16) &&
	       a->port_lo == b->port_lo && a->port_hi == b->port_hi;
}

bool selector_same(const struct selector *a, const struct selector *b)
{
	return a->family == b->family && a->proto == b->proto &&
	       end_same(&a->local, &b->local) &&
	       end_same(&a->remote, &b->remote);
}

static bool end_match(const struct selector_end *e, const uint8_t *addr,
		      uint16_t port, bool has_port)
{
	if (memcmp(addr, e->lo, 16) < 0 || memcmp(addr, e->hi, 16) > 0)
		return false;
	if (!has_port)
		return any_port(e);
	return port >= e->port_lo && port <= e->port_hi;
}

static bool match(const struct selector *s, const struct inner_flow *f,
		  const struct selector_end *src,
		  const struct selector_end *dst)
{
	return s->family == f->family && (!s->proto || s->proto == f->proto) &&
	       end_match(src, f->src, f->sport, f->has_ports) &&
	       end_match(dst, f->dst, f->dport, f->has_ports);
}

bool selector_match_out(const struct selector *s, const struct inner_flow *f)
{
	return match(s, f, &s->local, &s->remote);
}

bool selector_match_in(const struct selector *s, const struct inner_flow *f)
{
	return match(s, f, &s->remote, &s->local);
}

static bool end_within(const struct selector_end *part,
		       const struct selector_end *whole)
{
	return memcmp(part->lo, whole->lo, 16) >= 0 &&
	       memcmp(part->hi, whole->hi, 16) <= 0 &&
	       part->port_lo >= whole->port_lo &&
	       part->port_hi <= whole->port_hi;
}

bool selector_within(const struct selector *part, const struct selector *whole)
{
	return part->family == whole->family &&
	       (!whole->proto || part->proto == whole->proto) &&
	       end_within(&part->local, &whole->local) &&
	       end_within(&part->remote, &whole->remote);
}

unsigned selector_prefix(const struct selector_end *end, uint8_t family)
{
	unsigned bits = family == 6 ? 128 : 32, n;

	for (n = 0; n < bits; n++)
		if ((end->lo[n / 8] ^ end->hi[n / 8]) & 0x80 >> n % 8)
			break;
	return n;
}
