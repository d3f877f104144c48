#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Captures that Wireshark's tools read, from a file and through a pipe, with
# what was filtered, cut and counted; a mirror that stops when its port leaves
# the network that it watches; a trace that says what then happens.
#
#	left, right: behind packet ports of one network    wire: beyond the uplink
#	ids: behind a packet port, gets mirrors

. "$(dirname "$0")/lib.sh"
scenario captures

# apply GENERATION NETWORK [RIGHT]: the network of ids; the name of right's port
apply() {
	stage_apply <<-END
	{ "owner": "test", "generation": $1,
	  "networks": [ { "name": "n10", "vlan": 10, "uplink": "up" },
	    { "name": "n20", "vlan": 20 } ],
	  "ports": [
	    { "name": "left", "type": "packet", "role": "guest",
	      "interface": "p-left", "network": "n10" },
	    { "name": "${3:-right}", "type": "packet", "role": "guest",
	      "interface": "p-right", "network": "n10" },
	    { "name": "ids", "type": "packet", "role": "guest",
	      "interface": "p-ids", "network": "$2" },
	    { "name": "up", "type": "packet", "interface": "p-up" } ] }
	END
}

address() {
	ip -n "$STAGE_NS-$1" link set "$1" mtu 1500
	ip -n "$STAGE_NS-$1" address add "10.0.10.$2/24" dev "$1"
}

# begun LOG: the client says so on standard error
begun() {
	stage_until 5 grep -q . "$1"
}

# capture NAME OPTION...: into $STAGE/NAME.pcapng, in the background
capture() {
	local name=$1

	shift
	stage_run "$name" "$SWITCHCTL" --socket "$STAGE/sock/switchd.sock" \
		capture "$@" --reason test -w "$STAGE/$name.pcapng"
	CAPTURES+=($STAGE_PID)
	stage_until 5 has_sessions ${#CAPTURES[@]}
}

has_sessions() {
	[ "$(stage_json 'len(d["captures"])' mirror list)" = "$1" ]
}

# ended: all captures are told to end, and have
ended() {
	kill -INT "${CAPTURES[@]}"
	wait "${CAPTURES[@]}" 2>/dev/null
	CAPTURES=()
	has_sessions 0
}

ping_right() {
	stage_in left ping -q -c "${1:-1}" -i 0.05 -W 2 10.0.10.2
}

# read_back NAME FILTER FIELD...: what tshark finds
read_back() {
	local name=$1 filter=$2 field fields=()

	shift 2
	for field; do
		fields+=(-e "$field")
	done
	tshark -n -r "$STAGE/$name.pcapng" -Y "$filter" -T fields \
		"${fields[@]}" 2>"$STAGE/log/tshark"
}

# is_sound NAME: capinfos reads every block of the file
is_sound() {
	capinfos "$STAGE/$1.pcapng"
}

rx_of_ids() {
	stage_json "[p['tx_frames'] for p in d['ports'] \
		if p['name'] == 'ids'][0]" stats
}

CAPTURES=()
stage_space left right ids wire
for place in left right ids; do
	stage_wire "$place:$place" "host:p-$place"
done
stage_wire wire:trunk host:p-up
must "netd starts" stage_netd
must "switchd starts" stage_switchd
must "the state is taken" apply 1 n10
must "left and right have addresses" eval 'address left 1; address right 2'
must "left reaches right" stage_until 5 ping_right

expect "three captures begin" eval '
	capture port left &&
	capture cut left --snaplen 60 --direction in icmp &&
	capture net --network n10 udp'
expect "left pings right" ping_right 5
expect "they end" ended
for name in port cut net; do
	expect "capinfos reads the capture \`$name\`" is_sound $name
done
equal "at the port both directions were seen" \
	"$(read_back port icmp icmp.type | sort | uniq -c | xargs)" \
	"5 0 5 8"
equal "under the port's name" \
	"$(read_back port icmp frame.interface_name | sort -u)" left
equal "each with its direction" \
	"$(read_back port icmp frame.packet_flags_direction | sort -u |
		wc -l)" 2
equal "the filter and the direction were heeded, and each was cut" \
	"$(read_back cut frame icmp.type frame.cap_len frame.len | sort -u |
		xargs)" "8 60 98"
equal "a network without UDP has nothing to show" "$(read_back net frame \
	frame.number)" ""

expect "through a pipe, tshark reads while it comes" eval '
	stage_run piped sh -c "\"$SWITCHCTL\" \
		--socket \"$STAGE/sock/switchd.sock\" capture right \
		--reason test -w - icmp |
		tshark -l -n -c 4 -r - >\"$STAGE/piped\"" &&
	stage_until 5 has_sessions 1 && ping_right 3 &&
	stage_until 10 eval "[ \$(wc -l <\"$STAGE/piped\") -ge 4 ]"'
expect "and the capture ends with its reader" eval '
	ping_right 2; stage_until 10 has_sessions 0'

expect "a mirror of left begins" stage_ctl mirror add --to ids --port left \
	--reason test --duration 1m
before=$(rx_of_ids)
expect "left pings right under it" ping_right 5
at_least "ids got copies of both directions" \
	$(($(rx_of_ids) - before)) 10
expect "ids moves to another network" apply 2 n20
before=$(rx_of_ids)
expect "left pings right again" ping_right 5
equal "the mirror has stopped at the border" "$(rx_of_ids)" "$before"

expect "a mirror across networks is told the option it needs" eval '
	said=$(stage_ctl mirror add --to ids --port left --reason test 2>&1)
	[[ $said == *"mirror add --other-network"* ]]'
refuse "a mirror of a port to itself is refused" stage_ctl mirror add --to ids \
	--port ids --reason test
expect "a capture of a port that is then removed" capture leaver right
expect "ends" eval 'apply 3 n20 other && stage_until 5 has_sessions 0'
expect "and the mirror, which has left, does not" eval \
	'stage_ctl mirror list | grep mirror'
must "right is back" apply 4 n20
must "and has said where it is" stage_until 5 stage_in right \
	ping -q -c 1 -W 1 10.0.10.1

# What a trace says is what happens.
mac=$(stage_in right cat /sys/class/net/right/address)
own=$(stage_in left cat /sys/class/net/left/address)
equal "a trace to right's address ends at right" \
	"$(stage_json "[e['port'] for e in d['deliveries']]" \
		trace left eth "dst=$mac" "src=$own" / ip src=10.0.10.1 \
		dst=10.0.10.2 / icmp)" "['right']"
equal "one of a foreign VLAN is refused by name" \
	"$(stage_json "d['verdict']" trace up eth "dst=$mac" \
		src=02:00:00:00:00:77 vlan=30 / arp)" vlan
scenario_end
