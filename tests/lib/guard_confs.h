/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard_confs.h: the kinds of ports that property tests and fuzzing judge
 * frames for.  Their MAC and addresses are those of frame_gen.h.
 */
#ifndef CAUSEWAY_GUARD_CONFS_H
#define CAUSEWAY_GUARD_CONFS_H

#include "vswitch/port_guard.h"

#define GUARD_CONFS 16

/* Filled on first use; the result is static and constant. */
const struct guard_conf *guard_confs(void);
/* The same compiled; free each with guard_free(). */
void guard_confs_compile(struct guard *out[GUARD_CONFS]);

#endif
