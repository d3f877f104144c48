/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Desired state: bad values are refused with the place and the remedy, good
 * ones survive being saved, and a plan carried out step by step ends in the
 * wanted value without passing through a forbidden one.
 *
 * JSON is written with ' for " here; json() turns it back.
 */
#include "vswitch/switch_conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/Basic.h>

#include "vswitch/switch_conf_json.h"

static const char *json(const char *text)
{
	static char out[2][1 << 16];
	static unsigned turn;
	char *to = out[turn++ & 1], *c;

	snprintf(to, sizeof(out[0]), "%s", text);
	for (c = to; *c; c++)
		if (*c == '\'')
			*c = '"';
	return to;
}

static int parse(struct switch_conf **out, const char *text,
		 struct switch_conf_errors *errs)
{
	const char *t = json(text);

	return switch_conf_parse(out, t, strlen(t), errs);
}

static struct switch_conf *good(const char *text)
{
	struct switch_conf_errors errs;
	struct switch_conf *conf;

	if (parse(&conf, text, &errs) < 0)
		printf("\n  %s: %s, expected %s\n", errs.error[0].path,
		       errs.error[0].value, errs.error[0].expected);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	return conf;
}

#define STATE(nets, ports)                                                    \
	"{'owner':'t','generation':1,'networks':[" nets "],'ports':[" ports   \
	"]}"
#define N10 "{'name':'n10','vlan':10}"
#define N20 "{'name':'n20','vlan':20}"
#define N0 "{'name':'n0','vlan':0}"
#define UP "{'name':'up','type':'packet','interface':'eth1'}"
#define ETH(n) "{'name':'e" n "','type':'packet','interface':'eth" n "'}"
#define NIC(n, more)                                                          \
	"{'name':'nic" n "','type':'nic','device':'pci:0000:03:00." n "'" more "}"
#define BOND(more) "{'name':'bond0','type':'bond'," more "}"
#define BOND2(more) BOND("'members':['e0','e1']" more)
#define ON_BOND "{'name':'n10','vlan':10,'uplink':'bond0'}"
#define BONDED(more) STATE(ON_BOND, ETH("0") "," ETH("1") "," BOND2(more))
#define HOST(more)                                                            \
	"{'name':'xapi0','type':'tap','interface':'xapi0',"                   \
	"'network':'n10'," more "}"
#define VHOST(more)                                                           \
	"{'name':'web','type':'vhost-user','socket':'/run/web'," more "}"
/* Another way to write a path that has one way already. */
#define SOCKET(path)                                                          \
	{ STATE(N10, "{'name':'p','type':'vhost-user','network':'n10',"       \
		     "'socket':'" path "'}"),                                \
	  "ports[0].socket", "\"" path "\"", "without ., .. and //" }
#define WEB(more) STATE(N10, VHOST("'network':'n10'," more))

