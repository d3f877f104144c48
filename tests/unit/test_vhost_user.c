/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_vhost_user.c: a device and a front end on a socket pair, in one thread.
 *
 * The back end's side is turned by hand; quiesce() and changed() are counted,
 * and quiesce() looks whether what workers may still use is still there.
 */
#include "netback/vhost_dev.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/suite.h"
#include "tests/lib/vhost_front.h"

#define ALL_OFFLOADS \
	(PORT_TX_CSUM | PORT_TX_TSO4 | PORT_TX_TSO6 | PORT_TX_TSO_ECN)

struct rig {
	struct vhost_dev dev;
	struct vhost_user vu;
	struct vhost_front *front;
	int rc; /* what ended the connection; 0: nothing yet */
	const char *why;
	unsigned quiesced, changed, announced;
	bool unmapped_in_quiesce;
	uint8_t mac[6];
	unsigned fds_before;
};

static unsigned open_fds(void)
{
	unsigned n = 0;
	int fd;

	for (fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void rig_quiesce(void *ctx)
{
	struct rig *rig = ctx;
	unsigned char vec[1];
	unsigned i;

	rig->quiesced++;
	if (!rig->dev.mem)
		return;
	for (i = 0; i < rig->dev.mem->count; i++)
		if (mincore(rig->dev.mem->region[i].map, 4096, vec) < 0)
			rig->unmapped_in_quiesce = true;
}

static void rig_changed(void *ctx)
{
	((struct rig *)ctx)->changed++;
}

static void rig_announce(void *ctx, const uint8_t mac[6])
{
	struct rig *rig = ctx;

	rig->announced++;
	memcpy(rig->mac, mac, 6);
}

/* Let the device do what has come. */
static void rig_turn(void *ctx)
{
	struct rig *rig = ctx;
	struct vhost_user_msg msg;

	while (!rig->rc) {
		int rc = vhost_user_recv(&rig->vu, &msg, &rig->why);

		if (rc == 0)
			return;
		if (rc == 1) {
			rc = vhost_dev_handle(&rig->dev, &rig->vu, &msg);
			vhost_user_msg_fini(&msg);
		}
		if (rc < 0) {
			rig->rc = rc;
			vhost_dev_reset(&rig->dev);
			vhost_user_fini(&rig->vu);
		}
	}
}

static void rig_open_conf(struct rig *rig, const struct vhost_front_conf *conf,
			  uint32_t offload, bool sealed)
{
	const struct vhost_dev_host host = { .quiesce = rig_quiesce,
					     .changed = rig_changed,
					     .announce = rig_announce,
					     .ctx = rig };
	struct vhost_front_conf c = *conf;
	int sv[2];

	memset(rig, 0, sizeof(*rig));
	rig->fds_before = open_fds();
	c.pump = rig_turn;
	c.ctx = rig;
	if (vhost_front_new(&rig->front, &c) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
		abort();
	rig->front->sock = sv[0];
	vhost_user_init(&rig->vu, sv[1]);
	vhost_dev_init(&rig->dev, c.queues, 1500, offload, sealed, &host);
}

static void rig_open(struct rig *rig)
{
	const struct vhost_front_conf conf = { .queues = 1, .ring_size = 64 };

	rig_open_conf(rig, &conf, ALL_OFFLOADS, true);
}

/* Whatever happened: nothing left behind, nobody was in the way. */
static void rig_close(struct rig *rig)
{
	rig_turn(rig);
	if (!rig->rc) {
		vhost_dev_reset(&rig->dev);
		vhost_user_fini(&rig->vu);
	}
	CU_ASSERT_FALSE(rig->unmapped_in_quiesce);
	CU_ASSERT_FALSE(vhost_dev_running(&rig->dev));
	CU_ASSERT_PTR_NULL(rig->dev.mem);
	vhost_front_free(rig->front);
	CU_ASSERT_EQUAL(open_fds(), rig->fds_before);
}

static void rig_up(struct rig *rig)
{
	rig_open(rig);
	CU_ASSERT_EQUAL(vhost_front_handshake(rig->front), 0);
	rig_turn(rig);
	CU_ASSERT_EQUAL(rig->rc, 0);
	CU_ASSERT_TRUE(vhost_dev_running(&rig->dev));
}

/* ---- the good case ------------------------------------------------------- */

static void a_friendly_peer_gets_its_rings(void)
{
	struct rig rig;

	rig_up(&rig);
	CU_ASSERT_TRUE(rig.dev.ring[0].vr.ready);
	CU_ASSERT_TRUE(rig.dev.ring[1].vr.ready);
	CU_ASSERT_EQUAL(rig.dev.ring[0].vr.size, 64);
	CU_ASSERT_EQUAL(rig.dev.ring[0].vr.net_hdr_len, 12);
	CU_ASSERT_TRUE(rig.dev.ring[0].vr.mergeable);
	CU_ASSERT_TRUE(rig.dev.ring[0].vr.event_idx);
	CU_ASSERT_EQUAL(vhost_dev_offload(&rig.dev), ALL_OFFLOADS);
	CU_ASSERT_EQUAL(rig.quiesced, 0); /* starting disturbs nobody */
	CU_ASSERT_EQUAL(vhost_front_calls(rig.front, 1), 1);
	rig_close(&rig);
	CU_ASSERT_EQUAL(rig.quiesced, 1);
}

static void acknowledgements_are_given_when_asked_for(void)
{
	const struct vhost_front_conf conf = { .queues = 4,
					       .need_reply = true };
	struct rig rig;
	uint64_t n;

	rig_open_conf(&rig, &conf, ALL_OFFLOADS, true);
	CU_ASSERT_EQUAL(vhost_front_handshake(rig.front), 0);
	CU_ASSERT_EQUAL(
		vhost_front_ask_u64(rig.front, VHOST_USER_GET_QUEUE_NUM, &n),
		0);
	CU_ASSERT_EQUAL(n, 4);
	CU_ASSERT_TRUE(rig.dev.ring[7].vr.ready);
	rig_close(&rig);
}

static void offloads_follow_what_both_sides_want(void)
{
	static const struct {
		uint32_t offered;
		uint64_t taken;
		uint32_t result;
	} cases[] = {
		{ 0, FRONT_FEATURES_ALL, 0 },
		{ PORT_TX_TSO4, FRONT_FEATURES_ALL, 0 }, /* needs csum */
		{ PORT_TX_CSUM, FRONT_FEATURES_ALL, PORT_TX_CSUM },
		{ ALL_OFFLOADS, ~(1ull << 1), 0 }, /* no GUEST_CSUM */
		{ ALL_OFFLOADS, ~(1ull << 7),
		  ALL_OFFLOADS & ~(uint32_t)PORT_TX_TSO4 },
	};
	struct rig rig;
	unsigned i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct vhost_front_conf conf = {
			.queues = 1, .features = cases[i].taken
		};

		rig_open_conf(&rig, &conf, cases[i].offered, true);
		CU_ASSERT_EQUAL(vhost_front_handshake(rig.front), 0);
		rig_turn(&rig);
		CU_ASSERT_EQUAL(vhost_dev_offload(&rig.dev), cases[i].result);
		rig_close(&rig);
	}
}

static void a_legacy_guest_has_a_short_header_and_no_enable(void)
{
	const struct vhost_front_conf conf = {
		.queues = 1,
		.features = ~(1ull << 32 | 1ull << 15 | 1ull << 30)
	};
	struct rig rig;

	rig_open_conf(&rig, &conf, ALL_OFFLOADS, true);
	CU_ASSERT_EQUAL(vhost_front_handshake(rig.front), 0);
	rig_turn(&rig);
	CU_ASSERT_TRUE(rig.dev.ring[1].vr.ready);
	CU_ASSERT_EQUAL(rig.dev.ring[1].vr.net_hdr_len, 10);
	rig_close(&rig);
}

static void a_stopped_ring_tells_its_position_and_goes_on_there(void)
{
	struct rig rig;

	rig_up(&rig);
	rig.dev.ring[1].vr.last_avail = 77;
	rig.dev.ring[1].vr.last_used = 77;
	rig.front->ring[1].used[1] = 77;
	CU_ASSERT_EQUAL(vhost_front_ring_stop(rig.front, 1), 77);
	CU_ASSERT_FALSE(rig.dev.ring[1].vr.ready);
	CU_ASSERT_TRUE(rig.dev.ring[0].vr.ready);
	CU_ASSERT_EQUAL(rig.dev.ring[1].vr.kick_fd, -1);
	CU_ASSERT_EQUAL(rig.quiesced, 1);
	CU_ASSERT_EQUAL(vhost_front_ring_setup(rig.front, 1), 0);
	rig_turn(&rig);
	CU_ASSERT_TRUE(rig.dev.ring[1].vr.ready);
	CU_ASSERT_EQUAL(rig.dev.ring[1].vr.last_avail, 77);
	CU_ASSERT_EQUAL(rig.dev.ring[1].vr.last_used, 77);
	rig_close(&rig);
}

/* As DPDK's virtio-user tells it after a crash of ours: always 0. */
static void a_ring_begins_at_its_used_index_whatever_the_peer_says(void)
{
	struct rig rig;

	rig_up(&rig);
	CU_ASSERT_TRUE(vhost_front_ring_stop(rig.front, 1) >= 0);
	CU_ASSERT_EQUAL(vhost_front_enable(rig.front, 1, false), 0);
	CU_ASSERT_EQUAL(vhost_front_ring_setup(rig.front, 1), 0);
	rig.front->ring[1].used[1] = 40000;
	CU_ASSERT_EQUAL(vhost_front_enable(rig.front, 1, true), 0);
	rig_turn(&rig);
	CU_ASSERT_TRUE(rig.dev.ring[1].vr.ready);
	CU_ASSERT_EQUAL(rig.dev.ring[1].vr.last_avail, 40000);
	CU_ASSERT_EQUAL(rig.dev.ring[1].vr.last_used, 40000);
	rig_close(&rig);
}

static void a_disabled_ring_stops_and_starts_again(void)
{
	struct rig rig;

	rig_up(&rig);
	CU_ASSERT_EQUAL(vhost_front_enable(rig.front, 0, false), 0);
	rig_turn(&rig);
	CU_ASSERT_FALSE(rig.dev.ring[0].vr.ready);
	CU_ASSERT_EQUAL(vhost_front_enable(rig.front, 0, true), 0);
	rig_turn(&rig);
	CU_ASSERT_TRUE(rig.dev.ring[0].vr.ready);
	rig_close(&rig);
}

static void a_new_memory_table_keeps_the_port_up(void)
{
	struct guest_mem *was;
	struct rig rig;
	unsigned changed;

	rig_up(&rig);
	was = rig.dev.mem;
	changed = rig.changed;
	rig.dev.ring[1].vr.last_used = rig.dev.ring[1].vr.last_avail = 5;
	CU_ASSERT_EQUAL(vhost_front_memory(rig.front), 0);
	rig_turn(&rig);
	CU_ASSERT_PTR_NOT_EQUAL(rig.dev.mem, was);
	CU_ASSERT_EQUAL(rig.quiesced, 1);
	CU_ASSERT_TRUE(rig.changed <= changed + 1);
	CU_ASSERT_TRUE(rig.dev.ring[0].vr.ready);
	CU_ASSERT_PTR_EQUAL(rig.dev.ring[1].vr.mem, rig.dev.mem);
	CU_ASSERT_EQUAL(rig.dev.ring[1].vr.last_avail, 5);
	rig_close(&rig);
}

static void a_call_is_exchanged_while_the_ring_runs(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint64_t u64 = 0, n = 0;
	struct rig rig;

	rig_up(&rig);
	CU_ASSERT_EQUAL(vhost_front_tell(rig.front, VHOST_USER_SET_VRING_CALL,
					 &u64, sizeof(u64), &fd, 1),
			0);
	rig_turn(&rig);
	CU_ASSERT_TRUE(rig.dev.ring[0].vr.ready);
	CU_ASSERT_EQUAL(rig.quiesced, 1);
	CU_ASSERT_EQUAL(read(fd, &n, sizeof(n)), sizeof(n));
	u64 = VHOST_USER_VRING_NOFD;
	CU_ASSERT_EQUAL(vhost_front_tell_u64(rig.front,
					     VHOST_USER_SET_VRING_CALL, u64),
			0);
	rig_turn(&rig);
	CU_ASSERT_EQUAL(rig.dev.ring[0].vr.call_fd, -1);
	rig_close(&rig);
	close(fd);
}

static void a_polling_driver_needs_no_descriptors(void)
{
	struct rig rig;
	uint64_t q;

	rig_open(&rig);
	CU_ASSERT_EQUAL(vhost_front_negotiate(rig.front), 0);
	CU_ASSERT_EQUAL(vhost_front_memory(rig.front), 0);
	for (q = 0; q < 2; q++) {
		vhost_front_ring_setup(rig.front, (unsigned)q);
		vhost_front_ring_stop(rig.front, (unsigned)q);
		vhost_front_tell_u64(rig.front, VHOST_USER_SET_VRING_KICK,
				     q | VHOST_USER_VRING_NOFD);
		vhost_front_enable(rig.front, (unsigned)q, true);
	}
	rig_turn(&rig);
	CU_ASSERT_EQUAL(rig.rc, 0);
	CU_ASSERT_TRUE(rig.dev.ring[1].vr.ready);
	CU_ASSERT_EQUAL(rig.dev.ring[1].vr.kick_fd, -1);
	rig_close(&rig);
}

static void a_reset_forgets_everything(void)
{
	struct rig rig;

	rig_up(&rig);
	CU_ASSERT_EQUAL(vhost_front_tell(rig.front, VHOST_USER_RESET_OWNER,
					 NULL, 0, NULL, 0),
			0);
	rig_turn(&rig);
	CU_ASSERT_EQUAL(rig.rc, 0);
	CU_ASSERT_FALSE(vhost_dev_running(&rig.dev));
	CU_ASSERT_EQUAL(vhost_front_handshake(rig.front), 0);
	rig_turn(&rig);
	CU_ASSERT_TRUE(vhost_dev_running(&rig.dev));
	rig_close(&rig);
}

static void the_mtu_is_ours_and_moves_are_announced(void)
{
	const struct vhost_front_conf conf = { .queues = 1,
					       .need_reply = true };
	const uint8_t mac[8] = { 2, 0, 0, 0, 0, 7 };
	struct rig rig;

	rig_open_conf(&rig, &conf, ALL_OFFLOADS, true);
	CU_ASSERT_EQUAL(vhost_front_handshake(rig.front), 0);
	CU_ASSERT_EQUAL(vhost_front_tell_u64(rig.front,
					     VHOST_USER_NET_SET_MTU, 1400),
			0);
	CU_ASSERT_EQUAL(vhost_front_tell_u64(rig.front,
					     VHOST_USER_NET_SET_MTU, 9000),
			-EREMOTEIO);
	CU_ASSERT_EQUAL(vhost_front_tell_u64(rig.front,
					     VHOST_USER_NET_SET_MTU, 67),
			-EREMOTEIO);
	CU_ASSERT_EQUAL(vhost_front_tell(rig.front, VHOST_USER_SEND_RARP, mac,
					 8, NULL, 0),
			0);
	CU_ASSERT_EQUAL(rig.rc, 0);
	CU_ASSERT_EQUAL(rig.announced, 1);
	CU_ASSERT_EQUAL(memcmp(rig.mac, mac, 6), 0);
	rig_close(&rig);
}

/* ---- logging -------------------------------------------------------------- */

static int tell_log(struct rig *rig, int fd, uint64_t bytes)
{
	struct vhost_user_log log = { .bytes = bytes };
	int rc = vhost_front_send(rig->front, VHOST_USER_SET_LOG_BASE, &log,
				  sizeof(log), &fd, 1);

	return rc ? rc
		  : vhost_front_answer(rig->front, VHOST_USER_SET_LOG_BASE,
				       NULL, 0);
}

static int log_file(size_t bytes)
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
		abort();
	return fd;
}

static void logging_is_switched_while_rings_run(void)
{
	int fd = log_file(8192);
	unsigned changed;
	struct rig rig;

	rig_up(&rig);
	changed = rig.changed;
	CU_ASSERT_EQUAL(tell_log(&rig, fd, 8192), 0);
	CU_ASSERT_PTR_NULL(rig.dev.ring[0].vr.log);
	vhost_front_tell_u64(rig.front, VHOST_USER_SET_FEATURES,
			     rig.front->features |
				     1ull << VHOST_USER_F_LOG_ALL);
	rig_turn(&rig);
	CU_ASSERT_EQUAL(rig.rc, 0);
	CU_ASSERT_PTR_EQUAL(rig.dev.ring[0].vr.log, rig.dev.log);
	CU_ASSERT_TRUE(rig.dev.ring[0].vr.ready);
	CU_ASSERT_EQUAL(tell_log(&rig, fd, 4096), 0); /* resized */
	CU_ASSERT_PTR_EQUAL(rig.dev.ring[0].vr.log, rig.dev.log);
	CU_ASSERT_EQUAL(rig.dev.log->bytes, 4096);
	vhost_front_tell_u64(rig.front, VHOST_USER_SET_FEATURES,
			     rig.front->features);
	rig_turn(&rig);
	CU_ASSERT_PTR_NULL(rig.dev.ring[0].vr.log);
	CU_ASSERT_TRUE(rig.dev.ring[0].vr.ready);
	CU_ASSERT_TRUE(rig.changed <= changed + 2);
	rig_close(&rig);
	close(fd);
}

/* QEMU starts rings that way while it migrates. */
static void rings_wait_for_a_log_that_was_promised(void)
{
	int fd = log_file(8192);
	struct rig rig;

	rig_open(&rig);
	CU_ASSERT_EQUAL(vhost_front_negotiate(rig.front), 0);
	vhost_front_tell_u64(rig.front, VHOST_USER_SET_FEATURES,
			     rig.front->features |
				     1ull << VHOST_USER_F_LOG_ALL);
	vhost_front_memory(rig.front);
	vhost_front_ring_setup(rig.front, 0);
	vhost_front_enable(rig.front, 0, true);
	rig_turn(&rig);
	CU_ASSERT_FALSE(rig.dev.ring[0].vr.ready);
	CU_ASSERT_EQUAL(tell_log(&rig, fd, 8192), 0);
	CU_ASSERT_TRUE(rig.dev.ring[0].vr.ready);
	CU_ASSERT_PTR_EQUAL(rig.dev.ring[0].vr.log, rig.dev.log);
	rig_close(&rig);
	close(fd);
}

/* VU-18 */
static void a_bad_log_refuses_the_migration_not_the_port(void)
{
	const struct vhost_front_conf conf = { .queues = 1,
					       .need_reply = true };
	int fd = log_file(8192);
	struct rig rig;

	rig_open_conf(&rig, &conf, ALL_OFFLOADS, true);
	CU_ASSERT_EQUAL(vhost_front_handshake(rig.front), 0);
	CU_ASSERT_EQUAL(tell_log(&rig, fd, 8193), 0); /* beyond the file */
	CU_ASSERT_EQUAL(tell_log(&rig, fd, 1), 0);    /* too few pages */
	CU_ASSERT_EQUAL(tell_log(&rig, fd, 0), 0);
	CU_ASSERT_PTR_NULL(rig.dev.log);
	CU_ASSERT_EQUAL(
		vhost_front_tell_u64(rig.front, VHOST_USER_SET_FEATURES,
				     rig.front->features |
					     1ull << VHOST_USER_F_LOG_ALL),
		-EREMOTEIO);
	CU_ASSERT_EQUAL(rig.rc, 0);
	CU_ASSERT_TRUE(rig.dev.ring[0].vr.ready);
	CU_ASSERT_PTR_NULL(rig.dev.ring[0].vr.log);
	rig_close(&rig);
	close(fd);
}

static void addresses_sent_again_switch_the_used_rings_log(void)
{
	const struct vhost_front_ring *r;
	struct vhost_user_addr a;
	struct rig rig;

	rig_up(&rig);
	r = &rig.front->ring[1];
	a = (struct vhost_user_addr){ .index = 1,
				      .flags = 1,
				      .desc = FRONT_UVA + r->desc_at,
				      .avail = FRONT_UVA + r->avail_at,
				      .used = FRONT_UVA + r->used_at,
				      .log = 0x12340 };
	vhost_front_tell(rig.front, VHOST_USER_SET_VRING_ADDR, &a, sizeof(a),
			 NULL, 0);
	rig_turn(&rig);
	CU_ASSERT_TRUE(rig.dev.ring[1].vr.ready);
	CU_ASSERT_TRUE(rig.dev.ring[1].vr.log_ring);
	CU_ASSERT_EQUAL(rig.dev.ring[1].vr.used_gpa, 0x12340);
	rig_close(&rig);
}

/* ---- bad messages ------------------------------------------------------------ */

/* One bad message to a peer that negotiated, or runs. */
struct bad {
	const char *says; /* part of the refusal */
	bool running;
	uint32_t request, flags, size;
	unsigned fds;
	union {
		uint64_t u64;
		uint64_t word[6];
		struct vhost_user_state state;
		struct vhost_user_addr addr;
	} body;
};

#define STATE(i, n) .size = 8, .body.state = { i, n }
#define U64(v)	    .size = 8, .body.u64 = v
#define PLAIN	    .flags = VHOST_USER_VERSION

static const struct bad bad_messages[] = {
	/* VU-01: sizes, versions, flags, names */
	{ "wrong size", 0, VHOST_USER_SET_FEATURES, 1, 0, 0, { 0 } },
	{ "wrong size", 0, VHOST_USER_SET_FEATURES, 1, 4097, 0, { 0 } },
	{ "wrong size", 0, VHOST_USER_SET_FEATURES, 1, UINT32_MAX, 0, { 0 } },
	{ "wrong size", 0, VHOST_USER_GET_FEATURES, 1, 8, 0, { 0 } },
	{ "wrong size", 0, VHOST_USER_SET_MEM_TABLE, 1, 4, 1, { 0 } },
	{ "wrong size", 0, VHOST_USER_SET_MEM_TABLE, 1, 41, 1, { 0 } },
	{ "wrong size", 0, VHOST_USER_SET_MEM_TABLE, 1, 8 + 9 * 32, 1, { 0 } },
	{ "version", 0, VHOST_USER_GET_FEATURES, 0, 0, 0, { 0 } },
	{ "version", 0, VHOST_USER_GET_FEATURES, 2, 0, 0, { 0 } },
	{ "flags", 0, VHOST_USER_GET_FEATURES, 5, 0, 0, { 0 } },
	{ "flags", 0, VHOST_USER_GET_FEATURES, 1 | 1u << 31, 0, 0, { 0 } },
	{ "not offered", 0, 0, 1, 0, 0, { 0 } },
	{ "not offered", 0, 1000, 1, 0, 0, { 0 } },
	{ "not offered", 0, UINT32_MAX, 1, 0, 0, { 0 } },
	/* VU-05: GET_INFLIGHT_FD, SET_INFLIGHT_FD */
	{ "not offered", 0, 31, 1, 20, 0, { 0 } },
	{ "not offered", 1, 32, 1, 20, 1, { 0 } },
	/* VU-02: the counts of a table */
	{ "disagree", 0, VHOST_USER_SET_MEM_TABLE, PLAIN, .size = 8 + 32,
	  .fds = 1, .body.word = { 0 } },
	{ "disagree", 0, VHOST_USER_SET_MEM_TABLE, PLAIN, .size = 8 + 32,
	  .fds = 1, .body.word = { 255 } },
	{ "disagree", 0, VHOST_USER_SET_MEM_TABLE, PLAIN, .size = 8,
	  .fds = 1, .body.word = { 0xffffffff } },
	{ "no sense", 0, VHOST_USER_SET_MEM_TABLE, PLAIN, .size = 8 },
	{ "no sense", 1, VHOST_USER_SET_MEM_TABLE, PLAIN, .size = 8 + 32,
	  .fds = 1, .body.word = { 1 } },
	/* VU-04: descriptors */
	{ "number of desc", 0, VHOST_USER_GET_FEATURES, PLAIN, .fds = 1 },
	{ "number of desc", 0, VHOST_USER_SET_OWNER, PLAIN, .fds = 8 },
	{ "more desc", 0, VHOST_USER_SET_OWNER, PLAIN, .fds = 9 },
	{ "more desc", 1, VHOST_USER_SET_OWNER, PLAIN, .fds = 16 },
	{ "number of desc", 0, VHOST_USER_SET_VRING_KICK, PLAIN, U64(0),
	  .fds = 0 },
	{ "number of desc", 0, VHOST_USER_SET_VRING_KICK, PLAIN, U64(0),
	  .fds = 2 },
	{ "number of desc", 0, VHOST_USER_SET_VRING_CALL, PLAIN,
	  U64(VHOST_USER_VRING_NOFD), .fds = 1 },
	{ "number of desc", 0, VHOST_USER_SET_LOG_BASE, PLAIN, .size = 16 },
	{ "eventfd", 0, VHOST_USER_SET_VRING_KICK, PLAIN, U64(0), .fds = 1 },
	{ "eventfd", 1, VHOST_USER_SET_VRING_CALL, PLAIN, U64(1), .fds = 1 },
	{ "eventfd", 0, VHOST_USER_SET_VRING_ERR, PLAIN, U64(1), .fds = 1 },
	/* VU-06: numbers of rings */
	{ "power of two", 0, VHOST_USER_SET_VRING_NUM, PLAIN, STATE(0, 0) },
	{ "power of two", 0, VHOST_USER_SET_VRING_NUM, PLAIN, STATE(0, 3) },
	{ "power of two", 0, VHOST_USER_SET_VRING_NUM, PLAIN,
	  STATE(0, 65536) },
	{ "ring 2 of 2", 0, VHOST_USER_SET_VRING_NUM, PLAIN, STATE(2, 64) },
	{ "ring", 0, VHOST_USER_SET_VRING_BASE, PLAIN,
	  STATE(UINT32_MAX, 0) },
	{ "position", 0, VHOST_USER_SET_VRING_BASE, PLAIN, STATE(0, 65536) },
	{ "ring", 0, VHOST_USER_GET_VRING_BASE, PLAIN, STATE(2, 0) },
	{ "ring", 0, VHOST_USER_SET_VRING_ENABLE, PLAIN, STATE(32, 1) },
	{ "neither", 0, VHOST_USER_SET_VRING_ENABLE, PLAIN, STATE(0, 2) },
	{ "ring", 0, VHOST_USER_SET_VRING_ADDR, PLAIN, .size = 40,
	  .body.addr = { .index = 2 } },
	{ "ring 255 of 2", 0, VHOST_USER_SET_VRING_KICK, PLAIN,
	  U64(0xff | VHOST_USER_VRING_NOFD) },
	{ "order", 1, VHOST_USER_SET_VRING_NUM, PLAIN, STATE(0, 64) },
	{ "order", 1, VHOST_USER_SET_VRING_BASE, PLAIN, STATE(0, 0) },
	/* VU-08: features */
	{ "RING_PACKED", 0, VHOST_USER_SET_FEATURES, PLAIN,
	  U64(1ull << 34) },
	{ "CTRL_VQ", 0, VHOST_USER_SET_FEATURES, PLAIN, U64(1ull << 17) },
	{ "bit_63", 0, VHOST_USER_SET_FEATURES, PLAIN, U64(1ull << 63) },
	{ "while rings run", 1, VHOST_USER_SET_FEATURES, PLAIN, U64(0) },
	{ "not offered", 0, VHOST_USER_SET_PROTOCOL_FEATURES, PLAIN,
	  U64(1ull << 12) },
	{ "order", 1, VHOST_USER_SET_PROTOCOL_FEATURES, PLAIN, U64(0) },
};

static void bad_message_send(struct rig *rig, const struct bad *bad, int fd)
{
	struct vhost_user_hdr h = { bad->request, bad->flags, bad->size };
	uint8_t bytes[sizeof(h) + 8 + 9 * 32] = { 0 };
	size_t n = bad->size < 8 + 9 * 32 ? bad->size : 8 + 9 * 32;
	int fds[16];
	unsigned i;

	for (i = 0; i < 16; i++)
		fds[i] = fd;
	memcpy(bytes, &h, sizeof(h));
	memcpy(bytes + sizeof(h), &bad->body,
	       n < sizeof(bad->body) ? n : sizeof(bad->body));
	vhost_front_raw(rig->front, bytes, sizeof(h) + n, fds, bad->fds);
}

static void bad_messages_end_their_connection_only(void)
{
	unsigned i;
	int fd = memfd_create("some", MFD_CLOEXEC);

	for (i = 0; i < sizeof(bad_messages) / sizeof(bad_messages[0]); i++) {
		const struct bad *bad = &bad_messages[i];
		struct vhost_user_msg msg;
		const char *said;
		struct rig rig;
		int rc;

		if (bad->running) {
			rig_up(&rig);
		} else {
			rig_open(&rig);
			CU_ASSERT_EQUAL(vhost_front_negotiate(rig.front), 0);
		}
		bad_message_send(&rig, bad, fd);
		rig.dev.error[0] = '\0';
		/* by hand: the words must be read before they are reset */
		while ((rc = vhost_user_recv(&rig.vu, &msg, &rig.why)) == 1) {
			rc = vhost_dev_handle(&rig.dev, &rig.vu, &msg);
			vhost_user_msg_fini(&msg);
			if (rc < 0)
				break;
		}
		said = rig.why ? rig.why : rig.dev.error;
		CU_ASSERT_EQUAL(rc, -EPROTO);
		if (rc != -EPROTO || !strstr(said, bad->says))
			printf("\n    %u: %s: \"%s\", wanted \"%s\"\n", i,
			       vhost_user_name(bad->request), said, bad->says);
		CU_ASSERT_PTR_NOT_NULL(strstr(said, bad->says));
		rig_close(&rig);
	}
	close(fd);
}

/* VU-07 */
static void rings_outside_memory_are_never_polled(void)
{
	static const struct {
		int64_t desc, avail, used; /* moved from where they belong */
	} bad[] = {
		{ 8, 0, 0 },
		{ 0, 1, 0 },
		{ 0, 0, 2 },
		{ -0x1000000, 0, 0 },
		{ 0, 1ll << 40, 0 },
		{ 0, 0, -0x550000000000 },
		{ 4096, 0, 0 },	   /* onto the available ring */
		{ 0, 4096, 0 },	   /* onto the used ring */
	};
	unsigned i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct vhost_front_ring *r;
		struct vhost_user_addr a;
		struct rig rig;

		rig_open(&rig);
		vhost_front_negotiate(rig.front);
		vhost_front_memory(rig.front);
		r = &rig.front->ring[0];
		vhost_front_ring_setup(rig.front, 0);
		a = (struct vhost_user_addr){
			.desc = FRONT_UVA + r->desc_at + (uint64_t)bad[i].desc,
			.avail = FRONT_UVA + r->avail_at +
				 (uint64_t)bad[i].avail,
			.used = FRONT_UVA + r->used_at + (uint64_t)bad[i].used,
		};
		vhost_front_send(rig.front, VHOST_USER_SET_VRING_ADDR, &a,
				 sizeof(a), NULL, 0);
		vhost_front_enable(rig.front, 0, true);
		rig_turn(&rig);
		CU_ASSERT_EQUAL(rig.rc, -EPROTO);
		CU_ASSERT_FALSE(rig.dev.ring[0].vr.ready);
		rig_close(&rig);
	}
}

