/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhost_user.c: assemble and check messages.
 *
 * A message is a header, a body of the size that the header says, and file
 * descriptors that ride on its bytes.  The socket is never waited for: what
 * has come is kept in the stream until the rest follows.  Reads stop at the
 * end of each message, so descriptors cannot be taken for another one's.
 *
 * rules[] is the whole grammar: each message has one size and a known number
 * of descriptors.  What is not in the table is not spoken here.  Descriptors
 * that were installed for a message that is refused are closed with it, and
 * those beyond the eight we have room for are never installed (the kernel
 * closes them and sets MSG_CTRUNC).
 */
#include "netback/vhost_user.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum fd_rule {
	FDS_NONE,
	FDS_ONE,
	FDS_VRING, /* one, or none with VHOST_USER_VRING_NOFD */
	FDS_REGIONS, /* one a region */
};

struct rule {
	const char *name;
	uint16_t size; /* of the body; of SET_MEM_TABLE at most */
	uint8_t fds;
};

#define BODY(field) sizeof(((struct vhost_user_msg *)NULL)->body.field)

static const struct rule rules[VHOST_USER_REQUEST_COUNT] = {
	[VHOST_USER_GET_FEATURES] = { "GET_FEATURES", 0, FDS_NONE },
	[VHOST_USER_SET_FEATURES] = { "SET_FEATURES", BODY(u64), FDS_NONE },
	[VHOST_USER_SET_OWNER] = { "SET_OWNER", 0, FDS_NONE },
	[VHOST_USER_RESET_OWNER] = { "RESET_OWNER", 0, FDS_NONE },
	[VHOST_USER_SET_MEM_TABLE] = { "SET_MEM_TABLE", BODY(mem),
				       FDS_REGIONS },
	[VHOST_USER_SET_LOG_BASE] = { "SET_LOG_BASE", BODY(log), FDS_ONE },
	[VHOST_USER_SET_LOG_FD] = { "SET_LOG_FD", 0, FDS_ONE },
	[VHOST_USER_SET_VRING_NUM] = { "SET_VRING_NUM", BODY(state),
				       FDS_NONE },
	[VHOST_USER_SET_VRING_ADDR] = { "SET_VRING_ADDR", BODY(addr),
					FDS_NONE },
	[VHOST_USER_SET_VRING_BASE] = { "SET_VRING_BASE", BODY(state),
					FDS_NONE },
	[VHOST_USER_GET_VRING_BASE] = { "GET_VRING_BASE", BODY(state),
					FDS_NONE },
	[VHOST_USER_SET_VRING_KICK] = { "SET_VRING_KICK", BODY(u64),
					FDS_VRING },
	[VHOST_USER_SET_VRING_CALL] = { "SET_VRING_CALL", BODY(u64),
					FDS_VRING },
	[VHOST_USER_SET_VRING_ERR] = { "SET_VRING_ERR", BODY(u64),
				       FDS_VRING },
	[VHOST_USER_GET_PROTOCOL_FEATURES] = { "GET_PROTOCOL_FEATURES", 0,
					       FDS_NONE },
	[VHOST_USER_SET_PROTOCOL_FEATURES] = { "SET_PROTOCOL_FEATURES",
					       BODY(u64), FDS_NONE },
	[VHOST_USER_GET_QUEUE_NUM] = { "GET_QUEUE_NUM", 0, FDS_NONE },
	[VHOST_USER_SET_VRING_ENABLE] = { "SET_VRING_ENABLE", BODY(state),
					  FDS_NONE },
	[VHOST_USER_SEND_RARP] = { "SEND_RARP", BODY(u64), FDS_NONE },
	[VHOST_USER_NET_SET_MTU] = { "NET_SET_MTU", BODY(u64), FDS_NONE },
};

const char *vhost_user_name(uint32_t request)
{
	if (request >= VHOST_USER_REQUEST_COUNT || !rules[request].name)
		return "unknown message";
	return rules[request].name;
}

void vhost_user_init(struct vhost_user *vu, int fd)
{
	memset(vu, 0, sizeof(*vu));
	vu->fd = fd;
}

void vhost_user_fini(struct vhost_user *vu)
{
	vhost_user_msg_fini(&vu->msg);
	if (vu->fd >= 0)
		close(vu->fd);
	vu->fd = -1;
	vu->got = 0;
}

void vhost_user_msg_fini(struct vhost_user_msg *msg)
{
	unsigned i;

	for (i = 0; i < msg->fd_count; i++)
		if (msg->fd[i] >= 0)
			close(msg->fd[i]);
	msg->fd_count = 0;
}

int vhost_user_msg_take_fd(struct vhost_user_msg *msg, unsigned i)
{
	int fd = i < msg->fd_count ? msg->fd[i] : -1;

	if (fd >= 0)
		msg->fd[i] = -1;
	return fd;
}

/* ---- checks ---------------------------------------------------------------- */

#define REGION sizeof(struct guest_region_desc)

