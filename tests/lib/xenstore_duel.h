/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_duel.h: bytes become requests of four connections (domain 0, two of
 * domain 1, domain 2) under small quotas, served by the store and by its
 * model.  Replies, events and counts have to be the same, everything counted
 * right, and a store restored from the records alike.
 */
#ifndef CAUSEWAY_XENSTORE_DUEL_H
#define CAUSEWAY_XENSTORE_DUEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: they differ, and why[] says where. */
bool xenstore_duel(const uint8_t *data, size_t size, char *why,
		   size_t why_size);

#endif
