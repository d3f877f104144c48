/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_nic.h: make a virtual device look like a NIC.
 *
 * DPDK's net_ring gives back on receive queue i the very mbufs that were sent
 * on transmit queue i, which shows what a driver would have been asked to do.
 * What such a device lacks, the functions of fake_nic.c add: they stand before
 * those of librte_ethdev of the same name, and call them for the rest.
 */
#ifndef CAUSEWAY_FAKE_NIC_H
#define CAUSEWAY_FAKE_NIC_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>

#define FAKE_NIC_QUEUES 16
#define FAKE_NIC_FLOWS 4

/* Zeroed: a plain net_ring.  Fields are added to what the driver says. */
struct fake_nic {
	uint64_t rx_offload, tx_offload, rss;
	uint64_t no_rx_offload, no_tx_offload; /* the driver's, denied */
	uint16_t max_rx, max_tx; /* 0: as the driver says */
	uint16_t max_mtu;	 /* 0: no limit, overhead 18 */
	uint16_t reta_size;
	uint32_t dev_flags;
	bool has_link, link;	 /* else as the driver says */
	uint32_t speed;
	/* what it can be made to do */
	bool steers;		 /* rte_flow by ethertype */
	unsigned steers_at_most; /* rules; 0: no limit */
	bool rx_interrupts;
	bool fails_with_interrupts; /* when it starts */
	bool refuses_tso;	    /* tx_prepare() */
	/* what was asked of it */
	unsigned starts, stops, flows;
	uint16_t flow_type[FAKE_NIC_FLOWS];
	uint16_t flow_queue[FAKE_NIC_FLOWS];
	uint16_t reta[RTE_ETH_RSS_RETA_SIZE_512];
	struct rte_eth_conf conf; /* of the last configuration */
	int fd[FAKE_NIC_QUEUES];  /* eventfds of receive queues */
	bool enabled[FAKE_NIC_QUEUES];
	rte_eth_dev_cb_fn on_link;
	void *on_link_ctx;
};

extern struct fake_nic fake_nic;

/* DPDK without hugepages, rights or files, with devices net_ring0 and 1. */
int fake_nic_eal(void);
/* A plain one again. */
void fake_nic_reset(void);
/* As a driver's interrupt thread would. */
void fake_nic_set_link(bool up);

#endif