static const struct bad {
	const char *text;
	const char *path;
	const char *value;    /* NULL: not looked at */
	const char *expected; /* part of it */
} bads[] = {
	/* not JSON, or not this shape */
	{ "", "", "line 1 column 0", "JSON" },
	{ "{'owner':'a'", "", NULL, "JSON" },
	{ "[]", "", "[]", "object" },
	{ "{}", "owner", "(missing)", "letters" },
	{ "{'owner':'a'}", "generation", "(missing)", "integer" },
	{ "{'owner':'a','owner':'b'}", "", NULL, "duplicate" },
	{ "{'owner':'a b','generation':1}", "owner", "\"a b\"", "letters" },
	{ "{'owner':'','generation':1}", "owner", "\"\"", "letters" },
	{ "{'owner':'a','generation':-1}", "generation", "-1", "integer 0" },
	{ "{'owner':'a','generation':1.5}", "generation", NULL, "integer" },
	{ "{'owner':'a','generation':1,'networks':{}}", "networks", "{}",
	  "list" },
	{ "{'owner':'a','generation':1,'port':[]}", "port", NULL, "\"ports\"" },
	{ "{'owner':'a','generation':1,'settings':{'ageing':3}}",
	  "settings.ageing", "3", "\"ageing_s\"" },
	{ "{'owner':'a','generation':1,'settings':{'fdb_entries':1}}",
	  "settings.fdb_entries", "1", "integer 1024" },
	/* networks */
	{ STATE("7", ""), "networks[0]", "7", "object" },
	{ STATE("{'vlan':1}", ""), "networks[0].name", NULL, "letters" },
	{ STATE("{'name':'a'}", ""), "networks[0].vlan", "(missing)",
	  "integer 0 to 4094" },
	{ STATE("{'name':'a','vlan':4095}", ""), "networks[0].vlan", "4095",
	  "4094" },
	{ STATE(N10 "," N10, ""), "networks[1].name", "\"n10\"",
	  "networks[0] has it" },
	{ STATE("{'name':'a','vlan':1,'mtu':67}", ""), "networks[0].mtu", "67",
	  "68" },
	{ STATE("{'name':'a','vlan':1,'default_locking_mode':'locked'}", ""),
	  "networks[0].default_locking_mode", "\"locked\"", "\"disabled\"" },
	{ STATE("{'name':'a','vlan':1,'link_protocols':['lldp','ospf']}", ""),
	  "networks[0].link_protocols[1]", "\"ospf\"", "\"lldp\"" },
	{ STATE("{'name':'a','vlan':1,'uplink':'up'}", ""),
	  "networks[0].uplink", "\"up\"", "name of a port" },
	{ STATE("{'name':'a','vlan':1,'uplink':'web'}",
		VHOST("'network':'a'")),
	  "networks[0].uplink", "\"web\"", "role uplink" },
	{ STATE("{'name':'a','vlan':1,'uplink':'up'},"
		"{'name':'b','vlan':1,'uplink':'up'}", UP),
	  "networks[1].vlan", "1", "network a has it" },
	{ STATE("{'name':'a','vlan':0,'uplink':'up'},"
		"{'name':'b','vlan':0,'uplink':'up'}", UP),
	  "networks[1].vlan", "0", "network a has it" },
	/* ports: types */
	{ STATE(N10, "{'name':'p','network':'n10'}"), "ports[0].type",
	  "(missing)", "\"vhost-user\"" },
	{ STATE(N10, "{'name':'p','type':'vhost','network':'n10'}"),
	  "ports[0].type", "\"vhost\"", "\"vhost-user\"" },
	{ STATE(N10, "{'name':'p','type':'tap','network':'n10'}"),
	  "ports[0].interface", "(missing)", "interface" },
	{ STATE(N10, "{'name':'p','type':'tap','network':'n10',"
		     "'interface':'a-name-too-long0'}"),
	  "ports[0].interface", NULL, "1 to 15" },
	{ STATE(N10, "{'name':'p','type':'vhost-user','network':'n10'}"),
	  "ports[0].socket", "(missing)", "absolute" },
	{ STATE(N10, "{'name':'p','type':'vhost-user','network':'n10',"
		     "'socket':'run/x'}"),
	  "ports[0].socket", "\"run/x\"", "absolute" },
	SOCKET("/v/../v/v1.sock"),
	SOCKET("/./v/v1.sock"),
	SOCKET("/v//v1.sock"),
	SOCKET("/v/v1.sock/"),
	SOCKET("/v/v1.sock/."),
	SOCKET("/.."),
	SOCKET("/"),
	{ WEB("'interface':'eth0'"), "ports[0].interface", "\"eth0\"",
	  "type vhost-user" },
	{ WEB("'colour':1"), "ports[0].colour", "1", "causeway-switch.json" },
	{ WEB("'lokcing_mode':'locked'"), "ports[0].lokcing_mode", NULL,
	  "\"locking_mode\"" },
	{ WEB("'lock':'locked'"), "ports[0].lock", NULL, "\"locking_mode\"" },
	{ WEB("'pole':'guest'"), "ports[0].pole", NULL, "\"role\"" },
	{ WEB("'port':7"), "ports[0].port", NULL, "see causeway-switch.json" },
	{ WEB("'ip':7"), "ports[0].ip", NULL, "see causeway-switch.json" },
	{ WEB("'ipv4_alowed':[]"), "ports[0].ipv4_alowed", NULL,
	  "\"ipv4_allowed\"" },
	{ WEB("'queues':17"), "ports[0].queues", "17", "1 to 16" },
	{ WEB("'server':1"), "ports[0].server", "1", "true or false" },
	{ WEB("'offload':{'tso6':true}"), "ports[0].offload.tso6", "true",
	  "\"tso\"" },
	{ WEB("'offload':{'csum':false}"), "ports[0].offload.tso", "true",
	  "offload.csum" },
	{ WEB("'offload':true"), "ports[0].offload", "true", "object" },
	{ STATE(N10, UP "," "{'name':'b','type':'tap','interface':'eth1',"
			"'network':'n10'}"),
	  "ports[1].interface", "\"eth1\"", "port up has it" },
	{ STATE(N10, VHOST("'network':'n10'") ","
		     "{'name':'b','type':'vhost-user','socket':'/run/web',"
		     "'network':'n10'}"),
	  "ports[1].socket", "\"/run/web\"", "port web has it" },
	{ STATE(N10, UP "," UP), "ports[1].name", "\"up\"",
	  "ports[0] has it" },
	/* ports: VLANs */
	{ STATE(N10, VHOST("'queues':1")), "ports[0].network", "(missing)",
	  "name of a network" },
	{ STATE(N10, VHOST("'network':'n11'")), "ports[0].network",
	  "\"n11\"", "name of a network" },
	{ WEB("'trunk':['n10']"), "ports[0].network", "\"n10\"",
	  "vlan_mode trunk" },
	{ WEB("'vlan_mode':'access','native':'n10'"), "ports[0].native",
	  "\"n10\"", "vlan_mode access" },
	{ WEB("'cvlans':[1]"), "ports[0].cvlans", "[1]", "vlan_mode access" },
	{ WEB("'tpid':'0x88a8'"), "ports[0].tpid", NULL, "vlan_mode access" },
	{ WEB("'vlan_mode':'tunnel','cvlans':['9-8']"), "ports[0].cvlans[0]",
	  "\"9-8\"", "\"10-20\"" },
	{ WEB("'vlan_mode':'tunnel','cvlans':[1,4095]"), "ports[0].cvlans[1]",
	  "4095", "4094" },
	{ WEB("'vlan_mode':'tunnel','cvlans':[]"), "ports[0].cvlans", "[]",
	  "at least one" },
	{ STATE(N10, VHOST("'trunk':'n10'")), "ports[0].trunk", "\"n10\"",
	  "list" },
	{ STATE(N10, VHOST("'trunk':['n10','n10']")), "ports[0].trunk[1]",
	  "\"n10\"", "once" },
	{ STATE(N10 "," N20, VHOST("'trunk':['n20','n30']")),
	  "ports[0].trunk[1]", "\"n30\"", "name of a network" },
	{ STATE(N10, VHOST("'trunk':[]")), "ports[0].trunk", "[]",
	  "at least one network" },
	{ STATE(N0, VHOST("'trunk':['n0']")), "ports[0].trunk", "\"n0\"",
	  "native" },
	{ STATE(N10, VHOST("'native':'n10'")), "ports[0].trunk", "(missing)",
	  "list" },
	{ STATE(N10, VHOST("'trunk':['n10'],'vlan_mode':'native-tagged'")),
	  "ports[0].native", "(missing)", "name of a network" },
	{ STATE(N10 "," N0, VHOST("'trunk':['n10'],'native':'n0',"
				  "'vlan_mode':'native-tagged'")),
	  "ports[0].native", "\"n0\"", "1 to 4094" },
	{ STATE(N10 ",{'name':'x','vlan':10}", VHOST("'trunk':['n10','x']")),
	  "ports[0].trunk", "\"x\"", "n10 has VLAN 10" },
	{ STATE(N10 ",{'name':'x','vlan':10}",
		VHOST("'trunk':['n10'],'native':'x'")),
	  "ports[0].trunk", "\"x\"", "n10 has VLAN 10" },
	{ STATE(N10, "{'name':'up','type':'packet','interface':'e',"
		     "'network':'n10'}"),
	  "ports[0].network", "\"n10\"", "role uplink" },
	{ STATE("{'name':'j','vlan':1,'mtu':9000}",
		VHOST("'network':'j','mtu':1500")),
	  "ports[0].mtu", "1500", "at least 9000, the MTU of network j" },
	{ STATE("{'name':'j','vlan':1,'mtu':9000,'uplink':'up'}",
		"{'name':'up','type':'packet','interface':'e','mtu':1500}"),
	  "ports[0].mtu", "1500", "at least 9000" },
	/* ports: isolation */
	{ WEB("'mac':'01:00:00:00:00:01'"), "ports[0].mac", NULL, "unicast" },
	{ WEB("'mac':'00:00:00:00:00:00'"), "ports[0].mac", NULL, "unicast" },
	{ WEB("'mac':'02-00-00-00-00-01'"), "ports[0].mac", NULL, "unicast" },
	{ WEB("'mac':'02:00:00:00:00:1'"), "ports[0].mac", NULL, "unicast" },
	{ WEB("'mac':2"), "ports[0].mac", "2", "unicast" },
	{ WEB("'locking_mode':'locked'"), "ports[0].mac", "(missing)",
	  "locked" },
	{ WEB("'locking_mode':'on'"), "ports[0].locking_mode", "\"on\"",
	  "\"locked\"" },
	{ WEB("'ipv4_allowed':['10.0.0.300']"), "ports[0].ipv4_allowed[0]",
	  "\"10.0.0.300\"",
	  "IPv4 address or prefix such as 10.0.0.7 or 10.0.0.0/24" },
	{ WEB("'ipv4_allowed':['10.0.0.1/33']"), "ports[0].ipv4_allowed[0]",
	  NULL, "IPv4" },
	{ WEB("'ipv4_allowed':['10.0.0.1/']"), "ports[0].ipv4_allowed[0]",
	  NULL, "IPv4" },
	{ WEB("'ipv4_allowed':['10.0.0.1',5]"), "ports[0].ipv4_allowed[1]",
	  "5", "IPv4" },
	{ WEB("'ipv4_allowed':'10.0.0.1'"), "ports[0].ipv4_allowed", NULL,
	  "list" },
	{ WEB("'ipv6_allowed':['fd00::1/129']"), "ports[0].ipv6_allowed[0]",
	  NULL, "IPv6" },
	{ WEB("'ipv6_allowed':['10.0.0.1']"), "ports[0].ipv6_allowed[0]",
	  NULL, "IPv6" },
	{ WEB("'ipv4_allowed':['10.0.0.7/24']"), "ports[0].ipv4_allowed[0]",
	  "\"10.0.0.7/24\"",
	  "10.0.0.0/24 for all of the prefix, or 10.0.0.7/32 for this" },
	{ WEB("'ipv6_allowed':['fd00::7/64']"), "ports[0].ipv6_allowed[0]",
	  NULL, "fd00::/64 for all of the prefix, or fd00::7/128" },
	{ WEB("'ipv4_allowed':['10.0.0.1','224.0.0.1']"),
	  "ports[0].ipv4_allowed[1]", "\"224.0.0.1\"", "224/4" },
	{ WEB("'ipv4_allowed':['0.0.0.0']"), "ports[0].ipv4_allowed[0]",
	  NULL, "0/8" },
	{ WEB("'ipv4_allowed':['127.0.0.0/8']"), "ports[0].ipv4_allowed[0]",
	  NULL, "127/8" },
	{ WEB("'ipv4_allowed':['255.255.255.255']"),
	  "ports[0].ipv4_allowed[0]", NULL, "255.255.255.255" },
	{ WEB("'ipv6_allowed':['::ffff:1.2.3.4']"),
	  "ports[0].ipv6_allowed[0]", NULL, "::ffff:0:0/96" },
	{ WEB("'ipv6_allowed':['::1']"), "ports[0].ipv6_allowed[0]", NULL,
	  "::1" },
	{ WEB("'ipv6_allowed':['ff02::1']"), "ports[0].ipv6_allowed[0]", NULL,
	  "ff00::/8" },
	{ WEB("'include_refused':true"), "ports[0].include_refused", "true",
	  "promiscuous" },
	{ WEB("'inject':false"), "ports[0].inject", "false", "promiscuous" },
	{ WEB("'mac_limit':0"), "ports[0].mac_limit", "0", "integer 1" },
	{ WEB("'rate_to_guest_bps':-1"), "ports[0].rate_to_guest_bps", "-1",
	  "integer 0" },
	{ STATE(N10, "{'name':'up','type':'packet','interface':'e',"
		     "'promiscuous':true}"),
	  "ports[0].promiscuous", "true", "role uplink" },
	{ STATE(N10, VHOST("'network':'n10','mac':'02:00:00:00:00:01'") ","
		     "{'name':'b','type':'vhost-user','socket':'/run/b',"
		     "'network':'n10','mac':'02:00:00:00:00:01'}"),
	  "ports[1].mac", "\"02:00:00:00:00:01\"", "port web has this one" },
	{ STATE(N10 "," N20,
		VHOST("'network':'n20','mac':'02:00:00:00:00:01'") ","
		"{'name':'b','type':'vhost-user','socket':'/run/b',"
		"'trunk':['n10','n20'],'mac':'02:00:00:00:00:01'}"),
	  "ports[1].mac", NULL, "network n20" },
	/* bonds: members */
	{ STATE("", BOND("'mode':'lacp'")), "ports[0].members", "(missing)",
	  "1 to 8 names of ports" },
	{ STATE("", BOND("'members':[]")), "ports[0].members", "[]",
	  "1 to 8" },
	{ STATE("", BOND("'members':[1,2,3,4,5,6,7,8,9]")),
	  "ports[0].members", NULL, "1 to 8" },
	{ STATE("", BOND("'members':'e0'")), "ports[0].members", "\"e0\"",
	  "list" },
	{ STATE("", BOND("'members':['e0',7]")), "ports[0].members[1]", "7",
	  "name of a port" },
	{ STATE("", BOND("'members':['e0']")), "ports[0].members[0]",
	  "\"e0\"", "name of a port in ports" },
	{ STATE("", BOND("'members':['bond0']")), "ports[0].members[0]",
	  "\"bond0\"", "type packet" },
	{ STATE(N10, VHOST("'network':'n10'") "," BOND("'members':['web']")),
	  "ports[1].members[0]", "\"web\"", "type packet" },
	{ STATE(N10, "{'name':'g','type':'packet','interface':'e',"
		     "'role':'guest','network':'n10'},"
		     BOND("'members':['g']")),
	  "ports[1].members[0]", "\"g\"", "role uplink" },
	{ STATE("", ETH("0") "," BOND("'members':['e0','e0']")),
	  "ports[1].members[1]", "\"e0\"", "once" },
	{ STATE("", ETH("0") "," BOND("'members':['e0']")
		    ",{'name':'b1','type':'bond','members':['e0']}"),
	  "ports[2].members[0]", "\"e0\"", "bond bond0 has this one" },
	{ STATE("{'name':'n','vlan':1,'uplink':'e1'}",
		ETH("0") "," ETH("1") "," BOND2("")),
	  "networks[0].uplink", "\"e1\"", "\"bond0\"" },
	{ STATE("", "{'name':'e0','type':'packet','interface':'e',"
		    "'mtu':1500}," BOND("'members':['e0'],'mtu':9000")),
	  "ports[0].mtu", "1500", "at least 9000, the MTU of bond bond0" },
	{ STATE("{'name':'j','vlan':1,'mtu':9000,'uplink':'bond0'}",
		BOND("'members':['e0']") ",{'name':'e0','type':'packet',"
		"'interface':'e','mtu':1500}"),
	  "ports[1].mtu", "1500", "at least 9000, the MTU of bond bond0" },
	{ STATE("", "{'name':'e0','type':'packet','interface':'e',"
		    "'storm_pps':5}," BOND("'members':['e0']")),
	  "ports[0].storm_pps", "5", "bond bond0" },
	{ STATE("", "{'name':'e0','type':'packet','interface':'e',"
		    "'tpid':'0x88a8'}," BOND("'members':['e0']")),
	  "ports[0].tpid", "\"0x88a8\"", "bond bond0" },
	{ STATE(N10, VHOST("'network':'n10','members':['e0']")),
	  "ports[0].members", "[\"e0\"]", "type vhost-user" },
	{ STATE("", ETH("0") "," BOND("'members':['e0'],'role':'host'")),
	  "ports[1].role", "\"host\"", "\"uplink\"" },
	{ BONDED(",'interface':'eth0'"), "ports[2].interface", NULL,
	  "type bond" },
	{ BONDED(",'queues':2"), "ports[2].queues", "2", "type bond" },
	{ BONDED(",'lldp':'rx'"), "ports[2].lldp", "\"rx\"", "type bond" },
	{ BONDED(",'network':'n10'"), "ports[2].network", NULL,
	  "role uplink" },
	/* NICs */
	{ STATE("", "{'name':'n','type':'nic'}"), "ports[0].device",
	  "(missing)", "letters, digits" },
	{ STATE("", "{'name':'n','type':'nic','device':'a/b'}"),
	  "ports[0].device", "\"a/b\"", "letters, digits" },
	{ STATE("", NIC("0", ",'interface':'eth0'")), "ports[0].interface",
	  NULL, "type nic" },
	{ STATE("", NIC("0", ",'ethtool':{'gro':'off'}")), "ports[0].ethtool",
	  NULL, "type nic" },
	{ STATE("", "{'name':'e0','type':'packet','interface':'eth0',"
		    "'device':'net_null0'}"),
	  "ports[0].device", NULL, "type packet" },
	{ STATE("", NIC("0", "") ",{'name':'again','type':'nic','device':"
				 "'pci:0000:03:00.0'}"),
	  "ports[1].device", NULL, "port nic0 has it" },
	/* bonds: properties that the mode does not define */
	{ BONDED(",'mode':'802.3ad'"), "ports[2].mode", "\"802.3ad\"",
	  "\"balance-slb\", \"active-backup\", \"lacp\"" },
	{ BONDED(",'primary':'e0'"), "ports[2].primary", "\"e0\"",
	  "no such property of a bond of mode balance-slb" },
	{ BONDED(",'lacp-time':'fast'"), "ports[2].lacp-time", "\"fast\"",
	  "mode balance-slb" },
	{ BONDED(",'hashing-algorithm':'src_mac'"),
	  "ports[2].hashing-algorithm", "\"src_mac\"", "balance-slb" },
	{ BONDED(",'mode':'active-backup','lacp-fallback-ab':true"),
	  "ports[2].lacp-fallback-ab", "true", "mode active-backup" },
	{ BONDED(",'mode':'active-backup','rebalance-interval':1000"),
	  "ports[2].rebalance-interval", "1000", "mode active-backup" },
	{ BONDED(",'mode':'lacp','lacp-time':'short'"),
	  "ports[2].lacp-time", "\"short\"", "\"fast\", \"slow\"" },
	{ BONDED(",'mode':'lacp','hashing-algorithm':'l3'"),
	  "ports[2].hashing-algorithm", NULL, "\"src_mac\"" },
	{ BONDED(",'mode':'lacp','lacp-system':'01:00:00:00:00:01'"),
	  "ports[2].lacp-system", NULL, "unicast" },
	{ BONDED(",'mode':'lacp','lacp-aggregation-key':0"),
	  "ports[2].lacp-aggregation-key", "0", "integer 1 to 65535" },
	{ BONDED(",'mode':'lacp','lacp-aggregation-key':2,"
		 "'lacp-actor-key':3"),
	  "ports[2].lacp-actor-key", "3", "2, the lacp-aggregation-key" },
	{ BONDED(",'mode':'active-backup','primary':'e2'"),
	  "ports[2].primary", "\"e2\"", "one of the bond's members" },
	{ BONDED(",'use_carrier':0"), "ports[2].use_carrier", "0",
	  "integer 1 to 1" },
	{ BONDED(",'updelay':'1s'"), "ports[2].updelay", "\"1s\"",
	  "integer" },
	{ STATE("", ETH("0") "," ETH("1") ","
		BOND("'members':['e0'],'mode':'lacp',"
		     "'lacp-system':'02:00:00:00:00:01'") ","
		"{'name':'b1','type':'bond','members':['e1'],'mode':'lacp',"
		"'mac':'02:00:00:00:00:01'}"),
	  "ports[3].lacp-aggregation-key", "1", "bond bond0 has it" },
	/* interfaces of the host */
	{ STATE(N10, "{'name':'g','type':'packet','interface':'e',"
		     "'role':'guest','network':'n10','lldp':'off'}"),
	  "ports[0].lldp", "\"off\"", "role guest" },
	{ STATE("", "{'name':'u','type':'packet','interface':'e',"
		    "'ethtool':{'rx':true}}"),
	  "ports[0].ethtool.rx", "true", "\"on\", \"off\"" },
	{ STATE("", "{'name':'u','type':'packet','interface':'e',"
		    "'ethtool':{'lor':'on'}}"),
	  "ports[0].ethtool.lor", "\"on\"", "\"lro\"" },
	{ STATE(N10, HOST("'addresses':['10.0.0.1']")),
	  "ports[0].addresses[0]", "\"10.0.0.1\"", "with prefix" },
	{ STATE(N10, HOST("'addresses':['fd00::1/129']")),
	  "ports[0].addresses[0]", NULL, "with prefix" },
	{ STATE(N10, HOST("'addresses':'10.0.0.1/8'")),
	  "ports[0].addresses", NULL, "list" },
	{ STATE(N10, HOST("'gateway':'10.0.0.1'")), "ports[0].gateway",
	  "\"10.0.0.1\"", "within the prefix" },
	{ STATE(N10, HOST("'addresses':['10.0.0.130/25'],"
			  "'gateway':'10.0.0.126'")),
	  "ports[0].gateway", "\"10.0.0.126\"", "within the prefix" },
	{ STATE(N10, HOST("'gateway':'0.0.0.0'")), "ports[0].gateway",
	  "\"0.0.0.0\"", "IPv4 address" },
	{ STATE(N10, HOST("'gateway6':'fd00::1'")), "ports[0].gateway6",
	  NULL, "within the prefix" },
	{ STATE(N10, HOST("'addresses':['10.0.0.2/8'],"
			  "'gateway':'10.0.0.1','gateway6':'fe80::1'") ","
		"{'name':'x','type':'tap','interface':'x','network':'n10',"
		"'addresses':['10.0.0.3/8'],'gateway':'10.0.0.1'}"),
	  "ports[1].gateway", "\"10.0.0.1\"", "port xapi0 has one" },
	{ STATE(N10, HOST("'addresses':['10.0.0.2/24'],"
			  "'gateway':'10.0.0.2'")),
	  "ports[0].gateway", "\"10.0.0.2\"", "the port's own" },
	{ STATE(N10, HOST("'addresses':['10.0.0.2/24'],"
			  "'gateway':'10.0.0.255'")),
	  "ports[0].gateway", "\"10.0.0.255\"", "broadcast" },
	{ STATE(N10, HOST("'addresses':['fe80::7/64'],"
			  "'gateway6':'fe80::7'")),
	  "ports[0].gateway6", NULL, "the port's own" },
	{ STATE(N10, HOST("'addresses':['10.0.0.1/24','10.0.0.0/24']")),
	  "ports[0].addresses[1]", "\"10.0.0.0/24\"", "network itself" },
	{ STATE(N10, HOST("'addresses':['10.0.0.255/24']")),
	  "ports[0].addresses[0]", NULL, "broadcast" },
	{ STATE(N10, HOST("'addresses':['fd00::/64']")),
	  "ports[0].addresses[0]", NULL, "network itself" },
	{ STATE(N10, HOST("'addresses':['127.0.0.1/8']")),
	  "ports[0].addresses[0]", NULL, "no host on a link" },
	{ STATE(N10, HOST("'addresses':['ff02::1/128']")),
	  "ports[0].addresses[0]", NULL, "no host on a link" },
	{ STATE(N10, HOST("'addresses':['10.0.0.1/24','10.0.0.1/25']")),
	  "ports[0].addresses[1]", "\"10.0.0.1/25\"", "once" },
	{ STATE(N10, "{'name':'x','type':'tap','interface':'x',"
		     "'network':'n10','addresses':['10.0.0.1/16']},"
		     HOST("'addresses':['10.0.0.1/24']")),
	  "ports[1].addresses[0]", "\"10.0.0.1/24\"", "port x has it" },
	{ STATE(N10, VHOST("'network':'n10','addresses':[]")),
	  "ports[0].addresses", "[]", "type vhost-user" },
};

