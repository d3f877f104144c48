/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domain.c: see domain.h for the idea.
 *
 * Three layers.  on_...() functions take one kind of event and bring the
 * domain into the state that follows from it alone.  pursue() looks at states
 * in which nothing is under way and takes the next step towards the goal.
 * enter() is the only place that changes the state.
 *
 * `process` is true from the moment a start is asked for until EXITED or a
 * refusal of the start comes back.  begin(), the only way to a start, is
 * never called while it is true: this is why there are never two.
 */
#include "hypervisor/domain.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One call of domain_handle(). */
struct step {
	struct domain *d;
	const struct domain_rules *rules;
	uint64_t now;
	struct domain_actions *out;
};

static void act(struct step *s, enum domain_action action)
{
	assert(s->out->count < DOMAIN_ACTIONS_MAX);
	s->out->list[s->out->count++] = action;
}

static void __attribute__((format(printf, 3, 4)))
because(struct step *s, enum domain_reason reason, const char *fmt, ...)
{
	va_list ap;

	s->d->reason = reason;
	va_start(ap, fmt);
	vsnprintf(s->d->why, sizeof(s->d->why), fmt, ap);
	va_end(ap);
}

/* The reason of now is also that of the last end. */
static void keep_end(struct domain *d)
{
	d->end_reason = d->reason;
	memcpy(d->end_why, d->why, sizeof(d->end_why));
}

static void enter(struct step *s, enum domain_state state)
{
	struct domain *d = s->d;

	if (d->looking && state != DOMAIN_WAITING) {
		d->looking = false;
		act(s, DOMAIN_ACT_STOP_ASKING);
	}
	d->state = state;
	d->since_ms = s->now;
	d->due_ms = 0;
}

static void enter_until(struct step *s, enum domain_state state, uint64_t ms)
{
	enter(s, state);
	s->d->due_ms = s->now + ms;
}

/* --- towards a process ------------------------------------------------- */

/* First of all that a start needs; what comes back moves it on. */
static void begin(struct step *s)
{
	struct domain *d = s->d;

	assert(!d->process);
	d->reboot = false;
	d->delay = false;
	d->crashed = false;
	if (!s->rules->owned) {
		enter(s, DOMAIN_WAITING);
		because(s, DOMAIN_WAITS_EPOCH, "this host has rebooted since "
			"it ran; waits until its epoch is confirmed");
		return;
	}
	enter(s, DOMAIN_WAITING);
	because(s, DOMAIN_WAITS_SWITCH, "waits for its ports");
	if (!d->looking)
		act(s, DOMAIN_ACT_ASK_SWITCH);
	d->looking = true;
}

/* The switch has its ports: now, before that changes. */
static void make_process(struct step *s)
{
	struct domain *d = s->d;

	d->looking = false; /* whoever said "ready" does not ask on */
	d->process = true;
	d->ran_ms = 0;
	act(s, d->saved ? DOMAIN_ACT_RESTORE : DOMAIN_ACT_START);
	enter_until(s, d->saved ? DOMAIN_RESUMING : DOMAIN_STARTING,
		    DOMAIN_START_MS);
	because(s, DOMAIN_NO_REASON, "%s", "");
}

static uint64_t backoff_ms(unsigned tries)
{
	uint64_t ms = DOMAIN_BACKOFF_MS;

	while (tries-- && ms < DOMAIN_BACKOFF_MAX_MS)
		ms *= 2;
	return ms < DOMAIN_BACKOFF_MAX_MS ? ms : DOMAIN_BACKOFF_MAX_MS;
}

/* Down, and to stay so until a command comes. */
static void stay_down(struct step *s, enum domain_state state)
{
	s->d->goal = DOMAIN_BE_HALTED;
	s->d->hard = false;
	s->d->reboot = false;
	keep_end(s->d);
	enter(s, state);
}

/* Is this end one too many?  Remembers it. */
static bool is_loop(struct domain *d, uint64_t now)
{
	uint64_t *slot = &d->ends_ms[d->ends++ % DOMAIN_ENDS_KEPT];
	uint64_t first = *slot;

	*slot = now;
	return first && now - first < DOMAIN_LOOP_MS;
}

