/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchctl.h: what the files of switchctl share.  A short-lived program of
 * one thread: one connection, one command, an exit code.
 *
 * A command gets its options and operands in struct ctl, calls the switch with
 * ctl_call(), prints, and returns an exit code.  Whatever fails has been said
 * by then.
 */
#ifndef CAUSEWAY_SWITCHCTL_H
#define CAUSEWAY_SWITCHCTL_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/rpc.h"

#define CTL_NAMES_MAX 64

enum ctl_exit {
	CTL_DONE = 0,
	CTL_REFUSED = 1,     /* the switch, or its rules, say no */
	CTL_USAGE = 2,	     /* the command line is wrong */
	CTL_UNREACHABLE = 3, /* no switch answers */
	CTL_FILE = 4,	     /* a file cannot be read or written */
};

struct ctl_names {
	unsigned count;
	const char *name[CTL_NAMES_MAX];
};

struct ctl {
	/* options; 0 and NULL when not given */
	const char *socket;
	bool json, force, check, hex, other_network;
	bool watch;
	double watch_s;
	const char *write, *reason, *direction, *to;
	struct ctl_names ports, networks;
	uint32_t snaplen, duration_s;
	uint64_t rate_bps;
	uint32_t confirm_within_s;
	/* operands */
	int argc;
	char **argv;

	struct rpc_client *rpc;
};

/* The commands. */
int ctl_apply(struct ctl *ctl);
int ctl_confirm(struct ctl *ctl);
int ctl_revert(struct ctl *ctl);
int ctl_show(struct ctl *ctl);
int ctl_ports(struct ctl *ctl);
int ctl_bond(struct ctl *ctl);
int ctl_uplink(struct ctl *ctl);
int ctl_lldp(struct ctl *ctl);
int ctl_fdb(struct ctl *ctl);
int ctl_stats(struct ctl *ctl);
int ctl_drops(struct ctl *ctl);
int ctl_capture(struct ctl *ctl);
int ctl_mirror(struct ctl *ctl);
int ctl_trace(struct ctl *ctl);
int ctl_names(struct ctl *ctl);
int ctl_version(struct ctl *ctl);

/*
 * Call the switch, connecting first if need be; `params` is taken, `fds` may
 * be NULL.  CTL_DONE and *result, or what was said went wrong.
 */
int ctl_call(struct ctl *ctl, const char *method, json_t *params,
	     struct rpc_fds *fds, json_t **result);
/*
 * The same for a method that answers page by page (docs/rpc.md): *result is
 * the last answer with the whole list under `key`.
 */
int ctl_call_pages(struct ctl *ctl, const char *method, const json_t *params,
		   const char *key, json_t **result);
/* As ctl_call(), but CTL_DONE and NULL when the method is not known. */
int ctl_call_if_known(struct ctl *ctl, const char *method, json_t **result);

/*
 * Say what failed: one line on stderr, or with --json an object on stdout.
 * Returns `code`.
 */
int ctl_fail(const struct ctl *ctl, enum ctl_exit code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Table of what mirror.list answered. */
void ctl_print_sessions(const json_t *sessions);

/*
 * Where a capture is written (switchctl_output.c): `file`, or standard output
 * when it is NULL or "-".  A file keeps what it has until _accept(), which
 * puts the new one in its place; closed before that, nothing has happened.
 * _drop() does that much inside a signal handler.
 */
struct ctl_output {
	int fd;
	const char *file;
	char temp[PATH_MAX]; /* "": there is none, or none any more */
};

int ctl_output_open(const struct ctl *ctl, const char *file,
		    struct ctl_output *o);
int ctl_output_accept(const struct ctl *ctl, struct ctl_output *o);
void ctl_output_drop(const struct ctl_output *o);
void ctl_output_close(struct ctl_output *o);

/* Print as indented JSON; takes the value. */
int ctl_print_json(json_t *value);

/* Members of what the switch sent; "" and 0 when not there. */
const char *ctl_text(const json_t *object, const char *key);
json_int_t ctl_number(const json_t *object, const char *key);
/* Strings of a list, joined by commas; "-" when there are none. */
const char *ctl_joined(const json_t *object, const char *key);
/* Sum of the members of object[key]. */
json_int_t ctl_sum(const json_t *object, const char *key);

/* Operands joined by blanks, from index `from` on; free() it. */
char *ctl_join_operands(const struct ctl *ctl, int from);

#endif
