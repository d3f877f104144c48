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
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/vhost_front.h"

#define F_MRG_RXBUF (1ull << 15)
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

/* As many as one message can carry, again and again. */
static int descriptors_1000(struct vhost_front *vf)
{
	const uint32_t header[3] = { VHOST_USER_SET_OWNER, 1, 0 };
	int fds[FRONT_RAW_FDS_MAX] = { 0 };
	unsigned i;

	for (i = 0; i < 4; i++) {
		vhost_front_raw(vf, header, sizeof(header), fds,
				FRONT_RAW_FDS_MAX);
		if (sent_away(vf))
			return 1;
		if (i < 3 && vhost_front_accept(vf) < 0)
			return 1;
	}
	return 0;
}

static int message_empty(struct vhost_front *vf)
{
	const uint32_t header[3] = { VHOST_USER_SET_MEM_TABLE, 1, 0 };

	vhost_front_raw(vf, header, sizeof(header), NULL, 0);
	return sent_away(vf);
}

/* GET_INFLIGHT_FD with 65,535 queues of 65,535 entries (CVE-2021-3839). */
static int message_inflight(struct vhost_front *vf)
{
	const uint8_t body[20] = { [16] = 255, 255, 255, 255 };

	vhost_front_negotiate(vf);
	vhost_front_send(vf, 31, body, sizeof(body), NULL, 0);
	return sent_away(vf);
}

/* Slow, but right: it is served. */
static int message_in_bytes(struct vhost_front *vf)
{
	const uint32_t header[3] = { VHOST_USER_GET_FEATURES, 1, 0 };
	const struct timespec pause = { .tv_nsec = 50000000 };
	uint64_t features;
	unsigned i;

	for (i = 0; i < sizeof(header); i++) {
		vhost_front_raw(vf, (const uint8_t *)header + i, 1, NULL, 0);
		nanosleep(&pause, NULL);
	}
	return vhost_front_answer(vf, VHOST_USER_GET_FEATURES, &features,
				  sizeof(features)) < 0;
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

static int feature_while_running(struct vhost_front *vf)
{
	vhost_front_tell_u64(vf, VHOST_USER_SET_FEATURES,
			     vf->features & ~(1ull << 28));
	return sent_away(vf);
}

/* ---- memory ----------------------------------------------------------------- */

static struct guest_region_desc whole(const struct vhost_front *vf)
{
	return (struct guest_region_desc){ .gpa = FRONT_GPA,
					   .uva = FRONT_UVA,
					   .bytes = vf->mem_bytes };
}

static int memory_refused(struct vhost_front *vf, unsigned regions,
			  struct guest_region_desc a,
			  struct guest_region_desc b, int fd)
{
	struct vhost_user_mem m = { .count = regions, .region = { a, b } };
	const int fds[] = { fd, fd };

	vhost_front_negotiate(vf);
	vhost_front_send(vf, VHOST_USER_SET_MEM_TABLE, &m,
			 8 + regions * sizeof(a), fds, regions);
	return sent_away(vf);
}

static int memory_none(struct vhost_front *vf)
{
	return memory_refused(vf, 0, whole(vf), whole(vf), vf->mem_fd);
}

static int memory_overlaps(struct vhost_front *vf)
{
	struct guest_region_desc b = whole(vf);

	b.gpa += FRONT_PAGE;
	b.uva += 1 << 30;
	return memory_refused(vf, 2, whole(vf), b, vf->mem_fd);
}

static int memory_wraps(struct vhost_front *vf)
{
	struct guest_region_desc a = whole(vf);

	a.gpa = ~0ull - FRONT_PAGE;
	return memory_refused(vf, 1, a, a, vf->mem_fd);
}

static int memory_beyond_file(struct vhost_front *vf)
{
	struct guest_region_desc a = whole(vf);

	a.offset = FRONT_PAGE;
	return memory_refused(vf, 1, a, a, vf->mem_fd);
}

static int memory_directory(struct vhost_front *vf)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY);

	return memory_refused(vf, 1, whole(vf), whole(vf), fd);
}

