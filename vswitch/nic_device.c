/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nic_device.c: take what the driver offers.
 *
 * A device is started up to three times: with a receive queue for link
 * protocols and with receive interrupts, then without the one or the other,
 * because a driver's abilities are not all to be asked for: some say what they
 * cannot do only when they are told to.
 *
 * Link protocols' own queue needs a NIC that steers by ethertype (rte_flow)
 * and a queue that RSS leaves alone: the last one, kept out of the indirection
 * table.  Frames that wait there are not lost when the others overflow.  What
 * is sent has a queue of its own then, too.
 *
 * Buffers.  Received frames lie in mbufs of 2 KB; where the NIC cannot spread
 * a long frame over several (SCATTER), in mbufs that hold the longest.  To
 * send, the same with MULTI_SEGS, which TSO needs.  Without both a driver may
 * use its simple transmit function, so MULTI_SEGS is asked for only then.
 *
 * virtio finishes the IPv4 checksum of what it segments without being asked, and
 * does not offer to: the header keeps the sum that it came with then.
 *
 * Segmentation with CWR (gso_ecn) and that of UDP are not in DPDK's words, so
 * software does them.
 */
#include "vswitch/nic_device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "vswitch/nic_mbuf.h"

#define TAGS_BYTES (2 * RTE_VLAN_HLEN)
#define DESCRIPTORS 1024
#define DESCRIPTORS_LONG 512 /* of frames that need mbufs of their length */
#define CACHE 64
#define CHECKSUMS_TX                                                  \
	(RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM)
#define TSO_TX (RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS)
#define RETA_GROUPS (RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE)

/* What one start is made from. */
struct attempt {
	struct nic_device *d;
	const struct nic_port_conf *conf;
	struct rte_eth_dev_info info;
	struct rte_eth_conf eth;
	uint16_t rx_desc, tx_desc;
	uint16_t rx_queues, tx_queues; /* all of the device's */
	const char *step;	       /* what failed */
};

const char *nic_device_name(const char *device)
{
	return strncmp(device, "pci:", 4) ? device : device + 4;
}

/* ---- choices ------------------------------------------------------------------ */

/* What the driver adds to an MTU when it thinks of a frame's length. */
static uint32_t frame_overhead(const struct rte_eth_dev_info *info)
{
	if (info->max_mtu != UINT16_MAX && info->max_rx_pktlen > info->max_mtu)
		return info->max_rx_pktlen - info->max_mtu;
	return RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
}

static uint32_t frame_max(const struct nic_port_conf *conf)
{
	return conf->mtu + RTE_ETHER_HDR_LEN + TAGS_BYTES;
}

/* An MTU that lets two tags through, if the device goes that far. */
static void choose_mtu(struct attempt *a)
{
	uint32_t overhead = frame_overhead(&a->info);
	uint32_t need = frame_max(a->conf) + RTE_ETHER_CRC_LEN;
	uint32_t mtu = a->conf->mtu, max = a->info.max_mtu;

	if (max > a->info.max_rx_pktlen - overhead)
		max = a->info.max_rx_pktlen - overhead;
	if (mtu + overhead < need)
		mtu = need - overhead;
	if (mtu < a->info.min_mtu)
		mtu = a->info.min_mtu;
	a->d->tags_fit = mtu <= max;
	a->eth.rxmode.mtu = mtu <= max ? mtu : max;
}

