/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_worker_protocol.c: no wake-up is lost, in any interleaving.
 *
 * Two models, each explored state by state.  The first is the ring's: a driver
 * that publishes buffers and kicks, and a worker that polls, arms and sleeps
 * (vring_arm(), vring_disarm(), park()).  Stores go through a store buffer, as
 * on x86, and leave it at any time; only a barrier waits for them.  The second
 * is the control thread's: workers_sync() against sleep_until_event().
 *
 * Each step is one access to shared memory.  A state is bad if the worker
 * sleeps, something waits for it, and nobody is going to wake it.  That the
 * models would notice is shown by mutants: the same without a barrier, without
 * the second look, with the kick taken too late.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/suite.h"

/* ---- exploring ---- */

#define STATES_MAX (1u << 20)
#define STATE_BYTES 24

struct explorer {
	unsigned count;
	uint8_t (*seen)[STATE_BYTES]; /* open addressing; byte 0: used */
	uint8_t (*todo)[STATE_BYTES];
	unsigned todo_count;
	unsigned bad;
};

static void explorer_init(struct explorer *x)
{
	memset(x, 0, sizeof(*x));
	x->seen = calloc(STATES_MAX, STATE_BYTES);
	x->todo = calloc(STATES_MAX, STATE_BYTES);
}

static void explorer_fini(struct explorer *x)
{
	free(x->seen);
	free(x->todo);
}

static uint32_t hash(const uint8_t *state)
{
	uint32_t h = 2166136261u;
	unsigned i;

	for (i = 0; i < STATE_BYTES; i++)
		h = (h ^ state[i]) * 16777619u;
	return h ^ h >> 15;
}

/* A state that can be reached; byte 0 is not 0. */
static void reach(struct explorer *x, const void *state)
{
	const uint8_t *bytes = state;
	uint32_t at = hash(bytes) % STATES_MAX;

	while (x->seen[at][0]) {
		if (!memcmp(x->seen[at], bytes, STATE_BYTES))
			return;
		at = (at + 1) % STATES_MAX;
	}
	CU_ASSERT_FATAL(x->count < STATES_MAX / 2);
	memcpy(x->seen[at], bytes, STATE_BYTES);
	memcpy(x->todo[x->todo_count++], bytes, STATE_BYTES);
	x->count++;
}

/* ---- ring: the driver's and the worker's memory ---- */

enum { CELL_AVAIL, CELL_FLAGS, CELL_EVENT }; /* avail->idx, used->flags, .. */

#define WISHES_KICK 0 /* used->flags */
#define NO_NOTIFY   1

#define BUFFERS 3 /* published in all */
#define BATCH	2 /* between two looks at the wish, at most */
#define FIRST	254 /* indexes are 8 bits here: they wrap on the way */

/* What one side has stored and the other cannot see yet, oldest first. */
struct store_buffer {
	uint8_t n, cell[3], value[3];
};

enum driver_at { D_IDLE, D_BARRIER, D_READ, D_KICK };
enum worker_at {
	W_POLL,
	W_ARM,
	W_BARRIER,
	W_LOOK,
	W_LATE, /* a mutant's */
	W_TAKE,
	W_DISARM,
	W_SLEEP
};

struct ring_state {
	uint8_t used; /* 1: see reach() */
	uint8_t driver, worker;
	uint8_t cell[3];
	uint8_t published; /* by the driver; in cell[CELL_AVAIL] when visible */
	uint8_t checked;   /* index at the last look at the wish */
	uint8_t last;	   /* consumed by the worker */
	uint8_t kick;	   /* the eventfd is readable */
	struct store_buffer from_driver, from_worker;
};

_Static_assert(sizeof(struct ring_state) == STATE_BYTES, "as explored");

struct ring_rules {
	bool event_idx;
	/* mutants */
	bool worker_skips_barrier, worker_skips_look, worker_takes_kick_late;
	bool driver_skips_barrier;
};

/* Each of these is one way to go on from `s`. */
struct ring_run {
	struct explorer x;
	struct ring_rules rules;
};

static void put(struct store_buffer *b, uint8_t cell, uint8_t value)
{
	CU_ASSERT_FATAL(b->n < 3);
	b->cell[b->n] = cell;
	b->value[b->n++] = value;
}

/* A side sees its own stores at once. */
static uint8_t load(const struct ring_state *s, const struct store_buffer *own,
		    uint8_t cell)
{
	unsigned i;

	for (i = own->n; i; i--)
		if (own->cell[i - 1] == cell)
			return own->value[i - 1];
	return s->cell[cell];
}

