# SPDX-License-Identifier: GPL-2.0-or-later
#
# esp_pair.sh: two sites, a and b, each a namespace with netd and espd, and a
# wire between them.  SAs are made by hand (esp-hand), without IKE.
#
#	. "$(dirname "$0")/esp_pair.sh"
#	pair_open name
#	pair_start a; pair_start b
#	pair_sas
#
#	a: 192.0.2.1, 2001:db8:f::1, inside 10.1.0.1, 2001:db8:1::1
#	b: 192.0.2.2, 2001:db8:f::2, inside 10.2.0.1, 2001:db8:2::1

set -uo pipefail

PAIR_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PAIR_BUILD=$(cd "${BUILD:-$PAIR_ROOT/build}" && pwd)
PAIR_UID=65090
PAIR_FAILED=0
declare -A PAIR_NS PAIR_PID PAIR_INNER PAIR_OUTER PAIR_HAND
PAIR_OTHER=()

pair_clean() {
	local pid ns

	for pid in "${PAIR_OTHER[@]}" "${PAIR_PID[@]}"; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	for ns in "${PAIR_NS[@]}"; do
		ip netns del "$ns" 2>/dev/null
	done
	[ "$PAIR_FAILED" = 0 ] || tail -n 20 "$PAIR_DIR"/*.log
	rm -rf "$PAIR_DIR"
}

pair_open() {
	local s n=1

	PAIR_DIR=$(mktemp -d "/tmp/causeway-$1-XXXXXX")
	chmod 755 "$PAIR_DIR"
	trap pair_clean EXIT
	trap 'exit 130' INT TERM
	for s in a b; do
		PAIR_NS[$s]=cw-$1-$s-$$
		ip netns add "${PAIR_NS[$s]}"
		at $s ip link set lo up
		at $s sysctl -qw net.ipv6.conf.default.accept_dad=0
		PAIR_OUTER[$s]=192.0.2.$n
		PAIR_INNER[$s]=10.$n.0.1
		n=2
	done
	ip -n "${PAIR_NS[a]}" link add wire type veth peer name wire \
		netns "${PAIR_NS[b]}"
	n=1
	for s in a b; do
		at $s ip address add 192.0.2.$n/24 dev wire
		at $s ip address add 2001:db8:f::$n/64 dev wire nodad
		at $s ip link set wire up
		n=2
	done
}

at() {
	local s=$1

	shift
	ip netns exec "${PAIR_NS[$s]}" "$@"
}

# pair_spawn NAME COMMAND...: returns when it says that it is ready
pair_spawn() {
	local name=$1 ready=$PAIR_DIR/$1.ready

	shift
	rm -f "$ready"
	mkfifo "$ready"
	CAUSEWAY_READY_FD=9 "$@" 9<>"$ready" 2>>"$PAIR_DIR/$name.log" &
	PAIR_PID[$name]=$!
	read -r -t 10 <>"$ready" && return 0
	echo "not ok - $name starts"
	PAIR_FAILED=1
	exit 1
}

pair_netd() {
	pair_spawn "netd-$1" ip netns exec "${PAIR_NS[$1]}" \
		"$PAIR_BUILD/base/causeway-netd" --socket "$PAIR_DIR/netd-$1" \
		--ipsec-socket "$PAIR_DIR/ipsec-$1" \
		--state "$PAIR_DIR/state-$1" --ipsec-user $PAIR_UID:$PAIR_UID
}

# pair_espd SIDE OPTION...
pair_espd() {
	local s=$1 n=1

	shift
	[ "$s" = a ] || n=2
	pair_spawn "espd-$s" ip netns exec "${PAIR_NS[$s]}" \
		"$PAIR_BUILD/ipsec-migrate/causeway-espd" --tun cwi \
		--address 10.$n.0.1/32 --address 2001:db8:$n::1/128 \
		--user $PAIR_UID:$PAIR_UID --netd "$PAIR_DIR/ipsec-$s" \
		--socket "$PAIR_DIR/espd-$s" --ike-socket "$PAIR_DIR/ike-$s" \
		"$@"
}

pair_start() {
	pair_netd "$1"
	pair_espd "$@"
}

# pair_stop NAME [SIGNAL]: netd-a, espd-b and so on
pair_stop() {
	kill "-${2:-TERM}" "${PAIR_PID[$1]}"
	wait "${PAIR_PID[$1]}" 2>/dev/null
	unset "PAIR_PID[$1]"
}

# hand SIDE: commands from standard input, one after the other
hand() {
	"$PAIR_BUILD/tests/scenario/esp-hand" "$PAIR_DIR/ike-$1"
}

# hand_open SIDE: an iked that stays; hand_say SIDE COMMAND...; $said has what
# came until it was answered
hand_open() {
	local in=$PAIR_DIR/hand-$1.in out=$PAIR_DIR/hand-$1.out fd_in fd_out

	rm -f "$in" "$out"
	mkfifo "$in" "$out"
	exec {fd_in}<>"$in" {fd_out}<>"$out"
	"$PAIR_BUILD/tests/scenario/esp-hand" "$PAIR_DIR/ike-$1" \
		<"$in" >"$out" 2>"$PAIR_DIR/hand-$1.log" &
	PAIR_PID[hand-$1]=$!
	PAIR_HAND[$1]="$fd_in $fd_out"
}

hand_say() {
	local s=$1 fds line
	read -r -a fds <<<"${PAIR_HAND[$s]}"

	shift
	echo "$*" >&"${fds[0]}"
	said=
	while read -r -t 10 line <&"${fds[1]}"; do
		said+=$line$'\n'
		[[ $line == ok* ]] && return 0
		[[ $line == error* || $line == closed* ]] && return 1
	done
	return 1
}

# pair_lines SIDE [WORDS]: what an iked would say for two pairs of SAs, inner
# IPv4 and inner IPv6.  PAIR_WIRE=2001:db8:f:: is over IPv6.
pair_lines() {
	local s=$1 o=b l=1 r=2 in=1b1 out=1a1 more=${2:-}
	local wire=${PAIR_WIRE:-192.0.2.}

	[ "$s" = a ] || { o=a l=2 r=1 in=1a1 out=1b1; }
	sed "s/192\.0\.2\./$wire/g" <<-END
		hello
		peer n=1 name=site-$o local=192.0.2.$l remote=192.0.2.$r lnet=10.$l.0.0/16 rnet=10.$r.0.0/16 rnet2=2001:db8:$r::/48 $more
		end
		sa dir=in spi=$in n=1 group=1 local=192.0.2.$l remote=192.0.2.$r lnet=10.$l.0.0/16 rnet=10.$r.0.0/16 key=0x$in $more
		sa dir=out spi=$out n=1 group=1 local=192.0.2.$l remote=192.0.2.$r lnet=10.$l.0.0/16 rnet=10.$r.0.0/16 key=0x$out $more
		policy n=1 group=1 lnet=10.$l.0.0/16 rnet=10.$r.0.0/16
		sa dir=in spi=${in}6 n=1 group=2 local=192.0.2.$l remote=192.0.2.$r lnet=2001:db8:$l::/48 rnet=2001:db8:$r::/48 key=0x${in} $more
		sa dir=out spi=${out}6 n=1 group=2 local=192.0.2.$l remote=192.0.2.$r lnet=2001:db8:$l::/48 rnet=2001:db8:$r::/48 key=0x${out} $more
		policy n=1 group=2 lnet=2001:db8:$l::/48 rnet=2001:db8:$r::/48
	END
}

# pair_sas [WORDS]: both sides have SAs; 0 if each command was carried out
pair_sas() {
	local s

	for s in a b; do
		pair_lines $s "${1:-}" | hand $s >"$PAIR_DIR/said-$s"
		! grep -qv ok "$PAIR_DIR/said-$s" || {
			cat "$PAIR_DIR/said-$s"
			return 1
		}
	done
}

# ask SIDE METHOD EXPRESSION: of the answer d, in Python
ask() {
	python3 - "$PAIR_DIR/espd-$1" "$2" "$3" <<-'END'
		import json, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		s.sendall(json.dumps({"jsonrpc": "2.0", "id": 1,
		    "method": sys.argv[2], "params": {}}).encode() + b"\n")
		f = s.makefile()
		d = json.loads(f.readline())["result"]
		print(eval(sys.argv[3]))
	END
}
# drops SIDE REASON
drops() {
	ask "$1" counters "d['drops']['$2']"
}

expect() {
	local sentence=$1

	shift
	if "$@" >"$PAIR_DIR/output" 2>&1 </dev/null; then
		echo "ok - $sentence"
	else
		echo "not ok - $sentence"
		tail -n 20 "$PAIR_DIR/output" | sed 's/^/    /'
		PAIR_FAILED=1
	fi
}
refuse() {
	local sentence=$1

	shift
	if "$@" >"$PAIR_DIR/output" 2>&1 </dev/null; then
		echo "not ok - $sentence"
		tail -n 20 "$PAIR_DIR/output" | sed 's/^/    /'
		PAIR_FAILED=1
	else
		echo "ok - $sentence"
	fi
}
equal() {
	if [ "$2" = "$3" ]; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		echo "    seen $2, wanted $3"
		PAIR_FAILED=1
	fi
}
at_least() {
	if [ "${2:-0}" -ge "$3" ]; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		echo "    seen $2, wanted at least $3"
		PAIR_FAILED=1
	fi
}
# until SECONDS COMMAND...: tried every 0.1 s
until_true() {
	local end=$((SECONDS + $1))

	shift
	until "$@" &>/dev/null; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# capture_start NAME SIDE FILTER...; capture_stop; capture NAME FILTER: lines
capture_start() {
	local name=$1 s=$2

	shift 2
	# Not by at(): this process's own id is wanted.
	ip netns exec "${PAIR_NS[$s]}" tcpdump -i wire -n -U -B 16384 -s "${PAIR_SNAP:-96}" -w "$PAIR_DIR/$name.pcap" \
		"$@" 2>"$PAIR_DIR/tcpdump.out" &
	PAIR_CAPTURE=$!
	PAIR_OTHER+=("$PAIR_CAPTURE")
	until_true 5 grep -q listening "$PAIR_DIR/tcpdump.out"
}
capture_stop() {
	sleep 0.3
	kill "$PAIR_CAPTURE"
	wait "$PAIR_CAPTURE" 2>/dev/null
}
capture() {
	tcpdump -n -r "$PAIR_DIR/$1.pcap" "$2" 2>/dev/null
}
