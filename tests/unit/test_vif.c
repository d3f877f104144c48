/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_vif.c: whole vifs on real sockets, their event loop turned by hand.
 *
 * Time: vif_check() is called with a clock of our own; nothing here waits for
 * a time-out.  Where a vif retries by itself, the test lets the loop block
 * until that timer (10 ms) fires.
 */
#include "netback/vif.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/drop.h"
#include "netback/doorbell.h"
#include "tests/lib/suite.h"
#include "tests/lib/vhost_front.h"

struct rig {
	struct event_base *base;
	struct vif_host host;
	struct vif_conf conf;
	char dir[32];
	unsigned quiesced, changed, lines;
	char line[256];
	bool link; /* of the port, when changed() was called last */
	unsigned fds_before;
	struct port *in_burst; /* a worker that ends its burst on quiesce */
};

static struct burst burst;

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

	rig->quiesced++;
	if (rig->in_burst)
		rig->in_burst->ops->rx_done(rig->in_burst, 0, &burst);
	rig->in_burst = NULL;
}

static void rig_changed(void *ctx, struct vif *vif)
{
	struct rig *rig = ctx;

	rig->changed++;
	rig->link = vif_port(vif)->link;
}

static void rig_log(void *ctx, struct vif *vif, const char *line)
{
	struct rig *rig = ctx;

	rig->lines++;
	snprintf(rig->line, sizeof(rig->line), "%s", line);
}

static void rig_pump(void *ctx)
{
	event_base_loop(((struct rig *)ctx)->base, EVLOOP_NONBLOCK);
}

/* Wait for the next event, a timer if need be. */
static void rig_pump_wait(void *ctx)
{
	event_base_loop(((struct rig *)ctx)->base, EVLOOP_ONCE);
}

static void rig_open(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	rig->fds_before = open_fds();
	strcpy(rig->dir, "/tmp/cw-vif-XXXXXX");
	if (!mkdtemp(rig->dir))
		abort();
	rig->base = event_base_new();
	rig->host = (struct vif_host){ .base = rig->base,
				       .quiesce = rig_quiesce,
				       .changed = rig_changed,
				       .log = rig_log,
				       .ctx = rig };
	rig->conf = (struct vif_conf){ .name = "web",
				       .peer_uid = -1,
				       .queues = 1,
				       .mtu = 1500,
				       .offload = PORT_TX_CSUM };
	snprintf(rig->conf.socket, sizeof(rig->conf.socket), "%s/s",
		 rig->dir);
}

static void rig_close(struct rig *rig)
{
	unlink(rig->conf.socket);
	CU_ASSERT_EQUAL(rmdir(rig->dir), 0);
	event_base_free(rig->base);
	CU_ASSERT_EQUAL(open_fds(), rig->fds_before);
}

static struct vhost_front *front_new(struct rig *rig, unsigned queues,
				     bool unsealed)
{
	const struct vhost_front_conf conf = { .queues = queues,
					       .unsealed = unsealed,
					       .pump = rig_pump,
					       .ctx = rig };
	struct vhost_front *vf;

	if (vhost_front_new(&vf, &conf) < 0)
		abort();
	return vf;
}

static enum vif_state state(struct vif *vif)
{
	struct vif_facts facts;

	vif_facts(vif, &facts);
	return facts.state;
}

static const char *last_error(struct vif *vif)
{
	static struct vif_facts facts;

	vif_facts(vif, &facts);
	return facts.last_error;
}

/* A vif that listens, and a front end that has come up on it. */
static struct vif *server_up(struct rig *rig, struct vhost_front **vf,
			     bool unsealed)
{
	struct vif *vif;

	rig->conf.server = true;
	rig->conf.trusted = unsealed;
	CU_ASSERT_EQUAL_FATAL(vif_new(&vif, &rig->conf, &rig->host), 0);
	*vf = front_new(rig, rig->conf.queues, unsealed);
	CU_ASSERT_EQUAL(vhost_front_connect(*vf, rig->conf.socket), 0);
	CU_ASSERT_EQUAL(vhost_front_handshake(*vf), 0);
	rig_pump(rig);
	rig_pump(rig);
	CU_ASSERT_EQUAL(state(vif), VIF_UP);
	return vif;
}

