#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The engine `qemu` with VIFs that the switch serves, there from the start or
# plugged later, and with the QEMU guest agent, absent at first.

. "$(dirname "$0")/engine_lib.sh"
scenario engine-vif
engine_open

# Whoever listens on a socket is who the switch sees: us, not the domain.
apply() {
	stage_apply <<-END
	{ "owner": "test", "generation": 1,
	  "networks": [ { "name": "n10", "vlan": 10 } ],
	  "ports": [
	    { "name": "web0", "type": "vhost-user", "network": "n10",
	      "socket": "$FOLDER/vif0.sock", "peer_uid": 0,
	      "mac": "02:00:00:00:0a:01" },
	    { "name": "web1", "type": "vhost-user", "network": "n10",
	      "socket": "$FOLDER/vif1.sock", "peer_uid": 0,
	      "mac": "02:00:00:00:0a:02" } ] }
	END
}

# sends LINK PORT: what the guest sends there arrives at that port.
sends() {
	local before

	before=$(frames_of "$2")
	guest_says "ip link set $1 up; arping -c 2 -w 3 -I $1 10.0.10.9; true"
	[ "$(frames_of "$2")" -gt "$before" ]
}

frames_of() {
	stage_json "sum(p['rx_frames'] for p in d['ports'] \
		if p['name'] == '$1')" stats
}

unlinked() {
	! stage_linked "$1"
}

must "a kernel and an initramfs are made" "$GUEST" prepare
must "with an agent that is not started" \
	"$CI_ROOT/tests/guest/agent.sh" "$CW_GUESTS/image"
must "switchd starts" stage_switchd
must "a state with two ports is taken" apply
drive_on
WORDS+=" cw.load=virtio_console"
INITRD=initrd-agent.gz
must "a domain with a VIF boots" \
	booted "memory=192 vif=0:$FOLDER/vif0.sock"
expect "the switch serves it" stage_until 5 stage_linked web0
expect "what the guest sends arrives" sends eth0 web0

expect "a second VIF is plugged" \
	asked "vif 1:$FOLDER/vif1.sock" 20 "vif-plugged 1"
expect "the switch serves it too" stage_until 10 stage_linked web1
expect "the guest has it, with its address" guest_says \
	'grep -i 02:00:00:00:0a:02 /sys/class/net/eth1/address'
expect "what the guest sends there arrives" sends eth1 web1
expect "its number is taken" \
	asked "vif 1:$FOLDER/vif1.sock" 5 "refused -17"
drive_dies
drive_on
asked adopt 10 adopted >/dev/null
expect "after an adoption it is unplugged" asked "unvif 1" 20 \
	"vif-unplugged 1"
expect "the guest has it no more" guest_says '[ ! -e /sys/class/net/eth1 ]'
expect "nor does the switch" stage_until 5 unlinked web1
expect "it is plugged again" \
	asked "vif 1:$FOLDER/vif1.sock" 20 "vif-plugged 1"
expect "and served again" stage_until 10 stage_linked web1
expect "the first one never stopped" sends eth0 web0

expect "nobody speaks for the guest yet" asked agent 10 "agent -110"
guest_says 'hostname web; ip address add 10.0.10.1/24 dev eth0
	setsid qemu-ga -m virtio-serial -p /dev/vport0p1 </dev/null \
		>/dev/null 2>&1 & sleep 1'
expect "an agent does when it runs" asked agent 10 "agent 0"
expect "it knows the guest's system" grep "Debian GNU/Linux 12" <(said)
expect "its name" grep host=web <(said)
expect "and its addresses" grep eth0=10.0.10.1 <(said)
expect "it shuts the guest down" asked agent-shutdown 10 guest-poweroff
killed >/dev/null
expect "nothing is left of it" nothing_left
expect "the switch has nobody left" stage_until 5 unlinked web0
engine_close
