/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vring.c: split virtqueues, device side.
 *
 * The hard part is that every byte here is shared with a guest that may lie
 * and may change its mind between two reads.  So there are three steps, each
 * done for a whole burst before the next, which also hides the latency of
 * lines that last lived in the guest's cache:
 *
 *	peek   copy ring heads, then descriptors, into private arrays
 *	check  translate the copies; what is wrong costs this chain or ring
 *	copy   headers to private memory, or frames to guest memory
 *
 * Receiving (guest transmits) leaves payload in guest memory: the frame's
 * segments point at it until vring_rx_done() returns the descriptors.
 * Sending (guest receives) publishes used->idx once a call.
 *
 * A bad transmit chain is handed back and counted.  A bad receive chain, an
 * impossible head or index breaks the ring: its driver has lost the plot and
 * must reset the queue.
 */
#include "netback/vring.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/virtio_net.h>

#include "base/drop.h"
#include "base/port.h"
#include "netback/doorbell.h"

#define RX_WALK_MAX 2048   /* descriptors looked at in one burst */
#define TX_WALK_MAX 2048   /* buffers looked at in one call, if not flat */
#define TX_PIECES_MAX 1024 /* guest buffers one frame may be spread over */
#define TX_HEADS_MAX 256   /* mergeable buffers one frame may take */

/* virtio 1.2 2.7; linux/virtio_ring.h has these names for other things */
#define VRING_DESC_F_NEXT	  1
#define VRING_DESC_F_WRITE	  2
#define VRING_DESC_F_INDIRECT	  4
#define VRING_USED_F_NO_NOTIFY	  1
#define VRING_AVAIL_F_NO_INTERRUPT 1

struct vring_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct vring_used_pair {
	uint32_t id, len;
};

static_assert(sizeof(struct vring_desc) == 16, "virtio 1.2 2.7.5");
static_assert(sizeof(struct vring_used_pair) == 8, "virtio 1.2 2.7.8");
static_assert(sizeof(struct virtio_net_hdr_v1) == 12, "virtio 1.2 5.1.6");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "virtio is LE");

/* ---- shared memory, one access each -------------------------------- */

static inline uint16_t avail_idx(const struct vring *vr)
{
	return __atomic_load_n(&vr->avail[1], __ATOMIC_ACQUIRE);
}

static inline uint16_t avail_flags(const struct vring *vr)
{
	return __atomic_load_n(&vr->avail[0], __ATOMIC_RELAXED);
}

static inline uint16_t avail_entry(const struct vring *vr, uint16_t at)
{
	return __atomic_load_n(&vr->avail[2 + (at & (vr->size - 1))],
			       __ATOMIC_RELAXED);
}

static inline uint16_t used_event(const struct vring *vr)
{
	return __atomic_load_n(&vr->avail[2 + vr->size], __ATOMIC_RELAXED);
}

static inline struct vring_used_pair *used_ring(const struct vring *vr)
{
	return (struct vring_used_pair *)(vr->used + 2);
}

static inline uint16_t *avail_event(const struct vring *vr)
{
	return vr->used + 2 + 4 * vr->size;
}

/* The one read of a descriptor: 16 bytes, as two words. */
static inline struct vring_desc desc_copy(const struct vring_desc *shared)
{
	const uint64_t *from = (const uint64_t *)shared;
	uint64_t word[2];
	struct vring_desc d;

	word[0] = __atomic_load_n(&from[0], __ATOMIC_RELAXED);
	word[1] = __atomic_load_n(&from[1], __ATOMIC_RELAXED);
	memcpy(&d, word, sizeof(d));
	return d;
}

static inline void used_log(struct vring *vr, size_t at, size_t bytes)
{
	if (vr->log && vr->log_ring)
		guest_log_dirty(vr->log, vr->used_gpa + at, bytes);
}

static inline void used_put(struct vring *vr, uint16_t head, uint32_t len)
{
	uint16_t slot = vr->last_used++ & (vr->size - 1);
	uint64_t pair = (uint64_t)len << 32 | head;

	memcpy(&used_ring(vr)[slot], &pair, sizeof(pair));
	used_log(vr, 4 + 8 * slot, 8);
}

static inline void used_publish(struct vring *vr)
{
	__atomic_store_n(&vr->used[1], vr->last_used, __ATOMIC_RELEASE);
	used_log(vr, 2, 2);
}

