/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_conf.h: what the switch shall be, as one plain value.
 *
 * A value is parsed from JSON, validated whole, and compared with the running
 * one; what comes out is a short list of actions, deletions first.  The
 * daemon carries the actions out and then keeps the new value as the running
 * one.  Nothing here touches a socket, a clock or a global: the same text
 * gives the same value, always.  docs/state.md and causeway-switch.json(5)
 * say what the keys mean; switch_conf_describe() prints the table they are
 * checked against.
 *
 * A network is a segment (broadcast domain).  `vlan` is its tag on its uplink
 * and on guests' trunks; 0 is untagged.  What may be left out is filled in
 * here, so a reader of the struct finds no "default": role, MTU, effective
 * locking mode and the networks that each port carries are resolved.
 *
 * References between objects are indexes into the arrays of the same value;
 * names are the identity across values.  A value is immutable once parsed and
 * may be read from any thread; it belongs to whoever parsed it.
 */
#ifndef CAUSEWAY_SWITCH_CONF_H
#define CAUSEWAY_SWITCH_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <netinet/in.h>

#include "vlan/bond.h"

#define CONF_NAME_MAX 64	 /* with the NUL; letters digits . _ : - */
#define CONF_SOCKET_MAX 108	 /* sun_path */
#define CONF_IFNAME_MAX 16	 /* IFNAMSIZ */
#define CONF_NETWORKS_MAX 4096
#define CONF_SEGMENTS_MAX (2 * CONF_NETWORKS_MAX) /* all go, all come */
#define CONF_PORTS_MAX 4000	 /* below PORT_ID_MAX */
#define CONF_PREFIXES_MAX 256	 /* of one family at one port */
#define CONF_ADDRESSES_MAX 16	 /* of a host port's interface */
#define CONF_TEXT_MAX (3u << 20) /* bytes of JSON; fits an RPC message */
#define CONF_ERRORS_MAX 16
#define CONF_NONE (-1)		 /* index: no such object */

enum conf_type {
	CONF_VHOST_USER,
	CONF_TAP,
	CONF_PACKET,
	CONF_BOND,
	CONF_NIC,
};
enum conf_role { CONF_GUEST, CONF_HOST, CONF_UPLINK };

enum conf_vlan_mode {
	CONF_VLAN_ACCESS,	   /* untagged frames of one network */
	CONF_VLAN_TRUNK,	   /* tagged frames of carries[]; every uplink */
	CONF_VLAN_NATIVE_UNTAGGED, /* trunk; `native` leaves untagged */
	CONF_VLAN_NATIVE_TAGGED,   /* trunk; untagged enters `native` */
	CONF_VLAN_TUNNEL,	   /* whole customer frames, one network */
};

enum conf_locking {
	CONF_LOCK_NETWORK_DEFAULT, /* as written only, never effective */
	CONF_LOCK_UNLOCKED,
	CONF_LOCK_LOCKED,
	CONF_LOCK_DISABLED,
};

/* Link protocols that guests of a network may speak. */
enum conf_link_proto {
	CONF_LINK_STP = 1 << 0,	  /* 01:80:c2:00:00:00 and :08, PVST */
	CONF_LINK_PAUSE = 1 << 1, /* 01:80:c2:00:00:01 */
	CONF_LINK_LACP = 1 << 2,  /* 01:80:c2:00:00:02, slow protocols */
	CONF_LINK_EAPOL = 1 << 3, /* 01:80:c2:00:00:03, 802.1X */
	CONF_LINK_LLDP = 1 << 4,  /* 01:80:c2:00:00:0e, 88cc */
	CONF_LINK_CDP = 1 << 5,	  /* 01:00:0c:cc:cc:cc */
	CONF_LINK_OTHER = 1 << 6, /* the rest of 01:80:c2:00:00:0x */
};

enum conf_lldp { CONF_LLDP_RX = 1 << 0, CONF_LLDP_TX = 1 << 1 };

/* A property of a kernel interface that may be left as it is. */
enum conf_toggle { CONF_AS_IT_IS, CONF_TOGGLE_OFF, CONF_TOGGLE_ON };
enum conf_duplex { CONF_DUPLEX_AS_IT_IS, CONF_DUPLEX_HALF, CONF_DUPLEX_FULL };

