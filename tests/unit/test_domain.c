/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_domain.c: the life cycle, every interleaving of it.
 *
 * A small model of the world (a process, what its guest does, what was asked
 * of it and not answered yet, a file, the switch) plays against the machine.
 * From the first state on, whatever may happen next is tried, and so on for
 * each situation not seen before, until there are no new ones.  In each:
 *
 *	no second process, none without the switch's word for this very start;
 *	what was suspended is restored before it is dropped, never while a
 *	guest that has run on has made it void;
 *	if from here on everything answers and nobody asks for more, the goal
 *	is reached: there is no way to be stuck.
 *
 * Time is a number here; it passes by jumping to what is due.
 */
#include "hypervisor/domain.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/suite.h"

#define T0 1000000000ull /* always now */

/* --- the world --------------------------------------------------------- */

enum guest { STANDS, RUNS, IS_OFF, WANTS_REBOOT, HAS_PANICKED };

struct world {
	struct domain d;
	bool owned;
	bool asking;	/* the switch */
	bool making;	/* a start was asked for, its answer is due */
	bool alive;	/* a process, whether it is up or being made */
	bool has_run;	/* since its start */
	bool file;
	uint8_t guest;	/* enum guest */
	uint8_t asked;	/* 1 << action: of the process, not answered */
};

struct story {
	struct domain_rules rules;
	bool ready;	  /* the switch has just said so */
	const char *wrong;
};

static struct story story;

static void check(bool ok, const char *what)
{
	if (!ok && !story.wrong)
		story.wrong = what;
}

static uint8_t bit(enum domain_action action)
{
	return 1 << (action - DOMAIN_ACT_CONT);
}

static void do_action(struct world *w, enum domain_action action)
{
	switch (action) {
	case DOMAIN_ACT_ASK_SWITCH:
		check(!w->asking, "asks twice");
		check(w->owned, "asks for what is not its own");
		w->asking = true;
		break;
	case DOMAIN_ACT_STOP_ASKING:
		check(w->asking, "stops what it did not begin");
		w->asking = false;
		break;
	case DOMAIN_ACT_START:
	case DOMAIN_ACT_RESTORE:
		check(!w->alive, "a second process");
		check(story.ready, "a process without the switch's word");
		check(w->file == (action == DOMAIN_ACT_RESTORE),
		      "restores what is not there, or forgets what is");
		w->alive = w->making = true;
		w->has_run = false;
		w->guest = STANDS;
		w->asked = 0;
		break;
	case DOMAIN_ACT_DROP_SAVED:
		check(w->file, "drops what is not there");
		w->file = false;
		break;
	case DOMAIN_ACT_KILL:
		check(w->alive, "kills nobody");
		w->asked |= bit(action);
		break;
	case DOMAIN_ACT_CONT:
	case DOMAIN_ACT_RESET:
		check(!w->file, "runs and keeps the file: it would be void");
		/* fall through */
	default:
		check(w->alive && !w->making, "asks a process that is not up");
		w->asked |= bit(action);
		break;
	}
}

static void do_actions(struct world *w, const struct domain_actions *out)
{
	for (unsigned i = 0; i < out->count; i++)
		do_action(w, out->list[i]);
	check(w->d.process == w->alive, "is wrong about its process");
	check(w->d.saved == w->file, "is wrong about its file");
	check(w->d.looking == w->asking, "is wrong about who is asking");
}

static void send_at(struct world *w, enum domain_event ev, uint64_t now)
{
	struct domain_actions out;

	story.rules.owned = w->owned;
	domain_handle(&w->d, ev, "the reason", &story.rules, now, &out);
	do_actions(w, &out);
}

static void send(struct world *w, enum domain_event ev)
{
	send_at(w, ev, T0);
}

/* --- what may happen --------------------------------------------------- */

static void end_process(struct world *w)
{
	w->alive = w->making = false;
	w->asked = 0;
}

static void exits(struct world *w)
{
	end_process(w);
	send(w, DOMAIN_EV_EXITED);
}

