/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_xenstore_property.c: many random sequences of requests, against the
 * model.  An argument is the number of sequences; each prints its seed when
 * it fails.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/suite.h"
#include "tests/lib/xenstore_duel.h"

#define BYTES 1200

static unsigned long rounds;

static uint32_t step(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void any_requests_are_served_as_the_model_does(void)
{
	for (unsigned long round = 1; round <= rounds; round++) {
		uint32_t state = round * 2654435761u + 1;
		uint8_t bytes[BYTES];
		char why[1024];

		for (unsigned i = 0; i < BYTES; i++)
			bytes[i] = step(&state) >> 11;
		if (!xenstore_duel(bytes, BYTES, why, sizeof(why))) {
			fprintf(stderr, "round %lu: %s\n", round, why);
			CU_FAIL_FATAL("the store and its model differ");
		}
		CU_PASS("the same");
	}
}

int main(int argc, char **argv)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(any_requests_are_served_as_the_model_does),
	};

	rounds = suite_rounds(argc, argv, 300);
	return suite_run("xenstore_property", tests, 1);
}
