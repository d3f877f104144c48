/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu_op.c: calls that take QEMU several commands.
 *
 * Each is a chain of small functions in the order in which they run.  A step
 * that is refused, or not answered in time, ends the op with FAILED after its
 * undo has been sent; answers that come after that are for nobody.
 *
 * An op whose end was said stays until its last answer has come, because the
 * answer names it: `waiting` counts them.
 */
#include "hypervisor/qemu_domain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hypervisor/qemu_args.h"
#include "hypervisor/qemu_log.h"

#define RESET_ANSWER_MS 10000
#define DIRTY_ANSWER_MS 1000
#define DIRTY_TRIES 5
#define STATE_FD "state" /* what a descriptor is called over there */
#define CLIENT_FD "client"

#define domain_of(e) ((struct qemu_domain *)(e))

/* --- an op ----------------------------------------------------------- */

static void op_put(struct qemu_op *op)
{
	if (!op->over || op->waiting)
		return;
	if (op->timer)
		event_free(op->timer);
	free(op);
}

static void op_end(struct qemu_op *op)
{
	TAILQ_REMOVE(&op->d->ops, op, link);
	op->over = true;
	if (op->timer)
		event_del(op->timer);
	for (unsigned i = 0; i < ENGINE_LAYERS_MAX; i++)
		if (op->fds[i] >= 0)
			close(op->fds[i]);
	op_put(op);
}

struct qemu_op *qemu_op_new(struct qemu_domain *d, enum engine_call call,
			    unsigned slot)
{
	struct qemu_op *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	op->d = d;
	op->call = call;
	op->slot = slot;
	for (unsigned i = 0; i < ENGINE_LAYERS_MAX; i++)
		op->fds[i] = -1;
	TAILQ_INSERT_TAIL(&d->ops, op, link);
	return op;
}

struct qemu_op *qemu_op_find(struct qemu_domain *d, enum engine_call call,
			     unsigned slot)
{
	struct qemu_op *op;

	TAILQ_FOREACH(op, &d->ops, link)
		if (op->call == call && op->slot == slot)
			return op;
	return NULL;
}

void qemu_op_done(struct qemu_op *op, const struct engine_event *ev)
{
	if (ev)
		qemu_emit(op->d, ev, NULL);
	op_end(op);
}

void qemu_op_fail(struct qemu_op *op, const char *text)
{
	struct engine_event ev = { .type = ENGINE_EV_FAILED,
				   .call = op->call,
				   .slot = op->slot };

	if (op->undo && op->d->ready)
		op->undo(op);
	qemu_emit(op->d, &ev, text);
	op_end(op);
}

void qemu_op_end_all(struct qemu_domain *d, const char *text)
{
	struct qemu_op *op;

	while ((op = TAILQ_FIRST(&d->ops))) {
		if (text)
			qemu_op_fail(op, text);
		else
			op_end(op);
	}
}

/* --- its steps ------------------------------------------------------- */

/* One command under way.  A chain may have two: one and what came of it. */
struct step {
	struct qemu_op *op;
	qemu_op_fn *next;
	const char *forgive;
};

static void step_over(struct step *step, const struct qmp_reply *reply)
{
	struct qemu_op *op = step->op;
	bool forgiven = reply->rc == -EREMOTEIO && step->forgive &&
			strstr(reply->text, step->forgive);

	if (op->over || reply->rc == -ECANCELED) {
		op_put(op);
	} else if (reply->rc && !forgiven) {
		qemu_op_fail(op, reply->text);
	} else {
		snprintf(op->refusal, sizeof(op->refusal), "%s", reply->text);
		step->next(op, reply->value);
	}
}

static void on_reply(const struct qmp_reply *reply, void *arg)
{
	struct step *step = arg;

	step->op->waiting--;
	step_over(step, reply);
	free(step);
}