/* ---- connections ----------------------------------------------------------- */

static void a_client_connects_at_once(void)
{
	struct vhost_front *vf;
	struct rig rig;
	struct vif *vif;

	rig_open(&rig);
	vf = front_new(&rig, 1, false);
	CU_ASSERT_EQUAL(vhost_front_listen(vf, rig.conf.socket), 0);
	CU_ASSERT_EQUAL(vif_new(&vif, &rig.conf, &rig.host), 0);
	CU_ASSERT_EQUAL(vhost_front_accept(vf), 0);
	CU_ASSERT_EQUAL(state(vif), VIF_NEGOTIATING);
	CU_ASSERT_EQUAL(vhost_front_handshake(vf), 0);
	rig_pump(&rig);
	CU_ASSERT_EQUAL(state(vif), VIF_UP);
	CU_ASSERT_TRUE(rig.link);
	CU_ASSERT_EQUAL(vif_port(vif)->rx_queues, 1);
	CU_ASSERT_EQUAL(vif_port(vif)->offload, PORT_TX_CSUM);
	vif_free(vif);
	CU_ASSERT_TRUE(vhost_front_lost(vf));
	vhost_front_free(vf);
	rig_close(&rig);
}

static void a_client_waits_for_its_peer_and_comes_back_to_it(void)
{
	struct vhost_front *vf;
	struct rig rig;
	struct vif *vif;
	unsigned i;

	rig_open(&rig);
	vf = front_new(&rig, 1, false);
	vf->conf.pump = rig_pump_wait;
	CU_ASSERT_EQUAL(vif_new(&vif, &rig.conf, &rig.host), 0);
	CU_ASSERT_EQUAL(state(vif), VIF_CONNECTING);
	CU_ASSERT_EQUAL(vhost_front_listen(vf, rig.conf.socket), 0);
	for (i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(vhost_front_accept(vf), 0);
		CU_ASSERT_EQUAL(vhost_front_handshake(vf), 0);
		while (state(vif) != VIF_UP)
			rig_pump_wait(&rig);
		vhost_front_hangup(vf);
		while (state(vif) == VIF_UP)
			rig_pump_wait(&rig);
		CU_ASSERT_FALSE(rig.link);
	}
	vif_free(vif);
	vhost_front_free(vf);
	rig_close(&rig);
}

/* VU-17: no wait at all for a server's next peer */
static void a_server_takes_one_peer_after_the_other(void)
{
	struct rig rig;
	struct vhost_front *vf;
	struct vif *vif;
	unsigned i;

	rig_open(&rig);
	vif = server_up(&rig, &vf, false);
	for (i = 0; i < 1000; i++) {
		vhost_front_hangup(vf);
		rig_pump(&rig);
		CU_ASSERT_EQUAL(state(vif), VIF_LISTENING);
		CU_ASSERT_EQUAL(vhost_front_connect(vf, rig.conf.socket), 0);
		if (i % 2) /* half way */
			vhost_front_raw(vf, "\1\0\0\0\1\0\0\0", 8,
					&vf->mem_fd, 1);
		else
			CU_ASSERT_EQUAL(vhost_front_handshake(vf), 0);
		rig_pump(&rig);
		rig_pump(&rig);
	}
	vif_free(vif);
	vhost_front_free(vf);
	rig_close(&rig);
}

