/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_address.c: from texts to rtnetlink.
 *
 * Everything is parsed and checked first, then old addresses and routes go,
 * then new ones come: in that order, because the kernel takes an address's
 * secondaries and the routes that need it away with it.
 */
#include "base/netd_address.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/route.h>

#include "base/log.h"

/* Better than what router advertisements bring (1024). */
#define METRIC_IPV6 512

struct address {
	struct nl_addr *prefixes[NETD_ADDRESSES_MAX];
	unsigned count;
	struct nl_addr *gateways[2]; /* IPv4, IPv6; NULL: none */
};

static const int families[2] = { AF_INET, AF_INET6 };

static void address_fini(struct address *a)
{
	for (unsigned i = 0; i < a->count; i++)
		nl_addr_put(a->prefixes[i]);
	for (unsigned i = 0; i < 2; i++)
		nl_addr_put(a->gateways[i]);
}

/* --- from texts --------------------------------------------------------- */

/* Not multicast, unspecified, loopback or broadcast. */
static bool is_unicast(const struct nl_addr *addr)
{
	const uint8_t *b = nl_addr_get_binary_addr(addr);
	struct in6_addr in6;

	if (nl_addr_get_family(addr) == AF_INET)
		return b[0] && b[0] != 127 && b[0] < 224;
	memcpy(&in6, b, sizeof(in6));
	return !IN6_IS_ADDR_MULTICAST(&in6) && !IN6_IS_ADDR_LOOPBACK(&in6) &&
	       !IN6_IS_ADDR_UNSPECIFIED(&in6) && !IN6_IS_ADDR_V4MAPPED(&in6);
}

static int no_address(struct rpc_error *err, const char *key, const char *text,
		      const char *hint)
{
	return rpc_error_set(err, RPC_INVALID_PARAMS, key, text, hint,
			     "not an address that a host can have: %s", text);
}

static int parse_prefix(struct address *a, const char *text,
			struct rpc_error *err)
{
	static const char hint[] = "address/length, as 192.0.2.7/24 or "
				   "2001:db8::7/64";
	struct nl_addr *addr;
	bool ok;

	/* A length must be there: without it, /32 is hardly what is meant. */
	if (!strchr(text, '/') || nl_addr_parse(text, AF_UNSPEC, &addr))
		return no_address(err, "addresses", text, hint);
	a->prefixes[a->count++] = addr;
	ok = nl_addr_get_family(addr) == AF_INET ||
	     nl_addr_get_family(addr) == AF_INET6;
	if (!ok || !is_unicast(addr) || !nl_addr_get_prefixlen(addr) ||
	    nl_addr_get_prefixlen(addr) > 8 * nl_addr_get_len(addr))
		return no_address(err, "addresses", text, hint);
	return 0;
}

static bool is_reached(const struct address *a, struct nl_addr *gateway)
{
	struct in6_addr in6;

	for (unsigned i = 0; i < a->count; i++)
		if (nl_addr_get_family(a->prefixes[i]) ==
			    nl_addr_get_family(gateway) &&
		    !nl_addr_cmp_prefix(a->prefixes[i], gateway) &&
		    memcmp(nl_addr_get_binary_addr(a->prefixes[i]),
			   nl_addr_get_binary_addr(gateway),
			   nl_addr_get_len(gateway)))
			return true;
	if (nl_addr_get_family(gateway) != AF_INET6)
		return false;
	memcpy(&in6, nl_addr_get_binary_addr(gateway), sizeof(in6));
	return IN6_IS_ADDR_LINKLOCAL(&in6);
}

static int parse_gateway(struct address *a, unsigned which, const char *key,
			 const char *text, struct rpc_error *err)
{
	struct nl_addr **gateway = &a->gateways[which];

	if (!text)
		return 0;
	if (strchr(text, '/') ||
	    nl_addr_parse(text, families[which], gateway) ||
	    !nl_addr_get_len(*gateway) || !is_unicast(*gateway))
		return no_address(err, key, text, "an address without length");
	if (!is_reached(a, *gateway))
		return rpc_error_set(err, RPC_INVALID_PARAMS, key, text,
				     "an address within one of `addresses`, "
				     "and none of them",
				     "the gateway %s is not next to this host",
				     text);
	return 0;
}

