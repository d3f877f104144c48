/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu_args.c: what is on the command line, and why.
 *
 * Nothing is left to defaults that can be said: no default devices, no
 * configuration files, no timer, bridge or controller that a guest of ours
 * does not need.  Guest memory is a memfd, shared with the switch, whose size
 * is sealed so that nobody can take it away under the switch, and which is
 * there from the start: a host without memory refuses to begin.  All
 * listening sockets are bound by hypervisord and passed: QEMU names no path
 * of the host, and a hypervisord that comes back just connects again.
 *
 * A guest that ends does not end QEMU (-action): it stops and stays, until
 * somebody has learned why.
 */
#include "hypervisor/qemu_args.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rpc.h"

#define PROGRAM "/usr/bin/qemu-system-x86_64"
#define MIB (1ull << 20)

/* Seen under load: 90 MiB with KVM, 130 with the emulator's own tables. */
#define BASE_MIB 128
#define EMULATOR_MIB 64
#define VCPU_MIB 4
#define DEVICE_MIB 2

/* --- names ----------------------------------------------------------- */

void qemu_vif_id(char id[QEMU_ID_MAX], unsigned number)
{
	snprintf(id, QEMU_ID_MAX, "vif%u", number % 100);
}

void qemu_disk_id(char id[QEMU_ID_MAX], unsigned slot)
{
	snprintf(id, QEMU_ID_MAX, "disk%u", slot % 100);
}

void qemu_layer_id(char id[QEMU_ID_MAX], unsigned slot, unsigned layer)
{
	snprintf(id, QEMU_ID_MAX, "disk%u.l%u", slot % 100, layer % 100);
}

bool qemu_parse_id(const char *id, bool *is_vif, unsigned *slot)
{
	char want[QEMU_ID_MAX];

	for (*slot = 0; *slot < ENGINE_DISKS_MAX; (*slot)++) {
		qemu_vif_id(want, *slot);
		*is_vif = !strcmp(id, want) && *slot < ENGINE_VIFS_MAX;
		if (*is_vif)
			return true;
		qemu_disk_id(want, *slot);
		if (!strcmp(id, want))
			return true;
	}
	return false;
}

unsigned qemu_fdset(unsigned slot, unsigned layer)
{
	return slot * 16 + layer + 1;
}

static void port_id(char id[QEMU_ID_MAX], bool vif, unsigned slot)
{
	snprintf(id, QEMU_ID_MAX, "port%u",
		 (vif ? slot : ENGINE_VIFS_MAX + slot) % 100);
}

/* --- devices --------------------------------------------------------- */

static json_t *file_json(const struct engine_disk *disk, unsigned layer)
{
	bool read_only = disk->read_only || layer;
	char path[32];

	snprintf(path, sizeof(path), "/dev/fdset/%u",
		 qemu_fdset(disk->slot, layer));
	/* Locked already, by whoever opened it (disk.h). */
	return json_pack("{s:s s:s s:s s:s s:b s:s}", "driver",
			 disk->layers[layer].block ? "host_device" : "file",
			 "filename", path, "aio", "threads", "locking", "off",
			 "read-only", read_only, "discard", "unmap");
}

json_t *qemu_layer_json(const struct engine_disk *disk, unsigned layer)
{
	static const char *const drivers[] = { [ENGINE_RAW] = "raw",
					       [ENGINE_QCOW2] = "qcow2",
					       [ENGINE_VHD] = "vpc" };
	const struct engine_layer *l = &disk->layers[layer];
	char id[QEMU_ID_MAX], below[QEMU_ID_MAX];
	json_t *json;

	qemu_layer_id(id, disk->slot, layer);
	qemu_layer_id(below, disk->slot, layer + 1);
	json = json_pack("{s:s s:s s:o s:b s:s}", "driver", drivers[l->format],
			 "node-name", id, "file", file_json(disk, layer),
			 "read-only", disk->read_only || layer, "discard",
			 "unmap");
	/* Said for each: what the image says of itself is not to count. */
	if (json && l->format == ENGINE_QCOW2)
		json_object_set_new(json, "backing",
				    layer + 1 < disk->layer_count ?
					    json_string(below) :
					    json_null());
	return json;
}

json_t *qemu_disk_json(const struct engine_disk *disk)
{
	char id[QEMU_ID_MAX], node[QEMU_ID_MAX], port[QEMU_ID_MAX];

	qemu_disk_id(id, disk->slot);
	qemu_layer_id(node, disk->slot, 0);
	port_id(port, false, disk->slot);
	/* A full host file system stops the guest; nothing is lost to it. */
	return json_pack("{s:s s:s s:s s:s s:s s:s s:s}", "driver",
			 "virtio-blk-pci", "id", id, "bus", port, "drive",
			 node, "serial", disk->device, "werror", "enospc",
			 "rerror", "report");
}

