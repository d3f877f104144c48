#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# engine_lib.sh: a domain of the engine's own, without hypervisord: what the
# engine's scenarios share.  Sourced instead of lib.sh.
#
# engine-drive reads calls from a FIFO and writes events to a log.  Events are
# waited for in order: `event` looks behind the last one that was found.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# engine_open: after scenario.
engine_open() {
	local module

	DRIVE=$BUILD/tests/scenario/engine-drive
	UID_OF_DOMAIN=$((STAGE_UID + 1))
	CGROUP=causeway-$STAGE_NS
	FOLDER=$STAGE/domain
	INITRD=initrd.gz
	WORDS="console=ttyS0 panic=-1 quiet cw.ctl=ttyS0"
	for module in button evdev pvpanic_pci virtio_balloon virtio_blk; do
		WORDS+=" cw.load=$module"
	done
	export CAUSEWAY_SOCKETS=$BUILD/hypervisor/causeway-sockets.so
	mkdir -p "$FOLDER"
	TOKEN=0
	SEEN=0
	ci_on_exit kill_domain
}

# engine_close: the end of the story; the domain has ended.
engine_close() {
	rm -f "$FOLDER/record"
	refuse "no sanitizer and no assertion spoke" \
		grep -rE 'Sanitizer|Assertion|runtime error' "$STAGE/log"
	scenario_end
}

# drive_on: an engine-drive that reads our lines; its events are a log.
drive_on() {
	rm -f "$FOLDER/lines"
	mkfifo "$FOLDER/lines"
	stage_run drive sh -c "exec '$DRIVE' '$FOLDER' $UID_OF_DOMAIN \
		'/$CGROUP' <'$FOLDER/lines'"
	DRIVE_PID=$STAGE_PID
	exec 7>"$FOLDER/lines"
}

# drive_dies: as hypervisord may, without a word.
drive_dies() {
	kill -9 "$DRIVE_PID"
	wait "$DRIVE_PID" 2>/dev/null
	exec 7>&-
}

drive() {
	echo "$*" >&7
}

# event SECONDS WORDS: that event comes, after those seen before.
event() {
	local end=$((SECONDS + $1)) at

	shift
	while [ $SECONDS -le $end ]; do
		at=$(tail -n +$((SEEN + 1)) "$STAGE/log/drive" |
			grep -nm 1 "^$*" | cut -d : -f 1)
		if [ -n "$at" ]; then
			SEEN=$((SEEN + at))
			return 0
		fi
		sleep 0.05
	done
	tail -n 5 "$STAGE/log/drive"
	return 1
}

# said WORDS: in the last event that was waited for.
said() {
	sed -n "${SEEN}p" "$STAGE/log/drive"
}

# asked CALL SECONDS EVENT
asked() {
	drive "$1"
	event "$2" "$3"
}

# typed COMMAND: to the guest, not waiting for it.
typed() {
	TOKEN=$((TOKEN + 1))
	drive "type T$TOKEN 10 $(printf '%s' "$*" | base64 -w 0)"
}

# guest_says COMMAND: its status.
guest_says() {
	typed "$*"
	stage_until 15 grep -aq "^T$TOKEN end" "$FOLDER/serial.log" || return
	grep -aq "^T$TOKEN end 0" "$FOLDER/serial.log"
}

# booted [MORE WORDS]: a domain starts and its guest takes commands.
booted() {
	local words=${1:-}

	: >"$FOLDER/serial.log"
	drive "start kernel=$CW_GUESTS/image/vmlinuz" \
		"initrd=$CW_GUESTS/image/$INITRD $words cmdline=$WORDS"
	event 20 started && event 10 running || return
	stage_until 60 ready_times 1
}

# ready_times N: the guest has come up as often since booted.
ready_times() {
	[ "$(grep -ao ready "$FOLDER/serial.log" | wc -l)" -ge "$1" ]
}

killed() {
	asked kill 10 "exited killed 9"
}

domain_pid() {
	head -n 1 "$FOLDER/record" | cut -d ' ' -f 1
}

domain_dead() {
	! grep -q '^State:[[:space:]]*[^Z]' "/proc/$(domain_pid)/status"
}

nothing_left() {
	[ -z "$(ls -A "$FOLDER/run")" ] &&
		[ -z "$(find /sys/fs/cgroup -path "*/$CGROUP/*" -type d)" ]
}

remove_cgroups() {
	find /sys/fs/cgroup -depth -type d -path "*/$CGROUP*" \
		-exec rmdir {} + 2>/dev/null
}

kill_domain() {
	[ ! -e "$FOLDER/record" ] || kill -9 "$(domain_pid)" 2>/dev/null
	sleep 0.2
	remove_cgroups
}
