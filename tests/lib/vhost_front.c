/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhost_front.c: memory layout, handshake and frames of a made-up guest.
 *
 * Memory holds one block a ring: descriptors, available and used ring on pages
 * of their own, then one buffer for each descriptor.  Descriptor i always
 * means buffer i, so a frame is sent by filling the next descriptor in turn.
 */
#include "tests/lib/vhost_front.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TURNS_MAX 1000 /* of the pump, before a wait fails */
#define WAIT_MS	  5000

#define F_MRG_RXBUF (1ull << 15)
#define F_PROTOCOL  (1ull << VHOST_USER_F_PROTOCOL_FEATURES)
#define F_VERSION_1 (1ull << 32)

/* ---- memory --------------------------------------------------------------- */

static uint64_t page_up(uint64_t n)
{
	return (n + FRONT_PAGE - 1) & ~(uint64_t)(FRONT_PAGE - 1);
}

/* Lay a ring out at offset `at`; returns the offset behind it. */
static uint64_t ring_place(struct vhost_front_ring *r, uint64_t at,
			   uint16_t size)
{
	r->size = size;
	r->desc_at = at;
	r->avail_at = r->desc_at + page_up(16ull * size);
	r->used_at = r->avail_at + page_up(6 + 2ull * size);
	r->bufs_at = r->used_at + page_up(6 + 8ull * size);
	return r->bufs_at + (uint64_t)size * FRONT_BUF_BYTES;
}

static void ring_fill(struct vhost_front *vf, unsigned index)
{
	struct vhost_front_ring *r = &vf->ring[index];
	uint16_t i;

	r->desc = (struct front_desc *)(vf->mem + r->desc_at);
	r->avail = (uint16_t *)(vf->mem + r->avail_at);
	r->used = (uint16_t *)(vf->mem + r->used_at);
	for (i = 0; i < r->size; i++) {
		r->desc[i].addr =
			FRONT_GPA + r->bufs_at + (uint64_t)i * FRONT_BUF_BYTES;
		r->desc[i].len = FRONT_BUF_BYTES;
		r->desc[i].flags = index % 2 ? 0 : FRONT_DESC_WRITE;
		if (index % 2 == 0)
			vhost_front_post(vf, index, i);
	}
	r->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static int memory_make(struct vhost_front *vf)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

	vf->mem_fd = memfd_create("front", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (vf->mem_fd < 0 || ftruncate(vf->mem_fd, (off_t)vf->mem_bytes) < 0)
		return -errno;
	if (!vf->conf.unsealed && fcntl(vf->mem_fd, F_ADD_SEALS, seals) < 0)
		return -errno;
	vf->mem = mmap(NULL, vf->mem_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		       vf->mem_fd, 0);
	if (vf->mem == MAP_FAILED) {
		vf->mem = NULL;
		return -errno;
	}
	return 0;
}

int vhost_front_new(struct vhost_front **out,
		    const struct vhost_front_conf *conf)
{
	uint16_t size = conf->ring_size ? conf->ring_size : 256;
	struct vhost_front *vf;
	uint64_t at = 0;
	unsigned i;
	int rc;

	*out = NULL;
	vf = calloc(1, sizeof(*vf));
	if (!vf)
		return -ENOMEM;
	vf->conf = *conf;
	if (!vf->conf.features)
		vf->conf.features = FRONT_FEATURES_ALL;
	vf->sock = vf->listen_fd = vf->mem_fd = -1;
	vf->hdr_len = 12;
	for (i = 0; i < 2 * conf->queues; i++)
		at = ring_place(&vf->ring[i], at, size);
	vf->mem_bytes = page_up(at);
	rc = memory_make(vf);
	if (rc < 0) {
		vhost_front_free(vf);
		return rc;
	}
	for (i = 0; i < 2 * conf->queues; i++)
		ring_fill(vf, i);
	*out = vf;
	return 0;
}

static void fd_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

void vhost_front_free(struct vhost_front *vf)
{
	unsigned i;

	if (!vf)
		return;
	for (i = 0; vf->mem && i < 2 * vf->conf.queues; i++) {
		fd_close(vf->ring[i].kick_fd);
		fd_close(vf->ring[i].call_fd);
	}
	if (vf->mem)
		munmap(vf->mem, vf->mem_bytes);
	fd_close(vf->mem_fd);
	fd_close(vf->sock);
	fd_close(vf->listen_fd);
	free(vf);
}

/* ---- connection -------------------------------------------------------------- */

/* Wait for something to read.  0 or -ETIMEDOUT. */
static int front_wait(struct vhost_front *vf, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int turn;

	if (!vf->conf.pump)
		return poll(&p, 1, WAIT_MS) > 0 ? 0 : -ETIMEDOUT;
	for (turn = 0; turn < TURNS_MAX; turn++) {
		if (poll(&p, 1, 0) > 0)
			return 0;
		vf->conf.pump(vf->conf.ctx);
	}
	return -ETIMEDOUT;
}

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	strncpy(sun.sun_path, path, sizeof(sun.sun_path) - 1);
	return sun;
}

