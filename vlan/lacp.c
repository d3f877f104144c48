/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lacp.c: the machines of 802.1AX-2014 6.4, a struct member for each port.
 *
 * Inputs (a PDU, a link, a configuration) only move the receive machine, whose
 * verdict is the partner as we know it and whether we know one at all.  The
 * rest follows from that in lacp_run(), in one order, for all members at once:
 *
 *	receive timers	who has gone silent (6.4.12)
 *	mux		who is UNSELECTED leaves the aggregation (6.4.15)
 *	churn		who has not come to terms for a minute (6.4.17)
 *	selection	which aggregation is in use, who belongs to it (6.4.14)
 *	mux, churn	by the new selection
 *	periodic	is a PDU due (6.4.13)
 *	transmit	markers and PDUs, paced (6.4.16, 6.5)
 *
 * Mux runs before selection because a member whose partner has changed must
 * pass through DETACHED even if it is selected again at once; so two partners
 * never share the aggregation, not even for one call.
 *
 * The actor's state octet is not stored: it is what the machines say (actor()).
 * Where we do other than the standard, and why, is in docs/bonds.md.
 */
#include "vlan/lacp.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vlan/lacp_select.h"
#include "vlan/lacp_wire.h"

#define SYSTEM_PRIORITY 65534
#define PORT_PRIORITY   32768
/* Both ends' wait_while, and a lost PDU: then a partner should be in sync. */
#define SETTLE_MS   (2 * LACP_WAIT_MS + LACP_FAST_MS)
#define PACE_MS     1000
#define PACE_MAX    5
#define PDU_PACE    3 /* in any fast period (6.4.16) */
#define MARKER_PACE 5
#define MARKERS     4 /* responses that wait */

enum selected { UNSELECTED, STANDBY, SELECTED };
enum periodic { NO_PERIODIC, FAST_PERIODIC, SLOW_PERIODIC };

struct churn { /* 6.4.17, one machine for the actor, one for the partner */
	bool monitor, churn;
	uint64_t at;
};

struct pace { /* slot i may be used again from free_at[i] on */
	uint64_t free_at[PACE_MAX];
	unsigned next;
};

struct member {
	bool present, link;
	uint32_t speed_mbps;
	struct lacp_member_conf conf;

	enum lacp_receive receive;
	uint64_t current_until; /* of RX_EXPIRED and RX_CURRENT */
	struct lacp_info partner;
	bool defaulted; /* partner is nobody */

	enum selected selected;
	enum lacp_mux mux;
	uint64_t wait_until; /* of MUX_WAITING */
	struct churn actor_churn, partner_churn;

	enum periodic periodic;
	uint64_t periodic_at;
	bool ntt; /* need to transmit */
	struct pace pdu_pace, marker_pace;
	struct lacp_marker markers[MARKERS];
	unsigned marker_count;

	uint64_t rx_pdus, tx_pdus, rx_markers, tx_marker_responses;
	uint64_t rx_bad, rx_own, expired;
};

struct lacp {
	struct lacp_conf conf;
	struct member members[LACP_MEMBERS_MAX];
	bool in_use; /* some aggregation is: */
	struct lacp_lag used;
	bool unanswered; /* no member of it is in sync, since: */
	uint64_t unanswered_since;
};

static const uint8_t nobody[6];

static bool system_valid(const uint8_t system[6])
{
	return !(system[0] & 1) && memcmp(system, nobody, 6);
}

/* ---- what we say of ourselves ---- */

static uint8_t actor_state(const struct lacp *lacp, const struct member *m)
{
	return (lacp->conf.passive ? 0 : LACP_ACTIVITY) |
	       (lacp->conf.fast ? LACP_TIMEOUT : 0) | LACP_AGGREGATION |
	       (m->mux >= LACP_MUX_ATTACHED ? LACP_SYNC : 0) |
	       (m->mux >= LACP_MUX_COLLECTING ? LACP_COLLECTING : 0) |
	       (m->mux >= LACP_MUX_DISTRIBUTING ? LACP_DISTRIBUTING : 0) |
	       (m->defaulted ? LACP_DEFAULTED : 0) |
	       (m->receive == LACP_RX_EXPIRED ? LACP_EXPIRED : 0);
}

