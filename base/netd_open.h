/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_open.h: makes the descriptors that causeway-netd hands out.  See
 * netd_client.h for what they are set to.  0 or -errno.
 */
#ifndef CAUSEWAY_NETD_OPEN_H
#define CAUSEWAY_NETD_OPEN_H

#include <stdint.h>

#include <sys/types.h>

/*
 * Create the tap or attach to the one of this name, with `queues`
 * descriptors; *offload: what the kernel takes and gives (enum netd_offload).
 */
int netd_open_tap(const char *name, uid_t owner, unsigned queues, int fds[],
		  uint32_t *offload);
/* Let the tap (or TUN) outlive its descriptors. */
int netd_open_tap_persist(int fd);
/* Owner, header and offloads of one that is attached. */
int netd_open_tap_set(int fd, uid_t owner, uint32_t *offload);

/* A packet socket bound to the device. */
int netd_open_packet(uint32_t ifindex, int *fd, uint32_t *offload);

/* A packet socket for the device's slow protocols and LLDP, and only them. */
int netd_open_control(uint32_t ifindex, int *fd);

#endif
