/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ipsec_conf_json.c: the peers' state from and to JSON, by its tables.
 *
 * Every key is known or refused; all errors are collected, up to what
 * ipsec_conf_errors holds.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ipsec-migrate/ipsec_conf_keys.h"

struct reader {
	struct ipsec_conf_errors *errs;
	char path[128];
};

static void *at(const struct iconf_key *k, void *object)
{
	return (char *)object + k->offset;
}

/* "peers[3]" "." "name"; what is too long is cut, in messages only. */
static size_t enter(struct reader *r, const char *name, int index)
{
	size_t len = strlen(r->path);

	if (name)
		snprintf(r->path + len, sizeof(r->path) - len, "%s%s",
			 len ? "." : "", name);
	else
		snprintf(r->path + len, sizeof(r->path) - len, "[%d]", index);
	return len;
}

static void leave(struct reader *r, size_t len)
{
	r->path[len] = '\0';
}

static void refuse(struct reader *r, const json_t *value, const char *expected)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	char shown[80];

	snprintf(shown, sizeof(shown), "%s", text ? text : "?");
	if (text && strlen(text) >= sizeof(shown))
		strcpy(shown + sizeof(shown) - 4, "...");
	iconf_error(r->errs, r->path, shown, "%s", expected);
	free(text);
}

/* ---- texts --------------------------------------------------------------- */

static bool is_name(const char *s)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return *s && *s != '.' && *s != '-' && strspn(s, ok) == strlen(s);
}

static bool is_printable(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

/* Into char[size]; false: not such a text. */
static bool read_text(const json_t *value, bool (*ok)(const char *), char *to,
		      size_t size)
{
	const char *s = json_string_value(value);

	if (!s || strlen(s) != json_string_length(value) ||
	    strlen(s) >= size || !ok(s))
		return false;
	strcpy(to, s);
	return true;
}

static bool read_word(const struct iconf_key *k, const json_t *value,
		      uint8_t *to)
{
	const char *s = json_string_value(value);

	for (uint8_t i = 0; s && k->words[i]; i++)
		if (!strcmp(k->words[i], s)) {
			*to = i;
			return true;
		}
	return false;
}

static bool read_number(const struct iconf_key *k, const json_t *value,
			uint64_t *to)
{
	json_int_t v = json_integer_value(value);

	if (!json_is_integer(value) || v < 0 || (uint64_t)v < k->min ||
	    (uint64_t)v > k->max)
		return false;
	*to = v;
	return true;
}

static bool read_scalar(const struct iconf_key *k, const json_t *value,
			void *to)
{
	uint64_t n;

	switch (k->kind) {
	case ICONF_KIND_BOOL:
		*(bool *)to = json_is_true(value);
		return json_is_boolean(value);
	case ICONF_KIND_U32:
		if (!read_number(k, value, &n))
			return false;
		*(uint32_t *)to = n;
		return true;
	case ICONF_KIND_U64: return read_number(k, value, to);
	case ICONF_KIND_WORD: return read_word(k, value, to);
	case ICONF_KIND_NAME:
		return read_text(value, is_name, to, ICONF_NAME_MAX);
	case ICONF_KIND_FILE:
		return read_text(value, is_name, to, ICONF_FILE_MAX);
	case ICONF_KIND_ADDRESS:
		return read_text(value, iconf_is_address, to,
				 ICONF_ADDRESS_MAX);
	case ICONF_KIND_ID:
		return read_text(value, is_printable, to, ICONF_ID_MAX);
	default: return false;
	}
}

/* ---- lists --------------------------------------------------------------- */

static bool read_files(const json_t *list, struct iconf_files *to)
{
	if (!json_is_array(list) || json_array_size(list) > ICONF_FILES_MAX)
		return false;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!read_text(json_array_get(list, i), is_name, to->name[i],
			       ICONF_FILE_MAX))
			return false;
	return true;
}

static bool read_networks(const json_t *list, struct iconf_network *to)
{
	size_t n = json_array_size(list);

	if (!json_is_array(list) || !n || n > ICONF_NETWORKS_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_array_get(list, i);
		const char *s = json_string_value(value);

		if (!s || strlen(s) != json_string_length(value) ||
		    !iconf_read_network(s, &to[i]))
			return false;
	}
	return true;
}

