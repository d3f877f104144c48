/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nic_port.c: the data path of a NIC, and the way of its link's protocols.
 *
 * Receive.  Drivers want to be asked for whole bursts (vector code gives
 * nothing when asked for fewer than four frames), the switch asks for bytes
 * within a budget.  A stash lies between: what a burst has no room for waits
 * there for the next one.
 *
 * Transmit.  Frames are copied into mbufs, gathered, and given to the driver
 * in one call.  What the NIC cannot finish (PORT_TX_* are promises in general,
 * a NIC keeps them for plain TCP and UDP) is finished here in software.  A
 * driver does not say beforehand how many frames it will take, so of a run
 * linked by `more` a part may have gone when the ring is full; it counts as
 * dropped then, as in host_port.c.
 *
 * Sleep.  A queue with an interrupt is armed: interrupt on, full barrier, look
 * again.  One without has no descriptor and is never parked: the worker polls,
 * naps, and dozes when nothing comes for long (worker.c).
 *
 * Link protocols.  Where the NIC cannot steer them into a queue of their own,
 * the worker copies each such frame into the receive queue's ring of slots,
 * one writer, one reader, and then forwards it as any other, which is to drop
 * and count it, as a packet port does.  The reader is woken by an eventfd, once
 * for all that it has not yet taken: a flood costs a system call a round of
 * the control thread, not one a frame.
 */
#include "vswitch/nic_port.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_spinlock.h>
#include <sys/eventfd.h>

#include "base/drop.h"
#include "vswitch/nic_device.h"
#include "vswitch/nic_mbuf.h"
#include "vswitch/offload.h"

#define SLOTS 32
#define GATHER (OFFLOAD_SEGS_MAX + BURST_MAX)
#define LINK_PERIOD_MS 100
#define CONTROL_PERIOD_MS 50 /* nobody interrupts us for that queue */
#define SEND_TRIES 1000	     /* of a link protocol's frame, a microsecond each */

struct slot {
	uint16_t len;
	uint8_t bytes[NIC_CONTROL_MAX];
};

/* Link protocols' frames of one receive queue, on their way to control. */
struct slots {
	_Atomic uint32_t head; /* the worker's */
	_Atomic uint32_t tail; /* the control thread's */
	_Atomic uint64_t lost;
	struct slot slot[SLOTS];
};

struct rx_queue {
	struct rte_mbuf *stash[BURST_MAX]; /* received, not yet asked for */
	struct rte_mbuf *held[BURST_MAX];  /* in the burst, until rx_done() */
	uint16_t at, count, held_count;
	int fd;
	struct slots *slots;
} __attribute__((aligned(64)));

struct tx_queue {
	rte_spinlock_t lock;
	uint16_t count;
	bool offloads; /* some frame wants the driver to look at it */
	struct rte_mbuf *mbuf[GATHER];
	uint16_t owner[GATHER]; /* which frame of the call it is of */
	struct offload_scratch scratch;
} __attribute__((aligned(64)));

struct nic_port {
	struct port port;
	struct nic_device dev;
	int event_fd;
	bool listens; /* for link interrupts */
	_Atomic bool link_event;
	uint64_t control_lost;
	struct rte_eth_link link;
	struct rx_queue *rx; /* dev.rx_queues, then control's */
	struct tx_queue *tx; /* dev.tx_queues, then control's */
};

static struct nic_port *nic_port_of(struct port *p)
{
	return (struct nic_port *)((char *)p - offsetof(struct nic_port, port));
}

static void wake_control(const struct nic_port *np)
{
	const uint64_t one = 1;

	if (write(np->event_fd, &one, sizeof(one)) < 0)
		return; /* full counter: readable enough */
}

/* ---- link protocols, the worker's side ---------------------------------------- */

static bool is_link_protocol(const struct frame *f)
{
	static const uint8_t group[5] = { 0x01, 0x80, 0xc2, 0x00, 0x00 };
	uint16_t type;

	if (!(f->hdr[0] & 1) || f->hdr_len < ETH_HLEN_MIN)
		return false;
	type = frame_be16(f, ETH_MACS_LEN);
	return (type == RTE_ETHER_TYPE_SLOW || type == RTE_ETHER_TYPE_LLDP) &&
	       !memcmp(f->hdr, group, sizeof(group));
}

