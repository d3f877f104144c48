/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_inner_gso.c: TUN frames into packets, and what is told their senders. */
#include "ipsec-migrate/inner_gso.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "ipsec-migrate/inner_mtu.h"
#include "tests/lib/inner_packet.h"
#include "tests/lib/suite.h"

static uint8_t frame[INNER_FRAME_MAX], out[INNER_LEN_MAX];

/* --- segments as the oracle makes them ----------------------------------- */

static struct inner_gso gso;
static uint32_t segments;

static void same_segment(void *arg, const uint8_t *pkt, uint32_t len)
{
	CU_ASSERT_EQUAL(inner_gso_len(&gso, segments), len);
	memset(out, 0xee, len + 8);
	inner_gso_copy(&gso, segments++, out);
	CU_ASSERT(!memcmp(out, pkt, len));
	CU_ASSERT_EQUAL(out[len], 0xee);
	CU_ASSERT(packet_sums_right(out, len));
}

static void check(const struct inner_packet *p, uint16_t gso_size)
{
	uint32_t len = inner_packet_frame(p, gso_size, frame);
	unsigned n;

	CU_ASSERT_EQUAL_FATAL(inner_gso_init(&gso, frame, len), 0);
	CU_ASSERT_EQUAL(inner_gso_fit(&gso, 65535), 0);
	segments = 0;
	n = inner_packet_segments(frame, len, same_segment, NULL);
	CU_ASSERT_EQUAL(n, gso.count);
	CU_ASSERT_EQUAL(segments, gso.count);
}

static void frames_become_the_oracles_segments(void)
{
	static const uint32_t payloads[] = { 1, 2, 999, 1000, 1001, 2000,
					     12345, 65000 };
	static const uint8_t families[] = { 4, 6 };
	unsigned i, k;

	for (i = 0; i < 2; i++) {
		for (k = 0; k < sizeof(payloads) / sizeof(payloads[0]); k++) {
			struct inner_packet p =
				inner_packet_tcp(families[i], payloads[k]);

			p.flags = 0xff & ~0x22; /* all but SYN, URG */
			p.seq = UINT32_MAX - 5000;
			p.id = 65530;
			check(&p, 1000);
			check(&p, 0);
			p = inner_packet_udp(families[i], payloads[k]);
			check(&p, 1000);
			check(&p, 0);
		}
	}
}

static void random_frames_become_the_oracles_segments(void)
{
	unsigned i;

	srand(5);
	for (i = 0; i < 3000; i++) {
		struct inner_packet p =
			inner_packet_tcp(rand() & 1 ? 4 : 6,
					 1 + rand() % (i % 10 ? 5000 : 65000));

		if (rand() % 4 == 0)
			p.proto = IPPROTO_UDP;
		p.options = (uint8_t)(rand() % 11 * 4);
		p.first = (uint8_t)rand();
		p.flags = (uint8_t)(PACKET_ACK | (rand() & 0xc9));
		p.seq = (uint32_t)rand() * 3;
		p.tos = (uint8_t)rand();
		check(&p, (uint16_t)(rand() % 4 ? 48 + rand() % 1500 : 0));
	}
}

/* RFC 768: a sum of 0 is sent as all ones, for 0 says "none". */
static void a_checksum_is_never_zero(void)
{
	struct inner_packet p = inner_packet_udp(4, 64);
	unsigned port, zeros = 0;

	for (port = 0; port < 65536; port++) {
		uint8_t *pkt = out;

		p.sport = (uint16_t)port;
		inner_gso_init(&gso, frame, inner_packet_frame(&p, 0, frame));
		inner_gso_copy(&gso, 0, out);
		CU_ASSERT_FATAL(pkt[26] || pkt[27]);
		zeros += pkt[26] == 0xff && pkt[27] == 0xff;
	}
	CU_ASSERT(zeros > 0);
}

/* --- what does not fit --------------------------------------------------- */

static enum esp_drop judge(const struct virtio_net_hdr *vnet, uint32_t len)
{
	memcpy(frame, vnet, sizeof(*vnet));
	return inner_gso_init(&gso, frame, len);
}

