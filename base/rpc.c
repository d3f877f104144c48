/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rpc.c: the server's side of rpc.h.
 *
 * A connection reads a line, answers it, and only then looks at the next: a
 * client that does not read its answers, or leaves RPC_PENDING_MAX requests
 * unanswered, is not read any further until that changes.  So what it can
 * make us hold is one message in, and out the backlog plus its answers.
 *
 * Lifetimes.  A connection closes at one place, conn_shut(), and never inside
 * a handler: rpc_conn_close() only asks for it.  The struct stays until its
 * last unanswered request is answered; until then it has no descriptor and no
 * server, and whatever is sent on it is dropped.
 */
#include "base/rpc.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/log.h"
#include "base/rpc_wire.h"

#define ACCEPT_BATCH 16
#define ACCEPT_PAUSE_MS 100 /* out of descriptors: try again after this */

struct out_msg {
	TAILQ_ENTRY(out_msg) link;
	char *data;
	size_t len;
	size_t off;
	unsigned fd_count;
	int fds[RPC_FDS_MAX];
};

struct rpc_conn {
	TAILQ_ENTRY(rpc_conn) link;
	struct rpc_server *srv; /* NULL: closed */
	int fd;
	struct event *read_event;
	struct event *write_event;
	struct event *deadline;
	struct rpc_peer peer;
	struct rpc_inbox in;
	TAILQ_HEAD(, out_msg) out;
	size_t out_bytes;
	unsigned pending; /* requests not answered yet */
	bool in_handler;
	bool closing;
	void *user;
};

struct rpc_server {
	struct rpc_server_conf conf;
	struct event_base *base;
	int fd;
	struct event *accept_event;
	struct event *accept_resume;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	TAILQ_HEAD(, rpc_conn) conns;
	unsigned conn_count;
};

struct request {
	struct rpc_request pub;
	json_t *id; /* NULL: a notification */
	bool answered;
};

/* --- peers ------------------------------------------------------------ */

int rpc_peer_read(int fd, struct rpc_peer *peer)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	memset(peer, 0, sizeof(*peer));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	peer->pid = cred.pid;
	peer->uid = cred.uid;
	peer->gid = cred.gid;
	len = sizeof(peer->groups);
	/* ERANGE, more groups than we look at: then none of them counts. */
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer->groups, &len))
		peer->group_count = len / sizeof(gid_t);
	return 0;
}

bool rpc_peer_in_group(const struct rpc_peer *peer, gid_t gid)
{
	if (gid == (gid_t)-1)
		return false;
	if (peer->gid == gid)
		return true;
	for (unsigned i = 0; i < peer->group_count; i++)
		if (peer->groups[i] == gid)
			return true;
	return false;
}

static bool peer_is_owner(const struct rpc_peer *peer)
{
	return peer->uid == 0 || peer->uid == geteuid();
}

/* --- output ----------------------------------------------------------- */

static void out_free(struct out_msg *m)
{
	rpc_close_fds(m->fds, m->fd_count);
	free(m->data);
	free(m);
}

static void conn_flush(struct rpc_conn *conn)
{
	struct out_msg *m;
	int rc = 0;

	while ((m = TAILQ_FIRST(&conn->out))) {
		rc = rpc_wire_send(conn->fd, m->data, m->len, &m->off, m->fds,
				   m->fd_count);
		if (rc == -EAGAIN)
			break;
		if (rc) {
			rpc_conn_close(conn);
			return;
		}
		conn->out_bytes -= m->len;
		TAILQ_REMOVE(&conn->out, m, link);
		out_free(m);
	}
	if (m)
		event_add(conn->write_event, NULL);
}

/* Takes the message and the descriptors. */
static int conn_send(struct rpc_conn *conn, json_t *msg, const int *fds,
		     unsigned fd_count)
{
	struct out_msg *m = calloc(1, sizeof(*m));

	if (m)
		m->data = rpc_wire_format(msg, &m->len);
	else
		json_decref(msg);
	if (!m || !m->data) {
		rpc_close_fds(fds, fd_count);
		free(m);
		return -ENOMEM;
	}
	m->fd_count = fd_count;
	if (fd_count)
		memcpy(m->fds, fds, fd_count * sizeof(fds[0]));
	TAILQ_INSERT_TAIL(&conn->out, m, link);
	conn->out_bytes += m->len;
	if (TAILQ_FIRST(&conn->out) == m)
		conn_flush(conn);
	return 0;
}

