/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * disk_header.h: what an image says about itself, read from its first and last
 * bytes.  Pure; the bytes are hostile, whoever ran on the disk may have
 * written them.
 *
 * The device model reads these headers too, in its jail.  This reader is to
 * know before what that one will do: which other files an image wants, and
 * whether it asks for anything that we do not know.  What it takes is
 * therefore little, and the rest is refused:
 *
 * qcow2 (docs/interop/qcow2.txt of QEMU): versions 2 and 3, with a backing
 * file or without; no encryption, no external data file, not marked corrupt,
 * no incompatible feature but dirty, compression type and extended L2.
 *
 * VHD ("Virtual Hard Disk Image Format Specification", 2006): fixed and
 * dynamic, not differencing.
 */
#ifndef CAUSEWAY_DISK_HEADER_H
#define CAUSEWAY_DISK_HEADER_H

#include <stddef.h>
#include <stdint.h>

#define DISK_HEADER_HEAD 65536 /* bytes of the start that are looked at */
#define DISK_HEADER_FOOT 512   /* and of the end */
#define DISK_HEADER_NAME_MAX 1024 /* of a backing file; the format says 1023 */

struct disk_header {
	uint64_t bytes; /* as the guest sees it */
	char backing[DISK_HEADER_NAME_MAX]; /* as it is written; "": none */
	char backing_format[16]; /* "raw"; "": not said */
};

/*
 * `head` is the first min(`len`, file) bytes, at most DISK_HEADER_HEAD of
 * them.  NULL, or what is wrong ("marked corrupt"), for people.
 */
const char *disk_header_qcow2(struct disk_header *h, const void *head,
			      size_t len);

/* `foot` is the last DISK_HEADER_FOOT bytes of a file of `file_bytes`. */
const char *disk_header_vhd(struct disk_header *h, const void *head,
			    size_t len, const void *foot, uint64_t file_bytes);

/*
 * The path that a qcow2 image at `image` means by `backing`: relative to its
 * own folder, with ".." resolved by letters, which is right where there are no
 * symlinks.  0 with the path in `to`, or -EINVAL: too long, above "/", or a
 * name of something that is no file ("nbd:...", "json:{...}").
 */
int disk_header_backing_path(const char *image, const char *backing, char *to,
			     size_t size);

#endif
