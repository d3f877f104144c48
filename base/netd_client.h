/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_client.h: asking causeway-netd for network devices.
 *
 * netd is the only process of the data plane with rights over the host's
 * network.  It opens taps and packet sockets, takes kernel interfaces from the
 * host's stack, and passes descriptors on; frames never go through it.  See
 * causeway-netd(8) for the verbs.
 *
 * Calls block for up to NETD_TIMEOUT_MS; a client belongs to one thread.  One
 * that has something else to do asks netd_ping() first.
 * They return 0 or -errno, with *err as in rpc_call() (base/rpc.h):
 * -EREMOTEIO means netd refused and err->hint says what to do, anything else
 * that netd is not there any more: close the client, open another, ask again.
 * What was taken stays taken meanwhile, and descriptors stay usable.
 */
#ifndef CAUSEWAY_NETD_CLIENT_H
#define CAUSEWAY_NETD_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include <net/if.h>

#include "base/rpc.h"

#define NETD_SOCKET "/run/causeway/netd.sock"
#define NETD_TIMEOUT_MS 5000
#define NETD_QUEUES_MAX 16
#define NETD_ADDRESSES_MAX 16
#define NETD_NETWORKS_MAX 256
#define NETD_IPSEC_SOCKET "/run/causeway/netd-ipsec.sock"

/*
 * Both kinds of descriptors are non-blocking and put a struct virtio_net_hdr
 * of this many bytes in front of each frame, in the host's byte order.  Ten:
 * the form without num_buffers, the only one packet sockets have before
 * Linux 6.4.
 */
#define NETD_VNET_HDR_LEN 10

/* What may be in that header towards the kernel, and may come from it. */
enum netd_offload {
	NETD_CSUM = 1 << 0,
	NETD_TSO4 = 1 << 1,
	NETD_TSO6 = 1 << 2,
	NETD_TSO_ECN = 1 << 3,
	NETD_USO = 1 << 4,
};

enum netd_duplex {
	NETD_DUPLEX_UNKNOWN,
	NETD_DUPLEX_HALF,
	NETD_DUPLEX_FULL,
};

struct netd_link {
	char ifname[IFNAMSIZ];
	uint32_t ifindex;
	uint8_t mac[6];
	uint32_t mtu;	  /* the device's own, L3 bytes */
	uint32_t speed_mbps; /* 0: unknown, as without carrier */
	enum netd_duplex duplex;
	uint32_t offload; /* enum netd_offload; 0 in events */
	bool present;	  /* false: the device is gone (events only) */
	bool up;	  /* administratively */
	bool carrier;	  /* the other side is there */
	bool taken;	  /* from the host's stack, by packet.open */
};

struct netd_client;

/* path NULL: NETD_SOCKET. */
int netd_client_open(struct netd_client **out, const char *path,
		     struct rpc_error *err);
void netd_client_close(struct netd_client *c);
/* Has a call been given up on?  netd has not said that it will not do it. */
bool netd_client_timed_out(const struct netd_client *c);

/*
 * Does netd take calls?  0, or -ETIMEDOUT after timeout_ms: it hangs, or is
 * busy for so long.  Then the client is of use for one thing yet: its
 * descriptor becomes readable when netd has come to it, or has gone.
 */
int netd_ping(struct netd_client *c, int timeout_ms, struct rpc_error *err);

/*
 * Create the tap, or open the one that exists and is ours, with `queues`
 * descriptors (1 to NETD_QUEUES_MAX), owned by the caller's uid, up, with this
 * MTU (0: leave it).  It is persistent: when its last descriptor is closed it
 * loses its carrier, keeps its addresses, and goes with netd_release().
 * fds[0..queues) are the caller's; *link may be NULL.
 */
int netd_tap_open(struct netd_client *c, const char *name, uint32_t mtu,
		  unsigned queues, int fds[], struct netd_link *link,
		  struct rpc_error *err);

