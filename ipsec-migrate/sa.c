/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sa.c: chains in a hash by SPI (and peer, for those that the peers chose).
 *
 * Limits of time are in the table only as the next moment when one may have
 * come; sa_events() walks all SAs then, or when the data path met a limit.
 */
#include "ipsec-migrate/sa.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipsec-migrate/esp.h"

/*
 * The counter's own ends: no number near the wrap is ever used.  With 64 bits
 * that is theory; with 32 it takes an hour at a million packets a second, so
 * a successor is asked for at three quarters.
 */
#define SEQ_MAX_ESN   (1ULL << 62)
#define SEQ_MAX	      (UINT32_MAX - 65535ULL)
#define SEQ_SOFT(max) ((max) / 4 * 3)

/* A forged report cannot make the path narrower than IP itself allows. */
#define PATH_MTU_MIN4 576
#define PATH_MTU_MIN6 1280
#define PATH_MTU_MAX  65535

enum { TOLD_SOFT = 1, TOLD_HARD = 2 };

struct sa_table {
	uint32_t capacity, count, mask;
	bool due;	  /* sa_events() has something to find */
	uint64_t next_ms; /* when a limit of time may have come */
	struct sa *chain[];
};

int sa_table_new(struct sa_table **out, uint32_t capacity)
{
	struct sa_table *t;
	uint32_t chains = 16;

	if (!capacity || capacity > SA_TABLE_MAX)
		return -EINVAL;
	while (chains < capacity)
		chains *= 2;
	t = calloc(1, sizeof(*t) + chains * sizeof(t->chain[0]));
	if (!t)
		return -ENOMEM;
	t->capacity = capacity;
	t->mask = chains - 1;
	t->next_ms = UINT64_MAX;
	*out = t;
	return 0;
}

void sa_table_free(struct sa_table *t)
{
	uint32_t i;

	if (!t)
		return;
	for (i = 0; i <= t->mask; i++)
		while (t->chain[i])
			sa_delete(t->chain[i]);
	free(t);
}

/* Inbound SPIs are ours and name an SA alone: their peer is no part of it. */
static struct sa **chain_of(const struct sa_table *t, bool inbound,
			    uint32_t peer, uint32_t spi)
{
	uint32_t key = inbound ? spi : spi + peer * 0x85ebca6b + 1;

	return (struct sa **)&t->chain[key * 0x9e3779b1u >> 8 & t->mask];
}

static struct sa *find(const struct sa_table *t, bool inbound, uint32_t peer,
		       uint32_t spi)
{
	struct sa *sa = *chain_of(t, inbound, peer, spi);

	while (sa && (sa->spi != spi || sa->inbound != inbound ||
		      (!inbound && sa->peer != peer)))
		sa = sa->next;
	return sa;
}

struct sa *sa_find_in(const struct sa_table *t, uint32_t spi)
{
	return find(t, true, 0, spi);
}

struct sa *sa_find_out(const struct sa_table *t, uint32_t peer, uint32_t spi)
{
	return find(t, false, peer, spi);
}

static bool path_valid(const struct sa_path *path)
{
	sa_family_t family = path->remote.ss_family;

	return (family == AF_INET || family == AF_INET6) &&
	       path->local.ss_family == family;
}

static bool conf_valid(const struct sa_conf *conf)
{
	unsigned i;

	if (conf->spi < SA_SPI_MIN || !path_valid(&conf->path) ||
	    !conf->selector_count || conf->selector_count > SA_SELECTORS_MAX)
		return false;
	for (i = 0; i < conf->selector_count; i++)
		if (!selector_valid(&conf->selectors[i]))
			return false;
	return true;
}

static uint64_t or_never(uint64_t limit)
{
	return limit ? limit : UINT64_MAX;
}

