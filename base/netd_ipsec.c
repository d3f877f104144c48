/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_ipsec.c: from JSON to netd_tun and netd_protect.
 *
 * espd reads what comes from the wire; whoever takes it over can ask for
 * these.  So ports are those of IKE and nothing else, and a TUN is one that
 * netd made.
 */
#include "base/netd_ipsec.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/log.h"
#include "base/netd_answer.h"
#include "base/netd_tap.h"
#include "base/netd_tun.h"

/* --- tun.open ------------------------------------------------------------- */

struct tun_params {
	const char *name;
	int mtu, queues;
	const char *texts[NETD_ADDRESSES_MAX];
	unsigned count;
};

static bool tun_params(struct rpc_request *req, struct tun_params *p)
{
	json_t *addresses;
	json_error_t je;

	*p = (struct tun_params){ .queues = 1 };
	if (json_unpack_ex(req->params, &je, JSON_STRICT,
			   "{s:s, s:i, s:i, s:o}", "name", &p->name, "mtu",
			   &p->mtu, "queues", &p->queues, "addresses",
			   &addresses)) {
		netd_answer_bad_params(req, &je,
				       "{\"name\":\"tun0\",\"mtu\":1400,"
				       "\"queues\":1,\"addresses\":[]}");
		return false;
	}
	if (netd_answer_bad_name(req, "name", p->name) ||
	    !netd_answer_addresses(req, addresses, p->texts, &p->count))
		return false;
	if (p->queues >= 1 && p->queues <= NETD_QUEUES_MAX && p->mtu >= 0)
		return true;
	rpc_refuse(req, RPC_INVALID_PARAMS, "queues", NULL,
		   "queues 1 to 16, mtu 68 to 65535 or 0",
		   "queues %d, mtu %d: out of range", p->queues, p->mtu);
	return false;
}

/* Ours, up, with addresses and routes. */
static int tun_set_up(struct netd_ipsec *i, const struct tun_params *p,
		      uid_t uid, int fd, struct netd_device *dev,
		      struct rpc_error *err)
{
	const struct netd_tap_made made = { .name = p->name, .mtu = p->mtu,
					    .uid = uid, .tun = true };
	const struct netd_tap_conf conf = { .name = p->name,
					    .addresses = p->texts,
					    .address_count = p->count };
	int rc = netd_tap_adopt(i->rt, i->take, &made, fd, dev, err);

	if (!rc)
		rc = netd_tap_address(i->rt, i->take, &conf, dev, err);
	if (!rc)
		netd_protect_restore(i->protect);
	return rc;
}

static void do_tun_open(struct rpc_request *req, void *ctx)
{
	struct netd_ipsec *i = ctx;
	int fds[NETD_QUEUES_MAX];
	struct rpc_error err = { .code = RPC_FAILED };
	struct netd_device dev;
	struct tun_params p;
	uint32_t offload;
	bool exists;
	int rc;

	if (!tun_params(req, &p))
		return;
	if (netd_take_find_tap(i->take, p.name, &exists, &err)) {
		rpc_reply_error(req, &err);
		return;
	}
	rc = netd_tun_attach(p.name, req->peer->uid, p.queues, fds, &offload);
	if (rc) {
		netd_answer_failed(req, "name", p.name, "opening the TUN", rc,
				   "is it in use (by another espd), or a tap? "
				   "modprobe tun");
		return;
	}
	if (tun_set_up(i, &p, req->peer->uid, fds[0], &dev, &err)) {
		netd_answer_close(fds, p.queues);
		rpc_reply_error(req, &err);
		return;
	}
	log_info("TUN %s %s for uid %u, pid %d, %d queues", p.name,
		 exists ? "opened again" : "made", req->peer->uid,
		 (int)req->peer->pid, p.queues);
	dev.link.offload = offload;
	rpc_reply_fds(req, netd_answer_link(i->take, &dev.link), fds,
		      p.queues);
}

/* --- udp.bind, esp.open --------------------------------------------------- */

static bool parse_local(struct rpc_request *req, const char *text,
			uint16_t port, struct sockaddr_storage *ss)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *in = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		return true;
	}
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1 &&
	    !IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr)) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		return true;
	}
	rpc_refuse(req, RPC_INVALID_PARAMS, "address", text,
		   "an address of this host, as 192.0.2.1 or 2001:db8::1; "
		   "0.0.0.0 or :: for all", "not an address to listen on: %s",
		   text);
	return false;
}

