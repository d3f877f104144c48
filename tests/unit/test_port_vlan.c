/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_port_vlan.c: tables of single cases, then a plain model of 802.1Q that
 * works on lists of tags instead of bytes, compared over random ports and
 * frames (argv[1]: how many, argv[2]: seed).
 */
#include "vlan/port_vlan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/packet.h"
#include "tests/lib/suite.h"

#define DST      "02:00:00:00:00:02"
#define SRC      "02:00:00:00:00:01"
#define TAGS_MAX 10
#define C(vid)   (0x81000000u | (vid))
#define S(vid)   (0x88a80000u | (vid))
#define Q(vid)   (0x91000000u | (vid))

struct tags {
	unsigned n;
	uint32_t tag[TAGS_MAX]; /* outermost first */
};

static unsigned long rounds = 300000;
static uint64_t seed = 1;

static void build(struct packet *p, const struct tags *t)
{
	unsigned i;

	packet_eth(p, DST, SRC, 0x0800);
	packet_zero(p, 46);
	for (i = t->n; i-- > 0;)
		packet_tag(p, t->tag[i] >> 16, t->tag[i]);
}

static struct port_vlan_conf conf_of(enum port_vlan_mode mode, uint16_t pvid,
				     uint16_t a, uint16_t b)
{
	struct port_vlan_conf conf = { .mode = mode, .pvid = pvid };

	if (a)
		vid_set_add(&conf.vids, a);
	if (b)
		vid_set_add(&conf.vids, b);
	return conf;
}

static struct port_vlan compile(const struct port_vlan_conf *conf)
{
	struct port_vlan pv;
	const char *why;

	CU_ASSERT_EQUAL_FATAL(port_vlan_init(&pv, conf, &why), 0);
	CU_ASSERT_PTR_NULL(why);
	return pv;
}

enum port {
	ACCESS,
	ACCESS_PVID,
	ACCESS_0,
	TRUNK,
	S_TRUNK,
	NATIVE,
	NATIVE_0,
	NATIVE_TAGGED,
	TUNNEL,
	TUNNEL_C,
	PORTS
};

static struct port_vlan ports[PORTS];

/* First in the suite: the others use ports[]. */
static void init_compiles_every_mode(void)
{
	struct port_vlan_conf c[PORTS] = {
		[ACCESS] = conf_of(PORT_VLAN_ACCESS, 10, 0, 0),
		[ACCESS_PVID] = conf_of(PORT_VLAN_ACCESS, 10, 0, 0),
		[ACCESS_0] = conf_of(PORT_VLAN_ACCESS, 0, 0, 0),
		[TRUNK] = conf_of(PORT_VLAN_TRUNK, 0, 10, 20),
		[S_TRUNK] = conf_of(PORT_VLAN_TRUNK, 0, 10, 20),
		[NATIVE] = conf_of(PORT_VLAN_NATIVE_UNTAGGED, 10, 20, 0),
		[NATIVE_0] = conf_of(PORT_VLAN_NATIVE_UNTAGGED, 0, 10, 20),
		[NATIVE_TAGGED] = conf_of(PORT_VLAN_NATIVE_TAGGED, 10, 20, 0),
		[TUNNEL] = conf_of(PORT_VLAN_TUNNEL, 10, 0, 0),
		[TUNNEL_C] = conf_of(PORT_VLAN_TUNNEL, 10, 5, 6),
	};
	unsigned i;

	c[ACCESS_PVID].accept_pvid = true;
	c[S_TRUNK].tpid = 0x88a8;
	for (i = 0; i < PORTS; i++)
		ports[i] = compile(&c[i]);
}

#define NO (-1)

