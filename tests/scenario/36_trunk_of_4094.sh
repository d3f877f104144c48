#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A bond that carries VLANs 1 to 4094.  Guests on some of them reach the
# machines of their own VLAN outside and nobody else's; a guest with a trunk
# gets every VLAN with its own tag, and its frames leave with theirs.  Then
# jumbo frames, with one tag and with two, between guests, the host and the
# outside; and what is said when an interface cannot carry them.
#
#	guests (g1, g2, ...), the trunk guest, the host == bond == x0, x1: ext

. "$(dirname "$0")/lib.sh"
scenario trunk-4094

VLANS="1 2 100 2048 4093 4094" # of guest 1, 2, ...
COUNT=6
TAGS=$CI_ROOT/tests/scenario/vlan_tags.py
GENERATION=0

# apply MTU [EXTRA_PORTS]: of the networks; the trunk guest has all of them.
apply() {
	GENERATION=$((GENERATION + 1))
	python3 - "$GENERATION" "$1" "${2:-[]}" "$VLANS" <<-'END' | stage_apply
	import json, sys

	generation, mtu, extra, vlans = sys.argv[1:]
	names = {v: f"n{v}" for v in range(1, 4095)}
	ports = [{"name": f"eth{i}", "type": "packet", "role": "uplink",
	          "interface": f"eth{i}"} for i in (0, 1)]
	ports += [{"name": "bond0", "type": "bond", "members": ["eth0", "eth1"],
	           "updelay": 0, "downdelay": 0},
	          {"name": "all", "type": "packet", "role": "guest",
	           "interface": "p-all", "trunk": list(names.values()),
	           "storm_pps": 0, "mac_limit": 5000}]
	ports += [{"name": f"g{i}", "type": "packet", "role": "guest",
	           "interface": f"p{i}", "network": names[int(v)]}
	          for i, v in enumerate(vlans.split(), 1)]
	print(json.dumps({
	    "owner": "test", "generation": int(generation),
	    "networks": [{"name": n, "vlan": v, "uplink": "bond0",
	                  "mtu": int(mtu), "igmp_snooping": False}
	                 for v, n in names.items()],
	    "ports": ports + json.loads(extra)}))
	END
}

# reaches SPACE ADDRESS [BYTES]
reaches() {
	stage_in "$1" ping -q -c 1 -W 1 -M "do" -s "${3:-56}" "$2"
}

# Guest i is 10.36.i.1; outside, its VLAN has 10.36.i.2.
own() {
	local i

	for ((i = 1; i <= COUNT; i++)); do
		reaches "g$i" "10.36.$i.2" "$@" || return
	done
}

# Nobody answers guests of other VLANs, though all think them on their wire.
foreign() {
	local i j

	for ((i = 1; i <= COUNT; i++)); do
		for ((j = 1; j <= COUNT; j++)); do
			[ $i != $j ] || continue
			echo "10.36.$j.1 10.36.$j.2" | xargs -n 1 \
				ip netns exec "$STAGE_NS-g$i" \
				ping -q -c 1 -W 0.2 >/dev/null && return 1
		done
	done
	return 0
}

# carried FROM:LINK TO:LINK MAC: MAC's broadcast with each tag there is arrives with it
carried() {
	local got=$STAGE/tags-${2%:*}

	stage_in "${2%:*}" timeout 60 python3 "$TAGS" hear "${2#*:}" \
		>"$got" &
	stage_until 5 grep -qs ready "$got" || return 1
	stage_in "${1%:*}" python3 "$TAGS" say "${1#*:}" "$3" || return 1
	wait $!
	tail -n 1 "$got"
	[ "$(tail -n 1 "$got")" = "1-4094, each once" ]
}

# named WORDS COMMAND...: it fails, and says the words.
named() {
	local words=$1 out

	shift
	out=$("$@" 2>&1) && return 1
	printf '%s\n' "$out"
	grep -qF -- "$words" <<<"$out"
}

# ---- the stage -------------------------------------------------------------------

stage_space ext all cust
for i in 0 1; do
	stage_wire "host:eth$i" "ext:x$i" 9008
	ip -n "$STAGE_NS-host" link set dev "eth$i" mtu 1500
