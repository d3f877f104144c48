#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# netd hangs: it is there, takes connections and says nothing.  Those who talk
# go on; the switch answers and lets guests come, even one that is started
# anew and cannot open one of its many interfaces; a change that needs netd is
# refused with the reason.  When netd goes on, all comes back by itself.
#
#	p0, p1	guests	    eth0..eth7	packet ports: eight devices to ask for

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/crowd.sh"
scenario netd-hangs

# apply GENERATION [MTU]
apply() {
	local i devices=""

	for ((i = 0; i < 8; i++)); do
		devices+=", { \"name\": \"eth$i\", \"type\": \"packet\",
			\"interface\": \"eth$i\", \"role\": \"guest\",
			\"network\": \"n20\" }"
	done
	stage_apply <<-END
	{ "owner": "test", "generation": $1,
	  "networks": [ { "name": "n10", "vlan": 10 },
	    { "name": "n20", "vlan": 20, "mtu": ${2:-1500} } ],
	  "ports": [ $(crowd_port 0 n10), $(crowd_port 1 n10) $devices ] }
	END
}

# waiting: how many ports have no device
waiting() {
	stage_json "sum(p['state'] == 'waiting' for p in d['ports'])" ports
}

# prompt: each of five questions in a row is answered soon.
prompt() {
	local i

	for ((i = 0; i < 5; i++)); do
		timeout 3 "$SWITCHCTL" --socket "$STAGE/sock/switchd.sock" \
			ports || return
		sleep 0.5
	done
}

# Another switch serves within seconds.
killed_and_back() {
	local pid

	pid=$(stage_switchd_pid)
	kill -9 "$pid"
	stage_until 5 eval '[ "$(stage_switchd_pid)" != '"$pid"' ]' &&
		stage_until 10 timeout 3 "$SWITCHCTL" --socket \
			"$STAGE/sock/switchd.sock" ports
}

# refused_for WORDS COMMAND...: soon, and that is what it says
refused_for() {
	local words=$1 out began=$SECONDS

	shift
	out=$("$@" 2>&1) && return 1
	printf '%s\n' "$out"
	grep -qF -- "$words" <<<"$out" && [ $((SECONDS - began)) -le 4 ]
}

stage_space wire
for i in 0 1 2 3 4 5 6 7; do
	stage_wire "host:eth$i" "wire:w$i"
done
must "netd starts" stage_netd
must "switchd starts" stage_switchd
must "two front ends listen" crowd_listen 2
must "a state with eight interfaces is taken" apply 1
must "the switch comes to both guests" crowd_ready
crowd talk
must "they talk" crowd_more got 1000

baseline
kill -STOP "$NETD_PID"
expect "netd stands still, and they go on" crowd_more got 1000
expect "a change that needs it is refused, which says so" \
	refused_for "causeway-netd does not answer" apply 2 1400
expect "and again at once" \
	refused_for "causeway-netd does not answer" apply 2 1400
expect "the switch answers all the time" prompt
expect "and they go on" crowd_more got 1000

expect "the switch is killed and another one serves" killed_and_back
expect "they talk again while netd stands still" crowd_more got 1000
equal "no interface is there" "$(waiting)" 8
expect "the switch answers all the time" prompt

kill -CONT "$NETD_PID"
expect "netd goes on, and all interfaces come back" stage_until 10 eval \
	'[ "$(waiting)" = 0 ]'
expect "and what was refused can be done" apply 2 1400
equal "by the same netd" "$(stage_netd_pid)" "$NETD_PID"

kill -STOP "$NETD_PID"
expect "netd stands still again, which is found out" \
	refused_for "causeway-netd does not answer" apply 3 1500
kill -9 "$NETD_PID"
expect "it is killed: the next one does it" stage_until 10 apply 3 1500
baseline
expect "they have gone on" crowd_more got 1000
crowd quiet
healthy
scenario_end
