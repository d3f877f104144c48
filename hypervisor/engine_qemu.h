/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine_qemu.h: domains run by QEMU (Debian 12's 7.2), as an engine.
 *
 * jail_init() comes before.  In run_dir it makes `control` (QMP), `agent`
 * (what guest_agent.h speaks with), `log` (a FIFO, QEMU's complaints) and
 * `ended` (why the guest stopped); all go with the process.
 * docs/engine.md tells what was seen of QEMU and why things are as they are.
 */
#ifndef CAUSEWAY_ENGINE_QEMU_H
#define CAUSEWAY_ENGINE_QEMU_H

#include "hypervisor/engine.h"

extern const struct engine_ops engine_qemu_ops;

#endif
