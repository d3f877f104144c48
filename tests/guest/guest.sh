#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# guest.sh: start, command and stop small Linux guests under QEMU.  It stands
# in for the hypervisor until that exists.
#
#	guest.sh prepare                   kernel, initramfs, KVM or TCG
#	guest.sh start NAME [option]...    returns at once
#	guest.sh wait NAME [SECONDS]       until it takes commands
#	guest.sh exec [-t SECONDS] NAME COMMAND...   output, exit status
#	guest.sh shell NAME                a prompt, for people
#	guest.sh alive NAME | list
#	guest.sh stop NAME | stop-all
#
# CW_GUESTS names the folder that holds all of it: image/ and one folder a
# guest with its vhost-user socket (net.sock), console text (console), QEMU's
# complaints (qemu.log) and the two pipes of its command line (ctl.in,
# ctl.out; tests/guest/init has the protocol).
#
# start's options:
#	--mac MAC      of its NIC
#	--ip A/LEN --ip6 A/LEN --vlan VID --mtu N     what init sets, in order
#	--uid N        QEMU's user; each guest its own
#	--gid N        group that may connect to net.sock: the switch's
#	--memory MB    192
#	--queues N     queue pairs, 1
#	--taps SPACE:LINK,LINK...  instead of net.sock: the guest is a machine
#	               behind our uplinks.  Its NICs are taps, made here, in that
#	               network namespace; init leaves them down
#	--load MODULE  of those that init loads when asked to: bonding
#
# QEMU listens on net.sock and the switch connects, so a new switch finds the
# guests again.  Guest memory is a sealed memfd: nobody can shrink it under
# the switch.  Under TCG QEMU 7.2 needs vectors=0 (it crashes with MSI-X).

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
guests=${CW_GUESTS:?names the folder of the guests}
image=$guests/image

die() {
	echo "guest.sh: $*" >&2
	exit 1
}

usage() {
	sed -n '/^#\tguest.sh/s/^#\t//p' "$0" >&2
	exit 2
}

need_guest() {
	dir=$guests/${1:?which guest?}
	[ -e "$dir/pid" ] || die "there is no guest $1"
	pid=$(cat "$dir/pid")
}

pid_alive() {
	[ -e "/proc/$1" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status"
}

qemu_base() {
	echo qemu-system-x86_64 -nodefaults -display none -no-reboot \
		-machine q35 -sandbox on,obsolete=deny,spawn=deny \
		-kernel "$image/vmlinuz" -initrd "$image/initrd.gz"
}

# /dev/kvm may be there and not work (nested, or a kernel that emulates half
# of it), so ask by booting.
probe_accel() {
	ulimit -c 0 # QEMU aborts where KVM is broken
	if [ -w /dev/kvm ] && timeout 15 $(qemu_base) -accel kvm -cpu max \
		-m 192 -serial stdio </dev/null 2>/dev/null \
		-append "console=ttyS0 panic=-1 quiet cw.probe" |
		grep probe-ok >/dev/null; then
		echo kvm
	else
		echo tcg
	fi
}

cmd_prepare() {
	mkdir -p "$image"
	"$here/build-initramfs.sh" "$("$here/kernel.sh")" "$image"
	probe_accel >"$image/accel"
	echo "guests run under $(cat "$image/accel")"
}

# QEMU's words for the NICs, in `nics`; the variables are cmd_start's.
nic_words() {
	local tap i=0

	nics=(-chardev "socket,id=c,path=$dir/net.sock,server=on,wait=off"
		-netdev "vhost-user,id=n,chardev=c,queues=$queues"
		-device "virtio-net-pci,netdev=n,mac=$mac,romfile=$nic")
	[ -n "$taps" ] || return 0
	nics=()
	for tap in $(tr , ' ' <<<"${taps#*:}"); do
		ip netns exec "${taps%%:*}" ip tuntap add dev "$tap" mode tap \
			user "$uid" vnet_hdr
		ip -n "${taps%%:*}" link set dev "$tap" up
		nics+=(-netdev "tap,id=n$i,ifname=$tap,script=no,downscript=no"
			-device "virtio-net-pci,netdev=n$i,mac=${mac%?}$i,speed=10000,duplex=full,romfile=$nic")
		i=$((i + 1))
	done
}

cmd_start() {
	local name=$1 mac="" uid=0 gid=0 memory=192 queues=1 words="" nic=""
	local accel taps="" net=()

	shift
	dir=$guests/$name
	[ ! -e "$dir/pid" ] || die "guest $name exists"
	while [ $# -gt 1 ]; do
		case $1 in
		--mac) mac=$2 ;;
		--ip | --ip6 | --vlan | --mtu) words+=" cw.${1#--}=$2" ;;
		--uid) uid=$2 ;;
		--gid) gid=$2 ;;
		--memory) memory=$2 ;;
		--queues) queues=$2 ;;
		--taps) taps=$2 ;;
		--load) words+=" cw.load=$2" ;;
		*) usage ;;
		esac
		shift 2
	done
	[ $# = 0 ] && [ -n "$mac" ] || usage

	accel=$(cat "$image/accel")
	[ "$accel" = kvm ] || nic=,vectors=0
	[ "$queues" = 1 ] || nic+=,mq=on
	mkdir -p "$dir"
	net=(unshare -n)
	[ -z "$taps" ] || net=(ip netns exec "${taps%%:*}")
	mkfifo -m 600 "$dir/ctl.in" "$dir/ctl.out"
	: >"$dir/console"
	: >"$dir/qemu.log"
	# The folder's group passes to the socket: s.  Nobody else may enter.
	chown "$uid:$gid" "$dir" "$dir"/{ctl.in,ctl.out,console}
	chmod 2750 "$dir"
	nic_words
	(
		umask 007
		exec setsid "${net[@]}" setpriv --reuid="$uid" --regid="$uid" \
			$([ "$accel" = kvm ] && echo --groups=kvm ||
				echo --clear-groups) --no-new-privs \
			--inh-caps=-all --bounding-set=-all \
			$(qemu_base) -accel "$accel" -cpu max -m "$memory" \
			-name "$name" \
			-object "memory-backend-memfd,id=m,size=${memory}M,share=on,seal=on" \
			-numa node,memdev=m \
			"${nics[@]}" \
			-serial "file:$dir/console" \
			-chardev "pipe,id=ctl,path=$dir/ctl" -serial chardev:ctl \
			-append "console=ttyS0 panic=-1 quiet cw.name=$name$words" \
			</dev/null >"$dir/qemu.log" 2>&1
	) &
	echo $! >"$dir/pid"
}

