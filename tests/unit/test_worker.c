/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_worker.c: real worker threads over fake ports: who polls what, who
 * sleeps, who wakes, and what the control thread may rely on.
 *
 * Nothing here depends on how fast anything is: tests wait for what must
 * happen, at most for some seconds, and count what must not.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <x86intrin.h>

#include "tests/lib/suite.h"
#include "tests/lib/switch_talk.h"
#include "vswitch/worker.h"

#define QUEUES_MAX 16

static const char *const guests =
	FAKE_NETS(FAKE_NET("n", 10, ""))
	FAKE_PORTS(FAKE_GUEST("a", "'network':'n','mac':'" MAC_A "'") ","
		   FAKE_GUEST("b", "'network':'n','mac':'" MAC_B "'") ","
		   FAKE_GUEST("c", "'network':'n','mac':'" MAC_C "'") ","
		   FAKE_GUEST("slow", "'network':'n','mac':'" MAC_D "',"
				      "'rate_from_guest_bps':8000000"));

/* A switch with threads, and its receive queues. */
struct running {
	struct fake_switch *fs;
	struct workers ws;
	pthread_t thread[WORKERS_MAX];
	struct rxq *rxq[QUEUES_MAX];
	unsigned count;
};

static void *thread_body(void *arg)
{
	worker_run(arg);
	return NULL;
}

static void start(struct running *r, unsigned workers)
{
	static const unsigned cores[WORKERS_MAX];
	unsigned i;

	memset(r, 0, sizeof(*r));
	r->fs = fake_switch_new(guests);
	CU_ASSERT_EQUAL_FATAL(
		workers_init(&r->ws, &r->fs->br, workers, cores, FAKE_HZ), 0);
	for (i = 0; i < workers; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&r->thread[i], NULL,
						     thread_body,
						     r->ws.worker[i]),
				      0);
}

static struct rxq *queue(struct running *r, const char *port, unsigned worker)
{
	struct rxq *rq = calloc(1, sizeof(*rq));

	CU_ASSERT_FATAL(rq && r->count < QUEUES_MAX);
	rq->port = &fake_switch_port(r->fs, port)->port;
	rq->worker = worker;
	r->rxq[r->count++] = rq;
	return rq;
}

static void plan(struct running *r)
{
	CU_ASSERT_EQUAL(workers_set_queues(&r->ws, r->rxq, r->count), 0);
}

static bool no_violations(const struct running *r)
{
	unsigned i, n = 0;

	for (i = 0; i < r->fs->count; i++)
		n += r->fs->port[i]->violations;
	return !n;
}

static void stop(struct running *r)
{
	unsigned i;

	workers_stop(&r->ws);
	for (i = 0; i < r->ws.count; i++)
		pthread_join(r->thread[i], NULL);
	CU_ASSERT_TRUE(no_violations(r));
	CU_ASSERT_TRUE(fake_switch_balanced(r->fs));
	workers_fini(&r->ws);
	for (i = 0; i < r->count; i++)
		free(r->rxq[i]);
	fake_switch_free(r->fs);
}

static struct fake_port *port(const struct running *r, const char *name)
{
	return fake_switch_port(r->fs, name);
}

static void push(struct running *r, const char *from, const char *dst,
		 const char *src)
{
	fake_port_push(port(r, from), 0, frame(dst, src));
}

/* Wait, some seconds at most, until a worker is in epoll on purpose. */
static bool falls_asleep(const struct running *r, unsigned worker)
{
	time_t end = time(NULL) + 20;

	while (!atomic_load(&r->ws.worker[worker]->asleep)) {
		if (time(NULL) > end)
			return false;
		sched_yield();
	}
	return true;
}

/* ---- polling and sleeping ---- */

static void worker_forwards_what_its_queues_get(void)
{
	struct running r;

	start(&r, 1);
	queue(&r, "a", 0);
	queue(&r, "b", 0);
	plan(&r);
	push(&r, "a", MAC_B, MAC_A);
	push(&r, "b", MAC_A, MAC_B);
	CU_ASSERT_TRUE(fake_port_wait_sent(port(&r, "a"), 1));
	CU_ASSERT_TRUE(fake_port_wait_sent(port(&r, "b"), 1));
	stop(&r);
}

