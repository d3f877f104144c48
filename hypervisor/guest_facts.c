/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_facts.c: see guest_facts.h.
 *
 * The paths are those that xapi reads, so that its guest agents for Linux and
 * Windows need to know nothing of us.  Addresses come in two dialects:
 * attr/vif/N/ipv4/M (and ipv6/M), and the older attr/ethN/ip with
 * attr/ethN/ipv6/M/addr, which is only asked when the first is not there.
 */
#include "hypervisor/guest_facts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>

#include "base/rpc.h"
#include "hypervisor/guest_info.h"
#include "hypervisor/guest_text.h"
#include "hypervisor/xenstore_client.h"

#define CHILDREN_MAX 64 /* of a folder, looked at */
#define VIFS_LOOKED_AT 16
#define KEY_MAX 48

struct reader {
	guest_facts_node node;
	void *ctx;
	unsigned reads;
};

struct name {
	const char *path, *key;
};

static const struct name os_names[] = {
	{ "data/os_name", "name" },	    { "data/os_uname", "uname" },
	{ "data/os_distro", "distro" },	    { "data/os_majorver", "major" },
	{ "data/os_minorver", "minor" },    { "data/os_buildver", "build" },
	{ "attr/os/spmajor", "spmajor" },   { "attr/os/spminor", "spminor" },
	{ NULL, NULL },
};

static const struct name driver_names[] = {
	{ "attr/PVAddons/MajorVersion", "major" },
	{ "attr/PVAddons/MinorVersion", "minor" },
	{ "attr/PVAddons/MicroVersion", "micro" },
	{ "attr/PVAddons/BuildVersion", "build" },
	{ "drivers/xenevtchn", "xenevtchn" },
	{ "drivers/xenvbd", "xenvbd" },
	{ "drivers/xennet", "xennet" },
	{ NULL, NULL },
};

static const struct name memory_names[] = {
	{ "data/meminfo_total", "total" },
	{ "data/meminfo_free", "free" },
	{ NULL, NULL },
};

/* ---- nodes -------------------------------------------------------------- */

/* GUEST_INFO_HOME "/" path; NULL also when enough has been read. */
static json_t *read_node(struct reader *r, const char *path)
{
	char full[GUEST_INFO_PATH_MAX];
	int n = snprintf(full, sizeof(full), GUEST_INFO_HOME "/%s", path);

	if (n >= (int)sizeof(full) || r->reads == GUEST_FACTS_READS_MAX)
		return NULL;
	r->reads++;
	return r->node(r->ctx, full);
}

/* Its value, cleaned; false: no value, or nothing but its absence to tell. */
static bool read_text(struct reader *r, const char *path,
		      char text[GUEST_INFO_TEXT_MAX])
{
	json_t *node = read_node(r, path);
	json_t *value = json_object_get(node, "value");
	size_t len = 0;

	if (json_is_string(value))
		len = guest_text_line(json_string_value(value),
				      json_string_length(value), text,
				      GUEST_INFO_TEXT_MAX);
	json_decref(node);
	return len;
}

/*
 * Names of a folder's children: in order, bounded, and each a word of a path
 * that is one.  A list of texts, the caller's.
 */