static json_t *answer_new(const json_t *id)
{
	json_t *msg = json_object();

	json_object_set_new(msg, "jsonrpc", json_string("2.0"));
	json_object_set_new(msg, "id",
			    id ? json_deep_copy(id) : json_null());
	return msg;
}

static void conn_send_error(struct rpc_conn *conn, const json_t *id,
			    const struct rpc_error *e)
{
	json_t *msg = answer_new(id);

	json_object_set_new(msg, "error", rpc_error_to_json(e));
	if (conn_send(conn, msg, NULL, 0))
		rpc_conn_close(conn);
}

/* --- answers ---------------------------------------------------------- */

static void conn_resume(struct rpc_conn *conn);

static void conn_put(struct rpc_conn *conn)
{
	if (!conn->srv && !conn->pending)
		free(conn);
}

static void request_free(struct request *r)
{
	struct rpc_conn *conn = r->pub.conn;

	rpc_close_fds(r->pub.fds, r->pub.fd_count);
	json_decref(r->id);
	json_decref(r->pub.params);
	free((char *)r->pub.method);
	free(r);
	conn->pending--;
	if (conn->srv && !conn->in_handler)
		conn_resume(conn);
	conn_put(conn);
}

static struct request *request_of(struct rpc_request *req)
{
	struct request *r = (struct request *)req;

	assert(!r->answered);
	r->answered = true;
	return r;
}

void rpc_reply_fds(struct rpc_request *req, json_t *result, const int *fds,
		   unsigned fd_count)
{
	struct request *r = request_of(req);
	struct rpc_error big;
	json_t *msg;

	assert(fd_count <= RPC_FDS_MAX);
	if (!r->id || !req->conn->srv || req->conn->closing) {
		json_decref(result);
		rpc_close_fds(fds, fd_count);
		request_free(r);
		return;
	}
	msg = answer_new(r->id);
	json_object_set_new(msg, "result", result ? result : json_null());
	if (conn_send(req->conn, msg, fds, fd_count)) {
		rpc_error_set(&big, RPC_INTERNAL_ERROR, NULL, NULL,
			      "ask for less at once",
			      "the answer is larger than a message may be");
		conn_send_error(req->conn, r->id, &big);
	}
	request_free(r);
}

void rpc_reply(struct rpc_request *req, json_t *result)
{
	rpc_reply_fds(req, result, NULL, 0);
}

void rpc_reply_error(struct rpc_request *req, const struct rpc_error *e)
{
	struct request *r = request_of(req);

	if (r->id && req->conn->srv && !req->conn->closing)
		conn_send_error(req->conn, r->id, e);
	request_free(r);
}

