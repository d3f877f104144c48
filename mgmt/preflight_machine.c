/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * preflight_machine.c: processors, memory, KVM, NICs.
 */
#include "mgmt/preflight.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>

#include "hypervisor/kvm_probe.h"

#define SWITCH_MIB 256	 /* what the switch itself wants */
#define HUGEPAGES_MIN 32 /* of 2 MiB: the switch's tables */
#define FILES_MIN 65536
#define NICS_SHOWN 8

/* --- processors and memory ------------------------------------------------ */

static void check_cores(struct preflight *p)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

	if (n > 1)
		finding(p, FINDING_OK, "cores", "",
			"%d processors; the switch works on the last one "
			"unless \"cores\" says otherwise.", n);
	else
		finding(p, FINDING_WITHOUT, "cores",
			"use a machine, or a taskset, of two or more",
			"One processor: the switch shares it with all else.");
}

static long meminfo_mib(const char *key)
{
	char text[4096];
	const char *at;

	preflight_read("/proc/meminfo", text, sizeof(text));
	at = strstr(text, key);
	return at ? strtol(at + strlen(key), NULL, 10) / 1024 : 0;
}

/* What the site's domains want that are to run. */
static long domains_mib(const struct site *site)
{
	json_t *list, *d;
	long sum = 0;
	size_t i;

	list = site ? json_object_get(site->hypervisor_state, "domains") :
		      NULL;
	json_array_foreach(list, i, d) {
		const char *power = cw_text(d, "power");

		if (strcmp(power, "halted") && strcmp(power, "suspended"))
			sum += cw_number(d, "memory_mib");
	}
	return sum;
}

/* Once they run they have it. */
static bool domains_run(struct preflight *p)
{
	struct launch_facts f;

	launch_look(&p->cw->launch, SITE_HYPERVISORD, &f);
	return f.state != LAUNCH_STOPPED;
}

static void check_memory(struct preflight *p)
{
	long have = meminfo_mib("MemAvailable:");
	long domains = domains_run(p) ? 0 : domains_mib(p->site);

	if (have < SWITCH_MIB)
		finding(p, FINDING_MISSING, "memory",
			"stop something, or add memory",
			"%ld MiB of memory are available; the switch alone "
			"wants %d.", have, SWITCH_MIB);
	else if (have < domains + SWITCH_MIB)
		finding(p, FINDING_MISSING, "memory",
			"give the domains less memory_mib, or add memory",
			"%ld MiB of memory are available; the site's domains "
			"want %ld, and the switch %d.", have, domains,
			SWITCH_MIB);
	else
		finding(p, FINDING_OK, "memory", "",
			"%ld MiB of memory are available.", have);
}

static void check_hugepages(struct preflight *p)
{
	char text[32];
	long n;

	preflight_read("/sys/kernel/mm/hugepages/hugepages-2048kB/"
		       "free_hugepages", text, sizeof(text));
	n = strtol(text, NULL, 10);
	if (n >= HUGEPAGES_MIN)
		finding(p, FINDING_OK, "hugepages", "",
			"%ld huge pages of 2 MiB are free.", n);
	else
		finding(p, FINDING_WITHOUT, "hugepages",
			"echo 64 > /proc/sys/vm/nr_hugepages",
			"%ld huge pages of 2 MiB are free; they are not "
			"needed, and make the switch a little faster.", n);
}

static void check_files(struct preflight *p)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) || rl.rlim_max >= FILES_MIN ||
	    !geteuid()) /* root raises it by himself */
		return;
	finding(p, FINDING_WITHOUT, "files", "ulimit -Hn 65536",
		"Only %llu files may be open at once here; four a port are "
		"needed.", (unsigned long long)rl.rlim_max);
}

/* --- KVM ------------------------------------------------------------------ */

/* What would bring /dev/kvm, as far as the processor says. */
static const char *kvm_fix(void)
{
	static char text[8192];

	preflight_read("/proc/cpuinfo", text, sizeof(text));
	if (strstr(text, " svm "))
		return "modprobe kvm-amd";
	if (strstr(text, " vmx "))
		return "modprobe kvm-intel";
	return "switch virtualisation on in the firmware; in a virtual "
	       "machine, nested virtualisation in what runs it";
}

