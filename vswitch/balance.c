/* SPDX-License-Identifier: GPL-2.0-or-later */
/* balance.c: greedy, one move a period; see balance.h. */
#include "vswitch/balance.h"

static bool node_has_worker(const struct balance_worker w[], unsigned n,
			    int node)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (w[i].node == node)
			return true;
	return false;
}

/* May a queue with memory on `node` run on worker i? */
static bool fits(const struct balance_worker w[], unsigned n, unsigned i,
		 int node)
{
	return node == BALANCE_NODE_ANY || w[i].node == node ||
	       !node_has_worker(w, n, node);
}

static unsigned busiest(const struct balance_worker w[], unsigned n)
{
	unsigned i, best = 0;

	for (i = 1; i < n; i++)
		if (w[i].busy_cycles > w[best].busy_cycles)
			best = i;
	return best;
}

/* How much less busy the busier of two workers is after the move. */
static uint64_t gain(uint64_t from, uint64_t to, uint64_t queue)
{
	uint64_t after = to + queue > from - queue ? to + queue : from - queue;

	return after < from ? from - after : 0;
}

bool balance_pick(const struct balance_worker w[], unsigned worker_count,
		  const struct balance_queue q[], unsigned queue_count,
		  uint64_t period, struct balance_move *move)
{
	uint64_t best = period / 100 * BALANCE_GAIN_PERCENT;
	unsigned from = busiest(w, worker_count), i, k;
	bool found = false;

	if (w[from].busy_cycles < period / 100 * BALANCE_FULL_PERCENT)
		return false;
	for (i = 0; i < queue_count; i++) {
		if (q[i].worker != from || q[i].cycles > w[from].busy_cycles)
			continue;
		for (k = 0; k < worker_count; k++) {
			uint64_t g = gain(w[from].busy_cycles,
					  w[k].busy_cycles, q[i].cycles);

			if (k == from || g <= best ||
			    !fits(w, worker_count, k, q[i].node))
				continue;
			best = g;
			move->queue = i;
			move->to = k;
			found = true;
		}
	}
	return found;
}

unsigned balance_place(const struct balance_worker w[], unsigned worker_count,
		       const unsigned queues_of[], int node)
{
	unsigned i, best = worker_count;

	for (i = 0; i < worker_count; i++)
		if (fits(w, worker_count, i, node) &&
		    (best == worker_count || queues_of[i] < queues_of[best]))
			best = i;
	return best;
}
