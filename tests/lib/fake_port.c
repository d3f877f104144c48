/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_port.c: see fake_port.h. */
#include "tests/lib/fake_port.h"

#include <assert.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define WAIT_S 20 /* long enough under sanitizers on a busy machine */

static struct fake_port *fake_of(struct port *p)
{
	return (struct fake_port *)p;
}

/* ---- lists ---- */

static void list_init(struct fake_list *l)
{
	l->first = NULL;
	l->last = &l->first;
	l->count = 0;
}

static void list_put(struct fake_list *l, struct fake_frame *ff)
{
	ff->next = NULL;
	*l->last = ff;
	l->last = &ff->next;
	l->count++;
}

static struct fake_frame *list_take(struct fake_list *l)
{
	struct fake_frame *ff = l->first;

	if (!ff)
		return NULL;
	l->first = ff->next;
	if (!l->first)
		l->last = &l->first;
	l->count--;
	return ff;
}

static void list_clear(struct fake_list *l)
{
	struct fake_frame *ff;

	while ((ff = list_take(l)))
		free(ff);
}

static struct fake_frame *frame_alloc(uint32_t len)
{
	struct fake_frame *ff = calloc(1, sizeof(*ff) + len);

	assert(ff);
	ff->len = len;
	return ff;
}

static struct fake_frame *frame_copy(const struct packet *p)
{
	struct fake_frame *ff = frame_alloc(p->len);

	memcpy(ff->bytes, p->bytes, p->len);
	return ff;
}

/* ---- the port ---- */

/* Show a frame as a driver does: some bytes private, the rest in pieces. */
static void lend(const struct fake_port *fp, const struct fake_frame *ff,
		 struct burst *b, struct frame *f)
{
	uint32_t at = ff->len < fp->hdr_max ? ff->len : fp->hdr_max;

	frame_init(f);
	f->verdict = ff->verdict;
	if (f->verdict)
		return;
	memcpy(f->hdr, ff->bytes, at);
	f->hdr_len = at;
	f->len = ff->len;
	f->csum = ff->csum;
	f->csum_start = ff->csum_start;
	f->csum_offset = ff->csum_offset;
	f->gso = ff->gso;
	f->gso_ecn = ff->gso_ecn;
	f->gso_size = ff->gso_size;
	f->segs = &b->segs[b->seg_used];
	while (at < ff->len) {
		uint32_t n = ff->len - at;

		if (n > fp->seg_bytes && f->seg_count < FRAME_SEGS_MAX - 1)
			n = fp->seg_bytes;
		assert(b->seg_used < BURST_SEGS_MAX);
		b->segs[b->seg_used++] = (struct frame_seg){ ff->bytes + at,
							     n };
		f->seg_count++;
		at += n;
	}
}

static void event_take(struct fake_queue *fq)
{
	uint64_t ignored;

	while (read(fq->event_fd, &ignored, sizeof(ignored)) > 0)
		;
}

static void event_raise(struct fake_queue *fq)
{
	const uint64_t one = 1;

	if (write(fq->event_fd, &one, sizeof(one)) > 0)
		fq->wakes++;
}

static unsigned fake_rx(struct port *p, unsigned q, struct burst *b)
{
	struct fake_port *fp = fake_of(p);
	struct fake_queue *fq = &fp->queue[q];

	pthread_mutex_lock(&fp->gate);
	pthread_mutex_unlock(&fp->gate);
	fake_port_lock(fp);
	if (fp->busy.len && !fq->waiting.first)
		list_put(&fq->waiting, frame_copy(&fp->busy));
	if (atomic_fetch_add(&fq->pollers, 1))
		fp->violations++;
	fq->polls++;
	pthread_cond_broadcast(&fp->changed);
	while (b->count < BURST_MAX && b->bytes < b->byte_budget &&
	       fq->waiting.first &&
	       b->seg_used + FRAME_SEGS_MAX <= BURST_SEGS_MAX) {
		struct fake_frame *ff = list_take(&fq->waiting);

		lend(fp, ff, b, &b->frames[b->count]);
		b->bytes += b->frames[b->count++].len;
		list_put(&fq->lent, ff);
	}
	if (!b->count)
		atomic_fetch_sub(&fq->pollers, 1);
	if (p->ops->readable_is_work && !fq->waiting.first)
		event_take(fq);
	fake_port_unlock(fp);
	if (b->count)
		sched_yield(); /* let a second poller show itself */
	return b->count;
}

