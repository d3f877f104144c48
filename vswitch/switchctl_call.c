/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchctl_call.c: the connection, and how failure is told.
 */
#include "vswitch/switchctl.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALL_MS	   60000 /* a big state takes its time */
#define PATIENCE_S 3	 /* then a person wants to know */
#define PAGE 2000     /* entries asked for at once: a message is bounded */

static void print_clean(const char *text)
{
	for (; *text; text++)
		fputc(*text >= ' ' && *text <= '~' ? *text : '?', stderr);
}

static void print_line(const char *label, const char *text)
{
	if (!*text)
		return;
	fprintf(stderr, "  %s: ", label);
	print_clean(text);
	fputc('\n', stderr);
}

/* Or what to do about it? */
static bool says_what_is_valid(const struct rpc_error *e)
{
	return e->path[0] &&
	       (e->code == RPC_REFUSED || e->code == RPC_INVALID_PARAMS);
}

static void say_error(const struct ctl *ctl, const struct rpc_error *e)
{
	if (ctl->json) {
		ctl_print_json(json_pack(
			"{s:{s:i, s:s, s:s, s:s, s:s}}", "error", "code",
			e->code, "message", e->message, "path", e->path,
			"value", e->value, "hint", e->hint));
		return;
	}
	fputs("switchctl: ", stderr);
	print_clean(e->message);
	fputc('\n', stderr);
	print_line("where", e->path);
	print_line("found", e->value);
	print_line(says_what_is_valid(e) ? "valid" : "hint", e->hint);
}

/* It takes longer than anything should; the wait goes on. */
static void on_alarm(int sig)
{
	static const char note[] = "switchctl: the switch does not answer; "
				   "waiting (Ctrl-C gives up)\n";

	if (write(STDERR_FILENO, note, sizeof(note) - 1) < 0)
		return; /* nobody listens */
}

static int connect_switch(struct ctl *ctl)
{
	const struct sigaction sa = { .sa_handler = on_alarm };
	struct rpc_error e = { 0 };
	int rc;

	if (ctl->rpc)
		return CTL_DONE;
	sigaction(SIGALRM, &sa, NULL);
	rc = rpc_client_open(&ctl->rpc, ctl->socket, &e);
	if (!rc)
		return CTL_DONE;
	if (rc == -EACCES)
		return ctl_fail(ctl, CTL_UNREACHABLE,
				"%s: permission denied; try as root, or join "
				"the group that causeway-switchd --group names",
				ctl->socket);
	if (rc == -ENOENT || rc == -ECONNREFUSED)
		return ctl_fail(ctl, CTL_UNREACHABLE,
				"%s: no switch answers; start causeway-switchd "
				"or name its socket with --socket",
				ctl->socket);
	return ctl_fail(ctl, CTL_UNREACHABLE, "%s: %s", ctl->socket,
			e.message[0] ? e.message : strerror(-rc));
}

static int call(struct ctl *ctl, const char *method, json_t *params,
		struct rpc_fds *fds, json_t **result, struct rpc_error *e)
{
	int rc = connect_switch(ctl);

	*result = NULL;
	memset(e, 0, sizeof(*e));
	if (rc) {
		json_decref(params);
		return rc;
	}
	alarm(PATIENCE_S);
	rc = rpc_call(ctl->rpc, method, params, fds, CALL_MS, result, e);
	alarm(0);
	if (!rc)
		return CTL_DONE;
	if (rc == -ETIMEDOUT)
		rpc_error_set(e, 0, NULL, NULL,
			      "see its log and its process state; killed, it "
			      "is started again by causeway-supervise, and "
			      "guests reconnect",
			      "%s: no answer in %d s; the switch is stopped or "
			      "hung", ctl->socket, CALL_MS / 1000);
	return rc == -EREMOTEIO ? CTL_REFUSED : CTL_UNREACHABLE;
}

int ctl_call(struct ctl *ctl, const char *method, json_t *params,
	     struct rpc_fds *fds, json_t **result)
{
	struct rpc_error e;
	int code = call(ctl, method, params, fds, result, &e);

	if (code == CTL_REFUSED || (code == CTL_UNREACHABLE && ctl->rpc))
		say_error(ctl, &e);
	return code;
}

/* One page; *more when another follows. */
static int call_page(struct ctl *ctl, const char *method,
		     const json_t *params, const char *key, json_t *list,
		     json_t **result, bool *more)
{
	json_t *p = json_copy((json_t *)params), *page;
	int code;

	if (!p)
		p = json_object();
	json_object_set_new(p, "skip", json_integer(json_array_size(list)));
	json_object_set_new(p, "limit", json_integer(PAGE));
	code = ctl_call(ctl, method, p, NULL, result);
	if (code)
		return code;
	page = json_object_get(*result, key);
	*more = json_is_true(json_object_get(*result, "more")) &&
		json_array_size(page);
	json_array_extend(list, page);
	return CTL_DONE;
}

int ctl_call_pages(struct ctl *ctl, const char *method, const json_t *params,
		   const char *key, json_t **result)
{
	json_t *list = json_array();
	bool more = true;
	int code;

	*result = NULL;
	do {
		json_decref(*result);
		code = call_page(ctl, method, params, key, list, result,
				 &more);
	} while (!code && more);
	if (code) {
		json_decref(list);
		return code;
	}
	json_object_del(*result, "more");
	json_object_set_new(*result, key, list);
	return CTL_DONE;
}

int ctl_call_if_known(struct ctl *ctl, const char *method, json_t **result)
{
	struct rpc_error e;
	int code = call(ctl, method, NULL, NULL, result, &e);

	if (code == CTL_REFUSED && e.code == RPC_METHOD_NOT_FOUND)
		return CTL_DONE;
	if (code == CTL_REFUSED || (code == CTL_UNREACHABLE && ctl->rpc))
		say_error(ctl, &e);
	return code;
}

int ctl_fail(const struct ctl *ctl, enum ctl_exit code, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (ctl->json) {
		ctl_print_json(
			json_pack("{s:{s:s}}", "error", "message", text));
	} else {
		fputs("switchctl: ", stderr);
		print_clean(text);
		fputc('\n', stderr);
	}
	return code;
}

int ctl_print_json(json_t *value)
{
	int rc = value ? json_dumpf(value, stdout, JSON_INDENT(2)) : -1;

	fputc('\n', stdout);
	json_decref(value);
	return rc < 0 ? CTL_FILE : CTL_DONE;
}

const char *ctl_text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

json_int_t ctl_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

const char *ctl_joined(const json_t *object, const char *key)
{
	static char text[512];
	const json_t *list = json_object_get(object, key);
	size_t i, at = 0;

	strcpy(text, "-");
	for (i = 0; i < json_array_size(list) && at < sizeof(text); i++) {
		const char *s = json_string_value(json_array_get(list, i));

		at += snprintf(text + at, sizeof(text) - at, "%s%s",
			       i ? "," : "", s ? s : "?");
	}
	return text;
}

json_int_t ctl_sum(const json_t *object, const char *key)
{
	json_t *members = json_object_get(object, key), *v;
	json_int_t sum = 0;
	const char *name;

	json_object_foreach(members, name, v)
		sum += json_integer_value(v);
	return sum;
}

char *ctl_join_operands(const struct ctl *ctl, int from)
{
	size_t size = 1;
	char *text;
	int i;

	for (i = from; i < ctl->argc; i++)
		size += strlen(ctl->argv[i]) + 1;
	text = calloc(1, size);
	for (i = from; text && i < ctl->argc; i++) {
		if (i > from)
			strcat(text, " ");
		strcat(text, ctl->argv[i]);
	}
	return text;
}
