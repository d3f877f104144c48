#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# stage.sh: a private place to run the switch in, for ./run and the scenarios.
#
# A stage is a folder and network namespaces of its own; nothing on it touches
# the machine's links, addresses or sockets.  One namespace is the host that
# the switch runs on, `ext` is a machine behind its uplink, others stand for
# whatever a scenario needs.  stage_open arranges that everything goes when
# the script ends, however it ends.
#
# Sourced after .ci/lib.sh.  Ids are numbers that no package uses: the switch
# is STAGE_UID, guests are the numbers after it.

STAGE_UID=65000
BUILD=${BUILD:-$CI_ROOT/build}
SUPERVISE=$BUILD/base/causeway-supervise
NETD=$BUILD/base/causeway-netd
SWITCHD=$BUILD/vswitch/causeway-switchd
SWITCHCTL=$BUILD/vswitch/switchctl
HYPERVISORD=$BUILD/hypervisor/causeway-hypervisord
XENSTORED=$BUILD/hypervisor/causeway-xenstored
export CAUSEWAY_SOCKETS=$BUILD/hypervisor/causeway-sockets.so
GUEST=$CI_ROOT/tests/guest/guest.sh

# stage_open NAME: sets STAGE, the folder.
stage_open() {
	STAGE=$(mktemp -d "${TMPDIR:-/tmp}/causeway-$1.XXXXXX")
	chmod 755 "$STAGE"
	STAGE_NS=cw-$1-$$
	STAGE_SPACES=()
	STAGE_PIDS=()
	STAGE_GUESTS=0
	NETD_SUPERVISOR=""
	SWITCHD_SUPERVISOR=""
	XENSTORED_SUPERVISOR=""
	HYPERVISORD_SUPERVISOR=""
	STAGE_DOMAIN_UID=$((1000000 + $$ % 10000 * 100))
	export CW_GUESTS=$STAGE/guests
	ci_on_exit stage_close
	mkdir -p "$STAGE/log" "$CW_GUESTS"
	install -d -o $STAGE_UID -g $STAGE_UID -m 700 "$STAGE/state"
	install -d -m 711 "$STAGE/sock" "$STAGE/run"
	stage_space host
}

# stage_space NAME...: namespaces, `lo` up, no IPv6 chatter on new links.
stage_space() {
	local name

	for name; do
		ip netns add "$STAGE_NS-$name"
		STAGE_SPACES+=("$STAGE_NS-$name")
		stage_in "$name" sh -c 'ip link set lo up
			echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'
	done
}

# stage_in SPACE COMMAND...
stage_in() {
	local space=$1

	shift
	ip netns exec "$STAGE_NS-$space" "$@"
}

# stage_wire SPACE:LINK SPACE:LINK [MTU]: a cable between two namespaces.
stage_wire() {
	local a=${1%:*} b=${2%:*} mtu=${3:-1508}

	ip link add name "${1#*:}" netns "$STAGE_NS-$a" mtu "$mtu" type veth \
		peer name "${2#*:}" netns "$STAGE_NS-$b" mtu "$mtu"
	ip -n "$STAGE_NS-$a" link set dev "${1#*:}" up
	ip -n "$STAGE_NS-$b" link set dev "${2#*:}" up
}

# stage_run NAME COMMAND...: in the background, output to log/NAME, ended with
# the stage.  Its process id is in STAGE_PID.
stage_run() {
	local name=$1

	shift
	setsid "$@" >>"$STAGE/log/$name" 2>&1 </dev/null &
	STAGE_PID=$!
	STAGE_PIDS+=($STAGE_PID)
}

