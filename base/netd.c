/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd.c: causeway-netd, the one process of the data plane with rights over
 * the host's network.
 *
 * It answers a short list of verbs from one user (switchd's) and root, opens
 * taps and packet sockets, takes devices from the host's stack and gives them
 * back, and passes descriptors on.  Another socket has another list, for
 * another user: espd's (netd_ipsec.h).  It reads no frame and knows no guest.  It
 * keeps CAP_NET_ADMIN and CAP_NET_RAW (and CAP_NET_BIND_SERVICE if it serves
 * espd) and nothing else, in a jail that has no exec and opens only the kinds
 * of sockets that it is asked for.
 *
 * One thread, one loop.  It may be killed at any time: what was taken is on
 * disk (netd_take.h) and stays taken; descriptors are the others' by then.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cap-ng.h>
#include <event2/event.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/daemon.h"
#include "base/log.h"
#include "base/netd_answer.h"
#include "base/netd_client.h"
#include "base/netd_ipsec.h"
#include "base/netd_open.h"
#include "base/netd_protect.h"
#include "base/netd_rtnl.h"
#include "base/netd_take.h"
#include "base/netd_tap.h"
#include "base/rpc.h"

#define DEFAULT_STATE "/run/causeway/netd"
#define DEFAULT_USER "causeway-switch"
#define IPSEC_USER "causeway-espd"
#define OPEN_FILES 1024

struct netd {
	const char *socket_path, *ipsec_path;
	const char *state_dir;
	uid_t allow_uid, ipsec_uid; /* (uid_t)-1: root only */
	struct event_base *base;
	struct event *link_event;
	struct netd_rtnl *rt;
	struct netd_take *take;
	struct netd_protect *protect;
	struct netd_ipsec ipsec;
	struct rpc_server *rpc;
	struct rpc_server *ipsec_rpc;
};

/* --- tap.open ------------------------------------------------------------- */

struct tap_params {
	const char *name;
	int mtu;
	int queues;
};

static bool tap_params(struct rpc_request *req, struct tap_params *p)
{
	json_error_t je;

	*p = (struct tap_params){ .queues = 1 };
	if (json_unpack_ex(req->params, &je, JSON_STRICT, "{s:s, s?i, s?i}",
			   "name", &p->name, "mtu", &p->mtu, "queues",
			   &p->queues)) {
		netd_answer_bad_params(req, &je,
			      "{\"name\":\"tap0\",\"mtu\":1500,\"queues\":1}");
		return false;
	}
	if (netd_answer_bad_name(req, "name", p->name))
		return false;
	if (p->queues < 1 || p->queues > NETD_QUEUES_MAX || p->mtu < 0) {
		rpc_refuse(req, RPC_INVALID_PARAMS, "queues", NULL,
			   "queues 1 to 16, mtu 68 to 65521 or 0",
			   "queues %d, mtu %d: out of range", p->queues,
			   p->mtu);
		return false;
	}
	return true;
}

static void do_tap_open(struct rpc_request *req, void *ctx)
{
	struct netd *n = ctx;
	int fds[NETD_QUEUES_MAX];
	struct netd_device dev;
	struct tap_params p;
	struct netd_tap_made made;
	struct rpc_error err = { .code = RPC_FAILED };
	uint32_t offload;
	bool exists;
	int rc;

	if (!tap_params(req, &p))
		return;
	made = (struct netd_tap_made){ .name = p.name, .mtu = p.mtu,
				       .uid = req->peer->uid };
	if (netd_take_find_tap(n->take, p.name, &exists, &err)) {
		rpc_reply_error(req, &err);
		return;
	}
	rc = netd_open_tap(p.name, req->peer->uid, p.queues, fds, &offload);
	if (rc) {
		netd_answer_failed(req, "name", p.name, "opening the tap", rc,
			     "modprobe tun; is /dev/net/tun there?");
		return;
	}
	if (netd_tap_adopt(n->rt, n->take, &made, fds[0], &dev, &err)) {
		netd_answer_close(fds, p.queues);
		rpc_reply_error(req, &err);
		return;
	}
	log_info("tap %s %s for uid %u, pid %d, %d queues", p.name,
		 exists ? "opened again" : "made", req->peer->uid,
		 (int)req->peer->pid, p.queues);
	dev.link.offload = offload;
	rpc_reply_fds(req, netd_answer_link(n->take, &dev.link), fds, p.queues);
}

/* --- tap.configure -------------------------------------------------------- */

static bool mac_is_valid(const char *text, uint8_t mac[6])
{
	unsigned b[6];
	char rest;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2],
		   &b[3], &b[4], &b[5], &rest) != 6 || strlen(text) != 17)
		return false;
	for (int i = 0; i < 6; i++)
		mac[i] = b[i];
	return true;
}

