/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture.c: sessions, and the writer of pcapng files.
 *
 * The rings are emptied on a 20 ms timer while there is a capture.  What a
 * pipe's reader does not take stays in the session's buffer, then in the
 * rings, then is dropped by the workers; nothing waits for it.
 *
 * A session ends by capture.stop or mirror.del, with its connection, at its
 * time, or when its descriptor fails.  Each way leads through
 * capture_session_end(): out of the view, sync, write the rest, tell the
 * owner, free.
 */
#include "vswitch/capture_session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <x86intrin.h>

#include "base/log.h"
#include "vswitch/pcapng.h"

struct captures captures; /* one switch a process */

/* ---- pcapng ----------------------------------------------------------------
 */

static uint64_t to_ns(const struct sw *sw, const struct session *s,
		      uint64_t tsc)
{
	unsigned __int128 d = tsc > s->tsc0 ? tsc - s->tsc0 : 0;

	return s->ns0 + (uint64_t)(d * 1000000000u / sw->tsc_hz);
}

/* The pcapng interface of a port; a new one is announced. */
int capture_interface(const struct sw *sw, struct session *s, uint16_t port)
{
	const struct sw_port *sp = sw->ports[port];
	unsigned i;

	for (i = 0; i < s->interfaces; i++)
		if (s->interface_port[i] == port)
			return i;
	if (i == sizeof(s->interface_port) / sizeof(s->interface_port[0]))
		return -1;
	s->interface_port[s->interfaces++] = port;
	s->used += pcapng_interface(s->buffer + s->used, sp ? sp->name : "gone",
				    s->snaplen);
	return i;
}

/* Move records of one ring to the buffer while they fit. */
static void drain_ring(const struct sw *sw, struct session *s, unsigned worker)
{
	const struct mirror_record *rec;
	const uint8_t *bytes;

	while ((rec = mirror_ring_peek(s->mirror, worker, &bytes))) {
		int iface;

		if (s->used + rec->bytes + PCAPNG_PACKET_EXTRA +
			    2 * PCAPNG_BLOCK_MAX >
		    CAPTURE_BUFFER_BYTES)
			return;
		iface = capture_interface(sw, s, rec->port);
		if (iface >= 0)
			s->used += pcapng_packet(s->buffer + s->used, iface,
						 to_ns(sw, s, rec->tsc), bytes,
						 rec->bytes, rec->wire_len,
						 rec->direction == MIRROR_IN
							 ? PCAPNG_IN
							 : PCAPNG_OUT);
		mirror_ring_pop(s->mirror, worker);
	}
}

