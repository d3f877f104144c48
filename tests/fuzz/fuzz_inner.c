/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_inner.c: a frame of the TUN with any virtio-net header.
 *
 * Input: two bytes of MTU, then the frame.  What is accepted must come out in
 * segments that are packets, no longer than the MTU, and with all the payload.
 */
#include <stdlib.h>
#include <string.h>

#include "ipsec-migrate/inner_gso.h"
#include "ipsec-migrate/inner_mtu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_segments(const struct inner_gso *g, uint32_t mtu)
{
	uint64_t payload = 0, total = 0;
	uint32_t i;

	for (i = 0; i < g->count; i++) {
		uint32_t len = inner_gso_len(g, i);
		uint8_t *to = malloc(len);
		struct inner in;

		if (len > mtu || len <= g->hdr_len)
			abort();
		inner_gso_copy(g, i, to);
		if (!inner_parse(&in, to, len) || in.len != len)
			abort();
		payload += len - g->hdr_len;
		total += len;
		free(to);
	}
	if (payload != g->payload || total != inner_gso_total(g))
		abort();
}

static void check_reply(const struct inner_gso *g, uint32_t mtu)
{
	uint8_t *reply = malloc(INNER_MTU_REPLY_MAX);
	uint32_t len = inner_mtu_reply(&g->in, g->pkt, mtu, reply);
	struct inner in;

	if (len && (!inner_parse(&in, reply, len) || in.len != len))
		abort();
	free(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inner_gso g;
	uint8_t *frame;
	uint32_t mtu, len;

	if (size < 2 || size - 2 > INNER_FRAME_MAX)
		return 0;
	mtu = data[0] | (uint32_t)data[1] << 8;
	len = (uint32_t)size - 2;
	frame = malloc(len ? len : 1);
	memcpy(frame, data + 2, len);
	if (!inner_gso_init(&g, frame, len)) {
		inner_mtu_clamp(&g.in, g.pkt, mtu, g.csum);
		switch (inner_gso_fit(&g, mtu)) {
		case ESP_DROP_NONE: check_segments(&g, mtu); break;
		case ESP_DROP_TOO_BIG: check_reply(&g, mtu); break;
		case ESP_DROP_TOO_MANY: break;
		default: abort();
		}
	}
	free(frame);
	return 0;
}
