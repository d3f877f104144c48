/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_rtnl.c: two netlink sockets, one for questions and orders, one that
 * listens for changes.
 *
 * The kernel reports far more than changes that matter, and drops reports
 * when we are slow.  So we keep what was last told of each device and compare;
 * when reports were lost, everything is read again and compared likewise.
 */
#include "base/netd_rtnl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/inet6.h>
#include <netlink/route/route.h>

#include "base/log.h"
#include "base/netd_ethtool.h"

#define SOCK_BYTES (1 << 20)
#define LIFETIME_FOREVER 0xffffffffu

struct netd_rtnl {
	struct nl_sock *sk;
	struct nl_sock *events;
	netd_rtnl_fn *fn;
	void *arg;
	struct netd_link *known; /* what fn was told, one a device */
	size_t known_count;
};

int netd_rtnl_errno(int nle)
{
	switch (nle < 0 ? -nle : nle) {
	case 0:
		return 0;
	case NLE_OBJ_NOTFOUND:
	case NLE_NODEV:
		return -ENODEV;
	case NLE_EXIST:
		return -EEXIST;
	case NLE_PERM:
		return -EPERM;
	case NLE_NOADDR:
		return -EADDRNOTAVAIL;
	case NLE_INVAL:
		return -EINVAL;
	case NLE_RANGE:
		return -ERANGE;
	case NLE_BUSY:
		return -EBUSY;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_OPNOTSUPP:
		return -EOPNOTSUPP;
	default:
		log_debug("netlink: %s", nl_geterror(nle));
		return -EIO;
	}
}

static struct nl_sock *route_socket(void)
{
	struct nl_sock *sk = nl_socket_alloc();

	if (!sk)
		return NULL;
	if (nl_connect(sk, NETLINK_ROUTE) ||
	    nl_socket_set_buffer_size(sk, SOCK_BYTES, 0)) {
		nl_socket_free(sk);
		return NULL;
	}
	return sk;
}

int netd_rtnl_open(struct netd_rtnl **out)
{
	struct netd_rtnl *rt = calloc(1, sizeof(*rt));

	if (!rt)
		return -ENOMEM;
	rt->sk = route_socket();
	if (!rt->sk) {
		free(rt);
		return -EPROTONOSUPPORT;
	}
	*out = rt;
	return 0;
}

void netd_rtnl_close(struct netd_rtnl *rt)
{
	if (!rt)
		return;
	nl_socket_free(rt->sk);
	if (rt->events)
		nl_socket_free(rt->events);
	free(rt->known);
	free(rt);
}

struct nl_sock *netd_rtnl_socket(struct netd_rtnl *rt)
{
	return rt->sk;
}

/* --- devices ------------------------------------------------------------ */

static void fill_link(struct rtnl_link *from, struct netd_link *link)
{
	struct nl_addr *mac = rtnl_link_get_addr(from);
	const char *name = rtnl_link_get_name(from);

	memset(link, 0, sizeof(*link));
	strncpy(link->ifname, name ? name : "", sizeof(link->ifname) - 1);
	link->ifindex = rtnl_link_get_ifindex(from);
	link->mtu = rtnl_link_get_mtu(from);
	link->present = true;
	link->up = rtnl_link_get_flags(from) & IFF_UP;
	link->carrier = rtnl_link_get_carrier(from);
	if (mac && nl_addr_get_len(mac) == sizeof(link->mac))
		memcpy(link->mac, nl_addr_get_binary_addr(mac),
		       sizeof(link->mac));
	netd_ethtool_link(link->ifname, &link->speed_mbps, &link->duplex);
}

static void fill_device(struct rtnl_link *from, struct netd_device *dev)
{
	uint8_t mode;

	fill_link(from, &dev->link);
	dev->ethernet = rtnl_link_get_arptype(from) == ARPHRD_ETHER;
	dev->loopback = rtnl_link_get_flags(from) & IFF_LOOPBACK;
	dev->promiscuous = rtnl_link_get_flags(from) & IFF_PROMISC;
	dev->master = rtnl_link_get_master(from);
	dev->addr_gen_mode = -1;
	if (!rtnl_link_inet6_get_addr_gen_mode(from, &mode))
		dev->addr_gen_mode = mode;
}

