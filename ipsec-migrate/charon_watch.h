/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon_watch.h: what goes on in libcharon, as facts and events for those
 * outside of it.
 *
 * libcharon's threads report to its bus; here the reports become counters of
 * each peer, the last error in plain words, and a queue of events, which the
 * main thread empties when the descriptor is readable.
 */
#ifndef CAUSEWAY_CHARON_WATCH_H
#define CAUSEWAY_CHARON_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "ipsec-migrate/ipsec_conf.h"

enum charon_event_kind {
	CHARON_EV_UP,	   /* the peer's first child SA is there */
	CHARON_EV_DOWN,	   /* the last one has gone */
	CHARON_EV_REKEYED, /* a child SA has a successor */
	CHARON_EV_IKE_REKEYED,
	CHARON_EV_IKE_DOWN, /* an IKE SA has gone */
	CHARON_EV_MOVED,    /* an address has changed */
	CHARON_EV_FAILED,   /* see the text */
	CHARON_EV_ACQUIRE,  /* a packet waits; see `group` */
	CHARON_EV_HELD,	    /* espd has SAs of it from before */
	CHARON_EV_ESPD_UP,
	CHARON_EV_ESPD_DOWN,
};

struct charon_event {
	enum charon_event_kind kind;
	char peer[ICONF_NAME_MAX]; /* "": of none that is known */
	char error[16];		   /* FAILED: charon_words.h's kind */
	char text[256];
	uint32_t group;
};

struct charon_facts {
	unsigned ike_count;    /* IKE SAs, begun or there */
	unsigned connecting;   /* of which are not there yet */
	unsigned child_count;  /* child SAs, successors not counted twice */
	uint64_t ups, downs, child_rekeys, ike_rekeys, failures;
	int64_t up_since; /* seconds since 1970; 0: it is down */
	char error[16];	  /* the last one; "": none since it came up */
	char error_text[256];
	int64_t error_time;
};

/* 0 or -errno; before charon_load().  The descriptor tells of events. */
int charon_watch_init(void);
int charon_watch_fd(void);
/* Take the oldest event; false: there is none. */
bool charon_watch_next(struct charon_event *ev);
/* From any thread.  When nobody takes them, the newest are lost. */
void charon_watch_put(const struct charon_event *ev);
const char *charon_event_name(enum charon_event_kind kind);

/* Zero if nothing is known of it. */
void charon_watch_facts(const char *peer, struct charon_facts *facts);
void charon_watch_forget(const char *peer);

/* Once libcharon is there: hear of it all.  And before its end: no more. */
void charon_watch_attach(void);
void charon_watch_detach(void);

#endif