/* Start again by policy, later each time, and not for ever. */
static void start_again(struct step *s)
{
	struct domain *d = s->d;

	keep_end(d);
	if (d->ran_ms && s->now - d->ran_ms >= DOMAIN_HEALTHY_MS)
		d->tries = 0;
	if (is_loop(d, s->now)) {
		because(s, DOMAIN_CRASH_LOOP,
			"ended %d times within %d s and is not tried again; "
			"the last time: %.120s", DOMAIN_LOOP_ENDS,
			DOMAIN_LOOP_MS / 1000, d->end_why);
		stay_down(s, DOMAIN_CRASHED);
		return;
	}
	if (d->goal == DOMAIN_BE_HALTED)
		d->goal = DOMAIN_BE_RUNNING;
	d->hard = false;
	d->reboot = false;
	d->delay = false;
	d->by_policy = true;
	d->restarts++;
	enter_until(s, DOMAIN_BACKING_OFF, backoff_ms(d->tries++));
}

/* --- away from a process ----------------------------------------------- */

static void kill_it(struct step *s)
{
	act(s, DOMAIN_ACT_KILL);
	enter_until(s, DOMAIN_ENDING, DOMAIN_ANSWER_MS);
}

static void press(struct step *s)
{
	struct domain *d = s->d;
	uint64_t next = s->now + DOMAIN_PRESS_MS;

	act(s, DOMAIN_ACT_SHUTDOWN);
	d->due_ms = next < d->stop_by_ms ? next : d->stop_by_ms;
}

static void ask_to_stop(struct step *s)
{
	enter(s, DOMAIN_STOPPING);
	because(s, DOMAIN_NO_REASON, "its guest was asked to shut down");
	s->d->stop_by_ms = s->now + s->rules->shutdown_ms;
	press(s);
}

/* Its guest has crashed, or its process has. */
static void crash(struct step *s)
{
	struct domain *d = s->d;

	if (d->goal == DOMAIN_BE_HALTED)
		stay_down(s, DOMAIN_HALTED);
	else if (s->rules->on_crash == DOMAIN_RESTART)
		start_again(s);
	else
		stay_down(s, DOMAIN_CRASHED);
}

/* --- the goal ---------------------------------------------------------- */

static void drop_saved(struct step *s)
{
	if (s->d->saved)
		act(s, DOMAIN_ACT_DROP_SAVED);
	s->d->saved = false;
}

static void cont(struct step *s)
{
	/* From its first instruction on, the file is not its state any more. */
	drop_saved(s);
	act(s, DOMAIN_ACT_CONT);
	enter_until(s, DOMAIN_UNPAUSING, DOMAIN_ANSWER_MS);
}

static void pursue_running(struct step *s)
{
	struct domain *d = s->d;

	if (d->goal == DOMAIN_BE_HALTED && d->hard) {
		kill_it(s);
	} else if (d->goal == DOMAIN_BE_HALTED || d->reboot) {
		ask_to_stop(s);
	} else if (d->goal != DOMAIN_BE_RUNNING) {
		act(s, DOMAIN_ACT_PAUSE);
		enter_until(s, DOMAIN_PAUSING, DOMAIN_ANSWER_MS);
	}
}

static void pursue_paused(struct step *s)
{
	struct domain *d = s->d;

	if (d->goal == DOMAIN_BE_HALTED && d->hard) {
		kill_it(s);
	} else if (d->goal == DOMAIN_BE_SUSPENDED && d->saved) {
		kill_it(s); /* it has not run since: the file is still it */
	} else if (d->goal == DOMAIN_BE_SUSPENDED) {
		act(s, DOMAIN_ACT_SAVE);
		enter(s, DOMAIN_SUSPENDING);
	} else if (d->goal != DOMAIN_BE_PAUSED || d->reboot) {
		cont(s); /* a guest that stands still cannot shut down */
	}
}

