/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * preflight.h: what this machine lacks, each with the command that mends it.
 */
#ifndef CAUSEWAY_PREFLIGHT_H
#define CAUSEWAY_PREFLIGHT_H

#include <stdbool.h>

struct preflight_paths {
	const char *netd;      /* socket */
	const char *state_dir;
};

/* Prints a line a check; returns 0 if nothing needed is missing, else 1. */
int preflight(const unsigned cores[], unsigned count,
	      const struct preflight_paths *paths);

/* May we run on these cores?  Says which not. */
bool preflight_cores(const unsigned cores[], unsigned count);

/* Free 2 MiB pages; 0 when there are none or we cannot tell. */
long preflight_free_hugepages(void);

#endif
