/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * espd_worker.c: one loop around epoll; a turn serves each source that is
 * ready once, with a batch.
 *
 * Outward a turn reads frames until there are none or the buffer of sealed
 * packets is full, and then sends them.  When a socket takes no more, what is
 * left waits, and the TUN is not read: its queue fills, and TCP on the host
 * waits.  Inward a turn takes up to eight merged buffers, opens them, merges
 * and writes what came out.
 *
 * Per packet nothing is allocated, logged, locked or asked of the clock.
 */
#include "ipsec-migrate/espd_worker.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/log.h"
#include "ipsec-migrate/esp_in.h"
#include "ipsec-migrate/esp_out.h"
#include "ipsec-migrate/inner_gro.h"
#include "ipsec-migrate/tun.h"

#define TICK_MS	      1000
#define EVENTS	      16
#define SA_EVENTS     64
#define REPLIES_TICK  100 /* "packet too big" a tick */
#define EVENTS_QUEUED 1024
#define NO_SOCK	      UINT16_MAX
#define FRAMES_TURN   16

enum source { SOURCE_WAKE, SOURCE_TUN, SOURCE_ESP, SOURCE_RAW };

struct call {
	void (*fn)(struct worker *w, void *arg);
	void *arg;
};

/* Of one local address; fd -1: not there. */
struct worker_sock {
	struct sockaddr_storage local; /* no port */
	struct udp_sock esp, raw;
};

struct worker {
	struct engine engine;
	struct esp_in in;
	struct inner_gro gro;
	struct esp_pkt pkt[ESP_IN_BURST];
	struct iovec iov[INNER_GRO_MAX];
	struct esp_out *out;
	struct udp_rx *rx;
	struct udp_tx *tx;
	uint8_t *frame; /* a frame that was read */
	uint32_t frame_len; /* not 0: it waits, out was full */
	unsigned sent; /* of out->send, when a socket is full */
	int blocked;   /* the epoll'd socket that is; -1: none */
	int tun;
	struct worker_sock sock[WORKER_SOCKS_MAX];
	unsigned sock_count;
	uint64_t now_ms, tick_ms;
	unsigned replies; /* left until the next tick */
	int iked;
	struct ike_msg *datagram; /* scratch */
	struct ike_msg_expire expire[EVENTS_QUEUED]; /* not yet told */
	unsigned expire_count;
	atomic_bool iked_stuck, tun_lost;
	struct worker_stats stats;
	/* control */
	int epoll, wake, core;
	pthread_t thread;
	bool running, stopping;
	pthread_mutex_t lock;
	pthread_cond_t done;
	struct call call; /* fn NULL: none waits */
};

static void add(_Atomic uint64_t *counter, uint64_t n)
{
	/* One writer: no locked instruction. */
	atomic_store_explicit(
		counter,
		atomic_load_explicit(counter, memory_order_relaxed) + n,
		memory_order_relaxed);
}

static uint64_t clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* --- what is waited for --------------------------------------------------- */

static int watch(struct worker *w, int op, int fd, enum source source,
		 unsigned i, uint32_t events)
{
	struct epoll_event ev = { .events = events,
				  .data.u64 = (uint64_t)source << 32 | i };

	return epoll_ctl(w->epoll, op, fd, &ev) ? -errno : 0;
}

static struct udp_sock *sock_of(struct worker *w, unsigned i, bool raw)
{
	return raw ? &w->sock[i].raw : &w->sock[i].esp;
}

static void watch_sock(struct worker *w, int op, unsigned i, bool raw,
		       uint32_t events)
{
	const struct udp_sock *s = sock_of(w, i, raw);

	if (s->fd >= 0)
		watch(w, op, s->fd, raw ? SOURCE_RAW : SOURCE_ESP, i, events);
}

/* A socket is full: its turn comes when it is not, and the TUN's after it. */
static void block_on(struct worker *w, unsigned i, bool raw)
{
	w->blocked = (int)(i << 1 | raw);
	watch_sock(w, EPOLL_CTL_MOD, i, raw, EPOLLIN | EPOLLOUT);
	watch(w, EPOLL_CTL_MOD, w->tun, SOURCE_TUN, 0, 0);
}

