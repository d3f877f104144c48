/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * causeway_vm.c: `vm`: hypervisord's methods as words.
 *
 * What a domain is belongs into the site file; these act on now.  A command
 * that takes time is waited for: it is done when the domain is what it was to
 * become.
 */
#include "mgmt/causeway.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "vswitch/text_table.h"

#define WAIT_DEFAULT_S 120

static const struct verb {
	const char *word, *method;
	const char *until[3]; /* states that end the wait; none: no wait */
	const char *done;
} verbs[] = {
	{ "start", "domain.start", { "running", "paused" }, "runs" },
	{ "shutdown", "domain.shutdown", { "halted", "crashed" },
	  "is shut down" },
	{ "reboot", "domain.reboot", { NULL }, "reboots" },
	{ "pause", "domain.pause", { "paused" }, "is paused" },
	{ "resume", "domain.resume", { "running" }, "runs" },
	{ "suspend", "domain.suspend", { "suspended" }, "is suspended" },
	{ "kill", "domain.kill", { "halted", "crashed" }, "is halted" },
	{ "confirm", "domain.confirm", { NULL }, "is confirmed as this host's" },
	{ NULL, NULL, { NULL }, NULL },
};

/* --- looking -------------------------------------------------------------- */

static void print_list(json_t *domains)
{
	struct text_table t;
	json_t *d;
	size_t i;

	text_table_init(&t, "NAME;UUID;STATE;>MEMORY;>VCPUS;>PID;");
	json_array_foreach(domains, i, d) {
		int pid = cw_number(d, "pid");

		text_table_cell(&t, "%s", cw_text(d, "name"));
		text_table_cell(&t, "%s", cw_text(d, "uuid"));
		text_table_cell(&t, "%s", cw_text(d, "state"));
		text_table_cell(&t, "%lld MiB",
				(long long)cw_number(d, "memory_mib"));
		text_table_cell(&t, "%lld", (long long)cw_number(d, "vcpus"));
		text_table_cell(&t, pid ? "%d" : "-", pid);
		text_table_cell(&t, "%s", cw_text(d, "why"));
	}
	text_table_print(&t, stdout);
	text_table_fini(&t);
}

static int list(struct cw *cw)
{
	json_t *answer;
	int code = cw_call(cw, SITE_HYPERVISORD, "domains.list", NULL,
			   &answer);

	if (code)
		return code;
	if (cw->json)
		return cw_print_json(answer);
	print_list(json_object_get(answer, "domains"));
	json_decref(answer);
	return CW_DONE;
}

/* The domain's facts by name or uuid, or what was said. */
static int find(struct cw *cw, const char *vm, json_t **domain)
{
	json_t *answer, *d;
	size_t i;
	int code = cw_call(cw, SITE_HYPERVISORD, "domains.list", NULL,
			   &answer);

	*domain = NULL;
	if (code)
		return code;
	json_array_foreach(json_object_get(answer, "domains"), i, d)
		if (!strcmp(cw_text(d, "uuid"), vm) ||
		    !strcmp(cw_text(d, "name"), vm))
			*domain = json_incref(d);
	json_decref(answer);
	return *domain ? CW_DONE :
			 cw_fail(cw, CW_REFUSED,
				 "there is no domain %s; `causeway vm list` "
				 "has them", vm);
}

/* "key: value" a line, what is inside of it indented. */
static void print_value(const char *key, const json_t *value, int depth)
{
	const char *name;
	char *text;
	json_t *v;
	size_t i;

	printf("%*s%s:", depth * 2, "", key);
	if (json_is_string(value)) {
		printf(" ");
		for (text = (char *)json_string_value(value); *text; text++)
			putchar(*text >= ' ' && *text <= '~' ? *text : '?');
		putchar('\n');
	} else if (json_is_object(value)) {
		putchar('\n');
		json_object_foreach((json_t *)value, name, v)
			print_value(name, v, depth + 1);
	} else if (json_is_array(value)) {
		putchar('\n');
		json_array_foreach(value, i, v)
			print_value("-", v, depth + 1);
	} else {
		text = json_dumps(value, JSON_ENCODE_ANY);
		printf(" %s\n", text ? text : "?");
		free(text);
	}
}

static int show(struct cw *cw, const char *uuid)
{
	json_t *answer, *value;
	const char *key;
	int code = cw_call(cw, SITE_HYPERVISORD, "domain.get",
			   json_pack("{s:s}", "uuid", uuid), &answer);

	if (code)
		return code;
	if (cw->json)
		return cw_print_json(answer);
	json_object_foreach(answer, key, value)
		print_value(key, value, 0);
	json_decref(answer);
	return CW_DONE;
}

/* --- commanding ----------------------------------------------------------- */

static bool is_there(const struct verb *v, const char *state)
{
	for (int i = 0; i < 3 && v->until[i]; i++)
		if (!strcmp(state, v->until[i]))
			return true;
	return !v->until[0];
}

/* Until it is what it shall be, or cannot become it. */
static int await(struct cw *cw, const struct verb *v, const char *uuid)
{
	const struct timespec pause = { 0, 50000000 };
	unsigned wait_s = cw->timeout_s ? cw->timeout_s : WAIT_DEFAULT_S;
	time_t began = time(NULL);
	json_t *d;
	int code;

	for (;;) {
		code = find(cw, uuid, &d);
		if (code)
			return code;
		if (is_there(v, cw_text(d, "state")))
			break;
		if (time(NULL) - began >= (time_t)wait_s) {
			code = cw_fail(cw, CW_UNREACHABLE,
				       "%s is still %s after %u s%s%s",
				       cw_text(d, "name"),
				       cw_text(d, "state"), wait_s,
				       cw_text(d, "why")[0] ? ": " : "",
				       cw_text(d, "why"));
			break;
		}
		json_decref(d);
		nanosleep(&pause, NULL);
	}
	json_decref(d);
	return code;
}

static int command(struct cw *cw, const struct verb *v, const json_t *domain)
{
	const char *uuid = cw_text(domain, "uuid");
	json_t *params = json_pack("{s:s}", "uuid", uuid), *answer;
	int code;

	if (!strcmp(v->word, "confirm"))
		json_object_set_new(params, "epoch",
				    json_integer(cw_number(domain, "epoch")));
	code = cw_call(cw, SITE_HYPERVISORD, v->method, params, &answer);
	if (code)
		return code;
	code = await(cw, v, uuid);
	if (!code && cw->json)
		return cw_print_json(answer);
	if (!code)
		printf("%s %s\n", cw_text(domain, "name"), v->done);
	json_decref(answer);
	return code;
}

static const struct verb *find_verb(const char *word)
{
	const struct verb *v;

	for (v = verbs; v->word; v++)
		if (!strcmp(v->word, word))
			return v;
	return NULL;
}

int cw_vm(struct cw *cw)
{
	const char *word = cw->argv[0];
	const struct verb *v = find_verb(word);
	bool shows = !strcmp(word, "show");
	json_t *domain;
	int code;

	if (!strcmp(word, "list") && cw->argc == 1)
		return list(cw);
	if ((!v && !shows) || cw->argc != 2)
		return cw_fail(cw, CW_USAGE,
			       "usage: causeway vm list | show|start|shutdown|"
			       "reboot|pause|resume|suspend|kill|confirm VM");
	code = find(cw, cw->argv[1], &domain);
	if (code)
		return code;
	code = shows ? show(cw, cw_text(domain, "uuid")) :
		       command(cw, v, domain);
	json_decref(domain);
	return code;
}
