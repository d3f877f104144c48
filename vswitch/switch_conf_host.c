/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_conf_host.c: the host's addresses and default routes on its taps.
 *
 * The kernel takes nearly anything: an address twice, a network as a host, a
 * router that is the host itself.  Who wrote that will not get what he wants,
 * and may lose his way to this host, so it is refused.
 */
#include "vswitch/switch_conf_keys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WHERE_LEN 64
#define NAMED_LEN (CONF_PREFIX_TEXT + 2)

static const char *address_path(char *to, uint32_t port, uint32_t k)
{
	snprintf(to, WHERE_LEN, "ports[%u].addresses[%u]", port, k);
	return to;
}

static const char *quoted_address(char *to, const struct conf_address *a)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(a->family, &a->addr, text, sizeof(text));
	snprintf(to, NAMED_LEN, "\"%s/%u\"", text, a->len);
	return to;
}

/* Link by link, what fe80:: is may be on another link as well. */
static bool is_link_local(const struct conf_address *a)
{
	return a->family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&a->addr.v6);
}

/* Why no host can have this address in its prefix, or NULL. */
static const char *unfit(int family, const void *addr, uint8_t len)
{
	uint8_t all = family == AF_INET ? 32 : 128;
	enum conf_host_bits bits = conf_host_bits(family, addr, len);

	if (conf_prefix_is_martian(family, addr, all))
		return "this one no host on a link can have";
	if (len >= all - 1) /* RFC 3021, RFC 6164 */
		return NULL;
	if (bits == CONF_HOST_BITS_ZERO)
		return "this one is the network itself";
	if (bits == CONF_HOST_BITS_ONES && family == AF_INET)
		return "this one is the network's broadcast address";
	return NULL;
}

static void check_addresses(const struct switch_conf *conf,
			    struct switch_conf_errors *errs, uint32_t i)
{
	const struct conf_port *p = &conf->ports[i];
	char path[WHERE_LEN], value[NAMED_LEN];
	const char *why;
	uint32_t k;

	for (k = 0; k < p->address_count; k++) {
		const struct conf_address *a = &p->addresses[k];

		why = unfit(a->family, &a->addr, a->len);
		if (why)
			conf_error(errs, address_path(path, i, k),
				   quoted_address(value, a),
				   "address of a host, with its prefix; %s",
				   why);
	}
}

/* ---- default routes ---- */

static bool is_set(int family, const void *gateway)
{
	static const struct in6_addr none;

	return memcmp(gateway, &none, family == AF_INET ? 4 : 16) != 0;
}

/* Why the port cannot have this router, or NULL. */
static const char *bad_gateway(const struct conf_port *p, int family,
			       const void *gateway)
{
	const struct conf_address *a, *link = NULL;
	uint32_t k;

	for (k = 0; k < p->address_count; k++) {
		a = &p->addresses[k];
		if (a->family != family)
			continue;
		if (!memcmp(&a->addr, gateway, family == AF_INET ? 4 : 16))
			return "address of a router; this one is the port's "
			       "own";
		if (conf_prefix_has(family, &a->addr, a->len, gateway))
			link = a;
	}
	if (family == AF_INET6 &&
	    IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)gateway))
		return NULL;
	if (!link)
		return "an address within the prefix of one of addresses";
	if (family == AF_INET && unfit(family, gateway, link->len))
		return "address of a router, not the network's or its "
		       "broadcast address";
	return NULL;
}

static void gateway_error(struct switch_conf_errors *errs, uint32_t i,
			  int family, const void *gateway,
			  const char *expected)
{
	char path[WHERE_LEN], text[INET6_ADDRSTRLEN], value[NAMED_LEN];

	snprintf(path, sizeof(path), "ports[%u].%s", i,
		 family == AF_INET ? "gateway" : "gateway6");
	inet_ntop(family, gateway, text, sizeof(text));
	snprintf(value, sizeof(value), "\"%s\"", text);
	conf_error(errs, path, value, "%s", expected);
}

/* The host has one default route of a family. */
static void check_gateways(const struct switch_conf *conf,
			   struct switch_conf_errors *errs, int family)
{
	const struct conf_port *p, *first = NULL;
	const void *gateway;
	const char *why;
	char taken[128];
	uint32_t i;

	for (i = 0; i < conf->port_count; i++) {
		p = &conf->ports[i];
		gateway = family == AF_INET ? (const void *)&p->gateway
					    : &p->gateway6;
		if (!is_set(family, gateway))
			continue;
		why = bad_gateway(p, family, gateway);
		if (first) {
			snprintf(taken, sizeof(taken),
				 "the host's only one of its kind: port %s "
				 "has one", first->name);
			why = taken;
		}
		if (why)
			gateway_error(errs, i, family, gateway, why);
		first = first ? first : p;
	}
}

/* ---- an address is at one tap ---- */

struct owned {
	const struct conf_address *address;
	uint32_t port, k;
};

static int same_address(const struct owned *a, const struct owned *b)
{
	if (a->address->family != b->address->family)
		return a->address->family - b->address->family;
	return memcmp(&a->address->addr, &b->address->addr,
		      a->address->family == AF_INET ? 4 : 16);
}

static int order_owned(const void *x, const void *y)
{
	const struct owned *a = x, *b = y;
	int order = same_address(a, b);

	if (order)
		return order;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return (int)a->k - (int)b->k;
}

static size_t list_owned(const struct switch_conf *conf, struct owned *list)
{
	size_t n = 0;
	uint32_t i, k;

	for (i = 0; i < conf->port_count; i++)
		for (k = 0; k < conf->ports[i].address_count; k++)
			list[n++] = (struct owned){
				&conf->ports[i].addresses[k], i, k
			};
	return n;
}

static int check_twice(const struct switch_conf *conf,
		       struct switch_conf_errors *errs)
{
	char path[WHERE_LEN], value[NAMED_LEN];
	size_t count = 0, n;
	struct owned *list;
	uint32_t i;

	for (i = 0; i < conf->port_count; i++)
		count += conf->ports[i].address_count;
	list = calloc(count + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	count = list_owned(conf, list);
	qsort(list, count, sizeof(*list), order_owned);
	for (n = 1; n < count; n++) {
		const struct owned *a = &list[n - 1], *b = &list[n];

		if (same_address(a, b) ||
		    (a->port != b->port && is_link_local(a->address)))
			continue;
		conf_error(errs, address_path(path, b->port, b->k),
			   quoted_address(value, b->address),
			   "each address once; port %s has it",
			   conf->ports[a->port].name);
	}
	free(list);
	return 0;
}

int conf_check_hosts(const struct switch_conf *conf,
		     struct switch_conf_errors *errs)
{
	uint32_t i;

	for (i = 0; i < conf->port_count; i++)
		check_addresses(conf, errs, i);
	check_gateways(conf, errs, AF_INET);
	check_gateways(conf, errs, AF_INET6);
	return check_twice(conf, errs);
}
