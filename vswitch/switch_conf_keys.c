/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_conf_keys.c: the tables, and what can be done with one row.
 *
 * A row says where a value lives in its struct, what it may be, and which
 * part of the running switch a change of it touches.  Reading and writing
 * JSON is switch_conf_json.c; this file knows nothing of JSON.
 */
#include "vswitch/switch_conf_keys.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

static const struct conf_word type_words[] = {
	{ "vhost-user", CONF_VHOST_USER },
	{ "tap", CONF_TAP },
	{ "packet", CONF_PACKET },
	{ "bond", CONF_BOND },
	{ "nic", CONF_NIC },
	{ NULL, 0 },
};

static const struct conf_word role_words[] = {
	{ "guest", CONF_GUEST },
	{ "host", CONF_HOST },
	{ "uplink", CONF_UPLINK },
	{ NULL, 0 },
};

static const struct conf_word mode_words[] = {
	{ "access", CONF_VLAN_ACCESS },
	{ "trunk", CONF_VLAN_TRUNK },
	{ "native-untagged", CONF_VLAN_NATIVE_UNTAGGED },
	{ "native-tagged", CONF_VLAN_NATIVE_TAGGED },
	{ "tunnel", CONF_VLAN_TUNNEL },
	{ NULL, 0 },
};

static const struct conf_word locking_words[] = {
	{ "network_default", CONF_LOCK_NETWORK_DEFAULT },
	{ "unlocked", CONF_LOCK_UNLOCKED },
	{ "locked", CONF_LOCK_LOCKED },
	{ "disabled", CONF_LOCK_DISABLED },
	{ NULL, 0 },
};

static const struct conf_word default_locking_words[] = {
	{ "unlocked", CONF_LOCK_UNLOCKED },
	{ "disabled", CONF_LOCK_DISABLED },
	{ NULL, 0 },
};

static const struct conf_word link_words[] = {
	{ "stp", CONF_LINK_STP },     { "pause", CONF_LINK_PAUSE },
	{ "lacp", CONF_LINK_LACP },   { "eapol", CONF_LINK_EAPOL },
	{ "lldp", CONF_LINK_LLDP },   { "cdp", CONF_LINK_CDP },
	{ "other", CONF_LINK_OTHER }, { NULL, 0 },
};

static const struct conf_word tpid_words[] = {
	{ "0x8100", 0x8100 },
	{ "0x88a8", 0x88a8 },
	{ "0x9100", 0x9100 },
	{ NULL, 0 },
};

static const struct conf_word bond_words[] = {
	{ "balance-slb", BOND_BALANCE_SLB },
	{ "active-backup", BOND_ACTIVE_BACKUP },
	{ "lacp", BOND_LACP },
	{ NULL, 0 },
};

static const struct conf_word hash_words[] = {
	{ "src_mac", BOND_SRC_MAC },
	{ "tcpudp_ports", BOND_TCPUDP_PORTS },
	{ NULL, 0 },
};

static const struct conf_word lacp_time_words[] = {
	{ "fast", 1 },
	{ "slow", 0 },
	{ NULL, 0 },
};

static const struct conf_word lldp_words[] = {
	{ "off", 0 },
	{ "rx", CONF_LLDP_RX },
	{ "tx", CONF_LLDP_TX },
	{ "both", CONF_LLDP_RX | CONF_LLDP_TX },
	{ NULL, 0 },
};

static const struct conf_word toggle_words[] = {
	{ "on", CONF_TOGGLE_ON },
	{ "off", CONF_TOGGLE_OFF },
	{ NULL, 0 },
};

static const struct conf_word duplex_words[] = {
	{ "half", CONF_DUPLEX_HALF },
	{ "full", CONF_DUPLEX_FULL },
	{ NULL, 0 },
};

/* Columns of a row: key, kind, struct, field. */
#define AT(key, kind_, type, field)                                           \
	.name = key, .kind = CONF_KIND_##kind_, .offset = offsetof(type, field)

#define NUMBER(kind_, lo, hi, d) .min = (lo), .max = (hi), .def = (d)

