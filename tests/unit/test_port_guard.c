/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_port_guard.c: what docs/isolation.md says, frame by frame.  Frames are
 * hexadecimal text, so that nothing but the table decides what is in them.
 * Every case arrives untagged on an access port, tagged on a trunk, and with
 * the customer's tags left inside on a tunnel port.
 */
#include "vswitch/port_guard.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#include "tests/lib/guard_confs.h"
#include "tests/lib/packet.h"
#include "tests/lib/suite.h"
#include "vlan/port_vlan.h"

/* clang-format off */
#define OWN    "020000000001" /* FRAME_GEN_MAC */
#define PEER   "020000000002"
#define ALL    "ffffffffffff"
#define SLOW   "0180c2000002"
#define OWN4   "0a000001" /* 10.0.0.1: allowed */
#define PEER4  "0a000002"
#define OWN6   "20010db8000000000000000000000001" /* allowed */
#define PEER6  "20010db8000000000000000000000002"
#define LOCAL6 "fe800000000000000000" "00fffe000001" /* EUI-64 of OWN */
#define FAKE6  "fe800000000000000000000000000001"
#define ZERO6  "00000000000000000000000000000000"
#define NODES6 "ff020000000000000000000000000001"
#define ROUTERS6 "ff020000000000000000000000000002"
#define SOLICITED6(last3) "ff0200000000000000000001ff" last3
#define Z4     "00000000"
#define Z8     Z4 Z4
#define Z16    Z8 Z8

#define ETH(type)	    PEER OWN type
#define ETH_TO(dst, type)   dst OWN type
#define ETH_FROM(src, type) PEER src type

#define ARP(op, smac, sip, tip) \
	ETH_TO(ALL, "0806") "0001080006" "04" op smac sip "000000000000" tip
#define IP4(len, frag, proto, src, dst) \
	ETH("0800") "4500" len "0000" frag "40" proto "0000" src dst
#define UDP(sport, dport) sport dport "00080000"
#define TCP		  "04000050" Z16
/* op htype hlen hops, xid .. siaddr, giaddr, chaddr */
#define BOOTP(op, giaddr, chaddr) \
	op "010600" Z16 Z4 "" giaddr chaddr "00000000000000000000"
#define DHCP(src, dst, sport, dport, bootp) \
	IP4("0048", "0000", "11", src, dst) UDP(sport, dport) bootp
#define IP6(len, next, hops, src, dst) \
	ETH("86dd") "60000000" len next hops src dst
#define ICMP6(type) type "000000"
#define NS(target)  ICMP6("87") Z4 target
#define NA(target)  ICMP6("88") "20000000" target
#define RA	    ICMP6("86") Z8 Z4
#define SLLA(mac)   "0101" mac
#define TLLA(mac)   "0201" mac
#define EXT(next)   next "00000000000000" /* 8 bytes of anything */
#define FRAG(next, off) next "00" off Z4

#define NONE DROP_NONE

