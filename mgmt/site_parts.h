/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * site_parts.h: what the files that read a site share.
 */
#ifndef CAUSEWAY_SITE_PARTS_H
#define CAUSEWAY_SITE_PARTS_H

#include <sched.h>

#include "mgmt/site.h"

/* Note an error; always -EINVAL. */
int site_error_add(struct site_errors *errs, const char *path,
		   const char *value, const char *expected, ...)
	__attribute__((format(printf, 4, 5)));
/* The same with a JSON value (may be NULL). */
int site_error_json(struct site_errors *errs, const char *path,
		    const json_t *value, const char *expected);

/* "1", "0,2-3" as a set: 0, or -EINVAL.  Each may be named once. */
int site_cores(const char *text, cpu_set_t *cores);

/* Fill in *site from the file's value; the states are still as written. */
int site_parse(struct site *site, const json_t *root,
	       struct site_errors *errs);
/*
 * Complete the states (owner, generation, ports' sockets and MACs) and
 * validate them, each alone and both together.
 */
int site_check(struct site *site, struct site_errors *errs);

#endif
