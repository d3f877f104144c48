/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_conf_save.c: a value, and what was wrong with one, as JSON.
 *
 * Written by the same tables it is read by.  What equals its default is left
 * out, so that a state reads as short as it was written; keys whose default
 * follows from other keys are always there.
 */
#include "vswitch/switch_conf_json.h"

#include <arpa/inet.h>

#include "vswitch/switch_conf_keys.h"

static json_t *flags_json(const struct conf_key *key, uint32_t mask)
{
	const struct conf_word *w;
	json_t *list = json_array();

	for (w = key->words; w->word; w++)
		if (mask & w->value)
			json_array_append_new(list, json_string(w->word));
	return list;
}

static json_t *mac_json(const uint8_t *m)
{
	return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
			    m[3], m[4], m[5]);
}

static json_t *nets_json(const struct switch_conf *conf,
			 const struct conf_port *p)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < p->carries_count; i++)
		if (p->carries[i] != p->native)
			json_array_append_new(
				list,
				json_string(conf->networks[p->carries[i]].name));
	return list;
}

static json_t *ip_json(int family, const void *addr)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(family, addr, text, sizeof(text));
	return json_string(text);
}

static json_t *prefix_json(int family, const void *addr, uint8_t len)
{
	char text[CONF_PREFIX_TEXT];

	conf_prefix_text(family, addr, len, text);
	return json_string(text);
}

static json_t *prefixes_json(const struct conf_key *key,
			     const struct conf_port *p)
{
	json_t *list = json_array();
	uint32_t i;

	if (key->kind == CONF_KIND_PREFIX4)
		for (i = 0; i < p->ipv4_count; i++)
			json_array_append_new(
				list, prefix_json(AF_INET,
						  &p->ipv4_allowed[i].addr,
						  p->ipv4_allowed[i].len));
	else
		for (i = 0; i < p->ipv6_count; i++)
			json_array_append_new(
				list, prefix_json(AF_INET6,
						  &p->ipv6_allowed[i].addr,
						  p->ipv6_allowed[i].len));
	return list;
}

static json_t *members_json(const struct conf_bond *b)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < b->member_count; i++)
		json_array_append_new(list, json_string(b->members[i].name));
	return list;
}

static json_t *addresses_json(const struct conf_port *p)
{
	json_t *list = json_array();
	char text[INET6_ADDRSTRLEN];
	uint32_t i;

	for (i = 0; i < p->address_count; i++) {
		inet_ntop(p->addresses[i].family, &p->addresses[i].addr, text,
			  sizeof(text));
		json_array_append_new(list,
				      json_sprintf("%s/%u", text,
						   p->addresses[i].len));
	}
	return list;
}

static bool vid_in(const struct conf_port *p, unsigned vid)
{
	return vid < 4095 && (p->cvlans[vid / 64] >> (vid % 64)) & 1;
}

static bool vids_none(const struct conf_port *p)
{
	unsigned vid = 0;

	while (vid < 4095 && !vid_in(p, vid))
		vid++;
	return vid == 4095;
}

static json_t *vids_json(const struct conf_port *p)
{
	json_t *list = json_array();
	unsigned lo, hi;

	for (lo = 0; lo < 4095; lo = hi + 1) {
		hi = lo;
		if (!vid_in(p, lo))
			continue;
		while (vid_in(p, hi + 1))
			hi++;
		json_array_append_new(list, lo == hi ?
				      json_integer(lo) :
				      json_sprintf("%u-%u", lo, hi));
	}
	return list;
}

static json_t *object_json(const struct switch_conf *conf,
			   const struct conf_key *table, const void *object,
			   const struct conf_port *p);

