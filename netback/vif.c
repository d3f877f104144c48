/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vif.c: sockets, connections, and the port made of a device's rings.
 *
 * A vif is in one of these conditions, and each has one event that moves it:
 *
 *	waiting    client: the retry timer; server: the listening socket
 *	connected  the connection's socket
 *	down       nothing, until the link is wanted again
 *
 * However a connection ends, vif_drop() ends it: rings are taken from the
 * workers first, then memory is unmapped, then the socket is closed, then the
 * vif waits again.  A peer that left may come back at once; one that was sent
 * away waits a second, so that it cannot keep the control thread busy.
 *
 * One timer serves all vifs (vif_check()), because a thousand timers that
 * look at one flag each would cost more than the look.
 */
#include "netback/vif.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/drop.h"
#include "netback/doorbell.h"
#include "netback/vhost_dev.h"

#define RETRY_FIRST_MS	10
#define RETRY_MAX_MS	50
#define REFUSED_MS	1000
#define CHECK_MS	100
#define LINE_REPEAT_MS	60000 /* the same line not again before */
#define BACKLOG		4
#define MESSAGES_A_TURN 16 /* then other connections have theirs */
/* Each may disturb all workers: a peer has so many, and more with time. */
#define CREDIT_MAX	1024
#define CREDIT_A_CHECK	256

struct vif {
	struct port port;
	struct vhost_dev dev;
	struct vif_conf conf;
	struct vif_host host;
	TAILQ_ENTRY(vif) link;

	struct event *retry;	/* client: connect; server: listen again */
	struct event *listener; /* server only */
	struct event *readable; /* with a peer only */
	struct vhost_user vu;	/* with a peer only */
	int listen_fd;
	int client_fd; /* a socket not connected yet, kept between tries */
	unsigned retry_ms;
	unsigned credit; /* messages that will be read before the next check */
	bool down;    /* no link wanted */
	bool dying;   /* in vif_free() */
	bool refused; /* the last peer was sent away */
	struct ucred peer;
	uint64_t connections, refusals;
	uint64_t now_ms; /* of the last check */
	uint64_t line_ms;
	char line[256]; /* last logged */
	char last_error[192];
};

/* All vifs, and the timer that looks after them. */
static struct {
	TAILQ_HEAD(vifs, vif) vifs;
	struct event_base *base;
	struct event *timer;
} watch = { .vifs = TAILQ_HEAD_INITIALIZER(watch.vifs) };

static void vif_wait(struct vif *vif, unsigned ms);

static inline struct vif *vif_of(struct port *p)
{
	return (struct vif *)((char *)p - offsetof(struct vif, port));
}

struct port *vif_port(struct vif *vif)
{
	return &vif->port;
}

