/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchctl_state.c: `apply`.  The file is validated here first, by the code
 * the switch uses, so that all errors are told at once; the switch then
 * validates what it gets by itself.
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

static int say_actions(const struct ctl *ctl, json_t *result)
{
	json_t *actions = json_object_get(result, "actions");
	size_t i, n = json_array_size(actions);

	if (ctl->json)
		return ctl_print_json(result);
	for (i = 0; i < n; i++)
		printf("%s\n", json_string_value(json_array_get(actions, i)));
	printf("generation %lld of %s is in force, ",
	       (long long)ctl_number(result, "generation"),
	       ctl_text(result, "owner"));
	if (n)
		printf("%zu action%s\n", n, n == 1 ? "" : "s");
	else
		printf("nothing had to change\n");
	json_decref(result);
	return CTL_DONE;
}

static int send_state(struct ctl *ctl, const char *text, size_t len)
{
	json_t *state = json_loadb(text, len, 0, NULL), *result;
	int code;

	code = ctl_call(ctl, "state.apply",
			json_pack("{s:o, s:b}", "state", state, "force",
				  ctl->force), NULL, &result);
	return code ? code : say_actions(ctl, result);
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
		code = send_state(ctl, text, len);
	else if (ctl->json)
		code = ctl_print_json(json_pack("{s:b}", "valid", 1));
	else
		printf("%s: valid: %u networks, %u ports\n", file,
		       conf->network_count, conf->port_count);
	switch_conf_free(conf);
	free(text);
	return code;
}