/* What was copied stays copied: the compiler may not read it again. */
static inline void copied(void)
{
	__asm__ volatile("" ::: "memory");
}

/* virtio 1.2 2.7.10.1 */
static inline bool need_event(uint16_t event, uint16_t now, uint16_t was)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - was);
}

/* ---- copies --------------------------------------------------------- */

/* Up to 128 bytes; overlapping moves instead of a byte loop. */
static inline void copy_header(uint8_t *to, const uint8_t *from, size_t n)
{
	if (n >= 64) {
		memcpy(to, from, 64);
		memcpy(to + n - 64, from + n - 64, 64);
	} else if (n >= 32) {
		memcpy(to, from, 32);
		memcpy(to + n - 32, from + n - 32, 32);
	} else if (n >= 16) {
		memcpy(to, from, 16);
		memcpy(to + n - 16, from + n - 16, 16);
	} else {
		memcpy(to, from, n);
	}
}

/* ---- peek ------------------------------------------------------------ */

struct peek {
	unsigned n;
	uint16_t head[BURST_MAX];
	struct vring_desc desc[BURST_MAX];
	uint8_t *at[BURST_MAX]; /* translated, or NULL */
	unsigned walked;	/* descriptors looked at after the peek */
};

/*
 * Entries the driver has made available, or 0; more than the ring holds
 * breaks it.
 */
static inline unsigned ring_waiting(struct vring *vr)
{
	uint16_t waiting = avail_idx(vr) - vr->last_avail;

	if (waiting > vr->size) {
		vr->broken = true;
		return 0;
	}
	return waiting;
}

/*
 * Copy up to `n` heads and their first descriptors, and start fetching the
 * buffers they name (for writing if `write`).  Stops short of a head that
 * does not exist, which breaks the ring when it is reached.
 */
static inline void peek(struct vring *vr, struct peek *pk, unsigned n,
			bool write)
{
	const void *second; /* line; of nothing, if at[] is NULL */
	unsigned i;

	for (i = 0; i < n; i++) {
		uint16_t head = avail_entry(vr, vr->last_avail + i);

		if (head >= vr->size)
			break;
		pk->head[i] = head;
		__builtin_prefetch(&vr->desc[head]);
	}
	pk->n = n = i;
	for (i = 0; i < n; i++) {
		struct vring_desc d = desc_copy(&vr->desc[pk->head[i]]);

		pk->desc[i] = d;
		pk->at[i] = guest_mem_at(vr->mem, d.addr, d.len);
		second = (const void *)((uintptr_t)pk->at[i] + 64);
		if (write) {
			__builtin_prefetch(pk->at[i], 1);
			__builtin_prefetch(second, 1);
		} else {
			__builtin_prefetch(pk->at[i]);
			__builtin_prefetch(second);
		}
	}
}

/* ---- chains ------------------------------------------------------------ */

struct chain {
	const struct vring_desc *table; /* shared */
	unsigned count;			/* entries in table */
	unsigned left;			/* descriptors we are ready to look at */
	struct vring_desc d;		/* private copy of the current one */
	bool last;
};

/* Begin at a copied first descriptor.  False: the chain is malformed. */
static bool chain_begin(const struct vring *vr, struct chain *c,
			struct vring_desc first, unsigned limit)
{
	c->table = vr->desc;
	c->count = vr->size;
	c->left = limit;
	c->d = first;
	if (first.flags & VRING_DESC_F_INDIRECT) {
		if (!vr->indirect || (first.flags & VRING_DESC_F_NEXT) ||
		    !first.len || first.len % sizeof(struct vring_desc))
			return false;
		c->table = (const struct vring_desc *)guest_mem_at(
			vr->mem, first.addr, first.len);
		/* host addresses decide alignment: a region may be odd */
		if (!c->table || ((uintptr_t)c->table & 7))
			return false;
		c->count = first.len / sizeof(struct vring_desc);
		c->d = desc_copy(&c->table[0]);
		if (c->d.flags & VRING_DESC_F_INDIRECT)
			return false;
	}
	c->last = !(c->d.flags & VRING_DESC_F_NEXT);
	return limit > 0;
}

