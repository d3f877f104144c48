/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon_ipsec.c: libcharon's kernel_ipsec: SAs and policies are espd's.
 *
 * libcharon names an SA by SPI and destination, espd by SPI and, outward, the
 * peer; what is needed to translate is kept here of each SA, without its key.
 * Outward policies only go to espd: what comes in is judged by the SA that it
 * came by.  libcharon adds the same policy for each child SA and for each trap;
 * espd hears of the first and of the end of the last.
 *
 * Any thread of libcharon calls.  `lock` guards the lists, and is not held
 * while espd is asked.
 */
#include "ipsec-migrate/charon_lib.h"

#include <errno.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/queue.h>

#include <sa/child_sa.h>
#include <threading/mutex.h>

#include "ipsec-migrate/charon_peers.h"

struct sa_entry {
	struct ike_msg_sa_id id;
	struct ike_msg_addr dst;
	struct ike_msg_path path;
	bool replaced; /* outbound: a successor has its place */
	LIST_ENTRY(sa_entry) next;
};

struct policy_entry {
	struct ike_msg_policy policy;
	unsigned users;
	LIST_ENTRY(policy_entry) next;
};

struct charon_ipsec {
	kernel_ipsec_t public;
	mutex_t *lock;
	LIST_HEAD(, sa_entry) sas;
	LIST_HEAD(, policy_entry) policies;
};

static struct espd_link *espd;
static struct charon_ipsec *the_ipsec;
static bool mute;

void charon_ipsec_set_link(struct espd_link *to)
{
	espd = to;
}

void charon_ipsec_mute(void)
{
	__atomic_store_n(&mute, true, __ATOMIC_RELEASE);
}

static int ask(struct ike_msg *msg, struct ike_msg_answer *answer)
{
	if (!__atomic_load_n(&mute, __ATOMIC_ACQUIRE))
		return espd_link_ask(espd, msg, answer);
	ike_msg_wipe(msg);
	return -ENOTCONN;
}

/* ---- addresses and selectors --------------------------------------------- */

host_t *charon_host(const struct ike_msg_addr *a)
{
	struct sockaddr_storage ss;

	ike_msg_to_sockaddr(a, &ss);
	return host_create_from_sockaddr((sockaddr_t *)&ss);
}

void charon_addr(host_t *host, struct ike_msg_addr *a)
{
	ike_msg_from_sockaddr(host->get_sockaddr(host), a);
}

void charon_host_text(host_t *host, bool port, char *text, size_t size)
{
	chunk_t addr = host->get_address(host);
	char ip[INET6_ADDRSTRLEN] = "";
	bool v4 = host->get_family(host) == AF_INET;

	inet_ntop(host->get_family(host), addr.ptr, ip, sizeof(ip));
	if (port)
		snprintf(text, size, v4 ? "%s:%u" : "[%s]:%u", ip,
			 host->get_port(host));
	else
		snprintf(text, size, "%s", ip);
}

static bool same_ip(const struct ike_msg_addr *a, const struct ike_msg_addr *b)
{
	return a->family == b->family && !memcmp(a->addr, b->addr, 16);
}

/* False: ports of no packet ("opaque"), or not both of one kind. */
static bool set_end(struct selector_end *end, uint8_t *family, uint8_t *proto,
		    traffic_selector_t *ts)
{
	chunk_t lo = ts->get_from_address(ts), hi = ts->get_to_address(ts);
	uint8_t other = ts->get_protocol(ts);

	if (lo.len > sizeof(end->lo) || lo.len != hi.len)
		return false;
	memset(end, 0, sizeof(*end));
	memcpy(end->lo, lo.ptr, lo.len);
	memcpy(end->hi, hi.ptr, hi.len);
	end->port_lo = ts->get_from_port(ts);
	end->port_hi = ts->get_to_port(ts);
	*family = lo.len == 4 ? 4 : 6;
	if (*proto && other && *proto != other)
		return false;
	*proto = *proto ? *proto : other;
	return end->port_lo <= end->port_hi;
}

static bool set_selector(struct selector *s, traffic_selector_t *local,
			 traffic_selector_t *remote)
{
	uint8_t family;

	memset(s, 0, sizeof(*s));
	return set_end(&s->local, &s->family, &s->proto, local) &&
	       set_end(&s->remote, &family, &s->proto, remote) &&
	       s->family == family && selector_valid(s);
}

