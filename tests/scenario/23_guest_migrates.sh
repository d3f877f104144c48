#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest is migrated by QEMU to another QEMU while it answers pings, all of
# them ports of vif_patch.  What we write into its memory meanwhile must reach
# the destination: that is what the dirty log is for.  A page forgotten would
# be a ring that has run backwards, and a guest that hears nothing any more.

. "$(dirname "$0")/lib.sh"
scenario migrate

PATCH=$BUILD/tests/scenario/vif_patch

# A QEMU with a monitor, which guest.sh does not have.
qemu() {
	local name=$1

	shift
	stage_run "$name" qemu-system-x86_64 -nodefaults -display none \
		-no-reboot -machine q35 -accel "$accel" -cpu max -m 192 \
		-kernel "$image/vmlinuz" -initrd "$image/initrd.gz" \
		-object memory-backend-memfd,id=m,size=192M,share=on \
		-numa node,memdev=m \
		-chardev "socket,id=c,path=$STAGE/$name.sock,server=on,wait=off" \
		-netdev vhost-user,id=n,chardev=c \
		-device virtio-net-pci,netdev=n,mac=02:00:00:00:00:01,romfile=,vectors=0 \
		-serial "file:$STAGE/log/$name.console" -serial null \
		-monitor "unix:$STAGE/$name.monitor,server=on,wait=off" \
		-append "console=ttyS0 panic=-1 quiet cw.name=web cw.ip=10.0.0.1/24" \
		"$@"
}

# monitor NAME COMMAND...: what QEMU says to it
monitor() {
	python3 - "$STAGE/$1.monitor" "${*:2}" <<-'END2'
	import socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.settimeout(10)
	s.connect(sys.argv[1])
	def read():
	    text = b""
	    while not text.endswith(b"(qemu) "):
	        text += s.recv(65536)
	    return text.decode(errors="replace")
	read()
	s.send(sys.argv[2].encode() + b"\n")
	print(read())
	END2
}

migrated() {
	monitor here info migrate |
		grep "Migration status: completed" >/dev/null
}

"$GUEST" prepare >/dev/null || exit 1
image=$CW_GUESTS/image
accel=$(cat "$image/accel")

qemu here
stage_guest app --mac 02:00:00:00:00:02 --ip 10.0.0.2/24
stage_run patch "$PATCH" "$STAGE/here.sock" "$CW_GUESTS/app/net.sock" \
	"$STAGE/there.sock"
must "app takes commands" "$GUEST" wait app 60
must "app reaches web" stage_until 30 guest app ping -c 1 -W 1 10.0.0.1

qemu there -incoming "unix:$STAGE/stream"
must "the destination waits" stage_until 20 test -S "$STAGE/stream"
must "bandwidth is set" monitor here migrate_set_parameter max-bandwidth 20M
must "migration starts" monitor here migrate -d "unix:$STAGE/stream"
seen=$(guest -t 60 app "ping -i 0.02 -c 400 -s 1000 10.0.0.1" |
	sed -n 's/.* \([0-9]*\) packets received.*/\1/p')
at_least "pings answered while it moves, of 400" "$seen" 380
expect "migration completes" stage_until 60 migrated
seen=$(guest -t 60 app "ping -i 0.02 -c 400 -s 1000 10.0.0.1" |
	sed -n 's/.* \([0-9]*\) packets received.*/\1/p')
equal "pings answered where it is now, of 400" "$seen" 400
expect "nobody was sent away" sh -c "! grep 'sent away' '$STAGE/log/patch'"

scenario_end
