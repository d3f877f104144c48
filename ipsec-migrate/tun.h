/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tun.h: the inner side: whole frames from and to the host's stack, behind a
 * virtio-net header, 64 KB of TCP at a time.
 *
 * The descriptor is netd's (netd_tun_open()): non-blocking and persistent.
 */
#ifndef CAUSEWAY_TUN_H
#define CAUSEWAY_TUN_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/uio.h>

/* One frame to frame[0..size).  Its length; 0: none waits; -errno. */
int tun_read(int fd, uint8_t *frame, uint32_t size);
/* One frame in pieces.  False: the host would not have it. */
bool tun_write(int fd, const struct iovec iov[], unsigned n);

#endif