static void bad_values_are_refused_with_place_and_remedy(void)
{
	struct switch_conf_errors errs;
	struct switch_conf *conf;
	unsigned i;

	for (i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		const struct bad *b = &bads[i];
		const struct switch_conf_error *e = &errs.error[0];
		int rc = parse(&conf, b->text, &errs);
		bool ok = rc == -EINVAL && !conf && errs.count >= 1 &&
			  !strcmp(e->path, b->path) &&
			  (!b->value || !strcmp(e->value, b->value)) &&
			  strstr(e->expected, b->expected);

		if (!ok)
			printf("\n  row %u: rc %d, \"%s\": %s, expected %s\n",
			       i, rc, errs.count ? e->path : "-",
			       errs.count ? e->value : "-",
			       errs.count ? e->expected : "-");
		CU_ASSERT(ok);
	}
}

static void all_errors_are_told_at_once_up_to_a_bound(void)
{
	struct switch_conf_errors errs;
	struct switch_conf *conf;
	char text[4096] = "{'owner':'t','generation':1,'networks':[0";
	unsigned i;

	CU_ASSERT(parse(&conf, WEB("'mac':1,'queues':0"), &errs) == -EINVAL);
	CU_ASSERT(errs.count == 2);
	for (i = 1; i < 100; i++)
		strcat(text, ",0");
	strcat(text, "]}");
	CU_ASSERT(parse(&conf, text, &errs) == -EINVAL);
	CU_ASSERT(errs.count == CONF_ERRORS_MAX);
}

