#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# kernel.sh: fetch Debian's stock cloud kernel for the guests and unpack it.
#
#	kernel.sh [--offline]
#
# prints the folder that holds boot/vmlinuz-* and lib/modules/*.  The package
# is unpacked, not installed: this machine's boot loader never hears of it.
# What has been fetched once is used again, without a network; --offline only
# looks (exit status 1: not there).

set -euo pipefail

cache=${CAUSEWAY_CACHE:-/var/cache/causeway}/guest-kernel

newest() {
	find "$cache" -mindepth 1 -maxdepth 1 -type d -name 'linux-image-*' \
		2>/dev/null | sort -V | tail -n 1
}

# The package that linux-image-cloud-amd64 depends on just now.
wanted() {
	apt-cache depends linux-image-cloud-amd64 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9].*-cloud-amd64\)$/\1/p' |
		head -n 1
}

fetch() {
	local package

	package=$(wanted)
	[ -n "$package" ] || return 1
	(cd "$work" && apt-get -o APT::Sandbox::User=root -q download \
		"$package") || return 1
	mkdir "$work/tree"
	dpkg -x "$work"/*.deb "$work/tree"
	depmod -b "$work/tree" "$(basename "$work"/tree/lib/modules/*)"
	rm -rf "${cache:?}/$package"
	mv "$work/tree" "$cache/$package"
}

found=$(newest || true)
if [ -z "$found" ]; then
	[ "${1:-}" != --offline ] || exit 1
	mkdir -p "$cache"
	exec 9>"$cache/lock"
	flock 9 # one fetches, the other finds it done
	work=$(mktemp -d "$cache/fetch.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	# Lists may be absent (a container) or name a package that is gone.
	[ -n "$(newest)" ] || fetch >&2 || { apt-get update >&2 && fetch >&2; } || {
		echo "kernel.sh: cannot fetch the guests' kernel" >&2
		exit 1
	}
	found=$(newest)
fi
echo "$found"
