/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_trial.c: the last confirmed state and a deadline.
 */
#include "vswitch/switch_trial.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int switch_trial_admit(const struct switch_trial *t, unsigned seconds,
		       uint64_t now_ms, struct switch_conf_errors *errs)
{
	struct switch_conf_error *e = &errs->error[0];
	uint64_t left_ms;

	if (seconds || !switch_trial_left(t, now_ms, &left_ms))
		return 0;
	errs->count = 1;
	snprintf(e->path, sizeof(e->path), "confirm_within_s");
	snprintf(e->value, sizeof(e->value), "0");
	snprintf(e->expected, sizeof(e->expected),
		 "switchctl confirm or revert first: what runs is on trial for "
		 "another %" PRIu64 " s; or a trial of its own, with "
		 "--confirm-within", (left_ms + 999) / 1000);
	return -EBUSY;
}

/* Before the first state: nothing, with the tables that are there. */
static struct switch_conf *copy_empty(const struct switch_conf *running)
{
	struct switch_conf *copy = switch_conf_empty();

	if (copy)
		copy->settings = running->settings;
	return copy;
}

struct switch_conf *switch_trial_copy(const struct switch_conf *running)
{
	struct switch_conf_errors errs;
	struct switch_conf *copy;
	char *text;

	if (!running->owner[0])
		return copy_empty(running);
	text = switch_conf_save(running);
	if (text)
		switch_conf_parse(&copy, text, strlen(text), &errs);
	else
		copy = NULL;
	free(text);
	return copy;
}

void switch_trial_begin(struct switch_trial *t, struct switch_conf *before,
			unsigned seconds, uint64_t now_ms)
{
	if (t->before)
		switch_conf_free(before);
	else
		t->before = before;
	t->until_ms = now_ms + seconds * 1000ull;
}

bool switch_trial_left(const struct switch_trial *t, uint64_t now_ms,
		       uint64_t *left_ms)
{
	*left_ms = t->until_ms > now_ms ? t->until_ms - now_ms : 0;
	return t->before;
}

void switch_trial_confirm(struct switch_trial *t)
{
	switch_conf_free(t->before);
	t->before = NULL;
}

struct switch_conf *switch_trial_take(struct switch_trial *t)
{
	struct switch_conf *before = t->before;

	t->before = NULL;
	return before;
}
