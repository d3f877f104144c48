/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon_net.c: libcharon's kernel_net: which addresses are ours, and which of
 * them leads to a peer.
 *
 * Asked over rtnetlink, which anybody may; nothing is changed.  A second
 * socket hears of changes of addresses and routes, and SETTLE_MS after the
 * last of them libcharon is told to look whether its paths still hold
 * (MOBIKE).  Both sockets are opened before the jail.
 *
 * Addresses of interfaces without a link layer are left out: those are
 * tunnels, and one of them is ours.
 */
#include "ipsec-migrate/charon_lib.h"

#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/route.h>

#include <collections/array.h>
#include <processing/jobs/callback_job.h>
#include <threading/mutex.h>

#define SETTLE_MS 200

struct charon_net {
	kernel_net_t public;
	mutex_t *lock; /* of `sk` */
	struct nl_sock *sk;
	struct nl_sock *events;
	bool roaming; /* a job is on its way */
};

/* ---- addresses ----------------------------------------------------------- */

static host_t *host_of(struct nl_addr *a)
{
	return host_create_from_chunk(
		nl_addr_get_family(a),
		chunk_create(nl_addr_get_binary_addr(a), nl_addr_get_len(a)),
		0);
}

static bool is_wanted(struct rtnl_link *link, kernel_address_type_t which)
{
	unsigned flags = rtnl_link_get_flags(link);

	if (!(flags & IFF_UP) || rtnl_link_get_arptype(link) == ARPHRD_NONE)
		return FALSE;
	return !(flags & IFF_LOOPBACK) || (which & ADDR_TYPE_LOOPBACK);
}

static bool is_usable(struct rtnl_addr *a)
{
	return rtnl_addr_get_local(a) &&
	       !(rtnl_addr_get_flags(a) & (IFA_F_TENTATIVE | IFA_F_DADFAILED |
					   IFA_F_DEPRECATED)) &&
	       rtnl_addr_get_scope(a) != RT_SCOPE_LINK;
}

struct found {
	array_t *hosts;
	char *ifname; /* of `wanted` */
	host_t *wanted;
	kernel_address_type_t which;
};

static void look_at(struct found *f, struct rtnl_addr *a,
		    struct nl_cache *links)
{
	struct rtnl_link *link = rtnl_link_get(links,
					       rtnl_addr_get_ifindex(a));
	host_t *host;

	if (!link)
		return;
	if (is_usable(a) && is_wanted(link, f->which)) {
		host = host_of(rtnl_addr_get_local(a));
		if (f->wanted && host->ip_equals(host, f->wanted) &&
		    !f->ifname)
			f->ifname = strdup(rtnl_link_get_name(link));
		array_insert(f->hosts, ARRAY_TAIL, host);
	}
	rtnl_link_put(link);
}

static void find_addresses(struct charon_net *n, struct found *f)
{
	struct nl_cache *links = NULL, *addrs = NULL;
	struct nl_object *o;

	f->hosts = array_create(0, 0);
	n->lock->lock(n->lock);
	if (!rtnl_link_alloc_cache(n->sk, AF_UNSPEC, &links) &&
	    !rtnl_addr_alloc_cache(n->sk, &addrs))
		for (o = nl_cache_get_first(addrs); o; o = nl_cache_get_next(o))
			look_at(f, (struct rtnl_addr *)o, links);
	n->lock->unlock(n->lock);
	nl_cache_free(addrs);
	nl_cache_free(links);
}

static void free_found(struct found *f)
{
	array_destroy_offset(f->hosts, offsetof(host_t, destroy));
	free(f->ifname);
}

static bool get_interface(kernel_net_t *public, host_t *host, char **name)
{
	struct found f = { .wanted = host, .which = ADDR_TYPE_ALL };
	bool found;

	find_addresses((struct charon_net *)public, &f);
	found = f.ifname;
	if (found && name) {
		*name = f.ifname;
		f.ifname = NULL;
	}
	free_found(&f);
	return found;
}

static void destroy_hosts(array_t *hosts)
{
	array_destroy_offset(hosts, offsetof(host_t, destroy));
}

static enumerator_t *create_addresses(kernel_net_t *public,
				      kernel_address_type_t which)
{
	struct found f = { .which = which };

	find_addresses((struct charon_net *)public, &f);
	return enumerator_create_cleaner(array_create_enumerator(f.hosts),
					 (void *)destroy_hosts, f.hosts);
}

static enumerator_t *create_subnets(kernel_net_t *public)
{
	return enumerator_create_empty();
}

/* ---- routes -------------------------------------------------------------- */

struct answer {
	host_t *src, *gateway;
	bool found;
};

static int on_route(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *h = nlmsg_hdr(msg);
	struct rtattr *rta = RTM_RTA((struct rtmsg *)nlmsg_data(h));
	struct rtmsg *rtm = nlmsg_data(h);
	int len = RTM_PAYLOAD(h);
	struct answer *a = arg;

	if (h->nlmsg_type != RTM_NEWROUTE ||
	    (rtm->rtm_type != RTN_UNICAST && rtm->rtm_type != RTN_LOCAL))
		return NL_SKIP;
	for (; RTA_OK(rta, len); rta = RTA_NEXT(rta, len)) {
		chunk_t data = chunk_create(RTA_DATA(rta), RTA_PAYLOAD(rta));

		if (rta->rta_type == RTA_PREFSRC && !a->src)
			a->src = host_create_from_chunk(rtm->rtm_family, data,
							0);
		if (rta->rta_type == RTA_GATEWAY && !a->gateway)
			a->gateway = host_create_from_chunk(rtm->rtm_family,
							    data, 0);
	}
	a->found = TRUE;
	return NL_OK;
}

