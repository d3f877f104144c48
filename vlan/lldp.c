/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lldp.c: when to speak, and whom to remember.
 *
 * Of the standard's machines (802.1AB-2016 9.2) what is left is two times: the
 * next frame, and each neighbour's end.  A frame is due at once when the link
 * comes up, when what we say changes, and when somebody new is heard; then
 * three more, a second apart, and after that one each 30 seconds.  Frames are
 * never less than a second apart (the standard's credits do the same), so
 * nobody can make us talk by inventing neighbours.
 *
 * Neighbours are known by the bytes of their chassis and port ids.  They are
 * forgotten when they say so (TTL 0), when their time is over, when the link
 * goes down, since it may come up at another switch, and when there are too
 * many: then the one heard longest ago.
 */
#include "vlan/lldp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vlan/lldp_wire.h"

#define FAST_FRAMES 4

struct entry {
	struct lldp_neighbour n;
	size_t msap_len;
	uint8_t msap[LLDP_MSAP_MAX];
};

struct lldp {
	struct lldp_local local;
	bool tx, rx, up;
	unsigned fast; /* frames to send a second apart */
	bool ever_sent;
	uint64_t sent_ms;   /* the last frame */
	uint64_t next_ms;   /* the next one, when tx and up */
	size_t goodbye_len; /* to be sent first: we were somebody else */
	uint8_t goodbye[LLDP_FRAME_MAX];
	unsigned count;
	struct entry neighbours[LLDP_NEIGHBOURS_MAX];
	struct lldp_facts facts;
};

/* --- when to speak -------------------------------------------------------- */

/* As soon as may be. */
static void speak(struct lldp *lldp, bool fast, uint64_t now_ms)
{
	uint64_t earliest = lldp->sent_ms + LLDP_TX_FAST_MS;

	if (fast)
		lldp->fast = FAST_FRAMES;
	lldp->next_ms =
		lldp->ever_sent && earliest > now_ms ? earliest : now_ms;
}

static void say(struct lldp *lldp, uint64_t now_ms,
		void (*send)(void *ctx, const uint8_t *frame, size_t len),
		void *ctx)
{
	uint8_t frame[LLDP_FRAME_MAX];

	send(ctx, frame, lldp_wire_build(&lldp->local, LLDP_TTL_S, frame));
	lldp->facts.tx++;
	lldp->ever_sent = true;
	lldp->sent_ms = now_ms;
	if (lldp->fast)
		lldp->fast--;
	lldp->next_ms =
		now_ms + (lldp->fast ? LLDP_TX_FAST_MS : LLDP_TX_INTERVAL_MS);
}

/* --- life ----------------------------------------------------------------- */

int lldp_new(struct lldp **out, const struct lldp_local *local, bool tx,
	     bool rx, uint64_t now_ms)
{
	struct lldp *lldp = calloc(1, sizeof(*lldp));

	if (!lldp)
		return -ENOMEM;
	lldp->local = *local;
	lldp->tx = tx;
	lldp->rx = rx;
	lldp->next_ms = now_ms;
	*out = lldp;
	return 0;
}

void lldp_free(struct lldp *lldp)
{
	free(lldp);
}

/* What the other side knows us by. */
static bool same_identity(const struct lldp_local *a,
			  const struct lldp_local *b)
{
	return !memcmp(a->chassis, b->chassis, 6) &&
	       !strncmp(a->port, b->port, sizeof(a->port)) &&
	       (a->port[0] || !memcmp(a->mac, b->mac, 6));
}

static bool same_local(const struct lldp_local *a, const struct lldp_local *b)
{
	return same_identity(a, b) && !memcmp(a->mac, b->mac, 6) &&
	       !strncmp(a->system_name, b->system_name,
			sizeof(a->system_name)) &&
	       !strncmp(a->system_description, b->system_description,
			sizeof(a->system_description)) &&
	       a->pvid == b->pvid && a->mtu == b->mtu &&
	       a->aggregated == b->aggregated &&
	       a->aggregation_capable == b->aggregation_capable &&
	       a->aggregate_id == b->aggregate_id;
}

void lldp_reconfigure(struct lldp *lldp, const struct lldp_local *local,
		      bool tx, bool rx, uint64_t now_ms)
{
	bool same = same_identity(&lldp->local, local);

	if (lldp->tx && lldp->up && lldp->ever_sent && (!tx || !same))
		lldp->goodbye_len = lldp_shutdown_frame(lldp, lldp->goodbye);
	if (tx && lldp->up && (!lldp->tx || !same))
		speak(lldp, true, now_ms);
	else if (tx && lldp->up && !same_local(&lldp->local, local))
		speak(lldp, false, now_ms);
	if (!rx)
		lldp->count = 0;
	lldp->local = *local;
	lldp->tx = tx;
	lldp->rx = rx;
}

void lldp_link(struct lldp *lldp, bool up, uint64_t now_ms)
{
	if (up == lldp->up)
		return;
	lldp->up = up;
	lldp->goodbye_len = 0;
	if (up)
		speak(lldp, true, now_ms);
	else
		lldp->count = 0;
}

size_t lldp_shutdown_frame(const struct lldp *lldp,
			   uint8_t frame[LLDP_FRAME_MAX])
{
	return lldp_wire_build(&lldp->local, 0, frame);
}

/* --- whom to remember -------------------------------------------------------
 */

static void forget(struct lldp *lldp, unsigned i)
{
	lldp->count--;
	memmove(&lldp->neighbours[i], &lldp->neighbours[i + 1],
		(lldp->count - i) * sizeof(lldp->neighbours[0]));
}

/* Its index, or count. */
static unsigned find(const struct lldp *lldp, const struct lldp_message *m)
{
	unsigned i;

	for (i = 0; i < lldp->count; i++)
		if (lldp->neighbours[i].msap_len == m->msap_len &&
		    !memcmp(lldp->neighbours[i].msap, m->msap, m->msap_len))
			break;
	return i;
}

static void make_room(struct lldp *lldp)
{
	unsigned oldest = 0;

	if (lldp->count < LLDP_NEIGHBOURS_MAX)
		return;
	for (unsigned i = 1; i < lldp->count; i++)
		if (lldp->neighbours[i].n.heard_ms <
		    lldp->neighbours[oldest].n.heard_ms)
			oldest = i;
	forget(lldp, oldest);
	lldp->facts.too_many++;
}

static void remember(struct lldp *lldp, const struct lldp_message *m,
		     uint64_t now_ms)
{
	unsigned i = find(lldp, m);
	struct entry *e;

	if (!m->says.ttl_s) {
		if (i < lldp->count)
			forget(lldp, i);
		return;
	}
	if (i == lldp->count) {
		make_room(lldp);
		i = lldp->count++;
		if (lldp->tx && lldp->up)
			speak(lldp, true, now_ms);
	}
	e = &lldp->neighbours[i];
	e->n = m->says;
	e->n.heard_ms = now_ms;
	e->n.until_ms = now_ms + m->says.ttl_s * 1000ull;
	e->msap_len = m->msap_len;
	memcpy(e->msap, m->msap, m->msap_len);
}

bool lldp_input(struct lldp *lldp, const uint8_t *frame, size_t len,
		uint64_t now_ms)
{
	struct lldp_message m;

	if (!lldp->rx)
		return true;
	if (!lldp_wire_parse(frame, len, &m)) {
		lldp->facts.rx_bad++;
		return false;
	}
	lldp->facts.rx++;
	lldp->facts.rx_bad_tlvs += m.bad_tlvs;
	/* Even before we are told that the link is up: it must be. */
	remember(lldp, &m, now_ms);
	return true;
}

/* --- time ----------------------------------------------------------------- */

uint64_t lldp_run(struct lldp *lldp, uint64_t now_ms,
		  void (*send)(void *ctx, const uint8_t *frame, size_t len),
		  void *ctx)
{
	uint64_t next = UINT64_MAX;

	if (lldp->goodbye_len)
		send(ctx, lldp->goodbye, lldp->goodbye_len);
	lldp->goodbye_len = 0;
	if (lldp->tx && lldp->up && now_ms >= lldp->next_ms)
		say(lldp, now_ms, send, ctx);
	if (lldp->tx && lldp->up)
		next = lldp->next_ms;
	for (unsigned i = lldp->count; i-- > 0;) {
		uint64_t until = lldp->neighbours[i].n.until_ms;

		if (until <= now_ms) {
			forget(lldp, i);
			lldp->facts.aged_out++;
		} else if (until < next) {
			next = until;
		}
	}
	return next;
}

/* --- what is known -------------------------------------------------------- */

unsigned lldp_neighbour_count(const struct lldp *lldp)
{
	return lldp->count;
}

const struct lldp_neighbour *lldp_neighbour(const struct lldp *lldp, unsigned i)
{
	return i < lldp->count ? &lldp->neighbours[i].n : NULL;
}

void lldp_facts(const struct lldp *lldp, struct lldp_facts *facts)
{
	*facts = lldp->facts;
}
