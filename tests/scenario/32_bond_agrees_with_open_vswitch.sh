#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Our bond against Open vSwitch's userspace datapath, over two veth cables:
# LACP negotiates, members fail in every way, modes change while frames flow;
# then balance-slb and active-backup.  No frame comes twice, none comes back,
# and what we say on the wire is well-formed.
#
#	left -- Causeway == eth0/o0, eth1/o1 == Open vSwitch -- far
#	(packet port, VLAN 10)                      (port of VLAN 10)
#
# --long: 20 times.
#
# Mostly waits: played beside others.

. "$(dirname "$0")/lib.sh"
scenario bond-ovs

FLOW=$CI_ROOT/tests/scenario/bond_flow.py
LEFT=02:00:00:00:32:01
FAR=02:00:00:00:32:02
PPS=${CW_PPS:-1000}
export OVS_RUNDIR=$STAGE/ovs OVS_LOGDIR=$STAGE/ovs OVS_DBDIR=$STAGE/ovs \
	OVS_SYSCONFDIR=$STAGE/ovs
DB=unix:$STAGE/ovs/db.sock
GENERATION=0

# ---- Open vSwitch -----------------------------------------------------------

vsctl() {
	ovs-vsctl --db "$DB" -t 20 "$@"
}

appctl() {
	ovs-appctl -t "$(ls "$STAGE"/ovs/ovs-vswitchd.*.ctl | tail -n 1)" "$@"
}

run_ovs() {
	stage_run ovs ip netns exec "$STAGE_NS-ovs" ovs-vswitchd --no-chdir "$DB"
	OVS_PID=$STAGE_PID
	stage_until 10 appctl bond/list
}

start_ovs() {
	mkdir "$STAGE/ovs"
	ovsdb-tool create "$STAGE/ovs/conf.db" \
		/usr/share/openvswitch/vswitch.ovsschema || return
	stage_run ovsdb ovsdb-server "$STAGE/ovs/conf.db" --no-chdir \
		--remote="p$DB"
	stage_until 10 vsctl --no-wait init || return
	run_ovs
	vsctl -- add-br br -- set bridge br datapath_type=netdev \
		-- add-port br o-far tag=10
}

kill_ovs() {
	kill -9 "$OVS_PID"
	rm -f "$STAGE"/ovs/ovs-vswitchd.*.ctl
}

# ovs_bond MODE LACP: o0 and o1 are one port, a trunk of VLAN 10.
ovs_bond() {
	vsctl --if-exists del-port bond -- add-bond br bond o0 o1 \
		"bond_mode=$1" "lacp=$2" trunks=10 \
		other_config:lacp-time=fast other_config:bond-detect-mode=carrier
}

# o0 and o1 are two ports of a switch that knows of no bond: what it floods
# comes through both, what we flood comes back.
ovs_ports() {
	vsctl --if-exists del-port bond -- add-port br o0 trunks=10 \
		-- add-port br o1 trunks=10
}

# ---- Causeway ---------------------------------------------------------------

# apply MODE [KEYS [MEMBERS]]: bond0 in that mode, of eth0 and eth1.
apply() {
	local members=${3:-'"eth0", "eth1"'}

	GENERATION=$((GENERATION + 1))
	stage_apply <<-END
	{ "owner": "test", "generation": $GENERATION,
	  "networks": [ { "name": "n10", "vlan": 10, "uplink": "bond0" } ],
	  "ports": [
	    { "name": "left", "type": "packet", "role": "host",
	      "interface": "p-left", "network": "n10" },
	    { "name": "eth0", "type": "packet", "role": "uplink",
	      "interface": "eth0" },
	    { "name": "eth1", "type": "packet", "role": "uplink",
	      "interface": "eth1" },
	    { "name": "bond0", "type": "bond", "role": "uplink",
	      "members": [ $members ], "updelay": 0, "downdelay": 0,
	      "mode": "$1"${2:+, $2} } ] }
	END
}

# bond EXPRESSION: over the facts `b` of bond0, `m` of its members by name.
bond() {
	stage_json "(lambda b, m: $1)(d['bonds'][0], \
		{m['name']: m for m in d['bonds'][0]['members']})" bond
}

is() {
	[ "$(bond "$1")" = True ]
}

both_distribute() {
	is "all(x['lacp']['mux'] == 'distributing' for x in m.values())"
}

ovs_agrees() {
	[ "$(appctl lacp/show bond | grep -c 'current attached')" = 2 ]
}

both_enabled() {
	is "all(x['enabled'] for x in m.values())"
}

