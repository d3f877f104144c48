/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * worker.c: poll, nap, sleep.
 *
 * The lost-wakeup problem: a driver adds a buffer, looks whether we want a
 * kick, sees that we are polling, and does not kick; meanwhile we decide that
 * the ring is empty and sleep.  The cure is the usual one, on both sides:
 *
 *	driver: publish buffer; full barrier; read our wish; kick if wished
 *	worker: publish wish;	full barrier; read the ring; stay if not empty
 *
 * At least one of them sees the other.  rx_arm() does the worker's line; a
 * queue leaves the polled set only when it returns true.  A worker sleeps only
 * when its polled set is empty, so nothing else needs checking: changes of
 * plan and workers_sync() write to wake_fd, which stays readable until read.
 *
 * A queue stays registered in the epoll set once it was armed, but reports
 * only once an arming (EPOLLONESHOT): waking and parking cost one epoll_ctl().
 * The fd behind it belongs to the port and may be closed after the next
 * workers_release(), or after workers_set_queues() has taken it away: a worker
 * drops such registrations before it says that it has synced.
 */
#include "vswitch/worker.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <x86intrin.h>

#define EVENTS_MAX 64
#define WORKER_SIGNAL SIGURG /* ignored by default: harmless if early */

/* ---- event mode ------------------------------------------------------------ */

/* Poll it again.  Its registration stays, and reports nothing (ONESHOT). */
static void activate(struct worker *w, struct rxq *rq, uint64_t now)
{
	rq->armed = false;
	rq->port->ops->rx_disarm(rq->port, rq->q);
	rq->quiet_since = now;
	w->current->active[w->current->active_count++] = rq;
}

static void unregister(struct worker *w, struct rxq *rq)
{
	if (rq->registered)
		epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, rq->fd, NULL);
	rq->registered = false;
	rq->armed = false;
}

/* Have epoll report the queue's fd, once. */
static bool listen_to(struct worker *w, struct rxq *rq)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT,
				  .data.ptr = rq };
	int fd = rq->port->ops->rx_fd(rq->port, rq->q);

	if (fd < 0)
		return false;
	if (rq->registered && rq->fd != fd)
		unregister(w, rq);
	if (epoll_ctl(w->epoll_fd,
		      rq->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd,
		      &ev) < 0)
		return false;
	rq->registered = true;
	rq->fd = fd;
	return true;
}

/* Move active[i] to event mode; false: it has work, or has no event. */
static bool park(struct worker *w, unsigned i, uint64_t now)
{
	struct worker_plan *plan = w->current;
	struct rxq *rq = plan->active[i];
	const struct port_ops *ops = rq->port->ops;

	if (!listen_to(w, rq))
		return false;
	if (!ops->readable_is_work && !ops->rx_arm(rq->port, rq->q)) {
		unregister(w, rq);
		ops->rx_disarm(rq->port, rq->q);
		rq->quiet_since = now;
		return false;
	}
	rq->armed = true;
	plan->active[i] = plan->active[--plan->active_count];
	return true;
}

/* An eventfd kick stays readable until somebody reads it. */
static void drain(int fd)
{
	uint64_t ignored;

	while (read(fd, &ignored, sizeof(ignored)) < 0 && errno == EINTR)
		;
}

/* Take what epoll has for us, waiting at most timeout_ms (-1: for ever). */
static void look(struct worker *w, int timeout_ms)
{
	struct epoll_event ev[EVENTS_MAX];
	uint64_t now;
	int i, n;

	n = epoll_wait(w->epoll_fd, ev, EVENTS_MAX, timeout_ms);
	now = __rdtsc();
	w->last_look = now;
	for (i = 0; i < n; i++) {
		if (!ev[i].data.ptr)
			drain(w->wake_fd);
		else
			activate(w, ev[i].data.ptr, now);
	}
}

/* ---- changes from the control thread ---------------------------------------- */

