#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A NIC port whose NIC is DPDK's virtio-user, which has what a real one has:
# checksum and TSO offload, several queues, receive and link interrupts.  It
# is plugged first into testpmd, whose other port is a tap of namespace `ext`,
# then into a second switch, which takes whole TSO frames.
#
#	host: the switch's own, on a tap     ext: behind the NIC, on a tap

. "$(dirname "$0")/lib.sh"
scenario nic

WIRE=$STAGE/wire
mkdir -m 777 "$WIRE"
umask 0 # the switches connect to each other's sockets
stage_space ext

# testpmd [OPTIONS OF THE WIRE]: between the wire and ext0 in ext.
testpmd() {
	rm -f "$STAGE/commands"
	mkfifo "$STAGE/commands"
	ip netns exec "$STAGE_NS-ext" setsid stdbuf -oL dpdk-testpmd \
		--lcores 0@0,1@0 --no-huge --no-shconf -m 256 --no-pci \
		--file-prefix "cw$$" --vdev "net_vhost0,iface=$WIRE/nic$1" \
		--vdev net_tap0,iface=ext0 -- --interactive --forward-mode=io \
		--mbuf-size=10240 --total-num-mbufs=8192 \
		<"$STAGE/commands" >>"$STAGE/log/testpmd" 2>&1 &
	TESTPMD=$!
	STAGE_PIDS+=($TESTPMD)
	exec 8>"$STAGE/commands"
	stage_until 30 grep -q 'testpmd> ' "$STAGE/log/testpmd" || return
	echo start >&8
	ip -n "$STAGE_NS-ext" address add 10.0.0.2/24 dev ext0
	ip -n "$STAGE_NS-ext" link set ext0 up
}

apply() {
	stage_apply <<-END
	{ "owner": "test", "generation": $1,
	  "networks": [ { "name": "n", "vlan": 0, "uplink": "nic" } ],
	  "ports": [
	    { "name": "nic", "type": "nic", "device": "net_virtio_user0" },
	    { "name": "host", "type": "tap", "interface": "t-host",
	      "network": "n", "addresses": ["10.0.0.1/24"] } ] }
	END
}

must "testpmd listens" testpmd ""
must "netd starts" stage_netd
must "switchd starts" stage_switchd --device \
	"net_virtio_user0,path=$WIRE/nic"
must "a nic port is taken" apply 1
stage_ctl ports --json
sleep 1
stage_in host ping -c 3 -W 1 10.0.0.2
cat $STAGE/log/*
scenario_end
