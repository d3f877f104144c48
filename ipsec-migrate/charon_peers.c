/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon_peers.c: the peers of the desired state in libcharon.
 *
 * libcharon asks a backend which configuration fits addresses and identities;
 * it gets references to all, and chooses.  Keeping a peer up is not left to
 * libcharon (its start, close and DPD actions are off): charon_keep.c does so.
 *
 * `lock` guards the list; libcharon is not called with it held.
 */
#include "ipsec-migrate/charon_peers.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sys/queue.h>

#include <config/backend.h>
#include <processing/jobs/callback_job.h>

#include "base/log.h"
#include "ipsec-migrate/charon.h"
#include "ipsec-migrate/charon_creds.h"
#include "ipsec-migrate/charon_lib.h"

struct peer {
	struct iconf_peer conf;
	uint32_t number;
	peer_cfg_t *cfg; /* NULL: it could not be set up */
	child_cfg_t *child[ICONF_STREAMS_MAX];
	mem_cred_t *creds;
	bool trap;
	TAILQ_ENTRY(peer) next;
};

/* A number that espd has for a name. */
struct kept {
	char name[ICONF_NAME_MAX];
	uint32_t number;
	LIST_ENTRY(kept) next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(, peer) peers = TAILQ_HEAD_INITIALIZER(peers);
static LIST_HEAD(, kept) kept = LIST_HEAD_INITIALIZER(kept);
static uint32_t last_number;

/* Under the lock. */
static struct peer *find(const char *name)
{
	struct peer *p;