void qemu_op_command(struct qemu_op *op, const char *name, json_t *args,
		     int fd, unsigned timeout_ms, qemu_op_fn *next)
{
	struct step *step = malloc(sizeof(*step));
	int rc = step ? -ENOTCONN : -ENOMEM;

	if (step && op->d->qmp) {
		*step = (struct step){ op, next, op->forgive };
		rc = qmp_command_take(op->d->qmp, name, args, fd, timeout_ms,
				      on_reply, step);
	} else {
		json_decref(args);
		if (fd >= 0)
			close(fd);
	}
	op->forgive = NULL;
	if (!rc) {
		op->waiting++;
		return;
	}
	free(step);
	qemu_op_fail(op, strerror(-rc));
}

static void on_nothing(const struct qmp_reply *reply, void *arg)
{
}

void qemu_command(struct qemu_domain *d, const char *name, json_t *args)
{
	if (d->qmp)
		qmp_command_take(d->qmp, name, args, -1, QEMU_COMMAND_MS,
				 on_nothing, NULL);
	else
		json_decref(args);
}

static void command(struct qemu_op *op, const char *name, json_t *args,
		    qemu_op_fn *next)
{
	qemu_op_command(op, name, args, -1, QEMU_COMMAND_MS, next);
}

int qemu_op_take_fd(struct qemu_op *op, unsigned i)
{
	int fd = op->fds[i];

	op->fds[i] = -1;
	return fd;
}

void qemu_op_wait(struct qemu_op *op, const char *event, qemu_op_fn *fn)
{
	op->event = event;
	op->on_event = fn;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct qemu_op *op = arg;

	op->on_time(op);
}

void qemu_op_timer(struct qemu_op *op, unsigned ms,
		   void (*on_time)(struct qemu_op *op))
{
	struct timeval wait = { ms / 1000, ms % 1000 * 1000 };

	op->on_time = on_time;
	if (!op->timer)
		op->timer = event_new(op->d->conf.base, -1, 0, on_timer, op);
	if (op->timer)
		event_add(op->timer, &wait);
}

static void on_late(struct qemu_op *op)
{
	qemu_op_fail(op, "nothing has come of it in time");
}

void qemu_op_event(struct qemu_domain *d, const char *name, json_t *data)
{
	struct qemu_op *op, *next;

	for (op = TAILQ_FIRST(&d->ops); op; op = next) {
		next = TAILQ_NEXT(op, link);
		if (op->event && !strcmp(op->event, name))
			op->on_event(op, data);
	}
}

/* A call that only needs QEMU to listen: the new op, or why not. */
static int op_begin(struct engine *e, enum engine_call call,
		    struct qemu_op **op)
{
	struct qemu_domain *d = domain_of(e);

	if (d->ended || !d->ready || !d->announced)
		return -ENOTCONN;
	if (qemu_op_find(d, call, 0))
		return -EBUSY;
	*op = qemu_op_new(d, call, 0);
	return *op ? 0 : -ENOMEM;
}

/* --- start and restore ----------------------------------------------- */

static void start_answered(struct qemu_op *op, const json_t *value)
{
	qemu_state_answer(op->d, value);
	qemu_op_done(op, NULL);
}

static void start_runs(struct qemu_op *op, const json_t *value)
{
	command(op, "query-status", NULL, start_answered);
}

static void start_announce(struct qemu_op *op)
{
	struct qemu_domain *d = op->d;

	d->announced = true;
	qemu_emit_type(d, ENGINE_EV_STARTED);
	if (d->start_paused)
		start_runs(op, NULL);
	else
		command(op, "cont", NULL, start_runs);
}

static const char *migration_status(const json_t *data)
{
	const char *s = json_string_value(json_object_get(data, "status"));

	return s ? s : "";
}

/* Why is in its log only, written before. */
static void restore_failed(struct qemu_op *op)
{
	struct qemu_domain *d = op->d;
	char text[ENGINE_TEXT_MAX + 64];

	if (d->log)
		qemu_log_drain(d->log);
	snprintf(text, sizeof(text), "it cannot be restored%s%s",
		 d->last_line[0] ? ": " : "", d->last_line);
	qemu_op_fail(op, text);
}

