#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# NIC ports over virtual devices of DPDK, in three acts.
#
# virtio-user has what a NIC has: checksums and TSO, receive and link
# interrupts.  It is plugged into testpmd first, whose other port is a tap of
# namespace `ext`: frames of every length, tagged ones.  Then into a vhost-user
# port of a second switch, which takes jumbo frames and whole TSO frames.  At
# last both switches have two memif cables and an LACP bond over them, so that
# LACP and LLDP pass through NIC ports at both ends.
#
#	host: the switch's own, on taps     ext: behind the NICs, on taps

. "$(dirname "$0")/lib.sh"
scenario nic

WIRE=$STAGE/wire
mkdir -m 777 "$WIRE"
umask 0 # the switches connect to each other's sockets
stage_space ext

# tagged_host LINK: ext speaks tagged frames of VLAN 10, too.
tagged_host() {
	stage_vlan_host ext "$1" 10:v10:10.0.10.2/24
}

# testpmd: between the virtio-user NIC and ext0 in ext.
testpmd() {
	mkfifo "$STAGE/commands"
	ip netns exec "$STAGE_NS-ext" setsid stdbuf -oL dpdk-testpmd \
		--lcores 0@0,1@0 --no-huge --no-shconf -m 256 --no-pci \
		--file-prefix "cw$$" --vdev "net_vhost0,iface=$WIRE/nic" \
		--vdev net_tap0,iface=ext0 -- --interactive --forward-mode=io \
		--total-num-mbufs=8192 \
		<"$STAGE/commands" >"$STAGE/log/testpmd" 2>&1 &
	TESTPMD=$!
	STAGE_PIDS+=($TESTPMD)
	exec 8>"$STAGE/commands"
	stage_until 30 grep -q 'testpmd> ' "$STAGE/log/testpmd" || return
	echo start >&8
	ip -n "$STAGE_NS-ext" address add 10.0.0.2/24 dev ext0
	ip -n "$STAGE_NS-ext" link set ext0 up
	tagged_host ext0
}

# apply GENERATION DEVICE: the first switch, whose uplink is that NIC.
apply() {
	stage_apply <<-END
	{ "owner": "test", "generation": $1,
	  "networks": [
	    { "name": "n", "vlan": 0, "mtu": 9000, "uplink": "nic" },
	    { "name": "n10", "vlan": 10, "uplink": "nic" } ],
	  "ports": [
	    { "name": "nic", "type": "nic", "device": "$2" },
	    { "name": "host", "type": "tap", "interface": "t-host",
	      "network": "n" },
	    { "name": "ten", "type": "tap", "interface": "t-ten",
	      "network": "n10" } ] }
	END
}

# addresses MTU: of the host's taps.
addresses() {
	ip -n "$STAGE_NS-host" address replace 10.0.0.1/24 dev t-host
	ip -n "$STAGE_NS-host" link set t-host mtu "$1" up
}

# other_addresses MTU
other_addresses() {
	ip -n "$STAGE_NS-ext" address replace 10.0.0.2/24 dev ext1
	ip -n "$STAGE_NS-ext" link set ext1 mtu "$1" up
	ip -n "$STAGE_NS-host" neighbour flush dev t-host # another tap each time
}

# The second switch, in ext.
other() {
	local socket=$STAGE/sock/other.sock

	install -d -o $STAGE_UID -g $STAGE_UID -m 700 "$STAGE/other"
	stage_run other-netd ip netns exec "$STAGE_NS-ext" "$NETD" \
		--socket "$STAGE/sock/other-netd.sock" \
		--state "$STAGE/other-netd" --allow-user $STAGE_UID
	stage_until 10 test -S "$STAGE/sock/other-netd.sock" || return
	stage_run other ip netns exec "$STAGE_NS-ext" "$SWITCHD" \
		--socket "$socket" --netd "$STAGE/sock/other-netd.sock" \
		--state-dir "$STAGE/other" --user "$STAGE_UID:$STAGE_UID" "$@"
	OTHER=$STAGE_PID
	stage_until 20 "$SWITCHCTL" --socket "$socket" ports
}

other_apply() {
	cat >"$STAGE/other.json"
	"$SWITCHCTL" --socket "$STAGE/sock/other.sock" apply "$STAGE/other.json"
}

# other_wire GENERATION: the other end of the virtio-user NIC, and a tap.
other_wire() {
	other_apply <<-END
	{ "owner": "test", "generation": $1,
	  "networks": [ { "name": "m", "vlan": 0, "mtu": 9000 } ],
	  "ports": [
	    { "name": "wire", "type": "vhost-user", "socket": "$WIRE/nic",
	      "server": true, "trusted": true, "network": "m",
	      "mac_limit": 100 },
	    { "name": "ext", "type": "tap", "interface": "ext1",
	      "network": "m" } ] }
	END
}

# bond TAP: a state's networks and ports, over two memif cables.
bond() {
	cat <<-END
	"networks": [ { "name": "n", "vlan": 7, "uplink": "bond" } ],
	"ports": [
	  { "name": "m0", "type": "nic", "device": "net_memif0" },
	  { "name": "m1", "type": "nic", "device": "net_memif1" },
	  { "name": "bond", "type": "bond", "members": ["m0", "m1"],
	    "mode": "lacp", "lacp-time": "fast", "updelay": 0,
	    "lacp-fallback-ab": false },
	  { "name": "host", "type": "tap", "interface": "$1",
	    "network": "n" } ]
	END
}

