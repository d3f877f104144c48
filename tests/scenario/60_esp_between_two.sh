#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two sites with SAs made by hand.  What is for the other one arrives, of any
# size, and only ESP is ever on the wire between them.  What is replayed,
# changed, cut, or flooded is counted, and hurts nobody.  Keys change under
# load; SAs end at their limits; paths grow narrow; a peer behind a NAT moves.
. "$(dirname "$0")/esp_pair.sh"

HERE=$(dirname "$0")
pings() { at "$1" ping -q -c "${3:-2}" -i 0.05 -W 1 "$2"; }
says() { [[ $said == *"$1"* ]]; }
forge() { at a python3 "$HERE/esp_forge.py" "$@"; }

# stream SECONDS [OPTION...]: bytes that came through
stream() {
	local seconds=$1

	shift
	at a iperf3 -J -c 10.2.0.1 -t "$seconds" "$@" >"$PAIR_DIR/iperf.json" &&
		python3 -c "import json; d = json.load(open('$PAIR_DIR/iperf.json'))
print(d['end']['sum_received']['bytes'])"
}

pair_open esp
pair_start a
pair_start b
refuse "without an SA nobody is reached" pings a 10.2.0.1 1
expect "iked's words are carried out" pair_sas
capture_start wire b
expect "IPv4 passes" pings a 10.2.0.1
expect "the other way, too" pings b 10.1.0.1
expect "IPv6 passes" pings a 2001:db8:2::1
expect "pings of every length pass" bash -c "for n in 0 1 2 3 4 100 1000 1409 \
	1410; do ip netns exec ${PAIR_NS[a]} ping -q -c 1 -W 1 -M do -s \$n \
	10.2.0.1 || exit 1; done"
refuse "the TUN's MTU is what fits" \
	at a ping -q -c 1 -W 1 -M do -s 1411 10.2.0.1
expect "longer ones pass in fragments" \
	at a ping -q -c 1 -W 1 -s 9000 10.2.0.1

at b iperf3 -s -D -I "$PAIR_DIR/iperf.pid" >/dev/null
until_true 5 at b bash -c 'ss -ltn | grep 5201'
PAIR_OTHER+=("$(tr -d '\0' <"$PAIR_DIR/iperf.pid")")
at_least "TCP passes, in frames much longer than packets" "$(stream 2)" \
	50000000
at_least "a frame from the host is many packets" \
	"$(ask a counters "d['sent'] // d['tun_frames']")" 5
at_least "and many packets are a frame for the host" \
	"$(ask b counters "d['received'] // d['host_frames']")" 3
at_least "TCP passes the other way" "$(stream 1 -R)" 20000000
at_least "UDP passes" "$(stream 1 -u -b 200M)" 5000000
capture_stop
expect "only ESP was on the wire" bash -c \
	"tcpdump -n -r $PAIR_DIR/wire.pcap 2>/dev/null | grep -c UDP-encap"
