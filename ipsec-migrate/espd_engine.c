/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * espd_engine.c: SAs and policies by messages.
 *
 * Groups.  A new iked counts its groups from the beginning.  If its group 1
 * were that of the iked before, flows of one peer would go by SAs of another.
 * So a group has the number of its iked in its upper eight bits; 256 ikeds
 * later what is held has long met its limits.
 *
 * Policies.  policy.h knows one policy a selector.  One that is held and comes
 * anew is taken over when its new group has an SA to offer, and not before.
 */
#include "ipsec-migrate/espd_engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>
#include <sys/random.h>

#include "ipsec-migrate/udp.h"

#define SEQ_LATELY (1u << 20) /* packets */

int engine_init(struct engine *e, enum cipher_backend backend)
{
	int rc;

	memset(e, 0, sizeof(*e));
	e->backend = backend;
	rc = sa_table_new(&e->sas, ENGINE_SAS_MAX);
	if (rc)
		return rc;
	rc = policy_set_new(&e->policies, ENGINE_POLICIES_MAX);
	if (rc)
		sa_table_free(e->sas);
	return rc;
}

static void delete_sa(struct engine *e, struct sa *sa)
{
	struct engine_sa *more = engine_sa(sa);

	if (!sa->inbound)
		policy_unbind(e->policies, sa);
	sa_delete(sa);
	free(more);
}

/* The next one for which `which` holds may be deleted by the caller. */
static struct sa *find_sa(const struct engine *e,
			  bool (*which)(const struct sa *sa, uint32_t peer),
			  uint32_t peer)
{
	struct sa *sa = NULL;

	while ((sa = sa_next(e->sas, sa)))
		if (which(sa, peer))
			return sa;
	return NULL;
}

static bool is_any(const struct sa *sa, uint32_t peer)
{
	return true;
}

static bool is_of_peer(const struct sa *sa, uint32_t peer)
{
	return sa->peer == peer;
}

static bool is_held(const struct sa *sa, uint32_t peer)
{
	return engine_sa(sa)->held && (!peer || sa->peer == peer);
}

static bool is_over(const struct sa *sa, uint32_t peer)
{
	return engine_sa(sa)->held && sa->hard_due;
}

static void delete_all(struct engine *e,
		       bool (*which)(const struct sa *sa, uint32_t peer),
		       uint32_t peer)
{
	struct sa *sa;

	while ((sa = find_sa(e, which, peer)))
		delete_sa(e, sa);
}

void engine_fini(struct engine *e)
{
	delete_all(e, is_any, 0);
	policy_set_free(e->policies);
	sa_table_free(e->sas);
}

/* --- groups --------------------------------------------------------------- */

uint32_t engine_group(const struct engine *e, uint32_t group)
{
	return (uint32_t)e->epoch << 24 | group;
}

uint32_t engine_group_of(const struct engine *e, uint32_t internal)
{
	return internal >> 24 == e->epoch ? internal & ENGINE_GROUP_MAX : 0;
}

/* --- SAs ------------------------------------------------------------------ */

static struct sa *find_id(const struct engine *e,
			  const struct ike_msg_sa_id *id)
{
	uint32_t spi = ntohl(id->spi);
	struct sa *sa;

	if (!id->inbound)
		return sa_find_out(e->sas, id->peer, spi);
	sa = sa_find_in(e->sas, spi);
	return sa;
}

static bool is_promised(const struct engine *e, uint32_t spi)
{
	for (unsigned i = 0; i < 64; i++)
		if (e->promised[i] == spi)
			return true;
	return false;
}

int engine_get_spi(struct engine *e, uint32_t *spi)
{
	uint32_t n;

	do {
		if (getrandom(&n, sizeof(n), 0) != sizeof(n))
			return -EIO;
	} while (n < SA_SPI_MIN || sa_find_in(e->sas, n) || is_promised(e, n));
	e->promised[e->promised_next++ % 64] = n;
	*spi = htonl(n);
	return 0;
}

