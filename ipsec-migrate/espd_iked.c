/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * espd_iked.c: each message to its function, each question to its answer.
 *
 * iked is trusted with SAs and with nothing else.  What is not one message to
 * the byte, or comes when it should not, closes the connection; what cannot be
 * done is answered with an errno.
 *
 * Datagrams that iked does not read fast enough are dropped here, and counted:
 * it is IKE's own business to send again.  Answers are not: if they do not
 * fit, iked has stopped reading, and the connection is closed.
 */
#include "ipsec-migrate/espd_iked.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/log.h"

#define BUFFER_BYTES (1 << 20)
#define MESSAGES_TURN 64

struct iked_link {
	struct iked_link_conf conf;
	struct event_base *base;
	struct worker *worker;
	struct peers *peers;
	int listen_fd, fd; /* -1: nobody is there */
	struct event *listener, *reader, *watch;
	bool greeted;
	pid_t pid;
	struct ike_msg *in, *out;
	uint64_t connections, datagrams, lost, unsent, refused;
};

/* --- the listening socket ------------------------------------------------- */

static int listen_on(const struct iked_link_conf *conf)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (strlen(conf->path) >= sizeof(un.sun_path)) {
		close(fd);
		return -ENAMETOOLONG;
	}
	strcpy(un.sun_path, conf->path);
	unlink(conf->path);
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) ||
	    chmod(conf->path, 0600) ||
	    (conf->uid != (uid_t)-1 && !geteuid() &&
	     chown(conf->path, conf->uid, (gid_t)-1)) ||
	    listen(fd, 4))
		rc = -errno;
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

int iked_link_new(struct iked_link **out, const struct iked_link_conf *conf)
{
	struct iked_link *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->conf = *conf;
	l->fd = -1;
	l->in = malloc(sizeof(*l->in));
	l->out = malloc(sizeof(*l->out));
	l->listen_fd = l->in && l->out ? listen_on(conf) : -ENOMEM;
	*out = l;
	return l->listen_fd < 0 ? l->listen_fd : 0;
}

/* --- the end of a connection ---------------------------------------------- */

static void forget_iked(struct worker *w, void *unused)
{
	worker_set_iked(w, -1);
	engine_hold(worker_engine(w));
}

static void hang_up(struct iked_link *l, const char *why)
{
	if (l->fd < 0)
		return;
	log_info("iked (pid %d) is gone: %s; its SAs are held", (int)l->pid,
		 why);
	worker_call(l->worker, forget_iked, NULL);
	if (l->reader)
		event_free(l->reader);
	l->reader = NULL;
	close(l->fd);
	l->fd = -1;
	l->greeted = false;
	peers_stage_clear(l->peers);
}

void iked_link_free(struct iked_link *l)
{
	if (!l)
		return;
	if (l->worker)
		hang_up(l, "we end");
	if (l->listener)
		event_free(l->listener);
	if (l->watch)
		event_free(l->watch);
	if (l->listen_fd >= 0)
		close(l->listen_fd);
	if (l->in)
		ike_msg_wipe(l->in);
	free(l->in);
	free(l->out);
	free(l);
}

/* False: it was closed. */
static bool say(struct iked_link *l, const struct ike_msg *msg)
{
	int rc = ike_msg_send(l->fd, msg, MSG_DONTWAIT);

	if (rc)
		hang_up(l, strerror(-rc));
	return !rc;
}

/* --- greeting ------------------------------------------------------------- */

struct held_list {
	struct ike_msg_held *held;
	unsigned count, room;
};

static void list_held(struct worker *w, void *arg)
{
	struct engine *e = worker_engine(w);
	struct held_list *list = arg;
	struct sa *sa = NULL;

	list->count = 0;
	while ((sa = sa_next(e->sas, sa))) {
		if (!engine_sa(sa)->held || list->count == list->room)
			continue;
		memset(&list->held[list->count], 0, sizeof(*list->held));
		engine_describe_held(sa, worker_now_ms(w),
				     &list->held[list->count++]);
	}
}

static void give_iked(struct worker *w, void *arg)
{
	worker_set_iked(w, *(int *)arg);
}

static void name_peer(const struct iked_link *l, struct ike_msg_held *h)
{
	const struct ike_msg_peer *peer = peers_find(l->peers, h->id.peer);

	if (peer)
		memcpy(h->name, peer->name, sizeof(h->name));
	else
		snprintf(h->name, sizeof(h->name), "peer %u", h->id.peer);
}