static void a_second_peer_waits_its_turn(void)
{
	struct vhost_front *vf, *other;
	struct rig rig;
	struct vif *vif;

	rig_open(&rig);
	vif = server_up(&rig, &vf, false);
	other = front_new(&rig, 1, false);
	CU_ASSERT_EQUAL(vhost_front_connect(other, rig.conf.socket), 0);
	rig_pump(&rig);
	CU_ASSERT_FALSE(vhost_front_lost(vf));
	vhost_front_hangup(vf);
	CU_ASSERT_EQUAL(vhost_front_handshake(other), 0);
	rig_pump(&rig);
	CU_ASSERT_EQUAL(state(vif), VIF_UP);
	vif_free(vif);
	vhost_front_free(vf);
	vhost_front_free(other);
	rig_close(&rig);
}

static void a_stale_socket_is_replaced_a_live_one_is_not(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct vif *vif, *second;
	struct rig rig;
	int fd;

	rig_open(&rig);
	rig.conf.server = true;
	memcpy(sun.sun_path, rig.conf.socket, sizeof(sun.sun_path));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	CU_ASSERT_EQUAL(vif_new(&vif, &rig.conf, &rig.host), 0);
	CU_ASSERT_EQUAL(vif_new(&second, &rig.conf, &rig.host), -EADDRINUSE);
	vif_free(vif);
	CU_ASSERT_EQUAL(access(rig.conf.socket, F_OK), -1);
	fd = open(rig.conf.socket, O_CREAT | O_WRONLY, 0600);
	close(fd);
	CU_ASSERT_EQUAL(vif_new(&vif, &rig.conf, &rig.host), -ENOTSOCK);
	CU_ASSERT_EQUAL(access(rig.conf.socket, F_OK), 0);
	rig_close(&rig);
}

/* VU-20 */
static void a_peer_of_the_wrong_user_is_refused(void)
{
	struct vhost_front *vf;
	struct rig rig;
	struct vif *vif;
	unsigned i;

	for (i = 0; i < 2; i++) {
		rig_open(&rig);
		rig.conf.server = i;
		rig.conf.peer_uid = getuid() + 1;
		vf = front_new(&rig, 1, false);
		if (!i)
			vhost_front_listen(vf, rig.conf.socket);
		CU_ASSERT_EQUAL(vif_new(&vif, &rig.conf, &rig.host), 0);
		if (i)
			vhost_front_connect(vf, rig.conf.socket);
		else
			CU_ASSERT_EQUAL(vhost_front_accept(vf), 0);
		rig_pump(&rig);
		rig_pump(&rig);
		CU_ASSERT_TRUE(vhost_front_lost(vf));
		CU_ASSERT_PTR_NOT_NULL(strstr(last_error(vif), "uid"));
		vif_free(vif);
		vhost_front_free(vf);
		rig_close(&rig);
	}
}