static void fake_rx_done(struct port *p, unsigned q, struct burst *b)
{
	struct fake_port *fp = fake_of(p);
	struct fake_queue *fq = &fp->queue[q];

	fake_port_lock(fp);
	if (b->count != fq->lent.count)
		fp->violations++;
	list_clear(&fq->lent);
	atomic_fetch_sub(&fq->pollers, 1);
	fake_port_unlock(fp);
}

static void keep(struct fake_port *fp, const struct frame *f)
{
	static _Atomic uint64_t serial;
	struct fake_frame *ff = frame_alloc(f->len);

	ff->serial = ++serial;
	if (frame_linearise(f, ff->bytes, f->len) != f->len)
		fp->violations++;
	ff->csum = f->csum;
	ff->csum_start = f->csum_start;
	ff->csum_offset = f->csum_offset;
	ff->gso = f->gso;
	ff->gso_ecn = f->gso_ecn;
	ff->gso_size = f->gso_size;
	ff->more = f->more;
	list_put(&fp->sent, ff);
}

static unsigned fake_tx(struct port *p, unsigned q, struct frame *const f[],
			unsigned n, uint8_t why[])
{
	struct fake_port *fp = fake_of(p);
	unsigned i, end, sent = 0;

	fake_port_lock(fp);
	if (q >= p->tx_queues)
		fp->violations++;
	for (i = 0; i < n; i = end) {
		enum drop w = fp->refuse;

		for (end = i + 1; end < n && f[end - 1]->more; end++)
			;
		if (!w && fp->room < end - i)
			w = DROP_RING_FULL;
		memset(why + i, w, end - i);
		for (; !w && i < end; i++, fp->room--, sent++)
			keep(fp, f[i]);
	}
	pthread_cond_broadcast(&fp->changed);
	fake_port_unlock(fp);
	return sent;
}

static void fake_tx_flush(struct port *p, unsigned q)
{
	struct fake_port *fp = fake_of(p);

	fake_port_lock(fp);
	fp->flushes++;
	fake_port_unlock(fp);
}

static int fake_rx_fd(struct port *p, unsigned q)
{
	struct fake_port *fp = fake_of(p);
	int fd;

	fake_port_lock(fp);
	fd = fp->no_event ? -1 : fp->queue[q].event_fd;
	fake_port_unlock(fp);
	return fd;
}

static bool fake_rx_arm(struct port *p, unsigned q)
{
	struct fake_port *fp = fake_of(p);
	struct fake_queue *fq = &fp->queue[q];
	bool empty;

	fake_port_lock(fp);
	event_take(fq);
	if (fp->late.len)
		list_put(&fq->waiting, frame_copy(&fp->late));
	fp->late.len = 0;
	empty = !fq->waiting.first;
	fq->armed = empty;
	pthread_cond_broadcast(&fp->changed);
	fake_port_unlock(fp);
	return empty;
}

static void fake_rx_disarm(struct port *p, unsigned q)
{
	struct fake_port *fp = fake_of(p);

	fake_port_lock(fp);
	fp->queue[q].armed = false;
	fake_port_unlock(fp);
}

#define FAKE_OPS(is_socket)                                                    \
	{                                                                      \
		.kind = "fake", .readable_is_work = is_socket, .rx = fake_rx,  \
		.rx_done = fake_rx_done, .tx = fake_tx,                        \
		.tx_flush = fake_tx_flush, .rx_fd = fake_rx_fd,                \
		.rx_arm = fake_rx_arm, .rx_disarm = fake_rx_disarm,            \
	}

static const struct port_ops ring_ops = FAKE_OPS(false);
static const struct port_ops socket_ops = FAKE_OPS(true);

void fake_port_as_socket(struct fake_port *fp)
{
	fp->port.ops = &socket_ops;
}

/* ---- life ---- */

struct fake_port *fake_port_new(const char *name)
{
	struct fake_port *fp = calloc(1, sizeof(*fp));
	unsigned q;

