# SPDX-License-Identifier: GPL-2.0-or-later
#
# store.sh: a causeway-xenstored on the stage, for scenarios.  Sourced after
# lib.sh.
#
# Its run folder is $STORE_DIR, by default one of the stage's own.
#
# VMs are named by one letter.  The store is STORE_UID; the process of VM X,
# which relays its guest's ring, has the uid `store_uid X`.

STORE_UID=65100
XENSTORED=$BUILD/hypervisor/causeway-xenstored
STORE_ASK=$BUILD/tests/scenario/store-ask
STORE_CLIENT=$BUILD/tests/scenario/store-client

# store_start [OPTION...]
store_start() {
	STORE_DIR=${STORE_DIR:-$STAGE/xenstore}
	# ASan's shadow is larger than any limit.
	! grep -q __asan_init "$XENSTORED" || set -- --memory 0 "$@"
	stage_run xenstored "$SUPERVISE" --name xenstored -- "$XENSTORED" \
		--socket "$STAGE/sock/xenstored.sock" \
		--run-dir "$STORE_DIR" --user $STORE_UID:$STORE_UID "$@"
	STORE_SUPERVISOR=$STAGE_PID
	stage_until 10 store_ask stats
}

store_pid() {
	pgrep -P "$STORE_SUPERVISOR"
}

store_ask() {
	"$STORE_ASK" "$STAGE/sock/xenstored.sock" "$@"
}

# uuid VM: a letter that is hexadecimal
uuid() {
	echo "$1$1$1$1$1$1$1$1-0000-4000-8000-000000000001"
}

store_uid() {
	echo $((STORE_UID + 0x$1))
}

# store_socket VM [guest]
store_socket() {
	echo "$STORE_DIR/$(uuid "$1")/${2:-socket}"
}

# store_vm VM: with what hypervisord gives each guest to write in
store_vm() {
	store_ask create "$(uuid "$1")" "$(store_uid "$1")" &&
		store_ask write "$(uuid "$1")" /local/domain/1 "" n0,r1 &&
		store_ask write "$(uuid "$1")" /local/domain/1/data "" n1
}

# xs VM TOOL ARGUMENT...: Debian's tool, as the control domain
xs() {
	local vm=$1 tool=$2

	shift 2
	XENSTORED_PATH=$(store_socket "$vm") timeout 60 "xenstore-$tool" "$@"
}

# xs_guest VM TOOL ARGUMENT...: as the guest
xs_guest() {
	local vm=$1 tool=$2

	shift 2
	XENSTORED_PATH=$(store_socket "$vm" guest) \
		timeout 60 "xenstore-$tool" "$@"
}

# as_vm VM COMMAND...: with the rights of its process
as_vm() {
	local uid

	uid=$(store_uid "$1")
	shift
	setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@"
}

# store_stat VM EXPRESSION: Python, over the object `t` that store.stats has
store_stat() {
	store_ask stats "$(uuid "$1")" | python3 -c '
import json, sys
t = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$2"
}