static void unblock(struct worker *w)
{
	watch_sock(w, EPOLL_CTL_MOD, (unsigned)w->blocked >> 1,
		   w->blocked & 1, EPOLLIN);
	watch(w, EPOLL_CTL_MOD, w->tun, SOURCE_TUN, 0, EPOLLIN);
	w->blocked = -1;
}

/* --- to iked -------------------------------------------------------------- */

/* False: it would not take it now. */
static bool tell(struct worker *w, const struct ike_msg *msg)
{
	int rc = w->iked < 0 ? 0 : ike_msg_send(w->iked, msg, MSG_DONTWAIT);

	return rc != -EAGAIN && rc != -ENOBUFS;
}

static bool tell_expire(struct worker *w, const struct ike_msg_expire *e)
{
	struct ike_msg msg;

	ike_msg_init(&msg, IKE_MSG_EXPIRE, 0);
	msg.u.expire = *e;
	return tell(w, &msg);
}

static void queue_expire(struct worker *w, const struct ike_msg_expire *e)
{
	if (w->expire_count == EVENTS_QUEUED)
		atomic_store(&w->iked_stuck, true);
	else
		w->expire[w->expire_count++] = *e;
}

static void tell_events(struct worker *w)
{
	struct sa_event ev[SA_EVENTS];
	struct ike_msg_expire e;
	unsigned n, told = 0;

	do {
		n = sa_events(w->engine.sas, w->now_ms, ev, SA_EVENTS);
		for (unsigned i = 0; i < n; i++) {
			memset(&e, 0, sizeof(e));
			engine_describe_id(ev[i].sa, &e.id);
			e.hard = ev[i].kind == SA_EVENT_HARD;
			queue_expire(w, &e);
		}
	} while (n == SA_EVENTS);
	while (told < w->expire_count && tell_expire(w, &w->expire[told]))
		told++;
	w->expire_count -= told;
	memmove(w->expire, w->expire + told,
		w->expire_count * sizeof(w->expire[0]));
}

static void tell_wanted(struct worker *w)
{
	struct ike_msg msg;
	uint32_t group;

	while (policy_wanted(w->engine.policies, &group)) {
		ike_msg_init(&msg, IKE_MSG_ACQUIRE, 0);
		msg.u.group.group = engine_group_of(&w->engine, group);
		if (w->iked < 0 || !msg.u.group.group || !tell(w, &msg)) {
			/* The next packet asks again; not in this turn. */
			policy_want_again(w->engine.policies, group);
			return;
		}
	}
}

/*
 * Genuine, and the newest: the peer is where it comes from.  iked decides;
 * without one we do.
 */
static void note_mapping(struct worker *w, struct sa *sa,
			 const struct sockaddr_storage *from)
{
	struct engine_sa *more = engine_sa(sa);
	struct ike_msg msg;

	if (more->told.ss_family && udp_same(&more->told, from))
		return;
	more->told = *from;
	add(&w->stats.mappings, 1);
	if (w->iked < 0) {
		engine_peer_moved(&w->engine, sa, from);
		return;
	}
	ike_msg_init(&msg, IKE_MSG_MAPPING, 0);
	engine_describe_id(sa, &msg.u.mapping.id);
	ike_msg_from_sockaddr((const struct sockaddr *)from,
			      &msg.u.mapping.remote);
	if (!tell(w, &msg))
		more->told.ss_family = AF_UNSPEC;
}

static void relay_ike(struct worker *w, const struct udp_msg *m,
		      const uint8_t *data, uint32_t len)
{
	struct ike_msg_datagram *d = &w->datagram->u.datagram;

	if (w->iked < 0 || len > IKE_MSG_DATA_MAX) {
		add(&w->stats.ike_lost, 1);
		return;
	}
	ike_msg_init(w->datagram, IKE_MSG_DATAGRAM, 0);
	ike_msg_from_sockaddr((const struct sockaddr *)&m->to, &d->local);
	ike_msg_from_sockaddr((const struct sockaddr *)&m->from, &d->remote);
	d->local.port = UDP_NATT_PORT;
	d->len = len;
	memcpy(d->data, data, len);
	add(tell(w, w->datagram) ? &w->stats.ike : &w->stats.ike_lost, 1);
}

/* --- inward --------------------------------------------------------------- */

