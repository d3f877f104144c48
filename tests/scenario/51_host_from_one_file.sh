#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two hosts with a domain each, each from one file, on one machine: domains
# come with `up`, obey `vm`, survive the death of hypervisord and `down
# --keep-domains`, shut down with `down`, and come again.  Names, addresses
# and MACs are the same on both, and neither reaches the other's.

. "$(dirname "$0")/lib.sh"
scenario hosts

CAUSEWAY=$BUILD/mgmt/causeway
MAC=02:00:00:00:0a:01

at() {
	local site=$1

	shift
	"$CAUSEWAY" --site "$STAGE/$site" "$@"
}

# write SITE GENERATION POWER [MORE-PORTS]
write() {
	local first=$STAGE_DOMAIN_UID

	[ "$1" = a ] || first=$((first + 50))
	cat >"$STAGE/$1/site.json" <<-END
	{ "owner": "site-$1", "generation": $2, "netns": "$STAGE_NS-$1",
	  "switch": {
	    "networks": [ { "name": "n0", "vlan": 0 } ],
	    "ports": [
	      { "name": "web", "type": "vhost-user", "network": "n0",
	        "locking_mode": "locked", "ipv4_allowed": [ "10.0.10.1" ] },
	      { "name": "host0", "type": "tap", "interface": "host0",
	        "network": "n0", "addresses": [ "10.0.10.9/24" ] }${4:-} ] },
	  "hypervisor": {
	    "storage_roots": [ "$STAGE/images" ],
	    "uids": "$first-$((first + 9))",
	    "domains": [
	      { "uuid": "$(stage_uuid "$1$1")", "name": "web",
	        "memory_mib": 128, "vcpus": 1, "accel": "tcg",
	        "migratable": false, "shutdown_timeout_s": 15,
	        "boot": { "kernel": "$STAGE/images/vmlinuz",
	          "initrd": "$STAGE/images/initrd.gz",
	          "cmdline": "console=ttyS1 panic=-1 quiet cw.name=of-$1 cw.ctl=ttyS0 cw.load=button cw.load=evdev cw.ip=10.0.10.1/24" },
	        "vifs": [ { "device": 0, "mac": "$MAC", "port": "web" } ],
	        "power": "$3" } ] },
	  "daemons": {
	    "switchd": { "user": "$STAGE_UID:$STAGE_UID", "cores": "1" },
	    "xenstored": { "user": "$((STAGE_UID + 90)):$((STAGE_UID + 90))" },
	    "consoled": { "user": "$((STAGE_UID + 91)):$((STAGE_UID + 91))" }
	  } }
	END
}

# A uuid whose last digits are those of a letter.
stage_uuid() {
	printf '00000000-0000-4000-8000-0000000000%s' "$1"
}

# dom SITE EXPRESSION over the facts of its domain
dom() {
	at "$1" vm show web --json | python3 -c '
import json, sys
d = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$2"
}

state_is() {
	[ "$(dom "$1" "d['state']")" = "$2" ]
}

pings() {
	stage_in "$1" busybox ping -c 1 -W 1 10.0.10.1
}

tells() {
	local pattern=$1 seen

	shift
	seen=$("$@" 2>&1)
	echo "$seen"
	grep -qE -- "$pattern" <<<"$seen"
}

# says PATTERN COMMAND...: it fails, and with these words.
says() {
	local pattern=$1

	shift
	if "$@" >"$STAGE/log/said" 2>&1; then
		echo "$* succeeded"
		return 1
	fi
	cat "$STAGE/log/said"
	grep -qE -- "$pattern" "$STAGE/log/said"
}

# Whoever inherits it may not have looked after it yet.
gone() {
	[ ! -e "/proc/$1" ] || grep -q '^State:[[:space:]]*Z' "/proc/$1/status"
}

daemon_pid() {
	at "$1" status --json | python3 -c '
import json, sys
print([d["pid"] for d in json.load(sys.stdin)["daemons"]
	if d["name"] == sys.argv[1]][0])' "$2"
}

