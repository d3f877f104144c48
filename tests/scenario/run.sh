#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh [NAME...]: play the scenarios NN_NAME.sh in order, or those named.
# Each gets ten minutes, an hour with CW_LONG, which also plays as often those
# that say `# --long: N times.`; one that fails without having
# said what is wrong is itself what is wrong.  BUILD says which build to play
# with (build).

cd "$(dirname "$0")" || exit 1
BUILD=$(realpath "${BUILD:-../../build}")
export BUILD
limit=${CW_LONG:+3600}
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

play() {
	local began=$SECONDS rc

	echo "# $name"
	timeout --foreground -k 30 "${limit:-600}" bash "$script" 2>&1 |
		tee "$log"
	rc=${PIPESTATUS[0]}
	if [ "$rc" != 0 ]; then
		failed=1
		grep -q '^not ok' "$log" ||
			echo "not ok - $name ends well (status $rc)"
	fi
	echo "# $name took $((SECONDS - began)) s"
}

for script in [0-9]*_*.sh; do
	name=${script#*_}
	name=${name%.sh}
	[ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
	times=1
	[ -z "${CW_LONG:-}" ] || times=$(sed -n \
		's/^# --long: \([0-9]*\) times\.$/\1/p' "$script")
	for ((i = 0; i < ${times:-1}; i++)); do
		play
	done
done
exit $failed
