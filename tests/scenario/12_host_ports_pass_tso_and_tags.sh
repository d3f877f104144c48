#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Host ports: TCP between two namespaces through packet sockets and taps, as
# whole TSO frames; an uplink that speaks tagged frames, whose tags the kernel
# has taken off and the port puts back; and the same with every offload off,
# so that the switch itself has to cut frames and finish checksums.
#
#	left: behind a packet port (veth)    host: the switch's own, on a tap
#	wire: behind an uplink, tagged frames of VLAN 10

. "$(dirname "$0")/lib.sh"
scenario host-ports

# apply GENERATION OFFLOAD [LEFT [MORE]]: `on` or `off` at every port; the name
# of left's port (left); more ports.  MTU is the network's.
apply() {
	local keys='"csum": true, "tso": true'

	[ "$2" = on ] || keys='"csum": false, "tso": false'
	stage_apply <<-END
	{ "owner": "test", "generation": $1,
	  "networks": [ { "name": "n10", "vlan": 10, "uplink": "up",
	    "mtu": ${MTU:-1500} } ],
	  "ports": [
	    { "name": "${3:-left}", "type": "packet", "role": "host",
	      "interface": "p-left",
	      "network": "n10", "offload": { $keys } },
	    { "name": "host", "type": "tap", "interface": "t-host",
	      "network": "n10", "offload": { $keys } },
	    { "name": "up", "type": "packet", "role": "uplink",
	      "interface": "p-up", "offload": { $keys } } ${4:+, $4} ] }
	END
}