static int find(struct netd_rtnl *rt, uint32_t ifindex, const char *ifname,
		struct netd_device *dev)
{
	struct rtnl_link *link;
	int rc = rtnl_link_get_kernel(rt->sk, ifindex, ifname, &link);

	if (rc)
		return netd_rtnl_errno(rc);
	fill_device(link, dev);
	rtnl_link_put(link);
	return 0;
}

int netd_rtnl_find(struct netd_rtnl *rt, const char *ifname,
		   struct netd_device *dev)
{
	return find(rt, 0, ifname, dev);
}

int netd_rtnl_find_index(struct netd_rtnl *rt, uint32_t ifindex,
			 struct netd_device *dev)
{
	return ifindex ? find(rt, ifindex, NULL, dev) : -ENODEV;
}

/* `changes` is taken (NULL: there was no memory for it). */
static int change(struct netd_rtnl *rt, uint32_t ifindex,
		  struct rtnl_link *changes)
{
	struct rtnl_link *which = rtnl_link_alloc();
	int rc = -NLE_NOMEM;

	if (which && changes) {
		rtnl_link_set_ifindex(which, ifindex);
		rc = rtnl_link_change(rt->sk, which, changes, 0);
	}
	rtnl_link_put(which);
	rtnl_link_put(changes);
	return netd_rtnl_errno(rc);
}

int netd_rtnl_set_mtu(struct netd_rtnl *rt, uint32_t ifindex, uint32_t mtu)
{
	struct rtnl_link *changes = rtnl_link_alloc();

	if (changes)
		rtnl_link_set_mtu(changes, mtu);
	return change(rt, ifindex, changes);
}

int netd_rtnl_set_mac(struct netd_rtnl *rt, uint32_t ifindex,
		      const uint8_t mac[6])
{
	struct rtnl_link *changes = rtnl_link_alloc();
	struct nl_addr *addr = nl_addr_build(AF_LLC, mac, 6);

	if (changes && addr)
		rtnl_link_set_addr(changes, addr);
	nl_addr_put(addr);
	return change(rt, ifindex, changes);
}

static int set_flag(struct netd_rtnl *rt, uint32_t ifindex, unsigned flag,
		    bool on)
{
	struct rtnl_link *changes = rtnl_link_alloc();

	if (changes && on)
		rtnl_link_set_flags(changes, flag);
	else if (changes)
		rtnl_link_unset_flags(changes, flag);
	return change(rt, ifindex, changes);
}

int netd_rtnl_set_up(struct netd_rtnl *rt, uint32_t ifindex, bool up)
{
	return set_flag(rt, ifindex, IFF_UP, up);
}

int netd_rtnl_set_promiscuous(struct netd_rtnl *rt, uint32_t ifindex, bool on)
{
	return set_flag(rt, ifindex, IFF_PROMISC, on);
}

int netd_rtnl_set_addr_gen_mode(struct netd_rtnl *rt, uint32_t ifindex,
				int mode)
{
	struct rtnl_link *changes = rtnl_link_alloc();

	if (changes && rtnl_link_inet6_set_addr_gen_mode(changes, mode)) {
		rtnl_link_put(changes);
		return -EAFNOSUPPORT;
	}
	return change(rt, ifindex, changes);
}

int netd_rtnl_delete(struct netd_rtnl *rt, uint32_t ifindex)
{
	struct rtnl_link *which = rtnl_link_alloc();
	int rc;

	if (!which)
		return -ENOMEM;
	rtnl_link_set_ifindex(which, ifindex);
	rc = rtnl_link_delete(rt->sk, which);
	rtnl_link_put(which);
	return netd_rtnl_errno(rc);
}

/* --- addresses ---------------------------------------------------------- */

/* Flags that are properties of an address and not its state. */
#define ADDR_FLAGS_KEPT                                                       \
	(IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR |             \
	 IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN)

static void set_addr(json_t *object, const char *key,
		     const struct nl_addr *addr)
{
	char text[128];

	if (addr)
		json_object_set_new(object, key,
				    json_string(nl_addr2str(addr, text,
							    sizeof(text))));
}

