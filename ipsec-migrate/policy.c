/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.c: the flow cache, the hash by prefixes behind it, and the streams.
 *
 * A "shape" is a combination of prefix lengths.  All policies of one shape
 * whose prefixes are the same are in one chain, and a lookup masks a packet's
 * addresses once for each shape.  A selector that is no prefix (IKE knows
 * ranges) is under the longest prefix that holds it; the whole selector is
 * compared in any case.
 *
 * The cache holds what a flow's lookup came to, nothing included; any change
 * of policies makes all of it stale at once.  SAs are not cached: they come
 * and go more often, and choosing one is a division.
 */
#include "ipsec-migrate/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MAX 65536
#define SHAPES_MAX   64
#define CACHE_SIZE   1024 /* a power of two */

struct group {
	uint32_t id, policies, bound;
	unsigned streams; /* places in use, holes included */
	bool wanted, told; /* it needs an SA; IKE has been told */
	struct sa *sa[POLICY_STREAMS_MAX];
	struct group *next;
};

struct policy {
	struct selector selector;
	struct group *group;
	struct policy *next; /* in its chain */
	uint32_t width;	     /* of protocol and ports: narrow ones first */
	uint8_t shape;
};

struct shape {
	uint8_t family; /* 0: this place is free */
	uint8_t local, remote; /* bits of prefix */
	uint32_t policies;
	uint64_t local_mask[2], remote_mask[2];
};

struct cached {
	struct inner_flow flow;
	uint64_t generation; /* 0: empty */
	struct group *group; /* NULL: no policy */
};

struct policy_set {
	uint32_t capacity, count, mask;
	uint64_t generation;
	struct group *groups;
	unsigned wanted; /* groups with something for policy_wanted() */
	unsigned order_count;
	uint8_t order[SHAPES_MAX]; /* shapes in use, longest first */
	struct shape shapes[SHAPES_MAX];
	struct cached cache[CACHE_SIZE];
	struct policy *chain[];
};

int policy_set_new(struct policy_set **out, uint32_t capacity)
{
	struct policy_set *ps;
	uint32_t chains = 16;

	if (!capacity || capacity > CAPACITY_MAX)
		return -EINVAL;
	while (chains < capacity)
		chains *= 2;
	ps = calloc(1, sizeof(*ps) + chains * sizeof(ps->chain[0]));
	if (!ps)
		return -ENOMEM;
	ps->capacity = capacity;
	ps->mask = chains - 1;
	ps->generation = 1;
	*out = ps;
	return 0;
}

void policy_set_free(struct policy_set *ps)
{
	uint32_t i;

	if (!ps)
		return;
	for (i = 0; i <= ps->mask; i++) {
		while (ps->chain[i]) {
			struct policy *p = ps->chain[i];

			ps->chain[i] = p->next;
			free(p);
		}
	}
	while (ps->groups) {
		struct group *g = ps->groups;

		ps->groups = g->next;
		free(g);
	}
	free(ps);
}

uint32_t policy_count(const struct policy_set *ps)
{
	return ps->count;
}

/* --- groups and their streams ------------------------------------------ */

static struct group *group_find(const struct policy_set *ps, uint32_t id)
{
	struct group *g = ps->groups;

	while (g && g->id != id)
		g = g->next;
	return g;
}

static struct group *group_get(struct policy_set *ps, uint32_t id)
{
	struct group *g = group_find(ps, id);

	if (g)
		return g;
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->id = id;
	g->next = ps->groups;
	ps->groups = g;
	return g;
}

static void set_wanted(struct policy_set *ps, struct group *g, bool wanted)
{
	if (g->wanted != wanted)
		ps->wanted += wanted ? 1 : -1;
	g->wanted = wanted;
}

static void group_put(struct policy_set *ps, struct group *g)
{
	struct group **at = &ps->groups;

	if (g->policies || g->bound)
		return;
	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	set_wanted(ps, g, false);
	free(g);
}

static unsigned place_of(const struct group *g, const struct sa *sa)
{
	unsigned i;

	for (i = 0; i < g->streams; i++)
		if (g->sa[i] == sa)
			break;
	return i;
}

int policy_bind(struct policy_set *ps, struct sa *sa,
		const struct sa *replaces)
{
	struct group *g = group_get(ps, sa->group);
	unsigned i;

	if (!g)
		return -ENOMEM;
	i = replaces ? place_of(g, replaces) : g->streams;
	if (i == g->streams)
		i = place_of(g, NULL); /* a hole, or the end */
	if (i == POLICY_STREAMS_MAX)
		return -ENOSPC;
	if (i == g->streams)
		g->streams++;
	if (!g->sa[i])
		g->bound++;
	g->sa[i] = sa;
	set_wanted(ps, g, false);
	g->told = false;
	return 0;
}