/* Step to the next descriptor.  False: malformed, or too long. */
static bool chain_next(struct chain *c)
{
	if (c->d.next >= c->count || --c->left == 0)
		return false;
	c->d = desc_copy(&c->table[c->d.next]);
	if (c->d.flags & VRING_DESC_F_INDIRECT)
		return false;
	c->last = !(c->d.flags & VRING_DESC_F_NEXT);
	return true;
}

/* ---- receive: the guest transmits ------------------------------------- */

/* What the guest says about checksum and segmentation; judged later. */
static inline void frame_offload_in(struct frame *f,
				    const struct virtio_net_hdr_v1 *h)
{
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		f->csum = FRAME_CSUM_PARTIAL;
		f->csum_start = h->csum_start;
		f->csum_offset = h->csum_offset;
		if ((uint32_t)h->csum_start + h->csum_offset + 2 > f->len)
			f->verdict = DROP_BAD_OFFLOAD;
	}
	if (h->gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		f->gso = h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
		f->gso_ecn = !!(h->gso_type & VIRTIO_NET_HDR_GSO_ECN);
		f->gso_size = h->gso_size;
		if (!f->gso_size || f->csum != FRAME_CSUM_PARTIAL)
			f->verdict = DROP_BAD_OFFLOAD;
	}
}

static inline void frame_refuse(struct frame *f, struct vring *vr)
{
	f->verdict = DROP_BAD_CHAIN;
	f->len = 0;
	f->hdr_len = 0;
	f->seg_count = 0;
	vr->bad_chains++;
}

/* One descriptor holds it all: the common case. */
static inline void rx_flat(struct vring *vr, struct burst *b, struct frame *f,
			   const uint8_t *at, uint32_t bytes)
{
	struct virtio_net_hdr_v1 h;
	uint32_t len = bytes - vr->net_hdr_len;
	uint32_t head = len < FRAME_HDR_MAX ? len : FRAME_HDR_MAX;

	memcpy(&h, at, 10);
	at += vr->net_hdr_len;
	copy_header(f->bytes, at, head);
	copied();
	f->hdr_len = head;
	f->len = len;
	if (len > head) {
		struct frame_seg *seg = &b->segs[b->seg_used++];

		seg->data = at + head;
		seg->len = len - head;
		f->segs = seg;
		f->seg_count = 1;
	}
	if (h.flags | h.gso_type)
		frame_offload_in(f, &h);
}

/*
 * Collect a chain's readable buffers as segments at b->segs[b->seg_used].
 * Returns their number, or 0 if the chain is malformed.  *walked grows by the
 * descriptors looked at.
 */
static unsigned rx_gather(const struct vring *vr, struct burst *b,
			  struct vring_desc first, uint32_t *bytes,
			  unsigned *walked)
{
	struct frame_seg *seg = &b->segs[b->seg_used];
	struct chain c;
	unsigned n = 0;

	*bytes = 0;
	if (!chain_begin(vr, &c, first, FRAME_SEGS_MAX + 2))
		return 0;
	for (;;) {
		++*walked;
		if (c.d.flags & VRING_DESC_F_WRITE)
			return 0;
		if (c.d.len) {
			if (n == FRAME_SEGS_MAX ||
			    c.d.len > FRAME_LEN_MAX + vr->net_hdr_len - *bytes)
				return 0;
			seg[n].data = guest_mem_at(vr->mem, c.d.addr, c.d.len);
			seg[n].len = c.d.len;
			if (!seg[n].data)
				return 0;
			*bytes += c.d.len;
			n++;
		}
		if (c.last)
			return n;
		if (!chain_next(&c))
			return 0;
	}
}

/* Move `n` bytes from the front of the segments to private memory. */
static void segs_pull(struct frame_seg **seg, unsigned *count, uint8_t *to,
		      uint32_t n)
{
	while (n) {
		uint32_t part = (*seg)->len < n ? (*seg)->len : n;

		memcpy(to, (*seg)->data, part);
		to += part;
		n -= part;
		(*seg)->data += part;
		(*seg)->len -= part;
		if (!(*seg)->len) {
			++*seg;
			--*count;
		}
	}
}

static void rx_chain(struct vring *vr, struct burst *b, struct frame *f,
		     struct vring_desc first, unsigned *walked)
{
	struct virtio_net_hdr_v1 h = { 0 };
	struct frame_seg *seg = &b->segs[b->seg_used];
	unsigned n, taken;
	uint32_t bytes;

