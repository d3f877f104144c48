/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostile_front.c: a front end that misbehaves in one way.
 *
 *	hostile-front SOCKET CASE
 *
 * Listens, waits for the switch to connect, does its case, and ends with
 * status 0 if what came of it is what docs/netback.md says: mostly that the
 * switch hangs up within 20 s.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/vhost_front.h"

#define ROUNDS 50 /* connections of `hangup` */
#define FLOOD  3000
#define WAIT_S 20

static uint8_t frame[60];

/* The switch has hung up, or does so before long. */
static int sent_away(struct vhost_front *vf)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	time_t end = time(NULL) + WAIT_S;

	while (!vhost_front_lost(vf)) {
		if (time(NULL) > end)
			return 1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int message_too_long(struct vhost_front *vf)
{
	const uint32_t header[3] = { VHOST_USER_SET_FEATURES, 1, 5000 };

	vhost_front_raw(vf, header, sizeof(header), NULL, 0);
	return sent_away(vf);
}

static int message_with_descriptors(struct vhost_front *vf)
{
	const uint32_t header[3] = { VHOST_USER_SET_OWNER, 1, 0 };
	const int fds[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0 };

	vhost_front_raw(vf, header, sizeof(header), fds, 9);
	return sent_away(vf);
}

static int message_half(struct vhost_front *vf)
{
	vhost_front_raw(vf, "\1", 1, NULL, 0);
	return sent_away(vf);
}

static int feature_not_offered(struct vhost_front *vf)
{
	vhost_front_negotiate(vf);
	vhost_front_tell_u64(vf, VHOST_USER_SET_FEATURES, 1ull << 34);
	return sent_away(vf);
}

static int ring_index(struct vhost_front *vf)
{
	__atomic_store_n(&vf->ring[1].avail[1], 40000, __ATOMIC_RELEASE);
	vhost_front_kick(vf, 1);
	return sent_away(vf);
}

static int ring_head(struct vhost_front *vf)
{
	vhost_front_post(vf, 1, 0xffff);
	vhost_front_kick(vf, 1);
	return sent_away(vf);
}

static int memory_gone(struct vhost_front *vf)
{
	vhost_front_tx(vf, 0, frame, sizeof(frame));
	if (ftruncate(vf->mem_fd, 0) < 0)
		return 1;
	vhost_front_kick(vf, 1);
	return sent_away(vf);
}

/* Not wrong, only too much: it is let do so, slowly. */
static int memory_flood(struct vhost_front *vf)
{
	unsigned i;

	for (i = 0; i < FLOOD; i++)
		if (vhost_front_memory(vf) < 0)
			return 1;
	return vhost_front_lost(vf);
}

static int hangup(struct vhost_front *vf)
{
	unsigned i;

	for (i = 0; i < ROUNDS; i++) {
		vhost_front_tx(vf, 0, frame, sizeof(frame));
		vhost_front_kick(vf, 1);
		vhost_front_hangup(vf);
		if (vhost_front_accept(vf) < 0)
			return 1;
		if (i % 2)
			vhost_front_raw(vf, "\1\0\0\0\1", 5, &vf->mem_fd, 1);
		else if (vhost_front_handshake(vf) < 0)
			return 1;
	}
	return 0;
}

static const struct {
	const char *name;
	bool running; /* after a handshake */
	bool unsealed;
	int (*play)(struct vhost_front *vf);
} cases[] = {
	{ "message-too-long", false, false, message_too_long },
	{ "message-with-descriptors", false, false, message_with_descriptors },
	{ "message-half", false, false, message_half },
	{ "feature-not-offered", false, false, feature_not_offered },
	{ "ring-index", true, false, ring_index },
	{ "ring-head", true, false, ring_head },
	{ "memory-gone", true, true, memory_gone },
	{ "memory-flood", true, false, memory_flood },
	{ "hangup", true, false, hangup },
};

static int play(unsigned i, const char *socket)
{
	const struct vhost_front_conf conf = { .queues = 1,
					       .need_reply = true,
					       .unsealed = cases[i].unsealed };
	struct vhost_front *vf;
	int rc = 2;

	if (vhost_front_new(&vf, &conf) < 0)
		return 2;
	if (vhost_front_listen(vf, socket) == 0 && chmod(socket, 0666) == 0 &&
	    vhost_front_accept(vf) == 0 &&
	    (!cases[i].running || vhost_front_handshake(vf) == 0))
		rc = cases[i].play(vf);
	vhost_front_free(vf);
	unlink(socket);
	return rc;
}

int main(int argc, char **argv)
{
	unsigned i;

	for (i = 0; argc == 3 && i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!strcmp(argv[2], cases[i].name))
			return play(i, argv[1]);
	fprintf(stderr, "usage: hostile-front SOCKET CASE\n");
	return 2;
}
