#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The engine `qemu`, in its jail, with a stock Debian kernel: what can be
# asked of a domain's process, and what is known of its end, also by one who
# was not there.
#
# Mostly waits: played beside others.

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

# on_disk SERIAL COMMAND: for the guest; $d is the disk so called.
on_disk() {
	echo "i=0; until d=\$(grep -lx $1 /sys/block/vd?/serial) ||
		[ \$i = 50 ]; do sleep 0.1; i=\$((i+1)); done
		d=\${d%/serial}; d=/dev/\${d##*/}; $2"
}

has_disk() {
	guest_says "$(on_disk "$@")"
}

unplug() {
	asked "undisk $1" 20 "disk-unplugged $1"
}

cp "$FOLDER/plug.img" "$FOLDER/base.img"
qemu-img create -q -f qcow2 "$FOLDER/top.qcow2" 8M
expect "qcow2 is plugged, over a raw image that it does not name" asked \
	"disk 5:qcow2,$FOLDER/top.qcow2,raw,$FOLDER/base.img" 10 disk-plugged
expect "the guest reads what lies beneath, and writes" has_disk vdf \
	'grep -qa from-the-guest $d && echo on-top >$d && sync'
expect "it is unplugged" unplug 5
expect "the write was to the upper one" grep -aq on-top "$FOLDER/top.qcow2"
equal "the lower one is as it was" "$(head -c 14 "$FOLDER/base.img")" \
	from-the-guest
qemu-img create -q -f vpc "$FOLDER/disk.vhd" 8M
expect "a VHD is plugged" \
	asked "disk 5:vhd,$FOLDER/disk.vhd" 10 disk-plugged
expect "the guest writes to it" has_disk vdf 'echo into-vhd >$d && sync'
expect "and it is unplugged" unplug 5
expect "what was written is in the file" grep -aq into-vhd "$FOLDER/disk.vhd"
if loop=$(losetup -f --show "$FOLDER/base.img" 2>/dev/null); then
	ci_on_exit "losetup -d $loop"
	expect "a block device is plugged" \
		asked "disk 6:raw,$loop" 10 disk-plugged
	expect "the guest reads it" has_disk vdg 'grep -qa from-the-guest $d'
	expect "and it is unplugged" unplug 6
else
	skip "a block device is plugged" "no loop devices"
fi
mkdir "$FOLDER/small"
mount -t tmpfs -o size=1M none "$FOLDER/small"
ci_on_exit "umount -l $FOLDER/small 2>/dev/null"
truncate -s 8M "$FOLDER/small/disk.img"
expect "a disk is plugged for which the host has no room" \
	asked "disk 6:raw,$FOLDER/small/disk.img" 10 disk-plugged
typed "$(on_disk vdg 'dd if=/dev/zero of=$d bs=1M count=4 conv=fsync')"
expect "the host says so" event 10 "disk-error 6 no space"
expect "the guest stands still, and lost nothing" event 10 paused
mount -o remount,size=16M "$FOLDER/small"
expect "with more room it goes on" asked resume 10 running
expect "and its write is done" stage_until 15 \
	grep -aq "^T$TOKEN end 0" "$FOLDER/serial.log"
expect "and it is unplugged" unplug 6
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
expect "and reads its disk" guest_says 'grep -qa from-the-guest /dev/vda'
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