static void the_right_user_is_let_in(void)
{
	struct vhost_front *vf;
	struct rig rig;
	struct vif *vif;
	struct stat st;

	rig_open(&rig);
	rig.conf.peer_uid = getuid();
	vif = server_up(&rig, &vf, false);
	CU_ASSERT_EQUAL(stat(rig.conf.socket, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0666);
	vif_free(vif);
	vhost_front_free(vf);
	rig_close(&rig);
}

/* VU-19 */
static void silent_and_half_spoken_peers_are_sent_away(void)
{
	struct vhost_front *vf;
	struct rig rig;
	struct vif *vif;

	rig_open(&rig);
	rig.conf.server = true;
	CU_ASSERT_EQUAL(vif_new(&vif, &rig.conf, &rig.host), 0);
	vf = front_new(&rig, 1, false);
	vhost_front_connect(vf, rig.conf.socket);
	rig_pump(&rig);
	vif_check(vif, 100000);
	vif_check(vif, 109999);
	CU_ASSERT_FALSE(vhost_front_lost(vf));
	vif_check(vif, 110000);
	CU_ASSERT_TRUE(vhost_front_lost(vf));
	CU_ASSERT_EQUAL(state(vif), VIF_REFUSED);
	vif_free(vif);
	vhost_front_free(vf);

	vif = server_up(&rig, &vf, false);
	vif_check(vif, 200000);
	vif_check(vif, 900000); /* idle is not late */
	CU_ASSERT_EQUAL(state(vif), VIF_UP);
	vhost_front_raw(vf, "\1", 1, NULL, 0);
	rig_pump(&rig);
	vif_check(vif, 900000);
	vif_check(vif, 909900);
	CU_ASSERT_EQUAL(state(vif), VIF_UP);
	vif_check(vif, 910000);
	CU_ASSERT_EQUAL(state(vif), VIF_REFUSED);
	CU_ASSERT_FALSE(rig.link);
	vif_free(vif);
	vhost_front_free(vf);
	rig_close(&rig);
}

static void sixty_four_silent_sockets_do_no_harm(void)
{
	struct vhost_front *vf, *other[64];
	struct rig rig;
	struct vif *vif;
	unsigned i, refused = 0;

	rig_open(&rig);
	vif = server_up(&rig, &vf, false);
	for (i = 0; i < 64; i++) {
		struct sockaddr_un sun = { .sun_family = AF_UNIX };

		other[i] = front_new(&rig, 1, false);
		other[i]->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK,
					0);
		memcpy(sun.sun_path, rig.conf.socket, sizeof(sun.sun_path));
		refused += connect(other[i]->sock, (struct sockaddr *)&sun,
				   sizeof(sun)) < 0;
	}
	CU_ASSERT_TRUE(refused >= 56); /* the backlog is short */
	rig_pump(&rig);
	CU_ASSERT_EQUAL(state(vif), VIF_UP);
	for (i = 0; i < 64; i++)
		vhost_front_free(other[i]);
	vif_free(vif);
	vhost_front_free(vf);
	rig_close(&rig);
}

static void refusals_are_told_once_and_explained(void)
{
	struct vhost_front *vf;
	struct rig rig;
	struct vif *vif;
	unsigned lines;

	rig_open(&rig);
	vif = server_up(&rig, &vf, false);
	lines = rig.lines;
	vhost_front_tell_u64(vf, VHOST_USER_SET_PROTOCOL_FEATURES, 1 << 12);
	rig_pump(&rig);
	CU_ASSERT_EQUAL(state(vif), VIF_REFUSED);
	CU_ASSERT_EQUAL(rig.lines, lines + 1);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(rig.line, "SET_PROTOCOL_FEATURES: asks for what was "
				 "not offered"));
	vif_free(vif);
	vhost_front_free(vf);

	rig.conf.trusted = false;
	rig.conf.server = true;
	CU_ASSERT_EQUAL(vif_new(&vif, &rig.conf, &rig.host), 0);
	vf = front_new(&rig, 1, true);
	vhost_front_connect(vf, rig.conf.socket);
	vhost_front_handshake(vf);
	rig_pump(&rig);
	CU_ASSERT_PTR_NOT_NULL(strstr(last_error(vif), "seal=on"));
	vif_free(vif);
	vhost_front_free(vf);
	rig_close(&rig);
}

/* Messages may cost all workers something, so nobody has any number. */
static void a_flood_of_messages_is_read_slowly(void)
{
	static const uint32_t set_owner[3] = { VHOST_USER_SET_OWNER, 1, 0 };
	struct vhost_front *vf;
	unsigned sent, round;
	struct rig rig;
	struct vif *vif;

	rig_open(&rig);
	vif = server_up(&rig, &vf, false);
	for (round = 0; round < 3; round++) {
		for (sent = 0; sent < 100000; sent++) {
			rig_pump(&rig);
			if (send(vf->sock, set_owner, sizeof(set_owner),
				 MSG_DONTWAIT) < 0)
				break;
		}
		CU_ASSERT_TRUE(sent < 4000);
		CU_ASSERT_TRUE(round || sent > 500);
		CU_ASSERT_EQUAL(state(vif), VIF_UP);
		vif_check(vif, 1000 + round);
	}
	vif_free(vif);
	vhost_front_free(vf);
	rig_close(&rig);
}

