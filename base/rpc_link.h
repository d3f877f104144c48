/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rpc_link.h: a lasting connection to another daemon, for callers that must
 * never wait: calls are answered by a callback, out of the libevent loop.
 *
 * It connects by itself and again whenever the connection ends; a daemon that
 * does not answer a call in time is taken for gone and connected to anew.  So
 * a daemon that hangs costs its callers nothing but the answer.
 *
 * One thread, that of the loop.  Callbacks come out of the loop, never out of
 * a call of the link's; they may call everything but rpc_link_free().
 */
#ifndef CAUSEWAY_RPC_LINK_H
#define CAUSEWAY_RPC_LINK_H

#include <stdbool.h>

#include "base/rpc.h"

#define RPC_LINK_CALLS_MAX 256	  /* unanswered ones; then -EBUSY */
#define RPC_LINK_RETRY_MIN_MS 50  /* between attempts to connect... */
#define RPC_LINK_RETRY_MAX_MS 500 /* ...doubling up to this */

struct rpc_link;

struct rpc_link_conf {
	struct event_base *base;
	const char *path;	/* copied */
	unsigned call_ms;	/* an answer that takes longer does not come */
	void (*on_up)(void *ctx);   /* connected; may be NULL, as the others */
	void (*on_down)(const char *why, void *ctx); /* was up, is not */
	void (*on_note)(const char *method, const json_t *params, void *ctx);
	void *ctx;
};

/*
 * The answer: a result (borrowed), or NULL and *err: refused (err->code is
 * the daemon's), or 0 when there is no answer: the connection has ended.
 */
typedef void (*rpc_link_fn)(const json_t *result, const struct rpc_error *err,
			    void *arg);

/* Begins to connect.  0 or -ENOMEM. */
int rpc_link_new(struct rpc_link **out, const struct rpc_link_conf *conf);
/* Calls that wait are forgotten, without their callbacks.  NULL: nothing. */
void rpc_link_free(struct rpc_link *l);
bool rpc_link_is_up(const struct rpc_link *l);
/* Why it is not up, in words. */
const char *rpc_link_why(const struct rpc_link *l);

/*
 * Call.  `params` (NULL: none) is taken.  `fd` (-1: none) is borrowed.  fn
 * (NULL: the answer does not matter) is called exactly once after 0; -ENOTCONN
 * while the link is down, -EBUSY, -EMSGSIZE, -ENOMEM: it is not.
 */
int rpc_link_call(struct rpc_link *l, const char *method, json_t *params,
		  int fd, rpc_link_fn fn, void *arg);
/* Forget what waits for `arg`: its callback will not come. */
void rpc_link_forget(struct rpc_link *l, const void *arg);

#endif
