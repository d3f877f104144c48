#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# DPDK's virtio-user as two guests of the switch, with every ring layout it
# can ask for, with several queues, killed in full flow, and left behind by a
# switch that was killed.  Frames are counted on both sides: what testpmd has
# sent is what the switch has received, and the switch accounts for all of it.

. "$(dirname "$0")/lib.sh"
scenario testpmd-shapes

MAC=(02:00:00:00:00:a0 02:00:00:00:00:a1)
FRAMES=20000

# apply GENERATION FOLDER SERVER: sockets p0 and p1 in FOLDER.
apply() {
	local i list=""

	for i in 0 1; do
		list+=${list:+, }"{ \"name\": \"p$i\", \"type\": \"vhost-user\",
			\"network\": \"n\", \"mac\": \"${MAC[i]}\", \"queues\": 2,
			\"socket\": \"$2/p$i\", \"server\": $3,
			\"trusted\": true }"
	done
	stage_apply <<-END
	{ "owner": "test", "generation": $1,
	  "networks": [ { "name": "n", "vlan": 0 } ], "ports": [ $list ] }
	END
}

# testpmd FOLDER QUEUES OPTIONS: in the background, commands go to `say`.
testpmd() {
	local i vdevs=()

	for i in 0 1; do
		vdevs+=(--vdev "net_virtio_user$i,path=$1/p$i,queues=$2,mac=${MAC[i]}$3")
	done
	rm -f "$STAGE/commands"
	mkfifo "$STAGE/commands"
	setsid stdbuf -oL dpdk-testpmd --lcores 0@0,1@0 --no-huge --no-shconf -m 256 \
		--no-pci --file-prefix "cw$$" "${vdevs[@]}" -- --interactive \
		--forward-mode=mac --eth-peer="0,${MAC[1]}" \
		--eth-peer="1,${MAC[0]}" --rxq="$2" --txq="$2" \
		--total-num-mbufs=8192 \
		<"$STAGE/commands" >"$STAGE/log/testpmd" 2>&1 &
	TESTPMD=$!
	STAGE_PIDS+=($TESTPMD)
	exec 8>"$STAGE/commands"
	stage_until 30 grep -q 'testpmd> ' "$STAGE/log/testpmd" &&
		stage_until 20 stage_linked p0 p1
}

say() {
	echo "$*" >&8
}

ends() {
	exec 8>&-
	wait $TESTPMD
}

count() {
	stage_json "[p.get('$2', 0) for p in d['ports'] if p['name'] == '$1'][0]" \
		stats
}

received() {
	[ "$(count p0 rx_frames)" -ge "$1" ] && [ "$(count p1 rx_frames)" -ge "$1" ]
}

# Frames go round until each port has given FRAMES more; then they rest.
go_round() {
	local p0 p1 more

	p0=$(count p0 rx_frames)
	p1=$(count p1 rx_frames)
	more=$(((p0 > p1 ? p0 : p1) + FRAMES))
	say start tx_first 8
	stage_until 20 received $more || return
	say stop
	stage_until 10 grep -q 'Accumulated forward statistics' \
		"$STAGE/log/testpmd" && stage_until 10 balanced
}

# sent PORT: all in all, as testpmd says.
sent() {
	sed -n "/ NIC statistics for port $1 /,/TX-packets/s/.*TX-packets: *\([0-9]*\).*/\1/p" \
		"$STAGE/log/testpmd" | tail -n 1
}

# What testpmd has sent since p0 and p1 had received $1 and $2 frames.
all_received() {
	say show port stats all
	[ "$(count p0 rx_frames)" = $(($1 + $(sent 0))) ] &&
		[ "$(count p1 rx_frames)" = $(($2 + $(sent 1))) ]
}

rings() {
	stage_json "sum(r['ready'] for p in d['ports'] for r in p['rings'])" ports
}

packed() {
	stage_json "any('PACKED' in f for p in d['ports'] for f in p['features'])" \
		ports
}

unlinked() {
	! stage_linked p0 && ! stage_linked p1
}

must "switchd starts" stage_switchd
must "a value with two listening ports is taken" apply 1 "$STAGE/state" true
baseline
while read -r queues options; do
	shape="${options:-plain}, queue pairs: $queues"
	before="$(count p0 rx_frames) $(count p1 rx_frames)"
	must "testpmd connects ($shape)" testpmd "$STAGE/state" "$queues" \
		"${options:+,$options}"
	equal "all of its rings are ready" "$(rings)" $((4 * queues))
	equal "none of them is packed, which we do not offer" "$(packed)" False
	expect "frames go round" go_round
	expect "what it sent is what the switch received" \
		stage_until 5 all_received $before
	expect "it ends" ends
	expect "the ports have no link then" stage_until 5 unlinked
done <<-END
	1
	1 mrg_rxbuf=0,in_order=0
	1 packed_vq=1
	2
END
healthy

must "testpmd connects once more" testpmd "$STAGE/state" 2 ""
say start tx_first 8
expect "frames go round" stage_until 20 received \
	$(($(count p0 rx_frames) + FRAMES))
kill -9 $TESTPMD
ends 2>/dev/null
expect "it is killed amid them, and its ports have no link" \
	stage_until 5 unlinked
must "another takes its place" testpmd "$STAGE/state" 1 ""
expect "frames go round again" go_round
expect "it ends" ends
expect "and its ports have no link" stage_until 5 unlinked
healthy

mkdir -m 777 "$STAGE/peer"
umask 0 # the switch must be able to connect to testpmd's sockets
must "the ports shall connect instead" apply 2 "$STAGE/peer" false
must "to a testpmd that listens" testpmd "$STAGE/peer" 1 ",server=1"
expect "frames go round" go_round
kill -9 "$(stage_switchd_pid)"
expect "the switch is killed, and comes back" \
	stage_until 20 stage_linked p0 p1
expect "frames go round again, with the same testpmd" go_round
expect "it ends" ends
expect "and the ports have no link" stage_until 5 unlinked
expect "every frame is accounted for" stage_until 5 balanced
scenario_end
