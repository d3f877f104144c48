/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_agent.h: what is known of a domain's guest, by its own words; private
 * to host*.c.
 *
 * Two ways, both through the domain's tree in the store: what its guest agent
 * says (guest_talk.h) is written there in its name, and what stands there,
 * whoever wrote it, is read back as facts.
 *
 * The store's client blocks, so it is used for this only right after
 * xenstored has answered a question over a connection that does not: one that
 * is down or hangs costs nothing, and when it is back all is told again.
 * Facts are read at most every HOST_AGENT_PAUSE_MS for each domain, after the
 * guest has touched data/updated or when somebody has asked for them.
 */
#ifndef CAUSEWAY_HOST_AGENT_H
#define CAUSEWAY_HOST_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

struct host;
struct host_domain;

#define HOST_AGENT_PAUSE_MS 2000
#define HOST_AGENT_FAILED_MS 5000 /* the same, after an error */
#define HOST_AGENT_OLD_MS 5000 /* older facts are read anew when shown */
#define HOST_AGENT_FACTS_MAX 8192 /* bytes of JSON of one guest's facts */

int host_agent_init(struct host *h); /* 0 or -ENOMEM */
void host_agent_fini(struct host *h);

/* Its process is there (adopted: and was before us), or is no more. */
void host_agent_started(struct host_domain *hd, bool adopted);
void host_agent_gone(struct host_domain *hd);
/* A VIF has come or gone: ask for addresses soon.  The caller settles. */
void host_agent_vif(struct host_domain *hd);
/* Do what is due, and when to call next; 0: no need. */
uint64_t host_agent_review(struct host_domain *hd);
/*
 * {agent, agent_version, agent_age_ms, facts, facts_age_ms}, a new reference;
 * null without a process (docs/guest-info.md).
 */
json_t *host_agent_json(struct host_domain *hd);

#endif
