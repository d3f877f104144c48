/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_mem.c: map a guest's memory, and survive when it goes away.
 *
 * Files behind the memory come from a process we do not trust.  What it may
 * hand over is checked first: regular memory, long enough, no overlap, and a
 * seal against shrinking unless its port is trusted.  The seal does not cover
 * everything (a sealed hugetlb file can have holes punched that no free page
 * fills), so SIGBUS is always caught.
 *
 * The handler must know whether an address is a guest's without taking a
 * lock.  live[] is a fixed table of mappings, each guarded by a sequence
 * number: odd while it changes.  The mapping in which a thread faults cannot
 * change at that moment, because it is unmapped only after every worker has
 * let go of it; so a slot that changes while the handler looks is not the one.
 *
 * The handler replaces the whole mapping, not a page: what is lost is lost,
 * and one fault a region is all that a hostile peer gets.
 */
#include "netback/guest_mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LIVE_MAX       65536 /* two tables of 8 regions for 4,096 ports */
#define GUEST_SIZE_MAX (4ull << 40) /* address space one guest may take */
#define ALIGN_MAX      (1ull << 30) /* the largest huge page */

struct live {
	atomic_uint seq;
	_Atomic uintptr_t start, end; /* end 0: free */
	_Atomic(atomic_bool *) fault;
};

static struct live live[LIVE_MAX];
static atomic_uint live_top; /* slots ever used */
static unsigned live_hint;   /* a free slot is likely here or above */
static struct sigaction sigbus_before;

/* ---- the table of mappings ---------------------------------------------- */

static void live_set(struct live *l, uintptr_t start, uintptr_t end,
		     atomic_bool *fault)
{
	atomic_fetch_add(&l->seq, 1);
	atomic_store(&l->start, start);
	atomic_store(&l->end, end);
	atomic_store(&l->fault, fault);
	atomic_fetch_add(&l->seq, 1);
}

/* Control thread only, as is live_remove(). */
static int live_add(void *map, size_t bytes, atomic_bool *fault)
{
	unsigned i;

	for (i = 0; i < LIVE_MAX; i++) {
		unsigned at = (live_hint + i) % LIVE_MAX;

		if (atomic_load(&live[at].end))
			continue;
		live_set(&live[at], (uintptr_t)map, (uintptr_t)map + bytes,
			 fault);
		if (at >= atomic_load(&live_top))
			atomic_store(&live_top, at + 1);
		live_hint = at + 1;
		return 0;
	}
	return -ENOMEM;
}

static void live_remove(const void *map)
{
	unsigned i, top = atomic_load(&live_top);

	for (i = 0; i < top; i++) {
		if (atomic_load(&live[i].start) == (uintptr_t)map &&
		    atomic_load(&live[i].end)) {
			live_set(&live[i], 0, 0, NULL);
			if (i < live_hint)
				live_hint = i;
			return;
		}
	}
}

/* A consistent copy of slot i that holds addr, or false. */
static bool live_holds(unsigned i, uintptr_t addr, uintptr_t *start,
		       uintptr_t *end, atomic_bool **fault)
{
	unsigned seq = atomic_load(&live[i].seq);

	*start = atomic_load(&live[i].start);
	*end = atomic_load(&live[i].end);
	*fault = atomic_load(&live[i].fault);
	return !(seq & 1) && seq == atomic_load(&live[i].seq) &&
	       addr >= *start && addr < *end;
}

/* ---- SIGBUS --------------------------------------------------------------- */

static bool map_zeroes(uintptr_t start, uintptr_t end)
{
	return mmap((void *)start, end - start, PROT_READ | PROT_WRITE,
		    MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0) != MAP_FAILED;
}