static void greet(struct iked_link *l)
{
	struct held_list list = { .room = ENGINE_SAS_MAX };

	list.held = calloc(list.room, sizeof(*list.held));
	if (!list.held) {
		hang_up(l, "out of memory");
		return;
	}
	worker_call(l->worker, list_held, &list);
	for (unsigned i = 0; i < list.count; i++) {
		name_peer(l, &list.held[i]);
		ike_msg_init(l->out, IKE_MSG_HELD, 0);
		l->out->u.held = list.held[i];
		if (!say(l, l->out))
			break;
	}
	free(list.held);
	if (l->fd < 0)
		return;
	ike_msg_init(l->out, IKE_MSG_HELD_END, 0);
	if (!say(l, l->out))
		return;
	l->greeted = true;
	worker_call(l->worker, give_iked, &l->fd);
}

/* --- questions ------------------------------------------------------------ */

struct question {
	struct iked_link *link;
	const struct ike_msg *msg;
	struct ike_msg_answer answer;
	uint32_t mtu; /* SA_ADD: the peer's */
};

static void add_sa(struct worker *w, struct question *q)
{
	struct sa *sa;

	q->answer.rc = engine_sa_add(worker_engine(w), &q->msg->u.sa_add,
				     q->mtu, worker_now_ms(w), &sa);
	if (!q->answer.rc)
		worker_route_sa(w, sa);
}

static void update_sa(struct worker *w, struct question *q)
{
	struct sa *sa;

	q->answer.rc = engine_sa_update(worker_engine(w),
					&q->msg->u.sa_update, &sa);
	if (!q->answer.rc)
		worker_route_sa(w, sa);
}

/* In the worker's thread. */
static void carry_out(struct worker *w, void *arg)
{
	struct engine *e = worker_engine(w);
	struct question *q = arg;
	const struct ike_msg *m = q->msg;
	struct ike_msg_answer *a = &q->answer;

	switch (m->type) {
	case IKE_MSG_GET_SPI: a->rc = engine_get_spi(e, &a->spi); break;
	case IKE_MSG_SA_ADD: add_sa(w, q); break;
	case IKE_MSG_SA_UPDATE: update_sa(w, q); break;
	case IKE_MSG_SA_DELETE:
		a->rc = engine_sa_delete(e, &m->u.sa_id);
		break;
	case IKE_MSG_SA_QUERY:
		a->rc = engine_sa_query(e, &m->u.sa_id, worker_now_ms(w), a);
		break;
	case IKE_MSG_POLICY_ADD:
		a->rc = engine_policy_add(e, &m->u.policy);
		break;
	case IKE_MSG_POLICY_DELETE:
		a->rc = engine_policy_delete(e, &m->u.policy);
		break;
	case IKE_MSG_HELD_DROP:
		engine_held_drop(e, m->u.held_drop.peer);
		break;
	case IKE_MSG_ACQUIRE_AGAIN:
		policy_want_again(e->policies,
				  engine_group(e, m->u.group.group));
		break;
	default: a->rc = -EOPNOTSUPP; break;
	}
}

static void ask_worker(struct iked_link *l, struct question *q)
{
	const struct ike_msg_peer *peer;
	uint32_t number = q->msg->u.sa_add.id.peer;

	if (q->msg->type == IKE_MSG_SA_ADD) {
		peer = peers_find(l->peers, number);
		if (!peer) {
			/* Its networks may be anybody's. */
			q->answer.rc = -ENOENT;
			return;
		}
		q->mtu = peer->mtu;
	}
	worker_call(l->worker, carry_out, q);
}

static void answer(struct iked_link *l, const struct ike_msg *msg)
{
	struct question q = { .link = l, .msg = msg };

	switch (msg->type) {
	case IKE_MSG_PEER:
		q.answer.rc = peers_stage(l->peers, &msg->u.peer);
		break;
	case IKE_MSG_PEERS_END: q.answer.rc = peers_commit(l->peers); break;
	default: ask_worker(l, &q); break;
	}
	if (q.answer.rc) {
		l->refused++;
		log_limited(LOG_LEVEL_WARN, msg->type, "iked's %s: %s",
			    ike_msg_type_name(msg->type),
			    strerror(-q.answer.rc));
	}
	ike_msg_init(l->out, IKE_MSG_ANSWER, msg->id);
	l->out->u.answer = q.answer;
	say(l, l->out);
}

static void send_datagram(struct iked_link *l,
			  const struct ike_msg_datagram *d)
{
	struct sockaddr_storage to;
	char text[64];
	int rc = peers_send_ike(l->peers, d);

	if (!rc)
		return;
	l->unsent++;
	ike_msg_to_sockaddr(&d->remote, &to);
	log_limited(LOG_LEVEL_WARN, udp_port(&to), "sending IKE to %s: %s",
		    udp_text(&to, text), strerror(-rc));
}

