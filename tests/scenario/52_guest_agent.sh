#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest's own words: Debian's qemu-guest-agent in a stock guest is found
# when it begins to run, and what it says stands in the domain's tree and in
# its facts.  It is killed, another one lies, the store is killed.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/domains.sh"

MEMORY="cw.load=virtio_console cw.load=virtio_balloon"
HOME_OF_GUEST=/local/domain/1

xs() {
	XENSTORED_PATH=$STAGE/run/xenstore/$(stage_uuid 1)/socket \
		"xenstore-$1" "$HOME_OF_GUEST/$2" "${@:3}"
}

# fact EXPRESSION: over `g`, what is known of the guest, and its `f`acts
fact() {
	stage_dom web "(lambda g: (lambda f: $1)(g['facts'] or {}))(d['guest'])"
}

fact_is() {
	[ "$(fact "$1")" = "$2" ]
}

vm_show() {
	"$BUILD/mgmt/causeway" --site "$STAGE" vm show web
}

agent_start() {
	guest web 'setsid qemu-ga -m virtio-serial -p /dev/vport0p1 \
		</dev/null >/dev/null 2>&1 &'
}

domains_stage guest-agent
must "an initramfs has Debian's guest agent" \
	"$CI_ROOT/tests/guest/agent.sh" "$CW_GUESTS/image"
mv "$CW_GUESTS/image/initrd-agent.gz" "$STAGE/images/initrd.gz"
echo '{ "owner": "test", "generation": 1 }' >"$STAGE/site.json"
domains_ports "$(stage_domain_port 1 web)" >/dev/null
expect "a domain is wanted" domains_are "$(stage_domain 1 web "" "$MEMORY")"
must "its guest boots, without an agent" stage_booted web
equal "of which nothing is known" "$(fact "(g['agent_age_ms'], f['live'])")" \
	"(None, False)"

# --- it comes ------------------------------------------------------------------

expect "an agent is started" agent_start
must "and found" stage_until 15 fact_is "g['agent']" answers
expect "the guest's address is in its tree" \
	stage_until 5 eval '[ "$(xs read attr/vif/0/ipv4/0)" = 10.0.10.1 ]'
equal "and no other interface's" "$(xs list attr/vif)" 0
equal "its system, too" "$(xs read data/os_distro)" debian
equal "its name" "$(xs read data/host_name)" web
at_least "its memory in KiB" "$(xs read data/meminfo_total)" 80000
expect "the same is read back as facts" stage_until 5 fact_is \
	"(f['live'], f['networks']['0/ip'], f['os_version']['major'], \
	f['other']['host_name'])" "(True, '10.0.10.1', '12', 'web')"
equal "with its memory" "$(fact "80000 < int(f['memory']['total']) < 131072 \
	and int(f['memory']['free']) > 0")" True
expect "a person is shown them" eval \
	'vm_show | tee "$STAGE/shown" | grep -q "0/ip: 10.0.10.1"'
expect "and whose words they are" grep -q "agent: answers" "$STAGE/shown"

# --- it goes --------------------------------------------------------------------

two_vifs() {
	domains_are "$(stage_domain 1 web '"vifs": [
		{ "device": 0, "mac": "02:00:00:00:0a:01", "port": "web" },
		{ "device": 1, "mac": "02:00:00:00:0a:02", "port": "web1" } ]' \
		"$MEMORY")"
}

answers_quickly() {
	timeout 1 "$CI_ROOT/tests/guest/rpc.py" "$STAGE/run/hypervisord.sock" \
		version
}

expect "the agent is killed" guest web 'killall -9 qemu-ga'
domains_ports "$(stage_domain_port 1 web)" "$(stage_domain_port 2 web1)" \
	>/dev/null
two_vifs >/dev/null
expect "a VIF is plugged, so it is asked for soon" stage_until 10 eval \
	'[ "$(stage_dom web "[v[\"state\"] for v in d[\"vifs\"]]")" = \
	"['"'in', 'in'"']" ]'