static void long_and_odd_values_are_shortened_for_people(void)
{
	struct switch_conf_errors errs;
	struct switch_conf *conf;
	char text[9000], junk[4000];

	memset(junk, 'x', sizeof(junk) - 1);
	junk[sizeof(junk) - 1] = '\0';
	snprintf(text, sizeof(text), "{'owner':'%s','%s':1}", junk, junk);
	CU_ASSERT(parse(&conf, text, &errs) == -EINVAL);
	CU_ASSERT(errs.count == 3);
	CU_ASSERT(strlen(errs.error[0].value) == 127);
	CU_ASSERT(strlen(errs.error[1].path) == 127);
	CU_ASSERT(!strcmp(errs.error[0].value + 124, "..."));
	CU_ASSERT(parse(&conf, "{'owner':'\xc3\xa9\\u001b'}", &errs) < 0);
	CU_ASSERT_STRING_EQUAL(errs.error[0].value, "\"\\u00E9\\u001B\"");
}

static void what_is_left_out_is_resolved(void)
{
	struct switch_conf *c = good(STATE(
		"{'name':'a','vlan':5,'mtu':9000,'uplink':'up',"
		"'default_locking_mode':'disabled'},"
		"{'name':'b','vlan':0,'uplink':'up'},{'name':'c','vlan':7}",
		UP ",{'name':'t0','type':'tap','interface':'cw0',"
		   "'network':'b'},"
		   "{'name':'g','type':'vhost-user','socket':'/g',"
		   "'network':'a'},"
		   "{'name':'h','type':'vhost-user','socket':'/h',"
		   "'trunk':['c'],'native':'b'}"));
	const struct conf_port *p = c->ports;

	CU_ASSERT(p[0].role == CONF_UPLINK && p[1].role == CONF_HOST);
	CU_ASSERT(p[2].role == CONF_GUEST && p[2].storm_pps == 10000);
	CU_ASSERT(p[0].mtu == 9000 && p[1].mtu == 1500 && p[2].mtu == 9000);
	CU_ASSERT(p[0].carries_count == 2 && p[0].carries[1] == 1);
	CU_ASSERT(p[0].native == 1 && p[0].vlan_mode == CONF_VLAN_TRUNK);
	CU_ASSERT(p[0].locking == CONF_LOCK_UNLOCKED);
	CU_ASSERT(p[1].locking == CONF_LOCK_UNLOCKED && p[1].network == 1);
	CU_ASSERT(p[2].locking == CONF_LOCK_DISABLED);
	CU_ASSERT(p[2].locking_mode == CONF_LOCK_NETWORK_DEFAULT);
	CU_ASSERT(p[3].vlan_mode == CONF_VLAN_NATIVE_UNTAGGED);
	CU_ASSERT(p[3].carries_count == 2 && p[3].carries[0] == 1 &&
		  p[3].carries[1] == 2 && p[3].network == CONF_NONE);
	CU_ASSERT(c->networks[0].uplink == 0 && c->networks[2].uplink == -1);
	CU_ASSERT(p[2].csum && p[2].tso && p[2].inject && p[2].peer_uid == -1);
	CU_ASSERT(c->settings.fdb_entries == 65536);
	CU_ASSERT(switch_conf_find_port(c, "h") == 3);
	CU_ASSERT(switch_conf_find_port(c, "i") == CONF_NONE);
	CU_ASSERT(switch_conf_find_network(c, "b") == 1);
	switch_conf_free(c);
}

static void members_learn_their_bond_and_its_defaults(void)
{
	struct switch_conf *c = good(STATE(
		"{'name':'j','vlan':7,'mtu':9000,'uplink':'bond0'},"
		"{'name':'n','vlan':0,'uplink':'bond0'}",
		ETH("2") "," BOND2(",'mode':'lacp','primary':'e0'") ","
		ETH("1") "," ETH("0")));
	const struct conf_port *p = c->ports, *bond = &p[1];
	const struct conf_bond *b = &bond->bonding;

	CU_ASSERT(bond->role == CONF_UPLINK && bond->bond == CONF_NONE);
	CU_ASSERT(bond->carries_count == 2 && bond->native == 1);
	CU_ASSERT(bond->mtu == 9000 && bond->vlan_mode == CONF_VLAN_TRUNK);
	CU_ASSERT(b->member_count == 2 && b->primary == 0);
	CU_ASSERT(b->members[0].port == 3 && b->members[1].port == 2);
	CU_ASSERT(p[3].bond == 1 && p[3].member == 0 && p[3].mtu == 9000);
	CU_ASSERT(p[2].bond == 1 && p[2].member == 1 && p[2].mtu == 9000);
	CU_ASSERT(p[0].bond == CONF_NONE && p[0].mtu == 1500);
	CU_ASSERT(p[3].carries_count == 0);
	CU_ASSERT(b->mode == BOND_LACP && b->hash == BOND_TCPUDP_PORTS);
	CU_ASSERT(b->updelay_ms == 31000 && b->downdelay_ms == 200);
	CU_ASSERT(b->rebalance_interval_ms == 1800000);
	CU_ASSERT(!b->lacp_fast && b->lacp_fallback_ab && b->lacp_key == 1);
	CU_ASSERT(b->lacp_system_priority == 65534);
	CU_ASSERT(b->miimon_ms == 100 && b->use_carrier == 1);
	CU_ASSERT(p[0].lldp == (CONF_LLDP_RX | CONF_LLDP_TX));
	CU_ASSERT(bond->lldp == 0 && !p[0].nic_promiscuous);
	switch_conf_free(c);
}