# stage_vlan_host SPACE TRUNK VID:TAP:ADDRESS...: that namespace speaks tagged
# frames on TRUNK; each VLAN is a tap with an address.
stage_vlan_host() {
	local space=$1 trunk=$2 spec taps=() tap

	shift 2
	for spec; do
		taps+=("${spec%:*}")
	done
	stage_run "vlan-host-$space" ip netns exec "$STAGE_NS-$space" \
		"$BUILD/tests/guest/vlan-host" "$trunk" "${taps[@]}"
	stage_until 5 grep -qs ready "$STAGE/log/vlan-host-$space" || return
	for spec; do
		tap=${spec#*:}
		tap=${tap%:*}
		ip -n "$STAGE_NS-$space" address add "${spec##*:}" dev "$tap"
		ip -n "$STAGE_NS-$space" link set dev "$tap" up
	done
}

# stage_until SECONDS COMMAND...: try until it succeeds.
stage_until() {
	local end=$((SECONDS + $1))

	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

stage_netd() {
	stage_run netd ip netns exec "$STAGE_NS-host" "$SUPERVISE" \
		--name netd -- "$NETD" --socket "$STAGE/sock/netd.sock" \
		--state "$STAGE/netd" --allow-user $STAGE_UID
	NETD_SUPERVISOR=$STAGE_PID
	stage_until 10 test -S "$STAGE/sock/netd.sock"
}

# The switch starts as root and becomes STAGE_UID by itself.
stage_switchd() {
	stage_run switchd ip netns exec "$STAGE_NS-host" "$SUPERVISE" \
		--name switchd -- "$SWITCHD" "$@" \
		--socket "$STAGE/sock/switchd.sock" \
		--netd "$STAGE/sock/netd.sock" --state-dir "$STAGE/state" \
		--user "$STAGE_UID:$STAGE_UID"
	SWITCHD_SUPERVISOR=$STAGE_PID
	stage_until 20 stage_ctl ports
}

stage_switchd_pid() {
	[ -n "$SWITCHD_SUPERVISOR" ] && pgrep -P "$SWITCHD_SUPERVISOR"
}

stage_netd_pid() {
	[ -n "$NETD_SUPERVISOR" ] && pgrep -P "$NETD_SUPERVISOR"
}

# Domains live in $STAGE/run: their sockets; hv: their records.
stage_xenstored() {
	stage_run xenstored "$SUPERVISE" --name xenstored -- "$XENSTORED" \
		--socket "$STAGE/run/xenstored.sock" \
		--run-dir "$STAGE/run/xenstore" \
		--user "$((STAGE_UID + 90)):$((STAGE_UID + 90))" "$@"
	XENSTORED_SUPERVISOR=$STAGE_PID
	stage_until 10 test -S "$STAGE/run/xenstored.sock"
}

stage_hypervisord() {
	stage_run hypervisord "$SUPERVISE" --name hypervisord -- \
		"$HYPERVISORD" --run-dir "$STAGE/run" \
		--state-dir "$STAGE/hv" --switchd "$STAGE/sock/switchd.sock" \
		--switch-user "$STAGE_UID:$STAGE_UID" --console-user 0:0 "$@"
	HYPERVISORD_SUPERVISOR=$STAGE_PID
	stage_until 20 stage_hv version
}

stage_xenstored_pid() {
	[ -n "$XENSTORED_SUPERVISOR" ] && pgrep -P "$XENSTORED_SUPERVISOR"
}

stage_hypervisord_pid() {
	[ -n "$HYPERVISORD_SUPERVISOR" ] && pgrep -P "$HYPERVISORD_SUPERVISOR"
}

# stage_hv METHOD [PARAMS]: ask hypervisord; its answer in JSON.
stage_hv() {
	"$CI_ROOT/tests/guest/rpc.py" "$STAGE/run/hypervisord.sock" "$@"
}

# stage_hv_apply GENERATION DOMAIN...: these domains are the state.
stage_hv_apply() {
	local generation=$1 domains

	shift
	domains=$(IFS=,; echo "$*")
	stage_hv state.apply "{ \"state\": { \"owner\": \"test\",
		\"generation\": $generation, \"uids\": \"$(stage_uids)\",
		\"storage_roots\": [ \"$STAGE/images\" ],
		\"domains\": [ $domains ] } }"
}

# The uids of domains; STAGE_UIDS says how many (50).
stage_uids() {
	echo "$STAGE_DOMAIN_UID-$((STAGE_DOMAIN_UID + ${STAGE_UIDS:-50} - 1))"
}

# stage_images: what domains boot from, beneath the storage root.
stage_images() {
	mkdir -p "$STAGE/images"
	cp "$CW_GUESTS/image/vmlinuz" "$CW_GUESTS/image/initrd.gz" \
		"$STAGE/images"
}

# stage_uuid N: a domain's uuid.
stage_uuid() {
	printf '00000000-0000-4000-8000-%012d' "$1"
}

# stage_domain N NAME [KEYS [CMDLINE]]: a domain as JSON.  Its MAC is
# 02:00:00:00:0a:0N, its address 10.0.10.N, its port NAME; KEYS are added.
stage_domain() {
	cat <<-END
	{ "uuid": "$(stage_uuid "$1")", "name": "$2", "memory_mib": 128,
	  "vcpus": 1, "accel": "${STAGE_ACCEL:-tcg}", "migratable": false,
	  "boot": { "kernel": "$STAGE/images/vmlinuz",
	    "initrd": "$STAGE/images/initrd.gz",
	    "cmdline": "console=ttyS1 panic=-1 quiet cw.name=$2 cw.ctl=ttyS0 cw.load=button cw.load=evdev cw.load=pvpanic_pci cw.load=virtio_blk cw.ip=10.0.10.$1/24 ${4:-}" },
	  "vifs": [ { "device": 0, "mac": "02:00:00:00:0a:0$1", "port": "$2" } ],
	  "console": { "serial": true, "vnc": false },
	  "shutdown_timeout_s": 15, "power": "running"${3:+, $3} }
	END
}

# stage_domain_port N NAME [KEYS]: its port of the switch, in network n10.
stage_domain_port() {
	cat <<-END
	{ "name": "$2", "type": "vhost-user", "network": "n10",
	  "socket": "$STAGE/run/vif/$2.sock",
	  "mac": "02:00:00:00:0a:0$1"${3:+, $3} }
	END
}

# stage_serial N NAME: commands for it go through its serial port, as for
# any guest (guest NAME COMMAND...), whenever it runs.
stage_serial() {
	local dir=$CW_GUESTS/$2

	mkdir -p "$dir"
	mkfifo -m 600 "$dir/ctl.in" "$dir/ctl.out"
	: >"$dir/qemu.log"
	stage_run "serial-$2" "$CI_ROOT/tests/guest/serial.py" \
		"$STAGE/run/serial/$(stage_uuid "$1")/serial.sock" "$dir"
	echo "$STAGE_PID" >"$dir/pid"
}

# stage_booted NAME [SECONDS]: it has booted (again).
stage_booted() {
	rm -f "$CW_GUESTS/$1/ready"
	"$GUEST" wait "$1" "${2:-90}"
}

# stage_dom NAME EXPRESSION: a Python expression over the domain's facts `d`.
stage_dom() {
	stage_hv domain.get "{\"name\": \"$1\"}" | python3 -c '
import json, sys
d = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$2"
}

# stage_dom_is NAME STATE
stage_dom_is() {
	[ "$(stage_dom "$1" "d['state']")" = "$2" ]
}

# stage_do NAME VERB [WAIT_S]: a command, answered when it has come to rest.
stage_do() {
	stage_hv "domain.$2" "{\"name\": \"$1\", \"wait_s\": ${3:-60}}"
}

# Domains outlive hypervisord, so they are ended by their uids.
stage_end_domains() {
	local status uid folder

	for status in /proc/[0-9]*/status; do
		uid=$(sed -n 's/^Uid:\t\([0-9]*\).*/\1/p' "$status" 2>/dev/null)
		[ -n "$uid" ] && [ "$uid" -ge "$STAGE_DOMAIN_UID" ] &&
			[ "$uid" -lt $((STAGE_DOMAIN_UID + 100)) ] || continue
		status=${status%/status}
		kill -9 "${status#/proc/}" 2>/dev/null
	done
	folder=$(sed -n 's/.*cgroups of domains are in \(causeway-[0-9a-f]*\)$/\1/p' \
		"$STAGE/log/hypervisord" 2>/dev/null | head -n 1)
	[ -z "$folder" ] || stage_until 5 stage_remove_cgroups "$folder"
}

# The last processes may still be about to go.
stage_remove_cgroups() {
	find /sys/fs/cgroup -depth -type d -path "*/$1*" -exec rmdir {} \;
	[ -z "$(find /sys/fs/cgroup -type d -path "*/$1*")" ]
}

stage_ctl() {
	"$SWITCHCTL" --socket "$STAGE/sock/switchd.sock" "$@"
}

# stage_apply OPTION...: a state on standard input becomes the switch's.
stage_apply() {
	cat >"$STAGE/state.json"
	stage_ctl apply "$STAGE/state.json" "$@"
}

# stage_json EXPRESSION COMMAND...: a Python expression over the JSON `d` that
# switchctl COMMAND --json prints.
stage_json() {
	local expression=$1

	shift
	stage_ctl "$@" --json | python3 -c '
import json, sys
d = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$expression"
}

# stage_drops PORT REASON: how often that port has dropped for that reason.
stage_drops() {
	stage_json "sum(e['frames'] for e in d['drops'] \
		if (e['port'], e['reason']) == ('$1', '$2'))" drops
}

# stage_link PORT: true when its other side is there.
stage_linked() {
	local port

	for port; do
		[ "$(stage_json "[p['link'] for p in d['ports'] \
			if p['name'] == '$port']" ports)" = "[True]" ] || return
	done
}

# stage_guest NAME OPTION...: a QEMU guest with its own user; its socket is
# $CW_GUESTS/NAME/net.sock and its user id in STAGE_GUEST_UID.
stage_guest() {
	STAGE_GUESTS=$((STAGE_GUESTS + 1))
	STAGE_GUEST_UID=$((STAGE_UID + STAGE_GUESTS))
	"$GUEST" start "$@" --uid $STAGE_GUEST_UID --gid $STAGE_UID
}

guest() {
	"$GUEST" exec "$@"
}

stage_stop_pids() {
	local pid i

	for pid; do
		kill "$pid" 2>/dev/null
	done
	for pid; do
		for ((i = 0; i < 50; i++)); do
			[ -e "/proc/$pid" ] || break
			grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" \
				2>/dev/null && break
			sleep 0.1
		done
		kill -9 -- "-$pid" 2>/dev/null # its whole session
	done
}

stage_close() {
	local space pid

	"$GUEST" stop-all
	stage_stop_pids "${STAGE_PIDS[@]}"
	[ -z "$HYPERVISORD_SUPERVISOR" ] || stage_end_domains
	for space in "${STAGE_SPACES[@]}"; do
		for pid in $(ip netns pids "$space" 2>/dev/null); do
			kill -9 "$pid" 2>/dev/null
		done
		ip netns delete "$space" 2>/dev/null
	done
	rm -rf "$STAGE"
}