void policy_unbind(struct policy_set *ps, const struct sa *sa)
{
	struct group *g = group_find(ps, sa->group);
	unsigned i;

	if (!g)
		return;
	i = place_of(g, sa);
	if (i == g->streams)
		return; /* its successor has its place */
	g->sa[i] = NULL;
	g->bound--;
	if (!g->bound)
		g->streams = 0;
	group_put(ps, g);
}

/* A hole's flows go on by the next; everybody else's stay where they are. */
static struct sa *stream_of(const struct group *g, uint32_t hash)
{
	unsigned i;

	if (!g->bound)
		return NULL;
	for (i = hash % g->streams; !g->sa[i]; i = (i + 1) % g->streams)
		;
	return g->sa[i];
}

bool policy_wanted(struct policy_set *ps, uint32_t *group)
{
	struct group *g;

	if (!ps->wanted)
		return false;
	for (g = ps->groups; !g->wanted; g = g->next)
		;
	set_wanted(ps, g, false);
	g->told = true;
	*group = g->id;
	return true;
}

void policy_want_again(struct policy_set *ps, uint32_t group)
{
	struct group *g = group_find(ps, group);

	if (g)
		g->told = false;
}

/* --- shapes ------------------------------------------------------------ */

/* Network order, as addresses are compared in memory. */
static void make_mask(uint64_t mask[2], unsigned bits)
{
	uint8_t bytes[16] = { 0 };
	unsigned i;

	for (i = 0; i < bits; i++)
		bytes[i / 8] |= 0x80 >> i % 8;
	memcpy(mask, bytes, sizeof(bytes));
}

static uint64_t mix(uint64_t h, const uint8_t addr[16],
		    const uint64_t mask[2])
{
	uint64_t words[2];

	memcpy(words, addr, sizeof(words));
	h = (h ^ (words[0] & mask[0])) * 0xff51afd7ed558ccd;
	h ^= h >> 32;
	h = (h ^ (words[1] & mask[1])) * 0xff51afd7ed558ccd;
	return h ^ h >> 32;
}

static struct policy **chain_of(struct policy_set *ps, uint8_t shape,
				const uint8_t *local, const uint8_t *remote)
{
	const struct shape *s = &ps->shapes[shape];
	uint64_t h = mix(mix(shape + 1, local, s->local_mask), remote,
			 s->remote_mask);

	return &ps->chain[h & ps->mask];
}

static unsigned shape_length(const struct policy_set *ps, unsigned i)
{
	return ps->shapes[i].local + ps->shapes[i].remote;
}

static void sort_shapes(struct policy_set *ps)
{
	unsigned i, k;

	ps->order_count = 0;
	for (i = 0; i < SHAPES_MAX; i++) {
		if (!ps->shapes[i].family)
			continue;
		k = ps->order_count++;
		for (; k && shape_length(ps, ps->order[k - 1]) <
				    shape_length(ps, i); k--)
			ps->order[k] = ps->order[k - 1];
		ps->order[k] = (uint8_t)i;
	}
}

/* The place of its shape, or of a free one; SHAPES_MAX: none. */
static unsigned shape_place(const struct policy_set *ps, uint8_t family,
			    unsigned local, unsigned remote)
{
	unsigned i, free_one = SHAPES_MAX;

	for (i = 0; i < SHAPES_MAX; i++) {
		const struct shape *s = &ps->shapes[i];

		if (s->family == family && s->local == local &&
		    s->remote == remote)
			return i;
		if (!s->family && free_one == SHAPES_MAX)
			free_one = i;
	}
	return free_one;
}

static unsigned shape_get(struct policy_set *ps, const struct selector *sel)
{
	unsigned local = selector_prefix(&sel->local, sel->family);
	unsigned remote = selector_prefix(&sel->remote, sel->family);
	unsigned i = shape_place(ps, sel->family, local, remote);
	struct shape *s = &ps->shapes[i];

	if (i == SHAPES_MAX)
		return i;
	if (!s->family) {
		s->family = sel->family;
		s->local = (uint8_t)local;
		s->remote = (uint8_t)remote;
		make_mask(s->local_mask, local);
		make_mask(s->remote_mask, remote);
		sort_shapes(ps);
	}
	s->policies++;
	return i;
}

