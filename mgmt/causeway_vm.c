/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * causeway_vm.c: `vm`: hypervisord's methods as words.
 *
 * What a domain is belongs into the site file; these act on now.  A command
 * that takes time is waited for: hypervisord answers when the domain has come
 * to rest, or says why it did not.  Done is only what has led to the state
 * that was asked for; after the time-out it goes on, and that is said.
 */
#include "mgmt/causeway.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/wait.h>

#include "vswitch/text_table.h"

#define WAIT_DEFAULT_S 120

#define QUIET_S 2 /* and then we say what we wait for */

static const struct verb {
	const char *word, *method;
	const char *done; /* " state state ", NULL: any */
} verbs[] = {
	{ "start", "domain.start", " running " },
	{ "shutdown", "domain.shutdown", " halted " },
	{ "reboot", "domain.reboot", " running " },
	{ "pause", "domain.pause", " paused " },
	{ "resume", "domain.resume", " running " },
	{ "suspend", "domain.suspend", " suspended " },
	{ "kill", "domain.kill", " halted crashed " },
	{ "confirm", "domain.confirm", NULL },
	{ NULL, NULL, NULL },
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
		text_table_cell(&t, "%s%s%s", cw_text(d, "why"),
				cw_text(d, "why")[0] &&
				cw_text(d, "problem")[0] ? "; " : "",
				cw_text(d, "problem"));
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

static void print_facts(json_t *domain)
{
	const char *key;
	json_t *value;

	json_object_foreach(domain, key, value)
		print_value(key, value, 0);
}

static int show(struct cw *cw, const char *vm)
{
	json_t *domain;
	int code = cw_call(cw, SITE_HYPERVISORD, "domain.get",
			   json_pack("{s:s}", "uuid", vm), &domain);

	if (code)
		return code;
	if (cw->json)
		return cw_print_json(domain);
	print_facts(domain);
	json_decref(domain);
	return CW_DONE;
}

/* --- commanding ----------------------------------------------------------- */

/* The epoch it has now: who types it says that it is this host's. */
static int add_epoch(struct cw *cw, const char *vm, json_t *params)
{
	json_t *domain;
	int code = cw_call(cw, SITE_HYPERVISORD, "domain.get",
			   json_pack("{s:s}", "uuid", vm), &domain);

	if (code)
		return code;
	json_object_set_new(params, "epoch",
			    json_integer(cw_number(domain, "epoch")));
	json_decref(domain);
	return CW_DONE;
}

/* "web is waiting: for the switch to have its ports" */
static void print_state(FILE *to, const json_t *domain)
{
	const char *why = cw_text(domain, "why");

	fprintf(to, "%s is %s%s%s", cw_text(domain, "name"),
		cw_text(domain, "state"), *why ? ": " : "", why);
}

/* In a process of its own, since the call that takes so long blocks us. */
static void tell_later(struct cw *cw, const char *vm)
{
	json_t *domain;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sleep(QUIET_S);
	domain = cw_ask(cw, SITE_HYPERVISORD, "domain.get",
			json_pack("{s:s}", "uuid", vm));
	if (domain) {
		print_state(stderr, domain);
		fputs("; waiting\n", stderr);
	}
	_exit(0);
}

static int call_and_tell(struct cw *cw, const struct verb *v, const char *vm,
			 json_t *params, unsigned wait_s, json_t **domain)
{
	pid_t teller = -1;
	int code;

	if (!cw->json && wait_s > QUIET_S) {
		fflush(NULL);
		teller = fork();
	}
	if (!teller)
		tell_later(cw, vm);
	code = cw_call_within(cw, SITE_HYPERVISORD, v->method, params,
			      (wait_s + 10) * 1000, domain);
	if (teller > 0) {
		kill(teller, SIGKILL);
		waitpid(teller, NULL, 0);
	}
	return code;
}

static bool is_done(const struct verb *v, const json_t *domain)
{
	char word[64];

	snprintf(word, sizeof(word), " %.60s ", cw_text(domain, "state"));
	return !v->done || strstr(v->done, word);
}

/* It may still come to it: hypervisord goes on. */
static int say_undone(const struct cw *cw, const struct verb *v,
		      const json_t *domain, unsigned wait_s)
{
	const char *why = cw_text(domain, "why");

	return cw_fail(cw, CW_REFUSED, "%s: %s has not led to%sin %u s; it is "
		       "%s%s%.100s", cw_text(domain, "name"), v->word, v->done,
		       wait_s, cw_text(domain, "state"), *why ? ", " : "",
		       why);
}

static int tell_result(struct cw *cw, const struct verb *v, json_t *domain,
		       unsigned wait_s)
{
	int code = CW_DONE;

	if (!is_done(v, domain)) {
		code = say_undone(cw, v, domain, wait_s);
		json_decref(domain);
		return code;
	}
	if (cw->json)
		return cw_print_json(domain);
	print_state(stdout, domain);
	putchar('\n');
	json_decref(domain);
	return code;
}

static int command(struct cw *cw, const struct verb *v, const char *vm)
{
	unsigned wait_s = cw->timeout_s ? cw->timeout_s : WAIT_DEFAULT_S;
	json_t *params = json_pack("{s:s, s:i}", "uuid", vm, "wait_s",
				   (int)wait_s), *domain;
	int code = CW_DONE;

	if (!strcmp(v->word, "confirm"))
		code = add_epoch(cw, vm, params);
	if (code) {
		json_decref(params);
		return code;
	}
	code = call_and_tell(cw, v, vm, params, wait_s, &domain);
	return code ? code : tell_result(cw, v, domain, wait_s);
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

	if (!strcmp(word, "list") && cw->argc == 1)
		return list(cw);
	if ((!v && !shows) || cw->argc != 2)
		return cw_fail(cw, CW_USAGE,
			       "usage: causeway vm list | show|start|shutdown|"
			       "reboot|pause|resume|suspend|kill|confirm VM");
	return shows ? show(cw, cw->argv[1]) : command(cw, v, cw->argv[1]);
}
