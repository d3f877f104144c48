/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iked_peers.c: causeway-iked's peers; see iked.h.
 *
 * Order is what makes it safe.  A new value's files are read before anything
 * is changed.  It is on disk before it runs.  espd, and through it the kernel,
 * is told of all peers before IKE begins with one: from that moment on nothing
 * for their networks leaves in clear, whether IKE succeeds or not.
 */
#include "ipsec-migrate/iked.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/daemon.h"
#include "base/log.h"
#include "ipsec-migrate/charon_peers.h"
#include "ipsec-migrate/charon_sas.h"

#define PATH_BYTES 4096

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

struct iked_peer *iked_find(struct iked *d, const char *name)
{
	struct iked_peer *p;

	TAILQ_FOREACH(p, &d->peers, next)
		if (!strcmp(p->conf->name, name))
			return p;
	return NULL;
}

/* ---- espd ---------------------------------------------------------------- */

static void set_trap(struct iked *d, struct iked_peer *p)
{
	bool on = d->ready && p->keep.trapped && !p->error[0];
	int rc = charon_peers_trap(p->conf->name, on);

	if (rc && on)
		log_warn("%s: no packet will begin it: %s", p->conf->name,
			 strerror(-rc));
}

/* Protection before the first SA. */
static void tell_espd(struct iked *d)
{
	int rc = espd_link_is_up(d->link) ? charon_peers_tell(d->link) :
					    -ENOTCONN;
	struct iked_peer *p;

	d->ready = !rc;
	if (rc == -ENOTCONN)
		log_warn("causeway-espd is not there; peers wait for it");
	else if (rc)
		log_err("causeway-espd does not protect the peers' networks, "
			"so nothing begins: %s", strerror(-rc));
	TAILQ_FOREACH(p, &d->peers, next)
		set_trap(d, p);
}

static void drop_held(struct iked *d, struct iked_peer *p)
{
	struct ike_msg msg;

	if (!p->held)
		return;
	p->held = false;
	ike_msg_init(&msg, IKE_MSG_HELD_DROP, 0);
	msg.u.held_drop.peer = charon_peers_number(p->conf->name);
	espd_link_ask(d->link, &msg, NULL);
}

/* Nothing came of it: the next packet asks again. */
static void acquire_again(struct iked *d)
{
	struct ike_msg msg;

	for (; d->acquired_count; d->acquired_count--) {
		ike_msg_init(&msg, IKE_MSG_ACQUIRE_AGAIN, 0);
		msg.u.group.group = d->acquired[d->acquired_count - 1];
		espd_link_ask(d->link, &msg, NULL);
	}
}

/* ---- keeping up ---------------------------------------------------------- */

static void keep(struct iked *d, struct iked_peer *p)
{
	struct charon_facts f;
	unsigned n;

	if (!d->ready || p->error[0])
		return;
	charon_watch_facts(p->conf->name, &f);
	n = charon_keep_due(&p->keep, f.child_count, f.connecting, now_ms());
	for (unsigned i = 0; i < n; i++)
		charon_peers_initiate(p->conf->name, p->keep.stream++);
}

void iked_tick(struct iked *d)
{
	struct iked_peer *p;

	TAILQ_FOREACH(p, &d->peers, next)
		keep(d, p);
}

void iked_up(struct iked *d, struct iked_peer *p)
{
	charon_keep_up(&p->keep, now_ms());
	set_trap(d, p);
	keep(d, p);
}

void iked_down(struct iked *d, struct iked_peer *p)
{
	charon_keep_down(&p->keep);
	set_trap(d, p);
	charon_sas_end(p->conf->name, false);
}

/* espd's SAs are gone, and so is all that was agreed with peers about them. */
static void espd_is_gone(struct iked *d)
{
	struct iked_peer *p;

	d->ready = false;
	d->acquired_count = 0;
	charon_sas_end(NULL, true);
	TAILQ_FOREACH(p, &d->peers, next) {
		p->held = false;
		set_trap(d, p);
	}
}

static void peer_event(struct iked *d, struct iked_peer *p,
		       const struct charon_event *ev)
{
	switch (ev->kind) {
	case CHARON_EV_UP:
		drop_held(d, p);
		charon_keep_grown(&p->keep, now_ms());
		break;
	case CHARON_EV_DOWN: charon_keep_lost(&p->keep, now_ms()); break;
	case CHARON_EV_IKE_DOWN: acquire_again(d); break;
	case CHARON_EV_HELD: p->held = true; break;
	default: break;
	}
	keep(d, p);
}

