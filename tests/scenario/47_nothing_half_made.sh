#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Starts that do not work: each says in words what is missing, and leaves
# nothing behind, no descriptor, uid, cgroup, file or process.  What others
# have to give up is waited for.  A suspend that does not work leaves the
# domain running.  Then domains start and stop, again and again, and nothing
# grows (twenty times with CW_LONG).

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/domains.sh"

# web_with PYTHON [KEYS]: web is the only domain; PYTHON changes `d`.
web_with() {
	domains_are "$(stage_domain 1 web "${2:-}" | python3 -c '
import json, sys
d = json.load(sys.stdin)
d["power"] = "halted"
exec(sys.argv[1])
print(json.dumps(d))' "$1")"
}

# fails SENTENCE WORDS PYTHON: web does not start, and says WORDS.
fails() {
	expect "$1: the state is taken" web_with "$3"
	refuse "it does not start" tell stage_do web start
	expect "and says why" told "$2"
	equal "it is halted" "$(stage_dom web "d['state']")" halted
	expect "nothing is left of it" nothing_is_left
}

# tell COMMAND...: what it says can be looked at by told WORDS.
tell() {
	"$@" >"$STAGE/told" 2>&1
}

told() {
	cat "$STAGE/told"
	grep -qE "$1" "$STAGE/told"
}

says_why() {
	stage_dom web "d['why']" | grep -qE "$1"
}

apply_refused() {
	domains_are "$@" 2>"$STAGE/refused" >/dev/null && return 1
	cat "$STAGE/refused"
}

# Bytes that hypervisord has for itself.
hv_memory() {
	awk '/^RssAnon/ { print $2 }' "/proc/$(stage_hypervisord_pid)/status"
}

cycle() {
	stage_do web start && stage_booted web && stage_do web shutdown
}

# --- a stage with little room ------------------------------------------------

small_disk() {
	mkdir "$STAGE/hv" && mount -t tmpfs -o size=24m,mode=700 tmpfs "$STAGE/hv"
	ci_on_exit "umount -l '$STAGE/hv'"
}

scenario half
must "a kernel and an initramfs are made" "$GUEST" prepare
must "they lie beneath a storage root" stage_images
must "hypervisord's state has little room" small_disk
must "switchd starts" stage_switchd
must "xenstored starts" stage_xenstored
must "hypervisord starts" stage_hypervisord
stage_serial 1 web
GENERATION=0
must "the switch gets a port" domains_ports "$(stage_domain_port 1 web)"
must "a state with a domain that is off is taken" web_with "pass"
must "it starts and stops" cycle # what is opened once is open now
hv_baseline

# --- what a person has to put right ------------------------------------------------

fails "no kernel" 'boot.*nokernel' \
	"d['boot']['kernel'] = '$STAGE/images/nokernel'"
ln -s /etc/shadow "$STAGE/images/link"
fails "a link for an initrd" 'boot.*link' \
	"d['boot']['initrd'] = '$STAGE/images/link'"
truncate -s 8M "$STAGE/images/raw"
disk='[{"device": "vda", "format": "%s", "path": "'$STAGE'/images/%s"}]'
fails "a raw disk that is said to be qcow2" 'vda.*qcow2' \
	"d['disks'] = json.loads('$(printf "$disk" qcow2 raw)')"
fails "no disk" 'vda.*nodisk' \
	"d['disks'] = json.loads('$(printf "$disk" raw nodisk)')"
fails "more memory than the host has" 'this host has' \
	"d['memory_mib'] = $(($(awk '/^MemTotal/ { print $2 }' /proc/meminfo) / 1024 + 512))"
mv "$STAGE/run/vif" "$STAGE/run/vif-away"
expect "no place for its socket: the state is taken" web_with "pass"
refuse "it does not start" tell stage_do web start
expect "and says why" told 'vif/web.sock'
mv "$STAGE/run/vif-away" "$STAGE/run/vif"
expect "nothing is left of it" nothing_is_left
expect "two domains of one name are refused" apply_refused \
	"$(stage_domain 1 web)" "$(stage_domain 2 web)"
