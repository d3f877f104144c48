/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domain.h: the life of one domain, as a state machine.
 *
 * Pure: events in, actions out, time passed in.  host.c feeds it and carries
 * out what it asks for; a test plays every interleaving of events against a
 * model of the world (tests/unit/test_domain.c).
 *
 * A command sets a goal (halted, running, paused, suspended); the machine
 * walks there one step at a time, and a command that comes amid a step is
 * taken up when that step has ended.  So no command is lost, the last one
 * wins, and there is no order of commands and failures that leaves a domain
 * between two states.
 *
 *	halted -> waiting -> starting -> running <-> pausing, paused, unpausing
 *	              ^                     |-> stopping -> ending -> halted
 *	              |                     '-> paused -> suspending -> ending
 *	          backing_off <- crash                           -> suspended
 *	                                     (and back: waiting -> resuming)
 *
 * Three promises, which the test holds it to: never two processes of one
 * domain (a start is asked for only when the last process is known to be
 * gone); never a process before the switch has its ports in force; what was
 * suspended is thrown away only when its guest runs again, or by command.
 */
#ifndef CAUSEWAY_DOMAIN_H
#define CAUSEWAY_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOMAIN_WHY_MAX 256
#define DOMAIN_RETRY_MS 2000	   /* look again for what is waited for */
#define DOMAIN_START_MS 120000	   /* a process that is not up by then ends */
#define DOMAIN_ANSWER_MS 15000	   /* ask an engine that is silent again */
#define DOMAIN_PRESS_MS 10000	   /* press the power button again */
#define DOMAIN_HEALTHY_MS 60000	   /* ran that long: back-off begins anew */
#define DOMAIN_BACKOFF_MS 1000	   /* doubles each time... */
#define DOMAIN_BACKOFF_MAX_MS 60000 /* ...up to this */
#define DOMAIN_LOOP_ENDS 5	   /* so many ends within... */
#define DOMAIN_ENDS_KEPT (DOMAIN_LOOP_ENDS - 1)
#define DOMAIN_LOOP_MS 600000	   /* ...so long: it is not tried again */

enum domain_state {
	DOMAIN_HALTED,
	DOMAIN_WAITING,	    /* wanted; `why` says what is missing */
	DOMAIN_STARTING,    /* its process is being made */
	DOMAIN_RESUMING,    /* the same, from what was suspended */
	DOMAIN_RUNNING,
	DOMAIN_PAUSING,
	DOMAIN_PAUSED,
	DOMAIN_UNPAUSING,
	DOMAIN_REBOOTING,   /* reset within its process */
	DOMAIN_SUSPENDING,
	DOMAIN_SUSPENDED,   /* no process; its memory is in a file */
	DOMAIN_STOPPING,    /* its guest was asked to shut down */
	DOMAIN_ENDING,	    /* its process was killed and is not gone yet */
	DOMAIN_BACKING_OFF, /* starts again in a while */
	DOMAIN_CRASHED,	    /* no process; stays down until it is started */
	DOMAIN_PRESERVED,   /* crashed; its process is kept to be looked at */
	DOMAIN_ADOPTING,    /* its process lives; how it is, is being asked */
	DOMAIN_STATE_COUNT
};

enum domain_reason {
	DOMAIN_NO_REASON,
	DOMAIN_WAITS_EPOCH,	/* this host may not own it any more */
	DOMAIN_WAITS_SWITCH,	/* its ports are not in force */
	DOMAIN_WAITS_HOST,	/* memory, a uid: what others have to give up */
	DOMAIN_START_FAILED,
	DOMAIN_SHUT_DOWN,	/* it was asked to, and did */
	DOMAIN_SHUTDOWN_TIMEOUT, /* it was asked to, and did not: killed */
	DOMAIN_KILLED,		/* by command */
	DOMAIN_GUEST_POWEROFF,	/* its guest switched itself off */
	DOMAIN_GUEST_REBOOT,	/* its guest wanted to reboot */
	DOMAIN_GUEST_PANIC,
	DOMAIN_PROCESS_DIED,
	DOMAIN_CRASH_LOOP,	/* it ended too often to be tried again */
	DOMAIN_SUSPEND_DONE,
	DOMAIN_SUSPEND_FAILED,	/* it goes on as before */
	DOMAIN_RESUME_FAILED,	/* what was suspended is kept */
	DOMAIN_HOST_REBOOT,	/* the host went down beneath it */
	DOMAIN_NO_ANSWER,	/* its engine does not answer; asked again */
	DOMAIN_REASON_COUNT
};

enum domain_goal {
	DOMAIN_BE_HALTED,
	DOMAIN_BE_RUNNING,
	DOMAIN_BE_PAUSED,
	DOMAIN_BE_SUSPENDED,
};

/* What an end of the guest leads to; same order as enum dconf_then. */
enum domain_then { DOMAIN_DESTROY, DOMAIN_RESTART, DOMAIN_PRESERVE };

/* From the desired state; may differ from one event to the next. */
struct domain_rules {
	enum domain_then on_poweroff, on_reboot, on_crash;
	uint64_t shutdown_ms; /* for a clean shutdown, then it is killed */
	bool owned;	      /* its epoch is confirmed, or need not be */
	bool stale;	      /* a change waits for a new process */
};

