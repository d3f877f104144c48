#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The jail, tried from inside.  jail-try makes one attempt a run: to reach a
# file, a socket, a process, a right or the kernel, or to take more than its
# share.  Each is tried against the system call filter, and, where it makes
# sense, against the other walls alone, without a filter: either must hold by
# itself.  Then a real QEMU is looked at in its jail, starts that fail must
# leave nothing, and the limits are played again under cgroup v2, in a guest.

. "$(dirname "$0")/lib.sh"
scenario jail

CTL=$BUILD/tests/scenario/jail-ctl
TRY=$BUILD/tests/scenario/jail-try
FOLDER=cw-jail-$$
UID1=2147000001
UID2=2147000002

jail() {
	"$CTL" "$FOLDER" "$@"
}

# Our folders, in all hierarchies.
folders() {
	find /sys/fs/cgroup -type d -name "$FOLDER" 2>/dev/null
}

sweep() {
	jail sweep >/dev/null
	folders | xargs -r rmdir
}
ci_on_exit sweep

# attempt CALLS ATTEMPT ARG: status 0 if it was refused, or killed for it.
attempt() {
	local calls=$1 output rc

	shift
	output=$(jail run name=try uid=$UID1 calls="$calls" memory=100000000 \
		pids=64 -- "$TRY" "$@" 2>&1)
	rc=$?
	echo "$output"
	[ $rc = 1 ] || grep -q 'forbidden system call' <<<"$output"
}

# refused SENTENCE ATTEMPT ARG: by the filter
refused() {
	expect "$1" attempt model "${@:2}"
}

# walled SENTENCE ATTEMPT ARG: by the filter, and by the walls without it
walled() {
	expect "$1" attempt model "${@:2}"
	expect "... nor without the filter" attempt all "${@:2}"
}

# deadly SENTENCE ATTEMPT ARG: it is killed, and its end says why
deadly() {
	attempt model "${@:2}" >"$STAGE/seen"
	expect "$1, and is killed" grep -q 'forbidden system call' "$STAGE/seen"
}

# deadly_walled SENTENCE ATTEMPT ARG
deadly_walled() {
	deadly "$@"
	expect "... and could not without the filter" attempt all "${@:2}"
}

# says SENTENCE WORDS OPTION... -- PROGRAM...: a run prints these words
says() {
	local words=$2

	jail run name=try uid=$UID1 "${@:3}" >"$STAGE/seen" 2>&1
	expect "$1" grep -E "$words" "$STAGE/seen"
}

# none_left NAME: no cgroup of a jail of that name
none_left() {
	[ -z "$(find $(folders) -type d -name "$1")" ]
}

alive() {
	[ -d "/proc/$1" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status"
}

# --- neighbours -------------------------------------------------------------

# What must not be reached: a file, sockets, another domain, a daemon.
echo secret >"$STAGE/secret"
python3 - "$STAGE/listen" "cw-jail-$$" "$STAGE/port" <<-'END' &
	import os, socket, sys, time
	held = []
	for family, where in ((socket.AF_UNIX, sys.argv[1]),
	                      (socket.AF_UNIX, "\0" + sys.argv[2]),
	                      (socket.AF_INET, ("127.0.0.1", 0))):
	    s = socket.socket(family)
	    s.bind(where)
	    s.listen(8)
	    held.append(s)
	os.chmod(sys.argv[1], 0o777)
	with open(sys.argv[3] + ".new", "w") as f:
	    f.write(str(held[2].getsockname()[1]))
	os.rename(sys.argv[3] + ".new", sys.argv[3])
	time.sleep(600)
END
DAEMON=$!
STAGE_PIDS+=($DAEMON)
stage_until 10 test -e "$STAGE/port"

start_other() {
	read -r OTHER OTHER_START < <(jail start name=other uid=$UID2 \
		memory=50000000 -- "$TRY" sleep 600) && alive "$OTHER"
}
must "a jail starts" start_other
must "who did not start it finds it again" \
	jail adopt other "$OTHER" "$OTHER_START" usage

# --- files ------------------------------------------------------------------

for path in /etc/shadow /etc/passwd "$STAGE/secret" /proc/1/environ \
	"/proc/$OTHER/root/etc/shadow" /proc/self/exe /sys/kernel /dev/kvm \
	/dev/vda /dev/mem /dev/net/tun /run /tmp; do
	walled "it cannot open ${path#"$STAGE"}" open "$path"
done
walled "there is no way up by .." dots "$STAGE/secret"
walled "it makes no file in its root" create /x
walled "it makes no file in its /dev" create /dev/x
walled "it cannot write its program" write "$TRY"
walled "it cannot write its libraries" write /lib/x86_64-linux-gnu/libc.so.6
equal "it sees its program, its libraries, /dev/null and nothing else" \
	"$(jail run calls=all -- /usr/bin/find / ! -type d | sed '/^it /d' |
		sort)" \
	"$({
		ldd /usr/bin/find | grep -o '/[^ ]*'
		echo /usr/bin/find
		echo /dev/null
	} | sort)"