static void pursue_down(struct step *s)
{
	struct domain *d = s->d;

	if (d->goal == DOMAIN_BE_HALTED) {
		if (d->saved)
			because(s, DOMAIN_KILLED,
				"what was suspended was thrown away");
		else if (d->state == DOMAIN_WAITING ||
			 d->state == DOMAIN_BACKING_OFF)
			because(s, DOMAIN_KILLED,
				"was not to be started any more");
		drop_saved(s);
		if (d->state != DOMAIN_HALTED &&
		    (d->state != DOMAIN_CRASHED || d->hard))
			stay_down(s, DOMAIN_HALTED);
		d->hard = false;
	} else if (d->goal == DOMAIN_BE_SUSPENDED && d->saved) {
		if (d->state != DOMAIN_SUSPENDED)
			enter(s, DOMAIN_SUSPENDED);
	} else if (d->state == DOMAIN_HALTED || d->state == DOMAIN_CRASHED ||
		   d->state == DOMAIN_SUSPENDED) {
		begin(s);
	}
}

/* The next step towards the goal, if nothing is under way. */
static void pursue(struct step *s)
{
	struct domain *d = s->d;

	switch (d->state) {
	case DOMAIN_RUNNING:
		pursue_running(s);
		break;
	case DOMAIN_PAUSED:
		pursue_paused(s);
		break;
	case DOMAIN_HALTED:
	case DOMAIN_WAITING:
	case DOMAIN_BACKING_OFF:
	case DOMAIN_CRASHED:
	case DOMAIN_SUSPENDED:
		pursue_down(s);
		break;
	case DOMAIN_PRESERVED:
		kill_it(s); /* whatever the goal is: not to stay like this */
		break;
	case DOMAIN_ENDING:
		break;
	default:
		/* a step is under way; only this does not wait for its end */
		if (d->goal == DOMAIN_BE_HALTED && d->hard)
			kill_it(s);
		break;
	}
}

/* --- commands ---------------------------------------------------------- */

static void set_goal(struct step *s, enum domain_goal goal)
{
	s->d->goal = goal;
	s->d->hard = false;
	s->d->by_policy = false;
}

/* Somebody wants it: what went wrong before is forgiven. */
static void forgive(struct domain *d)
{
	d->crashed = false;
	d->delay = false;
	d->tries = 0;
	d->ends = 0;
	memset(d->ends_ms, 0, sizeof(d->ends_ms));
}

static void on_start(struct step *s)
{
	struct domain *d = s->d;

	forgive(d);
	if (d->state == DOMAIN_BACKING_OFF)
		enter(s, DOMAIN_HALTED);
	set_goal(s, DOMAIN_BE_RUNNING);
}

static void on_kill(struct step *s)
{
	struct domain *d = s->d;

	set_goal(s, DOMAIN_BE_HALTED);
	d->hard = true;
	d->reboot = false;
	d->crashed = false;
	because(s, DOMAIN_KILLED, "was switched off");
}

static void on_reset(struct step *s)
{
	struct domain *d = s->d;

	forgive(d);
	set_goal(s, DOMAIN_BE_RUNNING);
	d->reboot = false;
	if (d->process && d->state != DOMAIN_ENDING) {
		because(s, DOMAIN_KILLED, "was reset");
		kill_it(s);
	}
}

static void on_suspend(struct step *s)
{
	struct domain *d = s->d;

	/* where it goes back to if that fails */
	if (d->goal != DOMAIN_BE_SUSPENDED)
		d->was_paused = d->goal == DOMAIN_BE_PAUSED;
	set_goal(s, DOMAIN_BE_SUSPENDED);
}

static void on_command(struct step *s, enum domain_event command)
{
	struct domain *d = s->d;

	if (domain_may(d, command))
		return;
	switch (command) {
	case DOMAIN_EV_START:
		on_start(s);
		break;
	case DOMAIN_EV_SHUTDOWN:
		set_goal(s, DOMAIN_BE_HALTED);
		break;
	case DOMAIN_EV_REBOOT:
		forgive(d);
		set_goal(s, DOMAIN_BE_RUNNING);
		d->reboot = d->state != DOMAIN_STOPPING;
		break;
	case DOMAIN_EV_KILL:
		on_kill(s);
		break;
	case DOMAIN_EV_RESET:
		on_reset(s);
		break;
	case DOMAIN_EV_PAUSE:
		set_goal(s, DOMAIN_BE_PAUSED);
		break;
	case DOMAIN_EV_SUSPEND:
		on_suspend(s);
		break;
	default: /* DOMAIN_EV_RESUME */
		set_goal(s, DOMAIN_BE_RUNNING);
		break;
	}
	pursue(s);
}

