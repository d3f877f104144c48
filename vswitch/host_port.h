/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_port.h: ports over kernel interfaces: tap devices and packet sockets,
 * both with virtio-net headers, so that TSO frames pass whole and checksums
 * stay partial.  VLAN tags that the kernel has taken off are put back.
 *
 * The caller has the descriptors opened (causeway-netd does, being
 * privileged: base/netd_client.h), with the virtio-net header of 10 bytes:
 *
 *   tap     one fd a queue, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, TUNSETOFFLOAD
 *           done for what the interface's own side may leave to us
 *   packet  one fd a queue, SOCK_RAW, bound to the interface with ETH_P_ALL,
 *           PACKET_VNET_HDR, PACKET_AUXDATA and PACKET_IGNORE_OUTGOING set,
 *           promiscuous, with 8 MB or more of socket buffer each way (several
 *           queues: in one PACKET_FANOUT group)
 *
 * The interface's MTU must leave room for tags: 8 bytes above what the
 * segment's hosts use.
 *
 * Offload fields are handed on as the kernel gives them: the bridge validates
 * those of every port.
 *
 * Threads: base/port.h.  Any number of workers may transmit at once: the
 * kernel serialises them.
 *
 * System calls, for the seccomp filter: recvmsg, readv, sendmsg, writev, poll
 * on workers; ioctl (TUNGETIFF, TUNGETVNETHDRSZ), getsockopt, fcntl, mmap,
 * munmap and close on the control thread.
 */
#ifndef CAUSEWAY_HOST_PORT_H
#define CAUSEWAY_HOST_PORT_H

#include <stdint.h>

#include "base/port.h"

struct host_port;

enum host_port_kind {
	HOST_PORT_TAP,
	HOST_PORT_PACKET,
};

struct host_port_conf {
	const char *name; /* for people; copied */
	enum host_port_kind kind;
	uint16_t queues;  /* 1 to PORT_QUEUES_MAX */
	uint16_t mtu;	  /* L3 bytes, tags not counted */
	uint32_t offload; /* enum port_offload: what the kernel takes */
	int fds[PORT_QUEUES_MAX];
};

struct host_port_facts {
	uint64_t rx_missed; /* frames the kernel dropped: we were too late */
	uint64_t rx_errors; /* reads that failed, not for want of frames */
};

/*
 * Takes the fds over on success; on failure they stay the caller's.
 * 0, -EINVAL (conf, or a descriptor that is not as described above), -ENOMEM,
 * or another -errno of the kernel.
 */
int host_port_new(struct host_port **out, const struct host_port_conf *conf);
void host_port_free(struct host_port *hp); /* NULL does nothing */

/* The port to hand to the switch; lives as long as hp. */
struct port *host_port_port(struct host_port *hp);

/* Control thread. */
void host_port_facts(struct host_port *hp, struct host_port_facts *facts);

#endif
