#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# causeway-supervise starts what dies, waits longer for what keeps dying,
# passes signals on, and ends as its command ended.  Needs no root.
#
#	BUILD=build tests/scenario/21_supervise_starts_again.sh
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${BUILD:-$root/build}" && pwd)
supervise=$build/base/causeway-supervise
work=$(mktemp -d /tmp/causeway-supervise-XXXXXX)
pid=

cleanup() {
	[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

ok() { echo "ok - $*"; }
fail() {
	echo "FAILED - $*" >&2
	cat "$work/log" >&2 || true
	exit 1
}

# A command that says its pid on descriptor 8 and waits.
mkfifo "$work/said"
exec 8<>"$work/said"
cat >"$work/daemon" <<'END'
trap 'exit 7' TERM
trap 'echo hup >&8' HUP
echo $$ >&8
while :; do sleep 3 8>&- & wait $!; done
END

said() { read -r -t 10 line <&8 || fail "nothing said: $*"; }

"$supervise" --name thing -- bash "$work/daemon" 2>"$work/log" &
pid=$!
said "first start"
first=$line
kill -9 "$first"
said "second start"
[ "$line" != "$first" ] || fail "the same process?"
ok "a killed command is started again"

kill -HUP "$pid"
said "SIGHUP"
[ "$line" = hup ] || fail "SIGHUP did not arrive"
ok "SIGHUP goes on to the command"

kill "$pid"
status=0
wait "$pid" || status=$?
pid=
[ "$status" = 7 ] || fail "ended with $status, its command with 7"
grep -q 'thing .* killed by signal 9' "$work/log" || fail "death not logged"
ok "SIGTERM ends both, with the command's status"

"$supervise" --name thing -- bash "$work/daemon" 2>"$work/log" &
pid=$!
said "start"
child=$line
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
pid=
tail --pid="$child" -f /dev/null & waiter=$!
( sleep 10; kill "$waiter" 2>/dev/null ) & guard=$!
wait "$waiter" || fail "the command outlives its supervisor"
kill "$guard" 2>/dev/null || true
ok "the command ends when its supervisor is killed"

"$supervise" --name bad -- bash -c 'echo x >&8; exit 3' 2>"$work/log" &
pid=$!
for i in 1 2 3 4 5 6; do said "start $i"; done
kill "$pid"
wait "$pid" || true
pid=
[ "$(grep -c 'bad degraded' "$work/log")" = 1 ] || fail "degraded not said"
ok "one that keeps dying is degraded, said once, and tried on"

"$supervise" --ready-fd 8 -- bash -c 'echo READY=1 >&$CAUSEWAY_READY_FD
	exec sleep 30 8>&-' 2>"$work/log" &
pid=$!
said "ready"
[ "$line" = READY=1 ] || fail "ready-fd: $line"
kill "$pid"
wait "$pid" || true
pid=
ok "the command can say that it is ready"

CAUSEWAY_LOG_TIME=1 "$supervise" --name thing --status "$work/status" \
	--log "$work/own.log" -- bash "$work/daemon" 2>"$work/log" &
pid=$!
said "start"
child=$line
grep -qx "pid $child" "$work/status" || fail "status without the pid"
kill -9 "$child"
said "second start"
for ((i = 0; i < 50; i++)); do
	! grep -qx 'ended was killed by signal 9 (Killed)' "$work/status" ||
		break
	sleep 0.1
done
grep -qx "pid $line" "$work/status" && grep -qx 'restarts 1' "$work/status" ||
	fail "status after a death: $(cat "$work/status")"
ok "its status names the process and how the last one ended"

grep -qE '^20[0-9T:.-]*Z causeway-supervise: warn: thing .*signal 9' \
	"$work/own.log" || fail "no line with a time in the log"
ok "its log has the time"

status=0
"$supervise" --status "$work/status" -- true 2>"$work/second" || status=$?
[ "$status" = 3 ] && grep -q "already supervised, by pid $pid" "$work/second" ||
	fail "a second supervisor: status $status, $(cat "$work/second")"
kill "$pid"
wait "$pid" || true
pid=
"$supervise" --status "$work/status" -- true 2>/dev/null &
pid=$!
sleep 0.2
kill "$pid"
wait "$pid" || true
pid=
ok "nobody is supervised twice, and a dead supervisor holds nothing"

! "$supervise" --nonsense 2>/dev/null || fail "a wrong option passes"
! "$supervise" 2>/dev/null || fail "no command passes"
ok "wrong use is refused"
