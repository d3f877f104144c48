/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_conf.c: life of a value: from text, found by name, replaced, freed.
 *
 * The steps are files of their own: switch_conf_keys.c (the tables),
 * switch_conf_json.c (one object at a time), switch_conf_check.c (what
 * objects say about each other), switch_conf_diff.c (actions).
 */
#include "vswitch/switch_conf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vswitch/switch_conf_json.h"
#include "vswitch/switch_conf_keys.h"

int switch_conf_parse(struct switch_conf **out, const char *text, size_t len,
		      struct switch_conf_errors *errs)
{
	json_error_t at;
	char where[64];
	json_t *root;
	int rc;

	*out = NULL;
	errs->count = 0;
	if (len > CONF_TEXT_MAX) {
		snprintf(where, sizeof(where), "%zu bytes", len);
		conf_error(errs, "", where, "at most %u bytes", CONF_TEXT_MAX);
		return -EINVAL;
	}
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &at);
	if (!root) {
		snprintf(where, sizeof(where), "line %d column %d", at.line,
			 at.column);
		conf_error(errs, "", where, "JSON: %s", at.text);
		return -EINVAL;
	}
	rc = switch_conf_from_json(out, root, errs);
	json_decref(root);
	return rc;
}

char *switch_conf_save(const struct switch_conf *conf)
{
	json_t *root = switch_conf_to_json(conf);
	char *text = NULL;

	if (root)
		text = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	return text;
}

struct switch_conf *switch_conf_empty(void)
{
	struct switch_conf *conf = calloc(1, sizeof(*conf));
	const struct conf_key *key;

	for (key = conf_settings_keys; conf && key->name; key++)
		conf_key_set(key, &conf->settings, key->def);
	return conf;
}

void switch_conf_free(struct switch_conf *conf)
{
	uint32_t i;

	if (!conf)
		return;
	for (i = 0; i < conf->port_count; i++) {
		free(conf->ports[i].carries);
		free(conf->ports[i].ipv4_allowed);
		free(conf->ports[i].ipv6_allowed);
		free(conf->ports[i].bonding.members);
		free(conf->ports[i].addresses);
	}
	free(conf->networks);
	free(conf->ports);
	free(conf->networks_by_name);
	free(conf->ports_by_name);
	free(conf);
}

int switch_conf_may_replace(const struct switch_conf *running,
			    const struct switch_conf *wanted, bool force,
			    struct switch_conf_errors *errs)
{
	char value[CONF_NAME_MAX + 2];

	errs->count = 0;
	if (!running || !running->owner[0] || force)
		return 0;
	if (strcmp(running->owner, wanted->owner)) {
		snprintf(value, sizeof(value), "\"%s\"", wanted->owner);
		conf_error(errs, "owner", value,
			   "\"%s\", who owns the running state, or force to "
			   "take it over", running->owner);
		return -EPERM;
	}
	if (wanted->generation < running->generation) {
		snprintf(value, sizeof(value), "%" PRIu64, wanted->generation);
		conf_error(errs, "generation", value,
			   "at least %" PRIu64 ", the running generation, or "
			   "force", running->generation);
		return -ESTALE;
	}
	return 0;
}

static int32_t find_name(const uint16_t *index, uint32_t count,
			 const void *objects, size_t size, const char *name)
{
	uint32_t lo = 0, hi = count, mid;
	int order;

	while (index && lo < hi) {
		mid = lo + (hi - lo) / 2;
		order = strcmp(name, (const char *)objects + index[mid] * size);
		if (!order)
			return index[mid];
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return CONF_NONE;
}

int32_t switch_conf_find_network(const struct switch_conf *conf,
				 const char *name)
{
	return find_name(conf->networks_by_name, conf->network_count,
			 conf->networks, sizeof(*conf->networks), name);
}

int32_t switch_conf_find_port(const struct switch_conf *conf, const char *name)
{
	return find_name(conf->ports_by_name, conf->port_count, conf->ports,
			 sizeof(*conf->ports), name);
}

const char *switch_conf_port_end(const struct conf_port *p, const char **key)
{
	static const char *const keys[] = { [CONF_VHOST_USER] = "socket",
					    [CONF_TAP] = "interface",
					    [CONF_PACKET] = "interface",
					    [CONF_BOND] = "members",
					    [CONF_NIC] = "device" };

	if (key)
		*key = keys[p->type];
	if (p->type == CONF_VHOST_USER)
		return p->socket;
	return p->type == CONF_NIC ? p->device : p->interface;
}

void switch_conf_number(struct switch_conf *wanted,
			const struct switch_conf *running)
{
	bool used[CONF_SEGMENTS_MAX] = { false };
	uint32_t i, next = 0;

	for (i = 0; i < running->network_count; i++)
		used[running->networks[i].segment] = true;
	for (i = 0; i < wanted->network_count; i++) {
		struct conf_network *n = &wanted->networks[i];
		int32_t k = switch_conf_find_network(running, n->name);

		if (k != CONF_NONE) {
			n->segment = running->networks[k].segment;
			continue;
		}
		while (used[next])
			next++;
		n->segment = next++;
	}
}