static int parse(struct address *a, const struct netd_tap_conf *conf,
		 struct rpc_error *err)
{
	int rc = 0;

	if (conf->address_count > NETD_ADDRESSES_MAX)
		return rpc_error_set(err, RPC_INVALID_PARAMS, "addresses", NULL,
				     "at most 16", "too many addresses");
	if (conf->mac && (conf->mac[0] & 1 || !memcmp(conf->mac, "\0\0\0\0\0",
						      6)))
		return rpc_error_set(err, RPC_INVALID_PARAMS, "mac", NULL,
				     "a unicast address, as 02:00:00:00:00:01",
				     "not a MAC that a device can have");
	for (unsigned i = 0; i < conf->address_count && !rc; i++)
		rc = parse_prefix(a, conf->addresses[i], err);
	if (!rc)
		rc = parse_gateway(a, 0, "gateway", conf->gateway, err);
	if (!rc)
		rc = parse_gateway(a, 1, "ipv6_gateway", conf->ipv6_gateway,
				   err);
	return rc;
}

/* --- addresses ------------------------------------------------------------ */

static bool is_wanted(const struct address *a, struct nl_addr *local)
{
	for (unsigned i = 0; i < a->count; i++)
		if (!nl_addr_cmp(a->prefixes[i], local))
			return true;
	return false;
}

/* Made by the kernel, or by router advertisements with its help. */
static bool is_kernels(struct rtnl_addr *addr)
{
	struct nl_addr *local = rtnl_addr_get_local(addr);
	struct in6_addr in6;

	if (rtnl_addr_get_family(addr) != AF_INET6)
		return false;
	memcpy(&in6, nl_addr_get_binary_addr(local), sizeof(in6));
	return IN6_IS_ADDR_LINKLOCAL(&in6) ||
	       !(rtnl_addr_get_flags(addr) & IFA_F_PERMANENT);
}

static int remove_others(struct nl_sock *sk, uint32_t ifindex,
			 const struct address *a)
{
	struct nl_cache *cache;
	int rc = netd_rtnl_errno(rtnl_addr_alloc_cache(sk, &cache));
	struct nl_object *o;

	if (rc)
		return rc;
	for (o = nl_cache_get_first(cache); o && !rc;
	     o = nl_cache_get_next(o)) {
		struct rtnl_addr *addr = (struct rtnl_addr *)o;

		if ((uint32_t)rtnl_addr_get_ifindex(addr) != ifindex ||
		    !rtnl_addr_get_local(addr) || is_kernels(addr) ||
		    is_wanted(a, rtnl_addr_get_local(addr)))
			continue;
		rc = netd_rtnl_errno(rtnl_addr_delete(sk, addr, 0));
		if (rc == -EADDRNOTAVAIL) /* gone with its primary */
			rc = 0;
	}
	nl_cache_free(cache);
	return rc;
}

/* The last address of an IPv4 prefix; the kernel sets none by itself. */
static void set_broadcast(struct rtnl_addr *addr, struct nl_addr *prefix)
{
	unsigned len = nl_addr_get_prefixlen(prefix);
	struct nl_addr *broadcast;
	uint32_t ip;

	if (nl_addr_get_family(prefix) != AF_INET || len > 30)
		return;
	memcpy(&ip, nl_addr_get_binary_addr(prefix), sizeof(ip));
	ip |= htonl(0xffffffffu >> len);
	broadcast = nl_addr_build(AF_INET, &ip, sizeof(ip));
	if (broadcast)
		rtnl_addr_set_broadcast(addr, broadcast);
	nl_addr_put(broadcast);
}

/* *added: it was not there before. */
static int add_address(struct nl_sock *sk, uint32_t ifindex,
		       struct nl_addr *prefix, bool *added)
{
	struct rtnl_addr *addr = rtnl_addr_alloc();
	int rc = -ENOMEM;

	if (addr) {
		rtnl_addr_set_ifindex(addr, ifindex);
		rtnl_addr_set_local(addr, prefix);
		set_broadcast(addr, prefix);
		rc = netd_rtnl_errno(rtnl_addr_add(sk, addr, 0));
	}
	rtnl_addr_put(addr);
	if (!rc)
		*added = true;
	return rc == -EEXIST ? 0 : rc;
}

