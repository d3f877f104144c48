#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The engine `qemu`, in its jail, with a stock Debian kernel: what can be
# asked of a domain's process, and what is known of its end, also by one who
# was not there.

. "$(dirname "$0")/engine_lib.sh"
scenario engine
engine_open

must "a kernel and an initramfs are made" "$GUEST" prepare
drive_on

# --- a life -----------------------------------------------------------------

must "a domain starts and its guest boots" booted vnc
equal "its process has its own uid" \
	"$(awk '/^Uid:/ { print $2 }' "/proc/$(domain_pid)/status")" \
	"$UID_OF_DOMAIN"
expect "it is asked for facts" asked facts 5 "facts running=1 vcpus=1"
expect "and knows what it was given" grep -q memory=134217728 <(said)
expect "it is paused" asked pause 5 paused
expect "and again" asked pause 5 paused
expect "it is resumed" asked resume 5 running
expect "the guest still answers" guest_says true
expect "a VNC client is served" asked vnc 5 "vnc-says RFB 003.008"
expect "how fast it dirties memory is measured" asked dirty 10 dirty-rate

# --- disks ------------------------------------------------------------------

truncate -s 8M "$FOLDER/plug.img"
expect "a disk is plugged" \
	asked "disk 3:raw,$FOLDER/plug.img" 10 "disk-plugged 3"
expect "the guest writes to it" guest_says \
	'i=0; until [ -b /dev/vda ] || [ $i = 50 ]; do sleep 0.1; i=$((i+1))
	done; cat /sys/block/vda/serial; echo from-the-guest >/dev/vda; sync'
equal "what it wrote is in the file" "$(head -c 14 "$FOLDER/plug.img")" \
	from-the-guest
expect "the same slot is refused" \
	asked "disk 3:raw,$FOLDER/plug.img" 5 "refused -17"
expect "the disk is unplugged" asked "undisk 3" 20 "disk-unplugged 3"
expect "and gone" guest_says '[ ! -e /sys/block/vda ]'
expect "an image that is none is refused in words" \
	asked "disk 4:qcow2,$FOLDER/plug.img" 5 "failed disk-plug 4 .*qcow2"
expect "and its slot is free" \
	asked "disk 4:raw,$FOLDER/plug.img,ro" 10 "disk-plugged 4"

# --- save and restore -------------------------------------------------------

expect "the guest remembers something" guest_says 'echo before >/tmp/mark'
expect "the domain is saved" asked "save $FOLDER/saved" 20 saved
expect "its process is ended" killed
expect "and nothing is left of it" nothing_left
: >"$FOLDER/serial.log"
drive "start kernel=$CW_GUESTS/image/vmlinuz" \
	"initrd=$CW_GUESTS/image/initrd.gz vnc restore=$FOLDER/saved" \
	"disk=4:raw,$FOLDER/plug.img,ro cmdline=$WORDS"
expect "it is restored, with the disk that was plugged" event 20 started
expect "and runs" event 10 running
expect "it still remembers" guest_says 'grep before /tmp/mark'
expect "and reads its disk" guest_says 'grep -a from-the-guest /dev/vda'
kill -9 "$(domain_pid)"
expect "a process that is killed has ended by a signal" \
	event 10 "exited signal 9"
expect "and nothing is left of it" nothing_left
head -c 1000000 "$FOLDER/saved" >"$FOLDER/half"
drive "start kernel=$CW_GUESTS/image/vmlinuz" \
	"initrd=$CW_GUESTS/image/initrd.gz vnc restore=$FOLDER/half" \
	"disk=4:raw,$FOLDER/plug.img,ro cmdline=$WORDS"
expect "half of a saved domain is refused" event 20 "failed start"
expect "and ends" event 10 exited

# --- why it ended -----------------------------------------------------------

must "another one boots" booted
# No daemon waits for the button in our initramfs: an input event is enough.
guest_says 'setsid sh -c "head -c 24 /dev/input/event0 >/dev/null
	poweroff -f" </dev/null >/dev/null 2>&1 & sleep 0.5'
expect "the power button is pressed" asked shutdown 5 shutdown-asked
expect "a guest that powers off is heard of" event 15 guest-poweroff
expect "reset starts it again in place" asked reset 10 reset
expect "and it boots again" stage_until 60 ready_times 2
typed "reboot -f"
expect "a guest that reboots is heard of" event 10 guest-reboot
expect "resume is refused then" asked resume 5 "refused -22"
asked reset 10 reset >/dev/null
stage_until 60 ready_times 3
typed 'echo c >/proc/sysrq-trigger'
expect "a guest that panics is heard of" event 10 guest-panic
killed >/dev/null

# --- nobody is there --------------------------------------------------------

must "another one boots" booted
drive_dies
expect "it lives on without us" kill -0 "$(domain_pid)"
drive_on
expect "it is adopted" asked adopt 10 adopted
expect "and runs" event 5 running
expect "its guest answers" guest_says true
typed "sleep 1; poweroff -f"
stage_until 5 grep -aq "^T$TOKEN begin" "$FOLDER/serial.log"
drive_dies
sleep 2
drive_on
expect "a power-off that nobody saw is told by the next" \
	asked adopt 10 adopted
expect "as what it was" event 5 guest-poweroff
drive_dies
drive_on
asked adopt 10 adopted >/dev/null
expect "and by the one after that" event 5 guest-poweroff
killed >/dev/null

must "another one boots" booted
typed "sleep 1; reboot -f"
stage_until 5 grep -aq "^T$TOKEN begin" "$FOLDER/serial.log"
drive_dies
sleep 2
drive_on
asked adopt 10 adopted >/dev/null
expect "so is a reboot" event 5 guest-reboot
drive_dies
kill -9 "$(domain_pid)"
stage_until 10 domain_dead
drive_on
expect "one that died meanwhile is not there" asked adopt 5 "refused -3"
expect "and nothing is left of it" nothing_left
engine_close