static void a_ring_beyond_the_end_of_a_region_is_refused(void)
{
	struct vhost_user_mem m = { .count = 1 };
	struct rig rig;

	rig_up(&rig);
	/* memory shrinks under a running ring: half of ring 1 is gone */
	m.region[0] = (struct guest_region_desc){
		.gpa = FRONT_GPA,
		.uva = FRONT_UVA,
		.bytes = rig.front->ring[1].desc_at + 64,
	};
	vhost_front_send(rig.front, VHOST_USER_SET_MEM_TABLE, &m, 40,
			 &rig.front->mem_fd, 1);
	rig_turn(&rig);
	CU_ASSERT_EQUAL(rig.rc, -EPROTO);
	rig_close(&rig);
}

static void unsealed_memory_is_refused_with_advice(void)
{
	const struct vhost_front_conf conf = { .queues = 1,
					       .unsealed = true };
	struct rig rig;

	rig_open_conf(&rig, &conf, 0, true);
	vhost_front_negotiate(rig.front);
	vhost_front_memory(rig.front);
	rig_turn(&rig);
	CU_ASSERT_EQUAL(rig.rc, -EPROTO);
	rig_close(&rig);
	rig_open_conf(&rig, &conf, 0, false);
	CU_ASSERT_EQUAL(vhost_front_handshake(rig.front), 0);
	rig_turn(&rig);
	CU_ASSERT_TRUE(vhost_dev_running(&rig.dev));
	rig_close(&rig);
}

