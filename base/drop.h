/*
 * drop.h: every reason why a frame ends somewhere else than on a wire.
 *
 * One table, so that counters, `switchctl drops`, the trace recorder and the
 * manual agree.  A received frame has exactly one ingress verdict: DROP_NONE
 * (forwarded) or one reason of the first group.  An intended delivery ends as
 * transmitted or under one reason of the second group, at the egress port.
 * Hence, at rest, in frames before segmentation:
 *
 *	rx + generated + extra copies = tx + drops
 */
#ifndef CAUSEWAY_DROP_H
#define CAUSEWAY_DROP_H

/* X(symbol, name, what it means) */
#define DROP_INGRESS(X)                                                       \
	X(RUNT, "runt", "shorter than an Ethernet header")                    \
	X(GIANT, "giant", "longer than the port's MTU allows")                \
	X(BAD_OFFLOAD, "bad_offload", "checksum or GSO fields out of range")  \
	X(BAD_CHAIN, "bad_chain", "malformed descriptor chain")               \
	X(VLAN, "vlan", "VLAN not carried by this port, or tag malformed")    \
	X(BAD_SRC, "bad_src", "source MAC multicast, broadcast or zero")      \
	X(SPOOF_MAC, "spoof_mac", "source MAC is not this port's")            \
	X(FOREIGN_MAC, "foreign_mac",                                         \
	  "source MAC belongs to another local port, the host or a protocol") \
	X(MAC_LIMIT, "mac_limit", "more source MACs than the port may use")   \
	X(SPOOF_ARP, "spoof_arp", "ARP sender is not this port's")            \
	X(SPOOF_IPV4, "spoof_ipv4", "IPv4 source not in ipv4_allowed")        \
	X(SPOOF_IPV6, "spoof_ipv6", "IPv6 source not in ipv6_allowed")        \
	X(SPOOF_ND, "spoof_nd", "neighbour discovery for a foreign address")  \
	X(RA_GUARD, "ra_guard", "router advertisement or redirect")           \
	X(DHCP_GUARD, "dhcp_guard", "DHCP server message or foreign chaddr")  \
	X(NOT_ALLOWED, "not_allowed", "protocol a locked port may not send")  \
	X(UNPARSED, "unparsed", "headers too deep or broken to be judged")    \
	X(LINK_PROTO, "link_proto", "STP, LACP, LLDP, pause and their kind")  \
	X(STORM, "storm", "over the storm limit")                             \
	X(DISABLED, "disabled", "port is disabled")                           \
	X(BOND_STANDBY, "bond_standby",                                       \
	  "arrived on a bond member that takes no traffic")                   \
	X(BOND_DUPLICATE, "bond_duplicate",                                   \
	  "on a bond member beside the one that takes such frames")           \
	X(INJECT, "inject", "sent by a port that may only listen")            \
	X(HAIRPIN, "hairpin", "destination is behind the ingress port")       \
	X(ISOLATED, "isolated", "both ports are isolated")                    \
	X(NO_DEST, "no_dest", "no port wants it (unknown unicast, no member)")

#define DROP_EGRESS(X)                                                        \
	X(NO_LINK, "no_link", "egress port has no link or driver")            \
	X(RING_FULL, "ring_full", "egress ring had no room")                  \
	X(NO_BUFFER, "no_buffer", "guest offered buffers too small")          \
	X(BAD_RING, "bad_ring", "guest broke the rules of its receive ring")  \
	X(EGRESS_VLAN, "egress_vlan",                                         \
	  "not carried there: it would leave untagged with a tag inside")     \
	X(EGRESS_MTU, "egress_mtu", "longer than the egress port's MTU")      \
	X(EGRESS_RATE, "egress_rate", "over the port's rate to the guest")    \
	X(GSO, "gso", "could not be segmented in software")                   \
	X(TX_ERROR, "tx_error", "the kernel or device refused it")

enum drop {
	DROP_NONE = 0,
#define X(sym, name, help) DROP_##sym,
	DROP_INGRESS(X) DROP_EGRESS(X)
#undef X
	DROP_COUNT
};

#define DROP_FIRST_EGRESS DROP_NO_LINK

/* "none", "runt", ...; never NULL.  drop_help: one sentence for people. */
const char *drop_name(enum drop why);
const char *drop_help(enum drop why);

#endif