struct tap_texts {
	const char *addresses[NETD_ADDRESSES_MAX];
	uint8_t mac[6];
};

static bool tap_configuration(struct rpc_request *req,
			      struct netd_tap_conf *conf,
			      struct tap_texts *texts)
{
	const char *mac = NULL;
	json_t *addresses;
	json_error_t je;

	*conf = (struct netd_tap_conf){ .mac = NULL };
	if (json_unpack_ex(req->params, &je, JSON_STRICT,
			   "{s:s, s:o, s?s, s?s, s?s}", "name", &conf->name,
			   "addresses", &addresses, "mac", &mac, "gateway",
			   &conf->gateway, "ipv6_gateway",
			   &conf->ipv6_gateway)) {
		netd_answer_bad_params(req, &je,
			      "{\"name\":\"tap0\",\"addresses\":"
			      "[\"192.0.2.7/24\"],\"gateway\":\"192.0.2.1\"}");
		return false;
	}
	conf->addresses = texts->addresses;
	if (netd_answer_bad_name(req, "name", conf->name) ||
	    !netd_answer_addresses(req, addresses, texts->addresses,
				   &conf->address_count))
		return false;
	if (mac && !mac_is_valid(mac, texts->mac)) {
		rpc_refuse(req, RPC_INVALID_PARAMS, "mac", mac,
			   "02:00:00:00:00:01", "not a MAC: %s", mac);
		return false;
	}
	conf->mac = mac ? texts->mac : NULL;
	return true;
}

static void do_tap_configure(struct rpc_request *req, void *ctx)
{
	struct netd *n = ctx;
	struct netd_tap_conf conf;
	struct tap_texts texts;
	struct netd_device dev;
	struct rpc_error err;
	bool exists;
	int rc;

	if (!tap_configuration(req, &conf, &texts))
		return;
	rc = netd_take_find_tap(n->take, conf.name, &exists, &err);
	if (!rc && (!exists || netd_rtnl_find(n->rt, conf.name, &dev)))
		rc = rpc_error_set(&err, RPC_NOT_FOUND, "name", conf.name,
				   "tap.open makes it", "there is no tap %s",
				   conf.name);
	if (!rc)
		rc = netd_tap_address(n->rt, n->take, &conf, &dev, &err);
	if (rc) {
		rpc_reply_error(req, &err);
		return;
	}
	if (conf.mac)
		memcpy(dev.link.mac, conf.mac, sizeof(dev.link.mac));
	rpc_reply(req, netd_answer_link(n->take, &dev.link));
}

/* --- events --------------------------------------------------------------- */

struct link_event {
	struct netd *netd;
	const struct netd_link *link;
};

static void tell(struct rpc_conn *conn, const struct netd *n,
		 const struct netd_link *link)
{
	/* A client that missed one knows nothing: it has to start again. */
	if (rpc_notify(conn, "link.event", netd_answer_link(n->take, link)))
		rpc_conn_close(conn);
}

