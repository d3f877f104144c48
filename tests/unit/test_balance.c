/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_balance: when a queue moves, and when it had better stay. */
#include "tests/lib/suite.h"
#include "vswitch/balance.h"

#define PERIOD 1000000

static struct balance_move move;

static void moves_a_queue_from_a_full_worker_to_an_idle_one(void)
{
	const struct balance_worker w[] = { { 950000, 0 }, { 10000, 0 } };
	const struct balance_queue q[] = { { 500000, 0, -1 },
					   { 450000, 0, -1 },
					   { 10000, 1, -1 } };

	CU_ASSERT_TRUE(balance_pick(w, 2, q, 3, PERIOD, &move));
	CU_ASSERT_EQUAL(move.to, 1);
	CU_ASSERT_EQUAL(move.queue, 1); /* 500000 and 460000: the best split */
}

static void leaves_a_worker_alone_that_has_time(void)
{
	const struct balance_worker w[] = { { 790000, 0 }, { 0, 0 } };
	const struct balance_queue q[] = { { 400000, 0, -1 },
					   { 390000, 0, -1 } };

	CU_ASSERT_FALSE(balance_pick(w, 2, q, 2, PERIOD, &move));
}

static void does_not_swap_a_lone_heavy_queue_back_and_forth(void)
{
	const struct balance_worker w[] = { { 990000, 0 }, { 0, 0 } };
	const struct balance_queue q[] = { { 990000, 0, -1 } };

	CU_ASSERT_FALSE(balance_pick(w, 2, q, 1, PERIOD, &move));
}

static void does_nothing_for_a_small_gain(void)
{
	const struct balance_worker w[] = { { 950000, 0 }, { 850000, 0 } };
	const struct balance_queue q[] = { { 900000, 0, -1 },
					   { 50000, 0, -1 },
					   { 850000, 1, -1 } };

	CU_ASSERT_FALSE(balance_pick(w, 2, q, 3, PERIOD, &move));
}

static void keeps_queues_on_the_node_of_their_memory(void)
{
	const struct balance_worker w[] = { { 950000, 0 }, { 0, 1 },
					    { 300000, 0 } };
	const struct balance_queue q[] = { { 500000, 0, 0 },
					   { 450000, 0, 0 },
					   { 300000, 2, 0 } };

	CU_ASSERT_TRUE(balance_pick(w, 3, q, 3, PERIOD, &move));
	CU_ASSERT_EQUAL(move.to, 2);
}

static void leaves_a_node_that_has_no_worker(void)
{
	const struct balance_worker w[] = { { 950000, 0 }, { 0, 0 } };
	const struct balance_queue q[] = { { 500000, 0, 3 },
					   { 450000, 0, 3 } };

	CU_ASSERT_TRUE(balance_pick(w, 2, q, 2, PERIOD, &move));
}

static void one_worker_has_nowhere_to_go(void)
{
	const struct balance_worker w[] = { { 999999, 0 } };
	const struct balance_queue q[] = { { 500000, 0, -1 },
					   { 499999, 0, -1 } };

	CU_ASSERT_FALSE(balance_pick(w, 1, q, 2, PERIOD, &move));
}

static void places_new_queues_where_there_are_fewest(void)
{
	const struct balance_worker w[] = { { 0, 0 }, { 0, 1 }, { 0, 1 } };
	const unsigned queues[] = { 1, 5, 3 };

	CU_ASSERT_EQUAL(balance_place(w, 3, queues, BALANCE_NODE_ANY), 0);
	CU_ASSERT_EQUAL(balance_place(w, 3, queues, 1), 2);
	CU_ASSERT_EQUAL(balance_place(w, 3, queues, 7), 0);
}

static const struct suite_test tests[] = {
	SUITE_TEST(moves_a_queue_from_a_full_worker_to_an_idle_one),
	SUITE_TEST(leaves_a_worker_alone_that_has_time),
	SUITE_TEST(does_not_swap_a_lone_heavy_queue_back_and_forth),
	SUITE_TEST(does_nothing_for_a_small_gain),
	SUITE_TEST(keeps_queues_on_the_node_of_their_memory),
	SUITE_TEST(leaves_a_node_that_has_no_worker),
	SUITE_TEST(one_worker_has_nowhere_to_go),
	SUITE_TEST(places_new_queues_where_there_are_fewest),
};

int main(void)
{
	return suite_run("balance", tests, sizeof(tests) / sizeof(tests[0]));
}
