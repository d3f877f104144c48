/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay.c: the window as a ring of words (RFC 6479): it moves by clearing
 * the words that it enters, never by shifting.
 */
#include "ipsec-migrate/replay.h"

#include <errno.h>
#include <string.h>

#define WORDS (REPLAY_WINDOW_MAX / 64 + 1)

int replay_init(struct replay *r, uint32_t window, bool esn)
{
	if (window < REPLAY_WINDOW_MIN || window > REPLAY_WINDOW_MAX ||
	    window % 64)
		return -EINVAL;
	memset(r, 0, sizeof(*r));
	r->window = window;
	r->esn = esn;
	return 0;
}

/*
 * RFC 4303 appendix A2.2.  The window lies within one subspace of 2^32
 * numbers (case A), or across the border of two (case B).
 */
uint64_t replay_seq(const struct replay *r, uint32_t low)
{
	uint32_t top_low = (uint32_t)r->top;
	uint64_t high = r->top >> 32;
	uint32_t bottom = top_low - r->window + 1;

	if (!r->esn)
		return low;
	if (top_low >= r->window - 1) {
		if (low < bottom)
			high++;
	} else if (low >= bottom && high > 0) {
		high--;
	}
	return high << 32 | low;
}

static bool is_seen(const struct replay *r, uint64_t seq)
{
	return r->seen[seq / 64 % WORDS] >> seq % 64 & 1;
}

bool replay_fresh(const struct replay *r, uint64_t seq)
{
	if (!seq || (!r->esn && seq > UINT32_MAX))
		return false;
	if (seq > r->top)
		return true;
	return r->top - seq < r->window && !is_seen(r, seq);
}

static void move_to(struct replay *r, uint64_t seq)
{
	uint64_t from = r->top / 64, to = seq / 64, n;

	if (to - from >= WORDS) {
		memset(r->seen, 0, sizeof(r->seen));
	} else {
		for (n = from + 1; n <= to; n++)
			r->seen[n % WORDS] = 0;
	}
	r->top = seq;
}

bool replay_accept(struct replay *r, uint64_t seq)
{
	if (!replay_fresh(r, seq))
		return false;
	if (seq > r->top)
		move_to(r, seq);
	r->seen[seq / 64 % WORDS] |= 1ULL << seq % 64;
	return true;
}