static void restore_event(struct qemu_op *op, const json_t *data)
{
	const char *status = migration_status(data);

	if (!strcmp(status, "failed"))
		restore_failed(op);
	else if (!strcmp(status, "completed"))
		start_announce(op);
}

static void restore_begun(struct qemu_op *op, const json_t *value)
{
	/* MIGRATION says the rest, or the process ends. */
}

static void restore_handed(struct qemu_op *op, const json_t *value)
{
	qemu_op_wait(op, "MIGRATION", restore_event);
	command(op, "migrate-incoming",
		json_pack("{s:s}", "uri", "fd:" STATE_FD), restore_begun);
}

static void restore_noisy(struct qemu_op *op, const json_t *value)
{
	qemu_op_command(op, "getfd", json_pack("{s:s}", "fdname", STATE_FD),
			qemu_op_take_fd(op, 0), QEMU_COMMAND_MS,
			restore_handed);
}

static json_t *migration_events(void)
{
	return json_pack("{s:[{s:s s:b}]}", "capabilities", "capability",
			 "events", "state", 1);
}

int qemu_op_start(struct qemu_domain *d)
{
	struct qemu_op *op = qemu_op_new(d, ENGINE_CALL_START, 0);

	if (!op)
		return -ENOMEM;
	op->fds[0] = d->restore_fd;
	d->restore_fd = -1;
	if (op->fds[0] < 0)
		start_announce(op);
	else
		command(op, "migrate-set-capabilities", migration_events(),
			restore_noisy);
	return 0;
}

/* --- pause, resume --------------------------------------------------- */

static bool guest_ended(const struct qemu_domain *d)
{
	return d->guest == QEMU_GUEST_POWEROFF ||
	       d->guest == QEMU_GUEST_REBOOT || d->guest == QEMU_GUEST_PANIC;
}

static void check_wanted(struct qemu_op *op, const json_t *value,
			 enum qemu_guest wanted)
{
	qemu_state_answer(op->d, value);
	if (op->d->guest == wanted)
		qemu_op_done(op, NULL);
	else
		qemu_op_fail(op, "it was done, but did not last");
}

static void pause_seen(struct qemu_op *op, const json_t *value)
{
	check_wanted(op, value, QEMU_GUEST_STANDS);
}

static void pause_done(struct qemu_op *op, const json_t *value)
{
	command(op, "query-status", NULL, pause_seen);
}

int qemu_op_pause(struct engine *e)
{
	struct qemu_domain *d = domain_of(e);
	struct qemu_op *op;
	int rc = op_begin(e, ENGINE_CALL_PAUSE, &op);

	if (rc)
		return rc;
	if (guest_ended(d)) {
		qemu_op_done(op, NULL);
		return -EINVAL;
	}
	if (d->guest == QEMU_GUEST_STANDS)
		qemu_op_done(op, &(struct engine_event){
					 .type = ENGINE_EV_PAUSED });
	else
		command(op, "stop", NULL, pause_done);
	return 0;
}

static void resume_seen(struct qemu_op *op, const json_t *value)
{
	check_wanted(op, value, QEMU_GUEST_RUNS);
}

static void resume_done(struct qemu_op *op, const json_t *value)
{
	command(op, "query-status", NULL, resume_seen);
}

int qemu_op_resume(struct engine *e)
{
	struct qemu_domain *d = domain_of(e);
	struct qemu_op *op;
	int rc = op_begin(e, ENGINE_CALL_RESUME, &op);

	if (rc)
		return rc;
	if (guest_ended(d)) {
		qemu_op_done(op, NULL);
		return -EINVAL;
	}
	if (d->guest == QEMU_GUEST_RUNS)
		qemu_op_done(op, &(struct engine_event){
					 .type = ENGINE_EV_RUNNING });
	else
		command(op, "cont", NULL, resume_done);
	return 0;
}

/* --- reset, shutdown ------------------------------------------------- */