static void idle_worker_sleeps_and_a_frame_wakes_it(void)
{
	struct running r;
	unsigned i;

	start(&r, 1);
	queue(&r, "a", 0);
	queue(&r, "b", 0);
	plan(&r);
	for (i = 1; i <= 50; i++) {
		CU_ASSERT_TRUE_FATAL(fake_port_wait_armed(port(&r, "a"), 0));
		CU_ASSERT_TRUE_FATAL(falls_asleep(&r, 0));
		push(&r, "a", MAC_B, MAC_A);
		CU_ASSERT_TRUE_FATAL(fake_port_wait_sent(port(&r, "b"), i));
	}
	CU_ASSERT_TRUE(port(&r, "a")->queue[0].wakes >= 1);
	CU_ASSERT_TRUE(r.ws.worker[0]->stats.sleeps >= 50);
	stop(&r);
}

static void frame_that_comes_while_arming_is_not_lost(void)
{
	struct running r;
	unsigned i;

	start(&r, 1);
	queue(&r, "a", 0);
	plan(&r);
	for (i = 0; i < 10; i++) {
		fake_port_lock(port(&r, "a"));
		port(&r, "a")->late = *frame(MAC_B, MAC_A);
		fake_port_unlock(port(&r, "a"));
		/* it arms again, and so meets the late one */
		push(&r, "a", MAC_B, MAC_A);
		CU_ASSERT_TRUE_FATAL(
			fake_port_wait_sent(port(&r, "b"), 2 * i + 2));
	}
	stop(&r);
}

static void socket_wakes_its_worker_too(void)
{
	struct running r;
	unsigned i;

	start(&r, 1);
	fake_port_as_socket(port(&r, "a"));
	queue(&r, "a", 0);
	plan(&r);
	for (i = 1; i <= 50; i++) {
		CU_ASSERT_TRUE_FATAL(falls_asleep(&r, 0));
		push(&r, "a", MAC_B, MAC_A);
		CU_ASSERT_TRUE_FATAL(fake_port_wait_sent(port(&r, "b"), i));
	}
	stop(&r);
}

static void pass_ms(const struct running *r, unsigned ms)
{
	uint64_t begin = __rdtsc();

	while (__rdtsc() - begin < r->ws.hz / 1000 * ms)
		;
}

/*
 * From a push until the worker sleeps again is all the time that may count as
 * work, however long it slept before.
 */
static void sleep_is_no_work(void)
{
	uint64_t awake = 0, asleep = 0, from, to;
	const struct worker *w;
	struct running r;
	unsigned i;

	start(&r, 1);
	w = r.ws.worker[0];
	fake_port_as_socket(port(&r, "a"));
	queue(&r, "a", 0);
	plan(&r);
	CU_ASSERT_TRUE_FATAL(falls_asleep(&r, 0));
	to = __rdtsc();
	for (i = 1; i <= 20; i++) {
		pass_ms(&r, 5);
		from = __rdtsc();
		asleep += from - to;
		push(&r, "a", MAC_B, MAC_A);
		CU_ASSERT_TRUE_FATAL(fake_port_wait_sent(port(&r, "b"), i));
		CU_ASSERT_TRUE(w->bw.now >= from); /* rates go by it */
		CU_ASSERT_TRUE_FATAL(falls_asleep(&r, 0));
		to = __rdtsc();
		awake += to - from;
	}
	CU_ASSERT_TRUE(w->stats.busy_cycles > 0);
	CU_ASSERT_TRUE(w->stats.busy_cycles <= awake);
	CU_ASSERT_TRUE(r.rxq[0]->cycles <= awake); /* the balancer's */
	CU_ASSERT_TRUE(worker_idle_cycles(w, to) >= asleep);
	stop(&r);
}

static void sleeping_worker_does_not_poll(void)
{
	struct running r;
	uint64_t polls;

	start(&r, 2);
	queue(&r, "a", 0);
	queue(&r, "c", 1);
	port(&r, "c")->busy = *frame(MAC_D, MAC_C);
	plan(&r);
	CU_ASSERT_TRUE_FATAL(fake_port_wait_armed(port(&r, "a"), 0));
	CU_ASSERT_TRUE_FATAL(falls_asleep(&r, 0));
	polls = port(&r, "a")->queue[0].polls;
	CU_ASSERT_TRUE(fake_port_wait_polls(port(&r, "c"), 0, 1000));
	CU_ASSERT_EQUAL(port(&r, "a")->queue[0].polls, polls);
	stop(&r);
}