static const struct {
	enum port port;
	struct tags in;
	int vid; /* or NO */
	unsigned strip;
	uint16_t pcp;
} admit_cases[] = {
	/* access: untagged and priority-tagged only (FR-05) */
	{ ACCESS, { 0 }, 10, 0, 0 },
	{ ACCESS, { 1, { C(0xb000) } }, 10, 1, 0xb000 },
	{ ACCESS, { 1, { C(10) } }, NO, 0, 0 },
	{ ACCESS, { 1, { C(20) } }, NO, 0, 0 },
	{ ACCESS, { 1, { C(4095) } }, NO, 0, 0 },
	{ ACCESS, { 1, { S(0) } }, NO, 0, 0 },
	{ ACCESS, { 1, { Q(10) } }, NO, 0, 0 },
	{ ACCESS, { 2, { C(10), C(20) } }, NO, 0, 0 },
	{ ACCESS, { 2, { C(0), C(20) } }, NO, 0, 0 },
	{ ACCESS, { 2, { C(0), S(20) } }, NO, 0, 0 },
	{ ACCESS_PVID, { 1, { C(0x600a) } }, 10, 1, 0x6000 },
	{ ACCESS_PVID, { 1, { C(20) } }, NO, 0, 0 },
	{ ACCESS_PVID, { 1, { S(10) } }, NO, 0, 0 },
	{ ACCESS_PVID, { 2, { C(10), C(20) } }, NO, 0, 0 },
	{ ACCESS_0, { 0 }, 0, 0, 0 },
	{ ACCESS_0, { 1, { C(1) } }, NO, 0, 0 },
	/* trunk: listed VIDs under its own TPID only */
	{ TRUNK, { 0 }, NO, 0, 0 },
	{ TRUNK, { 1, { C(0) } }, NO, 0, 0 },
	{ TRUNK, { 1, { C(0xf00a) } }, 10, 1, 0xf000 },
	{ TRUNK, { 1, { C(20) } }, 20, 1, 0 },
	{ TRUNK, { 1, { C(30) } }, NO, 0, 0 },
	{ TRUNK, { 1, { C(4095) } }, NO, 0, 0 },
	{ TRUNK, { 1, { S(10) } }, NO, 0, 0 },
	{ TRUNK, { 2, { C(10), C(30) } }, 10, 1, 0 },
	{ TRUNK, { 2, { S(10), C(10) } }, NO, 0, 0 },
	{ TRUNK, { 2, { C(30), C(10) } }, NO, 0, 0 },
	{ TRUNK,
	  { 8, { C(10), C(1), C(2), C(3), C(4), C(5), C(6), C(7) } },
	  10,
	  1,
	  0 },
	{ S_TRUNK, { 1, { S(10) } }, 10, 1, 0 },
	{ S_TRUNK, { 1, { C(10) } }, NO, 0, 0 },
	{ S_TRUNK, { 1, { Q(10) } }, NO, 0, 0 },
	{ S_TRUNK, { 2, { S(20), C(10) } }, 20, 1, 0 },
	/* native: untagged belongs to pvid, tagged pvid is welcome */
	{ NATIVE, { 0 }, 10, 0, 0 },
	{ NATIVE, { 1, { C(0x2000) } }, 10, 1, 0x2000 },
	{ NATIVE, { 1, { C(10) } }, 10, 1, 0 },
	{ NATIVE, { 1, { C(20) } }, 20, 1, 0 },
	{ NATIVE, { 1, { C(30) } }, NO, 0, 0 },
	{ NATIVE, { 2, { C(0), C(20) } }, NO, 0, 0 },
	{ NATIVE, { 2, { C(10), C(20) } }, 10, 1, 0 },
	{ NATIVE, { 1, { Q(10) } }, NO, 0, 0 },
	{ NATIVE_0, { 0 }, 0, 0, 0 },
	{ NATIVE_0, { 1, { C(0) } }, 0, 1, 0 },
	{ NATIVE_0, { 1, { C(20) } }, 20, 1, 0 },
	{ NATIVE_TAGGED, { 0 }, 10, 0, 0 },
	{ NATIVE_TAGGED, { 1, { C(10) } }, 10, 1, 0 },
	/* tunnel: the customer's frame stays whole */
	{ TUNNEL, { 0 }, 10, 0, 0 },
	{ TUNNEL, { 1, { C(0xe014) } }, 10, 0, 0 },
	{ TUNNEL, { 1, { S(10) } }, 10, 0, 0 },
	{ TUNNEL, { 2, { C(0), C(20) } }, 10, 0, 0 },
	{ TUNNEL, { 1, { C(4095) } }, NO, 0, 0 },
	{ TUNNEL_C, { 0 }, NO, 0, 0 },
	{ TUNNEL_C, { 1, { C(5) } }, 10, 0, 0 },
	{ TUNNEL_C, { 2, { C(6), C(20) } }, 10, 0, 0 },
	{ TUNNEL_C, { 1, { C(10) } }, NO, 0, 0 },
	{ TUNNEL_C, { 1, { S(5) } }, NO, 0, 0 },
};

