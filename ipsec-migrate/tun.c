/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tun.c: one system call a frame; there is none for many.
 */
#include "ipsec-migrate/tun.h"

#include <errno.h>
#include <unistd.h>

int tun_read(int fd, uint8_t *frame, uint32_t size)
{
	ssize_t n = read(fd, frame, size);

	if (n >= 0)
		return (int)n;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

bool tun_write(int fd, const struct iovec iov[], unsigned n)
{
	return writev(fd, iov, (int)n) >= 0;
}