for call in "chroot /dev" "mount tmpfs" "mount proc" "remount $TRY" \
	"umount $TRY" pivot-root mknod handle; do
	deadly_walled "it tries ${call/"$TRY"/its program}" $call
done
deadly_walled "it makes a node of the host's memory" memory-node

echo image >"$STAGE/image"
chmod 600 "$STAGE/image"
says "it reads an image of root's that it was shown" '^image' calls=tool \
	image="$STAGE/image:/a/image" -- /usr/bin/cat /a/image
refuse "... and cannot write it" jail run calls=tool \
	image="$STAGE/image:/image" -- "$TRY" write /image
expect "... unless that was said" jail run calls=tool \
	imagew="$STAGE/image:/image" -- "$TRY" write /image
equal "... and it still is root's" "$(stat -c %u:%a "$STAGE/image")" 0:600

# --- sockets ----------------------------------------------------------------

for family in unix inet inet6 netlink vsock alg; do
	refused "it gets no $family socket" socket $family
done
walled "it gets no packet socket" socket packet
walled "it gets no raw socket" socket raw
walled "it connects to no path" connect "$STAGE/listen"
walled "it connects to no abstract socket" connect "@cw-jail-$$"
walled "it connects to no local TCP port" tcp "$(cat "$STAGE/port")"
walled "it brings up no link" link-up
refused "it connects no descriptor that it has" connect-passed 0

# --- other processes --------------------------------------------------------

for pid in "$OTHER" $DAEMON; do
	what=$([ "$pid" = $DAEMON ] && echo "a daemon" || echo "another domain")
	walled "it cannot signal $what" kill "$pid"
	walled "it cannot find $what" pidfd "$pid"
	deadly_walled "it traces $what" ptrace "$pid"
	deadly_walled "it reads the memory of $what" peek "$pid"
	walled "it cannot slow $what" setpriority "$pid"
done
jail run calls=all -- "$TRY" kill -1 >/dev/null
expect "others live when it signals all it can" alive "$OTHER"
refused "it starts no process" fork
refused "it starts none in a namespace of its own" clone3
deadly "it executes another program" exec "$TRY"
deadly "it executes one by descriptor" execveat "$TRY"
walled "it cannot map the page it was executed from" page-zero

# --- rights -----------------------------------------------------------------

deadly_walled "it wants to be root" setuid 0
deadly_walled "it wants to be another domain" setuid $UID2
deadly_walled "it wants to be of root's group" setgid 0
deadly_walled "it wants more groups" setgroups
deadly_walled "it wants capabilities" capset
deadly_walled "it wants a network of its own" unshare 0x40000000
deadly "it wants a user namespace" unshare 0x10000000
walled "it gets no real-time priority" realtime
walled "it cannot raise its limits" raise-limit
refused "it cannot type on a terminal that it has" tiocsti 0
walled "its environment is empty" environment

# --- the kernel -------------------------------------------------------------

for call in bpf perf keyctl; do
	deadly "it tries $call" $call
done
for call in module kexec iopl reboot clock; do
	deadly_walled "it tries $call" $call
done
refused "it gets no io_uring" io_uring
refused "it gets no userfaultfd" userfaultfd
deadly "it makes a 32-bit system call" int80

# --- more than its share ----------------------------------------------------

says "over its memory limit it is ended, and that is known" \
	'over its memory limit' memory=50000000 -- "$TRY" memory
says "memory of its memfds counts" 'over its memory limit' \
	memory=50000000 -- "$TRY" memfd
expect "... and that ends no other" alive "$OTHER"
says "threads end at their limit" '^20 threads' pids=20 -- "$TRY" threads
says "a fork bomb ends there, too" '^20 processes' pids=20 calls=all \
	-- "$TRY" forks
says "descriptors end at their limit" '^64 descriptors' nofile=64 \
	-- "$TRY" fds