static void read_proposals(struct reader *r, const struct iconf_key *k,
			   const json_t *list, struct iconf_proposals *to)
{
	size_t n = json_array_size(list);
	char why[128];

	if (!json_is_array(list) || !n || n > ICONF_PROPOSALS_MAX) {
		refuse(r, list, "a list of 1 to 4 proposals");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_array_get(list, i);
		size_t len = enter(r, NULL, i);

		if (!read_text(value, is_printable, to->text[i],
			       ICONF_PROPOSAL_MAX))
			refuse(r, value, "words with dashes between");
		else if (!iconf_proposal_ok(to->text[i],
					    !strcmp(k->name, "ike"), why,
					    sizeof(why)))
			refuse(r, value, why);
		leave(r, len);
	}
}

/* ---- objects ------------------------------------------------------------- */

static int read_object(struct reader *r, const struct iconf_key *table,
		       const json_t *value, void *object);

static int read_peers(struct reader *r, const struct iconf_key *k,
		      const json_t *list, struct ipsec_conf *conf)
{
	size_t n = json_array_size(list);
	int rc = 0;

	if (!json_is_array(list) || n > ICONF_PEERS_MAX) {
		refuse(r, list, "a list of at most 256 peers");
		return 0;
	}
	conf->peers = calloc(n + 1, sizeof(*conf->peers));
	if (!conf->peers)
		return -ENOMEM;
	conf->peer_count = n;
	for (size_t i = 0; i < n && !rc; i++) {
		size_t len = enter(r, NULL, i);

		iconf_set_defaults(k->sub, &conf->peers[i]);
		rc = read_object(r, k->sub, json_array_get(list, i),
				 &conf->peers[i]);
		leave(r, len);
	}
	return rc;
}

static int read_value(struct reader *r, const struct iconf_key *k,
		      const json_t *value, void *object)
{
	char expects[128];
	bool ok;

	switch (k->kind) {
	case ICONF_KIND_SUB:
		iconf_set_defaults(k->sub, object);
		return read_object(r, k->sub, value, object);
	case ICONF_KIND_PEERS: return read_peers(r, k, value, object);
	case ICONF_KIND_PROPOSALS:
		read_proposals(r, k, value, at(k, object));
		return 0;
	case ICONF_KIND_FILES: ok = read_files(value, at(k, object)); break;
	case ICONF_KIND_NETWORKS:
		ok = read_networks(value, at(k, object));
		break;
	default: ok = read_scalar(k, value, at(k, object)); break;
	}
	if (!ok) {
		iconf_key_expects(k, expects, sizeof(expects));
		refuse(r, value, expects);
	}
	return 0;
}

static void refuse_unknown(struct reader *r, const struct iconf_key *table,
			   const json_t *value)
{
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)value, name, v) {
		size_t len;

		if (iconf_key_find(table, name))
			continue;
		len = enter(r, name, 0);
		refuse(r, v, "no such key; see causeway-iked --schema");
		leave(r, len);
	}
}

static int read_object(struct reader *r, const struct iconf_key *table,
		       const json_t *value, void *object)
{
	int rc = 0;

	if (!json_is_object(value)) {
		refuse(r, value, "an object");
		return 0;
	}
	refuse_unknown(r, table, value);
	for (; table->name && !rc; table++) {
		const json_t *v = json_object_get(value, table->name);
		size_t len = enter(r, table->name, 0);
		char expects[128];

		if (v) {
			rc = read_value(r, table, v, object);
		} else if (table->required) {
			iconf_key_expects(table, expects, sizeof(expects));
			iconf_error(r->errs, r->path, NULL, "%s", expects);
		}
		leave(r, len);
	}
	return rc;
}

/* ---- what follows from other keys ---------------------------------------- */

/* host.crt has its key in host.key */
static void derive_key(struct iconf_auth *a)
{
	const char *dot = strrchr(a->cert, '.');
	size_t len = dot ? (size_t)(dot - a->cert) : strlen(a->cert);

	if (!a->cert[0] || a->key[0] || len + 5 > sizeof(a->key))
		return;
	memcpy(a->key, a->cert, len);
	strcpy(a->key + len, ".key");
}

static void derive(struct ipsec_conf *conf)
{
	for (uint32_t i = 0; i < conf->peer_count; i++) {
		struct iconf_peer *p = &conf->peers[i];

		derive_key(&p->auth);
		if (!p->ike.text[0][0])
			p->ike = iconf_default_ike;
		if (!p->esp.text[0][0])
			p->esp = iconf_default_esp;
	}
}