static void set_path(struct sa_path *path, const struct ike_msg_path *p,
		     uint32_t mtu)
{
	ike_msg_to_sockaddr(&p->local, &path->local);
	ike_msg_to_sockaddr(&p->remote, &path->remote);
	path->udp = p->udp;
	path->mtu = mtu;
	udp_set_port(&path->local, 0);
	if (!path->udp)
		udp_set_port(&path->remote, 0);
}

static void set_limits(struct sa_limits *to, const struct ike_msg_limit *from)
{
	*to = (struct sa_limits){ .bytes = from->bytes,
				  .packets = from->packets,
				  .ms = from->ms };
}

static uint32_t window_of(uint32_t wanted)
{
	if (wanted > REPLAY_WINDOW_MAX)
		return REPLAY_WINDOW_MAX;
	return wanted <= 64 ? 64 : wanted & ~63u;
}

static void make_conf(const struct engine *e, const struct ike_msg_sa_add *m,
		      uint32_t mtu, struct sa_conf *c)
{
	*c = (struct sa_conf){
		.spi = ntohl(m->id.spi),
		.peer = m->id.peer,
		.group = engine_group(e, m->group),
		.inbound = m->id.inbound,
		.alg = m->alg,
		.backend = e->backend,
		.key_len = m->key_len,
		.esn = m->esn,
		.replay_window = window_of(m->replay_window),
		.copy_dscp = m->copy_dscp,
		.selector_count = m->selector_count,
	};
	memcpy(c->key, m->key, m->key_len);
	memcpy(c->selectors, m->selector,
	       m->selector_count * sizeof(m->selector[0]));
	set_limits(&c->soft, &m->soft);
	set_limits(&c->hard, &m->hard);
	set_path(&c->path, &m->path, mtu);
}

/* The group serves: policies that waited for that leave the held one. */
static void take_over(struct engine *e, uint32_t group)
{
	for (unsigned i = 0; i < ENGINE_POLICIES_MAX; i++) {
		struct engine_policy *p = &e->policy[i];

		if (!p->used || !group || p->next_group != group)
			continue;
		policy_delete(e->policies, &p->selector, p->group);
		/* There was room for it a moment ago. */
		p->used = !policy_add(e->policies, &p->selector, group);
		p->group = group;
		p->next_group = 0;
		p->held = false;
	}
}

static int bind_sa(struct engine *e, struct sa *sa, uint32_t replaces)
{
	struct sa *old = replaces ? sa_find_out(e->sas, sa->peer,
						ntohl(replaces))
				  : NULL;
	int rc = policy_bind(e->policies, sa, old);

	if (!rc)
		take_over(e, sa->group);
	return rc;
}

