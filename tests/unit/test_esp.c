/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_esp.c: frames to ESP packets and back; what a forger may try. */
#include "ipsec-migrate/esp_in.h"
#include "ipsec-migrate/esp_out.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/esp_world.h"
#include "tests/lib/inner_packet.h"
#include "tests/lib/suite.h"

static uint8_t frame[INNER_FRAME_MAX], buf[INNER_LEN_MAX], inner[4096];
static struct esp_world w;

static void begin(const struct sa_conf *conf)
{
	struct sa_conf c = world_conf();

	esp_world_make(&w, conf ? conf : &c);
}

static enum esp_out_verdict send_packet(const struct inner_packet *p,
					uint16_t gso_size)
{
	return esp_out_frame(w.out, w.policies, frame,
			     inner_packet_frame(p, gso_size, frame), 0);
}

/* One packet of the oracle's, into the engine. */
static struct esp_pkt receive(const uint8_t *esp, uint32_t len, uint8_t ecn)
{
	struct esp_pkt pkt = { .data = malloc(len + 1), .len = len,
			       .ecn = ecn };
	uint8_t *exact = pkt.data;

	memcpy(exact, esp, len);
	esp_in_burst(&w.in, w.in_table, &pkt, 1, 0);
	memcpy(buf, pkt.data, pkt.why ? 0 : pkt.len);
	pkt.data = buf;
	free(exact);
	return pkt;
}

static enum esp_drop why_of(const uint8_t *esp, uint32_t len)
{
	return receive(esp, len, 0).why;
}

static uint32_t seal_inner(uint64_t seq, uint8_t *esp)
{
	struct inner_packet p = inner_packet_tcp(4, 100);

	return world_seal(&w.conf, seq, inner, inner_packet_make(&p, inner),
			  IPPROTO_IPIP, esp);
}

/* --- published packets ---------------------------------------------------- */

static uint32_t unhex(uint8_t *to, const char *hex)
{
	uint32_t n = (uint32_t)strlen(hex) / 2, i;
	unsigned byte;

	for (i = 0; i < n; i++) {
		sscanf(hex + 2 * i, "%2x", &byte);
		to[i] = (uint8_t)byte;
	}
	return n;
}

struct vector {
	enum cipher_alg alg;
	uint64_t seq;
	bool esn;
	const char *key, *plain, *esp;
};

/*
 * RFC 7634 appendix A; draft-mcgrew-gcm-test-01, whose packets say "ICMP" for
 * next header and so end there, opened.
 */
static const struct vector vectors[] = {
	{ CIPHER_CHACHA20_POLY1305, 5, false,
	  "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
	  "a0a1a2a3",
	  "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec10"
	  "0007362708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
	  "2425262728292a2b2c2d2e2f3031323334353637",
	  "01020304000000051011121314151617"
	  "24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c6"
	  "14ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9befe2facc638e8f3"
	  "cbec163fac469b502773f6fb94e664da9165b82829f641e0"
	  "76aaa8266b7fb0f7b11b369907e1ad43" },
	{ CIPHER_AES_GCM_128, 0x8765432100000000, true,
	  "4c80cdefbb5d10da906ac73c3613a6342e443b68",
	  "45000048699a000080114db7c0a80102c0a801010a9bf15638d3010000010000"
	  "00000000045f736970045f756470037369700963796265726369747902646b00"
	  "00210001",
	  "00004321000000004956ed7e3b244cfe"
	  "fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34"
	  "cfa2436f14a3f3cf65925bf1f4a13c5d15b21e1884f5ff6247aeabb786b93bce"
	  "61bc17d768fd9732459018148f6cbe722fd04796562dfdb4" },
	{ CIPHER_AES_GCM_256, 2, false,
	  "abbccddef00112233445566778899aababbccddef00112233445566778899aab"
	  "11223344",
	  "4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee000000000"
	  "7002400020bf0000020405b401010402",
	  "4a2cbfe3000000020102030405060708"
	  "ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d65a5d763"
	  "748a637985771d347f0545659f14e99def842d8eb335f4eecfdbf831824b4c49"
	  "15956c96" },
};

static struct sa_conf vector_conf(const struct vector *v)
{
	struct sa_conf c = world_conf();
	uint8_t esp[512];