json_t *qemu_vif_json(const struct engine_vif *vif, bool kvm)
{
	char id[QEMU_ID_MAX], port[QEMU_ID_MAX], mac[18];
	json_t *json;

	qemu_vif_id(id, vif->number);
	port_id(port, true, vif->number);
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x",
		 vif->mac[0], vif->mac[1], vif->mac[2], vif->mac[3],
		 vif->mac[4], vif->mac[5]);
	json = json_pack("{s:s s:s s:s s:s s:s s:s}", "driver",
			 "virtio-net-pci", "id", id, "bus", port, "netdev", id,
			 "mac", mac, "romfile", "");
	if (!json)
		return NULL;
	if (vif->queues > 1)
		json_object_set_new(json, "mq", json_true());
	if (vif->mtu)
		json_object_set_new(json, "host_mtu", json_integer(vif->mtu));
	/* 7.2 crashes in the mask notifier of MSI-X when KVM is not there. */
	if (!kvm)
		json_object_set_new(json, "vectors", json_integer(0));
	return json;
}

json_t *qemu_netdev_json(const struct engine_vif *vif)
{
	char id[QEMU_ID_MAX];

	qemu_vif_id(id, vif->number);
	return json_pack("{s:s s:s s:s s:i}", "type", "vhost-user", "id", id,
			 "chardev", id, "queues",
			 vif->queues ? (int)vif->queues : 1);
}

json_t *qemu_chardev_json(const char *id, int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/fd/%d", fd);
	return json_pack("{s:s s:{s:s s:{s:{s:s s:{s:s}} s:b s:b}}}", "id",
			 id, "backend", "type", "socket", "data", "addr",
			 "type", "unix", "data", "path", path, "server", 1,
			 "wait", 0);
}

/* --- words ----------------------------------------------------------- */

static void add_take(struct qemu_args *a, char *word)
{
	if (!word || a->argc + 1 >= QEMU_ARGS_MAX) {
		a->no_memory = true;
		free(word);
		return;
	}
	a->argv[a->argc++] = word;
}

static void add(struct qemu_args *a, const char *word)
{
	add_take(a, strdup(word));
}

static void add_pair(struct qemu_args *a, const char *option, const char *fmt,
		     ...) __attribute__((format(printf, 3, 4)));

static void add_pair(struct qemu_args *a, const char *option, const char *fmt,
		     ...)
{
	char *word = NULL;
	va_list ap;

	add(a, option);
	va_start(ap, fmt);
	if (vasprintf(&word, fmt, ap) < 0)
		word = NULL;
	va_end(ap);
	add_take(a, word);
}

static void add_json(struct qemu_args *a, const char *option, json_t *json)
{
	add(a, option);
	add_take(a, json ? json_dumps(json, JSON_COMPACT) : NULL);
	json_decref(json);
}

/* Its number inside. */
static int add_fd(struct qemu_args *a, int fd)
{
	int as = QEMU_ARGS_FD_FIRST + (int)a->fd_count;

	if (a->fd_count >= QEMU_ARGS_FDS_MAX) {
		a->no_memory = true;
		return -1;
	}
	a->fds[a->fd_count++] = (struct qemu_args_fd){ fd, as };
	return as;
}

/* A NIC's must have a path: passed_sockets.c knows which one this is. */
static void add_vif_socket(struct qemu_args *a, const char *id, int fd)
{
	add_pair(a, "-chardev", "socket,id=%s,path=/fd/%d,server=on,wait=off",
		 id, add_fd(a, fd));
}

static void add_socket(struct qemu_args *a, const char *id, int fd)
{
	add_pair(a, "-chardev", "socket,id=%s,fd=%d,server=on,wait=off", id,
		 add_fd(a, fd));
}

/* --- the machine ----------------------------------------------------- */

