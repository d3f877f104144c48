/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_life.c: drives the state machine of domain.c.
 *
 * Events come from commands, from the engine, the switch and the clock.  Each
 * is handled whole before the next: what an action finds out at once (a start
 * that fails) is queued behind it, so the machine is never entered twice.
 *
 * What was done is kept on disk after each event, before anything else can
 * happen: a hypervisord that is killed between two events finds what it knew.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "base/log.h"
#include "base/rpc.h"
#include "hypervisor/host_domain.h"
#include "hypervisor/switch_gate.h"

/* --- the switch -------------------------------------------------------- */

static void on_switch(bool ready, const char *why, void *arg)
{
	host_send(arg, ready ? DOMAIN_EV_SWITCH_READY :
			       DOMAIN_EV_SWITCH_NOT_READY, why);
}

static int ask_switch(struct host_domain *hd)
{
	struct switch_gate_port ports[DCONF_VIFS_MAX];
	char sockets[DCONF_VIFS_MAX][HOST_SOCKET_MAX];
	const struct dconf_vif *vifs;
	unsigned count = host_start_vifs(hd, &vifs);

	for (unsigned i = 0; i < count; i++) {
		host_vif_socket(hd->host, vifs[i].port, sockets[i]);
		ports[i].name = vifs[i].port;
		ports[i].socket = sockets[i];
		ports[i].mac = vifs[i].mac;
		ports[i].mtu = vifs[i].mtu;
		ports[i].queues = vifs[i].queues;
	}
	return switch_gate_ask(hd->host->gate, ports, count, on_switch, hd);
}

void host_look_again(struct host_domain *hd)
{
	if (!hd->life.looking || !hd->want)
		return;
	switch_gate_stop(hd->host->gate, hd);
	if (ask_switch(hd) < 0)
		log_err("%s: out of memory: its switch is not asked",
			hd->name);
}

/* --- actions ----------------------------------------------------------- */

/* Behind what is being handled now. */
static void enqueue(struct host_domain *hd, enum domain_event event,
		    const char *text)
{
	if (hd->queued == HOST_QUEUE_MAX) {
		log_err("%s: too much at once; event %d is lost", hd->name,
			event);
		return;
	}
	hd->queue[hd->queued].event = event;
	snprintf(hd->queue[hd->queued].text, DOMAIN_WHY_MAX, "%s",
		 text ? text : "");
	hd->queued++;
}

static void start(struct host_domain *hd, bool restore)
{
	char why[DOMAIN_WHY_MAX] = "";
	int rc = host_start(hd, restore, why, sizeof(why));

	hd->failed[0] = '\0';
	if (rc < 0) {
		enqueue(hd, rc == -EAGAIN ? DOMAIN_EV_START_LATER :
					    DOMAIN_EV_START_REFUSED, why);
		return;
	}
	host_slots_started(hd);
	host_store_started(hd, false);
	host_console_changed(hd->host);
}

/* Its process, if it is still there; else it has ended. */
static bool have_engine(struct host_domain *hd)
{
	char why[DOMAIN_WHY_MAX] = "";
	int rc;

	if (hd->engine)
		return true;
	rc = host_adopt(hd, why, sizeof(why));
	if (!rc) {
		host_store_started(hd, true);
		host_console_changed(hd->host);
		return true;
	}
	log_warn("%s: not taken over: %s", hd->name, why);
	if (rc == -ESRCH) {
		host_store_gone(hd);
		enqueue(hd, DOMAIN_EV_EXITED, why);
	}
	return false;
}

static void save(struct host_domain *hd)
{
	char why[DOMAIN_WHY_MAX] = "";

	if (host_save(hd, why, sizeof(why)) < 0)
		enqueue(hd, DOMAIN_EV_SAVE_FAILED, why);
}

static void ask_engine(struct host_domain *hd, enum domain_action action)
{
	int rc;

	if (!have_engine(hd))
		return;
	switch (action) {
	case DOMAIN_ACT_CONT: rc = engine_resume(hd->engine); break;
	case DOMAIN_ACT_PAUSE: rc = engine_pause(hd->engine); break;
	case DOMAIN_ACT_SHUTDOWN: rc = engine_shutdown(hd->engine); break;
	case DOMAIN_ACT_RESET: rc = engine_reset(hd->engine); break;
	case DOMAIN_ACT_KILL:
		host_save_abort(hd);
		rc = engine_kill(hd->engine);
		break;
	default: rc = 0; break; /* LOOK: it has just been adopted */
	}
	if (rc < 0)
		log_warn("%s: %s: %s", hd->name, domain_action_word(action),
			 strerror(-rc));
}