static void queue_without_an_event_is_always_polled(void)
{
	struct running r;
	uint64_t sleeps;

	start(&r, 1);
	queue(&r, "a", 0);
	port(&r, "a")->no_event = true;
	plan(&r);
	sleeps = r.ws.worker[0]->stats.sleeps;
	CU_ASSERT_TRUE(fake_port_wait_polls(port(&r, "a"), 0, 200));
	push(&r, "a", MAC_B, MAC_A);
	CU_ASSERT_TRUE(fake_port_wait_sent(port(&r, "b"), 1));
	CU_ASSERT_EQUAL(r.ws.worker[0]->stats.sleeps, sleeps);
	stop(&r);
}

/* Nothing comes for long: it is looked at once a millisecond, not 50 times. */
static void queue_without_an_event_is_polled_seldom_when_nothing_comes(void)
{
	struct running r;
	uint64_t from;

	start(&r, 1);
	queue(&r, "a", 0);
	queue(&r, "b", 0);
	port(&r, "a")->no_event = true;
	plan(&r);
	CU_ASSERT_TRUE(fake_port_wait_polls(port(&r, "a"), 0, 1000));
	from = __rdtsc();
	CU_ASSERT_TRUE(fake_port_wait_polls(port(&r, "a"), 0, 50));
	CU_ASSERT_TRUE(__rdtsc() - from > r.ws.hz / 1000 * 40);
	/* and what has an event, or comes all the same, is not forgotten */
	push(&r, "b", MAC_A, MAC_B);
	CU_ASSERT_TRUE(fake_port_wait_sent(port(&r, "a"), 1));
	push(&r, "a", MAC_B, MAC_A);
	CU_ASSERT_TRUE(fake_port_wait_sent(port(&r, "b"), 1));
	stop(&r);
}

static void sleeping_queue_is_picked_up_beside_a_busy_one(void)
{
	struct running r;
	unsigned i;

	start(&r, 1);
	queue(&r, "a", 0);
	queue(&r, "c", 0);
	port(&r, "c")->busy = *frame(MAC_D, MAC_C);
	plan(&r);
	for (i = 1; i <= 20; i++) {
		CU_ASSERT_TRUE_FATAL(fake_port_wait_armed(port(&r, "a"), 0));
		push(&r, "a", MAC_B, MAC_A);
		CU_ASSERT_TRUE_FATAL(fake_port_wait_sent(port(&r, "b"), i));
	}
	stop(&r);
}

/* ---- rates ---- */

/* 150,000 bytes at 8 Mbit/s: all but 64 KB and a frame wait for credit. */
static void push_too_much(struct running *r)
{
	unsigned i;

	for (i = 0; i < 150; i++)
		fake_port_push(port(r, "slow"), 0,
			       frame_of(MAC_B, MAC_D, 1000));
}

static void throttled_queue_is_slow_and_loses_nothing(void)
{
	struct running r;
	uint64_t begin;

	start(&r, 1);
	queue(&r, "slow", 0);
	rate_init_bits(&r.fs->state[3]->from_guest, 8000000, 0, FAKE_HZ,
		       __rdtsc());
	begin = __rdtsc();
	push_too_much(&r);
	plan(&r);
	CU_ASSERT_TRUE(fake_port_wait_sent(port(&r, "b"), 150));
	CU_ASSERT_TRUE(__rdtsc() - begin >
		       (uint64_t)(150000 - 65536 - 2000) * (FAKE_HZ / 1000000));
	stop(&r);
}

/* A socket is readable all the time: sleeping on it would be spinning. */
static void throttled_socket_does_not_spin_in_epoll(void)
{
	struct running r;

	start(&r, 1);
	fake_port_as_socket(port(&r, "slow"));
	queue(&r, "slow", 0);
	rate_init_bits(&r.fs->state[3]->from_guest, 8000000, 0, FAKE_HZ,
		       __rdtsc());
	push_too_much(&r);
	plan(&r);
	CU_ASSERT_TRUE(fake_port_wait_sent(port(&r, "b"), 150));
	CU_ASSERT_TRUE(r.ws.worker[0]->stats.sleeps < 100);
	stop(&r);
}