__attribute__((format(printf, 2, 3))) static void
vif_say(struct vif *vif, const char *fmt, ...)
{
	char line[sizeof(vif->line)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (!strcmp(line, vif->line) &&
	    vif->now_ms - vif->line_ms < LINE_REPEAT_MS)
		return;
	memcpy(vif->line, line, sizeof(line));
	vif->line_ms = vif->now_ms;
	if (vif->host.log)
		vif->host.log(vif->host.ctx, vif, line);
}

/* ---- the port: called by workers ------------------------------------------- */

static struct vring *rx_ring(struct port *p, unsigned q)
{
	return &vif_of(p)->dev.ring[2 * q + 1].vr;
}

static struct vring *tx_ring(struct port *p, unsigned q)
{
	return &vif_of(p)->dev.ring[2 * q].vr;
}

static unsigned vif_rx(struct port *p, unsigned q, struct burst *b)
{
	return vring_rx(rx_ring(p, q), b);
}

static void vif_rx_done(struct port *p, unsigned q, struct burst *b)
{
	vring_rx_done(rx_ring(p, q), b);
}

static unsigned vif_tx(struct port *p, unsigned q, struct frame *const f[],
		       unsigned n, uint8_t why[])
{
	return vring_tx(tx_ring(p, q), f, n, why);
}

static void vif_tx_flush(struct port *p, unsigned q)
{
	vring_flush(tx_ring(p, q));
}

static int vif_rx_fd(struct port *p, unsigned q)
{
	struct vring *vr = rx_ring(p, q);

	return vr->ready ? vr->kick_fd : -1;
}

static bool vif_rx_arm(struct port *p, unsigned q)
{
	return vring_arm(rx_ring(p, q));
}

static void vif_rx_disarm(struct port *p, unsigned q)
{
	vring_disarm(rx_ring(p, q));
}

static const struct port_ops vif_ops = {
	.kind = "vhost-user",
	.rx = vif_rx,
	.rx_done = vif_rx_done,
	.tx = vif_tx,
	.tx_flush = vif_tx_flush,
	.rx_fd = vif_rx_fd,
	.rx_arm = vif_rx_arm,
	.rx_disarm = vif_rx_disarm,
};

/* ---- the device's owner ------------------------------------------------------ */

/* Rings from `first` on, every other one, that are ready without a gap. */
static unsigned ready_rings(const struct vif *vif, unsigned first)
{
	unsigned q;

	for (q = 0; q < vif->conf.queues; q++)
		if (!vif->dev.ring[2 * q + first].vr.ready)
			break;
	return q;
}

/* A divisor of workers' queue choice: tx_queues is never 0. */
static void dev_changed(void *ctx)
{
	struct vif *vif = ctx;
	struct port *p = &vif->port;
	unsigned rx = ready_rings(vif, 1), tx = ready_rings(vif, 0);
	uint32_t offload = tx ? vhost_dev_offload(&vif->dev) : 0;
	bool was_up = p->link;

	if (p->rx_queues == rx && p->tx_queues == (tx ? tx : 1) &&
	    p->link == (tx > 0) && p->offload == offload)
		return;
	p->rx_queues = (uint16_t)rx;
	p->tx_queues = (uint16_t)(tx ? tx : 1);
	p->link = tx > 0;
	p->offload = offload;
	p->numa_node = (int16_t)guest_mem_node(vif->dev.mem);
	if (vif->dying)
		return;
	if (p->link && !was_up) {
		vif->retry_ms = RETRY_FIRST_MS;
		vif->refused = false;
		vif_say(vif, "up, peer pid %d", (int)vif->peer.pid);
	}
	vif->host.changed(vif->host.ctx, vif);
}

static void dev_quiesce(void *ctx)
{
	struct vif *vif = ctx;

	vif->host.quiesce(vif->host.ctx);
}

static void dev_announce(void *ctx, const uint8_t mac[6])
{
	struct vif *vif = ctx;

	if (vif->host.announce)
		vif->host.announce(vif->host.ctx, vif, mac);
}

/* ---- the connection ----------------------------------------------------------- */

static bool connected(const struct vif *vif)
{
	return vif->readable;
}

/* Let go of the peer, if there is one. */
static void peer_release(struct vif *vif)
{
	if (!connected(vif))
		return;
	event_free(vif->readable);
	vif->readable = NULL;
	vhost_dev_reset(&vif->dev);
	vhost_user_fini(&vif->vu);
}

/* 10, 20, 40, 50, 50 ... ms, until rings run. */
static void retry_later(struct vif *vif)
{
	vif_wait(vif, vif->retry_ms);
	vif->retry_ms *= 2;
	if (vif->retry_ms > RETRY_MAX_MS)
		vif->retry_ms = RETRY_MAX_MS;
}

static void vif_drop(struct vif *vif)
{
	peer_release(vif);
	vif->refused = false;
	if (vif->conf.server)
		vif_wait(vif, 0);
	else
		retry_later(vif);
}

/* Send the peer away.  `why` may point into what goes away with it. */
static void vif_refuse(struct vif *vif, const char *what, const char *why)
{
	snprintf(vif->last_error, sizeof(vif->last_error), "%s%s%s", what,
		 *what ? ": " : "", why);
	vif->refusals++;
	vif_say(vif, "peer pid %d uid %d sent away: %s", (int)vif->peer.pid,
		(int)vif->peer.uid, vif->last_error);
	peer_release(vif);
	vif->refused = true;
	vif_wait(vif, REFUSED_MS);
}

/* One message.  False: the connection is over, or there is none yet. */
static bool serve_one(struct vif *vif)
{
	struct vhost_user_msg msg;
	const char *why;
	int rc;

	rc = vhost_user_recv(&vif->vu, &msg, &why);
	if (rc == 1) {
		const char *name = vhost_user_name(msg.hdr.request);

		vif->dev.error[0] = '\0';
		rc = vhost_dev_handle(&vif->dev, &vif->vu, &msg);
		vhost_user_msg_fini(&msg);
		if (rc == -EPROTO)
			vif_refuse(vif, name, vif->dev.error);
		else if (vif->dev.error[0])
			vif_say(vif, "%s: %s", name, vif->dev.error);
		if (!rc)
			return true;
	} else if (rc == -EPROTO) {
		vif_refuse(vif, vhost_user_name(vif->vu.msg.hdr.request), why);
	}
	if (rc == -ECONNRESET) {
		vif_say(vif, "peer pid %d has gone", (int)vif->peer.pid);
		vif_drop(vif);
	}
	return false;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct vif *vif = arg;
	unsigned i;

	for (i = 0; i < MESSAGES_A_TURN && vif->credit; i++) {
		vif->credit--;
		if (!serve_one(vif))
			return;
	}
	if (!vif->credit)
		event_del(vif->readable);
}

static void credit_grant(struct vif *vif)
{
	if (!vif->credit)
		event_add(vif->readable, NULL);
	vif->credit += CREDIT_A_CHECK;
	if (vif->credit > CREDIT_MAX)
		vif->credit = CREDIT_MAX;
}

/* Who is at the other end, and may it be?  Takes no descriptor. */
static bool peer_welcome(struct vif *vif, int fd)
{
	socklen_t len = sizeof(vif->peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &vif->peer, &len) < 0)
		return false;
	if (vif->conf.peer_uid == VIF_PEER_ANY ||
	    vif->conf.peer_uid == (int64_t)vif->peer.uid ||
	    (vif->conf.peer_uid == VIF_PEER_OURS &&
	     (vif->peer.uid == 0 || vif->peer.uid == geteuid())))
		return true;
	if (vif->conf.peer_uid < 0)
		snprintf(vif->last_error, sizeof(vif->last_error),
			 "peer uid %d is not root's or ours; name it as the "
			 "port's peer_uid",
			 (int)vif->peer.uid);
	else
		snprintf(vif->last_error, sizeof(vif->last_error),
			 "peer uid %d is not the %lld wanted",
			 (int)vif->peer.uid, (long long)vif->conf.peer_uid);
	vif_say(vif, "peer pid %d sent away: %s", (int)vif->peer.pid,
		vif->last_error);
	vif->refusals++;
	return false;
}