/*
 * Copy for the control thread.  It sleeps only after it has found tail equal
 * to head, behind a full barrier; so does the look at its tail here.  One of
 * both sees the other.
 */
static void copy_to_control(struct nic_port *np, struct slots *s,
			    const struct frame *f)
{
	uint32_t head = atomic_load_explicit(&s->head, memory_order_relaxed);
	uint32_t tail = atomic_load_explicit(&s->tail, memory_order_acquire);
	struct slot *slot = &s->slot[head % SLOTS];

	if (head - tail == SLOTS || f->len > NIC_CONTROL_MAX) {
		atomic_fetch_add_explicit(&s->lost, 1, memory_order_relaxed);
		return;
	}
	slot->len = frame_linearise(f, slot->bytes, NIC_CONTROL_MAX);
	atomic_store_explicit(&s->head, head + 1, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&s->tail, memory_order_relaxed) == head)
		wake_control(np);
}

/* ---- receive ------------------------------------------------------------------------ */

static bool refill(struct nic_port *np, unsigned q)
{
	struct rx_queue *rq = &np->rx[q];
	uint16_t i;

	rq->at = 0;
	rq->count = rte_eth_rx_burst(np->dev.id, q, rq->stash, BURST_MAX);
	for (i = 0; i < rq->count; i++)
		rte_prefetch0(rte_pktmbuf_mtod(rq->stash[i], void *));
	return rq->count;
}

static unsigned nic_rx(struct port *p, unsigned q, struct burst *b)
{
	struct nic_port *np = nic_port_of(p);
	struct rx_queue *rq = &np->rx[q];

	if (rq->at == rq->count && !refill(np, q))
		return b->count;
	while (rq->at < rq->count && b->count < BURST_MAX &&
	       b->bytes < b->byte_budget) {
		const struct frame *f = &b->frames[b->count];
		struct rte_mbuf *m = rq->stash[rq->at];

		if (!nic_mbuf_to_frame(b, m))
			break;
		rq->at++;
		rq->held[rq->held_count++] = m;
		if (!f->verdict && is_link_protocol(f))
			copy_to_control(np, rq->slots, f);
	}
	return b->count;
}

static void nic_rx_done(struct port *p, unsigned q, struct burst *b)
{
	struct rx_queue *rq = &nic_port_of(p)->rx[q];

	rte_pktmbuf_free_bulk(rq->held, rq->held_count);
	rq->held_count = 0;
}

/* ---- transmit ------------------------------------------------------------------------ */

static void refuse(struct tx_queue *tq, unsigned i, enum drop verdict,
		   uint8_t why[])
{
	why[tq->owner[i]] = verdict;
	rte_pktmbuf_free(tq->mbuf[i]);
}

/* Let the driver look at its offloads; it stops at the first it refuses. */
static void prepare(struct nic_port *np, uint16_t q, uint8_t why[])
{
	struct tx_queue *tq = &np->tx[q];
	uint16_t good = 0;

	while (good < tq->count) {
		good += rte_eth_tx_prepare(np->dev.id, q, tq->mbuf + good,
					   tq->count - good);
		if (good == tq->count)
			break;
		refuse(tq, good, DROP_TX_ERROR, why);
		tq->count--;
		memmove(tq->mbuf + good, tq->mbuf + good + 1,
			(tq->count - good) * sizeof(tq->mbuf[0]));
		memmove(tq->owner + good, tq->owner + good + 1,
			(tq->count - good) * sizeof(tq->owner[0]));
	}
}

/* Twice: the first call makes room by taking back what has been sent. */
static void send_gathered(struct nic_port *np, uint16_t q, uint8_t why[])
{
	struct tx_queue *tq = &np->tx[q];
	uint16_t sent;

	if (tq->offloads)
		prepare(np, q, why);
	sent = rte_eth_tx_burst(np->dev.id, q, tq->mbuf, tq->count);
	if (sent < tq->count)
		sent += rte_eth_tx_burst(np->dev.id, q, tq->mbuf + sent,
					 tq->count - sent);
	for (; sent < tq->count; sent++)
		refuse(tq, sent, DROP_RING_FULL, why);
	tq->count = 0;
	tq->offloads = false;
}

