# SPDX-License-Identifier: GPL-2.0-or-later
#
# ike.sh: causeway-iked with a stand-in for espd, and stock charon as the
# peer, for scenarios.  Sourced after lib.sh.
#
#	host	ours, $OUR_IP, behind it 10.1.0.0/24
#	peer	charon with kernel-libipsec, $PEER_IP, behind it 10.2.0.0/24
#
# Ours is IKE_UID; keys are in $KEYS, owned by it.

IKE_UID=65110
IKED=$BUILD/ipsec-migrate/causeway-iked
OUR_IP=192.0.2.1
PEER_IP=192.0.2.2

ike_stage() {
	KEYS=$STAGE/keys
	install -d -m 700 -o $IKE_UID -g $IKE_UID "$KEYS"
	stage_space peer
	stage_wire host:up0 peer:up0
	ip -n "$STAGE_NS-host" address add $OUR_IP/24 dev up0
	ip -n "$STAGE_NS-peer" address add $PEER_IP/24 dev up0
	ip -n "$STAGE_NS-peer" address add 10.2.0.1/24 dev lo
	mkfifo "$STAGE/orders"
	exec 7<>"$STAGE/orders"
}

# The stand-in; what it is told is in log/espd, orders go by espd_do.
espd_start() {
	stage_run espd ip netns exec "$STAGE_NS-host" sh -c \
		'exec "$@" <"$0"' "$STAGE/orders" \
		"$BUILD/tests/scenario/fake-espd" \
		"$STAGE/sock/espd-ike.sock" $OUR_IP $IKE_UID
	ESPD_PID=$STAGE_PID
	stage_until 5 test -S "$STAGE/sock/espd-ike.sock"
}

espd_do() {
	echo "$*" >&7
}

# espd_list: SAs and policies
espd_list() {
	local before

	before=$(grep -c '^\.$' "$STAGE/log/espd")
	espd_do list
	stage_until 5 eval '[ "$(grep -c "^\.\$" "$STAGE/log/espd")" -gt '"$before"' ]'
	awk -v n="$before" '/^\.$/ { seen++; next } seen == n' \
		"$STAGE/log/espd" | grep -E '^(sa|policy) '
}

# espd_has N PATTERN: so many lines of the list
espd_has() {
	local list

	list=$(espd_list)
	echo "$list"
	[ "$(grep -cE "$2" <<<"$list")" = "$1" ]
}

iked_start() {
	stage_run iked ip netns exec "$STAGE_NS-host" "$IKED" \
		--socket "$STAGE/sock/iked.sock" \
		--espd "$STAGE/sock/espd-ike.sock" \
		--state-dir "$STAGE/iked" --key-dir "$KEYS" \
		--user $IKE_UID:$IKE_UID --log-level debug
	IKED_PID=$STAGE_PID
	stage_until 10 ike_ask version
}

ike_ask() {
	"$BUILD/tests/scenario/rpc-ask" "$STAGE/sock/iked.sock" "$@"
}

# secret FILE: standard input becomes a file of the key folder
secret() {
	install -m 600 -o $IKE_UID -g $IKE_UID /dev/stdin "$KEYS/$1"
}

# ike_apply PEER...: each a JSON object
IKE_GENERATION=0
ike_apply() {
	local IFS=,

	IKE_GENERATION=$((IKE_GENERATION + 1))
	ike_ask state.apply "{\"state\": {\"owner\": \"test\",
		\"generation\": $IKE_GENERATION, \"peers\": [$*]}}"
}

# peer NAME KEYS: JSON of a peer at $PEER_IP
peer() {
	printf '{"name": "%s", "local": "%s", "remote": "%s",
		"networks": {"local": ["10.1.0.0/24"],
			"remote": ["10.2.0.0/24"]}, %s}' \
		"$1" "${OUR_END-$OUR_IP}" "$PEER_IP" "$2"
}

# ike_json EXPRESSION: of the status `d`, whose first peer is `p`
ike_json() {
	ike_ask ipsec.status | python3 -c \
		"import json, sys; d = json.load(sys.stdin)
p = d['peers'][0] if d['peers'] else {}
print($1)"
}

ike_is() {
	[ "$(ike_json "$1")" = "$2" ]
}

peer_up() {
	stage_until "${1:-15}" ike_is "p['state']" up
}

# --- charon ------------------------------------------------------------------

# charon_start: its configuration is $STAGE/charon/swanctl
charon_start() {
	local dir=$STAGE/charon

	mkdir -p "$dir/swanctl/"{x509,x509ca,x509crl,private,conf.d} "$dir/run"
	cat >"$dir/strongswan.conf" <<-END
	charon {
	  load = random nonce openssl pem pkcs1 pkcs8 x509 revocation constraints pubkey kernel-libipsec kernel-netlink socket-default vici gcm aes kdf hmac sha2 sha1
	  piddir = $dir/run
	  install_routes = no
	  retransmit_tries = 2
	  retransmit_timeout = 1
	  plugins {
	    vici { socket = unix://$dir/vici }
	    kernel-libipsec { allow_peer_ts = yes }
	  }
	  filelog { log { path = $STAGE/log/charon
	    default = 1
	    time_format = %H:%M:%S
	    flush_line = yes } }
	}
	swanctl { socket = unix://$dir/vici }
	END
	stage_run charon-out ip netns exec "$STAGE_NS-peer" unshare -m sh -c "
		mount -t tmpfs none /run
		STRONGSWAN_CONF=$dir/strongswan.conf exec /usr/lib/ipsec/charon"
	CHARON_PID=$STAGE_PID
	stage_until 10 test -S "$dir/vici"
}

# swanctl ARGUMENT...: of the peer
swanctl_() {
	SWANCTL_DIR=$STAGE/charon/swanctl \
		STRONGSWAN_CONF=$STAGE/charon/strongswan.conf \
		ip netns exec "$STAGE_NS-peer" swanctl "$@"
}

# charon_load LINES-OF-CONNECTION LINES-OF-CHILD SECRETS
charon_load() {
	cat >"$STAGE/charon/swanctl/swanctl.conf" <<-END
	connections { site {
	  version = 2
	  local_addrs = $PEER_IP
	  remote_addrs = ${OUR_END_SEEN:-$OUR_IP}
	  encap = yes
	  proposals = aes256gcm16-prfsha384-curve25519
	  $1
	  children { net {
	    local_ts = 10.2.0.0/24
	    remote_ts = 10.1.0.0/24
	    esp_proposals = aes256gcm16-curve25519
	    $2
	  } }
	} }
	secrets { $3 }
	END
	swanctl_ --load-all --clear
}

charon_sas() {
	swanctl_ --list-sas --raw
}