static void headers_that_contradict_the_packet_are_refused(void)
{
	struct inner_packet p = inner_packet_tcp(4, 3000);
	uint32_t len = inner_packet_frame(&p, 1000, frame);
	struct virtio_net_hdr good, v;

	memcpy(&good, frame, sizeof(good));
	CU_ASSERT_EQUAL(judge(&good, len), ESP_DROP_NONE);

#define REFUSED(change)                                                       \
	do {                                                                  \
		v = good;                                                     \
		change;                                                       \
		CU_ASSERT_EQUAL(judge(&v, len), ESP_DROP_BAD_VNET);           \
	} while (0)

	REFUSED(v.gso_size = 0);
	REFUSED(v.gso_type = VIRTIO_NET_HDR_GSO_TCPV6);
	REFUSED(v.gso_type = INNER_VNET_GSO_UDP_L4);
	REFUSED(v.gso_type = VIRTIO_NET_HDR_GSO_UDP);
	REFUSED(v.gso_type = 77);
	REFUSED(v.flags = 0);
	REFUSED(v.csum_start = 19);
	REFUSED(v.csum_start = 24);
	REFUSED(v.csum_offset = 6);
	REFUSED(v.csum_start = UINT16_MAX);
	REFUSED(v.csum_offset = UINT16_MAX);
	REFUSED(v.gso_type = 0; v.csum_start = 0);
	REFUSED(v.gso_type = 0; v.csum_start = 3051; v.csum_offset = 0);
#undef REFUSED
	good.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	CU_ASSERT_EQUAL(judge(&good, len), ESP_DROP_NONE);
	frame[INNER_VNET_LEN + 32] = 0x40; /* a TCP header of 16 bytes */
	CU_ASSERT_EQUAL(judge(&good, len), ESP_DROP_BAD_VNET);
	len = inner_packet_frame(&p, 1000, frame);
	frame[INNER_VNET_LEN + 6] = 0x20; /* a fragment */
	CU_ASSERT_EQUAL(judge(&good, len), ESP_DROP_BAD_VNET);
	p.payload = 0;
	len = inner_packet_frame(&p, 1000, frame);
	CU_ASSERT_EQUAL(judge(&good, len), ESP_DROP_BAD_VNET);
}

static void frames_without_a_packet_are_refused(void)
{
	uint32_t len;

	memset(frame, 0, 100);
	for (len = 0; len < 100; len++)
		CU_ASSERT_EQUAL(inner_gso_init(&gso, frame, len),
				len < INNER_VNET_LEN ? ESP_DROP_BAD_VNET
						     : ESP_DROP_BAD_INNER);
}

static void tcp_is_cut_as_the_path_wants_it(void)
{
	struct inner_packet p = inner_packet_tcp(4, 10000);
	uint32_t len = inner_packet_frame(&p, 1460, frame), i, sum = 0;

	CU_ASSERT_EQUAL(inner_gso_init(&gso, frame, len), 0);
	CU_ASSERT_EQUAL(inner_gso_fit(&gso, 1438), 0);
	CU_ASSERT_EQUAL(gso.size, 1438 - 52);
	for (i = 0; i < gso.count; i++) {
		CU_ASSERT(inner_gso_len(&gso, i) <= 1438);
		inner_gso_copy(&gso, i, out);
		CU_ASSERT(packet_sums_right(out, inner_gso_len(&gso, i)));
		sum += inner_gso_len(&gso, i) - 52;
	}
	CU_ASSERT_EQUAL(sum, 10000);
	CU_ASSERT_EQUAL(inner_gso_total(&gso), 10000 + 52 * gso.count);
}

static void datagrams_that_are_too_long_are_not_cut(void)
{
	struct inner_packet p = inner_packet_udp(4, 6000);

	CU_ASSERT_EQUAL(inner_gso_init(&gso, frame,
				       inner_packet_frame(&p, 1500, frame)),
			0);
	CU_ASSERT_EQUAL(inner_gso_fit(&gso, 1438), ESP_DROP_TOO_BIG);
	p.payload = 1411;
	CU_ASSERT_EQUAL(inner_gso_init(&gso, frame,
				       inner_packet_frame(&p, 0, frame)), 0);
	CU_ASSERT_EQUAL(inner_gso_fit(&gso, 1438), ESP_DROP_TOO_BIG);
	p.family = 6;
	p.df = false;
	CU_ASSERT_EQUAL(inner_gso_init(&gso, frame,
				       inner_packet_frame(&p, 0, frame)), 0);
	CU_ASSERT_EQUAL(inner_gso_fit(&gso, 1438), ESP_DROP_TOO_BIG);
}

static void tiny_segments_are_limited(void)
{
	struct inner_packet p = inner_packet_tcp(4, 65000);

	CU_ASSERT_EQUAL(inner_gso_init(&gso, frame,
				       inner_packet_frame(&p, 48, frame)), 0);
	CU_ASSERT_EQUAL(inner_gso_fit(&gso, 1438), 0);
	CU_ASSERT_EQUAL(gso.count, 1355);
	CU_ASSERT_EQUAL(inner_gso_init(&gso, frame,
				       inner_packet_frame(&p, 1, frame)), 0);
	CU_ASSERT_EQUAL(inner_gso_fit(&gso, 1438), ESP_DROP_TOO_MANY);
}