/* One frame as it is into the gathered ones. */
static enum drop gather(struct nic_port *np, uint16_t q, const struct frame *f,
			const struct nic_offload *todo, unsigned owner,
			uint8_t why[])
{
	struct tx_queue *tq = &np->tx[q];
	struct rte_mbuf *m;

	if (tq->count == GATHER)
		send_gathered(np, q, why);
	m = nic_mbuf_from_frame(f, todo, np->dev.tx_pool, np->dev.tx_segs);
	if (!m)
		return DROP_RING_FULL;
	tq->mbuf[tq->count] = m;
	tq->owner[tq->count++] = owner;
	tq->offloads |= todo->flags != 0;
	return DROP_NONE;
}

/* What the NIC cannot do for this frame although it can for others. */
static enum drop gather_finished(struct nic_port *np, uint16_t q,
				 struct frame *f, unsigned owner,
				 uint8_t why[])
{
	static const struct nic_offload nothing;
	struct frame *seg[OFFLOAD_SEGS_MAX];
	enum drop verdict;
	int i, n;

	if (!f->gso) {
		verdict = offload_checksum(f);
		return verdict ? verdict
			       : gather(np, q, f, &nothing, owner, why);
	}
	n = offload_segment(f, &np->tx[q].scratch, seg, OFFLOAD_SEGS_MAX);
	if (n < 0)
		return -n;
	for (verdict = DROP_NONE, i = 0; i < n && !verdict; i++)
		verdict = gather(np, q, seg[i], &nothing, owner, why);
	return verdict;
}

/* All of a run or none of it, as far as it is still to be told. */
static unsigned settle(struct frame *const f[], unsigned n, uint8_t why[])
{
	unsigned i, first, sent = 0;

	for (i = 0; i < n;) {
		uint8_t verdict = DROP_NONE;
		bool more;

		first = i;
		do {
			if (!verdict)
				verdict = why[i];
			more = f[i++]->more;
		} while (more && i < n);
		memset(why + first, verdict, i - first);
		sent += verdict ? 0 : i - first;
	}
	return sent;
}

static unsigned nic_tx(struct port *p, unsigned q, struct frame *const f[],
		       unsigned n, uint8_t why[])
{
	struct nic_port *np = nic_port_of(p);
	struct tx_queue *tq = &np->tx[q];
	struct nic_offload todo;
	bool link = p->link; /* once: the control thread writes it */
	bool spoilt = false; /* the run has lost a frame already */
	enum drop verdict;
	unsigned i;

	memset(why, link ? DROP_NONE : DROP_NO_LINK, n);
	if (!link)
		return 0;
	rte_spinlock_lock(&tq->lock);
	for (i = 0; i < n; i++) {
		if (spoilt)
			verdict = DROP_RING_FULL;
		else if (nic_mbuf_offload(f[i], np->dev.ip_sum, &todo))
			verdict = gather(np, q, f[i], &todo, i, why);
		else
			verdict = gather_finished(np, q, f[i], i, why);
		/* a segment that is gone already may have had its say */
		if (verdict)
			why[i] = verdict;
		spoilt = f[i]->more && why[i];
	}
	send_gathered(np, q, why);
	rte_spinlock_unlock(&tq->lock);
	return settle(f, n, why);
}

static void nic_tx_flush(struct port *p, unsigned q)
{
}

/* ---- sleep -------------------------------------------------------------------------- */

static int nic_rx_fd(struct port *p, unsigned q)
{
	return nic_port_of(p)->rx[q].fd;
}

static bool nic_rx_arm(struct port *p, unsigned q)
{
	struct nic_port *np = nic_port_of(p);
	struct rx_queue *rq = &np->rx[q];

	if (rte_eth_dev_rx_intr_enable(np->dev.id, q) < 0)
		return false;
	rte_mb();
	return rq->at == rq->count && !refill(np, q);
}

static void nic_rx_disarm(struct port *p, unsigned q)
{
	struct nic_port *np = nic_port_of(p);
	uint64_t ignored;

	if (np->rx[q].fd < 0)
		return;
	rte_eth_dev_rx_intr_disable(np->dev.id, q);
	while (read(np->rx[q].fd, &ignored, sizeof(ignored)) < 0 &&
	       errno == EINTR)
		;
}

