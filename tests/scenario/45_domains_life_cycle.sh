#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Domains live: they wait for the switch, boot, talk, are paused, suspended,
# resumed, rebooted, shut down; their VIFs and disks come and go while they
# run; and when their guests end by themselves, policy decides.
#
# Mostly waits: played beside others.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/domains.sh"

# app's image holds a guest agent.
app() {
	stage_domain 2 app "" cw.load=virtio_console |
		sed 's/initrd.gz/initrd-agent.gz/'
}

# A state in which web has these KEYS (and, if given, more kernel words).
web_is() {
	domains_are "$(stage_domain 1 web "$@")" "$(app)"
}

# in_store N PATH: what stands there in the guest's tree.
in_store() {
	XENSTORED_PATH=$STAGE/run/xenstore/$(stage_uuid "$1")/socket \
		xenstore-read "/local/domain/1/$2"
}

waits_for_port() {
	stage_dom web "d['why']" | grep -q 'the switch has no port web yet'
}

vif_is() {
	[ "$(stage_dom web "[v['state'] for v in d['vifs'] if v['device'] == $1]")" \
		= "$2" ]
}

disk_is() {
	[ "$(stage_dom web "[v['state'] for v in d['disks']]")" = "$1" ]
}

# Was it the guest that noticed?  Its uptime goes on.
same_boot() {
	[ "$(boot_id app)" = "$BOOT" ]
}

other_pid() {
	[ "$(dom_pid web)" != "$PID" ]
}

# in_a_moment GUEST COMMAND: after it has answered that it will.
in_a_moment() {
	guest "$1" "(sleep 0.5; ${*:2}) >/dev/null 2>&1 </dev/null &"
}

crash() {
	in_a_moment web 'echo c >/proc/sysrq-trigger'
}

disk_missing() {
	web_is '"disks": [ { "device": "vdb", "format": "raw",
		"path": "'$STAGE'/images/nodisk" } ]' |
		grep -q '"web: disk vdb: .*nodisk'
}

resume_app() {
	stage_do app resume >"$STAGE/resumed" 2>&1
}

# Looking does nothing: somebody asks for all that is known, all the time.
look() {
	while :; do
		stage_hv domain.get '{"name": "app"}' >/dev/null
	done
}

domains_stage life
must "an image holds Debian's guest agent" \
	"$CI_ROOT/tests/guest/agent.sh" "$CW_GUESTS/image"
cp "$CW_GUESTS/image/initrd-agent.gz" "$STAGE/images"

# --- starting ------------------------------------------------------------------

expect "a state with two domains is taken" web_is
expect "they wait, and say for what" stage_until 5 waits_for_port
equal "nothing runs yet" "$(stage_dom web "d['pid']")" None
must "the switch gets their ports" domains_ports \
	"$(stage_domain_port 1 web)" "$(stage_domain_port 2 app)"
must "web boots" stage_booted web
must "app boots" stage_booted app
expect "web pings app through the switch" pings
at_least "web's process has a uid of the range" \
	"$(stage_dom web "d['uid']")" "$STAGE_DOMAIN_UID"
equal "which is its process's" "$(stage_dom web "d['uid']")" \
	"$(stat -c %u "/proc/$(dom_pid web)")"
equal "what it uses is known" "$(stage_dom web \
	"d['usage']['cpu_ns'] > 0 and d['usage']['memory_bytes'] > 50e6")" True
equal "the guest's tree is in the store" "$(in_store 1 name)" web
expect "app starts its agent" guest app \
	'qemu-ga -m virtio-serial -p /dev/vport0p1 -d'
equal "the same state again does nothing" "$(web_is | python3 -c \
	'import json, sys; print(json.load(sys.stdin)["actions"])')" "[]"

# --- standing still --------------------------------------------------------------

look &
LOOKERS=$!
ci_on_exit "kill $LOOKERS 2>/dev/null"
expect "app is looked at all the time, and paused" stage_do app pause
refuse "and does not answer" guest web ping -c 1 -W 1 10.0.10.2
expect "it is resumed" stage_do app resume
expect "and answers" stage_until 5 pings 1
BOOT=$(boot_id app)
kill "$LOOKERS"
refuse "looking has broken nothing" grep -E 'connection to its process|failed:' \
	"$STAGE/log/hypervisord"
"$GUEST" exec -t 60 web ping -i 0.1 -c 150 -W 1 10.0.10.2 \
	>"$STAGE/pings" 2>&1 </dev/null &
sleep 1
expect "amid pings app is suspended" stage_do app suspend
equal "no process is left of it" "$(dom_pid app)" None
expect "its guest is a file" test -s "$STAGE/hv/suspended/$(stage_uuid 2)"
SAVED=$STAGE/hv/suspended/$(stage_uuid 2)
mv "$SAVED" "$STAGE/hv/whole"
head -c 3000000 "$STAGE/hv/whole" >"$SAVED"
refuse "half of that file cannot be resumed" resume_app
expect "which is said with its name, and why" grep -q \
	"$SAVED.*cannot be restored: .*load" "$STAGE/resumed"
mv "$STAGE/hv/whole" "$SAVED"
expect "it is resumed from the whole file" stage_do app resume
refuse "the file is gone" test -e "$STAGE/hv/suspended/$(stage_uuid 2)"
wait $!
at_least "the pings go on" "$(sed -n 's/.*seq=\([0-9]*\) .*/\1/p' \
	"$STAGE/pings" | tail -n 1)" 140
