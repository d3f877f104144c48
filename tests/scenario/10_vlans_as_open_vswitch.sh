#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# VLANs by an oracle: the same ports, once ours and once Open vSwitch's
# (userspace datapath), the same 800 frames into each, and what comes out of
# every port compared, tags and all.  Where we are stricter on purpose
# vlan_frames.py says why; anything else that differs is a fault.

. "$(dirname "$0")/lib.sh"
scenario vlan-oracle

# name, mode, our keys, OVS's
PORTS='
a1 access          "network":"n10"                                     tag=10
a2 access          "network":"n10"                                     tag=10
a3 access          "network":"n20"                                     tag=20
tr trunk           "trunk":["n10","n20"]                               trunks=10,20
nu native-untagged "trunk":["n10"],"native":"n20"                      vlan_mode=native-untagged,tag=20,trunks=10
nt native-tagged   "trunk":["n10"],"native":"n20","vlan_mode":"native-tagged" vlan_mode=native-tagged,tag=20,trunks=10
up uplink          -                                                   trunks=10,20
'
NAMES=$(awk 'NF { print $1 }' <<<"$PORTS")
OVS_VSWITCHD=/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk

ours() {
	local name mode keys rest list=""

	while read -r name mode keys rest; do
		case $mode in
		"") continue ;;
		uplink) list+=",{\"name\":\"up\",\"type\":\"packet\",\"interface\":\"up\"}" ;;
		*) list+=",{\"name\":\"$name\",\"type\":\"packet\",\"role\":\"guest\",
			\"interface\":\"$name\",$keys,\"flood_unknown\":true}" ;;
		esac
	done <<<"$PORTS"
	stage_apply <<-END
	{ "owner": "test", "generation": 1, "networks": [
	  { "name": "n10", "vlan": 10, "uplink": "up" },
	  { "name": "n20", "vlan": 20, "uplink": "up" } ],
	  "ports": [ ${list#,} ] }
	END
}

ovs() {
	local name mode keys options

	export OVS_RUNDIR=$STAGE/ovs OVS_LOGDIR=$STAGE/ovs OVS_DBDIR=$STAGE/ovs
	mkdir "$STAGE/ovs"
	ovsdb-tool create "$STAGE/ovs/conf.db" \
		/usr/share/openvswitch/vswitch.ovsschema
	stage_run ovsdb-server ip netns exec "$STAGE_NS-ovs" ovsdb-server \
		"$STAGE/ovs/conf.db" --remote="punix:$STAGE/ovs/db.sock" \
		--unixctl="$STAGE/ovs/ovsdb.ctl"
	stage_until 5 test -S "$STAGE/ovs/db.sock" || return
	stage_run ovs-vswitchd ip netns exec "$STAGE_NS-ovs" "$OVS_VSWITCHD" \
		"unix:$STAGE/ovs/db.sock" --unixctl="$STAGE/ovs/vswitchd.ctl"
	stage_vsctl init || return
	stage_vsctl set open_vswitch . other_config:vlan-limit=2 -- \
		add-br br0 -- set bridge br0 datapath_type=netdev || return
	while read -r name mode keys options; do
		[ -z "$name" ] || stage_vsctl add-port br0 "$name" \
			${options//,tag/ tag} || return
	done < <(sed 's/,trunks/ trunks/; s/,tag/ tag/' <<<"$PORTS")
}

stage_vsctl() {
	ovs-vsctl --timeout=20 --db="unix:$STAGE/ovs/db.sock" "$@"
}

play() {
	stage_in "$1" "$CI_ROOT/tests/scenario/vlan_frames.py" play $NAMES
}

stage_space ovs far-ours far-ovs
for name in $NAMES; do
	stage_wire "host:$name" "far-ours:$name"
	stage_wire "ovs:$name" "far-ovs:$name"
done
must "netd starts" stage_netd
must "switchd starts" stage_switchd
must "our switch has these ports" ours
must "Open vSwitch has the same" ovs
sleep 2
baseline
play far-ours >"$STAGE/ours.json"
play far-ovs >"$STAGE/ovs.json"
"$CI_ROOT/tests/scenario/vlan_frames.py" compare "$STAGE/ours.json" \
	"$STAGE/ovs.json" $(awk 'NF { print $1 "=" $2 }' <<<"$PORTS") ||
	SCENARIO_FAILED=1
healthy
scenario_end
