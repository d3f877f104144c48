/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rpc_ask.c: one question to a daemon from a shell script.
 *
 *	rpc-ask SOCKET METHOD [PARAMS]
 *	rpc-ask SOCKET events SECONDS
 *
 * prints the answer as JSON, or says why not and ends with status 1.  PARAMS
 * is JSON.  `events` prints what comes for that long, a line each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rpc.h"

#define WAIT_MS 30000

static int complain(const struct rpc_error *e)
{
	fprintf(stderr, "%s%s%s%s%s [%s]\n", e->message,
		e->path[0] ? " at " : "", e->path, e->value[0] ? ": " : "", e->value, e->hint);
	return 1;
}

static int ask(struct rpc_client *c, const char *method, const char *params)
{
	struct rpc_error err = { .code = 0 };
	json_t *result = NULL;

	if (rpc_call(c, method, params ? json_loads(params, 0, NULL) : NULL,
		     NULL, WAIT_MS, &result, &err))
		return complain(&err);
	json_dumpf(result, stdout, JSON_ENCODE_ANY | JSON_INDENT(1));
	putchar('\n');
	json_decref(result);
	return 0;
}

static int watch(struct rpc_client *c, int seconds)
{
	struct rpc_error err = { .code = 0 };
	json_t *params;
	char *method;

	if (rpc_call(c, "events.subscribe", NULL, NULL, WAIT_MS, NULL, &err))
		return complain(&err);
	while (rpc_client_next(c, seconds * 1000, &method, &params) == 1) {
		json_dumpf(params, stdout, 0);
		putchar('\n');
		fflush(stdout);
		free(method);
		json_decref(params);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct rpc_error err = { .code = 0 };
	struct rpc_client *c;
	int rc;

	if (argc < 3) {
		fprintf(stderr, "rpc-ask SOCKET METHOD [PARAMS]\n");
		return 2;
	}
	if (rpc_client_open(&c, argv[1], &err))
		return complain(&err);
	if (!strcmp(argv[2], "events"))
		rc = watch(c, argc > 3 ? atoi(argv[3]) : 1);
	else
		rc = ask(c, argv[2], argc > 3 ? argv[3] : NULL);
	rpc_client_close(c);
	return rc;
}