/* Fragments of a fragment as well; the options that must not be copied. */
static void without_df_ipv4_is_cut_into_fragments(void)
{
	static uint8_t whole[INNER_LEN_MAX], got[INNER_LEN_MAX];
	struct inner_packet p = inner_packet_udp(4, 4000);
	uint32_t len, i, end = 0;

	p.df = false;
	inner_packet_make(&p, whole);
	len = inner_packet_frame(&p, 0, frame);
	frame[INNER_VNET_LEN + 6] = 0x20; /* more follow, and some before */
	frame[INNER_VNET_LEN + 7] = 10;
	memset(frame, 0, INNER_VNET_LEN);
	memcpy(frame + INNER_VNET_LEN + 20, whole + 20, 4008);
	CU_ASSERT_EQUAL(inner_gso_init(&gso, frame, len), 0);
	CU_ASSERT_EQUAL(inner_gso_fit(&gso, 1438), 0);
	CU_ASSERT_EQUAL(gso.count, 3);
	for (i = 0; i < gso.count; i++) {
		uint32_t n = inner_gso_len(&gso, i), at;

		inner_gso_copy(&gso, i, out);
		CU_ASSERT(n <= 1438);
		CU_ASSERT_EQUAL(packet_sum(0, out, 20), 0xffff);
		CU_ASSERT_EQUAL((uint32_t)out[2] << 8 | out[3], n);
		CU_ASSERT(out[6] & 0x20);
		at = ((out[6] & 0x1fu) << 8 | out[7]) * 8 - 80;
		memcpy(got + at, out + 20, n - 20);
		end += n - 20;
	}
	CU_ASSERT_EQUAL(end, 4008);
	CU_ASSERT(!memcmp(got, whole + 20, 4008));
	frame[INNER_VNET_LEN + 6] = 0x1f; /* would end behind 65535 */
	frame[INNER_VNET_LEN + 7] = 0xff;
	CU_ASSERT_EQUAL(inner_gso_init(&gso, frame, len), 0);
	CU_ASSERT_EQUAL(inner_gso_fit(&gso, 1438), ESP_DROP_TOO_BIG);
}

static void a_checksum_left_to_us_is_made_before_fragments(void)
{
	static uint8_t whole[INNER_LEN_MAX];
	struct inner_packet p = inner_packet_udp(4, 2000);
	uint32_t len;

	p.df = false;
	inner_packet_make(&p, whole);
	len = inner_packet_frame(&p, 0, frame);
	CU_ASSERT_EQUAL(inner_gso_init(&gso, frame, len), 0);
	CU_ASSERT_EQUAL(inner_gso_fit(&gso, 1438), 0);
	inner_gso_copy(&gso, 0, out);
	CU_ASSERT(!memcmp(out + 20, whole + 20, inner_gso_len(&gso, 0) - 20));
	CU_ASSERT_EQUAL(out[6], 0x20);
	inner_gso_copy(&gso, 1, out);
	CU_ASSERT_EQUAL(out[6], 0);
}

static void options_of_the_first_fragment_stay_with_it(void)
{
	/* record route (not copied), NOP, router alert (copied), end */
	static const uint8_t options[12] = { 7, 5, 4, 1, 1, 1,
					     0x94, 4, 0, 0, 0, 0 };
	struct inner_packet p = inner_packet_udp(4, 3000);
	uint8_t *ip = frame + INNER_VNET_LEN;
	uint32_t len;

	p.df = false;
	len = inner_packet_frame(&p, 0, frame);
	memset(frame, 0, INNER_VNET_LEN);
	memmove(ip + 32, ip + 20, 3008);
	memcpy(ip + 20, options, 12);
	ip[0] = 0x48;
	ip[2] = (uint8_t)((len + 12 - 10) >> 8);
	ip[3] = (uint8_t)(len + 12 - 10);
	CU_ASSERT_EQUAL(inner_gso_init(&gso, frame, len + 12), 0);
	CU_ASSERT_EQUAL(inner_gso_fit(&gso, 1438), 0);
	inner_gso_copy(&gso, 0, out);
	CU_ASSERT(!memcmp(out + 20, options, 12));
	inner_gso_copy(&gso, 1, out);
	CU_ASSERT(!memcmp(out + 20, "\1\1\1\1\1\1\x94\4\0\0\0\0", 12));
	CU_ASSERT_EQUAL(packet_sum(0, out, 32), 0xffff);
	ip[21] = 0; /* an option without length: as it is */
	CU_ASSERT_EQUAL(inner_gso_init(&gso, frame, len + 12), 0);
	CU_ASSERT_EQUAL(inner_gso_fit(&gso, 1438), 0);
	inner_gso_copy(&gso, 1, out);
	CU_ASSERT_EQUAL(out[20], 7);
}