static void switch_ready(struct world *w)
{
	w->asking = false;
	story.ready = true;
	send(w, DOMAIN_EV_SWITCH_READY);
	story.ready = false;
}

static void refuse_start(struct world *w, enum domain_event how)
{
	end_process(w);
	send(w, how);
}

static void started(struct world *w)
{
	w->making = false;
	send(w, DOMAIN_EV_STARTED);
}

static void runs(struct world *w, enum domain_action asked)
{
	w->asked &= ~bit(asked);
	w->guest = RUNS;
	w->has_run = true;
	send(w, DOMAIN_EV_RUNNING);
}

static void stands(struct world *w)
{
	w->asked &= ~bit(DOMAIN_ACT_PAUSE);
	w->guest = STANDS;
	send(w, DOMAIN_EV_PAUSED);
}

static void guest_does(struct world *w, enum guest what, enum domain_event ev)
{
	w->asked &= ~bit(DOMAIN_ACT_SHUTDOWN);
	w->guest = what;
	send(w, ev);
}

static void saves(struct world *w, bool works)
{
	w->asked &= ~bit(DOMAIN_ACT_SAVE);
	w->guest = STANDS;
	w->file = works;
	send(w, works ? DOMAIN_EV_SAVED : DOMAIN_EV_SAVE_FAILED);
}

static void looked_at(struct world *w)
{
	static const enum domain_event says[] = {
		[STANDS] = DOMAIN_EV_PAUSED,
		[RUNS] = DOMAIN_EV_RUNNING,
		[IS_OFF] = DOMAIN_EV_GUEST_POWEROFF,
		[WANTS_REBOOT] = DOMAIN_EV_GUEST_REBOOT,
		[HAS_PANICKED] = DOMAIN_EV_GUEST_PANIC,
	};

	w->asked &= ~bit(DOMAIN_ACT_LOOK);
	send(w, says[w->guest]);
}

static uint64_t later(uint64_t t, uint64_t by)
{
	return t > by ? t - by : t ? 1 : 0;
}

/* Time jumps to what is due; then it is called T0 again. */
static void time_passes(struct world *w)
{
	uint64_t by = w->d.due_ms - T0;

	send_at(w, DOMAIN_EV_TIME, w->d.due_ms);
	w->d.since_ms = T0;
	w->d.due_ms = later(w->d.due_ms, by);
	w->d.stop_by_ms = later(w->d.stop_by_ms, by);
	w->d.ran_ms = later(w->d.ran_ms, by);
	for (unsigned i = 0; i < DOMAIN_ENDS_KEPT; i++)
		w->d.ends_ms[i] = later(w->d.ends_ms[i], by);
}

static void restart_of_us(struct world *w)
{
	struct domain_actions out;

	/* what was asked of the process is done or not: nobody knows */
	w->asking = false;
	w->d.looking = false;
	if (!w->alive)
		return;
	w->making = false;
	if (w->asked & bit(DOMAIN_ACT_CONT)) {
		w->guest = RUNS;
		w->has_run = true;
	}
	w->asked = 0;
	domain_adopt(&w->d, T0, &out);
	do_actions(w, &out);
}

/* The record of a domain without a process says what it was about. */
static void restart_without_process(struct world *w)
{
	struct domain_actions out;

	story.rules.owned = w->owned;
	w->asking = false;
	domain_resume_life(&w->d, &story.rules, T0, &out);
	do_actions(w, &out);
}

static void host_reboots(struct world *w)
{
	struct domain_actions out;

	end_process(w);
	w->asking = false;
	w->owned = false;
	story.rules.owned = false;
	domain_host_rebooted(&w->d, &story.rules, T0, &out);
	do_actions(w, &out);
}

static bool is_up(const struct world *w)
{
	return w->alive && !w->making;
}

static bool was_asked(const struct world *w, enum domain_action action)
{
	return w->asked & bit(action);
}

/* One that is being adopted tells what its guest did with the answer. */
static bool guest_may(const struct world *w)
{
	return is_up(w) && w->guest == RUNS && !was_asked(w, DOMAIN_ACT_LOOK);
}