static void drain_one(struct ring_run *r, struct ring_state s, bool driver)
{
	struct store_buffer *b = driver ? &s.from_driver : &s.from_worker;
	unsigned i;

	if (!b->n)
		return;
	s.cell[b->cell[0]] = b->value[0];
	for (i = 1; i < b->n; i++) {
		b->cell[i - 1] = b->cell[i];
		b->value[i - 1] = b->value[i];
	}
	b->n--;
	b->cell[b->n] = b->value[b->n] = 0;
	reach(&r->x, &s);
}

static bool kick_is_due(const struct ring_rules *rules,
			const struct ring_state *s)
{
	uint8_t event;

	if (!rules->event_idx)
		return load(s, &s->from_driver, CELL_FLAGS) == WISHES_KICK;
	/* virtio 1.2 2.7.10: vring_need_event() */
	event = load(s, &s->from_driver, CELL_EVENT);
	return (uint8_t)(s->published - event - 1) <
	       (uint8_t)(s->published - s->checked);
}

static void driver_steps(struct ring_run *r, struct ring_state s)
{
	const struct ring_rules *rules = &r->rules;
	uint8_t batch = s.published - s.checked;

	switch (s.driver) {
	case D_IDLE:
		if ((uint8_t)(s.published - FIRST) < BUFFERS &&
		    batch < BATCH && s.from_driver.n < 3) {
			struct ring_state next = s;

			put(&next.from_driver, CELL_AVAIL, ++next.published);
			reach(&r->x, &next);
		}
		if (!batch)
			return;
		s.driver = rules->driver_skips_barrier ? D_READ : D_BARRIER;
		break;
	case D_BARRIER:
		if (s.from_driver.n)
			return; /* until they are out */
		s.driver = D_READ;
		break;
	case D_READ:
		s.driver = kick_is_due(rules, &s) ? D_KICK : D_IDLE;
		s.checked = s.published;
		break;
	case D_KICK:
		s.kick = 1;
		s.driver = D_IDLE;
	}
	reach(&r->x, &s);
}

static void worker_steps(struct ring_run *r, struct ring_state s)
{
	const struct ring_rules *rules = &r->rules;
	struct store_buffer *own = &s.from_worker;

	switch (s.worker) {
	case W_POLL:
		if (load(&s, own, CELL_AVAIL) != s.last)
			s.last = load(&s, own, CELL_AVAIL);
		else
			s.worker = W_ARM; /* quiet for long: may as well be */
		break;
	case W_ARM:
		if (own->n == 3)
			return;
		if (rules->event_idx)
			put(own, CELL_EVENT, s.last);
		else
			put(own, CELL_FLAGS, WISHES_KICK);
		s.worker = W_BARRIER;
		if (rules->worker_skips_barrier)
			s.worker = W_LOOK;
		if (rules->worker_skips_look)
			s.worker = W_SLEEP;
		break;
	case W_BARRIER:
		if (own->n)
			return;
		s.worker = W_LOOK;
		break;
	case W_LOOK:
		if (load(&s, own, CELL_AVAIL) != s.last)
			s.worker = W_TAKE;
		else
			s.worker = rules->worker_takes_kick_late ? W_LATE
								 : W_SLEEP;
		break;
	case W_LATE:
		s.kick = 0;
		s.worker = W_SLEEP;
		break;
	case W_SLEEP:
		if (!s.kick)
			return;
		s.worker = W_TAKE;
		break;
	case W_TAKE:
		s.kick = 0;
		s.worker = W_DISARM;
		break;
	case W_DISARM:
		if (own->n == 3)
			return;
		if (!rules->event_idx)
			put(own, CELL_FLAGS, NO_NOTIFY);
		s.worker = W_POLL;
	}
	reach(&r->x, &s);
}

/* Nothing is under way any more, a buffer waits, and the worker sleeps. */
static bool ring_is_lost(const struct ring_state *s)
{
	return s->worker == W_SLEEP && !s->kick && s->driver == D_IDLE &&
	       s->checked == s->published && !s->from_driver.n &&
	       s->cell[CELL_AVAIL] != s->last;
}

static unsigned explore_ring(struct ring_rules rules)
{
	struct ring_run r = { .rules = rules };
	struct ring_state s = { .used = 1,
				.cell = { FIRST, NO_NOTIFY, FIRST - 1 },
				.published = FIRST,
				.checked = FIRST,
				.last = FIRST };

	explorer_init(&r.x);
	reach(&r.x, &s);
	while (r.x.todo_count) {
		memcpy(&s, r.x.todo[--r.x.todo_count], sizeof(s));
		r.x.bad += ring_is_lost(&s);
		driver_steps(&r, s);
		worker_steps(&r, s);
		drain_one(&r, s, true);
		drain_one(&r, s, false);
	}
	printf("\n    %s: %u states, %u lost ",
	       rules.event_idx ? "event_idx" : "flags", r.x.count, r.x.bad);
	CU_ASSERT_TRUE(r.x.count > 300);
	explorer_fini(&r.x);
	return r.x.bad;
}

