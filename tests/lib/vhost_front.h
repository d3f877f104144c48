/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhost_front.h: the other end of a vhost-user socket, for tests.
 *
 * A front end owns a memfd as guest memory, split rings in it, and a
 * connection.  It does what QEMU does, in QEMU's order, when asked nicely; and
 * it does anything else when told so: every message can be sent raw, with any
 * size and any descriptors, and rings and memory are plain fields.
 *
 * With a `pump` it runs in one thread with the back end: wherever it has to
 * wait, it calls pump(), which turns the back end's event loop once.  Without,
 * it waits with poll().
 *
 * Guest physical memory starts at FRONT_GPA, front-end virtual at FRONT_UVA,
 * so a translation forgotten somewhere is an address that is refused.
 */
#ifndef CAUSEWAY_VHOST_FRONT_H
#define CAUSEWAY_VHOST_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netback/vhost_user.h"

#define FRONT_GPA	0x100000ull
#define FRONT_UVA	0x550000000000ull
#define FRONT_RINGS_MAX 32
#define FRONT_BUF_BYTES 2048
#define FRONT_PAGE	4096u
/* all that a friendly front end takes */
#define FRONT_FEATURES_ALL (~0ull)

struct front_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct front_used {
	uint32_t id, len;
};

#define FRONT_DESC_NEXT	    1
#define FRONT_DESC_WRITE    2
#define FRONT_DESC_INDIRECT 4

struct vhost_front_conf {
	unsigned queues;    /* pairs */
	uint16_t ring_size; /* 0: 256 */
	bool unsealed;	    /* memory without seals */
	bool need_reply;    /* ask for acknowledgements, if negotiated */
	uint64_t features;  /* taken, as far as offered; 0: all */
	void (*pump)(void *ctx);
	void *ctx;
};

struct vhost_front_ring {
	struct front_desc *desc;
	uint16_t *avail;	/* flags, idx, ring[], used_event */
	uint16_t *used;		/* flags, idx, pairs[], avail_event */
	uint64_t desc_at, avail_at, used_at, bufs_at; /* offsets in memory */
	uint16_t size, avail_idx, used_idx;
	int kick_fd, call_fd;
};

struct vhost_front {
	struct vhost_front_conf conf;
	int sock, listen_fd, mem_fd;
	uint8_t *mem;
	size_t mem_bytes;
	uint64_t offered, features, protocol; /* after the handshake */
	unsigned hdr_len;
	struct vhost_front_ring ring[FRONT_RINGS_MAX];
};

/* Memory and rings, not connected.  0 or -errno. */
int vhost_front_new(struct vhost_front **out,
		    const struct vhost_front_conf *conf);
void vhost_front_free(struct vhost_front *vf); /* NULL does nothing */

/* Get a connection: listen as QEMU does, then accept; or connect. */
int vhost_front_listen(struct vhost_front *vf, const char *path);
int vhost_front_accept(struct vhost_front *vf);
int vhost_front_connect(struct vhost_front *vf, const char *path);
void vhost_front_hangup(struct vhost_front *vf);
/* Has the other side hung up? */
bool vhost_front_lost(struct vhost_front *vf);

/* --- messages ------------------------------------------------------------- */

#define FRONT_RAW_FDS_MAX 253 /* what the kernel lets through at once */

/* Any bytes with any descriptors.  0 or -errno. */
int vhost_front_raw(struct vhost_front *vf, const void *bytes, size_t n,
		    const int fds[], unsigned fd_count);
/* A message with this body. */
int vhost_front_send(struct vhost_front *vf, uint32_t request,
		     const void *body, uint32_t size, const int fds[],
		     unsigned fd_count);
/* The next answer.  0, -ECONNRESET, -ETIMEDOUT, -EPROTO (another message). */
int vhost_front_answer(struct vhost_front *vf, uint32_t request, void *body,
		       uint32_t size);
/* Send, and wait for the acknowledgement if conf.need_reply says so. */
int vhost_front_tell(struct vhost_front *vf, uint32_t request,
		     const void *body, uint32_t size, const int fds[],
		     unsigned fd_count);
int vhost_front_tell_u64(struct vhost_front *vf, uint32_t request, uint64_t v);
int vhost_front_tell_state(struct vhost_front *vf, uint32_t request,
			   uint32_t index, uint32_t num);
int vhost_front_ask_u64(struct vhost_front *vf, uint32_t request,
			uint64_t *value);

/* The steps of a handshake, and all of them. */
int vhost_front_negotiate(struct vhost_front *vf); /* features both ways */
int vhost_front_memory(struct vhost_front *vf);
int vhost_front_ring_setup(struct vhost_front *vf, unsigned index);
int vhost_front_enable(struct vhost_front *vf, unsigned index, bool on);
int vhost_front_handshake(struct vhost_front *vf);
/* GET_VRING_BASE: the position, or -errno. */
int vhost_front_ring_stop(struct vhost_front *vf, unsigned index);

/* --- frames ---------------------------------------------------------------- */

/* Host address of a guest physical one. */
uint8_t *vhost_front_at(struct vhost_front *vf, uint64_t gpa);

/* Make a head available as it stands in desc[]. */
void vhost_front_post(struct vhost_front *vf, unsigned index, uint16_t head);
/* Transmit on queue q: one descriptor.  0, or -EAGAIN: the ring is full. */
int vhost_front_tx(struct vhost_front *vf, unsigned q, const void *frame,
		   size_t n);
/*
 * Descriptors of queue q that the other side has not given back.  The switch
 * does when the frames have been delivered.
 */
unsigned vhost_front_tx_pending(struct vhost_front *vf, unsigned q);
/*
 * The next frame received on queue q, mergeable buffers joined, its buffers
 * made available again.  Bytes, or 0.
 */
size_t vhost_front_rx(struct vhost_front *vf, unsigned q, void *frame,
		      size_t room);
/* How often the other side has called since the last time. */
uint64_t vhost_front_calls(struct vhost_front *vf, unsigned index);
void vhost_front_kick(struct vhost_front *vf, unsigned index);

#endif