static void reset_seen(struct qemu_op *op, const json_t *value)
{
	qemu_state_answer(op->d, value);
	qemu_op_done(op, &(struct engine_event){ .type = ENGINE_EV_RESET });
}

static void reset_runs(struct qemu_op *op, const json_t *value)
{
	command(op, "query-status", NULL, reset_seen);
}

static void reset_event(struct qemu_op *op, const json_t *data)
{
	qemu_op_wait(op, NULL, NULL);
	if (op->d->guest == QEMU_GUEST_STANDS)
		reset_runs(op, NULL);
	else
		command(op, "cont", NULL, reset_runs);
}

static void reset_asked(struct qemu_op *op, const json_t *value)
{
	/* RESET may have come before. */
}

static void reset_allowed(struct qemu_op *op, const json_t *value)
{
	qemu_state_expect_reset(op->d);
	qemu_op_wait(op, "RESET", reset_event);
	qemu_op_timer(op, RESET_ANSWER_MS, on_late);
	command(op, "system_reset", NULL, reset_asked);
}

int qemu_op_reset(struct engine *e)
{
	struct qemu_op *op;
	int rc = op_begin(e, ENGINE_CALL_RESET, &op);

	if (!rc)
		command(op, "set-action",
			json_pack("{s:s}", "reboot", "reset"), reset_allowed);
	return rc;
}

static void shutdown_asked(struct qemu_op *op, const json_t *value)
{
	qemu_op_done(op, &(struct engine_event){
				 .type = ENGINE_EV_SHUTDOWN_ASKED });
}

int qemu_op_shutdown(struct engine *e)
{
	struct qemu_op *op;
	int rc = op_begin(e, ENGINE_CALL_SHUTDOWN, &op);

	if (!rc)
		command(op, "system_powerdown", NULL, shutdown_asked);
	return rc;
}

/* --- save ------------------------------------------------------------ */

static void save_event(struct qemu_op *op, const json_t *data)
{
	const char *status = migration_status(data);

	if (!strcmp(status, "failed"))
		qemu_op_fail(op, "it could not be written");
	else if (!strcmp(status, "completed"))
		qemu_op_done(op, &(struct engine_event){
					 .type = ENGINE_EV_SAVED });
}

static void save_begun(struct qemu_op *op, const json_t *value)
{
}

static void save_handed(struct qemu_op *op, const json_t *value)
{
	qemu_op_wait(op, "MIGRATION", save_event);
	command(op, "migrate", json_pack("{s:s}", "uri", "fd:" STATE_FD),
		save_begun);
}

static void save_fast(struct qemu_op *op, const json_t *value)
{
	qemu_op_command(op, "getfd", json_pack("{s:s}", "fdname", STATE_FD),
			qemu_op_take_fd(op, 0), QEMU_COMMAND_MS, save_handed);
}

static void save_noisy(struct qemu_op *op, const json_t *value)
{
	/* No guest waits for the disk: as fast as it goes. */
	command(op, "migrate-set-parameters",
		json_pack("{s:I}", "max-bandwidth", (json_int_t)1 << 40),
		save_fast);
}

static void save_stopped(struct qemu_op *op, const json_t *value)
{
	command(op, "migrate-set-capabilities", migration_events(),
		save_noisy);
}

int qemu_op_save(struct engine *e, int fd)
{
	struct qemu_op *op;
	int rc = guest_ended(domain_of(e)) ? -EINVAL : 0;
	int mine = rc ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (!rc && mine < 0)
		rc = -errno;
	if (!rc)
		rc = op_begin(e, ENGINE_CALL_SAVE, &op);
	if (rc) {
		if (mine >= 0)
			close(mine);
		return rc;
	}
	op->fds[0] = mine;
	command(op, "stop", NULL, save_stopped);
	return 0;
}

/* --- dirty rate ------------------------------------------------------ */

static void dirty_ask(struct qemu_op *op);

