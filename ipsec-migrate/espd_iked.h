/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * espd_iked.h: the connection to causeway-iked (ike_msg.h).
 *
 * One at a time, of one user: a second one that connects takes the place of
 * the first, which has died or will notice.  Control thread.
 */
#ifndef CAUSEWAY_ESPD_IKED_H
#define CAUSEWAY_ESPD_IKED_H

#include <stdbool.h>

#include <jansson.h>
#include <sys/types.h>

#include "ipsec-migrate/espd_peers.h"
#include "ipsec-migrate/espd_worker.h"

struct event_base;
struct iked_link;

struct iked_link_conf {
	const char *path; /* of the socket */
	uid_t uid;	  /* iked's; root is let in, too */
};

/* Make the socket and listen; before rights are given up.  0 or -errno. */
int iked_link_new(struct iked_link **out, const struct iked_link_conf *conf);
void iked_link_free(struct iked_link *l); /* NULL does nothing */

int iked_link_start(struct iked_link *l, struct event_base *base,
		    struct worker *w, struct peers *peers);

/* struct peers_conf.on_ike; arg is the link. */
void iked_link_relay(const struct udp_msg *m, uint16_t port,
		     const uint8_t *data, uint32_t len, void *arg);

/* For people; the caller's. */
json_t *iked_link_describe(const struct iked_link *l);

#endif
