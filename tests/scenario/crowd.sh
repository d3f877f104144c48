#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# crowd.sh: front ends of our own (crowd.c), for scenarios; after lib.sh.

# crowd_listen COUNT [BROADCASTS]: COUNT front ends listen at $STAGE/crowd/pN.
crowd_listen() {
	mkdir -p "$STAGE/crowd"
	chmod 755 "$STAGE/crowd"
	coproc CROWD { exec "$BUILD/tests/scenario/crowd" "$STAGE/crowd" "$@" \
		2>"$STAGE/log/crowd"; }
	CROWD_PROCESS=$CROWD_PID
	STAGE_PIDS+=($CROWD_PROCESS)
	exec {CROWD_IN}<&"${CROWD[0]}" {CROWD_OUT}>&"${CROWD[1]}"
	crowd_line && [ "$CROWD_SAID" = listening ]
}

crowd_line() {
	read -r -t 60 CROWD_SAID <&"$CROWD_IN"
}

# crowd_ready: the switch has come to all of them.
crowd_ready() {
	crowd_line && [ "$CROWD_SAID" = ready ]
}

# crowd COMMAND: the line of answer is in CROWD_SAID.
crowd() {
	echo "$*" >&"$CROWD_OUT"
	crowd_line
}

# crowd_count WORD: the number behind it in what the crowd said last.
crowd_count() {
	sed -n "s/.*\<$1 \([0-9]*\).*/\1/p" <<<"$CROWD_SAID"
}

# crowd_mac N
crowd_mac() {
	printf '02:00:00:01:%02x:%02x' $(($1 / 256)) $(($1 % 256))
}

# crowd_ip N: the source of its packets
crowd_ip() {
	printf '10.1.%d.%d' $(($1 / 256)) $(($1 % 256))
}

# crowd_port N NETWORK [KEYS]: its port as JSON.
crowd_port() {
	printf '{ "name": "p%d", "type": "vhost-user", "network": "%s",
		"socket": "%s", "mac": "%s", "storm_pps": 0%s }' "$1" "$2" \
		"$STAGE/crowd/p$1" "$(crowd_mac "$1")" "${3:+, $3}"
}

# crowd_ports NETWORK COUNT: the first COUNT, as a list without its brackets.
crowd_ports() {
	local i

	for ((i = 0; i < $2; i++)); do
		[ $i = 0 ] || printf ',\n'
		crowd_port $i "$1"
	done
}

# crowd_more WORD COUNT: wait until the number behind it (see report) has grown
# by that much.  Not how long, but how far: a busy machine takes longer.
crowd_more() {
	local end=$((SECONDS + 60)) from

	crowd report || return
	from=$(crowd_count "$1")
	until [ "$(crowd_count "$1")" -ge $((from + $2)) ]; do
		[ $SECONDS -lt $end ] && crowd report || return
	done
}
