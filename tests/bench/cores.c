/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cores.c: two small probes.  A counter that two cores increment in turn, and
 * a walk through a ring of pointers in random order: larger than the L2
 * caches here, smaller than a third level that one has to oneself.
 */
#include "tests/bench/cores.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <x86intrin.h>

#define TURNS 60000u
#define TURNS_TIMED 2000u
#define WALK_BYTES (12u << 20)
#define WALK_LINES (WALK_BYTES / 64)
#define WALKS 20
#define WALK_LOADS 5000u

static _Alignas(128) atomic_uint turn;

static void take_turns(unsigned first, unsigned end)
{
	unsigned i;

	for (i = first; i < end; i += 2) {
		while (atomic_load_explicit(&turn, memory_order_acquire) != i)
			;
		atomic_store_explicit(&turn, i + 1, memory_order_release);
	}
}

static void *partner(void *arg)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(*(int *)arg, &one);
	pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
	take_turns(1, TURNS);
	return NULL;
}

/* The best of many short spells: the others met somebody else's work. */
double cores_round_trip(int other_core)
{
	uint64_t best = UINT64_MAX, spent;
	pthread_t thread;
	unsigned at;

	turn = 0;
	if (pthread_create(&thread, NULL, partner, &other_core))
		return 0;
	for (at = 0; at < TURNS; at += TURNS_TIMED) {
		spent = __rdtsc();
		take_turns(at, at + TURNS_TIMED);
		spent = __rdtsc() - spent;
		best = spent < best ? spent : best;
	}
	pthread_join(thread, NULL);
	return (double)best / (TURNS_TIMED / 2.0);
}

/* One cycle through all lines: Sattolo's shuffle. */
static void walk_shuffle(uint32_t *line)
{
	uint32_t x = 88172645, i;

	for (i = 0; i < WALK_LINES; i++)
		line[16 * i] = i;
	for (i = WALK_LINES - 1; i > 0; i--) {
		uint32_t j, keep = line[16 * i];

		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		j = (uint32_t)((uint64_t)x * i >> 32);
		line[16 * i] = line[16 * j];
		line[16 * j] = keep;
	}
}

double cores_far_load(void)
{
	uint32_t *line = mmap(NULL, WALK_BYTES, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
			      MAP_POPULATE, -1, 0);
	uint64_t best = UINT64_MAX, spent;
	uint32_t at = 0, i, k;

	if (line == MAP_FAILED)
		return 0;
	walk_shuffle(line);
	for (k = 0; k < WALKS; k++) {
		spent = __rdtsc();
		for (i = 0; i < WALK_LOADS; i++)
			at = *(volatile uint32_t *)&line[16 * at];
		spent = __rdtsc() - spent;
		best = spent < best ? spent : best;
	}
	munmap(line, WALK_BYTES);
	return (double)best / WALK_LOADS;
}
