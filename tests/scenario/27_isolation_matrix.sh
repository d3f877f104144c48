#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Who reaches whom: each port sends a frame to each other and one to all; what
# may arrive arrives once, what may not never does.  Then networks and locks
# change under load, and each frame is judged by the old policy or the new.
#
#	p0 p1	n10
#	p2 p7	n20
#	p3 p6	n10, isolated
#	p4	n10, promiscuous
#	p5	n10, disabled
#	p8	n20, promiscuous, may only listen
#	p9	n10 untagged and n20 tagged: a trunk with a native network
#	p10	n30, alone
#	p11	n10, locked, and its address is another

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/crowd.sh"
scenario isolation

N=12
NETWORKS='"networks": [ { "name": "n10", "vlan": 10 },
	{ "name": "n20", "vlan": 20 }, { "name": "n30", "vlan": 30 } ]'

GENERATION=0

# apply NETWORK MODE MODE: p0 is in that network, p0 and p5 have these modes.
apply() {
	GENERATION=$((GENERATION + 1))
	stage_apply <<-END
	{ "owner": "test", "generation": $GENERATION, $NETWORKS, "ports": [
	  $(crowd_port 0 "$1" '"locking_mode": "'"$2"'",
		"ipv4_allowed": [ "'"$(crowd_ip 0)"'" ]'),
	  $(crowd_port 1 n10), $(crowd_port 2 n20),
	  $(crowd_port 3 n10 '"isolated": true'),
	  $(crowd_port 4 n10 '"promiscuous": true'),
	  $(crowd_port 5 n10 '"locking_mode": "'"$3"'"'),
	  $(crowd_port 6 n10 '"isolated": true'), $(crowd_port 7 n20),
	  $(crowd_port 8 n20 '"promiscuous": true, "inject": false'),
	  { "name": "p9", "type": "vhost-user", "native": "n10",
	    "socket": "$STAGE/crowd/p9", "trunk": [ "n20" ],
	    "mac": "$(crowd_mac 9)" },
	  $(crowd_port 10 n30),
	  { "name": "p11", "type": "vhost-user", "network": "n10",
	    "socket": "$STAGE/crowd/p11", "locking_mode": "locked",
	    "mac": "02:00:00:00:00:11" } ] }
	END
}

# probe: answers to SEEN
probe() {
	local i

	crowd "probe $N" || return
	SEEN=$CROWD_SAID
	for ((i = 1; i < N; i++)); do
		crowd_line || return
		SEEN+=$'\n'$CROWD_SAID
	done
}

# matrix: what should be seen.  For each sender: frames that are for the
# receiver, for others, for all.
matrix() {
	python3 -c '
nets = [{10}, {10}, {20}, {10}, {10}, {10}, {10}, {20}, {20}, {10, 20}, {30},
        {10}]
senders = [0, 1, 2, 3, 4, 6, 7, 9, 10] # not disabled, listening or forging
isolated, down, promiscuous = {3, 6}, {5}, {4, 8}

def reaches(i, k):
    net = 10 if i == 9 else min(nets[i]) # its untagged frames
    return (i in senders and i != k and k not in down and net in nets[k]
            and not {i, k} <= isolated)

# p11 has another address than what is sent to: only what is for all
def own(i, k):
    return int(reaches(i, k) and k != 11)

# A listener gets a copy of each frame admitted to its network, whoever it is
# for and whether it found anybody: 10 others and itself.
def others(i, k):
    return 9 if k in promiscuous and reaches(i, k) else 0

for i in range(12):
    print(*("".join(str(f(i, k)) for k in range(12))
            for f in (own, others, lambda i, k: int(reaches(i, k)))))'
}

# roam TIMES: p0 changes networks, of which p1 and p2 are in one each; frames
# arrive under each state.
roam() {
	local i

	for ((i = 0; i < $1; i++)); do
		apply n$((20 - i % 2 * 10)) unlocked disabled &&
			crowd_more got 100 || return
	done
}

# relock TIMES: p0 is locked and unlocked; frames are sent under each state.
relock() {
	local i modes=(locked unlocked)

	for ((i = 0; i < $1; i++)); do
		apply n10 "${modes[i % 2]}" disabled &&
			crowd_more got 100 || return
	done
}

must "switchd starts" stage_switchd
must "$N front ends listen" crowd_listen $N
must "a state with every kind of port is taken" apply n10 unlocked unlocked
must "the switch comes to all of them" crowd_ready
must "p5 is disabled" apply n10 unlocked disabled
baseline
must "each sends to each" probe
paste -d '\n' <(matrix) - <<<"$SEEN" | while read -r wanted && read -r seen; do
	if [ "$wanted" = "$seen" ]; then
		echo same
	else
		printf 'wanted %s\nseen   %s\n' "$wanted" "$seen"
	fi
done >"$STAGE/compared"
equal "what may arrive arrived once, and nothing else did" \
	"$(cat "$STAGE/compared")" "$(yes same | head -n $N)"

crowd roam
expect "p0 changes its network 20 times while it sends" roam 20
crowd quiet
at_least "frames that it sent meanwhile" "$(crowd_count sent)" 1000
equal "each came to one network and no other" "${CROWD_SAID#*got * }" \
	"lost 0 duplicated 0 foreign 0 forged 0 of 0"

refused=$(stage_drops p0 spoof_mac)
full=$(stage_drops p1 ring_full)
crowd talk
crowd forge
expect "p0 is locked and unlocked 20 times while it sends" relock 20
crowd quiet
at_least "forged ones came to p1 while p0 was unlocked" "$(crowd_count forged)" 10
refused=$(($(stage_drops p0 spoof_mac) - refused))
at_least "and were refused while it was locked" "$refused" 10
# A receiver that the machine keeps from running may find its ring overrun;
# the switch says how often, and that is all that may be missing.
full=$(($(stage_drops p1 ring_full) - full))
overrun=$((${CROWD_SAID##* } - refused - $(crowd_count forged)))
equal "no frame, honest or forged, had a third fate but a full ring" \
	$(($(crowd_count lost) + overrun)) "$full"
healthy
scenario_end