static void tell_if_watching(struct rpc_conn *conn, void *arg)
{
	struct link_event *e = arg;

	if (rpc_conn_user(conn))
		tell(conn, e->netd, e->link);
}

static void on_link_change(const struct netd_link *link, void *arg)
{
	struct netd *n = arg;
	struct link_event e = { n, link };

	if (n->rpc)
		rpc_server_each(n->rpc, tell_if_watching, &e);
}

/* --- packet.open, control.open, release ----------------------------------- */

static bool packet_params(struct rpc_request *req, struct netd_packet_conf *c)
{
	int mtu = 0, tags = 0, force = 0;
	json_error_t je;

	if (json_unpack_ex(req->params, &je, JSON_STRICT,
			   "{s:s, s?i, s?b, s?b}", "ifname", &c->ifname, "mtu",
			   &mtu, "want_tags", &tags, "force", &force)) {
		netd_answer_bad_params(req, &je,
			      "{\"ifname\":\"eth1\",\"mtu\":1500,"
			      "\"want_tags\":true,\"force\":false}");
		return false;
	}
	c->mtu = mtu;
	c->want_tags = tags;
	c->force = force;
	return !netd_answer_bad_name(req, "ifname", c->ifname);
}

static void do_packet_open(struct rpc_request *req, void *ctx)
{
	struct netd *n = ctx;
	struct netd_packet_conf conf;
	struct netd_device dev;
	struct rpc_error err;
	int fd, rc;

	if (!packet_params(req, &conf))
		return;
	if (netd_take_device(n->take, &conf, req->peer->uid, &dev, &err)) {
		rpc_reply_error(req, &err);
		return;
	}
	rc = netd_open_packet(dev.link.ifindex, &fd, &dev.link.offload);
	if (rc) {
		/* It stays taken: release gives it back. */
		netd_answer_failed(req, "ifname", conf.ifname,
			     "opening a packet socket", rc,
			     "the kernel needs CONFIG_PACKET, Linux 4.20");
		return;
	}
	log_info("%s taken from the host for uid %u, pid %d", conf.ifname,
		 req->peer->uid, (int)req->peer->pid);
	rpc_reply_fds(req, netd_answer_link(n->take, &dev.link), &fd, 1);
}

static const char *ifname_param(struct rpc_request *req)
{
	json_error_t je;
	const char *name;

	if (json_unpack_ex(req->params, &je, JSON_STRICT, "{s:s}", "ifname",
			   &name)) {
		netd_answer_bad_params(req, &je, "{\"ifname\":\"eth1\"}");
		return NULL;
	}
	return netd_answer_bad_name(req, "ifname", name) ? NULL : name;
}

/* A device that is taken; otherwise the request is refused. */
static bool find_taken(struct netd *n, struct rpc_request *req,
		       const char *ifname, struct netd_device *dev)
{
	if (!netd_rtnl_find(n->rt, ifname, dev) &&
	    netd_take_holds(n->take, &dev->link))
		return true;
	rpc_refuse(req, RPC_REFUSED, "ifname", ifname,
		   "packet.open takes a device from the host",
		   "%s is not taken", ifname);
	return false;
}

static void do_control_open(struct rpc_request *req, void *ctx)
{
	struct netd *n = ctx;
	const char *ifname = ifname_param(req);
	struct netd_device dev;
	int fd, rc;

	if (!ifname || !find_taken(n, req, ifname, &dev))
		return;
	rc = netd_open_control(dev.link.ifindex, &fd);
	if (rc)
		netd_answer_failed(req, "ifname", ifname,
			     "opening a control socket", rc, NULL);
	else
		rpc_reply_fds(req, netd_answer_link(n->take, &dev.link), &fd, 1);
}

