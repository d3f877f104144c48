/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_xenstore.c: hostile clients of a store, which has to be the same as the
 * slow and obvious one after every request.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/xenstore_duel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[1024];

	if (xenstore_duel(data, size, why, sizeof(why)))
		return 0;
	fprintf(stderr, "%s\n", why);
	abort();
}
