/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror.c: choose frames, and hand them to the control thread.
 *
 * A record never wraps: when it would, the rest of the ring is skipped (a
 * record of bytes = SKIP marks it), so the reader sees each in one piece.
 * Head and tail count bytes for ever; their difference is what is in use.
 */
#include "vswitch/mirror.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SKIP 0xffffffffu
#define FILTER_SEES 2048 /* bytes, even with a shorter snaplen */
#define MASK (MIRROR_RING_BYTES - 1)

static_assert(sizeof(struct mirror_record) == 24, "records stay aligned to 8");

static uint32_t record_size(uint32_t bytes)
{
	return (sizeof(struct mirror_record) + bytes + 7) & ~7u;
}

static int make_rings(struct mirror *m, unsigned workers)
{
	unsigned i;

	for (i = 0; i < workers; i++) {
		m->ring[i] = aligned_alloc(64, sizeof(*m->ring[i]));
		if (!m->ring[i])
			return -ENOMEM;
		atomic_init(&m->ring[i]->head, 0);
		atomic_init(&m->ring[i]->tail, 0);
	}
	return 0;
}

static int copy_filter(struct mirror *m, const struct mirror_conf *conf)
{
	unsigned at;

	if (!conf->filter_count)
		return 0;
	if (mirror_filter_check(conf->filter, conf->filter_count, &at))
		return -EINVAL;
	m->filter = malloc(conf->filter_count * sizeof(*m->filter));
	if (!m->filter)
		return -ENOMEM;
	memcpy(m->filter, conf->filter,
	       conf->filter_count * sizeof(*m->filter));
	m->filter_count = conf->filter_count;
	return 0;
}

int mirror_new(struct mirror **out, const struct mirror_conf *conf)
{
	struct mirror *m;
	int rc;

	*out = NULL;
	if (!conf->snaplen || conf->snaplen > MIRROR_SNAPLEN_MAX ||
	    conf->workers > MIRROR_WORKERS_MAX)
		return -EINVAL;
	m = aligned_alloc(64, (sizeof(*m) + 63) & ~(size_t)63);
	if (!m)
		return -ENOMEM;
	memset(m, 0, sizeof(*m));
	m->session = conf->session;
	m->directions = conf->directions;
	m->to = conf->to;
	m->snaplen = conf->snaplen;
	m->workers = conf->workers;
	rate_init_bits(&m->rate, conf->rate_bps, 0, conf->tsc_hz, conf->now);
	rc = copy_filter(m, conf);
	if (!rc && m->to == MIRROR_TO_RING)
		rc = make_rings(m, conf->workers);
	if (rc < 0) {
		mirror_free(m);
		return rc;
	}
	*out = m;
	return 0;
}

void mirror_free(struct mirror *m)
{
	unsigned i;

	if (!m)
		return;
	for (i = 0; i < MIRROR_WORKERS_MAX; i++)
		free(m->ring[i]);
	free(m->filter);
	free(m);
}

void mirror_count(const struct mirror *m, struct mirror_counters *sum)
{
	unsigned i;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < MIRROR_WORKERS_MAX; i++) {
		sum->packets += m->ctr[i].packets;
		sum->bytes += m->ctr[i].bytes;
		sum->dropped += m->ctr[i].dropped;
	}
}

/* ---- worker ------------------------------------------------------------ */

bool mirror_wants(struct mirror *m, unsigned worker, uint64_t now,
		  const struct frame *f, uint8_t *scratch, uint32_t *bytes)
{
	uint32_t max = m->snaplen < FILTER_SEES ? FILTER_SEES : m->snaplen;
	uint32_t n = frame_linearise(f, scratch, max);

	if (m->filter_count && !bpf_filter(m->filter, scratch, f->len, n))
		return false;
	*bytes = n < m->snaplen ? n : m->snaplen;
	rate_refill(&m->rate, now);
	if (rate_take(&m->rate, *bytes))
		return true;
	m->ctr[worker].dropped++;
	return false;
}

/* Room for `need` bytes in one piece, or NULL; *head is where it begins. */
static uint8_t *ring_room(struct mirror_ring *r, uint32_t need, uint64_t *head)
{
	uint64_t at = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
	uint32_t left = MIRROR_RING_BYTES - (at & MASK);
	struct mirror_record skip = { .bytes = SKIP };

	if (need > left) {
		if (at + left + need - tail > MIRROR_RING_BYTES)
			return NULL;
		memcpy(r->bytes + (at & MASK), &skip, 8);
		at += left;
	} else if (at + need - tail > MIRROR_RING_BYTES) {
		return NULL;
	}
	*head = at;
	return r->bytes + (at & MASK);
}

void mirror_record(struct mirror *m, unsigned worker,
		   const struct mirror_record *rec, const uint8_t *bytes)
{
	struct mirror_counters *ctr = &m->ctr[worker];
	struct mirror_ring *r = m->ring[worker];
	uint32_t need = record_size(rec->bytes);
	uint64_t head;
	uint8_t *to = ring_room(r, need, &head);

	if (!to) {
		ctr->dropped++;
		return;
	}
	memcpy(to, rec, sizeof(*rec));
	memcpy(to + sizeof(*rec), bytes, rec->bytes);
	atomic_store_explicit(&r->head, head + need, memory_order_release);
	ctr->packets++;
	ctr->bytes += rec->bytes;
}

/* ---- control thread -------------------------------------------------------- */

const struct mirror_record *mirror_ring_peek(const struct mirror *m,
					     unsigned worker,
					     const uint8_t **bytes)
{
	struct mirror_ring *r = m->ring[worker];
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
	const struct mirror_record *rec;

	if (head == tail)
		return NULL;
	rec = (const struct mirror_record *)(r->bytes + (tail & MASK));
	if (rec->bytes == SKIP) {
		tail += MIRROR_RING_BYTES - (tail & MASK);
		atomic_store_explicit(&r->tail, tail, memory_order_release);
		rec = (const struct mirror_record *)(r->bytes + (tail & MASK));
	}
	*bytes = (const uint8_t *)(rec + 1);
	return rec;
}

void mirror_ring_pop(struct mirror *m, unsigned worker)
{
	struct mirror_ring *r = m->ring[worker];
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	const struct mirror_record *rec =
		(const struct mirror_record *)(r->bytes + (tail & MASK));

	atomic_store_explicit(&r->tail, tail + record_size(rec->bytes),
			      memory_order_release);
}
