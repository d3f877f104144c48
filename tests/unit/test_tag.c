/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_tag.c: stacks of tags, whole and cut off. */
#include "vlan/tag.h"

#include "tests/lib/packet.h"
#include "tests/lib/suite.h"

#define DST "02:00:00:00:00:02"
#define SRC "02:00:00:00:00:01"

static void tag_parse_reads_an_untagged_frame(void)
{
	struct packet p;
	struct packet_frame pf;
	struct tag_stack st;

	packet_eth(&p, DST, SRC, 0x0800);
	CU_ASSERT_EQUAL(tag_parse(packet_frame(&p, &pf, 128), 2, &st), 0);
	CU_ASSERT_EQUAL(st.count, 0);
	CU_ASSERT_EQUAL(st.type, 0x0800);
	CU_ASSERT_EQUAL(st.type_at, 12);
	CU_ASSERT_FALSE(st.truncated);
}

static void tag_parse_reads_every_tpid_outermost_first(void)
{
	struct packet p;
	struct packet_frame pf;
	struct tag_stack st;

	packet_eth(&p, DST, SRC, 0x86dd);
	packet_tag(&p, 0x9100, 0x0003);
	packet_tag(&p, 0x8100, 0xb002);
	packet_tag(&p, 0x88a8, 0x0fff);
	CU_ASSERT_EQUAL(tag_parse(packet_frame(&p, &pf, 128), 8, &st), 3);
	CU_ASSERT_EQUAL(st.tag[0], 0x88a80fff);
	CU_ASSERT_EQUAL(st.tag[1], 0x8100b002);
	CU_ASSERT_EQUAL(st.tag[2], 0x91000003);
	CU_ASSERT_EQUAL(st.type, 0x86dd);
	CU_ASSERT_EQUAL(st.type_at, 24);
}

static void tag_parse_stops_at_its_limit(void)
{
	struct packet p;
	struct packet_frame pf;
	struct tag_stack st;
	unsigned i;

	packet_eth(&p, DST, SRC, 0x0800);
	for (i = 0; i < 20; i++)
		packet_tag(&p, 0x8100, i);
	CU_ASSERT_EQUAL(tag_parse(packet_frame(&p, &pf, 128), 2, &st), 2);
	CU_ASSERT_EQUAL(st.type, 0x8100);
	CU_ASSERT_FALSE(st.truncated);
	CU_ASSERT_EQUAL(tag_parse(packet_frame(&p, &pf, 128), 8, &st), 8);
	CU_ASSERT_FALSE(st.truncated);
}

/* The private header is cut at every length: 2 tags need 22 bytes. */
static void tag_parse_detects_a_truncated_tag(void)
{
	struct packet p;
	struct packet_frame pf;
	struct tag_stack st;
	unsigned cut;

	packet_eth(&p, DST, SRC, 0x0800);
	packet_tag(&p, 0x8100, 5);
	packet_tag(&p, 0x88a8, 6);
	for (cut = 0; cut < 22; cut++) {
		tag_parse(packet_frame(&p, &pf, cut), 2, &st);
		CU_ASSERT_TRUE(st.truncated);
		CU_ASSERT_EQUAL(st.count, cut < 18 ? 0 : 1);
		CU_ASSERT_EQUAL(st.type, 0);
	}
	tag_parse(packet_frame(&p, &pf, cut), 2, &st);
	CU_ASSERT_FALSE(st.truncated);
	CU_ASSERT_EQUAL(st.count, 2);
}

static void tag_beneath_looks_through_our_own_tags(void)
{
	static const uint32_t ours[2] = { 0x81000064, 0x88a80065 };
	struct packet p;
	struct packet_frame pf;
	struct frame *f;

	packet_eth(&p, DST, SRC, 0x0800);
	f = packet_frame(&p, &pf, 128);
	frame_retag(f, 2, ours);
	CU_ASSERT_TRUE(tag_present(f));
	CU_ASSERT_FALSE(tag_beneath(f));
	packet_tag(&p, 0x9100, 7);
	f = packet_frame(&p, &pf, 128);
	CU_ASSERT_TRUE(tag_beneath(f));
	frame_retag(f, 1, ours);
	CU_ASSERT_TRUE(tag_beneath(f));
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(tag_parse_reads_an_untagged_frame),
		SUITE_TEST(tag_parse_reads_every_tpid_outermost_first),
		SUITE_TEST(tag_parse_stops_at_its_limit),
		SUITE_TEST(tag_parse_detects_a_truncated_tag),
		SUITE_TEST(tag_beneath_looks_through_our_own_tags),
	};

	return suite_run("tag", tests, sizeof(tests) / sizeof(tests[0]));
}
