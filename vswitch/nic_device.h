/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nic_device.h: one ethdev, from "probed" to "running" and back.
 *
 * Asks the driver what it can do, takes of it what helps, and does without
 * the rest.  Part of nic_port.c's work; control thread only.
 */
#ifndef CAUSEWAY_NIC_DEVICE_H
#define CAUSEWAY_NIC_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_mempool.h>

#include "vswitch/nic_port.h"

#define NIC_CONTROL_PROTOCOLS 2 /* slow protocols and LLDP */

struct nic_device {
	uint16_t id;	     /* DPDK's port number */
	uint16_t rx_queues;  /* that workers poll */
	uint16_t tx_queues;  /* that workers share out */
	uint16_t control_tx; /* the control thread's: may be one of those */
	int control_rx;	     /* receive queue of link protocols, or -1 */
	bool rx_interrupts, link_interrupts, tags_fit;
	bool ip_sum;	     /* segments' IPv4 checksums are asked for */
	uint32_t offload;    /* enum port_offload */
	uint16_t tx_segs;    /* mbufs that one frame may have */
	struct rte_mempool *rx_pool, *tx_pool;
	struct rte_flow *flow[NIC_CONTROL_PROTOCOLS];
};

/* "pci:0000:03:00.0" to DPDK's name of it. */
const char *nic_device_name(const char *device);

/* Errors are those of nic_port_new(). */
int nic_device_find(const struct nic_port_conf *conf, uint16_t *id, char *why,
		    size_t size);
int nic_device_start(struct nic_device *d, const struct nic_port_conf *conf,
		     char *why, size_t size);
/* Also for a device that was never started, if zeroed but for `id`. */
void nic_device_stop(struct nic_device *d);

#endif