static void do_release(struct rpc_request *req, void *ctx)
{
	struct netd *n = ctx;
	const char *ifname = ifname_param(req);
	struct netd_device dev;
	struct rpc_error err;

	if (!ifname)
		return;
	if (netd_take_release(n->take, ifname, &err)) {
		rpc_reply_error(req, &err);
		return;
	}
	rpc_reply(req, NULL);
	/* Not to the kernel, but to who watches it this is a change. */
	if (!netd_rtnl_find(n->rt, ifname, &dev))
		on_link_change(&dev.link, n);
}

/* --- link.set -------------------------------------------------------------- */

static bool link_params(struct rpc_request *req, struct netd_link_conf *c)
{
	int mtu = 0, tags = 0, promiscuous = 0;
	json_error_t je;

	if (json_unpack_ex(req->params, &je, JSON_STRICT,
			   "{s:s, s?i, s?b, s?b}", "ifname", &c->ifname, "mtu",
			   &mtu, "want_tags", &tags, "promiscuous",
			   &promiscuous)) {
		netd_answer_bad_params(req, &je,
			      "{\"ifname\":\"eth1\",\"mtu\":1500,"
			      "\"want_tags\":true,\"promiscuous\":false}");
		return false;
	}
	c->mtu = mtu;
	c->want_tags = tags;
	c->promiscuous = promiscuous;
	return !netd_answer_bad_name(req, "ifname", c->ifname);
}

static void do_link_set(struct rpc_request *req, void *ctx)
{
	struct netd *n = ctx;
	struct netd_link_conf conf;
	struct netd_device dev;
	struct rpc_error err;

	if (!link_params(req, &conf))
		return;
	if (netd_take_set(n->take, &conf, &dev, &err))
		rpc_reply_error(req, &err);
	else
		rpc_reply(req, netd_answer_link(n->take, &dev.link));
}

/* --- link.ethtool --------------------------------------------------------- */

static bool setting_from_json(struct netd_ethtool *want, const char *name,
			      const json_t *value)
{
	const char *text = json_string_value(value);
	json_int_t number = json_integer_value(value);
	uint32_t bit = 1;

	while (bit < 1u << NETD_SETTING_COUNT &&
	       strcmp(netd_setting_name(bit), name))
		bit <<= 1;
	if (bit == 1u << NETD_SETTING_COUNT)
		return false;
	want->given |= bit;
	if (bit & NETD_SWITCHES) {
		want->on |= json_is_true(value) ? bit : 0;
		return json_is_boolean(value);
	}
	if (bit == NETD_SPEED) {
		want->speed_mbps = number;
		return number > 0 && number <= INT32_MAX;
	}
	if (bit == NETD_ADVERTISE) {
		want->advertise = number;
		return number > 0 && number <= UINT32_MAX;
	}
	if (bit != NETD_DUPLEX || !text)
		return false;
	want->duplex = strcmp(text, "half") ? NETD_DUPLEX_FULL :
					      NETD_DUPLEX_HALF;
	return !strcmp(text, "half") || !strcmp(text, "full");
}

static bool ethtool_params(struct rpc_request *req, const char **ifname,
			   struct netd_ethtool *want)
{
	json_t *settings, *value;
	const char *name;
	json_error_t je;

	*want = (struct netd_ethtool){ .given = 0 };
	if (json_unpack_ex(req->params, &je, JSON_STRICT, "{s:s, s:o}",
			   "ifname", ifname, "settings", &settings)) {
		netd_answer_bad_params(req, &je, "{\"ifname\":\"eth1\","
					"\"settings\":{\"gro\":false}}");
		return false;
	}
	json_object_foreach(settings, name, value)
		if (!setting_from_json(want, name, value)) {
			rpc_refuse(req, RPC_INVALID_PARAMS, "settings", name,
				   "rx, tx, sg, tso, ufo, gso, gro, lro, "
				   "autoneg: true or false; speed: Mb/s; "
				   "duplex: half or full; advertise: a mask",
				   "no such setting: %s", name);
			return false;
		}
	return !netd_answer_bad_name(req, "ifname", *ifname);
}

