/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_plug.c: devices of a running domain follow what is wanted. */
#include "hypervisor/plug.h"

#include <string.h>

#include "tests/lib/suite.h"

static const struct plug_wish in = { true, true, true, false };
static const struct plug_wish vif_in = { true, true, true, true };
static const struct plug_wish other = { true, false, true, true };
static const struct plug_wish out = { false, false, true, true };
static const struct plug_wish down = { true, true, false, true };

static void a_disk_goes_in_at_once(void)
{
	struct plug p = { 0 };

	CU_ASSERT_EQUAL(plug_next(&p, &in, 1), PLUG_INSERT);
	CU_ASSERT_EQUAL(plug_next(&p, &in, 1), PLUG_NOTHING);
	plug_done(&p, NULL, 1);
	CU_ASSERT_EQUAL(p.state, PLUG_IN);
	CU_ASSERT_EQUAL(plug_next(&p, &in, 1), PLUG_NOTHING);
}

static void a_vif_goes_in_when_the_switch_is_ready(void)
{
	struct plug p = { 0 };

	CU_ASSERT_EQUAL(plug_next(&p, &vif_in, 1), PLUG_ASK);
	CU_ASSERT_EQUAL(plug_switch(&p, false, "no port"), PLUG_NOTHING);
	CU_ASSERT_STRING_EQUAL(p.why, "no port");
	CU_ASSERT_EQUAL(plug_next(&p, &vif_in, 1), PLUG_NOTHING);
	CU_ASSERT_EQUAL(plug_switch(&p, true, ""), PLUG_INSERT);
	CU_ASSERT_STRING_EQUAL(p.why, "");
}

static void a_question_that_is_out_of_date_is_dropped(void)
{
	struct plug p = { 0 };

	plug_next(&p, &vif_in, 1);
	CU_ASSERT_EQUAL(plug_next(&p, &other, 1), PLUG_STOP_ASKING);
	CU_ASSERT_EQUAL(plug_switch(&p, true, ""), PLUG_NOTHING);
	plug_next(&p, &vif_in, 1);
	CU_ASSERT_EQUAL(plug_next(&p, &out, 1), PLUG_STOP_ASKING);
	plug_next(&p, &vif_in, 1);
	CU_ASSERT_EQUAL(plug_next(&p, &down, 1), PLUG_STOP_ASKING);
}

static void what_differs_goes_out_first(void)
{
	struct plug p = { .state = PLUG_IN };

	CU_ASSERT_EQUAL(plug_next(&p, &other, 1), PLUG_REMOVE);
	plug_done(&p, NULL, 1);
	CU_ASSERT_EQUAL(p.state, PLUG_OUT);
	CU_ASSERT_EQUAL(plug_next(&p, &vif_in, 1), PLUG_ASK);
}

static void what_fails_is_tried_again_later(void)
{
	struct plug p = { 0 };

	plug_next(&p, &in, 1);
	plug_done(&p, "no", 1);
	CU_ASSERT_EQUAL(p.state, PLUG_OUT);
	CU_ASSERT_STRING_EQUAL(p.why, "no");
	CU_ASSERT_EQUAL(plug_next(&p, &in, PLUG_RETRY_MS), PLUG_NOTHING);
	CU_ASSERT_EQUAL(plug_next(&p, &in, 1 + PLUG_RETRY_MS), PLUG_INSERT);
	plug_done(&p, NULL, 1);
	plug_next(&p, &out, 1);
	plug_done(&p, "the guest holds on to it", 1);
	CU_ASSERT_EQUAL(p.state, PLUG_IN);
	CU_ASSERT_EQUAL(plug_next(&p, &out, 2), PLUG_NOTHING);
	/* wanted again: then nothing is in the way any more */
	CU_ASSERT_EQUAL(plug_next(&p, &vif_in, 2), PLUG_NOTHING);
	CU_ASSERT_STRING_EQUAL(p.why, "");
}

static void another_wish_is_tried_at_once(void)
{
	struct plug p = { 0 };

	plug_next(&p, &in, 1);
	plug_done(&p, "no", 1);
	plug_forget(&p);
	CU_ASSERT_STRING_EQUAL(p.why, "");
	CU_ASSERT_EQUAL(plug_next(&p, &in, 2), PLUG_INSERT);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(a_disk_goes_in_at_once),
		SUITE_TEST(a_vif_goes_in_when_the_switch_is_ready),
		SUITE_TEST(a_question_that_is_out_of_date_is_dropped),
		SUITE_TEST(what_differs_goes_out_first),
		SUITE_TEST(what_fails_is_tried_again_later),
		SUITE_TEST(another_wish_is_tried_at_once),
	};

	return suite_run("plug", tests, sizeof(tests) / sizeof(tests[0]));
}
