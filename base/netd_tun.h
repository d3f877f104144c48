/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_tun.h: makes the IPsec channel's descriptors: the TUN inside, UDP and
 * raw ESP sockets outside.  netd_client.h says what they are set to.  0 or
 * -errno.
 */
#ifndef CAUSEWAY_NETD_TUN_H
#define CAUSEWAY_NETD_TUN_H

#include <stdint.h>

#include <sys/socket.h>
#include <sys/types.h>

/* Create the TUN or attach to it; *offload: enum netd_offload. */
int netd_tun_attach(const char *name, uid_t owner, unsigned queues, int fds[],
		    uint32_t *offload);

int netd_tun_udp(const struct sockaddr_storage *local, unsigned sockets,
		 int fds[]);
int netd_tun_esp(const struct sockaddr_storage *local, int *fd);

#endif