/* --- who has it now ------------------------------------------------------- */

/*
 * Neighbours may know the address by another MAC: that of the interface it
 * was taken from, or of a tap before this one.  With these two the kernel
 * tells them; IPv6 when an address has proved to be nobody else's, IPv4 when
 * the device's MAC is set, be it to what it is.
 */
static void notify_enable(const char *ifname)
{
	static const char *const paths[] = {
		"/proc/sys/net/ipv4/conf/%s/arp_notify",
		"/proc/sys/net/ipv6/conf/%s/ndisc_notify",
	};

	for (size_t i = 0; i < 2; i++) {
		char path[64];
		int fd;

		snprintf(path, sizeof(path), paths[i], ifname);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			continue; /* a kernel without IPv6 */
		if (fd < 0 || write(fd, "1", 1) != 1)
			log_warn("%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
	}
}

static void notify(struct netd_rtnl *rt, uint32_t ifindex)
{
	struct netd_device dev;
	int rc = netd_rtnl_find_index(rt, ifindex, &dev);

	if (!rc && !dev.ethernet)
		return; /* a TUN has no neighbours */
	if (!rc)
		rc = netd_rtnl_set_mac(rt, ifindex, dev.link.mac);
	if (rc)
		log_warn("telling neighbours of new addresses: %s",
			 strerror(-rc));
}

/* --- default routes ------------------------------------------------------ */

static uint32_t metric_of(int family)
{
	return family == AF_INET6 ? METRIC_IPV6 : 0;
}

static bool is_default(struct rtnl_route *route, int family)
{
	struct nl_addr *dst = rtnl_route_get_dst(route);

	return rtnl_route_get_family(route) == family &&
	       rtnl_route_get_type(route) == RTN_UNICAST &&
	       rtnl_route_get_table(route) == RT_TABLE_MAIN &&
	       (!dst || !nl_addr_get_prefixlen(dst));
}

static uint32_t device_of(struct rtnl_route *route)
{
	struct rtnl_nexthop *nh = rtnl_route_nexthop_n(route, 0);

	return nh ? rtnl_route_nh_get_ifindex(nh) : 0;
}

static struct nl_cache *routes(struct nl_sock *sk, int family, int *rc)
{
	struct nl_cache *cache = NULL;

	*rc = netd_rtnl_errno(rtnl_route_alloc_cache(sk, family, 0, &cache));
	return *rc ? NULL : cache;
}

/* Another device's default route would be in our way. */
static int check_route(struct nl_sock *sk, uint32_t ifindex, int family,
		       struct rpc_error *err)
{
	struct nl_object *o;
	int rc;
	struct nl_cache *cache = routes(sk, family, &rc);

	if (!cache)
		return rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL,
				     "reading routes: %s", strerror(-rc));
	for (o = nl_cache_get_first(cache); o && !rc; o = nl_cache_get_next(o)) {
		struct rtnl_route *route = (struct rtnl_route *)o;

		if (is_default(route, family) &&
		    device_of(route) != ifindex &&
		    rtnl_route_get_priority(route) == metric_of(family))
			rc = rpc_error_set(err, RPC_REFUSED, "gateway", NULL,
					   "ip route show default; remove that "
					   "route, or set no gateway here",
					   "the host has a default route "
					   "already, through device %u",
					   device_of(route));
	}
	nl_cache_free(cache);
	return rc;
}

static bool leads_to(struct rtnl_route *route, const struct nl_addr *gateway)
{
	struct rtnl_nexthop *nh = rtnl_route_nexthop_n(route, 0);
	struct nl_addr *via = nh ? rtnl_route_nh_get_gateway(nh) : NULL;

	return gateway && via && !nl_addr_cmp(via, gateway) &&
	       rtnl_route_get_priority(route) ==
		       metric_of(rtnl_route_get_family(route));
}

