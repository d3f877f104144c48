/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhost_dev.c: act on vhost-user messages.
 *
 * A ring runs once all of this has come, in any order that makes sense: a
 * memory table, its size and addresses, a kick (message), and enable.  So
 * each message stores what it says, and ring_start() looks whether it was the
 * last one missing.  A ring is stopped by GET_VRING_BASE, by disabling it, or
 * with the connection.  "Pausing" is shorter: workers are out, the port looks
 * as before, something below the ring is exchanged, and it goes on.
 *
 * Rings are served in order, so a stopped ring has one number: the next entry
 * to take is the next entry to give back (`base`).  QEMU hands the same number
 * back on restart, and after a crash of ours reads it from the used index.
 * DPDK's virtio-user tells every new back end 0, wherever its rings are, and
 * trusts it to know.  So a ring begins where its used index is, whatever the
 * peer said; only when it was paused do we go by our own number.
 *
 * Dirty logging is switched while rings run, and its messages are answered
 * only after a quiescent point: from the answer on, every write is logged.  A
 * peer may ask for logging before it brings the log (QEMU, when it starts a
 * ring while it migrates); the rings then wait for it.
 *
 * Descriptors for kicks and calls must be eventfds; netback/doorbell.h says
 * how they are signalled.
 */
#include "netback/vhost_dev.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "netback/doorbell.h"

#define BIT(n) (1ull << (n))

/* virtio 1.2 6; linux/virtio_ring.h has a struct vring of its own */
#define F_INDIRECT_DESC 28
#define F_EVENT_IDX	29
#define ADDR_F_LOG	0 /* of struct vhost_user_addr */

#define MTU_MIN 68 /* RFC 791 */

/* Always offered. */
#define FEATURES_BASE                                                      \
	(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_NET_F_MRG_RXBUF) |           \
	 BIT(F_EVENT_IDX) | BIT(F_INDIRECT_DESC) | BIT(VIRTIO_F_ANY_LAYOUT) |     \
	 BIT(VIRTIO_F_IN_ORDER) | BIT(VIRTIO_NET_F_MTU) |                         \
	 BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) | BIT(VHOST_USER_F_LOG_ALL) |    \
	 BIT(VHOST_USER_F_PROTOCOL_FEATURES))

/* Offered, both ways, if the port has the offload. */
static const struct {
	uint32_t offload; /* enum port_offload */
	uint64_t host, guest;
} offload_features[] = {
	{ PORT_TX_CSUM, BIT(VIRTIO_NET_F_CSUM), BIT(VIRTIO_NET_F_GUEST_CSUM) },
	{ PORT_TX_TSO4, BIT(VIRTIO_NET_F_HOST_TSO4),
	  BIT(VIRTIO_NET_F_GUEST_TSO4) },
	{ PORT_TX_TSO6, BIT(VIRTIO_NET_F_HOST_TSO6),
	  BIT(VIRTIO_NET_F_GUEST_TSO6) },
	{ PORT_TX_TSO_ECN, BIT(VIRTIO_NET_F_HOST_ECN),
	  BIT(VIRTIO_NET_F_GUEST_ECN) },
};

#define PORT_TX_TSO (PORT_TX_TSO4 | PORT_TX_TSO6 | PORT_TX_TSO_ECN)
#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))

struct answer {
	bool given;
	uint64_t status; /* of REPLY_ACK when nothing else is answered */
	uint32_t size;
	union {
		uint64_t u64;
		struct vhost_user_state state;
	} body;
};

__attribute__((format(printf, 2, 3))) static int
refuse(struct vhost_dev *dev, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(dev->error, sizeof(dev->error), fmt, ap);
	va_end(ap);
	return -EPROTO;
}

/* ---- features --------------------------------------------------------------- */