static void carry_out(struct host_domain *hd, enum domain_action action)
{
	log_debug("%s: %s", hd->name, domain_action_word(action));
	switch (action) {
	case DOMAIN_ACT_ASK_SWITCH:
		if (ask_switch(hd) < 0)
			enqueue(hd, DOMAIN_EV_SWITCH_NOT_READY,
				"out of memory");
		break;
	case DOMAIN_ACT_STOP_ASKING:
		switch_gate_stop(hd->host->gate, hd);
		break;
	case DOMAIN_ACT_START:
	case DOMAIN_ACT_RESTORE:
		start(hd, action == DOMAIN_ACT_RESTORE);
		break;
	case DOMAIN_ACT_SAVE:
		save(hd);
		break;
	case DOMAIN_ACT_DROP_SAVED:
		host_drop_saved(hd);
		break;
	default:
		ask_engine(hd, action);
		break;
	}
}

/* --- events ------------------------------------------------------------ */

static void handle_next(struct host_domain *hd)
{
	enum domain_event event = hd->queue[0].event;
	struct domain_actions acts;
	char text[DOMAIN_WHY_MAX];

	memcpy(text, hd->queue[0].text, sizeof(text));
	memmove(&hd->queue[0], &hd->queue[1],
		--hd->queued * sizeof(hd->queue[0]));
	domain_handle(&hd->life, event, text[0] ? text : NULL, &hd->rules,
		      host_now_ms(), &acts);
	for (unsigned i = 0; i < acts.count; i++)
		carry_out(hd, acts.list[i]);
}

static void work_off(struct host_domain *hd)
{
	if (hd->busy)
		return;
	hd->busy = true;
	while (hd->queued)
		handle_next(hd);
	hd->busy = false;
	host_settle(hd);
}

void host_send(struct host_domain *hd, enum domain_event event,
	       const char *text)
{
	enqueue(hd, event, text);
	work_off(hd);
}

void host_carry_out(struct host_domain *hd, const struct domain_actions *acts)
{
	hd->busy = true;
	for (unsigned i = 0; i < acts->count; i++)
		carry_out(hd, acts->list[i]);
	hd->busy = false;
	work_off(hd);
}

void host_review_rules(struct host_domain *hd)
{
	struct domain_rules *r = &hd->rules;
	const struct dconf_domain *want = hd->want;
	char text[DOMAIN_KEEP_TEXT_MAX];

	r->stale = hd->stale != 0;
	if (!want)
		return; /* it goes by the policy that it had */
	r->on_poweroff = (enum domain_then)want->on_poweroff;
	r->on_reboot = (enum domain_then)want->on_reboot;
	r->on_crash = (enum domain_then)want->on_crash;
	r->shutdown_ms = want->shutdown_timeout_s * 1000ull;
	r->owned = !domain_record_may_start(&hd->rec, want->migratable,
					    hd->host->boot_id, text,
					    sizeof(text));
}

/* --- coming to rest ---------------------------------------------------- */

static bool goal_reached(const struct domain *d)
{
	switch (d->goal) {
	case DOMAIN_BE_HALTED:
		return d->state == DOMAIN_HALTED || d->state == DOMAIN_CRASHED;
	case DOMAIN_BE_RUNNING:
		return d->state == DOMAIN_RUNNING && !d->reboot;
	case DOMAIN_BE_PAUSED:
		return d->state == DOMAIN_PAUSED;
	default:
		return d->state == DOMAIN_SUSPENDED;
	}
}

bool host_is_at_rest(const struct host_domain *hd, const char **failed)
{
	const struct domain *d = &hd->life;
	bool ended_badly = d->reason == DOMAIN_START_FAILED ||
			   d->reason == DOMAIN_RESUME_FAILED ||
			   d->reason == DOMAIN_SUSPEND_FAILED ||
			   d->reason == DOMAIN_CRASH_LOOP;

	*failed = NULL;
	/* asked for, and nothing that happens here will help */
	if (d->state == DOMAIN_WAITING && d->reason == DOMAIN_WAITS_EPOCH)
		*failed = d->why;
	else if (goal_reached(d) && ended_badly)
		*failed = d->why;
	return *failed || d->state == DOMAIN_PRESERVED || goal_reached(d);
}

/* --- the engine -------------------------------------------------------- */

static void log_exit(const struct host_domain *hd, const char *text)
{
	if (hd->life.state != DOMAIN_ENDING)
		log_warn("%s: its process has ended: %s", hd->name, text);
	else
		log_debug("%s: its process has ended: %s", hd->name, text);
}

