/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_filter.c: any program as a mirror's filter.
 *
 * Input: length of the frame, then instructions as struct bpf_insn lies in
 * memory; the frame is what follows the last whole one, over and over.  What
 * is accepted is run: it must end, and not abort.
 */
#include <stdlib.h>
#include <string.h>

#include "vswitch/mirror_filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const struct bpf_insn *prog, const uint8_t *data, size_t size,
		unsigned len)
{
	uint8_t *frame = malloc(len ? len : 1); /* so that ASan sees the end */
	unsigned i;

	if (!frame)
		return;
	for (i = 0; i < len; i++)
		frame[i] = size ? data[i % size] : (uint8_t)i;
	bpf_filter(prog, frame, len, len);
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bpf_insn prog[MIRROR_FILTER_MAX + 1];
	size_t count, bytes;
	unsigned at;

	if (size < 1)
		return 0;
	count = (size - 1) / sizeof(prog[0]);
	if (count > MIRROR_FILTER_MAX + 1)
		count = MIRROR_FILTER_MAX + 1;
	bytes = count * sizeof(prog[0]);
	memcpy(prog, data + 1, bytes);
	if (!mirror_filter_check(prog, (unsigned)count, &at))
		run(prog, data + 1 + bytes, size - 1 - bytes, data[0]);
	else if (at > count)
		abort();
	return 0;
}