static json_t *settings_to_json(uint32_t mask)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < NETD_SETTING_COUNT; i++)
		if (mask & (1u << i))
			json_array_append_new(
				list, json_string(netd_setting_name(1u << i)));
	return list;
}

static void do_link_ethtool(struct rpc_request *req, void *ctx)
{
	struct netd *n = ctx;
	struct netd_ethtool want;
	uint32_t unsupported;
	struct rpc_error err;
	const char *ifname;

	if (!ethtool_params(req, &ifname, &want))
		return;
	if (netd_take_ethtool(n->take, ifname, &want, &unsupported, &err))
		rpc_reply_error(req, &err);
	else
		rpc_reply(req, json_pack("{s:o}", "unsupported",
					 settings_to_json(unsupported)));
}

/* --- link.get, link.watch, held, status ------------------------------------ */

static void do_link_get(struct rpc_request *req, void *ctx)
{
	struct netd *n = ctx;
	const char *ifname = ifname_param(req);
	struct netd_device dev;

	if (!ifname)
		return;
	if (netd_rtnl_find(n->rt, ifname, &dev))
		rpc_refuse(req, RPC_NOT_FOUND, "ifname", ifname,
			   "see `ip -br link`, in netd's network namespace",
			   "there is no device %s", ifname);
	else
		rpc_reply(req, netd_answer_link(n->take, &dev.link));
}

struct watcher {
	struct netd *netd;
	struct rpc_conn *conn;
};

static void tell_watcher(const struct netd_link *link, void *arg)
{
	struct watcher *w = arg;

	tell(w->conn, w->netd, link);
}

static void do_link_watch(struct rpc_request *req, void *ctx)
{
	struct watcher w = { ctx, req->conn };

	/* Any value that is not NULL: it watches. */
	rpc_conn_set_user(req->conn, ctx);
	rpc_reply(req, NULL);
	netd_rtnl_each(w.netd->rt, tell_watcher, &w);
}

static void do_held(struct rpc_request *req, void *ctx)
{
	const struct netd *n = ctx;
	uid_t uid = req->peer->uid;

	rpc_reply(req, json_pack("{s:o, s:o}", "taps",
				 netd_take_names(n->take, uid, true),
				 "interfaces",
				 netd_take_names(n->take, uid, false)));
}

static void do_status(struct rpc_request *req, void *ctx)
{
	struct netd *n = ctx;

	rpc_reply(req, json_pack("{s:s, s:i, s:i, s:o, s:o}", "version",
				 CAUSEWAY_VERSION, "pid", (int)getpid(),
				 "clients", rpc_server_conn_count(n->rpc),
				 "taken", netd_take_dump(n->take),
				 "protected",
				 netd_protect_dump(n->protect)));
}

