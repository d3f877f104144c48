/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frame_text.h: a frame described in words, as bytes.  Pure.
 *
 *	eth src=02:00:00:00:00:0a dst=02:00:00:00:00:0b vlan=10 /
 *	ip src=10.0.0.1 dst=10.0.0.2 / udp sport=53 dport=53 / pad=200
 *
 * Layers are separated by "/"; a layer is its name and fields "key=value".
 * Types, protocols, lengths and checksums follow from what comes next, unless
 * they are given.  switchctl(1) lists layers and fields.
 */
#ifndef CAUSEWAY_FRAME_TEXT_H
#define CAUSEWAY_FRAME_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_TEXT_MAX 9216 /* bytes of a frame so described */

/*
 * Build the frame into out[FRAME_TEXT_MAX].  `own` (may be NULL) is the source
 * MAC when none is given.  Its length, or -1 with words in err.
 */
int frame_text_build(const char *text, const uint8_t *own, uint8_t *out,
		     char *err, size_t err_size);

/* Hexadecimal digits with optional blanks and colons; as above. */
int frame_text_hex(const char *text, uint8_t *out, char *err,
		   size_t err_size);

/* The layers and their fields, for help: "arp: op sha spa tha tpa" lines. */
void frame_text_describe(char *text, size_t size);

#endif