/* All pairs of one family.  False: none, or too many. */
static bool add_selectors(struct ike_msg_sa_add *a, linked_list_t *locals,
			  linked_list_t *remotes)
{
	enumerator_t *l = locals->create_enumerator(locals);
	traffic_selector_t *local, *remote;
	bool fits = true;

	while (l->enumerate(l, &local)) {
		enumerator_t *r = remotes->create_enumerator(remotes);

		while (r->enumerate(r, &remote)) {
			struct selector s;

			if (!set_selector(&s, local, remote))
				continue;
			if (a->selector_count == SA_SELECTORS_MAX)
				fits = false;
			else
				a->selector[a->selector_count++] = s;
		}
		r->destroy(r);
	}
	l->destroy(l);
	return fits && a->selector_count;
}

/* ---- the list of SAs ----------------------------------------------------- */

static struct sa_entry *find_sa(struct charon_ipsec *k, uint32_t spi,
				host_t *dst)
{
	struct ike_msg_addr a;
	struct sa_entry *e;

	charon_addr(dst, &a);
	LIST_FOREACH(e, &k->sas, next)
		if (e->id.spi == spi && same_ip(&e->dst, &a))
			return e;
	return NULL;
}

/* A copy of it; false: there is none. */
static bool look_up(struct charon_ipsec *k, uint32_t spi, host_t *dst,
		    struct sa_entry *copy)
{
	struct sa_entry *e;

	k->lock->lock(k->lock);
	e = find_sa(k, spi, dst);
	if (e)
		*copy = *e;
	k->lock->unlock(k->lock);
	return e;
}

static void keep_sa(struct charon_ipsec *k, const struct ike_msg_sa_id *id,
		    host_t *dst, const struct ike_msg_path *path)
{
	struct sa_entry *e;

	k->lock->lock(k->lock);
	e = find_sa(k, id->spi, dst);
	if (!e) {
		e = calloc(1, sizeof(*e));
		if (e)
			LIST_INSERT_HEAD(&k->sas, e, next);
	}
	if (e) {
		e->id = *id;
		charon_addr(dst, &e->dst);
		if (path)
			e->path = *path;
	}
	k->lock->unlock(k->lock);
}

static bool forget_sa(struct charon_ipsec *k, uint32_t spi, host_t *dst,
		      struct ike_msg_sa_id *id)
{
	struct sa_entry *e;

	k->lock->lock(k->lock);
	e = find_sa(k, spi, dst);
	if (e) {
		*id = e->id;
		LIST_REMOVE(e, next);
	}
	k->lock->unlock(k->lock);
	free(e);
	return e;
}

/* ---- SAs ----------------------------------------------------------------- */

/* Whose SA this is: that of the IKE SA which the thread works on. */
static uint32_t current_peer(void)
{
	ike_sa_t *ike = charon->bus->get_sa(charon->bus);

	return ike ? charon_peers_number(ike->get_name(ike)) : 0;
}

static status_t get_spi(kernel_ipsec_t *public, host_t *src, host_t *dst,
			uint8_t protocol, uint32_t *spi)
{
	struct charon_ipsec *k = (struct charon_ipsec *)public;
	struct ike_msg_sa_id id = { .inbound = 1, .peer = current_peer() };
	struct ike_msg_answer answer;
	struct ike_msg msg;

	if (protocol != IPPROTO_ESP || !id.peer)
		return FAILED;
	ike_msg_init(&msg, IKE_MSG_GET_SPI, 0);
	msg.u.get_spi.peer = id.peer;
	if (ask(&msg, &answer))
		return FAILED;
	*spi = id.spi = answer.spi;
	keep_sa(k, &id, dst, NULL);
	return SUCCESS;
}

static status_t get_cpi(kernel_ipsec_t *public, host_t *src, host_t *dst,
			uint16_t *cpi)
{
	return NOT_SUPPORTED;
}

static bool set_key(struct ike_msg_sa_add *a, kernel_ipsec_add_sa_t *data)
{
	if (data->enc_alg == ENCR_AES_GCM_ICV16)
		a->alg = data->enc_key.len == 36 ? CIPHER_AES_GCM_256 :
						   CIPHER_AES_GCM_128;
	else if (data->enc_alg == ENCR_CHACHA20_POLY1305)
		a->alg = CIPHER_CHACHA20_POLY1305;
	else
		return false;
	if (data->enc_key.len != cipher_key_len(a->alg))
		return false;
	a->key_len = data->enc_key.len;
	memcpy(a->key, data->enc_key.ptr, a->key_len);
	return true;
}