static void choose_rx(struct attempt *a)
{
	uint64_t can = a->info.rx_offload_capa;

	a->eth.rxmode.offloads = can & RTE_ETH_RX_OFFLOAD_CHECKSUM;
	if (frame_max(a->conf) > RTE_MBUF_DEFAULT_DATAROOM)
		a->eth.rxmode.offloads |= can & RTE_ETH_RX_OFFLOAD_SCATTER;
	if (a->d->rx_queues < 2)
		return;
	a->eth.rx_adv_conf.rss_conf.rss_hf =
		a->info.flow_type_rss_offloads &
		(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
	if (a->eth.rx_adv_conf.rss_conf.rss_hf)
		a->eth.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
}

static bool can_tso(const struct attempt *a)
{
	uint16_t segs = a->info.tx_desc_lim.nb_seg_max;

	return (a->info.tx_offload_capa & TSO_TX) == TSO_TX &&
	       (a->d->offload & PORT_TX_CSUM) &&
	       (!segs || segs >= NIC_TX_SEGS_MAX);
}

static void choose_tx(struct attempt *a)
{
	uint64_t can = a->info.tx_offload_capa, *use = &a->eth.txmode.offloads;
	struct nic_device *d = a->d;

	d->offload = 0;
	d->tx_segs = 1;
	if ((can & CHECKSUMS_TX) == CHECKSUMS_TX) {
		d->offload |= a->conf->offload & PORT_TX_CSUM;
		*use |= CHECKSUMS_TX;
	}
	if (can_tso(a))
		d->offload |= a->conf->offload & (PORT_TX_TSO4 | PORT_TX_TSO6);
	d->ip_sum = can & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
	if (d->offload & (PORT_TX_TSO4 | PORT_TX_TSO6))
		*use |= TSO_TX | (can & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM);
	else if (frame_max(a->conf) > RTE_MBUF_DEFAULT_DATAROOM)
		*use |= can & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (*use & RTE_ETH_TX_OFFLOAD_MULTI_SEGS)
		d->tx_segs = NIC_TX_SEGS_MAX;
	else
		*use |= can & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
}

static uint16_t least(uint16_t a, uint16_t b, uint16_t c)
{
	uint16_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/*
 * `control`: one more each way for link protocols.  Only then: a virtual
 * device wants as many queues to send as its peer has to receive.
 */
static void choose_queues(struct attempt *a, bool control)
{
	struct nic_device *d = a->d;
	uint16_t want = a->conf->queues;

	d->rx_queues = least(want, want, a->info.max_rx_queues - control);
	d->tx_queues = least(want, a->conf->workers,
			     a->info.max_tx_queues - control);
	d->control_rx = control ? d->rx_queues : -1;
	d->control_tx = control ? d->tx_queues : 0;
	a->rx_queues = d->rx_queues + control;
	a->tx_queues = d->tx_queues + control;
}

/* ---- buffers ------------------------------------------------------------------ */

/* Bytes that one mbuf must hold. */
static uint16_t buffer_bytes(const struct attempt *a, bool chained)
{
	uint32_t need = RTE_MBUF_DEFAULT_DATAROOM;

	if (!chained && frame_max(a->conf) + RTE_ETHER_CRC_LEN > need)
		need = frame_max(a->conf) + RTE_ETHER_CRC_LEN;
	if (a->info.min_rx_bufsize != UINT32_MAX &&
	    a->info.min_rx_bufsize > need)
		need = a->info.min_rx_bufsize;
	return RTE_ALIGN_CEIL(need, 64) + RTE_PKTMBUF_HEADROOM;
}

static struct rte_mempool *make_pool(const struct attempt *a, const char *what,
				     unsigned count, uint16_t bytes)
{
	static unsigned serial; /* names are not used again: see drop_pool() */
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "nic_%s_%u", what, serial++);
	return rte_pktmbuf_pool_create(name, count, CACHE, 0, bytes,
				       rte_eth_dev_socket_id(a->d->id));
}

static int make_pools(struct attempt *a)
{
	bool scatter = a->eth.rxmode.offloads & RTE_ETH_RX_OFFLOAD_SCATTER;
	bool chain = a->eth.txmode.offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	uint16_t rx_bytes = buffer_bytes(a, scatter);
	uint16_t tx_bytes = buffer_bytes(a, chain);
	unsigned caches = rte_lcore_count() * CACHE * 2;

	a->rx_desc = a->tx_desc = DESCRIPTORS;
	if (rx_bytes > 2 * RTE_MBUF_DEFAULT_DATAROOM)
		a->rx_desc = DESCRIPTORS_LONG;
	if (tx_bytes > 2 * RTE_MBUF_DEFAULT_DATAROOM)
		a->tx_desc = DESCRIPTORS_LONG;
	if (rte_eth_dev_adjust_nb_rx_tx_desc(a->d->id, &a->rx_desc,
					     &a->tx_desc) < 0)
		return -EINVAL;
	/* those in the ring, those a burst holds, those that wait for it */
	a->d->rx_pool = make_pool(a, "rx",
				  a->rx_queues * (a->rx_desc + 2 * BURST_MAX) +
					  caches, rx_bytes);
	a->d->tx_pool = make_pool(a, "tx",
				  a->tx_queues * (a->tx_desc + 2 * BURST_MAX) +
					  caches, tx_bytes);
	return a->d->rx_pool && a->d->tx_pool ? 0 : -ENOMEM;
}

/*
 * A driver that still has mbufs would write to memory that is freed.  It is
 * rather lost.
 */
static void drop_pool(struct rte_mempool **pool)
{
	if (*pool && rte_mempool_avail_count(*pool) == (*pool)->size)
		rte_mempool_free(*pool);
	*pool = NULL;
}

/* ---- link protocols --------------------------------------------------------------- */

static int steer(struct nic_device *d, uint16_t type, struct rte_flow **flow)
{
	const struct rte_flow_attr attr = { .ingress = 1 };
	const struct rte_flow_item_eth spec = { .type = RTE_BE16(type) };
	const struct rte_flow_item_eth mask = { .type = RTE_BE16(0xffff) };
	const struct rte_flow_item pattern[] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH, .spec = &spec, .mask = &mask },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};
	const struct rte_flow_action_queue queue = { .index = d->control_rx };
	const struct rte_flow_action actions[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &queue },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct rte_flow_error err;
	int rc = flow ? 0 : rte_flow_validate(d->id, &attr, pattern, actions,
					      &err);

	if (!flow)
		return rc;
	*flow = rte_flow_create(d->id, &attr, pattern, actions, &err);
	return *flow ? 0 : -ENOTSUP;
}