static const struct port_ops nic_ops = {
	.kind = "nic",
	.rx = nic_rx,
	.rx_done = nic_rx_done,
	.tx = nic_tx,
	.tx_flush = nic_tx_flush,
	.rx_fd = nic_rx_fd,
	.rx_arm = nic_rx_arm,
	.rx_disarm = nic_rx_disarm,
};

/* ---- events -------------------------------------------------------------------------- */

/* The driver's interrupt thread. */
static int on_link(uint16_t id, enum rte_eth_event_type type, void *ctx,
		   void *result)
{
	struct nic_port *np = ctx;

	atomic_store(&np->link_event, true);
	wake_control(np);
	return 0;
}

int nic_port_event_fd(const struct nic_port *np)
{
	return np->event_fd;
}

unsigned nic_port_period_ms(const struct nic_port *np)
{
	if (np->dev.control_rx >= 0)
		return CONTROL_PERIOD_MS;
	return np->listens ? 0 : LINK_PERIOD_MS;
}

static bool look_at_link(struct nic_port *np)
{
	struct rte_eth_link now = { 0 };
	bool changed;

	if (np->listens && !atomic_exchange(&np->link_event, false))
		return false;
	if (rte_eth_link_get_nowait(np->dev.id, &now) < 0)
		return false;
	changed = now.link_status != np->link.link_status ||
		  now.link_speed != np->link.link_speed ||
		  now.link_duplex != np->link.link_duplex;
	np->link = now;
	np->port.link = now.link_status == RTE_ETH_LINK_UP;
	return changed;
}

static bool slots_wait(const struct slots *s)
{
	return s && atomic_load_explicit(&s->head, memory_order_acquire) !=
			    atomic_load_explicit(&s->tail,
						 memory_order_relaxed);
}

static bool control_waits(struct nic_port *np)
{
	int own = np->dev.control_rx;
	unsigned q;

	atomic_thread_fence(memory_order_seq_cst); /* copy_to_control() */
	for (q = 0; q < np->dev.rx_queues; q++)
		if (slots_wait(np->rx[q].slots))
			return true;
	return own >= 0 &&
	       (np->rx[own].at < np->rx[own].count || refill(np, own));
}

unsigned nic_port_poll(struct nic_port *np)
{
	uint64_t ignored;
	unsigned found;

	while (read(np->event_fd, &ignored, sizeof(ignored)) < 0 &&
	       errno == EINTR)
		;
	found = look_at_link(np) ? NIC_PORT_LINK : 0;
	return found | (control_waits(np) ? NIC_PORT_CONTROL : 0);
}

/* ---- link protocols, the control thread's side --------------------------------------- */

static unsigned take_slot(struct slots *s, uint8_t *frame, unsigned size)
{
	uint32_t tail = atomic_load_explicit(&s->tail, memory_order_relaxed);
	const struct slot *slot = &s->slot[tail % SLOTS];
	unsigned len = slot->len;

	if (len <= size)
		memcpy(frame, slot->bytes, len);
	atomic_store_explicit(&s->tail, tail + 1, memory_order_release);
	return len;
}

static unsigned take_own(struct rx_queue *rq, uint8_t *frame, unsigned size)
{
	struct rte_mbuf *m = rq->stash[rq->at++];
	unsigned len = m->pkt_len;
	const void *from = len <= size ? rte_pktmbuf_read(m, 0, len, frame)
				       : NULL;

	if (from && from != frame)
		memcpy(frame, from, len);
	rte_pktmbuf_free(m);
	return len;
}

/* One frame of whatever length, or 0. */
static unsigned take(struct nic_port *np, uint8_t *frame, unsigned size)
{
	unsigned q;

	if (!control_waits(np))
		return 0;
	for (q = 0; q < np->dev.rx_queues; q++)
		if (slots_wait(np->rx[q].slots))
			return take_slot(np->rx[q].slots, frame, size);
	return take_own(&np->rx[np->dev.control_rx], frame, size);
}

unsigned nic_port_receive(struct nic_port *np, uint8_t *frame, unsigned size)
{
	unsigned len;

	while ((len = take(np, frame, size)) > size)
		np->control_lost++;
	return len;
}