/*
 * Happening number n; false: it cannot happen here.  Commands come first,
 * then answers, then misfortunes.
 */
/* NOLINTNEXTLINE(readability-function-size): one case a happening */
static bool happen(struct world *w, unsigned n)
{
	switch (n) {
	case DOMAIN_EV_START ... DOMAIN_EV_SUSPEND:
		send(w, n);
		return true;
	case 10:
		if (w->owned)
			return false;
		w->owned = true;
		send(w, DOMAIN_EV_OWNED);
		return true;
	case 11:
		if (!w->asking)
			return false;
		switch_ready(w);
		return true;
	case 12:
		if (!w->asking)
			return false;
		send(w, DOMAIN_EV_SWITCH_NOT_READY);
		return true;
	case 13:
		if (!w->making)
			return false;
		started(w);
		return true;
	case 14:
		if (!w->making)
			return false;
		refuse_start(w, DOMAIN_EV_START_LATER);
		return true;
	case 15:
		if (!w->making)
			return false;
		refuse_start(w, DOMAIN_EV_START_REFUSED);
		return true;
	case 16:
		if (!was_asked(w, DOMAIN_ACT_KILL))
			return false;
		exits(w);
		return true;
	case 17:
		if (!was_asked(w, DOMAIN_ACT_CONT) || w->guest > RUNS)
			return false;
		runs(w, DOMAIN_ACT_CONT);
		return true;
	case 18:
		if (!was_asked(w, DOMAIN_ACT_PAUSE) || w->guest > RUNS)
			return false;
		stands(w);
		return true;
	case 19:
		if (!was_asked(w, DOMAIN_ACT_RESET))
			return false;
		runs(w, DOMAIN_ACT_RESET);
		return true;
	case 20:
		if (!was_asked(w, DOMAIN_ACT_SAVE))
			return false;
		saves(w, true);
		return true;
	case 21:
		if (!was_asked(w, DOMAIN_ACT_LOOK))
			return false;
		looked_at(w);
		return true;
	case 22:
		if (!guest_may(w))
			return false;
		guest_does(w, IS_OFF, DOMAIN_EV_GUEST_POWEROFF);
		return true;
	case 23:
		if (!guest_may(w))
			return false;
		guest_does(w, WANTS_REBOOT, DOMAIN_EV_GUEST_REBOOT);
		return true;
	case 24:
		if (!guest_may(w))
			return false;
		guest_does(w, HAS_PANICKED, DOMAIN_EV_GUEST_PANIC);
		return true;
	case 25:
		if (!was_asked(w, DOMAIN_ACT_SAVE))
			return false;
		saves(w, false);
		return true;
	case 26:
		if (!w->alive)
			return false;
		exits(w);
		return true;
	case 27:
		if (!w->d.due_ms)
			return false;
		time_passes(w);
		return true;
	case 28:
		if (w->alive)
			restart_of_us(w);
		else
			restart_without_process(w);
		return true;
	case 29:
		host_reboots(w);
		return true;
	default:
		return false;
	}
}

#define HAPPENINGS 30

/* --- the end of every story -------------------------------------------- */

static bool is_content(const struct world *w)
{
	const struct domain *d = &w->d;

	switch (d->state) {
	case DOMAIN_HALTED:
	case DOMAIN_CRASHED:
		return d->goal == DOMAIN_BE_HALTED && !w->alive && !w->file;
	case DOMAIN_PRESERVED:
		return w->alive;
	case DOMAIN_SUSPENDED:
		return d->goal == DOMAIN_BE_SUSPENDED && !w->alive && w->file;
	case DOMAIN_PAUSED:
		return d->goal == DOMAIN_BE_PAUSED && is_up(w);
	case DOMAIN_RUNNING:
		return d->goal == DOMAIN_BE_RUNNING && !d->reboot && is_up(w);
	default:
		return false;
	}
}