	unhex(esp, v->esp);
	c.spi = (uint32_t)esp[0] << 24 | esp[1] << 16 | esp[2] << 8 | esp[3];
	c.alg = v->alg;
	c.esn = v->esn;
	c.key_len = unhex(c.key, v->key);
	c.selector_count = 1;
	memset(c.selectors[0].local.lo, 0, 4);
	memset(c.selectors[0].remote.lo, 0, 4);
	memset(c.selectors[0].local.hi, 0xff, 4);
	memset(c.selectors[0].remote.hi, 0xff, 4);
	return c;
}

static void check_vector(const struct vector *v, enum cipher_backend backend)
{
	uint8_t esp[512], plain[512];
	struct sa_conf c = vector_conf(v);
	uint32_t want = unhex(plain, v->plain);
	struct esp_pkt pkt = { .data = esp, .len = unhex(esp, v->esp) };

	c.backend = backend;
	begin(&c);
	if (c.esn)
		w.in_sa->replay.top = v->seq - 1;
	esp_in_burst(&w.in, w.in_table, &pkt, 1, 0);
	CU_ASSERT_EQUAL(pkt.why, v->alg == CIPHER_CHACHA20_POLY1305
					 ? ESP_DROP_NONE
					 : ESP_DROP_NEXT_HEADER);
	CU_ASSERT_EQUAL(pkt.len, want);
	CU_ASSERT(!memcmp(pkt.data, plain, want));
	CU_ASSERT_EQUAL(w.in_sa->replay.top, v->seq);
	esp_world_free(&w);
}

static void published_packets_are_opened(void)
{
	unsigned i;

	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		check_vector(&vectors[i], CIPHER_IPSEC_MB);
		check_vector(&vectors[i], CIPHER_OPENSSL);
	}
}

/* --- both ways ------------------------------------------------------------ */

static void what_is_sealed_is_what_the_oracle_seals(void)
{
	struct inner_packet p = inner_packet_tcp(4, 777);
	struct esp_pkt pkt;
	unsigned esn, pad;

	for (esn = 0; esn < 2; esn++) {
		struct sa_conf c = world_conf();

		c.esn = esn;
		begin(&c);
		if (esn)
			w.out_sa->seq = 0x1fffffffe; /* and over the border */
		for (pad = 0; pad < 4; pad++) {
			uint64_t seq = w.out_sa->seq + 1;
			uint32_t len;

			p.payload++;
			esp_out_reset(w.out);
			CU_ASSERT_EQUAL(send_packet(&p, 0), ESP_OUT_SEALED);
			CU_ASSERT_EQUAL(esp_world_packets(&w, &pkt, 1), 1);
			len = inner_packet_make(&p, inner);
			len = world_seal(&c, seq, inner, len, IPPROTO_IPIP,
					 buf);
			CU_ASSERT_EQUAL(pkt.len, len);
			CU_ASSERT(!memcmp(pkt.data, buf, len));
		}
		esp_world_free(&w);
	}
}

static void a_64_kilobyte_frame_is_few_sends(void)
{
	struct inner_packet p = inner_packet_tcp(4, 65000);
	struct esp_pkt pkt[64];
	unsigned n, i;

	begin(NULL);
	CU_ASSERT_EQUAL(send_packet(&p, 1386), ESP_OUT_SEALED);
	CU_ASSERT_EQUAL(w.out->sends, 2); /* 44 of 1472 bytes, and the rest */
	CU_ASSERT_EQUAL(w.out->send[0].count, 44);
	CU_ASSERT_EQUAL(w.out->send[0].seg, 1472);
	CU_ASSERT_EQUAL(w.out->send[0].len, 44 * 1472);
	CU_ASSERT_EQUAL(w.out->send[1].count, 3);
	n = esp_world_packets(&w, pkt, 64);
	CU_ASSERT_EQUAL(n, 47);
	CU_ASSERT_EQUAL(esp_in_burst(&w.in, w.in_table, pkt, n, 0), n);
	for (i = 0; i < n; i++)
		CU_ASSERT(packet_sums_right(pkt[i].data, pkt[i].len));
	CU_ASSERT_EQUAL(w.in_sa->stats.packets, 47);
	CU_ASSERT_EQUAL(w.in_sa->stats.bytes, w.out_sa->stats.bytes);
	CU_ASSERT_EQUAL(w.in_sa->stats.bytes, 65000 + 47 * 52);
	esp_world_free(&w);
}

