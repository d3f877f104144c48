#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A thousand guests, of whom two talk.  The others cost memory and descriptors,
# as many as was said; a hundred of them come and go, and nothing is left of
# that.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/crowd.sh"
scenario thousand-ports

PORTS=1000
FILES_EACH=5 # the socket, and kick and call of two rings

apply() {
	{
		echo '{ "owner": "test", "generation": 1,
		  "networks": [ { "name": "n10", "vlan": 10 } ], "ports": ['
		crowd_ports n10 "$1"
		echo '] }'
	} | stage_apply
}

# status KEY: a number from switchd's /proc/PID/status
status() {
	awk -v key="$1:" '$1 == key { print $2 }' "/proc/$SWITCHD_PID/status"
}

# A hundred, ten at a time, while the talk goes on.
bounce() {
	local i

	for ((i = 0; i < 10; i++)); do
		crowd "bounce 10" || return
	done
}

must "switchd starts" stage_switchd
must "a thousand front ends listen" crowd_listen $PORTS
baseline
threads=$(status Threads)
before=$(status RssAnon)
must "a state with a thousand ports is taken" apply $PORTS
must "the switch comes to all of them" crowd_ready
equal "each has a link" "$(stage_json \
	"len([p for p in d['ports'] if p['link']])" ports)" $PORTS
equal "each takes $FILES_EACH descriptors" "$(open_files)" \
	$((SWITCHD_FILES + PORTS * FILES_EACH))
equal "and no thread" "$(status Threads)" "$threads"
at_least "and less than 100 kB of memory" \
	$((100 * PORTS)) $(($(status RssAnon) - before))

crowd talk
expect "a hundred guests hang up in the midst and come back" bounce
crowd quiet
at_least "frames that two talkers sent meanwhile" "$(crowd_count sent)" 5000
equal "and of these" "${CROWD_SAID#*got * }" \
	"lost 0 duplicated 0 foreign 0 forged 0 of 0"
expect "as many descriptors are open as before" stage_until 5 files_are \
	$((SWITCHD_FILES + PORTS * FILES_EACH))
must "a state with two ports is taken" apply 2
expect "a thousand guests less, and nothing is left of them" stage_until 5 \
	files_are $((SWITCHD_FILES + 2 * FILES_EACH))
healthy $((2 * FILES_EACH))
kill "$SWITCHD_SUPERVISOR"
wait "$SWITCHD_SUPERVISOR"
equal "switchd ends when told to, with status" $? 0
scenario_end
