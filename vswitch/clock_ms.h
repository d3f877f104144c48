/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock_ms.h: monotonic milliseconds, the control thread's clock. */
#ifndef CAUSEWAY_CLOCK_MS_H
#define CAUSEWAY_CLOCK_MS_H

#include <stdint.h>
#include <sys/time.h>
#include <time.h>

static inline uint64_t clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/*
 * How long a timer has to run to be at `due` (UINT64_MAX: never; not for
 * here).  An hour at most: whoever set it looks again then.
 */
static inline struct timeval clock_ms_until(uint64_t due, uint64_t now)
{
	uint64_t left = due > now ? due - now : 0;
	struct timeval tv;

	if (left > 3600000)
		left = 3600000;
	tv.tv_sec = (time_t)(left / 1000);
	tv.tv_usec = (suseconds_t)(left % 1000 * 1000);
	return tv;
}

#endif