static const struct {
	const char *what;
	const char *hex;
	enum drop locked, unlocked;
} cases[] = {
	/* FR-03 */
	{ "multicast source", ETH_FROM("030000000001", "0800"), DROP_BAD_SRC,
	  DROP_BAD_SRC },
	{ "broadcast source", ETH_FROM(ALL, "0800"), DROP_BAD_SRC,
	  DROP_BAD_SRC },
	{ "zero source", ETH_FROM("000000000000", "0800"), DROP_BAD_SRC,
	  DROP_BAD_SRC },
	{ "bridge group as source", ETH_FROM("0180c2000000", "0800"),
	  DROP_BAD_SRC, DROP_BAD_SRC },
	{ "other VM's source",
	  ETH_FROM(PEER, "0800") "45000014" Z4 "40060000" OWN4 PEER4,
	  DROP_SPOOF_MAC, NONE },
	/* FR-04 */
	{ "LLC", ETH("0026") "e0e003", DROP_NOT_ALLOWED, NONE },
	{ "SNAP IPv4", ETH("0026") "aaaa030000000800"
	  "45000014" Z4 "40060000" OWN4 PEER4, DROP_NOT_ALLOWED, NONE },
	{ "SNAP router advertisement", ETH("0050") "aaaa0300000086dd"
	  "6000000000103aff" FAKE6 NODES6 RA, DROP_NOT_ALLOWED,
	  DROP_RA_GUARD },
	{ "other EtherType", ETH("8137") Z16, DROP_NOT_ALLOWED, NONE },
	{ "MPLS", ETH("8847") Z16, DROP_NOT_ALLOWED, NONE },
	/* FR-10 */
	{ "ARP request", ARP("0001", OWN, OWN4, PEER4), NONE, NONE },
	{ "ARP reply", ARP("0002", OWN, OWN4, PEER4), NONE, NONE },
	{ "ARP padded", ARP("0001", OWN, OWN4, PEER4) Z16 "0000", NONE, NONE },
	{ "ARP announcement", ARP("0001", OWN, OWN4, OWN4), NONE, NONE },
	{ "ARP probe", ARP("0001", OWN, Z4, PEER4), NONE, NONE },
	{ "ARP reply from nowhere", ARP("0002", OWN, Z4, PEER4),
	  DROP_SPOOF_ARP, NONE },
	{ "ARP reply for other", ARP("0002", OWN, PEER4, PEER4),
	  DROP_SPOOF_ARP, NONE },
	{ "ARP request as other", ARP("0001", OWN, PEER4, OWN4),
	  DROP_SPOOF_ARP, NONE },
	{ "ARP sender MAC of other", ARP("0002", PEER, OWN4, PEER4),
	  DROP_SPOOF_ARP, NONE },
	{ "InARP", ARP("0008", OWN, OWN4, PEER4), DROP_SPOOF_ARP, NONE },
	{ "ARP htype 6", ETH("0806") "0006080006040001" OWN OWN4
	  "000000000000" PEER4, DROP_SPOOF_ARP, NONE },
	{ "ARP hlen 8", ETH("0806") "0001080008040001" OWN OWN4
	  "000000000000" PEER4, DROP_SPOOF_ARP, NONE },
	{ "ARP plen 16", ETH("0806") "0001080006100001" OWN OWN4
	  "000000000000" PEER4, DROP_SPOOF_ARP, NONE },
	{ "ARP one byte short", ETH("0806") "0001080006040001" OWN OWN4
	  "000000000000" "0a0000", DROP_UNPARSED, NONE },
	{ "RARP announcement", ETH_TO(ALL, "8035") "0001080006040003" OWN Z4
	  OWN Z4, NONE, NONE },
	{ "RARP reply", ETH_TO(ALL, "8035") "0001080006040004" OWN Z4 OWN Z4,
	  DROP_SPOOF_ARP, NONE },
	{ "RARP for other", ETH_TO(ALL, "8035") "0001080006040003" OWN Z4
	  PEER Z4, DROP_SPOOF_ARP, NONE },
	{ "RARP with address", ETH_TO(ALL, "8035") "0001080006040003" OWN Z4
	  OWN OWN4, DROP_SPOOF_ARP, NONE },
	/* FR-11: link-local and listed addresses are the port's */
	{ "NS", IP6("0020", "3a", "ff", OWN6, SOLICITED6("000002"))
	  NS(PEER6) SLLA(OWN), NONE, NONE },
	{ "NS from EUI-64 link-local", IP6("0020", "3a", "ff", LOCAL6,
	  SOLICITED6("000002")) NS(PEER6) SLLA(OWN), NONE, NONE },
	{ "NS unicast, no option", IP6("0018", "3a", "ff", OWN6, PEER6)
	  NS(PEER6), NONE, NONE },
	{ "NS foreign SLLA", IP6("0020", "3a", "ff", OWN6,
	  SOLICITED6("000002")) NS(PEER6) SLLA(PEER), DROP_SPOOF_ND, NONE },
	{ "NS second SLLA foreign", IP6("0028", "3a", "ff", OWN6, PEER6)
	  NS(PEER6) SLLA(OWN) SLLA(PEER), DROP_SPOOF_ND, NONE },
	{ "NS SLLA behind padding of the frame", IP6("0018", "3a", "ff", OWN6,
	  PEER6) NS(PEER6) SLLA(PEER), NONE, NONE },
	{ "NS long SLLA", IP6("0028", "3a", "ff", OWN6, PEER6) NS(PEER6)
	  "0102" OWN Z8, DROP_SPOOF_ND, NONE },
	{ "NS empty option", IP6("0020", "3a", "ff", OWN6, PEER6) NS(PEER6)
	  "0100" OWN, DROP_UNPARSED, NONE },
	{ "NS option beyond the end", IP6("0020", "3a", "ff", OWN6, PEER6)
	  NS(PEER6) "0e03" OWN, DROP_UNPARSED, NONE },
	{ "NS hop limit 64", IP6("0018", "3a", "40", OWN6, PEER6) NS(PEER6),
	  DROP_SPOOF_ND, NONE },
	{ "NS as other", IP6("0020", "3a", "ff", PEER6, SOLICITED6("000001"))
	  NS(OWN6) SLLA(OWN), DROP_SPOOF_IPV6, NONE },
	{ "DAD for own", IP6("0018", "3a", "ff", ZERO6, SOLICITED6("000001"))
	  NS(OWN6), NONE, NONE },
	{ "DAD with nonce", IP6("0020", "3a", "ff", ZERO6,
	  SOLICITED6("000001")) NS(OWN6) "0e01" OWN, NONE, NONE },
	{ "DAD for own link-local", IP6("0018", "3a", "ff", ZERO6,
	  SOLICITED6("000001")) NS(LOCAL6), NONE, NONE },
	{ "DAD for other", IP6("0018", "3a", "ff", ZERO6,
	  SOLICITED6("000002")) NS(PEER6), DROP_SPOOF_ND, NONE },
	{ "DAD to unicast", IP6("0018", "3a", "ff", ZERO6, PEER6) NS(OWN6),
	  DROP_SPOOF_ND, NONE },
	{ "DAD to other's group", IP6("0018", "3a", "ff", ZERO6,
	  SOLICITED6("000002")) NS(OWN6), DROP_SPOOF_ND, NONE },
	{ "DAD with SLLA", IP6("0020", "3a", "ff", ZERO6,
	  SOLICITED6("000001")) NS(OWN6) SLLA(OWN), DROP_SPOOF_ND, NONE },
	{ "NA", IP6("0020", "3a", "ff", OWN6, PEER6) NA(OWN6) TLLA(OWN), NONE,
	  NONE },
	{ "NA unsolicited", IP6("0020", "3a", "ff", LOCAL6, NODES6) NA(OWN6)
	  TLLA(OWN), NONE, NONE },
	{ "NA for other", IP6("0020", "3a", "ff", OWN6, NODES6) NA(PEER6)
	  TLLA(OWN), DROP_SPOOF_ND, NONE },
	{ "NA foreign TLLA", IP6("0020", "3a", "ff", OWN6, NODES6) NA(OWN6)
	  TLLA(PEER), DROP_SPOOF_ND, NONE },
	{ "NA from other link-local", IP6("0020", "3a", "ff", FAKE6, NODES6)
	  NA(OWN6) TLLA(OWN), DROP_SPOOF_IPV6, NONE },
	{ "NA from nowhere", IP6("0020", "3a", "ff", ZERO6, NODES6) NA(OWN6)
	  TLLA(OWN), DROP_SPOOF_ND, NONE },
	{ "NA cut off", IP6("0010", "3a", "ff", OWN6, NODES6) ICMP6("88") Z4
	  Z8, DROP_UNPARSED, NONE },
	{ "NA behind options", IP6("0028", "3c", "ff", OWN6, NODES6)
	  EXT("3a") NA(PEER6) TLLA(OWN), DROP_SPOOF_ND, NONE },
	{ "NA in a fragment", IP6("0028", "2c", "ff", OWN6, NODES6)
	  FRAG("3a", "0000") NA(OWN6) TLLA(OWN), DROP_SPOOF_ND, NONE },
	{ "RS", IP6("0010", "3a", "ff", LOCAL6, ROUTERS6) ICMP6("85") Z4
	  SLLA(OWN), NONE, NONE },
	{ "RS from nowhere", IP6("0008", "3a", "ff", ZERO6, ROUTERS6)
	  ICMP6("85") Z4, NONE, NONE },
	{ "RS from nowhere to all nodes", IP6("0008", "3a", "ff", ZERO6,
	  NODES6) ICMP6("85") Z4, DROP_SPOOF_ND, NONE },
	{ "RS foreign SLLA", IP6("0010", "3a", "ff", LOCAL6, ROUTERS6)
	  ICMP6("85") Z4 SLLA(PEER), DROP_SPOOF_ND, NONE },
	{ "inverse NA", IP6("0008", "3a", "ff", OWN6, PEER6) ICMP6("8e") Z4,
	  DROP_SPOOF_ND, NONE },
	{ "MLDv2 report from nowhere", IP6("0010", "00", "01", ZERO6,
	  "ff020000000000000000000000000016") EXT("3a") ICMP6("8f") Z4, NONE,
	  NONE },
	{ "MLD report from nowhere, routable", IP6("0010", "00", "40", ZERO6,
	  "ff020000000000000000000000000016") EXT("3a") ICMP6("8f") Z4,
	  DROP_SPOOF_IPV6, NONE },
	{ "echo from nowhere", IP6("0008", "3a", "40", ZERO6, PEER6)
	  ICMP6("80") Z4, DROP_SPOOF_IPV6, NONE },
	{ "echo", IP6("0008", "3a", "40", OWN6, PEER6) ICMP6("80") Z4, NONE,
	  NONE },
	/* FR-12 */
	{ "RA", IP6("0010", "3a", "ff", LOCAL6, NODES6) RA, DROP_RA_GUARD,
	  DROP_RA_GUARD },
	{ "RA behind hop-by-hop", IP6("0018", "00", "ff", LOCAL6, NODES6)
	  EXT("3a") RA, DROP_RA_GUARD, DROP_RA_GUARD },
	{ "RA behind destination options", IP6("0018", "3c", "ff", LOCAL6,
	  NODES6) EXT("3a") RA, DROP_RA_GUARD, DROP_RA_GUARD },
	{ "RA behind AH", IP6("0018", "33", "ff", LOCAL6, NODES6) EXT("3a")
	  RA, DROP_RA_GUARD, DROP_RA_GUARD },
	{ "RA behind mobility, HIP, shim6", IP6("0028", "87", "ff", LOCAL6,
	  NODES6) EXT("8b") EXT("8c") EXT("3a") RA, DROP_RA_GUARD,
	  DROP_RA_GUARD },
	{ "RA in an atomic fragment", IP6("0018", "2c", "ff", LOCAL6, NODES6)
	  FRAG("3a", "0000") RA, DROP_RA_GUARD, DROP_RA_GUARD },
	{ "RA in a first fragment behind options", IP6("0020", "2c", "ff",
	  LOCAL6, NODES6) FRAG("3c", "0001") EXT("3a") RA, DROP_RA_GUARD,
	  DROP_RA_GUARD },
	{ "first fragment that ends before ICMPv6", IP6("0010", "2c", "ff",
	  LOCAL6, NODES6) FRAG("3c", "0001") EXT("3a"), DROP_UNPARSED,
	  DROP_UNPARSED },
	{ "first fragment cut in its options", IP6("0010", "2c", "ff", LOCAL6,
	  NODES6) FRAG("3c", "0001") "3a02000000000000", DROP_UNPARSED,
	  DROP_UNPARSED },
	{ "first fragment without payload", IP6("0008", "2c", "ff", LOCAL6,
	  NODES6) FRAG("3a", "0001"), DROP_UNPARSED, DROP_UNPARSED },
	{ "redirect", IP6("0028", "3a", "ff", LOCAL6, PEER6) ICMP6("89") Z4
	  OWN6 PEER6, DROP_RA_GUARD, DROP_RA_GUARD },
	{ "MLD query", IP6("0020", "00", "01", LOCAL6, NODES6) EXT("3a")
	  ICMP6("82") Z4 ZERO6, DROP_RA_GUARD, DROP_RA_GUARD },
	{ "router renumbering", IP6("0008", "3a", "ff", LOCAL6, PEER6)
	  ICMP6("8a") Z4, DROP_RA_GUARD, DROP_RA_GUARD },
	{ "type 146", IP6("0008", "3a", "ff", LOCAL6, PEER6) ICMP6("92") Z4,
	  DROP_RA_GUARD, DROP_RA_GUARD },
	{ "mobile prefix advertisement", IP6("0008", "3a", "ff", LOCAL6,
	  PEER6) ICMP6("93") Z4, DROP_RA_GUARD, DROP_RA_GUARD },
	{ "multicast router advertisement", IP6("0008", "3a", "ff", LOCAL6,
	  PEER6) ICMP6("97") Z4, DROP_RA_GUARD, DROP_RA_GUARD },
	{ "multicast router solicitation", IP6("0008", "3a", "ff", LOCAL6,
	  PEER6) ICMP6("98") Z4, DROP_RA_GUARD, DROP_RA_GUARD },
	{ "multicast router termination", IP6("0008", "3a", "ff", LOCAL6,
	  PEER6) ICMP6("99") Z4, DROP_RA_GUARD, DROP_RA_GUARD },
	{ "IGMP query", IP4("001c", "0000", "02", OWN4, "e0000001")
	  "11000000" Z4, DROP_RA_GUARD, DROP_RA_GUARD },
	{ "IGMP report", IP4("001c", "0000", "02", OWN4, "e0000001")
	  "16000000" Z4, NONE, NONE },
	/* FR-13 */
	{ "DHCP discover", DHCP(Z4, "ffffffff", "0044", "0043",
	  BOOTP("01", Z4, OWN)), NONE, NONE },
	{ "DHCP renewal", DHCP(OWN4, PEER4, "0044", "0043",
	  BOOTP("01", Z4, OWN)), NONE, NONE },
	{ "DHCP other's chaddr", DHCP(Z4, "ffffffff", "0044", "0043",
	  BOOTP("01", Z4, PEER)), DROP_DHCP_GUARD, NONE },
	{ "DHCP renewal, other's chaddr", DHCP(OWN4, PEER4, "0044", "0043",
	  BOOTP("01", Z4, PEER)), DROP_DHCP_GUARD, NONE },
	{ "DHCP with giaddr", DHCP(Z4, "ffffffff", "0044", "0043",
	  BOOTP("01", PEER4, OWN)), DROP_DHCP_GUARD, NONE },
	{ "BOOTREPLY to 67", DHCP(Z4, "ffffffff", "0044", "0043",
	  BOOTP("02", Z4, OWN)), DROP_DHCP_GUARD, NONE },
	{ "DHCP from nowhere to unicast", DHCP(Z4, PEER4, "0044", "0043",
	  BOOTP("01", Z4, OWN)), DROP_SPOOF_IPV4, NONE },
	{ "UDP/67 as other", DHCP(PEER4, "ffffffff", "0044", "0043",
	  BOOTP("01", Z4, OWN)), DROP_SPOOF_IPV4, NONE },
	{ "UDP/67 from nowhere, port 1024", DHCP(Z4, "ffffffff", "0400",
	  "0043", BOOTP("01", Z4, OWN)), DROP_SPOOF_IPV4, NONE },
	{ "DHCP cut before chaddr", IP4("0030", "0000", "11", Z4, "ffffffff")
	  UDP("0044", "0043") "01010600" Z16, DROP_UNPARSED, NONE },
	{ "DHCP offer", DHCP(OWN4, "ffffffff", "0043", "0044",
	  BOOTP("02", Z4, PEER)), DROP_DHCP_GUARD, DROP_DHCP_GUARD },
	{ "DHCP offer from another port", DHCP(OWN4, "ffffffff", "0400",
	  "0044", BOOTP("02", Z4, PEER)), DROP_DHCP_GUARD, DROP_DHCP_GUARD },
	{ "DHCP relay", DHCP(OWN4, PEER4, "0043", "0043",
	  BOOTP("01", OWN4, PEER)), DROP_DHCP_GUARD, DROP_DHCP_GUARD },
	{ "DHCP offer, first fragment", IP4("0048", "2000", "11", OWN4,
	  "ffffffff") UDP("0043", "0044") BOOTP("02", Z4, PEER),
	  DROP_DHCP_GUARD, DROP_DHCP_GUARD },
	{ "DHCP offer behind IP options", ETH("0800")
	  "460000200000000040110000" OWN4 PEER4 "01010101"
	  UDP("0043", "0044"), DROP_DHCP_GUARD, DROP_DHCP_GUARD },
	{ "DHCP discover, first fragment", IP4("0048", "2000", "11", Z4,
	  "ffffffff") UDP("0044", "0043") BOOTP("01", Z4, OWN),
	  DROP_SPOOF_IPV4, NONE },
	{ "DHCPv6 solicit", IP6("0010", "11", "01", LOCAL6,
	  "ff020000000000000000000000010002") UDP("0222", "0223") "01" Z4
	  "000000", NONE, NONE },
	{ "DHCPv6 reply", IP6("0010", "11", "01", LOCAL6, FAKE6)
	  UDP("0223", "0222") "07" Z4 "000000", DROP_DHCP_GUARD,
	  DROP_DHCP_GUARD },
	{ "DHCPv6 reply from another port", IP6("0010", "11", "01", LOCAL6,
	  FAKE6) UDP("0400", "0222") "07" Z4 "000000", DROP_DHCP_GUARD,
	  DROP_DHCP_GUARD },
	{ "DHCPv6 reply behind options", IP6("0018", "3c", "01", LOCAL6,
	  FAKE6) EXT("11") UDP("0223", "0222") "07" Z4 "000000",
	  DROP_DHCP_GUARD, DROP_DHCP_GUARD },
	{ "DHCPv6 relay-forward", IP6("0010", "11", "01", LOCAL6, FAKE6)
	  UDP("0222", "0223") "0c" Z4 "000000", DROP_DHCP_GUARD, NONE },
	{ "DHCPv6 from nowhere", IP6("0010", "11", "01", ZERO6,
	  "ff020000000000000000000000010002") UDP("0222", "0223") "01" Z4
	  "000000", DROP_SPOOF_IPV6, NONE },
	/* FR-14 */
	{ "TCP", IP4("0028", "0000", "06", OWN4, PEER4) TCP, NONE, NONE },
	{ "UDP", IP4("001c", "0000", "11", OWN4, PEER4) UDP("0400", "0035"),
	  NONE, NONE },
	{ "ESP", IP4("001c", "0000", "32", OWN4, PEER4) Z8, NONE, NONE },
	{ "IPv4 source of other", IP4("0028", "0000", "06", PEER4, OWN4) TCP,
	  DROP_SPOOF_IPV4, NONE },
	{ "IPv4 source multicast", IP4("0028", "0000", "06", "e0000001",
	  OWN4) TCP, DROP_SPOOF_IPV4, NONE },
	{ "IPv4 source loopback", IP4("0028", "0000", "06", "7f000001", OWN4)
	  TCP, DROP_SPOOF_IPV4, NONE },
	{ "TCP from nowhere", IP4("0028", "0000", "06", Z4, OWN4) TCP,
	  DROP_SPOOF_IPV4, NONE },
	{ "6in4", IP4("001c", "0000", "29", OWN4, PEER4) Z8, DROP_NOT_ALLOWED,
	  NONE },
	{ "IPv4 in IPv4", IP4("001c", "0000", "04", OWN4, PEER4) Z8,
	  DROP_NOT_ALLOWED, NONE },
	{ "IPv4 in IPv6", IP6("0014", "04", "40", OWN6, PEER6) "45000014" Z4
	  "40060000" PEER4 OWN4, DROP_NOT_ALLOWED, NONE },
	{ "IPv6 in IPv6 behind options", IP6("0010", "3c", "40", OWN6, PEER6)
	  EXT("29") Z8, DROP_NOT_ALLOWED, NONE },
	{ "IPv6 TCP", IP6("0014", "06", "40", OWN6, PEER6) TCP, NONE, NONE },
	{ "IPv6 SCTP", IP6("0008", "84", "40", OWN6, PEER6) Z8, NONE, NONE },
	{ "IPv6 source of other", IP6("0014", "06", "40", PEER6, OWN6) TCP,
	  DROP_SPOOF_IPV6, NONE },
	{ "IPv6 source of 6to4", IP6("0014", "06", "40",
	  "20020a000001000000000000" Z4, OWN6) TCP, DROP_SPOOF_IPV6, NONE },
	{ "IPv6 source multicast", IP6("0014", "06", "40", NODES6, OWN6) TCP,
	  DROP_SPOOF_IPV6, NONE },
	{ "IPv6 TCP from nowhere", IP6("0014", "06", "40", ZERO6, OWN6) TCP,
	  DROP_SPOOF_IPV6, NONE },
	/* FR-15, FR-16 */
	{ "STP", ETH_TO("0180c2000000", "0026") "424203" Z16,
	  DROP_LINK_PROTO, DROP_LINK_PROTO },
	{ "provider STP", ETH_TO("0180c2000008", "0026") "424203" Z16,
	  DROP_LINK_PROTO, DROP_LINK_PROTO },
	{ "PVST+", ETH_TO("01000ccccccd", "0032") "aaaa0300000c010b" Z16,
	  DROP_LINK_PROTO, DROP_LINK_PROTO },
	{ "CDP, VTP, DTP", ETH_TO("01000ccccccc", "0032") "aaaa0300000c2000"
	  Z16, DROP_LINK_PROTO, DROP_LINK_PROTO },
	{ "LACP", ETH_TO(SLOW, "8809") "01" Z16, DROP_LINK_PROTO,
	  DROP_LINK_PROTO },
	{ "LACP to unicast", ETH("8809") "01" Z16, DROP_LINK_PROTO,
	  DROP_LINK_PROTO },
	{ "marker", ETH_TO(SLOW, "8809") "02" Z16, DROP_LINK_PROTO,
	  DROP_LINK_PROTO },
	{ "pause", ETH_TO("0180c2000001", "8808") "0001ffff" Z16,
	  DROP_LINK_PROTO, DROP_LINK_PROTO },
	{ "PFC to unicast", ETH("8808") "0101" Z16, DROP_LINK_PROTO,
	  DROP_LINK_PROTO },
	{ "EAPOL", ETH_TO("0180c2000003", "888e") "02010000",
	  DROP_LINK_PROTO, DROP_LINK_PROTO },
	{ "LLDP", ETH_TO("0180c200000e", "88cc") "0207", DROP_LINK_PROTO,
	  DROP_LINK_PROTO },
	{ "PTP peer delay", ETH_TO("0180c200000e", "88f7") "02" Z16,
	  DROP_LINK_PROTO, DROP_LINK_PROTO },
	{ "MVRP", ETH_TO("0180c2000021", "88f5") "00", DROP_LINK_PROTO,
	  DROP_LINK_PROTO },
	{ "reserved, unknown type", ETH_TO("0180c200000a", "1234") "00",
	  DROP_LINK_PROTO, DROP_LINK_PROTO },
	{ "IPv4 to the bridge group", ETH_TO("0180c2000000", "0800")
	  "45000028" Z4 "40060000" OWN4 PEER4 TCP, DROP_LINK_PROTO,
	  DROP_LINK_PROTO },
	{ "IS-IS", ETH_TO("0180c2000014", "0026") "fefe03" Z16,
	  DROP_NOT_ALLOWED, NONE },
	/* FR-19 */
	{ "later fragment", IP4("001c", "0003", "11", OWN4, PEER4) Z8, NONE,
	  NONE },
	{ "later fragment of other", IP4("001c", "0003", "11", PEER4, OWN4)
	  Z8, DROP_SPOOF_IPV4, NONE },
	{ "tiny first TCP fragment", IP4("001c", "2000", "06", OWN4, PEER4)
	  Z8, DROP_UNPARSED, NONE },
	{ "tiny first UDP fragment", IP4("0018", "2000", "11", OWN4, PEER4)
	  "04000043", DROP_UNPARSED, DROP_UNPARSED },
	{ "tiny first IPv6 TCP fragment", IP6("0010", "2c", "40", OWN6, PEER6)
	  FRAG("06", "0001") Z8, DROP_UNPARSED, NONE },
	{ "tiny first IPv6 UDP fragment", IP6("000c", "2c", "40", OWN6, PEER6)
	  FRAG("11", "0001") Z4, DROP_UNPARSED, DROP_UNPARSED },
	{ "later IPv6 fragment", IP6("0010", "2c", "40", OWN6, PEER6)
	  FRAG("3a", "0008") "8600000000000000", NONE, NONE },
	{ "later IPv6 fragment of other", IP6("0010", "2c", "40", PEER6, OWN6)
	  FRAG("3a", "0008") Z8, DROP_SPOOF_IPV6, NONE },
	{ "later IPv6 fragment from nowhere", IP6("0010", "2c", "ff", ZERO6,
	  SOLICITED6("000001")) FRAG("3a", "0008") Z8, DROP_SPOOF_IPV6, NONE },
	/* FR-20 */
	{ "IPv4 header length 16", ETH("0800") "440000280000000040060000"
	  OWN4 PEER4 TCP, DROP_UNPARSED, DROP_UNPARSED },
	{ "IPv4 version 6", ETH("0800") "650000280000000040060000" OWN4 PEER4
	  TCP, DROP_UNPARSED, DROP_UNPARSED },
	{ "IPv4 longer than the frame", IP4("0029", "0000", "06", OWN4, PEER4)
	  TCP, DROP_UNPARSED, DROP_UNPARSED },
	{ "IPv4 shorter than its header", IP4("0013", "0000", "06", OWN4,
	  PEER4) TCP, DROP_UNPARSED, DROP_UNPARSED },
	{ "IPv4 header cut", ETH("0800") "450000280000000040060000" OWN4
	  "0a0000", DROP_UNPARSED, DROP_UNPARSED },
	{ "IPv4 protocol 0", IP4("001c", "0000", "00", OWN4, PEER4) Z8, NONE,
	  NONE },
	{ "IPv6 version 4", ETH("86dd") "400000000014" "0640" OWN6 PEER6 TCP,
	  DROP_UNPARSED, DROP_UNPARSED },
	{ "IPv6 longer than the frame", IP6("0015", "06", "40", OWN6, PEER6)
	  TCP, DROP_UNPARSED, DROP_UNPARSED },
	{ "eight extension headers", IP6("0048", "00", "40", OWN6, PEER6)
	  EXT("3c") EXT("3c") EXT("3c") EXT("3c") EXT("3c") EXT("3c")
	  EXT("3c") EXT("32") Z8, NONE, NONE },
	{ "nine extension headers", IP6("0048", "00", "40", OWN6, PEER6)
	  EXT("3c") EXT("3c") EXT("3c") EXT("3c") EXT("3c") EXT("3c")
	  EXT("3c") EXT("3c") EXT("3b"), DROP_UNPARSED, DROP_UNPARSED },
};
/* clang-format on */

