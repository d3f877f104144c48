/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstored_conn.c: turns.
 *
 * A turn: read once, serve a few of the requests that have come, then let the
 * tree end the turn, which comes back here to send (settle) and to decide what
 * this connection waits for next: its next turn, bytes, room to send, or
 * credit.  It waits for exactly one of them, so a client that we do not want
 * to hear is not read from, and its own socket fills up.
 *
 * A request of one client brings events to others, of any kind.  They are
 * added to those others' output and the connection becomes dirty; nothing is
 * sent and no connection ends before the turn does, so nothing that is being
 * looked at goes away.
 */
#include "hypervisor/xenstored_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/socket.h>

#include "base/log.h"

#define IN_BYTES (2 * XENSTORE_MESSAGE_MAX)
#define OUT_PAUSE (64u << 10)  /* unread: requests wait */
#define OUT_KEEP (64u << 10)   /* a longer buffer goes when it is empty */
#define OUT_MAX (1u << 20)     /* unread: events are dropped; enough for a
				* guest's 128 watches, each of which fires */
#define GUEST_REQUESTS 4       /* a turn */
#define CONTROL_REQUESTS 16
#define CONTROL_MAX 64	       /* connections a tree */
#define GUEST_MAX 8
#define LOOK_AGAIN_MS 50

enum kind { CONTROL, RELAY, HANDLE };

struct out {
	char *data;
	size_t off, len, cap;
	size_t head_left; /* bytes of the first message that are not sent */
};

struct xenstored_conn {
	struct xenstored_sink sink;
	TAILQ_ENTRY(xenstored_conn) next;
	TAILQ_ENTRY(xenstored_conn) dirty_next;
	struct xenstored_tree *tree;
	struct xenstore_conn *store;
	enum kind kind;
	int fd;
	bool dirty;
	bool moved;	  /* something was sent since we asked for room */
	bool lost_events; /* dropped: fire all watches when he has read */
	bool eof;	  /* nothing more comes */
	bool dead;	  /* ends with the turn */
	struct event *in_event;	  /* bytes, or the next turn */
	struct event *out_event;  /* room */
	struct event *wait_event; /* credit */
	size_t in_len;
	char in[IN_BYTES];
	struct out out;
};

/* ---- output -------------------------------------------------------------- */

static size_t unsent(const struct xenstored_conn *conn)
{
	return conn->out.len - conn->out.off;
}

static void make_dirty(struct xenstored_conn *conn)
{
	if (conn->dirty)
		return;
	conn->dirty = true;
	TAILQ_INSERT_TAIL(&conn->tree->dirty, conn, dirty_next);
}

static void kill_conn(struct xenstored_conn *conn)
{
	conn->dead = true;
	make_dirty(conn);
}

static bool out_room(struct out *out, size_t len)
{
	size_t cap = out->cap ? out->cap : 4096;
	char *bigger;

	if (out->off && out->len + len > out->cap) {
		memmove(out->data, out->data + out->off, out->len - out->off);
		out->len -= out->off;
		out->off = 0;
	}
	while (cap < out->len + len)
		cap *= 2;
	if (cap == out->cap)
		return true;
	bigger = realloc(out->data, cap);
	if (!bigger)
		return false;
	out->data = bigger;
	out->cap = cap;
	return true;
}

static bool queue(struct xenstored_conn *conn,
		  const struct xenstore_message *msg)
{
	struct out *out = &conn->out;
	size_t len = XENSTORE_HEADER_BYTES + msg->len;

	if (!out_room(out, len))
		return false;
	if (out->off == out->len)
		out->head_left = len;
	xenstore_wire_build(out->data + out->len, msg);
	out->len += len;
	xenstore_queued(conn->store, 1, len);
	make_dirty(conn);
	return true;
}

static void on_reply(struct xenstored_sink *to,
		     const struct xenstore_message *msg)
{
	struct xenstored_conn *conn = (struct xenstored_conn *)to;

	if (!conn->dead && !queue(conn, msg))
		kill_conn(conn); /* no memory: he waits for it in vain */
}

