/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon_version.c: which libcharon is installed.
 */
#include "ipsec-migrate/charon_version.h"

#include <stdlib.h>
#include <string.h>

struct paragraph {
	bool wanted, installed;
	char version[64];
};

static void read_line(struct paragraph *p, const char *line,
		      const char *package)
{
	if (!strncmp(line, "Package: ", 9))
		p->wanted = !strcmp(line + 9, package);
	else if (!strncmp(line, "Status: ", 8))
		p->installed = strstr(line, " ok installed");
	else if (!strncmp(line, "Version: ", 9))
		snprintf(p->version, sizeof(p->version), "%s", line + 9);
}

bool charon_version_find(FILE *status, const char *package, char *version,
			 size_t size)
{
	struct paragraph p = { .wanted = false };
	char *line = NULL;
	bool found = false;
	size_t room = 0;
	ssize_t len;

	while (!found && (len = getline(&line, &room, status)) >= 0) {
		if (len && line[len - 1] == '\n')
			line[--len] = '\0';
		if (len) {
			read_line(&p, line, package);
			continue;
		}
		found = p.wanted && p.installed;
		if (!found)
			p = (struct paragraph){ .wanted = false };
	}
	free(line);
	if (!found) /* the last one has no empty line behind it */
		found = p.wanted && p.installed;
	if (found)
		snprintf(version, size, "%s", p.version);
	return found;
}

bool charon_version_is(const char *package_version, const char *version)
{
	size_t len = strlen(version);

	return !strncmp(package_version, version, len) &&
	       package_version[len] == '-';
}
