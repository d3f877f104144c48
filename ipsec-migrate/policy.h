/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.h: which SA takes a packet that leaves.  What no policy names is
 * dropped: there is no way around the channel in here.
 *
 * A policy is one selector that leads to a group; a group is the SAs that
 * serve the same selectors of one peer (what libcharon calls a reqid): one,
 * or several side by side as streams.  A flow's hash chooses among them, so
 * one flow is always on one SA and stays in order.  A successor takes its
 * predecessor's place (make before break), and no flow changes streams.
 *
 * Lookup: a cache of flows in front of a hash by address prefixes, one probe
 * for each combination of prefix lengths in use, the longest first.  So its
 * cost does not grow with the number of policies.  Among policies of the same
 * prefixes the narrower (protocol, ports) comes first, then the older.
 *
 * One thread.
 */
#ifndef CAUSEWAY_POLICY_H
#define CAUSEWAY_POLICY_H

#include <stdint.h>

#include "ipsec-migrate/sa.h"
#include "ipsec-migrate/selector.h"

#define POLICY_STREAMS_MAX 32

struct policy_set;

/* 0, -EINVAL or -ENOMEM. */
int policy_set_new(struct policy_set **out, uint32_t capacity);
void policy_set_free(struct policy_set *ps); /* NULL does nothing */

/*
 * Several policies may name the same group; the group lives as long as one
 * does or an SA is bound to it.  0; -EEXIST: this selector is there already,
 * for whatever group; -EINVAL; -ENOSPC: full; -ENOMEM.
 */
int policy_add(struct policy_set *ps, const struct selector *s,
	       uint32_t group);
/* 0 or -ENOENT. */
int policy_delete(struct policy_set *ps, const struct selector *s,
		  uint32_t group);
uint32_t policy_count(const struct policy_set *ps);

/*
 * From now on `sa` (outbound) serves its group: in the place of `replaces`
 * if that is bound there, else as one more stream.  0; -ENOSPC: too many
 * streams; -ENOMEM.
 */
int policy_bind(struct policy_set *ps, struct sa *sa,
		const struct sa *replaces);
/* Its flows go on by the group's other SAs, if there are any. */
void policy_unbind(struct policy_set *ps, const struct sa *sa);

/*
 * The SA for a flow; or NULL and why: ESP_DROP_NO_POLICY, or ESP_DROP_NO_SA:
 * *group then has none.
 */
struct sa *policy_find(struct policy_set *ps, const struct inner_flow *flow,
		       enum esp_drop *why, uint32_t *group);

/*
 * The next group that was in want of an SA since last asked (an "acquire" for
 * IKE), each once until an SA is bound to it or policy_want_again().
 * False: none.
 */
bool policy_wanted(struct policy_set *ps, uint32_t *group);
/* Nothing came of it: the next packet asks once more. */
void policy_want_again(struct policy_set *ps, uint32_t group);

#endif