static void the_host_s_interfaces_keep_what_they_are_given(void)
{
	struct switch_conf *c = good(STATE(N10,
		"{'name':'u','type':'packet','interface':'e','lldp':'tx',"
		"'nic_promiscuous':true,'ethtool':{'rx':'on','lro':'off',"
		"'speed':1000,'duplex':'full','advertise':32}},"
		HOST("'addresses':['10.0.0.7/24','fd00::7/64'],"
		     "'gateway':'10.0.0.1','gateway6':'fe80::1'")));
	const struct conf_port *u = &c->ports[0], *h = &c->ports[1];

	CU_ASSERT(u->lldp == CONF_LLDP_TX && u->nic_promiscuous);
	CU_ASSERT(u->ethtool.rx == CONF_TOGGLE_ON &&
		  u->ethtool.lro == CONF_TOGGLE_OFF &&
		  u->ethtool.tx == CONF_AS_IT_IS);
	CU_ASSERT(u->ethtool.speed == 1000 && u->ethtool.advertise == 32 &&
		  u->ethtool.duplex == CONF_DUPLEX_FULL);
	CU_ASSERT(h->address_count == 2 && h->addresses[0].len == 24 &&
		  h->addresses[0].addr.v4.s_addr == htonl(0x0a000007));
	CU_ASSERT(h->addresses[1].family == AF_INET6 &&
		  h->addresses[1].addr.v6.s6_addr[15] == 7);
	CU_ASSERT(h->gateway.s_addr == htonl(0x0a000001));
	CU_ASSERT(h->gateway6.s6_addr[0] == 0xfe && h->lldp == 0);
	switch_conf_free(c);
}

static void odd_addresses_of_the_host_are_taken(void)
{
	switch_conf_free(good(STATE(N10,
		HOST("'addresses':['10.0.0.2/31','10.1.0.0/32','fe80::1/64',"
		     "'fd00::/127'],'gateway':'10.0.0.3',"
		     "'gateway6':'fe80::2'") ","
		"{'name':'y','type':'tap','interface':'y','network':'n10',"
		"'addresses':['fe80::1/64']}," VHOST("'trunk':[],"
						     "'native':'n10'"))));
}

static void prefixes_are_sorted_and_deduplicated(void)
{
	struct switch_conf *c = good(WEB(
		"'ipv4_allowed':['10.0.0.0/24','10.0.0.0/24','9.1.2.3',"
		"'0.0.0.0/0'],'ipv6_allowed':['fd00::/120','fd00::/120']"));
	const struct conf_port *p = c->ports;

	CU_ASSERT(p->ipv4_count == 3 && p->ipv6_count == 1);
	CU_ASSERT(p->ipv4_allowed[0].len == 0);
	CU_ASSERT(p->ipv4_allowed[1].addr.s_addr == htonl(0x09010203));
	CU_ASSERT(p->ipv4_allowed[2].addr.s_addr == htonl(0x0a000000));
	CU_ASSERT(p->ipv6_allowed[0].addr.s6_addr[15] == 0);
	switch_conf_free(c);
}

static const char full[] =
	"{'owner':'site','generation':7,'settings':{'fdb_entries':4096,"
	"'poll_us':0},'networks':["
	"{'name':'n10','vlan':10,'uplink':'up0','mtu':9000,"
	"'link_protocols':['lldp','other'],'igmp_snooping':false,"
	"'flood_unknown':true},"
	"{'name':'n20','vlan':20,'uplink':'up0',"
	"'default_locking_mode':'disabled'},{'name':'n1','vlan':0}],"
	"'ports':["
	"{'name':'up0','type':'packet','interface':'eth1','tpid':'0x88a8',"
	"'storm_pps':5},"
	"{'name':'web','type':'vhost-user','socket':'/run/w','server':true,"
	"'trusted':true,'peer_uid':64055,'queues':4,"
	"'mac':'02:00:00:AA:00:0b','network':'n10','locking_mode':'locked',"
	"'ipv4_allowed':['10.0.0.0/24'],'ipv6_allowed':['fe80::1'],"
	"'dhcp_server':true,'router':true,'isolated':true,"
	"'promiscuous':true,'include_refused':true,'inject':false,"
	"'flood_unknown':true,'mac_limit':3,'rate_from_guest_bps':1,"
	"'rate_to_guest_bps':1000000000000,'mtu':9100,"
	"'offload':{'tso':false}},"
	"{'name':'tr','type':'vhost-user','socket':'/run/t',"
	"'trunk':['n20','n10'],'native':'n1','tpid':'0x9100'},"
	"{'name':'tu','type':'tap','interface':'t0','role':'guest',"
	"'network':'n20','vlan_mode':'tunnel',"
	"'cvlans':[0,5,6,'7-9',4094]},"
	"{'name':'e0','type':'packet','interface':'e0','lldp':'off',"
	"'nic_promiscuous':true,'ethtool':{'rx':'on','tx':'off','sg':'on',"
	"'tso':'on','ufo':'off','gso':'on','gro':'on','lro':'off',"
	"'autoneg':'off','speed':100,'duplex':'half','advertise':1}},"
	"{'name':'e1','type':'packet','interface':'e1'},"
	"{'name':'e2','type':'packet','interface':'e2'},"
	"{'name':'b0','type':'bond','members':['e1','e0'],'mode':'lacp',"
	"'primary':'e0','updelay':0,'downdelay':1,'rebalance-interval':2,"
	"'hashing-algorithm':'src_mac','lacp-time':'fast',"
	"'lacp-aggregation-key':7,'lacp-actor-key':7,"
	"'lacp-fallback-ab':false,'lacp-system-priority':1,"
	"'lacp-system':'02:00:00:00:00:99','miimon':50,'use_carrier':1,"
	"'mac':'02:00:00:00:00:98'},"
	"{'name':'b1','type':'bond','members':['e2'],"
	"'mode':'active-backup','primary':'e2'},"
	"{'name':'xapi0','type':'tap','interface':'xapi0','network':'n10',"
	"'addresses':['10.0.0.7/24','fd00::7/64'],'gateway':'10.0.0.1',"
	"'gateway6':'fd00::1'}]}";

