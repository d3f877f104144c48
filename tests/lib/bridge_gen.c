/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bridge_gen.c: see bridge_gen.h. */
#include "tests/lib/bridge_gen.h"

#include <stdarg.h>
#include <stdio.h>

#define NETS_MAX 3

struct text {
	char *at, *end;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t,
						      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	t->at += vsnprintf(t->at, t->end - t->at, fmt, ap);
	va_end(ap);
}

static bool one_in(struct packet_rng *rng, unsigned n)
{
	return packet_random(rng, n) == 0;
}

/* Networks n0 .. of VLANs 10, 20 and 0. */
static const unsigned vlans[NETS_MAX] = { 10, 20, 0 };

static void put_networks(struct packet_rng *rng, struct text *t, unsigned n,
			 bool uplink, bool snooping)
{
	unsigned i;

	say(t, "'networks':[");
	for (i = 0; i < n; i++) {
		say(t, "%s{'name':'n%u','vlan':%u,'mtu':100,"
		       "'igmp_snooping':%s",
		    i ? "," : "", i, vlans[i], snooping ? "true" : "false");
		if (uplink && !one_in(rng, 4))
			say(t, ",'uplink':'up'");
		if (one_in(rng, 4))
			say(t, ",'flood_unknown':true");
		if (one_in(rng, 16))
			say(t, ",'default_locking_mode':'disabled'");
		say(t, "}");
	}
	say(t, "]");
}

/* Tagged networks only: n2 has no tag. */
static void put_trunk(struct packet_rng *rng, struct text *t, unsigned nets)
{
	if (nets > 1 && !one_in(rng, 3))
		say(t, ",'trunk':['n0','n1']");
	else
		say(t, ",'trunk':['n0']");
}

static void put_vlans(struct packet_rng *rng, struct text *t, unsigned nets)
{
	unsigned net = packet_random(rng, nets);

	switch (packet_random(rng, 12)) {
	case 0:
		put_trunk(rng, t, nets);
		if (one_in(rng, 3))
			say(t, ",'tpid':'0x88a8'");
		break;
	case 1:
		put_trunk(rng, t, nets);
		say(t, ",'native':'n%u'", net);
		break;
	case 2:
		put_trunk(rng, t, nets);
		say(t, ",'native':'n0','vlan_mode':'native-tagged'");
		break;
	case 3:
		say(t, ",'network':'n%u','vlan_mode':'tunnel'", net);
		if (one_in(rng, 2))
			say(t, ",'cvlans':[%s20,30]",
			    one_in(rng, 2) ? "0," : "");
		break;
	default:
		say(t, ",'network':'n%u'", net);
	}
}

static void put_policy(struct packet_rng *rng, struct text *t, unsigned port,
		       bool guest)
{
	static const char *const locking[] = { "locked", "unlocked",
					       "disabled" };
	bool mac = !one_in(rng, 3);
	unsigned lock = one_in(rng, 12) ? 2 : mac && one_in(rng, 3) ? 0 : 1;

	if (mac)
		say(t, ",'mac':'02:00:00:00:00:%02x'", port);
	if (!one_in(rng, 4))
		say(t, ",'locking_mode':'%s'", locking[lock]);
	say(t, ",'ipv4_allowed':['10.0.0.%u'],'mac_limit':%u", port,
	    1 + packet_random(rng, 8));
	if (one_in(rng, 3))
		say(t, ",'isolated':true");
	if (guest && one_in(rng, 4))
		say(t, ",'flood_unknown':true");
	if (one_in(rng, 4))
		say(t, ",'promiscuous':true,'include_refused':%s,'inject':%s",
		    one_in(rng, 2) ? "true" : "false",
		    one_in(rng, 3) ? "false" : "true");
	if (one_in(rng, 5))
		say(t, ",'mtu':120");
	say(t, ",'storm_pps':0");
}

void bridge_gen_conf(struct packet_rng *rng, bool snooping,
		     char text[BRIDGE_GEN_TEXT])
{
	struct text t = { text, text + BRIDGE_GEN_TEXT };
	unsigned nets = 1 + packet_random(rng, NETS_MAX);
	unsigned i, ports = 2 + packet_random(rng, 6);
	bool uplink = !one_in(rng, 3);

	say(&t, "'settings':{'fdb_entries':1024,'mac_move_hold_ms':%u},",
	    packet_random(rng, 3) * 1000);
	put_networks(rng, &t, nets, uplink, snooping);
	say(&t, ",'ports':[");
	for (i = 1; i <= ports; i++) {
		bool guest = !one_in(rng, 5);

		if (guest)
			say(&t, "{'name':'p%u','type':'vhost-user',"
				"'socket':'/p%u'",
			    i, i);
		else
			say(&t, "{'name':'p%u','type':'tap','interface':'p%u'",
			    i, i);
		put_vlans(rng, &t, nets);
		put_policy(rng, &t, i, guest);
		say(&t, "}%s", i < ports || uplink ? "," : "]");
	}
	if (uplink)
		say(&t, "{'name':'up','type':'packet','interface':'up'%s}]",
		    one_in(rng, 4) ? ",'tpid':'0x88a8'" : "");
}

