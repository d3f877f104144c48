#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every way to misbehave that we know, each at a port of its own and all at
# once, while two others exchange numbered frames: none is lost, none comes
# twice, none comes that was not sent.  Whoever misbehaves is sent away or its
# frames are dropped, and either has a name.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/crowd.sh"
scenario hostile-guests

HOSTILE=$BUILD/tests/scenario/hostile-front

# What each comes to: refused, with these words in `switchctl ports`; dropped,
# its frames under this reason; or nothing at all, because it is allowed.
CASES=$(cat <<-END
	message-too-long         refused  size
	message-with-descriptors refused  descriptors
	message-half             refused  half a message
	message-empty            refused  size
	message-inflight         refused  not offered
	message-in-bytes         nothing
	descriptors-1000         refused  descriptors
	feature-not-offered      refused  RING_PACKED
	feature-while-running    refused  while rings run
	memory-none              refused  memory table
	memory-overlaps          refused  memory table
	memory-wraps             refused  memory table
	memory-beyond-file       refused  memory table
	memory-directory         refused  no sealed memfd
	memory-socket            refused  no sealed memfd
	memory-unsealed          refused  no sealed memfd
	memory-gone              refused  SIGBUS
	memory-flood             nothing
	log-too-short            nothing
	ring-size-3              refused  ring size 3
	ring-size-65536          refused  ring size 65536
	ring-base-70000          refused  ring position 70000
	ring-number-200          refused  ring 200
	ring-outside             refused  do not fit
	ring-overlaps            refused  do not fit
	ring-index               refused  transmit ring
	ring-head                refused  transmit ring
	ring-loop                dropped  bad_chain
	ring-writable            dropped  bad_chain
	ring-nowhere             dropped  bad_chain
	ring-endless             dropped  bad_chain
	ring-indirect            dropped  bad_chain
	offload-beyond           dropped  bad_offload
	sources-forged           dropped  spoof_mac
	receive-full             dropped  ring_full
	receive-crumbs           dropped  no_buffer
	receive-readable         refused  receive ring
	call-is-pipe             refused  no eventfd
	kick-is-pipe             refused  no eventfd
	call-blocks-worker       nothing
	call-blocks-and-goes     nothing
	call-blocks-control      nothing
	kick-storm               nothing
	hangup                   nothing
	stranger                 refused  peer uid 0
END
)

# keys CASE: what its port has besides.
keys() {
	case $1 in
	memory-gone) echo ', "trusted": true' ;;
	sources-forged) echo ', "locking_mode": "locked"' ;;
	stranger) echo ', "peer_uid": 12345' ;;
	esac
}

# The state: a port for each case, and the talkers.
state() {
	local name rest i=0

	cat <<-END
	{ "owner": "test", "generation": 1,
	  "networks": [ { "name": "n10", "vlan": 10 } ],
	  "ports": [
	END
	while read -r name rest; do
		i=$((i + 1))
		cat <<-END
		{ "name": "$name", "type": "vhost-user", "network": "n10",
		  "mac": "$(printf '02:00:00:00:ee:%02x' $i)",
		  "socket": "$STAGE/sock/$name"$(keys "$name") },
		END
	done <<<"$CASES"
	crowd_ports n10 2
	echo "] }"
}

apply() {
	state | stage_apply
}

attack() {
	local name rest

	ATTACKERS=()
	while read -r name rest; do
		timeout 60 "$HOSTILE" "$STAGE/sock/$name" "$name" \
			>"$STAGE/log/$name" 2>&1 </dev/null &
		ATTACKERS+=($!)
	done <<<"$CASES"
}

says() {
	[[ $1 == *"$2"* ]]
}

# facts: sets ERRORS[port] and DROPS[port reason].
facts() {
	local key value

	declare -gA ERRORS DROPS
	while IFS='|' read -r key value; do
		ERRORS[$key]=$value
	done <<<"$(stage_json "'\n'.join(p['name'] + '|' + \
		p.get('last_error', '') for p in d['ports'])" ports)"
	while IFS='|' read -r key value; do
		DROPS[$key]=$value
	done <<<"$(stage_json "'\n'.join('%s %s|%d' % (e['port'], \
		e['reason'], e['frames']) for e in d['drops'])" drops)"
}

# verdicts: was each dealt with as the table says?
verdicts() {
	local name what words ended=() i=0 pid

	for pid in "${ATTACKERS[@]}"; do
		wait "$pid"
		ended+=($?)
	done
	facts
	while read -r name what words; do
		equal "$name ends as it should" "${ended[i]}" 0
		i=$((i + 1))
		case $what in
		refused)
			expect "and is told: ${ERRORS[$name]:-}" \
				says "${ERRORS[$name]:-}" "$words"
			;;
		dropped)
			at_least "and its frames are dropped as $words" \
				"${DROPS["$name $words"]:-0}" 20
			;;
		esac
	done <<<"$CASES"
}

must "switchd starts" stage_switchd
crowd_listen 2 8
must "a state with many strangers is taken" apply
must "the two talkers are there" crowd_ready
baseline
crowd talk
attack
verdicts
crowd quiet
at_least "frames that the two talkers sent meanwhile" "$(crowd_count sent)" 5000
equal "and of these" "${CROWD_SAID#*got * }" \
	"lost 0 duplicated 0 foreign 0 forged 0 of 0"
healthy
scenario_end