bonded() {
	stage_apply <<-END
	{ "owner": "test", "generation": 3, $(bond t-host) }
	END
}

other_bonded() {
	other_apply <<-END
	{ "owner": "test", "generation": 2, $(bond ext1) }
	END
}

# transfer FROM TO ADDRESS: 30 MB of noise arrive as they were sent.
transfer() {
	local got=$STAGE/got-$2 sent

	stage_in "$2" timeout 30 python3 -c '
import hashlib, socket
s = socket.create_server(("", 5000))
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

# pings FROM ADDRESS SIZE...: not in fragments.
pings() {
	local from=$1 to=$2 n

	shift 2
	for n; do
		stage_in "$from" ping -q -c 1 -W 2 -M do -s "$n" "$to" ||
			return
	done
}

# refused DEVICE: and the remedy is said.
refused() {
	! apply 1 "$1" 2>"$STAGE/said" && grep -q -- "--device $1" "$STAGE/said"
}

nic_fact() {
	stage_json "[p['nic']['$1'] for p in d['ports'] \
		if p['name'] == '${2:-nic}'][0]" ports
}

unlinked() {
	! stage_linked nic
}

nic_count() {
	stage_json "[p.get('$1', 0) for p in d['ports'] \
		if p['name'] == 'nic'][0]" stats
}

# ---- testpmd ------------------------------------------------------------------

VIRTIO=net_virtio_user0,path=$WIRE/nic

# memif ROLE NUMBER: one of the cables.
memif() {
	echo "net_memif$2,role=$1,socket=$WIRE/memif$2,socket-abstract=no"
}

for device in eth0 pci:03:00.0 pci:0000:03:00 ""; do
	refuse "--device '$device' is refused" "$SWITCHD" --device "$device"
done
refuse "and so is one that is given twice" "$SWITCHD" --device net_null0 \
	--device net_null0,size=64
must "testpmd listens" testpmd
must "netd starts" stage_netd
must "switchd starts with a NIC" stage_switchd --device "$VIRTIO" \
	--device "$(memif server 0)" --device "$(memif server 1)"
expect "a NIC that it was not given is refused, with the option to give it" \
	refused pci:0000:03:00.0
must "the one that it was given is taken" apply 2 net_virtio_user0
addresses 1500
ip -n "$STAGE_NS-host" address replace 10.0.10.1/24 dev t-ten
ip -n "$STAGE_NS-host" link set t-ten mtu 1500 up
baseline
expect "it has a link" stage_until 5 stage_linked nic
equal "whose changes come by interrupt" "$(nic_fact link_interrupts)" True
equal "and so does what it receives" "$(nic_fact rx_interrupts)" True
expect "frames of every length pass" pings host 10.0.0.2 0 1 17 18 56 100 1472
expect "and from the other side" pings ext 10.0.0.1 0 100 1472
expect "tagged frames pass" pings host 10.0.10.2 0 100 1472
expect "TCP passes outwards" transfer host ext 10.0.0.2
expect "TCP passes inwards" transfer ext host 10.0.0.1
healthy
echo quit >&8
wait $TESTPMD
exec 8>&-
expect "without its peer the NIC has no link" stage_until 5 unlinked

# ---- a second switch ------------------------------------------------------------

must "a second switch listens in testpmd's place" other \
	--device "$(memif client 0)" --device "$(memif client 1)"
rm -f "$WIRE/nic"
must "with a vhost-user port" other_wire 1
other_addresses 9000
rm -f "$WIRE"/memif* # they would be in its way
kill -9 "$(stage_switchd_pid)"
expect "the first one is killed and comes back with the NIC" \
	stage_until 20 stage_linked nic
addresses 9000
baseline
expect "jumbo frames pass" pings host 10.0.0.2 0 1472 8972
expect "TCP passes outwards" transfer host ext 10.0.0.2
equal "and no frame was cut in software" "$(nic_count segments)" 0
at_least "since the NIC did: frames were long" \
	$(($(nic_count tx_bytes) / $(nic_count tx_frames))) 3000
expect "TCP passes inwards" transfer ext host 10.0.0.1
healthy

# ---- a bond of NICs ---------------------------------------------------------------

# aggregated MEMBERS: that many carry traffic.
aggregated() {
	[ "$(stage_json "sum(m['enabled'] for b in d['bonds'] \
		for m in b['members'])" bond)" = "$1" ]
}

neighbours() {
	[ "$(stage_json "len([1 for u in d['uplinks'] \
		for n in u['neighbours']])" lldp)" = "$1" ]
}

must "the first switch has a bond of two memif NICs" bonded
must "and so has the second" other_bonded
baseline
expect "LACP makes one of them" stage_until 20 aggregated 2
expect "LLDP shows the other side on both" stage_until 20 neighbours 2
addresses 1500
other_addresses 1500
expect "frames pass" pings host 10.0.0.2 0 100 1472
expect "TCP passes outwards" transfer host ext 10.0.0.2
expect "TCP passes inwards" transfer ext host 10.0.0.1
healthy
kill $OTHER
wait $OTHER
expect "without the other switch no member has a link" \
	stage_until 10 aggregated 0
scenario_end
