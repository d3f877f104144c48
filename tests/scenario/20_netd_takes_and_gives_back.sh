#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# causeway-netd takes a device from the host: nobody on the wire gets an
# answer from it any more.  It gives it back as it was, also when netd or its
# client was killed in between.  Taps outlive their user.
#
#	BUILD=build tests/scenario/20_netd_takes_and_gives_back.sh
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${BUILD:-$root/build}" && pwd)
work=$(mktemp -d /tmp/causeway-netd-XXXXXX)
host=cw-netd-host-$$
wire=cw-netd-wire-$$
netd_pid=
hold_pid=

cleanup() {
	[ -z "$hold_pid" ] || kill "$hold_pid" 2>/dev/null || true
	[ -z "$netd_pid" ] || kill "$netd_pid" 2>/dev/null || true
	ip netns del "$host" 2>/dev/null || true
	ip netns del "$wire" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

ok() { echo "ok - $*"; }
fail() {
	echo "FAILED - $*" >&2
	cat "$work"/netd.log >&2
	exit 1
}
[ "$(id -u)" = 0 ] || fail "needs root (network namespaces)"

in_host() { ip netns exec "$host" "$@"; }
in_wire() { ip netns exec "$wire" "$@"; }
ask() { "$build/tests/scenario/netd-ask" "$work/netd.sock" "$@"; }

# netd in the host's namespace; returns when it says that it is ready.
netd_start() {
	local ready="$work/ready"

	rm -f "$ready"
	mkfifo "$ready"
	CAUSEWAY_READY_FD=9 ip netns exec "$host" "$build/base/causeway-netd" \
		--socket "$work/netd.sock" --state "$work/state" \
		9<>"$ready" 2>>"$work/netd.log" &
	netd_pid=$!
	read -r -t 10 <>"$ready" || fail "netd does not start"
}

netd_kill() {
	kill -9 "$netd_pid"
	wait "$netd_pid" 2>/dev/null || true
	netd_pid=
}

# Hold what "$@" opens in the background; its first line is in $held.
hold_start() {
	coproc HOLD { exec "$build/tests/scenario/netd-ask" \
		"$work/netd.sock" "$@"; }
	hold_pid=$HOLD_PID
	read -r -t 10 held <&"${HOLD[0]}" || fail "netd-ask $* got nothing"
}

# frames [send]: how many came so far.
frames() {
	echo "${1:-}" >&"${HOLD[1]}"
	read -r -t 10 count <&"${HOLD[0]}"
	echo "$count"
}

hold_kill() {
	kill -9 "$hold_pid"
	wait "$hold_pid" 2>/dev/null || true
	hold_pid=
}

# wire_sends COUNT HEX...: each frame COUNT times, from the wire.
wire_sends() {
	in_wire python3 - "$@" <<-'EOF'
	import socket, sys
	s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
	s.bind(("w0", 0))
	for frame in sys.argv[2:]:
	    frame = bytes.fromhex(frame).ljust(60, b"\0")
	    for _ in range(int(sys.argv[1])):
	        s.send(frame)
	EOF
}

# What `release` has to bring back, without what differs each time.
picture() {
	in_host ip -o -d addr show h0 | sed 's/ valid_lft.*//; s/ tentative//'
	in_host ip route show dev h0
	in_host ip -6 route show dev h0
	in_host cat /proc/sys/net/ipv6/conf/h0/disable_ipv6
	in_host ip -o -d link show h0 | grep -o 'mtu [0-9]*\|addrgenmode [a-z0-9]*'
}

answers() { in_wire ping -c 1 -W "${2:-5}" -q "$1" >/dev/null 2>&1; }

# Nobody at any address the host has, on this device or another.
scan_is_silent() {
	local a pids=()

	in_wire ip neigh flush dev w0
	for a in 10.9.0.1 10.9.0.11 10.200.0.1 fd09::1; do
		answers "$a" 1 &
		pids+=($!)
	done
	for a in "${pids[@]}"; do
		! wait "$a" || fail "$1: the host answers"
	done
	! in_wire ip neigh show dev w0 | grep lladdr >/dev/null ||
		fail "$1: a neighbour was resolved"
}

all_answer() {
	local a

	for a in 10.9.0.1 10.9.0.11 10.200.0.1 fd09::1; do
		answers "$a" || fail "$1: $a does not answer"
	done
}

ip netns add "$host"
ip netns add "$wire"
ip -n "$host" link add h0 type veth peer name w0 netns "$wire"
ip -n "$host" link set lo up
ip -n "$host" addr add 10.200.0.1/32 dev lo
ip -n "$host" addr add 10.9.0.1/24 broadcast 10.9.0.255 dev h0
ip -n "$host" addr add 10.9.0.11/24 dev h0
ip -n "$host" addr add fd09::1/64 dev h0 nodad
ip -n "$host" link set h0 up
ip -n "$wire" addr add 10.9.0.2/24 dev w0
ip -n "$wire" addr add fd09::2/64 dev w0 nodad
ip -n "$wire" link set w0 up
ip -n "$wire" route add 10.200.0.1 dev w0
ip -n "$host" route add 10.77.0.0/16 via 10.9.0.2 metric 7
ip -n "$host" -6 route add fd77::/64 via fd09::2
all_answer "before"
before=$(picture)

netd_start
caps=$(grep CapEff "/proc/$netd_pid/status" | cut -f2)
[ "$caps" = 0000000000003000 ] || fail "netd's capabilities: $caps"
[ "${CAUSEWAY_SECCOMP:-}" = off ] ||
	grep -q "^Seccomp:.2" "/proc/$netd_pid/status" || fail "no seccomp"
ok "netd keeps CAP_NET_ADMIN and CAP_NET_RAW only, under seccomp"

"$build/base/causeway-netd" --socket "$work/other.sock" --state "$work/state" \
	2>"$work/second" && fail "a second netd runs on the same folder"
grep -q "another netd uses this folder" "$work/second" ||
	fail "a second netd said: $(cat "$work/second")"
ok "a second netd on the same folder is refused"

setpriv --reuid 65534 --clear-groups "$build/base/causeway-netd" \
	--socket "$work/other.sock" --state "$work/other" 2>"$work/second" &&
	fail "netd runs without rights"
grep -q "needs root" "$work/second" ||
	fail "without rights netd said: $(cat "$work/second")"
ok "without rights netd says what it needs"

setpriv --reuid 65534 --clear-groups "$build/tests/scenario/netd-ask" \
	"$work/netd.sock" get h0 >/dev/null 2>&1 && fail "nobody may ask" ||
	ok "another user is turned away"

hold_start packet h0 1500 1 0
[[ $held == *mtu=1508*taken* ]] || fail "packet.open said: $held"
scan_is_silent "taken"
[ "$(frames)" -gt 4 ] || fail "the packet socket sees no frames"
ok "a taken device answers nobody, and its packet socket sees the frames"

hold_kill
src=020000000002
hold_start control h0
[[ $held == h0*speed=10000\ duplex=full*taken* ]] ||
	fail "control.open said: $held"
wire_sends 20000 "0180c2000003${src}0800" "ffffffffffff${src}0806"
wire_sends 1 "0180c2000002${src}81000005880901" "0180c2000002${src}0026424203" \
	"020000000001${src}8809" "0180c2000010${src}88cc" "0180c2000002${src}88a8"
wire_sends 20 "0180c2000002${src}880901" "0180c200000e${src}88cc" \
	"0180c2000000${src}88cc" "0180c2000003${src}88cc"
count=$(frames)
[ "$count" = 80 ] || fail "the control socket saw $count frames, not 80"
in_host ip maddr show dev h0 | grep -q 01:80:c2:00:00:02 ||
	fail "the slow protocols' group is not joined"
in_wire timeout 10 tcpdump -c 1 -w "$work/slow.pcap" -i w0 --immediate-mode \
	-Q in ether proto 0x8809 2>"$work/tcpdump.log" &
dump_pid=$!
until grep -q listening "$work/tcpdump.log"; do :; done
[ "$(frames send)" = 80 ] || fail "the control socket saw its own frame"
wait "$dump_pid" || fail "nothing sent on the control socket was seen"
ok "a control socket gets and sends slow protocols and LLDP, nothing else"

hold_kill
scan_is_silent "client killed"
ok "it stays taken when its user is killed"

netd_kill
scan_is_silent "netd killed"
netd_start
hold_start packet h0 1500 1 0
scan_is_silent "taken again"
hold_kill
ok "a new netd takes it again"

ask release h0
all_answer "released"
[ "$(picture)" = "$before" ] ||
	fail "not as before: $(diff <(echo "$before") <(picture))"
[ -z "$(in_host nft list tables)" ] || fail "nftables table left"
ok "release brings back addresses, routes, MTU and IPv6"

hold_start packet h0 9000 0 0
[[ $held == *mtu=9000* ]] || fail "packet.open said: $held"
hold_kill
netd_kill
netd_start
ask release h0
all_answer "released by another netd"
[ "$(picture)" = "$before" ] ||
	fail "not as before: $(diff <(echo "$before") <(picture))"
ok "a netd that was killed gives back what it had taken"

hold_start packet h0 0 0 0
hold_kill
netd_kill
in_host "$build/base/causeway-netd" --socket "$work/netd.sock" \
	--state "$work/state" --release-all 2>>"$work/netd.log"
[ "$(picture)" = "$before" ] || fail "--release-all: not as before"
ok "--release-all does it without a running netd"
netd_start

hold_start packet h0 0 0 0
in_host "$build/base/causeway-netd" --socket "$work/netd.sock" \
	--state "$work/state" --release-all 2>>"$work/netd.log"
hold_kill
[ "$(picture)" = "$before" ] || fail "--release-all, running: not as before"
ok "--release-all asks the one that runs"

in_host ip route add default via 10.9.0.2
! ask packet h0 1500 0 0 </dev/null 2>"$work/err" || fail "took the default"
grep -q '"force": true' "$work/err" || fail "no hint: $(cat "$work/err")"
[ "$(in_host ip route show default)" ] || fail "the default route is gone"
in_host ip route del default
ok "the device of the default route is refused without force"

! ask packet h0 70000 0 0 </dev/null 2>"$work/err" || fail "MTU 70000"
! ask packet h0 65535 1 0 </dev/null 2>"$work/err" || fail "MTU 65543"
grep -q 'ip link set dev h0 mtu 65543' "$work/err" ||
	fail "no command: $(cat "$work/err")"
[ "$(picture)" = "$before" ] || fail "a refusal left traces"
ok "an MTU that does not fit is refused with the command, and nothing changed"

in_host ip link add br0 type bridge
in_host ip link set h0 master br0
! ask packet h0 1500 0 0 </dev/null 2>"$work/err" || fail "bridge port"
grep -q 'ip link set dev h0 nomaster' "$work/err" || fail "no command"
in_host ip link del br0
! ask packet nosuch 1500 0 0 </dev/null 2>/dev/null || fail "no such device"
! ask packet lo 1500 0 0 </dev/null 2>/dev/null || fail "loopback"
! ask tap h0 1500 1 </dev/null 2>/dev/null || fail "foreign device as tap"
! ask tap ../x 1500 1 </dev/null 2>/dev/null || fail "bad name"
ok "bridge ports, loopback, foreign and missing devices are refused"

! ask control h0 </dev/null 2>"$work/err" || fail "control, not taken"
grep -q 'packet.open' "$work/err" || fail "no hint: $(cat "$work/err")"
ok "a device that is not taken gets no control socket"

hold_start tap t0 1400 2
[[ $held == *mtu=1400*up*carrier* ]] || fail "tap.open said: $held"
in_host ip addr add 10.8.0.1/24 dev t0
hold_kill
in_host ip -br link show t0 | grep DOWN >/dev/null || fail "t0 still has a carrier"
hold_start tap t0 1500 1
[[ $held == *mtu=1500*up*carrier* ]] || fail "tap.open again said: $held"
in_host ip addr show t0 | grep 10.8.0.1 >/dev/null || fail "t0 lost its address"
in_host ping -c 1 -W 1 10.8.0.2 >/dev/null 2>&1 || true
[ "$(frames)" -gt 0 ] || fail "no frame came out of the tap"
hold_kill
netd_kill
netd_start
hold_start tap t0 0 1
hold_kill
ask release t0
! in_host ip link show t0 >/dev/null 2>&1 || fail "t0 is still there"
ok "a tap outlives its user and netd, with its addresses, until released"

addresses() {
	in_host ip -o addr show dev m0 scope global | awk "{print \$4}" |
		sort | xargs
}
defaults() {
	in_host ip "$@" route show default |
		grep -o "default via [^ ]* dev [^ ]*"
}
hold_start tap m0 1500 1
ask configure m0 02:00:00:00:00:77 10.7.0.1 2001:db8::1 10.7.0.9/24 \
	10.7.0.10/24 2001:db8::9/64 >"$work/out" || fail "configure"
grep -q 'mac=02:00:00:00:00:77' "$work/out" || fail "no MAC: $(cat "$work/out")"
in_host ip link show m0 | grep -q 02:00:00:00:00:77 || fail "no MAC on m0"
[ "$(addresses)" = "10.7.0.10/24 10.7.0.9/24 2001:db8::9/64" ] ||
	fail "m0 has $(addresses)"
in_host ip addr show m0 | grep -q 'brd 10.7.0.255' || fail "no broadcast"
[ "$(defaults) $(defaults -6)" = \
	"default via 10.7.0.1 dev m0 default via 2001:db8::1 dev m0" ] ||
	fail "default routes: $(defaults) $(defaults -6)"
ask configure m0 - 10.7.0.2 - 10.7.0.10/24 10.6.0.1/16 >"$work/out" ||
	fail "configure again"
[ "$(addresses) $(defaults) $(defaults -6)" = \
	"10.6.0.1/16 10.7.0.10/24 default via 10.7.0.2 dev m0 " ] ||
	fail "m0 has $(addresses), $(defaults) $(defaults -6)"
ok "a tap gets the host's MAC, addresses and gateways, each time as a whole"

# refused WORD NAME MAC GATEWAY IPV6_GATEWAY ADDRESS...
refused() {
	! ask configure "${@:2}" >"$work/out" 2>"$work/err" || fail "took: $*"
	grep -q "$1" "$work/err" || fail "$*: $(cat "$work/err")"
	[ "$(addresses) $(defaults)" = \
		"10.6.0.1/16 10.7.0.10/24 default via 10.7.0.2 dev m0" ] ||
		fail "a refusal changed something: $*"
}
for bad in 10.7.0.1 10.7.0.1/33 10.7.0.1/-1 10.7.0.1/0 224.0.0.1/24 \
	127.0.0.1/8 default/8 ff02::1/64 ::1/64 ::ffff:10.0.0.1/64 x/8 ""; do
	refused "not an address" m0 - - - "$bad"
done
refused "not an address" m0 - 10.7.0.1/24 - 10.7.0.10/24
refused "not next to" m0 - 10.9.0.1 - 10.7.0.10/24
refused "not next to" m0 - 10.7.0.10 - 10.7.0.10/24
refused "not an address" m0 - 10.7.0.1 10.7.0.1 10.7.0.10/24
refused "not a MAC" m0 01:00:5e:00:00:01 - - 10.7.0.10/24
refused "too many\|list of texts" m0 - - - 10.0.{1..17}.1/24
refused "netd did not make it" h0 - - - 10.7.0.10/24
refused "no tap nosuch" nosuch - - - 10.7.0.10/24
ask configure m0 - - - 10.7.0.10/24 >"$work/out" || fail "no gateway"
[ -z "$(defaults)" ] || fail "the default route is left: $(defaults)"
in_host ip route add default via 10.9.0.2
! ask configure m0 - 10.7.0.1 - 10.7.0.9/24 2>"$work/err" || fail "2 defaults"
grep -q 'default route already' "$work/err" || fail "$(cat "$work/err")"
[ "$(addresses) $(defaults)" = "10.7.0.10/24 default via 10.9.0.2 dev h0" ] ||
	fail "a refusal changed something: $(addresses) $(defaults)"
in_host ip route del default
hold_kill
ask release m0
! in_host ip route | grep 10.7.0 || fail "m0's routes are left"
ok "what is no address, no neighbour's or not ours is refused whole"

# What ethtool says about $1, in one line.
settings() {
	in_host ethtool -k "$1" | sed -nE 's/: (on|off)( \[.*)?$/=\1/
		/^([rt]x-check|scatter|tcp-seg|generic)/p' | xargs
	in_host ethtool "$1" | grep -E 'Speed|Duplex|Auto-neg' | xargs
}
in_host ip tuntap add e0 mode tap
in_host ip link set e0 up
for dev in h0 e0; do
	was=$(settings $dev)
	gro=on
	[[ $was != *receive-offload=on* ]] || gro=off
	! ask ethtool $dev tso=off 2>"$work/err" || fail "ethtool, not taken"
	grep -q 'not taken' "$work/err" || fail "$(cat "$work/err")"
	hold_start packet $dev 1500 0 0
	[ "$(settings $dev)" = "$was" ] || fail "taking changed $(settings $dev)"
	ask ethtool $dev sg=off gro=$gro lro=on ufo=on speed=100 duplex=half \
		>"$work/out" || fail "ethtool"
	now=$(settings $dev)
	[[ $now == *scatter-gather=off*receive-offload=$gro* ]] ||
		fail "$dev: $now"
	if [ $dev = h0 ]; then
		grep -q 'unsupported: ufo lro speed duplex$' "$work/out"
	else
		[[ $now == *"Speed: 100Mb/s Duplex: Half"* ]] &&
			grep -q 'unsupported: ufo lro$' "$work/out"
	fi || fail "$dev: $(cat "$work/out"); $now"
	ask ethtool $dev gso=off >"$work/out" || fail "ethtool again"
	grep -q 'unsupported:$' "$work/out" || fail "$dev: $(cat "$work/out")"
	[ "$(settings $dev)" = "${was/generic-segmentation-offload=on/generic-segmentation-offload=off}" ] ||
		fail "$dev: not given, not as before: $(settings $dev)"
	ask ethtool $dev gro=$gro sg=off speed=1000 >"$work/out" ||
		fail "ethtool, a third time"
	hold_kill
	netd_kill
	netd_start
	[ "$(settings $dev)" != "$was" ] || fail "$dev: settings went with netd"
	ask release $dev
	[ "$(settings $dev)" = "$was" ] ||
		fail "$dev: $(settings $dev), and was $was"
done
in_host ip link del e0
hold_start tap t1 1500 1
ask ethtool t1 tso=off advertise=0x3f >"$work/out" || fail "ethtool, our tap"
[[ $(settings t1) == *tcp-segmentation-offload=off* ]] || fail "t1: tso is on"
hold_kill
hold_start tap t1 1500 1
ask ethtool t1 >"$work/out" || fail "ethtool, our tap again"
[[ $(settings t1) == *tcp-segmentation-offload=on* ]] || fail "t1: tso is off"
hold_kill
ask release t1
ok "ethtool's settings are made, refused by name, and given back"

# h0's MTU, and PROMISC if it is so by itself.
device() {
	in_host ip -o link show h0 | grep -oE 'PROMISC|mtu [0-9]+' | xargs
}
for promisc in off on; do
	in_host ip link set h0 promisc $promisc
	was=$(device)
	! ask set h0 9000 1 1 2>"$work/err" || fail "set, not taken"
	grep -q 'not taken' "$work/err" || fail "$(cat "$work/err")"
	hold_start packet h0 1500 1 0
	[ "$(device)" = "${was/1500/1508}" ] || fail "taken, h0 is $(device)"
	ask set h0 9000 1 1 >"$work/out" || fail "set"
	[[ $(device) == "PROMISC mtu 9008" ]] || fail "h0 is $(device)"
	! ask set h0 65535 1 0 2>"$work/err" || fail "MTU 65543"
	grep -q 'cannot carry an MTU of 65535' "$work/err" ||
		fail "$(cat "$work/err")"
	[[ $(device) == "PROMISC mtu 9008" ]] || fail "refused, $(device)"
	netd_kill
	netd_start
	[ "$(ask set h0 0 0 0)" ] || fail "set, all as it was"
	[ "$(device)" = "$was" ] || fail "h0 is $(device), was $was"
	ask set h0 4000 0 1 >"$work/out" || fail "set again"
	hold_kill
	ask release h0
	[ "$(device)" = "$was" ] || fail "released, h0 is $(device)"
	in_host ip link show h0 | grep -q '[<,]UP' || fail "h0 is down"
done
in_host ip link set h0 promisc off
hold_start tap t2 1500 1
in_host ip addr add 10.8.1.1/24 dev t2
ask configure t2 - - - >"$work/out" || fail "configure, nothing"
in_host ip addr show t2 | grep -q 10.8.1.1 || fail "t2 lost what we never gave"
ask configure t2 - - - 10.8.2.1/24 >"$work/out" || fail "configure t2"
netd_kill
netd_start
ask configure t2 - - - >"$work/out" || fail "configure, nothing again"
! in_host ip addr show t2 | grep 'inet 10' || fail "t2 kept what we gave"
ask set t2 9000 1 0 >"$work/out" || fail "set t2"
in_host ip link show t2 | grep -q 'mtu 9000' || fail "t2 has another MTU"
! ask set t2 68000 1 0 2>"$work/err" || fail "t2, MTU 68000"
hold_kill
ask release t2
ok "MTU and promiscuity are set, and given back"

coproc HOLD { exec "$build/tests/scenario/netd-ask" "$work/netd.sock" \
	watch h0; }
hold_pid=$HOLD_PID
event() {
	read -r -t 10 line <&"${HOLD[0]}" || fail "no event for $1"
	[[ $line == *$1* ]] || fail "wanted $1, got: $line"
}
event "present up carrier"
in_wire ip link set w0 down
event "no-carrier"
in_wire ip link set w0 up
event " carrier"
in_host ip link set h0 mtu 1400
event "mtu=1400"
in_host ip link del h0
while read -r -t 10 line <&"${HOLD[0]}" && [[ $line != *gone* ]]; do :; done
[[ $line == *gone* ]] || fail "no event for the removal"
hold_kill
ok "carrier, MTU and removal are reported"

kill "$netd_pid"
wait "$netd_pid" || fail "netd ended with $?"
netd_pid=
[ ! -e "$work/netd.sock" ] || fail "the socket is left"
ok "SIGTERM ends netd cleanly"
