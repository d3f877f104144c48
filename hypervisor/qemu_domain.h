/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu_domain.h: one domain run by QEMU, as the parts of its engine share it.
 * Private to engine_qemu.c (the process, its beginning and its end),
 * qemu_state.c (what the guest does), qemu_op.c (calls in several steps) and
 * qemu_plug.c (VIFs and disks that come and go).
 */
#ifndef CAUSEWAY_QEMU_DOMAIN_H
#define CAUSEWAY_QEMU_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>
#include <jansson.h>
#include <sys/queue.h>

#include "hypervisor/engine.h"
#include "hypervisor/jail.h"
#include "hypervisor/qmp.h"

#define QEMU_RUN_DIR_MAX 80 /* leaves room for a socket's name in sun_path */
#define QEMU_PATH_MAX 104
#define QEMU_COMMAND_MS 15000 /* for an answer */

struct qemu_log;
struct qemu_op;
struct qemu_queued;

/* What the guest does, as we last said. */
enum qemu_guest {
	QEMU_GUEST_UNKNOWN,
	QEMU_GUEST_RUNS,
	QEMU_GUEST_STANDS,
	QEMU_GUEST_POWEROFF,
	QEMU_GUEST_REBOOT,
	QEMU_GUEST_PANIC,
};

struct qemu_domain {
	struct engine pub; /* first */
	struct engine_conf conf;
	char run_dir[QEMU_RUN_DIR_MAX + 1];
	bool kvm;
	unsigned vcpus;
	bool start_paused;
	int restore_fd;
	uint32_t vifs;	/* plugged, a bit each */
	uint32_t disks; /* plugged, a bit each */

	/* The process. */
	struct jail_process process;
	struct event *process_event;
	struct event *gone_event; /* the jail is being removed */
	unsigned gone_tries;
	bool killed;
	bool ended; /* it has; only EXITED is to come */
	struct jail_end end;
	struct qemu_log *log;
	char last_line[ENGINE_TEXT_MAX];

	/* The way to talk to it. */
	struct qmp *qmp; /* NULL: none */
	bool ready;
	bool adopted;
	char lost[ENGINE_TEXT_MAX];  /* why there is none; "": said */
	struct event *connect_event; /* try again */
	unsigned connect_tries;
	TAILQ_HEAD(, qemu_op) ops;

	/* What the guest does. */
	enum qemu_guest guest;
	enum qemu_guest why;  /* of a guest that stopped by itself */
	enum qemu_guest kept; /* what stands in the file about it */
	bool announced;	     /* STARTED or ADOPTED was said */
	bool begun;	     /* the start was tried */
	bool asking;	     /* query-status is under way */
	bool ask_again;
	struct event *ask_event;   /* not again before this */
	struct event *reset_event; /* the firmware may reset until this */
	struct event *disk_event;  /* no disk error before this */

	/* Events that were not handed over yet. */
	TAILQ_HEAD(, qemu_queued) queue;
	struct event *queue_event;
	bool dispatching;
	bool freed;
};

/* --- engine_qemu.c --------------------------------------------------- */

void qemu_path(const struct qemu_domain *d, char path[QEMU_PATH_MAX],
	       const char *name);
/* Hand this over from the loop; text may be NULL.  Without memory: lost. */
void qemu_emit(struct qemu_domain *d, const struct engine_event *ev,
	       const char *text);
void qemu_emit_type(struct qemu_domain *d, enum engine_event_type type);

/* --- qemu_state.c ---------------------------------------------------- */

int qemu_state_init(struct qemu_domain *d);
void qemu_state_fini(struct qemu_domain *d);
/* Learn why it may have stopped before we came. */
void qemu_state_recall(struct qemu_domain *d, bool log_lost);
/* A line of the log that is meant for us? */
bool qemu_state_line(struct qemu_domain *d, const char *line);
/* An event of QEMU's; false: none of ours. */
bool qemu_state_event(struct qemu_domain *d, const char *name,
		      const json_t *data);
