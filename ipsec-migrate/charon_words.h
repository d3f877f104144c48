/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon_words.h: what libcharon says when something fails, in words for the
 * person who has set it up.
 *
 * Pure.
 */
#ifndef CAUSEWAY_CHARON_WORDS_H
#define CAUSEWAY_CHARON_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct charon_words {
	const char *kind; /* one word for programs: "identity", "proposal"... */
	const char *text;
	/* Another line may follow that says it in general: this one stays. */
	bool exact;
};

/* What this line of libcharon's log means; NULL: nothing failed by it. */
const struct charon_words *charon_words_find(const char *line);

#endif