static void write_merged(struct worker *w)
{
	uint64_t bytes = 0, refused = 0;

	for (unsigned i = 0; i < w->gro.frames; i++) {
		unsigned n = inner_gro_finish(&w->gro, i, w->iov);

		bytes += w->gro.frame[i].len;
		if (!tun_write(w->tun, w->iov, n))
			refused++;
	}
	add(&w->stats.host_frames, w->gro.frames - refused);
	add(&w->stats.host_bytes, bytes);
	add(&w->stats.host_refused, refused);
	inner_gro_reset(&w->gro);
}

static void open_burst(struct worker *w, unsigned n, const struct udp_msg *m)
{
	struct esp_pkt *p = w->pkt;

	if (!n)
		return;
	esp_in_burst(&w->in, w->engine.sas, p, n, w->now_ms);
	add(&w->stats.received, n);
	for (unsigned i = 0; i < n; i++) {
		if (p[i].why)
			continue;
		if (p[i].newest && !udp_same(&m->from, &p[i].sa->path.remote))
			note_mapping(w, p[i].sa, &m->from);
		if (inner_gro_full(&w->gro))
			write_merged(w);
		inner_gro_add(&w->gro, &p[i].in, p[i].data);
	}
}

/* One buffer: packets of one sender, of which a few may be IKE's. */
static void take_msg(struct worker *w, const struct udp_msg *m, bool raw)
{
	uint32_t at, len;
	unsigned n = 0;

	for (at = 0; at < m->len; at += len) {
		uint8_t *p = m->data + at;
		enum udp_kind kind;

		len = m->len - at < m->seg ? m->len - at : m->seg;
		kind = raw ? UDP_ESP : udp_kind(p, len);
		if (kind == UDP_ESP) {
			w->pkt[n++] = (struct esp_pkt){ .data = p, .len = len,
							.ecn = m->tos & 3 };
			if (n == ESP_IN_BURST) {
				open_burst(w, n, m);
				n = 0;
			}
		} else if (kind == UDP_IKE) {
			relay_ike(w, m, p + UDP_MARKER_LEN,
				  len - UDP_MARKER_LEN);
		} else {
			add(kind == UDP_KEEPALIVE ? &w->stats.keepalives
						  : &w->stats.runts, 1);
		}
	}
	open_burst(w, n, m);
}

static void read_errors(struct worker *w, const struct udp_sock *s)
{
	struct udp_error e;
	socklen_t len = sizeof(int);
	int pending;

	/* What is not in the queue would be reported for ever. */
	getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &pending, &len);
	while (udp_error_next(s, &e)) {
		if (!e.mtu)
			continue;
		if (e.local ? engine_link_mtu(&w->engine, &e.to, e.mtu,
					      w->now_ms)
			    : engine_path_mtu(&w->engine, &e.to, e.spi, e.seq,
					      e.mtu, w->now_ms))
			add(&w->stats.mtu_found, 1);
	}
}

static void on_sock(struct worker *w, const struct udp_sock *s, uint32_t what)
{
	struct udp_msg *msgs;
	unsigned n;

	if (what & EPOLLERR)
		read_errors(w, s);
	if (!(what & EPOLLIN))
		return;
	n = udp_recv(w->rx, s, &msgs);
	for (unsigned i = 0; i < n; i++)
		take_msg(w, &msgs[i], s->raw);
	add(&w->stats.receives, n);
	write_merged(w);
}

/* --- outward -------------------------------------------------------------- */

/*
 * A packet is longer than our own link takes, and with UDP_SEGMENT the kernel
 * does not say what that is.  One alone does, by the error queue.
 */
static void provoke(struct worker *w, const struct udp_sock *s,
		    const struct esp_send *send)
{
	udp_send_one(s, &send->sa->path.local, &send->sa->path.remote, NULL, 0,
		     send->data, send->seg);
	read_errors(w, s);
}

static void send_failed(struct worker *w, const struct udp_sock *s,
			const struct esp_send *send, int rc)
{
	add(&w->stats.send_failed, send->count);
	if (rc == -EMSGSIZE || rc == -EINVAL)
		provoke(w, s, send);
	else
		read_errors(w, s);
	log_limited(LOG_LEVEL_DEBUG, send->sa->spi, "sending: %s",
		    strerror(-rc));
}