static void set_limits(struct ike_msg_sa_add *a, const lifetime_cfg_t *life)
{
	a->soft = (struct ike_msg_limit){ life->bytes.rekey,
					  life->packets.rekey,
					  life->time.rekey * 1000 };
	a->hard = (struct ike_msg_limit){ life->bytes.life, life->packets.life,
					  life->time.life * 1000 };
}

/* The pair's way: `inbound` ones come from where outbound ones go. */
static void set_path(struct ike_msg_path *p, bool inbound, host_t *src,
		     host_t *dst, bool udp)
{
	charon_addr(inbound ? dst : src, &p->local);
	charon_addr(inbound ? src : dst, &p->remote);
	p->udp = udp;
}

/* An outbound SA of the same group that is being replaced, once. */
static uint32_t find_replaced(struct charon_ipsec *k, uint32_t group,
			      uint32_t peer)
{
	ike_sa_t *ike = charon->bus->get_sa(charon->bus);
	enumerator_t *children;
	uint32_t found = 0;
	child_sa_t *c;

	if (!ike)
		return 0;
	children = ike->create_child_sa_enumerator(ike);
	k->lock->lock(k->lock);
	while (!found && children->enumerate(children, &c)) {
		uint32_t spi = c->get_spi(c, FALSE);
		child_sa_state_t state = c->get_state(c);
		struct sa_entry *e;

		if (c->get_reqid(c) != group ||
		    (state != CHILD_REKEYING && state != CHILD_REKEYED &&
		     state != CHILD_DELETING))
			continue;
		LIST_FOREACH(e, &k->sas, next)
			if (e->id.spi == spi && e->id.peer == peer &&
			    !e->id.inbound && !e->replaced) {
				e->replaced = true;
				found = spi;
			}
	}
	k->lock->unlock(k->lock);
	children->destroy(children);
	return found;
}

static bool set_sa(struct charon_ipsec *k, struct ike_msg_sa_add *a,
		   kernel_ipsec_sa_id_t *id, kernel_ipsec_add_sa_t *data)
{
	a->id = (struct ike_msg_sa_id){ .spi = id->spi,
					.peer = current_peer(),
					.inbound = data->inbound };
	a->group = data->reqid;
	set_path(&a->path, data->inbound, id->src, id->dst, data->encap);
	set_limits(a, data->lifetime);
	a->replay_window = data->replay_window;
	a->esn = data->esn;
	a->copy_dscp = data->copy_dscp == DSCP_COPY_YES ||
		       data->copy_dscp == DSCP_COPY_OUT_ONLY;
	return a->id.peer && set_key(a, data) &&
	       add_selectors(a, data->inbound ? data->dst_ts : data->src_ts,
			     data->inbound ? data->src_ts : data->dst_ts);
}

static status_t add_sa(kernel_ipsec_t *public, kernel_ipsec_sa_id_t *id,
		       kernel_ipsec_add_sa_t *data)
{
	struct charon_ipsec *k = (struct charon_ipsec *)public;
	struct ike_msg_sa_id espd_id;
	struct ike_msg_path path;
	struct ike_msg msg;
	int rc;

	if (id->proto != IPPROTO_ESP || data->mode != MODE_TUNNEL ||
	    data->ipcomp != IPCOMP_NONE)
		return NOT_SUPPORTED;
	ike_msg_init(&msg, IKE_MSG_SA_ADD, 0);
	if (!set_sa(k, &msg.u.sa_add, id, data)) {
		ike_msg_wipe(&msg);
		return NOT_SUPPORTED;
	}
	espd_id = msg.u.sa_add.id;
	path = msg.u.sa_add.path;
	if (!data->inbound)
		msg.u.sa_add.replaces = find_replaced(k, data->reqid,
						      espd_id.peer);
	rc = ask(&msg, NULL);
	if (rc) {
		DBG1(DBG_KNL, "espd does not take SA %.8x: %s", ntohl(id->spi),
		     strerror(-rc));
		return FAILED;
	}
	keep_sa(k, &espd_id, id->dst, &path);
	return SUCCESS;
}

static status_t update_sa(kernel_ipsec_t *public, kernel_ipsec_sa_id_t *id,
			  kernel_ipsec_update_sa_t *data)
{
	struct charon_ipsec *k = (struct charon_ipsec *)public;
	struct ike_msg_path path;
	struct sa_entry *e;
	struct ike_msg msg;

	ike_msg_init(&msg, IKE_MSG_SA_UPDATE, 0);
	k->lock->lock(k->lock);
	e = find_sa(k, id->spi, id->dst);
	if (e) {
		set_path(&e->path, e->id.inbound, data->new_src, data->new_dst,
			 data->new_encap);
		charon_addr(data->new_dst, &e->dst);
		msg.u.sa_update.id = e->id;
		path = e->path;
		msg.u.sa_update.path = path;
	}
	k->lock->unlock(k->lock);
	return !e ? NOT_FOUND : ask(&msg, NULL) ? FAILED : SUCCESS;
}

