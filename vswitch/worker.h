/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * worker.h: the threads that poll.
 *
 * A worker owns receive queues; a queue has one owner.  It polls those that
 * are busy.  A queue that stays empty goes to event mode: armed, and watched
 * through the worker's epoll set, so that it costs a busy worker next to
 * nothing.  When none is left to poll, the worker sleeps in epoll.  Between
 * polling and sleeping lie short naps, and dozes as long as a queue is left
 * that has no event to wait for.  docs/data-path.md has the protocol
 * and why no frame can be lost in it.
 *
 * The control thread changes what workers see by publishing first and then
 * calling workers_sync(): when it returns, every worker has begun a new round
 * and holds nothing of the old.
 */
#ifndef CAUSEWAY_WORKER_H
#define CAUSEWAY_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vswitch/bridge.h"

#define WORKER_POLL_US 50   /* default: poll this long without work */
#define WORKER_NAP_US 20    /* then nap this long between polls */
#define WORKER_DOZE_AFTER_US 10000 /* without work this long: doze */
#define WORKER_DOZE_MS 1    /* for the rare queue that has no event */
#define WORKER_QUIET_US 600 /* a ring this long empty goes to event mode */
#define WORKER_QUIET_FD_US 18 /* the same for a kernel socket */
#define WORKER_CHECK_MS 100 /* the watchdog's period */
#define WORKER_LOOK_US 50   /* a busy worker looks at its events this often */
#define WORKER_WAIT_SPINS 1000 /* the control thread yields, */
#define WORKER_WAIT_US 100     /* then naps, while it waits for a worker */
#define WORKER_PATIENCE_MS 10000 /* default: it waits this long */

/* A receive queue.  Created and freed by the control thread. */
struct rxq {
	struct port *port;
	uint16_t q;
	uint16_t worker;  /* whose plan it is in */
	/* control: set between two workers_sync() */
	struct worker_plan *plan; /* the plan it belongs to, or NULL */
	bool drop;		  /* forget its registration: fd will close */
	/* the worker's own */
	bool armed;	  /* in event mode: waited for, not polled */
	bool registered;  /* `fd` is in the epoll set, listening or not */
	int fd;
	uint64_t quiet_since;
	uint64_t cycles;  /* spent on it with frames; for the balancer */
	/* control */
	uint64_t cycles_before;
};

/* What a worker polls; replaced whole.  active[] is the worker's. */
struct worker_plan {
	unsigned count, active_count;
	struct rxq **active; /* those it polls; the others are armed */
	struct rxq *rxq[];
};

struct worker_stats {
	uint64_t busy_cycles; /* from the poll that found frames, with them */
	uint64_t frames, bursts;
	uint64_t burst_size[BURST_MAX + 1];
	uint64_t naps, sleeps;
};

struct worker {
	struct bridge_worker bw;
	unsigned index;
	unsigned core;
	struct workers *all;
	_Atomic(struct worker_plan *) plan;
	_Atomic uint64_t rounds;   /* heartbeat */
	_Atomic uint64_t synced;   /* last workers_sync() it has seen */
	_Atomic bool asleep;	   /* in epoll, on purpose */
	_Atomic bool ended;	   /* out of its loop */
	_Atomic uint16_t serving;  /* the port it looked at last */
	int epoll_fd, wake_fd;
	int tid;		   /* for messages and tests */
	int16_t node;		   /* NUMA node of its core */

	/* the worker's own */
	struct worker_plan *current;
	uint64_t begun;	/* TSC */
	uint64_t last_look;
	struct burst burst;
	struct worker_stats stats;
	uint64_t busy_before; /* the balancer's */
	uint64_t rounds_before; /* the watchdog's */
	unsigned still;		/* checks without a round */
};

struct workers {
	struct bridge *br;
	unsigned count;
	uint64_t hz; /* TSC */
	_Atomic uint64_t poll_cycles;
	_Atomic uint64_t sync;
	_Atomic bool stop;
	/*
	 * Control: a worker has kept workers_sync() or workers_stop() waiting
	 * for patience_ms, a multiple of WORKER_CHECK_MS.  They wait on if it
	 * returns, and call it again.  NULL: they wait on.
	 */
	void (*stuck)(const struct worker *w, unsigned ms);
	unsigned patience_ms;
	struct worker *worker[WORKERS_MAX];
};

/* 0 or -errno.  numa_node of each core decides where its memory lies. */
int workers_init(struct workers *ws, struct bridge *br, unsigned count,
		 const unsigned cores[], uint64_t tsc_hz);
void workers_fini(struct workers *ws); /* threads have ended */

/* Thread body: returns when ws->stop is set. */
void worker_run(struct worker *w);

/* All its cycles until `now` that were not busy: looking, napping, asleep. */
uint64_t worker_idle_cycles(const struct worker *w, uint64_t now);

/* Control: hand every worker its plan.  Old plans are freed. */
int workers_set_queues(struct workers *ws, struct rxq *const rxq[], unsigned n);
/* Control: returns when nothing unpublished before is in use any more. */
void workers_sync(struct workers *ws);
/*
 * Control: the same, and no worker holds an event registration of these
 * queues, so that their fds may be closed.
 */
void workers_release(struct workers *ws, struct rxq *const rxq[], unsigned n);
/* Control: every worker that has begun leaves its loop. */
void workers_stop(struct workers *ws);

/*
 * Control, every WORKER_CHECK_MS: a worker that has not moved since the last
 * check is interrupted, in case it hangs in a system call that a peer made
 * block (base/port.h).  Returns one that has not moved for `limit` checks in a
 * row, or NULL.
 */
const struct worker *workers_check(struct workers *ws, unsigned limit);

#endif
