/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * espd_peers.c: from a list of peers to protection, and then to sockets.
 *
 * Protection comes first, and only when it stands are the peers in force: IKE
 * begins for no peer whose networks could be reached in clear.
 *
 * An address has three sockets: UDP 500, read here; UDP 4500 twice, of which
 * the one that gets IKE is read here and the other one by the worker; and a
 * raw one if a peer there may use protocol 50.  They stay open when no peer
 * needs them any more: those who knock there get no answer from the kernel.
 */
#include "ipsec-migrate/espd_peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/log.h"

#define TEXT_MAX (INET6_ADDRSTRLEN + 4)
#define NETWORKS_MAX NETD_NETWORKS_MAX

enum { PORT_IKE, PORT_NATT, PORT_COUNT };

/* What is read here, of one local address. */
struct place {
	struct peers *peers;
	struct sockaddr_storage local; /* no port */
	struct udp_sock sock[PORT_COUNT];
	struct event *event[PORT_COUNT];
	bool has_esp, has_raw, wants_raw;
	char why[128]; /* something is missing; "" */
};

struct peers {
	struct event_base *base;
	struct worker *worker;
	struct peers_conf conf;
	struct netd_client *netd; /* NULL: not now */
	struct event *retry;
	struct udp_rx *rx;
	struct ike_msg_peer *peer, *staged;
	unsigned count, staged_count;
	struct place place[WORKER_SOCKS_MAX];
	unsigned places;
	char error[256];     /* what netd said last; "" */
};

/* --- netd ----------------------------------------------------------------- */

static int note_error(struct peers *p, const char *what, int rc,
		      const struct rpc_error *err)
{
	snprintf(p->error, sizeof(p->error), "%s: %.150s%s%.60s", what,
		 err->message, err->hint[0] ? "; " : "", err->hint);
	log_limited(LOG_LEVEL_ERR, 0, "%s", p->error);
	if (rc != -EREMOTEIO) {
		netd_client_close(p->netd);
		p->netd = NULL;
	}
	return rc;
}

static int need_netd(struct peers *p)
{
	struct rpc_error err;
	int rc = p->netd ? 0 : netd_client_open(&p->netd, p->conf.netd, &err);

	return rc ? note_error(p, "causeway-netd", rc, &err) : 0;
}

int peers_open_tun(struct peers *p, int *fd, bool *uso)
{
	const struct netd_tun_conf conf = {
		.name = p->conf.tun,
		.mtu = p->conf.tun_mtu,
		.queues = 1,
		.addresses = p->conf.addresses,
		.address_count = p->conf.address_count,
	};
	struct netd_link link;
	struct rpc_error err;
	int rc = need_netd(p);

	if (rc)
		return rc;
	rc = netd_tun_open(p->netd, &conf, fd, &link, &err);
	if (rc)
		return note_error(p, "opening the TUN", rc, &err);
	*uso = link.offload & NETD_USO;
	return 0;
}

/* --- protection ----------------------------------------------------------- */

static void network_text(const struct ike_msg_network *net, char *text)
{
	char address[INET6_ADDRSTRLEN];

	inet_ntop(net->family == 4 ? AF_INET : AF_INET6, net->addr, address,
		  sizeof(address));
	snprintf(text, TEXT_MAX, "%s/%u", address, net->prefix);
}

/* The union of the peers' networks; netd finds those that are named twice. */
static int collect(const struct ike_msg_peer *peers, unsigned count,
		   char (*text)[TEXT_MAX], unsigned *n)
{
	*n = 0;
	for (unsigned i = 0; i < count; i++) {
		const struct ike_msg_network *net = peers[i].remote_net;

		for (unsigned k = 0; k < IKE_MSG_NETWORKS_MAX; k++) {
			if (!net[k].family)
				break;
			if (*n == NETWORKS_MAX)
				return -ENOSPC;
			network_text(&net[k], text[(*n)++]);
		}
	}
	return 0;
}

static int protect(struct peers *p, const struct ike_msg_peer *peers,
		   unsigned count)
{
	char text[NETWORKS_MAX][TEXT_MAX];
	const char *networks[NETWORKS_MAX];
	struct netd_protection conf = { .tun = p->conf.tun,
					.networks = networks };
	struct rpc_error err;
	int rc = collect(peers, count, text, &conf.network_count);

	if (rc) {
		snprintf(p->error, sizeof(p->error),
			 "more than %u networks of all peers", NETWORKS_MAX);
		return rc;
	}
	for (unsigned i = 0; i < conf.network_count; i++)
		networks[i] = text[i];
	rc = need_netd(p);
	if (rc)
		return rc;
	rc = netd_protect_set(p->netd, &conf, &err);
	return rc ? note_error(p, "protecting networks", rc, &err) : 0;
}