/* Default routes through the device to elsewhere go; *there: ours is there. */
static int remove_routes(struct nl_sock *sk, uint32_t ifindex, int family,
			 const struct nl_addr *gateway, bool *there)
{
	struct nl_object *o;
	int rc;
	struct nl_cache *cache = routes(sk, family, &rc);

	*there = false;
	if (!cache)
		return rc;
	for (o = nl_cache_get_first(cache); o && !rc; o = nl_cache_get_next(o)) {
		struct rtnl_route *route = (struct rtnl_route *)o;

		if (!is_default(route, family) ||
		    device_of(route) != ifindex ||
		    rtnl_route_get_protocol(route) == RTPROT_RA)
			continue;
		if (leads_to(route, gateway))
			*there = true;
		else
			rc = netd_rtnl_errno(rtnl_route_delete(sk, route, 0));
	}
	nl_cache_free(cache);
	return rc;
}

static struct rtnl_route *make_route(uint32_t ifindex, int family,
				     struct nl_addr *gateway)
{
	struct rtnl_route *route = rtnl_route_alloc();
	struct rtnl_nexthop *nh = rtnl_route_nh_alloc();
	struct nl_addr *any = NULL;

	if (!route || !nh || nl_addr_parse("default", family, &any)) {
		rtnl_route_put(route);
		if (nh)
			rtnl_route_nh_free(nh);
		return NULL;
	}
	rtnl_route_set_family(route, family);
	rtnl_route_set_dst(route, any);
	nl_addr_put(any);
	rtnl_route_set_table(route, RT_TABLE_MAIN);
	rtnl_route_set_protocol(route, RTPROT_STATIC);
	rtnl_route_set_scope(route, RT_SCOPE_UNIVERSE);
	rtnl_route_set_priority(route, metric_of(family));
	rtnl_route_nh_set_ifindex(nh, ifindex);
	rtnl_route_nh_set_gateway(nh, gateway);
	rtnl_route_add_nexthop(route, nh);
	return route;
}

static int set_route(struct nl_sock *sk, uint32_t ifindex, int family,
		     struct nl_addr *gateway)
{
	struct rtnl_route *route;
	bool there;
	int rc = remove_routes(sk, ifindex, family, gateway, &there);

	if (rc || !gateway || there)
		return rc;
	route = make_route(ifindex, family, gateway);
	rc = -ENOMEM;
	if (route)
		rc = netd_rtnl_errno(rtnl_route_add(sk, route, NLM_F_EXCL));
	rtnl_route_put(route);
	return rc;
}

/* --- all of it ------------------------------------------------------------ */

static int failed(struct rpc_error *err, const char *what,
		  struct nl_addr *addr, int rc)
{
	char text[128] = "";

	if (addr)
		nl_addr2str(addr, text, sizeof(text));
	rpc_error_set(err, RPC_FAILED, NULL, NULL,
		      "for IPv6: is net.ipv6.conf.NAME.disable_ipv6 0?",
		      "%s %s: %s", what, text, strerror(-rc));
	return rc;
}

static int apply(struct nl_sock *sk, uint32_t ifindex,
		 const struct address *a, bool *added, struct rpc_error *err)
{
	int rc = remove_others(sk, ifindex, a);

	if (rc)
		return failed(err, "removing addresses", NULL, rc);
	for (unsigned i = 0; i < a->count; i++) {
		rc = add_address(sk, ifindex, a->prefixes[i], added);
		if (rc)
			return failed(err, "adding", a->prefixes[i], rc);
	}
	for (unsigned i = 0; i < 2; i++) {
		rc = set_route(sk, ifindex, families[i], a->gateways[i]);
		if (rc)
			return failed(err, "default route", a->gateways[i], rc);
	}
	return 0;
}

int netd_address_set(struct netd_rtnl *rt, uint32_t ifindex,
		     const struct netd_tap_conf *conf, struct rpc_error *err)
{
	struct nl_sock *sk = netd_rtnl_socket(rt);
	struct address a = { .count = 0 };
	bool added = false;
	int rc = parse(&a, conf, err);

	for (unsigned i = 0; i < 2 && !rc; i++)
		if (a.gateways[i])
			rc = check_route(sk, ifindex, families[i], err);
	if (!rc && conf->mac) {
		rc = netd_rtnl_set_mac(rt, ifindex, conf->mac);
		if (rc)
			failed(err, "setting the MAC", NULL, rc);
	}
	if (!rc)
		notify_enable(conf->name);
	if (!rc)
		rc = apply(sk, ifindex, &a, &added, err);
	if (!rc && added)
		notify(rt, ifindex);
	address_fini(&a);
	return rc;
}