static const char *may_when_down(const struct domain *d,
				 enum domain_event command)
{
	bool wanted = d->goal != DOMAIN_BE_HALTED;

	switch (command) {
	case DOMAIN_EV_SHUTDOWN:
		if (d->state == DOMAIN_SUSPENDED)
			return "it is suspended: resume it first, or kill it, "
			       "which throws away what was suspended";
		return wanted ? NULL : "it does not run";
	case DOMAIN_EV_PAUSE:
	case DOMAIN_EV_SUSPEND:
	case DOMAIN_EV_REBOOT:
	case DOMAIN_EV_RESET:
		return wanted && d->state != DOMAIN_SUSPENDED
			       ? NULL
			       : "it does not run";
	case DOMAIN_EV_RESUME:
		return wanted || d->saved ? NULL : "it is not suspended; "
						   "start it";
	default:
		return NULL;
	}
}

const char *domain_may(const struct domain *d, enum domain_event command)
{
	if (d->state == DOMAIN_PRESERVED && command != DOMAIN_EV_KILL &&
	    command != DOMAIN_EV_START && command != DOMAIN_EV_RESET &&
	    command != DOMAIN_EV_SHUTDOWN)
		return "it has crashed and is kept to be looked at; kill it "
		       "or start it anew";
	if (!d->process)
		return may_when_down(d, command);
	if (command != DOMAIN_EV_SUSPEND && command != DOMAIN_EV_PAUSE)
		return NULL;
	if (d->goal == DOMAIN_BE_HALTED)
		return "it is being shut down";
	return d->crashed || d->delay ? "it has just crashed" : NULL;
}

/* --- answers to what was waited for ------------------------------------ */

static void on_switch(struct step *s, bool is_ready, const char *text)
{
	if (s->d->state != DOMAIN_WAITING || !s->d->looking)
		return;
	if (is_ready)
		make_process(s);
	else
		because(s, DOMAIN_WAITS_SWITCH, "%s", text);
}

static bool is_being_made(const struct domain *d)
{
	return d->process && (d->state == DOMAIN_STARTING ||
			      d->state == DOMAIN_RESUMING);
}

/*
 * A start did not work and nothing of it is left.  One by policy is tried
 * again, one by command is its author's to try again.
 */
static void not_started(struct step *s, const char *text)
{
	struct domain *d = s->d;

	if (d->saved) {
		because(s, DOMAIN_RESUME_FAILED, "%s", text);
		d->goal = DOMAIN_BE_SUSPENDED;
		keep_end(d);
		enter(s, DOMAIN_SUSPENDED);
		return;
	}
	because(s, DOMAIN_START_FAILED, "%s", text);
	if (d->by_policy && d->goal != DOMAIN_BE_HALTED)
		start_again(s);
	else
		stay_down(s, DOMAIN_HALTED);
}

static void on_start_later(struct step *s, const char *text)
{
	struct domain *d = s->d;

	if (!d->process)
		return;
	d->process = false;
	enter_until(s, DOMAIN_WAITING, DOMAIN_RETRY_MS);
	because(s, DOMAIN_WAITS_HOST, "%s", text);
	pursue(s);
}

static void on_start_refused(struct step *s, const char *text)
{
	if (!s->d->process)
		return;
	s->d->process = false;
	not_started(s, text);
}

static void on_started(struct step *s)
{
	if (!is_being_made(s->d))
		return;
	enter(s, DOMAIN_PAUSED); /* it stands still: pursue() lets it run */
	pursue(s);
}

/* --- what the process says --------------------------------------------- */

/* Not while it is being made or killed, and not when there is none. */
static bool is_alive(const struct domain *d)
{
	return d->process && !is_being_made(d) && d->state != DOMAIN_ENDING;
}