static status_t query_sa(kernel_ipsec_t *public, kernel_ipsec_sa_id_t *id,
			 kernel_ipsec_query_sa_t *data, uint64_t *bytes,
			 uint64_t *packets, time_t *time)
{
	struct charon_ipsec *k = (struct charon_ipsec *)public;
	struct ike_msg_answer answer;
	struct sa_entry e;
	struct ike_msg msg;

	if (!look_up(k, id->spi, id->dst, &e))
		return NOT_FOUND;
	ike_msg_init(&msg, IKE_MSG_SA_QUERY, 0);
	msg.u.sa_id = e.id;
	if (ask(&msg, &answer))
		return FAILED;
	if (bytes)
		*bytes = answer.bytes;
	if (packets)
		*packets = answer.packets;
	if (time)
		*time = answer.idle_ms == UINT64_MAX ? 0 :
			time_monotonic(NULL) - answer.idle_ms / 1000;
	return SUCCESS;
}

static status_t del_sa(kernel_ipsec_t *public, kernel_ipsec_sa_id_t *id,
		       kernel_ipsec_del_sa_t *data)
{
	struct charon_ipsec *k = (struct charon_ipsec *)public;
	struct ike_msg msg;

	ike_msg_init(&msg, IKE_MSG_SA_DELETE, 0);
	if (!forget_sa(k, id->spi, id->dst, &msg.u.sa_id))
		return NOT_FOUND;
	return ask(&msg, NULL) ? FAILED : SUCCESS;
}

/* Ours are deleted one by one; others are none of libcharon's business. */
static status_t flush(kernel_ipsec_t *public)
{
	return NOT_SUPPORTED;
}

/* ---- policies ------------------------------------------------------------ */

static struct policy_entry *find_policy(struct charon_ipsec *k,
					const struct ike_msg_policy *p)
{
	struct policy_entry *e;

	LIST_FOREACH(e, &k->policies, next)
		if (e->policy.group == p->group &&
		    selector_same(&e->policy.selector, &p->selector))
			return e;
	return NULL;
}

/* How many use it now, after one more or one less; -1: none did. */
static int count_policy(struct charon_ipsec *k, const struct ike_msg_policy *p,
			int change)
{
	struct policy_entry *e;
	int users = -1;

	k->lock->lock(k->lock);
	e = find_policy(k, p);
	if (!e && change > 0) {
		e = calloc(1, sizeof(*e));
		if (e) {
			e->policy = *p;
			LIST_INSERT_HEAD(&k->policies, e, next);
		}
	}
	if (e) {
		e->users += change;
		users = e->users;
		if (!users) {
			LIST_REMOVE(e, next);
			free(e);
		}
	}
	k->lock->unlock(k->lock);
	return users;
}

/* False: nothing that espd must know. */
static bool set_policy(struct ike_msg_policy *p, kernel_ipsec_policy_id_t *id,
		       kernel_ipsec_manage_policy_t *data)
{
	if (id->dir != POLICY_OUT || data->type != POLICY_IPSEC ||
	    !set_selector(&p->selector, id->src_ts, id->dst_ts))
		return false;
	p->group = data->sa->reqid;
	p->peer = charon_peers_number_of(&p->selector);
	return true;
}

static status_t add_policy(kernel_ipsec_t *public,
			   kernel_ipsec_policy_id_t *id,
			   kernel_ipsec_manage_policy_t *data)
{
	struct charon_ipsec *k = (struct charon_ipsec *)public;
	struct ike_msg_policy policy;
	struct ike_msg msg;

	ike_msg_init(&msg, IKE_MSG_POLICY_ADD, 0);
	if (!set_policy(&msg.u.policy, id, data))
		return SUCCESS;
	policy = msg.u.policy;
	if (count_policy(k, &policy, 1) != 1)
		return SUCCESS;
	if (!ask(&msg, NULL))
		return SUCCESS;
	count_policy(k, &policy, -1);
	return FAILED;
}

