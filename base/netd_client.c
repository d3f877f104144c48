/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_client.c: netd's verbs as calls; the JSON they travel in stays here.
 */
#include "base/netd_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

struct netd_client {
	struct rpc_client *rpc;
	bool timed_out;
};

static const struct {
	const char *name;
	enum netd_offload bit;
} offloads[] = {
	{ "csum", NETD_CSUM },	     { "tso4", NETD_TSO4 },
	{ "tso6", NETD_TSO6 },	     { "tso_ecn", NETD_TSO_ECN },
	{ "uso", NETD_USO },
};

const char *netd_setting_name(enum netd_setting bit)
{
	static const char *const names[NETD_SETTING_COUNT] = {
		"rx",  "tx",  "sg",	 "tso",	  "ufo",    "gso",
		"gro", "lro", "autoneg", "speed", "duplex", "advertise",
	};

	for (unsigned i = 0; i < NETD_SETTING_COUNT; i++)
		if ((uint32_t)bit == 1u << i)
			return names[i];
	return NULL;
}

int netd_client_open(struct netd_client **out, const char *path,
		     struct rpc_error *err)
{
	struct netd_client *c = calloc(1, sizeof(*c));
	int rc;

	if (!c) {
		rpc_error_set(err, 0, NULL, NULL, NULL, "out of memory");
		return -ENOMEM;
	}
	rc = rpc_client_open(&c->rpc, path ? path : NETD_SOCKET, err);
	if (rc) {
		free(c);
		return rc;
	}
	*out = c;
	return 0;
}

void netd_client_close(struct netd_client *c)
{
	if (!c)
		return;
	rpc_client_close(c->rpc);
	free(c);
}

int netd_client_fd(const struct netd_client *c)
{
	return rpc_client_fd(c->rpc);
}

bool netd_client_timed_out(const struct netd_client *c)
{
	return c->timed_out;
}

/* rpc_call(), and what became of it. */
static int call(struct netd_client *c, const char *verb, json_t *params,
		struct rpc_fds *fds, int timeout_ms, json_t **result,
		struct rpc_error *err)
{
	int rc = rpc_call(c->rpc, verb, params, fds, timeout_ms, result, err);

	if (rc == -ETIMEDOUT)
		c->timed_out = true;
	return rc;
}

int netd_ping(struct netd_client *c, int timeout_ms, struct rpc_error *err)
{
	return call(c, "status", NULL, NULL, timeout_ms, NULL, err);
}

static bool parse_mac(uint8_t mac[6], const char *text)
{
	return text && sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx",
			      &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
			      &mac[5]) == 6;
}

static uint32_t parse_offload(const json_t *list)
{
	uint32_t mask = 0;
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		for (size_t k = 0; k < sizeof(offloads) / sizeof(offloads[0]);
		     k++)
			if (json_is_string(item) &&
			    !strcmp(json_string_value(item), offloads[k].name))
				mask |= offloads[k].bit;
	return mask;
}

static enum netd_duplex parse_duplex(const json_t *json)
{
	const char *text = json_string_value(json);

	if (text && !strcmp(text, "full"))
		return NETD_DUPLEX_FULL;
	return text && !strcmp(text, "half") ? NETD_DUPLEX_HALF :
					       NETD_DUPLEX_UNKNOWN;
}

static bool flag(const json_t *json, const char *key)
{
	return json_is_true(json_object_get(json, key));
}

/* What netd says about a device: 0, or -EPROTO when that is not it. */
static int parse_link(const json_t *json, struct netd_link *link)
{
	const char *name = json_string_value(json_object_get(json, "ifname"));

	memset(link, 0, sizeof(*link));
	if (!name || strlen(name) >= sizeof(link->ifname))
		return -EPROTO;
	strcpy(link->ifname, name);
	link->ifindex = json_integer_value(json_object_get(json, "ifindex"));
	link->mtu = json_integer_value(json_object_get(json, "mtu"));
	link->speed_mbps =
		json_integer_value(json_object_get(json, "speed_mbps"));
	link->duplex = parse_duplex(json_object_get(json, "duplex"));
	link->offload = parse_offload(json_object_get(json, "offload"));
	link->present = flag(json, "present");
	link->up = flag(json, "up");
	link->carrier = flag(json, "carrier");
	link->taken = flag(json, "taken");
	if (!parse_mac(link->mac,
		       json_string_value(json_object_get(json, "mac"))) &&
	    link->present)
		return -EPROTO;
	return 0;
}

/*
 * Call, and take exactly `want` descriptors and a link (if `link`) from the
 * answer.
 */
