/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_slow.c: slow protocols from two hostile wires.
 *
 * An input is a run of records: a byte of flags (bit 0 member, bit 1 "plant
 * what makes an LACPDU", bit 2 "say of us what is true", bit 3 the link goes or
 * comes), a byte of time to pass in units of 100 ms, two bytes of length, the
 * frame.  After each: whoever collects has a link, those who distribute have
 * one partner, and no member sends faster than the standard allows.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vlan/lacp.h"
#include "vlan/lacp_wire.h"

#define MEMBERS 2

static uint64_t now, sent_at[MEMBERS][3];
static unsigned sent[MEMBERS];
static bool up[MEMBERS];

static void need(bool holds)
{
	if (!holds)
		abort();
}

static void take(void *ctx, unsigned member, const uint8_t *frame, size_t len)
{
	struct lacp_message msg;

	need(member < MEMBERS && up[member]);
	need(lacp_wire_parse(frame, len, &msg) == LACP_WIRE_PDU ||
	     msg.kind == LACP_WIRE_MARKER_RESPONSE);
	if (msg.kind != LACP_WIRE_PDU)
		return;
	need(sent[member] < 3 ||
	     now - sent_at[member][sent[member] % 3] >= 1000);
	sent_at[member][sent[member]++ % 3] = now;
}

static void check(const struct lacp *lacp)
{
	struct lacp_facts f[MEMBERS];
	unsigned i;

	for (i = 0; i < MEMBERS; i++) {
		need(lacp_member_facts(lacp, i, &f[i]));
		need(!lacp_collecting(lacp, i) || up[i]);
		need(!lacp_distributing(lacp, i) || lacp_collecting(lacp, i));
	}
	if (lacp_distributing(lacp, 0) && lacp_distributing(lacp, 1))
		need(!memcmp(f[0].partner.system, f[1].partner.system, 6) &&
		     f[0].partner.key == f[1].partner.key);
}

static void run(struct lacp *lacp, uint64_t until)
{
	uint64_t due = lacp_run(lacp, now, take, NULL);

	for (; due <= until; due = lacp_run(lacp, now, take, NULL)) {
		need(due > now);
		now = due;
	}
	now = until;
	check(lacp);
}

/* What mutation would hardly hit. */
static void plant(const struct lacp *lacp, unsigned member, uint8_t flags,
		  uint8_t *frame, unsigned len)
{
	static const uint8_t head[] = {
		1, 0x80, 0xc2, 0,    0,    2, 2, 0, 0,
		0, 9,    9,    0x88, 0x09, 1, 1, 1, 20
	};
	uint8_t whole[LACP_FRAME_LEN];
	struct lacp_facts f;

	if (len < LACP_FRAME_LEN || !(flags & 6))
		return;
	memcpy(frame, head, sizeof(head));
	frame[37] = 20;
	frame[57] = 16;
	if (!(flags & 4))
		return;
	lacp_member_facts(lacp, member, &f);
	lacp_wire_pdu(whole, head, &f.actor, &f.actor);
	memcpy(frame + 36, whole + 36, 20);
}

static void one_record(struct lacp *lacp, const uint8_t *record,
		       const uint8_t *bytes, unsigned len)
{
	unsigned member = record[0] & 1;
	uint8_t *frame = malloc(len ? len : 1); /* so that ASan sees the end */

	need(frame);
	memcpy(frame, bytes, len);
	if (record[0] & 8) {
		up[member] = !up[member];
		lacp_member_link(lacp, member, up[member], 10000, now);
	}
	run(lacp, now + record[1] * 100);
	plant(lacp, member, record[0], frame, len);
	lacp_input(lacp, member, frame, len, now);
	run(lacp, now);
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct lacp_conf conf = { .system = { 2, 0, 0, 0, 0, 1 },
					.fast = size & 1 };
	struct lacp *lacp;
	unsigned i;

	need(lacp_new(&lacp, &conf) == 0);
	now = 1000;
	for (i = 0; i < MEMBERS; i++) {
		struct lacp_member_conf m = { .port = i + 1, .key = 1 };

		sent[i] = 0;
		up[i] = true;
		lacp_member_set(lacp, i, &m, now);
		lacp_member_link(lacp, i, true, 10000, now);
	}
	run(lacp, now);
	while (size >= 4) {
		unsigned len = data[2] << 8 | data[3];

		len = len < size - 4 ? len : size - 4;
		one_record(lacp, data, data + 4, len);
		data += 4 + len;
		size -= 4 + len;
	}
	lacp_free(lacp);
	return 0;
}
