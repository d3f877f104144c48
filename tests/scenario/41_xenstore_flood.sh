#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Guests do to the store what they can: write without end, set off storms of
# events, let transactions collide, fill their tree, never read an answer.
# Whoever else asks is answered at once, what they cost is bounded, and what
# was answered before a kill -9 is there after it.  Then there is no room for
# the journal.
#
#	a	the hostile VM	    b	another one
# --long: 5 times.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/store.sh"
scenario xenstore-flood

home=/local/domain/1

# client NAME COMMAND...: in the background; what it says is said/NAME.
client() {
	local name=$1

	shift
	"$@" >"$STAGE/said/$name" 2>>"$STAGE/log/clients" &
	CLIENTS+=($!)
}

# hostile NAME VERB SECONDS PATH: as root on the guest's socket: a handle
hostile() {
	client "$1" "$STORE_CLIENT" "$(store_socket a guest)" "$2" "$3" "$4"
}

# said NAME FIELD
said() {
	awk -v n="$2" 'END { print $n }' "$STAGE/said/$1"
}

clients_end() {
	wait "${CLIENTS[@]}" || true
	CLIENTS=()
}

memory_kib() {
	sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' \
		"/proc/$(store_pid)/status"
}

# killed: kill -9, and another serves.
killed() {
	local pid

	pid=$(store_pid)
	kill -9 "$pid"
	stage_until 5 eval '[ "$(store_pid)" != '"$pid"' ]' &&
		stage_until 5 store_ask stats
}

# at_most SENTENCE SEEN WANTED
at_most() {
	at_least "$1" "$3" "${2:-999999999}"
}

mkdir "$STAGE/said"
CLIENTS=()
must "xenstored starts" store_start
must "two VMs have their trees" eval 'store_vm a && store_vm b'
pid=$(store_pid)

# --- floods ---

# One that never reads, for longer than the rest takes.
hostile deaf deaf 26 $home
deaf=${CLIENTS[0]}
CLIENTS=()

# It sets its watches while there is credit.
hostile storm storm 6 $home/data/storm
sleep 0.5
client written as_vm a "$STORE_CLIENT" "$(store_socket a guest)" write 5 \
	$home/data/written
hostile flood flood 5 $home/data/flooded
hostile conflict conflict 5 $home/data/conflict
hostile full full 5 $home/data/full
sleep 1
client control_a "$STORE_CLIENT" "$(store_socket a)" probe 3 /tool/probe
client control_b "$STORE_CLIENT" "$(store_socket b)" probe 3 /tool/probe
client guest_b as_vm b "$STORE_CLIENT" "$(store_socket b guest)" write 3 \
	$home/data/written
sleep 2
store_ask read "$(uuid a)" / >/dev/null
clients_end

# Their own waits of a millisecond and a busy machine leave fewer than 1000 a
# second; figures are tests/bench/bench's.
at_least "the control domain is answered in the flooded tree" \
	"$(said control_a 1)" 600
at_most "99 of 100 times soon, in microseconds" "$(said control_a 3)" 50000
at_least "and in the other" "$(said control_b 1)" 600
at_most "99 of 100 times soon, in microseconds" "$(said control_b 3)" 50000
at_least "the other guest writes as often as it may" "$(said guest_b 1)" 500
at_most "the hostile guest's five writers get the credit of one, 1200 in 5 s" \
	$(($(said written 1) + $(said flood 1) / 2 + $(said storm 1) +
	$(said conflict 1))) 2500
at_least "each of them gets some: one that reads and writes" \
	"$(said flood 1)" 16
at_least "one with 128 watches" "$(said storm 2)" 128
at_least "one whose transactions collide" "$(said conflict 1)" 1
at_least "and are told so" "$(said conflict 2)" 1
at_most "its tree has no more than a thousand nodes" "$(said full 1)" 1000
at_most "and takes little memory, KiB" "$(memory_kib)" 32768
at_most "its journal is bounded" "$(stat -c %s "$(store_socket a journal)")" \
	$((8 << 20))
equal "xenstored is the process it was" "$(store_pid)" "$pid"

# --- who does not read ---

wait "$deaf"
at_most "what never reads is not read from" "$(said deaf 1)" $((1 << 20))
equal "and hung up on after 20 s" "$(said deaf 2)" hung

# Thousands of events for a guest that stands still: when it goes on it learns
# that something has changed.
client relay as_vm a "$STORE_CLIENT" "$(store_socket a guest)" relay 20 \
	$home/watched
