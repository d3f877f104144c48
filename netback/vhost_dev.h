/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhost_dev.h: what a vhost-user peer has negotiated: features, memory, the
 * dirty log, and rings.
 *
 * A device is driven by messages on the control thread and turns them into
 * struct vring that workers poll.  Before anything is changed that a worker
 * may be looking at, its rings lose `ready`, host->changed() tells the owner,
 * and host->quiesce() waits until no worker is in there.
 */
#ifndef CAUSEWAY_VHOST_DEV_H
#define CAUSEWAY_VHOST_DEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/port.h"
#include "netback/guest_mem.h"
#include "netback/vhost_user.h"
#include "netback/vring.h"

#define VHOST_RINGS_MAX (2 * PORT_QUEUES_MAX)

struct vhost_ring {
	struct vring vr;
	uint64_t desc_uva, avail_uva, used_uva;
	bool has_addr;
	bool started; /* kicked into life; GET_VRING_BASE ends it */
	bool enabled;
	uint16_t base; /* entry to go on with when it starts */
	bool base_told; /* by the peer: the used index knows better */
	int err_fd;    /* told when the ring breaks; -1: none */
};

struct vhost_dev_host {
	void (*quiesce)(void *ctx);
	void (*changed)(void *ctx); /* some ring's `ready` or features */
	void (*announce)(void *ctx, const uint8_t mac[6]);
	void *ctx;
};

struct vhost_dev {
	/* given by the owner */
	uint64_t offered; /* see vhost_dev_offer() */
	uint64_t protocol_offered;
	unsigned queues; /* pairs */
	uint16_t mtu;
	bool sealed; /* insist on it */
	struct vhost_dev_host host;

	/* negotiated by the peer */
	uint64_t features, protocol;
	struct guest_mem *mem;
	struct guest_log *log;
	struct vhost_ring ring[VHOST_RINGS_MAX];
	char error[160]; /* why the last message was refused */
};

/* Fill in what is offered; `offload` is an enum port_offload mask. */
void vhost_dev_init(struct vhost_dev *dev, unsigned queues, uint16_t mtu,
		    uint32_t offload, bool sealed,
		    const struct vhost_dev_host *host);

/* Stop all rings and forget the peer; as after vhost_dev_init(). */
void vhost_dev_reset(struct vhost_dev *dev);

/*
 * Act on one message and answer it on `vu`.  0, -EPROTO (refused: dev->error
 * says why; the connection is of no more use) or -ECONNRESET.
 */
int vhost_dev_handle(struct vhost_dev *dev, struct vhost_user *vu,
		     struct vhost_user_msg *msg);

/* NULL, or what a guest did to its rings or memory that ends it here. */
const char *vhost_dev_fault(const struct vhost_dev *dev);

/* What the guest's receive side takes: enum port_offload. */
uint32_t vhost_dev_offload(const struct vhost_dev *dev);
bool vhost_dev_running(const struct vhost_dev *dev); /* any ring ready */

/* "VERSION_1 MRG_RXBUF bit_63"; returns text. */
const char *vhost_feature_names(uint64_t features, char *text, size_t size);

#endif