static struct sa_limits limits(const struct sa_limits *l, uint64_t now_ms)
{
	return (struct sa_limits){
		.bytes = or_never(l->bytes),
		.packets = or_never(l->packets),
		.ms = l->ms && l->ms < UINT64_MAX - now_ms ? now_ms + l->ms
							   : UINT64_MAX,
	};
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void set_limits(struct sa *sa, const struct sa_conf *conf,
		       uint64_t now_ms)
{
	sa->soft = limits(&conf->soft, now_ms);
	sa->hard = limits(&conf->hard, now_ms);
	sa->seq_max = sa->esn ? SEQ_MAX_ESN : SEQ_MAX;
	if (!sa->inbound)
		sa->soft.packets = least(sa->soft.packets,
					 SEQ_SOFT(sa->seq_max));
	sa->added_ms = now_ms;
}

/* Everything but its key. */
static int sa_init(struct sa *sa, const struct sa_conf *conf, uint64_t now_ms)
{
	sa->spi = conf->spi;
	sa->peer = conf->peer;
	sa->group = conf->group;
	sa->inbound = conf->inbound;
	sa->esn = conf->esn;
	sa->copy_dscp = conf->copy_dscp;
	sa->last_flow.family = 0xff; /* no packet's */
	sa->selector_count = (uint8_t)conf->selector_count;
	memcpy(sa->selectors, conf->selectors,
	       conf->selector_count * sizeof(conf->selectors[0]));
	sa_set_path(sa, &conf->path);
	set_limits(sa, conf, now_ms);
	if (!sa->inbound)
		return 0;
	return replay_init(&sa->replay, conf->replay_window, conf->esn);
}

static int sa_new(struct sa **out, const struct sa_conf *conf,
		  uint64_t now_ms)
{
	struct sa *sa = calloc(1, sizeof(*sa));
	int rc;

	if (!sa)
		return -ENOMEM;
	rc = sa_init(sa, conf, now_ms);
	if (!rc)
		rc = cipher_new(&sa->cipher, conf->alg, conf->backend,
				conf->key, conf->key_len);
	if (rc < 0) {
		free(sa);
		return rc;
	}
	*out = sa;
	return 0;
}

int sa_add(struct sa_table *t, const struct sa_conf *conf, uint64_t now_ms,
	   struct sa **out)
{
	struct sa *sa, **chain;
	int rc;

	if (!conf_valid(conf))
		return -EINVAL;
	if (find(t, conf->inbound, conf->peer, conf->spi))
		return -EEXIST;
	if (t->count == t->capacity)
		return -ENOSPC;
	rc = sa_new(&sa, conf, now_ms);
	if (rc < 0)
		return rc;
	chain = chain_of(t, sa->inbound, sa->peer, sa->spi);
	sa->next = *chain;
	*chain = sa;
	sa->table = t;
	t->count++;
	t->next_ms = least(t->next_ms, least(sa->soft.ms, sa->hard.ms));
	*out = sa;
	return 0;
}

void sa_delete(struct sa *sa)
{
	struct sa_table *t = sa->table;
	struct sa **at = chain_of(t, sa->inbound, sa->peer, sa->spi);

	while (*at != sa)
		at = &(*at)->next;
	*at = sa->next;
	t->count--;
	cipher_free(sa->cipher);
	explicit_bzero(sa, sizeof(*sa));
	free(sa);
}

struct sa *sa_next(const struct sa_table *t, const struct sa *prev)
{
	uint32_t i = 0;

