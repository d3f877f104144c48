#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two complete sites on one machine, each from one file: they come up, repair
# themselves, change and go down, and know nothing of each other.  Both use the
# same names and addresses on purpose.

. "$(dirname "$0")/lib.sh"
scenario sites

CAUSEWAY=$BUILD/mgmt/causeway

# Each site: a namespace for the host, another for what is beyond its uplink.
site_make() {
	mkdir "$STAGE/$1"
	stage_space "$1" "out$1"
	stage_wire "$1:up0" "out$1:far" 1500
	ip -n "$STAGE_NS-out$1" address add 10.9.0.2/24 dev far
	site_write "$1" 1
}

# site_write SITE GENERATION [MORE-PORTS [SWITCHD-OPTIONS]]
site_write() {
	cat >"$STAGE/$1/site.json" <<-END
	{ "owner": "site-$1", "generation": $2, "netns": "$STAGE_NS-$1",
	  "switch": {
	    "networks": [ { "name": "n0", "vlan": 0, "uplink": "up0" } ],
	    "ports": [
	      { "name": "up0", "type": "packet", "interface": "up0" },
	      { "name": "only-$1", "type": "vhost-user", "network": "n0",
	        "mac": "02:00:00:00:00:01" },
	      { "name": "host0", "type": "tap", "interface": "host0",
	        "network": "n0", "addresses": [ "10.9.0.1/24" ] }${3:-} ] },
	  "daemons": { "switchd": {
	    "user": "$STAGE_UID:$STAGE_UID"${4:-} } } }
	END
}

at() {
	local site=$1

	shift
	"$CAUSEWAY" --site "$STAGE/$site" "$@"
}

# fact SITE EXPRESSION over `causeway status --json`
fact() {
	at "$1" status --json | python3 -c '
import json, sys
d = json.load(sys.stdin)
d["by"] = {x["name"]: x for x in d["daemons"]}
print(eval(sys.argv[1]))' "$2"
}

pid_of() {
	fact "$1" "d['by']['$2']['pid']"
}

pids() {
	fact "$1" "[d['by'][n]['pid'] for n in ('netd', 'switchd')]"
}

well() {
	[ "$(fact "$1" "d['well']")" = True ]
}

pings() {
	stage_in "$1" busybox ping -c 1 -W 2 10.9.0.2
}

# nobody SITE: no process of that site, and none that holds its folder.
nobody() {
	! pgrep -f "$STAGE/$1/run/"
}

# says PATTERN COMMAND...: it fails, and with these words.
says() {
	local pattern=$1 seen

	shift
	if seen=$("$@" 2>&1); then
		echo "$* succeeded: $seen"
		return 1
	fi
	echo "$seen"
	grep -q -- "$pattern" <<<"$seen"
}

# tells PATTERN COMMAND...: these words are there, however it ends.
tells() {
	local pattern=$1 seen

	shift
	seen=$("$@" 2>&1)
	echo "$seen"
	grep -qE -- "$pattern" <<<"$seen"
}

down_all() {
	local site

	for site in a b; do
		at $site down >/dev/null 2>&1
	done
}