/* The host's own interface on a tap. */
struct netd_tap_conf {
	const char *name;
	const uint8_t *mac;	      /* NULL: as it is */
	const char *const *addresses; /* "192.0.2.7/24", "2001:db8::7/64" */
	unsigned address_count;	      /* at most NETD_ADDRESSES_MAX */
	const char *gateway;	      /* of the IPv4 default route; NULL: none */
	const char *ipv6_gateway;
};

/*
 * Give the host addresses on a tap that netd_tap_open() made, in place of
 * those that it has there; they go with the tap.  Not touched are link-local
 * IPv6 addresses and what router advertisements bring.  With nothing given
 * only what an earlier call gave goes: a tap that never got anything from here
 * keeps what somebody else gave it.
 */
int netd_tap_configure(struct netd_client *c, const struct netd_tap_conf *conf,
		       struct netd_link *link, struct rpc_error *err);

struct netd_packet_conf {
	const char *ifname;
	uint32_t mtu;	/* the port's: L3 bytes without tags; 0: the device's */
	bool want_tags; /* frames of that MTU with two tags must fit: +8 */
	bool force;	/* even if the host's default route goes through it */
};

/*
 * Take a kernel interface from the host's stack and open an AF_PACKET
 * SOCK_RAW socket on it: all protocols, promiscuous as long as it is open,
 * PACKET_VNET_HDR, PACKET_AUXDATA (a tag the kernel stripped is in
 * tpacket_auxdata), own frames not seen.  Taking what is already ours is fine
 * and changes MTU and tags.
 */
int netd_packet_open(struct netd_client *c, const struct netd_packet_conf *conf,
		     int *fd, struct netd_link *link, struct rpc_error *err);

/*
 * A second socket on an interface that is taken, for its link's own protocols:
 * only untagged frames of slow protocols (0x8809: LACP, marker) and LLDP
 * (0x88cc) to 01:80:c2:00:00:0x come out of it, however busy the interface is;
 * the filter cannot be taken off.  Frames, without any header before them, go
 * out as they are written, ahead of others in the interface's queue.
 * Non-blocking.  -EREMOTEIO: not taken, or gone.
 */
int netd_control_open(struct netd_client *c, const char *ifname, int *fd,
		      struct netd_link *link, struct rpc_error *err);

/* What is not ethtool's. */
struct netd_link_conf {
	const char *ifname;
	uint32_t mtu;	  /* as in struct netd_packet_conf; 0: as it was */
	bool want_tags;
	bool promiscuous; /* IFF_PROMISC; false: as it was */
};

/*
 * Change these of an interface that is taken, or of a tap that netd_tap_open()
 * made; release undoes them.  An MTU that the device cannot have changes
 * nothing.
 */
int netd_link_set(struct netd_client *c, const struct netd_link_conf *conf,
		  struct netd_link *link, struct rpc_error *err);

/* What ethtool(8) sets: one bit each, switches first. */
enum netd_setting {
	NETD_RX = 1 << 0,  /* checksums checked on receive */
	NETD_TX = 1 << 1,  /* checksums made on transmit */
	NETD_SG = 1 << 2,  /* scatter-gather */
	NETD_TSO = 1 << 3, /* TCP segmentation by the device */
	NETD_UFO = 1 << 4, /* UDP fragmentation; gone since Linux 4.14 */
	NETD_GSO = 1 << 5, /* segmentation just before the device */
	NETD_GRO = 1 << 6, /* merging on receive that can be undone */
	NETD_LRO = 1 << 7, /* merging that cannot: off unless asked for */
	NETD_AUTONEG = 1 << 8,
	NETD_SPEED = 1 << 9,
	NETD_DUPLEX = 1 << 10,
	NETD_ADVERTISE = 1 << 11, /* link modes to negotiate about */
};

#define NETD_SETTING_COUNT 12
#define NETD_SWITCHES (NETD_AUTONEG * 2 - 1) /* those that are on or off */

struct netd_ethtool {
	uint32_t given; /* enum netd_setting; others go back to what was */
	uint32_t on;	/* switches */
	uint32_t speed_mbps;
	enum netd_duplex duplex;
	uint32_t advertise; /* ethtool(8)'s mask; wins over speed and duplex */
};

