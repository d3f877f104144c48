/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * causeway_call.c: asking daemons, and how failure is told.
 */
#include "mgmt/causeway.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/file.h>

#include "base/daemon.h"

/* --- telling -------------------------------------------------------------- */

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

int cw_print_json(json_t *value)
{
	int rc = value ? json_dumpf(value, stdout, JSON_INDENT(2)) : -1;

	fputc('\n', stdout);
	json_decref(value);
	return rc < 0 ? CW_FILE : CW_DONE;
}

int cw_say_error(const struct cw *cw, enum cw_exit code,
		 const struct rpc_error *e)
{
	if (cw->json) {
		cw_print_json(json_pack(
			"{s:{s:i, s:s, s:s, s:s, s:s}}", "error", "code",
			e->code, "message", e->message, "path", e->path,
			"value", e->value, "hint", e->hint));
		return code;
	}
	fputs("causeway: ", stderr);
	print_clean(e->message);
	fputc('\n', stderr);
	print_line("where", e->path);
	print_line("found", e->value);
	print_line("hint", e->hint);
	return code;
}

int cw_fail(const struct cw *cw, enum cw_exit code, const char *fmt, ...)
{
	struct rpc_error e = { 0 };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e.message, sizeof(e.message), fmt, ap);
	va_end(ap);
	return cw_say_error(cw, code, &e);
}

static json_t *site_errors_json(const struct site_errors *errs)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < errs->count; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s}", "path",
					errs->error[i].path, "value",
					errs->error[i].value, "expected",
					errs->error[i].expected));
	return list;
}

int cw_say_site_errors(const struct cw *cw, const struct site_errors *errs)
{
	const char *file = cw->paths.file[0] ? cw->paths.file : "--site";
	unsigned i;

	if (cw->json) {
		cw_print_json(json_pack("{s:{s:s, s:s, s:o}}", "error",
					"message", "the site is not valid",
					"file", file, "errors",
					site_errors_json(errs)));
		return CW_REFUSED;
	}
	for (i = 0; i < errs->count; i++) {
		const struct site_error *e = &errs->error[i];

		print_clean(file);
		fputs(e->path[0] ? ": " : "", stderr);
		print_clean(e->path);
		fputs(": ", stderr);
		print_clean(e->value);
		fputs("\n  expected ", stderr);
		print_clean(e->expected);
		fputc('\n', stderr);
	}
	fprintf(stderr, "causeway: nothing was done: %u error%s%s\n",
		errs->count, errs->count == 1 ? "" : "s",
		errs->count == SITE_ERRORS_MAX ? " or more" : "");
	return CW_REFUSED;
}

/* --- the site ------------------------------------------------------------- */

static void say_warnings(const struct site_errors *w)
{
	for (unsigned i = 0; i < w->count; i++) {
		fputs("causeway: warning: ", stderr);
		print_clean(w->error[i].path);
		fputs(": ", stderr);
		print_clean(w->error[i].value);
		fputs("\n  expected ", stderr);
		print_clean(w->error[i].expected);
		fputc('\n', stderr);
	}
}

/* What units say themselves, the site file cannot. */
static int check_systemd(const struct cw *cw, const struct site *site)
{
	bool users = false;

	for (int d = 0; d < SITE_DAEMONS; d++)
		users |= site->options[d].user[0] != '\0';
	if (!cw->launch.systemd || (!users && !site->netns[0]))
		return CW_DONE;
	return cw_fail(cw, CW_REFUSED,
		       "\"%s\" is for systemd's units to say (`systemctl "
		       "edit`), or use --no-systemd",
		       users ? "user" : "netns");
}

int cw_load_site(const struct cw *cw, struct site **out)
{
	struct site_errors errs = { 0 }, warnings = { 0 };
	int rc = site_load(&cw->paths, out, &errs);

	if (!rc && check_systemd(cw, *out)) {
		site_free(*out);
		return CW_REFUSED;
	}
	if (!rc) {
		rc = site_check_host(*out, &errs, &warnings);
		say_warnings(&warnings);
	}
	if (!rc)
		return CW_DONE;
	site_free(*out);
	*out = NULL;
	if (!errs.count)
		return cw_fail(cw, CW_FILE, "%s: %s", cw->paths.file,
			       strerror(-rc));
	cw_say_site_errors(cw, &errs);
	return rc == -EINVAL ? CW_REFUSED : CW_FILE;
}

