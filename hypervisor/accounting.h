/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * accounting.h: what a domain's process has used: CPU time, its virtual CPUs'
 * part of it, memory, block I/O, and since when.
 *
 * Read from the process's cgroups (v1 and v2, also mixed) and /proc, found by
 * its pid; nothing has to be prepared and no descriptor is kept.  A sample is
 * some ten small reads.  Numbers count from the process's start, so that two
 * samples give a rate; of a process without a cgroup of its own they come
 * from /proc alone.
 *
 * The process is hostile, but these are the kernel's numbers; of what it can
 * choose itself only its threads' names are looked at, which tell the virtual
 * CPUs apart from its other threads.
 */
#ifndef CAUSEWAY_ACCOUNTING_H
#define CAUSEWAY_ACCOUNTING_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>
#include <sys/types.h>

#define ACCOUNTING_VCPUS_MAX 64

struct accounting;	  /* where this host keeps its numbers */
struct accounting_domain; /* one process */

struct accounting_sample {
	uint64_t at_ns;	     /* CLOCK_BOOTTIME, as given */
	uint64_t runtime_ms; /* since the process's start */

	uint64_t cpu_ns;
	uint64_t throttled_ns; /* wanted to run, but was over its limit */
	double cpu_share; /* CPUs used since the last sample; 0 of the first */

	uint64_t memory_bytes;
	uint64_t memory_peak_bytes;  /* 0: not known */
	uint64_t memory_limit_bytes; /* 0: none */
	uint64_t oom_kills;

	uint64_t read_bytes, write_bytes; /* of block devices */
	uint64_t reads, writes;		  /* 0 when only bytes are known */

	unsigned vcpu_count; /* seen; the first is number 0 */
	uint64_t vcpu_ns[ACCOUNTING_VCPUS_MAX];
};

/* Look where things are, once.  root: "", or a test's.  0 or -errno. */
int accounting_new(struct accounting **out, const char *root);
void accounting_free(struct accounting *a);

/*
 * start_time: as in /proc/PID/stat.  0, -ESRCH: no such process (any more),
 * or -ENOMEM.  After it was put into its cgroups.
 */
int accounting_attach(struct accounting_domain **out,
		      const struct accounting *a, pid_t pid,
		      uint64_t start_time);
void accounting_detach(struct accounting_domain *d);

/* boot_ns: CLOCK_BOOTTIME now.  0 or -ESRCH. */
int accounting_sample(struct accounting_domain *d, uint64_t boot_ns,
		      struct accounting_sample *s);

/* As facts: an object, the caller's. */
json_t *accounting_json(const struct accounting_sample *s);

#endif