static bool is_ikeds(unsigned type)
{
	return type < IKE_MSG_ANSWER || type == IKE_MSG_ACQUIRE_AGAIN;
}

/* One message; false: there is none, or no connection any more. */
static bool take_message(struct iked_link *l)
{
	int rc = ike_msg_recv(l->fd, l->in, MSG_DONTWAIT);

	if (rc == -EAGAIN)
		return false;
	if (rc) {
		hang_up(l, strerror(-rc));
		return false;
	}
	if (!is_ikeds(l->in->type) ||
	    l->greeted == (l->in->type == IKE_MSG_HELLO)) {
		hang_up(l, ike_msg_type_name(l->in->type));
		return false;
	}
	if (l->in->type == IKE_MSG_HELLO)
		greet(l);
	else if (l->in->type == IKE_MSG_DATAGRAM)
		send_datagram(l, &l->in->u.datagram);
	else
		answer(l, l->in);
	if (l->in->type == IKE_MSG_SA_ADD)
		ike_msg_wipe(l->in);
	return l->fd >= 0;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct iked_link *l = arg;

	for (unsigned i = 0; i < MESSAGES_TURN && take_message(l); i++)
		;
}

/* --- connections ---------------------------------------------------------- */

static bool is_iked(const struct iked_link *l, int fd, pid_t *pid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return false;
	*pid = cred.pid;
	if (!cred.uid || cred.uid == l->conf.uid)
		return true;
	log_limited(LOG_LEVEL_WARN, cred.uid,
		    "pid %d of uid %u is not iked", (int)cred.pid, cred.uid);
	return false;
}

static void on_connection(evutil_socket_t listener, short what, void *arg)
{
	struct iked_link *l = arg;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int bytes = BUFFER_BYTES;
	pid_t pid;

	if (fd < 0)
		return;
	if (!is_iked(l, fd, &pid)) {
		close(fd);
		return;
	}
	hang_up(l, "another one has come");
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	l->fd = fd;
	l->pid = pid;
	l->connections++;
	l->reader = event_new(l->base, fd, EV_READ | EV_PERSIST, on_readable,
			      l);
	if (!l->reader || event_add(l->reader, NULL))
		hang_up(l, "out of memory");
	else
		log_info("iked has come (pid %d)", (int)pid);
}

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct iked_link *l = arg;

	if (l->fd >= 0 && worker_iked_stuck(l->worker))
		hang_up(l, "it does not read what SAs need");
}

int iked_link_start(struct iked_link *l, struct event_base *base,
		    struct worker *w, struct peers *peers)
{
	const struct timeval second = { .tv_sec = 1 };

	l->base = base;
	l->worker = w;
	l->peers = peers;
	l->listener = event_new(base, l->listen_fd, EV_READ | EV_PERSIST,
				on_connection, l);
	l->watch = event_new(base, -1, EV_PERSIST, on_watch, l);
	if (!l->listener || !l->watch || event_add(l->listener, NULL) ||
	    event_add(l->watch, &second))
		return -ENOMEM;
	return 0;
}

void iked_link_relay(const struct udp_msg *m, uint16_t port,
		     const uint8_t *data, uint32_t len, void *arg)
{
	struct iked_link *l = arg;
	struct ike_msg_datagram *d = &l->out->u.datagram;

	if (l->fd < 0 || !l->greeted || !len || len > IKE_MSG_DATA_MAX) {
		l->lost++;
		return;
	}
	ike_msg_init(l->out, IKE_MSG_DATAGRAM, 0);
	ike_msg_from_sockaddr((const struct sockaddr *)&m->to, &d->local);
	ike_msg_from_sockaddr((const struct sockaddr *)&m->from, &d->remote);
	d->local.port = port;
	d->len = len;
	memcpy(d->data, data, len);
	if (ike_msg_send(l->fd, l->out, MSG_DONTWAIT))
		l->lost++;
	else
		l->datagrams++;
}

json_t *iked_link_describe(const struct iked_link *l)
{
	return json_pack("{s:b, s:i, s:I, s:I, s:I, s:I, s:I}", "connected",
			 l->greeted, "pid", l->fd >= 0 ? (int)l->pid : 0,
			 "connections", (json_int_t)l->connections,
			 "datagrams", (json_int_t)l->datagrams,
			 "datagrams_lost", (json_int_t)l->lost,
			 "datagrams_unsent", (json_int_t)l->unsent, "refused",
			 (json_int_t)l->refused);
}