static void no_kick_is_lost_with_flags(void)
{
	CU_ASSERT_EQUAL(explore_ring((struct ring_rules){ 0 }), 0);
}

static void no_kick_is_lost_with_event_idx(void)
{
	CU_ASSERT_EQUAL(explore_ring((struct ring_rules){ .event_idx = true }),
			0);
}

static void without_the_workers_barrier_kicks_are_lost(void)
{
	struct ring_rules rules = { .worker_skips_barrier = true };

	CU_ASSERT_TRUE(explore_ring(rules) > 0);
	rules.event_idx = true;
	CU_ASSERT_TRUE(explore_ring(rules) > 0);
}

static void without_the_second_look_kicks_are_lost(void)
{
	struct ring_rules rules = { .worker_skips_look = true };

	CU_ASSERT_TRUE(explore_ring(rules) > 0);
	rules.event_idx = true;
	CU_ASSERT_TRUE(explore_ring(rules) > 0);
}

static void kick_taken_after_the_second_look_is_lost(void)
{
	struct ring_rules rules = { .worker_takes_kick_late = true };

	CU_ASSERT_TRUE(explore_ring(rules) > 0);
	rules.event_idx = true;
	CU_ASSERT_TRUE(explore_ring(rules) > 0);
}

/* The guest's half of the bargain; if it does not keep it, it waits. */
static void without_the_drivers_barrier_kicks_are_lost(void)
{
	struct ring_rules rules = { .driver_skips_barrier = true };

	CU_ASSERT_TRUE(explore_ring(rules) > 0);
	rules.event_idx = true;
	CU_ASSERT_TRUE(explore_ring(rules) > 0);
}

/* ---- the control thread's wishes ---- */

#define WISHES 3

enum control_at { C_IDLE, C_WAKE, C_WAIT };
enum loop_at { L_CHECK, L_LOOK, L_WANTED, L_SLEEP, L_WOKEN };

struct wish_state {
	uint8_t used, control, loop;
	uint8_t sync, synced; /* workers.sync, worker.synced */
	uint8_t wake;	      /* wake_fd is readable */
	uint8_t unused[STATE_BYTES - 6];
};

static void control_steps(struct explorer *x, struct wish_state s)
{
	switch (s.control) {
	case C_IDLE:
		if (s.sync == WISHES)
			return;
		s.sync++;
		s.control = C_WAKE;
		break;
	case C_WAKE:
		s.wake = 1;
		s.control = C_WAIT;
		break;
	case C_WAIT:
		if (s.synced != s.sync)
			return;
		s.control = C_IDLE;
	}
	reach(x, &s);
}

static void loop_steps(struct explorer *x, struct wish_state s, bool asks_again)
{
	switch (s.loop) {
	case L_CHECK:
		s.synced = s.sync;
		s.loop = L_LOOK;
		break;
	case L_LOOK: /* look(w, 0) */
		s.wake = 0;
		s.loop = asks_again ? L_WANTED : L_SLEEP;
		break;
	case L_WANTED:
		s.loop = s.synced == s.sync ? L_SLEEP : L_CHECK;
		break;
	case L_SLEEP: /* look(w, -1) */
		if (!s.wake)
			return;
		s.loop = L_WOKEN;
		break;
	case L_WOKEN:
		s.wake = 0;
		s.loop = L_CHECK;
	}
	reach(x, &s);
}

static unsigned explore_wishes(bool asks_again)
{
	struct wish_state s = { .used = 1 };
	struct explorer x;

	explorer_init(&x);
	reach(&x, &s);
	while (x.todo_count) {
		memcpy(&s, x.todo[--x.todo_count], sizeof(s));
		x.bad += s.loop == L_SLEEP && !s.wake && s.control == C_WAIT &&
			 s.synced != s.sync;
		control_steps(&x, s);
		loop_steps(&x, s, asks_again);
	}
	explorer_fini(&x);
	return x.bad;
}

static void no_wish_of_the_control_thread_is_lost(void)
{
	CU_ASSERT_EQUAL(explore_wishes(true), 0);
}

static void without_asking_again_wishes_are_lost(void)
{
	CU_ASSERT_TRUE(explore_wishes(false) > 0);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(no_kick_is_lost_with_flags),
		SUITE_TEST(no_kick_is_lost_with_event_idx),
		SUITE_TEST(without_the_workers_barrier_kicks_are_lost),
		SUITE_TEST(without_the_second_look_kicks_are_lost),
		SUITE_TEST(kick_taken_after_the_second_look_is_lost),
		SUITE_TEST(without_the_drivers_barrier_kicks_are_lost),
		SUITE_TEST(no_wish_of_the_control_thread_is_lost),
		SUITE_TEST(without_asking_again_wishes_are_lost),
	};

	return suite_run("worker protocol", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
