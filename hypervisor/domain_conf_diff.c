/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domain_conf_diff.c: from what was wanted last to what is wanted now,
 * deletions first.
 *
 * Domains are matched by uuid, their VIFs and disks by device.  What differs
 * at a VIF or disk makes it another one.  A port or path may change hands in
 * one value: as all that is given up comes before all that is taken, no order
 * among domains has to be found.
 */
#include "hypervisor/domain_conf_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct diff {
	const struct domain_conf *running;
	const struct domain_conf *wanted;
	struct domain_conf_plan *plan;
};

static void add(struct diff *d, enum dconf_verb verb, enum dconf_object object,
		uint32_t parts, int32_t before, int32_t after, int32_t item)
{
	d->plan->actions[d->plan->count++] = (struct domain_conf_action){
		.verb = verb, .object = object, .parts = parts,
		.before = before, .after = after, .item = item,
	};
}

/* The domain's index in the other value. */
static int32_t then(const struct diff *d, uint32_t i)
{
	return domain_conf_find(d->wanted, d->running->domains[i].uuid);
}

static int32_t before(const struct diff *d, uint32_t i)
{
	return domain_conf_find(d->running, d->wanted->domains[i].uuid);
}

/*
 * What becomes of a VIF or disk of domain a: DCONF_NONE if b has none of its
 * device, else its index there, and whether it is the same.
 */
static int32_t vif_in(const struct dconf_domain *a, uint32_t i,
		      const struct dconf_domain *b, bool *same)
{
	int32_t k = domain_conf_find_vif(b, a->vifs[i].device);

	*same = k != DCONF_NONE &&
		dconf_equal(dconf_vif_keys, &a->vifs[i], &b->vifs[k]);
	return k;
}

static int32_t disk_in(const struct dconf_domain *a, uint32_t i,
		       const struct dconf_domain *b, bool *same)
{
	int32_t k = domain_conf_find_disk(b, a->disks[i].slot);

	*same = k != DCONF_NONE &&
		dconf_equal(dconf_disk_keys, &a->disks[i], &b->disks[k]);
	return k;
}

/* Which disk is booted from; a kernel does not mind. */
static bool boots_elsewhere(const struct dconf_domain *a,
			    const struct dconf_domain *b)
{
	return a->boot.disk && b->boot.disk && a->disk_count &&
	       b->disk_count && a->disks[0].slot != b->disks[0].slot;
}

static uint32_t domain_parts(const struct dconf_domain *a,
			     const struct dconf_domain *b)
{
	uint32_t parts = dconf_parts(dconf_domain_keys, a, b);

	return parts | (boots_elsewhere(a, b) ? DCONF_PART_ORDER : 0);
}

static bool has_process(enum dconf_power power)
{
	return power == DCONF_RUNNING || power == DCONF_PAUSED;
}

static void plan_power(struct diff *d, bool towards_process)
{
	uint32_t i;

	for (i = 0; i < d->wanted->domain_count; i++) {
		int32_t was = before(d, i);
		uint8_t power = d->wanted->domains[i].power;

		if (was == DCONF_NONE || has_process(power) != towards_process)
			continue;
		if (d->running->domains[was].power != power)
			add(d, DCONF_CHANGE, DCONF_POWER, 0, was, i,
			    DCONF_NONE);
	}
}

static void plan_gone_domains(struct diff *d)
{
	uint32_t i;

	for (i = 0; i < d->running->domain_count; i++)
		if (then(d, i) == DCONF_NONE)
			add(d, DCONF_REMOVE, DCONF_DOMAIN, 0, i, DCONF_NONE,
			    DCONF_NONE);
}

/* VIFs or disks of domain a that b has not, or not so. */
static void plan_items(struct diff *d, enum dconf_verb verb,
		       enum dconf_object object, int32_t was, int32_t is)
{
	const struct dconf_domain *a = &d->running->domains[was];
	const struct dconf_domain *b = &d->wanted->domains[is];
	const struct dconf_domain *of = verb == DCONF_REMOVE ? a : b;
	const struct dconf_domain *in = verb == DCONF_REMOVE ? b : a;
	uint32_t i, n = object == DCONF_VIF ? of->vif_count : of->disk_count;
	int32_t k;
	bool same;

	for (i = 0; i < n; i++) {
		k = object == DCONF_VIF ? vif_in(of, i, in, &same) :
					  disk_in(of, i, in, &same);
		if (!same)
			add(d, verb, object,
			    k == DCONF_NONE ? 0 : DCONF_PART_RECREATE, was, is,
			    i);
	}
}

static void plan_all_items(struct diff *d, enum dconf_verb verb,
			   enum dconf_object object)
{
	uint32_t i;

	for (i = 0; i < d->wanted->domain_count; i++)
		if (before(d, i) != DCONF_NONE)
			plan_items(d, verb, object, before(d, i), i);
}

static void plan_changes(struct diff *d)
{
	uint32_t i, parts = dconf_parts(dconf_root_keys, d->running, d->wanted);

	if (parts)
		add(d, DCONF_CHANGE, DCONF_SETTINGS, parts, DCONF_NONE,
		    DCONF_NONE, DCONF_NONE);
	for (i = 0; i < d->wanted->domain_count; i++) {
		int32_t was = before(d, i);

		parts = was == DCONF_NONE ? 0 :
			domain_parts(&d->running->domains[was],
				     &d->wanted->domains[i]);
		if (parts)
			add(d, DCONF_CHANGE, DCONF_DOMAIN, parts, was, i,
			    DCONF_NONE);
	}
}

