/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * esp_bench.c: what the ESP engine costs a byte, without sockets and TUN.
 *
 * A frame of 64 KB (46 segments and a rest, MSS 1386) over and over, warm
 * caches, as it is in the daemon where the kernel has just copied it.  In TSC
 * cycles per byte of the inner frame, the median of some thousand frames:
 *
 *	cipher	cipher_seal() and cipher_open() of the same packets, alone
 *	copy	segments copied and summed, without cipher
 *	seal	all of esp_out_frame(): judged, found, copied, sealed
 *	open	esp_in_burst(), and frames for one writev() each
 *
 * argv[1]: frames of each measurement.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include "ipsec-migrate/inner_gro.h"
#include "tests/lib/esp_world.h"
#include "tests/lib/inner_packet.h"

#define PAYLOAD	    65000
#define MSS	    1386
#define PACKETS_MAX 64

static unsigned frames = 4000;
static uint64_t *samples;
static uint8_t frame[INNER_FRAME_MAX];
static uint32_t frame_len;
static struct esp_world w;
static struct esp_pkt pkt[PACKETS_MAX];

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The median of all samples, per byte. */
static double per_byte(void)
{
	uint64_t median;

	qsort(samples, frames, sizeof(samples[0]), by_value);
	median = samples[frames / 2];
	return (double)median / (frame_len - INNER_VNET_LEN);
}

static void seal_frame(void)
{
	esp_out_reset(w.out);
	if (esp_out_frame(w.out, w.policies, frame, frame_len, 0) !=
	    ESP_OUT_SEALED)
		abort();
}

static double bench_seal(void)
{
	unsigned i;
	uint64_t t;

	for (i = 0; i < frames; i++) {
		t = __rdtsc();
		seal_frame();
		samples[i] = __rdtsc() - t;
	}
	return per_byte();
}

/* What the daemon does with a burst, up to the writev() calls. */
static void open_frame(unsigned n)
{
	static struct inner_gro gro;
	static struct iovec iov[INNER_GRO_MAX];
	unsigned i;

	inner_gro_init(&gro, true);
	if (esp_in_burst(&w.in, w.in_table, pkt, n, 0) != n)
		abort();
	for (i = 0; i < n; i++)
		inner_gro_add(&gro, &pkt[i].in, pkt[i].data);
	for (i = 0; i < gro.frames; i++)
		inner_gro_finish(&gro, i, iov);
	if (gro.frames != 1)
		abort();
}

static double bench_open(void)
{
	unsigned i, n;
	uint64_t t;

	for (i = 0; i < frames; i++) {
		seal_frame();
		n = esp_world_packets(&w, pkt, PACKETS_MAX);
		t = __rdtsc();
		open_frame(n);
		samples[i] = __rdtsc() - t;
	}
	return per_byte();
}

static double bench_copy(void)
{
	struct inner_gso g;
	unsigned i, k;
	uint64_t t;

	for (i = 0; i < frames; i++) {
		uint8_t *to = w.out->buf;

		t = __rdtsc();
		if (inner_gso_init(&g, frame, frame_len) ||
		    inner_gso_fit(&g, 1438))
			abort();
		for (k = 0; k < g.count; k++) {
			inner_gso_copy(&g, k, to + ESP_HDR_LEN);
			to += esp_len(inner_gso_len(&g, k));
		}
		samples[i] = __rdtsc() - t;
	}
	return per_byte();
}

/* The same packets, in place; what they hold does not matter to it. */
static double bench_cipher(bool open)
{
	struct cipher_op ops[PACKETS_MAX];
	unsigned i, k, n;
	uint64_t t;

	seal_frame();
	n = esp_world_packets(&w, pkt, PACKETS_MAX);
	for (k = 0; k < n; k++)
		ops[k] = (struct cipher_op){
			.data = pkt[k].data + ESP_HDR_LEN,
			.len = pkt[k].len - ESP_HDR_LEN - ESP_ICV_LEN,
			.iv = pkt[k].data + 8,
			.icv = pkt[k].data + pkt[k].len - ESP_ICV_LEN,
			.aad_len = 12,
		};
	for (i = 0; i < frames; i++) {
		t = __rdtsc();
		(open ? cipher_open : cipher_seal)(w.out_sa->cipher, ops, n);
		samples[i] = __rdtsc() - t;
	}
	return per_byte();
}

static double tsc_ghz(void)
{
	struct timespec a, b;
	uint64_t t;

	clock_gettime(CLOCK_MONOTONIC, &a);
	t = __rdtsc();
	do
		clock_gettime(CLOCK_MONOTONIC, &b);
	while ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec) < 5e7);
	t = __rdtsc() - t;
	return t / ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec));
}

static void bench_one(enum cipher_alg alg, enum cipher_backend backend)
{
	struct sa_conf c = world_conf();
	double seal, open, sealed, opened, copied, ghz = tsc_ghz();

	c.alg = alg;
	c.key_len = (uint32_t)cipher_key_len(alg);
	c.backend = backend;
	esp_world_make(&w, &c);
	sealed = bench_seal();
	opened = bench_open();
	copied = bench_copy();
	seal = bench_cipher(false);
	open = bench_cipher(true);
	printf("| %s | %s | %.3f | %.3f | %.3f | %.3f | %.3f | %.1f | %.1f |\n",
	       cipher_alg_name(alg), cipher_backend_name(w.out_sa->cipher),
	       seal, open, copied, sealed, opened, 8 * ghz / sealed,
	       8 * ghz / opened);
	esp_world_free(&w);
}

int main(int argc, char **argv)
{
	struct inner_packet p = inner_packet_tcp(4, PAYLOAD);
	unsigned alg;

	if (argc > 1)
		frames = (unsigned)atoi(argv[1]);
	samples = calloc(frames ? frames : 1, sizeof(samples[0]));
	if (!frames || !samples)
		return 1;
	frame_len = inner_packet_frame(&p, MSS, frame);
	puts("| cipher | by | cipher, seal | cipher, open | copy | seal | open "
	     "| Gb/s sealed | Gb/s opened |");
	puts("|---|---|---|---|---|---|---|---|---|");
	for (alg = 0; alg < CIPHER_ALG_COUNT; alg++) {
		bench_one(alg, CIPHER_IPSEC_MB);
		bench_one(alg, CIPHER_OPENSSL);
	}
	free(samples);
	return 0;
}
