/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_mem.h: a guest's memory as its vhost-user front end described it.
 *
 * The map is immutable once published to a worker; a new table is a new map.
 * Addresses that a guest writes into rings are guest physical (gpa); ring
 * addresses in messages are front-end virtual (uva).  Both are translated
 * here, with a length, and never trusted: what does not lie whole inside one
 * region is refused.
 *
 * SIGBUS: a front end may truncate the file behind the memory.  Seals make
 * that impossible; for ports marked `trusted` (no seals) the handler maps
 * zero pages over the hole and raises `fault`, so the copy in progress ends
 * and the control thread detaches the one port.
 *
 * Dirty logging (VHOST_F_LOG_ALL): every write to guest memory is followed by
 * guest_mem_dirty(), which sets bits with atomic OR, because QEMU and other
 * queues write the same bytes.
 */
#ifndef CAUSEWAY_GUEST_MEM_H
#define CAUSEWAY_GUEST_MEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_REGIONS_MAX 8
#define GUEST_PAGE_BYTES 4096 /* one bit of the dirty log */

struct guest_region {
	uint64_t gpa;
	uint64_t uva;
	uint64_t bytes;
	uint8_t *hva;
	void *map; /* what mmap returned, and its size */
	size_t map_bytes;
};

struct guest_mem {
	unsigned count;
	atomic_bool fault; /* set by the SIGBUS handler */
	struct guest_region region[GUEST_REGIONS_MAX];
};

/* The dirty log; bits beyond `bytes` are ignored.  NULL means off. */
struct guest_log {
	uint8_t *bits;
	size_t bytes;
	atomic_bool fault; /* set by the SIGBUS handler */
	void *map;
	size_t map_bytes;
};

/* What one region of a memory table says (vhost-user 2.x, little endian). */
struct guest_region_desc {
	uint64_t gpa, bytes, uva, offset;
};

/*
 * Map `count` regions, fds[i] each.  Takes no ownership of the fds.
 * `sealed`: every fd must be a memfd with F_SEAL_SHRINK.
 * 0, -EINVAL (overlap, wrap, size, offset beyond the file, no regular
 * memory), -EPERM (seal missing), -ENOMEM.
 */
int guest_mem_new(struct guest_mem **out, unsigned count,
		  const struct guest_region_desc desc[], const int fds[],
		  bool sealed);
void guest_mem_free(struct guest_mem *mem); /* NULL does nothing */

/* NUMA node of its first page, -1 if nobody can tell. */
int guest_mem_node(const struct guest_mem *mem);

/* Install the process-wide SIGBUS handler once; 0 or -errno. */
int guest_mem_catch_sigbus(void);

/*
 * Map `bytes` of a log.  0, -EINVAL (no regular memory, too short for what it
 * says or for the pages of `mem`, which may be NULL) or -ENOMEM.
 */
int guest_log_new(struct guest_log **out, int fd, uint64_t bytes,
		  uint64_t offset, const struct guest_mem *mem);
void guest_log_free(struct guest_log *log); /* NULL does nothing */
/* Has the log a bit for each page of the memory? */
bool guest_log_covers(const struct guest_log *log, const struct guest_mem *mem);

/* Host address of [gpa, gpa + bytes), or NULL. */
static inline uint8_t *guest_mem_at(const struct guest_mem *mem, uint64_t gpa,
				    uint64_t bytes)
{
	unsigned i;

	for (i = 0; i < mem->count; i++) {
		const struct guest_region *r = &mem->region[i];
		uint64_t at = gpa - r->gpa; /* wraps when below */

		if (at < r->bytes && bytes <= r->bytes - at)
			return r->hva + at;
	}
	return NULL;
}

/* The same for a front-end virtual address (rings). */
static inline uint8_t *guest_mem_at_uva(const struct guest_mem *mem,
					uint64_t uva, uint64_t bytes)
{
	unsigned i;

	for (i = 0; i < mem->count; i++) {
		const struct guest_region *r = &mem->region[i];
		uint64_t at = uva - r->uva;

		if (at < r->bytes && bytes <= r->bytes - at)
			return r->hva + at;
	}
	return NULL;
}

/* Mark [gpa, gpa + bytes) written. */
static inline void guest_log_dirty(struct guest_log *log, uint64_t gpa,
				   uint64_t bytes)
{
	uint64_t page = gpa / GUEST_PAGE_BYTES;
	uint64_t last = (gpa + bytes - 1) / GUEST_PAGE_BYTES;

	for (; bytes && page <= last && page / 8 < log->bytes; page++)
		atomic_fetch_or_explicit(
			(_Atomic uint8_t *)&log->bits[page / 8],
			(uint8_t)(1u << (page % 8)), memory_order_relaxed);
}

#endif
