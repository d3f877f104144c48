/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_pcapng.c: the blocks byte by byte, as the draft has them, and read back
 * by libpcap.  With a name as argument it writes the file that libpcap reads,
 * for other readers (tests/scenario).
 */
#include "vswitch/pcapng.h"

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/suite.h"

static uint32_t word(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

/* A block of this type and length, in whole words, lengths at both ends. */
static bool is_block(const uint8_t *b, size_t n, uint32_t type)
{
	return n >= 12 && n % 4 == 0 && word(b) == type && word(b + 4) == n &&
	       word(b + n - 4) == n;
}

static uint16_t half(const uint8_t *at)
{
	uint16_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

/* The value of an option in a list that ends before `end`; NULL: none. */
static const uint8_t *option(const uint8_t *at, const uint8_t *end,
			     uint16_t code, uint16_t len)
{
	while (at + 4 <= end && half(at)) {
		if (half(at) == code)
			return half(at + 2) == len ? at + 4 : NULL;
		at += 4 + ((half(at + 2) + 3) & ~3);
	}
	return NULL;
}

static bool text_is(const uint8_t *at, const char *text)
{
	return at && !memcmp(at, text, strlen(text));
}

static void section_says_byte_order_and_version(void)
{
	uint8_t b[PCAPNG_BLOCK_MAX];
	size_t n = pcapng_section(b, "switchd");

	CU_ASSERT_TRUE(is_block(b, n, 0x0a0d0d0a));
	CU_ASSERT_EQUAL(word(b + 8), 0x1a2b3c4d);
	CU_ASSERT_EQUAL(half(b + 12), 1); /* version 1.0 */
	CU_ASSERT_EQUAL(half(b + 14), 0);
	CU_ASSERT_EQUAL(word(b + 16), 0xffffffff); /* length: unknown */
	CU_ASSERT_EQUAL(word(b + 20), 0xffffffff);
	CU_ASSERT_TRUE(text_is(option(b + 24, b + n - 4, 4, 7), "switchd"));
}

static void interface_is_ethernet_in_nanoseconds(void)
{
	uint8_t b[PCAPNG_BLOCK_MAX];
	size_t n = pcapng_interface(b, "web", 96);
	const uint8_t *resolution = option(b + 16, b + n - 4, 9, 1);

	CU_ASSERT_TRUE(is_block(b, n, 1));
	CU_ASSERT_EQUAL(half(b + 8), 1);
	CU_ASSERT_EQUAL(word(b + 12), 96);
	CU_ASSERT_TRUE(text_is(option(b + 16, b + n - 4, 2, 3), "web"));
	CU_ASSERT_TRUE(resolution && *resolution == 9);
}

static void long_interface_names_are_cut(void)
{
	uint8_t b[PCAPNG_BLOCK_MAX];
	char name[1000];
	size_t n;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	n = pcapng_interface(b, name, 96);
	CU_ASSERT_TRUE(n <= PCAPNG_BLOCK_MAX && is_block(b, n, 1));
	CU_ASSERT_PTR_NOT_NULL(option(b + 16, b + n - 4, 2, 200));
}

static void packet_of_any_length_is_padded(void)
{
	uint8_t b[100 + PCAPNG_PACKET_EXTRA], bytes[100];
	uint32_t len, padded;
	size_t n;

	memset(bytes, 0xab, sizeof(bytes));
	for (len = 0; len <= 100; len++) {
		const uint8_t *flags;

		memset(b, 0xee, sizeof(b));
		n = pcapng_packet(b, 3, 0x123456789abcull, bytes, len, 1500,
				  PCAPNG_OUT);
		padded = (len + 3) & ~3u;
		CU_ASSERT_TRUE(is_block(b, n, 6));
		CU_ASSERT_TRUE(n <= len + PCAPNG_PACKET_EXTRA);
		CU_ASSERT_EQUAL(word(b + 8), 3);
		CU_ASSERT_EQUAL(word(b + 12), 0x1234);
		CU_ASSERT_EQUAL(word(b + 16), 0x56789abc);
		CU_ASSERT_EQUAL(word(b + 20), len);
		CU_ASSERT_EQUAL(word(b + 24), 1500);
		CU_ASSERT_EQUAL(memcmp(b + 28, bytes, len), 0);
		CU_ASSERT_EQUAL(memcmp(b + 28 + len, "\0\0\0", padded - len),
				0);
		flags = option(b + 28 + padded, b + n - 4, 2, 4);
		CU_ASSERT_TRUE(flags && word(flags) == PCAPNG_OUT);
	}
}

static void statistics_count_received_and_dropped(void)
{
	uint8_t b[PCAPNG_BLOCK_MAX];
	size_t n = pcapng_statistics(b, 2, 5, 1000, 17);
	const uint8_t *received = option(b + 20, b + n - 4, 4, 8);
	const uint8_t *dropped = option(b + 20, b + n - 4, 5, 8);

	CU_ASSERT_TRUE(is_block(b, n, 5));
	CU_ASSERT_EQUAL(word(b + 8), 2);
	CU_ASSERT_TRUE(received && word(received) == 1000);
	CU_ASSERT_TRUE(dropped && word(dropped) == 17);
}

/* ---- a whole file ---- */

#define PACKETS 50

/* Two interfaces, packets of 14 to 63 bytes in turn, one a millisecond. */
static size_t make_file(uint8_t *b)
{
	uint8_t bytes[100];
	size_t n = pcapng_section(b, "test");
	unsigned i;

	n += pcapng_interface(b + n, "web", 65535);
	n += pcapng_interface(b + n, "db", 65535);
	for (i = 0; i < PACKETS; i++) {
		memset(bytes, i, sizeof(bytes));
		n += pcapng_packet(b + n, i % 2,
				   1000000000ull + i * 1000000ull, bytes,
				   14 + i, 14 + i, PCAPNG_IN);
	}
	return n + pcapng_statistics(b + n, 0, 2000000000ull, PACKETS, 3);
}

static void libpcap_reads_what_we_write(void)
{
	static uint8_t b[1 << 16];
	char error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *h;
	const uint8_t *bytes;
	unsigned i = 0;
	pcap_t *p;

	p = pcap_fopen_offline_with_tstamp_precision(
		fmemopen(b, make_file(b), "r"), PCAP_TSTAMP_PRECISION_NANO,
		error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT_EQUAL(pcap_datalink(p), DLT_EN10MB);
	while (pcap_next_ex(p, &h, &bytes) == 1) {
		CU_ASSERT_EQUAL(h->caplen, 14 + i);
		CU_ASSERT_EQUAL(h->len, 14 + i);
		CU_ASSERT_EQUAL(h->ts.tv_sec, 1);
		CU_ASSERT_EQUAL(h->ts.tv_usec, i * 1000000);
		CU_ASSERT_EQUAL(bytes[0], i);
		i++;
	}
	CU_ASSERT_EQUAL(i, PACKETS);
	pcap_close(p);
}

static int write_file(const char *name)
{
	static uint8_t b[1 << 16];
	size_t n = make_file(b);
	FILE *to = fopen(name, "w");

	if (!to || fwrite(b, 1, n, to) != n || fclose(to))
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(section_says_byte_order_and_version),
		SUITE_TEST(interface_is_ethernet_in_nanoseconds),
		SUITE_TEST(long_interface_names_are_cut),
		SUITE_TEST(packet_of_any_length_is_padded),
		SUITE_TEST(statistics_count_received_and_dropped),
		SUITE_TEST(libpcap_reads_what_we_write),
	};

	if (argc > 1)
		return write_file(argv[1]);
	return suite_run("pcapng", tests, sizeof(tests) / sizeof(tests[0]));
}
