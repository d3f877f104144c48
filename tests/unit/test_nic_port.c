/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_nic_port.c: NIC ports over DPDK's net_ring, dressed up as NICs
 * (tests/lib/fake_nic.h).
 *
 * `nic` is a port over net_ring0, which gives back on receive queue i what was
 * sent on transmit queue i.  Tests that want to see mbufs take them from the
 * ring themselves, or put their own in.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <netinet/in.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "base/drop.h"
#include "tests/lib/fake_nic.h"
#include "tests/lib/packet.h"
#include "tests/lib/suite.h"
#include "vswitch/nic_mbuf.h"
#include "vswitch/nic_port.h"

#define A "02:00:00:00:00:0a"
#define B "02:00:00:00:00:0b"
#define SLOW "01:80:c2:00:00:02"
#define NEAREST "01:80:c2:00:00:0e"
#define ALL_TX                                                                \
	(RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |        \
	 RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO |         \
	 RTE_ETH_TX_OFFLOAD_MULTI_SEGS)

static struct nic_port *nic;
static struct port *port;
static struct burst burst;
static uint8_t bytes[FRAME_LEN_MAX];
static struct frame_seg segs[FRAME_SEGS_MAX];
static struct frame frames[BURST_MAX];
static char why_text[256];

/* ---- a port ------------------------------------------------------------------ */

static struct nic_port_conf conf_of(uint16_t mtu, uint16_t queues)
{
	struct nic_port_conf conf = {
		.name = "nic", .device = "net_ring0", .queues = queues,
		.workers = queues, .mtu = mtu,
		.offload = PORT_TX_CSUM | PORT_TX_TSO4 | PORT_TX_TSO6 |
			   PORT_TX_TSO_ECN | PORT_TX_UFO | PORT_TX_USO
	};

	return conf;
}

/* Over fake_nic as it is now. */
static bool start_conf(const struct nic_port_conf *conf)
{
	int rc = nic_port_new(&nic, conf, why_text, sizeof(why_text));

	CU_ASSERT_EQUAL_FATAL(rc, 0);
	port = nic_port_port(nic);
	return true;
}

static void start(uint16_t mtu, uint16_t queues)
{
	struct nic_port_conf conf = conf_of(mtu, queues);

	start_conf(&conf);
}

static void finish(void)
{
	nic_port_free(nic);
	nic = NULL;
	fake_nic_reset();
}

static unsigned receive(unsigned q)
{
	burst_reset(&burst, BURST_BYTES_MAX);
	return port->ops->rx(port, q, &burst);
}

static void done(unsigned q)
{
	port->ops->rx_done(port, q, &burst);
}

/* ---- frames ------------------------------------------------------------------ */

static void fill(uint32_t len, unsigned salt)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256 + salt);
	bytes[0] = 0x02;
}

/* bytes[] as a frame: some private, the rest in pieces. */
static struct frame *frame_of(unsigned slot, uint32_t len, uint32_t piece)
{
	struct frame *f = &frames[slot];
	uint32_t at;

	frame_init(f);
	f->len = len;
	f->hdr_len = len < FRAME_HDR_MAX ? len : FRAME_HDR_MAX;
	memcpy(f->hdr, bytes, f->hdr_len);
	f->segs = segs;
	for (at = f->hdr_len; at < len; at += piece, f->seg_count++) {
		segs[f->seg_count].data = bytes + at;
		segs[f->seg_count].len = len - at < piece ? len - at : piece;
	}
	return f;
}

static uint8_t send_one(struct frame *f)
{
	struct frame *const list[] = { f };
	uint8_t why = 0xff;
	unsigned n = port->ops->tx(port, 0, list, 1, &why);

	CU_ASSERT_EQUAL(n, why ? 0 : 1);
	return why;
}

static bool frame_is(const struct frame *f, const uint8_t *want, uint32_t len)
{
	static uint8_t seen[FRAME_LEN_MAX];

	return f->len == len &&
	       frame_linearise(f, seen, sizeof(seen)) == len &&
	       !memcmp(seen, want, len);
}

/* What the driver got, for a look; NULL: nothing. */
static struct rte_mbuf *next_mbuf(unsigned q)
{
	struct rte_mbuf *m = NULL;

	return rte_eth_rx_burst(0, q, &m, 1) ? m : NULL;
}

static struct rte_mempool *pool;

/* As from the wire: `len` of bytes[] in mbufs of at most `piece`. */
static struct rte_mbuf *mbuf_of(uint32_t len, uint32_t piece)
{
	struct rte_mbuf *first = NULL, *m;
	uint32_t at, n;

	for (at = 0; at < len; at += n) {
		n = len - at < piece ? len - at : piece;
		m = rte_pktmbuf_alloc(pool);
		CU_ASSERT_PTR_NOT_NULL_FATAL(m);
		memcpy(rte_pktmbuf_append(m, n), bytes + at, n);
		if (!first)
			first = m;
		else if (rte_pktmbuf_chain(first, m) < 0)
			CU_FAIL("chain");
	}
	return first;
}

static void arrive(unsigned q, struct rte_mbuf *m)
{
	CU_ASSERT_EQUAL_FATAL(rte_eth_tx_burst(0, q, &m, 1), 1);
}

static void packet_arrives(const struct packet *p)
{
	memcpy(bytes, p->bytes, p->len);
	arrive(0, mbuf_of(p->len, 2048));
}

/* ---- frames as they are -------------------------------------------------------- */

