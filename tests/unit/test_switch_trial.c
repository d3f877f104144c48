/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A state on trial: what is gone back to, and when.  Time is a number here.
 */
#include "vswitch/switch_trial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/suite.h"

static struct switch_conf *conf_of(unsigned generation)
{
	struct switch_conf_errors errs;
	struct switch_conf *conf;
	char text[256];

	snprintf(text, sizeof(text),
		 "{\"owner\":\"t\",\"generation\":%u,\"settings\":"
		 "{\"poll_us\":7},\"networks\":[{\"name\":\"n\",\"vlan\":%u}]}",
		 generation, generation);
	CU_ASSERT_FATAL(!switch_conf_parse(&conf, text, strlen(text), &errs));
	return conf;
}

static void try_state(struct switch_trial *t, unsigned running,
		      unsigned seconds, uint64_t now_ms)
{
	struct switch_conf *conf = conf_of(running);

	switch_trial_begin(t, switch_trial_copy(conf), seconds, now_ms);
	switch_conf_free(conf);
}

static void a_copy_is_the_same_value(void)
{
	struct switch_conf *conf = conf_of(7), *copy;
	char *a, *b;

	copy = switch_trial_copy(conf);
	a = switch_conf_save(conf);
	b = switch_conf_save(copy);
	CU_ASSERT_STRING_EQUAL(a, b);
	free(a);
	free(b);
	switch_conf_free(conf);
	switch_conf_free(copy);
}

static void before_the_first_state_there_is_nothing_to_go_back_to(void)
{
	struct switch_conf *conf = switch_conf_empty(), *copy;

	conf->settings.fdb_entries = 2048; /* tables keep their size */
	copy = switch_trial_copy(conf);
	CU_ASSERT_FATAL(copy != NULL);
	CU_ASSERT(!copy->owner[0] && !copy->port_count);
	CU_ASSERT(copy->settings.fdb_entries == 2048);
	switch_conf_free(conf);
	switch_conf_free(copy);
}

static void time_runs_out_to_the_millisecond(void)
{
	struct switch_trial t = { .before = NULL };
	struct switch_conf *back;
	uint64_t left;

	CU_ASSERT(!switch_trial_left(&t, 5000, &left));
	try_state(&t, 7, 30, 5000);
	CU_ASSERT(switch_trial_left(&t, 5000, &left) && left == 30000);
	CU_ASSERT(switch_trial_left(&t, 34999, &left) && left == 1);
	CU_ASSERT(switch_trial_left(&t, 35000, &left) && left == 0);
	CU_ASSERT(switch_trial_left(&t, 99000, &left) && left == 0);
	back = switch_trial_take(&t);
	CU_ASSERT(back->generation == 7);
	switch_conf_free(back);
	CU_ASSERT(!switch_trial_left(&t, 99000, &left));
}

static void confirmed_there_is_nothing_to_go_back_to(void)
{
	struct switch_trial t = { .before = NULL };
	uint64_t left;

	try_state(&t, 7, 30, 0);
	switch_trial_confirm(&t);
	CU_ASSERT(!switch_trial_left(&t, 1, &left));
	CU_ASSERT_PTR_NULL(switch_trial_take(&t));
	switch_trial_confirm(&t);
}

static void another_trial_goes_back_to_what_was_confirmed(void)
{
	struct switch_trial t = { .before = NULL };
	struct switch_conf *back;
	uint64_t left;

	try_state(&t, 7, 30, 0);
	try_state(&t, 8, 60, 20000); /* 8 was never confirmed */
	CU_ASSERT(switch_trial_left(&t, 30000, &left) && left == 50000);
	back = switch_trial_take(&t);
	CU_ASSERT(back->generation == 7);
	switch_conf_free(back);
}

static void a_state_for_good_waits_for_the_trial_to_end(void)
{
	struct switch_trial t = { .before = NULL };
	struct switch_conf_errors errs;

	CU_ASSERT(switch_trial_admit(&t, 0, 0, &errs) == 0);
	CU_ASSERT(switch_trial_admit(&t, 30, 0, &errs) == 0);
	try_state(&t, 7, 30, 0);
	CU_ASSERT(switch_trial_admit(&t, 30, 1, &errs) == 0);
	CU_ASSERT(switch_trial_admit(&t, 0, 1, &errs) == -EBUSY);
	CU_ASSERT(errs.count == 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(errs.error[0].expected, "30 s"));
	CU_ASSERT_PTR_NOT_NULL(strstr(errs.error[0].expected, "confirm"));
	switch_trial_confirm(&t);
	CU_ASSERT(switch_trial_admit(&t, 0, 1, &errs) == 0);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(a_copy_is_the_same_value),
		SUITE_TEST(before_the_first_state_there_is_nothing_to_go_back_to),
		SUITE_TEST(time_runs_out_to_the_millisecond),
		SUITE_TEST(confirmed_there_is_nothing_to_go_back_to),
		SUITE_TEST(another_trial_goes_back_to_what_was_confirmed),
		SUITE_TEST(a_state_for_good_waits_for_the_trial_to_end),
	};

	return suite_run("switch_trial", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