static void plan_new_domains(struct diff *d)
{
	uint32_t i;

	for (i = 0; i < d->wanted->domain_count; i++)
		if (before(d, i) == DCONF_NONE)
			add(d, DCONF_ADD, DCONF_DOMAIN, 0, DCONF_NONE, i,
			    DCONF_NONE);
}

/* At worst every VIF and disk goes and every new one comes. */
static size_t most_actions(const struct domain_conf *conf)
{
	size_t n = 1;
	uint32_t i;

	for (i = 0; i < conf->domain_count; i++)
		n += 2 + conf->domains[i].vif_count +
		     conf->domains[i].disk_count;
	return n;
}

int domain_conf_diff(const struct domain_conf *running,
		     const struct domain_conf *wanted,
		     struct domain_conf_plan *plan)
{
	struct diff d = { .running = running, .wanted = wanted, .plan = plan };

	*plan = (struct domain_conf_plan){ .count = 0 };
	plan->actions = calloc(most_actions(running) + most_actions(wanted),
			       sizeof(*plan->actions));
	if (!plan->actions)
		return -ENOMEM;
	plan_gone_domains(&d);
	plan_power(&d, false);
	plan_all_items(&d, DCONF_REMOVE, DCONF_VIF);
	plan_all_items(&d, DCONF_REMOVE, DCONF_DISK);
	plan_changes(&d);
	plan_all_items(&d, DCONF_ADD, DCONF_DISK);
	plan_all_items(&d, DCONF_ADD, DCONF_VIF);
	plan_new_domains(&d);
	plan_power(&d, true);
	return 0;
}

void domain_conf_plan_fini(struct domain_conf_plan *plan)
{
	free(plan->actions);
	plan->actions = NULL;
	plan->count = 0;
}

/* --- in words ------------------------------------------------------------- */

static const char *const part_words[] = {
	"name",	   "policy", "cpu",   "memory", "vcpus",     "boot",
	"engine", "console", "roots", "uids",	"re-create", "boot disk",
};

static size_t put_parts(char *text, size_t size, uint32_t parts)
{
	const char *lead = "";
	size_t at = 0;
	unsigned i;

	for (i = 0; i < sizeof(part_words) / sizeof(part_words[0]); i++) {
		if (!(parts & (1u << i)) || at >= size)
			continue;
		at += snprintf(text + at, size - at, "%s%s", lead,
			       part_words[i]);
		lead = ", ";
	}
	return at < size ? at : size - 1;
}

/* What is in force now, then what waits. */
static void put_change(char *text, size_t size, uint32_t parts, bool live)
{
	uint32_t pending = live ? parts & DCONF_PARTS_PENDING : 0;
	size_t at = put_parts(text, size, parts & ~pending);

	if (!pending)
		return;
	if (at)
		at += snprintf(text + at, size - at, "; ");
	if (at >= size)
		return;
	at += put_parts(text + at, size - at, pending);
	snprintf(text + at, size - at, ": pending until its next start");
}

static const char *domain_name(const struct domain_conf *running,
			       const struct domain_conf *wanted,
			       const struct domain_conf_action *a)
{
	return a->after != DCONF_NONE ? wanted->domains[a->after].name :
					running->domains[a->before].name;
}

static void item_text(const struct domain_conf *running,
		      const struct domain_conf *wanted,
		      const struct domain_conf_action *a, char *text,
		      size_t size)
{
	const struct dconf_domain *d = a->verb == DCONF_REMOVE ?
					       &running->domains[a->before] :
					       &wanted->domains[a->after];

	if (a->object == DCONF_VIF)
		snprintf(text, size, "vif %u (port %s)",
			 d->vifs[a->item].device, d->vifs[a->item].port);
	else
		snprintf(text, size, "disk %s (%s)", d->disks[a->item].device,
			 d->disks[a->item].image.path);
}

void domain_conf_action_text(const struct domain_conf *running,
			     const struct domain_conf *wanted,
			     const struct domain_conf_action *a, bool live,
			     char *text, size_t size)
{
	static const char *const verbs[] = { "remove", "change", "add" };
	char what[DCONF_PATH_MAX + DCONF_NAME_MAX + 16];

	switch (a->object) {
	case DCONF_SETTINGS:
		put_parts(what, sizeof(what), a->parts);
		snprintf(text, size, "change settings: %s", what);
		return;
	case DCONF_POWER:
		snprintf(text, size, "change power of %s: %s to %s",
			 domain_name(running, wanted, a),
			 domain_conf_power_word(
				 running->domains[a->before].power),
			 domain_conf_power_word(
				 wanted->domains[a->after].power));
		return;
	case DCONF_DOMAIN:
		put_change(what, sizeof(what), a->parts, live);
		snprintf(text, size, "%s domain %s%s%s", verbs[a->verb],
			 domain_name(running, wanted, a), a->parts ? ": " : "",
			 a->parts ? what : "");
		return;
	default:
		item_text(running, wanted, a, what, sizeof(what));
		snprintf(text, size, "%s %s of %s%s", verbs[a->verb], what,
			 domain_name(running, wanted, a),
			 a->parts ? ": re-create" : "");
	}
}