expect "the guest is the one it was" stage_until 5 same_boot

# --- ends and new beginnings ---------------------------------------------------------

PID=$(dom_pid web)
expect "web reboots by itself" in_a_moment web reboot -f
must "and comes back" stage_booted web
equal "in the same process" "$(dom_pid web)" "$PID"
expect "web is asked to reboot" stage_do web reboot
must "and comes back" stage_booted web
expect "web is asked to shut down" stage_do web shutdown
equal "and did" "$(dom_reason web)" shut_down
refuse "a halted domain cannot be paused" stage_do web pause
expect "it is started again" stage_do web start
must "and boots" stage_booted web
expect "it is reset" stage_do web reset
must "and boots" stage_booted web
expect "it is switched off" stage_do web kill
equal "which is kept as the reason" "$(dom_reason web)" killed

expect "it gets a deaf guest and 2 seconds to shut down" web_is \
	'"shutdown_timeout_s": 2' cw.deaf
expect "it starts" stage_do web start
must "and boots" stage_booted web
expect "it is asked to shut down" stage_do web shutdown
equal "it did not: it was switched off" "$(dom_reason web)" shutdown_timeout

# --- devices ----------------------------------------------------------------------------

truncate -s 16M "$STAGE/images/data.raw"
printf 'causeway was here' | dd of="$STAGE/images/data.raw" conv=notrunc \
	status=none
more='"vifs": [
	{ "device": 0, "mac": "02:00:00:00:0a:01", "port": "web" },
	{ "device": 1, "mac": "02:00:00:00:0a:11", "port": "web1" } ],
	"disks": [ { "device": "vdb", "path": "'$STAGE'/images/data.raw",
		"format": "raw" } ]'
expect "web starts as it was" web_is
expect "and runs" stage_do web start
must "it boots" stage_booted web
expect "it is to get a disk that is not there, which is said at once" \
	disk_missing
expect "its facts say so" eval \
	'stage_dom web "d[\"problem\"]" | grep -q "disk vdb: .*nodisk"'
expect "it gets another VIF and a disk while it runs" domains_are \
	"$(stage_domain 1 web | python3 -c '
import json, sys
d = json.load(sys.stdin)
d.update(json.loads("{" + sys.argv[1] + "}"))
print(json.dumps(d))' "$more")" "$(app)"
expect "the disk is in, with no time lost" stage_until 3 disk_is "['in']"
expect "the VIF waits for its port" stage_until 5 vif_is 1 "['waiting']"
must "the switch gets it" domains_ports "$(stage_domain_port 1 web)" \
	"$(stage_domain_port 2 app)" "$(stage_domain_port 1 web1 |
		sed s/0a:01/0a:11/)"
expect "the VIF is in" stage_until 10 vif_is 1 "['in']"
equal "the guest finds the disk" "$(guest web 'until [ -e /dev/vda ]; do
	sleep 0.1; done; head -c 17 /dev/vda')" "causeway was here"
expect "the guest finds the NIC" guest web 'until [ -e /sys/class/net/eth1 ]
	do sleep 0.1; done; grep -q 02:00:00:00:0a:11 /sys/class/net/eth1/address'
expect "and talks through it" guest web 'ip address flush dev eth0
	ip link set eth1 up; ip address add 10.0.10.1/24 dev eth1
	ping -c 2 -W 2 10.0.10.2'
expect "it is suspended with them" stage_do web suspend
expect "and resumed with them" stage_do web resume
expect "and talks" stage_until 10 pings 1
expect "they are taken away again" web_is
expect "the VIF is out" stage_until 20 vif_is 1 "[]"
expect "the disk is out" stage_until 20 disk_is "[]"
refuse "the guest has lost the NIC" guest web test -e /sys/class/net/eth1

expect "what app's agent says is in the store" stage_until 40 \
	in_store 2 data/os_name
equal "with its address" "$(in_store 2 attr/vif/0/ipv4/0)" 10.0.10.2

# --- policies ----------------------------------------------------------------------------

expect "a guest that powers off is left alone by default" in_a_moment web \
	poweroff -f
expect "it is halted" stage_until 10 stage_dom_is web halted
equal "and the reason is its own" "$(dom_reason web)" guest_poweroff
web_is '"on_poweroff": "restart", "on_crash": "preserve"' >/dev/null
expect "with on_poweroff restart" stage_do web start
must "it boots" stage_booted web
PID=$(dom_pid web)
in_a_moment web poweroff -f
must "and comes back" stage_booted web
expect "in another process" other_pid
crash
expect "with on_crash preserve a crashed one is kept" stage_until 10 \
	stage_dom_is web preserved
equal "with its reason" "$(dom_reason web)" guest_panic
expect "until it is switched off" stage_do web kill
web_is '"on_crash": "restart"' >/dev/null
expect "with on_crash restart" stage_do web start
must "it boots" stage_booted web
crash
must "and comes back after a crash" stage_booted web
equal "which is counted" "$(stage_dom web "d['restarts'] >= 2")" True
expect "pings pass after all that" pings
expect "app is shut down" stage_do app shutdown
equal "and did" "$(dom_reason app)" shut_down
scenario_end
