/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_udp.c: batches over loopback, and what a packet is. */
#include "ipsec-migrate/udp.h"

#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/suite.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

static struct udp_sock sock(struct sockaddr_storage *local)
{
	struct sockaddr_in *in = (struct sockaddr_in *)local;
	struct udp_sock s = { .fd = socket(AF_INET, SOCK_DGRAM, 0) };
	socklen_t len = sizeof(*in);
	int one = 1;

	memset(local, 0, sizeof(*local));
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CU_ASSERT_FATAL(s.fd >= 0);
	CU_ASSERT_EQUAL_FATAL(bind(s.fd, (struct sockaddr *)in, len), 0);
	CU_ASSERT_EQUAL(getsockname(s.fd, (struct sockaddr *)in, &len), 0);
	setsockopt(s.fd, IPPROTO_UDP, UDP_GRO, &one, sizeof(one));
	setsockopt(s.fd, IPPROTO_IP, IP_RECVTOS, &one, sizeof(one));
	setsockopt(s.fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
	return s;
}

static void wait_for(const struct udp_sock *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };

	CU_ASSERT_EQUAL_FATAL(poll(&p, 1, 5000), 1);
}

static void a_packet_of_port_4500_is_what_it_begins_with(void)
{
	static const uint8_t esp[8] = { 0, 0, 1, 0 }, ike[8] = { 0 },
			     alive[1] = { 0xff };

	CU_ASSERT_EQUAL(udp_kind(esp, 8), UDP_ESP);
	CU_ASSERT_EQUAL(udp_kind(ike, 8), UDP_IKE);
	CU_ASSERT_EQUAL(udp_kind(ike, 4), UDP_RUNT);
	CU_ASSERT_EQUAL(udp_kind(alive, 1), UDP_KEEPALIVE);
	CU_ASSERT_EQUAL(udp_kind(ike, 1), UDP_RUNT);
	CU_ASSERT_EQUAL(udp_kind(ike, 0), UDP_RUNT);
}

static void what_one_send_takes_comes_as_the_same_packets(void)
{
	struct sockaddr_storage at_a, at_b;
	struct udp_sock a = sock(&at_a), b = sock(&at_b);
	struct sa sa = { .path = { .local = at_a, .remote = at_b } };
	static uint8_t bytes[2 * 10000];
	struct esp_send send[2] = {
		{ .sa = &sa, .data = bytes, .len = 10000, .seg = 1200,
		  .tos = 2 },
		{ .sa = &sa, .data = bytes + 10000, .len = 700, .seg = 700 },
	};
	struct udp_tx *tx;
	struct udp_rx *rx;
	struct udp_msg *m;
	uint32_t got = 0, packets = 0;
	int rc;

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	CU_ASSERT_EQUAL_FATAL(udp_tx_new(&tx), 0);
	CU_ASSERT_EQUAL_FATAL(udp_rx_new(&rx), 0);
	CU_ASSERT_EQUAL(udp_send(tx, &a, send, 2, &rc), 2);
	CU_ASSERT_EQUAL(rc, 0);
	while (got < 10700) {
		unsigned n;

		wait_for(&b);
		n = udp_recv(rx, &b, &m);
		for (unsigned i = 0; i < n; i++) {
			CU_ASSERT(!memcmp(m[i].data, bytes + got, m[i].len));
			CU_ASSERT(udp_same(&m[i].from, &at_a));
			CU_ASSERT(udp_same_addr(&m[i].to, &at_b));
			CU_ASSERT_EQUAL(m[i].tos, got < 10000 ? 2 : 0);
			CU_ASSERT_EQUAL(m[i].seg, got < 9600   ? 1200
						  : got < 10000 ? 400
								: 700);
			got += m[i].len;
			packets += (m[i].len + m[i].seg - 1) / m[i].seg;
		}
	}
	CU_ASSERT_EQUAL(got, 10700);
	CU_ASSERT_EQUAL(packets, 10);
	udp_rx_free(rx);
	udp_tx_free(tx);
	close(a.fd);
	close(b.fd);
}

static void nothing_waits_where_nothing_was_sent(void)
{
	struct sockaddr_storage at;
	struct udp_sock s = sock(&at);
	struct udp_msg *m;
	struct udp_rx *rx;
	struct udp_error e;

	CU_ASSERT_EQUAL_FATAL(udp_rx_new(&rx), 0);
	CU_ASSERT_EQUAL(udp_recv(rx, &s, &m), 0);
	CU_ASSERT_FALSE(udp_error_next(&s, &e));
	udp_rx_free(rx);
	close(s.fd);
}

static void an_empty_datagram_is_no_packet(void)
{
	struct sockaddr_storage at_a, at_b;
	struct udp_sock a = sock(&at_a), b = sock(&at_b);
	struct udp_msg *m;
	struct udp_rx *rx;

	CU_ASSERT_EQUAL_FATAL(udp_rx_new(&rx), 0);
	CU_ASSERT_EQUAL(udp_send_one(&a, &at_a, &at_b, NULL, 0, "", 0), 0);
	CU_ASSERT_EQUAL(udp_send_one(&a, &at_a, &at_b, "ab", 2, "cd", 2), 0);
	wait_for(&b);
	CU_ASSERT_EQUAL_FATAL(udp_recv(rx, &b, &m), 2);
	CU_ASSERT_EQUAL(m[0].len, 0);
	CU_ASSERT_EQUAL(m[1].len, 4);
	CU_ASSERT(!memcmp(m[1].data, "abcd", 4));
	udp_rx_free(rx);
	close(a.fd);
	close(b.fd);
}

static void addresses_are_compared_and_put_into_words(void)
{
	struct sockaddr_in a4 = { .sin_family = AF_INET,
				  .sin_port = htons(4500),
				  .sin_addr = { htonl(0xc0000201) } };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons(500) };
	struct sockaddr_storage x = { 0 }, y = { 0 };
	char text[64];

	memcpy(&x, &a4, sizeof(a4));
	memcpy(&y, &a6, sizeof(a6));
	CU_ASSERT_STRING_EQUAL(udp_text(&x, text), "192.0.2.1:4500");
	CU_ASSERT_STRING_EQUAL(udp_text(&y, text), "[::]:500");
	CU_ASSERT(udp_is_any(&y));
	CU_ASSERT_FALSE(udp_is_any(&x));
	CU_ASSERT_FALSE(udp_same_addr(&x, &y));
	y = x;
	udp_set_port(&y, 0);
	CU_ASSERT(udp_same_addr(&x, &y));
	CU_ASSERT_FALSE(udp_same(&x, &y));
	CU_ASSERT_STRING_EQUAL(udp_text(&y, text), "192.0.2.1");
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(a_packet_of_port_4500_is_what_it_begins_with),
		SUITE_TEST(what_one_send_takes_comes_as_the_same_packets),
		SUITE_TEST(nothing_waits_where_nothing_was_sent),
		SUITE_TEST(an_empty_datagram_is_no_packet),
		SUITE_TEST(addresses_are_compared_and_put_into_words),
	};

	return suite_run("udp", tests, sizeof(tests) / sizeof(tests[0]));
}
