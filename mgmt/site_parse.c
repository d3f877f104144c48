/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * site_parse.c: the file's own keys.  What is inside "switch" and
 * "hypervisor" is for the parsers of those who run it (site_check.c).
 */
#include "mgmt/site_parts.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_EXPECTED "1 to 63 letters, digits or . _ : -"

/* Every key must be one of these; "a b c" with a space around each. */
static int check_keys(const json_t *object, const char *path,
		      const char *known, struct site_errors *errs)
{
	char word[SITE_NAME_MAX + 2], at[192];
	const char *key;
	json_t *value;
	int rc = 0;

	json_object_foreach((json_t *)object, key, value) {
		snprintf(word, sizeof(word), " %.60s ", key);
		if (strlen(key) < 60 && strstr(known, word))
			continue;
		snprintf(at, sizeof(at), "%s%s%.60s", path, *path ? "." : "",
			 key);
		rc = site_error_add(errs, at, "no such key", "one of:%s",
				    known);
	}
	return rc;
}

/* A text of a file's word; missing is fine. */
static int take_word(const json_t *object, const char *path, const char *key,
		     const char *more, char to[SITE_NAME_MAX],
		     struct site_errors *errs)
{
	const json_t *value = json_object_get(object, key);
	const char *text = json_string_value(value);
	char at[192], expected[128];
	size_t i;

	if (!value)
		return 0;
	snprintf(at, sizeof(at), "%s%s%s", path, *path ? "." : "", key);
	snprintf(expected, sizeof(expected),
		 "1 to 63 letters, digits or any of %s", more);
	if (!text || !*text || strlen(text) >= SITE_NAME_MAX)
		return site_error_json(errs, at, value, expected);
	for (i = 0; text[i]; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr(more, text[i]))
			return site_error_json(errs, at, value, expected);
	strcpy(to, text);
	return 0;
}

/* It becomes a path: no way out of its folder. */
static int take_netns(struct site *site, const json_t *root,
		      struct site_errors *errs)
{
	int rc = take_word(root, "", "netns", "._-", site->netns, errs);

	if (!rc && site->netns[0] == '.')
		rc = site_error_add(errs, "netns", site->netns,
				    "a namespace of `ip netns list`");
	return rc;
}

static int take_identity(struct site *site, const json_t *root,
			 struct site_errors *errs)
{
	const json_t *generation = json_object_get(root, "generation");
	int rc = take_word(root, "", "owner", "._:-", site->owner, errs);

	if (!rc && !site->owner[0])
		rc = site_error_json(errs, "owner", NULL, NAME_EXPECTED);
	if (!json_is_integer(generation) || json_integer_value(generation) < 0)
		return site_error_json(errs, "generation", generation,
				       "integer 0 or more; count it up with "
				       "each change");
	site->generation = json_integer_value(generation);
	return rc;
}

/* --- daemons -------------------------------------------------------------- */

static int take_level(const json_t *object, const char *path,
		      struct site_options *o, struct site_errors *errs)
{
	static const char known[] = " err warn info debug ";
	char word[SITE_NAME_MAX + 2], at[192];
	int rc = take_word(object, path, "log_level", "", o->log_level, errs);

	if (rc || !o->log_level[0])
		return rc;
	snprintf(word, sizeof(word), " %s ", o->log_level);
	if (strstr(known, word))
		return 0;
	snprintf(at, sizeof(at), "%.100s.log_level", path);
	return site_error_add(errs, at, o->log_level, "one of:%s", known);
}

static const char *read_core(const char *text, unsigned long *core)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return NULL;
	*core = strtoul(text, &end, 10);
	return *core < CPU_SETSIZE ? end : NULL;
}

int site_cores(const char *text, cpu_set_t *cores)
{
	unsigned long first, last;

	CPU_ZERO(cores);
	do {
		text = read_core(text, &first);
		last = first;
		if (text && *text == '-')
			text = read_core(text + 1, &last);
		if (!text || last < first || (*text && *text != ','))
			return -EINVAL;
		for (; first <= last; first++) {
			if (CPU_ISSET(first, cores))
				return -EINVAL;
			CPU_SET(first, cores);
		}
	} while (*text++);
	return 0;
}

static int take_cores(const json_t *object, const char *path,
		      struct site_options *o, struct site_errors *errs)
{
	int rc = take_word(object, path, "cores", ",-", o->cores, errs);
	char at[192];
	cpu_set_t cores;

	if (rc || !o->cores[0] || !site_cores(o->cores, &cores))
		return rc;
	snprintf(at, sizeof(at), "%.100s.cores", path);
	return site_error_add(errs, at, o->cores,
			      "processors, such as 1 or 2,4-5, each once");
}

