#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh [NAME...]: play the scenarios NN_NAME.sh in order, or those named.
# Each gets ten minutes; one that dies without a word has failed.

cd "$(dirname "$0")" || exit 1
failed=0

for script in [0-9]*_*.sh; do
	name=${script#*_}
	name=${name%.sh}
	[ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
	began=$SECONDS
	echo "# $name"
	timeout --foreground -k 30 600 bash "$script"
	rc=$?
	if [ $rc -gt 1 ]; then
		echo "not ok - scenario $name ends (status $rc)"
	fi
	[ $rc = 0 ] || failed=1
	echo "# $name took $((SECONDS - began)) s"
done
exit $failed