	n = taken = rx_gather(vr, b, first, &bytes, walked);
	if (!n || bytes <= vr->net_hdr_len) {
		frame_refuse(f, vr);
		return;
	}
	segs_pull(&seg, &n, (uint8_t *)&h, vr->net_hdr_len);
	f->len = bytes - vr->net_hdr_len;
	f->hdr_len = f->len < FRAME_HDR_MAX ? f->len : FRAME_HDR_MAX;
	segs_pull(&seg, &n, f->bytes, f->hdr_len);
	copied();
	f->segs = seg;
	f->seg_count = n;
	b->seg_used += taken;
	if (h.flags | h.gso_type)
		frame_offload_in(f, &h);
}

static inline void rx_one(struct vring *vr, struct burst *b,
			  const struct peek *pk, unsigned i, unsigned *walked)
{
	struct frame *f = &b->frames[b->count++];
	struct vring_desc d = pk->desc[i];

	frame_init(f);
	f->head = pk->head[i];
	if (!d.flags && pk->at[i] && d.len > vr->net_hdr_len &&
	    d.len <= FRAME_LEN_MAX) {
		rx_flat(vr, b, f, pk->at[i], d.len);
		++*walked;
	} else {
		rx_chain(vr, b, f, d, walked);
	}
	b->bytes += f->len;
}

unsigned vring_rx(struct vring *vr, struct burst *b)
{
	unsigned n, i, walked = 0;
	struct peek pk;

	if (!vr->ready || vr->broken)
		return b->count;
	n = ring_waiting(vr);
	if (!n)
		return b->count;
	if (n > BURST_MAX - b->count)
		n = BURST_MAX - b->count;
	peek(vr, &pk, n, false);
	if (!pk.n)
		vr->broken = true;
	for (i = 0; i < pk.n; i++) {
		if (b->bytes >= b->byte_budget || walked > RX_WALK_MAX ||
		    b->seg_used > BURST_SEGS_MAX - FRAME_SEGS_MAX)
			break;
		rx_one(vr, b, &pk, i, &walked);
	}
	vr->last_avail += i;
	return b->count;
}

/* ---- notification ------------------------------------------------------ */

static bool driver_wants_call(struct vring *vr)
{
	uint16_t was = vr->signalled_used;
	bool valid = vr->signalled_valid;

	/* used->idx must be visible before we read what the driver wants */
	atomic_thread_fence(memory_order_seq_cst);
	vr->signalled_used = vr->last_used;
	vr->signalled_valid = true;
	if (!vr->event_idx)
		return !(avail_flags(vr) & VRING_AVAIL_F_NO_INTERRUPT);
	return !valid ||
	       need_event(used_event(vr), vr->last_used, was);
}

static void ring_signal(struct vring *vr)
{
	int rc;

	vr->kick_pending = false;
	if (vr->call_fd < 0 || !driver_wants_call(vr))
		return;
	rc = doorbell_ring(vr->call_fd);
	if (!rc)
		vr->kicks_sent++;
	else if (rc != -EAGAIN)
		vr->broken = true; /* no eventfd, or it made us wait */
}

void vring_rx_done(struct vring *vr, struct burst *b)
{
	unsigned i;

	if (!b->count)
		return;
	for (i = 0; i < b->count; i++)
		used_put(vr, b->frames[i].head, 0);
	used_publish(vr);
	ring_signal(vr);
}

/* ---- send: the guest receives ------------------------------------------- */

static inline void ring_lock(struct vring *vr)
{
	while (atomic_flag_test_and_set_explicit(&vr->tx_lock,
						 memory_order_acquire))
		__builtin_ia32_pause();
}

static inline void ring_unlock(struct vring *vr)
{
	atomic_flag_clear_explicit(&vr->tx_lock, memory_order_release);
}

static inline struct virtio_net_hdr_v1 frame_offload_out(const struct frame *f,
							 unsigned buffers)
{
	struct virtio_net_hdr_v1 h = { .num_buffers = buffers };

	if (!(f->csum | f->gso))
		return h;
	if (f->csum == FRAME_CSUM_PARTIAL) {
		h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h.csum_start = f->csum_start;
		h.csum_offset = f->csum_offset;
	} else if (f->csum == FRAME_CSUM_VALID) {
		h.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	}
	if (f->gso) {
		h.gso_type = f->gso |
			     (f->gso_ecn ? VIRTIO_NET_HDR_GSO_ECN : 0);
		h.gso_size = f->gso_size;
		h.hdr_len = f->hdr_len;
	}
	return h;
}