#define CASES    (sizeof(cases) / sizeof(cases[0]))
#define LOCKED   7 /* in guard_confs.c: 10.0.0.1 and 2001:db8::1 */
#define UNLOCKED 0
#define EMPTY    6
#define SERVER   3

static struct guard *guards[GUARD_CONFS];

static void expect(const char *what, const char *how, const struct guard *g,
		   const struct frame *f, enum drop want)
{
	enum drop why = guard_check(g, f);

	if (why != want)
		printf("\n%s, %s, %s: %s instead of %s\n", what, how,
		       guard_mode_name(g->mode), drop_name(why),
		       drop_name(want));
	CU_ASSERT_EQUAL(why, want);
}

static void expect_case(unsigned i, const char *how, struct frame *f)
{
	expect(cases[i].what, how, guards[LOCKED], f, cases[i].locked);
	expect(cases[i].what, how, guards[UNLOCKED], f, cases[i].unlocked);
}

static void case_packet(unsigned i, struct packet *p)
{
	p->len = 0;
	packet_put_hex(p, cases[i].hex);
}

static void guard_judges_untagged_frames(void)
{
	struct packet p;
	struct packet_frame pf;
	unsigned i;

	for (i = 0; i < CASES; i++) {
		case_packet(i, &p);
		expect_case(i, "untagged", packet_frame(&p, &pf, 128));
	}
}

