/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * disk.h: open the files a domain is made of: images, kernels, initrds.
 *
 * A path of the desired state is opened beneath the storage root it names
 * (openat2: beneath, no symlink anywhere), or is one of the listed block
 * devices, opened beneath /dev.  What is there is looked at before it is
 * opened: a FIFO, a folder, a character device is never opened.  From then on
 * only the descriptor counts: a file that is swapped afterwards is not ours.
 *
 * The format is the one the state says, never one that the contents suggest:
 * a raw disk whose guest wrote a qcow2 header stays raw.  What lies beneath a
 * qcow2 image is what the state lists as `backing`, and its headers must say
 * the same: so neither a guest nor a device model that rewrote a header gets
 * another file opened.
 *
 * Locks.  Each image is flock()ed: exclusively to be written, shared to be
 * read.  The lock is the open file's, so it lives as long as any process has
 * the descriptor, and dies with the last: a domain keeps it while hypervisord
 * restarts.  It is the inode's: another name does not get around it.  Block
 * devices to be written are opened O_EXCL besides: neither mounted, nor a
 * partition of one that is.
 */
#ifndef CAUSEWAY_DISK_H
#define CAUSEWAY_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "hypervisor/domain_conf.h"

struct disk_image {
	int fd; /* read and write, unless read_only */
	uint8_t format; /* enum dconf_format, as the state says */
	bool block;	/* block device, else regular file */
	bool read_only;
	uint64_t bytes; /* as the guest sees it */
	char path[DCONF_PATH_MAX]; /* for messages */
};

/*
 * A disk: images[0], and beneath it, read-only, what it lists as backing.
 * Name each layer's backing to the device model, that of the last as "none":
 * left to itself it would open what the header names.
 */
struct disk {
	unsigned count;
	struct disk_image images[1 + DCONF_BACKING_MAX];
};

#define DISK_NONE { .count = 0 }

/*
 * Open and lock.  `where` is the disk's place in the value, for *err
 * ("domains[3].disks[0]").  0, or -errno with nothing open and *err filled
 * in: -ENOENT, -EXDEV (outside its root), -ELOOP (a symlink), -EINVAL (not
 * what the state says), -EBUSY (someone has it), others.
 */
int disk_open(struct disk *disk, const struct domain_conf *conf,
	      const struct dconf_disk *want, const char *where,
	      struct domain_conf_error *err);
/* Closes what is open; NULL and DISK_NONE are legal. */
void disk_close(struct disk *disk);

/* Kernel and initrd, read-only; `where` is "domains[3].boot". */
struct disk_boot {
	int kernel; /* -1: none */
	int initrd; /* -1: none */
};

#define DISK_BOOT_NONE { .kernel = -1, .initrd = -1 }
#define DISK_KERNEL_MAX (256u << 20) /* bytes */
#define DISK_INITRD_MAX (2048u << 20)

/* As disk_open().  Nothing to open (from disk) is 0 with both -1. */
int disk_open_boot(struct disk_boot *boot, const struct domain_conf *conf,
		   const struct dconf_boot *want, const char *where,
		   struct domain_conf_error *err);
void disk_close_boot(struct disk_boot *boot);

#endif
