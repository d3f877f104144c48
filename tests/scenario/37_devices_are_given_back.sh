#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the switch has taken from the host, or made there, and its state does
# not name, it gives back: when a port goes or gets another interface, and also
# when netd or the switch itself was dead at the moment in which it should have
# been done.  What another user's switch has is not touched.
# And what a port that changes is to have instead is there before it gives up
# what it has.

. "$(dirname "$0")/lib.sh"
scenario give-back

GENERATION=0

# apply PORTS [OPTION...]: beside the tap t1 and the uplink up1, always there.
apply() {
	local ports=$1

	shift
	GENERATION=$((GENERATION + 1))
	stage_apply "$@" <<-END
	{ "owner": "site", "generation": $GENERATION,
	  "networks": [ { "name": "n", "vlan": 7, "uplink": "up1" } ],
	  "ports": [
	    { "name": "t1", "type": "tap", "interface": "t1", "network": "n" },
	    { "name": "up1", "type": "packet", "interface": "u1" }
	    ${ports:+, $ports} ] }
	END
}

apply_nothing() {
	echo '{ "owner": "site", "generation": 99 }' | stage_apply
}

# uplink NAME INTERFACE, tap NAME INTERFACE: a port's text
uplink() {
	echo "{ \"name\": \"$1\", \"type\": \"packet\", \"interface\": \"$2\" }"
}

tap() {
	echo "{ \"name\": \"$1\", \"type\": \"tap\", \"interface\": \"$2\"," \
		"\"network\": \"n\" }"
}

# Which devices are taken, and which taps there are.
held() {
	{
		stage_in host nft list tables | grep -q causeway &&
			stage_in host nft list table netdev causeway |
			grep -oE 'chain [^ ]+' | sed 's,.*take-,,'
		ip -n "$STAGE_NS-host" -o tuntap list | cut -d: -f1
	} | sort | xargs
}

held_is() {
	[ "$(held)" = "$1" ]
}

# addressed INTERFACE ADDRESS
addressed() {
	ip -n "$STAGE_NS-host" -o -4 address show dev "$1" | grep -qwF "$2"
}

# named KEY VALUE COMMAND...: it fails, and names the two.
named() {
	local key=$1 value=$2 out

	shift 2
	out=$("$@" 2>&1) && return 1
	printf '%s\n' "$out"
	grep -qF -- "$key" <<<"$out" && grep -qF -- "$value" <<<"$out"
}

# says WORDS COMMAND...: it succeeds, and says the words.
says() {
	local words=$1 out

	shift
	out=$("$@" 2>&1) || return
	printf '%s\n' "$out"
	grep -qF -- "$words" <<<"$out"
}

# Of each port, whether it waits.
states() {
	stage_json "' '.join(p['name'] + ':' + p['state'] for p in d['ports'])" \
		ports
}

# guest_port SOCKET: a vhost-user port that listens there
guest_port() {
	echo "{ \"name\": \"g\", \"type\": \"vhost-user\", \"server\": true," \
		"\"socket\": \"$1\", \"network\": \"n\" }"
}

# management INTERFACE: the host's own port, with its default route
management() {
	echo "{ \"name\": \"mgmt\", \"type\": \"tap\", \"interface\": \"$1\"," \
		"\"network\": \"n\", \"addresses\": [ \"10.37.9.1/24\" ]," \
		"\"gateway\": \"10.37.9.254\" }"
}

default_route() {
	ip -n "$STAGE_NS-host" route show default | grep -o 'dev [^ ]*'
}

switchd_kill() {
	kill -9 "$(stage_switchd_pid)"
}

switchd_back() {
	stage_until 5 stage_switchd_pid && stage_until 20 stage_ctl ports
}

# Its supervisor is stopped, so that it stays dead.
netd_dies() {
	kill -STOP "$NETD_SUPERVISOR"
	kill -9 "$(stage_netd_pid)"
}

netd_back() {
	kill -CONT "$NETD_SUPERVISOR"
	stage_until 5 test -S "$STAGE/sock/netd.sock"
}

stage_space ext
for i in 1 2 3; do
	stage_wire "host:u$i" ext:e$i 1500
	ip -n "$STAGE_NS-host" address add 10.37.$i.1/24 dev u$i
done
must "netd starts" stage_netd
must "switchd starts" stage_switchd
must "a first state is taken" apply ""
equal "a tap is made and an interface taken" "$(held)" "t1 u1"

# ---- changed -----------------------------------------------------------------------

expect "an uplink and a tap come" \
	apply "$(uplink x u2), $(tap y t7)"
equal "and are there" "$(held)" "t1 t7 u1 u2"
expect "both ports get other interfaces" \
	apply "$(uplink x u3), $(tap y t8)"
equal "and the old ones are given back" "$(held)" "t1 t8 u1 u3"
expect "with the address" stage_until 5 addressed u2 10.37.2.1/24
expect "two ports change interfaces with each other" \
	eval 'apply "$(tap a t8), $(tap b t9)" &&
	apply "$(tap a t9), $(tap b t8)"'
equal "and keep them" "$(held)" "t1 t8 t9 u1"

# ---- changed to what is not there ----------------------------------------------------

install -d -o $STAGE_UID -g $STAGE_UID "$STAGE/v"
must "an uplink and a guest" \
	apply "$(uplink x u2), $(guest_port "$STAGE/v/g")"
