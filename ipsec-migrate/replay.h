/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay.h: which sequence numbers of an inbound SA have come already.
 *
 * RFC 4303 3.4.3 with extended sequence numbers (64 bits, of which the packet
 * carries the lower 32): the upper half is inferred from where the window is
 * (appendix A2), goes into the integrity check, and is right if that passes.
 * So a packet is looked at twice: replay_seq() and replay_fresh() before its
 * ICV is checked, replay_accept() after, and only that moves the window.
 *
 * Pure; one thread.  A window of 4096 lets packets overtake each other by
 * three milliseconds at a million a second.
 */
#ifndef CAUSEWAY_REPLAY_H
#define CAUSEWAY_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_WINDOW_MIN 64
#define REPLAY_WINDOW_MAX 4096

struct replay {
	uint64_t top; /* the highest accepted; 0: none yet */
	uint32_t window;
	bool esn;
	/*
	 * A ring of bits, bit n % (MAX + 64) for number n.  One word more
	 * than a window: the word that `top` moves into is cleared before
	 * bits of the window's other end are done with.
	 */
	uint64_t seen[REPLAY_WINDOW_MAX / 64 + 1];
};

/* `window`: a multiple of 64 in the above limits, else -EINVAL; 0. */
int replay_init(struct replay *r, uint32_t window, bool esn);

/* The whole number of a packet that says `low`. */
uint64_t replay_seq(const struct replay *r, uint32_t low);
/* Neither seen nor older than the window (RFC 4303 3.4.3).  0 is never. */
bool replay_fresh(const struct replay *r, uint64_t seq);
/* It is genuine.  False: not fresh (the same packet, twice in a burst). */
bool replay_accept(struct replay *r, uint64_t seq);

#endif