static bool same_text(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

static void a_saved_value_reads_back_the_same(void)
{
	struct switch_conf *a = good(full), *b;
	struct switch_conf_errors errs;
	struct switch_conf_plan plan;
	char *once = switch_conf_save(a), *twice;

	CU_ASSERT_FATAL(!switch_conf_parse(&b, once, strlen(once), &errs));
	twice = switch_conf_save(b);
	CU_ASSERT(same_text(once, twice));
	CU_ASSERT(!!strstr(once, "\"7-9\"") || strstr(once, "\"5-9\""));
	CU_ASSERT_PTR_NULL(strstr(once, "ageing_s")); /* a default */
	CU_ASSERT(!switch_conf_diff(a, b, &plan) && plan.count == 0);
	switch_conf_plan_fini(&plan);
	free(once);
	free(twice);
	switch_conf_free(a);
	switch_conf_free(b);
}

static void only_the_owner_may_replace_and_only_forward(void)
{
	struct switch_conf *a = good("{'owner':'a','generation':5}");
	struct switch_conf *old = good("{'owner':'a','generation':4}");
	struct switch_conf *other = good("{'owner':'b','generation':9}");
	struct switch_conf *none = switch_conf_empty();
	struct switch_conf_errors errs;

	CU_ASSERT(!switch_conf_may_replace(NULL, a, false, &errs));
	CU_ASSERT(!switch_conf_may_replace(none, a, false, &errs));
	CU_ASSERT(!switch_conf_may_replace(a, a, false, &errs));
	CU_ASSERT(!switch_conf_may_replace(old, a, false, &errs));
	CU_ASSERT(switch_conf_may_replace(a, old, false, &errs) == -ESTALE);
	CU_ASSERT_STRING_EQUAL(errs.error[0].path, "generation");
	CU_ASSERT(!!strstr(errs.error[0].expected, "at least 5"));
	CU_ASSERT(switch_conf_may_replace(a, other, false, &errs) == -EPERM);
	CU_ASSERT_STRING_EQUAL(errs.error[0].path, "owner");
	CU_ASSERT(!switch_conf_may_replace(a, other, true, &errs));
	CU_ASSERT(!switch_conf_may_replace(a, old, true, &errs));
	switch_conf_free(a);
	switch_conf_free(old);
	switch_conf_free(other);
	switch_conf_free(none);
}

/* The plan from a to b as one text, actions separated by "; ". */
static const char *plan_text(const char *from, const char *to)
{
	static char text[4096];
	struct switch_conf *a = good(from), *b = good(to);
	struct switch_conf_plan plan;
	size_t at = 0;
	uint32_t i;

	text[0] = '\0';
	CU_ASSERT_FATAL(!switch_conf_diff(a, b, &plan));
	for (i = 0; i < plan.count; i++) {
		if (i)
			at += sprintf(text + at, "; ");
		switch_conf_action_text(a, b, &plan.actions[i], text + at,
					sizeof(text) - at);
		at += strlen(text + at);
	}
	switch_conf_plan_fini(&plan);
	switch_conf_free(a);
	switch_conf_free(b);
	return text;
}

#define GUEST(name, more)                                                     \
	"{'name':'" name "','type':'vhost-user','socket':'/" name "'," more   \
	"}"
#define MAC1 "'mac':'02:00:00:00:00:01'"
#define MAC2 "'mac':'02:00:00:00:00:02'"

static const struct change {
	const char *from, *to, *plan;
} changes[] = {
	{ STATE("", ""), STATE("", ""), "" },
	{ STATE("", ""), WEB("'queues':1"),
	  "add network n10; add port web" },
	{ WEB("'queues':1"), STATE("", ""),
	  "remove port web; remove network n10" },
	{ WEB("'queues':1"), WEB("'queues':2"),
	  "remove port web: re-create; add port web: re-create" },
	{ WEB("'router':true"), WEB("'mac_limit':1"),
	  "change port web: policy" },
	{ WEB("'queues':1"), WEB("'rate_to_guest_bps':9,'mtu':2000"),
	  "change port web: rate, mtu" },
	{ WEB("'offload':{'tso':true}"), WEB("'offload':{'tso':false}"),
	  "remove port web: re-create; add port web: re-create" },
	{ "{'owner':'a','generation':1}",
	  "{'owner':'a','generation':1,'settings':{'poll_us':9,"
	  "'fdb_entries':2048}}",
	  "change settings: tables, times" },
	/* order of objects and lists is no difference */
	{ STATE(N10 "," N20, GUEST("a", "'trunk':['n10','n20']") "," UP),
	  STATE(N20 "," N10, UP "," GUEST("a", "'trunk':['n20','n10']")),
	  "" },
	/* what a network's change means to its ports */
	{ STATE(N10, GUEST("a", "'network':'n10'")),
	  STATE("{'name':'n10','vlan':11}", GUEST("a", "'network':'n10'")),
	  "change network n10: vlan; change port a: vlan" },
	{ STATE("{'name':'n10','vlan':10,'uplink':'up'}", UP),
	  STATE(N10, UP),
	  "change network n10: vlan; change port up: vlan" },
	{ STATE(N10, GUEST("a", "'network':'n10'")),
	  STATE("{'name':'n10','vlan':10,'default_locking_mode':'disabled'}",
		GUEST("a", "'network':'n10'")),
	  "change network n10: policy; change port a: policy" },
	{ STATE(N10, GUEST("a", "'network':'n10'")),
	  STATE("{'name':'n10','vlan':10,'mtu':9000}",
		GUEST("a", "'network':'n10'")),
	  "change network n10: mtu; change port a: mtu" },
	/* a new network with the VLAN of one that goes */
	{ STATE("{'name':'x','vlan':1,'uplink':'up'}",
		UP "," GUEST("a", "'network':'x'")),
	  STATE("{'name':'y','vlan':1,'uplink':'up'}",
		UP "," GUEST("a", "'network':'y'")),
	  "remove network x; add network y; change port up: vlan; "
	  "change port a: vlan" },
	/* two ports swap networks: nothing is held twice; same address */
	{ STATE(N10 "," N20, GUEST("a", "'network':'n10'," MAC1) ","
			     GUEST("b", "'network':'n20'," MAC2)),
	  STATE(N10 "," N20, GUEST("a", "'network':'n20'," MAC1) ","
			     GUEST("b", "'network':'n10'," MAC2)),
	  "change port a: vlan; change port b: vlan" },
	{ STATE(N10 "," N20, GUEST("a", "'network':'n10'," MAC1) ","
			     GUEST("b", "'network':'n20'," MAC1)),
	  STATE(N10 "," N20, GUEST("a", "'network':'n20'," MAC1) ","
			     GUEST("b", "'network':'n10'," MAC1)),
	  "remove port a: re-create; remove port b: re-create; "
	  "add port a: re-create; add port b: re-create" },
	/* bonds: last to come, first to go, changed in place */
	{ STATE("", ""), STATE("", BOND("'members':['e0']") "," ETH("0")),
	  "add port e0; add port bond0" },
	{ STATE("", ETH("0") "," BOND("'members':['e0']")), STATE("", ""),
	  "remove port bond0; remove port e0" },
	{ BONDED(""), BONDED(",'mode':'active-backup'"),
	  "change port bond0: bond" },
	{ BONDED(",'mode':'lacp'"), BONDED(",'mode':'lacp','mtu':1600,"
					   "'mac':'02:00:00:00:00:01'"),
	  "change port e0: mtu; change port e1: mtu; "
	  "change port bond0: mtu, bond" },
	{ STATE("", ETH("0") "," ETH("1") "," BOND("'members':['e0']")),
	  BONDED(""),
	  "add network n10; change port e1: bond; "
	  "change port bond0: vlan, bond" },
	{ STATE("", ETH("0") "," BOND("'members':['e0']")),
	  STATE("", ETH("1") "," BOND("'members':['e1']")),
	  "remove port e0; add port e1; change port bond0: bond" },
	{ STATE("", ETH("0") "," ETH("1") "," BOND2("")),
	  STATE("", ETH("0") "," ETH("1")
		    "," BOND("'members':['e1','e0']")),
	  "change port e0: bond; change port e1: bond; "
	  "change port bond0: bond" },
	{ STATE("", ETH("0") "," BOND("'members':['e0']")),
	  STATE("", ETH("0")),
	  "remove port bond0; change port e0: bond" },
	{ STATE("", ETH("0") "," BOND("'members':['e0']")),
	  STATE("", "{'name':'e0','type':'packet','interface':'other'},"
		    BOND("'members':['e0']")),
	  "remove port e0: re-create; add port e0: re-create; "
	  "change port bond0: bond" },
	{ STATE("", ETH("0") "," BOND("'members':['e0']")),
	  STATE("", ETH("0") ",{'name':'b1','type':'bond',"
			     "'members':['e0']}"),
	  "remove port bond0; change port e0: bond; add port b1" },
	/* NICs */
	{ STATE("", NIC("0", "")), STATE("", NIC("0", ",'lldp':'off'")),
	  "change port nic0: lldp" },
	{ STATE("", NIC("0", "")), STATE("", NIC("0", ",'queues':2")),
	  "remove port nic0: re-create; add port nic0: re-create" },
	{ STATE("{'name':'j','vlan':1,'uplink':'nic0'}", NIC("0", "")),
	  STATE("{'name':'j','vlan':1,'mtu':9000,'uplink':'nic0'}",
		NIC("0", "")),
	  "remove port nic0: re-create; change network j: mtu; "
	  "add port nic0: re-create" },
	{ STATE("", NIC("0", "") "," NIC("1", "")),
	  STATE("", NIC("0", "") "," NIC("1", "") ","
		    BOND("'members':['nic0','nic1']")),
	  "change port nic0: bond; change port nic1: bond; add port bond0" },
	/* the kernel's side */
	{ STATE("", ETH("0")),
	  STATE("", "{'name':'e0','type':'packet','interface':'eth0',"
		    "'lldp':'rx','ethtool':{'gro':'off'}}"),
	  "change port e0: link, lldp" },
	{ STATE(N10, HOST("'addresses':['10.0.0.1/24']")),
	  STATE(N10, HOST("'addresses':['10.0.0.2/24']")),
	  "change port xapi0: link" },
};

static void plans_say_what_changes_and_no_more(void)
{
	unsigned i;

	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const char *is = plan_text(changes[i].from, changes[i].to);

		if (strcmp(is, changes[i].plan))
			printf("\n  row %u: %s\n", i, is);
		CU_ASSERT_STRING_EQUAL(is, changes[i].plan);
	}
}

/* --- changes that may cut the host off ---------------------------------- */

#define MGMT "{'name':'mgmt','vlan':0,'uplink':'bond0'}"
#define MGMT_PORTS                                                            \
	ETH("0") "," ETH("1") ",{'name':'xapi0','type':'tap',"                \
	"'interface':'xapi0','network':'mgmt'},"
#define MANAGED(nets, more) STATE(MGMT nets, MGMT_PORTS BOND2(more))

static const struct cut {
	const char *to; /* from MANAGED("", "") */
	bool cuts;
} cuts[] = {
	{ MANAGED("", ""), false },
	{ MANAGED(",{'name':'n20','vlan':20,'uplink':'bond0'}", ""), false },
	{ MANAGED("", ",'mode':'lacp'"), true },
	{ MANAGED("", ",'storm_pps':100"), false },
	{ MANAGED("", ",'tpid':'0x88a8'"), true },
	{ MANAGED("", ",'mtu':9000"), true },
	{ STATE(MGMT, MGMT_PORTS BOND("'members':['e0']")), true },
	{ STATE(MGMT, "{'name':'e0','type':'packet','interface':'other'},"
		      ETH("1") ",{'name':'xapi0','type':'tap',"
		      "'interface':'xapi0','network':'mgmt'}," BOND2("")),
	  true },
	{ STATE(MGMT, "{'name':'e0','type':'packet','interface':'eth0',"
		      "'lldp':'off'}," ETH("1") ",{'name':'xapi0','type':"
		      "'tap','interface':'xapi0','network':'mgmt'}," BOND2("")),
	  false },
	{ STATE("{'name':'mgmt','vlan':5,'uplink':'bond0'}",
		MGMT_PORTS BOND2("")), true },
	{ STATE("{'name':'mgmt','vlan':0,'uplink':'e0'}",
		"{'name':'xapi0','type':'tap','interface':'xapi0',"
		"'network':'mgmt'}," ETH("0")), true },
	{ STATE("{'name':'mgmt','vlan':0}", MGMT_PORTS BOND2("")), true },
	{ STATE(MGMT, ETH("0") "," ETH("1") "," BOND2("")), false },
	{ STATE(MGMT, MGMT_PORTS BOND2("") ",{'name':'x','type':'tap',"
		      "'interface':'x','network':'mgmt'}"), false },
	{ STATE(MGMT, ETH("0") "," ETH("1") ",{'name':'xapi0','type':'tap',"
		      "'interface':'xapi0','network':'mgmt','addresses':"
		      "['10.0.0.1/8']}," BOND2("")), true },
};