struct conf_prefix4 {
	struct in_addr addr; /* network order, host bits zero */
	uint8_t len;
};

struct conf_prefix6 {
	struct in6_addr addr;
	uint8_t len;
};

/* An address of an interface, with its prefix: host bits are kept. */
struct conf_address {
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t len;
	union {
		struct in_addr v4;
		struct in6_addr v6;
	} addr;
};

/* What ethtool -K, -s would say; enum conf_toggle unless told otherwise. */
struct conf_ethtool {
	uint8_t rx, tx, sg, tso, ufo, gso, gro, lro;
	uint8_t autoneg;
	uint8_t duplex;	    /* enum conf_duplex */
	uint32_t speed;	    /* Mb/s; 0: as it is */
	uint32_t advertise; /* mask of link modes; 0: as it is */
};

struct conf_member {
	char name[CONF_NAME_MAX];
	int32_t port; /* index into ports */
};

/* What a port of type bond is, in XenServer's words; see vlan/bond.h. */
struct conf_bond {
	uint8_t mode; /* enum bond_mode */
	uint8_t hash; /* enum bond_hash; lacp */
	uint8_t member_count;
	struct conf_member *members; /* [BOND_MEMBERS_MAX], in given order */
	char primary_name[CONF_NAME_MAX];
	int8_t primary; /* index into members, or -1 */
	uint32_t updelay_ms;
	uint32_t downdelay_ms;
	uint32_t rebalance_interval_ms; /* 0: never */
	uint32_t miimon_ms;	/* looks at carriers, besides events */
	uint16_t use_carrier;
	uint8_t lacp_fast;	/* 1: lacp-time fast */
	bool lacp_fallback_ab;
	uint16_t lacp_system_priority;
	uint16_t lacp_aggregation_key;	/* 0: not given */
	uint16_t lacp_actor_key;	/* 0: not given; the same thing */
	uint16_t lacp_key;		/* effective: of every member */
	uint8_t lacp_system[6];	/* zero: `mac`, or the first member's */
};

struct conf_settings {
	uint32_t fdb_entries;
	uint32_t ageing_s;
	uint32_t mac_move_hold_ms;	 /* a moved MAC stays put this long */
	uint32_t mcast_groups;		 /* snooped groups, whole switch */
	uint32_t mirror_bytes_per_burst; /* copies beyond are dropped */
	uint32_t poll_us;		 /* poll this long without work */
	uint32_t watchdog_ms;		 /* a silent worker is named after */
	uint32_t capture_max_s;		 /* no capture or mirror lasts longer */
};

struct conf_network {
	char name[CONF_NAME_MAX];
	char uplink_name[CONF_NAME_MAX]; /* "" without one */
	int32_t uplink;			 /* index into ports or CONF_NONE */
	uint16_t vlan;			 /* 0 to 4094; 0 is untagged */
	uint32_t mtu;			 /* L3 bytes */
	uint8_t default_locking;	 /* UNLOCKED or DISABLED */
	uint32_t link_protocols;	 /* enum conf_link_proto */
	bool igmp_snooping;		 /* and MLD */
	bool flood_unknown;		 /* unknown unicast to guests too */
	uint16_t segment; /* of a view: see switch_conf_number() */
};

struct conf_port {
	char name[CONF_NAME_MAX];
	uint32_t place; /* ports[place] it is, for messages */
	uint8_t type; /* enum conf_type */
	uint8_t role; /* enum conf_role */

	/* vhost-user */
	char socket[CONF_SOCKET_MAX];
	bool server;	  /* we listen; else we connect and retry */
	bool trusted;	  /* memory need not be a sealed memfd */
	int64_t peer_uid; /* -1: root or the switch's own */

	/* tap, packet */
	char interface[CONF_IFNAME_MAX];

	/* nic: as --device has it, up to its first comma */
	char device[CONF_NAME_MAX];

	/* type bond; of members: whose */
	struct conf_bond bonding;
	int32_t bond;	/* index of the bond that has this port, or CONF_NONE */
	uint8_t member; /* its number there */

