#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two stock Linux guests talk through the switch: the drivers, checksums, TSO
# and memory of real guests, which no test of ours could have thought of.

. "$(dirname "$0")/lib.sh"
scenario two-guests

# apply GENERATION [KEYS]: two ports; KEYS are added to web's.
apply() {
	stage_apply "${@:3}" <<-END
	{ "owner": "test", "generation": $1,
	  "networks": [ { "name": "n10", "vlan": 10 } ],
	  "ports": [
	    { "name": "web", "type": "vhost-user", "network": "n10",
	      "socket": "$CW_GUESTS/web/net.sock", "peer_uid": $((STAGE_UID + 1)),
	      "mac": "02:00:00:00:0a:01"${2:+, $2} },
	    { "name": "app", "type": "vhost-user", "network": "n10",
	      "socket": "$CW_GUESTS/app/net.sock", "peer_uid": $((STAGE_UID + 2)),
	      "mac": "02:00:00:00:0a:02" } ] }
	END
}

# The same 8 MB of noise on both sides of a TCP connection?
transfer() {
	local from=$1 to=$2 address=$3 sent got

	# The pipe has no end: nc would hang up when its input ends.
	guest -t 60 "$to" "mkfifo /tmp/endless; nc -l -p 5000 0<>/tmp/endless |
		sha256sum >/tmp/got" &
	sent=$(guest -t 60 "$from" "head -c 8000000 /dev/urandom >/tmp/noise
		until nc $address 5000 </tmp/noise >/dev/null; do
			sleep 0.1 # until the other one listens
		done
		sha256sum </tmp/noise")
	wait $!
	got=$(guest "$to" cat /tmp/got)
	[ -n "$sent" ] && [ "$sent" = "$got" ]
}

unlinked() {
	! stage_linked "$1"
}

must "a kernel and an initramfs are made" "$GUEST" prepare
must "switchd starts" stage_switchd
stage_guest web --mac 02:00:00:00:0a:01 --ip 10.0.10.1/24 --ip6 fd00:10::1/64
stage_guest app --mac 02:00:00:00:0a:02 --ip 10.0.10.2/24 --ip6 fd00:10::2/64
must "a state with two guests is taken" apply 1
must "web boots" "$GUEST" wait web 90
must "app boots" "$GUEST" wait app 90
baseline

expect "web pings app" guest web ping -c 3 -W 2 10.0.10.2
expect "web pings app over IPv6" guest web ping6 -c 3 -W 2 fd00:10::2
expect "pings of every size arrive" guest web \
	'for n in 0 1 17 18 100 1000 1472 1473 9000 60000; do
		ping -c 1 -W 2 -s $n 10.0.10.2 || exit 1; done'
expect "TCP from web to app arrives as it was sent" transfer web app 10.0.10.2
expect "TCP from app to web arrives as it was sent" transfer app web 10.0.10.1
at_least "frames went whole: some were longer than 1514 bytes" \
	"$(stage_json "d['total']['rx_bytes'] // d['total']['rx_frames']" stats)" \
	1515

equal "the same state again changes nothing" "$(apply 1 "" --json |
	python3 -c 'import json, sys; print(json.load(sys.stdin)["actions"])')" "[]"
must "web is locked to its address while it runs" apply 2 \
	'"locking_mode": "locked", "ipv4_allowed": [ "10.0.10.1" ]'
expect "web still pings app" guest web ping -c 2 -W 2 10.0.10.2
guest web ip address add 10.0.10.77/24 dev eth0
refuse "but not from another address" guest web \
	ping -c 2 -W 1 -I 10.0.10.77 10.0.10.2
at_least "which is counted as a forged address" \
	$(($(stage_drops web spoof_arp) + $(stage_drops web spoof_ipv4))) 1
must "web may send nothing when disabled" apply 3 \
	'"locking_mode": "disabled"'
refuse "web does not ping app then" guest web ping -c 2 -W 1 10.0.10.2
must "web is unlocked again" apply 4
expect "web pings app again" guest web ping -c 3 -W 2 10.0.10.2
healthy

kill -9 "$SWITCHD_PID"
expect "after kill -9 of the switch web pings app by itself" stage_until 10 \
	guest web ping -c 1 -W 1 10.0.10.2
baseline
"$GUEST" stop app
expect "the port of a guest that died has no link" stage_until 5 unlinked app
STAGE_GUESTS=1
stage_guest app --mac 02:00:00:00:0a:02 --ip 10.0.10.2/24
must "it is started anew" "$GUEST" wait app 90
expect "and web pings it" stage_until 5 guest web ping -c 1 -W 1 10.0.10.2
healthy
scenario_end
