/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * preflight.h: what `causeway preflight` looks at, in parts.
 *
 * A check says one sentence a person understands and, if something is not as
 * it should be, the command that mends it.  Nothing is changed, and nothing
 * needs rights; what cannot be seen without them is said to be so.
 */
#ifndef CAUSEWAY_MGMT_PREFLIGHT_H
#define CAUSEWAY_MGMT_PREFLIGHT_H

#include "mgmt/causeway.h"

enum finding_level {
	FINDING_OK,
	FINDING_WITHOUT, /* it works without; slower, or less of it */
	FINDING_MISSING, /* it does not work so */
	FINDING_LEVELS,
};

struct preflight {
	struct cw *cw;
	const struct site *site; /* NULL: none, or not valid */
	json_t *findings;
	unsigned count[FINDING_LEVELS];
};

/* `fix` is a command or what to do; "" when there is nothing to mend. */
void finding(struct preflight *p, enum finding_level level, const char *id,
	     const char *fix, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* The text of a small file without its last line feed; "" if it cannot be. */
void preflight_read(const char *path, char *text, size_t room);

void preflight_kernel(struct preflight *p);  /* what it must offer */
void preflight_machine(struct preflight *p); /* cores, memory, KVM, NICs */
void preflight_system(struct preflight *p);  /* users, programs, the site */

#endif