static void on_running(struct step *s)
{
	struct domain *d = s->d;

	if (!is_alive(d) || d->state == DOMAIN_PRESERVED)
		return;
	if (!d->ran_ms)
		d->ran_ms = s->now;
	drop_saved(s);
	if (d->state == DOMAIN_STOPPING || d->state == DOMAIN_RUNNING ||
	    d->state == DOMAIN_PAUSING || d->state == DOMAIN_SUSPENDING)
		return; /* no news, or older than what was asked since */
	if (d->state == DOMAIN_REBOOTING)
		d->reboot = false;
	enter(s, DOMAIN_RUNNING);
	if (d->reason != DOMAIN_SUSPEND_FAILED)
		because(s, DOMAIN_NO_REASON, "%s", "");
	pursue(s);
}

static void on_paused(struct step *s)
{
	struct domain *d = s->d;

	if (d->state != DOMAIN_PAUSING && d->state != DOMAIN_ADOPTING &&
	    d->state != DOMAIN_RUNNING)
		return;
	enter(s, DOMAIN_PAUSED);
	if (d->reason == DOMAIN_NO_ANSWER)
		because(s, DOMAIN_NO_REASON, "%s", "");
	pursue(s);
}

static void on_poweroff(struct step *s)
{
	struct domain *d = s->d;

	if (!is_alive(d))
		return;
	if (d->state == DOMAIN_PRESERVED)
		return;
	drop_saved(s);
	if (d->goal == DOMAIN_BE_HALTED) {
		because(s, DOMAIN_SHUT_DOWN, "its guest has shut down");
	} else if (d->state == DOMAIN_STOPPING || d->reboot) {
		because(s, DOMAIN_SHUT_DOWN, "its guest has shut down to be "
					     "started again");
		d->reboot = false;
	} else {
		because(s, DOMAIN_GUEST_POWEROFF,
			"its guest has switched itself off");
		if (s->rules->on_poweroff == DOMAIN_RESTART)
			d->delay = true;
		else
			d->goal = DOMAIN_BE_HALTED;
	}
	kill_it(s);
}

static void on_reboot(struct step *s)
{
	struct domain *d = s->d;

	if (!is_alive(d) || d->state == DOMAIN_PRESERVED)
		return;
	drop_saved(s);
	because(s, DOMAIN_GUEST_REBOOT, "its guest reboots");
	if (d->goal != DOMAIN_BE_HALTED &&
	    s->rules->on_reboot == DOMAIN_DESTROY &&
	    d->state != DOMAIN_STOPPING && !d->reboot) {
		because(s, DOMAIN_GUEST_REBOOT,
			"its guest has rebooted, which ends it by on_reboot");
		d->goal = DOMAIN_BE_HALTED;
	}
	if (d->goal == DOMAIN_BE_HALTED || s->rules->stale) {
		kill_it(s);
		return;
	}
	d->reboot = true; /* until it runs: hypervisord may be killed */
	act(s, DOMAIN_ACT_RESET);
	enter_until(s, DOMAIN_REBOOTING, DOMAIN_ANSWER_MS);
}

static void on_panic(struct step *s)
{
	struct domain *d = s->d;

	if (!is_alive(d) || d->state == DOMAIN_PRESERVED)
		return;
	drop_saved(s);
	because(s, DOMAIN_GUEST_PANIC, "its guest's kernel has crashed");
	if (s->rules->on_crash == DOMAIN_PRESERVE &&
	    d->goal != DOMAIN_BE_HALTED) {
		keep_end(d);
		d->goal = DOMAIN_BE_HALTED;
		d->reboot = false;
		act(s, DOMAIN_ACT_PAUSE);
		enter(s, DOMAIN_PRESERVED);
		return;
	}
	d->crashed = true;
	kill_it(s);
}

static void on_saved(struct step *s)
{
	if (s->d->state != DOMAIN_SUSPENDING) {
		act(s, DOMAIN_ACT_DROP_SAVED); /* too late: it is ending */
		return;
	}
	s->d->saved = true;
	because(s, DOMAIN_SUSPEND_DONE, "suspended");
	kill_it(s);
}

static void on_save_failed(struct step *s, const char *text)
{
	struct domain *d = s->d;

	if (d->state != DOMAIN_SUSPENDING)
		return;
	because(s, DOMAIN_SUSPEND_FAILED, "not suspended: %s", text);
	if (d->goal == DOMAIN_BE_SUSPENDED)
		d->goal = d->was_paused ? DOMAIN_BE_PAUSED : DOMAIN_BE_RUNNING;
	enter(s, DOMAIN_PAUSED);
	pursue(s);
}