static void port_admits_what_its_mode_says(void)
{
	unsigned i;

	for (i = 0; i < sizeof(admit_cases) / sizeof(admit_cases[0]); i++) {
		struct packet p;
		struct packet_frame pf;
		uint16_t vid, pcp;
		unsigned strip;
		enum drop why;
		bool ok;

		build(&p, &admit_cases[i].in);
		why = port_vlan_admit(&ports[admit_cases[i].port],
				      packet_frame(&p, &pf, 128), &vid, &strip,
				      &pcp);
		ok = admit_cases[i].vid == NO
			     ? why == DROP_VLAN
			     : why == DROP_NONE && vid == admit_cases[i].vid &&
				       strip == admit_cases[i].strip &&
				       pcp == admit_cases[i].pcp;
		if (!ok)
			printf("\nadmit case %u: %s\n", i, drop_name(why));
		CU_ASSERT_TRUE(ok);
	}
}

static const struct {
	enum port port;
	uint16_t vid, pcp;
	struct tags canonical;
	int n; /* tags pushed, or NO */
	uint32_t tag;
} egress_cases[] = {
	{ ACCESS, 10, 0xb000, { 0 }, 0, 0 },
	{ ACCESS, 20, 0, { 0 }, NO, 0 },
	{ ACCESS, 10, 0, { 1, { C(20) } }, NO, 0 },
	{ ACCESS, 10, 0, { 1, { C(0) } }, NO, 0 },
	{ ACCESS, 10, 0, { 1, { S(20) } }, NO, 0 },
	{ ACCESS_0, 0, 0, { 0 }, 0, 0 },
	{ ACCESS_0, 10, 0, { 0 }, NO, 0 },
	{ TRUNK, 10, 0xb000, { 0 }, 1, C(0xb00a) },
	{ TRUNK, 20, 0, { 1, { C(30) } }, 1, C(20) },
	{ TRUNK, 30, 0, { 0 }, NO, 0 },
	{ TRUNK, 0, 0, { 0 }, NO, 0 },
	{ S_TRUNK, 10, 0x3000, { 1, { C(5) } }, 1, S(0x300a) },
	{ NATIVE, 10, 0xe000, { 0 }, 0, 0 },
	{ NATIVE, 10, 0, { 1, { C(20) } }, NO, 0 }, /* the hop */
	{ NATIVE, 10, 0, { 1, { Q(20) } }, NO, 0 },
	{ NATIVE, 20, 0, { 1, { C(10) } }, 1, C(20) },
	{ NATIVE_0, 0, 0, { 0 }, 0, 0 },
	{ NATIVE_0, 0, 0, { 1, { C(20) } }, NO, 0 },
	{ NATIVE_0, 20, 0, { 0 }, 1, C(20) },
	{ NATIVE_TAGGED, 10, 0, { 0 }, 1, C(10) },
	{ NATIVE_TAGGED, 0, 0, { 0 }, NO, 0 },
	{ NATIVE_TAGGED, 10, 0, { 1, { C(20) } }, 1, C(10) },
	{ TUNNEL, 10, 0, { 1, { C(20) } }, 0, 0 },
	{ TUNNEL, 10, 0, { 0 }, 0, 0 },
	{ TUNNEL, 10, 0, { 1, { C(4095) } }, NO, 0 },
	{ TUNNEL, 20, 0, { 1, { C(5) } }, NO, 0 },
	{ TUNNEL_C, 10, 0, { 1, { C(5) } }, 0, 0 },
	{ TUNNEL_C, 10, 0, { 1, { C(7) } }, NO, 0 },
	{ TUNNEL_C, 10, 0, { 0 }, NO, 0 },
};

