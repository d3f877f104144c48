/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_path.h: paths of a store.  Pure.
 *
 * A canonical path is absolute ("/", "/local/domain/1/data") or special
 * ("@releaseDomain").  Its steps are "/", "local", "domain"...: the root is a
 * step like the others, below a node that nobody can name and that holds the
 * special nodes as well.
 */
#ifndef CAUSEWAY_XENSTORE_PATH_H
#define CAUSEWAY_XENSTORE_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hypervisor/xenstore_wire.h"

/* A step takes two bytes at least; the nameless node, and "/". */
#define XENSTORE_DEPTH_MAX (XENSTORE_ABS_PATH_MAX / 2 + 2)
#define XENSTORE_PATH_SIZE (XENSTORE_ABS_PATH_MAX + 1)
#define XENSTORE_LOCAL_SIZE sizeof("/local/domain/65535/")

struct xenstore_step {
	const char *name; /* within the path */
	size_t len;
};

/* The step at *at, which moves behind it; false: that was the last. */
bool xenstore_path_next(const char **at, struct xenstore_step *step);

/* "/local/domain/1"; returns its length. */
size_t xenstore_path_local(unsigned domid, char text[XENSTORE_LOCAL_SIZE]);
/*
 * What a domain means by `path`, to out[XENSTORE_PATH_SIZE].  path_max limits
 * what follows /local/domain/N/, or the whole; `special` allows names with @.
 * 0 or -EINVAL.
 */
int xenstore_path_canonical(const char *path, unsigned domid, uint32_t path_max,
			    bool special, char out[XENSTORE_PATH_SIZE]);

/* Is canonical `path` the same as `top`, or below it? */
bool xenstore_path_is_within(const char *path, const char *top);

#endif
