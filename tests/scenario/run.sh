#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh [NAME...]: play the scenarios NN_NAME.sh in order, or those named.
# Each gets ten minutes, an hour with CW_LONG, which also plays as often those
# that say `# --long: N times.`; one that fails without having
# said what is wrong is itself what is wrong.  BUILD says which build to play
# with (build).
#
# Those that say `# Mostly waits: played beside others.` are played one after
# the other in the background; what they said comes at the end.

cd "$(dirname "$0")" || exit 1
BUILD=$(realpath "${BUILD:-../../build}")
export BUILD
limit=${CW_LONG:+3600}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# play SCRIPT LOG
play() {
	local name=${1#*_} began=$SECONDS rc

	name=${name%.sh}
	echo "# $name"
	timeout --foreground -k 30 "${limit:-600}" bash "$1" 2>&1 |
		tee "$2"
	rc=${PIPESTATUS[0]}
	if [ "$rc" != 0 ]; then
		: >"$scratch/failed"
		grep -q '^not ok' "$2" ||
			echo "not ok - $name ends well (status $rc)"
	fi
	echo "# $name took $((SECONDS - began)) s"
}

# times SCRIPT
times() {
	local n=""

	[ -z "${CW_LONG:-}" ] || n=$(sed -n \
		's/^# --long: \([0-9]*\) times\.$/\1/p' "$1")
	echo "${n:-1}"
}

# lane LOG SCRIPT...
lane() {
	local log=$1 script i

	shift
	for script; do
		for ((i = $(times "$script"); i > 0; i--)); do
			play "$script" "$log"
		done
	done
}

here=()
beside=()
for script in [0-9]*_*.sh; do
	name=${script#*_}
	name=${name%.sh}
	[ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
	if grep -q '^# Mostly waits: played beside others\.$' "$script"; then
		beside+=("$script")
	else
		here+=("$script")
	fi
done
if [ ${#here[@]} = 0 ]; then
	lane "$scratch/log" "${beside[@]}"
else
	lane "$scratch/log-beside" "${beside[@]}" >"$scratch/beside" 2>&1 \
		</dev/null &
	lane "$scratch/log" "${here[@]}"
	wait
	cat "$scratch/beside"
fi
[ ! -e "$scratch/failed" ]
