/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_host_port.c: both kinds of host port, back to back over one tap.
 *
 * In a network namespace of its own: `tap` is a port over the tap's file
 * descriptor, `pkt` one over a packet socket on the same interface.  What
 * goes into one comes out of the other, through the kernel.  Skipped (exit
 * 77) where such a namespace may not be made.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>

#include "base/drop.h"
#include "vswitch/host_port.h"

#define IFNAME "cwtest0"
#define MTU 9008
#define WAIT_MS 2000
#define SKIPPED 77

static struct host_port *tap, *pkt;
static struct burst burst;
static uint8_t bytes[FRAME_LEN_MAX];

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd >= 0) {
		if (write(fd, text, strlen(text)) < 0)
			perror(path);
		close(fd);
	}
}

static bool own_namespace(void)
{
	char map[32];
	uid_t uid = getuid();

	if (unshare(uid ? CLONE_NEWUSER | CLONE_NEWNET : CLONE_NEWNET))
		return false;
	if (uid) {
		snprintf(map, sizeof(map), "0 %u 1", uid);
		write_file("/proc/self/uid_map", map);
	}
	/* no frames but ours */
	write_file("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
	write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	return true;
}

static int open_tap(void)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	strcpy(ifr.ifr_name, IFNAME);
	if (fd >= 0 &&
	    (ioctl(fd, TUNSETIFF, &ifr) ||
	     ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 |
					      TUN_F_TSO_ECN))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int set_link(bool up)
{
	struct ifreq ifr = { .ifr_mtu = MTU };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), rc;

	strcpy(ifr.ifr_name, IFNAME);
	rc = ioctl(fd, SIOCSIFMTU, &ifr);
	ifr.ifr_flags = up ? IFF_UP : 0;
	rc |= ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
	return rc;
}

static int open_packet(bool vnet)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex(IFNAME) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), on = 1;

	if (vnet)
		setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on));
	setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on));
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int new_port(struct host_port **hp, enum host_port_kind kind, int fd)
{
	struct host_port_conf conf = { .name = "test", .kind = kind,
				       .queues = 1, .mtu = 9000,
				       .offload = PORT_TX_CSUM | PORT_TX_TSO4 };

	conf.fds[0] = fd;
	return host_port_new(hp, &conf);
}

static bool set_up(void)
{
	int fd = open_tap();

	return fd >= 0 && !set_link(true) &&
	       !new_port(&tap, HOST_PORT_TAP, fd) &&
	       !new_port(&pkt, HOST_PORT_PACKET, open_packet(true));
}

/* A frame of `len` bytes in bytes[], its first ones private. */
static void frame_of(struct frame *f, struct frame_seg *seg, uint32_t len)
{
	frame_init(f);
	f->len = len;
	f->hdr_len = len < FRAME_HDR_MAX ? len : FRAME_HDR_MAX;
	memcpy(f->hdr, bytes, f->hdr_len);
	seg->data = bytes + f->hdr_len;
	seg->len = len - f->hdr_len;
	f->segs = seg;
	f->seg_count = seg->len > 0;
}