/* The friendly next thing: what was asked for is answered, or time passes. */
static bool help(struct world *w)
{
	static const unsigned answers[] = { 16, 10, 11, 13, 21, 17,
					    18, 19, 20 };

	if (was_asked(w, DOMAIN_ACT_SHUTDOWN) && w->guest == RUNS)
		return happen(w, 22);
	for (unsigned i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (happen(w, answers[i]))
			return true;
	return happen(w, 27);
}

static bool ends_well(struct world w)
{
	for (unsigned i = 0; i < 60; i++) {
		if (is_content(&w))
			return true;
		if (!help(&w))
			return false;
	}
	return false;
}

/* A command that may be given leads where it says. */
static bool leads_to(struct world w, enum domain_event command,
		     enum domain_state state)
{
	if (domain_may(&w.d, command))
		return true;
	send(&w, command);
	for (unsigned i = 0; i < 60; i++) {
		if (w.d.state == state && is_content(&w))
			return true;
		if (!help(&w))
			return false;
	}
	return false;
}

/* --- all of them ------------------------------------------------------- */

struct seen {
	struct world *world;
	size_t count, room;
	uint32_t *slot; /* hash: index + 1 */
	size_t slots;
};

/* What makes no difference to what can happen is made equal. */
static void normalise(struct world *w)
{
	struct domain *d = &w->d;

	memset(d->why, 0, sizeof(d->why));
	memset(d->end_why, 0, sizeof(d->end_why));
	d->end_reason = 0;
	d->since_ms = T0;
	if (d->state != DOMAIN_STOPPING)
		d->stop_by_ms = 0;
	/* recent ends count as of now: a loop is found sooner, not later */
	for (unsigned i = 0; i < DOMAIN_ENDS_KEPT; i++)
		d->ends_ms[i] = d->ends_ms[i] > T0 - DOMAIN_LOOP_MS ? T0 : 0;
	d->ends %= DOMAIN_ENDS_KEPT;
	if (d->tries > 1)
		d->tries = 1;
	if (d->ran_ms)
		d->ran_ms = T0 - (T0 - d->ran_ms >= DOMAIN_HEALTHY_MS
					  ? DOMAIN_HEALTHY_MS
					  : 0);
	d->restarts = 0;
}

static uint64_t hash(const struct world *w)
{
	const unsigned char *p = (const unsigned char *)w;
	uint64_t h = 14695981039346656037ull;

	for (size_t i = 0; i < sizeof(*w); i++)
		h = (h ^ p[i]) * 1099511628211ull;
	return h;
}

static void grow(struct seen *s)
{
	free(s->slot);
	s->slots = s->slots ? 2 * s->slots : 1 << 16;
	s->slot = calloc(s->slots, sizeof(*s->slot));
	for (size_t i = 0; i < s->count; i++) {
		size_t at = hash(&s->world[i]) % s->slots;

		while (s->slot[at])
			at = (at + 1) % s->slots;
		s->slot[at] = i + 1;
	}
}

static bool remember(struct seen *s, const struct world *w)
{
	size_t at;

	if (2 * s->count >= s->slots)
		grow(s);
	at = hash(w) % s->slots;
	while (s->slot[at]) {
		if (!memcmp(&s->world[s->slot[at] - 1], w, sizeof(*w)))
			return false;
		at = (at + 1) % s->slots;
	}
	if (s->count == s->room) {
		s->room = s->room ? 2 * s->room : 4096;
		s->world = realloc(s->world, s->room * sizeof(*w));
	}
	s->world[s->count++] = *w;
	s->slot[at] = s->count;
	return true;
}

static void tell(const struct world *w, unsigned n, const char *what)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "%s: after happening %u, %s, goal %d, reason %s", what, n,
		 domain_state_word(w->d.state), w->d.goal,
		 domain_reason_word(w->d.reason));
	CU_FAIL(text);
	fprintf(stderr, "%s\n", text);
}