static const struct rpc_method methods[] = {
	{ "tap.open", do_tap_open, 0, 0 },
	{ "tap.configure", do_tap_configure, 0, 0 },
	{ "packet.open", do_packet_open, 0, 0 },
	{ "control.open", do_control_open, 0, 0 },
	{ "release", do_release, 0, 0 },
	{ "link.set", do_link_set, 0, 0 },
	{ "link.ethtool", do_link_ethtool, 0, 0 },
	{ "link.get", do_link_get, 0, 0 },
	{ "link.watch", do_link_watch, 0, 0 },
	{ "held", do_held, 0, 0 },
	{ "status", do_status, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

/* --- start and stop ------------------------------------------------------- */

static bool admit(const struct rpc_peer *peer, void *ctx)
{
	const struct netd *n = ctx;

	return peer->uid == 0 || peer->uid == geteuid() ||
	       (n->allow_uid != (uid_t)-1 && peer->uid == n->allow_uid);
}

static bool admit_ipsec(const struct rpc_peer *peer, void *ctx)
{
	const struct netd_ipsec *i = ctx;

	return peer->uid == 0 || peer->uid == geteuid() ||
	       (i->uid != (uid_t)-1 && peer->uid == i->uid);
}

static int listen_on(struct netd *n, struct rpc_server **out,
		     const struct rpc_server_conf *conf)
{
	int rc = rpc_server_new(out, n->base, conf);

	if (rc)
		log_err("%s: %s%s", conf->path, strerror(-rc),
			rc == -EADDRINUSE ? " (is another netd running?)" : "");
	return rc;
}

/* A socket for each user, with the verbs that are his. */
static int listen_for_clients(struct netd *n)
{
	struct rpc_server_conf conf = RPC_SERVER_CONF_INIT;
	int rc;

	conf.path = n->socket_path;
	conf.uid = n->allow_uid;
	conf.methods = methods;
	conf.ctx = n;
	conf.admit = admit;
	rc = listen_on(n, &n->rpc, &conf);
	if (rc || !n->ipsec_path)
		return rc;
	n->ipsec = (struct netd_ipsec){ n->rt, n->take, n->protect,
					n->ipsec_uid };
	conf.path = n->ipsec_path;
	conf.uid = n->ipsec_uid;
	conf.methods = netd_ipsec_methods;
	conf.ctx = &n->ipsec;
	conf.admit = admit_ipsec;
	return listen_on(n, &n->ipsec_rpc, &conf);
}

static void on_links_readable(evutil_socket_t fd, short what, void *arg)
{
	netd_rtnl_watch_read(arg);
}

static int open_state(struct netd *n)
{
	int rc = daemon_make_dir(n->state_dir, 0700, (uid_t)-1, (gid_t)-1);

	if (rc) {
		log_err("%s: %s", n->state_dir, strerror(-rc));
		return rc;
	}
	rc = netd_rtnl_open(&n->rt);
	if (rc) {
		log_err("rtnetlink: %s", strerror(-rc));
		return rc;
	}
	rc = netd_take_open(&n->take, n->state_dir, n->rt);
	if (rc == -EWOULDBLOCK)
		log_err("%s: another netd uses this folder; stop it, or give "
			"this one its own with --state", n->state_dir);
	else if (rc)
		log_err("%s: %s", n->state_dir, strerror(-rc));
	return rc ? rc : netd_protect_open(&n->protect, n->state_dir, n->rt);
}

static int watch_links(struct netd *n)
{
	int rc = netd_rtnl_watch(n->rt, on_link_change, n);

	if (rc) {
		log_err("watching links: %s", strerror(-rc));
		return rc;
	}
	n->link_event = event_new(n->base, netd_rtnl_watch_fd(n->rt),
				  EV_READ | EV_PERSIST, on_links_readable,
				  n->rt);
	if (!n->link_event || event_add(n->link_event, NULL))
		return -ENOMEM;
	return 0;
}

/* These sockets only; of ioctls only the taps' and ethtool's. */
static int jail_rules(scmp_filter_ctx ctx, void *unused)
{
	static const int families[] = { AF_NETLINK, AF_PACKET, AF_INET,
					AF_INET6 };
	static const unsigned long requests[] = { TUNSETIFF, TUNSETVNETHDRSZ,
						  TUNSETOWNER, TUNSETOFFLOAD,
						  TUNSETPERSIST,
						  SIOCETHTOOL };
	int rc = 0;

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]) && !rc;
	     i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				      SCMP_A0(SCMP_CMP_EQ, families[i], 0));
	/* The kernel looks at 32 bits of the request. */
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]) && !rc; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				      SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff,
					      requests[i]));
	return rc;
}

