/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon_version.h: which libcharon is installed.
 *
 * Nothing in the library says its version, and the name of its file does not
 * change with it; but the package does.
 */
#ifndef CAUSEWAY_CHARON_VERSION_H
#define CAUSEWAY_CHARON_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Look in dpkg's status file for an installed package.  Its version; false:
 * it is not there.
 */
bool charon_version_find(FILE *status, const char *package, char *version,
			 size_t size);
/* "5.9.8-5+deb12u6" is of 5.9.8. */
bool charon_version_is(const char *package_version, const char *version);

#endif