/* As the bridge does it: admit, strip, guard. */
static void judge_through(const struct port_vlan_conf *conf,
			  const uint32_t *tags, unsigned n, const char *how)
{
	struct port_vlan pv;
	struct packet p;
	struct packet_frame pf;
	unsigned i, t, strip = 0;
	uint16_t vid = 0, pcp;

	CU_ASSERT_EQUAL_FATAL(port_vlan_init(&pv, conf, NULL), 0);
	for (i = 0; i < CASES; i++) {
		struct frame *f;

		case_packet(i, &p);
		for (t = n; t-- > 0;)
			packet_tag(&p, tags[t] >> 16, tags[t]);
		f = packet_frame(&p, &pf, 128);
		CU_ASSERT_EQUAL(port_vlan_admit(&pv, f, &vid, &strip, &pcp),
				DROP_NONE);
		CU_ASSERT_EQUAL(vid, 10);
		frame_strip(f, strip);
		expect_case(i, how, f);
	}
}

static void guard_judges_the_same_behind_an_access_port(void)
{
	static const uint32_t priority = 0x8100e000;
	struct port_vlan_conf conf = { .mode = PORT_VLAN_ACCESS, .pvid = 10 };

	judge_through(&conf, NULL, 0, "access");
	judge_through(&conf, &priority, 1, "priority-tagged access");
}