static bool fault_absorb(uintptr_t addr)
{
	uintptr_t start, end, page = addr & ~(GUEST_PAGE_BYTES - 1ul);
	unsigned i, top = atomic_load(&live_top);
	atomic_bool *fault;

	for (i = 0; i < top; i++) {
		if (!live_holds(i, addr, &start, &end, &fault))
			continue;
		atomic_store(fault, true);
		/* strict overcommit may refuse the whole, not one page */
		return map_zeroes(start, end) ||
		       map_zeroes(page, page + GUEST_PAGE_BYTES);
	}
	return false;
}

static void sigbus(int sig, siginfo_t *info, void *context)
{
	int saved = errno;

	if (info->si_code <= 0 || !fault_absorb((uintptr_t)info->si_addr)) {
		/* not ours: let it happen again, to whom it may concern */
		sigaction(SIGBUS, &sigbus_before, NULL);
		if (info->si_code <= 0)
			raise(sig);
	}
	errno = saved;
}

int guest_mem_catch_sigbus(void)
{
	static bool caught;
	struct sigaction sa = { .sa_sigaction = sigbus,
				.sa_flags = SA_SIGINFO | SA_NODEFER };

	if (caught)
		return 0;
	sigemptyset(&sa.sa_mask);
	if (sigaction(SIGBUS, &sa, &sigbus_before) < 0)
		return -errno;
	caught = true;
	return 0;
}

/* ---- mappings -------------------------------------------------------------- */

struct mapping {
	void *map;
	size_t map_bytes;
	uint8_t *at; /* the byte at the wanted offset */
};

/* Huge page files want their page size; others say theirs too. */
static uint64_t file_alignment(const struct stat *st)
{
	uint64_t a = st->st_blksize > 0 ? (uint64_t)st->st_blksize : 0;

	if (a < GUEST_PAGE_BYTES || a > ALIGN_MAX || (a & (a - 1)))
		return GUEST_PAGE_BYTES;
	return a;
}

/* Map [offset, offset + bytes) of a file of at least that length. */
static int map_file(struct mapping *m, int fd, uint64_t offset, uint64_t bytes,
		    atomic_bool *fault)
{
	uint64_t align, skip;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || !bytes || bytes > GUEST_SIZE_MAX)
		return -EINVAL;
	if (offset > (uint64_t)st.st_size ||
	    bytes > (uint64_t)st.st_size - offset)
		return -EINVAL;
	align = file_alignment(&st);
	skip = offset & (align - 1);
	m->map_bytes = (skip + bytes + align - 1) & ~(align - 1);
	m->map = mmap(NULL, m->map_bytes, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_NORESERVE, fd, (off_t)(offset - skip));
	if (m->map == MAP_FAILED)
		return errno == EPERM || errno == EACCES ? -EINVAL : -errno;
	if (live_add(m->map, m->map_bytes, fault) < 0) {
		munmap(m->map, m->map_bytes);
		return -ENOMEM;
	}
	/* what guests hold is theirs: not for our core dumps */
	madvise(m->map, m->map_bytes, MADV_DONTDUMP);
	m->at = (uint8_t *)m->map + skip;
	return 0;
}

static void unmap_file(void *map, size_t map_bytes)
{
	live_remove(map);
	munmap(map, map_bytes);
}

/* ---- the memory table --------------------------------------------------- */

/* [a, a + an) and [b, b + bn), neither of which wraps. */
static bool ranges_meet(uint64_t a, uint64_t an, uint64_t b, uint64_t bn)
{
	return a < b + bn && b < a + an;
}

static bool range_wraps(uint64_t at, uint64_t bytes)
{
	return at + bytes < at;
}

