/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchd_eal.h: DPDK's environment: worker threads, memory, and the devices
 * that ports of type nic may have.
 *
 * A device is given as DPDK's options -a and --vdev want it: "pci:" and an
 * address, or the name of a virtual device, then, behind commas, arguments of
 * its driver.  Ports name it without the arguments.
 */
#ifndef CAUSEWAY_SWITCHD_EAL_H
#define CAUSEWAY_SWITCHD_EAL_H

#include <seccomp.h>

#define EAL_DEVICES_MAX 32 /* RTE_MAX_ETHPORTS */

struct eal_devices {
	unsigned count;
	const char *spec[EAL_DEVICES_MAX];
};

/* 0, or -EINVAL (no device, or one twice) or -E2BIG. */
int eal_device_add(struct eal_devices *devices, const char *spec);

/*
 * Before rights are dropped: memory that a NIC writes to must not move, and
 * the kernel counts it as locked.
 */
void eal_allow_dma(const struct eal_devices *devices);

/*
 * Threads on `cores` (worker i is lcore i + 1, the caller floats over all
 * cores), memory, and every device that can be had; others are named in the
 * log, with the remedy.  0 or -errno.
 */
int eal_start(const unsigned cores[], unsigned count,
	      const struct eal_devices *devices);

/* System calls that devices' drivers make later, for the filter: 0 or
 * -errno.  None without devices. */
int eal_allow_calls(scmp_filter_ctx ctx, const struct eal_devices *devices);

#endif
