/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * disk_ctl.c: open what a state's first domain is made of, as hypervisord
 * does, for scenarios.
 *
 *	disk-ctl STATE             print each image, or what is wrong
 *	disk-ctl STATE COMMAND...  then become COMMAND, with the images' open
 *	                           files from descriptor 10 on
 *	disk-ctl --race N STATE    open N times; what opens must be a file of
 *	                           4096 zeroes.  Prints how often it opened.
 *
 * Status 2: the state, or an image, was refused; 1: something else is wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/daemon.h"
#include "hypervisor/disk.h"

#define FIRST_FD 10
#define REFUSED 2

static struct disk disks[DCONF_DISKS_MAX];

static void complain(const struct domain_conf_error *e)
{
	printf("%s: %s, expected %s\n", e->path, e->value, e->expected);
}

static struct domain_conf *load(const char *path)
{
	struct domain_conf_errors errs;
	struct domain_conf *conf;
	char *text;
	size_t len;
	unsigned i;

	if (daemon_read_file(path, DCONF_TEXT_MAX, &text, &len) < 0)
		exit(1);
	if (domain_conf_parse(&conf, text, len, &errs) < 0) {
		for (i = 0; i < errs.count; i++)
			complain(&errs.error[i]);
		exit(REFUSED);
	}
	free(text);
	return conf;
}

static int open_disk(const struct domain_conf *conf, unsigned i,
		     struct domain_conf_error *err)
{
	char where[64];

	snprintf(where, sizeof(where), "domains[0].disks[%u]", i);
	return disk_open(&disks[i], conf, &conf->domains[0].disks[i], where,
			 err);
}

/* Images where COMMAND finds them, and left open by exec. */
static void open_all(const struct domain_conf *conf)
{
	struct domain_conf_error err;
	int fd = FIRST_FD;
	unsigned i, k;

	for (i = 0; i < conf->domains[0].disk_count; i++) {
		if (open_disk(conf, i, &err)) {
			complain(&err);
			exit(REFUSED);
		}
		for (k = 0; k < disks[i].count; k++) {
			const struct disk_image *image = &disks[i].images[k];

			dup2(image->fd, fd);
			printf("%d %s %s %llu %s%s\n", fd++, image->path,
			       domain_conf_format_word(image->format),
			       (unsigned long long)image->bytes,
			       image->block ? "block " : "",
			       image->read_only ? "read" : "write");
		}
	}
	fflush(stdout);
}

static void open_boot(const struct domain_conf *conf)
{
	struct disk_boot boot;
	struct domain_conf_error err;

	if (disk_open_boot(&boot, conf, &conf->domains[0].boot,
			   "domains[0].boot", &err)) {
		complain(&err);
		exit(REFUSED);
	}
	disk_close_boot(&boot);
}

static bool is_zeroes(int fd)
{
	char got[4097];
	ssize_t i, n = pread(fd, got, sizeof(got), 0);

	for (i = 0; i < n; i++)
		if (got[i])
			return false;
	return n == 4096;
}

static int race(const struct domain_conf *conf, unsigned long times)
{
	struct domain_conf_error err;
	unsigned long i, opened = 0;

	for (i = 0; i < times; i++) {
		if (open_disk(conf, 0, &err))
			continue;
		opened++;
		if (!is_zeroes(disks[0].images[0].fd))
			return 1;
		disk_close(&disks[0]);
	}
	printf("%lu\n", opened);
	return 0;
}

int main(int argc, char **argv)
{
	struct domain_conf *conf;
	int rc = 0;

	if (argc == 4 && !strcmp(argv[1], "--race")) {
		conf = load(argv[3]);
		rc = race(conf, strtoul(argv[2], NULL, 10));
	} else if (argc < 2) {
		return 1;
	} else {
		conf = load(argv[1]);
		open_boot(conf);
		open_all(conf);
		if (argc > 2)
			execvp(argv[2], argv + 2);
		rc = argc > 2;
	}
	domain_conf_free(conf);
	return rc;
}