static void a_change_of_the_host_s_way_out_is_recognised(void)
{
	struct switch_conf *a = good(MANAGED("", "")), *b;
	int32_t *ports;
	unsigned i;
	int n;

	for (i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		b = good(cuts[i].to);
		n = switch_conf_cuts_host(a, b, &ports);
		if (n != cuts[i].cuts)
			printf("\n  row %u: %d\n", i, n);
		CU_ASSERT(n == cuts[i].cuts);
		CU_ASSERT(n < 1 || ports[0] == 2);
		free(ports);
		switch_conf_free(b);
	}
	switch_conf_free(a);
}

/* --- plans carried out on a model ------------------------------------- */

#define MODEL_MAX 16

struct model_port {
	const struct switch_conf *conf; /* NULL: no such port */
	int32_t index;
};

struct model {
	struct model_port ports[MODEL_MAX];
	char networks[MODEL_MAX][CONF_NAME_MAX];
};

static uint32_t rnd_state;

static uint32_t rnd(uint32_t below)
{
	rnd_state = rnd_state * 1664525 + 1013904223;
	return (rnd_state >> 16) % below;
}

static struct model_port *model_find(struct model *m, const char *name)
{
	unsigned i;

	for (i = 0; i < MODEL_MAX; i++)
		if (m->ports[i].conf &&
		    !strcmp(m->ports[i].conf->ports[m->ports[i].index].name,
			    name))
			return &m->ports[i];
	return NULL;
}

static struct model_port *model_free_slot(struct model *m)
{
	unsigned i = 0;

	while (m->ports[i].conf)
		i++;
	return &m->ports[i];
}

static char *model_network(struct model *m, const char *name)
{
	unsigned i;

	for (i = 0; i < MODEL_MAX; i++)
		if (!strcmp(m->networks[i], name))
			return m->networks[i];
	return NULL;
}

static bool port_on(struct model *m, const struct model_port *mp,
		    const char *network)
{
	const struct conf_port *p = &mp->conf->ports[mp->index];
	uint32_t i;

	for (i = 0; i < p->carries_count; i++)
		if (!strcmp(mp->conf->networks[p->carries[i]].name, network))
			return model_network(m, network);
	return false;
}

static bool ends_clash(const struct conf_port *a, const struct conf_port *b)
{
	return (a->socket[0] && !strcmp(a->socket, b->socket)) ||
	       (a->interface[0] && !strcmp(a->interface, b->interface));
}

/* At no moment two ports with one socket, or one address in one network. */
static bool model_sane(struct model *m)
{
	unsigned i, k, n;

	for (i = 0; i < MODEL_MAX; i++)
		for (k = 0; m->ports[i].conf && k < i; k++) {
			const struct model_port *x = &m->ports[i];
			const struct model_port *y = &m->ports[k];
			const struct conf_port *a, *b;

			if (!y->conf)
				continue;
			a = &x->conf->ports[x->index];
			b = &y->conf->ports[y->index];
			if (ends_clash(a, b))
				return false;
			if (!a->has_mac || !b->has_mac ||
			    memcmp(a->mac, b->mac, 6))
				continue;
			for (n = 0; n < MODEL_MAX; n++)
				if (m->networks[n][0] &&
				    port_on(m, x, m->networks[n]) &&
				    port_on(m, y, m->networks[n]))
					return false;
		}
	return true;
}

static void model_load(struct model *m, const struct switch_conf *c)
{
	uint32_t i;

	memset(m, 0, sizeof(*m));
	for (i = 0; i < c->port_count; i++)
		m->ports[i] = (struct model_port){ c, i };
	for (i = 0; i < c->network_count; i++)
		strcpy(m->networks[i], c->networks[i].name);
}

/* A bond that comes or changes finds its members as they shall be. */
static bool members_are_there(struct model *m, const struct switch_conf *b,
			      int32_t bond)
{
	const struct conf_port *p = &b->ports[bond];
	struct model_port *member;
	unsigned k;

	for (k = 0; k < p->bonding.member_count; k++) {
		member = model_find(m, p->bonding.members[k].name);
		if (!member ||
		    strcmp(member->conf->ports[member->index].interface,
			   b->ports[p->bonding.members[k].port].interface))
			return false;
	}
	return true;
}

static void model_port_act(struct model *m, const struct switch_conf *a,
			   const struct switch_conf *b,
			   const struct switch_conf_action *act)
{
	const char *name = act->after == CONF_NONE ?
				   a->ports[act->before].name :
				   b->ports[act->after].name;
	struct model_port *mp = model_find(m, name);

	CU_ASSERT((act->verb == CONF_ADD) == !mp);
	if (act->verb == CONF_ADD)
		mp = model_free_slot(m);
	if (!mp)
		return;
	if (act->verb == CONF_REMOVE)
		mp->conf = NULL;
	else
		*mp = (struct model_port){ b, act->after };
	if (act->verb != CONF_REMOVE)
		CU_ASSERT(members_are_there(m, b, act->after));
}

static void model_network_act(struct model *m, const struct switch_conf *a,
			      const struct switch_conf *b,
			      const struct switch_conf_action *act)
{
	const char *name = act->after == CONF_NONE ?
				   a->networks[act->before].name :
				   b->networks[act->after].name;
	char *slot = model_network(m, name);

	CU_ASSERT((act->verb == CONF_ADD) == !slot);
	if (act->verb == CONF_ADD && !slot)
		strcpy(model_network(m, ""), name);
	if (act->verb == CONF_REMOVE && slot)
		slot[0] = '\0';
}

/* What one port is in one value, networks by name, as text. */
static char *port_view(const struct switch_conf *c, int32_t i)
{
	json_t *root = switch_conf_to_json(c);
	const struct conf_port *p = &c->ports[i];
	json_t *port = json_array_get(json_object_get(root, "ports"), i);
	json_t *nets = json_object();
	uint32_t k;
	char *text;

	for (k = 0; k < p->carries_count; k++) {
		const struct conf_network *n = &c->networks[p->carries[k]];

		json_object_set_new(nets, n->name,
				    json_pack("[iib]", n->vlan,
					      n->default_locking,
					      n->flood_unknown));
	}
	json_object_del(port, "trunk"); /* its order is not a difference */
	json_object_set_new(port, "nets", nets);
	json_object_set_new(port, "locking", json_integer(p->locking));
	text = json_dumps(port, JSON_SORT_KEYS);
	json_decref(root);
	return text;
}

static bool model_is(struct model *m, const struct switch_conf *b)
{
	uint32_t i, ports = 0, networks = 0;
	bool same = true;

	for (i = 0; i < MODEL_MAX; i++) {
		ports += m->ports[i].conf != NULL;
		networks += m->networks[i][0] != '\0';
	}
	for (i = 0; i < b->network_count; i++)
		same &= model_network(m, b->networks[i].name) != NULL;
	for (i = 0; same && i < b->port_count; i++) {
		struct model_port *mp = model_find(m, b->ports[i].name);
		char *is, *wanted;

		if (!mp)
			return false;
		is = port_view(mp->conf, mp->index);
		wanted = port_view(b, i);
		same = same_text(is, wanted);
		free(is);
		free(wanted);
	}
	return same && ports == b->port_count && networks == b->network_count;
}

/* Place of an action in the order that switch_conf.h promises. */
static int rank(const struct switch_conf *running,
		const struct switch_conf *wanted,
		const struct switch_conf_action *a)
{
	static const int ranks[3][4] = {
		[CONF_REMOVE] = { -1, 2, 1, 0 },
		[CONF_CHANGE] = { 3, 4, 6, 8 },
		[CONF_ADD] = { -1, 5, 7, 9 },
	};
	const struct conf_port *p = NULL;

	if (a->object == CONF_PORT)
		p = a->after == CONF_NONE ? &running->ports[a->before]
					  : &wanted->ports[a->after];
	return ranks[a->verb][p && p->type == CONF_BOND ? 3 : a->object];
}

static void check_plan(const struct switch_conf *a,
		       const struct switch_conf *b)
{
	struct switch_conf_plan plan;
	struct model m;
	int last = 0;
	uint32_t i;

	CU_ASSERT_FATAL(!switch_conf_diff(a, b, &plan));
	model_load(&m, a);
	for (i = 0; i < plan.count; i++) {
		const struct switch_conf_action *act = &plan.actions[i];

		CU_ASSERT(rank(a, b, act) >= last);
		last = rank(a, b, act);
		if (act->object == CONF_PORT)
			model_port_act(&m, a, b, act);
		else if (act->object == CONF_NETWORK)
			model_network_act(&m, a, b, act);
		CU_ASSERT(model_sane(&m));
	}
	CU_ASSERT(model_is(&m, b));
	switch_conf_plan_fini(&plan);
}

