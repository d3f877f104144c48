/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plug.h: one VIF or disk of a running domain, on its way in or out.
 *
 * Pure.  What is plugged follows what is wanted, one step at a time: a device
 * that differs goes out first and then in anew; a VIF goes in only when the
 * switch has its port in force.  What fails is tried again after a while, for
 * as long as it is wanted.
 */
#ifndef CAUSEWAY_PLUG_H
#define CAUSEWAY_PLUG_H

#include <stdbool.h>
#include <stdint.h>

#define PLUG_WHY_MAX 256
#define PLUG_RETRY_MS 5000

enum plug_state {
	PLUG_OUT,
	PLUG_ASKING, /* the switch, whether its port is in force */
	PLUG_GOING_IN,
	PLUG_IN,
	PLUG_GOING_OUT,
};

enum plug_step {
	PLUG_NOTHING,
	PLUG_ASK,
	PLUG_STOP_ASKING,
	PLUG_INSERT, /* answered by plug_done() */
	PLUG_REMOVE, /* answered by plug_done() */
};

/* All 0: out. */
struct plug {
	enum plug_state state;
	uint64_t retry_ms; /* not before; 0: at once */
	char why[PLUG_WHY_MAX]; /* what is in the way, or "" */
};

/* How it should be, now. */
struct plug_wish {
	bool wanted;   /* shall be in */
	bool same;     /* what is in, or on its way, is what is wanted */
	bool possible; /* the domain can do it now */
	bool gated;    /* the switch has to be asked first */
};

/* The next step; the state follows it. */
enum plug_step plug_next(struct plug *p, const struct plug_wish *wish,
			 uint64_t now_ms);
/* The switch is ready (PLUG_INSERT follows), or why not. */
enum plug_step plug_switch(struct plug *p, bool ready, const char *why);
/* An insertion or removal has ended: NULL, or why it failed. */
void plug_done(struct plug *p, const char *failed, uint64_t now_ms);
/* Another is wanted: what was in the way of the last one is no matter. */
void plug_forget(struct plug *p);
/* "out", "waiting", "plugging", "in", "unplugging" */
const char *plug_word(enum plug_state state);

#endif