/* --- ICMP ---------------------------------------------------------------- */

static uint32_t reply_to(const struct inner_packet *p, uint32_t mtu)
{
	struct inner in;

	CU_ASSERT(inner_parse(&in, frame, inner_packet_make(p, frame)));
	memset(out, 0, INNER_MTU_REPLY_MAX);
	return inner_mtu_reply(&in, frame, mtu, out);
}

static void senders_are_told_the_mtu(void)
{
	struct inner_packet p = inner_packet_udp(4, 2000);
	uint32_t len = reply_to(&p, 1438);

	CU_ASSERT_EQUAL(len, 576);
	CU_ASSERT(packet_sums_right(out, len));
	CU_ASSERT(out[9] == 1 && out[20] == 3 && out[21] == 4);
	CU_ASSERT_EQUAL(out[26] << 8 | out[27], 1438);
	CU_ASSERT(!memcmp(out + 12, frame + 16, 4));
	CU_ASSERT(!memcmp(out + 16, frame + 12, 4));
	CU_ASSERT(!memcmp(out + 28, frame, 548));

	p.family = 6;
	len = reply_to(&p, 1438);
	CU_ASSERT_EQUAL(len, 1280);
	CU_ASSERT(packet_sums_right(out, len));
	CU_ASSERT(out[6] == 58 && out[40] == 2 && out[41] == 0);
	CU_ASSERT_EQUAL(out[46] << 8 | out[47], 1438);
	CU_ASSERT(!memcmp(out + 8, frame + 24, 16));
	CU_ASSERT(!memcmp(out + 24, frame + 8, 16));
	CU_ASSERT(!memcmp(out + 48, frame, 1232));
	reply_to(&p, 1000); /* IPv6 knows no less than 1280 */
	CU_ASSERT_EQUAL(out[46] << 8 | out[47], 1280);
	p.payload = 100; /* short ones are repeated whole */
	CU_ASSERT_EQUAL(reply_to(&p, 1280), 48 + 148);
}

static uint32_t reply_to_frame(uint32_t len)
{
	struct inner in;

	CU_ASSERT(inner_parse(&in, frame, len));
	return inner_mtu_reply(&in, frame, 1400, out);
}

static void nobody_is_told_who_must_not_be(void)
{
	struct inner_packet p = inner_packet_udp(4, 2000);
	uint32_t len;

	p.df = false;
	CU_ASSERT_EQUAL(reply_to(&p, 1438), 0);
	p.df = true;
	len = inner_packet_make(&p, frame);
	frame[7] = 1; /* a later fragment */
	CU_ASSERT_EQUAL(reply_to_frame(len), 0);
	inner_packet_make(&p, frame);
	frame[16] = 224;
	CU_ASSERT_EQUAL(reply_to_frame(len), 0);
	inner_packet_make(&p, frame);
	frame[12] = 0;
	CU_ASSERT_EQUAL(reply_to_frame(len), 0);
	p.proto = IPPROTO_ICMP;
	inner_packet_make(&p, frame);
	CU_ASSERT(reply_to_frame(len)); /* an echo */
	frame[20] = 3;
	CU_ASSERT_EQUAL(reply_to_frame(len), 0);

	p.family = 6;
	p.proto = IPPROTO_ICMPV6;
	len = inner_packet_make(&p, frame);
	CU_ASSERT_EQUAL(reply_to_frame(len), 0); /* type 8: an error */
	frame[40] = 128;
	CU_ASSERT(reply_to_frame(len));
	frame[8] = 0xff;
	CU_ASSERT_EQUAL(reply_to_frame(len), 0);
	memset(frame + 8, 0, 16);
	CU_ASSERT_EQUAL(reply_to_frame(len), 0);
}

/* --- MSS ----------------------------------------------------------------- */

