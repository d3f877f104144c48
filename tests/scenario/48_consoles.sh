#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Consoles: a Debian kernel's serial port under QEMU, and a guest that floods,
# behind a real consoled.  Who may look on, who may type, what is kept, and
# what slow clients, a full disk and a kill -9 do: nothing to the guests.

. "$(dirname "$0")/lib.sh"
scenario consoles
"$GUEST" prepare >/dev/null

CONSOLED=$BUILD/hypervisor/causeway-consoled
CLIENT=$BUILD/tests/scenario/console-client
HOST=$(dirname "$0")/console_host.py
SOCKET=$STAGE/consoled.sock
USER_ID=$((STAGE_UID + 20)) # consoled's
ADMINS=$((STAGE_UID + 21))  # the group
OTHER=$((STAGE_UID + 22))   # anybody
REAL=11111111-0000-4000-8000-000000000001
LOGS=$STAGE/history

# A disk that three files of history fill.
mkdir "$LOGS"
mount -t tmpfs -o size=640k tmpfs "$LOGS"
ci_on_exit 'umount -l "$LOGS"'

client() {
	"$CLIENT" "$SOCKET" "$@"
}

# start_client NAME OPTION...: reads $STAGE/NAME.in, what it sees is in
# $STAGE/NAME.out; its process id is in STAGE_PID.
start_client() {
	local name=$1

	shift
	mkfifo "$STAGE/$name.in"
	exec {fd}<>"$STAGE/$name.in"
	eval "$name=$fd"
	setsid "$CLIENT" "$SOCKET" "$@" <"$STAGE/$name.in" \
		>"$STAGE/$name.out" 2>"$STAGE/log/$name" &
	STAGE_PID=$!
	STAGE_PIDS+=($STAGE_PID)
	stage_until 30 grep -q causeway: "$STAGE/log/$name"
}

type_at() {
	eval "printf '%s\n' \"\$2\" >&\$$1"
}

saw() {
	grep -qaF "$2" "$STAGE/$1.out"
}

# run_at CLIENT TOKEN COMMAND: one of init's command lines.
run_at() {
	type_at "$1" "$2 9 $(echo "$3" | base64)"
}

as() {
	local uid=$1 gid=$2

	shift 2
	setpriv --reuid="$uid" --regid="$gid" --clear-groups "$@"
}

ask() {
	python3 "$HOST" ask "$SOCKET" "$@"
}

# fact CONSOLE EXPRESSION: of consoles.list
fact() {
	ask consoles.list '{}' | python3 -c '
import json, sys
for c in json.load(sys.stdin)["consoles"]:
    if c["name"] == sys.argv[1]:
        print(eval(sys.argv[2], c))' "$@"
}

is() {
	[ "$("${@:2}")" = "$1" ]
}

consoled_pid() {
	pgrep -P "$SUPERVISOR"
}

# --- start -------------------------------------------------------------------

stage_run consoled "$SUPERVISE" --name consoled -- "$CONSOLED" \
	--socket "$SOCKET" --log-dir "$LOGS" --user $USER_ID:$USER_ID \
	--group $ADMINS
SUPERVISOR=$STAGE_PID
must "consoled starts" stage_until 30 ask version '{}'
mkdir -m 711 "$STAGE/serial"
stage_run host python3 "$HOST" host "$SOCKET" "$STAGE/serial" $USER_ID \
	qemu-system-x86_64 -nodefaults -display none -no-reboot -machine q35 \
	-accel "$(cat "$CW_GUESTS/image/accel")" -cpu max -m 160 \
	-kernel "$CW_GUESTS/image/vmlinuz" \
	-initrd "$CW_GUESTS/image/initrd.gz" \
	-append "console=ttyS0 panic=-1 cw.name=real cw.ctl=ttyS0"
must "it connects to the domains it is told of" \
	stage_until 30 is connected fact real serial

status=/proc/$(consoled_pid)/status
equal "it runs as its own user" "$(awk '/^Uid/ { print $2, $3, $4 }' "$status")" \
	"$USER_ID $USER_ID $USER_ID"
equal "it has no capability, now or later" \
	"$(awk '/^Cap(Prm|Eff|Bnd|Inh|Amb)/ { print $2 }' "$status" | sort -u)" \
	0000000000000000
equal "it is confined by seccomp" "$(awk '/^Seccomp:/ { print $2 }' "$status")" 2
equal "it has no socket but Unix ones" "$(ss -Htuwanp |
	grep -c "pid=$(consoled_pid),")" 0

# --- who may -------------------------------------------------------------------

