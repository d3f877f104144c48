#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Open vSwitch as oracle: nine ports in every VLAN mode, configured alike in
# its userspace datapath and in Causeway, get the same frames, and what leaves
# the ports is compared byte by byte.  vlan_oracle.py has ports, frames, and
# the rules by which we mean to differ; anything else that differs fails.

. "$(dirname "$0")/lib.sh"
scenario vlans-agree

ORACLE=$CI_ROOT/tests/scenario/vlan_oracle.py
export OVS_RUNDIR=$STAGE/ovs OVS_LOGDIR=$STAGE/ovs OVS_DBDIR=$STAGE/ovs \
	OVS_SYSCONFDIR=$STAGE/ovs
DB=unix:$STAGE/ovs/db.sock

oracle() {
	python3 "$ORACLE" "$@"
}

vsctl() {
	ovs-vsctl --db "$DB" -t 20 "$@"
}

# Both with the other ends in one namespace; taps are made by the switches.
lay_wires() {
	local name

	for name in $(oracle ports | sed -n 's/ packet$//p'); do
		stage_wire "host:p-$name" "wire:c-$name" || return
		stage_wire "ovs:p-$name" "wire:o-$name" || return
	done
}

taps_up() {
	local name

	for name in $(oracle ports | sed -n 's/ tap$//p'); do
		stage_until 10 ip -n "$STAGE_NS-$1" link set "$2-$name" up ||
			return
	done
}

# With vlan-limit 0 it looks at two tags, as tunnels need; the default is one.
start_ovs() {
	mkdir "$STAGE/ovs"
	ovsdb-tool create "$STAGE/ovs/conf.db" \
		/usr/share/openvswitch/vswitch.ovsschema || return
	stage_run ovsdb ovsdb-server "$STAGE/ovs/conf.db" --no-chdir \
		--remote="p$DB"
	stage_until 10 vsctl --no-wait -- init -- \
		set open_vswitch . other_config:vlan-limit=0 || return
	stage_run ovs ip netns exec "$STAGE_NS-ovs" ovs-vswitchd --no-chdir "$DB"
	vsctl -- add-br br -- set bridge br datapath_type=netdev \
		$(oracle ovs br) || return
	taps_up ovs o
}

start_ours() {
	stage_netd && stage_switchd && oracle state | stage_apply &&
		taps_up host c
}

counted() {
	sed -n "s/^$1 //p" "$STAGE/compared"
}

no_difference() {
	counted difference | head -n 20
	[ "$(counted difference | wc -l)" = 0 ]
}

stage_space wire ovs
must "cables are laid" lay_wires
must "Open vSwitch starts, with nine ports" start_ovs
must "Causeway starts, with the same" start_ours
baseline
oracle compare "$STAGE_NS-wire" "$STAGE_NS-host" "$STAGE_NS-ovs" \
	>"$STAGE/compared" 2>"$STAGE/log/oracle"
equal "all frames have been through both switches" $? 0
at_least "frames" "$(counted frames)" 4000
at_least "deliveries by Open vSwitch" "$(counted deliveries)" 7000
at_least "of them, the same here byte by byte" "$(counted same)" 1400
expect "where they differ, it is as vlan/README.md says" no_difference
while read -r uses sentence; do
	at_least "$sentence" "$uses" 1
done < <(counted rule)
healthy
scenario_end