/* --- sockets -------------------------------------------------------------- */

struct stray {
	struct udp_msg *m;
	uint8_t *data;
	uint32_t len;
};

static void take_stray(struct worker *w, void *arg)
{
	struct stray *s = arg;

	worker_take_esp(w, s->m, s->data, s->len);
}

/* A packet of port 4500 that came merged with IKE; or IKE. */
static void sort_natt(struct place *pl, struct udp_msg *m, uint8_t *data,
		      uint32_t len)
{
	struct peers *p = pl->peers;
	struct stray stray = { m, data, len };

	if (udp_kind(data, len) == UDP_IKE)
		p->conf.on_ike(m, UDP_NATT_PORT, data + UDP_MARKER_LEN,
			       len - UDP_MARKER_LEN, p->conf.arg);
	else if (udp_kind(data, len) == UDP_ESP)
		worker_call(p->worker, take_stray, &stray);
}

static void on_readable(struct place *pl, unsigned port)
{
	struct peers *p = pl->peers;
	struct udp_msg *msgs;
	struct udp_error e;
	unsigned n = udp_recv(p->rx, &pl->sock[port], &msgs);

	for (unsigned i = 0; i < n; i++) {
		struct udp_msg *m = &msgs[i];
		uint32_t len;

		for (uint32_t at = 0; at < m->len; at += len) {
			len = m->len - at < m->seg ? m->len - at : m->seg;
			if (port == PORT_NATT)
				sort_natt(pl, m, m->data + at, len);
			else
				p->conf.on_ike(m, UDP_IKE_PORT, m->data + at,
					       len, p->conf.arg);
		}
	}
	while (udp_error_next(&pl->sock[port], &e))
		; /* IKE sends again, or gives up, by itself */
}

static void on_ike_port(evutil_socket_t fd, short what, void *arg)
{
	on_readable(arg, PORT_IKE);
}

static void on_natt_port(evutil_socket_t fd, short what, void *arg)
{
	on_readable(arg, PORT_NATT);
}

struct sock_job {
	const struct sockaddr_storage *local;
	struct udp_sock sock;
};

static void add_sock(struct worker *w, void *arg)
{
	struct sock_job *j = arg;

	if (worker_add_sock(w, j->local, &j->sock))
		close(j->sock.fd);
}

static void give_worker(struct place *pl, int fd, bool raw)
{
	struct sock_job j = { &pl->local,
			      { .fd = fd, .any = udp_is_any(&pl->local),
				.raw = raw } };

	worker_call(pl->peers->worker, add_sock, &j);
}

static int read_here(struct place *pl, unsigned port, int fd)
{
	struct peers *p = pl->peers;

	pl->sock[port] = (struct udp_sock){ .fd = fd,
					    .any = udp_is_any(&pl->local) };
	pl->event[port] = event_new(p->base, fd, EV_READ | EV_PERSIST,
				    port == PORT_IKE ? on_ike_port
						     : on_natt_port, pl);
	return pl->event[port] && !event_add(pl->event[port], NULL) ? 0
								    : -ENOMEM;
}

static int bind_port(struct place *pl, unsigned port)
{
	struct sockaddr_storage local = pl->local;
	bool natt = port == PORT_NATT;
	struct rpc_error err;
	int fds[2], rc;

	if (pl->event[port])
		return 0;
	udp_set_port(&local, natt ? UDP_NATT_PORT : UDP_IKE_PORT);
	rc = netd_udp_bind(pl->peers->netd, (struct sockaddr *)&local,
			   natt ? 2 : 1, fds, &err);
	if (rc) {
		snprintf(pl->why, sizeof(pl->why), "%.120s", err.message);
		return note_error(pl->peers, "UDP", rc, &err);
	}
	if (natt && !pl->has_esp) {
		give_worker(pl, fds[0], false);
		pl->has_esp = true;
	}
	return read_here(pl, port, fds[natt]);
}