/* Each case twice: fresh, and while it wears tags for another port. */
static void port_egress_tags_as_its_mode_says(void)
{
	static const uint32_t others[2] = { C(77), S(78) };
	unsigned i, worn;

	for (i = 0; i < 2 * sizeof(egress_cases) / sizeof(egress_cases[0]);
	     i++) {
		struct packet p;
		struct packet_frame pf;
		struct frame *f;
		uint32_t tag[2] = { 0 };
		int n;

		worn = i % 2 * (1 + i / 2 % 2);
		build(&p, &egress_cases[i / 2].canonical);
		f = packet_frame(&p, &pf, 128);
		frame_retag(f, worn, others);
		n = port_vlan_egress(&ports[egress_cases[i / 2].port],
				     egress_cases[i / 2].vid,
				     egress_cases[i / 2].pcp, f, tag);
		if (n != egress_cases[i / 2].n ||
		    (n == 1 && tag[0] != egress_cases[i / 2].tag))
			printf("\negress case %u: %d %08x\n", i / 2, n, tag[0]);
		CU_ASSERT_EQUAL(n, egress_cases[i / 2].n);
		if (n == 1)
			CU_ASSERT_EQUAL(tag[0], egress_cases[i / 2].tag);
	}
}

static void port_refuses_truncated_tags(void)
{
	static const struct tags one = { 1, { C(10) } };
	static const struct tags two = { 2, { C(10), C(20) } };
	struct packet p;
	struct packet_frame pf;
	uint16_t vid, pcp;
	unsigned strip, cut, port;

	for (port = 0; port < PORTS; port++) {
		for (cut = 0; cut < 22; cut++) {
			build(&p, cut < 18 ? &one : &two);
			CU_ASSERT_EQUAL(
				port_vlan_admit(&ports[port],
						packet_frame(&p, &pf, cut),
						&vid, &strip, &pcp),
				cut < 14 ? DROP_RUNT : DROP_VLAN);
		}
	}
}

/*
 * The classic attack: an attacker in the native VLAN sends [native][victim]
 * and hopes that the next switch sees [victim].
 */
static void double_tags_never_hop_out_of_the_native_vlan(void)
{
	static const struct tags attack = { 2, { C(10), C(20) } };
	static const enum port in[] = { ACCESS, ACCESS_PVID, TRUNK, NATIVE,
					NATIVE_TAGGED };
	static const enum port out[] = { ACCESS, ACCESS_PVID, NATIVE };
	unsigned i, o;

	for (i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		struct packet p;
		struct packet_frame pf;
		uint16_t vid, pcp;
		unsigned strip;
		uint32_t tag[2];
		struct frame *f;

		build(&p, &attack);
		f = packet_frame(&p, &pf, 128);
		if (port_vlan_admit(&ports[in[i]], f, &vid, &strip, &pcp))
			continue;
		frame_strip(f, strip);
		for (o = 0; o < sizeof(out) / sizeof(out[0]); o++)
			CU_ASSERT_EQUAL(port_vlan_egress(&ports[out[o]], vid,
							 pcp, f, tag),
					-1);
	}
}

