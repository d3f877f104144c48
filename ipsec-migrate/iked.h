/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iked.h: causeway-iked's peers: the desired state that runs, and what is done
 * to have it so.
 *
 * Main thread.  libcharon's threads and espd's report by charon_watch.h's
 * queue.
 */
#ifndef CAUSEWAY_IKED_H
#define CAUSEWAY_IKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/queue.h>

#include <jansson.h>

#include "ipsec-migrate/charon_keep.h"
#include "ipsec-migrate/charon_watch.h"
#include "ipsec-migrate/espd_link.h"
#include "ipsec-migrate/ipsec_conf.h"

#define IKED_STATE_FILE	 "ipsec.json"
#define IKED_ACQUIRE_MAX 64

struct iked_peer {
	const struct iconf_peer *conf; /* in the running value */
	struct charon_keep keep;
	bool held;	 /* espd has SAs of it from before us */
	char error[256]; /* why it could not be set up; "": it is */
	TAILQ_ENTRY(iked_peer) next;
};

struct iked {
	const char *state_dir;
	struct espd_link *link;
	bool ready; /* espd protects what the state says */
	struct ipsec_conf *conf;
	TAILQ_HEAD(, iked_peer) peers;
	uint32_t acquired[IKED_ACQUIRE_MAX]; /* groups that packets wait for */
	unsigned acquired_count;
};

/* Take up what was accepted last.  What is on disk and damaged is an error. */
int iked_init(struct iked *d, const char *state_dir);
void iked_fini(struct iked *d);

/*
 * Let `wanted` run.  0 and it is ours; or -errno with an error filled in, and
 * all is as it was.  fn gets each action.
 */
int iked_apply(struct iked *d, struct ipsec_conf *wanted, bool force,
	       struct ipsec_conf_errors *errs,
	       void (*fn)(const char *action, void *arg), void *arg);

/* About once a second. */
void iked_tick(struct iked *d);
void iked_event(struct iked *d, const struct charon_event *ev);

struct iked_peer *iked_find(struct iked *d, const char *name);
void iked_up(struct iked *d, struct iked_peer *p);
void iked_down(struct iked *d, struct iked_peer *p);

/* What is said of a peer, with its SAs if `whole`. */
json_t *iked_peer_json(struct iked *d, struct iked_peer *p, bool whole);

#endif