static const struct {
	uint8_t bit;
	const char *name;
} names[] = {
	{ VIRTIO_NET_F_CSUM, "CSUM" },
	{ VIRTIO_NET_F_GUEST_CSUM, "GUEST_CSUM" },
	{ VIRTIO_NET_F_MTU, "MTU" },
	{ VIRTIO_NET_F_GUEST_TSO4, "GUEST_TSO4" },
	{ VIRTIO_NET_F_GUEST_TSO6, "GUEST_TSO6" },
	{ VIRTIO_NET_F_GUEST_ECN, "GUEST_ECN" },
	{ VIRTIO_NET_F_GUEST_UFO, "GUEST_UFO" },
	{ VIRTIO_NET_F_HOST_TSO4, "HOST_TSO4" },
	{ VIRTIO_NET_F_HOST_TSO6, "HOST_TSO6" },
	{ VIRTIO_NET_F_HOST_ECN, "HOST_ECN" },
	{ VIRTIO_NET_F_HOST_UFO, "HOST_UFO" },
	{ VIRTIO_NET_F_MRG_RXBUF, "MRG_RXBUF" },
	{ VIRTIO_NET_F_STATUS, "STATUS" },
	{ VIRTIO_NET_F_CTRL_VQ, "CTRL_VQ" },
	{ VIRTIO_NET_F_GUEST_ANNOUNCE, "GUEST_ANNOUNCE" },
	{ VIRTIO_NET_F_MQ, "MQ" },
	{ VHOST_USER_F_LOG_ALL, "LOG_ALL" },
	{ VIRTIO_F_ANY_LAYOUT, "ANY_LAYOUT" },
	{ F_INDIRECT_DESC, "INDIRECT_DESC" },
	{ F_EVENT_IDX, "EVENT_IDX" },
	{ VHOST_USER_F_PROTOCOL_FEATURES, "PROTOCOL_FEATURES" },
	{ VIRTIO_F_VERSION_1, "VERSION_1" },
	{ VIRTIO_F_IOMMU_PLATFORM, "IOMMU_PLATFORM" },
	{ VIRTIO_F_RING_PACKED, "RING_PACKED" },
	{ VIRTIO_F_IN_ORDER, "IN_ORDER" },
};

static void feature_name(unsigned bit, char *text, size_t size)
{
	size_t i;

	for (i = 0; i < COUNT(names); i++) {
		if (names[i].bit == bit) {
			snprintf(text, size, "%s", names[i].name);
			return;
		}
	}
	snprintf(text, size, "bit_%u", bit);
}

const char *vhost_feature_names(uint64_t features, char *text, size_t size)
{
	size_t at = 0;
	unsigned bit;
	char name[32];

	text[0] = '\0';
	for (bit = 0; bit < 64 && at < size; bit++) {
		if (!(features & BIT(bit)))
			continue;
		feature_name(bit, name, sizeof(name));
		at += (size_t)snprintf(text + at, size - at, "%s%s",
				       at ? " " : "", name);
	}
	return text;
}

static bool has(const struct vhost_dev *dev, unsigned bit)
{
	return dev->features & BIT(bit);
}

uint32_t vhost_dev_offload(const struct vhost_dev *dev)
{
	uint32_t offload = 0;
	size_t i;

	for (i = 0; i < COUNT(offload_features); i++)
		if (dev->features & offload_features[i].guest)
			offload |= offload_features[i].offload;
	/* virtio 1.2 5.1.3.1: TSO requires checksums */
	return offload & PORT_TX_CSUM ? offload : 0;
}

void vhost_dev_init(struct vhost_dev *dev, unsigned queues, uint16_t mtu,
		    uint32_t offload, bool sealed,
		    const struct vhost_dev_host *host)
{
	size_t i;

	memset(dev, 0, sizeof(*dev));
	dev->queues = queues;
	dev->mtu = mtu;
	dev->sealed = sealed;
	dev->host = *host;
	if (!(offload & PORT_TX_CSUM))
		offload &= ~(uint32_t)PORT_TX_TSO;
	dev->offered = FEATURES_BASE;
	for (i = 0; i < COUNT(offload_features); i++)
		if (offload & offload_features[i].offload)
			dev->offered |= offload_features[i].host |
					offload_features[i].guest;
	dev->protocol_offered =
		VHOST_USER_PROTOCOL_F_LOG_SHMFD | VHOST_USER_PROTOCOL_F_RARP |
		VHOST_USER_PROTOCOL_F_REPLY_ACK | VHOST_USER_PROTOCOL_F_NET_MTU;
	if (queues > 1) {
		dev->offered |= BIT(VIRTIO_NET_F_MQ);
		dev->protocol_offered |= VHOST_USER_PROTOCOL_F_MQ;
	}
	for (i = 0; i < VHOST_RINGS_MAX; i++) {
		vring_init(&dev->ring[i].vr);
		dev->ring[i].err_fd = -1;
	}
}

/* ---- rings ------------------------------------------------------------------ */