static void dirty_seen(struct qemu_op *op, const json_t *value)
{
	const char *status =
		json_string_value(json_object_get(value, "status"));
	json_int_t rate =
		json_integer_value(json_object_get(value, "dirty-rate"));
	struct engine_event ev = { .type = ENGINE_EV_DIRTY_RATE };

	if (status && !strcmp(status, "measured") && rate >= 0) {
		ev.dirty_mib_per_s = rate;
		qemu_op_done(op, &ev);
	} else if (++op->tries < DIRTY_TRIES) {
		qemu_op_timer(op, DIRTY_ANSWER_MS, dirty_ask);
	} else {
		qemu_op_fail(op, "it is not measured in time");
	}
}

static void dirty_ask(struct qemu_op *op)
{
	command(op, "query-dirty-rate", NULL, dirty_seen);
}

static void dirty_begun(struct qemu_op *op, const json_t *value)
{
	qemu_op_timer(op, op->wait_ms, dirty_ask);
}

int qemu_op_dirty_rate(struct engine *e, unsigned seconds)
{
	struct qemu_op *op;
	int rc;

	if (!seconds || seconds > 60)
		return -EINVAL;
	rc = op_begin(e, ENGINE_CALL_DIRTY_RATE, &op);
	if (rc)
		return rc;
	op->wait_ms = seconds * 1000 + 100;
	command(op, "calc-dirty-rate",
		json_pack("{s:i}", "calc-time", (int)seconds), dirty_begun);
	return 0;
}

/* --- VNC ------------------------------------------------------------- */

static void vnc_added(struct qemu_op *op, const json_t *value)
{
	qemu_op_done(op, &(struct engine_event){
				 .type = ENGINE_EV_VNC_ADDED });
}

static void vnc_handed(struct qemu_op *op, const json_t *value)
{
	/* Whoever we gave the descriptor to was asked who they are before. */
	command(op, "add_client",
		json_pack("{s:s s:s s:b}", "protocol", "vnc", "fdname",
			  CLIENT_FD, "skipauth", 1),
		vnc_added);
}

int qemu_op_vnc(struct engine *e, int client_fd)
{
	int mine = fcntl(client_fd, F_DUPFD_CLOEXEC, 3);
	struct qemu_op *op;
	int rc;

	if (mine < 0)
		return -errno;
	rc = op_begin(e, ENGINE_CALL_VNC, &op);
	if (rc) {
		close(mine);
		return rc;
	}
	qemu_op_command(op, "getfd", json_pack("{s:s}", "fdname", CLIENT_FD),
			mine, QEMU_COMMAND_MS, vnc_handed);
	return 0;
}

/* --- facts ----------------------------------------------------------- */

static uint64_t stat_of(const json_t *stats, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(stats, name));

	return n > 0 ? (uint64_t)n : 0; /* -1: the guest does not say */
}

static void facts_end(struct qemu_op *op, const json_t *stats)
{
	struct qemu_domain *d = op->d;
	struct engine_event ev = { .type = ENGINE_EV_FACTS };

	ev.facts = (struct engine_facts){
		.running = d->guest == QEMU_GUEST_RUNS,
		.vcpus = d->vcpus,
		.memory_bytes = op->memory_bytes,
		.guest_total_bytes = stat_of(stats, "stat-total-memory"),
		.guest_available_bytes =
			stat_of(stats, "stat-available-memory"),
	};
	qemu_op_done(op, &ev);
}

static void facts_stats(struct qemu_op *op, const json_t *value)
{
	facts_end(op, json_object_get(value, "stats"));
}

static void facts_memory(struct qemu_op *op, const json_t *value)
{
	op->memory_bytes = stat_of(value, "base-memory");
	op->forgive = ""; /* facts without them are facts */
	command(op, "qom-get",
		json_pack("{s:s s:s}", "path", QEMU_BALLOON_PATH, "property",
			  "guest-stats"),
		facts_stats);
}

int qemu_op_facts(struct engine *e)
{
	struct qemu_op *op;
	int rc = op_begin(e, ENGINE_CALL_FACTS, &op);

	if (!rc)
		command(op, "query-memory-size-summary", NULL, facts_memory);
	return rc;
}