/*
 * Runs at the top of a round, when the worker holds nothing: forget the
 * registrations of queues that go or whose fd will be closed, take the current
 * plan, then say so.  Queues that stay in event mode stay there.
 */
static void resync(struct worker *w, uint64_t want)
{
	struct worker_plan *plan = atomic_load_explicit(&w->plan,
							memory_order_acquire);
	uint64_t now = __rdtsc();
	unsigned i;

	for (i = 0; i < w->current->count; i++) {
		struct rxq *rq = w->current->rxq[i];

		if (rq->drop || rq->plan != plan)
			unregister(w, rq);
	}
	w->current = plan;
	plan->active_count = 0;
	for (i = 0; i < plan->count; i++)
		if (!plan->rxq[i]->armed)
			activate(w, plan->rxq[i], now);
	atomic_store_explicit(&w->synced, want, memory_order_release);
}

static inline void check_sync(struct worker *w)
{
	uint64_t want = atomic_load_explicit(&w->all->sync,
					     memory_order_acquire);

	if (want != atomic_load_explicit(&w->synced, memory_order_relaxed))
		resync(w, want);
}

/* ---- the loop ------------------------------------------------------------------ */

/* What the port may send now, in bytes, paid for; 0: it waits for credit. */
static inline uint32_t rx_budget(const struct bport *in, uint64_t now)
{
	if (!(in->flags & BPORT_RATE_FROM))
		return BURST_BYTES_MAX;
	rate_refill(&in->state->from_guest, now);
	return rate_reserve(&in->state->from_guest, BURST_BYTES_MAX);
}

/*
 * Receive a burst within the port's rate; returns its frames.  A queue that
 * waits for credit is not quiet: it would be woken as soon as it slept.
 */
static inline unsigned receive(const struct bport *in, struct rxq *rq,
			       struct burst *b, uint64_t now)
{
	uint32_t budget = rx_budget(in, now);
	unsigned n;

	if (!budget) {
		rq->quiet_since = __rdtsc();
		return 0;
	}
	burst_reset(b, budget);
	n = rq->port->ops->rx(rq->port, rq->q, b);
	if (in->flags & BPORT_RATE_FROM)
		rate_settle(&in->state->from_guest, budget, b->bytes);
	return n;
}

static inline unsigned serve(struct worker *w, const struct bridge_view *v,
			     struct rxq *rq, uint64_t now)
{
	const struct bport *in = v->ports[rq->port->id];
	struct port *p = rq->port;
	struct burst *b = &w->burst;

	if (!in)
		return 0;
	atomic_store_explicit(&w->serving, in->id, memory_order_relaxed);
	if (!receive(in, rq, b, now))
		return 0;
	w->bw.now = now;
	bridge_classify(&w->bw, v, in, b);
	bridge_deliver(&w->bw, v, in, b);
	p->ops->rx_done(p, rq->q, b);
	w->stats.bursts++;
	w->stats.burst_size[b->count]++;
	return b->count;
}

/* Poll every active queue once.  Returns the frames moved. */
static unsigned round_once(struct worker *w, uint64_t *clock)
{
	const struct bridge_view *v = atomic_load_explicit(
		&w->all->br->view, memory_order_acquire);
	struct worker_plan *plan = w->current;
	unsigned i, frames = 0;
	uint64_t now = *clock;

	for (i = 0; i < plan->active_count; i++) {
		struct rxq *rq = plan->active[i];
		unsigned n = serve(w, v, rq, now);
		uint64_t after = __rdtsc();

		if (n) {
			frames += n;
			rq->quiet_since = after;
			rq->cycles += after - now;
			w->stats.busy_cycles += after - now;
		}
		now = after;
	}
	w->stats.frames += frames;
	*clock = now;
	return frames;
}