static void ready_set(struct vhost_ring *r, bool ready)
{
	__atomic_store_n(&r->vr.ready, ready, __ATOMIC_RELEASE);
}

static void fd_replace(int *fd, int with)
{
	int was = __atomic_exchange_n(fd, with, __ATOMIC_ACQ_REL);

	if (was >= 0)
		close(was);
}

static void poke(int fd)
{
	if (fd >= 0)
		doorbell_ring(fd);
}

bool vhost_dev_running(const struct vhost_dev *dev)
{
	unsigned i;

	for (i = 0; i < 2 * dev->queues; i++)
		if (dev->ring[i].vr.ready)
			return true;
	return false;
}

static bool any_started(const struct vhost_dev *dev)
{
	unsigned i;

	for (i = 0; i < 2 * dev->queues; i++)
		if (dev->ring[i].started)
			return true;
	return false;
}

/* Take the rings from the workers, but leave the port as it looks. */
static void rings_pause(struct vhost_dev *dev, bool paused[VHOST_RINGS_MAX])
{
	bool any = false;
	unsigned i;

	for (i = 0; i < VHOST_RINGS_MAX; i++) {
		paused[i] = dev->ring[i].vr.ready;
		any |= paused[i];
		ready_set(&dev->ring[i], false);
	}
	if (any)
		dev->host.quiesce(dev->host.ctx);
	for (i = 0; i < VHOST_RINGS_MAX; i++)
		if (paused[i])
			dev->ring[i].base = dev->ring[i].vr.last_used;
}

static void ring_pause(struct vhost_dev *dev, struct vhost_ring *r)
{
	if (!r->vr.ready)
		return;
	ready_set(r, false);
	dev->host.quiesce(dev->host.ctx);
	r->base = r->vr.last_used;
}

/* The same, and the port changes with it. */
static void ring_withdraw(struct vhost_dev *dev, struct vhost_ring *r)
{
	if (!r->vr.ready)
		return;
	ready_set(r, false);
	dev->host.changed(dev->host.ctx);
	dev->host.quiesce(dev->host.ctx);
	r->base = r->vr.last_used;
}

static void ring_configure(struct vhost_dev *dev, struct vhost_ring *r)
{
	struct vring *vr = &r->vr;

	vr->mergeable = has(dev, VIRTIO_NET_F_MRG_RXBUF);
	vr->net_hdr_len =
		vr->mergeable || has(dev, VIRTIO_F_VERSION_1) ? 12 : 10;
	vr->event_idx = has(dev, F_EVENT_IDX);
	vr->indirect = has(dev, F_INDIRECT_DESC);
	vr->csum_ok = has(dev, VIRTIO_NET_F_GUEST_CSUM);
	vr->log = has(dev, VHOST_USER_F_LOG_ALL) ? dev->log : NULL;
	vr->last_avail = r->base;
	vr->last_used = r->base;
	vr->signalled_valid = false;
	vr->kicks_off = false;
	vr->kick_pending = false;
	vr->broken = false;
}

static bool ring_complete(const struct vhost_dev *dev,
			  const struct vhost_ring *r)
{
	return r->started && r->enabled && r->has_addr && r->vr.size &&
	       dev->mem && (dev->log || !has(dev, VHOST_USER_F_LOG_ALL));
}

/*
 * Let workers have the ring if nothing is missing.  A poke wakes a driver that
 * lost a call when its last back end died.
 */
static int ring_start(struct vhost_dev *dev, unsigned index)
{
	struct vhost_ring *r = &dev->ring[index];

	if (r->vr.ready || !ring_complete(dev, r))
		return 0;
	if (vring_map(&r->vr, dev->mem, r->desc_uva, r->avail_uva,
		      r->used_uva) < 0)
		return refuse(dev,
			      "ring %u: size %u or addresses do not fit memory",
			      index, r->vr.size);
	if (r->base_told)
		r->base = vring_used_index(&r->vr);
	r->base_told = false;
	ring_configure(dev, r);
	ready_set(r, true);
	if (index % 2 == 0)
		vring_disarm(&r->vr); /* nobody waits for receive buffers */
	poke(r->vr.call_fd);
	return 0;
}

static int rings_resume(struct vhost_dev *dev,
			const bool paused[VHOST_RINGS_MAX])
{
	unsigned i;
	int rc = 0;

	for (i = 0; i < VHOST_RINGS_MAX && !rc; i++)
		if (paused[i])
			rc = ring_start(dev, i);
	return rc;
}