static void on_event(struct xenstored_sink *to,
		     const struct xenstore_message *msg)
{
	struct xenstored_conn *conn = (struct xenstored_conn *)to;
	size_t len = XENSTORE_HEADER_BYTES + msg->len;

	if (conn->dead || conn->lost_events)
		return;
	if (unsent(conn) + len > OUT_MAX || !queue(conn, msg))
		conn->lost_events = true;
}

/* `bytes` of the output are sent: how many messages end with them? */
static int messages_ended(struct out *out, size_t bytes)
{
	const char *at = out->data + out->off;
	int count = 0;
	uint32_t header[4];

	while (bytes >= out->head_left) {
		at += out->head_left;
		bytes -= out->head_left;
		count++;
		if (at == out->data + out->len)
			break;
		memcpy(header, at, sizeof(header));
		out->head_left = XENSTORE_HEADER_BYTES + header[3];
	}
	out->head_left -= bytes;
	return count;
}

static void sent(struct xenstored_conn *conn, size_t bytes)
{
	struct out *out = &conn->out;
	int messages = messages_ended(out, bytes);

	xenstore_queued(conn->store, -messages, -(long)bytes);
	conn->moved = true;
	out->off += bytes;
	if (out->off < out->len)
		return;
	out->off = out->len = 0;
	if (out->cap > OUT_KEEP) {
		free(out->data);
		memset(out, 0, sizeof(*out));
	}
}

/* What nobody will read any more. */
static void forget_output(struct xenstored_conn *conn)
{
	if (unsent(conn))
		sent(conn, unsent(conn));
	free(conn->out.data);
	memset(&conn->out, 0, sizeof(conn->out));
}

