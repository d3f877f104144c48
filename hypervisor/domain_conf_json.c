/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domain_conf_json.c: JSON to struct and back, by its table.
 *
 * Every reader below takes the value of one key, and either stores it or
 * records one error; reading goes on after an error, so that a person sees
 * all of them at once.  Lists are bounded before memory is taken for them.
 * What equals its default is not written, so a state reads as short as it was
 * written.
 */
#include "hypervisor/domain_conf_json.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/domain_conf_keys.h"

#define WHERE_MAX 128

struct reader {
	struct domain_conf_errors *errs;
	bool no_memory;
};

struct shown {
	char text[128];
	size_t len;
};

static int show_part(const char *part, size_t len, void *data)
{
	struct shown *s = data;
	size_t room = sizeof(s->text) - 1 - s->len;

	if (len > room) {
		memcpy(s->text + s->len, part, room);
		s->len += room;
		memcpy(s->text + sizeof(s->text) - 4, "...", 3);
		return -1; /* ends the dump: the value may be huge */
	}
	memcpy(s->text + s->len, part, len);
	s->len += len;
	return 0;
}

static void fail(struct reader *r, const char *path, const json_t *value,
		 const char *expected)
{
	struct shown s = { .len = 0 };

	if (value)
		json_dump_callback(value, show_part, &s,
				   JSON_ENCODE_ANY | JSON_COMPACT |
					   JSON_ENSURE_ASCII);
	dconf_error(r->errs, path, value ? s.text : NULL, "%s", expected);
}

static void fail_key(struct reader *r, const char *path, const json_t *value,
		     const struct dconf_key *key)
{
	char expected[200];

	dconf_key_expects(key, expected, sizeof(expected));
	fail(r, path, value, expected);
}

static void path_key(char *path, const char *base, const char *key)
{
	if (snprintf(path, WHERE_MAX, "%s%s%s", base, *base ? "." : "", key) >=
	    WHERE_MAX)
		memcpy(path + WHERE_MAX - 4, "...", 4);
}

static void path_at(char *path, const char *base, size_t i)
{
	if (snprintf(path, WHERE_MAX, "%s[%zu]", base, i) >= WHERE_MAX)
		memcpy(path + WHERE_MAX - 4, "...", 4);
}

/* --- texts ---------------------------------------------------------------- */

static bool name_ok(const char *s, size_t size)
{
	size_t i;

	for (i = 0; s[i]; i++)
		if (!isascii((unsigned char)s[i]) ||
		    (!isalnum((unsigned char)s[i]) && !strchr("._:-", s[i])))
			return false;
	return i > 0 && i < size;
}

bool domain_conf_is_uuid(const char *text)
{
	bool nil = true;
	size_t i;

	for (i = 0; text[i] && i < DCONF_UUID_TEXT; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (!strchr(dash ? "-" : "0123456789abcdef", text[i]))
			return false;
		if (!dash && text[i] != '0')
			nil = false;
	}
	return i == DCONF_UUID_TEXT - 1 && !nil;
}

/* Is this between two slashes a name, and not another way to write a path? */
static bool is_step(const char *s, size_t len)
{
	return len && len < 256 && !(len == 1 && s[0] == '.') &&
	       !(len == 2 && s[0] == '.' && s[1] == '.');
}

bool dconf_path_ok(const char *path)
{
	size_t i, len;

	for (i = 0; path[i]; i++)
		if (iscntrl((unsigned char)path[i]))
			return false;
	if (path[0] != '/' || i >= DCONF_PATH_MAX)
		return false;
	for (; *path == '/'; path += 1 + len) {
		len = strcspn(path + 1, "/");
		if (!is_step(path + 1, len))
			return false;
	}
	return true;
}

bool dconf_path_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return !strncmp(path, folder, len) && path[len] == '/';
}

static bool printable(const char *s, size_t size)
{
	size_t i;

	for (i = 0; s[i]; i++)
		if (s[i] < ' ' || s[i] > '~')
			return false;
	return i < size;
}

static bool device_ok(const char *s)
{
	return !strncmp(s, "vd", 2) && s[2] >= 'a' &&
	       s[2] < 'a' + DCONF_DISKS_MAX && !s[3];
}

static bool text_ok(const struct dconf_key *key, const char *s)
{
	switch (key->kind) {
	case DCONF_KIND_NAME:
		return name_ok(s, key->size);
	case DCONF_KIND_UUID:
		return domain_conf_is_uuid(s);
	case DCONF_KIND_DEVICE:
		return device_ok(s);
	case DCONF_KIND_TEXT:
		return printable(s, key->size);
	default:
		return dconf_path_ok(s);
	}
}

static bool read_text(const struct dconf_key *key, void *object,
		      const json_t *value)
{
	const char *s = json_string_value(value);

	if (!s || !text_ok(key, s))
		return false;
	strcpy((char *)object + key->offset, s); /* text_ok() bounds it */
	return true;
}

/* --- scalars -------------------------------------------------------------- */