static void init_refuses_contradictions_and_says_why(void)
{
	struct {
		struct port_vlan_conf conf;
		const char *field;
	} bad[] = {
		{ conf_of(PORT_VLAN_ACCESS, 4095, 0, 0), "pvid" },
		{ conf_of(PORT_VLAN_ACCESS, 10, 20, 0), "vids" },
		{ conf_of(PORT_VLAN_TRUNK, 0, 0, 0), "vids" },
		{ conf_of(PORT_VLAN_TRUNK, 10, 20, 0), "pvid" },
		{ conf_of(PORT_VLAN_TRUNK, 0, 20, 4095), "vids" },
		{ conf_of(PORT_VLAN_NATIVE_TAGGED, 0, 20, 0), "pvid" },
		{ conf_of(PORT_VLAN_TUNNEL, 10, 4095, 0), "vids" },
		{ conf_of(99, 10, 0, 0), "mode" },
		{ conf_of(PORT_VLAN_ACCESS, 10, 0, 0), "tpid" },
		{ conf_of(PORT_VLAN_ACCESS, 0, 0, 0), "accept_pvid" },
		{ conf_of(PORT_VLAN_NATIVE_UNTAGGED, 10, 20, 0), "vids" },
	};
	struct port_vlan pv;
	const char *why;
	unsigned i;

	bad[8].conf.tpid = 0x0800;
	bad[9].conf.accept_pvid = true;
	vid_set_add(&bad[10].conf.vids, 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		CU_ASSERT_EQUAL(port_vlan_init(&pv, &bad[i].conf, &why),
				-EINVAL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(why);
		CU_ASSERT_EQUAL(
			strncmp(why, bad[i].field, strlen(bad[i].field)), 0);
	}
}

static void mode_names_can_be_parsed_back(void)
{
	enum port_vlan_mode mode, back;

	for (mode = PORT_VLAN_ACCESS; mode <= PORT_VLAN_TUNNEL; mode++) {
		CU_ASSERT_EQUAL(
			port_vlan_mode_parse(port_vlan_mode_name(mode), &back),
			0);
		CU_ASSERT_EQUAL(mode, back);
	}
	CU_ASSERT_EQUAL(port_vlan_mode_parse("hybrid", &back), -EINVAL);
	CU_ASSERT_STRING_EQUAL(port_vlan_mode_name(99), "unknown");
}

/* The model: lists of tags. */

static bool is_tag(uint32_t tag)
{
	uint16_t tpid = tag >> 16;

	return tpid == 0x8100 || tpid == 0x88a8 || tpid == 0x9100;
}

/* A list ends where its first foreign TPID stands. */
static unsigned tags_known(const struct tags *t)
{
	unsigned n = 0;

	while (n < t->n && is_tag(t->tag[n]))
		n++;
	return n;
}

static bool model_customer(const struct port_vlan_conf *c, const struct tags *t)
{
	unsigned n = tags_known(t);
	unsigned vid = n ? t->tag[0] & 4095 : 0;

	if (vid == 4095)
		return false;
	if (vid_set_empty(&c->vids))
		return true;
	if (n && t->tag[0] >> 16 != 0x8100)
		return false;
	if (n > 1 && vid == 0)
		return false;
	return vid_set_has(&c->vids, vid);
}

/* VID or -1; the canonical tags into *canon.  `seen`: private bytes. */
static int model_admit(const struct port_vlan_conf *c, const struct tags *t,
		       unsigned seen, struct tags *canon)
{
	unsigned n = tags_known(t), vid;
	bool native = c->mode == PORT_VLAN_NATIVE_UNTAGGED ||
		      c->mode == PORT_VLAN_NATIVE_TAGGED;

	*canon = *t;
	if (seen < 14)
		return -1;
	if ((n > 0 && seen < 18) || (n > 1 && seen < 22))
		return -1;
	if (c->mode == PORT_VLAN_TUNNEL)
		return model_customer(c, t) ? c->pvid : -1;
	if (n == 0)
		return c->mode == PORT_VLAN_TRUNK ? -1 : c->pvid;

	if (t->tag[0] >> 16 != (c->tpid ? c->tpid : 0x8100))
		return -1;
	vid = t->tag[0] & 4095;
	canon->n--;
	memmove(canon->tag, t->tag + 1, canon->n * sizeof(t->tag[0]));
	if (vid == 4095)
		return -1;
	if (vid == 0)
		return c->mode == PORT_VLAN_TRUNK || n > 1 ? -1 : c->pvid;
	if (c->mode == PORT_VLAN_ACCESS)
		return c->accept_pvid && vid == c->pvid && n == 1 ? (int)vid
								  : -1;
	if (vid_set_has(&c->vids, vid) || (native && vid == c->pvid))
		return vid;
	return -1;
}

/* Tags of the frame as it leaves, or false. */
static bool model_egress(const struct port_vlan_conf *c, unsigned vid,
			 unsigned pcp, const struct tags *canon,
			 struct tags *out)
{
	bool native = c->mode == PORT_VLAN_NATIVE_UNTAGGED ||
		      c->mode == PORT_VLAN_NATIVE_TAGGED;
	bool member = vid == c->pvid;

	*out = *canon;
	if (c->mode == PORT_VLAN_TUNNEL)
		return member && model_customer(c, canon);
	if (c->mode == PORT_VLAN_TRUNK || (native && !member))
		member = vid && vid_set_has(&c->vids, vid);
	if (!member)
		return false;
	if (c->mode == PORT_VLAN_ACCESS ||
	    (c->mode == PORT_VLAN_NATIVE_UNTAGGED && vid == c->pvid))
		return c->listener || tags_known(canon) == 0;
	memmove(out->tag + 1, canon->tag, canon->n * sizeof(canon->tag[0]));
	out->tag[0] = (uint32_t)(c->tpid ? c->tpid : 0x8100) << 16 | pcp | vid;
	out->n++;
	return true;
}

static const uint16_t some_vids[] = { 0, 1, 10, 20, 63, 64, 4094, 4095 };
static const uint16_t some_tpids[] = { 0x8100, 0x8100, 0x8100, 0x88a8,
				       0x88a8, 0x9100, 0x9200, 0x0801 };

static void random_conf(struct packet_rng *rng, struct port_vlan_conf *c)
{
	struct port_vlan pv;
	unsigned i;

	do {
		*c = (struct port_vlan_conf){
			.mode = packet_random(rng, 5),
			.pvid = some_vids[packet_random(rng, 8)],
			.tpid = packet_random(rng, 2)
					? 0
					: some_tpids[packet_random(rng, 6)],
			.accept_pvid = packet_random(rng, 4) == 0,
			.listener = packet_random(rng, 4) == 0,
		};
		for (i = packet_random(rng, 4); i > 0; i--)
			vid_set_add(&c->vids, some_vids[packet_random(rng, 8)]);
	} while (port_vlan_init(&pv, c, NULL));
}

static void random_tags(struct packet_rng *rng, struct tags *t)
{
	unsigned i;

	t->n = packet_random(rng, 3) ? packet_random(rng, 3)
				     : packet_random(rng, 9);
	for (i = 0; i < t->n; i++)
		t->tag[i] = (uint32_t)some_tpids[packet_random(rng, 8)] << 16 |
			    packet_random(rng, 16) << 12 |
			    some_vids[packet_random(rng, 8)];
}

/* One frame through one ingress and one egress port; false: they differ. */
static bool agree_once(struct packet_rng *rng)
{
	struct port_vlan_conf ci, co;
	struct port_vlan in, out;
	struct tags t, canon, leaves;
	struct packet p, want, got;
	struct packet_frame pf;
	struct frame *f;
	unsigned strip, cut, mvid;
	uint16_t vid, pcp;
	uint32_t tag[2] = { 0 };
	int expect, n;

	random_conf(rng, &ci);
	random_conf(rng, &co);
	port_vlan_init(&in, &ci, NULL);
	port_vlan_init(&out, &co, NULL);
	random_tags(rng, &t);
	build(&p, &t);
	cut = packet_random(rng, 8) ? 128 : packet_random(rng, 30);
	f = packet_frame(&p, &pf, cut);
	expect = model_admit(&ci, &t, f->hdr_len, &canon);
	if (port_vlan_admit(&in, f, &vid, &strip, &pcp))
		return expect < 0;
	if (vid != expect || strip != t.n - canon.n)
		return false;
	frame_strip(f, strip);
	mvid = packet_random(rng, 2) ? vid : some_vids[packet_random(rng, 7)];
	n = port_vlan_egress(&out, mvid, pcp, f, tag);
	if (!model_egress(&co, mvid, pcp, &canon, &leaves))
		return n < 0;
	if (n < 0 || !port_vlan_carries(&out, mvid))
		return false;
	frame_retag(f, n, tag);
	packet_from_frame(&got, f);
	build(&want, &leaves);
	return got.len == want.len && !memcmp(got.bytes, want.bytes, got.len);
}

static void port_vlan_agrees_with_the_plain_model(void)
{
	struct packet_rng rng = { seed };
	unsigned long i, differ = 0;

	for (i = 0; i < rounds && !differ; i++) {
		uint64_t state = rng.state;

		if (!agree_once(&rng)) {
			printf("\ndiffer: seed %llu\n",
			       (unsigned long long)state);
			differ++;
		}
	}
	CU_ASSERT_EQUAL(differ, 0);
}

int main(int argc, char **argv)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(init_compiles_every_mode),
		SUITE_TEST(port_admits_what_its_mode_says),
		SUITE_TEST(port_egress_tags_as_its_mode_says),
		SUITE_TEST(port_refuses_truncated_tags),
		SUITE_TEST(double_tags_never_hop_out_of_the_native_vlan),
		SUITE_TEST(init_refuses_contradictions_and_says_why),
		SUITE_TEST(mode_names_can_be_parsed_back),
		SUITE_TEST(port_vlan_agrees_with_the_plain_model),
	};

	rounds = suite_rounds(argc, argv, rounds);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0);
	printf("rounds %lu seed %llu\n", rounds, (unsigned long long)seed);
	return suite_run("port_vlan", tests, sizeof(tests) / sizeof(tests[0]));
}