exec 7<>"$STAGE/disk"
says "a file ends at its limit" '^1003520 bytes' fsize=1000000 fd=7:3 \
	-- "$TRY" big-file 3
exec 7>&-

# cpu_ms NAME PID START
cpu_ms() {
	jail adopt "$@" usage | sed 's/cpu_ms=\([0-9]*\) .*/\1/'
}

# In three seconds it may have 20 % of them, and what a period more gives.
hog() {
	read -r pid start < <(jail start name=hog uid=$UID1 cpu=20 \
		-- "$TRY" hog 30) || return
	sleep 3
	spent=$(cpu_ms hog "$pid" "$start")
	echo "spent $spent ms"
	jail adopt hog "$pid" "$start" kill
	[ "$spent" -gt 100 ] && [ "$spent" -le 800 ]
}
expect "a hog has the CPU time it may have and no more" hog

limit_file() {
	find $(folders) -path '*/other/*' \( -name memory.max -o \
		-name memory.limit_in_bytes \) -exec cat {} +
}

limits_change() {
	jail adopt other "$OTHER" "$OTHER_START" "limit=$1" &&
		[ "$(limit_file)" = "$1" ]
}
expect "limits of a running one can be raised" limits_change 104857600
expect "... and lowered" limits_change 41943040
expect "another is there after all of this" alive "$OTHER"

# --- its end ----------------------------------------------------------------

says "a tool that takes too long is ended" 'time was up' timeout=300 \
	-- "$TRY" sleep 30
says "a tool that talks too much is cut" 'output is cut' out=4 -- "$TRY" fds
says "a crash is known" 'killed by signal 11' -- "$TRY" crash
says "an abort is known as a crash" 'killed by signal 11' -- "$TRY" abort
says "a status is known" 'ended with status 2' -- "$TRY" nothing

ended() {
	read -r pid start < <(jail start name=gone uid=$UID1 -- "$TRY" sleep 9)
	kill -9 "$pid"
	stage_until 5 eval '! alive "$pid"' || return
	! jail adopt gone "$pid" "$start" usage
}
expect "one that ended meanwhile is not found" ended
expect "... and what it left is removed" none_left gone
refuse "another process is not taken for it" \
	jail adopt gone $DAEMON "$(awk '{ print $22 }' /proc/$DAEMON/stat)" usage
expect "... and left alone" alive $DAEMON

# --- starts that fail ---------------------------------------------------------

says "a missing program is named" 'cannot show /nothing: No such file' \
	-- /nothing
says "a missing file is named" 'cannot open /nothing: No such file' \
	file=/nothing -- "$TRY"
says "a file that is no program is named" 'not a program: /etc/passwd' \
	-- /etc/passwd
says "root is refused" "cannot have root's uid" uid=0 -- "$TRY"
says "an image outside is refused" 'cannot have an image of such a path' \
	image="$STAGE/image:/../x" -- "$TRY"
says "a name that is a path is refused" 'cannot have such a name' \
	name=../x -- "$TRY"
says "too little memory to begin with is said" 'give it more memory' \
	memory=4096 -- "$TRY"
says "a descriptor that is not open is said" 'cannot pass descriptors' \
	fd=99:3 -- "$TRY"
says "a name that runs is refused" 'processes of another other still run' \
	name=other -- "$TRY"
expect "starts that fail leave no cgroup" none_left try
refuse "... and no process" pgrep -r R,S,D,T -U $UID1
says_time() {
	jail time 20 uid=$UID1 -- "$TRY" sleep 60 >"$STAGE/seen"
	cat "$STAGE/seen"
	read -r _ mean _ <"$STAGE/seen"
	[ "${mean%.*}" -lt 60 ] && grep '0 descriptors more' "$STAGE/seen"
}
expect "twenty starts take some ten milliseconds each, and leak nothing" \
	says_time

left_behind() {
	read -r pid _ < <(jail start name=forgotten uid=$UID1 -- "$TRY" sleep 99)
	jail sweep && stage_until 5 eval '! alive "$pid"' && none_left forgotten
}
expect "what nobody knows of is swept away" left_behind

# --- a real device model ------------------------------------------------------

qemu_starts() {
	read -r QEMU QEMU_START < <(jail start name=qemu uid=$UID1 \
		memory=400000000 pids=32 oom=300 nofile=300 \
		file=/usr/lib/x86_64-linux-gnu/qemu/accel-tcg-x86_64.so \
		file=/usr/share/seabios/bios-256k.bin \
		file=/usr/share/qemu/kvmvapic.bin \
		-- /usr/bin/qemu-system-x86_64 -no-user-config -nodefaults \
		-display none -machine q35 -accel tcg,tb-size=32 -m 64 \
		-L /usr/share/seabios -L /usr/share/qemu \
		-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny \
		2>"$STAGE/log/qemu") || return
	sleep 3
	alive "$QEMU"
}

