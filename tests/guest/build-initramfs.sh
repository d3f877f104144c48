#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# build-initramfs.sh KERNEL-TREE OUT-DIR: make OUT-DIR/vmlinuz and
# OUT-DIR/initrd.gz out of an unpacked Debian kernel (kernel.sh), Debian's
# static busybox, our init and our static tools.  Takes half a second.

set -euo pipefail

tree=$1
out=$2
here=$(cd "$(dirname "$0")" && pwd)
wanted="virtio_pci virtio_net 8021q"
# Loaded when the kernel's command line asks for them.
more="bonding button evdev pvpanic_pci virtio_balloon virtio_blk virtio_console"

modules=$(echo "$tree"/lib/modules/*)
vmlinuz=$(echo "$tree"/boot/vmlinuz-*)

# load_order MODULE...: each after all that it depends on, once.
load_order() {
	awk -v wanted="$*" '
		function name(path) {
			sub(/.*\//, "", path); sub(/\.ko.*/, "", path)
			gsub(/-/, "_", path)
			return path
		}
		{
			module = $1; sub(/:$/, "", module)
			path[name(module)] = module
			for (i = NF; i > 1; i--)
				needs[name(module)] = needs[name(module)] " " $i
		}
		function emit(p) {
			if (!(p in done)) print p
			done[p] = 1
		}
		END {
			n = split(wanted, want, " ")
			for (k = 1; k <= n; k++) {
				if (!(want[k] in path)) exit 1
				m = split(needs[want[k]], need, " ")
				for (j = 1; j <= m; j++) emit(need[j])
				emit(path[want[k]])
			}
		}' "$modules/modules.dep"
}

copy_module() {
	local from=$modules/$1 to

	to=$root/modules/$(basename "$1")
	case $from in
	*.ko) cp "$from" "$to" ;;
	*.ko.xz) xz -dc "$from" >"${to%.xz}" ;;
	*.ko.zst) zstd -qdc "$from" >"${to%.zst}" ;;
	esac
	to=${to##*/}
	echo "${to%.ko*}.ko"
}

# copy_modules LIST MODULE...: with all they depend on; LIST gets their order.
copy_modules() {
	local list=$1 module

	shift
	load_order "$@" >"$root/list"
	while read -r module; do
		copy_module "$module"
	done <"$root/list" >"$list"
	rm "$root/list"
}

mkdir -p "$out"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,dev,proc,sys,tmp,modules,root}
cp /bin/busybox "$root/bin/busybox"
install -m 755 "$here/init" "$root/init"
for tool in forge sniff; do
	gcc -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -static \
		-o "$root/bin/$tool" "$here/$tool.c"
done
copy_modules "$root/modules/order" $wanted
mkdir "$root/modules/more"
for module in $more; do
	copy_modules "$root/modules/more/$module" "$module"
done
cp "$vmlinuz" "$out/vmlinuz.new"
(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) |
	gzip -1 >"$out/initrd.gz.new"
chmod 644 "$out"/*.new
mv "$out/vmlinuz.new" "$out/vmlinuz"
mv "$out/initrd.gz.new" "$out/initrd.gz"
