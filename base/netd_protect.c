/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_protect.c: routes, the rule that leads to them, and the record.
 *
 * Order.  The record first, so that what is there is always remembered.  Then
 * what closes (nftables, unreachable routes), then the rule, and what opens
 * last: routes into the TUN.  Routes of networks that are none any more go at
 * the end.  All steps may be done twice, which is how a restart repairs.
 */
#include "base/netd_protect.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/route.h>

#include "base/daemon.h"
#include "base/log.h"
#include "base/netd_protect_nft.h"

#define RECORD_BYTES_MAX (1u << 20)
#define METRIC_TUN 100
#define METRIC_UNREACHABLE 4278198272u /* as bad as it gets in `ip route` */

struct networks {
	struct nl_addr *net[NETD_NETWORKS_MAX];
	unsigned count;
};

struct netd_protect {
	char path[PATH_MAX];
	struct netd_rtnl *rt;
	json_t *record; /* NULL: nothing is protected */
};

static const int families[2] = { AF_INET, AF_INET6 };

/* --- networks from texts -------------------------------------------------- */

static void networks_fini(struct networks *n)
{
	for (unsigned i = 0; i < n->count; i++)
		nl_addr_put(n->net[i]);
}

static bool may_be_protected(const struct nl_addr *net)
{
	const uint8_t *b = nl_addr_get_binary_addr(net);

	if (!nl_addr_get_prefixlen(net))
		return false;
	if (nl_addr_get_family(net) == AF_INET)
		return b[0] != 127 && b[0] < 224;
	/* not ::1, link-local, multicast: hosts do not live without those */
	return b[0] < 0xfe && (b[0] || b[1]);
}

/* The same without bits behind its prefix. */
static struct nl_addr *masked(const struct nl_addr *net)
{
	unsigned bits = nl_addr_get_prefixlen(net), len = nl_addr_get_len(net);
	uint8_t b[16] = { 0 };
	struct nl_addr *out;

	memcpy(b, nl_addr_get_binary_addr(net), len);
	for (unsigned i = bits; i < 8 * len; i++)
		b[i / 8] &= ~(0x80 >> i % 8);
	out = nl_addr_build(nl_addr_get_family(net), b, len);
	if (out)
		nl_addr_set_prefixlen(out, bits);
	return out;
}

static bool has(const struct networks *n, struct nl_addr *net)
{
	for (unsigned i = 0; i < n->count; i++)
		if (!nl_addr_cmp(n->net[i], net))
			return true;
	return false;
}

static int add_network(struct networks *n, const char *text,
		       struct rpc_error *err)
{
	struct nl_addr *addr = NULL, *net;
	bool ok = text && strchr(text, '/') &&
		  !nl_addr_parse(text, AF_UNSPEC, &addr) &&
		  (nl_addr_get_family(addr) == AF_INET ||
		   nl_addr_get_family(addr) == AF_INET6) &&
		  nl_addr_get_len(addr) && may_be_protected(addr);

	net = ok ? masked(addr) : NULL;
	nl_addr_put(addr);
	if (!ok)
		return rpc_error_set(err, RPC_INVALID_PARAMS, "networks", text,
				     "address/length of a unicast network, as "
				     "10.2.0.0/16 or 2001:db8:2::/48; for all "
				     "of IPv4: 0.0.0.0/1 and 128.0.0.0/2 and "
				     "192.0.0.0/3",
				     "not a network to protect: %s",
				     text ? text : "");
	if (!net)
		return rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL,
				     "out of memory");
	if (has(n, net))
		nl_addr_put(net);
	else
		n->net[n->count++] = net;
	return 0;
}

static int parse(struct networks *n, const struct netd_protection *conf,
		 struct rpc_error *err)
{
	int rc = 0;

	if (conf->network_count > NETD_NETWORKS_MAX)
		return rpc_error_set(err, RPC_INVALID_PARAMS, "networks", NULL,
				     "at most 256", "too many networks");
	for (unsigned i = 0; i < conf->network_count && !rc; i++)
		rc = add_network(n, conf->networks[i], err);
	return rc;
}

/* --- the rule ------------------------------------------------------------- */

static bool has_family(const struct networks *n, int family)
{
	for (unsigned i = 0; i < n->count; i++)
		if (nl_addr_get_family(n->net[i]) == family)
			return true;
	return false;
}

/*
 * "not fwmark MARK lookup TABLE"; libnl's own rules know no "not".  0; -EEXIST
 * and -ENOENT are what one expects.
 */
