/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_port.h: ports over kernel interfaces: tap devices and packet sockets,
 * both with virtio-net headers, so that TSO frames pass whole and checksums
 * stay partial.  VLAN tags that the kernel has taken off are put back.
 *
 * The caller opens the descriptors (causeway-netd does, being privileged):
 *
 *   tap     one fd a queue of /dev/net/tun after TUNSETIFF with IFF_TAP |
 *           IFF_NO_PI | IFF_VNET_HDR (| IFF_MULTI_QUEUE)
 *   packet  one fd a queue: socket(AF_PACKET, SOCK_RAW, 0), bound to the
 *           interface with ETH_P_ALL (several: in one PACKET_FANOUT group),
 *           SO_SNDBUFFORCE and SO_RCVBUFFORCE 8 MB or more
 *
 * Everything else that needs no privilege (O_NONBLOCK, PACKET_VNET_HDR,
 * PACKET_AUXDATA, PACKET_IGNORE_OUTGOING, TUNSETOFFLOAD...) host_port_new()
 * sets itself.
 *
 * Threads: base/port.h.  rx buffers of a queue belong to the frames of the
 * last burst until rx_done.
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
	uint16_t queues; /* 1 to PORT_QUEUES_MAX */
	uint16_t mtu;	 /* L3 bytes, tags not counted */
	int fds[PORT_QUEUES_MAX];
};

/*
 * Takes the fds over on success; on failure they stay the caller's.
 * 0, -EINVAL (conf, or not such a descriptor), -ENOMEM, -errno of the kernel.
 */
int host_port_new(struct host_port **out, const struct host_port_conf *conf);
void host_port_free(struct host_port *hp); /* NULL does nothing */

/* The port to hand to the switch; lives as long as hp. */
struct port *host_port_port(struct host_port *hp);

#endif
