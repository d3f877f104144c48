/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_guard.c: cycles a frame for guard_check() and for the VLAN verdicts,
 * over bursts of 32 different frames that are in cache, as they are when the
 * worker has just received them.  The best of many repetitions is printed:
 * what the code costs when nothing else runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

#include "tests/lib/frame_gen.h"
#include "tests/lib/packet.h"
#include "vlan/port_vlan.h"
#include "vswitch/port_guard.h"

#define PEER        "02:00:00:00:00:02"
#define REPETITIONS 20000

static struct packet packets[BURST_MAX];
static struct packet_frame frames[BURST_MAX];
static unsigned accepted;

struct port {
	struct guard *guard;
	struct port_vlan vlan;
};

typedef unsigned (*burst_fn)(const struct port *port);

static __attribute__((noinline)) unsigned check_burst(const struct port *port)
{
	unsigned i, ok = 0;

	for (i = 0; i < BURST_MAX; i++)
		ok += guard_check(port->guard, &frames[i].f) == DROP_NONE;
	return ok;
}

static __attribute__((noinline)) unsigned judge_burst(const struct port *port)
{
	unsigned i, ok = 0;

	for (i = 0; i < BURST_MAX; i++)
		ok += guard_judge(port->guard, &frames[i].f) == DROP_NONE;
	return ok;
}

static __attribute__((noinline)) unsigned vlan_burst(const struct port *port)
{
	unsigned i, strip, ok = 0;
	uint16_t vid, pcp;
	uint32_t tag[FRAME_TAGS_MAX] = { 0 };

	for (i = 0; i < BURST_MAX; i++) {
		const struct frame *f = &frames[i].f;

		if (!port_vlan_admit(&port->vlan, f, &vid, &strip, &pcp))
			ok += port_vlan_egress(&port->vlan, vid, pcp, f, tag) ==
			      (int)strip;
	}
	return ok;
}

static void measure(const char *what, burst_fn run, const struct port *port)
{
	uint64_t best = UINT64_MAX, start, spent;
	unsigned i;

	for (i = 0; i < REPETITIONS; i++) {
		start = __rdtsc();
		accepted = run(port);
		spent = __rdtsc() - start;
		if (spent < best)
			best = spent;
	}
	printf("%-46s %6.1f cycles (%u of %u pass)\n", what,
	       (double)best / BURST_MAX, accepted, BURST_MAX);
}

static struct guard *guard_of(enum guard_mode mode, const char *const allowed[],
			      unsigned n)
{
	struct guard_prefix prefix[8];
	struct guard_conf conf = { .mode = mode,
				   .allowed = prefix,
				   .allowed_count = n };
	struct guard *g;
	unsigned i;

	packet_mac(FRAME_GEN_MAC, conf.mac);
	for (i = 0; i < n; i++)
		if (guard_prefix_parse(allowed[i], &prefix[i]))
			exit(EXIT_FAILURE);
	if (guard_new(&g, &conf))
		exit(EXIT_FAILURE);
	return g;
}

static void use(void (*build)(struct packet *p, unsigned i))
{
	unsigned i;

	for (i = 0; i < BURST_MAX; i++) {
		build(&packets[i], i);
		packet_frame(&packets[i], &frames[i], FRAME_HDR_MAX);
	}
}

static void udp4(struct packet *p, unsigned i)
{
	packet_eth(p, PEER, FRAME_GEN_MAC, 0x0800);
	packet_ipv4(p, FRAME_GEN_IPV4, "10.0.0.2", 17, 26);
	packet_udp(p, 1024 + i, 9, 18);
	packet_zero(p, 18);
}

static void tagged_udp4(struct packet *p, unsigned i)
{
	udp4(p, i);
	packet_tag(p, 0x8100, 10);
}

static void mixed4(struct packet *p, unsigned i)
{
	static const uint8_t protos[] = { 6, 17, 1, 6 };

	packet_eth(p, PEER, FRAME_GEN_MAC, 0x0800);
	packet_ipv4(p, i & 1 ? FRAME_GEN_IPV4 : "10.0.1.7", "10.0.0.2",
		    protos[i % 4], 1480);
	packet_udp(p, 1024 + i, 9, 1472);
	packet_zero(p, 1472);
}

static void tcp6(struct packet *p, unsigned i)
{
	packet_eth(p, PEER, FRAME_GEN_MAC, 0x86dd);
	packet_ipv6(p, FRAME_GEN_IPV6, "2001:db8::2", 6, 64, 20);
	packet_put16(p, 1024 + i);
	packet_zero(p, 18);
}

static void arp(struct packet *p, unsigned i)
{
	uint8_t mac[6];

	packet_mac(FRAME_GEN_MAC, mac);
	packet_eth(p, "ff:ff:ff:ff:ff:ff", FRAME_GEN_MAC, 0x0806);
	packet_put_hex(p, "0001 0800 06 04 0001");
	packet_put(p, mac, 6);
	packet_put_ip(p, FRAME_GEN_IPV4);
	packet_zero(p, 5);
	packet_put8(p, i);
	packet_zero(p, 22);
}

static void spoofed(struct packet *p, unsigned i)
{
	udp4(p, i);
	p->bytes[11] = 9;
}

int main(void)
{
	static const char *const one[] = { FRAME_GEN_IPV4 };
	static const char *const many[] = {
		FRAME_GEN_IPV4, FRAME_GEN_NET4, FRAME_GEN_IPV6,
		FRAME_GEN_NET6, "192.0.2.0/24", "198.51.100.0/24",
	};
	struct port_vlan_conf access = { .mode = PORT_VLAN_ACCESS, .pvid = 10 };
	struct port_vlan_conf trunk = { .mode = PORT_VLAN_TRUNK };
	struct port unlocked = { .guard = guard_of(GUARD_UNLOCKED, NULL, 0) };
	struct port single = { .guard = guard_of(GUARD_LOCKED, one, 1) };
	struct port list = { .guard = guard_of(GUARD_LOCKED, many, 6) };

	vid_set_add_range(&trunk.vids, 1, 100);
	if (port_vlan_init(&unlocked.vlan, &access, NULL) ||
	    port_vlan_init(&single.vlan, &trunk, NULL))
		return EXIT_FAILURE;

	use(udp4);
	measure("locked, 1 IPv4, UDP 64 B", check_burst, &single);
	measure("unlocked, UDP 64 B", check_burst, &unlocked);
	measure("locked, 1 IPv4, UDP 64 B, no shortcut", judge_burst, &single);
	measure("access VLAN, in and out", vlan_burst, &unlocked);
	use(mixed4);
	measure("unlocked, TCP/UDP/ICMP 1514 B", check_burst, &unlocked);
	measure("locked, 6 prefixes, TCP/UDP/ICMP 1514 B", check_burst, &list);
	use(tcp6);
	measure("locked, 6 prefixes, IPv6 TCP", check_burst, &list);
	measure("unlocked, IPv6 TCP", check_burst, &unlocked);
	use(arp);
	measure("locked, ARP", check_burst, &single);
	use(spoofed);
	measure("locked, forged MAC", check_burst, &single);
	use(tagged_udp4);
	measure("trunk VLAN, in and out", vlan_burst, &single);

	guard_free(unlocked.guard);
	guard_free(single.guard);
	guard_free(list.guard);
	return EXIT_SUCCESS;
}