static bool read_number(const struct dconf_key *key, void *object,
			const json_t *value)
{
	json_int_t v = json_integer_value(value);

	if (!json_is_integer(value) || v < key->min || v > key->max)
		return false;
	dconf_key_set(key, object, v);
	return true;
}

static bool read_bool(const struct dconf_key *key, void *object,
		      const json_t *value)
{
	if (!json_is_boolean(value))
		return false;
	dconf_key_set(key, object, json_is_true(value));
	return true;
}

static bool read_word(const struct dconf_key *key, void *object,
		      const json_t *value)
{
	const char *s = json_string_value(value);
	const struct dconf_word *w;

	for (w = key->words; s && w->word; w++) {
		if (strcmp(w->word, s))
			continue;
		dconf_key_set(key, object, w->value);
		return true;
	}
	return false;
}

static bool hex_byte(const char *s, uint8_t *to)
{
	char digits[3] = { s[0], s[0] ? s[1] : 0, 0 };

	if (!isxdigit((unsigned char)digits[0]) ||
	    !isxdigit((unsigned char)digits[1]))
		return false;
	*to = strtoul(digits, NULL, 16);
	return true;
}

static bool read_mac(uint8_t mac[6], const json_t *value)
{
	static const uint8_t zero[6];
	const char *s = json_string_value(value);
	unsigned i;

	if (!s || strlen(s) != 17)
		return false;
	for (i = 0; i < 6; i++) {
		if (!hex_byte(s + 3 * i, &mac[i]))
			return false;
		if (i < 5 && s[3 * i + 2] != ':')
			return false;
	}
	return !(mac[0] & 1) && memcmp(mac, zero, 6);
}

/* Decimal digits, and no more than a uid can be. */
static const char *read_uid(const char *s, uint32_t *uid)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; isdigit((unsigned char)s[i]) && i < 10; i++)
		v = v * 10 + (s[i] - '0');
	if (!i || v < DCONF_UID_MIN || v > INT32_MAX - 1)
		return NULL;
	*uid = v;
	return s + i;
}

static bool read_uids(uint32_t uids[2], const json_t *value)
{
	const char *s = json_string_value(value);

	s = s ? read_uid(s, &uids[0]) : NULL;
	if (!s || *s != '-')
		return false;
	s = read_uid(s + 1, &uids[1]);
	return s && !*s && uids[0] <= uids[1];
}

/* --- lists and objects ---------------------------------------------------- */

static void read_object(struct reader *r, const struct dconf_key *table,
			void *object, const json_t *value, const char *path);

static void read_item(struct reader *r, const struct dconf_key *key,
		      void *item, const json_t *value, const char *path)
{
	const char *s = json_string_value(value);

	if (key->sub) {
		dconf_set_defaults(key->sub, item);
		read_object(r, key->sub, item, value, path);
	} else if (s && dconf_path_ok(s)) {
		strcpy(item, s);
	} else {
		fail(r, path, value, s && !strcmp(s, "/") ?
		     "a folder beneath /: / itself holds the host's files" :
		     "absolute path without ., .. and //, no / at its end");
	}
}

static bool read_list(struct reader *r, const struct dconf_key *key,
		      void *object, const json_t *value, const char *path)
{
	uint32_t i, n = json_array_size(value);
	char at[WHERE_MAX], *items;

	if (!json_is_array(value) || json_array_size(value) > (size_t)key->max)
		return false;
	items = calloc(n + 1, key->size); /* none: no NULL by accident */
	if (!items) {
		r->no_memory = true;
		return true;
	}
	memcpy((char *)object + key->offset, &items, sizeof(items));
	memcpy((char *)object + key->count_offset, &n, sizeof(n));
	for (i = 0; i < n; i++) {
		path_at(at, path, i);
		read_item(r, key, items + i * key->size,
			  json_array_get(value, i), at);
	}
	return true;
}

/* The value of one key; false when it is not what the key expects. */
static bool read_value(struct reader *r, const struct dconf_key *key,
		       void *object, const json_t *value, const char *path)
{
	void *at = (char *)object + key->offset;

	switch (key->kind) {
	case DCONF_KIND_BOOL:
		return read_bool(key, object, value);
	case DCONF_KIND_U8:
	case DCONF_KIND_U16:
	case DCONF_KIND_U32:
	case DCONF_KIND_U64:
		return read_number(key, object, value);
	case DCONF_KIND_WORD:
		return read_word(key, object, value);
	case DCONF_KIND_MAC:
		return read_mac(at, value);
	case DCONF_KIND_UIDS:
		return read_uids(at, value);
	case DCONF_KIND_PATHS:
	case DCONF_KIND_LIST:
		return read_list(r, key, object, value, path);
	case DCONF_KIND_SUB:
		read_object(r, key->sub, object, value, path);
		return true;
	default:
		return read_text(key, object, value);
	}
}

static void unknown_key(struct reader *r, const struct dconf_key *table,
			const char *name, const json_t *value,
			const char *path)
{
	const char *near = dconf_key_nearest(table, name);
	char expected[96];

	snprintf(expected, sizeof(expected), "a known key%s%s%s",
		 near ? "; did you mean \"" : "",
		 near ? near : ", see causeway-hypervisor.json(5)",
		 near ? "\"?" : "");
	fail(r, path, value, expected);
}

