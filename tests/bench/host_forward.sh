#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# TCP between two namespaces: through the Linux bridge, through two packet
# ports, through two taps; alternating, so that what else the machine does
# hits all alike.  Prints Gb/s of each run and the median ratio to the bridge.
#
#	BUILD=build tests/bench/host_forward.sh [ROUNDS [SECONDS]]
#
# CC=bbr chooses the congestion control (default: cubic), PIN=1 the core of
# the forwarder, IDLE=n its empty rounds before it sleeps.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
forward=$(cd "${BUILD:-$root/build}" && pwd)/tests/bench/host-forward
rounds=${1:-3}
seconds=${2:-3}
ns=cw-forward-$$
work=$(mktemp -d /tmp/causeway-forward-XXXXXX)
forward_pid=
server_pid=

undo() {
	[ -z "$forward_pid" ] || { kill "$forward_pid"; wait "$forward_pid"; } \
		2>/dev/null || true
	[ -z "$server_pid" ] || { kill "$server_pid"; wait "$server_pid"; } \
		2>/dev/null || true
	forward_pid= server_pid=
	for n in a b s; do ip netns del "$ns-$n" 2>/dev/null || true; done
}
trap 'undo; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# Two ends of what runs in namespace s; e0 in a and b.
stage() {
	local n

	for n in a b s; do
		ip netns add "$ns-$n"
		ip netns exec "$ns-$n" sysctl -qw \
			net.ipv6.conf.default.disable_ipv6=1 \
			net.ipv6.conf.all.disable_ipv6=1
	done
	for n in a b; do
		if [ "$1" = tap ]; then
			ip -n "$ns-s" tuntap add "v$n" mode tap vnet_hdr
		else
			ip -n "$ns-s" link add "v$n" type veth \
				peer name e0 netns "$ns-$n"
			ip -n "$ns-s" link set "v$n" up
		fi
	done
}

address() {
	local n host=1

	for n in a b; do
		[ "$1" != tap ] ||
			ip -n "$ns-s" link set "v$n" netns "$ns-$n" name e0
		ip -n "$ns-$n" addr add "10.9.0.$host/24" dev e0
		ip -n "$ns-$n" link set e0 up
		host=$((host + 1))
	done
}

start() {
	stage "$1"
	case $1 in
	bridge)
		ip -n "$ns-s" link add br0 type bridge
		ip -n "$ns-s" link set br0 up
		ip -n "$ns-s" link set va master br0
		ip -n "$ns-s" link set vb master br0
		;;
	*)
		ip netns exec "$ns-s" ${PIN:+taskset -c "$PIN"} \
			"$forward" "$1" va "$1" vb "${IDLE:-0}" \
			>"$work/forward" &
		forward_pid=$!
		sleep 0.3
		;;
	esac
	address "$1"
	ip netns exec "$ns-b" iperf3 -s >/dev/null &
	server_pid=$!
	sleep 0.5
}

gbps() {
	ip netns exec "$ns-a" iperf3 -c 10.9.0.2 -t "$seconds" -P "$1" \
		-C "${CC:-cubic}" -J |
		python3 -c 'import json, sys
print("%.1f" % (json.load(sys.stdin)["end"]["sum_received"]["bits_per_second"] / 1e9))'
}

for ((round = 0; round < rounds; round++)); do
	for kind in bridge packet tap; do
		start "$kind"
		for streams in 1 8; do
			rate=$(gbps "$streams")
			echo "$kind $streams $rate" | tee -a "$work/rates"
		done
		undo
		[ "$kind" = bridge ] || [ -z "${VERBOSE:-}" ] ||
			cat "$work/forward"
	done
done
python3 - "$work/rates" <<'END'
import statistics, sys
rates = {}
for line in open(sys.argv[1]):
    kind, streams, rate = line.split()
    rates.setdefault((kind, streams), []).append(float(rate))
med = {key: statistics.median(v) for key, v in rates.items()}
for (kind, streams), m in med.items():
    print(f"{kind:7} {streams} streams {m:6.1f} Gb/s"
          f"  {m / med['bridge', streams]:.2f} of the bridge")
END
