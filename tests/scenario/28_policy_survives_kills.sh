#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest forges all the time, and the switch is killed again and again: not
# one forged frame arrives, neither before nor after nor in between.  netd's
# death is not noticed by those who talk.  A state file that is not whole is
# not used at all: no port is open before its policy is known.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/crowd.sh"
scenario kills

apply() {
	stage_apply <<-END
	{ "owner": "test", "generation": 7,
	  "networks": [ { "name": "n10", "vlan": 10 } ],
	  "ports": [
	    $(crowd_port 0 n10 '"locking_mode": "locked",
		"ipv4_allowed": [ "'"$(crowd_ip 0)"'" ]'),
	    $(crowd_port 1 n10) ] }
	END
}

# talks_on: another thousand frames have arrived
talks_on() {
	crowd_more got 1000
}

# The supervisor has put another process in the place of $1.
another_than() {
	local pid

	pid=$(stage_switchd_pid) && [ "$pid" != "$1" ]
}

kill_switchd() {
	local pid

	pid=$(stage_switchd_pid) || return
	kill -9 "$pid"
	stage_until 10 another_than "$pid" && stage_until 10 stage_ctl ports
}

kill_netd() {
	local pid

	pid=$(stage_netd_pid) && kill -9 "$pid"
}

# restart_with TEXT: switchd ends, finds TEXT as its state and starts again.
restart_with() {
	kill "$SWITCHD_SUPERVISOR"
	wait "$SWITCHD_SUPERVISOR"
	: >"$STAGE/log/switchd"
	printf '%s' "$1" >"$STAGE/state/state.json"
	stage_switchd
}

refuses() {
	[ "$(stage_drops p0 spoof_mac)" -ge 100 ]
}

ports() {
	stage_json "len(d['ports'])" ports
}

must "netd starts" stage_netd
must "switchd starts" stage_switchd
must "two front ends listen" crowd_listen 2
must "a state that locks p0 to its addresses is taken" apply
must "the switch comes to both" crowd_ready
crowd talk
crowd forge
must "they talk, and p0 forges" talks_on
for i in 1 2 3 4 5; do
	expect "the switch is killed and comes back ($i)" kill_switchd
	expect "and they go on" talks_on
done
baseline
expect "netd is killed" kill_netd
expect "and they go on" talks_on
equal "by the same switch" "$(stage_switchd_pid)" "$SWITCHD_PID"
crowd report
equal "not one forged frame has come to p1" "$(crowd_count forged)" 0
at_least "of those that were sent" "${CROWD_SAID##* }" 1000
expect "and the last switch refuses them, too" stage_until 10 refuses

whole=$(cat "$STAGE/state/state.json")
while IFS='|' read -r what text; do
	must "the switch starts with a state that is $what" restart_with "$text"
	equal "and has no port" "$(ports)" 0
	expect "and says why" grep -q \
		"saved state is not used: $STAGE/state/state.json: [^ ]" \
		"$STAGE/log/switchd"
	expect "to who asks, too" eval 'stage_ctl show |
		grep -q "saved state is not used: $STAGE/state/state.json: "'
	equal "what it did not use is kept" \
		"$(cat "$STAGE/state/state.json.bad")" "$text"
	must "a good state is taken again" apply
	refuse "of which nobody says that" eval \
		'stage_ctl show | grep "saved state"'
	expect "and they go on" talks_on
done <<-END
	cut off|$(tr -d '\n' <<<"${whole:0:$((${#whole} / 2))}")
	no JSON|causeway
	empty|
	without its policy|$(tr -d '\n' <<<"$whole" | sed 's/"locking_mode"/"looking_mode"/')
END
must "the switch starts with the whole state" restart_with "$whole"
equal "and has its ports" "$(ports)" 2
expect "and they go on" talks_on
crowd report
equal "after all that not one forged frame has come to p1" \
	"$(crowd_count forged)" 0
baseline
crowd quiet
healthy
scenario_end