/* "pci:0000:03:00.0", and what its driver is told behind a comma. */
static bool is_pci(const char *text)
{
	unsigned domain, bus, dev, fn;
	int n = 0;

	return sscanf(text, "pci:%4x:%2x:%2x.%1u%n", &domain, &bus, &dev, &fn,
		      &n) == 4 &&
	       n == 16 && dev < 32 && fn < 8 && (!text[n] || text[n] == ',');
}

/* It becomes a word of a command line, and of a unit's environment. */
static bool is_device(const char *text)
{
	if (!text || (!is_pci(text) && strncmp(text, "net_", 4) != 0))
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) &&
		    !strchr(".:_,=/+-", *text))
			return false;
	return true;
}

static int take_devices(const json_t *object, const char *path,
			struct site_options *o, struct site_errors *errs)
{
	const json_t *list = json_object_get(object, "devices");
	char at[192];
	size_t i;

	snprintf(at, sizeof(at), "%.100s.devices", path);
	if (list && (!json_is_array(list) ||
		     json_array_size(list) > SITE_DEVICES_MAX))
		return site_error_json(errs, at, list,
				       "a list of at most 16 texts such as "
				       "\"pci:0000:03:00.0\"");
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *v = json_array_get(list, i);

		snprintf(at, sizeof(at), "%.100s.devices[%zu]", path, i);
		if (!is_device(json_string_value(v)))
			return site_error_json(errs, at, v,
					       "such as \"pci:0000:03:00.0\"");
		o->devices[i] = strdup(json_string_value(v));
		if (!o->devices[i])
			return -ENOMEM;
		o->device_count++;
	}
	return 0;
}

/* What each may be told; netd and hypervisord are root. */
static const char *const known_options[SITE_DAEMONS] = {
	[SITE_NETD] = " log_level ",
	[SITE_SWITCHD] = " user group cores devices log_level ",
	[SITE_XENSTORED] = " user log_level ",
	[SITE_CONSOLED] = " user group log_level ",
	[SITE_HYPERVISORD] = " group log_level ",
};

static int take_options(struct site *site, enum site_daemon d,
			const json_t *object, struct site_errors *errs)
{
	struct site_options *o = &site->options[d];
	char path[192];
	int rc;

	snprintf(path, sizeof(path), "daemons.%s", site_daemon_name(d));
	if (!json_is_object(object))
		return site_error_json(errs, path, object, "an object");
	rc = check_keys(object, path, known_options[d], errs);
	rc |= take_word(object, path, "user", "._:-", o->user, errs);
	rc |= take_word(object, path, "group", "._-", o->group, errs);
	rc |= take_cores(object, path, o, errs);
	rc |= take_level(object, path, o, errs);
	rc |= take_devices(object, path, o, errs);
	return rc ? -EINVAL : 0;
}

static int take_daemons(struct site *site, const json_t *root,
			struct site_errors *errs)
{
	json_t *daemons = json_object_get(root, "daemons"), *value;
	int rc = 0;
	const char *key;

	if (daemons && !json_is_object(daemons))
		return site_error_json(errs, "daemons", daemons, "an object");
	json_object_foreach(daemons, key, value) {
		enum site_daemon d = site_daemon_find(key);

		if (d == SITE_DAEMONS)
			rc = site_error_add(errs, "daemons", key,
					    "netd, switchd, xenstored, "
					    "consoled, hypervisord");
		else if (take_options(site, d, value, errs))
			rc = -EINVAL;
	}
	return rc;
}

/* --- the whole ------------------------------------------------------------ */

/* One of the two states: a copy, or NULL when the file has none. */
static int take_state(const json_t *root, const char *key, json_t **to,
		      struct site_errors *errs)
{
	const json_t *value = json_object_get(root, key);
	static const char *const ours[] = { "owner", "generation" };
	char path[192];

	if (!value)
		return 0;
	if (!json_is_object(value))
		return site_error_json(errs, key, value, "an object");
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s.%s", key, ours[i]);
		if (json_object_get(value, ours[i]))
			return site_error_json(
				errs, path, json_object_get(value, ours[i]),
				"nothing: the site's own is taken");
	}
	*to = json_deep_copy(value);
	return *to ? 0 : -ENOMEM;
}

int site_parse(struct site *site, const json_t *root, struct site_errors *errs)
{
	int rc;

	if (!json_is_object(root))
		return site_error_json(errs, "", root, "an object");
	rc = check_keys(root, "",
			" owner generation netns switch hypervisor daemons ",
			errs);
	rc |= take_identity(site, root, errs);
	rc |= take_netns(site, root, errs);
	rc |= take_daemons(site, root, errs);
	rc |= take_state(root, "switch", &site->switch_state, errs);
	rc |= take_state(root, "hypervisor", &site->hypervisor_state, errs);
	if (rc)
		return errs->count ? -EINVAL : -ENOMEM;
	if (!site->switch_state)
		site->switch_state = json_object();
	return site->switch_state ? 0 : -ENOMEM;
}
