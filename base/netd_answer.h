/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_answer.h: what netd's verbs share: parameters that are checked, and
 * answers.  Where one says that it refuses, the request has been answered.
 */
#ifndef CAUSEWAY_NETD_ANSWER_H
#define CAUSEWAY_NETD_ANSWER_H

#include <stdbool.h>

#include <jansson.h>

#include "base/netd_client.h"
#include "base/netd_take.h"
#include "base/rpc.h"

/* True: not the name of a device, and refused. */
bool netd_answer_bad_name(struct rpc_request *req, const char *key,
			  const char *name);
/* A list of texts, which stay the request's; false: refused. */
bool netd_answer_addresses(struct rpc_request *req, const json_t *list,
			   const char *texts[NETD_ADDRESSES_MAX],
			   unsigned *count);

/* Refuse parameters of the wrong shape. */
void netd_answer_bad_params(struct rpc_request *req, const json_error_t *je,
			    const char *example);
/* Refuse because the system would not do `what`. */
void netd_answer_failed(struct rpc_request *req, const char *key,
			const char *name, const char *what, int rc,
			const char *hint);

/* A link as clients see it. */
json_t *netd_answer_link(const struct netd_take *take,
			 const struct netd_link *l);

void netd_answer_close(const int *fds, unsigned n);

#endif