static void on_exited(struct host_domain *hd, const struct engine_event *ev)
{
	char text[DOMAIN_WHY_MAX];
	const char *words = hd->failed[0] ? hd->failed : ev->text;

	if (hd->life.state == DOMAIN_RESUMING)
		host_saved_words(hd, words, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "%s",
			 words[0] ? words : "its process has ended");
	log_exit(hd, text);
	hd->rec.end_status = ev->status;
	hd->stands = false;
	engine_free(hd->engine);
	hd->engine = NULL;
	host_save_abort(hd);
	host_release(hd);
	host_slots_gone(hd);
	host_store_gone(hd);
	host_console_changed(hd->host);
	host_send(hd, DOMAIN_EV_EXITED, text);
}

/* Who looks at a domain, and how often, is no matter for its log. */
static void log_failed(const struct host_domain *hd,
		       const struct engine_event *ev)
{
	if (ev->call == ENGINE_CALL_FACTS)
		log_debug("%s: its facts are not known: %s", hd->name,
			  ev->text);
	else if (ev->call == ENGINE_CALL_NONE)
		log_limited(LOG_LEVEL_WARN, 0, "%s: the connection to its "
			    "process has broken, and is made again: %s",
			    hd->name, ev->text);
	else
		log_warn("%s: %s failed: %s", hd->name,
			 engine_call_name(ev->call), ev->text);
}

static void on_failed(struct host_domain *hd, const struct engine_event *ev)
{
	log_failed(hd, ev);
	switch (ev->call) {
	case ENGINE_CALL_START:
		snprintf(hd->failed, sizeof(hd->failed), "%s", ev->text);
		engine_kill(hd->engine); /* then it has EXITED */
		break;
	case ENGINE_CALL_ADOPT:
		engine_free(hd->engine); /* LOOK comes again */
		hd->engine = NULL;
		break;
	case ENGINE_CALL_SAVE:
		host_save_abort(hd);
		host_send(hd, DOMAIN_EV_SAVE_FAILED, ev->text);
		break;
	default: /* asked again by the machine's timers */
		break;
	}
}

static void on_stands(struct host_domain *hd)
{
	bool is_new = hd->life.state == DOMAIN_STARTING ||
		      hd->life.state == DOMAIN_RESUMING;

	hd->stands = is_new && host_console_is_asked(hd->host);
	if (!hd->stands)
		host_send(hd, is_new ? DOMAIN_EV_STARTED : DOMAIN_EV_PAUSED,
			  NULL);
}

void host_on_engine(struct engine *e, const struct engine_event *ev, void *ctx)
{
	struct host_domain *hd = ctx;

	if (ev->type != ENGINE_EV_LOG && ev->type != ENGINE_EV_FACTS)
		log_debug("%s: engine says %s %s", hd->name,
			  engine_event_name(ev->type), ev->text);
	if (host_slots_event(hd, ev))
		return;
	switch (ev->type) {
	case ENGINE_EV_RUNNING: host_send(hd, DOMAIN_EV_RUNNING, NULL); break;
	case ENGINE_EV_PAUSED: on_stands(hd); break;
	case ENGINE_EV_GUEST_POWEROFF:
		host_send(hd, DOMAIN_EV_GUEST_POWEROFF, NULL);
		break;
	case ENGINE_EV_GUEST_REBOOT:
		host_send(hd, DOMAIN_EV_GUEST_REBOOT, NULL);
		break;
	case ENGINE_EV_GUEST_PANIC:
		host_send(hd, DOMAIN_EV_GUEST_PANIC, NULL);
		break;
	case ENGINE_EV_SAVED: host_saved(hd); break;
	case ENGINE_EV_FACTS:
		hd->facts = ev->facts;
		hd->has_facts = true;
		break;
	case ENGINE_EV_DIRTY_RATE:
		hd->dirty_mib_per_s = ev->dirty_mib_per_s;
		hd->dirty_ms = host_now_ms();
		break;
	case ENGINE_EV_DISK_ERROR:
		log_limited(LOG_LEVEL_WARN, ev->slot, "%s: disk vd%c: %s",
			    hd->name, 'a' + (int)ev->slot, ev->text);
		break;
	case ENGINE_EV_LOG:
		log_limited(LOG_LEVEL_INFO, hd->rec.uid,
			    "%s: its process says: %s", hd->name, ev->text);
		break;
	case ENGINE_EV_FAILED: on_failed(hd, ev); break;
	case ENGINE_EV_EXITED: on_exited(hd, ev); break;
	default: break; /* what was asked for has been heard, no more */
	}
}
