/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rate.c: what of the token buckets is not in line.
 *
 * No product here overflows: a time longer than fill_ticks is not multiplied,
 * and fill_ticks times the rate is at most a full bucket (2^61) and the
 * largest debt: one frame of 64 KB for each of 32 workers, 2^57 at 5 GHz.
 */
#include "vswitch/rate.h"

#define FULL_MAX (INT64_C(1) << 61)
#define DEBT_MAX (INT64_C(1) << 21) /* bytes or frames */

static void init(struct rate *r, uint64_t per_second, uint64_t burst,
		 uint64_t unit, uint64_t now)
{
	uint64_t most = FULL_MAX / unit;

	r->per_second = per_second;
	r->unit = (int64_t)unit;
	r->full = (int64_t)((burst < most ? burst : most) * unit);
	r->most = r->full + DEBT_MAX * r->unit;
	r->fill_ticks = per_second ? (uint64_t)r->most / per_second : 0;
	r->credit = r->full;
	r->last = now;
}

static uint64_t at_least(uint64_t least, uint64_t n)
{
	return n < least ? least : n;
}

void rate_init_bits(struct rate *r, uint64_t bits_per_second,
		    uint64_t burst_bytes, uint64_t hz, uint64_t now)
{
	if (!burst_bytes)
		burst_bytes = at_least(RATE_BURST_BYTES,
				       bits_per_second / 8000 * RATE_BURST_MS);
	init(r, bits_per_second, burst_bytes, 8 * hz, now);
}

void rate_init_frames(struct rate *r, uint64_t frames_per_second,
		      uint64_t burst_frames, uint64_t hz, uint64_t now)
{
	if (!burst_frames)
		burst_frames =
			at_least(RATE_BURST_FRAMES,
				 frames_per_second / 1000 * RATE_BURST_MS);
	init(r, frames_per_second, burst_frames, hz, now);
}

static int64_t earned(const struct rate *r, uint64_t ticks)
{
	if (ticks >= r->fill_ticks)
		return r->most;
	return (int64_t)(ticks * r->per_second);
}

/*
 * Whoever moves `last` earns the time between.  A worker whose clock reading
 * is older than another's earns nothing.  But if it is older by a second or
 * more the TSC itself was set back (a restored machine): start from there.
 */
void rate_earn(struct rate *r, uint64_t last, uint64_t now)
{
	bool later = now - last < UINT64_MAX / 2;

	if (!later && last - now < (uint64_t)r->unit)
		return;
	if (atomic_compare_exchange_strong(&r->last, &last, now) && later)
		rate_deposit(r, earned(r, now - last));
}

uint64_t rate_wait(const struct rate *r, uint64_t now)
{
	int64_t credit = r->credit;
	uint64_t passed = now - r->last, need;

	if (!r->per_second || credit > 0)
		return 0;
	need = (uint64_t)-credit / r->per_second + 1;
	if (passed > UINT64_MAX / 2)
		passed = 0;
	return need > passed ? need - passed : 0;
}

void storm_init(struct storm *s, const uint64_t pps[STORM_KINDS], uint64_t hz,
		uint64_t now)
{
	unsigned i;

	for (i = 0; i < STORM_KINDS; i++)
		rate_init_frames(&s->kind[i], pps[i], 0, hz, now);
}
