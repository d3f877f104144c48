/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchd_eal.c: DPDK starts after our rights are gone.
 *
 * VFIO needs none of them: a NIC that is bound to vfio-pci is a file,
 * /dev/vfio/GROUP, for whoever may open it, behind an IOMMU that confines it
 * to our memory.  So the file is given to the switch's user, once, by whoever
 * binds the NIC (causeway-switchd(8)), and nothing here is root's.
 *
 * All devices are probed now: the seccomp filter, which comes when the last
 * thread exists, has no room for what probing does.  Starting and stopping
 * them must be possible under it: a port may come at any time.  What virtual
 * devices need for that has been seen, what NICs' drivers need has been read.
 *
 * Of drivers DPDK loads whatever is installed in its folder; it has no option
 * to load fewer.
 */
#include "vswitch/switchd_eal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <sys/resource.h>

#include "base/log.h"
#include "vswitch/bridge.h"
#include "vswitch/nic_device.h"
#include "vswitch/preflight.h"

#define MEMORY_MB 32
#define DEVICE_MB 64 /* buffers of 8 queues each way */
#define PAGE_MB 2
#define ARGS_MAX (16 + 2 * EAL_DEVICES_MAX)

static bool is_pci(const char *spec)
{
	return !strncmp(spec, "pci:", 4);
}

static size_t name_len(const char *spec)
{
	return strcspn(spec, ",");
}

/* "0000:03:00.0": the domain is not to be left out, so that names compare. */
static bool is_pci_address(const char *text, size_t len)
{
	unsigned domain, bus, dev, fn;
	char address[16];

	if (len != 12)
		return false;
	snprintf(address, sizeof(address), "%.*s", (int)len, text);
	return sscanf(address, "%4x:%2x:%2x.%1u", &domain, &bus, &dev, &fn) ==
		       4 &&
	       dev < 32 && fn < 8;
}

int eal_device_add(struct eal_devices *devices, const char *spec)
{
	size_t len = name_len(spec);
	unsigned i;

	if (is_pci(spec) ? !is_pci_address(spec + 4, len - 4)
			 : strncmp(spec, "net_", 4) || len > 63)
		return -EINVAL;
	if (devices->count == EAL_DEVICES_MAX)
		return -E2BIG;
	for (i = 0; i < devices->count; i++)
		if (name_len(devices->spec[i]) == len &&
		    !strncmp(devices->spec[i], spec, len))
			return -EINVAL;
	devices->spec[devices->count++] = spec;
	return 0;
}

static bool any_pci(const struct eal_devices *devices)
{
	unsigned i;

	for (i = 0; i < devices->count; i++)
		if (is_pci(devices->spec[i]))
			return true;
	return false;
}

void eal_allow_dma(const struct eal_devices *devices)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	if (any_pci(devices) && setrlimit(RLIMIT_MEMLOCK, &all) < 0)
		log_warn("memory for NICs may be too little: %s; start as "
			 "root, or with LimitMEMLOCK=infinity",
			 strerror(errno));
}

/* The group whose file /dev/vfio/GROUP is, or "". */
static void find_group(const char *address, char *group, size_t size)
{
	char path[128], target[256];
	const char *slash;
	ssize_t n;

	group[0] = '\0';
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.12s/iommu_group",
		 address);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return;
	target[n] = '\0';
	slash = strrchr(target, '/');
	if (slash && strlen(slash) <= size)
		memcpy(group, slash + 1, strlen(slash));
}

static void explain_pci(const char *device)
{
	const char *address = device + 4;
	char group[16], path[64];

	find_group(address, group, sizeof(group));
	snprintf(path, sizeof(path), "/dev/vfio/%s", group);
	if (!group[0])
		log_err("--device %s: no such NIC, or no IOMMU: see `lspci -D`, "
			"boot with intel_iommu=on", device);
	else if (access(path, F_OK) < 0)
		log_err("--device %s: modprobe vfio-pci; dpdk-devbind.py "
			"--bind=vfio-pci %s", device, address);
	else if (access(path, R_OK | W_OK) < 0)
		log_err("--device %s: chown %u %s", device, geteuid(), path);
	else
		log_err("--device %s: its driver does not take it; "
			"is it installed (apt search librte-net)?", device);
}