/* Packets of a send that failed for another's ICMP error get a second try. */
static bool try_again(int rc, unsigned *tries)
{
	return rc != -EMSGSIZE && rc != -EINVAL && ++*tries < 2;
}

/* All from w->sent on; false: blocked. */
static bool send_all(struct worker *w)
{
	struct esp_out *o = w->out;
	unsigned tries = 0;

	while (w->sent < o->sends) {
		const struct esp_send *send = &o->send[w->sent];
		unsigned i = engine_sa(send->sa)->sock, n = 1, done;
		bool raw = !send->sa->path.udp;
		const struct udp_sock *s;
		int rc;

		while (w->sent + n < o->sends &&
		       engine_sa(send[n].sa)->sock == i &&
		       send[n].sa->path.udp == send->sa->path.udp)
			n++;
		s = i == NO_SOCK ? NULL : sock_of(w, i, raw);
		if (!s || s->fd < 0) {
			add(&w->stats.no_socket, send->count);
			w->sent++;
			continue;
		}
		done = udp_send(w->tx, s, send, n, &rc);
		for (unsigned k = 0; k < done; k++)
			add(&w->stats.sent, send[k].count);
		add(&w->stats.sends, done);
		w->sent += done;
		if (done)
			tries = 0;
		if (rc == -EAGAIN || rc == -ENOBUFS) {
			add(&w->stats.send_full, 1);
			block_on(w, i, raw);
			return false;
		}
		if (rc && !try_again(rc, &tries)) {
			send_failed(w, s, &o->send[w->sent++], rc);
			tries = 0;
		} else if (rc) {
			read_errors(w, s);
		}
	}
	w->sent = 0;
	esp_out_reset(o);
	return true;
}

static void reply(struct worker *w)
{
	const struct iovec iov = { w->out->reply, w->out->reply_len };

	if (!w->replies) {
		add(&w->stats.replies_held, 1);
		return;
	}
	w->replies--;
	tun_write(w->tun, &iov, 1);
	add(&w->stats.replies, 1);
}

/* The frame in w->frame; false: there is no room for it now. */
static bool seal_frame(struct worker *w)
{
	enum esp_out_verdict v = esp_out_frame(w->out, w->engine.policies,
					       w->frame, w->frame_len,
					       w->now_ms);

	if (v == ESP_OUT_FULL)
		return false;
	if (v == ESP_OUT_REPLY)
		reply(w);
	w->frame_len = 0;
	return true;
}

static void lose_tun(struct worker *w, int rc)
{
	log_err("reading the TUN: %s", strerror(-rc));
	epoll_ctl(w->epoll, EPOLL_CTL_DEL, w->tun, NULL);
	atomic_store(&w->tun_lost, true);
}

/* What was read before, then what waits; then all of it is sent. */
static void on_tun(struct worker *w)
{
	uint64_t frames = 0, bytes = 0;
	int n;

	while (frames < FRAMES_TURN) {
		if (!w->frame_len) {
			n = tun_read(w->tun, w->frame, INNER_FRAME_MAX);
			if (n < 0)
				lose_tun(w, n);
			if (n <= 0)
				break;
			w->frame_len = (uint32_t)n;
			frames++;
			bytes += (uint32_t)n;
		}
		if (!seal_frame(w) && !send_all(w))
			break;
	}
	if (w->blocked < 0)
		send_all(w);
	add(&w->stats.tun_frames, frames);
	add(&w->stats.tun_bytes, bytes);
}

static void on_unblocked(struct worker *w)
{
	unblock(w);
	if (send_all(w))
		on_tun(w);
}

/* --- control -------------------------------------------------------------- */

static void give_up_sends(struct worker *w)
{
	if (w->blocked < 0)
		return;
	for (; w->sent < w->out->sends; w->sent++)
		add(&w->stats.send_failed, w->out->send[w->sent].count);
	w->sent = 0;
	esp_out_reset(w->out);
	unblock(w);
}

static void on_wake(struct worker *w)
{
	uint64_t n;

	if (read(w->wake, &n, sizeof(n)) < 0)
		return;
	pthread_mutex_lock(&w->lock);
	if (w->call.fn) {
		give_up_sends(w); /* SAs may go: nothing may refer to them */
		w->call.fn(w, w->call.arg);
		w->call.fn = NULL;
		pthread_cond_signal(&w->done);
	}
	pthread_mutex_unlock(&w->lock);
}