expect "two domains on one port, too" apply_refused \
	"$(stage_domain 1 web)" "$(stage_domain 2 app | sed 's/"port": "app"/"port": "web"/')"

# --- what others have to give up -------------------------------------------------------

vif='d["vifs"][0]'
web_with "$vif['queues'] = 8" >/dev/null
stage_hv domain.start '{"name": "web"}' >/dev/null
expect "a VIF with more queues than its port waits, and says why" \
	stage_until 5 says_why "VIF's queues are 8, and .* port web has"
expect "it gets fewer, and a larger MTU than its port" web_with \
	"d['power'] = 'running'; $vif['mtu'] = 9000"
expect "it waits, and says why" stage_until 5 says_why \
	"VIF's mtu is 9000, and .* port web is 1500"
equal "without a process" "$(stage_dom web "d['state'], d['pid']")" \
	"('waiting', None)"
equal "with the vCPUs of its next start" "$(web_with \
	"d['power'] = 'running'; d['vcpus'] = 2; $vif['mtu'] = 9000" \
	>/dev/null; stage_dom web "d['vcpus']")" 2
web_with "d['power'] = 'running'" >/dev/null
must "with what the port has it boots" stage_booted web
refuse "QEMU's chatter is not logged" grep -q 'waiting for connection' \
	"$STAGE/log/hypervisord"
stage_do web kill >/dev/null
equal "halted it shows what its next start has" "$(web_with \
	"d['vcpus'] = 2" >/dev/null; stage_dom web "d['vcpus']")" 2
web_with "pass" >/dev/null
expect "nothing is left of it" nothing_is_left

STAGE_UIDS=1
web_with "pass" >/dev/null
unshare -n setpriv --reuid "$STAGE_DOMAIN_UID" --clear-groups sleep 600 &
SQUATTER=$!
squatted() {
	[ "$(hv_left | grep -v "process $SQUATTER/")" = "" ]
}
stage_hv domain.start '{"name": "web"}' >/dev/null
expect "the only uid is in use" stage_until 5 says_why 'uid'
equal "web waits" "$(stage_dom web "d['state']")" waiting
expect "nothing is held meanwhile" stage_until 5 squatted
kill $SQUATTER
wait $SQUATTER 2>/dev/null
must "when it is free web starts, and boots" stage_booted web
expect "its record is on a disk that is full" dd if=/dev/zero \
	of="$STAGE/hv/ballast" bs=1M count=23 status=none
refuse "it cannot be suspended" tell stage_do web suspend
expect "for there is no room" told 'MiB are free'
expect "and runs as before" guest web true
equal "which its facts say" "$(stage_dom web "d['state'], d['reason']")" \
	"('running', 'suspend_failed')"
dd if=/dev/zero of="$STAGE/hv/ballast" oflag=append conv=notrunc bs=4k \
	status=none 2>/dev/null
expect "another state does not fit on the disk" apply_refused \
	"$(stage_domain 1 web)" "$(stage_domain 2 app)"
equal "and is not in force" "$(stage_hv domains.list | python3 -c \
	'import json, sys; print(len(json.load(sys.stdin)["domains"]))')" 1
expect "web is switched off all the same" stage_do web kill
refuse "it cannot be started, for that could not be kept" tell \
	stage_do web start
expect "which it says" told 'cannot be kept'
rm "$STAGE/hv/ballast"
expect "nothing is left of it" nothing_is_left
STAGE_UIDS=

# --- again and again ------------------------------------------------------------------------

web_with "pass" >/dev/null
CYCLES=$([ -n "${CW_LONG:-}" ] && echo 20 || echo 3)
expect "web starts and stops" cycle
MEMORY=$(hv_memory)
for ((i = 1; i <= CYCLES; i++)); do
	expect "and again ($i)" cycle
done
expect "nothing is left" nothing_is_left
GROWN=$(($(hv_memory) - MEMORY))
[ $GROWN -lt 512 ]
equal "hypervisord has not grown ($GROWN KiB)" $? 0
scenario_end
