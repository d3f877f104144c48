#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# agent.sh FOLDER: make FOLDER/initrd-agent.gz out of FOLDER/initrd.gz: the
# same with Debian's qemu-guest-agent in it (bin/qemu-ga, run it as
# `qemu-ga -m virtio-serial -p /dev/vport0p1`), unpacked, never installed.
# What has been fetched once is used again.

set -euo pipefail

image=$1
cache=${CAUSEWAY_CACHE:-/var/cache/causeway}/guest-agent

fetch() {
	(cd "$work" && apt-get -o APT::Sandbox::User=root -q download \
		qemu-guest-agent) || return 1
	dpkg -x "$work"/*.deb "$work/tree"
	mv "$work/tree" "$cache/tree"
}

if [ ! -d "$cache/tree" ]; then
	mkdir -p "$cache"
	exec 9>"$cache/lock"
	flock 9
	work=$(mktemp -d "$cache/fetch.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	[ -d "$cache/tree" ] || fetch >&2 ||
		{ apt-get update >&2 && fetch >&2; } || {
		echo "agent.sh: cannot fetch qemu-guest-agent" >&2
		exit 1
	}
fi

root=$(mktemp -d)
trap 'rm -rf "$root" "${work:-}"' EXIT
mkdir -p "$root/bin" "$root/run" "$root/var"
ln -s /run "$root/var/run" # where the agent keeps its state
cp "$cache/tree/usr/sbin/qemu-ga" "$root/bin/"
# With the libraries of this machine; QEMU itself needs the same.
ldd "$root/bin/qemu-ga" | grep -o '/[^ ]*' | while read -r library; do
	mkdir -p "$root$(dirname "$library")"
	cp -L "$library" "$root$library"
done
mkdir -p "$root/etc" "$root/sbin"
printf '#!/bin/sh\nexec poweroff -f\n' >"$root/sbin/shutdown" # the agent runs it
chmod 755 "$root/sbin/shutdown"
cp -L /etc/os-release "$root/etc/"
cp "$image/initrd.gz" "$image/initrd-agent.gz.new"
(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) | gzip -1 \
	>>"$image/initrd-agent.gz.new" # the kernel unpacks one after the other
chmod 644 "$image/initrd-agent.gz.new"
mv "$image/initrd-agent.gz.new" "$image/initrd-agent.gz"