static struct lacp_info actor(const struct lacp *lacp, const struct member *m)
{
	struct lacp_info info = {
		.system_priority = lacp->conf.system_priority,
		.key = m->conf.key,
		.port_priority = m->conf.port_priority,
		.port = m->conf.port,
		.state = actor_state(lacp, m),
	};

	memcpy(info.system, lacp->conf.system, 6);
	return info;
}

/* ---- receive machine (6.4.12) ---- */

/* Do both say the same, in all but `state` bits outside of mask? */
static bool info_same(const struct lacp_info *a, const struct lacp_info *b,
		      uint8_t mask)
{
	return a->port == b->port && a->port_priority == b->port_priority &&
	       a->system_priority == b->system_priority && a->key == b->key &&
	       !memcmp(a->system, b->system, 6) &&
	       !((a->state ^ b->state) & mask);
}

/*
 * The partner that we assume when none speaks: nobody.  Its timeout is short,
 * so that we speak every second until someone answers: a passive partner that
 * comes late is found at once.
 */
static void record_default(struct member *m)
{
	m->partner = (struct lacp_info){ .state = LACP_TIMEOUT };
	m->defaulted = true;
}

static void enter_expired(struct member *m, uint64_t now)
{
	m->receive = LACP_RX_EXPIRED;
	m->partner.state &= ~LACP_SYNC;
	m->partner.state |= LACP_TIMEOUT;
	m->current_until = now + LACP_TIMEOUTS * LACP_FAST_MS;
}

/* INITIALIZE: forget the partner. */
static void receive_init(struct member *m, uint64_t now)
{
	m->selected = UNSELECTED;
	m->receive = LACP_RX_DISABLED;
	record_default(m);
	if (m->link)
		enter_expired(m, now);
}

static void receive_timer(struct member *m, uint64_t now)
{
	if (m->receive == LACP_RX_CURRENT && now >= m->current_until) {
		m->expired++;
		enter_expired(m, now);
	} else if (m->receive == LACP_RX_EXPIRED && now >= m->current_until) {
		if (!m->defaulted)
			m->selected = UNSELECTED;
		m->receive = LACP_RX_DEFAULTED;
		record_default(m);
		m->ntt = true;
	}
}

static void start_current(const struct lacp *lacp, struct member *m,
			  uint64_t now)
{
	m->current_until =
		now +
		LACP_TIMEOUTS * (lacp->conf.fast ? LACP_FAST_MS : LACP_SLOW_MS);
}

/*
 * Is the partner in sync with us: it says so, it means us (or it is individual,
 * which needs no agreement), and one of us keeps the talk alive.
 */
static bool partner_in_sync(const struct lacp_message *pdu,
			    const struct lacp_info *self)
{
	if (!(pdu->actor.state & LACP_SYNC))
		return false;
	if (!info_same(&pdu->partner, self, LACP_AGGREGATION) &&
	    (pdu->actor.state & LACP_AGGREGATION))
		return false;
	return pdu->actor.state & LACP_ACTIVITY ||
	       (self->state & pdu->partner.state & LACP_ACTIVITY);
}

/*
 * port_moved: whoever a member without link remembers as its partner now
 * speaks on this one.
 */
static void forget_elsewhere(struct lacp *lacp, const struct member *here,
			     const struct lacp_info *partner, uint64_t now)
{
	unsigned i;

	for (i = 0; i < LACP_MEMBERS_MAX; i++) {
		struct member *m = &lacp->members[i];

		if (m != here && m->present && !m->link && !m->defaulted &&
		    m->partner.port == partner->port &&
		    !memcmp(m->partner.system, partner->system, 6))
			receive_init(m, now);
	}
}

static void receive_pdu(struct lacp *lacp, struct member *m,
			const struct lacp_message *pdu, uint64_t now)
{
	struct lacp_info self = actor(lacp, m);

	m->rx_pdus++;
	if (!memcmp(pdu->actor.system, lacp->conf.system, 6)) {
		m->rx_own++; /* as if unheard: we are not our own partner */
		return;
	}
	if (!m->link)
		return;
	if (m->defaulted ||
	    !info_same(&pdu->actor, &m->partner, LACP_AGGREGATION)) {
		m->selected = UNSELECTED;
		m->partner_churn = (struct churn){ 0 }; /* a new one's minute */
		forget_elsewhere(lacp, m, &pdu->actor, now);
	}
	if (!info_same(&pdu->partner, &self, /* update_NTT */
		       LACP_ACTIVITY | LACP_TIMEOUT | LACP_SYNC |
			       LACP_AGGREGATION))
		m->ntt = true;
	m->partner = pdu->actor;
	if (!partner_in_sync(pdu, &self))
		m->partner.state &= ~LACP_SYNC;
	m->defaulted = false;
	m->receive = LACP_RX_CURRENT;
	start_current(lacp, m, now);
}