static int rings_start(struct vhost_dev *dev)
{
	unsigned i;
	int rc = 0;

	for (i = 0; i < 2 * dev->queues && !rc; i++)
		rc = ring_start(dev, i);
	dev->host.changed(dev->host.ctx);
	return rc;
}

static int ring_start_one(struct vhost_dev *dev, unsigned index)
{
	int rc = ring_start(dev, index);

	if (dev->ring[index].vr.ready)
		dev->host.changed(dev->host.ctx);
	return rc;
}

static void ring_clear(struct vhost_ring *r)
{
	fd_replace(&r->vr.call_fd, -1);
	fd_replace(&r->vr.kick_fd, -1);
	fd_replace(&r->err_fd, -1);
	vring_init(&r->vr);
	r->has_addr = false;
	r->started = false;
	r->enabled = false;
	r->base = 0;
	r->base_told = false;
}

void vhost_dev_reset(struct vhost_dev *dev)
{
	bool ran = vhost_dev_running(dev);
	unsigned i;

	for (i = 0; i < VHOST_RINGS_MAX; i++)
		ready_set(&dev->ring[i], false);
	if (ran) {
		dev->host.changed(dev->host.ctx);
		dev->host.quiesce(dev->host.ctx);
	}
	for (i = 0; i < VHOST_RINGS_MAX; i++)
		ring_clear(&dev->ring[i]);
	guest_mem_free(dev->mem);
	guest_log_free(dev->log);
	dev->mem = NULL;
	dev->log = NULL;
	dev->features = 0;
	dev->protocol = 0;
	dev->error[0] = '\0';
	if (ran)
		dev->host.changed(dev->host.ctx);
}

const char *vhost_dev_fault(const struct vhost_dev *dev)
{
	unsigned i;

	if (dev->mem && atomic_load_explicit(&dev->mem->fault,
					     memory_order_relaxed))
		return "guest memory was taken away (SIGBUS)";
	if (dev->log && atomic_load_explicit(&dev->log->fault,
					     memory_order_relaxed))
		return "the dirty log was taken away (SIGBUS)";
	for (i = 0; i < 2 * dev->queues; i++) {
		if (!dev->ring[i].vr.ready || !dev->ring[i].vr.broken)
			continue;
		poke(dev->ring[i].err_fd);
		return i % 2 ? "the guest broke its transmit ring"
			     : "the guest broke its receive ring";
	}
	return NULL;
}

/* Must a message that has no answer of its own be answered? */
static bool wants_ack(const struct vhost_dev *dev,
		      const struct vhost_user_msg *m)
{
	return (m->hdr.flags & VHOST_USER_NEED_REPLY) &&
	       (dev->protocol & VHOST_USER_PROTOCOL_F_REPLY_ACK);
}

/* ---- messages: features ------------------------------------------------------- */

static int on_get_features(struct vhost_dev *dev, struct vhost_user_msg *m,
			   struct answer *a)
{
	a->given = true;
	a->size = sizeof(a->body.u64);
	a->body.u64 = dev->offered;
	return 0;
}

/*
 * Switch logging of running rings.  Without a log the peer is told no; one
 * that cannot be told (no REPLY_ACK) would migrate a guest with holes.
 */
static int logging_switch(struct vhost_dev *dev, struct vhost_user_msg *m,
			  struct answer *a, uint64_t features)
{
	bool paused[VHOST_RINGS_MAX];

	if ((features & BIT(VHOST_USER_F_LOG_ALL)) && !dev->log) {
		a->status = 1;
		refuse(dev, "logging asked for without a usable log");
		return wants_ack(dev, m) ? 0 : -EPROTO;
	}
	rings_pause(dev, paused);
	dev->features = features;
	return rings_resume(dev, paused);
}

static int on_set_features(struct vhost_dev *dev, struct vhost_user_msg *m,
			   struct answer *a)
{
	uint64_t want = m->body.u64, extra = want & ~dev->offered;
	char text[96];

	if (extra)
		return refuse(dev, "asks for what was not offered: %s",
			      vhost_feature_names(extra, text, sizeof(text)));
	if (vhost_dev_running(dev)) {
		if ((want ^ dev->features) & ~BIT(VHOST_USER_F_LOG_ALL))
			return refuse(dev, "features change while rings run");
		return logging_switch(dev, m, a, want);
	}
	dev->features = want;
	return 0;
}

