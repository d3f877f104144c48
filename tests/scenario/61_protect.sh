#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What belongs into the channel never leaves in clear, whoever of ours is
# dead: protected networks are reached through the TUN or not at all, for this
# host and for those that it forwards for, with IPv4 and IPv6.  Only the
# sockets that netd made for IKE and ESP reach the peer.
#
#	lan (10.1/16) --- gate (netd) === wire (192.0.2/24) === peer (10.2/16)
set -uo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${BUILD:-$root/build}" && pwd)
work=$(mktemp -d /tmp/causeway-protect-XXXXXX)
lan=cw-protect-lan-$$
gate=cw-protect-gate-$$
peer=cw-protect-peer-$$
netd_pid=
capture_pid=
failed=0

cleanup() {
	[ -z "$capture_pid" ] || kill "$capture_pid" 2>/dev/null
	[ -z "$netd_pid" ] || kill "$netd_pid" 2>/dev/null
	ip netns del "$lan" 2>/dev/null
	ip netns del "$gate" 2>/dev/null
	ip netns del "$peer" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

expect() {
	local sentence=$1

	shift
	if "$@" >"$work/output" 2>&1 </dev/null; then
		echo "ok - $sentence"
	else
		echo "not ok - $sentence"
		sed 's/^/    /' "$work/output" | tail -n 20
		failed=1
	fi
}
refuse() {
	local sentence=$1

	shift
	if "$@" >"$work/output" 2>&1 </dev/null; then
		echo "not ok - $sentence"
		sed 's/^/    /' "$work/output" | tail -n 20
		failed=1
	else
		echo "ok - $sentence"
	fi
}
at() { ip netns exec "$@"; }
ask() { "$build/tests/scenario/netd-ask" "$work/ipsec.sock" "$@"; }

netd_start() {
	local ready="$work/ready"

	rm -f "$ready"
	mkfifo "$ready"
	CAUSEWAY_READY_FD=9 ip netns exec "$gate" "$build/base/causeway-netd" \
		--socket "$work/netd.sock" --ipsec-socket "$work/ipsec.sock" \
		--state "$work/state" 9<>"$ready" 2>>"$work/netd.log" &
	netd_pid=$!
	read -r -t 10 <>"$ready" || {
		echo "not ok - netd starts"
		cat "$work/netd.log"
		exit 1
	}
}
netd_kill() {
	kill -9 "$netd_pid"
	wait "$netd_pid" 2>/dev/null
	netd_pid=
}

# addresses NAMESPACE DEVICE ADDRESS...: it is up and has them
addresses() {
	local ns=$1 dev=$2 a

	shift 2
	ip -n "$ns" link set "$dev" up
	for a; do
		case $a in
		*:*) ip -n "$ns" address add "$a" dev "$dev" nodad ;;
		*) ip -n "$ns" address add "$a" dev "$dev" ;;
		esac
	done
}
for ns in "$lan" "$gate" "$peer"; do
	ip netns add "$ns"
	ip -n "$ns" link set lo up
	at "$ns" sysctl -qw net.ipv6.conf.default.accept_dad=0 \
	 net.ipv4.ip_forward=1 \
		net.ipv6.conf.all.forwarding=1 \
		net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
done
ip -n "$lan" link add in type veth peer name in netns "$gate"
ip -n "$gate" link add out type veth peer name out netns "$peer"
addresses "$lan" in 10.1.0.2/16 2001:db8:1::2/64
addresses "$gate" in 10.1.0.1/16 2001:db8:1::1/64
addresses "$gate" out 192.0.2.1/24 2001:db8:f::1/64
addresses "$peer" out 192.0.2.2/24 2001:db8:f::2/64
addresses "$peer" lo 10.2.0.2/16 2001:db8:2::2/64
ip -n "$lan" route add default via 10.1.0.1
ip -n "$lan" route add default via 2001:db8:1::1
ip -n "$gate" route add 10.2.0.0/16 via 192.0.2.2
ip -n "$gate" route add 2001:db8:2::/48 via 2001:db8:f::2
ip -n "$peer" route add 10.1.0.0/16 via 192.0.2.1
ip -n "$peer" route add 2001:db8:1::/48 via 2001:db8:f::1

# pings FROM: from here to the peer's network and back, four ways
pings() {
	local ns

	for ns in "$lan" "$gate"; do
		at "$ns" ping -q -c 1 -W 1 10.2.0.2 && return 0
		at "$ns" ping -q -c 1 -W 1 2001:db8:2::2 && return 0
	done
	at "$peer" ping -q -c 1 -W 1 -I 10.2.0.2 10.1.0.2 && return 0
	at "$peer" ping -q -c 1 -W 1 -I 10.2.0.2 10.1.0.1 && return 0
	at "$peer" ping -q -c 1 -W 1 -I 10.2.0.2 192.0.2.1 && return 0
	at "$peer" ping -q -c 1 -W 1 -I 2001:db8:2::2 2001:db8:1::2 && return 0
	return 1
}
# All that a host may try; what comes of it is not asked.
try_all() {
	local ns

	pings
	for ns in "$lan" "$gate"; do
		at "$ns" timeout 1 bash -c 'echo secret >/dev/tcp/10.2.0.2/80'
		at "$ns" bash -c 'echo secret >/dev/udp/10.2.0.2/4500'
		at "$ns" bash -c 'echo secret >/dev/udp/2001:db8:2::2/500'
	done
	at "$gate" ping -q -c 1 -W 1 -I out 10.2.0.2
	at "$peer" bash -c 'echo secret >/dev/udp/10.1.0.2/4500'
	return 0
} &>/dev/null