static void equal_packets_share_a_send(void)
{
	struct inner_packet p = inner_packet_udp(4, 1000);
	unsigned i;

	begin(NULL);
	for (i = 0; i < 70; i++)
		CU_ASSERT_EQUAL(send_packet(&p, 0), ESP_OUT_SEALED);
	CU_ASSERT_EQUAL(w.out->sends, 2); /* 62 make 65507 bytes full */
	CU_ASSERT_EQUAL(w.out->send[0].count, 61);
	p.payload = 500; /* a shorter one ends it */
	CU_ASSERT_EQUAL(send_packet(&p, 0), ESP_OUT_SEALED);
	CU_ASSERT_EQUAL(w.out->sends, 2);
	CU_ASSERT_EQUAL(send_packet(&p, 0), ESP_OUT_SEALED);
	CU_ASSERT_EQUAL(w.out->sends, 3);
	p.payload = 1000; /* a longer one fits none */
	CU_ASSERT_EQUAL(send_packet(&p, 0), ESP_OUT_SEALED);
	CU_ASSERT_EQUAL(w.out->sends, 4);
	p.tos = 2; /* ECN outside is as inside */
	CU_ASSERT_EQUAL(send_packet(&p, 0), ESP_OUT_SEALED);
	CU_ASSERT_EQUAL(w.out->sends, 5);
	esp_world_free(&w);
}

static void a_send_is_of_one_sa(void)
{
	struct inner_packet p = inner_packet_udp(4, 1000);
	struct sa_conf c = world_conf();
	struct sa *sa = NULL;

	begin(NULL);
	c.spi++;
	CU_ASSERT_EQUAL(sa_add(w.out_table, &c, 0, &sa), 0);
	CU_ASSERT_EQUAL(send_packet(&p, 0), ESP_OUT_SEALED);
	CU_ASSERT_EQUAL(policy_bind(w.policies, sa, w.out_sa), 0);
	CU_ASSERT_EQUAL(send_packet(&p, 0), ESP_OUT_SEALED);
	CU_ASSERT_EQUAL(w.out->sends, 2);
	CU_ASSERT_PTR_EQUAL(w.out->send[0].sa, w.out_sa);
	CU_ASSERT_PTR_EQUAL(w.out->send[1].sa, sa);
	esp_world_free(&w);
}

/* Till it is full, each frame anew; nothing is sealed twice or lost. */
static void full_is_said_before_anything_is_sealed(void)
{
	struct inner_packet p = inner_packet_tcp(4, 65000);
	uint64_t seq;
	unsigned n = 0;

	begin(NULL);
	while (send_packet(&p, 1386) == ESP_OUT_SEALED)
		n++;
	CU_ASSERT_EQUAL(n, 3);
	seq = w.out_sa->seq;
	CU_ASSERT_EQUAL(seq, 47 * 3);
	CU_ASSERT_EQUAL(send_packet(&p, 1386), ESP_OUT_FULL);
	CU_ASSERT_EQUAL(w.out_sa->seq, seq);
	esp_out_reset(w.out);
	CU_ASSERT_EQUAL(send_packet(&p, 1386), ESP_OUT_SEALED);
	esp_out_reset(w.out);
	CU_ASSERT_EQUAL(send_packet(&p, 48), ESP_OUT_SEALED);
	CU_ASSERT_EQUAL(w.out->sends, 22);
	n = 0;
	p.payload = 1;
	while (send_packet(&p, 0) == ESP_OUT_SEALED && n++ < 100000) {
		p.payload = p.payload == 1 ? 200 : 1;
		CU_ASSERT(w.out->sends <= ESP_OUT_SENDS_MAX);
	}
	CU_ASSERT(n < 1000);
	esp_world_free(&w);
}

static void ipv6_goes_inside_ipv4(void)
{
	struct inner_packet p = inner_packet_tcp(6, 5000);
	struct esp_pkt pkt[8];
	unsigned n;

	begin(NULL);
	CU_ASSERT_EQUAL(send_packet(&p, 1366), ESP_OUT_SEALED);
	n = esp_world_packets(&w, pkt, 8);
	CU_ASSERT_EQUAL(esp_in_burst(&w.in, w.in_table, pkt, n, 0), 4);
	CU_ASSERT_EQUAL(pkt[0].in.flow.family, 6);
	esp_world_free(&w);
}