static int on_get_protocol_features(struct vhost_dev *dev,
				    struct vhost_user_msg *m, struct answer *a)
{
	a->given = true;
	a->size = sizeof(a->body.u64);
	a->body.u64 = dev->protocol_offered;
	return 0;
}

static int on_set_protocol_features(struct vhost_dev *dev,
				    struct vhost_user_msg *m, struct answer *a)
{
	if (m->body.u64 & ~dev->protocol_offered)
		return refuse(dev, "asks for what was not offered: bits %#llx",
			      (unsigned long long)(m->body.u64 &
						   ~dev->protocol_offered));
	if (any_started(dev))
		return refuse(dev, "out of order: rings have started");
	dev->protocol = m->body.u64;
	return 0;
}

static int on_get_queue_num(struct vhost_dev *dev, struct vhost_user_msg *m,
			    struct answer *a)
{
	a->given = true;
	a->size = sizeof(a->body.u64);
	a->body.u64 = dev->queues;
	return 0;
}

static int on_set_owner(struct vhost_dev *dev, struct vhost_user_msg *m,
			struct answer *a)
{
	return 0; /* the connection is the owner */
}

static int on_reset_owner(struct vhost_dev *dev, struct vhost_user_msg *m,
			  struct answer *a)
{
	vhost_dev_reset(dev);
	return 0;
}

/* A peer may use less than we could carry, not more. */
static int on_set_mtu(struct vhost_dev *dev, struct vhost_user_msg *m,
		      struct answer *a)
{
	if (m->body.u64 < MTU_MIN || m->body.u64 > dev->mtu)
		a->status = 1;
	return 0;
}

static int on_send_rarp(struct vhost_dev *dev, struct vhost_user_msg *m,
			struct answer *a)
{
	if (dev->host.announce)
		dev->host.announce(dev->host.ctx, (uint8_t *)&m->body.u64);
	return 0;
}

/* ---- messages: memory and log -------------------------------------------------- */

static int mem_refused(struct vhost_dev *dev, int rc)
{
	if (rc == -EPERM)
		return refuse(dev,
			      "guest memory is no sealed memfd: use QEMU's "
			      "memory-backend-memfd with seal=on (its default), "
			      "or mark the port trusted");
	if (rc == -EINVAL)
		return refuse(dev, "memory table makes no sense");
	return refuse(dev, "cannot map guest memory: %s", strerror(-rc));
}

/* The new table is whole before the old one goes. */
static int on_set_mem_table(struct vhost_dev *dev, struct vhost_user_msg *m,
			    struct answer *a)
{
	bool paused[VHOST_RINGS_MAX];
	struct guest_mem *mem;
	int rc;

	rc = guest_mem_new(&mem, m->body.mem.count, m->body.mem.region, m->fd,
			   dev->sealed);
	if (rc < 0)
		return mem_refused(dev, rc);
	if (dev->log && has(dev, VHOST_USER_F_LOG_ALL) &&
	    !guest_log_covers(dev->log, mem)) {
		guest_mem_free(mem);
		return refuse(dev, "the dirty log is too short for the memory");
	}
	rings_pause(dev, paused);
	guest_mem_free(dev->mem);
	dev->mem = mem;
	rc = rings_resume(dev, paused);
	return rc < 0 ? rc : rings_start(dev);
}

/*
 * A log that cannot be used refuses the migration, not the port, as long as
 * nothing depends on it.  The answer has no body (QEMU waits for it), unless
 * an acknowledgement was asked for.
 */
static int on_set_log_base(struct vhost_dev *dev, struct vhost_user_msg *m,
			   struct answer *a)
{
	bool paused[VHOST_RINGS_MAX];
	struct guest_log *log;
	int rc;

	if (!(dev->protocol & VHOST_USER_PROTOCOL_F_LOG_SHMFD))
		return refuse(dev, "out of order: LOG_SHMFD not negotiated");
	a->given = !wants_ack(dev, m);
	rc = guest_log_new(&log, m->fd[0], m->body.log.bytes,
			   m->body.log.offset, dev->mem);
	if (rc < 0) {
		refuse(dev, "unusable dirty log: %s", strerror(-rc));
		a->status = 1;
		return has(dev, VHOST_USER_F_LOG_ALL) ? -EPROTO : 0;
	}
	rings_pause(dev, paused);
	guest_log_free(dev->log);
	dev->log = log;
	rc = rings_resume(dev, paused);
	return rc < 0 ? rc : rings_start(dev);
}