static void guard_judges_the_same_behind_a_trunk(void)
{
	static const uint32_t tag = 0x8100000a;
	struct port_vlan_conf conf = { .mode = PORT_VLAN_TRUNK };

	vid_set_add(&conf.vids, 10);
	judge_through(&conf, &tag, 1, "trunk");
}

static void guard_looks_beneath_two_inner_tags(void)
{
	struct packet p;
	struct packet_frame pf;
	unsigned i, n;

	for (n = 1; n <= 2; n++) {
		for (i = 0; i < CASES; i++) {
			/* 9 headers and 2 tags do not fit in 128 bytes */
			if (strlen(cases[i].hex) / 2 + 4 * n > 128)
				continue;
			case_packet(i, &p);
			packet_tag(&p, 0x8100, 30);
			if (n == 2)
				packet_tag(&p, 0x88a8, 20);
			expect_case(i, "inner tags",
				    packet_frame(&p, &pf, 128));
		}
	}
}

static void three_inner_tags_cannot_be_judged_on_a_locked_port(void)
{
	struct packet p = { 0 };
	struct packet_frame pf;
	struct frame *f;
	unsigned i;

	packet_put_hex(&p, IP4("0028", "0000", "06", OWN4, PEER4) TCP);
	for (i = 0; i < 3; i++)
		packet_tag(&p, 0x9100, i);
	f = packet_frame(&p, &pf, 128);
	expect("three tags", "", guards[LOCKED], f, DROP_UNPARSED);
	expect("three tags", "", guards[UNLOCKED], f, DROP_NONE);
	f = packet_frame(&p, &pf, 17); /* within the first tag */
	expect("cut tag", "", guards[LOCKED], f, DROP_UNPARSED);
	expect("cut tag", "", guards[UNLOCKED], f, DROP_UNPARSED);
}

