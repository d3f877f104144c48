#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A host with one way out: its interface, with its address and its default
# route, becomes a member of a bond, and the host is from then on reached at a
# tap that has the same address, and at a second one in the storage VLAN.  A
# guest's VLAN runs beside it.  What cannot be is refused with the key's name
# and leaves nothing half done; a wrong VLAN on trial is gone back on; whatever
# dies comes back with the addresses; and the end gives everything back.
#
#	host: eth0, eth1 == bond == x0, x1 bridged: ext (VLANs 0, 20, 30)

. "$(dirname "$0")/lib.sh"
scenario host-on-bond

GENERATION=0
GATEWAY=', "gateway": "10.35.0.254"'

# state MGMT_VLAN [KEYS_OF_ETH0 [KEYS_OF_STORE0 [MTU]]]
state() {
	GENERATION=$((GENERATION + 1))
	cat <<-END
	{ "owner": "site", "generation": $GENERATION,
	  "networks": [
	    { "name": "mgmt", "vlan": $1, "uplink": "bond0" },
	    { "name": "storage", "vlan": 20, "uplink": "bond0",
	      "mtu": ${4:-1500} },
	    { "name": "guests", "vlan": 30, "uplink": "bond0" } ],
	  "ports": [
	    { "name": "xapi0", "type": "tap", "interface": "xapi0",
	      "network": "mgmt", "mac": "$MAC",
	      "addresses": [ "10.35.0.1/24", "fd00:35::1/64" ] $GATEWAY },
	    { "name": "store0", "type": "tap", "interface": "store0",
	      "network": "storage", "addresses": [ ${3:-"\"10.35.20.1/24\""} ] },
	    { "name": "web", "type": "packet", "role": "guest",
	      "interface": "p-web", "network": "guests" },
	    { "name": "eth0", "type": "packet", "role": "uplink",
	      "interface": "eth0" ${2:+, $2} },
	    { "name": "eth1", "type": "packet", "role": "uplink",
	      "interface": "eth1" },
	    { "name": "bond0", "type": "bond", "role": "uplink",
	      "members": [ "eth0", "eth1" ], "mode": "balance-slb",
	      "updelay": 0, "downdelay": 0 } ] }
	END
}

# apply STATE_ARGUMENT... [-- OPTION...]
apply() {
	local args=()

	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		args+=("$1")
		shift
	done
	shift
	state "${args[@]}" | stage_apply "$@"
}

apply_nothing() {
	echo '{ "owner": "site", "generation": 99 }' | stage_apply
}

# named WORDS COMMAND...: it fails, and says the words.
named() {
	local words=$1 out

	shift
	out=$("$@" 2>&1) && return 1
	printf '%s\n' "$out"
	grep -qF -- "$words" <<<"$out"
}

# reaches ADDRESS [BYTES]: from the machine outside
reaches() {
	stage_in ext ping -q -c 1 -W 1 -M "do" -s "${2:-56}" "$1"
}

all_reached() {
	reaches 10.35.0.1 && reaches fd00:35::1 && reaches 10.35.20.1 &&
		stage_in guest ping -q -c 1 -W 1 10.35.30.2
}

# What the host has of addresses, routes and settings of links, in few words.
picture() {
	stage_in host sh -c '
		ip -br address show | grep -v "^lo" |
			sed -E "s/ +/ /g; s/ fe80[^ ]*//g" | sort
		ip route show; ip -6 route show | grep -v fe80
		ip -o link show eth0 | grep -oE "PROMISC|mtu [0-9]+"
		ethtool -k eth0 | grep -E "(generic|tx-tcp-seg)"'
}

addresses() {
	ip -n "$STAGE_NS-host" -o address show dev "$1" scope global |
		awk '{ print $4 }' | sort | xargs
}

netd_killed_and_back() {
	local pid

	pid=$(stage_netd_pid)
	kill -9 "$pid"
	stage_until 5 eval '[ -n "$(stage_netd_pid)" ] &&
		[ "$(stage_netd_pid)" != '"$pid"' ]'
}

switchd_killed_and_back() {
	local pid

	pid=$(stage_switchd_pid)
	kill -9 "$pid"
	stage_until 5 eval '[ "$(stage_switchd_pid)" != '"$pid"' ]' &&
		stage_until 20 stage_ctl ports
}

# offload NAME: of eth0, as ethtool calls it
offload() {
	stage_in host ethtool -k eth0 | awk -v key="$1:" '$1 == key { print $2 }'
}

promiscuous() {
	stage_in host ip -o link show eth0 | grep -c PROMISC
}

mtu() {
	stage_in host cat "/sys/class/net/$1/mtu"
}

# ---- the stage: a host as its installer left it -------------------------------

stage_space ext guest
for i in 0 1; do
	stage_wire "host:eth$i" "ext:x$i" 9008
	ip -n "$STAGE_NS-host" link set dev "eth$i" mtu 1500
	[ $i = 0 ] || ip -n "$STAGE_NS-host" link set dev "eth$i" down
done
stage_wire host:p-web guest:web
ip -n "$STAGE_NS-guest" address add 10.35.30.1/24 dev web
stage_in ext sh -c '
	ip link add br0 type bridge
	ip link set br0 mtu 9008 promisc on up
	for i in 0 1; do ip link set x$i master br0; done'
must "the machine outside speaks on all VLANs" stage_vlan_host ext br0 \
	0:m0:10.35.0.254/24 20:v20:10.35.20.2/24 30:v30:10.35.30.2/24
stage_in ext sh -c '
	for i in m0 v20 v30; do ip link set $i mtu 9000; done
	echo 0 >/proc/sys/net/ipv6/conf/m0/disable_ipv6
	ip address add fd00:35::fe/64 dev m0 nodad'
