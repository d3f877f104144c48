#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# LACP with the Linux bonding driver: a stock Debian guest is the switch at the
# far end of two uplinks.  They must find each other, agree on both sides that
# two links aggregate, notice a partner that goes silent while the carrier
# stays, and come back when it restarts; meanwhile traffic goes on.
#
# --long: 20 times.
#
# Mostly waits: played beside others.

. "$(dirname "$0")/lib.sh"
scenario lacp-linux

PEER=02:00:00:00:b0

# apply GENERATION [BOND-KEYS]: eth0 and eth1 are the guest's NICs, seen from
# the host; `us` is the host itself, by a tap on the bond's network.
apply() {
	stage_apply <<-END
	{ "owner": "test", "generation": $1,
	  "networks": [ { "name": "lan", "vlan": 0, "uplink": "bond0" } ],
	  "ports": [
	    { "name": "eth0", "type": "packet", "interface": "up0" },
	    { "name": "eth1", "type": "packet", "interface": "up1" },
	    { "name": "bond0", "type": "bond", "members": [ "eth0", "eth1" ],
	      "mode": "lacp", "lacp-time": "fast", "updelay": 0,
	      "downdelay": 0${2:+, $2} },
	    { "name": "us", "type": "tap", "interface": "us",
	      "network": "lan" } ] }
	END
}

# In the peer: a bond as an administrator makes one.  Its two NICs are down
# while they are made members.
peer_bonds() {
	guest peer '
		cd /sys/class/net/bond0/bonding
		ip link set bond0 down
		for nic in eth0 eth1; do
			ip link set $nic down
			grep -qw $nic slaves && echo -$nic >slaves
		done
		echo 802.3ad >mode
		echo fast >lacp_rate
		echo 50 >miimon
		echo 1 >xmit_hash_policy
		echo +eth0 >slaves
		echo +eth1 >slaves
		ip link set bond0 up
		ip address replace 10.0.0.2/24 dev bond0'
}

# peer_says FILE: of /sys/class/net/bond0/bonding
peer_says() {
	guest peer cat "/sys/class/net/bond0/bonding/$1"
}

# What our side says of the members, as "eth0:distributing eth1:..."
members_are() {
	[ "$(stage_json "' '.join(m['name'] + ':' + m['lacp']['mux'] \
		for m in d['bonds'][0]['members'])" bond)" = "$1" ]
}

carries() {
	[ "$(stage_json "' '.join(m['name'] for m in d['bonds'][0]['members'] \
		if m['enabled'])" bond)" = "$1" ]
}

both_aggregate() {
	members_are "eth0:distributing eth1:distributing" &&
		[ "$(peer_says ad_num_ports)" = 2 ]
}

pings() {
	stage_in host busybox ping -c "${1:-2}" -W 1 10.0.0.2
}

# event_age KIND: how many ms ago the newest event of that kind was
event_age() {
	stage_json "min([e['age_ms'] for e in d['bonds'][0]['events'] \
		if e['kind'] == '$1'], default=-1)" bond
}

ms() {
	date +%s%3N
}

fell_back() {
	[ "$(stage_json "d['bonds'][0]['fallback']" bond)" = True ]
}

# A member falls silent, one is taken out, the partner goes and comes back.
faults() {
	local began took

	began=$(ms)
	guest peer ip link set eth0 down # its tap keeps the carrier
	expect "a silent member is noticed" stage_until 10 carries eth1
	took=$(($(ms) - began - $(event_age "member down")))
	echo "    the member that fell silent was left after $took ms"
	at_least "by LACP: it keeps its carrier" \
		"$(stage_json "sum(m['link'] for m in d['bonds'][0]['members'])" bond)" 2
	expect "the host pings the peer on" pings 3
	guest peer ip link set eth0 up
	expect "it is taken back when it speaks" stage_until 20 both_aggregate
	expect "and the host pings the peer" stage_until 5 pings 2

	guest peer ip link set eth1 down
	expect "a member that the peer takes out carries nothing" stage_until 10 \
		carries eth0
	expect "the host pings the peer on" stage_until 5 pings 3
	guest peer ip link set eth1 up
	expect "it comes back" stage_until 20 both_aggregate

	guest peer ip link set bond0 down
	expect "without a partner the bond falls back to one member" \
		stage_until 20 fell_back
	must "the partner makes its bond anew" peer_bonds
	expect "both sides aggregate again" stage_until 30 both_aggregate
	expect "the host pings the peer" stage_until 10 pings 2
}

must "a kernel and an initramfs are made" "$GUEST" prepare
stage_guest peer --mac ${PEER}:00 --load bonding \
	--taps "$STAGE_NS-host:up0,up1"
for link in up0 up1; do # tags and jumbo have their own scenario
	ip -n "$STAGE_NS-host" link set dev $link mtu 1508
done
must "netd starts" stage_netd
must "switchd starts" stage_switchd
must "a bond of two uplinks is taken" apply 1
ip -n "$STAGE_NS-host" address add 10.0.0.1/24 dev us
ip -n "$STAGE_NS-host" link set dev us up
must "the peer boots" "$GUEST" wait peer 90
baseline
must "the peer makes a bond of its NICs" peer_bonds
must "both sides aggregate both links" stage_until 20 both_aggregate
ours=$(stage_json "d['bonds'][0]['lacp']['system']" bond)
equal "the peer's partner is us" "$(peer_says ad_partner_mac)" "$ours"
equal "and ours is the peer" "$(stage_json \
	"' '.join(sorted(set(m['lacp']['partner']['system'] \
	for m in d['bonds'][0]['members'])))" bond)" ${PEER}:00
expect "the host pings the peer" stage_until 10 pings 2
healthy

faults

must "no fallback, live" apply 2 '"lacp-fallback-ab": false'
expect "both sides still aggregate" stage_until 5 both_aggregate
expect "and no ping is lost" pings 3
healthy
scenario_end
