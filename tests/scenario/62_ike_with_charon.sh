#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# causeway-iked against stock charon: keys are agreed on with secrets and with
# certificates, from either side, renewed, deleted, and missed.  A stand-in for
# espd carries the datagrams and keeps the books; what is looked at is what
# both sides say they have.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ike.sh"
[ -x "$IKED" ] || {
	skip "IKE with charon" "causeway-iked is not built"
	exit 0
}
scenario ike

SECRET="a secret of both sides, long enough"
IDS='"local_id": "a.example", "remote_id": "b.example"'
BY_SECRET="$IDS, \"auth\": {\"psk\": \"b.psk\"}"
BY_CERT="$IDS, \"auth\": {\"cert\": \"a.crt\", \"ca\": [\"ca.crt\"]}"
CHARON_SECRET='local { auth = psk
	id = b.example }
	remote { auth = psk
	id = a.example }'
CHARON_CERT='local { auth = pubkey
	certs = b.crt
	id = b.example }
	remote { auth = pubkey
	id = a.example }'

key_of() {
	openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
}

# cert FILE NAME FROM TO: signed by the CA, valid between those days
cert() {
	key_of "$1"
	openssl req -new -key "$1.key" -subj "/O=Causeway/CN=$1" -out "$1.csr"
	printf 'subjectAltName=DNS:%s.example\nkeyUsage=digitalSignature\n' \
		"$2" >"$1.ext"
	openssl ca -batch -notext -config ca.conf -in "$1.csr" -out "$1.crt" \
		-extfile "$1.ext" -startdate "$(day "$3")" -enddate "$(day "$4")"
}

day() {
	date -u -d "$1 days" +%y%m%d%H%M%SZ
}

make_ca() {
	mkdir -p "$STAGE/ca" && cd "$STAGE/ca" || return
	cat >ca.conf <<-END
	[ca]
	default_ca = it
	[it]
	database = index
	serial = serial
	crlnumber = crlnumber
	new_certs_dir = .
	certificate = ca.crt
	private_key = ca.key
	default_md = sha256
	default_days = 30
	default_crl_days = 30
	policy = any
	unique_subject = no
	crl_extensions = crl
	[crl]
	authorityKeyIdentifier = keyid:always
	[any]
	organizationName = optional
	commonName = supplied
	END
	: >index
	echo 01 >serial
	echo 01 >crlnumber
	key_of ca
	openssl req -x509 -new -key ca.key -days 30 -subj "/O=Causeway/CN=CA" \
		-addext keyUsage=keyCertSign,cRLSign -out ca.crt
	cert a a -1 20 && cert b b -1 20 && cert late b -20 -2
	openssl ca -gencrl -config ca.conf -out ca.crl
	for file in a.crt a.key ca.crt ca.crl late.crt late.key; do
		secret $file <$file || return
	done
	cp ca.crt "$STAGE/charon/swanctl/x509ca"
	cp b.crt "$STAGE/charon/swanctl/x509"
	cp b.key "$STAGE/charon/swanctl/private"
	cd - >/dev/null || return
}

# load_cert NAME: charon comes with that certificate
load_cert() {
	cp "$STAGE/ca/$1.crt" "$STAGE/charon/swanctl/x509/b.crt"
	cp "$STAGE/ca/$1.key" "$STAGE/charon/swanctl/private/b.key"
	charon_load "$CHARON_CERT" "" ""
}

# one_pair: a child SA each way, and the policy
one_pair() {
	espd_has 2 '^sa ' && espd_has 1 '^policy '
}

charon_has() {
	[ "$(charon_sas | grep -o 'state=INSTALLED' | wc -l)" = "$1" ]
}

error_is() {
	stage_until "${2:-20}" ike_is "(p['error'] or {}).get('kind')" "$1" ||
		ike_is "p['error']" ""
}

spi_in() {
	espd_list | sed -n 's/^sa in \([0-9a-f]*\).*/\1/p' | head -n 1
}

other_spi() {
	[ "$(spi_in)" != "$1" ] && one_pair
}

status_of() {
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$IKED_PID/status"
}

nothing() {
	espd_has 0 '^(sa|policy) '
}

ike_stage
secret b.psk <<<"$SECRET"
must "the stand-in for espd starts" espd_start
must "iked starts" iked_start
must "charon starts" charon_start