static void link_down_sends_the_peer_away_until_link_up(void)
{
	struct vhost_front *vf;
	struct rig rig;
	struct vif *vif;

	rig_open(&rig);
	vif = server_up(&rig, &vf, false);
	vif_set_link(vif, false);
	CU_ASSERT_EQUAL(state(vif), VIF_DOWN);
	CU_ASSERT_FALSE(rig.link);
	CU_ASSERT_TRUE(vhost_front_lost(vf));
	vhost_front_connect(vf, rig.conf.socket);
	rig_pump(&rig);
	CU_ASSERT_EQUAL(state(vif), VIF_DOWN);
	vif_set_link(vif, true);
	CU_ASSERT_EQUAL(vhost_front_handshake(vf), 0);
	rig_pump(&rig);
	CU_ASSERT_EQUAL(state(vif), VIF_UP);
	vif_free(vif);
	vhost_front_free(vf);
	rig_close(&rig);
}

/* ---- frames -------------------------------------------------------------------- */

static unsigned receive(struct port *p, unsigned q)
{
	burst_reset(&burst, BURST_BYTES_MAX);
	return p->ops->rx(p, q, &burst);
}

static unsigned send_one(struct port *p, unsigned q, struct frame *f,
			 uint8_t *why)
{
	struct frame *const list[] = { f };
	unsigned n = p->ops->tx(p, q, list, 1, why);

	p->ops->tx_flush(p, q);
	return n;
}

static void frames_pass_both_ways_on_every_queue(void)
{
	uint8_t out[1400], in[2000], why;
	struct vhost_front *vf;
	struct port *p;
	struct rig rig;
	struct vif *vif;
	unsigned q, i;

	rig_open(&rig);
	rig.conf.queues = 4;
	vif = server_up(&rig, &vf, false);
	p = vif_port(vif);
	CU_ASSERT_EQUAL(p->rx_queues, 4);
	CU_ASSERT_EQUAL(p->tx_queues, 4);
	for (i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7);
	for (q = 0; q < 4; q++) {
		out[0] = (uint8_t)q;
		CU_ASSERT_EQUAL(vhost_front_tx(vf, q, out, sizeof(out)), 0);
		CU_ASSERT_EQUAL(receive(p, q), 1);
		CU_ASSERT_EQUAL(burst.frames[0].len, sizeof(out));
		CU_ASSERT_EQUAL(memcmp(burst.frames[0].hdr, out,
				       burst.frames[0].hdr_len),
				0);
		CU_ASSERT_EQUAL(send_one(p, q, &burst.frames[0], &why), 1);
		p->ops->rx_done(p, q, &burst);
		CU_ASSERT_EQUAL(vhost_front_rx(vf, q, in, sizeof(in)),
				sizeof(out));
		CU_ASSERT_EQUAL(memcmp(in, out, sizeof(out)), 0);
	}
	vif_free(vif);
	vhost_front_free(vf);
	rig_close(&rig);
}

static void a_port_without_a_peer_takes_and_gives_nothing(void)
{
	struct frame f = { 0 };
	struct rig rig;
	struct vif *vif;
	struct port *p;
	uint8_t why = 0;

	rig_open(&rig);
	CU_ASSERT_EQUAL(vif_new(&vif, &rig.conf, &rig.host), 0);
	p = vif_port(vif);
	CU_ASSERT_EQUAL(p->rx_queues, 0);
	CU_ASSERT_EQUAL(p->tx_queues, 1); /* people divide by it */
	CU_ASSERT_EQUAL(receive(p, 0), 0);
	CU_ASSERT_EQUAL(p->ops->rx_fd(p, 0), -1);
	CU_ASSERT_EQUAL(send_one(p, 0, &f, &why), 0);
	CU_ASSERT_EQUAL(why, DROP_NO_LINK);
	vif_free(vif);
	rig_close(&rig);
}

