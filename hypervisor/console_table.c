/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * console_table.c: see console_table.h.
 *
 * A new value is checked whole.  Then a new list is built that takes over the
 * consoles of the same uuid and makes the others; what is left in the old one
 * goes.  Only allocation can fail after the check, and happens before
 * anything is changed.
 */
#include "hypervisor/console_table.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/log.h"
#include "base/rpc.h"

struct console_table {
	struct console_table_conf conf;
	struct console **list;
	size_t count;
};

/* ---- one console -------------------------------------------------------- */

static void warn_of_loss(const struct console *c)
{
	struct console_log_facts f;

	console_log_facts(c->log, &f);
	if (f.error)
		log_limited(LOG_LEVEL_WARN, (uintptr_t)c,
			    "console %s: its history cannot be written: %s "
			    "(%llu bytes lost); the console goes on", c->name,
			    strerror(-f.error), (unsigned long long)f.lost);
}

static void on_output(void *ctx, const char *data, size_t len)
{
	struct console *c = ctx;

	console_log_write(c->log, data, len);
	warn_of_loss(c);
}

/* One can tell the starts of a domain apart. */
static void on_connection(void *ctx, bool connected)
{
	struct console *c = ctx;
	time_t now = time(NULL);
	struct tm tm;
	char line[80];
	size_t n;

	log_debug("console %s: %s", c->name,
		  connected ? "connected" : "disconnected");
	if (!connected || !gmtime_r(&now, &tm))
		return;
	n = strftime(line, sizeof(line),
		     "\r\n[causeway: connected %Y-%m-%dT%H:%M:%SZ]\r\n", &tm);
	console_log_write(c->log, line, n);
}

static void on_client_gone(void *ctx, const struct console_client_facts *f)
{
	const struct console *c = ctx;

	log_info("console %s (%s): serial closed by uid %u, pid %d: %llu bytes "
		 "typed, %llu shown, %llu skipped", c->name, c->uuid,
		 f->who.uid, (int)f->who.pid, (unsigned long long)f->typed,
		 (unsigned long long)f->shown, (unsigned long long)f->skipped);
}

static void console_free(struct console *c)
{
	if (!c)
		return;
	console_relay_free(c->relay);
	console_log_free(c->log);
	free(c);
}

static void lower_case(char to[CONSOLE_UUID_LEN + 1], const char *uuid)
{
	int i;

	for (i = 0; i < CONSOLE_UUID_LEN; i++)
		to[i] = (char)tolower((unsigned char)uuid[i]);
	to[i] = '\0';
}

static struct console *console_new(struct console_table *t, const char *uuid)
{
	struct console *c = calloc(1, sizeof(*c));
	struct console_relay_conf conf = {
		.base = t->conf.base, .now_ms = t->conf.now_ms,
		.on_output = on_output, .on_connection = on_connection,
		.on_client_gone = on_client_gone, .ctx = c
	};

	if (!c)
		return NULL;
	c->table = t;
	lower_case(c->uuid, uuid);
	if (!console_log_new(&c->log, c->uuid, &t->conf.log) &&
	    !console_relay_new(&c->relay, &conf))
		return c;
	console_free(c);
	return NULL;
}

/* ---- the check ---------------------------------------------------------- */

static bool uuid_is_valid(const char *s)
{
	int i;

	for (i = 0; i < CONSOLE_UUID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' : !isxdigit((unsigned char)s[i]))
			return false;
	}
	return !s[i];
}