static json_t *read_children(struct reader *r, const char *path)
{
	json_t *node = read_node(r, path), *list = json_array(), *child;
	size_t i;

	json_array_foreach(json_object_get(node, "children"), i, child) {
		const char *name = json_string_value(child);

		if (json_array_size(list) == CHILDREN_MAX)
			break;
		if (name && *name && strlen(name) < KEY_MAX &&
		    !name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
				       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789-_@")])
			json_array_append(list, child);
	}
	json_decref(node);
	return list;
}

/* A small number without sign, blank or leading zero. */
static bool is_index(const char *s)
{
	size_t len = strspn(s, "0123456789");

	return len && len <= 3 && !s[len] && (s[0] != '0' || len == 1);
}

static bool is_number(const char *s)
{
	size_t len = strspn(s, "0123456789");

	return len && len <= 15 && !s[len];
}

static void set(json_t *map, const char *key, const char *text)
{
	json_object_set_new(map, key, json_string(text));
}

/* ---- maps --------------------------------------------------------------- */

static json_t *named(struct reader *r, const struct name *names,
		     bool (*valid)(const char *))
{
	json_t *map = json_object();
	char text[GUEST_INFO_TEXT_MAX];

	for (; names->path; names++)
		if (read_text(r, names->path, text) && (!valid || valid(text)))
			set(map, names->key, text);
	return map;
}

static void add_address(struct reader *r, json_t *map, const char *path,
			const char *vif, int version, const char *index)
{
	char text[GUEST_INFO_TEXT_MAX], key[KEY_MAX];
	uint8_t address[16];

	if (!read_text(r, path, text) ||
	    inet_pton(version == 4 ? AF_INET : AF_INET6, text, address) != 1)
		return;
	snprintf(key, sizeof(key), "%.3s/ipv%d/%.3s", vif, version, index);
	set(map, key, text);
	snprintf(key, sizeof(key), "%.3s/ip", vif);
	if (version == 4 && !json_object_get(map, key))
		set(map, key, text);
}

/* attr/vif/N/ipvV/M */
static void add_vif(struct reader *r, json_t *map, const char *vif, int version)
{
	char dir[64], path[GUEST_INFO_PATH_MAX];
	json_t *list, *child;
	size_t i;

	snprintf(dir, sizeof(dir), "attr/vif/%.3s/ipv%d", vif, version);
	list = read_children(r, dir);
	json_array_foreach(list, i, child) {
		const char *index = json_string_value(child);

		if (i == GUEST_INFO_ADDRESSES_MAX)
			break;
		snprintf(path, sizeof(path), "%s/%s", dir, index);
		if (is_index(index))
			add_address(r, map, path, vif, version, index);
	}
	json_decref(list);
}

/* attr/ethN/ip, attr/ethN/ipv6/M/addr */
static void add_eth(struct reader *r, json_t *map, const char *name)
{
	const char *vif = name + 3;
	char dir[64], path[GUEST_INFO_PATH_MAX];
	json_t *list, *child;
	size_t i;

	snprintf(path, sizeof(path), "attr/%s/ip", name);
	add_address(r, map, path, vif, 4, "0");
	snprintf(dir, sizeof(dir), "attr/%s/ipv6", name);
	list = read_children(r, dir);
	json_array_foreach(list, i, child) {
		const char *index = json_string_value(child);

		if (i == GUEST_INFO_ADDRESSES_MAX)
			break;
		snprintf(path, sizeof(path), "%s/%s/addr", dir, index);
		if (is_index(index))
			add_address(r, map, path, vif, 6, index);
	}
	json_decref(list);
}

static json_t *networks(struct reader *r)
{
	json_t *map = json_object(), *vifs = read_children(r, "attr/vif");
	json_t *eths = json_array_size(vifs) ? json_array()
					     : read_children(r, "attr");
	json_t *child;
	size_t i;

	json_array_foreach(vifs, i, child) {
		const char *vif = json_string_value(child);

		if (i == VIFS_LOOKED_AT || !is_index(vif))
			continue;
		add_vif(r, map, vif, 4);
		add_vif(r, map, vif, 6);
	}
	json_array_foreach(eths, i, child) {
		const char *name = json_string_value(child);

		if (i < VIFS_LOOKED_AT && !strncmp(name, "eth", 3) &&
		    is_index(name + 3))
			add_eth(r, map, name);
	}
	json_decref(vifs);
	json_decref(eths);
	return map;
}

static json_t *other(struct reader *r)
{
	json_t *map = json_object(), *list = read_children(r, "control");
	char path[GUEST_INFO_PATH_MAX], text[GUEST_INFO_TEXT_MAX];
	json_t *child;
	size_t i;

	json_array_foreach(list, i, child) {
		const char *name = json_string_value(child);

		snprintf(path, sizeof(path), "control/%s", name);
		if (read_text(r, path, text))
			set(map, name, text);
	}
	json_decref(list);
	if (read_text(r, "data/host_name", text))
		set(map, "host_name", text);
	return map;
}

static json_t *hotplug(struct reader *r, const char *path)
{
	char text[GUEST_INFO_TEXT_MAX] = "";

	read_text(r, path, text);
	if (!strcmp(text, "1"))
		return json_string("yes");
	return json_string(strcmp(text, "0") ? "unspecified" : "no");
}

json_t *guest_facts_collect(guest_facts_node node, void *ctx)
{
	struct reader r = { node, ctx, 0 };
	json_t *facts = json_object();
	char text[GUEST_INFO_TEXT_MAX];

	json_object_set_new(facts, "live",
			    json_boolean(read_text(&r, "data/updated", text)));
	json_object_set_new(facts, "os_version", named(&r, os_names, NULL));
	json_object_set_new(facts, "PV_drivers_version",
			    named(&r, driver_names, NULL));
	json_object_set_new(facts, "memory",
			    named(&r, memory_names, is_number));
	json_object_set_new(facts, "can_use_hotplug_vbd",
			    hotplug(&r, "feature/hotplug/vbd"));
	json_object_set_new(facts, "can_use_hotplug_vif",
			    hotplug(&r, "feature/hotplug/vif"));
	json_object_set_new(facts, "networks", networks(&r));
	json_object_set_new(facts, "other", other(&r));
	return facts;
}

/* ---- from the store ----------------------------------------------------- */

struct store {
	struct xenstore_client *client;
	const char *uuid;
	struct rpc_error *err;
	int rc; /* the first error: the rest is not asked */
	uint64_t until_ms;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int too_slow(struct rpc_error *err)
{
	rpc_error_set(err, 0, NULL, NULL, NULL,
		      "causeway-xenstored is too slow");
	return -ETIMEDOUT;
}

static json_t *node_of_store(void *ctx, const char *path)
{
	struct store *s = ctx;
	json_t *node = NULL;
	int rc;

	if (!s->rc && now_ms() > s->until_ms)
		s->rc = too_slow(s->err);
	if (s->rc)
		return NULL;
	rc = xenstore_client_read(s->client, s->uuid, path, &node, s->err);
	if (!rc)
		return node;
	if (rc != -EREMOTEIO || s->err->code != RPC_NOT_FOUND)
		s->rc = rc;
	return NULL;
}

int guest_facts_read(struct xenstore_client *c, const char *uuid, json_t **out,
		     struct rpc_error *err)
{
	struct store s = { c, uuid, err, 0, now_ms() + GUEST_FACTS_MS };

	*out = guest_facts_collect(node_of_store, &s);
	if (!s.rc)
		return 0;
	json_decref(*out);
	*out = NULL;
	return s.rc;
}