static int on_set_log_fd(struct vhost_dev *dev, struct vhost_user_msg *m,
			 struct answer *a)
{
	return 0; /* nobody needs to be told that there are dirty pages */
}

/* ---- messages: rings ------------------------------------------------------------ */

static struct vhost_ring *ring_of(struct vhost_dev *dev, uint64_t index)
{
	if (index < 2 * dev->queues)
		return &dev->ring[index];
	refuse(dev, "ring %llu of %u", (unsigned long long)index,
	       2 * dev->queues);
	return NULL;
}

static int on_vring_num(struct vhost_dev *dev, struct vhost_user_msg *m,
			struct answer *a)
{
	struct vhost_ring *r = ring_of(dev, m->body.state.index);
	uint32_t n = m->body.state.num;

	if (!r)
		return -EPROTO;
	if (r->started)
		return refuse(dev, "out of order: the ring runs");
	if (!n || n > VRING_SIZE_MAX || (n & (n - 1)))
		return refuse(dev, "ring size %u is no power of two up to %u",
			      n, VRING_SIZE_MAX);
	r->vr.size = (uint16_t)n;
	return 0;
}

/*
 * QEMU sends a running ring's addresses again to switch its log on or off, so
 * the port must not look as if it had gone away.
 */
static int on_vring_addr(struct vhost_dev *dev, struct vhost_user_msg *m,
			 struct answer *a)
{
	const struct vhost_user_addr *to = &m->body.addr;
	struct vhost_ring *r = ring_of(dev, to->index);

	if (!r)
		return -EPROTO;
	ring_pause(dev, r);
	r->has_addr = true;
	r->desc_uva = to->desc;
	r->avail_uva = to->avail;
	r->used_uva = to->used;
	r->vr.used_gpa = to->log;
	r->vr.log_ring = to->flags & BIT(ADDR_F_LOG);
	return ring_start_one(dev, to->index);
}

static int on_set_vring_base(struct vhost_dev *dev, struct vhost_user_msg *m,
			     struct answer *a)
{
	struct vhost_ring *r = ring_of(dev, m->body.state.index);

	if (!r)
		return -EPROTO;
	if (r->started)
		return refuse(dev, "out of order: the ring runs");
	if (m->body.state.num > UINT16_MAX)
		return refuse(dev, "ring position %u", m->body.state.num);
	r->base = (uint16_t)m->body.state.num;
	r->base_told = true;
	return 0;
}

static int on_get_vring_base(struct vhost_dev *dev, struct vhost_user_msg *m,
			     struct answer *a)
{
	struct vhost_ring *r = ring_of(dev, m->body.state.index);

	if (!r)
		return -EPROTO;
	ring_withdraw(dev, r);
	r->started = false;
	fd_replace(&r->vr.kick_fd, -1);
	a->given = true;
	a->size = sizeof(a->body.state);
	a->body.state.index = m->body.state.index;
	a->body.state.num = r->base;
	return 0;
}

static int on_vring_enable(struct vhost_dev *dev, struct vhost_user_msg *m,
			   struct answer *a)
{
	struct vhost_ring *r = ring_of(dev, m->body.state.index);

	if (!r)
		return -EPROTO;
	if (m->body.state.num > 1)
		return refuse(dev, "neither on nor off: %u", m->body.state.num);
	r->enabled = m->body.state.num;
	if (!r->enabled)
		ring_withdraw(dev, r);
	return ring_start_one(dev, m->body.state.index);
}

/*
 * The descriptor of a kick, call or err message in *fd: -1 if there is none,
 * made non-blocking if there is.  Anonymous inodes have no file type; pipes,
 * sockets, devices and files have one, and their writers can be made to wait.
 */
static int vring_fd(struct vhost_dev *dev, struct vhost_user_msg *m, int *fd)
{
	struct stat st;

	*fd = -1;
	if (!m->fd_count)
		return 0;
	if (fstat(m->fd[0], &st) < 0 || (st.st_mode & S_IFMT) ||
	    fcntl(m->fd[0], F_SETFL, O_NONBLOCK) < 0)
		return refuse(dev, "the descriptor is no eventfd");
	*fd = vhost_user_msg_take_fd(m, 0);
	return 0;
}

