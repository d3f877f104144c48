/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balance.h: which queue should move to which worker.  Pure.
 *
 * Once a second the switch knows how long each worker was busy and with which
 * queues.  A move costs both workers a pause of some microseconds and cold
 * caches, so one is made only when the busiest worker is short of time, when
 * the move makes the busiest of the two less busy by a tenth of a core, and
 * one at a time.
 */
#ifndef CAUSEWAY_BALANCE_H
#define CAUSEWAY_BALANCE_H

#include <stdbool.h>
#include <stdint.h>

#define BALANCE_FULL_PERCENT 80 /* a worker busier than this needs help */
#define BALANCE_GAIN_PERCENT 10 /* of a core; less is not worth a move */
#define BALANCE_NODE_ANY (-1)

struct balance_queue {
	uint64_t cycles; /* spent on it in the period */
	uint16_t worker; /* below worker_count */
	int16_t node;	 /* NUMA node of its memory, or BALANCE_NODE_ANY */
};

struct balance_worker {
	uint64_t busy_cycles;
	int16_t node;
};

struct balance_move {
	unsigned queue;
	uint16_t to;
};

/*
 * `period` is the length of the period in cycles.  A queue does not leave the
 * node of its memory for another unless its own node has no worker.  True:
 * make *move.
 */
bool balance_pick(const struct balance_worker w[], unsigned worker_count,
		  const struct balance_queue q[], unsigned queue_count,
		  uint64_t period, struct balance_move *move);

/* The worker for a new queue: fewest queues, on its memory's node if any. */
unsigned balance_place(const struct balance_worker w[], unsigned worker_count,
		       const unsigned queues_of[], int node);

#endif
