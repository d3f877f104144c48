/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * site.c: find the site, read its file, say what is wrong with it.
 */
#include "mgmt/site_parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/daemon.h"

/* --- errors --------------------------------------------------------------- */

int site_error_add(struct site_errors *errs, const char *path,
		   const char *value, const char *expected, ...)
{
	struct site_error *e;
	va_list ap;

	if (errs->count == SITE_ERRORS_MAX)
		return -EINVAL;
	e = &errs->error[errs->count++];
	snprintf(e->path, sizeof(e->path), "%s", path);
	snprintf(e->value, sizeof(e->value), "%s", value ? value : "");
	va_start(ap, expected);
	vsnprintf(e->expected, sizeof(e->expected), expected, ap);
	va_end(ap);
	return -EINVAL;
}

int site_error_json(struct site_errors *errs, const char *path,
		    const json_t *value, const char *expected)
{
	char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) :
			     NULL;

	site_error_add(errs, path, text ? text : "nothing", "%s", expected);
	free(text);
	return -EINVAL;
}

/* --- where it is ---------------------------------------------------------- */

static void default_paths(struct site_paths *p)
{
	p->is_default = true;
	strcpy(p->file, SITE_FOLDER "/site.json");
	strcpy(p->run, "/run/causeway");
	strcpy(p->state, "/var/lib/causeway");
	strcpy(p->log, "/var/log/causeway");
}

/* Sockets have 107 bytes, and uuids go into their paths. */
static int check_length(const char *folder, const struct site_paths *p,
			struct site_errors *errs)
{
	if (strlen(p->run) <= SITE_RUN_MAX)
		return 0;
	site_error_add(errs, folder, p->run,
		       "at most %d bytes, so that paths of sockets beneath it "
		       "fit; move the site to a shorter path", SITE_RUN_MAX);
	return -ENAMETOOLONG;
}

int site_find(const char *folder, struct site_paths *out,
	      struct site_errors *errs)
{
	char base[PATH_MAX];

	memset(out, 0, sizeof(*out));
	if (!folder) {
		default_paths(out);
		return 0;
	}
	if (!realpath(folder, base)) {
		int rc = -errno;

		site_error_add(errs, folder, strerror(-rc),
			       "the folder that holds site.json");
		return rc;
	}
	if (snprintf(out->file, PATH_MAX, "%s/site.json", base) >= PATH_MAX)
		return -ENAMETOOLONG;
	snprintf(out->run, PATH_MAX, "%.4000s/run", base);
	snprintf(out->state, PATH_MAX, "%.4000s/state", base);
	snprintf(out->log, PATH_MAX, "%.4000s/log", base);
	return check_length(folder, out, errs);
}

/* --- the file ------------------------------------------------------------- */

/* Who may write it decides what root does. */
static int check_owner(const char *file, const char *expected,
		       struct site_errors *errs)
{
	struct stat st;

	if (geteuid() || stat(file, &st) ||
	    (!st.st_uid && !(st.st_mode & 022)))
		return 0;
	site_error_add(errs, "", st.st_uid ? "not root's" :
					     "others may write it",
		       "%s; chown root: %.80s; chmod go-w %.80s", expected,
		       file, file);
	return -EPERM;
}

/* Who may write the folder may put another file there, or a run/ of theirs. */
static int check_owners(const char *file, struct site_errors *errs)
{
	char folder[PATH_MAX];
	int rc = check_owner(file, "a file of root's", errs);

	snprintf(folder, sizeof(folder), "%s", file);
	*strrchr(folder, '/') = '\0';
	return check_owner(folder, "a folder of root's", errs) ? -EPERM : rc;
}

static int read_json(const char *file, json_t **root, struct site_errors *errs)
{
	json_error_t je;
	char place[64], *text;
	size_t len;
	int rc = check_owners(file, errs);

	if (rc)
		return rc;
	rc = daemon_read_file(file, SITE_TEXT_MAX, &text, &len);
	if (rc) {
		site_error_add(errs, "", strerror(-rc),
			       rc == -ENOENT ?
				       "this host's site; "
				       "causeway-site.json(5) has one to "
				       "begin with" :
				       "a file that can be read, of at most "
				       "6 MiB");
		return rc;
	}
	*root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	free(text);
	if (*root)
		return 0;
	snprintf(place, sizeof(place), "line %d, column %d", je.line,
		 je.column);
	return site_error_add(errs, place, je.text, "JSON");
}

int site_load(const struct site_paths *paths, struct site **out,
	      struct site_errors *errs)
{
	struct site *site = calloc(1, sizeof(*site));
	json_t *root = NULL;
	int rc;

	*out = NULL;
	if (!site)
		return -ENOMEM;
	site->paths = *paths;
	rc = read_json(paths->file, &root, errs);
	if (!rc)
		rc = site_parse(site, root, errs);
	if (!rc)
		rc = site_check(site, errs);
	json_decref(root);
	if (rc) {
		site_free(site);
		return rc;
	}
	*out = site;
	return 0;
}

void site_free(struct site *site)
{
	if (!site)
		return;
	for (int d = 0; d < SITE_DAEMONS; d++)
		for (unsigned i = 0; i < site->options[d].device_count; i++)
			free(site->options[d].devices[i]);
	json_decref(site->switch_state);
	json_decref(site->hypervisor_state);
	free(site);
}
