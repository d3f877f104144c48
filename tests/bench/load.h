/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load.h: closed-loop traffic between made-up guests.
 *
 * A flow goes one way, from one guest to another, and keeps at most `window`
 * frames on their way: a frame that arrives lets the next one leave.  Frames
 * are IPv4/UDP, carry the flow's number and a sequence number, and are counted
 * where they arrive, in any order; what has not come after LOAD_STALL_MS is
 * lost.  A whole run is one thread that polls all its guests.
 *
 * Sizes are frame bytes without FCS, as testpmd's `txpkts` counts them.
 */
#ifndef CAUSEWAY_BENCH_LOAD_H
#define CAUSEWAY_BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/bench/guest.h"

#define LOAD_PORTS_MAX 1024
#define LOAD_FLOWS_MAX 16
#define LOAD_STALL_MS 20
#define LOAD_SIZE_MIN 60
#define LOAD_PROBES_MAX 100000

struct load_port {
	struct guest *guest;
	uint8_t mac[6];
	uint32_t ip; /* host order */
	bool used;   /* polled in this run */
	bool back;   /* lost its switch in this run, and found it again */
	uint64_t back_tsc;
	uint64_t stray; /* frames of flows that end elsewhere */
};

enum load_vary { VARY_NONE, VARY_SRC, VARY_DST };

struct load_flow {
	/* what to do */
	unsigned from, to; /* ports */
	unsigned window;   /* frames on their way; 0 means rate only */
	double rate;	   /* frames a second; 0: as fast as the loop goes */
	uint64_t limit;	   /* frames to send in all; 0: no limit */
	enum load_vary vary;
	unsigned macs;	    /* how many addresses vary */
	unsigned first_mac; /* the first of them in the pool */
	bool in_order;	    /* addresses one after the other, not at random */
	bool probe;	    /* one frame at a time, gap_us apart, timed */
	uint64_t gap_us;

	/* what happened, whole run; `received` since the warm-up ended */
	uint64_t sent, received, lost, late;
	uint64_t first_tsc;   /* first arrival after both ends came back */
	uint64_t silence_tsc; /* longest time between two arrivals */

	/* working state */
	uint64_t next_seq, inflight, start_tsc, last_tsc;
	uint64_t old_mark, mark, mark_tsc; /* sequence numbers; see load.c */
	uint64_t below_mark, above_mark;   /* arrivals on each side of mark */
	double credit;
	uint64_t credit_tsc, due_tsc;
	uint8_t head[64];
};

struct load {
	struct load_port port[LOAD_PORTS_MAX];
	unsigned port_count;
	double tsc_hz;
	uint8_t salt; /* another payload pattern every run */

	/* one run */
	struct load_flow flow[LOAD_FLOWS_MAX];
	unsigned flow_count;
	unsigned size;
	double seconds, warmup;
	pid_t kill_pid; /* SIGKILLed when the warm-up ends; 0: nobody */

	/* its results */
	double measured_s;
	uint64_t received; /* all flows, since the warm-up ended */
	uint64_t kill_tsc, end_tsc;
	uint64_t foreign; /* frames that no flow sent */
	uint64_t damaged; /* payload is not what was sent (warm-up only) */
	uint64_t busy_tsc, all_tsc, moved, bursts;
	unsigned probe_count;
	float probe_us[LOAD_PROBES_MAX]; /* sorted */
};

/* Address number i of the pool that `vary` draws from. */
void load_pool_mac(uint8_t mac[6], unsigned i);

/* Zero a run's flows and results; ports stay. */
void load_reset(struct load *l);

/* Send and receive for warmup + seconds.  Flows' ends must be open ports. */
void load_run(struct load *l);

uint64_t load_tsc(void);
double load_tsc_hz(void); /* takes 50 ms */

#endif
