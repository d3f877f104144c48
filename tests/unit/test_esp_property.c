/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_esp_property.c: random frames through the whole engine, beside a slow
 * encapsulator: what is sent is byte by byte what that makes of the oracle's
 * segments, and what comes back to the other TUN are those segments.
 *
 * argv[1]: rounds.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "ipsec-migrate/inner_gro.h"
#include "tests/lib/esp_world.h"
#include "tests/lib/inner_packet.h"
#include "tests/lib/suite.h"

static unsigned long rounds = 300;

#define PACKETS_MAX 512

struct run {
	struct esp_world w;
	struct esp_pkt sent[PACKETS_MAX]; /* by the engine */
	unsigned sent_count, seen;
	uint64_t seq;
	uint8_t next_header;
	uint8_t segments[PACKETS_MAX][2048]; /* the oracle's */
	uint32_t lens[PACKETS_MAX];
	unsigned segment_count;
	bool back[PACKETS_MAX];
	unsigned back_count;
};

static struct run r;
static uint8_t frame[INNER_FRAME_MAX], whole[INNER_FRAME_MAX + 100];

static struct inner_packet random_packet(void)
{
	struct inner_packet p =
		inner_packet_tcp(rand() & 1 ? 4 : 6, 1 + rand() % 30000);

	if (rand() % 3 == 0)
		p.payload = 1 + rand() % 1300;
	if (rand() % 4 == 0)
		p.proto = IPPROTO_UDP;
	p.options = (uint8_t)(rand() % 11 * 4);
	p.first = (uint8_t)rand();
	p.flags = (uint8_t)(PACKET_ACK | (rand() % 8 ? 0 : rand() & 0xc9));
	p.seq = (uint32_t)rand() * 2;
	p.id = (uint16_t)rand();
	p.tos = (uint8_t)(rand() % 4 ? 0 : rand());
	p.sport = (uint16_t)rand();
	return p;
}

/* Each segment of the oracle's must have been sent, sealed, in this order. */
static void was_sent(void *arg, const uint8_t *pkt, uint32_t len)
{
	static uint8_t esp[4096];
	uint32_t n;

	memcpy(r.segments[r.segment_count], pkt, len);
	r.lens[r.segment_count++] = len;
	CU_ASSERT_FATAL(r.seen < r.sent_count);
	n = world_seal(&r.w.conf, ++r.seq, pkt, len,
		       pkt[0] >> 4 == 4 ? IPPROTO_IPIP : IPPROTO_IPV6, esp);
	CU_ASSERT_EQUAL(r.sent[r.seen].len, n);
	CU_ASSERT(!memcmp(r.sent[r.seen].data, esp, n));
	r.seen++;
}

static void came_back(void *arg, const uint8_t *pkt, uint32_t len)
{
	unsigned i;

	for (i = 0; i < r.segment_count; i++)
		if (!r.back[i] && r.lens[i] == len &&
		    !memcmp(r.segments[i], pkt, len))
			break;
	CU_ASSERT_FATAL(i < r.segment_count);
	r.back[i] = true;
	r.back_count++;
}

static void write_all(struct inner_gro *g)
{
	struct iovec iov[INNER_GRO_MAX];
	unsigned i, k, n;

	for (i = 0; i < g->frames; i++) {
		uint32_t len = 0;

		n = inner_gro_finish(g, i, iov);
		for (k = 0; k < n; k++) {
			memcpy(whole + len, iov[k].iov_base, iov[k].iov_len);
			len += (uint32_t)iov[k].iov_len;
		}
		inner_packet_segments(whole, len, came_back, NULL);
	}
	inner_gro_reset(g);
}

/* All that was sent, at the other end, in bursts of any size. */
static void deliver(struct inner_gro *g)
{
	unsigned i = 0, k, n;

	while (i < r.sent_count) {
		n = 1 + rand() % ESP_IN_BURST;
		if (n > r.sent_count - i)
			n = r.sent_count - i;
		CU_ASSERT_EQUAL(esp_in_burst(&r.w.in, r.w.in_table, &r.sent[i],
					     n, 0), n);
		for (k = i; k < i + n; k++) {
			if (inner_gro_full(g))
				write_all(g);
			inner_gro_add(g, &r.sent[k].in, r.sent[k].data);
		}
		i += n;
	}
	write_all(g);
}

/* A frame into the engine; then its segments are looked for in what is new. */
static void send_one(void)
{
	struct inner_packet p = random_packet();
	uint16_t gso = p.payload > 1300 || rand() & 1 ? 300 + rand() % 1000
						      : 0;
	static uint8_t copy[INNER_FRAME_MAX];
	uint32_t len = inner_packet_frame(&p, gso, frame);

	memcpy(copy, frame, len);
	CU_ASSERT_EQUAL_FATAL(esp_out_frame(r.w.out, r.w.policies, frame, len,
					    0), ESP_OUT_SEALED);
	r.sent_count = esp_world_packets(&r.w, r.sent, PACKETS_MAX);
	inner_packet_segments(copy, len, was_sent, NULL);
	CU_ASSERT_EQUAL(r.seen, r.sent_count);
}

static void one_round(void)
{
	static struct inner_gro g;
	unsigned frames = 1 + rand() % 4, i;

	inner_gro_init(&g, true);
	esp_out_reset(r.w.out);
	r.sent_count = r.seen = r.segment_count = r.back_count = 0;
	memset(r.back, 0, sizeof(r.back));
	for (i = 0; i < frames; i++)
		send_one();
	for (i = 0; i < r.w.out->sends; i++) {
		CU_ASSERT(r.w.out->send[i].len <= ESP_SEND_BYTES);
		CU_ASSERT(r.w.out->send[i].count <= ESP_SEND_SEGS);
	}
	deliver(&g);
	CU_ASSERT_EQUAL(r.back_count, r.segment_count);
}

static void frames_go_through_as_the_oracle_says(void)
{
	unsigned alg, backend, esn;

	srand(21);
	for (alg = 0; alg < CIPHER_ALG_COUNT; alg++) {
		for (backend = 0; backend < 4; backend++) {
			struct sa_conf c = world_conf();
			unsigned long i;

			esn = backend / 2;
			c.alg = alg;
			c.key_len = (uint32_t)cipher_key_len(alg);
			c.backend = backend & 1 ? CIPHER_IPSEC_MB
						: CIPHER_OPENSSL;
			c.esn = esn;
			esp_world_make(&r.w, &c);
			r.seq = esn ? 0xffffff80 : 0; /* over the border */
			r.w.out_sa->seq = r.seq;
			r.w.in_sa->replay.top = r.seq;
			for (i = 0; i < rounds / 12 + 1; i++)
				one_round();
			esp_world_free(&r.w);
		}
	}
}

int main(int argc, char **argv)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(frames_go_through_as_the_oracle_says),
	};

	rounds = suite_rounds(argc, argv, rounds);
	return suite_run("esp_property", tests, 1);
}
