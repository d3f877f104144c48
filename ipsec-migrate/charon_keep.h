/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon_keep.h: when to begin, and to begin anew.
 *
 * Pure: time and facts come in, what to do goes out.  libcharon could restart
 * what ends, but both ends would do it at the same moment; here one of them
 * waits a little, and failures are followed by longer and longer pauses.
 */
#ifndef CAUSEWAY_CHARON_KEEP_H
#define CAUSEWAY_CHARON_KEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "ipsec-migrate/ipsec_conf.h"

#define KEEP_WAIT_MS	3000  /* of the one that is second */
#define KEEP_PAUSE_MS	2000  /* after the first failure */
#define KEEP_PAUSE_MAX_MS 30000

struct charon_keep {
	bool wanted;   /* it shall be up */
	bool by_hand;  /* somebody has said so: up, or down */
	bool trapped;  /* a packet shall begin it */
	uint64_t next_ms; /* not before */
	uint32_t pause_ms;
	uint32_t streams;
	uint32_t stream; /* the next one to begin, round and round */
	uint32_t wait_ms;
	uint8_t start; /* enum iconf_start */
};

/* A peer is set up, or its `start` changes. */
void charon_keep_init(struct charon_keep *k, const struct iconf_peer *p,
		      uint64_t now_ms);
/* Somebody wants it up or down, until the next time that it is set up. */
void charon_keep_up(struct charon_keep *k, uint64_t now_ms);
void charon_keep_down(struct charon_keep *k);
/* It went down by itself. */
void charon_keep_lost(struct charon_keep *k, uint64_t now_ms);

/* A child SA has come: others may be wanted beside it. */
void charon_keep_grown(struct charon_keep *k, uint64_t now_ms);

/*
 * How many child SAs to begin now.  `children` are there, `connecting` IKE SAs
 * are on their way.  Called about once a second and after each change.
 */
unsigned charon_keep_due(struct charon_keep *k, unsigned children,
			 unsigned connecting, uint64_t now_ms);

/* Of two ends that both begin, is ours the one that waits? */
bool charon_keep_is_second(const struct iconf_peer *p);

#endif
