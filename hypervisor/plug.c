/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plug.c: see plug.h. */
#include "hypervisor/plug.h"

#include <stdio.h>
#include <string.h>

static enum plug_step go(struct plug *p, enum plug_state state,
			 enum plug_step step)
{
	p->state = state;
	p->retry_ms = 0;
	p->why[0] = '\0';
	return step;
}

enum plug_step plug_next(struct plug *p, const struct plug_wish *wish,
			 uint64_t now_ms)
{
	bool may_try = wish->possible && now_ms >= p->retry_ms;

	switch (p->state) {
	case PLUG_OUT:
		if (!wish->wanted)
			return go(p, PLUG_OUT, PLUG_NOTHING);
		if (!may_try)
			return PLUG_NOTHING;
		if (wish->gated)
			return go(p, PLUG_ASKING, PLUG_ASK);
		return go(p, PLUG_GOING_IN, PLUG_INSERT);
	case PLUG_ASKING:
		if (!wish->wanted || !wish->same || !wish->possible)
			return go(p, PLUG_OUT, PLUG_STOP_ASKING);
		return PLUG_NOTHING;
	case PLUG_IN:
		if (wish->wanted && wish->same)
			return go(p, PLUG_IN, PLUG_NOTHING);
		if (!may_try)
			return PLUG_NOTHING;
		return go(p, PLUG_GOING_OUT, PLUG_REMOVE);
	default: /* on its way: plug_done() */
		return PLUG_NOTHING;
	}
}

enum plug_step plug_switch(struct plug *p, bool ready, const char *why)
{
	if (p->state != PLUG_ASKING)
		return PLUG_NOTHING;
	if (ready)
		return go(p, PLUG_GOING_IN, PLUG_INSERT);
	snprintf(p->why, sizeof(p->why), "%s", why);
	return PLUG_NOTHING;
}

void plug_done(struct plug *p, const char *failed, uint64_t now_ms)
{
	bool was_going_in = p->state == PLUG_GOING_IN;

	if (!was_going_in && p->state != PLUG_GOING_OUT)
		return;
	go(p, was_going_in == !failed ? PLUG_IN : PLUG_OUT, PLUG_NOTHING);
	if (!failed)
		return;
	p->retry_ms = now_ms + PLUG_RETRY_MS;
	snprintf(p->why, sizeof(p->why), "%s", failed);
}

void plug_forget(struct plug *p)
{
	go(p, p->state, PLUG_NOTHING);
}

const char *plug_word(enum plug_state state)
{
	static const char *const words[] = {
		[PLUG_OUT] = "out",
		[PLUG_ASKING] = "waiting",
		[PLUG_GOING_IN] = "plugging",
		[PLUG_IN] = "in",
		[PLUG_GOING_OUT] = "unplugging",
	};

	return words[state];
}