static bool put_question(struct nl_msg *msg, host_t *dst, host_t *src)
{
	const struct rtmsg rtm = {
		.rtm_family = dst->get_family(dst),
		.rtm_dst_len = dst->get_address(dst).len * 8,
		.rtm_src_len = src ? src->get_address(src).len * 8 : 0,
	};
	chunk_t to = dst->get_address(dst);
	chunk_t from = src ? src->get_address(src) : chunk_empty;

	return !nlmsg_append(msg, (void *)&rtm, sizeof(rtm), NLMSG_ALIGNTO) &&
	       !nla_put(msg, RTA_DST, to.len, to.ptr) &&
	       (!src || !nla_put(msg, RTA_SRC, from.len, from.ptr));
}

/* False: no way leads there. */
static bool ask_route(struct charon_net *n, host_t *dst, host_t *src,
		      struct answer *a)
{
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, 0);
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	bool ok = FALSE;

	memset(a, 0, sizeof(*a));
	if (src && src->is_anyaddr(src))
		src = NULL;
	if (msg && cb && put_question(msg, dst, src)) {
		n->lock->lock(n->lock);
		nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_route, a);
		ok = nl_send_auto(n->sk, msg) >= 0 && !nl_recvmsgs(n->sk, cb);
		n->lock->unlock(n->lock);
	}
	nlmsg_free(msg);
	nl_cb_put(cb);
	return ok && a->found;
}

static host_t *get_source_addr(kernel_net_t *public, host_t *dst, host_t *src)
{
	struct answer a;

	if (!ask_route((struct charon_net *)public, dst, src, &a))
		a.src = NULL;
	else if (!a.src && src)
		a.src = src->clone(src); /* the kernel names none we gave */
	DESTROY_IF(a.gateway);
	return a.src;
}

static host_t *get_nexthop(kernel_net_t *public, host_t *dst, int prefix,
			   host_t *src, char **iface)
{
	struct answer a;

	if (!ask_route((struct charon_net *)public, dst, src, &a))
		return NULL;
	if (iface)
		*iface = NULL; /* who installs routes would ask for it */
	DESTROY_IF(a.src);
	return a.gateway ? a.gateway : dst->clone(dst);
}

/* ---- changes ------------------------------------------------------------- */

static job_requeue_t roam(struct charon_net *n)
{
	__atomic_store_n(&n->roaming, FALSE, __ATOMIC_RELEASE);
	charon->kernel->roam(charon->kernel, TRUE);
	return JOB_REQUEUE_NONE;
}

static bool on_change(struct charon_net *n, int fd, watcher_event_t event)
{
	char drain[8192];

	while (recv(fd, drain, sizeof(drain), MSG_DONTWAIT) > 0)
		;
	if (!__atomic_exchange_n(&n->roaming, TRUE, __ATOMIC_ACQ_REL))
		lib->scheduler->schedule_job_ms(
			lib->scheduler,
			(job_t *)callback_job_create((void *)roam, n, NULL,
						     NULL),
			SETTLE_MS);
	return TRUE;
}

/* ---- what we leave to others --------------------------------------------- */

static status_t add_ip(kernel_net_t *public, host_t *ip, int prefix,
		       char *iface)
{
	return NOT_SUPPORTED;
}

static status_t del_ip(kernel_net_t *public, host_t *ip, int prefix, bool wait)
{
	return NOT_SUPPORTED;
}

static status_t change_route(kernel_net_t *public, chunk_t net, uint8_t prefix,
			     host_t *gateway, host_t *src, char *ifname,
			     bool pass)
{
	return NOT_SUPPORTED;
}

static kernel_feature_t get_features(kernel_net_t *public)
{
	return 0;
}

/* ---- the object ---------------------------------------------------------- */

static void destroy(kernel_net_t *public)
{
	struct charon_net *n = (struct charon_net *)public;

	if (n->events)
		lib->watcher->remove(lib->watcher,
				     nl_socket_get_fd(n->events));
	nl_socket_free(n->events);
	nl_socket_free(n->sk);
	n->lock->destroy(n->lock);
	free(n);
}

static struct nl_sock *open_socket(void)
{
	struct nl_sock *sk = nl_socket_alloc();

	if (sk && nl_connect(sk, NETLINK_ROUTE)) {
		nl_socket_free(sk);
		return NULL;
	}
	/* A question has one answer; an acknowledgement would stay behind. */
	if (sk)
		nl_socket_disable_auto_ack(sk);
	return sk;
}

kernel_net_t *charon_net_create(void)
{
	struct charon_net *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->public = (kernel_net_t){
		.get_features = get_features,
		.get_source_addr = get_source_addr,
		.get_nexthop = get_nexthop,
		.get_interface = get_interface,
		.create_address_enumerator = create_addresses,
		.create_local_subnet_enumerator = create_subnets,
		.add_ip = add_ip,
		.del_ip = del_ip,
		.add_route = change_route,
		.del_route = change_route,
		.destroy = destroy,
	};
	n->lock = mutex_create(MUTEX_TYPE_DEFAULT);
	n->sk = open_socket();
	n->events = open_socket();
	if (!n->sk || !n->events ||
	    nl_socket_add_memberships(n->events, RTNLGRP_IPV4_IFADDR,
				      RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
				      RTNLGRP_IPV6_ROUTE, RTNLGRP_LINK, 0)) {
		destroy(&n->public);
		return NULL;
	}
	lib->watcher->add(lib->watcher, nl_socket_get_fd(n->events),
			  WATCHER_READ, (void *)on_change, n);
	return &n->public;
}