static void frames_come_back_as_they_were_sent(void)
{
	static const uint32_t len[] = { 60, 61, 127, 128, 129, 1514, 1522 };
	unsigned i;

	start(1500, 1);
	for (i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		fill(len[i], i);
		CU_ASSERT_EQUAL(send_one(frame_of(0, len[i], 300)), DROP_NONE);
		CU_ASSERT_EQUAL(receive(0), 1);
		CU_ASSERT_TRUE(frame_is(&burst.frames[0], bytes, len[i]));
		CU_ASSERT_EQUAL(burst.bytes, len[i]);
		CU_ASSERT_EQUAL(burst.frames[0].csum, FRAME_CSUM_NONE);
		CU_ASSERT_EQUAL(burst.frames[0].hdr_len,
				len[i] < FRAME_HDR_MAX ? len[i] : FRAME_HDR_MAX);
		done(0);
		CU_ASSERT_EQUAL(receive(0), 0);
	}
	finish();
}

static void short_frames_are_padded_with_zeros(void)
{
	uint8_t want[NIC_FRAME_MIN] = { 0 };

	start(1500, 1);
	fill(42, 1);
	memcpy(want, bytes, 42);
	CU_ASSERT_EQUAL(send_one(frame_of(0, 42, 300)), DROP_NONE);
	CU_ASSERT_EQUAL(receive(0), 1);
	CU_ASSERT_TRUE(frame_is(&burst.frames[0], want, sizeof(want)));
	done(0);
	finish();
}