/* TCP over IPv4 with `tags` tags, `len` bytes in all; where TCP begins. */
static unsigned make_tcp(const uint32_t *tag, unsigned tags, uint32_t len)
{
	unsigned i, l3 = 14 + 4 * tags;
	uint8_t *ip = bytes + l3, *tcp = ip + 20;

	for (i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	memcpy(bytes, "\x02\0\0\0\0\1\x02\0\0\0\0\2", 12);
	for (i = 0; i < tags; i++) {
		uint32_t t = htonl(tag[i]);

		memcpy(bytes + 12 + 4 * i, &t, 4);
	}
	memcpy(bytes + l3 - 2, "\x08\0", 2);
	memcpy(ip, "\x45\0\0\0\0\1\x40\0\x40\6\0\0\x0a\0\0\1\x0a\0\0\2", 20);
	ip[2] = (uint8_t)((len - l3) >> 8);
	ip[3] = (uint8_t)(len - l3);
	tcp[12] = 0x50;
	tcp[13] = 0x10;
	return l3 + 20;
}

static enum drop send_one(struct host_port *hp, struct frame *f)
{
	struct port *p = host_port_port(hp);
	uint8_t why = DROP_COUNT;

	p->ops->tx(p, 0, &f, 1, &why);
	p->ops->tx_flush(p, 0);
	return why;
}

/* Wait for one frame; NULL when none comes. */
static struct frame *receive_one(struct host_port *hp)
{
	struct port *p = host_port_port(hp);
	struct pollfd look = { .fd = p->ops->rx_fd(p, 0), .events = POLLIN };

	p->ops->rx_done(p, 0, &burst);
	burst_reset(&burst, 1);
	if (poll(&look, 1, WAIT_MS) != 1 || p->ops->rx_arm(p, 0))
		return NULL;
	return p->ops->rx(p, 0, &burst) == 1 ? &burst.frames[0] : NULL;
}

static bool holds(const struct frame *f, uint32_t len)
{
	uint32_t at;
	unsigned i;

	if (!f || f->len != len || memcmp(f->hdr, bytes, f->hdr_len))
		return false;
	for (i = 0, at = f->hdr_len; i < f->seg_count; at += f->segs[i++].len)
		if (memcmp(f->segs[i].data, bytes + at, f->segs[i].len))
			return false;
	return at == len;
}

static bool passes(struct host_port *from, struct host_port *to, uint32_t len)
{
	struct frame_seg seg;
	struct frame f;

	frame_of(&f, &seg, len);
	return send_one(from, &f) == DROP_NONE && holds(receive_one(to), len);
}

static void frames_of_any_length_pass_both_ways(void)
{
	static const uint32_t lens[] = { 14,   15,   60,   127,	 128,
					 129,  140,  1514, 1518, 1522,
					 4096, 9014, 9022 };
	unsigned i;

	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		make_tcp(NULL, 0, 9022);
		CU_ASSERT_TRUE(passes(pkt, tap, lens[i]));
		CU_ASSERT_TRUE(passes(tap, pkt, lens[i]));
	}
}

static void tso_passes(struct host_port *from, struct host_port *to,
		       const uint32_t *tag, unsigned tags, bool ecn)
{
	unsigned l4 = make_tcp(tag, tags, 65000);
	struct frame_seg seg;
	struct frame f, *got;

	frame_of(&f, &seg, 65000);
	f.csum = FRAME_CSUM_PARTIAL;
	f.csum_start = l4;
	f.csum_offset = 16;
	f.gso = FRAME_GSO_TCP4;
	f.gso_ecn = ecn;
	f.gso_size = 1448;
	CU_ASSERT_EQUAL(send_one(from, &f), DROP_NONE);
	got = receive_one(to);
	CU_ASSERT_TRUE(holds(got, 65000));
	if (!got)
		return;
	CU_ASSERT_EQUAL(got->verdict, DROP_NONE);
	CU_ASSERT_EQUAL(got->gso, FRAME_GSO_TCP4);
	CU_ASSERT_EQUAL(got->gso_ecn, ecn);
	CU_ASSERT_EQUAL(got->gso_size, 1448);
	CU_ASSERT_EQUAL(got->csum, FRAME_CSUM_PARTIAL);
	CU_ASSERT_EQUAL(got->csum_start, l4);
	CU_ASSERT_EQUAL(got->csum_offset, 16);
}

static void tso_frames_pass_whole_under_no_one_and_two_tags(void)
{
	static const uint32_t qinq[] = { 0x88a80064, 0x8100e005 };
	static const uint32_t tag = 0x81002fff;

	tso_passes(pkt, tap, NULL, 0, false);
	tso_passes(pkt, tap, &tag, 1, false);
	tso_passes(pkt, tap, qinq, 2, true);
	tso_passes(tap, pkt, NULL, 0, true);
	tso_passes(tap, pkt, &tag, 1, false);
	tso_passes(tap, pkt, qinq, 2, false);
}

static void stripped_tags_are_put_back(void)
{
	static const uint32_t tags[][2] = {
		{ 0x81000001, 0 },	    { 0x81008fff, 0 },
		{ 0x88a80007, 0 },	    { 0x81000000, 0 },
		{ 0x88a80001, 0x8100f002 }, { 0x81000001, 0x81000002 },
		{ 0x91000001, 0x81000002 },
	};
	unsigned i;

	for (i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		make_tcp(tags[i], tags[i][1] ? 2 : 1, 300);
		CU_ASSERT_TRUE(passes(tap, pkt, 300));
		CU_ASSERT_TRUE(passes(pkt, tap, 300));
	}
}