static void flush(struct xenstored_conn *conn)
{
	while (unsent(conn)) {
		ssize_t n = send(conn->fd, conn->out.data + conn->out.off,
				 unsent(conn), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			conn->dead = true;
		if (n < 0)
			return;
		sent(conn, n);
	}
}

/* Whoever cannot even be told of all his watches at once is beyond help. */
static void catch_up(struct xenstored_conn *conn)
{
	if (!conn->lost_events || unsent(conn) || conn->dead)
		return;
	conn->lost_events = false;
	xenstore_fire(conn->store);
	if (conn->lost_events) {
		log_limited(LOG_LEVEL_WARN, 0,
			    "%s: a client has too many watches to read of; "
			    "disconnected", conn->tree->uuid);
		conn->dead = true;
	}
	flush(conn);
}

/* ---- input --------------------------------------------------------------- */

static bool whole_request(const struct xenstored_conn *conn,
			  struct xenstore_message *msg, int *bytes)
{
	*bytes = xenstore_wire_take(conn->in, conn->in_len, msg);
	return *bytes > 0;
}

static void read_some(struct xenstored_conn *conn)
{
	size_t room = sizeof(conn->in) - conn->in_len;
	ssize_t n;

	if (!room)
		return;
	n = recv(conn->fd, conn->in + conn->in_len, room, MSG_DONTWAIT);
	if (n > 0)
		conn->in_len += n;
	else if (!n || (errno != EAGAIN && errno != EINTR))
		conn->eof = true;
}

/* How long his next request has to wait: UINT64_MAX: until he has read. */
static uint64_t waits_ms(struct xenstored_conn *conn)
{
	if (unsent(conn) > OUT_PAUSE)
		return UINT64_MAX;
	return xenstore_wait_ms(conn->store, xenstored_now_ms());
}

static void too_long(struct xenstored_conn *conn)
{
	log_limited(LOG_LEVEL_WARN, 0,
		    "%s: a client has sent what is no request; disconnected",
		    conn->tree->uuid);
	conn->dead = true;
}

static void serve(struct xenstored_conn *conn)
{
	unsigned left = conn->kind == CONTROL ? CONTROL_REQUESTS :
						GUEST_REQUESTS;
	struct xenstore_message msg;
	int bytes = 0;

	for (; left && !conn->dead && !waits_ms(conn); left--) {
		if (!whole_request(conn, &msg, &bytes))
			break;
		xenstore_request(conn->store, &msg, xenstored_now_ms());
		conn->in_len -= bytes;
		memmove(conn->in, conn->in + bytes, conn->in_len);
	}
	if (bytes < 0)
		too_long(conn);
}

/* ---- turns --------------------------------------------------------------- */

/*
 * Ask for room.  For a control client there is all the time in the world; the
 * time of others begins anew only when they have read something.
 */
static void arm_output(struct xenstored_conn *conn)
{
	const struct timeval stall = { .tv_sec = XENSTORED_STALL_S };

	if (!conn->moved && event_pending(conn->out_event, EV_WRITE, NULL))
		return;
	conn->moved = false;
	event_add(conn->out_event, conn->kind == CONTROL ? NULL : &stall);
}

static void arm_wait(struct xenstored_conn *conn, uint64_t ms)
{
	const struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	event_add(conn->wait_event, &tv);
}

/* What is the next thing this connection waits for? */
static void arm(struct xenstored_conn *conn)
{
	uint64_t wait = waits_ms(conn);
	struct xenstore_message msg;
	int bytes;

	if (unsent(conn))
		arm_output(conn);
	if (wait == UINT64_MAX) {
		/* It may be another of this guest's that has to read. */
		if (!unsent(conn))
			arm_wait(conn, LOOK_AGAIN_MS);
	} else if (wait) {
		arm_wait(conn, wait);
	} else if (whole_request(conn, &msg, &bytes) || bytes < 0) {
		event_active(conn->in_event, EV_READ, 0);
	} else if (!conn->eof) {
		event_add(conn->in_event, NULL);
	} else if (!unsent(conn)) {
		kill_conn(conn);
	}
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct xenstored_conn *conn = arg;
	struct xenstore_message msg;
	int bytes;

	if (!conn->eof && !whole_request(conn, &msg, &bytes))
		read_some(conn);
	serve(conn);
	make_dirty(conn);
	xenstored_tree_end_turn(conn->tree);
}

static void on_room(evutil_socket_t fd, short what, void *arg)
{
	struct xenstored_conn *conn = arg;

	if (what & EV_TIMEOUT) {
		log_limited(LOG_LEVEL_WARN, 0,
			    "%s: the guest has not read for %u s; "
			    "disconnected", conn->tree->uuid,
			    XENSTORED_STALL_S);
		conn->dead = true;
	}
	make_dirty(conn);
	xenstored_tree_end_turn(conn->tree);
}

static void on_credit(evutil_socket_t fd, short what, void *arg)
{
	on_turn(fd, what, arg);
}

static void conn_free(struct xenstored_conn *conn)
{
	struct xenstored_tree *tree = conn->tree;

	forget_output(conn);
	if (conn->dirty)
		TAILQ_REMOVE(&tree->dirty, conn, dirty_next);
	TAILQ_REMOVE(&tree->conns, conn, next);
	if (conn->kind == CONTROL)
		tree->control_count--;
	else
		tree->guest_count--;
	if (conn->kind == RELAY)
		xenstore_conn_set_user(conn->store, NULL);
	else
		xenstore_close(conn->store);
	if (conn->in_event)
		event_free(conn->in_event);
	if (conn->out_event)
		event_free(conn->out_event);
	if (conn->wait_event)
		event_free(conn->wait_event);
	close(conn->fd);
	free(conn);
}

/* A kill brings another turn of this loop: all who are dirty are looked at. */
void xenstored_conns_settle(struct xenstored_tree *tree)
{
	struct xenstored_conn *conn;

	while ((conn = TAILQ_FIRST(&tree->dirty))) {
		TAILQ_REMOVE(&tree->dirty, conn, dirty_next);
		conn->dirty = false;
		if (!conn->dead)
			flush(conn);
		catch_up(conn);
		if (conn->dead)
			conn_free(conn);
		else
			arm(conn);
	}
}

/* ---- coming and going ---------------------------------------------------- */

static struct xenstored_conn *relay_of(const struct xenstored_tree *tree)
{
	struct xenstored_conn *conn;

	TAILQ_FOREACH(conn, &tree->conns, next)
		if (conn->kind == RELAY)
			return conn;
	return NULL;
}

bool xenstored_conn_has_relay(const struct xenstored_tree *tree)
{
	return relay_of(tree) != NULL;
}

/* The relay's connection to the store is older than its client, or new. */
static int open_relay(struct xenstored_conn *conn)
{
	struct xenstored_tree *tree = conn->tree;
	struct xenstored_conn *before = relay_of(tree);

	if (before)
		conn_free(before);
	conn->store = tree->relay;
	if (conn->store) {
		conn->lost_events = true; /* whatever was on its way */
		return 0;
	}
	return xenstore_open(tree->store, &tree->relay, XENSTORED_GUEST,
			     XENSTORED_RELAY_KEY, xenstored_now_ms());
}

static int open_store(struct xenstored_conn *conn)
{
	struct xenstored_tree *tree = conn->tree;
	int rc;

	if (conn->kind == RELAY) {
		rc = open_relay(conn);
		conn->store = tree->relay;
	} else {
		rc = xenstore_open(tree->store, &conn->store,
				   conn->kind == CONTROL ? 0 : XENSTORED_GUEST,
				   0, xenstored_now_ms());
	}
	if (!rc)
		xenstore_conn_set_user(conn->store, &conn->sink);
	return rc;
}

static struct event *new_event(struct xenstored_conn *conn, int fd, short what,
			       event_callback_fn fn)
{
	struct event *ev = event_new(conn->tree->xd->base, fd, what, fn, conn);

	if (ev)
		event_priority_set(ev, conn->kind == CONTROL ?
					       XENSTORED_CONTROL :
					       XENSTORED_GUESTS);
	return ev;
}

static int new_events(struct xenstored_conn *conn)
{
	conn->in_event = new_event(conn, conn->fd, EV_READ, on_turn);
	conn->out_event = new_event(conn, conn->fd, EV_WRITE, on_room);
	conn->wait_event = new_event(conn, -1, 0, on_credit);
	return conn->in_event && conn->out_event && conn->wait_event ?
		       0 :
		       -ENOMEM;
}

static void add_to_tree(struct xenstored_conn *conn)
{
	struct xenstored_tree *tree = conn->tree;

	TAILQ_INSERT_TAIL(&tree->conns, conn, next);
	if (conn->kind == CONTROL)
		tree->control_count++;
	else
		tree->guest_count++;
	make_dirty(conn);
}

static int start(struct xenstored_conn *conn)
{
	int rc = open_store(conn);

	if (rc)
		return rc;
	add_to_tree(conn);
	rc = new_events(conn);
	if (rc)
		conn->dead = true;
	xenstored_tree_end_turn(conn->tree);
	return 0;
}

static bool too_many(const struct xenstored_tree *tree, bool guest)
{
	if (guest)
		return tree->guest_count >= GUEST_MAX;
	return tree->control_count >= CONTROL_MAX;
}

/* -1: may not. */
static int kind_of(const struct xenstored_tree *tree, uid_t uid, bool guest)
{
	if (!guest)
		return uid == 0 || uid == geteuid() ? CONTROL : -1;
	if (tree->uid && uid == tree->uid)
		return RELAY;
	return uid == 0 ? HANDLE : -1;
}

bool xenstored_conn_take(struct xenstored_tree *tree, int fd, uid_t uid,
			 bool guest)
{
	int kind = kind_of(tree, uid, guest);
	struct xenstored_conn *conn = NULL;
	int rc = kind < 0 ? -EACCES : 0;

	/* The relay is never one too many: it takes another's place. */
	if (!rc && kind != RELAY && too_many(tree, guest))
		rc = -EMFILE;
	if (!rc) {
		conn = calloc(1, sizeof(*conn));
		rc = conn ? 0 : -ENOMEM;
	}
	if (!rc) {
		conn->sink = (struct xenstored_sink){ on_reply, on_event };
		conn->tree = tree;
		conn->kind = kind;
		conn->fd = fd;
		rc = start(conn);
	}
	if (rc) {
		log_limited(LOG_LEVEL_WARN, uid,
			    "%s: a client of uid %u at the %s's socket is "
			    "turned away: %s", tree->uuid, (unsigned)uid,
			    guest ? "guest" : "control domain",
			    strerror(-rc));
		free(conn);
		close(fd);
	}
	return !rc;
}

void xenstored_conns_free(struct xenstored_tree *tree)
{
	while (!TAILQ_EMPTY(&tree->conns))
		conn_free(TAILQ_FIRST(&tree->conns));
}