static void disabled_port_sends_nothing(void)
{
	struct packet p;
	struct packet_frame pf;
	unsigned i;

	for (i = 0; i < CASES; i++) {
		case_packet(i, &p);
		expect(cases[i].what, "", guards[GUARD_CONFS - 1],
		       packet_frame(&p, &pf, 128), DROP_DISABLED);
	}
}

static void empty_lists_leave_dhcp_client_and_arp_probe(void)
{
	static const char *const pass[] = { "ARP probe", "DHCP discover",
					    "RARP announcement" };
	struct packet p;
	struct packet_frame pf;
	unsigned i, n;

	for (i = 0; i < CASES; i++) {
		bool ok = false;

		for (n = 0; n < 3; n++)
			ok |= !strcmp(cases[i].what, pass[n]);
		case_packet(i, &p);
		if ((guard_check(guards[EMPTY], packet_frame(&p, &pf, 128)) ==
		     DROP_NONE) != ok)
			printf("\nempty list: %s\n", cases[i].what);
		CU_ASSERT_EQUAL(guard_check(guards[EMPTY], &pf.f) == DROP_NONE,
				ok);
	}
}

/* A port that may be both is only asked about its source and the link. */
static void configured_server_and_router_may_answer(void)
{
	struct packet p;
	struct packet_frame pf;
	unsigned i;

	for (i = 0; i < CASES; i++) {
		enum drop want = cases[i].unlocked;

		if (want != DROP_BAD_SRC && want != DROP_LINK_PROTO)
			want = DROP_NONE;
		case_packet(i, &p);
		expect(cases[i].what, "server", guards[SERVER],
		       packet_frame(&p, &pf, 128), want);
	}
}