done
stage_wire host:p-all all:trunk 9008
stage_wire host:p-cust cust:c0 9008
outside=()
i=0
for vlan in $VLANS; do
	i=$((i + 1))
	stage_space "g$i"
	stage_wire "host:p$i" "g$i:eth0" 9008
	ip -n "$STAGE_NS-g$i" link set dev eth0 mtu 9000
	ip -n "$STAGE_NS-g$i" address add "10.36.$i.1/16" dev eth0
	outside+=("$vlan:v$vlan:10.36.$i.2/24")
done
stage_in ext sh -c '
	echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore
	ip link add br0 type bridge mcast_snooping 0
	ip link set br0 mtu 9008 promisc on up
	for i in 0 1; do ip link set x$i master br0; done'
must "machines outside speak on their VLANs" \
	stage_vlan_host ext br0 "${outside[@]}" 200:q200:10.36.200.2/24
for vlan in $VLANS; do
	ip -n "$STAGE_NS-ext" link set "v$vlan" mtu 9000
done
ip -n "$STAGE_NS-ext" link set q200 mtu 9008
must "netd starts" stage_netd
must "switchd starts" stage_switchd

# ---- every VLAN there is --------------------------------------------------------------

must "a state with 4094 networks on one bond is taken" apply 1500
baseline
expect "each guest reaches its own VLAN outside" stage_until 10 own
expect "and nobody of another" foreign
expect "every VLAN comes in from outside with its tag, once" \
	carried ext:br0 all:trunk 02:00:00:36:00:01
expect "and leaves with it" carried all:trunk ext:br0 02:00:00:36:00:02
equal "untagged frames and those of VLAN 4095 are refused on both sides" \
	"$(stage_drops all vlan) $(stage_drops bond0 vlan)" "2 2"
healthy

# ---- jumbo frames -----------------------------------------------------------------------

refuse "a jumbo frame does not fit as yet" reaches g1 10.36.1.2 8972
must "the MTU of all networks is raised to 9000" apply 9000
equal "the bond's interfaces have room for two tags" "$(stage_in host cat \
	/sys/class/net/eth0/mtu /sys/class/net/eth1/mtu | xargs)" "9008 9008"
expect "jumbo frames of every guest reach the outside" stage_until 10 own 8972
refuse "a larger one does not fit" reaches g1 10.36.1.2 8973

must "a customer's own VLANs are tunnelled through VLAN 200" apply 9000 \
	'[{"name": "cust", "type": "packet", "role": "guest",
	   "interface": "p-cust", "vlan_mode": "tunnel", "network": "n200"},
	  {"name": "host", "type": "tap", "interface": "host0",
	   "network": "n100", "addresses": ["10.36.3.9/24"]}]'
must "the customer speaks on VLAN 7" \
	stage_vlan_host cust c0 7:c7:10.36.7.1/24
stage_run inner ip netns exec "$STAGE_NS-ext" \
	"$BUILD/tests/guest/vlan-host" q200 7:c7
must "and so does its other site" stage_until 5 grep -q ready \
	"$STAGE/log/inner"
for space in cust ext; do
	ip -n "$STAGE_NS-$space" link set c7 mtu 9000 up
done
ip -n "$STAGE_NS-ext" address add 10.36.7.2/24 dev c7
expect "jumbo frames pass with two tags" stage_until 10 \
	reaches cust 10.36.7.2 8972
refuse "to the last byte: a larger one does not" reaches cust 10.36.7.2 8973
expect "the host's tap takes jumbo frames, too" stage_until 10 \
	reaches g3 10.36.3.9 8972
big='[{"name": "big", "type": "packet", "role": "uplink",
	"interface": "p-cust", "mtu": 65535}]'
expect "an MTU that no interface can have is refused by its key" \
	named "ports[$((4 + COUNT))].mtu" apply 9000 "$big"
expect "in words" named \
	'p-cust cannot carry an MTU of 65535 with 8 bytes of tags' \
	apply 9000 "$big"
expect "and with what to type" named 'ip link set dev p-cust mtu 65543' \
	apply 9000 "$big"
expect "that of a network, too, at the interface it runs over" \
	named 'ports[0].mtu' apply 65535
expect "all goes on as before" own 8972
healthy 2
scenario_end
