#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# DPDK's own virtio-user driver as guest: another implementation of the front
# end than Linux's, faster than any guest, and with memory that nobody sealed.

. "$(dirname "$0")/lib.sh"
scenario testpmd

MAC0=02:00:00:00:00:a0
MAC1=02:00:00:00:00:a1

# apply GENERATION TRUSTED: a port that connects, and one that listens.
apply() {
	stage_apply <<-END
	{ "owner": "test", "generation": $1,
	  "networks": [ { "name": "n", "vlan": 0 } ],
	  "ports": [
	    { "name": "p0", "type": "vhost-user", "network": "n",
	      "socket": "$STAGE/peer/p0", "mac": "$MAC0", "trusted": $2 },
	    { "name": "p1", "type": "vhost-user", "network": "n",
	      "socket": "$STAGE/state/p1", "mac": "$MAC1", "trusted": $2,
	      "server": true } ] }
	END
}

# testpmd COMMAND...: both ports in one process, which ends when the command
# does; what it prints are testpmd's own commands.
testpmd() {
	"$@" | timeout 120 dpdk-testpmd --lcores 0@0,1@0 --no-huge --no-shconf \
		-m 256 --no-pci --file-prefix "cw$$" \
		--vdev "net_virtio_user0,path=$STAGE/peer/p0,server=1,queues=1,mac=$MAC0" \
		--vdev "net_virtio_user1,path=$STAGE/state/p1,queues=1,mac=$MAC1" \
		-- --interactive --forward-mode=mac \
		--total-num-mbufs=8192 --eth-peer=0,$MAC1 --eth-peer=1,$MAC0 \
		--no-lsc-interrupt >"$STAGE/log/testpmd" 2>&1
}

# tx_frames: the smaller number of those that the two ports were sent
tx_frames() {
	stage_json "min(p['tx_frames'] for p in d['ports'])" stats
}

have_passed() {
	[ "$(tx_frames)" -ge "$1" ]
}

# go_round FRAMES: frames go round until so many have come to each.
go_round() {
	local before

	stage_until 30 stage_linked p0 p1
	before=$(tx_frames)
	echo start tx_first 16
	stage_until 60 have_passed $((before + $1))
	echo stop
	echo quit
}

is_refused() {
	error_of p0 | grep -qi seal
}

be_refused() {
	stage_until 30 is_refused
	echo quit
}

# Frames that came back to a port, by testpmd's last count.
came_back() {
	awk '/Forward statistics for port '"$1"'/ { here = 1 }
		here && /RX-packets/ { print $2; exit }' "$STAGE/log/testpmd"
}

error_of() {
	stage_json "[p['last_error'] for p in d['ports'] if p['name'] == '$1'][0]" \
		ports
}

umask 0 # the switch must be able to connect to testpmd's socket
mkdir -m 755 "$STAGE/peer"
must "switchd starts" stage_switchd
must "a value with two ports is taken" apply 1 false
testpmd be_refused
expect "memory that is not sealed is refused, and said so" is_refused
must "the ports may be told to trust it" apply 2 true
equal "made anew for that, they keep their addresses" \
	"$(stage_json "sorted((e['mac'], e['port']) for e in d['entries'] \
		if e['class'] == 'static')" fdb)" \
	"[('$MAC0', 'p0'), ('$MAC1', 'p1')]"
baseline
testpmd go_round 20000
at_least "frames go from the one that listens to the one that connects" \
	"$(came_back 0)" 10000
at_least "and the other way" "$(came_back 1)" 10000
testpmd go_round 20000
at_least "and frames go again" "$(came_back 0)" 10000
healthy
scenario_end