static bool size_fits(const struct rule *r, uint32_t size)
{
	if (r->fds != FDS_REGIONS)
		return size == r->size;
	return size >= 8 && size <= r->size && (size - 8) % REGION == 0;
}

static const char *header_fault(const struct vhost_user_hdr *h)
{
	if ((h->flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION)
		return "not protocol version 1";
	if (h->flags & ~(VHOST_USER_VERSION_MASK | VHOST_USER_NEED_REPLY))
		return "flags that mean nothing here";
	if (h->request >= VHOST_USER_REQUEST_COUNT || !rules[h->request].name)
		return "belongs to a feature that was not offered";
	return size_fits(&rules[h->request], h->size) ? NULL : "wrong size";
}

static const char *body_fault(const struct vhost_user_msg *m)
{
	unsigned want = 0;

	switch (rules[m->hdr.request].fds) {
	case FDS_NONE:
		break;
	case FDS_ONE:
		want = 1;
		break;
	case FDS_VRING:
		want = !(m->body.u64 & VHOST_USER_VRING_NOFD);
		break;
	case FDS_REGIONS:
		want = m->body.mem.count;
		if (m->hdr.size != 8 + (uint64_t)want * REGION)
			return "number of regions and size disagree";
		break;
	}
	return m->fd_count == want ? NULL : "wrong number of descriptors";
}

/* ---- receive --------------------------------------------------------------- */

/* Keep descriptors that came along; false: more than we have room for. */
static bool fds_collect(struct vhost_user_msg *m, struct msghdr *mh)
{
	bool room = !(mh->msg_flags & MSG_CTRUNC);
	struct cmsghdr *c;
	size_t i, n;
	int fd;

	for (c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (m->fd_count < VHOST_USER_FDS_MAX) {
				m->fd[m->fd_count++] = fd;
			} else {
				close(fd);
				room = false;
			}
		}
	}
	return room;
}

/* Read up to n bytes.  Bytes read, 0 if none are there, or negative. */
static ssize_t stream_read(struct vhost_user *vu, void *to, size_t n,
			   const char **why)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * VHOST_USER_FDS_MAX)];
	} control;
	struct iovec iov = { .iov_base = to, .iov_len = n };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control) };
	ssize_t got;

	got = recvmsg(vu->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -ECONNRESET;
	if (!fds_collect(&vu->msg, &mh)) {
		*why = "more descriptors than any message has";
		return -EPROTO;
	}
	return got ? got : -ECONNRESET;
}

/* Read on until `upto` bytes of the message are there.  1, 0 or negative. */
static int stream_fill(struct vhost_user *vu, size_t upto, const char **why)
{
	const size_t hdr = sizeof(vu->msg.hdr);

	while (vu->got < upto) {
		uint8_t *to = vu->got < hdr
				      ? (uint8_t *)&vu->msg.hdr + vu->got
				      : (uint8_t *)&vu->msg.body + vu->got - hdr;
		ssize_t n = stream_read(vu, to, upto - vu->got, why);

		if (n <= 0)
			return (int)n;
		vu->got += (size_t)n;
	}
	return 1;
}

int vhost_user_recv(struct vhost_user *vu, struct vhost_user_msg *msg,
		    const char **why)
{
	const size_t hdr = sizeof(vu->msg.hdr);
	int rc;

	*why = NULL;
	rc = stream_fill(vu, hdr, why);
	if (rc <= 0)
		return rc;
	*why = header_fault(&vu->msg.hdr);
	if (*why)
		return -EPROTO;
	rc = stream_fill(vu, hdr + vu->msg.hdr.size, why);
	if (rc <= 0)
		return rc;
	*why = body_fault(&vu->msg);
	if (*why)
		return -EPROTO;
	*msg = vu->msg;
	memset(&vu->msg, 0, sizeof(vu->msg));
	vu->got = 0;
	vu->waiting_since_ms = 0;
	vu->first_seen = true;
	return 1;
}

int vhost_user_reply(struct vhost_user *vu, const struct vhost_user_msg *to,
		     const void *body, uint32_t size)
{
	struct vhost_user_hdr h = {
		.request = to->hdr.request,
		.flags = VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY,
		.size = size,
	};
	struct iovec iov[2] = { { &h, sizeof(h) }, { (void *)body, size } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	n = sendmsg(vu->fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == (ssize_t)(sizeof(h) + size))
		return 0;
	return n < 0 && errno != EAGAIN ? -ECONNRESET : -EPROTO;
}

bool vhost_user_overdue(struct vhost_user *vu, uint64_t now_ms, bool first)
{
	if (!vu->got && (vu->first_seen || !first)) {
		vu->waiting_since_ms = 0;
		return false;
	}
	if (!vu->waiting_since_ms)
		vu->waiting_since_ms = now_ms;
	return now_ms - vu->waiting_since_ms >= VHOST_USER_DEADLINE_MS;
}
