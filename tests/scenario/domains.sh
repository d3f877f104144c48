# SPDX-License-Identifier: GPL-2.0-or-later
#
# domains.sh: what scenarios with domains share, after lib.sh.
#
# web and app are domains 1 and 2, with ports web and app of the switch.

# domains_stage NAME: daemons, images, serial ports.
domains_stage() {
	scenario "$1"
	must "a kernel and an initramfs are made" "$GUEST" prepare
	must "they lie beneath a storage root" stage_images
	must "switchd starts" stage_switchd
	must "xenstored starts" stage_xenstored
	must "hypervisord starts" stage_hypervisord
	stage_serial 1 web
	stage_serial 2 app
	GENERATION=0
}

# domains_ports PORT...: the switch has these.
domains_ports() {
	local ports

	ports=$(IFS=,; echo "$*")
	GENERATION=$((GENERATION + 1))
	stage_apply <<-END
	{ "owner": "test", "generation": $GENERATION,
	  "networks": [ { "name": "n10", "vlan": 10 } ],
	  "ports": [ $ports ] }
	END
}

# domains_are DOMAIN...: the state of hypervisord.
domains_are() {
	GENERATION=$((GENERATION + 1))
	stage_hv_apply $GENERATION "$@"
}

# dom_reason NAME: why it ended last.
dom_reason() {
	stage_dom "$1" "d['last_end'] and d['last_end']['reason']"
}

dom_pid() {
	stage_dom "$1" "d['pid']"
}

boot_id() {
	guest "$1" cat /proc/sys/kernel/random/boot_id
}

pings() {
	guest web ping -c "${1:-2}" -W 2 10.0.10.2
}

# --- nothing is left behind ---------------------------------------------------

hv_files() {
	ls "/proc/$(stage_hypervisord_pid)/fd" | wc -l
}

hv_cgroups() {
	find /sys/fs/cgroup -type d -path "*/$HV_FOLDER/*" | wc -l
}

# hv_left: what there is of domains, a line each; none should be there.
hv_left() {
	local status uid

	find "$STAGE/run/vif" "$STAGE/run/domain" "$STAGE/run/serial" \
		-mindepth 1
	find "$STAGE/hv/suspended" -mindepth 1
	find /sys/fs/cgroup -type d -path "*/$HV_FOLDER/*"
	for status in /proc/[0-9]*/status; do
		uid=$(sed -n 's/^Uid:\t\([0-9]*\).*/\1/p' "$status" 2>/dev/null)
		[ -n "$uid" ] && [ "$uid" -ge "$STAGE_DOMAIN_UID" ] &&
			[ "$uid" -lt $((STAGE_DOMAIN_UID + 100)) ] &&
			echo "process ${status#/proc/} of uid $uid"
	done
	stage_hv facts.get | python3 -c '
import json, sys
held = json.load(sys.stdin)["host"]["uids_held"]
if held: print(held, "uids are held")'
	[ "$(hv_files)" = "$HV_FILES" ] || {
		echo "$(hv_files) files are open instead of $HV_FILES"
		ls -l "/proc/$(stage_hypervisord_pid)/fd"
	}
}

# hv_baseline: while no domain runs.
hv_baseline() {
	HV_FOLDER=$(sed -n 's/.*cgroups of domains are in //p' \
		"$STAGE/log/hypervisord" | tail -n 1)
	HV_FILES=$(hv_files)
}

# Processes and cgroups take a moment to go; then what is left is said.
nothing_is_left() {
	stage_until 5 hv_is_clean || {
		hv_left
		false
	}
}

hv_is_clean() {
	[ -z "$(hv_left)" ]
}