static json_t *addr_to_json(struct rtnl_addr *addr)
{
	json_t *a = json_object();
	const char *label = rtnl_addr_get_label(addr);
	uint32_t valid = rtnl_addr_get_valid_lifetime(addr);
	uint32_t preferred = rtnl_addr_get_preferred_lifetime(addr);
	bool forever = rtnl_addr_get_flags(addr) & IFA_F_PERMANENT || !valid;

	set_addr(a, "local", rtnl_addr_get_local(addr));
	set_addr(a, "peer", rtnl_addr_get_peer(addr));
	set_addr(a, "broadcast", rtnl_addr_get_broadcast(addr));
	if (label && label[0])
		json_object_set_new(a, "label", json_string(label));
	json_object_set_new(a, "scope",
			    json_integer(rtnl_addr_get_scope(addr)));
	json_object_set_new(a, "flags",
			    json_integer(rtnl_addr_get_flags(addr) &
					 ADDR_FLAGS_KEPT));
	if (!forever) {
		json_object_set_new(a, "valid_s", json_integer(valid));
		json_object_set_new(a, "preferred_s",
				    json_integer(preferred));
	}
	return a;
}

static struct nl_cache *addr_cache(struct netd_rtnl *rt, int *rc)
{
	struct nl_cache *cache = NULL;

	*rc = netd_rtnl_errno(rtnl_addr_alloc_cache(rt->sk, &cache));
	return *rc ? NULL : cache;
}

int netd_rtnl_save_addrs(struct netd_rtnl *rt, uint32_t ifindex, json_t **out)
{
	struct nl_object *o;
	int rc;
	struct nl_cache *cache = addr_cache(rt, &rc);

	if (!cache)
		return rc;
	*out = json_array();
	for (o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		struct rtnl_addr *addr = (struct rtnl_addr *)o;

		if ((uint32_t)rtnl_addr_get_ifindex(addr) != ifindex)
			continue;
		/* IPv6 temporary addresses: made anew by the kernel. */
		if (rtnl_addr_get_family(addr) == AF_INET6 &&
		    rtnl_addr_get_flags(addr) & IFA_F_TEMPORARY)
			continue;
		json_array_append_new(*out, addr_to_json(addr));
	}
	nl_cache_free(cache);
	return 0;
}

int netd_rtnl_flush_addrs(struct netd_rtnl *rt, uint32_t ifindex)
{
	struct nl_object *o;
	int rc;
	struct nl_cache *cache = addr_cache(rt, &rc);

	if (!cache)
		return rc;
	for (o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		struct rtnl_addr *addr = (struct rtnl_addr *)o;
		int one;

		if ((uint32_t)rtnl_addr_get_ifindex(addr) != ifindex)
			continue;
		/* Secondaries may have gone with their primary. */
		one = netd_rtnl_errno(rtnl_addr_delete(rt->sk, addr, 0));
		if (one && one != -EADDRNOTAVAIL && !rc)
			rc = one;
	}
	nl_cache_free(cache);
	return rc;
}

static struct nl_addr *get_addr(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	struct nl_addr *addr = NULL;

	if (!text || nl_addr_parse(text, AF_UNSPEC, &addr))
		return NULL;
	return addr;
}

