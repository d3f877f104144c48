/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * espd_link.h: iked's connection to causeway-espd, and the thread that reads
 * from it.
 *
 * espd may come later than we, and may be started anew: the thread tries to
 * connect every second, and says when the connection is there (after HELD_END)
 * and when it has gone.  Any thread may ask and tell; whoever asks waits for
 * the answer.  The callbacks run in the reading thread and must not ask: the
 * answer would come through themselves.
 */
#ifndef CAUSEWAY_ESPD_LINK_H
#define CAUSEWAY_ESPD_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "ipsec-migrate/ike_msg.h"

#define ESPD_LINK_ANSWER_MS 5000

struct espd_link;

struct espd_link_ops {
	void (*datagram)(const struct ike_msg_datagram *d, void *arg);
	/* ACQUIRE, EXPIRE, MAPPING */
	void (*event)(const struct ike_msg *msg, void *arg);
	void (*held)(const struct ike_msg_held *h, void *arg);
	void (*up)(void *arg);
	void (*down)(void *arg);
};

/*
 * Begin.  `path` of the socket; or, if that is NULL, `fd`, which is connected
 * and owned from here, and when it is gone it is gone.  0 or -errno.
 */
int espd_link_new(struct espd_link **out, const char *path, int fd,
		  const struct espd_link_ops *ops, void *arg);
/* Ends the thread, closes the connection; NULL does nothing. */
void espd_link_free(struct espd_link *link);
bool espd_link_is_up(struct espd_link *link);

/*
 * Send `msg`, whose id is set here, and wait for its answer (may be NULL).
 * The answer's rc; or -ENOTCONN, -ETIMEDOUT.  The message is wiped.
 */
int espd_link_ask(struct espd_link *link, struct ike_msg *msg,
		  struct ike_msg_answer *answer);
/* Send what has no answer.  0, -ENOTCONN, or -EAGAIN: dropped. */
int espd_link_tell(struct espd_link *link, struct ike_msg *msg);

#endif