void iked_event(struct iked *d, const struct charon_event *ev)
{
	struct iked_peer *p = iked_find(d, ev->peer);

	if (ev->kind == CHARON_EV_ESPD_UP)
		tell_espd(d);
	else if (ev->kind == CHARON_EV_ESPD_DOWN)
		espd_is_gone(d);
	else if (ev->kind == CHARON_EV_ACQUIRE &&
		 d->acquired_count < IKED_ACQUIRE_MAX)
		d->acquired[d->acquired_count++] = ev->group;
	else if (p)
		peer_event(d, p, ev);
}

/* ---- carrying out -------------------------------------------------------- */

static void set_up(struct iked_peer *p)
{
	p->error[0] = '\0';
	if (charon_peers_set(p->conf, p->error, sizeof(p->error)))
		log_err("peer %s: %s", p->conf->name, p->error);
	charon_keep_init(&p->keep, p->conf, now_ms());
}

static void add_peer(struct iked *d, const struct iconf_peer *conf)
{
	struct iked_peer *p = calloc(1, sizeof(*p));

	if (!p)
		return;
	p->conf = conf;
	TAILQ_INSERT_TAIL(&d->peers, p, next);
	set_up(p);
}

static void remove_peer(struct iked *d, const char *name)
{
	struct iked_peer *p = iked_find(d, name);

	charon_sas_end(name, false);
	charon_peers_remove(name);
	charon_watch_forget(name);
	TAILQ_REMOVE(&d->peers, p, next);
	free(p);
}

static void change_peer(struct iked *d, const struct ipsec_conf_action *a)
{
	struct iked_peer *p = iked_find(d, a->before->name);

	p->conf = a->after;
	if (a->start_only) {
		charon_keep_init(&p->keep, p->conf, now_ms());
		return;
	}
	charon_sas_end(p->conf->name, false);
	set_up(p);
}

static void carry_out(struct iked *d, const struct ipsec_conf_plan *plan,
		      void (*fn)(const char *, void *), void *arg)
{
	char text[128];

	for (uint32_t i = 0; i < plan->count; i++) {
		const struct ipsec_conf_action *a = &plan->actions[i];

		ipsec_conf_action_text(a, text, sizeof(text));
		log_info("%s", text);
		if (fn)
			fn(text, arg);
		if (a->verb == ICONF_REMOVE)
			remove_peer(d, a->before->name);
		else if (a->verb == ICONF_CHANGE)
			change_peer(d, a);
		else
			add_peer(d, a->after);
	}
}

/* Peers that stay are the same in the new value. */
static void adopt(struct iked *d, struct ipsec_conf *wanted)
{
	struct iked_peer *p;

	TAILQ_FOREACH(p, &d->peers, next)
		p->conf = ipsec_conf_find(wanted, p->conf->name);
	ipsec_conf_free(d->conf);
	d->conf = wanted;
}

/* ---- a new value --------------------------------------------------------- */

static int try_files(const struct ipsec_conf *wanted,
		     const struct ipsec_conf_plan *plan,
		     struct ipsec_conf_errors *errs)
{
	char why[256];

	for (uint32_t i = 0; i < plan->count; i++) {
		const struct ipsec_conf_action *a = &plan->actions[i];
		struct ipsec_conf_error *e = &errs->error[0];
		int rc;

		if (!a->after || a->start_only)
			continue;
		rc = charon_peers_try(a->after, why, sizeof(why));
		if (!rc)
			continue;
		errs->count = 1;
		snprintf(e->path, sizeof(e->path), "peers[%u].auth",
			 (unsigned)(a->after - wanted->peers));
		snprintf(e->value, sizeof(e->value), "%s", a->after->name);
		snprintf(e->expected, sizeof(e->expected), "%s", why);
		return rc;
	}
	return 0;
}

static int save(const struct iked *d, const struct ipsec_conf *conf)
{
	char path[PATH_BYTES], *text = ipsec_conf_save(conf);
	int rc;

	if (!text)
		return -ENOMEM;
	snprintf(path, sizeof(path), "%s/" IKED_STATE_FILE, d->state_dir);
	rc = daemon_save_file(path, text, strlen(text), 0600);
	free(text);
	if (rc)
		log_err("%s: %s", path, strerror(-rc));
	return rc;
}

int iked_apply(struct iked *d, struct ipsec_conf *wanted, bool force,
	       struct ipsec_conf_errors *errs,
	       void (*fn)(const char *action, void *arg), void *arg)
{
	struct ipsec_conf_plan plan;
	int rc = ipsec_conf_may_replace(d->conf, wanted, force, errs);

	if (rc)
		return rc;
	rc = ipsec_conf_diff(d->conf, wanted, &plan);
	if (rc)
		return rc;
	rc = try_files(wanted, &plan, errs);
	if (!rc)
		rc = save(d, wanted);
	if (!rc) {
		carry_out(d, &plan, fn, arg);
		adopt(d, wanted);
		if (plan.count)
			tell_espd(d);
		iked_tick(d);
	}
	ipsec_conf_plan_fini(&plan);
	return rc;
}

