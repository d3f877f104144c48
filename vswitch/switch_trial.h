/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_trial.h: a state that is gone back on unless somebody confirms it.
 *
 * Who changes the uplink that his own connection runs over may cut himself
 * off, and then cannot change it back.  So a state may be applied on trial:
 * it runs, but is not kept on disk; when it is not confirmed in time the
 * switch becomes what it was before by itself.  A switch that is killed or
 * stopped meanwhile starts with the state on disk, which is that one.
 *
 * There is one trial at a time.  Another state may be tried instead: the time
 * begins anew, and what is gone back to is still the last confirmed state.  A
 * state that is not itself on trial has to wait, because it would be kept, and
 * with it what nobody has confirmed.
 *
 * Pure: time is passed in, monotonic ms.  Threads: one.
 */
#ifndef CAUSEWAY_SWITCH_TRIAL_H
#define CAUSEWAY_SWITCH_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "vswitch/switch_conf.h"

#define SWITCH_TRIAL_MAX_S 3600

struct switch_trial {
	struct switch_conf *before; /* NULL: nothing is on trial */
	uint64_t until_ms;
};

/*
 * May a state be applied, on trial for `seconds` (0: for good)?  0, or -EBUSY
 * with one error filled in.
 */
int switch_trial_admit(const struct switch_trial *t, unsigned seconds,
		       uint64_t now_ms, struct switch_conf_errors *errs);

/*
 * What would be gone back to is made aside, so that nothing can fail once the
 * new state runs: a copy of `running`, to be handed to switch_trial_begin() or
 * freed; NULL without memory.
 */
struct switch_conf *switch_trial_copy(const struct switch_conf *running);
/* The new state runs.  Takes `before`. */
void switch_trial_begin(struct switch_trial *t, struct switch_conf *before,
			unsigned seconds, uint64_t now_ms);

/* Milliseconds until it is gone back on, 0: now; false: nothing on trial. */
bool switch_trial_left(const struct switch_trial *t, uint64_t now_ms,
		       uint64_t *left_ms);

/* Confirmed: `before` is forgotten. */
void switch_trial_confirm(struct switch_trial *t);
/* Gone back on: what to become, to be freed or applied; ends the trial. */
struct switch_conf *switch_trial_take(struct switch_trial *t);

#endif
