/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doorbell.h: signal an eventfd that a stranger holds too.
 *
 * A front end's eventfds are open files that it shares with us, flags and all.
 * It may clear O_NONBLOCK and fill the counter, and then whoever writes to it
 * waits until the front end is pleased to read: a worker for all ports, or the
 * control thread for good.  Setting the flag before each write loses the race.
 *
 * Any thread may ring; each has a context of its own, made at its first ring.
 */
#ifndef CAUSEWAY_DOORBELL_H
#define CAUSEWAY_DOORBELL_H

/* Once a process, again does nothing.  0 or -errno. */
int doorbell_init(void);

/*
 * Signal fd, and never wait.  0, -EAGAIN (it is full, so signalled already) or
 * -EINVAL (it is no eventfd).  Without doorbell_init(), or where the kernel
 * has no asynchronous I/O, this is a write that a peer can make wait.
 */
int doorbell_ring(int fd);

#endif