/* VU-04, CVE-2022-0669: every message with one descriptor too many */
static void descriptors_never_leak(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	unsigned round;

	for (round = 0; round < 1000; round++) {
		struct bad bad = { .request = round % 21,
				   .flags = 1,
				   .size = round % 3 ? 8 : 0,
				   .fds = 1 + round % 16 };
		struct rig rig;

		rig_open(&rig);
		bad_message_send(&rig, &bad, fd);
		bad_message_send(&rig, &bad, fd);
		rig_close(&rig);
	}
	close(fd);
}

/* VU-19 */
static void messages_may_come_byte_by_byte_but_not_for_ever(void)
{
	struct vhost_user_hdr h = { VHOST_USER_SET_OWNER, 1, 0 };
	const uint8_t *bytes = (const uint8_t *)&h;
	struct rig rig;
	uint64_t now = 1000;
	unsigned i;

	rig_open(&rig);
	CU_ASSERT_FALSE(vhost_user_overdue(&rig.vu, now, false));
	CU_ASSERT_FALSE(vhost_user_overdue(&rig.vu, now, true));
	CU_ASSERT_FALSE(vhost_user_overdue(&rig.vu, now + 9999, true));
	CU_ASSERT_TRUE(vhost_user_overdue(&rig.vu, now + 10000, true));
	for (i = 0; i < sizeof(h); i++) {
		vhost_front_raw(rig.front, bytes + i, 1, NULL, 0);
		rig_turn(&rig);
		CU_ASSERT_EQUAL(rig.rc, 0);
		if (i < 11)
			CU_ASSERT_EQUAL(vhost_user_overdue(&rig.vu, now, false),
					i == 10);
		now += 1000;
	}
	/* whole: may be idle for as long as it likes */
	CU_ASSERT_FALSE(vhost_user_overdue(&rig.vu, now, true));
	CU_ASSERT_FALSE(vhost_user_overdue(&rig.vu, now + 1000000, true));
	rig_close(&rig);
}