static json_t *value_json(const struct switch_conf *conf,
			  const struct conf_key *key, const void *object)
{
	const char *text = (const char *)object + key->offset;

	switch (key->kind) {
	case CONF_KIND_BOOL:
		return json_boolean(conf_key_get(key, object));
	case CONF_KIND_WORD8:
	case CONF_KIND_WORD16:
		return json_string(conf_word_of(key->words,
						conf_key_get(key, object)));
	case CONF_KIND_FLAGS:
		return flags_json(key, conf_key_get(key, object));
	case CONF_KIND_NAME:
	case CONF_KIND_SOCKET:
	case CONF_KIND_IFNAME:
		return json_string(text);
	case CONF_KIND_MAC:
		return mac_json((const uint8_t *)text);
	case CONF_KIND_IP4:
		return ip_json(AF_INET, text);
	case CONF_KIND_IP6:
		return ip_json(AF_INET6, text);
	case CONF_KIND_MEMBERS:
		return members_json(&((const struct conf_port *)object)->bonding);
	case CONF_KIND_ADDRS:
		return addresses_json(object);
	case CONF_KIND_NET:
		return json_string(
			conf->networks[conf_key_get(key, object)].name);
	case CONF_KIND_NETS:
		return nets_json(conf, object);
	case CONF_KIND_PREFIX4:
	case CONF_KIND_PREFIX6:
		return prefixes_json(key, object);
	case CONF_KIND_VIDS:
		return vids_json(object);
	case CONF_KIND_SUB:
		return object_json(conf, key->sub, object, NULL);
	default:
		return json_integer(conf_key_get(key, object));
	}
}

static bool all_zero(const char *at, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (at[i])
			return false;
	return true;
}

/* Nothing to say: reading the text without the key gives the same value. */
static bool is_default(const struct conf_key *key, const void *object)
{
	const char *at = (const char *)object + key->offset;
	const struct conf_port *p = object;

	if (key->required || key->derived)
		return false;
	switch (key->kind) {
	case CONF_KIND_NAME:
	case CONF_KIND_SOCKET:
	case CONF_KIND_IFNAME:
		return !*at;
	case CONF_KIND_MAC:
		return all_zero(at, 6);
	case CONF_KIND_IP4:
		return all_zero(at, sizeof(struct in_addr));
	case CONF_KIND_IP6:
		return all_zero(at, sizeof(struct in6_addr));
	case CONF_KIND_ADDRS:
		return !p->address_count;
	case CONF_KIND_PREFIX4:
		return !p->ipv4_count;
	case CONF_KIND_PREFIX6:
		return !p->ipv6_count;
	case CONF_KIND_VIDS:
		return vids_none(p);
	case CONF_KIND_NET:
	case CONF_KIND_NETS:
	case CONF_KIND_SUB:
		return false;
	default:
		return conf_key_get(key, object) == key->def;
	}
}

/* `p` is the port whose object it is, or NULL. */
static json_t *object_json(const struct switch_conf *conf,
			   const struct conf_key *table, const void *object,
			   const struct conf_port *p)
{
	json_t *to = json_object(), *value;

	for (; to && table->name; table++) {
		if ((p && !conf_key_applies(table, p)) ||
		    is_default(table, object))
			continue;
		value = value_json(conf, table, object);
		if (table->sub && value && !json_object_size(value))
			json_decref(value);
		else if (json_object_set_new(to, table->name, value) < 0)
			goto free_to;
	}
	return to;
free_to:
	json_decref(to);
	return NULL;
}

json_t *switch_conf_to_json(const struct switch_conf *conf)
{
	json_t *networks = json_array(), *ports = json_array();
	bool ok = true;
	uint32_t i;

	for (i = 0; i < conf->network_count; i++)
		ok &= !json_array_append_new(
			networks, object_json(conf, conf_network_keys,
					      &conf->networks[i], NULL));
	for (i = 0; i < conf->port_count; i++)
		ok &= !json_array_append_new(
			ports, object_json(conf, conf_port_keys,
					   &conf->ports[i], &conf->ports[i]));
	if (!ok) {
		json_decref(networks);
		json_decref(ports);
		return NULL;
	}
	return json_pack("{s:s, s:I, s:o, s:o, s:o}", "owner", conf->owner,
			 "generation", (json_int_t)conf->generation,
			 "settings", object_json(conf, conf_settings_keys,
						 &conf->settings, NULL),
			 "networks", networks, "ports", ports);
}

json_t *switch_conf_errors_json(const struct switch_conf_errors *errs)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < errs->count; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s}", "path",
					errs->error[i].path, "value",
					errs->error[i].value, "expected",
					errs->error[i].expected));
	return list;
}