capture_start() {
	ip netns exec "$peer" tcpdump -i out -n -U -w "$work/$1.pcap" \
		2>"$work/tcpdump.log" &
	capture_pid=$!
	for _ in $(seq 50); do
		grep -qs listening "$work/tcpdump.log" && return
		sleep 0.1
	done
}
capture_stop() {
	sleep 0.3
	kill "$capture_pid"
	wait "$capture_pid" 2>/dev/null
	capture_pid=
}
# What came out of the gate for the protected networks, or answers from there
leaks() {
	tcpdump -n -r "$work/$1.pcap" "(dst net 10.2.0.0/16 or \
		dst net 2001:db8:2::/48) and not icmp6[0] = 135" 2>/dev/null
}
nothing_leaked() {
	local lines

	lines=$(leaks "$1")
	echo "$lines"
	[ -z "$lines" ]
}

expect "before, everybody reaches the peer's network in clear" \
	at "$lan" ping -q -c 1 -W 2 10.2.0.2
expect "with IPv6, too" at "$lan" ping -q -c 5 -i 0.2 -W 2 2001:db8:2::2

netd_start
coproc TUN { exec "$build/tests/scenario/netd-ask" "$work/ipsec.sock" \
	tun cwi0 1400 10.1.255.1/32 2001:db8:1:ff::1/128; }
read -r -t 10 line <&"${TUN[0]}"
expect "netd makes a TUN" test "${line%% *}" = cwi0
refuse "a network of every address is not protected" \
	ask protect cwi0 0.0.0.0/0
refuse "nor is what hosts do not live without" ask protect cwi0 fe80::/10
expect "after these refusals the network is reached as before" \
	at "$lan" ping -q -c 1 -W 2 10.2.0.2
expect "networks are protected" \
	ask protect cwi0 10.2.0.0/16 2001:db8:2::/48 10.3.0.0/16
refuse "nobody reaches them any more, either way" pings
expect "they are the TUN's, with its address" bash -c \
	"ip -n $gate route get 10.2.0.2 | grep 'dev cwi0.*src 10.1.255.1'"
kill "$TUN_PID"
wait "$TUN_PID" 2>/dev/null

capture_start all
refuse "its user being dead, nobody does" pings
try_all
netd_kill
refuse "netd being dead, too, nobody does" pings
try_all
ip -n "$gate" link delete cwi0
refuse "the TUN having been deleted, nobody does" pings
expect "and is told that there is no way" bash -c \
	"ip -n $gate route get 10.2.0.2 2>&1 | grep -i 'no route'"
try_all
capture_stop
expect "a capture saw what the peer tried" bash -c \
	"tcpdump -n -r $work/all.pcap src net 10.2.0.0/16 | grep ICMP"
expect "all the while nothing of it was on the wire" nothing_leaked all

netd_start
ip -n "$gate" rule del priority 4500
ip netns exec "$gate" nft delete table inet causeway-ipsec
netd_kill
netd_start
refuse "a netd that starts puts back what is missing" pings
refuse "its other socket does not know these verbs" \
	"$build/tests/scenario/netd-ask" "$work/netd.sock" protect cwi0

# The peer itself is in a network that is protected; IKE still comes through.
expect "the peer's own address may be in a protected network" \
	ask protect cwi0 10.2.0.0/16 2001:db8:2::/48 192.0.2.2/32
refuse "the peer is not reached in clear" \
	at "$gate" ping -q -c 1 -W 1 192.0.2.2
coproc IKE { exec "$build/tests/scenario/netd-ask" "$work/ipsec.sock" \
	udp 192.0.2.1 4500 2; }
read -r -t 10 line <&"${IKE[0]}"
expect "UDP port 4500 is bound" test "$line" = bound
at "$peer" bash -c "printf '\0\0\0\0ike' >/dev/udp/192.0.2.1/4500"
at "$peer" bash -c "printf '\1\0\0\0esp' >/dev/udp/192.0.2.1/4500"
at "$peer" bash -c "printf '\xff' >/dev/udp/192.0.2.1/4500"
at "$peer" bash -c "printf 'clear' >/dev/udp/192.0.2.1/4501"
sleep 0.2
echo >&"${IKE[1]}"
read -r -t 10 line <&"${IKE[0]}"
expect "IKE comes from the peer, and to the socket that is IKE's" \
	test "$line" = 1
refuse "other ports are not to be had" ask udp 192.0.2.1 53 1
kill "$IKE_PID"
wait "$IKE_PID" 2>/dev/null

expect "protection ends when no network is named" ask protect cwi0
expect "then everybody reaches the peer's network again" \
	at "$lan" ping -q -c 1 -W 2 10.2.0.2
expect "nothing is left of it" bash -c "
	! ip -n $gate rule | grep 4500 && ! ip -n $gate -6 rule | grep 4500 &&
	! ip -n $gate route show table 4500 | grep . &&
	! ip -n $gate -6 route show table 4500 | grep . &&
	! ip netns exec $gate nft list tables | grep ipsec &&
	! ls $work/state | grep protect"
refuse "nothing was wrong in netd's eyes" bash -c \
	"grep -E ' (err|warn):' $work/netd.log | grep -v 'no user'"
exit $failed
