/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_talk.c: see guest_talk.h.
 *
 * The connection is kept between questions: an agent in the guest polls its
 * port while nobody is at the other end.  After one that failed it is given
 * up, as guest_agent.h asks for.
 */
#include "hypervisor/guest_talk.h"

#include <errno.h>
#include <stdlib.h>

struct guest_talk {
	struct guest_talk_conf conf;
	struct guest_agent *agent; /* NULL: not connected */
	enum guest_talk_state state;
	bool ran; /* at the last review */
	bool asking;
	uint64_t next_ms; /* not before */
	uint64_t pause_ms;
	uint64_t heard_ms;
	bool heard;
	struct guest_agent_facts facts;
};

static uint64_t now(const struct guest_talk *t)
{
	return t->conf.now_ms(t->conf.ctx);
}

/* No answer, or none to be had. */
static void failed(struct guest_talk *t)
{
	guest_agent_free(t->agent);
	t->agent = NULL;
	t->asking = false;
	t->state = t->heard ? GUEST_TALK_SILENT : GUEST_TALK_ABSENT;
	t->next_ms = now(t) + t->pause_ms;
	t->pause_ms *= 2;
	if (t->pause_ms > GUEST_TALK_PAUSE_MAX_MS)
		t->pause_ms = GUEST_TALK_PAUSE_MAX_MS;
}

static void on_facts(int rc, const struct guest_agent_facts *facts, void *ctx)
{
	struct guest_talk *t = ctx;

	if (rc) {
		failed(t);
	} else {
		t->facts = *facts;
		t->heard = true;
		t->heard_ms = now(t);
		t->asking = false;
		t->state = GUEST_TALK_ANSWERS;
		t->next_ms = t->heard_ms + GUEST_TALK_REFRESH_MS;
		t->pause_ms = GUEST_TALK_PAUSE_MIN_MS;
	}
	t->conf.on_turn(!rc, t->conf.ctx);
}

static void on_closed(const char *why, void *ctx)
{
	struct guest_talk *t = ctx;

	failed(t);
	t->conf.on_turn(false, t->conf.ctx);
}

static int connected(struct guest_talk *t)
{
	const struct guest_agent_conf conf = {
		.base = t->conf.base,
		.answer_ms = t->conf.answer_ms,
		.on_facts = on_facts,
		.on_closed = on_closed,
		.ctx = t,
	};
	int fd;

	if (t->agent)
		return 0;
	fd = t->conf.connect(t->conf.ctx);
	return fd < 0 ? fd : guest_agent_new_take(&t->agent, &conf, fd);
}

static void ask(struct guest_talk *t)
{
	int rc = connected(t);

	if (!rc && t->conf.on_ask)
		t->conf.on_ask(t->conf.ctx);
	if (!rc)
		rc = guest_agent_ask(t->agent);
	if (rc)
		failed(t);
	else
		t->asking = true;
}

uint64_t guest_talk_review(struct guest_talk *t, bool running)
{
	if (running && !t->ran) {
		t->pause_ms = GUEST_TALK_PAUSE_MIN_MS;
		t->next_ms = now(t) + t->pause_ms;
	}
	t->ran = running;
	if (!running || t->asking)
		return 0;
	if (now(t) >= t->next_ms)
		ask(t);
	return t->asking ? 0 : t->next_ms;
}

void guest_talk_soon(struct guest_talk *t)
{
	uint64_t at = now(t) + GUEST_TALK_SOON_MS;

	if (t->state == GUEST_TALK_ANSWERS && at < t->next_ms)
		t->next_ms = at;
}

enum guest_talk_state guest_talk_state(const struct guest_talk *t)
{
	return t->state;
}

const char *guest_talk_word(enum guest_talk_state state)
{
	static const char *const words[] = {
		[GUEST_TALK_UNKNOWN] = "unknown",
		[GUEST_TALK_ABSENT] = "absent",
		[GUEST_TALK_ANSWERS] = "answers",
		[GUEST_TALK_SILENT] = "silent",
	};

	return words[state];
}

const struct guest_agent_facts *guest_talk_heard(const struct guest_talk *t,
						 uint64_t *at_ms)
{
	*at_ms = t->heard_ms;
	return t->heard ? &t->facts : NULL;
}

int guest_talk_new(struct guest_talk **out,
		   const struct guest_talk_conf *conf)
{
	struct guest_talk *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->conf = *conf;
	if (!t->conf.answer_ms)
		t->conf.answer_ms = GUEST_TALK_ANSWER_MS;
	t->pause_ms = GUEST_TALK_PAUSE_MIN_MS;
	*out = t;
	return 0;
}

void guest_talk_free(struct guest_talk *t)
{
	if (!t)
		return;
	guest_agent_free(t->agent);
	free(t);
}