static void check_kvm(struct preflight *p)
{
	char keep[PATH_MAX];
	const struct kvm_probe_conf conf = { .keep = keep, .again = true };
	struct kvm_probe k;

	snprintf(keep, sizeof(keep), "%.4000s/kvm", p->cw->paths.run);
	kvm_probe(&conf, &k);
	switch (k.verdict) {
	case KVM_ABSENT:
		finding(p, FINDING_WITHOUT, "kvm", kvm_fix(),
			"There is no KVM (%s): guests are emulated, some ten "
			"times slower.", k.reason);
		break;
	case KVM_DENIED:
		finding(p, FINDING_WITHOUT, "kvm",
			"ask as root; hypervisord is",
			"KVM is there, and you may not open it (%s).",
			k.reason);
		break;
	case KVM_UNUSABLE:
		finding(p, FINDING_WITHOUT, "kvm",
			"nothing here mends that: use a host of its own, or "
			"one whose hypervisor nests in hardware",
			"KVM opens, and does not run a kernel: %s.  Guests "
			"are emulated.", k.reason);
		break;
	case KVM_SLOW:
		finding(p, FINDING_WITHOUT, "kvm",
			"nothing here mends that: use a host of its own",
			"KVM works, slower than on hardware: %s.", k.reason);
		break;
	case KVM_USABLE:
		finding(p, FINDING_OK, "kvm", "", "KVM works: %s.", k.reason);
		break;
	}
}

/* --- NICs ----------------------------------------------------------------- */

struct nics {
	unsigned count;
	char text[512];
	size_t len;
};

static bool has_default_route(const char *nic)
{
	char text[8192], *line, *rest = text;
	char name[32], to[16];

	preflight_read("/proc/net/route", text, sizeof(text));
	while ((line = strsep(&rest, "\n")))
		if (sscanf(line, "%31s %15s", name, to) == 2 &&
		    !strcmp(name, nic) && !strcmp(to, "00000000"))
			return true;
	return false;
}

static void add_nic(struct nics *n, const char *name)
{
	char path[PATH_MAX], carrier[8], driver[PATH_MAX];
	const char *word = "virtual";
	ssize_t len;

	snprintf(path, sizeof(path), "/sys/class/net/%s/carrier", name);
	preflight_read(path, carrier, sizeof(carrier));
	snprintf(path, sizeof(path), "/sys/class/net/%s/device/driver", name);
	len = readlink(path, driver, sizeof(driver) - 1);
	if (len > 0) {
		driver[len] = '\0';
		word = strrchr(driver, '/') ? strrchr(driver, '/') + 1 : driver;
	}
	if (n->count++ < NICS_SHOWN)
		n->len += snprintf(n->text + n->len,
				   sizeof(n->text) - n->len,
				   "%s%s (%.32s, %s%s)",
				   n->count > 1 ? ", " : "", name, word,
				   *carrier == '1' ? "carrier" : "no carrier",
				   has_default_route(name) ?
					   ", the default route" : "");
	if (n->len >= sizeof(n->text))
		n->len = sizeof(n->text) - 1;
}

static void check_nics(struct preflight *p)
{
	DIR *dir = opendir("/sys/class/net");
	struct nics n = { .count = 0 };
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.' && strcmp(e->d_name, "lo") != 0 &&
		    strcmp(e->d_name, "bonding_masters") != 0 &&
		    strlen(e->d_name) < 16)
			add_nic(&n, e->d_name);
	if (dir)
		closedir(dir);
	if (n.count)
		finding(p, FINDING_OK, "nics", "",
			"%u network interface%s that could be uplinks: %s%s.",
			n.count, n.count == 1 ? "" : "s", n.text,
			n.count > NICS_SHOWN ? ", ..." : "");
	else
		finding(p, FINDING_WITHOUT, "nics",
			"add a NIC; for a try: ip link add up0 type veth peer "
			"name out0",
			"There is no network interface: guests reach each "
			"other, and nobody else.");
}

static void check_iommu(struct preflight *p)
{
	DIR *dir = opendir("/sys/kernel/iommu_groups");
	bool any = false;
	struct dirent *e;

	while (dir && !any && (e = readdir(dir)))
		any = e->d_name[0] != '.';
	if (dir)
		closedir(dir);
	if (any)
		finding(p, FINDING_OK, "iommu", "",
			"There is an IOMMU: NICs can be driven by DPDK (type "
			"nic).");
	else
		finding(p, FINDING_WITHOUT, "iommu",
			"intel_iommu=on (or amd_iommu=on) on the kernel's "
			"command line, and VT-d in the firmware",
			"There is no IOMMU: NICs are uplinks by packet "
			"sockets, not by DPDK.");
}

void preflight_machine(struct preflight *p)
{
	check_cores(p);
	check_memory(p);
	check_hugepages(p);
	check_files(p);
	check_kvm(p);
	check_nics(p);
	check_iommu(p);
}