static int call_for_fds(struct netd_client *c, const char *verb,
			json_t *params, int *fds, unsigned want,
			struct netd_link *link, struct rpc_error *err)
{
	struct rpc_fds got = { .send_count = 0 };
	json_t *result = NULL;
	int rc = call(c, verb, params, &got, NETD_TIMEOUT_MS, &result, err);

	if (rc)
		return rc;
	if (link)
		rc = parse_link(result, link);
	json_decref(result);
	if (!rc && got.received_count == want) {
		if (want)
			memcpy(fds, got.received, want * sizeof(fds[0]));
		return 0;
	}
	for (unsigned i = 0; i < got.received_count; i++)
		close(got.received[i]);
	rpc_error_set(err, 0, NULL, NULL, "is it of the same version?",
		      "%s: netd's answer makes no sense", verb);
	return -EPROTO;
}

int netd_tap_open(struct netd_client *c, const char *name, uint32_t mtu,
		  unsigned queues, int fds[], struct netd_link *link,
		  struct rpc_error *err)
{
	json_t *params = json_pack("{s:s, s:I, s:I}", "name", name, "mtu",
				   (json_int_t)mtu, "queues",
				   (json_int_t)queues);

	return call_for_fds(c, "tap.open", params, fds, queues, link, err);
}

static json_t *pack_texts(const char *const *texts, unsigned count)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < count; i++)
		json_array_append_new(list, json_string(texts[i]));
	return list;
}

static json_t *pack_mac(const uint8_t mac[6])
{
	return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
			    mac[2], mac[3], mac[4], mac[5]);
}

int netd_tap_configure(struct netd_client *c, const struct netd_tap_conf *conf,
		       struct netd_link *link, struct rpc_error *err)
{
	json_t *list = pack_texts(conf->addresses, conf->address_count);
	json_t *params = json_pack("{s:s, s:o, s:o*, s:s*, s:s*}", "name", conf->name,
			   "addresses", list, "mac",
			   conf->mac ? pack_mac(conf->mac) : NULL, "gateway",
			   conf->gateway, "ipv6_gateway", conf->ipv6_gateway);
	return call_for_fds(c, "tap.configure", params, NULL, 0, link, err);
}

int netd_packet_open(struct netd_client *c, const struct netd_packet_conf *conf,
		     int *fd, struct netd_link *link, struct rpc_error *err)
{
	json_t *params = json_pack("{s:s, s:I, s:b, s:b}", "ifname",
				   conf->ifname, "mtu", (json_int_t)conf->mtu,
				   "want_tags", conf->want_tags, "force",
				   conf->force);

	return call_for_fds(c, "packet.open", params, fd, 1, link, err);
}

int netd_link_set(struct netd_client *c, const struct netd_link_conf *conf,
		  struct netd_link *link, struct rpc_error *err)
{
	json_t *params = json_pack("{s:s, s:I, s:b, s:b}", "ifname",
				   conf->ifname, "mtu", (json_int_t)conf->mtu,
				   "want_tags", conf->want_tags, "promiscuous",
				   conf->promiscuous);

	return call_for_fds(c, "link.set", params, NULL, 0, link, err);
}

int netd_control_open(struct netd_client *c, const char *ifname, int *fd,
		      struct netd_link *link, struct rpc_error *err)
{
	return call_for_fds(c, "control.open",
			    json_pack("{s:s}", "ifname", ifname), fd, 1, link,
			    err);
}

static json_t *pack_settings(const struct netd_ethtool *want)
{
	json_t *o = json_object();

	for (uint32_t bit = 1; bit & NETD_SWITCHES; bit <<= 1)
		if (want->given & bit)
			json_object_set_new(o, netd_setting_name(bit),
					    json_boolean(want->on & bit));
	if (want->given & NETD_SPEED)
		json_object_set_new(o, "speed", json_integer(want->speed_mbps));
	if (want->given & NETD_DUPLEX)
		json_object_set_new(o, "duplex",
				    json_string(want->duplex ==
						NETD_DUPLEX_HALF ?
						"half" : "full"));
	if (want->given & NETD_ADVERTISE)
		json_object_set_new(o, "advertise",
				    json_integer(want->advertise));
	return o;
}

static uint32_t parse_settings(const json_t *list)
{
	uint32_t mask = 0;
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		for (unsigned k = 0; k < NETD_SETTING_COUNT; k++)
			if (json_is_string(item) &&
			    !strcmp(json_string_value(item),
				    netd_setting_name(1u << k)))
				mask |= 1u << k;
	return mask;
}

int netd_link_ethtool(struct netd_client *c, const char *ifname,
		      const struct netd_ethtool *want, uint32_t *unsupported,
		      struct rpc_error *err)
{
	json_t *params = json_pack("{s:s, s:o}", "ifname", ifname, "settings",
				   pack_settings(want));
	json_t *result = NULL;
	int rc = call(c, "link.ethtool", params, NULL, NETD_TIMEOUT_MS,
		      &result, err);

