/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard_reference.h: docs/isolation.md as slow, obvious code: the oracle of
 * vswitch/port_guard.
 *
 * Written from the table, one byte after the other, sharing no code with the
 * guard.  Reading a byte that is not there, or not private, refuses the frame
 * at the end.
 */
#ifndef CAUSEWAY_GUARD_REFERENCE_H
#define CAUSEWAY_GUARD_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "vswitch/port_guard.h"

/*
 * May a port of this configuration send these bytes?  `seen` of them are
 * private, the frame is `len` long.
 */
bool guard_reference_allows(const struct guard_conf *conf, const uint8_t *bytes,
			    unsigned seen, unsigned len, bool gso);

#endif
