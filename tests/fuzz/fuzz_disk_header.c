/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_disk_header.c: any bytes as an image, qcow2 or VHD.  What is taken has
 * a size, and names another file in one spelling or not at all.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/disk_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool true_or_bug)
{
	if (!true_or_bug)
		abort();
}

static void check_name(const struct disk_header *h)
{
	char path[256];

	if (disk_header_backing_path("/srv/a/disk", h->backing, path,
				     sizeof(path)))
		return;
	need(path[0] == '/' && strlen(path) < sizeof(path));
	need(!strstr(path, "//") && !strstr(path, "/../") &&
	     !strstr(path, "/./"));
}

static void check(const struct disk_header *h, const char *wrong)
{
	if (wrong) {
		need(wrong[0]);
		return;
	}
	need(h->bytes > 0 && h->bytes <= INT64_MAX);
	need(memchr(h->backing, 0, sizeof(h->backing)));
	need(memchr(h->backing_format, 0, sizeof(h->backing_format)));
	check_name(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t foot[DISK_HEADER_FOOT] = { 0 };
	size_t head = size < DISK_HEADER_HEAD ? size : DISK_HEADER_HEAD;
	struct disk_header h;

	check(&h, disk_header_qcow2(&h, data, head));
	if (size >= sizeof(foot))
		memcpy(foot, data + size - sizeof(foot), sizeof(foot));
	check(&h, disk_header_vhd(&h, data, head, foot, size));
	return 0;
}
