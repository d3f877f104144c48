#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The whole channel: netd, espd and iked at two sites, from a configuration of
# ten lines.  Keys are agreed on, renewed under load, and lost with the process
# that knew them; packets arrive all the while.

. "$(dirname "$0")/esp_pair.sh"
IKED=$PAIR_BUILD/ipsec-migrate/causeway-iked
[ -x "$IKED" ] || {
	echo "skipped - the channel (causeway-iked is not built)"
	exit 0
}
pair_open channel

pings() { at "$1" ping -q -c "${3:-2}" -i 0.05 -W 1 "$2"; }

# iked SIDE
iked() {
	pair_spawn "iked-$1" ip netns exec "${PAIR_NS[$1]}" "$IKED" \
		--socket "$PAIR_DIR/iked-$1" --espd "$PAIR_DIR/ike-$1" \
		--state-dir "$PAIR_DIR/ike-state-$1" --key-dir \
		"$PAIR_DIR/keys-$1" --user $PAIR_UID:$PAIR_UID --log-level debug
}

ike() {
	local s=$1

	shift
	"$PAIR_BUILD/tests/scenario/rpc-ask" "$PAIR_DIR/iked-$s" "$@"
}

# peer_is SIDE EXPRESSION VALUE: of its only peer `p`
peer_is() {
	[ "$(ike "$1" ipsec.status | python3 -c "import json, sys
p = json.load(sys.stdin)['peers'][0]
print($2)")" = "$3" ]
}

# state SIDE OTHER GENERATION MORE
state() {
	local n=1 m=2

	[ "$1" = a ] || { n=2; m=1; }
	cat <<-END
	{ "state": {
	  "owner": "site", "generation": $3,
	  "peers": [
	    { "name": "site-$2", $4
	      "local": "192.0.2.$n", "remote": "192.0.2.$m",
	      "auth": { "psk": "channel.psk" },
	      "networks": { "local": ["10.$n.0.0/24"],
	                    "remote": ["10.$m.0.0/24"] } } ] } }
	END
}

apply_both() {
	ike a state.apply "$(state a b "$1" "${2:-}")" &&
		ike b state.apply "$(state b a "$1" "${2:-}")"
}

up() { until_true "${2:-15}" peer_is "$1" "p['state']" up; }

# losing N COMMAND...: while it runs at most N of 200 pings do not come back
losing() {
	local most=$1 pid back

	shift
	at a ping -q -i 0.02 -c 200 -W 1 10.2.0.1 >"$PAIR_DIR/pings" &
	pid=$!
	sleep 0.5
	"$@" || return
	wait $pid
	back=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$PAIR_DIR/pings")
	cat "$PAIR_DIR/pings"
	[ $((200 - back)) -le "$most" ]
}

rekeyed() {
	ike a ipsec.rekey '{"peer": "site-b"}' >/dev/null &&
		until_true 10 peer_is a "p['rekeys'] > 0" True
}

for s in a b; do
	install -d -m 700 -o $PAIR_UID -g $PAIR_UID "$PAIR_DIR/keys-$s"
	install -m 600 -o $PAIR_UID -g $PAIR_UID /dev/stdin \
		"$PAIR_DIR/keys-$s/channel.psk" <<<"the same secret at both sites"
	pair_start $s --iked-user $PAIR_UID
	iked $s
done
capture_start wire b
expect "ten lines at each site are taken" apply_both 1
expect "the channel is up at a" up a
[ $PAIR_FAILED = 0 ] || exit 1
expect "and at b" up b
expect "packets pass" pings a 10.2.0.1
expect "the other way, too" pings b 10.1.0.1
equal "there is one IKE SA, though both have begun" "$(ike a ipsec.status |
	python3 -c "import json, sys
print(json.load(sys.stdin)['peers'][0]['ike_sa_count'])")" 1
expect "keys are renewed, and no packet is lost" losing 0 rekeyed

pair_stop iked-a KILL
expect "iked of a is killed; packets pass" pings a 10.2.0.1
# INITIAL_CONTACT: the peer drops the old SAs a round trip before we know.
expect "it comes again, and next to no packet is lost" losing 3 iked a
expect "up" up a
expect "packets pass" pings a 10.2.0.1
expect "and back" pings b 10.1.0.1

expect "four streams are wanted" apply_both 2 '"streams": 4,'
expect "and there are four at least" until_true 20 peer_is a \
	"p['child_sa_count'] >= 4" True
expect "packets pass" pings a 10.2.0.1

pair_stop espd-b KILL
refuse "espd of b is killed; nothing passes" pings a 10.2.0.1 1
pair_espd b --iked-user $PAIR_UID
expect "it comes again, and so does the channel" \
	until_true 30 pings a 10.2.0.1 1
capture_stop
equal "nothing but IKE and ESP was on the wire" "$(capture wire \
	'ip and not udp port 500 and not udp port 4500 and
	not icmp[icmptype] = icmp-unreach' | wc -l)" 0
equal "and nothing of the networks" "$(capture wire \
	'net 10.1.0.0/24 or net 10.2.0.0/24' | wc -l)" 0
exit $PAIR_FAILED