static int jail(const struct netd *n)
{
	static const int calls[] = { DAEMON_SECCOMP_FILES, SCMP_SYS(bind),
				     SCMP_SYS(uname) };
	/* The last is for UDP port 500. */
	const uint64_t caps = 1ull << CAP_NET_ADMIN | 1ull << CAP_NET_RAW |
			      (uint64_t)!!n->ipsec_path
				      << CAP_NET_BIND_SERVICE;
	int rc = daemon_rlimits(OPEN_FILES, false);

	if (!rc)
		rc = daemon_drop((uid_t)-1, (gid_t)-1, caps);
	if (rc) {
		log_err("giving up rights: %s (start as root, or with "
			"CAP_NET_ADMIN and CAP_NET_RAW)", strerror(-rc));
		return rc;
	}
	rc = daemon_seccomp(calls, sizeof(calls) / sizeof(calls[0]),
			    jail_rules, NULL);
	if (rc)
		log_err("seccomp: %s", strerror(-rc));
	return rc;
}

/* Said at once: as anybody else, everything below would fail in its own way. */
static int check_rights(void)
{
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) &&
	    capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW))
		return 0;
	log_err("this needs root, or CAP_NET_ADMIN and CAP_NET_RAW: run it "
		"with sudo");
	return -EPERM;
}

static int serve(struct netd *n)
{
	int rc;

	daemon_block_signals();
	daemon_ready_prepare();
	rc = check_rights();
	if (!rc)
		rc = open_state(n);
	if (!rc)
		rc = watch_links(n);
	if (!rc)
		rc = listen_for_clients(n);
	if (!rc)
		rc = daemon_stop_on_signals(n->base, NULL, NULL, NULL);
	if (!rc)
		rc = jail(n);
	if (rc)
		return rc;
	log_info("ready on %s", n->socket_path);
	daemon_ready();
	event_base_dispatch(n->base);
	return 0;
}

static void stop(struct netd *n)
{
	rpc_server_free(n->rpc);
	rpc_server_free(n->ipsec_rpc);
	if (n->link_event)
		event_free(n->link_event);
	daemon_signals_free();
	netd_protect_close(n->protect);
	netd_take_close(n->take);
	netd_rtnl_close(n->rt);
	event_base_free(n->base);
}

/* --- --release-all -------------------------------------------------------- */

/* 1 if one of them could not be released. */
static int release_kind(struct netd_client *c, json_t *records, bool taps)
{
	struct rpc_error err;
	const char *name;
	json_t *record;
	int failed = 0;

	json_object_foreach(records, name, record)
		if (netd_take_is_tap(record) == taps &&
		    netd_release(c, name, &err)) {
			log_err("%s", err.message);
			failed = 1;
		}
	return failed;
}

/* Ask the netd that runs; taps first, as netd_take_release_all(). */
static int release_all_by(struct netd_client *c, struct rpc_client *rpc)
{
	struct rpc_error err;
	json_t *status, *records;
	int failed;

	if (rpc_call(rpc, "status", NULL, NULL, NETD_TIMEOUT_MS, &status,
		     &err)) {
		log_err("%s", err.message);
		return 1;
	}
	records = json_object_get(status, "taken");
	failed = release_kind(c, records, true);
	failed |= release_kind(c, records, false);
	json_decref(status);
	return failed;
}

/* For the end of the day: everything back to the host, netd running or not. */
static int release_all(struct netd *n)
{
	struct rpc_client *rpc;
	struct netd_client *c;
	struct rpc_error err;
	int failed = 1;

	if (rpc_client_open(&rpc, n->socket_path, &err)) {
		if (!check_rights() && !open_state(n))
			failed = netd_take_release_all(n->take) != 0;
		return failed;
	}
	if (!netd_client_open(&c, n->socket_path, &err)) {
		failed = release_all_by(c, rpc);
		netd_client_close(c);
	}
	rpc_client_close(rpc);
	return failed;
}

/* --- command line --------------------------------------------------------- */