/* ---- life ---------------------------------------------------------------- */

static int load(struct iked *d, struct ipsec_conf **out)
{
	struct ipsec_conf_errors errs = { .count = 0 };
	char path[PATH_BYTES], *text;
	size_t len;
	int rc;

	snprintf(path, sizeof(path), "%s/" IKED_STATE_FILE, d->state_dir);
	rc = daemon_read_file(path, ICONF_TEXT_MAX, &text, &len);
	if (rc == -ENOENT) {
		*out = ipsec_conf_empty();
		return *out ? 0 : -ENOMEM;
	}
	if (rc) {
		log_err("%s: %s", path, strerror(-rc));
		return rc;
	}
	rc = ipsec_conf_parse(out, text, len, &errs);
	free(text);
	if (rc)
		log_err("%s: at \"%s\" is %s instead of %s; set it right or "
			"move it away", path, errs.error[0].path,
			errs.error[0].value, errs.error[0].expected);
	return rc;
}

int iked_init(struct iked *d, const char *state_dir)
{
	int rc;

	TAILQ_INIT(&d->peers);
	d->state_dir = state_dir;
	rc = load(d, &d->conf);
	for (uint32_t i = 0; !rc && i < d->conf->peer_count; i++)
		add_peer(d, &d->conf->peers[i]);
	return rc;
}

void iked_fini(struct iked *d)
{
	struct iked_peer *p;

	while ((p = TAILQ_FIRST(&d->peers))) {
		TAILQ_REMOVE(&d->peers, p, next);
		free(p);
	}
	ipsec_conf_free(d->conf);
	d->conf = NULL;
}

/* ---- facts --------------------------------------------------------------- */

static const char *state_word(const struct iked *d, const struct iked_peer *p,
			      const struct charon_facts *f)
{
	if (f->child_count)
		return "up";
	if (p->error[0])
		return "broken";
	if (!d->ready)
		return "blocked";
	if (f->connecting)
		return "connecting";
	if (p->keep.wanted)
		return "retrying";
	return p->keep.trapped || p->keep.start == ICONF_START_RESPOND ?
		       "waiting" : "down";
}

static json_t *networks_json(const struct iconf_network *n)
{
	json_t *list = json_array();
	char text[ICONF_NETWORK_TEXT];

	for (int i = 0; i < ICONF_NETWORKS_MAX && n[i].family; i++) {
		ipsec_conf_network_text(&n[i], text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static void add_error(json_t *o, const struct iked *d,
		      const struct iked_peer *p, const struct charon_facts *f)
{
	json_t *e;

	if (p->error[0])
		e = json_pack("{s:s, s:s}", "kind", "files", "text", p->error);
	else if (f->error[0])
		e = json_pack("{s:s, s:s, s:I}", "kind", f->error, "text",
			      f->error_text, "time",
			      (json_int_t)f->error_time);
	else if (!d->ready)
		e = json_pack("{s:s, s:s}", "kind", "espd", "text",
			      "causeway-espd is not there, or cannot protect "
			      "the networks; see both logs");
	else
		e = json_null();
	json_object_set_new(o, "error", e);
}

json_t *iked_peer_json(struct iked *d, struct iked_peer *p, bool whole)
{
	static const char *const starts[] = { "always", "on-demand",
					      "respond" };
	struct charon_facts f;
	json_t *o;

	charon_watch_facts(p->conf->name, &f);
	o = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:i, s:i, s:I, s:I, s:I, "
		      "s:I, s:I, s:I}",
		      "name", p->conf->name, "state", state_word(d, p, &f),
		      "start", starts[p->conf->start], "remote",
		      p->conf->remote[0] ? p->conf->remote : "any",
		      "local_networks", networks_json(p->conf->local_net),
		      "remote_networks", networks_json(p->conf->remote_net),
		      "ike_sa_count", (int)f.ike_count, "child_sa_count",
		      (int)f.child_count, "up_since", (json_int_t)f.up_since,
		      "ups", (json_int_t)f.ups, "downs", (json_int_t)f.downs,
		      "rekeys", (json_int_t)f.child_rekeys, "ike_rekeys",
		      (json_int_t)f.ike_rekeys, "failures",
		      (json_int_t)f.failures);
	add_error(o, d, p, &f);
	if (whole)
		json_object_set_new(o, "ike_sas",
				    charon_sas_json(p->conf->name));
	return o;
}
