/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * preflight_kernel.c: what the kernel must offer.  System calls are tried
 * with arguments that change nothing.
 */
#include "mgmt/preflight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#define CGROUP2_MAGIC 0x63677270

/* --- system calls --------------------------------------------------------- */

static bool has_memfd(void)
{
	int fd = memfd_create("preflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	bool ok = fd >= 0 && !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK);

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool has_openat2(void)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_PATH,
				.resolve = RESOLVE_BENEATH };
	int fd = syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof(how));

	if (fd >= 0)
		close(fd);
	return fd >= 0 || errno != ENOSYS;
}

/* Too small a structure: refused for that by a kernel that has the call. */
static bool has_clone3(void)
{
	return syscall(SYS_clone3, NULL, 0) < 0 && errno != ENOSYS;
}

static bool has_pidfd(void)
{
	int fd = pidfd_open(getpid(), 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool has_close_range(void)
{
	return !close_range(~0u, ~0u, 0);
}

static bool has_seccomp(void)
{
	char text[256];

	preflight_read("/proc/sys/kernel/seccomp/actions_avail", text,
		       sizeof(text));
	return strstr(text, "kill_process") && strstr(text, "errno");
}

static void check_calls(struct preflight *p)
{
	static const struct {
		const char *what;
		bool (*has)(void);
		const char *needs;
	} calls[] = {
		{ "memfd_create with seals", has_memfd, "Linux 3.17" },
		{ "openat2", has_openat2, "Linux 5.6" },
		{ "clone3", has_clone3, "Linux 5.3" },
		{ "pidfd_open", has_pidfd, "Linux 5.3" },
		{ "close_range", has_close_range, "Linux 5.9" },
		{ "seccomp filters", has_seccomp,
		  "a kernel with CONFIG_SECCOMP_FILTER" },
	};
	char lacks[256] = "", needs[128] = "", fix[192];
	struct utsname u;
	size_t i, n = 0;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (calls[i].has())
			continue;
		n += snprintf(lacks + n, sizeof(lacks) - n, "%s%s",
			      n ? ", " : "", calls[i].what);
		snprintf(needs, sizeof(needs), "%s", calls[i].needs);
	}
	uname(&u);
	snprintf(fix, sizeof(fix), "run %s or later", needs);
	if (n)
		finding(p, FINDING_MISSING, "kernel", fix,
			"The kernel, %s, does not have %s.", u.release, lacks);
	else
		finding(p, FINDING_OK, "kernel", "",
			"The kernel, %s, has all system calls that we need.",
			u.release);
}

/* --- the network's side --------------------------------------------------- */

static void check_tun(struct preflight *p)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	bool there = fd >= 0 || errno == EACCES || errno == EPERM;

	if (fd >= 0)
		close(fd);
	if (there)
		finding(p, FINDING_OK, "tun", "",
			"Taps can be made, so the host can have ports of the "
			"switch.");
	else
		finding(p, FINDING_MISSING, "tun",
			"modprobe tun; mkdir -p /dev/net; "
			"mknod /dev/net/tun c 10 200",
			"There is no /dev/net/tun: the host can have no port "
			"of the switch.");
}

/* 1: there, 0: not there, -1: not for us to see */
static int try_socket(int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	if (fd >= 0) {
		close(fd);
		return 1;
	}
	return errno == EPERM || errno == EACCES ? -1 : 0;
}

static void check_packet(struct preflight *p)
{
	int there = try_socket(AF_PACKET, SOCK_RAW, 0);

	if (!there)
		finding(p, FINDING_MISSING, "packet", "modprobe af_packet",
			"The kernel has no packet sockets: NICs can be "
			"uplinks through DPDK only.");
	else
		finding(p, FINDING_OK, "packet", "",
			there > 0 ?
				"Packet sockets can be opened, so any NIC can "
				"be an uplink." :
				"Packet sockets exist; only root may open "
				"one, so ask as root to be sure.");
}

static void check_nftables(struct preflight *p)
{
	if (try_socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER))
		finding(p, FINDING_OK, "nftables", "",
			"The kernel takes nftables rules.");
	else
		finding(p, FINDING_WITHOUT, "nftables", "modprobe nf_tables",
			"The kernel takes no nftables rules: traffic between "
			"hosts cannot be kept from leaving in clear.");
}

static void check_tcp(struct preflight *p)
{
	char text[128];

	preflight_read("/proc/sys/net/ipv4/tcp_available_congestion_control",
		       text, sizeof(text));
	if (strstr(text, "bbr"))
		finding(p, FINDING_OK, "tcp", "",
			"TCP can use BBR, which fills long lines best.");
	else if (*text)
		finding(p, FINDING_WITHOUT, "tcp", "modprobe tcp_bbr",
			"TCP has %s, and not BBR, which moves guests faster "
			"over long lines.", text);
	else
		finding(p, FINDING_MISSING, "tcp",
			"run a kernel with CONFIG_INET",
			"The kernel has no TCP.");
}

/* --- cgroups -------------------------------------------------------------- */

/* Those of the three that the text, or the folder, does not have. */
static void lacking_v1(char *lacks, size_t room)
{
	static const char *const wanted[] = { "memory", "cpu", "pids" };
	char path[64];
	size_t n = 0;

	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/tasks",
			 wanted[i]);
		if (access(path, F_OK))
			n += snprintf(lacks + n, room - n, "%s%s",
				      n ? " " : "", wanted[i]);
	}
}

static void lacking_v2(char *lacks, size_t room)
{
	static const char *const wanted[] = { "memory", "cpu", "pids" };
	char text[256], word[16], has[260];
	size_t n = 0;

	preflight_read("/sys/fs/cgroup/cgroup.controllers", text,
		       sizeof(text));
	snprintf(has, sizeof(has), " %s ", text);
	for (int i = 0; i < 3; i++) {
		snprintf(word, sizeof(word), " %s ", wanted[i]);
		if (!strstr(has, word))
			n += snprintf(lacks + n, room - n, "%s%s",
				      n ? " " : "", wanted[i]);
	}
}

static void check_cgroups(struct preflight *p)
{
	char lacks[64] = "", fix[256];
	struct statfs fs;
	bool v2;

	if (statfs("/sys/fs/cgroup", &fs)) {
		finding(p, FINDING_MISSING, "cgroups",
			"mount -t cgroup2 none /sys/fs/cgroup",
			"No cgroups are mounted: a domain could take all "
			"memory and all processors.");
		return;
	}
	v2 = fs.f_type == CGROUP2_MAGIC;
	if (v2)
		lacking_v2(lacks, sizeof(lacks));
	else
		lacking_v1(lacks, sizeof(lacks));
	if (!*lacks) {
		finding(p, FINDING_OK, "cgroups", "",
			"Cgroups (version %d) can bound memory, processors "
			"and processes of each domain.", v2 ? 2 : 1);
		return;
	}
	snprintf(fix, sizeof(fix),
		 v2 ? "boot a kernel with the controllers %s, without "
		      "cgroup_disable on its command line" :
		      "for c in %s; do mkdir -p /sys/fs/cgroup/$c; mount -t "
		      "cgroup -o $c none /sys/fs/cgroup/$c; done", lacks);
	finding(p, FINDING_MISSING, "cgroups", fix,
		"Cgroups (version %d) lack %s: domains cannot be bounded.",
		v2 ? 2 : 1, lacks);
}

void preflight_kernel(struct preflight *p)
{
	check_calls(p);
	check_cgroups(p);
	check_tun(p);
	check_packet(p);
	check_nftables(p);
	check_tcp(p);
}
