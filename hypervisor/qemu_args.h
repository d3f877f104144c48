/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu_args.h: a domain in QEMU's words: the command line that starts it, and
 * the same words for devices that are plugged later.  Pure.
 *
 * The machine is a q35 with what a guest needs and no more.  Everything has
 * its place, which follows from the spec alone and not from what was plugged
 * when: a guest that was saved finds the same machine when it is restored.
 *
 *	00.0 host bridge     02.0 VGA, with a screen only
 *	03.0 virtio-serial   04.0 balloon    05.0 pvpanic
 *	10.0-10.7 root ports of VIFs 0 to 7
 *	11.0-12.7 root ports of disks 0 to 15
 *
 * A port with nothing behind it costs a guest some 15 ms of booting, and
 * nothing can be plugged where there is no port.
 *
 * Descriptors.  The command line speaks of numbers inside the process; the
 * list of qemu_args says which of ours each one is.
 */
#ifndef CAUSEWAY_QEMU_ARGS_H
#define CAUSEWAY_QEMU_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "hypervisor/engine.h"

struct rpc_error;

#define QEMU_ARGS_MAX 768     /* words, with the NULL at the end */
#define QEMU_ARGS_FDS_MAX 160 /* 16 disks of 9 layers, 8 VIFs, ours */
#define QEMU_ARGS_FD_FIRST 10 /* numbers inside begin here */

#define QEMU_KERNEL_PATH "/kernel" /* where the jail shows it */
#define QEMU_INITRD_PATH "/initrd"

/* Words of ours that hypervisor/engine_qemu.c looks for in QEMU's answers. */
#define QEMU_BALLOON_PATH "/machine/peripheral/balloon"

/* What the engine itself has to give the process. */
struct qemu_own_fds {
	int control; /* listening */
	int agent;   /* listening */
	int log;     /* standard output and error */
};

struct qemu_args_fd {
	int fd;
	int as;
};

struct qemu_args {
	char *argv[QEMU_ARGS_MAX];
	unsigned argc;
	struct qemu_args_fd fds[QEMU_ARGS_FDS_MAX];
	unsigned fd_count;
	bool no_memory; /* a word was lost */
};

/* Is it a domain at all?  0, or -EINVAL with words in *err. */
int qemu_args_check(const struct engine_spec *spec, struct rpc_error *err);
/*
 * The command line of a spec that was checked: 0 or -ENOMEM; to be cleared
 * afterwards in both cases.  It starts with the vCPUs stopped, and when
 * spec->restore_fd is not -1 it waits to be told what to restore.
 */
int qemu_args_build(struct qemu_args *args, const struct engine_spec *spec,
		    const struct qemu_own_fds *own);
void qemu_args_clear(struct qemu_args *args);

/* Megabytes that software emulation may fill with translated code. */
#define QEMU_TB_MIB 64
/* Memory besides the guest's. */
uint64_t qemu_args_overhead_bytes(const struct engine_spec *spec);

/* --- devices, plugged now or later ----------------------------------- */

/* "vif3", "disk12", "disk12.l0": what we call things there. */
#define QEMU_ID_MAX 24

void qemu_vif_id(char id[QEMU_ID_MAX], unsigned number);
void qemu_disk_id(char id[QEMU_ID_MAX], unsigned slot);
void qemu_layer_id(char id[QEMU_ID_MAX], unsigned slot, unsigned layer);
/* The number of a VIF or slot of a disk with this id; false: neither. */
bool qemu_parse_id(const char *id, bool *is_vif, unsigned *slot);
/* The set that a layer's descriptor is put into. */
unsigned qemu_fdset(unsigned slot, unsigned layer);

/* Arguments of the commands, or NULL without memory; each a new value. */
json_t *qemu_layer_json(const struct engine_disk *disk, unsigned layer);
json_t *qemu_disk_json(const struct engine_disk *disk);
json_t *qemu_vif_json(const struct engine_vif *vif, bool kvm);
json_t *qemu_netdev_json(const struct engine_vif *vif);
/* A chardev of a VIF's on descriptor `fd` of the process. */
json_t *qemu_chardev_json(const char *id, int fd);

#endif
