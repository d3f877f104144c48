/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_answer.c: see the header.
 */
#include "base/netd_answer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool ifname_is_valid(const char *name)
{
	size_t len = strlen(name);

	/* '%' would be a pattern to the kernel; sysctl has its own "all". */
	if (!len || len >= IFNAMSIZ || !strcmp(name, ".") ||
	    !strcmp(name, "..") || !strcmp(name, "all") ||
	    !strcmp(name, "default"))
		return false;
	for (const char *p = name; *p; p++)
		if (*p <= ' ' || *p == 0x7f || strchr("/:%", *p))
			return false;
	return true;
}

bool netd_answer_bad_name(struct rpc_request *req, const char *key,
			  const char *name)
{
	if (ifname_is_valid(name))
		return false;
	rpc_refuse(req, RPC_INVALID_PARAMS, key, name,
		   "1 to 15 bytes without space, '/', ':' and '%'",
		   "not a device name");
	return true;
}

void netd_answer_bad_params(struct rpc_request *req, const json_error_t *je,
			    const char *example)
{
	rpc_refuse(req, RPC_INVALID_PARAMS, "params", NULL, example, "%s: %s",
		   req->method, je->text);
}

static json_t *offload_to_json(uint32_t mask)
{
	static const char *const names[] = { "csum", "tso4", "tso6", "tso_ecn",
					     "uso" };
	json_t *list = json_array();

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (mask & (1u << i))
			json_array_append_new(list, json_string(names[i]));
	return list;
}

json_t *netd_answer_link(const struct netd_take *take,
			 const struct netd_link *l)
{
	static const char *const duplexes[] = {
		[NETD_DUPLEX_UNKNOWN] = "unknown",
		[NETD_DUPLEX_HALF] = "half",
		[NETD_DUPLEX_FULL] = "full",
	};
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", l->mac[0],
		 l->mac[1], l->mac[2], l->mac[3], l->mac[4], l->mac[5]);
	return json_pack("{s:s, s:I, s:s, s:I, s:I, s:s, s:o, s:b, s:b, s:b, "
			 "s:b}",
			 "ifname", l->ifname, "ifindex",
			 (json_int_t)l->ifindex, "mac", mac, "mtu",
			 (json_int_t)l->mtu, "speed_mbps",
			 (json_int_t)l->speed_mbps, "duplex",
			 duplexes[l->duplex], "offload",
			 offload_to_json(l->offload), "present", l->present,
			 "up", l->up, "carrier", l->carrier, "taken",
			 netd_take_holds(take, l));
}

void netd_answer_failed(struct rpc_request *req, const char *key,
			const char *name, const char *what, int rc,
			const char *hint)
{
	rpc_refuse(req, RPC_FAILED, key, name, hint, "%s: %s: %s", name, what,
		   strerror(-rc));
}

void netd_answer_close(const int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
}

bool netd_answer_addresses(struct rpc_request *req, const json_t *list,
			   const char *texts[NETD_ADDRESSES_MAX],
			   unsigned *count)
{
	json_t *item;
	size_t i;

	*count = 0;
	if (json_array_size(list) <= NETD_ADDRESSES_MAX)
		json_array_foreach(list, i, item)
			if (json_is_string(item))
				texts[(*count)++] = json_string_value(item);
	if (json_is_array(list) && *count == json_array_size(list))
		return true;
	rpc_refuse(req, RPC_INVALID_PARAMS, "addresses", NULL,
		   "[\"192.0.2.7/24\", \"2001:db8::7/64\"], at most 16",
		   "addresses: not a list of texts");
	return false;
}
