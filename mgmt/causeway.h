/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * causeway.h: what the files of `causeway` share.  A short-lived program of
 * one thread: one command, an exit code.  It keeps nothing: the site file and
 * the daemons know everything.
 *
 * A command gets its options and operands in struct cw, prints, and returns
 * an exit code.  Whatever fails has been said by then.
 */
#ifndef CAUSEWAY_CAUSEWAY_H
#define CAUSEWAY_CAUSEWAY_H

#include <stdbool.h>

#include <jansson.h>

#include "base/rpc.h"
#include "mgmt/launch.h"
#include "mgmt/site.h"

#define CW_CALL_MS 60000 /* a big state takes its time */

enum cw_exit {
	CW_DONE = 0,
	CW_REFUSED = 1,	    /* a daemon, or the site's rules, say no */
	CW_USAGE = 2,	    /* the command line is wrong */
	CW_UNREACHABLE = 3, /* a daemon does not answer, or come up */
	CW_FILE = 4,	    /* a file cannot be read or written */
};

struct cw {
	/* options; 0 and NULL when not given */
	const char *site;
	bool json, force, follow, no_systemd;
	bool keep_domains, only_domains;
	unsigned lines, timeout_s;
	/* operands */
	int argc;
	char **argv;

	struct site_paths paths;
	struct launch launch;
};

/* The commands. */
int cw_up(struct cw *cw);
int cw_apply(struct cw *cw);
int cw_check(struct cw *cw);
int cw_down(struct cw *cw);
int cw_status(struct cw *cw);
int cw_preflight(struct cw *cw);
int cw_logs(struct cw *cw);
int cw_vm(struct cw *cw);

/* --- shared (causeway_call.c) ------------------------------------------- */

/*
 * Call a daemon: CW_DONE and *result (the caller's), or what was said went
 * wrong.  `params` is taken.
 */
int cw_call(struct cw *cw, enum site_daemon d, const char *method,
	    json_t *params, json_t **result);
/* The same with another time-out than CW_CALL_MS. */
int cw_call_within(struct cw *cw, enum site_daemon d, const char *method,
		   json_t *params, int timeout_ms, json_t **result);
/*
 * Its two halves: the call, 0 or -errno (-EREMOTEIO: the daemon refused, *err
 * is its answer), and saying why it failed, as an exit code.
 */
int cw_try(struct cw *cw, enum site_daemon d, const char *method,
	   json_t *params, int timeout_ms, json_t **result,
	   struct rpc_error *err);
int cw_say_failed_call(const struct cw *cw, enum site_daemon d, int rc,
		       struct rpc_error *err);
/* As cw_call() without a word when nobody answers or it is refused: NULL. */
json_t *cw_ask(struct cw *cw, enum site_daemon d, const char *method,
	       json_t *params);

/* Say what failed: a line on stderr, or with --json an object on stdout. */
int cw_fail(const struct cw *cw, enum cw_exit code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* An error with its hint. */
int cw_say_error(const struct cw *cw, enum cw_exit code,
		 const struct rpc_error *e);
/* All errors of a site file. */
int cw_say_site_errors(const struct cw *cw, const struct site_errors *errs);
/* Read the site, or say what is wrong with it, or does not fit the machine. */
int cw_load_site(const struct cw *cw, struct site **out);
/* Be root, and alone at work on this site as long as the process lives. */
int cw_take_site(const struct cw *cw);

/* Print as indented JSON; takes the value. */
int cw_print_json(json_t *value);
/* Members of what a daemon sent; "" and 0 when not there. */
const char *cw_text(const json_t *object, const char *key);
json_int_t cw_number(const json_t *object, const char *key);
/* "3 d 4 h", "5 min", "12 s" */
const char *cw_duration(uint64_t ms);

#endif
