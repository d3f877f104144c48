/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest.c: memory, rings and the vhost-user handshake of a made-up guest.
 *
 * Memory is one sealed memfd, guest physical 0 at its first byte:
 *
 *	receive ring | transmit ring | buffers
 *
 * The rings' front-end virtual addresses are simply our own.  Requests that
 * have an answer are waited for; SET_MEM_TABLE asks for one (REPLY_ACK), so
 * that no ring is started before the memory is mapped.
 */
#include "tests/bench/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define HUGE_BYTES (2u << 20)
#define REPLY_MS 5000

enum { /* vhost-user requests, front end to back end */
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	SET_VRING_ENABLE = 18,
};

#define F_MRG_RXBUF (1ull << 15)
#define F_PROTOCOL_FEATURES (1ull << 30)
#define F_VERSION_1 (1ull << 32)
#define PROTOCOL_F_REPLY_ACK (1ull << 3)
#define MSG_VERSION 1u
#define MSG_NEED_REPLY (1u << 3)

struct msg {
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct {
			uint32_t index, num;
		} state;
		struct {
			uint32_t index, flags;
			uint64_t desc, used, avail, log;
		} addr;
		struct {
			uint32_t count, padding;
			uint64_t gpa, bytes, uva, offset;
		} mem;
	};
} __attribute__((packed));

#define MSG_HDR offsetof(struct msg, u64)

static size_t ring_bytes(unsigned size)
{
	size_t desc = 16ul * size, avail = 6 + 2ul * size, used = 6 + 8ul * size;

	return ((desc + avail + 4095) & ~4095ul) + ((used + 4095) & ~4095ul);
}