static void jumbo_frames_use_several_mbufs_where_the_nic_can(void)
{
	const uint32_t len = 9000 + 14 + 8;
	struct rte_mbuf *m;

	fake_nic.tx_offload = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	start(9000, 1);
	fill(len, 3);
	CU_ASSERT_EQUAL(send_one(frame_of(0, len, 4096)), DROP_NONE);
	m = next_mbuf(0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	CU_ASSERT_EQUAL(m->nb_segs, 5);
	CU_ASSERT_EQUAL(rte_mbuf_check(m, 1, &(const char *){ NULL }), 0);
	arrive(0, m);
	CU_ASSERT_EQUAL(receive(0), 1);
	CU_ASSERT_TRUE(frame_is(&burst.frames[0], bytes, len));
	CU_ASSERT_EQUAL(burst.frames[0].seg_count, 5);
	done(0);
	finish();
}

static void jumbo_frames_use_one_big_mbuf_where_it_cannot(void)
{
	const uint32_t len = 9000 + 14 + 8;
	struct rte_mbuf *m;

	fake_nic.no_tx_offload = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	fake_nic.no_rx_offload = RTE_ETH_RX_OFFLOAD_SCATTER;
	start(9000, 1);
	fill(len, 4);
	CU_ASSERT_EQUAL(send_one(frame_of(0, len, 4096)), DROP_NONE);
	m = next_mbuf(0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	CU_ASSERT_EQUAL(m->nb_segs, 1);
	arrive(0, m);
	CU_ASSERT_EQUAL(receive(0), 1);
	CU_ASSERT_TRUE(frame_is(&burst.frames[0], bytes, len));
	done(0);
	CU_ASSERT_EQUAL(send_one(frame_of(0, 20000, 4096)), DROP_RING_FULL);
	finish();
}

static void the_device_mtu_leaves_room_for_two_tags(void)
{
	struct nic_port_facts facts;

	start(1500, 1);
	CU_ASSERT_EQUAL(fake_nic.conf.rxmode.mtu, 1508);
	nic_port_facts(nic, &facts);
	CU_ASSERT_TRUE(facts.tags_fit);
	finish();
	fake_nic.max_mtu = 9000;
	start(9000, 1);
	CU_ASSERT_EQUAL(fake_nic.conf.rxmode.mtu, 9000);
	nic_port_facts(nic, &facts);
	CU_ASSERT_FALSE(facts.tags_fit);
	finish();
}

static void headers_may_be_cut_anywhere(void)
{
	static const uint32_t piece[] = { 1, 13, 64, 127, 128, 129, 1000 };
	unsigned i;

	start(1500, 1);
	for (i = 0; i < sizeof(piece) / sizeof(piece[0]); i++) {
		uint32_t len = piece[i] == 1 ? 200 : 1000;

		fill(len, i);
		arrive(0, mbuf_of(len, piece[i]));
		CU_ASSERT_EQUAL(receive(0), 1);
		CU_ASSERT_TRUE(frame_is(&burst.frames[0], bytes, len));
		done(0);
	}
	finish();
}

static void a_chain_without_end_is_a_giant(void)
{
	start(1500, 1);
	fill(600, 0);
	arrive(0, mbuf_of(600, 2)); /* 300 mbufs */
	fill(100, 1);
	arrive(0, mbuf_of(100, 100));
	CU_ASSERT_EQUAL(receive(0), 2);
	CU_ASSERT_EQUAL(burst.frames[0].verdict, DROP_GIANT);
	CU_ASSERT_EQUAL(burst.frames[0].len, 0);
	CU_ASSERT_TRUE(frame_is(&burst.frames[1], bytes, 100));
	done(0);
	finish();
}

static void what_the_burst_has_no_room_for_comes_next(void)
{
	unsigned i, n, seen = 0;

	start(1500, 1);
	for (i = 0; i < 40; i++) {
		fill(1000, i);
		arrive(0, mbuf_of(1000, 2048));
	}
	while (seen < 40) {
		burst_reset(&burst, 4500); /* 5 frames */
		n = port->ops->rx(port, 0, &burst);
		CU_ASSERT_FATAL(n > 0 && n <= 5);
		for (i = 0; i < n; i++, seen++) {
			fill(1000, seen);
			CU_ASSERT_TRUE(frame_is(&burst.frames[i], bytes, 1000));
		}
		done(0);
	}
	CU_ASSERT_EQUAL(receive(0), 0);
	finish();
}

static void segments_of_a_burst_are_bounded(void)
{
	unsigned i, seen = 0;

	start(1500, 1);
	for (i = 0; i < 12; i++) {
		fill(1000, i);
		arrive(0, mbuf_of(1000, 4)); /* 250 mbufs each */
	}
	while (seen < 12) {
		unsigned n = receive(0);

		CU_ASSERT_FATAL(n > 0 && n <= 5);
		for (i = 0; i < n; i++, seen++) {
			fill(1000, seen);
			CU_ASSERT_TRUE(frame_is(&burst.frames[i], bytes, 1000));
		}
		done(0);
	}
	finish();
}

/* ---- offloads -------------------------------------------------------------------- */

/* TCP or UDP over IPv4 or IPv6, `tags` tags, with an open checksum. */
static struct frame *open_frame(struct packet *p, bool v6, bool tcp,
				unsigned tags, unsigned payload)
{
	unsigned l4_len = (tcp ? 20 : 8) + payload, l4, i;
	struct frame *f;

	packet_eth(p, A, B, v6 ? 0x86dd : 0x0800);
	if (v6)
		packet_ipv6(p, "fd00::1", "fd00::2", tcp ? 6 : 17, 64, l4_len);
	else
		packet_ipv4(p, "10.0.0.1", "10.0.0.2", tcp ? 6 : 17, l4_len);
	l4 = p->len;
	if (tcp)
		packet_put_hex(p, "1000 2000 00000001 00000002 5010 ffff "
				  "0000 0000");
	else
		packet_udp(p, 1000, 2000, payload);
	for (i = 0; i < payload; i++)
		packet_put8(p, i);
	for (i = 0; i < tags; i++, l4 += 4)
		packet_tag(p, i ? 0x88a8 : 0x8100, 7 + i);
	memcpy(bytes, p->bytes, p->len);
	f = frame_of(0, p->len, 512);
	f->csum = FRAME_CSUM_PARTIAL;
	f->csum_start = l4;
	f->csum_offset = tcp ? 16 : 6;
	return f;
}

/* The pseudo header's sum is what the driver finds in the field. */
static uint16_t pseudo_sum(const struct rte_mbuf *m)
{
	const void *ip = rte_pktmbuf_mtod_offset(m, void *, m->l2_len);

	return m->ol_flags & RTE_MBUF_F_TX_IPV4
		       ? rte_ipv4_phdr_cksum(ip, m->ol_flags)
		       : rte_ipv6_phdr_cksum(ip, m->ol_flags);
}

static void expect_offload(struct rte_mbuf *m, uint64_t flags, unsigned l2,
			   unsigned l3, unsigned field)
{
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	CU_ASSERT_EQUAL(m->ol_flags, flags);
	CU_ASSERT_EQUAL(m->l2_len, l2);
	CU_ASSERT_EQUAL(m->l3_len, l3);
	CU_ASSERT_EQUAL(*rte_pktmbuf_mtod_offset(m, uint16_t *,
						 l2 + l3 + field),
			pseudo_sum(m));
	rte_pktmbuf_free(m);
}

static void the_nic_finishes_checksums_when_it_can(void)
{
	struct packet p;

	fake_nic.tx_offload = ALL_TX;
	start(1500, 1);
	CU_ASSERT_TRUE(port->offload & PORT_TX_CSUM);
	send_one(open_frame(&p, false, true, 0, 100));
	expect_offload(next_mbuf(0),
		       RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM, 14, 20,
		       16);
	send_one(open_frame(&p, false, false, 1, 100));
	expect_offload(next_mbuf(0),
		       RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM, 18, 20, 6);
	send_one(open_frame(&p, true, true, 2, 100));
	expect_offload(next_mbuf(0),
		       RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_CKSUM, 22, 40,
		       16);
	finish();
}

/* The checksum of what comes out, all written. */
static bool sum_is_right(struct rte_mbuf *m, unsigned l2)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, l2);

	uint32_t sum = rte_ipv4_phdr_cksum(ip, 0);

	sum += rte_raw_cksum((const uint8_t *)ip + 20,
			     m->pkt_len - l2 - 20);
	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

static void software_finishes_what_no_nic_knows(void)
{
	struct rte_mbuf *m;
	struct packet p;
	struct frame *f;

	fake_nic.tx_offload = ALL_TX;
	start(1500, 1);
	f = open_frame(&p, false, true, 0, 100);
	f->hdr[14 + 6] = 0x20; /* a first fragment: no NIC knows its end */
	CU_ASSERT_EQUAL(send_one(f), DROP_NONE);
	m = next_mbuf(0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	CU_ASSERT_EQUAL(m->ol_flags, 0);
	rte_pktmbuf_free(m);
	/* at a place that is no TCP or UDP checksum of the outermost header */
	f = open_frame(&p, false, true, 0, 100);
	f->csum_start += 40;
	CU_ASSERT_EQUAL(send_one(f), DROP_NONE);
	m = next_mbuf(0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	CU_ASSERT_EQUAL(m->ol_flags, 0);
	rte_pktmbuf_free(m);
	finish();
}

static struct frame *tso_frame(bool v6, unsigned payload, uint16_t mss)
{
	unsigned ip = v6 ? 40 : 20, at = 14 + ip + 20;
	uint16_t length;
	struct packet p;
	struct frame *f;

	open_frame(&p, v6, true, 0, 0);
	length = htons(v6 ? 20 + payload : 40 + payload);
	memcpy(p.bytes + (v6 ? 18 : 16), &length, sizeof(length));
	fill(at + payload, 5);
	memcpy(bytes, p.bytes, at);
	f = frame_of(0, at + payload, 4096);
	f->csum = FRAME_CSUM_PARTIAL;
	f->csum_start = 14 + ip;
	f->csum_offset = 16;
	f->gso = v6 ? FRAME_GSO_TCP6 : FRAME_GSO_TCP4;
	f->gso_size = mss;
	return f;
}

static void tcp_is_segmented_by_the_nic(void)
{
	uint16_t ip_sum = 0;
	struct rte_mbuf *m;
	bool v6;

	fake_nic.tx_offload = ALL_TX;
	start(1500, 1);
	CU_ASSERT_EQUAL(port->offload,
			PORT_TX_CSUM | PORT_TX_TSO4 | PORT_TX_TSO6);
	for (v6 = false;; v6 = true) {
		struct frame *f = tso_frame(v6, 60000, 1448);
		uint32_t len = f->len;

		CU_ASSERT_EQUAL(send_one(f), DROP_NONE);
		m = next_mbuf(0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(m);
		CU_ASSERT_EQUAL(m->pkt_len, len);
		CU_ASSERT_EQUAL(m->tso_segsz, 1448);
		CU_ASSERT_EQUAL(m->l4_len, 20);
		CU_ASSERT_TRUE(m->nb_segs <= NIC_TX_SEGS_MAX);
		if (!v6)
			ip_sum = *rte_pktmbuf_mtod_offset(m, uint16_t *, 24);
		CU_ASSERT_EQUAL(ip_sum, 0);
		expect_offload(m,
			       RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM |
				       (v6 ? RTE_MBUF_F_TX_IPV6
					   : RTE_MBUF_F_TX_IPV4 |
						     RTE_MBUF_F_TX_IP_CKSUM),
			       14, v6 ? 40 : 20, 16);
		if (v6)
			break;
	}
	finish();
}

static void a_nic_that_does_not_offer_ip_checksums_is_not_asked(void)
{
	struct rte_mbuf *m;

	fake_nic.tx_offload = ALL_TX & ~RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
	start(1500, 1);
	CU_ASSERT_TRUE(port->offload & PORT_TX_TSO4);
	CU_ASSERT_EQUAL(send_one(tso_frame(false, 3000, 1448)), DROP_NONE);
	m = next_mbuf(0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	CU_ASSERT_EQUAL(*rte_pktmbuf_mtod_offset(m, uint16_t *, 24),
			*(uint16_t *)(bytes + 24));
	expect_offload(m,
		       RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM |
			       RTE_MBUF_F_TX_IPV4,
		       14, 20, 16);
	finish();
}

static void small_segments_are_cut_in_software(void)
{
	struct rte_mbuf *m;
	unsigned n = 0;

	fake_nic.tx_offload = ALL_TX;
	start(1500, 1);
	CU_ASSERT_EQUAL(send_one(tso_frame(false, 1000, 100)), DROP_NONE);
	while ((m = next_mbuf(0))) {
		CU_ASSERT_EQUAL(m->ol_flags, 0);
		CU_ASSERT_EQUAL(m->pkt_len, 154);
		CU_ASSERT_TRUE(sum_is_right(m, 14));
		rte_pktmbuf_free(m);
		n++;
	}
	CU_ASSERT_EQUAL(n, 10);
	finish();
}

static void one_segment_is_no_segmentation(void)
{
	struct rte_mbuf *m;

	fake_nic.tx_offload = ALL_TX;
	start(1500, 1);
	send_one(tso_frame(false, 1000, 1448));
	m = next_mbuf(0);
	expect_offload(m, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM, 14, 20,
		       16);
	finish();
}

static void a_frame_the_driver_refuses_is_counted_alone(void)
{
	struct packet p;
	struct frame *list[3];
	struct rte_mbuf *m;
	uint8_t why[3];

	fake_nic.tx_offload = ALL_TX;
	fake_nic.refuses_tso = true;
	start(1500, 1);
	list[1] = tso_frame(false, 3000, 1448);
	frames[1] = *list[1];
	frames[1].hdr = frames[1].bytes;
	list[1] = &frames[1];
	list[0] = open_frame(&p, false, true, 0, 50);
	frames[2] = frames[0];
	frames[2].hdr = frames[2].bytes;
	list[2] = &frames[2];
	CU_ASSERT_EQUAL(port->ops->tx(port, 0, list, 3, why), 2);
	CU_ASSERT_EQUAL(why[0], DROP_NONE);
	CU_ASSERT_EQUAL(why[1], DROP_TX_ERROR);
	CU_ASSERT_EQUAL(why[2], DROP_NONE);
	while ((m = next_mbuf(0)))
		rte_pktmbuf_free(m);
	finish();
}

static void nothing_is_promised_that_the_nic_has_not(void)
{
	start(1500, 1);
	CU_ASSERT_EQUAL(port->offload, 0);
	CU_ASSERT_EQUAL(fake_nic.conf.txmode.offloads, 0);
	finish();
	fake_nic.tx_offload = RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
			      RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
			      RTE_ETH_TX_OFFLOAD_TCP_TSO |
			      RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	fake_nic.no_tx_offload = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	start(1500, 1);
	CU_ASSERT_EQUAL(port->offload, PORT_TX_CSUM); /* no MULTI_SEGS */
	CU_ASSERT_TRUE(fake_nic.conf.txmode.offloads &
		       RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE);
	finish();
}

static void received_checksums_spare_the_guest_the_work(void)
{
	static const struct {
		uint64_t flags;
		uint32_t ptype;
		uint8_t csum;
	} cases[] = {
		{ 0, 0, FRAME_CSUM_NONE },
		{ RTE_MBUF_F_RX_L4_CKSUM_GOOD, 0, FRAME_CSUM_VALID },
		{ RTE_MBUF_F_RX_L4_CKSUM_BAD, 0, FRAME_CSUM_NONE },
		{ RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_PTYPE_TUNNEL_VXLAN,
		  FRAME_CSUM_NONE },
		{ RTE_MBUF_F_RX_L4_CKSUM_NONE, 0, FRAME_CSUM_PARTIAL },
	};
	struct packet p;
	unsigned i;

	start(1500, 1);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rte_mbuf *m;

		open_frame(&p, true, false, 1, 30);
		m = mbuf_of(p.len, 2048);
		m->ol_flags |= cases[i].flags;
		m->packet_type = cases[i].ptype;
		arrive(0, m);
		CU_ASSERT_EQUAL(receive(0), 1);
		CU_ASSERT_EQUAL(burst.frames[0].csum, cases[i].csum);
		if (cases[i].csum == FRAME_CSUM_PARTIAL) {
			CU_ASSERT_EQUAL(burst.frames[0].csum_start, 58);
			CU_ASSERT_EQUAL(burst.frames[0].csum_offset, 6);
		}
		done(0);
	}
	finish();
}

/* ---- rings ------------------------------------------------------------------------- */

static void a_full_ring_takes_all_of_a_run_or_counts_none(void)
{
	struct frame *list[BURST_MAX];
	uint8_t why[BURST_MAX];
	unsigned i, sent = 0, n, full = 0;

	start(1500, 1);
	fill(100, 0);
	for (i = 0; i < BURST_MAX; i++) {
		list[i] = frame_of(i, 100, 100);
		list[i]->more = i % 4 != 3;
	}
	for (i = 0; i < 64; i++) {
		unsigned k;

		n = port->ops->tx(port, 0, list, BURST_MAX, why);
		for (k = 0; k < BURST_MAX; k++) {
			CU_ASSERT_EQUAL(why[k], why[k - k % 4]);
			full += why[k] == DROP_RING_FULL;
		}
		sent += n;
		CU_ASSERT_EQUAL(n % 4, 0);
	}
	CU_ASSERT_TRUE(sent > 0);
	CU_ASSERT_EQUAL(sent + full, 64 * BURST_MAX);
	CU_ASSERT_TRUE(full > 0);
	finish();
}

static void without_a_link_nothing_is_sent(void)
{
	fake_nic.has_link = true;
	start(1500, 1);
	fill(100, 0);
	CU_ASSERT_FALSE(port->link);
	CU_ASSERT_EQUAL(send_one(frame_of(0, 100, 100)), DROP_NO_LINK);
	CU_ASSERT_EQUAL(nic_port_send(nic, bytes, 100), -ENETDOWN);
	fake_nic.link = true;
	CU_ASSERT_EQUAL(nic_port_poll(nic), NIC_PORT_LINK);
	CU_ASSERT_EQUAL(send_one(frame_of(0, 100, 100)), DROP_NONE);
	finish();
}

static void each_worker_has_a_queue_to_send(void)
{
	struct frame *f;
	unsigned q;

	fake_nic.rss = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_L2_PAYLOAD;
	start(1500, 4);
	CU_ASSERT_EQUAL(port->rx_queues, 4);
	CU_ASSERT_EQUAL(port->tx_queues, 4);
	CU_ASSERT_EQUAL(fake_nic.conf.rxmode.mq_mode, RTE_ETH_MQ_RX_RSS);
	CU_ASSERT_EQUAL(fake_nic.conf.rx_adv_conf.rss_conf.rss_hf,
			RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP);
	for (q = 0; q < 4; q++) {
		uint8_t why;

		fill(200, q);
		f = frame_of(0, 200, 100);
		CU_ASSERT_EQUAL(port->ops->tx(port, q, &f, 1, &why), 1);
		CU_ASSERT_EQUAL(receive(q), 1);
		CU_ASSERT_TRUE(frame_is(&burst.frames[0], bytes, 200));
		done(q);
	}
	finish();
}

static void fewer_queues_are_shared(void)
{
	struct nic_port_conf conf = conf_of(1500, 8);

	fake_nic.max_rx = 2;
	fake_nic.max_tx = 2;
	start_conf(&conf);
	CU_ASSERT_EQUAL(port->rx_queues, 2);
	CU_ASSERT_EQUAL(port->tx_queues, 2);
	fill(60, 0);
	CU_ASSERT_EQUAL(nic_port_send(nic, bytes, 60), 0);
	CU_ASSERT_EQUAL(receive(0), 1);
	CU_ASSERT_TRUE(frame_is(&burst.frames[0], bytes, 60));
	done(0);
	finish();
}

/* ---- link protocols ------------------------------------------------------------------ */

static bool event_waits(void)
{
	struct pollfd pfd = { .fd = nic_port_event_fd(nic), .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

static void lacpdu(struct packet *p, uint8_t salt)
{
	packet_eth(p, SLOW, B, 0x8809);
	packet_put8(p, 1);
	packet_put8(p, salt);
	packet_zero(p, 108);
}

static void link_protocols_reach_the_control_thread(void)
{
	uint8_t got[NIC_CONTROL_MAX];
	struct packet p;

	start(1500, 1);
	CU_ASSERT_EQUAL(nic_port_receive(nic, got, sizeof(got)), 0);
	lacpdu(&p, 7);
	packet_arrives(&p);
	CU_ASSERT_FALSE(event_waits());
	CU_ASSERT_EQUAL(receive(0), 1); /* the bridge counts it, too */
	done(0);
	CU_ASSERT_TRUE(event_waits());
	CU_ASSERT_EQUAL(nic_port_poll(nic), NIC_PORT_CONTROL);
	CU_ASSERT_FALSE(event_waits());
	CU_ASSERT_EQUAL(nic_port_receive(nic, got, sizeof(got)), p.len);
	CU_ASSERT_EQUAL(memcmp(got, p.bytes, p.len), 0);
	CU_ASSERT_EQUAL(nic_port_receive(nic, got, sizeof(got)), 0);
	packet_eth(&p, NEAREST, B, 0x88cc);
	packet_zero(&p, 50);
	packet_arrives(&p);
	receive(0);
	done(0);
	CU_ASSERT_TRUE(event_waits());
	CU_ASSERT_EQUAL(nic_port_receive(nic, got, sizeof(got)), p.len);
	finish();
}

static void other_frames_do_not(void)
{
	uint8_t got[NIC_CONTROL_MAX];
	struct packet p;

	start(1500, 1);
	packet_eth(&p, SLOW, B, 0x0800);
	packet_zero(&p, 50);
	packet_arrives(&p);
	packet_eth(&p, A, B, 0x8809);
	packet_zero(&p, 50);
	packet_arrives(&p);
	packet_eth(&p, "ff:ff:ff:ff:ff:ff", B, 0x88cc);
	packet_zero(&p, 50);
	packet_arrives(&p);
	packet_eth(&p, SLOW, B, 0x8809);
	packet_zero(&p, 50);
	packet_tag(&p, 0x8100, 7);
	packet_arrives(&p);
	CU_ASSERT_EQUAL(receive(0), 4);
	done(0);
	CU_ASSERT_FALSE(event_waits());
	CU_ASSERT_EQUAL(nic_port_receive(nic, got, sizeof(got)), 0);
	finish();
}

static void a_flood_of_them_is_bounded_and_counted(void)
{
	uint8_t got[NIC_CONTROL_MAX];
	struct nic_port_facts facts;
	struct packet p;
	unsigned i, n = 0;
	uint64_t wakes;

	start(1500, 1);
	for (i = 0; i < 100; i++) {
		lacpdu(&p, i);
		packet_arrives(&p);
	}
	while (receive(0))
		done(0);
	CU_ASSERT_EQUAL(read(nic_port_event_fd(nic), &wakes, sizeof(wakes)),
			sizeof(wakes));
	CU_ASSERT_EQUAL(wakes, 1); /* one system call, not a hundred */
	while (nic_port_receive(nic, got, sizeof(got)))
		CU_ASSERT_EQUAL(got[15], n++); /* in order */
	nic_port_facts(nic, &facts);
	CU_ASSERT_EQUAL(n + facts.control_lost, 100);
	CU_ASSERT_EQUAL(n, 32);
	lacpdu(&p, 200);
	packet_arrives(&p);
	receive(0);
	done(0);
	CU_ASSERT_TRUE(event_waits());
	CU_ASSERT_EQUAL(nic_port_receive(nic, got, 20), 0); /* too long */
	nic_port_facts(nic, &facts);
	CU_ASSERT_EQUAL(n + facts.control_lost, 101);
	finish();
}

static void they_have_a_queue_where_the_nic_steers(void)
{
	uint8_t got[NIC_CONTROL_MAX];
	struct nic_port_facts facts;
	struct packet p;
	unsigned i;

	fake_nic.steers = true;
	fake_nic.rss = RTE_ETH_RSS_IP;
	fake_nic.reta_size = 128;
	start(1500, 3);
	nic_port_facts(nic, &facts);
	CU_ASSERT_TRUE(facts.control_queue);
	CU_ASSERT_EQUAL(port->rx_queues, 3);
	CU_ASSERT_EQUAL(fake_nic.flows, 2);
	CU_ASSERT_EQUAL(fake_nic.flow_type[0], 0x8809);
	CU_ASSERT_EQUAL(fake_nic.flow_type[1], 0x88cc);
	CU_ASSERT_EQUAL(fake_nic.flow_queue[0], 3);
	CU_ASSERT_EQUAL(fake_nic.flow_queue[1], 3);
	for (i = 0; i < 128; i++)
		CU_ASSERT_TRUE(fake_nic.reta[i] < 3);
	CU_ASSERT_TRUE(nic_port_period_ms(nic) > 0);
	lacpdu(&p, 9);
	memcpy(bytes, p.bytes, p.len);
	arrive(3, mbuf_of(p.len, 2048));
	CU_ASSERT_EQUAL(nic_port_poll(nic), NIC_PORT_CONTROL);
	CU_ASSERT_EQUAL(nic_port_receive(nic, got, sizeof(got)), p.len);
	CU_ASSERT_EQUAL(memcmp(got, p.bytes, p.len), 0);
	CU_ASSERT_EQUAL(nic_port_send(nic, p.bytes, p.len), 0);
	CU_ASSERT_EQUAL(nic_port_receive(nic, got, sizeof(got)), p.len);
	arrive(3, mbuf_of(p.len, 50)); /* over several mbufs */
	CU_ASSERT_EQUAL(nic_port_receive(nic, got, sizeof(got)), p.len);
	CU_ASSERT_EQUAL(memcmp(got, p.bytes, p.len), 0);
	CU_ASSERT_EQUAL(nic_port_receive(nic, got, sizeof(got)), 0);
	nic_port_free(nic);
	nic = NULL;
	CU_ASSERT_EQUAL(fake_nic.flows, 0);
	fake_nic_reset();
}

static void half_a_steering_is_none(void)
{
	struct nic_port_facts facts;

	fake_nic.steers = true;
	fake_nic.steers_at_most = 1;
	start(1500, 2);
	nic_port_facts(nic, &facts);
	CU_ASSERT_FALSE(facts.control_queue);
	CU_ASSERT_EQUAL(fake_nic.flows, 0);
	CU_ASSERT_EQUAL(port->rx_queues, 2);
	finish();
}

/* ---- link and interrupts --------------------------------------------------------------- */

static void the_link_is_polled_without_interrupts(void)
{
	struct nic_port_facts facts;

	fake_nic.has_link = true;
	fake_nic.link = true;
	fake_nic.speed = 10000;
	start(1500, 1);
	CU_ASSERT_TRUE(port->link);
	CU_ASSERT_EQUAL(nic_port_period_ms(nic), 100);
	CU_ASSERT_EQUAL(nic_port_poll(nic), 0);
	fake_nic.link = false;
	CU_ASSERT_EQUAL(nic_port_poll(nic), NIC_PORT_LINK);
	CU_ASSERT_FALSE(port->link);
	fake_nic.link = true;
	fake_nic.speed = 1000;
	CU_ASSERT_EQUAL(nic_port_poll(nic), NIC_PORT_LINK);
	nic_port_facts(nic, &facts);
	CU_ASSERT_TRUE(facts.link && facts.full_duplex);
	CU_ASSERT_EQUAL(facts.speed_mbps, 1000);
	CU_ASSERT_FALSE(facts.link_interrupts);
	finish();
}

static void an_interrupt_tells_of_the_link(void)
{
	fake_nic.has_link = true;
	fake_nic.dev_flags = RTE_ETH_DEV_INTR_LSC;
	start(1500, 1);
	CU_ASSERT_TRUE(fake_nic.conf.intr_conf.lsc);
	CU_ASSERT_EQUAL(nic_port_period_ms(nic), 0);
	CU_ASSERT_FALSE(event_waits());
	fake_nic_set_link(true);
	CU_ASSERT_TRUE(event_waits());
	CU_ASSERT_EQUAL(nic_port_poll(nic), NIC_PORT_LINK);
	CU_ASSERT_TRUE(port->link);
	CU_ASSERT_FALSE(event_waits());
	nic_port_free(nic);
	nic = NULL;
	CU_ASSERT_PTR_NULL(fake_nic.on_link);
	fake_nic_reset();
}

static void a_queue_is_armed_only_when_it_is_empty(void)
{
	const uint64_t one = 1;
	struct pollfd pfd = { .events = POLLIN };

	fake_nic.rx_interrupts = true;
	start(1500, 2);
	pfd.fd = port->ops->rx_fd(port, 1);
	CU_ASSERT_EQUAL(pfd.fd, fake_nic.fd[1]);
	CU_ASSERT_TRUE(port->ops->rx_arm(port, 1));
	CU_ASSERT_TRUE(fake_nic.enabled[1]);
	CU_ASSERT_EQUAL(write(pfd.fd, &one, sizeof(one)), sizeof(one));
	port->ops->rx_disarm(port, 1);
	CU_ASSERT_FALSE(fake_nic.enabled[1]);
	CU_ASSERT_EQUAL(poll(&pfd, 1, 0), 0); /* or it would wake for ever */
	fill(100, 0);
	arrive(1, mbuf_of(100, 2048));
	CU_ASSERT_FALSE(port->ops->rx_arm(port, 1));
	port->ops->rx_disarm(port, 1);
	CU_ASSERT_EQUAL(receive(1), 1); /* what the look has found */
	CU_ASSERT_TRUE(frame_is(&burst.frames[0], bytes, 100));
	done(1);
	finish();
}

static void without_interrupts_there_is_nothing_to_wait_for(void)
{
	struct nic_port_facts facts;

	start(1500, 1);
	CU_ASSERT_EQUAL(port->ops->rx_fd(port, 0), -1);
	port->ops->rx_disarm(port, 0);
	nic_port_facts(nic, &facts);
	CU_ASSERT_FALSE(facts.rx_interrupts);
	finish();
	fake_nic.rx_interrupts = true;
	fake_nic.fails_with_interrupts = true;
	start(1500, 1);
	CU_ASSERT_EQUAL(port->ops->rx_fd(port, 0), -1);
	CU_ASSERT_FALSE(fake_nic.conf.intr_conf.rxq);
	finish();
}

/* ---- life -------------------------------------------------------------------------------- */

static void a_device_that_is_not_there_is_refused_with_the_remedy(void)
{
	struct nic_port_conf conf = conf_of(1500, 1);
	struct nic_port *np;

	conf.device = "pci:0000:03:00.0";
	CU_ASSERT_EQUAL(nic_port_new(&np, &conf, why_text, sizeof(why_text)),
			-ENODEV);
	CU_ASSERT_PTR_NOT_NULL(strstr(why_text, "--device pci:0000:03:00.0"));
}

static void a_device_has_one_port(void)
{
	struct nic_port_conf conf = conf_of(1500, 1);
	struct nic_port *other;

	start(1500, 1);
	conf.name = "other";
	CU_ASSERT_EQUAL(nic_port_new(&other, &conf, why_text,
				     sizeof(why_text)), -EBUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(why_text, "port nic has net_ring0"));
	conf.device = "net_ring1";
	CU_ASSERT_EQUAL(nic_port_new(&other, &conf, why_text,
				     sizeof(why_text)), 0);
	nic_port_free(other);
	finish();
}

static void an_mtu_beyond_the_device_is_refused(void)
{
	struct nic_port_conf conf = conf_of(9000, 1);
	struct nic_port *np;

	fake_nic.max_mtu = 4000;
	CU_ASSERT_EQUAL(nic_port_new(&np, &conf, why_text, sizeof(why_text)),
			-EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why_text, "at most 4000"));
	fake_nic_reset();
}

/* Memory is bounded: what was not given back would soon be missed. */
static void a_port_that_goes_leaves_nothing_behind(void)
{
	unsigned i;

	for (i = 0; i < 100; i++) {
		start(i % 2 ? 9000 : 1500, 1 + i % 4);
		fill(500, i);
		arrive(0, mbuf_of(500, 2048)); /* in the ring */
		send_one(frame_of(0, 500, 500));
		burst_reset(&burst, 100);
		port->ops->rx(port, 0, &burst); /* held, and in the stash */
		finish();
	}
	CU_ASSERT_EQUAL(rte_mempool_avail_count(pool), pool->size);
}

static const struct suite_test tests[] = {
	SUITE_TEST(frames_come_back_as_they_were_sent),
	SUITE_TEST(short_frames_are_padded_with_zeros),
	SUITE_TEST(jumbo_frames_use_several_mbufs_where_the_nic_can),
	SUITE_TEST(jumbo_frames_use_one_big_mbuf_where_it_cannot),
	SUITE_TEST(the_device_mtu_leaves_room_for_two_tags),
	SUITE_TEST(headers_may_be_cut_anywhere),
	SUITE_TEST(a_chain_without_end_is_a_giant),
	SUITE_TEST(what_the_burst_has_no_room_for_comes_next),
	SUITE_TEST(segments_of_a_burst_are_bounded),
	SUITE_TEST(the_nic_finishes_checksums_when_it_can),
	SUITE_TEST(software_finishes_what_no_nic_knows),
	SUITE_TEST(tcp_is_segmented_by_the_nic),
	SUITE_TEST(a_nic_that_does_not_offer_ip_checksums_is_not_asked),
	SUITE_TEST(small_segments_are_cut_in_software),
	SUITE_TEST(one_segment_is_no_segmentation),
	SUITE_TEST(a_frame_the_driver_refuses_is_counted_alone),
	SUITE_TEST(nothing_is_promised_that_the_nic_has_not),
	SUITE_TEST(received_checksums_spare_the_guest_the_work),
	SUITE_TEST(a_full_ring_takes_all_of_a_run_or_counts_none),
	SUITE_TEST(without_a_link_nothing_is_sent),
	SUITE_TEST(each_worker_has_a_queue_to_send),
	SUITE_TEST(fewer_queues_are_shared),
	SUITE_TEST(link_protocols_reach_the_control_thread),
	SUITE_TEST(other_frames_do_not),
	SUITE_TEST(a_flood_of_them_is_bounded_and_counted),
	SUITE_TEST(they_have_a_queue_where_the_nic_steers),
	SUITE_TEST(half_a_steering_is_none),
	SUITE_TEST(the_link_is_polled_without_interrupts),
	SUITE_TEST(an_interrupt_tells_of_the_link),
	SUITE_TEST(a_queue_is_armed_only_when_it_is_empty),
	SUITE_TEST(without_interrupts_there_is_nothing_to_wait_for),
	SUITE_TEST(a_device_that_is_not_there_is_refused_with_the_remedy),
	SUITE_TEST(a_device_has_one_port),
	SUITE_TEST(an_mtu_beyond_the_device_is_refused),
	SUITE_TEST(a_port_that_goes_leaves_nothing_behind),
};

int main(void)
{
	if (fake_nic_eal() < 0) {
		fprintf(stderr, "DPDK does not start\n");
		return EXIT_FAILURE;
	}
	pool = rte_pktmbuf_pool_create("wire", 8191, 0, 0,
				       RTE_MBUF_DEFAULT_BUF_SIZE, -1);
	if (!pool)
		return EXIT_FAILURE;
	return suite_run("nic_port", tests, sizeof(tests) / sizeof(tests[0]));
}