/* --- its end ----------------------------------------------------------- */

/* Killed by us, and gone: what it was killed for goes on. */
static void on_ended(struct step *s)
{
	struct domain *d = s->d;

	if (d->crashed) {
		d->crashed = false;
		crash(s);
	} else if (d->goal == DOMAIN_BE_HALTED) {
		drop_saved(s);
		stay_down(s, DOMAIN_HALTED);
	} else if (d->saved && d->goal == DOMAIN_BE_SUSPENDED) {
		keep_end(d);
		enter(s, DOMAIN_SUSPENDED);
	} else if (d->delay) {
		start_again(s);
	} else {
		keep_end(d);
		begin(s);
	}
}

static void on_died(struct step *s, const char *text)
{
	struct domain *d = s->d;

	because(s, DOMAIN_PROCESS_DIED, "%s", text);
	if (d->saved) {
		not_started(s, text);
	} else if (d->state == DOMAIN_STOPPING || d->reboot) {
		/* what it was asked for has come to pass, in its way */
		if (d->goal == DOMAIN_BE_HALTED) {
			stay_down(s, DOMAIN_HALTED);
		} else {
			keep_end(d);
			begin(s);
		}
	} else {
		crash(s);
	}
}

static void on_exited(struct step *s, const char *text)
{
	struct domain *d = s->d;
	bool was_made = is_being_made(d);
	bool was_killed = d->state == DOMAIN_ENDING;

	if (!d->process)
		return;
	d->process = false;
	if (was_killed)
		on_ended(s);
	else if (was_made)
		not_started(s, text);
	else
		on_died(s, text);
}

/* --- time -------------------------------------------------------------- */

static void no_answer(struct step *s)
{
	because(s, DOMAIN_NO_ANSWER, "its process does not answer");
	s->d->due_ms = s->now + DOMAIN_ANSWER_MS;
}

static void on_stop_due(struct step *s)
{
	struct domain *d = s->d;

	if (s->now < d->stop_by_ms) {
		press(s);
		return;
	}
	because(s, DOMAIN_SHUTDOWN_TIMEOUT,
		"its guest did not shut down in %llu s and was switched off",
		(unsigned long long)(s->rules->shutdown_ms / 1000));
	d->reboot = false;
	kill_it(s);
}

static void on_due(struct step *s)
{
	struct domain *d = s->d;

	switch (d->state) {
	case DOMAIN_WAITING:
	case DOMAIN_BACKING_OFF:
		begin(s);
		break;
	case DOMAIN_STARTING:
	case DOMAIN_RESUMING:
		because(s, DOMAIN_START_FAILED, "was not up in %d s",
			DOMAIN_START_MS / 1000);
		d->delay = d->by_policy && !d->saved;
		if (d->saved)
			d->goal = DOMAIN_BE_SUSPENDED;
		else if (!d->by_policy)
			d->goal = DOMAIN_BE_HALTED;
		kill_it(s);
		break;
	case DOMAIN_PAUSING:
		act(s, DOMAIN_ACT_PAUSE);
		no_answer(s);
		break;
	case DOMAIN_UNPAUSING:
		act(s, DOMAIN_ACT_CONT);
		no_answer(s);
		break;
	case DOMAIN_REBOOTING:
		act(s, DOMAIN_ACT_RESET);
		no_answer(s);
		break;
	case DOMAIN_ADOPTING:
		act(s, DOMAIN_ACT_LOOK);
		no_answer(s);
		break;
	case DOMAIN_ENDING: /* the reason of its end stays */
		act(s, DOMAIN_ACT_KILL);
		d->due_ms = s->now + DOMAIN_ANSWER_MS;
		break;
	case DOMAIN_STOPPING:
		on_stop_due(s);
		break;
	default:
		d->due_ms = 0;
		break;
	}
}

/* --- interface --------------------------------------------------------- */

void domain_init(struct domain *d, uint64_t now_ms)
{
	memset(d, 0, sizeof(*d));
	d->state = DOMAIN_HALTED;
	d->since_ms = now_ms;
}