/*
 * The header before a frame in one buffer.  Nearly all say nothing but
 * num_buffers = 1, which is two constants; made field by field and read back
 * whole, it would cost a failed store forwarding a frame.
 */
static inline void hdr_write(const struct vring *vr, const struct frame *f,
			     uint8_t *to)
{
	static const struct virtio_net_hdr_v1 plain = { .num_buffers = 1 };
	struct virtio_net_hdr_v1 h;

	if (f->csum | f->gso) {
		h = frame_offload_out(f, 1);
		memcpy(to, &h, vr->net_hdr_len);
	} else if (vr->net_hdr_len == sizeof(plain)) {
		memcpy(to, &plain, sizeof(plain));
	} else {
		memcpy(to, &plain, 10);
	}
}

/* The whole frame into one guest buffer that is known to hold it. */
static inline void tx_flat(const struct vring *vr, const struct frame *f,
			   uint8_t *to)
{
	unsigned i;

	hdr_write(vr, f, to);
	to += vr->net_hdr_len;
	if (f->hdr_len <= FRAME_HDR_MAX)
		copy_header(to, f->hdr, f->hdr_len);
	else
		memcpy(to, f->hdr, f->hdr_len);
	to += f->hdr_len;
	for (i = 0; i < f->seg_count; i++) {
		memcpy(to, f->segs[i].data, f->segs[i].len);
		to += f->segs[i].len;
	}
}

/* Guest buffers gathered for one frame, and the heads they came from. */
struct tx_room {
	unsigned pieces, heads;
	uint32_t bytes;
	struct {
		uint8_t *at;
		uint64_t gpa;
		uint32_t len;
	} piece[TX_PIECES_MAX];
	struct {
		uint16_t head;
		uint32_t bytes;
	} from[TX_HEADS_MAX];
};

/* Add one chain's writable buffers; false: it breaks the ring's rules. */
static bool tx_room_add(const struct vring *vr, struct tx_room *room,
			uint16_t head, uint32_t need)
{
	uint32_t before = room->bytes;
	struct chain c;

	if (!chain_begin(vr, &c, desc_copy(&vr->desc[head]), TX_PIECES_MAX))
		return false;
	for (;;) {
		uint32_t len = c.d.len;
		uint8_t *at = guest_mem_at(vr->mem, c.d.addr, len);

		if (!(c.d.flags & VRING_DESC_F_WRITE) || !at)
			return false;
		if (len > need - room->bytes)
			len = need - room->bytes;
		room->piece[room->pieces].at = at;
		room->piece[room->pieces].gpa = c.d.addr;
		room->piece[room->pieces].len = len;
		room->pieces++;
		room->bytes += len;
		if (room->bytes == need || c.last ||
		    room->pieces == TX_PIECES_MAX)
			break;
		if (!chain_next(&c))
			return false;
	}
	room->from[room->heads].head = head;
	room->from[room->heads].bytes = room->bytes - before;
	room->heads++;
	return true;
}

/* Find buffers for `need` bytes without consuming them. */
static enum drop tx_room_find(struct vring *vr, struct tx_room *room,
			      uint16_t avail, uint32_t need)
{
	room->pieces = room->heads = room->bytes = 0;
	while (room->bytes < need) {
		uint16_t at = vr->last_avail + room->heads;
		uint16_t head;

		if ((room->heads && !vr->mergeable) ||
		    room->heads == TX_HEADS_MAX ||
		    room->pieces == TX_PIECES_MAX)
			return DROP_NO_BUFFER;
		if (at == avail)
			return DROP_RING_FULL;
		head = avail_entry(vr, at);
		if (head >= vr->size || !tx_room_add(vr, room, head, need)) {
			vr->broken = true;
			return DROP_BAD_RING;
		}
	}
	return DROP_NONE;
}

