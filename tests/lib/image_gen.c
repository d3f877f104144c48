/* SPDX-License-Identifier: GPL-2.0-or-later */
/* image_gen.c: see image_gen.h. */
#include "tests/lib/image_gen.h"

#include <string.h>

void image_put32(uint8_t *at, uint32_t v)
{
	at[0] = v >> 24;
	at[1] = v >> 16;
	at[2] = v >> 8;
	at[3] = v;
}

void image_put64(uint8_t *at, uint64_t v)
{
	image_put32(at, v >> 32);
	image_put32(at + 4, v);
}

static size_t put_extension(uint8_t *at, uint32_t type, const char *data)
{
	size_t len = strlen(data);

	image_put32(at, type);
	image_put32(at + 4, len);
	memcpy(at + 8, data, len);
	return 8 + (len + 7) / 8 * 8;
}

size_t image_qcow2(uint8_t *to, const char *backing, const char *format)
{
	size_t at = 112;

	memset(to, 0, IMAGE_GEN_MAX);
	image_put32(to, 0x514649fb);
	image_put32(to + 4, 3);
	image_put32(to + 20, 16); /* clusters of 64 KiB */
	image_put64(to + 24, IMAGE_GEN_BYTES);
	image_put32(to + 36, 1);
	image_put64(to + 40, 3 << 16);
	image_put64(to + 48, 1 << 16);
	image_put32(to + 56, 1);
	image_put32(to + 96, 4);
	image_put32(to + 100, 112);
	if (format)
		at += put_extension(to + at, 0xe2792aca, format);
	at += 8; /* the end mark is zeroes */
	if (!backing)
		return IMAGE_GEN_MAX;
	image_put64(to + 8, at);
	image_put32(to + 16, strlen(backing));
	memcpy(to + at, backing, strlen(backing));
	return IMAGE_GEN_MAX;
}

void image_vhd_sum(uint8_t *at, size_t len, size_t sum_at)
{
	uint32_t sum = 0;
	size_t i;

	image_put32(at + sum_at, 0);
	for (i = 0; i < len; i++)
		sum += at[i];
	image_put32(at + sum_at, ~sum);
}

static void put_footer(uint8_t *at, uint32_t type, uint64_t data_at,
		       uint64_t bytes)
{
	memset(at, 0, 512);
	memcpy(at, "conectix", 8);
	image_put32(at + 8, 2);
	image_put32(at + 12, 0x00010000);
	image_put64(at + 16, data_at);
	image_put64(at + 40, bytes);
	image_put64(at + 48, bytes);
	image_put32(at + 60, type);
	image_vhd_sum(at, 512, 64);
}

size_t image_vhd_fixed(uint8_t *to)
{
	memset(to, 0, 1024);
	put_footer(to + 1024, 2, UINT64_MAX, 1024);
	return 1536;
}

size_t image_vhd_dynamic(uint8_t *to)
{
	uint8_t *sparse = to + 512;

	put_footer(to, 3, 512, IMAGE_GEN_BYTES);
	memset(sparse, 0, 1024);
	memcpy(sparse, "cxsparse", 8);
	image_put64(sparse + 8, UINT64_MAX);
	image_put64(sparse + 16, 1536);
	image_put32(sparse + 24, 0x00010000);
	image_put32(sparse + 28, 1);
	image_put32(sparse + 32, 2 << 20);
	image_vhd_sum(sparse, 1024, 36);
	memset(to + 1536, 0xff, 512);
	memcpy(to + 2048, to, 512);
	return 2560;
}
