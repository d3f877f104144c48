#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Does /dev/kvm run a kernel?  Asked of this machine's, of devices that are
# none, and of a KVM that does: the one inside a QEMU guest whose CPU has SVM.

. "$(dirname "$0")/lib.sh"

ci_trap
STAGE=$(mktemp -d "${TMPDIR:-/tmp}/causeway-kvm.XXXXXX")
mkdir "$STAGE/log"
QEMU=""
ci_on_exit clean_up

clean_up() {
	scenario_logs
	[ -z "$QEMU" ] || kill -9 "$QEMU" 2>/dev/null
	rm -rf "$STAGE"
}

build_ask() {
	gcc -std=gnu11 -D_GNU_SOURCE -O2 -Wall -static -I "$CI_ROOT" \
		-o "$STAGE/kvm-ask" "$CI_ROOT/tests/scenario/kvm_ask.c" \
		"$CI_ROOT"/hypervisor/kvm_probe{,_run}.c \
		"$CI_ROOT/hypervisor/kvm_probe_guest.S"
}

ask() {
	"$STAGE/kvm-ask" "$@"
}

# says PATTERN COMMAND...: the command's output, shown if it does not match.
says() {
	local pattern=$1 seen

	shift
	seen=$("$@")
	echo "$seen"
	grep -qE "$pattern" <<<"$seen"
}

# The kernel, its modules and a program that asks, as an initramfs.
nested_initramfs() {
	local tree modules module root=$STAGE/root

	tree=$("$CI_ROOT/tests/guest/kernel.sh") || return
	modules=$(echo "$tree"/lib/modules/*)
	mkdir -p "$root"/{bin,dev,proc,sys,tmp}
	cp /bin/busybox "$STAGE/kvm-ask" "$root/bin/"
	for module in virt/lib/irqbypass arch/x86/kvm/kvm \
		arch/x86/kvm/kvm-amd; do
		cp "$modules/kernel/$module.ko" "$root/" || return
	done
	cat >"$root/init" <<-'END'
		#!/bin/busybox sh
		/bin/busybox --install -s /bin
		export PATH=/bin
		mount -t proc proc /proc
		mount -t sysfs sys /sys
		mount -t devtmpfs dev /dev
		mount -t tmpfs tmp /tmp
		echo "before: $(kvm-ask)"
		for module in irqbypass kvm kvm-amd; do
			insmod /$module.ko
		done
		# emulated twice over: it may take its time here
		echo "first: $(kvm-ask /tmp/kept /dev/kvm 20000)"
		echo "second: $(kvm-ask /tmp/kept /dev/kvm 20000)"
		sed 's/^boot ./boot x/' /tmp/kept >/tmp/other
		echo "other boot: $(kvm-ask /tmp/other /dev/kvm 20000)"
		chmod 666 /tmp/kept
		sed -i 's/^verdict .*/verdict unusable/' /tmp/kept
		echo "forged: $(kvm-ask /tmp/kept /dev/kvm 20000)"
		echo "the end"
		reboot -f
	END
	chmod 755 "$root/init"
	(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) |
		gzip -1 >"$STAGE/initrd.gz"
	cp "$tree"/boot/vmlinuz-* "$STAGE/vmlinuz"
}

# boot CPU: what the guest said is in log/CPU.
boot() {
	timeout 90 qemu-system-x86_64 -nodefaults -display none -no-reboot \
		-machine q35 -accel tcg -cpu "$1" -m 192 -serial stdio \
		-kernel "$STAGE/vmlinuz" -initrd "$STAGE/initrd.gz" \
		-append "console=ttyS0 panic=-1 quiet" \
		>"$STAGE/log/$1" 2>"$STAGE/log/qemu" </dev/null &
	QEMU=$!
	wait $QEMU
	QEMU=""
	grep -q '^the end' "$STAGE/log/$1"
}

said() {
	tr -d '\r' <"$STAGE/log/$1" | sed -n "s/^$2: //p"
}

must "the probe needs nothing but libc" build_ask

expect "no device is told from one that does not work" \
	says '^absent .*No such file' ask "" "$STAGE/none"
expect "something else is not taken for KVM" \
	says '^unusable .*it is not KVM' ask "" /dev/null
expect "a device that we may not open is told too" \
	says '^denied .*Permission denied' setpriv --reuid=65001 \
	--clear-groups "$STAGE/kvm-ask" "" /proc/1/mem

if [ -e /dev/kvm ]; then
	seen=$(ask "$STAGE/kept")
	equal "this machine's KVM is usable exactly if a kernel boots with it" \
		"$(grep -qE '^(usable|slow)' <<<"$seen" && echo kvm || echo tcg)" \
		"$(CW_GUESTS=$STAGE/guests "$GUEST" prepare |
			sed 's/.* //')"
	again=$(ask "$STAGE/kept")
	equal "the answer is kept" "$again" "$seen"
	expect "no time is time enough: a guest that does not end is ended" \
		says 'does not come to its end in 1 ms|^(usable|slow)' \
		ask "" /dev/kvm 1
	refuse "nobody is left behind" pgrep -x kvm-ask
	echo "    $seen"
fi

must "a guest for nested KVM is made" nested_initramfs
expect "a guest boots whose CPU has SVM" boot EPYC
first=$(said EPYC first)
expect "before its modules are loaded there is no KVM" \
	says '^absent' said EPYC before
expect "its KVM, beneath which there is no KVM, runs a kernel" \
	says '^slow .*it runs a kernel; an exit takes' echo "$first"
equal "what it has said once it says again" "$(said EPYC second)" "$first"
expect "what another boot has kept is not believed" \
	says '^slow' said EPYC "other boot"
expect "what others could have written is not believed" \
	says '^slow' said EPYC forged
echo "    $first"
scenario_end