# --- what it may --------------------------------------------------------------

equal "it has its own user" "$(status_of Uid | cut -f 1,2,3,4)" \
	"$(printf '%s\t%s\t%s\t%s' $IKE_UID $IKE_UID $IKE_UID $IKE_UID)"
equal "no capability" "$(status_of CapPrm) $(status_of CapBnd)" \
	"0000000000000000 0000000000000000"
equal "no new privileges, and a seccomp filter" \
	"$(status_of NoNewPrivs) $(status_of Seccomp)" "1 2"
refuse "it has no network socket" stage_in host sh -c \
	"ss -Htuwlpn | grep pid=$IKED_PID,"

# --- secrets ------------------------------------------------------------------

must "charon is told of us" charon_load "$CHARON_SECRET" "" \
	"ike { secret = \"$SECRET\" }"
chmod 644 "$KEYS/b.psk"
refuse "a secret that others can read refuses the state" \
	ike_apply "$(peer b "$BY_SECRET")"
chmod 600 "$KEYS/b.psk"
expect "the state is taken" ike_apply "$(peer b "$BY_SECRET")"
expect "with a secret on both sides the peer is up" peer_up
expect "espd has a child SA each way, and its policy" one_pair
expect "and charon has it too" charon_has 1
equal "espd was told of the peer before its first SA" \
	"$(grep -nE '^(peers b=|sa-add)' "$STAGE/log/espd" | head -n 1 |
		cut -d: -f2)" "peers b=1"
equal "the cipher is AES-GCM with 256 bits" \
	"$(ike_json "p['ike_sas'][0]['child_sas'][0]['cipher']")" aes256gcm16

expect "the replay window is 4096 packets" grep -q "sa-add in .* window 4096" \
	"$STAGE/log/espd"

spi=$(spi_in)
expect "we renew the child SA" ike_ask ipsec.rekey '{"peer": "b"}'
expect "a successor comes, and the old one goes" \
	stage_until 15 other_spi "$spi"
expect "it took its predecessor's place" grep -qE \
	'sa-add out .* replaces 0*[1-9a-f]' "$STAGE/log/espd"
spi=$(spi_in)
expect "charon renews the child SA" swanctl_ --rekey --child net
expect "a successor comes, and the old one goes" \
	stage_until 15 other_spi "$spi"
spi=$(spi_in)
espd_do soft "$spi"
expect "an SA at its soft limit gets a successor" \
	stage_until 15 other_spi "$spi"
expect "we renew the IKE SA" ike_ask ipsec.rekey '{"peer": "b", "ike": true}'
expect "and it is up, once" stage_until 15 ike_is \
	"(p['ike_rekeys'], p['ike_sa_count'], p['state'])" "(1, 1, 'up')"

expect "we take it down" ike_ask ipsec.down '{"peer": "b"}'
expect "nothing is left here" stage_until 10 nothing
expect "nor there" stage_until 10 charon_has 0
equal "and it stays down" "$(ike_json "p['state']")" down
expect "charon begins" swanctl_ --initiate --child net
expect "and the peer is up" peer_up
expect "charon deletes it" swanctl_ --terminate --ike site
expect "it is heard here" stage_until 10 nothing
expect "we want it up" ike_ask ipsec.up '{"peer": "b"}'
expect "and it is" peer_up
spi=$(spi_in)
expect "charon deletes it again" swanctl_ --terminate --ike site
expect "now it is begun anew, by itself" stage_until 15 other_spi "$spi"

# --- what goes wrong is said --------------------------------------------------

secret wrong.psk <<<"another secret than the peer's"
expect "a wrong secret is taken" ike_apply \
	"$(peer b "$IDS, \"auth\": {\"psk\": \"wrong.psk\"}")"
expect "and said" error_is refused
expect "a wrong identity is taken" ike_apply "$(peer b \
	'"local_id": "a.example", "remote_id": "c.example",
	"auth": {"psk": "b.psk"}')"
expect "and said" error_is refused
expect "a proposal that the peer does not take is taken" ike_apply \
	"$(peer b "$BY_SECRET, \"proposals\": {
		\"ike\": [\"aes256gcm16-prfsha384-ecp521\"]}")"