static void read_object(struct reader *r, const struct dconf_key *table,
			void *object, const json_t *value, const char *path)
{
	const struct dconf_key *key;
	char at[WHERE_MAX];
	const char *name;
	json_t *v;

	if (!json_is_object(value)) {
		fail(r, path, value, "object");
		return;
	}
	json_object_foreach((json_t *)value, name, v) {
		path_key(at, path, name);
		key = dconf_key_find(table, name);
		if (!key)
			unknown_key(r, table, name, v, at);
		else if (!read_value(r, key, object, v, at))
			fail_key(r, at, v, key);
	}
	for (key = table; key->name; key++) {
		if (!key->required || json_object_get(value, key->name))
			continue;
		path_key(at, path, key->name);
		fail_key(r, at, NULL, key);
	}
}

int dconf_read(const struct dconf_key *table, void *object,
	       const json_t *value, const char *path,
	       struct domain_conf_errors *errs)
{
	struct reader r = { .errs = errs };

	dconf_set_defaults(table, object);
	read_object(&r, table, object, value, path);
	if (r.no_memory)
		return -ENOMEM;
	return errs->count ? -EINVAL : 0;
}

int domain_conf_from_json(struct domain_conf **out, const json_t *root,
			  struct domain_conf_errors *errs)
{
	struct domain_conf *conf = calloc(1, sizeof(*conf));
	int rc;

	*out = NULL;
	errs->count = 0;
	if (!conf)
		return -ENOMEM;
	rc = dconf_read(dconf_root_keys, conf, root, "", errs);
	if (!rc)
		rc = dconf_check(conf, errs);
	if (rc)
		domain_conf_free(conf);
	else
		*out = conf;
	return rc;
}

/* --- writing -------------------------------------------------------------- */

static json_t *mac_json(const uint8_t *m)
{
	return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
			    m[3], m[4], m[5]);
}

static json_t *uids_json(const uint32_t *uids)
{
	return json_sprintf("%" PRIu32 "-%" PRIu32, uids[0], uids[1]);
}

static json_t *list_json(const struct dconf_key *key, const void *object)
{
	json_t *list = json_array(), *item;
	uint32_t i, n;
	void *items;

	n = dconf_key_items(key, object, &items);
	for (i = 0; list && i < n; i++) {
		const char *at = (const char *)items + i * key->size;

		item = key->sub ? dconf_write(key->sub, at) : json_string(at);
		if (json_array_append_new(list, item) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *value_json(const struct dconf_key *key, const void *object)
{
	const void *at = (const char *)object + key->offset;

	switch (key->kind) {
	case DCONF_KIND_BOOL:
		return json_boolean(dconf_key_get(key, object));
	case DCONF_KIND_WORD:
		return json_string(dconf_word_of(key->words,
						 dconf_key_get(key, object)));
	case DCONF_KIND_NAME:
	case DCONF_KIND_UUID:
	case DCONF_KIND_PATH:
	case DCONF_KIND_TEXT:
	case DCONF_KIND_DEVICE:
		return json_string(at);
	case DCONF_KIND_MAC:
		return mac_json(at);
	case DCONF_KIND_UIDS:
		return uids_json(at);
	case DCONF_KIND_PATHS:
	case DCONF_KIND_LIST:
		return list_json(key, object);
	case DCONF_KIND_SUB:
		return dconf_write(key->sub, object);
	default:
		return json_integer(dconf_key_get(key, object));
	}
}

/* Nothing to say: reading the text without the key gives the same value. */
static bool is_default(const struct dconf_key *key, const void *object)
{
	const char *at = (const char *)object + key->offset;
	void *items;

	if (key->required)
		return false;
	switch (key->kind) {
	case DCONF_KIND_NAME:
	case DCONF_KIND_UUID:
	case DCONF_KIND_PATH:
	case DCONF_KIND_TEXT:
	case DCONF_KIND_DEVICE:
		return !*at;
	case DCONF_KIND_MAC:
	case DCONF_KIND_UIDS:
		return false;
	case DCONF_KIND_PATHS:
	case DCONF_KIND_LIST:
		return !dconf_key_items(key, object, &items);
	case DCONF_KIND_SUB:
		return false; /* dconf_write() looks */
	default:
		return dconf_key_get(key, object) == (uint64_t)key->def;
	}
}

json_t *dconf_write(const struct dconf_key *table, const void *object)
{
	json_t *to = json_object(), *value;

	for (; to && table->name; table++) {
		if (is_default(table, object))
			continue;
		value = value_json(table, object);
		if (table->kind == DCONF_KIND_SUB && !table->required &&
		    value && !json_object_size(value)) {
			json_decref(value);
		} else if (json_object_set_new(to, table->name, value) < 0) {
			json_decref(to);
			return NULL;
		}
	}
	return to;
}

json_t *domain_conf_to_json(const struct domain_conf *conf)
{
	return dconf_write(dconf_root_keys, conf);
}

json_t *domain_conf_errors_json(const struct domain_conf_errors *errs)
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