	*unsupported = parse_settings(json_object_get(result, "unsupported"));
	json_decref(result);
	return rc;
}

int netd_tun_open(struct netd_client *c, const struct netd_tun_conf *conf,
		  int fds[], struct netd_link *link, struct rpc_error *err)
{
	json_t *list = pack_texts(conf->addresses, conf->address_count);
	json_t *params = json_pack("{s:s, s:I, s:I, s:o}", "name", conf->name,
				   "mtu", (json_int_t)conf->mtu, "queues",
				   (json_int_t)conf->queues, "addresses", list);

	return call_for_fds(c, "tun.open", params, fds, conf->queues, link,
			    err);
}

/* {"address", "port"}; NULL when it is neither IPv4 nor IPv6. */
static json_t *pack_address(const struct sockaddr *local)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)local;
	const struct sockaddr_in *in = (const struct sockaddr_in *)local;
	char text[INET6_ADDRSTRLEN];
	uint16_t port;

	if (local->sa_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		port = ntohs(in->sin_port);
	} else if (local->sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		port = ntohs(in6->sin6_port);
	} else {
		return NULL;
	}
	return json_pack("{s:s, s:i}", "address", text, "port", (int)port);
}

int netd_udp_bind(struct netd_client *c, const struct sockaddr *local,
		  unsigned sockets, int fds[], struct rpc_error *err)
{
	json_t *params = pack_address(local);

	json_object_set_new(params, "sockets", json_integer(sockets));
	return call_for_fds(c, "udp.bind", params, fds, sockets, NULL, err);
}

int netd_esp_open(struct netd_client *c, const struct sockaddr *local, int *fd,
		  struct rpc_error *err)
{
	json_t *params = pack_address(local);

	json_object_del(params, "port");
	return call_for_fds(c, "esp.open", params, fd, 1, NULL, err);
}

int netd_protect_set(struct netd_client *c, const struct netd_protection *conf,
		     struct rpc_error *err)
{
	json_t *list = pack_texts(conf->networks, conf->network_count);

	return call(c, "protect.set",
		    json_pack("{s:s, s:o}", "tun", conf->tun, "networks",
			      list), NULL, NETD_TIMEOUT_MS, NULL, err);
}

int netd_release(struct netd_client *c, const char *ifname,
		 struct rpc_error *err)
{
	return call(c, "release", json_pack("{s:s}", "ifname", ifname), NULL,
		    NETD_TIMEOUT_MS, NULL, err);
}

static unsigned parse_names(const json_t *names, bool taps,
			    struct netd_held *list)
{
	unsigned n = 0;
	json_t *item;
	size_t i;

	json_array_foreach(names, i, item) {
		if (!json_is_string(item) ||
		    json_string_length(item) >= sizeof(list[n].ifname))
			continue;
		strcpy(list[n].ifname, json_string_value(item));
		list[n++].tap = taps;
	}
	return n;
}

int netd_held(struct netd_client *c, struct netd_held **list, unsigned *count,
	      struct rpc_error *err)
{
	const json_t *taps, *others;
	json_t *result;
	int rc = call(c, "held", NULL, NULL, NETD_TIMEOUT_MS, &result, err);

	if (rc)
		return rc;
	taps = json_object_get(result, "taps");
	others = json_object_get(result, "interfaces");
	*list = calloc(json_array_size(taps) + json_array_size(others) + 1,
		       sizeof(**list));
	if (*list) {
		*count = parse_names(taps, true, *list);
		*count += parse_names(others, false, *list + *count);
	} else {
		rc = -ENOMEM;
		rpc_error_set(err, 0, NULL, NULL, NULL, "out of memory");
	}
	json_decref(result);
	return rc;
}

int netd_link_get(struct netd_client *c, const char *ifname,
		  struct netd_link *link, struct rpc_error *err)
{
	return call_for_fds(c, "link.get",
			    json_pack("{s:s}", "ifname", ifname), NULL, 0, link,
			    err);
}

int netd_link_watch(struct netd_client *c, struct rpc_error *err)
{
	return call(c, "link.watch", NULL, NULL, NETD_TIMEOUT_MS, NULL, err);
}

int netd_client_next(struct netd_client *c, struct netd_link *event)
{
	char *method;
	json_t *params;
	int rc;

	/* A notification of a newer netd, or a broken one, is passed over. */
	while ((rc = rpc_client_next(c->rpc, 0, &method, &params)) == 1) {
		bool ours = !strcmp(method, "link.event") &&
			    !parse_link(params, event);

		free(method);
		json_decref(params);
		if (ours)
			return 1;
	}
	return rc;
}