expect "and said" error_is proposal
expect "networks that the peer does not have are taken" ike_apply "$(
	peer b "$BY_SECRET" | sed 's/10\.2\.0\.0/10.3.0.0/')"
expect "and said" error_is networks

# --- certificates -------------------------------------------------------------

must "a CA signs us and the peer" make_ca
must "charon is told of certificates" load_cert b
expect "the state is taken" ike_apply "$(peer b "$BY_CERT")"
expect "with certificates the peer is up" peer_up
expect "we take it down" ike_ask ipsec.down '{"peer": "b"}'
expect "nothing is left" stage_until 10 nothing
expect "charon begins" swanctl_ --initiate --child net
expect "and the peer is up" peer_up
STRICT=${BY_CERT%\}}', "crl": ["ca.crl"], "revocation": "strict"}'
expect "with a list of the revoked, strictly" ike_apply "$(peer b "$STRICT")"
expect "it is up as well" peer_up

load_cert late >/dev/null 2>&1
expect "charon comes with a certificate that has expired" ike_apply \
	"$(peer b "$BY_CERT")"
expect "and it is said" error_is clock
load_cert b >/dev/null 2>&1
(cd "$STAGE/ca" && openssl ca -config ca.conf -revoke b.crt &&
	openssl ca -gencrl -config ca.conf -out ca.crl) >/dev/null 2>&1
secret ca.crl <"$STAGE/ca/ca.crl"
expect "the peer's certificate is revoked" ike_apply "$(peer b "$STRICT")"
expect "and it is said" error_is revoked

# --- a peer that is silent ----------------------------------------------------

charon_load "$CHARON_SECRET" "" "ike { secret = \"$SECRET\" }" >/dev/null 2>&1
expect "back to secrets, with a look at the peer every two seconds" \
	ike_apply "$(peer b "$BY_SECRET, \"dpd_s\": 2")"
expect "it is up" peer_up
espd_do deaf
expect "the peer falls silent, and is given up" stage_until 60 ike_is \
	"p['child_sa_count']" 0
equal "which is said" "$(ike_json "p['error']['kind']")" unreachable
espd_do hear
expect "it is heard again, and up again" peer_up 60

# --- what is left behind ------------------------------------------------------

spi=$(spi_in)
kill -9 $IKED_PID
wait $IKED_PID 2>/dev/null
expect "iked is killed; espd keeps the SAs" espd_has 2 '^sa '
expect "a new one takes the state up" iked_start
expect "and the peer" peer_up
expect "what was held is replaced" stage_until 15 other_spi "$spi"
spi=$(spi_in)
kill $IKED_PID
must "it ends when it is told to" stage_until 10 eval "! kill -0 $IKED_PID"
wait $IKED_PID
equal "and well" $? 0
expect "and leaves the SAs, too" espd_has 2 "^sa "
equal "they are the same" "$(spi_in)" "$spi"
expect "another one" iked_start
expect "up" peer_up

kill $ESPD_PID
rm -f "$STAGE/sock/espd-ike.sock"
expect "espd goes, and the peer is down" stage_until 10 ike_is \
	"p['state']" blocked
expect "espd comes" espd_start
expect "and the peer is up" peer_up 30

# --- on demand ----------------------------------------------------------------

expect "the peer shall be up on demand" ike_apply \
	"$(peer b "$BY_SECRET, \"start\": \"on-demand\"")"
ike_ask ipsec.down '{"peer": "b"}' >/dev/null
stage_until 10 nothing
expect "on demand again" ike_apply \
	"$(peer b "$BY_SECRET, \"start\": \"on-demand\", \"dpd_s\": 5")"
expect "espd has its policy, and no SA" stage_until 10 eval \
	'espd_has 1 "^policy " && espd_has 0 "^sa "'
espd_do acquire
expect "a packet asks for it, and it is up" peer_up

expect "the peer is removed" ike_apply
expect "nothing is left" stage_until 10 nothing

# --- secrets stay where they are ----------------------------------------------

refuse "no log has the secret" grep -rqF "$SECRET" "$STAGE/log" "$STAGE/iked"
refuse "nor the command line or the environment" grep -aqF "$SECRET" \
	/proc/$IKED_PID/cmdline /proc/$IKED_PID/environ
scenario_end