/* Write what the descriptor takes now.  0, or -errno when it is broken. */
static int flush(struct session *s)
{
	while (s->done < s->used) {
		ssize_t n =
			write(s->fd, s->buffer + s->done, s->used - s->done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return -errno;
		s->done += n;
	}
	s->used = s->done = 0;
	return 0;
}

static int drain(const struct sw *sw, struct session *s)
{
	unsigned w;
	int rc = flush(s);

	for (w = 0; w < s->mirror->workers && !rc && !s->done; w++) {
		drain_ring(sw, s, w);
		rc = flush(s);
	}
	return rc;
}

static void write_statistics(const struct sw *sw, struct session *s)
{
	struct mirror_counters c;

	mirror_count(s->mirror, &c);
	if (!s->interfaces || s->done)
		return;
	s->used += pcapng_statistics(s->buffer + s->used, 0,
				     to_ns(sw, s, __rdtsc()),
				     c.packets + c.dropped, c.dropped);
	flush(s);
}

/* ---- the end of a session ---- */

void capture_session_free(struct session *s)
{
	if (!s)
		return;
	if (s->fd >= 0) {
		fcntl(s->fd, F_SETFL, s->fd_flags); /* others share it */
		close(s->fd);
	}
	mirror_free(s->mirror);
	free(s->buffer);
	free(s);
}

json_t *capture_result_json(const struct session *s)
{
	struct mirror_counters c;

	mirror_count(s->mirror, &c);
	return json_pack("{s:I, s:I, s:I}", "packets", (json_int_t)c.packets,
			 "bytes", (json_int_t)c.bytes, "dropped",
			 (json_int_t)c.dropped);
}

static void tell_owner(const struct session *s, const char *how)
{
	json_t *note;

	if (!s->conn || s->fd < 0)
		return;
	note = capture_result_json(s);
	json_object_set_new(note, "session", json_integer(s->id));
	json_object_set_new(note, "why", json_string(how));
	json_object_set_new(note, "failed", json_boolean(s->failed));
	rpc_notify(s->conn, "capture.ended", note);
}

void capture_schedule(struct sw *sw)
{
	const struct timeval tv = { .tv_usec = CAPTURE_DRAIN_MS * 1000 };
	bool wanted = false;
	unsigned i;

	for (i = 0; i < CAPTURE_SESSIONS_MAX; i++)
		wanted |= captures.session[i] != NULL;
	if (wanted)
		event_add(captures.drain, &tv);
	else
		event_del(captures.drain);
}

/* `how` ends it; `tell`: its owner does not know yet.  Returns the result. */
json_t *capture_session_end(struct sw *sw, unsigned slot, const char *how,
			    bool tell)
{
	struct session *s = captures.session[slot];
	json_t *result;

	captures.session[slot] = NULL;
	switch_review(sw); /* no worker knows it any more */
	if (s->fd >= 0 && drain(sw, s) == 0)
		write_statistics(sw, s);
	result = capture_result_json(s);
	log_info("%s %u of %s ends: %s; %lld packets",
		 s->fd >= 0 ? "capture" : "mirror", s->id, s->who, how,
		 (long long)json_integer_value(
			 json_object_get(result, "packets")));
	if (tell)
		tell_owner(s, how);
	capture_session_free(s);
	capture_schedule(sw);
	return result;
}

/* Is the port that the mirror copies to still there, and not another's id? */
static bool has_destination(const struct sw *sw, const struct session *s)
{
	return s->fd >= 0 || capture_port_id(sw, s->to) == s->mirror->to;
}

/* Is anything of what it watches there? */
static bool has_place(const struct sw *sw, const struct session *s)
{
	unsigned i;

	for (i = 0; i < s->place_count; i++)
		if (capture_is_there(sw->running, &s->place[i]))
			return true;
	return false;
}

static void on_drain(evutil_socket_t fd, short what, void *ctx)
{
	struct sw *sw = ctx;
	unsigned i;

	for (i = 0; i < CAPTURE_SESSIONS_MAX; i++) {
		struct session *s = captures.session[i];
		int rc = 0;

		if (!s)
			continue;
		if (s->fd >= 0)
			rc = drain(sw, s);
		s->failed = rc < 0 && rc != -EPIPE;
		if (rc < 0)
			json_decref(capture_session_end(sw, i, strerror(-rc),
							true));
		else if (!has_destination(sw, s))
			json_decref(capture_session_end(
				sw, i, "its destination has gone", true));
		else if (!has_place(sw, s))
			json_decref(capture_session_end(
				sw, i, "what it watches has gone", true));
		else if (__rdtsc() > s->expires_tsc)
			json_decref(capture_session_end(
				sw, i, "its time is over", true));
	}
}

void capture_conn_closed(struct sw *sw, struct rpc_conn *conn)
{
	unsigned i;

	for (i = 0; i < CAPTURE_SESSIONS_MAX; i++) {
		struct session *s = captures.session[i];

		if (s && s->conn == conn) {
			s->conn = NULL;
			json_decref(capture_session_end(
				sw, i, "its client has gone", false));
		}
	}
}

/* ---- what is watched ---- */

int32_t capture_port_id(const struct sw *sw, const char *name)
{
	const struct sw_port *sp = switch_find_port(sw, name);

	return sp ? sp->id : CONF_NONE;
}

static bool carries(const struct conf_port *port, int32_t network)
{
	unsigned i;

	for (i = 0; i < port->carries_count; i++)
		if (port->carries[i] == network)
			return true;
	return false;
}

bool capture_is_there(const struct switch_conf *conf, const struct place *p)
{
	return (p->network ? switch_conf_find_network(conf, p->name)
			   : switch_conf_find_port(conf, p->name)) !=
	       CONF_NONE;
}

bool capture_may_copy(const struct switch_conf *conf, const struct session *s,
		      const struct place *p)
{
	int32_t to = switch_conf_find_port(conf, s->to);
	int32_t at = p->network ? switch_conf_find_network(conf, p->name)
				: switch_conf_find_port(conf, p->name);
	unsigned i;

	if (to == CONF_NONE || at == CONF_NONE)
		return false;
	if (s->other_network)
		return true;
	if (p->network)
		return carries(&conf->ports[to], at);
	for (i = 0; i < conf->ports[at].carries_count; i++)
		if (!carries(&conf->ports[to], conf->ports[at].carries[i]))
			return false;
	return true;
}

/* Asked for each configuration anew: ports change their networks, or go. */
static bool is_watched(const struct sw *sw, const struct switch_conf *conf,
		       const struct session *s, const struct place *p)
{
	return s->fd >= 0 ||
	       (has_destination(sw, s) && capture_may_copy(conf, s, p));
}

static int32_t segment_of(const struct switch_conf *conf, const char *network)
{
	int32_t i = switch_conf_find_network(conf, network);

	return i == CONF_NONE ? CONF_NONE : conf->networks[i].segment;
}

int capture_taps(struct sw *sw, const struct switch_conf *conf,
		 const struct view_tap **taps, unsigned *count)
{
	struct view_tap *list = calloc(
		CAPTURE_SESSIONS_MAX * CAPTURE_PLACES_MAX, sizeof(*list));
	unsigned i, k, n = 0;

	if (!list)
		return -ENOMEM;
	for (i = 0; i < CAPTURE_SESSIONS_MAX; i++) {
		struct session *s = captures.session[i];

		for (k = 0; s && k < s->place_count; k++) {
			const struct place *p = &s->place[k];
			struct view_tap t = { .mirror = s->mirror,
					      .port = CONF_NONE,
					      .segment = CONF_NONE };

			if (!is_watched(sw, conf, s, p))
				continue;
			if (p->network)
				t.segment = segment_of(conf, p->name);
			else
				t.port = capture_port_id(sw, p->name);
			if (t.port != CONF_NONE || t.segment != CONF_NONE)
				list[n++] = t;
		}
	}
	*taps = list;
	*count = n;
	return 0;
}

int capture_init(struct sw *sw)
{
	captures.drain = event_new(sw->base, -1, EV_PERSIST, on_drain, sw);
	return captures.drain ? 0 : -ENOMEM;
}

void capture_fini(struct sw *sw)
{
	unsigned i;

	for (i = 0; i < CAPTURE_SESSIONS_MAX; i++) {
		struct session *s = captures.session[i];

		captures.session[i] = NULL;
		if (s && s->fd >= 0 && drain(sw, s) == 0)
			write_statistics(sw, s);
		capture_session_free(s);
	}
	if (captures.drain)
		event_free(captures.drain);
	captures.drain = NULL;
}