int engine_sa_add(struct engine *e, const struct ike_msg_sa_add *m,
		  uint32_t mtu, uint64_t now_ms, struct sa **out)
{
	struct engine_sa *more;
	struct sa_conf conf;
	struct sa *sa;
	int rc;

	if (!m->group || m->group > ENGINE_GROUP_MAX)
		return -EINVAL;
	more = calloc(1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	more->mtu = mtu ? mtu : ENGINE_MTU_DEFAULT;
	make_conf(e, m, more->mtu, &conf);
	rc = sa_add(e->sas, &conf, now_ms, &sa);
	explicit_bzero(&conf, sizeof(conf));
	if (rc) {
		free(more);
		return rc;
	}
	sa->user = more;
	if (!sa->inbound)
		rc = bind_sa(e, sa, m->replaces);
	if (rc) {
		delete_sa(e, sa);
		return rc;
	}
	*out = sa;
	return 0;
}

int engine_sa_update(struct engine *e, const struct ike_msg_sa_update *m,
		     struct sa **out)
{
	struct sa *sa = find_id(e, &m->id);
	struct sa_path path;

	if (!sa)
		return -ENOENT;
	set_path(&path, &m->path, engine_sa(sa)->mtu);
	sa_set_path(sa, &path);
	engine_sa(sa)->mtu_until_ms = 0;
	engine_sa(sa)->told.ss_family = AF_UNSPEC;
	*out = sa;
	return 0;
}

int engine_sa_delete(struct engine *e, const struct ike_msg_sa_id *id)
{
	struct sa *sa = find_id(e, id);

	if (!sa)
		return -ENOENT;
	delete_sa(e, sa);
	return 0;
}

int engine_sa_query(const struct engine *e, const struct ike_msg_sa_id *id,
		    uint64_t now_ms, struct ike_msg_answer *a)
{
	const struct sa *sa = find_id(e, id);

	if (!sa)
		return -ENOENT;
	a->packets = sa->stats.packets;
	a->bytes = sa->stats.bytes;
	a->idle_ms = sa->stats.packets ? now_ms - sa->stats.used_ms
				       : UINT64_MAX;
	return 0;
}

/* --- policies ------------------------------------------------------------- */

static struct engine_policy *find_policy(struct engine *e,
					 const struct selector *s)
{
	for (unsigned i = 0; i < ENGINE_POLICIES_MAX; i++)
		if (e->policy[i].used &&
		    selector_same(&e->policy[i].selector, s))
			return &e->policy[i];
	return NULL;
}

static struct engine_policy *free_policy(struct engine *e)
{
	for (unsigned i = 0; i < ENGINE_POLICIES_MAX; i++)
		if (!e->policy[i].used)
			return &e->policy[i];
	return NULL;
}

static bool group_serves(const struct engine *e, uint32_t group)
{
	struct sa *sa = NULL;

	while ((sa = sa_next(e->sas, sa)))
		if (!sa->inbound && sa->group == group)
			return true;
	return false;
}

int engine_policy_add(struct engine *e, const struct ike_msg_policy *m)
{
	struct engine_policy *p = find_policy(e, &m->selector);
	uint32_t group = engine_group(e, m->group);
	int rc;

	if (!m->group || m->group > ENGINE_GROUP_MAX ||
	    !selector_valid(&m->selector))
		return -EINVAL;
	if (p && (!p->held || p->next_group))
		return -EEXIST;
	if (p) {
		p->peer = m->peer;
		p->next_group = group;
		if (group_serves(e, group))
			take_over(e, group);
		return 0;
	}
	p = free_policy(e);
	if (!p)
		return -ENOSPC;
	rc = policy_add(e->policies, &m->selector, group);
	if (!rc)
		*p = (struct engine_policy){ .selector = m->selector,
					     .peer = m->peer,
					     .group = group,
					     .used = true };
	return rc;
}

static void drop_policy(struct engine *e, struct engine_policy *p)
{
	policy_delete(e->policies, &p->selector, p->group);
	p->used = false;
}

int engine_policy_delete(struct engine *e, const struct ike_msg_policy *m)
{
	struct engine_policy *p = find_policy(e, &m->selector);
	uint32_t group = engine_group(e, m->group);

	if (!p)
		return -ENOENT;
	if (p->next_group == group)
		p->next_group = 0; /* the held one stays */
	else if (p->group == group)
		drop_policy(e, p);
	else
		return -ENOENT;
	return 0;
}

/* --- held ----------------------------------------------------------------- */

void engine_hold(struct engine *e)
{
	struct sa *sa = NULL;

	while ((sa = sa_next(e->sas, sa)))
		engine_sa(sa)->held = true;
	for (unsigned i = 0; i < ENGINE_POLICIES_MAX; i++) {
		e->policy[i].held = true;
		e->policy[i].next_group = 0;
	}
	memset(e->promised, 0, sizeof(e->promised));
	e->epoch++;
}

void engine_held_drop(struct engine *e, uint32_t peer)
{
	for (unsigned i = 0; i < ENGINE_POLICIES_MAX; i++) {
		struct engine_policy *p = &e->policy[i];

		if (!p->used || !p->held || (peer && p->peer != peer))
			continue;
		if (p->next_group)
			take_over(e, p->next_group);
		else
			drop_policy(e, p);
	}
	delete_all(e, is_held, peer);
}

void engine_peer_drop(struct engine *e, uint32_t peer)
{
	for (unsigned i = 0; i < ENGINE_POLICIES_MAX; i++)
		if (e->policy[i].used && e->policy[i].peer == peer)
			drop_policy(e, &e->policy[i]);
	delete_all(e, is_of_peer, peer);
}

void engine_describe_id(const struct sa *sa, struct ike_msg_sa_id *id)
{
	*id = (struct ike_msg_sa_id){ .spi = htonl(sa->spi),
				      .peer = sa->peer,
				      .inbound = sa->inbound };
}

void engine_describe_held(const struct sa *sa, uint64_t now_ms,
			  struct ike_msg_held *h)
{
	engine_describe_id(sa, &h->id);
	h->group = sa->group & ENGINE_GROUP_MAX;
	ike_msg_from_sockaddr((const struct sockaddr *)&sa->path.local,
			      &h->path.local);
	ike_msg_from_sockaddr((const struct sockaddr *)&sa->path.remote,
			      &h->path.remote);
	h->path.udp = sa->path.udp;
	if (sa->path.udp)
		h->path.local.port = UDP_NATT_PORT;
	h->left_ms = sa->hard.ms == UINT64_MAX ? UINT64_MAX
		     : sa->hard.ms > now_ms    ? sa->hard.ms - now_ms
					       : 0;
}

void engine_peer_moved(struct engine *e, struct sa *sa,
		       const struct sockaddr_storage *from)
{
	struct sockaddr_storage old = sa->path.remote;
	struct sa *other = NULL;

	while ((other = sa_next(e->sas, other))) {
		struct sa_path path = other->path;

		if (other->peer != sa->peer || !udp_same(&path.remote, &old))
			continue;
		path.remote = *from;
		sa_set_path(other, &path);
	}
}

/* --- the path's MTU ------------------------------------------------------- */

static bool sent_lately(const struct sa *sa, uint32_t seq)
{
	uint32_t ago = (uint32_t)sa->seq - seq;

	return ago < SEQ_LATELY && ago < sa->seq;
}

static void set_mtu(struct sa *sa, uint32_t mtu)
{
	struct sa_path path = sa->path;

	path.mtu = mtu;
	sa_set_path(sa, &path);
}

static bool can_be_ours(const struct engine *e,
			const struct sockaddr_storage *to, uint32_t spi,
			uint32_t seq)
{
	struct sa *sa = NULL;

	while ((sa = sa_next(e->sas, sa)))
		if (!sa->inbound && sa->spi == spi &&
		    udp_same_addr(&sa->path.remote, to) &&
		    sent_lately(sa, seq))
			return true;
	return false;
}

bool engine_link_mtu(struct engine *e, const struct sockaddr_storage *to,
		     uint32_t mtu, uint64_t now_ms)
{
	struct sa *sa = NULL;
	bool news = false;

	while ((sa = sa_next(e->sas, sa))) {
		if (sa->inbound || mtu >= sa->path.mtu ||
		    !udp_same_addr(&sa->path.remote, to))
			continue;
		set_mtu(sa, mtu);
		engine_sa(sa)->mtu_until_ms = now_ms + ENGINE_MTU_AGE_MS;
		news = true;
	}
	return news;
}

bool engine_path_mtu(struct engine *e, const struct sockaddr_storage *to,
		     uint32_t spi, uint32_t seq, uint32_t mtu, uint64_t now_ms)
{
	return can_be_ours(e, to, spi, seq) &&
	       engine_link_mtu(e, to, mtu, now_ms);
}

void engine_age(struct engine *e, uint64_t now_ms, bool iked)
{
	struct sa *sa = NULL;

	while ((sa = sa_next(e->sas, sa))) {
		struct engine_sa *more = engine_sa(sa);

		if (!more->mtu_until_ms || now_ms < more->mtu_until_ms)
			continue;
		more->mtu_until_ms = 0;
		set_mtu(sa, more->mtu);
	}
	if (!iked)
		delete_all(e, is_over, 0);
}