static void throttled_queue_does_not_hold_up_others(void)
{
	struct running r;

	start(&r, 1);
	queue(&r, "slow", 0);
	queue(&r, "a", 0);
	/* one frame, then nothing for a day */
	rate_init_bits(&r.fs->state[3]->from_guest, 1, 1, FAKE_HZ, __rdtsc());
	plan(&r);
	push(&r, "slow", MAC_C, MAC_D);
	push(&r, "slow", MAC_C, MAC_D);
	CU_ASSERT_TRUE(fake_port_wait_sent(port(&r, "c"), 1));
	push(&r, "a", MAC_B, MAC_A);
	CU_ASSERT_TRUE(fake_port_wait_sent(port(&r, "b"), 1));
	CU_ASSERT_EQUAL(port(&r, "c")->sent.count, 1);
	stop(&r);
}

/* ---- plans ---- */

static void moved_queue_is_never_polled_by_two(void)
{
	struct running r;
	unsigned i, pushed = 0;

	start(&r, 2);
	queue(&r, "a", 0);
	queue(&r, "b", 1);
	queue(&r, "c", 0);
	port(&r, "c")->busy = *frame(MAC_D, MAC_C);
	for (i = 0; i < 200; i++) {
		r.rxq[i % 3]->worker ^= 1;
		plan(&r);
		/* some moves meet a queue at work, some one that sleeps */
		if (i % 16 == 0)
			CU_ASSERT_TRUE_FATAL(
				fake_port_wait_armed(port(&r, "a"), 0));
		push(&r, "a", MAC_B, MAC_A);
		pushed++;
	}
	CU_ASSERT_TRUE(fake_port_wait_sent(port(&r, "b"), pushed));
	stop(&r);
}

static void queue_of_no_plan_is_left_alone(void)
{
	struct running r;
	struct rxq *a;
	uint64_t polls;

	start(&r, 2);
	a = queue(&r, "a", 0);
	queue(&r, "c", 0);
	port(&r, "c")->busy = *frame(MAC_D, MAC_C);
	plan(&r);
	CU_ASSERT_TRUE(fake_port_wait_armed(port(&r, "a"), 0));
	CU_ASSERT_EQUAL(workers_set_queues(&r.ws, &r.rxq[1], 1), 0);
	polls = port(&r, "a")->queue[0].polls;
	CU_ASSERT_FALSE(a->registered);
	push(&r, "a", MAC_B, MAC_A);
	CU_ASSERT_TRUE(fake_port_wait_polls(port(&r, "c"), 0, 500));
	CU_ASSERT_EQUAL(port(&r, "a")->queue[0].polls, polls);
	/* and comes back */
	plan(&r);
	CU_ASSERT_TRUE(fake_port_wait_sent(port(&r, "b"), 1));
	stop(&r);
}

static void sleeping_queue_that_goes_leaves_no_registration(void)
{
	struct running r;
	struct rxq *a;

	start(&r, 1);
	a = queue(&r, "a", 0);
	queue(&r, "c", 0);
	plan(&r);
	CU_ASSERT_TRUE_FATAL(fake_port_wait_armed(port(&r, "a"), 0));
	CU_ASSERT_EQUAL(workers_set_queues(&r.ws, &r.rxq[1], 1), 0);
	CU_ASSERT_FALSE(a->registered || a->armed);
	push(&r, "a", MAC_B, MAC_A); /* raises the event: nobody listens */
	push(&r, "c", MAC_B, MAC_C);
	CU_ASSERT_TRUE(fake_port_wait_sent(port(&r, "b"), 1));
	CU_ASSERT_TRUE(falls_asleep(&r, 0));
	CU_ASSERT_EQUAL(port(&r, "a")->queue[0].waiting.count, 1);
	stop(&r);
}

/* ---- what the control thread may rely on ---- */

#define ELSEWHERE                                                             \
	FAKE_NETS(FAKE_NET("n", 10, "") "," FAKE_NET("m", 10, ""))            \
	FAKE_PORTS(FAKE_GUEST("a", "'network':'n'") ","                       \
		   FAKE_GUEST("b", "'network':'m'") ","                       \
		   FAKE_GUEST("c", "'network':'n'") ","                       \
		   FAKE_GUEST("slow", "'network':'n'"))

