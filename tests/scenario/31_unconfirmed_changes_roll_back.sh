#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The host is reached through the switch's own uplink.  A change that cuts it
# off is gone back on by itself when it was applied on trial; one that is
# confirmed stays; whatever kills the switch meanwhile, the last confirmed
# state is in force again.

. "$(dirname "$0")/lib.sh"
scenario trial

# apply GENERATION VLAN OPTION...: management is untagged on its wire, so any
# VLAN but 0 cuts it off.
apply() {
	local generation=$1 vlan=$2

	shift 2
	stage_apply "$@" <<-END
	{ "owner": "site", "generation": $generation,
	  "networks": [ { "name": "mgmt", "vlan": $vlan, "uplink": "up" } ],
	  "ports": [
	    { "name": "xapi0", "type": "tap", "interface": "xapi0",
	      "network": "mgmt" },
	    { "name": "up", "type": "packet", "interface": "p-up" } ] }
	END
}

reachable() {
	stage_in ext ping -q -c 1 -W 1 10.9.0.1
}

unreachable() {
	! reachable
}

generation() {
	stage_json "d['state']['generation']" show
}

on_trial() {
	[ "$(stage_json "d.get('trial') is not None" show)" = True ]
}

# says WORDS COMMAND...: it fails, and its output has the words.
says() {
	local words=$1 out

	shift
	out=$("$@" 2>&1) && return 1
	printf '%s\n' "$out"
	grep -qF -- "$words" <<<"$out"
}

# hints COMMAND...: it succeeds and tells of --confirm-within.
hints() {
	local out

	out=$("$@" 2>&1) || return
	grep -qF -- --confirm-within <<<"$out"
}

# A killed switch comes back as another process.
killed_and_back() {
	local pid

	pid=$(stage_switchd_pid)
	kill -9 "$pid"
	stage_until 5 eval '[ "$(stage_switchd_pid)" != '"$pid"' ]' &&
		stage_until 20 stage_ctl ports
}

stage_space ext
stage_wire host:p-up ext:eth0
ip -n "$STAGE_NS-ext" address add 10.9.0.2/24 dev eth0
must "netd starts" stage_netd
must "switchd starts" stage_switchd
refuse "nothing is on trial that could be confirmed" stage_ctl confirm
must "the first state is taken" apply 1 0
ip -n "$STAGE_NS-host" address add 10.9.0.1/24 dev xapi0
ip -n "$STAGE_NS-host" link set dev xapi0 up
must "the host is reached through its uplink" stage_until 5 reachable
baseline

expect "a change that cuts the host off is taken on trial" \
	apply 2 77 --confirm-within 4
began=$SECONDS
expect "and does cut it off" stage_until 3 unreachable
equal "while it is in force" "$(generation)" 2
expect "and shown to be on trial" on_trial
expect "a change for good has to wait" says "confirm or revert first" \
	apply 3 77
expect "the host is reached again by itself" stage_until 10 reachable
at_least "not before the time was up" $((SECONDS - began)) 3
equal "the state before runs" "$(generation)" 1
refuse "and nothing is on trial" on_trial
refuse "nor can it be confirmed any more" stage_ctl confirm
expect "the disk has the state before" grep -q '"generation": 1' \
	"$STAGE/state/state.json"

expect "a good change is taken on trial" apply 4 0 --confirm-within 3
expect "and confirmed in time" stage_ctl confirm
sleep 4
equal "it stays" "$(generation)" 4
expect "and is on disk" grep -q '"generation": 4' "$STAGE/state/state.json"

expect "a trial is taken back at once" apply 5 77 --confirm-within 60
expect "when revert says so" stage_ctl revert
equal "the state before runs again" "$(generation)" 4
expect "the host is reached" stage_until 5 reachable
expect "a second trial may follow a first one" \
	apply 6 77 --confirm-within 60
expect "with its own time" apply 7 78 --confirm-within 2
expect "but goes back to what was confirmed" stage_until 10 reachable
equal "which is generation 4" "$(generation)" 4
expect "without a trial a change of the way out gives a hint" \
	hints apply 8 77
expect "and so does its correction" hints apply 9 0
healthy

expect "once more on trial" apply 10 77 --confirm-within 600
expect "a killed switch comes back" killed_and_back
equal "with the last confirmed state" "$(generation)" 9
refuse "and nothing on trial" on_trial
expect "on trial again" apply 10 0 --confirm-within 600
expect "confirmed" stage_ctl confirm
expect "a killed switch comes back once more" killed_and_back
equal "with what was confirmed" "$(generation)" 10
scenario_end
