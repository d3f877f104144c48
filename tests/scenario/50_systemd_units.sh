#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The machine's own site under systemd: our units are sound, and `causeway`
# asks systemctl for what it otherwise does itself.  There need be no systemd
# here: a stand-in for systemctl reads the units' command lines and options,
# in a mount namespace of its own with its own /etc, /run and /var.

. "$(dirname "$0")/lib.sh"

if [ -z "${CW_INSIDE:-}" ]; then
	CW_INSIDE=1 exec unshare -m --propagation private bash "$0"
fi

ci_trap
STAGE=$(mktemp -d "${TMPDIR:-/tmp}/causeway-units.XXXXXX")
CAUSEWAY=$BUILD/mgmt/causeway
mkdir -p "$STAGE"/{log,bin,units,pids}
ci_on_exit clean_up

clean_up() {
	local pid

	scenario_logs
	for pid in $(cat "$STAGE"/pids/* 2>/dev/null); do
		kill -9 "$pid" 2>/dev/null
	done
	umount -l /etc /run /var/lib /var/log 2>/dev/null
	rm -rf "$STAGE"
}

# --- the units themselves -----------------------------------------------------

copy_units() {
	cp "$CI_ROOT"/{base,hypervisor,mgmt}/systemd/*.service "$STAGE/units"
}

# Programs are where a build has them; manuals are not installed.
verify_units() {
	local out

	mkdir "$STAGE/verify"
	cp "$STAGE"/units/*.service "$STAGE/verify"
	sed -i -e 's,=/usr/bin/causeway[a-z-]*,=/bin/true,' \
		-e '/^Documentation=/d' "$STAGE"/verify/*.service
	out=$(SYSTEMD_UNIT_PATH="$STAGE/verify:/lib/systemd/system" \
		systemd-analyze verify "$STAGE"/verify/*.service 2>&1)
	echo "$out"
	[ -z "$out" ]
}

# exposure UNIT: in tenths, as systemd-analyze sees it
exposure() {
	systemd-analyze security --offline=true "$STAGE/verify/$1" 2>/dev/null |
		sed -n 's/.*Overall exposure level.*: \([0-9]*\)\.\([0-9]\).*/\1\2/p'
}

copy_units
if command -v systemd-analyze >/dev/null; then
	expect "systemd finds nothing wrong with the units" verify_units
	for unit in xenstored:25 consoled:25 switchd:40 netd:52 \
		hypervisord:75; do
		seen=$(exposure "causeway-${unit%:*}.service")
		at_least "${unit%:*} is exposed by at most ${unit#*:} tenths" \
			"${unit#*:}" "${seen:-100}"
	done
else
	skip "systemd finds nothing wrong with the units" "no systemd-analyze"
fi

# --- a machine with systemd ------------------------------------------------------

cat >"$STAGE/bin/systemctl" <<'END'
#!/bin/bash
# systemctl cat|show|restart|stop ... UNIT
verb=$1 unit=${!#} name=${!#}
name=${name%.service}
pidfile=$FAKE/pids/$name
echo "$*" >>"$FAKE/log/systemctl"
running() { [ -e "$pidfile" ] && [ -d "/proc/$(cat "$pidfile")" ]; }
field() { sed -n "s/^$1=-\{0,1\}//p" "$FAKE/units/$unit"; }
start() {
	OPTIONS=""
	[ ! -e "$(field EnvironmentFile)" ] || . <(sed 's/=\(.*\)/="\1"/' \
		"$(field EnvironmentFile)")
	command=$(field ExecStart)
	command=$(ls "$BUILD"/*/"$(basename "${command%% *}")")
	[ -x "${command%% *}" ] || return
	setsid $command $OPTIONS >>"$FAKE/log/$name" 2>&1 </dev/null &
	echo $! >"$pidfile"
}
stop() {
	running || return
	kill "$(cat "$pidfile")"
	while running; do sleep 0.05; done
	rm "$pidfile"
}
case $verb in
cat) [ -e "$FAKE/units/$unit" ] ;;
restart) stop; start; sleep 0.5; running ;;
stop) stop; : ;;
show)
	if running; then
		printf 'ActiveState=active\nMainPID=%d\nNRestarts=0\n' \
			"$(cat "$pidfile")"
	else
		printf 'ActiveState=inactive\nMainPID=0\nNRestarts=0\n'
	fi
	echo Result=success
	echo "ExecMainStartTimestampMonotonic=$(($(cut -d. -f1 /proc/uptime) * 1000000))"
	;;
esac
END
printf '#!/bin/sh\necho journalctl "$@"\n' >"$STAGE/bin/journalctl"
chmod 755 "$STAGE"/bin/*

# Its own /etc, /run and /var: what is written there is gone with us.
own_machine() {
	mkdir -p "$STAGE/etc/causeway" &&
		cp -a /etc/{passwd,group,nsswitch.conf,ld.so.cache,localtime} \
			"$STAGE/etc" &&
		sed -i '/^causeway-/d' "$STAGE"/etc/{passwd,group} &&
		mount --bind "$STAGE/etc" /etc &&
		mount -t tmpfs tmpfs /run &&
		mount -t tmpfs tmpfs /var/lib &&
		mount -t tmpfs tmpfs /var/log &&
		mkdir -p /run/systemd/system
}

write_site() {
	cat >/etc/causeway/site.json <<-END
	{ "owner": "units", "generation": $1,
	  "daemons": { "switchd": { "cores": "0", "log_level": "$2" } } ${3:-} }
	END
}

tells() {
	local pattern=$1 seen

	shift
	seen=$("$@" 2>&1)
	echo "$seen"
	grep -qE -- "$pattern" <<<"$seen"
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
	grep -qE -- "$pattern" <<<"$seen"
}

asked() {
	grep -cE "$1" "$STAGE/log/systemctl"
}

export BUILD FAKE=$STAGE PATH=$STAGE/bin:$PATH
must "a machine with its own /etc, /run and /var" own_machine
write_site 1 info
expect "users that do not exist are named, with what makes them" \
	tells 'missing.*causeway-switch|useradd --system' "$CAUSEWAY" preflight
for user in switch:64990 store:64991 console:64992; do
	echo "causeway-${user%:*}:x:${user#*:}:${user#*:}::/:/bin/false" \
		>>/etc/passwd
	echo "causeway-${user%:*}:x:${user#*:}:" >>/etc/group
done
expect "preflight says that systemd starts the daemons" \
	tells '^ok .*systemd starts' "$CAUSEWAY" preflight
write_site 1 info ', "netns": "x"'
expect "a namespace is for units to say" tells 'systemctl edit' "$CAUSEWAY" up
write_site 1 info
mv "$STAGE/units/causeway-switchd.service" "$STAGE"
expect "a unit that does not start is told" \
	says '^causeway: switchd: ' "$CAUSEWAY" up
refuse "and nothing is left half up" pgrep -f "^$BUILD/base/causeway-netd$"
mv "$STAGE/causeway-switchd.service" "$STAGE/units"
: >"$STAGE/log/systemctl"
must "up starts the units" "$CAUSEWAY" up
equal "netd and switchd, each once" "$(asked '^restart')" 2
expect "the switch has the options of the file" \
	tells "OPTIONS=--cores 0 --log-level info" \
	cat /var/lib/causeway/options/switchd
expect "all is well" "$CAUSEWAY" status
expect "a second up starts nothing" "$CAUSEWAY" up
equal "indeed" "$(asked '^restart')" 2
write_site 2 debug
expect "other options start that unit anew" \
	tells 'switchd .*options have changed' "$CAUSEWAY" apply
equal "and no other" "$(asked '^restart causeway-netd')" 1
expect "logs are the journal's" \
	tells '^journalctl .*--follow --unit causeway-netd$' \
	"$CAUSEWAY" logs netd -f
expect "our own supervision can be had nevertheless" \
	tells 'netd .*stopped' "$CAUSEWAY" --no-systemd status
expect "down stops the units" "$CAUSEWAY" down
equal "in the other order" "$(grep '^stop' "$STAGE/log/systemctl" |
	sed 's/.*-//; s/\..*//' | tail -n 2 | tr '\n' ' ')" "switchd netd "
refuse "and nothing is well then" "$CAUSEWAY" status
scenario_end
