/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * writer_lock.h: one writer at a time for a table whose readers need no lock.
 * Workers only try; the control thread waits, and holds it briefly.
 */
#ifndef CAUSEWAY_WRITER_LOCK_H
#define CAUSEWAY_WRITER_LOCK_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

struct writer_lock {
	_Atomic bool taken;
} __attribute__((aligned(64)));

static inline bool writer_try_lock(struct writer_lock *l)
{
	return !atomic_load_explicit(&l->taken, memory_order_relaxed) &&
	       !atomic_exchange_explicit(&l->taken, true, memory_order_acquire);
}

static inline void writer_lock(struct writer_lock *l)
{
	while (!writer_try_lock(l))
		sched_yield();
}

static inline void writer_unlock(struct writer_lock *l)
{
	atomic_store_explicit(&l->taken, false, memory_order_release);
}

#endif