bool domain_is_down(const struct domain *d)
{
	return !d->process && d->state != DOMAIN_WAITING &&
	       d->state != DOMAIN_BACKING_OFF;
}

void domain_adopt(struct domain *d, uint64_t now_ms,
		  struct domain_actions *out)
{
	struct step s = { d, NULL, now_ms, out };
	bool half_made = is_being_made(d);

	out->count = 0;
	d->process = true;
	d->looking = false;
	if (half_made || d->state == DOMAIN_ENDING) {
		if (half_made && d->goal == DOMAIN_BE_HALTED)
			d->hard = true;
		kill_it(&s);
		return;
	}
	if (d->state == DOMAIN_PRESERVED)
		return;
	act(&s, DOMAIN_ACT_LOOK);
	enter_until(&s, DOMAIN_ADOPTING, DOMAIN_ANSWER_MS);
}

void domain_resume_life(struct domain *d, const struct domain_rules *rules,
			uint64_t now_ms, struct domain_actions *out)
{
	struct step s = { d, rules, now_ms, out };

	out->count = 0;
	d->looking = false;
	if (d->goal == DOMAIN_BE_HALTED)
		return;
	if (d->state == DOMAIN_WAITING)
		begin(&s);
	else if (d->state == DOMAIN_BACKING_OFF)
		enter_until(&s, DOMAIN_BACKING_OFF, DOMAIN_BACKOFF_MS);
	else
		pursue(&s);
}

void domain_host_rebooted(struct domain *d, const struct domain_rules *rules,
			  uint64_t now_ms, struct domain_actions *out)
{
	struct step s = { d, rules, now_ms, out };
	bool had_process = d->process;

	out->count = 0;
	d->process = false;
	d->looking = false;
	d->by_policy = true;
	forgive(d);
	if (had_process) {
		because(&s, DOMAIN_HOST_REBOOT, "the host went down");
		keep_end(d);
	}
	if (d->saved && !(d->goal == DOMAIN_BE_HALTED && d->hard)) {
		enter(&s, DOMAIN_SUSPENDED);
		if (d->goal == DOMAIN_BE_HALTED)
			d->goal = DOMAIN_BE_SUSPENDED;
	} else if (d->state != DOMAIN_CRASHED) {
		if (d->goal == DOMAIN_BE_SUSPENDED)
			d->goal = DOMAIN_BE_RUNNING;
		enter(&s, DOMAIN_HALTED);
	}
	pursue(&s);
}

void domain_handle(struct domain *d, enum domain_event event, const char *text,
		   const struct domain_rules *rules, uint64_t now_ms,
		   struct domain_actions *out)
{
	struct step s = { d, rules, now_ms, out };

	out->count = 0;
	if (!text)
		text = "no reason was given";
	if (event <= DOMAIN_EV_SUSPEND) {
		on_command(&s, event);
		return;
	}
	switch (event) {
	case DOMAIN_EV_OWNED:
		if (d->state == DOMAIN_WAITING && !d->looking)
			begin(&s);
		break;
	case DOMAIN_EV_SWITCH_READY: on_switch(&s, true, text); break;
	case DOMAIN_EV_SWITCH_NOT_READY: on_switch(&s, false, text); break;
	case DOMAIN_EV_START_LATER: on_start_later(&s, text); break;
	case DOMAIN_EV_START_REFUSED: on_start_refused(&s, text); break;
	case DOMAIN_EV_STARTED: on_started(&s); break;
	case DOMAIN_EV_RUNNING: on_running(&s); break;
	case DOMAIN_EV_PAUSED: on_paused(&s); break;
	case DOMAIN_EV_GUEST_POWEROFF: on_poweroff(&s); break;
	case DOMAIN_EV_GUEST_REBOOT: on_reboot(&s); break;
	case DOMAIN_EV_GUEST_PANIC: on_panic(&s); break;
	case DOMAIN_EV_SAVED: on_saved(&s); break;
	case DOMAIN_EV_SAVE_FAILED: on_save_failed(&s, text); break;
	case DOMAIN_EV_EXITED: on_exited(&s, text); break;
	default: /* DOMAIN_EV_TIME */
		if (d->due_ms && now_ms >= d->due_ms)
			on_due(&s);
		break;
	}
}