static int memory_socket(struct vhost_front *vf)
{
	return memory_refused(vf, 1, whole(vf), whole(vf), vf->sock);
}

static int memory_unsealed(struct vhost_front *vf)
{
	vhost_front_negotiate(vf);
	vhost_front_memory(vf);
	return sent_away(vf);
}

/* The migration is off, the port is not. */
static int log_too_short(struct vhost_front *vf)
{
	int fd = memfd_create("log", MFD_ALLOW_SEALING);
	const uint64_t body[2] = { 1, 0 };

	if (fd < 0 || ftruncate(fd, FRONT_PAGE) < 0)
		return 1;
	if (vhost_front_tell(vf, VHOST_USER_SET_LOG_BASE, body, sizeof(body),
			     &fd, 1) != -EREMOTEIO)
		return 1;
	return vhost_front_lost(vf);
}

/* ---- set-up of rings --------------------------------------------------------- */

static int state_refused(struct vhost_front *vf, uint32_t request,
			 uint32_t index, uint32_t num)
{
	vhost_front_negotiate(vf);
	vhost_front_memory(vf);
	vhost_front_tell_state(vf, request, index, num);
	return sent_away(vf);
}

static int ring_size_3(struct vhost_front *vf)
{
	return state_refused(vf, VHOST_USER_SET_VRING_NUM, 0, 3);
}

static int ring_size_65536(struct vhost_front *vf)
{
	return state_refused(vf, VHOST_USER_SET_VRING_NUM, 0, 65536);
}

static int ring_base_70000(struct vhost_front *vf)
{
	return state_refused(vf, VHOST_USER_SET_VRING_BASE, 0, 70000);
}

static int ring_number_200(struct vhost_front *vf)
{
	return state_refused(vf, VHOST_USER_SET_VRING_ENABLE, 200, 1);
}

/* The used ring ends one byte behind memory. */
static int ring_outside(struct vhost_front *vf)
{
	struct vhost_front_ring *r = &vf->ring[0];

	r->used_at = vf->mem_bytes - (6 + 8 * (uint64_t)r->size) + 4;
	vhost_front_handshake(vf);
	return sent_away(vf);
}

static int ring_overlaps(struct vhost_front *vf)
{
	vf->ring[0].used_at = vf->ring[0].avail_at + 4;
	vhost_front_handshake(vf);
	return sent_away(vf);
}

/* ---- rings ------------------------------------------------------------------- */

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