static int rule(struct nl_sock *sk, int family, uint16_t type, uint16_t flags)
{
	const struct fib_rule_hdr hdr = { .family = family,
					  .table = RT_TABLE_UNSPEC,
					  .action = FR_ACT_TO_TBL,
					  .flags = FIB_RULE_INVERT };
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);
	int rc;

	if (!msg || nlmsg_append(msg, (void *)&hdr, sizeof(hdr),
				 NLMSG_ALIGNTO)) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	nla_put_u32(msg, FRA_PRIORITY, NETD_PROTECT_TABLE);
	nla_put_u32(msg, FRA_TABLE, NETD_PROTECT_TABLE);
	nla_put_u32(msg, FRA_FWMARK, NETD_PROTECT_MARK);
	nla_put_u32(msg, FRA_FWMASK, 0xffffffff);
	nla_put_u8(msg, FRA_PROTOCOL, RTPROT_STATIC);
	rc = nl_send_sync(sk, msg);
	return netd_rtnl_errno(rc);
}

static int set_rules(struct nl_sock *sk, const struct networks *n)
{
	int rc = 0;

	for (unsigned i = 0; i < 2 && !rc; i++) {
		if (!has_family(n, families[i]))
			continue;
		rc = rule(sk, families[i], RTM_NEWRULE,
			  NLM_F_CREATE | NLM_F_EXCL);
		if (rc == -EEXIST)
			rc = 0;
	}
	return rc;
}

/* Of families without networks. */
static void drop_rules(struct nl_sock *sk, const struct networks *n)
{
	for (unsigned i = 0; i < 2; i++)
		if (!has_family(n, families[i]))
			rule(sk, families[i], RTM_DELRULE, 0);
}

/* --- routes --------------------------------------------------------------- */

/* ifindex 0: unreachable. */
static int add_route(struct nl_sock *sk, struct nl_addr *net, uint32_t ifindex)
{
	struct rtnl_route *route = rtnl_route_alloc();
	struct rtnl_nexthop *nh = ifindex ? rtnl_route_nh_alloc() : NULL;
	int rc = -ENOMEM;

	if (!route || (ifindex && !nh)) {
		rtnl_route_put(route);
		return rc;
	}
	rtnl_route_set_family(route, nl_addr_get_family(net));
	rtnl_route_set_dst(route, net);
	rtnl_route_set_table(route, NETD_PROTECT_TABLE);
	rtnl_route_set_protocol(route, RTPROT_STATIC);
	rtnl_route_set_type(route, nh ? RTN_UNICAST : RTN_UNREACHABLE);
	rtnl_route_set_priority(route, nh ? METRIC_TUN : METRIC_UNREACHABLE);
	if (nh) {
		rtnl_route_set_scope(route, RT_SCOPE_LINK);
		rtnl_route_nh_set_ifindex(nh, ifindex);
		rtnl_route_add_nexthop(route, nh);
	} else {
		rtnl_route_set_scope(route, RT_SCOPE_UNIVERSE);
	}
	rc = netd_rtnl_errno(rtnl_route_add(sk, route, NLM_F_EXCL));
	rtnl_route_put(route);
	return rc == -EEXIST ? 0 : rc;
}

static int add_routes(struct nl_sock *sk, const struct networks *n,
		      uint32_t ifindex)
{
	int rc = 0;

	for (unsigned i = 0; i < n->count && !rc; i++)
		rc = add_route(sk, n->net[i], ifindex);
	return rc;
}

/* A network that is wanted, by this device or by none. */
static bool is_wanted(struct rtnl_route *route, const struct networks *n,
		      uint32_t ifindex)
{
	struct rtnl_nexthop *nh = rtnl_route_nexthop_n(route, 0);

	if (!has(n, rtnl_route_get_dst(route)))
		return false;
	if (rtnl_route_get_type(route) == RTN_UNREACHABLE)
		return true;
	return nh && (uint32_t)rtnl_route_nh_get_ifindex(nh) == ifindex;
}

static void drop_routes(struct nl_sock *sk, const struct networks *n,
			uint32_t ifindex)
{
	struct nl_cache *cache;
	struct nl_object *o;
	int rc = rtnl_route_alloc_cache(sk, AF_UNSPEC, 0, &cache);

	if (rc) {
		log_warn("reading routes: %s", nl_geterror(rc));
		return;
	}
	for (o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		struct rtnl_route *route = (struct rtnl_route *)o;

		if (rtnl_route_get_table(route) != NETD_PROTECT_TABLE ||
		    is_wanted(route, n, ifindex))
			continue;
		rc = rtnl_route_delete(sk, route, 0);
		if (rc)
			log_warn("removing a route: %s", nl_geterror(rc));
	}
	nl_cache_free(cache);
}

/* --- all of it ------------------------------------------------------------ */

static uint32_t tun_index(struct netd_rtnl *rt, const char *tun)
{
	struct netd_device dev;

	return netd_rtnl_find(rt, tun, &dev) ? 0 : dev.link.ifindex;
}

