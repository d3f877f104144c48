/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_nic.c: see fake_nic.h. */
#include "tests/lib/fake_nic.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_flow.h>
#include <rte_log.h>
#include <sys/eventfd.h>

struct fake_nic fake_nic;

/* Each function finds the one that it hides. */
#define HIDDEN(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* DPDK wants a folder to begin with, even for nothing. */
static void remove_folder(const char *dir)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/dpdk/rte", dir);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/dpdk", dir);
	rmdir(path);
	rmdir(dir);
}

int fake_nic_eal(void)
{
	char dir[] = "/tmp/causeway-nic.XXXXXX";

	static const char *const args[] = { "test", "--no-huge", "--no-shconf",
				     "--no-pci", "--no-telemetry", "-m", "128",
				     "--lcores", "0@0",
				     "--vdev", "net_ring0",
				     "--vdev", "net_ring1" };
	char *argv[RTE_DIM(args)];
	unsigned i;
	int rc;

	for (i = 0; i < RTE_DIM(args); i++)
		argv[i] = (char *)(uintptr_t)args[i];
	if (!mkdtemp(dir))
		return -1;
	setenv("RUNTIME_DIRECTORY", dir, 1);
	rte_log_set_global_level(RTE_LOG_CRIT);
	rc = rte_eal_init(RTE_DIM(args), argv);
	remove_folder(dir);
	return rc < 0 ? -1 : 0;
}

void fake_nic_reset(void)
{
	unsigned i;

	for (i = 0; i < FAKE_NIC_QUEUES; i++)
		if (fake_nic.fd[i])
			close(fake_nic.fd[i]);
	memset(&fake_nic, 0, sizeof(fake_nic));
}

void fake_nic_set_link(bool up)
{
	fake_nic.link = up;
	if (fake_nic.on_link)
		fake_nic.on_link(0, RTE_ETH_EVENT_INTR_LSC,
				 fake_nic.on_link_ctx, NULL);
}

/* ---- abilities ------------------------------------------------------------- */

int rte_eth_dev_info_get(uint16_t id, struct rte_eth_dev_info *info)
{
	int rc = HIDDEN(rte_eth_dev_info_get)(id, info);

	info->rx_offload_capa &= ~fake_nic.no_rx_offload;
	info->tx_offload_capa &= ~fake_nic.no_tx_offload;
	info->rx_offload_capa |= fake_nic.rx_offload;
	info->tx_offload_capa |= fake_nic.tx_offload;
	info->flow_type_rss_offloads |= fake_nic.rss;
	info->reta_size = fake_nic.reta_size;
	if (fake_nic.max_rx)
		info->max_rx_queues = fake_nic.max_rx;
	if (fake_nic.max_tx)
		info->max_tx_queues = fake_nic.max_tx;
	if (fake_nic.max_mtu) {
		info->max_mtu = fake_nic.max_mtu;
		info->max_rx_pktlen = fake_nic.max_mtu + 18u;
	}
	if (fake_nic.dev_flags)
		info->dev_flags = &fake_nic.dev_flags;
	return rc;
}

/* The library itself knows nothing of what we made up. */
int rte_eth_dev_configure(uint16_t id, uint16_t rx, uint16_t tx,
			  const struct rte_eth_conf *conf)
{
	struct rte_eth_conf plain = *conf;

	fake_nic.conf = *conf;
	memset(&plain.intr_conf, 0, sizeof(plain.intr_conf));
	return HIDDEN(rte_eth_dev_configure)(id, rx, tx, &plain);
}

static uint16_t prepare(void *queue, struct rte_mbuf **m, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++)
		if (fake_nic.refuses_tso &&
		    (m[i]->ol_flags & RTE_MBUF_F_TX_TCP_SEG))
			break;
	return i;
}

int rte_eth_dev_start(uint16_t id)
{
	int rc;

	fake_nic.starts++;
	if (fake_nic.fails_with_interrupts && fake_nic.conf.intr_conf.rxq)
		return -ENOTSUP;
	rc = HIDDEN(rte_eth_dev_start)(id);
	rte_eth_fp_ops[id].tx_pkt_prepare = prepare;
	return rc;
}

int rte_eth_dev_stop(uint16_t id)
{
	fake_nic.stops++;
	return HIDDEN(rte_eth_dev_stop)(id);
}

/* ---- link ------------------------------------------------------------------ */

int rte_eth_link_get_nowait(uint16_t id, struct rte_eth_link *link)
{
	int rc = HIDDEN(rte_eth_link_get_nowait)(id, link);

	if (fake_nic.has_link) {
		link->link_status = fake_nic.link;
		link->link_speed = fake_nic.speed;
		link->link_duplex = RTE_ETH_LINK_FULL_DUPLEX;
	}
	return rc;
}

int rte_eth_dev_callback_register(uint16_t id, enum rte_eth_event_type type,
				  rte_eth_dev_cb_fn fn, void *ctx)
{
	fake_nic.on_link = fn;
	fake_nic.on_link_ctx = ctx;
	return 0;
}

int rte_eth_dev_callback_unregister(uint16_t id, enum rte_eth_event_type type,
				    rte_eth_dev_cb_fn fn, void *ctx)
{
	fake_nic.on_link = NULL;
	return 0;
}

/* ---- steering -------------------------------------------------------------- */

int rte_flow_validate(uint16_t id, const struct rte_flow_attr *attr,
		      const struct rte_flow_item pattern[],
		      const struct rte_flow_action actions[],
		      struct rte_flow_error *error)
{
	return fake_nic.steers ? 0 : -ENOSYS;
}

struct rte_flow *rte_flow_create(uint16_t id, const struct rte_flow_attr *attr,
				 const struct rte_flow_item pattern[],
				 const struct rte_flow_action actions[],
				 struct rte_flow_error *error)
{
	const struct rte_flow_item_eth *eth = pattern[0].spec;
	const struct rte_flow_action_queue *queue = actions[0].conf;
	unsigned i = fake_nic.flows;

	if (i == FAKE_NIC_FLOWS ||
	    (fake_nic.steers_at_most && i >= fake_nic.steers_at_most))
		return NULL;
	fake_nic.flow_type[i] = rte_be_to_cpu_16(eth->type);
	fake_nic.flow_queue[i] = queue->index;
	fake_nic.flows++;
	return (struct rte_flow *)&fake_nic.flow_type[i];
}

int rte_flow_destroy(uint16_t id, struct rte_flow *flow,
		     struct rte_flow_error *error)
{
	fake_nic.flows--;
	return 0;
}

int rte_eth_dev_rss_reta_update(uint16_t id,
				struct rte_eth_rss_reta_entry64 *reta,
				uint16_t size)
{
	uint16_t i;

	for (i = 0; i < size; i++)
		fake_nic.reta[i] = reta[i / 64].mask & 1ull << i % 64
					   ? reta[i / 64].reta[i % 64]
					   : UINT16_MAX;
	return 0;
}

/* ---- receive interrupts ------------------------------------------------------ */

int rte_eth_dev_rx_intr_ctl_q_get_fd(uint16_t id, uint16_t q)
{
	if (!fake_nic.rx_interrupts)
		return -1;
	if (!fake_nic.fd[q])
		fake_nic.fd[q] = eventfd(0, 0);
	return fake_nic.fd[q];
}

int rte_eth_dev_rx_intr_enable(uint16_t id, uint16_t q)
{
	fake_nic.enabled[q] = true;
	return fake_nic.rx_interrupts ? 0 : -ENOTSUP;
}

int rte_eth_dev_rx_intr_disable(uint16_t id, uint16_t q)
{
	fake_nic.enabled[q] = false;
	return 0;
}
