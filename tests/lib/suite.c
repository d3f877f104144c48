/* SPDX-License-Identifier: GPL-2.0-or-later */
/* suite.c: registers a table of tests with CUnit and runs it. */
#include "tests/lib/suite.h"

#include <CUnit/Basic.h>
#include <stdlib.h>

int suite_run(const char *name, const struct suite_test tests[], unsigned count)
{
	unsigned i, failures;
	CU_pSuite suite;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return EXIT_FAILURE;
	suite = CU_add_suite(name, NULL, NULL);
	for (i = 0; suite && i < count; i++)
		if (!CU_add_test(suite, tests[i].name, tests[i].run))
			suite = NULL;
	if (!suite)
		return EXIT_FAILURE;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

unsigned long suite_rounds(int argc, char **argv, unsigned long otherwise)
{
	return argc > 1 ? strtoul(argv[1], NULL, 0) : otherwise;
}