/* Begin with a connected socket; takes it.  0 or -errno. */
static int peer_take(struct vif *vif, int fd)
{
	vif->connections++;
	if (!peer_welcome(vif, fd)) {
		close(fd);
		return -EPERM;
	}
	vif->readable = event_new(vif->host.base, fd, EV_READ | EV_PERSIST,
				  on_readable, vif);
	if (!vif->readable || event_add(vif->readable, NULL) < 0) {
		close(fd);
		if (vif->readable)
			event_free(vif->readable);
		vif->readable = NULL;
		return -ENOMEM;
	}
	vhost_user_init(&vif->vu, fd);
	vif->credit = CREDIT_MAX;
	return 0;
}

/* ---- client --------------------------------------------------------------------- */

static void socket_address(const struct vif_conf *conf, struct sockaddr_un *sun)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	memcpy(sun->sun_path, conf->socket, sizeof(sun->sun_path));
}

/* Nobody there is the usual case; other reasons deserve a word. */
static void connect_failed(struct vif *vif, int error)
{
	if (error != ENOENT && error != ECONNREFUSED && error != EAGAIN) {
		snprintf(vif->last_error, sizeof(vif->last_error),
			 "cannot connect to %s: %s", vif->conf.socket,
			 strerror(error));
		vif_say(vif, "%s", vif->last_error);
	}
	retry_later(vif);
}

static void client_try(struct vif *vif)
{
	struct sockaddr_un sun;
	int fd;

	if (vif->client_fd < 0)
		vif->client_fd = socket(
			AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (vif->client_fd < 0) {
		connect_failed(vif, errno);
		return;
	}
	socket_address(&vif->conf, &sun);
	if (connect(vif->client_fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		connect_failed(vif, errno);
		return;
	}
	fd = vif->client_fd;
	vif->client_fd = -1;
	if (peer_take(vif, fd) < 0) {
		vif->refused = true;
		vif_wait(vif, REFUSED_MS);
	}
}

/* ---- server ---------------------------------------------------------------------- */

static void on_listener(evutil_socket_t listen_fd, short what, void *arg)
{
	struct vif *vif = arg;
	int fd;

	fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED))
		return;
	if (fd >= 0 && peer_take(vif, fd) < 0)
		return;
	event_del(vif->listener); /* one at a time */
	if (fd < 0)
		retry_later(vif); /* out of descriptors: do not spin */
}

/*
 * Remove a socket that nobody listens on any more.  0, -EADDRINUSE or
 * -ENOTSOCK.
 */
