/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_memory.h: how much memory domains may still be given.
 */
#ifndef CAUSEWAY_HOST_MEMORY_H
#define CAUSEWAY_HOST_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#define HOST_MEMORY_SPARE (64ull << 20) /* never promised to a domain */

struct host_memory {
	uint64_t total_bytes; /* as much as there could ever be */
	uint64_t free_bytes;  /* as much as there is */
	bool limited;	      /* by a cgroup that we are in */
};

/* 0 or -errno. */
int host_memory_read(struct host_memory *m);

/* From /proc/meminfo's text: 0 or -EINVAL.  Pure. */
int host_memory_parse(struct host_memory *m, const char *text);
/* A limit and what is used of it, of a cgroup above us.  Pure. */
void host_memory_limit(struct host_memory *m, uint64_t limit, uint64_t used);

#endif