/* Who is missing, and why. */
static void check_devices(const struct eal_devices *devices)
{
	unsigned i;

	for (i = 0; i < devices->count; i++) {
		const char *spec = devices->spec[i];
		char device[64];
		uint16_t id;

		snprintf(device, sizeof(device), "%.*s", (int)name_len(spec),
			 spec);
		if (!rte_eth_dev_get_port_by_name(nic_device_name(device), &id))
			continue;
		if (is_pci(device))
			explain_pci(device);
		else
			log_err("--device %s: DPDK does not make it; is its "
				"driver installed (apt search librte-net), are "
				"its arguments right?", spec);
	}
}

/* Lcores: 0 floats, those of workers stay where they are. */
static void write_lcores(const unsigned cores[], unsigned count, char *to,
			 size_t size)
{
	int at = snprintf(to, size, "0@(0-%ld)",
			  sysconf(_SC_NPROCESSORS_CONF) - 1);
	unsigned i;

	for (i = 0; i < count; i++)
		at += snprintf(to + at, size - at, ",%u@%u", i + 1, cores[i]);
}

static int add_devices(char *argv[], int argc,
		       const struct eal_devices *devices)
{
	unsigned i;

	if (!any_pci(devices))
		argv[argc++] = (char *)"--no-pci";
	for (i = 0; i < devices->count; i++) {
		const char *spec = devices->spec[i];

		argv[argc++] = (char *)(is_pci(spec) ? "-a" : "--vdev");
		argv[argc++] = (char *)(uintptr_t)nic_device_name(spec);
	}
	return argc;
}

/* In hugepages, if there are enough; a NIC takes no other. */
static bool choose_memory(const struct eal_devices *devices, unsigned mb)
{
	bool huge = preflight_free_hugepages() >= mb / PAGE_MB;

	if (!huge && any_pci(devices))
		log_err("NICs need hugepages: %u free ones of %u MiB; echo %u "
			"> /proc/sys/vm/nr_hugepages", mb / PAGE_MB, PAGE_MB,
			2 * mb / PAGE_MB);
	return huge;
}

int eal_start(const unsigned cores[], unsigned count,
	      const struct eal_devices *devices)
{
	unsigned mb = MEMORY_MB + DEVICE_MB * devices->count;
	char lcores[16 * (WORKERS_MAX + 1) + 32], memory[16];
	bool huge = choose_memory(devices, mb);
	char *argv[ARGS_MAX];
	int argc = 0;

	if (!huge && any_pci(devices))
		return -ENOMEM;
	write_lcores(cores, count, lcores, sizeof(lcores));
	snprintf(memory, sizeof(memory), "%u", mb);
	argv[argc++] = (char *)"causeway-switchd";
	argv[argc++] = (char *)"--lcores";
	argv[argc++] = lcores;
	argc = add_devices(argv, argc, devices);
	argv[argc++] = (char *)"--no-telemetry";
	argv[argc++] = (char *)(huge ? "--in-memory" : "--no-huge");
	if (!huge)
		argv[argc++] = (char *)"--no-shconf";
	argv[argc++] = (char *)"-m";
	argv[argc++] = memory;
	rte_log_set_global_level(RTE_LOG_ERR);
	if (rte_eal_init(argc, argv) < 0)
		return -rte_errno;
	/* what drivers cannot do is no error: nic_device.c tries */
	rte_log_set_level_pattern("lib.ethdev", RTE_LOG_CRIT);
	check_devices(devices);
	return 0;
}

int eal_allow_calls(scmp_filter_ctx ctx, const struct eal_devices *devices)
{
	static const int calls[] = {
		/* DPDK's interrupt thread: another set of descriptors */
		SCMP_SYS(epoll_create), SCMP_SYS(epoll_create1),
		SCMP_SYS(timerfd_create), SCMP_SYS(accept),
		/* memory of a peer (memif), and more of our own */
		SCMP_SYS(memfd_create), SCMP_SYS(ftruncate),
		SCMP_SYS(fallocate), SCMP_SYS(set_mempolicy),
		/* a huge page that is not there is a SIGBUS while mapping */
		SCMP_SYS(rt_sigaction),
		/* threads that wait for a link (ixgbe); they inherit the filter */
		SCMP_SYS(clone), SCMP_SYS(clone3),
		SCMP_SYS(sched_setaffinity), SCMP_SYS(sched_getaffinity),
	};
	unsigned i;
	int rc = 0;

	for (i = 0; devices->count && i < sizeof(calls) / sizeof(calls[0]) &&
		    !rc; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
	return rc;
}