/* ---- selection (6.4.14), by lacp_select() ---- */

static bool partner_rules(const struct lacp *lacp, const struct member *m)
{
	if (m->partner.system_priority != lacp->conf.system_priority)
		return m->partner.system_priority < lacp->conf.system_priority;
	return memcmp(m->partner.system, lacp->conf.system, 6) < 0;
}

static struct lacp_candidate candidate(const struct lacp *lacp,
				       const struct member *m)
{
	bool alone = !(m->partner.state & LACP_AGGREGATION);
	struct lacp_candidate c = {
		.present = m->present && m->link && !m->defaulted,
		.good = m->receive == LACP_RX_CURRENT &&
			!m->partner_churn.churn,
		.in_sync = m->partner.state & LACP_SYNC,
		.partner_rules = partner_rules(lacp, m),
		.lag = {
			.system_priority = m->partner.system_priority,
			.partner_key = m->partner.key,
			.key = m->conf.key,
			.speed_mbps = m->speed_mbps,
			.individual = alone ? m->conf.port : 0,
		},
	};

	memcpy(c.lag.system, m->partner.system, 6);
	return c;
}

/* How long has what is in use had nobody in sync? */
static void note_answer(struct lacp *lacp, bool changed, bool in_sync,
			uint64_t now)
{
	if (changed || in_sync || !lacp->unanswered)
		lacp->unanswered_since = now;
	lacp->unanswered = lacp->in_use && !in_sync;
}

static void run_selection(struct lacp *lacp, uint64_t now)
{
	struct lacp_candidate c[LACP_MEMBERS_MAX];
	bool settled, changed, in_sync = false;
	unsigned i;
	int best;

	for (i = 0; i < LACP_MEMBERS_MAX; i++)
		c[i] = candidate(lacp, &lacp->members[i]);
	settled = lacp->unanswered && now >= lacp->unanswered_since + SETTLE_MS;
	best = lacp_select(c, LACP_MEMBERS_MAX,
			   lacp->in_use ? &lacp->used : NULL, settled);
	changed = best >= 0 &&
		  !(lacp->in_use && lacp_lag_same(&lacp->used, &c[best].lag));
	lacp->in_use = best >= 0;
	if (changed)
		lacp->used = c[best].lag;
	for (i = 0; i < LACP_MEMBERS_MAX; i++) {
		struct member *m = &lacp->members[i];

		if (!c[i].present) {
			m->selected = UNSELECTED;
		} else if (!lacp_lag_same(&c[i].lag, &lacp->used)) {
			m->selected = STANDBY;
		} else {
			m->selected = SELECTED;
			in_sync |= c[i].in_sync;
		}
	}
	note_answer(lacp, changed, in_sync, now);
}

/* ---- mux machine, independent control (6.4.15) ---- */

/* Those who wait go together, so that traffic is spread once. */
static bool ready(const struct lacp *lacp, uint64_t now)
{
	unsigned i;

	for (i = 0; i < LACP_MEMBERS_MAX; i++) {
		const struct member *m = &lacp->members[i];

		if (m->mux == LACP_MUX_WAITING && m->selected == SELECTED &&
		    now < m->wait_until)
			return false;
	}
	return true;
}