	assert(fp);
	fp->port.ops = &ring_ops;
	fp->port.rx_queues = 1;
	fp->port.tx_queues = 1;
	fp->port.mtu = 1500;
	fp->port.offload = ~0u;
	fp->port.link = true;
	snprintf(fp->port.name, sizeof(fp->port.name), "%s", name);
	fp->hdr_max = FRAME_HDR_MAX;
	fp->seg_bytes = UINT_MAX;
	fp->room = UINT_MAX;
	list_init(&fp->sent);
	pthread_mutex_init(&fp->lock, NULL);
	pthread_mutex_init(&fp->gate, NULL);
	pthread_cond_init(&fp->changed, NULL);
	for (q = 0; q < FAKE_QUEUES_MAX; q++) {
		list_init(&fp->queue[q].waiting);
		list_init(&fp->queue[q].lent);
		fp->queue[q].event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		assert(fp->queue[q].event_fd >= 0);
	}
	return fp;
}

void fake_port_free(struct fake_port *fp)
{
	unsigned q;

	if (!fp)
		return;
	for (q = 0; q < FAKE_QUEUES_MAX; q++) {
		list_clear(&fp->queue[q].waiting);
		list_clear(&fp->queue[q].lent);
		close(fp->queue[q].event_fd);
	}
	list_clear(&fp->sent);
	pthread_cond_destroy(&fp->changed);
	pthread_mutex_destroy(&fp->gate);
	pthread_mutex_destroy(&fp->lock);
	free(fp);
}

void fake_port_lock(struct fake_port *fp)
{
	pthread_mutex_lock(&fp->lock);
}

void fake_port_unlock(struct fake_port *fp)
{
	pthread_mutex_unlock(&fp->lock);
}

/* ---- the test's side ---- */

void fake_port_push_frame(struct fake_port *fp, unsigned q, const void *bytes,
			  uint32_t len, const struct fake_frame *like)
{
	struct fake_queue *fq = &fp->queue[q];
	struct fake_frame *ff = frame_alloc(len);

	if (like)
		*ff = *like;
	ff->len = len;
	memcpy(ff->bytes, bytes, len);
	fake_port_lock(fp);
	list_put(&fq->waiting, ff);
	if (fq->armed || fp->port.ops->readable_is_work)
		event_raise(fq);
	fake_port_unlock(fp);
}

void fake_port_push(struct fake_port *fp, unsigned q, const struct packet *p)
{
	fake_port_push_frame(fp, q, p->bytes, p->len, NULL);
}

const struct fake_frame *fake_port_sent(const struct fake_port *fp, unsigned n)
{
	const struct fake_frame *ff = fp->sent.first;

	while (ff && n--)
		ff = ff->next;
	return ff;
}

bool fake_frame_is(const struct fake_frame *ff, const struct packet *p)
{
	return ff && ff->len == p->len && !memcmp(ff->bytes, p->bytes, p->len);
}

void fake_port_clear(struct fake_port *fp)
{
	fake_port_lock(fp);
	list_clear(&fp->sent);
	fp->flushes = 0;
	fake_port_unlock(fp);
}

void fake_port_renew_event(struct fake_port *fp, unsigned q)
{
	fake_port_lock(fp);
	close(fp->queue[q].event_fd);
	fp->queue[q].event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert(fp->queue[q].event_fd >= 0);
	fake_port_unlock(fp);
}

/* ---- waiting, with the lock held ---- */

struct wanted {
	unsigned sent, q;
	uint64_t polls;
	bool armed;
};

static bool is_so(struct fake_port *fp, const struct wanted *w)
{
	return fp->sent.count >= w->sent &&
	       fp->queue[w->q].polls >= w->polls &&
	       (!w->armed || fp->queue[w->q].armed);
}

static bool wait_for(struct fake_port *fp, const struct wanted *w)
{
	struct timespec until;
	bool so;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	while (!(so = is_so(fp, w)))
		if (pthread_cond_timedwait(&fp->changed, &fp->lock, &until))
			break;
	return so;
}

bool fake_port_wait_sent(struct fake_port *fp, unsigned count)
{
	struct wanted w = { .sent = count };
	bool so;

	fake_port_lock(fp);
	so = wait_for(fp, &w);
	fake_port_unlock(fp);
	return so;
}

bool fake_port_wait_armed(struct fake_port *fp, unsigned q)
{
	struct wanted w = { .q = q, .armed = true };
	bool so;

	fake_port_lock(fp);
	so = wait_for(fp, &w);
	fake_port_unlock(fp);
	return so;
}

bool fake_port_wait_polls(struct fake_port *fp, unsigned q, unsigned more)
{
	struct wanted w = { .q = q };
	bool so;

	fake_port_lock(fp);
	w.polls = fp->queue[q].polls + more;
	so = wait_for(fp, &w);
	fake_port_unlock(fp);
	return so;
}