static int socket_unlink_stale(const struct sockaddr_un *sun)
{
	struct stat st;
	int fd, rc;

	if (lstat(sun->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	rc = connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0
		     ? -EADDRINUSE
		     : -errno;
	close(fd);
	if (rc == -EAGAIN)
		return -EADDRINUSE;
	if (rc != -ECONNREFUSED)
		return rc;
	return unlink(sun->sun_path) < 0 ? -errno : 0;
}

/*
 * Connecting needs write permission.  Where a uid is named, SO_PEERCRED
 * decides, so the file may be open to all; else the umask and the folder do.
 */
static int server_listen(struct vif *vif)
{
	struct sockaddr_un sun;
	int rc;

	socket_address(&vif->conf, &sun);
	rc = socket_unlink_stale(&sun);
	if (rc < 0)
		return rc;
	vif->listen_fd = socket(AF_UNIX,
				SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (vif->listen_fd < 0)
		return -errno;
	if (bind(vif->listen_fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		rc = -errno;
		goto close_fd;
	}
	rc = -EACCES;
	if (vif->conf.peer_uid >= 0 && chmod(sun.sun_path, 0666) < 0)
		goto unlink_file;
	rc = -EIO;
	if (listen(vif->listen_fd, BACKLOG) < 0)
		goto unlink_file;
	rc = -ENOMEM;
	vif->listener = event_new(vif->host.base, vif->listen_fd,
				  EV_READ | EV_PERSIST, on_listener, vif);
	if (!vif->listener)
		goto unlink_file;
	return 0;

unlink_file:
	unlink(sun.sun_path);
close_fd:
	close(vif->listen_fd);
	vif->listen_fd = -1;
	return rc;
}

/* ---- waiting ----------------------------------------------------------------------- */

/* Let a peer come: in `ms`, or now if that is 0. */
static void vif_wait(struct vif *vif, unsigned ms)
{
	struct timeval tv = { .tv_sec = ms / 1000,
			      .tv_usec = ms % 1000 * 1000 };

	if (vif->down || vif->dying)
		return;
	if (ms)
		event_add(vif->retry, &tv);
	else if (vif->conf.server)
		event_add(vif->listener, NULL);
	else
		client_try(vif);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	vif_wait(arg, 0);
}

void vif_set_link(struct vif *vif, bool up)
{
	if (vif->down == !up)
		return;
	vif->down = !up;
	if (up) {
		vif_wait(vif, 0);
		return;
	}
	event_del(vif->retry);
	if (vif->listener)
		event_del(vif->listener);
	peer_release(vif);
	vif->refused = false;
}

/* ---- the shared timer ---------------------------------------------------------------- */

void vif_check(struct vif *vif, uint64_t now_ms)
{
	const char *why;

	vif->now_ms = now_ms;
	if (!connected(vif))
		return;
	why = vhost_dev_fault(&vif->dev);
	if (!why && vhost_user_overdue(&vif->vu, now_ms, vif->conf.server))
		why = vif->vu.got ? "half a message and no more for 10 s"
				  : "connected and said nothing for 10 s";
	if (why)
		vif_refuse(vif, "", why);
	else
		credit_grant(vif);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct timespec ts;
	struct vif *vif, *next;
	uint64_t now_ms;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	now_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	for (vif = TAILQ_FIRST(&watch.vifs); vif; vif = next) {
		next = TAILQ_NEXT(vif, link);
		vif_check(vif, now_ms);
	}
}

static int watch_add(struct vif *vif)
{
	static const struct timeval period = { .tv_usec = CHECK_MS * 1000 };

	if (TAILQ_EMPTY(&watch.vifs)) {
		watch.base = vif->host.base;
		watch.timer = event_new(watch.base, -1, EV_PERSIST, on_timer,
					NULL);
		if (!watch.timer)
			return -ENOMEM;
		event_add(watch.timer, &period);
	}
	assert(watch.base == vif->host.base);
	TAILQ_INSERT_TAIL(&watch.vifs, vif, link);
	return 0;
}

static void watch_remove(struct vif *vif)
{
	TAILQ_REMOVE(&watch.vifs, vif, link);
	if (TAILQ_EMPTY(&watch.vifs)) {
		event_free(watch.timer);
		watch.timer = NULL;
	}
}

/* ---- life --------------------------------------------------------------------------- */

static bool conf_is_sane(const struct vif_conf *conf)
{
	return conf->queues && conf->queues <= PORT_QUEUES_MAX &&
	       conf->socket[0] &&
	       memchr(conf->socket, '\0', sizeof(conf->socket)) &&
	       memchr(conf->name, '\0', sizeof(conf->name));
}

static void vif_init(struct vif *vif, const struct vif_conf *conf,
		     const struct vif_host *host)
{
	const struct vhost_dev_host dev_host = { .quiesce = dev_quiesce,
						 .changed = dev_changed,
						 .announce = dev_announce,
						 .ctx = vif };

	vif->conf = *conf;
	vif->host = *host;
	vif->listen_fd = -1;
	vif->client_fd = -1;
	vif->retry_ms = RETRY_FIRST_MS;
	vhost_dev_init(&vif->dev, conf->queues, conf->mtu, conf->offload,
		       !conf->trusted, &dev_host);
	vif->port.ops = &vif_ops;
	vif->port.tx_queues = 1;
	vif->port.mtu = conf->mtu;
	memcpy(vif->port.name, conf->name, sizeof(vif->port.name));
}

int vif_new(struct vif **out, const struct vif_conf *conf,
	    const struct vif_host *host)
{
	struct vif *vif;
	int rc;

	*out = NULL;
	if (!conf_is_sane(conf))
		return -EINVAL;
	rc = guest_mem_catch_sigbus();
	if (!rc)
		rc = doorbell_init();
	if (rc < 0)
		return rc;
	vif = calloc(1, sizeof(*vif));
	if (!vif)
		return -ENOMEM;
	vif_init(vif, conf, host);
	rc = -ENOMEM;
	vif->retry = event_new(host->base, -1, 0, on_retry, vif);
	if (!vif->retry)
		goto free_vif;
	rc = watch_add(vif);
	if (rc < 0)
		goto free_retry;
	rc = conf->server ? server_listen(vif) : 0;
	if (rc < 0)
		goto unwatch;
	vif_wait(vif, 0);
	*out = vif;
	return 0;

unwatch:
	watch_remove(vif);
free_retry:
	event_free(vif->retry);
free_vif:
	free(vif);
	return rc;
}

void vif_free(struct vif *vif)
{
	if (!vif)
		return;
	vif->dying = true;
	peer_release(vif);
	watch_remove(vif);
	event_free(vif->retry);
	if (vif->listener) {
		event_free(vif->listener);
		close(vif->listen_fd);
		unlink(vif->conf.socket);
	}
	if (vif->client_fd >= 0)
		close(vif->client_fd);
	free(vif);
}

/* ---- facts --------------------------------------------------------------------------- */

static enum vif_state vif_state(const struct vif *vif)
{
	if (vif->down)
		return VIF_DOWN;
	if (connected(vif))
		return vif->port.link ? VIF_UP : VIF_NEGOTIATING;
	if (vif->refused)
		return VIF_REFUSED;
	return vif->conf.server ? VIF_LISTENING : VIF_CONNECTING;
}

static void ring_facts(const struct vring *vr, struct vif_ring_facts *facts)
{
	facts->ready = vr->ready;
	facts->size = vr->size;
	facts->kicks = vr->kicks_sent;
	facts->bad_chains = vr->bad_chains;
}

void vif_facts(const struct vif *vif, struct vif_facts *facts)
{
	static const char *const state_names[] = {
		[VIF_DOWN] = "down",
		[VIF_CONNECTING] = "connecting",
		[VIF_LISTENING] = "listening",
		[VIF_NEGOTIATING] = "negotiating",
		[VIF_UP] = "up",
		[VIF_REFUSED] = "refused",
	};
	const struct vhost_dev *dev = &vif->dev;
	unsigned i;

	memset(facts, 0, sizeof(*facts));
	facts->state = vif_state(vif);
	facts->state_name = state_names[facts->state];
	facts->features = dev->features;
	vhost_feature_names(dev->features, facts->feature_names,
			    sizeof(facts->feature_names));
	facts->queues = ready_rings(vif, 0);
	facts->regions = dev->mem ? dev->mem->count : 0;
	for (i = 0; i < facts->regions; i++)
		facts->memory_bytes += dev->mem->region[i].bytes;
	facts->sealed = dev->sealed && dev->mem;
	facts->logging = dev->log &&
			 (dev->features & (1ull << VHOST_USER_F_LOG_ALL));
	for (i = 0; i < 2u * vif->conf.queues; i++)
		ring_facts(&dev->ring[i].vr, &facts->ring[i]);
	facts->connections = vif->connections;
	facts->refusals = vif->refusals;
	memcpy(facts->last_error, vif->last_error, sizeof(facts->last_error));
	facts->peer_uid = connected(vif) ? (int64_t)vif->peer.uid : -1;
	facts->peer_pid = connected(vif) ? (int64_t)vif->peer.pid : -1;
}