static enum lacp_mux mux_next(const struct lacp *lacp, const struct member *m,
			      uint64_t now)
{
	bool in_sync =
		m->selected == SELECTED && (m->partner.state & LACP_SYNC);
	bool taken = in_sync && (m->partner.state & LACP_COLLECTING);

	switch (m->mux) {
	case LACP_MUX_DETACHED:
		return m->selected == UNSELECTED ? LACP_MUX_DETACHED
						 : LACP_MUX_WAITING;
	case LACP_MUX_WAITING:
		if (m->selected == UNSELECTED)
			return LACP_MUX_DETACHED;
		return m->selected == SELECTED && ready(lacp, now)
			       ? LACP_MUX_ATTACHED
			       : LACP_MUX_WAITING;
	case LACP_MUX_ATTACHED:
		if (m->selected != SELECTED)
			return LACP_MUX_DETACHED;
		return in_sync ? LACP_MUX_COLLECTING : LACP_MUX_ATTACHED;
	case LACP_MUX_COLLECTING:
		if (!in_sync)
			return LACP_MUX_ATTACHED;
		return taken ? LACP_MUX_DISTRIBUTING : LACP_MUX_COLLECTING;
	case LACP_MUX_DISTRIBUTING:
		break;
	}
	return taken ? LACP_MUX_DISTRIBUTING : LACP_MUX_COLLECTING;
}

static void run_mux(struct lacp *lacp, uint64_t now)
{
	unsigned i;

	for (i = 0; i < LACP_MEMBERS_MAX; i++) {
		struct member *m = &lacp->members[i];
		enum lacp_mux next;

		while ((next = mux_next(lacp, m, now)) != m->mux) {
			if (next == LACP_MUX_WAITING)
				m->wait_until = now + LACP_WAIT_MS;
			m->mux = next;
			m->ntt = true;
		}
	}
}

/* ---- churn (6.4.17) ---- */

static void churn_step(struct churn *c, bool watched, uint64_t now)
{
	if (!watched) {
		*c = (struct churn){ 0 };
	} else if (!c->monitor && !c->churn) {
		c->monitor = true;
		c->at = now + LACP_CHURN_MS;
	} else if (c->monitor && now >= c->at) {
		c->monitor = false;
		c->churn = true;
	}
}

static void run_churn(struct lacp *lacp, uint64_t now)
{
	unsigned i;

	for (i = 0; i < LACP_MEMBERS_MAX; i++) {
		struct member *m = &lacp->members[i];

		churn_step(&m->actor_churn,
			   m->link && m->mux < LACP_MUX_ATTACHED, now);
		churn_step(&m->partner_churn,
			   m->link && !(m->partner.state & LACP_SYNC), now);
	}
}

/* ---- periodic and transmit machines (6.4.13, 6.4.16) ---- */

static void run_periodic(const struct lacp *lacp, struct member *m,
			 uint64_t now)
{
	bool fast = m->partner.state & LACP_TIMEOUT;

	if (!m->link ||
	    (lacp->conf.passive && !(m->partner.state & LACP_ACTIVITY))) {
		m->periodic = NO_PERIODIC;
		m->ntt = false;
		return;
	}
	if (m->periodic == FAST_PERIODIC && !fast) {
		m->periodic = SLOW_PERIODIC;
		m->periodic_at = now + LACP_SLOW_MS;
	} else if (m->periodic == NO_PERIODIC || now >= m->periodic_at ||
		   (m->periodic == SLOW_PERIODIC && fast)) {
		m->ntt = true;
		m->periodic = fast ? FAST_PERIODIC : SLOW_PERIODIC;
		m->periodic_at = now + (fast ? LACP_FAST_MS : LACP_SLOW_MS);
	}
}

static bool pace_take(struct pace *p, unsigned max, uint64_t now)
{
	if (now < p->free_at[p->next])
		return false;
	p->free_at[p->next] = now + PACE_MS;
	p->next = (p->next + 1) % max;
	return true;
}

/* Marker responder (6.5.4): what asks faster than that is not answered. */
static void receive_marker(struct member *m, const struct lacp_marker *marker)
{
	m->rx_markers++;
	if (m->link && m->marker_count < MARKERS)
		m->markers[m->marker_count++] = *marker;
}