static void do_udp_bind(struct rpc_request *req, void *ctx)
{
	struct sockaddr_storage local;
	json_error_t je;
	const char *address;
	int fds[2], port, sockets, rc;

	if (json_unpack_ex(req->params, &je, JSON_STRICT, "{s:s, s:i, s:i}",
			   "address", &address, "port", &port, "sockets",
			   &sockets)) {
		netd_answer_bad_params(req, &je,
				       "{\"address\":\"192.0.2.1\","
				       "\"port\":4500,\"sockets\":2}");
		return;
	}
	if ((port != 500 && port != 4500) || sockets < 1 || sockets > 2) {
		rpc_refuse(req, RPC_INVALID_PARAMS, "port", NULL,
			   "port 500 or 4500, sockets 1 or 2",
			   "port %d, %d sockets: not IKE's", port, sockets);
		return;
	}
	if (!parse_local(req, address, port, &local))
		return;
	rc = netd_tun_udp(&local, sockets, fds);
	if (rc)
		netd_answer_failed(req, "address", address,
				   port == 500 ? "binding UDP port 500"
					       : "binding UDP port 4500",
				   rc,
				   rc == -EADDRINUSE
					   ? "another IKE daemon has it: ss -ulpn"
					   : "is it an address of this host? "
					     "ip -br addr");
	else
		rpc_reply_fds(req, json_object(), fds, sockets);
}

static void do_esp_open(struct rpc_request *req, void *ctx)
{
	struct sockaddr_storage local;
	json_error_t je;
	const char *address;
	int fd, rc;

	if (json_unpack_ex(req->params, &je, JSON_STRICT, "{s:s}", "address",
			   &address)) {
		netd_answer_bad_params(req, &je,
				       "{\"address\":\"192.0.2.1\"}");
		return;
	}
	if (!parse_local(req, address, 0, &local))
		return;
	rc = netd_tun_esp(&local, &fd);
	if (rc)
		netd_answer_failed(req, "address", address,
				   "opening a raw socket for ESP", rc,
				   "is it an address of this host? "
				   "ip -br addr");
	else
		rpc_reply_fds(req, json_object(), &fd, 1);
}

/* --- protect.set, status -------------------------------------------------- */

static bool network_texts(struct rpc_request *req, const json_t *list,
			  const char *texts[NETD_NETWORKS_MAX],
			  unsigned *count)
{
	json_t *item;
	size_t i;

	*count = 0;
	if (json_array_size(list) <= NETD_NETWORKS_MAX)
		json_array_foreach(list, i, item)
			if (json_is_string(item))
				texts[(*count)++] = json_string_value(item);
	if (json_is_array(list) && *count == json_array_size(list))
		return true;
	rpc_refuse(req, RPC_INVALID_PARAMS, "networks", NULL,
		   "[\"10.2.0.0/16\", \"2001:db8:2::/48\"], at most 256",
		   "networks: not a list of texts");
	return false;
}

static void do_protect_set(struct rpc_request *req, void *ctx)
{
	struct netd_ipsec *i = ctx;
	const char *texts[NETD_NETWORKS_MAX];
	struct netd_protection conf = { .networks = texts };
	struct rpc_error err;
	json_t *networks;
	json_error_t je;

	if (json_unpack_ex(req->params, &je, JSON_STRICT, "{s:s, s:o}", "tun",
			   &conf.tun, "networks", &networks)) {
		netd_answer_bad_params(req, &je,
				       "{\"tun\":\"tun0\","
				       "\"networks\":[\"10.2.0.0/16\"]}");
		return;
	}
	if (netd_answer_bad_name(req, "tun", conf.tun) ||
	    !network_texts(req, networks, texts, &conf.network_count))
		return;
	if (netd_protect_apply(i->protect, &conf, &err))
		rpc_reply_error(req, &err);
	else
		rpc_reply(req, NULL);
}

static void do_status(struct rpc_request *req, void *ctx)
{
	struct netd_ipsec *i = ctx;

	rpc_reply(req, json_pack("{s:i, s:o}", "pid", (int)getpid(),
				 "protected", netd_protect_dump(i->protect)));
}

const struct rpc_method netd_ipsec_methods[] = {
	{ "tun.open", do_tun_open, 0, 0 },
	{ "udp.bind", do_udp_bind, 0, 0 },
	{ "esp.open", do_esp_open, 0, 0 },
	{ "protect.set", do_protect_set, 0, 0 },
	{ "status", do_status, 0, 0 },
	{ NULL, NULL, 0, 0 },
};