# eth0 or eth1, whichever carries left's unicast frames to far now.
way() {
	local before after

	before=$(bond "[m['eth0']['tx_frames'], m['eth1']['tx_frames']]")
	stage_in left python3 "$FLOW" send eth0 probe $FAR 200 0.2
	after=$(bond "[m['eth0']['tx_frames'], m['eth1']['tx_frames']]")
	python3 -c "a, b = $before, $after
print('eth0' if b[0] - a[0] > b[1] - a[1] else 'eth1')"
}

# ---- frames -----------------------------------------------------------------

addresses() {
	ip -n "$STAGE_NS-left" link set eth0 address $LEFT
	ip -n "$STAGE_NS-far" link set eth0 address $FAR
	ip -n "$STAGE_NS-left" address add 10.0.10.1/24 dev eth0
	ip -n "$STAGE_NS-far" address add 10.0.10.2/24 dev eth0
}

pings() {
	stage_in left ping -q -c 3 -i 0.2 -W 1 10.0.10.2 &&
		stage_in far ping -q -c 3 -i 0.2 -W 1 10.0.10.1
}

reaches() {
	stage_in left ping -q -c 1 -W 1 10.0.10.2
}

# flow_begin SECONDS [SENDER]: numbered frames both ways, or of one sender.  It
# goes on in the background.
flow_begin() {
	local side to

	LISTENERS=() SENDERS=()
	for side in left far; do
		rm -f "$STAGE/log/flow-$side"
		stage_run "flow-$side" ip netns exec "$STAGE_NS-$side" \
			python3 "$FLOW" listen eth0
		LISTENERS+=($STAGE_PID)
		stage_until 10 grep -q ready "$STAGE/log/flow-$side" || return
	done
	for side in ${2:-left far}; do
		to=$FAR
		[ "$side" = left ] || to=$LEFT
		stage_run flow-send ip netns exec "$STAGE_NS-$side" \
			python3 "$FLOW" send eth0 "$side" $to "$PPS" "$1"
		SENDERS+=($STAGE_PID)
	done
}

# flow_end: waits for the senders, and what they have sent to arrive.
flow_end() {
	wait "${SENDERS[@]}"
	sleep 0.2
	kill "${LISTENERS[@]}"
	wait "${LISTENERS[@]}" 2>/dev/null
	return 0
}

# heard LISTENER EXPRESSION: over the list `f` of what it has counted.
heard() {
	grep '^{' "$STAGE/log/flow-$1" | python3 -c '
import json, sys
f = [json.loads(line) for line in sys.stdin]
print(eval(sys.argv[1]))' "$2"
}

# gap NAME LISTENER: the longest that one of its unicast flows stood still, ms
gap() {
	heard "$2" "max([x['gap_ms'] for x in f if x['name'] == '$1' and \
		x['kind'] == 'unicast'], default=10**6)"
}

# at_most SENTENCE SEEN WANTED: whole numbers
at_most() {
	if [ "${2:-1000000}" -le "$3" ]; then
		pass "$1 ($2)"
	else
		fail "$1" "seen $2, wanted at most $3"
	fi
}

# whole STORY GAP_MS [KIND]: what holds of every flow, and how long it may stop.
# Frames of that kind may come twice.
whole() {
	local twice="sum(x['twice'] for x in f if x['kind'] != '${3:-}')"

	at_most "$1: towards far, ms that a flow stood still" "$(gap left far)" "$2"
	at_most "$1: from far, ms that a flow stood still" "$(gap far left)" "$2"
	equal "$1: no frame comes twice" \
		"$(heard far "$twice") $(heard left "$twice")" "0 0"
	equal "$1: no frame comes back to its sender" \
		"$(heard far "sum(x['frames'] for x in f if x['name'] == 'far')") \
$(heard left "sum(x['frames'] for x in f if x['name'] == 'left')")" "0 0"
	at_least "$1: kinds of frames that far has from left" \
		"$(heard far "len({x['kind'] for x in f})")" 4
	at_least "$1: kinds of frames that left has from far" \
		"$(heard left "len({x['kind'] for x in f})")" 4
}

in_order() {
	equal "$1: every flow keeps its order" \
		"$(heard far "sum(x['behind'] for x in f)") \
$(heard left "sum(x['behind'] for x in f)")" "0 0"
}

# ---- cables -----------------------------------------------------------------

cut() {
	ip -n "$STAGE_NS-ovs" link set dev "$1" down
}

mend() {
	ip -n "$STAGE_NS-ovs" link set dev "$1" up
}