static void shape_put(struct policy_set *ps, unsigned i)
{
	struct shape *s = &ps->shapes[i];

	if (--s->policies)
		return;
	memset(s, 0, sizeof(*s));
	sort_shapes(ps);
}

/* --- policies ---------------------------------------------------------- */

/* Where it is, or NULL. */
static struct policy **policy_at(struct policy_set *ps,
				 const struct selector *sel)
{
	unsigned shape = shape_place(ps, sel->family,
				     selector_prefix(&sel->local, sel->family),
				     selector_prefix(&sel->remote,
						     sel->family));
	struct policy **at;

	if (shape == SHAPES_MAX)
		return NULL;
	at = chain_of(ps, (uint8_t)shape, sel->local.lo, sel->remote.lo);
	while (*at && !selector_same(&(*at)->selector, sel))
		at = &(*at)->next;
	return *at ? at : NULL;
}

static uint32_t width_of(const struct selector *s)
{
	uint32_t ports = (uint32_t)(s->local.port_hi - s->local.port_lo) +
			 (uint32_t)(s->remote.port_hi - s->remote.port_lo);

	return ports + (s->proto ? 0 : 1);
}

static void policy_insert(struct policy_set *ps, struct policy *p)
{
	struct policy **at = chain_of(ps, p->shape, p->selector.local.lo,
				      p->selector.remote.lo);

	while (*at && (*at)->width <= p->width)
		at = &(*at)->next;
	p->next = *at;
	*at = p;
	p->group->policies++;
	ps->count++;
	ps->generation++;
}

int policy_add(struct policy_set *ps, const struct selector *s, uint32_t group)
{
	struct policy *p;
	unsigned shape;

	if (!selector_valid(s))
		return -EINVAL;
	if (policy_at(ps, s))
		return -EEXIST;
	if (ps->count == ps->capacity)
		return -ENOSPC;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->group = group_get(ps, group);
	if (!p->group) {
		free(p);
		return -ENOMEM;
	}
	shape = shape_get(ps, s);
	if (shape == SHAPES_MAX) {
		group_put(ps, p->group);
		free(p);
		return -ENOSPC;
	}
	p->selector = *s;
	p->shape = (uint8_t)shape;
	p->width = width_of(s);
	policy_insert(ps, p);
	return 0;
}

int policy_delete(struct policy_set *ps, const struct selector *s,
		  uint32_t group)
{
	struct policy **at = policy_at(ps, s), *p;

	if (!at || (*at)->group->id != group)
		return -ENOENT;
	p = *at;
	*at = p->next;
	shape_put(ps, p->shape);
	p->group->policies--;
	group_put(ps, p->group);
	free(p);
	ps->count--;
	ps->generation++;
	return 0;
}

/* --- lookup ------------------------------------------------------------ */

static struct group *look_up(struct policy_set *ps,
			     const struct inner_flow *flow)
{
	unsigned i;

	for (i = 0; i < ps->order_count; i++) {
		uint8_t shape = ps->order[i];
		const struct policy *p;

		if (ps->shapes[shape].family != flow->family)
			continue;
		p = *chain_of(ps, shape, flow->src, flow->dst);
		for (; p; p = p->next)
			if (p->shape == shape &&
			    selector_match_out(&p->selector, flow))
				return p->group;
	}
	return NULL;
}

static struct group *group_of(struct policy_set *ps,
			      const struct inner_flow *flow, uint32_t hash)
{
	struct cached *c = &ps->cache[hash % CACHE_SIZE];

	if (c->generation != ps->generation ||
	    !inner_same_flow(&c->flow, flow)) {
		c->flow = *flow;
		c->group = look_up(ps, flow);
		c->generation = ps->generation;
	}
	return c->group;
}

struct sa *policy_find(struct policy_set *ps, const struct inner_flow *flow,
		       enum esp_drop *why, uint32_t *group)
{
	uint32_t hash = inner_hash(flow);
	struct group *g = group_of(ps, flow, hash);
	struct sa *sa;

	if (!g) {
		*why = ESP_DROP_NO_POLICY;
		return NULL;
	}
	/* The hash's other end: CACHE_SIZE took this one. */
	sa = stream_of(g, hash >> 16);
	if (!sa) {
		*why = ESP_DROP_NO_SA;
		*group = g->id;
		if (!g->told)
			set_wanted(ps, g, true);
	}
	return sa;
}