void rpc_refuse(struct rpc_request *req, int code, const char *path,
		const char *value, const char *hint, const char *fmt, ...)
{
	struct rpc_error e;
	char message[sizeof(e.message)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	rpc_error_set(&e, code, path, value, hint, "%s", message);
	rpc_reply_error(req, &e);
}

int rpc_take_fd(struct rpc_request *req, unsigned i)
{
	int fd;

	assert(i < req->fd_count);
	fd = req->fds[i];
	req->fds[i] = -1;
	return fd;
}

/* --- requests --------------------------------------------------------- */

static const struct rpc_method *find_method(const struct rpc_server *srv,
					    const char *name)
{
	const struct rpc_method *m;

	for (m = srv->conf.methods; m && m->name; m++)
		if (!strcmp(m->name, name))
			return m;
	return NULL;
}

static bool fds_fit(const struct rpc_method *m, unsigned n)
{
	return n == m->fds || (!n && (m->flags & RPC_FDS_OPTIONAL));
}

/* May this request run?  Otherwise *e says why not. */
static bool request_allowed(struct rpc_server *srv, struct request *r,
			    const struct rpc_method *m, bool excess,
			    struct rpc_error *e)
{
	const struct rpc_peer *peer = r->pub.peer;

	if (!m) {
		rpc_error_set(e, RPC_METHOD_NOT_FOUND, "method", r->pub.method,
			      NULL, "no such method");
		return false;
	}
	if ((m->flags & RPC_ADMIN) && !peer_is_owner(peer) &&
	    !rpc_peer_in_group(peer, srv->conf.admin_gid)) {
		log_limited(LOG_LEVEL_WARN, peer->uid,
			    "%s refused to uid %u, pid %d", m->name, peer->uid,
			    (int)peer->pid);
		rpc_error_set(e, RPC_DENIED, "method", m->name,
			      "ask as root, or as a member of the daemon's "
			      "administration group",
			      "uid %u may not do this", peer->uid);
		return false;
	}
	if (excess || !fds_fit(m, r->pub.fd_count)) {
		rpc_error_set(e, RPC_INVALID_REQUEST, NULL, NULL, NULL,
			      "%s takes %u descriptors", m->name, m->fds);
		return false;
	}
	return true;
}

static bool id_is_valid(const json_t *id)
{
	return !id || json_is_string(id) || json_is_integer(id) ||
	       json_is_null(id);
}

/* The parts of a JSON-RPC request, borrowed; false: it is none. */
static bool request_parts(const json_t *msg, const char **method, json_t **id,
			  json_t **params, struct rpc_error *e)
{
	const char *version =
		json_string_value(json_object_get(msg, "jsonrpc"));

	*method = json_string_value(json_object_get(msg, "method"));
	*params = json_object_get(msg, "params");
	*id = json_object_get(msg, "id");
	if (!id_is_valid(*id)) {
		*id = NULL;
		rpc_error_set(e, RPC_INVALID_REQUEST, "id", NULL, NULL,
			      "id must be a string, an integer or null");
		return false;
	}
	if (!version || strcmp(version, "2.0") || !*method) {
		rpc_error_set(e, RPC_INVALID_REQUEST, NULL, NULL,
			      "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
			      "\"...\",\"params\":{}}",
			      "not a JSON-RPC 2.0 request (no batches)");
		return false;
	}
	if (*params && !json_is_object(*params)) {
		rpc_error_set(e, RPC_INVALID_PARAMS, "params", NULL, NULL,
			      "params must be an object");
		return false;
	}
	return true;
}

static struct request *request_new(struct rpc_conn *conn, const char *method,
				   json_t *id, json_t *params)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->pub.conn = conn;
	r->pub.peer = &conn->peer;
	r->pub.method = strdup(method);
	r->pub.params = params ? json_incref(params) : json_object();
	r->id = json_incref(id);
	if (!r->pub.method || !r->pub.params) {
		free((char *)r->pub.method);
		json_decref(r->pub.params);
		json_decref(r->id);
		free(r);
		return NULL;
	}
	conn->pending++;
	return r;
}

/* Runs a well-formed request; the descriptors are taken. */
static void conn_dispatch(struct rpc_conn *conn, struct request *r,
			  const int *fds, unsigned fd_count, bool excess)
{
	const struct rpc_method *m = find_method(conn->srv, r->pub.method);
	struct rpc_error e;

	r->pub.fd_count = fd_count;
	memcpy(r->pub.fds, fds, fd_count * sizeof(fds[0]));
	if (!request_allowed(conn->srv, r, m, excess, &e)) {
		rpc_reply_error(&r->pub, &e);
		return;
	}
	m->handler(&r->pub, conn->srv->conf.ctx);
}

/*
 * Has the client hung up, in both directions?  What it asked for it has been
 * told to have failed, perhaps because we stood still: doing it after all would
 * surprise it, and its descriptors would be nobody's.
 */