static int on_vring_kick(struct vhost_dev *dev, struct vhost_user_msg *m,
			 struct answer *a)
{
	unsigned index = m->body.u64 & VHOST_USER_VRING_MASK;
	struct vhost_ring *r = ring_of(dev, index);
	int fd;

	if (!r || vring_fd(dev, m, &fd) < 0)
		return -EPROTO;
	ring_withdraw(dev, r);
	fd_replace(&r->vr.kick_fd, fd);
	r->started = true;
	/* a peer without protocol features cannot enable */
	if (!has(dev, VHOST_USER_F_PROTOCOL_FEATURES) && !dev->protocol)
		r->enabled = true;
	return ring_start_one(dev, index);
}

/* QEMU changes it while rings run, to mask and unmask interrupts. */
static int on_vring_call(struct vhost_dev *dev, struct vhost_user_msg *m,
			 struct answer *a)
{
	struct vhost_ring *r =
		ring_of(dev, m->body.u64 & VHOST_USER_VRING_MASK);
	int fd, was;

	if (!r || vring_fd(dev, m, &fd) < 0)
		return -EPROTO;
	was = __atomic_exchange_n(&r->vr.call_fd, fd, __ATOMIC_ACQ_REL);
	if (r->vr.ready) {
		dev->host.quiesce(dev->host.ctx);
		poke(fd);
	}
	if (was >= 0)
		close(was);
	return 0;
}

static int on_vring_err(struct vhost_dev *dev, struct vhost_user_msg *m,
			struct answer *a)
{
	struct vhost_ring *r =
		ring_of(dev, m->body.u64 & VHOST_USER_VRING_MASK);
	int fd;

	if (!r || vring_fd(dev, m, &fd) < 0)
		return -EPROTO;
	fd_replace(&r->err_fd, fd);
	return 0;
}

/* ---- dispatch ----------------------------------------------------------------- */

static int (*const handlers[VHOST_USER_REQUEST_COUNT])(
	struct vhost_dev *, struct vhost_user_msg *, struct answer *) = {
	[VHOST_USER_GET_FEATURES] = on_get_features,
	[VHOST_USER_SET_FEATURES] = on_set_features,
	[VHOST_USER_SET_OWNER] = on_set_owner,
	[VHOST_USER_RESET_OWNER] = on_reset_owner,
	[VHOST_USER_SET_MEM_TABLE] = on_set_mem_table,
	[VHOST_USER_SET_LOG_BASE] = on_set_log_base,
	[VHOST_USER_SET_LOG_FD] = on_set_log_fd,
	[VHOST_USER_SET_VRING_NUM] = on_vring_num,
	[VHOST_USER_SET_VRING_ADDR] = on_vring_addr,
	[VHOST_USER_SET_VRING_BASE] = on_set_vring_base,
	[VHOST_USER_GET_VRING_BASE] = on_get_vring_base,
	[VHOST_USER_SET_VRING_KICK] = on_vring_kick,
	[VHOST_USER_SET_VRING_CALL] = on_vring_call,
	[VHOST_USER_SET_VRING_ERR] = on_vring_err,
	[VHOST_USER_GET_PROTOCOL_FEATURES] = on_get_protocol_features,
	[VHOST_USER_SET_PROTOCOL_FEATURES] = on_set_protocol_features,
	[VHOST_USER_GET_QUEUE_NUM] = on_get_queue_num,
	[VHOST_USER_SET_VRING_ENABLE] = on_vring_enable,
	[VHOST_USER_SEND_RARP] = on_send_rarp,
	[VHOST_USER_NET_SET_MTU] = on_set_mtu,
};

int vhost_dev_handle(struct vhost_dev *dev, struct vhost_user *vu,
		     struct vhost_user_msg *msg)
{
	bool ack = wants_ack(dev, msg);
	struct answer a = { 0 };
	int rc;

	rc = handlers[msg->hdr.request](dev, msg, &a);
	if (!a.given && ack) {
		a.given = true;
		a.size = sizeof(a.body.u64);
		a.body.u64 = rc < 0 ? 1 : a.status;
	}
	if (a.given && (rc == 0 || ack)) {
		int sent = vhost_user_reply(vu, msg, &a.body, a.size);

		if (!rc && sent == -EPROTO)
			refuse(dev, "does not read its answers");
		rc = rc ? rc : sent;
	}
	return rc;
}