/* A SYN with an MSS option after `nops` NOPs. */
static uint32_t make_syn(uint8_t family, uint16_t mss, unsigned nops)
{
	struct inner_packet p = inner_packet_tcp(family, 0);
	uint8_t *opt;
	uint32_t len;

	p.flags = PACKET_SYN;
	p.options = 8;
	len = inner_packet_make(&p, frame);
	opt = frame + len - 8 + nops;
	opt[0] = 2;
	opt[1] = 4;
	opt[2] = (uint8_t)(mss >> 8);
	opt[3] = (uint8_t)mss;
	return len;
}

static void set_check(uint32_t len, uint32_t hdr)
{
	uint32_t ph = 6 + len - hdr;
	uint16_t sum;

	frame[hdr + 16] = frame[hdr + 17] = 0;
	sum = packet_sum(ph, hdr == 40 ? frame + 8 : frame + 12,
			 hdr == 40 ? 32 : 8);
	sum = (uint16_t)~packet_sum(sum, frame + hdr, len - hdr);
	frame[hdr + 16] = (uint8_t)(sum >> 8);
	frame[hdr + 17] = (uint8_t)sum;
}

static void an_mss_is_lowered_and_the_checksum_stays_right(void)
{
	static const uint8_t families[] = { 4, 6 };
	uint32_t i, nops, mss, mtu;

	for (i = 0; i < 2; i++) {
		uint32_t hdr = families[i] == 6 ? 40 : 20;

		for (nops = 0; nops <= 4; nops++) {
			for (mss = 500; mss < 9000; mss += 501) {
				uint32_t len = make_syn(families[i],
							(uint16_t)mss, nops);
				uint8_t *opt = frame + len - 8 + nops;
				struct inner in;

				mtu = 1300 + mss % 256;
				set_check(len, hdr);
				CU_ASSERT(inner_parse(&in, frame, len));
				CU_ASSERT_EQUAL(inner_mtu_clamp(&in, frame,
								mtu, false),
						mss > mtu - hdr - 20);
				CU_ASSERT(packet_sums_right(frame, len));
				CU_ASSERT((uint32_t)(opt[2] << 8 | opt[3]) ==
					  (mss > mtu - hdr - 20
						   ? mtu - hdr - 20 : mss));
			}
		}
	}
}

static void only_syns_with_whole_options_are_clamped(void)
{
	uint32_t len = make_syn(4, 1460, 0);
	struct inner in;

	CU_ASSERT(inner_parse(&in, frame, len));
	frame[33] = PACKET_ACK;
	CU_ASSERT_FALSE(inner_mtu_clamp(&in, frame, 1000, false));
	frame[33] = PACKET_SYN;
	frame[41] = 3; /* an MSS of three bytes */
	CU_ASSERT_FALSE(inner_mtu_clamp(&in, frame, 1000, false));
	frame[41] = 200;
	CU_ASSERT_FALSE(inner_mtu_clamp(&in, frame, 1000, false));
	frame[41] = 0;
	CU_ASSERT_FALSE(inner_mtu_clamp(&in, frame, 1000, false));
	frame[40] = 0; /* end of options */
	CU_ASSERT_FALSE(inner_mtu_clamp(&in, frame, 1000, false));
	make_syn(4, 1460, 0);
	frame[32] = 0xf0; /* header longer than the packet */
	CU_ASSERT_FALSE(inner_mtu_clamp(&in, frame, 1000, false));
	make_syn(4, 1460, 0);
	CU_ASSERT_FALSE(inner_mtu_clamp(&in, frame, 40, false));
	CU_ASSERT(inner_mtu_clamp(&in, frame, 41, true));
	CU_ASSERT_EQUAL(frame[43], 1);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(frames_become_the_oracles_segments),
		SUITE_TEST(random_frames_become_the_oracles_segments),
		SUITE_TEST(a_checksum_is_never_zero),
		SUITE_TEST(headers_that_contradict_the_packet_are_refused),
		SUITE_TEST(frames_without_a_packet_are_refused),
		SUITE_TEST(tcp_is_cut_as_the_path_wants_it),
		SUITE_TEST(datagrams_that_are_too_long_are_not_cut),
		SUITE_TEST(tiny_segments_are_limited),
		SUITE_TEST(without_df_ipv4_is_cut_into_fragments),
		SUITE_TEST(a_checksum_left_to_us_is_made_before_fragments),
		SUITE_TEST(options_of_the_first_fragment_stay_with_it),
		SUITE_TEST(senders_are_told_the_mtu),
		SUITE_TEST(nobody_is_told_who_must_not_be),
		SUITE_TEST(an_mss_is_lowered_and_the_checksum_stays_right),
		SUITE_TEST(only_syns_with_whole_options_are_clamped),
	};

	return suite_run("inner_gso", tests, sizeof(tests) / sizeof(tests[0]));
}