/* RSS shall use the first queues only. */
static int keep_out_of_rss(const struct attempt *a)
{
	struct rte_eth_rss_reta_entry64 reta[RETA_GROUPS] = { 0 };
	uint16_t size = a->info.reta_size, i;

	if (a->eth.rxmode.mq_mode != RTE_ETH_MQ_RX_RSS)
		return 0;
	if (!size || size > RTE_ETH_RSS_RETA_SIZE_512)
		return -ENOTSUP;
	for (i = 0; i < size; i++) {
		reta[i / RTE_ETH_RETA_GROUP_SIZE].mask |=
			1ull << i % RTE_ETH_RETA_GROUP_SIZE;
		reta[i / RTE_ETH_RETA_GROUP_SIZE]
			.reta[i % RTE_ETH_RETA_GROUP_SIZE] =
			i % a->d->rx_queues;
	}
	return rte_eth_dev_rss_reta_update(a->d->id, reta, size);
}

static int steer_control(struct attempt *a)
{
	int rc;

	if (a->d->control_rx < 0)
		return 0;
	a->step = "steering link protocols";
	rc = keep_out_of_rss(a);
	if (!rc)
		rc = steer(a->d, RTE_ETHER_TYPE_SLOW, &a->d->flow[0]);
	if (!rc)
		rc = steer(a->d, RTE_ETHER_TYPE_LLDP, &a->d->flow[1]);
	return rc;
}

/* ---- start ---------------------------------------------------------------------- */

static int set_up_queues(struct attempt *a)
{
	struct rte_eth_rxconf rx = a->info.default_rxconf;
	struct rte_eth_txconf tx = a->info.default_txconf;
	int socket = rte_eth_dev_socket_id(a->d->id), rc = 0;
	uint16_t q;

	rx.offloads = a->eth.rxmode.offloads;
	tx.offloads = a->eth.txmode.offloads;
	a->step = "setting up queues";
	for (q = 0; q < a->rx_queues && !rc; q++)
		rc = rte_eth_rx_queue_setup(a->d->id, q, a->rx_desc, socket,
					    &rx, a->d->rx_pool);
	for (q = 0; q < a->tx_queues && !rc; q++)
		rc = rte_eth_tx_queue_setup(a->d->id, q, a->tx_desc, socket,
					    &tx);
	return rc;
}

