#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Disks come from storage roots and listed block devices and from nowhere
# else, whatever is written in a state, into a path or into an image, and
# nobody gets an image that another one writes.  Images are made by qemu-img.
# The opener is hypervisord's own, in a program that does nothing else.

. "$(dirname "$0")/lib.sh"
scenario disks
ctl=$BUILD/tests/scenario/disk-ctl
store=$STAGE/store
other=$STAGE/other
loop=
mkdir "$store" "$other"
mkfifo "$STAGE/held"

cleanup_disks() {
	[ -z "${swapper:-}" ] || kill "$swapper" 2>/dev/null
	[ -z "${holder:-}" ] || kill "$holder" 2>/dev/null
	rm -f /dev/cw-disks-link
	[ -z "$loop" ] || losetup -d "$loop" 2>/dev/null
}
ci_on_exit cleanup_disks

# let_go: end who holds something, without warning.
let_go() {
	{ kill -9 "$holder" && wait "$holder"; } 2>/dev/null
	holder=
}

# state DISKS [BLOCK-DEVICES]: a domain that boots from these disks.
state() {
	cat >"$STAGE/state.json" <<-END
	{ "owner": "test", "generation": 1,
	  "storage_roots": [ "$store" ], "block_devices": [ ${2:-} ],
	  "domains": [ {
	    "uuid": "6e1f2c34-0a5b-4c6d-8e9f-001122334455", "name": "web",
	    "memory_mib": 64, "boot": { "disk": true }, "disks": [ $1 ] } ] }
	END
}

# disk PATH FORMAT [MORE]
disk() {
	echo "{ \"device\": \"vda\", \"path\": \"$1\", \"format\": \"$2\"${3:+, $3} }"
}

