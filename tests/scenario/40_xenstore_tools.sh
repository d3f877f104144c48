#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian's xenstore-utils and test-xenstore, unchanged, against our store: the
# socket's path is all that they are told.  Each VM has its own tree, in which
# its guest is domain 1; who may open which socket; what the process may do.
#
#	a, b	VMs

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/store.sh"
scenario xenstore-tools

TEST_XENSTORE=$(ls /usr/lib/xen-*/bin/test-xenstore | tail -n 1)
home=/local/domain/1

# says WORDS COMMAND...: it fails, and says so
says() {
	local words=$1 out

	shift
	out=$("$@" 2>&1) && return 1
	printf '%s\n' "$out"
	grep -qF -- "$words" <<<"$out"
}

status_of() {
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$(store_pid)/status"
}

# ask_as UID SOCKET: a read that is answered
ask_as() {
	setpriv --reuid "$1" --regid "$1" --clear-groups \
		"$STORE_CLIENT" "$2" look 30 $home/data/probe 1
}

must "xenstored starts" store_start
pid=$(store_pid)
equal "it has its own uid and gid" "$(status_of Uid | cut -f 1,2,3,4)$(
	status_of Gid | cut -f 1)" \
	"$(printf '65100\t65100\t65100\t65100''65100')"
equal "no capability" "$(status_of CapPrm) $(status_of CapBnd)" \
	"0000000000000000 0000000000000000"
equal "no new privileges, and a seccomp filter" \
	"$(status_of NoNewPrivs) $(status_of Seccomp)" "1 2"
must "it makes a tree for each of two VMs" eval 'store_vm a && store_vm b'
equal "making one again leaves it as it is" \
	"$(store_ask create "$(uuid a)" "$(store_uid a)")" "there already"

# --- xenstore-utils ---

expect "xenstore-write writes" xs a write $home/name web $home/memory/target 512
equal "xenstore-read reads" "$(xs a read $home/name)" web
equal "xenstore-read reads several" \
	"$(xs a read $home/name $home/memory/target | tr '\n' ' ')" "web 512 "
equal "xenstore-list lists" "$(xs a list $home | tr '\n' ' ')" \
	"data memory name "
expect "xenstore-exists sees what is there" xs a exists $home/name
refuse "xenstore-exists sees what is not" xs a exists $home/other
expect "xenstore-chmod sets permissions" xs a chmod $home/name n0 r1
equal "xenstore-ls shows values and permissions" "$(xs a ls -f -p $home)" \
	"$home/data = \"\"   (n1)
$home/memory = \"\"   (n0,r1)
$home/memory/target = \"512\"   (n0,r1)
$home/name = \"web\"   (n0,r1)"
expect "xenstore-rm removes a tree below a node" xs a rm $home/memory
refuse "which is gone" xs a exists $home/memory/target
expect "xenstore-rm -t removes empty parents" eval \
	'xs a write /x/y/z "" && xs a rm -t /x/y/z && ! xs a exists /x'
equal "XENSTORED_RUNDIR works as well" \
	"$(XENSTORED_RUNDIR=$STORE_DIR/$(uuid a) \
		xenstore-read $home/name)" web
expect "xenstore-write takes any byte" eval \
	'xs a write $home/raw "\\x00\\xff\\n" && [ "$(xs a read -R $home/raw |
		od -An -tx1 | tr -d " \n")" = 00ff0a ]'
equal "and what is not text is hexadecimal in JSON" \
	"$(store_ask read "$(uuid a)" $home/raw)" \
	'{"children": [], "hex": "00ff0a", "perms": "n0,r1"}'

# A path of the guest's is as long as paths get, and there are many of them.
long=$(printf 'n%.0s' {1..30})
expect "a folder that is longer than a message is listed" eval \
	'for i in {1..200}; do echo "$home/many/$long$i" x; done |
		xargs -n 100 env XENSTORED_PATH="$(store_socket a)" \
			xenstore-write &&
	[ "$(xs a list $home/many | wc -l)" = 200 ]'

XENSTORED_PATH=$(store_socket a) timeout 20 xenstore-watch -n 3 $home/data \
	>"$STAGE/watched" &
watch=$!
stage_until 20 grep -q . "$STAGE/watched"
xs a write $home/other x $home/data/one 1
xs a rm $home/data/one
expect "xenstore-watch ends after its events" wait $watch
equal "the watch itself and two changes, nobody else's" \
	"$(tr '\n' ' ' <"$STAGE/watched")" \
	"$home/data $home/data/one $home/data/one "

# --- the guest ---

expect "the guest writes below what it owns" \
	xs_guest a write $home/data/ip 10.0.0.1
expect "by a path from its home as well" xs_guest a write data/mask 24
equal "the control domain reads it" "$(xs a read $home/data/mask)" 24
refuse "it cannot write to what is only readable" xs_guest a write name x
refuse "nor outside its home" xs_guest a write /local/domain/0/x 1
refuse "nor give itself more" xs_guest a chmod name n1
expect "the control domain hides a node" eval \
	'xs a write $home/secret s && xs a chmod $home/secret n0'
refuse "and the guest cannot read it" xs_guest a read secret
equal "nothing of it is in the other VM's tree" \
	"$(xs_guest b ls -f $home/data; xs b ls -f $home/data)" ""
refuse "and nothing of the other VM has a name in this one" \
	xs_guest a ls /local/domain/2

# --- who may ---

expect "root opens both sockets" eval 'ask_as 0 $(store_socket a) &&
	ask_as 0 $(store_socket a guest)'
expect "its own process opens the guest's" ask_as "$(store_uid a)" \
	"$(store_socket a guest)"
refuse "not the control domain's" ask_as "$(store_uid a)" "$(store_socket a)"
refuse "nor another guest's" ask_as "$(store_uid b)" "$(store_socket a guest)"
refuse "nobody opens the RPC socket" setpriv --reuid 65534 --clear-groups \
	"$STORE_ASK" "$STAGE/sock/xenstored.sock" stats
refuse "nobody looks around" setpriv --reuid 65534 --clear-groups \
	ls "$STORE_DIR"
refuse "nor reads a journal" setpriv --reuid 65534 --clear-groups \
	cat "$(store_socket a journal)"

# --- RPC --------------------------------------------------------

expect "a tree that is not there is said so" \
	says "there is no such tree" store_ask read "$(uuid c)" /
expect "a uuid that is none as well" says "no uuid" store_ask create ../x
expect "a path that is not there" \
	says "No such file" store_ask read "$(uuid a)" /none
expect "a write that is wrong anywhere changes nothing" eval \
	'! store_ask write "$(uuid a)" /half x n0,q1 && ! xs a exists /half'

# --- test-xenstore ---

expect "test-xenstore passes" env XENSTORED_PATH="$(store_socket a)" \
	timeout 120 "$TEST_XENSTORE" -i 200
expect "and in any order for three seconds" \
	env XENSTORED_PATH="$(store_socket a)" timeout 60 "$TEST_XENSTORE" -r 3
equal "and leaves nothing" "$(xs a list /local/domain/0 2>/dev/null)" ""

expect "a tree is destroyed, and its folder is gone" eval \
	'store_ask destroy "$(uuid a)" && [ ! -e "$STORE_DIR/$(uuid a)" ]'
equal "the other is as it was" "$(xs b list $home)" data
equal "xenstored is the process it was" "$(store_pid)" "$pid"
refuse "no sanitizer and no assertion spoke" \
	grep -rE 'Sanitizer|Assertion|runtime error' "$STAGE/log"
scenario_end
