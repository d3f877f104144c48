/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchctl_state.c: `apply`, `confirm`, `revert`.  The file is validated here
 * first, by the code the switch uses, so that all errors are told at once; the
 * switch then validates what it gets by itself.
 *
 * Before a state is sent that may cut the host off, its author is told of
 * --confirm-within: afterwards he might not see it any more.
 */
#include "vswitch/switchctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vswitch/switch_conf_json.h"

/* The whole of a file or of stdin, CONF_TEXT_MAX + 1 bytes at most. */
static char *read_text(const char *path, size_t *len)
{
	FILE *in = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char *text = NULL;

	if (!in)
		return NULL;
	text = malloc(CONF_TEXT_MAX + 1);
	if (text) {
		*len = fread(text, 1, CONF_TEXT_MAX + 1, in);
		if (ferror(in)) {
			free(text);
			text = NULL;
		}
	}
	if (in != stdin)
		fclose(in);
	return text;
}

static int say_errors(const struct ctl *ctl, const char *file,
		      const struct switch_conf_errors *errs)
{
	unsigned i;

	if (ctl->json) {
		ctl_print_json(json_pack("{s:{s:s, s:o}}", "error", "message",
					 "state is not valid", "errors",
					 switch_conf_errors_json(errs)));
		return CTL_REFUSED;
	}
	for (i = 0; i < errs->count; i++) {
		const struct switch_conf_error *e = &errs->error[i];

		fprintf(stderr, "%s: %s%s%s\n  expected %s\n", file, e->path,
			e->path[0] ? ": " : "", e->value, e->expected);
	}
	fprintf(stderr, "switchctl: %s: not applied, %u error%s%s\n", file,
		errs->count, errs->count == 1 ? "" : "s",
		errs->count == CONF_ERRORS_MAX ? " or more" : "");
	return CTL_REFUSED;
}

static void say_generation(const json_t *result, const char *what)
{
	if (*ctl_text(result, "owner"))
		printf("generation %lld of %s %s",
		       (long long)ctl_number(result, "generation"),
		       ctl_text(result, "owner"), what);
	else
		printf("no state %s", what);
}

static int say_actions(const struct ctl *ctl, json_t *result)
{
	json_t *actions = json_object_get(result, "actions");
	size_t i, n = json_array_size(actions);

	if (ctl->json)
		return ctl_print_json(result);
	for (i = 0; i < n; i++)
		printf("%s\n", json_string_value(json_array_get(actions, i)));
	say_generation(result, "is in force, ");
	if (n)
		printf("%zu action%s\n", n, n == 1 ? "" : "s");
	else
		printf("nothing had to change\n");
	if (ctl_number(result, "confirm_within_s"))
		printf("on trial: `switchctl confirm` within %lld s, or the "
		       "switch goes back\n",
		       (long long)ctl_number(result, "confirm_within_s"));
	json_decref(result);
	return CTL_DONE;
}

static void say_hint(const struct switch_conf *running, const int32_t *ports,
		     int count)
{
	int i;

	fputs("switchctl: hint: this changes the way out of ", stderr);
	for (i = 0; i < count; i++)
		fprintf(stderr, "%s%s", i ? ", " : "",
			running->ports[ports[i]].name);
	fputs(", where the host itself is;\n  apply --confirm-within SECONDS "
	      "goes back by itself unless confirmed\n", stderr);
}

/* A state that cannot be compared with gives no hint. */
static int hint_trial(struct ctl *ctl, const struct switch_conf *wanted)
{
	struct switch_conf *running = NULL;
	struct switch_conf_errors errs;
	int32_t *ports = NULL;
	json_t *state = NULL;
	int count, code = ctl_call(ctl, "state.get", NULL, NULL, &state);

	if (code)
		return code;
	if (!switch_conf_from_json(&running, state, &errs)) {
		count = switch_conf_cuts_host(running, wanted, &ports);
		if (count > 0)
			say_hint(running, ports, count);
		free(ports);
	}
	switch_conf_free(running);
	json_decref(state);
	return CTL_DONE;
}

static int send_state(struct ctl *ctl, const char *text, size_t len)
{
	json_t *state = json_loadb(text, len, 0, NULL), *result, *params;
	int code;

	params = json_pack("{s:o, s:b}", "state", state, "force", ctl->force);
	if (ctl->confirm_within_s)
		json_object_set_new(params, "confirm_within_s",
				    json_integer(ctl->confirm_within_s));
	code = ctl_call(ctl, "state.apply", params, NULL, &result);
	return code ? code : say_actions(ctl, result);
}

static int send_valid(struct ctl *ctl, const struct switch_conf *conf,
		      const char *text, size_t len)
{
	int code = ctl->confirm_within_s ? CTL_DONE : hint_trial(ctl, conf);

	return code ? code : send_state(ctl, text, len);
}

int ctl_apply(struct ctl *ctl)
{
	const char *file = ctl->argv[0];
	struct switch_conf_errors errs;
	struct switch_conf *conf;
	int code = CTL_DONE, rc;
	size_t len = 0;
	char *text = read_text(file, &len);

	if (!text)
		return ctl_fail(ctl, CTL_FILE, "%s: %s", file,
				strerror(errno));
	rc = switch_conf_parse(&conf, text, len, &errs);
	if (rc == -EINVAL)
		code = say_errors(ctl, file, &errs);
	else if (rc < 0)
		code = ctl_fail(ctl, CTL_FILE, "%s: %s", file, strerror(-rc));
	else if (!ctl->check)
		code = send_valid(ctl, conf, text, len);
	else if (ctl->json)
		code = ctl_print_json(json_pack("{s:b}", "valid", 1));
	else
		printf("%s: valid: %u networks, %u ports\n", file,
		       conf->network_count, conf->port_count);
	switch_conf_free(conf);
	free(text);
	return code;
}

int ctl_confirm(struct ctl *ctl)
{
	json_t *result;
	int code = ctl_call(ctl, "state.confirm", NULL, NULL, &result);

	if (code)
		return code;
	if (ctl->json)
		return ctl_print_json(result);
	say_generation(result, "is confirmed\n");
	json_decref(result);
	return CTL_DONE;
}

int ctl_revert(struct ctl *ctl)
{
	json_t *result;
	int code = ctl_call(ctl, "state.revert", NULL, NULL, &result);

	return code ? code : say_actions(ctl, result);
}
