#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# lib.sh: what ./run and ./check share: progress, cleaning up, finding out
# what is missing, and installing packages without starting their daemons.
#
# Sourced; or run as `.ci/lib.sh packages SECTION...` to print package names.
#
# Cleaning up: ci_on_exit adds a command; the commands run in reverse order
# however the script ends: normally, by an error, Ctrl-C or a TERM.
#
# Needs that are missing are collected, then all named at once, each with the
# command that mends it: nobody should have to start five times to learn of
# five things.

CI_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CI_STARTED=$SECONDS
CI_EXIT_STACK=()
CI_NEEDS=()

# A line of progress with the seconds since the start.
ci_say() {
	printf '[%3ds] %s\n' $((SECONDS - CI_STARTED)) "$*"
}

ci_die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

ci_on_exit() {
	CI_EXIT_STACK+=("$1")
}

ci_exit() {
	local rc=$? i

	trap '' INT TERM HUP # cleaning up is not to be interrupted halfway
	trap - EXIT
	for ((i = ${#CI_EXIT_STACK[@]} - 1; i >= 0; i--)); do
		eval "${CI_EXIT_STACK[i]}"
	done
	exit "$rc"
}

ci_trap() {
	trap ci_exit EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# ci_packages SECTION...: their package names, one a line.
ci_packages() {
	local section

	for section; do
		sed -n "/^\[$section\]/,/^\[/{/^[a-z]/p}" "$CI_ROOT/.ci/packages"
	done
}

ci_missing_packages() {
	# -x -F -v: those wanted that are not among the installed.
	ci_packages "$@" | sort -u | grep -vxFf <(dpkg-query -W \
		-f '${Package} ${db:Status-Status}\n' 2>/dev/null |
		sed -n 's/ installed$//p')
}

# ci_need WHAT COMMAND: note that WHAT is missing and COMMAND mends it.
ci_need() {
	CI_NEEDS+=("$1
      mend: $2")
}

ci_check_root() {
	[ "$(id -u)" = 0 ] ||
		ci_need "root (namespaces, taps and packet sockets need it)" \
			"sudo $0 ${CI_ARGS:-}"
}

ci_check_distribution() {
	[ "$(uname -m)" = x86_64 ] && command -v apt-get >/dev/null ||
		ci_need "Debian 12 on x86_64" "use such a machine or container"
}

ci_check_namespaces() {
	[ "$(id -u)" = 0 ] || return 0
	unshare -n true 2>/dev/null ||
		ci_need "network namespaces (unshare -n fails)" \
			"run on a host, or in a container started with --privileged"
	[ -c /dev/net/tun ] ||
		ci_need "/dev/net/tun" \
			"modprobe tun; mkdir -p /dev/net; mknod /dev/net/tun c 10 200"
}

# ci_check_disk MEGABYTES: free where we build and in /tmp.
ci_check_disk() {
	local dir free

	for dir in "$CI_ROOT" "${TMPDIR:-/tmp}"; do
		free=$(df -Pm "$dir" | awk 'NR == 2 { print $4 }')
		[ "$free" -ge "$1" ] ||
			ci_need "$1 MB free in $dir (there are $free)" \
				"free some space, or clone to a larger disk"
	done
}

# ci_check_memory MEGABYTES
ci_check_memory() {
	local free

	free=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
	[ "$free" -ge "$1" ] ||
		ci_need "$1 MB of available memory (there are $free)" \
			"stop something, or use a larger machine"
}

# Can apt's first mirror be reached?  Asked only when something is to fetch.
ci_check_mirror() {
	local site host port=80

	apt-config dump | grep '^Acquire::https\?::Proxy ' >/dev/null && return
	[ -z "${http_proxy:-}${https_proxy:-}" ] || return 0
	site=$(apt-get indextargets --format '$(SITE)' 2>/dev/null |
		grep -m 1 debian.org || true)
	case $site in
	http://* | https://*) ;;
	*) return 0 ;; # no network mirror: a CD, a directory
	esac
	[ "${site%%:*}" = https ] && port=443
	host=${site#*://}
	host=${host%%/*}
	timeout 10 bash -c ": </dev/tcp/${host%%:*}/$port" 2>/dev/null ||
		ci_need "network to $host, to fetch: $*" \
			"connect the machine, or on another one: apt-get download"
}

# ci_preflight MEGABYTES_DISK MEGABYTES_MEMORY SECTION...
ci_preflight() {
	local disk=$1 memory=$2 missing

	shift 2
	[ "$(id -u)" != 0 ] || ci_policy_restore # a killed run may have left it
	ci_check_distribution
	ci_check_root
	ci_check_namespaces
	ci_check_disk "$disk"
	ci_check_memory "$memory"
	missing=$(ci_missing_packages "$@" | tr '\n' ' ')
	[ -z "$missing" ] || ci_check_mirror "$missing"
	ci_refuse_if_needed
}

# Name all that was noted by ci_need and end, or return if there is nothing.
ci_refuse_if_needed() {
	[ ${#CI_NEEDS[@]} -gt 0 ] || return 0
	printf '%s cannot start. Missing:\n' "${0##*/}" >&2
	printf '  - %s\n' "${CI_NEEDS[@]}" >&2
	exit 1
}

# Until the exit, packages that are installed may start nothing: Open vSwitch
# would otherwise take over the machine's bridges.  A policy that was there
# before is set aside; one left by a killed run of ours is put back first.
CI_POLICY=/usr/sbin/policy-rc.d
CI_POLICY_SAVED=/usr/sbin/policy-rc.d.before-causeway

ci_policy_restore() {
	grep -qs causeway-temporary "$CI_POLICY" && rm -f "$CI_POLICY"
	[ ! -e "$CI_POLICY_SAVED" ] || mv -f "$CI_POLICY_SAVED" "$CI_POLICY"
}

ci_policy_forbid() {
	ci_policy_restore
	ci_on_exit ci_policy_restore
	[ ! -e "$CI_POLICY" ] || mv -f "$CI_POLICY" "$CI_POLICY_SAVED"
	printf '#!/bin/sh\n# causeway-temporary\nexit 101\n' >"$CI_POLICY"
	chmod 755 "$CI_POLICY"
}

# ci_install SECTION...: needs no network when nothing is missing.
ci_install() {
	local missing log

	missing=$(ci_missing_packages "$@")
	[ -n "$missing" ] || return 0
	ci_say "installing $(wc -w <<<"$missing") packages"
	log=$(mktemp)
	ci_policy_forbid
	export DEBIAN_FRONTEND=noninteractive
	apt-get update >"$log" 2>&1 </dev/null || true # one dead source is no end
	if ! apt-get install -y --no-install-recommends $missing \
		>>"$log" 2>&1 </dev/null; then
		tail -n 20 "$log" >&2
		ci_die "apt-get failed; the whole log is $log"
	fi
	rm -f "$log"
	ci_policy_restore
	ci_say "packages are installed, none of their daemons was started"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	[ "${1:-}" = packages ] || ci_die "usage: lib.sh packages SECTION..."
	shift
	ci_packages "$@"
fi
