/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_model.h: a store as slow and as obvious as can be: every tree is an
 * array of whole paths, a transaction copies all of it, and whatever counts is
 * counted when it is asked for.  The oracle of hypervisor/xenstore.h.
 *
 * It knows neither memory nor credit: what it says holds as long as the store
 * has enough of both.
 */
#ifndef CAUSEWAY_XENSTORE_MODEL_H
#define CAUSEWAY_XENSTORE_MODEL_H

#include "hypervisor/xenstore.h"

#define MODEL_CONNS 4
#define MODEL_EVENTS_MAX 16384
#define MODEL_WATCHES_MAX 24 /* of a connection */
#define MODEL_TXS_MAX 8

struct model;

/* Connection i is of domid[i].  Aborts without memory, and above its own
 * limits, which no quota keeps domain 0 from. */
struct model *model_new(const struct xenstore_quota *quota,
			const unsigned domid[MODEL_CONNS]);
void model_free(struct model *model);

/*
 * The reply to a request of connection i: its payload to reply[
 * XENSTORE_PAYLOAD_MAX], returns its length; or -errno.
 */
int model_request(struct model *model, unsigned i,
		  const struct xenstore_message *msg, char *reply);

/* Events since the last call, "i:path=token", in no certain order. */
unsigned model_events(struct model *model,
		      const char *events[MODEL_EVENTS_MAX]);

/* An id that connection i may name: one of its transactions', or a stale
 * one. */
uint32_t model_tx_id(const struct model *model, unsigned i, unsigned which);
/* Nodes owned, watches, open transactions. */
void model_counts(const struct model *model, unsigned domid, uint32_t *nodes,
		  uint32_t *watches, uint32_t *transactions);

#endif