static void a_peer_that_reads_no_answers_is_sent_away(void)
{
	struct rig rig;
	unsigned i;

	rig_open(&rig);
	for (i = 0; i < 100000 && !rig.rc; i++) {
		vhost_front_send(rig.front, VHOST_USER_GET_FEATURES, NULL, 0,
				 NULL, 0);
		rig_turn(&rig);
	}
	CU_ASSERT_EQUAL(rig.rc, -EPROTO);
	rig_close(&rig);
}

static void a_hangup_half_way_leaves_nothing(void)
{
	uint8_t half[20] = { VHOST_USER_SET_VRING_KICK, 0, 0, 0, 1, 0, 0, 0,
			     8 };
	int fd = eventfd(0, EFD_CLOEXEC);
	struct rig rig;

	rig_up(&rig);
	vhost_front_raw(rig.front, half, 16, &fd, 1);
	rig_turn(&rig);
	CU_ASSERT_EQUAL(rig.rc, 0);
	vhost_front_hangup(rig.front);
	rig_turn(&rig);
	CU_ASSERT_EQUAL(rig.rc, -ECONNRESET);
	rig_close(&rig);
	close(fd);
}

static void broken_rings_and_lost_memory_are_faults(void)
{
	struct rig rig;

	rig_up(&rig);
	CU_ASSERT_PTR_NULL(vhost_dev_fault(&rig.dev));
	rig.dev.ring[1].vr.broken = true;
	CU_ASSERT_PTR_NOT_NULL(vhost_dev_fault(&rig.dev));
	rig.dev.ring[1].vr.broken = false;
	atomic_store(&rig.dev.mem->fault, true);
	CU_ASSERT_PTR_NOT_NULL(vhost_dev_fault(&rig.dev));
	rig_close(&rig);
}