/* ---- frames ---- */

static void put_mac(struct packet_rng *rng, uint8_t *mac, bool dst)
{
	static const uint8_t group[] = { 1, 0, 0x5e, 1, 2, 3 };
	unsigned who = packet_random(rng, 14);

	memset(mac, 0, 6);
	if (who == 13 && dst)
		memset(mac, 0xff, 6);
	else if (who == 12 && (dst || one_in(rng, 6)))
		memcpy(mac, group, 6);
	else if (who < 12 || !one_in(rng, 6)) {
		mac[0] = 2;
		mac[5] = 1 + who; /* ports have 1 to 8; the rest are loose */
	}
}

static void put_tag(struct packet_rng *rng, struct packet *p)
{
	static const uint16_t vids[] = { 10, 10, 10, 10, 10, 20, 20, 20,
					 0, 0, 30, 4095 };
	static const uint16_t tpids[] = { 0x8100, 0x8100, 0x8100, 0x8100,
					  0x8100, 0x88a8, 0x88a8, 0x9100 };

	packet_tag(p, tpids[packet_random(rng, 8)],
		   vids[packet_random(rng, 12)] |
			   packet_random(rng, 16) << 12);
}

static unsigned sum16(const uint8_t *p, unsigned n)
{
	unsigned sum = 0;

	for (; n; p += 2, n -= 2)
		sum += p[0] << 8 | p[1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* IGMPv2: query, report, leave; or of a kind nobody knows. */
static void put_igmp(struct packet_rng *rng, struct packet *p, const char *src)
{
	static const uint8_t types[] = { 0x11, 0x16, 0x16, 0x17, 0x13 };
	uint8_t *ip = p->bytes + p->len;
	unsigned sum;

	packet_ipv4(p, src, "239.1.2.3", 2, 8);
	ip[8] = 1;
	ip[10] = ip[11] = 0;
	sum = sum16(ip, 20);
	ip[10] = sum >> 8;
	ip[11] = sum;
	packet_put8(p, types[packet_random(rng, 5)]);
	packet_put8(p, 0);
	packet_put16(p, 0);
	packet_put_ip(p, one_in(rng, 4) ? "0.0.0.0" : "239.1.2.3");
	sum = sum16(ip + 20, 8);
	ip[22] = sum >> 8;
	ip[23] = sum;
}

/* Most of them announce where the source is. */
static void put_arp(struct packet_rng *rng, struct packet *p)
{
	uint8_t mac[6];

	memcpy(mac, p->bytes + 6, 6);
	if (!one_in(rng, 4))
		memset(p->bytes, 0xff, 6);
	packet_put16(p, 0x0806);
	packet_put_hex(p, "0001 0800 0604 00");
	packet_put8(p, packet_random(rng, 4));
	packet_put(p, mac, 6);
	packet_put_hex(p, "0a0000");
	packet_put8(p, mac[5]);
	packet_put(p, mac, 6);
	packet_put_hex(p, "0a0000");
	packet_put8(p, one_in(rng, 4) ? 99 : mac[5]);
}

void bridge_gen_frame(struct packet_rng *rng, bool trunk, struct packet *p)
{
	unsigned tags = one_in(rng, 4) ? packet_random(rng, 4) : trunk;
	char src[16];

	p->len = 12;
	put_mac(rng, p->bytes, true);
	put_mac(rng, p->bytes + 6, false);
	if (one_in(rng, 5)) {
		put_arp(rng, p);
	} else if (one_in(rng, 2)) {
		packet_put16(p, 0x0800);
		snprintf(src, sizeof(src), "10.0.0.%u",
			 one_in(rng, 4) ? 9 : p->bytes[11]);
		if (one_in(rng, 8)) {
			put_igmp(rng, p, src);
		} else {
			packet_ipv4(p, src, "10.0.0.77", 17, 20);
			packet_udp(p, 1000, 2000, 12);
		}
	} else {
		packet_put16(p, 0x88b5);
	}
	while (packet_random(rng, 60))
		packet_put8(p, packet_random(rng, 256));
	if (p->len > 120)
		p->len = 105 + packet_random(rng, 20);
	while (tags--)
		put_tag(rng, p);
	if (one_in(rng, 20))
		p->len = packet_random(rng, p->len + 1);
}
