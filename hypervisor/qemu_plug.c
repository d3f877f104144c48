/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu_plug.c: VIFs and disks that come and go while the guest runs.
 *
 * A plug builds from the host's side towards the guest: the descriptor, what
 * QEMU makes of it, and last the device, which is when the guest sees it.  An
 * unplug goes the other way, and its first step is the guest's: it is asked
 * to let go, and DEVICE_DELETED says that it has, perhaps much later, perhaps
 * unasked.  The rest is then taken down in any case.
 *
 * Taking down means commands whose answers do not matter: what was never
 * there cannot be removed.  A plug begins with it as well, so that nothing an
 * earlier one left can be in its way.
 */
#include "hypervisor/qemu_domain.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "hypervisor/qemu_args.h"

/* QEMU does nothing else until the switch has connected. */
#define NETDEV_MS 60000
#define VIF_FDSET_FIRST 1000 /* behind those of the disks */
#define UNPLUG_MS 30000

#define domain_of(e) ((struct qemu_domain *)(e))

static json_t *by_id(const char *id)
{
	return json_pack("{s:s}", "id", id);
}

/* The listening socket on its way into a chardev. */
static void vif_drop_fd(struct qemu_domain *d, unsigned number)
{
	qemu_command(d, "remove-fd",
		     json_pack("{s:i}", "fdset-id",
			       VIF_FDSET_FIRST + (int)number));
}

static void vif_take_down(struct qemu_domain *d, unsigned number)
{
	char id[QEMU_ID_MAX];

	qemu_vif_id(id, number);
	qemu_command(d, "netdev_del", by_id(id));
	qemu_command(d, "chardev-remove", by_id(id));
	vif_drop_fd(d, number);
}

static void disk_take_down(struct qemu_domain *d, unsigned slot)
{
	char id[QEMU_ID_MAX];

	for (unsigned i = 0; i < ENGINE_LAYERS_MAX; i++) {
		qemu_layer_id(id, slot, i);
		qemu_command(d, "blockdev-del",
			     json_pack("{s:s}", "node-name", id));
		qemu_command(d, "remove-fd",
			     json_pack("{s:i}", "fdset-id",
				       (int)qemu_fdset(slot, i)));
	}
}

static bool plug_under_way(struct qemu_domain *d, bool vif, unsigned slot)
{
	return vif ? qemu_op_find(d, ENGINE_CALL_VIF_PLUG, slot) ||
			     qemu_op_find(d, ENGINE_CALL_VIF_UNPLUG, slot) :
		     qemu_op_find(d, ENGINE_CALL_DISK_PLUG, slot) ||
			     qemu_op_find(d, ENGINE_CALL_DISK_UNPLUG, slot);
}

/* May this slot be plugged (or unplugged)?  0 or -errno. */
static int plug_check(struct qemu_domain *d, bool vif, unsigned slot,
		      bool plugged)
{
	uint32_t there = vif ? d->vifs : d->disks;

	if (slot >= (vif ? ENGINE_VIFS_MAX : ENGINE_DISKS_MAX))
		return -EINVAL;
	if (d->ended || !d->ready || !d->announced)
		return -ENOTCONN;
	if (plug_under_way(d, vif, slot))
		return -EBUSY;
	if (!!(there & 1u << slot) != plugged)
		return plugged ? -ENOENT : -EEXIST;
	return 0;
}

/* --- VIFs -------------------------------------------------------------------- */

static void undo_vif(struct qemu_op *op)
{
	vif_take_down(op->d, op->slot);
}

static void vif_plugged(struct qemu_op *op, const json_t *value)
{
	struct engine_event ev = { .type = ENGINE_EV_VIF_PLUGGED,
				   .slot = op->slot };

	op->d->vifs |= 1u << op->slot;
	qemu_op_done(op, &ev);
}

static void vif_served(struct qemu_op *op, const json_t *value)
{
	qemu_op_command(op, "device_add", qemu_vif_json(&op->vif, op->d->kvm),
			-1, QEMU_COMMAND_MS, vif_plugged);
}

static void vif_listens(struct qemu_op *op, const json_t *value)
{
	vif_drop_fd(op->d, op->slot); /* the chardev has one of its own */
	qemu_op_command(op, "netdev_add", qemu_netdev_json(&op->vif), -1,
			NETDEV_MS, vif_served);
}

static void vif_handed(struct qemu_op *op, const json_t *value)
{
	int fd = json_integer_value(json_object_get(value, "fd"));
	char id[QEMU_ID_MAX];

	qemu_vif_id(id, op->slot);
	qemu_op_command(op, "chardev-add", qemu_chardev_json(id, fd), -1,
			QEMU_COMMAND_MS, vif_listens);
}

int qemu_plug_vif(struct engine *e, const struct engine_vif *vif)
{
	struct qemu_domain *d = domain_of(e);
	int rc = plug_check(d, true, vif->number, false);
	struct qemu_op *op;
	int mine;

	if (vif->queues > ENGINE_QUEUES_MAX)
		return -EINVAL;
	if (rc)
		return rc;
	mine = fcntl(vif->listen_fd, F_DUPFD_CLOEXEC, 3);
	if (mine < 0)
		return -errno;
	op = qemu_op_new(d, ENGINE_CALL_VIF_PLUG, vif->number);
	if (!op) {
		close(mine);
		return -ENOMEM;
	}
	op->vif = *vif;
	op->undo = undo_vif;
	vif_take_down(d, vif->number);
	qemu_op_command(op, "add-fd",
			json_pack("{s:i}", "fdset-id",
				  VIF_FDSET_FIRST + (int)vif->number),
			mine, QEMU_COMMAND_MS, vif_handed);
	return 0;
}