	if (prev && prev->next)
		return prev->next;
	if (prev)
		i = (uint32_t)(chain_of(t, prev->inbound, prev->peer,
					prev->spi) - t->chain) + 1;
	for (; i <= t->mask; i++)
		if (t->chain[i])
			return t->chain[i];
	return NULL;
}

uint32_t sa_count(const struct sa_table *t)
{
	return t->count;
}

void sa_set_path(struct sa *sa, const struct sa_path *path)
{
	bool v6 = path->remote.ss_family == AF_INET6;
	uint32_t min = v6 ? PATH_MTU_MIN6 : PATH_MTU_MIN4;
	uint32_t mtu = path->mtu < min ? min : path->mtu;

	assert(path_valid(path));
	if (mtu > PATH_MTU_MAX)
		mtu = PATH_MTU_MAX;
	sa->path = *path;
	sa->path.mtu = mtu;
	sa->inner_mtu = esp_inner_mtu(mtu, v6 ? 6 : 4, path->udp);
}

/* --- limits ----------------------------------------------------------- */

static void reach_hard(struct sa *sa)
{
	if (!sa->hard_due)
		sa->table->due = true;
	sa->hard_due = true;
}

static void reach_soft(struct sa *sa)
{
	if (!sa->soft_due)
		sa->table->due = true;
	sa->soft_due = true;
}

bool sa_expired(struct sa *sa, uint64_t now_ms)
{
	if (now_ms >= sa->hard.ms || sa->stats.packets >= sa->hard.packets ||
	    sa->stats.bytes >= sa->hard.bytes)
		reach_hard(sa);
	return sa->hard_due;
}

bool sa_take(struct sa *sa, uint32_t packets, uint64_t bytes, uint64_t now_ms,
	     uint64_t *first)
{
	uint64_t all_packets = sa->stats.packets + packets;
	uint64_t all_bytes = sa->stats.bytes + bytes;

	if (now_ms >= sa->hard.ms || all_packets > sa->hard.packets ||
	    all_bytes > sa->hard.bytes || sa->seq + packets > sa->seq_max)
		reach_hard(sa);
	if (sa->hard_due)
		return false;
	if (all_packets >= sa->soft.packets || all_bytes >= sa->soft.bytes)
		reach_soft(sa);
	sa->stats.packets = all_packets;
	sa->stats.bytes = all_bytes;
	sa->stats.used_ms = now_ms;
	if (!sa->inbound) {
		*first = sa->seq + 1;
		sa->seq += packets;
	}
	return true;
}

bool sa_events_due(const struct sa_table *t)
{
	return t->due;
}

/* What it has to tell, if anything; an SA at its end wants no successor. */
static bool tell(struct sa *sa, uint64_t now_ms, struct sa_event *ev)
{
	ev->sa = sa;
	if (now_ms >= sa->hard.ms)
		sa->hard_due = true;
	if (now_ms >= sa->soft.ms)
		sa->soft_due = true;
	if (sa->hard_due && !(sa->told & TOLD_HARD)) {
		sa->told = TOLD_SOFT | TOLD_HARD;
		ev->kind = SA_EVENT_HARD;
		return true;
	}
	if (sa->soft_due && !(sa->told & TOLD_SOFT)) {
		sa->told |= TOLD_SOFT;
		ev->kind = SA_EVENT_SOFT;
		return true;
	}
	return false;
}

/* The next moment at which time alone gives this SA something to tell. */
static uint64_t next_limit(const struct sa *sa)
{
	if (sa->told & TOLD_HARD)
		return UINT64_MAX;
	return sa->told & TOLD_SOFT ? sa->hard.ms
				    : least(sa->soft.ms, sa->hard.ms);
}

unsigned sa_events(struct sa_table *t, uint64_t now_ms, struct sa_event ev[],
		   unsigned max)
{
	uint64_t next_ms = UINT64_MAX;
	struct sa *sa;
	unsigned n = 0;

	if (!t->due && now_ms < t->next_ms)
		return 0;
	for (sa = sa_next(t, NULL); sa; sa = sa_next(t, sa)) {
		if (n == max)
			return n; /* there may be more: still due */
		if (tell(sa, now_ms, &ev[n]))
			n++;
		next_ms = least(next_ms, next_limit(sa));
	}
	t->due = false;
	t->next_ms = next_ms;
	return n;
}

bool sa_admits(struct sa *sa, const struct inner_flow *flow)
{
	unsigned i;

	if (inner_same_flow(&sa->last_flow, flow))
		return true;
	for (i = 0; i < sa->selector_count; i++) {
		if (selector_match_in(&sa->selectors[i], flow)) {
			sa->last_flow = *flow;
			return true;
		}
	}
	return false;
}