stage_in host sh -c '
	for i in eth0 default; do
		echo 0 >/proc/sys/net/ipv6/conf/$i/disable_ipv6
	done
	ip address add 10.35.0.1/24 dev eth0
	ip address add fd00:35::1/64 dev eth0 nodad
	ip route add default via 10.35.0.254'
expect "the host is reached at its interface" stage_until 5 reaches 10.35.0.1
before=$(picture)
MAC=$(stage_in host cat /sys/class/net/eth0/address)

must "netd starts" stage_netd
must "switchd starts" stage_switchd

# ---- given over ------------------------------------------------------------------

expect "without a gateway elsewhere the default route's interface is not taken" \
	named '"gateway" in the same state' eval 'GATEWAY= apply 0'
refuse "and it is not told of a key that no state has" \
	named '"force"' eval 'GATEWAY= apply 0'
equal "and the host is as it was" "$(picture)" "$before"
must "interface, address and default route are given over" apply 0
expect "the host is reached at its address, at its storage, and a guest too" \
	stage_until 10 all_reached
equal "the address is the tap's" "$(addresses xapi0)" \
	"10.35.0.1/24 fd00:35::1/64"
equal "and its MAC the interface's, so that nobody has to learn another" \
	"$(stage_in host cat /sys/class/net/xapi0/address)" "$MAC"
equal "none is left on the interface" "$(addresses eth0)" ""
expect "the default route goes through the tap" stage_in host sh -c \
	'ip route show default | grep -w "via 10.35.0.254 dev xapi0"'

baseline

# ---- what cannot be ----------------------------------------------------------------

there=$(picture)
expect "a setting that the device does not do is named" \
	named 'ports[3].ethtool.lro' \
	apply 0 '"ethtool": { "lro": "on", "gro": "off" }'
expect "so is an MTU it cannot have" named 'ports[3].mtu' \
	apply 0 '"mtu": 65535'
expect "and an address no host can have" named 'ports[1].addresses[0]' \
	apply 0 "" '"224.0.0.1/24"'
expect "with any of them nothing has changed" \
	eval '[ "$(picture)" = "$there" ]'
expect "neither has it at others that could have changed" \
	named 'ports[3].ethtool.lro' \
	apply 0 '"ethtool": { "lro": "on" }' '"10.35.20.9/24"'
expect "once more" eval '[ "$(picture)" = "$there" ]'
expect "all are still reached" all_reached
refuse "an address the kernel refuses to netd, too" \
	apply 0 "" '"10.35.20.1/24", "fd00:20::1/129"'

# ---- changes in place ----------------------------------------------------------------

expect "settings of the interface change in place" apply 0 \
	'"ethtool": { "gro": "off", "tso": "off" }, "nic_promiscuous": true'
equal "GRO is off" "$(offload generic-receive-offload)" off
equal "TSO is off" "$(offload tx-tcp-segmentation)" off
equal "the interface itself is promiscuous" "$(promiscuous)" 1
expect "netd is killed and comes back" netd_killed_and_back
equal "TSO is still off" "$(offload tx-tcp-segmentation)" off
equal "the addresses stay" "$(addresses store0)" 10.35.20.1/24
expect "another address for storage, and a larger MTU" \
	apply 0 "" '"10.35.20.7/24", "fd00:20::7/64"' 9000
equal "take the place of the one there was" "$(addresses store0)" \
	"10.35.20.7/24 fd00:20::7/64"
equal "the uplink has room for tags" "$(mtu eth0) $(mtu eth1)" "9008 9008"
equal "TSO is as it was before" "$(offload tx-tcp-segmentation)" on
equal "the interface is not promiscuous by itself" "$(promiscuous)" 0
expect "jumbo frames reach storage over the bond" stage_until 5 \
	reaches 10.35.20.7 8972
must "back to what there was" apply 0
equal "also the MTU" "$(mtu eth0) $(mtu store0)" "1508 1500"

# ---- on trial, and killed --------------------------------------------------------------

expect "a wrong VLAN is taken on trial" apply 77 -- --confirm-within 3
refuse "and cuts the host off" reaches 10.35.0.1
expect "until the time is up" stage_until 10 all_reached
expect "the default route is back, too" stage_in host sh -c \
	'ip route show default | grep -w "via 10.35.0.254 dev xapi0"'
NETD_PID=$(stage_netd_pid)
healthy

ip -n "$STAGE_NS-host" address flush dev store0
expect "netd gives everything back to the host while the switch runs" \
	stage_in host "$NETD" --socket "$STAGE/sock/netd.sock" \
	--state "$STAGE/netd" --release-all
expect "the switch takes it again, addresses and all" stage_until 15 eval \
	'[ "$(addresses store0) $(addresses xapi0)" = \
	"10.35.20.1/24 10.35.0.1/24 fd00:35::1/64" ] && reaches 10.35.0.1'
expect "the interface has been given to nobody else" eval \
	'[ "$(addresses eth0)" = "" ]'
expect "switchd is killed and comes back" switchd_killed_and_back
expect "the host is reached again" stage_until 10 eval \
	'reaches 10.35.0.1 && reaches 10.35.20.1'
equal "with its address" "$(addresses xapi0)" "10.35.0.1/24 fd00:35::1/64"

# ---- and back ---------------------------------------------------------------------------

expect "a state without ports gives everything back" apply_nothing
equal "which is as it was" "$(picture)" "$before"
expect "the host is reached at its interface" stage_until 5 reaches 10.35.0.1
scenario_end