static int open_raw(struct place *pl)
{
	struct rpc_error err;
	int fd, rc;

	if (!pl->wants_raw || pl->has_raw)
		return 0;
	rc = netd_esp_open(pl->peers->netd, (struct sockaddr *)&pl->local, &fd,
			   &err);
	if (rc) {
		snprintf(pl->why, sizeof(pl->why), "%.120s", err.message);
		return note_error(pl->peers, "raw ESP", rc, &err);
	}
	give_worker(pl, fd, true);
	pl->has_raw = true;
	return 0;
}

static int open_place(struct place *pl)
{
	int rc = need_netd(pl->peers);

	for (unsigned port = 0; port < PORT_COUNT && !rc; port++)
		rc = bind_port(pl, port);
	if (!rc)
		rc = open_raw(pl);
	if (!rc)
		pl->why[0] = 0;
	return rc;
}

static void want_place(struct peers *p, const struct sockaddr_storage *local,
		       bool raw)
{
	struct place *pl;

	for (unsigned i = 0; i < p->places; i++) {
		pl = &p->place[i];
		if (udp_same_addr(&pl->local, local)) {
			pl->wants_raw |= raw;
			return;
		}
	}
	if (p->places == WORKER_SOCKS_MAX) {
		log_err("more than %d local addresses of peers",
			WORKER_SOCKS_MAX);
		return;
	}
	pl = &p->place[p->places++];
	*pl = (struct place){ .peers = p, .local = *local, .wants_raw = raw };
	pl->sock[PORT_IKE].fd = pl->sock[PORT_NATT].fd = -1;
	udp_set_port(&pl->local, 0);
}

/* Any: of both families. */
static void want_places(struct peers *p, const struct ike_msg_peer *peer)
{
	static const struct ike_msg_addr any[2] = { { .family = 4 },
						    { .family = 6 } };
	struct sockaddr_storage local;

	if (peer->local.family) {
		ike_msg_to_sockaddr(&peer->local, &local);
		want_place(p, &local, peer->raw_esp);
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		ike_msg_to_sockaddr(&any[i], &local);
		want_place(p, &local, peer->raw_esp);
	}
}

/* --- again ---------------------------------------------------------------- */

static void set_tun(struct worker *w, void *arg)
{
	worker_set_tun(w, *(int *)arg);
}

static void reopen_tun(struct peers *p)
{
	bool uso;
	int fd;

	if (!worker_tun_lost(p->worker) || peers_open_tun(p, &fd, &uso))
		return;
	worker_call(p->worker, set_tun, &fd);
	log_info("TUN %s is there again", p->conf.tun);
}

static bool is_complete(const struct place *pl)
{
	return pl->event[PORT_IKE] && pl->event[PORT_NATT] &&
	       (pl->has_raw || !pl->wants_raw);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct peers *p = arg;

	reopen_tun(p);
	for (unsigned i = 0; i < p->places; i++)
		if (!is_complete(&p->place[i]) && open_place(&p->place[i]))
			return; /* one complaint a second will do */
}

/* --- peers ---------------------------------------------------------------- */

int peers_new(struct peers **out, struct event_base *base, struct worker *w,
	      const struct peers_conf *conf)
{
	const struct timeval second = { .tv_sec = 1 };
	struct peers *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->base = base;
	p->worker = w;
	p->conf = *conf;
	p->peer = calloc(PEERS_MAX, sizeof(*p->peer));
	p->staged = calloc(PEERS_MAX, sizeof(*p->staged));
	p->retry = event_new(base, -1, EV_PERSIST, on_retry, p);
	*out = p;
	if (!p->peer || !p->staged || !p->retry || udp_rx_new(&p->rx))
		return -ENOMEM;
	event_add(p->retry, &second);
	return 0;
}

void peers_free(struct peers *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->places; i++)
		for (unsigned k = 0; k < PORT_COUNT; k++) {
			if (p->place[i].event[k])
				event_free(p->place[i].event[k]);
			if (p->place[i].sock[k].fd >= 0)
				close(p->place[i].sock[k].fd);
		}
	if (p->retry)
		event_free(p->retry);
	netd_client_close(p->netd);
	udp_rx_free(p->rx);
	free(p->peer);
	free(p->staged);
	free(p);
}

