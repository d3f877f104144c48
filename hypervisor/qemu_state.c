/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu_state.c: what the guest does, and why it stopped.
 *
 * QEMU's events only say that something has changed; what it is now is asked
 * for (query-status), and said when it differs from what was said last.  A
 * QEMU that reports changes without end is asked at most each ASK_MS.
 *
 * Why.  A guest that powered off and one that wants to reboot both leave QEMU
 * in the state "shutdown": the difference is in an event, which is lost when
 * nobody listens.  It is kept in three places:
 *	- the event, if we are there; we then write it to the file `ended`;
 *	- that file, for a hypervisord that comes after us;
 *	- QEMU's log: 7.2 traces a request to power off, and not one to reboot
 *	  (qemu_args.c switches the trace on), so silence means reboot, unless
 *	  the log was full.
 * A panic is a state of its own.
 *
 * Reset.  A request to reboot stops QEMU (-action reboot=shutdown), also one
 * of ours, so for a reset in place that is switched off.  SeaBIOS, finding
 * itself run a second time, resets the machine once more, sometimes in two
 * ways at once: only RESET_SETTLE_MS after that, or after RESET_MS, reboots
 * are the guest's again.
 */
#include "hypervisor/qemu_domain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/daemon.h"
#include "base/log.h"

#define ASK_MS 20
#define RESET_MS 60000
#define RESET_SETTLE_MS 1000
#define DISK_ERROR_MS 1000
#define REASON_FILE "ended"
#define TRACE "qemu_system_shutdown_request reason="
#define TRACE_GUEST_SHUTDOWN '6' /* SHUTDOWN_CAUSE_GUEST_SHUTDOWN of 7.2 */

/* --- why ------------------------------------------------------------- */

/* Only when QEMU says that it has stopped: so not more often than we ask. */
static void reason_keep(struct qemu_domain *d)
{
	const char *text = d->why == QEMU_GUEST_REBOOT ? "reboot" : "poweroff";
	char path[QEMU_PATH_MAX];
	int rc;

	if (d->kept == d->why)
		return;
	d->kept = d->why;
	qemu_path(d, path, REASON_FILE);
	rc = daemon_save_file(path, text, strlen(text), 0600);
	if (rc)
		log_warn("%s: %s; after a restart a %s may be taken for "
			 "something else", path, strerror(-rc), text);
}

static void reason_forget(struct qemu_domain *d)
{
	char path[QEMU_PATH_MAX];

	d->why = QEMU_GUEST_UNKNOWN;
	if (d->kept == QEMU_GUEST_UNKNOWN)
		return;
	d->kept = QEMU_GUEST_UNKNOWN;
	qemu_path(d, path, REASON_FILE);
	unlink(path);
}

void qemu_state_recall(struct qemu_domain *d, bool log_lost)
{
	char path[QEMU_PATH_MAX];
	char *text = NULL;
	size_t len;

	qemu_path(d, path, REASON_FILE);
	if (!daemon_read_file(path, 64, &text, &len)) {
		d->why = !strcmp(text, "reboot") ? QEMU_GUEST_REBOOT :
						   QEMU_GUEST_POWEROFF;
		d->kept = d->why;
	} else if (d->why == QEMU_GUEST_UNKNOWN && log_lost) {
		d->why = QEMU_GUEST_POWEROFF;
	}
	free(text);
}

bool qemu_state_line(struct qemu_domain *d, const char *line)
{
	const char *at = strstr(line, TRACE);

	if (!at)
		return false;
	if (at[strlen(TRACE)] == TRACE_GUEST_SHUTDOWN)
		d->why = QEMU_GUEST_POWEROFF;
	return true;
}

/* --- what ------------------------------------------------------------ */

static enum qemu_guest guest_of(struct qemu_domain *d, const char *status)
{
	if (!strcmp(status, "running"))
		return QEMU_GUEST_RUNS;
	if (!strcmp(status, "guest-panicked") ||
	    !strcmp(status, "internal-error"))
		return QEMU_GUEST_PANIC;
	if (strcmp(status, "shutdown"))
		return QEMU_GUEST_STANDS;
	/* Not traced and not written down: not a power-off. */
	if (d->why == QEMU_GUEST_UNKNOWN)
		d->why = QEMU_GUEST_REBOOT;
	reason_keep(d);
	return d->why;
}

static const char *text_of(const char *status)
{
	if (!strcmp(status, "io-error"))
		return "a disk of its is full on the host";
	if (!strcmp(status, "internal-error"))
		return "the processor met what it cannot run";
	return NULL;
}

static void say(struct qemu_domain *d, enum qemu_guest guest, const char *text)
{
	static const enum engine_event_type types[] = {
		[QEMU_GUEST_RUNS] = ENGINE_EV_RUNNING,
		[QEMU_GUEST_STANDS] = ENGINE_EV_PAUSED,
		[QEMU_GUEST_POWEROFF] = ENGINE_EV_GUEST_POWEROFF,
		[QEMU_GUEST_REBOOT] = ENGINE_EV_GUEST_REBOOT,
		[QEMU_GUEST_PANIC] = ENGINE_EV_GUEST_PANIC,
	};
	struct engine_event ev = { .type = types[guest] };

	d->guest = guest;
	qemu_emit(d, &ev, text);
}