pid=$(stage_xenstored_pid)
kill -STOP "$pid"
expect "a store that hangs takes the facts away" stage_until 15 fact_is f "{}"
expect "and nothing else" answers_quickly
expect "the agent is found to be silent" \
	stage_until 15 fact_is "g['agent']" silent
kill -9 "$pid"
expect "with the store its facts are back" \
	stage_until 15 fact_is "f['networks']['0/ip']" 10.0.10.1
at_least "with their age" "$(fact "g['agent_age_ms']")" 5000

# --- another one lies -----------------------------------------------------------

# Too much, what a terminal obeys, what is no address, whose MAC is not ours.
cat >"$STAGE/liar" <<'END'
#!/bin/sh
exec 3<>/dev/vport0p1
x=$(head -c 50000 /dev/zero | tr '\0' x)
i=0
while [ $i -lt 60 ]; do
	many="$many{\"ip-address\": \"10.1.1.$i\"}, "
	i=$((i + 1))
done
# nothing can be read while nobody is at the host's end
while :; do
	read -r line <&3 || { sleep 0.1; continue; }
	case $line in
	*guest-sync*)
		printf '\377{"return": %s}\n' "${line##*:}" | tr -d '}' |
			sed 's/$/}/'
		;;
	*osinfo*)
		printf '{"return": {"pretty-name": "\\u001b[2Jbad%s",
			"version-id": -5, "id": []}}\n' "$x" | tr '\n' ' '
		echo
		;;
	*host-name*) echo '{"return": {"host-name": "\u001b]0;evil\u0007"}}' ;;
	*interfaces*)
		echo '{"return": [ {"hardware-address": "02:00:00:00:0a:01",
		"ip-addresses": [ {"ip-address": "\"><script>"},
		{"ip-address": "127.0.0.1"}, '"$many"' {} ]},
		{"hardware-address": "02:00:00:00:0a:02", "ip-addresses":
		[ {"ip-address": "10.0.10.2"} ]},
		{"hardware-address": "02:00:00:00:0a:09", "ip-addresses":
		[ {"ip-address": "10.9.9.9"} ]} ]}' | tr '\n' ' '
		echo
		;;
	*) echo '{"return": {"version": "\u001b[31m666"}}' ;;
	esac >&3
done
END
expect "an agent that lies is started" guest web "echo '$(gzip -9c "$STAGE/liar" |
	base64 -w 0)' | base64 -d | gunzip >/tmp/liar; chmod 755 /tmp/liar
	setsid /tmp/liar </dev/null >/tmp/liar.log 2>&1 &"
expect "and heard" stage_until 15 fact_is "f['networks'].get('1/ip')" 10.0.10.2
equal "of the first VIF's addresses there are as many as may be" \
	"$(fact "len([k for k in f['networks'] if k.startswith('0/ipv4')])")" 16
equal "all of which are some" \
	"$(fact "f['networks']['0/ip']")" 10.1.1.0
equal "nobody else's are there" "$(xs list attr/vif | tr '\n' ' ')" "0 1 "
equal "texts are cut" "$(fact "len(f['os_version']['name'])")" 255
equal "what it no longer says is gone" \
	"$(fact "'major' in f['os_version']")" False
vm_show >"$STAGE/shown"
refuse "no control character is shown" grep -q "[$(printf '\001-\010\013-\037')]" \
	"$STAGE/shown"
expect "one that floods" guest web 'killall -9 liar
	setsid sh -c "yes >/dev/vport0p1" </dev/null >/dev/null 2>&1 &'
expect "keeps hypervisord from nothing" answers_quickly
expect "the domain is killed in the midst of it" stage_do web kill
equal "nothing is known of it then" "$(stage_dom web "d['guest']")" None
refuse "no sanitizer and no assertion spoke" \
	grep -rE 'Sanitizer|Assertion|runtime error' "$STAGE/log"
scenario_end