void worker_call(struct worker *w, void (*fn)(struct worker *w, void *arg),
		 void *arg)
{
	const uint64_t one = 1;

	if (!w->running) {
		w->now_ms = clock_ms();
		fn(w, arg);
		return;
	}
	pthread_mutex_lock(&w->lock);
	w->call = (struct call){ fn, arg };
	if (write(w->wake, &one, sizeof(one)) < 0)
		log_err("waking the worker: %s", strerror(errno));
	while (w->call.fn)
		pthread_cond_wait(&w->done, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

static void copy_drops(struct worker *w)
{
	for (unsigned i = 0; i < ESP_DROP_COUNT; i++)
		atomic_store_explicit(&w->stats.drops[i],
				      w->out->drops[i] + w->in.drops[i],
				      memory_order_relaxed);
}

static void tick(struct worker *w)
{
	w->tick_ms = w->now_ms;
	w->replies = REPLIES_TICK;
	tell_events(w);
	engine_age(&w->engine, w->now_ms, w->iked >= 0);
}

/* --- the loop ------------------------------------------------------------- */

static void serve(struct worker *w, const struct epoll_event *ev)
{
	enum source source = ev->data.u64 >> 32;
	unsigned i = (uint32_t)ev->data.u64;

	switch (source) {
	case SOURCE_WAKE:
		on_wake(w);
		return;
	case SOURCE_TUN:
		if (w->blocked < 0)
			on_tun(w);
		return;
	case SOURCE_ESP:
	case SOURCE_RAW:
		if (w->blocked == (int)(i << 1 | (source == SOURCE_RAW)) &&
		    ev->events & (EPOLLOUT | EPOLLERR))
			on_unblocked(w);
		on_sock(w, sock_of(w, i, source == SOURCE_RAW), ev->events);
		return;
	}
}

static void *loop(void *arg)
{
	struct worker *w = arg;
	struct epoll_event ev[EVENTS];

	while (!w->stopping) {
		int n = epoll_wait(w->epoll, ev, EVENTS, TICK_MS);

		w->now_ms = clock_ms();
		for (int i = 0; i < n; i++)
			serve(w, &ev[i]);
		tell_wanted(w);
		if (sa_events_due(w->engine.sas))
			tell_events(w);
		if (w->now_ms - w->tick_ms >= TICK_MS)
			tick(w);
		copy_drops(w);
	}
	return NULL;
}

static void stop_loop(struct worker *w, void *unused)
{
	w->stopping = true;
}

/* --- made and ended ------------------------------------------------------- */

/* What libraries load and map at first use, they do before the jail. */
static void warm_up(enum cipher_backend backend)
{
	static const uint8_t key[CIPHER_KEY_MAX];
	struct cipher *c;

	for (unsigned alg = 0; alg < CIPHER_ALG_COUNT; alg++)
		if (!cipher_new(&c, alg, backend, key, cipher_key_len(alg)))
			cipher_free(c);
}

int worker_new(struct worker **out, const struct worker_conf *conf)
{
	struct worker *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	w->tun = w->iked = w->blocked = -1;
	w->core = conf->core;
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->frame = malloc(INNER_FRAME_MAX);
	w->datagram = malloc(sizeof(*w->datagram));
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->done, NULL);
	esp_in_init(&w->in);
	warm_up(conf->backend);
	rc = w->epoll < 0 || w->wake < 0 ? -EMFILE : 0;
	if (!rc && (!w->frame || !w->datagram))
		rc = -ENOMEM;
	if (!rc)
		rc = engine_init(&w->engine, conf->backend);
	if (!rc)
		rc = esp_out_new(&w->out);
	if (!rc)
		rc = udp_rx_new(&w->rx);
	if (!rc)
		rc = udp_tx_new(&w->tx);
	if (!rc)
		rc = watch(w, EPOLL_CTL_ADD, w->wake, SOURCE_WAKE, 0, EPOLLIN);
	*out = w;
	return rc;
}

static void pin(struct worker *w)
{
	cpu_set_t set;

	if (w->core < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(w->core, &set);
	if (pthread_setaffinity_np(w->thread, sizeof(set), &set))
		log_warn("core %d: not to be had", w->core);
}

int worker_start(struct worker *w, int tun, bool uso)
{
	int rc = watch(w, EPOLL_CTL_ADD, tun, SOURCE_TUN, 0, EPOLLIN);

	w->tun = tun;
	w->tick_ms = clock_ms();
	w->replies = REPLIES_TICK;
	inner_gro_init(&w->gro, uso);
	if (!rc)
		rc = -pthread_create(&w->thread, NULL, loop, w);
	if (rc)
		return rc;
	w->running = true;
	pin(w);
	return 0;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	if (w->running) {
		worker_call(w, stop_loop, NULL);
		pthread_join(w->thread, NULL);
	}
	for (unsigned i = 0; i < w->sock_count; i++) {
		if (w->sock[i].esp.fd >= 0)
			close(w->sock[i].esp.fd);
		if (w->sock[i].raw.fd >= 0)
			close(w->sock[i].raw.fd);
	}
	if (w->tun >= 0)
		close(w->tun);
	close(w->epoll);
	close(w->wake);
	if (w->tx)
		engine_fini(&w->engine);
	esp_out_free(w->out);
	udp_rx_free(w->rx);
	udp_tx_free(w->tx);
	free(w->frame);
	free(w->datagram);
	free(w);
}

/* --- for the control thread ----------------------------------------------- */

struct engine *worker_engine(struct worker *w)
{
	return &w->engine;
}

uint64_t worker_now_ms(const struct worker *w)
{
	return w->now_ms;
}

/* That of its address, else one bound to no address. */
void worker_route_sa(struct worker *w, struct sa *sa)
{
	struct engine_sa *more = engine_sa(sa);

	more->sock = NO_SOCK;
	for (unsigned i = 0; i < w->sock_count; i++) {
		const struct sockaddr_storage *local = &w->sock[i].local;

		if (udp_same_addr(local, &sa->path.local)) {
			more->sock = (uint16_t)i;
			return;
		}
		if (local->ss_family == sa->path.local.ss_family &&
		    udp_is_any(local))
			more->sock = (uint16_t)i;
	}
}

static void join_sock(struct worker *w, unsigned i, const struct udp_sock *s)
{
	*sock_of(w, i, s->raw) = *s;
	watch_sock(w, EPOLL_CTL_ADD, i, s->raw, EPOLLIN);
}

int worker_add_sock(struct worker *w, const struct sockaddr_storage *local,
		    const struct udp_sock *s)
{
	struct sa *sa = NULL;
	unsigned i = 0;

	while (i < w->sock_count && !udp_same_addr(&w->sock[i].local, local))
		i++;
	if (i == WORKER_SOCKS_MAX)
		return -ENOSPC;
	if (i == w->sock_count) {
		w->sock[i] = (struct worker_sock){ *local, { .fd = -1 },
						   { .fd = -1 } };
		w->sock_count++;
	}
	if (sock_of(w, i, s->raw)->fd >= 0)
		return -EEXIST;
	join_sock(w, i, s);
	while ((sa = sa_next(w->engine.sas, sa)))
		worker_route_sa(w, sa);
	return 0;
}

void worker_set_tun(struct worker *w, int tun)
{
	close(w->tun);
	w->tun = tun;
	w->frame_len = 0;
	watch(w, EPOLL_CTL_ADD, tun, SOURCE_TUN, 0, EPOLLIN);
	atomic_store(&w->tun_lost, false);
}

bool worker_tun_lost(const struct worker *w)
{
	return atomic_load(&w->tun_lost);
}

void worker_set_iked(struct worker *w, int fd)
{
	w->iked = fd;
	w->expire_count = 0;
	atomic_store(&w->iked_stuck, false);
}

void worker_take_esp(struct worker *w, struct udp_msg *m, uint8_t *pkt,
		     uint32_t len)
{
	w->pkt[0] = (struct esp_pkt){ .data = pkt, .len = len,
				      .ecn = m->tos & 3 };
	open_burst(w, 1, m);
	write_merged(w);
}

const struct worker_stats *worker_stats(const struct worker *w)
{
	return &w->stats;
}

bool worker_iked_stuck(struct worker *w)
{
	return atomic_exchange(&w->iked_stuck, false);
}