static void publish(struct running *r, const char *text)
{
	struct bridge_view *old = fake_switch_swap(r->fs, text);

	workers_sync(&r->ws);
	switch_view_free(old);
}

static void after_a_sync_the_old_view_is_out_of_use(void)
{
	struct running r;
	unsigned i;

	start(&r, 2);
	queue(&r, "a", 0);
	queue(&r, "c", 1);
	port(&r, "a")->busy = *frame(MAC_B, MAC_A);
	port(&r, "c")->busy = *frame(MAC_B, MAC_C);
	plan(&r);
	for (i = 0; i < 20; i++) {
		CU_ASSERT_TRUE_FATAL(fake_port_wait_sent(port(&r, "b"), 100));
		publish(&r, ELSEWHERE);
		fake_port_clear(port(&r, "b"));
		CU_ASSERT_TRUE(fake_port_wait_polls(port(&r, "a"), 0, 50));
		CU_ASSERT_TRUE(fake_port_wait_polls(port(&r, "c"), 0, 50));
		CU_ASSERT_EQUAL(port(&r, "b")->sent.count, 0);
		publish(&r, guests);
	}
	stop(&r);
}

static void sync_wakes_sleeping_workers(void)
{
	struct running r;
	unsigned i;

	start(&r, 2);
	queue(&r, "a", 0);
	plan(&r);
	for (i = 0; i < 100; i++) {
		if (i % 10 == 0)
			CU_ASSERT_TRUE_FATAL(falls_asleep(&r, 0));
		workers_sync(&r.ws);
		CU_ASSERT_EQUAL(r.ws.worker[0]->synced, r.ws.sync);
		CU_ASSERT_EQUAL(r.ws.worker[1]->synced, r.ws.sync);
	}
	stop(&r);
}

/* As a vhost-user port does it: not ready, release, change, ready. */
static void after_a_release_the_event_may_be_replaced(void)
{
	struct running r;
	struct fake_port *a;
	struct rxq *rq;
	unsigned i;

	start(&r, 1);
	rq = queue(&r, "a", 0);
	a = port(&r, "a");
	plan(&r);
	for (i = 1; i <= 20; i++) {
		CU_ASSERT_TRUE_FATAL(fake_port_wait_armed(a, 0));
		if (i % 2)
			CU_ASSERT_TRUE_FATAL(falls_asleep(&r, 0));
		fake_port_lock(a);
		a->no_event = true;
		fake_port_unlock(a);
		workers_release(&r.ws, &rq, 1);
		CU_ASSERT_FALSE(rq->registered);
		fake_port_renew_event(a, 0);
		fake_port_lock(a);
		a->no_event = false;
		fake_port_unlock(a);
		CU_ASSERT_TRUE_FATAL(fake_port_wait_armed(a, 0));
		push(&r, "a", MAC_B, MAC_A);
		CU_ASSERT_TRUE_FATAL(fake_port_wait_sent(port(&r, "b"), i));
	}
	stop(&r);
}

static void hung_worker_is_found_and_sleeping_ones_are_not(void)
{
	struct running r;
	unsigned i;

	start(&r, 2);
	queue(&r, "a", 0);
	queue(&r, "b", 1);
	plan(&r);
	CU_ASSERT_TRUE_FATAL(falls_asleep(&r, 0));
	CU_ASSERT_TRUE_FATAL(falls_asleep(&r, 1));
	for (i = 0; i < 10; i++)
		CU_ASSERT_PTR_NULL(workers_check(&r.ws, 1));
	pthread_mutex_lock(&port(&r, "b")->gate);
	push(&r, "b", MAC_A, MAC_B);
	while (atomic_load(&r.ws.worker[1]->asleep))
		sched_yield();
	for (i = 0; i < 3 || r.ws.worker[1]->still < 3; i++)
		workers_check(&r.ws, 3);
	CU_ASSERT_PTR_EQUAL(workers_check(&r.ws, 3), r.ws.worker[1]);
	CU_ASSERT_EQUAL(r.ws.worker[1]->serving, port(&r, "b")->port.id);
	pthread_mutex_unlock(&port(&r, "b")->gate);
	CU_ASSERT_TRUE(fake_port_wait_sent(port(&r, "a"), 1));
	CU_ASSERT_TRUE(falls_asleep(&r, 1));
	CU_ASSERT_PTR_NULL(workers_check(&r.ws, 1));
	stop(&r);
}