static void a_burst_ends_at_32_frames_or_its_byte_budget(void)
{
	struct port *p = host_port_port(pkt);
	struct frame_seg seg;
	struct frame f;
	unsigned i;

	make_tcp(NULL, 0, 9000);
	frame_of(&f, &seg, 9000);
	for (i = 0; i < 40; i++)
		CU_ASSERT_EQUAL(send_one(tap, &f), DROP_NONE);
	p->ops->rx_done(p, 0, &burst);
	burst_reset(&burst, 20000);
	CU_ASSERT_EQUAL(p->ops->rx(p, 0, &burst), 3);
	CU_ASSERT_TRUE(holds(&burst.frames[0], 9000));
	CU_ASSERT_TRUE(holds(&burst.frames[2], 9000));
	burst.byte_budget = UINT32_MAX;
	CU_ASSERT_TRUE(p->ops->rx(p, 0, &burst) < BURST_MAX); /* buffer */
	CU_ASSERT_TRUE(holds(&burst.frames[0], 9000));
	do {
		p->ops->rx_done(p, 0, &burst);
		burst_reset(&burst, UINT32_MAX);
	} while (p->ops->rx(p, 0, &burst));
	frame_of(&f, &seg, 60);
	for (i = 0; i < 40; i++)
		CU_ASSERT_EQUAL(send_one(tap, &f), DROP_NONE);
	CU_ASSERT_EQUAL(p->ops->rx(p, 0, &burst), BURST_MAX);
	CU_ASSERT_FALSE(p->ops->rx_arm(p, 0));
	burst_reset(&burst, UINT32_MAX);
	CU_ASSERT_EQUAL(p->ops->rx(p, 0, &burst), 8);
	CU_ASSERT_TRUE(p->ops->rx_arm(p, 0));
}

static void refused_frames_say_why(void)
{
	struct port *p = host_port_port(pkt);
	struct frame_seg seg[3];
	struct frame f[3], *run[3] = { &f[0], &f[1], &f[2] };
	uint8_t why[3];

	make_tcp(NULL, 0, 20000);
	frame_of(&f[0], &seg[0], 20000);
	CU_ASSERT_EQUAL(send_one(pkt, &f[0]), DROP_EGRESS_MTU);
	frame_of(&f[0], &seg[0], 100);
	frame_of(&f[1], &seg[1], 100);
	f[1].csum = FRAME_CSUM_PARTIAL;
	f[1].csum_start = 60000; /* the kernel looks, too */
	frame_of(&f[2], &seg[2], 100);
	CU_ASSERT_EQUAL(p->ops->tx(p, 0, run, 3, why), 2);
	CU_ASSERT_EQUAL(why[0], DROP_NONE);
	CU_ASSERT_EQUAL(why[1], DROP_TX_ERROR);
	CU_ASSERT_EQUAL(why[2], DROP_NONE);
	CU_ASSERT_TRUE(holds(receive_one(tap), 100));
	CU_ASSERT_TRUE(holds(receive_one(tap), 100));
}

static void a_run_counts_as_dropped_when_one_of_it_is_refused(void)
{
	struct port *p = host_port_port(pkt);
	struct frame_seg seg[3];
	struct frame f[3], *run[3] = { &f[0], &f[1], &f[2] };
	uint8_t why[3];
	unsigned i;

	make_tcp(NULL, 0, 20000);
	for (i = 0; i < 3; i++)
		frame_of(&f[i], &seg[i], i ? 20000 : 100);
	f[0].more = 1;
	frame_of(&f[2], &seg[2], 100);
	CU_ASSERT_EQUAL(p->ops->tx(p, 0, run, 3, why), 1);
	CU_ASSERT_EQUAL(why[0], DROP_EGRESS_MTU);
	CU_ASSERT_EQUAL(why[1], DROP_EGRESS_MTU);
	CU_ASSERT_EQUAL(why[2], DROP_NONE);
	CU_ASSERT_TRUE(holds(receive_one(tap), 100));
	CU_ASSERT_TRUE(holds(receive_one(tap), 100));
}

