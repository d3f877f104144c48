#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# TCP between ports that differ in what they take: frames longer than a wire's
# pass whole between those that can, and are cut and given their checksums by
# the switch on the way to one that cannot, out of guest memory and out of the
# kernel's, untagged and tagged.  What arrives is what was sent.
#
#	whole   a guest with every offload	left  behind a packet port
#	plain   a guest with none		host  the switch's own, on a tap
#					wire  behind the uplink, VLAN 10

. "$(dirname "$0")/lib.sh"
scenario offloads

declare -A ADDRESS=([whole]=1 [plain]=2 [left]=3 [host]=4 [wire]=5)

# apply GENERATION LEFT HOST UP: what these ports offer, the guests' stays.
apply() {
	stage_apply <<-END
	{ "owner": "test", "generation": $1,
	  "networks": [ { "name": "n10", "vlan": 10, "uplink": "up" } ],
	  "ports": [
	    { "name": "whole", "type": "vhost-user", "network": "n10",
	      "socket": "$CW_GUESTS/whole/net.sock",
	      "peer_uid": $((STAGE_UID + 1)), "mac": "02:00:00:00:0a:01" },
	    { "name": "plain", "type": "vhost-user", "network": "n10",
	      "socket": "$CW_GUESTS/plain/net.sock",
	      "peer_uid": $((STAGE_UID + 2)), "mac": "02:00:00:00:0a:02",
	      "offload": { "csum": false, "tso": false } },
	    { "name": "left", "type": "packet", "role": "host",
	      "interface": "p-left", "network": "n10",
	      "offload": { $2 } },
	    { "name": "host", "type": "tap", "interface": "t-host",
	      "network": "n10", "offload": { $3 } },
	    { "name": "up", "type": "packet", "interface": "p-up",
	      "offload": { $4 } } ] }
	END
}

is_guest() {
	[ "$1" = whole ] || [ "$1" = plain ]
}

# at PLACE SCRIPT: in a guest or a namespace, with a folder of its own.
at() {
	if is_guest "$1"; then
		guest -t 60 "$1" "cd /tmp; $2"
	else
		mkdir -p "$STAGE/$1"
		stage_in "$1" timeout 60 busybox sh -c "cd $STAGE/$1; $2"
	fi
}

# transfer FROM TO PREFIX: 4 MB of noise; the sender tries until one listens.
# The receiver's input has no end: nc would hang up at it.
transfer() {
	local sent got receiver

	at "$2" 'rm -f endless; mkfifo endless
		nc -l -p 5000 0<>endless | sha256sum >got' &
	receiver=$!
	sent=$(at "$1" "head -c 4000000 /dev/urandom >noise; n=0
		until nc $3${ADDRESS[$2]} 5000 <noise >/dev/null 2>&1; do
			n=\$((n + 1)); [ \$n -lt 50 ] || exit 1; sleep 0.1
		done
		sha256sum <noise")
	wait $receiver
	got=$(at "$2" 'cat got')
	[ -n "$sent" ] && [ "$sent" = "$got" ]
}

# segments PLACE: made so far for its port
segments() {
	stage_json "[p.get('segments', 0) for p in d['ports'] \
		if p['name'] == '${1/wire/up}'][0]" stats
}

# whole_way FROM TO [PREFIX]: the switch cuts nothing on the way.
whole_way() {
	local before

	before=$(segments "$2")
	expect "$1 sends to $2, as it is (${3:-10.0.10.})" \
		transfer "$1" "$2" "${3:-10.0.10.}"
	equal "and nothing was cut" "$(segments "$2")" "$before"
}

# cut_way FROM TO [PREFIX]: 4 MB are at least 2,700 segments; some frames may
# have been short enough.
cut_way() {
	local before

	before=$(segments "$2")
	expect "$1 sends to $2, which takes no TSO (${3:-10.0.10.})" \
		transfer "$1" "$2" "${3:-10.0.10.}"
	at_least "and the switch has cut frames" \
		$(($(segments "$2") - before)) 1000
}

# addresses SPACE LINK HOST
addresses() {
	stage_in "$1" sh -c "echo 0 >/proc/sys/net/ipv6/conf/$2/disable_ipv6"
	ip -n "$STAGE_NS-$1" link set "$2" up mtu 1500
	ip -n "$STAGE_NS-$1" address replace "10.0.10.$3/24" dev "$2"
	ip -n "$STAGE_NS-$1" address replace "fd00:10::$3/64" dev "$2" nodad
}

all='"csum": true, "tso": true'
no_tso='"csum": true, "tso": false'
none='"csum": false, "tso": false'

must "a kernel and an initramfs are made" "$GUEST" prepare
stage_guest whole --mac 02:00:00:00:0a:01 --ip 10.0.10.1/24 --ip6 fd00:10::1/64
stage_guest plain --mac 02:00:00:00:0a:02 --ip 10.0.10.2/24 --ip6 fd00:10::2/64
stage_space left wire
stage_wire host:p-left left:eth0
stage_wire host:p-up wire:eth0
must "netd starts" stage_netd
must "switchd starts" stage_switchd
must "the host behind the uplink speaks tagged frames" \
	stage_vlan_host wire eth0 10:v10:10.0.10.5/24
must "a state with five ports is taken" apply 1 "$all" "$all" "$all"
must "the tap exists" stage_until 10 stage_in host ip link show t-host
addresses left eth0 3
addresses host t-host 4
addresses wire v10 5
must "whole boots" "$GUEST" wait whole 90
must "plain boots" "$GUEST" wait plain 90
baseline

whole_way whole left
whole_way left whole fd00:10::
whole_way whole host fd00:10::
whole_way host whole
whole_way whole wire
whole_way wire whole fd00:10::
at_least "they went whole: on average longer than 1514 bytes" "$(stage_json \
	"d['total']['rx_bytes'] // d['total']['rx_frames']" stats)" 1515
cut_way whole plain
cut_way left plain fd00:10::
cut_way wire plain
whole_way plain wire
must "left takes nothing now, the tap and the uplink no TSO" \
	apply 2 "$none" "$no_tso" "$no_tso"
must "left and the guests come back" stage_until 10 \
	stage_linked whole plain left host up
addresses host t-host 4
cut_way whole left fd00:10::
cut_way whole host
cut_way whole wire fd00:10::
whole_way left whole
whole_way plain left
healthy
scenario_end