before=$(states)
expect "an interface that does not exist is refused of a port that has one" \
	named 'ports[2].interface' nope0 \
	apply "$(uplink x nope0), $(guest_port "$STAGE/v/g")"
expect "so is a folder that does not exist of a guest's socket" \
	named 'ports[3].socket' "$STAGE/none/g" \
	apply "$(uplink x u2), $(guest_port "$STAGE/none/g")"
expect "and each is refused if only the other one is right" \
	named 'ports[2].interface' nope0 \
	apply "$(uplink x nope0), $(guest_port "$STAGE/v/h")"
expect "so is an interface that another port keeps" \
	named '].interface' "port up1 has it" \
	apply "$(uplink x u1), $(guest_port "$STAGE/v/g")"
equal "both ports have what they had" "$(states) $(held)" "$before t1 u1 u2"
expect "sockets, too" test -S "$STAGE/v/g"
refuse "but no other" test -e "$STAGE/v/h"
expect "which is another one when it can be" \
	apply "$(uplink x u3), $(guest_port "$STAGE/v/h")"
equal "like the interface" "$(states) $(held)" "$before t1 u1 u3"
expect "the guest's new socket is there" test -S "$STAGE/v/h"
refuse "and the old one gone" test -e "$STAGE/v/g"

expect "the host's default route" apply "$(management m1)"
equal "goes through its tap" "$(default_route)" "dev m1"
expect "and if that is to be another one" apply "$(management m2)"
equal "through that" "$(default_route)" "dev m2"
expect "with the address" addressed m2 10.37.9.1/24
refuse "a tap that cannot be made" apply "$(management u3)"
equal "takes it from nobody" "$(default_route) $(held)" "dev m2 m2 t1 u1"

must "a tap" apply "$(tap y t7)"
expect "that is to be an uplink instead is not there then, which is said" \
	says "port y waits" apply "$(uplink y t7)"

expect "a mask of link modes is refused of a device that negotiates none" \
	named 'ports[2].ethtool.advertise' 32 apply "$(uplink x u2 |
		sed 's/}/, "ethtool": { "advertise": 32 } }/')"

# ---- renamed -------------------------------------------------------------------------

# waits PORT
waits() {
	[[ " $(states) " == *" $1:waiting "* ]]
}

must "an uplink" apply "$(uplink x u2)"
ip -n "$STAGE_NS-host" link set dev u2 down
ip -n "$STAGE_NS-host" link set dev u2 name other2
expect "whose interface gets another name waits" stage_until 5 waits x
ip -n "$STAGE_NS-host" link set dev other2 name u2
ip -n "$STAGE_NS-host" link set dev u2 up
refuse "and works when it has its own again" \
	eval '! stage_until 5 eval "! waits x"'
equal "as it had" "$(held)" "t1 u1 u2"

# ---- killed on trial -----------------------------------------------------------------

must "back to the first state" apply ""
expect "a state on trial takes an interface and makes a tap" \
	apply "$(uplink up2 u2), $(tap new1 new1)" --confirm-within 60
equal "which are there" "$(held)" "new1 t1 u1 u2"
switchd_kill
expect "the switch is killed and comes back" switchd_back
expect "what was on trial is given back" stage_until 5 held_is "t1 u1"
expect "with the address" stage_until 5 addressed u2 10.37.2.1/24

# ---- killed within a change ------------------------------------------------------------

crowd=$(tap n0 n0)
for i in {1..29}; do
	crowd+=", $(tap n$i n$i)"
done
apply "$crowd" >/dev/null 2>&1 &
applying=$!
stage_in host timeout 10 sh -c "until [ -e /sys/class/net/n3 ]; do :; done
	kill -9 $(stage_switchd_pid)"
wait $applying
expect "the switch is killed in the middle of a large change" switchd_back
equal "and comes back with the state before it" \
	"$(stage_json "len(d['ports'])" ports)" 2
expect "taps of the change are gone" stage_until 5 held_is "t1 u1"

# ---- netd is dead --------------------------------------------------------------------

expect "a tap and an uplink come once more" \
	apply "$(tap y t7), $(uplink x u2)"
netd_dies
expect "and go while netd is dead" apply ""
equal "their devices stay meanwhile" "$(held)" "t1 t7 u1 u2"
expect "netd comes back" netd_back
expect "and they are given back" stage_until 10 held_is "t1 u1"
expect "with the address" stage_until 5 addressed u2 10.37.2.1/24

expect "a tap once more" apply "$(tap y t7)"
netd_dies
expect "goes while netd is dead" apply ""
switchd_kill
expect "the switch is killed, too" switchd_back
expect "netd comes back" netd_back
expect "nobody has forgotten the tap" stage_until 10 held_is "t1 u1"

# ---- others ------------------------------------------------------------------------

stage_run other ip netns exec "$STAGE_NS-host" \
	sh -c "sleep 600 | '$BUILD/tests/scenario/netd-ask' \
	'$STAGE/sock/netd.sock' tap other 1500 1"
must "root makes a tap of his own" stage_until 5 held_is "other t1 u1"
expect "a change" apply "$(tap y t7)"
expect "and another" apply ""
equal "leave it alone" "$(held)" "other t1 u1"
switchd_kill
expect "the switch is killed and comes back" switchd_back
expect "with a change" apply "$(tap y t7)"
equal "which leaves it alone, too" "$(held)" "other t1 t7 u1"

expect "a state without ports" apply_nothing
equal "gives everything back but that" "$(held)" "other"
scenario_end