/* "rx" and so on, as in ethtool-rx; NULL: not one setting. */
const char *netd_setting_name(enum netd_setting bit);

/*
 * The whole of the settings of an interface that is taken, or of a tap that
 * netd_tap_open() made; release undoes them.  They outlive the descriptors,
 * so call this after each opening, with nothing given too.  *unsupported:
 * those given that the device does not do; the others are in force.  Setting
 * speed, duplex, autoneg or link modes anew takes the link down for as long
 * as the device needs.
 */
int netd_link_ethtool(struct netd_client *c, const char *ifname,
		      const struct netd_ethtool *want, uint32_t *unsupported,
		      struct rpc_error *err);

/* --- for the IPsec channel: on the socket NETD_IPSEC_SOCKET --------------- */

struct netd_tun_conf {
	const char *name;
	uint32_t mtu; /* 0: leave it */
	unsigned queues; /* 1 to NETD_QUEUES_MAX */
	const char *const *addresses; /* of the host; as in netd_tap_conf */
	unsigned address_count;
};

/*
 * Create the TUN, or open the one that exists and is ours, as netd_tap_open()
 * does a tap: persistent, up, each packet behind a virtio-net header of
 * NETD_VNET_HDR_LEN bytes.  Its routes come with netd_protect_set().
 */
int netd_tun_open(struct netd_client *c, const struct netd_tun_conf *conf,
		  int fds[], struct netd_link *link, struct rpc_error *err);

/*
 * UDP sockets of the channel, at port 500 or 4500 of an address of the host
 * (or of all, :: being all of IPv6): non-blocking, large buffers, UDP_GRO,
 * DF set, TOS and destination of what comes as control messages, ICMP errors
 * in the error queue.  `sockets` 2: fds[1] gets what begins with four zero
 * bytes (IKE, at port 4500), fds[0] the rest.
 */
int netd_udp_bind(struct netd_client *c, const struct sockaddr *local,
		  unsigned sockets, int fds[], struct rpc_error *err);
/* A raw socket for ESP (IP protocol 50), set up likewise; no port. */
int netd_esp_open(struct netd_client *c, const struct sockaddr *local, int *fd,
		  struct rpc_error *err);

struct netd_protection {
	const char *tun; /* the device that leads there; it need not exist */
	const char *const *networks; /* "10.2.0.0/16", "2001:db8:2::/48" */
	unsigned network_count; /* at most NETD_NETWORKS_MAX */
};

/*
 * These networks, and no others, are reached through the TUN or not at all,
 * and nothing comes from them by another device but IKE and ESP to this host:
 * kernel state that stays when all of our processes are gone, until this is
 * called again.  No networks: it is over.
 */
int netd_protect_set(struct netd_client *c, const struct netd_protection *conf,
		     struct rpc_error *err);

/*
 * Give an interface back to the host as it was (addresses, routes, MTU, IPv6,
 * ethtool's settings), or delete a tap of ours.  Close its descriptors first.
 * Releasing what is not ours does nothing.
 */
int netd_release(struct netd_client *c, const char *ifname,
		 struct rpc_error *err);

struct netd_held {
	char ifname[IFNAMSIZ];
	bool tap;
};

/*
 * What is held for the caller's uid: what he was the last to open and nobody
 * has released since, whatever has died meanwhile.  Taps first: they may have
 * the default route, or an address, of an interface.  *list is to be freed.
 */
int netd_held(struct netd_client *c, struct netd_held **list, unsigned *count,
	      struct rpc_error *err);

int netd_link_get(struct netd_client *c, const char *ifname,
		  struct netd_link *link, struct rpc_error *err);

/*
 * From now on events arrive for every device of netd's network namespace that
 * changes carrier, speed, state, MTU or MAC, appears or goes; one for each that
 * exists comes first.  Poll the descriptor, then call netd_client_next()
 * until it returns 0.
 */
int netd_link_watch(struct netd_client *c, struct rpc_error *err);
int netd_client_fd(const struct netd_client *c);
/* 1 with *event filled, 0 if none waits, -errno: the connection is lost. */
int netd_client_next(struct netd_client *c, struct netd_link *event);

#endif
