/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_talk.h: asks a domain's guest agent (guest_agent.h) again and again.
 *
 * An agent may be there from the start, come later, go and come back.  While
 * it answers it is asked every GUEST_TALK_REFRESH_MS; while it does not, it is
 * looked for after pauses that double from GUEST_TALK_PAUSE_MIN_MS to
 * GUEST_TALK_PAUSE_MAX_MS.  What it said last is kept, with the time: facts
 * of one that fell silent are old, not wrong.
 *
 * Time comes from the caller, who calls guest_talk_review() when it is due.
 * One thread, that of the loop; nothing here waits.
 */
#ifndef CAUSEWAY_GUEST_TALK_H
#define CAUSEWAY_GUEST_TALK_H

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/guest_agent.h"

#define GUEST_TALK_REFRESH_MS 10000
#define GUEST_TALK_PAUSE_MIN_MS 1000
#define GUEST_TALK_PAUSE_MAX_MS 60000
#define GUEST_TALK_SOON_MS 1500 /* a guest needs a moment for a new NIC */
#define GUEST_TALK_ANSWER_MS 5000

struct event_base;
struct guest_talk;

enum guest_talk_state {
	GUEST_TALK_UNKNOWN, /* not asked yet */
	GUEST_TALK_ABSENT,  /* has never answered */
	GUEST_TALK_ANSWERS,
	GUEST_TALK_SILENT,  /* has answered, and does no more */
};

struct guest_talk_conf {
	struct event_base *base;
	unsigned answer_ms; /* 0: GUEST_TALK_ANSWER_MS */
	uint64_t (*now_ms)(void *ctx); /* never goes back */
	/* A new connection to it, owned by the callee's caller; or -errno. */
	int (*connect)(void *ctx);
	/* About to ask; may be NULL. */
	void (*on_ask)(void *ctx);
	/*
	 * The question is over, out of the loop: it has answered or not.  Now
	 * review; freeing the talk here is legal.
	 */
	void (*on_turn)(bool heard, void *ctx);
	void *ctx;
};

/* conf is copied.  0 or -ENOMEM. */
int guest_talk_new(struct guest_talk **out,
		   const struct guest_talk_conf *conf);
void guest_talk_free(struct guest_talk *t); /* NULL: nothing */

/*
 * Do what is due.  Does the guest run?  One that stands still is not asked,
 * and from when it runs again the pauses begin anew.  When to call next; 0:
 * on_turn or a change of `running` comes first.
 */
uint64_t guest_talk_review(struct guest_talk *t, bool running);
/* Something has changed in the guest: ask one that answers again soon. */
void guest_talk_soon(struct guest_talk *t);

enum guest_talk_state guest_talk_state(const struct guest_talk *t);
/* "unknown", "absent", "answers", "silent" */
const char *guest_talk_word(enum guest_talk_state state);
/* What it said last, and when; NULL: nothing yet. */
const struct guest_agent_facts *guest_talk_heard(const struct guest_talk *t,
						 uint64_t *at_ms);

#endif
