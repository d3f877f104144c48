#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An IDS that stalls, and one that is slow, lose copies; those whom they watch
# lose nothing, and what a copy is counted as has a name.  Captures are root's.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/crowd.sh"
scenario listener

apply() {
	stage_apply <<-END
	{ "owner": "test", "generation": 1,
	  "networks": [ { "name": "n10", "vlan": 10, "igmp_snooping": false },
	    { "name": "n20", "vlan": 20 } ],
	  "ports": [ $(crowd_ports n10 2),
	    $(crowd_port 2 n10 '"promiscuous": true, "inject": false'),
	    $(crowd_port 3 n10 '"promiscuous": true,
		"rate_to_guest_bps": 1000000'),
	    $(crowd_port 4 n20 '"promiscuous": true') ] }
	END
}

# is_denied COMMAND...: of switchctl, to a user who is neither root nor in the
# switch's group
is_denied() {
	local out

	out=$(setpriv --reuid=65499 --regid=65499 --clear-groups "$SWITCHCTL" \
		--socket "$STAGE/sock/switchd.sock" "$@" 2>&1) && return 1
	printf '%s\n' "$out"
	[[ $out == *"permission denied"* ]]
}

tx_frames() {
	stage_json "[p['tx_frames'] for p in d['ports'] \
		if p['name'] == '$1'][0]" stats
}

must "switchd starts" stage_switchd
must "five front ends listen" crowd_listen 5
must "a state with three listeners is taken" apply
must "the switch comes to all of them" crowd_ready
baseline
crowd talk
must "they talk" crowd_more got 10000
crowd quiet
sent=$(crowd_count sent)
equal "of $sent frames that two sent each other" "${CROWD_SAID#*got * }" \
	"lost 0 duplicated 0 foreign 0 forged 0 of 0"
equal "the listener that stalls had room for a ring of copies" \
	"$(tx_frames p2)" 64
equal "and lost the others under a name" \
	"$(stage_drops p2 ring_full)" $((sent - 64))
at_least "the slow listener lost copies, too" \
	"$(($(stage_drops p3 egress_rate) + $(stage_drops p3 ring_full)))" 1000
equal "the one in another network got none but what the switch itself says" \
	"$(stage_json "[p['tx_frames'] - p['generated'] for p in d['ports'] \
		if p['name'] == 'p4'][0]" stats)" 0
expect "a nobody may not capture" is_denied capture p0 --reason curious -w -
expect "nor begin a mirror" is_denied mirror add --to p2 \
	--port p0 --reason curious
healthy
scenario_end