static size_t random_port(char *to, size_t size, unsigned i)
{
	static const char *const more[] = { "", ",'router':true",
					    ",'storm_pps':5",
					    ",'queues':2",
					    ",'mtu':2000",
					    ",'rate_to_guest_bps':8000",
					    ",'locking_mode':'disabled'" };
	char member[64];

	if (rnd(3))
		snprintf(member, sizeof(member), "'network':'n%u'", rnd(4));
	else
		snprintf(member, sizeof(member),
			 "'trunk':['n%u'],'native':'n%u'", rnd(4), rnd(4));
	return snprintf(to, size,
			",{'name':'p%u','type':'vhost-user',"
			"'socket':'/s%u',%s,'mac':'02:00:00:00:00:0%u'%s}",
			i, i + 4 * rnd(2), member, rnd(5),
			more[rnd(sizeof(more) / sizeof(more[0]))]);
}

/* A bond of one or two, and sometimes a NIC that is in none. */
static size_t random_bond(char *to)
{
	static const char *const modes[] = { "balance-slb", "active-backup",
					     "lacp" };
	unsigned spare = rnd(3), first = rnd(3), i;
	size_t at;

	at = sprintf(to, "{'name':'up','type':'bond','mode':'%s',"
			 "'members':['m%u'", modes[rnd(3)], first);
	if (rnd(2))
		at += sprintf(to + at, ",'m%u'", (first + 1) % 3);
	at += sprintf(to + at, "]}");
	for (i = 0; i < 3; i++)
		if (i != spare)
			at += sprintf(to + at, ",{'name':'m%u','type':"
					       "'packet','interface':'m%u'}",
				      i, i + 3 * rnd(2));
	return at;
}

/* A value of a few networks and ports; NULL when it contradicts itself. */
static struct switch_conf *random_conf(void)
{
	struct switch_conf_errors errs;
	struct switch_conf *conf;
	char t[8192];
	size_t at;
	unsigned i;

	at = sprintf(t, "{'owner':'r','generation':1,'networks':["
			"{'name':'always','vlan':4000}");
	for (i = 0; i < 4; i++)
		if (rnd(5))
			at += sprintf(t + at,
				      ",{'name':'n%u','vlan':%u%s%s}", i,
				      rnd(8), rnd(2) ? ",'uplink':'up'" : "",
				      rnd(4) ? "" : ",'flood_unknown':true");
	at += sprintf(t + at, "],'ports':[");
	if (rnd(2))
		at += random_bond(t + at);
	else
		at += sprintf(t + at, "{'name':'up','type':'packet',"
				      "'interface':'e%u'}", rnd(2));
	for (i = 0; i < 6; i++)
		if (rnd(4))
			at += random_port(t + at, sizeof(t) - at, i);
	strcpy(t + at, "]}");
	parse(&conf, t, &errs);
	return conf;
}

static void plans_carried_out_step_by_step_end_in_the_wanted_value(void)
{
	struct switch_conf *a = switch_conf_empty(), *b;
	unsigned tried, made = 0;

	rnd_state = 20240501;
	for (tried = 0; tried < 60000 && made < 400; tried++) {
		b = random_conf();
		if (!b)
			continue;
		made++;
		check_plan(a, b);
		switch_conf_free(a);
		a = b;
	}
	switch_conf_free(a);
	CU_ASSERT(made == 400);
}

static struct switch_conf *many_ports(unsigned count, uint32_t mtu)
{
	struct switch_conf_errors errs;
	struct switch_conf *conf;
	json_t *ports = json_array(), *nets = json_array(), *root;
	unsigned i;

	for (i = 0; i < CONF_NETWORKS_MAX; i++)
		json_array_append_new(
			nets, json_pack("{s:o, s:i}", "name",
					json_sprintf("n%u", i), "vlan",
					i % 4095));
	for (i = 0; i < count; i++)
		json_array_append_new(
			ports,
			json_pack("{s:o, s:s, s:o, s:o, s:o, s:i}", "name",
				  json_sprintf("p%u", i), "type",
				  "vhost-user", "socket",
				  json_sprintf("/run/s%u", i), "network",
				  json_sprintf("n%u", i % 100), "mac",
				  json_sprintf("02:00:00:00:%02x:%02x",
					       i >> 8, i & 255),
				  "mtu", mtu));
	root = json_pack("{s:s, s:i, s:o, s:o}", "owner", "t", "generation", 1,
			 "networks", nets, "ports", ports);
	switch_conf_from_json(&conf, root, &errs);
	json_decref(root);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	return conf;
}

static void as_many_ports_and_networks_as_allowed_work(void)
{
	struct switch_conf *a = many_ports(CONF_PORTS_MAX, 1500);
	struct switch_conf *b = many_ports(CONF_PORTS_MAX, 1600);
	struct switch_conf_plan plan;

	CU_ASSERT(a->port_count == CONF_PORTS_MAX);
	CU_ASSERT(switch_conf_find_port(a, "p3999") == 3999);
	CU_ASSERT(!switch_conf_diff(a, b, &plan));
	CU_ASSERT(plan.count == CONF_PORTS_MAX);
	switch_conf_plan_fini(&plan);
	switch_conf_free(a);
	switch_conf_free(b);
}

static void too_many_of_anything_is_refused(void)
{
	static char text[CONF_TEXT_MAX + 2];
	struct switch_conf_errors errs;
	struct switch_conf *conf;
	size_t at = 0;
	unsigned i;

	memset(text, ' ', sizeof(text) - 1);
	CU_ASSERT(switch_conf_parse(&conf, text, CONF_TEXT_MAX + 1, &errs) ==
		  -EINVAL);
	CU_ASSERT(!!strstr(errs.error[0].expected, "bytes"));
	at += sprintf(text, "{\"owner\":\"a\",\"generation\":1,\"ports\":[0");
	for (i = 0; i < CONF_PORTS_MAX; i++)
		at += sprintf(text + at, ",0");
	at += sprintf(text + at, "]}");
	CU_ASSERT(switch_conf_parse(&conf, text, at, &errs) == -EINVAL);
	CU_ASSERT_STRING_EQUAL(errs.error[0].path, "ports");
	CU_ASSERT(!!strstr(errs.error[0].expected, "4000"));
}

static bool page_has(const char *page, const char *row)
{
	static char text[1 << 17];
	char path[512];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", SOURCE_ROOT, page);
	f = fopen(path, "r");
	if (!f)
		return false;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	return strstr(text, row);
}

/* The row of docs/state.md for a line of switch_conf_describe(). */
static void make_row(char *row, size_t size, const char *line)
{
	const char *key = strchr(line, '.') + 1;
	int at = snprintf(row, size, "| `%.*s` | ", (int)strcspn(key, "\t"),
			  key);

	for (key = strchr(key, '\t') + 1; *key; key++)
		at += snprintf(row + at, size - at, "%.*s", *key == '\t' ? 3 : 1,
			       *key == '\t' ? " | " : key);
	snprintf(row + at, size - at, " |\n");
}

static void every_key_is_described_and_documented(void)
{
	char *text, *line, *save, row[512], tag[64];
	size_t size;
	FILE *to = open_memstream(&text, &size);
	unsigned lines = 0;

	switch_conf_describe(to);
	fclose(to);
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save), lines++) {
		make_row(row, sizeof(row), line);
		line[strcspn(line, "\t")] = '\0';
		snprintf(tag, sizeof(tag), ".B %s\n", strchr(line, '.') + 1);
		if (!page_has("docs/state.md", row) ||
		    !page_has("docs/man/causeway-switch.json.5", tag)) {
			printf("\n  not documented so: %s", row);
			CU_ASSERT(false);
		}
	}
	CU_ASSERT(lines > 50);
	free(text);
}

#define TEST(name) { #name, name }

int main(void)
{
	CU_TestInfo tests[] = {
		TEST(bad_values_are_refused_with_place_and_remedy),
		TEST(all_errors_are_told_at_once_up_to_a_bound),
		TEST(long_and_odd_values_are_shortened_for_people),
		TEST(what_is_left_out_is_resolved),
		TEST(members_learn_their_bond_and_its_defaults),
		TEST(the_host_s_interfaces_keep_what_they_are_given),
		TEST(odd_addresses_of_the_host_are_taken),
		TEST(prefixes_are_sorted_and_deduplicated),
		TEST(a_saved_value_reads_back_the_same),
		TEST(only_the_owner_may_replace_and_only_forward),
		TEST(plans_say_what_changes_and_no_more),
		TEST(a_change_of_the_host_s_way_out_is_recognised),
		TEST(plans_carried_out_step_by_step_end_in_the_wanted_value),
		TEST(as_many_ports_and_networks_as_allowed_work),
		TEST(too_many_of_anything_is_refused),
		TEST(every_key_is_described_and_documented),
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "switch_conf", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};
	unsigned failed;

	if (CU_initialize_registry() || CU_register_suites(suites))
		return 1;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
