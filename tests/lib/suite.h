/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * suite.h: one CUnit suite as a program.  Test names are sentences.
 */
#ifndef CAUSEWAY_SUITE_H
#define CAUSEWAY_SUITE_H

#include <CUnit/CUnit.h>

struct suite_test {
	const char *name;
	void (*run)(void);
};

#define SUITE_TEST(fn) { #fn, fn }

/* Runs all tests and prints failures; the value to return from main(). */
int suite_run(const char *name, const struct suite_test tests[],
	      unsigned count);

/* argv[1] as a number (a property test's rounds), or `otherwise`. */
unsigned long suite_rounds(int argc, char **argv, unsigned long otherwise);

#endif