# beneath PATH FORMAT [PATH FORMAT]...
beneath() {
	local list=

	while [ $# -gt 0 ]; do
		list+="${list:+, }{ \"path\": \"$1\", \"format\": \"$2\" }"
		shift 2
	done
	echo "\"backing\": [ $list ]"
}

# opens SENTENCE WANTED: the state's images, as disk-ctl prints them, hold it.
opens() {
	local said

	said=$("$ctl" "$STAGE/state.json" 2>&1)
	if [ $? = 0 ] && [[ $said == *"$2"* ]]; then
		pass "$1"
	else
		fail "$1" "$said"
	fi
}

# refused SENTENCE WHY
refused() {
	local said

	said=$("$ctl" "$STAGE/state.json" 2>&1)
	if [ $? = 2 ] && [[ $said == *"$2"* ]]; then
		pass "$1"
	else
		fail "$1" "$said"
	fi
}

image() { qemu-img create -q "$@" >/dev/null 2>&1; }

# --- formats ----------------------------------------------------------------

truncate -s 1M "$store/raw"
image -f qcow2 "$store/q" 4M
image -f qcow2 -o compat=0.10 "$store/q2" 4M
image -f qcow2 -o extended_l2=on,compression_type=zstd,lazy_refcounts=on \
	"$store/q3" 4M
image -f vpc "$store/dynamic" 4M
image -f vpc -o subformat=fixed "$store/fixed" 4M

state "$(disk "$store/raw" raw)"
opens "a raw image opens" "raw 1048576 write"
state "$(disk "$store/raw" raw '"read_only": true')"
opens "a read-only one opens to be read" "raw 1048576 read"
for name in q q2 q3; do
	state "$(disk "$store/$name" qcow2)"
	opens "qcow2 as qemu-img makes it opens ($name)" "qcow2 4194304 write"
done
for name in dynamic fixed; do
	state "$(disk "$store/$name" vhd)"
	opens "a $name VHD as qemu-img makes it opens" "vhd 4"
done
state "$(disk "$store/raw" qcow2)"
refused "a raw image is not taken for qcow2" "no qcow2 image"
state "$(disk "$store/q" vhd)"
refused "qcow2 is not taken for VHD" "no VHD image"

image -f qcow2 --object secret,id=s,data=secret \
	-o encrypt.format=aes,encrypt.key-secret=s "$store/secret" 4M
state "$(disk "$store/secret" qcow2)"
refused "an encrypted image is refused" "encrypted"
image -f qcow2 -o data_file="$other/data" "$store/external" 4M
state "$(disk "$store/external" qcow2)"
refused "an external data file is refused" "external data file"
cp "$store/q" "$store/corrupt"
printf '\2' | dd of="$store/corrupt" bs=1 seek=79 conv=notrunc status=none
state "$(disk "$store/corrupt" qcow2)"
refused "an image marked corrupt is refused, with the remedy" "qemu-img check"

# --- paths ------------------------------------------------------------------

state "$(disk /etc/shadow raw)"
refused "/etc/shadow is no disk" "below one of storage_roots"
state "$(disk /dev/vda raw)"
refused "/dev/vda is no disk unless it is listed" "one of block_devices"
state "$(disk "$store/../../../etc/shadow" raw)"
refused "no way leads up" "without ., .."
ln -s /etc/shadow "$store/link"
state "$(disk "$store/link" raw)"
refused "a link to /etc/shadow is refused" "symbolic links"
ln -s / "$store/root"
state "$(disk "$store/root/etc/shadow" raw)"
refused "a link in the middle is refused" "symbolic links"
ln -s raw "$store/alias"
state "$(disk "$store/alias" raw)"
refused "even a link that stays within" "symbolic links"
mkdir "$store/folder"
state "$(disk "$store/folder" raw)"
refused "a folder is no disk" "it is a folder"
mkfifo "$store/fifo"
state "$(disk "$store/fifo" raw)"
refused "a FIFO is not waited at" "it is a FIFO"
mknod "$store/vda" b "$((0x$(stat -c %t /dev/loop0)))" 0
state "$(disk "$store/vda" raw)"
refused "a device node in a storage root is no disk" "it is a block device"
mknod "$store/mem" c 1 1
state "$(disk "$store/mem" raw)"
refused "nor is /dev/mem by another name" "it is a character device"
state "$(disk "$store/gone" raw)"
refused "what is missing is named" "\"$store/gone\", expected something that"

# A file that becomes a link to /etc/shadow and a file again, all the time.
truncate -s 4096 "$store/file"
python3 - "$store" <<'END' &
import os, sys
os.chdir(sys.argv[1])
while True:
    os.symlink("/etc/shadow", "new")
    os.rename("new", "swapped")
    os.link("file", "new")
    os.rename("new", "swapped")
    os.unlink("swapped")
END
swapper=$!
until [ -L "$store/swapped" ]; do sleep 0.05; done
state "$(disk "$store/swapped" raw)"
won=$("$ctl" --race 20000 "$STAGE/state.json")
equal "while a file is swapped for a link nothing else opens" $? 0
at_least "and the file does" "$won" 1
kill "$swapper"
wait "$swapper" 2>/dev/null
swapper=

# --- block devices ----------------------------------------------------------

truncate -s 8M "$STAGE/device"
loop=$(losetup -f --show "$STAGE/device")
state "$(disk "$loop" raw)" "\"$loop\""
opens "a listed block device opens" "raw 8388608 block write"
ln -s "${loop#/dev/}" /dev/cw-disks-link
state "$(disk /dev/cw-disks-link raw)" '"/dev/cw-disks-link"'
opens "also by the name that udev links to it" "block write"
rm /dev/cw-disks-link
ln -s /etc/shadow /dev/cw-disks-link
refused "a link that leads out of /dev is refused" "stays in its folder"
state "$(disk /dev/null raw)" '"/dev/null"'
refused "a character device is no disk, listed or not" "character device"
mkdir "$STAGE/mnt"
mkfs.ext4 -q "$loop"
# In a namespace of its own: no other copies the mount and keeps it.
unshare -m sh -c 'mount "$0" "$1" && echo >"$2" && exec sleep 1000' \
	"$loop" "$STAGE/mnt" "$STAGE/held" &
holder=$!
read -r _ <"$STAGE/held"
state "$(disk "$loop" raw)" "\"$loop\""
refused "a mounted device cannot be written" "not mounted"
let_go
for ((i = 0; i < 50; i++)); do # the kernel unmounts when it gets round to it
	"$ctl" "$STAGE/state.json" >/dev/null && break
	sleep 0.1
done
opens "when it is not mounted any more it can" "block write"
if root_dev=$(findmnt -no SOURCE /) && [ -b "$root_dev" ]; then
	state "$(disk "$root_dev" raw)" "\"$root_dev\""
	refused "the host's own disk cannot, even if it is listed" \
		"a block device that"
else
	skip "the host's own disk cannot be written" "not on a block device"
fi

# --- what lies beneath --------------------------------------------------------

truncate -s 4M "$store/base"
image -f qcow2 -b base -F raw "$store/mid"
image -f qcow2 -b "$store/mid" -F qcow2 "$store/top"
state "$(disk "$store/top" qcow2 \
	"$(beneath "$store/mid" qcow2 "$store/base" raw)")"
opens "a chain opens, all but the first to be read" \
	"12 $store/base raw 4194304 read"
state "$(disk "$store/top" qcow2)"
refused "a chain that the state does not list is refused" "names \"$store/mid\""
truncate -s 4M "$store/theirs"
qemu-img rebase -u -f qcow2 -b theirs -F raw "$store/mid"
state "$(disk "$store/top" qcow2 \
	"$(beneath "$store/mid" qcow2 "$store/base" raw)")"
refused "a header rewritten to name another image is refused" 'names "theirs"'
qemu-img rebase -u -f qcow2 -b /etc/shadow -F raw "$store/mid"
refused "and one that names /etc/shadow" 'names "/etc/shadow"'
cp "$store/theirs" "$other/base"
state "$(disk "$store/top" qcow2 "$(beneath "$other/base" raw)")"
refused "nothing comes from outside the disk's root" "storage root of the disk"

# --- a guest writes a header --------------------------------------------------

# With the descriptor that it is given, a device model as the guest drives it
# writes a whole qcow2 image over /etc/shadow into its raw disk.
image -f qcow2 -b /etc/shadow -F raw "$STAGE/evil"
state "$(disk "$store/raw" raw)"
expect "a guest may write into its raw disk what it likes" \
	"$ctl" "$STAGE/state.json" qemu-io -f raw /proc/self/fd/10 \
	-c "write -s $STAGE/evil 0 $(($(stat -c %s "$STAGE/evil") / 512 * 512))"
equal "a tool that guesses would read it as qcow2 now" \
	"$(qemu-img info "$store/raw" | sed -n 's/^file format: //p')" qcow2
opens "to us it is raw, as it was, with nothing beneath" "raw 1048576 write"
equal "and one image is all that opens" \
	"$("$ctl" "$STAGE/state.json" | wc -l)" 1
printf 'QFI\xfb' >"$STAGE/magic"
expect "its next start reads the header as data" \
	"$ctl" "$STAGE/state.json" bash -c \
	"head -c 4 <&10 | cmp - '$STAGE/magic'"

# --- two never write one image ------------------------------------------------

state "$(disk "$store/raw" raw)"
"$ctl" "$STAGE/state.json" sh -c 'echo >"$0"; exec sleep 1000' \
	"$STAGE/held" >/dev/null &
holder=$!
read -r _ <"$STAGE/held"
refused "an image that a process has is refused to another" "another process"
ln "$store/raw" "$store/same"
state "$(disk "$store/same" raw)"
refused "also by another name" "another process"
state "$(disk "$store/raw" raw '"read_only": true')"
refused "also to be read" "another process"
let_go
opens "when the process is gone, however, it is free" "read"

scenario_end
