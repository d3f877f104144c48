/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_lacp_select.c: which aggregation is in use, as a table. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/suite.h"
#include "vlan/lacp_select.h"

/*
 * A world in words: one letter a member, then what holds of it.
 *	a to d		the aggregation it could be in, best identifier first
 *	+		good: the partner speaks and has not refused for long
 *	=		good and in sync at the partner
 *	-		silent or refused
 * Capital letters: the partner's system is below ours.
 */
struct choice {
	const char *members;
	char used; /* or '.' */
	bool settled;
	char chosen; /* or '.' */
	const char *why;
};

static const struct choice choices[] = {
	{ "", '.', false, '.', "nobody has a partner" },
	{ "b+", '.', false, 'b', "the only one" },
	{ "b+ a+", '.', false, 'a', "the smaller identifier" },
	{ "a+ b+ b+", '.', false, 'b', "more members" },
	{ "a+ b=", '.', false, 'b', "in sync" },
	{ "a- a- b+", '.', false, 'b', "more that are good" },
	{ "a- b- b-", '.', false, 'b', "more, though none is good" },

	{ "b+ a+", 'b', true, 'b', "a tie changes nothing" },
	{ "b= a=", 'b', true, 'b', "nor does one in sync" },
	{ "b= a+ a+ a+", 'b', true, 'b', "many that are not in sync" },
	{ "b= a= a+", 'b', true, 'b', "more, of which one is in sync" },
	{ "b= a= a=", 'b', false, 'a', "more, and in sync" },
	{ "b+ a= a=", 'b', false, 'a', "more, and in sync, at once" },
	{ "b= b+ a= a=", 'b', true, 'b', "as many, one not in sync" },
	{ "c= a= a= b= b= b=", 'c', true, 'b', "the best of the better" },

	{ "b- a+", 'b', false, 'a', "what is in use is silent" },
	{ "b- a=", 'b', false, 'a', "silent, another ready" },
	{ "b- a-", 'b', true, 'b', "all are silent: stay" },
	{ "b- b- a+", 'b', false, 'a', "one that speaks beats two silent" },
	{ "a+ c+", 'b', false, 'a', "what was in use is gone" },

	{ "b+ A=", 'b', false, 'b', "the partner may still answer" },
	{ "b+ A=", 'b', true, 'a', "it did not; another rules and is ready" },
	{ "b+ a=", 'b', true, 'b', "another is ready, but follows us" },
	{ "B+ A+", 'b', true, 'b', "nobody is ready" },
	{ "b= A=", 'b', true, 'b', "ready where we are" },
};

static unsigned build(const char *s, struct lacp_candidate *c)
{
	unsigned n = 0;

	for (; *s; s += s[2] ? 3 : 2)
		c[n++] = (struct lacp_candidate){
			.present = true,
			.good = s[1] != '-',
			.in_sync = s[1] == '=',
			.partner_rules = s[0] < 'a',
			.lag.system_priority = s[0] | 0x20,
		};
	return n;
}

static void chooses_by_the_table(void)
{
	unsigned i;

	for (i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		const struct choice *t = &choices[i];
		struct lacp_lag used = { .system_priority = t->used };
		struct lacp_candidate c[8];
		unsigned n = build(t->members, c);
		int best = lacp_select(c, n, t->used == '.' ? NULL : &used,
				       t->settled);
		char chosen = best < 0 ? '.' : c[best].lag.system_priority;

		CU_ASSERT_EQUAL(chosen, t->chosen);
		if (chosen != t->chosen)
			printf("\n%s: %c", t->why, chosen);
	}
}

static void absent_members_do_not_count(void)
{
	struct lacp_candidate c[3];
	unsigned n = build("b+ a= a=", c);

	c[1].present = c[2].present = false;
	CU_ASSERT_EQUAL(lacp_select(c, n, NULL, true), 0);
}

/* Each field parts two aggregations, and decides in this order. */
static void identifiers_differ_by_each_field(void)
{
	static const struct lacp_lag lags[] = {
		{ 1, { 2, 1 }, 1, 1, 100, 0 }, { 1, { 2, 1 }, 1, 1, 100, 1 },
		{ 1, { 2, 1 }, 1, 1, 10, 0 },  { 1, { 2, 1 }, 1, 2, 100, 0 },
		{ 1, { 2, 1 }, 2, 1, 100, 0 }, { 1, { 2, 2 }, 1, 1, 100, 0 },
		{ 2, { 2, 1 }, 1, 1, 100, 0 },
	};
	unsigned i, j, n = sizeof(lags) / sizeof(lags[0]);

	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++) {
			struct lacp_candidate c[2] = {
				{ .present = true, .lag = lags[i] },
				{ .present = true, .lag = lags[j] },
			};
			int best = lacp_select(c, 2, NULL, false);

			CU_ASSERT_EQUAL(lacp_lag_same(&lags[i], &lags[j]),
					i == j);
			CU_ASSERT_EQUAL(best, j < i);
		}
}

static const struct suite_test tests[] = {
	SUITE_TEST(chooses_by_the_table),
	SUITE_TEST(absent_members_do_not_count),
	SUITE_TEST(identifiers_differ_by_each_field),
};

int main(void)
{
	return suite_run("lacp_select", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