refuse "another user cannot connect to a domain's socket" \
	as $OTHER $OTHER python3 "$HOST" knock "$STAGE/serial/$REAL/serial.sock"
refuse "nor may the admins' group" \
	as $OTHER $ADMINS python3 "$HOST" knock "$STAGE/serial/$REAL/serial.sock"
refuse "another user may not open a console" \
	as $OTHER $OTHER "$CLIENT" "$SOCKET" --history real
expect "the admins' group may" \
	as $OTHER $ADMINS "$CLIENT" "$SOCKET" --history real
refuse "but not say what consoles there are" \
	as $OTHER $ADMINS python3 "$HOST" ask "$SOCKET" consoles.set \
	'{"consoles": []}'
equal "and nothing has come of it" "$(fact real "serial")" connected

# --- two at a console -------------------------------------------------------------

start_client ann real
start_client bob real
must "the guest boots" stage_until 120 saw ann ready
run_at ann t1 'echo sum $((40 + 2))'
expect "who came first types" stage_until 30 saw ann "t1 end 0"
expect "who looks on sees the same" stage_until 30 saw bob "sum 42"
run_at bob t2 'echo never'
expect "he is told that he only looks on" stage_until 30 saw bob "types here"
refuse "and what he types goes nowhere" saw ann "never"
expect "history goes back to the kernel's first words" \
	sh -c '"$0" "$1" --history real | grep -q "Linux version"' \
	"$CLIENT" "$SOCKET"
start_client eve --take real
expect "history comes before a session" saw eve "t1 end 0"
expect "typing can be taken over" stage_until 30 saw ann "types now"
run_at eve t3 'echo taken $((1 + 1))'
expect "by who says so" stage_until 30 saw bob "taken 2"
expect "each opening is logged with who" \
	grep -q "console real ($REAL): serial opened by uid 0, pid" \
	"$STAGE/log/consoled"
expect "VNC reaches the screen that hypervisord gives" \
	stage_until 30 sh -c \
	'sleep 1 | "$0" "$1" --vnc - real | grep -q "RFB 003.008"' \
	"$CLIENT" "$SOCKET"

# --- slow clients and full disks ---------------------------------------------------

start_client slow --watch fake
SLOW_PID=$STAGE_PID
start_client quick fake
kill -STOP "$SLOW_PID"
type_at quick "flood 1500000"
expect "a guest is not held up by a client that does not read" \
	stage_until 30 grep -q 'flooded in' "$STAGE/log/host"
type_at quick marker
expect "a client that reads gets all of it" stage_until 30 saw quick \
	"heard: marker"
at_least "byte for byte" "$(tr -cd f <"$STAGE/quick.out" | wc -c)" 1500000
kill -CONT "$SLOW_PID"
expect "the slow one is told what it missed" stage_until 30 saw slow \
	"bytes skipped]"
expect "and goes on with what is new" stage_until 30 saw slow "heard: marker"
at_least "history that the full disk did not take is counted" \
	"$(fact fake lost_bytes)" 1
expect "and logged" grep -q "history cannot be written: No space" \
	"$STAGE/log/consoled"
run_at eve t4 'echo fine'
expect "other consoles go on with a full disk" stage_until 30 saw eve "t4 end 0"
rm -f "$LOGS"/2222*.log.*

# --- kill -9 --------------------------------------------------------------------------

qemu=$(awk '/^qemu/ { print $2 }' "$STAGE/log/host")
before=$(consoled_pid)
kill -9 "$before"
expect "consoled is started again and told its consoles" \
	stage_until 30 is connected fact real serial
refuse "as another process" [ "$(consoled_pid)" = "$before" ]
expect "sessions go on by themselves" \
	stage_until 30 grep -q "connected again" "$STAGE/log/bob"
type_at eve "" # whoever came first types; all three are asked
for who in ann bob eve; do
	run_at $who t5$who 'echo alive'
done
expect "the guest has noticed nothing" \
	stage_until 30 grep -qa 't5[a-z]* end 0' "$STAGE/bob.out"
expect "it is the same process" test -e "/proc/$qemu"
expect "its history continues" sh -c \
	'cat "$0".log* | grep -a "t1 end 0" && cat "$0".log* | grep -a "t5.* end 0"' \
	"$LOGS/$REAL"

# --- a domain that ends ------------------------------------------------------------------

kill "$qemu"
expect "the end of a domain ends no session" stage_until 30 saw bob \
	"the domain has closed its console"
equal "consoled waits for its next start" "$(fact real serial)" waiting
refuse "no sanitizer and no assertion spoke" \
	grep -rE 'Sanitizer|Assertion|runtime error' "$STAGE/log"
scenario_end