down_all() {
	local site

	for site in a b; do
		at $site down --timeout 1 >/dev/null 2>&1
	done
	stage_end_domains
}

show_logs() {
	[ $SCENARIO_FAILED = 0 ] || tail -n 15 "$STAGE"/[ab]/log/*.log
}

ci_on_exit down_all
ci_on_exit show_logs
"$GUEST" prepare >"$STAGE/log/prepare" 2>&1
stage_images
mkdir "$STAGE/a" "$STAGE/b"
stage_space a b
write a 1 running
write b 1 halted

must "a host with a domain comes up from one file" at a up
must "so does another one beside it" at b up
expect "all five daemons are well, and the domain is in the status" \
	tells '^  web: ' at a status
expect "the domain boots, and the host reaches it" stage_until 60 pings a
expect "the list says that it runs" tells '^web .* running .* 128 MiB' \
	at a vm list
expect "the other host's does not, as its file says" state_is b halted
refuse "nobody there has its address, although the names are the same" pings b
expect "its console has been kept" \
	stage_until 10 tells '^ready' at a console --history web

# --- vm --------------------------------------------------------------------------

expect "pause" tells '^web is paused' at a vm pause web
refuse "a paused domain says nothing" pings a
expect "resume" tells '^web is running' at a vm resume web
expect "it talks again" stage_until 10 pings a
expect "a domain that does not exist is named, with what lists them" \
	tells 'causeway vm list' at a vm start nobody
kill -STOP "$(dom a "d['pid']")"
expect "what does not happen in its time is no success" \
	says 'pause has not led to paused in 4 s' \
	at a vm pause web --timeout 4
expect "and what was waited for has been said before" \
	grep -q 'web is pausing.*; waiting' "$STAGE/log/said"
kill -CONT "$(dom a "d['pid']")"
expect "it happens later" stage_until 10 state_is a paused
at a vm resume web >/dev/null
expect "a changed file starts the other host's domain" eval \
	'write b 2 running && at b apply'
expect "it boots" stage_until 60 pings b

# --- deaths and restarts ----------------------------------------------------------

pid=$(dom a "d['pid']")
kill -9 "$(daemon_pid a hypervisord)"
expect "hypervisord is killed, and comes again" stage_until 10 state_is a running
equal "with the same domain" "$(dom a "d['pid']")" "$pid"
expect "that was reached all the time" pings a
expect "down --keep-domains stops the daemons" at a down --keep-domains
expect "and not the domain" test -d "/proc/$pid"
expect "up finds it" at a up
equal "it is the same" "$(dom a "d['pid']")" "$pid"
expect "and is reached" stage_until 10 pings a

# --- down -------------------------------------------------------------------------

expect "down shuts the domain down" at a down
expect "its process is gone" gone "$pid"
write a 3 running ', { "name": "up0", "type": "packet",
	"interface": "none" }'
expect "a switch that refuses its part is named, with the place in the file" \
	says 'where: switch.ports\[2\].interface' at a up
expect "with its name" grep -q 'causeway: switchd: ' "$STAGE/log/said"
refuse "and what up had started does not run on with the old state" \
	pgrep -f "$STAGE/a/run"
write a 4 running
expect "up again, and so it is" at a up
expect "with the domain, as the file says that it runs" stage_until 60 pings a
equal "the guest went in peace before" \
	"$(dom a "d['last_end']['reason'] if d['last_end'] else ''")" \
	"shut_down"
expect "killed, a domain is halted" tells '^web is halted' at a vm kill web
expect "and down has nothing to wait for" at a down
expect "the other host has noticed nothing" pings b
expect "it goes down, too" at b down
refuse "and no process of any of them is left" \
	pgrep -f "$STAGE/[ab]/run"
equal "nor a daemon's socket" "$(ls "$STAGE"/[ab]/run | grep '\.sock$')" ""
equal "nor a cgroup" "$(sed -n 's/.*cgroups of domains are in //p' \
	"$STAGE"/[ab]/log/hypervisord.log | sort -u |
	xargs -I{} find /sys/fs/cgroup -name {} | wc -l)" 0
scenario_end
