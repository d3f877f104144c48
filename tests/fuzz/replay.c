/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay.c: a main for fuzz targets without libFuzzer: feeds them the files
 * named on the command line, and every file of the folders named.
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long replayed;

static int replay_file(const char *path)
{
	FILE *in = fopen(path, "rb");
	uint8_t *whole, *exact;
	size_t size;

	if (!in) {
		perror(path);
		return 1;
	}
	whole = malloc(INPUT_MAX);
	size = whole ? fread(whole, 1, INPUT_MAX, in) : 0;
	fclose(in);
	exact = malloc(size ? size : 1); /* so that ASan sees the end */
	if (whole && exact) {
		memcpy(exact, whole, size);
		LLVMFuzzerTestOneInput(exact, size);
		replayed++;
	}
	free(exact);
	free(whole);
	return 0;
}

static int replay_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	int failed = 0;

	if (!dir) {
		perror(path);
		return 1;
	}
	while ((e = readdir(dir))) {
		char file[PATH_MAX];

		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		failed |= replay_file(file);
	}
	closedir(dir);
	return failed;
}

int main(int argc, char **argv)
{
	int i, failed = 0;

	for (i = 1; i < argc; i++) {
		struct stat st;

		if (!stat(argv[i], &st) && S_ISDIR(st.st_mode))
			failed |= replay_dir(argv[i]);
		else
			failed |= replay_file(argv[i]);
	}
	printf("%lu inputs replayed\n", replayed);
	return failed || !replayed;
}