#define ROOT(key, kind, field) AT(key, kind, struct switch_conf, field)
#define SETTING(key, lo, hi, d, part_, help_)                                 \
	{ AT(#key, U32, struct conf_settings, key), NUMBER(U32, lo, hi, d),   \
	  .part = CONF_PART_##part_, .help = help_ }
#define NETWORK(key, kind, field) AT(key, kind, struct conf_network, field)
#define PORT(key, kind, field) AT(key, kind, struct conf_port, field)

#define ON_VHOST .types = CONF_ON(CONF_VHOST_USER)
#define ON_KERNEL .types = CONF_ON(CONF_TAP) | CONF_ON(CONF_PACKET)
#define ON_WIRE .types = CONF_ON(CONF_PACKET)
#define ON_NIC .types = CONF_ON(CONF_NIC)
#define ON_CABLE .types = CONF_ON(CONF_PACKET) | CONF_ON(CONF_NIC)
#define ON_BOND .types = CONF_ON(CONF_BOND)
#define NOT_BOND                                                              \
	.types = CONF_ON(CONF_VHOST_USER) | CONF_ON(CONF_TAP) |               \
		 CONF_ON(CONF_PACKET) | CONF_ON(CONF_NIC)
#define OF_HOST .types = CONF_ON(CONF_TAP), .roles = CONF_ON(CONF_HOST)
#define IN_LACP .bonds = CONF_ON(BOND_LACP)
#define NOT_UPLINK .roles = CONF_ON(CONF_GUEST) | CONF_ON(CONF_HOST)
#define MODE_NATIVE                                                           \
	(CONF_ON(CONF_VLAN_NATIVE_UNTAGGED) | CONF_ON(CONF_VLAN_NATIVE_TAGGED))
#define MODE_TRUNK (CONF_ON(CONF_VLAN_TRUNK) | MODE_NATIVE)

const struct conf_key conf_root_keys[] = {
	{ ROOT("owner", NAME, owner), .required = true,
	  .help = "author of the value; any other author is refused" },
	{ ROOT("generation", U64, generation), .required = true,
	  .min = 0, .max = INT64_MAX,
	  .help = "number of the value; a lower one is refused" },
	{ ROOT("settings", SUB, settings), .sub = conf_settings_keys,
	  .help = "the switch as a whole" },
	{ ROOT("networks", SUB, networks), .sub = conf_network_keys,
	  .help = "list of broadcast domains" },
	{ ROOT("ports", SUB, ports), .sub = conf_port_keys,
	  .help = "list of ports" },
	{ .name = NULL },
};

const struct conf_key conf_settings_keys[] = {
	SETTING(fdb_entries, 1024, 1 << 20, 65536, TABLES,
		"addresses the forwarding table holds"),
	SETTING(ageing_s, 1, 32000, 300, TIMES,
		"seconds until an address that is silent is forgotten"),
	SETTING(mac_move_hold_ms, 0, 60000, 1000, TIMES,
		"after a move an address stays at its port this long"),
	SETTING(mcast_groups, 1, 65536, 4096, TABLES,
		"multicast memberships the switch remembers"),
	SETTING(mirror_bytes_per_burst, 0, 1 << 24, 131072, TIMES,
		"bytes a worker copies for mirrors per burst of 32 frames"),
	SETTING(poll_us, 0, 1000000, 50, TIMES,
		"a worker without work polls this long, then naps"),
	SETTING(watchdog_ms, 100, 600000, 1000, TIMES,
		"a worker silent for this long is reported as hung"),
	SETTING(capture_max_s, 1, 604800, 3600, TIMES,
		"no capture and no ad hoc mirror lasts longer"),
	{ .name = NULL },
};

const struct conf_key conf_network_keys[] = {
	{ NETWORK("name", NAME, name), .required = true,
	  .help = "unique among networks" },
	{ NETWORK("vlan", U16, vlan), .required = true,
	  NUMBER(U16, 0, 4094, 0), .part = CONF_PART_VLAN,
	  .help = "tag on the uplink and on guests' trunks; 0: untagged" },
	{ NETWORK("uplink", NAME, uplink_name), .part = CONF_PART_VLAN,
	  .def_help = "none",
	  .help = "port of role uplink through which it leaves the host" },
	{ NETWORK("mtu", U32, mtu), NUMBER(U32, 68, 65535, 1500),
	  .part = CONF_PART_MTU, .help = "bytes of an IP packet" },
	{ NETWORK("default_locking_mode", WORD8, default_locking),
	  .words = default_locking_words, .def = CONF_LOCK_UNLOCKED,
	  .part = CONF_PART_POLICY,
	  .help = "of ports whose mode is network_default" },
	{ NETWORK("link_protocols", FLAGS, link_protocols),
	  .words = link_words, .part = CONF_PART_POLICY, .def_help = "[]",
	  .help = "link protocols that guests may speak here" },
	{ NETWORK("igmp_snooping", BOOL, igmp_snooping), .def = true,
	  .part = CONF_PART_POLICY,
	  .help = "deliver multicast to members only (IGMP and MLD)" },
	{ NETWORK("flood_unknown", BOOL, flood_unknown),
	  .part = CONF_PART_POLICY,
	  .help = "flood unknown unicast to every guest port" },
	{ .name = NULL },
};

static const struct conf_key offload_keys[] = {
	{ PORT("csum", BOOL, csum), .def = true, .part = CONF_PART_RECREATE,
	  .help = "offer partial checksums" },
	{ PORT("tso", BOOL, tso), .def = true, .part = CONF_PART_RECREATE,
	  .help = "offer segmentation offload; needs csum" },
	{ .name = NULL },
};

#define ETHTOOL(key, help_)                                                   \
	{ PORT(#key, WORD8, ethtool.key), .words = toggle_words,              \
	  .part = CONF_PART_LINK, .def_help = "as it is", .help = help_ }

static const struct conf_key ethtool_keys[] = {
	ETHTOOL(rx, "receive checksumming"),
	ETHTOOL(tx, "transmit checksumming"),
	ETHTOOL(sg, "scatter and gather"),
	ETHTOOL(tso, "TCP segmentation offload"),
	ETHTOOL(ufo, "UDP fragmentation offload"),
	ETHTOOL(gso, "generic segmentation offload"),
	ETHTOOL(gro, "generic receive offload"),
	ETHTOOL(lro, "large receive offload"),
	ETHTOOL(autoneg, "negotiation of the link"),
	{ PORT("speed", U32, ethtool.speed), NUMBER(U32, 1, 10000000, 0),
	  .part = CONF_PART_LINK, .def_help = "as it is",
	  .help = "speed of the link in Mb/s" },
	{ PORT("duplex", WORD8, ethtool.duplex), .words = duplex_words,
	  .part = CONF_PART_LINK, .def_help = "as it is",
	  .help = "duplex of the link" },
	{ PORT("advertise", U32, ethtool.advertise),
	  NUMBER(U32, 1, UINT32_MAX, 0), .part = CONF_PART_LINK,
	  .def_help = "as it is",
	  .help = "mask of link modes to advertise, as ethtool(8) has it" },
	{ .name = NULL },
};

const struct conf_key conf_port_keys[] = {
	{ PORT("name", NAME, name), .required = true,
	  .help = "unique among ports" },
	{ PORT("type", WORD8, type), .required = true, .words = type_words,
	  .part = CONF_PART_RECREATE, .help = "what is on the other side" },
	{ PORT("role", WORD8, role), .words = role_words, .derived = true,
	  .part = CONF_PART_RECREATE,
	  .def_help = "guest for vhost-user, host for tap, uplink for packet, "
		      "nic and bond",
	  .help = "how far the port is trusted" },
	{ PORT("socket", SOCKET, socket), ON_VHOST, .required = true,
	  .part = CONF_PART_RECREATE,
	  .help = "absolute path of the vhost-user socket" },
	{ PORT("server", BOOL, server), ON_VHOST, .part = CONF_PART_RECREATE,
	  .help = "listen on the socket instead of connecting to it" },
	{ PORT("trusted", BOOL, trusted), ON_VHOST,
	  .part = CONF_PART_RECREATE,
	  .help = "accept guest memory that is not a sealed memfd" },
	{ PORT("peer_uid", I64, peer_uid), ON_VHOST,
	  NUMBER(I64, 0, UINT32_MAX - 1, -1), .part = CONF_PART_RECREATE,
	  .def_help = "root or the switch's own",
	  .help = "user id that the other end must have" },
	{ PORT("interface", IFNAME, interface), ON_KERNEL, .required = true,
	  .part = CONF_PART_RECREATE,
	  .help = "kernel interface: tap to create, or device to take" },
	{ PORT("device", NAME, device), ON_NIC, .required = true,
	  .part = CONF_PART_RECREATE,
	  .help = "NIC that causeway-switchd was given with --device" },
	{ PORT("queues", U16, queues), NOT_BOND, NUMBER(U16, 1, 16, 1),
	  .part = CONF_PART_RECREATE, .help = "queue pairs, at most" },
	{ PORT("mtu", U32, mtu), NUMBER(U32, 68, 65535, 0), .derived = true,
	  .part = CONF_PART_MTU,
	  .def_help = "the largest of its networks; a member's: the bond's",
	  .help = "bytes of an IP packet" },
	{ PORT("offload", SUB, csum), NOT_BOND, .sub = offload_keys,
	  .help = "what the port offers to the other side" },

	{ PORT("members", MEMBERS, bonding.members), ON_BOND,
	  .required = true, .part = CONF_PART_BOND,
	  .help = "packet and nic ports of role uplink, 1 to 8, that it is made of" },
	{ PORT("mode", WORD8, bonding.mode), ON_BOND, .words = bond_words,
	  .def = BOND_BALANCE_SLB, .part = CONF_PART_BOND,
	  .help = "how frames are spread over the members" },
	{ PORT("primary", NAME, bonding.primary_name), ON_BOND,
	  .bonds = CONF_ON(BOND_ACTIVE_BACKUP) | CONF_ON(BOND_LACP),
	  .part = CONF_PART_BOND, .def_help = "none",
	  .help = "member that is active whenever it can be" },
	{ PORT("updelay", U32, bonding.updelay_ms), ON_BOND,
	  NUMBER(U32, 0, 3600000, 31000), .part = CONF_PART_BOND,
	  .help = "ms a link must be up before it is used" },
	{ PORT("downdelay", U32, bonding.downdelay_ms), ON_BOND,
	  NUMBER(U32, 0, 3600000, 200), .part = CONF_PART_BOND,
	  .help = "ms a link must be down before it is given up" },
	{ PORT("rebalance-interval", U32, bonding.rebalance_interval_ms),
	  ON_BOND, NUMBER(U32, 0, 86400000, 1800000),
	  .bonds = CONF_ON(BOND_BALANCE_SLB) | CONF_ON(BOND_LACP),
	  .part = CONF_PART_BOND,
	  .help = "ms between evening out the load; 0: never" },
	{ PORT("hashing-algorithm", WORD8, bonding.hash), ON_BOND, IN_LACP,
	  .words = hash_words, .def = BOND_TCPUDP_PORTS,
	  .part = CONF_PART_BOND, .help = "what keeps frames on one member" },
	{ PORT("lacp-time", WORD8, bonding.lacp_fast), ON_BOND, IN_LACP,
	  .words = lacp_time_words, .def = 0, .part = CONF_PART_BOND,
	  .help = "partner's pace: fast is a second, slow 30" },
	{ PORT("lacp-aggregation-key", U16, bonding.lacp_aggregation_key),
	  ON_BOND, IN_LACP, NUMBER(U16, 1, 65535, 0),
	  .part = CONF_PART_BOND, .def_help = "1",
	  .help = "key of the members: what may aggregate" },
	{ PORT("lacp-actor-key", U16, bonding.lacp_actor_key), ON_BOND,
	  IN_LACP, NUMBER(U16, 1, 65535, 0), .part = CONF_PART_BOND,
	  .def_help = "lacp-aggregation-key",
	  .help = "other name of lacp-aggregation-key" },
	{ PORT("lacp-fallback-ab", BOOL, bonding.lacp_fallback_ab), ON_BOND,
	  IN_LACP, .def = true, .part = CONF_PART_BOND,
	  .help = "be active-backup as long as no partner answers" },
	{ PORT("lacp-system-priority", U16, bonding.lacp_system_priority),
	  ON_BOND, IN_LACP, NUMBER(U16, 1, 65535, 65534),
	  .part = CONF_PART_BOND, .help = "the lower of both systems decides" },
	{ PORT("lacp-system", MAC, bonding.lacp_system), ON_BOND, IN_LACP,
	  .part = CONF_PART_BOND, .def_help = "mac, or the first member's",
	  .help = "MAC address that names this system to its partner" },
	{ PORT("miimon", U32, bonding.miimon_ms), ON_BOND,
	  NUMBER(U32, 1, 60000, 100), .part = CONF_PART_BOND,
	  .help = "ms between looks at carriers whose loss nobody told" },
	{ PORT("use_carrier", U16, bonding.use_carrier), ON_BOND,
	  NUMBER(U16, 1, 1, 1), .part = CONF_PART_BOND,
	  .help = "1: the carrier says whether a link is up" },

	{ PORT("lldp", WORD8, lldp), ON_CABLE, .words = lldp_words,
	  .roles = CONF_ON(CONF_HOST) | CONF_ON(CONF_UPLINK),
	  .derived = true, .part = CONF_PART_LLDP,
	  .def_help = "both for uplinks, else off",
	  .help = "link layer discovery: listen, speak" },
	{ PORT("ethtool", SUB, ethtool), ON_WIRE, .sub = ethtool_keys,
	  .help = "what the interface is set to" },
	{ PORT("nic_promiscuous", BOOL, nic_promiscuous), ON_WIRE,
	  .part = CONF_PART_LINK,
	  .help = "set the interface promiscuous, for all who listen on it" },
	{ PORT("addresses", ADDRS, addresses), OF_HOST,
	  .part = CONF_PART_LINK, .def_help = "[]",
	  .help = "the host's addresses on the interface" },
	{ PORT("gateway", IP4, gateway), OF_HOST, .part = CONF_PART_LINK,
	  .def_help = "none", .help = "the host's IPv4 default route" },
	{ PORT("gateway6", IP6, gateway6), OF_HOST, .part = CONF_PART_LINK,
	  .def_help = "none", .help = "the host's IPv6 default route" },

	{ PORT("network", NET, network), NOT_UPLINK,
	  .modes = CONF_ON(CONF_VLAN_ACCESS) | CONF_ON(CONF_VLAN_TUNNEL),
	  .help = "the network of an access or tunnel port" },
	{ PORT("vlan_mode", WORD8, vlan_mode), .words = mode_words,
	  NOT_UPLINK, .derived = true, .part = CONF_PART_VLAN,
	  .def_help = "access, with trunk: trunk, with native: "
		      "native-untagged",
	  .help = "which tags the port sends and takes" },
	{ PORT("trunk", NETS, carries), NOT_UPLINK, .modes = MODE_TRUNK,
	  .help = "networks carried with their tags" },
	{ PORT("native", NET, native), NOT_UPLINK, .modes = MODE_NATIVE,
	  .help = "network of a trunk's untagged frames" },
	{ PORT("cvlans", VIDS, cvlans), NOT_UPLINK, .part = CONF_PART_VLAN,
	  .modes = CONF_ON(CONF_VLAN_TUNNEL), .def_help = "all",
	  .help = "customer VLANs a tunnel takes; 0 is untagged" },
	{ PORT("tpid", WORD16, tpid), .words = tpid_words, .def = 0x8100,
	  .modes = MODE_TRUNK, .part = CONF_PART_VLAN,
	  .help = "type of the tags on this port" },

	{ PORT("mac", MAC, mac), NOT_UPLINK, .also = CONF_ON(CONF_BOND),
	  .part = CONF_PART_RECREATE, .def_help = "none",
	  .help = "own address; unique in its networks; a bond's: its "
		  "lacp-system" },
	{ PORT("locking_mode", WORD8, locking_mode), NOT_UPLINK,
	  .words = locking_words, .def = CONF_LOCK_NETWORK_DEFAULT,
	  .part = CONF_PART_POLICY,
	  .help = "what the port may send as its source" },
	{ PORT("ipv4_allowed", PREFIX4, ipv4_allowed), NOT_UPLINK,
	  .part = CONF_PART_POLICY, .def_help = "[]",
	  .help = "IPv4 sources of a locked port" },
	{ PORT("ipv6_allowed", PREFIX6, ipv6_allowed), NOT_UPLINK,
	  .part = CONF_PART_POLICY, .def_help = "[]",
	  .help = "IPv6 sources of a locked port" },
	{ PORT("dhcp_server", BOOL, dhcp_server), NOT_UPLINK,
	  .part = CONF_PART_POLICY, .help = "the port may answer DHCP" },
	{ PORT("router", BOOL, router), NOT_UPLINK, .part = CONF_PART_POLICY,
	  .help = "the port may send router advertisements" },
	{ PORT("isolated", BOOL, isolated), NOT_UPLINK,
	  .part = CONF_PART_POLICY,
	  .help = "reaches uplinks but no other isolated port" },
	{ PORT("promiscuous", BOOL, promiscuous), NOT_UPLINK,
	  .part = CONF_PART_POLICY,
	  .help = "gets a copy of every frame its networks admit" },
	{ PORT("include_refused", BOOL, include_refused), NOT_UPLINK,
	  .part = CONF_PART_POLICY,
	  .help = "promiscuous: copies of refused frames too" },
	{ PORT("inject", BOOL, inject), NOT_UPLINK, .def = true,
	  .part = CONF_PART_POLICY,
	  .help = "promiscuous: may also send; false: may only listen" },
	{ PORT("flood_unknown", BOOL, flood_unknown), NOT_UPLINK,
	  .part = CONF_PART_POLICY,
	  .help = "gets unknown unicast: for guests that bridge" },
	{ PORT("mac_limit", U32, mac_limit), NOT_UPLINK,
	  NUMBER(U32, 1, 1 << 20, 32), .part = CONF_PART_POLICY,
	  .help = "source addresses an unlocked port may use" },

	{ PORT("rate_from_guest_bps", U64, rate_from_guest_bps), NOT_UPLINK,
	  NUMBER(U64, 0, 1000000000000, 0), .part = CONF_PART_RATE,
	  .help = "bit/s taken from the port; 0: unlimited" },
	{ PORT("rate_to_guest_bps", U64, rate_to_guest_bps), NOT_UPLINK,
	  NUMBER(U64, 0, 1000000000000, 0), .part = CONF_PART_RATE,
	  .help = "bit/s sent to the port; 0: unlimited" },
	{ PORT("storm_pps", U64, storm_pps),
	  NUMBER(U64, 0, 1000000000, 0), .derived = true,
	  .part = CONF_PART_RATE, .def_help = "10000 for guests, else 0",
	  .help = "flooded frames/s taken from the port; 0: unlimited" },
	{ .name = NULL },
};

const struct conf_key *conf_key_find(const struct conf_key *table,
				     const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name))
			return table;
	return NULL;
}

#define SPELL_MAX 32 /* longer words are never close to a key */

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein distance. */
static unsigned spell_distance(const char *a, const char *b)
{
	unsigned row[SPELL_MAX + 1], diag, up, i, j;
	size_t la = strlen(a), lb = strlen(b);

	if (la > SPELL_MAX || lb > SPELL_MAX)
		return SPELL_MAX;
	for (j = 0; j <= lb; j++)
		row[j] = j;
	for (i = 1; i <= la; i++) {
		diag = row[0];
		row[0] = i;
		for (j = 1; j <= lb; j++) {
			up = row[j];
			row[j] = least(row[j] + 1, row[j - 1] + 1,
				       diag + (a[i - 1] != b[j - 1]));
			diag = up;
		}
	}
	return row[lb];
}

/* The only key that begins so, from three letters on. */
static const char *begins_so(const struct conf_key *table, const char *name)
{
	const char *found = NULL;
	size_t len = strlen(name);

	for (; len >= 3 && table->name; table++) {
		if (strncmp(table->name, name, len))
			continue;
		if (found)
			return NULL;
		found = table->name;
	}
	return found;
}

/* A slip of the pen, or a word not finished; what is further off misleads. */
const char *conf_key_nearest(const struct conf_key *table, const char *name)
{
	const struct conf_key *key;
	const char *best = NULL;
	unsigned d, best_d = 3;

	for (key = table; key->name; key++) {
		d = spell_distance(name, key->name);
		if (d < best_d && d < strlen(key->name)) {
			best_d = d;
			best = key->name;
		}
	}
	return best ? best : begins_so(table, name);
}

const char *conf_word_of(const struct conf_word *words, uint32_t value)
{
	for (; words->word; words++)
		if (words->value == value)
			return words->word;
	return "?";
}

static void list_words(const char *lead, const struct conf_word *words,
		       char *text, size_t size)
{
	size_t at = snprintf(text, size, "%s", lead);

	for (; words->word && at < size; words++)
		at += snprintf(text + at, size - at, "\"%s\"%s", words->word,
			       words[1].word ? ", " : "");
}

static const char *const kind_expects[] = {
	[CONF_KIND_BOOL] = "true or false",
	[CONF_KIND_NAME] = "1 to 63 letters, digits or . _ : -",
	[CONF_KIND_SOCKET] = "absolute path of at most 107 bytes without ., .. and //",
	[CONF_KIND_IFNAME] = "interface name of 1 to 15 characters",
	[CONF_KIND_MAC] = "unicast MAC address such as 02:00:00:00:00:0a",
	[CONF_KIND_NET] = "name of a network in networks",
	[CONF_KIND_NETS] = "list of names of networks",
	[CONF_KIND_PREFIX4] = "IPv4 address or prefix such as 10.0.0.7 or "
			      "10.0.0.0/24",
	[CONF_KIND_PREFIX6] = "IPv6 address or prefix such as fd00::7 or "
			      "fd00::/64",
	[CONF_KIND_VIDS] = "VLAN id 0 to 4094 or range such as \"10-20\"",
	[CONF_KIND_MEMBERS] = "list of 1 to 8 names of ports",
	[CONF_KIND_ADDRS] = "IPv4 or IPv6 address with prefix such as "
			    "10.0.0.7/24 or fd00::7/64",
	[CONF_KIND_IP4] = "IPv4 address such as 10.0.0.1",
	[CONF_KIND_IP6] = "IPv6 address such as fe80::1",
	[CONF_KIND_SUB] = "object",
};

void conf_key_expects(const struct conf_key *key, char *text, size_t size)
{
	switch (key->kind) {
	case CONF_KIND_U16:
	case CONF_KIND_U32:
	case CONF_KIND_U64:
	case CONF_KIND_I64:
		snprintf(text, size, "integer %" PRId64 " to %" PRId64,
			 key->min, key->max);
		return;
	case CONF_KIND_WORD8:
	case CONF_KIND_WORD16:
		list_words("one of ", key->words, text, size);
		return;
	case CONF_KIND_FLAGS:
		list_words("list of ", key->words, text, size);
		return;
	default:
		snprintf(text, size, "%s", kind_expects[key->kind]);
	}
}

int64_t conf_key_get(const struct conf_key *key, const void *object)
{
	const void *at = (const char *)object + key->offset;

	switch (key->kind) {
	case CONF_KIND_BOOL:
		return *(const bool *)at;
	case CONF_KIND_WORD8:
		return *(const uint8_t *)at;
	case CONF_KIND_U16:
	case CONF_KIND_WORD16:
		return *(const uint16_t *)at;
	case CONF_KIND_U32:
	case CONF_KIND_FLAGS:
		return *(const uint32_t *)at;
	case CONF_KIND_NET:
		return *(const int32_t *)at;
	case CONF_KIND_U64:
	case CONF_KIND_I64:
		return *(const int64_t *)at;
	default:
		assert(!"key holds no number");
		return 0;
	}
}

void conf_key_set(const struct conf_key *key, void *object, int64_t value)
{
	void *at = (char *)object + key->offset;

	switch (key->kind) {
	case CONF_KIND_BOOL:
		*(bool *)at = value;
		return;
	case CONF_KIND_WORD8:
		*(uint8_t *)at = value;
		return;
	case CONF_KIND_U16:
	case CONF_KIND_WORD16:
		*(uint16_t *)at = value;
		return;
	case CONF_KIND_U32:
	case CONF_KIND_FLAGS:
		*(uint32_t *)at = value;
		return;
	case CONF_KIND_NET:
		*(int32_t *)at = value;
		return;
	case CONF_KIND_U64:
	case CONF_KIND_I64:
		*(int64_t *)at = value;
		return;
	default:
		assert(!"key holds no number");
	}
}

static bool in_mask(uint32_t mask, unsigned value)
{
	return !mask || (mask & CONF_ON(value));
}

bool conf_key_applies(const struct conf_key *key, const struct conf_port *p)
{
	if (key->also & CONF_ON(p->type))
		return true;
	return in_mask(key->types, p->type) && in_mask(key->roles, p->role) &&
	       in_mask(key->modes, p->vlan_mode) &&
	       in_mask(key->bonds, p->bonding.mode);
}

static bool prefix4_equal(const struct conf_port *a,
			  const struct conf_port *b)
{
	uint32_t i;

	if (a->ipv4_count != b->ipv4_count)
		return false;
	for (i = 0; i < a->ipv4_count; i++)
		if (a->ipv4_allowed[i].len != b->ipv4_allowed[i].len ||
		    a->ipv4_allowed[i].addr.s_addr !=
			    b->ipv4_allowed[i].addr.s_addr)
			return false;
	return true;
}

static bool prefix6_equal(const struct conf_port *a,
			  const struct conf_port *b)
{
	uint32_t i;

	if (a->ipv6_count != b->ipv6_count)
		return false;
	for (i = 0; i < a->ipv6_count; i++)
		if (a->ipv6_allowed[i].len != b->ipv6_allowed[i].len ||
		    memcmp(&a->ipv6_allowed[i].addr, &b->ipv6_allowed[i].addr,
			   sizeof(struct in6_addr)))
			return false;
	return true;
}

static bool members_equal(const struct conf_bond *a,
			  const struct conf_bond *b)
{
	unsigned i;

	if (a->member_count != b->member_count)
		return false;
	for (i = 0; i < a->member_count; i++)
		if (strcmp(a->members[i].name, b->members[i].name))
			return false;
	return true;
}

static bool addresses_equal(const struct conf_port *a,
			    const struct conf_port *b)
{
	return a->address_count == b->address_count &&
	       (!a->address_count ||
		!memcmp(a->addresses, b->addresses,
			a->address_count * sizeof(*a->addresses)));
}

bool conf_key_equal(const struct conf_key *key, const void *a, const void *b)
{
	const char *at_a = (const char *)a + key->offset;
	const char *at_b = (const char *)b + key->offset;

	switch (key->kind) {
	case CONF_KIND_NAME:
	case CONF_KIND_SOCKET:
	case CONF_KIND_IFNAME:
		return !strcmp(at_a, at_b);
	case CONF_KIND_MAC:
		return !memcmp(at_a, at_b, 6);
	case CONF_KIND_IP4:
		return !memcmp(at_a, at_b, sizeof(struct in_addr));
	case CONF_KIND_IP6:
		return !memcmp(at_a, at_b, sizeof(struct in6_addr));
	case CONF_KIND_MEMBERS:
		return members_equal(&((const struct conf_port *)a)->bonding,
				     &((const struct conf_port *)b)->bonding);
	case CONF_KIND_ADDRS:
		return addresses_equal(a, b);
	case CONF_KIND_PREFIX4:
		return prefix4_equal(a, b);
	case CONF_KIND_PREFIX6:
		return prefix6_equal(a, b);
	case CONF_KIND_VIDS:
		return !memcmp(at_a, at_b, sizeof(((struct conf_port *)0)->cvlans));
	case CONF_KIND_NET:
	case CONF_KIND_NETS:
	case CONF_KIND_SUB:
		return true;
	default:
		return conf_key_get(key, a) == conf_key_get(key, b);
	}
}

/* Keep what was found printable and short: it goes to logs and terminals. */
static void put_text(char *to, size_t size, const char *from)
{
	size_t i;

	for (i = 0; from[i] && i + 1 < size; i++)
		to[i] = from[i] >= ' ' && from[i] < 0x7f ? from[i] : '?';
	to[i] = '\0';
	if (from[i])
		memcpy(to + size - 4, "...", 4);
}

void conf_error(struct switch_conf_errors *errs, const char *path,
		const char *value, const char *expected, ...)
{
	struct switch_conf_error *e;
	va_list ap;

	if (errs->count >= CONF_ERRORS_MAX)
		return;
	e = &errs->error[errs->count++];
	put_text(e->path, sizeof(e->path), path);
	put_text(e->value, sizeof(e->value), value ? value : "(missing)");
	va_start(ap, expected);
	vsnprintf(e->expected, sizeof(e->expected), expected, ap);
	va_end(ap);
}

static void describe_default(FILE *to, const struct conf_key *key)
{
	if (key->required)
		fputs("required", to);
	else if (key->def_help)
		fputs(key->def_help, to);
	else if (key->words)
		fputs(conf_word_of(key->words, key->def), to);
	else if (key->kind == CONF_KIND_BOOL)
		fputs(key->def ? "true" : "false", to);
	else if (key->kind <= CONF_KIND_I64)
		fprintf(to, "%" PRId64, key->def);
	else
		fputs("none", to);
}

static void describe_table(FILE *to, const char *object,
			   const struct conf_key *key)
{
	char text[160];

	for (; key->name; key++) {
		if (key->sub == offload_keys || key->sub == ethtool_keys) {
			snprintf(text, sizeof(text), "port.%s", key->name);
			describe_table(to, text, key->sub);
			continue;
		}
		conf_key_expects(key, text, sizeof(text));
		fprintf(to, "%s.%s\t%s\t", object, key->name, text);
		describe_default(to, key);
		fprintf(to, "\t%s\n", key->help);
	}
}

void switch_conf_describe(FILE *to)
{
	describe_table(to, "state", conf_root_keys);
	describe_table(to, "settings", conf_settings_keys);
	describe_table(to, "network", conf_network_keys);
	describe_table(to, "port", conf_port_keys);
}
