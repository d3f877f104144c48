/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_lacp_wire.c: slow protocols as bytes: what we write, what we take, and
 * what we refuse (BD-04 of the fault table).
 */
#include <CUnit/CUnit.h>
#include <string.h>

#include "tests/lib/packet.h"
#include "tests/lib/suite.h"
#include "vlan/lacp_wire.h"

static const struct lacp_info us = { 65534, { 2, 0, 0, 0, 0, 1 }, 3, 32768, 1,
				     0x3f };
static const struct lacp_info them = { 127, { 2, 0, 0, 0, 0, 2 }, 4, 255, 9,
				       0x3d };
static const uint8_t our_mac[6] = { 2, 0, 0, 0, 1, 1 };

static const char good_pdu[] =
	"0180c2000002 020000000101 8809 01 01"
	"01 14 fffe 020000000001 0003 8000 0001 3f 000000"
	"02 14 007f 020000000002 0004 00ff 0009 3d 000000"
	"03 10 0000 000000000000000000000000"
	"00 00";

static const char good_marker[] = "0180c2000002 020000000009 8809 02 01"
				  "01 10 0009 020000000002 01020304 0000"
				  "00 00";

static void pad(struct packet *p, const char *hex)
{
	p->len = 0;
	packet_put_hex(p, hex);
	packet_zero(p, LACP_FRAME_LEN - p->len);
}

static void writes_pdu_of_the_standard(void)
{
	uint8_t frame[LACP_FRAME_LEN];
	struct packet want;

	pad(&want, good_pdu);
	lacp_wire_pdu(frame, our_mac, &us, &them);
	CU_ASSERT_EQUAL(memcmp(frame, want.bytes, LACP_FRAME_LEN), 0);
}

static void writes_marker_response_with_the_questioner_s_words(void)
{
	uint8_t frame[LACP_FRAME_LEN];
	struct packet p;
	struct lacp_message msg;

	pad(&p, good_marker);
	CU_ASSERT_EQUAL(lacp_wire_parse(p.bytes, p.len, &msg),
			LACP_WIRE_MARKER);
	lacp_wire_marker_response(frame, our_mac, &msg.marker);
	memcpy(p.bytes + 6, our_mac, 6);
	p.bytes[16] = 2;
	CU_ASSERT_EQUAL(memcmp(frame, p.bytes, LACP_FRAME_LEN), 0);
	CU_ASSERT_EQUAL(lacp_wire_parse(frame, sizeof(frame), &msg),
			LACP_WIRE_MARKER_RESPONSE);
}

static void reads_what_it_wrote(void)
{
	struct lacp_message msg;
	struct packet p;

	pad(&p, good_pdu);
	CU_ASSERT_EQUAL(lacp_wire_parse(p.bytes, p.len, &msg), LACP_WIRE_PDU);
	CU_ASSERT_EQUAL(msg.actor.system_priority, 65534);
	CU_ASSERT_EQUAL(memcmp(msg.actor.system, us.system, 6), 0);
	CU_ASSERT_EQUAL(msg.actor.key, 3);
	CU_ASSERT_EQUAL(msg.actor.port_priority, 32768);
	CU_ASSERT_EQUAL(msg.actor.port, 1);
	CU_ASSERT_EQUAL(msg.actor.state, 0x3f);
	CU_ASSERT_EQUAL(msg.partner.system_priority, 127);
	CU_ASSERT_EQUAL(msg.partner.port, 9);
	CU_ASSERT_EQUAL(msg.partner.state, 0x3d);
}

/* One byte of a good frame changed, or its length. */
struct patch {
	const char *what;
	unsigned at;
	uint8_t value;
	unsigned len;
	enum lacp_wire_kind kind;
};

#define WHOLE LACP_FRAME_LEN

static const struct patch pdu_patches[] = {
	/* tolerated, as 6.4.12 demands */
	{ "version 2", 15, 2, WHOLE, LACP_WIRE_PDU },
	{ "version 0", 15, 0, WHOLE, LACP_WIRE_PDU },
	{ "version 255", 15, 255, WHOLE, LACP_WIRE_PDU },
	{ "actor TLV type", 16, 7, WHOLE, LACP_WIRE_PDU },
	{ "partner TLV type", 36, 1, WHOLE, LACP_WIRE_PDU },
	{ "collector TLV type", 56, 0, WHOLE, LACP_WIRE_PDU },
	{ "reserved of actor", 34, 0xff, WHOLE, LACP_WIRE_PDU },
	{ "reserved of partner", 55, 0xff, WHOLE, LACP_WIRE_PDU },
	{ "reserved of collector", 71, 0xff, WHOLE, LACP_WIRE_PDU },
	{ "TLV of version 2", 72, 4, WHOLE, LACP_WIRE_PDU },
	{ "terminator length", 73, 9, WHOLE, LACP_WIRE_PDU },
	{ "last reserved byte", 123, 0xff, WHOLE, LACP_WIRE_PDU },
	{ "longer", 200, 1, 300, LACP_WIRE_PDU },
	{ "actor of a group's address", 20, 3, WHOLE, LACP_WIRE_PDU },
	/* malformed */
	{ "one byte short", 15, 1, WHOLE - 1, LACP_WIRE_BAD },
	{ "cut at the terminator", 15, 1, 72, LACP_WIRE_BAD },
	{ "cut in the actor", 15, 1, 30, LACP_WIRE_BAD },
	{ "only a subtype", 14, 1, 15, LACP_WIRE_BAD },
	{ "actor length 0", 17, 0, WHOLE, LACP_WIRE_BAD },
	{ "actor length 19", 17, 19, WHOLE, LACP_WIRE_BAD },
	{ "actor length 255", 17, 255, WHOLE, LACP_WIRE_BAD },
	{ "partner length 21", 37, 21, WHOLE, LACP_WIRE_BAD },
	{ "collector length 0", 57, 0, WHOLE, LACP_WIRE_BAD },
	{ "subtype 0", 14, 0, WHOLE, LACP_WIRE_BAD },
	{ "subtype 4", 14, 4, WHOLE, LACP_WIRE_BAD },
	{ "subtype 255", 14, 255, WHOLE, LACP_WIRE_BAD },
	{ "another group's address", 5, 3, WHOLE, LACP_WIRE_BAD },
	{ "to a unicast address", 0, 0, WHOLE, LACP_WIRE_BAD },
	{ "from a group's address", 6, 3, WHOLE, LACP_WIRE_BAD },
	/* not ours */
	{ "OAM", 14, 3, WHOLE, LACP_WIRE_OTHER },
	{ "short OAM", 14, 3, 60, LACP_WIRE_OTHER },
	{ "OSSP", 14, 10, WHOLE, LACP_WIRE_OTHER },
	{ "another EtherType", 13, 8, WHOLE, LACP_WIRE_OTHER },
	{ "VLAN tag", 12, 0x81, WHOLE, LACP_WIRE_OTHER },
	{ "no subtype", 13, 9, 14, LACP_WIRE_OTHER },
	{ "addresses only", 5, 2, 12, LACP_WIRE_OTHER },
	{ "nothing", 0, 1, 0, LACP_WIRE_OTHER },
};

