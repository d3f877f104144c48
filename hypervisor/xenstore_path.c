/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_path.c: what docs/misc/xenstore.txt of Xen allows as a path.
 *
 * Letters, digits and -/_@, no empty step, no slash at the end; 3072 bytes at
 * most.  A path that starts with neither / nor @ is meant below the sender's
 * own /local/domain/N.
 */
#include "hypervisor/xenstore_path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool xenstore_path_next(const char **at, struct xenstore_step *step)
{
	const char *end;

	if (!**at)
		return false;
	step->name = *at;
	if (**at == '/') { /* only ever the first: the root */
		step->len = 1;
		(*at)++;
		return true;
	}
	end = strchrnul(*at, '/');
	step->len = end - *at;
	*at = *end ? end + 1 : end;
	return true;
}

size_t xenstore_path_local(unsigned domid, char text[XENSTORE_LOCAL_SIZE])
{
	return snprintf(text, XENSTORE_LOCAL_SIZE, "/local/domain/%u",
			domid & XENSTORE_DOMID_MAX);
}

static bool is_well_formed(const char *path, size_t len)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789-/_@";

	if (strspn(path, allowed) != len || strstr(path, "//"))
		return false;
	return len == 1 || path[len - 1] != '/';
}

/* Length of "/local/domain/N/" at the path's start, or 0. */
static size_t local_length(const char *path)
{
	static const char local[] = "/local/domain/";
	size_t len = sizeof(local) - 1, digits;

	if (strncmp(path, local, len))
		return 0;
	digits = strspn(path + len, "0123456789");
	if (!digits || digits > 5 || path[len + digits] != '/')
		return 0;
	return len + digits + 1;
}

int xenstore_path_canonical(const char *path, unsigned domid, uint32_t path_max,
			    bool special, char out[XENSTORE_PATH_SIZE])
{
	size_t prefix = 0, len = strlen(path);
	char local[XENSTORE_LOCAL_SIZE];

	if (!len || (path[0] == '@' && !special))
		return -EINVAL;
	if (path[0] != '/' && path[0] != '@') {
		prefix = xenstore_path_local(domid, local);
		local[prefix++] = '/';
	}
	if (prefix + len > XENSTORE_ABS_PATH_MAX)
		return -EINVAL;
	memcpy(out, local, prefix);
	memcpy(out + prefix, path, len + 1);
	len += prefix;
	if (!is_well_formed(out, len) || len - local_length(out) > path_max)
		return -EINVAL;
	return 0;
}

bool xenstore_path_is_within(const char *path, const char *top)
{
	size_t len = strlen(top);

	if (!strcmp(top, "/"))
		return path[0] == '/'; /* not what is special */
	return !strncmp(path, top, len) && (!path[len] || path[len] == '/');
}