static void features_have_names(void)
{
	char text[64], tiny[8];

	CU_ASSERT_STRING_EQUAL(
		vhost_feature_names(1ull << 32 | 1ull << 15 | 1ull << 60, text,
				    sizeof(text)),
		"MRG_RXBUF VERSION_1 bit_60");
	vhost_feature_names(~0ull, tiny, sizeof(tiny));
	CU_ASSERT_EQUAL(strlen(tiny), 7);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(a_friendly_peer_gets_its_rings),
		SUITE_TEST(acknowledgements_are_given_when_asked_for),
		SUITE_TEST(offloads_follow_what_both_sides_want),
		SUITE_TEST(a_legacy_guest_has_a_short_header_and_no_enable),
		SUITE_TEST(a_stopped_ring_tells_its_position_and_goes_on_there),
		SUITE_TEST(
			a_ring_begins_at_its_used_index_whatever_the_peer_says),
		SUITE_TEST(a_disabled_ring_stops_and_starts_again),
		SUITE_TEST(a_new_memory_table_keeps_the_port_up),
		SUITE_TEST(a_call_is_exchanged_while_the_ring_runs),
		SUITE_TEST(a_polling_driver_needs_no_descriptors),
		SUITE_TEST(a_reset_forgets_everything),
		SUITE_TEST(the_mtu_is_ours_and_moves_are_announced),
		SUITE_TEST(logging_is_switched_while_rings_run),
		SUITE_TEST(rings_wait_for_a_log_that_was_promised),
		SUITE_TEST(a_bad_log_refuses_the_migration_not_the_port),
		SUITE_TEST(addresses_sent_again_switch_the_used_rings_log),
		SUITE_TEST(bad_messages_end_their_connection_only),
		SUITE_TEST(rings_outside_memory_are_never_polled),
		SUITE_TEST(a_ring_beyond_the_end_of_a_region_is_refused),
		SUITE_TEST(unsealed_memory_is_refused_with_advice),
		SUITE_TEST(descriptors_never_leak),
		SUITE_TEST(messages_may_come_byte_by_byte_but_not_for_ever),
		SUITE_TEST(a_peer_that_reads_no_answers_is_sent_away),
		SUITE_TEST(a_hangup_half_way_leaves_nothing),
		SUITE_TEST(broken_rings_and_lost_memory_are_faults),
		SUITE_TEST(features_have_names),
	};

	return suite_run("vhost_user", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