static bool has_gone(const struct rpc_conn *conn)
{
	struct pollfd p = { .fd = conn->fd };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

static void conn_message(struct rpc_conn *conn, const struct rpc_line *line)
{
	int fds[RPC_FDS_MAX];
	bool excess;
	unsigned fd_count = rpc_inbox_take_fds(&conn->in, line, fds, &excess);
	json_t *id = NULL, *params;
	struct request *r = NULL;
	const char *method;
	struct rpc_error e;
	json_t *msg = rpc_wire_parse(line->text, line->len, &e);
	bool good = msg && request_parts(msg, &method, &id, &params, &e);

	if (good && id && has_gone(conn)) {
		rpc_close_fds(fds, fd_count);
		json_decref(msg);
		rpc_conn_close(conn);
		return;
	}
	if (good) {
		r = request_new(conn, method, id, params);
		if (!r)
			rpc_error_set(&e, RPC_BUSY, NULL, NULL, NULL,
				      "out of memory");
	}
	if (r) {
		conn_dispatch(conn, r, fds, fd_count, excess);
	} else {
		conn_send_error(conn, id, &e);
		rpc_close_fds(fds, fd_count);
	}
	json_decref(msg);
}

/* --- connections ------------------------------------------------------ */

static struct timeval ms_to_tv(unsigned ms)
{
	return (struct timeval){ ms / 1000, (ms % 1000) * 1000 };
}

static void conn_arm_deadline(struct rpc_conn *conn)
{
	struct timeval tv = ms_to_tv(conn->srv->conf.deadline_ms);

	event_add(conn->deadline, &tv);
}

/* Has it to wait until it read its answers, or we gave them? */
static bool conn_paused(const struct rpc_conn *conn)
{
	return conn->out_bytes >= RPC_BACKLOG_MAX ||
	       conn->pending >= RPC_PENDING_MAX;
}

/* Handle the complete lines that are here; leave events as they should be. */
static void conn_run(struct rpc_conn *conn)
{
	struct rpc_line line;
	bool any = false;

	conn->in_handler = true;
	while (!conn->closing && !conn_paused(conn) &&
	       rpc_inbox_line(&conn->in, &line)) {
		any = true;
		conn_message(conn, &line);
		rpc_inbox_consume(&conn->in, &line);
	}
	conn->in_handler = false;
	if (conn->closing)
		return;
	if (any)
		event_del(conn->deadline);
	if (conn_paused(conn)) {
		event_del(conn->read_event);
		return;
	}
	event_add(conn->read_event, NULL);
	if (conn->in.len && !event_pending(conn->deadline, EV_TIMEOUT, NULL))
		conn_arm_deadline(conn);
}

/*
 * Go on with a connection that was paused, if it was.  From the loop, not
 * here: the caller may be another connection's handler.
 */
static void conn_resume(struct rpc_conn *conn)
{
	if (!conn->closing && !event_pending(conn->read_event, EV_READ, NULL))
		event_active(conn->write_event, EV_WRITE, 0);
}

/* Everything ends but the struct, which unanswered requests may still need. */
static void conn_shut(struct rpc_conn *conn)
{
	struct rpc_server *srv = conn->srv;
	struct out_msg *m;

	conn->closing = true;
	TAILQ_REMOVE(&srv->conns, conn, link);
	srv->conn_count--;
	if (srv->conf.on_close)
		srv->conf.on_close(conn, conn->user, srv->conf.ctx);
	event_free(conn->read_event);
	event_free(conn->write_event);
	event_free(conn->deadline);
	rpc_inbox_clear(&conn->in);
	while ((m = TAILQ_FIRST(&conn->out))) {
		TAILQ_REMOVE(&conn->out, m, link);
		out_free(m);
	}
	conn->out_bytes = 0;
	close(conn->fd);
	conn->fd = -1;
	conn->srv = NULL;
	conn_put(conn);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct rpc_conn *conn = arg;

	if (!conn->closing)
		log_limited(LOG_LEVEL_WARN, conn->peer.uid,
			    "%s: uid %u, pid %d sent no whole message in time",
			    conn->srv->path, conn->peer.uid,
			    (int)conn->peer.pid);
	conn_shut(conn);
}

void rpc_conn_close(struct rpc_conn *conn)
{
	struct timeval now = { 0, 0 };

	if (!conn->srv || conn->closing)
		return;
	conn->closing = true;
	event_del(conn->read_event);
	event_del(conn->write_event);
	event_add(conn->deadline, &now);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct rpc_conn *conn = arg;
	int rc = rpc_inbox_recv(&conn->in, fd);

	if (rc == -EAGAIN)
		return;
	if (rc == -EMSGSIZE) {
		struct rpc_error e;

		rpc_error_set(&e, RPC_INVALID_REQUEST, NULL, NULL, NULL,
			      "message longer than %u bytes", RPC_MESSAGE_MAX);
		conn_send_error(conn, NULL, &e);
	}
	if (rc <= 0) {
		rpc_conn_close(conn);
		return;
	}
	conn_run(conn);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct rpc_conn *conn = arg;

	conn_flush(conn);
	if (!conn->closing && !event_pending(conn->read_event, EV_READ, NULL))
		conn_run(conn);
}

static int conn_events(struct rpc_conn *conn)
{
	struct event_base *base = conn->srv->base;

	conn->read_event = event_new(base, conn->fd, EV_READ | EV_PERSIST,
				     on_readable, conn);
	conn->write_event = event_new(base, conn->fd, EV_WRITE, on_writable,
				      conn);
	conn->deadline = event_new(base, -1, 0, on_deadline, conn);
	if (conn->read_event && conn->write_event && conn->deadline &&
	    !event_add(conn->read_event, NULL))
		return 0;
	if (conn->read_event)
		event_free(conn->read_event);
	if (conn->write_event)
		event_free(conn->write_event);
	if (conn->deadline)
		event_free(conn->deadline);
	return -ENOMEM;
}

/* May one more from this peer come in?  0, -EACCES or -EMFILE. */
static int admit(const struct rpc_server *srv, const struct rpc_peer *peer)
{
	unsigned limit = RPC_CONNS_MAX;

	if (srv->conf.admit && !srv->conf.admit(peer, srv->conf.ctx))
		return -EACCES;
	if (!peer_is_owner(peer))
		limit -= RPC_CONNS_RESERVED;
	return srv->conn_count < limit ? 0 : -EMFILE;
}

/* Best effort: the socket is new, so a short line fits its buffer. */
static void turn_away(const struct rpc_server *srv, int fd,
		      const struct rpc_peer *peer, int why)
{
	struct rpc_error e;
	size_t len, off = 0;
	json_t *msg = answer_new(NULL);
	char *line;

	if (why == -EACCES)
		rpc_error_set(&e, RPC_DENIED, NULL, NULL, NULL,
			      "uid %u may not use %s", peer->uid, srv->path);
	else
		rpc_error_set(&e, RPC_BUSY, NULL, NULL,
			      "close other clients of it",
			      "%s has too many connections", srv->path);
	log_limited(LOG_LEVEL_WARN, peer->uid, "%s (pid %d)", e.message,
		    (int)peer->pid);
	json_object_set_new(msg, "error", rpc_error_to_json(&e));
	line = rpc_wire_format(msg, &len);
	if (line)
		rpc_wire_send(fd, line, len, &off, NULL, 0);
	free(line);
}

int rpc_server_adopt_take(struct rpc_server *srv, int fd)
{
	struct rpc_conn *conn = calloc(1, sizeof(*conn));
	int rc = conn ? rpc_peer_read(fd, &conn->peer) : -ENOMEM;

	if (rc)
		goto close_fd;
	rc = admit(srv, &conn->peer);
	if (rc) {
		turn_away(srv, fd, &conn->peer, rc);
		goto close_fd;
	}
	conn->srv = srv;
	conn->fd = fd;
	TAILQ_INIT(&conn->out);
	rc = conn_events(conn);
	if (rc)
		goto close_fd;
	TAILQ_INSERT_TAIL(&srv->conns, conn, link);
	srv->conn_count++;
	conn_arm_deadline(conn);
	return 0;

close_fd:
	close(fd);
	free(conn);
	return rc;
}

int rpc_notify(struct rpc_conn *conn, const char *method, json_t *params)
{
	json_t *msg;

	if (!conn->srv || conn->closing || conn->out_bytes >= RPC_BACKLOG_MAX) {
		json_decref(params);
		return -ENOBUFS;
	}
	msg = json_object();
	json_object_set_new(msg, "jsonrpc", json_string("2.0"));
	json_object_set_new(msg, "method", json_string(method));
	json_object_set_new(msg, "params", params ? params : json_object());
	return conn_send(conn, msg, NULL, 0) ? -ENOBUFS : 0;
}

void rpc_conn_set_user(struct rpc_conn *conn, void *user)
{
	conn->user = user;
}

void *rpc_conn_user(const struct rpc_conn *conn)
{
	return conn->user;
}

const struct rpc_peer *rpc_conn_peer(const struct rpc_conn *conn)
{
	return &conn->peer;
}

void rpc_server_each(struct rpc_server *srv,
		     void (*fn)(struct rpc_conn *conn, void *arg), void *arg)
{
	struct rpc_conn *conn;

	/* Closing is deferred, so fn cannot take the list from under us. */
	TAILQ_FOREACH(conn, &srv->conns, link)
		if (!conn->closing)
			fn(conn, arg);
}

/* --- server ----------------------------------------------------------- */

static void on_accept_resume(evutil_socket_t fd, short what, void *arg)
{
	struct rpc_server *srv = arg;

	event_add(srv->accept_event, NULL);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct timeval pause = ms_to_tv(ACCEPT_PAUSE_MS);
	struct rpc_server *srv = arg;

	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC |
						   SOCK_NONBLOCK);

		if (peer >= 0) {
			rpc_server_adopt_take(srv, peer);
			continue;
		}
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return;
		log_limited(LOG_LEVEL_ERR, errno, "%s: accept: %s", srv->path,
			    strerror(errno));
		event_del(srv->accept_event);
		event_add(srv->accept_resume, &pause);
		return;
	}
}