# Frames vanish, the carrier stays: neither side's leave.
silence() {
	local space link

	for space in host:eth$1 ovs:o$1; do
		link=${space#*:}
		stage_in "${space%:*}" nft -f - <<-END || return
		table netdev silence {
			chain out {
				type filter hook egress device $link priority 0
				policy drop
			}
		}
		END
	done
}

speak() {
	stage_in host nft delete table netdev silence
	stage_in ovs nft delete table netdev silence
}

# record LINK: what goes over a cable besides traffic: LACP, LLDP, announcements
record() {
	RECORDS=$((${RECORDS:-0} + 1))
	stage_run "record$RECORDS" ip netns exec "$STAGE_NS-ovs" tcpdump -q \
		-i "$1" -U -w "$STAGE/$RECORDS.pcap" -Z root \
		'ether proto 0x8809 or ether proto 0x88cc or (vlan 10 and rarp)'
	stage_until 5 test -s "$STAGE/$RECORDS.pcap"
}

# recorded FILTER: how many frames on all cables
recorded() {
	local file

	for file in "$STAGE"/*.pcap; do
		tshark -r "$file" -Y "$1" 2>/dev/null
	done | wc -l
}

# Is there one on both cables?
neighbours() {
	[ "$(stage_json "all(len(u['neighbours']) == 1 for u in d['uplinks'])" \
		lldp)" = True ]
}

# A filter: frames of either of our interfaces.
from_us() {
	echo "(eth.src == $(stage_in host cat /sys/class/net/eth0/address) || \
eth.src == $(stage_in host cat /sys/class/net/eth1/address))"
}

# ---- the story --------------------------------------------------------------

stage_space left far ovs
lay_cables() {
	stage_wire host:eth0 ovs:o0 && stage_wire host:eth1 ovs:o1 &&
		stage_wire host:p-left left:eth0 &&
		stage_wire ovs:o-far far:eth0 && addresses
}
must "cables are laid" lay_cables
must "what is said beside traffic is recorded" eval 'record o0 && record o1'
must "Open vSwitch starts, with a bond" start_ovs
must "it speaks LACP" ovs_bond balance-slb active
must "netd and switchd start" eval 'stage_netd && stage_switchd'
must "a bond with LACP is taken" apply lacp '"lacp-time": "fast"'
expect "LACP negotiates within seconds" stage_until 6 both_distribute
expect "Open vSwitch agrees" stage_until 5 ovs_agrees
expect "pings pass" pings
baseline

flow_begin 3
flow_end
whole "LACP at rest" 200
in_order "LACP at rest"
at_least "flows spread over both members" \
	"$(bond "sum(x['tx_frames'] > 100 for x in m.values())")" 2

# a carrier.  When it is back, Open vSwitch says that it collects up to a
# second before its datapath forgets that it must not.
flow_begin 4
sleep 1
victim=$(way)
cut "o${victim#eth}"
expect "a member without carrier is out at once" stage_until 2 \
	is "not m['$victim']['enabled']"
flow_end
whole "LACP, a carrier goes" 500
flow_begin 6
sleep 1
mend "o${victim#eth}"
expect "with it, LACP takes it back" stage_until 10 both_distribute
flow_end
whole "LACP, a carrier comes" 2000

# silence
flow_begin 12
sleep 1
silence 1 # in three of its seconds: a fake clock and the bench measure it
expect "LACP notices a member that has gone silent" stage_until 6 \
	is "m['eth1']['lacp']['mux'] != 'distributing'"
sleep 1
speak
expect "and takes it back" stage_until 10 both_distribute
flow_end
whole "LACP, a member goes silent" 3200

# the partner
kill_ovs
expect "without a partner the bond falls back" stage_until 8 \
	is "b['fallback'] and not b['negotiated']"
must "the partner starts again" run_ovs
expect "LACP negotiates with it" stage_until 10 both_distribute
expect "Open vSwitch agrees again" stage_until 10 ovs_agrees
expect "pings pass again" stage_until 5 pings

# all
cut o0
cut o1
expect "without any carrier the bond is down" stage_until 2 is "not b['up']"
mend o0
mend o1
expect "with them it comes back" stage_until 10 both_distribute
expect "pings pass after that" stage_until 5 pings

# a member of the state, and the interface of a member
flow_begin 8
expect "a member is taken out under load" \
	apply lacp '"lacp-time": "fast"' '"eth0"'
sleep 1
expect "a member is put in under load" apply lacp '"lacp-time": "fast"'
expect "and negotiates" stage_until 6 both_distribute
flow_end
whole "LACP, a member goes and comes" 2000
ip -n "$STAGE_NS-host" link delete eth1
expect "a member without interface waits" stage_until 5 \
	is "m['eth1']['slot'] == -1 and m['eth1']['waiting'] != ''"
expect "pings pass without it" pings
# Open vSwitch has lost sight of o1 and does not look again by itself
vsctl del-port bond
stage_wire host:eth1 ovs:o1
record o1
ovs_bond balance-slb active
expect "it comes back with its interface" stage_until 15 both_distribute
expect "pings pass with it" pings

# two partners
vsctl -- del-port bond -- add-br br2 -- set bridge br2 datapath_type=netdev \
	-- add-port br o0 trunks=10 lacp=active other_config:lacp-time=fast \
	-- add-port br2 o1 trunks=10 lacp=active other_config:lacp-time=fast
expect "members at two switches do not aggregate" stage_until 15 \
	is "sum(x['lacp']['mux'] == 'distributing' for x in m.values()) == 1 \
	and all(x['lacp']['receive'] == 'current' for x in m.values())"
vsctl del-br br2 -- del-port o0

# balance-slb, live; nobody speaks LACP
ovs_ports
expect "the mode changes while the switch runs" apply balance-slb
expect "both members carry traffic" stage_until 5 both_enabled
expect "pings pass in balance-slb" stage_until 5 pings
# Until then unicast that is flooded is taken from every member: docs/bonds.md.
expect "no bucket moves for ten seconds" stage_until 20 \
	is "min(e['age_ms'] for e in b['events']) > 10500"
flow_begin 3
flow_end
whole "balance-slb at rest" 200
in_order "balance-slb at rest"

flow_begin 6
sleep 1
victim=$(way)
cut "o${victim#eth}"
expect "balance-slb: a member without carrier is out at once" \
	stage_until 2 is "not m['$victim']['enabled']"
sleep 1
mend "o${victim#eth}"
expect "balance-slb: and comes back" stage_until 5 both_enabled
flow_end
whole "balance-slb, a carrier goes and comes" 500 unknown

# active-backup, live
flow_begin 4
expect "active-backup: the mode changes under load" apply active-backup
flow_end
whole "active-backup, the mode has changed" 500 unknown

other=$(bond "[n for n in m if n != b['active']][0]")
expect "active-backup: another member is made active by hand" \
	stage_ctl bond set-active bond0 "$other"
equal "active-backup: it is" "$(bond "b['active']")" "$other"

# Nobody but us says where left is now; Open vSwitch forgets the way that its
# datapath knows within half a second.
flow_begin 5 far
sleep 1
victim=$(bond "b['active']")
announced=$(bond "b['announced']")
cut "o${victim#eth}"
expect "active-backup: another member is active" stage_until 2 \
	is "b['active'] not in (None, '$victim')"
expect "active-backup: local addresses are announced" stage_until 2 \
	is "b['announced'] > $announced"
sleep 1
mend "o${victim#eth}"
flow_end
at_most "active-backup: from far, ms that a flow stood still" \
	"$(gap far left)" 1000
equal "active-backup: no frame comes twice" \
	"$(heard left "sum(x['twice'] for x in f)")" 0

# The active member's carrier flaps, ten times in two seconds: its place is
# taken once, and it is not given back.
victim=$(bond "b['active']")
before=$(bond "b['failovers']")
flow_begin 4
sleep 1
for ((i = 0; i < 10; i++)); do
	cut "o${victim#eth}"
	sleep 0.1
	mend "o${victim#eth}"
	sleep 0.1
done
flow_end
at_most "active-backup: failovers while a member flaps" \
	$(($(bond "b['failovers']") - before)) 1
equal "active-backup: no frame comes twice" \
	"$(heard far "sum(x['twice'] for x in f)") \
$(heard left "sum(x['twice'] for x in f)")" "0 0"
expect "active-backup: and both serve again" stage_until 5 both_enabled

vsctl -- set interface o0 lldp:enable=true \
	-- set interface o1 lldp:enable=true
at_least "LACPDUs that we sent" "$(recorded "lacp && $(from_us)")" 20
at_least "announcements of left, in its VLAN" \
	"$(recorded "arp.opcode == 3 && vlan.id == 10 && eth.src == $LEFT")" 2
at_least "LLDP frames that we sent" "$(recorded "lldp && $(from_us)")" 8
expect "Open vSwitch is our neighbour" stage_until 10 neighbours
equal "frames that Wireshark finds malformed" \
	"$(recorded '_ws.malformed || _ws.expert.severity >= 0x600000')" 0
healthy
scenario_end