static void add_machine(struct qemu_args *a, const struct engine_spec *spec)
{
	const char *screen = spec->vnc ? "on" : "off";

	/* Versioned: what was saved under one QEMU starts under the next. */
	add_pair(a, "-machine",
		 "pc-q35-7.2,hpet=off,smm=off,vmport=off,smbus=off,sata=off,"
		 "usb=off,i8042=%s,graphics=%s,dump-guest-core=off,"
		 "memory-backend=ram",
		 screen, screen);
	add_pair(a, "-global", "ICH9-LPC.disable_s3=1");
	add_pair(a, "-global", "ICH9-LPC.disable_s4=1");
	add_pair(a, "-object",
		 "memory-backend-memfd,id=ram,size=%uM,share=on,seal=on,"
		 "prealloc=on",
		 spec->memory_mib);
	add_pair(a, "-m", "size=%uM", spec->memory_mib);
	add_pair(a, "-smp", "%u,sockets=1,cores=%u,threads=1", spec->vcpus,
		 spec->vcpus);
	add_pair(a, "-cpu", "%s%s", spec->kvm ? "host" : "max",
		 spec->no_xsave ? ",xsave=off" : "");
	if (spec->kvm)
		add_pair(a, "-accel", "kvm");
	else
		add_pair(a, "-accel", "tcg,tb-size=%u", QEMU_TB_MIB);
}

static void add_process(struct qemu_args *a, const struct engine_spec *spec)
{
	add(a, PROGRAM);
	add(a, "-nodefaults");
	add(a, "-no-user-config");
	/* accounting.h tells the virtual CPUs by their threads' names */
	add_pair(a, "-name", "guest=%s,debug-threads=on", spec->name);
	add_pair(a, "-uuid", "%s", spec->uuid);
	add_pair(a, "-display", "none");
	add_pair(a, "-sandbox",
		 "on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
		 "resourcecontrol=deny");
	add(a, "-S");
	add_pair(a, "-action", "reboot=shutdown,shutdown=pause,panic=pause");
	/* Tells a power-off from a reboot when nobody was there to hear it. */
	add_pair(a, "-trace", "enable=qemu_system_shutdown_request");
	if (spec->restore_fd >= 0)
		add_pair(a, "-incoming", "defer");
}

static void add_talk(struct qemu_args *a, const struct engine_spec *spec,
		     const struct qemu_own_fds *own)
{
	for (int i = 1; i <= 2; i++)
		a->fds[a->fd_count++] = (struct qemu_args_fd){ own->log, i };
	add_socket(a, "control", own->control);
	add_pair(a, "-mon", "chardev=control,mode=control");
	add_socket(a, "agent", own->agent);
	add_pair(a, "-device",
		 "virtio-serial-pci,id=talk,bus=pcie.0,addr=03.0,max_ports=2");
	add_pair(a, "-device", "virtserialport,bus=talk.0,nr=1,chardev=agent,"
			       "name=org.qemu.guest_agent.0");
	add_pair(a, "-device",
		 "virtio-balloon-pci,id=balloon,bus=pcie.0,addr=04.0");
	add_pair(a, "-device", "pvpanic-pci,bus=pcie.0,addr=05.0");
	if (spec->serial_fd >= 0) {
		add_socket(a, "serial", spec->serial_fd);
		add_pair(a, "-device", "isa-serial,chardev=serial");
	}
	if (spec->vnc) {
		add_pair(a, "-vnc", "none");
		add_pair(a, "-device",
			 "VGA,bus=pcie.0,addr=02.0,vgamem_mb=16");
	}
}

static void add_ports(struct qemu_args *a)
{
	for (unsigned i = 0; i < ENGINE_VIFS_MAX + ENGINE_DISKS_MAX; i++)
		add_pair(a, "-device",
			 "pcie-root-port,id=port%u,bus=pcie.0,chassis=%u,"
			 "addr=%02x.%u%s",
			 i, i + 1, 0x10 + i / 8, i % 8,
			 i % 8 ? "" : ",multifunction=on");
}

static void add_disk(struct qemu_args *a, const struct engine_disk *disk,
		     bool boot)
{
	json_t *device = qemu_disk_json(disk);

	for (unsigned i = disk->layer_count; i-- > 0;) {
		add_pair(a, "-add-fd", "fd=%d,set=%u",
			 add_fd(a, disk->layers[i].fd),
			 qemu_fdset(disk->slot, i));
		add_json(a, "-blockdev", qemu_layer_json(disk, i));
	}
	if (device && boot)
		json_object_set_new(device, "bootindex", json_integer(0));
	add_json(a, "-device", device);
}

static void add_vif(struct qemu_args *a, const struct engine_vif *vif,
		    bool kvm)
{
	char id[QEMU_ID_MAX];

	qemu_vif_id(id, vif->number);
	add_vif_socket(a, id, vif->listen_fd);
	add_json(a, "-netdev", qemu_netdev_json(vif));
	add_json(a, "-device", qemu_vif_json(vif, kvm));
}

