/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_rtnl.h: causeway-netd's view of the kernel's devices, addresses and
 * routes, through rtnetlink (libnl).
 *
 * One thread.  Functions return 0 or -errno.  Devices are named by ifindex,
 * which unlike the name does not change under our hands.
 */
#ifndef CAUSEWAY_NETD_RTNL_H
#define CAUSEWAY_NETD_RTNL_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/netd_client.h"

struct netd_rtnl;
struct nl_sock;

struct netd_device {
	struct netd_link link; /* what clients see; .taken not known here */
	bool ethernet;
	bool loopback;
	bool promiscuous;  /* because somebody set it so; sockets do not show */
	uint32_t master;   /* ifindex of its bridge or bond, 0 if none */
	int addr_gen_mode; /* IPv6: IN6_ADDR_GEN_MODE_*, -1 if there is none */
};

int netd_rtnl_open(struct netd_rtnl **out);
void netd_rtnl_close(struct netd_rtnl *rt);
/* The socket for questions and orders; what libnl's calls return, as -errno. */
struct nl_sock *netd_rtnl_socket(struct netd_rtnl *rt);
int netd_rtnl_errno(int nle);

/* By name; by ifindex.  -ENODEV when there is none. */
int netd_rtnl_find(struct netd_rtnl *rt, const char *ifname,
		   struct netd_device *dev);
int netd_rtnl_find_index(struct netd_rtnl *rt, uint32_t ifindex,
			 struct netd_device *dev);

int netd_rtnl_set_mtu(struct netd_rtnl *rt, uint32_t ifindex, uint32_t mtu);
int netd_rtnl_set_mac(struct netd_rtnl *rt, uint32_t ifindex,
		      const uint8_t mac[6]);
int netd_rtnl_set_up(struct netd_rtnl *rt, uint32_t ifindex, bool up);
int netd_rtnl_set_promiscuous(struct netd_rtnl *rt, uint32_t ifindex, bool on);
int netd_rtnl_set_addr_gen_mode(struct netd_rtnl *rt, uint32_t ifindex,
				int mode);
int netd_rtnl_delete(struct netd_rtnl *rt, uint32_t ifindex);

/* 1: a default route (IPv4 or IPv6) goes through the device; 0; -errno. */
int netd_rtnl_has_default_route(struct netd_rtnl *rt, uint32_t ifindex);

/*
 * A device's addresses, and the routes through it that somebody has set, as
 * JSON arrays that the restore functions understand.  The kernel's own and
 * router advertisements' routes come back by themselves.  Restoring skips
 * what exists and logs what the kernel refuses; `age_s` seconds are taken off
 * addresses' lifetimes.
 */
int netd_rtnl_save_addrs(struct netd_rtnl *rt, uint32_t ifindex, json_t **out);
int netd_rtnl_flush_addrs(struct netd_rtnl *rt, uint32_t ifindex);
void netd_rtnl_restore_addrs(struct netd_rtnl *rt, uint32_t ifindex,
			     const json_t *addrs, uint64_t age_s);
int netd_rtnl_save_routes(struct netd_rtnl *rt, uint32_t ifindex,
			  json_t **out);
void netd_rtnl_restore_routes(struct netd_rtnl *rt, uint32_t ifindex,
			      const json_t *routes);

/*
 * Changes of devices: call netd_rtnl_watch_read() when the descriptor is
 * readable; fn gets each device that differs from what it was told before.
 * netd_rtnl_each() calls fn with all that are known.
 */
typedef void netd_rtnl_fn(const struct netd_link *link, void *arg);

int netd_rtnl_watch(struct netd_rtnl *rt, netd_rtnl_fn *fn, void *arg);
int netd_rtnl_watch_fd(const struct netd_rtnl *rt);
void netd_rtnl_watch_read(struct netd_rtnl *rt);
void netd_rtnl_each(struct netd_rtnl *rt, netd_rtnl_fn *fn, void *arg);

#endif
