#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What stands in a guest's tree: the host's values, which the guest may read
# and nothing else, its own part, and what is believed of what it writes there.
# A real xenstored, and Debian's tools on the guest's own socket.
#
#	a, b	VMs

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/store.sh"
scenario guest-information

home=/local/domain/1

ask() {
	local vm=$1 verb=$2

	shift 2
	"$BUILD/tests/scenario/guest-ask" "$STAGE/sock/xenstored.sock" "$verb" \
		"$(uuid "$vm")" "$@"
}

# fact VM EXPRESSION: Python, over the object `f` of facts
fact() {
	ask "$1" facts | python3 -c '
import json, sys
f = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$2"
}

must "xenstored starts" store_start
must "a domain's tree is made" ask a create "$(store_uid a)"
must "and another's" ask b create "$(store_uid b)"

# --- the host's values -------------------------------------------------------

for pair in vm=/vm/$(uuid a) name=web domid=1 memory/target=262144 \
	cpu/1/availability=online device/vif/3/mac=02:00:00:00:00:04 \
	control/platform-feature-xs_reset_watches=1; do
	equal "the guest reads ${pair%%=*}" \
		"$(xs_guest a read "$home/${pair%%=*}")" "${pair#*=}"
done
equal "and its name by its uuid" "$(xs_guest a read "/vm/$(uuid a)/name")" web
for path in name domid vm memory/target memory/new cpu/0/availability \
	cpu/2/availability device/vif/3/mac device/vif/9/mac control/mine new \
	control/platform-feature-xs_reset_watches; do
	refuse "the guest cannot write $path" xs_guest a write "$home/$path" 1
done
for path in name memory device/vif control; do
	refuse "nor remove $path" xs_guest a rm "$home/$path"
	refuse "nor change who may write $path" \
		xs_guest a chmod "$home/$path" n1
done
refuse "nor anything of /vm" xs_guest a write "/vm/$(uuid a)/name" mine
refuse "nor look at its home's neighbours" \
	xs_guest a list /local/domain
equal "all that is as it was" "$(xs a read $home/name $home/memory/target |
	tr '\n' ' ')" "web 262144 "

# --- the guest's part ----------------------------------------------------------

for path in data/mine attr/mine drivers/mine error/mine feature/mine \
	messages/mine vm-data/mine control/shutdown control/feature-poweroff \
	control/sysrq; do
	expect "the guest may write $path" \
		xs_guest a write "$home/$path" "from a"
done
refuse "which is in no other guest's tree" xs b read $home/data/mine
expect "the host asks for a shutdown" \
	xs a write $home/control/shutdown poweroff
equal "the guest reads it" "$(xs_guest a read $home/control/shutdown)" poweroff
expect "and answers as Linux does" xs_guest a write $home/control/shutdown ""

# --- what is believed -------------------------------------------------------------

equal "a guest that has said nothing is not live" \
	"$(fact b "(f['live'], f['networks'], f['os_version'])")" \
	"(False, {}, {})"
expect "a guest agent writes as xe-guest-utilities does" xs_guest a write \
	$home/data/os_name "Debian 12" $home/data/meminfo_total 250000 \
	$home/attr/vif/0/ipv4/0 192.0.2.1 $home/attr/vif/0/ipv6/0 2001:db8::1 \
	$home/attr/PVAddons/MajorVersion 7 $home/data/updated 1
equal "its facts are read back" "$(fact a "(f['live'], f['os_version']['name'], \
	f['networks']['0/ip'], f['networks']['0/ipv6/0'], \
	f['memory']['total'], f['PV_drivers_version']['major'])")" \
	"(True, 'Debian 12', '192.0.2.1', '2001:db8::1', '250000', '7')"
expect "lies are written, too" xs_guest a write \
	$home/attr/vif/0/ipv4/0 '"><script>' $home/data/os_name '\x1b[2Jhello' \
	$home/data/meminfo_total 5x
equal "and are no facts" "$(fact a "(f['networks'].get('0/ip'), \
	f['os_version']['name'], f['memory'])")" "(None, '?[2Jhello', {})"
for ((i = 0; i < 400; i++)); do
	echo "$home/attr/vif/$((i % 20))/ipv4/$((i / 20)) 10.0.0.1"
done | xargs -n 100 env XENSTORED_PATH="$(store_socket a)" xenstore-write
expect "a guest that says too much is not heard to its end" \
	[ "$(fact a "len(f['networks'])")" -le 256 ]
must "a guest without Xen drivers speaks by its guest agent" \
	ask b agent "Debian 12" 10.0.0.7
equal "in the same words" "$(fact b "(f['live'], f['os_version']['name'], \
	f['networks']['3/ip'])")" "(True, 'Debian 12', '10.0.0.7')"
equal "written as the guest's own" "$(xs b ls -f -p $home/attr/vif/3/ipv4)" \
	"$home/attr/vif/3/ipv4/0 = \"10.0.0.7\"   (n1)"

# --- the next start -------------------------------------------------------------------

must "a domain that starts anew" ask a create "$(store_uid a)"
refuse "finds nothing of its last life" xs_guest a read $home/data/mine
equal "and what it was told" "$(xs_guest a read $home/name)" web
scenario_end