/* --- disks --------------------------------------------------------------------- */

static void undo_disk(struct qemu_op *op)
{
	disk_take_down(op->d, op->slot);
}

static void disk_plugged(struct qemu_op *op, const json_t *value)
{
	struct engine_event ev = { .type = ENGINE_EV_DISK_PLUGGED,
				   .slot = op->slot };

	op->d->disks |= 1u << op->slot;
	qemu_op_done(op, &ev);
}

static void layer_hand(struct qemu_op *op);

static void layer_added(struct qemu_op *op, const json_t *value)
{
	if (op->layer > 0) {
		op->layer--;
		layer_hand(op);
	} else {
		qemu_op_command(op, "device_add", qemu_disk_json(&op->disk),
				-1, QEMU_COMMAND_MS, disk_plugged);
	}
}

static void layer_handed(struct qemu_op *op, const json_t *value)
{
	qemu_op_command(op, "blockdev-add",
			qemu_layer_json(&op->disk, op->layer), -1,
			QEMU_COMMAND_MS, layer_added);
}

static void layer_hand(struct qemu_op *op)
{
	qemu_op_command(op, "add-fd",
			json_pack("{s:i}", "fdset-id",
				  (int)qemu_fdset(op->slot, op->layer)),
			qemu_op_take_fd(op, op->layer), QEMU_COMMAND_MS,
			layer_handed);
}

int qemu_plug_disk(struct engine *e, const struct engine_disk *disk)
{
	struct qemu_domain *d = domain_of(e);
	int rc = plug_check(d, false, disk->slot, false);
	struct qemu_op *op;

	if (!disk->layer_count || disk->layer_count > ENGINE_LAYERS_MAX)
		return -EINVAL;
	if (rc)
		return rc;
	op = qemu_op_new(d, ENGINE_CALL_DISK_PLUG, disk->slot);
	if (!op)
		return -ENOMEM;
	for (unsigned i = 0; i < disk->layer_count && !rc; i++) {
		op->fds[i] = fcntl(disk->layers[i].fd, F_DUPFD_CLOEXEC, 3);
		if (op->fds[i] < 0)
			rc = -errno;
	}
	if (rc) {
		qemu_op_done(op, NULL);
		return rc;
	}
	op->disk = *disk;
	op->undo = undo_disk;
	op->layer = disk->layer_count - 1;
	disk_take_down(d, disk->slot);
	layer_hand(op);
	return 0;
}

/* --- away -------------------------------------------------------------------------- */

static void deleted(struct qemu_domain *d, bool vif, unsigned slot)
{
	struct engine_event ev = { .slot = slot };
	struct qemu_op *op;

	if (vif) {
		ev.type = ENGINE_EV_VIF_UNPLUGGED;
		d->vifs &= ~(1u << slot);
		vif_take_down(d, slot);
		op = qemu_op_find(d, ENGINE_CALL_VIF_UNPLUG, slot);
	} else {
		ev.type = ENGINE_EV_DISK_UNPLUGGED;
		d->disks &= ~(1u << slot);
		disk_take_down(d, slot);
		op = qemu_op_find(d, ENGINE_CALL_DISK_UNPLUG, slot);
	}
	if (op)
		qemu_op_done(op, &ev);
	else
		qemu_emit(d, &ev, NULL); /* later than we had waited */
}

void qemu_plug_deleted(struct qemu_domain *d, const json_t *data)
{
	const char *id = json_string_value(json_object_get(data, "device"));
	unsigned slot;
	bool vif;

	if (!id || !qemu_parse_id(id, &vif, &slot))
		return;
	if ((vif ? d->vifs : d->disks) & 1u << slot)
		deleted(d, vif, slot);
}

static void unplug_late(struct qemu_op *op)
{
	qemu_op_fail(op, "the guest does not let go of it");
}

static void unplug_asked(struct qemu_op *op, const json_t *value)
{
	/* DEVICE_DELETED has come, or will, or the timer does. */
}

static int unplug(struct engine *e, bool vif, unsigned slot)
{
	enum engine_call call = vif ? ENGINE_CALL_VIF_UNPLUG :
				      ENGINE_CALL_DISK_UNPLUG;
	struct qemu_domain *d = domain_of(e);
	int rc = plug_check(d, vif, slot, true);
	char id[QEMU_ID_MAX];
	struct qemu_op *op;

	if (rc)
		return rc;
	op = qemu_op_new(d, call, slot);
	if (!op)
		return -ENOMEM;
	if (vif)
		qemu_vif_id(id, slot);
	else
		qemu_disk_id(id, slot);
	qemu_op_timer(op, UNPLUG_MS, unplug_late);
	op->forgive = "in the process of unplug"; /* asked before */
	qemu_op_command(op, "device_del", by_id(id), -1, QEMU_COMMAND_MS,
			unplug_asked);
	return 0;
}

int qemu_unplug_vif(struct engine *e, unsigned number)
{
	return unplug(e, true, number);
}

int qemu_unplug_disk(struct engine *e, unsigned slot)
{
	return unplug(e, false, slot);
}