static void each_link_protocol_has_its_own_switch(void)
{
	struct {
		const char *what;
		uint32_t link;
	} map[] = {
		{ "STP", GUARD_LINK_STP },
		{ "provider STP", GUARD_LINK_STP },
		{ "PVST+", GUARD_LINK_CISCO },
		{ "CDP, VTP, DTP", GUARD_LINK_CISCO },
		{ "LACP", GUARD_LINK_LACP },
		{ "marker", GUARD_LINK_LACP },
		{ "pause", GUARD_LINK_PAUSE },
		{ "PFC to unicast", GUARD_LINK_PAUSE },
		{ "EAPOL", GUARD_LINK_EAPOL },
		{ "LLDP", GUARD_LINK_LLDP },
		{ "PTP peer delay", GUARD_LINK_PTP },
		{ "MVRP", GUARD_LINK_MRP },
		{ "reserved, unknown type", GUARD_LINK_OTHER },
	};
	unsigned i, m, bit;

	for (m = 0; m < sizeof(map) / sizeof(map[0]); m++) {
		struct packet p;
		struct packet_frame pf;

		for (i = 0; strcmp(cases[i].what, map[m].what); i++)
			;
		case_packet(i, &p);
		for (bit = 1; bit <= GUARD_LINK_ALL; bit <<= 1) {
			struct guard_conf conf = guard_confs()[UNLOCKED];
			struct guard *g;

			conf.link_allowed = bit;
			conf.mode = bit & 5 ? GUARD_LOCKED : GUARD_UNLOCKED;
			CU_ASSERT_EQUAL_FATAL(guard_new(&g, &conf), 0);
			expect(map[m].what, "link", g,
			       packet_frame(&p, &pf, 128),
			       bit == map[m].link ? DROP_NONE
						  : DROP_LINK_PROTO);
			guard_free(g);
		}
	}
}

/* Allowing a link protocol opens no door for forged IP. */
static void allowed_link_protocol_does_not_carry_forged_addresses(void)
{
	struct guard_conf conf = guard_confs()[LOCKED];
	struct packet p = { 0 };
	struct packet_frame pf;
	struct guard *g;

	conf.link_allowed = GUARD_LINK_ALL;
	CU_ASSERT_EQUAL_FATAL(guard_new(&g, &conf), 0);
	packet_put_hex(
		&p, ETH_TO("0180c2000000", "0800") "45000028" Z4
						   "40060000" PEER4 OWN4 TCP);
	expect("IPv4 to the bridge group", "", g, packet_frame(&p, &pf, 128),
	       DROP_SPOOF_IPV4);
	guard_free(g);
}

/* Payload is never read: what lies beyond the private bytes is unknown. */
static void headers_beyond_the_private_bytes_are_unparsed(void)
{
	struct packet p = { 0 };
	struct packet_frame pf;
	struct frame *f;
	unsigned i;

	/* 9 x 8 bytes of options in one header, then an RA at byte 126 */
	packet_put_hex(&p, IP6("0060", "00", "ff", LOCAL6, NODES6) "3a08");
	packet_zero(&p, 70);
	packet_put_hex(&p, RA Z8);
	f = packet_frame(&p, &pf, 128);
	expect("RA across byte 128", "", guards[LOCKED], f, DROP_UNPARSED);
	expect("RA across byte 128", "", guards[UNLOCKED], f, DROP_UNPARSED);
	expect("RA across byte 128", "", guards[SERVER], f, DROP_NONE);

	for (i = 0; i < CASES; i++) {
		unsigned cut;

		case_packet(i, &p);
		for (cut = 0; cut < p.len && cut < 128; cut++) {
			f = packet_frame(&p, &pf, cut);
			if (cases[i].locked != DROP_NONE)
				CU_ASSERT_NOT_EQUAL(
					guard_check(guards[LOCKED], f),
					DROP_NONE);
			if (cases[i].unlocked != DROP_NONE)
				CU_ASSERT_NOT_EQUAL(
					guard_check(guards[UNLOCKED], f),
					DROP_NONE);
		}
	}
}

static void gso_frames_are_judged_without_their_ip_length(void)
{
	struct packet p = { 0 };
	struct packet_frame pf;
	struct frame *f;

	packet_put_hex(&p, IP4("0000", "0000", "06", OWN4, PEER4) TCP);
	f = packet_frame(&p, &pf, 128);
	expect("length 0", "", guards[LOCKED], f, DROP_UNPARSED);
	f->gso = FRAME_GSO_TCP4;
	expect("length 0 with GSO", "", guards[LOCKED], f, DROP_NONE);
	f->hdr[29] = 2;
	expect("forged with GSO", "", guards[LOCKED], f, DROP_SPOOF_IPV4);
}

static void prefixes_are_parsed_strictly(void)
{
	static const char *const bad[] = {
		"",
		"/",
		"10.0.0.1/",
		"10.0.0.1/33",
		"10.0.0.1/-1",
		"10.0.0.1/ 8",
		"10.0.0.1/8x",
		"10.0.0",
		"2001:db8::1/129",
		"fe80::1%eth0",
		"10.0.0.256",
		"host",
		"2001:0db8:0000:0000:0000:0000:0000:0001:0000:0000:0000/64",
	};
	static const struct {
		const char *text;
		unsigned bits;
		uint8_t last;
	} good[] = {
		{ "10.0.0.1", 32, 1 },
		{ "10.0.0.255/25", 25, 128 },
		{ "0.0.0.0/0", 0, 0 },
		{ "2001:db8::1", 128, 1 },
		{ "2001:db8::ff/124", 124, 0xf0 },
		{ "::/0", 0, 0 },
	};
	struct guard_prefix p;
	unsigned i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(guard_prefix_parse(bad[i], &p), -EINVAL);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CU_ASSERT_EQUAL_FATAL(guard_prefix_parse(good[i].text, &p), 0);
		CU_ASSERT_EQUAL(p.bits, good[i].bits);
		CU_ASSERT_EQUAL(p.addr[p.family == AF_INET ? 3 : 15],
				good[i].last);
	}
}

static struct guard *locked_to(const char *const text[], unsigned n)
{
	static struct guard_prefix prefix[GUARD_PREFIXES_MAX + 1];
	struct guard_conf conf = guard_confs()[LOCKED];
	struct guard *g;
	unsigned i;

	for (i = 0; i < n; i++)
		CU_ASSERT_EQUAL_FATAL(guard_prefix_parse(text[i], &prefix[i]),
				      0);
	conf.allowed = prefix;
	conf.allowed_count = n;
	CU_ASSERT_EQUAL_FATAL(guard_new(&g, &conf), 0);
	return g;
}

static bool allows4(const struct guard *g, const char *text)
{
	struct packet p;
	struct packet_frame pf;

	packet_eth(&p, "02:00:00:00:00:02", "02:00:00:00:00:01", 0x0800);
	packet_ipv4(&p, text, "10.9.9.9", 6, 20);
	packet_zero(&p, 20);
	return guard_check(g, packet_frame(&p, &pf, 128)) == DROP_NONE;
}