/* A ring paused in the middle of a burst gives the burst's buffers back. */
static void new_memory_during_a_burst_loses_no_buffer(void)
{
	struct vhost_front *vf;
	struct port *p;
	struct rig rig;
	struct vif *vif;

	rig_open(&rig);
	vif = server_up(&rig, &vf, false);
	p = vif_port(vif);
	vhost_front_tx(vf, 0, "0123456789abcdef", 16);
	CU_ASSERT_EQUAL(receive(p, 0), 1);
	rig.in_burst = p;
	CU_ASSERT_EQUAL(vhost_front_memory(vf), 0);
	rig_pump(&rig);
	CU_ASSERT_PTR_NULL(rig.in_burst);
	CU_ASSERT_EQUAL(vf->ring[1].used[1], 1);
	CU_ASSERT_EQUAL(state(vif), VIF_UP);
	CU_ASSERT_EQUAL(receive(p, 0), 0); /* not the same one again */
	vhost_front_tx(vf, 0, "0123456789abcdef", 16);
	CU_ASSERT_EQUAL(receive(p, 0), 1);
	p->ops->rx_done(p, 0, &burst);
	CU_ASSERT_EQUAL(vf->ring[1].used[1], 2);
	vif_free(vif);
	vhost_front_free(vf);
	rig_close(&rig);
}

static void a_broken_ring_detaches_that_port_only(void)
{
	struct vhost_front *vf, *good_vf;
	struct rig rig;
	struct vif *vif, *good;

	rig_open(&rig);
	good = server_up(&rig, &good_vf, false);
	strcat(rig.conf.socket, "2");
	vif = server_up(&rig, &vf, false);
	__atomic_store_n(&vf->ring[1].avail[1], 40000, __ATOMIC_RELEASE);
	CU_ASSERT_EQUAL(receive(vif_port(vif), 0), 0);
	vif_check(vif, 1000);
	vif_check(good, 1000);
	CU_ASSERT_EQUAL(state(vif), VIF_REFUSED);
	CU_ASSERT_EQUAL(state(good), VIF_UP);
	CU_ASSERT_PTR_NOT_NULL(strstr(last_error(vif), "transmit ring"));
	vif_free(vif);
	vif_free(good);
	vhost_front_free(vf);
	vhost_front_free(good_vf);
	rig_close(&rig);
}

/* VU-03 on the whole way */
static void memory_taken_away_detaches_that_port_only(void)
{
	struct vhost_front *vf;
	struct rig rig;
	struct vif *vif;

	rig_open(&rig);
	vif = server_up(&rig, &vf, true);
	vhost_front_tx(vf, 0, "0123456789abcdef", 16);
	CU_ASSERT_EQUAL(ftruncate(vf->mem_fd, 0), 0);
	receive(vif_port(vif), 0);
	vif_port(vif)->ops->rx_done(vif_port(vif), 0, &burst);
	vif_check(vif, 1000);
	CU_ASSERT_EQUAL(state(vif), VIF_REFUSED);
	CU_ASSERT_PTR_NOT_NULL(strstr(last_error(vif), "SIGBUS"));
	vif_free(vif);
	/* the front end's own view is gone too: do not touch it */
	vhost_front_free(vf);
	rig_close(&rig);
}