/* Ask what it does; what is new is said. */
void qemu_state_refresh(struct qemu_domain *d);
/* STARTED or ADOPTED is said; what it does follows. */
void qemu_state_announce(struct qemu_domain *d, enum engine_event_type type);
/* An answer to query-status: say what is new. */
void qemu_state_answer(struct qemu_domain *d, const json_t *value);
/* A reset is to be one, until the firmware has had its own. */
void qemu_state_expect_reset(struct qemu_domain *d);

/* --- qemu_op.c ------------------------------------------------------- */

/*
 * A call under way: a chain of commands, each with a function that gets its
 * answer and goes on.  It ends by qemu_op_done(), qemu_op_fail(), or unseen
 * with the process.
 */
typedef void qemu_op_fn(struct qemu_op *op, const json_t *value);

struct qemu_op {
	TAILQ_ENTRY(qemu_op) link;
	struct qemu_domain *d;
	enum engine_call call;
	unsigned slot;
	unsigned waiting;   /* answers that are to come */
	bool over;	    /* has ended, but answers are to come */
	const char *forgive; /* a refusal of the next command: these words */
	char refusal[QMP_TEXT_MAX]; /* what was forgiven; no value came then */
	void (*undo)(struct qemu_op *op);
	const char *event;  /* waits for this event of QEMU's... */
	qemu_op_fn *on_event; /* ...which goes here */
	struct event *timer;
	void (*on_time)(struct qemu_op *op);
	int fds[ENGINE_LAYERS_MAX]; /* ours; -1: none */
	unsigned layer;
	unsigned tries;
	unsigned wait_ms;
	uint64_t memory_bytes;
	struct engine_disk disk;
	struct engine_vif vif;
};

/* A new one; NULL without memory. */
struct qemu_op *qemu_op_new(struct qemu_domain *d, enum engine_call call,
			    unsigned slot);
struct qemu_op *qemu_op_find(struct qemu_domain *d, enum engine_call call,
			     unsigned slot);
/* Send; args and fd (-1: none) are taken. */
void qemu_op_command(struct qemu_op *op, const char *name, json_t *args,
		     int fd, unsigned timeout_ms, qemu_op_fn *next);
/* Send, whatever comes of it. */
void qemu_command(struct qemu_domain *d, const char *name, json_t *args);
/* A descriptor of the op's, which is no longer its. */
int qemu_op_take_fd(struct qemu_op *op, unsigned i);
void qemu_op_wait(struct qemu_op *op, const char *event, qemu_op_fn *fn);
void qemu_op_timer(struct qemu_op *op, unsigned ms,
		   void (*on_time)(struct qemu_op *op));
void qemu_op_done(struct qemu_op *op, const struct engine_event *ev);
void qemu_op_fail(struct qemu_op *op, const char *text);
/* End them all: with words as FAILED, with NULL unseen. */
void qemu_op_end_all(struct qemu_domain *d, const char *text);
/* An event of QEMU's, for those that wait for it. */
void qemu_op_event(struct qemu_domain *d, const char *name, json_t *data);

int qemu_op_start(struct qemu_domain *d);
int qemu_op_pause(struct engine *e);
int qemu_op_resume(struct engine *e);
int qemu_op_reset(struct engine *e);
int qemu_op_shutdown(struct engine *e);
int qemu_op_save(struct engine *e, int fd);
int qemu_op_dirty_rate(struct engine *e, unsigned seconds);
int qemu_op_vnc(struct engine *e, int client_fd);
int qemu_op_facts(struct engine *e);

/* --- qemu_plug.c ----------------------------------------------------- */

int qemu_plug_vif(struct engine *e, const struct engine_vif *vif);
int qemu_unplug_vif(struct engine *e, unsigned number);
int qemu_plug_disk(struct engine *e, const struct engine_disk *disk);
int qemu_unplug_disk(struct engine *e, unsigned slot);
/* A device has left the guest, asked for or not. */
void qemu_plug_deleted(struct qemu_domain *d, const json_t *data);

#endif