/* Two at once would start, stop and undo each other's work. */
static int lock_site(const struct cw *cw)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%.4000s/supervise/lock", cw->paths.run);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return cw_fail(cw, CW_FILE, "%s: %s", path, strerror(errno));
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return CW_DONE;
	fputs("causeway: another one is at work on this site; waiting\n",
	      stderr);
	if (!flock(fd, LOCK_EX))
		return CW_DONE;
	return cw_fail(cw, CW_FILE, "%s: %s", path, strerror(errno));
}

int cw_take_site(const struct cw *cw)
{
	char path[PATH_MAX];
	int rc;

	if (geteuid() != 0)
		return cw_fail(cw, CW_REFUSED,
			       "only root starts, changes and stops a host; "
			       "try sudo");
	snprintf(path, sizeof(path), "%.4000s/supervise", cw->paths.run);
	/* ours alone: whoever reads a status file could lock it, too */
	rc = daemon_make_dir(path, 0700, (uid_t)-1, (gid_t)-1);
	if (rc)
		return cw_fail(cw, CW_FILE, "%s: %s", path, strerror(-rc));
	return lock_site(cw);
}

/* --- asking --------------------------------------------------------------- */

int cw_try(struct cw *cw, enum site_daemon d, const char *method,
	   json_t *params, int timeout_ms, json_t **result,
	   struct rpc_error *err)
{
	struct rpc_client *c;
	char path[PATH_MAX];
	int rc;

	*result = NULL;
	memset(err, 0, sizeof(*err));
	site_socket(&cw->paths, d, path);
	rc = rpc_client_open(&c, path, err);
	if (rc) {
		json_decref(params);
		return rc;
	}
	rc = rpc_call(c, method, params, NULL, timeout_ms, result, err);
	rpc_client_close(c);
	return rc;
}

int cw_call(struct cw *cw, enum site_daemon d, const char *method,
	    json_t *params, json_t **result)
{
	return cw_call_within(cw, d, method, params, CW_CALL_MS, result);
}

int cw_call_within(struct cw *cw, enum site_daemon d, const char *method,
		   json_t *params, int timeout_ms, json_t **result)
{
	struct rpc_error err;
	int rc = cw_try(cw, d, method, params, timeout_ms, result, &err);

	return rc ? cw_say_failed_call(cw, d, rc, &err) : CW_DONE;
}

int cw_say_failed_call(const struct cw *cw, enum site_daemon d, int rc,
		       struct rpc_error *err)
{
	const char *name = site_daemon_name(d);

	if (rc == -EREMOTEIO)
		return cw_say_error(cw, CW_REFUSED, err);
	if (rc == -EACCES)
		rpc_error_set(err, 0, NULL, NULL, "try as root",
			      "%s may not be asked by you", name);
	else if (rc == -ENOENT || rc == -ECONNREFUSED)
		rpc_error_set(err, 0, NULL, NULL,
			      "`causeway status` says why, `causeway up` "
			      "starts it", "%s does not run", name);
	else if (!err->message[0])
		rpc_error_set(err, 0, NULL, NULL, NULL, "%s: %s", name,
			      strerror(-rc));
	return cw_say_error(cw, CW_UNREACHABLE, err);
}

json_t *cw_ask(struct cw *cw, enum site_daemon d, const char *method,
	       json_t *params)
{
	struct rpc_error err;
	json_t *result;

	return cw_try(cw, d, method, params, CW_CALL_MS, &result, &err) ?
		       NULL : result;
}

const char *cw_text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

json_int_t cw_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

const char *cw_duration(uint64_t ms)
{
	static char text[32];
	unsigned long s = ms / 1000;

	if (s >= 86400)
		snprintf(text, sizeof(text), "%lu d %lu h", s / 86400,
			 s % 86400 / 3600);
	else if (s >= 3600)
		snprintf(text, sizeof(text), "%lu h %lu min", s / 3600,
			 s % 3600 / 60);
	else if (s >= 120)
		snprintf(text, sizeof(text), "%lu min", s / 60);
	else
		snprintf(text, sizeof(text), "%lu s", s);
	return text;
}