/* Spread `n` bytes over the room, from where the last call ended. */
static void tx_room_put(struct tx_room *room, unsigned *piece, uint32_t *skip,
			const uint8_t *from, uint32_t n)
{
	while (n) {
		uint32_t part = room->piece[*piece].len - *skip;

		if (part > n)
			part = n;
		memcpy(room->piece[*piece].at + *skip, from, part);
		from += part;
		n -= part;
		*skip += part;
		if (*skip == room->piece[*piece].len) {
			++*piece;
			*skip = 0;
		}
	}
}

/*
 * Chains, mergeable buffers, dirty logging: everything not flat.  A guest that
 * offers its memory in crumbs gets what `walked` allows: many look at the same
 * crumbs again for each frame, and others wait meanwhile.
 */
static enum drop tx_spread(struct vring *vr, const struct frame *f,
			   uint16_t avail, unsigned *walked)
{
	uint32_t need = vr->net_hdr_len + f->len, skip = 0;
	unsigned i, piece = 0;
	struct virtio_net_hdr_v1 h;
	struct tx_room room;
	enum drop why;

	if (*walked > TX_WALK_MAX)
		return DROP_NO_BUFFER;
	why = tx_room_find(vr, &room, avail, need);
	*walked += room.pieces + room.heads;
	if (why)
		return why;
	h = frame_offload_out(f, room.heads);
	tx_room_put(&room, &piece, &skip, (uint8_t *)&h, vr->net_hdr_len);
	tx_room_put(&room, &piece, &skip, f->hdr, f->hdr_len);
	for (i = 0; i < f->seg_count; i++)
		tx_room_put(&room, &piece, &skip, f->segs[i].data,
			    f->segs[i].len);
	for (i = 0; vr->log && i < room.pieces; i++)
		guest_log_dirty(vr->log, room.piece[i].gpa, room.piece[i].len);
	for (i = 0; i < room.heads; i++)
		used_put(vr, room.from[i].head, room.from[i].bytes);
	vr->last_avail += room.heads;
	return DROP_NONE;
}

/* `i` is the entry's place in the peek, or beyond it. */
static inline enum drop tx_one(struct vring *vr, const struct frame *f,
			       uint16_t avail, struct peek *pk, unsigned i)
{
	uint32_t need = vr->net_hdr_len + f->len;

	if (vr->last_avail == avail)
		return DROP_RING_FULL;
	if (i >= pk->n || pk->desc[i].flags != VRING_DESC_F_WRITE ||
	    pk->desc[i].len < need || !pk->at[i] || vr->log)
		return tx_spread(vr, f, avail, &pk->walked);
	tx_flat(vr, f, pk->at[i]);
	used_put(vr, pk->head[i], need);
	vr->last_avail++;
	return DROP_NONE;
}

/* Frames [i, end) belong to one original: all or none. */
static enum drop tx_group(struct vring *vr, struct frame *const f[],
			  unsigned i, unsigned end, uint16_t avail,
			  struct peek *pk, uint16_t base)
{
	uint16_t was_avail = vr->last_avail, was_used = vr->last_used;

	for (; i < end; i++) {
		enum drop why = tx_one(vr, f[i], avail, pk,
				       (uint16_t)(vr->last_avail - base));

		if (why) {
			vr->last_avail = was_avail;
			vr->last_used = was_used;
			return why;
		}
	}
	return DROP_NONE;
}

static unsigned group_end(struct frame *const f[], unsigned i, unsigned n)
{
	while (i < n - 1 && f[i]->more)
		i++;
	return i + 1;
}

static unsigned tx_all(struct vring *vr, struct frame *const f[], unsigned n,
		       uint8_t why[])
{
	unsigned i, end, sent = 0, waiting = ring_waiting(vr);
	uint16_t base = vr->last_avail, avail = base + waiting;
	struct peek pk;

	peek(vr, &pk, waiting < n ? (waiting < BURST_MAX ? waiting : BURST_MAX)
				  : (n < BURST_MAX ? n : BURST_MAX),
	     true);
	pk.walked = 0;
	for (i = 0; i < n; i = end) {
		enum drop w;

		end = group_end(f, i, n);
		w = vr->broken ? DROP_BAD_RING
			       : tx_group(vr, f, i, end, avail, &pk, base);
		memset(why + i, w, end - i);
		if (!w)
			sent += end - i;
	}
	if (vr->last_avail != base) {
		used_publish(vr);
		vr->kick_pending = true;
	}
	return sent;
}

