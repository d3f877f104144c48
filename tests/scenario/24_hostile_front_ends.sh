#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Front ends that break the protocol, whose rings are nonsense, whose memory
# goes away, or who come and go: each costs its own port, and two guests beside
# it lose not one ping.

. "$(dirname "$0")/lib.sh"
scenario hostile

HOSTILE=$BUILD/tests/scenario/hostile-front

apply() {
	stage_apply <<-END2
	{ "owner": "test", "generation": 1,
	  "networks": [ { "name": "n10", "vlan": 10 } ],
	  "ports": [
	    { "name": "web", "type": "vhost-user", "network": "n10",
	      "socket": "$CW_GUESTS/web/net.sock",
	      "peer_uid": $((STAGE_UID + 1)), "mac": "02:00:00:00:0a:01" },
	    { "name": "app", "type": "vhost-user", "network": "n10",
	      "socket": "$CW_GUESTS/app/net.sock",
	      "peer_uid": $((STAGE_UID + 2)), "mac": "02:00:00:00:0a:02" },
	    { "name": "evil", "type": "vhost-user", "network": "n10",
	      "socket": "$STAGE/sock/evil", "trusted": true,
	      "mac": "02:00:00:00:0a:03" } ] }
	END2
}

must "a kernel and an initramfs are made" "$GUEST" prepare
must "switchd starts" stage_switchd
stage_guest web --mac 02:00:00:00:0a:01 --ip 10.0.10.1/24
stage_guest app --mac 02:00:00:00:0a:02 --ip 10.0.10.2/24
must "a state with two guests and a stranger is taken" apply
must "web boots" "$GUEST" wait web 90
must "app boots" "$GUEST" wait app 90
must "web reaches app" stage_until 10 guest web ping -c 1 -W 1 10.0.10.2
baseline

# Pings go on under all cases, until told to stop.
guest web 'rm -f /tmp/stop; { sent=0 lost=0
	while [ ! -e /tmp/stop ]; do
		sent=$((sent + 20))
		seen=$(ping -q -c 20 -i 0.05 10.0.10.2 |
			sed -n "s/.* \([0-9]*\) packets received.*/\1/p")
		lost=$((lost + 20 - seen))
	done
	echo "$sent $lost" >/tmp/pings; } </dev/null >/dev/null 2>&1 &'

for name in message-too-long message-with-descriptors message-half \
	feature-not-offered ring-index ring-head memory-gone memory-flood \
	hangup; do
	expect "$name ends as it should" timeout 60 "$HOSTILE" \
		"$STAGE/sock/evil" $name
done

guest web touch /tmp/stop
stage_until 20 guest web test -e /tmp/pings
read -r sent lost <<<"$(guest web cat /tmp/pings)"
at_least "pings sent meanwhile" "$sent" 200
equal "pings lost" "$lost" 0
expect "each refusal was explained" test \
	"$(grep -c 'evil.*sent away' "$STAGE/log/switchd")" -ge 6
expect "memory that went away was noticed" grep -q SIGBUS "$STAGE/log/switchd"
healthy
scenario_end