/* --- what must not leave -------------------------------------------------- */

/* IK-07, IK-06 */
static void nothing_leaves_without_policy_or_sa(void)
{
	struct inner_packet p = inner_packet_tcp(4, 100);

	begin(NULL);
	policy_unbind(w.policies, w.out_sa);
	CU_ASSERT_EQUAL(send_packet(&p, 0), ESP_OUT_DROPPED);
	CU_ASSERT_EQUAL(w.out->why, ESP_DROP_NO_SA);
	CU_ASSERT_EQUAL(w.out->group, WORLD_GROUP);
	policy_delete(w.policies, &w.conf.selectors[0], WORLD_GROUP);
	CU_ASSERT_EQUAL(send_packet(&p, 0), ESP_OUT_DROPPED);
	CU_ASSERT_EQUAL(w.out->why, ESP_DROP_NO_POLICY);
	CU_ASSERT_EQUAL(w.out->drops[ESP_DROP_NO_SA], 1);
	CU_ASSERT_EQUAL(w.out->drops[ESP_DROP_NO_POLICY], 1);
	CU_ASSERT_EQUAL(w.out->sends, 0);
	esp_world_free(&w);
}

/* IK-09: a frame that would go over the limit goes not at all. */
static void hard_limits_stop_a_frame_as_a_whole(void)
{
	struct inner_packet p = inner_packet_tcp(4, 10000);
	struct sa_conf c = world_conf();

	c.hard.packets = 18;
	begin(&c);
	CU_ASSERT_EQUAL(send_packet(&p, 1000), ESP_OUT_SEALED);
	CU_ASSERT_EQUAL(send_packet(&p, 1000), ESP_OUT_DROPPED);
	CU_ASSERT_EQUAL(w.out->why, ESP_DROP_OUT_EXPIRED);
	CU_ASSERT_EQUAL(w.out_sa->seq, 10);
	CU_ASSERT_EQUAL(w.out->send[0].count, 10);
	CU_ASSERT_EQUAL(w.out_sa->stats.dropped, 1);
	CU_ASSERT(sa_events_due(w.out_table));
	esp_world_free(&w);

	c = world_conf();
	c.hard.ms = 1000;
	begin(&c);
	CU_ASSERT_EQUAL(esp_out_frame(w.out, w.policies, frame,
				      inner_packet_frame(&p, 1000, frame),
				      1000), ESP_OUT_DROPPED);
	CU_ASSERT_EQUAL(w.out->why, ESP_DROP_OUT_EXPIRED);
	esp_world_free(&w);
}

/* IK-14, IK-21 */
static void too_long_a_packet_is_answered(void)
{
	struct inner_packet p = inner_packet_udp(4, 1411);

	begin(NULL);
	CU_ASSERT_EQUAL(send_packet(&p, 0), ESP_OUT_REPLY);
	CU_ASSERT_EQUAL(w.out->why, ESP_DROP_TOO_BIG);
	CU_ASSERT_EQUAL(w.out->reply_len, INNER_VNET_LEN + 576);
	CU_ASSERT(packet_sums_right(w.out->reply + INNER_VNET_LEN, 576));
	CU_ASSERT_EQUAL(w.out->reply[INNER_VNET_LEN + 26] << 8 |
			w.out->reply[INNER_VNET_LEN + 27], 1438);
	p.payload = 1410;
	CU_ASSERT_EQUAL(send_packet(&p, 0), ESP_OUT_SEALED);
	p.payload = 4000;
	p.df = false; /* then it is cut, in equal pieces */
	CU_ASSERT_EQUAL(send_packet(&p, 0), ESP_OUT_SEALED);
	CU_ASSERT_EQUAL(w.out_sa->seq, 4);
	esp_world_free(&w);
}