void qemu_state_answer(struct qemu_domain *d, const json_t *value)
{
	const char *status =
		json_string_value(json_object_get(value, "status"));
	enum qemu_guest guest;

	if (!status)
		return;
	guest = guest_of(d, status);
	if (d->announced && guest != d->guest)
		say(d, guest, text_of(status));
}

static void on_status(const struct qmp_reply *reply, void *arg)
{
	struct qemu_domain *d = arg;

	if (reply->rc == -ECANCELED)
		return; /* d may be going */
	d->asking = false;
	if (!reply->rc)
		qemu_state_answer(d, reply->value);
}

static void ask(struct qemu_domain *d)
{
	d->ask_again = false;
	d->asking = !qmp_command_take(d->qmp, "query-status", NULL, -1,
				      QEMU_COMMAND_MS, on_status, d);
}

void qemu_state_refresh(struct qemu_domain *d)
{
	struct timeval rest = { .tv_usec = ASK_MS * 1000 };

	if (!d->ready)
		return; /* asked when it is */
	if (event_pending(d->ask_event, EV_TIMEOUT, NULL) || d->asking)
		d->ask_again = true;
	else
		ask(d);
	event_add(d->ask_event, &rest);
}

static void on_ask_again(evutil_socket_t fd, short what, void *arg)
{
	struct qemu_domain *d = arg;

	if (d->ask_again)
		qemu_state_refresh(d);
}

void qemu_state_announce(struct qemu_domain *d, enum engine_event_type type)
{
	d->announced = true;
	qemu_emit_type(d, type);
	qemu_state_refresh(d);
}

/* --- reset ----------------------------------------------------------- */

void qemu_state_expect_reset(struct qemu_domain *d)
{
	struct timeval wait = { .tv_sec = RESET_MS / 1000 };

	event_add(d->reset_event, &wait);
}

static void on_reset_over(evutil_socket_t fd, short what, void *arg)
{
	struct qemu_domain *d = arg;

	if (d->ready)
		qemu_command(d, "set-action",
			     json_pack("{s:s}", "reboot", "shutdown"));
}

static void on_reset(struct qemu_domain *d, const json_t *data)
{
	struct timeval wait = { .tv_sec = RESET_SETTLE_MS / 1000 };

	reason_forget(d);
	if (json_is_true(json_object_get(data, "guest")) &&
	    event_pending(d->reset_event, EV_TIMEOUT, NULL))
		event_add(d->reset_event, &wait);
}

/* --- QEMU's events --------------------------------------------------- */

static void on_shutdown(struct qemu_domain *d, const json_t *data)
{
	const char *why = json_string_value(json_object_get(data, "reason"));

	if (why && !strcmp(why, "guest-reset"))
		d->why = QEMU_GUEST_REBOOT;
	else if (why && !strcmp(why, "guest-shutdown"))
		d->why = QEMU_GUEST_POWEROFF;
	qemu_state_refresh(d);
}

static void on_disk_error(struct qemu_domain *d, const json_t *data)
{
	struct timeval rest = { .tv_sec = DISK_ERROR_MS / 1000 };
	const char *node = json_string_value(json_object_get(data,
							     "node-name"));
	struct engine_event ev = { .type = ENGINE_EV_DISK_ERROR };
	bool full = json_is_true(json_object_get(data, "nospace"));
	unsigned layer;

	if (!node || sscanf(node, "disk%2u.l%2u", &ev.slot, &layer) != 2 ||
	    ev.slot >= ENGINE_DISKS_MAX ||
	    event_pending(d->disk_event, EV_TIMEOUT, NULL))
		return;
	event_add(d->disk_event, &rest);
	qemu_emit(d, &ev, full ? "no space left on the host" :
				 "the host cannot read or write it");
}

bool qemu_state_event(struct qemu_domain *d, const char *name,
		      const json_t *data)
{
	if (!strcmp(name, "SHUTDOWN")) {
		on_shutdown(d, data);
	} else if (!strcmp(name, "RESET")) {
		on_reset(d, data);
	} else if (!strcmp(name, "BLOCK_IO_ERROR")) {
		on_disk_error(d, data);
	} else if (!strcmp(name, "RESUME")) {
		reason_forget(d);
		qemu_state_refresh(d);
	} else if (!strcmp(name, "STOP") || !strcmp(name, "GUEST_PANICKED")) {
		qemu_state_refresh(d);
	} else {
		return false;
	}
	return true;
}

/* --- timers ---------------------------------------------------------- */

static void on_disk_rested(evutil_socket_t fd, short what, void *arg)
{
}

int qemu_state_init(struct qemu_domain *d)
{
	d->ask_event = event_new(d->conf.base, -1, 0, on_ask_again, d);
	d->reset_event = event_new(d->conf.base, -1, 0, on_reset_over, d);
	d->disk_event = event_new(d->conf.base, -1, 0, on_disk_rested, d);
	return d->ask_event && d->reset_event && d->disk_event ? 0 : -ENOMEM;
}

void qemu_state_fini(struct qemu_domain *d)
{
	if (d->ask_event)
		event_free(d->ask_event);
	if (d->reset_event)
		event_free(d->reset_event);
	if (d->disk_event)
		event_free(d->disk_event);
}