/* *what: what it was about to do. */
static int put(struct netd_rtnl *rt, const char *tun,
		 const struct networks *n, const char **what)
{
	struct nl_sock *sk = netd_rtnl_socket(rt);
	uint32_t ifindex = tun_index(rt, tun);
	int rc;

	*what = "closing with nftables";
	if (n->count) {
		rc = netd_protect_nft(tun, n->net, n->count);
		if (rc)
			return rc;
	}
	*what = "adding unreachable routes";
	rc = add_routes(sk, n, 0);
	if (rc)
		return rc;
	*what = "adding the routing rule";
	rc = set_rules(sk, n);
	if (rc)
		return rc;
	*what = "adding routes into the TUN";
	if (ifindex)
		rc = add_routes(sk, n, ifindex);
	if (rc)
		return rc;
	drop_routes(sk, n, ifindex);
	drop_rules(sk, n);
	*what = "removing the nftables table";
	return n->count ? 0 : netd_protect_nft(tun, NULL, 0);
}

/* --- the record ----------------------------------------------------------- */

static json_t *make_record(const char *tun, const struct networks *n)
{
	json_t *list = json_array();
	char text[INET6_ADDRSTRLEN + 8];

	for (unsigned i = 0; i < n->count; i++)
		json_array_append_new(list, json_string(nl_addr2str(
						    n->net[i], text,
						    sizeof(text))));
	return json_pack("{s:s, s:o}", "tun", tun, "networks", list);
}

static int save_record(struct netd_protect *p, json_t *record)
{
	char *text = json_dumps(record, JSON_INDENT(2));
	int rc = text ? daemon_save_file(p->path, text, strlen(text), 0600)
		      : -ENOMEM;

	free(text);
	return rc;
}

static void keep_record(struct netd_protect *p, json_t *record)
{
	json_decref(p->record);
	p->record = json_array_size(json_object_get(record, "networks"))
			    ? json_incref(record)
			    : NULL;
	if (!p->record && unlink(p->path) && errno != ENOENT)
		log_err("%s: %s", p->path, strerror(errno));
}

/* nl_addr2str() leaves out the length of a single host. */
static int parse_recorded(struct networks *n, const char *text)
{
	struct rpc_error err;
	char with[128];

	if (!text)
		return -EINVAL;
	snprintf(with, sizeof(with), "%s%s", text,
		 strchr(text, '/')   ? ""
		 : strchr(text, ':') ? "/128"
				     : "/32");
	return add_network(n, with, &err);
}

static void put_back(struct netd_protect *p, const json_t *record)
{
	const char *tun = json_string_value(json_object_get(record, "tun"));
	const char *what;
	struct networks n = { .count = 0 };
	json_t *item;
	size_t i;
	int rc = tun ? 0 : -EINVAL;

	json_array_foreach(json_object_get(record, "networks"), i, item)
		if (!rc && i < NETD_NETWORKS_MAX)
			rc = parse_recorded(&n, json_string_value(item));
	what = "reading the record";
	if (!rc)
		rc = put(p->rt, tun, &n, &what);
	if (rc)
		log_err("protected networks: %s: %s", what, strerror(-rc));
	networks_fini(&n);
}

void netd_protect_restore(struct netd_protect *p)
{
	if (p->record)
		put_back(p, p->record);
}

int netd_protect_open(struct netd_protect **out, const char *dir,
		      struct netd_rtnl *rt)
{
	struct netd_protect *p = calloc(1, sizeof(*p));
	json_error_t je;
	char *text;
	size_t len;
	int rc;

	if (!p)
		return -ENOMEM;
	p->rt = rt;
	snprintf(p->path, sizeof(p->path), "%s/protect", dir);
	rc = daemon_read_file(p->path, RECORD_BYTES_MAX, &text, &len);
	if (!rc) {
		p->record = json_loadb(text, len, 0, &je);
		free(text);
		if (!p->record)
			log_err("%s: %s", p->path, je.text);
		netd_protect_restore(p);
	} else if (rc != -ENOENT) {
		log_err("%s: %s", p->path, strerror(-rc));
	}
	*out = p;
	return 0;
}

void netd_protect_close(struct netd_protect *p)
{
	if (!p)
		return;
	json_decref(p->record);
	free(p);
}

json_t *netd_protect_dump(const struct netd_protect *p)
{
	return p->record ? json_deep_copy(p->record) : json_null();
}

int netd_protect_apply(struct netd_protect *p,
		       const struct netd_protection *conf,
		       struct rpc_error *err)
{
	struct networks n = { .count = 0 };
	const char *what = "remembering it";
	json_t *record = NULL;
	int rc = parse(&n, conf, err);

	if (rc)
		goto out;
	record = make_record(conf->tun, &n);
	rc = record ? save_record(p, record) : -ENOMEM;
	if (!rc)
		rc = put(p->rt, conf->tun, &n, &what);
	if (rc) {
		rpc_error_set(err, RPC_FAILED, "networks", NULL,
			      "the kernel needs nftables and policy routing "
			      "(modprobe nf_tables)",
			      "protecting networks: %s: %s", what,
			      strerror(-rc));
		if (p->record)
			save_record(p, p->record);
		netd_protect_restore(p);
	} else {
		keep_record(p, record);
		log_info("%u networks are reached by %s or not at all",
			 n.count, conf->tun);
	}
out:
	json_decref(record);
	networks_fini(&n);
	return rc;
}
