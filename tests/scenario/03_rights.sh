#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the processes may touch: read from the kernel, thread by thread.

. "$(dirname "$0")/lib.sh"
scenario rights

# status PID KEY: the values of KEY over all threads, each once.
status() {
	cat "/proc/$1"/task/*/status | awk -v key="$2:" '$1 == key { print $2 }' |
		sort -u | tr '\n' ' '
}

must "netd starts" stage_netd
must "switchd starts" stage_switchd
baseline
at_least "switchd has several threads" \
	"$(ls "/proc/$SWITCHD_PID/task" | wc -l)" 2
equal "each runs as the switch's user" "$(status "$SWITCHD_PID" Uid)" \
	"$STAGE_UID "
equal "and group" "$(status "$SWITCHD_PID" Gid)" "$STAGE_UID "
equal "and no other group" "$(status "$SWITCHD_PID" Groups)" " "
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
	equal "no thread has a capability in $set" \
		"$(status "$SWITCHD_PID" $set)" "0000000000000000 "
done
equal "none may gain rights" "$(status "$SWITCHD_PID" NoNewPrivs)" "1 "
equal "each is confined by seccomp" "$(status "$SWITCHD_PID" Seccomp)" "2 "
for set in CapPrm CapEff; do
	equal "netd keeps CAP_NET_ADMIN and CAP_NET_RAW in $set, no other" \
		"$(status "$NETD_PID" $set)" "0000000000003000 "
done
equal "and could not get them back" "$(status "$NETD_PID" CapBnd)" \
	"0000000000000000 "
equal "and may gain no rights" "$(status "$NETD_PID" NoNewPrivs)" "1 "
equal "and is confined by seccomp" "$(status "$NETD_PID" Seccomp)" "2 "
refuse "switchd holds no file of root's that it could write" sh -c '
	for fd in /proc/$1/fd/*; do
		f=$(readlink "$fd")
		case $f in /etc/* | /usr/* | /root/* | /home/*) echo "$f" ;; esac
	done | grep .' - "$SWITCHD_PID"
expect "nobody else may write where it keeps its state" sh -c \
	'[ "$(stat -c %a:%u "$1")" = "700:$2" ]' - "$STAGE/state" $STAGE_UID
refuse "a foreign user gets nothing from netd" setpriv --reuid=65499 \
	--clear-groups "$BUILD/tests/scenario/netd-ask" \
	"$STAGE/sock/netd.sock" link lo
healthy
scenario_end