int vhost_front_listen(struct vhost_front *vf, const char *path)
{
	struct sockaddr_un sun = address(path);

	unlink(path);
	vf->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (vf->listen_fd < 0 ||
	    bind(vf->listen_fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ||
	    listen(vf->listen_fd, 4) < 0)
		return -errno;
	return 0;
}

int vhost_front_accept(struct vhost_front *vf)
{
	int rc = front_wait(vf, vf->listen_fd);

	if (rc < 0)
		return rc;
	vhost_front_hangup(vf);
	vf->sock = accept4(vf->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	return vf->sock < 0 ? -errno : 0;
}

int vhost_front_connect(struct vhost_front *vf, const char *path)
{
	struct sockaddr_un sun = address(path);

	vhost_front_hangup(vf);
	vf->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (vf->sock < 0)
		return -errno;
	if (connect(vf->sock, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		int rc = -errno;

		vhost_front_hangup(vf);
		return rc;
	}
	return 0;
}

void vhost_front_hangup(struct vhost_front *vf)
{
	fd_close(vf->sock);
	vf->sock = -1;
}

bool vhost_front_lost(struct vhost_front *vf)
{
	char byte;
	ssize_t n;

	if (vf->sock < 0)
		return true;
	n = recv(vf->sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno != EAGAIN);
}

/* ---- messages ------------------------------------------------------------------ */

int vhost_front_raw(struct vhost_front *vf, const void *bytes, size_t n,
		    const int fds[], unsigned fd_count)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(FRONT_RAW_FDS_MAX * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)bytes, n };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (fd_count) {
		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
	}
	if (sendmsg(vf->sock, &mh, MSG_NOSIGNAL) != (ssize_t)n)
		return errno ? -errno : -EIO;
	return 0;
}

static int front_send(struct vhost_front *vf, uint32_t request, uint32_t flags,
		      const void *body, uint32_t size, const int fds[],
		      unsigned fd_count)
{
	struct vhost_user_hdr h = { request, VHOST_USER_VERSION | flags, size };
	uint8_t bytes[sizeof(h) + sizeof(struct vhost_user_mem)];

	memcpy(bytes, &h, sizeof(h));
	if (size)
		memcpy(bytes + sizeof(h), body, size);
	return vhost_front_raw(vf, bytes, sizeof(h) + size, fds, fd_count);
}

int vhost_front_send(struct vhost_front *vf, uint32_t request,
		     const void *body, uint32_t size, const int fds[],
		     unsigned fd_count)
{
	return front_send(vf, request, 0, body, size, fds, fd_count);
}

int vhost_front_answer(struct vhost_front *vf, uint32_t request, void *body,
		       uint32_t size)
{
	struct vhost_user_hdr h;
	int rc = front_wait(vf, vf->sock);

	if (rc < 0)
		return rc;
	if (recv(vf->sock, &h, sizeof(h), MSG_WAITALL) != sizeof(h))
		return -ECONNRESET;
	if (h.request != request || h.size != size ||
	    h.flags != (VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY))
		return -EPROTO;
	if (size &&
	    recv(vf->sock, body, size, MSG_WAITALL) != (ssize_t)size)
		return -ECONNRESET;
	return 0;
}

int vhost_front_tell(struct vhost_front *vf, uint32_t request,
		     const void *body, uint32_t size, const int fds[],
		     unsigned fd_count)
{
	bool ack = vf->conf.need_reply &&
		   (vf->protocol & VHOST_USER_PROTOCOL_F_REPLY_ACK);
	uint64_t status;
	int rc;

	rc = front_send(vf, request, ack ? VHOST_USER_NEED_REPLY : 0, body,
			size, fds, fd_count);
	if (rc < 0 || !ack)
		return rc;
	rc = vhost_front_answer(vf, request, &status, sizeof(status));
	return rc < 0 ? rc : status ? -EREMOTEIO : 0;
}

int vhost_front_tell_u64(struct vhost_front *vf, uint32_t request, uint64_t v)
{
	return vhost_front_tell(vf, request, &v, sizeof(v), NULL, 0);
}

int vhost_front_tell_state(struct vhost_front *vf, uint32_t request,
			   uint32_t index, uint32_t num)
{
	struct vhost_user_state s = { index, num };

	return vhost_front_tell(vf, request, &s, sizeof(s), NULL, 0);
}

int vhost_front_ask_u64(struct vhost_front *vf, uint32_t request,
			uint64_t *value)
{
	int rc = vhost_front_send(vf, request, NULL, 0, NULL, 0);

	return rc < 0 ? rc
		      : vhost_front_answer(vf, request, value, sizeof(*value));
}

/* ---- handshake -------------------------------------------------------------------- */

static int negotiate_protocol(struct vhost_front *vf)
{
	uint64_t protocol;
	int rc;

	rc = vhost_front_ask_u64(vf, VHOST_USER_GET_PROTOCOL_FEATURES,
				 &protocol);
	if (rc < 0)
		return rc;
	rc = vhost_front_tell_u64(vf, VHOST_USER_SET_PROTOCOL_FEATURES,
				  protocol);
	vf->protocol = protocol;
	return rc;
}

int vhost_front_negotiate(struct vhost_front *vf)
{
	int rc;

	vf->protocol = 0;
	rc = vhost_front_ask_u64(vf, VHOST_USER_GET_FEATURES, &vf->offered);
	if (rc < 0)
		return rc;
	vf->features = vf->offered & vf->conf.features &
		       ~(1ull << VHOST_USER_F_LOG_ALL);
	vf->hdr_len = vf->features & (F_VERSION_1 | F_MRG_RXBUF) ? 12 : 10;
	if (vf->features & F_PROTOCOL) {
		rc = negotiate_protocol(vf);
		if (rc < 0)
			return rc;
	}
	rc = vhost_front_tell(vf, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0);
	if (rc < 0)
		return rc;
	return vhost_front_tell_u64(vf, VHOST_USER_SET_FEATURES, vf->features);
}

int vhost_front_memory(struct vhost_front *vf)
{
	struct vhost_user_mem m = { .count = 1 };

	m.region[0] = (struct guest_region_desc){ .gpa = FRONT_GPA,
						  .uva = FRONT_UVA,
						  .bytes = vf->mem_bytes };
	return vhost_front_tell(vf, VHOST_USER_SET_MEM_TABLE, &m,
				8 + sizeof(m.region[0]), &vf->mem_fd, 1);
}

static int ring_addresses(struct vhost_front *vf, unsigned index)
{
	struct vhost_front_ring *r = &vf->ring[index];
	struct vhost_user_addr a = {
		.index = index,
		.desc = FRONT_UVA + r->desc_at,
		.avail = FRONT_UVA + r->avail_at,
		.used = FRONT_UVA + r->used_at,
		.log = FRONT_GPA + r->used_at,
	};

	return vhost_front_tell(vf, VHOST_USER_SET_VRING_ADDR, &a, sizeof(a),
				NULL, 0);
}

int vhost_front_ring_setup(struct vhost_front *vf, unsigned index)
{
	struct vhost_front_ring *r = &vf->ring[index];
	uint64_t u64 = index;
	int rc;

	rc = vhost_front_tell_state(vf, VHOST_USER_SET_VRING_NUM, index,
				    r->size);
	if (!rc)
		rc = vhost_front_tell_state(vf, VHOST_USER_SET_VRING_BASE,
					    index, r->used[1]);
	if (!rc)
		rc = ring_addresses(vf, index);
	if (!rc)
		rc = vhost_front_tell(vf, VHOST_USER_SET_VRING_KICK, &u64,
				      sizeof(u64), &r->kick_fd, 1);
	if (!rc)
		rc = vhost_front_tell(vf, VHOST_USER_SET_VRING_CALL, &u64,
				      sizeof(u64), &r->call_fd, 1);
	return rc;
}

int vhost_front_enable(struct vhost_front *vf, unsigned index, bool on)
{
	return vhost_front_tell_state(vf, VHOST_USER_SET_VRING_ENABLE, index,
				      on);
}

int vhost_front_handshake(struct vhost_front *vf)
{
	unsigned i;
	int rc;

	rc = vhost_front_negotiate(vf);
	if (!rc)
		rc = vhost_front_memory(vf);
	for (i = 0; i < 2 * vf->conf.queues && !rc; i++)
		rc = vhost_front_ring_setup(vf, i);
	if (!(vf->features & F_PROTOCOL))
		return rc;
	for (i = 0; i < 2 * vf->conf.queues && !rc; i++)
		rc = vhost_front_enable(vf, i, true);
	return rc;
}

int vhost_front_ring_stop(struct vhost_front *vf, unsigned index)
{
	struct vhost_user_state s = { .index = index };
	int rc;

	rc = vhost_front_send(vf, VHOST_USER_GET_VRING_BASE, &s, sizeof(s),
			      NULL, 0);
	if (!rc)
		rc = vhost_front_answer(vf, VHOST_USER_GET_VRING_BASE, &s,
					sizeof(s));
	return rc < 0 ? rc : (int)s.num;
}

/* ---- frames -------------------------------------------------------------------------- */

uint8_t *vhost_front_at(struct vhost_front *vf, uint64_t gpa)
{
	return vf->mem + (gpa - FRONT_GPA);
}

void vhost_front_post(struct vhost_front *vf, unsigned index, uint16_t head)
{
	struct vhost_front_ring *r = &vf->ring[index];

	r->avail[2 + (r->avail_idx++ & (r->size - 1))] = head;
	__atomic_store_n(&r->avail[1], r->avail_idx, __ATOMIC_RELEASE);
}

static bool ring_has_used(const struct vhost_front_ring *r)
{
	return __atomic_load_n(&r->used[1], __ATOMIC_ACQUIRE) != r->used_idx;
}

/* The next used pair; there is one. */
static struct front_used ring_take(struct vhost_front_ring *r)
{
	struct front_used u;

	memcpy(&u, r->used + 2 + 4 * (r->used_idx++ & (r->size - 1)),
	       sizeof(u));
	return u;
}

int vhost_front_tx(struct vhost_front *vf, unsigned q, const void *frame,
		   size_t n)
{
	unsigned index = 2 * q + 1;
	struct vhost_front_ring *r = &vf->ring[index];
	uint16_t slot = r->avail_idx & (r->size - 1);
	uint8_t *at;

	while (ring_has_used(r))
		ring_take(r);
	if ((uint16_t)(r->avail_idx - r->used_idx) >= r->size)
		return -EAGAIN;
	at = vhost_front_at(vf, r->desc[slot].addr);
	memset(at, 0, vf->hdr_len);
	memcpy(at + vf->hdr_len, frame, n);
	r->desc[slot].len = (uint32_t)(vf->hdr_len + n);
	r->desc[slot].flags = 0;
	vhost_front_post(vf, index, slot);
	return 0;
}

unsigned vhost_front_tx_pending(struct vhost_front *vf, unsigned q)
{
	struct vhost_front_ring *r = &vf->ring[2 * q + 1];

	while (ring_has_used(r))
		ring_take(r);
	return (uint16_t)(r->avail_idx - r->used_idx);
}

/* Append a buffer's bytes from `skip` on; returns the new length. */
static size_t rx_append(struct vhost_front *vf, unsigned index,
			struct front_used u, size_t skip, uint8_t *to,
			size_t have, size_t room)
{
	struct vhost_front_ring *r = &vf->ring[index];
	size_t n = u.len > skip ? u.len - skip : 0;

	if (n > room - have)
		n = room - have;
	memcpy(to + have, vhost_front_at(vf, r->desc[u.id].addr) + skip, n);
	vhost_front_post(vf, index, (uint16_t)u.id);
	return have + n;
}

size_t vhost_front_rx(struct vhost_front *vf, unsigned q, void *frame,
		      size_t room)
{
	unsigned index = 2 * q;
	struct vhost_front_ring *r = &vf->ring[index];
	uint16_t buffers = 1;
	struct front_used u;
	size_t have;

	if (!ring_has_used(r))
		return 0;
	u = ring_take(r);
	if (vf->hdr_len == 12 && (vf->features & F_MRG_RXBUF))
		memcpy(&buffers,
		       vhost_front_at(vf, r->desc[u.id].addr) + 10,
		       sizeof(buffers));
	have = rx_append(vf, index, u, vf->hdr_len, frame, 0, room);
	while (--buffers && ring_has_used(r))
		have = rx_append(vf, index, ring_take(r), 0, frame, have,
				 room);
	return have;
}

uint64_t vhost_front_calls(struct vhost_front *vf, unsigned index)
{
	uint64_t n = 0;

	if (read(vf->ring[index].call_fd, &n, sizeof(n)) < 0)
		return 0;
	return n;
}

void vhost_front_kick(struct vhost_front *vf, unsigned index)
{
	eventfd_write(vf->ring[index].kick_fd, 1);
}
