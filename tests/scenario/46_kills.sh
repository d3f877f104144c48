#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# kill -9 of each process under traffic: only its own function pauses, and
# comes back.  hypervisord's domains notice nothing of its death, are taken
# over, and what ended meanwhile is known; a domain's own process is started
# again by policy, later each time, and not for ever.
#
# Mostly waits: played beside others.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/domains.sh"

another_than() {
	local pid

	pid=$("stage_$1_pid") && [ "$pid" != "$2" ]
}

# kill_daemon NAME: and wait for its successor.
kill_daemon() {
	local pid

	pid=$("stage_$1_pid") || return
	kill -9 "$pid"
	stage_until 10 another_than "$1" "$pid"
}

hold_daemon() {
	kill -"$2" "$("stage_$1_pid")"
}

# ping_begin: web pings app ten times a second, until ping_end.
ping_begin() {
	"$GUEST" exec -t 60 web ping -i 0.1 -c "$1" -W 1 10.0.10.2 \
		>"$STAGE/pings" 2>&1 </dev/null &
	PINGER=$!
	sleep 1
}

# ping_end COUNT: the longest row of missing replies, in tenths of a second,
# is GAP.
ping_end() {
	wait $PINGER
	GAP=$(sed -n 's/.*seq=\([0-9]*\) .*/\1/p' "$STAGE/pings" |
		awk -v n="$1" -v last=-1 '
		{ if ($1 - last - 1 > most) most = $1 - last - 1; last = $1 }
		END { if (n - 1 - last > most) most = n - 1 - last
			print most + 0 }')
}

same_processes() {
	[ "$(dom_pid web) $(dom_pid app)" = "$PIDS" ]
}

is_running() {
	stage_dom_is "$1" running
}

crashed_for_good() {
	stage_dom_is app crashed
}

# Each time it runs it is killed.
kill_until_it_stays_down() {
	local i pid

	for ((i = 0; i < 300; i++)); do
		crashed_for_good && return
		pid=$(dom_pid app)
		[ "$pid" = None ] || kill -9 "$pid" 2>/dev/null
		sleep 0.2
	done
	return 1
}

domains_stage kills
must "the switch gets two ports" domains_ports \
	"$(stage_domain_port 1 web)" "$(stage_domain_port 2 app)"
must "a state with two domains is taken" domains_are \
	"$(stage_domain 1 web)" "$(stage_domain 2 app '"on_crash": "restart"')"
must "web boots" stage_booted web
must "app boots" stage_booted app
expect "web pings app" pings
PIDS="$(dom_pid web) $(dom_pid app)"
BOOT=$(boot_id app)

# --- the daemons --------------------------------------------------------------

ping_begin 60
expect "hypervisord is killed and comes back" kill_daemon hypervisord
expect "it takes web over" stage_until 10 is_running web
expect "and app" stage_until 10 is_running app
equal "they are the processes they were" \
	"$(dom_pid web) $(dom_pid app)" "$PIDS"
ping_end 60
equal "no ping was lost" $GAP 0
expect "commands reach them: app is paused" stage_do app pause
expect "hypervisord is killed again" kill_daemon hypervisord
expect "app is still paused" stage_until 10 stage_dom_is app paused
expect "and is resumed" stage_do app resume
equal "with the guest that it had" "$(boot_id app)" "$BOOT"

ping_begin 40
expect "xenstored is killed and comes back" kill_daemon xenstored
ping_end 40
equal "no ping was lost" $GAP 0
expect "web's tree is there again" stage_until 5 env \
	XENSTORED_PATH="$STAGE/run/xenstore/$(stage_uuid 1)/socket" \
	xenstore-read /local/domain/1/name

ping_begin 60
expect "switchd is killed and comes back" kill_daemon switchd
ping_end 60
[ "$GAP" -le 20 ]
equal "pings were lost for less than 2 s ($((GAP * 100)) ms)" $? 0
expect "the domains noticed nothing else" same_processes

# --- while one is away -----------------------------------------------------------

expect "switchd hangs" hold_daemon switchd STOP
expect "hypervisord answers all the same" timeout 2 "$CI_ROOT/tests/guest/rpc.py" \
	"$STAGE/run/hypervisord.sock" domains.list
refuse "a domain that is to start waits" timeout 20 "$CI_ROOT/tests/guest/rpc.py" \
	"$STAGE/run/hypervisord.sock" domain.reset \
	'{"name": "app", "wait_s": 600}'
expect "and says for what" eval \
	'stage_dom app "d[\"why\"]" | grep -q "the switch cannot be asked"'
expect "switchd goes on" hold_daemon switchd CONT
expect "and so does app" stage_until 20 is_running app
must "which boots" stage_booted app
expect "and answers" stage_until 5 pings 1

kill -STOP "$HYPERVISORD_SUPERVISOR"
PID=$(dom_pid app)
kill -9 "$(stage_hypervisord_pid)"
kill -9 "$PID"
kill -CONT "$HYPERVISORD_SUPERVISOR"
expect "app was killed while hypervisord was away, and comes back by policy" \
	stage_until 20 is_running app
equal "which is known" "$(dom_reason app)" process_died
must "it boots" stage_booted app

kill -STOP "$HYPERVISORD_SUPERVISOR"
kill -9 "$(stage_hypervisord_pid)"
guest app '(sleep 0.2; poweroff -f) >/dev/null 2>&1 </dev/null &'
sleep 1.5
kill -CONT "$HYPERVISORD_SUPERVISOR"
expect "app has switched itself off while hypervisord was away" \
	stage_until 20 stage_dom_is app halted
equal "which is known, too" "$(dom_reason app)" guest_poweroff

# --- a domain's process -------------------------------------------------------------

expect "app starts" stage_do app start
must "and boots" stage_booted app
PID=$(dom_pid app)
ping_begin 80
kill -9 "$PID"
must "its process is killed: it boots again" stage_booted app
[ "$(dom_pid app)" != "$PID" ]
equal "in another process" $? 0
expect "and answers" stage_until 5 pings 1
wait $PINGER
equal "web is the process it was" "$(dom_pid web)" "${PIDS% *}"
expect "one that ends again and again is not tried for ever" \
	kill_until_it_stays_down
equal "and that is why" "$(dom_reason app)" crash_loop
expect "until somebody starts it" stage_do app start
must "it boots" stage_booted app
expect "and answers" pings

# --- a state that is no more -----------------------------------------------------

PIDS="$(dom_pid web) $(dom_pid app)"
echo causeway >"$STAGE/hv/state.json"
expect "hypervisord is killed, and its state is damaged" kill_daemon hypervisord
expect "it says so" stage_until 10 eval \
	'stage_hv state.saved | grep -q "\"why\""'
expect "the domains run on" stage_until 10 is_running app
expect "and answer" pings 1
expect "a good state is taken" domains_are \
	"$(stage_domain 1 web)" "$(stage_domain 2 app '"on_crash": "restart"')"
equal "they are the processes they were" \
	"$(dom_pid web) $(dom_pid app)" "$PIDS"

# --- another boot of the host, as far as records say ---------------------------

says_why() {
	stage_dom web "d['why']" | grep -q "$1"
}

domains_are "$(stage_domain 1 web | sed 's/"migratable": false/"migratable": true/')" \
	"$(stage_domain 2 app)" >/dev/null
kill -STOP "$HYPERVISORD_SUPERVISOR"
kill -9 "$(stage_hypervisord_pid)"
kill -9 $PIDS
for pid in $PIDS; do # a reboot leaves nobody who holds an image still
	stage_until 10 eval "! kill -0 $pid"
done
sed -i -E 's/("(boot_id|confirmed_boot)": ?")[0-9a-f]{8}/\100000000/' \
	"$STAGE"/hv/domains/*.json
kill -CONT "$HYPERVISORD_SUPERVISOR"
expect "after a reboot of the host app starts by itself" stage_until 20 \
	is_running app
expect "web, which can migrate, waits for its epoch" stage_until 5 \
	says_why "until its epoch is confirmed"
equal "why they ended is known" "$(dom_reason app)" host_reboot
expect "it is confirmed that web is this host's" stage_hv domain.confirm \
	'{ "name": "web", "epoch": 0 }'
expect "and it starts" stage_until 20 is_running web

expect "both are switched off" eval 'stage_do web kill && stage_do app kill'
hv_baseline
expect "nothing is left" nothing_is_left
scenario_end