stage_until 5 grep -q . "$STAGE/said/relay"
relay=$(pgrep -f "^$STORE_CLIENT $(store_socket a guest) relay")
kill -STOP "$relay"
"$STORE_CLIENT" "$(store_socket a)" full 3 $home/watched >"$STAGE/said/storm"
at_least "the control domain makes changes below a watch of a guest's that \
stands still" "$(said storm 1)" 1
kill -CONT "$relay"
xs a write $home/watched/last x
expect "when that goes on, it is told that there are some" stage_until 5 \
	grep -q "^$home/watched\(/last\)\? relay$" "$STAGE/said/relay"

# --- kill -9 ---

stage_run watch "$STORE_ASK" "$STAGE/sock/xenstored.sock" watch "$(uuid a)" \
	$home/data/other
stage_until 5 grep -q . "$STAGE/log/watch"
xs a write $home/data/other x
xs a chmod $home/data/other n1 r0 w7
state=$(xs a ls -f -p / | grep -v '/written\|/probe'; xs b ls -f -p /)
for i in 1 2 3; do
	client written_a "$STORE_CLIENT" "$(store_socket a)" write 5 \
		$home/written
	client written_b as_vm b "$STORE_CLIENT" "$(store_socket b guest)" \
		write 5 $home/data/written
	sleep 0.5
	: >"$STAGE/log/watch"
	expect "kill -9: another xenstored serves" killed
	wait "${CLIENTS[@]: -2}" || true
	# One more may have been written than was answered.
	n=$(said written_a 1)
	m=$(xs a read $home/written)
	expect "the control domain's last write is there ($n, $m)" \
		[ "$m" = "$n" -o "$m" = $((n + 1)) ]
	n=$(said written_b 1)
	m=$(xs b read $home/data/written)
	expect "the guest's last write is there ($n, $m)" \
		[ "$m" = "$n" -o "$m" = $((n + 1)) ]
done
equal "values and permissions are as they were" \
	"$(xs a ls -f -p / | grep -v '/written\|/probe'; xs b ls -f -p / |
		sed 's/^\(.*data\/written = \).*/\1/')" \
	"$(sed 's/^\(.*data\/written = \).*/\1/' <<<"$state")"
expect "the VM's process has come back, and its watch has fired" \
	stage_until 5 grep -q "^again" "$STAGE/said/relay"
: >"$STAGE/said/relay"
xs a write $home/watched/new x
expect "which it did not set again, and which fires" stage_until 5 \
	grep -q "^$home/watched/new relay" "$STAGE/said/relay"
expect "hypervisord's client watches again by itself" stage_until 5 \
	grep -q "^$home/data/other" "$STAGE/log/watch"

# --- destroyed ---

xs a write $home/theirs x
xs a chmod $home/theirs n1
expect "the tree is destroyed and made again" eval \
	'store_ask destroy "$(uuid a)" && store_vm a'
equal "nothing is in it" "$(xs a ls -f $home)" "$home/data = \"\""
equal "the guest has one node, no watch and no transaction" \
	"$(store_stat a "(t['guest']['nodes'], t['guest']['watches'], \
		t['guest']['transactions'])")" "(1, 0, 0)"
stage_until 5 eval '[ "$(store_stat a "t[\"relay\"]")" = True ]'
: >"$STAGE/said/relay"
xs a write $home/watched/new x
sleep 0.5
equal "who comes with the old uid is told nothing" \
	"$(cat "$STAGE/said/relay")" ""
xs a rm $home/watched
xs a write $home/other x
refuse "and has no rights of before" as_vm a env \
	XENSTORED_PATH="$(store_socket a guest)" xenstore-write \
	$home/theirs x
kill "$relay"
clients_end

# --- no room ---

stage_stop_pids "$STORE_SUPERVISOR"
STORE_DIR=$STAGE/small/trees
mkdir "$STAGE/small"
mount -t tmpfs -o size=256k,mode=711 small "$STAGE/small"
ci_on_exit 'umount -l "$STAGE/small"'
expect "xenstored starts where there is little room" store_start
expect "enough for a tree" store_vm a
dd if=/dev/zero of="$STAGE/small/full" bs=4k 2>/dev/null
value=$(printf 'x%.0s' {1..1000})
expect "when there is none left, the tree goes on" eval \
	'for i in {1..20}; do xs a write $home/$i $value; done'
equal "and is known not to survive a kill -9" "$(store_stat a "t['kept']")" \
	False
refuse "no tree is made" store_vm b
refuse "nor half of one" ls "$STORE_DIR/$(uuid b)"
rm "$STAGE/small/full"
expect "when there is room again, all is kept" stage_until 10 eval \
	'[ "$(store_stat a "t[\"kept\"]")" = True ]'
expect "kill -9: another xenstored serves" killed
equal "and has what was written without room" "$(xs a read $home/20)" "$value"
refuse "no sanitizer and no assertion spoke" \
	grep -rE 'Sanitizer|Assertion|runtime error' "$STAGE/log"
scenario_end
