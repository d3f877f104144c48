/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ipsec_conf.c: the peers' state as a value: who may replace it, and what is
 * to do so that another one runs.
 */
#include "ipsec-migrate/ipsec_conf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ipsec-migrate/ipsec_conf_keys.h"

struct ipsec_conf *ipsec_conf_empty(void)
{
	return calloc(1, sizeof(struct ipsec_conf));
}

void ipsec_conf_free(struct ipsec_conf *conf)
{
	if (!conf)
		return;
	free(conf->peers);
	free(conf);
}

const struct iconf_peer *ipsec_conf_find(const struct ipsec_conf *conf,
					 const char *name)
{
	for (uint32_t i = 0; i < conf->peer_count; i++)
		if (!strcmp(conf->peers[i].name, name))
			return &conf->peers[i];
	return NULL;
}

int ipsec_conf_may_replace(const struct ipsec_conf *running,
			   const struct ipsec_conf *wanted, bool force,
			   struct ipsec_conf_errors *errs)
{
	char text[32];

	errs->count = 0;
	if (force || !running->owner[0])
		return 0;
	if (strcmp(running->owner, wanted->owner)) {
		iconf_error(errs, "owner", wanted->owner, "%s, whose value "
			    "runs; or force", running->owner);
		return -EPERM;
	}
	if (wanted->generation < running->generation) {
		snprintf(text, sizeof(text), "%" PRIu64, wanted->generation);
		iconf_error(errs, "generation", text, "%" PRIu64 " or more; "
			    "or force", running->generation);
		return -ESTALE;
	}
	return 0;
}

/* ---- actions ------------------------------------------------------------- */

/* A peer has no pointers, and is zero where nothing is said. */
static bool same(const struct iconf_peer *a, const struct iconf_peer *b)
{
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-*) */
	return !memcmp(a, b, sizeof(*a));
}

static bool same_but_start(const struct iconf_peer *a,
			   const struct iconf_peer *b)
{
	struct iconf_peer c;

	memcpy(&c, b, sizeof(c)); /* with what is between the members */
	c.start = a->start;
	return same(a, &c);
}

static void add(struct ipsec_conf_plan *plan, enum iconf_verb verb,
		const struct iconf_peer *before,
		const struct iconf_peer *after)
{
	plan->actions[plan->count++] = (struct ipsec_conf_action){
		.verb = verb, .before = before, .after = after,
		.start_only = verb == ICONF_CHANGE &&
			      same_but_start(before, after),
	};
}

int ipsec_conf_diff(const struct ipsec_conf *running,
		    const struct ipsec_conf *wanted,
		    struct ipsec_conf_plan *plan)
{
	plan->count = 0;
	plan->actions = calloc(running->peer_count + wanted->peer_count + 1,
			       sizeof(*plan->actions));
	if (!plan->actions)
		return -ENOMEM;
	for (uint32_t i = 0; i < running->peer_count; i++)
		if (!ipsec_conf_find(wanted, running->peers[i].name))
			add(plan, ICONF_REMOVE, &running->peers[i], NULL);
	for (uint32_t i = 0; i < wanted->peer_count; i++) {
		const struct iconf_peer *after = &wanted->peers[i];
		const struct iconf_peer *before =
			ipsec_conf_find(running, after->name);

		if (before && !same(before, after))
			add(plan, ICONF_CHANGE, before, after);
	}
	for (uint32_t i = 0; i < wanted->peer_count; i++)
		if (!ipsec_conf_find(running, wanted->peers[i].name))
			add(plan, ICONF_ADD, NULL, &wanted->peers[i]);
	return 0;
}

void ipsec_conf_plan_fini(struct ipsec_conf_plan *plan)
{
	free(plan->actions);
	plan->actions = NULL;
	plan->count = 0;
}

void ipsec_conf_action_text(const struct ipsec_conf_action *action, char *text,
			    size_t size)
{
	static const char *const verbs[] = { "remove", "change", "add" };
	const struct iconf_peer *p = action->after ? action->after :
						     action->before;

	snprintf(text, size, "%s peer %s%s", verbs[action->verb], p->name,
		 action->start_only ? ": start" : "");
}
