/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture_session.h: what capture.c and capture_rpc.c share: the sessions.
 */
#ifndef CAUSEWAY_CAPTURE_SESSION_H
#define CAUSEWAY_CAPTURE_SESSION_H

#include <stddef.h>

#include <jansson.h>

#include "vswitch/capture.h"

struct event;

#define CAPTURE_BUFFER_BYTES (1u << 20)
#define CAPTURE_DRAIN_MS     20
#define CAPTURE_S            60 /* default length */
#define MIRROR_S             600

struct place {
	char name[CONF_NAME_MAX];
	bool network;
};

struct session {
	uint32_t id;
	struct rpc_conn *conn; /* NULL: kept */
	bool keep;
	char who[48], why[256], filter_text[256], to[CONF_NAME_MAX];
	bool other_network; /* `to` may be in another than what is watched */
	unsigned place_count;
	struct place place[CAPTURE_PLACES_MAX];
	uint32_t snaplen;
	uint64_t rate_bps;
	uint8_t directions;
	uint64_t expires_tsc;
	struct mirror *mirror;

	/* captures */
	int fd; /* -1: a mirror */
	int fd_flags;
	bool failed; /* the descriptor did */
	uint8_t *buffer;
	size_t used, done;
	uint64_t tsc0, ns0;
	unsigned interfaces;
	uint16_t interface_port[CAPTURE_PLACES_MAX * 4];
};

struct captures {
	struct session *session[CAPTURE_SESSIONS_MAX];
	uint32_t next_id;
	struct event *drain;
};

extern struct captures captures; /* one switch a process */

void capture_session_free(struct session *s); /* NULL does nothing */
/*
 * `how` ends the session in that slot; `tell`: its owner does not know yet.
 * Returns its counters, for an answer.
 */
json_t *capture_session_end(struct sw *sw, unsigned slot, const char *how,
			    bool tell);
json_t *capture_result_json(const struct session *s);
/* Empty rings from time to time if there is a session. */
void capture_schedule(struct sw *sw);
/* The pcapng interface of a port, or -1; a new one is announced. */
int capture_interface(const struct sw *sw, struct session *s, uint16_t port);
/* Is it in this configuration? */
bool capture_is_there(const struct switch_conf *conf, const struct place *p);
/* May a mirror copy from there to its port, in this configuration? */
bool capture_may_copy(const struct switch_conf *conf, const struct session *s,
		      const struct place *p);
int32_t capture_port_id(const struct sw *sw, const char *name);

#endif