static const char *what_is_wrong(const struct world *w)
{
	const char *wrong = story.wrong;

	if (!wrong && !ends_well(*w))
		wrong = "is stuck";
	if (!wrong && !leads_to(*w, DOMAIN_EV_KILL, DOMAIN_HALTED))
		wrong = "cannot be killed";
	if (!wrong && !leads_to(*w, DOMAIN_EV_START, DOMAIN_RUNNING))
		wrong = "cannot be started";
	if (!wrong && !leads_to(*w, DOMAIN_EV_SHUTDOWN, DOMAIN_HALTED))
		wrong = "cannot be shut down";
	if (!wrong && !leads_to(*w, DOMAIN_EV_REBOOT, DOMAIN_RUNNING))
		wrong = "cannot be rebooted";
	if (!wrong && !leads_to(*w, DOMAIN_EV_RESET, DOMAIN_RUNNING))
		wrong = "cannot be reset";
	if (!wrong && !leads_to(*w, DOMAIN_EV_SUSPEND, DOMAIN_SUSPENDED))
		wrong = "cannot be suspended";
	if (!wrong && !leads_to(*w, DOMAIN_EV_PAUSE, DOMAIN_PAUSED))
		wrong = "cannot be paused";
	return wrong ? wrong : story.wrong;
}

/* Everything that can come after w; stops at the first that is wrong. */
static bool explore_from(struct seen *s, size_t at)
{
	for (unsigned n = 0; n < HAPPENINGS; n++) {
		struct world w = s->world[at];
		const char *wrong;

		if (!happen(&w, n))
			continue;
		normalise(&w);
		if (!story.wrong && !remember(s, &w))
			continue;
		wrong = what_is_wrong(&w);
		if (wrong) {
			tell(&w, n, wrong);
			fprintf(stderr, "before: %s, goal %d\n",
				domain_state_word(s->world[at].d.state),
				s->world[at].d.goal);
			return false;
		}
	}
	return true;
}

static size_t explore(void)
{
	struct seen s = { 0 };
	struct world first;
	size_t i, count;

	memset(&first, 0, sizeof(first));
	domain_init(&first.d, T0);
	first.owned = true;
	story.wrong = NULL;
	normalise(&first);
	remember(&s, &first);
	for (i = 0; i < s.count && explore_from(&s, i); i++)
		;
	count = s.count;
	free(s.world);
	free(s.slot);
	return count;
}

static void every_interleaving_keeps_the_promises(void)
{
	static const struct domain_rules rules[] = {
		{ DOMAIN_DESTROY, DOMAIN_RESTART, DOMAIN_RESTART, 15000,
		  false, false },
		{ DOMAIN_RESTART, DOMAIN_DESTROY, DOMAIN_DESTROY, 5000,
		  false, false },
		{ DOMAIN_RESTART, DOMAIN_RESTART, DOMAIN_PRESERVE, 5000,
		  false, true },
	};

	for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		size_t count;

		story.rules = rules[i];
		count = explore();
		CU_ASSERT(count > 500);
		printf("(%zu situations) ", count);
	}
}

/* --- single stories ---------------------------------------------------- */

static struct world fresh(void)
{
	struct world w;

	memset(&w, 0, sizeof(w));
	memset(&story, 0, sizeof(story));
	story.rules.on_reboot = DOMAIN_RESTART;
	story.rules.on_crash = DOMAIN_RESTART;
	story.rules.shutdown_ms = 30000;
	domain_init(&w.d, T0);
	w.owned = true;
	return w;
}

static struct world running(void)
{
	struct world w = fresh();

	send(&w, DOMAIN_EV_START);
	switch_ready(&w);
	started(&w);
	runs(&w, DOMAIN_ACT_CONT);
	return w;
}

static void waits_in_words_for_the_switch(void)
{
	struct world w = fresh();

	send(&w, DOMAIN_EV_START);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_WAITING);
	send(&w, DOMAIN_EV_SWITCH_NOT_READY);
	CU_ASSERT_STRING_EQUAL(w.d.why, "the reason");
	CU_ASSERT_EQUAL(w.d.reason, DOMAIN_WAITS_SWITCH);
	CU_ASSERT(!w.alive);
	switch_ready(&w);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_STARTING);
}