static void facts_tell_what_was_negotiated(void)
{
	struct vhost_front *vf;
	struct vif_facts facts;
	struct rig rig;
	struct vif *vif;

	rig_open(&rig);
	vif = server_up(&rig, &vf, false);
	vif_facts(vif, &facts);
	CU_ASSERT_STRING_EQUAL(facts.state_name, "up");
	CU_ASSERT_EQUAL(facts.queues, 1);
	CU_ASSERT_EQUAL(facts.regions, 1);
	CU_ASSERT_EQUAL(facts.memory_bytes, vf->mem_bytes);
	CU_ASSERT_EQUAL(facts.ring[0].size, 256);
	CU_ASSERT_EQUAL(facts.peer_pid, getpid());
	CU_ASSERT_EQUAL(facts.peer_uid, (int64_t)getuid());
	CU_ASSERT_TRUE(facts.sealed);
	CU_ASSERT_PTR_NOT_NULL(strstr(facts.feature_names, "VERSION_1"));
	vif_free(vif);
	vhost_front_free(vf);
	rig_close(&rig);
}

static void a_thousand_ports_are_no_trouble(void)
{
	enum { PORTS = 1000 };
	const struct rlimit limit = { 16384, 16384 };
	static struct vhost_front *vf[PORTS];
	static struct vif *vif[PORTS];
	struct vif_conf conf;
	struct rig rig;
	unsigned i, up = 0;

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return; /* not allowed here; the bench has it too */
	rig_open(&rig);
	conf = rig.conf;
	for (i = 0; i < PORTS; i++) {
		const struct vhost_front_conf fc = { .queues = 1,
						     .ring_size = 16,
						     .pump = rig_pump,
						     .ctx = &rig };

		snprintf(conf.socket, sizeof(conf.socket), "%s/%u", rig.dir,
			 i);
		CU_ASSERT_EQUAL_FATAL(vhost_front_new(&vf[i], &fc), 0);
		vhost_front_listen(vf[i], conf.socket);
		CU_ASSERT_EQUAL_FATAL(vif_new(&vif[i], &conf, &rig.host), 0);
	}
	for (i = 0; i < PORTS; i++) {
		CU_ASSERT_EQUAL(vhost_front_accept(vf[i]), 0);
		CU_ASSERT_EQUAL(vhost_front_handshake(vf[i]), 0);
	}
	rig_pump(&rig);
	rig_pump(&rig);
	for (i = 0; i < PORTS; i++) {
		up += state(vif[i]) == VIF_UP;
		vif_free(vif[i]);
		vhost_front_free(vf[i]);
		snprintf(conf.socket, sizeof(conf.socket), "%s/%u", rig.dir,
			 i);
		unlink(conf.socket);
	}
	CU_ASSERT_EQUAL(up, PORTS);
	rig_close(&rig);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(a_client_connects_at_once),
		SUITE_TEST(a_client_waits_for_its_peer_and_comes_back_to_it),
		SUITE_TEST(a_server_takes_one_peer_after_the_other),
		SUITE_TEST(a_second_peer_waits_its_turn),
		SUITE_TEST(a_stale_socket_is_replaced_a_live_one_is_not),
		SUITE_TEST(a_peer_of_the_wrong_user_is_refused),
		SUITE_TEST(the_right_user_is_let_in),
		SUITE_TEST(silent_and_half_spoken_peers_are_sent_away),
		SUITE_TEST(sixty_four_silent_sockets_do_no_harm),
		SUITE_TEST(refusals_are_told_once_and_explained),
		SUITE_TEST(a_flood_of_messages_is_read_slowly),
		SUITE_TEST(link_down_sends_the_peer_away_until_link_up),
		SUITE_TEST(frames_pass_both_ways_on_every_queue),
		SUITE_TEST(a_port_without_a_peer_takes_and_gives_nothing),
		SUITE_TEST(new_memory_during_a_burst_loses_no_buffer),
		SUITE_TEST(a_broken_ring_detaches_that_port_only),
		SUITE_TEST(memory_taken_away_detaches_that_port_only),
		SUITE_TEST(facts_tell_what_was_negotiated),
		SUITE_TEST(a_thousand_ports_are_no_trouble),
	};

	if (doorbell_init() < 0) /* its file stays open */
		return EXIT_FAILURE;
	return suite_run("vif", tests, sizeof(tests) / sizeof(tests[0]));
}
