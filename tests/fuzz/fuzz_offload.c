/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_offload.c: any frame with any offload fields.
 *
 * Input: csum, gso, ecn, tags, gso_size (2), csum_start (2), csum_offset (2),
 * hdr_len, pieces; then the frame.  What is accepted must come out whole.
 */
#include <stdlib.h>

#include "vswitch/offload.h"

#define FIELDS 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct offload_scratch scratch;

static uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

/* The frame as a port would hand it over. */
static void frame_from(struct frame *f, struct frame_seg *segs,
		       const uint8_t *data, size_t size)
{
	static const uint32_t tag[2] = { 0x88a80001, 0x81000002 };
	unsigned pieces = data[11] % 16 + 1;
	size_t len = size - FIELDS, hdr = data[10], at;

	frame_init(f);
	if (hdr > FRAME_HDR_MAX)
		hdr = FRAME_HDR_MAX;
	if (hdr > len)
		hdr = len;
	memcpy(f->hdr, data + FIELDS, hdr);
	f->hdr_len = (uint16_t)hdr;
	f->len = (uint32_t)len;
	f->segs = segs;
	for (at = hdr; at < len;) {
		size_t n = (len - hdr) / pieces + 1;

		if (n > len - at)
			n = len - at;
		segs[f->seg_count].data = data + FIELDS + at;
		segs[f->seg_count++].len = (uint32_t)n;
		at += n;
	}
	f->csum = data[0] % 3;
	f->gso = data[1];
	f->gso_ecn = data[2] & 1;
	f->gso_size = le16(data + 4);
	f->csum_start = le16(data + 6);
	f->csum_offset = le16(data + 8);
	if (f->hdr_len >= ETH_MACS_LEN)
		frame_retag(f, data[3] % 3, tag);
}

static uint32_t bytes_of(const struct frame *f)
{
	uint32_t n = f->hdr_len;
	unsigned i;

	for (i = 0; i < f->seg_count; i++)
		n += f->segs[i].len;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame_seg segs[FRAME_SEGS_MAX];
	struct frame f, *out[OFFLOAD_SEGS_MAX];
	bool valid;
	int n, i;

	if (size < FIELDS || size > FRAME_LEN_MAX)
		return 0;
	frame_from(&f, segs, data, size);
	valid = offload_validate(&f);
	n = offload_segment(&f, &scratch, out, OFFLOAD_SEGS_MAX);
	if (f.gso && valid != (n > 0))
		abort();
	for (i = 0; i < n; i++)
		if (bytes_of(out[i]) != out[i]->len || out[i]->len > f.len + 8 ||
		    out[i]->more != (i + 1 < n))
			abort();
	if (offload_checksum(&f) == DROP_NONE &&
	    f.csum == FRAME_CSUM_PARTIAL)
		abort();
	return 0;
}
