#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# jail_v2_init.sh: init of the guest in which 42_jail.sh plays jails under
# cgroup v2.  What it prints on its console is the result.

if [ ! -e /switched ]; then
	# The first root of a kernel cannot be pivoted away.
	/bin/busybox --install -s /bin
	export PATH=/bin
	mount -t tmpfs new /new
	cp -a /bin /lib /lib64 /init /dev /proc /sys /tmp /new
	touch /new/switched
	exec switch_root /new /init
fi
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t cgroup2 cgroup /sys/fs/cgroup
cd /tmp

ok() {
	if [ "$1" = 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
		cat /tmp/seen
	fi
}

# says SENTENCE WORDS OPTION...: a run prints these words
says() {
	sentence=$1
	words=$2
	shift 2
	jail-ctl t run uid=1000 "$@" >/tmp/seen 2>&1
	grep -E "$words" /tmp/seen >/dev/null
	ok $? "$sentence"
}

says "a jail runs" 'ended with status 0' -- /bin/jail-try sleep 0
jail-ctl t start name=other uid=1001 memory=50000000 cpu=150 weight=200 \
	pids=9 -- /bin/jail-try sleep 300 >/tmp/other 2>/tmp/seen
read -r pid start </tmp/other
all="$(cat /sys/fs/cgroup/t/other/memory.max \
	/sys/fs/cgroup/t/other/cpu.max /sys/fs/cgroup/t/other/cpu.weight \
	/sys/fs/cgroup/t/other/pids.max /sys/fs/cgroup/t/other/memory.oom.group \
	| tr '\n' ' ')"
echo "$all" >/tmp/seen
[ "$all" = "49999872 150000 100000 200 9 1 " ]
ok $? "its limits are set"
jail-ctl t adopt other "$pid" "$start" limit=61440000 >/tmp/seen 2>&1 &&
	grep -E 'memory=[1-9][0-9]* .*pids=1 ' /tmp/seen >/dev/null &&
	[ "$(cat /sys/fs/cgroup/t/other/memory.max)" = 61440000 ]
ok $? "it is found again, measured, and its limit changed"
says "over its memory limit it is ended, and that is known" \
	'over its memory limit' memory=30000000 -- /bin/jail-try memory
says "memory of its memfds counts" \
	'over its memory limit' memory=30000000 -- /bin/jail-try memfd
says "threads end at their limit" '^20 threads' pids=20 -- /bin/jail-try threads
says "a fork bomb ends there, too" '^20 processes' pids=20 calls=all \
	-- /bin/jail-try forks
says "a forbidden call ends it" 'forbidden system call' -- /bin/jail-try bpf
says "it sees no file of the host" 'No such file' -- /bin/jail-try open /init

jail-ctl t start name=hog uid=1002 cpu=20 -- /bin/jail-try hog 60 >/tmp/hog
read -r hog hog_start </tmp/hog
sleep 3
jail-ctl t adopt hog "$hog" "$hog_start" usage >/tmp/seen 2>&1
spent=$(sed 's/cpu_ms=\([0-9]*\) .*/\1/' /tmp/seen)
[ "$spent" -gt 100 ] && [ "$spent" -lt 900 ] &&
	grep -v 'throttled_ms=0$' /tmp/seen >/dev/null
ok $? "a hog has the CPU time it may have and no more"
jail-ctl t adopt hog "$hog" "$hog_start" kill >/tmp/seen 2>&1 &&
	[ ! -e /sys/fs/cgroup/t/hog ]
ok $? "it is ended and leaves nothing"
echo image >/tmp/image
chmod 644 /tmp/image
says "an image is shown where mounts cannot be id-mapped" 'open /image: done' \
	image=/tmp/image:/image -- /bin/jail-try open /image
[ -d "/proc/$pid" ]
ok $? "the other lives"
jail-ctl t sweep >/tmp/seen 2>&1 && [ ! -e /sys/fs/cgroup/t/other ] &&
	[ ! -e /sys/fs/cgroup/t/t ]
ok $? "what is left is swept away"

# As a service has it: in a cgroup below, which is handed to it.
service=/sys/fs/cgroup/service
mkdir $service
sh -c "echo \$\$ >$service/cgroup.procs
	exec jail-ctl jails run uid=1000 -- /bin/jail-try sleep 0" >/tmp/seen 2>&1
[ -d $service/jails ] && [ -d $service/jails.daemon ] &&
	grep 'status 0' /tmp/seen >/dev/null
ok $? "alone in its cgroup it moves aside"
mkdir /sys/fs/cgroup/shared
sh -c "echo \$\$ >/sys/fs/cgroup/shared/cgroup.procs
	jail-ctl jails run uid=1000 -- /bin/jail-try sleep 0
	:" >/tmp/seen 2>&1
grep 'other processes are in the cgroup .*shared' /tmp/seen >/dev/null
ok $? "not alone it says what is in the way"
echo "the end"
poweroff -f