static void overlapping_prefixes_become_ranges(void)
{
	static const char *const list[] = { "10.0.1.128/25", "10.0.0.5",
					    "10.0.1.0/25",   "10.0.0.4",
					    "10.0.1.7",      "10.0.0.5" };
	struct guard *g = locked_to(list, 6);

	CU_ASSERT_EQUAL(g->range6_count, 0);
	CU_ASSERT_TRUE(allows4(g, "10.0.0.4"));
	CU_ASSERT_TRUE(allows4(g, "10.0.0.5"));
	CU_ASSERT_TRUE(allows4(g, "10.0.1.0"));
	CU_ASSERT_TRUE(allows4(g, "10.0.1.255"));
	CU_ASSERT_FALSE(allows4(g, "10.0.0.3"));
	CU_ASSERT_FALSE(allows4(g, "10.0.0.6"));
	CU_ASSERT_FALSE(allows4(g, "10.0.0.255"));
	CU_ASSERT_FALSE(allows4(g, "10.0.2.0"));
	guard_free(g);
}

static void no_prefix_allows_a_martian_source(void)
{
	static const char *const list[] = { "0.0.0.0/0" };
	struct guard *g = locked_to(list, 1);

	CU_ASSERT_TRUE(allows4(g, "1.0.0.0"));
	CU_ASSERT_TRUE(allows4(g, "126.255.255.255"));
	CU_ASSERT_TRUE(allows4(g, "128.0.0.0"));
	CU_ASSERT_TRUE(allows4(g, "223.255.255.255"));
	CU_ASSERT_TRUE(allows4(g, "255.255.255.254"));
	CU_ASSERT_FALSE(allows4(g, "0.0.0.1"));
	CU_ASSERT_FALSE(allows4(g, "127.0.0.1"));
	CU_ASSERT_FALSE(allows4(g, "224.0.0.1"));
	CU_ASSERT_FALSE(allows4(g, "239.255.255.255"));
	CU_ASSERT_FALSE(allows4(g, "255.255.255.255"));
	guard_free(g);
}

static void guard_new_refuses_what_cannot_be_meant(void)
{
	static struct guard_prefix many[GUARD_PREFIXES_MAX + 1];
	struct guard_conf good = guard_confs()[LOCKED], conf;
	struct guard_prefix odd = { .family = AF_UNIX };
	struct guard *g;
	unsigned i;

	conf = good;
	conf.mode = 3;
	CU_ASSERT_EQUAL(guard_new(&g, &conf), -EINVAL);
	conf = good;
	conf.mac[0] |= 1;
	CU_ASSERT_EQUAL(guard_new(&g, &conf), -EINVAL);
	conf = good;
	memset(conf.mac, 0, sizeof(conf.mac));
	CU_ASSERT_EQUAL(guard_new(&g, &conf), -EINVAL);
	conf = good;
	conf.link_allowed = GUARD_LINK_ALL + 1;
	CU_ASSERT_EQUAL(guard_new(&g, &conf), -EINVAL);
	conf = good;
	conf.allowed = &odd;
	conf.allowed_count = 1;
	CU_ASSERT_EQUAL(guard_new(&g, &conf), -EINVAL);
	odd = (struct guard_prefix){ .family = AF_INET, .bits = 33 };
	CU_ASSERT_EQUAL(guard_new(&g, &conf), -EINVAL);

	for (i = 0; i <= GUARD_PREFIXES_MAX; i++)
		many[i] = (struct guard_prefix){
			.family = AF_INET,
			.bits = 32,
			.addr = { 10, 0, i >> 7, i * 2 },
		};
	conf.allowed = many;
	conf.allowed_count = GUARD_PREFIXES_MAX + 1;
	CU_ASSERT_EQUAL(guard_new(&g, &conf), -EINVAL);
	conf.allowed_count = GUARD_PREFIXES_MAX;
	CU_ASSERT_EQUAL_FATAL(guard_new(&g, &conf), 0);
	CU_ASSERT_EQUAL(g->range4_count, GUARD_PREFIXES_MAX);
	CU_ASSERT_TRUE(allows4(g, "10.0.1.254"));
	CU_ASSERT_FALSE(allows4(g, "10.0.1.253"));
	guard_free(g);
	guard_free(NULL);
}

static void mode_names_can_be_parsed_back(void)
{
	enum guard_mode mode, back;

	for (mode = GUARD_UNLOCKED; mode <= GUARD_DISABLED; mode++) {
		CU_ASSERT_EQUAL(guard_mode_parse(guard_mode_name(mode), &back),
				0);
		CU_ASSERT_EQUAL(mode, back);
	}
	CU_ASSERT_EQUAL(guard_mode_parse("network_default", &back), -EINVAL);
	CU_ASSERT_STRING_EQUAL(guard_mode_name(9), "unknown");
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(guard_judges_untagged_frames),
		SUITE_TEST(guard_judges_the_same_behind_an_access_port),
		SUITE_TEST(guard_judges_the_same_behind_a_trunk),
		SUITE_TEST(guard_looks_beneath_two_inner_tags),
		SUITE_TEST(three_inner_tags_cannot_be_judged_on_a_locked_port),
		SUITE_TEST(disabled_port_sends_nothing),
		SUITE_TEST(empty_lists_leave_dhcp_client_and_arp_probe),
		SUITE_TEST(configured_server_and_router_may_answer),
		SUITE_TEST(each_link_protocol_has_its_own_switch),
		SUITE_TEST(
			allowed_link_protocol_does_not_carry_forged_addresses),
		SUITE_TEST(headers_beyond_the_private_bytes_are_unparsed),
		SUITE_TEST(gso_frames_are_judged_without_their_ip_length),
		SUITE_TEST(prefixes_are_parsed_strictly),
		SUITE_TEST(overlapping_prefixes_become_ranges),
		SUITE_TEST(no_prefix_allows_a_martian_source),
		SUITE_TEST(guard_new_refuses_what_cannot_be_meant),
		SUITE_TEST(mode_names_can_be_parsed_back),
	};
	unsigned i;
	int rc;

	guard_confs_compile(guards);
	rc = suite_run("port_guard", tests, sizeof(tests) / sizeof(tests[0]));
	for (i = 0; i < GUARD_CONFS; i++)
		guard_free(guards[i]);
	return rc;
}