static void an_interface_that_is_down_has_no_link(void)
{
	struct port *p = host_port_port(pkt);
	struct frame_seg seg;
	struct frame f;

	make_tcp(NULL, 0, 100);
	frame_of(&f, &seg, 100);
	CU_ASSERT_EQUAL(set_link(false), 0);
	CU_ASSERT_EQUAL(send_one(tap, &f), DROP_NO_LINK);
	CU_ASSERT_EQUAL(send_one(pkt, &f), DROP_NO_LINK);
	burst_reset(&burst, UINT32_MAX);
	CU_ASSERT_EQUAL(p->ops->rx(p, 0, &burst), 0);
	CU_ASSERT_EQUAL(set_link(true), 0);
	burst_reset(&burst, UINT32_MAX);
	p->ops->rx(p, 0, &burst);
	CU_ASSERT_TRUE(passes(tap, pkt, 100));
	CU_ASSERT_TRUE(passes(pkt, tap, 100));
}

static void frames_the_kernel_dropped_are_known(void)
{
	struct host_port_facts facts, later;
	struct frame_seg seg;
	struct frame f;
	unsigned i;

	host_port_facts(pkt, &facts);
	make_tcp(NULL, 0, 9000);
	frame_of(&f, &seg, 9000);
	for (i = 0; i < 4000; i++)
		send_one(tap, &f);
	host_port_facts(pkt, &later);
	CU_ASSERT_TRUE(later.rx_missed > facts.rx_missed);
	host_port_facts(pkt, &facts);
	CU_ASSERT_EQUAL(later.rx_missed, facts.rx_missed);
	while (receive_one(pkt) && !host_port_port(pkt)->ops->rx_arm(
					   host_port_port(pkt), 0))
		;
}

static void descriptors_of_another_kind_are_refused_and_left_open(void)
{
	struct host_port *hp = NULL;
	int pair[2], fd;

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	CU_ASSERT_EQUAL(new_port(&hp, HOST_PORT_PACKET, pair[0]), -EINVAL);
	CU_ASSERT_EQUAL(new_port(&hp, HOST_PORT_TAP, pair[0]), -EINVAL);
	CU_ASSERT_EQUAL(new_port(&hp, HOST_PORT_TAP, -1), -EINVAL);
	CU_ASSERT_TRUE(fcntl(pair[0], F_GETFD) >= 0);
	close(pair[0]);
	close(pair[1]);
	fd = open_packet(false);
	CU_ASSERT_EQUAL(new_port(&hp, HOST_PORT_PACKET, fd), -EINVAL);
	CU_ASSERT_EQUAL(close(fd), 0);
	CU_ASSERT_PTR_NULL(hp);
}

static void impossible_configurations_are_refused(void)
{
	struct host_port_conf conf = { .name = "x", .kind = HOST_PORT_TAP };
	struct host_port *hp = NULL;
	char name[PORT_NAME_MAX + 1];

	CU_ASSERT_EQUAL(host_port_new(&hp, &conf), -EINVAL);
	conf.queues = PORT_QUEUES_MAX + 1;
	CU_ASSERT_EQUAL(host_port_new(&hp, &conf), -EINVAL);
	conf.queues = 1;
	conf.kind = 7;
	CU_ASSERT_EQUAL(host_port_new(&hp, &conf), -EINVAL);
	conf.kind = HOST_PORT_TAP;
	memset(name, 'x', sizeof(name));
	name[PORT_NAME_MAX] = 0;
	conf.name = name;
	CU_ASSERT_EQUAL(host_port_new(&hp, &conf), -EINVAL);
	CU_ASSERT_PTR_NULL(hp);
	host_port_free(NULL);
}

#define TEST(fn) { #fn, fn }

int main(void)
{
	CU_TestInfo tests[] = {
		TEST(frames_of_any_length_pass_both_ways),
		TEST(tso_frames_pass_whole_under_no_one_and_two_tags),
		TEST(stripped_tags_are_put_back),
		TEST(a_burst_ends_at_32_frames_or_its_byte_budget),
		TEST(refused_frames_say_why),
		TEST(a_run_counts_as_dropped_when_one_of_it_is_refused),
		TEST(an_interface_that_is_down_has_no_link),
		TEST(frames_the_kernel_dropped_are_known),
		TEST(descriptors_of_another_kind_are_refused_and_left_open),
		TEST(impossible_configurations_are_refused),
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "host_port", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};
	unsigned failed;

	if (!own_namespace() || !set_up()) {
		fprintf(stderr, "skipped: no network namespace or tap\n");
		return SKIPPED;
	}
	CU_initialize_registry();
	CU_register_suites(suites);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	host_port_free(pkt);
	host_port_free(tap);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