unsigned vring_tx(struct vring *vr, struct frame *const f[], unsigned n,
		  uint8_t why[])
{
	unsigned sent = 0;

	if (!n)
		return 0;
	ring_lock(vr);
	if (!vr->ready)
		memset(why, DROP_NO_LINK, n);
	else
		sent = tx_all(vr, f, n, why);
	ring_unlock(vr);
	return sent;
}

void vring_flush(struct vring *vr)
{
	if (!vr->kick_pending)
		return;
	ring_lock(vr);
	if (vr->kick_pending && vr->ready)
		ring_signal(vr);
	ring_unlock(vr);
}

/* ---- sleeping ------------------------------------------------------------ */

bool vring_arm(struct vring *vr)
{
	if (!vr->ready || vr->broken)
		return true;
	if (vr->event_idx) {
		__atomic_store_n(avail_event(vr), vr->last_avail,
				 __ATOMIC_RELAXED);
		used_log(vr, 4 + 8 * vr->size, 2);
	} else {
		__atomic_store_n(&vr->used[0], 0, __ATOMIC_RELAXED);
		used_log(vr, 0, 2);
	}
	vr->kicks_off = false;
	/* the driver must see this before we look at avail->idx again */
	atomic_thread_fence(memory_order_seq_cst);
	return avail_idx(vr) == vr->last_avail;
}

/*
 * A kick stays readable until somebody reads it, and would report an empty
 * ring for ever.  Not plain read(): the peer holds the same open file and may
 * have made it blocking again.
 */
static void take_kick(struct vring *vr)
{
	uint64_t kicks;
	const struct iovec iov = { &kicks, sizeof(kicks) };

	if (vr->kick_fd >= 0 &&
	    preadv2(vr->kick_fd, &iov, 1, -1, RWF_NOWAIT) < 0)
		return; /* none */
}

void vring_disarm(struct vring *vr)
{
	if (vr->kicks_off || !vr->ready)
		return;
	take_kick(vr);
	vr->kicks_off = true;
	if (vr->event_idx)
		return; /* a stale avail_event costs one kick a lap at most */
	__atomic_store_n(&vr->used[0], VRING_USED_F_NO_NOTIFY,
			 __ATOMIC_RELAXED);
	used_log(vr, 0, 2);
}

/* ---- set-up ---------------------------------------------------------------- */

void vring_init(struct vring *vr)
{
	memset(vr, 0, sizeof(*vr));
	vr->call_fd = -1;
	vr->kick_fd = -1;
	atomic_flag_clear(&vr->tx_lock);
}

static bool overlap(const void *a, size_t an, const void *b, size_t bn)
{
	const uint8_t *x = a, *y = b;

	return x < y + bn && y < x + an;
}

int vring_map(struct vring *vr, const struct guest_mem *mem, uint64_t desc_uva,
	      uint64_t avail_uva, uint64_t used_uva)
{
	size_t desc_bytes = 16 * (size_t)vr->size;
	size_t avail_bytes = 6 + 2 * (size_t)vr->size;
	size_t used_bytes = 6 + 8 * (size_t)vr->size;
	void *desc, *avail, *used;

	if (!vr->size || vr->size > VRING_SIZE_MAX ||
	    (vr->size & (vr->size - 1)))
		return -EINVAL;
	if ((desc_uva & 15) || (avail_uva & 1) || (used_uva & 3))
		return -EINVAL;
	desc = guest_mem_at_uva(mem, desc_uva, desc_bytes);
	avail = guest_mem_at_uva(mem, avail_uva, avail_bytes);
	used = guest_mem_at_uva(mem, used_uva, used_bytes);
	if (!desc || !avail || !used)
		return -EINVAL;
	/* host addresses decide alignment too: offsets may be odd */
	if (((uintptr_t)desc & 15) || ((uintptr_t)avail & 1) ||
	    ((uintptr_t)used & 3))
		return -EINVAL;
	if (overlap(desc, desc_bytes, avail, avail_bytes) ||
	    overlap(desc, desc_bytes, used, used_bytes) ||
	    overlap(avail, avail_bytes, used, used_bytes))
		return -EINVAL;
	vr->mem = mem;
	vr->desc = desc;
	vr->avail = avail;
	vr->used = used;
	return 0;
}

uint16_t vring_used_index(const struct vring *vr)
{
	return __atomic_load_n(&vr->used[1], __ATOMIC_RELAXED);
}