static uint32_t get_u32(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* What is left of a lifetime; forever stays. */
static uint32_t lifetime_left(const json_t *a, const char *key, uint64_t age_s)
{
	uint32_t s = get_u32(a, key);

	if (s == LIFETIME_FOREVER)
		return s;
	return s > age_s ? s - age_s : 0;
}

static void set_nl_addr(struct rtnl_addr *addr, const json_t *a,
			const char *key,
			int (*set)(struct rtnl_addr *, struct nl_addr *))
{
	struct nl_addr *value = get_addr(a, key);

	if (value)
		set(addr, value);
	nl_addr_put(value);
}

static struct rtnl_addr *addr_from_json(const json_t *a, uint32_t ifindex,
					uint64_t age_s)
{
	const char *label = json_string_value(json_object_get(a, "label"));
	struct rtnl_addr *addr = rtnl_addr_alloc();

	if (!addr)
		return NULL;
	rtnl_addr_set_ifindex(addr, ifindex);
	set_nl_addr(addr, a, "local", rtnl_addr_set_local);
	set_nl_addr(addr, a, "peer", rtnl_addr_set_peer);
	set_nl_addr(addr, a, "broadcast", rtnl_addr_set_broadcast);
	if (label)
		rtnl_addr_set_label(addr, label);
	rtnl_addr_set_scope(addr, get_u32(a, "scope"));
	rtnl_addr_set_flags(addr, get_u32(a, "flags"));
	if (json_object_get(a, "valid_s")) {
		rtnl_addr_set_valid_lifetime(
			addr, lifetime_left(a, "valid_s", age_s));
		rtnl_addr_set_preferred_lifetime(
			addr, lifetime_left(a, "preferred_s", age_s));
	}
	return addr;
}

void netd_rtnl_restore_addrs(struct netd_rtnl *rt, uint32_t ifindex,
			     const json_t *addrs, uint64_t age_s)
{
	json_t *a;
	size_t i;

	json_array_foreach(addrs, i, a) {
		struct rtnl_addr *addr;
		int rc;

		if (json_object_get(a, "valid_s") &&
		    !lifetime_left(a, "valid_s", age_s))
			continue;
		addr = addr_from_json(a, ifindex, age_s);
		rc = -ENOMEM;
		if (addr)
			rc = netd_rtnl_errno(rtnl_addr_add(rt->sk, addr, 0));
		if (rc && rc != -EEXIST)
			log_warn("address %s not restored: %s",
				 json_string_value(json_object_get(a, "local")),
				 strerror(-rc));
		rtnl_addr_put(addr);
	}
}

/* --- routes ------------------------------------------------------------- */

static bool goes_through(struct rtnl_route *route, uint32_t ifindex)
{
	for (int i = 0; i < rtnl_route_get_nnexthops(route); i++) {
		struct rtnl_nexthop *nh = rtnl_route_nexthop_n(route, i);

		if ((uint32_t)rtnl_route_nh_get_ifindex(nh) == ifindex)
			return true;
	}
	return false;
}

static bool is_default(struct rtnl_route *route)
{
	struct nl_addr *dst = rtnl_route_get_dst(route);

	return rtnl_route_get_type(route) == RTN_UNICAST &&
	       (!dst || nl_addr_get_prefixlen(dst) == 0);
}

/* Set by a person or a daemon, and to be set again by us. */
static bool is_worth_saving(struct rtnl_route *route)
{
	int proto = rtnl_route_get_protocol(route);

	return rtnl_route_get_type(route) == RTN_UNICAST &&
	       rtnl_route_get_table(route) != RT_TABLE_LOCAL &&
	       !(rtnl_route_get_flags(route) & RTM_F_CLONED) &&
	       proto != RTPROT_KERNEL && proto != RTPROT_REDIRECT &&
	       proto != RTPROT_RA;
}

static json_t *route_to_json(struct rtnl_route *route)
{
	struct rtnl_nexthop *nh = rtnl_route_nexthop_n(route, 0);
	json_t *r = json_object();

	set_addr(r, "dst", rtnl_route_get_dst(route));
	set_addr(r, "via", rtnl_route_nh_get_gateway(nh));
	set_addr(r, "src", rtnl_route_get_pref_src(route));
	json_object_set_new(r, "inet6", json_boolean(
			rtnl_route_get_family(route) == AF_INET6));
	json_object_set_new(r, "table",
			    json_integer(rtnl_route_get_table(route)));
	json_object_set_new(r, "metric",
			    json_integer(rtnl_route_get_priority(route)));
	json_object_set_new(r, "proto",
			    json_integer(rtnl_route_get_protocol(route)));
	json_object_set_new(r, "scope",
			    json_integer(rtnl_route_get_scope(route)));
	json_object_set_new(r, "nh_flags",
			    json_integer(rtnl_route_nh_get_flags(nh) &
					 RTNH_F_ONLINK));
	return r;
}

static struct nl_cache *route_cache(struct netd_rtnl *rt, int *rc)
{
	struct nl_cache *cache = NULL;

	*rc = netd_rtnl_errno(rtnl_route_alloc_cache(rt->sk, AF_UNSPEC, 0,
						     &cache));
	return *rc ? NULL : cache;
}

int netd_rtnl_has_default_route(struct netd_rtnl *rt, uint32_t ifindex)
{
	struct nl_object *o;
	int rc;
	struct nl_cache *cache = route_cache(rt, &rc);

	if (!cache)
		return rc;
	for (o = nl_cache_get_first(cache); o && !rc; o = nl_cache_get_next(o))
		rc = is_default((struct rtnl_route *)o) &&
		     goes_through((struct rtnl_route *)o, ifindex);
	nl_cache_free(cache);
	return rc;
}

int netd_rtnl_save_routes(struct netd_rtnl *rt, uint32_t ifindex, json_t **out)
{
	struct nl_object *o;
	int rc;
	struct nl_cache *cache = route_cache(rt, &rc);

	if (!cache)
		return rc;
	*out = json_array();
	for (o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		struct rtnl_route *route = (struct rtnl_route *)o;

		if (!is_worth_saving(route) || !goes_through(route, ifindex))
			continue;
		if (rtnl_route_get_nnexthops(route) == 1)
			json_array_append_new(*out, route_to_json(route));
		else
			log_warn("a multipath route uses device %u; it is not "
				 "put back on release", ifindex);
	}
	nl_cache_free(cache);
	return 0;
}

static struct rtnl_nexthop *nexthop_from_json(const json_t *r,
					      uint32_t ifindex)
{
	struct rtnl_nexthop *nh = rtnl_route_nh_alloc();
	struct nl_addr *via = get_addr(r, "via");

	if (nh) {
		rtnl_route_nh_set_ifindex(nh, ifindex);
		rtnl_route_nh_set_flags(nh, get_u32(r, "nh_flags"));
		if (via)
			rtnl_route_nh_set_gateway(nh, via);
	}
	nl_addr_put(via);
	return nh;
}

static void set_route_dst(struct rtnl_route *route, const json_t *r)
{
	const char *text = json_string_value(json_object_get(r, "dst"));
	int family = json_is_true(json_object_get(r, "inet6")) ? AF_INET6 :
								 AF_INET;
	struct nl_addr *dst = NULL;

	rtnl_route_set_family(route, family);
	/* "default" and "none" parse to the family's empty prefix. */
	if (nl_addr_parse(text ? text : "default", family, &dst))
		return;
	rtnl_route_set_dst(route, dst);
	nl_addr_put(dst);
}

static struct rtnl_route *route_from_json(const json_t *r, uint32_t ifindex)
{
	struct rtnl_route *route = rtnl_route_alloc();
	struct rtnl_nexthop *nh = nexthop_from_json(r, ifindex);
	struct nl_addr *src = get_addr(r, "src");

	if (!route || !nh) {
		rtnl_route_put(route);
		nl_addr_put(src);
		return NULL;
	}
	set_route_dst(route, r);
	if (src)
		rtnl_route_set_pref_src(route, src);
	nl_addr_put(src);
	rtnl_route_set_table(route, get_u32(r, "table"));
	rtnl_route_set_priority(route, get_u32(r, "metric"));
	rtnl_route_set_protocol(route, get_u32(r, "proto"));
	rtnl_route_set_scope(route, get_u32(r, "scope"));
	rtnl_route_set_type(route, RTN_UNICAST);
	rtnl_route_add_nexthop(route, nh);
	return route;
}

static int restore_route(struct netd_rtnl *rt, uint32_t ifindex,
			 const json_t *r)
{
	struct rtnl_route *route = route_from_json(r, ifindex);
	int rc = -ENOMEM;

	if (route)
		rc = netd_rtnl_errno(rtnl_route_add(rt->sk, route, NLM_F_EXCL));
	rtnl_route_put(route);
	return rc == -EEXIST ? 0 : rc;
}

void netd_rtnl_restore_routes(struct netd_rtnl *rt, uint32_t ifindex,
			      const json_t *routes)
{
	json_t *r;
	size_t i;

	/* Twice: a gateway may be reached by a route later in the list. */
	json_array_foreach(routes, i, r)
		restore_route(rt, ifindex, r);
	json_array_foreach(routes, i, r) {
		int rc = restore_route(rt, ifindex, r);

		if (rc)
			log_warn("route to %s not restored: %s",
				 json_string_value(json_object_get(r, "dst")),
				 strerror(-rc));
	}
}

/* --- changes ------------------------------------------------------------ */

static struct netd_link *known_link(struct netd_rtnl *rt, uint32_t ifindex)
{
	for (size_t i = 0; i < rt->known_count; i++)
		if (rt->known[i].ifindex == ifindex)
			return &rt->known[i];
	return NULL;
}

static struct netd_link *known_add(struct netd_rtnl *rt)
{
	size_t bytes = (rt->known_count + 1) * sizeof(*rt->known);
	struct netd_link *more = realloc(rt->known, bytes);

	if (!more)
		return NULL;
	rt->known = more;
	more += rt->known_count++;
	memset(more, 0, sizeof(*more));
	return more;
}

static bool same_link(const struct netd_link *a, const struct netd_link *b)
{
	return !strcmp(a->ifname, b->ifname) && a->ifindex == b->ifindex &&
	       !memcmp(a->mac, b->mac, sizeof(a->mac)) && a->mtu == b->mtu &&
	       a->speed_mbps == b->speed_mbps && a->duplex == b->duplex &&
	       a->present == b->present && a->up == b->up &&
	       a->carrier == b->carrier;
}

static void tell_if_new(struct netd_rtnl *rt, const struct netd_link *link)
{
	struct netd_link *known = known_link(rt, link->ifindex);

	if (known && same_link(known, link))
		return;
	if (!known)
		known = known_add(rt);
	if (!known)
		return;
	*known = *link;
	rt->fn(known, rt->arg);
}

static void tell_gone(struct netd_rtnl *rt, struct netd_link *known)
{
	struct netd_link gone = *known;

	*known = rt->known[--rt->known_count];
	gone.present = gone.up = gone.carrier = false;
	rt->fn(&gone, rt->arg);
}

static void on_object(struct nl_object *o, void *arg)
{
	struct netd_rtnl *rt = arg;
	struct netd_link link, *known;
	int type = nl_object_get_msgtype(o);

	if (type != RTM_NEWLINK && type != RTM_DELLINK)
		return;
	/* A bridge reports its ports too, as family AF_BRIDGE: not a device. */
	if (rtnl_link_get_family((struct rtnl_link *)o) != AF_UNSPEC)
		return;
	fill_link((struct rtnl_link *)o, &link);
	known = known_link(rt, link.ifindex);
	if (type == RTM_NEWLINK)
		tell_if_new(rt, &link);
	else if (known)
		tell_gone(rt, known);
}

static int on_message(struct nl_msg *msg, void *arg)
{
	nl_msg_parse(msg, on_object, arg);
	return NL_OK;
}

/* Read all devices, tell what differs. */
static int resync(struct netd_rtnl *rt)
{
	struct nl_cache *cache;
	int rc = netd_rtnl_errno(rtnl_link_alloc_cache(rt->sk, AF_UNSPEC,
						       &cache));
	struct nl_object *o;

	if (rc)
		return rc;
	for (size_t i = rt->known_count; i-- > 0;) {
		struct rtnl_link *link =
			rtnl_link_get(cache, rt->known[i].ifindex);

		if (!link)
			tell_gone(rt, &rt->known[i]);
		rtnl_link_put(link);
	}
	for (o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		struct netd_link link;

		fill_link((struct rtnl_link *)o, &link);
		tell_if_new(rt, &link);
	}
	nl_cache_free(cache);
	return 0;
}

int netd_rtnl_watch(struct netd_rtnl *rt, netd_rtnl_fn *fn, void *arg)
{
	rt->fn = fn;
	rt->arg = arg;
	rt->events = route_socket();
	if (!rt->events)
		return -ENOMEM;
	nl_socket_disable_seq_check(rt->events);
	nl_socket_modify_cb(rt->events, NL_CB_VALID, NL_CB_CUSTOM, on_message,
			    rt);
	if (nl_socket_set_nonblocking(rt->events) ||
	    nl_socket_add_memberships(rt->events, RTNLGRP_LINK, RTNLGRP_NONE))
		return -EIO;
	return resync(rt);
}

int netd_rtnl_watch_fd(const struct netd_rtnl *rt)
{
	return nl_socket_get_fd(rt->events);
}

void netd_rtnl_watch_read(struct netd_rtnl *rt)
{
	int rc;

	do {
		rc = nl_recvmsgs_default(rt->events);
	} while (rc >= 0);
	if (rc == -NLE_AGAIN)
		return;
	log_limited(LOG_LEVEL_WARN, 0, "link reports were lost (%s)",
		    nl_geterror(rc));
	resync(rt);
}

void netd_rtnl_each(struct netd_rtnl *rt, netd_rtnl_fn *fn, void *arg)
{
	for (size_t i = 0; i < rt->known_count; i++)
		fn(&rt->known[i], arg);
}