static const struct patch marker_patches[] = {
	{ "good", 15, 1, WHOLE, LACP_WIRE_MARKER },
	{ "version 2", 15, 2, WHOLE, LACP_WIRE_MARKER },
	{ "pad", 30, 0xff, WHOLE, LACP_WIRE_MARKER },
	{ "response", 16, 2, WHOLE, LACP_WIRE_MARKER_RESPONSE },
	{ "type 0", 16, 0, WHOLE, LACP_WIRE_BAD },
	{ "type 3", 16, 3, WHOLE, LACP_WIRE_BAD },
	{ "length 15", 17, 15, WHOLE, LACP_WIRE_BAD },
	{ "length 20", 17, 20, WHOLE, LACP_WIRE_BAD },
	{ "short", 15, 1, 60, LACP_WIRE_BAD },
};

static void try(const char *base, const struct patch *patches, unsigned count)
{
	struct lacp_message msg;
	unsigned i;

	for (i = 0; i < count; i++) {
		const struct patch *t = &patches[i];
		struct packet p;

		pad(&p, base);
		packet_zero(&p, 400 - p.len);
		p.bytes[t->at] = t->value;
		if (lacp_wire_parse(p.bytes, t->len, &msg) != t->kind)
			CU_FAIL(t->what);
	}
}

static void takes_and_refuses_pdus_by_the_table(void)
{
	try(good_pdu, pdu_patches,
	    sizeof(pdu_patches) / sizeof(pdu_patches[0]));
}

static void takes_and_refuses_markers_by_the_table(void)
{
	try(good_marker, marker_patches,
	    sizeof(marker_patches) / sizeof(marker_patches[0]));
}

static void refuses_an_actor_without_system(void)
{
	struct lacp_message msg;
	struct packet p;

	pad(&p, good_pdu);
	memset(p.bytes + 20, 0, 6);
	CU_ASSERT_EQUAL(lacp_wire_parse(p.bytes, p.len, &msg), LACP_WIRE_BAD);
}

static void counts_what_is_malformed_and_stays_as_it_was(void)
{
	const struct lacp_conf conf = { .system = { 2, 0, 0, 0, 0, 9 } };
	const struct lacp_member_conf member = { .port = 1 };
	struct lacp_facts before, after;
	struct lacp *lacp;
	unsigned i, bad = 0;

	CU_ASSERT_EQUAL_FATAL(lacp_new(&lacp, &conf), 0);
	lacp_member_set(lacp, 0, &member, 0);
	lacp_member_link(lacp, 0, true, 1000, 0);
	CU_ASSERT(lacp_member_facts(lacp, 0, &before));
	for (i = 0; i < sizeof(pdu_patches) / sizeof(pdu_patches[0]); i++) {
		const struct patch *t = &pdu_patches[i];
		struct packet p;

		if (t->kind == LACP_WIRE_PDU)
			continue;
		bad += t->kind == LACP_WIRE_BAD;
		pad(&p, good_pdu);
		p.bytes[t->at] = t->value;
		CU_ASSERT(!lacp_input(lacp, 0, p.bytes, t->len, 1));
		CU_ASSERT(!lacp_input(lacp, 1, p.bytes, t->len, 1));
	}
	CU_ASSERT(lacp_member_facts(lacp, 0, &after));
	CU_ASSERT_EQUAL(after.rx_bad, bad);
	CU_ASSERT_EQUAL(after.receive, before.receive);
	CU_ASSERT_EQUAL(after.rx_pdus, 0);
	CU_ASSERT_EQUAL(after.partner.port, 0);
	CU_ASSERT_EQUAL(after.actor.state, before.actor.state);
	lacp_free(lacp);
}

static const struct suite_test tests[] = {
	SUITE_TEST(writes_pdu_of_the_standard),
	SUITE_TEST(writes_marker_response_with_the_questioner_s_words),
	SUITE_TEST(reads_what_it_wrote),
	SUITE_TEST(takes_and_refuses_pdus_by_the_table),
	SUITE_TEST(takes_and_refuses_markers_by_the_table),
	SUITE_TEST(refuses_an_actor_without_system),
	SUITE_TEST(counts_what_is_malformed_and_stays_as_it_was),
};

int main(void)
{
	return suite_run("lacp_wire", tests, sizeof(tests) / sizeof(tests[0]));
}