equal "and nothing else" "$(capture wire 'ip and not udp port 4500' |
	wc -l)$(capture wire 'net 2001:db8:1::/48 or
	net 2001:db8:2::/48' | wc -l)" 00
equal "nothing was dropped, nor late" \
	"$(ask b counters "[k for k, v in d['drops'].items() if v and k != 'no_policy']")" "[]"

# --- what others may try ----------------------------------------------------
# Packets that b has not seen yet: it is deaf while they are sent.
at b nft -f - <<-'END'
	table inet deaf {
		chain c {
			type filter hook prerouting priority -400;
			udp dport 4500 drop;
		}
	}
END
PAIR_SNAP=2000 capture_start fresh a "src host 192.0.2.1 and udp port 4500"
pings a 10.2.0.1 4 >/dev/null
capture_stop
at b nft delete table inet deaf
before=$(ask b counters "d['host_frames']")
flips=$(forge flip "$PAIR_DIR/fresh.pcap" wire)
cuts=$(forge cut "$PAIR_DIR/fresh.pcap" wire)
sleep 0.2
at_least "each changed byte was noticed" \
	"$(ask b counters "sum(d['drops'][k] for k in
		('auth', 'unknown_spi', 'replay', 'runt'))")" $((flips - 1))
equal "of $flips changed and $cuts cut packets none got in" \
	"$(ask b counters "d['host_frames']")" "$before"
forge again "$PAIR_DIR/fresh.pcap" wire >/dev/null
sleep 0.2
equal "unchanged they did: what was forged did not move the window" \
	"$(ask b counters "d['host_frames']")" $((before + 4))
replayed=$(drops b replay)
forge again "$PAIR_DIR/fresh.pcap" wire >/dev/null
mapped=$(ask b counters "d['mappings']")
forge elsewhere "$PAIR_DIR/fresh.pcap" wire >/dev/null
sleep 0.2
equal "a second time they are replays" "$(drops b replay)" $((replayed + 8))
equal "and from elsewhere do not move the peer" \
	"$(ask b counters "d['mappings']")" "$mapped"
expect "all the while the channel works" pings a 10.2.0.1

# --- IKE --------------------------------------------------------------------
hand_open a
hand_open b
for s in a b; do
	expect "an iked that comes is told what is there" hand_say $s hello
	equal "(four SAs)" "$(grep -c held <<<"$said")" 4
done
expect "the channel works with SAs of an iked that has gone" pings a 10.2.0.1
hand_say a send local=192.0.2.1 remote=192.0.2.2 text=natt
hand_say a send local=192.0.2.1 remote=192.0.2.2 port=500 rport=500 text=plain
hand_say b wait ms=300
expect "IKE goes from iked to iked, by port 4500" \
	says "datagram 4500 natt"
expect "and by port 500" says "datagram 500 plain"
forge flood 192.0.2.2 3 >"$PAIR_DIR/flood" &
flood=$!
sleep 0.5
for i in $(seq 20); do
	hand_say a send local=192.0.2.1 remote=192.0.2.2 text=n$i
	hand_say b wait ms=20
	seen+=$said
done
expect "during a flood the channel works" pings a 10.2.0.1 3
wait $flood
at_least "$(cat "$PAIR_DIR/flood") packets of a flood do not keep IKE off" \
	"$(grep -c 'datagram 4500' <<<"$seen")" 19
at_least "and are counted" "$(drops b unknown_spi)" 1000

# --- new keys under load ------------------------------------------------------
# rekey N: next pair of SAs, make before break
rekey() {
	local n=$1 s l r in out o

	for s in a b; do
		l=1 r=2 in=${n}b out=${n}a
		[ $s = a ] || { l=2 r=1 in=${n}a out=${n}b; }
		hand_say $s sa dir=in spi=$in n=1 group=9 local=192.0.2.$l \
			remote=192.0.2.$r lnet=10.$l.0.0/16 rnet=10.$r.0.0/16 \
			key=$n || return 1
	done
	for s in a b; do
		l=1 r=2 out=${n}a o=$((n - 1))a
		[ $s = a ] || { l=2 r=1 out=${n}b o=$((n - 1))b; }
		hand_say $s sa dir=out spi=$out replaces=$o n=1 group=9 \
			local=192.0.2.$l remote=192.0.2.$r \
			lnet=10.$l.0.0/16 rnet=10.$r.0.0/16 key=$n || return 1
	done
	[ "$n" = 201 ] || for s in a b; do
		hand_say $s wait ms=200
		hand_say $s delete dir=in spi=$((n - 1))$([ $s = a ] && echo b || echo a) || return 1
		hand_say $s delete dir=out spi=$((n - 1))$s || return 1
	done
}
first_keys() {
	local s l r

	rekey 201 || return 1
	for s in a b; do
		l=1 r=2
		[ $s = a ] || { l=2 r=1; }
		hand_say $s policy n=1 group=9 lnet=10.$l.0.0/16 \
			rnet=10.$r.0.0/16 && hand_say $s drop n=1 || return 1
	done
}
expect "a new iked's SAs take the place of those that are held" first_keys
equal "which are no more" "$(ask a sas "len(d['sas'])")" 2
expect "the channel works with them" pings a 10.2.0.1
late() {
	ask b counters \
		"sum(d['drops'][k] for k in ('unknown_spi', 'auth', 'replay'))"
}
before=$(late)
stream 4 >"$PAIR_DIR/bytes" 2>/dev/null &
load=$!
sleep 0.5
for n in $(seq 202 206); do
	rekey "$n" || echo "not ok - rekey $n: $said"
done
expect "a connection lives through five new keys" wait $load
at_least "at full speed" "$(cat "$PAIR_DIR/bytes")" 50000000
equal "no packet came too late for its key" \
	"$(late)" "$before"

# --- limits -----------------------------------------------------------------
for s in a b; do
	l=1 r=2 out=300a in=300b
	[ $s = a ] || { l=2 r=1 out=300b in=300a; }
	hand_say $s sa dir=in spi=$in n=1 group=9 local=192.0.2.$l \
		remote=192.0.2.$r lnet=10.$l.0.0/16 rnet=10.$r.0.0/16 key=3
	hand_say $s sa dir=out spi=$out replaces=206$s n=1 group=9 key=3 \
		local=192.0.2.$l remote=192.0.2.$r lnet=10.$l.0.0/16 \
		rnet=10.$r.0.0/16 soft_packets=5 hard_packets=10
done
refuse "after a hard limit nothing passes" at a ping -q -c 12 -i 0.05 -W 1 \
	-w 3 10.2.0.1 -c 12
hand_say a wait ms=100
expect "iked is told of the soft limit" \
	says "expire soft out 0000300a"
expect "and of the hard one" says "expire hard out 0000300a"
at_least "what would have passed is counted" "$(drops a out_expired)" 1

# --- a narrow path ------------------------------------------------------------
pair_stop hand-a
pair_stop hand-b
fresh_start() {
	pair_stop espd-a KILL
	pair_stop espd-b KILL
	pair_espd a "$@"
	pair_espd b "$@"
}
capture_start kill b
fresh_start
refuse "an espd that starts again sends nothing in clear" pings a 10.2.0.1 1
capture_stop
equal "(seen on the wire)" "$(capture kill 'ip and not udp port 4500' | wc -l)" 0
expect "SAs are made anew" pair_sas
at a ip link set wire mtu 1300
at b ip link set wire mtu 1300
at_least "through a path that has become narrow TCP passes" "$(stream 2)" \
	10000000
at_least "its MTU was found" "$(ask a sas "sum(s['mtu'] == 1300 for s in d['sas'])")" 1
at a ping -q -c 3 -i 0.2 -M do -s 1400 10.2.0.1 &>"$PAIR_DIR/ping"
expect "senders are told what fits" bash -c \
	"ip netns exec ${PAIR_NS[a]} ip route get 10.2.0.1 | grep -q 'mtu 12'"
at a ip link set wire mtu 1500
at b ip link set wire mtu 1500

# --- a peer that moves --------------------------------------------------------
at a nft -f - <<-'END'
	table ip nat {
		chain c {
			type nat hook postrouting priority 100;
			oifname wire udp sport 4500 snat to 192.0.2.1:40000;
		}
	}
END
expect "a peer whose NAT changes its mind is found" until_true 5 \
	pings a 10.2.0.1 1
equal "by where genuine packets come from" \
	"$(ask b sas "{s['remote'] for s in d['sas']}")" "{'192.0.2.1:40000'}"
at a nft delete table ip nat

# --- other ways ---------------------------------------------------------------
fresh_start --cipher openssl
expect "with OpenSSL" pair_sas "alg=2 esn=0"
expect "ChaCha20-Poly1305 passes, without ESN" pings a 10.2.0.1
fresh_start
expect "IP protocol 50" pair_sas "udp=0 raw=1"
capture_start raw b
expect "passes" pings a 10.2.0.1
at_least "TCP, too" "$(stream 1)" 5000000
capture_stop
equal "and is all that is on the wire" \
	"$(capture raw 'ip and not ip proto 50' | wc -l)" 0
fresh_start
PAIR_WIRE=2001:db8:f:: expect "over IPv6" \
	pair_sas
expect "IPv4 passes" pings a 10.2.0.1
expect "IPv6 passes" pings a 2001:db8:2::1
at_least "TCP passes" "$(stream 1)" 20000000

# --- rights -------------------------------------------------------------------
status() { grep "$2" "/proc/${PAIR_PID[espd-$1]}/status" | cut -f2-; }
equal "espd has a user of its own" "$(status a ^Uid | cut -f1)" $PAIR_UID
equal "and no capability" "$(status a CapPrm)$(status a CapBnd)" \
	"00000000000000000000000000000000"
equal "and is confined by seccomp" "$(status a 'Seccomp:')" 2
refuse "nobody else plays iked" setpriv --reuid 65091 --clear-groups \
	"$PAIR_BUILD/tests/scenario/esp-hand" "$PAIR_DIR/ike-a"
refuse "no sanitizer and no assertion spoke" \
	grep -E 'Sanitizer|Assertion|runtime error' "$PAIR_DIR"/*.log
exit $PAIR_FAILED