static void a_syns_mss_is_clamped_on_its_way(void)
{
	struct inner_packet p = inner_packet_tcp(4, 0);
	struct esp_pkt pkt;
	unsigned clamp;

	for (clamp = 0; clamp < 2; clamp++) {
		uint32_t len;

		begin(NULL);
		w.out->clamp_mss = clamp;
		p.flags = PACKET_SYN;
		p.options = 4;
		len = inner_packet_frame(&p, 0, frame);
		memcpy(frame + len - 4, "\2\4\5\264", 4); /* 1460 */
		CU_ASSERT_EQUAL(esp_out_frame(w.out, w.policies, frame, len,
					      0), ESP_OUT_SEALED);
		esp_world_packets(&w, &pkt, 1);
		CU_ASSERT_EQUAL(esp_in_burst(&w.in, w.in_table, &pkt, 1, 0),
				1);
		CU_ASSERT(packet_sums_right(pkt.data, pkt.len));
		CU_ASSERT_EQUAL(pkt.data[42] << 8 | pkt.data[43],
				clamp ? 1398 : 1460);
		esp_world_free(&w);
	}
}

/* IK-21: RFC 6040 4.1; DSCP stays inside unless asked for. */
static void outer_tos_is_ecn_alone(void)
{
	struct inner_packet p = inner_packet_tcp(4, 100);
	unsigned tos, copy;

	for (copy = 0; copy < 2; copy++) {
		struct sa_conf c = world_conf();

		c.copy_dscp = copy;
		begin(&c);
		for (tos = 0; tos < 256; tos++) {
			p.tos = (uint8_t)tos;
			p.family = tos & 4 ? 6 : 4;
			esp_out_reset(w.out);
			CU_ASSERT_EQUAL(send_packet(&p, 0), ESP_OUT_SEALED);
			CU_ASSERT_EQUAL(w.out->send[0].tos,
					copy ? tos : tos & 3);
		}
		esp_world_free(&w);
	}
}

/* --- what comes ----------------------------------------------------------- */

/* IK-21: RFC 6040 figure 4; -1: dropped. */
static void ecn_of_both_headers_is_combined(void)
{
	static const int table[4][4] = {
		/* outer: not, ECT1, ECT0, CE */
		{ 0, 0, 0, -1 },
		{ 1, 1, 1, 3 },
		{ 2, 1, 2, 3 },
		{ 3, 3, 3, 3 },
	};
	unsigned in, out, v6;
	uint64_t seq = 0;

	begin(NULL);
	for (v6 = 0; v6 < 2; v6++) {
		for (in = 0; in < 4; in++) {
			for (out = 0; out < 4; out++) {
				struct inner_packet p =
					inner_packet_tcp(v6 ? 6 : 4, 9);
				struct esp_pkt pkt;
				uint32_t len;

				p.tos = (uint8_t)(0xb8 | in);
				len = inner_packet_make(&p, inner);
				len = world_seal(&w.conf, ++seq, inner, len,
						 v6 ? 41 : 4, buf);
				pkt = receive(buf, len, (uint8_t)out);
				CU_ASSERT_EQUAL(pkt.why, table[in][out] < 0
							 ? ESP_DROP_ECN : 0);
				if (pkt.why)
					continue;
				p.tos = (uint8_t)(0xb8 | table[in][out]);
				CU_ASSERT_EQUAL(pkt.in.tos, p.tos);
				inner_packet_make(&p, inner);
				CU_ASSERT(!memcmp(pkt.data, inner, pkt.len));
			}
		}
	}
	esp_world_free(&w);
}