static status_t query_policy(kernel_ipsec_t *public,
			     kernel_ipsec_policy_id_t *id,
			     kernel_ipsec_query_policy_t *data, time_t *use)
{
	return NOT_SUPPORTED;
}

static status_t del_policy(kernel_ipsec_t *public,
			   kernel_ipsec_policy_id_t *id,
			   kernel_ipsec_manage_policy_t *data)
{
	struct charon_ipsec *k = (struct charon_ipsec *)public;
	struct ike_msg msg;

	ike_msg_init(&msg, IKE_MSG_POLICY_DELETE, 0);
	if (!set_policy(&msg.u.policy, id, data) ||
	    count_policy(k, &msg.u.policy, -1) != 0)
		return SUCCESS;
	return ask(&msg, NULL) ? FAILED : SUCCESS;
}

/* ---- what espd tells ----------------------------------------------------- */

/* Of one of ours: where libcharon looks for it. */
static host_t *dst_of(struct charon_ipsec *k, const struct ike_msg_sa_id *id)
{
	struct sa_entry *e;
	host_t *dst = NULL;

	k->lock->lock(k->lock);
	LIST_FOREACH(e, &k->sas, next)
		if (e->id.spi == id->spi && e->id.peer == id->peer &&
		    e->id.inbound == id->inbound)
			dst = charon_host(&e->dst);
	k->lock->unlock(k->lock);
	return dst;
}

static void on_expire(struct charon_ipsec *k, const struct ike_msg_expire *e)
{
	host_t *dst = dst_of(k, &e->id);

	if (!dst)
		return;
	charon->kernel->expire(charon->kernel, IPPROTO_ESP, e->id.spi, dst,
			       e->hard);
	dst->destroy(dst);
}

static void on_mapping(struct charon_ipsec *k, const struct ike_msg_mapping *m)
{
	host_t *dst = dst_of(k, &m->id), *remote;

	if (!dst)
		return;
	remote = charon_host(&m->remote);
	charon->kernel->mapping(charon->kernel, IPPROTO_ESP, m->id.spi, dst,
				remote);
	remote->destroy(remote);
	dst->destroy(dst);
}

void charon_ipsec_event(const struct ike_msg *msg)
{
	struct charon_ipsec *k = the_ipsec;
	kernel_acquire_data_t none = { .src = NULL };

	if (!k)
		return;
	if (msg->type == IKE_MSG_EXPIRE)
		on_expire(k, &msg->u.expire);
	else if (msg->type == IKE_MSG_MAPPING)
		on_mapping(k, &msg->u.mapping);
	else if (msg->type == IKE_MSG_ACQUIRE)
		charon->kernel->acquire(charon->kernel, msg->u.group.group,
					&none);
}

/* ---- the object ---------------------------------------------------------- */

/* A policy leads to a group, whatever the addresses of its SAs are. */
static kernel_feature_t get_features(kernel_ipsec_t *public)
{
	return KERNEL_NO_POLICY_UPDATES;
}

/* libcharon's sockets are not the kernel's. */
static bool bypass_socket(kernel_ipsec_t *public, int fd, int family)
{
	return TRUE;
}

static bool enable_udp_decap(kernel_ipsec_t *public, int fd, int family,
			     uint16_t port)
{
	return TRUE;
}

static void destroy(kernel_ipsec_t *public)
{
	struct charon_ipsec *k = (struct charon_ipsec *)public;
	struct policy_entry *p;
	struct sa_entry *e;

	the_ipsec = NULL;
	while ((e = LIST_FIRST(&k->sas))) {
		LIST_REMOVE(e, next);
		free(e);
	}
	while ((p = LIST_FIRST(&k->policies))) {
		LIST_REMOVE(p, next);
		free(p);
	}
	k->lock->destroy(k->lock);
	free(k);
}

kernel_ipsec_t *charon_ipsec_create(void)
{
	struct charon_ipsec *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->public = (kernel_ipsec_t){
		.get_features = get_features,
		.get_spi = get_spi,
		.get_cpi = get_cpi,
		.add_sa = add_sa,
		.update_sa = update_sa,
		.query_sa = query_sa,
		.del_sa = del_sa,
		.flush_sas = flush,
		.add_policy = add_policy,
		.query_policy = query_policy,
		.del_policy = del_policy,
		.flush_policies = flush,
		.bypass_socket = bypass_socket,
		.enable_udp_decap = enable_udp_decap,
		.destroy = destroy,
	};
	k->lock = mutex_create(MUTEX_TYPE_DEFAULT);
	the_ipsec = k;
	return &k->public;
}
