/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhost_user.h: messages of the vhost-user protocol on a Unix socket.
 *
 * This is the stream: bytes and file descriptors in, whole messages out, each
 * checked against one table for its size and its number of descriptors, and
 * short replies back.  What messages mean is vhost_dev.h's.  Nothing here
 * blocks or allocates; the protocol's text is QEMU's docs/interop/vhost-user.
 *
 * Ownership: descriptors of a message belong to the message;
 * vhost_user_msg_fini() closes those that were not taken out.
 */
#ifndef CAUSEWAY_VHOST_USER_H
#define CAUSEWAY_VHOST_USER_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netback/guest_mem.h"

#define VHOST_USER_FDS_MAX GUEST_REGIONS_MAX

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_LOG_BASE = 6,
	VHOST_USER_SET_LOG_FD = 7,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SEND_RARP = 19,
	VHOST_USER_NET_SET_MTU = 20,
	VHOST_USER_REQUEST_COUNT /* those we know; the rest is refused */
};

/* Bits of GET/SET_PROTOCOL_FEATURES that we use. */
#define VHOST_USER_PROTOCOL_F_MQ	(1ull << 0)
#define VHOST_USER_PROTOCOL_F_LOG_SHMFD (1ull << 1)
#define VHOST_USER_PROTOCOL_F_RARP	(1ull << 2)
#define VHOST_USER_PROTOCOL_F_REPLY_ACK (1ull << 3)
#define VHOST_USER_PROTOCOL_F_NET_MTU	(1ull << 4)

/* The bit of GET/SET_FEATURES that says there are protocol features. */
#define VHOST_USER_F_PROTOCOL_FEATURES 30
#define VHOST_USER_F_LOG_ALL	       26

#define VHOST_USER_VERSION     1u
#define VHOST_USER_VERSION_MASK 3u
#define VHOST_USER_FLAG_REPLY  (1u << 2)
#define VHOST_USER_NEED_REPLY  (1u << 3)

/* In the u64 of SET_VRING_KICK, CALL and ERR. */
#define VHOST_USER_VRING_MASK 0xffull
#define VHOST_USER_VRING_NOFD (1ull << 8)

struct vhost_user_hdr {
	uint32_t request, flags, size;
};

struct vhost_user_state {
	uint32_t index, num;
};

struct vhost_user_addr {
	uint32_t index, flags; /* bit 0: log writes to the used ring */
	uint64_t desc, used, avail, log;
};

struct vhost_user_log {
	uint64_t bytes, offset;
};

struct vhost_user_mem {
	uint32_t count, padding;
	struct guest_region_desc region[GUEST_REGIONS_MAX];
};

static_assert(sizeof(struct vhost_user_hdr) == 12, "wire");
static_assert(sizeof(struct vhost_user_addr) == 40, "wire");
static_assert(sizeof(struct vhost_user_mem) == 8 + 32 * GUEST_REGIONS_MAX,
	      "wire");

struct vhost_user_msg {
	struct vhost_user_hdr hdr;
	union {
		uint64_t u64;
		struct vhost_user_state state;
		struct vhost_user_addr addr;
		struct vhost_user_log log;
		struct vhost_user_mem mem;
	} body;
	unsigned fd_count;
	int fd[VHOST_USER_FDS_MAX];
};

/* One connection's stream. */
struct vhost_user {
	int fd; /* the socket, non-blocking; owned */
	size_t got; /* bytes of the message now coming in */
	struct vhost_user_msg msg;
	uint64_t waiting_since_ms; /* with got > 0, or before the first; 0: */
	bool first_seen; /* a whole message has come */
};

#define VHOST_USER_DEADLINE_MS 10000

/* Takes the socket. */
void vhost_user_init(struct vhost_user *vu, int fd);
/* Closes the socket and descriptors of a message not yet whole. */
void vhost_user_fini(struct vhost_user *vu);

/*
 * The next message, if it is all there.  1: *msg is it; 0: not yet;
 * -ECONNRESET: the peer has gone; -EPROTO: it broke the rules, and *why says
 * in which words.
 */
int vhost_user_recv(struct vhost_user *vu, struct vhost_user_msg *msg,
		    const char **why);
void vhost_user_msg_fini(struct vhost_user_msg *msg);
/* Take a descriptor out of a message; the caller owns it from here. */
int vhost_user_msg_take_fd(struct vhost_user_msg *msg, unsigned i);

/*
 * Answer `to` with `size` bytes of body.  0, or -EPROTO: the peer does not
 * read what it asked for.
 */
int vhost_user_reply(struct vhost_user *vu, const struct vhost_user_msg *to,
		     const void *body, uint32_t size);

/*
 * True when a message has been half way here for VHOST_USER_DEADLINE_MS, or
 * (`first`) when none came at all.  Called now and then with a clock.
 */
bool vhost_user_overdue(struct vhost_user *vu, uint64_t now_ms, bool first);

/* "SET_MEM_TABLE"; "unknown message". */
const char *vhost_user_name(uint32_t request);

#endif