enum domain_event {
	/* commands; domain_may() says whether they make sense */
	DOMAIN_EV_START,
	DOMAIN_EV_SHUTDOWN,
	DOMAIN_EV_REBOOT,
	DOMAIN_EV_KILL,	   /* power off, now; what was suspended goes, too */
	DOMAIN_EV_RESET,   /* kill and start again */
	DOMAIN_EV_PAUSE,
	DOMAIN_EV_RESUME,  /* of paused and of suspended domains */
	DOMAIN_EV_SUSPEND,
	/* what was waited for; text of the refusals: in whole words */
	DOMAIN_EV_OWNED,
	DOMAIN_EV_SWITCH_READY,
	DOMAIN_EV_SWITCH_NOT_READY, /* still asking; text */
	/* the answers to DOMAIN_ACT_START; nothing is left after a refusal */
	DOMAIN_EV_START_LATER, /* text: what the host is short of */
	DOMAIN_EV_START_REFUSED, /* text: what has to be put right */
	DOMAIN_EV_STARTED,	 /* the process is up, its guest stands still */
	/* what happens to the process */
	DOMAIN_EV_RUNNING,
	DOMAIN_EV_PAUSED,
	DOMAIN_EV_GUEST_POWEROFF,
	DOMAIN_EV_GUEST_REBOOT,
	DOMAIN_EV_GUEST_PANIC,
	DOMAIN_EV_SAVED,
	DOMAIN_EV_SAVE_FAILED, /* text; the guest stands still */
	DOMAIN_EV_EXITED,      /* text: how; released already */
	/* time; also when nothing is due */
	DOMAIN_EV_TIME,
};

enum domain_action {
	DOMAIN_ACT_ASK_SWITCH,	/* until ready or told to stop */
	DOMAIN_ACT_STOP_ASKING,
	DOMAIN_ACT_START,	/* make a process; guest stands still */
	DOMAIN_ACT_RESTORE,	/* the same, from what was suspended */
	DOMAIN_ACT_CONT,	/* let the guest run: answer RUNNING */
	DOMAIN_ACT_PAUSE,	/* answer PAUSED */
	DOMAIN_ACT_SHUTDOWN,	/* ask the guest to switch itself off */
	DOMAIN_ACT_RESET,	/* reset and run: answer RUNNING */
	DOMAIN_ACT_SAVE,	/* answer SAVED or SAVE_FAILED */
	DOMAIN_ACT_DROP_SAVED,	/* delete what was suspended */
	DOMAIN_ACT_KILL,	/* answer EXITED */
	DOMAIN_ACT_LOOK,	/* adopt: answer how the guest is */
};

#define DOMAIN_ACTIONS_MAX 4

struct domain_actions {
	unsigned count;
	enum domain_action list[DOMAIN_ACTIONS_MAX];
};

/* All fields are plain values and may be saved and loaded. */
struct domain {
	enum domain_state state;
	enum domain_goal goal;
	bool hard;	  /* goal halted: without asking the guest */
	bool reboot;	  /* goal running: but end this run first */
	bool process;	  /* there is one, or one is being made */
	bool saved;	  /* a file holds its suspended guest */
	bool was_paused;  /* where a failed suspend goes back to */
	bool crashed;	  /* the process ends because the guest crashed */
	bool by_policy;	  /* nobody waits for this start to work */
	bool delay;	  /* goal running: but wait before it */
	bool looking;	  /* waiting: the switch is being asked */
	enum domain_reason reason; /* of the state it is in */
	char why[DOMAIN_WHY_MAX];
	enum domain_reason end_reason; /* of its last end */
	char end_why[DOMAIN_WHY_MAX];
	uint64_t since_ms;   /* in this state */
	uint64_t due_ms;     /* send DOMAIN_EV_TIME then; 0: no need */
	uint64_t stop_by_ms; /* stopping: killed then */
	uint64_t ran_ms;     /* this run's guest began; 0: not yet */
	unsigned tries;	     /* back-off */
	unsigned ends;	     /* that policy has answered */
	uint64_t ends_ms[DOMAIN_ENDS_KEPT]; /* a ring; 0: none */
	uint32_t restarts;   /* by policy, since it was created */
};

void domain_init(struct domain *d, uint64_t now_ms);

/*
 * After hypervisord's restart, with d as it was kept.  One of three:
 *
 * Its process lives.  A half-made one is ended and made anew, others are
 * looked at.  (It is gone since: the same, and then DOMAIN_EV_EXITED.)
 */
void domain_adopt(struct domain *d, uint64_t now_ms,
		  struct domain_actions *out);
/* It had none, in this boot: what was being waited for is waited for. */
void domain_resume_life(struct domain *d, const struct domain_rules *rules,
			uint64_t now_ms, struct domain_actions *out);
/* No process survived; what was running is to run again. */
void domain_host_rebooted(struct domain *d, const struct domain_rules *rules,
			  uint64_t now_ms, struct domain_actions *out);
/* No process, none made or asked for, nothing under way. */
bool domain_is_down(const struct domain *d);

/*
 * May a command be given now?  NULL: yes; else why not, in words.  (One that
 * may not be given does nothing if it is given all the same.)
 */
const char *domain_may(const struct domain *d, enum domain_event command);

/*
 * One event.  `text` may be NULL.  What is to be done is put into *out, in
 * order; the caller does it and sends the answers as events.
 */
void domain_handle(struct domain *d, enum domain_event event, const char *text,
		   const struct domain_rules *rules, uint64_t now_ms,
		   struct domain_actions *out);

const char *domain_state_word(enum domain_state state);
const char *domain_reason_word(enum domain_reason reason);
const char *domain_action_word(enum domain_action action);
/* The word's state, or DOMAIN_STATE_COUNT; its reason, or _REASON_COUNT. */
enum domain_state domain_state_of(const char *word);
enum domain_reason domain_reason_of(const char *word);

#endif