static void waits_for_its_epoch_after_a_reboot_of_the_host(void)
{
	struct world w = running();

	host_reboots(&w);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_WAITING);
	CU_ASSERT_EQUAL(w.d.reason, DOMAIN_WAITS_EPOCH);
	CU_ASSERT_EQUAL(w.d.end_reason, DOMAIN_HOST_REBOOT);
	CU_ASSERT(!w.asking);
	happen(&w, 10);
	CU_ASSERT(w.asking);
}

static void memory_that_lacks_is_waited_for(void)
{
	struct world w = fresh();

	send(&w, DOMAIN_EV_START);
	switch_ready(&w);
	refuse_start(&w, DOMAIN_EV_START_LATER);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_WAITING);
	CU_ASSERT_EQUAL(w.d.reason, DOMAIN_WAITS_HOST);
	CU_ASSERT_EQUAL(w.d.due_ms, T0 + DOMAIN_RETRY_MS);
	time_passes(&w);
	CU_ASSERT(w.asking);
}

static void a_start_that_is_refused_is_not_tried_again(void)
{
	struct world w = fresh();

	send(&w, DOMAIN_EV_START);
	switch_ready(&w);
	refuse_start(&w, DOMAIN_EV_START_REFUSED);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_HALTED);
	CU_ASSERT_EQUAL(w.d.end_reason, DOMAIN_START_FAILED);
	CU_ASSERT_STRING_EQUAL(w.d.end_why, "the reason");
	CU_ASSERT_EQUAL(w.d.due_ms, 0);
}

static void a_clean_shutdown_has_a_time_out(void)
{
	struct world w = running();

	send(&w, DOMAIN_EV_SHUTDOWN);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_STOPPING);
	time_passes(&w); /* presses again */
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_STOPPING);
	time_passes(&w);
	time_passes(&w);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_ENDING);
	exits(&w);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_HALTED);
	CU_ASSERT_EQUAL(w.d.end_reason, DOMAIN_SHUTDOWN_TIMEOUT);
}

static void a_crashed_process_comes_back_later_each_time(void)
{
	static const unsigned pauses[] = { 1000, 2000, 4000, 8000 };
	struct world w = running();

	for (unsigned i = 0; i < 4; i++) {
		exits(&w);
		CU_ASSERT_EQUAL(w.d.state, DOMAIN_BACKING_OFF);
		CU_ASSERT_EQUAL(w.d.due_ms - T0, pauses[i]);
		time_passes(&w);
		switch_ready(&w);
		started(&w);
		runs(&w, DOMAIN_ACT_CONT);
	}
	CU_ASSERT_EQUAL(w.d.restarts, 4);
	exits(&w);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_CRASHED);
	CU_ASSERT_EQUAL(w.d.end_reason, DOMAIN_CRASH_LOOP);
	send(&w, DOMAIN_EV_START);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_WAITING);
	CU_ASSERT_EQUAL(w.d.tries, 0);
}

static void a_guest_that_reboots_keeps_its_process(void)
{
	struct world w = running();

	guest_does(&w, WANTS_REBOOT, DOMAIN_EV_GUEST_REBOOT);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_REBOOTING);
	CU_ASSERT(w.alive);
	runs(&w, DOMAIN_ACT_RESET);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_RUNNING);
}

static void a_reboot_takes_up_what_changed_meanwhile(void)
{
	struct world w = running();

	story.rules.stale = true;
	guest_does(&w, WANTS_REBOOT, DOMAIN_EV_GUEST_REBOOT);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_ENDING);
	exits(&w);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_WAITING);
}

static void a_suspend_that_fails_leaves_it_running(void)
{
	struct world w = running();

	send(&w, DOMAIN_EV_SUSPEND);
	stands(&w);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_SUSPENDING);
	saves(&w, false);
	runs(&w, DOMAIN_ACT_CONT);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_RUNNING);
	CU_ASSERT_EQUAL(w.d.reason, DOMAIN_SUSPEND_FAILED);
	CU_ASSERT_EQUAL(w.d.goal, DOMAIN_BE_RUNNING);
}