static void transmit(struct lacp *lacp, unsigned i, uint64_t now,
		     void (*send)(void *ctx, unsigned member,
				  const uint8_t *frame, size_t len),
		     void *ctx)
{
	struct member *m = &lacp->members[i];
	uint8_t frame[LACP_FRAME_LEN];
	unsigned sent = 0;

	while (sent < m->marker_count &&
	       pace_take(&m->marker_pace, MARKER_PACE, now)) {
		lacp_wire_marker_response(frame, m->conf.mac,
					  &m->markers[sent++]);
		m->tx_marker_responses++;
		send(ctx, i, frame, sizeof(frame));
	}
	m->marker_count -= sent;
	memmove(m->markers, m->markers + sent,
		m->marker_count * sizeof(m->markers[0]));

	if (m->ntt && pace_take(&m->pdu_pace, PDU_PACE, now)) {
		struct lacp_info self = actor(lacp, m);

		lacp_wire_pdu(frame, m->conf.mac, &self, &m->partner);
		m->ntt = false;
		m->tx_pdus++;
		send(ctx, i, frame, sizeof(frame));
	}
}

/* ---- time ---- */

static void earlier(uint64_t *next, bool runs, uint64_t at)
{
	if (runs && at < *next)
		*next = at;
}

static uint64_t next_timer(const struct lacp *lacp, uint64_t now)
{
	uint64_t next = UINT64_MAX;
	unsigned i;

	for (i = 0; i < LACP_MEMBERS_MAX; i++) {
		const struct member *m = &lacp->members[i];

		earlier(&next,
			m->receive == LACP_RX_CURRENT ||
				m->receive == LACP_RX_EXPIRED,
			m->current_until);
		earlier(&next,
			m->mux == LACP_MUX_WAITING && m->wait_until > now,
			m->wait_until);
		earlier(&next, m->actor_churn.monitor, m->actor_churn.at);
		earlier(&next, m->partner_churn.monitor, m->partner_churn.at);
		earlier(&next, m->periodic != NO_PERIODIC, m->periodic_at);
		earlier(&next, m->ntt, m->pdu_pace.free_at[m->pdu_pace.next]);
		earlier(&next, m->marker_count,
			m->marker_pace.free_at[m->marker_pace.next]);
	}
	earlier(&next,
		lacp->unanswered && lacp->unanswered_since + SETTLE_MS > now,
		lacp->unanswered_since + SETTLE_MS);
	return next;
}

uint64_t lacp_run(struct lacp *lacp, uint64_t now_ms,
		  void (*send)(void *ctx, unsigned member, const uint8_t *frame,
			       size_t len),
		  void *ctx)
{
	unsigned i;

	for (i = 0; i < LACP_MEMBERS_MAX; i++)
		receive_timer(&lacp->members[i], now_ms);
	run_mux(lacp, now_ms);
	run_churn(lacp, now_ms);
	run_selection(lacp, now_ms);
	run_mux(lacp, now_ms);
	run_churn(lacp, now_ms);
	for (i = 0; i < LACP_MEMBERS_MAX; i++) {
		run_periodic(lacp, &lacp->members[i], now_ms);
		transmit(lacp, i, now_ms, send, ctx);
	}
	return next_timer(lacp, now_ms);
}

/* ---- configuration and links ---- */

static struct lacp_conf conf_filled(const struct lacp_conf *conf)
{
	struct lacp_conf c = *conf;

	if (!c.system_priority)
		c.system_priority = SYSTEM_PRIORITY;
	return c;
}

int lacp_new(struct lacp **out, const struct lacp_conf *conf)
{
	struct lacp *lacp;

	*out = NULL;
	if (!system_valid(conf->system))
		return -EINVAL;
	lacp = calloc(1, sizeof(*lacp));
	if (!lacp)
		return -ENOMEM;
	lacp->conf = conf_filled(conf);
	*out = lacp;
	return 0;
}

void lacp_free(struct lacp *lacp)
{
	free(lacp);
}

void lacp_reconfigure(struct lacp *lacp, const struct lacp_conf *conf,
		      uint64_t now_ms)
{
	struct lacp_conf old = lacp->conf;
	unsigned i;

	assert(system_valid(conf->system));
	lacp->conf = conf_filled(conf);
	for (i = 0; i < LACP_MEMBERS_MAX; i++) {
		struct member *m = &lacp->members[i];

		if (!m->present)
			continue;
		m->ntt = true;
		if (memcmp(old.system, lacp->conf.system, 6))
			receive_init(m, now_ms);
		else if (m->receive == LACP_RX_CURRENT &&
			 old.fast != lacp->conf.fast)
			start_current(lacp, m, now_ms);
	}
}