static void park_quiet(struct worker *w, uint64_t now, bool rings_too)
{
	uint64_t us = w->all->hz / 1000000;
	unsigned i = 0;

	while (i < w->current->active_count) {
		const struct rxq *rq = w->current->active[i];
		bool ring = !rq->port->ops->readable_is_work;
		int64_t quiet = us * (ring ? WORKER_QUIET_US
					   : WORKER_QUIET_FD_US);
		int64_t since = now - rq->quiet_since;

		/* below 0: woken since the round began */
		if ((ring && !rings_too) || since < quiet || !park(w, i, now))
			i++;
	}
}

static void sleep_us(unsigned us)
{
	const struct timespec ts = { .tv_nsec = us * 1000l };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

static void nap(struct worker *w)
{
	w->stats.naps++;
	sleep_us(WORKER_NAP_US);
}

/*
 * Nothing for long, and still something to poll: a NIC without receive
 * interrupts (rings and sockets have been parked by now).  Look at it each
 * millisecond; whatever has an event wakes us at once.
 */
static void doze(struct worker *w)
{
	w->stats.naps++;
	look(w, WORKER_DOZE_MS);
}

/*
 * Has the control thread a wish?  look() may have emptied wake_fd since
 * check_sync(), so this is asked once more before sleeping; a wish made after
 * that leaves wake_fd readable.
 */
static inline bool is_wanted(const struct worker *w)
{
	return atomic_load(&w->all->stop) ||
	       atomic_load(&w->all->sync) != atomic_load(&w->synced);
}

static void sleep_until_event(struct worker *w)
{
	if (is_wanted(w))
		return;
	w->stats.sleeps++;
	atomic_store_explicit(&w->asleep, true, memory_order_release);
	look(w, -1);
	atomic_store_explicit(&w->asleep, false, memory_order_release);
}

static void ignore_signal(int sig)
{
}

/* The one signal a worker takes: it ends a system call, and nothing else. */
static void take_interrupts(void)
{
	struct sigaction sa = { .sa_handler = ignore_signal };
	sigset_t set;

	sigaction(WORKER_SIGNAL, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, WORKER_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/*
 * Nothing came for so many cycles: nap, doze, or sleep.  False: poll on.  After
 * a rest the clock has to be read, or it would count as work of the next burst.
 */
static inline bool rest(struct worker *w, uint64_t quiet)
{
	uint64_t poll = atomic_load_explicit(&w->all->poll_cycles,
					     memory_order_relaxed);

	if (!w->current->active_count)
		sleep_until_event(w);
	else if (quiet <= poll)
		return false;
	else if (quiet > poll + w->all->hz / 1000000 * WORKER_DOZE_AFTER_US)
		doze(w);
	else
		nap(w);
	return true;
}

void worker_run(struct worker *w)
{
	uint64_t look_cycles = w->all->hz / 1000000 * WORKER_LOOK_US;
	uint64_t now = __rdtsc(), last_work = now;

	w->begun = now;
	w->tid = syscall(SYS_gettid);
	take_interrupts();
	prctl(PR_SET_TIMERSLACK, 1000); /* naps as short as asked for */
	while (!atomic_load_explicit(&w->all->stop, memory_order_relaxed)) {
		check_sync(w);
		if (round_once(w, &now))
			last_work = now;
		atomic_store_explicit(
			&w->rounds,
			atomic_load_explicit(&w->rounds,
					     memory_order_relaxed) + 1,
			memory_order_relaxed);
		if (now - w->last_look > look_cycles) {
			look(w, 0);
			park_quiet(w, now, true);
		} else if (now != last_work) {
			park_quiet(w, now, false);
		}
		if (rest(w, now - last_work))
			now = __rdtsc();
	}
	atomic_store(&w->ended, true);
}

/* ---- control side ------------------------------------------------------------------ */

uint64_t worker_idle_cycles(const struct worker *w, uint64_t now)
{
	uint64_t since = w->begun ? now - w->begun : 0;
	uint64_t busy = w->stats.busy_cycles;

	return since > busy ? since - busy : 0;
}

static void wake(struct worker *w)
{
	const uint64_t one = 1;

	if (write(w->wake_fd, &one, sizeof(one)) < 0)
		return; /* full counter: it is awake enough */
}

static void interrupt(const struct worker *w)
{
	syscall(SYS_tgkill, getpid(), w->tid, WORKER_SIGNAL);
}

static bool has_synced(const struct worker *w, uint64_t want)
{
	return atomic_load_explicit(&w->synced, memory_order_acquire) ==
		       want ||
	       atomic_load(&w->all->stop);
}

static bool has_ended(const struct worker *w, uint64_t unused)
{
	return atomic_load(&w->ended);
}

/*
 * Wait until a worker has done what it was asked for.  One that hangs in a
 * system call would hang us too, and with us the watchdog: interrupt it now
 * and then.  One that hangs for good is reported.  Time is counted by our own
 * naps, so a process that was stopped does not blame its workers.
 */
static void wait_for(const struct worker *w,
		     bool (*done)(const struct worker *, uint64_t),
		     uint64_t want)
{
	const unsigned naps_per_ms = 1000 / WORKER_WAIT_US;
	const struct workers *ws = w->all;
	uint64_t naps = 0, spins = 0;

	while (!done(w, want)) {
		if (spins++ < WORKER_WAIT_SPINS) {
			sched_yield();
			continue;
		}
		sleep_us(WORKER_WAIT_US);
		if (++naps % (WORKER_CHECK_MS * naps_per_ms))
			continue;
		if (w->tid)
			interrupt(w);
		if (ws->stuck &&
		    naps % ((uint64_t)ws->patience_ms * naps_per_ms) == 0)
			ws->stuck(w, ws->patience_ms);
	}
}

void workers_sync(struct workers *ws)
{
	uint64_t want = atomic_fetch_add(&ws->sync, 1) + 1;
	unsigned i;

	for (i = 0; i < ws->count; i++)
		wake(ws->worker[i]);
	for (i = 0; i < ws->count; i++)
		wait_for(ws->worker[i], has_synced, want);
}

void workers_release(struct workers *ws, struct rxq *const rxq[], unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		rxq[i]->drop = true;
	workers_sync(ws);
	for (i = 0; i < n; i++)
		rxq[i]->drop = false;
}

static struct worker_plan *plan_new(unsigned n)
{
	struct worker_plan *plan = calloc(
		1, sizeof(*plan) + 2 * n * sizeof(struct rxq *));

	if (plan)
		plan->active = plan->rxq + n;
	return plan;
}

/* Does queue rq run on worker w already? */
static bool runs_on(const struct worker *w, const struct rxq *rq)
{
	return rq->plan && rq->plan == atomic_load(&w->plan);
}

/*
 * Plans from the queues' `worker` fields.  `stay`: only queues that are on
 * that worker already, so that one that moves has left its old worker before
 * the new one begins.
 */
static int plans_make(struct workers *ws, struct rxq *const rxq[], unsigned n,
		      bool stay, struct worker_plan *plans[])
{
	unsigned i, k;

	for (k = 0; k < ws->count; k++) {
		plans[k] = plan_new(n);
		if (!plans[k])
			return -ENOMEM;
	}
	for (i = 0; i < n; i++) {
		struct rxq *rq = rxq[i];

		k = rq->worker;
		if (!stay || runs_on(ws->worker[k], rq))
			plans[k]->rxq[plans[k]->count++] = rq;
	}
	return 0;
}

/* Publish plans[]; leaves the old ones, unused now, in it. */
static void plans_publish(struct workers *ws, struct rxq *const rxq[],
			  unsigned n, struct worker_plan *plans[])
{
	unsigned i, k;

	for (i = 0; i < n; i++)
		rxq[i]->plan = NULL;
	for (k = 0; k < ws->count; k++) {
		for (i = 0; i < plans[k]->count; i++)
			plans[k]->rxq[i]->plan = plans[k];
		plans[k] = atomic_exchange(&ws->worker[k]->plan, plans[k]);
	}
	workers_sync(ws);
}

static void plans_free(struct workers *ws, struct worker_plan *plans[])
{
	unsigned k;

	for (k = 0; k < ws->count; k++)
		free(plans[k]);
}

int workers_set_queues(struct workers *ws, struct rxq *const rxq[], unsigned n)
{
	struct worker_plan *stay[WORKERS_MAX] = { NULL };
	struct worker_plan *want[WORKERS_MAX] = { NULL };
	int rc;

	rc = plans_make(ws, rxq, n, true, stay);
	if (!rc)
		rc = plans_make(ws, rxq, n, false, want);
	if (!rc && ws->count > 1)
		plans_publish(ws, rxq, n, stay);
	if (!rc)
		plans_publish(ws, rxq, n, want);
	plans_free(ws, stay);
	plans_free(ws, want);
	return rc;
}

void workers_stop(struct workers *ws)
{
	unsigned i;

	atomic_store(&ws->stop, true);
	for (i = 0; i < ws->count; i++)
		wake(ws->worker[i]);
	for (i = 0; i < ws->count; i++)
		if (ws->worker[i]->tid) /* else it has not begun */
			wait_for(ws->worker[i], has_ended, 0);
}

const struct worker *workers_check(struct workers *ws, unsigned limit)
{
	const struct worker *hung = NULL;
	unsigned i;

	for (i = 0; i < ws->count; i++) {
		struct worker *w = ws->worker[i];
		uint64_t now = atomic_load(&w->rounds);

		w->still = now == w->rounds_before &&
					   !atomic_load(&w->asleep)
				   ? w->still + 1
				   : 0;
		w->rounds_before = now;
		if (w->still && w->tid)
			interrupt(w);
		if (w->still >= limit)
			hung = w;
	}
	return hung;
}

static int worker_new(struct workers *ws, unsigned index, unsigned core)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct worker *w = aligned_alloc(
		64, (sizeof(*w) + 63) & ~(size_t)63);
	int rc;

	if (!w)
		return -ENOMEM;
	memset(w, 0, sizeof(*w));
	ws->worker[index] = w;
	w->index = index;
	w->core = core;
	w->all = ws;
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = bridge_worker_init(&w->bw, ws->br, index);
	if (rc < 0)
		return rc;
	w->current = plan_new(0);
	if (!w->current)
		return -ENOMEM;
	atomic_store(&w->plan, w->current);
	if (w->epoll_fd < 0 || w->wake_fd < 0 ||
	    epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->wake_fd, &ev) < 0)
		return -errno;
	return 0;
}

int workers_init(struct workers *ws, struct bridge *br, unsigned count,
		 const unsigned cores[], uint64_t tsc_hz)
{
	unsigned i;
	int rc = 0;

	memset(ws, 0, sizeof(*ws));
	if (!count || count > WORKERS_MAX)
		return -EINVAL;
	ws->br = br;
	ws->hz = tsc_hz;
	ws->patience_ms = WORKER_PATIENCE_MS;
	atomic_store(&ws->poll_cycles, tsc_hz / 1000000 * WORKER_POLL_US);
	for (i = 0; i < count && !rc; i++) {
		rc = worker_new(ws, i, cores[i]);
		ws->count = i + 1;
	}
	if (rc < 0)
		workers_fini(ws);
	return rc;
}

void workers_fini(struct workers *ws)
{
	unsigned i;

	for (i = 0; i < ws->count; i++) {
		struct worker *w = ws->worker[i];

		if (!w)
			continue;
		bridge_worker_fini(&w->bw);
		free(atomic_load(&w->plan));
		if (w->epoll_fd >= 0)
			close(w->epoll_fd);
		if (w->wake_fd >= 0)
			close(w->wake_fd);
		free(w);
	}
	ws->count = 0;
}