static const char usage[] =
	"Usage: causeway-netd [OPTION]...\n"
	"Opens taps, TUNs and sockets for causeway-switchd and causeway-espd.\n"
	"Runs as root.\n"
	"\n"
	"  -s, --socket PATH      listen here (" NETD_SOCKET ")\n"
	"  -d, --state DIR        remember here what was taken\n"
	"                         (" DEFAULT_STATE ")\n"
	"  -u, --allow-user USER  who may ask besides root\n"
	"                         (" DEFAULT_USER ", if that user exists)\n"
	"  -i, --ipsec-socket PATH  listen here for causeway-espd, too\n"
	"                         (not at all)\n"
	"  -e, --ipsec-user USER  who may ask there besides root\n"
	"                         (" IPSEC_USER ", if that user exists)\n"
	"  -r, --release-all      give everything back to the host, and exit\n"
	"  -l, --log-level LEVEL  err, warn, info or debug (info)\n"
	"  -h, --help             this\n"
	"  -V, --version          the version\n";

static const struct option options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "state", required_argument, NULL, 'd' },
	{ "allow-user", required_argument, NULL, 'u' },
	{ "ipsec-socket", required_argument, NULL, 'i' },
	{ "ipsec-user", required_argument, NULL, 'e' },
	{ "release-all", no_argument, NULL, 'r' },
	{ "log-level", required_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

struct arguments {
	const char *user, *ipsec_user;
	enum log_level level;
	bool release_all;
};

/* One option: 0, or the exit status + 1. */
static int take_option(struct netd *n, struct arguments *a, int c)
{
	switch (c) {
	case 's':
		n->socket_path = optarg;
		return 0;
	case 'd':
		n->state_dir = optarg;
		return 0;
	case 'u':
		a->user = optarg;
		return 0;
	case 'i':
		n->ipsec_path = optarg;
		return 0;
	case 'e':
		a->ipsec_user = optarg;
		return 0;
	case 'r':
		a->release_all = true;
		return 0;
	case 'l':
		if (!log_parse_level(optarg, &a->level))
			return 0;
		fprintf(stderr, "causeway-netd: no such level: %s\n", optarg);
		return 1 + 2;
	case 'h':
		fputs(usage, stdout);
		return 1;
	case 'V':
		puts("causeway-netd " CAUSEWAY_VERSION);
		return 1;
	default:
		fputs("Try 'causeway-netd --help'.\n", stderr);
		return 1 + 2;
	}
}

/* user NULL: this one, or nobody but root. */
static int find_user(const char *option, const char *user,
		     const char *default_user, uid_t *uid)
{
	gid_t gid;
	int rc = daemon_lookup_user(user ? user : default_user, uid, &gid);

	if (!rc)
		return 0;
	*uid = (uid_t)-1;
	if (user) {
		log_err("%s %s: there is no such user; type: "
			"useradd --system --no-create-home %s", option, user,
			user);
		return rc;
	}
	log_warn("no user %s: only root may ask", default_user);
	return 0;
}

static int find_users(struct netd *n, const struct arguments *a)
{
	int rc = find_user("--allow-user", a->user, DEFAULT_USER,
			   &n->allow_uid);

	if (!rc && n->ipsec_path)
		rc = find_user("--ipsec-user", a->ipsec_user, IPSEC_USER,
			       &n->ipsec_uid);
	return rc;
}

int main(int argc, char **argv)
{
	struct arguments a = { .level = LOG_LEVEL_INFO };
	struct netd n = { .socket_path = NETD_SOCKET,
			  .state_dir = DEFAULT_STATE };
	int c, rc;

	while ((c = getopt_long(argc, argv, "s:d:u:i:e:rl:hV", options, NULL)) !=
	       -1) {
		rc = take_option(&n, &a, c);
		if (rc)
			return rc - 1;
	}
	if (optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	log_init("causeway-netd", a.level);
	n.base = event_base_new();
	if (!n.base)
		return 1;
	if (a.release_all)
		rc = release_all(&n);
	else
		rc = find_users(&n, &a) || serve(&n);
	stop(&n);
	return rc ? 1 : 0;
}