/* Wait until the switch has given back all that was posted. */
static int all_used(struct vhost_front *vf, unsigned index)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	time_t end = time(NULL) + WAIT_S;

	vhost_front_kick(vf, index);
	while (__atomic_load_n(&vf->ring[index].used[1], __ATOMIC_ACQUIRE) !=
	       vf->ring[index].avail_idx) {
		if (time(NULL) > end || vhost_front_lost(vf))
			return 1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* Chains that are wrong cost themselves, and the ring goes on. */
static int chains_refused(struct vhost_front *vf, struct front_desc d)
{
	unsigned i;

	for (i = 0; i < 20; i++) {
		vf->ring[1].desc[i] = d;
		if (!d.addr)
			vf->ring[1].desc[i].addr =
				FRONT_GPA + vf->ring[1].bufs_at;
		vhost_front_post(vf, 1, i);
	}
	return all_used(vf, 1);
}

static int ring_loop(struct vhost_front *vf)
{
	return chains_refused(vf, (struct front_desc){
					  .len = 100,
					  .flags = FRONT_DESC_NEXT });
}

static int ring_writable(struct vhost_front *vf)
{
	return chains_refused(vf, (struct front_desc){
					  .len = 100,
					  .flags = FRONT_DESC_WRITE });
}

static int ring_nowhere(struct vhost_front *vf)
{
	return chains_refused(vf, (struct front_desc){ .addr = 1,
						       .len = 100 });
}

static int ring_endless(struct vhost_front *vf)
{
	return chains_refused(vf, (struct front_desc){ .len = 0xffffffff });
}

/* An indirect table that is its own entry. */
static int ring_indirect(struct vhost_front *vf)
{
	struct front_desc d = { .addr = FRONT_GPA + vf->ring[1].bufs_at,
				.len = 16,
				.flags = FRONT_DESC_INDIRECT };

	memcpy(vhost_front_at(vf, d.addr), &d, sizeof(d));
	return chains_refused(vf, d);
}

static int offload_beyond(struct vhost_front *vf)
{
	const uint8_t header[] = { 1, 1, 0, 0, 100, 0, 0xff, 0xff, 16, 0 };
	uint8_t *at = vf->mem + vf->ring[1].bufs_at;

	memcpy(at, header, sizeof(header));
	return chains_refused(vf, (struct front_desc){ .len = 100 });
}

/* Another's name on each frame, and no name at all. */
static int sources_forged(struct vhost_front *vf)
{
	unsigned i;

	for (i = 0; i < 40; i++) {
		memset(frame, 0xff, 6);
		memset(frame + 6, 0, 6);
		frame[6] = 2;
		frame[9] = 1;
		frame[11] = i % 2;
		vhost_front_tx(vf, 0, frame, sizeof(frame));
	}
	return all_used(vf, 1);
}

/* Receives until its neighbours have had time to send, then is still there. */
static int receive_some(struct vhost_front *vf)
{
	const struct timespec pause = { .tv_sec = 2 };

	nanosleep(&pause, NULL);
	return vhost_front_lost(vf);
}

/* Its first buffers are taken, and it never gives others. */
static int receive_full(struct vhost_front *vf)
{
	return receive_some(vf);
}

/* Without mergeable buffers: see play(). */
static int receive_crumbs(struct vhost_front *vf)
{
	unsigned i;

	for (i = 0; i < vf->ring[0].size; i++)
		vf->ring[0].desc[i].len = 1;
	return receive_some(vf);
}

static int receive_readable(struct vhost_front *vf)
{
	unsigned i;

	for (i = 0; i < vf->ring[0].size; i++)
		vf->ring[0].desc[i].flags = 0;
	return sent_away(vf);
}

/* ---- descriptors for events ---------------------------------------------------- */

static int event_refused(struct vhost_front *vf, uint32_t request)
{
	const uint64_t index = 1;
	int pipes[2];

	if (pipe(pipes) < 0)
		return 1;
	vhost_front_tell(vf, request, &index, sizeof(index), &pipes[1], 1);
	return sent_away(vf);
}

static int call_is_pipe(struct vhost_front *vf)
{
	return event_refused(vf, VHOST_USER_SET_VRING_CALL);
}

static int kick_is_pipe(struct vhost_front *vf)
{
	return event_refused(vf, VHOST_USER_SET_VRING_KICK);
}

/* Full, and waiting for room: whoever adds to it waits too. */
static void make_blocking(int fd)
{
	const uint64_t most = ~0ull - 1;
	uint64_t now;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (read(fd, &now, sizeof(now)) < 0)
		now = 0;
	if (write(fd, &most, sizeof(most)) < 0)
		perror("eventfd");
	fcntl(fd, F_SETFL, 0);
}

/* A worker calls, as it gives back what we send. */
static int call_blocks_worker(struct vhost_front *vf)
{
	unsigned i;

	for (i = 0; i < 20; i++) {
		make_blocking(vf->ring[1].call_fd);
		vhost_front_tx(vf, 0, frame, sizeof(frame));
		if (all_used(vf, 1))
			return 1;
	}
	return 0;
}

/* The same, and gone before anybody could help the worker. */
static int call_blocks_and_goes(struct vhost_front *vf)
{
	make_blocking(vf->ring[1].call_fd);
	vhost_front_tx(vf, 0, frame, sizeof(frame));
	vhost_front_kick(vf, 1);
	vhost_front_hangup(vf);
	return vhost_front_accept(vf) < 0;
}

/* The control thread calls, when a ring starts. */
static int call_blocks_control(struct vhost_front *vf)
{
	struct timespec pause = { .tv_nsec = 100000000 };
	unsigned i;

	for (i = 0; i < 5; i++) {
		vhost_front_enable(vf, 1, false);
		nanosleep(&pause, NULL);
		make_blocking(vf->ring[1].call_fd);
		if (vhost_front_enable(vf, 1, true) < 0)
			return 1;
	}
	return vhost_front_lost(vf);
}

static int kick_storm(struct vhost_front *vf)
{
	time_t end = time(NULL) + 2;

	while (time(NULL) <= end)
		vhost_front_kick(vf, 1);
	return vhost_front_lost(vf);
}

/* ---- memory that changes, and connections ---------------------------------------- */

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

/* Nothing: whether it may be here at all is the question. */
static int stranger(struct vhost_front *vf)
{
	return sent_away(vf);
}

static const struct {
	const char *name;
	int (*play)(struct vhost_front *vf);
	bool running; /* after a handshake */
	bool unsealed;
} cases[] = {
	{ "message-too-long", message_too_long, false, false },
	{ "message-with-descriptors", message_with_descriptors, false, false },
	{ "message-half", message_half, false, false },
	{ "message-empty", message_empty, false, false },
	{ "message-inflight", message_inflight, false, false },
	{ "message-in-bytes", message_in_bytes, false, false },
	{ "descriptors-1000", descriptors_1000, false, false },
	{ "feature-not-offered", feature_not_offered, false, false },
	{ "feature-while-running", feature_while_running, true, false },
	{ "memory-none", memory_none, false, false },
	{ "memory-overlaps", memory_overlaps, false, false },
	{ "memory-wraps", memory_wraps, false, false },
	{ "memory-beyond-file", memory_beyond_file, false, false },
	{ "memory-directory", memory_directory, false, false },
	{ "memory-socket", memory_socket, false, false },
	{ "memory-unsealed", memory_unsealed, false, true },
	{ "memory-gone", memory_gone, true, true },
	{ "memory-flood", memory_flood, true, false },
	{ "log-too-short", log_too_short, true, false },
	{ "ring-size-3", ring_size_3, false, false },
	{ "ring-size-65536", ring_size_65536, false, false },
	{ "ring-base-70000", ring_base_70000, false, false },
	{ "ring-number-200", ring_number_200, false, false },
	{ "ring-outside", ring_outside, false, false },
	{ "ring-overlaps", ring_overlaps, false, false },
	{ "ring-index", ring_index, true, false },
	{ "ring-head", ring_head, true, false },
	{ "ring-loop", ring_loop, true, false },
	{ "ring-writable", ring_writable, true, false },
	{ "ring-nowhere", ring_nowhere, true, false },
	{ "ring-endless", ring_endless, true, false },
	{ "ring-indirect", ring_indirect, true, false },
	{ "offload-beyond", offload_beyond, true, false },
	{ "sources-forged", sources_forged, true, false },
	{ "receive-full", receive_full, true, false },
	{ "receive-crumbs", receive_crumbs, true, false },
	{ "receive-readable", receive_readable, true, false },
	{ "call-is-pipe", call_is_pipe, true, false },
	{ "kick-is-pipe", kick_is_pipe, true, false },
	{ "call-blocks-worker", call_blocks_worker, true, false },
	{ "call-blocks-and-goes", call_blocks_and_goes, true, false },
	{ "call-blocks-control", call_blocks_control, true, false },
	{ "kick-storm", kick_storm, true, false },
	{ "hangup", hangup, true, false },
	{ "stranger", stranger, false, false },
};

static int play(unsigned i, const char *socket)
{
	const bool crumbs = cases[i].play == receive_crumbs;
	const struct vhost_front_conf conf = {
		.queues = 1,
		.need_reply = true,
		.unsealed = cases[i].unsealed,
		.features = crumbs ? ~F_MRG_RXBUF : FRONT_FEATURES_ALL,
	};
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