static bool name_is_valid(const char *s)
{
	size_t i;

	for (i = 0; s[i]; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return false;
	return i && i < CONSOLE_NAME_MAX;
}

static int refuse(struct rpc_error *err, size_t i, const char *key,
		  const char *value, const char *hint, const char *what)
{
	char path[64];

	snprintf(path, sizeof(path), "consoles[%zu].%s", i, key);
	return rpc_error_set(err, RPC_INVALID_PARAMS, path, value, hint, "%s",
			     what);
}

static int check_one(const struct console_want *w, size_t i,
		     struct rpc_error *err)
{
	if (!uuid_is_valid(w->uuid))
		return refuse(err, i, "uuid", w->uuid,
			      "8-4-4-4-12 hexadecimal digits", "not a uuid");
	if (!name_is_valid(w->name))
		return refuse(err, i, "name", w->name,
			      "1 to 255 bytes, no control characters",
			      "not a name");
	if (w->serial && (w->serial[0] != '/' ||
			  strlen(w->serial) >= CONSOLE_PATH_MAX))
		return refuse(err, i, "serial", w->serial,
			      "an absolute path of at most 107 bytes, or null",
			      "not the path of a socket");
	return 0;
}

static const struct console_want *sorted_by; /* qsort() has no context */
static bool sorted_by_uuid;

static int order(const void *a, const void *b)
{
	const struct console_want *x = &sorted_by[*(const size_t *)a];
	const struct console_want *y = &sorted_by[*(const size_t *)b];

	return sorted_by_uuid ? strcasecmp(x->uuid, y->uuid)
			      : strcmp(x->name, y->name);
}

static int check_twice(const struct console_want *want, size_t count,
		       bool by_uuid, struct rpc_error *err)
{
	size_t at[CONSOLES_MAX], i;

	for (i = 0; i < count; i++)
		at[i] = i;
	sorted_by = want;
	sorted_by_uuid = by_uuid;
	qsort(at, count, sizeof(at[0]), order);
	for (i = 1; i < count; i++)
		if (!order(&at[i - 1], &at[i]))
			return refuse(err, at[i], by_uuid ? "uuid" : "name",
				      by_uuid ? want[at[i]].uuid
					      : want[at[i]].name,
				      "each once", "comes twice");
	return 0;
}

static int check(const struct console_want *want, size_t count,
		 struct rpc_error *err)
{
	size_t i;
	int rc;

	if (count > CONSOLES_MAX)
		return rpc_error_set(err, RPC_INVALID_PARAMS, "consoles", NULL,
				     "at most 1024", "%zu consoles", count);
	for (i = 0; i < count; i++) {
		rc = check_one(&want[i], i, err);
		if (rc)
			return rc;
	}
	rc = check_twice(want, count, true, err);
	return rc ? rc : check_twice(want, count, false, err);
}

/* ---- from one list to the next ------------------------------------------ */

static struct console *find_uuid(const struct console_table *t,
				 const char *uuid)
{
	size_t i;

	for (i = 0; i < t->count; i++)
		if (t->list[i] && !strcasecmp(t->list[i]->uuid, uuid))
			return t->list[i];
	return NULL;
}

static void free_made(struct console_table *t, struct console **list,
		      size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!find_uuid(t, list[i]->uuid))
			console_free(list[i]);
	free(list);
}

/* Those that stay are in both lists. */
static struct console **make_list(struct console_table *t,
				  const struct console_want *want, size_t count)
{
	struct console **list = calloc(count + 1, sizeof(struct console *));
	size_t i;

	for (i = 0; list && i < count; i++) {
		list[i] = find_uuid(t, want[i].uuid);
		if (!list[i])
			list[i] = console_new(t, want[i].uuid);
		if (!list[i]) {
			free_made(t, list, i);
			return NULL;
		}
	}
	return list;
}

static bool is_named(void *ctx, const char *name)
{
	return find_uuid(ctx, name);
}

/* What the old list has and the new one has not. */
static void free_old(struct console **old, size_t old_count,
		     struct console_table *t)
{
	size_t i;

	for (i = 0; i < old_count; i++)
		if (!find_uuid(t, old[i]->uuid))
			console_free(old[i]);
	free(old);
}

int console_table_set(struct console_table *t, const struct console_want *want,
		      size_t count, struct rpc_error *err)
{
	struct console **old = t->list, **list;
	size_t old_count = t->count, i;
	int rc = check(want, count, err);

	if (rc)
		return rc;
	list = make_list(t, want, count);
	if (!list) {
		rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL,
			      "out of memory");
		return -ENOMEM;
	}
	t->list = list;
	t->count = count;
	free_old(old, old_count, t);
	for (i = 0; i < count; i++) {
		strcpy(list[i]->name, want[i].name);
		list[i]->vnc = want[i].vnc;
		console_relay_set_path(list[i]->relay, want[i].serial);
	}
	rc = console_log_prune(t->conf.log.dir_fd, is_named, t);
	if (rc < 0)
		log_limited(LOG_LEVEL_WARN, 0, "old histories: %s",
			    strerror(-rc));
	return 0;
}

/* ---- looking ------------------------------------------------------------ */

struct console *console_table_find(const struct console_table *t,
				   const char *key)
{
	struct console *c = find_uuid(t, key);
	size_t i;

	for (i = 0; !c && i < t->count; i++)
		if (!strcmp(t->list[i]->name, key))
			c = t->list[i];
	return c;
}

size_t console_table_count(const struct console_table *t)
{
	return t->count;
}

struct console *console_table_at(const struct console_table *t, size_t i)
{
	return i < t->count ? t->list[i] : NULL;
}

int console_table_new(struct console_table **out,
		      const struct console_table_conf *conf)
{
	struct console_table *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->conf = *conf;
	*out = t;
	return 0;
}

void console_table_free(struct console_table *t)
{
	size_t i;

	if (!t)
		return;
	for (i = 0; i < t->count; i++)
		console_free(t->list[i]);
	free(t->list);
	free(t);
}