static bool table_is_sane(unsigned count, const struct guest_region_desc desc[])
{
	uint64_t total = 0;
	unsigned i, k;

	if (!count || count > GUEST_REGIONS_MAX)
		return false;
	for (i = 0; i < count; i++) {
		const struct guest_region_desc *d = &desc[i];

		if (!d->bytes || d->bytes > GUEST_SIZE_MAX ||
		    range_wraps(d->gpa, d->bytes) ||
		    range_wraps(d->uva, d->bytes) ||
		    range_wraps(d->offset, d->bytes))
			return false;
		total += d->bytes;
		for (k = 0; k < i; k++)
			if (ranges_meet(d->gpa, d->bytes, desc[k].gpa,
					desc[k].bytes) ||
			    ranges_meet(d->uva, d->bytes, desc[k].uva,
					desc[k].bytes))
				return false;
	}
	return total <= GUEST_SIZE_MAX;
}

static bool file_is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & F_SEAL_SHRINK);
}

static int region_map(struct guest_mem *mem, const struct guest_region_desc *d,
		      int fd)
{
	struct guest_region *r = &mem->region[mem->count];
	struct mapping m;
	int rc;

	rc = map_file(&m, fd, d->offset, d->bytes, &mem->fault);
	if (rc < 0)
		return rc;
	*r = (struct guest_region){ .gpa = d->gpa,
				    .uva = d->uva,
				    .bytes = d->bytes,
				    .hva = m.at,
				    .map = m.map,
				    .map_bytes = m.map_bytes };
	mem->count++;
	return 0;
}

int guest_mem_new(struct guest_mem **out, unsigned count,
		  const struct guest_region_desc desc[], const int fds[],
		  bool sealed)
{
	struct guest_mem *mem;
	unsigned i;
	int rc = 0;

	*out = NULL;
	if (!table_is_sane(count, desc))
		return -EINVAL;
	for (i = 0; sealed && i < count; i++)
		if (!file_is_sealed(fds[i]))
			return -EPERM;
	mem = calloc(1, sizeof(*mem));
	if (!mem)
		return -ENOMEM;
	for (i = 0; i < count && !rc; i++)
		rc = region_map(mem, &desc[i], fds[i]);
	if (rc < 0) {
		guest_mem_free(mem);
		return rc;
	}
	*out = mem;
	return 0;
}

void guest_mem_free(struct guest_mem *mem)
{
	unsigned i;

	if (!mem)
		return;
	for (i = 0; i < mem->count; i++)
		unmap_file(mem->region[i].map, mem->region[i].map_bytes);
	free(mem);
}

/* ---- the dirty log -------------------------------------------------------- */

bool guest_log_covers(const struct guest_log *log, const struct guest_mem *mem)
{
	unsigned i;

	for (i = 0; i < mem->count; i++) {
		uint64_t last = mem->region[i].gpa + mem->region[i].bytes - 1;

		if (last / GUEST_PAGE_BYTES / 8 >= log->bytes)
			return false;
	}
	return true;
}

int guest_mem_node(const struct guest_mem *mem)
{
	int node = -1;

	if (!mem || !mem->count ||
	    syscall(SYS_get_mempolicy, &node, NULL, 0UL, mem->region[0].hva,
		    (unsigned long)(MPOL_F_NODE | MPOL_F_ADDR)) < 0)
		return -1;
	return node;
}

int guest_log_new(struct guest_log **out, int fd, uint64_t bytes,
		  uint64_t offset, const struct guest_mem *mem)
{
	struct guest_log *log;
	struct mapping m;
	int rc;

	*out = NULL;
	log = calloc(1, sizeof(*log));
	if (!log)
		return -ENOMEM;
	log->bytes = bytes;
	rc = -EINVAL;
	if (range_wraps(offset, bytes) || (mem && !guest_log_covers(log, mem)))
		goto free_log;
	rc = map_file(&m, fd, offset, bytes, &log->fault);
	if (rc < 0)
		goto free_log;
	log->bits = m.at;
	log->map = m.map;
	log->map_bytes = m.map_bytes;
	*out = log;
	return 0;

free_log:
	free(log);
	return rc;
}

void guest_log_free(struct guest_log *log)
{
	if (!log)
		return;
	unmap_file(log->map, log->map_bytes);
	free(log);
}
