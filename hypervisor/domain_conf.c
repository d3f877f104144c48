/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domain_conf.c: life of a value: from text, found, replaced, freed.
 *
 * The steps are files of their own: domain_conf_keys.c (the tables),
 * domain_conf_json.c (objects from and to JSON), domain_conf_check.c (what
 * objects say about each other), domain_conf_diff.c (actions).
 */
#include "hypervisor/domain_conf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/domain_conf_json.h"
#include "hypervisor/domain_conf_keys.h"

int domain_conf_parse(struct domain_conf **out, const char *text, size_t len,
		      struct domain_conf_errors *errs)
{
	json_error_t at;
	char where[64];
	json_t *root;
	int rc;

	*out = NULL;
	errs->count = 0;
	if (len > DCONF_TEXT_MAX) {
		snprintf(where, sizeof(where), "%zu bytes", len);
		dconf_error(errs, "", where, "at most %u bytes",
			    DCONF_TEXT_MAX);
		return -EINVAL;
	}
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &at);
	if (!root) {
		snprintf(where, sizeof(where), "line %d column %d", at.line,
			 at.column);
		dconf_error(errs, "", where, "JSON: %s", at.text);
		return -EINVAL;
	}
	rc = domain_conf_from_json(out, root, errs);
	json_decref(root);
	return rc;
}

char *domain_conf_save(const struct domain_conf *conf)
{
	json_t *root = domain_conf_to_json(conf);
	char *text = NULL;

	if (root)
		text = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	return text;
}

struct domain_conf *domain_conf_empty(void)
{
	struct domain_conf *conf = calloc(1, sizeof(*conf));

	if (conf)
		dconf_set_defaults(dconf_root_keys, conf);
	return conf;
}

void domain_conf_free(struct domain_conf *conf)
{
	if (!conf)
		return;
	dconf_free_lists(dconf_root_keys, conf);
	free(conf->by_uuid);
	free(conf->by_name);
	free(conf);
}

int domain_conf_may_replace(const struct domain_conf *running,
			    const struct domain_conf *wanted, bool force,
			    struct domain_conf_errors *errs)
{
	char value[DCONF_QUOTED_MAX];

	errs->count = 0;
	if (!running || !running->owner[0] || force)
		return 0;
	if (strcmp(running->owner, wanted->owner)) {
		dconf_error(errs, "owner", dconf_quoted(value, wanted->owner),
			    "\"%s\", who owns the running state, or force to "
			    "take it over", running->owner);
		return -EPERM;
	}
	if (wanted->generation < running->generation) {
		snprintf(value, sizeof(value), "%" PRIu64, wanted->generation);
		dconf_error(errs, "generation", value,
			    "at least %" PRIu64 ", the running generation, or "
			    "force", running->generation);
		return -ESTALE;
	}
	return 0;
}

static const char *text_at(const struct dconf_domain *d, size_t offset)
{
	return (const char *)d + offset;
}

static int32_t find_text(const struct domain_conf *conf, const uint16_t *index,
			 size_t offset, const char *text)
{
	uint32_t lo = 0, hi = conf->domain_count, mid;
	int order;

	while (index && lo < hi) {
		mid = lo + (hi - lo) / 2;
		order = strcmp(text,
			       text_at(&conf->domains[index[mid]], offset));
		if (!order)
			return index[mid];
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return DCONF_NONE;
}

int32_t domain_conf_find(const struct domain_conf *conf, const char *uuid)
{
	return find_text(conf, conf->by_uuid,
			 offsetof(struct dconf_domain, uuid), uuid);
}

int32_t domain_conf_find_name(const struct domain_conf *conf, const char *name)
{
	return find_text(conf, conf->by_name,
			 offsetof(struct dconf_domain, name), name);
}

int32_t domain_conf_find_vif(const struct dconf_domain *d, unsigned device)
{
	uint32_t i;

	for (i = 0; i < d->vif_count; i++)
		if (d->vifs[i].device == device)
			return i;
	return DCONF_NONE;
}

int32_t domain_conf_find_disk(const struct dconf_domain *d, unsigned slot)
{
	uint32_t i;

	for (i = 0; i < d->disk_count; i++)
		if (d->disks[i].slot == slot)
			return i;
	return DCONF_NONE;
}