	TAILQ_FOREACH(p, &peers, next)
		if (!strcmp(p->conf.name, name))
			return p;
	return NULL;
}

/* ---- libcharon's configuration ------------------------------------------- */

static ike_cfg_t *make_ike_cfg(const struct iconf_peer *p)
{
	ike_cfg_create_t create = {
		.version = IKEV2,
		.local = (char *)(p->local[0] ? p->local : "%any"),
		.local_port = charon->socket->get_port(charon->socket, FALSE),
		.remote = (char *)(p->remote[0] ? p->remote : "%any"),
		.remote_port = IKEV2_UDP_PORT,
		.force_encap = p->encap == ICONF_ENCAP_UDP,
		.fragmentation = FRAGMENTATION_YES,
		.childless = CHILDLESS_NEVER,
	};
	ike_cfg_t *cfg = ike_cfg_create(&create);
	char text[ICONF_PROPOSAL_MAX];

	for (int i = 0; i < ICONF_PROPOSALS_MAX && p->ike.text[i][0]; i++) {
		charon_filter_proposal(p->ike.text[i], text, sizeof(text));
		cfg->add_proposal(cfg, proposal_create_from_string(PROTO_IKE,
								   text));
	}
	return cfg;
}

static peer_cfg_t *make_peer_cfg(const struct iconf_peer *p)
{
	peer_cfg_create_t create = {
		.cert_policy = CERT_ALWAYS_SEND,
		.unique = UNIQUE_REPLACE,
		.keyingtries = 1,
		.rekey_time = p->ike_s - p->ike_s / 10,
		.jitter_time = p->ike_s / 10,
		.over_time = p->ike_s / 10,
		.no_mobike = !p->mobike,
		.dpd = p->dpd_s,
		.ppk_id = p->ppk.id[0] ? identification_create_from_string(
						 (char *)p->ppk.id) : NULL,
		.ppk_required = p->ppk.required,
	};

	return peer_cfg_create((char *)p->name, make_ike_cfg(p), &create);
}

static auth_cfg_t *make_auth(const char *id, const char *address)
{
	auth_cfg_t *auth = auth_cfg_create();
	const char *text = id[0] ? id : address[0] ? address : "%any";

	auth->add(auth, AUTH_RULE_IDENTITY,
		  identification_create_from_string((char *)text));
	return auth;
}

/* A successor is asked for between 75 and 85 hundredths of a limit. */
static void set_limit(lifetime_cfg_t *life, const struct iconf_peer *p)
{
	life->time.life = p->child_s;
	life->time.rekey = p->child_s * 85ull / 100;
	life->time.jitter = p->child_s / 10;
	life->bytes.life = p->child_bytes;
	life->bytes.rekey = p->child_bytes / 100 * 85;
	life->bytes.jitter = p->child_bytes / 10;
	life->packets.life = p->child_packets;
	life->packets.rekey = p->child_packets / 100 * 85;
	life->packets.jitter = p->child_packets / 10;
}

static void add_networks(child_cfg_t *cfg, bool local,
			 const struct iconf_network *n)
{
	for (int i = 0; i < ICONF_NETWORKS_MAX && n[i].family; i++) {
		bool v4 = n[i].family == 4;
		host_t *net = host_create_from_chunk(
			v4 ? AF_INET : AF_INET6,
			chunk_create((u_char *)n[i].addr, v4 ? 4 : 16), 0);

		cfg->add_traffic_selector(cfg, local,
			traffic_selector_create_from_subnet(
				net, n[i].prefix, 0, 0, 65535));
	}
}

static child_cfg_t *make_child_cfg(const struct iconf_peer *p, unsigned stream)
{
	child_cfg_create_t create = {
		.mode = MODE_TUNNEL,
		/* Or libcharon takes one stream for a copy of another. */
		.priority = stream + 1,
		.copy_dscp = p->copy_dscp ? DSCP_COPY_OUT_ONLY : DSCP_COPY_NO,
	};
	char name[ICONF_NAME_MAX + 8];
	child_cfg_t *cfg;

	set_limit(&create.lifetime, p);
	snprintf(name, sizeof(name), "%s-%u", p->name, stream);
	cfg = child_cfg_create(name, &create);
	for (int i = 0; i < ICONF_PROPOSALS_MAX && p->esp.text[i][0]; i++)
		cfg->add_proposal(cfg, proposal_create_from_string(
					       PROTO_ESP, p->esp.text[i]));
	cfg->set_replay_window(cfg, p->replay_window);
	add_networks(cfg, TRUE, p->local_net);
	add_networks(cfg, FALSE, p->remote_net);
	return cfg;
}

/* ---- setting and removing ------------------------------------------------ */

static void clear_peer(struct peer *p)
{
	for (unsigned i = 0; i < ICONF_STREAMS_MAX; i++)
		DESTROY_IF(p->child[i]);
	DESTROY_IF(p->cfg);
	DESTROY_IF(p->creds);
	p->cfg = NULL;
	p->creds = NULL;
	memset(p->child, 0, sizeof(p->child));
}

static void destroy_peer(struct peer *p)
{
	if (p->creds) {
		lib->credmgr->remove_set(lib->credmgr, &p->creds->set);
		lib->credmgr->flush_cache(lib->credmgr, CERT_ANY);
	}
	clear_peer(p);
	free(p);
}

static int build(struct peer *p, char *why, size_t size)
{
	auth_cfg_t *local = make_auth(p->conf.local_id, "");
	auth_cfg_t *remote = make_auth(p->conf.remote_id, p->conf.remote);
	int rc = charon_creds_load(&p->conf, &p->creds, local, remote, why,
				   size);

	p->cfg = make_peer_cfg(&p->conf);
	p->cfg->add_auth_cfg(p->cfg, local, TRUE);
	p->cfg->add_auth_cfg(p->cfg, remote, FALSE);
	for (unsigned i = 0; i < p->conf.streams; i++) {
		p->child[i] = make_child_cfg(&p->conf, i);
		p->cfg->add_child_cfg(p->cfg,
				      p->child[i]->get_ref(p->child[i]));
	}
	if (rc)
		clear_peer(p);
	return rc;
}

int charon_peers_try(const struct iconf_peer *conf, char *why, size_t size)
{
	struct peer *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return -ENOMEM;
	memcpy(&p->conf, conf, sizeof(p->conf));
	rc = build(p, why, size);
	clear_peer(p);
	free(p);
	return rc;
}

/* Under the lock: the number it had, or one that nobody has. */
static uint32_t choose_number(const char *name)
{
	struct kept *k;

	LIST_FOREACH(k, &kept, next)
		if (!strcmp(k->name, name))
			return k->number;
	return ++last_number;
}

int charon_peers_set(const struct iconf_peer *conf, char *why, size_t size)
{
	struct peer *p = calloc(1, sizeof(*p)), *old;
	int rc;

	if (!p)
		return -ENOMEM;
	memcpy(&p->conf, conf, sizeof(p->conf));
	rc = build(p, why, size);
	if (!rc)
		lib->credmgr->add_set(lib->credmgr, &p->creds->set);
	charon_peers_trap(conf->name, false);
	pthread_mutex_lock(&lock);
	old = find(conf->name);
	if (old)
		TAILQ_REMOVE(&peers, old, next);
	p->number = old ? old->number : choose_number(conf->name);
	TAILQ_INSERT_TAIL(&peers, p, next);
	pthread_mutex_unlock(&lock);
	if (old)
		destroy_peer(old);
	return rc;
}

void charon_peers_remove(const char *name)
{
	struct peer *p;

	charon_peers_trap(name, false);
	pthread_mutex_lock(&lock);
	p = find(name);
	if (p)
		TAILQ_REMOVE(&peers, p, next);
	pthread_mutex_unlock(&lock);
	if (p)
		destroy_peer(p);
}

/* ---- beginning ----------------------------------------------------------- */

struct beginning {
	peer_cfg_t *peer;
	child_cfg_t *child;
};

/* References; false: no such peer, or it could not be set up. */
static bool get_cfgs(const char *name, unsigned stream, struct beginning *b)
{
	struct peer *p;
	bool found;

	pthread_mutex_lock(&lock);
	p = find(name);
	found = p && p->cfg;
	if (found) {
		b->child = p->child[stream % p->conf.streams];
		b->child = b->child->get_ref(b->child);
		b->peer = p->cfg->get_ref(p->cfg);
	}
	pthread_mutex_unlock(&lock);
	return found;
}

/* The controller takes the references. */
static job_requeue_t begin(struct beginning *b)
{
	charon->controller->initiate(charon->controller, b->peer, b->child,
				     NULL, NULL, 0, FALSE);
	b->peer = NULL;
	b->child = NULL;
	return JOB_REQUEUE_NONE;
}

static void drop_beginning(struct beginning *b)
{
	DESTROY_IF(b->peer);
	DESTROY_IF(b->child);
	free(b);
}

int charon_peers_initiate(const char *name, unsigned stream)
{
	struct beginning *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	if (!get_cfgs(name, stream, b)) {
		free(b);
		return -ENOENT;
	}
	lib->processor->queue_job(lib->processor, (job_t *)callback_job_create(
		(void *)begin, b, (void *)drop_beginning, NULL));
	return 0;
}

static bool set_trap(const char *name, bool on)
{
	struct peer *p;
	bool was;

	pthread_mutex_lock(&lock);
	p = find(name);
	was = p && p->trap;
	if (p)
		p->trap = on;
	pthread_mutex_unlock(&lock);
	return was;
}

int charon_peers_trap(const char *name, bool on)
{
	struct beginning b;
	int rc = 0;

	if (set_trap(name, on) == on)
		return 0;
	if (!get_cfgs(name, 0, &b))
		return -ENOENT;
	if (!on)
		charon->traps->uninstall(charon->traps,
					 b.peer->get_name(b.peer),
					 b.child->get_name(b.child));
	else if (!charon->traps->install(charon->traps, b.peer, b.child))
		rc = -EIO;
	if (rc)
		set_trap(name, false);
	b.peer->destroy(b.peer);
	b.child->destroy(b.child);
	return rc;
}

/* ---- what others ask ----------------------------------------------------- */

uint32_t charon_peers_number(const char *name)
{
	struct peer *p;
	uint32_t number;

	pthread_mutex_lock(&lock);
	p = find(name);
	number = p ? p->number : 0;
	pthread_mutex_unlock(&lock);
	return number;
}

static bool has_bits(const uint8_t *addr, const struct iconf_network *n)
{
	for (unsigned bit = 0; bit < n->prefix; bit++)
		if ((addr[bit / 8] ^ n->addr[bit / 8]) & (0x80 >> bit % 8))
			return false;
	return true;
}

static bool protects(const struct iconf_peer *p, const struct selector *s)
{
	const struct iconf_network *n = p->remote_net;

	for (int i = 0; i < ICONF_NETWORKS_MAX && n[i].family; i++)
		if (n[i].family == s->family &&
		    has_bits(s->remote.lo, &n[i]) &&
		    has_bits(s->remote.hi, &n[i]))
			return true;
	return false;
}

uint32_t charon_peers_number_of(const struct selector *s)
{
	uint32_t number = 0;
	struct peer *p;

	pthread_mutex_lock(&lock);
	TAILQ_FOREACH(p, &peers, next)
		if (protects(&p->conf, s))
			number = p->number;
	pthread_mutex_unlock(&lock);
	return number;
}

bool charon_peers_by_address(const char *address, char name[ICONF_NAME_MAX])
{
	bool found = false;
	struct peer *p;

	pthread_mutex_lock(&lock);
	TAILQ_FOREACH(p, &peers, next)
		if (!strcmp(p->conf.remote, address)) {
			strcpy(name, p->conf.name);
			found = true;
		}
	pthread_mutex_unlock(&lock);
	return found;
}

void charon_peers_keep_number(const char *name, uint32_t number)
{
	struct kept *k;

	pthread_mutex_lock(&lock);
	LIST_FOREACH(k, &kept, next)
		if (!strcmp(k->name, name))
			break;
	if (!k && (k = calloc(1, sizeof(*k)))) {
		snprintf(k->name, sizeof(k->name), "%s", name);
		LIST_INSERT_HEAD(&kept, k, next);
	}
	if (k)
		k->number = number;
	if (number > last_number)
		last_number = number;
	pthread_mutex_unlock(&lock);
}

/* ---- espd ---------------------------------------------------------------- */

static void put_address(const char *text, struct ike_msg_addr *a)
{
	host_t *host = text[0] ? host_create_from_string((char *)text, 0) :
				 NULL;

	if (host)
		charon_addr(host, a);
	DESTROY_IF(host);
}

static void put_networks(struct ike_msg_network *to,
			 const struct iconf_network *n)
{
	static_assert(ICONF_NETWORKS_MAX <= IKE_MSG_NETWORKS_MAX, "they fit");
	for (int i = 0; i < ICONF_NETWORKS_MAX; i++) {
		to[i].family = n[i].family;
		to[i].prefix = n[i].prefix;
		memcpy(to[i].addr, n[i].addr, sizeof(to[i].addr));
	}
}

static void put_peer(struct ike_msg *msg, const struct peer *p)
{
	struct ike_msg_peer *m = &msg->u.peer;

	ike_msg_init(msg, IKE_MSG_PEER, 0);
	m->peer = p->number;
	snprintf(m->name, sizeof(m->name), "%s", p->conf.name);
	put_address(p->conf.local, &m->local);
	put_address(p->conf.remote, &m->remote);
	put_networks(m->local_net, p->conf.local_net);
	put_networks(m->remote_net, p->conf.remote_net);
	m->mtu = p->conf.mtu;
	m->raw_esp = p->conf.encap == ICONF_ENCAP_AUTO;
}

int charon_peers_tell(struct espd_link *link)
{
	struct ike_msg msg;
	struct peer *p;
	int rc = 0;

	/* Only this thread changes the list. */
	TAILQ_FOREACH(p, &peers, next) {
		put_peer(&msg, p);
		rc = espd_link_ask(link, &msg, NULL);
		if (rc)
			return rc;
	}
	ike_msg_init(&msg, IKE_MSG_PEERS_END, 0);
	return espd_link_ask(link, &msg, NULL);
}

/* ---- the backend --------------------------------------------------------- */

/* Lists of references, so that the lock need not be held. */
static void drop_peer_cfgs(linked_list_t *list)
{
	list->destroy_offset(list, offsetof(peer_cfg_t, destroy));
}

static void drop_ike_cfgs(linked_list_t *list)
{
	list->destroy_offset(list, offsetof(ike_cfg_t, destroy));
}

static enumerator_t *create_peer_cfgs(backend_t *backend, identification_t *me,
				      identification_t *other)
{
	linked_list_t *list = linked_list_create();
	struct peer *p;

	pthread_mutex_lock(&lock);
	TAILQ_FOREACH(p, &peers, next)
		if (p->cfg)
			list->insert_last(list, p->cfg->get_ref(p->cfg));
	pthread_mutex_unlock(&lock);
	return enumerator_create_cleaner(list->create_enumerator(list),
					 (void *)drop_peer_cfgs, list);
}

static enumerator_t *create_ike_cfgs(backend_t *backend, host_t *me,
				     host_t *other)
{
	linked_list_t *list = linked_list_create();
	struct peer *p;

	pthread_mutex_lock(&lock);
	TAILQ_FOREACH(p, &peers, next) {
		ike_cfg_t *cfg = p->cfg ? p->cfg->get_ike_cfg(p->cfg) : NULL;

		if (cfg)
			list->insert_last(list, cfg->get_ref(cfg));
	}
	pthread_mutex_unlock(&lock);
	return enumerator_create_cleaner(list->create_enumerator(list),
					 (void *)drop_ike_cfgs, list);
}

static peer_cfg_t *get_by_name(backend_t *backend, char *name)
{
	peer_cfg_t *cfg = NULL;
	struct peer *p;

	pthread_mutex_lock(&lock);
	p = find(name);
	if (p && p->cfg)
		cfg = p->cfg->get_ref(p->cfg);
	pthread_mutex_unlock(&lock);
	return cfg;
}

static backend_t backend = {
	.create_ike_cfg_enumerator = create_ike_cfgs,
	.create_peer_cfg_enumerator = create_peer_cfgs,
	.get_peer_cfg_by_name = get_by_name,
};

void charon_peers_init(const char *key_folder)
{
	charon_creds_init(key_folder);
	charon->backends->add_backend(charon->backends, &backend);
}

void charon_peers_fini(void)
{
	struct peer *p;
	struct kept *k;

	charon->backends->remove_backend(charon->backends, &backend);
	while ((p = TAILQ_FIRST(&peers))) {
		TAILQ_REMOVE(&peers, p, next);
		destroy_peer(p);
	}
	while ((k = LIST_FIRST(&kept))) {
		LIST_REMOVE(k, next);
		free(k);
	}
}
