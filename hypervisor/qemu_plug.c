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
 * earlier one left can be in its way.  But QEMU ends by an assertion when the
 * back end of a VIF is removed under its device.  So a plug first looks
 * whether the device is there, and one whose last step was not answered is
 * left as it is.
 */
#include "hypervisor/qemu_domain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

/* --- devices --------------------------------------------------------- */

static void set_plugged(struct qemu_op *op, bool vif)
{
	if (vif)
		op->d->vifs |= 1u << op->slot;
	else
		op->d->disks |= 1u << op->slot;
}

/* The last step of a plug. */
static void device_add(struct qemu_op *op, json_t *device, qemu_op_fn *next)
{
	op->undo = NULL; /* unless it is refused, it may be there */
	op->forgive = "";
	qemu_op_command(op, "device_add", device, -1, QEMU_COMMAND_MS, next);
}

static void device_added(struct qemu_op *op, const json_t *value, bool vif)
{
	struct engine_event ev = { .type = vif ? ENGINE_EV_VIF_PLUGGED :
						 ENGINE_EV_DISK_PLUGGED,
				   .slot = op->slot };

	if (!value) {
		if (vif)
			vif_take_down(op->d, op->slot);
		else
			disk_take_down(op->d, op->slot);
		qemu_op_fail(op, op->refusal);
		return;
	}
	set_plugged(op, vif);
	qemu_op_done(op, &ev);
}

/* The first step of a plug: `next` gets no value if there is no device. */
static void device_look(struct qemu_op *op, bool vif, qemu_op_fn *next)
{
	char id[QEMU_ID_MAX], path[QEMU_ID_MAX + 32];

	if (vif)
		qemu_vif_id(id, op->slot);
	else
		qemu_disk_id(id, op->slot);
	snprintf(path, sizeof(path), "/machine/peripheral/%s", id);
	op->forgive = "";
	qemu_op_command(op, "qom-list", json_pack("{s:s}", "path", path), -1,
			QEMU_COMMAND_MS, next);
}

static void device_is_there(struct qemu_op *op, bool vif)
{
	set_plugged(op, vif);
	qemu_op_fail(op, "it is there already");
}

/* --- VIFs ------------------------------------------------------------ */

static void undo_vif(struct qemu_op *op)
{
	vif_take_down(op->d, op->slot);
}

static void vif_added(struct qemu_op *op, const json_t *value)
{
	device_added(op, value, true);
}

static void vif_served(struct qemu_op *op, const json_t *value)
{
	device_add(op, qemu_vif_json(&op->vif, op->d->kvm), vif_added);
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

static void vif_looked(struct qemu_op *op, const json_t *value)
{
	if (value) {
		device_is_there(op, true);
		return;
	}
	op->undo = undo_vif;
	vif_take_down(op->d, op->slot);
	qemu_op_command(op, "add-fd",
			json_pack("{s:i}", "fdset-id",
				  VIF_FDSET_FIRST + (int)op->slot),
			qemu_op_take_fd(op, 0), QEMU_COMMAND_MS, vif_handed);
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
	op->fds[0] = mine;
	device_look(op, true, vif_looked);
	return 0;
}

/* --- disks ----------------------------------------------------------- */

static void undo_disk(struct qemu_op *op)
{
	disk_take_down(op->d, op->slot);
}

static void disk_added(struct qemu_op *op, const json_t *value)
{
	device_added(op, value, false);
}

static void layer_hand(struct qemu_op *op);

static void layer_added(struct qemu_op *op, const json_t *value)
{
	if (op->layer > 0) {
		op->layer--;
		layer_hand(op);
	} else {
		device_add(op, qemu_disk_json(&op->disk), disk_added);
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

static void disk_looked(struct qemu_op *op, const json_t *value)
{
	if (value) {
		device_is_there(op, false);
		return;
	}
	op->undo = undo_disk;
	disk_take_down(op->d, op->slot);
	layer_hand(op);
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
	op->layer = disk->layer_count - 1;
	device_look(op, false, disk_looked);
	return 0;
}

/* --- away ------------------------------------------------------------ */

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