static void ring_init(struct guest_ring *r, uint8_t *at, unsigned size)
{
	unsigned i;

	r->desc = (struct vring_desc *)at;
	r->avail = (struct vring_avail *)(at + 16ul * size);
	r->used = (struct vring_used *)(at +
					((18ul * size + 6 + 4095) & ~4095ul));
	r->mask = (uint16_t)(size - 1);
	r->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	for (i = 0; i < size; i++)
		r->slot[i] = (uint16_t)i;
	r->slot_tail = (uint16_t)size;
	r->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static int guest_memory(struct guest *g)
{
	size_t bytes = 2 * ring_bytes(g->conf.ring) +
		       (size_t)(2 * g->conf.ring + 64) * GUEST_BUF_BYTES;
	size_t page = g->conf.huge ? HUGE_BYTES : 4096;
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;

	g->bytes = (bytes + page - 1) & ~(page - 1);
	g->mem_fd = memfd_create("bench-guest",
				 flags | (g->conf.huge ? MFD_HUGETLB : 0));
	if (g->mem_fd < 0 || ftruncate(g->mem_fd, (off_t)g->bytes) < 0)
		return -errno;
	if (fcntl(g->mem_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		return -errno;
	g->mem = mmap(NULL, g->bytes, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_POPULATE, g->mem_fd, 0);
	return g->mem == MAP_FAILED ? -ENOMEM : 0;
}

static void guest_rings(struct guest *g)
{
	unsigned i, bufs = 2 * g->conf.ring + 64;

	ring_init(&g->rx, g->mem, g->conf.ring);
	ring_init(&g->tx, g->mem + ring_bytes(g->conf.ring), g->conf.ring);
	g->bufs = g->mem + 2 * ring_bytes(g->conf.ring);
	for (i = 0; i < bufs; i++)
		g->free[g->free_count++] = (uint16_t)i;
	for (i = 0; i < g->conf.ring; i++)
		guest_post(g, &g->rx, g->free[--g->free_count],
			   GUEST_FRAME_MAX, VRING_DESC_F_WRITE);
	__atomic_store_n(&g->rx.avail->idx, g->rx.avail_idx, __ATOMIC_RELEASE);
}

static int msg_send(struct guest *g, struct msg *m, size_t body, int pass_fd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { m, MSG_HDR + body };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	m->flags |= MSG_VERSION;
	m->size = (uint32_t)body;
	if (pass_fd >= 0) {
		h.msg_control = control.room;
		h.msg_controllen = sizeof(control.room);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
	}
	if (sendmsg(g->fd, &h, MSG_NOSIGNAL) != (ssize_t)iov.iov_len)
		return errno ? -errno : -EIO;
	return 0;
}

/* The answer to the last request: 64 bits. */
static int msg_answer(struct guest *g, uint64_t *value)
{
	struct pollfd p = { .fd = g->fd, .events = POLLIN };
	struct msg m;
	ssize_t n;

	if (poll(&p, 1, REPLY_MS) <= 0)
		return -ETIMEDOUT;
	n = recv(g->fd, &m, MSG_HDR + sizeof(m.u64), MSG_WAITALL);
	if (n != (ssize_t)(MSG_HDR + sizeof(m.u64)))
		return -ECONNRESET;
	*value = m.u64;
	return 0;
}

static int ask_u64(struct guest *g, uint32_t request, uint64_t *value)
{
	struct msg m = { .request = request };
	int rc = msg_send(g, &m, 0, -1);

	return rc < 0 ? rc : msg_answer(g, value);
}

static int tell_u64(struct guest *g, uint32_t request, uint64_t v, int pass_fd)
{
	struct msg m = { .request = request, .u64 = v };

	return msg_send(g, &m, sizeof(m.u64), pass_fd);
}

static int tell_state(struct guest *g, uint32_t request, uint32_t index,
		      uint32_t num)
{
	struct msg m = { .request = request, .state = { index, num } };

	return msg_send(g, &m, sizeof(m.state), -1);
}

static int tell_memory(struct guest *g, bool ack)
{
	struct msg m = {
		.request = SET_MEM_TABLE,
		.flags = ack ? MSG_NEED_REPLY : 0,
		.mem = { 1, 0, 0, g->bytes, (uintptr_t)g->mem, 0 },
	};
	uint64_t refused = 0;
	int rc = msg_send(g, &m, sizeof(m.mem), g->mem_fd);

	if (rc == 0 && ack)
		rc = msg_answer(g, &refused);
	return rc < 0 ? rc : refused ? -EPERM : 0;
}

static int tell_ring(struct guest *g, uint32_t index, struct guest_ring *r)
{
	struct msg m = {
		.request = SET_VRING_ADDR,
		.addr = { index, 0, (uintptr_t)r->desc, (uintptr_t)r->used,
			  (uintptr_t)r->avail, 0 },
	};
	int rc;

	if ((rc = tell_state(g, SET_VRING_NUM, index, r->mask + 1u)) < 0 ||
	    (rc = tell_state(g, SET_VRING_BASE, index, r->used->idx)) < 0 ||
	    (rc = msg_send(g, &m, sizeof(m.addr), -1)) < 0 ||
	    (rc = tell_u64(g, SET_VRING_CALL, index, r->call_fd)) < 0 ||
	    (rc = tell_u64(g, SET_VRING_KICK, index, r->kick_fd)) < 0)
		return rc;
	return 0;
}

static int handshake(struct guest *g)
{
	uint64_t features, protocol = 0;
	int rc;

	if ((rc = ask_u64(g, GET_FEATURES, &features)) < 0)
		return rc;
	if (!(features & F_VERSION_1) || !(features & F_MRG_RXBUF))
		return -EPROTONOSUPPORT;
	features &= F_VERSION_1 | F_MRG_RXBUF | F_PROTOCOL_FEATURES;
	if (features & F_PROTOCOL_FEATURES) {
		if ((rc = ask_u64(g, GET_PROTOCOL_FEATURES, &protocol)) < 0)
			return rc;
		protocol &= PROTOCOL_F_REPLY_ACK;
		rc = tell_u64(g, SET_PROTOCOL_FEATURES, protocol, -1);
		if (rc < 0)
			return rc;
	}
	struct msg owner = { .request = SET_OWNER };
	if ((rc = msg_send(g, &owner, 0, -1)) < 0 ||
	    (rc = tell_u64(g, SET_FEATURES, features, -1)) < 0 ||
	    (rc = tell_memory(g, protocol & PROTOCOL_F_REPLY_ACK)) < 0 ||
	    (rc = tell_ring(g, 0, &g->rx)) < 0 ||
	    (rc = tell_ring(g, 1, &g->tx)) < 0)
		return rc;
	if (!(features & F_PROTOCOL_FEATURES))
		return 0;
	rc = tell_state(g, SET_VRING_ENABLE, 0, 1);
	return rc < 0 ? rc : tell_state(g, SET_VRING_ENABLE, 1, 1);
}

static int guest_listen(struct guest *g, const struct sockaddr_un *at)
{
	unlink(at->sun_path);
	g->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
				       SOCK_NONBLOCK, 0);
	if (g->listen_fd < 0 ||
	    bind(g->listen_fd, (const void *)at, sizeof(*at)) < 0 ||
	    chmod(at->sun_path, 0666) < 0 || /* the switch is not root */
	    listen(g->listen_fd, 1) < 0)
		return -errno;
	return 0;
}

/* One try: a connected socket in g->fd, -EAGAIN, or another error. */
static int guest_dial(struct guest *g)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int rc;

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", g->conf.path);
	if (g->conf.listen) {
		if (g->listen_fd < 0 && (rc = guest_listen(g, &at)) < 0)
			return rc;
		g->fd = accept4(g->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		return g->fd < 0 ? -errno : 0;
	}
	g->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (g->fd < 0)
		return -errno;
	if (connect(g->fd, (void *)&at, sizeof(at)) == 0)
		return 0;
	rc = errno == ENOENT || errno == ECONNREFUSED ? -EAGAIN : -errno;
	close(g->fd);
	g->fd = -1;
	return rc;
}

int guest_reconnect(struct guest *g)
{
	int rc;

	if (g->fd >= 0)
		close(g->fd);
	rc = guest_dial(g);
	if (rc < 0)
		return rc;
	rc = handshake(g);
	if (rc == 0) { /* whatever waited while nobody looked */
		guest_kick(g, &g->rx);
		guest_kick(g, &g->tx);
		return 0;
	}
	close(g->fd);
	g->fd = -1;
	return rc;
}

int guest_open(struct guest **out, const struct guest_conf *conf,
	       unsigned timeout_ms)
{
	struct guest *g = calloc(1, sizeof(*g));
	const struct timespec pause = { .tv_nsec = 1000000 };
	int rc;

	if (!g)
		return -ENOMEM;
	g->conf = *conf;
	g->fd = g->listen_fd = g->mem_fd = -1;
	g->conf.path = conf->path ? strdup(conf->path) : NULL;
	rc = guest_memory(g);
	if (rc < 0)
		goto close_guest;
	guest_rings(g);
	while (g->conf.path && (rc = guest_reconnect(g)) == -EAGAIN &&
	       timeout_ms--)
		nanosleep(&pause, NULL);
	if (rc < 0)
		goto close_guest;
	*out = g;
	return 0;

close_guest:
	guest_close(g);
	return rc;
}

static void ring_fini(struct guest_ring *r)
{
	if (r->desc) {
		close(r->kick_fd);
		close(r->call_fd);
	}
}

void guest_close(struct guest *g)
{
	if (!g)
		return;
	if (g->fd >= 0)
		close(g->fd);
	if (g->listen_fd >= 0) {
		close(g->listen_fd);
		unlink(g->conf.path);
	}
	ring_fini(&g->rx);
	ring_fini(&g->tx);
	if (g->mem && g->mem != MAP_FAILED)
		munmap(g->mem, g->bytes);
	if (g->mem_fd >= 0)
		close(g->mem_fd);
	free((char *)g->conf.path);
	free(g);
}

bool guest_lost(struct guest *g)
{
	ssize_t n;
	char c;

	if (!g->conf.path)
		return false;
	if (g->fd < 0)
		return true;
	n = recv(g->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

void guest_kick(struct guest *g, struct guest_ring *r)
{
	uint64_t one = 1;

	g->kicks++;
	if (write(r->kick_fd, &one, sizeof(one)) < 0)
		return; /* counter full: it is awake anyhow */
}

/* One direction of the null device; how far each ring was read is its own. */
struct null_way {
	struct guest *from, *to;
	uint16_t tx_seen, rx_seen;
};

/* Frame bytes of the i-th chain the guest has made available. */
static uint8_t *null_data(const struct guest *g, const struct guest_ring *r,
			  uint16_t i)
{
	return g->mem + r->desc[r->avail->ring[i & r->mask]].addr +
	       GUEST_HDR_LEN;
}

static void null_move(struct null_way *w)
{
	struct guest_ring *t = &w->from->tx, *r = &w->to->rx;
	uint16_t tx_idx = __atomic_load_n(&t->avail->idx, __ATOMIC_ACQUIRE);
	uint16_t rx_idx = __atomic_load_n(&r->avail->idx, __ATOMIC_ACQUIRE);
	uint16_t n = (uint16_t)(tx_idx - w->tx_seen);
	uint16_t room = (uint16_t)(rx_idx - w->rx_seen), i;

	n = n < room ? n : room;
	n = n < 32 ? n : 32;
	for (i = 0; i < n; i++) {
		__builtin_prefetch(null_data(w->from, t, w->tx_seen + i), 0);
		__builtin_prefetch(null_data(w->to, r, w->rx_seen + i), 1);
	}
	for (i = 0; i < n; i++) {
		uint16_t ts = t->avail->ring[w->tx_seen & t->mask];
		uint16_t rs = r->avail->ring[w->rx_seen & r->mask];
		uint32_t len = t->desc[ts].len;

		memcpy(null_data(w->to, r, w->rx_seen),
		       null_data(w->from, t, w->tx_seen), 64);
		t->used->ring[w->tx_seen++ & t->mask] =
			(struct vring_used_elem){ ts, 0 };
		r->used->ring[w->rx_seen++ & r->mask] =
			(struct vring_used_elem){ rs, len };
	}
	__atomic_store_n(&r->used->idx, w->rx_seen, __ATOMIC_RELEASE);
	__atomic_store_n(&t->used->idx, w->tx_seen, __ATOMIC_RELEASE);
}

void guest_null_run(struct guest *a, struct guest *b, const atomic_bool *stop)
{
	struct null_way way[2] = {
		{ a, b, a->tx.used->idx, b->rx.used->idx },
		{ b, a, b->tx.used->idx, a->rx.used->idx },
	};

	a->tx.used->flags = b->tx.used->flags = VRING_USED_F_NO_NOTIFY;
	a->rx.used->flags = b->rx.used->flags = VRING_USED_F_NO_NOTIFY;
	while (!atomic_load_explicit(stop, memory_order_relaxed)) {
		null_move(&way[0]);
		null_move(&way[1]);
	}
}
