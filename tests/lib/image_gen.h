/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image_gen.h: smallest disk images, good ones, for tests to spoil.
 */
#ifndef CAUSEWAY_IMAGE_GEN_H
#define CAUSEWAY_IMAGE_GEN_H

#include <stddef.h>
#include <stdint.h>

#define IMAGE_GEN_MAX 4096
#define IMAGE_GEN_BYTES (1u << 20) /* as the guest sees them */

void image_put32(uint8_t *at, uint32_t v); /* big endian */
void image_put64(uint8_t *at, uint64_t v);

/*
 * qcow2, version 3, with a backing file and its format or, if NULL, without.
 * Returns the bytes put into to[IMAGE_GEN_MAX].
 */
size_t image_qcow2(uint8_t *to, const char *backing, const char *format);
/* VHD: a whole file, footer and all.  Sums are right. */
size_t image_vhd_fixed(uint8_t *to); /* of 1024 bytes */
size_t image_vhd_dynamic(uint8_t *to);
/* Put the sum right again after the other bytes were changed. */
void image_vhd_sum(uint8_t *at, size_t len, size_t sum_at);

#endif