/* --- words ------------------------------------------------------------- */

static const char *const state_words[] = {
	[DOMAIN_HALTED] = "halted",
	[DOMAIN_WAITING] = "waiting",
	[DOMAIN_STARTING] = "starting",
	[DOMAIN_RESUMING] = "resuming",
	[DOMAIN_RUNNING] = "running",
	[DOMAIN_PAUSING] = "pausing",
	[DOMAIN_PAUSED] = "paused",
	[DOMAIN_UNPAUSING] = "unpausing",
	[DOMAIN_REBOOTING] = "rebooting",
	[DOMAIN_SUSPENDING] = "suspending",
	[DOMAIN_SUSPENDED] = "suspended",
	[DOMAIN_STOPPING] = "stopping",
	[DOMAIN_ENDING] = "ending",
	[DOMAIN_BACKING_OFF] = "backing_off",
	[DOMAIN_CRASHED] = "crashed",
	[DOMAIN_PRESERVED] = "preserved",
	[DOMAIN_ADOPTING] = "adopting",
};

static const char *const reason_words[] = {
	[DOMAIN_NO_REASON] = "none",
	[DOMAIN_WAITS_EPOCH] = "waits_epoch",
	[DOMAIN_WAITS_SWITCH] = "waits_switch",
	[DOMAIN_WAITS_HOST] = "waits_host",
	[DOMAIN_START_FAILED] = "start_failed",
	[DOMAIN_SHUT_DOWN] = "shut_down",
	[DOMAIN_SHUTDOWN_TIMEOUT] = "shutdown_timeout",
	[DOMAIN_KILLED] = "killed",
	[DOMAIN_GUEST_POWEROFF] = "guest_poweroff",
	[DOMAIN_GUEST_REBOOT] = "guest_reboot",
	[DOMAIN_GUEST_PANIC] = "guest_panic",
	[DOMAIN_PROCESS_DIED] = "process_died",
	[DOMAIN_CRASH_LOOP] = "crash_loop",
	[DOMAIN_SUSPEND_DONE] = "suspended",
	[DOMAIN_SUSPEND_FAILED] = "suspend_failed",
	[DOMAIN_RESUME_FAILED] = "resume_failed",
	[DOMAIN_HOST_REBOOT] = "host_reboot",
	[DOMAIN_NO_ANSWER] = "no_answer",
};

static const char *const action_words[] = {
	[DOMAIN_ACT_ASK_SWITCH] = "ask_switch",
	[DOMAIN_ACT_STOP_ASKING] = "stop_asking",
	[DOMAIN_ACT_START] = "start",
	[DOMAIN_ACT_RESTORE] = "restore",
	[DOMAIN_ACT_CONT] = "cont",
	[DOMAIN_ACT_PAUSE] = "pause",
	[DOMAIN_ACT_SHUTDOWN] = "shutdown",
	[DOMAIN_ACT_RESET] = "reset",
	[DOMAIN_ACT_SAVE] = "save",
	[DOMAIN_ACT_DROP_SAVED] = "drop_saved",
	[DOMAIN_ACT_KILL] = "kill",
	[DOMAIN_ACT_LOOK] = "look",
};

#define WORDS(list) (sizeof(list) / sizeof((list)[0]))

static_assert(WORDS(state_words) == DOMAIN_STATE_COUNT, "a word a state");
static_assert(WORDS(reason_words) == DOMAIN_REASON_COUNT, "a word a reason");

const char *domain_state_word(enum domain_state state)
{
	return state_words[state];
}

const char *domain_reason_word(enum domain_reason reason)
{
	return reason_words[reason];
}

const char *domain_action_word(enum domain_action action)
{
	return action_words[action];
}

static unsigned find_word(const char *const words[], unsigned n,
			  const char *word)
{
	unsigned i;

	for (i = 0; i < n && strcmp(words[i], word); i++)
		;
	return i;
}

enum domain_state domain_state_of(const char *word)
{
	return find_word(state_words, DOMAIN_STATE_COUNT, word);
}

enum domain_reason domain_reason_of(const char *word)
{
	return find_word(reason_words, DOMAIN_REASON_COUNT, word);
}