/* A ring that is full has room in a moment, or the NIC hangs. */
static bool send_control(struct nic_port *np, struct rte_mbuf *m)
{
	struct tx_queue *tq = &np->tx[np->dev.control_tx];
	unsigned tries;
	uint16_t sent = 0;

	for (tries = 0; tries < SEND_TRIES && !sent; tries++) {
		if (tries)
			rte_delay_us_block(1);
		rte_spinlock_lock(&tq->lock);
		sent = rte_eth_tx_burst(np->dev.id, np->dev.control_tx, &m, 1);
		rte_spinlock_unlock(&tq->lock);
	}
	return sent;
}

int nic_port_send(struct nic_port *np, const uint8_t *frame, unsigned len)
{
	static const struct nic_offload nothing;
	const struct frame_seg seg = { frame, len };
	const struct frame f = { .segs = &seg, .seg_count = 1, .len = len };
	struct rte_mbuf *m;

	if (len < ETH_HLEN_MIN || len > NIC_CONTROL_MAX)
		return -EMSGSIZE;
	if (!np->port.link)
		return -ENETDOWN;
	m = nic_mbuf_from_frame(&f, &nothing, np->dev.tx_pool,
				np->dev.tx_segs);
	if (!m)
		return -ENOBUFS;
	if (send_control(np, m))
		return 0;
	rte_pktmbuf_free(m);
	return -ENOBUFS;
}

/* ---- life ------------------------------------------------------------------------------ */

int nic_port_check(const struct nic_port_conf *conf, char *why, size_t size)
{
	uint16_t id;

	return nic_device_find(conf, &id, why, size);
}

/* Which ethdevs have a port already. */
static struct nic_port *owners[RTE_MAX_ETHPORTS];

static int claim(struct nic_port *np, const struct nic_port_conf *conf,
		 char *why, size_t size)
{
	uint16_t id;

	if (rte_eth_dev_get_port_by_name(nic_device_name(conf->device), &id) <
		    0 ||
	    !owners[id])
		return 0;
	snprintf(why, size, "port %s has %s", owners[id]->port.name,
		 conf->device);
	return -EBUSY;
}

/* Interrupts of receive queues, where every queue has one. */
static void find_rx_fds(struct nic_port *np)
{
	int fd[PORT_QUEUES_MAX];
	unsigned q;

	for (q = 0; q < np->dev.rx_queues; q++)
		np->rx[q].fd = -1;
	for (q = 0; q < np->dev.rx_queues && np->dev.rx_interrupts; q++) {
		fd[q] = rte_eth_dev_rx_intr_ctl_q_get_fd(np->dev.id, q);
		if (fd[q] < 0 ||
		    rte_eth_dev_rx_intr_enable(np->dev.id, q) < 0 ||
		    fcntl(fd[q], F_SETFL,
			  fcntl(fd[q], F_GETFL) | O_NONBLOCK) < 0)
			np->dev.rx_interrupts = false;
		else
			rte_eth_dev_rx_intr_disable(np->dev.id, q);
	}
	for (q = 0; q < np->dev.rx_queues && np->dev.rx_interrupts; q++)
		np->rx[q].fd = fd[q];
}

static unsigned rx_count(const struct nic_port *np)
{
	return np->dev.rx_queues + (np->dev.control_rx >= 0 ? 1u : 0u);
}

static int make_queues(struct nic_port *np)
{
	unsigned rx = rx_count(np), tx = np->dev.tx_queues + 1u, q;

	np->rx = aligned_alloc(64, rx * sizeof(*np->rx));
	np->tx = aligned_alloc(64, tx * sizeof(*np->tx));
	if (!np->rx || !np->tx)
		return -ENOMEM;
	memset(np->rx, 0, rx * sizeof(*np->rx));
	memset(np->tx, 0, tx * sizeof(*np->tx));
	for (q = 0; q < tx; q++)
		rte_spinlock_init(&np->tx[q].lock);
	for (q = 0; q < np->dev.rx_queues; q++) {
		np->rx[q].slots = calloc(1, sizeof(*np->rx[q].slots));
		if (!np->rx[q].slots)
			return -ENOMEM;
	}
	find_rx_fds(np);
	return 0;
}

