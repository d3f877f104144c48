/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_lldp.c: LLDP from hostile neighbours.
 *
 * An input is a run of records: a byte of what to do (bits 0 to 2: the link
 * goes up or down, we are told anew who we are, the frame gets a right
 * Ethernet header; bits 4 to 7: seconds to pass), two bytes of length, the
 * frame.  After each, there must be no more neighbours than there may be, all
 * text must be printable, time must go on, and we must not have said more than
 * a frame a second.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vlan/lldp.h"
#include "vlan/lldp_wire.h"

#define LINK 1
#define RECONFIGURE 2
#define HEADER 4
#define FRAME_BYTES_MAX 2048

static const struct lldp_local us = {
	.chassis = { 2, 0, 0, 0, 0, 1 },
	.mac = { 2, 0, 0, 0, 0, 2 },
	.port = "eth0",
	.system_name = "us",
};

struct state {
	struct lldp *lldp;
	uint64_t now_ms;
	bool up;
	uint64_t hellos, last_ms;
};

static void need(bool holds)
{
	if (!holds)
		abort();
}

static void on_send(void *ctx, const uint8_t *frame, size_t len)
{
	struct state *s = ctx;
	struct lldp_message m;

	need(len >= 60 && len <= LLDP_FRAME_MAX);
	need(lldp_wire_parse(frame, len, &m) && !m.bad_tlvs);
	if (!m.says.ttl_s)
		return;
	need(!s->hellos++ || s->now_ms >= s->last_ms + LLDP_TX_FAST_MS);
	s->last_ms = s->now_ms;
}

static void is_text(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	need(len < size);
	for (size_t i = 0; i < len; i++)
		need(text[i] >= 0x20 && text[i] < 0x7f);
}

static void check(struct state *s)
{
	unsigned count = lldp_neighbour_count(s->lldp);

	need(lldp_run(s->lldp, s->now_ms, on_send, s) > s->now_ms);
	need(count <= LLDP_NEIGHBOURS_MAX);
	for (unsigned i = 0; i < lldp_neighbour_count(s->lldp); i++) {
		const struct lldp_neighbour *n = lldp_neighbour(s->lldp, i);

		is_text(n->chassis, sizeof(n->chassis));
		is_text(n->port, sizeof(n->port));
		is_text(n->port_description, sizeof(n->port_description));
		is_text(n->system_name, sizeof(n->system_name));
		is_text(n->system_description, sizeof(n->system_description));
		is_text(n->management, sizeof(n->management));
		need(n->chassis[0] && n->port[0]);
		need(n->heard_ms <= s->now_ms && n->until_ms > s->now_ms);
	}
}

static void hear(struct state *s, unsigned op, const uint8_t *frame, size_t len)
{
	static const uint8_t head[14] = { 0x01, 0x80, 0xc2, 0, 0, 0x0e, 2,
					  0, 0, 0, 0, 3, 0x88, 0xcc };
	size_t at = op & HEADER ? sizeof(head) : 0;
	uint8_t *exact = malloc(at + len + 1); /* so that ASan sees the end */

	if (!exact)
		return;
	memcpy(exact, head, at);
	memcpy(exact + at, frame, len);
	exact = realloc(exact, at + len ? at + len : 1);
	lldp_input(s->lldp, exact, at + len, s->now_ms);
	free(exact);
}

static void act(struct state *s, unsigned op)
{
	struct lldp_local local = us;

	s->now_ms += (op >> 4) * 1000;
	if (op & LINK)
		s->up = !s->up;
	lldp_link(s->lldp, s->up, s->now_ms);
	if (!(op & RECONFIGURE))
		return;
	local.port[3] = op >> 4 & 1 ? '1' : '0';
	local.pvid = op >> 4;
	lldp_reconfigure(s->lldp, &local, op >> 5 & 1, op >> 6 & 1, s->now_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state s = { .now_ms = 1000 };

	if (lldp_new(&s.lldp, &us, true, true, s.now_ms))
		return 0;
	while (size >= 3) {
		unsigned op = data[0];
		size_t len = (data[1] << 8 | data[2]) % FRAME_BYTES_MAX;

		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		act(&s, op);
		hear(&s, op, data, len);
		check(&s);
		data += len;
		size -= len;
	}
	lldp_free(s.lldp);
	return 0;
}
