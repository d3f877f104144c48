#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two guests talk while fifty networks beside theirs are added and removed, and
# lose nothing: an address is forgotten only with its own network.
#
#	p0	n10, its address is configured
#	p1	n10, its address was learned

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/crowd.sh"
scenario networks

NETWORKS=50
GENERATION=0

# apply COUNT: so many networks before n10, and one behind it.
apply() {
	local i others=""

	GENERATION=$((GENERATION + 1))
	for ((i = 0; i < $1; i++)); do
		others+="{ \"name\": \"x$i\", \"vlan\": $((100 + i)) }, "
	done
	stage_apply <<-END
	{ "owner": "test", "generation": $GENERATION, "networks": [ $others
	    { "name": "n10", "vlan": 10 },
	    { "name": "y$GENERATION", "vlan": 20 } ],
	  "ports": [ $(crowd_port 0 n10),
	    { "name": "p1", "type": "vhost-user", "network": "n10",
	      "socket": "$STAGE/crowd/p1", "storm_pps": 0 } ] }
	END
}

# come_and_go: one by one, and some frames sent under each state.
come_and_go() {
	local i

	for ((i = 1; i <= 2 * NETWORKS; i++)); do
		apply $((i <= NETWORKS ? i : 2 * NETWORKS - i)) &&
			crowd_more sent 50 || return
	done
}

must "switchd starts" stage_switchd
must "2 front ends listen" crowd_listen 2
must "a state with two guests is taken" apply 0
must "the switch comes to them" crowd_ready
baseline
crowd talk
must "they talk" crowd_more got 100
full=$(($(stage_drops p0 ring_full) + $(stage_drops p1 ring_full)))
early=$(stage_drops p0 no_dest) # before p1 had said where it is
expect "$NETWORKS networks come and go while they do" come_and_go
crowd quiet
at_least "frames that they sent meanwhile" "$(crowd_count sent)" \
	$((2 * NETWORKS * 50))
full=$(($(stage_drops p0 ring_full) + $(stage_drops p1 ring_full) - full))
equal "none was lost but to a full ring" "$(crowd_count lost)" $((early + full))
equal "none found nobody" "$(stage_drops p0 no_dest)" "$early"
healthy
scenario_end