int ipsec_conf_from_json(struct ipsec_conf **out, const json_t *root,
			 struct ipsec_conf_errors *errs)
{
	struct reader r = { .errs = errs };
	struct ipsec_conf *conf = ipsec_conf_empty();
	int rc = conf ? 0 : -ENOMEM;

	*out = NULL;
	errs->count = 0;
	if (!rc)
		rc = read_object(&r, iconf_root_keys, root, conf);
	if (!rc && errs->count)
		rc = -EINVAL;
	if (!rc) {
		derive(conf);
		rc = iconf_check(conf, errs);
	}
	if (rc)
		ipsec_conf_free(conf);
	else
		*out = conf;
	return rc;
}

int ipsec_conf_parse(struct ipsec_conf **out, const char *text, size_t len,
		     struct ipsec_conf_errors *errs)
{
	json_error_t where;
	char value[64];
	json_t *root;
	int rc;

	*out = NULL;
	errs->count = 0;
	if (len > ICONF_TEXT_MAX) {
		iconf_error(errs, "", "more", "at most %u bytes",
			    ICONF_TEXT_MAX);
		return -EINVAL;
	}
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	if (!root) {
		snprintf(value, sizeof(value), "line %d column %d", where.line,
			 where.column);
		iconf_error(errs, "", value, "JSON: %s", where.text);
		return -EINVAL;
	}
	rc = ipsec_conf_from_json(out, root, errs);
	json_decref(root);
	return rc;
}

/* ---- writing ------------------------------------------------------------- */

static json_t *write_object(const struct iconf_key *table, const void *object);

static json_t *write_texts(const char *text, size_t stride, size_t max)
{
	json_t *list = json_array();

	for (size_t i = 0; i < max && text[i * stride]; i++)
		json_array_append_new(list, json_string(text + i * stride));
	return list;
}

static json_t *write_networks(const struct iconf_network *n)
{
	json_t *list = json_array();
	char text[ICONF_NETWORK_TEXT];

	for (unsigned i = 0; i < ICONF_NETWORKS_MAX && n[i].family; i++) {
		ipsec_conf_network_text(&n[i], text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *write_peers(const struct iconf_key *k,
			   const struct ipsec_conf *conf)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < conf->peer_count; i++)
		json_array_append_new(list,
				      write_object(k->sub, &conf->peers[i]));
	return list;
}

/* NULL: it is not said, which is what its absence means. */
static json_t *write_text(const char *s)
{
	return *s ? json_string(s) : NULL;
}

static json_t *write_value(const struct iconf_key *k, const void *object)
{
	const char *p = (const char *)object + k->offset;

	switch (k->kind) {
	case ICONF_KIND_BOOL: return json_boolean(*(const bool *)p);
	case ICONF_KIND_U32: return json_integer(*(const uint32_t *)p);
	case ICONF_KIND_U64: return json_integer(*(const uint64_t *)p);
	case ICONF_KIND_WORD:
		return json_string(k->words[*(const uint8_t *)p]);
	case ICONF_KIND_FILES:
		return write_texts(p, ICONF_FILE_MAX, ICONF_FILES_MAX);
	case ICONF_KIND_PROPOSALS:
		return write_texts(p, ICONF_PROPOSAL_MAX, ICONF_PROPOSALS_MAX);
	case ICONF_KIND_NETWORKS:
		return write_networks((const struct iconf_network *)p);
	case ICONF_KIND_SUB: return write_object(k->sub, object);
	case ICONF_KIND_PEERS: return write_peers(k, object);
	default: return write_text(p);
	}
}

static json_t *write_object(const struct iconf_key *table, const void *object)
{
	json_t *o = json_object();

	for (; table->name; table++) {
		json_t *v;

		/* Its keys are required: it is there whole or not at all. */
		if (!strcmp(table->name, "ppk") &&
		    !((const struct iconf_peer *)object)->ppk.id[0])
			continue;
		v = write_value(table, object);
		if (v)
			json_object_set_new(o, table->name, v);
	}
	return o;
}

json_t *ipsec_conf_to_json(const struct ipsec_conf *conf)
{
	return write_object(iconf_root_keys, conf);
}

char *ipsec_conf_save(const struct ipsec_conf *conf)
{
	json_t *root = ipsec_conf_to_json(conf);
	char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;

	json_decref(root);
	return text;
}