site_logs() {
	[ $SCENARIO_FAILED = 0 ] || tail -n 20 "$STAGE"/[ab]/log/*.log
}

ci_on_exit down_all
ci_on_exit site_logs
site_make a
site_make b

# --- a file that is wrong ---------------------------------------------------

site_write a 1 ', { "name": "x", "type": "tap", "network": "nowhere",
	"interface": "x" }'
expect "a wrong file is refused, with the place that is wrong" \
	says 'switch.ports\[3\].network: .*nowhere' at a up
refuse "and nothing has begun" test -e "$STAGE/a/run"
echo '{ "owner": "a", ' >"$STAGE/a/site.json"
expect "a file that is no JSON is refused with the line" \
	says 'line [12], column' at a check
site_write a 1
chmod o+w "$STAGE/a/site.json"
expect "a file that others may write is refused" \
	says 'chmod go-w' at a up
chmod o-w "$STAGE/a/site.json"
mkdir "$STAGE/manual"
sed -n '/^{/,/^}/p' "$CI_ROOT/docs/man/causeway-site.json.5" \
	>"$STAGE/manual/site.json"
expect "the manual's example is valid" at manual check

chmod o+w "$STAGE/a"
expect "so is one in a folder that others may write" \
	says "$STAGE/a; chmod go-w" at a check
chmod o-w "$STAGE/a"
site_write a 1 "" ', "cores": "99"'
expect "what this machine does not have is named by check" \
	says 'switchd.cores: 99' at a check
site_write a 1

# --- up ----------------------------------------------------------------------

at a up >"$STAGE/log/up-a" 2>&1 &
upping=$!
must "a site comes up" at b up
expect "another one at the same time" wait $upping
expect "both are well" eval "well a && well b"
expect "the host of one reaches beyond its uplink" pings a
expect "so does the other, with the same names and addresses" pings b
equal "one knows nothing of the other's ports" \
	"$(fact a "[p['name'] for p in d['ports'] if 'only' in p['name']]")" \
	"['only-a']"
equal "not even their sockets are in one place" \
	"$("$SWITCHCTL" --socket "$STAGE/b/run/switchd.sock" ports --json |
		python3 -c 'import json, sys
print([p["socket"] for p in json.load(sys.stdin)["ports"] if "socket" in p])')" \
	"['$STAGE/b/run/vif/only-b.sock']"
refuse "a user who is not root sees nothing" \
	setpriv --reuid=65001 --clear-groups "$CAUSEWAY" \
	--site "$STAGE/a" status

# --- again -------------------------------------------------------------------

before_a=$(pids a)
before_b=$(pids b)
expect "a second up has nothing to do" \
	tells 'in force, 0 actions' at a up
at a up >"$STAGE/log/up-twice" 2>&1 &
upping=$!
expect "two at once wait for each other" at a up
wait $upping
equal "and no process was started for that" "$(pids a)" "$before_a"

# --- deaths ------------------------------------------------------------------

kill -9 "$(pid_of a switchd)" "$(pid_of a netd)"
expect "killed daemons are started again" stage_until 5 well a
expect "and the host is reached again" stage_until 5 pings a
equal "each counts one restart" \
	"$(fact a "[x['restarts'] for x in d['daemons'][:2]]")" "[1, 1]"
expect "and says how the last one ended" \
	tells 'switchd .*killed by signal 9' at a status
kill -9 "$(fact a "d['by']['switchd']['supervisor']")"
expect "a supervisor that is killed takes its daemon with it" \
	stage_until 5 eval '[ "$(fact a "d[\"by\"][\"switchd\"][\"state\"]")" = stopped ]'
expect "status says that the host is not well" eval '! at a status'
netd=$(pid_of a netd)
expect "up completes what is missing" at a up
expect "it is well then" well a
equal "and left alone what ran" "$(pid_of a netd)" "$netd"
kill -STOP "$(pid_of b switchd)"
expect "a daemon that hangs is told from one that works" \
	tells 'switchd .*does not answer' at b status
kill -CONT "$(pid_of b switchd)"
equal "the other site has noticed nothing of all this" "$(pids b)" "$before_b"
equal "no restart there" \
	"$(fact b "[x['restarts'] for x in d['daemons'][:2]]")" "[0, 0]"

# --- changes -----------------------------------------------------------------

before_a=$(pids a)
site_write a 2 ', { "name": "more", "type": "tap", "interface": "more",
	"network": "n0" }'
expect "a changed file is handed over" \
	tells 'add port more' at a apply
site_write a 1
expect "an older one is refused" says 'generation' at a apply
echo nonsense >"$STAGE/a/site.json"
expect "a broken one is refused too" says 'line 1' at a apply
expect "what reads little of it does not end it halfway" \
	eval '"$CAUSEWAY" --site "$STAGE/b" up | true; well b'
expect "and the host goes on as it was" \
	eval 'well a && pings a && [ "$(pids a)" = "$before_a" ]'
site_write a 3 "" ', "log_level": "debug"'
netd=$(pid_of a netd)
expect "other options of a daemon start that one anew" \
	tells 'switchd .*options have changed' at a apply
equal "and no other" "$(pid_of a netd)" "$netd"
expect "the log has who said what, with the time" \
	tells '^20[0-9-]*T[0-9:.]*Z causeway-switchd: info: add port more' \
	at a logs -n 1000
"$CAUSEWAY" --site "$STAGE/a" logs netd -f -n 1 >"$STAGE/log/followed" 2>&1 &
follower=$!
kill -9 "$(pid_of a netd)"
expect "a log can be followed" \
	stage_until 5 grep -q "netd .*killed by signal 9" "$STAGE/log/followed"
kill $follower

# --- down --------------------------------------------------------------------

expect "down stops a site" at a down
expect "with all its processes" nobody a
refuse "its taps are gone" ip -n "$STAGE_NS-a" link show dev host0
expect "its uplink is the host's again" stage_until 2 \
	stage_in a sh -c 'ip address add 10.9.0.1/24 dev up0 &&
		busybox ping -c 1 -W 2 10.9.0.2'
ip -n "$STAGE_NS-a" address flush dev up0
expect "the other site is up" eval 'well b && [ "$(pids b)" = "$before_b" ]'
expect "down again finds nothing to do" \
	tells 'nothing was running' at a down

# --- what does not come up -----------------------------------------------------

mkdir "$STAGE/programs"
printf '#!/bin/sh\necho no such luck >&2\nexit 4\n' \
	>"$STAGE/programs/causeway-switchd"
chmod 755 "$STAGE/programs/causeway-switchd"
site_write a 4
expect "a daemon that does not start is named, with its last words" \
	says 'no such luck' env CAUSEWAY_PROGRAMS="$STAGE/programs" \
	"$CAUSEWAY" --site "$STAGE/a" up
expect "and nothing is left half up" nobody a
site_write a 5 ', { "name": "up1", "type": "packet", "interface": "none" }'
expect "so is a state that the machine cannot have" \
	says 'none' at a up
expect "nothing is left then either" nobody a
site_write a 6 "" ', "user": "nobody-of-this-name"'
sed -i "s/\"user\": \"$STAGE_UID:$STAGE_UID\", //" "$STAGE/a/site.json"
expect "a user that does not exist is named, with the command that helps" \
	says 'useradd --system' at a up
site_write a 7

# A launcher may be killed at any time: the next one completes its work.
for delay in 0.01 0.04 0.08 0.12 0.2; do
	{ timeout -s KILL $delay "$CAUSEWAY" --site "$STAGE/a" up; } \
		>"$STAGE/log/killed" 2>&1
	at a up >"$STAGE/log/completed" 2>&1 || break
	well a && pings a >/dev/null || break
	[ "$(pgrep -cf "^$BUILD/vswitch/causeway-switchd .*$STAGE/a/")" = 1 ] ||
		break
	[ $delay = 0.2 ] || at a down >/dev/null 2>&1
done
equal "a launcher killed at any moment leaves what the next one completes" \
	$delay 0.2
kill -STOP "$(pid_of b switchd)"
began=$SECONDS
expect "both go down, one with a daemon that somebody has stopped" \
	eval 'at a down && at b down --timeout 5'
expect "nor does that take long" test $((SECONDS - began)) -lt 10
expect "and nobody is left" eval 'nobody a && nobody b'
scenario_end