/* IK-01 */
static void replayed_packets_are_dropped(void)
{
	static uint8_t esp[8][2048];
	static const uint64_t seqs[] = { 1, 2, 4096, 4097, 5000, 0x7fffffff,
					 0xffffffff, 0x100000001 };
	uint32_t len[8] = { 0 };
	unsigned i;

	begin(NULL);
	len[0] = seal_inner(0, esp[0]); /* 0 is never */
	CU_ASSERT_EQUAL(why_of(esp[0], len[0]), ESP_DROP_REPLAY);
	for (i = 0; i < 8; i++)
		len[i] = seal_inner(seqs[i], esp[i]);
	CU_ASSERT_EQUAL(why_of(esp[2], len[2]), 0);
	CU_ASSERT_EQUAL(why_of(esp[0], len[0]), 0); /* the window's edge */
	CU_ASSERT_EQUAL(why_of(esp[0], len[0]), ESP_DROP_REPLAY);
	CU_ASSERT_EQUAL(why_of(esp[3], len[3]), 0);
	CU_ASSERT_EQUAL(why_of(esp[1], len[1]), 0);
	CU_ASSERT_EQUAL(why_of(esp[4], len[4]), 0);
	/* Older than the window: taken for the next 2^32, and not genuine. */
	for (i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(why_of(esp[i], len[i]),
				i < 2 ? ESP_DROP_AUTH : ESP_DROP_REPLAY);
	/* Far ahead, and over the border of the lower half. */
	for (i = 5; i < 8; i++) {
		CU_ASSERT_EQUAL(why_of(esp[i], len[i]), 0);
		CU_ASSERT_EQUAL(why_of(esp[i], len[i]), ESP_DROP_REPLAY);
	}
	CU_ASSERT_EQUAL(w.in_sa->replay.top, 0x100000001);
	CU_ASSERT_EQUAL(w.in_sa->stats.packets, 8);
	CU_ASSERT_EQUAL(w.in.drops[ESP_DROP_REPLAY],
			w.in_sa->stats.replayed);
	esp_world_free(&w);
}

/* IK-11: only the newest packet says where the peer is now. */
static void late_packets_are_not_the_newest(void)
{
	static const struct {
		uint64_t seq;
		bool newest;
	} cases[] = { { 5, true }, { 4, false }, { 6, true }, { 1, false } };
	unsigned i;

	begin(NULL);
	for (i = 0; i < 4; i++) {
		uint32_t len = seal_inner(cases[i].seq, buf);
		struct esp_pkt pkt = receive(buf, len, 0);

		CU_ASSERT_EQUAL(pkt.why, ESP_DROP_NONE);
		CU_ASSERT_EQUAL(pkt.newest, cases[i].newest);
	}
	esp_world_free(&w);
}

static void twice_in_a_burst_is_a_replay_as_well(void)
{
	static uint8_t esp[3][2048];
	struct esp_pkt pkt[3];
	unsigned i;

	begin(NULL);
	for (i = 0; i < 3; i++) {
		pkt[i].data = esp[i];
		pkt[i].len = seal_inner(i / 2 + 1, esp[i]);
		pkt[i].ecn = 0;
	}
	CU_ASSERT_EQUAL(esp_in_burst(&w.in, w.in_table, pkt, 3, 0), 2);
	CU_ASSERT_EQUAL(pkt[0].why, 0);
	CU_ASSERT_EQUAL(pkt[1].why, ESP_DROP_REPLAY);
	CU_ASSERT_EQUAL(pkt[2].why, 0);
	CU_ASSERT(pkt[0].newest && pkt[2].newest);
	esp_world_free(&w);
}

/* IK-03: every bit, and no state moves. */
static void a_flipped_bit_changes_nothing_but_a_counter(void)
{
	static uint8_t esp[2048];
	struct sa before;
	uint32_t len, bit;

	begin(NULL);
	len = seal_inner(100, esp);
	CU_ASSERT_EQUAL(why_of(esp, len), 0);
	len = seal_inner(200, esp);
	before = *w.in_sa;
	for (bit = 0; bit < len * 8; bit++) {
		struct esp_pkt pkt;

		esp[bit / 8] ^= 1 << bit % 8;
		pkt = receive(esp, len, 0);
		esp[bit / 8] ^= 1 << bit % 8;
		CU_ASSERT_EQUAL(pkt.why, bit < 32 ? ESP_DROP_UNKNOWN_SPI
						  : ESP_DROP_AUTH);
		CU_ASSERT_FALSE(pkt.newest);
	}
	CU_ASSERT_EQUAL(w.in_sa->stats.auth_failed, (len - 4) * 8);
	before.stats.auth_failed = w.in_sa->stats.auth_failed;
	before.stats.dropped = w.in_sa->stats.dropped;
	CU_ASSERT(!memcmp(&before, w.in_sa, sizeof(before)));
	CU_ASSERT_EQUAL(why_of(esp, len), 0);
	esp_world_free(&w);
}

static void another_key_opens_nothing(void)
{
	static uint8_t esp[2048];
	uint32_t len;

	begin(NULL);
	w.conf.key[3] ^= 1;
	len = seal_inner(1, esp);
	CU_ASSERT_EQUAL(why_of(esp, len), ESP_DROP_AUTH);
	w.conf.key[3] ^= 1;
	w.conf.key[35] ^= 1; /* of the salt */
	len = seal_inner(1, esp);
	CU_ASSERT_EQUAL(why_of(esp, len), ESP_DROP_AUTH);
	esp_world_free(&w);
}

/* IK-02: receive() gives exactly so many bytes. */
static void truncated_packets_are_dropped(void)
{
	static uint8_t esp[2048];
	uint32_t len, n;

	begin(NULL);
	len = seal_inner(1, esp);
	for (n = 0; n < len; n++)
		CU_ASSERT_EQUAL(why_of(esp, n), n < ESP_LEN_MIN
							? ESP_DROP_RUNT
							: ESP_DROP_AUTH);
	CU_ASSERT_EQUAL(why_of(esp, len), 0);
	esp_world_free(&w);
}

/* Genuine, with any content. */
static struct esp_pkt with_plain(uint64_t seq, const void *plain, uint32_t n)
{
	static const uint8_t iv[8] = { 1, 2, 3 };
	static uint8_t esp[2048];

	return receive(esp, world_seal_raw(&w.conf, seq, iv, plain, n, esp),
		       0);
}

/* IK-02 */
static void genuine_nonsense_is_dropped_too(void)
{
	struct inner_packet p = inner_packet_tcp(4, 10);
	uint32_t len = inner_packet_make(&p, inner);
	uint8_t *end = inner + len;

	begin(NULL);
	CU_ASSERT_EQUAL(len % 4, 2);
	memcpy(end, "\0\4", 2);
	CU_ASSERT_EQUAL(with_plain(1, inner, len + 2).why, 0);
	memcpy(end, "\1\2\3\4\4\4", 6);
	CU_ASSERT_EQUAL(with_plain(2, inner, len + 6).why, 0);
	end[2] = 0; /* padding is 1, 2, 3... */
	CU_ASSERT_EQUAL(with_plain(3, inner, len + 6).why, ESP_DROP_PADDING);
	memcpy(end, "\377\4", 2); /* more than there is */
	CU_ASSERT_EQUAL(with_plain(4, inner, len + 2).why, ESP_DROP_PADDING);
	memcpy(end, "\0\6", 2);
	CU_ASSERT_EQUAL(with_plain(5, inner, len + 2).why,
			ESP_DROP_NEXT_HEADER);
	memcpy(end, "\0\51", 2); /* an IPv4 packet is not IPv6 */
	CU_ASSERT_EQUAL(with_plain(6, inner, len + 2).why, ESP_DROP_IN_INNER);
	memcpy(end, "\0\73", 2);
	CU_ASSERT_EQUAL(with_plain(7, inner, len + 2).why, ESP_DROP_DUMMY);
	memcpy(end, "\0\4", 2);
	CU_ASSERT_EQUAL(with_plain(8, inner + 2, len).why, ESP_DROP_IN_INNER);
	CU_ASSERT_EQUAL(with_plain(9, "\0\0\0\4", 4).why, ESP_DROP_IN_INNER);
	CU_ASSERT_EQUAL(with_plain(10, "\1\2\2\4", 4).why, ESP_DROP_IN_INNER);
	/* What is behind the inner packet is padding (RFC 4303 2.7). */
	memset(end, 0xcc, 100);
	memcpy(end + 100, "\0\4", 2);
	CU_ASSERT_EQUAL(with_plain(11, inner, len + 102).len, len);
	/* They were genuine: the window has moved. */
	CU_ASSERT_EQUAL(w.in_sa->replay.top, 11);
	esp_world_free(&w);
}

/* IK-06 */
static void inner_addresses_must_be_the_sas(void)
{
	struct inner_packet p = inner_packet_tcp(4, 10);
	uint32_t len = inner_packet_make(&p, inner), n;
	unsigned at;
	uint64_t seq = 0;

	begin(NULL);
	for (at = 12; at < 20; at += 4) {
		inner[at + 1] ^= 8; /* another network */
		n = world_seal(&w.conf, ++seq, inner, len, 4, buf);
		CU_ASSERT_EQUAL(why_of(buf, n), ESP_DROP_SELECTOR);
		inner[at + 1] ^= 8;
	}
	n = world_seal(&w.conf, ++seq, inner, len, 4, buf);
	CU_ASSERT_EQUAL(why_of(buf, n), 0);
	CU_ASSERT_EQUAL(w.in.drops[ESP_DROP_SELECTOR], 2);
	esp_world_free(&w);
}

/* IK-09 */
static void inbound_sas_end_as_well(void)
{
	struct sa_conf c = world_conf();
	static uint8_t esp[2048];
	uint32_t len;
	uint64_t seq;

	c.hard.packets = 3;
	begin(&c);
	for (seq = 1; seq <= 4; seq++) {
		len = seal_inner(seq, esp);
		CU_ASSERT_EQUAL(why_of(esp, len),
				seq < 4 ? 0 : ESP_DROP_IN_EXPIRED);
	}
	CU_ASSERT(sa_events_due(w.in_table));
	esp[40] ^= 1; /* it costs no cipher any more */
	CU_ASSERT_EQUAL(why_of(esp, len), ESP_DROP_IN_EXPIRED);
	esp_world_free(&w);
}

/* SAs of several peers, unknown ones, and rubbish, mixed. */
static void bursts_of_several_sas_are_told_apart(void)
{
	static uint8_t esp[64][2048];
	struct esp_pkt pkt[64];
	struct sa_conf other = world_conf(), m;
	unsigned kinds[64], i, passed = 0;
	struct sa *sa;

	begin(NULL);
	other.spi = 0x55555555;
	other.key[0] ^= 0xff;
	m = world_mirror(&other);
	CU_ASSERT_EQUAL(sa_add(w.in_table, &m, 0, &sa), 0);
	srand(4);
	for (i = 0; i < 64; i++) {
		unsigned kind = rand() % 5;

		w.conf = kind & 1 ? other : world_conf();
		pkt[i] = (struct esp_pkt){ .data = esp[i],
					   .len = seal_inner(i + 1, esp[i]) };
		if (kind == 2)
			esp[i][60] ^= 1;
		else if (kind == 3)
			esp[i][0] ^= 0x80;
		else if (kind == 4)
			pkt[i].len = ESP_LEN_MIN - 1;
		else
			passed++;
		kinds[i] = kind;
	}
	CU_ASSERT_EQUAL(esp_in_burst(&w.in, w.in_table, pkt, 64, 0), passed);
	for (i = 0; i < 64; i++) {
		static const enum esp_drop want[5] = {
			[2] = ESP_DROP_AUTH, [3] = ESP_DROP_UNKNOWN_SPI,
			[4] = ESP_DROP_RUNT,
		};

		CU_ASSERT_EQUAL(pkt[i].why, want[kinds[i]]);
	}
	CU_ASSERT_EQUAL(sa->stats.packets + w.in_sa->stats.packets, passed);
	esp_world_free(&w);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(published_packets_are_opened),
		SUITE_TEST(what_is_sealed_is_what_the_oracle_seals),
		SUITE_TEST(a_64_kilobyte_frame_is_few_sends),
		SUITE_TEST(equal_packets_share_a_send),
		SUITE_TEST(a_send_is_of_one_sa),
		SUITE_TEST(full_is_said_before_anything_is_sealed),
		SUITE_TEST(ipv6_goes_inside_ipv4),
		SUITE_TEST(nothing_leaves_without_policy_or_sa),
		SUITE_TEST(hard_limits_stop_a_frame_as_a_whole),
		SUITE_TEST(too_long_a_packet_is_answered),
		SUITE_TEST(a_syns_mss_is_clamped_on_its_way),
		SUITE_TEST(outer_tos_is_ecn_alone),
		SUITE_TEST(ecn_of_both_headers_is_combined),
		SUITE_TEST(replayed_packets_are_dropped),
		SUITE_TEST(late_packets_are_not_the_newest),
		SUITE_TEST(twice_in_a_burst_is_a_replay_as_well),
		SUITE_TEST(a_flipped_bit_changes_nothing_but_a_counter),
		SUITE_TEST(another_key_opens_nothing),
		SUITE_TEST(truncated_packets_are_dropped),
		SUITE_TEST(genuine_nonsense_is_dropped_too),
		SUITE_TEST(inner_addresses_must_be_the_sas),
		SUITE_TEST(inbound_sas_end_as_well),
		SUITE_TEST(bursts_of_several_sas_are_told_apart),
	};

	return suite_run("esp", tests, sizeof(tests) / sizeof(tests[0]));
}