static int sockaddr_of(struct sockaddr_un *sun, const char *path)
{
	if (strlen(path) >= sizeof(sun->sun_path))
		return -ENAMETOOLONG;
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	strcpy(sun->sun_path, path);
	return 0;
}

/* Remove the socket of a dead server; leave anything else alone. */
static int remove_stale(const struct sockaddr_un *sun)
{
	struct stat st;
	int fd, rc;

	if (lstat(sun->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	rc = connect(fd, (const struct sockaddr *)sun, sizeof(*sun));
	rc = rc ? errno : 0;
	close(fd);
	if (rc != ECONNREFUSED)
		return rc == EACCES ? -EACCES : -EADDRINUSE;
	return unlink(sun->sun_path) ? -errno : 0;
}

static int bind_with_mode(int fd, const struct sockaddr_un *sun,
			  const struct rpc_server_conf *conf)
{
	mode_t mode = conf->mode ? conf->mode : 0600;
	mode_t old = umask(0777); /* nobody connects before all is set */
	int rc = bind(fd, (const struct sockaddr *)sun, sizeof(*sun));

	rc = rc ? -errno : 0;
	umask(old);
	if (rc)
		return rc;
	/* In this order: a file that is another's takes more rights. */
	if (chmod(sun->sun_path, mode))
		return -errno;
	if ((conf->uid != (uid_t)-1 || conf->gid != (gid_t)-1) &&
	    chown(sun->sun_path, conf->uid, conf->gid))
		return -errno;
	return 0;
}

static int server_listen(struct rpc_server *srv)
{
	struct sockaddr_un sun;
	int rc = sockaddr_of(&sun, srv->conf.path);

	if (!rc)
		rc = remove_stale(&sun);
	if (rc)
		return rc;
	srv->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			 0);
	if (srv->fd < 0)
		return -errno;
	rc = bind_with_mode(srv->fd, &sun, &srv->conf);
	if (rc)
		return rc;
	strcpy(srv->path, sun.sun_path);
	if (listen(srv->fd, RPC_CONNS_MAX))
		return -errno;
	srv->accept_event = event_new(srv->base, srv->fd, EV_READ | EV_PERSIST,
				      on_accept, srv);
	srv->accept_resume = event_new(srv->base, -1, 0, on_accept_resume, srv);
	if (!srv->accept_event || !srv->accept_resume ||
	    event_add(srv->accept_event, NULL))
		return -ENOMEM;
	return 0;
}

int rpc_server_new(struct rpc_server **out, struct event_base *base,
		   const struct rpc_server_conf *conf)
{
	struct rpc_server *srv = calloc(1, sizeof(*srv));
	int rc;

	if (!srv)
		return -ENOMEM;
	srv->conf = *conf;
	if (!srv->conf.deadline_ms)
		srv->conf.deadline_ms = RPC_DEADLINE_MS;
	srv->base = base;
	srv->fd = -1;
	json_object_seed(0); /* reads /dev/urandom: before the jail */
	TAILQ_INIT(&srv->conns);
	rc = conf->path ? server_listen(srv) : 0;
	if (rc) {
		rpc_server_free(srv);
		return rc;
	}
	*out = srv;
	return 0;
}

void rpc_server_free(struct rpc_server *srv)
{
	struct rpc_conn *conn;

	if (!srv)
		return;
	while ((conn = TAILQ_FIRST(&srv->conns)))
		conn_shut(conn);
	if (srv->accept_event)
		event_free(srv->accept_event);
	if (srv->accept_resume)
		event_free(srv->accept_resume);
	if (srv->fd >= 0)
		close(srv->fd);
	if (srv->path[0])
		unlink(srv->path);
	free(srv);
}

unsigned rpc_server_conn_count(const struct rpc_server *srv)
{
	return srv->conn_count;
}