	/* the kernel's side: of packet ports and taps of the host */
	struct conf_ethtool ethtool;
	bool nic_promiscuous; /* IFF_PROMISC of the interface itself */
	uint8_t lldp;	      /* enum conf_lldp; never at guests */
	uint32_t address_count;
	struct conf_address *addresses; /* in given order */
	struct in_addr gateway;		/* zero: none */
	struct in6_addr gateway6;

	uint16_t queues; /* pairs, at most */
	bool csum;	 /* offer checksum offload */
	bool tso;	 /* offer TSO */
	uint32_t mtu;	 /* L3 bytes; at least that of what it carries */

	/* VLANs */
	uint8_t vlan_mode;	 /* enum conf_vlan_mode */
	uint16_t tpid;		 /* of tags on this port: 0x8100... */
	int32_t network;	 /* access and tunnel; else CONF_NONE */
	int32_t native;		 /* untagged frames of trunks, uplinks */
	uint32_t carries_count;	 /* every network here, native included */
	uint16_t *carries;	 /* indexes, ascending */
	uint64_t cvlans[64];	 /* tunnel: customer VIDs taken; none: all */

	/* isolation */
	bool has_mac;	/* it owns `mac` in its networks; false at bonds */
	uint8_t mac[6]; /* zero: none */
	uint8_t locking_mode; /* enum conf_locking, as written */
	uint8_t locking;      /* effective */
	uint32_t ipv4_count;
	uint32_t ipv6_count;
	struct conf_prefix4 *ipv4_allowed; /* sorted, no duplicates */
	struct conf_prefix6 *ipv6_allowed;
	bool dhcp_server; /* may answer DHCP */
	bool router;	  /* may send router advertisements */
	bool isolated;	  /* reaches uplinks, not other isolated ports */
	bool promiscuous; /* gets copies of what its networks admit */
	bool include_refused;
	bool inject;	   /* a promiscuous port may also send */
	bool flood_unknown; /* unknown unicast to this port too */
	uint32_t mac_limit;

	/* rates; 0 is unlimited */
	uint64_t rate_from_guest_bps;
	uint64_t rate_to_guest_bps;
	uint64_t storm_pps; /* broadcast, multicast, unknown unicast */
};

struct switch_conf {
	char owner[CONF_NAME_MAX]; /* "" only in switch_conf_empty() */
	uint64_t generation;
	struct conf_settings settings;
	uint32_t network_count;
	uint32_t port_count;
	struct conf_network *networks; /* in the order of the text */
	struct conf_port *ports;
	uint16_t *networks_by_name; /* indexes, sorted; for the finders */
	uint16_t *ports_by_name;
};

/* What is wrong, where, and what would be right. */
struct switch_conf_error {
	char path[128];	    /* ports[3].ipv4_allowed[0] */
	char value[128];    /* "10.0.0.300", shortened when long */
	char expected[256]; /* IPv4 address or prefix such as ... */
};

struct switch_conf_errors {
	unsigned count; /* the first CONF_ERRORS_MAX are kept */
	struct switch_conf_error error[CONF_ERRORS_MAX];
};

/*
 * Parse and validate `len` bytes of JSON.  0 and a value to be freed,
 * -EINVAL with at least one error filled in, or -ENOMEM.  Two values are
 * never half mixed: on failure *out is NULL.
 */
int switch_conf_parse(struct switch_conf **out, const char *text, size_t len,
		      struct switch_conf_errors *errs);
/* No networks, no ports, default settings, owned by nobody; NULL: no memory. */
struct switch_conf *switch_conf_empty(void);
void switch_conf_free(struct switch_conf *conf); /* NULL does nothing */

/*
 * May `wanted` replace `running` (NULL or empty: yes)?  0, -EPERM (another
 * owner) or -ESTALE (lower generation), with one error filled in.  `force`
 * takes over from any owner and generation.
 */
int switch_conf_may_replace(const struct switch_conf *running,
			    const struct switch_conf *wanted, bool force,
			    struct switch_conf_errors *errs);

/* The whole value as JSON text that parses to the same value; free() it. */
char *switch_conf_save(const struct switch_conf *conf);