# transfer FROM TO ADDRESS: 30 MB of noise arrive as they were sent.
transfer() {
	local got=$STAGE/got-$2 sent

	rm -f "$got" # or the last transfer's `ready` might be found
	stage_in "$2" timeout 30 python3 -c '
import hashlib, socket, sys
s = socket.create_server(("", 5000), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
c, h = s.accept()[0], hashlib.sha256()
while d := c.recv(1 << 18):
    h.update(d)
print(h.hexdigest())' >"$got" &
	stage_until 5 grep -q ready "$got" || return 1
	sent=$(stage_in "$1" timeout 30 python3 -c '
import hashlib, os, socket, sys
d = os.urandom(30_000_000)
with socket.create_connection((sys.argv[1], 5000)) as s:
    s.sendall(d)
print(hashlib.sha256(d).hexdigest())' "$3") || return 1
	wait $!
	[ "$sent" = "$(tail -n 1 "$got")" ]
}

# pings FROM ADDRESS: of every size, fragments too.
pings() {
	local n

	for n in 0 1 17 18 100 1472 1473 9000 60000; do
		stage_in "$1" ping -q -c 1 -W 2 -s $n "$2" || return 1
	done
}

# addresses SPACE LINK HOST
addresses() {
	stage_in "$1" sh -c "echo 0 >/proc/sys/net/ipv6/conf/$2/disable_ipv6"
	ip -n "$STAGE_NS-$1" link set "$2" up mtu 1500
	ip -n "$STAGE_NS-$1" address replace "10.0.10.$3/24" dev "$2"
	ip -n "$STAGE_NS-$1" address replace "fd00:10::$3/64" dev "$2" nodad
}

# total KEY: of all ports together.
total() {
	stage_json "d['total'].get('$1', 0)" stats
}

# forge MAC: a frame from left with this source, an experiment's (88b5).
forge() {
	stage_in left python3 -c '
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
s.send(b"\xff" * 6 + bytes.fromhex(sys.argv[1].replace(":", "")) +
       b"\x88\xb5".ljust(48, b"\0"))' "$1"
}

# is_foreign COUNT: so many frames of left were refused for another's address
is_foreign() {
	[ "$(stage_drops left foreign_mac)" = "$1" ]
}

# mtus: of the switch's interfaces
mtus() {
	stage_in host sh -c 'cd /sys/class/net
		cat p-left/mtu t-host/mtu p-up/mtu' | xargs
}

# jumbo: whole frames of 9000 bytes pass everywhere.
jumbo() {
	stage_in left ping -q -c 1 -W 2 -M "do" -s 8972 10.0.10.2 &&
		stage_in left ping -q -c 1 -W 2 -M "do" -s 8972 10.0.10.3
}

# unfit: an MTU that these interfaces cannot have is refused for that.
unfit() {
	local out

	out=$(MTU=65535 apply 7 on other 2>&1) && return 1
	printf '%s\n' "$out"
	grep -q 'cannot carry an MTU of 65535' <<<"$out"
}

stage_space left wire
stage_wire host:p-left left:eth0
stage_wire host:p-up wire:eth0
must "netd starts" stage_netd
must "switchd starts" stage_switchd
must "hosts behind the uplink speak tagged frames" \
	stage_vlan_host wire eth0 10:v10:10.0.10.3/24
must "a state with three host ports is taken" apply 1 on
must "the tap exists" stage_until 10 stage_in host ip link show t-host
addresses left eth0 1
addresses host t-host 2
addresses wire v10 3

baseline
for offload in on off; do
	[ $offload = on ] ||
		must "every offload is turned off" apply 2 off
	for to in host:10.0.10.2 host:fd00:10::2 wire:10.0.10.3 \
		  wire:fd00:10::3; do
		expect "left pings ${to#*:} at every size, offloads $offload" \
			pings left "${to#*:}"
		expect "TCP from left to ${to#*:} arrives, offloads $offload" \
			transfer left "${to%%:*}" "${to#*:}"
	done
	expect "TCP from the tap to left arrives, offloads $offload" \
		transfer host left 10.0.10.1
	expect "TCP from behind the uplink arrives, offloads $offload" \
		transfer wire host fd00:10::2
	[ $offload = off ] || at_least "frames went whole, longer than 1514" \
		"$(($(total rx_bytes) / $(total rx_frames)))" 1515
done
at_least "with offloads off the switch has cut frames" \
	"$(total segments)" 1000
own=$(stage_in host cat /sys/class/net/t-host/address)
forge "$own"
expect "nobody else may use the tap's address, which nobody has configured" \
	stage_until 5 is_foreign 1
stage_in host ip link set t-host address 02:00:00:00:00:99
expect "the host gives it another one, and that is the host's from then on" \
	stage_until 5 eval 'forge 02:00:00:00:00:99; ! is_foreign 1'
ip -n "$STAGE_NS-left" neighbour flush dev eth0
expect "left reaches it there" stage_until 5 stage_in left \
	ping -q -c 1 -W 2 10.0.10.2
more='{ "name": "more", "type": "tap", "interface": "t-more", "network": "n10" }'
kill -STOP "$NETD_PID"
refuse "a tap more is refused while netd stands still" apply 3 on left "$more"
kill -CONT "$NETD_PID"
expect "left reaches the tap there was" stage_in left \
	ping -q -c 1 -W 2 10.0.10.2
refuse "and when netd goes on it makes no tap that nobody wants" \
	stage_until 7 stage_in host ip link show t-more
must "asked again, the tap is made" apply 3 on left "$more"
kill -STOP "$NETD_PID"
expect "it is removed while netd stands still" apply 4 on
kill -CONT "$NETD_PID"
expect "and is gone when netd goes on" stage_until 20 eval \
	'! stage_in host ip link show t-more'
must "left's port has another name" apply 5 on other
expect "and left reaches the tap" stage_until 5 stage_in left \
	ping -q -c 1 -W 2 10.0.10.2
expect "its interface is still taken from the host" stage_in host \
	sh -c 'nft list table netdev causeway | grep -w p-left'
MTU=9000 must "the network has a larger MTU" apply 6 on other
equal "and the interfaces, with room for tags" "$(mtus)" "9008 9000 9008"
stage_in left ip link set eth0 mtu 9000
stage_in wire sh -c 'ip link set eth0 mtu 9008; ip link set v10 mtu 9000'
expect "larger frames pass" stage_until 5 jumbo
expect "one that no interface can have is refused" unfit
equal "and changes nothing" "$(mtus)" "9008 9000 9008"
expect "larger frames still pass" jumbo
MTU=1500 must "the network has the MTU it had" apply 8 on other
equal "and the interfaces, too" "$(mtus)" "1508 1500 1508"
healthy
scenario_end