# Read lines of ctl.out until one is $2 (then return 0) or $1 seconds are
# over.  Lines between are handed to `$3 LINE`.
read_until() {
	local end=$((SECONDS + $1)) want=$2 sink=$3 line part=""

	while [ $SECONDS -le $end ]; do
		if ! IFS= read -r -t 1 line <&8; then
			part+=$line # the time ran out amid a line
			pid_alive "$pid" || return 1
			continue
		fi
		line=$part$line
		part=""
		case $line in
		$want)
			last=$line
			return 0
			;;
		esac
		"$sink" "$line"
	done
	return 1
}

ignore() {
	:
}

show() {
	printf '%s\n' "$1"
}

cmd_wait() {
	need_guest "$1"
	[ ! -e "$dir/ready" ] || return 0
	exec 8<>"$dir/ctl.out"
	read_until "${2:-60}" ready ignore || {
		tail -n 5 "$dir/qemu.log" "$dir/console" >&2
		die "guest $1 does not come up"
	}
	: >"$dir/ready"
}

# The guest ends its output with a line feed of its own, so that `end` stands
# alone on a line: the last line read before it is empty and not shown.
held=""
holding=false
show_all_but_last() {
	! $holding || printf '%s\n' "$held"
	held=$1
	holding=true
}

cmd_exec() {
	local seconds=20 token

	if [ "${1:-}" = -t ]; then
		seconds=$2
		shift 2
	fi
	need_guest "${1:-}"
	shift
	exec 7>"$dir/lock"
	flock 7
	exec 8<>"$dir/ctl.out" 9<>"$dir/ctl.in"
	token=$$.$RANDOM
	echo "$token $seconds $(printf '%s' "$*" | base64 -w 0)" >&9
	read_until $((seconds + 20)) "$token begin" ignore &&
		read_until $((seconds + 20)) "$token end *" show_all_but_last ||
		die "guest does not answer"
	[ -z "$held" ] || printf '%s\n' "$held"
	return "${last##* }"
}

cmd_shell() {
	local line

	need_guest "$1"
	echo "commands run in $1, one at a time, at most an hour; end with ^D"
	while IFS= read -r -e -p "$1# " line; do
		"$0" exec -t 3600 "$1" "$line" || echo "(status $?)"
	done
}

cmd_alive() {
	need_guest "$1"
	pid_alive "$pid"
}

cmd_list() {
	local pidfile

	for pidfile in "$guests"/*/pid; do
		[ ! -e "$pidfile" ] || basename "$(dirname "$pidfile")"
	done
}

cmd_stop() {
	local i

	need_guest "$1"
	# A pid may have been used again: only QEMU of this guest is killed.
	if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null |
		grep -F "path=$dir/ctl" >/dev/null; then
		kill "$pid" 2>/dev/null || true
		for ((i = 0; i < 30; i++)); do
			pid_alive "$pid" || break
			sleep 0.1
		done
		kill -9 "$pid" 2>/dev/null || true
	fi
	rm -rf "$dir"
}

cmd_stop-all() {
	local name

	for name in $(cmd_list); do
		cmd_stop "$name"
	done
}

command=${1:-}
case $command in
prepare | start | wait | exec | shell | alive | list | stop | stop-all)
	shift
	"cmd_$command" "$@"
	;;
*) usage ;;
esac