static bool member_conf_same(const struct lacp_member_conf *a,
			     const struct lacp_member_conf *b)
{
	return !memcmp(a->mac, b->mac, 6) && a->port == b->port &&
	       a->port_priority == b->port_priority && a->key == b->key;
}

void lacp_member_set(struct lacp *lacp, unsigned member,
		     const struct lacp_member_conf *conf, uint64_t now_ms)
{
	struct lacp_member_conf c = *conf;
	struct member *m;

	assert(member < LACP_MEMBERS_MAX && conf->port);
	m = &lacp->members[member];
	if (!c.port_priority)
		c.port_priority = PORT_PRIORITY;
	if (!m->present) {
		*m = (struct member){ .present = true, .conf = c };
		receive_init(m, now_ms);
	} else if (!member_conf_same(&m->conf, &c)) {
		m->conf = c;
		m->selected = UNSELECTED;
		m->ntt = true;
	}
}

void lacp_member_remove(struct lacp *lacp, unsigned member, uint64_t now_ms)
{
	assert(member < LACP_MEMBERS_MAX);
	lacp->members[member] = (struct member){ 0 };
}

void lacp_member_link(struct lacp *lacp, unsigned member, bool up,
		      uint32_t speed_mbps, uint64_t now_ms)
{
	struct member *m;

	assert(member < LACP_MEMBERS_MAX);
	m = &lacp->members[member];
	if (!m->present)
		return;
	if (up != m->link || speed_mbps != m->speed_mbps)
		m->selected = UNSELECTED;
	m->speed_mbps = speed_mbps;
	if (up && !m->link) {
		enter_expired(m, now_ms);
	} else if (!up) {
		m->receive = LACP_RX_DISABLED;
		m->partner.state &= ~LACP_SYNC;
		m->marker_count = 0;
	}
	m->link = up;
}

bool lacp_input(struct lacp *lacp, unsigned member, const uint8_t *frame,
		size_t len, uint64_t now_ms)
{
	struct lacp_message msg;
	struct member *m;

	assert(member < LACP_MEMBERS_MAX);
	m = &lacp->members[member];
	if (!m->present)
		return false;
	switch (lacp_wire_parse(frame, len, &msg)) {
	case LACP_WIRE_PDU:
		receive_pdu(lacp, m, &msg, now_ms);
		return true;
	case LACP_WIRE_MARKER:
		receive_marker(m, &msg.marker);
		return true;
	case LACP_WIRE_MARKER_RESPONSE: /* we ask for none */
		return true;
	case LACP_WIRE_BAD:
		m->rx_bad++;
		return false;
	case LACP_WIRE_OTHER:
		break;
	}
	return false;
}

/* ---- what others ask ---- */

bool lacp_negotiated(const struct lacp *lacp)
{
	unsigned i;

	for (i = 0; i < LACP_MEMBERS_MAX; i++)
		if (lacp->members[i].receive == LACP_RX_CURRENT)
			return true;
	return false;
}

bool lacp_collecting(const struct lacp *lacp, unsigned member)
{
	const struct member *m = &lacp->members[member];

	assert(member < LACP_MEMBERS_MAX);
	return m->link && m->mux >= LACP_MUX_COLLECTING;
}

bool lacp_distributing(const struct lacp *lacp, unsigned member)
{
	const struct member *m = &lacp->members[member];

	assert(member < LACP_MEMBERS_MAX);
	return m->link && m->mux >= LACP_MUX_DISTRIBUTING;
}

bool lacp_member_facts(const struct lacp *lacp, unsigned member,
		       struct lacp_facts *facts)
{
	const struct member *m;

	if (member >= LACP_MEMBERS_MAX || !lacp->members[member].present)
		return false;
	m = &lacp->members[member];
	*facts = (struct lacp_facts){
		.actor = actor(lacp, m),
		.partner = m->partner,
		.receive = m->receive,
		.mux = m->mux,
		.selected = m->selected == SELECTED,
		.actor_churn = m->actor_churn.churn,
		.partner_churn = m->partner_churn.churn,
		.rx_pdus = m->rx_pdus,
		.tx_pdus = m->tx_pdus,
		.rx_markers = m->rx_markers,
		.tx_marker_responses = m->tx_marker_responses,
		.rx_bad = m->rx_bad,
		.rx_own = m->rx_own,
		.expired = m->expired,
	};
	return true;
}