int peers_stage(struct peers *p, const struct ike_msg_peer *peer)
{
	if (p->staged_count == PEERS_MAX)
		return -ENOSPC;
	for (unsigned i = 0; i < p->staged_count; i++)
		if (p->staged[i].peer == peer->peer)
			return -EEXIST;
	p->staged[p->staged_count++] = *peer;
	return 0;
}

void peers_stage_clear(struct peers *p)
{
	p->staged_count = 0;
}

static void drop_peer(struct worker *w, void *arg)
{
	engine_peer_drop(worker_engine(w), *(uint32_t *)arg);
}

static bool is_staged(const struct peers *p, uint32_t number)
{
	for (unsigned i = 0; i < p->staged_count; i++)
		if (p->staged[i].peer == number)
			return true;
	return false;
}

/* Their SAs first: nothing is left that could not be protected any more. */
static void drop_gone(struct peers *p)
{
	for (unsigned i = 0; i < p->count; i++)
		if (!is_staged(p, p->peer[i].peer))
			worker_call(p->worker, drop_peer, &p->peer[i].peer);
}

int peers_commit(struct peers *p)
{
	struct ike_msg_peer *swap = p->peer;
	int rc = protect(p, p->staged, p->staged_count);

	if (rc) {
		p->staged_count = 0;
		return rc;
	}
	drop_gone(p);
	p->peer = p->staged;
	p->count = p->staged_count;
	p->staged = swap;
	p->staged_count = 0;
	p->error[0] = 0;
	for (unsigned i = 0; i < p->count; i++)
		want_places(p, &p->peer[i]);
	for (unsigned i = 0; i < p->places; i++)
		if (!is_complete(&p->place[i]))
			open_place(&p->place[i]);
	return 0;
}

const struct ike_msg_peer *peers_find(const struct peers *p, uint32_t number)
{
	for (unsigned i = 0; i < p->count; i++)
		if (p->peer[i].peer == number)
			return &p->peer[i];
	return NULL;
}

const struct ike_msg_peer *peers_at(const struct peers *p, unsigned i)
{
	return &p->peer[i];
}

unsigned peers_count(const struct peers *p)
{
	return p->count;
}

/* That of the address, else one that is bound to none. */
static const struct udp_sock *find_sock(const struct peers *p,
					const struct sockaddr_storage *local,
					unsigned port)
{
	const struct udp_sock *any = NULL;

	for (unsigned i = 0; i < p->places; i++) {
		const struct place *pl = &p->place[i];

		if (!pl->event[port] ||
		    pl->local.ss_family != local->ss_family)
			continue;
		if (udp_same_addr(&pl->local, local))
			return &pl->sock[port];
		/* IKE may not know yet from which address it sends. */
		if (udp_is_any(&pl->local) || udp_is_any(local))
			any = &pl->sock[port];
	}
	return any;
}

int peers_send_ike(struct peers *p, const struct ike_msg_datagram *d)
{
	static const uint8_t marker[UDP_MARKER_LEN];
	bool natt = d->local.port != UDP_IKE_PORT;
	struct sockaddr_storage local, remote;
	const struct udp_sock *s;
	int rc;

	ike_msg_to_sockaddr(&d->local, &local);
	ike_msg_to_sockaddr(&d->remote, &remote);
	s = find_sock(p, &local, natt ? PORT_NATT : PORT_IKE);
	if (!s)
		return -EADDRNOTAVAIL;
	rc = udp_send_one(s, &local, &remote, marker, natt ? sizeof(marker) : 0,
			  d->data, d->len);
	/* An ICMP error of another datagram came in its way. */
	if (rc == -ECONNREFUSED || rc == -EHOSTUNREACH || rc == -ENETUNREACH)
		rc = udp_send_one(s, &local, &remote, marker,
				  natt ? sizeof(marker) : 0, d->data, d->len);
	return rc;
}

json_t *peers_describe(const struct peers *p)
{
	json_t *list = json_array();
	char text[64];

	for (unsigned i = 0; i < p->places; i++)
		json_array_append_new(
			list,
			json_pack("{s:s, s:b, s:b, s:b, s:s}", "address",
				  udp_text(&p->place[i].local, text), "ike",
				  p->place[i].event[PORT_IKE] != NULL, "udp",
				  p->place[i].has_esp, "raw",
				  p->place[i].has_raw, "why",
				  p->place[i].why));
	return json_pack("{s:b, s:s, s:o}", "netd", p->netd != NULL,
			 "last_error", p->error, "addresses", list);
}