/* Index by name, or CONF_NONE. */
int32_t switch_conf_find_network(const struct switch_conf *conf,
				 const char *name);
int32_t switch_conf_find_port(const struct switch_conf *conf,
			      const char *name);

/*
 * Give each network of `wanted` its segment number: the one it has in
 * `running`, or the lowest that no network there has.  So a network keeps its
 * number as long as it lives, and one that goes leaves it to nobody that comes
 * at the same moment.  Parsing numbers them by place.  Not part of the value.
 */
void switch_conf_number(struct switch_conf *wanted,
			const struct switch_conf *running);

/*
 * What the port is attached to: its socket, interface or device, and in *key
 * (may be NULL) the key that says so; "" for a bond's members.
 */
const char *switch_conf_port_end(const struct conf_port *p, const char **key);

/* One line a key: object, key, type, range, default, meaning. */
void switch_conf_describe(FILE *to);

/*
 * Actions.  Carry them out in order; when they are done, `wanted` runs:
 *
 *	remove bonds, remove other ports, remove networks, change settings,
 *	change networks, add networks, change other ports, add other ports,
 *	change bonds, add bonds
 *
 * A port that stays but whose network is removed carries nothing until its
 * own change comes: fail closed.  In the same way a bond that stays does
 * without a member that is removed, until its own change comes last, when all
 * members are there.  A bond is changed in place, whatever changes: mode,
 * members, properties.  Ports that become members, cease to be or change
 * their number have CONF_PART_BOND too, and so has a bond one of whose
 * members is removed and added again.  A port whose change cannot be made in place
 * is removed and added again (both with CONF_PART_RECREATE).  A change of a
 * network that alters what a port sees (its tag, its uplink, its default
 * locking mode, its MTU) also yields a change of that port.
 */
enum conf_verb { CONF_REMOVE, CONF_CHANGE, CONF_ADD };
enum conf_object { CONF_SETTINGS, CONF_NETWORK, CONF_PORT };

enum conf_part {
	CONF_PART_POLICY = 1 << 0, /* who may send what: the guard, mirrors */
	CONF_PART_VLAN = 1 << 1,   /* mode, tags, networks carried */
	CONF_PART_RATE = 1 << 2,   /* rates and storm limit */
	CONF_PART_MTU = 1 << 3,
	CONF_PART_TABLES = 1 << 4, /* settings: sizes of tables */
	CONF_PART_TIMES = 1 << 5,  /* settings: ageing, hold, naps, budgets */
	CONF_PART_RECREATE = 1 << 6, /* half of a remove-and-add */
	CONF_PART_BOND = 1 << 7, /* mode, members, properties; membership */
	CONF_PART_LINK = 1 << 8, /* the kernel interface: ethtool, addresses */
	CONF_PART_LLDP = 1 << 9,
};

struct switch_conf_action {
	uint8_t verb;	/* enum conf_verb */
	uint8_t object; /* enum conf_object */
	uint32_t parts; /* enum conf_part; all of them is not said for ADD */
	int32_t before; /* index in running, CONF_NONE for ADD */
	int32_t after;	/* index in wanted, CONF_NONE for REMOVE */
};

struct switch_conf_plan {
	uint32_t count;
	struct switch_conf_action *actions;
};

/* 0 or -ENOMEM.  Equal values give no action.  Free with _plan_fini. */
int switch_conf_diff(const struct switch_conf *running,
		     const struct switch_conf *wanted,
		     struct switch_conf_plan *plan);
void switch_conf_plan_fini(struct switch_conf_plan *plan);

/*
 * Ports of role host, in `running` and in `wanted`, that the change may cut off
 * from what is outside: they, their networks' way out, an uplink or a member
 * of it change.  Their number, and their indexes in *ports (free() it); -ENOMEM.
 */
int switch_conf_cuts_host(const struct switch_conf *running,
			  const struct switch_conf *wanted, int32_t **ports);

/* "change port web: policy, rate"; for logs and answers. */
void switch_conf_action_text(const struct switch_conf *running,
			     const struct switch_conf *wanted,
			     const struct switch_conf_action *action,
			     char *text, size_t size);

#endif
