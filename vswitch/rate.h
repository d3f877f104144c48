/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rate.h: token buckets: bits a second of a port's either direction, frames a
 * second of what a port makes the switch flood.
 *
 * Time is the TSC that the worker reads once a burst.  Credit is kept in units
 * of 1/hz bit (or frame), so a refill is a multiplication, nothing is rounded
 * and no credit is lost between two refills, however close.
 *
 * One overdraw: a frame passes when there is any credit, and what it lacks is
 * owed.  Hence a frame larger than the bucket passes as well, and in every
 * window of t seconds at most
 *
 *	rate * t + burst + one frame
 *
 * pass.  Queues of one port share its bucket: any worker may call anything
 * here at any time, except rate_init().  A bucket without a limit costs one
 * predicted branch.
 *
 * From a guest (descriptors stay where they are until there is credit):
 *
 *	rate_refill(r, now);
 *	budget = rate_reserve(r, BURST_BYTES_MAX);
 *	if (budget) { port rx with byte_budget = budget; }
 *	rate_settle(r, budget, burst->bytes);
 *
 * To a guest: rate_refill() once a burst, then rate_take(r, frame->len) or
 * DROP_EGRESS_RATE.  Bytes are those of the frame, without FCS and preamble;
 * a TSO frame counts as it is.
 */
#ifndef CAUSEWAY_RATE_H
#define CAUSEWAY_RATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RATE_BURST_MS     20    /* default burst: this much of the rate, */
#define RATE_BURST_BYTES  65536 /* at least this */
#define RATE_BURST_FRAMES 32    /* the same for frames */

struct rate {
	_Atomic int64_t credit; /* below 0: owed */
	_Atomic uint64_t last;  /* TSC of the last refill */
	uint64_t per_second;    /* bits or frames; 0: no limit */
	int64_t unit;           /* credit of one byte or one frame */
	int64_t full;           /* credit of a whole burst */
	int64_t most;           /* what one refill can earn: full, all debts */
	uint64_t fill_ticks;    /* in this time */
} __attribute__((aligned(64)));

/*
 * Start with a full bucket.  0: no limit, and the default burst.  A burst
 * larger than 2^61 / (8 * hz) bytes (96 MB at 3 GHz) is cut to that.
 */
void rate_init_bits(struct rate *r, uint64_t bits_per_second,
		    uint64_t burst_bytes, uint64_t hz, uint64_t now);
void rate_init_frames(struct rate *r, uint64_t frames_per_second,
		      uint64_t burst_frames, uint64_t hz, uint64_t now);

/*
 * TSC ticks until something may pass, as of `now`; 0: now.  A worker that
 * would sleep sets its timer by it.
 */
uint64_t rate_wait(const struct rate *r, uint64_t now);

/* The part of a refill that is not in line. */
void rate_earn(struct rate *r, uint64_t last, uint64_t now);

/* Add credit, but not beyond full. */
static inline void rate_deposit(struct rate *r, int64_t more)
{
	int64_t credit, sum;

	credit = atomic_load_explicit(&r->credit, memory_order_relaxed);
	do {
		sum = credit + more < r->full ? credit + more : r->full;
	} while (!atomic_compare_exchange_weak_explicit(
		&r->credit, &credit, sum, memory_order_relaxed,
		memory_order_relaxed));
}

/* Once a burst (harmless more often): credit for the time since the last. */
static inline void rate_refill(struct rate *r, uint64_t now)
{
	uint64_t last;

	if (!r->per_second)
		return;
	last = atomic_load_explicit(&r->last, memory_order_relaxed);
	if (last != now)
		rate_earn(r, last, now);
}

/* May `units` (bytes, or frames) pass?  They are paid for if so. */
static inline bool rate_take(struct rate *r, uint32_t units)
{
	int64_t cost;

	if (!r->per_second)
		return true;
	cost = r->unit * units;
	if (atomic_load_explicit(&r->credit, memory_order_relaxed) <= 0)
		return false;
	if (atomic_fetch_sub_explicit(&r->credit, cost, memory_order_relaxed) >
	    0)
		return true;
	/* another worker was faster */
	atomic_fetch_add_explicit(&r->credit, cost, memory_order_relaxed);
	return false;
}

/*
 * Take up to `want` bytes in advance; 0: nothing may pass now.  What is
 * received by it may exceed it by less than one frame.
 */
static inline uint32_t rate_reserve(struct rate *r, uint32_t want)
{
	int64_t credit, units;

	if (!r->per_second)
		return want;
	credit = atomic_load_explicit(&r->credit, memory_order_relaxed);
	do {
		if (credit <= 0)
			return 0;
		units = (credit + r->unit - 1) / r->unit;
		if (units > want)
			units = want;
	} while (!atomic_compare_exchange_weak_explicit(
		&r->credit, &credit, credit - units * r->unit,
		memory_order_relaxed, memory_order_relaxed));
	return (uint32_t)units;
}

/* What became of a reservation: the rest goes back, or the excess is owed. */
static inline void rate_settle(struct rate *r, uint32_t reserved, uint32_t used)
{
	if (!r->per_second || reserved == used)
		return;
	if (used < reserved)
		rate_deposit(r, r->unit * (reserved - used));
	else
		atomic_fetch_sub_explicit(&r->credit,
					  r->unit * (used - reserved),
					  memory_order_relaxed);
}

/*
 * Storms: frames a second that one port may make the switch flood, each kind
 * by itself, so a broadcast storm does not silence multicast.
 */
enum storm_kind {
	STORM_BROADCAST,
	STORM_MULTICAST,
	STORM_UNKNOWN, /* unknown unicast */
	STORM_KINDS,
};

struct storm {
	struct rate kind[STORM_KINDS];
};

/* pps[]: 0 is no limit. */
void storm_init(struct storm *s, const uint64_t pps[STORM_KINDS], uint64_t hz,
		uint64_t now);

/* May one more frame be flooded?  false: DROP_STORM. */
static inline bool storm_take(struct storm *s, enum storm_kind kind,
			      uint64_t now)
{
	rate_refill(&s->kind[kind], now);
	return rate_take(&s->kind[kind], 1);
}

#endif
