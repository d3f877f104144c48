/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_vhost_msg.c: any messages with any descriptors, on a real socket.
 *
 * Input is a row of pieces, each sent in one go:
 *
 *	count (0 to 15), then that many bytes naming a descriptor each,
 *	length (16 bits, little endian), then that many bytes
 *
 * Between pieces, rings that run are polled as a worker would.  Afterwards no
 * descriptor may have leaked and no mapping be left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netback/vhost_dev.h"

#define KINDS 8
#define FDS   15

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int pool[KINDS];
static struct burst burst;

static int memory(off_t bytes, int seals)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, bytes) < 0 ||
	    (seals && fcntl(fd, F_ADD_SEALS, seals) < 0))
		abort();
	return fd;
}

static void pool_fill(void)
{
	int sv[2];

	if (pool[0])
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) < 0 ||
	    guest_mem_catch_sigbus() < 0)
		abort();
	pool[0] = memory(1 << 20, F_SEAL_SHRINK);
	pool[1] = eventfd(0, EFD_NONBLOCK);
	pool[2] = memory(1 << 20, 0);
	pool[3] = memory(1 << 26, F_SEAL_SHRINK | F_SEAL_GROW);
	pool[4] = sv[0];
	pool[5] = open("/", O_RDONLY | O_DIRECTORY);
	pool[6] = memory(4096, F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE);
	pool[7] = open("/dev/null", O_RDWR);
}

static void quiet(void *ctx)
{
}

static void quiet_mac(void *ctx, const uint8_t mac[6])
{
}

struct rig {
	struct vhost_dev dev;
	struct vhost_user vu;
	int peer;
	bool over;
};

static void rig_open(struct rig *rig)
{
	const struct vhost_dev_host host = { .quiesce = quiet,
					     .changed = quiet,
					     .announce = quiet_mac };
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) < 0)
		abort();
	memset(rig, 0, sizeof(*rig));
	rig->peer = sv[0];
	vhost_user_init(&rig->vu, sv[1]);
	vhost_dev_init(&rig->dev, 2, 1500,
		       PORT_TX_CSUM | PORT_TX_TSO4 | PORT_TX_TSO6, true,
		       &host);
}

static void rig_close(struct rig *rig)
{
	vhost_dev_reset(&rig->dev);
	vhost_user_fini(&rig->vu);
	close(rig->peer);
	if (rig->dev.mem || rig->dev.log || vhost_dev_running(&rig->dev))
		abort();
}

static void poll_rings(struct rig *rig)
{
	unsigned i;

	for (i = 1; i < VHOST_RINGS_MAX; i += 2) {
		burst_reset(&burst, BURST_BYTES_MAX);
		vring_rx(&rig->dev.ring[i].vr, &burst);
		vring_rx_done(&rig->dev.ring[i].vr, &burst);
	}
}

static void serve(struct rig *rig)
{
	struct vhost_user_msg msg;
	const char *why;
	char answer[64];
	int rc;

	while ((rc = vhost_user_recv(&rig->vu, &msg, &why)) == 1) {
		rc = vhost_dev_handle(&rig->dev, &rig->vu, &msg);
		vhost_user_msg_fini(&msg);
		if (rc < 0)
			break;
	}
	rig->over = rc < 0;
	while (recv(rig->peer, answer, sizeof(answer), MSG_DONTWAIT) > 0)
		;
}

/* Send one piece; returns the bytes of input it took. */
static size_t send_piece(struct rig *rig, const uint8_t *data, size_t size)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(FDS * sizeof(int))];
	} control = { 0 };
	unsigned i, count = data[0] % (FDS + 1);
	size_t at = 1 + count, n;
	struct iovec iov;
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[FDS];

	if (at + 2 > size)
		return size;
	for (i = 0; i < count; i++)
		fds[i] = pool[data[1 + i] % KINDS];
	n = data[at] | (size_t)data[at + 1] << 8;
	at += 2;
	if (n > size - at)
		n = size - at;
	iov = (struct iovec){ (void *)(data + at), n };
	if (count) {
		struct cmsghdr *c = &control.align;

		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(count * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	if (n && sendmsg(rig->peer, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		rig->over = true;
	return at + n;
}

/* The lowest descriptor that is free tells whether one was left open. */
static int next_fd(void)
{
	int fd = dup(pool[7]);

	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rig rig;
	int before;

	pool_fill();
	before = next_fd();
	rig_open(&rig);
	while (size && !rig.over) {
		size_t n = send_piece(&rig, data, size);

		data += n;
		size -= n;
		serve(&rig);
		poll_rings(&rig);
	}
	rig_close(&rig);
	if (next_fd() != before)
		abort();
	return 0;
}
