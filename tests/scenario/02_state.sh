#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The switch becomes what one value says, whole or not at all, and is the same
# again after a restart.

. "$(dirname "$0")/lib.sh"
scenario state

# apply OWNER GENERATION PORT-KEYS OPTION...
apply() {
	local owner=$1 generation=$2 keys=$3

	shift 3
	stage_apply "$@" <<-END
	{ "owner": "$owner", "generation": $generation,
	  "networks": [ { "name": "n10", "vlan": 10 },
	                { "name": "n20", "vlan": 20 } ],
	  "ports": [
	    { "name": "web", "type": "vhost-user", "network": "n10",
	      "socket": "$STAGE/sock/web" $keys } ] }
	END
}

# says WORDS COMMAND...: it fails, and its output has the words.
says() {
	local words=$1 out

	shift
	out=$("$@" 2>&1) && return 1
	printf '%s\n' "$out"
	grep -qF -- "$words" <<<"$out"
}

# listen SOCKET: a state with another port, which makes it
listen() {
	stage_apply <<-END
	{ "owner": "site", "generation": 6,
	  "networks": [ { "name": "n10", "vlan": 10 } ],
	  "ports": [ { "name": "box", "type": "vhost-user", "network": "n10",
	    "server": true, "socket": "$1" } ] }
	END
}

# What runs, without the comments of a person: owner, generation, a port's key.
running() {
	stage_json "d['state'].get('owner', ''), d['state'].get('generation', 0), \
		[p.get('mac', '') for p in d['state'].get('ports', [])]" show
}

must "switchd starts" stage_switchd
expect "a good value is taken" apply site 5 ', "mac": "02:00:00:00:00:01"'
wanted="('site', 5, ['02:00:00:00:00:01'])"
equal "and runs" "$(running)" "$wanted"
expect "an unknown key is refused by its path" says "ports[0].colour" \
	apply site 6 ', "colour": 3'
expect "a network that is not there is refused by its path" says \
	"ports[0].trunk" apply site 6 ', "trunk": [ "n10", "n30" ]'
expect "a multicast MAC is refused by its value" says "01:00:00:00:00:01" \
	apply site 6 ', "mac": "01:00:00:00:00:01"'
expect "half a text is refused" says "state.json" \
	sh -c 'head -c 100 "$1" >"$1.half"; shift; "$@"' - \
	"$STAGE/state.json" "$SWITCHCTL" --socket "$STAGE/sock/switchd.sock" \
	apply "$STAGE/state.json.half"
expect "an older generation is refused" says generation \
	apply site 4 ""
expect "another owner is refused" says owner apply other 9 ""
expect "a socket whose folder is missing is refused with what to type" says \
	"install -d -o $STAGE_UID $STAGE/none" listen "$STAGE/none/web"
must "a folder of root's" install -d "$STAGE/ours"
expect "one in a folder of another, too" says "install -d -o $STAGE_UID FOLDER" \
	listen "$STAGE/ours/web"
equal "after all that the same runs" "$(running)" "$wanted"
expect "a nobody may not apply" says "" setpriv --reuid=65499 --clear-groups \
	"$SWITCHCTL" --socket "$STAGE/sock/switchd.sock" apply \
	"$STAGE/state.json"

baseline
kill -9 "$SWITCHD_PID"
expect "a killed switch comes back" stage_until 10 stage_ctl ports
equal "with the same value" "$(running)" "$wanted"
baseline
expect "another owner may take over by force" apply other 1 "" --force
equal "and its value runs" "$(running)" "('other', 1, [''])"

for i in $(seq 20); do
	apply other $((i + 1)) ", \"mac\": \"02:00:00:00:00:$((i % 2))1\"" \
		>/dev/null 2>&1
done
equal "twenty changes later the last one runs" "$(running)" \
	"('other', 21, ['02:00:00:00:00:01'])"
healthy
scenario_end
