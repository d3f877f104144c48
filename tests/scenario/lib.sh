#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# lib.sh: what every scenario uses.  A scenario is a story of a few minutes at
# most, with real components on a stage of its own (tests/guest/stage.sh):
#
#	. "$(dirname "$0")/lib.sh"
#	scenario vlan
#	...
#	expect "web reaches app" guest web ping -c 1 10.0.10.2
#	refuse "web does not reach db" guest web ping -c 1 -W 1 10.0.10.3
#	healthy
#
# It prints `ok - sentence` or `not ok - sentence`, goes on after a failure,
# and ends with status 1 if there was one.

set -uo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/../../.ci/lib.sh"
. "$CI_ROOT/tests/guest/stage.sh"

SCENARIO_FAILED=0

scenario() {
	ci_trap
	stage_open "$1"
	ci_on_exit scenario_logs
}

# After a failure the logs are what one wants to see.
scenario_logs() {
	local log

	[ $SCENARIO_FAILED = 0 ] || for log in "$STAGE"/log/*; do
		echo "    --- ${log##*/}"
		tail -n 30 "$log" | sed 's/^/    /'
	done
}

scenario_end() {
	exit $((SCENARIO_FAILED > 0))
}

pass() {
	echo "ok - $1"
}

fail() {
	echo "not ok - $1"
	SCENARIO_FAILED=$((SCENARIO_FAILED + 1))
	shift
	[ $# = 0 ] || printf '%s\n' "$@" | tail -n 20 | sed 's/^/    /'
}

# expect SENTENCE COMMAND...: ok if it succeeds.  The command runs in this
# shell, so what it sets stays set.
expect() {
	local sentence=$1

	shift
	if "$@" >"$STAGE/output" 2>&1 </dev/null; then
		pass "$sentence"
	else
		fail "$sentence" "$* ended with status $?" \
			"$(cat "$STAGE/output")"
	fi
}

# refuse SENTENCE COMMAND...: ok if it fails.
refuse() {
	local sentence=$1

	shift
	if "$@" >"$STAGE/output" 2>&1 </dev/null; then
		fail "$sentence" "$* succeeded" "$(cat "$STAGE/output")"
	else
		pass "$sentence"
	fi
}

# equal SENTENCE SEEN WANTED
equal() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1" "seen $2, wanted $3"
	fi
}

# at_least SENTENCE SEEN WANTED: whole numbers
at_least() {
	if [ "${2:-0}" -ge "$3" ]; then
		pass "$1"
	else
		fail "$1" "seen $2, wanted at least $3"
	fi
}

# must SENTENCE COMMAND...: like expect, but without it the story cannot go on.
must() {
	expect "$@"
	[ $SCENARIO_FAILED = 0 ] || exit 1
}

# skip SENTENCE WHY: not counted; for what a machine cannot show.
skip() {
	echo "skipped - $1 ($2)"
}

# --- what holds after every case ------------------------------------------

# open_files: how many switchd holds, when it has closed the connection of our
# last question.
open_files() {
	local before=-1 now

	now=$(ls "/proc/$SWITCHD_PID/fd" | wc -l)
	while [ "$now" != "$before" ]; do
		sleep 0.1
		before=$now
		now=$(ls "/proc/$SWITCHD_PID/fd" | wc -l)
	done
	echo "$now"
}

# files_are WANTED: descriptors that switchd holds
files_are() {
	local files

	files=$(open_files)
	echo "$files are open, $1 were wanted"
	[ "$files" = "$1" ]
}

# baseline: remember processes and open files, for healthy.
baseline() {
	SWITCHD_PID=$(stage_switchd_pid)
	SWITCHD_FILES=$(open_files)
	NETD_PID=$(stage_netd_pid || true)
}

# No frame is lost without a name: at rest rx + generated + copies = tx +
# drops.  Frames may still be under way, so ask until it holds, for a while.
balanced() {
	[ "$(stage_json "(lambda t: t.get('rx_frames', 0) + \
		t.get('generated', 0) + t.get('copies', 0) - \
		t.get('tx_frames', 0) - sum(t.get('drops', {}).values()) \
		)(d['total'])" stats)" = 0 ]
}

# healthy [EXTRA_FILES]: processes are those of the baseline, files did not
# leak (EXTRA_FILES more are due to what the story has attached since), frames
# are accounted for.
healthy() {
	equal "switchd is the process it was" "$(stage_switchd_pid)" \
		"$SWITCHD_PID"
	[ -z "$NETD_PID" ] ||
		equal "netd is the process it was" "$(stage_netd_pid)" \
			"$NETD_PID"
	expect "no descriptor has leaked" stage_until 5 files_are \
		$((SWITCHD_FILES + ${1:-0}))
	expect "every frame is accounted for" stage_until 5 balanced
	refuse "no sanitizer and no assertion spoke" \
		grep -rE 'Sanitizer|Assertion|runtime error' "$STAGE/log"
}