static void add_boot(struct qemu_args *a, const struct engine_spec *spec)
{
	add_pair(a, "-boot", "strict=on");
	if (spec->kernel_fd < 0)
		return;
	add_pair(a, "-kernel", "%s", QEMU_KERNEL_PATH);
	if (spec->initrd_fd >= 0)
		add_pair(a, "-initrd", "%s", QEMU_INITRD_PATH);
	if (spec->cmdline)
		add_pair(a, "-append", "%s", spec->cmdline);
}

int qemu_args_build(struct qemu_args *a, const struct engine_spec *spec,
		    const struct qemu_own_fds *own)
{
	memset(a, 0, sizeof(*a));
	add_process(a, spec);
	add_machine(a, spec);
	add_talk(a, spec, own);
	add_ports(a);
	for (unsigned i = 0; i < spec->disk_count; i++)
		add_disk(a, &spec->disks[i], !i && spec->kernel_fd < 0);
	for (unsigned i = 0; i < spec->vif_count; i++)
		add_vif(a, &spec->vifs[i], spec->kvm);
	add_boot(a, spec);
	return a->no_memory ? -ENOMEM : 0;
}

void qemu_args_clear(struct qemu_args *a)
{
	for (unsigned i = 0; i < a->argc; i++)
		free(a->argv[i]);
	memset(a, 0, sizeof(*a));
}

uint64_t qemu_args_overhead_bytes(const struct engine_spec *spec)
{
	uint64_t mib = BASE_MIB + VCPU_MIB * (uint64_t)spec->vcpus +
		       DEVICE_MIB * (spec->disk_count + spec->vif_count);

	if (!spec->kvm)
		mib += QEMU_TB_MIB + EMULATOR_MIB;
	if (spec->vnc)
		mib += 32; /* the screen, twice */
	return mib * MIB;
}

/* --- is it a domain? ------------------------------------------------- */

static bool is_word(const char *text, const char *more, size_t max)
{
	size_t n = strnlen(text, max);

	if (!n || n == max)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr(more, text[i]))
			return false;
	return true;
}

static int refuse(struct rpc_error *err, const char *what)
{
	return rpc_error_set(err, RPC_REFUSED, NULL, NULL, NULL, "%s", what);
}

static int check_disks(const struct engine_spec *spec, struct rpc_error *err)
{
	unsigned seen = 0;

	if (spec->disk_count > ENGINE_DISKS_MAX)
		return refuse(err, "too many disks");
	for (unsigned i = 0; i < spec->disk_count; i++) {
		const struct engine_disk *d = &spec->disks[i];

		if (d->slot >= ENGINE_DISKS_MAX || (seen & 1u << d->slot))
			return refuse(err, "a disk's slot is not its own");
		seen |= 1u << d->slot;
		if (!d->layer_count || d->layer_count > ENGINE_LAYERS_MAX)
			return refuse(err, "a disk has no layers or too many");
		if (!is_word(d->device, "_-", sizeof(d->device)))
			return refuse(err, "a disk's device name is no word");
	}
	return 0;
}

static int check_vifs(const struct engine_spec *spec, struct rpc_error *err)
{
	unsigned seen = 0;

	if (spec->vif_count > ENGINE_VIFS_MAX)
		return refuse(err, "too many VIFs");
	for (unsigned i = 0; i < spec->vif_count; i++) {
		const struct engine_vif *v = &spec->vifs[i];

		if (v->number >= ENGINE_VIFS_MAX || (seen & 1u << v->number))
			return refuse(err, "a VIF's number is not its own");
		seen |= 1u << v->number;
		if (v->listen_fd < 0 || v->queues > ENGINE_QUEUES_MAX)
			return refuse(err, "a VIF has no socket or too many "
					   "queues");
	}
	return 0;
}

int qemu_args_check(const struct engine_spec *spec, struct rpc_error *err)
{
	if (!is_word(spec->name, "_.:-", sizeof(spec->name)))
		return refuse(err, "a name has letters, digits and _.:-");
	if (strnlen(spec->uuid, sizeof(spec->uuid)) != ENGINE_UUID_LEN ||
	    !is_word(spec->uuid, "-", sizeof(spec->uuid)))
		return refuse(err, "that is no UUID");
	if (spec->memory_mib < 16 || spec->memory_mib > 16u << 20)
		return refuse(err, "memory is 16 MiB to 16 TiB");
	if (!spec->vcpus || spec->vcpus > 240)
		return refuse(err, "vCPUs are 1 to 240");
	if (spec->kernel_fd < 0 && !spec->disk_count && spec->restore_fd < 0)
		return refuse(err, "neither a kernel nor a disk to boot");
	return check_disks(spec, err) ?: check_vifs(spec, err);
}