static int listen_for_link(struct nic_port *np)
{
	np->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (np->event_fd < 0)
		return -errno;
	np->listens = np->dev.link_interrupts &&
		      !rte_eth_dev_callback_register(np->dev.id,
						     RTE_ETH_EVENT_INTR_LSC,
						     on_link, np);
	atomic_store(&np->link_event, true); /* whatever it is now */
	look_at_link(np);
	return 0;
}

static void describe(struct nic_port *np, const struct nic_port_conf *conf)
{
	struct port *p = &np->port;

	p->ops = &nic_ops;
	p->rx_queues = np->dev.rx_queues;
	p->tx_queues = np->dev.tx_queues;
	p->mtu = conf->mtu;
	p->offload = np->dev.offload;
	p->numa_node = rte_eth_dev_socket_id(np->dev.id);
	snprintf(p->name, sizeof(p->name), "%s", conf->name);
	owners[np->dev.id] = np;
}

int nic_port_new(struct nic_port **out, const struct nic_port_conf *conf,
		 char *why, size_t size)
{
	struct nic_port *np = calloc(1, sizeof(*np));
	int rc;

	if (!np)
		return -ENOMEM;
	np->event_fd = -1;
	rc = claim(np, conf, why, size);
	if (!rc)
		rc = nic_device_start(&np->dev, conf, why, size);
	if (rc < 0) {
		free(np);
		return rc;
	}
	describe(np, conf);
	rc = make_queues(np);
	if (!rc)
		rc = listen_for_link(np);
	if (rc < 0) {
		snprintf(why, size, "%s: %s", conf->device, strerror(-rc));
		nic_port_free(np);
		return rc;
	}
	*out = np;
	return 0;
}

/* Give back what we hold, and what still waits, so that pools are whole. */
static void drain(struct nic_port *np)
{
	unsigned q, rounds;

	for (q = 0; np->rx && q < rx_count(np); q++) {
		struct rx_queue *rq = &np->rx[q];

		nic_rx_done(&np->port, q, NULL);
		rounds = 0;
		do {
			rte_pktmbuf_free_bulk(rq->stash + rq->at,
					      rq->count - rq->at);
		} while (refill(np, q) && rounds++ < 256);
		rte_pktmbuf_free_bulk(rq->stash, rq->count);
		free(rq->slots);
	}
}

void nic_port_free(struct nic_port *np)
{
	if (!np)
		return;
	if (np->listens)
		while (rte_eth_dev_callback_unregister(np->dev.id,
						       RTE_ETH_EVENT_INTR_LSC,
						       on_link, np) == -EAGAIN)
			;
	drain(np);
	nic_device_stop(&np->dev);
	owners[np->dev.id] = NULL;
	if (np->event_fd >= 0)
		close(np->event_fd);
	free(np->rx);
	free(np->tx);
	free(np);
}

struct port *nic_port_port(struct nic_port *np)
{
	return &np->port;
}

void nic_port_facts(const struct nic_port *np, struct nic_port_facts *facts)
{
	struct rte_eth_dev_info info = { 0 };
	struct rte_eth_stats st = { 0 };
	struct rte_ether_addr mac = { 0 };
	unsigned q;

	memset(facts, 0, sizeof(*facts));
	if (!rte_eth_dev_info_get(np->dev.id, &info))
		snprintf(facts->driver, sizeof(facts->driver), "%s",
			 info.driver_name);
	if (!rte_eth_macaddr_get(np->dev.id, &mac))
		memcpy(facts->mac, mac.addr_bytes, sizeof(facts->mac));
	rte_eth_stats_get(np->dev.id, &st);
	facts->link = np->port.link;
	if (np->link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
		facts->speed_mbps = np->link.link_speed;
	facts->full_duplex = np->link.link_duplex == RTE_ETH_LINK_FULL_DUPLEX;
	facts->link_interrupts = np->listens;
	facts->rx_interrupts = np->dev.rx_interrupts;
	facts->control_queue = np->dev.control_rx >= 0;
	facts->tags_fit = np->dev.tags_fit;
	facts->rx_missed = st.imissed;
	facts->rx_errors = st.ierrors;
	facts->rx_no_memory = st.rx_nombuf;
	facts->tx_errors = st.oerrors;
	facts->control_lost = np->control_lost;
	for (q = 0; q < np->dev.rx_queues; q++)
		facts->control_lost += atomic_load(&np->rx[q].slots->lost);
}