/*
 * Everything of the wire is wanted: guests' addresses are not the NIC's.
 * Devices without an address filter have nothing to switch off.
 */
static int open_ears(struct attempt *a)
{
	int rc = rte_eth_promiscuous_enable(a->d->id);

	a->step = "promiscuous mode";
	rte_eth_allmulticast_enable(a->d->id);
	return rc == -ENOTSUP ? 0 : rc;
}

static int configure(struct attempt *a, bool control, bool interrupts)
{
	struct nic_device *d = a->d;
	int rc = rte_eth_dev_info_get(d->id, &a->info);

	a->step = "asking the driver";
	if (rc < 0)
		return rc;
	if (control &&
	    (a->info.max_rx_queues < 2 || a->info.max_tx_queues < 2))
		return -ENOTSUP;
	choose_queues(a, control);
	choose_mtu(a);
	choose_rx(a);
	choose_tx(a);
	d->link_interrupts = *a->info.dev_flags & RTE_ETH_DEV_INTR_LSC;
	d->rx_interrupts = interrupts;
	a->eth.intr_conf.lsc = d->link_interrupts;
	a->eth.intr_conf.rxq = interrupts;
	a->step = "configuring";
	return rte_eth_dev_configure(d->id, a->rx_queues, a->tx_queues,
				     &a->eth);
}

static int try_start(struct nic_device *d, const struct nic_port_conf *conf,
		     bool control, bool interrupts, const char **step)
{
	struct attempt a = { .d = d, .conf = conf };
	int rc = configure(&a, control, interrupts);

	if (!rc && control)
		rc = steer(d, RTE_ETHER_TYPE_SLOW, NULL);
	if (!rc) {
		a.step = "memory for buffers";
		rc = make_pools(&a);
	}
	if (!rc)
		rc = set_up_queues(&a);
	if (!rc) {
		a.step = "starting";
		rc = rte_eth_dev_start(d->id);
	}
	if (!rc)
		rc = open_ears(&a);
	if (!rc)
		rc = steer_control(&a);
	if (rc)
		nic_device_stop(d);
	*step = a.step;
	return rc;
}

int nic_device_find(const struct nic_port_conf *conf, uint16_t *id, char *why,
		    size_t size)
{
	struct rte_eth_dev_info info;
	uint32_t max;
	int rc;

	if (rte_eth_dev_get_port_by_name(nic_device_name(conf->device), id) <
	    0) {
		snprintf(why, size, "no device %s was there at the start; add "
			 "--device %s to causeway-switchd's command line",
			 conf->device, conf->device);
		return -ENODEV;
	}
	rc = rte_eth_dev_info_get(*id, &info);
	if (rc < 0)
		return rc;
	max = info.max_rx_pktlen - frame_overhead(&info);
	if (max > info.max_mtu)
		max = info.max_mtu;
	if (conf->mtu <= max)
		return 0;
	snprintf(why, size, "%s takes an MTU of at most %u", conf->device, max);
	return -EINVAL;
}

int nic_device_start(struct nic_device *d, const struct nic_port_conf *conf,
		     char *why, size_t size)
{
	static const bool with[][2] = {
		{ true, true }, { false, true }, { false, false }
	};
	const char *step = "";
	unsigned i;
	int rc;

	memset(d, 0, sizeof(*d));
	rc = nic_device_find(conf, &d->id, why, size);
	if (rc < 0)
		return rc;
	for (i = 0; i < RTE_DIM(with); i++) {
		rc = try_start(d, conf, with[i][0], with[i][1], &step);
		if (!rc)
			return 0;
	}
	snprintf(why, size, "%s: %s: %s", conf->device, step, strerror(-rc));
	return rc;
}

void nic_device_stop(struct nic_device *d)
{
	struct rte_flow_error err;
	unsigned i;

	for (i = 0; i < NIC_CONTROL_PROTOCOLS; i++)
		if (d->flow[i])
			rte_flow_destroy(d->id, d->flow[i], &err);
	memset(d->flow, 0, sizeof(d->flow));
	rte_eth_dev_stop(d->id);
	drop_pool(&d->rx_pool);
	drop_pool(&d->tx_pool);
}