static void what_was_suspended_goes_when_its_guest_runs(void)
{
	struct world w = running();

	send(&w, DOMAIN_EV_SUSPEND);
	stands(&w);
	saves(&w, true);
	exits(&w);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_SUSPENDED);
	CU_ASSERT_PTR_NOT_NULL(domain_may(&w.d, DOMAIN_EV_SHUTDOWN));
	send(&w, DOMAIN_EV_RESUME);
	switch_ready(&w);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_RESUMING);
	refuse_start(&w, DOMAIN_EV_START_REFUSED);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_SUSPENDED);
	CU_ASSERT(w.file);
	send(&w, DOMAIN_EV_RESUME);
	switch_ready(&w);
	started(&w);
	CU_ASSERT(!w.file);
	CU_ASSERT(was_asked(&w, DOMAIN_ACT_CONT));
}

static void a_preserved_domain_waits_to_be_looked_at(void)
{
	struct world w = running();

	story.rules.on_crash = DOMAIN_PRESERVE;
	guest_does(&w, HAS_PANICKED, DOMAIN_EV_GUEST_PANIC);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_PRESERVED);
	CU_ASSERT(w.alive);
	CU_ASSERT_PTR_NOT_NULL(domain_may(&w.d, DOMAIN_EV_RESUME));
	send(&w, DOMAIN_EV_KILL);
	exits(&w);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_HALTED);
}

static void what_makes_no_sense_is_refused_in_words(void)
{
	struct world w = fresh();

	CU_ASSERT_PTR_NULL(domain_may(&w.d, DOMAIN_EV_START));
	CU_ASSERT_PTR_NOT_NULL(domain_may(&w.d, DOMAIN_EV_PAUSE));
	CU_ASSERT_PTR_NOT_NULL(domain_may(&w.d, DOMAIN_EV_SUSPEND));
	CU_ASSERT_PTR_NOT_NULL(domain_may(&w.d, DOMAIN_EV_SHUTDOWN));
	CU_ASSERT_PTR_NOT_NULL(domain_may(&w.d, DOMAIN_EV_RESUME));
	send(&w, DOMAIN_EV_PAUSE);
	CU_ASSERT_EQUAL(w.d.state, DOMAIN_HALTED);
}

static void every_word_means_one_state(void)
{
	for (unsigned i = 0; i < DOMAIN_STATE_COUNT; i++)
		CU_ASSERT_EQUAL(domain_state_of(domain_state_word(i)), i);
	for (unsigned i = 0; i < DOMAIN_REASON_COUNT; i++)
		CU_ASSERT_EQUAL(domain_reason_of(domain_reason_word(i)), i);
	CU_ASSERT_EQUAL(domain_state_of("idle"), DOMAIN_STATE_COUNT);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(every_interleaving_keeps_the_promises),
		SUITE_TEST(waits_in_words_for_the_switch),
		SUITE_TEST(waits_for_its_epoch_after_a_reboot_of_the_host),
		SUITE_TEST(memory_that_lacks_is_waited_for),
		SUITE_TEST(a_start_that_is_refused_is_not_tried_again),
		SUITE_TEST(a_clean_shutdown_has_a_time_out),
		SUITE_TEST(a_crashed_process_comes_back_later_each_time),
		SUITE_TEST(a_guest_that_reboots_keeps_its_process),
		SUITE_TEST(a_reboot_takes_up_what_changed_meanwhile),
		SUITE_TEST(a_suspend_that_fails_leaves_it_running),
		SUITE_TEST(what_was_suspended_goes_when_its_guest_runs),
		SUITE_TEST(a_preserved_domain_waits_to_be_looked_at),
		SUITE_TEST(what_makes_no_sense_is_refused_in_words),
		SUITE_TEST(every_word_means_one_state),
	};

	return suite_run("domain", tests, sizeof(tests) / sizeof(tests[0]));
}