static struct running *stuck_in;
static unsigned stuck_calls;

/* The one that hangs is named; then it is let go. */
static void let_go(const struct worker *w, unsigned ms)
{
	struct fake_port *b = port(stuck_in, "b");

	if (w->index != 1)
		return; /* only slow */
	CU_ASSERT_EQUAL(ms, 100);
	CU_ASSERT_EQUAL(w->serving, b->port.id);
	if (!stuck_calls++)
		pthread_mutex_unlock(&b->gate);
}

/* Worker 1 hangs in b's rx(). */
static void hang(struct running *r)
{
	stuck_in = r;
	stuck_calls = 0;
	queue(r, "a", 0);
	queue(r, "b", 1);
	plan(r);
	CU_ASSERT_TRUE_FATAL(falls_asleep(r, 1));
	pthread_mutex_lock(&port(r, "b")->gate);
	push(r, "b", MAC_A, MAC_B);
	while (atomic_load(&r->ws.worker[1]->asleep))
		sched_yield();
	r->ws.stuck = let_go;
	r->ws.patience_ms = 100;
}

static void sync_reports_a_worker_that_hangs(void)
{
	struct running r;

	start(&r, 2);
	hang(&r);
	workers_sync(&r.ws);
	CU_ASSERT_TRUE(stuck_calls >= 1);
	CU_ASSERT_EQUAL(r.ws.worker[1]->synced, r.ws.sync);
	CU_ASSERT_TRUE(fake_port_wait_sent(port(&r, "a"), 1));
	stop(&r);
}

static void stop_reports_a_worker_that_hangs(void)
{
	struct running r;

	start(&r, 2);
	hang(&r);
	stop(&r);
	CU_ASSERT_TRUE(stuck_calls >= 1);
}

static void stop_ends_sleeping_and_busy_workers(void)
{
	struct running r;

	start(&r, 3);
	queue(&r, "a", 0);
	queue(&r, "b", 1);
	port(&r, "b")->busy = *frame(MAC_A, MAC_B);
	plan(&r);
	CU_ASSERT_TRUE(falls_asleep(&r, 2));
	stop(&r);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(worker_forwards_what_its_queues_get),
		SUITE_TEST(idle_worker_sleeps_and_a_frame_wakes_it),
		SUITE_TEST(frame_that_comes_while_arming_is_not_lost),
		SUITE_TEST(socket_wakes_its_worker_too),
		SUITE_TEST(sleep_is_no_work),
		SUITE_TEST(sleeping_worker_does_not_poll),
		SUITE_TEST(queue_without_an_event_is_always_polled),
		SUITE_TEST(
			queue_without_an_event_is_polled_seldom_when_nothing_comes),
		SUITE_TEST(sleeping_queue_is_picked_up_beside_a_busy_one),
		SUITE_TEST(throttled_queue_is_slow_and_loses_nothing),
		SUITE_TEST(throttled_socket_does_not_spin_in_epoll),
		SUITE_TEST(throttled_queue_does_not_hold_up_others),
		SUITE_TEST(moved_queue_is_never_polled_by_two),
		SUITE_TEST(queue_of_no_plan_is_left_alone),
		SUITE_TEST(sleeping_queue_that_goes_leaves_no_registration),
		SUITE_TEST(after_a_sync_the_old_view_is_out_of_use),
		SUITE_TEST(sync_wakes_sleeping_workers),
		SUITE_TEST(after_a_release_the_event_may_be_replaced),
		SUITE_TEST(hung_worker_is_found_and_sleeping_ones_are_not),
		SUITE_TEST(sync_reports_a_worker_that_hangs),
		SUITE_TEST(stop_reports_a_worker_that_hangs),
		SUITE_TEST(stop_ends_sleeping_and_busy_workers),
	};

	return suite_run("worker", tests, sizeof(tests) / sizeof(tests[0]));
}
