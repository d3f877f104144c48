/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pcapng.h: blocks of a pcapng file (draft-ietf-opsawg-pcapng), native byte
 * order, nanoseconds.  Pure: into memory, nothing else.
 */
#ifndef CAUSEWAY_PCAPNG_H
#define CAUSEWAY_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

#define PCAPNG_IN 1  /* epb_flags: direction (4.3.1) */
#define PCAPNG_OUT 2
#define PCAPNG_PACKET_EXTRA 64 /* bytes a packet block adds, at most */
#define PCAPNG_BLOCK_MAX 512   /* of the other blocks */

/*
 * Each appends one block at `to` and returns its bytes.  `to` has room:
 * PCAPNG_BLOCK_MAX, or the packet's bytes + PCAPNG_PACKET_EXTRA.
 */
size_t pcapng_section(uint8_t *to, const char *application);
/* An Ethernet interface; `name` is cut to 200 bytes. */
size_t pcapng_interface(uint8_t *to, const char *name, uint32_t snaplen);
size_t pcapng_packet(uint8_t *to, uint32_t interface, uint64_t ns,
		     const uint8_t *bytes, uint32_t captured, uint32_t wire_len,
		     uint32_t direction);
size_t pcapng_statistics(uint8_t *to, uint32_t interface, uint64_t ns,
			 uint64_t received, uint64_t dropped);

#endif