# status FIELD: of /proc/PID/status
status() {
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$QEMU/status" | tr -s '\t ' ' '
}

must "QEMU runs in the jail" qemu_starts
equal "it has its uid, whichever is asked" "$(status Uid)" \
	"$UID1 $UID1 $UID1 $UID1"
equal "it has its gid" "$(status Gid)" "$UID1 $UID1 $UID1 $UID1"
equal "it is in no other group" "$(status Groups)" ""
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
	equal "$set is empty" "$(status $set)" 0000000000000000
done
equal "it can get no new privileges" "$(status NoNewPrivs)" 1
equal "system calls are filtered" "$(status Seccomp)" 2
at_least "... by our filter and QEMU's own" "$(status Seccomp_filters)" 2
for space in mnt net pid ipc uts cgroup; do
	refuse "its $space namespace is not ours" test \
		"$(readlink "/proc/$QEMU/ns/$space")" = \
		"$(readlink "/proc/self/ns/$space")"
done
equal "its network namespace has one link, which is down" \
	"$(nsenter -t "$QEMU" -n ip -o link | awk '{ print $2, $9 }')" \
	"lo: DOWN"
equal "no mount can be written" \
	"$(awk '$6 !~ /^ro,/' "/proc/$QEMU/mountinfo")" ""
equal "no mount but its root is a whole file system" \
	"$(awk '$4 == "/" { print $5 }' "/proc/$QEMU/mountinfo")" /
equal "its environment is empty" "$(tr '\0' '\n' <"/proc/$QEMU/environ")" ""
equal "it ends before others when memory is short" \
	"$(cat "/proc/$QEMU/oom_score_adj")" 300
equal "it leaves no core" \
	"$(awk '/core file/ { print $5, $6 }' "/proc/$QEMU/limits")" "0 0"
equal "it leads a session of its own" \
	"$(ps -o sid= -p "$QEMU" | tr -d ' ')" "$QEMU"
refuse "it has no descriptor of ours" \
	sh -c "ls -l /proc/$QEMU/fd | grep -e '$STAGE' -e cgroup | grep -v log/qemu"
says_end() {
	jail adopt qemu "$QEMU" "$QEMU_START" kill && none_left qemu
}
expect "it is found again, ended, and leaves nothing" says_end

# --- cgroup v2 --------------------------------------------------------------

# A guest with what is needed: our programs, their libraries, busybox.
v2_image() {
	local root=$STAGE/v2 file

	mkdir -p "$root"/{bin,dev,proc,sys,tmp,new}
	cp /bin/busybox "$root/bin/busybox"
	install -m 755 "$CI_ROOT/tests/scenario/jail_v2_init.sh" "$root/init"
	for file in "$CTL" "$TRY" $(ldd "$CTL" "$TRY" | grep -o '/[^ :]*' |
		grep lib | sort -u); do
		case $file in
		"$BUILD"*) cp "$file" "$root/bin/" ;;
		*) install -D "$file" "$root$file" ;;
		esac
	done
	(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) |
		gzip -1 >"$STAGE/v2.gz"
}

v2_plays() {
	timeout 150 qemu-system-x86_64 -nodefaults -display none -no-reboot \
		-machine q35 -accel tcg -cpu max -m 512 -smp 2 \
		-kernel "$(echo "$("$CI_ROOT/tests/guest/kernel.sh")"/boot/vmlinuz-*)" \
		-initrd "$STAGE/v2.gz" -serial "file:$STAGE/v2.out" \
		-append "console=ttyS0 panic=-1 quiet cgroup_no_v1=all" &&
		tr -d '\r' <"$STAGE/v2.out" >"$STAGE/v2.text" &&
		grep -x 'the end' "$STAGE/v2.text"
}

expect "a guest is made" v2_image
expect "a guest with cgroup v2 plays to its end" v2_plays
while read -r line; do
	case $line in
	"ok - "*) pass "cgroup v2: ${line#ok - }" ;;
	"not ok - "*) fail "cgroup v2: ${line#not ok - }" ;;
	esac
done <"$STAGE/v2.text"
[ $SCENARIO_FAILED = 0 ] || tail -n 60 "$STAGE/v2.out"

scenario_end
