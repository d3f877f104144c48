/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cores.h: how the machine is today.  Virtual cores move about on their host
 * and share its caches with strangers; two figures that say whether samples
 * taken minutes apart can be compared.
 */
#ifndef CAUSEWAY_BENCH_CORES_H
#define CAUSEWAY_BENCH_CORES_H

/* TSC cycles for a cache line to go from this core to another and back. */
double cores_round_trip(int other_core);

/* TSC cycles of one dependent load somewhere in 12 MB of 2 MB pages. */
double cores_far_load(void);

#endif
